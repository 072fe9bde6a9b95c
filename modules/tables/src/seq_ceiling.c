/* seq_ceiling.c - the stored bound above which a new run begins its `_seq`.
 *
 * A ceiling is a key of its own, "seq_ceiling:" and 8 big-endian bytes, and the greatest counts: batches may reach the
 * committer in another order than they were staged, and a later one with a lower ceiling must not undo a higher one. A
 * batch removes the ceiling that it knows to be durable, which is always lower than its own; the few that a race leaves
 * behind go at the next start.
 *
 * Ceilings lie on whole windows of time, so that all batches of a window stage the same one. Until the first of them is
 * confirmed each carries it: a `_seq` is safe only when its own batch, or one committed before, brings its ceiling. */
#include "tables_int.h"

enum { WINDOW_MS = 1000, ID_TIME_SHIFT = 22 };

#define PREFIX "seq_ceiling:"
enum { PREFIX_LEN = sizeof(PREFIX) - 1, KEY_LEN = PREFIX_LEN + 8 };
/* The byte after the colon. */
static const kdb_sv prefix_end = { "seq_ceiling;", PREFIX_LEN };

static kdb_partition settings(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_SETTINGS);
}

static kdb_sv put_key(char bytes[KEY_LEN], uint64_t ceiling)
{
    memcpy(bytes, PREFIX, PREFIX_LEN);
    kdb_put_be64(bytes + PREFIX_LEN, ceiling);
    return (kdb_sv){ bytes, KEY_LEN };
}

static void stage_replace(uint64_t old, uint64_t ceiling, kdb_batch *batch)
{
    char bytes[KEY_LEN];
    if (old != 0) {
        kdb_batch_delete(batch, settings(), put_key(bytes, old));
    }
    kdb_batch_put(batch, settings(), put_key(bytes, ceiling), (kdb_sv){ NULL, 0 });
}

/* The end of the window after the one that `seq` lies in. */
static uint64_t window_after(uint64_t seq)
{
    return ((seq >> ID_TIME_SHIFT) / WINDOW_MS + 2) * WINDOW_MS << ID_TIME_SHIFT;
}

/* Reads the greatest ceiling; stages the removal of the others. */
static kdb_status read_greatest(kdb_store *store, uint64_t *out, kdb_batch *sweep, kdb_err *err)
{
    const kdb_iter_range range = { .from = { PREFIX, PREFIX_LEN }, .to = prefix_end, .descending = true };
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(store, NULL, settings(), range);
    *out = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter);
        if (key.len != KEY_LEN) {
            return KDB_FAIL(err, KDB_CORRUPT, "a stored ceiling of sequence numbers has %zu bytes, not %d", key.len,
                            KEY_LEN);
        }
        if (*out == 0) {
            *out = kdb_get_be64(key.ptr + PREFIX_LEN);
        } else {
            kdb_batch_delete(sweep, settings(), key);
        }
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_seq_ceiling_open(kdb_seq_ceiling *ceiling, kdb_store *store, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *sweep = kdb_batch_new();
    uint64_t greatest = 0;
    KDB_TRY(read_greatest(store, &greatest, sweep, err));
    if (kdb_batch_count(sweep) != 0) {
        KDB_TRY(kdb_store_commit(store, sweep, err));
    }
    kdb_snowflake_raise(greatest);
    atomic_store(&ceiling->durable, greatest);
    return KDB_OK;
}

uint64_t kdb_seq_ceiling_stage(const kdb_seq_ceiling *ceiling, uint64_t seq, kdb_batch *batch)
{
    const uint64_t durable = atomic_load_explicit(&ceiling->durable, memory_order_relaxed);
    if (KDB_LIKELY(seq <= durable)) {
        return 0;
    }
    const uint64_t next = window_after(seq);
    stage_replace(durable, next, batch);
    return next;
}

void kdb_seq_ceiling_confirm(kdb_seq_ceiling *ceiling, uint64_t staged)
{
    uint64_t durable = atomic_load_explicit(&ceiling->durable, memory_order_relaxed);
    while (durable < staged && !atomic_compare_exchange_weak_explicit(&ceiling->durable, &durable, staged,
                                                                      memory_order_relaxed, memory_order_relaxed)) {}
}

kdb_status kdb_seq_ceiling_settle(kdb_seq_ceiling *ceiling, kdb_store *store, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const uint64_t last = kdb_snowflake_next();
    kdb_batch_delete_range(batch, settings(), (kdb_sv){ PREFIX, PREFIX_LEN }, prefix_end);
    stage_replace(0, last, batch);
    KDB_TRY(kdb_store_commit(store, batch, err));
    atomic_store(&ceiling->durable, last);
    return KDB_OK;
}
