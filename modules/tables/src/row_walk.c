/* row_walk.c - rows one at a time, in key order or by the seq index, either way. A row's bytes are checked whole when the
 * walk comes to it; its columns are decoded when asked for, by a plan per schema version. Where a scan (table_scan.c) feeds
 * an engine that wants columns by the thousand, a walk serves statements that want few rows and may stop early. */
#include <stdlib.h>

#include "cold_read.h"

/* Keys looked up by one call, when there are many. */
enum { WALK_BATCH = 64 };

struct kdb_row_walk {
    kdb_walk_spec spec;
    kdb_arena *arena; /* the caller's */
    kdb_partition partition;
    int64_t oldest_ms;
    kdb_iter *iter;              /* of a range or of the seq index */
    size_t point;                /* the next key to look up */
    size_t hot_at;               /* the row the walk is at */
    size_t hot_begin, hot_end;   /* of a range: rows that are still to come */
    const uint64_t *hot_bits;    /* of the rows to stop at; NULL: all */
    const kdb_vec **hot_columns; /* by field: decoded values, or NULL */
    bool started;
    kdb_sv *batch_keys, *batch_rows; /* looked up and not yet walked */
    bool *batch_found;
    size_t batch_at, batch_len;
    kdb_sv user_part;                   /* by_seq: what the row keys begin with */
    const kdb_overlay_row *own;         /* the overlay's next row */
    const kdb_overlay_row **own_by_seq; /* by_seq: the overlay's rows in the order of the walk, ended by NULL */
    bool at_own;                        /* the walk is at an overlay's row */
    kdb_snapshot *own_snapshot;         /* the caller had none, but rows may move between two reads */
    struct kdb_manifest *manifest;      /* NULL: no row is cold */
    bool asked_manifest;
    kdbi_cold_walk *cold;      /* of a range, or by_seq: NULL when there are no such rows */
    bool at_cold;              /* the next row that is no overlay's is cold */
    const kdb_column *damaged; /* a column whose stored value did not convert */
    /* the row the walk is at */
    kdb_sv key;
    kdb_sv row;
    const kdbi_reader_plan *plan;
};

/* The seq index orders by the user's part, then by `_seq`. */
static void choose_partition(kdb_row_walk *walk)
{
    const kdb_walk_spec *spec = &walk->spec;
    walk->partition = kdb_table_partition(spec->table);
    if (spec->by_seq) {
        kdb_sv end;
        kdb_row_user_range(spec->table, spec->user, walk->arena, &walk->user_part, &end);
        walk->spec.keys = (kdb_key_set){ .from = walk->user_part, .to = end };
        if (spec->seq_above != 0) {
            walk->spec.keys.from = kdbi_seq_key(walk->user_part, spec->seq_above + 1, walk->arena);
        }
    } else if (!spec->keys.points && spec->table->type == KDB_TABLE_STREAM) {
        walk->spec.keys.from = kdbi_raise_to_ttl(spec->keys.from, spec->keys.to, walk->oldest_ms, walk->arena);
    }
}

static void open_hot(kdb_row_walk *walk)
{
    kdb_hot_rows *hot = walk->spec.hot;
    const size_t nfields = walk->spec.decoder->nfields + 1;
    if (!walk->spec.keys.points) {
        walk->hot_begin = kdbi_hot_rows_from(hot, walk->spec.keys.from);
        walk->hot_end = kdbi_hot_rows_to(hot, walk->spec.keys.to);
    }
    walk->hot_columns = KDB_ARENA_ARRAY(walk->arena, const kdb_vec *, nfields);
    for (size_t i = 0; i < nfields; i++) {
        walk->hot_columns[i] = kdbi_hot_rows_column(hot, (uint32_t)i);
    }
}

