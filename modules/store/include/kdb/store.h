/* store.h - ordered key-value storage. Partitions (catalog.md 7) are key prefixes inside a few families, so that
 * 100,000 tables cost no memtables. All mutation is a batch handed to the one committer thread (design 5, 11).
 * Any thread may call; the store outlives its snapshots and iterators. */
#ifndef KDB_STORE_H
#define KDB_STORE_H

#include "kdb/commons.h"

/* The families of partitions. The number is the first byte of every stored key and never reused. */
typedef enum kdb_family {
    KDB_FAMILY_META = 1,     /* system tables and schemas */
    KDB_FAMILY_HOT = 2,      /* rows of USER and SHARED tables */
    KDB_FAMILY_SEQ = 3,      /* table | user | _seq -> rest of the row's key */
    KDB_FAMILY_STREAM = 4,   /* rows of STREAM tables */
    KDB_FAMILY_MANIFEST = 5, /* segments of the cold tier: cold_manifest.c */
    KDB_FAMILY_END
} kdb_family;

/* Where a unit of storage lies: every key of it starts with the family and the 4 big-endian bytes of `prefix`. */
typedef struct kdb_partition {
    kdb_family family;
    uint32_t prefix;
} kdb_partition;

/* The fixed partitions of family meta, one row each in kdb_system_partition_defs (names of catalog.md 7). */
typedef enum kdb_system_partition {
    KDB_PART_SYSTEM_NAMESPACES = 1,
    KDB_PART_SYSTEM_SCHEMAS,
    KDB_PART_SYSTEM_USERS,
    KDB_PART_SYSTEM_STORAGES,
    KDB_PART_SYSTEM_JOBS,
    KDB_PART_SYSTEM_SETTINGS, /* server secrets and counters: not a table */
    KDB_PART_SYSTEM_VIEWS,
    KDB_PART_SYSTEM_SESSIONS, /* sign-ins that were refreshed or signed out: not a table */
    KDB_PART_SYSTEM_AUDIT_LOG,
    KDB_PART_SYSTEM_END
} kdb_system_partition;
typedef struct kdb_system_partition_def {
    const char *name; /* "system_users" */
} kdb_system_partition_def;
extern const kdb_system_partition_def kdb_system_partition_defs[KDB_PART_SYSTEM_END];
static inline kdb_partition kdb_partition_system(kdb_system_partition part)
{
    return (kdb_partition){ KDB_FAMILY_META, (uint32_t)part };
}

typedef struct kdb_store kdb_store;

typedef struct kdb_store_options {
    const char *path; /* RocksDB's directory; ignored by the memory backend */
    bool sync;        /* acknowledged means fsynced */
    int64_t block_cache_bytes;
    int64_t write_buffer_bytes; /* in halves: one fills while the other is written out */
    int32_t background_jobs;
    int32_t max_open_files;
    int64_t min_free_bytes; /* of the disk: below that nothing is written, as kdb_store_check tells */
} kdb_store_options;

KDB_NODISCARD kdb_status kdb_store_open(const kdb_store_options *options, kdb_store **out, kdb_err *err);
/* The same interface over sorted memory, for tests; starts empty, keeps nothing. */
kdb_store *kdb_store_open_memory(void);
/* Commits what is queued, stops the committer, flushes the log and closes. NULL is fine. */
void kdb_store_close(kdb_store *store);
KDB_DEFINE_CLEANUP(kdb_store, kdb_store_close)

/* ---- reading ---- */

/* One instant of all families. */
typedef struct kdb_snapshot kdb_snapshot;
kdb_snapshot *kdb_snapshot_new(kdb_store *store);
/* The same, and which it is: it holds the commits whose `version` is not greater, and no others. */
kdb_snapshot *kdb_snapshot_new_at(kdb_store *store, uint64_t *version);
void kdb_snapshot_free(kdb_snapshot *snapshot); /* NULL is fine */
/* The version of the oldest snapshot that there is; UINT64_MAX when there is none. */
uint64_t kdb_store_oldest_snapshot(kdb_store *store);
KDB_DEFINE_CLEANUP(kdb_snapshot, kdb_snapshot_free)

