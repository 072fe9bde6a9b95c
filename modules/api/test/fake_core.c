/* fake_core.c - see api_test.h. Linked in place of the core module: its functions of the same names win. */
#include <math.h>

#include "api_test.h"

/* How a lane takes a script: at once, by leaving it to a thread, or the same and then waiting until that has done it. */
#define HERE "here "
#define LATER "later "
#define RACE "race "

enum { THREADS = 3, QUEUE = 1024, PATIENCE_US = 60 * 1000000 };

typedef struct runner {
    kdb_core *core;
    kdb_thread thread;
    kdb_request *request; /* guarded by core->lock, as the next */
    bool cancelled;
} runner;

struct kdb_core {
    kdb_queue *queue;
    runner runners[THREADS];
    kdb_mutex lock;
    kdb_cond changed;
    _Atomic(const char *) trouble;
    fake_core_counts counts; /* guarded by lock, as the next */
    bool released;
};

static void change(kdb_core *core, size_t *count, int by)
{
    kdb_mutex_lock(&core->lock);
    *count += (size_t)by;
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
}

static void wait_for_release(runner *self)
{
    kdb_core *core = self->core;
    kdb_mutex_lock(&core->lock);
    core->counts.waits++;
    kdb_cond_broadcast(&core->changed);
    while (!core->released && !self->cancelled) {
        kdb_cond_wait(&core->changed, &core->lock);
    }
    core->counts.waits--;
    kdb_mutex_unlock(&core->lock);
}

/* ---- scripts ---- */

static kdb_status put_rows(runner *self, const kdb_reply *reply, size_t nrows, size_t text_bytes, kdb_err *err)
{
    const kdb_result_column columns[] = {
        { KDB_SV("id"), kdb_type_of(KDB_TYPE_BIGINT), true, true },
        { KDB_SV("password_hash"), kdb_type_of(KDB_TYPE_TEXT), false, false },
    };
    const kdb_type types[] = { columns[0].type, columns[1].type };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_chunk *chunk = kdb_chunk_new(arena, types, 2);
    char *text = kdb_arena_alloc(arena, text_bytes + 1);
    memset(text, 'x', text_bytes);
    const kdb_value value = kdb_value_text(kdb_sv_of(text, text_bytes));
    reply->rows_begin(reply->self, columns, 2);
    for (size_t i = 0; i < nrows; i++) {
        const kdb_value id = kdb_value_bigint((int64_t)i);
        chunk->nrows = 1;
        kdb_vec_put(&chunk->cols[0], 0, &id);
        kdb_vec_put(&chunk->cols[1], 0, &value);
        kdb_mutex_lock(&self->core->lock);
        const bool cancelled = self->cancelled;
        kdb_mutex_unlock(&self->core->lock);
        if (cancelled) {
            return KDB_FAIL(err, KDB_CANCELLED, "cancelled");
        }
        KDB_TRY(reply->rows(reply->self, chunk, err));
    }
    reply->rows_end(reply->self, nrows, false);
    return KDB_OK;
}

static kdb_status put_params(const kdb_request *request, kdb_err *err)
{
    const kdb_reply *reply = &request->reply;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_result_column columns[64];
    kdb_type types[64];
    for (size_t i = 0; i < request->nparams; i++) {
        types[i] = request->params[i].type.kind == KDB_TYPE_NULL ? kdb_type_of(KDB_TYPE_TEXT) : request->params[i].type;
        columns[i] = (kdb_result_column){ KDB_SV("p"), types[i], false, false };
    }
    kdb_chunk *chunk = kdb_chunk_new(arena, types, request->nparams);
    for (size_t i = 0; i < request->nparams; i++) {
        kdb_vec_put(&chunk->cols[i], 0, &request->params[i]);
    }
    chunk->nrows = 1;
    reply->rows_begin(reply->self, columns, request->nparams);
    KDB_TRY(reply->rows(reply->self, chunk, err));
    reply->rows_end(reply->self, 1, true);
    return KDB_OK;
}

