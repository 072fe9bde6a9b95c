/* cold.h - the cold tier: segments of a partition (one user's rows of a table, or a SHARED table's) that lie in Parquet files, and the
 * manifest that says which. Every row is in exactly one place: hot, or in one segment where its row number is not dead.
 * Any thread unless said. */
#ifndef KDB_COLD_H
#define KDB_COLD_H

#include "kdb/engine.h"
#include "kdb/objects.h"
#include "kdb/tables.h"

/* A file ends once it has so many MiB. */
enum { KDB_COLD_FILE_MB = 256 };

typedef struct kdb_cold_options {
    kdb_store *store;           /* outlive it, all */
    kdb_engine *reader;         /* of one thread: what it runs, it runs on the thread that asks */
    kdb_object_stores *objects; /* where the files are */
    uint64_t direct_rows;       /* see kdb_cold_direct_new; 0: never */
} kdb_cold_options;
/* Loads which tables have segments. */
KDB_NODISCARD kdb_status kdb_cold_open(const kdb_cold_options *options, kdb_cold **out, kdb_err *err);
void kdb_cold_close(kdb_cold *cold); /* after all manifests and readers; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_cold, kdb_cold_close)

/* ---- manifests ---- */

/* One file of a partition. */
typedef struct kdb_segment {
    uint32_t id;             /* within the partition, rising, never used again */
    kdb_sv storage_id;       /* where the file is, */
    kdb_sv path;             /* and its name there */
    uint64_t rows;           /* in the file */
    uint64_t bytes;          /* of the file */
    uint32_t schema_version; /* of the table, when it was written: what its columns are called and mean */
    kdb_sv min_key, max_key; /* row keys, both in it */
    uint64_t min_seq, max_seq;
    int64_t created_ms;
    uint32_t bloom_blocks; /* of the filter of its keys; 0: there is none */
    const uint32_t *dead;  /* row numbers, ascending: rows that were updated or deleted since */
    size_t ndead;
} kdb_segment;

typedef struct kdb_new_segment kdb_new_segment;

/* All segments of a partition at one moment. Counted, immutable. While somebody holds it, its files stay. */
typedef struct kdb_manifest {
    unsigned refs; /* guarded by the cold tier's lock, as the last six */
    uint32_t table_id;
    kdb_user_id user; /* empty for SHARED */
    kdb_sv prefix;    /* of the partition's row keys: the user's part, empty for SHARED */
    uint64_t generation;
    kdb_segment *segments; /* by id */
    size_t nsegments;
    kdb_arena *arena; /* everything above lies here */
    kdb_cold *cold;
    struct kdb_manifest *newer, *older; /* the cache's, by use */
    struct kdb_manifest *next, *prev;   /* all that there are */
    bool cached;
    int64_t used_us; /* when it was last asked for */
} kdb_manifest;

/* The partition's as of `snapshot` (NULL: the latest). *out NULL: all its rows are hot. `memory_only`: KDB_WOULD_BLOCK where the
 * disk would have to be read. */
KDB_NODISCARD kdb_status kdb_manifest_get(kdb_cold *cold, const kdb_snapshot *snapshot, const kdb_table *table,
                                          kdb_user_id user, bool memory_only, kdb_manifest **out, kdb_err *err);
/* One of segments that are written and not yet in the store; they are borrowed. */
kdb_manifest *kdb_manifest_of(kdb_cold *cold, const kdb_table *table, kdb_user_id user,
                              kdb_new_segment *const *segments, size_t count);
kdb_manifest *kdb_manifest_ref(kdb_manifest *manifest);
void kdb_manifest_unref(kdb_manifest *manifest); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_manifest, kdb_manifest_unref)
/* The segment of that id; NULL when there is none. */
const kdb_segment *kdb_manifest_segment(const kdb_manifest *manifest, uint32_t id);
/* Whether some segment may have keys of [from, to); empty: from the first on, to the last. */
bool kdb_manifest_meets(const kdb_manifest *manifest, kdb_sv from, kdb_sv to);
/* False: the table surely has no segments, in any snapshot taken before this call. Nearly always a load. */
bool kdb_cold_has(kdb_cold *cold, uint32_t table_id);
/* The table is about to have segments: before the commit that adds the first. */
void kdb_cold_note(kdb_cold *cold, uint32_t table_id);

