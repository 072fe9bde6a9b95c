/* core_fixture.c - see core_fixture.h. Replies are recorded as text, so that a test reads like a session. */
#include "core_fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

struct pending_request {
    fixture *f;
    kdb_request request;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    kdb_buf text;
    kdb_buf columns;
    answer result;
    void (*hook)(void *arg); /* after each result with rows */
    void *hook_arg;
};

static void open_audit(fixture *f)
{
    kdb_buf keys;
    const kdb_audit_options options = { .repeat_us = 3600 * INT64_C(1000000) };
    kdb_buf_init(&keys, 0);
    assert_int_equal(kdb_seal_write_keys(NULL, &keys, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&keys), &f->seal, NULL), KDB_OK);
    assert_int_equal(kdb_audit_open(f->store, f->seal, &options, &f->audit, NULL), KDB_OK);
    kdb_buf_done(&keys);
}

/* ---- a data directory of its own: storages have theirs there ---- */

static void open_datadir(fixture *f)
{
    kdb_err err;
    char data[sizeof(f->directory) + 8];
    (void)snprintf(f->directory, sizeof(f->directory), "core-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(data, sizeof(data), "%s/data", f->directory);
    if (kdb_datadir_open(kdb_sv_cstr(data), &f->datadir, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    const kdb_object_stores_options options = { .datadir = f->datadir,
                                                .cache_bytes = 1 << 20,
                                                .connect_timeout_ms = 500,
                                                .request_timeout_ms = 500,
                                                .open = kdb_registry_open_objects,
                                                .self = f->registry };
    f->objects = kdb_object_stores_new(&options);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void close_datadir(fixture *f)
{
    kdb_object_stores_free(f->objects);
    kdb_datadir_close(f->datadir);
    (void)nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_stores(fixture *f)
{
    kdb_err err;
    f->store = kdb_store_open_memory();
    open_audit(f);
    const kdb_registry_options registry = { KDB_SV("{namespace}/{tableName}"),
                                            KDB_SV("{namespace}/{tableName}/{userId}"), f->seal };
    assert_int_equal(kdb_registry_open(f->store, &registry, &f->registry, &err), KDB_OK);
    const kdb_auth_options auth = { .seal = f->seal,
                                    .access_seconds = 3600,
                                    .bcrypt_cost = 4,
                                    .hash_threads = 1,
                                    .hash_queue = 16,
                                    .min_password = 8 };
    assert_int_equal(kdb_auth_open(f->store, &auth, &f->auth, &err), KDB_OK);
    f->system = kdb_system_new(f->store, f->registry, f->auth, f->options);
}

/* ---- live queries ---- */

static kdb_sv live_url(void *self, kdb_arena *arena)
{
    (void)self;
    (void)arena;
    return KDB_SV("ws://localhost:8080/v1/ws");
}

static kdb_status live_kill(void *self, kdb_sv live_id, const kdb_principal *by, kdb_err *err)
{
    (void)self;
    if (!kdb_sv_eq(live_id, KDB_SV(FIXTURE_LIVE_ID))) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Live query '%.*s' not found", KDB_SV_ARG(live_id));
    }
    return kdb_sv_eq(by->user.text, KDB_SV("alice")) || by->role >= KDB_ROLE_DBA
               ? KDB_OK
               : KDB_FAIL(err, KDB_PERMISSION_DENIED, "Live query '%.*s' is another user's", KDB_SV_ARG(live_id));
}

/* ---- jobs ---- */

static void stage_job(const kdb_job_request *request, kdb_batch *batch)
{
    const kdb_job_row row = { .id = request->id,
                              .type = request->kind == KDB_JOB_USER_EXPORT ? KDB_SV("user_export") : KDB_SV("other"),
                              .status = KDB_SV("queued"),
                              .parameters_json = request->parameters_json,
                              .idempotency_key = request->idempotency_key,
                              .created_us = kdb_now_us(),
                              .updated_us = kdb_now_us() };
    kdb_system_stage_job(&row, batch);
}

static kdb_status job_submit(void *self, kdb_job_request *requests, size_t count, const kdb_commit_with *with,
                             kdb_arena *arena, kdb_err *err)
{
    fixture *f = self;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < count; i++) {
        if (f->busy_key != NULL && kdb_sv_eq(requests[i].idempotency_key, kdb_sv_cstr(f->busy_key))) {
            continue;
        }
        const char *prefix = requests[i].kind == KDB_JOB_USER_EXPORT ? "UE" : "job";
        requests[i].id = kdb_sv_printf(arena, "%s-%d-%d", prefix, (int)requests[i].kind, ++f->jobs);
        stage_job(&requests[i], batch);
    }
    if (kdb_batch_count(batch) == 0) {
        return KDB_FAIL(err, KDB_IDEMPOTENT_CONFLICT, "Job with idempotency key '%s' is already running or queued",
                        f->busy_key);
    }
    return with->commit(with->self, batch, err);
}

static kdb_status job_kill(void *self, kdb_sv id, const kdb_commit_with *with, kdb_err *err)
{
    (void)self;
    if (!kdb_sv_eq(id, KDB_SV(FIXTURE_JOB_ID))) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Job %.*s not found", KDB_SV_ARG(id));
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    return with->commit(with->self, batch, err);
}

static kdb_sv job_url(void *self, kdb_arena *arena)
{
    (void)self;
    (void)arena;
    return KDB_SV("http://localhost:8080");
}

static void open_cold(fixture *f)
{
    kdb_err err;
    const kdb_engine_options engine = { .memory_limit = INT64_C(256) * 1024 * 1024,
                                        .threads = 1,
                                        .allowed_directory = kdb_datadir_storages(f->datadir),
                                        .temp_directory = kdb_datadir_tmp(f->datadir) };
    assert_int_equal(kdb_engine_open(&engine, &f->reader, &err), KDB_OK);
    const kdb_cold_options cold = { .store = f->store,
                                    .reader = f->reader,
                                    .objects = f->objects,
                                    .direct_rows = (uint64_t)kdb_opt_i64(f->options, KDB_OPT_ENGINE_DIRECT_ROWS) };
    assert_int_equal(kdb_cold_open(&cold, &f->cold, &err), KDB_OK);
}

void fixture_open(fixture *f, const char *const *settings, const kdb_change_sink *sinks, size_t nsinks)
{
    kdb_err err;
    *f = (fixture){ .options = kdb_options_new() };
    kdb_log_setup(KDB_LOG_ERROR, KDB_LOG_COMPACT, 2);
    /* What ends a statement is said by the tests that are about it, not by what else this machine does. */
    assert_int_equal(kdb_options_set(f->options, KDB_SV("execution.handler_timeout_seconds"), KDB_SV("600"), &err),
                     KDB_OK);
    for (; settings != NULL && *settings != NULL; settings++) {
        const char *eq = strchr(*settings, '=');
        assert_int_equal(
            kdb_options_set(f->options, kdb_sv_of(*settings, (size_t)(eq - *settings)), kdb_sv_cstr(eq + 1), &err),
            KDB_OK);
    }
    open_stores(f);
    open_datadir(f);
    const kdb_engine_options engine = { .memory_limit = 512 << 20,
                                        .threads = 2,
                                        .allowed_directory = kdb_datadir_storages(f->datadir),
                                        .temp_directory = "/tmp" };
    assert_int_equal(kdb_engine_open(&engine, &f->engine, &err), KDB_OK);
    open_cold(f);
    const kdb_core_options core = { .store = f->store,
                                    .engine = f->engine,
                                    .registry = f->registry,
                                    .auth = f->auth,
                                    .system = f->system,
                                    .audit = f->audit,
                                    .objects = f->objects,
                                    .cold = f->cold,
                                    .options = f->options,
                                    .sinks = sinks,
                                    .nsinks = nsinks,
                                    .live = { .url = live_url, .kill = live_kill },
                                    .jobs = { f, job_submit, job_kill, job_url } };
    if (kdb_core_open(&core, &f->core, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
}

void fixture_close(fixture *f)
{
    kdb_core_drain(f->core, 0);
    kdb_core_close(f->core);
    kdb_system_free(f->system);
    kdb_auth_close(f->auth);
    kdb_registry_close(f->registry);
    kdb_audit_close(f->audit);
    kdb_cold_close(f->cold);
    kdb_engine_close(f->reader);
    kdb_engine_close(f->engine);
    kdb_store_close(f->store);
    close_datadir(f);
    kdb_seal_free(f->seal);
    kdb_options_free(f->options);
}

/* ---- the recording reply ---- */

static void on_begin(void *self, const kdb_result_column *columns, size_t ncolumns)
{
    pending_request *p = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    p->columns.len = 0;
    for (size_t i = 0; i < ncolumns; i++) {
        kdb_buf_printf(&p->text, "%s%.*s", i == 0 ? "" : "|", KDB_SV_ARG(columns[i].name));
        kdb_buf_printf(&p->columns, "%.*s %.*s%s%s, ", KDB_SV_ARG(columns[i].name),
                       KDB_SV_ARG(kdb_type_sql_text(columns[i].type, arena)), columns[i].key ? " key" : "",
                       columns[i].not_null ? " nn" : "");
    }
    kdb_buf_append_lit(&p->text, "\n");
}

static kdb_status on_rows(void *self, const kdb_chunk *chunk, kdb_err *err)
{
    (void)err;
    pending_request *p = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t row = 0; row < chunk->nrows; row++) {
        for (size_t i = 0; i < chunk->ncols; i++) {
            const kdb_value value = kdb_vec_get(&chunk->cols[i], row);
            kdb_buf_printf(&p->text, "%s%.*s", i == 0 ? "" : "|", KDB_SV_ARG(kdb_value_to_text(&value, arena)));
        }
        kdb_buf_append_lit(&p->text, "\n");
    }
    return KDB_OK;
}

static void on_end(void *self, uint64_t count, bool truncated)
{
    pending_request *p = self;
    p->result.rows = count;
    if (truncated) {
        kdb_buf_append_lit(&p->text, "(truncated)\n");
    }
    if (p->hook != NULL) {
        p->hook(p->hook_arg);
    }
}

static void on_message(void *self, uint64_t count, kdb_sv message)
{
    pending_request *p = self;
    p->result.rows = count;
    kdb_buf_printf(&p->text, "[%llu %.*s]\n", (unsigned long long)count, KDB_SV_ARG(message));
}

static void on_done(void *self, const kdb_failure *failure)
{
    pending_request *p = self;
    if (failure != NULL) {
        p->result.status = failure->status;
        p->result.line = failure->line;
        p->result.column = failure->column;
        kdb_buf_printf(&p->text, "! %s %.*s\n", kdb_status_defs[failure->status].name, KDB_SV_ARG(failure->text));
    }
    kdb_buf_append_byte(&p->text, 0);
    kdb_buf_append_byte(&p->columns, 0);
    p->result.text = p->text.ptr;
    p->result.columns = p->columns.ptr;
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
}

/* ---- requests ---- */

static pending_request *new_request(fixture *f, const char *user, kdb_role role, const char *sql,
                                    const kdb_value *params, size_t nparams)
{
    pending_request *p = KDB_NEW(pending_request);
    p->f = f;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ended, NULL);
    kdb_buf_init(&p->text, 0);
    kdb_buf_init(&p->columns, 0);
    p->request = (kdb_request){ .sql = kdb_sv_cstr(sql),
                                .params = params,
                                .nparams = nparams,
                                .caller = { .user = { kdb_sv_cstr(user) }, .role = role },
                                .reply = { p, on_begin, on_rows, on_end, on_message, on_done, NULL } };
    return p;
}

static pending_request *submit(pending_request *p)
{
    kdb_err err;
    const kdb_status status = kdb_core_submit(p->f->core, &p->request, &err);
    if (status != KDB_OK) {
        const kdb_failure failure = { .status = status, .text = kdb_sv_cstr(err.text) };
        on_done(p, &failure);
    }
    return p;
}

static kdb_role role_of(const char *user)
{
    return strcmp(user, "root") == 0 ? KDB_ROLE_SYSTEM : strcmp(user, "svc") == 0 ? KDB_ROLE_SERVICE : KDB_ROLE_USER;
}

pending_request *start(fixture *f, const char *user, const char *sql)
{
    return submit(new_request(f, user, role_of(user), sql, NULL, 0));
}

pending_request *start_between(fixture *f, const char *user, const char *sql, void (*hook)(void *arg), void *arg)
{
    pending_request *p = new_request(f, user, role_of(user), sql, NULL, 0);
    p->hook = hook;
    p->hook_arg = arg;
    return submit(p);
}

answer run_between(fixture *f, const char *user, const char *sql, void (*hook)(void *arg), void *arg)
{
    return wait_for(start_between(f, user, sql, hook, arg));
}

void cancel(pending_request *p)
{
    kdb_core_cancel(p->f->core, &p->request);
}

answer wait_for(pending_request *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->done) {
        pthread_cond_wait(&p->ended, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    const answer result = p->result; /* takes the text */
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
    kdb_free(p);
    return result;
}

answer run_as(fixture *f, const char *user, kdb_role role, const char *sql, const kdb_value *params, size_t nparams)
{
    return wait_for(submit(new_request(f, user, role, sql, params, nparams)));
}

answer run_in_lane(fixture *f, kdb_core_lane *lane, const char *user, const char *sql, const kdb_value *params,
                   size_t nparams, bool *in_lane)
{
    pending_request *p = new_request(f, user, role_of(user), sql, params, nparams);
    *in_lane = kdb_core_lane_run(lane, &p->request);
    return wait_for(*in_lane ? p : submit(p));
}

answer run(fixture *f, const char *user, const char *sql)
{
    return run_as(f, user, role_of(user), sql, NULL, 0);
}

void answer_done(answer *a)
{
    kdb_free(a->text);
    kdb_free(a->columns);
    a->text = NULL;
    a->columns = NULL;
}

void expect(fixture *f, const char *user, const char *sql, const char *text)
{
    answer a = run(f, user, sql);
    if (strcmp(a.text, text) != 0) {
        print_error("as %s: %s\n", user, sql);
    }
    assert_string_equal(a.text, text);
    answer_done(&a);
}

void expect_failure(fixture *f, const char *user, const char *sql, kdb_status status, const char *part)
{
    answer a = run(f, user, sql);
    if (a.status != status || strstr(a.text, part) == NULL) {
        fail_msg("as %s: %s\nwanted %s with \"%s\", got:\n%s", user, sql, kdb_status_defs[status].name, part, a.text);
    }
    answer_done(&a);
}
