/* stmt_show.c - SHOW and DESCRIBE. What system tables hold is asked of them, by our own SELECTs that every role may run;
 * the rest is read from the registry. */
#include "core_int.h"
#include "kdb/cold.h"

kdb_status kdbi_run_show_namespaces(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)plan;
    (void)pending;
    return kdbi_run_internal_query(exec, KDB_SV("SELECT * FROM system.namespaces ORDER BY namespace_id"), err);
}

kdb_status kdbi_run_show_storages(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)plan;
    (void)pending;
    return kdbi_run_internal_query(exec, KDB_SV("SELECT * FROM system.storages ORDER BY storage_id"), err);
}

kdb_status kdbi_run_show_manifest(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)plan;
    (void)pending;
    return kdbi_run_internal_query(exec, KDB_SV("SELECT * FROM system.manifest ORDER BY cache_key"), err);
}

kdb_status kdbi_run_show_search_path(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    static const kdbi_made_column columns[] = { { "search_path", KDB_TYPE_TEXT, true } };
    (void)plan;
    (void)pending;
    const kdb_value cell = kdb_value_text(exec->ns);
    kdbi_made m;
    kdbi_made_begin(&m, exec, columns, KDB_ARRAY_LEN(columns));
    KDB_TRY(kdbi_made_row(&m, &cell, err));
    return kdbi_made_end(&m, err);
}

kdb_status kdbi_run_show_all(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)plan;
    (void)pending;
    return kdbi_run_internal_query(exec, KDB_SV("SELECT name, value, description FROM system.settings ORDER BY name"),
                                   err);
}

kdb_status kdbi_run_show_tables(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_sv ns = plan->stmt->as.ns.name;
    if (ns.len == 0) {
        return kdbi_run_internal_query(
            exec, KDB_SV("SELECT * FROM system.schemas ORDER BY namespace_id, table_name, schema_version"), err);
    }
    if (!kdb_registry_has_namespace(exec->core->registry, ns)) {
        return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found", KDB_SV_ARG(ns));
    }
    /* A namespace that exists has a checked name: letters, digits and `_`, safe between quotes. */
    const kdb_sv sql = kdb_sv_printf(exec->arena,
                                     "SELECT * FROM system.schemas WHERE is_latest AND namespace_id = '%.*s' "
                                     "ORDER BY table_name",
                                     KDB_SV_ARG(ns));
    return kdbi_run_internal_query(exec, sql, err);
}

static kdb_value text_or_null(kdb_sv text)
{
    return text.len == 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) : kdb_value_text(text);
}

/* ---- DESCRIBE TABLE ---- */

/* The version of the table that brought the column. */
static int32_t first_version(const kdb_table *table, uint32_t column_id)
{
    for (size_t v = 0; v < table->nversions; v++) {
        for (size_t i = 0; i < table->versions[v].ncolumns; i++) {
            if (table->versions[v].columns[i].id == column_id) {
                return (int32_t)v + 1;
            }
        }
    }
    return (int32_t)table->schema->version;
}

static const kdbi_made_column describe_columns[] = {
    { "column_name", KDB_TYPE_TEXT, true },     { "ordinal_position", KDB_TYPE_INT, true },
    { "column_id", KDB_TYPE_BIGINT, true },     { "data_type", KDB_TYPE_TEXT, true },
    { "is_nullable", KDB_TYPE_BOOLEAN, true },  { "is_primary_key", KDB_TYPE_BOOLEAN, true },
    { "column_default", KDB_TYPE_TEXT, false }, { "column_comment", KDB_TYPE_TEXT, false },
    { "schema_version", KDB_TYPE_INT, true },
};

static bool in_key(const kdb_table *table, size_t column)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->key[i] == column) {
            return true;
        }
    }
    return false;
}