/* Every segment's file that the store names, whatever table it is of; `segment` is borrowed for the call, and has no id and no dead rows. */
KDB_NODISCARD kdb_status kdb_cold_visit_files(kdb_store *store,
                                              kdb_status (*visit)(void *self, const kdb_segment *segment, kdb_err *err),
                                              void *self, kdb_err *err);

/* The manifest of that partition in memory; false when none is. *used_us: when it was last asked for (microseconds since 1970). */
bool kdb_manifest_is_cached(kdb_cold *cold, const kdb_table *table, kdb_user_id user, int64_t *used_us);

/* Bytes of the manifests that are kept in memory. */
size_t kdb_cold_cached_bytes(kdb_cold *cold);

/* ---- manifest.json, beside the files ---- */

/* What was last written there. */
typedef struct kdb_cold_exported {
    uint64_t generation; /* of the manifest; 0: nothing was written */
    uint32_t nsegments, last_segment;
    int64_t at_ms;
    kdb_sv etag; /* the storage's tag of that content */
} kdb_cold_exported;
/* In the batch that follows the writing. */
void kdb_cold_stage_exported(const kdb_table *table, const kdb_manifest *manifest, kdb_sv etag, int64_t now_ms,
                             kdb_batch *batch);
/* In `arena`. */
KDB_NODISCARD kdb_status kdb_cold_find_exported(kdb_cold *cold, const kdb_table *table, kdb_user_id user,
                                                kdb_arena *arena, kdb_cold_exported *out, kdb_err *err);
typedef enum kdb_cold_sync {
    KDB_COLD_IN_SYNC,
    KDB_COLD_PENDING_WRITE, /* it lacks files, or names some that are gone */
    KDB_COLD_STALE          /* it counts dead rows as they were */
} kdb_cold_sync;
kdb_cold_sync kdb_cold_sync_of(const kdb_manifest *manifest, const kdb_cold_exported *exported);
/* Of a store that was copied without the files manifest.json: what is known of them goes. */
KDB_NODISCARD kdb_status kdb_cold_forget_exported(kdb_store *store, kdb_err *err);

/* ---- rows by key ---- */

/* Where a cold row is. */
typedef struct kdb_cold_place {
    uint32_t segment; /* id; 0: the row is not cold */
    uint32_t row;
} kdb_cold_place;
/* Looks keys up in the manifest's segments: min/max and bloom filters first, then the files. places[i] says where keys[i] is alive; if
 * `rows` is not NULL, rows[i] is then the row encoded for the table's latest schema with its `_seq`, in `arena`; else {NULL, 0}.
 * `memory_only`: KDB_WOULD_BLOCK when a file would have to be read. */
KDB_NODISCARD kdb_status kdb_cold_find(kdb_cold *cold, const kdb_table *table, const kdb_manifest *manifest,
                                       const kdb_sv *keys, size_t count, bool memory_only, kdb_arena *arena,
                                       kdb_cold_place *places, kdb_sv *rows, kdb_err *err);

/* ---- files that the engine reads itself, beside a scan of the partition's other rows ---- */

typedef struct kdb_cold_direct {
    kdb_engine_files *files; /* all columns of kdb_table_fields; `slot` is to be set */
    size_t nfiles;
    uint64_t rows;      /* in them */
    kdb_manifest *rest; /* segments that are left to the scan; borrows from `whole` */
    kdb_manifest *whole;
    kdb_object_lease **leases; /* one a file */
    size_t nleases;
    kdb_arena *arena;
} kdb_cold_direct;
/* Chooses them for a scan that would be of all rows in a range (`spec` without projection): segments of which no row is dead and whose
 * columns come out of the files as they are, if together they are large enough to be worth a plan of their own. *out NULL: there are
 * none, for the scan has to see each row or they are few. What cannot be found of the files is left to the scan, which tells. */
KDB_NODISCARD kdb_status kdb_cold_direct_new(const kdb_scan_spec *spec, kdb_cold_direct **out, kdb_err *err);
void kdb_cold_direct_free(kdb_cold_direct *direct); /* after the execution; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_cold_direct, kdb_cold_direct_free)

/* ---- writing segments; one thread per writer ---- */

