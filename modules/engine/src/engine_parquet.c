/* engine_parquet.c - rows of a scan written to a Parquet file by a COPY. The engine keeps the order of what one reader gives it. */
#include "engine_int.h"

static void put_name(kdb_buf *sql, kdb_sv name)
{
    kdb_buf_append_byte(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        kdb_buf_append(sql, name.ptr[i] == '"' ? "\"\"" : &name.ptr[i], name.ptr[i] == '"' ? 2 : 1);
    }
    kdb_buf_append_byte(sql, '"');
}

static void put_text(kdb_buf *sql, kdb_sv text)
{
    kdb_buf_append_byte(sql, '\'');
    for (size_t i = 0; i < text.len; i++) {
        kdb_buf_append(sql, text.ptr[i] == '\'' ? "''" : &text.ptr[i], text.ptr[i] == '\'' ? 2 : 1);
    }
    kdb_buf_append_byte(sql, '\'');
}

static kdb_sv codec_of(kdb_sv compression)
{
    return kdb_sv_eq(compression, KDB_SV("none")) ? KDB_SV("uncompressed") : compression;
}

static void put_copy(kdb_buf *sql, const kdb_engine_conn *conn, const kdb_parquet_spec *spec)
{
    kdb_buf_printf(sql, "COPY (SELECT * FROM %s(0)) TO ", conn->scan_function);
    put_text(sql, spec->path);
    kdb_buf_append_lit(sql, " (FORMAT parquet, COMPRESSION ");
    put_text(sql, codec_of(spec->compression));
    kdb_buf_printf(sql, ", ROW_GROUP_SIZE %llu, FIELD_IDS {", (unsigned long long)spec->row_group_rows);
    for (size_t i = 0; i < spec->ncolumns; i++) {
        kdb_buf_append_sv(sql, i == 0 ? KDB_SV("") : KDB_SV(", "));
        put_name(sql, spec->columns[i].name);
        kdb_buf_printf(sql, ": %u", spec->columns[i].field_id);
    }
    kdb_buf_append_byte(sql, '}');
    if (spec->note.name.len != 0) {
        kdb_buf_append_lit(sql, ", KV_METADATA {");
        put_name(sql, spec->note.name);
        kdb_buf_append_lit(sql, ": ");
        put_text(sql, spec->note.value);
        kdb_buf_append_byte(sql, '}');
    }
    kdb_buf_append_lit(sql, ")");
    kdb_buf_append_byte(sql, '\0');
}

static kdb_status copy(kdb_engine_conn *conn, const char *sql, kdb_err *err)
{
    duckdb_result result;
    const duckdb_state state = duckdb_query(conn->duck, sql, &result);
    kdbi_turn_begin();
    const kdb_status status = state == DuckDBSuccess ? KDB_OK : kdbi_conn_fail(conn, duckdb_result_error(&result), err);
    duckdb_destroy_result(&result);
    return status;
}

kdb_status kdb_engine_write_parquet(kdb_engine_conn *conn, const kdb_parquet_spec *spec, const kdb_scan_source *source,
                                    kdb_err *err)
{
    KDB_ASSERT(spec->ncolumns != 0);
    kdb_scan_column *columns = kdb_alloc_array(spec->ncolumns, sizeof(*columns));
    for (size_t i = 0; i < spec->ncolumns; i++) {
        columns[i] = (kdb_scan_column){ spec->columns[i].name, spec->columns[i].type };
    }
    const kdb_scan_table table = { .columns = columns, .ncolumns = spec->ncolumns };
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    put_copy(&sql, conn, spec);
    kdbi_conn_begin(conn, &table, 1, source);
    const kdb_status status = copy(conn, sql.ptr, err);
    kdbi_conn_end(conn);
    kdb_buf_done(&sql);
    kdb_free(columns);
    return status;
}
