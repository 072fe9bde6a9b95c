/* stmt_job.c - STORAGE FLUSH, COMPACT and REBUILD MANIFEST, and KILL JOB (sql.md 18). The statements queue jobs and return; the jobs run in a
 * module above: what is needed of it comes through kdb_job_control. */
#include "core_int.h"

kdb_status kdbi_submit_jobs(kdb_exec *exec, kdb_job_request *requests, size_t count, kdb_sv target, kdb_sv details,
                            kdb_err *err)
{
    const kdb_job_control *jobs = &exec->core->job_control;
    kdbi_audit_with with;
    if (jobs->submit == NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "This server runs no jobs");
    }
    kdbi_audit_with_init(&with, exec, target, details, KDB_SV(""));
    return jobs->submit(jobs->self, requests, count, &with.with, exec->arena, err);
}

/* ---- what there is to maintain ---- */

static bool is_maintained(const kdb_table *table)
{
    return table->type == KDB_TABLE_USER || table->type == KDB_TABLE_SHARED;
}

static kdb_status refuse_type(const kdb_exec *exec, const char *type, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "%s is not supported for %s tables", kdb_stmt_defs[exec->kind].name,
                    type);
}

static kdb_status find_table(kdb_exec *exec, const kdb_table_name *name, kdb_table **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(exec->core->registry, name->ns, name->name);
    if (table == NULL && kdb_registry_is_protected(name->ns) && kdb_system_lookup(name->ns, name->name) != NULL) {
        return refuse_type(exec, "SYSTEM", err);
    }
    if (table == NULL) {
        return KDB_FAIL_AT(err, name->position, KDB_TABLE_NOT_FOUND, "Table %.*s.%.*s not found", KDB_SV_ARG(name->ns),
                           KDB_SV_ARG(name->name));
    }
    if (!is_maintained(table)) {
        return refuse_type(exec, "STREAM", err);
    }
    *out = KDB_TAKE(table);
    return KDB_OK;
}

/* What is done to tables. */
typedef struct maintenance {
    kdb_job_kind kind;
    const char *verb;                                            /* in the key */
    const char *noun;                                            /* in answers */
    int target_mb;                                               /* of files; 0: none */
    bool (*is_worth_it)(kdb_core *core, const kdb_table *table); /* NULL: always */
} maintenance;

static const maintenance flushing = { KDB_JOB_FLUSH, "flush", "flush", 0, kdb_core_has_pending };
static const maintenance compacting = { KDB_JOB_COMPACT, "compact", "compaction", KDB_COLD_FILE_MB, NULL };
static const maintenance rebuilding = { KDB_JOB_REBUILD_MANIFEST, "rebuild", "manifest rebuild", 0, NULL };

static kdb_job_request request_of(const maintenance *work, const kdb_table *table, kdb_arena *arena)
{
    const kdb_sv target =
        work->target_mb == 0 ? KDB_SV("") : kdb_sv_printf(arena, ",\"target_file_size_mb\":%d", work->target_mb);
    return (kdb_job_request){
        .kind = work->kind,
        .parameters_json =
            kdb_sv_printf(arena, "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"%s\"%.*s}", KDB_SV_ARG(table->ns),
                          KDB_SV_ARG(table->name), kdb_table_type_name(table->type), KDB_SV_ARG(target)),
        .idempotency_key =
            kdb_sv_printf(arena, "%s-%.*s-%.*s", work->verb, KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name)),
    };
}

/* ---- of one table ---- */

kdb_status kdbi_run_flush_table(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_table_name *name = &plan->stmt->as.table.table;
    const kdb_sv shown = kdbi_audit_name(exec, name->ns, name->name);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    KDB_TRY(find_table(exec, name, &table, err));
    if (!kdb_core_has_pending(exec->core, table)) {
        kdbi_exec_message(exec, "Storage flush skipped: no pending writes for table '%.*s'", KDB_SV_ARG(shown));
        return KDB_OK;
    }
    kdb_job_request request = request_of(&flushing, table, exec->arena);
    const kdb_status status = kdbi_submit_jobs(exec, &request, 1, shown, KDB_SV(""), err);
    if (status == KDB_IDEMPOTENT_CONFLICT) {
        kdbi_exec_message(exec, "Storage flush skipped: a flush is already queued or running for table '%.*s'",
                          KDB_SV_ARG(shown));
        return KDB_OK;
    }
    KDB_TRY(status);
    kdbi_exec_message(exec, "Storage flush started for table '%.*s'. Job ID: %.*s", KDB_SV_ARG(shown),
                      KDB_SV_ARG(request.id));
    return KDB_OK;
}

/* What is done in any case. */
static kdb_status start_table(kdb_exec *exec, const kdbi_plan *plan, const maintenance *work, kdb_err *err)
{
    const kdb_table_name *name = &plan->stmt->as.table.table;
    const kdb_sv shown = kdbi_audit_name(exec, name->ns, name->name);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = NULL;
    KDB_TRY(find_table(exec, name, &table, err));
    kdb_job_request request = request_of(work, table, exec->arena);
    KDB_TRY(kdbi_submit_jobs(exec, &request, 1, shown, KDB_SV(""), err));
    kdbi_exec_message(exec, "Storage %s started for table '%.*s'. Job ID: %.*s", work->noun, KDB_SV_ARG(shown),
                      KDB_SV_ARG(request.id));
    return KDB_OK;
}

