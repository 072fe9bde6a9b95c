/* transactions_test.c - explicit transactions (sql.md 10): own writes in every SELECT form, all or nothing, savepoints, the
 * refusals, and scripted interleavings: a SELECT of the transaction is where the script lets others run, so every run
 * takes the same turns. */
#include "core_fixture.h"

#include <ctype.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;

static int setup_with(const char *const *settings)
{
    fixture_open(&f, settings, NULL, 0);
    expect(&f, "root", "CREATE SHARED TABLE acc (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)",
           "[0 Table default.acc created successfully]\n");
    expect(&f, "root", "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)",
           "[0 Table default.t created successfully]\n");
    expect(&f, "root", "INSERT INTO acc VALUES (1, 100), (2, 100)", "[2 Inserted 2 row(s)]\n");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(NULL);
}

static int setup_small(void **state)
{
    (void)state;
    static const char *const settings[] = { "transactions.max_buffer_bytes=65536", NULL };
    return setup_with(settings);
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* Every UUID in `text` becomes `*`: transactions are called differently each time. */
static void hide_ids(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        size_t len = 0;
        while (isxdigit((unsigned char)from[len]) || (len > 0 && from[len] == '-')) {
            len++;
        }
        if (len == 36) {
            from += len;
            *to++ = '*';
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void assert_answer(answer a, const char *sql, const char *text)
{
    hide_ids(a.text);
    if (strcmp(a.text, text) != 0) {
        print_error("%s\n", sql);
    }
    assert_string_equal(a.text, text);
    answer_done(&a);
}

static void expect_txn(const char *user, const char *sql, const char *text)
{
    assert_answer(run(&f, user, sql), sql, text);
}

#define STARTED "[0 Transaction started (*)]\n"
#define COMMITTED "[0 Transaction committed (*)]\n"
#define ROLLED_BACK "[0 Transaction rolled back (*)]\n"

/* ---- all or nothing ---- */

static void commit_makes_the_writes_visible(void **state)
{
    (void)state;
    expect_txn("ann",
               "BEGIN; INSERT INTO t VALUES (1, 'a'), (2, 'b'); UPDATE t SET v = 'B' WHERE id = 2; "
               "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, 'c'); COMMIT",
               STARTED COMMITTED "[3 Inserted 3 row(s)]\n[1 Updated 1 row(s)]\n[1 Deleted 1 row(s)]\n");
    expect(&f, "ann", "SELECT id, v FROM t", "id|v\n2|B\n3|c\n");
    expect(&f, "ann", "SELECT id FROM t WHERE _deleted", "id\n"); /* inserted and deleted: never was */
    expect_txn("ann", "START TRANSACTION; COMMIT WORK; BEGIN WORK; ROLLBACK WORK; BEGIN TRANSACTION; COMMIT",
               STARTED COMMITTED STARTED ROLLED_BACK STARTED COMMITTED);
}

static void rollback_leaves_nothing(void **state)
{
    (void)state;
    expect_txn("root",
               "INSERT INTO acc VALUES (3, 1); BEGIN; INSERT INTO acc VALUES (4, 1); UPDATE acc SET v = 0 WHERE true; "
               "DELETE FROM acc WHERE id = 1; SELECT id, v FROM acc; ROLLBACK; SELECT id, v FROM acc",
               STARTED "id|v\n2|0\n3|0\n4|0\n" ROLLED_BACK "id|v\n1|100\n2|100\n3|1\n[1 Inserted 1 row(s)]\n");
}

static void shared_and_user_tables_mix(void **state)
{
    (void)state;
    expect_txn(
        "svc",
        "BEGIN; UPDATE acc SET v = v - 10 WHERE id = 1; INSERT INTO t SELECT id, CAST(v AS TEXT) FROM acc; COMMIT",
        STARTED COMMITTED "[2 Inserted 2 row(s)]\n[1 Updated 1 row(s)]\n");
    expect(&f, "svc", "SELECT a.v, t.v AS copy FROM acc a JOIN t ON a.id = t.id ORDER BY a.id",
           "v|copy\n90|90\n100|100\n");
    expect(&f, "ann", "SELECT count(*) AS n FROM t", "n\n0\n");
}

static void a_failing_statement_rolls_back(void **state)
{
    (void)state;
    expect_failure(&f, "root", "BEGIN; INSERT INTO acc VALUES (3, 3); INSERT INTO acc VALUES (4, 4), (1, 1); COMMIT",
                   KDB_CONSTRAINT, "value '1' already exists");
    expect_failure(&f, "root", "BEGIN; INSERT INTO acc VALUES (3, 3); INSERT INTO acc VALUES (3, 4); COMMIT",
                   KDB_CONSTRAINT, "value '3' already exists");
    expect_failure(&f, "root", "BEGIN; DELETE FROM acc WHERE id = 1; SELECT 1/0; COMMIT", KDB_ARITHMETIC, "zero");
    expect_failure(&f, "root", "BEGIN; DELETE FROM acc WHERE id = 1; SELECT nothing FROM acc; COMMIT",
                   KDB_COLUMN_NOT_FOUND, "nothing");
    expect(&f, "root", "SELECT id, v FROM acc", "id|v\n1|100\n2|100\n");
    expect(&f, "root", "UPDATE acc SET v = 1 WHERE id = 1", "[1 Updated 1 row(s)]\n"); /* and no lock is left */
}

static void an_open_transaction_fails_the_request(void **state)
{
    (void)state;
    expect_failure(&f, "root", "BEGIN; DELETE FROM acc WHERE true", KDB_INVALID_OPERATION,
                   "Request completed with an open explicit transaction; rolled back automatically");
    expect_failure(&f, "root", "BEGIN", KDB_INVALID_OPERATION, "Request completed with an open explicit transaction");
    expect(&f, "root", "SELECT count(*) AS n FROM acc", "n\n2\n");
}

/* ---- own writes ---- */

/* Rows 1 to 5 of the snapshot: 1 stays, 2 changes, 3 goes, 4 goes and comes again, 5 stays; 0 and 6 are new. */
#define OWN_WRITES                                                                                                     \
    "BEGIN; UPDATE t SET v = 'new' WHERE id = 2; DELETE FROM t WHERE id IN (3, 4); INSERT INTO t VALUES (6, 'six'), "  \
    "(4, 'back'), (0, 'zero');"

static void every_select_form_sees_own_writes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "SELECT id, v FROM t", "id|v\n0|zero\n1|a\n2|new\n4|back\n5|e\n6|six\n" },
        { "SELECT id, v FROM t ORDER BY id DESC", "id|v\n6|six\n5|e\n4|back\n2|new\n1|a\n0|zero\n" },
        { "SELECT id FROM t ORDER BY id DESC LIMIT 2 OFFSET 1", "id\n5\n4\n" },
        { "SELECT v FROM t WHERE id = 2", "v\nnew\n" },
        { "SELECT v FROM t WHERE id = 3", "v\n" },
        { "SELECT v FROM t WHERE id = 6", "v\nsix\n" },
        { "SELECT v FROM t WHERE id IN (0, 1, 3, 4, 9)", "v\nzero\na\nback\n" },
        { "SELECT id FROM t WHERE id > 1 AND id < 6", "id\n2\n4\n5\n" },
        { "SELECT id FROM t WHERE id >= 5 ORDER BY id DESC", "id\n6\n5\n" },
        { "SELECT id FROM t WHERE v LIKE '%e%' ORDER BY v", "id\n5\n2\n0\n" },
        { "SELECT count(*) AS n FROM t", "n\n6\n" },
        { "SELECT count(*) AS n FROM t WHERE id < 3", "n\n3\n" },
        { "SELECT min(id) AS a, max(v) AS b FROM t", "a|b\n0|zero\n" },
        { "SELECT a.id FROM t a JOIN t b ON a.id = b.id + 1 ORDER BY a.id", "id\n1\n2\n5\n6\n" },
        { "WITH w AS (SELECT id FROM t WHERE id > 4) SELECT sum(id) AS s FROM w", "s\n11\n" },
        { "SELECT id FROM t WHERE id = (SELECT max(id) FROM t)", "id\n6\n" },
        { "SELECT id FROM t EXCEPT SELECT id FROM t WHERE id < 5 ORDER BY id", "id\n5\n6\n" },
        { "SELECT id FROM t WHERE _deleted", "id\n3\n" },
        { "SELECT id FROM t ORDER BY _seq DESC LIMIT 3", "id\n0\n4\n6\n" },
        { "SELECT id FROM t ORDER BY _seq LIMIT 3", "id\n1\n5\n2\n" },
    };
    expect(&f, "ann", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')",
           "[5 Inserted 5 row(s)]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char sql[512], text[512];
        (void)snprintf(sql, sizeof(sql), OWN_WRITES "%s; ROLLBACK", cases[i][0]);
        (void)snprintf(text, sizeof(text), STARTED "%s" ROLLED_BACK, cases[i][1]);
        expect_txn("ann", sql, text);
    }
    expect_txn("ann", OWN_WRITES "COMMIT",
               STARTED COMMITTED "[3 Inserted 3 row(s)]\n[1 Updated 1 row(s)]\n[2 Deleted 2 row(s)]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) { /* and once committed, the same without one */
        expect(&f, "ann", cases[i][0], cases[i][1]);
    }
}

