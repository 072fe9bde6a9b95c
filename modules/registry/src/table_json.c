/* table_json.c - a table as system.schemas shows it: the JSON of its columns and of its options (catalog.md 1). */
#include "registry_int.h"

static void put_bool(kdb_buf *out, bool value)
{
    if (value) {
        kdb_buf_append_lit(out, "true");
    } else {
        kdb_buf_append_lit(out, "false");
    }
}

/* A literal that JSON has no form for (NaN, infinity) shows as null. */
static void put_literal(const kdb_value *value, kdb_buf *out)
{
    size_t start = out->len;
    if (kdb_json_put_value(out, value, NULL) != KDB_OK) {
        out->len = start;
        kdb_buf_append_lit(out, "null");
    }
}

static void put_default(const kdb_column *column, kdb_buf *out)
{
    if (column->default_kind == KDB_DEFAULT_NONE) {
        kdb_buf_append_lit(out, "null");
    } else if (column->default_kind == KDB_DEFAULT_LITERAL) {
        put_literal(&column->default_literal, out);
    } else {
        kdb_buf_printf(out, "{\"name\":\"%s\",\"args\":[]}", kdbi_default_defs[column->default_kind].name);
    }
}

static void put_column(const kdb_column *column, size_t ordinal, bool is_key, kdb_buf *out)
{
    kdb_buf_append_lit(out, "{\"column_id\":");
    kdb_buf_append_u64(out, column->id);
    kdb_buf_append_lit(out, ",\"column_name\":");
    kdb_json_put_string(out, column->name);
    kdb_buf_append_lit(out, ",\"column_comment\":null,\"data_type\":");
    kdb_json_put_type(out, column->type);
    kdb_buf_append_lit(out, ",\"default_value\":");
    put_default(column, out);
    kdb_buf_append_lit(out, ",\"ordinal_position\":");
    kdb_buf_append_u64(out, ordinal);
    kdb_buf_append_lit(out, ",\"is_nullable\":");
    put_bool(out, !column->not_null);
    kdb_buf_append_lit(out, ",\"is_primary_key\":");
    put_bool(out, is_key);
    kdb_buf_append_lit(out, ",\"is_partition_key\":false}");
}

void kdb_table_columns_json(const kdb_table *table, const kdb_schema *schema, kdb_buf *out)
{
    kdb_buf_append_byte(out, '[');
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (i > 0) {
            kdb_buf_append_byte(out, ',');
        }
        put_column(&schema->columns[i], i + 1, kdbi_table_is_key(table, schema->columns[i].id), out);
    }
    kdb_buf_append_byte(out, ']');
}

static void put_flush_policy(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_append_lit(out, ",\"flush_policy\":");
    if (table->flush_rows > 0 && table->flush_interval_s > 0) {
        kdb_buf_printf(out, "{\"type\":\"combined\",\"row_limit\":%lld,\"interval_seconds\":%lld}",
                       (long long)table->flush_rows, (long long)table->flush_interval_s);
    } else if (table->flush_rows > 0) {
        kdb_buf_printf(out, "{\"type\":\"row_limit\",\"row_limit\":%lld}", (long long)table->flush_rows);
    } else if (table->flush_interval_s > 0) {
        kdb_buf_printf(out, "{\"type\":\"time_interval\",\"interval_seconds\":%lld}",
                       (long long)table->flush_interval_s);
    } else {
        kdb_buf_append_lit(out, "null");
    }
}

static void put_storage(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_append_lit(out, ",\"storage_id\":");
    kdb_json_put_string(out, table->storage_id);
}

/* Not in the reference's list: shown only where the table sets it (sql.md 24 rule 16). */
static void put_retention(const kdb_table *table, kdb_buf *out)
{
    if (table->deleted_retention_hours >= 0) {
        kdb_buf_printf(out, ",\"deleted_retention_hours\":%lld", (long long)table->deleted_retention_hours);
    }
}

static void put_user_options(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_append_lit(out, "{\"table_type\":\"USER\"");
    put_storage(table, out);
    kdb_buf_append_lit(out, ",\"use_user_storage\":");
    put_bool(out, table->use_user_storage);
    put_flush_policy(table, out);
    put_retention(table, out);
}

static void put_shared_options(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_append_lit(out, "{\"table_type\":\"SHARED\"");
    put_storage(table, out);
    kdb_buf_printf(out, ",\"access_level\":\"%s\"", kdb_access_level_name(table->access));
    put_flush_policy(table, out);
    put_retention(table, out);
}

static void put_stream_options(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_printf(
        out, "{\"table_type\":\"STREAM\",\"ttl_seconds\":%lld,\"eviction_strategy\":", (long long)table->ttl_seconds);
    kdb_json_put_string(out, table->eviction_strategy);
    kdb_buf_printf(out, ",\"max_stream_size_bytes\":%lld", (long long)table->max_stream_bytes);
}

void kdb_table_options_json(const kdb_table *table, kdb_buf *out)
{
    switch (table->type) {
    case KDB_TABLE_USER:
        put_user_options(table, out);
        break;
    case KDB_TABLE_SHARED:
        put_shared_options(table, out);
        break;
    case KDB_TABLE_STREAM:
        put_stream_options(table, out);
        break;
    case KDB_TABLE_UNSET:
    case KDB_TABLE_SYSTEM:
        kdb_buf_append_lit(out, "{\"table_type\":\"SYSTEM\"");
        break;
    }
    kdb_buf_append_lit(out, ",\"compression\":");
    kdb_json_put_string(out, table->compression);
    kdb_buf_append_byte(out, '}');
}
