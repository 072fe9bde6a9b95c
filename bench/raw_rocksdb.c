/* raw_rocksdb.c - what RocksDB does alone with rows like those of the benchmarks, for comparison in the same run.
 *
 *   raw_rocksdb --dir DIR --work put_sync|put_async|get|scan --threads N --seconds S [--rows N]
 *
 * Every thread writes or reads for itself, as a program would that uses RocksDB directly. A scan is one walk over all rows,
 * of which every thread takes a like part. Blocks, compression and read-ahead are the server's. Prints one line of JSON. */
#include <inttypes.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { KEY_BYTES = 24, ROW_BYTES = 96, CACHE_BYTES = 64 * 1024 * 1024, MAX_THREADS = 256 };
enum { BLOCK_BYTES = 16 * 1024, READAHEAD_BYTES = 256 * 1024 };

typedef struct work {
    rocksdb_t *db;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    bool reads;
    bool scans;
    uint64_t rows;
    atomic_uint_fast64_t next;
    uint64_t from_ns, to_ns;
} work;

typedef struct worker {
    pthread_t thread;
    work *work;
    uint64_t dice;
    bench_times times;
    uint64_t first, end; /* the rows of a scan that are this thread's */
    uint64_t bytes;      /* what it saw, so that nothing is left out */
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

/* Text like that of the benchmarks' rows, so that it is compressed as well and as slowly. */
static void make_row(char *row, uint64_t id)
{
    static const char title[] = "title of note 00000000 category 00 ";
    memset(row, 'x', ROW_BYTES);
    memcpy(row, title, sizeof title - 1);
    for (int i = 0; i < 8; i++, id /= 10) {
        row[21 - i] = (char)('0' + id % 10);
    }
    row[32] = row[20];
    row[33] = row[21];
}

static void put(work *w, uint64_t id)
{
    char key[KEY_BYTES];
    char row[ROW_BYTES];
    char *error = NULL;
    make_key(key, id);
    make_row(row, id);
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

static void *scan_part(void *self)
{
    worker *me = self;
    char from[KEY_BYTES];
    char to[KEY_BYTES];
    make_key(from, me->first);
    make_key(to, me->end);
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_upper_bound(read, to, sizeof to);
    rocksdb_readoptions_set_readahead_size(read, READAHEAD_BYTES);
    rocksdb_readoptions_set_fill_cache(read, 0);
    rocksdb_iterator_t *walk = rocksdb_create_iterator(me->work->db, read);
    uint64_t rows = 0;
    for (rocksdb_iter_seek(walk, from, sizeof from); rocksdb_iter_valid(walk); rocksdb_iter_next(walk), rows++) {
        size_t key_len = 0;
        size_t row_len = 0;
        const char *key = rocksdb_iter_key(walk, &key_len);
        const char *row = rocksdb_iter_value(walk, &row_len);
        me->bytes += (uint64_t)(unsigned char)key[key_len - 1] + (uint64_t)(unsigned char)row[row_len - 1];
    }
    rocksdb_iter_destroy(walk);
    rocksdb_readoptions_destroy(read);
    if (rows != me->end - me->first) {
        bench_fail("a scan saw %" PRIu64 " rows", rows);
    }
    return NULL;
}

static void on_threads(worker *workers, size_t count, void *(*run)(void *self))
{
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0) {
            bench_fail("cannot start a thread");
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
}

static void run_scans(work *w, worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        workers[i].first = w->rows * i / count;
        workers[i].end = w->rows * (i + 1) / count;
    }
    for (uint64_t now = bench_now_ns(); now < w->to_ns;) {
        on_threads(workers, count, scan_part);
        const uint64_t done = bench_now_ns();
        if (now >= w->from_ns) {
            bench_times_add(&workers[0].times, done - now);
        }
        now = done;
    }
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
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
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
    w.scans = strcmp(kind, "scan") == 0;
    if (w.reads || w.scans) {
        load(&w);
    }
    rocksdb_writeoptions_set_sync(w.write, strcmp(kind, "put_sync") == 0);
    w.from_ns = bench_now_ns() + (uint64_t)(bench_arg_seconds(argc, argv, "warmup", 0.5) * 1e9);
    w.to_ns = w.from_ns + (uint64_t)(seconds * 1e9);
    bench_times all = { 0 };
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker){ .work = &w, .dice = 88172645463325252U + i * 7919 };
    }
    if (w.scans) {
        run_scans(&w, workers, threads);
    } else {
        on_threads(workers, threads, run_worker);
    }
    for (size_t i = 0; i < threads; i++) {
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