static void tables_without_a_key_keep_the_order_of_writing(void **state)
{
    (void)state;
    expect(&f, "root", "CREATE USER TABLE log (line TEXT)", "[0 Table default.log created successfully]\n");
    expect(&f, "ann", "INSERT INTO log VALUES ('first')", "[1 Inserted 1 row(s)]\n");
    expect_txn(
        "ann",
        "BEGIN; INSERT INTO log VALUES ('z'), ('y'); INSERT INTO log VALUES ('x'); SELECT line FROM log; "
        "UPDATE log SET line = 'Z' WHERE line = 'z'; DELETE FROM log WHERE line = 'y'; SELECT line FROM log; COMMIT",
        STARTED "line\nfirst\nz\ny\nx\nline\nfirst\nx\nZ\n" COMMITTED
                "[3 Inserted 3 row(s)]\n[1 Updated 1 row(s)]\n[1 Deleted 1 row(s)]\n");
    expect(&f, "ann", "SELECT line FROM log", "line\nfirst\nx\nZ\n");
}

static void a_parallel_scan_sees_own_writes(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t SELECT i, 'x' FROM range(60000) AS r(i)", "[60000 Inserted 60000 row(s)]\n");
    expect_txn(
        "ann",
        "BEGIN; UPDATE t SET v = 'y' WHERE id % 3 = 0; DELETE FROM t WHERE id % 3 = 1; INSERT INTO t SELECT i, 'z' "
        "FROM range(60000, 100000) AS r(i); SELECT v, count(*) AS n, sum(id) AS s FROM t GROUP BY v ORDER BY v; ROLLBACK",
        STARTED "v|n|s\nx|20000|600010000\ny|20000|599970000\nz|40000|3199980000\n" ROLLED_BACK);
}

/* ---- savepoints ---- */

static void savepoints_nest_and_hide_each_other(void **state)
{
    (void)state;
    expect_txn("ann",
               "BEGIN; INSERT INTO t VALUES (1, 'a'); SAVEPOINT s; INSERT INTO t VALUES (2, 'b'); "
               "UPDATE t SET v = 'A' WHERE id = 1; SAVEPOINT s; DELETE FROM t WHERE true; SELECT id FROM t; "
               "ROLLBACK TO SAVEPOINT s; SELECT id, v FROM t; RELEASE SAVEPOINT s; ROLLBACK TO s; SELECT id, v FROM t; "
               "INSERT INTO t VALUES (2, 'again'); ROLLBACK TO s; INSERT INTO t VALUES (3, 'c'); COMMIT",
               STARTED "[0 Savepoint 's' set]\n[0 Savepoint 's' set]\nid\n[0 Rolled back to savepoint 's']\n"
                       "id|v\n1|A\n2|b\n[0 Savepoint 's' released]\n[0 Rolled back to savepoint 's']\nid|v\n1|a\n"
                       "[0 Rolled back to savepoint 's']\n" COMMITTED "[2 Inserted 2 row(s)]\n");
    expect(&f, "ann", "SELECT id, v FROM t", "id|v\n1|a\n3|c\n");
}

