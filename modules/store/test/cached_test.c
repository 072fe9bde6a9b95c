/* cached_test.c - reads that do not wait for the disk: what is in memory they answer as any read, and of the rest they say
 * so instead of guessing. */
#include "store_fixture.h"

#include <stdio.h>

enum { ROWS = 1000 };

static kdb_sv key_of(size_t i, char room[16])
{
    return kdb_sv_of(room, (size_t)snprintf(room, 16, "row%05zu", i));
}

static void put_rows(kdb_store *store)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < ROWS; i++) {
        char room[16];
        const kdb_sv key = key_of(i, room);
        kdb_batch_put(batch, part_a, key, key);
    }
    assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
}

static kdb_status get(const fixture *fix, const kdb_snapshot *snapshot, size_t i)
{
    char room[16];
    const kdb_sv key = key_of(i, room);
    kdb_sv value = { 0 };
    const kdb_status status = kdb_store_get_cached(fix->store, snapshot, part_a, key, fix->arena, &value, NULL);
    assert_true(status != KDB_OK || kdb_sv_eq(value, key));
    return status;
}

/* Two that are there, and one between them that is not. */
static kdb_status multi_get(const fixture *fix, const kdb_snapshot *snapshot, size_t i)
{
    char room[2][16];
    const kdb_sv keys[] = { key_of(i, room[0]), KDB_SV("row00000x"), key_of(i + 1, room[1]) };
    bool found[3] = { false };
    kdb_sv values[3];
    const kdb_status status =
        kdb_store_multi_get_cached(fix->store, snapshot, part_a, keys, 3, fix->arena, found, values, NULL);
    assert_true(status != KDB_OK || (found[0] && !found[1] && found[2] && kdb_sv_eq(values[2], keys[2])));
    return status;
}

static kdb_status walk_all(const fixture *fix, const kdb_snapshot *snapshot, bool descending, size_t *rows)
{
    const kdb_iter_range range = { .descending = descending, .memory_only = true };
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(fix->store, snapshot, part_a, range);
    for (*rows = 0; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        ++*rows;
    }
    return kdb_iter_status(iter, NULL);
}

static void recent_writes_are_in_memory(void **state)
{
    const fixture *fix = *state;
    put_rows(fix->store);
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(fix->store);
    commit_put(fix->store, part_a, "row00000", "new");
    commit_delete(fix->store, part_a, "row00001");
    assert_string_equal(value_of(fix->store, NULL, part_a, "row00000", fix->arena), "new");
    assert_int_equal(get(fix, snapshot, 0), KDB_OK);
    assert_int_equal(get(fix, snapshot, 1), KDB_OK);
    assert_int_equal(get(fix, NULL, 1), KDB_NOT_FOUND);
    assert_int_equal(get(fix, NULL, ROWS), KDB_NOT_FOUND);
    assert_int_equal(multi_get(fix, snapshot, 0), KDB_OK);
    assert_int_equal(multi_get(fix, NULL, 2), KDB_OK);
    size_t rows;
    assert_int_equal(walk_all(fix, snapshot, false, &rows), KDB_OK);
    assert_int_equal(rows, ROWS);
    assert_int_equal(walk_all(fix, NULL, true, &rows), KDB_OK);
    assert_int_equal(rows, ROWS - 1);
}

/* Closing writes all out, so that a store opened again has everything on disk and nothing in memory. */
static void what_is_on_disk_is_not_waited_for(void **state)
{
    (void)state;
    const char *path = fresh_path();
    kdb_store *filled = open_at(path, false);
    put_rows(filled);
    kdb_store_close(filled);
    fixture fix = { open_at(path, false), kdb_arena_new(0) };
    kdb_snapshot *snapshot = kdb_snapshot_new(fix.store);
    const kdb_snapshot *const views[] = { NULL, snapshot };
    size_t rows;
    for (size_t i = 0; i < KDB_ARRAY_LEN(views); i++) {
        kdb_err err = { 0 };
        kdb_sv value = KDB_SV("before");
        assert_int_equal(kdb_store_get_cached(fix.store, views[i], part_a, KDB_SV("row00007"), fix.arena, &value, &err),
                         KDB_WOULD_BLOCK);
        assert_int_equal(err.status, KDB_WOULD_BLOCK);
        assert_true(kdb_sv_eq(value, KDB_SV("before")));
        assert_int_equal(get(&fix, views[i], ROWS), KDB_NOT_FOUND); /* beyond the last key of the file */
        assert_int_equal(multi_get(&fix, views[i], 3), KDB_WOULD_BLOCK);
        assert_int_equal(walk_all(&fix, views[i], false, &rows), KDB_WOULD_BLOCK);
        assert_int_equal(walk_all(&fix, views[i], true, &rows), KDB_WOULD_BLOCK);
    }
    assert_non_null(walk(fix.store, NULL, part_a, (kdb_iter_range){ .descending = false }, fix.arena));
    assert_string_equal(value_of(fix.store, NULL, part_a, "row00007", fix.arena), "row00007");
    for (size_t i = 0; i < KDB_ARRAY_LEN(views); i++) {
        assert_int_equal(get(&fix, views[i], 7), KDB_OK);
        assert_int_equal(multi_get(&fix, views[i], 3), KDB_OK);
        assert_int_equal(walk_all(&fix, views[i], false, &rows), KDB_OK);
        assert_int_equal(rows, ROWS);
    }
    kdb_snapshot_free(snapshot);
    kdb_store_close(fix.store);
    kdb_arena_free(fix.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(recent_writes_are_in_memory),
        cmocka_unit_test(what_is_on_disk_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
