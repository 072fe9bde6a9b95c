/* datetime.c - dates and times from text and to text: proleptic Gregorian calendar, no leap seconds, microseconds, UTC. */
#include <limits.h>

#include "commons_int.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)

enum {
    FIRST_DAY = -719162, /* 0001-01-01 */
    LAST_DAY = 2932896,  /* 9999-12-31 */
    MAX_OFFSET_HOURS = 15,
    QUOTED_MAX = 64
};

/* Days since 1970 of a date; years count from March, so that the leap day comes last. */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[13] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month];
}

bool kdbi_date_in_range(int64_t days)
{
    return days >= FIRST_DAY && days <= LAST_DAY;
}

bool kdbi_timestamp_in_range(int64_t us)
{
    return us >= FIRST_DAY * US_PER_DAY && us < (LAST_DAY + 1) * US_PER_DAY;
}

void kdbi_timestamp_split(int64_t us, int64_t *days, int64_t *day_us)
{
    *days = us / US_PER_DAY - (us % US_PER_DAY < 0 ? 1 : 0);
    *day_us = us % US_PER_DAY + (us % US_PER_DAY < 0 ? US_PER_DAY : 0);
}

/* A place in text that is being read; a failed read leaves it where the problem is. */
typedef struct reader {
    const char *at;
    const char *end;
} reader;

static bool next_is(const reader *in, char c)
{
    return in->at < in->end && *in->at == c;
}

static bool take_char(reader *in, char c)
{
    if (!next_is(in, c)) {
        return false;
    }
    in->at++;
    return true;
}

static bool digit_next(const reader *in)
{
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

/* Exactly `count` digits. */
static bool take_digits(reader *in, int count, unsigned *out)
{
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        if (!digit_next(in)) {
            return false;
        }
        value = value * 10 + (unsigned)(*in->at++ - '0');
    }
    *out = value;
    return true;
}