static void rolling_back_past_a_savepoint_ends_it(void **state)
{
    (void)state;
    expect_failure(&f, "ann", "BEGIN; SAVEPOINT a; SAVEPOINT b; ROLLBACK TO a; ROLLBACK TO b; COMMIT", KDB_NOT_FOUND,
                   "savepoint 'b' does not exist");
    expect_failure(&f, "ann", "BEGIN; SAVEPOINT a; SAVEPOINT b; RELEASE a; ROLLBACK TO b; COMMIT", KDB_NOT_FOUND,
                   "savepoint 'b' does not exist");
    expect_failure(&f, "ann", "BEGIN; RELEASE a; COMMIT", KDB_NOT_FOUND, "savepoint 'a' does not exist");
    expect_failure(&f, "ann", "SAVEPOINT a", KDB_INVALID_OPERATION, "SAVEPOINT requires an active explicit");
    expect_failure(&f, "ann", "ROLLBACK TO a", KDB_INVALID_OPERATION, "ROLLBACK TO requires an active explicit");
    expect_failure(&f, "ann", "RELEASE a", KDB_INVALID_OPERATION, "RELEASE requires an active explicit");
}

/* Statements at random, savepoints among them, against copies of the rows. */
enum { MODEL_ROWS = 8, MODEL_DEPTH = 6, MODEL_STEPS = 40, MODEL_RUNS = 60 };

typedef struct model_rows {
    int v[MODEL_ROWS]; /* -1: none */
} model_rows;

static void put_model(const model_rows *rows, kdb_buf *out)
{
    kdb_buf_append_lit(out, "id|v\n");
    for (int i = 0; i < MODEL_ROWS; i++) {
        if (rows->v[i] >= 0) {
            kdb_buf_printf(out, "%d|%d\n", i, rows->v[i]);
        }
    }
}

static unsigned next_random(unsigned *seed, unsigned bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 12) % bound;
}

static void change_model(model_rows *rows, unsigned *seed, int step, kdb_buf *sql)
{
    const unsigned i = next_random(seed, MODEL_ROWS);
    if (rows->v[i] < 0) {
        kdb_buf_printf(sql, "INSERT INTO m VALUES (%u, '%d');", i, step);
        rows->v[i] = step;
    } else if (next_random(seed, 2) == 0) {
        kdb_buf_printf(sql, "UPDATE m SET v = '%d' WHERE id = %u;", step, i);
        rows->v[i] = step;
    } else {
        kdb_buf_printf(sql, "DELETE FROM m WHERE id = %u;", i);
        rows->v[i] = -1;
    }
}

/* One transaction: its text, and what the table holds in it and after it. */
static void run_model(model_rows *committed, unsigned seed)
{
    model_rows rows = *committed, saved[MODEL_DEPTH];
    size_t depth = 0;
    kdb_buf sql, want;
    kdb_buf_init(&sql, 0);
    kdb_buf_init(&want, 0);
    kdb_buf_append_lit(&sql, "BEGIN;");
    for (int step = 1; step <= MODEL_STEPS; step++) {
        const unsigned what = next_random(&seed, 8);
        if (what == 0 && depth < MODEL_DEPTH) {
            kdb_buf_printf(&sql, "SAVEPOINT s%zu;", depth);
            saved[depth++] = rows;
        } else if (what == 1 && depth > 0) {
            depth = next_random(&seed, (unsigned)depth) + 1;
            kdb_buf_printf(&sql, "ROLLBACK TO s%zu;", depth - 1);
            rows = saved[depth - 1];
        } else if (what == 2 && depth > 0) {
            depth = next_random(&seed, (unsigned)depth);
            kdb_buf_printf(&sql, "RELEASE s%zu;", depth);
        } else {
            change_model(&rows, &seed, step, &sql);
        }
    }
    const bool commits = next_random(&seed, 3) != 0;
    kdb_buf_printf(&sql, "SELECT id, v FROM m; %s; SELECT id, v FROM m%c", commits ? "COMMIT" : "ROLLBACK", 0);
    put_model(&rows, &want);
    *committed = commits ? rows : *committed;
    put_model(committed, &want);
    kdb_buf_append_byte(&want, 0);
    answer a = run(&f, "ann", sql.ptr);
    kdb_buf got; /* without the messages */
    kdb_buf_init(&got, 0);
    for (char *line = strtok(a.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (line[0] != '[') {
            kdb_buf_printf(&got, "%s\n", line);
        }
    }
    kdb_buf_append_byte(&got, 0);
    if (strcmp(got.ptr, want.ptr) != 0) {
        print_error("%s\n", sql.ptr);
    }
    assert_string_equal(got.ptr, want.ptr);
    kdb_buf_done(&got);
    kdb_buf_done(&sql);
    kdb_buf_done(&want);
    answer_done(&a);
}

static void random_transactions_agree_with_a_model(void **state)
{
    (void)state;
    model_rows committed;
    for (int i = 0; i < MODEL_ROWS; i++) {
        committed.v[i] = -1;
    }
    expect(&f, "root", "CREATE USER TABLE m (id INT PRIMARY KEY, v TEXT)",
           "[0 Table default.m created successfully]\n");
    for (unsigned seed = 1; seed <= MODEL_RUNS; seed++) {
        run_model(&committed, seed * 7919);
    }
}

/* ---- refusals ---- */

static void what_cannot_be_in_a_transaction_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        kdb_status status;
        const char *part;
    } cases[] = {
        { "COMMIT", KDB_INVALID_OPERATION, "COMMIT requires an active explicit SQL transaction" },
        { "ROLLBACK", KDB_INVALID_OPERATION, "ROLLBACK requires an active explicit SQL transaction" },
        { "BEGIN; COMMIT; COMMIT", KDB_INVALID_OPERATION, "COMMIT requires" },
        { "BEGIN; BEGIN; COMMIT", KDB_CONFLICT, "already has an active transaction '" },
        { "BEGIN; CREATE TABLE x (a INT); COMMIT", KDB_INVALID_OPERATION,
          "DDL is not allowed inside explicit transaction '" },
        { "BEGIN; DROP TABLE acc; COMMIT", KDB_INVALID_OPERATION, "DDL is not allowed" },
        { "BEGIN; CREATE USER 'x' WITH PASSWORD 'longenough1' ROLE user; COMMIT", KDB_INVALID_OPERATION,
          "DDL is not allowed" },
        { "BEGIN; INSERT INTO st VALUES (1); COMMIT", KDB_INVALID_OPERATION,
          "stream tables are not supported inside explicit transactions" },
        { "BEGIN; SELECT * FROM acc JOIN st ON true; COMMIT", KDB_INVALID_OPERATION, "stream tables are not" },
        { "BEGIN; SELECT * FROM system.tables; COMMIT", KDB_INVALID_OPERATION,
          "system tables are not supported inside explicit transactions" },
        { "BEGIN; INSERT INTO acc SELECT 1, count(*) FROM system.users; COMMIT", KDB_INVALID_OPERATION,
          "system tables are not" },
        { "BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT", KDB_INVALID_SQL, "ISOLATION" },
        { "COMMIT AND CHAIN", KDB_INVALID_SQL, "AND" },
        { "SAVEPOINT", KDB_INVALID_SQL, "syntax error" },
    };
    expect(&f, "root", "CREATE STREAM TABLE st (a INT) WITH (TTL_SECONDS = 60)",
           "[0 Table default.st created successfully]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        expect_failure(&f, "root", cases[i].sql, cases[i].status, cases[i].part);
    }
    answer a = run_as(&f, "nobody", KDB_ROLE_ANONYMOUS, "BEGIN; COMMIT", NULL, 0);
    assert_int_equal(a.status, KDB_PERMISSION_DENIED);
    answer_done(&a);
    expect_txn("ann", "BEGIN; USE default; SELECT 1 AS one; COMMIT",
               STARTED "[0 Namespace switched to 'default']\none\n1\n" COMMITTED);
}