static kdb_status put_nan(const kdb_reply *reply, kdb_err *err)
{
    const kdb_result_column column = { KDB_SV("ratio"), kdb_type_of(KDB_TYPE_DOUBLE), false, false };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_chunk *chunk = kdb_chunk_new(arena, &column.type, 1);
    const kdb_value nan_value = kdb_value_double(NAN);
    kdb_vec_put(&chunk->cols[0], 0, &nan_value);
    chunk->nrows = 1;
    reply->rows_begin(reply->self, &column, 1);
    return reply->rows(reply->self, chunk, err);
}

static kdb_status play(runner *self, const kdb_request *request, const char *script, kdb_failure *failure, kdb_err *err)
{
    const kdb_reply *reply = &request->reply;
    size_t a = 0, b = 0, c = 0;
    char word[16] = "";
    (void)sscanf(script, "%15s %zu %zu %zu", word, &a, &b, &c);
    failure->statement = 1;
    if (strcmp(word, "rows") == 0) {
        return put_rows(self, reply, a, 3, err);
    }
    if (strcmp(word, "bulk") == 0) {
        return put_rows(self, reply, a, b, err);
    }
    if (strcmp(word, "late") == 0) {
        KDB_TRY(put_rows(self, reply, a, b, err));
        return KDB_FAIL(err, (kdb_status)c, "too late");
    }
    if (strcmp(word, "params") == 0) {
        return put_params(request, err);
    }
    if (strcmp(word, "nan") == 0) {
        return put_nan(reply, err);
    }
    if (strcmp(word, "fail") == 0) {
        failure->statement = 0;
        failure->line = 2;
        failure->column = 7;
        return KDB_FAIL(err, (kdb_status)a, "table secrets");
    }
    if (strcmp(word, "runfail") == 0) {
        return KDB_FAIL(err, (kdb_status)a, "table secrets");
    }
    if (strcmp(word, "wait") == 0) {
        wait_for_release(self);
    }
    if (strcmp(word, "two") == 0) {
        KDB_TRY(put_rows(self, reply, 1, 1, err));
    }
    reply->message(reply->self, 3, KDB_SV("Inserted 3 row(s)"));
    return KDB_OK;
}

/* The script behind the word that says how the lane takes it. */
static kdb_sv without_lane(kdb_sv sql)
{
    static const char *const words[] = { HERE, LATER, RACE };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        const kdb_sv word = kdb_sv_cstr(words[i]);
        if (kdb_sv_has_prefix(sql, word)) {
            return kdb_sv_of(sql.ptr + word.len, sql.len - word.len);
        }
    }
    return sql;
}

static void run(runner *self, kdb_request *request)
{
    kdb_core *core = self->core;
    char script[128];
    (void)snprintf(script, sizeof script, "%.*s", KDB_SV_ARG(without_lane(request->sql)));
    kdb_err err;
    kdb_failure failure = { .statement_text = request->sql };
    failure.status = play(self, request, script, &failure, &err);
    kdb_mutex_lock(&core->lock);
    core->counts.failed_with = failure.status;
    core->counts.done++; /* before the client can know of it */
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
    if (failure.status == KDB_OK) {
        request->reply.done(request->reply.self, NULL);
    } else {
        failure.text = kdb_sv_cstr(err.text);
        request->reply.done(request->reply.self, &failure);
    }
}

static void runner_main(void *arg)
{
    runner *self = arg;
    kdb_core *core = self->core;
    for (kdb_request *request; (request = kdb_queue_pop(core->queue)) != NULL;) {
        kdb_mutex_lock(&core->lock);
        self->request = request;
        self->cancelled = false;
        core->counts.running++;
        kdb_mutex_unlock(&core->lock);
        run(self, request);
        kdb_mutex_lock(&core->lock);
        self->request = NULL;
        core->counts.running--;
        kdb_cond_broadcast(&core->changed);
        kdb_mutex_unlock(&core->lock);
    }
}

/* ---- in place of core ---- */

kdb_status kdb_core_submit(kdb_core *core, kdb_request *request, kdb_err *err)
{
    if (kdb_sv_eq(request->sql, KDB_SV("full"))) {
        return KDB_FAIL(err, KDB_OVERLOADED, "The server is busy; try again shortly");
    }
    change(core, &core->counts.submitted, 1);
    if (kdb_sv_eq(request->sql, KDB_SV("inline"))) {
        request->reply.message(request->reply.self, 0, KDB_SV("at once"));
        request->reply.done(request->reply.self, NULL);
        change(core, &core->counts.done, 1);
        return KDB_OK;
    }
    assert_true(kdb_queue_push(core->queue, request));
    return KDB_OK;
}

