/* txn.c - an explicit transaction (sql.md 10): one snapshot that all its statements read, and its own rows laid over it.
 * It lives within one request and holds no lock before COMMIT, so whatever ends the request gives everything back. All it
 * remembers lies in one arena: what is replaced or rolled back stays there and counts against the limit, which makes the
 * limit one on the work a transaction does and keeps undoing as cheap as a pointer. */
#include "core_int.h"

/* What a staged row takes besides its bytes: its place in the overlay and its entry in the undo list. */
enum { ROW_OVERHEAD = 160 };

/* A row as it was before a statement changed it, for ROLLBACK TO. */
struct kdbi_undo {
    kdbi_undo *older;
    kdb_overlay_row *row;
    kdb_sv before;
};

struct kdbi_savepoint {
    kdbi_savepoint *outer;
    kdb_sv name;
    kdbi_undo *undo; /* the newest change when it was set */
    uint64_t affected[3];
};

/* ---- life ---- */

/* Without a snapshot; nobody else knows it yet. */
static kdbi_txn *txn_new(kdb_core *core)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_txn *txn = KDB_ARENA_NEW(arena, kdbi_txn);
    txn->arena = arena;
    txn->core = core;
    atomic_init(&txn->refs, 1);
    kdb_uuid_v7_text(txn->id);
    txn->started_us = kdb_monotonic_us();
    atomic_init(&txn->active_us, txn->started_us);
    txn->snapshot_seq = kdb_snowflake_next();
    return txn;
}

static void begin(kdb_exec *exec, kdbi_txn *txn)
{
    if (exec->number == 0) {
        exec->number = atomic_fetch_add_explicit(&exec->core->transacting, 1, memory_order_relaxed) + 1;
    }
    txn->request = exec->number;
    memcpy(txn->affected, exec->affected, sizeof(txn->affected));
    kdb_mutex_lock(&exec->core->lock);
    exec->txn = txn;
    kdb_mutex_unlock(&exec->core->lock);
}

void kdbi_txn_begin(kdb_exec *exec)
{
    kdbi_txn *txn = txn_new(exec->core);
    txn->moment = kdbi_sequencer_now(exec->core->sequencer);
    txn->snapshot = kdb_snapshot_new(exec->core->store);
    begin(exec, txn);
}

void kdbi_txn_begin_blind(kdb_exec *exec)
{
    kdbi_txn *txn = txn_new(exec->core);
    txn->blind = txn->untold = true;
    begin(exec, txn);
}

void kdbi_txn_tell_begun(kdb_exec *exec)
{
    kdbi_exec_message(exec, "Transaction started (%s)", exec->txn->id);
}

void kdbi_txn_end(kdb_exec *exec)
{
    kdbi_txn *txn = exec->txn;
    if (txn == NULL) {
        return;
    }
    kdb_mutex_lock(&exec->core->lock);
    exec->txn = NULL;
    kdb_mutex_unlock(&exec->core->lock);
    kdb_snapshot_free(txn->snapshot);
    txn->snapshot = NULL;
    kdbi_txn_unref(txn);
}

void kdbi_txn_roll_back(kdb_exec *exec)
{
    memcpy(exec->affected, exec->txn->affected, sizeof(exec->affected));
    kdbi_txn_end(exec);
}

kdbi_txn *kdbi_txn_ref(kdbi_txn *txn)
{
    atomic_fetch_add_explicit(&txn->refs, 1, memory_order_relaxed);
    return txn;
}

