/* jobs.h - the job manager: what statements start and what the server does by itself while it serves (catalog.md 6). Each is a
 * row of system.jobs; each can be stopped at any moment, by a crash too, and done again. */
#ifndef KDB_JOBS_H
#define KDB_JOBS_H

#include "kdb/core.h"

typedef struct kdb_jobs kdb_jobs;

/* All outlive it. */
typedef struct kdb_jobs_options {
    kdb_core *core;
    kdb_store *store;
    kdb_registry *registry;
    kdb_auth *auth;
    const kdb_options *options;
    kdb_datadir *datadir; /* NULL: no backups, restores and exports; as the next two */
    kdb_object_stores *objects;
    kdb_cold *cold;
} kdb_jobs_options;

/* Notes that the jobs that ran when the server ended have failed, puts those that waited in line again, and starts threads.
 * KDB_INVALID for an option that cannot be read. */
KDB_NODISCARD kdb_status kdb_jobs_open(const kdb_jobs_options *options, kdb_jobs **out, kdb_err *err);
/* Nothing begins any more; returns when what runs has ended, which is soon. Before core is drained. Twice, and NULL, are fine. */
void kdb_jobs_stop(kdb_jobs *jobs);
void kdb_jobs_close(kdb_jobs *jobs); /* before core closes; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_jobs, kdb_jobs_close)

/* For kdb_job_control; see there. */
KDB_NODISCARD kdb_status kdb_jobs_submit(kdb_jobs *jobs, kdb_job_request *requests, size_t count,
                                         const kdb_commit_with *with, kdb_arena *arena, kdb_err *err);
KDB_NODISCARD kdb_status kdb_jobs_kill(kdb_jobs *jobs, kdb_sv id, const kdb_commit_with *with, kdb_err *err);

#endif
