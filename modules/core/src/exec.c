/* exec.c - one request from its text to its last answer. All statements are parsed and authorised before the first one
 * runs; then they run in order. A statement may go on elsewhere (its commit on the committer, its row locks, a password
 * hash): the worker then takes the next request and whoever finishes the statement calls _statement_done or _fail. */
#include "core_int.h"

#include <stdarg.h>
#include <stdio.h>

static void run_statements(kdb_exec *exec);

/* ---- what statements ask of their request ---- */

kdb_sv kdbi_exec_text(const kdb_exec *exec)
{
    return exec->pieces[exec->next].text;
}

kdbi_plan_text kdbi_exec_plan_text(kdb_exec *exec)
{
    exec->shape = exec->pieces[exec->next].shape;
    return (kdbi_plan_text){ .ns = exec->ns, .text = kdbi_exec_text(exec), .shape = exec->shape };
}

kdb_status kdbi_exec_check_running(const kdb_exec *exec, kdb_err *err)
{
    if (atomic_load_explicit(&exec->cancelled, memory_order_relaxed)) {
        return KDB_FAIL(err, KDB_CANCELLED, "The request was cancelled");
    }
    if (kdb_monotonic_us() >= exec->deadline_us) {
        return KDB_FAIL(err, KDB_TIMEOUT, "The statement took too long");
    }
    return KDB_OK;
}

const kdb_principal *kdbi_exec_principal(const kdb_exec *exec)
{
    const bool acting = exec->acting != NULL && exec->next < exec->npieces && exec->pieces[exec->next].as_user.len != 0;
    return acting ? &exec->acting[exec->next] : &exec->request->caller;
}

kdb_user_id kdbi_exec_user(const kdb_exec *exec, const kdb_table *table)
{
    return table->type == KDB_TABLE_SHARED ? (kdb_user_id){ { NULL, 0 } } : kdbi_exec_principal(exec)->user;
}

kdb_sv kdbi_exec_ns(const kdb_exec *exec, kdb_sv written)
{
    return written.len != 0 ? written : exec->ns;
}

void kdbi_exec_say(kdb_exec *exec, kdb_sv message)
{
    const kdb_reply *reply = &exec->request->reply;
    reply->message(reply->self, 0, message);
}

