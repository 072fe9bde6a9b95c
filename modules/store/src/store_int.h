/* store_int.h - what store's own files share: the backend table, the heads of store, snapshot and iterator that every
 * backend extends, physical keys, batch operations and the committer. */
#ifndef KDB_STORE_INT_H
#define KDB_STORE_INT_H

#include <stdatomic.h>

#include "kdb/store.h"

/* ---- physical keys: the partition (family, then its prefix in 4 big-endian bytes) and the logical key ---- */

enum { KDBI_PREFIX_LEN = 5 };

/* A physical key for the length of one call; short ones need no allocation. */
typedef struct kdbi_key {
    char small[128];
    char *large; /* NULL when `small` holds the key */
    size_t len;
} kdbi_key;

/* Writes `part` and returns the place behind it. */
char *kdbi_prefix_put(char *at, kdb_partition part);
/* Writes a whole physical key and returns the place behind it. */
char *kdbi_key_put(char *at, kdb_partition part, kdb_sv logical);
/* The partition that follows: where `part` ends. */
kdb_partition kdbi_partition_after(kdb_partition part);
void kdbi_key_init(kdbi_key *key, kdb_partition part, kdb_sv logical);
void kdbi_key_done(kdbi_key *key);
static inline kdb_sv kdbi_key_sv(const kdbi_key *key)
{
    return (kdb_sv){ key->large != NULL ? key->large : key->small, key->len };
}

/* Physical keys [lower, upper). */
typedef struct kdbi_bounds {
    kdb_sv lower;
    kdb_sv upper;
} kdbi_bounds;

/* Bytes that kdbi_bounds_put writes for logical keys [from, to); an empty `to` is the partition's end. */
size_t kdbi_bounds_size(kdb_sv from, kdb_sv to);
kdbi_bounds kdbi_bounds_put(char *memory, kdb_partition part, kdb_sv from, kdb_sv to);

/* ---- operations of a batch ---- */

typedef enum kdbi_op_kind { KDBI_OP_PUT = 1, KDBI_OP_DELETE = 2, KDBI_OP_DELETE_RANGE = 3 } kdbi_op_kind;

typedef struct kdbi_op {
    kdbi_op_kind kind;
    kdb_sv key;   /* physical */
    kdb_sv value; /* PUT: the value; DELETE_RANGE: the physical end */
} kdbi_op;

/* The operations of a batch, without the version byte. */
kdb_sv kdbi_batch_ops(const kdb_batch *batch);
/* Takes the next operation off `ops`, which must not be empty. KDB_CORRUPT when the bytes are not one. */
KDB_NODISCARD kdb_status kdbi_op_decode(kdb_sv *ops, kdbi_op *out, kdb_err *err);

/* ---- backends ---- */

/* How far down a read may look. */
typedef enum kdbi_reach {
    KDBI_REACH_DISK,
    KDBI_REACH_MEMORY, /* KDB_WOULD_BLOCK instead of the disk */
    KDBI_REACH_COUNT
} kdbi_reach;