static void a_transaction_has_a_limit(void **state)
{
    (void)state;
    expect_failure(&f, "ann", "BEGIN; INSERT INTO t SELECT i, 'some text' FROM range(1000) AS r(i); COMMIT", KDB_LIMIT,
                   "exceeded buffer limit of 65536 bytes and was aborted");
    kdb_buf sql; /* what is replaced counts too, or the memory would not be bounded */
    kdb_buf_init(&sql, 0);
    kdb_buf_append_lit(&sql, "BEGIN; INSERT INTO t VALUES (1, '');");
    for (int i = 0; i < 1000; i++) {
        kdb_buf_printf(&sql, "UPDATE t SET v = '%d' WHERE id = 1;", i);
    }
    kdb_buf_printf(&sql, "COMMIT%c", 0);
    expect_failure(&f, "ann", sql.ptr, KDB_LIMIT, "exceeded buffer limit");
    kdb_buf_done(&sql);
    expect(&f, "ann", "SELECT count(*) AS n FROM t", "n\n0\n");
}

static void an_idle_transaction_times_out(void **state)
{
    (void)state;
    static const struct {
        kdb_stmt_kind kind;
        const char *text;
    } cases[] = { { KDB_STMT_COMMIT, "cannot commit transaction '*' because it timed out and was aborted" },
                  { KDB_STMT_ROLLBACK, "cannot roll back transaction '*' because it timed out and was aborted" },
                  { KDB_STMT_INSERT, "cannot use transaction '*' because it timed out and was aborted" } };
    kdb_exec exec = { .core = f.core };
    kdbi_txn_begin(&exec);
    const int64_t begun = kdb_monotonic_us();
    kdb_err err;
    assert_int_equal(kdbi_txn_resume(exec.txn, KDB_STMT_INSERT, begun + 299 * INT64_C(1000000), &err), KDB_OK);
    assert_int_equal(kdbi_txn_resume(exec.txn, KDB_STMT_INSERT, begun + 598 * INT64_C(1000000), &err), KDB_OK);
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        assert_int_equal(kdbi_txn_resume(exec.txn, cases[i].kind, begun + 900 * INT64_C(1000000), &err),
                         KDB_INVALID_OPERATION);
        hide_ids(err.text);
        assert_string_equal(err.text, cases[i].text);
    }
    kdbi_txn_end(&exec);
}

/* ---- interleavings: what others do between two statements ---- */

/* One statement per SELECT of the transaction, in turn; NULL ends. */
typedef struct script {
    const char *const *turns;
    const char *user;
} script;

static void take_turn(void *arg)
{
    script *s = arg;
    if (*s->turns != NULL) {
        answer a = run(&f, s->user, *s->turns);
        if (a.status != KDB_OK) {
            fail_msg("%s: %s", *s->turns, a.text);
        }
        answer_done(&a);
        s->turns++;
    }
}

static void interleave(const char *sql, const char *const *turns, const char *text)
{
    script s = { turns, "root" };
    assert_answer(run_between(&f, "root", sql, take_turn, &s), sql, text);
    assert_null(*s.turns); /* every turn was taken */
}

#define LOST "! CONFLICT failed to commit transaction '*': a row was changed in table 'default.acc' since it began\n"

static void reads_are_of_one_instant(void **state)
{
    (void)state;
    static const char *const turns[] = { "UPDATE acc SET v = 1 WHERE id = 1", "DELETE FROM acc WHERE id = 2",
                                         "INSERT INTO acc VALUES (3, 3)", NULL };
    interleave(
        "BEGIN; SELECT 1 AS go; SELECT v FROM acc WHERE id = 1; SELECT sum(v) AS s FROM acc; SELECT id, v FROM acc; "
        "SELECT count(*) AS n FROM acc; COMMIT; SELECT id, v FROM acc",
        turns, STARTED "go\n1\nv\n100\ns\n200\nid|v\n1|100\n2|100\nn\n2\n" COMMITTED "id|v\n1|1\n3|3\n");
}

static void the_first_committer_wins(void **state)
{
    (void)state;
    static const char *const update[] = { "UPDATE acc SET v = v + 1 WHERE id = 1", NULL };
    static const char *const remove[] = { "DELETE FROM acc WHERE id = 1", NULL };
    static const char *const insert[] = { "INSERT INTO acc VALUES (7, 7)", NULL };
    static const char *const revive[] = { "INSERT INTO acc VALUES (1, 5)", NULL };
    interleave("BEGIN; SELECT v FROM acc WHERE id = 1; UPDATE acc SET v = 101 WHERE id = 1; COMMIT", update,
               STARTED "v\n100\n" LOST); /* the lost update */
    interleave("BEGIN; UPDATE acc SET v = 5 WHERE id IN (1, 2); SELECT 1 AS go; COMMIT", update,
               STARTED "go\n1\n" LOST);
    interleave("BEGIN; DELETE FROM acc WHERE id = 1; SELECT 1 AS go; COMMIT", update, STARTED "go\n1\n" LOST);
    interleave("BEGIN; UPDATE acc SET v = 0 WHERE id = 1; SELECT 1 AS go; COMMIT", remove, STARTED "go\n1\n" LOST);
    interleave("BEGIN; INSERT INTO acc VALUES (7, 0); SELECT 1 AS go; COMMIT", insert, STARTED "go\n1\n" LOST);
    interleave("BEGIN; INSERT INTO acc VALUES (1, 0); SELECT 1 AS go; COMMIT", revive, STARTED "go\n1\n" LOST);
    expect(&f, "root", "SELECT id, v FROM acc", "id|v\n1|5\n2|100\n7|7\n");
}

