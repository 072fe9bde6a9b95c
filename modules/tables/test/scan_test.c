/* scan_test.c - scans give the rows that a statement may see, whole and once: any projection, ranges and points,
 * deleted rows, expired rows, other users' rows, older schema versions, several readers, damaged rows. */
#include <stdlib.h>

#include "fixture.h"

enum { NROWS = 3000, NUSERS = 5, MANY_ROWS = 30000, READERS = 4 };

static const fixture_column columns[] = {
    { 1, "name", { .kind = KDB_TYPE_TEXT } },
    { 2, "id", { .kind = KDB_TYPE_INT } },
    { 3, "score", { .kind = KDB_TYPE_DOUBLE } },
    { 4, "note", { .kind = KDB_TYPE_TEXT } },
    { 5, "ok", { .kind = KDB_TYPE_BOOLEAN } },
    { 6, "uid", { .kind = KDB_TYPE_UUID } },
    { 7, "price", { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 10 } },
    { 8, "vec", { .kind = KDB_TYPE_EMBEDDING, .dim = 3 } },
    { 9, "small", { .kind = KDB_TYPE_SMALLINT } },
};
enum { NCOLUMNS = KDB_ARRAY_LEN(columns), SEQ = NCOLUMNS, DELETED, KEY };
static const fixture_schema schema = { columns, NCOLUMNS };
static const uint32_t key_id[] = { 1 };

static const kdb_sv user_ids[NUSERS] = { { "a", 1 }, { "aa", 2 }, { "a\0", 2 }, { "\xFF", 1 }, { "a\0\xFF", 3 } };

typedef struct written_row {
    size_t user;
    kdb_sv key;
    kdb_value values[NCOLUMNS];
    uint64_t seq;
    bool deleted;
} written_row;

typedef struct world {
    kdb_arena *arena;
    kdb_store *store;
    kdb_table *table;
    written_row *rows; /* ascending by key */
    size_t nrows;
    kdb_overlay *overlay; /* part of the rows, when a test lays one */
} world;

static int compare_rows(const void *a, const void *b)
{
    return kdb_sv_cmp(((const written_row *)a)->key, ((const written_row *)b)->key);
}

static void write_row(world *w, written_row *row, kdb_batch *batch)
{
    const kdb_user_id user = { user_ids[row->user] };
    kdb_sv bytes;
    assert_int_equal(kdb_row_key(w->table, user, &row->values[1], w->arena, &row->key, NULL), KDB_OK);
    assert_int_equal(kdb_row_encode(w->table, row->values, row->seq, row->deleted, w->arena, &bytes, NULL), KDB_OK);
    kdb_tables_stage_put(w->table, user, row->key, bytes, row->seq, 0, batch);
}

static world *world_new(size_t nrows, size_t nusers)
{
    kdb_arena *arena = kdb_arena_new(0);
    world *w = KDB_ARENA_NEW(arena, world);
    *w = (world){ .arena = arena, .store = kdb_store_open_memory(), .nrows = nrows };
    w->table = fixture_table(arena, KDB_TABLE_USER, &schema, 1, key_id, 1);
    w->rows = KDB_ARENA_ARRAY(arena, written_row, nrows);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    fixture_random random = { 31 };
    for (size_t i = 0; i < nrows; i++) {
        written_row *row = &w->rows[i];
        *row = (written_row){ .user = i % nusers, .seq = i + 1, .deleted = fixture_below(&random, 5) == 0 };
        for (size_t c = 0; c < NCOLUMNS; c++) {
            row->values[c] = fixture_value(&random, columns[c].type, true, arena);
        }
        row->values[1] = kdb_value_int((int32_t)i - 1000);
        write_row(w, row, batch);
    }
    fixture_commit(w->store, batch);
    qsort(w->rows, nrows, sizeof(*w->rows), compare_rows);
    return w;
}

static void world_free(world *w)
{
    kdb_store_close(w->store);
    kdb_arena_free(w->arena);
}
KDB_DEFINE_CLEANUP(world, world_free)

static kdb_value field_value(const written_row *row, size_t field)
{
    kdb_value key = kdb_value_null(kdb_type_of(KDB_TYPE_BYTES));
    key.is_null = false;
    key.as.bytes = row->key;
    return field < NCOLUMNS   ? row->values[field]
           : field == SEQ     ? kdb_value_bigint((int64_t)row->seq)
           : field == DELETED ? kdb_value_bool(row->deleted)
                              : key;
}

