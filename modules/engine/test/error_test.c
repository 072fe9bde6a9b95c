/* error_test.c - what becomes of DuckDB's errors. */
#include "fake.h"

#include <stdio.h>

#include "engine_int.h"

static void expect_error(fake_engine *fake, const char *sql, kdb_status status, const char *text)
{
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect_error(fake, &source, sql, NULL, 0, status, text);
}

static void errors_of_planning(void **state)
{
    fake_engine *fake = *state;
    expect_error(fake, "SELEC 1", KDB_STMT_INVALID_SQL, "syntax error at or near \"SELEC\"");
    expect_error(fake, "SELECT (", KDB_STMT_INVALID_SQL, "syntax error at end of input");
    expect_error(fake, "SELECT nam FROM @0", KDB_COLUMN_NOT_FOUND, "No field named nam. Did you mean \"name\"?");
    expect_error(fake, "SELECT t.nam FROM @0 AS t", KDB_COLUMN_NOT_FOUND, "No field named nam. Did you mean \"name\"?");
    expect_error(fake, "SELECT unlike FROM @0", KDB_COLUMN_NOT_FOUND, "No field named unlike");
    expect_error(fake, "SELECT sum(name) FROM @0", KDB_STMT_INVALID_SQL,
                 "No function matches the given name and argument types 'sum(TEXT)'. You might need to add explicit "
                 "type casts.");
    expect_error(fake, "SELECT nofunc(1)", KDB_EXECUTION, "Scalar Function with name nofunc does not exist!");
    expect_error(fake, "SELECT name FROM @0 GROUP BY id", KDB_STMT_INVALID_SQL,
                 "column \"name\" must appear in the GROUP BY clause or must be part of an aggregate function.");
    expect_error(fake, "SELECT * FROM nosuch", KDB_EXECUTION, "Table with name nosuch does not exist!");
}

static void errors_of_running(void **state)
{
    fake_engine *fake = *state;
    expect_error(fake, "SELECT name::INT FROM @0", KDB_ARITHMETIC,
                 "Could not convert string 'name 0' to INT when casting from source column name");
    expect_error(fake, "SELECT 'a VARCHAR'::INT", KDB_ARITHMETIC, "Could not convert string 'a VARCHAR' to INT");
    expect_error(fake, "SELECT (id + 9223372036854775807)::BIGINT FROM @0 WHERE id > 0", KDB_ARITHMETIC,
                 "Overflow in addition of BIGINT (1 + 9223372036854775807)!");
    expect_error(fake, "SELECT error('mine') FROM @0", KDB_ARITHMETIC, "mine");
    expect_error(fake, "SELECT error('division by zero') FROM @0", KDB_ARITHMETIC, "division by zero");
    expect_error(fake, "SELECT error('a value of more than 64 MiB would be made') FROM @0", KDB_LIMIT,
                 "a value of more than 64 MiB would be made");
    expect_error(fake, "SELECT error('values of more than 256 MiB would be made at once') FROM @0", KDB_LIMIT,
                 "values of more than 256 MiB would be made at once");
    expect_error(fake, "SELECT (SELECT id FROM @0)", KDB_ARITHMETIC,
                 "More than one row returned by a subquery used as an expression - scalar subqueries can only return a "
                 "single row.");
}

/* Names of ours do not show. */
static void messages_name_no_scan_function(void **state)
{
    fake_engine *fake = *state;
    expect_error(fake, "SELECT id FROM @0, @0 AS b", KDB_STMT_INVALID_SQL,
                 "Ambiguous reference to column name \"id\" (use: \"table.id\" or \"b.id\")");
}

static void integers_out_of_range_fail(void **state)
{
    fake_engine *fake = *state;
    expect_error(fake, "SELECT 9223372036854775808::HUGEINT", KDB_ARITHMETIC, "value out of range for BIGINT");
    expect_error(fake, "SELECT -9223372036854775809::HUGEINT", KDB_ARITHMETIC, "value out of range for BIGINT");
    expect_error(fake, "SELECT 18446744073709551615::UBIGINT", KDB_ARITHMETIC, "value out of range for BIGINT");
    expect_error(fake, "SELECT 18446744073709551616::UHUGEINT", KDB_ARITHMETIC, "value out of range for BIGINT");
}

