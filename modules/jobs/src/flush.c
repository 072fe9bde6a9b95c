/* flush.c - hot rows become Parquet: all of a table when a statement says so, or by the table's policy, which the schedule looks at.
 * The work is core's (cold_flush.c). */
#include "jobs_int.h"

static kdb_flush_spec spec_of(const kdbi_run *run, kdb_table *table)
{
    const int64_t rows = kdbi_run_number(run, "flush_threshold", 0);
    const int64_t seconds = kdbi_run_number(run, "interval_seconds", 0);
    return (kdb_flush_spec){ .table = table,
                             .all = rows == 0 && seconds == 0,
                             .min_rows = (uint64_t)rows,
                             .older_than_us = seconds == 0 ? 0 : kdb_now_us() - seconds * KDBI_SECOND_US };
}

kdb_status kdbi_run_flush(kdbi_run *run, kdb_err *err)
{
    kdb_cold_result result = { 0 };
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_run_table(run);
    if (table == NULL || !kdbi_is_flushed(table)) {
        run->skipped = true;
        return KDB_OK;
    }
    const kdb_flush_spec spec = spec_of(run, table);
    KDB_TRY(kdb_core_flush(run->jobs->options.core, &spec, &run->work, &result, err));
    run->skipped = result.rows == 0;
    kdbi_run_result(run, "Flushed %llu row(s) of %llu partition(s): %llu file(s), %llu bytes",
                    (unsigned long long)result.rows, (unsigned long long)result.partitions,
                    (unsigned long long)result.files, (unsigned long long)result.bytes);
    return KDB_OK;
}

/* ---- when ---- */

/* Of a table that says nothing, the server's. */
static void policy_of(const kdb_jobs *jobs, const kdb_table *table, int64_t *rows, int64_t *seconds)
{
    *rows = table->flush_rows;
    *seconds = table->flush_interval_s;
    if (*rows == 0 && *seconds == 0) {
        *rows = kdb_opt_i64(jobs->options.options, KDB_OPT_FLUSH_ROW_LIMIT);
        *seconds = kdb_opt_i64(jobs->options.options, KDB_OPT_FLUSH_TIME_INTERVAL);
    }
}

static void schedule_table(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena)
{
    int64_t rows = 0;
    int64_t seconds = 0;
    policy_of(jobs, table, &rows, &seconds);
    if ((rows == 0 && seconds == 0) || !kdb_core_has_pending(jobs->options.core, table)) {
        return;
    }
    const kdb_sv parameters =
        kdb_sv_printf(arena,
                      "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"%s\",\"flush_threshold\":%lld,"
                      "\"interval_seconds\":%lld}",
                      KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), kdb_table_type_name(table->type), (long long)rows,
                      (long long)seconds);
    kdbi_jobs_schedule(jobs, KDB_JOB_FLUSH, parameters, kdbi_hourly_key("FL", table, now_us, arena));
}

void kdbi_schedule_flushes(kdb_jobs *jobs, int64_t now_us)
{
    kdbi_visit_tables(jobs, kdbi_is_flushed, schedule_table, now_us);
}
