/* write.c - what one INSERT, UPDATE or DELETE writes, from evaluation to publication (design 5): lock the keys, check the
 * rows under the locks, give each its `_seq`, one batch, durable, publish in order, unlock, answer. Evaluation and check
 * run on workers; everything from the commit on runs on the committer. In a transaction a statement's rows are kept by
 * that, without a lock, and COMMIT goes this way with all of them: a chain of writes, one per table. */
#include "core_int.h"

/* Rows, keys and numbers of small writes lie in the arena or on the stack: what is freed on another thread than it was taken
 * on costs both a lock. */
enum { FIRST_ROWS = 4, FEW_ROWS = 16, BATCH_ARENA_BYTES = 32 * 1024 };

kdbi_write *kdbi_write_new(kdb_exec *exec, kdb_table *table, kdb_user_id user)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_write *write = KDB_ARENA_NEW(arena, kdbi_write);
    write->arena = arena;
    write->core = exec->core;
    write->exec = exec;
    write->table = kdb_table_ref(table);
    write->user = (kdb_user_id){ kdb_sv_dup(arena, user.text) };
    write->staged_in = exec->txn;
    write->limit = exec->core->write_limit;
    atomic_init(&write->owners, 2);
    return write;
}

static void write_free(kdbi_write *write)
{
    kdb_batch_free(write->batch);
    kdbi_returning_free(write->returning);
    kdbi_policies_unref(write->policies);
    kdbi_high_mark_release(write->mark);
    if (write->rows_on_heap) {
        kdb_free(write->rows);
    }
    kdb_table_unref(write->table);
    kdbi_txn_unref(write->commits);
    kdb_arena_free(write->arena);
}

static void write_drop_owner(kdbi_write *write)
{
    if (atomic_fetch_sub_explicit(&write->owners, 1, memory_order_acq_rel) == 1) {
        write_free(write);
    }
}

/* Gives back what other writes wait for. */
static void unlock(kdbi_write *write)
{
    if (write->locked) {
        write->locked = false;
        kdbi_row_locks_release(write->core->row_locks, &write->locks);
    }
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        if (at->entered) {
            at->entered = false;
            kdbi_table_leave(at->core, at->table);
        }
    }
}

void kdbi_write_abandon(kdbi_write *write)
{
    if (write != NULL) {
        unlock(write);
    }
    while (write != NULL) {
        kdbi_write *also = write->also;
        write_free(write);
        write = also;
    }
}

kdb_status kdbi_write_charge(kdbi_write *write, size_t bytes, kdb_err *err)
{
    write->bytes += bytes;
    if (write->bytes > write->limit) {
        return KDB_FAIL(err, KDB_LIMIT,
                        "The statement writes more than limits.max_statement_write_bytes allows (%zu bytes)",
                        write->limit);
    }
    return KDB_OK;
}

static void grow_rows(kdbi_write *write)
{
    kdbi_row_write *rows = write->rows;
    const bool to_heap = write->cap >= FEW_ROWS;
    write->cap = write->cap == 0 ? FIRST_ROWS : write->cap * 2;
    const size_t size = write->cap * sizeof(*rows);
    if (write->rows_on_heap) {
        write->rows = kdb_realloc(rows, size);
        return;
    }
    write->rows = to_heap ? kdb_alloc(size) : kdb_arena_alloc_raw(write->arena, size);
    write->rows_on_heap = to_heap;
    if (write->nrows > 0) {
        memcpy(write->rows, rows, write->nrows * sizeof(*rows));
    }
}

kdb_status kdbi_write_add(kdbi_write *write, size_t bytes, kdbi_row_write **out, kdb_err *err)
{
    KDB_TRY(kdbi_write_charge(write, bytes + sizeof(kdbi_row_write), err));
    if (write->nrows == write->cap) {
        grow_rows(write);
    }
    *out = &write->rows[write->nrows++];
    **out = (kdbi_row_write){ .op = write->op };
    return KDB_OK;
}

size_t kdbi_write_count(const kdbi_write *write)
{
    size_t count = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        count += !write->rows[i].skip;
    }
    return count;
}

/* ---- locking ---- */

/* The table is gone, or what was evaluated may not fit what it is now: then the statement begins again. A transaction that
 * has evaluated all its statements cannot, unless the table was only closed for a while, as a flush does: its COMMIT begins again. */
static kdb_status turned_away(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    kdbi_table_tell_closer(write->core);
    const kdb_table_state state = kdb_table_state_of(write->table); /* it may have been opened again by now */
    if (write->commits != NULL && (state == KDB_TABLE_REPLACED || state == KDB_TABLE_DROPPED)) {
        return kdbi_txn_conflict(write, "DDL has changed table", err);
    }
    if (state == KDB_TABLE_DROPPED) {
        return kdbi_table_fail_gone(write->table, err);
    }
    *pending = true;
    kdbi_table_await(exec, write->table);
    return KDB_OK;
}

/* The tables are entered only now: from here to the end of the commit a write waits for no worker, which DDL, that waits
 * for it on a worker, relies on. */