kdb_status kdb_row_walk_new(const kdb_walk_spec *spec, kdb_arena *arena, kdb_row_walk **out, kdb_err *err)
{
    KDB_TRY(kdbi_table_check_there(spec->table, err));
    kdb_row_walk *walk = KDB_ARENA_NEW(arena, kdb_row_walk);
    walk->spec = *spec;
    walk->arena = arena;
    walk->oldest_ms = kdbi_oldest_visible(spec->table, spec->now_ms);
    choose_partition(walk);
    if (spec->hot != NULL) {
        open_hot(walk);
    }
    *out = walk;
    return KDB_OK;
}

void kdb_row_walk_done(kdb_row_walk *walk)
{
    if (walk == NULL) {
        return;
    }
    kdb_iter_free(walk->iter);
    kdbi_cold_walk_free(walk->cold);
    kdb_manifest_unref(walk->manifest);
    kdb_snapshot_free(walk->own_snapshot);
    walk->iter = NULL;
    walk->cold = NULL;
    walk->manifest = NULL;
    walk->own_snapshot = NULL;
}

/* ---- the cold tier: hot and cold rows have to be read as of one moment ---- */

/* False: the table surely has none, whenever before this call the hot rows were read. */
static bool may_have_cold(const kdb_row_walk *walk)
{
    return walk->spec.cold != NULL && walk->spec.table->type != KDB_TABLE_STREAM &&
           kdb_cold_has(walk->spec.cold, walk->spec.table->id);
}

/* What the table's cold rows are in, as of the walk's snapshot. */
static kdb_status find_manifest(kdb_row_walk *walk, kdb_err *err)
{
    const kdb_walk_spec *spec = &walk->spec;
    if (walk->asked_manifest) {
        return KDB_OK;
    }
    KDB_ASSERT(spec->snapshot != NULL);
    KDB_TRY(
        kdb_manifest_get(spec->cold, spec->snapshot, spec->table, spec->user, spec->memory_only, &walk->manifest, err));
    walk->asked_manifest = true;
    return KDB_OK;
}

static void take_snapshot(kdb_row_walk *walk)
{
    walk->own_snapshot = kdb_snapshot_new(walk->spec.store);
    walk->spec.snapshot = walk->own_snapshot;
}

static const kdbi_reader_plan *plan_of(const kdb_row_walk *walk, kdb_sv row)
{
    const uint32_t version = kdbi_row_header_version(row);
    return version == 0 || version > walk->spec.table->nversions ? NULL : walk->spec.decoder->plans[version - 1];
}

/* Makes it the row the walk is at, if the statement may see it. */
static kdb_status arrive(kdb_row_walk *walk, kdb_sv key, kdb_sv row, bool *out_seen, kdb_err *err)
{
    walk->plan = plan_of(walk, row);
    if (KDB_UNLIKELY(walk->plan == NULL || !kdbi_row_is_sound(&walk->plan->layout, row))) {
        return kdbi_row_damaged(walk->spec.table, err);
    }
    *out_seen = kdbi_row_is_visible(walk->spec.table, walk->spec.sees_deleted, walk->oldest_ms, key, row);
    walk->key = key;
    walk->row = row;
    return KDB_OK;
}

/* ---- points ---- */

static kdb_sv key_at(const kdb_row_walk *walk, size_t index)
{
    const kdb_key_set *keys = &walk->spec.keys;
    return keys->keys[walk->spec.descending ? keys->nkeys - 1 - index : index];
}

static kdb_status get_row(const kdb_row_walk *walk, kdb_sv key, kdb_sv *out, kdb_err *err)
{
    const kdb_walk_spec *spec = &walk->spec;
    return (spec->memory_only ? kdb_store_get_cached : kdb_store_get)(spec->store, spec->snapshot, walk->partition, key,
                                                                      walk->spec.scratch, out, err);
}

static kdb_status look_up_one(kdb_row_walk *walk, kdb_err *err)
{
    walk->batch_keys[0] = key_at(walk, walk->point);
    kdb_status status = get_row(walk, walk->batch_keys[0], &walk->batch_rows[0], err);
    walk->batch_found[0] = status == KDB_OK;
    return status == KDB_NOT_FOUND ? KDB_OK : status;
}

