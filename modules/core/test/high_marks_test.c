/* high_marks_test.c - keys beyond a partition's mark are not looked for: so whatever is there, or comes at the same time, must
 * have raised the mark. First the marks themselves, then statements of many threads that fight for the same few keys. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f, NULL, NULL, 0);
    expect(&f, "root", "CREATE SHARED TABLE s (id BIGINT PRIMARY KEY, v INT)",
           "[0 Table default.s created successfully]\n");
    expect(&f, "root", "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v INT)",
           "[0 Table default.t created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* ---- marks ---- */

enum { ENOUGH = 100 /* keys looked for in vain: more than it takes */ };

static const kdb_user_id nobody;

static kdb_table *table_of(const char *name)
{
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("default"), kdb_sv_cstr(name));
    assert_non_null(table);
    return table;
}

static kdb_sv key_of(const kdb_table *table, kdb_user_id user, int64_t id, kdb_arena *arena)
{
    const kdb_value value = kdb_value_bigint(id);
    kdb_sv key;
    assert_int_equal(kdb_row_key(table, user, &value, arena, &key, NULL), KDB_OK);
    return key;
}

/* Whether the mark says that there is no row with the key. */
static bool rules_out(kdbi_high_mark *mark, const kdb_table *table, kdb_user_id user, int64_t id)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = key_of(table, user, id, arena);
    bool out = false;
    kdbi_high_mark_rule_out(mark, &key, 1, &out);
    return out;
}

static void raise_to(kdbi_high_mark *mark, const kdb_table *table, kdb_user_id user, int64_t id)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = key_of(table, user, id, arena);
    kdbi_high_mark_raise(mark, &key, 1);
}

static void a_mark_counts_what_was_there_and_what_comes(void **state)
{
    (void)state;
    expect(&f, "root", "INSERT INTO s VALUES (-5, 0), (30, 0), (20, 0); DELETE FROM s WHERE id = 30",
           "[3 Inserted 3 row(s)]\n[1 Deleted 1 row(s)]\n");
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("s");
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 1);
    kdbi_high_mark *mark = kdbi_high_mark_hold(marks, table, nobody);
    raise_to(mark, table, nobody, 25);
    assert_false(rules_out(mark, table, nobody, 1000)); /* nobody has looked at what is stored */
    kdbi_high_mark_missed(marks, mark, table, nobody, 1, false);
    assert_false(rules_out(mark, table, nobody, 1000));
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    assert_false(rules_out(mark, table, nobody, 30)); /* a tombstone */
    assert_true(rules_out(mark, table, nobody, 31));
    raise_to(mark, table, nobody, 7);
    raise_to(mark, table, nobody, 50);
    assert_false(rules_out(mark, table, nobody, 50));
    assert_true(rules_out(mark, table, nobody, 51));
    kdbi_high_mark_release(mark);
    kdbi_high_marks_free(marks);
}

static void keys_that_come_late_are_told_apart(void **state)
{
    (void)state;
    expect(&f, "root", "INSERT INTO s VALUES (100, 0)", "[1 Inserted 1 row(s)]\n");
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("s");
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 1);
    kdbi_high_mark *mark = kdbi_high_mark_hold(marks, table, nobody);
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    raise_to(mark, table, nobody, 110);
    assert_false(rules_out(mark, table, nobody, 105)); /* late keys are not remembered yet */
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    assert_false(rules_out(mark, table, nobody, 105)); /* it may have come before */
    raise_to(mark, table, nobody, 120);
    raise_to(mark, table, nobody, 115);
    assert_true(rules_out(mark, table, nobody, 116));
    assert_false(rules_out(mark, table, nobody, 115));
    assert_false(rules_out(mark, table, nobody, 110));
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_high_mark_raise_past(mark, key_of(table, nobody, 117, arena));
    assert_false(rules_out(mark, table, nobody, 116));
    assert_true(rules_out(mark, table, nobody, 118));
    assert_false(rules_out(mark, table, nobody, 120));
    kdbi_high_mark_release(mark);
    kdbi_high_marks_free(marks);
}