static kdb_chunk *new_chunk(const kdb_table *table, const size_t *projection, size_t nprojection, kdb_arena *arena)
{
    size_t count = 0;
    const kdb_field *fields = kdb_table_fields(table, arena, &count);
    kdb_type *types = KDB_ARENA_ARRAY(arena, kdb_type, nprojection + 1);
    for (size_t i = 0; i < nprojection; i++) {
        types[i] = fields[projection[i]].type;
    }
    return kdb_chunk_new(arena, types, nprojection);
}

static kdb_scan_spec spec_of(const world *w, const size_t *projection, size_t nprojection)
{
    return (kdb_scan_spec){ .store = w->store,
                            .table = w->table,
                            .overlay = w->overlay,
                            .projection = projection,
                            .nprojection = nprojection,
                            .max_readers = 1 };
}

/* The rows that a scan should give, in order. */
static size_t expected(const world *w, const kdb_scan_spec *spec, const written_row **out)
{
    size_t count = 0;
    for (size_t i = 0; i < w->nrows; i++) {
        const written_row *row = &w->rows[i];
        bool wanted = !row->deleted || spec->sees_deleted;
        if (!spec->keys.points) {
            wanted = wanted && kdb_sv_cmp(row->key, spec->keys.from) >= 0 &&
                     (spec->keys.to.len == 0 || kdb_sv_cmp(row->key, spec->keys.to) < 0);
        } else {
            bool named = false;
            for (size_t k = 0; k < spec->keys.nkeys; k++) {
                named = named || kdb_sv_eq(spec->keys.keys[k], row->key);
            }
            wanted = wanted && named;
        }
        if (wanted) {
            out[count++] = row;
        }
    }
    return count;
}

static void assert_cells(const kdb_chunk *chunk, size_t at, const written_row *row, const kdb_scan_spec *spec)
{
    for (size_t c = 0; c < spec->nprojection; c++) {
        const kdb_value got = kdb_vec_get(&chunk->cols[c], at);
        const kdb_value want = field_value(row, spec->projection[c]);
        assert_true(kdb_value_same(&got, &want));
    }
}

/* A walk of the same keys meets the same rows, either way. */
static void assert_walk(const kdb_walk_spec *spec, const kdb_scan_spec *cells, const written_row *const *want,
                        size_t nwant)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
    kdb_walk_spec whole = *spec;
    kdb_err err;
    bool more = false;
    whole.decoder = kdb_row_decoder_new(spec->table, arena);
    whole.scratch = scratch;
    assert_int_equal(kdb_row_walk_new(&whole, arena, &walk, &err), KDB_OK);
    for (size_t i = 0; i < nwant; i++) {
        const written_row *row = want[spec->descending ? nwant - 1 - i : i];
        assert_int_equal(kdb_row_walk_next(walk, &more, &err), KDB_OK);
        assert_true(more);
        for (size_t c = 0; c < cells->nprojection; c++) {
            const kdb_value got = kdb_row_walk_value(walk, (uint32_t)cells->projection[c]);
            const kdb_value value = field_value(row, cells->projection[c]);
            assert_true(kdb_value_same(&got, &value));
        }
    }
    assert_int_equal(kdb_row_walk_next(walk, &more, &err), KDB_OK);
    assert_false(more);
}

static void assert_walks(const world *w, const kdb_scan_spec *spec, const written_row *const *want, size_t nwant)
{
    kdb_walk_spec walk = { .store = w->store,
                           .table = w->table,
                           .snapshot = spec->snapshot,
                           .overlay = spec->overlay,
                           .keys = spec->keys,
                           .sees_deleted = spec->sees_deleted };
    assert_walk(&walk, spec, want, nwant);
    walk.descending = true;
    assert_walk(&walk, spec, want, nwant);
}