/* "YYYY-MM-DD" */
static bool take_date(reader *in, int64_t *days)
{
    unsigned year;
    unsigned month;
    unsigned day;
    bool read = take_digits(in, 4, &year) && take_char(in, '-') && take_digits(in, 2, &month) && take_char(in, '-') &&
                take_digits(in, 2, &day);
    if (!read || year == 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

/* ".123456789": at least one digit; those after the sixth are dropped. */
static bool take_fraction(reader *in, unsigned *us)
{
    unsigned value = 0;
    int digits = 0;
    for (; digit_next(in); in->at++, digits++) {
        if (digits < 6) {
            value = value * 10 + (unsigned)(*in->at - '0');
        }
    }
    for (int i = digits; i < 6; i++) {
        value *= 10;
    }
    *us = value;
    return digits > 0;
}

/* "HH:MM[:SS[.f]]" */
static bool take_time(reader *in, int64_t *us)
{
    unsigned hour;
    unsigned minute;
    unsigned second = 0;
    unsigned fraction = 0;
    if (!take_digits(in, 2, &hour) || !take_char(in, ':') || !take_digits(in, 2, &minute)) {
        return false;
    }
    if (take_char(in, ':')) {
        if (!take_digits(in, 2, &second) || (take_char(in, '.') && !take_fraction(in, &fraction))) {
            return false;
        }
    }
    *us = hour * US_PER_HOUR + minute * US_PER_MINUTE + second * US_PER_SECOND + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

/* "Z", "+hh", "+hhmm", "+hh:mm" or nothing; one blank before it is allowed. */
static bool take_offset(reader *in, int64_t *us)
{
    *us = 0;
    if (in->at == in->end) {
        return true;
    }
    (void)take_char(in, ' ');
    if (take_char(in, 'Z') || take_char(in, 'z')) {
        return true;
    }
    bool negative = next_is(in, '-');
    if (!take_char(in, '-') && !take_char(in, '+')) {
        return false;
    }
    unsigned hours;
    unsigned minutes = 0;
    if (!take_digits(in, 2, &hours)) {
        return false;
    }
    bool colon = take_char(in, ':');
    if ((colon || digit_next(in)) && !take_digits(in, 2, &minutes)) {
        return false;
    }
    int64_t offset = hours * US_PER_HOUR + minutes * US_PER_MINUTE;
    *us = negative ? -offset : offset;
    return hours <= MAX_OFFSET_HOURS && minutes < 60;
}

static reader reader_of(kdb_sv text)
{
    kdb_sv trimmed = kdb_sv_trim(text);
    return (reader){ trimmed.ptr, trimmed.len == 0 ? trimmed.ptr : trimmed.ptr + trimmed.len };
}

static kdb_status malformed(kdb_sv text, const char *what, const char *shape, kdb_err *err)
{
    kdb_sv shown = kdb_utf8_cut(text, QUOTED_MAX);
    return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not a valid %s (%s)", KDB_SV_ARG(shown), what, shape);
}

kdb_status kdb_date_parse(kdb_sv text, int32_t *out_days, kdb_err *err)
{
    reader in = reader_of(text);
    int64_t days;
    if (!take_date(&in, &days) || in.at != in.end) {
        return malformed(text, "date", "YYYY-MM-DD", err);
    }
    *out_days = (int32_t)days;
    return KDB_OK;
}

kdb_status kdb_time_parse(kdb_sv text, int64_t *out_us, kdb_err *err)
{
    reader in = reader_of(text);
    int64_t us;
    if (!take_time(&in, &us) || in.at != in.end) {
        return malformed(text, "time", "HH:MM:SS[.f]", err);
    }
    *out_us = us;
    return KDB_OK;
}

/* What follows the date: nothing, or "T" or a blank, the time and an offset. */
static bool take_time_of_day(reader *in, int64_t *us)
{
    *us = 0;
    if (in->at == in->end) {
        return true;
    }
    if (!take_char(in, 'T') && !take_char(in, 't') && !take_char(in, ' ')) {
        return false;
    }
    int64_t offset;
    if (!take_time(in, us) || !take_offset(in, &offset)) {
        return false;
    }
    *us -= offset;
    return in->at == in->end;
}

kdb_status kdb_timestamp_parse(kdb_sv text, int64_t *out_us, kdb_err *err)
{
    reader in = reader_of(text);
    int64_t days;
    int64_t time;
    if (!take_date(&in, &days) || !take_time_of_day(&in, &time)) {
        return malformed(text, "timestamp", "YYYY-MM-DD[ HH:MM:SS[.f][Z|+hh:mm]]", err);
    }
    int64_t us = days * US_PER_DAY + time;
    if (!kdbi_timestamp_in_range(us)) {
        kdb_sv shown = kdb_utf8_cut(text, QUOTED_MAX);
        return KDB_FAIL(err, KDB_LIMIT, "timestamp '%.*s' is outside the years 0001 to 9999", KDB_SV_ARG(shown));
    }
    *out_us = us;
    return KDB_OK;
}

/* `value` in at least `width` digits. */
static size_t put_number(uint64_t value, size_t width, char *out)
{
    char digits[20];
    size_t count = kdbi_format_u64(value, digits);
    size_t zeros = count < width ? width - count : 0;
    memset(out, '0', zeros);
    memcpy(out + zeros, digits, count);
    return zeros + count;
}

static size_t put_date(int64_t days, char *out)
{
    int64_t year;
    unsigned month;
    unsigned day;
    civil_from_days(days, &year, &month, &day);
    size_t len = 0;
    if (year < 0) {
        out[len++] = '-';
    }
    len += put_number((uint64_t)(year < 0 ? -year : year), 4, out + len);
    out[len++] = '-';
    len += put_number(month, 2, out + len);
    out[len++] = '-';
    return len + put_number(day, 2, out + len);
}

/* ".5": nothing for whole seconds, zeros at the end left out. */
static size_t put_fraction(uint64_t us, char *out)
{
    if (us == 0) {
        return 0;
    }
    out[0] = '.';
    size_t len = 1 + put_number(us, 6, out + 1);
    while (out[len - 1] == '0') {
        len--;
    }
    return len;
}

static size_t put_time(uint64_t us, char *out)
{
    size_t len = put_number(us / US_PER_HOUR, 2, out);
    out[len++] = ':';
    len += put_number(us / US_PER_MINUTE % 60, 2, out + len);
    out[len++] = ':';
    len += put_number(us / US_PER_SECOND % 60, 2, out + len);
    return len + put_fraction(us % US_PER_SECOND, out + len);
}

static size_t put_timestamp(int64_t us, char separator, char *out)
{
    int64_t days;
    int64_t day_us;
    kdbi_timestamp_split(us, &days, &day_us);
    size_t len = put_date(days, out);
    out[len++] = separator;
    return len + put_time((uint64_t)day_us, out + len);
}

size_t kdbi_timestamp_format(int64_t us, char *out)
{
    return put_timestamp(us, ' ', out);
}

size_t kdbi_date_format(int32_t days, char *out)
{
    return put_date(days, out);
}

size_t kdbi_time_format(int64_t us, char *out)
{
    size_t sign = us < 0 ? 1 : 0;
    out[0] = '-';
    return sign + put_time(us < 0 ? -(uint64_t)us : (uint64_t)us, out + sign);
}

size_t kdb_rfc3339_format(int64_t us, char *out)
{
    size_t len = put_timestamp(us, 'T', out);
    memcpy(out + len, "+00:00", sizeof("+00:00"));
    return len + 6;
}
