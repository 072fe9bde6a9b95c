/* manager_test.c - the life of jobs, with executors that do what the test tells them: states, keys, tries, kills, bounds, and
 * what a restart finds. */
#include "jobs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

/* ---- executors ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int running, most, begun; /* guarded by lock, as all here */
    bool open;                /* jobs that wait may go on */
    char order[64];           /* the letters of jobs as they began */
} gate;

static void gate_reset(void)
{
    memset(&gate, 0, sizeof(gate));
    assert_int_equal(pthread_mutex_init(&gate.lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&gate.changed, NULL), 0);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_await_begun(int count)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.begun < count) {
        pthread_cond_wait(&gate.changed, &gate.lock);
    }
    pthread_mutex_unlock(&gate.lock);
}

static void gate_enter(const kdbi_run *run)
{
    const kdb_sv letter = kdbi_run_text(run, "letter");
    pthread_mutex_lock(&gate.lock);
    gate.running++;
    gate.most = gate.running > gate.most ? gate.running : gate.most;
    if (letter.len == 1 && strlen(gate.order) + 1 < sizeof(gate.order)) {
        gate.order[strlen(gate.order)] = letter.ptr[0];
    }
    gate.begun++;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_leave(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.running--;
    pthread_mutex_unlock(&gate.lock);
}

static void gate_pass(void)
{
    pthread_mutex_lock(&gate.lock);
    while (!gate.open) {
        pthread_cond_wait(&gate.changed, &gate.lock);
    }
    pthread_mutex_unlock(&gate.lock);
}

/* Looks like a job of many short steps. */
static kdb_status until_stopped(kdbi_run *run, kdb_err *err)
{
    while (!run->work.stop(run->work.self)) {
        const struct timespec step = { .tv_nsec = 1000000 };
        (void)nanosleep(&step, NULL);
    }
    return KDB_FAIL(err, KDB_CANCELLED, "stopped");
}

static kdb_status act(kdbi_run *run, kdb_err *err)
{
    const kdb_sv what = kdbi_run_text(run, "do");
    const int64_t failures = kdbi_run_number(run, "failures", 0);
    if (kdb_sv_eq(what, KDB_SV("wait"))) {
        gate_pass();
    } else if (kdb_sv_eq(what, KDB_SV("endless"))) {
        run->work.progress(run->work.self, KDB_SV("half-way"));
        return until_stopped(run, err);
    } else if (kdb_sv_eq(what, KDB_SV("skip"))) {
        run->skipped = true;
    } else if (kdb_sv_eq(what, KDB_SV("never"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "it cannot be done");
    } else if (kdb_sv_eq(what, KDB_SV("drop"))) {
        return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table app.t not found");
    }
    if (run->job->row.retry_count < failures) {
        return KDB_FAIL(err, KDB_IO, "disk %d is on fire", run->job->row.retry_count);
    }
    kdbi_run_result(run, "done");
    return KDB_OK;
}

static kdb_status fake(kdbi_run *run, kdb_err *err)
{
    gate_enter(run);
    const kdb_status status = act(run, err);
    gate_leave();
    return status;
}

static const kdbi_job_def fakes[KDB_JOB_KIND_COUNT] = {
    [KDB_JOB_FLUSH] = { "flush", "FL", fake, false },
    [KDB_JOB_COMPACT] = { "compact", "CO", fake, false },
    [KDB_JOB_CLEANUP] = { "cleanup", "CL", fake, false },
    [KDB_JOB_JOB_CLEANUP] = { "job_cleanup", "JC", fake, false },
    [KDB_JOB_BACKUP] = { "backup", "BK", NULL, false },
    [KDB_JOB_RESTORE] = { "restore", "RS", fake, false },
    [KDB_JOB_RETENTION] = { "retention", "RT", fake, false },
    [KDB_JOB_STREAM_EVICTION] = { "stream_eviction", "SE", fake, false },
    [KDB_JOB_USER_CLEANUP] = { "user_cleanup", "UC", fake, false },
    [KDB_JOB_REBUILD_MANIFEST] = { "rebuild_manifest", "RM", fake, false },
    [KDB_JOB_USER_EXPORT] = { "user_export", "UE", fake, false },
};

static int setup(void **state)
{
    gate_reset();
    (void)jobs_setup(state);
    set_option("jobs.retry_backoff_ms", "1");
    return 0;
}

static int teardown(void **state)
{
    gate_open();
    return jobs_teardown(state);
}

/* ---- rows ---- */

static kdb_job_row row_of(const char *id, kdb_arena *arena)
{
    kdb_job_row row;
    assert_int_equal(kdb_system_find_job(f.store, kdb_sv_cstr(id), arena, &row, NULL), KDB_OK);
    return row;
}

static void assert_row(const char *id, const char *status, const char *message)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_job_row row = row_of(id, arena);
    assert_string_equal(kdb_sv_dup_cstr(arena, row.status), status);
    assert_string_equal(kdb_sv_dup_cstr(arena, row.message), message);
}

static kdb_status try_submit(const char *key, const kdb_commit_with *with, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_job_request request = { .kind = KDB_JOB_FLUSH,
                                .parameters_json = KDB_SV("{}"),
                                .idempotency_key = kdb_sv_cstr(key) };
    return kdb_jobs_submit(f.jobs, &request, 1, with, arena, err);
}

/* ---- */

static void a_job_runs_and_ends(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    open_jobs_with(fakes, 1);
    const char *id = submit(KDB_JOB_FLUSH, "{\"table_id\":\"a:b\"}", "flush-a-b");
    wait_until_idle();
    const kdb_job_row row = row_of(id, arena);
    assert_row(id, "completed", "done");
    assert_true(kdb_sv_eq(row.type, KDB_SV("flush")));
    assert_true(kdb_sv_eq(row.parameters_json, KDB_SV("{\"table_id\":\"a:b\"}")));
    assert_true(kdb_sv_eq(row.idempotency_key, KDB_SV("flush-a-b")));
    assert_true(kdb_sv_eq(row.queue, KDB_SV("statement")));
    assert_true(row.created_us != 0 && row.started_us >= row.created_us && row.finished_us >= row.started_us);
    assert_int_equal(row.priority, 1);
    assert_int_equal(row.max_retries, 3);
    id = submit(KDB_JOB_COMPACT, "{\"do\":\"skip\"}", "");
    wait_until_idle();
    assert_row(id, "skipped", "done");
}

static void a_key_is_of_one_active_job(void **state)
{
    (void)state;
    kdb_err err;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    open_jobs_with(fakes, 1);
    (void)submit(KDB_JOB_FLUSH, "{\"do\":\"wait\"}", "one");
    (void)submit(KDB_JOB_FLUSH, "{}", "two");
    gate_await_begun(1);
    assert_int_equal(try_submit("one", NULL, &err), KDB_IDEMPOTENT_CONFLICT); /* of one that runs */
    assert_string_equal(err.text, "Job with idempotency key 'one' is already running or queued");
    assert_int_equal(try_submit("two", NULL, &err), KDB_IDEMPOTENT_CONFLICT); /* of one that waits */
    kdb_job_request both[] = { { .parameters_json = KDB_SV("{}"), .idempotency_key = KDB_SV("two") },
                               { .parameters_json = KDB_SV("{}"), .idempotency_key = KDB_SV("three") },
                               { .parameters_json = KDB_SV("{}"), .idempotency_key = KDB_SV("three") } };
    assert_int_equal(kdb_jobs_submit(f.jobs, both, KDB_ARRAY_LEN(both), NULL, arena, NULL), KDB_OK);
    assert_int_equal(both[0].id.len, 0);
    assert_int_equal(both[1].id.len, 15);
    assert_int_equal(both[2].id.len, 0);
    gate_open();
    wait_until_idle();
    assert_int_equal(try_submit("one", NULL, NULL), KDB_OK);
    wait_until_idle();
}

static kdb_status refuse(void *self, kdb_batch *batch, kdb_err *err)
{
    (void)self;
    assert_int_equal(kdb_batch_count(batch), 1);
    return KDB_FAIL(err, KDB_IO, "no");
}

static void what_is_not_committed_is_no_job(void **state)
{
    (void)state;
    const kdb_commit_with with = { refuse, NULL };
    kdb_err err;
    open_jobs_with(fakes, 1);
    assert_int_equal(try_submit("one", &with, &err), KDB_IO);
    wait_until_idle();
    assert_jobs("");
    assert_int_equal(try_submit("one", NULL, NULL), KDB_OK);
    wait_until_idle();
}

static void kinds_without_an_executor_are_refused(void **state)
{
    (void)state;
    kdb_err err;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_job_request request = { .kind = KDB_JOB_BACKUP, .parameters_json = KDB_SV("{}") };
    open_jobs_with(fakes, 1);
    assert_int_equal(kdb_jobs_submit(f.jobs, &request, 1, NULL, arena, &err), KDB_INVALID_OPERATION);
    assert_string_equal(err.text, "This server runs no jobs of type 'backup'");
    kdbi_jobs_schedule(f.jobs, KDB_JOB_BACKUP, KDB_SV("{}"), KDB_SV("k"));
    assert_jobs("");
}

static void what_may_go_better_is_tried_again(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    open_jobs_with(fakes, 2);
    char id[32];
    (void)snprintf(id, sizeof(id), "%s", submit(KDB_JOB_FLUSH, "{\"failures\":2}", "k"));
    wait_until_idle();
    assert_row(id, "completed", "done");
    kdb_job_row row = row_of(id, arena);
    assert_int_equal(row.retry_count, 2);
    const char *trace = kdb_sv_dup_cstr(arena, row.exception_trace);
    assert_non_null(strstr(trace, "IO at "));
    assert_non_null(strstr(trace, "manager_test.c"));
    assert_non_null(strstr(trace, "disk 0 is on fire\nIO at "));
    assert_non_null(strstr(trace, "disk 1 is on fire"));
    (void)snprintf(id, sizeof(id), "%s", submit(KDB_JOB_FLUSH, "{\"failures\":9}", "k"));
    wait_until_idle();
    assert_row(id, "failed", "disk 3 is on fire");
    assert_int_equal(row_of(id, arena).retry_count, 3);
    (void)snprintf(id, sizeof(id), "%s", submit(KDB_JOB_FLUSH, "{\"do\":\"never\"}", "k"));
    wait_until_idle();
    assert_row(id, "failed", "it cannot be done");
    assert_int_equal(row_of(id, arena).retry_count, 0);
    (void)snprintf(id, sizeof(id), "%s", submit(KDB_JOB_FLUSH, "{\"do\":\"drop\"}", "k"));
    wait_until_idle();
    assert_row(id, "cancelled", "The table was dropped while it ran");
}

static void a_job_that_waits_is_killed_at_once(void **state)
{
    (void)state;
    kdb_err err;
    open_jobs_with(fakes, 1);
    (void)submit(KDB_JOB_FLUSH, "{\"do\":\"wait\"}", "one");
    gate_await_begun(1);
    const char *id = submit(KDB_JOB_FLUSH, "{}", "two");
    assert_row(id, "queued", "");
    assert_int_equal(kdb_jobs_kill(f.jobs, kdb_sv_cstr(id), NULL, NULL), KDB_OK);
    assert_row(id, "cancelled", "Killed before it began");
    assert_int_equal(kdb_jobs_kill(f.jobs, kdb_sv_cstr(id), NULL, &err), KDB_INVALID_OPERATION);
    assert_string_equal(err.text, "Cannot cancel job in status cancelled");
    assert_int_equal(kdb_jobs_kill(f.jobs, KDB_SV("FL-x"), NULL, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "Job FL-x not found");
    assert_int_equal(try_submit("two", NULL, NULL), KDB_OK); /* its key is free */
    gate_open();
    wait_until_idle();
    assert_int_equal(gate.begun, 2);
}

static void a_kill_that_is_not_committed_kills_nothing(void **state)
{
    (void)state;
    const kdb_commit_with with = { refuse, NULL };
    open_jobs_with(fakes, 1);
    (void)submit(KDB_JOB_FLUSH, "{\"do\":\"wait\"}", "one");
    gate_await_begun(1);
    const char *id = submit(KDB_JOB_FLUSH, "{}", "two");
    assert_int_equal(kdb_jobs_kill(f.jobs, kdb_sv_cstr(id), &with, NULL), KDB_IO);
    gate_open();
    wait_until_idle();
    assert_row(id, "completed", "done");
}

static void a_job_that_runs_is_killed_at_its_next_step(void **state)
{
    (void)state;
    open_jobs_with(fakes, 1);
    const char *id = submit(KDB_JOB_FLUSH, "{\"do\":\"endless\"}", "one");
    gate_await_begun(1);
    assert_int_equal(kdb_jobs_kill(f.jobs, kdb_sv_cstr(id), NULL, NULL), KDB_OK);
    wait_until_idle();
    assert_row(id, "cancelled", "Killed while it ran");
}

static void jobs_run_side_by_side_up_to_the_bound(void **state)
{
    (void)state;
    open_jobs_with(fakes, 2);
    for (int i = 0; i < 6; i++) {
        (void)submit(KDB_JOB_FLUSH, "{\"do\":\"wait\"}", "");
    }
    gate_await_begun(2);
    gate_open();
    wait_until_idle();
    assert_int_equal(gate.begun, 6);
    assert_int_equal(gate.most, 2);
}

static void what_works_on_one_table_runs_one_after_another(void **state)
{
    (void)state;
    open_jobs_with(fakes, 3);
    (void)submit(KDB_JOB_FLUSH, "{\"table_id\":\"a:b\",\"do\":\"wait\",\"letter\":\"1\"}", "");
    gate_await_begun(1);
    (void)submit(KDB_JOB_COMPACT, "{\"table_id\":\"a:b\",\"letter\":\"2\"}", "");
    (void)submit(KDB_JOB_FLUSH, "{\"table_id\":\"a:b\",\"letter\":\"3\"}", "");
    (void)submit(KDB_JOB_FLUSH, "{\"table_id\":\"a:c\",\"do\":\"wait\",\"letter\":\"4\"}", "");
    gate_await_begun(2); /* the other table's overtakes */
    assert_string_equal(gate.order, "14");
    gate_open();
    wait_until_idle();
    assert_string_equal(gate.order, "1423");
}

static void what_was_asked_for_goes_before_what_is_scheduled(void **state)
{
    (void)state;
    open_jobs_with(fakes, 1);
    (void)submit(KDB_JOB_FLUSH, "{\"do\":\"wait\",\"letter\":\"1\"}", "");
    gate_await_begun(1);
    kdbi_jobs_schedule(f.jobs, KDB_JOB_FLUSH, KDB_SV("{\"letter\":\"2\"}"), KDB_SV("s"));
    kdbi_jobs_schedule(f.jobs, KDB_JOB_FLUSH, KDB_SV("{\"letter\":\"x\"}"), KDB_SV("s"));
    (void)submit(KDB_JOB_FLUSH, "{\"letter\":\"3\"}", "");
    gate_open();
    wait_until_idle();
    assert_string_equal(gate.order, "132");
}

static void a_scheduled_job_without_a_result_leaves_nothing(void **state)
{
    (void)state;
    open_jobs_with(fakes, 1);
    kdbi_jobs_schedule(f.jobs, KDB_JOB_FLUSH, KDB_SV("{\"do\":\"skip\"}"), KDB_SV("s"));
    wait_until_idle();
    assert_jobs("");
    kdbi_jobs_schedule(f.jobs, KDB_JOB_FLUSH, KDB_SV("{\"do\":\"never\"}"), KDB_SV("s"));
    wait_until_idle();
    assert_jobs("FL flush failed it cannot be done |");
    kdbi_jobs_schedule(f.jobs, KDB_JOB_STREAM_EVICTION, KDB_SV("{}"), KDB_SV("s"));
    wait_until_idle();
    assert_jobs("FL flush failed it cannot be done |SE stream_eviction completed done |");
}

static void the_servers_end_ends_jobs_and_keeps_those_that_wait(void **state)
{
    (void)state;
    open_jobs_with(fakes, 1);
    char ran[32], waits[32];
    (void)snprintf(ran, sizeof(ran), "%s", submit(KDB_JOB_FLUSH, "{\"do\":\"endless\"}", "one"));
    gate_await_begun(1);
    (void)snprintf(waits, sizeof(waits), "%s", submit(KDB_JOB_FLUSH, "{}", "two"));
    kdb_jobs_stop(f.jobs);
    assert_row(ran, "running", "half-way");
    assert_row(waits, "queued", "");
    assert_int_equal(try_submit("three", NULL, NULL), KDB_OVERLOADED);
    kdb_jobs_close(f.jobs);
    open_jobs_with(fakes, 1);
    wait_until_idle();
    assert_row(ran, "failed", "Server restarted");
    assert_row(waits, "completed", "done");
}

static void stage_waiting(const char *id, const char *type, const char *status, const char *key, int16_t retries)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_job_row job = { .id = kdb_sv_cstr(id),
                              .type = kdb_sv_cstr(type),
                              .status = kdb_sv_cstr(status),
                              .parameters_json = KDB_SV("{\"failures\":3}"),
                              .idempotency_key = kdb_sv_cstr(key),
                              .exception_trace = KDB_SV("earlier"),
                              .created_us = 1,
                              .updated_us = 1,
                              .retry_count = retries,
                              .max_retries = 3 };
    kdb_system_stage_job(&job, batch);
    assert_int_equal(kdb_store_commit(f.store, batch, NULL), KDB_OK);
}

static void a_crash_is_recovered_from(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    stage_waiting("CL-1", "cleanup", "completed", "", 0);
    stage_waiting("FL-2", "flush", "running", "k", 0);
    stage_waiting("FL-3", "flush", "new", "k", 0);
    stage_waiting("FL-4", "flush", "queued", "k", 0);
    stage_waiting("FL-5", "flush", "retrying", "m", 2);
    stage_waiting("XX-6", "wombat", "queued", "", 0);
    stage_waiting("BK-7", "backup", "queued", "", 0);
    open_jobs_with(fakes, 1);
    wait_until_idle();
    assert_row("CL-1", "completed", "");
    assert_row("FL-2", "failed", "Server restarted");
    assert_row("FL-3", "completed", "done");
    assert_row("FL-4", "failed", "Another job has its idempotency key");
    assert_row("FL-5", "completed", "done");
    assert_row("XX-6", "failed", "This server runs no such jobs");
    assert_row("BK-7", "failed", "This server runs no such jobs");
    assert_int_equal(row_of("FL-5", arena).retry_count, 3);
    assert_true(kdb_sv_has_prefix(row_of("FL-5", arena).exception_trace, KDB_SV("earlier\nIO at ")));
    assert_true(kdb_sv_eq(row_of("FL-5", arena).parameters_json, KDB_SV("{\"failures\":3}")));
}

static void every_kind_has_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_JOB_KIND_COUNT; i++) {
        assert_int_equal(strlen(kdbi_job_defs[i].prefix), 2);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(kdbi_job_defs[i].name, kdbi_job_defs[j].name);
            assert_string_not_equal(kdbi_job_defs[i].prefix, kdbi_job_defs[j].prefix);
        }
    }
    for (int i = 0; i < KDBI_JOB_STATE_COUNT; i++) {
        assert_int_equal(kdbi_job_state_of(kdb_sv_cstr(kdbi_job_state_names[i])), i);
    }
    assert_int_equal(kdbi_job_state_of(KDB_SV("wombat")), KDBI_JOB_STATE_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_and_ends),
        TEST(a_key_is_of_one_active_job),
        TEST(what_is_not_committed_is_no_job),
        TEST(kinds_without_an_executor_are_refused),
        TEST(what_may_go_better_is_tried_again),
        TEST(a_job_that_waits_is_killed_at_once),
        TEST(a_kill_that_is_not_committed_kills_nothing),
        TEST(a_job_that_runs_is_killed_at_its_next_step),
        TEST(jobs_run_side_by_side_up_to_the_bound),
        TEST(what_works_on_one_table_runs_one_after_another),
        TEST(what_was_asked_for_goes_before_what_is_scheduled),
        TEST(a_scheduled_job_without_a_result_leaves_nothing),
        TEST(the_servers_end_ends_jobs_and_keeps_those_that_wait),
        TEST(a_crash_is_recovered_from),
        cmocka_unit_test(every_kind_has_its_row),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
