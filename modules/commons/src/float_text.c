/* float_text.c - doubles and floats as the shortest text that reads back equal, laid out as the reference server (Rust's
 * ryu) does: "1.0", "0.1", "1e20", "1.5e-7". Without printf: a result of doubles or vectors is mostly this. */
#include <math.h>
#include <stdlib.h>

#include "commons_int.h"

enum { PLAIN_DIGITS = 16, LEAST_ZEROS = 5 };

__extension__ typedef unsigned __int128 u128;

/* 0.d1d2d3.. * 10^point, without trailing zeros. */
typedef struct digits {
    char text[20];
    size_t count;
    int point;
} digits;

static size_t put_zeros(char *out, size_t count)
{
    memset(out, '0', count);
    return count;
}

static size_t put_scientific(const digits *d, char *out)
{
    size_t len = 0;
    out[len++] = d->text[0];
    if (d->count > 1) {
        out[len++] = '.';
        memcpy(out + len, d->text + 1, d->count - 1);
        len += d->count - 1;
    }
    out[len++] = 'e';
    int exponent = d->point - 1;
    if (exponent < 0) {
        out[len++] = '-';
    }
    return len + kdbi_format_u64((uint64_t)abs(exponent), out + len);
}

static size_t put_plain(const digits *d, char *out)
{
    size_t len = 0;
    if (d->point <= 0) {
        out[len++] = '0';
        out[len++] = '.';
        len += put_zeros(out + len, (size_t)-d->point);
        memcpy(out + len, d->text, d->count);
        return len + d->count;
    }
    size_t whole = (size_t)d->point;
    if (d->count <= whole) {
        memcpy(out, d->text, d->count);
        len = d->count + put_zeros(out + d->count, whole - d->count);
        memcpy(out + len, ".0", 2);
        return len + 2;
    }
    memcpy(out, d->text, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, d->text + whole, d->count - whole);
    return d->count + 1;
}

static size_t put_digits(const digits *d, char *out)
{
    return d->point > -LEAST_ZEROS && d->point <= PLAIN_DIGITS ? put_plain(d, out) : put_scientific(d, out);
}

/* A finite number above zero: c * 2^q. Where c is the least of its exponent, the number below is half as far away. */
typedef struct binary {
    uint64_t c;
    int q;
    bool lower_is_closer;
} binary;

static binary binary_of_f64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7FF);
    if (exponent == 0) {
        return (binary){ fraction, -1074, false };
    }
    return (binary){ fraction | UINT64_C(1) << 52, exponent - 1075, fraction == 0 && exponent > 1 };
}

static binary binary_of_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xFF);
    if (exponent == 0) {
        return (binary){ fraction, -149, false };
    }
    return (binary){ fraction | UINT32_C(1) << 23, exponent - 150, fraction == 0 && exponent > 1 };
}

static int floor_shift(int value, int bits)
{
    return value >> bits; /* GCC and Clang shift negative numbers arithmetically */
}

/* floor(log2(10^e)) */
static int log2_of_pow10(int e)
{
    return floor_shift(e * 1741647, 19);
}

/* The greatest k with 10^k at most the width of the number's rounding interval, 2^q or three quarters of it. */
static int decimal_step(const binary *b)
{
    return floor_shift(b->q * 1262611 - (b->lower_is_closer ? 524031 : 0), 22);
}

/* power * scaled / 2^128, its last bit set when anything was dropped, so that comparisons stay exact. */
static uint64_t round_to_odd(kdbi_power power, uint64_t scaled)
{
    u128 low = (u128)power.low * scaled;
    u128 product = (u128)power.high * scaled + (uint64_t)(low >> 64);
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1 ? 1 : 0);
}

/* significand * 10^exponent */
typedef struct decimal {
    uint64_t significand;
    int exponent;
} decimal;

/* The shortest decimal within the rounding interval, of several the nearest. All are counted in quarters of 10^k, where
 * the interval holds at least one and at most a few multiples of 10^k. From R. Giulietti, "The Schubfach way to render
 * doubles". */
static decimal shortest(const binary *b)
{
    uint64_t odd = b->c & 1;
    int k = decimal_step(b);
    int shift = b->q + log2_of_pow10(-k) + 1;
    kdbi_power power = kdbi_powers[-k - KDBI_POWER_MIN];
    uint64_t lower = round_to_odd(power, (4 * b->c - 2 + (b->lower_is_closer ? 1 : 0)) << shift) + odd;
    uint64_t value = round_to_odd(power, 4 * b->c << shift);
    uint64_t upper = round_to_odd(power, (4 * b->c + 2) << shift) - odd;

    uint64_t whole = value / 4;
    uint64_t tens = whole / 10;
    bool down_fits = lower <= 40 * tens;
    bool up_fits = 40 * tens + 40 <= upper;
    if (whole >= 10 && down_fits != up_fits) {
        return (decimal){ tens + (up_fits ? 1 : 0), k + 1 };
    }
    down_fits = lower <= 4 * whole;
    up_fits = 4 * whole + 4 <= upper;
    if (down_fits != up_fits) {
        return (decimal){ whole + (up_fits ? 1 : 0), k };
    }
    uint64_t middle = 4 * whole + 2;
    bool round_up = value > middle || (value == middle && (whole & 1) != 0);
    return (decimal){ whole + (round_up ? 1 : 0), k };
}

static digits digits_of(binary b)
{
    decimal shown = shortest(&b);
    digits d;
    d.count = kdbi_format_u64(shown.significand, d.text);
    d.point = (int)d.count + shown.exponent;
    while (d.count > 1 && d.text[d.count - 1] == '0') {
        d.count--;
    }
    return d;
}

/* NaN, infinities and zeros; 0 for every other value. */
static size_t put_special(double value, char *out)
{
    const char *text = isnan(value) ? "NaN" : isinf(value) ? "inf" : value == 0 ? "0.0" : "";
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

static size_t put_sign(double value, char *out)
{
    out[0] = '-';
    return signbit(value) && !isnan(value) ? 1 : 0;
}

size_t kdbi_format_f64(double value, char *out)
{
    size_t sign = put_sign(value, out);
    double magnitude = fabs(value);
    size_t len = put_special(magnitude, out + sign);
    if (len == 0) {
        digits d = digits_of(binary_of_f64(magnitude));
        len = put_digits(&d, out + sign);
    }
    return sign + len;
}

size_t kdbi_format_f32(float value, char *out)
{
    size_t sign = put_sign((double)value, out);
    float magnitude = fabsf(value);
    size_t len = put_special((double)magnitude, out + sign);
    if (len == 0) {
        digits d = digits_of(binary_of_f32(magnitude));
        len = put_digits(&d, out + sign);
    }
    return sign + len;
}
