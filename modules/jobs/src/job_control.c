/* job_control.c - jobs are queued and killed. A job is in the list before its row is stored as far as its key goes, so that
 * of two requests of one key one wins, and afterwards for everything else. */
#include "jobs_int.h"

/* ---- submission ---- */

typedef struct submission {
    kdb_jobs *jobs;
    kdbi_job **made; /* by request; NULL: passed over, or handed over */
    size_t count;
} submission;

static void give_up(submission *s)
{
    kdb_mutex_lock(&s->jobs->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (s->made[i] != NULL) {
            kdbi_list_forget(&s->jobs->list, s->made[i]);
        }
    }
    kdb_mutex_unlock(&s->jobs->lock);
    for (size_t i = 0; i < s->count; i++) {
        kdbi_job_free(s->made[i]);
        s->made[i] = NULL;
    }
}

static kdb_status refuse_kind(const kdb_jobs *jobs, kdb_job_kind kind, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "This server runs no jobs of type '%s'", jobs->defs[kind].name);
}

/* *out stays NULL when the key is taken. */
static kdb_status reserve(kdb_jobs *jobs, const kdb_job_request *request, kdbi_job **out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_job_freep) kdbi_job *job = NULL;
    bool full = false;
    if (jobs->defs[request->kind].run == NULL) {
        return refuse_kind(jobs, request->kind, err);
    }
    KDB_TRY(kdbi_job_new(jobs, request->kind, KDBI_JOB_ASKED, request->parameters_json, request->idempotency_key, &job,
                         err));
    kdb_mutex_lock(&jobs->lock);
    const bool stopping = jobs->stopping;
    const bool reserved = !stopping && kdbi_list_reserve(&jobs->list, job, &full);
    kdb_mutex_unlock(&jobs->lock);
    if (stopping || full) {
        return KDB_FAIL(err, KDB_OVERLOADED, stopping ? "The server is stopping" : "Too many jobs are waiting");
    }
    *out = reserved ? KDB_TAKE(job) : NULL;
    return KDB_OK;
}

static kdb_status reserve_all(submission *s, const kdb_job_request *requests, kdb_err *err)
{
    size_t reserved = 0;
    for (size_t i = 0; i < s->count; i++) {
        KDB_TRY(reserve(s->jobs, &requests[i], &s->made[i], err));
        reserved += s->made[i] != NULL;
    }
    return reserved != 0
               ? KDB_OK
               : KDB_FAIL(err, KDB_IDEMPOTENT_CONFLICT, "Job with idempotency key '%.*s' is already running or queued",
                          KDB_SV_ARG(requests[0].idempotency_key));
}

static kdb_status commit(kdb_jobs *jobs, kdb_batch *batch, const kdb_commit_with *with, kdb_err *err)
{
    return with != NULL ? with->commit(with->self, batch, err) : kdb_store_commit(jobs->options.store, batch, err);
}

static kdb_status store_all(const submission *s, const kdb_commit_with *with, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < s->count; i++) {
        if (s->made[i] != NULL) {
            kdbi_job_move(s->made[i], KDBI_JOB_QUEUED);
            s->made[i]->shown = true;
            kdb_system_stage_job(&s->made[i]->row, batch);
        }
    }
    return commit(s->jobs, batch, with, err);
}

/* From here on they may run, and be gone, at any moment. */
static void enqueue_all(submission *s, kdb_job_request *requests, kdb_arena *arena)
{
    for (size_t i = 0; i < s->count; i++) {
        requests[i].id = s->made[i] == NULL ? (kdb_sv){ NULL, 0 } : kdb_sv_dup(arena, s->made[i]->row.id);
    }
    kdb_mutex_lock(&s->jobs->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (s->made[i] != NULL) {
            kdbi_list_enqueue(&s->jobs->list, KDB_TAKE(s->made[i]));
        }
    }
    kdb_cond_broadcast(&s->jobs->changed);
    kdb_mutex_unlock(&s->jobs->lock);
}

