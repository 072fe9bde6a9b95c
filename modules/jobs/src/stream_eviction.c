/* stream_eviction.c - rows of STREAM tables that have outlived their TTL leave the disk. Nobody has seen them since they
 * expired; a table whose rows have not leaves no record. One step at a time: the server's workers are for its clients. */
#include "jobs_int.h"

enum { STEP_ROWS = 1000, STEP_BYTES = 8 << 20 };

typedef struct eviction {
    kdb_eviction step;
    kdb_jobs *jobs;
    kdb_arena *arena;
    kdb_job_row job; /* id empty: none yet */
    uint64_t removed;
    bool step_ended; /* guarded by jobs->lock, as the next two */
    kdb_status status;
    kdb_err err;
} eviction;

/* ---- one step ---- */

static void on_done(kdb_eviction *step, kdb_status status, const kdb_err *err)
{
    eviction *e = KDB_CONTAINER_OF(step, eviction, step);
    kdb_jobs *jobs = e->jobs;
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
    kdb_jobs *jobs = e->jobs;
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

/* ---- its record ---- */

/* Active jobs have one key per table and hour. */
static kdb_sv key_of(const kdb_table *table, int64_t now_ms, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "SE:%.*s:%.*s:%.*s", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name),
                         KDB_SV_ARG(kdb_utc_text(now_ms * 1000, "%Y-%m-%d-%H", arena)));
}

static void begin_job(eviction *e)
{
    const kdb_table *table = e->step.table;
    e->job = kdbi_job_begin(e->jobs, "SE", KDB_SV(KDBI_STREAM_EVICTION), e->arena);
    e->job.idempotency_key = key_of(table, e->step.now_ms, e->arena);
    e->job.parameters_json = kdb_sv_printf(
        e->arena, "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"stream\",\"ttl_seconds\":%lld,\"batch_size\":%d}",
        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), (long long)table->ttl_seconds, STEP_ROWS);
}

/* A run that one step does is stored once, when it has ended. */
static void note_progress(eviction *e, kdb_status status)
{
    const bool ends = status != KDB_OK || e->step.place.len == 0;
    if (e->job.id.len == 0 && e->removed != 0) {
        begin_job(e);
        if (!ends) {
            kdbi_job_store(e->jobs, &e->job);
        }
    }
}

static kdb_sv message_of(const eviction *e, const char *end)
{
    return kdb_sv_printf(e->arena, "Evicted %llu row(s)%s", (unsigned long long)e->removed, end);
}

/* A table that is dropped meanwhile, or a server that is busy or stops, is no failure: what is left comes next time. */
static void end_job(eviction *e, kdb_status status)
{
    const bool failed =
        status != KDB_OK && status != KDB_TABLE_NOT_FOUND && status != KDB_OVERLOADED && status != KDB_CANCELLED;
    if (failed) {
        kdb_log_warn("eviction failed table=%.*s.%.*s err=\"%s\"", KDB_SV_ARG(e->step.table->ns),
                     KDB_SV_ARG(e->step.table->name), e->err.text);
    }
    if (failed && e->job.id.len == 0) {
        begin_job(e);
    }
    if (e->job.id.len == 0) {
        return;
    }
    if (failed) {
        kdbi_job_finish(e->jobs, &e->job, KDB_SV("failed"), kdb_sv_cstr(e->err.text));
    } else {
        const bool through = status == KDB_OK && e->step.place.len == 0;
        kdbi_job_finish(e->jobs, &e->job, KDB_SV("completed"), message_of(e, through ? "" : "; more are left"));
    }
}

/* ---- tables ---- */

static uint64_t evict_table(kdb_jobs *jobs, kdb_table *table, int64_t now_ms)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    eviction e = {
        .step = { .table = table, .now_ms = now_ms, .max_rows = STEP_ROWS, .max_bytes = STEP_BYTES, .done = on_done },
        .jobs = jobs,
        .arena = arena
    };
    kdb_status status = KDB_OK;
    kdb_buf_init(&e.step.place, 0);
    do {
        status = run_step(&e);
        note_progress(&e, status);
    } while (status == KDB_OK && e.step.place.len != 0 && !kdbi_jobs_stopping(jobs));
    end_job(&e, status);
    kdb_buf_done(&e.step.place);
    return e.removed;
}

uint64_t kdbi_evict_streams(kdb_jobs *jobs, int64_t now_ms)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_table **tables = NULL;
    size_t count = 0;
    uint64_t removed = 0;
    kdb_registry_list_tables(jobs->options.registry, arena, &tables, &count);
    for (size_t i = 0; i < count && !kdbi_jobs_stopping(jobs); i++) {
        if (tables[i]->type == KDB_TABLE_STREAM) {
            removed += evict_table(jobs, tables[i], now_ms);
        }
    }
    kdb_registry_release_tables(tables, count);
    return removed;
}
