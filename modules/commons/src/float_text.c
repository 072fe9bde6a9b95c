/* float_text.c - doubles and floats as the shortest text that reads back equal, laid out as the reference server (Rust's
 * ryu) does: "1.0", "0.1", "1e20", "1.5e-7". Amounts with few decimals take the quick path: one division proves them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "commons_int.h"

enum { QUICK_DECIMALS = 4, MOST_DIGITS = 17, PLAIN_DIGITS = 16, LEAST_ZEROS = 5 };

/* 0.d1d2d3.. * 10^point, without trailing zeros. */
typedef struct digits {
    char text[MOST_DIGITS + 1];
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

/* Reads "1.234000e+05" as printf makes it. */
static digits take_apart(const char *text)
{
    digits d = { .count = 0 };
    for (; *text != 'e'; text++) {
        if (*text != '.') {
            d.text[d.count++] = *text;
        }
    }
    while (d.count > 1 && d.text[d.count - 1] == '0') {
        d.count--;
    }
    d.point = atoi(text + 1) + 1;
    return d;
}

/* `value` is finite and above zero. 15 digits are always kept by a double, 17 always tell it. */
static digits shortest_f64(double value)
{
    char text[40];
    for (int after_point = 14; after_point < 16; after_point++) {
        snprintf(text, sizeof(text), "%.*e", after_point, value);
        if (strtod(text, NULL) == value) {
            return take_apart(text);
        }
    }
    snprintf(text, sizeof(text), "%.16e", value);
    return take_apart(text);
}

/* As above: 6 digits are always kept by a float, 9 always tell it. */
static digits shortest_f32(float value)
{
    char text[40];
    for (int after_point = 5; after_point < 8; after_point++) {
        snprintf(text, sizeof(text), "%.*e", after_point, (double)value);
        if (strtof(text, NULL) == value) {
            return take_apart(text);
        }
    }
    snprintf(text, sizeof(text), "%.8e", (double)value);
    return take_apart(text);
}

/* Whole numbers and those of up to QUICK_DECIMALS decimals, at most 15 digits: digits / power of ten are exact doubles,
 * so when their quotient is the value, the text reads back equal; and no shorter text of 15 digits can. 0: not such. */
static size_t put_quick(double value, char *out)
{
    static const double powers[QUICK_DECIMALS + 1] = { 1, 10, 100, 1000, 10000 };
    if (value < 1e-3) {
        return 0;
    }
    for (size_t decimals = 0; decimals <= QUICK_DECIMALS && value * powers[decimals] < 1e15; decimals++) {
        uint64_t scaled = (uint64_t)(value * powers[decimals] + 0.5);
        if ((double)scaled / powers[decimals] != value) {
            continue;
        }
        size_t shown = decimals == 0 ? 1 : decimals;
        uint64_t unit = (uint64_t)powers[decimals];
        size_t len = kdbi_format_u64(scaled / unit, out);
        out[len] = '.';
        uint64_t fraction = scaled % unit;
        for (size_t i = shown; i > 0; i--) {
            out[len + i] = (char)('0' + fraction % 10);
            fraction /= 10;
        }
        return len + 1 + shown;
    }
    return 0;
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
        len = put_quick(magnitude, out + sign);
    }
    if (len == 0) {
        digits d = shortest_f64(magnitude);
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
        digits d = shortest_f32(magnitude);
        len = put_digits(&d, out + sign);
    }
    return sign + len;
}