static kdb_status describe_user_table(kdbi_made *m, const kdb_table *table, kdb_err *err)
{
    kdb_arena *arena = m->exec->arena;
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        const kdb_column *column = &table->schema->columns[i];
        const kdb_value cells[] = { kdb_value_text(column->name),
                                    kdb_value_int((int32_t)i + 1),
                                    kdb_value_bigint(column->id),
                                    kdb_value_text(kdb_type_sql_text(column->type, arena)),
                                    kdb_value_bool(!column->not_null),
                                    kdb_value_bool(in_key(table, i)),
                                    text_or_null(kdb_column_default_text(column, arena)),
                                    kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)),
                                    kdb_value_int(first_version(table, column->id)) };
        KDB_TRY(kdbi_made_row(m, cells, err));
    }
    return KDB_OK;
}

static kdb_status describe_view(kdbi_made *m, const kdb_view *view, kdb_err *err)
{
    for (size_t i = 0; i < view->ncolumns; i++) {
        const kdb_view_column *column = &view->columns[i];
        const kdb_value cells[] = { kdb_value_text(column->name),
                                    kdb_value_int((int32_t)i + 1),
                                    kdb_value_bigint((int64_t)i + 1),
                                    kdb_value_text(kdb_type_sql_text(column->type, m->exec->arena)),
                                    kdb_value_bool(true),
                                    kdb_value_bool(false),
                                    kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)),
                                    kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)),
                                    kdb_value_int(1) };
        KDB_TRY(kdbi_made_row(m, cells, err));
    }
    return KDB_OK;
}

static kdb_status describe_system_table(kdbi_made *m, const kdb_system_table_def *def, kdb_err *err)
{
    for (size_t i = 0; i < def->ncolumns; i++) {
        const kdb_system_column *column = &def->columns[i];
        const kdb_value cells[] = { kdb_value_text(kdb_sv_cstr(column->name)),
                                    kdb_value_int((int32_t)i + 1),
                                    kdb_value_bigint((int64_t)i + 1),
                                    kdb_value_text(kdb_type_sql_text(kdb_type_of(column->kind), m->exec->arena)),
                                    kdb_value_bool(!column->not_null),
                                    kdb_value_bool(column->key),
                                    kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)),
                                    kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)),
                                    kdb_value_int(1) };
        KDB_TRY(kdbi_made_row(m, cells, err));
    }
    return KDB_OK;
}

kdb_status kdbi_run_describe_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_table_name *name = &plan->stmt->as.table.table;
    /* Unqualified names mean namespace `default` here, whatever the request's namespace is (sql.md 1). */
    const kdb_sv ns = name->ns.len != 0 ? name->ns : KDB_SV("default");
    const kdb_system_table_def *def = kdb_registry_is_protected(ns) ? kdb_system_lookup(ns, name->name) : NULL;
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(exec->core->registry, ns, name->name);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    if (def == NULL && view == NULL) {
        KDB_TRY(kdb_registry_find_table(exec->core->registry, ns, name->name, &table, err));
        KDB_TRY(kdbi_rights_check_table(kdbi_exec_principal(exec)->role, table, KDBI_DESCRIBE, err));
    }
    kdbi_made m;
    kdbi_made_begin(&m, exec, describe_columns, KDB_ARRAY_LEN(describe_columns));
    KDB_TRY(def != NULL    ? describe_system_table(&m, def, err)
            : view != NULL ? describe_view(&m, view, err)
                           : describe_user_table(&m, table, err));
    return kdbi_made_end(&m, err);
}

/* ---- SHOW STATS ---- */

static const kdbi_made_column stats_columns[] = {
    { "table_name", KDB_TYPE_TEXT, true },         { "namespace", KDB_TYPE_TEXT, true },
    { "schema_version", KDB_TYPE_BIGINT, true },   { "logical_rows", KDB_TYPE_BIGINT, true },
    { "flushed_segments", KDB_TYPE_BIGINT, true }, { "active_streams", KDB_TYPE_BIGINT, true },
    { "memory_bytes", KDB_TYPE_BIGINT, false },
};

static kdb_status filter_rows(kdb_exec *exec, const kdb_table *table, kdbi_policies **policies,
                              const kdb_row_filter **out, kdb_err *err)
{
    if (!kdbi_policy_binds(kdbi_exec_principal(exec)->role, table)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_policies_new(table, policies, err));
    return kdbi_policies_filter(*policies, exec, KDBI_POLICY_READ, exec->arena, out, err);
}

