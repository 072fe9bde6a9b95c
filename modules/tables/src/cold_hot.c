/* cold_hot.c - hot rows of a partition on their way into a file: walked in key order on a snapshot, and taken out of the hot tier in the
 * batch that adds the file's segment. What a partition has besides them stays: tombstones, which resuming clients need, and
 * what was written after the snapshot.
 *
 * Rows that lie side by side are removed by one range, short runs and small partitions key by key: a range costs readers more than a
 * key does. Keys that a range takes though they should stay are put back behind it, in the same batch. */
#include "cold_int.h"

#include <stdlib.h>

enum { RUN_POINTS = 64, INDEX_POINTS = 1024 };

/* A list of `_seq`. */
typedef struct seq_list {
    uint64_t *seqs;
    size_t count, cap;
} seq_list;

/* Keys that follow one another and are to be removed. */
typedef struct run {
    kdb_partition part;
    kdb_batch *batch;
    kdb_arena *arena; /* of the keys; reset with each run */
    kdb_sv keys[RUN_POINTS];
    size_t count;
    kdb_buf last;
} run;

struct kdb_cold_hot {
    kdb_store *store;
    const kdb_table *table;
    kdb_user_id user;
    const kdb_snapshot *snapshot;
    kdb_arena *arena; /* of this */
    kdb_sv from, to;  /* the partition's keys; in family seq too */
    kdb_iter *iter;
    run rows;
    seq_list kept;  /* of tombstones */
    seq_list moved; /* of rows; counted only beyond INDEX_POINTS */
    kdb_batch *batch;
};

/* ---- runs ---- */

static void run_init(run *r, kdb_partition part, kdb_batch *batch)
{
    r->part = part;
    r->batch = batch;
    r->arena = kdb_arena_new(0);
    r->count = 0;
    kdb_buf_init(&r->last, 0);
}

static void run_done(run *r)
{
    kdb_buf_done(&r->last);
    kdb_arena_free(r->arena);
}

static void run_add(run *r, kdb_sv key)
{
    if (r->count < RUN_POINTS) {
        r->keys[r->count] = kdb_sv_dup(r->arena, key);
    }
    r->count++;
    r->last.len = 0;
    kdb_buf_append_sv(&r->last, key);
}

static void run_end(run *r)
{
    if (r->count > RUN_POINTS) {
        kdb_buf_append_byte(&r->last, '\0'); /* the least key above the last */
        kdb_batch_delete_range(r->batch, r->part, r->keys[0], kdb_buf_sv(&r->last));
    } else {
        for (size_t i = 0; i < r->count; i++) {
            kdb_batch_delete(r->batch, r->part, r->keys[i]);
        }
    }
    r->count = 0;
    kdb_arena_reset(r->arena);
}

/* ---- rows ---- */

static void list_add(seq_list *list, uint64_t seq)
{
    *KDB_HEAP_PUSH(list->seqs, list->count, list->cap) = seq;
}

kdb_cold_hot *kdb_cold_hot_new(kdb_store *store, const kdb_table *table, kdb_user_id user, const kdb_snapshot *snapshot,
                               kdb_batch *batch)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdb_cold_hot *hot = KDB_ARENA_NEW(arena, kdb_cold_hot);
    *hot = (kdb_cold_hot){ .store = store,
                           .table = table,
                           .user = { kdb_sv_dup(arena, user.text) },
                           .snapshot = snapshot,
                           .arena = arena,
                           .batch = batch };
    kdb_row_user_range(table, user, arena, &hot->from, &hot->to);
    run_init(&hot->rows, kdb_table_partition(table), batch);
    return hot;
}

void kdb_cold_hot_free(kdb_cold_hot *hot)
{
    if (hot == NULL) {
        return;
    }
    kdb_iter_free(hot->iter);
    run_done(&hot->rows);
    kdb_free(hot->kept.seqs);
    kdb_free(hot->moved.seqs);
    kdb_arena_free(hot->arena);
}

static uint64_t seq_of(kdb_sv row)
{
    return kdb_get_le64(row.ptr + KDBI_ROW_SEQ_AT);
}

static void take(kdb_cold_hot *hot, kdb_sv key, kdb_sv row)
{
    run_add(&hot->rows, key);
    if (hot->moved.count < INDEX_POINTS) {
        list_add(&hot->moved, seq_of(row));
    } else {
        hot->moved.count++;
    }
}

static void move_on(kdb_cold_hot *hot)
{
    if (hot->iter == NULL) {
        const kdb_iter_range range = { .from = hot->from, .to = hot->to, .scan = true };
        hot->iter = kdb_iter_new(hot->store, hot->snapshot, kdb_table_partition(hot->table), range);
    } else {
        kdb_iter_next(hot->iter);
    }
}

