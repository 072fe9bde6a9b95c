/* executors_test.c - tombstones, dropped users and dba.stats: what the schedule begins, what the jobs do and leave behind. The
 * wall clock is the test's. */
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

/* What the clock does that much later, and the end of the jobs that it begins. */
static void later(int64_t hours, void (*begin)(kdb_jobs *jobs, int64_t now_us))
{
    shift_us = hours * KDBI_HOUR_US;
    kdb_clock_override(shifted_clock);
    begin(f.jobs, kdb_now_us());
    wait_until_idle();
    kdb_clock_override(NULL);
}

static void as_root(const char *sql)
{
    run("root", KDB_ROLE_SYSTEM, sql);
}

/* ---- retention ---- */

static void tombstones_go_when_their_table_says_so(void **state)
{
    (void)state;
    open_jobs(2);
    as_root("CREATE USER TABLE brief (id INT PRIMARY KEY) WITH (DELETED_RETENTION_HOURS = 2); "
            "CREATE SHARED TABLE usual (id INT PRIMARY KEY)");
    run("ann", KDB_ROLE_USER, "INSERT INTO brief VALUES (1), (2), (3); DELETE FROM brief WHERE id < 3");
    as_root("INSERT INTO usual VALUES (1), (2); DELETE FROM usual WHERE id = 1");
    later(2, kdbi_schedule_retention); /* an hour is for those who are under way */
    assert_int_equal(rows_on_disk("brief"), 3);
    later(4, kdbi_schedule_retention);
    assert_int_equal(rows_on_disk("brief"), 1);
    assert_int_equal(rows_on_disk("usual"), 2);
    assert_jobs("RT retention completed Removed 2 tombstone(s) |");
    for (int64_t hour = 170; hour < 177;
         hour++) { /* one look in seven hours is for a table that keeps them for a week */
        later(hour, kdbi_schedule_retention);
    }
    assert_int_equal(rows_on_disk("usual"), 1);
    later(4, kdbi_schedule_retention); /* nothing is left to do or to say */
    kdb_jobs_close(f.jobs);
    f.jobs = NULL;
    open_jobs(1);
}

/* ---- user cleanup ---- */

static void dropped_users_go_after_their_days(void **state)
{
    (void)state;
    kdb_user user;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    open_jobs(2);
    as_root("CREATE USER TABLE notes (id INT PRIMARY KEY); CREATE USER ann WITH INTERNAL ROLE user; "
            "CREATE USER bob WITH INTERNAL ROLE user; CREATE USER carol WITH INTERNAL ROLE user");
    run("ann", KDB_ROLE_USER, "INSERT INTO notes VALUES (1), (2)");
    run("bob", KDB_ROLE_USER, "INSERT INTO notes VALUES (3)");
    as_root("DROP USER ann; DROP USER carol");
    later(29 * 24, kdbi_schedule_user_cleanup);
    assert_int_equal(rows_on_disk("notes"), 3);
    assert_jobs("");
    later(31 * 24, kdbi_schedule_user_cleanup);
    assert_int_equal(rows_on_disk("notes"), 1);
    assert_int_equal(kdb_auth_find_user(f.auth, (kdb_user_id){ KDB_SV("ann") }, arena, &user, NULL), KDB_NOT_FOUND);
    assert_int_equal(kdb_auth_find_user(f.auth, (kdb_user_id){ KDB_SV("carol") }, arena, &user, NULL), KDB_NOT_FOUND);
    assert_int_equal(kdb_auth_find_user(f.auth, (kdb_user_id){ KDB_SV("bob") }, arena, &user, NULL), KDB_OK);
    as_root("CREATE USER ann WITH INTERNAL ROLE user"); /* the name is free */
    (void)submit(KDB_JOB_USER_CLEANUP, "{\"user_id\":\"ann\"}", "");
    wait_until_idle();
    assert_int_equal(kdb_auth_find_user(f.auth, (kdb_user_id){ KDB_SV("ann") }, arena, &user, NULL), KDB_OK);
}

static void what_a_cleanup_says(void **state)
{
    (void)state;
    open_jobs(1);
    as_root("CREATE USER TABLE notes (id INT PRIMARY KEY); CREATE USER 'a:\"b' WITH INTERNAL ROLE user");
    run("a:\"b", KDB_ROLE_USER, "INSERT INTO notes VALUES (1)");
    as_root("DROP USER 'a:\"b'");
    later(31 * 24, kdbi_schedule_user_cleanup);
    assert_jobs("UC user_cleanup completed Removed the user, with rows in 1 table(s) |");
}

