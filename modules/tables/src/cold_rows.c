/* cold_rows.c - rows of files as rows of the store are: a key, and bytes of the table's latest schema. */
#include "cold_read.h"

/* Where `_seq` and `_key` are among the fields. */
static size_t seq_field(const kdb_table *table)
{
    return table->schema->ncolumns;
}
static size_t key_field(const kdb_table *table)
{
    return table->schema->ncolumns + 1;
}

const size_t *kdbi_cold_row_fields(const kdb_table *table, kdb_arena *arena, size_t *count)
{
    const size_t ncolumns = table->schema->ncolumns;
    size_t *fields = KDB_ARENA_ARRAY(arena, size_t, ncolumns + 2);
    for (size_t i = 0; i <= ncolumns; i++) {
        fields[i] = i;
    }
    fields[ncolumns + 1] = ncolumns + 2; /* behind `_deleted` */
    *count = ncolumns + 2;
    return fields;
}

kdb_status kdbi_cold_row_key(kdbi_cold_query *query, const kdb_table *table, size_t i, kdb_arena *arena, kdb_sv *out,
                             kdb_err *err)
{
    kdb_value key;
    KDB_TRY(kdbi_cold_query_value(query, key_field(table), i, arena, &key, err));
    *out = key.as.bytes;
    return KDB_OK;
}

kdb_status kdbi_cold_row_seq(kdbi_cold_query *query, const kdb_table *table, size_t i, uint64_t *out, kdb_err *err)
{
    kdb_value seq;
    KDB_TRY(kdbi_cold_query_value(query, seq_field(table), i, NULL, &seq, err));
    *out = seq.is_null ? 0 : (uint64_t)seq.as.i64;
    return KDB_OK;
}

kdb_status kdbi_cold_row_encode(kdbi_cold_query *query, const kdb_table *table, size_t i, kdb_arena *arena, kdb_sv *out,
                                kdb_err *err)
{
    const size_t ncolumns = table->schema->ncolumns;
    kdb_value *values = KDB_ARENA_ARRAY(arena, kdb_value, ncolumns);
    uint64_t seq = 0;
    for (size_t column = 0; column < ncolumns; column++) {
        KDB_TRY(kdbi_cold_query_value(query, column, i, arena, &values[column], err));
    }
    KDB_TRY(kdbi_cold_row_seq(query, table, i, &seq, err));
    return kdb_row_encode(table, values, seq, false, arena, out, err);
}