static void nobody_sees_what_is_not_committed(void **state)
{
    (void)state;
    static const char *const turns[] = { "INSERT INTO t SELECT id, CAST(v AS TEXT) FROM acc", NULL };
    interleave("BEGIN; UPDATE acc SET v = 0 WHERE true; INSERT INTO acc VALUES (3, 0); SELECT 1 AS go; COMMIT", turns,
               STARTED "go\n1\n" COMMITTED "[1 Inserted 1 row(s)]\n[2 Updated 2 row(s)]\n");
    expect(&f, "root", "SELECT id, v FROM t", "id|v\n1|100\n2|100\n");
    expect(&f, "root", "SELECT id, v FROM acc", "id|v\n1|0\n2|0\n3|0\n");
}

static void other_rows_do_not_conflict(void **state)
{
    (void)state;
    static const char *const turns[] = { "UPDATE acc SET v = 0 WHERE id = 2", NULL };
    interleave("BEGIN; UPDATE acc SET v = 1 WHERE id = 1; SELECT 1 AS go; COMMIT", turns,
               STARTED "go\n1\n" COMMITTED "[1 Updated 1 row(s)]\n");
    static const char *const undone[] = { "UPDATE acc SET v = 3 WHERE id = 2", NULL };
    interleave("BEGIN; SAVEPOINT s; UPDATE acc SET v = 1 WHERE id = 2; ROLLBACK TO s; SELECT 1 AS go; COMMIT", undone,
               STARTED "[0 Savepoint 's' set]\n[0 Rolled back to savepoint 's']\ngo\n1\n" COMMITTED);
    expect(&f, "root", "SELECT id, v FROM acc", "id|v\n1|1\n2|3\n");
}

/* After a few INSERTs the greatest key there is is known, and keys above it are not looked up. */
static void keys_above_all_are_new_and_others_are_looked_up(void **state)
{
    (void)state;
    static const char *const many =
        "BEGIN; INSERT INTO acc VALUES (11, 0); INSERT INTO acc VALUES (12, 0); INSERT INTO acc "
        "VALUES (13, 0); INSERT INTO acc VALUES (14, 0); INSERT INTO acc VALUES (15, 0); INSERT "
        "INTO acc VALUES (16, 0); INSERT INTO acc VALUES (17, 0); INSERT INTO acc VALUES (18, 0); "
        "INSERT INTO acc VALUES (19, 0); INSERT INTO acc VALUES (20, 0); INSERT INTO acc VALUES "
        "(-5, 0); INSERT INTO acc VALUES (%d, 0); COMMIT";
    static const struct {
        int last;
        kdb_status status;
    } cases[] = { { 2, KDB_CONSTRAINT }, { 20, KDB_CONSTRAINT }, { -5, KDB_CONSTRAINT }, { 0, KDB_OK } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char sql[1024];
        (void)snprintf(sql, sizeof(sql), many, cases[i].last);
        answer a = run(&f, "root", sql);
        assert_int_equal(a.status, cases[i].status);
        answer_done(&a);
    }
    expect(&f, "root", "SELECT count(*) AS n, max(id) AS m FROM acc", "n|m\n14|20\n");
}

/* Snapshot isolation allows it: both read what the other changes, neither changes what the other does. */
static void write_skew_is_possible(void **state)
{
    (void)state;
    static const char *const turns[] = {
        "BEGIN; UPDATE acc SET v = 0 WHERE id = 1 AND (SELECT sum(v) FROM acc) > 100; COMMIT", NULL
    };
    interleave(
        "BEGIN; SELECT sum(v) AS s FROM acc; UPDATE acc SET v = 0 WHERE id = 2 AND (SELECT sum(v) FROM acc) > 100; "
        "COMMIT",
        turns, STARTED "s\n200\n" COMMITTED "[1 Updated 1 row(s)]\n");
    expect(&f, "root", "SELECT sum(v) AS s FROM acc", "s\n0\n");
}

static void returning_and_on_conflict_meet_own_rows(void **state)
{
    (void)state;
    expect_txn(
        "ann",
        "BEGIN; INSERT INTO t VALUES (1, 'a') RETURNING id, v; "
        "INSERT INTO t VALUES (1, 'b'), (2, 'c') ON CONFLICT (id) DO UPDATE SET v = t.v || EXCLUDED.v RETURNING v; "
        "INSERT INTO t VALUES (2, 'd') ON CONFLICT (id) DO NOTHING RETURNING v; "
        "UPDATE t SET v = 'e' WHERE id = 2 RETURNING v; "
        "DELETE FROM t WHERE id = 1 RETURNING v; SELECT id, v FROM t; COMMIT",
        STARTED "id|v\n1|a\nv\nab\nc\nv\nv\ne\nv\nab\nid|v\n2|e\n" COMMITTED);
    expect(&f, "ann", "SELECT id, v FROM t", "id|v\n2|e\n");
    static const char *const insert[] = { "INSERT INTO acc VALUES (7, 7)", NULL };
    interleave("BEGIN; INSERT INTO acc VALUES (7, 0) ON CONFLICT (id) DO UPDATE SET v = 1; SELECT 1 AS go; COMMIT",
               insert, STARTED "go\n1\n" LOST);
}

