/* statements_test.c - statements from text to answer over the memory store. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static int setup(void **state)
{
    static fixture f;
    fixture_open(&f, NULL, NULL, 0);
    *state = &f;
    expect(&f, "root", "CREATE NAMESPACE app", "[0 Namespace 'app' created successfully]\n");
    expect(&f, "root", "CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL, stars INT DEFAULT 3)",
           "[0 Table app.notes created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

static void rows_come_back_in_key_order_with_defaults(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (2, 'b'), (1, 'a')", "[2 Inserted 2 row(s)]\n");
    expect(f, "ann", "SELECT id, body, stars, _deleted FROM app.notes",
           "id|body|stars|_deleted\n1|a|3|false\n2|b|3|false\n");
    expect(f, "ann", "UPDATE app.notes SET stars = stars + 1 WHERE id = 2", "[1 Updated 1 row(s)]\n");
    expect(f, "ann", "UPDATE app.notes SET stars = 4 WHERE id = 2", "[0 Updated 0 row(s)]\n");
    expect(f, "ann", "UPDATE app.notes SET body = upper(body), stars = DEFAULT WHERE id = 2", "[1 Updated 1 row(s)]\n");
    expect(f, "ann", "UPDATE app.notes SET stars = 4, body = body || '?' WHERE id = 2", "[1 Updated 1 row(s)]\n");
    expect(f, "ann", "SELECT body FROM app.notes WHERE id = 2", "body\nB?\n");
    expect(f, "ann", "DELETE FROM app.notes WHERE id = 1", "[1 Deleted 1 row(s)]\n");
    expect(f, "ann", "DELETE FROM app.notes WHERE id = 1", "[0 Deleted 0 row(s)]\n");
    expect(f, "ann", "SELECT id, stars FROM app.notes", "id|stars\n2|4\n");
    expect(f, "ann", "SELECT id, body FROM app.notes WHERE _deleted", "id|body\n1|a\n");
    expect(f, "ann", "INSERT INTO app.notes VALUES (1, 'again', 1)", "[1 Inserted 1 row(s)]\n");
    expect(f, "ann", "SELECT count(*) AS n FROM app.notes", "n\n2\n");
}

static void users_do_not_meet(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'ann''s')", "[1 Inserted 1 row(s)]\n");
    expect(f, "bob", "INSERT INTO app.notes (id, body) VALUES (1, 'bob''s')", "[1 Inserted 1 row(s)]\n");
    expect(f, "ann", "SELECT body FROM app.notes", "body\nann's\n");
    expect(f, "bob", "UPDATE app.notes SET body = 'mine' WHERE true", "[1 Updated 1 row(s)]\n");
    expect(f, "bob", "DELETE FROM app.notes WHERE body LIKE '%'", "[1 Deleted 1 row(s)]\n");
    expect(f, "ann", "SELECT a.body, b.body AS other FROM app.notes a JOIN app.notes b ON a.id = b.id",
           "body|other\nann's|ann's\n");
    expect(f, "root", "SELECT count(*) AS n FROM app.notes", "n\n0\n");
    expect_failure(f, "ann", "SELECT * FROM system.users", KDB_PERMISSION_DENIED, "System tables require");
}

static void a_statement_is_all_or_nothing(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'a')", "[1 Inserted 1 row(s)]\n");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, body) VALUES (5, 'e'), (1, 'dup')", KDB_CONSTRAINT,
                   "Primary key violation: value '1' already exists in column 'id'");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, body) VALUES (5, 'e'), (5, 'f')", KDB_CONSTRAINT,
                   "appears multiple times in the insert batch for column 'id'");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, body) VALUES (5, 'e'), (6, NULL)", KDB_CONSTRAINT,
                   "NOT NULL constraint violation: column 'body' cannot be NULL (row 2)");
    expect_failure(f, "ann", "INSERT INTO app.notes (id) VALUES (5)", KDB_CONSTRAINT, "column 'body'");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, body) VALUES ('x', 'e')", KDB_SCHEMA, "for column 'id'");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, body, stars) VALUES (5, 'e', 3000000000)", KDB_SCHEMA,
                   "for column 'stars'");
    expect_failure(f, "ann", "UPDATE app.notes SET body = NULL WHERE id = 1", KDB_CONSTRAINT, "column 'body'");
    expect(f, "ann", "SELECT id FROM app.notes", "id\n1\n");
}

static void a_batch_is_checked_before_it_runs_and_sums_its_counts(void **state)
{
    fixture *f = *state;
    expect(f, "ann",
           "INSERT INTO app.notes (id, body) VALUES (1, 'a'); SELECT id FROM app.notes;"
           "INSERT INTO app.notes (id, body) VALUES (2, 'b'); UPDATE app.notes SET stars = 9 WHERE id = 2",
           "id\n1\n[2 Inserted 2 row(s)]\n[1 Updated 1 row(s)]\n");
    expect_failure(f, "ann", "DELETE FROM app.notes WHERE id = 1; SELEC 1", KDB_INVALID_SQL, "");
    expect_failure(f, "ann", "DELETE FROM app.notes WHERE id = 1; CREATE NAMESPACE x", KDB_PERMISSION_DENIED, "");
    expect(f, "ann", "SELECT count(*) AS n FROM app.notes", "n\n2\n");
    expect(f, "ann", "USE app; SELECT id FROM notes WHERE id = 2", "[0 Namespace switched to 'app']\nid\n2\n");
}

static void parameters_are_values(void **state)
{
    fixture *f = *state;
    const kdb_value row[] = { kdb_value_bigint(7), kdb_value_text(KDB_SV("'); DROP TABLE app.notes; --")) };
    answer a = run_as(f, "ann", KDB_ROLE_USER, "INSERT INTO app.notes (id, body) VALUES ($1, $2)", row, 2);
    assert_string_equal(a.text, "[1 Inserted 1 row(s)]\n");
    answer_done(&a);
    const kdb_value key[] = { kdb_value_text(KDB_SV("7")) };
    a = run_as(f, "ann", KDB_ROLE_USER, "SELECT body FROM app.notes WHERE id = $1", key, 1);
    assert_string_equal(a.text, "body\n'); DROP TABLE app.notes; --\n");
    answer_done(&a);
    a = run_as(f, "ann", KDB_ROLE_USER, "SELECT body FROM app.notes WHERE id = $1", row, 2);
    assert_int_equal(a.status, KDB_INVALID_PARAMETER);
    answer_done(&a);
}

static void plans_follow_the_catalog(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        expect(f, "root", "CREATE SHARED TABLE app.t (a INT PRIMARY KEY)", "[0 Table app.t created successfully]\n");
        expect(f, "root", "INSERT INTO app.t VALUES (1)", "[1 Inserted 1 row(s)]\n");
        expect(f, "root", "SELECT a FROM app.t", "a\n1\n");
        answer a = run(f, "root", "DROP TABLE app.t");
        assert_non_null(strstr(a.text, "Table app.t dropped successfully. Cleanup job: CL-"));
        answer_done(&a);
        expect_failure(f, "root", "SELECT a FROM app.t", KDB_TABLE_NOT_FOUND, "Table 't' not found in namespace 'app'");
    }
    expect(f, "root", "CREATE SHARED TABLE app.t (b TEXT PRIMARY KEY)", "[0 Table app.t created successfully]\n");
    expect(f, "root", "SELECT * FROM app.t", "b|_seq|_deleted\n");
}

/* Plans are shared by texts that differ in their values only; whether a value may differ depends on its column's type. */
static void a_shared_plan_bound_anew_does_not_keep_anothers_values(void **state)
{
    fixture *f = *state;
    expect(f, "root", "CREATE SHARED TABLE app.lifted (id INT PRIMARY KEY, v INT)",
           "[0 Table app.lifted created successfully]\n");
    expect(f, "root", "INSERT INTO app.lifted VALUES (1, 10), (2, 20)", "[2 Inserted 2 row(s)]\n");
    for (int i = 0; i < 8; i++) { /* every worker has its plan */
        expect(f, "root", "SELECT id FROM app.lifted WHERE v = 10", "id\n1\n");
        expect(f, "root", "SELECT id FROM app.lifted WHERE v = 20", "id\n2\n");
    }
    answer dropped = run(f, "root", "DROP TABLE app.lifted");
    assert_int_equal(dropped.status, KDB_OK);
    answer_done(&dropped);
    expect(f, "root", "CREATE SHARED TABLE app.lifted (id INT PRIMARY KEY, v DECIMAL(10,2))",
           "[0 Table app.lifted created successfully]\n");
    expect(f, "root", "INSERT INTO app.lifted VALUES (1, 10), (2, 20)", "[2 Inserted 2 row(s)]\n");
    for (int i = 0; i < 8; i++) {
        expect(f, "root", "SELECT id FROM app.lifted WHERE v = 20", "id\n2\n");
        expect(f, "root", "SELECT id FROM app.lifted WHERE v = 10", "id\n1\n");
    }
}

