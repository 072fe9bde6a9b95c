/* stream_eviction_test.c - what runs of the eviction leave behind: rows gone, rows of system.jobs. The wall clock is the
 * test's. */
#include "jobs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static int64_t shift_us;

static int64_t shifted_clock(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec * KDBI_SECOND_US + now.tv_nsec / 1000 + shift_us;
}

/* What the clock does when it is time, and the jobs' end. */
static void evict(int64_t later_us)
{
    shift_us = later_us;
    kdb_clock_override(shifted_clock);
    kdbi_schedule_evictions(f.jobs, kdb_now_us());
    wait_until_idle();
    kdb_clock_override(NULL);
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

static void a_run_removes_what_has_expired_and_says_so(void **state)
{
    (void)state;
    open_jobs(2);
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
    evict(0);
    assert_jobs("");
    assert_int_equal(rows_on_disk("log"), 2400);
    evict(KDBI_HOUR_US);
    assert_jobs("SE stream_eviction completed Evicted 2400 row(s) |");
    assert_int_equal(kdb_system_visit_jobs(f.store, KDB_SV(""), check_parameters, NULL, NULL), KDB_OK);
    assert_int_equal(rows_on_disk("log"), 0);
    assert_int_equal(rows_on_disk("slow"), 4);
    assert_int_equal(rows_on_disk("kept"), 1);
    evict(KDBI_HOUR_US);
    assert_jobs("SE stream_eviction completed Evicted 2400 row(s) |");
}

static void nothing_begins_once_it_is_stopped(void **state)
{
    (void)state;
    open_jobs(1);
    run("root", KDB_ROLE_SYSTEM, "CREATE STREAM TABLE log (n INT) WITH (TTL_SECONDS = 60)");
    run("ann", KDB_ROLE_USER, "INSERT INTO log VALUES (1)");
    kdb_jobs_stop(f.jobs);
    kdb_jobs_stop(f.jobs);
    evict(KDBI_HOUR_US);
    assert_int_equal(rows_on_disk("log"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_removes_what_has_expired_and_says_so),
        TEST(nothing_begins_once_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
