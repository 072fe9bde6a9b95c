/* own_tables.c - the tables of namespace `dba` that every server has (catalog.md 2): made at the start where they are missing,
 * so also in data directories from before there were any. They are tables like others; whoever drops them gets them back,
 * empty, at the next start. */
#include "core_int.h"

static const char *const own_tables[] = {
    "CREATE SHARED TABLE dba.stats (id TEXT PRIMARY KEY, node_id TEXT NOT NULL, metric_name TEXT NOT NULL,"
    " metric_value DOUBLE NOT NULL, metric_unit TEXT, sampled_at TIMESTAMP NOT NULL) WITH (ACCESS_LEVEL = 'DBA')",
    "CREATE SHARED TABLE dba.notifications (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, title TEXT NOT NULL, body TEXT,"
    " is_read BOOLEAN NOT NULL DEFAULT false, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL)"
    " WITH (ACCESS_LEVEL = 'PUBLIC')",
};

/* The name may have been taken, or its namespace dropped: then it is the administrators' business. */
static bool is_wanted(kdb_registry *registry, const kdb_table_name *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdb_registry_lookup_table(registry, name->ns, name->name);
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(registry, name->ns, name->name);
    return table == NULL && view == NULL && kdb_registry_has_namespace(registry, name->ns);
}

static kdb_status make_table(kdb_core *core, const char *sql, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_stmt *stmt = NULL;
    KDB_TRY(kdb_dialect_parse(kdb_sv_cstr(sql), NULL, arena, &stmt, err));
    const kdb_create_table *spec = stmt->as.create_table;
    if (!is_wanted(core->registry, &spec->table)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    KDB_TRY(kdb_registry_stage_create_table(core->registry, spec, spec->table.ns, batch, &table, err));
    KDB_TRY(kdb_store_commit(core->store, batch, err));
    kdb_registry_publish_create_table(core->registry, KDB_TAKE(table));
    return KDB_OK;
}

kdb_status kdbi_core_make_own_tables(kdb_core *core, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(own_tables); i++) {
        KDB_TRY(make_table(core, own_tables[i], err));
    }
    return KDB_OK;
}