static void streams_append_and_do_not_update(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "CREATE STREAM TABLE app.events (kind TEXT) WITH (TTL_SECONDS = 3600)",
           "[0 Table app.events created successfully]\n");
    expect(f, "ann", "INSERT INTO app.events VALUES ('a'), ('a')", "[2 Inserted 2 row(s)]\n");
    expect(f, "ann", "SELECT kind, _deleted FROM app.events", "kind|_deleted\na|false\na|false\n");
    expect(f, "bob", "SELECT kind FROM app.events", "kind\n");
    expect_failure(f, "ann", "UPDATE app.events SET kind = 'b' WHERE true", KDB_INVALID_OPERATION,
                   "UPDATE not supported for STREAM tables");
    expect(f, "ann", "DELETE FROM app.events WHERE kind = 'a'", "[2 Deleted 2 row(s)]\n");
    expect(f, "ann", "SELECT kind FROM app.events", "kind\n");
}

static void expressions_and_selects_can_be_inserted(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1 + 1, upper('x')), (3, 'y' || 'z')",
           "[2 Inserted 2 row(s)]\n");
    expect(f, "ann", "INSERT INTO app.notes (id, body) SELECT id + 10, body || '!' FROM app.notes",
           "[2 Inserted 2 row(s)]\n");
    expect(f, "ann", "SELECT id, body FROM app.notes ORDER BY id DESC", "id|body\n13|yz!\n12|X!\n3|yz\n2|X\n");
}

