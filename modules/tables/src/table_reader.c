/* table_reader.c - one thread's part of a scan: walks the parts it takes, drops rows that the statement must not see,
 * and decodes the projected columns of the rest straight into the chunk. A row's bytes are borrowed from the iterator
 * and checked whole before any of them is used, so a damaged row is an error and never a wild read. A transaction's own
 * rows are merged in by key, part by part. */
#include "cold_read.h"

/* Keys looked up by one call: enough to be worth a call, few enough that large rows stay within the arena's first
 * blocks. */
enum { POINT_BATCH = 256 };
/* Rows that do not pass the filter before it is asked whether to go on. */
enum { REJECTED_CHECK = 4096 };
/* Chunks of a range that one reader reads before it looks whether others could help: 16K rows, some 2 ms. */
enum { HEAD_CHUNKS = 8 };

struct kdb_table_reader {
    kdb_table_scan *scan;
    kdb_arena *arena;           /* plans; lives as long as the reader */
    kdb_arena *scratch;         /* rows looked up and converted cells: reset by each call of next */
    kdb_arena *filter_scratch;  /* reset for each row that is filtered; NULL: no filter */
    size_t rejected;            /* rows that the filter did not let pass */
    kdbi_reader_plan **plans;   /* by schema version - 1; NULL until such a row comes by */
    kdb_iter *iter;             /* of the part being walked */
    const kdb_overlay_row *own; /* the overlay's next row of that part */
    kdb_sv part_end;            /* of that part; empty: the partition's */
    size_t head_chunks;         /* of the range's head, read so far; 0: reads parts */
    bool has_all;               /* took the points of the scan, or its rows in memory */
    size_t point;               /* the next key of it */
    size_t hot_at;              /* the next of those rows */
    size_t taken;               /* bytes of the rows in the chunk being filled */
    kdbi_cold_part *cold;       /* its part of the range's cold rows; NULL until it takes one */
    bool cold_through;          /* no such part is left */
    kdb_row_walk *walk;         /* over hot and cold rows together */
    kdb_arena *walk_scratch;
};

/* A chunk of large rows is a short one: what reads it sees interrupts between chunks only, and counts no memory. */
enum { TAKEN_MAX = 4 << 20 };

static inline bool has_room(const kdb_table_reader *reader, const kdb_chunk *chunk)
{
    return chunk->nrows < KDB_CHUNK_ROWS && reader->taken < TAKEN_MAX;
}

kdb_status kdb_table_reader_new(kdb_table_scan *scan, kdb_table_reader **out, kdb_err *err)
{
    (void)err; /* nothing fails yet: the first read does */
    kdb_table_reader *reader = KDB_NEW(kdb_table_reader);
    reader->scan = scan;
    reader->arena = kdb_arena_new(0);
    reader->scratch = kdb_arena_new(0);
    reader->filter_scratch = scan->spec.filter == NULL ? NULL : kdb_arena_new(0);
    reader->plans = KDB_ARENA_ARRAY(reader->arena, kdbi_reader_plan *, scan->spec.table->nversions);
    *out = reader;
    return KDB_OK;
}

void kdb_table_reader_free(kdb_table_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    kdb_iter_free(reader->iter);
    kdbi_cold_part_free(reader->cold);
    kdb_row_walk_done(reader->walk);
    kdb_arena_free(reader->walk_scratch);
    if (reader->head_chunks != 0) {
        kdbi_scan_split(reader->scan, (kdb_sv){ NULL, 0 }); /* given up: nobody is to wait for the rest */
    }
    kdb_arena_free(reader->filter_scratch);
    kdb_arena_free(reader->scratch);
    kdb_arena_free(reader->arena);
    kdb_free(reader);
}

/* The plan for rows of the version that `row`'s header names; NULL when there is no such version. */
static const kdbi_reader_plan *plan_of(kdb_table_reader *reader, kdb_sv row)
{
    const kdb_table *table = reader->scan->spec.table;
    const uint32_t version = kdbi_row_header_version(row);
    if (KDB_UNLIKELY(version == 0 || version > table->nversions)) {
        return NULL;
    }
    kdbi_reader_plan **plan = &reader->plans[version - 1];
    if (KDB_UNLIKELY(*plan == NULL)) {
        *plan = kdbi_reader_plan_new(&reader->scan->spec, &table->versions[version - 1], reader->arena);
    }
    return *plan;
}

static kdb_status filter_row(kdb_table_reader *reader, kdb_sv key, kdb_sv row, bool *out_passes, kdb_err *err)
{
    const kdb_row_filter *filter = reader->scan->spec.filter;
    KDB_TRY(kdbi_row_filter_admits_stored(filter, key, row, reader->filter_scratch, out_passes, err));
    kdb_arena_reset(reader->filter_scratch);
    reader->rejected += !*out_passes;
    return *out_passes || reader->rejected % REJECTED_CHECK != 0 ? KDB_OK : filter->go_on(filter->self, err);
}

