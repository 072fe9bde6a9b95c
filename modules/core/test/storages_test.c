/* storages_test.c - statements about storages, over directories of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_fixture.h"

static fixture fix;
static char base[4096]; /* a place for storages, absolute */

static int setup(void **state)
{
    (void)state;
    fixture_open(&fix, NULL, NULL, 0);
    char here[2048];
    assert_non_null(getcwd(here, sizeof(here)));
    (void)snprintf(base, sizeof(base), "%s/%s", here, fix.directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fix);
    return 0;
}

/* `format` has the place for storages as its only argument. */
static const char *sql_of(const char *format)
{
    static char sql[8192];
    (void)snprintf(sql, sizeof(sql), format, base);
    return sql;
}

static void make_disk(void)
{
    expect(&fix, "root", sql_of("CREATE STORAGE disk TYPE filesystem PATH '%s/cold/disk'"),
           "[0 Storage 'disk' created successfully]\n");
}

static void a_storage_is_made_checked_changed_and_dropped(void **state)
{
    (void)state;
    make_disk();
    expect(&fix, "root",
           "SELECT storage_id, storage_name, storage_type, user_tables_template, credentials FROM system.storages "
           "ORDER BY storage_id",
           "storage_id|storage_name|storage_type|user_tables_template|credentials\n"
           "disk|disk|filesystem|{namespace}/{tableName}/{userId}|NULL\n"
           "local|Local Filesystem|filesystem|{namespace}/{tableName}/{userId}|NULL\n");
    expect(&fix, "root", "ALTER STORAGE disk SET NAME 'Disk', CREDENTIALS '{\"a\":\"Sesame\"}' SET CONFIG '{\"b\":1}'",
           "[0 Storage 'disk' altered successfully]\n");
    expect(&fix, "root", "SELECT storage_name, config_json, credentials FROM system.storages WHERE storage_id = 'disk'",
           "storage_name|config_json|credentials\nDisk|{\"b\":1}|{\"a\":\"***\"}\n");
    expect(&fix, "root", "DROP STORAGE disk", "[0 Storage 'disk' dropped successfully]\n");
    expect_failure(&fix, "root", "DROP STORAGE disk", KDB_INVALID_OPERATION, "Storage 'disk' not found");
    expect(&fix, "root", "DROP STORAGE IF EXISTS disk", "[0 Storage 'disk' does not exist (skipped)]\n");
    make_disk(); /* in the same place again */
}

static void a_check_tells_what_works(void **state)
{
    (void)state;
    make_disk();
    answer a = run(&fix, "root", "STORAGE CHECK disk");
    assert_string_equal(a.columns,
                        "storage_id TEXT nn, status TEXT nn, readable BOOLEAN nn, writable BOOLEAN nn, "
                        "listable BOOLEAN nn, deletable BOOLEAN nn, latency_ms BIGINT nn, total_bytes BIGINT, "
                        "used_bytes BIGINT, error TEXT, tested_at TIMESTAMP nn, ");
    assert_non_null(strstr(a.text, "disk|healthy|true|true|true|true|"));
    assert_non_null(strstr(a.text, "|NULL|NULL|NULL|"));
    answer_done(&a);
    a = run(&fix, "root", "STORAGE CHECK 'local' EXTENDED");
    assert_non_null(strstr(a.text, "local|healthy|true|true|true|true|"));
    assert_null(strstr(a.text, "|NULL|NULL|"));
    answer_done(&a);
    expect_failure(&fix, "root", "STORAGE CHECK wombat", KDB_NOT_FOUND, "Storage 'wombat' not found");
}

