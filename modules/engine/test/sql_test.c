/* sql_test.c - finding parameters in engine SQL. */
#include "fake.h"

#include "engine_int.h"

/* The numbers found, "1 2 1". */
static void expect_params(const char *sql, const char *expected)
{
    kdb_buf found;
    kdb_buf_init(&found, 0);
    size_t pos = 0;
    size_t start = 0;
    size_t number = 0;
    while (kdbi_sql_next_param(kdb_sv_cstr(sql), &pos, &start, &number)) {
        assert_int_equal(sql[start], '$');
        kdb_buf_printf(&found, "%s%zu", found.len == 0 ? "" : " ", number);
    }
    kdb_buf_append_byte(&found, '\0');
    assert_string_equal(found.ptr, expected);
    kdb_buf_done(&found);
}

static void params_are_found(KDB_UNUSED void **state)
{
    expect_params("", "");
    expect_params("SELECT 1", "");
    expect_params("$1", "1");
    expect_params("a=$1 AND b IN($2,$10)", "1 2 10");
    expect_params("$2+$1*$2", "2 1 2");
    expect_params("$1000 $1001 $99999999999999999999", "1000 0 0");
    expect_params("$0", "0");
}

static void params_in_text_are_not(KDB_UNUSED void **state)
{
    expect_params("'$1' $2", "2");
    expect_params("'it''s $1' $2", "2");
    expect_params("'\\' $1", "1");
    expect_params("E'\\' $1' $2", "2");
    expect_params("e'\\\\' $1", "1");
    expect_params("note'$1' $2", "2");
    expect_params("\"a$1\" \"b\"\"$2\" $3", "3");
    expect_params("a$1 $2", "2");
    expect_params("-- $1\n$2", "2");
    expect_params("-- $1", "");
    expect_params("1 - -$1", "1");
    expect_params("/* $1 /* $2 */ $3 */ $4", "4");
    expect_params("1/$1", "1");
    expect_params("$$ $1 $$ $2", "2");
    expect_params("$q$ $1 $$ $2 $q$ $3", "3");
    expect_params("$ $1", "1");
}

static void unfinished_text_ends(KDB_UNUSED void **state)
{
    static const char *const unfinished[] = {
        "'$1", "\"$1", "E'$1", "E'\\", "/* $1", "/*", "$a$ $1", "$", "-", "/", "e"
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(unfinished); i++) {
        expect_params(unfinished[i], "");
    }
}

static void expect_explained(const char *sql, const char *expected)
{
    const kdb_sv rest = kdb_sv_trim(kdbi_sql_explained(kdb_sv_cstr(sql)));
    assert_true(kdb_sv_eq(rest, kdb_sv_cstr(expected)));
}

static void explained_statement_is_found(KDB_UNUSED void **state)
{
    expect_explained("EXPLAIN SELECT 1", "SELECT 1");
    expect_explained(" explain\n analyze select 1", "select 1");
    expect_explained("EXPLAIN (ANALYZE) SELECT (1)", "SELECT (1)");
    expect_explained("EXPLAIN (SELECT 1)", "(SELECT 1)");
    expect_explained("EXPLAIN", "");
    expect_explained("EXPLAIN (ANALYZE", "(ANALYZE");
}

static void ends_are_trimmed(KDB_UNUSED void **state)
{
    assert_int_equal(kdbi_sql_trim(KDB_SV("a ; \n;")).len, 1);
    assert_int_equal(kdbi_sql_trim(KDB_SV(" ;")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_are_found),     cmocka_unit_test(params_in_text_are_not),
        cmocka_unit_test(unfinished_text_ends), cmocka_unit_test(explained_statement_is_found),
        cmocka_unit_test(ends_are_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
