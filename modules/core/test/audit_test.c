/* audit_test.c - what statements leave in the audit log: each administrative one a record, committed with what it changes;
 * refusals and impersonation too; rows none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_fixture.h"

static fixture fix;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fix, NULL, NULL, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fix);
    return 0;
}

static void ok(const char *user, kdb_role role, const char *sql)
{
    answer a = run_as(&fix, user, role, sql, NULL, 0);
    if (a.status != KDB_OK) {
        fail_msg("%s: %s", sql, a.text);
    }
    answer_done(&a);
}

static void as_root(const char *sql)
{
    ok("root", KDB_ROLE_SYSTEM, sql);
}

/* The log as lines "action actor target details subject"; notes that still wait are made to be there first. */
static void expect_log(const char *text)
{
    assert_int_equal(kdb_audit_commit(fix.audit, NULL, 0, NULL, NULL), KDB_OK);
    answer a = run_as(&fix, "root", KDB_ROLE_SYSTEM,
                      "SELECT action, actor_user_id, target, details, subject_user_id FROM system.audit_log "
                      "WHERE action <> 'VERIFY' ORDER BY timestamp, action",
                      NULL, 0);
    const char *rows = strchr(a.text, '\n');
    assert_non_null(rows);
    assert_string_equal(rows + 1, text);
    answer_done(&a);
}

static void every_administrative_statement_has_an_action(void **state)
{
    (void)state;
    for (int kind = 0; kind < KDB_STMT_KIND_COUNT; kind++) {
        if ((kdb_stmt_defs[kind].flags & KDB_STMT_DDL) != 0 && kdbi_stmt_audits[kind] == KDB_AUDIT_NONE) {
            fail_msg("%s leaves no record", kdb_stmt_defs[kind].name);
        }
        assert_true((kdb_stmt_defs[kind].flags & KDB_STMT_PLANNED) == 0 || kdbi_stmt_audits[kind] == KDB_AUDIT_NONE);
    }
}

static void administration_is_recorded(void **state)
{
    (void)state;
    as_root("CREATE NAMESPACE n");
    as_root("ALTER NAMESPACE n SET OPTIONS (a = 1)");
    as_root("CREATE TABLE n.t (id INT PRIMARY KEY, v TEXT) WITH (TYPE = 'USER')");
    as_root("ALTER TABLE n.t ADD COLUMN c INT");
    as_root("CREATE VIEW n.w AS SELECT v FROM n.t");
    as_root("CREATE OR REPLACE VIEW n.w AS SELECT id FROM n.t");
    as_root("DROP VIEW n.w");
    as_root("DROP TABLE n.t");
    as_root("DROP NAMESPACE n");
    expect_log("CREATE_NAMESPACE|root|n|NULL|NULL\n"
               "ALTER_NAMESPACE|root|n|NULL|NULL\n"
               "CREATE_TABLE|root|n.t|Type: user|NULL\n"
               "ALTER_TABLE|root|n.t|Operation: ADD COLUMN c INT, New Version: 2|NULL\n"
               "CREATE_VIEW|root|n.w|NULL|NULL\n"
               "CREATE_VIEW|root|n.w|OR REPLACE|NULL\n"
               "DROP_VIEW|root|n.w|NULL|NULL\n"
               "DROP_TABLE|root|n.t|Type: user|NULL\n"
               "DROP_NAMESPACE|root|n|NULL|NULL\n");
}

static void policies_are_recorded(void **state)
{
    (void)state;
    as_root("CREATE TABLE default.t (id INT PRIMARY KEY, v TEXT) WITH (TYPE = 'SHARED')");
    as_root("CREATE POLICY p ON default.t FOR SELECT TO service USING (v = 'open')");
    as_root("ALTER POLICY p ON default.t RENAME TO q");
    as_root("DROP POLICY q ON default.t");
    expect_log("CREATE_TABLE|root|default.t|Type: shared|NULL\n"
               "CREATE_POLICY|root|default.t|Policy: p, TO service, USING v = 'open'|NULL\n"
               "ALTER_POLICY|root|default.t|Policy: p, New Name: q|NULL\n"
               "DROP_POLICY|root|default.t|Policy: q|NULL\n");
}

static void users_are_recorded_without_their_secrets(void **state)
{
    (void)state;
    as_root("CREATE USER ann WITH PASSWORD 'Quite-A-Secret-1' ROLE user");
    as_root("ALTER USER ann SET PASSWORD 'Quite-A-Secret-2'");
    as_root("ALTER USER ann SET ROLE service");
    as_root("ALTER USER ann SET EMAIL 'ann@example.org'");
    as_root("DROP USER ann");
    expect_log("CREATE_USER|root|ann|Role: User|ann\n"
               "ALTER_USER|root|ann|Modification: SetPassword([REDACTED])|ann\n"
               "ALTER_USER|root|ann|Modification: SetRole(service)|ann\n"
               "ALTER_USER|root|ann|Modification: SetEmail(ann@example.org)|ann\n"
               "DROP_USER|root|ann|NULL|ann\n");
}

static void what_goes_with_a_namespace_is_recorded_one_by_one(void **state)
{
    (void)state;
    as_root("CREATE NAMESPACE n");
    as_root("CREATE TABLE n.t (id INT PRIMARY KEY) WITH (TYPE = 'SHARED')");
    as_root("CREATE VIEW n.w AS SELECT id FROM n.t");
    as_root("DROP NAMESPACE n CASCADE");
    expect_log("CREATE_NAMESPACE|root|n|NULL|NULL\n"
               "CREATE_TABLE|root|n.t|Type: shared|NULL\n"
               "CREATE_VIEW|root|n.w|NULL|NULL\n"
               "DROP_NAMESPACE|root|n|CASCADE|NULL\n"
               "DROP_TABLE|root|n.t|CASCADE|NULL\n"
               "DROP_VIEW|root|n.w|CASCADE|NULL\n");
}

