/* row_value_test.c - rows come back as they were written, by every schema version that can read them; bytes that no
 * encoder wrote are refused or read harmlessly. */
#include <stdlib.h>

#include "fixture.h"

enum { ROUNDS = 5000 };

static const fixture_schema every_type = { fixture_every_type, 18 };

static void fill_values(fixture_random *random, const kdb_table *table, kdb_value *out, kdb_arena *arena)
{
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        out[i] = fixture_value(random, table->schema->columns[i].type, true, arena);
    }
}

static void assert_same(const kdb_value *a, const kdb_value *b)
{
    assert_true(kdb_value_same(a, b));
}

static void rows_come_back_as_they_were_written(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *tables = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_int_equal(every_type.ncolumns, fixture_every_type_count);
    const kdb_table *table = fixture_table(tables, KDB_TABLE_USER, &every_type, 1, NULL, 0);
    fixture_random random = { 11 };
    for (size_t i = 0; i < ROUNDS; i++) {
        kdb_arena_reset(arena);
        kdb_value values[18], read[18];
        kdb_sv bytes;
        kdb_row row;
        kdb_err err;
        const uint64_t seq = fixture_next(&random) >> 1;
        fill_values(&random, table, values, arena);
        assert_int_equal(kdb_row_encode(table, values, seq, i % 2 == 1, arena, &bytes, &err), KDB_OK);
        assert_int_equal(kdb_row_open(table, bytes, &row, &err), KDB_OK);
        assert_int_equal(row.seq, seq);
        assert_int_equal(row.deleted, i % 2 == 1);
        assert_ptr_equal(row.schema, table->schema);
        assert_int_equal(kdb_row_values(table, &row, arena, read, &err), KDB_OK);
        for (size_t c = 0; c < 18; c++) {
            const kdb_value one = kdb_row_get(table, &row, c);
            assert_same(&values[c], &read[c]);
            assert_same(&values[c], &one);
        }
    }
}

static void unaligned_rows_give_aligned_floats(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &every_type, 1, NULL, 0);
    fixture_random random = { 12 };
    kdb_value values[18], read[18];
    kdb_sv bytes;
    for (size_t i = 0; i < 18; i++) {
        values[i] = fixture_value(&random, table->schema->columns[i].type, false, arena);
    }
    assert_int_equal(kdb_row_encode(table, values, 1, false, arena, &bytes, NULL), KDB_OK);
    for (size_t shift = 0; shift < 4; shift++) {
        char *moved = kdb_arena_alloc(arena, bytes.len + shift);
        memcpy(moved + shift, bytes.ptr, bytes.len);
        kdb_row row;
        assert_int_equal(kdb_row_open(table, (kdb_sv){ moved + shift, bytes.len }, &row, NULL), KDB_OK);
        assert_int_equal(kdb_row_values(table, &row, arena, read, NULL), KDB_OK);
        assert_int_equal((uintptr_t)read[14].as.f32s % _Alignof(float), 0);
        assert_same(&values[14], &read[14]);
    }
}

/* ALTER may make TEXT of any column, and rows are converted when read: no value may turn out not to have a text. */
static void every_value_has_a_text(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    fixture_random random = { 13 };
    for (size_t i = 0; i < 1000 * fixture_every_type_count; i++) {
        const kdb_type type = fixture_every_type[i % fixture_every_type_count].type;
        if (type.kind == KDB_TYPE_BYTES) { /* ALTER looks at those */
            continue;
        }
        kdb_arena_reset(arena);
        const kdb_value value = fixture_value(&random, type, true, arena);
        kdb_value text;
        assert_int_equal(kdb_value_coerce(&value, kdb_type_of(KDB_TYPE_TEXT), arena, &text, NULL), KDB_OK);
        assert_true(text.is_null == value.is_null && (text.is_null || kdb_utf8_valid(text.as.bytes)));
    }
}

/* ---- the format, byte by byte: it is on disks ---- */

