/* jobs.c - the life of the job manager: its threads and the clock that begins what is due by itself. */
#include "jobs_int.h"

#include <unistd.h>

enum { MIN_THREADS = 2, MAX_THREADS = 10 };

bool kdbi_jobs_stopping(kdb_jobs *jobs)
{
    kdb_mutex_lock(&jobs->lock);
    const bool stopping = jobs->stopping;
    kdb_mutex_unlock(&jobs->lock);
    return stopping;
}

static size_t thread_count(const kdb_options *options)
{
    const int64_t asked = kdb_opt_i64(options, KDB_OPT_JOBS_MAX_CONCURRENT);
    const long half = sysconf(_SC_NPROCESSORS_ONLN) / 2;
    if (asked > 0) {
        return (size_t)asked;
    }
    return half < MIN_THREADS ? MIN_THREADS : half > MAX_THREADS ? MAX_THREADS : (size_t)half;
}

static void start_threads(kdb_jobs *jobs)
{
    jobs->threads = kdb_alloc_array(jobs->nthreads + 1, sizeof(*jobs->threads));
    for (size_t i = 0; i < jobs->nthreads; i++) {
        kdb_thread_start(&jobs->threads[i], "kdb-job", KDB_THREAD_JOB, kdbi_jobs_work, jobs);
    }
    if (jobs->schedule != NULL) {
        kdb_thread_start(&jobs->clock, "kdb-jobs-clock", KDB_THREAD_ANY, kdbi_schedule_run, jobs);
    }
}

kdb_status kdbi_jobs_open_with(const kdb_jobs_options *options, const kdbi_job_def *defs, size_t nthreads,
                               bool scheduled, kdb_jobs **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_jobs_closep) kdb_jobs *jobs = KDB_NEW(kdb_jobs);
    jobs->options = *options;
    jobs->defs = defs;
    jobs->node_id = kdb_opt_i64(options->options, KDB_OPT_NODE_ID);
    jobs->max_retries = (int16_t)kdb_opt_i64(options->options, KDB_OPT_JOBS_MAX_RETRIES);
    jobs->backoff_us = kdb_opt_i64(options->options, KDB_OPT_JOBS_RETRY_BACKOFF) * 1000;
    jobs->nthreads = nthreads;
    kdb_mutex_init(&jobs->lock, KDB_LOCK_JOBS);
    kdb_cond_init(&jobs->changed);
    kdbi_list_init(&jobs->list);
    if (scheduled) {
        KDB_TRY(kdbi_schedule_new(jobs, &jobs->schedule, err));
    }
    KDB_TRY(kdbi_jobs_recover(jobs, err));
    start_threads(jobs);
    *out = KDB_TAKE(jobs);
    return KDB_OK;
}

kdb_status kdb_jobs_open(const kdb_jobs_options *options, kdb_jobs **out, kdb_err *err)
{
    return kdbi_jobs_open_with(options, kdbi_job_defs, thread_count(options->options), true, out, err);
}

void kdb_jobs_stop(kdb_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    kdb_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    kdb_cond_broadcast(&jobs->changed);
    kdb_mutex_unlock(&jobs->lock);
    kdb_thread_join(&jobs->clock);
    for (size_t i = 0; jobs->threads != NULL && i < jobs->nthreads; i++) {
        kdb_thread_join(&jobs->threads[i]);
    }
}

void kdb_jobs_close(kdb_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    kdb_jobs_stop(jobs);
    kdbi_schedule_free(jobs->schedule);
    kdbi_list_done(&jobs->list);
    kdb_cond_done(&jobs->changed);
    kdb_mutex_done(&jobs->lock);
    kdb_free(jobs->threads);
    kdb_free(jobs);
}
