/* job_records.c - the rows of system.jobs that jobs leave: changed as they go, put right after a crash. */
#include "jobs_int.h"

void kdbi_job_store(kdb_jobs *jobs, kdbi_job *job)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_err err;
    job->shown = true;
    job->row.updated_us = kdb_now_us();
    kdb_system_stage_job(&job->row, batch);
    if (kdb_store_commit(jobs->options.store, batch, &err) != KDB_OK) {
        kdb_log_warn("job not recorded job_id=%.*s err=\"%s\"", KDB_SV_ARG(job->row.id), err.text);
    }
}

/* ---- after a crash ---- */

typedef struct recovery {
    kdb_jobs *jobs;
    kdb_batch *batch;
} recovery;

static void fail(const recovery *r, const kdb_job_row *row, kdb_sv why)
{
    kdb_job_row failed = *row;
    failed.status = kdb_sv_cstr(kdbi_job_state_names[KDBI_JOB_FAILED]);
    failed.message = why;
    failed.updated_us = failed.finished_us = kdb_now_us();
    kdb_system_stage_job(&failed, r->batch);
}

/* One that waited, for its first try or its next. */
static void resume(const recovery *r, const kdb_job_row *row, kdbi_job_state state)
{
    kdbi_job *job = NULL;
    bool full = false;
    kdbi_job_of_row(r->jobs, row, &job);
    if (job == NULL) {
        fail(r, row, KDB_SV("This server runs no such jobs"));
        return;
    }
    job->state = state == KDBI_JOB_NEW ? KDBI_JOB_QUEUED : state;
    kdb_mutex_lock(&r->jobs->lock);
    const bool taken = kdbi_list_reserve(&r->jobs->list, job, &full);
    if (taken) {
        kdbi_list_enqueue(&r->jobs->list, job);
    }
    kdb_mutex_unlock(&r->jobs->lock);
    if (!taken) {
        fail(r, row, full ? KDB_SV("Too many jobs are waiting") : KDB_SV("Another job has its idempotency key"));
        kdbi_job_free(job);
    }
}

static void recover(void *self, const kdb_job_row *row)
{
    const recovery *r = self;
    const kdbi_job_state state = kdbi_job_state_of(row->status);
    if (state == KDBI_JOB_RUNNING) {
        fail(r, row, KDB_SV("Server restarted"));
    } else if (kdbi_job_state_is_active(state)) {
        resume(r, row, state);
    }
}

kdb_status kdbi_jobs_recover(kdb_jobs *jobs, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    recovery r = { jobs, batch };
    KDB_TRY(kdb_system_visit_jobs(jobs->options.store, KDB_SV(""), recover, &r, err));
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(jobs->options.store, batch, err);
}
