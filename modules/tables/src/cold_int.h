/* cold_int.h - what the files of the cold tier share. */
#ifndef KDB_COLD_INT_H
#define KDB_COLD_INT_H

#include "kdb/cold.h"
#include "tables_int.h"

typedef struct kdbi_cold_readers kdbi_cold_readers; /* cold_readers.c: connections to the reader engine */

typedef struct kdbi_cold_found kdbi_cold_found; /* cold_found.c: rows that were looked up lately */

typedef struct kdbi_cold_tables kdbi_cold_tables;

typedef struct kdbi_doomed kdbi_doomed; /* cold_files.c */

struct kdb_cold {
    kdb_store *store; /* fixed, as the next six */
    uint64_t direct_rows;
    kdb_engine *engine;
    kdb_object_stores *objects;
    kdbi_cold_readers *readers;
    kdbi_cold_found *found;
    kdbi_cold_tables *tables;
    kdb_mutex lock;                /* rank KDB_LOCK_COLD */
    kdb_map *by_partition;         /* guarded by lock, as all below: the manifest last read of each partition */
    kdb_manifest *newest, *oldest; /* of those, by use */
    size_t cached_bytes;
    kdb_manifest *first_live; /* every manifest that there is, cached or held */
    kdbi_doomed *leaving;     /* files of tables that are being dropped */
    kdbi_doomed *doomed;      /* files that wait for their last reader */
    unsigned holds;           /* who wants all files to stay */
};

/* ---- cold_tables.c: the ids of tables that have segments. Any thread ---- */

kdbi_cold_tables *kdbi_cold_tables_new(void);
void kdbi_cold_tables_free(kdbi_cold_tables *tables); /* NULL is fine */
void kdbi_cold_tables_add(kdbi_cold_tables *tables, uint32_t id);
/* True from when _add has returned; takes no lock. */
bool kdbi_cold_tables_have(const kdbi_cold_tables *tables, uint32_t id);

/* ---- cold_keys.c: the keys of family manifest. A partition's begin with the user's part of its row keys ---- */

typedef enum kdbi_cold_tag {
    KDBI_COLD_BLOOM = 'B',      /* segment, block */
    KDBI_COLD_DEAD = 'D',       /* segment, row */
    KDBI_COLD_EXPORTED = 'E',   /* nothing more */
    KDBI_COLD_GENERATION = 'G', /* nothing more */
    KDBI_COLD_ROSTER = 'N',     /* nothing more */
    KDBI_COLD_SEGMENT = 'S'     /* segment */
} kdbi_cold_tag;

/* No table has this id: the partition of files that no manifest names (cold_files.c). */
enum { KDBI_COLD_FILES = 0 };
kdb_partition kdbi_cold_partition(uint32_t table_id);
/* What the partition's keys begin with: empty for SHARED. In `arena`. */
kdb_sv kdbi_cold_prefix(const kdb_table *table, kdb_user_id user, kdb_arena *arena);
/* prefix, tag, and the first `nparts` of two numbers. */
kdb_sv kdbi_cold_key(kdb_sv prefix, kdbi_cold_tag tag, size_t nparts, uint32_t first, uint32_t second,
                     kdb_arena *arena);
/* The least key above all that begin as kdbi_cold_key's. */
kdb_sv kdbi_cold_key_end(kdb_sv prefix, kdbi_cold_tag tag, size_t nparts, uint32_t first, kdb_arena *arena);
/* Whether it is such a key of a partition whose keys begin with `prefix_len` bytes: else, if the tag is right, a damaged one. */
bool kdbi_cold_key_is(kdb_sv key, size_t prefix_len, kdbi_cold_tag tag, size_t nparts);
/* The first number of a key that has any. */
uint32_t kdbi_cold_key_segment(kdb_sv key, size_t prefix_len);
/* The two numbers at the end of a DEAD key. */
kdb_cold_place kdbi_cold_key_place(kdb_sv key);

/* ---- cold_roster.c: which segments a partition has, all in one place, so that one that is missing is missed ---- */

typedef struct kdbi_cold_roster {
    uint32_t next;       /* the number of the next segment; 0: nothing is stored */
    const uint32_t *ids; /* rising */
    size_t count;
    bool known; /* older ones say the next number only */
} kdbi_cold_roster;
/* KDB_NOT_FOUND is no failure here; KDB_CORRUPT when what is stored is none. In `arena`. */
KDB_NODISCARD kdb_status kdbi_cold_roster_read(kdb_cold *cold, const kdb_snapshot *snapshot, uint32_t table_id,
                                               kdb_sv prefix, bool memory_only, kdb_arena *arena, kdbi_cold_roster *out,
                                               kdb_err *err);

void kdbi_cold_roster_write(uint32_t next, const uint32_t *ids, size_t count, kdb_buf *out);

/* ---- cold_bloom.c: which keys are in a segment, in blocks that are read one at a time ---- */