/* ---- dba.stats ---- */

static size_t samples(void)
{
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("dba"), KDB_SV("stats"));
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(f.store, NULL, kdb_table_partition(table), (kdb_iter_range){ .descending = false });
    size_t live = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        live += (kdb_iter_value(iter).ptr[1] & 1) == 0; /* flags: not a tombstone */
    }
    return live;
}

static void figures_are_kept_for_some_days(void **state)
{
    (void)state;
    open_jobs(1);
    later(0, kdbi_sample_stats);
    const size_t each = samples();
    assert_true(each > 5);
    later(1, kdbi_sample_stats);
    assert_int_equal(samples(), 2 * each);
    later(6 * 24, kdbi_prune_stats);
    assert_int_equal(samples(), 2 * each);
    shift_us = 0;
    later(7 * 24 + 1, kdbi_prune_stats);
    assert_int_equal(samples(), each);
    assert_jobs("");
    set_option("retention.enable_dba_stats", "false");
    later(2, kdbi_sample_stats);
    assert_int_equal(samples(), each);
    set_option("retention.enable_dba_stats", "true");
    as_root("DROP TABLE dba.stats");
    later(3, kdbi_sample_stats); /* nobody has to be told */
}

/* ---- the schedule ---- */

static void a_schedule_that_cannot_be_read_stops_the_start(void **state)
{
    (void)state;
    kdb_err err;
    const kdb_jobs_options jobs = {
        .core = f.core, .store = f.store, .registry = f.registry, .auth = f.auth, .options = f.options
    };
    set_option("user_management.cleanup_job_schedule", "0 25 * * *");
    assert_int_equal(kdb_jobs_open(&jobs, &f.jobs, &err), KDB_INVALID);
    assert_string_equal(err.text, "user_management.cleanup_job_schedule: '0 25 * * *' is no schedule \"minute hour day "
                                  "month weekday\": see its hour");
    set_option("user_management.cleanup_job_schedule", "* * * * *");
    assert_int_equal(kdb_jobs_open(&jobs, &f.jobs, NULL), KDB_OK);
}

static void a_table_without_a_policy_has_the_servers(void **state)
{
    (void)state;
    open_jobs(1);
    as_root("CREATE SHARED TABLE plain (id INT PRIMARY KEY); CREATE SHARED TABLE bare (id INT PRIMARY KEY); "
            "CREATE SHARED TABLE own (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'rows:7,interval:9'); "
            "INSERT INTO plain VALUES (1); INSERT INTO own VALUES (1)");
    kdb_jobs_stop(f.jobs); /* nothing of it runs here: what is asked for is looked at */
    kdb_jobs_close(f.jobs);
    f.jobs = NULL;
    kdb_jobs *jobs = NULL;
    const kdb_jobs_options options = {
        .core = f.core, .store = f.store, .registry = f.registry, .auth = f.auth, .options = f.options
    };
    assert_int_equal(kdbi_jobs_open_with(&options, kdbi_job_defs, 0, false, &jobs, NULL), KDB_OK);
    kdbi_schedule_flushes(jobs, kdb_now_us());
    kdbi_schedule_flushes(jobs, kdb_now_us());
    assert_int_equal(jobs->list.count, 2);
    const kdbi_job *first = jobs->list.lines[KDBI_JOB_SCHEDULED].first;
    assert_true(kdb_sv_eq(first->row.parameters_json,
                          KDB_SV("{\"table_id\":\"default:own\",\"table_type\":\"shared\",\"flush_threshold\":7,"
                                 "\"interval_seconds\":9}")));
    assert_true(kdb_sv_has_prefix(first->row.idempotency_key, KDB_SV("FL:default:own:20")));
    assert_true(kdb_sv_eq(first->next->row.parameters_json,
                          KDB_SV("{\"table_id\":\"default:plain\",\"table_type\":\"shared\",\"flush_threshold\":10000,"
                                 "\"interval_seconds\":0}")));
    kdb_jobs_close(jobs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(tombstones_go_when_their_table_says_so),
        TEST(dropped_users_go_after_their_days),
        TEST(what_a_cleanup_says),
        TEST(figures_are_kept_for_some_days),
        TEST(a_schedule_that_cannot_be_read_stops_the_start),
        TEST(a_table_without_a_policy_has_the_servers),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
