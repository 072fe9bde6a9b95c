/* table_create.c - from what CREATE TABLE says to a table and its records: every rule is checked here, before anything
 * is stored, in the order in which the reference reports them. */
#include "column_default.h"

/* ---- checks ---- */

kdb_status kdbi_registry_check_place(kdb_registry *registry, const char *what, kdb_sv ns, kdb_sv name, kdb_err *err)
{
    if (kdb_registry_is_protected(ns)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "Cannot create system %s '%.*s.%.*s'. System tables are managed internally.", what,
                        KDB_SV_ARG(ns), KDB_SV_ARG(name));
    }
    KDB_TRY(kdb_registry_check_name(name, err));
    if (!kdb_registry_has_namespace(registry, ns)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "Namespace '%.*s' does not exist. Create it first with CREATE NAMESPACE %.*s", KDB_SV_ARG(ns),
                        KDB_SV_ARG(ns));
    }
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *existing = kdb_registry_lookup_table(registry, ns, name);
    if (existing != NULL) {
        return KDB_FAIL(err, KDB_ALREADY_EXISTS, "Table %.*s.%.*s already exists", KDB_SV_ARG(ns), KDB_SV_ARG(name));
    }
    return KDB_OK;
}

static kdb_status check_no_view(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_err *err)
{
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *existing = kdb_registry_lookup_view(registry, ns, name);
    if (existing != NULL) {
        return KDB_FAIL(err, KDB_ALREADY_EXISTS, "View %.*s.%.*s already exists", KDB_SV_ARG(ns), KDB_SV_ARG(name));
    }
    return KDB_OK;
}

static kdb_status check_storage(kdb_registry *registry, kdb_sv id, kdb_err *err)
{
    if (id.len != 0 && !kdb_registry_has_storage(registry, id)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage '%.*s' does not exist", KDB_SV_ARG(id));
    }
    return KDB_OK;
}

static kdb_status check_column_count(const kdb_create_table *spec, kdb_err *err)
{
    if (spec->ncolumns == 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Table must have at least one column");
    }
    if (spec->ncolumns > KDBI_COLUMNS_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Table has too many columns (%zu, max %d)", spec->ncolumns,
                        KDBI_COLUMNS_MAX);
    }
    return KDB_OK;
}

/* `seen` holds the lower-case names of the columns before. */
static kdb_status check_column(const kdb_column_spec *column, kdb_arena *arena, kdb_map *seen, kdb_err *err)
{
    kdb_status status = kdb_registry_check_column_name(column->name, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "Invalid column name '%.*s'", KDB_SV_ARG(column->name));
        kdb_err_at(err, column->position);
        return status;
    }
    if (kdb_map_put(seen, kdb_sv_dup_lower(arena, column->name), (void *)(uintptr_t)column) != NULL) {
        return KDB_FAIL_AT(err, column->position, KDB_INVALID_OPERATION,
                           "Duplicate column name '%.*s'. Column names are case-insensitive.",
                           KDB_SV_ARG(column->name));
    }
    return KDB_OK;
}

static kdb_status check_columns(const kdb_create_table *spec, kdb_arena *arena, kdb_err *err)
{
    KDB_CLEANUP(kdb_map_freep) kdb_map *seen = kdb_map_new();
    for (size_t i = 0; i < spec->ncolumns; i++) {
        KDB_TRY(check_column(&spec->columns[i], arena, seen, err));
    }
    return KDB_OK;
}

static bool is_earlier_key(const kdb_create_table *spec, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (spec->key[i] == spec->key[index]) {
            return true;
        }
    }
    return false;
}

static kdb_status check_key(const kdb_create_table *spec, kdb_arena *arena, kdb_err *err)
{
    for (size_t i = 0; i < spec->nkey; i++) {
        KDB_ASSERT(spec->key[i] < spec->ncolumns);
        const kdb_column_spec *column = &spec->columns[spec->key[i]];
        if (is_earlier_key(spec, i)) {
            return KDB_FAIL_AT(err, column->position, KDB_INVALID_OPERATION,
                               "Column '%.*s' appears twice in the PRIMARY KEY", KDB_SV_ARG(column->name));
        }
        if (!kdb_type_defs[column->type.kind].key_allowed) {
            kdb_sv type = kdb_type_sql_text(column->type, arena);
            return KDB_FAIL_AT(err, column->position, KDB_INVALID_OPERATION,
                               "Column '%.*s' of type %.*s cannot be part of the PRIMARY KEY", KDB_SV_ARG(column->name),
                               KDB_SV_ARG(type));
        }
    }
    return KDB_OK;
}