static void the_format_is_as_written_down(void **state)
{
    (void)state;
    static const fixture_column columns[] = { { 1, "a", { .kind = KDB_TYPE_INT } },
                                              { 2, "b", { .kind = KDB_TYPE_TEXT } },
                                              { 3, "c", { .kind = KDB_TYPE_SMALLINT } },
                                              { 4, "d", { .kind = KDB_TYPE_EMBEDDING, .dim = 1 } } };
    static const fixture_schema schema = { columns, 4 };
    static const uint8_t want[] = {
        1,    1,    1,    0,    0,    0,    0x08, 0x07,
        0x06, 0x05, 0x04, 0x03, 0x02, 0x01,          /* format, flags, version, _seq */
        0x04,                                        /* c is NULL */
        0xFE, 0xFF, 0xFF, 0xFF, 0,    0,             /* a, c */
        2,    0,    0,    0,    7,    0,    0,    0, /* where b and d end */
        'x',  'y',  0,    0,    0,    0x80, 0x3F,    /* b, padding, d */
    };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &schema, 1, NULL, 0);
    const float one = 1.0F;
    kdb_value d = kdb_value_null(columns[3].type);
    d.is_null = false;
    d.as.f32s = &one;
    const kdb_value values[] = { kdb_value_int(-2), kdb_value_text(KDB_SV("xy")),
                                 kdb_value_null(kdb_type_of(KDB_TYPE_SMALLINT)), d };
    kdb_sv bytes;
    assert_int_equal(kdb_row_encode(table, values, UINT64_C(0x0102030405060708), true, arena, &bytes, NULL), KDB_OK);
    assert_int_equal(bytes.len, sizeof(want));
    assert_memory_equal(bytes.ptr, want, sizeof(want));
}

/* ---- schema versions ---- */

static const fixture_column version1[] = {
    { 1, "id", { .kind = KDB_TYPE_INT } },
    { 2, "gone", { .kind = KDB_TYPE_TEXT } },
    { 3, "name", { .kind = KDB_TYPE_TEXT } },
    { 4, "wide", { .kind = KDB_TYPE_SMALLINT } },
    { 5, "shown", { .kind = KDB_TYPE_BIGINT } },
    { 6, "price", { .kind = KDB_TYPE_DECIMAL, .precision = 5, .scale = 2 } },
};
/* `gone` dropped and added again (another column), `name` renamed and moved, types widened, `extra` added. */
static const fixture_column version2[] = {
    { 5, "shown", { .kind = KDB_TYPE_TEXT } },
    { 1, "id", { .kind = KDB_TYPE_INT } },
    { 3, "title", { .kind = KDB_TYPE_TEXT } },
    { 4, "wide", { .kind = KDB_TYPE_BIGINT } },
    { 7, "gone", { .kind = KDB_TYPE_TEXT } },
    { 8, "extra", { .kind = KDB_TYPE_UUID } },
    { 6, "price", { .kind = KDB_TYPE_DECIMAL, .precision = 12, .scale = 2 } },
};
static const fixture_schema versions[] = { { version1, 6 }, { version2, 7 } };

static kdb_sv encode_version1(const kdb_table *table, kdb_arena *arena)
{
    const kdb_table *older = fixture_table_at(arena, table, 1);
    kdb_value price = kdb_value_null(version1[5].type);
    price.is_null = false;
    price.as.i128 = 1234;
    kdb_value wide = kdb_value_null(kdb_type_of(KDB_TYPE_SMALLINT));
    wide.is_null = false;
    wide.as.i16 = -7;
    const kdb_value values[] = {
        kdb_value_int(5), kdb_value_text(KDB_SV("old")), kdb_value_text(KDB_SV("n")), wide, kdb_value_bigint(42), price
    };
    kdb_sv bytes;
    assert_int_equal(kdb_row_encode(older, values, 9, false, arena, &bytes, NULL), KDB_OK);
    return bytes;
}

static void older_rows_read_by_column_id(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, versions, 2, NULL, 0);
    kdb_row row;
    kdb_value read[7];
    assert_int_equal(kdb_row_open(table, encode_version1(table, arena), &row, NULL), KDB_OK);
    assert_int_equal(kdb_row_values(table, &row, arena, read, NULL), KDB_OK);
    assert_int_equal(read[0].type.kind, KDB_TYPE_TEXT);
    assert_true(kdb_sv_eq(read[0].as.bytes, KDB_SV("42")));
    assert_int_equal(read[1].as.i32, 5);
    assert_true(kdb_sv_eq(read[2].as.bytes, KDB_SV("n")));
    assert_int_equal(read[3].type.kind, KDB_TYPE_BIGINT);
    assert_int_equal(read[3].as.i64, -7);
    assert_true(read[4].is_null && read[5].is_null);
    assert_true(read[6].as.i128 == 1234);
    assert_int_equal(read[6].type.precision, 12);
    /* Without an arena a changed type comes as it was written. */
    assert_int_equal(kdb_row_get(table, &row, 0).as.i64, 42);
    assert_int_equal(kdb_row_get(table, &row, 0).type.kind, KDB_TYPE_BIGINT);
    assert_true(kdb_row_get(table, &row, 5).is_null);
}

