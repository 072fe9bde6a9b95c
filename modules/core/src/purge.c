/* purge.c - tombstones that nobody resumes over any more leave the store, with their entries in the seq index. On the thread of
 * whoever asks, some at a time: found by a walk, then looked at again with their keys locked, as a row may have been made anew
 * under a key meanwhile. Nobody is told: what goes was deleted long ago.
 * What a table has forgotten is on record, so that a cursor from before is known for one even when the time that deletions are
 * kept for has been made longer since. */
#include "core_int.h"

enum { STEP_ROWS = 1000, STEP_VISITS = 20000 };

/* ---- what is forgotten ---- */

enum { FLOOR_KEY_MAX = 32 };

static kdb_sv floor_key(uint32_t table_id, char bytes[FLOOR_KEY_MAX])
{
    static const char name[] = "purged:";
    memcpy(bytes, name, sizeof(name) - 1);
    kdb_put_be32(bytes + sizeof(name) - 1, table_id);
    return kdb_sv_of(bytes, sizeof(name) - 1 + 4);
}

static kdb_partition floor_partition(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_SETTINGS);
}

uint64_t kdb_core_purge_floor(kdb_core *core, const kdb_table *table)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    char bytes[FLOOR_KEY_MAX];
    kdb_sv value;
    const kdb_status status =
        kdb_store_get(core->store, NULL, floor_partition(), floor_key(table->id, bytes), arena, &value, NULL);
    if (status == KDB_NOT_FOUND) {
        return 0;
    }
    return status == KDB_OK && value.len == 8 ? kdb_get_be64(value.ptr) : UINT64_MAX; /* who knows */
}

static void stage_floor(uint32_t table_id, uint64_t floor, kdb_batch *batch)
{
    char key[FLOOR_KEY_MAX];
    char value[8];
    kdb_put_be64(value, floor);
    kdb_batch_put(batch, floor_partition(), floor_key(table_id, key), kdb_sv_of(value, sizeof(value)));
}

void kdbi_purge_stage_drop(const kdb_table *table, kdb_batch *batch)
{
    char key[FLOOR_KEY_MAX];
    kdb_batch_delete(batch, floor_partition(), floor_key(table->id, key));
}

/* Every `_seq` given before that time is below. */
static uint64_t seq_at(int64_t time_us)
{
    const int64_t ms = time_us / 1000 - KDB_SNOWFLAKE_EPOCH_MS;
    return ms <= 0 ? 0 : (uint64_t)ms << 22;
}

/* ---- one step ---- */

typedef struct purge {
    kdb_core *core;
    kdb_table *table;
    uint64_t below; /* `_seq` */
    kdb_buf place;  /* where the walk goes on; empty: at the beginning */
    bool through;
    kdb_arena *arena; /* of the step, as all below */
    kdb_sv *keys;
    size_t count;
    uint64_t removed; /* of all steps */
} purge;

static kdb_status is_forgettable(const purge *p, kdb_sv bytes, uint64_t *seq, bool *out, kdb_err *err)
{
    kdb_row row;
    KDB_TRY(kdb_row_open(p->table, bytes, &row, err));
    *seq = row.seq;
    *out = row.deleted && row.seq < p->below;
    return KDB_OK;
}

static kdb_status find(purge *p, kdb_err *err)
{
    const kdb_iter_range range = { .from = kdb_buf_sv(&p->place), .scan = true };
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(p->core->store, NULL, kdb_table_partition(p->table), range);
    size_t visits = 0;
    for (; kdb_iter_valid(iter) && visits < STEP_VISITS && p->count < STEP_ROWS; kdb_iter_next(iter), visits++) {
        uint64_t seq = 0;
        bool wanted = false;
        KDB_TRY(is_forgettable(p, kdb_iter_value(iter), &seq, &wanted, err));
        if (wanted) {
            p->keys[p->count++] = kdb_sv_dup(p->arena, kdb_iter_key(iter));
        }
    }
    KDB_TRY(kdb_iter_status(iter, err));
    p->through = !kdb_iter_valid(iter);
    if (!p->through) {
        const kdb_sv next = kdb_sv_dup(p->arena, kdb_iter_key(iter)); /* the walk may have begun at what place holds */
        p->place.len = 0;
        kdb_buf_append_sv(&p->place, next);
    }
    return KDB_OK;
}