kdb_status kdb_jobs_submit(kdb_jobs *jobs, kdb_job_request *requests, size_t count, const kdb_commit_with *with,
                           kdb_arena *arena, kdb_err *err)
{
    submission s = { jobs, KDB_ARENA_ARRAY(arena, kdbi_job *, count + 1), count };
    kdb_status status = reserve_all(&s, requests, err);
    if (status == KDB_OK) {
        status = store_all(&s, with, err);
    }
    if (status != KDB_OK) {
        give_up(&s);
        return status;
    }
    enqueue_all(&s, requests, arena);
    return KDB_OK;
}

void kdbi_jobs_schedule(kdb_jobs *jobs, kdb_job_kind kind, kdb_sv parameters_json, kdb_sv key)
{
    KDB_CLEANUP(kdbi_job_freep) kdbi_job *job = NULL;
    bool full = false;
    if (jobs->defs[kind].run == NULL ||
        kdbi_job_new(jobs, kind, KDBI_JOB_SCHEDULED, parameters_json, key, &job, NULL) != KDB_OK) {
        return;
    }
    kdb_mutex_lock(&jobs->lock);
    if (!jobs->stopping && kdbi_list_reserve(&jobs->list, job, &full)) {
        kdbi_job_move(job, KDBI_JOB_QUEUED);
        kdbi_list_enqueue(&jobs->list, KDB_TAKE(job));
        kdb_cond_broadcast(&jobs->changed);
    }
    kdb_mutex_unlock(&jobs->lock);
}

/* ---- KILL JOB ---- */

/* One that waits is the caller's then; one that runs is only told. NULL: neither. */
static kdbi_job *take_or_tell(kdb_jobs *jobs, kdb_sv id, bool *told)
{
    kdb_mutex_lock(&jobs->lock);
    kdbi_job *job = kdb_map_lookup(jobs->list.by_id, id);
    *told = job != NULL && job->state == KDBI_JOB_RUNNING;
    if (*told) {
        atomic_store(&job->killed, true);
        job = NULL;
    } else if (job != NULL) {
        kdbi_list_take(&jobs->list, job);
        (void)kdb_map_remove(jobs->list.by_id, id);
    }
    kdb_mutex_unlock(&jobs->lock);
    return job;
}

static void give_back(kdb_jobs *jobs, kdbi_job *job)
{
    kdb_mutex_lock(&jobs->lock);
    kdbi_list_enqueue(&jobs->list, job);
    kdb_cond_broadcast(&jobs->changed);
    kdb_mutex_unlock(&jobs->lock);
}

/* It waited, in a line, and is ours now: its row alone says what became of it until that is stored. */
static kdb_status end_waiting(kdb_jobs *jobs, kdbi_job *job, const kdb_commit_with *with, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_job_row row = job->row;
    row.status = kdb_sv_cstr(kdbi_job_state_names[KDBI_JOB_CANCELLED]);
    row.message = KDB_SV("Killed before it began");
    row.updated_us = row.finished_us = kdb_now_us();
    kdb_system_stage_job(&row, batch);
    const kdb_status status = commit(jobs, batch, with, err);
    if (status != KDB_OK) {
        give_back(jobs, job);
        return status;
    }
    kdb_mutex_lock(&jobs->lock);
    kdbi_list_forget(&jobs->list, job);
    kdb_mutex_unlock(&jobs->lock);
    kdbi_job_free(job);
    return KDB_OK;
}

static kdb_status refuse_ended(kdb_jobs *jobs, kdb_sv id, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_job_row row;
    KDB_TRY(kdb_system_find_job(jobs->options.store, id, arena, &row, err));
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot cancel job in status %.*s", KDB_SV_ARG(row.status));
}

kdb_status kdb_jobs_kill(kdb_jobs *jobs, kdb_sv id, const kdb_commit_with *with, kdb_err *err)
{
    bool told = false;
    kdbi_job *waiting = take_or_tell(jobs, id, &told);
    if (waiting != NULL) {
        return end_waiting(jobs, waiting, with, err);
    }
    if (!told) {
        return refuse_ended(jobs, id, err);
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    return commit(jobs, batch, with, err);
}
