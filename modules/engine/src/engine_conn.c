/* engine_conn.c - a connection: what its scans read at the moment, and how a run of it is interrupted or fails. */
#include <sched.h>
#include <stdio.h>

#include "engine_int.h"

kdb_status kdb_engine_connect(kdb_engine *engine, kdb_engine_conn **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_engine_disconnectp) kdb_engine_conn *conn = KDB_NEW(kdb_engine_conn);
    conn->engine = engine;
    conn->arena = kdb_arena_new(0);
    (void)kdbi_conn_scratch(conn, 4096);
    kdb_mutex_init(&conn->lock, KDB_LOCK_ENGINE);
    (void)snprintf(conn->scan_function, sizeof(conn->scan_function), "kdb_scan_%llu",
                   (unsigned long long)atomic_fetch_add(&engine->connections, 1) + 1);
    if (duckdb_connect(engine->duck, &conn->duck) != DuckDBSuccess) {
        return KDB_FAIL(err, KDB_INTERNAL, "the engine refuses a connection");
    }
    KDB_TRY(kdbi_scan_register(conn, err));
    kdbi_memory_add(engine, conn);
    *out = KDB_TAKE(conn);
    return KDB_OK;
}

void kdb_engine_disconnect(kdb_engine_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    KDB_ASSERT(!conn->in_use);
    kdbi_memory_remove(conn->engine, conn);
    duckdb_disconnect(&conn->duck);
    kdb_mutex_done(&conn->lock);
    kdb_arena_free(conn->arena);
    kdb_free(conn->scratch);
    kdb_free(conn);
}

const char *kdb_engine_scan_function(const kdb_engine_conn *conn)
{
    return conn->scan_function;
}

void kdbi_conn_interrupt(kdb_engine_conn *conn, kdb_status status, int64_t began_us)
{
    kdb_mutex_lock(&conn->lock);
    if (conn->running &&
        (began_us == 0 || began_us == atomic_load(&conn->began_us))) { /* so that a late call never hits the next run */
        atomic_store(&conn->interrupt, (int)status);
        duckdb_interrupt(conn->duck);
    }
    kdb_mutex_unlock(&conn->lock);
}

void kdb_engine_interrupt(kdb_engine_conn *conn, kdb_status status)
{
    KDB_ASSERT(status == KDB_TIMEOUT || status == KDB_CANCELLED);
    kdbi_conn_interrupt(conn, status, 0);
}

void kdbi_conn_begin(kdb_engine_conn *conn, const kdb_scan_table *tables, size_t ntables, const kdb_scan_source *source)
{
    KDB_ASSERT(!conn->in_use); /* DuckDB would end the open cursor's execution */
    conn->in_use = true;
    conn->tables = tables;
    conn->ntables = ntables;
    conn->source = source;
    kdb_mutex_lock(&conn->lock);
    atomic_store(&conn->interrupt, (int)KDB_OK);
    conn->failed = false;
    conn->running = true;
    atomic_store(&conn->began_us, kdb_monotonic_us());
    kdb_mutex_unlock(&conn->lock);
    kdbi_memory_wake(conn->engine);
    kdbi_turn_end();
}

/* DuckDB counts a task as done before the thread that ran it has let go of it, and a helper may so hold a scan for a moment
 * longer than the execution lasts. */
static void await_scans(const kdb_engine_conn *conn)
{
    while (atomic_load(&conn->open_scans) != 0) {
        (void)sched_yield();
    }
}

void kdbi_conn_end(kdb_engine_conn *conn)
{
    await_scans(conn);
    kdb_mutex_lock(&conn->lock);
    conn->running = false;
    atomic_store(&conn->began_us, 0);
    kdb_mutex_unlock(&conn->lock);
    conn->source = NULL;
    conn->tables = NULL;
    conn->ntables = 0;
    conn->in_use = false;
    kdb_arena_reset(conn->arena);
}

void kdbi_conn_stash(kdb_engine_conn *conn, const kdb_err *failure)
{
    kdb_mutex_lock(&conn->lock);
    if (!conn->failed) {
        conn->failed = true;
        conn->failure = *failure;
    }
    kdb_mutex_unlock(&conn->lock);
}

kdb_status kdbi_conn_fail(kdb_engine_conn *conn, const char *text, kdb_err *err)
{
    const kdb_status interrupted = kdbi_conn_interrupted(conn);
    if (interrupted == KDB_LIMIT) {
        return KDB_FAIL(err, KDB_LIMIT, KDBI_OUT_OF_MEMORY);
    }
    if (interrupted != KDB_OK) {
        return KDB_FAIL(err, interrupted, "statement interrupted");
    }
    kdb_mutex_lock(&conn->lock);
    const bool failed = conn->failed;
    const kdb_status status = conn->failure.status;
    if (failed && err != NULL) {
        *err = conn->failure;
    }
    kdb_mutex_unlock(&conn->lock);
    return failed ? status : kdbi_engine_fail(conn->engine, text, err);
}

void *kdbi_conn_scratch(kdb_engine_conn *conn, size_t size)
{
    if (size > conn->scratch_size) {
        kdb_free(conn->scratch);
        conn->scratch = kdb_alloc(size);
        conn->scratch_size = size;
    }
    return conn->scratch;
}