/* The overlay's rows take the place of those looked up. */
static void prefer_own(kdb_row_walk *walk, size_t count)
{
    for (size_t i = 0; walk->spec.overlay != NULL && i < count; i++) {
        const kdb_overlay_row *own = kdb_overlay_find(walk->spec.overlay, walk->batch_keys[i]);
        if (own != NULL) {
            walk->batch_found[i] = true;
            walk->batch_rows[i] = own->row;
        }
    }
}

static kdb_status look_up_many(kdb_row_walk *walk, size_t count, kdb_err *err)
{
    const kdb_walk_spec *spec = &walk->spec;
    for (size_t i = 0; i < count; i++) {
        walk->batch_keys[i] = key_at(walk, walk->point + i);
    }
    return (spec->memory_only ? kdb_store_multi_get_cached : kdb_store_multi_get)(
        spec->store, spec->snapshot, walk->partition, walk->batch_keys, count, walk->spec.scratch, walk->batch_found,
        walk->batch_rows, err);
}

static kdb_status look_up_hot(kdb_row_walk *walk, size_t count, kdb_err *err)
{
    kdb_arena_reset(walk->spec.scratch);
    return count == 1 ? look_up_one(walk, err) : look_up_many(walk, count, err);
}

static size_t count_missing(const kdb_row_walk *walk, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += !walk->batch_found[i];
    }
    return missing;
}

/* Those of the keys looked up that are not hot. */
static kdb_status find_cold(kdb_row_walk *walk, size_t count, kdb_err *err)
{
    const kdb_walk_spec *spec = &walk->spec;
    kdb_sv *keys = KDB_ARENA_ARRAY(spec->scratch, kdb_sv, count), *rows = KDB_ARENA_ARRAY(spec->scratch, kdb_sv, count);
    kdb_cold_place *places = KDB_ARENA_ARRAY(spec->scratch, kdb_cold_place, count);
    size_t *at = KDB_ARENA_ARRAY(spec->scratch, size_t, count), missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (!walk->batch_found[i]) {
            at[missing] = i;
            keys[missing++] = walk->batch_keys[i];
        }
    }
    KDB_TRY(kdb_cold_find(spec->cold, spec->table, walk->manifest, keys, missing, spec->memory_only, spec->scratch,
                          places, rows, err));
    for (size_t i = 0; i < missing; i++) {
        walk->batch_found[at[i]] = rows[i].len != 0;
        walk->batch_rows[at[i]] = rows[i];
    }
    return KDB_OK;
}

/* A row that was not found hot, without a snapshot, may have gone cold since: both are asked as of one moment then. */
static kdb_status look_up_cold(kdb_row_walk *walk, size_t count, kdb_err *err)
{
    if (count_missing(walk, count) == 0 || !may_have_cold(walk)) {
        return KDB_OK;
    }
    if (walk->spec.snapshot == NULL) {
        take_snapshot(walk);
        KDB_TRY(look_up_hot(walk, count, err));
        prefer_own(walk, count);
    }
    KDB_TRY(find_manifest(walk, err));
    return walk->manifest == NULL ? KDB_OK : find_cold(walk, count, err);
}

static kdb_status look_up(kdb_row_walk *walk, kdb_err *err)
{
    const size_t left = walk->spec.keys.nkeys - walk->point;
    const size_t count = left < WALK_BATCH ? left : WALK_BATCH;
    if (walk->batch_keys == NULL) {
        walk->batch_keys = KDB_ARENA_ARRAY(walk->arena, kdb_sv, count);
        walk->batch_rows = KDB_ARENA_ARRAY(walk->arena, kdb_sv, count);
        walk->batch_found = KDB_ARENA_ARRAY(walk->arena, bool, count);
    }
    KDB_TRY(look_up_hot(walk, count, err));
    prefer_own(walk, count);
    KDB_TRY(look_up_cold(walk, count, err));
    walk->point += count;
    walk->batch_at = 0;
    walk->batch_len = count;
    return KDB_OK;
}

