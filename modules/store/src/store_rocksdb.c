/* store_rocksdb.c - the RocksDB backend: point reads, snapshots and the committer's merged writes. */
#include "store_rocksdb.h"

#include <stdlib.h>

/* Beyond this a merged batch gives its memory back rather than keep it for the next group. */
enum { MERGED_KEEP_BYTES = 8 * 1024 * 1024 };
/* Of keys that come nearly in order. */
enum { MOVES_PER_OP = 4 };
/* RocksDB's kBlockCacheTier, which its C header does not name: write buffers and block cache. */
enum { READ_TIER_BLOCK_CACHE = 1 };

kdb_status kdbi_rocks_fail(char *text, const char *doing, kdb_err *err)
{
    const kdb_sv said = kdb_sv_cstr(text);
    const kdb_status status = kdb_sv_has_prefix(said, KDB_SV("Result incomplete")) ? KDB_WOULD_BLOCK
                              : kdb_sv_has_prefix(said, KDB_SV("Corruption"))      ? KDB_CORRUPT
                                                                                   : KDB_IO;
    (void)KDB_FAIL(err, status, "%s: %s", doing, text);
    rocksdb_free(text);
    return status;
}

void kdbi_rocks_log(char *text, const char *doing)
{
    if (text != NULL) {
        kdb_log_warn("%s failed err=%s", doing, text);
        rocksdb_free(text);
    }
}

/* ---- reading ---- */

static const rocksdb_readoptions_t *read_options(const kdbi_rocks *rocks, kdbi_reach reach,
                                                 const kdb_snapshot *snapshot)
{
    return snapshot == NULL ? rocks->latest[reach] : ((const kdbi_rocks_snapshot *)snapshot)->read[reach];
}

rocksdb_readoptions_t *kdbi_rocks_read_options(kdbi_reach reach)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    if (reach == KDBI_REACH_MEMORY) {
        rocksdb_readoptions_set_read_tier(read, READ_TIER_BLOCK_CACHE);
        rocksdb_readoptions_set_background_purge_on_iterator_cleanup(read, 1);
    }
    return read;
}

static uint64_t version(kdb_store *store)
{
    return rocksdb_get_latest_sequence_number(kdbi_rocks_of(store)->db);
}

static kdb_snapshot *snapshot_new(kdb_store *store)
{
    kdbi_rocks_snapshot *snapshot = KDB_NEW(kdbi_rocks_snapshot);
    snapshot->at = rocksdb_create_snapshot(kdbi_rocks_of(store)->db);
    for (kdbi_reach reach = 0; reach < KDBI_REACH_COUNT; reach++) {
        snapshot->read[reach] = kdbi_rocks_read_options(reach);
        rocksdb_readoptions_set_snapshot(snapshot->read[reach], snapshot->at);
    }
    return &snapshot->base;
}

static void snapshot_free(kdb_snapshot *base)
{
    kdbi_rocks_snapshot *snapshot = KDB_CONTAINER_OF(base, kdbi_rocks_snapshot, base);
    for (kdbi_reach reach = 0; reach < KDBI_REACH_COUNT; reach++) {
        rocksdb_readoptions_destroy(snapshot->read[reach]);
    }
    rocksdb_release_snapshot(kdbi_rocks_of(base->store)->db, snapshot->at);
    kdb_free(snapshot);
}

/* RocksDB says 0 when there is none. */
static uint64_t oldest_snapshot(kdb_store *store)
{
    uint64_t oldest = 0;
    (void)rocksdb_property_int(kdbi_rocks_of(store)->db, "rocksdb.oldest-snapshot-sequence", &oldest);
    return oldest == 0 ? UINT64_MAX : oldest;
}

/* Copies the value into `arena` and lets go of RocksDB's block. A present value has a pointer even when empty. */
static kdb_sv take_value(rocksdb_pinnableslice_t *slice, kdb_arena *arena)
{
    size_t len;
    const char *value = rocksdb_pinnableslice_value(slice, &len);
    char *copy = kdb_arena_alloc_raw(arena, len + 1);
    if (len != 0) {
        memcpy(copy, value, len);
    }
    rocksdb_pinnableslice_destroy(slice);
    return (kdb_sv){ copy, len };
}

