/* expr_time_parse.c - text to DATE, TIMESTAMP and TIME, by the engine's rules, which are generous: one digit or two, four
 * separators, what stands behind a date or a time, any year. Offsets are read and do not count: a TIMESTAMP has no zone. */
#include "expr_int.h"

#define DAY_US INT64_C(86400000000)

enum { YEAR_DIGITS_MOST = 100000000, HOUR_DIGITS = 9 };

static kdb_status no_time(const kdbi_step *step, const kdbi_run *run, kdb_sv text)
{
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "Could not convert string '%.*s' to %s", KDB_SV_ARG(text),
                    kdb_type_defs[step->type.kind].sql_name);
}

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static bool at_end(const reader *r)
{
    return r->at == r->end;
}

static bool at_digit(const reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool take(reader *r, char c)
{
    const bool there = r->at < r->end && *r->at == c;
    r->at += there;
    return there;
}

static void skip_spaces(reader *r)
{
    while (r->at < r->end && kdbi_is_space(*r->at)) {
        r->at++;
    }
}

/* One digit or two. */
static bool read_pair(reader *r, int64_t *out)
{
    if (!at_digit(r)) {
        return false;
    }
    *out = *r->at++ - '0';
    if (at_digit(r)) {
        *out = *out * 10 + (*r->at++ - '0');
    }
    return true;
}

/* In lower case; upper case will do. */
static bool take_word(reader *r, const char *word)
{
    const size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || !kdb_sv_ieq(kdb_sv_of(r->at, len), kdb_sv_cstr(word))) {
        return false;
    }
    r->at += len;
    return true;
}

/* ---- dates ---- */

static bool is_date(int64_t year, int64_t month, int64_t day)
{
    static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

/* `inf` with nothing behind, not even a blank. */
static bool take_infinity(reader *r)
{
    return take_word(r, "infinity") || (r->end - r->at == 3 && take_word(r, "inf"));
}

/* Infinity is the last day there is. */
static bool read_special(reader *r, bool negative, int64_t *out)
{
    if (take_infinity(r)) {
        *out = negative ? -INT32_MAX : INT32_MAX;
    } else if (take_word(r, "epoch")) {
        *out = 0;
    } else {
        return false;
    }
    skip_spaces(r);
    return at_end(r);
}

static bool read_year(reader *r, int64_t *out)
{
    for (*out = 0; at_digit(r); r->at++) {
        if (*out >= YEAR_DIGITS_MOST) {
            return false;
        }
        *out = *out * 10 + (*r->at - '0');
    }
    return true;
}

/* A year before Christ: there is no year 0. */
static bool read_era(reader *r, bool negative, int64_t *year)
{
    reader behind = *r;
    if (at_end(r) || !kdbi_is_space(*behind.at++) || !take_word(&behind, "(bc)")) {
        return true;
    }
    *r = behind;
    const bool sound = !negative && *year != 0;
    *year = 1 - *year;
    return sound;
}

/* Days since 1970; what stands behind the date is left, but for a digit. */
static bool read_date(reader *r, int64_t *out)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    skip_spaces(r);
    const bool negative = take(r, '-');
    if (!at_digit(r)) {
        return read_special(r, negative, out);
    }
    if (!read_year(r, &year) || at_end(r) || strchr(" -/\\", *r->at) == NULL) {
        return false;
    }
    const char separator = *r->at++;
    year = negative ? -year : year;
    if (separator == '\0' || !read_pair(r, &month) || !take(r, separator) || !read_pair(r, &day) ||
        !read_era(r, negative, &year) || at_digit(r) || !is_date(year, month, day)) {
        return false;
    }
    *out = kdbi_days_of(year, month, day);
    return -INT32_MAX < *out && *out < INT32_MAX;
}

kdb_status kdbi_run_text_to_date(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    reader r = { text.ptr, text.ptr + text.len };
    return read_date(&r, &out->as.i64) ? KDB_OK : no_time(step, run, text);
}

/* ---- times ---- */

