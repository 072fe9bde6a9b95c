/* coerce_test.c - conversion between all types, as writes do it: a table of cases, every pair of types, and round trips
 * through text of random values. */
#include <math.h>

#include "test_support.h"

static kdb_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    kdb_arena_free(arena);
    return 0;
}

static const kdb_type DECIMAL_10_2 = { KDB_TYPE_DECIMAL, 10, 2, 0 };
static const kdb_type EMBEDDING_3 = { KDB_TYPE_EMBEDDING, 0, 0, 3 };

static kdb_type type_of(kdb_type_kind kind)
{
    return kind == KDB_TYPE_DECIMAL ? DECIMAL_10_2 : kind == KDB_TYPE_EMBEDDING ? EMBEDDING_3 : kdb_type_of(kind);
}

/* `expected` is the text of the result, or the whole message after a '!'. */
static void check(kdb_value in, kdb_type to, const char *expected)
{
    kdb_value out = kdb_value_int(7);
    kdb_err err;
    kdb_status status = kdb_value_coerce(&in, to, arena, &out, &err);
    if (expected[0] == '!') {
        assert_status(status, KDB_SCHEMA);
        assert_string_equal(err.text, expected + 1);
        assert_int_equal(out.as.i32, 7);
        return;
    }
    if (status != KDB_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(kdb_type_eq(out.type, to));
    assert_sv(kdb_value_to_text(&out, arena), expected);
}

static void check_text(const char *text, kdb_type_kind to, const char *expected)
{
    check(kdb_value_text(kdb_sv_cstr(text)), type_of(to), expected);
}

/* A value of any type through its text. */
static kdb_value make(const char *text, kdb_type type)
{
    kdb_value in = kdb_value_text(kdb_sv_cstr(text));
    kdb_value out;
    assert_ok(kdb_value_coerce(&in, type, arena, &out, NULL));
    return out;
}

static void text_becomes_every_type(void **state)
{
    (void)state;
    check_text(" YES ", KDB_TYPE_BOOLEAN, "true");
    check_text("f", KDB_TYPE_BOOLEAN, "false");
    check_text("1", KDB_TYPE_BOOLEAN, "true");
    check_text("2", KDB_TYPE_BOOLEAN, "!Unable to cast value '2' to BOOLEAN: not a boolean");
    check_text("\t-32768 ", KDB_TYPE_SMALLINT, "-32768");
    check_text("32768", KDB_TYPE_SMALLINT, "!Unable to cast value '32768' to SMALLINT: out of range");
    check_text("2147483647", KDB_TYPE_INT, "2147483647");
    check_text("-2147483649", KDB_TYPE_INT, "!Unable to cast value '-2147483649' to INT: out of range");
    check_text("9223372036854775807", KDB_TYPE_BIGINT, "9223372036854775807");
    check_text("9223372036854775808", KDB_TYPE_BIGINT,
               "!Unable to cast value '9223372036854775808' to BIGINT: out of range");
    check_text("1.5", KDB_TYPE_INT, "!Unable to cast value '1.5' to INT: not an integer");
    check_text("", KDB_TYPE_INT, "!Unable to cast value '' to INT: not an integer");
    check_text("1.1", KDB_TYPE_FLOAT, "1.1");
    check_text("1e39", KDB_TYPE_FLOAT, "!Unable to cast value '1e39' to FLOAT: out of range");
    check_text("1e300", KDB_TYPE_DOUBLE, "1e300");
    check_text("1e309", KDB_TYPE_DOUBLE, "!Unable to cast value '1e309' to DOUBLE: out of range");
    check_text("x", KDB_TYPE_DOUBLE, "!Unable to cast value 'x' to DOUBLE: not a number");
    check_text(" 123.455 ", KDB_TYPE_DECIMAL, "123.46");
    check_text("123456789", KDB_TYPE_DECIMAL, "!Unable to cast value '123456789' to DECIMAL(10,2): out of range");
    check_text("2026-01-31T12:00:00+02:00", KDB_TYPE_TIMESTAMP, "2026-01-31 10:00:00");
    check_text("2026-01-31", KDB_TYPE_DATETIME, "2026-01-31 00:00:00");
    check_text("2026-02-30", KDB_TYPE_TIMESTAMP,
               "!Unable to cast value '2026-02-30' to TIMESTAMP: not a timestamp, "
               "YYYY-MM-DD[ HH:MM:SS[.f][Z|+hh:mm]]");
    check_text("2026-01-31", KDB_TYPE_DATE, "2026-01-31");
    check_text("2026-01-31 23:00:00", KDB_TYPE_DATE, "2026-01-31");
    check_text("31.1.2026", KDB_TYPE_DATE, "!Unable to cast value '31.1.2026' to DATE: not a date, YYYY-MM-DD");
    check_text("10:00:00.25", KDB_TYPE_TIME, "10:00:00.25");
    check_text("25:00:00", KDB_TYPE_TIME, "!Unable to cast value '25:00:00' to TIME: not a time, HH:MM:SS[.f]");
    check_text("not json", KDB_TYPE_JSON, "not json");
    check_text("{\"a\":1}", KDB_TYPE_FILE, "{\"a\":1}");
    check_text("\xC3\xA4", KDB_TYPE_BYTES, "\\xc3a4");
    check_text("\\x0aFF", KDB_TYPE_BYTES, "\\x0aff");
    check_text("\\x", KDB_TYPE_BYTES, "\\x");
    check_text("\\x0", KDB_TYPE_BYTES,
               "!Unable to cast value '\\x0' to BYTES: hexadecimal data has an odd number of digits");
    check_text("0123456789abcdef0123456789abcdef", KDB_TYPE_UUID, "01234567-89ab-cdef-0123-456789abcdef");
    check_text("nope", KDB_TYPE_UUID, "!Invalid UUID literal 'nope'");
}

static void embeddings_come_from_json_arrays(void **state)
{
    (void)state;
    check_text(" [ 0.5 ,1, -2e1 ] ", KDB_TYPE_EMBEDDING, "[0.5,1.0,-20.0]");
    check_text("[1,2]", KDB_TYPE_EMBEDDING, "!Embedding dimension mismatch: expected 3, got 2");
    check_text("[]", KDB_TYPE_EMBEDDING, "!Embedding dimension mismatch: expected 3, got 0");
    check_text("[1,2,3,4]", KDB_TYPE_EMBEDDING, "!Embedding dimension mismatch: expected 3, got 4");
    check_text("1,2,3", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected '[' at position 1");
    check_text("", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected '[' at position 1");
    check_text("[1,2,3", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected ',' or ']' at position 7");
    check_text("[1,2,]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected a number at position 6");
    check_text("[1,2,x]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected a number at position 6");
    check_text("[1,null,3]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected a number at position 4");
    check_text("[1,2,3]]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: expected the end at position 8");
    check_text("[1,2,1e39]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: number at position 6 is out of range");
    check_text("[1,2,1-]", KDB_TYPE_EMBEDDING, "!Invalid embedding JSON: '1-' is not a number");
    check(make("[1,2,3]", EMBEDDING_3), (kdb_type){ KDB_TYPE_EMBEDDING, 0, 0, 4 },
          "!Embedding dimension mismatch: expected 4, got 3");
    check(make("[1,2,3]", EMBEDDING_3), kdb_type_of(KDB_TYPE_TEXT), "[1.0,2.0,3.0]");
}

static void numbers_become_other_numbers(void **state)
{
    (void)state;
    const kdb_type smallint = kdb_type_of(KDB_TYPE_SMALLINT);
    const kdb_type integer = kdb_type_of(KDB_TYPE_INT);
    const kdb_type bigint = kdb_type_of(KDB_TYPE_BIGINT);
    const kdb_type real = kdb_type_of(KDB_TYPE_FLOAT);
    check(kdb_value_bigint(32767), smallint, "32767");
    check(kdb_value_bigint(32768), smallint, "!Unable to cast value 32768 to SMALLINT: out of range");
    check(kdb_value_bigint(INT64_C(1) << 31), integer, "!Unable to cast value 2147483648 to INT: out of range");
    check(kdb_value_bool(true), integer, "1");
    check(kdb_value_double(-1.9), integer, "-1");
    check(kdb_value_double(2147483647.9), integer, "2147483647");
    check(kdb_value_double(9223372036854775808.0), bigint,
          "!Unable to cast value 9.223372036854776e18 to BIGINT: out of range");
    check(kdb_value_double(-9223372036854775808.0), bigint, "-9223372036854775808");
    check(kdb_value_double((double)NAN), bigint, "!Unable to cast value NaN to BIGINT: out of range");
    check(kdb_value_double(1e300), real, "!Unable to cast value 1e300 to FLOAT: out of range");
    check(kdb_value_double((double)INFINITY), real, "!Unable to cast value inf to FLOAT: out of range");
    check(kdb_value_double(0.1), real, "0.1");
    check(kdb_value_bigint(3), kdb_type_of(KDB_TYPE_DOUBLE), "3.0");
}

static void decimals_are_exact(void **state)
{
    (void)state;
    const kdb_type wide = { KDB_TYPE_DECIMAL, 38, 10, 0 };
    check(kdb_value_double(0.1), DECIMAL_10_2, "0.10");
    check(kdb_value_double(0.005), DECIMAL_10_2, "0.01");
    check(kdb_value_double(1.005), DECIMAL_10_2, "1.01"); /* the text, not the binary fraction below it */
    check(kdb_value_double(1e9), DECIMAL_10_2, "!Unable to cast value 1000000000.0 to DECIMAL(10,2): out of range");
    check(kdb_value_double((double)NAN), DECIMAL_10_2, "!Unable to cast value NaN to DECIMAL(10,2): out of range");
    check(make("1.1", kdb_type_of(KDB_TYPE_FLOAT)), wide, "1.1000000000");
    check(kdb_value_bigint(-5), DECIMAL_10_2, "-5.00");
    check(kdb_value_bigint(99999999), DECIMAL_10_2, "99999999.00");
    check(kdb_value_bigint(100000000), DECIMAL_10_2, "!Unable to cast value 100000000 to DECIMAL(10,2): out of range");
    check(make("-2.345", wide), DECIMAL_10_2, "-2.35");
    check(make("2.5", DECIMAL_10_2), kdb_type_of(KDB_TYPE_INT), "2");
    check(make("-2.5", DECIMAL_10_2), kdb_type_of(KDB_TYPE_BIGINT), "-2");
    check(make("99999.99", DECIMAL_10_2), kdb_type_of(KDB_TYPE_SMALLINT),
          "!Unable to cast value 99999.99 to SMALLINT: out of range");
    check(make("9999999999999999999999999999", wide), kdb_type_of(KDB_TYPE_BIGINT),
          "!Unable to cast value 9999999999999999999999999999.0000000000 to BIGINT: out of range");
    check(make("0.1", DECIMAL_10_2), kdb_type_of(KDB_TYPE_DOUBLE), "0.1");
    check(make("-0.50", DECIMAL_10_2), kdb_type_of(KDB_TYPE_TEXT), "-0.50");
}

static void dates_and_times_become_each_other(void **state)
{
    (void)state;
    const kdb_type timestamp = kdb_type_of(KDB_TYPE_TIMESTAMP);
    const kdb_type datetime = kdb_type_of(KDB_TYPE_DATETIME);
    const kdb_type date = kdb_type_of(KDB_TYPE_DATE);
    const kdb_type time = kdb_type_of(KDB_TYPE_TIME);
    check(kdb_value_bigint(1769853600500000), timestamp, "2026-01-31 10:00:00.5");
    check(kdb_value_int(0), datetime, "1970-01-01 00:00:00");
    check(kdb_value_bigint(INT64_MAX), timestamp,
          "!Unable to cast value 9223372036854775807 to TIMESTAMP: out of range");
    check(kdb_value_bigint(20484), date, "2026-01-31");
    check(kdb_value_bigint(INT64_C(1) << 32), date, "!Unable to cast value 4294967296 to DATE: out of range");
    check(kdb_value_int(2932897), date, "!Unable to cast value 2932897 to DATE: out of range");
    check(kdb_value_timestamp(-1), date, "1969-12-31");
    check(kdb_value_timestamp(-1), time, "23:59:59.999999");
    check(kdb_value_timestamp(-1), datetime, "1969-12-31 23:59:59.999999");
    check(make("2026-01-31", date), timestamp, "2026-01-31 00:00:00");
    check(make("0001-01-01", date), timestamp, "0001-01-01 00:00:00");
    check(kdb_value_bigint(86399999999), time, "23:59:59.999999");
    check(kdb_value_bigint(86400000000), time, "!Unable to cast value 86400000000 to TIME: out of range");
    check(kdb_value_int(-1), time, "!Unable to cast value -1 to TIME: out of range");
    check(kdb_value_timestamp(5), kdb_type_of(KDB_TYPE_BIGINT), "5");
    check(make("2026-01-31", date), kdb_type_of(KDB_TYPE_INT), "20484");
    check(make("2026-01-31", date), time, "!Unable to cast value 2026-01-31 to TIME: there is no conversion from DATE");
    check(kdb_value_double(1.0), timestamp,
          "!Unable to cast value 1.0 to TIMESTAMP: there is no conversion from DOUBLE");
}

static kdb_value bytes_value(kdb_sv bytes)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_BYTES), .as.bytes = bytes };
}

static void bytes_become_text_only_when_utf8(void **state)
{
    (void)state;
    check(bytes_value(KDB_SV("\xC3\xA4")), kdb_type_of(KDB_TYPE_TEXT), "\xC3\xA4");
    check(bytes_value(KDB_SV("\xC3")), kdb_type_of(KDB_TYPE_TEXT),
          "!Unable to cast value \\xc3 to TEXT: not UTF-8 text");
    check(bytes_value(KDB_SV("\xFF")), kdb_type_of(KDB_TYPE_JSON),
          "!Unable to cast value \\xff to JSON: not UTF-8 text");
    check(bytes_value(KDB_SV("0123456789abcdef")), kdb_type_of(KDB_TYPE_UUID), "30313233-3435-3637-3839-616263646566");
    check(bytes_value(KDB_SV("0123")), kdb_type_of(KDB_TYPE_UUID),
          "!Unable to cast value \\x30313233 to UUID: a UUID has 16 bytes");
}

static void json_has_strings_for_what_it_lacks(void **state)
{
    (void)state;
    const kdb_type json = kdb_type_of(KDB_TYPE_JSON);
    check(kdb_value_bigint(5), json, "5");
    check(kdb_value_bool(false), json, "false");
    check(kdb_value_double(0.5), json, "0.5");
    check(kdb_value_double((double)NAN), json, "!Unable to cast value NaN to JSON: JSON has no such number");
    check(kdb_value_timestamp(0), json, "\"1970-01-01 00:00:00\"");
    check(make("[1,2,3]", EMBEDDING_3), json, "[1.0,2.0,3.0]");
    check(kdb_value_json(KDB_SV("12")), kdb_type_of(KDB_TYPE_INT), "12");
}

static void booleans_are_zero_and_one(void **state)
{
    (void)state;
    const kdb_type boolean = kdb_type_of(KDB_TYPE_BOOLEAN);
    check(kdb_value_int(1), boolean, "true");
    check(kdb_value_bigint(0), boolean, "false");
    check(kdb_value_int(2), boolean, "!Unable to cast value 2 to BOOLEAN: only 0 and 1 are booleans");
    check(kdb_value_double(1.0), boolean, "!Unable to cast value 1.0 to BOOLEAN: there is no conversion from DOUBLE");
}

static void long_values_are_cut_in_messages(void **state)
{
    (void)state;
    char text[1000];
    for (size_t i = 0; i + 3 <= sizeof(text); i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 3);
    }
    kdb_err err;
    kdb_value out;
    kdb_value in = kdb_value_text(kdb_sv_of(text, 999));
    assert_status(kdb_value_coerce(&in, kdb_type_of(KDB_TYPE_INT), arena, &out, &err), KDB_SCHEMA);
    assert_true(strlen(err.text) < 150);
    assert_contains(err.text, "\xE2\x82\xAC..' to INT");
    in = bytes_value(kdb_sv_of(text, 999));
    assert_status(kdb_value_coerce(&in, kdb_type_of(KDB_TYPE_INT), arena, &out, &err), KDB_SCHEMA);
    assert_true(strlen(err.text) < 150);
    assert_contains(err.text, ".. to INT");
    kdb_type wide = { KDB_TYPE_EMBEDDING, 0, 0, 500 };
    in = (kdb_value){ .type = wide, .as.f32s = kdb_arena_alloc(arena, 500 * sizeof(float)) };
    assert_status(kdb_value_coerce(&in, kdb_type_of(KDB_TYPE_INT), arena, &out, &err), KDB_SCHEMA);
    assert_true(strlen(err.text) < 200);
}

