/* cold_read.h - what the files that read segments share. Segments are Parquet files; a query of the reader engine (an engine
 * beside the one that runs statements, which runs on the thread that asks) reads some of them, all of one schema version.
 * A file's columns are, in this order: those of its schema version, `_seq`, and the row id where the table has no primary key.
 * In the text of a query they are c0, c1, .. */
#ifndef KDB_COLD_READ_H
#define KDB_COLD_READ_H

#include "cold_int.h"

/* ---- cold_readers.c: connections to the reader engine, each used by one query at a time, with the plans of its last queries. Any
 * thread ---- */

typedef struct kdbi_cold_reader kdbi_cold_reader;

kdbi_cold_readers *kdbi_cold_readers_new(kdb_engine *engine);
void kdbi_cold_readers_free(kdbi_cold_readers *readers); /* when none is taken; NULL is fine */
/* KDB_LIMIT when very many are in use. */
KDB_NODISCARD kdb_status kdbi_cold_reader_take(kdbi_cold_readers *readers, kdbi_cold_reader **out, kdb_err *err);
void kdbi_cold_reader_give(kdbi_cold_readers *readers, kdbi_cold_reader *reader); /* NULL is fine */
/* For what is asked of files otherwise: nothing may be left open on it. */
kdb_engine_conn *kdbi_cold_reader_conn(const kdbi_cold_reader *reader);
/* The plan of a query of files (kdb_engine_prepare_files): the reader's, which no cursor may use by now. */
KDB_NODISCARD kdb_status kdbi_cold_reader_plan(kdbi_cold_reader *reader, kdb_sv sql, kdb_engine_plan **out,
                                               kdb_err *err);

/* ---- cold_where.c: what the engine may leave out. Never a row that is asked for, so conditions that say more than the engine
 * can be told are told as far as they go, or not at all ---- */

enum { KDBI_COLD_PARAMS_MAX = 900 };

typedef struct kdbi_cold_where {
    const kdb_table *table;
    const kdb_schema *version; /* of the files */
    kdb_arena *arena;
    kdb_buf sql;       /* conditions, each with " AND " in front: kdb_buf_done it */
    kdb_value *params; /* of those, in `arena` */
    size_t nparams;
} kdbi_cold_where;

/* What a query is asked with. */
typedef struct kdbi_cold_conditions {
    kdb_sv sql;   /* as of kdbi_cold_where */
    kdb_sv order; /* " ORDER BY ..", or empty: by file and row */
    const kdb_value *params;
    size_t nparams;
} kdbi_cold_conditions;

void kdbi_cold_where_init(kdbi_cold_where *where, const kdb_table *table, const kdb_schema *version, kdb_arena *arena);
/* Keys of [from, to). `prefix` is what the partition's keys begin with. True when no other rows pass. */
bool kdbi_cold_where_range(kdbi_cold_where *where, kdb_sv prefix, kdb_sv from, kdb_sv to);
/* Some keys, which are all there can be of them. Others may pass too. */
void kdbi_cold_where_keys(kdbi_cold_where *where, kdb_sv prefix, const kdb_sv *keys, size_t count);
void kdbi_cold_where_preds(kdbi_cold_where *where, const kdb_pred *preds, size_t npreds, const kdb_value *params,
                           size_t nparams);
/* Row numbers of [from, to) in the file. */
void kdbi_cold_where_rows(kdbi_cold_where *where, uint64_t from, uint64_t to);
/* Rows whose `_seq` is in [from, to]. */
void kdbi_cold_where_seqs(kdbi_cold_where *where, uint64_t from, uint64_t to);
/* Borrows from `where`. */
static inline kdbi_cold_conditions kdbi_cold_where_conditions(const kdbi_cold_where *where, kdb_sv order)
{
    return (kdbi_cold_conditions){ kdb_buf_sv(&where->sql), order, where->params, where->nparams };
}
/* The column's number in files of the version: of `_seq`, and of the row id. */
static inline size_t kdbi_cold_seq_column(const kdb_schema *version)
{
    return version->ncolumns;
}
static inline size_t kdbi_cold_row_id_column(const kdb_schema *version)
{
    return version->ncolumns + 1;
}
/* The number in files of the version of the table's key column `index`. */
size_t kdbi_cold_key_column(const kdb_table *table, const kdb_schema *version, size_t index);

