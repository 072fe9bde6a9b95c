/* stream_eviction.c - rows of STREAM tables that have outlived their TTL leave the disk. Nobody has seen them since they
 * expired; a table whose rows have not leaves no record. One step at a time: the server's workers are for its clients. */
#include "jobs_int.h"

enum { STEP_ROWS = 1000, STEP_BYTES = 8 << 20 };

typedef struct eviction {
    kdb_eviction step;
    kdbi_run *run;
    uint64_t removed;
    bool step_ended; /* guarded by jobs->lock, as the next two */
    kdb_status status;
    kdb_err err;
} eviction;

/* ---- one step ---- */

static void on_done(kdb_eviction *step, kdb_status status, const kdb_err *err)
{
    eviction *e = KDB_CONTAINER_OF(step, eviction, step);
    kdb_jobs *jobs = e->run->jobs;
    kdb_mutex_lock(&jobs->lock);
    e->step_ended = true;
    e->status = status;
    if (status != KDB_OK) {
        e->err = *err;
    }
    kdb_cond_broadcast(&jobs->changed);
    kdb_mutex_unlock(&jobs->lock);
}

static kdb_status run_step(eviction *e)
{
    kdb_jobs *jobs = e->run->jobs;
    e->step_ended = false;
    const kdb_status status = kdb_core_evict(jobs->options.core, &e->step, &e->err);
    if (status != KDB_OK) {
        return status;
    }
    kdb_mutex_lock(&jobs->lock);
    while (!e->step_ended) {
        kdb_cond_wait(&jobs->changed, &jobs->lock);
    }
    kdb_mutex_unlock(&jobs->lock);
    e->removed += e->step.removed;
    return e->status;
}

/* ---- a table ---- */

/* A table that is dropped meanwhile, or a server that is busy or stops, is no failure: what is left comes next time. */
static bool is_interruption(kdb_status status)
{
    return status == KDB_TABLE_NOT_FOUND || status == KDB_OVERLOADED || status == KDB_CANCELLED;
}

static kdb_status run_steps(eviction *e)
{
    kdb_status status = KDB_OK;
    do {
        status = run_step(e);
        if (e->removed != 0 && e->step.place.len != 0) {
            kdbi_run_tell(e->run, "Evicted %llu row(s)", (unsigned long long)e->removed);
        }
    } while (status == KDB_OK && e->step.place.len != 0 && !kdbi_run_stops(e->run));
    return status;
}

static kdb_status evict(eviction *e, kdb_err *err)
{
    const kdb_status status = run_steps(e);
    const bool killed = atomic_load(&e->run->job->killed);
    if (status != KDB_OK && !is_interruption(status)) {
        *err = e->err;
        return status;
    }
    if (killed && e->step.place.len != 0) {
        return kdb_work_check(&e->run->work, err);
    }
    e->run->skipped = e->removed == 0;
    kdbi_run_result(e->run, "Evicted %llu row(s)%s", (unsigned long long)e->removed,
                    status == KDB_OK && e->step.place.len == 0 ? "" : "; more are left");
    return KDB_OK;
}

static bool is_stream(const kdb_table *table)
{
    return table->type == KDB_TABLE_STREAM;
}

kdb_status kdbi_run_eviction(kdbi_run *run, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_run_table(run);
    if (table == NULL || !is_stream(table)) {
        return KDB_OK;
    }
    eviction e = { .step = { .table = table,
                             .now_ms = kdb_now_ms(),
                             .max_rows = STEP_ROWS,
                             .max_bytes = STEP_BYTES,
                             .done = on_done },
                   .run = run };
    kdb_buf_init(&e.step.place, 0);
    const kdb_status status = evict(&e, err);
    kdb_buf_done(&e.step.place);
    return status;
}

/* ---- when ---- */

static void schedule_table(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena)
{
    const kdb_sv parameters = kdb_sv_printf(
        arena, "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"stream\",\"ttl_seconds\":%lld,\"batch_size\":%d}",
        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), (long long)table->ttl_seconds, STEP_ROWS);
    kdbi_jobs_schedule(jobs, KDB_JOB_STREAM_EVICTION, parameters, kdbi_hourly_key("SE", table, now_us, arena));
}

void kdbi_schedule_evictions(kdb_jobs *jobs, int64_t now_us)
{
    kdbi_visit_tables(jobs, is_stream, schedule_table, now_us);
}
