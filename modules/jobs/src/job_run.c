/* job_run.c - a thread of the jobs: takes the next job, tries it, and says what came of it; what may go better later is tried
 * again later. */
#include "jobs_int.h"

#include <stdio.h>
#include <time.h>

enum { TELL_EVERY_US = KDBI_SECOND_US, TEXT_MAX = 1024, TRACE_MAX = 4096 };
#define BACKOFF_MAX_US (INT64_C(60) * KDBI_SECOND_US)

/* ---- what an executor sees ---- */

bool kdbi_run_stops(const kdbi_run *run)
{
    return atomic_load(&run->job->killed) || kdbi_jobs_stopping(run->jobs);
}

static bool work_stops(void *self)
{
    return kdbi_run_stops(self);
}

/* Of this thread: executors do their work on it, also DuckDB's and the network's part. */
static int64_t thread_cpu_us(void)
{
    struct timespec used = { 0 };
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * KDBI_SECOND_US + used.tv_nsec / 1000;
}

static void count_cpu(kdbi_run *run)
{
    run->job->row.cpu_us = thread_cpu_us() - run->cpu_us;
}

static void tell(kdbi_run *run, kdb_sv message)
{
    const int64_t now = kdb_monotonic_us();
    kdbi_job_set_message(run->job, message);
    count_cpu(run);
    if (run->told_us == 0 || now - run->told_us >= TELL_EVERY_US) {
        run->told_us = now;
        kdbi_job_store(run->jobs, run->job);
    }
}

static void work_tells(void *self, kdb_sv message)
{
    tell(self, message);
}

void kdbi_run_tell(kdbi_run *run, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    tell(run, kdb_sv_cstr(text));
}

void kdbi_run_result(kdbi_run *run, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    kdbi_job_set_message(run->job, kdb_sv_cstr(text));
}

kdb_sv kdbi_run_text(const kdbi_run *run, const char *name)
{
    const kdb_json *member = kdb_json_lookup(run->job->parameters, kdb_sv_cstr(name));
    return member != NULL && member->kind == KDB_JSON_STRING ? member->string : (kdb_sv){ NULL, 0 };
}

int64_t kdbi_run_number(const kdbi_run *run, const char *name, int64_t fallback)
{
    const kdb_json *member = kdb_json_lookup(run->job->parameters, kdb_sv_cstr(name));
    return member != NULL && member->kind == KDB_JSON_INT ? member->integer : fallback;
}

kdb_table *kdbi_run_table(kdbi_run *run)
{
    const kdb_sv id = kdbi_run_text(run, "table_id");
    const char *colon = id.len == 0 ? NULL : memchr(id.ptr, ':', id.len);
    const size_t at = colon == NULL ? id.len : (size_t)(colon - id.ptr);
    kdb_table *table = colon == NULL ? NULL
                                     : kdb_registry_lookup_table(run->jobs->options.registry, kdb_sv_of(id.ptr, at),
                                                                 kdb_sv_of(colon + 1, id.len - at - 1));
    if (table == NULL) {
        run->skipped = true;
        kdbi_run_result(run, "The table is gone");
    }
    return table;
}

/* ---- what came of it ---- */

/* The same again would end the same. */
static bool is_final(kdb_status status)
{
    static const kdb_status finals[] = { KDB_INVALID,           KDB_NOT_FOUND, KDB_NAMESPACE_NOT_FOUND,
                                         KDB_INVALID_OPERATION, KDB_CORRUPT,   KDB_PERMISSION_DENIED,
                                         KDB_ALREADY_EXISTS,    KDB_LIMIT };
    for (size_t i = 0; i < KDB_ARRAY_LEN(finals); i++) {
        if (status == finals[i]) {
            return true;
        }
    }
    return false;
}

/* A line per try that failed. */
static void trace(kdbi_job *job, const kdb_err *err)
{
    if (job->trace.len == 0) {
        kdb_buf_append_sv(&job->trace, job->row.exception_trace);
    }
    if (job->trace.len < TRACE_MAX) {
        kdb_buf_printf(&job->trace, "%s%s at %s:%d: %s", job->trace.len == 0 ? "" : "\n",
                       kdb_status_defs[err->status].name, err->source_file == NULL ? "?" : err->source_file,
                       err->source_line, err->text);
    }
    job->row.exception_trace = kdb_buf_sv(&job->trace);
}

