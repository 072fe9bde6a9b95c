/* engine_type.c - which DuckDB type stands for which of ours, in both directions. Several DuckDB types read as one of
 * ours; the row of ours that scans and parameters use is named by `native`. */
#include "engine_int.h"

static const kdbi_type_row type_rows[] = {
    { DUCKDB_TYPE_BOOLEAN, KDB_TYPE_BOOLEAN, 0, NULL },
    { DUCKDB_TYPE_TINYINT, KDB_TYPE_SMALLINT, sizeof(int16_t), kdbi_vec_read_tinyint },
    { DUCKDB_TYPE_UTINYINT, KDB_TYPE_SMALLINT, sizeof(int16_t), kdbi_vec_read_utinyint },
    { DUCKDB_TYPE_SMALLINT, KDB_TYPE_SMALLINT, 0, NULL },
    { DUCKDB_TYPE_USMALLINT, KDB_TYPE_INT, sizeof(int32_t), kdbi_vec_read_usmallint },
    { DUCKDB_TYPE_INTEGER, KDB_TYPE_INT, 0, NULL },
    { DUCKDB_TYPE_UINTEGER, KDB_TYPE_BIGINT, sizeof(int64_t), kdbi_vec_read_uinteger },
    { DUCKDB_TYPE_BIGINT, KDB_TYPE_BIGINT, 0, NULL },
    { DUCKDB_TYPE_UBIGINT, KDB_TYPE_BIGINT, 0, kdbi_vec_read_ubigint },
    { DUCKDB_TYPE_HUGEINT, KDB_TYPE_BIGINT, sizeof(int64_t), kdbi_vec_read_hugeint },
    { DUCKDB_TYPE_UHUGEINT, KDB_TYPE_BIGINT, sizeof(int64_t), kdbi_vec_read_uhugeint },
    { DUCKDB_TYPE_FLOAT, KDB_TYPE_FLOAT, 0, NULL },
    { DUCKDB_TYPE_DOUBLE, KDB_TYPE_DOUBLE, 0, NULL },
    { DUCKDB_TYPE_DECIMAL, KDB_TYPE_DECIMAL, sizeof(kdb_i128), kdbi_vec_read_decimal },
    { DUCKDB_TYPE_VARCHAR, KDB_TYPE_TEXT, sizeof(kdb_sv), kdbi_vec_read_bytes },
    { DUCKDB_TYPE_BLOB, KDB_TYPE_BYTES, sizeof(kdb_sv), kdbi_vec_read_bytes },
    { DUCKDB_TYPE_TIMESTAMP, KDB_TYPE_TIMESTAMP, 0, NULL },
    { DUCKDB_TYPE_TIMESTAMP_TZ, KDB_TYPE_DATETIME, 0, NULL },
    { DUCKDB_TYPE_TIMESTAMP_S, KDB_TYPE_TIMESTAMP, sizeof(int64_t), kdbi_vec_read_timestamp_s },
    { DUCKDB_TYPE_TIMESTAMP_MS, KDB_TYPE_TIMESTAMP, sizeof(int64_t), kdbi_vec_read_timestamp_ms },
    { DUCKDB_TYPE_TIMESTAMP_NS, KDB_TYPE_TIMESTAMP, sizeof(int64_t), kdbi_vec_read_timestamp_ns },
    { DUCKDB_TYPE_DATE, KDB_TYPE_DATE, 0, NULL },
    { DUCKDB_TYPE_TIME, KDB_TYPE_TIME, 0, NULL },
    { DUCKDB_TYPE_UUID, KDB_TYPE_UUID, sizeof(kdb_uuid), kdbi_vec_read_uuid },
    { DUCKDB_TYPE_ARRAY, KDB_TYPE_EMBEDDING, 0, kdbi_vec_read_embedding },
};

/* How a column of ours appears in DuckDB. JSON and FILE are plain text there, so that reading them never fails on what
 * is stored, and DATETIME is a TIMESTAMP in UTC: the binder knows which columns they were. */
