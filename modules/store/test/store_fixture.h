/* store_fixture.h - what store's tests share: a store of either backend, and short forms of the calls. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kdb/store.h"

/* The `state` of a case that runs on an open store. */
typedef struct fixture {
    kdb_store *store;
    kdb_arena *arena;
} fixture;

int open_memory_fixture(void **state);
int open_rocksdb_fixture(void **state); /* not synced, in a fresh directory */
int close_fixture(void **state);

/* The same case on both backends. */
#define ON_BOTH(fn)                                                                                                    \
    { #fn "(memory)", fn, open_memory_fixture, close_fixture, NULL },                                                  \
    {                                                                                                                  \
#fn "(rocksdb)", fn, open_rocksdb_fixture, close_fixture, NULL                                                 \
    }

/* A path below the working directory where nothing is yet; lives until the next call. */
const char *fresh_path(void);
kdb_store_options options_at(const char *path, bool sync);
kdb_store *open_at(const char *path, bool sync);

extern const kdb_partition part_a; /* two neighbours of family hot */
extern const kdb_partition part_b;

void commit_put(kdb_store *store, kdb_partition part, const char *key, const char *value);
void commit_delete(kdb_store *store, kdb_partition part, const char *key);
void commit_delete_range(kdb_store *store, kdb_partition part, const char *from, const char *to);
/* The value as a C string in `arena`; NULL when absent. */
const char *value_of(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, const char *key,
                     kdb_arena *arena);
/* "a=1 b=2": what a walk finds, in its order, in `arena`. */
const char *walk(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_iter_range range,
                 kdb_arena *arena);

#endif