static kdb_status get(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, kdb_sv key, kdb_arena *arena,
                      kdb_sv *out, kdb_err *err)
{
    const kdbi_rocks *rocks = kdbi_rocks_of(store);
    char *text = NULL;
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned(rocks->db, read_options(rocks, reach, snapshot), key.ptr, key.len, &text);
    if (text != NULL) {
        return kdbi_rocks_fail(text, "reading the store", err);
    }
    if (slice == NULL) {
        return KDB_NOT_FOUND;
    }
    *out = take_value(slice, arena);
    return KDB_OK;
}

/* Moves one answer of a multi-get to the caller; frees what RocksDB gave either way. */
static kdb_status take_answer(rocksdb_pinnableslice_t *slice, char *text, kdb_arena *arena, bool *found, kdb_sv *value,
                              kdb_err *err)
{
    if (text != NULL) {
        return kdbi_rocks_fail(text, "reading the store", err);
    }
    *found = slice != NULL;
    if (slice != NULL && value != NULL) {
        *value = take_value(slice, arena);
    } else if (slice != NULL) {
        rocksdb_pinnableslice_destroy(slice);
    } else if (value != NULL) {
        *value = (kdb_sv){ 0 };
    }
    return KDB_OK;
}

static kdb_status get_each(kdb_store *store, const kdb_snapshot *snapshot, const kdb_sv *keys, size_t count,
                           kdb_arena *arena, bool *found, kdb_sv *values, kdb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        kdb_sv value = { 0 };
        const kdb_status status = get(store, KDBI_REACH_MEMORY, snapshot, keys[i], arena, &value, err);
        if (status != KDB_OK && status != KDB_NOT_FOUND) {
            return status;
        }
        found[i] = status == KDB_OK;
        if (values != NULL) {
            values[i] = value;
        }
    }
    return KDB_OK;
}

/* RocksDB 7.8 reads the disk in a batched call whatever the options say, so these are single ones, of one instant. */
static kdb_status multi_get_cached(kdb_store *store, const kdb_snapshot *snapshot, const kdb_sv *keys, size_t count,
                                   kdb_arena *arena, bool *found, kdb_sv *values, kdb_err *err)
{
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *now = snapshot == NULL ? kdb_snapshot_new(store) : NULL;
    return get_each(store, now == NULL ? snapshot : now, keys, count, arena, found, values, err);
}

static kdb_status multi_get(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, const kdb_sv *keys,
                            size_t count, kdb_arena *arena, bool *found, kdb_sv *values, kdb_err *err)
{
    if (reach == KDBI_REACH_MEMORY) {
        return multi_get_cached(store, snapshot, keys, count, arena, found, values, err);
    }
    const kdbi_rocks *rocks = kdbi_rocks_of(store);
    const char **at = KDB_ARENA_ARRAY(arena, const char *, count);
    size_t *len = KDB_ARENA_ARRAY(arena, size_t, count);
    rocksdb_pinnableslice_t **slices = KDB_ARENA_ARRAY(arena, rocksdb_pinnableslice_t *, count);
    char **texts = KDB_ARENA_ARRAY(arena, char *, count);
    for (size_t i = 0; i < count; i++) {
        at[i] = keys[i].ptr;
        len[i] = keys[i].len;
    }
    rocksdb_batched_multi_get_cf(rocks->db, read_options(rocks, reach, snapshot), rocks->family, count, at, len, slices,
                                 texts, false);
    kdb_status status = KDB_OK;
    for (size_t i = 0; i < count; i++) {
        kdb_err *first = status == KDB_OK ? err : NULL;
        const kdb_status one =
            take_answer(slices[i], texts[i], arena, &found[i], values == NULL ? NULL : &values[i], first);
        status = status == KDB_OK ? one : status;
    }
    return status;
}

/* ---- writing ---- */