kdb_status kdb_core_check(kdb_core *core, kdb_err *err)
{
    const char *trouble = atomic_load(&core->trouble);
    return trouble == NULL ? KDB_OK : KDB_FAIL(err, KDB_IO, "%s", trouble);
}

/* Tasks are those of exports, which end-to-end tests download. */
kdb_status kdb_core_task_submit(KDB_UNUSED kdb_core *core, KDB_UNUSED kdb_core_task *task, KDB_UNUSED bool bounded,
                                kdb_err *err)
{
    return KDB_FAIL(err, KDB_OVERLOADED, "The server is busy; try again shortly");
}

struct kdb_core_lane {
    runner runner;
    kdb_thread_role role; /* of the thread that made it */
};

kdb_core_lane *kdb_core_lane_new(kdb_core *core)
{
    kdb_core_lane *lane = KDB_NEW(kdb_core_lane);
    lane->runner.core = core;
    lane->role = kdb_thread_role_get();
    return lane;
}

void kdb_core_lane_free(kdb_core_lane *lane)
{
    kdb_free(lane);
}

bool kdb_core_lane_run(kdb_core_lane *lane, kdb_request *request)
{
    kdb_core *core = lane->runner.core;
    const bool here = kdb_sv_has_prefix(request->sql, KDB_SV(HERE));
    const bool race = kdb_sv_has_prefix(request->sql, KDB_SV(RACE));
    assert_int_equal(lane->role, KDB_THREAD_NET);
    if (!here && !race && !kdb_sv_has_prefix(request->sql, KDB_SV(LATER))) {
        return false;
    }
    change(core, &core->counts.in_lanes, 1);
    if (here) {
        run(&lane->runner, request);
        return true;
    }
    const size_t before = fake_core_count(core).done;
    assert_true(kdb_queue_push(core->queue, request));
    return !race || core_reaches(core, done, before + 1);
}

void kdb_core_cancel(kdb_core *core, kdb_request *request)
{
    kdb_mutex_lock(&core->lock);
    core->counts.cancelled++;
    for (size_t i = 0; i < THREADS; i++) {
        if (core->runners[i].request == request) {
            core->runners[i].cancelled = true;
        }
    }
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
}

/* ---- for tests ---- */

kdb_core *fake_core_new(void)
{
    kdb_core *core = KDB_NEW(kdb_core);
    core->queue = kdb_queue_new(QUEUE);
    kdb_mutex_init(&core->lock, KDB_LOCK_STORE);
    kdb_cond_init(&core->changed);
    for (size_t i = 0; i < THREADS; i++) {
        core->runners[i].core = core;
        kdb_thread_start(&core->runners[i].thread, "fake-worker", KDB_THREAD_WORKER, runner_main, &core->runners[i]);
    }
    return core;
}

void fake_core_release(kdb_core *core)
{
    kdb_mutex_lock(&core->lock);
    core->released = true;
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
}

void fake_core_trouble(kdb_core *core, const char *reason)
{
    atomic_store(&core->trouble, reason);
}

void fake_core_free(kdb_core *core)
{
    kdb_queue_close(core->queue);
    for (size_t i = 0; i < THREADS; i++) {
        kdb_thread_join(&core->runners[i].thread);
    }
    kdb_queue_free(core->queue);
    kdb_cond_done(&core->changed);
    kdb_mutex_done(&core->lock);
    kdb_free(core);
}

fake_core_counts fake_core_count(kdb_core *core)
{
    kdb_mutex_lock(&core->lock);
    const fake_core_counts counts = core->counts;
    kdb_mutex_unlock(&core->lock);
    return counts;
}

bool fake_core_reaches(kdb_core *core, size_t offset, size_t least)
{
    const size_t *count = (const size_t *)(const void *)((const char *)&core->counts + offset);
    const int64_t deadline = kdb_monotonic_us() + PATIENCE_US;
    kdb_mutex_lock(&core->lock);
    while (*count < least && kdb_cond_wait_until(&core->changed, &core->lock, deadline)) {}
    const bool reached = *count >= least;
    kdb_mutex_unlock(&core->lock);
    return reached;
}
