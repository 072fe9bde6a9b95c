/* raw_rocksdb.c - what RocksDB does alone with rows like those of the benchmarks, for comparison in the same run.
 *
 *   raw_rocksdb --dir DIR --work put_sync|put_async|get --threads N --seconds S [--rows N]
 *
 * Every thread writes or reads for itself, as a program would that uses RocksDB directly. Prints one line of JSON. */
#include <inttypes.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { KEY_BYTES = 24, ROW_BYTES = 96, CACHE_BYTES = 64 * 1024 * 1024, MAX_THREADS = 256 };

typedef struct work {
    rocksdb_t *db;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    bool reads;
    uint64_t rows;
    atomic_uint_fast64_t next;
    uint64_t from_ns, to_ns;
} work;

typedef struct worker {
    pthread_t thread;
    work *work;
    uint64_t dice;
    bench_times times;
} worker;

static void check(char *error, const char *doing)
{
    if (error != NULL) {
        bench_fail("%s: %s", doing, error);
    }
}

/* Table and user before an 8-byte number, as our keys have them. */
static void make_key(char *key, uint64_t id)
{
    memcpy(key, "\2\0\0\0\7benchuser\0\1", 16);
    for (int i = 0; i < 8; i++) {
        key[16 + i] = (char)(id >> (56 - 8 * i));
    }
}

static void put(work *w, uint64_t id)
{
    char key[KEY_BYTES];
    char row[ROW_BYTES];
    char *error = NULL;
    make_key(key, id);
    memset(row, (int)(id % 251), sizeof row);
    rocksdb_put(w->db, w->write, key, sizeof key, row, sizeof row, &error);
    check(error, "put");
}

static void get(work *w, uint64_t id)
{
    char key[KEY_BYTES];
    char *error = NULL;
    size_t len = 0;
    make_key(key, id);
    char *row = rocksdb_get(w->db, w->read, key, sizeof key, &len, &error);
    check(error, "get");
    if (row == NULL || len != ROW_BYTES) {
        bench_fail("row %" PRIu64 " is not there", id);
    }
    rocksdb_free(row);
}

static void *run_worker(void *self)
{
    worker *me = self;
    work *w = me->work;
    for (uint64_t now = bench_now_ns(); now < w->to_ns;) {
        if (w->reads) {
            get(w, bench_random(&me->dice) % w->rows);
        } else {
            put(w, atomic_fetch_add(&w->next, 1));
        }
        const uint64_t done = bench_now_ns();
        if (now >= w->from_ns) {
            bench_times_add(&me->times, done - now);
        }
        now = done;
    }
    return NULL;
}

static rocksdb_t *open_database(const char *dir)
{
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(CACHE_BYTES);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    check(error, dir);
    rocksdb_cache_destroy(cache);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_destroy(options);
    return db;
}

/* Rows for reads, written without waiting and then sorted into files. */
static void load(work *w)
{
    char *error = NULL;
    for (uint64_t id = 0; id < w->rows; id++) {
        put(w, id);
    }
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flush(w->db, flush, &error);
    check(error, "flush");
    rocksdb_flushoptions_destroy(flush);
}

int main(int argc, char **argv)
{
    static work w;
    static worker workers[MAX_THREADS];
    const char *kind = bench_arg(argc, argv, "work", NULL);
    const size_t threads = bench_arg_u64(argc, argv, "threads", 1);
    const double seconds = bench_arg_seconds(argc, argv, "seconds", 3);
    if (threads == 0 || threads > MAX_THREADS) {
        bench_fail("--threads is 1 to %d", MAX_THREADS);
    }
    w.db = open_database(bench_arg(argc, argv, "dir", NULL));
    w.rows = bench_arg_u64(argc, argv, "rows", 10000);
    w.read = rocksdb_readoptions_create();
    w.write = rocksdb_writeoptions_create();
    w.reads = strcmp(kind, "get") == 0;
    if (w.reads) {
        load(&w);
    }
    rocksdb_writeoptions_set_sync(w.write, strcmp(kind, "put_sync") == 0);
    w.from_ns = bench_now_ns() + (uint64_t)(bench_arg_seconds(argc, argv, "warmup", 0.5) * 1e9);
    w.to_ns = w.from_ns + (uint64_t)(seconds * 1e9);
    bench_times all = { 0 };
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker){ .work = &w, .dice = 88172645463325252U + i * 7919 };
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0) {
            bench_fail("cannot start a thread");
        }
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        bench_times_join(&all, &workers[i].times);
        bench_times_done(&workers[i].times);
    }
    (void)printf("{");
    bench_times_print(&all, seconds);
    (void)printf("}\n");
    bench_times_done(&all);
    rocksdb_writeoptions_destroy(w.write);
    rocksdb_readoptions_destroy(w.read);
    rocksdb_close(w.db);
    return 0;
}