static void merge_op(kdbi_rocks *rocks, const kdbi_op *op)
{
    switch (op->kind) {
    case KDBI_OP_PUT:
        rocksdb_writebatch_put(rocks->merged, op->key.ptr, op->key.len, op->value.ptr, op->value.len);
        return;
    case KDBI_OP_DELETE:
        rocksdb_writebatch_delete(rocks->merged, op->key.ptr, op->key.len);
        return;
    case KDBI_OP_DELETE_RANGE:
        rocksdb_writebatch_delete_range(rocks->merged, op->key.ptr, op->key.len, op->value.ptr, op->value.len);
        return;
    }
}

/* What came first comes first when keys are the same. */
static int compare_ops(const void *a, const void *b)
{
    const kdbi_op *const *left = a, *const *right = b;
    const int order = kdb_sv_cmp((*left)->key, (*right)->key);
    return order != 0 ? order : (*left > *right) - (*left < *right);
}

/* Each family's keys together, as they came: rows and their index entries alternate, and are then mostly in order. */
static void order_by_family(kdbi_rocks_window *window)
{
    size_t count = 0;
    for (char family = KDB_FAMILY_META; family < KDB_FAMILY_END; family++) {
        for (size_t i = 0; i < window->count; i++) {
            if (window->ops[i].key.ptr[0] == family) {
                window->order[count++] = &window->ops[i];
            }
        }
    }
    KDB_ASSERT(count == window->count);
}

/* Moves what is out of place to its place; false when that is too much work. */
static bool insert_in_order(kdbi_rocks_window *window)
{
    size_t moves_left = MOVES_PER_OP * window->count;
    for (size_t i = 1; i < window->count; i++) {
        const kdbi_op *op = window->order[i];
        size_t at = i;
        for (; at > 0 && moves_left > 0 && compare_ops(&window->order[at - 1], &op) > 0; at--, moves_left--) {
            window->order[at] = window->order[at - 1];
        }
        window->order[at] = op;
    }
    return moves_left > 0;
}

/* RocksDB remembers where it put the last key, and finds the place of one that comes right behind it at once, not by a
 * walk down its list from the top: rows and index entries that alternate would cost such a walk each. */
static void merge_window(kdbi_rocks *rocks)
{
    kdbi_rocks_window *window = rocks->window;
    order_by_family(window);
    if (!insert_in_order(window)) {
        qsort(window->order, window->count, sizeof(*window->order), compare_ops);
    }
    for (size_t i = 0; i < window->count; i++) {
        merge_op(rocks, window->order[i]);
    }
    window->count = 0;
}

/* A range goes between what came before it and what comes after. */
static void add_op(kdbi_rocks *rocks, const kdbi_op *op)
{
    kdbi_rocks_window *window = rocks->window;
    if (window->count == KDBI_WINDOW_OPS || op->kind == KDBI_OP_DELETE_RANGE) {
        merge_window(rocks);
    }
    if (op->kind == KDBI_OP_DELETE_RANGE) {
        merge_op(rocks, op);
        kdbi_garbage_note(&rocks->garbage, op->key, op->value);
    } else {
        window->ops[window->count++] = *op;
    }
}

static size_t add_batch(kdbi_rocks *rocks, const kdb_batch *batch)
{
    kdb_sv rest = kdbi_batch_ops(batch);
    const size_t size = rest.len;
    while (rest.len != 0) {
        kdbi_op op;
        const kdb_status status = kdbi_op_decode(&rest, &op, NULL);
        KDB_ASSERT(status == KDB_OK); /* written by our own encoder or checked when parsed */
        add_op(rocks, &op);
    }
    return size;
}

static void reset_merged(kdbi_rocks *rocks, size_t used)
{
    if (used <= MERGED_KEEP_BYTES) {
        rocksdb_writebatch_clear(rocks->merged);
        return;
    }
    rocksdb_writebatch_destroy(rocks->merged);
    rocks->merged = rocksdb_writebatch_create();
}