/* ---- cold_query.c: a query over files of one version, chunk by chunk ---- */

typedef struct kdbi_cold_query kdbi_cold_query;

typedef struct kdbi_cold_query_spec {
    kdb_cold *cold; /* borrowed until the query is done, as all below */
    const kdb_table *table;
    const kdb_manifest *manifest;
    const kdb_segment *const *segments; /* of it, all of one version */
    size_t nsegments;
    const size_t *fields; /* wanted: indexes into kdb_table_fields, [count] = `_key` */
    size_t nfields;
    kdbi_cold_conditions conditions; /* copied */
    bool finds_places;               /* _place will be called */
    bool last_row;                   /* kdbi_cold_last_row's */
} kdbi_cold_query_spec;
KDB_NODISCARD kdb_status kdbi_cold_query_new(const kdbi_cold_query_spec *spec, kdbi_cold_query **out, kdb_err *err);
void kdbi_cold_query_free(kdbi_cold_query *query); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdbi_cold_query, kdbi_cold_query_free)
/* " FROM read_parquet($1) AS f(c0, ..)": files of a version, whose columns are called by their numbers. */
void kdbi_cold_put_source(const kdb_table *table, const kdb_schema *version, kdb_buf *sql);
/* Whether the engine's type of a file's column is what a column of type `want` was written as. */
bool kdbi_cold_types_agree(kdb_type got, kdb_type want);
/* Some rows more, those that are alive: *count of them, none at the end. KDB_CORRUPT names the file that cannot be read. */
KDB_NODISCARD kdb_status kdbi_cold_query_next(kdbi_cold_query *query, size_t *count, kdb_err *err);
/* The greatest number of a row, dead or alive, that meets the conditions on one file; *out_any false when there is none. */
KDB_NODISCARD kdb_status kdbi_cold_last_row(const kdbi_cold_query_spec *spec, bool *out_any, uint64_t *out,
                                            kdb_err *err);
/* Keeps those of them whose `keeps` is true, in their order. Returns how many. */
size_t kdbi_cold_query_keep(kdbi_cold_query *query, const bool *keeps);
/* One of spec.fields, in the field's type, of the i-th row kept. Borrows from the query until the next call of _next, or lies in
 * `arena`. */
KDB_NODISCARD kdb_status kdbi_cold_query_value(kdbi_cold_query *query, size_t field, size_t i, kdb_arena *arena,
                                               kdb_value *out, kdb_err *err);
/* All rows kept of one of spec.fields, to rows [at, ..) of a vector to be filled. */
KDB_NODISCARD kdb_status kdbi_cold_query_fill(kdbi_cold_query *query, size_t field, kdb_vec *vec, size_t at,
                                              kdb_arena *scratch, kdb_err *err);
/* The vector in which one of spec.fields lies as it is; NULL when its values have to be made. Row i of those kept is its row
 * kdbi_cold_query_row(query, i), below KDB_CHUNK_ROWS. */
const kdb_vec *kdbi_cold_query_column(const kdbi_cold_query *query, size_t field);
size_t kdbi_cold_query_row(const kdbi_cold_query *query, size_t i);
kdb_cold_place kdbi_cold_query_place(const kdbi_cold_query *query, size_t i);

/* ---- cold_found.c: rows that were looked up lately, in memory of bounded size. Any thread ---- */

kdbi_cold_found *kdbi_cold_found_new(void);
void kdbi_cold_found_free(kdbi_cold_found *found); /* NULL is fine */
/* The row with that key is row `number` of the segment; copied, unless it is large. */
void kdbi_cold_found_put(kdbi_cold_found *found, const kdb_table *table, kdb_sv key, const kdb_segment *segment,
                         uint32_t number, kdb_sv row);
