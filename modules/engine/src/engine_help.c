/* engine_help.c - more threads for executions that turn out long. DuckDB's own background threads wake for every task
 * of every execution, which costs short ones a third of their speed, so it gets none: each execution runs on its
 * caller's thread, and ours join it, through DuckDB's task interface, only once it has run for a while.
 * A round is the time during which at least one execution wants help. */
#include "engine_int.h"

enum { LONG_US = 1000 }; /* an execution that takes longer gets help: a wake-up costs some 50 us of it */

struct kdbi_help_round {
    duckdb_task_state tasks;
    size_t users; /* guarded by help_lock: the engine while it is the current round, and threads inside DuckDB */
};

static void round_unref(kdbi_help_round *round)
{
    if (--round->users == 0) {
        duckdb_destroy_task_state(round->tasks);
        kdb_free(round);
    }
}

static void run_helper(void *arg)
{
    kdb_engine *engine = arg;
    kdb_mutex_lock(&engine->help_lock);
    while (!engine->help_stops) {
        kdbi_help_round *round = engine->help_round;
        if (round == NULL) {
            kdb_cond_wait(&engine->help_wanted, &engine->help_lock);
            continue;
        }
        round->users++;
        kdb_mutex_unlock(&engine->help_lock);
        duckdb_execute_tasks_state(round->tasks); /* until the round is finished */
        kdb_mutex_lock(&engine->help_lock);
        round_unref(round);
    }
    kdb_mutex_unlock(&engine->help_lock);
}

void kdbi_help_start(kdb_engine *engine, size_t nhelpers)
{
    kdb_mutex_init(&engine->help_lock, KDB_LOCK_ENGINE);
    kdb_cond_init(&engine->help_wanted);
    engine->helpers = kdb_alloc_array(nhelpers + 1, sizeof(*engine->helpers));
    engine->nhelpers = nhelpers;
    for (size_t i = 0; i < nhelpers; i++) {
        kdb_thread_start(&engine->helpers[i], "engine", KDB_THREAD_ANY, run_helper, engine);
    }
}

void kdbi_help_stop(kdb_engine *engine)
{
    kdb_mutex_lock(&engine->help_lock);
    KDB_ASSERT(engine->help_wanting == 0);
    engine->help_stops = true;
    kdb_cond_broadcast(&engine->help_wanted);
    kdb_mutex_unlock(&engine->help_lock);
    for (size_t i = 0; i < engine->nhelpers; i++) {
        kdb_thread_join(&engine->helpers[i]);
    }
    kdb_free(engine->helpers);
    kdb_cond_done(&engine->help_wanted);
    kdb_mutex_done(&engine->help_lock);
}

/* ---- executions ---- */

void kdbi_help_offer(kdb_engine_conn *conn)
{
    kdb_engine *engine = conn->engine;
    if (engine->nhelpers != 0) {
        const int64_t at = kdb_monotonic_us() + LONG_US;
        kdb_mutex_lock(&engine->help_lock);
        KDB_ASSERT(!conn->helped);
        atomic_store(&conn->help_at_us, at);
        kdb_mutex_unlock(&engine->help_lock);
    }
}

static void join_round(kdb_engine *engine)
{
    if (engine->help_wanting++ == 0) {
        engine->help_round = KDB_NEW(kdbi_help_round);
        engine->help_round->tasks = duckdb_create_task_state(engine->duck);
        engine->help_round->users = 1;
        kdb_cond_broadcast(&engine->help_wanted);
    }
}

void kdbi_help_now(kdb_engine_conn *conn)
{
    kdb_engine *engine = conn->engine;
    kdb_mutex_lock(&engine->help_lock);
    if (atomic_load(&conn->help_at_us) != 0) { /* no other thread was faster */
        atomic_store(&conn->help_at_us, 0);
        conn->helped = true;
        join_round(engine);
    }
    kdb_mutex_unlock(&engine->help_lock);
}

void kdbi_help_if_late(kdb_engine_conn *conn)
{
    const int64_t at = atomic_load_explicit(&conn->help_at_us, memory_order_relaxed);
    if (at != 0 && kdb_monotonic_us() >= at) {
        kdbi_help_now(conn);
    }
}

static void leave_round(kdb_engine *engine)
{
    if (--engine->help_wanting == 0) {
        kdbi_help_round *round = engine->help_round;
        engine->help_round = NULL;
        duckdb_finish_execution(round->tasks); /* lets the threads out; does not wait */
        round_unref(round);
    }
}

void kdbi_help_end(kdb_engine_conn *conn)
{
    kdb_engine *engine = conn->engine;
    if (engine->nhelpers == 0) {
        return;
    }
    kdb_mutex_lock(&engine->help_lock);
    atomic_store(&conn->help_at_us, 0);
    if (conn->helped) {
        conn->helped = false;
        leave_round(engine);
    }
    kdb_mutex_unlock(&engine->help_lock);
}
