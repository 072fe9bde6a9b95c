/* job_list.c - the jobs that have not ended: their states, and the lines in which they wait. Whoever runs a job takes it out of
 * its line; jobs that work on the same thing run one after another. */
#include "jobs_int.h"

enum { JOBS_MAX = 100000, MESSAGE_MAX = 4096 };

/* ---- states ---- */

const char *const kdbi_job_state_names[KDBI_JOB_STATE_COUNT] = {
    [KDBI_JOB_NEW] = "new",
    [KDBI_JOB_QUEUED] = "queued",
    [KDBI_JOB_RUNNING] = "running",
    [KDBI_JOB_RETRYING] = "retrying",
    [KDBI_JOB_COMPLETED] = "completed",
    [KDBI_JOB_FAILED] = "failed",
    [KDBI_JOB_CANCELLED] = "cancelled",
    [KDBI_JOB_SKIPPED] = "skipped",
};

#define TO(state) (1U << KDBI_JOB_##state)
static const unsigned moves[KDBI_JOB_STATE_COUNT] = {
    [KDBI_JOB_NEW] = TO(QUEUED),
    [KDBI_JOB_QUEUED] = TO(RUNNING) | TO(CANCELLED),
    [KDBI_JOB_RUNNING] = TO(RETRYING) | TO(COMPLETED) | TO(FAILED) | TO(CANCELLED) | TO(SKIPPED),
    [KDBI_JOB_RETRYING] = TO(RUNNING) | TO(CANCELLED),
};
#undef TO

kdbi_job_state kdbi_job_state_of(kdb_sv name)
{
    kdbi_job_state state = KDBI_JOB_NEW;
    while (state < KDBI_JOB_STATE_COUNT && !kdb_sv_eq(name, kdb_sv_cstr(kdbi_job_state_names[state]))) {
        state++;
    }
    return state;
}

void kdbi_job_move(kdbi_job *job, kdbi_job_state state)
{
    KDB_ASSERT((moves[job->state] & 1U << state) != 0);
    job->state = state;
    job->row.status = kdb_sv_cstr(kdbi_job_state_names[state]);
    job->row.updated_us = kdb_now_us();
    if (state == KDBI_JOB_RUNNING && job->row.started_us == 0) {
        job->row.started_us = job->row.updated_us;
    }
    if (!kdbi_job_state_is_active(state)) {
        job->row.finished_us = job->row.updated_us;
    }
}

void kdbi_job_set_message(kdbi_job *job, kdb_sv message)
{
    job->message.len = 0;
    kdb_buf_append(&job->message, message.ptr, message.len < MESSAGE_MAX ? message.len : MESSAGE_MAX);
    job->row.message = kdb_buf_sv(&job->message);
}

/* ---- jobs ---- */

static const struct {
    const char *queue;
    int32_t priority;
} origins[KDBI_JOB_ORIGIN_COUNT] = {
    [KDBI_JOB_ASKED] = { "statement", 1 },
    [KDBI_JOB_SCHEDULED] = { "schedule", 0 },
};

static kdb_sv subject_of(const kdbi_job_def *def, const kdb_json *parameters)
{
    if (def->alone) {
        return kdb_sv_cstr(def->prefix);
    }
    static const char *const names[] = { "table_id", "user_id" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        const kdb_json *member = kdb_json_lookup(parameters, kdb_sv_cstr(names[i]));
        if (member != NULL && member->kind == KDB_JSON_STRING) {
            return member->string;
        }
    }
    return (kdb_sv){ NULL, 0 };
}

static kdbi_job *empty_job(void)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_job *job = KDB_ARENA_NEW(arena, kdbi_job);
    job->arena = arena;
    kdb_buf_init(&job->message, 0);
    kdb_buf_init(&job->trace, 0);
    return job;
}

void kdbi_job_free(kdbi_job *job)
{
    if (job != NULL) {
        kdb_buf_done(&job->message);
        kdb_buf_done(&job->trace);
        kdb_arena_free(job->arena);
    }
}

static kdb_status read_parameters(kdbi_job *job, kdb_sv json, kdb_err *err)
{
    job->row.parameters_json = kdb_sv_dup(job->arena, json);
    KDB_TRY(kdb_json_parse(job->row.parameters_json, job->arena, &job->parameters, err));
    if (job->parameters->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "the parameters of a job are an object");
    }
    job->subject = subject_of(job->def, job->parameters);
    return KDB_OK;
}

kdb_status kdbi_job_new(const kdb_jobs *jobs, kdb_job_kind kind, kdbi_job_origin origin, kdb_sv parameters_json,
                        kdb_sv key, kdbi_job **out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_job_freep) kdbi_job *job = empty_job();
    const int64_t now = kdb_now_us();
    job->def = &jobs->defs[kind];
    job->origin = origin;
    job->row = (kdb_job_row){ .id = kdb_system_job_id(job->def->prefix, job->arena),
                              .type = kdb_sv_cstr(job->def->name),
                              .status = kdb_sv_cstr(kdbi_job_state_names[KDBI_JOB_NEW]),
                              .idempotency_key = kdb_sv_dup(job->arena, key),
                              .queue = kdb_sv_cstr(origins[origin].queue),
                              .priority = origins[origin].priority,
                              .created_us = now,
                              .updated_us = now,
                              .max_retries = jobs->max_retries,
                              .node_id = jobs->node_id };
    KDB_TRY(read_parameters(job, parameters_json, err));
    *out = KDB_TAKE(job);
    return KDB_OK;
}