static void assert_scan(const world *w, const kdb_scan_spec *spec)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    const written_row **want = KDB_ARENA_ARRAY(arena, const written_row *, w->nrows + 1);
    const size_t nwant = expected(w, spec, want);
    size_t got = 0;
    kdb_err err;
    assert_walks(w, spec, want, nwant);
    assert_int_equal(kdb_table_scan_new(spec, &scan, &err), KDB_OK);
    assert_int_equal(kdb_table_scan_readers(scan), 1);
    assert_int_equal(kdb_table_reader_new(scan, &reader, &err), KDB_OK);
    for (;;) {
        kdb_chunk *chunk = new_chunk(w->table, spec->projection, spec->nprojection, arena);
        assert_int_equal(kdb_table_reader_next(reader, chunk, &err), KDB_OK);
        if (chunk->nrows == 0) {
            break;
        }
        for (size_t i = 0; i < chunk->nrows; i++) {
            assert_true(got < nwant);
            assert_cells(chunk, i, want[got++], spec);
        }
    }
    assert_int_equal(got, nwant);
}

/* ---- fields ---- */

static void fields_are_columns_then_pseudo_columns(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    size_t count = 0;
    const kdb_field *fields =
        kdb_table_fields(fixture_table(arena, KDB_TABLE_SHARED, &schema, 1, key_id, 1), arena, &count);
    assert_int_equal(count, NCOLUMNS + 2);
    assert_true(kdb_sv_eq(fields[0].name, KDB_SV("name")));
    assert_true(kdb_sv_eq(fields[SEQ].name, KDB_SV("_seq")));
    assert_int_equal(fields[SEQ].type.kind, KDB_TYPE_BIGINT);
    assert_true(kdb_sv_eq(fields[DELETED].name, KDB_SV("_deleted")));
    assert_true(kdb_sv_eq(fields[KEY].name, KDB_SV("_key")));
    assert_int_equal(fields[KEY].type.kind, KDB_TYPE_BYTES);
    fields = kdb_table_fields(fixture_table(arena, KDB_TABLE_STREAM, &schema, 1, NULL, 0), arena, &count);
    assert_int_equal(count, NCOLUMNS + 1);
    assert_true(kdb_sv_eq(fields[count].name, KDB_SV("_key")));
}

/* ---- ranges and points ---- */

static void any_projection_gives_the_rows(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(NROWS, NUSERS);
    fixture_random random = { 32 };
    for (size_t round = 0; round < 40; round++) {
        size_t projection[KEY + 1];
        const size_t n = fixture_below(&random, KEY + 2);
        for (size_t i = 0; i < n; i++) {
            projection[i] = fixture_below(&random, KEY + 1);
        }
        kdb_scan_spec spec = spec_of(w, projection, n);
        spec.sees_deleted = round % 2 == 0;
        assert_scan(w, &spec);
    }
}

static void each_user_sees_their_rows_only(void **state)
{
    (void)state;
    static const size_t projection[] = { 1, KEY, 0 };
    KDB_CLEANUP(world_freep) world *w = world_new(NROWS, NUSERS);
    for (size_t u = 0; u < NUSERS; u++) {
        kdb_scan_spec spec = spec_of(w, projection, 3);
        kdb_row_user_range(w->table, (kdb_user_id){ user_ids[u] }, w->arena, &spec.keys.from, &spec.keys.to);
        spec.sees_deleted = true;
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        const written_row **rows = KDB_ARENA_ARRAY(arena, const written_row *, w->nrows);
        const size_t count = expected(w, &spec, rows);
        assert_int_equal(count, NROWS / NUSERS);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rows[i]->user, u);
        }
        assert_scan(w, &spec);
    }
}

