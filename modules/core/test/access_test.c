/* access_test.c - the matrix of catalog.md 4 for SHARED tables, and the tables that need no check. */
#include "core_int.h"

#include <setjmp.h>
#include <stdarg.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

typedef struct expectation {
    kdb_access_level level;
    kdbi_access access;
    kdb_role least; /* the lowest role that may */
} expectation;

static const expectation shared[] = {
    { KDB_ACCESS_PUBLIC, KDBI_READ, KDB_ROLE_ANONYMOUS },
    { KDB_ACCESS_PUBLIC, KDBI_WRITE, KDB_ROLE_SERVICE },
    { KDB_ACCESS_PRIVATE, KDBI_READ, KDB_ROLE_SERVICE },
    { KDB_ACCESS_PRIVATE, KDBI_WRITE, KDB_ROLE_SERVICE },
    { KDB_ACCESS_RESTRICTED, KDBI_READ, KDB_ROLE_SERVICE },
    { KDB_ACCESS_RESTRICTED, KDBI_WRITE, KDB_ROLE_SERVICE },
    { KDB_ACCESS_DBA, KDBI_READ, KDB_ROLE_DBA },
    { KDB_ACCESS_DBA, KDBI_WRITE, KDB_ROLE_DBA },
};

static void shared_tables_follow_the_matrix(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(shared); i++) {
        for (int role = KDB_ROLE_ANONYMOUS; role <= KDB_ROLE_SYSTEM; role++) {
            const kdb_table table = {
                .ns = KDB_SV("n"), .name = KDB_SV("t"), .type = KDB_TABLE_SHARED, .access = shared[i].level
            };
            kdb_err err = { .text = "" };
            const kdb_status status = kdbi_access_check_table((kdb_role)role, &table, shared[i].access, &err);
            assert_int_equal(status, (kdb_role)role >= shared[i].least ? KDB_OK : KDB_PERMISSION_DENIED);
            assert_true(status == KDB_OK || err.text[0] != '\0');
        }
    }
}

static void own_rows_are_for_every_signed_in_role(void **state)
{
    (void)state;
    const kdb_table_type types[] = { KDB_TABLE_USER, KDB_TABLE_STREAM };
    for (size_t i = 0; i < KDB_ARRAY_LEN(types); i++) {
        const kdb_table table = { .ns = KDB_SV("n"), .name = KDB_SV("t"), .type = types[i] };
        assert_int_equal(kdbi_access_check_table(KDB_ROLE_ANONYMOUS, &table, KDBI_READ, NULL), KDB_PERMISSION_DENIED);
        for (int role = KDB_ROLE_USER; role <= KDB_ROLE_SYSTEM; role++) {
            assert_int_equal(kdbi_access_check_table((kdb_role)role, &table, KDBI_WRITE, NULL), KDB_OK);
        }
    }
}

static void system_tables_are_for_admins(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        assert_int_equal(kdbi_access_check_system(KDB_ROLE_DBA, def, NULL), KDB_OK);
        assert_int_equal(kdbi_access_check_system(KDB_ROLE_ANONYMOUS, def, NULL), KDB_PERMISSION_DENIED);
        assert_int_equal(kdbi_access_check_system(KDB_ROLE_SERVICE, def, NULL),
                         def->admin_only ? KDB_PERMISSION_DENIED : KDB_OK);
    }
}

static void every_statement_has_a_row_and_a_runner(void **state)
{
    (void)state;
    for (int i = 0; i < KDB_STMT_KIND_COUNT; i++) {
        assert_non_null(kdb_stmt_defs[i].name);
        assert_non_null(kdb_stmt_defs[i].denied);
        assert_true(kdb_stmt_defs[i].flags != 0);
        assert_true(kdbi_stmt_runs[i] != NULL);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(kdb_stmt_defs[i].name, kdb_stmt_defs[j].name);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_tables_follow_the_matrix),
        cmocka_unit_test(own_rows_are_for_every_signed_in_role),
        cmocka_unit_test(system_tables_are_for_admins),
        cmocka_unit_test(every_statement_has_a_row_and_a_runner),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