/* Adds the row to the chunk if the statement may see it. */
static inline kdb_status take_row(kdb_table_reader *reader, kdb_sv key, kdb_sv row, kdb_chunk *chunk, kdb_err *err)
{
    const kdbi_reader_plan *plan = plan_of(reader, row);
    if (KDB_UNLIKELY(plan == NULL || !kdbi_row_is_sound(&plan->layout, row))) {
        return kdbi_row_damaged(reader->scan->spec.table, err);
    }
    const kdb_scan_spec *spec = &reader->scan->spec;
    if (!kdbi_row_is_visible(spec->table, spec->sees_deleted, reader->scan->oldest_ms, key, row)) {
        return KDB_OK;
    }
    bool passes = true;
    if (spec->filter != NULL) {
        KDB_TRY(filter_row(reader, key, row, &passes, err));
    }
    if (!passes) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_reader_plan_fill(plan, reader->scan->spec.nprojection, key, row, chunk, chunk->nrows, reader->scratch,
                                  err));
    chunk->nrows++;
    reader->taken += row.len;
    return KDB_OK;
}

/* True for the one reader that begins the scan. */
static bool take_start(kdb_table_scan *scan)
{
    return !atomic_exchange_explicit(&scan->started, true, memory_order_relaxed);
}

/* ---- ranges ---- */

static void set_own(kdb_table_reader *reader, const kdb_overlay_row *own)
{
    const bool inside = own != NULL && (reader->part_end.len == 0 || kdb_sv_cmp(own->key, reader->part_end) < 0);
    reader->own = inside ? own : NULL;
}

static bool part_is_through(const kdb_table_reader *reader)
{
    return !kdb_iter_valid(reader->iter) && reader->own == NULL;
}

/* True when the overlay's row comes next; what it replaces is passed over. */
static bool own_is_next(kdb_table_reader *reader)
{
    if (reader->own == NULL || !kdb_iter_valid(reader->iter)) {
        return reader->own != NULL;
    }
    const int order = kdb_sv_cmp(reader->own->key, kdb_iter_key(reader->iter));
    if (order == 0) {
        kdb_iter_next(reader->iter);
    }
    return order <= 0;
}

/* The key that comes next in a part that is not through. */
static kdb_sv next_key(kdb_table_reader *reader)
{
    return own_is_next(reader) ? reader->own->key : kdb_iter_key(reader->iter);
}

static void open_range(kdb_table_reader *reader, kdb_sv from, kdb_sv to)
{
    const kdb_table_scan *scan = reader->scan;
    const kdb_iter_range range = { .from = from, .to = to, .scan = true };
    reader->iter = kdb_iter_new(scan->spec.store, scan->spec.snapshot, scan->partition, range);
    if (scan->spec.overlay != NULL) {
        reader->part_end = to;
        set_own(reader, kdb_overlay_from(scan->spec.overlay, from));
    }
}

/* Opens the head of the range, or the next part; false when there is none. */
static bool open_part(kdb_table_reader *reader)
{
    kdb_table_scan *scan = reader->scan;
    if (take_start(scan)) {
        reader->head_chunks = 1;
        open_range(reader, scan->from, scan->spec.keys.to);
        return true;
    }
    if (!kdbi_scan_wait_split(scan)) {
        return false;
    }
    const size_t part = atomic_fetch_add_explicit(&scan->next_part, 1, memory_order_relaxed);
    if (part >= scan->nparts) {
        return false;
    }
    open_range(reader, scan->bounds[part], scan->bounds[part + 1]);
    return true;
}

/* Between two chunks: after the head, the rest of the range is shared. */
static void share_rest(kdb_table_reader *reader)
{
    if (reader->head_chunks == 0 || kdb_table_scan_readers(reader->scan) < 2 || reader->head_chunks++ < HEAD_CHUNKS ||
        part_is_through(reader)) {
        return;
    }
    reader->head_chunks = 0;
    kdbi_scan_split(reader->scan, next_key(reader));
    kdb_iter_free(reader->iter);
    reader->iter = NULL;
    reader->own = NULL;
}

/* Ends a part that is through: the read error, if that is why. */
static kdb_status close_part(kdb_table_reader *reader, kdb_err *err)
{
    const kdb_status status = kdb_iter_status(reader->iter, err);
    kdb_iter_free(reader->iter);
    reader->iter = NULL;
    if (reader->head_chunks != 0) {
        reader->head_chunks = 0;
        kdbi_scan_split(reader->scan, (kdb_sv){ NULL, 0 });
    }
    return status;
}

