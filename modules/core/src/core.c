/* core.c - the life of the statement machinery: the workers that run executions from one bounded queue, the watch that
 * interrupts statements past their deadline, submission, cancellation and drain. */
#include "core_int.h"

#include <unistd.h>

enum { MIN_WORKERS = 4, INTERRUPT_AGAIN_US = 5000, HIGH_MARKS_KEPT = 8192 };

/* ---- workers ---- */

void kdbi_worker_enter(kdbi_worker *worker, kdb_exec *exec)
{
    kdb_core *core = worker->core;
    exec->worker = worker;
    if (worker->conn == NULL) {
        return; /* what runs in a lane is too short to be interrupted */
    }
    kdb_mutex_lock(&core->lock);
    worker->running = exec;
    worker->deadline_us = exec->deadline_us;
    /* Cancelled before it was seen here, or begun before the watch went to sleep: the watch must look now. */
    if (exec->deadline_us != 0 && (atomic_load(&exec->cancelled) || exec->deadline_us < core->watch_wakes_us)) {
        kdb_cond_broadcast(&core->changed);
    }
    kdb_mutex_unlock(&core->lock);
}

void kdbi_worker_leave(kdb_exec *exec)
{
    kdbi_worker *worker = exec->worker;
    if (worker == NULL) {
        return;
    }
    exec->worker = NULL;
    if (worker->conn == NULL) {
        return;
    }
    kdb_mutex_lock(&worker->core->lock);
    worker->running = NULL;
    worker->deadline_us = 0;
    kdb_mutex_unlock(&worker->core->lock);
}

static void worker_main(void *arg)
{
    kdbi_worker *worker = arg;
    for (kdb_exec *exec; (exec = kdb_queue_pop(worker->core->queue)) != NULL;) {
        kdbi_worker_enter(worker, exec);
        exec->resume(exec);
        atomic_store_explicit(&worker->plans_cached, kdbi_plan_cache_count(worker->plans), memory_order_relaxed);
    }
    kdbi_plan_cache_free(worker->plans);
    kdbi_native_memory_free(worker->native_memory);
    kdb_engine_disconnect(worker->conn);
}

size_t kdbi_core_plans_per_worker(const kdb_core *core)
{
    return (size_t)kdb_opt_i64(core->options, KDB_OPT_EXEC_PLAN_CACHE) / core->nworkers + 1;
}

static kdb_status start_workers(kdb_core *core, kdb_err *err)
{
    const size_t plans = kdbi_core_plans_per_worker(core);
    for (size_t i = 0; i < core->nworkers; i++) {
        kdbi_worker *worker = &core->workers[i];
        worker->core = core;
        KDB_TRY(kdb_engine_connect(core->engine, &worker->conn, err));
        worker->plans = kdbi_plan_cache_new(plans);
    }
    for (size_t i = 0; i < core->nworkers; i++) {
        kdb_thread_start(&core->workers[i].thread, "kdb-worker", KDB_THREAD_WORKER, worker_main, &core->workers[i]);
    }
    return KDB_OK;
}

/* ---- the watch ---- */

/* Interrupts the worker if its statement is overdue or cancelled; returns when to look at it again. The engine ignores an
 * interrupt while nothing runs in it, so one that meets a statement still being bound is repeated. Holds core->lock. */
static int64_t watch_worker(kdb_core *core, kdbi_worker *worker, int64_t now)
{
    const kdb_exec *exec = worker->running;
    if (exec == NULL || worker->deadline_us == 0) {
        return now + core->timeout_us;
    }
    const bool cancelled = atomic_load(&exec->cancelled);
    if (!cancelled && worker->deadline_us > now) {
        return worker->deadline_us;
    }
    kdb_engine_interrupt(worker->conn, cancelled ? KDB_CANCELLED : KDB_TIMEOUT);
    return now + INTERRUPT_AGAIN_US;
}

/* Every statement has the same time limit, so no statement that starts while the watch sleeps is due before it wakes;
 * a cancellation wakes it. */
