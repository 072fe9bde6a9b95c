/* purge_test.c - tombstones that are removed for good, and all that a user has: what goes, what stays, what readers see. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;
static int stops_after; /* questions that are answered with no; -1: all */
static int told;

static bool stop(void *self)
{
    (void)self;
    return stops_after >= 0 && stops_after-- == 0;
}

static void progress(void *self, kdb_sv message)
{
    (void)self;
    assert_true(message.len != 0);
    told++;
}

static const kdb_work work = { NULL, stop, progress };

static int setup(void **state)
{
    (void)state;
    stops_after = -1;
    told = 0;
    fixture_open(&f, NULL, NULL, 0);
    expect(&f, "root",
           "CREATE NAMESPACE app; CREATE USER TABLE app.own (id INT PRIMARY KEY, body TEXT); "
           "CREATE SHARED TABLE app.bare (body TEXT) WITH (ACCESS_LEVEL = 'PRIVATE'); "
           "CREATE STREAM TABLE app.log (n INT) WITH (TTL_SECONDS = 3600)",
           "[0 Namespace 'app' created successfully]\n[0 Table app.own created successfully]\n"
           "[0 Table app.bare created successfully]\n[0 Table app.log created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static kdb_table *table_named(const char *name)
{
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("app"), kdb_sv_cstr(name));
    assert_non_null(table);
    return table;
}

static size_t count_keys(kdb_partition part)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(f.store, NULL, part, (kdb_iter_range){ 0 });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

/* Keys of the table and of its seq index, which are as many. */
static size_t keys_of(const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_named(name);
    const size_t rows = count_keys(kdb_table_partition(table));
    if (table->type != KDB_TABLE_STREAM) {
        assert_int_equal(count_keys(kdb_table_seq_partition(table)), rows);
    }
    return rows;
}

static uint64_t purge(const char *name, int64_t before_us)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_named(name);
    uint64_t removed = 0;
    assert_int_equal(kdb_core_purge_tombstones(f.core, table, before_us, &work, &removed, NULL), KDB_OK);
    return removed;
}

static int64_t soon(void)
{
    return kdb_now_us() + 60 * INT64_C(1000000);
}

static void tombstones_go_and_rows_stay(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO app.own SELECT i, 'x' FROM generate_series(1, 10) AS g(i)",
           "[10 Inserted 10 row(s)]\n");
    expect(&f, "bob", "INSERT INTO app.own VALUES (1, 'bob')", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann", "DELETE FROM app.own WHERE id > 4", "[6 Deleted 6 row(s)]\n");
    expect(&f, "ann", "INSERT INTO app.own VALUES (7, 'again')", "[1 Inserted 1 row(s)]\n");
    assert_int_equal(keys_of("own"), 11);
    assert_int_equal(purge("own", kdb_now_us() - 3600 * INT64_C(1000000)), 0); /* too young */
    assert_int_equal(keys_of("own"), 11);
    assert_int_equal(purge("own", soon()), 5);
    assert_int_equal(keys_of("own"), 6);
    expect(&f, "ann", "SELECT id, body, _deleted FROM app.own",
           "id|body|_deleted\n1|x|false\n2|x|false\n3|x|false\n4|x|false\n7|again|false\n");
    expect(&f, "ann", "SELECT count(*) AS n FROM app.own WHERE _deleted", "n\n0\n");
    expect(&f, "bob", "SELECT body FROM app.own", "body\nbob\n");
    expect(&f, "ann", "INSERT INTO app.own VALUES (5, 'new')", "[1 Inserted 1 row(s)]\n");
    assert_int_equal(keys_of("own"), 7);
    assert_int_equal(purge("own", soon()), 0);
}

static void what_is_forgotten_is_on_record(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_named("bare");
    expect(&f, "root", "INSERT INTO app.bare VALUES ('a'), ('b')", "[2 Inserted 2 row(s)]\n");
    assert_int_equal(purge("bare", soon()), 0);
    assert_int_equal(kdb_core_purge_floor(f.core, table), 0);
    const uint64_t cursor = kdb_snowflake_next();
    expect(&f, "root", "DELETE FROM app.bare WHERE body = 'a'", "[1 Deleted 1 row(s)]\n");
    assert_int_equal(purge("bare", soon()), 1);
    assert_true(kdb_core_purge_floor(f.core, table) > cursor);
    assert_int_equal(keys_of("bare"), 1);
    expect(&f, "root", "DROP TABLE IF EXISTS app.nothing", "[0 Table app.nothing does not exist (skipped)]\n");
    answer a = run(&f, "root", "DROP TABLE app.bare");
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    assert_int_equal(kdb_core_purge_floor(f.core, table), 0);
    uint64_t removed = 0;
    assert_int_equal(kdb_core_purge_tombstones(f.core, table, soon(), &work, &removed, NULL), KDB_OK); /* empty */
}

static void many_go_step_by_step_until_it_is_stopped(void **state)
{
    (void)state;
    expect(&f, "ann", "INSERT INTO app.own SELECT i, 'x' FROM generate_series(1, 3500) AS g(i)",
           "[3500 Inserted 3500 row(s)]\n");
    expect(&f, "ann", "DELETE FROM app.own WHERE id % 7 <> 0", "[3000 Deleted 3000 row(s)]\n");
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_named("own");
    uint64_t removed = 0;
    stops_after = 1;
    assert_int_equal(kdb_core_purge_tombstones(f.core, table, soon(), &work, &removed, NULL), KDB_CANCELLED);
    assert_int_equal(removed, 1000);
    assert_int_equal(keys_of("own"), 2500);
    stops_after = -1;
    assert_int_equal(purge("own", soon()), 2000);
    assert_int_equal(keys_of("own"), 500);
    assert_true(told >= 3);
}

