/* reopen_test.c - the catalog over RocksDB: what was published is there after a restart, and a thousand tables load
 * fast. */
#include <stdio.h>

#include "registry_fixture.h"

static const kdb_registry_options options = { .shared_template = { "{namespace}/{tableName}", 23 },
                                              .user_template = { "{userId}", 8 } };

static void open_disk(fixture *fix, const char *path)
{
    kdb_store_options store = { .path = path,
                                .block_cache_bytes = 8 << 20,
                                .write_buffer_bytes = 8 << 20,
                                .background_jobs = 2,
                                .max_open_files = 64 };
    assert_ok(fix, kdb_store_open(&store, &fix->store, &fix->err));
    assert_ok(fix, kdb_registry_open(fix->store, &options, &fix->registry, &fix->err));
}

static void close_disk(fixture *fix)
{
    kdb_registry_close(fix->registry);
    kdb_store_close(fix->store);
}

static void a_thousand_tables_survive_a_restart(void **state)
{
    (void)state;
    fixture fix = { .arena = kdb_arena_new(0) };
    open_disk(&fix, "registry-rocksdb");
    assert_ok(&fix, create_namespace(&fix, "shop"));
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "t%d", i);
        kdb_table_unref(simple_table(&fix, "shop", name));
    }
    close_disk(&fix);

    open_disk(&fix, "registry-rocksdb");
    int64_t start = kdb_monotonic_us();
    kdb_registry *again;
    assert_ok(&fix, kdb_registry_open(fix.store, &options, &again, &fix.err));
    print_message("1000 tables loaded in %lld us\n", (long long)(kdb_monotonic_us() - start));
    kdb_registry_close(again);
    kdb_table **list;
    size_t count;
    kdb_registry_list_tables(fix.registry, fix.arena, &list, &count);
    assert_int_equal(count, 1000);
    assert_text(list[0]->name, "t0");
    assert_int_equal(list[0]->id, KDBI_FIRST_TABLE_ID);
    kdb_registry_release_tables(list, count);
    close_disk(&fix);
    kdb_arena_free(fix.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_tables_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
