/* schedule.c - what begins by itself: a row per thing, looked at by the clock. A row makes jobs; a job that finds nothing to do
 * leaves nothing behind. */
#include "jobs_int.h"

typedef struct schedule_row {
    const char *name;
    kdb_option_id option;  /* the seconds between two times; KDB_OPT_COUNT: */
    int64_t every_seconds; /* this says */
    void (*begin)(kdb_jobs *jobs, int64_t now_us);
} schedule_row;

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 24 * 3600, SAMPLE_S = 300, CRON_S = 20, MISSED_MAX = 60 };

static void begin_user_cleanup(kdb_jobs *jobs, int64_t now_us);

static const schedule_row schedule_rows[] = {
    { "flush", KDB_OPT_FLUSH_CHECK_INTERVAL, 0, kdbi_schedule_flushes },
    { "compaction", KDB_OPT_FLUSH_CHECK_INTERVAL, 0, kdbi_schedule_compactions },
    { "stream eviction", KDB_OPT_STREAM_EVICTION_INTERVAL, 0, kdbi_schedule_evictions },
    { "retention", KDB_OPT_COUNT, HOUR_S, kdbi_schedule_retention },
    { "cleanup", KDB_OPT_COUNT, MINUTE_S, kdbi_schedule_cleanup },
    { "job cleanup", KDB_OPT_COUNT, DAY_S, kdbi_schedule_job_cleanup },
    { "user cleanup", KDB_OPT_COUNT, CRON_S, begin_user_cleanup },
    { "dba.stats", KDB_OPT_COUNT, SAMPLE_S, kdbi_sample_stats },
    { "old dba.stats", KDB_OPT_COUNT, HOUR_S, kdbi_prune_stats },
};

struct kdbi_schedule {
    int64_t due_us[KDB_ARRAY_LEN(schedule_rows)]; /* monotonic */
    kdbi_cron user_cleanup;
    int64_t minute; /* the last that was looked at for it */
};

/* ---- by the time of day ---- */

/* The clock may have been busy for some minutes. */
static void begin_user_cleanup(kdb_jobs *jobs, int64_t now_us)
{
    kdbi_schedule *schedule = jobs->schedule;
    const int64_t minute = now_us / ((int64_t)MINUTE_S * KDBI_SECOND_US);
    bool due = false;
    for (int64_t at = minute; at > schedule->minute && at > minute - MISSED_MAX; at--) {
        due = due || kdbi_cron_matches(&schedule->user_cleanup, at);
    }
    schedule->minute = minute;
    if (due) {
        kdbi_schedule_user_cleanup(jobs, now_us);
    }
}

/* ---- by intervals ---- */

static int64_t interval_us(const kdb_jobs *jobs, const schedule_row *row)
{
    const int64_t seconds =
        row->option == KDB_OPT_COUNT ? row->every_seconds : kdb_opt_i64(jobs->options.options, row->option);
    return seconds * KDBI_SECOND_US;
}

kdb_status kdbi_schedule_new(kdb_jobs *jobs, kdbi_schedule **out, kdb_err *err)
{
    const int64_t soon = (int64_t)MINUTE_S * KDBI_SECOND_US; /* servers that never run for a day do it too */
    kdbi_cron cron;
    kdb_status status = kdbi_cron_parse(kdb_opt_text(jobs->options.options, KDB_OPT_USER_CLEANUP_SCHEDULE), &cron, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "user_management.cleanup_job_schedule");
        return status;
    }
    kdbi_schedule *schedule = KDB_NEW(kdbi_schedule);
    schedule->user_cleanup = cron;
    schedule->minute = kdb_now_us() / soon;
    for (size_t i = 0; i < KDB_ARRAY_LEN(schedule_rows); i++) {
        const int64_t interval = interval_us(jobs, &schedule_rows[i]);
        schedule->due_us[i] = kdb_monotonic_us() + (interval < soon ? interval : soon);
    }
    *out = schedule;
    return KDB_OK;
}

void kdbi_schedule_free(kdbi_schedule *schedule)
{
    kdb_free(schedule);
}

/* Returns when the next thing is due. */
static int64_t begin_due(kdb_jobs *jobs)
{
    kdbi_schedule *schedule = jobs->schedule;
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < KDB_ARRAY_LEN(schedule_rows); i++) {
        if (schedule->due_us[i] <= kdb_monotonic_us()) {
            schedule_rows[i].begin(jobs, kdb_now_us());
            schedule->due_us[i] = kdb_monotonic_us() + interval_us(jobs, &schedule_rows[i]);
        }
        next = schedule->due_us[i] < next ? schedule->due_us[i] : next;
    }
    return next;
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

void kdbi_schedule_run(void *arg)
{
    kdb_jobs *jobs = arg;
    while (sleep_until(jobs, begin_due(jobs))) {}
}

/* ---- tables ---- */

bool kdbi_is_flushed(const kdb_table *table)
{
    return table->type == KDB_TABLE_USER || table->type == KDB_TABLE_SHARED;
}

kdb_sv kdbi_hourly_key(const char *prefix, const kdb_table *table, int64_t now_us, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s:%.*s:%.*s:%.*s", prefix, KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name),
                         KDB_SV_ARG(kdb_utc_text(now_us, "%Y-%m-%d-%H", arena)));
}

void kdbi_visit_tables(kdb_jobs *jobs, bool (*wanted)(const kdb_table *table),
                       void (*visit)(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena),
                       int64_t now_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *list_arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_table **tables = NULL;
    size_t count = 0;
    kdb_registry_list_tables(jobs->options.registry, list_arena, &tables, &count);
    for (size_t i = 0; i < count && !kdbi_jobs_stopping(jobs); i++) {
        if (wanted(tables[i])) {
            visit(jobs, tables[i], now_us, arena);
            kdb_arena_reset(arena);
        }
    }
    kdb_registry_release_tables(tables, count);
}
