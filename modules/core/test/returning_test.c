/* returning_test.c - RETURNING and INSERT .. ON CONFLICT, from text to answer and to what a change sink is told. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;
static char ops[64]; /* of the first changes told; committer only, read when all requests are answered */

static void record(void *self, const kdb_row_change *changes, size_t count)
{
    static const char letters[] = { 'i', 'u', 'd' };
    (void)self;
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(ops);
        assert_int_equal(changes[i].old_row.len != 0, changes[i].op != KDB_CHANGE_INSERT);
        if (len + 1 < sizeof(ops)) {
            ops[len] = letters[changes[i].op];
        }
    }
}

static int setup(void **state)
{
    (void)state;
    const kdb_change_sink sink = { .on_changes = record };
    memset(ops, 0, sizeof(ops));
    fixture_open(&f, NULL, &sink, 1);
    expect(&f, "root", "CREATE USER TABLE t (id BIGINT PRIMARY KEY, n INT DEFAULT 0, name TEXT, q DOUBLE)",
           "[0 Table default.t created successfully]\n");
    expect(&f, "root", "CREATE USER TABLE pair (a INT, b TEXT, n INT NOT NULL, PRIMARY KEY (a, b))",
           "[0 Table default.pair created successfully]\n");
    expect(&f, "root", "CREATE USER TABLE bag (n INT)", "[0 Table default.bag created successfully]\n");
    expect(&f, "root", "CREATE STREAM TABLE log (n INT) WITH (TTL_SECONDS = 60)",
           "[0 Table default.log created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void returning_shows_the_rows_as_they_became(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t (id, name) VALUES (2, 'b'), (1, 'a') RETURNING *",
           "id|n|name|q\n2|0|b|NULL\n1|0|a|NULL\n");
    expect(&f, "ann", "UPDATE t SET n = n + id WHERE id > 0 RETURNING id, n AS sum, -n, 1 + 1 AS two, NULL AS nil",
           "id|sum|-n|two|nil\n1|1|-1|2|NULL\n2|2|-2|2|NULL\n");
    expect(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING t.*, _deleted", "id|n|name|q|_deleted\n1|1|a|NULL|false\n");
    expect(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING *", "id|n|name|q\n");
    expect(&f, "ann", "UPDATE t SET n = 2 WHERE id = 2 RETURNING id", "id\n2\n"); /* the same, yet it matched */
    expect(&f, "ann", "INSERT INTO bag VALUES (1), (2) RETURNING n", "n\n1\n2\n");
    expect(&f, "ann", "INSERT INTO log VALUES (7) RETURNING n, _deleted", "n|_deleted\n7|false\n");
    expect(&f, "ann", "DELETE FROM log WHERE n = 7 RETURNING n", "n\n7\n");
    expect(&f, "ann", "SELECT * FROM log", "n|_seq\n");
    assert_string_equal(ops, "iiuudiiid");
}

static void returning_tells_the_seq_that_is_stored(void **state)
{
    (void)state;
    static const char *const statements[] = { "INSERT INTO t (id) VALUES (1) RETURNING _seq AS s",
                                              "UPDATE t SET n = 5 WHERE id = 1 RETURNING _seq AS s",
                                              "UPDATE t SET n = 5 WHERE id = 1 RETURNING _seq AS s",
                                              ("INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 6 "
                                               "RETURNING _seq AS s") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(statements); i++) {
        answer told = run(&f, "ann", statements[i]);
        expect(&f, "ann", "SELECT _seq AS s FROM t WHERE id = 1", told.text);
        answer_done(&told);
    }
    answer before = run(&f, "ann", "SELECT _seq AS s FROM t WHERE id = 1");
    expect(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING _seq AS s", before.text);
    answer_done(&before);
}

static void what_returning_cannot_say_undoes_the_statement(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (1, 5)", "[1 Inserted 1 row(s)]\n");
    expect_failure(&f, "ann", "INSERT INTO t (id, n) VALUES (2, 1), (3, 0) RETURNING 1 / n", KDB_ARITHMETIC,
                   "division by zero");
    expect_failure(&f, "ann", "UPDATE t SET n = 0 WHERE id = 1 RETURNING 1 / n", KDB_ARITHMETIC, "division by zero");
    expect_failure(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING n + 2147483647", KDB_ARITHMETIC, "");
    expect_failure(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING _seq + 1", KDB_STMT_INVALID_SQL,
                   "RETURNING gives _seq as it is");
    expect_failure(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING (SELECT 1)", KDB_STMT_INVALID_SQL,
                   "RETURNING supports columns and expressions over them");
    expect_failure(&f, "ann", "DELETE FROM t WHERE id = 1 RETURNING nope", KDB_COLUMN_NOT_FOUND, "No field named nope");
    expect_failure(&f, "ann", "INSERT INTO t (id) VALUES (4), (1) RETURNING id", KDB_CONSTRAINT, "already exists");
    expect(&f, "ann", "SELECT id, n FROM t", "id|n\n1|5\n");
    assert_string_equal(ops, "i");
}

static void returning_stands_in_its_place_in_a_batch(void **state)
{
    (void)state;
    expect(&f, "ann",
           "INSERT INTO t (id) VALUES (1); INSERT INTO t (id) VALUES (2) RETURNING id; SELECT count(*) AS c FROM t; "
           "UPDATE t SET n = 1 WHERE id = 1; DELETE FROM t WHERE id = 9 RETURNING id",
           "id\n2\nc\n2\nid\n[1 Inserted 1 row(s)]\n[1 Updated 1 row(s)]\n");
}

static void many_rows_come_back_in_order(void **state)
{
    (void)state;
    answer a = run(&f, "ann", "INSERT INTO bag SELECT i FROM generate_series(1, 5000) AS g(i) ORDER BY i RETURNING n");
    assert_int_equal(a.status, KDB_OK);
    assert_int_equal(a.rows, 5000);
    const char *at = strchr(a.text, '\n');
    for (int i = 1; i <= 5000; i++) {
        char line[16];
        (void)snprintf(line, sizeof(line), "\n%d\n", i);
        assert_int_equal(strncmp(at, line, strlen(line)), 0);
        at = strchr(at + 1, '\n');
    }
    answer_done(&a);
}

static void a_conflict_does_nothing_or_updates(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t (id, n, name) VALUES (1, 1, 'a')", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (1, 9), (2, 2), (2, 3) ON CONFLICT DO NOTHING RETURNING id, n",
           "id|n\n2|2\n");
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (1, 9), (3, 3) ON CONFLICT (id) DO NOTHING",
           "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann",
           "INSERT INTO t (id, n, name) VALUES (1, 10, 'x'), (4, 4, 'd') ON CONFLICT (id) DO UPDATE SET n = t.n + "
           "EXCLUDED.n, q = 0.5",
           "[2 Inserted 2 row(s)]\n");
    expect(&f, "ann", "SELECT * FROM (SELECT id, n, name, q FROM t) x",
           "id|n|name|q\n1|11|a|0.5\n2|2|NULL|NULL\n3|3|NULL|NULL\n4|4|d|NULL\n");
    expect(&f, "ann",
           "INSERT INTO t AS o (id, n) VALUES (1, 1), (2, 100) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE "
           "o.n < excluded.n RETURNING id, n",
           "id|n\n2|100\n");
    /* What changes nothing is not written, yet it is shown. */
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (2, 100) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n RETURNING n",
           "n\n100\n");
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (2, 100) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n",
           "[0 Inserted 0 row(s)]\n");
    expect(&f, "ann", "DELETE FROM t WHERE id = 2", "[1 Deleted 1 row(s)]\n");
    expect(&f, "ann",
           "INSERT INTO t (id, name) VALUES (2, 'new') ON CONFLICT (id) DO UPDATE SET n = -1 RETURNING n, name",
           "n|name\n0|new\n"); /* the tombstone is not in the way */
    expect(&f, "ann",
           "INSERT INTO t SELECT * FROM t WHERE id = 3 ON CONFLICT (id) DO UPDATE SET name = 'kept', n = DEFAULT "
           "RETURNING id, n, name",
           "id|n|name\n3|0|kept\n");
    expect(&f, "ann", "INSERT INTO bag VALUES (1) ON CONFLICT DO NOTHING", "[1 Inserted 1 row(s)]\n");
    assert_string_equal(ops, "iiiuiudiui");
}

