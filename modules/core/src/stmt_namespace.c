/* stmt_namespace.c - CREATE, ALTER, DROP and USE NAMESPACE. */
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
    KDB_TRY(kdbi_audit_commit(exec, batch, stmt->name, KDB_SV(""), err));
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
static kdb_status alter_namespace(kdb_exec *exec, const kdb_alter_namespace *alter, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_alter_namespace(registry, alter, batch, err));
    KDB_TRY(kdbi_audit_commit(exec, batch, alter->name, KDB_SV(""), err));
    kdb_registry_publish_alter_namespace(registry, alter->name);
    return KDB_OK;
}

kdb_status kdbi_run_alter_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_alter_namespace *alter = &plan->stmt->as.alter_ns;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = alter_namespace(exec, alter, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    kdbi_exec_message(exec, "Namespace '%.*s' altered successfully", KDB_SV_ARG(alter->name));
    return KDB_OK;
}

/* The tables of the namespace, each with a reference. Holds the DDL gate. */
static size_t list_tables_of(kdb_exec *exec, kdb_sv ns, kdb_table ***out)
{
    kdb_table **all = NULL;
    size_t count = 0, kept = 0;
    kdb_registry_list_tables(exec->core->registry, exec->arena, &all, &count);
    *out = KDB_ARENA_ARRAY(exec->arena, kdb_table *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (kdb_sv_eq(all[i]->ns, ns)) {
            (*out)[kept++] = all[i];
        } else {
            kdb_table_unref(all[i]);
        }
    }
    return kept;
}

/* The views of the namespace, each with a reference. Holds the DDL gate. */
static size_t list_views_of(kdb_exec *exec, kdb_sv ns, kdb_view ***out)
{
    kdb_view **all = NULL;
    size_t count = 0, kept = 0;
    kdb_registry_list_views(exec->core->registry, exec->arena, &all, &count);
    for (size_t i = 0; i < count; i++) {
        if (kdb_sv_eq(all[i]->ns, ns)) {
            all[kept++] = all[i];
        } else {
            kdb_view_unref(all[i]);
        }
    }
    *out = all;
    return kept;
}

/* What goes with a namespace: nothing without CASCADE. */
typedef struct contents {
    kdb_table **tables;
    size_t ntables;
    kdb_view **views;
    size_t nviews;
} contents;

static kdb_status stage_drops(kdb_exec *exec, kdb_sv ns, const contents *in, bool cascade, kdb_batch *batch,
                              kdb_err *err)
{
    for (size_t i = 0; i < in->nviews; i++) {
        KDB_TRY(kdb_registry_stage_drop_view(exec->core->registry, in->views[i], true, batch, err));
    }
    for (size_t i = 0; i < in->ntables; i++) {
        KDB_TRY(kdbi_drop_stage(exec, in->tables[i], kdb_system_job_id("CL", exec->arena), batch, err));
    }
    return kdb_registry_stage_drop_namespace(exec->core->registry, ns, cascade, batch, err);
}

/* With a record for each thing that goes. */
static kdb_status commit_drops(kdb_exec *exec, kdb_sv ns, const contents *in, kdb_batch *batch, kdb_err *err)
{
    size_t count = 0;
    const kdb_sv details = in->ntables + in->nviews > 0 ? KDB_SV("CASCADE") : KDB_SV("");
    kdb_audit_record *records = KDB_ARENA_ARRAY(exec->arena, kdb_audit_record, in->nviews + in->ntables + 1);
    for (size_t i = 0; i < in->nviews; i++) {
        records[count] = kdbi_audit_record(exec, kdbi_audit_name(exec, ns, in->views[i]->name), details);
        records[count++].action = KDB_AUDIT_DROP_VIEW;
    }
    for (size_t i = 0; i < in->ntables; i++) {
        records[count] = kdbi_audit_record(exec, kdbi_audit_name(exec, ns, in->tables[i]->name), details);
        records[count++].action = KDB_AUDIT_DROP_TABLE;
    }
    records[count++] = kdbi_audit_record(exec, ns, details);
    return kdb_audit_commit(exec->core->audit, records, count, batch, err);
}

/* Everything in it goes in one batch, or nothing. Holds the DDL gate. */
static kdb_status drop_with_contents(kdb_exec *exec, kdb_sv ns, const contents *in, bool cascade, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < in->ntables; i++) {
        kdbi_table_close(exec->core, in->tables[i], KDB_TABLE_DROPPED);
    }
    kdb_status status = stage_drops(exec, ns, in, cascade, batch, err);
    if (status == KDB_OK) {
        status = commit_drops(exec, ns, in, batch, err);
    }
    for (size_t i = 0; i < in->nviews && status == KDB_OK; i++) {
        kdb_registry_publish_drop_view(registry, in->views[i]);
    }
    for (size_t i = 0; i < in->ntables; i++) {
        kdbi_drop_end(exec->core, in->tables[i], status);
    }
    if (status == KDB_OK) {
        kdb_registry_publish_drop_namespace(registry, ns);
    }
    return status;
}

/* Holds the DDL gate. */
static kdb_status drop_namespace(kdb_exec *exec, const kdb_namespace_stmt *stmt, bool *missing, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    if (stmt->if_flag && !kdb_registry_has_namespace(registry, stmt->name) && !kdb_registry_is_protected(stmt->name)) {
        *missing = true;
        return KDB_OK;
    }
    contents in = { 0 };
    if (stmt->cascade && !kdb_registry_is_protected(stmt->name) && !kdb_sv_eq(stmt->name, KDB_SV("default"))) {
        in.ntables = list_tables_of(exec, stmt->name, &in.tables);
        in.nviews = list_views_of(exec, stmt->name, &in.views);
    }
    const kdb_status status = drop_with_contents(exec, stmt->name, &in, stmt->cascade, err);
    kdb_registry_release_views(in.views, in.nviews);
    kdb_registry_release_tables(in.tables, in.ntables);
    return status;
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
    kdbi_drop_sweep(exec->core);
    kdbi_exec_message(exec, "Namespace '%.*s' %s", KDB_SV_ARG(stmt->name),
                      missing ? "does not exist" : "dropped successfully");
    return KDB_OK;
}

kdb_status kdbi_run_use_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const bool reset = plan->stmt->as.ns.name.len == 0; /* to what the request began with */
    const kdb_sv name = reset ? kdbi_exec_first_ns(exec) : plan->stmt->as.ns.name;
    if (!reset && !kdb_registry_has_namespace(exec->core->registry, name) && !kdb_registry_is_protected(name)) {
        return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' does not exist", KDB_SV_ARG(name));
    }
    exec->ns = kdb_sv_dup(exec->arena, name);
    kdbi_exec_message(exec, "Namespace switched to '%.*s'", KDB_SV_ARG(name));
    return KDB_OK;
}
