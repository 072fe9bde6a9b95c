/* txn_insert.c - a transaction of nothing but rows to insert, as batches of a client mostly are. It reads nothing, so it needs no
 * snapshot and no rows of its own to lay over one: its statements' rows become one write per table, which goes the way of a
 * single INSERT, looked at under the locks that hold until it is committed. What fails, or comes to a table that DDL is
 * changing, begins again at the request's first statement, in the general way, which knows which statement it was. */
#include "core_int.h"

bool kdbi_txn_takes_insert(const kdb_stmt *stmt)
{
    const kdb_insert *insert = &stmt->as.insert;
    return stmt->kind == KDB_STMT_INSERT && insert->select == NULL && insert->exprs == NULL &&
           insert->conflict == NULL && insert->rows == NULL;
}

/* The part of exec->write for the plan's table comes first then. */
static bool find_write(kdb_exec *exec, const kdb_table *table)
{
    for (kdbi_write **at = &exec->write; *at != NULL; at = &(*at)->also) {
        kdbi_write *write = *at;
        if (write->table == table) {
            *at = write->also;
            write->also = exec->write;
            exec->write = write;
            return true;
        }
    }
    return false;
}

static kdb_status begin_write(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    kdbi_write *write = kdbi_write_new(exec, plan->target, kdbi_exec_user(exec, plan->target));
    write->op = KDB_CHANGE_INSERT;
    write->staged_in = NULL; /* nothing is kept: it is what is committed */
    write->also = exec->write;
    exec->write = write;
    return kdbi_policy_guard(exec, plan, err);
}

kdb_status kdbi_txn_insert(kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    KDB_ASSERT(exec->txn->blind);
    if (!find_write(exec, plan->target)) {
        KDB_TRY(begin_write(exec, plan, err));
    }
    return kdbi_insert_values(exec, plan, err);
}

static kdb_status insert_all(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        KDB_TRY(kdbi_insert_meet(exec, at, err));
    }
    for (const kdbi_write *at = write; at != NULL; at = at->also) {
        exec->affected[KDB_CHANGE_INSERT] += kdbi_write_count(at);
    }
    return kdbi_write_commit(write, pending, err);
}

static kdb_status insert_locked(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    const kdb_status status = insert_all(exec, write, pending, err);
    if (status != KDB_OK) { /* after a commit that was begun `exec` may be gone */
        exec->stale = true;
    }
    return status;
}

kdb_status kdbi_txn_insert_commit(kdb_exec *exec, bool *pending, kdb_err *err)
{
    atomic_store_explicit(&exec->txn->state, KDBI_TXN_COMMITTING, memory_order_relaxed);
    for (kdbi_write *at = exec->write; at != NULL; at = at->also) {
        KDB_TRY(kdbi_txn_charge(exec->txn, at, err));
        KDB_TRY(kdbi_insert_check_twice(at, err));
        atomic_fetch_add_explicit(&exec->txn->writes, at->nrows, memory_order_relaxed);
    }
    return kdbi_write_lock(exec->write, insert_locked, pending, err);
}
