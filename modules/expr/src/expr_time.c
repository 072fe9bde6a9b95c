/* expr_time.c - parts of times and times cut short. Times are microseconds since 1970, dates days; both in the years that
 * tables hold. */
#include "expr_int.h"

#define DAY_US INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000)
#define MINUTE_US INT64_C(60000000)
#define SECOND_US INT64_C(1000000)

typedef struct civil {
    int64_t year;
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
} civil;

/* Years are counted from March, in eras of 400, so that leap days come last. */
int64_t kdbi_days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t shifted = month <= 2 ? year - 1 : year;
    const int64_t era = kdbi_floor_div(shifted, 400);
    const int64_t of_era = shifted - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static civil civil_of(int64_t days)
{
    const int64_t shifted = days + 719468;
    const int64_t era = kdbi_floor_div(shifted, 146097);
    const int64_t of_era = shifted - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    const civil c = { .month = month + (month < 10 ? 3 : -9), .day = of_year - (153 * month + 2) / 5 + 1 };
    return (civil){ year + era * 400 + (c.month <= 2), c.month, c.day };
}

/* Monday is 1. */
static int64_t iso_weekday(int64_t days)
{
    const int64_t since_monday = days + 3; /* 1970 began on a Thursday */
    return since_monday - kdbi_floor_div(since_monday, 7) * 7 + 1;
}

static int64_t monday_of(int64_t days)
{
    return days - iso_weekday(days) + 1;
}

/* A week belongs to the year of its Thursday. */
static int64_t iso_year(int64_t days)
{
    return civil_of(monday_of(days) + 3).year;
}

static int64_t iso_week(int64_t days)
{
    const int64_t thursday = monday_of(days) + 3;
    return (thursday - kdbi_days_of(civil_of(thursday).year, 1, 1)) / 7 + 1;
}

/* ---- parts ---- */

typedef struct moment {
    int64_t us;     /* since 1970 */
    int64_t days;   /* whole ones */
    int64_t day_us; /* of that day */
    civil date;
} moment;

static int64_t part_year(const moment *m)
{
    return m->date.year;
}
static int64_t part_month(const moment *m)
{
    return m->date.month;
}
static int64_t part_day(const moment *m)
{
    return m->date.day;
}
static int64_t part_hour(const moment *m)
{
    return m->day_us / HOUR_US;
}
static int64_t part_minute(const moment *m)
{
    return m->day_us % HOUR_US / MINUTE_US;
}
static int64_t part_second(const moment *m)
{
    return m->day_us % MINUTE_US / SECOND_US;
}
static int64_t part_millisecond(const moment *m)
{
    return m->day_us % MINUTE_US / 1000;
}
static int64_t part_microsecond(const moment *m)
{
    return m->day_us % MINUTE_US;
}
static int64_t part_dow(const moment *m)
{
    return iso_weekday(m->days) % 7;
}
static int64_t part_isodow(const moment *m)
{
    return iso_weekday(m->days);
}
static int64_t part_doy(const moment *m)
{
    return m->days - kdbi_days_of(m->date.year, 1, 1) + 1;
}
static int64_t part_week(const moment *m)
{
    return iso_week(m->days);
}
static int64_t part_isoyear(const moment *m)
{
    return iso_year(m->days);
}
static int64_t part_yearweek(const moment *m)
{
    return iso_year(m->days) * 100 + iso_week(m->days);
}
static int64_t part_quarter(const moment *m)
{
    return (m->date.month - 1) / 3 + 1;
}
static int64_t part_decade(const moment *m)
{
    return m->date.year / 10;
}
static int64_t part_century(const moment *m)
{
    return (m->date.year - 1) / 100 + 1;
}
static int64_t part_millennium(const moment *m)
{
    return (m->date.year - 1) / 1000 + 1;
}

typedef struct part_row {
    const char *name;     /* of EXTRACT */
    const char *function; /* that does the same; NULL: none */
    int64_t (*part)(const moment *m);
} part_row;

static const part_row part_rows[] = {
    { "year", "year", part_year },
    { "month", "month", part_month },
    { "day", "day", part_day },
    { "day", "dayofmonth", part_day },
    { "hour", "hour", part_hour },
    { "minute", "minute", part_minute },
    { "second", "second", part_second },
    { "milliseconds", "millisecond", part_millisecond },
    { "microseconds", "microsecond", part_microsecond },
    { "dow", "dayofweek", part_dow },
    { "dow", "weekday", part_dow },
    { "isodow", "isodow", part_isodow },
    { "doy", "dayofyear", part_doy },
    { "week", "week", part_week },
    { "week", "weekofyear", part_week },
    { "isoyear", "isoyear", part_isoyear },
    { "yearweek", "yearweek", part_yearweek },
    { "quarter", "quarter", part_quarter },
    { "decade", "decade", part_decade },
    { "century", "century", part_century },
    { "millennium", "millennium", part_millennium },
};

static const part_row *part_called(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(part_rows); i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(part_rows[i].name))) {
            return &part_rows[i];
        }
    }
    return NULL;
}

static const part_row *part_of_function(kdb_sv function)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(part_rows); i++) {
        if (kdb_sv_eq(function, kdb_sv_cstr(part_rows[i].function))) {
            return &part_rows[i];
        }
    }
    return NULL;
}

/* `detail`: the row. */
static kdb_status run_part(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    moment m = { .us = out->as.i64, .days = kdbi_floor_div(out->as.i64, DAY_US) };
    m.day_us = m.us - m.days * DAY_US;
    m.date = civil_of(m.days);
    out->as.i64 = part_rows[step->detail].part(&m);
    return KDB_OK;
}

