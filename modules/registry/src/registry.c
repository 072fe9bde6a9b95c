/* registry.c - the catalog as a whole: made on a new store, loaded from an old one, closed. Readers share one short
 * lock; whoever changes the catalog holds core's DDL gate, stages into a batch, commits and then publishes, so no lock
 * is held over a store call. The counter of table ids is written with every new table: an id is never given twice, not
 * even after the table is dropped, because row keys and files carry it. */
#include "registry_int.h"

static const kdb_sv counter_key = { "next_table_id", sizeof("next_table_id") - 1 };

void kdbi_registry_stage_counter(const kdb_registry *registry, kdb_batch *batch)
{
    char bytes[4];
    kdb_put_le32(bytes, registry->next_table_id);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), counter_key, kdb_sv_of(bytes, sizeof(bytes)));
}

/* KDB_NOT_FOUND on a new store. */
static kdb_status load_counter(kdb_registry *registry, kdb_err *err)
{
    kdb_sv value;
    KDB_TRY(kdb_store_get(registry->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), counter_key,
                          registry->arena, &value, err));
    if (value.len != 4 || kdb_get_le32(value.ptr) < KDBI_FIRST_TABLE_ID) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad counter of table ids (%zu bytes)", value.len);
    }
    registry->next_table_id = kdb_get_le32(value.ptr);
    return KDB_OK;
}

static void stage_local_storage(const kdb_registry *registry, kdb_batch *batch)
{
    int64_t now = kdb_now_us();
    kdb_storage local = {
        .id = KDB_SV("local"),
        .name = KDB_SV("Local Filesystem"),
        .description = KDB_SV("Files below the data directory"),
        .type = KDB_SV("filesystem"),
        .base_directory = KDB_SV(""),
        .shared_template = registry->shared_template,
        .user_template = registry->user_template,
        .created_us = now,
        .updated_us = now,
    };
    kdbi_storage_stage(&local, (kdb_sv){ NULL, 0 }, batch);
}

static void stage_first_namespace(kdb_sv name, kdb_batch *batch)
{
    kdb_namespace ns = { .name = name, .created_us = kdb_now_us(), .options_json = KDB_SV("{}") };
    kdbi_namespace_stage(&ns, batch);
}

/* What every catalog starts with, in one batch; loading then reads it back like any other. */
static kdb_status create_catalog(kdb_registry *registry, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    registry->next_table_id = KDBI_FIRST_TABLE_ID;
    kdbi_registry_stage_counter(registry, batch);
    stage_first_namespace(KDB_SV("default"), batch);
    stage_first_namespace(KDB_SV("dba"), batch);
    stage_local_storage(registry, batch);
    return kdb_store_commit(registry->store, batch, err);
}

static kdb_status load(kdb_registry *registry, kdb_err *err)
{
    kdb_status status = load_counter(registry, err);
    if (status == KDB_NOT_FOUND) {
        status = create_catalog(registry, err);
    }
    KDB_TRY(status);
    KDB_TRY(kdbi_registry_load_namespaces(registry, err));
    KDB_TRY(kdbi_registry_load_storages(registry, err));
    KDB_TRY(kdbi_registry_load_tables(registry, err));
    return kdbi_registry_load_views(registry, err);
}

static kdb_status read_templates(kdb_registry *registry, const kdb_registry_options *options, kdb_err *err)
{
    kdb_status status = kdb_template_check(options->shared_template, KDB_TEMPLATE_SHARED, registry->arena,
                                           &registry->shared_template, err);
    if (status == KDB_OK) {
        status = kdb_template_check(options->user_template, KDB_TEMPLATE_USER, registry->arena,
                                    &registry->user_template, err);
    }
    if (status != KDB_OK) {
        kdb_err_context(err, "templates of section [storage]");
    }
    return status;
}

kdb_status kdb_registry_open(kdb_store *store, const kdb_registry_options *options, kdb_registry **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_registry_closep) kdb_registry *registry = KDB_NEW(kdb_registry);
    registry->store = store;
    atomic_init(&registry->epoch, 1);
    kdb_mutex_init(&registry->lock, KDB_LOCK_REGISTRY);
    registry->arena = kdb_arena_new(0);
    registry->namespaces = kdb_map_new();
    registry->tables = kdb_map_new();
    registry->views = kdb_map_new();
    registry->storages = kdb_map_new();
    registry->staged = kdb_map_new();
    registry->seal = options->seal;
    KDB_TRY(read_templates(registry, options, err));
    KDB_TRY(load(registry, err));
    *out = KDB_TAKE(registry);
    return KDB_OK;
}

static void free_namespaces(kdb_map *map)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(map, &cursor, &key, &value)) {
        kdb_free(value);
    }
    kdb_map_free(map);
}

static void free_tables(kdb_map *map)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(map, &cursor, &key, &value)) {
        kdb_table_unref(value);
    }
    kdb_map_free(map);
}

static void free_storages(kdb_map *map)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(map, &cursor, &key, &value)) {
        kdbi_storage_free(value);
    }
    kdb_map_free(map);
}

static void free_views(kdb_map *map)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(map, &cursor, &key, &value)) {
        kdb_view_unref(value);
    }
    kdb_map_free(map);
}

void kdb_registry_close(kdb_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    free_views(registry->views);
    free_tables(registry->tables);
    free_namespaces(registry->namespaces);
    free_namespaces(registry->staged);
    free_storages(registry->storages);
    kdb_arena_free(registry->arena);
    kdb_mutex_done(&registry->lock);
    kdb_free(registry);
}

uint64_t kdb_registry_epoch(const kdb_registry *registry)
{
    return atomic_load(&registry->epoch);
}
