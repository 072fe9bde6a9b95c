/* changes_test.c - what a change sink is told: every committed change once, per table in `_seq` order, with the rows
 * before and after. Also the ways a core comes to its end. */
#include "core_fixture.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

typedef struct seen_change {
    kdb_change_op op;
    uint64_t seq;
    bool has_old, has_new;
    char user[16];
    char table[16];
} seen_change;

static struct recorder {
    seen_change *changes;
    size_t count, cap;
} recorder;

/* Committer only, and read after the fixture is closed or all requests are answered. */
static void record(void *self, const kdb_row_change *changes, size_t count)
{
    (void)self;
    for (size_t i = 0; i < count; i++) {
        if (recorder.count == recorder.cap) {
            recorder.cap = recorder.cap == 0 ? 1024 : recorder.cap * 2;
            recorder.changes = kdb_realloc(recorder.changes, recorder.cap * sizeof(*recorder.changes));
        }
        seen_change *seen = &recorder.changes[recorder.count++];
        *seen = (seen_change){ .op = changes[i].op,
                               .seq = changes[i].seq,
                               .has_old = changes[i].old_row.len != 0,
                               .has_new = changes[i].new_row.len != 0 };
        KDB_ASSERT(changes[i].user.text.len < sizeof(seen->user) && changes[i].table->name.len < sizeof(seen->table));
        memcpy(seen->user, changes[i].user.text.ptr, changes[i].user.text.len);
        memcpy(seen->table, changes[i].table->name.ptr, changes[i].table->name.len);
    }
}

static fixture f;

static int setup(void **state)
{
    (void)state;
    const kdb_change_sink sink = { .on_changes = record };
    recorder.count = 0;
    fixture_open(&f, NULL, &sink, 1);
    expect(&f, "root", "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v INT)",
           "[0 Table default.t created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kdb_free(recorder.changes);
    recorder = (struct recorder){ 0 };
    return 0;
}

static void each_kind_of_change_carries_its_rows(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t VALUES (1, 1)", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann", "UPDATE t SET v = 2 WHERE id = 1", "[1 Updated 1 row(s)]\n");
    expect(&f, "ann", "UPDATE t SET v = 2 WHERE id = 1", "[0 Updated 0 row(s)]\n");
    expect(&f, "ann", "DELETE FROM t WHERE id = 1", "[1 Deleted 1 row(s)]\n");
    fixture_close(&f);
    assert_int_equal(recorder.count, 3);
    const kdb_change_op ops[] = { KDB_CHANGE_INSERT, KDB_CHANGE_UPDATE, KDB_CHANGE_DELETE };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(recorder.changes[i].op, ops[i]);
        assert_int_equal(recorder.changes[i].has_old, i > 0);
        assert_true(recorder.changes[i].has_new);
        assert_string_equal(recorder.changes[i].user, "ann");
        assert_string_equal(recorder.changes[i].table, "t");
    }
}

static void changes_come_in_order_whoever_writes(void **state)
{
    (void)state;
    enum { ROUNDS = 40, WIDTH = 12 };
    static const char *const users[] = { "ann", "bob", "cid" };
    for (int round = 0; round < ROUNDS; round++) {
        pending_request *all[WIDTH];
        char sql[WIDTH][96];
        for (int i = 0; i < WIDTH; i++) {
            const int id = (round * WIDTH + i) * 3;
            (void)snprintf(sql[i], sizeof(sql[i]), "INSERT INTO t VALUES (%d, 1), (%d, 2), (%d, 3)", id, id + 1,
                           id + 2);
            all[i] = start(&f, users[i % 3], sql[i]);
        }
        for (int i = 0; i < WIDTH; i++) {
            answer a = wait_for(all[i]);
            assert_int_equal(a.status, KDB_OK);
            answer_done(&a);
        }
    }
    fixture_close(&f);
    assert_int_equal(recorder.count, ROUNDS * WIDTH * 3);
    for (size_t i = 1; i < recorder.count; i++) {
        assert_true(recorder.changes[i - 1].seq < recorder.changes[i].seq);
    }
}

