/* expr_cast_parse.c - text to numbers and BOOLEAN, by the engine's rules: blanks around it, `_` between digits, decimals and
 * exponents for integers too, which are rounded half away from zero. DECIMAL has rules of its own. */
#include <math.h>
#include <stdlib.h>

#include "expr_int.h"

static kdb_status no_number(const kdbi_step *step, const kdbi_run *run, kdb_sv text)
{
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "Could not convert string '%.*s' to %s", KDB_SV_ARG(text),
                    kdb_type_defs[step->type.kind].sql_name);
}

static kdb_sv without_spaces(kdb_sv text)
{
    while (text.len != 0 && kdbi_is_space(text.ptr[0])) {
        text = kdb_sv_of(text.ptr + 1, text.len - 1);
    }
    while (text.len != 0 && kdbi_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* ---- digits ---- */

typedef struct reader {
    kdb_sv text;
    size_t at;
} reader;

static char peek(const reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static bool take(reader *r, char a, char b)
{
    const bool there = r->at < r->text.len && (r->text.ptr[r->at] == a || r->text.ptr[r->at] == b);
    r->at += there;
    return there;
}

/* The value of a digit, `base` and more for anything else. */
static unsigned digit_of(char c, unsigned base)
{
    const unsigned value = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                  : base;
    return value < base ? value : base;
}

/* Digits with single `_` between them go by. *out_value is at least 2^100 where they are too many; false for a `_` too many. */
static bool read_digits(reader *r, unsigned base, size_t *out_count, kdb_i128 *out_value)
{
    const kdb_i128 most = (kdb_i128)1 << 100;
    *out_count = 0;
    *out_value = 0;
    for (unsigned digit = digit_of(peek(r), base); digit < base; digit = digit_of(peek(r), base)) {
        *out_value = *out_value >= most ? *out_value : *out_value * base + digit;
        *out_count += 1;
        r->at++;
        if (peek(r) == '_') {
            r->at++;
            if (digit_of(peek(r), base) == base) {
                return false;
            }
        }
    }
    return true;
}

/* ---- integers ---- */

enum { FRACTION_DIGITS = 18 };

/* whole.fraction * 10^exponent */
typedef struct number {
    bool negative;
    kdb_i128 whole;
    int64_t fraction;
    unsigned fraction_digits;
    int exponent;
} number;

/* More digits than make a difference are dropped. */
static bool read_fraction(reader *r, number *out, size_t *out_count)
{
    const size_t start = r->at;
    kdb_i128 value = 0;
    if (!read_digits(r, 10, out_count, &value)) {
        return false;
    }
    for (size_t i = start; i < r->at && out->fraction_digits < FRACTION_DIGITS; i++) {
        if (r->text.ptr[i] != '_') {
            out->fraction = out->fraction * 10 + (r->text.ptr[i] - '0');
            out->fraction_digits++;
        }
    }
    return true;
}

/* Nothing behind the `e` is read as 0 where a blank follows. */
static bool read_exponent(reader *r, bool blank_follows, number *out)
{
    kdb_i128 value = 0;
    size_t count = 0;
    const bool negative = take(r, '-', '-');
    if (!negative) {
        (void)take(r, '+', '+');
    }
    if (!read_digits(r, 10, &count, &value) || (count == 0 && !blank_follows) || value > INT16_MAX + negative) {
        return false;
    }
    out->exponent = negative ? -(int)value : (int)value;
    return true;
}

/* A sign before nothing but blanks is a 0. */
static bool is_lone_sign(kdb_sv text, bool blank_follows)
{
    return blank_follows && text.len == 1 && (text.ptr[0] == '-' || text.ptr[0] == '+');
}

static bool read_number(kdb_sv text, bool blank_follows, number *out)
{
    reader r = { .text = text };
    size_t before = 0;
    size_t behind = 0;
    *out = (number){ .negative = take(&r, '-', '-') };
    if (!out->negative) {
        (void)take(&r, '+', '+');
    }
    if (!read_digits(&r, 10, &before, &out->whole)) {
        return false;
    }
    if (take(&r, '.', '.') && !read_fraction(&r, out, &behind)) {
        return false;
    }
    if (is_lone_sign(text, blank_follows)) {
        return true;
    }
    if (before + behind == 0 || (take(&r, 'e', 'E') && !read_exponent(&r, blank_follows, out))) {
        return false;
    }
    return r.at == text.len;
}

/* Half away from zero; false when it is no BIGINT. */
static bool round_number(const number *n, int64_t *out)
{
    const kdb_i128 most = (kdb_i128)INT64_MAX + n->negative;
    if (n->whole > most) {
        return false;
    }
    kdb_i128 value = n->whole * kdbi_power_of_ten(n->fraction_digits) + n->fraction;
    int shift = n->exponent - (int)n->fraction_digits;
    for (; shift > 0 && value != 0; shift--) {
        value *= 10;
        if (value > most) {
            return false;
        }
    }
    if (shift < -37) {
        value = 0;
    } else if (shift < 0) {
        const kdb_i128 divisor = kdbi_power_of_ten((unsigned)-shift);
        const kdb_i128 rest = value % divisor;
        value = value / divisor + (rest >= divisor - rest);
    }
    *out = (int64_t)(n->negative ? -value : value);
    return value <= most;
}

/* 0x1F, 0b11: no sign, and no blank behind. */
static bool read_prefixed(kdb_sv text, int64_t *out)
{
    const bool hex = text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] | 0x20) == 'x';
    const bool binary = text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] | 0x20) == 'b';
    reader r = { .text = text, .at = 2 };
    kdb_i128 value = 0;
    size_t count = 0;
    if ((!hex && !binary) || !read_digits(&r, hex ? 16 : 2, &count, &value) || count == 0 || r.at != text.len ||
        value > INT64_MAX) {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

kdb_status kdbi_run_text_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    const kdb_sv inner = without_spaces(text);
    const bool blank = inner.ptr + inner.len < text.ptr + text.len;
    number n;
    int64_t value = 0;
    const bool read =
        (!blank && read_prefixed(inner, &value)) || (read_number(inner, blank, &n) && round_number(&n, &value));
    if (!read || !kdbi_fits(step->type, value)) {
        return no_number(step, run, text);
    }
    out->as.i64 = value;
    return KDB_OK;
}

