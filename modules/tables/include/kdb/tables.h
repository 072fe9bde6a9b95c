/* tables.h - rows of USER, SHARED and STREAM tables: key and value encodings, scans that feed the engine, and the store
 * changes that one row change takes. Any thread; a scan is shared by its readers, a reader belongs to one thread. */
#ifndef KDB_TABLES_H
#define KDB_TABLES_H

#include <stdatomic.h>

#include "kdb/expr.h"
#include "kdb/registry.h"

/* ---- keys (design 4): order-preserving, logical (without the table's prefix) ----
 * USER    user | key columns (or hidden row id)      SHARED  key columns (or hidden row id)
 * STREAM  user | timestamp ms (8) | row id (8)
 * user and text: bytes with 00 -> 00 FF, ended by 00 01. Integers and times: big-endian with the sign bit flipped.
 * Floats: IEEE order (-0 as 0). DECIMAL: 16 bytes, sign flipped. BOOLEAN: one byte. UUID: 16 bytes. */

/* `values[i]` belongs to key column i of the table and has its type. NULL is KDB_CONSTRAINT in the reference's words,
 * a key over the arena's limit KDB_LIMIT. */
KDB_NODISCARD kdb_status kdb_row_key(const kdb_table *table, kdb_user_id user, const kdb_value *values,
                                     kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* The key of a row without a primary key, or of a STREAM row: made from its first `_seq`. */
kdb_sv kdb_row_key_hidden(const kdb_table *table, kdb_user_id user, uint64_t seq, kdb_arena *arena);
/* The [from, to) of all keys of one user (whole table for SHARED). */
void kdb_row_user_range(const kdb_table *table, kdb_user_id user, kdb_arena *arena, kdb_sv *from, kdb_sv *to);
/* True when `key` lies in the user's range: re-checked before a write by key. */
bool kdb_row_key_owned(const kdb_table *table, kdb_user_id user, kdb_sv key);

/* The first user of a USER table, from key *from on (empty: of all), who has keys in the partition (hot rows, index entries or a manifest,
 * whose keys all begin with the user's part); *from moves behind that user. Both in `arena`. *out_found false: there are no more. */
KDB_NODISCARD kdb_status kdb_table_next_user(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part,
                                             kdb_arena *arena, kdb_sv *from, kdb_user_id *out, bool *out_found,
                                             kdb_err *err);

/* ---- values: versioned binary; one column decodes without touching the others ----
 * u8 format | u8 flags | u32 schema version | u64 _seq | null bitmap | fixed part | u32 end offsets | bytes
 * little-endian; the null bitmap and both parts follow that schema version's column order. Exactly: row_value.c. */

enum { KDB_ROW_DELETED = 1 };

/* A row's bytes, checked once: every offset lies inside. Borrows them. */
typedef struct kdb_row {
    kdb_sv bytes;
    const kdb_schema *schema; /* the version the row was written with */
    uint64_t seq;
    bool deleted;
} kdb_row;

/* KDB_CORRUPT for bytes that no encoder wrote. */
KDB_NODISCARD kdb_status kdb_row_open(const kdb_table *table, kdb_sv bytes, kdb_row *out, kdb_err *err);
/* All columns of the table's latest schema into out[0..ncolumns): matched by column id, NULL, or its initial
 * value, when the row's version lacks one, converted when ALTER changed its type. Bytes borrow from the row or lie in `arena`. KDB_CORRUPT when a
 * stored value does not convert, which ALTER made sure of. */
KDB_NODISCARD kdb_status kdb_row_values(const kdb_table *table, const kdb_row *row, kdb_arena *arena, kdb_value *out,
                                        kdb_err *err);
/* One column of the latest schema without an arena: always borrows, so the row must lie at an address divisible by 4
 * (as what kdb_store_get returns does) if the column is an EMBEDDING, and a column whose type ALTER changed comes in
 * the type it was written with (see value.type). */
kdb_value kdb_row_get(const kdb_table *table, const kdb_row *row, size_t index);
/* Encodes `values` (of the latest schema, by column; one of another type is coerced) in `arena`. KDB_LIMIT beyond
 * 64 MiB or the arena's limit, KDB_SCHEMA for text that is not UTF-8. */
KDB_NODISCARD kdb_status kdb_row_encode(const kdb_table *table, const kdb_value *values, uint64_t seq, bool deleted,
                                        kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* The same row with another `_seq` and deleted flag: what DELETE writes. */
kdb_sv kdb_row_restamp(const kdb_row *row, uint64_t seq, bool deleted, kdb_arena *arena);
/* Changes the `_seq` in place, of bytes that _encode or _restamp just made: `_seq` is given later than values are. */
void kdb_row_stamp(kdb_sv row, uint64_t seq);

/* ---- changes of one row, staged in a batch ---- */

/* Puts the row and its entry in the seq index; `old_seq` is the `_seq` it replaces (0: none). */
void kdb_tables_stage_put(const kdb_table *table, kdb_user_id user, kdb_sv key, kdb_sv row, uint64_t seq,
                          uint64_t old_seq, kdb_batch *batch);
/* Removes a STREAM row at once. */
void kdb_tables_stage_remove(const kdb_table *table, kdb_sv key, kdb_batch *batch);
/* Removes a row of a USER or SHARED table from the store as if it had never been, with its entry in the seq index; `seq` is its
 * `_seq`. */
void kdb_tables_stage_purge(const kdb_table *table, kdb_sv key, uint64_t seq, kdb_batch *batch);
/* Removes every row of the table. */
void kdb_tables_stage_drop(const kdb_table *table, kdb_batch *batch);
/* ---- `_seq` never repeats or goes back, whatever the wall clock does between two runs ----
 * The store holds a ceiling that no stored `_seq` passes. A batch whose `_seq` would pass it carries a higher one, a
 * second or two ahead, so a run writes it about once a second while it writes at all. A start begins above the ceiling,
 * which matters only when the clock is behind it: after it was set back, or within two seconds of a crash. */

typedef struct kdb_seq_ceiling {
    _Atomic uint64_t durable; /* no stored `_seq` is greater, and disk says so too */
} kdb_seq_ceiling;

/* At start, before the first write: reads the ceiling and raises the snowflake source above it. */
KDB_NODISCARD kdb_status kdb_seq_ceiling_open(kdb_seq_ceiling *ceiling, kdb_store *store, kdb_err *err);
/* Every batch of rows calls this with its greatest `_seq`. Nearly always a compare that returns 0; else the new ceiling
 * it staged in `batch`: hand that to _confirm once the batch is committed. Any thread. */
uint64_t kdb_seq_ceiling_stage(const kdb_seq_ceiling *ceiling, uint64_t seq, kdb_batch *batch);
/* Any thread; 0 is fine. Forgetting it costs only that later batches carry a ceiling too. */
void kdb_seq_ceiling_confirm(kdb_seq_ceiling *ceiling, uint64_t staged);
/* At a clean stop, after the last write: lowers the stored ceiling to the last id given, so that the next start need
 * not run ahead of the clock at all. */
KDB_NODISCARD kdb_status kdb_seq_ceiling_settle(kdb_seq_ceiling *ceiling, kdb_store *store, kdb_err *err);

/* ---- scans ---- */

/* What `*` yields, in order, then `_key` (BYTES) at [*count] for DML: user columns, `_seq`, `_deleted` (not STREAM). */
const kdb_field *kdb_table_fields(const kdb_table *table, kdb_arena *arena, size_t *count);

/* Which keys a statement needs, found from its predicates. */
typedef struct kdb_key_set {
    bool points;  /* the keys below; else the one range */
    kdb_sv *keys; /* ascending, no duplicates */
    size_t nkeys;
    kdb_sv from, to; /* to empty: the partition's end */
} kdb_key_set;
/* Narrowest set that holds every row meeting `preds` (dialect.h; columns index kdb_table_fields) for this user.
 * Equality or IN on all key columns gives points (at most 10,000); a prefix with a range on the next column gives a
 * range. A predicate whose operand does not convert exactly to the column's type is ignored. */
void kdb_table_key_set(const kdb_table *table, kdb_user_id user, const kdb_pred *preds, size_t npreds,
                       const kdb_value *params, size_t nparams, kdb_arena *arena, kdb_key_set *out);

/* ---- overlays: a transaction's own rows of one table, laid over what its snapshot holds ----
 * Ordered by key. One thread changes an overlay; while nobody does, any number may read it. */

typedef struct kdb_overlay kdb_overlay;
/* One key the transaction has written. */
typedef struct kdb_overlay_row {
    kdb_sv key;
    kdb_sv row; /* the bytes that count now, a tombstone included; empty: nothing any more, readers pass it over */
    uint64_t base_seq; /* `_seq` of the committed version under it; 0: none */
    bool base_live;    /* that version is a row, not a tombstone */
    bool fresh;        /* the server made the key: nobody else can have written it */
} kdb_overlay_row;

kdb_overlay *kdb_overlay_new(kdb_arena *arena);
/* The key's row, added without bytes when the transaction has not written it before: the caller then says what is under
 * it. */
kdb_overlay_row *kdb_overlay_add(kdb_overlay *overlay, kdb_sv key);
/* As readers see it: NULL when the transaction leaves the key as it was. What comes back may be a tombstone. */
const kdb_overlay_row *kdb_overlay_find(const kdb_overlay *overlay, kdb_sv key);
/* Walks either way; each returns NULL at the end and passes over rows without bytes. An empty `key`: the first row of
 * all, and the last. */
const kdb_overlay_row *kdb_overlay_from(const kdb_overlay *overlay, kdb_sv key);   /* at `key` or after it */
const kdb_overlay_row *kdb_overlay_before(const kdb_overlay *overlay, kdb_sv key); /* by descent: not free */
const kdb_overlay_row *kdb_overlay_next(const kdb_overlay_row *row);

/* The rows of a range as one instant saw them, in memory, in key order, without tombstones. Counted, any thread. */
typedef struct kdb_hot_rows kdb_hot_rows;

/* The cold tier (cold.h). */
typedef struct kdb_cold kdb_cold;

/* ---- filters: which of a table's rows are there at all for who runs the statement ---- */

/* Where the columns of a table's rows lie, for every schema version; made once for many reads. Immutable: any thread. */
typedef struct kdb_row_decoder kdb_row_decoder;
kdb_row_decoder *kdb_row_decoder_new(const kdb_table *table /* outlives it */, kdb_arena *arena);

/* A condition with the values it is asked with; its columns count kdb_table_fields. */
typedef struct kdb_row_test {
    const kdb_expr *expr; /* BOOLEAN */
    const kdb_expr_consts *consts;
} kdb_row_test;
/* Rows pass that meet one of these: none, so none passes. */
typedef struct kdb_row_tests {
    const kdb_row_test *tests;
    size_t ntests;
} kdb_row_tests;
/* Rows pass that pass each group. Whatever a statement says is asked of those only, or its errors and its time would tell of
 * the others. Immutable while rows are read with it: any thread. */
typedef struct kdb_row_filter {
    const kdb_row_tests *groups;
    size_t ngroups;
    const kdb_row_decoder *decoder; /* the table's */
    const kdb_pred *preds;          /* what every row that passes meets, for kdb_table_key_set: none has to be there */
    size_t npreds;
    /* Fails when the statement has to stop: asked now and then, as a read may go on for long without a row that passes. */
    kdb_status (*go_on)(const void *self, kdb_err *err);
    const void *self;
} kdb_row_filter;
KDB_NODISCARD kdb_status kdb_row_filter_admits(const kdb_row_filter *filter, const kdb_expr_row *row,
                                               kdb_arena *scratch, bool *out, kdb_err *err);

typedef struct kdb_table_scan kdb_table_scan;
typedef struct kdb_table_reader kdb_table_reader; /* one thread's part of a scan */
typedef struct kdb_scan_spec {
    kdb_store *store;
    const kdb_table *table; /* borrowed until the scan is freed, as all below */
    const kdb_snapshot *snapshot;
    const kdb_overlay *overlay; /* its rows replace and hide the snapshot's; NULL: none */
    kdb_key_set keys;
    const kdb_row_filter *filter; /* NULL: all rows pass */
    bool sees_deleted;
    int64_t now_ms;           /* STREAM: rows older than the TTL are not seen */
    const size_t *projection; /* indexes into kdb_table_fields, [count] = `_key`; none: rows are only counted */
    size_t nprojection;
    size_t max_readers;
    bool in_order;     /* rows come in key order, from one reader */
    kdb_hot_rows *hot; /* as of a walk; NULL: none */
    kdb_cold *cold;    /* where the partition's other rows are; NULL: there are none. With it, `snapshot` is not NULL */
    kdb_user_id user;  /* whose partition; empty for SHARED */
    const kdb_pred *preds; /* what rows that matter meet, for what is read of files; columns index kdb_table_fields */
    size_t npreds;
    const kdb_value *params; /* of those */
    size_t nparams;
    const struct kdb_cold_direct *direct; /* rows that somebody else reads (cold.h); NULL: there are none */
} kdb_scan_spec;
KDB_NODISCARD kdb_status kdb_table_scan_new(const kdb_scan_spec *spec, kdb_table_scan **out, kdb_err *err);
void kdb_table_scan_free(kdb_table_scan *scan); /* after its readers; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_table_scan, kdb_table_scan_free)
/* How many readers may share the work (at least 1). The first reads the head of a range alone; the others wait a little
 * for it to find out whether there is more to share, and end at once when there is not. */
size_t kdb_table_scan_readers(const kdb_table_scan *scan);
KDB_NODISCARD kdb_status kdb_table_reader_new(kdb_table_scan *scan, kdb_table_reader **out, kdb_err *err);
void kdb_table_reader_free(kdb_table_reader *reader); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_table_reader, kdb_table_reader_free)
/* Fills up to KDB_CHUNK_ROWS rows; nrows 0 when no part of the scan is left. chunk->cols follow the projection. */
KDB_NODISCARD kdb_status kdb_table_reader_next(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err);

/* ---- rows of STREAM tables that have outlived the TTL: readers do not see them, but they are there ---- */

typedef struct kdb_expired_spec {
    kdb_store *store;
    const kdb_table *table; /* STREAM */
    int64_t now_ms;         /* by which they have expired */
    kdb_sv from;            /* of the search before; empty: the table's beginning */
    size_t max_rows;
    size_t max_bytes; /* of rows; one is found whatever its size */
} kdb_expired_spec;
typedef struct kdb_expired_row {
    kdb_user_id user;
    kdb_sv key;
} kdb_expired_row;
typedef struct kdb_expired {
    kdb_expired_row *rows; /* user by user */
    size_t nrows;
    kdb_sv next; /* where the search goes on; empty: there are no more */
} kdb_expired;
/* The next of them, of what is committed by now: max_rows at most, and fewer, or none, where many users have none. In `arena`. */
KDB_NODISCARD kdb_status kdb_table_expired(const kdb_expired_spec *spec, kdb_arena *arena, kdb_expired *out,
                                           kdb_err *err);

/* ---- walks: rows one at a time in either order, for the native executor; one thread ---- */

typedef struct kdb_row_walk kdb_row_walk;
typedef struct kdb_walk_spec {
    kdb_store *store; /* borrowed until the walk is done, as all below */
    const kdb_table *table;
    const kdb_row_decoder *decoder; /* the table's */
    kdb_arena *scratch;             /* of rows looked up and values converted: reset by every move */
    const kdb_snapshot *snapshot;   /* NULL: the latest state, row by row; for single keys */
    const kdb_overlay *overlay; /* its rows replace and hide the snapshot's; by_seq they are the latest. NULL: none */
    kdb_key_set keys;
    bool by_seq; /* in `_seq` order by the index instead: every row of `user`, `keys` is not looked at. Not STREAM */
    kdb_user_id user;   /* by_seq, or with `cold`; empty for SHARED */
    uint64_t seq_above; /* by_seq, without an overlay: only rows of a greater `_seq` */
    bool descending;
    bool sees_deleted;
    kdb_hot_rows *hot; /* all rows of whose keys may be read, instead of the store; NULL: none. Not by_seq, overlay or
                          sees_deleted */
    bool whole;        /* all rows are likely to be wanted: read ahead, leave the block cache alone */
    bool memory_only;  /* KDB_WOULD_BLOCK where the disk would have to be read */
    int64_t now_ms;    /* STREAM: rows older than the TTL are not seen */
    kdb_cold *cold;    /* where the partition's other rows are; NULL: there are none, or `hot` has them */
} kdb_walk_spec;
/* In `arena`, but for what _done gives back. */
KDB_NODISCARD kdb_status kdb_row_walk_new(const kdb_walk_spec *spec, kdb_arena *arena, kdb_row_walk **out,
                                          kdb_err *err);
void kdb_row_walk_done(kdb_row_walk *walk); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_row_walk, kdb_row_walk_done)
/* Moves to the next row that the statement may see; *out_more false at the end. */
KDB_NODISCARD kdb_status kdb_row_walk_next(kdb_row_walk *walk, bool *out_more, kdb_err *err);
/* One of the row's kdb_table_fields (or `_key` after them), in that field's type; borrowed until the next move. A damaged
 * value reads as NULL and fails the next move. */
