/* decimal_test.c - exact decimals: text, scales and rounding, against arithmetic done another way. */
#include "commons_int.h"
#include "test_support.h"

static kdb_status parse(const char *text, uint8_t precision, uint8_t scale, kdb_i128 *out)
{
    kdb_err err;
    return kdbi_decimal_parse(kdb_sv_cstr(text), precision, scale, out, &err);
}

static void check_text(const char *text, uint8_t precision, uint8_t scale, const char *expected)
{
    kdb_i128 value;
    char shown[48];
    if (parse(text, precision, scale, &value) != KDB_OK) {
        fail_msg("%s is refused", text);
    }
    assert_sv(kdb_sv_of(shown, kdb_decimal_format(value, scale, shown)), expected);
}

static void texts_become_exact_numbers(void **state)
{
    (void)state;
    check_text("0", 10, 2, "0.00");
    check_text("-0", 10, 2, "0.00");
    check_text("200.75", 10, 2, "200.75");
    check_text("-0.5", 10, 2, "-0.50");
    check_text("+1", 10, 0, "1");
    check_text(".5", 10, 2, "0.50");
    check_text("5.", 10, 2, "5.00");
    check_text("007", 10, 0, "7");
    check_text("1e3", 10, 2, "1000.00");
    check_text("1.25E-1", 10, 3, "0.125");
    check_text("12345e-4", 10, 4, "1.2345");
    check_text("0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001");
    check_text("99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999");
    check_text("-9999999999999999999999999999.9999999999", 38, 10, "-9999999999999999999999999999.9999999999");
    check_text("0e999999999999", 10, 2, "0.00");
    check_text("1e-999999999999", 10, 2, "0.00");
}

static void half_rounds_away_from_zero(void **state)
{
    (void)state;
    check_text("0.005", 10, 2, "0.01");
    check_text("-0.005", 10, 2, "-0.01");
    check_text("0.0049999", 10, 2, "0.00");
    check_text("0.5", 10, 0, "1");
    check_text("0.05", 10, 0, "0");
    check_text("1.5", 10, 0, "2");
    check_text("2.5", 10, 0, "3");
    check_text("99.995", 5, 2, "100.00");
    check_text("9.5e0", 2, 0, "10");
    check_text("1234567890.5", 38, 0, "1234567891");
}

static void too_many_digits_are_refused(void **state)
{
    (void)state;
    kdb_i128 value = 7;
    assert_status(parse("1000", 3, 0, &value), KDB_LIMIT);
    assert_status(parse("999.5", 3, 0, &value), KDB_LIMIT);
    assert_status(parse("1", 2, 2, &value), KDB_LIMIT);
    assert_status(parse("1e38", 38, 0, &value), KDB_LIMIT);
    assert_status(parse("1e999999999999999999", 38, 0, &value), KDB_LIMIT);
    assert_status(parse("99999999999999999999999999999999999999.5", 38, 0, &value), KDB_LIMIT);
    assert_status(parse("-100000000000000000000000000000000000000", 38, 0, &value), KDB_LIMIT);
    assert_true(value == 7);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   ".",   "-",   "1e",  "1e+",      "e5",  "1.2.3", "1 ",
                                       " 1", "0x1", "1,5", "NaN", "Infinity", "--1", "1e5.5", "1_000" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        kdb_i128 value = 7;
        assert_status(parse(bad[i], 38, 2, &value), KDB_INVALID);
        assert_true(value == 7);
    }
}

static kdb_i128 random_i128(uint64_t *seed)
{
    kdb_i128 value = (kdb_i128)next_random(seed) << 63 | (kdb_i128)(next_random(seed) >> 1);
    value >>= random_between(seed, 1, 126);
    value %= kdbi_pow10_i128[38];
    return random_between(seed, 0, 1) == 0 ? value : -value;
}

static void formats_read_back(void **state)
{
    (void)state;
    uint64_t seed = 13;
    for (int i = 0; i < 50000; i++) {
        kdb_i128 value = random_i128(&seed);
        uint8_t scale = (uint8_t)random_between(&seed, 0, 38);
        char text[43];
        size_t len = kdb_decimal_format(value, scale, text);
        assert_true(len <= 41);
        text[len] = '\0';
        kdb_i128 back;
        assert_status(parse(text, 38, scale, &back), KDB_OK);
        assert_true(back == value);
    }
    char text[48];
    kdb_i128 lowest = (kdb_i128)((kdb_i128)1 << 126) * -2;
    assert_true(kdb_decimal_format(lowest, 38, text) <= 42);
    assert_sv(kdb_sv_of(text, kdb_decimal_format(lowest, 0, text)), "-170141183460469231731687303715884105728");
}

static void rescaling_agrees_with_text(void **state)
{
    (void)state;
    uint64_t seed = 14;
    for (int i = 0; i < 50000; i++) {
        kdb_i128 value = random_i128(&seed);
        uint8_t from = (uint8_t)random_between(&seed, 0, 38);
        uint8_t to = (uint8_t)random_between(&seed, 0, 38);
        uint8_t precision = (uint8_t)random_between(&seed, to == 0 ? 1 : to, 38);
        char text[48];
        text[kdb_decimal_format(value, from, text)] = '\0';
        kdb_i128 expected = 0;
        kdb_i128 actual = 0;
        kdb_err err;
        kdb_status status = parse(text, precision, to, &expected);
        assert_status(kdbi_decimal_rescale(value, from, precision, to, &actual, &err), status);
        assert_true(actual == expected);
    }
}

static void doubles_are_the_nearest(void **state)
{
    (void)state;
    uint64_t seed = 15;
    for (int i = 0; i < 20000; i++) {
        kdb_i128 value = random_i128(&seed);
        uint8_t scale = (uint8_t)random_between(&seed, 0, 38);
        char text[48];
        text[kdb_decimal_format(value, scale, text)] = '\0';
        double expected = strtod(text, NULL);
        double actual = kdbi_decimal_to_f64(value, scale);
        if (actual < expected || actual > expected) {
            fail_msg("%s became %.17g", text, actual);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_exact_numbers),  cmocka_unit_test(half_rounds_away_from_zero),
        cmocka_unit_test(too_many_digits_are_refused), cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(formats_read_back),           cmocka_unit_test(rescaling_agrees_with_text),
        cmocka_unit_test(doubles_are_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