static const struct {
    duckdb_type duck;
    const char *sql;
} native[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_NULL] = { DUCKDB_TYPE_VARCHAR, "VARCHAR" },
    [KDB_TYPE_BOOLEAN] = { DUCKDB_TYPE_BOOLEAN, "BOOLEAN" },
    [KDB_TYPE_INT] = { DUCKDB_TYPE_INTEGER, "INTEGER" },
    [KDB_TYPE_BIGINT] = { DUCKDB_TYPE_BIGINT, "BIGINT" },
    [KDB_TYPE_DOUBLE] = { DUCKDB_TYPE_DOUBLE, "DOUBLE" },
    [KDB_TYPE_FLOAT] = { DUCKDB_TYPE_FLOAT, "FLOAT" },
    [KDB_TYPE_TEXT] = { DUCKDB_TYPE_VARCHAR, "VARCHAR" },
    [KDB_TYPE_TIMESTAMP] = { DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP" },
    [KDB_TYPE_DATE] = { DUCKDB_TYPE_DATE, "DATE" },
    [KDB_TYPE_DATETIME] = { DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP" },
    [KDB_TYPE_TIME] = { DUCKDB_TYPE_TIME, "TIME" },
    [KDB_TYPE_JSON] = { DUCKDB_TYPE_VARCHAR, "VARCHAR" },
    [KDB_TYPE_BYTES] = { DUCKDB_TYPE_BLOB, "BLOB" },
    [KDB_TYPE_EMBEDDING] = { DUCKDB_TYPE_ARRAY, "FLOAT" },
    [KDB_TYPE_UUID] = { DUCKDB_TYPE_UUID, "UUID" },
    [KDB_TYPE_DECIMAL] = { DUCKDB_TYPE_DECIMAL, "DECIMAL" },
    [KDB_TYPE_SMALLINT] = { DUCKDB_TYPE_SMALLINT, "SMALLINT" },
    [KDB_TYPE_FILE] = { DUCKDB_TYPE_VARCHAR, "VARCHAR" },
};

enum { EMBEDDING_MAX = 8192 };

/* The floats of a FLOAT[n] array that can be an EMBEDDING; 0 for any other array. */
static uint16_t embedding_dim(duckdb_logical_type array)
{
    duckdb_logical_type child = duckdb_array_type_child_type(array);
    const bool floats = duckdb_get_type_id(child) == DUCKDB_TYPE_FLOAT;
    duckdb_destroy_logical_type(&child);
    const idx_t n = duckdb_array_type_array_size(array);
    return floats && n >= 1 && n <= EMBEDDING_MAX ? (uint16_t)n : 0;
}

static bool is_json(duckdb_logical_type logical)
{
    char *alias = duckdb_logical_type_get_alias(logical);
    const bool json = alias != NULL && strcmp(alias, "JSON") == 0;
    duckdb_free(alias);
    return json;
}

static const kdbi_type_row *row_of(duckdb_type duck)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(type_rows); i++) {
        if (type_rows[i].duck == duck) {
            return &type_rows[i];
        }
    }
    return NULL;
}

const kdbi_type_row *kdbi_type_lookup(duckdb_logical_type logical, kdb_type *type)
{
    const kdbi_type_row *row = row_of(duckdb_get_type_id(logical));
    if (row == NULL) {
        return NULL;
    }
    kdb_type found = kdb_type_of(row->kind);
    if (row->kind == KDB_TYPE_DECIMAL) {
        found.precision = duckdb_decimal_width(logical);
        found.scale = duckdb_decimal_scale(logical);
    } else if (row->kind == KDB_TYPE_EMBEDDING) {
        found.dim = embedding_dim(logical);
        if (found.dim == 0) {
            return NULL;
        }
    } else if (row->kind == KDB_TYPE_TEXT && is_json(logical)) {
        found.kind = KDB_TYPE_JSON;
    }
    *type = found;
    return row;
}

duckdb_type kdbi_type_duck_id(kdb_type type)
{
    return native[type.kind].duck;
}

duckdb_logical_type kdbi_type_to_duck(kdb_type type)
{
    if (type.kind == KDB_TYPE_DECIMAL) {
        return duckdb_create_decimal_type(type.precision, type.scale);
    }
    if (type.kind != KDB_TYPE_EMBEDDING) {
        return duckdb_create_logical_type(native[type.kind].duck);
    }
    duckdb_logical_type child = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    duckdb_logical_type array = duckdb_create_array_type(child, type.dim);
    duckdb_destroy_logical_type(&child);
    return array;
}

void kdb_engine_put_type(kdb_buf *sql, kdb_type type)
{
    kdb_buf_printf(sql, "%s", native[type.kind].sql);
    if (type.kind == KDB_TYPE_DECIMAL) {
        kdb_buf_printf(sql, "(%d,%d)", type.precision, type.scale);
    } else if (type.kind == KDB_TYPE_EMBEDDING) {
        kdb_buf_printf(sql, "[%d]", type.dim);
    }
}
