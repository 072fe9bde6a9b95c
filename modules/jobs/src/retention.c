/* retention.c - tombstones are kept so that clients which resume hear of deletions, for as long as the table says; then they go. */
#include "jobs_int.h"

enum { HOURS_A_DAY = 24 };

static int64_t hours_of(const kdb_jobs *jobs, const kdb_table *table)
{
    return table->deleted_retention_hours >= 0 ? table->deleted_retention_hours
                                               : kdb_opt_i64(jobs->options.options, KDB_OPT_RETENTION_DELETED_HOURS);
}

/* An hour more: a cursor that was found young enough may still be on its way to its rows. */
kdb_status kdbi_run_retention(kdbi_run *run, kdb_err *err)
{
    uint64_t removed = 0;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_run_table(run);
    if (table == NULL || !kdbi_is_flushed(table)) {
        run->skipped = true;
        return KDB_OK;
    }
    const int64_t before_us = kdb_now_us() - (hours_of(run->jobs, table) + 1) * KDBI_HOUR_US;
    KDB_TRY(kdb_core_purge_tombstones(run->jobs->options.core, table, before_us, &run->work, &removed, err));
    run->skipped = removed == 0;
    kdbi_run_result(run, "Removed %llu tombstone(s)", (unsigned long long)removed);
    return KDB_OK;
}

/* ---- when ---- */

/* A look reads the whole table's hot part: one costs the less often the longer tombstones are kept. */
static void schedule_table(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena)
{
    const int64_t hours = hours_of(jobs, table);
    const int64_t stride = hours < HOURS_A_DAY ? 1 : hours / HOURS_A_DAY;
    if ((now_us / KDBI_HOUR_US + table->id) % stride != 0) {
        return;
    }
    const kdb_sv parameters = kdb_sv_printf(
        arena, "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"%s\",\"retention_hours\":%lld}", KDB_SV_ARG(table->ns),
        KDB_SV_ARG(table->name), kdb_table_type_name(table->type), (long long)hours);
    kdbi_jobs_schedule(jobs, KDB_JOB_RETENTION, parameters, kdbi_hourly_key("RT", table, now_us, arena));
}

void kdbi_schedule_retention(kdb_jobs *jobs, int64_t now_us)
{
    kdbi_visit_tables(jobs, kdbi_is_flushed, schedule_table, now_us);
}