static void key_sets_narrow_the_scan(void **state)
{
    (void)state;
    static const size_t projection[] = { 1, 2, SEQ };
    KDB_CLEANUP(world_freep) world *w = world_new(NROWS, NUSERS);
    kdb_pred_operand operands[400];
    for (size_t i = 0; i < 400; i++) {
        operands[i] = (kdb_pred_operand){ .literal = kdb_value_int((int32_t)(i * 3) - 1010) };
    }
    const kdb_pred preds[] = { { 1, KDB_PRED_EQ, operands + 9, 1 },
                               { 1, KDB_PRED_IN, operands, 400 },
                               { 1, KDB_PRED_GE, operands + 300, 1 },
                               { 1, KDB_PRED_LT, operands + 200, 1 },
                               { 1, KDB_PRED_IN, operands, 0 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(preds); i++) {
        for (size_t u = 0; u < NUSERS; u++) {
            kdb_scan_spec spec = spec_of(w, projection, 3);
            spec.sees_deleted = u % 2 == 0;
            kdb_table_key_set(w->table, (kdb_user_id){ user_ids[u] }, &preds[i], 1, NULL, 0, w->arena, &spec.keys);
            assert_int_equal(spec.keys.points, preds[i].op == KDB_PRED_EQ || preds[i].op == KDB_PRED_IN);
            assert_scan(w, &spec);
        }
    }
}

static int compare_seqs(const void *a, const void *b)
{
    const uint64_t left = (*(const written_row *const *)a)->seq;
    const uint64_t right = (*(const written_row *const *)b)->seq;
    return (left > right) - (left < right);
}

static void assert_seq_order(const world *w)
{
    static const size_t projection[] = { SEQ, KEY, 3 };
    const written_row **want = KDB_ARENA_ARRAY(w->arena, const written_row *, w->nrows);
    for (size_t u = 0; u < NUSERS * 2; u++) {
        kdb_scan_spec spec = spec_of(w, projection, 3);
        const kdb_user_id user = { user_ids[u % NUSERS] };
        kdb_row_user_range(w->table, user, w->arena, &spec.keys.from, &spec.keys.to);
        const size_t count = expected(w, &spec, want);
        qsort((void *)want, count, sizeof(*want), compare_seqs);
        kdb_walk_spec walk = { .store = w->store,
                               .table = w->table,
                               .overlay = w->overlay,
                               .by_seq = true,
                               .user = user,
                               .descending = u < NUSERS };
        assert_walk(&walk, &spec, want, count);
    }
}

static void the_seq_index_orders_a_walk(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(NROWS, NUSERS);
    fixture_random random = { 35 };
    assert_seq_order(w);
    w->overlay = kdb_overlay_new(w->arena);
    for (size_t i = 0; i < w->nrows; i += 1 + fixture_below(&random, 5)) { /* changed by a transaction, in any order */
        written_row *row = &w->rows[i];
        row->seq = NROWS + 1 + (i * 7919) % NROWS;
        row->deleted = fixture_below(&random, 4) == 0;
        row->values[3] = kdb_value_text(KDB_SV("changed"));
        kdb_overlay_row *own = kdb_overlay_add(w->overlay, row->key);
        assert_int_equal(kdb_row_encode(w->table, row->values, row->seq, row->deleted, w->arena, &own->row, NULL),
                         KDB_OK);
    }
    assert_seq_order(w);
}

static void a_scan_reads_its_snapshot(void **state)
{
    (void)state;
    static const size_t projection[] = { 1 };
    KDB_CLEANUP(world_freep) world *w = world_new(100, 1);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    kdb_tables_stage_drop(w->table, batch);
    fixture_commit(w->store, batch);
    kdb_scan_spec spec = spec_of(w, projection, 1);
    spec.snapshot = snapshot;
    assert_scan(w, &spec);
    spec.keys = (kdb_key_set){ .points = true, .keys = &w->rows[7].key, .nkeys = 1 };
    assert_scan(w, &spec);
    spec.snapshot = NULL;
    w->nrows = 0;
    assert_scan(w, &spec);
    spec.keys = (kdb_key_set){ .points = false };
    assert_scan(w, &spec);
}

/* ---- several readers ---- */

typedef struct parallel {
    kdb_table_scan *scan;
    const kdb_scan_spec *spec;
    uint64_t seqs[MANY_ROWS];
    size_t count;
} parallel;

static void read_part(void *arg)
{
    parallel *p = arg;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    kdb_chunk *chunk = new_chunk(p->spec->table, p->spec->projection, p->spec->nprojection, arena);
    KDB_ASSERT(kdb_table_reader_new(p->scan, &reader, NULL) == KDB_OK);
    do {
        KDB_ASSERT(kdb_table_reader_next(reader, chunk, NULL) == KDB_OK);
        for (size_t i = 0; i < chunk->nrows; i++) {
            p->seqs[p->count++] = (uint64_t)kdb_vec_get(&chunk->cols[0], i).as.i64;
        }
    } while (chunk->nrows != 0);
}

/* Reads with up to READERS threads; checks that each expected row came once. Returns how many readers there were. */
static size_t assert_parallel(const world *w, const kdb_scan_spec *spec)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    assert_int_equal(kdb_table_scan_new(spec, &scan, NULL), KDB_OK);
    const size_t readers = kdb_table_scan_readers(scan);
    parallel *parts = KDB_ARENA_ARRAY(arena, parallel, READERS);
    kdb_thread threads[READERS] = { { .started = false } };
    assert_in_range(readers, 1, READERS);
    for (size_t i = 0; i < READERS; i++) { /* more than asked for does no harm */
        parts[i].scan = scan;
        parts[i].spec = spec;
        kdb_thread_start(&threads[i], "reader", KDB_THREAD_ANY, read_part, &parts[i]);
    }
    for (size_t i = 0; i < READERS; i++) {
        kdb_thread_join(&threads[i]);
    }
    const written_row **want = KDB_ARENA_ARRAY(arena, const written_row *, w->nrows + 1);
    const size_t nwant = expected(w, spec, want);
    bool *seen = KDB_ARENA_ARRAY(arena, bool, w->nrows + 2);
    size_t total = 0;
    for (size_t i = 0; i < READERS; i++) {
        total += parts[i].count;
        for (size_t k = 0; k < parts[i].count; k++) {
            assert_false(seen[parts[i].seqs[k]]);
            seen[parts[i].seqs[k]] = true;
        }
    }
    assert_int_equal(total, nwant);
    for (size_t i = 0; i < nwant; i++) {
        assert_true(seen[want[i]->seq]);
    }
    return readers;
}