typedef struct kdb_cold_writer kdb_cold_writer;
KDB_NODISCARD kdb_status kdb_cold_writer_new(kdb_cold *cold, kdb_cold_writer **out, kdb_err *err);
void kdb_cold_writer_free(kdb_cold_writer *writer); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_cold_writer, kdb_cold_writer_free)

/* Rows in key order. Deleted ones are passed over. */
typedef struct kdb_cold_rows {
    void *self;
    /* *more false at the end. What key and row point to lives until the next call. */
    kdb_status (*next)(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err);
} kdb_cold_rows;

/* What is to be written; all borrowed for the call but storage_id and path, which the segment goes on using. */
typedef struct kdb_segment_spec {
    const kdb_table *table;
    kdb_user_id user;             /* whose rows; empty for SHARED */
    const kdb_manifest *replaces; /* of the segments in whose place it comes; NULL: it comes in none's */
    const kdb_cold_rows *rows;
    uint64_t max_rows, max_bytes; /* where the file ends though there are more rows */
    uint64_t row_group_rows;
    kdb_sv compression; /* "none", "snappy", "zstd" */
    uint32_t id;
    kdb_objects *objects;
    kdb_sv storage_id, path;
} kdb_segment_spec;

/* A segment whose file is staged. */
struct kdb_new_segment {
    kdb_segment segment;
    struct kdbi_bloom_writer *bloom;
    bool more; /* the file ended before the rows did */
};
/* Writes a file of the rows that come next. Without rows there is no file, and segment.rows is 0. In `arena`, but for what _done gives back. */
KDB_NODISCARD kdb_status kdb_cold_write(kdb_cold_writer *writer, const kdb_segment_spec *spec, kdb_arena *arena,
                                        kdb_new_segment **out, kdb_err *err);
void kdb_new_segment_done(kdb_new_segment *segment); /* NULL is fine */

/* A user's rows of a table, hot and cold, as a file of their own that anyone can open: the table's columns and `_seq`. */
typedef struct kdb_user_file {
    kdb_store *store;
    const kdb_table *table; /* USER; borrowed for the call, as all here */
    kdb_user_id user;
    const kdb_snapshot *snapshot;
    kdb_sv path; /* where the reader engine may write */
    uint64_t row_group_rows;
    bool (*stop)(void *self); /* true: ends with KDB_CANCELLED */
    void *self;
    uint64_t rows; /* set: how many there were */
} kdb_user_file;
KDB_NODISCARD kdb_status kdb_cold_write_user(kdb_cold_writer *writer, kdb_user_file *file, kdb_err *err);

/* ---- hot rows that go cold ---- */

typedef struct kdb_pending_rows {
    uint64_t rows;       /* live and hot; counted up to what was asked */
    uint64_t oldest_seq; /* of those there are; 0: there are none, or nobody asked */
} kdb_pending_rows;
/* `oldest`: the oldest `_seq` is looked for too. */
KDB_NODISCARD kdb_status kdb_table_pending(kdb_store *store, const kdb_snapshot *snapshot, const kdb_table *table,
                                           kdb_user_id user, uint64_t most, bool oldest, kdb_arena *arena,
                                           kdb_pending_rows *out, kdb_err *err);
/* Whether the table has a live hot row. */
KDB_NODISCARD kdb_status kdb_table_has_live(kdb_store *store, const kdb_table *table, bool *out, kdb_err *err);

/* A partition's hot rows as `snapshot` has them, in key order. As they are read, their removal from the hot tier is put in `batch`. All
 * borrowed until it is freed. */
typedef struct kdb_cold_hot kdb_cold_hot;
kdb_cold_hot *kdb_cold_hot_new(kdb_store *store, const kdb_table *table, kdb_user_id user, const kdb_snapshot *snapshot,
                               kdb_batch *batch);
void kdb_cold_hot_free(kdb_cold_hot *hot); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_cold_hot, kdb_cold_hot_free)
/* As kdb_cold_rows says; `self` is the kdb_cold_hot. */
kdb_status kdb_cold_hot_next(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err);
/* After the last row: puts the removal of their index entries in the batch. */
KDB_NODISCARD kdb_status kdb_cold_hot_end(kdb_cold_hot *hot, kdb_err *err);
/* Keys of rows that are in the files, and have been changed or deleted since. */
typedef struct kdb_cold_changed {
    kdb_sv *keys;
    size_t count;
} kdb_cold_changed;
/* Right before the commit, with the table closed to writers: leaves out of the removal what was written since the snapshot.
 * `floor`: kdb_core_seq_floor's from before the snapshot. In `arena`. */
