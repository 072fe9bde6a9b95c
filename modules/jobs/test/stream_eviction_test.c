/* stream_eviction_test.c - what runs of the eviction leave behind: rows gone, rows of system.jobs, put right after a crash and
 * forgotten in time. A whole core over the memory store; the clock of a run is the test's. */
#include "jobs_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { HOUR_MS = 3600 * 1000 };

/* ---- a core ---- */

static struct {
    kdb_options *options;
    kdb_store *store;
    kdb_engine *engine;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_seal *seal;
    kdb_audit *audit;
    kdb_core *core;
    kdb_jobs *jobs;
} f;

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

static void open_jobs(void)
{
    const kdb_jobs_options jobs = { .core = f.core, .store = f.store, .registry = f.registry, .options = f.options };
    assert_int_equal(kdb_jobs_open(&jobs, &f.jobs, NULL), KDB_OK);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void run(const char *user, kdb_role role, const char *sql)
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

static size_t rows_on_disk(const char *name)
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

static void assert_jobs(const char *expected)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    assert_int_equal(kdb_system_visit_jobs(f.store, KDB_SV(""), put_job, &text, NULL), KDB_OK);
    kdb_buf_append_byte(&text, '\0');
    assert_string_equal(text.ptr, expected);
    kdb_buf_done(&text);
}

static void check_parameters(void *self, const kdb_job_row *job)
{
    (void)self;
    static const char parameters[] =
        "{\"table_id\":\"default:log\",\"table_type\":\"stream\",\"ttl_seconds\":60,\"batch_size\":1000}";
    assert_true(kdb_sv_eq(job->parameters_json, kdb_sv_cstr(parameters)));
    assert_true(kdb_sv_has_prefix(job->idempotency_key, KDB_SV("SE:default:log:20")));
    assert_int_equal(job->idempotency_key.len, strlen("SE:default:log:2026-11-21-22"));
}

static void stage_job(const char *id, const char *type, const char *status, int64_t finished_us)
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

/* ---- */

static void a_run_removes_what_has_expired_and_says_so(void **state)
{
    (void)state;
    open_jobs();
    run("root", KDB_ROLE_SYSTEM,
        "CREATE STREAM TABLE log (n INT) WITH (TTL_SECONDS = 60); CREATE STREAM TABLE slow (n INT) WITH (TTL_SECONDS = 86400); "
        "CREATE USER TABLE kept (id INT PRIMARY KEY)");
    for (int i = 0; i < 4; i++) {
        char user[8];
        (void)snprintf(user, sizeof(user), "user%d", i);
        run(user, KDB_ROLE_USER,
            "INSERT INTO log (n) SELECT * FROM generate_series(1, 600); INSERT INTO slow VALUES (1)");
    }
    run("root", KDB_ROLE_SYSTEM, "INSERT INTO kept VALUES (1)");
    assert_int_equal(kdbi_evict_streams(f.jobs, kdb_now_ms()), 0);
    assert_jobs("");
    assert_int_equal(rows_on_disk("log"), 2400);
    assert_int_equal(kdbi_evict_streams(f.jobs, kdb_now_ms() + HOUR_MS), 2400);
    assert_jobs("SE stream_eviction completed Evicted 2400 row(s) |");
    assert_int_equal(kdb_system_visit_jobs(f.store, KDB_SV(""), check_parameters, NULL, NULL), KDB_OK);
    assert_int_equal(rows_on_disk("log"), 0);
    assert_int_equal(rows_on_disk("slow"), 4);
    assert_int_equal(rows_on_disk("kept"), 1);
    assert_int_equal(kdbi_evict_streams(f.jobs, kdb_now_ms() + HOUR_MS), 0);
    assert_jobs("SE stream_eviction completed Evicted 2400 row(s) |");
}

static void a_run_that_the_server_ended_in_has_failed(void **state)
{
    (void)state;
    stage_job("CL-000000000001", "cleanup", "completed", 5);
    stage_job("SE-000000000002", "stream_eviction", "running", 0);
    open_jobs();
    assert_jobs("CL cleanup completed  |SE stream_eviction failed Server restarted |");
}

static void evictions_that_ended_long_ago_are_forgotten(void **state)
{
    (void)state;
    open_jobs();
    kdb_jobs_stop(f.jobs); /* its own thread forgets, too */
    stage_job("CL-000000000001", "cleanup", "completed", 100);
    stage_job("SE-000000000002", "stream_eviction", "completed", 100);
    stage_job("SE-000000000003", "stream_eviction", "failed", 200);
    stage_job("SE-000000000004", "stream_eviction", "running", 0);
    assert_int_equal(kdbi_jobs_forget(f.jobs, 150, NULL), KDB_OK);
    assert_jobs("CL cleanup completed  |SE stream_eviction failed  |SE stream_eviction running  |");
}

static void nothing_begins_once_it_is_stopped(void **state)
{
    (void)state;
    open_jobs();
    run("root", KDB_ROLE_SYSTEM, "CREATE STREAM TABLE log (n INT) WITH (TTL_SECONDS = 60)");
    run("ann", KDB_ROLE_USER, "INSERT INTO log VALUES (1)");
    kdb_jobs_stop(f.jobs);
    kdb_jobs_stop(f.jobs);
    assert_int_equal(kdbi_evict_streams(f.jobs, kdb_now_ms() + HOUR_MS), 0);
    assert_int_equal(rows_on_disk("log"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_removes_what_has_expired_and_says_so),
        TEST(a_run_that_the_server_ended_in_has_failed),
        TEST(evictions_that_ended_long_ago_are_forgotten),
        TEST(nothing_begins_once_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
