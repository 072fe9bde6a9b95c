/* jobs_int.h - what the files of jobs share. */
#ifndef KDB_JOBS_INT_H
#define KDB_JOBS_INT_H

#include "kdb/jobs.h"

struct kdb_jobs {
    kdb_jobs_options options; /* fixed after open, as the next two */
    int64_t interval_us;
    int64_t node_id;
    kdb_mutex lock;   /* rank KDB_LOCK_JOBS */
    kdb_cond changed; /* `stopping`, or a step has ended */
    bool stopping;    /* guarded by lock */
    kdb_thread thread;
};

bool kdbi_jobs_stopping(kdb_jobs *jobs);

/* ---- job_records.c: rows of system.jobs ---- */

/* A job that has just begun; texts in `arena`. */
kdb_job_row kdbi_job_begin(const kdb_jobs *jobs, const char *prefix, kdb_sv type, kdb_arena *arena);
/* Stores the row as it is now; what fails is logged. */
void kdbi_job_store(kdb_jobs *jobs, kdb_job_row *job);
void kdbi_job_finish(kdb_jobs *jobs, kdb_job_row *job, kdb_sv status, kdb_sv message);
/* At start: jobs that are running according to their rows have ended with the server. */
KDB_NODISCARD kdb_status kdbi_jobs_recover(kdb_jobs *jobs, kdb_err *err);
/* Removes the rows of evictions that ended before `until_us`: there is one a minute for each busy table. */
KDB_NODISCARD kdb_status kdbi_jobs_forget(kdb_jobs *jobs, int64_t until_us, kdb_err *err);

/* ---- stream_eviction.c ---- */

#define KDBI_STREAM_EVICTION "stream_eviction"
/* Takes off the disk what has expired by `now_ms` in every STREAM table, until it is done or has to stop. Returns how many rows
 * that were. */
uint64_t kdbi_evict_streams(kdb_jobs *jobs, int64_t now_ms);

#endif