static void errors_say_where(void **state)
{
    fixture *f = *state;
    answer a = run(f, "ann", "SELECT 1;\nSELECT\n  id FORM app.notes x y");
    assert_int_equal(a.status, KDB_INVALID_SQL);
    assert_int_equal(a.line, 3);
    answer_done(&a);
    expect_failure(f, "ann", "SELECT * FROM app.note", KDB_TABLE_NOT_FOUND, "Did you mean 'app.notes'?");
    expect_failure(f, "ann", "INSERT INTO app.notes (id, bodi) VALUES (1, 'a')", KDB_COLUMN_NOT_FOUND,
                   "Did you mean 'body'?");
    expect_failure(f, "ann", "INSERT INTO system.users (user_id) VALUES ('x')", KDB_INVALID_OPERATION,
                   "Cannot insert system table 'system.users'");
}

/* ---- concurrency ---- */

static void one_key_is_inserted_once(void **state)
{
    fixture *f = *state;
    pending_request *all[32];
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        all[i] = start(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'first')");
    }
    size_t won = 0;
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        answer a = wait_for(all[i]);
        won += a.status == KDB_OK;
        assert_true(a.status == KDB_OK || a.status == KDB_CONSTRAINT);
        answer_done(&a);
    }
    assert_int_equal(won, 1);
    expect(f, "ann", "SELECT count(*) AS n FROM app.notes", "n\n1\n");
}

static void no_increment_is_lost(void **state)
{
    fixture *f = *state;
    enum { ROUNDS = 200, WIDTH = 16 };
    expect(f, "ann", "INSERT INTO app.notes (id, body, stars) VALUES (1, 'counter', 0)", "[1 Inserted 1 row(s)]\n");
    for (int round = 0; round < ROUNDS / WIDTH; round++) {
        pending_request *all[WIDTH];
        for (size_t i = 0; i < WIDTH; i++) {
            all[i] = start(f, "ann", "UPDATE app.notes SET stars = stars + 1 WHERE id = 1 AND body = 'counter'");
        }
        for (size_t i = 0; i < WIDTH; i++) {
            answer a = wait_for(all[i]);
            assert_string_equal(a.text, "[1 Updated 1 row(s)]\n");
            answer_done(&a);
        }
    }
    answer a = run(f, "ann", "SELECT stars FROM app.notes");
    assert_int_equal(atoi(a.text + strlen("stars\n")), ROUNDS / WIDTH * WIDTH);
    answer_done(&a);
}