static void ddl_beneath_a_transaction_is_a_conflict(void **state)
{
    (void)state;
    static const char *const drop[] = { "DROP TABLE acc", NULL };
    interleave("BEGIN; UPDATE acc SET v = 1 WHERE id = 1; SELECT 1 AS go; COMMIT", drop,
               STARTED
               "go\n1\n! CONFLICT failed to commit transaction '*': DDL has changed table 'default.acc' since it "
               "began\n");
    static const char *const again[] = { "DROP TABLE t", "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)", NULL };
    interleave("BEGIN; INSERT INTO t VALUES (1, 'a'); SELECT 1 AS go; SELECT 2 AS go; COMMIT", again,
               STARTED
               "go\n1\ngo\n2\n! CONFLICT failed to commit transaction '*': DDL has changed table 'default.t' since "
               "it began\n");
    expect(&f, "root", "SELECT count(*) AS n FROM t", "n\n0\n");
    static const char *const alter[] = { "ALTER TABLE t ADD COLUMN w INT", NULL };
    interleave("BEGIN; INSERT INTO t VALUES (1, 'a'); SELECT 1 AS go; COMMIT", alter,
               STARTED "go\n1\n! CONFLICT failed to commit transaction '*': DDL has changed table 'default.t' since it "
                       "began\n");
    static const char *const alter_again[] = { "ALTER TABLE t DROP COLUMN w", NULL };
    interleave("BEGIN; SELECT v FROM t; SELECT v FROM t; COMMIT", alter_again,
               STARTED "v\n! CONFLICT table 'default.t' was altered after transaction '*' had used it\n");
    static const char *const alter_unused[] = { "ALTER TABLE t ADD COLUMN x INT DEFAULT 5", NULL };
    interleave("BEGIN; SELECT 1 AS go; INSERT INTO t (id) VALUES (2); SELECT id, v, x FROM t; COMMIT", alter_unused,
               STARTED "go\n1\nid|v|x\n2|NULL|5\n" COMMITTED "[1 Inserted 1 row(s)]\n");
}

static void look_at_transactions(void *arg)
{
    char *text = arg;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_transaction_row *rows = NULL;
    size_t count = 0;
    kdb_core_transactions(f.core, arena, &rows, &count);
    if (count == 1) {
        KDB_ASSERT(rows[0].age_ms >= rows[0].idle_ms && rows[0].bytes >= 0 && rows[0].snapshot_seq > 0);
        (void)sprintf(text + strlen(text), "%.*s %.*s %.*s %.*s writes=%d tables=%d %s\n", KDB_SV_ARG(rows[0].id),
                      KDB_SV_ARG(rows[0].owner), KDB_SV_ARG(rows[0].origin), KDB_SV_ARG(rows[0].state),
                      (int)rows[0].writes, (int)rows[0].tables, rows[0].bytes > 0 ? "bytes" : "");
    } else {
        (void)sprintf(text + strlen(text), "%zu\n", count);
    }
}

static void open_transactions_are_listed(void **state)
{
    (void)state;
    char text[1024] = "";
    answer a =
        run_between(&f, "svc",
                    "SELECT 1; BEGIN; SELECT count(*) FROM acc; INSERT INTO acc VALUES (3, 3), (4, 4); SELECT 1; "
                    "SELECT count(*) FROM t; COMMIT; SELECT 1",
                    look_at_transactions, text);
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    hide_ids(text);
    assert_string_equal(text, "0\n* sql-req-1 SqlBatch open_read writes=0 tables=1 \n"
                              "* sql-req-1 SqlBatch open_write writes=2 tables=1 bytes\n"
                              "* sql-req-1 SqlBatch open_write writes=2 tables=2 bytes\n0\n");
}

/* ---- ends ---- */

/* The request may get here before whoever started it has put it down. */
static void cancel_request(void *arg)
{
    _Atomic(pending_request *) *started = arg;
    pending_request *p = NULL;
    while ((p = atomic_load(started)) == NULL) {
        sched_yield();
    }
    cancel(p);
}

static void a_cancelled_transaction_leaves_nothing(void **state)
{
    (void)state;
    _Atomic(pending_request *) started = NULL;
    pending_request *p =
        start_between(&f, "root", "BEGIN; UPDATE acc SET v = 0 WHERE true; SELECT 1 AS go; SELECT 2 AS go; COMMIT",
                      cancel_request, &started);
    atomic_store(&started, p);
    answer a = wait_for(p);
    assert_int_equal(a.status, KDB_CANCELLED);
    answer_done(&a);
    expect(&f, "root", "UPDATE acc SET v = v + 1 WHERE true; SELECT v FROM acc", "v\n101\n101\n[2 Updated 2 row(s)]\n");
}

/* ---- many at once ---- */

enum { TRANSFERS = 60, AT_ONCE = 6, RETRIES = 1000 };

typedef struct transferer {
    unsigned seed;
    kdb_core_lane *lane; /* NULL: on workers, with a look at the sum in between */
} transferer;

static answer transfer(transferer *t, unsigned from, unsigned to)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "BEGIN; UPDATE acc SET v = v - 1 WHERE id = %u; UPDATE acc SET v = v + 1 WHERE id = %u; %sCOMMIT",
                   from, to, t->lane == NULL ? "SELECT sum(v) AS s FROM acc; " : "");
    bool in_lane = false;
    if (t->lane != NULL) {
        return run_in_lane(&f, t->lane, "root", sql, NULL, 0, &in_lane);
    }
    answer a = run(&f, "root", sql);
    KDB_ASSERT(strstr(a.text, "s\n400\n") != NULL); /* in every snapshot */
    return a;
}

/* Transfers between two of four accounts, each retried until it is not beaten to a row. */
static void *transfer_often(void *arg)
{
    transferer *t = arg;
    for (int i = 0; i < TRANSFERS; i++) {
        const unsigned from = next_random(&t->seed, 4) + 1, to = (from + next_random(&t->seed, 3)) % 4 + 1;
        for (int tries = 0;; tries++) {
            answer a = transfer(t, from, to);
            const kdb_status status = a.status;
            answer_done(&a);
            if (status == KDB_OK) {
                break;
            }
            KDB_ASSERT(status == KDB_CONFLICT && tries < RETRIES);
        }
    }
    return NULL;
}

static void transfers_keep_the_sum(void **state)
{
    (void)state;
    expect(&f, "root", "INSERT INTO acc VALUES (3, 100), (4, 100)", "[2 Inserted 2 row(s)]\n");
    pthread_t threads[AT_ONCE];
    transferer transferers[AT_ONCE];
    for (unsigned i = 0; i < AT_ONCE; i++) {
        transferers[i] = (transferer){ .seed = i + 1, .lane = i % 2 == 0 ? NULL : kdb_core_lane_new(f.core) };
        assert_int_equal(pthread_create(&threads[i], NULL, transfer_often, &transferers[i]), 0);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        kdb_core_lane_free(transferers[i].lane);
    }
    expect(&f, "root", "SELECT sum(v) AS s FROM acc", "s\n400\n");
}

/* ---- increments in lanes: who has read a row before it got the lock must see whether it was changed since ---- */

enum { INCREMENTS = 150 };

