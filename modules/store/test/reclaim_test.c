/* reclaim_test.c - what deleted ranges held goes back to the disk without further writes, and what was not deleted stays. */
#include "store_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { ROWS = 24 * 1024, VALUE_BYTES = 1024, ROWS_PER_BATCH = 256, LOOKS_MAX = 3000 };
#define ROWS_BYTES ((uint64_t)ROWS * VALUE_BYTES)

/* So that compression finds nothing. */
static void put_noise(char *value, uint64_t seed)
{
    for (size_t i = 0; i < VALUE_BYTES; i += sizeof(seed)) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(value + i, &seed, sizeof(seed));
    }
}

static void key_of(uint64_t row, char *key)
{
    kdb_put_be64(key, row);
}

static void put_rows(kdb_store *store, kdb_partition part)
{
    for (uint64_t row = 0; row < ROWS; row += ROWS_PER_BATCH) {
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
        for (uint64_t i = row; i < row + ROWS_PER_BATCH; i++) {
            char key[8];
            char value[VALUE_BYTES];
            key_of(i, key);
            put_noise(value, i + part.prefix);
            kdb_batch_put(batch, part, kdb_sv_of(key, sizeof(key)), kdb_sv_of(value, sizeof(value)));
        }
        assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
    }
}

static void delete_rows(kdb_store *store, kdb_partition part, uint64_t from, uint64_t to)
{
    char ends[2][8];
    key_of(from, ends[0]);
    key_of(to, ends[1]);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_delete_range(batch, part, kdb_sv_of(ends[0], 8), kdb_sv_of(ends[1], 8));
    assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
}

static uint64_t count_rows(kdb_store *store, kdb_partition part)
{
    uint64_t count = 0;
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

/* Bytes of table files. */
static uint64_t bytes_on_disk(const char *path)
{
    uint64_t bytes = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[512];
        struct stat info;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (strstr(entry->d_name, ".sst") != NULL && stat(name, &info) == 0) {
            bytes += (uint64_t)info.st_size;
        }
    }
    (void)closedir(dir);
    return bytes;
}

/* RocksDB tells nobody when it has merged: its files are looked at. */
static bool shrinks_below(kdb_store *store, const char *path, uint64_t bytes)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        if (bytes_on_disk(path) < bytes) {
            return true;
        }
        kdb_store_reclaim(store);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
    }
    return false;
}

static void a_dropped_partition_leaves_the_disk(void **state)
{
    (void)state;
    const char *path = fresh_path();
    kdb_store *store = open_at(path, false);
    put_rows(store, part_a);
    put_rows(store, part_b);
    kdb_store_write_out(store);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_delete_range(batch, part_a, KDB_SV(""), KDB_SV(""));
    assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
    assert_true(bytes_on_disk(path) > ROWS_BYTES * 3 / 2);
    assert_true(shrinks_below(store, path, ROWS_BYTES * 5 / 4));
    assert_int_equal(count_rows(store, part_a), 0);
    assert_int_equal(count_rows(store, part_b), ROWS);
    kdb_store_close(store);
}

static void ranges_of_a_partition_leave_it_and_its_other_rows_stay(void **state)
{
    (void)state;
    const char *path = fresh_path();
    kdb_store *store = open_at(path, false);
    put_rows(store, part_a);
    kdb_store_write_out(store);
    delete_rows(store, part_a, ROWS / 4, ROWS / 2);
    delete_rows(store, part_a, ROWS / 2 + 16, ROWS);
    assert_true(shrinks_below(store, path, ROWS_BYTES / 2));
    assert_int_equal(count_rows(store, part_a), ROWS / 4 + 16);
    kdb_store_close(store);
    store = open_at(path, false);
    assert_int_equal(count_rows(store, part_a), ROWS / 4 + 16);
    kdb_store_close(store);
}

/* A snapshot keeps what it sees. */
static void a_snapshot_reads_on(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_store *store = open_at(fresh_path(), false);
    put_rows(store, part_a);
    kdb_snapshot *snapshot = kdb_snapshot_new(store);
    delete_rows(store, part_a, 0, ROWS);
    for (int i = 0; i < 10; i++) {
        kdb_store_reclaim(store);
    }
    char key[8];
    kdb_sv value;
    key_of(ROWS / 3, key);
    assert_int_equal(kdb_store_get(store, snapshot, part_a, kdb_sv_of(key, 8), arena, &value, NULL), KDB_OK);
    assert_int_equal(kdb_store_get(store, NULL, part_a, kdb_sv_of(key, 8), arena, &value, NULL), KDB_NOT_FOUND);
    kdb_snapshot_free(snapshot);
    kdb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dropped_partition_leaves_the_disk),
        cmocka_unit_test(ranges_of_a_partition_leave_it_and_its_other_rows_stay),
        cmocka_unit_test(a_snapshot_reads_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
