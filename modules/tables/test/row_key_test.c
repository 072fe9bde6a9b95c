/* row_key_test.c - keys order as their values do, hold one user's rows apart from every other's, and refuse NULL. */
#include "fixture.h"

enum { ROUNDS = 20000 };

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static kdb_sv part_of(const kdb_value *value, kdb_arena *arena)
{
    const size_t size = kdbi_key_part_size(value);
    char *bytes = kdb_arena_alloc(arena, size);
    assert_ptr_equal(kdbi_key_part_put(bytes, value), bytes + size);
    return (kdb_sv){ bytes, size };
}

static bool has_order(kdb_type type)
{
    return kdb_type_layout(type) != KDB_LAYOUT_F32S;
}

static void parts_order_as_values_do(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    fixture_random random = { 1 };
    for (size_t t = 0; t < fixture_every_type_count; t++) {
        const kdb_type type = fixture_every_type[t].type;
        for (size_t i = 0; has_order(type) && i < ROUNDS; i++) {
            kdb_arena_reset(arena);
            const kdb_value a = fixture_value(&random, type, false, arena);
            const kdb_value b = fixture_value(&random, type, false, arena);
            const int want = sign(fixture_compare(&a, &b));
            assert_int_equal(sign(kdb_sv_cmp(part_of(&a, arena), part_of(&b, arena))), want);
        }
    }
}

static void a_part_gives_its_value_back(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    fixture_random random = { 3 };
    for (size_t t = 0; t < fixture_every_type_count; t++) {
        const kdb_type type = fixture_every_type[t].type;
        for (size_t i = 0; has_order(type) && i < ROUNDS / 4; i++) {
            kdb_arena_reset(arena);
            const kdb_value value = fixture_value(&random, type, false, arena);
            const kdb_sv part = part_of(&value, arena);
            char *bytes = kdb_arena_alloc(arena, part.len + 3);
            memcpy(bytes, part.ptr, part.len);
            memcpy(bytes + part.len, "end", 3);
            kdb_sv key = kdb_sv_of(bytes, part.len + 3);
            kdb_value back;
            assert_true(kdbi_key_part_get(&key, type, arena, &back));
            assert_true(kdb_sv_eq(key, KDB_SV("end")));
            assert_int_equal(fixture_compare(&back, &value), 0);
            for (size_t len = 0; len < part.len; len++) {
                key = kdb_sv_of(bytes, len);
                assert_false(kdbi_key_part_get(&key, type, arena, &back));
                assert_int_equal(key.len, len);
            }
        }
    }
}

static void no_part_is_a_prefix_of_another(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    fixture_random random = { 2 };
    for (size_t i = 0; i < ROUNDS; i++) {
        kdb_arena_reset(arena);
        const kdb_value a = fixture_value(&random, kdb_type_of(KDB_TYPE_BYTES), false, arena);
        const kdb_value b = fixture_value(&random, kdb_type_of(KDB_TYPE_BYTES), false, arena);
        const kdb_sv pa = part_of(&a, arena);
        const kdb_sv pb = part_of(&b, arena);
        assert_int_equal(kdb_sv_has_prefix(pa, pb), kdb_sv_eq(a.as.bytes, b.as.bytes));
        assert_int_equal(kdbi_key_bytes_length(pa), pa.len);
    }
}

static void zeroes_and_nans_have_one_part_each(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_value zero = kdb_value_double(0.0);
    const kdb_value minus_zero = kdb_value_double(-0.0);
    const kdb_value nan = kdb_value_double(__builtin_nan(""));
    const kdb_value minus_nan = kdb_value_double(-__builtin_nan("1"));
    const kdb_value infinity = kdb_value_double(__builtin_inf());
    assert_true(kdb_sv_eq(part_of(&zero, arena), part_of(&minus_zero, arena)));
    assert_true(kdb_sv_eq(part_of(&nan, arena), part_of(&minus_nan, arena)));
    assert_true(kdb_sv_cmp(part_of(&infinity, arena), part_of(&nan, arena)) < 0);
}