/* `key` is the logical key, without the prefix. `snapshot` NULL reads the latest committed state. Copies the value into
 * `arena`. An absent key is KDB_NOT_FOUND (with *err untouched when err is NULL, as hot callers pass). */
KDB_NODISCARD kdb_status kdb_store_get(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_sv key,
                                       kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* The same without ever waiting for the disk: KDB_WOULD_BLOCK when what is in memory (recent writes and the block cache)
 * cannot tell. An ordinary read then brings it there. */
KDB_NODISCARD kdb_status kdb_store_get_cached(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part,
                                              kdb_sv key, kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* True in *out[i] where keys[i] exists; one call for many keys. values may be NULL; else values[i] is in `arena`
 * ({NULL,0} when absent). */
KDB_NODISCARD kdb_status kdb_store_multi_get(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part,
                                             const kdb_sv *keys, size_t count, kdb_arena *arena, bool *found,
                                             kdb_sv *values, kdb_err *err);
/* As _get_cached; one key that memory cannot tell fails the call. */
KDB_NODISCARD kdb_status kdb_store_multi_get_cached(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part,
                                                    const kdb_sv *keys, size_t count, kdb_arena *arena, bool *found,
                                                    kdb_sv *values, kdb_err *err);

/* Walks logical keys in [from, to) of one partition (empty `to`: to its end), ascending or descending. */
typedef struct kdb_iter kdb_iter;
typedef struct kdb_iter_range {
    kdb_sv from; /* inclusive; empty: the partition's start */
    kdb_sv to;   /* exclusive; empty: the partition's end */
    bool descending;
    bool scan;        /* a long scan: read ahead, do not fill the block cache */
    bool memory_only; /* ends with KDB_WOULD_BLOCK rather than wait for the disk */
} kdb_iter_range;
kdb_iter *kdb_iter_new(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_iter_range range);
void kdb_iter_free(kdb_iter *iter); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_iter, kdb_iter_free)
bool kdb_iter_valid(const kdb_iter *iter);
void kdb_iter_next(kdb_iter *iter);
kdb_sv kdb_iter_key(const kdb_iter *iter);   /* logical key, borrowed until the next move */
kdb_sv kdb_iter_value(const kdb_iter *iter); /* borrowed until the next move */
/* Why the walk ended: KDB_OK at its end, else the read error. */
KDB_NODISCARD kdb_status kdb_iter_status(const kdb_iter *iter, kdb_err *err);

/* Up to `max` keys that split a range into about equal parts, for parallel scans; from a few seeks and the files'
 * metadata, so cheap and rough. Returns how many splits it wrote to `splits` (logical keys in `arena`, ascending); 0
 * for a range of so few rows (KDB_CHUNK_ROWS) that it is not worth splitting. */
size_t kdb_store_splits(kdb_store *store, kdb_partition part, kdb_sv from, kdb_sv to, size_t max, kdb_arena *arena,
                        kdb_sv *splits);

/* Finds the first partition of the family, from prefix `from` on, that has a key. */
KDB_NODISCARD kdb_status kdb_store_next_partition(kdb_store *store, kdb_family family, uint32_t from, uint32_t *out,
                                                  bool *out_found, kdb_err *err);

/* Writes the store as it is at one moment to a new directory at `path`, whose parent exists, on the same file system with few bytes
 * copied: another store that _open opens. KDB_INVALID_OPERATION of one that lies in memory. */
KDB_NODISCARD kdb_status kdb_store_checkpoint(kdb_store *store, const char *path, kdb_err *err);

/* ---- writing ---- */

/* A list of changes applied all or none. Its bytes are self-contained (format in store_batch.c), so a replicated log
 * can carry it. One thread at a time. */
typedef struct kdb_batch kdb_batch;
kdb_batch *kdb_batch_new(void);
/* The same in `arena`, with room for `bytes` there: of more it takes memory of its own, so that it is freed like any other,
 * before the arena is. */
kdb_batch *kdb_batch_new_in(kdb_arena *arena, size_t bytes);
void kdb_batch_free(kdb_batch *batch); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_batch, kdb_batch_free)
void kdb_batch_put(kdb_batch *batch, kdb_partition part, kdb_sv key, kdb_sv value);
void kdb_batch_delete(kdb_batch *batch, kdb_partition part, kdb_sv key);
/* Deletes logical keys in [from, to); empty `to`: to the partition's end. Both empty drops the partition. */
void kdb_batch_delete_range(kdb_batch *batch, kdb_partition part, kdb_sv from, kdb_sv to);
size_t kdb_batch_count(const kdb_batch *batch);
kdb_sv kdb_batch_bytes(const kdb_batch *batch);
/* Rebuilds a batch from bytes of outside origin: every length is checked, KDB_CORRUPT otherwise. */
KDB_NODISCARD kdb_status kdb_batch_parse(kdb_sv bytes, kdb_batch **out, kdb_err *err);

