/* stmt_namespace.c - CREATE, DROP and USE NAMESPACE. */
#include "core_int.h"

/* Holds the DDL gate. */
static kdb_status create_namespace(kdb_exec *exec, const kdb_namespace_stmt *stmt, bool *existed, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    if (stmt->if_flag && kdb_registry_has_namespace(registry, stmt->name)) {
        *existed = true;
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_create_namespace(registry, stmt->name, batch, err));
    KDB_TRY(kdb_store_commit(exec->core->store, batch, err));
    kdb_registry_publish_create_namespace(registry, stmt->name);
    return KDB_OK;
}

kdb_status kdbi_run_create_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_namespace_stmt *stmt = &plan->stmt->as.ns;
    bool existed = false;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = create_namespace(exec, stmt, &existed, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    kdbi_exec_message(exec, "Namespace '%.*s' %s", KDB_SV_ARG(stmt->name),
                      existed ? "already exists" : "created successfully");
    return KDB_OK;
}

/* Holds the DDL gate. */
static kdb_status drop_namespace(kdb_exec *exec, const kdb_namespace_stmt *stmt, bool *missing, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    if (stmt->if_flag && !kdb_registry_has_namespace(registry, stmt->name) &&
        !kdb_registry_is_protected(stmt->name)) {
        *missing = true;
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_namespace(registry, stmt->name, batch, err));
    KDB_TRY(kdb_store_commit(exec->core->store, batch, err));
    kdb_registry_publish_drop_namespace(registry, stmt->name);
    return KDB_OK;
}

kdb_status kdbi_run_drop_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_namespace_stmt *stmt = &plan->stmt->as.ns;
    bool missing = false;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = drop_namespace(exec, stmt, &missing, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    kdbi_exec_message(exec, "Namespace '%.*s' %s", KDB_SV_ARG(stmt->name),
                      missing ? "does not exist" : "dropped successfully");
    return KDB_OK;
}

kdb_status kdbi_run_use_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_sv name = plan->stmt->as.ns.name;
    if (!kdb_registry_has_namespace(exec->core->registry, name) && !kdb_registry_is_protected(name)) {
        return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' does not exist", KDB_SV_ARG(name));
    }
    exec->ns = kdb_sv_dup(exec->arena, name);
    kdbi_exec_message(exec, "Namespace switched to '%.*s'", KDB_SV_ARG(name));
    return KDB_OK;
}
