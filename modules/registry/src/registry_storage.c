/* registry_storage.c - storages: records in partition system_storages (key = id), loaded once at open. `local`, the
 * data directory, is made with the store and keeps the templates it was made with: its files lie by them.
 *
 * record: u8 format | u64 created_us, updated_us | text name, description, type, base_directory, shared_template,
 *         user_template */
#include <stdlib.h>

#include "registry_int.h"

void kdbi_storage_encode(const kdb_storage *storage, kdb_buf *out)
{
    kdb_buf_append_byte(out, KDBI_RECORD_FORMAT);
    kdb_record_write_u64(out, (uint64_t)storage->created_us);
    kdb_record_write_u64(out, (uint64_t)storage->updated_us);
    kdb_record_write_text(out, storage->name);
    kdb_record_write_text(out, storage->description);
    kdb_record_write_text(out, storage->type);
    kdb_record_write_text(out, storage->base_directory);
    kdb_record_write_text(out, storage->shared_template);
    kdb_record_write_text(out, storage->user_template);
}

kdb_status kdbi_storage_decode(kdb_sv id, kdb_sv bytes, kdb_storage *out, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    kdb_storage storage = { .id = id };
    uint8_t format = kdb_record_read_u8(&reader);
    storage.created_us = (int64_t)kdb_record_read_u64(&reader);
    storage.updated_us = (int64_t)kdb_record_read_u64(&reader);
    storage.name = kdb_record_read_text(&reader);
    storage.description = kdb_record_read_text(&reader);
    storage.type = kdb_record_read_text(&reader);
    storage.base_directory = kdb_record_read_text(&reader);
    storage.shared_template = kdb_record_read_text(&reader);
    storage.user_template = kdb_record_read_text(&reader);
    if (!kdb_record_complete(&reader) || format != KDBI_RECORD_FORMAT || id.len == 0 || storage.type.len == 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad storage record of %zu bytes", bytes.len);
    }
    *out = storage;
    return KDB_OK;
}

static kdb_storage copy_storage(const kdb_storage *storage, kdb_arena *arena)
{
    return (kdb_storage){
        .id = kdb_sv_dup(arena, storage->id),
        .name = kdb_sv_dup(arena, storage->name),
        .description = kdb_sv_dup(arena, storage->description),
        .type = kdb_sv_dup(arena, storage->type),
        .base_directory = kdb_sv_dup(arena, storage->base_directory),
        .shared_template = kdb_sv_dup(arena, storage->shared_template),
        .user_template = kdb_sv_dup(arena, storage->user_template),
        .created_us = storage->created_us,
        .updated_us = storage->updated_us,
    };
}

kdb_status kdbi_registry_load_storages(kdb_registry *registry, kdb_err *err)
{
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_STORAGES);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(registry->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_storage borrowed;
        KDB_TRY(kdbi_storage_decode(kdb_iter_key(iter), kdb_iter_value(iter), &borrowed, err));
        kdb_storage *kept = KDB_ARENA_NEW(registry->arena, kdb_storage);
        *kept = copy_storage(&borrowed, registry->arena);
        (void)kdb_map_put(registry->storages, kept->id, kept);
    }
    return kdb_iter_status(iter, err);
}

bool kdb_registry_has_storage(kdb_registry *registry, kdb_sv id)
{
    return kdb_map_lookup(registry->storages, id) != NULL;
}

static int by_id(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_storage *)a)->id, ((const kdb_storage *)b)->id);
}

void kdb_registry_list_storages(kdb_registry *registry, kdb_arena *arena, kdb_storage **out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_storage *list = KDB_ARENA_ARRAY(arena, kdb_storage, kdb_map_count(registry->storages));
    while (kdb_map_next(registry->storages, &cursor, &key, &value)) {
        list[n++] = copy_storage(value, arena);
    }
    qsort(list, n, sizeof(*list), by_id);
    *out = list;
    *count = n;
}