static void a_row_of_an_older_version_encodes_as_the_latest(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, versions, 2, NULL, 0);
    kdb_row row, again;
    kdb_value read[7], got[7];
    kdb_sv bytes;
    assert_int_equal(kdb_row_open(table, encode_version1(table, arena), &row, NULL), KDB_OK);
    assert_int_equal(kdb_row_values(table, &row, arena, read, NULL), KDB_OK);
    for (size_t i = 0; i < 7; i++) {
        got[i] = kdb_row_get(table, &row, i); /* of the older types: encode converts */
    }
    assert_int_equal(kdb_row_encode(table, got, 10, false, arena, &bytes, NULL), KDB_OK);
    assert_int_equal(kdb_row_open(table, bytes, &again, NULL), KDB_OK);
    assert_ptr_equal(again.schema, table->schema);
    for (size_t i = 0; i < 7; i++) {
        const kdb_value one = kdb_row_get(table, &again, i);
        assert_same(&read[i], &one);
    }
}

static void a_value_that_no_longer_converts_is_corrupt(void **state)
{
    (void)state;
    static const fixture_column before[] = { { 1, "a", { .kind = KDB_TYPE_TEXT } } };
    static const fixture_column after[] = { { 1, "a", { .kind = KDB_TYPE_INT } } };
    static const fixture_schema unsafe[] = { { before, 1 }, { after, 1 } };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, unsafe, 2, NULL, 0);
    const kdb_value value = kdb_value_text(KDB_SV("no number"));
    kdb_sv bytes;
    kdb_row row;
    kdb_value read;
    assert_int_equal(kdb_row_encode(fixture_table_at(arena, table, 1), &value, 1, false, arena, &bytes, NULL), KDB_OK);
    assert_int_equal(kdb_row_open(table, bytes, &row, NULL), KDB_OK);
    assert_int_equal(kdb_row_values(table, &row, arena, &read, NULL), KDB_CORRUPT);
}

/* ---- stamps and limits ---- */

static void restamp_changes_seq_and_flag_only(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &every_type, 1, NULL, 0);
    fixture_random random = { 13 };
    kdb_value values[18];
    kdb_sv bytes;
    kdb_row row, deleted;
    fill_values(&random, table, values, arena);
    assert_int_equal(kdb_row_encode(table, values, 5, false, arena, &bytes, NULL), KDB_OK);
    assert_int_equal(kdb_row_open(table, bytes, &row, NULL), KDB_OK);
    const kdb_sv tombstone = kdb_row_restamp(&row, 77, true, arena);
    assert_int_equal(kdb_row_open(table, tombstone, &deleted, NULL), KDB_OK);
    assert_true(deleted.deleted);
    assert_int_equal(deleted.seq, 77);
    kdb_row_stamp(tombstone, 78);
    assert_int_equal(kdb_row_open(table, tombstone, &deleted, NULL), KDB_OK);
    assert_true(deleted.deleted);
    assert_int_equal(deleted.seq, 78);
    assert_false(row.deleted);
    for (size_t i = 0; i < 18; i++) {
        const kdb_value kept = kdb_row_get(table, &deleted, i);
        assert_same(&values[i], &kept);
    }
}

static const fixture_column one_text[] = { { 1, "a", { .kind = KDB_TYPE_TEXT } } };
static const fixture_schema one_text_schema = { one_text, 1 };

static void too_large_a_row_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *small = kdb_arena_new(1000);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &one_text_schema, 1, NULL, 0);
    const size_t most = (size_t)64 << 20;
    char *text = kdb_arena_alloc(arena, most);
    memset(text, 'x', most);
    kdb_value value = kdb_value_text((kdb_sv){ text, most - 19 });
    kdb_sv bytes = KDB_SV("untouched");
    kdb_err err;
    assert_int_equal(kdb_row_encode(table, &value, 1, false, small, &bytes, &err), KDB_LIMIT);
    assert_int_equal(kdb_row_encode(table, &value, 1, false, arena, &bytes, &err), KDB_OK);
    assert_int_equal(bytes.len, most);
    value.as.bytes.len++;
    assert_int_equal(kdb_row_encode(table, &value, 1, false, arena, &bytes, &err), KDB_LIMIT);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &one_text_schema, 1, NULL, 0);
    const kdb_value value = kdb_value_text(KDB_SV("a\xFF"));
    kdb_sv bytes;
    kdb_err err;
    assert_int_equal(kdb_row_encode(table, &value, 1, false, arena, &bytes, &err), KDB_SCHEMA);
    assert_non_null(strstr(err.text, "'a'"));
}

