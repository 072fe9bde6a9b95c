/* table_record.c - tables as bytes in partition system_schemas. A table has one record of its own (version 0: type,
 * options, key) and one per schema version (its columns), under neighbouring keys, so that a table is read and removed
 * as a range and a new version is one put. The key columns are named by column id: they outlive renames and
 * reorderings.
 *
 * table:  u8 format | u8 type | u8 access | u8 use_user_storage | u64 flush_rows, flush_interval_s, ttl_seconds,
 *         deleted_retention_hours, max_stream_bytes, created_us, updated_us | text ns, name, storage_id, compression,
 *         eviction_strategy | u32 versions | u32 n, n * u32 key column ids | since format 2: policies (table_policy.c)
 * schema: u8 format | u32 n, n * column
 * column: u32 id | u8 flags | u8 type, precision, scale | u16 dim | u8 default | text name | value when literal |
 *         value when flagged
 *
 * flags: 1 not null; 2, since format 2 of schemas, the value that rows from before the column read. A schema without such
 * a column is still written in format 1, and so is a table without policies. */
#include "registry_int.h"

enum { COLUMN_MIN_BYTES = 4 + 1 + 3 + 2 + 1 + 4, COLUMN_NOT_NULL = 1, COLUMN_HAS_INITIAL = 2 };

static const size_t table_type_codes = KDB_ARRAY_LEN(kdbi_table_type_defs);
static const size_t access_level_codes = KDB_ARRAY_LEN(kdbi_access_level_defs);
static const size_t default_codes = KDB_ARRAY_LEN(kdbi_default_defs);

void kdbi_table_record_key(uint32_t table_id, uint32_t version, char out[8])
{
    kdb_put_be32(out, table_id);
    kdb_put_be32(out + 4, version);
}

/* The row whose code is read next. */
static size_t read_code(kdb_record_reader *reader, const kdbi_code_def *defs, size_t count)
{
    uint8_t code = kdb_record_read_u8(reader);
    for (size_t i = 0; i < count; i++) {
        if (defs[i].code == code) {
            return i;
        }
    }
    reader->failed = true;
    return 0;
}

void kdbi_registry_read_format(kdb_record_reader *reader)
{
    if (kdb_record_read_u8(reader) != KDBI_RECORD_FORMAT) {
        reader->failed = true;
    }
}

static bool read_bool(kdb_record_reader *reader)
{
    uint8_t byte = kdb_record_read_u8(reader);
    if (byte > 1) {
        reader->failed = true;
    }
    return byte == 1;
}

static kdb_sv read_name(kdb_record_reader *reader, kdb_arena *arena)
{
    kdb_sv name = kdb_record_read_text(reader);
    if (name.len == 0 || name.len > KDBI_NAME_MAX) {
        reader->failed = true;
    }
    return kdb_sv_dup(arena, name);
}

/* ---- the table's own record ---- */

static void write_numbers(const kdb_table *table, kdb_buf *out)
{
    kdb_record_write_u64(out, (uint64_t)table->flush_rows);
    kdb_record_write_u64(out, (uint64_t)table->flush_interval_s);
    kdb_record_write_u64(out, (uint64_t)table->ttl_seconds);
    kdb_record_write_u64(out, (uint64_t)table->deleted_retention_hours);
    kdb_record_write_u64(out, (uint64_t)table->max_stream_bytes);
    kdb_record_write_u64(out, (uint64_t)table->created_us);
    kdb_record_write_u64(out, (uint64_t)table->updated_us);
}

static void read_numbers(kdb_record_reader *reader, kdb_table *table)
{
    table->flush_rows = (int64_t)kdb_record_read_u64(reader);
    table->flush_interval_s = (int64_t)kdb_record_read_u64(reader);
    table->ttl_seconds = (int64_t)kdb_record_read_u64(reader);
    table->deleted_retention_hours = (int64_t)kdb_record_read_u64(reader);
    table->max_stream_bytes = (int64_t)kdb_record_read_u64(reader);
    table->created_us = (int64_t)kdb_record_read_u64(reader);
    table->updated_us = (int64_t)kdb_record_read_u64(reader);
}

static void write_texts(const kdb_table *table, kdb_buf *out)
{
    kdb_record_write_text(out, table->ns);
    kdb_record_write_text(out, table->name);
    kdb_record_write_text(out, table->storage_id);
    kdb_record_write_text(out, table->compression);
    kdb_record_write_text(out, table->eviction_strategy);
}