/* Against all keys that ever came: none of them may be ruled out, and of those that never came most near the top are. */
static void no_key_that_came_is_ruled_out(void **state)
{
    (void)state;
    enum { LAST = 6000, BEHIND = 40 };
    static bool came[LAST + 2 * BEHIND];
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("s");
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 1);
    kdbi_high_mark *mark = kdbi_high_mark_hold(marks, table, nobody);
    unsigned seed = 7;
    size_t told = 0, asked = 0;
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    for (int64_t i = 0; i < LAST; i++) {
        seed = seed * 1664525u + 1013904223u;
        const int64_t id = i + (int64_t)(seed >> 16) % BEHIND, look = i - BEHIND / 2 + (int64_t)(seed >> 8) % BEHIND;
        raise_to(mark, table, nobody, id);
        came[id] = true;
        const bool out = rules_out(mark, table, nobody, look);
        assert_false(out && look >= 0 && came[look]);
        told += out;
        asked += look < 0 || !came[look];
    }
    print_message("%zu of %zu\n", told, asked);
    assert_true(told > asked / 2);
    for (int64_t id = 0; id < LAST + BEHIND; id++) {
        assert_false(came[id] && rules_out(mark, table, nobody, id));
    }
    kdbi_high_mark_release(mark);
    kdbi_high_marks_free(marks);
}

static void users_have_marks_of_their_own(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO t VALUES (10, 0)", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann2", "INSERT INTO t VALUES (99, 0)", "[1 Inserted 1 row(s)]\n");
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("t");
    const kdb_user_id ann = { KDB_SV("ann") }, new_one = { KDB_SV("am") };
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 1000);
    kdbi_high_mark *anns = kdbi_high_mark_hold(marks, table, ann);
    kdbi_high_mark *none = kdbi_high_mark_hold(marks, table, new_one);
    assert_ptr_not_equal(anns, none);
    kdbi_high_mark_missed(marks, anns, table, ann, ENOUGH, false);
    kdbi_high_mark_missed(marks, none, table, new_one, ENOUGH, false);
    assert_false(rules_out(anns, table, ann, 10));
    assert_true(rules_out(anns, table, ann, 11));
    assert_true(rules_out(none, table, new_one, -1));
    kdbi_high_mark_release(anns);
    kdbi_high_mark_release(none);
    kdbi_high_marks_free(marks);
}

static void what_is_held_stays_and_what_is_not_goes(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("t");
    const kdb_user_id ann = { KDB_SV("ann") }, bob = { KDB_SV("bob") };
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 16);
    kdbi_high_mark *anns = kdbi_high_mark_hold(marks, table, ann);
    kdbi_high_mark *bobs = kdbi_high_mark_hold(marks, table, bob);
    kdbi_high_mark_missed(marks, anns, table, ann, ENOUGH, false);
    kdbi_high_mark_missed(marks, bobs, table, bob, ENOUGH, false);
    assert_true(rules_out(bobs, table, bob, 1));
    kdbi_high_mark_release(bobs);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%d", i);
        kdbi_high_mark_release(kdbi_high_mark_hold(marks, table, (kdb_user_id){ kdb_sv_cstr(name) }));
    }
    assert_ptr_equal(kdbi_high_mark_hold(marks, table, ann), anns);
    assert_true(rules_out(anns, table, ann, 1));
    kdbi_high_mark_release(anns);
    kdbi_high_mark_release(anns);
    bobs = kdbi_high_mark_hold(marks, table, bob);
    assert_false(rules_out(bobs, table, bob, 1)); /* made anew, so it has not looked at what is stored */
    kdbi_high_mark_release(bobs);
    kdbi_high_marks_free(marks);
}

static void keys_that_are_too_long_have_no_mark(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("s");
    static char bytes[KDBI_HIGH_MARK_MAX + 1] = { 0 };
    kdbi_high_marks *marks = kdbi_high_marks_new(f.store, NULL, 1);
    kdbi_high_mark *mark = kdbi_high_mark_hold(marks, table, nobody);
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    const kdb_sv fits = kdb_sv_of(bytes, KDBI_HIGH_MARK_MAX), too_long = kdb_sv_of(bytes, KDBI_HIGH_MARK_MAX + 1);
    kdbi_high_mark_raise(mark, &fits, 1);
    assert_true(rules_out(mark, table, nobody, 1));
    kdbi_high_mark_raise(mark, &too_long, 1);
    assert_false(rules_out(mark, table, nobody, 1));
    kdbi_high_mark_missed(marks, mark, table, nobody, ENOUGH, false);
    assert_false(rules_out(mark, table, nobody, 1));
    kdbi_high_mark_release(mark);
    kdbi_high_marks_free(marks);
}

/* ---- statements ---- */