static void several_readers_give_each_row_once(void **state)
{
    (void)state;
    static const size_t projection[] = { SEQ };
    KDB_CLEANUP(world_freep) world *w = world_new(MANY_ROWS, 1);
    kdb_scan_spec spec = spec_of(w, projection, 1);
    spec.max_readers = READERS;
    assert_int_equal(assert_parallel(w, &spec), READERS);
    spec.sees_deleted = true;
    kdb_row_user_range(w->table, (kdb_user_id){ user_ids[0] }, w->arena, &spec.keys.from, &spec.keys.to);
    assert_int_equal(assert_parallel(w, &spec), READERS);
    spec.keys.to = w->rows[5].key; /* all within the head: the other readers find nothing */
    assert_int_equal(assert_parallel(w, &spec), READERS);
    kdb_sv keys[500];
    for (size_t i = 0; i < 500; i++) {
        keys[i] = w->rows[i * 3].key;
    }
    spec.keys = (kdb_key_set){ .points = true, .keys = keys, .nkeys = 500 };
    assert_int_equal(assert_parallel(w, &spec), 1);
}

/* ---- overlays ---- */

/* Puts the row where the overlay is, and something else, or nothing, where the store is. */
static void move_to_overlay(world *w, written_row *row, fixture_random *random, kdb_batch *batch)
{
    kdb_overlay_row *own = kdb_overlay_add(w->overlay, row->key);
    written_row older = *row;
    older.values[2] = kdb_value_double(-1);
    older.seq = 0;
    older.deleted = fixture_below(random, 4) == 0;
    switch (fixture_below(random, 4)) {
    case 0: /* undone: the store's row counts */
        return;
    case 1: /* not in the store */
        kdb_batch_delete(batch, kdb_table_partition(w->table), row->key);
        break;
    case 2:
        row->deleted = true;
        write_row(w, &older, batch);
        break;
    default:
        write_row(w, &older, batch);
        break;
    }
    assert_int_equal(kdb_row_encode(w->table, row->values, row->seq, row->deleted, w->arena, &own->row, NULL), KDB_OK);
}

/* Every `one_in`th row or so. */
static void lay_overlay(world *w, uint64_t one_in)
{
    fixture_random random = { 34 };
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    w->overlay = kdb_overlay_new(w->arena);
    for (size_t i = 0; i < w->nrows; i++) {
        if (fixture_below(&random, one_in) == 0) {
            move_to_overlay(w, &w->rows[i], &random, batch);
        }
    }
    fixture_commit(w->store, batch);
}

static void overlay_rows_replace_hide_and_join(void **state)
{
    (void)state;
    static const size_t projection[] = { 1, 2, SEQ, DELETED, KEY, 7, 0 };
    static const uint64_t shares[] = { 1, 3, 100 };
    for (size_t i = 0; i < KDB_ARRAY_LEN(shares); i++) {
        KDB_CLEANUP(world_freep) world *w = world_new(NROWS, NUSERS);
        lay_overlay(w, shares[i]);
        kdb_scan_spec spec = spec_of(w, projection, KDB_ARRAY_LEN(projection));
        for (size_t u = 0; u <= NUSERS; u++) {
            assert_scan(w, &spec); /* first the whole table, then one user's part after the other */
            spec.sees_deleted = !spec.sees_deleted;
            kdb_row_user_range(w->table, (kdb_user_id){ user_ids[u % NUSERS] }, w->arena, &spec.keys.from,
                               &spec.keys.to);
        }
        kdb_sv *keys = KDB_ARENA_ARRAY(w->arena, kdb_sv, NROWS);
        for (size_t k = 0; k < NROWS; k++) {
            keys[k] = w->rows[k].key;
        }
        for (size_t n = 1; n <= NROWS; n += 1 + n * 2) {
            spec.keys = (kdb_key_set){ .points = true, .keys = keys + (NROWS - n) / 2, .nkeys = n };
            assert_scan(w, &spec);
        }
    }
}