static const fixture_column composite_columns[] = {
    { 1, "v", { .kind = KDB_TYPE_INT } },
    { 2, "a", { .kind = KDB_TYPE_TEXT } },
    { 3, "b", { .kind = KDB_TYPE_SMALLINT } },
    { 4, "c", { .kind = KDB_TYPE_BYTES } },
};
static const fixture_schema composite = { composite_columns, KDB_ARRAY_LEN(composite_columns) };
static const uint32_t composite_key[] = { 3, 2, 1 }; /* c, b, a */

static void composite_keys_order_column_by_column(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *tables = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(tables, KDB_TABLE_SHARED, &composite, 1, composite_key, 3);
    fixture_random random = { 3 };
    for (size_t i = 0; i < ROUNDS; i++) {
        kdb_arena_reset(arena);
        kdb_value values[2][3];
        kdb_sv keys[2];
        int want = 0;
        for (size_t k = 0; k < 3; k++) {
            const kdb_type type = table->schema->columns[composite_key[k]].type;
            values[0][k] = fixture_value(&random, type, false, arena);
            values[1][k] = fixture_below(&random, 2) == 0 ? values[0][k] : fixture_value(&random, type, false, arena);
            want = want != 0 ? want : sign(fixture_compare(&values[0][k], &values[1][k]));
        }
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(kdb_row_key(table, fixture_user(""), values[k], arena, &keys[k], NULL), KDB_OK);
        }
        assert_int_equal(sign(kdb_sv_cmp(keys[0], keys[1])), want);
    }
}

static void null_in_a_key_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &composite, 1, composite_key, 1);
    const kdb_value null = kdb_value_null(kdb_type_of(KDB_TYPE_BYTES));
    kdb_sv key = KDB_SV("untouched");
    kdb_err err;
    assert_int_equal(kdb_row_key(table, fixture_user("u"), &null, arena, &key, &err), KDB_CONSTRAINT);
    assert_string_equal(err.text, "Primary key column 'c' has unsupported or NULL value");
    assert_true(kdb_sv_eq(key, KDB_SV("untouched")));
}

static void a_key_over_the_arenas_limit_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *small = kdb_arena_new(100);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &composite, 1, composite_key, 1);
    kdb_value value = kdb_value_null(kdb_type_of(KDB_TYPE_BYTES));
    value.is_null = false;
    value.as.bytes = (kdb_sv){ kdb_arena_alloc(arena, 1000), 1000 };
    kdb_sv key;
    kdb_err err;
    assert_int_equal(kdb_row_key(table, fixture_user("u"), &value, small, &key, &err), KDB_LIMIT);
}

/* Ids that are prefixes of each other, and made of the bytes that the encoding itself uses. */
static const kdb_sv user_ids[] = {
    { "a", 1 },     { "aa", 2 },     { "a\0", 2 },       { "a\0\xFF", 3 }, { "a\0\x01", 3 },
    { "a\x01", 2 }, { "a\0\0", 3 },  { "\0", 1 },        { "\xFF", 1 },    { "\xFF\xFF", 2 },
    { "a\xFF", 2 }, { "\0\x01", 2 }, { "a\0\xFF\0", 4 }, { "b", 1 },       { "\x01", 1 },
};

static bool in_range(kdb_sv key, kdb_sv from, kdb_sv to)
{
    return kdb_sv_cmp(key, from) >= 0 && (to.len == 0 || kdb_sv_cmp(key, to) < 0);
}

static void each_user_has_a_range_of_their_own(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *tables[] = { fixture_table(arena, KDB_TABLE_USER, &composite, 1, composite_key, 3),
                                  fixture_table(arena, KDB_TABLE_STREAM, &composite, 1, NULL, 0) };
    fixture_random random = { 4 };
    for (size_t i = 0; i < 200 * KDB_ARRAY_LEN(user_ids); i++) {
        const kdb_user_id owner = { user_ids[i % KDB_ARRAY_LEN(user_ids)] };
        const kdb_value values[3] = { fixture_value(&random, kdb_type_of(KDB_TYPE_BYTES), false, arena),
                                      fixture_value(&random, kdb_type_of(KDB_TYPE_SMALLINT), false, arena),
                                      fixture_value(&random, kdb_type_of(KDB_TYPE_TEXT), false, arena) };
        kdb_sv keys[3];
        assert_int_equal(kdb_row_key(tables[0], owner, values, arena, &keys[0], NULL), KDB_OK);
        keys[1] = kdb_row_key_hidden(tables[0], owner, fixture_next(&random) >> 1, arena);
        keys[2] = kdb_row_key_hidden(tables[1], owner, fixture_next(&random) >> 1, arena);
        for (size_t u = 0; u < KDB_ARRAY_LEN(user_ids); u++) {
            kdb_sv from, to;
            kdb_row_user_range(tables[0], (kdb_user_id){ user_ids[u] }, arena, &from, &to);
            for (size_t k = 0; k < 3; k++) {
                const bool owns = kdb_sv_eq(user_ids[u], owner.text);
                assert_int_equal(in_range(keys[k], from, to), owns);
                assert_int_equal(kdb_row_key_owned(tables[k / 2], (kdb_user_id){ user_ids[u] }, keys[k]), owns);
            }
        }
    }
}