static kdb_status run_epoch(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = out->is_null ? 0 : (double)out->as.i64 / 1e6;
    return KDB_OK;
}

/* A DATE or TIMESTAMP as a TIMESTAMP. */
static const kdbi_step *instant_of(kdbi_compiler *c, const kdbi_step *arg)
{
    const bool instant = arg->type.kind == KDB_TYPE_TIMESTAMP || arg->type.kind == KDB_TYPE_DATE;
    return instant && !arg->is_param && !arg->boundless ? kdbi_cast(c, arg, kdb_type_of(KDB_TYPE_TIMESTAMP)) : NULL;
}

static const kdbi_step *part_step(kdbi_compiler *c, const part_row *row, const kdbi_step *instant)
{
    if (row == NULL || instant == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_unary(c, run_part, kdb_type_of(KDB_TYPE_BIGINT), instant);
    step->detail = (uint32_t)(row - part_rows);
    return step;
}

/* The word that says which part; false when it is no literal. */
static bool word_of(const kdbi_compiler *c, const kdbi_step *arg, kdb_sv *out)
{
    const kdb_value *word = kdbi_literal(c, arg);
    if (word == NULL || word->is_null || arg->type.kind != KDB_TYPE_TEXT) {
        return false;
    }
    *out = word->as.bytes;
    return true;
}

/* date_part('year', x) */
const kdbi_step *kdbi_compile_date_part(kdbi_compiler *c, const kdb_node *node)
{
    kdb_sv word;
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (args == NULL || node->nargs != 2 || !word_of(c, args[0], &word)) {
        return NULL;
    }
    const kdbi_step *instant = instant_of(c, args[1]);
    if (instant != NULL && kdb_sv_ieq(word, KDB_SV("epoch"))) {
        return kdbi_step_unary(c, run_epoch, kdb_type_of(KDB_TYPE_DOUBLE), instant);
    }
    return part_step(c, part_called(word), instant);
}

/* year(x) */
const kdbi_step *kdbi_compile_part(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (args == NULL || node->nargs != 1) {
        return NULL;
    }
    return part_step(c, part_of_function(node->name), instant_of(c, args[0]));
}

/* ---- since 1970 ---- */

const kdbi_step *kdbi_compile_epoch(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    const kdbi_step *instant = args == NULL || node->nargs != 1 ? NULL : instant_of(c, args[0]);
    return instant == NULL ? NULL : kdbi_step_unary(c, run_epoch, kdb_type_of(KDB_TYPE_DOUBLE), instant);
}

static kdb_status run_epoch_ms(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : out->as.i64 / 1000;
    return KDB_OK;
}

static kdb_status run_epoch_us(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return kdbi_arg(step, 0, run, out);
}

const kdbi_step *kdbi_compile_epoch_count(kdbi_compiler *c, const kdb_node *node)
{
    const bool ms = kdb_sv_eq(node->name, KDB_SV("epoch_ms"));
    const kdbi_step **args = kdbi_compile_args(c, node);
    const kdbi_step *instant = args == NULL || node->nargs != 1 ? NULL : instant_of(c, args[0]);
    const kdb_type type = kdb_type_of(KDB_TYPE_BIGINT);
    return instant == NULL ? NULL : kdbi_step_unary(c, ms ? run_epoch_ms : run_epoch_us, type, instant);
}

/* ---- date_trunc ---- */

static int64_t trunc_year(int64_t days)
{
    return kdbi_days_of(civil_of(days).year, 1, 1);
}
static int64_t trunc_quarter(int64_t days)
{
    const civil date = civil_of(days);
    return kdbi_days_of(date.year, (date.month - 1) / 3 * 3 + 1, 1);
}
static int64_t trunc_month(int64_t days)
{
    return days - civil_of(days).day + 1;
}
static int64_t trunc_week(int64_t days)
{
    return monday_of(days);
}
static int64_t trunc_day(int64_t days)
{
    return days;
}

typedef struct trunc_row {
    const char *name;
    int64_t (*days)(int64_t days); /* what remains is a DATE; or */
    int64_t unit;                  /* a TIMESTAMP, in these */
} trunc_row;

static const trunc_row trunc_rows[] = {
    { "year", trunc_year, 0 },     { "quarter", trunc_quarter, 0 }, { "month", trunc_month, 0 },
    { "week", trunc_week, 0 },     { "day", trunc_day, 0 },         { "hour", NULL, HOUR_US },
    { "minute", NULL, MINUTE_US }, { "second", NULL, SECOND_US },   { "milliseconds", NULL, 1000 },
    { "microseconds", NULL, 1 },
};

static kdb_status run_trunc(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const trunc_row *row = &trunc_rows[step->detail];
    if (out->is_null) {
        return KDB_OK;
    }
    out->as.i64 = row->days != NULL ? row->days(kdbi_floor_div(out->as.i64, DAY_US))
                                    : kdbi_floor_div(out->as.i64, row->unit) * row->unit;
    return KDB_OK;
}

const kdbi_step *kdbi_compile_date_trunc(kdbi_compiler *c, const kdb_node *node)
{
    kdb_sv word;
    const kdbi_step **args = kdbi_compile_args(c, node);
    const kdbi_step *instant = NULL;
    if (args == NULL || node->nargs != 2 || !word_of(c, args[0], &word) || (instant = instant_of(c, args[1])) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(trunc_rows); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(trunc_rows[i].name))) {
            const kdb_type_kind kind = trunc_rows[i].days != NULL ? KDB_TYPE_DATE : KDB_TYPE_TIMESTAMP;
            kdbi_step *step = kdbi_step_unary(c, run_trunc, kdb_type_of(kind), instant);
            step->detail = (uint32_t)i;
            return step;
        }
    }
    return NULL;
}
