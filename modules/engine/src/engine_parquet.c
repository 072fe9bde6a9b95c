/* engine_parquet.c - Parquet files: how a query names one, and rows of a scan written to one by a COPY. The engine keeps the order of
 * what one reader gives it. */
#include "engine_int.h"

void kdbi_put_pattern(kdb_buf *out, const char *path)
{
    while (*path != '\0') {
        const size_t plain = strcspn(path, "*?[");
        kdb_buf_append(out, path, plain);
        path += plain;
        if (*path != '\0') {
            kdb_buf_printf(out, "[%c]", *path++);
        }
    }
}

void kdb_engine_put_file(kdb_buf *sql, const char *path)
{
    kdb_buf pattern;
    kdb_buf_init(&pattern, 0);
    kdbi_put_pattern(&pattern, path);
    kdb_buf_append_quoted(sql, kdb_buf_sv(&pattern), '\'');
    kdb_buf_done(&pattern);
}

static kdb_sv codec_of(kdb_sv compression)
{
    return kdb_sv_eq(compression, KDB_SV("none")) ? KDB_SV("uncompressed") : compression;
}

static void put_copy(kdb_buf *sql, const kdb_engine_conn *conn, const kdb_parquet_spec *spec)
{
    kdb_buf_printf(sql, "COPY (SELECT * FROM %s(0)) TO ", conn->scan_function);
    kdb_buf_append_quoted(sql, spec->path, '\'');
    kdb_buf_append_lit(sql, " (FORMAT parquet, COMPRESSION ");
    kdb_buf_append_quoted(sql, codec_of(spec->compression), '\'');
    kdb_buf_printf(sql, ", ROW_GROUP_SIZE %llu, FIELD_IDS {", (unsigned long long)spec->row_group_rows);
    for (size_t i = 0; i < spec->ncolumns; i++) {
        kdb_buf_append_sv(sql, i == 0 ? KDB_SV("") : KDB_SV(", "));
        kdb_buf_append_quoted(sql, spec->columns[i].name, '"');
        kdb_buf_printf(sql, ": %u", spec->columns[i].field_id);
    }
    kdb_buf_append_byte(sql, '}');
    if (spec->note.name.len != 0) {
        kdb_buf_append_lit(sql, ", KV_METADATA {");
        kdb_buf_append_quoted(sql, spec->note.name, '"');
        kdb_buf_append_lit(sql, ": ");
        kdb_buf_append_quoted(sql, spec->note.value, '\'');
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
