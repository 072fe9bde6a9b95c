/* store.c - the store as other modules see it: turns partitions and logical keys into physical keys and hands
 * them to the backend it was opened with. */
#include "store_int.h"

void kdb_store_close(kdb_store *store)
{
    if (store == NULL) {
        return;
    }
    kdbi_committer_stop(&store->committer);
    KDB_ASSERT(atomic_load(&store->readers) == 0);
    store->backend->close(store);
}

kdb_snapshot *kdb_snapshot_new(kdb_store *store)
{
    kdb_snapshot *snapshot = store->backend->snapshot_new(store);
    snapshot->store = store;
    atomic_fetch_add_explicit(&store->readers, 1, memory_order_relaxed);
    return snapshot;
}

/* The committer writes a group in no time compared to what it waits for the disk: hardly ever is there a second round. */
kdb_snapshot *kdb_snapshot_new_at(kdb_store *store, uint64_t *version)
{
    for (;;) {
        const uint64_t before = store->backend->version(store);
        kdb_snapshot *snapshot = kdb_snapshot_new(store);
        if (store->backend->version(store) == before) {
            *version = before;
            return snapshot;
        }
        kdb_snapshot_free(snapshot);
    }
}

void kdb_snapshot_free(kdb_snapshot *snapshot)
{
    if (snapshot != NULL) {
        kdb_store *store = snapshot->store;
        store->backend->snapshot_free(snapshot);
        atomic_fetch_sub_explicit(&store->readers, 1, memory_order_release);
    }
}

static kdb_status get(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, kdb_partition part, kdb_sv key,
                      kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_key_done) kdbi_key physical;
    kdbi_key_init(&physical, part, key);
    const kdb_status status = store->backend->get(store, reach, snapshot, kdbi_key_sv(&physical), arena, out, err);
    if (status == KDB_NOT_FOUND && err != NULL) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "no such key in the store");
    }
    return status;
}

kdb_status kdb_store_get(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_sv key,
                         kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    return get(store, KDBI_REACH_DISK, snapshot, part, key, arena, out, err);
}

kdb_status kdb_store_get_cached(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_sv key,
                                kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    return get(store, KDBI_REACH_MEMORY, snapshot, part, key, arena, out, err);
}

/* The physical form of `keys`, one after the other in one piece of `arena`. */
static kdb_sv *physical_keys(kdb_partition part, const kdb_sv *keys, size_t count, kdb_arena *arena)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += KDBI_PREFIX_LEN + keys[i].len;
    }
    kdb_sv *physical = kdb_arena_alloc_raw(arena, count * sizeof(kdb_sv));
    char *at = kdb_arena_alloc_raw(arena, size);
    for (size_t i = 0; i < count; i++) {
        char *end = kdbi_key_put(at, part, keys[i]);
        physical[i] = kdb_sv_of(at, (size_t)(end - at));
        at = end;
    }
    return physical;
}

static kdb_status multi_get(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, kdb_partition part,
                            const kdb_sv *keys, size_t count, kdb_arena *arena, bool *found, kdb_sv *values,
                            kdb_err *err)
{
    if (count == 0) {
        return KDB_OK;
    }
    return store->backend->multi_get(store, reach, snapshot, physical_keys(part, keys, count, arena), count, arena,
                                     found, values, err);
}

kdb_status kdb_store_multi_get(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, const kdb_sv *keys,
                               size_t count, kdb_arena *arena, bool *found, kdb_sv *values, kdb_err *err)
{
    return multi_get(store, KDBI_REACH_DISK, snapshot, part, keys, count, arena, found, values, err);
}

kdb_status kdb_store_multi_get_cached(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part,
                                      const kdb_sv *keys, size_t count, kdb_arena *arena, bool *found, kdb_sv *values,
                                      kdb_err *err)
{
    return multi_get(store, KDBI_REACH_MEMORY, snapshot, part, keys, count, arena, found, values, err);
}

kdb_iter *kdb_iter_new(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_iter_range range)
{
    const size_t size = store->backend->iter_size;
    kdb_iter *iter = kdb_alloc(size + kdbi_bounds_size(range.from, range.to));
    iter->store = store;
    iter->bounds = kdbi_bounds_put((char *)iter + size, part, range.from, range.to);
    iter->descending = range.descending;
    iter->scan = range.scan;
    iter->memory_only = range.memory_only;
    if (kdb_sv_cmp(iter->bounds.lower, iter->bounds.upper) < 0) {
        store->backend->iter_open(iter, snapshot);
        iter->open = true;
    }
    atomic_fetch_add_explicit(&store->readers, 1, memory_order_relaxed);
    return iter;
}