static kdbi_job_state after_failure(kdb_jobs *jobs, kdbi_job *job, kdb_status status, const kdb_err *err)
{
    const bool again = !is_final(status) && job->row.retry_count < job->row.max_retries;
    trace(job, err);
    kdbi_job_set_message(job, kdb_sv_cstr(err->text));
    kdb_log_warn("job failed job_id=%.*s type=%s again=%s err=\"%s\"", KDB_SV_ARG(job->row.id), job->def->name,
                 again ? "yes" : "no", err->text);
    if (!again) {
        return KDBI_JOB_FAILED;
    }
    const int doublings = job->row.retry_count < 16 ? job->row.retry_count : 16;
    const int64_t wait = jobs->backoff_us << doublings;
    job->row.retry_count++;
    job->due_us = kdb_monotonic_us() + (wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US);
    return KDBI_JOB_RETRYING;
}

/* KDBI_JOB_RUNNING: the server stops, and the next start will say that it ended with it. */
static kdbi_job_state outcome(kdbi_run *run, kdb_status status, const kdb_err *err)
{
    kdbi_job *job = run->job;
    if (status == KDB_OK) {
        return run->skipped ? KDBI_JOB_SKIPPED : KDBI_JOB_COMPLETED;
    }
    if (status == KDB_CANCELLED && atomic_load(&job->killed)) {
        kdbi_run_result(run, "Killed while it ran");
        return KDBI_JOB_CANCELLED;
    }
    if (kdbi_jobs_stopping(run->jobs)) {
        return KDBI_JOB_RUNNING;
    }
    if (status == KDB_TABLE_NOT_FOUND) { /* DROP TABLE ends the work on it */
        kdbi_run_result(run, "The table was dropped while it ran");
        return KDBI_JOB_CANCELLED;
    }
    return after_failure(run->jobs, job, status, err);
}

static kdbi_job_state try_once(kdb_jobs *jobs, kdbi_job *job)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_err err = { .position = -1 };
    kdbi_run run = { .jobs = jobs, .job = job, .arena = arena };
    run.work = (kdb_work){ &run, work_stops, work_tells };
    run.cpu_us = thread_cpu_us() - (job->row.cpu_us > 0 ? job->row.cpu_us : 0);
    if (job->shown) {
        kdbi_job_store(jobs, job);
    }
    const kdb_status status = job->def->run(&run, &err);
    count_cpu(&run);
    return outcome(&run, status, &err);
}

/* ---- the thread ---- */

/* Waits for a job; NULL when the server stops. It is `running` from here on. */
static kdbi_job *take_next(kdb_jobs *jobs)
{
    kdbi_job *job = NULL;
    kdb_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        int64_t due_us = 0;
        job = kdbi_list_next(&jobs->list, kdb_monotonic_us(), &due_us);
        if (job != NULL) {
            kdbi_job_move(job, KDBI_JOB_RUNNING);
            break;
        }
        if (due_us == INT64_MAX) {
            kdb_cond_wait(&jobs->changed, &jobs->lock);
        } else {
            (void)kdb_cond_wait_until(&jobs->changed, &jobs->lock, due_us);
        }
    }
    kdb_mutex_unlock(&jobs->lock);
    return job;
}

/* What a scheduled job has no row for, nobody has to be told. */
static bool is_worth_a_row(const kdbi_job *job, kdbi_job_state state)
{
    return job->shown || state == KDBI_JOB_COMPLETED || state == KDBI_JOB_FAILED || state == KDBI_JOB_CANCELLED;
}

/* Its end is stored before its key is free: whoever starts the next one sees that this one has ended. */
static void end(kdb_jobs *jobs, kdbi_job *job, kdbi_job_state state)
{
    kdb_mutex_lock(&jobs->lock);
    if (state != KDBI_JOB_RUNNING) {
        kdbi_job_move(job, state);
    }
    const bool again = state == KDBI_JOB_RETRYING;
    kdb_mutex_unlock(&jobs->lock);
    if (state != KDBI_JOB_RUNNING && is_worth_a_row(job, state)) {
        kdbi_job_store(jobs, job);
    }
    kdb_mutex_lock(&jobs->lock);
    if (again) {
        kdbi_list_rest(&jobs->list, job);
        kdbi_list_enqueue(&jobs->list, job);
    } else {
        kdbi_list_forget(&jobs->list, job);
    }
    kdb_cond_broadcast(&jobs->changed);
    kdb_mutex_unlock(&jobs->lock);
    if (!again) {
        kdbi_job_free(job);
    }
}

void kdbi_jobs_work(void *arg)
{
    kdb_jobs *jobs = arg;
    for (kdbi_job *job; (job = take_next(jobs)) != NULL;) {
        end(jobs, job, try_once(jobs, job));
    }
}