/* Rows that stop matching while the statement waits for its locks are left alone. */
static void a_condition_holds_at_the_moment_of_the_write(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body, stars) VALUES (1, 'stock', 5)", "[1 Inserted 1 row(s)]\n");
    pending_request *all[24];
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        all[i] = start(f, "ann", "UPDATE app.notes SET stars = stars - 1 WHERE id = 1 AND stars > 0");
    }
    uint64_t taken = 0;
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        answer a = wait_for(all[i]);
        assert_int_equal(a.status, KDB_OK);
        taken += a.rows;
        answer_done(&a);
    }
    assert_int_equal(taken, 5);
    expect(f, "ann", "SELECT stars FROM app.notes", "stars\n0\n");
}

static void tables_can_be_dropped_under_writers(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        expect(f, "root", "CREATE SHARED TABLE app.busy (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v INT)",
               "[0 Table app.busy created successfully]\n");
        pending_request *all[16];
        for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
            all[i] = start(f, "root", i == 8 ? "DROP TABLE app.busy" : "INSERT INTO app.busy (v) VALUES (1), (2)");
        }
        for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
            answer a = wait_for(all[i]);
            assert_true(a.status == KDB_OK || (i != 8 && a.status == KDB_TABLE_NOT_FOUND));
            answer_done(&a);
        }
    }
}

static void a_namespace_goes_with_what_is_in_it(void **state)
{
    fixture *f = *state;
    expect(f, "root", "CREATE SHARED TABLE app.t (a INT PRIMARY KEY)", "[0 Table app.t created successfully]\n");
    expect(f, "root", "INSERT INTO app.t VALUES (1)", "[1 Inserted 1 row(s)]\n");
    expect_failure(f, "root", "DROP NAMESPACE app", KDB_INVALID_OPERATION, "not empty: 2 table(s)");
    expect(f, "root", "SELECT a FROM app.t", "a\n1\n");
    expect(f, "root", "DROP NAMESPACE app CASCADE", "[0 Namespace 'app' dropped successfully]\n");
    expect_failure(f, "root", "SELECT a FROM app.t", KDB_NAMESPACE_NOT_FOUND, "app");
    expect(f, "root", "SELECT count(*) AS n FROM system.jobs WHERE job_type = 'cleanup'", "n\n2\n");
    expect(f, "root", "CREATE NAMESPACE app; CREATE SHARED TABLE app.t (a INT PRIMARY KEY); SELECT a FROM app.t",
           "[0 Namespace 'app' created successfully]\n[0 Table app.t created successfully]\na\n");
    expect_failure(f, "root", "DROP NAMESPACE default CASCADE", KDB_INVALID_OPERATION, "");
}

static void values_that_no_answer_could_carry_are_refused(void **state)
{
    fixture *f = *state;
    expect(f, "root", "CREATE SHARED TABLE app.d (id INT PRIMARY KEY, d DOUBLE, f FLOAT)",
           "[0 Table app.d created successfully]\n");
    expect_failure(f, "root", "INSERT INTO app.d VALUES (1, 'NaN', 0)", KDB_SCHEMA, "for column 'd': DOUBLE");
    expect_failure(f, "root", "INSERT INTO app.d VALUES (1, 1e309, 0)", KDB_SCHEMA, "for column 'd'");
    expect_failure(f, "root", "INSERT INTO app.d VALUES (1, 0, '-inf')", KDB_SCHEMA, "for column 'f'");
    expect(f, "root", "INSERT INTO app.d VALUES (5.9, 1e308, 0)", "[1 Inserted 1 row(s)]\n");
    expect(f, "root", "SELECT id FROM app.d", "id\n5\n");
}

static void untyped_parameters_take_the_type_of_their_value(void **state)
{
    fixture *f = *state;
    const kdb_value seven[] = { kdb_value_bigint(7) };
    for (int i = 0; i < 2; i++) {
        answer a = run_as(f, "ann", KDB_ROLE_USER, "SELECT $1 AS x, $1 + 1 AS y", seven, 1);
        assert_string_equal(a.text, "x|y\n7|8\n");
        answer_done(&a);
    }
}