/* One commit in flight; the caller's storage, borrowed until `done` has been called. */
typedef struct kdb_commit {
    kdb_batch *batch; /* borrowed */
    /* Runs on the committer once the batch is applied (and fsynced when the store is sync), in commit order; or with a
     * failed `status`, and then nothing of the batch is there. `err` is NULL on success. Must not block; may free the
     * struct that holds this. */
    void (*done)(struct kdb_commit *commit, kdb_status status, const kdb_err *err);
    uint64_t
        version; /* set before `done`: the store's after the write that held the batch; it rises from write to write */
    struct kdb_commit *next; /* store's */
    bool essential; /* may use the last of the disk: what the server needs to go on, and what gives room back */
} kdb_commit;

/* Hands the batch to the committer and returns. All batches waiting are merged into one write and one fsync. */
void kdb_store_commit_async(kdb_store *store, kdb_commit *commit);
/* Runs on the committer after each group of done calls, so that completions can be delivered in groups; set at start. */
void kdb_store_on_group_end(kdb_store *store, void (*fn)(void *arg), void *arg);
/* Commits and waits; essential. Not for the committer thread. */
KDB_NODISCARD kdb_status kdb_store_commit(kdb_store *store, kdb_batch *batch, kdb_err *err);
/* Why a commit would fail now: KDB_OVERLOADED while the disk has less than min_free_bytes (essential ones may use half of that), and
 * KDB_IO when the last write failed, after which mostly none is tried: reads go on, and opening the store again mends it. Any thread. */
KDB_NODISCARD kdb_status kdb_store_check(kdb_store *store, kdb_err *err);

/* Commits a batch and waits, having put in it what has to be durable with it: how a layer above (the audit log) is part
 * of a commit that a layer below makes. Called once, where kdb_store_commit would be. */
typedef struct kdb_commit_with {
    kdb_status (*commit)(void *self, kdb_batch *batch, kdb_err *err);
    void *self;
} kdb_commit_with;

/* After very many keys were deleted: until what is in memory has been written to files, walks pass over each of them. Waits for
 * the disk; writers go on. When it fails, the store does it later. */
void kdb_store_write_out(kdb_store *store);

/* Has files rewritten, in the background, that hold much of ranges deleted since the last call or, for a while, before it: the disk gets
 * that back. RocksDB alone does it only when enough has been written since. To be called now and then; may wait for the disk. */
void kdb_store_reclaim(kdb_store *store);

typedef struct kdb_store_stats {
    uint64_t commits; /* batches */
    uint64_t groups;  /* merged writes */
    uint64_t bytes_written;
    uint64_t memtable_bytes;
    uint64_t background_jobs; /* flushes and compactions that run or wait */
    uint64_t block_cache_bytes;
} kdb_store_stats;
void kdb_store_stats_get(kdb_store *store, kdb_store_stats *out);

#endif