void kdbi_txn_unref(kdbi_txn *txn)
{
    if (txn == NULL || atomic_fetch_sub_explicit(&txn->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (kdbi_txn_table *at = txn->tables; at != NULL; at = at->next) {
        kdbi_high_mark_release(at->mark);
        kdb_table_unref(at->table);
    }
    kdb_arena_free(txn->arena);
}

/* ---- what others see of it ---- */

static const char *state_name(const kdbi_txn *txn)
{
    if (atomic_load_explicit(&txn->state, memory_order_relaxed) == KDBI_TXN_COMMITTING) {
        return "committing";
    }
    return atomic_load_explicit(&txn->writes, memory_order_relaxed) > 0 ? "open_write" : "open_read";
}

static kdb_transaction_row row_of(const kdbi_txn *txn, int64_t now_us, kdb_arena *arena)
{
    const int64_t idle_us = now_us - atomic_load_explicit(&txn->active_us, memory_order_relaxed);
    return (kdb_transaction_row){ .id = kdb_sv_dup(arena, kdb_sv_cstr(txn->id)),
                                  .owner = kdb_sv_printf(arena, "sql-req-%llu", (unsigned long long)txn->request),
                                  .origin = KDB_SV("SqlBatch"),
                                  .state = kdb_sv_cstr(state_name(txn)),
                                  .age_ms = (now_us - txn->started_us) / 1000,
                                  .idle_ms = idle_us / 1000,
                                  .writes = (int64_t)atomic_load_explicit(&txn->writes, memory_order_relaxed),
                                  .bytes = (int64_t)atomic_load_explicit(&txn->bytes, memory_order_relaxed),
                                  .tables = (int64_t)atomic_load_explicit(&txn->ntables, memory_order_relaxed),
                                  .snapshot_seq = (int64_t)txn->snapshot_seq };
}

void kdb_core_transactions(kdb_core *core, kdb_arena *arena, kdb_transaction_row **out, size_t *count)
{
    const int64_t now_us = kdb_monotonic_us();
    size_t n = 0;
    kdb_mutex_lock(&core->lock);
    kdb_transaction_row *rows = KDB_ARENA_ARRAY(arena, kdb_transaction_row, core->live + 1);
    for (const kdb_exec *exec = core->first_live; exec != NULL; exec = exec->next_live) {
        if (exec->txn != NULL) { /* not ended while we hold the lock */
            rows[n++] = row_of(exec->txn, now_us, arena);
        }
    }
    kdb_mutex_unlock(&core->lock);
    *out = rows;
    *count = n;
}

/* ---- statements ---- */

static kdb_status refuse_idle(const kdbi_txn *txn, kdb_stmt_kind kind, kdb_err *err)
{
    const char *action = kind == KDB_STMT_COMMIT ? "commit" : kind == KDB_STMT_ROLLBACK ? "roll back" : "use";
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "cannot %s transaction '%s' because it timed out and was aborted",
                    action, txn->id);
}

kdb_status kdbi_txn_resume(kdbi_txn *txn, kdb_stmt_kind kind, int64_t now_us, kdb_err *err)
{
    if (now_us - atomic_load_explicit(&txn->active_us, memory_order_relaxed) > txn->core->txn_idle_us) {
        return refuse_idle(txn, kind, err);
    }
    if ((kdb_stmt_defs[kind].flags & KDB_STMT_DDL) != 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "DDL is not allowed inside explicit transaction '%s'", txn->id);
    }
    atomic_store_explicit(&txn->active_us, now_us, memory_order_relaxed);
    return KDB_OK;
}

static kdbi_txn_table *find_table(const kdbi_txn *txn, uint32_t table_id, kdb_user_id user)
{
    for (kdbi_txn_table *at = txn->tables; at != NULL; at = at->next) {
        if (at->table->id == table_id && kdb_sv_eq(at->user.text, user.text)) {
            return at;
        }
    }
    return NULL;
}

/* All statements must mean the same table by a name, and the same columns. */
static kdb_status admit_table(kdbi_txn *txn, kdb_table *table, kdb_user_id user, kdb_err *err)
{
    if (table->type == KDB_TABLE_STREAM) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "stream tables are not supported inside explicit transactions");
    }
    kdbi_txn_table *known = find_table(txn, table->id, user);
    if (known != NULL && known->table == table) {
        return KDB_OK;
    }
    if (known != NULL) {
        return KDB_FAIL(err, KDB_CONFLICT, "table '%.*s.%.*s' was altered after transaction '%s' had used it",
                        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), txn->id);
    }
    kdbi_txn_table *added = KDB_ARENA_NEW(txn->arena, kdbi_txn_table);
    added->table = kdb_table_ref(table);
    added->user = (kdb_user_id){ kdb_sv_dup(txn->arena, user.text) };
    added->next = txn->tables;
    txn->tables = added;
    atomic_fetch_add_explicit(&txn->ntables, 1, memory_order_relaxed);
    return KDB_OK;
}

kdb_status kdbi_txn_admit(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    for (size_t i = 0; i < plan->nslots; i++) {
        kdb_table *table = plan->slots[i].table;
        if (table == NULL) {
            return KDB_FAIL_AT(err, plan->slots[i].position, KDB_INVALID_OPERATION,
                               "system tables are not supported inside explicit transactions");
        }
        KDB_TRY(admit_table(exec->txn, table, kdbi_exec_user(exec, table), err));
    }
    if (plan->target == NULL) {
        return KDB_OK;
    }
    return admit_table(exec->txn, plan->target, kdbi_exec_user(exec, plan->target), err);
}

const kdb_overlay *kdbi_txn_overlay(const kdbi_txn *txn, const kdb_table *table, kdb_user_id user)
{
    const kdbi_txn_table *at = txn == NULL ? NULL : find_table(txn, table->id, user);
    return at == NULL ? NULL : at->overlay;
}

kdbi_high_mark *kdbi_txn_mark(kdbi_txn *txn, const kdb_table *table, kdb_user_id user)
{
    kdbi_txn_table *at = find_table(txn, table->id, user);
    KDB_ASSERT(at != NULL); /* admitted when it was bound */
    if (at->mark == NULL) {
        at->mark = kdbi_high_mark_hold(txn->core->marks, table, user);
    }
    return at->mark;
}

/* ---- staging ---- */