void kdbi_exec_message(kdb_exec *exec, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    kdbi_exec_say(exec, kdb_sv_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

/* One row is what most statements change. */
static void report_affected(kdb_exec *exec, kdb_change_op op, uint64_t count)
{
    static const char *const verbs[] = { "Inserted", "Updated", "Deleted" };
    static const char *const of_one[] = { "Inserted 1 row(s)", "Updated 1 row(s)", "Deleted 1 row(s)" };
    char text[64];
    const kdb_reply *reply = &exec->request->reply;
    if (count != 1) {
        (void)snprintf(text, sizeof(text), "%s %llu row(s)", verbs[op], (unsigned long long)count);
    }
    reply->message(reply->self, count, kdb_sv_cstr(count == 1 ? of_one[op] : text));
}

void kdbi_exec_affected(kdb_exec *exec, kdb_change_op op, uint64_t count)
{
    if (exec->npieces == 1) {
        report_affected(exec, op, count);
    } else {
        exec->affected[op] += count;
    }
}

/* Results say whose they are; only a request that acts as somebody need speak of it. */
static void tell_acting(const kdb_exec *exec)
{
    const kdb_reply *reply = &exec->request->reply;
    if (exec->acting != NULL && reply->acting != NULL) {
        reply->acting(reply->self, kdbi_exec_principal(exec)->user.text);
    }
}

/* ---- the end of a statement and of a request ---- */

static void end_statement(kdb_exec *exec)
{
    const int64_t took = kdb_monotonic_us() - exec->started_us;
    if (exec->core->slow_us > 0 && took >= exec->core->slow_us) {
        kdb_log_warn("slow statement kind=\"%s\" took_ms=%lld user=%.*s", kdb_stmt_defs[exec->kind].name,
                     (long long)(took / 1000), KDB_SV_ARG(kdbi_exec_principal(exec)->user.text));
    }
    kdbi_audit_note_shown(exec);
    kdbi_plan_free(exec->plan);
    exec->plan = NULL;
    exec->next++;
}

static void release(kdb_exec *exec)
{
    kdbi_worker_leave(exec);
    kdbi_txn_end(exec);
    kdbi_plan_free(exec->plan);
    exec->plan = NULL;
    kdbi_write_abandon(exec->write);
    exec->write = NULL;
    kdbi_returning_free(exec->returning);
    exec->returning = NULL;
}

static void answer(kdb_exec *exec)
{
    tell_acting(exec);
    for (int op = KDB_CHANGE_INSERT; op <= KDB_CHANGE_DELETE; op++) {
        if (exec->affected[op] > 0) {
            report_affected(exec, (kdb_change_op)op, exec->affected[op]);
        }
    }
    release(exec);
    const kdb_reply *reply = &exec->request->reply;
    reply->done(reply->self, NULL);
    kdbi_core_retire(exec, false);
}

/* A transaction ends with its request at the latest; leaving that to the server is the client's mistake. */
static void finish(kdb_exec *exec)
{
    if (exec->txn == NULL) {
        answer(exec);
        return;
    }
    kdb_err err = { .position = -1 };
    const kdb_status status = KDB_FAIL(
        &err, KDB_INVALID_OPERATION, "Request completed with an open explicit transaction; rolled back automatically");
    kdbi_exec_fail(exec, status, &err);
}

/* The statement's text for admins' `details`, unless it may hold a password. Text that did not parse is not shown
 * either: nobody knows what is in it. */
static kdb_sv shown_text(kdb_exec *exec, const kdb_sql_piece *piece)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_stmt *stmt = NULL;
    if (kdb_dialect_parse(piece->text, NULL, arena, &stmt, NULL) != KDB_OK || stmt->has_secret) {
        return (kdb_sv){ NULL, 0 };
    }
    return kdb_sv_dup(exec->arena, piece->text);
}

static kdb_sv failure_text(kdb_exec *exec, kdb_status status, const kdb_err *err)
{
    if (status != KDB_TIMEOUT) {
        return kdb_sv_cstr(err->text);
    }
    return kdb_sv_printf(exec->arena, "Handler execution timeout: exceeded %llds",
                         (long long)(exec->core->timeout_us / 1000000));
}

void kdbi_exec_fail(kdb_exec *exec, kdb_status status, const kdb_err *err)
{
    kdb_failure failure = { .status = status, .text = failure_text(exec, status, err) };
    kdbi_audit_note_denied(exec, status, err);
    if (exec->next < exec->npieces) {
        const kdb_sql_piece *piece = &exec->pieces[exec->next];
        failure.statement = exec->started ? (uint32_t)exec->next + 1 : 0;
        failure.statement_text = shown_text(exec, piece);
        if (err->position >= 0) {
            kdb_dialect_line_column(exec->request->sql, piece->offset + (size_t)err->position, &failure.line,
                                    &failure.column);
        }
    }
    release(exec);
    const kdb_reply *reply = &exec->request->reply;
    reply->done(reply->self, &failure);
    kdbi_core_retire(exec, true);
}

void kdbi_exec_requeue(kdb_exec *exec, void (*resume)(kdb_exec *exec))
{
    exec->resume = resume;
    exec->in_lane = false;
    KDB_ASSERT(kdb_queue_push_always(exec->core->queue, exec));
}

static void give_up(kdb_exec *exec)
{
    kdbi_write_abandon(exec->write);
    exec->write = NULL;
    exec->stale = false;
    if (exec->txn != NULL && exec->txn->blind) { /* its rows went with the write */
        kdbi_txn_roll_back(exec);
        exec->next = 0;
    }
}

void kdbi_exec_again(kdb_exec *exec)
{
    kdbi_worker_leave(exec);
    give_up(exec);
    kdbi_exec_requeue(exec, run_statements);
}

void kdbi_exec_statement_done(kdb_exec *exec)
{
    end_statement(exec);
    if (exec->next < exec->npieces) {
        kdbi_exec_requeue(exec, run_statements);
    } else {
        finish(exec);
    }
}

/* ---- running ---- */

static kdb_status check_params(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err)
{
    if (stmt->nparams == exec->request->nparams) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_INVALID_PARAMETER, "Parameter count mismatch: the statement uses %u, the request has %zu",
                    stmt->nparams, exec->request->nparams);
}

static kdb_status check_role(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err)
{
    return kdbi_rights_check_stmt(kdbi_exec_principal(exec)->role, stmt->kind, err);
}

/* What a statement says that met a table other than the one it was bound to is nothing to go by. */
static bool is_overtaken(const kdb_exec *exec, const kdbi_plan *plan, kdb_status status)
{
    return status != KDB_CANCELLED && status != KDB_TIMEOUT && !kdbi_plan_is_current(exec->core, plan);
}

void kdbi_exec_note_failure(kdb_exec *exec, const kdbi_plan *plan, kdb_status status)
{
    exec->stale = exec->stale || (!exec->sending && is_overtaken(exec, plan, status));
}

kdb_status kdbi_exec_bind(kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    KDB_TRY(kdbi_execute_as_check_target(exec, plan, err));
    kdb_status status = kdbi_plan_bind(exec->worker, plan, kdbi_exec_principal(exec), err);
    if (status == KDB_OK) {
        status = kdbi_plan_judge(exec->worker, plan, exec, err);
    }
    if (status != KDB_OK) { /* the plan may be one that the statement runs within itself: only here is it known */
        exec->stale = exec->stale || is_overtaken(exec, plan, status);
        return status;
    }
    return exec->txn == NULL || plan->internal ? KDB_OK : kdbi_txn_admit(exec, plan, err);
}