static void what_changes_nothing_leaves_no_record(void **state)
{
    (void)state;
    as_root("CREATE NAMESPACE IF NOT EXISTS default");
    as_root("DROP TABLE IF EXISTS default.no");
    as_root("DROP VIEW IF EXISTS default.no");
    as_root("DROP USER IF EXISTS nobody");
    expect_failure(&fix, "root", "CREATE NAMESPACE default", KDB_INVALID_OPERATION, "");
    expect_failure(&fix, "root", "DROP TABLE default.no", KDB_TABLE_NOT_FOUND, "");
    expect_failure(&fix, "root", "ALTER USER nobody SET ROLE dba", KDB_NOT_FOUND, "");
    expect_log("");
}

static void rows_leave_no_record(void **state)
{
    (void)state;
    as_root("CREATE TABLE default.t (id INT PRIMARY KEY, v INT) WITH (TYPE = 'USER')");
    ok("ann", KDB_ROLE_USER, "INSERT INTO t VALUES (1, 2)");
    ok("ann", KDB_ROLE_USER, "UPDATE t SET v = 3 WHERE id = 1");
    ok("ann", KDB_ROLE_USER, "SELECT * FROM t");
    ok("ann", KDB_ROLE_USER, "BEGIN; DELETE FROM t WHERE id = 1; COMMIT");
    expect_log("CREATE_TABLE|root|default.t|Type: user|NULL\n");
}

static void refusals_are_recorded(void **state)
{
    (void)state;
    expect_failure(&fix, "ann", "DROP USER root", KDB_PERMISSION_DENIED, "");
    expect_failure(&fix, "ann", "SELECT * FROM system.users", KDB_PERMISSION_DENIED, "");
    expect_log("DENIED|ann|DROP USER|Admin privileges (DBA or System role) required for user management|NULL\n"
               "DENIED|ann|statement|Access denied: Role 'User' cannot access table 'system.users'. System tables "
               "require 'dba' or 'system' role.|NULL\n");
}

static void impersonation_is_recorded_and_counted(void **state)
{
    (void)state;
    as_root("CREATE TABLE default.t (id INT PRIMARY KEY) WITH (TYPE = 'USER')");
    for (int i = 0; i < 5; i++) {
        ok("svc", KDB_ROLE_SERVICE, "EXECUTE AS USER 'bob' (SELECT * FROM t)");
    }
    expect_failure(&fix, "ann", "EXECUTE AS USER 'bob' (SELECT * FROM t)", KDB_PERMISSION_DENIED, "");
    expect_log("CREATE_TABLE|root|default.t|Type: user|NULL\n"
               "EXECUTE_AS_USER|svc|SELECT|NULL|bob\n"
               "EXECUTE_AS_USER_DENIED|ann|statement|EXECUTE AS USER is not authorized: actor 'ann' with role user "
               "cannot target 'bob' with role user|bob\n");
}

static void looking_around_is_recorded(void **state)
{
    (void)state;
    as_root("CREATE TABLE default.t (id INT PRIMARY KEY) WITH (TYPE = 'USER')");
    ok("ann", KDB_ROLE_USER, "SHOW NAMESPACES");
    ok("ann", KDB_ROLE_USER, "SHOW STATS FOR TABLE default.t");
    ok("ann", KDB_ROLE_USER, "DESCRIBE TABLE default.t");
    assert_int_equal(kdb_audit_commit(fix.audit, NULL, 0, NULL, NULL), KDB_OK);
    expect(&fix, "root",
           "SELECT action, target FROM system.audit_log WHERE actor_user_id = 'ann' AND details LIKE '{\"took\":%' "
           "ORDER BY timestamp",
           "action|target\nSHOW|NAMESPACES\nSHOW|STATS default.t\nDESCRIBE|default.t\n");
}

static void the_log_is_verified_by_admins_only(void **state)
{
    (void)state;
    as_root("CREATE NAMESPACE n");
    expect_failure(&fix, "ann", "VERIFY AUDIT LOG", KDB_PERMISSION_DENIED, "");
    answer a = run(&fix, "root", "VERIFY AUDIT LOG");
    assert_non_null(strstr(a.text, "valid|record_count|first_bad|head_hash\ntrue|"));
    answer_done(&a);
}

static void a_record_put_in_is_named(void **state)
{
    (void)state;
    as_root("CREATE NAMESPACE n");
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_AUDIT_LOG), KDB_SV("\0\0\0\0\0\0\0\1"), KDB_SV("forged"));
    assert_int_equal(kdb_store_commit(fix.store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
    answer a = run(&fix, "root", "VERIFY AUDIT LOG");
    assert_non_null(strstr(a.text, "false|0|record 1: damaged|"));
    answer_done(&a);
    expect_failure(&fix, "root", "SELECT * FROM system.audit_log", KDB_CORRUPT, "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_administrative_statement_has_an_action),
        CASE(administration_is_recorded),
        CASE(policies_are_recorded),
        CASE(users_are_recorded_without_their_secrets),
        CASE(what_goes_with_a_namespace_is_recorded_one_by_one),
        CASE(what_changes_nothing_leaves_no_record),
        CASE(rows_leave_no_record),
        CASE(refusals_are_recorded),
        CASE(impersonation_is_recorded_and_counted),
        CASE(looking_around_is_recorded),
        CASE(the_log_is_verified_by_admins_only),
        CASE(a_record_put_in_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