static void a_damaged_key_is_nobodys(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &composite, 1, composite_key, 3);
    const kdb_sv damaged[] = { { NULL, 0 }, { "a", 1 }, { "a\0", 2 }, { "a\0\x02", 3 }, { "a\0\xFF", 3 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(damaged); i++) {
        assert_false(kdb_row_key_owned(table, fixture_user("a"), damaged[i]));
        assert_int_equal(kdbi_key_bytes_length(damaged[i]), 0);
    }
}

static void shared_keys_have_no_user(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &composite, 1, NULL, 0);
    const kdb_sv key = kdb_row_key_hidden(table, fixture_user("ignored"), 258, arena);
    kdb_sv from, to;
    kdb_row_user_range(table, fixture_user(""), arena, &from, &to);
    assert_true(kdb_sv_eq(key, (kdb_sv){ "\0\0\0\0\0\0\x01\x02", 8 }));
    assert_int_equal(from.len, 0);
    assert_int_equal(to.len, 0);
    assert_true(kdb_row_key_owned(table, fixture_user(""), key));
}

static void stream_keys_order_by_time_then_row(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_STREAM, &composite, 1, NULL, 0);
    const uint64_t seq = (UINT64_C(1000) << 22) | 5;
    const kdb_sv key = kdb_row_key_hidden(table, fixture_user("u"), seq, arena);
    const kdb_sv next = kdb_row_key_hidden(table, fixture_user("u"), seq + 1, arena);
    const kdb_sv later = kdb_row_key_hidden(table, fixture_user("u"), UINT64_C(1001) << 22, arena);
    assert_int_equal(key.len, 3 + KDBI_STREAM_TAIL);
    assert_int_equal(kdbi_key_i64_get(key.ptr + 3), KDB_SNOWFLAKE_EPOCH_MS + 1000);
    assert_int_equal(kdb_get_be64(key.ptr + 11), seq);
    assert_true(kdb_sv_cmp(key, next) < 0 && kdb_sv_cmp(next, later) < 0);
}

static void the_successor_is_above_the_prefix_only(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv out;
    assert_true(kdbi_key_successor(KDB_SV("ab"), arena, &out));
    assert_true(kdb_sv_eq(out, KDB_SV("ac")));
    assert_true(kdbi_key_successor(KDB_SV("a\xFF\xFF"), arena, &out));
    assert_true(kdb_sv_eq(out, KDB_SV("b")));
    assert_false(kdbi_key_successor(KDB_SV("\xFF\xFF"), arena, &out));
    assert_false(kdbi_key_successor((kdb_sv){ NULL, 0 }, arena, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_order_as_values_do),
        cmocka_unit_test(a_part_gives_its_value_back),
        cmocka_unit_test(no_part_is_a_prefix_of_another),
        cmocka_unit_test(zeroes_and_nans_have_one_part_each),
        cmocka_unit_test(composite_keys_order_column_by_column),
        cmocka_unit_test(null_in_a_key_is_refused),
        cmocka_unit_test(a_key_over_the_arenas_limit_is_refused),
        cmocka_unit_test(each_user_has_a_range_of_their_own),
        cmocka_unit_test(a_damaged_key_is_nobodys),
        cmocka_unit_test(shared_keys_have_no_user),
        cmocka_unit_test(stream_keys_order_by_time_then_row),
        cmocka_unit_test(the_successor_is_above_the_prefix_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
