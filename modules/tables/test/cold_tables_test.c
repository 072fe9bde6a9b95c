/* cold_tables_test.c - which tables have segments, asked while others are added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cold_int.h"
#include "kdb/thread.h"

#include <cmocka.h>

enum { IDS = 20000, READERS = 2 };

static uint32_t id_of(uint32_t i)
{
    return i % 3 == 0 ? i * 4096 + 1 : i * 2 + 2; /* some of one place, some side by side, none twice */
}

static void ids_are_there_once_added(KDB_UNUSED void **state)
{
    kdbi_cold_tables *tables = kdbi_cold_tables_new();
    for (uint32_t i = 0; i < IDS; i++) {
        assert_false(kdbi_cold_tables_have(tables, id_of(i)));
        kdbi_cold_tables_add(tables, id_of(i));
        kdbi_cold_tables_add(tables, id_of(i));
        assert_true(kdbi_cold_tables_have(tables, id_of(i)));
    }
    for (uint32_t i = 0; i < IDS; i++) {
        assert_true(kdbi_cold_tables_have(tables, id_of(i)));
    }
    assert_false(kdbi_cold_tables_have(tables, UINT32_MAX));
    kdbi_cold_tables_free(tables);
}

typedef struct race {
    kdbi_cold_tables *tables;
    _Atomic uint32_t added; /* ids that are there for sure */
    atomic_size_t missed;
} race;

static void look(void *arg)
{
    race *r = arg;
    for (uint32_t added = 0; added < IDS;) {
        added = atomic_load(&r->added);
        for (uint32_t i = 0; i < added; i += 1 + added / 64) {
            atomic_fetch_add(&r->missed, !kdbi_cold_tables_have(r->tables, id_of(i)));
        }
    }
}

static void nobody_misses_an_id_while_the_table_grows(KDB_UNUSED void **state)
{
    race r = { .tables = kdbi_cold_tables_new() };
    kdb_thread readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        kdb_thread_start(&readers[i], "look", KDB_THREAD_ANY, look, &r);
    }
    for (uint32_t i = 0; i < IDS; i++) {
        kdbi_cold_tables_add(r.tables, id_of(i));
        atomic_store(&r.added, i + 1);
    }
    for (size_t i = 0; i < READERS; i++) {
        kdb_thread_join(&readers[i]);
    }
    assert_int_equal(atomic_load(&r.missed), 0);
    kdbi_cold_tables_free(r.tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_there_once_added),
        cmocka_unit_test(nobody_misses_an_id_while_the_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