static void purge_between(void *arg)
{
    *(uint64_t *)arg += purge("own", soon());
}

static void a_transaction_that_saw_a_tombstone_may_replace_what_has_gone(void **state)
{
    (void)state;
    uint64_t removed = 0;
    expect(&f, "ann", "INSERT INTO app.own VALUES (1, 'x'); DELETE FROM app.own WHERE id = 1",
           "[1 Inserted 1 row(s)]\n[1 Deleted 1 row(s)]\n");
    answer a = run_between(&f, "ann", "BEGIN; INSERT INTO app.own VALUES (1, 'y'); SELECT 1 AS one; COMMIT",
                           purge_between, &removed);
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    assert_int_equal(removed, 1);
    expect(&f, "ann", "SELECT body FROM app.own", "body\ny\n");
    assert_int_equal(keys_of("own"), 1);
}

static void all_of_a_user_goes_and_nothing_of_others(void **state)
{
    (void)state;
    uint64_t tables = 0;
    for (int i = 0; i < 20; i++) { /* often enough that the rows are kept in memory */
        expect(&f, "ann",
               i == 0 ? "INSERT INTO app.own VALUES (1, 'a'), (2, 'b'); DELETE FROM app.own WHERE id = 2; "
                        "INSERT INTO app.log VALUES (1), (2)"
                      : "SELECT id FROM app.own",
               i == 0 ? "[4 Inserted 4 row(s)]\n[1 Deleted 1 row(s)]\n" : "id\n1\n");
    }
    expect(&f, "an", "INSERT INTO app.own VALUES (1, 'an'); INSERT INTO app.log VALUES (7)", "[2 Inserted 2 row(s)]\n");
    expect(&f, "root", "INSERT INTO app.bare VALUES ('ann')", "[1 Inserted 1 row(s)]\n");
    stops_after = 0;
    assert_int_equal(kdb_core_remove_user_rows(f.core, (kdb_user_id){ KDB_SV("ann") }, &work, &tables, NULL),
                     KDB_CANCELLED);
    stops_after = -1;
    assert_int_equal(kdb_core_remove_user_rows(f.core, (kdb_user_id){ KDB_SV("ann") }, &work, &tables, NULL), KDB_OK);
    assert_int_equal(tables, 2);
    expect(&f, "ann", "SELECT id FROM app.own", "id\n");
    expect(&f, "ann", "SELECT count(*) AS n FROM app.log", "n\n0\n");
    expect(&f, "an", "SELECT body FROM app.own", "body\nan\n");
    expect(&f, "an", "SELECT n FROM app.log", "n\n7\n");
    assert_int_equal(keys_of("own"), 1);
    assert_int_equal(keys_of("log"), 1);
    assert_int_equal(keys_of("bare"), 1);
    assert_int_equal(kdb_core_remove_user_rows(f.core, (kdb_user_id){ KDB_SV("ann") }, &work, &tables, NULL), KDB_OK);
    assert_int_equal(tables, 0);
}

static void cold_rows_go_with_their_user(void **state)
{
    (void)state;
    uint64_t tables = 0;
    kdb_cold_result result;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_named("own");
    const kdb_flush_spec spec = { .table = table, .all = true };
    expect(&f, "ann", "INSERT INTO app.own VALUES (1, 'a'), (2, 'b')", "[2 Inserted 2 row(s)]\n");
    expect(&f, "bob", "INSERT INTO app.own VALUES (1, 'bob')", "[1 Inserted 1 row(s)]\n");
    assert_int_equal(kdb_core_flush(f.core, &spec, &work, &result, NULL), KDB_OK);
    assert_int_equal(result.rows, 3);
    expect(&f, "ann", "INSERT INTO app.own VALUES (3, 'hot')", "[1 Inserted 1 row(s)]\n");
    expect(&f, "ann", "SELECT count(*) AS n FROM app.own", "n\n3\n");
    assert_int_equal(kdb_core_remove_user_rows(f.core, (kdb_user_id){ KDB_SV("ann") }, &work, &tables, NULL), KDB_OK);
    assert_int_equal(tables, 1);
    expect(&f, "ann", "SELECT count(*) AS n FROM app.own", "n\n0\n");
    expect(&f, "bob", "SELECT body FROM app.own", "body\nbob\n");
    expect(&f, "ann", "INSERT INTO app.own VALUES (1, 'new')", "[1 Inserted 1 row(s)]\n");
    assert_int_equal(kdb_core_flush(f.core, &spec, &work, &result, NULL), KDB_OK);
    expect(&f, "ann", "SELECT id, body FROM app.own", "id|body\n1|new\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(tombstones_go_and_rows_stay),
        TEST(what_is_forgotten_is_on_record),
        TEST(many_go_step_by_step_until_it_is_stopped),
        TEST(a_transaction_that_saw_a_tombstone_may_replace_what_has_gone),
        TEST(all_of_a_user_goes_and_nothing_of_others),
        TEST(cold_rows_go_with_their_user),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
