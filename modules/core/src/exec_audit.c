/* exec_audit.c - what statements leave in the audit log. Administrative ones commit their record with what they change, so
 * that neither is there without the other; what is refused, shown or done as somebody else is noted without waiting. */
#include "core_int.h"

/* ---- records ---- */

kdb_audit_record kdbi_audit_record(kdb_exec *exec, kdb_sv target, kdb_sv details)
{
    return (kdb_audit_record){ .action = kdbi_stmt_audits[exec->kind],
                               .actor = exec->request->caller.user.text,
                               .target = target,
                               .details = details,
                               .address = exec->request->address };
}

kdb_sv kdbi_audit_name(kdb_exec *exec, kdb_sv ns, kdb_sv name)
{
    return kdb_sv_printf(exec->arena, "%.*s.%.*s", KDB_SV_ARG(ns), KDB_SV_ARG(name));
}

/* ---- with a commit ---- */

kdb_status kdbi_audit_commit(kdb_exec *exec, kdb_batch *batch, kdb_sv target, kdb_sv details, kdb_err *err)
{
    const kdb_audit_record record = kdbi_audit_record(exec, target, details);
    return kdb_audit_commit(exec->core->audit, &record, 1, batch, err);
}

static kdb_status commit_with(void *self, kdb_batch *batch, kdb_err *err)
{
    const kdbi_audit_with *with = self;
    return kdb_audit_commit(with->audit, &with->record, 1, batch, err);
}

void kdbi_audit_with_init(kdbi_audit_with *with, kdb_exec *exec, kdb_sv target, kdb_sv details, kdb_sv subject)
{
    *with = (kdbi_audit_with){ .with = { commit_with, with },
                               .audit = exec->core->audit,
                               .record = kdbi_audit_record(exec, target, details) };
    with->record.subject = subject;
}

/* ---- notes ---- */

static kdb_sv shown_target(kdb_exec *exec, const kdb_stmt *stmt)
{
    const kdb_sv what = kdb_sv_cstr(kdb_stmt_defs[stmt->kind].name);
    const kdb_sv verb = KDB_SV("SHOW ");
    const kdb_sv rest = kdb_sv_has_prefix(what, verb) ? kdb_sv_of(what.ptr + verb.len, what.len - verb.len) : what;
    if (stmt->kind != KDB_STMT_DESCRIBE_TABLE && stmt->kind != KDB_STMT_SHOW_STATS) {
        return rest;
    }
    const kdb_table_name *table = &stmt->as.table.table;
    const kdb_sv name = kdbi_audit_name(exec, kdbi_exec_ns(exec, table->ns), table->name);
    return stmt->kind == KDB_STMT_DESCRIBE_TABLE ? name : kdb_sv_printf(exec->arena, "STATS %.*s", KDB_SV_ARG(name));
}

void kdbi_audit_note_shown(kdb_exec *exec)
{
    const kdb_audit_action action = kdbi_stmt_audits[exec->kind];
    if (action != KDB_AUDIT_SHOW && action != KDB_AUDIT_DESCRIBE) {
        return;
    }
    KDB_ASSERT(exec->plan != NULL); /* such statements are never cached */
    const kdb_sv took =
        kdb_sv_printf(exec->arena, "{\"took\":%lld}", (long long)((kdb_monotonic_us() - exec->started_us) / 1000));
    const kdb_audit_record record = kdbi_audit_record(exec, shown_target(exec, exec->plan->stmt), took);
    kdb_audit_note(exec->core->audit, &record);
}

static bool is_acting(const kdb_exec *exec)
{
    return exec->next < exec->npieces && exec->pieces[exec->next].as_user.len != 0;
}

/* The statement's name; not its text, which may hold anything. */
static kdb_sv refused_target(const kdb_exec *exec)
{
    return exec->plan == NULL ? KDB_SV("statement") : kdb_sv_cstr(kdb_stmt_defs[exec->plan->stmt->kind].name);
}

void kdbi_audit_note_denied(kdb_exec *exec, kdb_status status, const kdb_err *err)
{
    if (status != KDB_PERMISSION_DENIED) {
        return;
    }
    const bool acting = is_acting(exec);
    kdb_audit_record record = kdbi_audit_record(exec, refused_target(exec), kdb_sv_cstr(err->text));
    record.action = acting ? KDB_AUDIT_EXECUTE_AS_USER_DENIED : KDB_AUDIT_DENIED;
    record.subject = acting ? exec->pieces[exec->next].as_user : KDB_SV("");
    kdb_audit_note(exec->core->audit, &record);
}

void kdbi_audit_note_acting(kdb_exec *exec)
{
    if (!is_acting(exec)) {
        return;
    }
    kdb_audit_record record = kdbi_audit_record(exec, kdb_sv_cstr(kdb_stmt_defs[exec->kind].name), KDB_SV(""));
    record.action = KDB_AUDIT_EXECUTE_AS_USER;
    record.subject = exec->pieces[exec->next].as_user;
    kdb_audit_note(exec->core->audit, &record);
}
