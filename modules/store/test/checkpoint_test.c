/* checkpoint_test.c - a checkpoint is the store as of one moment: whatever is written while it is made and afterwards, and whatever happens to
 * the store. Only RocksDB makes them. */
#include "store_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { PAIRS = 2000 };

/* Nothing is there yet. */
static const char *copy_path(const fixture *f)
{
    return kdb_sv_printf(f->arena, "%s/copy%c", fresh_path(), '\0').ptr;
}

static kdb_store *open_checkpoint(const char *path)
{
    kdb_store *store = open_at(path, false);
    assert_non_null(store);
    return store;
}

static void holds_what_was_committed_before(void **state)
{
    const fixture *f = *state;
    const char *path = copy_path(f);
    commit_put(f->store, part_a, "kept", "1");
    commit_put(f->store, part_b, "changed", "old");
    commit_put(f->store, part_b, "deleted", "x");
    commit_delete(f->store, part_b, "deleted");
    kdb_snapshot *snapshot = kdb_snapshot_new(f->store);
    assert_int_equal(kdb_store_checkpoint(f->store, path, NULL), KDB_OK); /* what is only in memory, too */
    commit_put(f->store, part_b, "changed", "new");
    commit_put(f->store, part_a, "late", "x");
    kdb_store_write_out(f->store);
    KDB_CLEANUP(kdb_store_closep) kdb_store *copy = open_checkpoint(path);
    const kdb_iter_range all = { .descending = false };
    assert_string_equal(walk(copy, NULL, part_a, all, f->arena), "kept=1");
    assert_string_equal(walk(copy, NULL, part_b, all, f->arena), "changed=old");
    assert_string_equal(walk(f->store, snapshot, part_b, all, f->arena), "changed=old");
    commit_put(copy, part_a, "mine", "y"); /* it is a store of its own */
    assert_null(value_of(f->store, NULL, part_a, "mine", f->arena));
    assert_string_equal(walk(f->store, NULL, part_a, all, f->arena), "kept=1 late=x");
    kdb_snapshot_free(snapshot);
}

static void a_place_that_is_taken_is_refused(void **state)
{
    const fixture *f = *state;
    const char *path = copy_path(f);
    kdb_err err;
    commit_put(f->store, part_a, "a", "1");
    assert_int_equal(kdb_store_checkpoint(f->store, path, NULL), KDB_OK);
    commit_put(f->store, part_a, "b", "2");
    assert_int_not_equal(kdb_store_checkpoint(f->store, path, &err), KDB_OK);
    KDB_CLEANUP(kdb_store_closep) kdb_store *copy = open_checkpoint(path); /* the first is as it was */
    assert_string_equal(walk(copy, NULL, part_a, (kdb_iter_range){ .descending = false }, f->arena), "a=1");
    const char *nowhere = kdb_sv_printf(f->arena, "%s-no/such/place%c", path, '\0').ptr;
    assert_int_not_equal(kdb_store_checkpoint(f->store, nowhere, &err), KDB_OK);
}

/* ---- beside writers ---- */

typedef struct writer {
    kdb_store *store;
    atomic_uint done;
} writer;

static void write_pairs(void *arg)
{
    writer *w = arg;
    for (unsigned i = 0; i < PAIRS; i++) {
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
        char key[16];
        (void)snprintf(key, sizeof(key), "%06u", i);
        kdb_batch_put(batch, part_a, kdb_sv_cstr(key), KDB_SV("x"));
        kdb_batch_put(batch, part_b, kdb_sv_cstr(key), KDB_SV("x"));
        KDB_ASSERT(kdb_store_commit(w->store, batch, NULL) == KDB_OK);
        atomic_store(&w->done, i + 1);
    }
}

static unsigned count_keys(kdb_store *store, kdb_partition part)
{
    unsigned count = 0;
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, part, (kdb_iter_range){ .descending = false });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%06u", count++);
        assert_true(kdb_sv_eq(kdb_iter_key(iter), kdb_sv_cstr(key))); /* no gap */
    }
    return count;
}

static void beside_writers_it_has_whole_batches_in_order(void **state)
{
    const fixture *f = *state;
    const char *path = copy_path(f);
    writer w = { .store = f->store };
    kdb_thread thread;
    atomic_init(&w.done, 0);
    kdb_thread_start(&thread, "writer", KDB_THREAD_ANY, write_pairs, &w);
    while (atomic_load(&w.done) < PAIRS / 10) {}
    const unsigned before = atomic_load(&w.done);
    assert_int_equal(kdb_store_checkpoint(f->store, path, NULL), KDB_OK);
    const unsigned after = atomic_load(&w.done);
    kdb_thread_join(&thread);
    KDB_CLEANUP(kdb_store_closep) kdb_store *copy = open_checkpoint(path);
    const unsigned pairs = count_keys(copy, part_a);
    assert_int_equal(count_keys(copy, part_b), pairs);
    assert_in_range(pairs, before, after + 1); /* one may be committed and not counted yet */
}

static void a_store_in_memory_makes_none(void **state)
{
    const fixture *f = *state;
    kdb_err err;
    assert_int_equal(kdb_store_checkpoint(f->store, copy_path(f), &err), KDB_INVALID_OPERATION);
}

#define ROCKS(fn) cmocka_unit_test_setup_teardown(fn, open_rocksdb_fixture, close_fixture)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROCKS(holds_what_was_committed_before),
        ROCKS(a_place_that_is_taken_is_refused),
        ROCKS(beside_writers_it_has_whole_batches_in_order),
        cmocka_unit_test_setup_teardown(a_store_in_memory_makes_none, open_memory_fixture, close_fixture),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