/* The rows the caller may see: their own of USER and STREAM tables, those that policies let them see of SHARED ones. */
static kdb_status count_rows(kdb_exec *exec, const kdb_table *table, const kdb_snapshot *snapshot, uint64_t *out,
                             kdb_err *err)
{
    kdb_scan_spec spec = { .store = exec->core->store,
                           .table = table,
                           .snapshot = snapshot,
                           .now_ms = kdb_now_ms(),
                           .max_readers = 1,
                           .cold = exec->core->cold,
                           .user = kdbi_exec_user(exec, table) };
    KDB_CLEANUP(kdbi_policies_unrefp) kdbi_policies *policies = NULL;
    KDB_TRY(filter_rows(exec, table, &policies, &spec.filter, err));
    kdb_table_key_set(table, kdbi_exec_user(exec, table), NULL, 0, NULL, 0, exec->arena, &spec.keys);
    kdb_table_scan *scan = NULL;
    KDB_TRY(kdb_table_scan_new(&spec, &scan, err));
    kdb_table_reader *reader = NULL;
    kdb_status status = kdb_table_reader_new(scan, &reader, err);
    kdb_chunk chunk = { .nrows = 1 };
    for (*out = 0; status == KDB_OK && chunk.nrows > 0; *out += chunk.nrows) {
        status = kdbi_exec_check_running(exec, err);
        status = status != KDB_OK ? status : kdb_table_reader_next(reader, &chunk, err);
    }
    kdb_table_reader_free(reader);
    kdb_table_scan_free(scan);
    return status;
}

/* Live queries: of the caller where rows are the caller's own. */
static uint64_t count_streams(kdb_exec *exec, const kdb_table *table)
{
    const kdb_live_control *live = &exec->core->live_control;
    return live->watching == NULL ? 0 : live->watching(live->self, table, kdbi_exec_user(exec, table));
}

/* What is kept in memory of those rows alone; NULL where there are others among them that policies hide from the caller. The store's
 * memtables and block cache are of all tables together: system.stats has them. */
static kdb_value count_memory(kdb_exec *exec, const kdb_table *table, const kdb_manifest *manifest)
{
    if (kdbi_policy_binds(kdbi_exec_principal(exec)->role, table)) {
        return kdb_value_null(kdb_type_of(KDB_TYPE_BIGINT));
    }
    const size_t cold = manifest == NULL ? 0 : kdb_arena_held(manifest->arena);
    return kdb_value_bigint(
        (int64_t)(cold + kdbi_hot_cache_bytes(exec->core->hot, table, kdbi_exec_user(exec, table))));
}

kdb_status kdbi_run_show_stats(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_table_name *name = &plan->stmt->as.table.table;
    const kdb_sv ns = name->ns.len != 0 ? name->ns : KDB_SV("default");
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(exec->core->registry, ns, name->name);
    if (view != NULL) {
        return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION,
                           "'%.*s.%.*s' is a view: it has no rows of its own", KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
    }
    /* Taken first, so that it holds no row of a version that is newer than the table found. */
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(exec->core->store);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    KDB_TRY(kdb_registry_find_table(exec->core->registry, ns, name->name, &table, err));
    KDB_TRY(kdbi_rights_check_table(kdbi_exec_principal(exec)->role, table, KDBI_READ, err));
    uint64_t rows = 0;
    KDB_TRY(count_rows(exec, table, snapshot, &rows, err));
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    KDB_TRY(kdb_manifest_get(exec->core->cold, snapshot, table, kdbi_exec_user(exec, table), false, &manifest, err));
    kdbi_made m;
    kdbi_made_begin(&m, exec, stats_columns, KDB_ARRAY_LEN(stats_columns));
    const kdb_value cells[] = { kdb_value_text(table->name),
                                kdb_value_text(table->ns),
                                kdb_value_bigint((int64_t)table->schema->version),
                                kdb_value_bigint((int64_t)rows),
                                kdb_value_bigint(manifest == NULL ? 0 : (int64_t)manifest->nsegments),
                                kdb_value_bigint((int64_t)count_streams(exec, table)),
                                count_memory(exec, table, manifest) };
    KDB_TRY(kdbi_made_row(&m, cells, err));
    return kdbi_made_end(&m, err);
}