/* What RocksDB says of a table file it will try again, and refuses writes until that works. Anything else may be the log's. */
static bool is_of_a_table_file(const char *text)
{
    return strstr(text, ".sst") != NULL && strstr(text, ".log") == NULL;
}

static kdb_status fail_write(kdbi_rocks *rocks, char *text, kdb_err *err)
{
    kdb_err failure;
    const bool is_final = !is_of_a_table_file(text);
    const kdb_status status = kdbi_rocks_fail(text, "writing to the store", &failure);
    kdbi_disk_fail(&rocks->base.disk, &failure, is_final);
    if (err != NULL) {
        *err = failure;
    }
    return status;
}

static kdb_status write_group(kdb_store *store, const kdb_commit *first, kdb_err *err)
{
    kdbi_rocks *rocks = kdbi_rocks_of(store);
    size_t size = 0;
    for (const kdb_commit *commit = first; commit != NULL; commit = commit->next) {
        size += add_batch(rocks, commit->batch);
    }
    merge_window(rocks);
    if (size == 0) {
        return KDB_OK;
    }
    char *text = NULL;
    rocksdb_write(rocks->db, rocks->write, rocks->merged, &text);
    reset_merged(rocks, size);
    if (text != NULL) {
        return fail_write(rocks, text, err);
    }
    kdbi_disk_succeed(&rocks->base.disk);
    return KDB_OK;
}

static void write_out(kdb_store *store)
{
    const kdbi_rocks *rocks = kdbi_rocks_of(store);
    char *text = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    rocksdb_flush_cf(rocks->db, options, rocks->family, &text);
    rocksdb_flushoptions_destroy(options);
    kdbi_rocks_log(text, "writing out the store's memory");
}

/* ---- a copy ---- */

/* All that is in memory is written out first, so that the copy needs no log. */
static kdb_status checkpoint(kdb_store *store, const char *path, kdb_err *err)
{
    char *text = NULL;
    rocksdb_checkpoint_t *maker = rocksdb_checkpoint_object_create(kdbi_rocks_of(store)->db, &text);
    if (text == NULL) {
        rocksdb_checkpoint_create(maker, path, 0, &text);
        rocksdb_checkpoint_object_destroy(maker);
    }
    return text == NULL ? KDB_OK : kdbi_rocks_fail(text, "copying the store", err);
}

/* ---- figures ---- */

static uint64_t count_jobs(const kdbi_rocks *rocks)
{
    static const char *const properties[] = { "rocksdb.num-running-flushes", "rocksdb.mem-table-flush-pending",
                                              "rocksdb.num-running-compactions", "rocksdb.compaction-pending" };
    uint64_t jobs = 0;
    for (size_t i = 0; i < KDB_ARRAY_LEN(properties); i++) {
        uint64_t some = 0;
        (void)rocksdb_property_int(rocks->db, properties[i], &some);
        jobs += some;
    }
    return jobs;
}

static void usage(kdb_store *store, kdb_store_stats *out)
{
    const kdbi_rocks *rocks = kdbi_rocks_of(store);
    out->background_jobs = count_jobs(rocks);
    (void)rocksdb_property_int(rocks->db, "rocksdb.size-all-mem-tables", &out->memtable_bytes);
    out->block_cache_bytes = rocksdb_cache_get_usage(rocks->cache);
}

const kdbi_backend kdbi_rocks_backend = {
    .close = kdbi_rocks_close,
    .write = write_group,
    .version = version,
    .snapshot_new = snapshot_new,
    .snapshot_free = snapshot_free,
    .oldest_snapshot = oldest_snapshot,
    .get = get,
    .multi_get = multi_get,
    .iter_open = kdbi_rocks_iter_open,
    .iter_next = kdbi_rocks_iter_next,
    .iter_status = kdbi_rocks_iter_status,
    .iter_close = kdbi_rocks_iter_close,
    .iter_size = sizeof(kdbi_rocks_iter),
    .splits = kdbi_rocks_splits,
    .write_out = write_out,
    .reclaim = kdbi_rocks_reclaim,
    .checkpoint = checkpoint,
    .usage = usage,
};