static kdb_status run_locked(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    write->locked = true;
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        if (!kdb_table_write_enter(at->table)) {
            return turned_away(exec, at, pending, err);
        }
        at->entered = true;
    }
    return write->locked_step(exec, write, pending, err);
}

static void resume_locked(kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    bool pending = false;
    const kdb_status status = run_locked(exec, exec->write, &pending, &err);
    if (pending) {
        return;
    }
    if (status != KDB_OK && exec->stale) {
        kdbi_exec_again(exec);
        return;
    }
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, &err);
        return;
    }
    kdbi_worker_leave(exec);
    kdbi_exec_statement_done(exec);
}

static void on_locks_granted(kdbi_lock_set *set)
{
    kdbi_write *write = KDB_CONTAINER_OF(set, kdbi_write, locks);
    kdbi_exec_requeue(write->exec, resume_locked);
}

static void add_locks(kdbi_write *write, const kdbi_write *part)
{
    kdb_sv few[FEW_ROWS];
    kdb_sv *keys = part->nrows <= FEW_ROWS ? few : kdb_alloc_array(part->nrows, sizeof(*keys));
    size_t count = 0;
    for (size_t i = 0; i < part->nrows; i++) {
        if (!part->rows[i].fresh) {
            keys[count++] = part->rows[i].key;
        }
    }
    kdbi_lock_set_add(&write->locks, part->table->id, keys, count, write->arena);
    if (keys != few) {
        kdb_free(keys);
    }
}

/* One set for all tables, so that the stripes of all are taken in one order. */
static void collect_locks(kdbi_write *write)
{
    write->locks = (kdbi_lock_set){ .granted = on_locks_granted };
    for (const kdbi_write *at = write; at != NULL; at = at->also) {
        add_locks(write, at);
    }
}

kdb_status kdbi_write_lock(kdbi_write *write, kdb_status (*step)(kdb_exec *, kdbi_write *, bool *, kdb_err *),
                           bool *pending, kdb_err *err)
{
    kdb_exec *exec = write->exec;
    if (write->staged_in != NULL) {
        return step(exec, write, pending, err);
    }
    collect_locks(write);
    write->locked_step = step;
    /* Once parked, another thread may go on with the execution before acquire returns. */
    kdbi_worker *worker = exec->worker;
    kdbi_worker_leave(exec);
    if (!kdbi_row_locks_acquire(write->core->row_locks, &write->locks)) {
        *pending = true;
        return KDB_OK;
    }
    kdbi_worker_enter(worker, exec);
    return run_locked(exec, write, pending, err);
}

/* ---- commit ---- */

static bool is_watched(const kdbi_write *write)
{
    const kdb_core *core = write->core;
    for (size_t i = 0; i < core->nsinks; i++) {
        const kdb_change_sink *sink = &core->sinks[i];
        if (sink->watches == NULL || sink->watches(sink->self, write->table->id, write->user)) {
            return true;
        }
    }
    return false;
}

static void publish(kdbi_write *write)
{
    kdb_core *core = write->core;
    if (write->status != KDB_OK || !is_watched(write)) {
        return;
    }
    kdb_row_change *changes = KDB_ARENA_ARRAY(write->arena, kdb_row_change, write->nrows + 1);
    size_t count = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        const kdbi_row_write *row = &write->rows[i];
        if (!row->skip) {
            changes[count++] = (kdb_row_change){ .op = row->op,
                                                 .table = write->table,
                                                 .user = write->user,
                                                 .key = row->key,
                                                 .seq = row->seq,
                                                 .version = write->version,
                                                 .new_row = row->row,
                                                 .old_row = row->old_row };
        }
    }
    for (size_t i = 0; i < core->nsinks; i++) {
        core->sinks[i].on_changes(core->sinks[i].self, changes, count);
    }
}

static void publish_in_order(kdbi_write *write)
{
    kdbi_seq_ticket *ticket = kdbi_sequencer_finish(write->core->sequencer, write->table->id, &write->ticket);
    while (ticket != NULL) {
        kdbi_seq_ticket *next = ticket->next;
        kdbi_write *ready = KDB_CONTAINER_OF(ticket, kdbi_write, ticket);
        publish(ready);
        write_drop_owner(ready);
        ticket = next;
    }
}

/* Every table's changes are published before the locks go and the client hears of them. */
static void publish_all(kdbi_write *write, kdb_status status, uint64_t version)
{
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        at->status = status;
        at->version = version;
    }
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        if (at->numbered) {
            publish_in_order(at);
        } else { /* all its rows were skipped: nothing to tell */
            write_drop_owner(at);
        }
    }
}

static void drop_all(kdbi_write *write)
{
    while (write != NULL) {
        kdbi_write *also = write->also;
        write_drop_owner(write);
        write = also;
    }
}

static void answer(kdb_exec *exec, kdb_change_op op, size_t count)
{
    if (exec->txn != NULL) { /* of all statements in it, COMMIT alone comes here */
        kdbi_txn_committed(exec);
    } else {
        kdbi_exec_affected(exec, op, count);
    }
    kdbi_exec_statement_done(exec);
}

