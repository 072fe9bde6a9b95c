/* jobs.c - the thread of the jobs: it wakes every now and then, does what is due, and sleeps again. */
#include "jobs_int.h"

enum { SECOND_US = 1000000 };

#define HOUR_US (INT64_C(3600) * SECOND_US)
#define KEPT_US (24 * HOUR_US)

bool kdbi_jobs_stopping(kdb_jobs *jobs)
{
    kdb_mutex_lock(&jobs->lock);
    const bool stopping = jobs->stopping;
    kdb_mutex_unlock(&jobs->lock);
    return stopping;
}

/* False when it is time to end. */
static bool sleep_until(kdb_jobs *jobs, int64_t deadline_us)
{
    kdb_mutex_lock(&jobs->lock);
    while (!jobs->stopping && kdb_cond_wait_until(&jobs->changed, &jobs->lock, deadline_us)) {}
    const bool stopping = jobs->stopping;
    kdb_mutex_unlock(&jobs->lock);
    return !stopping;
}

static void forget(kdb_jobs *jobs)
{
    kdb_err err;
    if (kdbi_jobs_forget(jobs, kdb_now_us() - KEPT_US, &err) != KDB_OK) {
        kdb_log_warn("old jobs are kept err=\"%s\"", err.text);
    }
}

static void run(void *arg)
{
    kdb_jobs *jobs = arg;
    int64_t forget_us = kdb_monotonic_us();
    int64_t due_us = kdb_monotonic_us();
    while (sleep_until(jobs, due_us)) {
        (void)kdbi_evict_streams(jobs, kdb_now_ms());
        if (kdb_monotonic_us() >= forget_us) {
            forget(jobs);
            forget_us = kdb_monotonic_us() + HOUR_US;
        }
        due_us = kdb_monotonic_us() + jobs->interval_us;
    }
}

kdb_status kdb_jobs_open(const kdb_jobs_options *options, kdb_jobs **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_jobs_closep) kdb_jobs *jobs = KDB_NEW(kdb_jobs);
    jobs->options = *options;
    jobs->interval_us = kdb_opt_i64(options->options, KDB_OPT_STREAM_EVICTION_INTERVAL) * SECOND_US;
    jobs->node_id = kdb_opt_i64(options->options, KDB_OPT_NODE_ID);
    kdb_mutex_init(&jobs->lock, KDB_LOCK_JOBS);
    kdb_cond_init(&jobs->changed);
    KDB_TRY(kdbi_jobs_recover(jobs, err));
    kdb_thread_start(&jobs->thread, "kdb-jobs", KDB_THREAD_ANY, run, jobs);
    *out = KDB_TAKE(jobs);
    return KDB_OK;
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
    kdb_thread_join(&jobs->thread);
}

void kdb_jobs_close(kdb_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    kdb_jobs_stop(jobs);
    kdb_cond_done(&jobs->changed);
    kdb_mutex_done(&jobs->lock);
    kdb_free(jobs);
}