static void watch_main(void *arg)
{
    kdb_core *core = arg;
    kdb_mutex_lock(&core->lock);
    while (!core->stopping) {
        const int64_t now = kdb_monotonic_us();
        int64_t next = now + core->timeout_us;
        for (size_t i = 0; i < core->nworkers; i++) {
            const int64_t due = watch_worker(core, &core->workers[i], now);
            next = due < next ? due : next;
        }
        core->watch_wakes_us = next;
        (void)kdb_cond_wait_until(&core->changed, &core->lock, next);
    }
    kdb_mutex_unlock(&core->lock);
}

/* ---- requests ---- */

static void link_live(kdb_core *core, kdb_exec *exec)
{
    exec->next_live = core->first_live;
    if (core->first_live != NULL) {
        core->first_live->prev_live = exec;
    }
    core->first_live = exec;
    core->live++;
}

static void unlink_live(kdb_core *core, kdb_exec *exec)
{
    *(exec->prev_live == NULL ? &core->first_live : &exec->prev_live->next_live) = exec->next_live;
    if (exec->next_live != NULL) {
        exec->next_live->prev_live = exec->prev_live;
    }
    if (--core->live == 0 && core->draining) { /* else nobody waits for it: the watch would wake for nothing */
        kdb_cond_broadcast(&core->changed);
    }
}

void kdbi_core_retire(kdb_exec *exec, bool failed)
{
    kdb_core *core = exec->core;
    if (failed) {
        atomic_fetch_add_explicit(&core->failed, 1, memory_order_relaxed);
    }
    kdb_mutex_lock(&core->lock);
    unlink_live(core, exec);
    kdb_mutex_unlock(&core->lock);
    kdb_arena_free(exec->arena);
}

static kdb_status refuse(kdb_core *core, kdb_err *err)
{
    atomic_fetch_add_explicit(&core->overloaded, 1, memory_order_relaxed);
    return KDB_FAIL(err, KDB_OVERLOADED, "The server is busy; try again shortly");
}

bool kdbi_core_admit(kdb_core *core, kdb_exec *exec)
{
    kdb_mutex_lock(&core->lock);
    const bool admitted = !core->draining;
    if (admitted) {
        link_live(core, exec);
    }
    kdb_mutex_unlock(&core->lock);
    return admitted;
}

kdb_status kdbi_core_submit_step(kdb_core *core, kdb_request *request, void (*resume)(kdb_exec *exec), kdb_err *err)
{
    kdb_exec *exec = kdbi_exec_new(core, request);
    exec->resume = resume;
    if (!kdbi_core_admit(core, exec)) {
        kdb_arena_free(exec->arena);
        return refuse(core, err);
    }
    if (!kdb_queue_push(core->queue, exec)) {
        kdbi_core_retire(exec, false);
        return refuse(core, err);
    }
    return KDB_OK;
}

kdb_status kdb_core_submit(kdb_core *core, kdb_request *request, kdb_err *err)
{
    KDB_TRY(kdbi_core_submit_step(core, request, kdbi_exec_start, err));
    atomic_fetch_add_explicit(&core->requests, 1, memory_order_relaxed);
    return KDB_OK;
}

/* ---- tasks ---- */

static void run_task(kdb_exec *exec)
{
    kdb_core_turn turn = { exec };
    exec->task->run(exec->task, &turn);
    kdbi_worker_leave(exec);
    kdbi_core_retire(exec, false);
}

kdb_status kdb_core_task_submit(kdb_core *core, kdb_core_task *task, bool bounded, kdb_err *err)
{
    kdb_exec *exec = kdbi_exec_new(core, NULL);
    exec->task = task;
    exec->resume = run_task;
    if (!kdbi_core_admit(core, exec)) {
        kdb_arena_free(exec->arena);
        return refuse(core, err);
    }
    if (bounded ? kdb_queue_push(core->queue, exec) : kdb_queue_push_always(core->queue, exec)) {
        return KDB_OK;
    }
    kdbi_core_retire(exec, false);
    return refuse(core, err);
}

uint64_t kdb_core_seq_floor(kdb_core *core, const kdb_table *table)
{
    return kdbi_sequencer_floor(core->sequencer, table->id);
}

kdb_cold *kdb_core_cold(const kdb_core *core)
{
    return core->cold;
}

/* The watch interrupts what runs. Holds core->lock. */
static void cancel_live(kdb_core *core, kdb_exec *exec)
{
    atomic_store(&exec->cancelled, true);
    kdb_cond_broadcast(&core->changed);
}

