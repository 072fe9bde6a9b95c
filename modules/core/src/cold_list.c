/* cold_list.c - the manifests that system.manifest lists, and the removal of files that nobody reads any more. */
#include "cold_work.h"

typedef struct listing {
    kdb_core *core;
    const kdb_table *table;
    kdb_arena *arena;
    kdb_manifest_row *rows;
    size_t count;
} listing;

static kdb_status add(void *self, kdb_user_id user, KDB_UNUSED kdb_err *err)
{
    listing *list = self;
    *KDB_ARENA_PUSH(list->arena, list->rows, list->count) =
        (kdb_manifest_row){ .ns = kdb_sv_dup(list->arena, list->table->ns),
                            .table = kdb_sv_dup(list->arena, list->table->name),
                            .scope = list->table->type == KDB_TABLE_SHARED ? KDB_SV("shared")
                                                                           : kdb_sv_dup(list->arena, user.text) };
    return KDB_OK;
}

/* Of other users' partitions even the names are theirs, and of rows that policies hide even how many there are. */
static void list_table(listing *list, const kdb_principal *viewer)
{
    const kdb_table *table = list->table;
    if (table->type == KDB_TABLE_STREAM || !kdb_cold_has(list->core->cold, table->id) ||
        kdbi_rights_check_table(viewer->role, table, KDBI_READ, NULL) != KDB_OK ||
        kdbi_policy_binds(viewer->role, table)) {
        return;
    }
    if (table->type == KDB_TABLE_USER && viewer->role < KDB_ROLE_DBA) {
        (void)add(list, viewer->user, NULL);
        return;
    }
    kdb_err err;
    if (kdbi_cold_visit(list->core, table, NULL, add, list, &err) != KDB_OK) {
        kdb_log_warn("manifests are not listed table=%.*s.%.*s err=\"%s\"", KDB_SV_ARG(table->ns),
                     KDB_SV_ARG(table->name), err.text);
    }
}

void kdb_core_manifests(kdb_core *core, const kdb_principal *viewer, kdb_arena *arena, kdb_manifest_row **out,
                        size_t *count)
{
    listing list = { .core = core, .arena = arena };
    kdb_table **tables = NULL;
    size_t ntables = 0;
    if (core->cold != NULL) {
        kdb_registry_list_tables(core->registry, arena, &tables, &ntables);
    }
    for (size_t i = 0; i < ntables; i++) {
        list.table = tables[i];
        list_table(&list, viewer);
    }
    kdb_registry_release_tables(tables, ntables);
    *out = list.rows;
    *count = list.count;
}

static const char *const sync_states[] = {
    [KDB_COLD_IN_SYNC] = "in_sync",
    [KDB_COLD_PENDING_WRITE] = "pending_write",
    [KDB_COLD_STALE] = "stale",
};

/* What is known of its manifest.json, read before the manifest: what is written in between makes it newer than what it is compared with. */
static void put_state(const kdb_manifest *manifest, const kdb_cold_exported *exported, kdb_manifest_row *row)
{
    row->sync_state = kdb_sv_cstr(sync_states[kdb_cold_sync_of(manifest, exported)]);
    row->etag = exported->etag;
    row->refreshed_us = exported->at_ms * 1000;
    for (size_t i = 0; row->refreshed_us == 0 && i < manifest->nsegments; i++) {
        const int64_t at = manifest->segments[i].created_ms * 1000;
        row->refreshed_us = at > row->refreshed_us ? at : row->refreshed_us;
    }
    row->accessed_us = row->accessed_us > row->refreshed_us ? row->accessed_us : row->refreshed_us;
}

static void put_manifest(const kdb_table *table, const kdb_manifest *manifest, kdb_arena *arena, kdb_manifest_row *row)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_core_manifest_json(table, manifest, &json);
    row->json = kdb_sv_dup(arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
}

/* One whose records cannot be read is shown as that. */
static bool put_error(const kdb_table *table, const kdb_err *err, kdb_manifest_row *row)
{
    kdb_log_warn("manifest is not read table=%.*s.%.*s err=\"%s\"", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name),
                 err->text);
    row->sync_state = KDB_SV("error");
    row->json = KDB_SV("{}");
    return true;
}

bool kdb_core_manifest(kdb_core *core, kdb_arena *arena, kdb_manifest_row *row)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdb_registry_lookup_table(core->registry, row->ns, row->table);
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    kdb_cold_exported exported;
    kdb_err err;
    if (table == NULL) {
        return false;
    }
    const kdb_user_id user = { table->type == KDB_TABLE_SHARED ? (kdb_sv){ NULL, 0 } : row->scope };
    row->in_memory = kdb_manifest_is_cached(core->cold, table, user, &row->accessed_us);
    if (kdb_cold_find_exported(core->cold, table, user, arena, &exported, &err) != KDB_OK ||
        kdb_manifest_get(core->cold, NULL, table, user, false, &manifest, &err) != KDB_OK) {
        return put_error(table, &err, row);
    }
    if (manifest == NULL) {
        return false;
    }
    put_state(manifest, &exported, row);
    put_manifest(table, manifest, arena, row);
    return true;
}

size_t kdb_core_sweep(kdb_core *core)
{
    return core->cold == NULL ? 0 : kdb_cold_sweep(core->cold);
}