/* ---- DECIMAL ---- */

/* A DECIMAL as far as it has been read. Decimals beyond the scale are kept while there is room, for an exponent may ask for them. */
typedef struct decimal {
    kdb_type type;
    bool negative;
    kdb_i128 digits; /* without a sign */
    unsigned whole;  /* of them before the point, leading zeros aside */
    unsigned decimals;
    bool rounds_up; /* the first decimal beyond the scale is 5 or more */
    int exponent;
} decimal;

/* Digits that a DECIMAL's integer can hold whatever they are. */
static unsigned digits_held(kdb_type type)
{
    return type.precision <= 4 ? 4 : type.precision <= 9 ? 9 : type.precision <= 18 ? 18 : 38;
}

static bool add_whole_digit(decimal *d, unsigned digit)
{
    if (d->digits == 0 && digit == 0) {
        return true;
    }
    d->digits = d->digits * 10 + digit;
    return d->whole++ < (unsigned)d->type.precision - d->type.scale;
}

static void add_decimal(decimal *d, unsigned digit, bool first_beyond)
{
    d->rounds_up = first_beyond ? digit >= 5 : d->rounds_up;
    if (d->whole + d->decimals < digits_held(d->type)) {
        d->digits = d->digits * 10 + digit;
        d->decimals++;
    }
}

static bool read_whole(reader *r, decimal *d, size_t *out_count)
{
    const size_t start = r->at;
    kdb_i128 ignored = 0;
    bool fits = read_digits(r, 10, out_count, &ignored);
    for (size_t i = start; i < r->at && fits; i++) {
        fits = r->text.ptr[i] == '_' || add_whole_digit(d, (unsigned)(r->text.ptr[i] - '0'));
    }
    return fits;
}

static bool read_decimals(reader *r, decimal *d, size_t *out_count)
{
    const size_t start = r->at;
    kdb_i128 ignored = 0;
    if (!read_digits(r, 10, out_count, &ignored)) {
        return false;
    }
    size_t count = 0;
    for (size_t i = start; i < r->at; i++) {
        if (r->text.ptr[i] != '_') {
            add_decimal(d, (unsigned)(r->text.ptr[i] - '0'), count++ == d->type.scale);
        }
    }
    return true;
}

/* Takes `n` digits away; true when the last of them rounds up. */
static bool drop_digits(decimal *d, unsigned n)
{
    bool up = false;
    for (; n > 0 && (d->digits != 0 || up); n--) {
        up = d->digits % 10 >= 5;
        d->digits /= 10;
    }
    return up;
}

static void fill_decimals(decimal *d)
{
    for (; d->decimals < d->type.scale; d->decimals++) {
        d->digits *= 10;
    }
}