/* The result of a CASE in a CASE's subject stands in every WHEN: it must not be multiplied. */
static void parameters_in_nested_cases_are_settled_once(void **state)
{
    (void)state;
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    kdb_buf_append_lit(&sql, "INSERT INTO t (id, n) VALUES (1, 1) RETURNING ");
    for (int i = 0; i < 40; i++) {
        kdb_buf_append_lit(&sql, "CASE ");
    }
    kdb_buf_append_lit(&sql, "n + $1");
    for (int i = 0; i < 40; i++) {
        kdb_buf_append_lit(&sql, " WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN $1 THEN 1 ELSE 3 END");
    }
    kdb_buf_append_byte(&sql, 0);
    const kdb_value one = kdb_value_bigint(1);
    answer a = run_as(&f, "ann", KDB_ROLE_USER, sql.ptr, &one, 1);
    assert_true(a.status == KDB_OK || a.status == KDB_STMT_INVALID_SQL || a.status == KDB_INVALID_SQL);
    answer_done(&a);
    kdb_buf_done(&sql);
}

static void keys_of_several_columns_may_be_named_in_any_order(void **state)
{
    (void)state;
    const kdb_value params[] = { kdb_value_bigint(7), kdb_value_text(KDB_SV("k")) };
    for (int i = 1; i <= 3; i++) {
        answer a = run_as(&f, "ann", KDB_ROLE_USER,
                          "INSERT INTO pair VALUES ($1, $2, $1) ON CONFLICT (b, A) DO UPDATE SET n = pair.n + $1 "
                          "RETURNING n + 0 AS n, $2 AS k",
                          params, 2);
        char text[32];
        (void)snprintf(text, sizeof(text), "n|k\n%d|k\n", 7 * i);
        assert_string_equal(a.text, text);
        answer_done(&a);
    }
}