kdb_status kdbi_txn_charge(kdbi_txn *txn, const kdbi_write *write, kdb_err *err)
{
    size_t bytes = atomic_load_explicit(&txn->bytes, memory_order_relaxed);
    for (size_t i = 0; i < write->nrows; i++) {
        const kdbi_row_write *row = &write->rows[i];
        bytes += row->skip ? 0 : row->key.len + row->row.len + row->old_row.len + ROW_OVERHEAD;
    }
    if (bytes > txn->core->txn_limit) {
        return KDB_FAIL(err, KDB_LIMIT, "transaction '%s' exceeded buffer limit of %zu bytes and was aborted", txn->id,
                        txn->core->txn_limit);
    }
    atomic_store_explicit(&txn->bytes, bytes, memory_order_relaxed);
    return KDB_OK;
}

static void remember(kdbi_txn *txn, kdb_overlay_row *row)
{
    if (txn->savepoints == NULL) {
        return;
    }
    kdbi_undo *entry = KDB_ARENA_NEW(txn->arena, kdbi_undo);
    *entry = (kdbi_undo){ .older = txn->undo, .row = row, .before = row->row };
    txn->undo = entry;
}

static kdb_sv copy_row(kdb_arena *arena, kdb_sv row)
{
    char *copy = kdb_arena_alloc_raw(arena, row.len); /* aligned, as rows that are read must be */
    memcpy(copy, row.ptr, row.len);
    return (kdb_sv){ copy, row.len };
}

/* A row gets a provisional `_seq`: later than what the snapshot holds, in the order of writing, and replaced at COMMIT. */
static void stage_row(kdbi_txn *txn, kdbi_txn_table *at, kdbi_row_write *row)
{
    row->seq = kdb_snowflake_next();
    const bool hidden = row->key.len == 0;
    kdb_overlay_row *own =
        kdb_overlay_add(at->overlay, hidden ? kdb_row_key_hidden(at->table, at->user, row->seq, txn->arena) : row->key);
    remember(txn, own);
    if (own->row.len == 0) {
        own->base_seq = row->old_seq;
        own->base_live = row->op != KDB_CHANGE_INSERT;
        own->fresh = row->fresh;
    } else if (row->op == KDB_CHANGE_INSERT) {
        own->fresh = own->fresh && row->fresh;
    }
    if (row->op == KDB_CHANGE_DELETE && !own->base_live) {
        own->row = (kdb_sv){ NULL, 0 }; /* it was our own: nothing is left of it */
        return;
    }
    own->row = copy_row(txn->arena, row->row);
    kdb_row_stamp(own->row, row->seq);
}

kdb_status kdbi_txn_stage(kdbi_txn *txn, kdbi_write *write, kdb_err *err)
{
    KDB_TRY(kdbi_txn_charge(txn, write, err));
    kdbi_txn_table *at = find_table(txn, write->table->id, write->user);
    KDB_ASSERT(at != NULL && at->table == write->table); /* admitted when it was bound */
    if (at->overlay == NULL) {
        at->overlay = kdb_overlay_new(txn->arena);
    }
    size_t count = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        if (!write->rows[i].skip) {
            stage_row(txn, at, &write->rows[i]);
            count++;
        }
    }
    atomic_fetch_add_explicit(&txn->writes, count, memory_order_relaxed);
    return KDB_OK;
}

/* ---- savepoints ---- */

void kdbi_txn_save(kdb_exec *exec, kdb_sv name)
{
    kdbi_txn *txn = exec->txn;
    kdbi_savepoint *savepoint = KDB_ARENA_NEW(txn->arena, kdbi_savepoint);
    savepoint->name = kdb_sv_dup(txn->arena, name);
    savepoint->undo = txn->undo;
    savepoint->outer = txn->savepoints;
    memcpy(savepoint->affected, exec->affected, sizeof(savepoint->affected));
    txn->savepoints = savepoint;
}

/* The innermost of that name: an outer one is hidden until this is released. */
static kdb_status find_savepoint(const kdbi_txn *txn, kdb_sv name, kdbi_savepoint **out, kdb_err *err)
{
    for (kdbi_savepoint *at = txn->savepoints; at != NULL; at = at->outer) {
        if (kdb_sv_eq(at->name, name)) {
            *out = at;
            return KDB_OK;
        }
    }
    return KDB_FAIL(err, KDB_NOT_FOUND, "savepoint '%.*s' does not exist", KDB_SV_ARG(name));
}

kdb_status kdbi_txn_roll_back_to(kdb_exec *exec, kdb_sv name, kdb_err *err)
{
    kdbi_txn *txn = exec->txn;
    kdbi_savepoint *savepoint = NULL;
    KDB_TRY(find_savepoint(txn, name, &savepoint, err));
    for (; txn->undo != savepoint->undo; txn->undo = txn->undo->older) {
        txn->undo->row->row = txn->undo->before;
    }
    memcpy(exec->affected, savepoint->affected, sizeof(exec->affected));
    txn->savepoints = savepoint; /* it stays, to be gone back to again */
    return KDB_OK;
}

kdb_status kdbi_txn_release(kdbi_txn *txn, kdb_sv name, kdb_err *err)
{
    kdbi_savepoint *savepoint = NULL;
    KDB_TRY(find_savepoint(txn, name, &savepoint, err));
    txn->savepoints = savepoint->outer;
    return KDB_OK;
}