static kdb_status next_point(kdb_row_walk *walk, bool *out_more, kdb_err *err)
{
    for (;;) {
        for (; walk->batch_at < walk->batch_len; walk->batch_at++) {
            const size_t at = walk->batch_at;
            bool seen = false;
            if (walk->batch_found[at]) {
                KDB_TRY(arrive(walk, walk->batch_keys[at], walk->batch_rows[at], &seen, err));
            }
            if (seen) {
                walk->batch_at++;
                *out_more = true;
                return KDB_OK;
            }
        }
        if (walk->point == walk->spec.keys.nkeys) {
            *out_more = false;
            return KDB_OK;
        }
        KDB_TRY(look_up(walk, err));
    }
}

/* ---- ranges, and the seq index ---- */

static void open_iter(kdb_row_walk *walk)
{
    const kdb_walk_spec *spec = &walk->spec;
    const kdb_iter_range range = {
        .from = spec->keys.from,
        .to = spec->keys.to,
        .descending = spec->descending,
        .scan = spec->whole,
        .memory_only = spec->memory_only,
    };
    const kdb_partition part = spec->by_seq ? kdb_table_seq_partition(spec->table) : walk->partition;
    kdb_iter_free(walk->iter);
    walk->iter = kdb_iter_new(spec->store, spec->snapshot, part, range);
}

static kdbi_cold_order cold_order(const kdb_walk_spec *spec)
{
    if (spec->by_seq) {
        return spec->descending ? KDBI_COLD_SEQ_DOWN : KDBI_COLD_SEQ_UP;
    }
    return spec->descending ? KDBI_COLD_KEY_DOWN : KDBI_COLD_KEY_UP;
}

/* An iterator is of one moment by itself, and if there was no cold row afterwards, there was none then. */
static kdb_status open_range(kdb_row_walk *walk, kdb_err *err)
{
    const kdb_walk_spec *spec = &walk->spec;
    open_iter(walk);
    if (!may_have_cold(walk)) {
        return KDB_OK;
    }
    if (spec->snapshot == NULL) {
        take_snapshot(walk);
        open_iter(walk);
    }
    KDB_TRY(find_manifest(walk, err));
    if (walk->manifest == NULL) {
        return KDB_OK;
    }
    const kdbi_cold_walk_spec cold = { .cold = spec->cold,
                                       .table = spec->table,
                                       .manifest = walk->manifest,
                                       .order = cold_order(spec),
                                       .from = spec->keys.from,
                                       .to = spec->keys.to,
                                       .seq_above = spec->seq_above,
                                       .memory_only = spec->memory_only };
    walk->cold = kdbi_cold_walk_new(&cold);
    return KDB_OK;
}

/* ---- hot and cold rows of a range in one order ---- */

static bool stored_is_valid(const kdb_row_walk *walk)
{
    return walk->at_cold || kdb_iter_valid(walk->iter);
}

static kdb_sv stored_key(const kdb_row_walk *walk)
{
    return walk->at_cold ? kdbi_cold_walk_at(walk->cold).key : kdb_iter_key(walk->iter);
}

/* Whether the next one is cold. Nothing comes after hot rows that cannot be read. */
static kdb_status choose_stored(kdb_row_walk *walk, kdb_err *err)
{
    if (walk->cold == NULL) {
        return KDB_OK;
    }
    if (!kdb_iter_valid(walk->iter)) {
        KDB_TRY(kdb_iter_status(walk->iter, err));
        return kdbi_cold_walk_is_before(walk->cold, NULL, &walk->at_cold, err);
    }
    const kdb_sv key = kdb_iter_key(walk->iter);
    const kdbi_cold_at hot = { .key = key, .seq = walk->spec.by_seq ? kdb_get_be64(key.ptr + key.len - 8) : 0 };
    return kdbi_cold_walk_is_before(walk->cold, &hot, &walk->at_cold, err);
}