/* More than six decimals make no difference. */
static int64_t read_fraction(reader *r)
{
    int64_t us = 0;
    for (int64_t unit = 100000; at_digit(r); unit /= 10) {
        us += (*r->at++ - '0') * unit;
    }
    return us;
}

static bool read_hours(reader *r, int64_t *out)
{
    unsigned count = 0;
    for (*out = 0; at_digit(r); r->at++) {
        *out = *out * 10 + (*r->at - '0');
        if (++count > HOUR_DIGITS) {
            return false;
        }
    }
    return count != 0;
}

/* Minutes or seconds, none at the end of the text. */
static bool read_sixtieths(reader *r, int64_t *out)
{
    *out = 0;
    return at_end(r) || (read_pair(r, out) && *out < 60);
}

/* hours:[minutes[:[seconds]]][.decimals]; what stands behind is left. */
static bool read_clock(reader *r, int64_t *out)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    int64_t seconds = 0;
    skip_spaces(r);
    if (!read_hours(r, &hours) || !take(r, ':') || !read_sixtieths(r, &minutes) ||
        (!at_end(r) && (!take(r, ':') || !read_sixtieths(r, &seconds)))) {
        return false;
    }
    const int64_t fraction = take(r, '.') ? read_fraction(r) : 0;
    *out = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + fraction;
    return true;
}

/* ---- timestamps ---- */

static bool take_two_digits(reader *r)
{
    reader pair = *r;
    int64_t ignored = 0;
    if (!read_pair(&pair, &ignored) || pair.at - r->at != 2) {
        return false;
    }
    *r = pair;
    return true;
}

/* +HH, +HHMM, +HH:MM or +HH:MM:SS; a colon may end it early. */
static bool take_offset(reader *r)
{
    reader offset = *r;
    if ((!take(&offset, '+') && !take(&offset, '-')) || !take_two_digits(&offset)) {
        return false;
    }
    const bool colon = take(&offset, ':');
    *r = offset;
    if (take_two_digits(r) && colon) {
        (void)(take(r, ':') && take_two_digits(r));
    }
    return true;
}

/* Z, an offset or UTC behind a blank. Other zones are not known without their history. */
static bool read_zone(reader *r)
{
    if (at_end(r)) {
        return true;
    }
    if (!take(r, 'Z') && !take_offset(r)) {
        if (!take(r, ' ')) {
            return false;
        }
        (void)take_word(r, "utc");
    }
    skip_spaces(r);
    return at_end(r);
}

static bool is_infinite(int64_t us)
{
    return us == INT64_MAX || us == -INT64_MAX;
}

static bool read_timestamp(reader *r, int64_t *out)
{
    int64_t days = 0;
    int64_t of_day = 0;
    if (!read_date(r, &days)) {
        return false;
    }
    if (days == INT32_MAX || days == -INT32_MAX) {
        *out = days > 0 ? INT64_MAX : -INT64_MAX;
        return true;
    }
    if (!at_end(r)) {
        (void)(take(r, ' ') || take(r, 'T'));
        if (!read_clock(r, &of_day) || of_day > DAY_US || !read_zone(r)) {
            return false;
        }
    }
    return !__builtin_mul_overflow(days, DAY_US, out) && !__builtin_add_overflow(*out, of_day, out) &&
           !is_infinite(*out);
}

kdb_status kdbi_run_text_to_timestamp(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    reader r = { text.ptr, text.ptr + text.len };
    return read_timestamp(&r, &out->as.i64) ? KDB_OK : no_time(step, run, text);
}

/* The time of day of a TIMESTAMP, where the text is one. */
static bool read_time(kdb_sv text, int64_t *out)
{
    reader r = { text.ptr, text.ptr + text.len };
    if (read_clock(&r, out)) {
        return *out <= DAY_US;
    }
    reader again = { text.ptr, text.ptr + text.len };
    if (!read_timestamp(&again, out) || is_infinite(*out)) {
        return false;
    }
    *out -= kdbi_floor_div(*out, DAY_US) * DAY_US;
    return true;
}

kdb_status kdbi_run_text_to_time(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    return read_time(text, &out->as.i64) ? KDB_OK : no_time(step, run, text);
}
