/* concurrency_test.c - lookups while tables come and go, and the bracket between a table's writers and its dropper. */
#include <sched.h>

#include "registry_fixture.h"

enum { READERS = 3, ROUNDS = 300 };

typedef struct shared {
    fixture *fix;
    atomic_bool stop;
    atomic_uint found;
    atomic_uint written_after_drop;
} shared;

static void check_found(kdb_table *table, shared *all)
{
    kdb_sv text = table->schema->columns[1].name;
    if (kdb_sv_eq(text, KDB_SV("body"))) {
        atomic_fetch_add(&all->found, 1);
    }
    kdb_table_unref(table);
}

static void read_catalog(void *arg)
{
    shared *all = arg;
    kdb_registry *registry = all->fix->registry;
    while (!atomic_load(&all->stop)) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        kdb_table **list;
        kdb_namespace *namespaces;
        size_t count;
        kdb_err err;
        kdb_table *table;
        if (kdb_registry_find_table(registry, KDB_SV("default"), KDB_SV("notes"), &table, &err) == KDB_OK) {
            check_found(table, all);
        }
        kdb_registry_list_tables(registry, arena, &list, &count);
        kdb_registry_release_tables(list, count);
        kdb_registry_list_namespaces(registry, arena, &namespaces, &count);
        (void)kdb_registry_epoch(registry);
    }
}

static void lookups_see_tables_whole_or_not_at_all(void **state)
{
    shared all = { .fix = *state };
    kdb_thread threads[READERS] = { 0 };
    for (int i = 0; i < READERS; i++) {
        kdb_thread_start(&threads[i], "reader", KDB_THREAD_ANY, read_catalog, &all);
    }
    for (int i = 0; i < ROUNDS || atomic_load(&all.found) == 0; i++) {
        kdb_table *table = simple_table(all.fix, "default", "notes");
        sched_yield();
        assert_ok(all.fix, drop_table(all.fix, table));
        kdb_table_unref(table);
    }
    atomic_store(&all.stop, true);
    for (int i = 0; i < READERS; i++) {
        kdb_thread_join(&threads[i]);
    }
}

static void write_rows(void *arg)
{
    shared *all = arg;
    kdb_table *table = kdb_registry_lookup_table(all->fix->registry, KDB_SV("default"), KDB_SV("notes"));
    while (kdb_table_write_enter(table)) {
        atomic_fetch_add(&all->found, 1);
        if (atomic_load(&all->stop)) { /* the dropper has seen no writers: there must be none */
            atomic_fetch_add(&all->written_after_drop, 1);
        }
        kdb_table_write_leave(table);
    }
    kdb_table_unref(table);
}

static void no_writer_is_inside_once_the_dropper_has_seen_none(void **state)
{
    for (int round = 0; round < 100; round++) {
        shared all = { .fix = *state };
        kdb_thread threads[READERS] = { 0 };
        kdb_table *table = simple_table(all.fix, "default", "notes");
        for (int i = 0; i < READERS; i++) {
            kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, write_rows, &all);
        }
        while (atomic_load(&all.found) < 10) {
            sched_yield();
        }
        atomic_store(&table->state, KDB_TABLE_DROPPED);
        while (atomic_load(&table->writers) != 0) {
            sched_yield();
        }
        atomic_store(&all.stop, true);
        for (int i = 0; i < READERS; i++) {
            kdb_thread_join(&threads[i]);
        }
        assert_int_equal(atomic_load(&all.written_after_drop), 0);
        assert_ok(all.fix, drop_table(all.fix, table));
        kdb_table_unref(table);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lookups_see_tables_whole_or_not_at_all),
        CASE(no_writer_is_inside_once_the_dropper_has_seen_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
