/* jobs_fixture.c - see jobs_fixture.h. */
#include "jobs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

jobs_fixture f;

/* ---- a core ---- */

static void open_seal(void)
{
    kdb_buf keys;
    kdb_buf_init(&keys, 0);
    assert_int_equal(kdb_seal_write_keys(NULL, &keys, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&keys), &f.seal, NULL), KDB_OK);
    kdb_buf_done(&keys);
}

static void open_core(void)
{
    const kdb_audit_options audit = { .repeat_us = 0 };
    const kdb_registry_options registry = { KDB_SV("{namespace}/{tableName}"),
                                            KDB_SV("{namespace}/{tableName}/{userId}"), f.seal };
    const kdb_auth_options auth = {
        .seal = f.seal, .access_seconds = 3600, .bcrypt_cost = 4, .hash_threads = 1, .hash_queue = 16, .min_password = 8
    };
    const kdb_engine_options engine = {
        .memory_limit = 256 << 20, .threads = 1, .allowed_directory = "/nonexistent", .temp_directory = "/tmp"
    };
    assert_int_equal(kdb_audit_open(f.store, f.seal, &audit, &f.audit, NULL), KDB_OK);
    assert_int_equal(kdb_registry_open(f.store, &registry, &f.registry, NULL), KDB_OK);
    assert_int_equal(kdb_auth_open(f.store, &auth, &f.auth, NULL), KDB_OK);
    assert_int_equal(kdb_engine_open(&engine, &f.engine, NULL), KDB_OK);
    f.system = kdb_system_new(f.store, f.registry, f.auth, f.options);
    const kdb_core_options core = { .store = f.store,
                                    .engine = f.engine,
                                    .registry = f.registry,
                                    .auth = f.auth,
                                    .system = f.system,
                                    .audit = f.audit,
                                    .options = f.options };
    assert_int_equal(kdb_core_open(&core, &f.core, NULL), KDB_OK);
}

void open_jobs_with(const kdbi_job_def *defs, size_t nthreads)
{
    const kdb_jobs_options jobs = {
        .core = f.core, .store = f.store, .registry = f.registry, .auth = f.auth, .options = f.options
    };
    assert_int_equal(kdbi_jobs_open_with(&jobs, defs, nthreads, false, &f.jobs, NULL), KDB_OK);
}

void open_jobs(size_t nthreads)
{
    open_jobs_with(kdbi_job_defs, nthreads);
}

void set_option(const char *name, const char *value)
{
    assert_int_equal(kdb_options_set(f.options, kdb_sv_cstr(name), kdb_sv_cstr(value), NULL), KDB_OK);
}

int jobs_setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    kdb_log_setup(KDB_LOG_ERROR, KDB_LOG_COMPACT, 2);
    f.options = kdb_options_new();
    f.store = kdb_store_open_memory();
    open_seal();
    open_core();
    return 0;
}

int jobs_teardown(void **state)
{
    (void)state;
    kdb_jobs_close(f.jobs);
    kdb_core_drain(f.core, 0);
    kdb_core_close(f.core);
    kdb_system_free(f.system);
    kdb_auth_close(f.auth);
    kdb_registry_close(f.registry);
    kdb_audit_close(f.audit);
    kdb_engine_close(f.engine);
    kdb_store_close(f.store);
    kdb_seal_free(f.seal);
    kdb_options_free(f.options);
    return 0;
}

/* ---- statements ---- */

typedef struct statement {
    kdb_request request;
    kdb_mutex lock;
    kdb_cond ended;
    bool is_done; /* guarded by lock, as the next */
    bool failed;
} statement;

static void on_message(void *self, uint64_t row_count, kdb_sv message)
{
    (void)self;
    (void)row_count;
    (void)message;
}

static void on_done(void *self, const kdb_failure *failure)
{
    statement *s = self;
    kdb_mutex_lock(&s->lock);
    s->is_done = true;
    s->failed = failure != NULL;
    kdb_cond_broadcast(&s->ended);
    kdb_mutex_unlock(&s->lock);
}

void run(const char *user, kdb_role role, const char *sql)
{
    statement s = { .request = { .sql = kdb_sv_cstr(sql),
                                 .caller = { .user = { kdb_sv_cstr(user) }, .role = role },
                                 .reply = { .self = &s, .message = on_message, .done = on_done } } };
    kdb_mutex_init(&s.lock, KDB_LOCK_SERVER);
    kdb_cond_init(&s.ended);
    assert_int_equal(kdb_core_submit(f.core, &s.request, NULL), KDB_OK);
    kdb_mutex_lock(&s.lock);
    while (!s.is_done) {
        kdb_cond_wait(&s.ended, &s.lock);
    }
    kdb_mutex_unlock(&s.lock);
    assert_false(s.failed);
    kdb_cond_done(&s.ended);
    kdb_mutex_done(&s.lock);
}

size_t rows_on_disk(const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("default"), kdb_sv_cstr(name));
    assert_non_null(table);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(f.store, NULL, kdb_table_partition(table), (kdb_iter_range){ .descending = false });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

/* ---- jobs as text ---- */

static void put_job(void *self, const kdb_job_row *job)
{
    kdb_buf *out = self;
    kdb_buf_printf(out, "%.2s %.*s %.*s %.*s |", job->id.ptr, KDB_SV_ARG(job->type), KDB_SV_ARG(job->status),
                   KDB_SV_ARG(job->message));
    assert_true(job->finished_us == 0 || job->finished_us >= job->started_us);
    assert_true(job->created_us != 0 && job->updated_us >= job->created_us);
}

void assert_jobs(const char *expected)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    assert_int_equal(kdb_system_visit_jobs(f.store, KDB_SV(""), put_job, &text, NULL), KDB_OK);
    kdb_buf_append_byte(&text, '\0');
    assert_string_equal(text.ptr, expected);
    kdb_buf_done(&text);
}

void stage_job(const char *id, const char *type, const char *status, int64_t finished_us)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_job_row job = { .id = kdb_sv_cstr(id),
                              .type = kdb_sv_cstr(type),
                              .status = kdb_sv_cstr(status),
                              .created_us = 1,
                              .updated_us = 1,
                              .started_us = 1,
                              .finished_us = finished_us };
    kdb_system_stage_job(&job, batch);
    assert_int_equal(kdb_store_commit(f.store, batch, NULL), KDB_OK);
}

void wait_until_idle(void)
{
    kdb_mutex_lock(&f.jobs->lock);
    while (f.jobs->list.count != 0) {
        kdb_cond_wait(&f.jobs->changed, &f.jobs->lock);
    }
    kdb_mutex_unlock(&f.jobs->lock);
}

const char *submit(kdb_job_kind kind, const char *parameters, const char *key)
{
    static char id[32];
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_job_request request = { .kind = kind,
                                .parameters_json = kdb_sv_cstr(parameters),
                                .idempotency_key = kdb_sv_cstr(key) };
    assert_int_equal(kdb_jobs_submit(f.jobs, &request, 1, NULL, arena, NULL), KDB_OK);
    (void)snprintf(id, sizeof(id), "%.*s", KDB_SV_ARG(request.id));
    return id;
}