static void null_takes_the_type(void **state)
{
    (void)state;
    for (int to = 1; to < KDB_TYPE_KIND_COUNT; to++) {
        kdb_type type = type_of((kdb_type_kind)to);
        kdb_value typed = kdb_value_null(kdb_type_of(KDB_TYPE_TEXT));
        kdb_value untyped = { .type = kdb_type_of(KDB_TYPE_NULL) };
        kdb_value out;
        assert_ok(kdb_value_coerce(&typed, type, arena, &out, NULL));
        assert_true(out.is_null && kdb_type_eq(out.type, type));
        assert_ok(kdb_value_coerce(&untyped, type, arena, &out, NULL));
        assert_true(out.is_null && kdb_type_eq(out.type, type));
        assert_sv(kdb_value_to_text(&out, arena), "NULL");
    }
}

/* A text that makes a value of the type. */
static const char *const good_texts[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_BOOLEAN] = "true",
    [KDB_TYPE_INT] = "1",
    [KDB_TYPE_BIGINT] = "1",
    [KDB_TYPE_DOUBLE] = "1.0",
    [KDB_TYPE_FLOAT] = "1.0",
    [KDB_TYPE_TEXT] = "1",
    [KDB_TYPE_TIMESTAMP] = "2026-01-31 10:00:00",
    [KDB_TYPE_DATE] = "2026-01-31",
    [KDB_TYPE_DATETIME] = "2026-01-31 10:00:00",
    [KDB_TYPE_TIME] = "10:00:00",
    [KDB_TYPE_JSON] = "1",
    [KDB_TYPE_BYTES] = "\\x01",
    [KDB_TYPE_EMBEDDING] = "[1.0,2.0,3.0]",
    [KDB_TYPE_UUID] = "01234567-89ab-cdef-0123-456789abcdef",
    [KDB_TYPE_DECIMAL] = "1.00",
    [KDB_TYPE_SMALLINT] = "1",
    [KDB_TYPE_FILE] = "1",
};

