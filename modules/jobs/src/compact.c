/* compact.c - Parquet files are put together: all of a table's when a statement says so, or those that are worth it, which the
 * schedule looks for. The work is core's (cold_compact.c). */
#include "jobs_int.h"

kdb_status kdbi_run_compact(kdbi_run *run, kdb_err *err)
{
    kdb_cold_result result = { 0 };
    const bool all = run->job->origin == KDBI_JOB_ASKED;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_run_table(run);
    if (table == NULL || !kdbi_is_flushed(table)) {
        run->skipped = true;
        return KDB_OK;
    }
    KDB_TRY(kdb_core_compact(run->jobs->options.core, table, all, &run->work, &result, err));
    run->skipped = result.partitions == 0;
    kdbi_run_result(run, "Compacted %llu partition(s): %llu row(s), %llu file(s), %llu bytes",
                    (unsigned long long)result.partitions, (unsigned long long)result.rows,
                    (unsigned long long)result.files, (unsigned long long)result.bytes);
    return KDB_OK;
}

/* ---- when ---- */

static void schedule_table(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena)
{
    if (!kdb_core_compact_due(jobs->options.core, table)) {
        return;
    }
    const kdb_sv parameters = kdb_sv_printf(
        arena, "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"%s\",\"target_file_size_mb\":%d}", KDB_SV_ARG(table->ns),
        KDB_SV_ARG(table->name), kdb_table_type_name(table->type), KDB_COLD_FILE_MB);
    kdbi_jobs_schedule(jobs, KDB_JOB_COMPACT, parameters, kdbi_hourly_key("CO", table, now_us, arena));
}

void kdbi_schedule_compactions(kdb_jobs *jobs, int64_t now_us)
{
    kdbi_visit_tables(jobs, kdbi_is_flushed, schedule_table, now_us);
}
