/* lane.c - statements run on the net thread that read them (design 6): those whose plan is native, that touch few rows, and
 * whose rows are in memory. A hand-over to a worker and back costs more than such a statement itself. Whatever is not so, or
 * fails, is left to a worker, which runs it from its start: nothing has been answered or written then. */
#include "core_int.h"

enum {
    LANE_TEXT_MAX = 8192, /* parsing a longer text would keep other connections waiting */
    LANE_INSERT_ROWS_MAX = 64,
    LANE_OVERRUNS_MAX = 3 /* times a plan met more rows than a lane may look at before it is no longer tried */
};

struct kdb_core_lane {
    kdbi_worker worker; /* without an engine connection: native plans only */
    kdb_arena *arena;   /* of the read that runs */
};

kdb_core_lane *kdb_core_lane_new(kdb_core *core)
{
    kdb_core_lane *lane = KDB_NEW(kdb_core_lane);
    lane->worker.core = core;
    lane->worker.plans = kdbi_plan_cache_new(kdbi_core_plans_per_worker(core));
    lane->arena = kdb_arena_new(0);
    return lane;
}

void kdb_core_lane_free(kdb_core_lane *lane)
{
    if (lane != NULL) {
        kdbi_plan_cache_free(lane->worker.plans);
        kdbi_native_memory_free(lane->worker.native_memory);
        kdb_arena_free(lane->arena);
        kdb_free(lane);
    }
}

/* The plan of the request's one statement, bound and authorised; false when it is not for a lane. */
static bool plan_request(kdb_core_lane *lane, kdb_exec *exec, kdbi_plan **out)
{
    kdb_err err = { .position = -1 };
    exec->worker = &lane->worker;
    exec->in_lane = true;
    if (kdbi_exec_prepare(exec, &err) != KDB_OK || exec->npieces != 1 || exec->pieces[0].as_user.len != 0) {
        return false;
    }
    const kdbi_plan_text text = kdbi_exec_plan_text(exec);
    bool owned = false;
    if (kdbi_plan_get(&lane->worker, &text, out, &owned, &err) != KDB_OK) {
        return false;
    }
    if (owned) {
        kdbi_plan_free(*out);
        return false;
    }
    return (*out)->lane_overruns < LANE_OVERRUNS_MAX && kdbi_exec_check_plan(exec, *out, &err) == KDB_OK &&
           kdbi_exec_bind(exec, *out, &err) == KDB_OK;
}

static void start_statement(kdb_exec *exec, const kdbi_plan *plan)
{
    exec->started = true;
    exec->kind = plan->stmt->kind;
    exec->started_us = kdb_monotonic_us();
    exec->deadline_us = exec->started_us + exec->core->timeout_us;
    exec->now_us = kdb_now_us();
}

/* ---- reads ---- */

static void answer_rows(const kdb_request *request, const kdbi_run *run, const kdb_chunk *chunk, kdb_arena *arena)
{
    kdbi_shown shown;
    kdbi_shown_init(&shown, run->result, arena);
    const kdb_reply *reply = &request->reply;
    kdb_err err = { .position = -1 };
    kdb_failure failure = { .statement = 1 };
    reply->rows_begin(reply->self, run->result->columns, run->result->ncolumns);
    if (chunk->nrows > 0) {
        failure.status = reply->rows(reply->self, kdbi_shown_convert(&shown, chunk, chunk->nrows), &err);
        failure.text = kdb_sv_cstr(err.text);
    }
    if (failure.status == KDB_OK) {
        reply->rows_end(reply->self, chunk->nrows, false);
    }
    reply->done(reply->self, failure.status == KDB_OK ? NULL : &failure);
}

static bool run_read(kdb_core_lane *lane, kdb_exec *exec, kdbi_plan *plan)
{
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    kdb_err err = { .position = -1 };
    const kdb_chunk *chunk = NULL;
    start_statement(exec, plan);
    kdb_status status = kdbi_run_start(&run, exec, plan, NULL, &err);
    if (status == KDB_OK) {
        status = kdbi_run_fetch(&run, &chunk, &err);
    }
    plan->lane_overruns += status == KDB_LIMIT;
    if (status != KDB_OK || !kdbi_native_is_through(run.native)) {
        return false;
    }
    atomic_fetch_add_explicit(&exec->core->requests, 1, memory_order_relaxed);
    answer_rows(exec->request, &run, chunk, lane->arena);
    return true;
}

static bool read_in_lane(kdb_core_lane *lane, kdb_request *request)
{
    kdb_arena_reset(lane->arena);
    kdb_exec *exec = KDB_ARENA_NEW(lane->arena, kdb_exec);
    exec->core = lane->worker.core;
    exec->request = request;
    exec->arena = lane->arena;
    kdbi_plan *plan = NULL;
    return plan_request(lane, exec, &plan) && plan->stmt->kind == KDB_STMT_QUERY && run_read(lane, exec, plan);
}

/* ---- writes ---- */

static bool is_small_write(const kdbi_plan *plan)
{
    if (plan->stmt->kind == KDB_STMT_INSERT) {
        const kdb_insert *insert = &plan->stmt->as.insert;
        return insert->select == NULL && insert->nrows <= LANE_INSERT_ROWS_MAX;
    }
    return plan->stmt->kind == KDB_STMT_UPDATE || plan->stmt->kind == KDB_STMT_DELETE;
}

/* True: it has been answered, or will be by whoever goes on with it. */
static bool run_write(kdb_exec *exec, kdbi_plan *plan)
{
    kdb_err err = { .position = -1 };
    bool pending = false;
    start_statement(exec, plan);
    const kdb_status status = kdbi_stmt_runs[exec->kind](exec, plan, &pending, &err);
    if (pending) {
        return true;
    }
    if (status == KDB_OK) {
        kdbi_exec_statement_done(exec);
        return true;
    }
    plan->lane_overruns += status == KDB_LIMIT;
    kdbi_write_abandon(exec->write);
    exec->write = NULL;
    return false;
}

static bool write_in_lane(kdb_core_lane *lane, kdb_request *request)
{
    kdb_core *core = lane->worker.core;
    kdb_exec *exec = kdbi_exec_new(core, request);
    if (!kdbi_core_admit(core, exec)) {
        kdb_arena_free(exec->arena);
        return false;
    }
    kdbi_plan *plan = NULL;
    if (plan_request(lane, exec, &plan) && is_small_write(plan) && run_write(exec, plan)) {
        atomic_fetch_add_explicit(&core->requests, 1, memory_order_relaxed);
        return true;
    }
    kdbi_core_retire(exec, false);
    return false;
}

bool kdb_core_lane_run(kdb_core_lane *lane, kdb_request *request)
{
    const kdb_core *core = lane->worker.core;
    if (request->sql.len > LANE_TEXT_MAX || request->sql.len == 0 || core->default_limit != 0 || core->max_limit != 0) {
        return false;
    }
    switch (request->sql.ptr[0] | 0x20) { /* a letter in lower case */
    case 's':
        return read_in_lane(lane, request);
    case 'i':
    case 'u':
    case 'd':
        return write_in_lane(lane, request);
    default:
        return false;
    }
}