/* A NULL whose type the engine leaves open once brought the server down. */
static void an_untyped_null_is_a_value_too(void **state)
{
    fixture *f = *state;
    static const char *const queries[] = { "SELECT count($1) AS x",
                                           "SELECT ($1, 1) AS x",
                                           "SELECT $1::JSON -> 'a' AS x",
                                           "SELECT id FROM app.notes WHERE (id, stars) < ($1, 0)",
                                           "SELECT id FROM app.notes WHERE (id, stars) IN (($1, 0))",
                                           "SELECT $1 AS x",
                                           "SELECT coalesce($1, $1) AS x",
                                           "SELECT id FROM app.notes WHERE $1" };
    const kdb_value null[] = { kdb_value_null(kdb_type_of(KDB_TYPE_NULL)) };
    for (size_t i = 0; i < KDB_ARRAY_LEN(queries); i++) {
        answer a = run_as(f, "ann", KDB_ROLE_USER, queries[i], null, 1);
        answer_done(&a);
    }
    expect(f, "ann", "SELECT 1 AS alive", "alive\n1\n");
}

static void now_has_one_value_in_a_statement(void **state)
{
    fixture *f = *state;
    expect(f, "root",
           "CREATE SHARED TABLE app.times (id INT PRIMARY KEY, a TIMESTAMP, b TIMESTAMP DEFAULT NOW(), c TIMESTAMP)",
           "[0 Table app.times created successfully]\n");
    expect(f, "root", "INSERT INTO app.times (id, a, c) VALUES (1, NOW(), NOW() + INTERVAL '0 seconds')",
           "[1 Inserted 1 row(s)]\n");
    expect(f, "root", "SELECT a = b AS ab, a = c AS ac FROM app.times", "ab|ac\ntrue|true\n");
    expect(f, "root", "UPDATE app.times SET a = NOW(), c = NOW() + INTERVAL '0 seconds' WHERE b <= NOW()",
           "[1 Updated 1 row(s)]\n");
    expect(f, "root", "SELECT a = c AS ac, now() = current_timestamp AS same FROM app.times", "ac|same\ntrue|true\n");
}

static void arithmetic_errors_are_told(void **state)
{
    fixture *f = *state;
    expect_failure(f, "ann", "SELECT 1 / 0", KDB_ARITHMETIC, "division by zero");
    expect_failure(f, "ann", "SELECT 1.5 % 0", KDB_ARITHMETIC, "division by zero");
    expect_failure(f, "ann", "SELECT mod(1, 0)", KDB_ARITHMETIC, "division by zero");
    expect(f, "ann", "INSERT INTO app.notes (id, body, stars) VALUES (1, 'a', 0)", "[1 Inserted 1 row(s)]\n");
    expect_failure(f, "ann", "UPDATE app.notes SET stars = 1 / stars WHERE id = 1", KDB_ARITHMETIC, "division by zero");
    expect_failure(f, "ann", "SELECT id * 9223372036854775807 * 2 FROM app.notes", KDB_ARITHMETIC, "Overflow");
    expect(f, "ann", "SELECT 7 / 2 AS q, 7 % 2 AS r, stars FROM app.notes", "q|r|stars\n3|1|0\n");
}

static void a_cancelled_query_ends(void **state)
{
    fixture *f = *state;
    pending_request *p = start(f, "ann",
                               "SELECT sum(a.i * b.i) AS s FROM generate_series(1, 1000000) AS a(i), "
                               "generate_series(1, 1000000) AS b(i)");
    cancel(p);
    answer a = wait_for(p);
    assert_int_equal(a.status, KDB_CANCELLED);
    answer_done(&a);
    expect(f, "ann", "SELECT 1 AS one", "one\n1\n");
}

static void users_are_made_changed_and_dropped(void **state)
{
    fixture *f = *state;
    expect(f, "root", "CREATE USER carl WITH PASSWORD 'correct-horse-9' ROLE user", "[0 User 'carl' created]\n");
    expect_failure(f, "root", "CREATE USER carl WITH PASSWORD 'correct-horse-9' ROLE user", KDB_ALREADY_EXISTS,
                   "User 'carl' already exists");
    expect_failure(f, "root", "CREATE USER dora WITH PASSWORD 'short' ROLE user", KDB_CONSTRAINT, "at least 8");
    expect(f, "root", "ALTER USER carl SET PASSWORD 'battery-staple-9'", "[0 User 'carl' updated]\n");
    expect(f, "carl", "ALTER USER carl SET PASSWORD 'battery-staple-10'", "[0 User 'carl' updated]\n");
    expect_failure(f, "ann", "ALTER USER carl SET PASSWORD 'battery-staple-11'", KDB_PERMISSION_DENIED, "");
    expect(f, "root", "DROP USER carl", "[0 User 'carl' dropped (soft delete)]\n");
    expect(f, "root", "DROP USER IF EXISTS carl", "[0 User 'carl' does not exist (skipped)]\n");
}

