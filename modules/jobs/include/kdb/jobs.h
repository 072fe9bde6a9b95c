/* jobs.h - what the server does by itself while it serves. Each run that has something to do is a row of system.jobs; each can be
 * stopped at any moment, by a crash too, and done again. */
#ifndef KDB_JOBS_H
#define KDB_JOBS_H

#include "kdb/core.h"

typedef struct kdb_jobs kdb_jobs;

/* All outlive it. */
typedef struct kdb_jobs_options {
    kdb_core *core;
    kdb_store *store;
    kdb_registry *registry;
    const kdb_options *options;
} kdb_jobs_options;

/* Notes that the jobs that ran when the server ended have failed, and starts a thread. */
KDB_NODISCARD kdb_status kdb_jobs_open(const kdb_jobs_options *options, kdb_jobs **out, kdb_err *err);
/* Nothing begins any more; returns when what runs has ended, which is soon. Before core is drained. Twice, and NULL, are fine. */
void kdb_jobs_stop(kdb_jobs *jobs);
void kdb_jobs_close(kdb_jobs *jobs); /* before core closes; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_jobs, kdb_jobs_close)

#endif
