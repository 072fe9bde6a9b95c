/* value_test.c - the table of types, single values, and vectors and chunks. */
#include <math.h>

#include "test_support.h"

static kdb_type decimal_type(uint8_t precision, uint8_t scale)
{
    return (kdb_type){ KDB_TYPE_DECIMAL, precision, scale, 0 };
}

static kdb_type embedding_type(uint16_t dim)
{
    return (kdb_type){ KDB_TYPE_EMBEDDING, 0, 0, dim };
}

static void every_type_has_a_whole_row(void **state)
{
    (void)state;
    static const uint8_t sizes[] = { [KDB_LAYOUT_BOOL] = 1, [KDB_LAYOUT_I16] = 2,   [KDB_LAYOUT_I32] = 4,
                                     [KDB_LAYOUT_I64] = 8,  [KDB_LAYOUT_I128] = 16, [KDB_LAYOUT_F32] = 4,
                                     [KDB_LAYOUT_F64] = 8,  [KDB_LAYOUT_UUID] = 16, [KDB_LAYOUT_F32S] = 0 };
    for (int i = 0; i < KDB_TYPE_KIND_COUNT; i++) {
        const kdb_type_def *def = &kdb_type_defs[i];
        assert_non_null(def->sql_name);
        assert_non_null(def->wire_name);
        assert_true((def->layout == KDB_LAYOUT_NONE) == (i == KDB_TYPE_NULL));
        assert_int_equal(def->fixed_size, sizes[def->layout]);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(def->sql_name, kdb_type_defs[j].sql_name);
        }
    }
}

static void stored_tags_never_change(void **state)
{
    (void)state;
    static const char *const names[] = { "NULL",  "BOOLEAN",   "INT",  "BIGINT",   "DOUBLE",   "FLOAT",
                                         "TEXT",  "TIMESTAMP", "DATE", "DATETIME", "TIME",     "JSON",
                                         "BYTES", "EMBEDDING", "UUID", "DECIMAL",  "SMALLINT", "FILE" };
    assert_int_equal(KDB_ARRAY_LEN(names), KDB_TYPE_KIND_COUNT);
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        assert_string_equal(kdb_type_defs[i].sql_name, names[i]);
    }
}

static void types_have_names_with_their_parameters(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_sv(kdb_type_sql_text(kdb_type_of(KDB_TYPE_BIGINT), arena), "BIGINT");
    assert_sv(kdb_type_sql_text(decimal_type(10, 2), arena), "DECIMAL(10,2)");
    assert_sv(kdb_type_sql_text(embedding_type(384), arena), "EMBEDDING(384)");
    assert_true(kdb_type_eq(decimal_type(10, 2), decimal_type(10, 2)));
    assert_false(kdb_type_eq(decimal_type(10, 2), decimal_type(10, 3)));
    assert_false(kdb_type_eq(embedding_type(3), embedding_type(4)));
}

static void values_are_the_same_by_type_and_content(void **state)
{
    (void)state;
    kdb_value one = kdb_value_bigint(1);
    kdb_value other = kdb_value_bigint(2);
    kdb_value timestamp = kdb_value_timestamp(1);
    kdb_value null = kdb_value_null(one.type);
    assert_true(kdb_value_same(&one, &one));
    assert_false(kdb_value_same(&one, &other));
    assert_false(kdb_value_same(&one, &timestamp));
    assert_false(kdb_value_same(&one, &null));
    assert_true(kdb_value_same(&null, &null));
    kdb_value zero = kdb_value_double(0.0);
    kdb_value minus_zero = kdb_value_double(-0.0);
    kdb_value nan = kdb_value_double((double)NAN);
    assert_false(kdb_value_same(&zero, &minus_zero));
    assert_true(kdb_value_same(&nan, &nan));
    char first[] = "ab";
    char second[] = "ab";
    kdb_value a = kdb_value_text(kdb_sv_cstr(first));
    kdb_value b = kdb_value_text(kdb_sv_cstr(second));
    assert_true(kdb_value_same(&a, &b));
    kdb_value json = kdb_value_json(KDB_SV("ab"));
    assert_false(kdb_value_same(&a, &json));
    kdb_value yes = kdb_value_bool(true);
    kdb_value no = kdb_value_bool(false);
    assert_false(kdb_value_same(&yes, &no));
    kdb_value int_one = kdb_value_int(1);
    assert_false(kdb_value_same(&int_one, &one));
}

