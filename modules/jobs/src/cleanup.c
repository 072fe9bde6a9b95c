/* cleanup.c - files of the cold tier that nobody reads any more are removed: those of dropped tables, and those that others have been
 * put in the place of. Which these are is core's to know; rows of system.jobs that DROP TABLE leaves are of this kind, too. The store gives
 * back what its deleted rows hold. */
#include "jobs_int.h"

kdb_status kdbi_run_cleanup(kdbi_run *run, KDB_UNUSED kdb_err *err)
{
    const size_t removed = kdb_core_sweep(run->jobs->options.core);
    kdb_store_reclaim(run->jobs->options.store);
    run->skipped = removed == 0;
    kdbi_run_result(run, "Removed %zu file(s)", removed);
    return KDB_OK;
}

void kdbi_schedule_cleanup(kdb_jobs *jobs, KDB_UNUSED int64_t now_us)
{
    kdbi_jobs_schedule(jobs, KDB_JOB_CLEANUP, KDB_SV("{\"operation\":\"sweep\"}"), KDB_SV("CL:sweep"));
}
