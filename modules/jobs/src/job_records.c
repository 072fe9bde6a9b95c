/* job_records.c - the rows of system.jobs that jobs leave: made, changed as they go, put right after a crash, forgotten. */
#include "jobs_int.h"

enum { MAX_RETRIES = 3, BATCH_MAX = 1000 };

kdb_job_row kdbi_job_begin(const kdb_jobs *jobs, const char *prefix, kdb_sv type, kdb_arena *arena)
{
    const int64_t now = kdb_now_us();
    return (kdb_job_row){ .id = kdb_system_job_id(prefix, arena),
                          .type = type,
                          .status = KDB_SV("running"),
                          .created_us = now,
                          .updated_us = now,
                          .started_us = now,
                          .max_retries = MAX_RETRIES,
                          .node_id = jobs->node_id };
}

void kdbi_job_store(kdb_jobs *jobs, kdb_job_row *job)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_err err;
    job->updated_us = kdb_now_us();
    kdb_system_stage_job(job, batch);
    if (kdb_store_commit(jobs->options.store, batch, &err) != KDB_OK) {
        kdb_log_warn("job not recorded job_id=%.*s err=\"%s\"", KDB_SV_ARG(job->id), err.text);
    }
}

void kdbi_job_finish(kdb_jobs *jobs, kdb_job_row *job, kdb_sv status, kdb_sv message)
{
    job->status = status;
    job->message = message;
    job->finished_us = kdb_now_us();
    kdbi_job_store(jobs, job);
}

/* ---- after a crash ---- */

typedef struct rewrite {
    kdb_batch *batch;
    int64_t until_us;
} rewrite;

static void fail_running(void *self, const kdb_job_row *job)
{
    const rewrite *r = self;
    if (!kdb_sv_eq(job->status, KDB_SV("running"))) {
        return;
    }
    kdb_job_row failed = *job;
    failed.status = KDB_SV("failed");
    failed.message = KDB_SV("Server restarted");
    failed.updated_us = failed.finished_us = kdb_now_us();
    kdb_system_stage_job(&failed, r->batch);
}

static void drop_old(void *self, const kdb_job_row *job)
{
    const rewrite *r = self;
    if (kdb_batch_count(r->batch) < BATCH_MAX && job->finished_us != 0 && job->finished_us < r->until_us &&
        kdb_sv_eq(job->type, KDB_SV(KDBI_STREAM_EVICTION))) {
        kdb_system_stage_job_removal(job->id, r->batch);
    }
}

static kdb_status rewrite_jobs(kdb_jobs *jobs, rewrite *r, void (*visit)(void *self, const kdb_job_row *job),
                               size_t *out_count, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    r->batch = batch;
    KDB_TRY(kdb_system_visit_jobs(jobs->options.store, KDB_SV(""), visit, r, err));
    *out_count = kdb_batch_count(batch);
    return *out_count == 0 ? KDB_OK : kdb_store_commit(jobs->options.store, batch, err);
}

kdb_status kdbi_jobs_recover(kdb_jobs *jobs, kdb_err *err)
{
    rewrite r = { .until_us = 0 };
    size_t count = 0;
    return rewrite_jobs(jobs, &r, fail_running, &count, err);
}

kdb_status kdbi_jobs_forget(kdb_jobs *jobs, int64_t until_us, kdb_err *err)
{
    rewrite r = { .until_us = until_us };
    size_t count = 0;
    do {
        KDB_TRY(rewrite_jobs(jobs, &r, drop_old, &count, err));
    } while (count == BATCH_MAX && !kdbi_jobs_stopping(jobs));
    return KDB_OK;
}
