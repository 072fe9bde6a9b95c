/* stmt_user.c - CREATE, ALTER and DROP USER. A password is hashed on auth's threads while the worker serves others. */
#include "core_int.h"

static kdb_user_id name_of(const kdb_user_stmt *stmt)
{
    return (kdb_user_id){ stmt->name };
}

/* The caller, whose change of the user is committed with its audit record. */
static kdb_principal audited(kdb_exec *exec, const kdb_user_stmt *stmt, kdb_sv details, kdbi_audit_with *with)
{
    kdb_principal actor = exec->request->caller;
    kdbi_audit_with_init(with, exec, stmt->name, details, stmt->name);
    actor.with = &with->with;
    return actor;
}

static kdb_sv change_details(kdb_exec *exec, const kdb_user_stmt *stmt)
{
    switch (stmt->change) {
    case KDB_USER_SET_PASSWORD:
        return KDB_SV("Modification: SetPassword([REDACTED])");
    case KDB_USER_SET_ROLE:
        return kdb_sv_printf(exec->arena, "Modification: SetRole(%.*s)", KDB_SV_ARG(stmt->role));
    case KDB_USER_SET_EMAIL:
        return kdb_sv_printf(exec->arena, "Modification: SetEmail(%.*s)", KDB_SV_ARG(stmt->email));
    }
    return KDB_SV("");
}

/* ---- what happens once the hash, if any, is there ---- */

static kdb_status create_user(kdb_exec *exec, const kdb_user_stmt *stmt, kdb_sv hash, kdb_err *err)
{
    static const kdb_auth_type types[] = { [KDB_USER_PASSWORD] = KDB_AUTH_PASSWORD,
                                           [KDB_USER_OAUTH] = KDB_AUTH_OAUTH,
                                           [KDB_USER_INTERNAL] = KDB_AUTH_INTERNAL };
    kdb_user user = {
        .id = name_of(stmt), .auth_type = types[stmt->auth], .password_hash = hash, .email = stmt->email
    };
    KDB_TRY(kdb_role_parse(stmt->role, &user.role, err));
    if (stmt->auth == KDB_USER_OAUTH) {
        user.auth_data = stmt->secret;
    }
    kdbi_audit_with with;
    const kdb_sv details = kdb_sv_printf(exec->arena, "Role: %s", kdb_role_title(user.role));
    const kdb_principal actor = audited(exec, stmt, details, &with);
    KDB_TRY(kdb_auth_create_user(exec->core->auth, &actor, &user, err));
    kdbi_exec_message(exec, "User '%.*s' created", KDB_SV_ARG(stmt->name));
    return KDB_OK;
}

static kdb_status alter_user(kdb_exec *exec, const kdb_user_stmt *stmt, kdb_sv hash, kdb_err *err)
{
    kdb_auth *auth = exec->core->auth;
    kdbi_audit_with with;
    const kdb_principal as_audited = audited(exec, stmt, change_details(exec, stmt), &with);
    const kdb_principal *actor = &as_audited;
    switch (stmt->change) {
    case KDB_USER_SET_PASSWORD:
        KDB_TRY(kdb_auth_set_password(auth, actor, name_of(stmt), hash, err));
        break;
    case KDB_USER_SET_ROLE: {
        kdb_role role = KDB_ROLE_USER;
        KDB_TRY(kdb_role_parse(stmt->role, &role, err));
        KDB_TRY(kdb_auth_set_role(auth, actor, name_of(stmt), role, err));
        break;
    }
    case KDB_USER_SET_EMAIL:
        KDB_TRY(kdb_auth_set_email(auth, actor, name_of(stmt), stmt->email, err));
        break;
    }
    kdbi_exec_message(exec, "User '%.*s' updated", KDB_SV_ARG(stmt->name));
    return KDB_OK;
}

static kdb_status apply_user(kdb_exec *exec, const kdb_stmt *stmt, kdb_sv hash, kdb_err *err)
{
    return stmt->kind == KDB_STMT_CREATE_USER ? create_user(exec, &stmt->as.user, hash, err)
                                              : alter_user(exec, &stmt->as.user, hash, err);
}