static void several_readers_merge_the_overlay_once(void **state)
{
    (void)state;
    static const size_t projection[] = { SEQ };
    static const uint64_t shares[] = { 1, 4 };
    for (size_t i = 0; i < KDB_ARRAY_LEN(shares); i++) {
        KDB_CLEANUP(world_freep) world *w = world_new(MANY_ROWS, 1);
        lay_overlay(w, shares[i]);
        kdb_scan_spec spec = spec_of(w, projection, 1);
        spec.max_readers = READERS;
        assert_int_equal(assert_parallel(w, &spec), READERS);
        spec.sees_deleted = true;
        kdb_row_user_range(w->table, (kdb_user_id){ user_ids[0] }, w->arena, &spec.keys.from, &spec.keys.to);
        assert_int_equal(assert_parallel(w, &spec), READERS);
    }
}

/* ---- counting ---- */

static void an_empty_projection_counts(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(MANY_ROWS, 1);
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    const kdb_scan_spec spec = spec_of(w, NULL, 0);
    const written_row **want = KDB_ARENA_ARRAY(w->arena, const written_row *, w->nrows);
    kdb_chunk chunk = { 0 };
    size_t total = 0;
    assert_int_equal(kdb_table_scan_new(&spec, &scan, NULL), KDB_OK);
    assert_int_equal(kdb_table_reader_new(scan, &reader, NULL), KDB_OK);
    do {
        assert_int_equal(kdb_table_reader_next(reader, &chunk, NULL), KDB_OK);
        total += chunk.nrows;
    } while (chunk.nrows != 0);
    assert_int_equal(total, expected(w, &spec, want));
}

/* ---- STREAM ---- */

static uint64_t seq_at(int64_t ms, uint64_t count)
{
    return ((uint64_t)(ms - KDB_SNOWFLAKE_EPOCH_MS) << 22) | count;
}

static size_t count_rows(const kdb_scan_spec *spec)
{
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    kdb_chunk chunk = { 0 };
    size_t total = 0;
    assert_int_equal(kdb_table_scan_new(spec, &scan, NULL), KDB_OK);
    assert_int_equal(kdb_table_reader_new(scan, &reader, NULL), KDB_OK);
    do {
        assert_int_equal(kdb_table_reader_next(reader, &chunk, NULL), KDB_OK);
        total += chunk.nrows;
    } while (chunk.nrows != 0);
    return total;
}