static kdb_status pass_stored(kdb_row_walk *walk, kdb_err *err)
{
    if (walk->at_cold) {
        kdbi_cold_walk_pass(walk->cold);
    } else {
        kdb_iter_next(walk->iter);
    }
    return choose_stored(walk, err);
}

static kdb_status arrive_cold(kdb_row_walk *walk, bool *out_seen, kdb_err *err)
{
    kdb_sv row;
    KDB_TRY(kdbi_cold_walk_row(walk->cold, walk->spec.scratch, &row, err));
    return arrive(walk, kdbi_cold_walk_at(walk->cold).key, row, out_seen, err);
}

/* The row that the index entry leads to. Index and row are of one snapshot, so an entry without its row is damage. */
static kdb_status follow_entry(kdb_row_walk *walk, bool *out_seen, kdb_err *err)
{
    kdb_arena_reset(walk->spec.scratch);
    const kdb_sv whole = kdbi_key_join(walk->user_part, kdb_iter_value(walk->iter), walk->spec.scratch);
    kdb_sv row;
    const kdb_status status = get_row(walk, whole, &row, err);
    if (status == KDB_NOT_FOUND) {
        return kdbi_row_damaged(walk->spec.table, err);
    }
    KDB_TRY(status);
    return arrive(walk, whole, row, out_seen, err);
}

/* ---- a transaction's own rows among the others ---- */

static int by_seq(const void *a, const void *b)
{
    const kdb_overlay_row *const *left = a, *const *right = b;
    const uint64_t x = kdb_get_le64((*left)->row.ptr + KDBI_ROW_SEQ_AT);
    const uint64_t y = kdb_get_le64((*right)->row.ptr + KDBI_ROW_SEQ_AT);
    return x < y ? -1 : x > y;
}

static int by_seq_descending(const void *a, const void *b)
{
    return by_seq(b, a);
}

static bool own_in_range(const kdb_row_walk *walk, const kdb_overlay_row *own)
{
    const kdb_key_set *keys = &walk->spec.keys;
    return own != NULL && kdb_sv_cmp(own->key, keys->from) >= 0 &&
           (keys->to.len == 0 || kdb_sv_cmp(own->key, keys->to) < 0);
}

/* The index knows nothing of them: they are sorted here. */
static void sort_own(kdb_row_walk *walk)
{
    const kdb_overlay_row *first = kdb_overlay_from(walk->spec.overlay, walk->spec.keys.from);
    size_t count = 0;
    for (const kdb_overlay_row *own = first; own_in_range(walk, own); own = kdb_overlay_next(own)) {
        count++;
    }
    walk->own_by_seq = KDB_ARENA_ARRAY(walk->arena, const kdb_overlay_row *, count + 1);
    count = 0;
    for (const kdb_overlay_row *own = first; own_in_range(walk, own); own = kdb_overlay_next(own)) {
        walk->own_by_seq[count++] = own;
    }
    qsort(walk->own_by_seq, count, sizeof(*walk->own_by_seq), walk->spec.descending ? by_seq_descending : by_seq);
}

static const kdb_overlay_row *first_own(kdb_row_walk *walk)
{
    const kdb_walk_spec *spec = &walk->spec;
    if (spec->overlay == NULL) {
        return NULL;
    }
    if (spec->by_seq) {
        sort_own(walk);
        return *walk->own_by_seq;
    }
    const kdb_overlay_row *own = spec->descending ? kdb_overlay_before(spec->overlay, spec->keys.to)
                                                  : kdb_overlay_from(spec->overlay, spec->keys.from);
    return own_in_range(walk, own) ? own : NULL;
}

static const kdb_overlay_row *next_own(kdb_row_walk *walk)
{
    if (walk->spec.by_seq) {
        return *++walk->own_by_seq;
    }
    const kdb_overlay_row *own =
        walk->spec.descending ? kdb_overlay_before(walk->spec.overlay, walk->own->key) : kdb_overlay_next(walk->own);
    return own_in_range(walk, own) ? own : NULL;
}