static void show_and_describe_are_for_everybody(void **state)
{
    fixture *f = *state;
    answer a = run(f, "ann", "DESCRIBE TABLE app.notes");
    assert_non_null(strstr(a.text, "stars|3|3|INT|true|false|3|NULL|1\n"));
    answer_done(&a);
    a = run(f, "ann", "SHOW TABLES IN app");
    assert_int_equal(a.rows, 1);
    answer_done(&a);
    a = run(f, "ann", "SHOW NAMESPACES");
    assert_non_null(strstr(a.text, "app|app|"));
    answer_done(&a);
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'a')", "[1 Inserted 1 row(s)]\n");
    a = run(f, "bob", "SHOW STATS FOR TABLE app.notes");
    assert_non_null(strstr(a.text, "notes|app|1|0|0|0|0\n"));
    answer_done(&a);
}

static void a_plan_follows_the_views_that_it_reads(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'a'), (2, 'b')", "[2 Inserted 2 row(s)]\n");
    expect(f, "root", "CREATE VIEW app.v AS SELECT id FROM notes WHERE id = 1",
           "[0 View app.v created successfully]\n");
    expect(f, "root", "CREATE VIEW app.w AS SELECT id FROM v", "[0 View app.w created successfully]\n");
    for (int i = 0; i < 8; i++) { /* every worker has its plan */
        expect(f, "ann", "SELECT * FROM app.w", "id\n1\n");
    }
    expect(f, "root", "CREATE OR REPLACE VIEW app.v AS SELECT id FROM notes WHERE id = 2",
           "[0 View app.v created successfully]\n");
    for (int i = 0; i < 8; i++) {
        expect(f, "ann", "SELECT * FROM app.w", "id\n2\n");
        expect(f, "bob", "SELECT * FROM app.w", "id\n");
    }
    expect(f, "root", "DROP VIEW app.w", "[0 View app.w dropped successfully]\n");
    expect_failure(f, "ann", "SELECT * FROM app.w", KDB_TABLE_NOT_FOUND, "Table 'w' not found in namespace 'app'");
    expect(f, "root", "DROP VIEW app.v", "[0 View app.v dropped successfully]\n");
}

static void views_nest_and_multiply_within_bounds(void **state)
{
    fixture *f = *state;
    char sql[256];
    expect(f, "root", "CREATE VIEW app.v0 AS SELECT 1 AS n", "[0 View app.v0 created successfully]\n");
    for (int i = 1; i < 16; i++) {
        (void)snprintf(sql, sizeof(sql), "CREATE VIEW app.v%d AS SELECT n FROM v%d", i, i - 1);
        answer a = run(f, "root", sql);
        assert_int_equal(a.status, KDB_OK);
        answer_done(&a);
    }
    expect(f, "ann", "SELECT n FROM app.v15", "n\n1\n");
    expect_failure(f, "root", "CREATE VIEW app.v16 AS SELECT n FROM v15 a; SELECT n FROM app.v16", KDB_STMT_INVALID_SQL,
                   "views nest more than 16 deep");
    expect(f, "root", "CREATE VIEW app.d0 AS SELECT 1 AS n", "[0 View app.d0 created successfully]\n");
    kdb_status status = KDB_OK;
    for (int i = 1; i < 16 && status == KDB_OK; i++) { /* twice as many each time */
        (void)snprintf(sql, sizeof(sql), "CREATE VIEW app.d%d AS SELECT a.n FROM d%d a, d%d b", i, i - 1, i - 1);
        answer a = run(f, "root", sql);
        status = a.status;
        answer_done(&a);
    }
    assert_int_equal(status, KDB_STMT_INVALID_SQL);
    expect(f, "root", "DROP NAMESPACE app CASCADE", "[0 Namespace 'app' dropped successfully]\n");
}