void kdb_core_cancel(kdb_core *core, kdb_request *request)
{
    /* By search, since the execution may end meanwhile: what is on the list is alive while we hold the lock. */
    kdb_mutex_lock(&core->lock);
    for (kdb_exec *exec = core->first_live; exec != NULL; exec = exec->next_live) {
        if (exec->request == request) {
            cancel_live(core, exec);
            break;
        }
    }
    kdb_mutex_unlock(&core->lock);
}

void kdb_core_drain(kdb_core *core, int64_t grace_us)
{
    const int64_t deadline = kdb_monotonic_us() + grace_us;
    kdb_mutex_lock(&core->lock);
    core->draining = true;
    while (core->live > 0 && kdb_cond_wait_until(&core->changed, &core->lock, deadline)) {}
    for (kdb_exec *exec = core->first_live; exec != NULL; exec = exec->next_live) {
        cancel_live(core, exec);
    }
    while (core->live > 0) {
        kdb_cond_wait(&core->changed, &core->lock);
    }
    kdb_mutex_unlock(&core->lock);
}

/* ---- life ---- */

static size_t worker_count(const kdb_options *options)
{
    const int64_t asked = kdb_opt_i64(options, KDB_OPT_SERVER_WORKERS);
    if (asked > 0) {
        return (size_t)asked;
    }
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores * 2 > MIN_WORKERS ? (size_t)cores * 2 : MIN_WORKERS;
}

static size_t scan_threads(const kdb_options *options)
{
    const int64_t asked = kdb_opt_i64(options, KDB_OPT_ENGINE_THREADS);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return asked > 0 ? (size_t)asked : cores > 0 ? (size_t)cores : 1;
}

static void read_options(kdb_core *core, const kdb_options *options)
{
    core->options = options;
    core->timeout_us = kdb_opt_i64(options, KDB_OPT_EXEC_TIMEOUT) * 1000000;
    core->write_limit = (size_t)kdb_opt_i64(options, KDB_OPT_LIMITS_STATEMENT_WRITE);
    core->txn_limit = (size_t)kdb_opt_i64(options, KDB_OPT_TXN_BUFFER);
    core->txn_idle_us = kdb_opt_i64(options, KDB_OPT_TXN_TIMEOUT) * 1000000;
    core->default_limit = kdb_opt_i64(options, KDB_OPT_LIMITS_DEFAULT_QUERY);
    core->max_limit = kdb_opt_i64(options, KDB_OPT_LIMITS_MAX_QUERY);
    core->slow_us = kdb_opt_i64(options, KDB_OPT_LOG_SLOW_QUERY_MS) * 1000;
    core->node_id = kdb_opt_i64(options, KDB_OPT_NODE_ID);
    core->use_native = kdb_opt_bool(options, KDB_OPT_EXEC_NATIVE);
    core->scan_threads = scan_threads(options);
    core->nworkers = worker_count(options);
}

kdb_status kdb_core_open(const kdb_core_options *options, kdb_core **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_core_closep) kdb_core *core = KDB_NEW(kdb_core);
    core->store = options->store;
    core->engine = options->engine;
    core->registry = options->registry;
    core->auth = options->auth;
    core->system = options->system;
    core->audit = options->audit;
    core->objects = options->objects;
    core->cold = options->cold;
    core->live_control = options->live;
    core->job_control = options->jobs;
    core->nsinks = options->nsinks;
    core->sinks = kdb_alloc_array(options->nsinks + 1, sizeof(*core->sinks));
    for (size_t i = 0; i < options->nsinks; i++) {
        core->sinks[i] = options->sinks[i];
    }
    read_options(core, options->options);
    kdb_mutex_init(&core->cold_lock, KDB_LOCK_COLD_WORK);
    kdb_cond_init(&core->cold_changed);
    core->cold_busy = kdb_map_new();
    kdb_mutex_init(&core->ddl, KDB_LOCK_DDL);
    kdb_mutex_init(&core->lock, KDB_LOCK_WORKERS);
    kdb_cond_init(&core->changed);
    core->queue = kdb_queue_new((size_t)kdb_opt_i64(core->options, KDB_OPT_SERVER_QUEUE_LENGTH));
    core->row_locks = kdbi_row_locks_new();
    core->sequencer = kdbi_sequencer_new();
    core->marks = kdbi_high_marks_new(core->store, core->cold, HIGH_MARKS_KEPT);
    core->hot = kdbi_hot_cache_new(core->sequencer, (size_t)kdb_opt_i64(options->options, KDB_OPT_EXEC_HOT_ROWS));
    core->workers = kdb_alloc_array(core->nworkers, sizeof(*core->workers));
    KDB_TRY(kdb_seq_ceiling_open(&core->ceiling, core->store, err));
    core->ceiling_open = true;
    KDB_TRY(kdbi_core_make_own_tables(core, err));
    KDB_TRY(start_workers(core, err));
    kdb_thread_start(&core->watch, "kdb-watch", KDB_THREAD_ANY, watch_main, core);
    *out = KDB_TAKE(core);
    return KDB_OK;
}