static void *increment_often(void *arg)
{
    static const char *const forms[] = { "UPDATE acc SET v = v + 1 WHERE id = 1",
                                         "UPDATE acc SET v = v + 1 WHERE id <= 1",
                                         "BEGIN; UPDATE acc SET v = v + 1 WHERE id = 1; COMMIT" };
    transferer *t = arg;
    for (int i = 0; i < INCREMENTS; i++) {
        bool in_lane = false;
        const char *sql = forms[next_random(&t->seed, KDB_ARRAY_LEN(forms))];
        kdb_status status = KDB_CONFLICT;
        while (status != KDB_OK) {
            answer a = run_in_lane(&f, t->lane, "root", sql, NULL, 0, &in_lane);
            status = a.status;
            answer_done(&a);
            KDB_ASSERT(status == KDB_OK || (status == KDB_CONFLICT && sql == forms[2]));
        }
    }
    return NULL;
}

static void increments_in_lanes_all_count(void **state)
{
    (void)state;
    pthread_t threads[AT_ONCE];
    transferer incrementers[AT_ONCE];
    char text[64];
    for (unsigned i = 0; i < AT_ONCE; i++) {
        incrementers[i] = (transferer){ .seed = i + 1, .lane = kdb_core_lane_new(f.core) };
        assert_int_equal(pthread_create(&threads[i], NULL, increment_often, &incrementers[i]), 0);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        kdb_core_lane_free(incrementers[i].lane);
    }
    (void)snprintf(text, sizeof(text), "v\n%d\n", 100 + AT_ONCE * INCREMENTS);
    expect(&f, "root", "SELECT v FROM acc WHERE id = 1", text);
}

/* ---- in lanes: the same requests for two users, one of whom has them run on a net thread where that is possible ---- */

/* Runs it for both, whose answers must be the same. */
static bool run_both(kdb_core_lane *lane, const char *sql)
{
    bool in_lane = false;
    answer laned = run_in_lane(&f, lane, "ann", sql, NULL, 0, &in_lane), worked = run(&f, "bob", sql);
    hide_ids(laned.text);
    hide_ids(worked.text);
    if (strcmp(laned.text, worked.text) != 0) {
        print_error("%s\n", sql);
    }
    assert_string_equal(laned.text, worked.text);
    assert_int_equal(laned.line, worked.line);
    assert_int_equal(laned.column, worked.column);
    answer_done(&laned);
    answer_done(&worked);
    return in_lane;
}

static void small_transactions_run_in_a_lane(void **state)
{
    (void)state;
    static const struct {
        bool in_lane;
        const char *sql;
    } cases[] = {
        { true, "BEGIN; INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, 'b'), (3, 'c'); COMMIT" },
        { true, "begin work; UPDATE t SET v = 'B' WHERE id = 2; DELETE FROM t WHERE id = 3; commit transaction;" },
        { true, "BEGIN; INSERT INTO t VALUES (4, 'd'); UPDATE t SET v = 'D' WHERE id = 4; DELETE FROM t WHERE id = 1; "
                "INSERT INTO t VALUES (1, 'again'); COMMIT" },
        { true, "BEGIN; INSERT INTO t VALUES (4, 'e') ON CONFLICT DO NOTHING; COMMIT" },
        { true, "BEGIN; INSERT INTO t VALUES (20, 'x'); INSERT INTO u VALUES (1, 'y'); INSERT INTO t (v, id) VALUES "
                "('z', 19); INSERT INTO u (id) VALUES (2); COMMIT" },
        { true, "BEGIN; INSERT INTO logs VALUES ('one'); INSERT INTO logs VALUES ('two'), ('three'); COMMIT" },
        { true,
          "BEGIN; INSERT INTO t VALUES (21, 'x'); INSERT INTO t VALUES (22, 'x') ON CONFLICT DO NOTHING; COMMIT" },
        { false, "BEGIN; INSERT INTO u VALUES (3, 'y'); INSERT INTO t VALUES (20, 'again'); COMMIT" },
        { false, "BEGIN; INSERT INTO u VALUES (3, 'y'); INSERT INTO u VALUES (4, NULL), (5, true, 1); COMMIT" },
        { false, "BEGIN; INSERT INTO u VALUES (3, 'y'); INSERT INTO u VALUES (4, 'z', 'not a number'); COMMIT" },
        { false, "BEGIN; INSERT INTO u VALUES (3, 'y'); INSERT INTO events VALUES (1); COMMIT" },
        { true, "BEGIN; UPDATE t SET v = 'none' WHERE id = 77; COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (5, 'f'); INSERT INTO t VALUES (4, 'f'); COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (5, 'f'); INSERT INTO t VALUES (5, 'f'); COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (5, 'f') RETURNING id; COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (6, 'g'); SELECT id, v FROM t; COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (7, 'h'); ROLLBACK" },
        { false, "BEGIN; INSERT INTO t VALUES (7, 'h'); COMMIT; SELECT 1 AS one" },
        { false, "BEGIN; INSERT INTO t VALUES (8, 'i')" },
        { false, "BEGIN; SAVEPOINT s; INSERT INTO t VALUES (8, 'i'); COMMIT" },
        { false, "BEGIN; COMMIT" },
        { false, "BEGIN; INSERT INTO nowhere VALUES (8, 'i'); COMMIT" },
        { false, "BEGIN; INSERT INTO t VALUES (9, 'i'); INSERT INTO t VALUE (9, 'i'); COMMIT" },
        { false, "BEGIN; UPDATE t SET v = 'many' WHERE id > 0; UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET v = '1' "
                 "WHERE id = 1; UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET v = "
                 "'1' WHERE id = 1; UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET "
                 "v = '1' WHERE id = 1; COMMIT" },
    };
    kdb_core_lane *lane = kdb_core_lane_new(f.core);
    expect(&f, "root",
           "CREATE USER TABLE u (id BIGINT PRIMARY KEY, v TEXT NOT NULL DEFAULT 'none', n INT); "
           "CREATE USER TABLE logs (line TEXT); CREATE STREAM TABLE events (id BIGINT PRIMARY KEY) WITH "
           "(TTL_SECONDS = 60)",
           "[0 Table default.u created successfully]\n[0 Table default.logs created successfully]\n"
           "[0 Table default.events created successfully]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        if (run_both(lane, cases[i].sql) != cases[i].in_lane) {
            fail_msg("in a lane or not: %s", cases[i].sql);
        }
        (void)run_both(lane, "SELECT id, v FROM t ORDER BY id");
        (void)run_both(lane, "SELECT id, v, n FROM u ORDER BY id");
        (void)run_both(lane, "SELECT line FROM logs ORDER BY _seq");
    }
    kdb_core_lane_free(lane);
    expect(&f, "root", "SELECT count(*) AS n FROM system.transactions", "n\n0\n");
}

