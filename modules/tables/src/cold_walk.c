/* cold_walk.c - cold rows one at a time, in key order or by `_seq`, either way. Files whose spans do not overlap form a chain, in
 * which one is open at a time; chains are merged. A chain that has not come to its next file stands at that file's edge, so a file
 * is opened only when its first row may be the next one.
 * Files lie in key order, so upwards a file is read as it is. Otherwise it is read in pieces that grow, each sorted by the engine:
 * backwards pieces of rows, by `_seq` pieces of its numbers; who stops early has not had a whole file sorted. */
#include "cold_read.h"

#include <stdlib.h>

enum { FIRST_PIECE = 64, PIECE_GROWTH = 8 };

/* A file that has rows for the walk, and the span of them that is known before it is opened. */
typedef struct file {
    const kdb_segment *segment;
    kdbi_cold_at low, high;
} file;

typedef struct chain {
    file *files; /* in the walk's order */
    size_t nfiles;
    size_t next; /* the first that is not through */
    bool open;   /* that one has been begun: `at` is its row, */
    bool passed; /* or the one before the row that has not been looked for yet */
    /* what is left of an open file: pieces [left_from, left_to] of row numbers or `_seq` */
    uint64_t left_from, left_to, piece;
    bool has_left;
    bool exact; /* the query gives rows of the walk's range only */
    kdbi_cold_query *query;
    size_t count, row; /* of the rows at hand; the one the chain is at */
    kdb_arena *arena;  /* of its key */
    kdbi_cold_at at;
} chain;

struct kdbi_cold_walk {
    kdbi_cold_walk_spec spec;
    kdb_arena *arena;
    const size_t *fields;
    size_t nfields;
    chain *chains;
    size_t nchains;
    chain *at; /* the one whose row the walk is at */
};

static bool is_by_seq(kdbi_cold_order order)
{
    return order == KDBI_COLD_SEQ_UP || order == KDBI_COLD_SEQ_DOWN;
}

static bool is_down(kdbi_cold_order order)
{
    return order == KDBI_COLD_KEY_DOWN || order == KDBI_COLD_SEQ_DOWN;
}

/* < 0: `a` comes first. */
static int compare(kdbi_cold_order order, const kdbi_cold_at *a, const kdbi_cold_at *b)
{
    const int ascending = !is_by_seq(order) ? kdb_sv_cmp(a->key, b->key) : a->seq < b->seq ? -1 : a->seq > b->seq;
    return is_down(order) ? -ascending : ascending;
}

/* ---- chains ---- */

static const kdbi_cold_at *first_of(kdbi_cold_order order, const file *f)
{
    return is_down(order) ? &f->high : &f->low;
}

static const kdbi_cold_at *last_of(kdbi_cold_order order, const file *f)
{
    return is_down(order) ? &f->low : &f->high;
}

static int by_low_key(const void *a, const void *b)
{
    return compare(KDBI_COLD_KEY_UP, &((const file *)a)->low, &((const file *)b)->low);
}

static int by_high_key(const void *a, const void *b)
{
    return compare(KDBI_COLD_KEY_DOWN, &((const file *)a)->high, &((const file *)b)->high);
}

static int by_low_seq(const void *a, const void *b)
{
    return compare(KDBI_COLD_SEQ_UP, &((const file *)a)->low, &((const file *)b)->low);
}

static int by_high_seq(const void *a, const void *b)
{
    return compare(KDBI_COLD_SEQ_DOWN, &((const file *)a)->high, &((const file *)b)->high);
}

static int (*const by_first[])(const void *, const void *) = {
    [KDBI_COLD_KEY_UP] = by_low_key,
    [KDBI_COLD_KEY_DOWN] = by_high_key,
    [KDBI_COLD_SEQ_UP] = by_low_seq,
    [KDBI_COLD_SEQ_DOWN] = by_high_seq,
};

bool kdbi_segment_meets(const kdb_segment *segment, kdb_sv from, kdb_sv to)
{
    return segment->ndead < segment->rows && kdb_sv_cmp(segment->max_key, from) >= 0 &&
           (to.len == 0 || kdb_sv_cmp(segment->min_key, to) < 0);
}

