/* lane.c - statements run on the net thread that read them (design 6): those whose plan is native, that touch few rows, and
 * whose rows are in memory. A hand-over to a worker and back costs more than such a statement itself. Whatever is not so, or
 * fails, is left to a worker, which runs it from its start: nothing has been answered or written then. */
#include "core_int.h"

enum {
    LANE_TEXT_MAX = 8192,       /* parsing a longer statement would keep other connections waiting */
    LANE_BATCH_MAX = 16 * 1024, /* of the statements of a transaction together */
    LANE_INSERT_ROWS_MAX = 64,  /* of a transaction together, where an UPDATE or DELETE is worth: */
    LANE_CHANGE_ROWS = 8,
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

/* Splits the request. */
static bool prepare(kdb_core_lane *lane, kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    exec->worker = &lane->worker;
    exec->in_lane = true;
    return kdbi_exec_prepare(exec, &err) == KDB_OK;
}

/* The plan of statement exec->next, which the caller may run; NULL when it is not for a lane. */
static kdbi_plan *plan_statement(kdb_core_lane *lane, kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    const kdbi_plan_text text = kdbi_exec_plan_text(exec);
    kdbi_plan *plan = NULL;
    bool owned = false;
    if (exec->pieces[exec->next].as_user.len != 0 || text.text.len > LANE_TEXT_MAX ||
        kdbi_plan_get(&lane->worker, &text, &plan, &owned, &err) != KDB_OK) {
        return NULL;
    }
    if (owned) {
        kdbi_plan_free(plan);
        return NULL;
    }
    const bool good = plan->lane_overruns < LANE_OVERRUNS_MAX && kdbi_exec_check_stmt(exec, plan->stmt, &err) == KDB_OK;
    return good ? plan : NULL;
}

/* The plan of the request's one statement, bound and authorised; false when it is not for a lane. */
static bool plan_request(kdb_core_lane *lane, kdb_exec *exec, kdbi_plan **out)
{
    kdb_err err = { .position = -1 };
    if (!prepare(lane, exec) || exec->npieces != 1) {
        return false;
    }
    *out = plan_statement(lane, exec);
    return *out != NULL && kdbi_exec_bind(exec, *out, &err) == KDB_OK;
}

static void start_statement(kdb_exec *exec, kdb_stmt_kind kind)
{
    exec->started = true;
    exec->kind = kind;
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
    start_statement(exec, plan->stmt->kind);
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
    start_statement(exec, plan->stmt->kind);
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

/* ---- transactions of a few small writes ---- */

/* Whether statement `index` is of that kind, which begins with `word`, and the caller may run it. */
static bool is_bracket(kdb_exec *exec, size_t index, kdb_sv word, kdb_stmt_kind kind)
{
    kdb_err err = { .position = -1 };
    kdb_stmt *stmt = NULL;
    exec->next = index;
    const kdb_sv text = kdbi_exec_text(exec);
    return text.len >= word.len && kdb_sv_ieq(kdb_sv_of(text.ptr, word.len), word) &&
           kdb_dialect_parse(text, NULL, exec->arena, &stmt, &err) == KDB_OK && stmt->kind == kind &&
           kdbi_exec_check_stmt(exec, stmt, &err) == KDB_OK;
}

/* What RETURNING shows goes out before the end is known. */
static bool shows_rows(const kdb_stmt *stmt)
{
    return (stmt->kind == KDB_STMT_INSERT ? stmt->as.insert.rows : stmt->as.change.rows) != NULL;
}

/* All that can be seen before anything runs: writes of few rows between BEGIN and COMMIT. */
static bool is_small_transaction(kdb_core_lane *lane, kdb_exec *exec)
{
    const size_t last = exec->npieces - 1;
    size_t rows = 0;
    for (exec->next = 1; exec->next < last; exec->next++) {
        const kdbi_plan *plan = plan_statement(lane, exec);
        if (plan == NULL || !is_small_write(plan) || shows_rows(plan->stmt)) {
            return false;
        }
        rows += plan->stmt->kind == KDB_STMT_INSERT ? plan->stmt->as.insert.nrows : LANE_CHANGE_ROWS;
    }
    return rows <= LANE_INSERT_ROWS_MAX;
}

static bool stage_statement(kdb_core_lane *lane, kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    bool pending = false;
    kdbi_plan *plan = plan_statement(lane, exec);
    if (plan == NULL || kdbi_exec_bind(exec, plan, &err) != KDB_OK) {
        return false;
    }
    start_statement(exec, plan->stmt->kind);
    const kdb_status status = kdbi_stmt_runs[exec->kind](exec, plan, &pending, &err);
    KDB_ASSERT(!pending); /* a transaction keeps what its statements write */
    plan->lane_overruns += status == KDB_LIMIT;
    return status == KDB_OK;
}

/* Whether all between BEGIN and COMMIT looks like INSERT. */
static bool only_inserts(const kdb_exec *exec)
{
    size_t i = 1;
    while (i + 1 < exec->npieces && (exec->pieces[i].text.ptr[0] | 0x20) == 'i') {
        i++;
    }
    return i + 1 == exec->npieces;
}

typedef enum insert_end { INSERT_RUNS, INSERT_FAILED, INSERT_IS_NONE } insert_end;

/* One statement of a transaction that only inserts. `rows` are those so far. */
static insert_end insert_statement(kdb_core_lane *lane, kdb_exec *exec, const kdbi_plan **bound, size_t *rows)
{
    kdb_err err = { .position = -1 };
    kdbi_plan *plan = plan_statement(lane, exec);
    if (plan == NULL || !kdbi_txn_takes_insert(plan->stmt)) {
        return INSERT_IS_NONE;
    }
    *rows += plan->stmt->as.insert.nrows;
    if (*rows > LANE_INSERT_ROWS_MAX) {
        return INSERT_FAILED;
    }
    if ((plan != *bound || plan->target == NULL) && kdbi_exec_bind(exec, plan, &err) != KDB_OK) {
        return INSERT_FAILED;
    }
    *bound = plan;
    return kdbi_txn_insert(exec, plan, &err) == KDB_OK ? INSERT_RUNS : INSERT_FAILED;
}

/* NOW() is the same for all of them: they all run at once. */
static insert_end run_inserts(kdb_core_lane *lane, kdb_exec *exec)
{
    const kdbi_plan *bound = NULL;
    size_t rows = 0;
    kdb_err err = { .position = -1 };
    bool pending = false;
    kdbi_txn_begin_blind(exec);
    start_statement(exec, KDB_STMT_INSERT);
    for (exec->next = 1; exec->next + 1 < exec->npieces; exec->next++) {
        const insert_end end = insert_statement(lane, exec, &bound, &rows);
        if (end != INSERT_RUNS) {
            return end;
        }
    }
    exec->kind = KDB_STMT_COMMIT;
    const kdb_status status = kdbi_txn_insert_commit(exec, &pending, &err);
    KDB_ASSERT(pending || status != KDB_OK); /* there are rows */
    return status == KDB_OK ? INSERT_RUNS : INSERT_FAILED;
}

static void give_up(kdb_exec *exec)
{
    kdbi_write_abandon(exec->write);
    exec->write = NULL;
    kdbi_txn_end(exec);
}

/* True: it has been answered, or will be. */
static bool run_transaction(kdb_core_lane *lane, kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    bool pending = false;
    kdbi_txn_begin(exec);
    exec->txn->untold = true;
    for (exec->next = 1; exec->next + 1 < exec->npieces; exec->next++) {
        if (!stage_statement(lane, exec)) {
            return false;
        }
    }
    start_statement(exec, KDB_STMT_COMMIT);
    const kdb_status status = kdbi_txn_commit(exec, &pending, &err);
    if (status == KDB_OK && !pending) {
        kdbi_exec_statement_done(exec);
    }
    return status == KDB_OK;
}

static bool has_brackets(kdb_exec *exec)
{
    return exec->npieces >= 3 && exec->npieces <= LANE_INSERT_ROWS_MAX + 2 &&
           is_bracket(exec, 0, KDB_SV("BEGIN"), KDB_STMT_BEGIN) &&
           is_bracket(exec, exec->npieces - 1, KDB_SV("COMMIT"), KDB_STMT_COMMIT);
}

/* True: it has been answered, or will be. */
static bool transact(kdb_core_lane *lane, kdb_exec *exec)
{
    if (!prepare(lane, exec) || !has_brackets(exec)) {
        return false;
    }
    const insert_end end = only_inserts(exec) ? run_inserts(lane, exec) : INSERT_IS_NONE;
    if (end != INSERT_IS_NONE) {
        return end == INSERT_RUNS;
    }
    give_up(exec);
    return is_small_transaction(lane, exec) && run_transaction(lane, exec);
}

static bool transact_in_lane(kdb_core_lane *lane, kdb_request *request)
{
    kdb_core *core = lane->worker.core;
    kdb_exec *exec = kdbi_exec_new(core, request);
    if (!kdbi_core_admit(core, exec)) {
        kdb_arena_free(exec->arena);
        return false;
    }
    if (transact(lane, exec)) {
        atomic_fetch_add_explicit(&core->requests, 1, memory_order_relaxed);
        return true;
    }
    give_up(exec);
    kdbi_core_retire(exec, false);
    return false;
}

/* ---- requests ---- */

bool kdb_core_lane_run(kdb_core_lane *lane, kdb_request *request)
{
    const kdb_core *core = lane->worker.core;
    const char first = request->sql.len == 0 ? '\0' : (char)(request->sql.ptr[0] | 0x20); /* a letter in lower case */
    if (request->sql.len > (first == 'b' ? LANE_BATCH_MAX : LANE_TEXT_MAX) || core->default_limit != 0 ||
        core->max_limit != 0) {
        return false;
    }
    switch (first) {
    case 's':
        return read_in_lane(lane, request);
    case 'i':
    case 'u':
    case 'd':
        return write_in_lane(lane, request);
    case 'b':
        return transact_in_lane(lane, request);
    default:
        return false;
    }
}