kdb_status kdb_cold_hot_next(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err)
{
    kdb_cold_hot *hot = self;
    for (move_on(hot); kdb_iter_valid(hot->iter); kdb_iter_next(hot->iter)) {
        *key = kdb_iter_key(hot->iter);
        *row = kdb_iter_value(hot->iter);
        if (row->len < KDBI_ROW_HEADER) {
            return kdbi_row_damaged(hot->table, err);
        }
        if (!kdbi_row_is_deleted(*row)) {
            take(hot, *key, *row);
            *more = true;
            return KDB_OK;
        }
        run_end(&hot->rows);
        list_add(&hot->kept, seq_of(*row));
    }
    *more = false;
    run_end(&hot->rows);
    return kdb_iter_status(hot->iter, err);
}

/* ---- the seq index ---- */

static int compare_seqs(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Both lists rise: the entries that are no tombstones' go. */
static kdb_status remove_runs(kdb_cold_hot *hot, kdb_err *err)
{
    const kdb_iter_range range = { .from = hot->from, .to = hot->to, .scan = true };
    const kdb_partition part = kdb_table_seq_partition(hot->table);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(hot->store, hot->snapshot, part, range);
    KDB_CLEANUP(run_done) run entries;
    run_init(&entries, part, hot->batch);
    if (hot->kept.count != 0) {
        qsort(hot->kept.seqs, hot->kept.count, sizeof(*hot->kept.seqs), compare_seqs);
    }
    size_t kept = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter);
        if (key.len != hot->from.len + 8) {
            return kdbi_row_damaged(hot->table, err);
        }
        if (kept < hot->kept.count && hot->kept.seqs[kept] == kdb_get_be64(key.ptr + hot->from.len)) {
            kept++;
            run_end(&entries);
        } else {
            run_add(&entries, key);
        }
    }
    run_end(&entries);
    return kdb_iter_status(iter, err);
}

kdb_status kdb_cold_hot_end(kdb_cold_hot *hot, kdb_err *err)
{
    if (hot->moved.count > INDEX_POINTS) {
        return remove_runs(hot, err);
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t i = 0; i < hot->moved.count; i++) {
        kdb_batch_delete(hot->batch, kdb_table_seq_partition(hot->table),
                         kdbi_seq_key(hot->from, hot->moved.seqs[i], arena));
    }
    return KDB_OK;
}

/* ---- what was written since the snapshot ---- */

void kdbi_cold_changed_add(kdb_cold_changed *changed, kdb_sv key, kdb_arena *arena)
{
    *KDB_ARENA_PUSH(arena, changed->keys, changed->count) = key;
}

kdb_iter *kdbi_written_since(kdb_store *store, const kdb_table *table, kdb_sv from, kdb_sv to, uint64_t floor)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_iter_range range = { .from = kdbi_seq_key(from, floor, arena), .to = to };
    return kdb_iter_new(store, NULL, kdb_table_seq_partition(table), range);
}

static kdb_status row_at(const kdb_cold_hot *hot, const kdb_snapshot *snapshot, kdb_sv key, kdb_arena *arena,
                         kdb_sv *out, kdb_err *err)
{
    *out = (kdb_sv){ NULL, 0 };
    const kdb_status status =
        kdb_store_get(hot->store, snapshot, kdb_table_partition(hot->table), key, arena, out, err);
    KDB_TRY(status == KDB_NOT_FOUND ? KDB_OK : status);
    return out->len != 0 && out->len < KDBI_ROW_HEADER ? kdbi_row_damaged(hot->table, err) : KDB_OK;
}

/* One entry of the index as it is now. */
static kdb_status settle_entry(const kdb_cold_hot *hot, kdb_sv entry, kdb_sv rest, kdb_arena *arena,
                               kdb_cold_changed *changed, kdb_err *err)
{
    const kdb_sv key = kdbi_key_join(hot->from, rest, arena);
    const uint64_t seq = kdb_get_be64(entry.ptr + hot->from.len);
    kdb_sv then, now;
    KDB_TRY(row_at(hot, hot->snapshot, key, arena, &then, err));
    if (then.len != 0 && !kdbi_row_is_deleted(then) && seq_of(then) == seq) {
        return KDB_OK; /* as it was: it moves */
    }
    KDB_TRY(row_at(hot, NULL, key, arena, &now, err));
    if (now.len == 0) {
        return kdbi_row_damaged(hot->table, err);
    }
    kdb_batch_put(hot->batch, kdb_table_partition(hot->table), key, now);
    kdb_batch_put(hot->batch, kdb_table_seq_partition(hot->table), entry, rest);
    if (then.len == 0 || kdbi_row_is_deleted(then)) {
        return KDB_OK;
    }
    kdbi_cold_changed_add(changed, key, arena);
    return KDB_OK;
}

kdb_status kdb_cold_hot_settle(kdb_cold_hot *hot, uint64_t floor, kdb_arena *arena, kdb_cold_changed *out, kdb_err *err)
{
    *out = (kdb_cold_changed){ 0 };
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdbi_written_since(hot->store, hot->table, hot->from, hot->to, floor);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_TRY(settle_entry(hot, kdb_iter_key(iter), kdb_iter_value(iter), arena, out, err));
    }
    return kdb_iter_status(iter, err);
}