KDB_NODISCARD kdb_status kdb_cold_hot_settle(kdb_cold_hot *hot, uint64_t floor, kdb_arena *arena, kdb_cold_changed *out,
                                             kdb_err *err);

/* ---- segments that are put together ---- */

/* Marks the segments that are worth it: many of one size, or with many dead rows; `all`: those that are not full, or have any. Returns how
 * many. */
size_t kdb_manifest_pick(const kdb_manifest *manifest, bool all, uint64_t full_rows, bool *picked);
/* One of those alone; borrows from `manifest`. */
kdb_manifest *kdb_manifest_picked(kdb_manifest *manifest, const bool *picked);
/* The live rows of all of a manifest's segments, as kdb_cold_rows wants them. All borrowed until it is freed. */
typedef struct kdb_cold_merge kdb_cold_merge;
kdb_cold_merge *kdb_cold_merge_new(kdb_cold *cold, const kdb_table *table, const kdb_manifest *manifest);
void kdb_cold_merge_free(kdb_cold_merge *merge); /* NULL is fine */
kdb_status kdb_cold_merge_next(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err);
/* Keys of the manifest's rows that have died since it was read. In `arena`. */
KDB_NODISCARD kdb_status kdb_cold_dead_since(kdb_cold *cold, const kdb_manifest *manifest, kdb_arena *arena,
                                             kdb_cold_changed *out, kdb_err *err);
/* The table's partition in family manifest: for kdb_table_next_user. */
kdb_partition kdb_cold_partition(const kdb_table *table);

/* ---- changes, staged in a batch ---- */

/* The row at `place`, whose key is `key`, is dead with this batch; `generation` is a number never used before (a `_seq` of the batch). */
void kdb_cold_stage_dead(const kdb_table *table, kdb_user_id user, kdb_cold_place place, kdb_sv key,
                         uint64_t generation, kdb_batch *batch);

/* A segment that was written: its record and its filter, and in the partition's generation. With a roster that has it. */
void kdb_cold_stage_segment(const kdb_table *table, kdb_user_id user, kdb_new_segment *segment, uint64_t generation,
                            kdb_batch *batch);
/* Removes a segment's record, filter and dead rows; a generation goes with what comes in its place, or by itself. With a roster that
 * lacks it. */
void kdb_cold_stage_removal(const kdb_table *table, kdb_user_id user, uint32_t segment, uint64_t generation,
                            kdb_batch *batch);
/* Which segments the partition has with this batch: their numbers, rising, and that of the next one. */
void kdb_cold_stage_roster(const kdb_table *table, kdb_user_id user, uint32_t next, const uint32_t *ids, size_t count,
                           uint64_t generation, kdb_batch *batch);
/* The number of the partition's next segment, one that no segment has ever had. 0: it has never had any, or has forgotten: there may be
 * files all the same. */
KDB_NODISCARD kdb_status kdb_cold_next_segment(kdb_cold *cold, const kdb_table *table, kdb_user_id user, uint32_t *out,
                                               kdb_err *err);

/* All segments of a table that is dropped, or of one of its users who is: their files are doomed once _end says that the batch was
 * committed. The table is closed to writers from before this call until after the commit. `cold` NULL: nothing. */
KDB_NODISCARD kdb_status kdb_cold_stage_drop(kdb_cold *cold, const kdb_table *table, kdb_batch *batch, kdb_err *err);
KDB_NODISCARD kdb_status kdb_cold_stage_drop_user(kdb_cold *cold, const kdb_table *table, kdb_user_id user,
                                                  kdb_batch *batch, kdb_err *err);
void kdb_cold_drop_end(kdb_cold *cold, const kdb_table *table, kdb_status committed);

/* ---- manifests that are made anew from files; see cold_rebuild.c for what comes of rows ---- */

/* Visits every record of a segment that can be read, of all users' partitions of a table; what `segment` and `user` borrow lives for the
 * call. */