static void keys_beyond_the_mark_and_others_are_told_apart(void **state)
{
    (void)state;
    for (int i = 1; i <= 40; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "INSERT INTO s VALUES (%d, 0)", 10 * i);
        expect(&f, "root", sql, "[1 Inserted 1 row(s)]\n");
        (void)snprintf(sql, sizeof(sql), "INSERT INTO s VALUES (%d, 1), (%d, 1)", 10 * i - 1, 10 * (i / 2 + 1));
        expect_failure(&f, "root", sql, KDB_CONSTRAINT, "Primary key violation");
    }
    expect(&f, "root", "INSERT INTO s VALUES (400, 2), (401, 2) ON CONFLICT DO NOTHING", "[1 Inserted 1 row(s)]\n");
    expect_failure(&f, "root", "BEGIN; INSERT INTO s VALUES (402, 3); INSERT INTO s VALUES (402, 3); COMMIT",
                   KDB_CONSTRAINT, "Primary key violation");
    expect(&f, "root", "DELETE FROM s WHERE id = 401; INSERT INTO s VALUES (401, 4); SELECT count(*) AS n FROM s",
           "n\n41\n[1 Inserted 1 row(s)]\n[1 Deleted 1 row(s)]\n");
}

enum { CLIENTS = 6, STEPS = 1500, SPAN = 8, KEYS = CLIENTS * STEPS + 2 * SPAN };

/* Of each key: how often it was inserted less how often it was deleted, as the answers say. */
static atomic_int present[KEYS];
static atomic_int front; /* keys about here are fought for; it moves on */

typedef struct client {
    unsigned seed;
    kdb_core_lane *lane;
} client;

static unsigned roll(client *c, unsigned sides)
{
    c->seed = c->seed * 1103515245u + 12345u;
    return (c->seed >> 16) % sides;
}

/* True when it went through; `text` (if any) must then stand in the answer. */
static bool did(client *c, const char *sql, const char *text)
{
    bool in_lane = false;
    answer a = roll(c, 2) == 0 ? run_in_lane(&f, c->lane, "root", sql, NULL, 0, &in_lane) : run(&f, "root", sql);
    KDB_ASSERT(a.status == KDB_OK || a.status == KDB_CONSTRAINT || a.status == KDB_CONFLICT);
    const bool good = a.status == KDB_OK && strstr(a.text, text) != NULL;
    answer_done(&a);
    return good;
}

static void take_step(client *c)
{
    static const char *const forms[] = { "INSERT INTO s VALUES (%d, 1)",
                                         "INSERT INTO s VALUES (%d, 1) ON CONFLICT DO NOTHING",
                                         "INSERT INTO s VALUES (%d, 1), (%d, 2)",
                                         "BEGIN; INSERT INTO s VALUES (%d, 1); INSERT INTO s VALUES (%d, 2); COMMIT" };
    const int at = atomic_load(&front);
    const int key = at + (int)roll(c, SPAN), other = at + SPAN + (int)roll(c, SPAN);
    const unsigned form = roll(c, 6);
    char sql[128];
    if (form >= KDB_ARRAY_LEN(forms)) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM s WHERE id = %d", key);
        atomic_fetch_sub(&present[key], did(c, sql, "Deleted 1 "));
    } else {
        (void)snprintf(sql, sizeof(sql), forms[form], key, other);
        const bool done = did(c, sql, form < 2 ? "Inserted 1 " : "Inserted 2 ");
        atomic_fetch_add(&present[key], done);
        atomic_fetch_add(&present[other], done && form >= 2);
    }
    if (roll(c, 4) == 0) {
        atomic_fetch_add(&front, 1);
    }
}

static void contend(void *arg)
{
    for (int i = 0; i < STEPS; i++) {
        take_step(arg);
    }
}

/* No insert is answered that went over a row that was there, and none is refused for a row that was not. */
static void no_row_is_inserted_over_another(void **state)
{
    (void)state;
    kdb_thread threads[CLIENTS] = { 0 };
    client clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client){ .seed = i + 1, .lane = kdb_core_lane_new(f.core) };
        kdb_thread_start(&threads[i], "client", KDB_THREAD_ANY, contend, &clients[i]);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        kdb_thread_join(&threads[i]);
        kdb_core_lane_free(clients[i].lane);
    }
    size_t there = 0;
    for (int i = 0; i < KEYS; i++) {
        char sql[64], expected[32];
        const int count = atomic_load(&present[i]);
        assert_in_range(count, 0, 1);
        there += (size_t)count;
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) AS n FROM s WHERE id = %d", i);
        (void)snprintf(expected, sizeof(expected), "n\n%d\n", count);
        expect(&f, "root", sql, expected);
    }
    assert_true(there > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_counts_what_was_there_and_what_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_come_late_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(no_key_that_came_is_ruled_out, setup, teardown),
        cmocka_unit_test_setup_teardown(users_have_marks_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_stays_and_what_is_not_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_are_too_long_have_no_mark, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_beyond_the_mark_and_others_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(no_row_is_inserted_over_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
