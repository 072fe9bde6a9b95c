/* stmt_table.c - CREATE TABLE and DROP TABLE: staged, committed and published under the DDL gate. */
#include "core_int.h"

/* Holds the DDL gate. */
static kdb_status create_table(kdb_exec *exec, const kdb_create_table *spec, kdb_sv ns, bool *existed, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *there = kdb_registry_lookup_table(registry, ns, spec->table.name);
    if (there != NULL && spec->if_not_exists) {
        *existed = true;
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    KDB_TRY(kdb_registry_stage_create_table(registry, spec, ns, batch, &table, err));
    KDB_TRY(kdbi_audit_commit(exec, batch, kdbi_audit_name(exec, ns, spec->table.name),
                              kdb_sv_printf(exec->arena, "Type: %s", kdb_table_type_name(spec->type)), err));
    kdb_registry_publish_create_table(registry, KDB_TAKE(table));
    return KDB_OK;
}

kdb_status kdbi_run_create_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_create_table *spec = plan->stmt->as.create_table;
    const kdb_sv ns = kdbi_exec_ns(exec, spec->table.ns);
    KDB_TRY(kdbi_rights_check_new(kdbi_exec_principal(exec)->role, spec, err));
    bool existed = false;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = create_table(exec, spec, ns, &existed, err);
    kdb_mutex_unlock(&exec->core->ddl);
    if (status != KDB_OK) {
        kdb_err_at(err, spec->table.position);
        return status;
    }
    kdbi_exec_message(exec, "Table %.*s.%.*s %s", KDB_SV_ARG(ns), KDB_SV_ARG(spec->table.name),
                      existed ? "already exists (skipped)" : "created successfully");
    return KDB_OK;
}

/* Holds the DDL gate. */
static kdb_status drop_table(kdb_exec *exec, kdb_table *table, kdb_sv job_id, kdb_err *err)
{
    const kdb_sv users =
        kdb_registry_views_using(exec->core->registry, table->ns, table->name, KDB_SV(""), exec->arena);
    if (users.len != 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop table '%.*s.%.*s': it is used by view %.*s",
                        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), KDB_SV_ARG(users));
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdbi_table_close(exec->core, table, KDB_TABLE_DROPPED);
    kdb_status status = kdbi_drop_stage(exec, table, job_id, batch, err);
    if (status == KDB_OK) {
        status = kdbi_audit_commit(exec, batch, kdbi_audit_name(exec, table->ns, table->name),
                                   kdb_sv_printf(exec->arena, "Type: %s", kdb_table_type_name(table->type)), err);
    }
    kdbi_drop_end(exec->core, table, status);
    return status;
}

static kdb_status find_and_drop(kdb_exec *exec, const kdb_table_stmt *stmt, kdb_sv ns, kdb_sv job_id, bool *missing,
                                kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    if (kdb_registry_is_protected(ns)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop system table '%.*s.%.*s'", KDB_SV_ARG(ns),
                        KDB_SV_ARG(stmt->table.name));
    }
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdb_registry_lookup_table(registry, ns, stmt->table.name);
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(registry, ns, stmt->table.name);
    if (view != NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "'%.*s.%.*s' is a view: use DROP VIEW", KDB_SV_ARG(ns),
                        KDB_SV_ARG(stmt->table.name));
    }
    if (table == NULL && stmt->if_exists) {
        *missing = true;
        return KDB_OK;
    }
    if (table == NULL) {
        kdb_table *none = NULL; /* for the message, with the nearest name */
        return kdb_registry_find_table(registry, ns, stmt->table.name, &none, err);
    }
    KDB_TRY(kdbi_rights_check_table(kdbi_exec_principal(exec)->role, table, KDBI_DROP, err));
    return drop_table(exec, table, job_id, err);
}

kdb_status kdbi_run_drop_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_table_stmt *stmt = &plan->stmt->as.table;
    const kdb_sv ns = kdbi_exec_ns(exec, stmt->table.ns);
    const kdb_sv job_id = kdb_system_job_id("CL", exec->arena);
    bool missing = false;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = find_and_drop(exec, stmt, ns, job_id, &missing, err);
    kdb_mutex_unlock(&exec->core->ddl);
    if (status != KDB_OK) {
        kdb_err_at(err, stmt->table.position);
        return status;
    }
    if (missing) {
        kdbi_exec_message(exec, "Table %.*s.%.*s does not exist (skipped)", KDB_SV_ARG(ns),
                          KDB_SV_ARG(stmt->table.name));
    } else {
        kdbi_drop_sweep(exec->core);
        kdbi_exec_message(exec, "Table %.*s.%.*s dropped successfully. Cleanup job: %.*s", KDB_SV_ARG(ns),
                          KDB_SV_ARG(stmt->table.name), KDB_SV_ARG(job_id));
    }
    return KDB_OK;
}