static void expired_stream_rows_are_not_seen(void **state)
{
    (void)state;
    const int64_t now = KDB_SNOWFLAKE_EPOCH_MS + 100000;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_table *table = fixture_table(arena, KDB_TABLE_STREAM, &schema, 1, NULL, 0);
    fixture_random random = { 33 };
    kdb_sv keys[40];
    for (size_t i = 0; i < 40; i++) { /* two users; ages 0, 1000 .. 19000 ms */
        const kdb_user_id user = { user_ids[i % 2] };
        const uint64_t seq = seq_at(now - (int64_t)(i / 2) * 1000, i);
        kdb_value values[NCOLUMNS];
        kdb_sv bytes;
        for (size_t c = 0; c < NCOLUMNS; c++) {
            values[c] = fixture_value(&random, columns[c].type, true, arena);
        }
        assert_int_equal(kdb_row_encode(table, values, seq, false, arena, &bytes, NULL), KDB_OK);
        keys[i] = kdb_row_key_hidden(table, user, seq, arena);
        kdb_tables_stage_put(table, user, keys[i], bytes, seq, 0, batch);
    }
    assert_int_equal(kdb_batch_count(batch), 40); /* no seq index */
    fixture_commit(store, batch);
    kdb_scan_spec spec = { .store = store, .table = table, .now_ms = now, .max_readers = 1 };
    kdb_row_user_range(table, (kdb_user_id){ user_ids[0] }, arena, &spec.keys.from, &spec.keys.to);
    assert_int_equal(count_rows(&spec), 10); /* ages 0 to 9000: the TTL is 10 s, and a row of just 10 s is gone */
    spec.now_ms = now + 999;
    assert_int_equal(count_rows(&spec), 10);
    spec.now_ms = now + 1000;
    assert_int_equal(count_rows(&spec), 9);
    spec.now_ms = now;
    spec.keys = (kdb_key_set){ .points = false }; /* every user's */
    assert_int_equal(count_rows(&spec), 20);
    for (size_t i = 0; i < 40; i++) {
        spec.keys = (kdb_key_set){ .points = true, .keys = &keys[i], .nkeys = 1 };
        assert_int_equal(count_rows(&spec), i / 2 < 10 ? 1 : 0);
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *removal = kdb_batch_new();
    kdb_tables_stage_remove(table, keys[0], removal);
    fixture_commit(store, removal);
    spec.keys = (kdb_key_set){ .points = false };
    assert_int_equal(count_rows(&spec), 19);
    table->ttl_seconds = INT64_MAX; /* as good as for ever */
    assert_int_equal(count_rows(&spec), 39);
}

/* ---- staging ---- */

static size_t count_keys(kdb_store *store, kdb_partition part, kdb_sv *last, kdb_arena *arena)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, part, (kdb_iter_range){ .descending = false });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        last[0] = kdb_sv_dup(arena, kdb_iter_key(iter));
        last[1] = kdb_sv_dup(arena, kdb_iter_value(iter));
        count++;
    }
    return count;
}

static void the_seq_index_follows_the_row(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    const kdb_table *tables[] = { fixture_table(arena, KDB_TABLE_USER, &schema, 1, key_id, 1),
                                  fixture_table(arena, KDB_TABLE_SHARED, &schema, 1, key_id, 1) };
    const kdb_value id = kdb_value_int(5);
    for (size_t i = 0; i < 2; i++) {
        const kdb_user_id user = fixture_user(i == 0 ? "u" : "");
        const kdb_partition seqs = kdb_table_seq_partition(tables[i]);
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
        kdb_sv key, last[2];
        assert_int_equal(kdb_row_key(tables[i], user, &id, arena, &key, NULL), KDB_OK);
        kdb_tables_stage_put(tables[i], user, key, KDB_SV("first"), 10, 0, batch);
        kdb_tables_stage_put(tables[i], user, key, KDB_SV("second"), 20, 10, batch);
        fixture_commit(store, batch);
        assert_int_equal(count_keys(store, seqs, last, arena), 1);
        const size_t user_len = i == 0 ? 3 : 0;
        assert_int_equal(last[0].len, user_len + 8);
        assert_memory_equal(last[0].ptr, key.ptr, user_len);
        assert_int_equal(kdb_get_be64(last[0].ptr + user_len), 20);
        assert_true(kdb_sv_eq(last[1], (kdb_sv){ key.ptr + user_len, key.len - user_len }));
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *drop = kdb_batch_new();
        kdb_tables_stage_drop(tables[i], drop);
        fixture_commit(store, drop);
        assert_int_equal(count_keys(store, seqs, last, arena), 0);
        assert_int_equal(count_keys(store, kdb_table_partition(tables[i]), last, arena), 0);
    }
}

/* ---- schema versions and damage ---- */

