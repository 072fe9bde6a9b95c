/* jobs_int.h - what the files of jobs share. */
#ifndef KDB_JOBS_INT_H
#define KDB_JOBS_INT_H

#include <stdatomic.h>

#include "kdb/jobs.h"

enum { KDBI_SECOND_US = 1000000 };
#define KDBI_HOUR_US (INT64_C(3600) * KDBI_SECOND_US)

/* ---- job_defs.c: one row per kind of job ---- */

typedef struct kdbi_run kdbi_run;

typedef struct kdbi_job_def {
    const char *name;   /* system.jobs.job_type */
    const char *prefix; /* of ids */
    /* Does it, on a thread of the jobs. May be called again after a failure or a crash, so it can be done twice; ends with
     * KDB_CANCELLED soon after kdbi_run_stops. NULL: this server has none of that kind. */
    kdb_status (*run)(kdbi_run *run, kdb_err *err);
    bool alone; /* one of the kind runs at a time */
} kdbi_job_def;
extern const kdbi_job_def kdbi_job_defs[KDB_JOB_KIND_COUNT];

/* ---- job_list.c: the jobs that have not ended, in memory ---- */

typedef enum kdbi_job_state {
    KDBI_JOB_NEW,
    KDBI_JOB_QUEUED,
    KDBI_JOB_RUNNING,
    KDBI_JOB_RETRYING, /* waits for its next try */
    KDBI_JOB_COMPLETED,
    KDBI_JOB_FAILED,
    KDBI_JOB_CANCELLED,
    KDBI_JOB_SKIPPED, /* there was nothing to do */
    KDBI_JOB_STATE_COUNT
} kdbi_job_state;
extern const char *const kdbi_job_state_names[KDBI_JOB_STATE_COUNT];
/* KDBI_JOB_STATE_COUNT for an unknown name. */
kdbi_job_state kdbi_job_state_of(kdb_sv name);
static inline bool kdbi_job_state_is_active(kdbi_job_state state)
{
    return state <= KDBI_JOB_RETRYING;
}

/* Who started it, and so what goes first. A scheduled job has no row until it has something to tell. */
typedef enum kdbi_job_origin { KDBI_JOB_ASKED, KDBI_JOB_SCHEDULED, KDBI_JOB_ORIGIN_COUNT } kdbi_job_origin;

typedef struct kdbi_job {
    struct kdbi_job *prev, *next; /* guarded by jobs->lock, as the next two: in the line of its origin */
    kdbi_job_state state;         /* changed by kdbi_job_move only */
    int64_t due_us;               /* monotonic: not before */
    atomic_bool killed;
    kdb_arena *arena; /* this and what does not change: the row's id, parameters, key */
    kdb_job_row
        row; /* whoever has the job: who submits it, who ends it unbegun, the thread that runs it. As all below */
    const kdbi_job_def *def;
    kdb_json *parameters; /* an object */
    kdb_sv subject;       /* what only one job at a time works on; empty: nothing */
    kdbi_job_origin origin;
    bool shown;             /* it has a row */
    kdb_buf message, trace; /* what the row's point at */
} kdbi_job;

/* In an arena of its own; texts are copied. KDB_INVALID when the parameters are not an object. */
KDB_NODISCARD kdb_status kdbi_job_new(const kdb_jobs *jobs, kdb_job_kind kind, kdbi_job_origin origin,
                                      kdb_sv parameters_json, kdb_sv key, kdbi_job **out, kdb_err *err);
/* Of a stored row. NULL in *out when no job goes by its type. */
void kdbi_job_of_row(const kdb_jobs *jobs, const kdb_job_row *row, kdbi_job **out);
void kdbi_job_free(kdbi_job *job); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdbi_job, kdbi_job_free)
/* Asserts that the move is one that jobs make, and writes it in the row. */
void kdbi_job_move(kdbi_job *job, kdbi_job_state state);
void kdbi_job_set_message(kdbi_job *job, kdb_sv message);