static void random_transactions_are_the_same_in_a_lane(void **state)
{
    (void)state;
    static const char *const forms[] = { "INSERT INTO t VALUES (%u, 'v%u'); ", "INSERT INTO t VALUES (%u, 'v%u'); ",
                                         "UPDATE t SET v = 'w' || v WHERE id = %u; ", "DELETE FROM t WHERE id = %u; ",
                                         "INSERT INTO t VALUES (%u, 'c%u') ON CONFLICT DO NOTHING; " };
    kdb_core_lane *lane = kdb_core_lane_new(f.core);
    unsigned seed = 11;
    size_t laned = 0;
    for (unsigned i = 0; i < 400; i++) {
        char sql[512] = "BEGIN; ";
        for (unsigned left = 1 + next_random(&seed, 5); left > 0; left--) {
            const size_t len = strlen(sql);
            const unsigned form = next_random(&seed, KDB_ARRAY_LEN(forms)), id = i / 8 + next_random(&seed, 12);
            (void)snprintf(sql + len, sizeof(sql) - len, forms[form], id, i);
        }
        (void)strcat(sql, "COMMIT");
        laned += run_both(lane, sql);
    }
    (void)run_both(lane, "SELECT id, v FROM t ORDER BY id");
    assert_true(laned > 100);
    kdb_core_lane_free(lane);
}

/* ---- transactions that only insert, in lanes, into each other's keys and into a table that DDL changes ---- */

enum { INSERTING = 4, INSERTIONS = 120, ALTERATIONS = 8 };

typedef struct inserter {
    unsigned seed, number;
    kdb_core_lane *lane;
    size_t taken, refused;
} inserter;

/* Two of three rows of each are among keys that the others want too. Whether it was taken shows in all of its rows, or in none. */
static void insert_three(inserter *in, unsigned tag)
{
    char sql[256];
    bool in_lane = false;
    const unsigned low = 3 * tag + 2 * next_random(&in->seed, 8), own = 100000 * (in->number + 1) + tag;
    (void)snprintf(sql, sizeof(sql),
                   "BEGIN; INSERT INTO s (id, v) VALUES (%u, %u); INSERT INTO s (id, v) VALUES (%u, %u); INSERT INTO s "
                   "(id, v) VALUES (%u, %u); COMMIT",
                   own, own, low + next_random(&in->seed, 2), own, low + 2 + next_random(&in->seed, 2), own);
    answer a = run_in_lane(&f, in->lane, "root", sql, NULL, 0, &in_lane);
    const bool taken = a.status == KDB_OK;
    KDB_ASSERT(taken || a.status == KDB_CONSTRAINT || a.status == KDB_CONFLICT);
    KDB_ASSERT(!taken || strstr(a.text, "Inserted 3 row(s)") != NULL);
    answer_done(&a);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) AS n FROM s WHERE v = %u", own);
    a = run(&f, "root", sql);
    KDB_ASSERT(strcmp(a.text, taken ? "n\n3\n" : "n\n0\n") == 0);
    answer_done(&a);
    in->taken += taken;
    in->refused += !taken;
}

static void *insert_often(void *arg)
{
    inserter *in = arg;
    for (unsigned i = 0; i < INSERTIONS; i++) {
        insert_three(in, i);
    }
    return NULL;
}

static void inserting_transactions_are_whole_or_nothing(void **state)
{
    (void)state;
    pthread_t threads[INSERTING];
    inserter inserters[INSERTING];
    size_t taken = 0, refused = 0;
    char text[64];
    expect(&f, "root", "CREATE SHARED TABLE s (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)",
           "[0 Table default.s created successfully]\n");
    for (unsigned i = 0; i < INSERTING; i++) {
        inserters[i] = (inserter){ .seed = i + 1, .number = i, .lane = kdb_core_lane_new(f.core) };
        assert_int_equal(pthread_create(&threads[i], NULL, insert_often, &inserters[i]), 0);
    }
    for (unsigned i = 0; i < ALTERATIONS; i++) {
        answer a = run(&f, "root", i % 2 == 0 ? "ALTER TABLE s ADD COLUMN w TEXT" : "ALTER TABLE s DROP COLUMN w");
        assert_int_equal(a.status, KDB_OK);
        answer_done(&a);
    }
    for (size_t i = 0; i < INSERTING; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        kdb_core_lane_free(inserters[i].lane);
        taken += inserters[i].taken;
        refused += inserters[i].refused;
    }
    print_message("%zu taken, %zu refused\n", taken, refused);
    assert_true(taken > 30 && refused > 30);
    (void)snprintf(text, sizeof(text), "n\n%zu\n", 3 * taken);
    expect(&f, "root", "SELECT count(*) AS n FROM s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commit_makes_the_writes_visible, setup, teardown),
        cmocka_unit_test_setup_teardown(rollback_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_and_user_tables_mix, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_statement_rolls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_transaction_fails_the_request, setup, teardown),
        cmocka_unit_test_setup_teardown(every_select_form_sees_own_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_without_a_key_keep_the_order_of_writing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parallel_scan_sees_own_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(savepoints_nest_and_hide_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(rolling_back_past_a_savepoint_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(random_transactions_agree_with_a_model, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_in_a_transaction_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_has_a_limit, setup_small, teardown),
        cmocka_unit_test_setup_teardown(an_idle_transaction_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_are_of_one_instant, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_committer_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_sees_what_is_not_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(other_rows_do_not_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_above_all_are_new_and_others_are_looked_up, setup, teardown),
        cmocka_unit_test_setup_teardown(write_skew_is_possible, setup, teardown),
        cmocka_unit_test_setup_teardown(returning_and_on_conflict_meet_own_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(ddl_beneath_a_transaction_is_a_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(open_transactions_are_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_transaction_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(transfers_keep_the_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(increments_in_lanes_all_count, setup, teardown),
        cmocka_unit_test_setup_teardown(small_transactions_run_in_a_lane, setup, teardown),
        cmocka_unit_test_setup_teardown(random_transactions_are_the_same_in_a_lane, setup, teardown),
        cmocka_unit_test_setup_teardown(inserting_transactions_are_whole_or_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