static kdb_status fill_from_store(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    for (; has_room(reader, chunk) && kdb_iter_valid(reader->iter); kdb_iter_next(reader->iter)) {
        KDB_TRY(take_row(reader, kdb_iter_key(reader->iter), kdb_iter_value(reader->iter), chunk, err));
    }
    return KDB_OK;
}

/* Rows of the store and of the overlay, by key. */
static kdb_status fill_merged(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    while (has_room(reader, chunk) && !part_is_through(reader)) {
        if (own_is_next(reader)) {
            KDB_TRY(take_row(reader, reader->own->key, reader->own->row, chunk, err));
            set_own(reader, kdb_overlay_next(reader->own));
        } else {
            KDB_TRY(take_row(reader, kdb_iter_key(reader->iter), kdb_iter_value(reader->iter), chunk, err));
            kdb_iter_next(reader->iter);
        }
    }
    return KDB_OK;
}

/* Whoever has not the head of the range begins with the cold rows: they are there already. */
static bool has_cold(const kdb_table_reader *reader)
{
    const kdb_table_scan *scan = reader->scan;
    return scan->cold != NULL && !reader->cold_through && atomic_load_explicit(&scan->started, memory_order_relaxed);
}

static kdb_status fill_from_cold(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    if (reader->cold == NULL) {
        reader->cold = kdbi_cold_part_new(reader->scan->cold);
    }
    KDB_TRY(kdbi_cold_part_next(reader->cold, chunk, err));
    reader->cold_through = chunk->nrows == 0;
    return KDB_OK;
}

static kdb_status fill_from_range(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    share_rest(reader);
    while (has_room(reader, chunk)) {
        if (reader->iter == NULL && has_cold(reader)) {
            KDB_TRY(chunk->nrows == 0 ? fill_from_cold(reader, chunk, err) : KDB_OK);
            if (chunk->nrows != 0) { /* chunks have either hot or cold rows */
                return KDB_OK;
            }
        }
        if (reader->iter == NULL && !open_part(reader)) {
            return KDB_OK;
        }
        KDB_TRY(reader->own == NULL ? fill_from_store(reader, chunk, err) : fill_merged(reader, chunk, err));
        if (part_is_through(reader)) {
            KDB_TRY(close_part(reader, err));
        }
    }
    return KDB_OK;
}

/* ---- points ---- */

/* Looks up the next keys, as many as fit the chunk at most. */
static kdb_status fill_from_batch(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    const kdb_scan_spec *spec = &reader->scan->spec;
    const kdb_sv *keys = spec->keys.keys + reader->point;
    size_t count = spec->keys.nkeys - reader->point;
    count = count > POINT_BATCH ? POINT_BATCH : count;
    count = count > KDB_CHUNK_ROWS - chunk->nrows ? KDB_CHUNK_ROWS - chunk->nrows : count;
    bool found[POINT_BATCH];
    kdb_sv rows[POINT_BATCH];
    KDB_TRY(kdb_store_multi_get(spec->store, spec->snapshot, reader->scan->partition, keys, count, reader->scratch,
                                found, rows, err));
    for (size_t i = 0; i < count; i++) {
        const kdb_overlay_row *own = spec->overlay == NULL ? NULL : kdb_overlay_find(spec->overlay, keys[i]);
        if (own != NULL) {
            KDB_TRY(take_row(reader, keys[i], own->row, chunk, err));
        } else if (found[i]) {
            KDB_TRY(take_row(reader, keys[i], rows[i], chunk, err));
        }
    }
    reader->point += count;
    return KDB_OK;
}

/* One key: a get, without the arrays. */
static kdb_status fill_from_key(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    const kdb_scan_spec *spec = &reader->scan->spec;
    const kdb_sv key = spec->keys.keys[0];
    kdb_sv row;
    reader->point = 1;
    const kdb_status status =
        kdb_store_get(spec->store, spec->snapshot, reader->scan->partition, key, reader->scratch, &row, NULL);
    if (status == KDB_NOT_FOUND) {
        return KDB_OK;
    }
    if (status != KDB_OK) {
        /* Read errors say more with their text; the one in a million is read twice for it. */
        KDB_TRY(kdb_store_get(spec->store, spec->snapshot, reader->scan->partition, key, reader->scratch, &row, err));
    }
    return take_row(reader, key, row, chunk, err);
}

/* The first reader to come takes all points. */
static kdb_status fill_from_points(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    reader->has_all = reader->has_all || take_start(reader->scan);
    if (!reader->has_all) {
        return KDB_OK;
    }
    if (reader->scan->spec.keys.nkeys == 1 && reader->point == 0 && reader->scan->spec.overlay == NULL) {
        return fill_from_key(reader, chunk, err);
    }
    while (has_room(reader, chunk) && reader->point < reader->scan->spec.keys.nkeys) {
        KDB_TRY(fill_from_batch(reader, chunk, err));
    }
    return KDB_OK;
}