/* A plan that is not cached goes with the execution. */
static kdb_status take_plan(kdb_exec *exec, kdbi_plan **out, kdb_err *err)
{
    if (exec->plan != NULL) {
        *out = exec->plan;
        return KDB_OK;
    }
    bool owned = false;
    const kdbi_plan_text text = kdbi_exec_plan_text(exec);
    KDB_TRY(kdbi_plan_get(exec->worker, &text, out, &owned, err));
    exec->plan = owned ? *out : NULL;
    return KDB_OK;
}

static kdb_status run_statement(kdb_exec *exec, bool *pending, kdb_err *err)
{
    if (atomic_load_explicit(&exec->cancelled, memory_order_relaxed)) {
        return KDB_FAIL(err, KDB_CANCELLED, "The request was cancelled");
    }
    exec->sending = false;
    exec->placed = false;
    exec->started_us = kdb_monotonic_us();
    exec->deadline_us = exec->started_us + exec->core->timeout_us;
    exec->now_us = kdb_now_us();
    kdbi_worker_enter(exec->worker, exec);
    kdbi_plan *plan = NULL;
    KDB_TRY(take_plan(exec, &plan, err));
    exec->kind = plan->stmt->kind;
    if (exec->txn != NULL) {
        KDB_TRY(kdbi_txn_resume(exec->txn, exec->kind, exec->started_us, err));
    }
    tell_acting(exec);
    kdbi_audit_note_acting(exec);
    const kdb_status status = kdbi_stmt_runs[plan->stmt->kind](exec, plan, pending, err);
    if (*pending) {
        return KDB_OK;
    }
    if (status != KDB_OK) {
        kdbi_exec_note_failure(exec, plan, status);
        kdbi_plan_place_error(plan, exec, err);
    }
    return status;
}

static void run_statements(kdb_exec *exec)
{
    while (exec->next < exec->npieces) {
        kdb_err err = { .position = -1 };
        bool pending = false;
        const kdb_status status = run_statement(exec, &pending, &err);
        if (pending) {
            return; /* another thread goes on: `exec` may be gone */
        }
        if (status != KDB_OK && exec->stale) {
            give_up(exec);
            continue;
        }
        if (status != KDB_OK) {
            kdbi_exec_fail(exec, status, &err);
            return;
        }
        end_statement(exec);
    }
    finish(exec);
}

/* ---- the start: everything that can be refused before anything happens ---- */

kdb_status kdbi_exec_check_stmt(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err)
{
    KDB_TRY(kdbi_execute_as_check_stmt(exec, stmt, err));
    KDB_TRY(check_role(exec, stmt, err));
    return check_params(exec, stmt, err);
}

static kdb_status check_statement(kdb_exec *exec, kdb_err *err)
{
    kdbi_plan *plan = NULL;
    KDB_TRY(kdbi_execute_as_check(exec, err));
    KDB_TRY(take_plan(exec, &plan, err));
    return kdbi_exec_check_stmt(exec, plan->stmt, err);
}

static kdb_status check_all(kdb_exec *exec, kdb_err *err)
{
    for (exec->next = 0; exec->next < exec->npieces; exec->next++) {
        KDB_TRY(check_statement(exec, err));
        if (exec->npieces > 1) {
            kdbi_plan_free(exec->plan);
            exec->plan = NULL;
        }
    }
    exec->next = 0;
    exec->started = true;
    return KDB_OK;
}

kdb_exec *kdbi_exec_new(kdb_core *core, kdb_request *request)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdb_exec *exec = KDB_ARENA_NEW(arena, kdb_exec);
    exec->core = core;
    exec->request = request;
    exec->arena = arena;
    return exec;
}

kdb_sv kdbi_exec_first_ns(const kdb_exec *exec)
{
    const kdb_sv ns = exec->request->ns;
    return ns.len != 0 ? kdb_sv_dup_lower(exec->arena, ns) : KDB_SV("default");
}

kdb_status kdbi_exec_prepare(kdb_exec *exec, kdb_err *err)
{
    const kdb_request *request = exec->request;
    exec->ns = kdbi_exec_first_ns(exec);
    kdb_shape shape;
    const kdb_sql_piece like = kdbi_plan_last_text(exec->worker, &shape);
    KDB_TRY(kdb_dialect_split(request->sql, &like, exec->arena, &exec->pieces, &exec->npieces, err));
    if (exec->npieces > 1 && request->nparams > 0) {
        return KDB_FAIL(err, KDB_PARAMS_WITH_BATCH, "Parameters not supported with multi-statement batches");
    }
    return KDB_OK;
}

void kdbi_exec_start(kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    kdb_status status = kdbi_exec_prepare(exec, &err);
    if (status == KDB_OK) {
        status = check_all(exec, &err);
    }
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, &err);
        return;
    }
    run_statements(exec);
}