static void older_versions_read_through_the_latest(void **state)
{
    (void)state;
    static const fixture_column before[] = { { 1, "id", { .kind = KDB_TYPE_INT } },
                                             { 2, "n", { .kind = KDB_TYPE_INT } },
                                             { 3, "gone", { .kind = KDB_TYPE_TEXT } } };
    static const fixture_column after[] = { { 4, "added", { .kind = KDB_TYPE_TEXT } },
                                            { 2, "m", { .kind = KDB_TYPE_TEXT } },
                                            { 1, "id", { .kind = KDB_TYPE_INT } } };
    static const fixture_schema versions[] = { { before, 3 }, { after, 3 } };
    static const uint32_t key[] = { 2 };
    static const size_t projection[] = { 0, 1, 2 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, versions, 2, key, 1);
    for (int32_t i = 0; i < 10; i++) {
        const kdb_table *writer = i % 2 == 0 ? fixture_table_at(arena, table, 1) : table;
        const kdb_value id = kdb_value_int(i);
        const kdb_value old[] = { id, kdb_value_int(i * 10), kdb_value_text(KDB_SV("x")) };
        const kdb_value new[] = { kdb_value_text(KDB_SV("new")), kdb_value_text(KDB_SV("m")), id };
        kdb_sv bytes, row_key;
        assert_int_equal(kdb_row_encode(writer, i % 2 == 0 ? old : new, 1, false, arena, &bytes, NULL), KDB_OK);
        assert_int_equal(kdb_row_key(table, fixture_user(""), &id, arena, &row_key, NULL), KDB_OK);
        kdb_tables_stage_put(table, fixture_user(""), row_key, bytes, 1 + (uint64_t)i, 0, batch);
    }
    fixture_commit(store, batch);
    kdb_scan_spec spec = { .store = store, .table = table, .projection = projection, .nprojection = 3 };
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    kdb_chunk *chunk = new_chunk(table, projection, 3, arena);
    assert_int_equal(kdb_table_scan_new(&spec, &scan, NULL), KDB_OK);
    assert_int_equal(kdb_table_reader_new(scan, &reader, NULL), KDB_OK);
    assert_int_equal(kdb_table_reader_next(reader, chunk, NULL), KDB_OK);
    assert_int_equal(chunk->nrows, 10);
    for (size_t i = 0; i < 10; i++) {
        const kdb_value m = kdb_vec_get(&chunk->cols[1], i);
        assert_int_equal(kdb_vec_is_null(&chunk->cols[0], i), i % 2 == 0);
        assert_true(kdb_sv_eq(m.as.bytes, i % 2 != 0 ? KDB_SV("m") : kdb_sv_printf(arena, "%zu", i * 10)));
        assert_int_equal(kdb_vec_get(&chunk->cols[2], i).as.i32, (int32_t)i);
    }
}

static void a_damaged_row_fails_the_scan(void **state)
{
    (void)state;
    static const size_t projection[] = { 0 };
    KDB_CLEANUP(world_freep) world *w = world_new(10, 1);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_batch_put(batch, kdb_table_partition(w->table), w->rows[5].key, KDB_SV("\x01nonsense"));
    fixture_commit(w->store, batch);
    kdb_scan_spec spec = spec_of(w, projection, 1);
    for (size_t i = 0; i < 2; i++) {
        KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
        KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
        kdb_err err;
        assert_int_equal(kdb_table_scan_new(&spec, &scan, &err), KDB_OK);
        assert_int_equal(kdb_table_reader_new(scan, &reader, &err), KDB_OK);
        assert_int_equal(kdb_table_reader_next(reader, new_chunk(w->table, projection, 1, arena), &err), KDB_CORRUPT);
        assert_string_equal(err.text, "table ns.t holds a row that was never written");
        spec.keys = (kdb_key_set){ .points = true, .keys = &w->rows[5].key, .nkeys = 1 };
    }
}

static void a_dropped_table_is_not_found(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(1, 1);
    kdb_table_scan *scan = NULL;
    kdb_err err;
    const kdb_scan_spec spec = spec_of(w, NULL, 0);
    atomic_store(&w->table->state, KDB_TABLE_DROPPED);
    assert_int_equal(kdb_table_scan_new(&spec, &scan, &err), KDB_TABLE_NOT_FOUND);
    assert_null(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_columns_then_pseudo_columns),
        cmocka_unit_test(any_projection_gives_the_rows),
        cmocka_unit_test(each_user_sees_their_rows_only),
        cmocka_unit_test(key_sets_narrow_the_scan),
        cmocka_unit_test(the_seq_index_orders_a_walk),
        cmocka_unit_test(a_scan_reads_its_snapshot),
        cmocka_unit_test(several_readers_give_each_row_once),
        cmocka_unit_test(overlay_rows_replace_hide_and_join),
        cmocka_unit_test(several_readers_merge_the_overlay_once),
        cmocka_unit_test(an_empty_projection_counts),
        cmocka_unit_test(expired_stream_rows_are_not_seen),
        cmocka_unit_test(the_seq_index_follows_the_row),
        cmocka_unit_test(older_versions_read_through_the_latest),
        cmocka_unit_test(a_damaged_row_fails_the_scan),
        cmocka_unit_test(a_dropped_table_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