/* Whether the overlay's row comes next; what it replaces is passed over. By `_seq`, own rows are the latest. */
static kdb_status choose_own(kdb_row_walk *walk, kdb_err *err)
{
    walk->at_own = walk->own != NULL;
    if (walk->own == NULL || !stored_is_valid(walk)) {
        return KDB_OK;
    }
    if (walk->spec.by_seq) {
        walk->at_own = walk->spec.descending;
        return KDB_OK;
    }
    const int order = kdb_sv_cmp(walk->own->key, stored_key(walk));
    walk->at_own = walk->spec.descending ? order >= 0 : order <= 0;
    return order == 0 ? pass_stored(walk, err) : KDB_OK;
}

static kdb_status move_on(kdb_row_walk *walk, kdb_err *err)
{
    if (walk->iter == NULL) {
        KDB_TRY(open_range(walk, err));
        KDB_TRY(choose_stored(walk, err));
        walk->own = first_own(walk);
    } else if (walk->at_own) {
        walk->own = next_own(walk);
    } else {
        KDB_TRY(pass_stored(walk, err));
    }
    return choose_own(walk, err);
}

/* By the index: a row that the overlay replaces is met again as the overlay's. */
static kdb_status arrive_by_seq(kdb_row_walk *walk, bool *out_seen, kdb_err *err)
{
    KDB_TRY(walk->at_cold ? arrive_cold(walk, out_seen, err) : follow_entry(walk, out_seen, err));
    *out_seen = *out_seen && (walk->spec.overlay == NULL || kdb_overlay_find(walk->spec.overlay, walk->key) == NULL);
    return KDB_OK;
}

static kdb_status next_in_range(kdb_row_walk *walk, bool *out_more, kdb_err *err)
{
    kdb_arena_reset(walk->spec.scratch);
    for (;;) {
        bool seen = false;
        KDB_TRY(move_on(walk, err));
        if (walk->at_own) {
            KDB_TRY(arrive(walk, walk->own->key, walk->own->row, &seen, err));
        } else if (!stored_is_valid(walk)) {
            *out_more = false;
            return kdb_iter_status(walk->iter, err);
        } else if (walk->spec.by_seq) {
            KDB_TRY(arrive_by_seq(walk, &seen, err));
        } else if (walk->at_cold) {
            KDB_TRY(arrive_cold(walk, &seen, err));
        } else {
            KDB_TRY(arrive(walk, kdb_iter_key(walk->iter), kdb_iter_value(walk->iter), &seen, err));
        }
        if (seen) {
            *out_more = true;
            return KDB_OK;
        }
    }
}

/* ---- rows kept in memory ---- */

const kdb_vec *const *kdb_row_walk_columns(const kdb_row_walk *walk)
{
    return walk->hot_columns;
}

size_t kdb_row_walk_at(const kdb_row_walk *walk)
{
    return walk->hot_at;
}

void kdb_row_walk_go(kdb_row_walk *walk, size_t row)
{
    KDB_ASSERT(walk->spec.hot != NULL && row < kdbi_hot_rows_count(walk->spec.hot));
    walk->hot_at = row;
    walk->plan = NULL;
}

void kdb_row_walk_extent(const kdb_row_walk *walk, size_t *from, size_t *to)
{
    KDB_ASSERT(walk->spec.hot != NULL && !walk->spec.keys.points);
    *from = walk->hot_begin;
    *to = walk->hot_end;
}

void kdb_row_walk_sieve(kdb_row_walk *walk, const uint64_t *bits)
{
    KDB_ASSERT(walk->spec.hot != NULL && !walk->spec.keys.points);
    walk->hot_bits = bits;
}