/* Where the row with that key is in the manifest, and if `row` is not NULL, the row (in `arena`); false when that is not known. */
bool kdbi_cold_found_get(kdbi_cold_found *found, const kdb_table *table, const kdb_manifest *manifest, kdb_sv key,
                         kdb_arena *arena, kdb_cold_place *place, kdb_sv *row);

/* ---- cold_rows.c: whole rows ---- */

/* spec.fields of a query that whole rows are made of: `_seq` and `_key` come last. In `arena`. */
const size_t *kdbi_cold_row_fields(const kdb_table *table, kdb_arena *arena, size_t *count);
/* The i-th row kept of such a query, encoded for the table's latest schema, in `arena`. */
KDB_NODISCARD kdb_status kdbi_cold_row_encode(kdbi_cold_query *query, const kdb_table *table, size_t i,
                                              kdb_arena *arena, kdb_sv *out, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_cold_row_key(kdbi_cold_query *query, const kdb_table *table, size_t i, kdb_arena *arena,
                                           kdb_sv *out, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_cold_row_seq(kdbi_cold_query *query, const kdb_table *table, size_t i, uint64_t *out,
                                           kdb_err *err);

/* ---- cold_walk.c: a partition's cold rows one at a time, in order. A file is opened when the walk comes to it ---- */

typedef enum kdbi_cold_order {
    KDBI_COLD_KEY_UP,
    KDBI_COLD_KEY_DOWN,
    KDBI_COLD_SEQ_UP,
    KDBI_COLD_SEQ_DOWN
} kdbi_cold_order;

typedef struct kdbi_cold_walk_spec {
    kdb_cold *cold; /* borrowed until the walk is done, as all below */
    const kdb_table *table;
    const kdb_manifest *manifest;
    kdbi_cold_order order;
    kdb_sv from, to;    /* by key: [from, to), `to` empty: the end */
    uint64_t seq_above; /* by `_seq` */
    bool memory_only;   /* KDB_WOULD_BLOCK when a file has to be read */
} kdbi_cold_walk_spec;
kdbi_cold_walk *kdbi_cold_walk_new(const kdbi_cold_walk_spec *spec);
void kdbi_cold_walk_free(kdbi_cold_walk *walk); /* NULL is fine */
/* A row's place in the order. */
typedef struct kdbi_cold_at {
    kdb_sv key;
    uint64_t seq;
} kdbi_cold_at;
/* Whether a cold row comes before a row that is at `other` (NULL: there is none). It is then the row the walk is at. */
KDB_NODISCARD kdb_status kdbi_cold_walk_is_before(kdbi_cold_walk *walk, const kdbi_cold_at *other, bool *out,
                                                  kdb_err *err);
/* That row: borrowed until the walk moves on. */
kdbi_cold_at kdbi_cold_walk_at(const kdbi_cold_walk *walk);
KDB_NODISCARD kdb_status kdbi_cold_walk_row(kdbi_cold_walk *walk, kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* It has been dealt with. */
void kdbi_cold_walk_pass(kdbi_cold_walk *walk);

/* ---- cold_scan.c: a partition's cold rows in no order, by several threads ---- */

/* The files in groups, which readers take in turn. In `arena`. `spec` and `manifest` are borrowed. */
kdbi_cold_scan *kdbi_cold_scan_new(const kdb_scan_spec *spec, const kdb_manifest *manifest, kdb_arena *arena);
size_t kdbi_cold_scan_groups(const kdbi_cold_scan *scan);
/* One reader's. */
kdbi_cold_part *kdbi_cold_part_new(kdbi_cold_scan *scan);
void kdbi_cold_part_free(kdbi_cold_part *part); /* NULL is fine */
/* Fills an empty chunk with rows that pass the filter; none: no group is left. */
KDB_NODISCARD kdb_status kdbi_cold_part_next(kdbi_cold_part *part, kdb_chunk *chunk, kdb_err *err);

/* Whether a segment may have keys of the set. */
bool kdbi_segment_meets(const kdb_segment *segment, kdb_sv from, kdb_sv to);

#endif
