/* decimal.c - DECIMAL numbers as 128-bit integers times a power of ten: from text, to text, between scales. All exact;
 * where digits have to go, half rounds away from zero, as PostgreSQL's numeric does. */
#include <stdlib.h>

#include "commons_int.h"

enum { MOST_DIGITS = 38, EXPONENT_CLAMP = 100000, QUOTED_MAX = 64 };

__extension__ typedef unsigned __int128 u128;

#define E18 ((kdb_i128)1000000000000000000)
#define E36 (E18 * E18)

const kdb_i128 kdbi_pow10_i128[39] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    E18,
    E18 * 10,
    E18 * 100,
    E18 * 1000,
    E18 * 10000,
    E18 * 100000,
    E18 * 1000000,
    E18 * 10000000,
    E18 * 100000000,
    E18 * 1000000000,
    E18 * 10000000000,
    E18 * 100000000000,
    E18 * 1000000000000,
    E18 * 10000000000000,
    E18 * 100000000000000,
    E18 * 1000000000000000,
    E18 * 10000000000000000,
    E18 * 100000000000000000,
    E36,
    E36 * 10,
    E36 * 100,
};

static kdb_status too_long(uint8_t precision, uint8_t scale, kdb_err *err)
{
    return KDB_FAIL(err, KDB_LIMIT, "more digits than DECIMAL(%u,%u) holds", precision, scale);
}

static kdb_status check_precision(kdb_i128 value, uint8_t precision, uint8_t scale, kdb_err *err)
{
    kdb_i128 bound = kdbi_pow10_i128[precision];
    return value < bound && value > -bound ? KDB_OK : too_long(precision, scale, err);
}

/* A number's text: its digits without leading zeros are 0.d1d2d3.. * 10^point. */
typedef struct scanned {
    bool negative;
    const char *first; /* first significant digit; a '.' may lie among them */
    const char *end;   /* after the last digit */
    int64_t point;
} scanned;

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static bool is_digit(const reader *in)
{
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

static bool take_exponent(reader *in, int64_t *exponent)
{
    in->at++;
    bool negative = in->at < in->end && *in->at == '-';
    if (in->at < in->end && (*in->at == '-' || *in->at == '+')) {
        in->at++;
    }
    if (!is_digit(in)) {
        return false;
    }
    int64_t value = 0;
    for (; is_digit(in); in->at++) {
        value = value < EXPONENT_CLAMP ? value * 10 + (*in->at - '0') : value;
    }
    *exponent = negative ? -value : value;
    return true;
}

/* Walks digits before or after the point; counts the places of the first significant one. */
static size_t take_digits(reader *in, scanned *out, int64_t *places, bool after_point)
{
    size_t count = 0;
    for (; is_digit(in); in->at++, count++) {
        if (out->first == NULL && *in->at != '0') {
            out->first = in->at;
        }
        if (after_point ? out->first == NULL : out->first != NULL) {
            *places += after_point ? -1 : 1;
        }
    }
    return count;
}

static bool scan(kdb_sv text, scanned *out)
{
    reader in = { text.ptr, text.len == 0 ? text.ptr : text.ptr + text.len };
    *out = (scanned){ .negative = in.at < in.end && *in.at == '-' };
    if (in.at < in.end && (*in.at == '-' || *in.at == '+')) {
        in.at++;
    }
    size_t digits = take_digits(&in, out, &out->point, false);
    if (in.at < in.end && *in.at == '.') {
        in.at++;
        digits += take_digits(&in, out, &out->point, true);
    }
    out->end = in.at;
    int64_t exponent = 0;
    if (digits != 0 && in.at < in.end && (*in.at == 'e' || *in.at == 'E') && !take_exponent(&in, &exponent)) {
        return false;
    }
    out->point += exponent;
    return digits != 0 && in.at == in.end;
}

/* The first `count` digits as a number, zeros where there are none, rounded by the digit after them. */
static kdb_i128 take_rounded(const scanned *number, int64_t count)
{
    const char *at = number->first;
    kdb_i128 value = 0;
    for (int64_t i = 0; i < count; i++) {
        at += at < number->end && *at == '.' ? 1 : 0;
        value = value * 10 + (at < number->end ? *at++ - '0' : 0);
    }
    at += at < number->end && *at == '.' ? 1 : 0;
    return value + (at < number->end && *at >= '5' ? 1 : 0);
}

kdb_status kdbi_decimal_parse(kdb_sv text, uint8_t precision, uint8_t scale, kdb_i128 *out, kdb_err *err)
{
    scanned number;
    if (!scan(text, &number)) {
        kdb_sv shown = kdb_utf8_cut(text, QUOTED_MAX);
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not a number", KDB_SV_ARG(shown));
    }
    kdb_i128 value = 0;
    int64_t kept = number.point + scale;
    if (number.first != NULL && kept > MOST_DIGITS) {
        return too_long(precision, scale, err);
    }
    if (number.first != NULL && kept >= 0) {
        value = take_rounded(&number, kept);
    }
    KDB_TRY(check_precision(value, precision, scale, err));
    *out = number.negative ? -value : value;
    return KDB_OK;
}

kdb_status kdbi_decimal_rescale(kdb_i128 value, uint8_t from_scale, uint8_t precision, uint8_t to_scale, kdb_i128 *out,
                                kdb_err *err)
{
    if (to_scale >= from_scale) {
        kdb_i128 factor = kdbi_pow10_i128[to_scale - from_scale];
        kdb_i128 most = kdbi_pow10_i128[MOST_DIGITS] / factor;
        if (value > most || value < -most) {
            return too_long(precision, to_scale, err);
        }
        value *= factor;
    } else {
        kdb_i128 factor = kdbi_pow10_i128[from_scale - to_scale];
        kdb_i128 dropped = value % factor;
        value /= factor;
        if (dropped >= factor - dropped) {
            value++;
        } else if (-dropped >= factor + dropped) {
            value--;
        }
    }
    KDB_TRY(check_precision(value, precision, to_scale, err));
    *out = value;
    return KDB_OK;
}

/* Digits of `value`, at least `least` of them. */
static size_t put_digits(u128 value, size_t least, char *out)
{
    char digits[40];
    size_t at = sizeof(digits);
    while (value != 0 || sizeof(digits) - at < least) {
        digits[--at] = (char)('0' + (int)(value % 10));
        value /= 10;
    }
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t kdb_decimal_format(kdb_i128 unscaled, uint8_t scale, char *out)
{
    size_t len = 0;
    if (unscaled < 0) {
        out[len++] = '-';
    }
    u128 magnitude = unscaled < 0 ? -(u128)unscaled : (u128)unscaled;
    len += put_digits(magnitude, (size_t)scale + 1, out + len);
    if (scale > 0) {
        memmove(out + len - scale + 1, out + len - scale, scale);
        out[len - scale] = '.';
        len++;
    }
    return len;
}

double kdbi_decimal_to_f64(kdb_i128 unscaled, uint8_t scale)
{
    const kdb_i128 exact = (kdb_i128)1 << 53;
    if (scale <= 22 && unscaled <= exact && unscaled >= -exact) {
        return (double)unscaled / (double)kdbi_pow10_i128[scale]; /* both exact: rounded once */
    }
    char text[48];
    text[kdb_decimal_format(unscaled, scale, text)] = '\0';
    return strtod(text, NULL);
}