KDB_NODISCARD kdb_status kdb_cold_visit_records(kdb_cold *cold, const kdb_table *table, const kdb_snapshot *snapshot,
                                                kdb_status (*visit)(void *self, kdb_user_id user,
                                                                    const kdb_segment *segment, kdb_err *err),
                                                void *self, kdb_err *err);

/* Puts the removal of keys that are in no partition of the table in the batch. */
KDB_NODISCARD kdb_status kdb_cold_stage_strays(kdb_cold *cold, const kdb_table *table, kdb_batch *batch, kdb_err *err);

/* A file where a partition's lie. */
typedef struct kdb_rebuild_file {
    kdb_sv path; /* in the table's storage */
    uint64_t bytes;
    uint32_t segment; /* as its name says */
    kdb_sv left;      /* set: why it is no segment, or one whose record stays as it is; empty: it is one */
} kdb_rebuild_file;
/* What is borrowed lives as long as the rebuild. */
typedef struct kdb_rebuild_spec {
    const kdb_table *table;
    kdb_user_id user;
    const kdb_snapshot *snapshot;
    kdb_rebuild_file *files; /* by segment */
    size_t nfiles;
    bool (*stop)(void *self); /* true: ends with KDB_CANCELLED */
    void *self;
    kdb_batch *batch; /* what is to be changed */
} kdb_rebuild_spec;
typedef struct kdb_cold_rebuild kdb_cold_rebuild;
/* Reads the files and puts the partition's manifest in the batch. While it lives they stay. */
KDB_NODISCARD kdb_status kdb_cold_rebuild_new(kdb_cold *cold, const kdb_rebuild_spec *spec, kdb_cold_rebuild **out,
                                              kdb_err *err);
void kdb_cold_rebuild_free(kdb_cold_rebuild *rebuild); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_cold_rebuild, kdb_cold_rebuild_free)
/* Right before the commit, with the table closed to writers: rows that have been changed or deleted since the snapshot are dead in the
 * files. `floor`: kdb_core_seq_floor's from before the snapshot. */
KDB_NODISCARD kdb_status kdb_cold_rebuild_settle(kdb_cold_rebuild *rebuild, uint64_t floor, kdb_err *err);
typedef struct kdb_rebuild_counts {
    uint64_t segments, rows, dead;
} kdb_rebuild_counts;
kdb_rebuild_counts kdb_cold_rebuild_counts(const kdb_cold_rebuild *rebuild);

/* ---- files that no manifest names ---- */

/* Names a file in the store: from this commit on a start removes it. Before it is written, and in the batch that removes its segment. */
void kdb_cold_stage_unwanted(kdb_sv storage_id, kdb_sv path, kdb_batch *batch);
/* Takes the name back: in the batch that adds its segment. */
void kdb_cold_stage_wanted(kdb_sv storage_id, kdb_sv path, kdb_batch *batch);
/* Whether a file of that name waits to be written or removed. */
KDB_NODISCARD kdb_status kdb_cold_is_unwanted(kdb_cold *cold, kdb_sv storage_id, kdb_sv path, bool *out, kdb_err *err);
/* Whether any file of the storage does. */
KDB_NODISCARD kdb_status kdb_cold_has_unwanted(kdb_cold *cold, kdb_sv storage_id, bool *out, kdb_err *err);
/* After such a commit, and for what was written in vain: the file is removed by a sweep once nobody can read it. */
void kdb_cold_doom(kdb_cold *cold, uint32_t table_id, kdb_user_id user, const kdb_segment *segment);
/* Removes what can be removed by now; returns how many files that were. Waits for the storages; of one that fails, once. */
size_t kdb_cold_sweep(kdb_cold *cold);
/* The same of what came last, some files in directories: little to wait for. */
size_t kdb_cold_sweep_near(kdb_cold *cold);
/* From here to _release a sweep removes nothing: a copy of the store names files that the store itself may not name any more. As often as
 * you like. */
void kdb_cold_hold(kdb_cold *cold);
void kdb_cold_release(kdb_cold *cold);
/* At a start, once storages are open: removes what a crash has left. What is in a storage that is away, sweeps remove. */
KDB_NODISCARD kdb_status kdb_cold_recover(kdb_cold *cold, kdb_err *err);

#endif