/* Of all these the caller holds jobs->lock. */
typedef struct kdbi_job_list {
    kdb_map *by_id;  /* those that can be killed */
    kdb_map *by_key; /* those that have a key, from before their rows are stored */
    kdb_map *busy;   /* by subject: what is being worked on */
    struct {
        kdbi_job *first, *last;
    } lines[KDBI_JOB_ORIGIN_COUNT];
    size_t count; /* of all */
} kdbi_job_list;
void kdbi_list_init(kdbi_job_list *list);
void kdbi_list_done(kdbi_job_list *list); /* frees those in line */
/* Takes the job's key; false when another has it, or there are too many jobs (*full). */
bool kdbi_list_reserve(kdbi_job_list *list, kdbi_job *job, bool *full);
/* Puts a reserved job at the end of its line; one that waits for its next try, too. */
void kdbi_list_enqueue(kdbi_job_list *list, kdbi_job *job);
/* Takes the next that may run out of its line. NULL: none may before *due_us (INT64_MAX: before something happens). */
kdbi_job *kdbi_list_next(kdbi_job_list *list, int64_t now_us, int64_t *due_us);
/* The job no longer works on its subject. */
void kdbi_list_rest(kdbi_job_list *list, kdbi_job *job);
/* Takes one that waits out of its line, to be ended. */
void kdbi_list_take(kdbi_job_list *list, kdbi_job *job);
/* Forgets a job that is in no line; the caller frees it. */
void kdbi_list_forget(kdbi_job_list *list, kdbi_job *job);

/* ---- jobs.c ---- */

typedef struct kdbi_schedule kdbi_schedule;

struct kdb_jobs {
    kdb_jobs_options options; /* fixed after open, as the next five */
    const kdbi_job_def *defs;
    int64_t node_id;
    int64_t backoff_us;
    int16_t max_retries;
    size_t nthreads;
    kdb_mutex lock;     /* rank KDB_LOCK_JOBS */
    kdb_cond changed;   /* `stopping`, the list, or a step has ended */
    bool stopping;      /* guarded by lock */
    kdbi_job_list list; /* guarded by lock */
    kdb_thread *threads;
    kdb_thread clock;        /* runs the schedule */
    kdbi_schedule *schedule; /* the clock's */
};

/* As kdb_jobs_open, with executors of the caller's, `nthreads` threads, and the clock only if `scheduled`. */
KDB_NODISCARD kdb_status kdbi_jobs_open_with(const kdb_jobs_options *options, const kdbi_job_def *defs, size_t nthreads,
                                             bool scheduled, kdb_jobs **out, kdb_err *err);
bool kdbi_jobs_stopping(kdb_jobs *jobs);
/* Queues a scheduled job; nothing happens when its key is active, or there is no such job here. */
void kdbi_jobs_schedule(kdb_jobs *jobs, kdb_job_kind kind, kdb_sv parameters_json, kdb_sv key);

/* ---- job_run.c: one try of one job ---- */

struct kdbi_run {
    kdb_jobs *jobs;
    kdbi_job *job;
    kdb_arena *arena; /* of this try */
    kdb_work work;    /* for core: says and asks through this run */
    int64_t told_us;  /* monotonic: when its row was last stored */
    int64_t cpu_us;   /* the thread's processor time when the try began, less that of the tries before */
    bool skipped;     /* set when there was nothing to do */
};
/* The server stops, or the job was killed. */
bool kdbi_run_stops(const kdbi_run *run);
/* What has been done so far. Makes the row of a scheduled job; stored once a second at most. */
void kdbi_run_tell(kdbi_run *run, const char *fmt, ...) KDB_PRINTF(2, 3);
/* What came of it: the message of the job when it has ended. */
void kdbi_run_result(kdbi_run *run, const char *fmt, ...) KDB_PRINTF(2, 3);
/* Parameters. */
kdb_sv kdbi_run_text(const kdbi_run *run, const char *name); /* empty: not there */
int64_t kdbi_run_number(const kdbi_run *run, const char *name, int64_t fallback);
/* The table of "table_id": a reference, or NULL when it is gone, which is what the job then says. */
kdb_table *kdbi_run_table(kdbi_run *run);
/* What a thread of the jobs does. */
void kdbi_jobs_work(void *jobs);