static void uuids_are_read_in_both_forms(void **state)
{
    (void)state;
    kdb_err err;
    kdb_uuid canonical;
    kdb_uuid plain;
    char text[37];
    assert_ok(kdb_uuid_parse(KDB_SV(" 01234567-89AB-cdef-0123-456789abcdef "), &canonical, &err));
    assert_ok(kdb_uuid_parse(KDB_SV("0123456789abcdef0123456789ABCDEF"), &plain, &err));
    assert_memory_equal(&canonical, &plain, 16);
    assert_memory_equal(canonical.bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
    kdb_uuid_format(&canonical, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
    static const char *const bad[] = { "",
                                       "x",
                                       "0123456789abcdef0123456789abcde",
                                       "0123456789abcdef0123456789abcdeg",
                                       "01234567-89ab-cdef-01234-56789abcdef",
                                       "01234567x89ab-cdef-0123-456789abcdef",
                                       "{1234567-89ab-cdef-0123-456789abcde}",
                                       "@1234567-89ab-cdef-0123-456789abcdef" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        assert_status(kdb_uuid_parse(kdb_sv_cstr(bad[i]), &plain, &err), KDB_INVALID);
        assert_contains(err.text, "Invalid UUID literal '");
    }
    assert_memory_equal(&canonical, &plain, 16);
}

/* One value of every type; `i` makes it differ. */
static kdb_value sample(kdb_type type, size_t i, kdb_arena *arena)
{
    kdb_value value = { .type = type };
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_NONE:
        value.is_null = true;
        break;
    case KDB_LAYOUT_BOOL:
        value.as.b = i % 2 == 1;
        break;
    case KDB_LAYOUT_I16:
        value.as.i16 = (int16_t)(i * 7);
        break;
    case KDB_LAYOUT_I32:
        value.as.i32 = -(int32_t)i * 70000;
        break;
    case KDB_LAYOUT_I64:
        value.as.i64 = (int64_t)i << 35;
        break;
    case KDB_LAYOUT_I128:
        value.as.i128 = -((kdb_i128)i << 80);
        break;
    case KDB_LAYOUT_F32:
        value.as.f32 = (float)i / 3;
        break;
    case KDB_LAYOUT_F64:
        value.as.f64 = (double)i / 3;
        break;
    case KDB_LAYOUT_BYTES:
        value.as.bytes = kdb_sv_printf(arena, "value %zu", i);
        break;
    case KDB_LAYOUT_UUID:
        memset(value.as.uuid.bytes, (int)(i % 256), 16);
        break;
    case KDB_LAYOUT_F32S: {
        float *floats = kdb_arena_alloc(arena, sizeof(float) * type.dim);
        for (size_t j = 0; j < type.dim; j++) {
            floats[j] = (float)(i + j);
        }
        value.as.f32s = floats;
        break;
    }
    }
    return value;
}

static void chunks_give_back_what_was_put(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *samples = kdb_arena_new(0);
    kdb_type types[KDB_TYPE_KIND_COUNT];
    for (size_t i = 0; i < KDB_TYPE_KIND_COUNT; i++) {
        types[i] = i == KDB_TYPE_DECIMAL     ? decimal_type(38, 4)
                   : i == KDB_TYPE_EMBEDDING ? embedding_type(5)
                                             : kdb_type_of((kdb_type_kind)i);
    }
    kdb_chunk *chunk = kdb_chunk_new(arena, types, KDB_TYPE_KIND_COUNT);
    assert_int_equal(chunk->nrows, 0);
    for (size_t row = 0; row < KDB_CHUNK_ROWS; row++) {
        for (size_t col = 0; col < chunk->ncols; col++) {
            kdb_value value = sample(types[col], row, samples);
            value.is_null = value.is_null || (row + col) % 7 == 0;
            kdb_vec_put(&chunk->cols[col], row, &value);
        }
    }
    for (size_t row = 0; row < KDB_CHUNK_ROWS; row++) {
        for (size_t col = 0; col < chunk->ncols; col++) {
            kdb_value expected = sample(types[col], row, samples);
            expected.is_null = expected.is_null || (row + col) % 7 == 0;
            kdb_value actual = kdb_vec_get(&chunk->cols[col], row);
            assert_true(kdb_value_same(&actual, &expected));
        }
    }
}

static void a_column_without_nulls_has_no_validity(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_type type = kdb_type_of(KDB_TYPE_BIGINT);
    kdb_chunk *chunk = kdb_chunk_new_sized(arena, &type, 1, 3);
    kdb_vec *col = &chunk->cols[0];
    kdb_value value = kdb_value_bigint(5);
    kdb_vec_put(col, 0, &value);
    assert_null(col->validity);
    kdb_value null = kdb_value_null(type);
    kdb_vec_put(col, 1, &null);
    assert_true(kdb_vec_is_null(col, 1));
    assert_false(kdb_vec_is_null(col, 0));
    assert_false(kdb_vec_is_null(col, 2));
    kdb_vec_put(col, 1, &value); /* a value takes the place of NULL */
    assert_false(kdb_vec_is_null(col, 1));
    assert_int_equal(kdb_vec_get(col, 1).as.i64, 5);
}

static void bytes_are_copied_into_the_chunk(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_type type = kdb_type_of(KDB_TYPE_TEXT);
    kdb_chunk *chunk = kdb_chunk_new_sized(arena, &type, 1, 1);
    char text[] = "first";
    kdb_value value = kdb_value_text(kdb_sv_cstr(text));
    kdb_vec_put(&chunk->cols[0], 0, &value);
    memcpy(text, "xxxxx", 5);
    assert_sv(kdb_vec_get(&chunk->cols[0], 0).as.bytes, "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_whole_row),
        cmocka_unit_test(stored_tags_never_change),
        cmocka_unit_test(types_have_names_with_their_parameters),
        cmocka_unit_test(values_are_the_same_by_type_and_content),
        cmocka_unit_test(uuids_are_read_in_both_forms),
        cmocka_unit_test(chunks_give_back_what_was_put),
        cmocka_unit_test(a_column_without_nulls_has_no_validity),
        cmocka_unit_test(bytes_are_copied_into_the_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