static kdb_status check_spec(kdb_registry *registry, const kdb_create_table *spec, kdb_sv ns, kdb_arena *arena,
                             kdb_err *err)
{
    KDB_TRY(kdbi_registry_check_place(registry, "table", ns, spec->table.name, err));
    KDB_TRY(check_no_view(registry, ns, spec->table.name, err));
    KDB_TRY(check_storage(registry, spec->storage_id, err));
    KDB_TRY(check_column_count(spec, err));
    KDB_TRY(check_columns(spec, arena, err));
    return check_key(spec, arena, err);
}

/* ---- building ---- */

kdb_status kdbi_column_fill(const kdb_column_spec *spec, uint32_t id, kdb_arena *arena, kdb_column *out, kdb_err *err)
{
    out->id = id;
    out->name = kdb_sv_dup_lower(arena, spec->name);
    out->type = spec->type;
    out->not_null = spec->not_null;
    kdb_status status = kdbi_column_set_default(spec, out, arena, err);
    if (status != KDB_OK) {
        kdb_err_at(err, spec->position);
    }
    return status;
}

static kdb_status fill_schema(kdb_table *table, const kdb_create_table *spec, kdb_err *err)
{
    kdb_column *columns = KDB_ARENA_ARRAY(table->arena, kdb_column, spec->ncolumns);
    for (size_t i = 0; i < spec->ncolumns; i++) {
        KDB_TRY(kdbi_column_fill(&spec->columns[i], (uint32_t)i + 1, table->arena, &columns[i], err));
    }
    uint32_t *key = KDB_ARENA_ARRAY(table->arena, uint32_t, spec->nkey);
    for (size_t i = 0; i < spec->nkey; i++) {
        key[i] = spec->key[i];
        columns[key[i]].not_null = true;
    }
    table->key = key;
    table->nkey = spec->nkey;
    kdb_schema *schema = KDB_ARENA_NEW(table->arena, kdb_schema);
    *schema = (kdb_schema){ .version = 1, .ncolumns = spec->ncolumns, .columns = columns };
    kdbi_table_set_versions(table, schema, 1);
    return KDB_OK;
}

static kdb_sv dup_or(kdb_arena *arena, kdb_sv text, kdb_sv fallback)
{
    return kdb_sv_dup(arena, text.len != 0 ? text : fallback);
}

/* Defaults of sql.md 8; what a type of table does not have stays empty. */
static void fill_options(kdb_table *table, const kdb_create_table *spec)
{
    bool stream = spec->type == KDB_TABLE_STREAM;
    table->type = spec->type;
    table->use_user_storage = spec->use_user_storage;
    table->flush_rows = spec->flush_rows;
    table->flush_interval_s = spec->flush_interval_s;
    table->ttl_seconds = spec->ttl_seconds;
    table->deleted_retention_hours = spec->deleted_retention_hours;
    table->max_stream_bytes = spec->max_stream_bytes;
    table->compression = dup_or(table->arena, spec->compression, KDB_SV("zstd"));
    if (stream) {
        table->eviction_strategy = dup_or(table->arena, spec->eviction_strategy, KDB_SV("time_based"));
    } else {
        table->storage_id = dup_or(table->arena, spec->storage_id, KDB_SV("local"));
    }
    if (spec->type == KDB_TABLE_SHARED) {
        table->access = spec->access == KDB_ACCESS_UNSET ? KDB_ACCESS_PRIVATE : spec->access;
    }
    table->created_us = kdb_now_us();
    table->updated_us = table->created_us;
}

static void stage_record(uint32_t table_id, uint32_t version, kdb_buf *record, kdb_batch *batch)
{
    char key[8];
    kdbi_table_record_key(table_id, version, key);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SCHEMAS), kdb_sv_of(key, sizeof(key)),
                  kdb_buf_sv(record));
    kdb_buf_done(record);
}

void kdbi_table_stage(const kdb_table *table, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_table_encode(table, &record);
    stage_record(table->id, 0, &record, batch);
    kdbi_schema_encode(table->schema, &record);
    stage_record(table->id, table->schema->version, &record, batch);
}

kdb_status kdb_registry_stage_create_table(kdb_registry *registry, const kdb_create_table *spec, kdb_sv ns,
                                           kdb_batch *batch, kdb_table **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_table_new();
    KDB_TRY(check_spec(registry, spec, ns, table->arena, err));
    table->ns = kdb_sv_dup(table->arena, ns);
    table->name = kdb_sv_dup(table->arena, spec->table.name);
    fill_options(table, spec);
    KDB_TRY(fill_schema(table, spec, err));
    if (registry->next_table_id == UINT32_MAX) {
        return KDB_FAIL(err, KDB_LIMIT, "no table ids are left");
    }
    table->id = registry->next_table_id++;
    kdbi_registry_stage_counter(registry, batch);
    kdbi_table_stage(table, batch);
    *out = KDB_TAKE(table);
    return KDB_OK;
}