/* ---- damage ---- */

/* Reads every byte that the row hands out, so that a sanitiser sees what lies outside. */
static uint64_t touch_all(const kdb_table *table, const kdb_row *row, kdb_arena *arena)
{
    kdb_value read[18];
    uint64_t sum = row->seq;
    assert_int_equal(kdb_row_values(table, row, arena, read, NULL), KDB_OK);
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        sum += kdb_value_to_text(&read[i], arena).len;
        if (!read[i].is_null && kdb_type_layout(read[i].type) == KDB_LAYOUT_BYTES) {
            sum += kdb_hash64(read[i].as.bytes);
        }
    }
    return sum;
}

static void damaged_rows_are_corrupt_or_harmless(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *tables = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(tables, KDB_TABLE_USER, &every_type, 1, NULL, 0);
    fixture_random random = { 14 };
    size_t refused = 0;
    for (size_t i = 0; i < 20 * ROUNDS; i++) {
        kdb_arena_reset(arena);
        kdb_value values[18];
        kdb_sv bytes;
        fill_values(&random, table, values, arena);
        assert_int_equal(kdb_row_encode(table, values, 1, false, arena, &bytes, NULL), KDB_OK);
        /* On the heap and exactly as long, so that a read past the end is seen. */
        const size_t len = fixture_below(&random, 4) == 0 ? fixture_below(&random, bytes.len + 1) : bytes.len;
        char *damaged = malloc(len + 1);
        char *exact = realloc(damaged, len == 0 ? 1 : len);
        memcpy(exact, bytes.ptr, len);
        for (size_t hits = fixture_below(&random, 4); hits > 0 && len > 0; hits--) {
            exact[fixture_below(&random, len)] = (char)fixture_next(&random);
        }
        kdb_row row;
        kdb_err err;
        const kdb_status status = kdb_row_open(table, (kdb_sv){ exact, len }, &row, &err);
        if (status == KDB_OK) {
            (void)touch_all(table, &row, arena);
        } else {
            assert_int_equal(status, KDB_CORRUPT);
            refused++;
        }
        free(exact);
    }
    assert_true(refused > ROUNDS);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &every_type, 1, NULL, 0);
    fixture_random random = { 15 };
    kdb_value values[18];
    kdb_sv bytes;
    kdb_row row;
    fill_values(&random, table, values, arena);
    assert_int_equal(kdb_row_encode(table, values, 1, false, arena, &bytes, NULL), KDB_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(kdb_row_open(table, (kdb_sv){ bytes.ptr, len }, &row, NULL), KDB_CORRUPT);
    }
    char *longer = kdb_arena_alloc(arena, bytes.len + 1);
    memcpy(longer, bytes.ptr, bytes.len);
    assert_int_equal(kdb_row_open(table, (kdb_sv){ longer, bytes.len + 1 }, &row, NULL), KDB_CORRUPT);
}

static void unknown_headers_are_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &one_text_schema, 1, NULL, 0);
    const kdb_value value = kdb_value_text(KDB_SV("x"));
    kdb_sv bytes;
    kdb_row row;
    assert_int_equal(kdb_row_encode(table, &value, 1, false, arena, &bytes, NULL), KDB_OK);
    const struct {
        size_t at;
        char byte;
    } changes[] = { { 0, 0 }, { 0, 2 }, { 1, 2 }, { 2, 0 }, { 2, 2 }, { 5, 1 }, { 14, 2 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(changes); i++) {
        char *changed = kdb_arena_alloc(arena, bytes.len);
        memcpy(changed, bytes.ptr, bytes.len);
        changed[changes[i].at] = changes[i].byte;
        assert_int_equal(kdb_row_open(table, (kdb_sv){ changed, bytes.len }, &row, NULL), KDB_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_as_they_were_written),
        cmocka_unit_test(unaligned_rows_give_aligned_floats),
        cmocka_unit_test(every_value_has_a_text),
        cmocka_unit_test(the_format_is_as_written_down),
        cmocka_unit_test(older_rows_read_by_column_id),
        cmocka_unit_test(a_row_of_an_older_version_encodes_as_the_latest),
        cmocka_unit_test(a_value_that_no_longer_converts_is_corrupt),
        cmocka_unit_test(restamp_changes_seq_and_flag_only),
        cmocka_unit_test(too_large_a_row_is_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(damaged_rows_are_corrupt_or_harmless),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(unknown_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
