/* float_text_test.c - doubles and floats to text, against the C library, and the table of powers against long integers. */
#include <math.h>

#include "commons_int.h"
#include "test_support.h"

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static kdb_sv f64_text(double value, char *out)
{
    return kdb_sv_of(out, kdbi_format_f64(value, out));
}

static void doubles_are_laid_out_as_the_reference_does(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 1.0, "1.0" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 100.0, "100.0" },
        { 123456.789, "123456.789" },
        { 1e15, "1000000000000000.0" },
        { 1234567890123456.0, "1234567890123456.0" },
        { 1e16, "1e16" },
        { 1.5e300, "1.5e300" },
        { 1e-5, "0.00001" },
        { 1e-6, "1e-6" },
        { 0.000123, "0.000123" },
        { 1.25e-7, "1.25e-7" },
        { 1.7976931348623157e308, "1.7976931348623157e308" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" },
        { 5e-324, "5e-324" },
        { 0.30000000000000004, "0.30000000000000004" },
        { (double)1.1F, "1.100000023841858" },
        { 9007199254740993.0, "9007199254740992.0" },
        { 1e22, "1e22" },
        { 1e23, "1e23" },
        { 0.001, "0.001" },
        { 4.35, "4.35" },
        { 0.5, "0.5" },
        { 1772964000000000.0, "1772964000000000.0" },
        { 0.1234, "0.1234" },
        { 0.12345, "0.12345" },
        { 99999999999.9999, "99999999999.9999" },
        { (double)NAN, "NaN" },
        { (double)INFINITY, "inf" },
        { -(double)INFINITY, "-inf" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char text[32];
        assert_sv(f64_text(cases[i].value, text), cases[i].text);
    }
}

static void floats_are_shortest_for_32_bits(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = { { 1.1F, "1.1" },
                  { 0.1F, "0.1" },
                  { 16777216.0F, "16777216.0" },
                  { 3.4028235e38F, "3.4028235e38" },
                  { 1e-45F, "1e-45" },
                  { -2.5F, "-2.5" },
                  { 0.0F, "0.0" },
                  { 1.17549435e-38F, "1.1754944e-38" } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char text[32];
        assert_sv(kdb_sv_of(text, kdbi_format_f32(cases[i].value, text)), cases[i].text);
    }
}

/* Significant digits of a number's text. */
static size_t digits_in(const char *text, size_t len)
{
    char digits[40];
    size_t count = 0;
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        if (text[i] >= '0' && text[i] <= '9' && (count > 0 || text[i] != '0')) {
            digits[count++] = text[i];
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return count;
}

/* The fewest digits that printf needs to tell the value. */
static size_t fewest_digits(double value)
{
    char text[40];
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (same_bits(strtod(text, NULL), value)) {
            return digits_in(text, strlen(text));
        }
    }
    return 17;
}

static void check_double(double value)
{
    char text[33];
    size_t len = kdbi_format_f64(value, text);
    assert_true(len < 32);
    text[len] = '\0';
    if (!same_bits(strtod(text, NULL), value) || digits_in(text, len) > fewest_digits(value)) {
        fail_msg("%.17g became %s", value, text);
    }
}

static void doubles_round_trip_in_the_fewest_digits(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = next_random(&seed);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value) && value != 0) {
            check_double(value);
        }
        check_double((double)random_between(&seed, 1, INT64_C(1) << 62) /
                     pow(10, (double)random_between(&seed, 0, 18)));
        check_double((double)(float)random_between(&seed, 1, 1000000) / 1000);
        check_double(ldexp(1.0, (int)random_between(&seed, -1074, 1023)));
    }
}

static void floats_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        float value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        char text[33];
        text[kdbi_format_f32(value, text)] = '\0';
        float back = strtof(text, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
    }
}

/* A natural number of up to LIMBS * 32 bits, least limb first: enough for 10^324 and 2^1100. */
enum { LIMBS = 40 };

typedef struct big {
    uint32_t limbs[LIMBS];
} big;

static void times(big *n, uint32_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)n->limbs[i] * factor;
        n->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_int_equal(carry, 0);
}

static big power(uint32_t base, int exponent)
{
    big n = { .limbs = { 1 } };
    for (int i = 0; i < exponent; i++) {
        times(&n, base);
    }
    return n;
}

/* a * g, where g has 128 bits. */
static big times_row(const big *a, kdbi_power g)
{
    const uint32_t parts[4] = { (uint32_t)g.low, (uint32_t)(g.low >> 32), (uint32_t)g.high, (uint32_t)(g.high >> 32) };
    big sum = { .limbs = { 0 } };
    for (size_t p = 0; p < 4; p++) {
        uint64_t carry = 0;
        for (size_t i = 0; i + p < LIMBS; i++) {
            carry += (uint64_t)a->limbs[i] * parts[p] + sum.limbs[i + p];
            sum.limbs[i + p] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    return sum;
}

static int compare(const big *a, const big *b)
{
    for (size_t i = LIMBS; i-- > 0;) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}

static kdbi_power one_less(kdbi_power g)
{
    return (kdbi_power){ g.high - (g.low == 0 ? 1 : 0), g.low - 1 };
}

static int bit_length(const big *n)
{
    for (size_t i = LIMBS; i-- > 0;) {
        if (n->limbs[i] != 0) {
            return (int)(i * 32) + 32 - __builtin_clz(n->limbs[i]);
        }
    }
    return 0;
}

/* g - 1 < 10^k / 2^s <= g, where s makes g 128 bits long. */
static void check_row(int k, kdbi_power g)
{
    big one = { .limbs = { 1 } };
    big ten = power(10, abs(k));
    int length = bit_length(&ten);
    /* 10^k with k < 0 is 1 / 10^-k: both sides times 10^-k. */
    big scaled = k < 0 ? power(2, 127 + length) : ten;
    big unit = k < 0 ? ten : one;
    for (int s = length - 128; k >= 0 && s < 0; s++) {
        times(&scaled, 2);
    }
    for (int s = length - 128; k >= 0 && s > 0; s--) {
        times(&unit, 2);
    }
    big upper = times_row(&unit, g);
    big lower = times_row(&unit, one_less(g));
    assert_true(g.high >> 63 == 1);
    if (compare(&scaled, &upper) > 0 || compare(&scaled, &lower) <= 0) {
        fail_msg("row of 10^%d", k);
    }
}

static void every_power_of_ten_is_exact(void **state)
{
    (void)state;
    for (int k = KDBI_POWER_MIN; k <= KDBI_POWER_MAX; k++) {
        check_row(k, kdbi_powers[k - KDBI_POWER_MIN]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_are_laid_out_as_the_reference_does),
        cmocka_unit_test(floats_are_shortest_for_32_bits),
        cmocka_unit_test(doubles_round_trip_in_the_fewest_digits),
        cmocka_unit_test(floats_round_trip),
        cmocka_unit_test(every_power_of_ten_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