static void conflicts_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        kdb_status status;
        const char *part;
    } cases[] = {
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (n) DO NOTHING", KDB_STMT_INVALID_SQL,
          "ON CONFLICT takes exactly the primary key's columns: (id)" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id, id) DO NOTHING", KDB_STMT_INVALID_SQL, "exactly" },
        { "INSERT INTO pair VALUES (1, 'b', 1) ON CONFLICT (a) DO NOTHING", KDB_STMT_INVALID_SQL,
          "ON CONFLICT takes exactly the primary key's columns: (a, b)" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (nope) DO NOTHING", KDB_COLUMN_NOT_FOUND,
          "Column 'nope' does not exist" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (_seq) DO NOTHING", KDB_INVALID_OPERATION,
          "system column '_seq'" },
        { "INSERT INTO bag VALUES (1) ON CONFLICT (n) DO NOTHING", KDB_STMT_INVALID_SQL, "has no primary key" },
        { "INSERT INTO log VALUES (1) ON CONFLICT DO NOTHING", KDB_INVALID_OPERATION,
          "ON CONFLICT is not supported for STREAM tables" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2", KDB_INVALID_OPERATION,
          "UPDATE cannot modify primary key column 'id'" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET _deleted = TRUE", KDB_INVALID_OPERATION,
          "system column '_deleted'" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 'x'", KDB_SCHEMA, "for column 'n'" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 / (t.n - t.n)", KDB_ARITHMETIC,
          "division by zero" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.n", KDB_STMT_INVALID_SQL,
          "argument of WHERE must be type boolean" },
        { "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = (SELECT 1)", KDB_STMT_INVALID_SQL,
          "ON CONFLICT DO UPDATE supports columns" },
        { "INSERT INTO t (id) VALUES (1), (1) ON CONFLICT (id) DO UPDATE SET n = 2", KDB_CONSTRAINT,
          "ON CONFLICT DO UPDATE command cannot affect row a second time" },
        { "INSERT INTO pair VALUES (1, 'x', 5) ON CONFLICT (a, b) DO UPDATE SET n = NULL", KDB_CONSTRAINT,
          "NOT NULL constraint violation: column 'n'" },
    };
    expect(&f, "ann", "INSERT INTO t (id, n) VALUES (1, 1)", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann", "INSERT INTO pair VALUES (1, 'x', 5)", "[1 Inserted 1 row(s)]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        expect_failure(&f, "ann", cases[i].sql, cases[i].status, cases[i].part);
    }
    expect(&f, "ann", "SELECT id, n FROM t", "id|n\n1|1\n");
    assert_string_equal(ops, "ii");
}

static void concurrent_upserts_add_up(void **state)
{
    (void)state;
    enum { ROUNDS = 30, WIDTH = 8 };
    for (int round = 0; round < ROUNDS; round++) {
        pending_request *all[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            all[i] = start(&f, "ann",
                           "INSERT INTO pair VALUES (1, 'sum', 1) ON CONFLICT (a, b) DO UPDATE SET n = pair.n + "
                           "EXCLUDED.n RETURNING n");
        }
        for (int i = 0; i < WIDTH; i++) {
            answer a = wait_for(all[i]);
            assert_int_equal(a.status, KDB_OK);
            answer_done(&a);
        }
    }
    expect(&f, "ann", "SELECT n FROM pair", "n\n240\n");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(returning_shows_the_rows_as_they_became),
        CASE(returning_tells_the_seq_that_is_stored),
        CASE(what_returning_cannot_say_undoes_the_statement),
        CASE(returning_stands_in_its_place_in_a_batch),
        CASE(many_rows_come_back_in_order),
        CASE(a_conflict_does_nothing_or_updates),
        CASE(parameters_in_nested_cases_are_settled_once),
        CASE(keys_of_several_columns_may_be_named_in_any_order),
        CASE(conflicts_that_mean_nothing_are_refused),
        CASE(concurrent_upserts_add_up),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