/* ---- hashing ---- */

static kdb_status continue_hashed(kdb_exec *exec, kdb_err *err)
{
    if (exec->auth_status != KDB_OK) {
        *err = exec->auth_err;
        return exec->auth_status;
    }
    KDB_ASSERT(exec->plan != NULL); /* statements that hash are never cached */
    return apply_user(exec, exec->plan->stmt, exec->auth_job->hash, err);
}

/* Worker. */
static void resume_hashed(kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    const kdb_status status = continue_hashed(exec, &err);
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, &err);
        return;
    }
    kdbi_worker_leave(exec);
    kdbi_exec_statement_done(exec);
}

typedef struct hash_job {
    kdb_auth_job job;
    kdb_exec *exec;
} hash_job;

/* Hashing thread. */
static void on_hashed(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    kdb_exec *exec = KDB_CONTAINER_OF(job, hash_job, job)->exec;
    exec->auth_status = status;
    if (status != KDB_OK) {
        exec->auth_err = *err;
        exec->auth_err.position = -1;
    }
    kdbi_exec_requeue(exec, resume_hashed);
}

static kdb_status start_hash(kdb_exec *exec, const kdb_user_stmt *stmt, bool *pending, kdb_err *err)
{
    hash_job *h = KDB_ARENA_NEW(exec->arena, hash_job);
    h->exec = exec;
    h->job = (kdb_auth_job){ .kind = KDB_AUTH_HASH, .password = stmt->secret, .arena = exec->arena, .done = on_hashed };
    exec->auth_job = &h->job;
    kdbi_worker *worker = exec->worker;
    kdbi_worker_leave(exec); /* once submitted, the execution goes on elsewhere */
    const kdb_status status = kdb_auth_submit(exec->core->auth, &h->job, err);
    if (status != KDB_OK) {
        kdbi_worker_enter(worker, exec);
        return status;
    }
    *pending = true;
    return KDB_OK;
}

/* ---- statements ---- */

kdb_status kdbi_run_create_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    const kdb_user_stmt *stmt = &plan->stmt->as.user;
    kdb_role role = KDB_ROLE_USER;
    KDB_TRY(kdb_auth_may_manage(exec->core->auth, &exec->request->caller, name_of(stmt), true, err));
    KDB_TRY(kdb_role_parse(stmt->role, &role, err));
    if (stmt->auth == KDB_USER_PASSWORD) {
        return start_hash(exec, stmt, pending, err);
    }
    return apply_user(exec, plan->stmt, (kdb_sv){ NULL, 0 }, err);
}

kdb_status kdbi_run_alter_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    const kdb_user_stmt *stmt = &plan->stmt->as.user;
    if (stmt->change == KDB_USER_SET_PASSWORD) {
        KDB_TRY(kdb_auth_may_manage(exec->core->auth, &exec->request->caller, name_of(stmt), false, err));
        return start_hash(exec, stmt, pending, err);
    }
    return apply_user(exec, plan->stmt, (kdb_sv){ NULL, 0 }, err);
}

static bool user_is_missing(kdb_exec *exec, kdb_user_id id)
{
    kdb_user user;
    return kdb_auth_find_user(exec->core->auth, id, exec->arena, &user, NULL) != KDB_OK || user.deleted_us != 0;
}

kdb_status kdbi_run_drop_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_user_stmt *stmt = &plan->stmt->as.user;
    if (stmt->if_exists && user_is_missing(exec, name_of(stmt))) {
        kdbi_exec_message(exec, "User '%.*s' does not exist (skipped)", KDB_SV_ARG(stmt->name));
        return KDB_OK;
    }
    kdbi_audit_with with;
    const kdb_principal actor = audited(exec, stmt, KDB_SV(""), &with);
    KDB_TRY(kdb_auth_drop_user(exec->core->auth, &actor, name_of(stmt), err));
    kdbi_exec_message(exec, "User '%.*s' dropped (soft delete)", KDB_SV_ARG(stmt->name));
    return KDB_OK;
}