/* Committer. */
static void on_committed(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    kdbi_write *write = KDB_CONTAINER_OF(commit, kdbi_write, commit);
    kdb_exec *exec = write->exec;
    const kdb_change_op op = write->op;
    const size_t count = kdbi_write_count(write);
    if (status == KDB_OK) {
        kdb_seq_ceiling_confirm(&write->core->ceiling, write->ceiling);
    }
    exec->returning = KDB_TAKE(write->returning);
    publish_all(write, status, commit->version);
    write->locks.changed_now = kdbi_sequencer_now(write->core->sequencer);
    unlock(write);
    exec->write = NULL;
    drop_all(write);
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, err);
    } else if (exec->returning != NULL) {
        kdbi_returning_hand_over(exec);
    } else {
        answer(exec, op, count);
    }
}

static void stage_row(kdbi_write *write, kdbi_row_write *row, kdb_batch *batch)
{
    if (row->key.len == 0) { /* the key is made from the row's first `_seq` */
        row->key = kdb_row_key_hidden(write->table, write->user, row->seq, write->arena);
    }
    if (row->row.len == 0) {
        kdb_tables_stage_remove(write->table, row->key, batch);
        return;
    }
    kdb_row_stamp(row->row, row->seq);
    if (row->place.segment != 0) {
        kdb_cold_stage_dead(write->table, write->user, row->place, row->key, row->seq, batch);
    }
    kdb_tables_stage_put(write->table, write->user, row->key, row->row, row->seq, row->old_seq, batch);
}

/* Returns the greatest `_seq`. */
static uint64_t number_and_stage(kdbi_write *write, size_t count, kdb_batch *batch)
{
    uint64_t few[FEW_ROWS];
    uint64_t *seqs = count <= FEW_ROWS ? few : kdb_alloc_array(count, sizeof(*seqs));
    kdbi_sequencer_enter(write->core->sequencer, write->table->id, write->user, &write->ticket, seqs, count);
    size_t next = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        kdbi_row_write *row = &write->rows[i];
        if (!row->skip) {
            row->seq = seqs[next++];
            stage_row(write, row, batch);
        }
    }
    const uint64_t last = seqs[count - 1];
    if (seqs != few) {
        kdb_free(seqs);
    }
    return last;
}

/* Numbers are taken after everything that can fail, so that a place in a table's line is always given up again. */
static void make_batch(kdbi_write *write)
{
    uint64_t last = 0;
    write->batch = kdb_batch_new_in(write->arena, write->bytes < BATCH_ARENA_BYTES ? write->bytes : BATCH_ARENA_BYTES);
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        const size_t count = kdbi_write_count(at);
        kdbi_write_raise_mark(at);
        at->numbered = count > 0;
        if (at->numbered) {
            last = number_and_stage(at, count, write->batch); /* later numbers are greater */
        }
    }
    write->ceiling = kdb_seq_ceiling_stage(&write->core->ceiling, last, write->batch);
}

/* Nothing goes to the committer: the statement is done. */
static kdb_status end_here(kdbi_write *write, bool *pending, kdb_err *err)
{
    kdb_exec *exec = write->exec;
    const kdb_change_op op = write->op;
    const size_t count = kdbi_write_count(write);
    if (write->returning != NULL) {
        kdbi_returning_number(write->returning, write);
    }
    exec->returning = KDB_TAKE(write->returning);
    exec->write = NULL;
    kdbi_write_abandon(write);
    if (exec->returning != NULL && exec->in_lane) { /* rows may have to wait for the client: not on a net thread */
        *pending = true;
        kdbi_worker_leave(exec);
        kdbi_returning_hand_over(exec);
        return KDB_OK;
    }
    if (exec->returning != NULL) {
        return kdbi_returning_send(exec, err);
    }
    kdbi_exec_affected(exec, op, count);
    return KDB_OK;
}

static bool is_empty(const kdbi_write *write)
{
    const kdbi_write *at = write;
    while (at != NULL && kdbi_write_count(at) == 0) {
        at = at->also;
    }
    return at == NULL;
}

kdb_status kdbi_write_commit(kdbi_write *write, bool *pending, kdb_err *err)
{
    if (write->returning != NULL) {
        KDB_TRY(kdbi_returning_compute(write->returning, write, err));
    }
    if (write->staged_in != NULL) {
        KDB_TRY(kdbi_txn_stage(write->staged_in, write, err));
        return end_here(write, pending, err);
    }
    if (is_empty(write)) {
        return end_here(write, pending, err);
    }
    make_batch(write);
    if (write->returning != NULL) {
        kdbi_returning_number(write->returning, write);
    }
    kdbi_worker_leave(write->exec); /* from here on the committer may end the request at any moment */
    write->commit = (kdb_commit){ .batch = write->batch, .done = on_committed };
    *pending = true;
    kdb_store_commit_async(write->core->store, &write->commit);
    return KDB_OK;
}
