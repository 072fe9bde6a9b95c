/* evict_test.c - rows of STREAM tables that have outlived their TTL: taken off the disk, told of, nothing else touched. The
 * clock is the test's. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { HOUR_MS = 3600 * 1000 };

static fixture f;

/* What the sink was told; committer only, read when all is done. */
static struct {
    size_t inserts, deletes, bad;
    uint64_t last_seq;
} told;

static void on_changes(void *self, const kdb_row_change *changes, size_t count)
{
    (void)self;
    for (size_t i = 0; i < count; i++) {
        const bool is_delete = changes[i].op == KDB_CHANGE_DELETE;
        told.inserts += changes[i].op == KDB_CHANGE_INSERT;
        told.deletes += is_delete;
        told.bad += is_delete && (changes[i].old_row.len == 0 || changes[i].new_row.len != 0);
        told.bad +=
            changes[i].seq <= told.last_seq || !kdb_row_key_owned(changes[i].table, changes[i].user, changes[i].key);
        told.last_seq = changes[i].seq;
    }
}

static int setup(void **state)
{
    (void)state;
    const kdb_change_sink sink = { .on_changes = on_changes };
    memset(&told, 0, sizeof(told));
    fixture_open(&f, NULL, &sink, 1);
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

/* ---- steps ---- */

typedef struct step {
    kdb_eviction eviction;
    kdb_mutex lock;
    kdb_cond ended;
    bool is_done; /* guarded by lock, as the next */
    kdb_status status;
} step;

static void on_done(kdb_eviction *eviction, kdb_status status, const kdb_err *err)
{
    step *s = KDB_CONTAINER_OF(eviction, step, eviction);
    (void)err;
    kdb_mutex_lock(&s->lock);
    s->is_done = true;
    s->status = status;
    kdb_cond_broadcast(&s->ended);
    kdb_mutex_unlock(&s->lock);
}

static void step_init(step *s, kdb_table *table, int64_t now_ms, size_t max_rows)
{
    *s = (step){ .eviction = {
                     .table = table, .now_ms = now_ms, .max_rows = max_rows, .max_bytes = SIZE_MAX, .done = on_done } };
    kdb_mutex_init(&s->lock, KDB_LOCK_SERVER);
    kdb_cond_init(&s->ended);
    kdb_buf_init(&s->eviction.place, 0);
}

static void step_done(step *s)
{
    kdb_buf_done(&s->eviction.place);
    kdb_cond_done(&s->ended);
    kdb_mutex_done(&s->lock);
}

static void step_start(step *s)
{
    s->is_done = false;
    assert_int_equal(kdb_core_evict(f.core, &s->eviction, NULL), KDB_OK);
}

static void step_wait(step *s)
{
    kdb_mutex_lock(&s->lock);
    while (!s->is_done) {
        kdb_cond_wait(&s->ended, &s->lock);
    }
    kdb_mutex_unlock(&s->lock);
}

static kdb_table *find_table(void)
{
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("default"), KDB_SV("log"));
    assert_non_null(table);
    return table;
}

/* All steps of a sweep; how many rows they removed. */
static size_t sweep(int64_t now_ms, size_t max_rows)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = find_table();
    size_t removed = 0;
    step s;
    step_init(&s, table, now_ms, max_rows);
    do {
        step_start(&s);
        step_wait(&s);
        assert_int_equal(s.status, KDB_OK);
        assert_true(s.eviction.removed <= max_rows);
        removed += s.eviction.removed;
    } while (s.eviction.place.len != 0);
    step_done(&s);
    return removed;
}

static size_t rows_on_disk(void)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = find_table();
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(f.store, NULL, kdb_table_partition(table), (kdb_iter_range){ .descending = false });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

static void insert(const char *user, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect(&f, user, "INSERT INTO log (n) VALUES (1), (2), (3)", "[3 Inserted 3 row(s)]\n");
    }
}

/* ---- */

static void expired_rows_leave_the_disk_and_are_told_of(void **state)
{
    (void)state;
    insert("alice", 5);
    insert("bob", 7);
    insert("carol", 1);
    assert_int_equal(sweep(kdb_now_ms(), 100), 0);
    assert_int_equal(rows_on_disk(), 39);
    assert_int_equal(sweep(kdb_now_ms() + HOUR_MS, 100), 39);
    assert_int_equal(rows_on_disk(), 0);
    assert_int_equal(told.deletes, 39);
    assert_int_equal(told.bad, 0);
    assert_int_equal(sweep(kdb_now_ms() + HOUR_MS, 100), 0); /* once more does nothing */
    assert_int_equal(told.deletes, 39);
    expect(&f, "alice", "SELECT count(*) AS n FROM log", "n\n0\n");
}

static void small_steps_remove_as_much(void **state)
{
    (void)state;
    insert("alice", 5);
    insert("bob", 5);
    assert_int_equal(sweep(kdb_now_ms() + HOUR_MS, 4), 30);
    assert_int_equal(rows_on_disk(), 0);
    assert_int_equal(told.deletes, 30);
    assert_int_equal(told.bad, 0);
}

/* Two sweeps and a client race for the same rows: each row goes once. */
static void a_row_that_many_remove_goes_once(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = find_table();
    for (size_t round = 0; round < 20; round++) {
        memset(&told, 0, sizeof(told));
        insert("alice", 20);
        insert("bob", 20);
        step steps[2];
        for (size_t i = 0; i < 2; i++) {
            step_init(&steps[i], table, kdb_now_ms() + HOUR_MS, 1000);
        }
        pending_request *p = start(&f, "alice", "DELETE FROM log WHERE n > 0");
        step_start(&steps[0]);
        step_start(&steps[1]);
        answer a = wait_for(p);
        for (size_t i = 0; i < 2; i++) {
            step_wait(&steps[i]);
            assert_int_equal(steps[i].status, KDB_OK);
        }
        unsigned long long deleted = 0;
        assert_int_equal(sscanf(a.text, "[%*u Deleted %llu", &deleted), 1);
        assert_int_equal(deleted + steps[0].eviction.removed + steps[1].eviction.removed, 120);
        assert_int_equal(told.deletes, 120);
        assert_int_equal(told.bad, 0);
        assert_int_equal(rows_on_disk(), 0);
        answer_done(&a);
        step_done(&steps[0]);
        step_done(&steps[1]);
    }
}

static void a_dropped_table_is_no_error_worth_a_crash(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = find_table();
    insert("alice", 1);
    expect(&f, "root", "SELECT 1 AS one", "one\n1\n");
    answer a = run(&f, "root", "DROP TABLE log");
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    step s;
    step_init(&s, table, kdb_now_ms() + HOUR_MS, 10);
    step_start(&s);
    step_wait(&s);
    assert_int_equal(s.eviction.removed, 0);
    step_done(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(expired_rows_leave_the_disk_and_are_told_of),
        TEST(small_steps_remove_as_much),
        TEST(a_row_that_many_remove_goes_once),
        TEST(a_dropped_table_is_no_error_worth_a_crash),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