static void a_drained_core_refuses_and_answers_everything(void **state)
{
    (void)state;
    pending_request *all[64];
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        all[i] = start(&f, "ann",
                       "SELECT sum(a.i * b.i) AS s FROM generate_series(1, 1000000) AS a(i), "
                       "generate_series(1, 1000000) AS b(i)");
    }
    kdb_core_drain(f.core, 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        answer a = wait_for(all[i]);
        if (a.status != KDB_CANCELLED) {
            fail_msg("%s", a.text);
        }
        answer_done(&a);
    }
    expect_failure(&f, "ann", "SELECT 1", KDB_OVERLOADED, "busy");
    fixture_close(&f);
}

static int setup_tight(void **state)
{
    (void)state;
    static const char *const settings[] = { "server.workers=1",
                                            "server.queue_length=2",
                                            "execution.handler_timeout_seconds=1",
                                            "limits.default_query_limit=3",
                                            "limits.max_statement_write_bytes=65536",
                                            NULL };
    fixture_open(&f, settings, NULL, 0);
    return 0;
}

typedef struct gate {
    sem_t reached, opened;
} gate;

static void wait_at(void *arg)
{
    gate *g = arg;
    assert_int_equal(sem_post(&g->reached), 0);
    assert_int_equal(sem_wait(&g->opened), 0);
}

static void a_full_queue_sheds_load(void **state)
{
    (void)state;
    enum { QUEUED = 2 };
    gate g;
    assert_int_equal(sem_init(&g.reached, 0, 0) | sem_init(&g.opened, 0, 0), 0);
    pending_request *all[16];
    pending_request *first = start_between(&f, "ann", "SELECT 1", wait_at, &g); /* keeps the one worker */
    assert_int_equal(sem_wait(&g.reached), 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(all); i++) {
        all[i] = start(&f, "ann", "SELECT 2 AS n");
    }
    for (size_t i = QUEUED; i < KDB_ARRAY_LEN(all); i++) { /* refused at once */
        answer a = wait_for(all[i]);
        assert_int_equal(a.status, KDB_OVERLOADED);
        answer_done(&a);
    }
    assert_int_equal(sem_post(&g.opened), 0);
    answer ended = wait_for(first);
    assert_int_equal(ended.status, KDB_OK);
    answer_done(&ended);
    for (size_t i = 0; i < QUEUED; i++) {
        answer a = wait_for(all[i]);
        assert_string_equal(a.text, "n\n2\n");
        answer_done(&a);
    }
    sem_destroy(&g.reached);
    sem_destroy(&g.opened);
    fixture_close(&f);
}

static void limits_hold(void **state)
{
    (void)state;
    expect(&f, "ann", "SELECT i FROM generate_series(1, 10) AS g(i)", "i\n1\n2\n3\n(truncated)\n");
    expect(&f, "ann", "SELECT i FROM generate_series(1, 3) AS g(i)", "i\n1\n2\n3\n");
    expect(&f, "ann", "SELECT i FROM generate_series(1, 10) AS g(i) LIMIT 5", "i\n1\n2\n3\n4\n5\n");
    expect_failure(&f, "ann",
                   "SELECT sum(a.i * b.i) AS s FROM generate_series(1, 1000000) AS a(i), "
                   "generate_series(1, 1000000) AS b(i)",
                   KDB_TIMEOUT, "Handler execution timeout: exceeded 1s");
    expect(&f, "root", "CREATE SHARED TABLE s (id BIGINT PRIMARY KEY, v TEXT)",
           "[0 Table default.s created successfully]\n");
    expect_failure(&f, "root", "INSERT INTO s SELECT i, repeat('x', 1000) FROM generate_series(1, 100) AS g(i)",
                   KDB_LIMIT, "limits.max_statement_write_bytes");
    expect(&f, "root", "SELECT count(*) AS n FROM s", "n\n0\n");
    expect(&f, "root", "INSERT INTO s SELECT i, 'x' FROM generate_series(1, 30) AS g(i)", "[30 Inserted 30 row(s)]\n");
    expect_failure(&f, "root", "UPDATE s SET v = repeat('x', 10000) WHERE id > 0", KDB_LIMIT, "statement_write_bytes");
    expect_failure(&f, "root", "UPDATE s SET v = $$y$$ || repeat('x', 70000) WHERE id = 1", KDB_LIMIT,
                   "statement_write_bytes");
    expect(&f, "root", "SELECT count(*) AS n FROM s WHERE v = 'x'", "n\n30\n");
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_of_change_carries_its_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_come_in_order_whoever_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drained_core_refuses_and_answers_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_sheds_load, setup_tight, teardown),
        cmocka_unit_test_setup_teardown(limits_hold, setup_tight, teardown),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