static void what_a_view_does_not_read_may_change(void **state)
{
    fixture *f = *state;
    expect(f, "root", "CREATE VIEW app.all_of_it AS SELECT * FROM notes",
           "[0 View app.all_of_it created successfully]\n");
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv ns = KDB_SV("app"), notes = KDB_SV("notes");
    assert_true(kdb_registry_views_using(f->registry, ns, notes, KDB_SV("stars"), arena).len > 0);
    expect(
        f, "root",
        "CREATE OR REPLACE VIEW app.all_of_it AS SELECT n.id AS stars FROM notes n JOIN (SELECT id FROM notes) m USING (id)",
        "[0 View app.all_of_it created successfully]\n");
    assert_true(kdb_registry_views_using(f->registry, ns, notes, KDB_SV("id"), arena).len > 0);
    assert_int_equal(kdb_registry_views_using(f->registry, ns, notes, KDB_SV("stars"), arena).len, 0);
    expect(f, "root", "DROP VIEW app.all_of_it", "[0 View app.all_of_it dropped successfully]\n");
}

/* How long it took may hold any figure. */
static void hide_time(char *explained)
{
    char *at = strstr(explained, "\ntime_ms|");
    assert_non_null(at);
    for (at++; *at != '\0' && *at != '\n'; at++) {
        *at = '-';
    }
}

static void explain_tells_of_the_callers_own_rows(void **state)
{
    fixture *f = *state;
    expect(f, "ann", "INSERT INTO app.notes (id, body) VALUES (1, 'a'), (2, 'b')", "[2 Inserted 2 row(s)]\n");
    for (int i = 0; i < 30; i++) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), "INSERT INTO app.notes (id, body) VALUES (%d, 'x')", i);
        expect(f, "bob", sql, "[1 Inserted 1 row(s)]\n");
    }
    static const char *const queries[] = { "SELECT body FROM app.notes WHERE stars = 3",
                                           "SELECT count(*) AS n FROM app.notes GROUP BY stars, body" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(queries); i++) {
        char sql[160];
        (void)snprintf(sql, sizeof(sql), "EXPLAIN ANALYZE VERBOSE %s", queries[i]);
        answer a = run(f, "ann", sql);
        assert_non_null(strstr(a.text, "\nkey_range|app.notes: all rows of 'ann'\n"));
        assert_non_null(strstr(a.text, "\nrows_read|2\n"));
        assert_non_null(strstr(a.text, "\nrows_returned|2\n"));
        hide_time(a.text);
        assert_null(strstr(a.text, "30"));
        assert_null(strstr(a.text, "32"));
        assert_null(strcasestr(a.text, "kdb_scan"));
        answer_done(&a);
    }
    answer a = run(f, "ann", "EXPLAIN DELETE FROM app.notes WHERE id = 1");
    assert_non_null(strstr(a.text, "\nkey_range|app.notes: 1 key\n"));
    answer_done(&a);
    expect(f, "ann", "SELECT count(*) AS n FROM app.notes", "n\n2\n");
    expect_failure(f, "ann", "EXPLAIN SELECT * FROM system.users", KDB_PERMISSION_DENIED, "System tables require");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(rows_come_back_in_key_order_with_defaults),
        CASE(users_do_not_meet),
        CASE(a_statement_is_all_or_nothing),
        CASE(a_batch_is_checked_before_it_runs_and_sums_its_counts),
        CASE(parameters_are_values),
        CASE(plans_follow_the_catalog),
        CASE(a_shared_plan_bound_anew_does_not_keep_anothers_values),
        CASE(streams_append_and_do_not_update),
        CASE(expressions_and_selects_can_be_inserted),
        CASE(errors_say_where),
        CASE(one_key_is_inserted_once),
        CASE(no_increment_is_lost),
        CASE(a_condition_holds_at_the_moment_of_the_write),
        CASE(tables_can_be_dropped_under_writers),
        CASE(a_namespace_goes_with_what_is_in_it),
        CASE(values_that_no_answer_could_carry_are_refused),
        CASE(untyped_parameters_take_the_type_of_their_value),
        CASE(an_untyped_null_is_a_value_too),
        CASE(now_has_one_value_in_a_statement),
        CASE(arithmetic_errors_are_told),
        CASE(a_cancelled_query_ends),
        CASE(users_are_made_changed_and_dropped),
        CASE(show_and_describe_are_for_everybody),
        CASE(explain_tells_of_the_callers_own_rows),
        CASE(a_plan_follows_the_views_that_it_reads),
        CASE(views_nest_and_multiply_within_bounds),
        CASE(what_a_view_does_not_read_may_change),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
