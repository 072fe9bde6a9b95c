/* store_rocksdb.h - what the files of the RocksDB backend share. */
#ifndef KDB_STORE_ROCKSDB_H
#define KDB_STORE_ROCKSDB_H

#include <rocksdb/c.h>

#include "store_int.h"

/* Operations on their way into the merged batch: a part of a group that is put in order of keys. */
enum { KDBI_WINDOW_OPS = 4096 };
typedef struct kdbi_rocks_window {
    kdbi_op ops[KDBI_WINDOW_OPS]; /* as they came */
    const kdbi_op *order[KDBI_WINDOW_OPS];
    size_t count;
} kdbi_rocks_window;

/* Deleted ranges of one partition, as one that holds them all; the keys are one piece of the heap. */
typedef struct kdbi_garbage_range {
    char *keys;
    kdb_sv from, to;
    unsigned tries; /* left */
} kdbi_garbage_range;

enum { KDBI_GARBAGE_MAX = 64 };
typedef struct kdbi_garbage {
    kdb_mutex lock; /* rank KDB_LOCK_STORE; guards the rest */
    kdbi_garbage_range ranges[KDBI_GARBAGE_MAX];
    size_t count;
} kdbi_garbage;

typedef struct kdbi_rocks {
    kdb_store base;
    kdbi_garbage garbage;
    rocksdb_t *db;
    rocksdb_cache_t *cache;
    rocksdb_column_family_handle_t *family;          /* the default one, which some calls of the C API want named */
    rocksdb_readoptions_t *latest[KDBI_REACH_COUNT]; /* fixed after open, so shared by all threads */
    rocksdb_writeoptions_t *write;                   /* committer only, as are the next */
    rocksdb_writebatch_t *merged;
    kdbi_rocks_window *window;
} kdbi_rocks;

typedef struct kdbi_rocks_snapshot {
    kdb_snapshot base;
    const rocksdb_snapshot_t *at;
    rocksdb_readoptions_t *read[KDBI_REACH_COUNT];
} kdbi_rocks_snapshot;

typedef struct kdbi_rocks_iter {
    kdb_iter base;
    rocksdb_iterator_t *walk;
    rocksdb_readoptions_t *read;
} kdbi_rocks_iter;

static inline kdbi_rocks *kdbi_rocks_of(kdb_store *store)
{
    return KDB_CONTAINER_OF(store, kdbi_rocks, base);
}

/* The only place where RocksDB's error texts become ours. `text` is taken and not NULL. */
kdb_status kdbi_rocks_fail(char *text, const char *doing, kdb_err *err) __attribute__((cold));

/* For work that nobody waits for: an error ends here. `text` is taken; NULL: it went well. */
void kdbi_rocks_log(char *text, const char *doing);

rocksdb_readoptions_t *kdbi_rocks_read_options(kdbi_reach reach);

extern const kdbi_backend kdbi_rocks_backend;

/* store_rocksdb_open.c */
void kdbi_rocks_close(kdb_store *store);
/* store_rocksdb_iter.c */
void kdbi_rocks_iter_open(kdb_iter *iter, const kdb_snapshot *snapshot);
void kdbi_rocks_iter_next(kdb_iter *iter);
kdb_status kdbi_rocks_iter_status(const kdb_iter *iter, kdb_err *err);
void kdbi_rocks_iter_close(kdb_iter *iter);
/* store_rocksdb_garbage.c */
void kdbi_garbage_init(kdbi_garbage *garbage);
void kdbi_garbage_done(kdbi_garbage *garbage);
void kdbi_garbage_note(kdbi_garbage *garbage, kdb_sv from, kdb_sv to);
void kdbi_rocks_reclaim(kdb_store *store);
/* store_rocksdb_splits.c */
uint64_t kdbi_rocks_file_bytes(const kdbi_rocks *rocks, kdb_sv from, kdb_sv to); /* of the range, about */
size_t kdbi_rocks_splits(kdb_store *store, kdbi_bounds bounds, size_t max, kdb_arena *arena, kdb_sv *splits);

#endif
