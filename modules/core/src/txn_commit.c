/* txn_commit.c - COMMIT: the transaction's rows become one write per table, chained, which lock their keys as one, are
 * checked as one, and are one batch. The first to commit a row wins: who finds that a row is not the version its snapshot
 * held any more has lost, and nothing of it is applied. */
#include "core_int.h"

#include <stdlib.h>

/* ---- from what is staged to what is written ---- */

static kdb_change_op op_of(const kdb_overlay_row *own, const kdb_row *row)
{
    if (!own->base_live) {
        return KDB_CHANGE_INSERT;
    }
    return row->deleted ? KDB_CHANGE_DELETE : KDB_CHANGE_UPDATE;
}

static kdb_status add_row(kdbi_write *write, const kdb_overlay_row *own, kdb_err *err)
{
    kdb_row staged;
    kdbi_row_write *row = NULL;
    KDB_TRY(kdb_row_open(write->table, own->row, &staged, err));
    KDB_TRY(kdbi_write_add(write, own->key.len + own->row.len, &row, err));
    row->op = op_of(own, &staged);
    row->key = own->key;
    row->row = own->row;
    row->seq = staged.seq;
    row->read_seq = own->base_seq;
    row->fresh = own->fresh;
    return KDB_OK;
}

/* In the order of writing, which the provisional numbers tell: so are the final ones given. */
static int by_seq(const void *a, const void *b)
{
    const uint64_t x = ((const kdbi_row_write *)a)->seq, y = ((const kdbi_row_write *)b)->seq;
    return x < y ? -1 : x > y;
}

static kdb_status add_table(kdb_exec *exec, kdbi_txn *txn, const kdbi_txn_table *at, kdb_err *err)
{
    const kdb_overlay_row *own = kdb_overlay_from(at->overlay, (kdb_sv){ NULL, 0 });
    if (own == NULL) {
        return KDB_OK;
    }
    kdbi_write *write = kdbi_write_new(exec, at->table, at->user);
    write->staged_in = NULL;
    write->commits = kdbi_txn_ref(txn);
    write->limit = SIZE_MAX; /* the transaction's own limit has been kept */
    write->also = exec->write;
    exec->write = write;
    for (; own != NULL; own = kdb_overlay_next(own)) {
        KDB_TRY(add_row(write, own, err));
    }
    qsort(write->rows, write->nrows, sizeof(*write->rows), by_seq);
    return KDB_OK;
}

static kdb_status collect(kdb_exec *exec, kdbi_txn *txn, kdb_err *err)
{
    for (const kdbi_txn_table *at = txn->tables; at != NULL; at = at->next) {
        if (at->overlay != NULL) {
            KDB_TRY(add_table(exec, txn, at, err));
        }
    }
    return KDB_OK;
}

/* ---- under the locks ---- */

kdb_status kdbi_txn_conflict(const kdbi_write *write, const char *what, kdb_err *err)
{
    return KDB_FAIL(err, KDB_CONFLICT, "failed to commit transaction '%s': %s '%.*s.%.*s' since it began",
                    write->commits->id, what, KDB_SV_ARG(write->table->ns), KDB_SV_ARG(write->table->name));
}

/* A tombstone that an INSERT would have replaced may be gone for good by now. */
static kdb_status check_row(const kdbi_write *write, kdbi_row_write *row, kdb_sv stored, kdb_err *err)
{
    if (stored.len == 0 && row->op == KDB_CHANGE_INSERT) {
        return KDB_OK;
    }
    kdb_row present = { .seq = 0 };
    if (stored.len != 0) {
        KDB_TRY(kdb_row_open(write->table, stored, &present, err));
    }
    if (present.seq != row->read_seq) {
        return kdbi_txn_conflict(write, "a row was changed in table", err);
    }
    row->old_seq = present.seq;
    row->old_row = row->op == KDB_CHANGE_INSERT ? (kdb_sv){ NULL, 0 } : stored;
    return KDB_OK;
}

/* New rows of a partition that nobody has written to since: what was under them still is. */
static bool check_unread(kdbi_write *write)
{
    if (!kdbi_sequencer_rests(write->core->sequencer, write->table->id, write->user, write->commits->moment)) {
        return false;
    }
    for (size_t i = 0; i < write->nrows; i++) {
        if (write->rows[i].op != KDB_CHANGE_INSERT) {
            return false;
        }
    }
    for (size_t i = 0; i < write->nrows; i++) {
        write->rows[i].old_seq = write->rows[i].read_seq;
    }
    return true;
}

static kdb_status check_table(kdbi_write *write, kdb_err *err)
{
    if (check_unread(write)) {
        return KDB_OK;
    }
    kdb_sv stored[KDBI_PRESENT_ROWS];
    size_t count = 0;
    for (size_t from = 0; from < write->nrows; from += count) {
        KDB_TRY(kdbi_write_present(write, from, stored, &count, err));
        for (size_t i = 0; i < count; i++) {
            KDB_TRY(check_row(write, &write->rows[from + i], stored[i], err));
        }
    }
    return KDB_OK;
}

static kdb_status commit_locked(KDB_UNUSED kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        KDB_TRY(check_table(at, err));
    }
    return kdbi_write_commit(write, pending, err);
}

/* ---- the statement ---- */

void kdbi_txn_committed(kdb_exec *exec)
{
    if (exec->txn->untold) {
        kdbi_txn_tell_begun(exec);
    }
    kdbi_exec_message(exec, "Transaction committed (%s)", exec->txn->id);
    kdbi_txn_end(exec);
}

kdb_status kdbi_txn_commit(kdb_exec *exec, bool *pending, kdb_err *err)
{
    atomic_store_explicit(&exec->txn->state, KDBI_TXN_COMMITTING, memory_order_relaxed);
    KDB_TRY(collect(exec, exec->txn, err));
    if (exec->write == NULL) {
        kdbi_txn_committed(exec);
        return KDB_OK;
    }
    return kdbi_write_lock(exec->write, commit_locked, pending, err);
}