kdb_value kdb_row_walk_value(kdb_row_walk *walk, uint32_t field);
/* The row's bytes, of a walk over rows that are not kept in memory; borrowed until the next move. */
kdb_sv kdb_row_walk_bytes(const kdb_row_walk *walk);
/* Of a walk over rows kept in memory: by field, the values of all rows in key order where they are decoded, else NULL. */
const kdb_vec *const *kdb_row_walk_columns(const kdb_row_walk *walk);
/* The index in those of the row that such a walk is at. */
size_t kdb_row_walk_at(const kdb_row_walk *walk);
/* Moves such a walk to the row of that index. */
void kdb_row_walk_go(kdb_row_walk *walk, size_t row);
/* The indexes [*from, *to) of rows that such a walk along a range, not begun, has before it. */
void kdb_row_walk_extent(const kdb_row_walk *walk, size_t *from, size_t *to);
/* From now on it passes over rows whose bit is 0: bit i & 63 of bits[i >> 6] is row i's. Borrowed until the walk is done. */
void kdb_row_walk_sieve(kdb_row_walk *walk, const uint64_t *bits);

/* Reads the rows of the range that `walk` says (its decoder and scratch are not looked at). *out stays NULL when they are more than `max_bytes` or `max_rows`. */
KDB_NODISCARD kdb_status kdb_hot_rows_load(const kdb_walk_spec *walk, size_t max_bytes, size_t max_rows,
                                           kdb_hot_rows **out, kdb_err *err);
kdb_hot_rows *kdb_hot_rows_ref(kdb_hot_rows *rows);
void kdb_hot_rows_unref(kdb_hot_rows *rows); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_hot_rows, kdb_hot_rows_unref)
size_t kdb_hot_rows_bytes(const kdb_hot_rows *rows);
/* Decodes a column (of kdb_table_fields) of all rows, unless that has been done: walks then read it at the cost of a load.
 * An EMBEDDING is left as it is. */
void kdb_hot_rows_decode(kdb_hot_rows *rows, uint32_t field);

#endif