static void use_goes_on_after_errors(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(
        fake_prepare(fake, fake->conn, &source, "SELECT 10 // (id - $1), name::INT FROM @0 WHERE id > $1", &plan),
        KDB_OK);
    const kdb_value nine = kdb_value_bigint(9);
    const kdb_value zero = kdb_value_bigint(0);
    const char *rows = NULL;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fake_run(fake, plan, &nine, 1, &source, &rows), KDB_OK);
        assert_string_equal(rows, "");
        assert_int_equal(fake_run(fake, plan, &zero, 1, &source, &rows), KDB_ARITHMETIC);
    }
    assert_false(kdb_engine_is_broken(fake->engine));
}

static void too_little_memory_is_a_limit(KDB_UNUSED void **state)
{
    fake_engine fake;
    fake_engine_open(&fake, 8 << 20, 2);
    fake_table table = fake_numbers(1000000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    /* A list of everything cannot be spilled. */
    fake_expect_error(&fake, &source, "SELECT length(list(name)::VARCHAR) FROM @0", NULL, 0, KDB_LIMIT,
                      "query needs more memory than engine.memory_limit allows");
    table.nrows = 10;
    fake_expect(&fake, &source, "SELECT count(*) FROM @0", NULL, 0, "10\n");
    fake_engine_close(&fake);
}

static void fail_with(kdb_engine *engine, const char *text, kdb_status status, const char *expected)
{
    kdb_err err;
    assert_int_equal(kdbi_engine_fail(engine, text, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, expected);
}

/* Messages that are hard to provoke. */
static void messages_are_classified(void **state)
{
    fake_engine *fake = *state;
    kdb_engine *engine = fake->engine;
    fail_with(engine, "Parser Error: x\n\nLINE 1: y", KDB_STMT_INVALID_SQL, "x");
    fail_with(engine, "Syntax Error: x", KDB_STMT_INVALID_SQL, "x");
    fail_with(engine, "IO Error: Could not read", KDB_IO, "Could not read");
    fail_with(engine, "INTERNAL Error: x\n\nStack Trace:", KDB_INTERNAL, "x");
    fail_with(engine, "INTERRUPT Error: Interrupted!", KDB_CANCELLED, "statement interrupted");
    fail_with(engine, "Out of Range Error: x", KDB_ARITHMETIC, "x");
    fail_with(engine, "Invalid Input Error: say Error: twice", KDB_ARITHMETIC, "say Error: twice");
    fail_with(engine, "no prefix at all", KDB_EXECUTION, "no prefix at all");
    fail_with(engine, "line\nwith Error: x", KDB_EXECUTION, "line");
    fail_with(engine, "Binder Error: kdb_scan_12 and kdb_scan_3.", KDB_STMT_INVALID_SQL, "table and table.");
    fail_with(engine, "Binder Error: Referenced column \"", KDB_STMT_INVALID_SQL, "Referenced column \"");
    fail_with(engine,
              "Binder Error: Referenced column \"ag\" not found in FROM clause!\nCandidate bindings: \"t.age\", \"x\"",
              KDB_COLUMN_NOT_FOUND, "No field named ag. Did you mean \"age\"?");
    fail_with(engine, "", KDB_INTERNAL, "the engine failed without a message");
    fail_with(engine, NULL, KDB_INTERNAL, "the engine failed without a message");
    assert_false(kdb_engine_is_broken(engine));
    fail_with(engine, "FATAL Error: Failed: database has been invalidated", KDB_INTERNAL,
              "Failed: database has been invalidated");
    assert_true(kdb_engine_is_broken(engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_planning),
        cmocka_unit_test(errors_of_running),
        cmocka_unit_test(messages_name_no_scan_function),
        cmocka_unit_test(integers_out_of_range_fail),
        cmocka_unit_test(use_goes_on_after_errors),
        cmocka_unit_test(too_little_memory_is_a_limit),
        cmocka_unit_test(messages_are_classified),
    };
    return cmocka_run_group_tests(tests, fake_engine_up, fake_engine_down);
}
