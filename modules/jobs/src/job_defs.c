/* job_defs.c - the kinds of jobs (catalog.md 6). A kind without an executor is known by name only. */
#include "jobs_int.h"

const kdbi_job_def kdbi_job_defs[KDB_JOB_KIND_COUNT] = {
    [KDB_JOB_FLUSH] = { "flush", "FL", kdbi_run_flush, false },
    [KDB_JOB_COMPACT] = { "compact", "CO", kdbi_run_compact, false },
    [KDB_JOB_REBUILD_MANIFEST] = { "rebuild_manifest", "RM", kdbi_run_rebuild_manifest, false },
    [KDB_JOB_CLEANUP] = { "cleanup", "CL", kdbi_run_cleanup, false },
    [KDB_JOB_JOB_CLEANUP] = { "job_cleanup", "JC", kdbi_run_job_cleanup, false },
    [KDB_JOB_BACKUP] = { "backup", "BK", kdbi_run_backup_job, true },
    [KDB_JOB_RESTORE] = { "restore", "RS", kdbi_run_restore_job, true },
    [KDB_JOB_RETENTION] = { "retention", "RT", kdbi_run_retention, false },
    [KDB_JOB_STREAM_EVICTION] = { "stream_eviction", "SE", kdbi_run_eviction, false },
    [KDB_JOB_USER_CLEANUP] = { "user_cleanup", "UC", kdbi_run_user_cleanup, false },
    [KDB_JOB_USER_EXPORT] = { "user_export", "UE", kdbi_run_user_export, false },
};
