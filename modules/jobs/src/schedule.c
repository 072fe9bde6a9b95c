/* schedule.c - what begins by itself: a row per thing, looked at by the clock. A row makes jobs; a job that finds nothing to do
 * leaves nothing behind. */
#include "jobs_int.h"

typedef struct schedule_row {
    const char *name;
    kdb_option_id option;  /* the seconds between two times; KDB_OPT_COUNT: */
    int64_t every_seconds; /* this says */
    void (*begin)(kdb_jobs *jobs, int64_t now_us);
} schedule_row;

enum { MINUTE_S = 60, DAY_S = 24 * 3600 };

static const schedule_row schedule_rows[] = {
    { "stream eviction", KDB_OPT_STREAM_EVICTION_INTERVAL, 0, kdbi_schedule_evictions },
    { "job cleanup", KDB_OPT_COUNT, DAY_S, kdbi_schedule_job_cleanup },
};

struct kdbi_schedule {
    int64_t due_us[KDB_ARRAY_LEN(schedule_rows)]; /* monotonic */
};

static int64_t interval_us(const kdb_jobs *jobs, const schedule_row *row)
{
    const int64_t seconds =
        row->option == KDB_OPT_COUNT ? row->every_seconds : kdb_opt_i64(jobs->options.options, row->option);
    return seconds * KDBI_SECOND_US;
}

kdb_status kdbi_schedule_new(kdb_jobs *jobs, kdbi_schedule **out, KDB_UNUSED kdb_err *err)
{
    kdbi_schedule *schedule = KDB_NEW(kdbi_schedule);
    const int64_t soon = (int64_t)MINUTE_S * KDBI_SECOND_US; /* servers that never run for a day do it too */
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
