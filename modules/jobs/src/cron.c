/* cron.c - times of day as "m h dom mon dow": numbers, `*`, ranges `a-b`, steps `/n`, and lists of those. UTC. */
#include "jobs_int.h"

typedef struct field {
    const char *name;
    int64_t min, max;
    size_t offset; /* of a uint64_t in kdbi_cron */
} field;

static const field fields[] = {
    { "minute", 0, 59, offsetof(kdbi_cron, minutes) },      { "hour", 0, 23, offsetof(kdbi_cron, hours) },
    { "day of month", 1, 31, offsetof(kdbi_cron, days) },   { "month", 1, 12, offsetof(kdbi_cron, months) },
    { "day of week", 0, 7, offsetof(kdbi_cron, weekdays) }, /* 0 and 7 are Sunday */
};

/* ---- reading ---- */

/* Takes what stands before `separator` off the text; all of it when there is none. */
static kdb_sv take_until(kdb_sv *text, char separator)
{
    const char *at = text->len == 0 ? NULL : memchr(text->ptr, separator, text->len);
    const size_t len = at == NULL ? text->len : (size_t)(at - text->ptr);
    const kdb_sv part = kdb_sv_of(text->ptr, len);
    const size_t used = at == NULL ? len : len + 1;
    *text = kdb_sv_of(text->ptr + used, text->len - used);
    return part;
}

static bool read_number(kdb_sv text, const field *f, int64_t *out)
{
    return text.len != 0 && text.ptr[0] != '+' && kdb_parse_i64(text, out, NULL) == KDB_OK && *out >= f->min &&
           *out <= f->max;
}

static bool read_range(kdb_sv text, const field *f, bool stepped, int64_t *from, int64_t *to)
{
    if (kdb_sv_eq(text, KDB_SV("*"))) {
        *from = f->min;
        *to = f->max;
        return true;
    }
    const bool range = memchr(text.ptr, '-', text.len) != NULL;
    const kdb_sv first = take_until(&text, '-');
    if (!read_number(first, f, from)) {
        return false;
    }
    *to = stepped ? f->max : *from; /* `5/10`: from 5 on */
    return !range || (read_number(text, f, to) && *from <= *to);
}

static bool read_item(kdb_sv text, const field *f, uint64_t *bits)
{
    const bool stepped = text.len != 0 && memchr(text.ptr, '/', text.len) != NULL;
    const kdb_sv range = take_until(&text, '/');
    int64_t from = 0;
    int64_t to = 0;
    int64_t step = 1;
    if (range.len == 0 || !read_range(range, f, stepped, &from, &to) ||
        (stepped && (kdb_parse_i64(text, &step, NULL) != KDB_OK || step < 1 || step > f->max))) {
        return false;
    }
    for (int64_t value = from; value <= to; value += step) {
        *bits |= UINT64_C(1) << value;
    }
    return true;
}

static bool read_field(kdb_sv text, const field *f, uint64_t *bits)
{
    bool good = text.len != 0 && text.ptr[text.len - 1] != ',';
    while (good && text.len != 0) {
        good = read_item(take_until(&text, ','), f, bits);
    }
    return good;
}

static kdb_sv take_word(kdb_sv *text)
{
    *text = kdb_sv_trim(*text);
    return take_until(text, ' ');
}

kdb_status kdbi_cron_parse(kdb_sv text, kdbi_cron *out, kdb_err *err)
{
    kdbi_cron cron = { 0 };
    kdb_sv rest = text;
    for (size_t i = 0; i < KDB_ARRAY_LEN(fields); i++) {
        const kdb_sv word = take_word(&rest);
        if (!read_field(word, &fields[i], (uint64_t *)(void *)((char *)&cron + fields[i].offset))) {
            return KDB_FAIL(err, KDB_INVALID, "'%.*s' is no schedule \"minute hour day month weekday\": see its %s",
                            KDB_SV_ARG(text), fields[i].name);
        }
        cron.any_day = cron.any_day || (i == 2 && word.ptr[0] == '*');
        cron.any_weekday = cron.any_weekday || (i == 4 && word.ptr[0] == '*');
    }
    if (kdb_sv_trim(rest).len != 0) {
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' is no schedule: it has more than five fields", KDB_SV_ARG(text));
    }
    cron.weekdays |= (cron.weekdays >> 7) & 1;
    *out = cron;
    return KDB_OK;
}

/* ---- matching ---- */

/* Month and day of month of a day since 1970, by the calendar of the proleptic Gregorian year that begins in March. */
static void month_and_day(int64_t day, int64_t *month, int64_t *dom)
{
    const int64_t z = day + 719468;
    const int64_t of_era = z - (z >= 0 ? z : z - 146096) / 146097 * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t shifted = (5 * of_year + 2) / 153;
    *dom = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
}

static bool has(uint64_t bits, int64_t value)
{
    return (bits >> value & 1) != 0;
}

bool kdbi_cron_matches(const kdbi_cron *cron, int64_t minute)
{
    const int64_t day = minute / 1440;
    int64_t month = 0;
    int64_t dom = 0;
    month_and_day(day, &month, &dom);
    const bool by_day = has(cron->days, dom);
    const bool by_weekday = has(cron->weekdays, (day + 4) % 7); /* the first was a Thursday */
    const bool any = cron->any_day || cron->any_weekday;
    return has(cron->minutes, minute % 60) && has(cron->hours, minute / 60 % 24) && has(cron->months, month) &&
           (any ? by_day && by_weekday : by_day || by_weekday);
}