/* Keys are physical; bounds are not empty. */
typedef struct kdbi_backend {
    void (*close)(kdb_store *store);
    /* Applies the batches of a list of commits, all or none. Committer thread only. */
    kdb_status (*write)(kdb_store *store, const kdb_commit *first, kdb_err *err);
    /* A number that rises with each write, with what reads see of it. */
    uint64_t (*version)(kdb_store *store);
    kdb_snapshot *(*snapshot_new)(kdb_store *store);
    void (*snapshot_free)(kdb_snapshot *snapshot);
    /* The version of the oldest one; UINT64_MAX: there is none. */
    uint64_t (*oldest_snapshot)(kdb_store *store);
    kdb_status (*get)(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, kdb_sv key, kdb_arena *arena,
                      kdb_sv *out, kdb_err *err);
    /* Sets found[i], and values[i] unless `values` is NULL. */
    kdb_status (*multi_get)(kdb_store *store, kdbi_reach reach, const kdb_snapshot *snapshot, const kdb_sv *keys,
                            size_t count, kdb_arena *arena, bool *found, kdb_sv *values, kdb_err *err);
    /* Opens the walk that `iter` (its head filled, its bounds in place) describes, at its first entry. */
    void (*iter_open)(kdb_iter *iter, const kdb_snapshot *snapshot);
    void (*iter_next)(kdb_iter *iter);
    kdb_status (*iter_status)(const kdb_iter *iter, kdb_err *err);
    void (*iter_close)(kdb_iter *iter);
    size_t iter_size; /* bytes of the backend's iterator, head included */
    /* As kdb_store_splits; `splits` come back as physical keys. */
    size_t (*splits)(kdb_store *store, kdbi_bounds bounds, size_t max, kdb_arena *arena, kdb_sv *splits);
    void (*write_out)(kdb_store *store);
    void (*reclaim)(kdb_store *store);
    kdb_status (*checkpoint)(kdb_store *store, const char *path, kdb_err *err); /* NULL: it cannot */
    /* Sets the memory figures of `out`. */
    void (*usage)(kdb_store *store, kdb_store_stats *out);
} kdbi_backend;

/* A range with no more rows than this is not worth splitting. */
enum { KDBI_SPLIT_MIN_ROWS = KDB_CHUNK_ROWS };

struct kdb_snapshot {
    kdb_store *store;
};

struct kdb_iter {
    kdb_store *store;
    kdbi_bounds bounds; /* in the same allocation, behind the backend's part */
    bool descending;
    bool scan;
    bool memory_only;
    bool open; /* the backend has something to close */
    bool valid;
    kdb_sv key; /* physical; set with `value` by the backend when valid */
    kdb_sv value;
};

/* ---- the committer ---- */

typedef struct kdbi_committer {
    kdb_store *store;
    /* Newest first: any thread pushes, the committer takes all. */
    _Atomic(kdb_commit *) inbox;
    atomic_uint asleep; /* a futex: 1 when it sleeps or is about to */
    atomic_bool stopping;
    kdb_commit *backlog;          /* committer only: taken from the inbox, oldest first, beyond the group's cap */
    void (*group_end)(void *arg); /* set at start, before the first commit */
    void *group_end_arg;
    atomic_uint_fast64_t commits, groups, bytes; /* counted by the committer */
    kdb_thread thread;
} kdbi_committer;

void kdbi_committer_start(kdbi_committer *committer, kdb_store *store);
void kdbi_committer_push(kdbi_committer *committer, kdb_commit *commit);
/* Finishes what was pushed and ends the thread. */
void kdbi_committer_stop(kdbi_committer *committer);

/* ---- what stands in the way of writing: store_disk.c ---- */

typedef struct kdbi_disk {
    char *path;          /* on it; NULL: the store is in memory. Fixed after open, as is the next */
    int64_t min_free;    /* bytes */
    atomic_bool low;     /* as was logged last */
    atomic_bool failing; /* the last write failed */
    atomic_bool failed;  /* and no other may be tried */
    kdb_mutex lock;      /* rank KDB_LOCK_STORE; guards the next */
    kdb_err failure;     /* of that write */
} kdbi_disk;

void kdbi_disk_init(kdbi_disk *disk, const kdb_store_options *options);
void kdbi_disk_done(kdbi_disk *disk);
/* KDB_OK or why a write must not be tried. */
kdb_status kdbi_disk_check(kdbi_disk *disk, bool essential, kdb_err *err);
/* How a write went. `is_final`: after it none may be tried. Committer only, as the next. */
void kdbi_disk_fail(kdbi_disk *disk, const kdb_err *failure, bool is_final);
void kdbi_disk_succeed(kdbi_disk *disk);

struct kdb_store {
    const kdbi_backend *backend; /* fixed after open */
    kdbi_committer committer;
    kdbi_disk disk;
    atomic_size_t readers; /* snapshots and iterators that still live: the store outlives them */
};

#endif