static void read_texts(kdb_record_reader *reader, kdb_table *table)
{
    table->ns = read_name(reader, table->arena);
    table->name = read_name(reader, table->arena);
    table->storage_id = kdb_sv_dup(table->arena, kdb_record_read_text(reader));
    table->compression = kdb_sv_dup(table->arena, kdb_record_read_text(reader));
    table->eviction_strategy = kdb_sv_dup(table->arena, kdb_record_read_text(reader));
}

static void write_key(const kdb_table *table, kdb_buf *out)
{
    kdb_record_write_u32(out, (uint32_t)table->nkey);
    for (size_t i = 0; i < table->nkey; i++) {
        kdb_record_write_u32(out, table->schema->columns[table->key[i]].id);
    }
}

static void read_key(kdb_record_reader *reader, kdb_arena *arena, kdbi_table_header *out)
{
    out->nkey = kdb_record_read_count(reader, sizeof(uint32_t));
    out->key_ids = KDB_ARENA_ARRAY(arena, uint32_t, out->nkey);
    for (uint32_t i = 0; i < out->nkey; i++) {
        out->key_ids[i] = kdb_record_read_u32(reader);
    }
}

void kdbi_table_encode(const kdb_table *table, kdb_buf *out)
{
    kdb_buf_append_byte(out, table->npolicies == 0 ? KDBI_RECORD_FORMAT : KDBI_POLICY_FORMAT);
    kdb_buf_append_byte(out, kdbi_table_type_defs[table->type].code);
    kdb_buf_append_byte(out, kdbi_access_level_defs[table->access].code);
    kdb_buf_append_byte(out, table->use_user_storage ? 1 : 0);
    write_numbers(table, out);
    write_texts(table, out);
    kdb_record_write_u32(out, (uint32_t)table->nversions);
    write_key(table, out);
    if (table->npolicies != 0) {
        kdbi_policies_write(table, out);
    }
}

kdb_status kdbi_table_decode(kdb_sv bytes, kdb_table *table, kdbi_table_header *out, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    kdbi_table_header header = { 0 };
    const uint8_t format = kdb_record_read_u8(&reader);
    reader.failed = reader.failed || (format != KDBI_RECORD_FORMAT && format != KDBI_POLICY_FORMAT);
    table->type = (kdb_table_type)read_code(&reader, kdbi_table_type_defs, table_type_codes);
    table->access = (kdb_access_level)read_code(&reader, kdbi_access_level_defs, access_level_codes);
    table->use_user_storage = read_bool(&reader);
    read_numbers(&reader, table);
    read_texts(&reader, table);
    header.nversions = kdb_record_read_u32(&reader);
    read_key(&reader, table->arena, &header);
    if (format == KDBI_POLICY_FORMAT) {
        kdbi_policies_read(&reader, table);
    }
    if (!kdb_record_complete(&reader) || header.nversions == 0 || table->type == KDB_TABLE_UNSET) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad table record of %zu bytes", bytes.len);
    }
    *out = header;
    return KDB_OK;
}

/* ---- a schema version's record ---- */

void kdbi_registry_write_type(kdb_buf *out, kdb_type type)
{
    kdb_buf_append_byte(out, (uint8_t)type.kind);
    kdb_buf_append_byte(out, type.precision);
    kdb_buf_append_byte(out, type.scale);
    kdb_record_write_u16(out, type.dim);
}

static void write_column(const kdb_column *column, kdb_buf *out)
{
    kdb_record_write_u32(out, column->id);
    kdb_buf_append_byte(
        out, (uint8_t)((column->not_null ? COLUMN_NOT_NULL : 0) | (column->has_initial ? COLUMN_HAS_INITIAL : 0)));
    kdbi_registry_write_type(out, column->type);
    kdb_buf_append_byte(out, kdbi_default_defs[column->default_kind].code);
    kdb_record_write_text(out, column->name);
    if (column->default_kind == KDB_DEFAULT_LITERAL) {
        kdbi_registry_write_value(out, &column->default_literal);
    }
    if (column->has_initial) {
        kdbi_registry_write_value(out, &column->initial);
    }
}