static void every_pair_of_types_converts_or_says_why(void **state)
{
    (void)state;
    for (int from = 1; from < KDB_TYPE_KIND_COUNT; from++) {
        kdb_value in = make(good_texts[from], type_of((kdb_type_kind)from));
        for (int to = 0; to < KDB_TYPE_KIND_COUNT; to++) {
            kdb_err err = { .text = "" };
            kdb_value out;
            kdb_status status = kdb_value_coerce(&in, type_of((kdb_type_kind)to), arena, &out, &err);
            if (status == KDB_OK) {
                assert_int_equal(out.type.kind, to);
                assert_false(out.is_null);
                (void)kdb_value_to_text(&out, arena);
            } else {
                assert_int_equal(status, KDB_SCHEMA);
                assert_true(err.text[0] != '\0');
            }
            bool own_type_or_text = from == to || to == KDB_TYPE_TEXT;
            assert_true(status == KDB_OK || !own_type_or_text || from == KDB_TYPE_BYTES);
        }
    }
}

static kdb_value random_value(kdb_type type, uint64_t *seed)
{
    kdb_value value = { .type = type };
    uint64_t bits = next_random(seed) >> (next_random(seed) % 64);
    switch (type.kind) {
    case KDB_TYPE_BOOLEAN:
        value.as.b = (bits & 1) != 0;
        break;
    case KDB_TYPE_SMALLINT:
        value.as.i16 = (int16_t)bits;
        break;
    case KDB_TYPE_INT:
        value.as.i32 = (int32_t)bits;
        break;
    case KDB_TYPE_BIGINT:
        value.as.i64 = (int64_t)bits;
        break;
    case KDB_TYPE_DOUBLE:
        memcpy(&value.as.f64, &bits, sizeof(bits));
        value.as.f64 = isfinite(value.as.f64) ? value.as.f64 : 1.5;
        break;
    case KDB_TYPE_FLOAT: {
        uint32_t half = (uint32_t)bits;
        memcpy(&value.as.f32, &half, sizeof(half));
        value.as.f32 = isfinite(value.as.f32) ? value.as.f32 : 1.5F;
        break;
    }
    case KDB_TYPE_DATE:
        value.as.i32 = (int32_t)random_between(seed, -719162, 2932896);
        break;
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        value.as.i64 = random_between(seed, -719162 * INT64_C(86400000000), 2932897 * INT64_C(86400000000) - 1);
        break;
    case KDB_TYPE_TIME:
        value.as.i64 = random_between(seed, 0, INT64_C(86399999999));
        break;
    case KDB_TYPE_DECIMAL:
        value.as.i128 = random_between(seed, -9999999999, 9999999999);
        break;
    case KDB_TYPE_UUID:
        kdb_put_be64(value.as.uuid.bytes, next_random(seed));
        kdb_put_be64(value.as.uuid.bytes + 8, next_random(seed));
        break;
    case KDB_TYPE_BYTES:
    case KDB_TYPE_TEXT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_FILE: {
        char *text = kdb_arena_alloc(arena, 20);
        size_t len = (size_t)random_between(seed, 0, 20);
        for (size_t i = 0; i < len; i++) {
            text[i] = type.kind == KDB_TYPE_BYTES ? (char)next_random(seed) : (char)random_between(seed, 32, 126);
        }
        value.as.bytes = kdb_sv_of(text, len);
        break;
    }
    case KDB_TYPE_EMBEDDING: {
        float *floats = kdb_arena_alloc(arena, sizeof(float) * type.dim);
        for (size_t i = 0; i < type.dim; i++) {
            floats[i] = (float)random_between(seed, -1000000, 1000000) / 1000;
        }
        value.as.f32s = floats;
        break;
    }
    case KDB_TYPE_NULL:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    return value;
}

static void random_values_survive_text(void **state)
{
    (void)state;
    uint64_t seed = 16;
    for (int kind = 1; kind < KDB_TYPE_KIND_COUNT; kind++) {
        kdb_type type = type_of((kdb_type_kind)kind);
        for (int i = 0; i < 5000; i++) {
            kdb_value value = random_value(type, &seed);
            kdb_value text = kdb_value_text(kdb_value_to_text(&value, arena));
            kdb_value back;
            kdb_err err;
            if (kdb_value_coerce(&text, type, arena, &back, &err) != KDB_OK) {
                fail_msg("%s", err.text);
            }
            if (!kdb_value_same(&value, &back)) {
                fail_msg("%s '%.*s'", kdb_type_defs[kind].sql_name, KDB_SV_ARG(text.as.bytes));
            }
            kdb_arena_reset(arena);
        }
    }
}

static void integers_narrow_exactly_or_not_at_all(void **state)
{
    (void)state;
    uint64_t seed = 17;
    for (int i = 0; i < 50000; i++) {
        kdb_value in = random_value(kdb_type_of(KDB_TYPE_BIGINT), &seed);
        kdb_value out;
        kdb_status status = kdb_value_coerce(&in, kdb_type_of(KDB_TYPE_INT), arena, &out, NULL);
        assert_int_equal(status == KDB_OK, in.as.i64 >= INT32_MIN && in.as.i64 <= INT32_MAX);
        assert_true(status != KDB_OK || out.as.i32 == in.as.i64);
        kdb_value real = random_value(kdb_type_of(KDB_TYPE_DOUBLE), &seed);
        status = kdb_value_coerce(&real, kdb_type_of(KDB_TYPE_BIGINT), arena, &out, NULL);
        assert_int_equal(status == KDB_OK, real.as.f64 >= -0x1p63 && real.as.f64 < 0x1p63);
        assert_true(status != KDB_OK || fabs((double)out.as.i64 - real.as.f64) < 1.0);
        kdb_arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_every_type),
        cmocka_unit_test(embeddings_come_from_json_arrays),
        cmocka_unit_test(numbers_become_other_numbers),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(dates_and_times_become_each_other),
        cmocka_unit_test(bytes_become_text_only_when_utf8),
        cmocka_unit_test(json_has_strings_for_what_it_lacks),
        cmocka_unit_test(booleans_are_zero_and_one),
        cmocka_unit_test(long_values_are_cut_in_messages),
        cmocka_unit_test(null_takes_the_type),
        cmocka_unit_test(every_pair_of_types_converts_or_says_why),
        cmocka_unit_test(random_values_survive_text),
        cmocka_unit_test(integers_narrow_exactly_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
