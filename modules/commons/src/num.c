/* num.c - numbers from text and to text. Doubles are read exactly by one operation when digits and power of ten are both
 * exact doubles, which covers what people write; the rest is left to strtod. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "commons_int.h"

enum { QUOTED_MAX = 64, EXACT_POWER = 22, EXACT_DIGITS = 15, STACK_NUMBER = 128 };

/* All exact doubles. */
static const double exact_pow10[EXACT_POWER + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static kdb_status not_a_number(kdb_sv text, const char *what, kdb_err *err)
{
    kdb_sv shown = kdb_utf8_cut(text, QUOTED_MAX);
    return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not %s", KDB_SV_ARG(shown), what);
}

static kdb_status out_of_range(kdb_sv text, kdb_err *err)
{
    kdb_sv shown = kdb_utf8_cut(text, QUOTED_MAX);
    return KDB_FAIL(err, KDB_LIMIT, "number %.*s is out of range", KDB_SV_ARG(shown));
}

/* Takes a leading sign off; true when it was '-'. */
static bool take_sign(kdb_sv *text)
{
    if (text->len == 0 || (text->ptr[0] != '-' && text->ptr[0] != '+')) {
        return false;
    }
    bool negative = text->ptr[0] == '-';
    text->ptr++;
    text->len--;
    return negative;
}

typedef enum digits_result { DIGITS_OK, DIGITS_BAD, DIGITS_OVERFLOW } digits_result;

static digits_result read_digits(kdb_sv text, uint64_t *out)
{
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return DIGITS_BAD;
        }
        overflow |= __builtin_mul_overflow(value, 10, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value);
    }
    if (text.len == 0) {
        return DIGITS_BAD;
    }
    *out = value;
    return overflow ? DIGITS_OVERFLOW : DIGITS_OK;
}

kdb_status kdb_parse_i64(kdb_sv text, int64_t *out, kdb_err *err)
{
    kdb_sv digits = text;
    bool negative = take_sign(&digits);
    uint64_t magnitude = 0;
    digits_result result = read_digits(digits, &magnitude);
    if (result == DIGITS_BAD) {
        return not_a_number(text, "an integer", err);
    }
    if (result == DIGITS_OVERFLOW || magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return out_of_range(text, err);
    }
    *out = (int64_t)(negative ? -magnitude : magnitude);
    return KDB_OK;
}

kdb_status kdb_parse_u64(kdb_sv text, uint64_t *out, kdb_err *err)
{
    kdb_sv digits = text;
    bool negative = take_sign(&digits);
    uint64_t magnitude = 0;
    digits_result result = read_digits(digits, &magnitude);
    if (result == DIGITS_BAD) {
        return not_a_number(text, "an integer", err);
    }
    if (result == DIGITS_OVERFLOW || (negative && magnitude != 0)) {
        return out_of_range(text, err);
    }
    *out = magnitude;
    return KDB_OK;
}

/* A number's text taken apart: digits * 10^exponent. */
typedef struct scanned {
    uint64_t digits;    /* the first significant ones */
    size_t significant; /* how many there are, leading zeros not counted */
    int exponent;       /* clamped to +-100000 */
} scanned;

static bool is_digit(kdb_sv text, size_t at)
{
    return at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';
}

static void take_digit(scanned *number, char c)
{
    if (number->significant == 0 && c == '0') {
        return;
    }
    if (number->significant < EXACT_DIGITS) {
        number->digits = number->digits * 10 + (uint64_t)(c - '0');
    }
    number->significant++;
}

/* Reads "e-12" at `at` into the exponent; the place after it, or 0 when it is malformed. */
static size_t scan_exponent(kdb_sv text, size_t at, scanned *number)
{
    at++;
    bool negative = at < text.len && text.ptr[at] == '-';
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+')) {
        at++;
    }
    if (!is_digit(text, at)) {
        return 0;
    }
    int exponent = 0;
    for (; is_digit(text, at); at++) {
        exponent = exponent < 100000 ? exponent * 10 + (text.ptr[at] - '0') : exponent;
    }
    number->exponent += negative ? -exponent : exponent;
    return at;
}

/* "123", "1.5", ".5", "5.", "1e-3" without sign; false for other text. */
static bool scan_number(kdb_sv text, scanned *number)
{
    size_t at = 0;
    size_t digits = 0;
    for (; is_digit(text, at); at++, digits++) {
        take_digit(number, text.ptr[at]);
    }
    if (at < text.len && text.ptr[at] == '.') {
        for (at++; is_digit(text, at); at++, digits++) {
            take_digit(number, text.ptr[at]);
            number->exponent--;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at = scan_exponent(text, at, number);
    }
    return at == text.len;
}

/* Both operands exact and one operation, so the result is rounded once, correctly. */
static bool exact_value(const scanned *number, double *out)
{
    if (number->significant > EXACT_DIGITS || number->exponent < -EXACT_POWER || number->exponent > EXACT_POWER) {
        return false;
    }
    double digits = (double)number->digits;
    *out = number->exponent < 0 ? digits / exact_pow10[-number->exponent] : digits * exact_pow10[number->exponent];
    return true;
}

static double slow_value(kdb_sv text)
{
    char small[STACK_NUMBER];
    if (text.len < sizeof(small)) {
        memcpy(small, text.ptr, text.len);
        small[text.len] = '\0';
        return strtod(small, NULL);
    }
    char *large = kdb_sv_heap_cstr(text);
    double value = strtod(large, NULL);
    kdb_free(large);
    return value;
}

static bool special_value(kdb_sv text, double *out)
{
    if (kdb_sv_ieq(text, KDB_SV("nan"))) {
        *out = (double)NAN;
        return true;
    }
    *out = (double)INFINITY;
    return kdb_sv_ieq(text, KDB_SV("inf")) || kdb_sv_ieq(text, KDB_SV("infinity"));
}

kdb_status kdb_parse_f64(kdb_sv text, double *out, kdb_err *err)
{
    kdb_sv magnitude = text;
    bool negative = take_sign(&magnitude);
    scanned number = { 0 };
    double value;
    if (scan_number(magnitude, &number)) {
        if (!exact_value(&number, &value)) {
            value = slow_value(magnitude);
        }
        if (isinf(value)) {
            return out_of_range(text, err);
        }
    } else if (!special_value(magnitude, &value)) {
        return not_a_number(text, "a number", err);
    }
    *out = negative ? -value : value;
    return KDB_OK;
}

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t value)
{
    static const uint64_t powers[20] = {
        UINT64_C(0),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    size_t bits = 64 - (size_t)__builtin_clzll(value | 1);
    size_t guess = bits * 1233 >> 12; /* bits * log10(2), rounded down */
    return guess + (value >= powers[guess] ? 1 : 0);
}

size_t kdbi_format_u64(uint64_t value, char *out)
{
    size_t count = count_digits(value);
    char *at = out + count;
    while (value >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        memcpy(at - 2, digit_pairs + value * 2, 2);
    } else {
        at[-1] = (char)('0' + value);
    }
    return count;
}
