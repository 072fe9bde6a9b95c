/* stmt_transaction.c - BEGIN, COMMIT, ROLLBACK and savepoints (sql.md 10). */
#include "core_int.h"

static kdb_status require_transaction(const kdb_exec *exec, kdb_err *err)
{
    if (exec->txn != NULL) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "%s requires an active explicit SQL transaction",
                    kdb_stmt_defs[exec->kind].name);
}

kdb_status kdbi_run_begin(kdb_exec *exec, KDB_UNUSED kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    if (exec->txn != NULL) {
        return KDB_FAIL(err, KDB_CONFLICT, "request owner 'sql-req-%llu' already has an active transaction '%s'",
                        (unsigned long long)exec->txn->request, exec->txn->id);
    }
    kdbi_txn_begin(exec);
    kdbi_txn_tell_begun(exec);
    return KDB_OK;
}

kdb_status kdbi_run_commit(kdb_exec *exec, KDB_UNUSED kdbi_plan *plan, bool *pending, kdb_err *err)
{
    KDB_TRY(require_transaction(exec, err));
    return kdbi_txn_commit(exec, pending, err);
}

kdb_status kdbi_run_rollback(kdb_exec *exec, KDB_UNUSED kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    KDB_TRY(require_transaction(exec, err));
    kdbi_exec_message(exec, "Transaction rolled back (%s)", exec->txn->id);
    kdbi_txn_roll_back(exec);
    return KDB_OK;
}

kdb_status kdbi_run_savepoint(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv name = plan->stmt->as.savepoint.name;
    KDB_TRY(require_transaction(exec, err));
    kdbi_txn_save(exec, name);
    kdbi_exec_message(exec, "Savepoint '%.*s' set", KDB_SV_ARG(name));
    return KDB_OK;
}

kdb_status kdbi_run_rollback_to(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv name = plan->stmt->as.savepoint.name;
    KDB_TRY(require_transaction(exec, err));
    KDB_TRY(kdbi_txn_roll_back_to(exec, name, err));
    kdbi_exec_message(exec, "Rolled back to savepoint '%.*s'", KDB_SV_ARG(name));
    return KDB_OK;
}

kdb_status kdbi_run_release(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv name = plan->stmt->as.savepoint.name;
    KDB_TRY(require_transaction(exec, err));
    KDB_TRY(kdbi_txn_release(exec->txn, name, err));
    kdbi_exec_message(exec, "Savepoint '%.*s' released", KDB_SV_ARG(name));
    return KDB_OK;
}
