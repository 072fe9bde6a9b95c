/* job_statements_test.c - the statements that start jobs and end them: what they ask for, what they answer, whom and what they
 * refuse, what they leave in the audit log. The job manager is the fixture's. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f, NULL, NULL, 0);
    answer a = run(
        &f, "root",
        "CREATE NAMESPACE app; CREATE NAMESPACE bare; CREATE NAMESPACE empty; CREATE USER TABLE app.a (id INT PRIMARY KEY);"
        "CREATE SHARED TABLE app.b (id INT PRIMARY KEY); CREATE STREAM TABLE app.s (n INT) WITH (TTL_SECONDS = 9);"
        "CREATE VIEW app.v AS SELECT id FROM app.a; CREATE USER TABLE bare.c (id INT PRIMARY KEY);"
        "INSERT INTO app.a VALUES (1); INSERT INTO app.b VALUES (1)");
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void expect_audit(const char *rows)
{
    char text[2048];
    (void)snprintf(text, sizeof(text), "actor_user_id|action|target|details\n%s", rows);
    expect(&f, "root",
           "SELECT actor_user_id, action, target, details FROM system.audit_log WHERE action NOT LIKE 'CREATE%' "
           "ORDER BY timestamp, audit_id",
           text);
}

static void a_table_is_flushed_and_compacted(void **state)
{
    (void)state;
    expect(&f, "root", "STORAGE FLUSH TABLE app.a", "[0 Storage flush started for table 'app.a'. Job ID: job-0-1]\n");
    expect(&f, "root", "FLUSH TABLE App.B", "[0 Storage flush started for table 'app.b'. Job ID: job-0-2]\n");
    expect(&f, "root", "STORAGE COMPACT TABLE app.a",
           "[0 Storage compaction started for table 'app.a'. Job ID: job-1-3]\n");
    expect(&f, "root", "SELECT parameters, idempotency_key FROM system.jobs ORDER BY job_id",
           "parameters|idempotency_key\n"
           "{\"table_id\":\"app:a\",\"table_type\":\"user\"}|flush-app-a\n"
           "{\"table_id\":\"app:b\",\"table_type\":\"shared\"}|flush-app-b\n"
           "{\"table_id\":\"app:a\",\"table_type\":\"user\",\"target_file_size_mb\":256}|compact-app-a\n");
    expect_audit("root|STORAGE_FLUSH|app.a|NULL\nroot|STORAGE_FLUSH|app.b|NULL\nroot|STORAGE_COMPACT|app.a|NULL\n");
}

static void what_is_under_way_is_not_begun_twice(void **state)
{
    (void)state;
    f.busy_key = "flush-app-a";
    expect(&f, "root", "STORAGE FLUSH TABLE app.a",
           "[0 Storage flush skipped: a flush is already queued or running for table 'app.a']\n");
    expect(&f, "root", "STORAGE FLUSH ALL IN app",
           "[0 Storage flush started for 1 table(s) in namespace 'app'. Job IDs: [job-0-1]]\n");
    f.busy_key = "compact-app-a";
    expect_failure(&f, "root", "STORAGE COMPACT TABLE app.a", KDB_IDEMPOTENT_CONFLICT,
                   "Job with idempotency key 'compact-app-a' is already running or queued");
    expect_audit("root|STORAGE_FLUSH|app|Tables: 2\n");
}

static void a_namespace_is_flushed_and_compacted(void **state)
{
    (void)state;
    expect(&f, "root", "USE app; STORAGE FLUSH ALL",
           "[0 Namespace switched to 'app']\n"
           "[0 Storage flush started for 2 table(s) in namespace 'app'. Job IDs: [job-0-1, job-0-2]]\n");
    expect(&f, "root", "FLUSH ALL TABLES IN app",
           "[0 Storage flush started for 2 table(s) in namespace 'app'. Job IDs: [job-0-3, job-0-4]]\n");
    expect(&f, "root", "STORAGE COMPACT ALL IN NAMESPACE app",
           "[0 Storage compaction started for 2 table(s) in namespace 'app'. Job IDs: [job-1-5, job-1-6]]\n");
    expect(&f, "root", "STORAGE FLUSH TABLE bare.c",
           "[0 Storage flush skipped: no pending writes for table 'bare.c']\n");
    expect(&f, "root", "STORAGE FLUSH ALL IN bare",
           "[0 Storage flush skipped: no pending writes in namespace 'bare']\n");
    expect_failure(&f, "root", "STORAGE COMPACT ALL IN empty", KDB_NOT_FOUND,
                   "No compactable tables found in namespace empty");
    expect_failure(&f, "root", "STORAGE FLUSH ALL IN nothing", KDB_NAMESPACE_NOT_FOUND,
                   "Namespace 'nothing' not found");
}

static void what_has_no_files_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        kdb_status status;
        const char *text;
    } cases[] = {
        { "STORAGE FLUSH TABLE app.nothing", KDB_TABLE_NOT_FOUND, "Table app.nothing not found" },
        { "STORAGE FLUSH TABLE app.v", KDB_TABLE_NOT_FOUND, "Table app.v not found" },
        { "STORAGE FLUSH TABLE app.s", KDB_INVALID_OPERATION,
          "STORAGE FLUSH TABLE is not supported for STREAM tables" },
        { "STORAGE COMPACT TABLE app.s", KDB_INVALID_OPERATION,
          "STORAGE COMPACT TABLE is not supported for STREAM tables" },
        { "STORAGE COMPACT TABLE system.users", KDB_INVALID_OPERATION,
          "STORAGE COMPACT TABLE is not supported for SYSTEM tables" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        expect_failure(&f, "root", cases[i].sql, cases[i].status, cases[i].text);
    }
    expect_failure(&f, "alice", "STORAGE FLUSH TABLE app.a", KDB_PERMISSION_DENIED,
                   "STORAGE FLUSH TABLE requires Service, DBA, or System role");
    assert_int_equal(f.jobs, 0);
}

static void jobs_are_killed_by_admins(void **state)
{
    (void)state;
    expect(&f, "root", "KILL JOB '" FIXTURE_JOB_ID "'", "[0 Job " FIXTURE_JOB_ID " killed: cancelled]\n");
    expect_failure(&f, "root", "KILL JOB 'FL-2'", KDB_NOT_FOUND, "Job FL-2 not found");
    expect_failure(&f, "alice", "KILL JOB 'FL-2'", KDB_PERMISSION_DENIED, "DBA or System role required");
    expect(&f, "root", "SELECT actor_user_id, target FROM system.audit_log WHERE action = 'KILL_JOB'",
           "actor_user_id|target\nroot|" FIXTURE_JOB_ID "\n");
}

static void paths_of_backups_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
    } cases[] = {
        { "", "Backup path must not be empty" },
        { "  ", "Backup path must not be empty" },
        { "/backups/../etc/x", "Backup path must not contain '..'" },
        { "/etc/x", "Backup path must not be under '/etc/'" },
        { "/etc", "Backup path must not be under '/etc/'" },
        { "//etc//x", "Backup path must not be under '/etc/'" },
        { "/./etc/./x", "Backup path must not be under '/etc/'" },
        { "/root/b", "Backup path must not be under '/root/'" },
        { "/var/log/b", "Backup path must not be under '/var/log/'" },
        { "C:\\Windows\\b", "Backup path must not be under 'c:\\windows\\'" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql), "BACKUP DATABASE TO '%s'", cases[i].path);
        expect_failure(&f, "root", sql, KDB_INVALID_OPERATION, cases[i].text);
        (void)snprintf(sql, sizeof(sql), "RESTORE DATABASE FROM '%s'", cases[i].path);
        expect_failure(&f, "root", sql, KDB_INVALID_OPERATION, cases[i].text);
    }
    assert_int_equal(f.jobs, 0);
}

static void backups_are_started(void **state)
{
    (void)state;
    expect(&f, "root", "BACKUP DATABASE TO '/etcetera/b''s \"x\"'",
           "[0 Database backup started to '/etcetera/b's \"x\"'. Job ID: job-4-1]\n");
    expect(&f, "root",
           "SELECT parameters, idempotency_key ~ '^backup:/etcetera/b.s \"x\":\\d{8}-\\d{6}$' AS k FROM system.jobs",
           "parameters|k\n{\"backup_path\":\"/etcetera/b's \\\"x\\\"\"}|true\n");
    expect(&f, "root", "RESTORE DATABASE FROM '/tmp'",
           "[0 Database restore started from '/tmp'. Job ID: job-5-2. Server restart required after completion.]\n");
    expect_failure(&f, "root", "RESTORE DATABASE FROM '/no/such'", KDB_NOT_FOUND,
                   "Backup directory '/no/such' not found");
    expect_failure(&f, "root", "RESTORE DATABASE FROM '/no/such.tgz'", KDB_NOT_FOUND,
                   "Backup archive '/no/such.tgz' not found");
    expect_failure(&f, "root", "RESTORE DATABASE FROM '/dev/null'", KDB_INVALID_OPERATION,
                   "'/dev/null' is not a directory. RESTORE DATABASE expects a backup directory, not a file.");
    expect_audit("root|BACKUP_DATABASE|/etcetera/b's \"x\"|NULL\nroot|RESTORE_DATABASE|/tmp|NULL\n");
}

static void finish_export(int64_t ago_s)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_job_row row;
    assert_int_equal(kdb_system_find_job(f.store, KDB_SV("UE-9-1"), arena, &row, NULL), KDB_OK);
    row.status = KDB_SV("completed");
    row.finished_us = kdb_now_us() - ago_s * 1000000;
    kdb_system_stage_job(&row, batch);
    assert_int_equal(kdb_store_commit(f.store, batch, NULL), KDB_OK);
}

static void data_is_exported_by_its_owner_once_a_day(void **state)
{
    (void)state;
    expect(
        &f, "a/b", "EXPORT USER DATA",
        "[0 User data export started. Job ID: UE-9-1. Use SHOW EXPORT to check status and get the download link.]\n");
    expect(
        &f, "bob", "EXPORT USER DATA",
        "[0 User data export started. Job ID: UE-9-2. Use SHOW EXPORT to check status and get the download link.]\n");
    answer a = run(&f, "a/b", "SHOW EXPORT");
    assert_non_null(strstr(a.text, "job_id|status|created_at|message|download_url\nUE-9-1|queued|20"));
    assert_non_null(strstr(a.text, "|NULL|NULL\n"));
    assert_int_equal(a.rows, 1);
    answer_done(&a);
    finish_export(0);
    a = run(&f, "a/b", "SHOW EXPORT");
    assert_non_null(strstr(a.text, "UE-9-1|completed|20"));
    assert_non_null(strstr(a.text, "|NULL|http://localhost:8080/v1/exports/a%2Fb/"));
    answer_done(&a);
    expect_failure(&f, "a/b", "EXPORT USER DATA", KDB_IDEMPOTENT_CONFLICT, "Today's export of your data is there");
    expect(&f, "carol", "SHOW EXPORT", "job_id|status|created_at|message|download_url\n");
    finish_export(KDB_EXPORT_KEPT_S + 1);
    a = run(&f, "a/b", "SHOW EXPORT");
    assert_non_null(strstr(a.text, "UE-9-1|completed|20"));
    assert_non_null(strstr(a.text, "|NULL|NULL\n"));
    answer_done(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_flushed_and_compacted),
        TEST(what_is_under_way_is_not_begun_twice),
        TEST(a_namespace_is_flushed_and_compacted),
        TEST(what_has_no_files_is_refused),
        TEST(jobs_are_killed_by_admins),
        TEST(paths_of_backups_are_checked),
        TEST(backups_are_started),
        TEST(data_is_exported_by_its_owner_once_a_day),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