static bool is_column_type(kdb_type type)
{
    if (type.kind == KDB_TYPE_NULL || type.kind >= KDB_TYPE_KIND_COUNT) {
        return false;
    }
    if (type.kind == KDB_TYPE_DECIMAL) {
        return type.precision >= 1 && type.precision <= 38 && type.scale <= type.precision && type.dim == 0;
    }
    if (type.kind == KDB_TYPE_EMBEDDING) {
        return type.dim >= 1 && type.dim <= 8192 && type.precision == 0 && type.scale == 0;
    }
    return type.precision == 0 && type.scale == 0 && type.dim == 0;
}

kdb_type kdbi_registry_read_type(kdb_record_reader *reader)
{
    kdb_type type = { .kind = (kdb_type_kind)kdb_record_read_u8(reader) };
    type.precision = kdb_record_read_u8(reader);
    type.scale = kdb_record_read_u8(reader);
    type.dim = kdb_record_read_u16(reader);
    if (!is_column_type(type)) {
        reader->failed = true;
        return kdb_type_of(KDB_TYPE_BOOLEAN);
    }
    return type;
}

static void read_flags(kdb_record_reader *reader, uint8_t format, kdb_column *out)
{
    const uint8_t flags = kdb_record_read_u8(reader);
    const uint8_t known = format == KDBI_RECORD_FORMAT ? COLUMN_NOT_NULL : COLUMN_NOT_NULL | COLUMN_HAS_INITIAL;
    if ((flags & ~known) != 0) {
        reader->failed = true;
    }
    out->not_null = (flags & COLUMN_NOT_NULL) != 0;
    out->has_initial = (flags & COLUMN_HAS_INITIAL) != 0;
}

static void read_column(kdb_record_reader *reader, uint8_t format, kdb_arena *arena, kdb_column *out)
{
    out->id = kdb_record_read_u32(reader);
    read_flags(reader, format, out);
    out->type = kdbi_registry_read_type(reader);
    out->default_kind = (kdb_default_kind)read_code(reader, kdbi_default_defs, default_codes);
    out->name = read_name(reader, arena);
    if (out->default_kind == KDB_DEFAULT_LITERAL) {
        out->default_literal = kdbi_registry_read_value(reader, out->type, arena);
    }
    if (out->has_initial) {
        out->initial = kdbi_registry_read_value(reader, out->type, arena);
    }
    if (out->id == 0 || (out->has_initial && out->initial.is_null)) {
        reader->failed = true;
    }
}

static uint8_t schema_format(const kdb_schema *schema)
{
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].has_initial) {
            return KDBI_SCHEMA_FORMAT;
        }
    }
    return KDBI_RECORD_FORMAT;
}

void kdbi_schema_encode(const kdb_schema *schema, kdb_buf *out)
{
    kdb_buf_append_byte(out, schema_format(schema));
    kdb_record_write_u32(out, (uint32_t)schema->ncolumns);
    for (size_t i = 0; i < schema->ncolumns; i++) {
        write_column(&schema->columns[i], out);
    }
}

kdb_status kdbi_schema_decode(kdb_sv bytes, uint32_t version, kdb_arena *arena, kdb_schema *out, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    const uint8_t format = kdb_record_read_u8(&reader);
    if (format != KDBI_RECORD_FORMAT && format != KDBI_SCHEMA_FORMAT) {
        reader.failed = true;
    }
    uint32_t count = kdb_record_read_count(&reader, COLUMN_MIN_BYTES);
    if (count > KDBI_COLUMNS_MAX) {
        reader.failed = true;
        count = 0;
    }
    kdb_column *columns = KDB_ARENA_ARRAY(arena, kdb_column, count);
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        read_column(&reader, format, arena, &columns[i]);
    }
    if (!kdb_record_complete(&reader) || count == 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad schema record of %zu bytes, version %u", bytes.len, version);
    }
    *out = (kdb_schema){ .version = version, .ncolumns = count, .columns = columns };
    return KDB_OK;
}

static int column_with_id(const kdb_schema *schema, uint32_t id)
{
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

kdb_status kdbi_table_resolve_key(kdb_table *table, const kdbi_table_header *header, kdb_err *err)
{
    uint32_t *key = KDB_ARENA_ARRAY(table->arena, uint32_t, header->nkey);
    for (uint32_t i = 0; i < header->nkey; i++) {
        int index = column_with_id(table->schema, header->key_ids[i]);
        if (index < 0 || !table->schema->columns[index].not_null) {
            return KDB_FAIL(err, KDB_CORRUPT, "column %u of the key is missing", header->key_ids[i]);
        }
        key[i] = (uint32_t)index;
    }
    table->key = key;
    table->nkey = header->nkey;
    return KDB_OK;
}