bool kdb_manifest_meets(const kdb_manifest *manifest, kdb_sv from, kdb_sv to)
{
    for (size_t i = 0; i < manifest->nsegments; i++) {
        if (kdbi_segment_meets(&manifest->segments[i], from, to)) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const kdbi_cold_walk_spec *spec, const kdb_segment *segment)
{
    return is_by_seq(spec->order) ? segment->ndead < segment->rows && segment->max_seq > spec->seq_above
                                  : kdbi_segment_meets(segment, spec->from, spec->to);
}

static size_t find_files(const kdbi_cold_walk *walk, file *files)
{
    size_t count = 0;
    for (size_t i = 0; i < walk->spec.manifest->nsegments; i++) {
        const kdb_segment *segment = &walk->spec.manifest->segments[i];
        if (is_wanted(&walk->spec, segment)) {
            files[count++] = (file){ .segment = segment,
                                     .low = { segment->min_key, segment->min_seq },
                                     .high = { segment->max_key, segment->max_seq } };
        }
    }
    if (count != 0) {
        qsort(files, count, sizeof(*files), by_first[walk->spec.order]);
    }
    return count;
}

/* The chain whose last file ends before this one begins; a new one if there is none. */
static chain *chain_for(kdbi_cold_walk *walk, const file *f)
{
    for (size_t i = 0; i < walk->nchains; i++) {
        chain *c = &walk->chains[i];
        if (compare(walk->spec.order, last_of(walk->spec.order, &c->files[c->nfiles - 1]),
                    first_of(walk->spec.order, f)) < 0) {
            return c;
        }
    }
    chain *c = &walk->chains[walk->nchains++];
    c->arena = kdb_arena_new(0);
    return c;
}

static void make_chains(kdbi_cold_walk *walk)
{
    const size_t most = walk->spec.manifest->nsegments;
    file *files = KDB_ARENA_ARRAY(walk->arena, file, most + 1);
    const size_t count = find_files(walk, files);
    walk->chains = KDB_ARENA_ARRAY(walk->arena, chain, count + 1);
    for (size_t i = 0; i < count; i++) {
        chain *c = chain_for(walk, &files[i]);
        *KDB_ARENA_PUSH(walk->arena, c->files, c->nfiles) = files[i];
    }
}

kdbi_cold_walk *kdbi_cold_walk_new(const kdbi_cold_walk_spec *spec)
{
    kdbi_cold_walk *walk = KDB_NEW(kdbi_cold_walk);
    walk->spec = *spec;
    walk->arena = kdb_arena_new(0);
    walk->fields = kdbi_cold_row_fields(spec->table, walk->arena, &walk->nfields);
    make_chains(walk);
    return walk;
}

void kdbi_cold_walk_free(kdbi_cold_walk *walk)
{
    if (walk == NULL) {
        return;
    }
    for (size_t i = 0; i < walk->nchains; i++) {
        kdbi_cold_query_free(walk->chains[i].query);
        kdb_arena_free(walk->chains[i].arena);
    }
    kdb_arena_free(walk->arena);
    kdb_free(walk);
}

/* ---- pieces of a file ---- */

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t clamp_seq(uint64_t seq)
{
    return seq > INT64_MAX ? INT64_MAX : seq;
}

/* What is to be read of the chain's next file. */
static void begin_file(const kdbi_cold_walk *walk, chain *c)
{
    const kdb_segment *segment = c->files[c->next].segment;
    c->open = true;
    c->has_left = true;
    if (is_by_seq(walk->spec.order)) {
        const uint64_t above = walk->spec.seq_above;
        c->left_from = above >= segment->min_seq ? above + 1 : segment->min_seq;
        c->left_to = clamp_seq(segment->max_seq);
        c->piece = times((c->left_to - segment->min_seq) / segment->rows + 1, FIRST_PIECE);
    } else {
        c->left_from = 0;
        c->left_to = segment->rows - 1;
        c->piece = walk->spec.order == KDBI_COLD_KEY_UP ? segment->rows : FIRST_PIECE;
    }
}

/* Takes the next piece off what is left. */
static void take_piece(const kdbi_cold_walk *walk, chain *c, uint64_t *from, uint64_t *to)
{
    const uint64_t left = c->left_to - c->left_from;
    *from = c->left_from;
    *to = c->left_to;
    c->has_left = left >= c->piece;
    if (c->has_left && is_down(walk->spec.order)) {
        *from = c->left_to - (c->piece - 1);
        c->left_to = *from - 1;
    } else if (c->has_left) {
        *to = c->left_from + (c->piece - 1);
        c->left_from = *to + 1;
    }
    c->piece = times(c->piece, PIECE_GROWTH);
}

static kdb_sv order_text(kdbi_cold_order order, const kdb_schema *version, kdb_arena *arena)
{
    const size_t seq = kdbi_cold_seq_column(version);
    switch (order) {
    case KDBI_COLD_KEY_UP:
        break;
    case KDBI_COLD_KEY_DOWN:
        return KDB_SV(" ORDER BY file_row_number DESC");
    case KDBI_COLD_SEQ_UP:
        return kdb_sv_printf(arena, " ORDER BY c%zu", seq);
    case KDBI_COLD_SEQ_DOWN:
        return kdb_sv_printf(arena, " ORDER BY c%zu DESC", seq);
    }
    return (kdb_sv){ NULL, 0 };
}

static kdbi_cold_query_spec query_spec(const kdbi_cold_walk *walk, const chain *c, const kdbi_cold_where *where,
                                       kdb_sv order)
{
    return (kdbi_cold_query_spec){ .cold = walk->spec.cold,
                                   .table = walk->spec.table,
                                   .manifest = walk->spec.manifest,
                                   .segments = &c->files[c->next].segment,
                                   .nsegments = 1,
                                   .fields = walk->fields,
                                   .nfields = walk->nfields,
                                   .conditions = kdbi_cold_where_conditions(where, order) };
}

static void init_where(const kdbi_cold_walk *walk, const chain *c, kdb_arena *arena, kdbi_cold_where *where)
{
    const uint32_t version = c->files[c->next].segment->schema_version;
    kdbi_cold_where_init(where, walk->spec.table, &walk->spec.table->versions[version - 1], arena);
}

/* Backwards, the rows behind the range are not to be looked at piece by piece. */
static kdb_status skip_behind(const kdbi_cold_walk *walk, chain *c, kdb_err *err)
{
    const kdbi_cold_walk_spec *spec = &walk->spec;
    if (spec->order != KDBI_COLD_KEY_DOWN || spec->to.len == 0 ||
        kdb_sv_cmp(c->files[c->next].segment->max_key, spec->to) < 0) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_cold_where where;
    init_where(walk, c, arena, &where);
    (void)kdbi_cold_where_range(&where, spec->manifest->prefix, spec->from, spec->to);
    const kdbi_cold_query_spec query = query_spec(walk, c, &where, (kdb_sv){ NULL, 0 });
    const kdb_status status = kdbi_cold_last_row(&query, &c->has_left, &c->left_to, err);
    kdb_buf_done(&where.sql);
    return status;
}

static kdb_status open_piece(const kdbi_cold_walk *walk, chain *c, kdb_err *err)
{
    const kdbi_cold_walk_spec *spec = &walk->spec;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_cold_where where;
    uint64_t from = 0, to = 0;
    take_piece(walk, c, &from, &to);
    init_where(walk, c, arena, &where);
    c->exact = true;
    if (is_by_seq(spec->order)) {
        kdbi_cold_where_seqs(&where, from, to);
    } else {
        c->exact = kdbi_cold_where_range(&where, spec->manifest->prefix, spec->from, spec->to);
    }
    if (spec->order == KDBI_COLD_KEY_DOWN) {
        kdbi_cold_where_rows(&where, from, to + 1);
    }
    const kdbi_cold_query_spec query = query_spec(walk, c, &where, order_text(spec->order, where.version, arena));
    const kdb_status status = kdbi_cold_query_new(&query, &c->query, err);
    kdb_buf_done(&where.sql);
    return status;
}

/* ---- rows of a chain ---- */

static bool is_in_range(const kdbi_cold_walk *walk, const chain *c)
{
    return c->exact || (kdb_sv_cmp(c->at.key, walk->spec.from) >= 0 &&
                        (walk->spec.to.len == 0 || kdb_sv_cmp(c->at.key, walk->spec.to) < 0));
}

/* Comes to the row `c->row`, if it is the walk's. */
static kdb_status look_at_row(const kdbi_cold_walk *walk, chain *c, bool *out, kdb_err *err)
{
    kdb_arena_reset(c->arena);
    KDB_TRY(kdbi_cold_row_key(c->query, walk->spec.table, c->row, c->arena, &c->at.key, err));
    KDB_TRY(kdbi_cold_row_seq(c->query, walk->spec.table, c->row, &c->at.seq, err));
    *out = is_in_range(walk, c);
    return KDB_OK;
}

static void end_file(chain *c)
{
    c->open = false;
    c->next++;
}

/* From `c->row` on, to a row of the open file; the file may end instead, and the chain then stands at its next one. */
static kdb_status find_row(const kdbi_cold_walk *walk, chain *c, kdb_err *err)
{
    for (;;) {
        for (bool is = false; c->row < c->count; c->row++) {
            KDB_TRY(look_at_row(walk, c, &is, err));
            if (is) {
                return KDB_OK;
            }
        }
        c->row = 0;
        c->count = 0;
        if (c->query != NULL) {
            KDB_TRY(kdbi_cold_query_next(c->query, &c->count, err));
        }
        if (c->count != 0) {
            continue;
        }
        kdbi_cold_query_free(c->query);
        c->query = NULL;
        if (!c->has_left) {
            end_file(c);
            return KDB_OK;
        }
        KDB_TRY(open_piece(walk, c, err));
    }
}

static kdb_status open_file(const kdbi_cold_walk *walk, chain *c, kdb_err *err)
{
    if (walk->spec.memory_only) {
        return KDB_FAIL(err, KDB_WOULD_BLOCK, "a cold file has to be read");
    }
    begin_file(walk, c);
    KDB_TRY(skip_behind(walk, c, err));
    return find_row(walk, c, err);
}

/* ---- the walk ---- */

static bool is_at_row(const chain *c)
{
    return c->open && !c->passed;
}

static kdb_status step(const kdbi_cold_walk *walk, chain *c, kdb_err *err)
{
    c->passed = false;
    c->row++;
    return find_row(walk, c, err);
}

/* Where the chain's next row is at the earliest; NULL when it is through. */
static const kdbi_cold_at *place_of(const kdbi_cold_walk *walk, const chain *c)
{
    if (c->next == c->nfiles) {
        return NULL;
    }
    return c->open ? &c->at : first_of(walk->spec.order, &c->files[c->next]);
}

static chain *first_chain(const kdbi_cold_walk *walk)
{
    chain *first = NULL;
    for (size_t i = 0; i < walk->nchains; i++) {
        chain *c = &walk->chains[i];
        const kdbi_cold_at *place = place_of(walk, c);
        if (place != NULL && (first == NULL || compare(walk->spec.order, place, place_of(walk, first)) < 0)) {
            first = c;
        }
    }
    return first;
}

kdb_status kdbi_cold_walk_is_before(kdbi_cold_walk *walk, const kdbi_cold_at *other, bool *out, kdb_err *err)
{
    for (;;) {
        walk->at = first_chain(walk);
        *out = walk->at != NULL && (other == NULL || compare(walk->spec.order, place_of(walk, walk->at), other) < 0);
        if (!*out || is_at_row(walk->at)) {
            return KDB_OK;
        }
        KDB_TRY(walk->at->open ? step(walk, walk->at, err) : open_file(walk, walk->at, err));
    }
}

kdbi_cold_at kdbi_cold_walk_at(const kdbi_cold_walk *walk)
{
    return walk->at->at;
}

kdb_status kdbi_cold_walk_row(kdbi_cold_walk *walk, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    return kdbi_cold_row_encode(walk->at->query, walk->spec.table, walk->at->row, arena, out, err);
}

void kdbi_cold_walk_pass(kdbi_cold_walk *walk)
{
    walk->at->passed = true;
}