static bool raise(decimal *d)
{
    const unsigned beyond = d->decimals > d->type.scale ? d->decimals - d->type.scale : 0;
    if (beyond > (unsigned)d->exponent) {
        d->digits += drop_digits(d, beyond - (unsigned)d->exponent);
        return true;
    }
    fill_decimals(d);
    for (int i = d->exponent - (int)beyond; i > 0; i--) {
        if (!add_whole_digit(d, 0)) {
            return false;
        }
        if (d->digits == 0) {
            break;
        }
    }
    return true;
}

/* A negative exponent rounds what is left of the scale, whatever was beyond it. */
static bool scale_decimal(decimal *d)
{
    if (d->exponent > 0) {
        return raise(d);
    }
    if (d->decimals > d->type.scale) {
        (void)drop_digits(d, d->decimals - d->type.scale);
    }
    fill_decimals(d);
    d->digits += d->exponent == 0 ? d->rounds_up : drop_digits(d, (unsigned)-d->exponent);
    return true;
}

static bool read_decimal(kdb_sv text, bool blank_follows, decimal *d)
{
    reader r = { .text = text };
    number exponent = { .exponent = 0 };
    size_t before = 0;
    size_t behind = 0;
    d->negative = take(&r, '-', '-');
    if (!d->negative) {
        (void)take(&r, '+', '+');
    }
    if (is_lone_sign(text, blank_follows)) {
        return true;
    }
    if (!read_whole(&r, d, &before) || (take(&r, '.', '.') && !read_decimals(&r, d, &behind)) || before + behind == 0 ||
        (take(&r, 'e', 'E') && !read_exponent(&r, blank_follows, &exponent))) {
        return false;
    }
    d->exponent = exponent.exponent;
    return r.at == text.len && scale_decimal(d) && d->digits < kdbi_power_of_ten(d->type.precision);
}

kdb_status kdbi_run_text_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    const kdb_sv inner = without_spaces(text);
    decimal d = { .type = step->type };
    if (!read_decimal(inner, inner.ptr + inner.len < text.ptr + text.len, &d)) {
        return no_number(step, run, text);
    }
    out->as.i128 = d.negative ? -d.digits : d.digits;
    return KDB_OK;
}

/* ---- FLOAT and DOUBLE ---- */

static bool is_one_of(kdb_sv text, const char *const *words, size_t nwords)
{
    for (size_t i = 0; i < nwords; i++) {
        if (kdb_sv_ieq(text, kdb_sv_cstr(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_real(kdb_sv text)
{
    static const char *const words[] = { "inf", "infinity", "nan" };
    const bool negative = text.len != 0 && text.ptr[0] == '-';
    const kdb_sv rest = kdb_sv_of(text.ptr + negative, text.len - negative);
    reader r = { .text = rest };
    number ignored = { .negative = false };
    kdb_i128 digits = 0;
    size_t before = 0;
    size_t behind = 0;
    if (is_one_of(rest, words, KDB_ARRAY_LEN(words))) {
        return true;
    }
    if (!read_digits(&r, 10, &before, &digits) || (take(&r, '.', '.') && !read_fraction(&r, &ignored, &behind)) ||
        before + behind == 0) {
        return false;
    }
    if (take(&r, 'e', 'E')) {
        size_t count = 0;
        (void)(take(&r, '-', '+'));
        if (!read_digits(&r, 10, &count, &digits) || count == 0) {
            return false;
        }
    }
    return r.at == rest.len;
}

static char *without_separators(kdb_sv text, kdb_arena *arena)
{
    char *out = kdb_arena_alloc_raw(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '_') {
            out[len++] = text.ptr[i];
        }
    }
    out[len] = '\0';
    return out;
}

kdb_status kdbi_run_text_to_real(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    kdb_sv inner = without_spaces(text);
    if (inner.len != 0 && inner.ptr[0] == '+') {
        inner = kdb_sv_of(inner.ptr + 1, inner.len - 1);
    }
    if (!is_real(inner)) {
        return no_number(step, run, text);
    }
    const char *plain = without_separators(inner, run->scratch);
    out->as.f64 = step->type.kind == KDB_TYPE_FLOAT ? (double)strtof(plain, NULL) : strtod(plain, NULL);
    return KDB_OK;
}

/* ---- BOOLEAN ---- */

kdb_status kdbi_run_text_to_bool(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    static const char *const yes[] = { "true", "t", "yes", "y", "1" };
    static const char *const no[] = { "false", "f", "no", "n", "0" };
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    out->as.b = is_one_of(text, yes, KDB_ARRAY_LEN(yes));
    return out->as.b || is_one_of(text, no, KDB_ARRAY_LEN(no)) ? KDB_OK : no_number(step, run, text);
}