kdb_status kdbi_run_compact_table(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    return start_table(exec, plan, &compacting, err);
}

kdb_status kdbi_run_rebuild_table(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    return start_table(exec, plan, &rebuilding, err);
}

/* ---- of a namespace ---- */

static kdb_status find_namespace(kdb_exec *exec, const kdbi_plan *plan, kdb_sv *out, kdb_err *err)
{
    const kdb_sv ns = kdbi_exec_ns(exec, plan->stmt->as.ns.name);
    if (!kdb_registry_has_namespace(exec->core->registry, ns)) {
        return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found", KDB_SV_ARG(ns));
    }
    *out = ns;
    return KDB_OK;
}

static bool is_wanted(const kdb_exec *exec, kdb_sv ns, const maintenance *work, const kdb_table *table)
{
    return is_maintained(table) && kdb_sv_eq(table->ns, ns) &&
           (work->is_worth_it == NULL || work->is_worth_it(exec->core, table));
}

/* One request for each table of the namespace that there is something to do for. */
static size_t collect_requests(kdb_exec *exec, kdb_sv ns, const maintenance *work, kdb_job_request **out)
{
    kdb_table **tables = NULL;
    size_t count = 0;
    size_t wanted = 0;
    kdb_registry_list_tables(exec->core->registry, exec->arena, &tables, &count);
    *out = KDB_ARENA_ARRAY(exec->arena, kdb_job_request, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(exec, ns, work, tables[i])) {
            (*out)[wanted++] = request_of(work, tables[i], exec->arena);
        }
    }
    kdb_registry_release_tables(tables, count);
    return wanted;
}

/* "Storage flush started for 2 table(s) in namespace 'app'. Job IDs: [FL-.., FL-..]" */
static void tell_started(kdb_exec *exec, const maintenance *work, kdb_sv ns, const kdb_job_request *requests,
                         size_t count)
{
    kdb_buf ids;
    size_t started = 0;
    kdb_buf_init(&ids, 0);
    for (size_t i = 0; i < count; i++) {
        if (requests[i].id.len != 0) {
            kdb_buf_printf(&ids, "%s%.*s", started++ == 0 ? "" : ", ", KDB_SV_ARG(requests[i].id));
        }
    }
    kdbi_exec_say(exec,
                  kdb_sv_printf(exec->arena, "Storage %s started for %zu table(s) in namespace '%.*s'. Job IDs: [%.*s]",
                                work->noun, started, KDB_SV_ARG(ns), KDB_SV_ARG(kdb_buf_sv(&ids))));
    kdb_buf_done(&ids);
}

static kdb_sv tables_counted(kdb_exec *exec, size_t count)
{
    return kdb_sv_printf(exec->arena, "Tables: %zu", count);
}

kdb_status kdbi_run_flush_all(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    kdb_sv ns;
    kdb_job_request *requests = NULL;
    KDB_TRY(find_namespace(exec, plan, &ns, err));
    const size_t count = collect_requests(exec, ns, &flushing, &requests);
    if (count == 0) {
        kdbi_exec_message(exec, "Storage flush skipped: no pending writes in namespace '%.*s'", KDB_SV_ARG(ns));
        return KDB_OK;
    }
    const kdb_status status = kdbi_submit_jobs(exec, requests, count, ns, tables_counted(exec, count), err);
    if (status == KDB_IDEMPOTENT_CONFLICT) {
        kdbi_exec_message(exec, "Storage flush skipped: flushes are already queued or running in namespace '%.*s'",
                          KDB_SV_ARG(ns));
        return KDB_OK;
    }
    KDB_TRY(status);
    tell_started(exec, &flushing, ns, requests, count);
    return KDB_OK;
}

kdb_status kdbi_run_compact_all(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    kdb_sv ns;
    kdb_job_request *requests = NULL;
    KDB_TRY(find_namespace(exec, plan, &ns, err));
    const size_t count = collect_requests(exec, ns, &compacting, &requests);
    if (count == 0) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "No compactable tables found in namespace %.*s", KDB_SV_ARG(ns));
    }
    KDB_TRY(kdbi_submit_jobs(exec, requests, count, ns, tables_counted(exec, count), err));
    tell_started(exec, &compacting, ns, requests, count);
    return KDB_OK;
}

/* ---- KILL JOB ---- */

kdb_status kdbi_run_kill_job(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv id = plan->stmt->as.job_id;
    const kdb_job_control *jobs = &exec->core->job_control;
    kdbi_audit_with with;
    if (jobs->kill == NULL) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Job %.*s not found", KDB_SV_ARG(id));
    }
    kdbi_audit_with_init(&with, exec, id, KDB_SV(""), KDB_SV(""));
    KDB_TRY(jobs->kill(jobs->self, id, &with.with, err));
    kdbi_exec_message(exec, "Job %.*s killed: cancelled", KDB_SV_ARG(id));
    return KDB_OK;
}