/* With the keys locked. */
static kdb_status remove_found(purge *p, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    bool *found = KDB_ARENA_ARRAY(p->arena, bool, p->count);
    kdb_sv *rows = KDB_ARENA_ARRAY(p->arena, kdb_sv, p->count);
    size_t removed = 0;
    KDB_TRY(kdb_store_multi_get(p->core->store, NULL, kdb_table_partition(p->table), p->keys, p->count, p->arena, found,
                                rows, err));
    for (size_t i = 0; i < p->count; i++) {
        uint64_t seq = 0;
        bool wanted = false;
        if (found[i]) {
            KDB_TRY(is_forgettable(p, rows[i], &seq, &wanted, err));
        }
        if (wanted) {
            kdb_tables_stage_purge(p->table, p->keys[i], seq, batch);
            removed++;
        }
    }
    if (removed != 0) {
        stage_floor(p->table->id, p->below, batch);
        KDB_TRY(kdb_store_commit(p->core->store, batch, err));
    }
    p->removed += removed;
    return KDB_OK;
}

/* ---- with the keys locked ---- */

typedef struct lock_wait {
    kdbi_lock_set set;
    kdb_mutex lock; /* rank KDB_LOCK_STEP */
    kdb_cond changed;
    bool granted; /* guarded by lock */
} lock_wait;

static void on_granted(kdbi_lock_set *set)
{
    lock_wait *wait = KDB_CONTAINER_OF(set, lock_wait, set);
    kdb_mutex_lock(&wait->lock);
    wait->granted = true;
    kdb_cond_signal(&wait->changed);
    kdb_mutex_unlock(&wait->lock);
}

static void lock_keys(purge *p, lock_wait *wait)
{
    kdb_mutex_init(&wait->lock, KDB_LOCK_STEP);
    kdb_cond_init(&wait->changed);
    kdbi_lock_set_init(&wait->set, p->table->id, p->keys, p->count, p->arena);
    wait->set.granted = on_granted;
    if (kdbi_row_locks_acquire(p->core->row_locks, &wait->set)) {
        return;
    }
    kdb_mutex_lock(&wait->lock);
    while (!wait->granted) {
        kdb_cond_wait(&wait->changed, &wait->lock);
    }
    kdb_mutex_unlock(&wait->lock);
}

static void unlock_keys(purge *p, lock_wait *wait)
{
    wait->set.changed_now = kdbi_sequencer_now(p->core->sequencer);
    kdbi_row_locks_release(p->core->row_locks, &wait->set);
    kdb_cond_done(&wait->changed);
    kdb_mutex_done(&wait->lock);
}

/* As writes do it: entered with the keys locked, so that who closes the table waits for a commit at most. */
static kdb_status remove_entered(purge *p, kdb_err *err)
{
    KDB_TRY(kdbi_table_enter(p->core, p->table, err));
    const kdb_status status = remove_found(p, err);
    kdbi_table_leave(p->core, p->table);
    return status;
}

static kdb_status run_step(purge *p, kdb_err *err)
{
    lock_wait wait = { .granted = false };
    p->keys = KDB_ARENA_ARRAY(p->arena, kdb_sv, STEP_ROWS);
    p->count = 0;
    KDB_TRY(find(p, err));
    if (p->count == 0) {
        return KDB_OK;
    }
    lock_keys(p, &wait);
    const kdb_status status = remove_entered(p, err);
    unlock_keys(p, &wait);
    return status;
}

static kdb_status run_steps(purge *p, const kdb_work *work, kdb_err *err)
{
    while (!p->through) {
        KDB_TRY(kdb_work_check(work, err));
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        p->arena = arena;
        KDB_TRY(run_step(p, err));
        if (p->removed != 0) {
            work->progress(work->self,
                           kdb_sv_printf(arena, "Removed %llu tombstone(s)", (unsigned long long)p->removed));
        }
    }
    return KDB_OK;
}

kdb_status kdb_core_purge_tombstones(kdb_core *core, kdb_table *table, int64_t before_us, const kdb_work *work,
                                     uint64_t *out_rows, kdb_err *err)
{
    KDB_ASSERT(table->type != KDB_TABLE_STREAM);
    purge p = { .core = core, .table = table, .below = seq_at(before_us) };
    kdb_buf_init(&p.place, 0);
    const kdb_status status = run_steps(&p, work, err);
    kdb_buf_done(&p.place);
    *out_rows = p.removed;
    return status;
}