/* A file stands where the directory would be. */
static void put_file(const char *name)
{
    char path[sizeof(base) + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void what_cannot_be_used_is_not_made(void **state)
{
    (void)state;
    put_file("wall");
    expect_failure(&fix, "root", sql_of("CREATE STORAGE disk TYPE filesystem PATH '%s/wall/x'"), KDB_INVALID_OPERATION,
                   "cannot be made");
    expect_failure(&fix, "root", sql_of("CREATE STORAGE disk TYPE filesystem PATH '%s/data/rocksdb'"),
                   KDB_INVALID_OPERATION, "what the server keeps for itself");
    expect_failure(&fix, "root", "CREATE STORAGE disk TYPE filesystem", KDB_INVALID_OPERATION,
                   "Filesystem storage requires a non-empty base directory");
    expect_failure(&fix, "root", "STORAGE CHECK disk", KDB_NOT_FOUND, "Storage 'disk' not found");
    make_disk();
    expect_failure(&fix, "root", sql_of("CREATE STORAGE disk TYPE filesystem PATH '%s/cold/other'"),
                   KDB_INVALID_OPERATION, "Storage 'disk' already exists");
}

static void a_storage_in_use_stays(void **state)
{
    (void)state;
    make_disk();
    expect_failure(&fix, "root", "CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'wombat')",
                   KDB_INVALID_OPERATION, "Storage 'wombat' does not exist");
    expect(&fix, "root", "CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'disk')",
           "[0 Table default.t created successfully]\n");
    expect_failure(&fix, "root", "DROP STORAGE disk", KDB_INVALID_OPERATION,
                   "Cannot drop storage 'disk': 1 table(s) still using it");
    expect_failure(&fix, "root", "DROP STORAGE IF EXISTS local", KDB_INVALID_OPERATION, "Cannot drop storage 'local'");
}

static void only_admins_touch_storages(void **state)
{
    (void)state;
    static const char *const statements[] = { "CREATE STORAGE s TYPE filesystem PATH '/nowhere'",
                                              "ALTER STORAGE local SET NAME 'mine'", "DROP STORAGE local",
                                              "DROP STORAGE IF EXISTS wombat", "STORAGE CHECK local" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(statements); i++) {
        for (kdb_role role = KDB_ROLE_ANONYMOUS; role < KDB_ROLE_DBA; role++) {
            answer a = run_as(&fix, "ann", role, statements[i], NULL, 0);
            assert_int_equal(a.status, KDB_PERMISSION_DENIED);
            answer_done(&a);
        }
    }
    answer a = run_as(&fix, "dora", KDB_ROLE_DBA, "STORAGE CHECK local", NULL, 0);
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
}

static void transactions_and_targets_have_no_storages(void **state)
{
    (void)state;
    expect_failure(&fix, "root", sql_of("BEGIN; CREATE STORAGE s TYPE filesystem PATH '%s/cold/s'; COMMIT"),
                   KDB_INVALID_OPERATION, "DDL is not allowed inside explicit transaction");
    expect_failure(&fix, "root", "EXECUTE AS USER 'ann' (STORAGE CHECK local)", KDB_INVALID, "not STORAGE CHECK");
}

/* What could not be opened at the start is tried again by whoever needs it. */
static void a_storage_that_comes_back_is_found(void **state)
{
    (void)state;
    char gone[sizeof(base) + 32], kept[sizeof(base) + 32];
    make_disk();
    (void)snprintf(gone, sizeof(gone), "%s/cold/disk", base);
    (void)snprintf(kept, sizeof(kept), "%s/cold/kept", base);
    kdb_object_stores_drop(fix.objects, KDB_SV("disk")); /* as after a start without it */
    assert_int_equal(rename(gone, kept), 0);
    put_file("cold/disk");
    answer a = run(&fix, "root", "STORAGE CHECK disk");
    assert_non_null(strstr(a.text, "disk|unreachable|false|false|false|false|"));
    assert_non_null(strstr(a.text, "storage 'disk' cannot be opened: "));
    answer_done(&a);
    assert_int_equal(unlink(gone), 0);
    assert_int_equal(rename(kept, gone), 0);
    a = run(&fix, "root", "STORAGE CHECK disk");
    assert_non_null(strstr(a.text, "disk|healthy|"));
    answer_done(&a);
}

static void administration_is_recorded_without_secrets(void **state)
{
    (void)state;
    make_disk();
    expect(&fix, "root", "ALTER STORAGE disk SET CREDENTIALS '{\"a\":\"Sesame\"}', NAME 'n'",
           "[0 Storage 'disk' altered successfully]\n");
    answer a = run(&fix, "root", "STORAGE CHECK disk");
    answer_done(&a);
    expect(&fix, "root", "DROP STORAGE disk", "[0 Storage 'disk' dropped successfully]\n");
    char log[8192];
    (void)snprintf(log, sizeof(log),
                   "action|target|details\n"
                   "CREATE_STORAGE|disk|Type: filesystem, Base Directory: %s/cold/disk\n"
                   "ALTER_STORAGE|disk|Operation: SET NAME, SET CREDENTIALS\n"
                   "CHECK_STORAGE|disk|Status: healthy\n"
                   "DROP_STORAGE|disk|NULL\n",
                   base);
    expect(&fix, "root", "SELECT action, target, details FROM system.audit_log ORDER BY timestamp", log);
}

/* Of many that make the same storage at once in different places one succeeds, and the place is its. */
static void one_of_many_makes_the_storage(void **state)
{
    (void)state;
    enum { MANY = 8 };
    static char sql[MANY][sizeof(base) + 128];
    pending_request *requests[MANY];
    char winner[64] = "";
    int made = 0;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(sql[i], sizeof(sql[i]), "CREATE STORAGE disk TYPE filesystem PATH '%s/cold/d%d'", base, i);
        requests[i] = start(&fix, "root", sql[i]);
    }
    for (int i = 0; i < MANY; i++) {
        answer a = wait_for(requests[i]);
        if (a.status == KDB_OK) {
            made++;
            (void)snprintf(winner, sizeof(winner), "/cold/d%d", i);
        } else {
            assert_true(a.status == KDB_CONFLICT || a.status == KDB_INVALID_OPERATION);
        }
        answer_done(&a);
    }
    assert_int_equal(made, 1);
    char link[sizeof(base) + 64];
    (void)snprintf(link, sizeof(link), "%s/data/storages/disk", base);
    char *place = realpath(link, NULL);
    assert_non_null(place);
    assert_non_null(strstr(place, winner));
    free(place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_storage_is_made_checked_changed_and_dropped),
        TEST(a_check_tells_what_works),
        TEST(what_cannot_be_used_is_not_made),
        TEST(a_storage_in_use_stays),
        TEST(only_admins_touch_storages),
        TEST(transactions_and_targets_have_no_storages),
        TEST(a_storage_that_comes_back_is_found),
        TEST(administration_is_recorded_without_secrets),
        TEST(one_of_many_makes_the_storage),
    };
    return cmocka_run_group_tests_name("storages", tests, NULL, NULL);
}