/* ---- hot and cold rows together ---- */

static kdb_status open_walk(kdb_table_reader *reader, kdb_err *err)
{
    const kdb_scan_spec *spec = &reader->scan->spec;
    reader->walk_scratch = kdb_arena_new(0);
    const kdb_walk_spec walk = { .store = spec->store,
                                 .table = spec->table,
                                 .decoder = reader->scan->decoder,
                                 .scratch = reader->walk_scratch,
                                 .snapshot = spec->snapshot,
                                 .overlay = spec->overlay,
                                 .keys = spec->keys,
                                 .user = spec->user,
                                 .sees_deleted = spec->sees_deleted,
                                 .whole = true,
                                 .now_ms = spec->now_ms,
                                 .cold = spec->cold };
    return kdb_row_walk_new(&walk, reader->arena, &reader->walk, err);
}

/* Once the walk has ended it is not asked again. */
static kdb_status fill_from_walk(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    if (!reader->has_all && take_start(reader->scan)) {
        reader->has_all = true;
        KDB_TRY(open_walk(reader, err));
    }
    for (bool more = reader->has_all; more && has_room(reader, chunk);) {
        KDB_TRY(kdb_row_walk_next(reader->walk, &more, err));
        if (more) {
            KDB_TRY(take_row(reader, kdbi_row_walk_key(reader->walk), kdbi_row_walk_row(reader->walk), chunk, err));
        }
        reader->has_all = more;
    }
    return KDB_OK;
}

/* ---- rows kept in memory ---- */

static kdb_status take_hot_row(kdb_table_reader *reader, size_t at, kdb_chunk *chunk, kdb_err *err)
{
    kdb_sv key, row;
    kdbi_hot_rows_at(reader->scan->spec.hot, at, &key, &row);
    return take_row(reader, key, row, chunk, err);
}

static kdb_status fill_from_hot_keys(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    const kdb_scan_spec *spec = &reader->scan->spec;
    for (; has_room(reader, chunk) && reader->point < spec->keys.nkeys; reader->point++) {
        size_t at = 0;
        if (kdbi_hot_rows_find(spec->hot, spec->keys.keys[reader->point], &at)) {
            KDB_TRY(take_hot_row(reader, at, chunk, err));
        }
    }
    return KDB_OK;
}

/* Columns that are decoded are copied as they lie. */
static kdb_status fill_from_hot_range(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    const kdb_table_scan *scan = reader->scan;
    const size_t all = scan->hot_begin < scan->hot_end ? scan->hot_end - scan->hot_begin : 0;
    for (; !scan->hot_decoded && reader->hot_at < all && has_room(reader, chunk); reader->hot_at++) {
        KDB_TRY(take_hot_row(reader, scan->hot_begin + reader->hot_at, chunk, err));
    }
    if (!scan->hot_decoded) {
        return KDB_OK;
    }
    const size_t left = all - reader->hot_at;
    const size_t count = left < KDB_CHUNK_ROWS ? left : KDB_CHUNK_ROWS;
    const size_t from = scan->hot_begin + reader->hot_at;
    reader->hot_at += count;
    for (size_t i = 0; i < scan->spec.nprojection; i++) {
        const kdb_vec *column = kdbi_hot_rows_column(scan->spec.hot, (uint32_t)scan->spec.projection[i]);
        kdb_vec_copy(&chunk->cols[i], 0, column, from, count);
    }
    chunk->nrows = count;
    return KDB_OK;
}

static kdb_status fill_from_hot(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    reader->has_all = reader->has_all || take_start(reader->scan);
    if (!reader->has_all) {
        return KDB_OK;
    }
    return reader->scan->spec.keys.points ? fill_from_hot_keys(reader, chunk, err)
                                          : fill_from_hot_range(reader, chunk, err);
}

kdb_status kdb_table_reader_next(kdb_table_reader *reader, kdb_chunk *chunk, kdb_err *err)
{
    KDB_DASSERT(chunk->ncols >= reader->scan->spec.nprojection);
    kdb_arena_reset(reader->scratch);
    reader->taken = 0;
    chunk->nrows = 0;
    if (reader->scan->spec.hot != NULL) {
        return fill_from_hot(reader, chunk, err);
    }
    if (reader->scan->decoder != NULL) {
        return fill_from_walk(reader, chunk, err);
    }
    return reader->scan->spec.keys.points ? fill_from_points(reader, chunk, err) : fill_from_range(reader, chunk, err);
}