/* ---- job_records.c: rows of system.jobs ---- */

/* Stores the row as it is now; what fails is logged. */
void kdbi_job_store(kdb_jobs *jobs, kdbi_job *job);
/* At start: jobs that ran have failed, those that waited are in line again. */
KDB_NODISCARD kdb_status kdbi_jobs_recover(kdb_jobs *jobs, kdb_err *err);

/* ---- cron.c ---- */

/* "m h dom mon dow": a bit per value. */
typedef struct kdbi_cron {
    uint64_t minutes, hours, days, months, weekdays;
    bool any_day, any_weekday; /* a `*`: the other decides; else a day that is either */
} kdbi_cron;
/* KDB_INVALID names the field. */
KDB_NODISCARD kdb_status kdbi_cron_parse(kdb_sv text, kdbi_cron *out, kdb_err *err);
/* Whether it is due in that minute (since 1970, UTC). */
bool kdbi_cron_matches(const kdbi_cron *cron, int64_t minute);

/* ---- schedule.c: what begins by itself ---- */

/* KDB_INVALID when user_management.cleanup_job_schedule cannot be read. */
KDB_NODISCARD kdb_status kdbi_schedule_new(kdb_jobs *jobs, kdbi_schedule **out, kdb_err *err);
void kdbi_schedule_free(kdbi_schedule *schedule); /* NULL is fine */
void kdbi_schedule_run(void *jobs);               /* what the clock does */

/* Calls `visit` for every table that is `wanted`; what lies in `arena` is dropped after each. */
void kdbi_visit_tables(kdb_jobs *jobs, bool (*wanted)(const kdb_table *table),
                       void (*visit)(kdb_jobs *jobs, const kdb_table *table, int64_t now_us, kdb_arena *arena),
                       int64_t now_us);
bool kdbi_is_flushed(const kdb_table *table); /* USER and SHARED */
/* "FL:app:t:2026-11-22-01": one scheduled job per table and hour is active. */
kdb_sv kdbi_hourly_key(const char *prefix, const kdb_table *table, int64_t now_us, kdb_arena *arena);

/* ---- what jobs do, and when they are due: a file each ---- */

void kdbi_schedule_evictions(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_eviction(kdbi_run *run, kdb_err *err);
void kdbi_schedule_cleanup(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_cleanup(kdbi_run *run, kdb_err *err);
void kdbi_schedule_job_cleanup(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_job_cleanup(kdbi_run *run, kdb_err *err);
void kdbi_schedule_flushes(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_flush(kdbi_run *run, kdb_err *err);
void kdbi_schedule_compactions(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_compact(kdbi_run *run, kdb_err *err);
kdb_status kdbi_run_rebuild_manifest(kdbi_run *run, kdb_err *err);
void kdbi_schedule_retention(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_retention(kdbi_run *run, kdb_err *err);
void kdbi_schedule_user_cleanup(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_user_cleanup(kdbi_run *run, kdb_err *err);
void kdbi_sample_stats(kdb_jobs *jobs, int64_t now_us);
void kdbi_prune_stats(kdb_jobs *jobs, int64_t now_us);
kdb_status kdbi_run_backup_job(kdbi_run *run, kdb_err *err);
kdb_status kdbi_run_restore_job(kdbi_run *run, kdb_err *err);
kdb_status kdbi_run_user_export(kdbi_run *run, kdb_err *err);
/* Removes exports that are older than a week; and all of a user's, who goes. */
KDB_NODISCARD kdb_status kdbi_exports_expire(kdb_jobs *jobs, size_t *out_removed, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_exports_forget(kdb_jobs *jobs, kdb_user_id user, kdb_err *err);

#endif
