/* num_test.c - numbers from text, against the C library. */
#include <math.h>

#include "test_support.h"

static void integers_are_the_whole_text(void **state)
{
    (void)state;
    kdb_err err;
    int64_t value = 7;
    static const char *const bad[] = { "", "-", "+", "1 ", " 1", "1a", "0x10", "1.0", "--1", "1-", "\xC2\xB2" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        uint64_t unused = 0;
        assert_status(kdb_parse_i64(kdb_sv_cstr(bad[i]), &value, &err), KDB_INVALID);
        assert_status(kdb_parse_u64(kdb_sv_cstr(bad[i]), &unused, &err), KDB_INVALID);
    }
    assert_status(kdb_parse_i64(KDB_SV("1\0"), &value, &err), KDB_INVALID);
    assert_int_equal(value, 7);
    assert_ok(kdb_parse_i64(KDB_SV("+0042"), &value, &err));
    assert_int_equal(value, 42);
}

static void integers_end_at_their_bounds(void **state)
{
    (void)state;
    kdb_err err;
    int64_t value;
    uint64_t natural;
    assert_ok(kdb_parse_i64(KDB_SV("9223372036854775807"), &value, &err));
    assert_int_equal(value, INT64_MAX);
    assert_ok(kdb_parse_i64(KDB_SV("-9223372036854775808"), &value, &err));
    assert_int_equal(value, INT64_MIN);
    assert_status(kdb_parse_i64(KDB_SV("9223372036854775808"), &value, &err), KDB_LIMIT);
    assert_status(kdb_parse_i64(KDB_SV("-9223372036854775809"), &value, &err), KDB_LIMIT);
    assert_status(kdb_parse_i64(KDB_SV("99999999999999999999999"), &value, &err), KDB_LIMIT);
    assert_ok(kdb_parse_u64(KDB_SV("18446744073709551615"), &natural, &err));
    assert_int_equal(natural, UINT64_MAX);
    assert_status(kdb_parse_u64(KDB_SV("18446744073709551616"), &natural, &err), KDB_LIMIT);
    assert_status(kdb_parse_u64(KDB_SV("-1"), &natural, &err), KDB_LIMIT);
    assert_ok(kdb_parse_u64(KDB_SV("-0"), &natural, &err));
}

static void integers_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(next_random(&seed) >> (next_random(&seed) % 64));
        char text[32];
        snprintf(text, sizeof(text), "%lld", (long long)value);
        int64_t back;
        kdb_err err;
        assert_ok(kdb_parse_i64(kdb_sv_cstr(text), &back, &err));
        assert_int_equal(back, value);
    }
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Digits, a point somewhere, perhaps an exponent. */
static void random_number_text(uint64_t *seed, char *out)
{
    size_t len = 0;
    int digits = (int)random_between(seed, 1, 25);
    int point = (int)random_between(seed, -10, digits);
    if (random_between(seed, 0, 1) == 1) {
        out[len++] = '-';
    }
    for (int i = 0; i < digits; i++) {
        if (i == point) {
            out[len++] = '.';
        }
        out[len++] = (char)('0' + random_between(seed, 0, 9));
    }
    out[len] = '\0';
    if (random_between(seed, 0, 2) == 0) {
        snprintf(out + len, 16, "e%d", (int)random_between(seed, -330, 280));
    }
}

static void doubles_are_read_as_strtod_reads_them(void **state)
{
    (void)state;
    uint64_t seed = 6;
    kdb_err err;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        random_number_text(&seed, text);
        double value;
        assert_ok(kdb_parse_f64(kdb_sv_cstr(text), &value, &err));
        if (!same_bits(value, strtod(text, NULL))) {
            fail_msg("%s gave %.17g", text, value);
        }
    }
}

static void other_texts_are_no_doubles(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   ".",   "-",    "e5",      "1e",  "1e+",   "0x1p3", "1 ",
                                       " 1", "1,5", "nano", "infinit", "--1", "1.2.3", "1e5.5", "- 1" };
    kdb_err err;
    double value = 7;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        assert_status(kdb_parse_f64(kdb_sv_cstr(bad[i]), &value, &err), KDB_INVALID);
    }
    assert_status(kdb_parse_f64(KDB_SV("1e309"), &value, &err), KDB_LIMIT);
    assert_status(kdb_parse_f64(KDB_SV("-1e99999999999"), &value, &err), KDB_LIMIT);
    assert_true(same_bits(value, 7));
}

static void special_doubles_are_read(void **state)
{
    (void)state;
    kdb_err err;
    double value;
    assert_ok(kdb_parse_f64(KDB_SV("NaN"), &value, &err));
    assert_true(isnan(value));
    assert_ok(kdb_parse_f64(KDB_SV("-Infinity"), &value, &err));
    assert_true(isinf(value) && value < 0);
    assert_ok(kdb_parse_f64(KDB_SV("-0"), &value, &err));
    assert_true(same_bits(value, -0.0));
    assert_ok(kdb_parse_f64(KDB_SV("1e-400"), &value, &err));
    assert_true(same_bits(value, 0.0));
    char text[1000];
    memset(text, '1', sizeof(text));
    text[1] = '.';
    assert_ok(kdb_parse_f64(kdb_sv_of(text, sizeof(text)), &value, &err));
    assert_true(same_bits(value, 1.1111111111111112));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_the_whole_text), cmocka_unit_test(integers_end_at_their_bounds),
        cmocka_unit_test(integers_round_trip),         cmocka_unit_test(doubles_are_read_as_strtod_reads_them),
        cmocka_unit_test(other_texts_are_no_doubles),  cmocka_unit_test(special_doubles_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
