/* store_fixture.c - what store's tests share. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>

const kdb_partition part_a = { KDB_FAMILY_HOT, 7 };
const kdb_partition part_b = { KDB_FAMILY_HOT, 8 };

const char *fresh_path(void)
{
    static char path[64];
    (void)snprintf(path, sizeof(path), "store-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

kdb_store_options options_at(const char *path, bool sync)
{
    return (kdb_store_options){
        .path = path,
        .sync = sync,
        .block_cache_bytes = 8 * 1024 * 1024,
        .write_buffer_bytes = 4 * 1024 * 1024,
        .background_jobs = 2,
        .max_open_files = 64,
    };
}

kdb_store *open_at(const char *path, bool sync)
{
    const kdb_store_options options = options_at(path, sync);
    kdb_store *store = NULL;
    kdb_err err = { 0 };
    const kdb_status status = kdb_store_open(&options, &store, &err);
    if (status != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return store;
}

static int make_fixture(void **state, kdb_store *store)
{
    fixture *made = KDB_NEW(fixture);
    *made = (fixture){ store, kdb_arena_new(0) };
    *state = made;
    return 0;
}

int open_memory_fixture(void **state)
{
    return make_fixture(state, kdb_store_open_memory());
}

int open_rocksdb_fixture(void **state)
{
    return make_fixture(state, open_at(fresh_path(), false));
}

int close_fixture(void **state)
{
    fixture *made = *state;
    kdb_store_close(made->store);
    kdb_arena_free(made->arena);
    kdb_free(made);
    return 0;
}

static void commit(kdb_store *store, kdb_batch *batch /* taken */)
{
    assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
}

void commit_put(kdb_store *store, kdb_partition part, const char *key, const char *value)
{
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part, kdb_sv_cstr(key), kdb_sv_cstr(value));
    commit(store, batch);
}

void commit_delete(kdb_store *store, kdb_partition part, const char *key)
{
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_delete(batch, part, kdb_sv_cstr(key));
    commit(store, batch);
}

void commit_delete_range(kdb_store *store, kdb_partition part, const char *from, const char *to)
{
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_delete_range(batch, part, kdb_sv_cstr(from), kdb_sv_cstr(to));
    commit(store, batch);
}

const char *value_of(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, const char *key,
                     kdb_arena *arena)
{
    kdb_sv value;
    const kdb_status status = kdb_store_get(store, snapshot, part, kdb_sv_cstr(key), arena, &value, NULL);
    if (status == KDB_NOT_FOUND) {
        return NULL;
    }
    assert_int_equal(status, KDB_OK);
    return kdb_sv_dup_cstr(arena, value);
}

const char *walk(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_iter_range range,
                 kdb_arena *arena)
{
    kdb_sv found = KDB_SV("");
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(store, snapshot, part, range);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        found = kdb_sv_printf(arena, "%.*s%s%.*s=%.*s", KDB_SV_ARG(found), found.len == 0 ? "" : " ",
                              KDB_SV_ARG(kdb_iter_key(iter)), KDB_SV_ARG(kdb_iter_value(iter)));
    }
    assert_int_equal(kdb_iter_status(iter, NULL), KDB_OK);
    return kdb_sv_dup_cstr(arena, found);
}