static void stop_threads(kdb_core *core)
{
    kdb_queue_close(core->queue);
    for (size_t i = 0; i < core->nworkers; i++) {
        if (core->workers[i].thread.started) {
            kdb_thread_join(&core->workers[i].thread);
        } else {
            kdbi_plan_cache_free(core->workers[i].plans);
            kdb_engine_disconnect(core->workers[i].conn);
        }
    }
    kdb_mutex_lock(&core->lock);
    core->stopping = true;
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
    kdb_thread_join(&core->watch);
}

void kdb_core_close(kdb_core *core)
{
    if (core == NULL) {
        return;
    }
    stop_threads(core);
    kdb_err err;
    if (core->ceiling_open && kdb_seq_ceiling_settle(&core->ceiling, core->store, &err) != KDB_OK) {
        kdb_log_warn("sequence ceiling not lowered err=%s",
                     err.text); /* the next start runs ahead of the clock a little */
    }
    kdbi_hot_cache_free(core->hot);
    kdbi_high_marks_free(core->marks);
    kdbi_sequencer_free(core->sequencer);
    kdbi_row_locks_free(core->row_locks);
    kdb_queue_free(core->queue);
    kdb_cond_done(&core->changed);
    kdb_mutex_done(&core->lock);
    kdb_mutex_done(&core->ddl);
    kdb_map_free(core->cold_busy);
    kdb_cond_done(&core->cold_changed);
    kdb_mutex_done(&core->cold_lock);
    kdb_free(core->workers);
    kdb_free(core->sinks);
    kdb_free(core);
}

void kdb_core_stats_get(kdb_core *core, kdb_core_stats *out)
{
    *out = (kdb_core_stats){ 0 };
    out->requests = atomic_load_explicit(&core->requests, memory_order_relaxed);
    out->failed = atomic_load_explicit(&core->failed, memory_order_relaxed);
    out->overloaded = atomic_load_explicit(&core->overloaded, memory_order_relaxed);
    out->native = atomic_load_explicit(&core->native, memory_order_relaxed);
    out->direct = atomic_load_explicit(&core->direct, memory_order_relaxed);
    out->direct_failed = atomic_load_explicit(&core->direct_failed, memory_order_relaxed);
    out->queued = kdb_queue_length(core->queue);
    out->workers = core->nworkers;
    out->hot_rows_bytes = kdbi_hot_cache_total(core->hot);
    out->manifest_bytes = core->cold == NULL ? 0 : kdb_cold_cached_bytes(core->cold);
    kdb_mutex_lock(&core->lock);
    for (size_t i = 0; i < core->nworkers; i++) {
        out->running += core->workers[i].running != NULL;
        out->plans_cached += atomic_load_explicit(&core->workers[i].plans_cached, memory_order_relaxed);
    }
    kdb_mutex_unlock(&core->lock);
}

kdb_status kdb_core_check(kdb_core *core, kdb_err *err)
{
    if (kdb_engine_is_broken(core->engine)) {
        return KDB_FAIL(err, KDB_INTERNAL, "the SQL engine has failed for good; the server must be started again");
    }
    return kdb_store_check(core->store, err);
}

kdb_status kdb_work_check(const kdb_work *work, kdb_err *err)
{
    const bool stop = work != NULL && work->stop != NULL && work->stop(work->self);
    return stop ? KDB_FAIL(err, KDB_CANCELLED, "The job was told to end") : KDB_OK;
}
