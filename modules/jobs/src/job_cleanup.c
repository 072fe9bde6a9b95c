/* job_cleanup.c - rows of system.jobs that nobody will ask for any more. Those of jobs that the schedule began, one a minute for
 * each busy table, go after a day if they ended well; the others after `retention_days`. Exports that have been there long enough go, too. */
#include "jobs_int.h"

enum { BATCH_MAX = 1000, KEPT_DAYS = 30 };

#define DAY_US (24 * KDBI_HOUR_US)

typedef struct cleanup {
    kdb_batch *batch;
    int64_t until_us, scheduled_until_us; /* what ended before goes */
} cleanup;

static bool is_old(const cleanup *c, const kdb_job_row *row)
{
    const bool ended_well = kdb_sv_eq(row->status, kdb_sv_cstr(kdbi_job_state_names[KDBI_JOB_COMPLETED])) ||
                            kdb_sv_eq(row->status, kdb_sv_cstr(kdbi_job_state_names[KDBI_JOB_SKIPPED]));
    const bool scheduled = kdb_sv_eq(row->queue, KDB_SV("schedule")) ||
                           kdb_sv_eq(row->type, KDB_SV("stream_eviction")); /* from before there were queues */
    const int64_t until = scheduled && ended_well ? c->scheduled_until_us : c->until_us;
    return row->finished_us != 0 && row->finished_us < until;
}

static void drop_old(void *self, const kdb_job_row *row)
{
    const cleanup *c = self;
    if (kdb_batch_count(c->batch) < BATCH_MAX && is_old(c, row)) {
        kdb_system_stage_job_removal(row->id, c->batch);
    }
}

static kdb_status run_step(kdb_jobs *jobs, cleanup *c, size_t *out_count, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    c->batch = batch;
    KDB_TRY(kdb_system_visit_jobs(jobs->options.store, KDB_SV(""), drop_old, c, err));
    *out_count = kdb_batch_count(batch);
    return *out_count == 0 ? KDB_OK : kdb_store_commit(jobs->options.store, batch, err);
}

kdb_status kdbi_run_job_cleanup(kdbi_run *run, kdb_err *err)
{
    const int64_t now = kdb_now_us();
    cleanup c = { .until_us = now - kdbi_run_number(run, "retention_days", KEPT_DAYS) * DAY_US,
                  .scheduled_until_us = now - DAY_US };
    size_t count = 0;
    size_t removed = 0;
    do {
        KDB_TRY(kdb_work_check(&run->work, err));
        KDB_TRY(run_step(run->jobs, &c, &count, err));
        removed += count;
    } while (count == BATCH_MAX);
    size_t exports = 0;
    KDB_TRY(kdbi_exports_expire(run->jobs, &exports, err));
    run->skipped = removed == 0 && exports == 0;
    kdbi_run_result(run, "Removed %zu job(s) and %zu export(s)", removed, exports);
    return KDB_OK;
}

void kdbi_schedule_job_cleanup(kdb_jobs *jobs, KDB_UNUSED int64_t now_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_jobs_schedule(jobs, KDB_JOB_JOB_CLEANUP, kdb_sv_printf(arena, "{\"retention_days\":%d}", KEPT_DAYS),
                       KDB_SV("JC"));
}