/* The first row in [begin, end) whose bit is set; `end` when there is none. */
static size_t first_set(const uint64_t *bits, size_t begin, size_t end)
{
    uint64_t word = begin < end ? bits[begin >> 6] & UINT64_MAX << (begin & 63) : 0;
    for (; begin < end; word = begin < end ? bits[begin >> 6] : 0) {
        if (word != 0) {
            const size_t row = (begin & ~(size_t)63) + (size_t)__builtin_ctzll(word);
            return row < end ? row : end;
        }
        begin = (begin | 63) + 1;
    }
    return end;
}

/* One past the last row in [begin, end) whose bit is set; `begin` when there is none. */
static size_t end_of_set(const uint64_t *bits, size_t begin, size_t end)
{
    while (end > begin && (bits[(end - 1) >> 6] >> ((end - 1) & 63) & 1) == 0) {
        end--;
    }
    return end;
}

static bool next_hot_point(kdb_row_walk *walk)
{
    while (walk->point < walk->spec.keys.nkeys) {
        if (kdbi_hot_rows_find(walk->spec.hot, key_at(walk, walk->point++), &walk->hot_at)) {
            return true;
        }
    }
    return false;
}

/* They were checked when they were loaded, and none is deleted. */
static bool next_hot(kdb_row_walk *walk)
{
    walk->plan = NULL; /* until a column is wanted that is not decoded */
    if (walk->spec.keys.points) {
        return next_hot_point(walk);
    }
    if (walk->hot_bits != NULL && walk->spec.descending) {
        walk->hot_end = end_of_set(walk->hot_bits, walk->hot_begin, walk->hot_end);
    } else if (walk->hot_bits != NULL) {
        walk->hot_begin = first_set(walk->hot_bits, walk->hot_begin, walk->hot_end);
    }
    if (walk->hot_begin >= walk->hot_end) {
        return false;
    }
    walk->hot_at = walk->spec.descending ? --walk->hot_end : walk->hot_begin++;
    return true;
}

/* Makes the row the walk is at one whose columns can be read from its bytes. */
static void open_hot_row(kdb_row_walk *walk)
{
    kdbi_hot_rows_at(walk->spec.hot, walk->hot_at, &walk->key, &walk->row);
    walk->plan = plan_of(walk, walk->row);
    KDB_ASSERT(walk->plan != NULL);
}

kdb_sv kdbi_row_walk_key(const kdb_row_walk *walk)
{
    return walk->key;
}

kdb_sv kdbi_row_walk_row(const kdb_row_walk *walk)
{
    return walk->row;
}

kdb_sv kdb_row_walk_bytes(const kdb_row_walk *walk)
{
    KDB_ASSERT(walk->spec.hot == NULL);
    return walk->row;
}

kdb_status kdb_row_walk_next(kdb_row_walk *walk, bool *out_more, kdb_err *err)
{
    if (KDB_UNLIKELY(walk->damaged != NULL)) {
        return KDB_FAIL(err, KDB_CORRUPT,
                        "column '%.*s' holds a value from before its type was changed that does not convert",
                        KDB_SV_ARG(walk->damaged->name));
    }
    if (walk->spec.hot != NULL) {
        *out_more = next_hot(walk);
        return KDB_OK;
    }
    if (walk->spec.keys.points) {
        return next_point(walk, out_more, err);
    }
    return next_in_range(walk, out_more, err);
}

/* ---- values ---- */

kdb_value kdb_row_walk_value(kdb_row_walk *walk, uint32_t field)
{
    const kdb_row_decoder *decoder = walk->spec.decoder;
    KDB_DASSERT(field <= decoder->nfields);
    if (walk->hot_columns != NULL) {
        if (walk->hot_columns[field] != NULL) {
            return kdb_vec_get(walk->hot_columns[field], walk->hot_at);
        }
        if (walk->plan == NULL) {
            open_hot_row(walk);
        }
    }
    kdb_value value;
    if (kdbi_row_field(decoder, walk->plan, walk->key, walk->row, field, walk->spec.scratch, &value, NULL) != KDB_OK) {
        walk->damaged = walk->plan->cells[field].latest;
        return kdb_value_null(decoder->fields[field].type);
    }
    return value;
}