typedef struct kdbi_bloom_writer kdbi_bloom_writer;
kdbi_bloom_writer *kdbi_bloom_new(void);
void kdbi_bloom_free(kdbi_bloom_writer *bloom); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdbi_bloom_writer, kdbi_bloom_free)
void kdbi_bloom_add(kdbi_bloom_writer *bloom, kdb_sv key);
/* Puts the filter's blocks in the batch; returns how many they are. */
uint32_t kdbi_bloom_stage(const kdbi_bloom_writer *bloom, uint32_t table_id, kdb_sv prefix, uint32_t segment,
                          kdb_arena *arena, kdb_batch *batch);
/* Whether the key may be in the segment. */
KDB_NODISCARD kdb_status kdbi_bloom_may_hold(kdb_cold *cold, const kdb_snapshot *snapshot, const kdb_manifest *manifest,
                                             const kdb_segment *segment, kdb_sv key, bool memory_only, bool *out,
                                             kdb_err *err);

/* ---- what files hold besides the table's columns: their field ids are none that a column has ---- */

enum { KDBI_FIELD_SEQ = 0, KDBI_FIELD_ROW_ID = 0x7fffffff };

/* ---- cold_named.c ---- */

/* Calls `visit` for the entries of that tag, with so many numbers behind it, of every partition of every table. */
KDB_NODISCARD kdb_status kdbi_cold_visit_tag(kdb_store *store, kdbi_cold_tag tag, size_t nparts,
                                             kdb_status (*visit)(void *self, kdb_partition part, kdb_sv key,
                                                                 kdb_sv value, kdb_err *err),
                                             void *self, kdb_err *err);

/* ---- cold_segment.c: a segment's record ---- */

void kdbi_segment_write(const kdb_segment *segment, kdb_buf *out);
/* Borrows the record's bytes. */
KDB_NODISCARD kdb_status kdbi_segment_read(kdb_sv record, kdb_segment *out, kdb_err *err);
bool kdbi_segment_row_is_dead(const kdb_segment *segment, uint32_t row);

/* ---- cold_manifest.c ---- */

/* KDB_CORRUPT: names the table and how it is put right. */
KDB_NODISCARD kdb_status kdbi_manifest_damaged(const kdb_table *table, kdb_err *err, const char *fmt, ...)
    KDB_PRINTF(3, 4);
/* One without segments yet; a reference. */
kdb_manifest *kdbi_manifest_new(kdb_cold *cold, uint32_t table_id, kdb_user_id user, kdb_sv prefix,
                                uint64_t generation);

/* ---- cold_write.c ---- */

struct kdb_cold_writer {
    kdb_cold *cold;
    kdb_engine_conn *conn;
};
/* What a file of the table has: its columns, `_seq`, and the row id where that is the key. In `arena`. */
kdb_parquet_column *kdbi_cold_columns(const kdb_table *table, kdb_arena *arena, size_t *count);

/* ---- cold_note.c: what a file says of itself ---- */

/* In `arena`. */
kdb_parquet_note kdbi_cold_note(const kdb_segment_spec *spec, int64_t created_ms, kdb_arena *arena);
typedef struct kdbi_cold_said {
    uint32_t schema_version; /* found by its columns if it does not say */
    bool said;               /* false: the rest is not known */
    uint32_t table_id, segment;
    kdb_sv user;
    int64_t created_ms;
    uint32_t *replaces; /* segments whose place it took */
    size_t nreplaces;
} kdbi_cold_said;
/* In `arena`. A failure says what is wrong with the file, or with the storage (KDB_IO). */
KDB_NODISCARD kdb_status kdbi_cold_ask(kdb_cold *cold, const kdb_table *table, kdb_sv storage_id, kdb_sv path,
                                       kdb_arena *arena, kdbi_cold_said *out, kdb_err *err);

/* What one thread gives a COPY, chunk by chunk. `open_part` and `close_part` NULL: `next` is given `self` as its local. */
kdb_scan_source kdbi_cold_source(void *self,
                                 kdb_status (*open_part)(void *self, void *scan, void **out_local, kdb_err *err),
                                 kdb_status (*next)(void *self, void *scan, void *local, kdb_chunk *chunk,
                                                    kdb_err *err),
                                 void (*close_part)(void *self, void *scan, void *local));

/* Whether somebody holds a manifest that names the segment. */
bool kdbi_cold_is_held(kdb_cold *cold, uint32_t table_id, kdb_user_id user, uint32_t segment);
void kdbi_cold_leaving_add(kdb_cold *cold, uint32_t table_id, kdb_user_id user, const kdb_segment *segment);
void kdbi_cold_files_done(kdb_cold *cold);

/* ---- cold_hot.c ---- */

void kdbi_cold_changed_add(kdb_cold_changed *changed, kdb_sv key, kdb_arena *arena);
/* Walks the entries of the seq index of a partition, whose keys begin at `from` and end before `to`, that have been written at `floor`
 * or later, as they are now. */
kdb_iter *kdbi_written_since(kdb_store *store, const kdb_table *table, kdb_sv from, kdb_sv to, uint64_t floor);

#endif