void kdb_iter_free(kdb_iter *iter)
{
    if (iter == NULL) {
        return;
    }
    if (iter->open) {
        iter->store->backend->iter_close(iter);
    }
    atomic_fetch_sub_explicit(&iter->store->readers, 1, memory_order_release);
    kdb_free(iter);
}

bool kdb_iter_valid(const kdb_iter *iter)
{
    return iter->valid;
}

void kdb_iter_next(kdb_iter *iter)
{
    KDB_ASSERT(iter->valid);
    iter->store->backend->iter_next(iter);
}

kdb_sv kdb_iter_key(const kdb_iter *iter)
{
    return (kdb_sv){ iter->key.ptr + KDBI_PREFIX_LEN, iter->key.len - KDBI_PREFIX_LEN };
}

kdb_sv kdb_iter_value(const kdb_iter *iter)
{
    return iter->value;
}

kdb_status kdb_iter_status(const kdb_iter *iter, kdb_err *err)
{
    return iter->open ? iter->store->backend->iter_status(iter, err) : KDB_OK;
}

size_t kdb_store_splits(kdb_store *store, kdb_partition part, kdb_sv from, kdb_sv to, size_t max, kdb_arena *arena,
                        kdb_sv *splits)
{
    char *memory = kdb_arena_alloc_raw(arena, kdbi_bounds_size(from, to));
    const kdbi_bounds bounds = kdbi_bounds_put(memory, part, from, to);
    if (max == 0 || kdb_sv_cmp(bounds.lower, bounds.upper) >= 0) {
        return 0;
    }
    const size_t count = store->backend->splits(store, bounds, max, arena, splits);
    for (size_t i = 0; i < count; i++) {
        splits[i] = (kdb_sv){ splits[i].ptr + KDBI_PREFIX_LEN, splits[i].len - KDBI_PREFIX_LEN };
    }
    return count;
}

uint64_t kdb_store_oldest_snapshot(kdb_store *store)
{
    return store->backend->oldest_snapshot(store);
}

/* Bounds reach over partitions: the end of the family is the beginning of the next. */
kdb_status kdb_store_next_partition(kdb_store *store, kdb_family family, uint32_t from, uint32_t *out, bool *out_found,
                                    kdb_err *err)
{
    const kdb_sv all = { NULL, 0 };
    const size_t size = store->backend->iter_size;
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_alloc(size + kdbi_bounds_size(all, all));
    char *memory = (char *)iter + size;
    iter->store = store;
    iter->bounds = kdbi_bounds_put(memory, (kdb_partition){ family, from }, all, all);
    (void)kdbi_prefix_put(memory + KDBI_PREFIX_LEN, kdbi_partition_after((kdb_partition){ family, UINT32_MAX }));
    atomic_fetch_add_explicit(&store->readers, 1, memory_order_relaxed);
    store->backend->iter_open(iter, NULL);
    iter->open = true;
    *out_found = iter->valid;
    if (iter->valid) {
        *out = kdb_get_be32(iter->key.ptr + 1);
    }
    return kdb_iter_status(iter, err);
}

void kdb_store_write_out(kdb_store *store)
{
    if (kdbi_disk_check(&store->disk, true, NULL) == KDB_OK) {
        store->backend->write_out(store);
    }
}

void kdb_store_reclaim(kdb_store *store)
{
    if (kdbi_disk_check(&store->disk, true, NULL) == KDB_OK) {
        store->backend->reclaim(store);
    }
}

void kdb_store_stats_get(kdb_store *store, kdb_store_stats *out)
{
    *out = (kdb_store_stats){
        .commits = atomic_load_explicit(&store->committer.commits, memory_order_relaxed),
        .groups = atomic_load_explicit(&store->committer.groups, memory_order_relaxed),
        .bytes_written = atomic_load_explicit(&store->committer.bytes, memory_order_relaxed),
    };
    store->backend->usage(store, out);
}

kdb_status kdb_store_checkpoint(kdb_store *store, const char *path, kdb_err *err)
{
    KDB_TRY(kdbi_disk_check(&store->disk, true, err));
    return store->backend->checkpoint == NULL
               ? KDB_FAIL(err, KDB_INVALID_OPERATION, "A store that lies in memory cannot be copied")
               : store->backend->checkpoint(store, path, err);
}