static const kdbi_job_def *find_def(const kdb_jobs *jobs, kdb_sv type)
{
    for (size_t i = 0; i < KDB_JOB_KIND_COUNT; i++) {
        if (kdb_sv_eq(type, kdb_sv_cstr(jobs->defs[i].name)) && jobs->defs[i].run != NULL) {
            return &jobs->defs[i];
        }
    }
    return NULL;
}

void kdbi_job_of_row(const kdb_jobs *jobs, const kdb_job_row *row, kdbi_job **out)
{
    KDB_CLEANUP(kdbi_job_freep) kdbi_job *job = empty_job();
    job->row = *row;
    job->def = find_def(jobs, row->type);
    *out = NULL;
    if (job->def == NULL || read_parameters(job, row->parameters_json, NULL) != KDB_OK) {
        return;
    }
    job->row.id = kdb_sv_dup(job->arena, row->id);
    job->row.type = kdb_sv_cstr(job->def->name);
    job->row.idempotency_key = kdb_sv_dup(job->arena, row->idempotency_key);
    job->row.queue = kdb_sv_dup(job->arena, row->queue);
    job->row.exception_trace = kdb_sv_dup(job->arena, row->exception_trace);
    kdbi_job_set_message(job, row->message);
    job->origin =
        kdb_sv_eq(row->queue, kdb_sv_cstr(origins[KDBI_JOB_SCHEDULED].queue)) ? KDBI_JOB_SCHEDULED : KDBI_JOB_ASKED;
    job->shown = true;
    *out = KDB_TAKE(job);
}

/* ---- the list ---- */

void kdbi_list_init(kdbi_job_list *list)
{
    *list = (kdbi_job_list){ .by_id = kdb_map_new(), .by_key = kdb_map_new(), .busy = kdb_map_new() };
}

void kdbi_list_done(kdbi_job_list *list)
{
    for (size_t i = 0; i < KDBI_JOB_ORIGIN_COUNT; i++) {
        for (kdbi_job *job = list->lines[i].first, *next; job != NULL; job = next) {
            next = job->next;
            kdbi_job_free(job);
        }
    }
    kdb_map_free(list->by_id);
    kdb_map_free(list->by_key);
    kdb_map_free(list->busy);
}

bool kdbi_list_reserve(kdbi_job_list *list, kdbi_job *job, bool *full)
{
    const kdb_sv key = job->row.idempotency_key;
    *full = list->count == JOBS_MAX;
    if (*full || (key.len != 0 && kdb_map_lookup(list->by_key, key) != NULL)) {
        return false;
    }
    if (key.len != 0) {
        (void)kdb_map_put(list->by_key, key, job);
    }
    list->count++;
    return true;
}

void kdbi_list_enqueue(kdbi_job_list *list, kdbi_job *job)
{
    job->next = NULL;
    job->prev = list->lines[job->origin].last;
    *(job->prev == NULL ? &list->lines[job->origin].first : &job->prev->next) = job;
    list->lines[job->origin].last = job;
    (void)kdb_map_put(list->by_id, job->row.id, job);
}

void kdbi_list_take(kdbi_job_list *list, kdbi_job *job)
{
    *(job->prev == NULL ? &list->lines[job->origin].first : &job->prev->next) = job->next;
    *(job->next == NULL ? &list->lines[job->origin].last : &job->next->prev) = job->prev;
    job->prev = job->next = NULL;
}

static bool may_run(const kdbi_job_list *list, const kdbi_job *job, int64_t now_us, int64_t *due_us)
{
    if (job->subject.len != 0 && kdb_map_lookup(list->busy, job->subject) != NULL) {
        return false; /* its end is something that happens */
    }
    if (job->due_us > now_us) {
        *due_us = job->due_us < *due_us ? job->due_us : *due_us;
        return false;
    }
    return true;
}

kdbi_job *kdbi_list_next(kdbi_job_list *list, int64_t now_us, int64_t *due_us)
{
    *due_us = INT64_MAX;
    for (size_t i = 0; i < KDBI_JOB_ORIGIN_COUNT; i++) {
        for (kdbi_job *job = list->lines[i].first; job != NULL; job = job->next) {
            if (may_run(list, job, now_us, due_us)) {
                kdbi_list_take(list, job);
                if (job->subject.len != 0) {
                    (void)kdb_map_put(list->busy, job->subject, job);
                }
                return job;
            }
        }
    }
    return NULL;
}

void kdbi_list_rest(kdbi_job_list *list, kdbi_job *job)
{
    if (job->subject.len != 0 && kdb_map_lookup(list->busy, job->subject) == job) {
        (void)kdb_map_remove(list->busy, job->subject);
    }
}

void kdbi_list_forget(kdbi_job_list *list, kdbi_job *job)
{
    const kdb_sv key = job->row.idempotency_key;
    kdbi_list_rest(list, job);
    if (key.len != 0 && kdb_map_lookup(list->by_key, key) == job) {
        (void)kdb_map_remove(list->by_key, key);
    }
    if (kdb_map_lookup(list->by_id, job->row.id) == job) {
        (void)kdb_map_remove(list->by_id, job->row.id);
    }
    list->count--;
}
