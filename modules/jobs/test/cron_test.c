/* cron_test.c - schedules in five fields: what is read and refused, and the minutes they name. */
#include "jobs_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static int64_t minute_of(const char *utc)
{
    struct tm tm = { 0 };
    assert_non_null(strptime(utc, "%Y-%m-%d %H:%M", &tm));
    return (int64_t)timegm(&tm) / 60;
}

static void schedules_name_minutes(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *utc;
        bool due;
    } cases[] = {
        { "0 2 * * *", "2026-11-22 02:00", true },          { "0 2 * * *", "2026-11-22 02:01", false },
        { "0 2 * * *", "2026-11-22 03:00", false },         { "  0   2 *  * * ", "2026-11-22 02:00", true },
        { "* * * * *", "1970-01-01 00:00", true },          { "*/15 * * * *", "2026-11-22 10:45", true },
        { "*/15 * * * *", "2026-11-22 10:46", false },      { "5/20 * * * *", "2026-11-22 10:45", true },
        { "5/20 * * * *", "2026-11-22 10:20", false },      { "10-12,30 8-9 * * *", "2026-11-22 09:11", true },
        { "10-12,30 8-9 * * *", "2026-11-22 09:30", true }, { "10-12,30 8-9 * * *", "2026-11-22 09:13", false },
        { "0-30/10 * * * *", "2026-11-22 09:20", true },    { "0-30/10 * * * *", "2026-11-22 09:40", false },
        { "0 0 29 2 *", "2028-02-29 00:00", true },         { "0 0 1 3 *", "2028-02-29 00:00", false },
        { "0 0 1 3 *", "2027-03-01 00:00", true },          { "0 0 31 12 *", "2099-12-31 00:00", true },
        { "0 0 * * 0", "2026-11-22 00:00", true }, /* a Sunday */
        { "0 0 * * 7", "2026-11-22 00:00", true },          { "0 0 * * 1-5", "2026-11-22 00:00", false },
        { "0 0 13 * 5", "2026-11-13 00:00", true }, /* either of the two, as cron has it */
        { "0 0 13 * 5", "2026-11-20 00:00", true },         { "0 0 13 * 5", "2026-12-13 00:00", true },
        { "0 0 13 * 5", "2026-11-21 00:00", false },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        kdbi_cron cron;
        assert_int_equal(kdbi_cron_parse(kdb_sv_cstr(cases[i].schedule), &cron, NULL), KDB_OK);
        if (kdbi_cron_matches(&cron, minute_of(cases[i].utc)) != cases[i].due) {
            fail_msg("%s at %s", cases[i].schedule, cases[i].utc);
        }
    }
}

/* Every day of a century, against the C library's calendar. */
static void days_are_the_calendars(void **state)
{
    (void)state;
    for (int month = 1; month <= 12; month++) {
        char text[32];
        kdbi_cron cron;
        (void)snprintf(text, sizeof(text), "0 0 1-15 %d *", month);
        assert_int_equal(kdbi_cron_parse(kdb_sv_cstr(text), &cron, NULL), KDB_OK);
        for (int64_t day = 0; day < 36525; day++) {
            const time_t seconds = (time_t)(day * 86400);
            struct tm tm;
            assert_non_null(gmtime_r(&seconds, &tm));
            assert_int_equal(kdbi_cron_matches(&cron, day * 1440), tm.tm_mon + 1 == month && tm.tm_mday <= 15);
        }
    }
}

static void what_is_no_schedule_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *field;
    } cases[] = {
        { "", "see its minute" },
        { "60 * * * *", "see its minute" },
        { "-1 * * * *", "see its minute" },
        { "a * * * *", "see its minute" },
        { "1, * * * *", "see its minute" },
        { ",1 * * * *", "see its minute" },
        { "5-1 * * * *", "see its minute" },
        { "*/0 * * * *", "see its minute" },
        { "1/ * * * *", "see its minute" },
        { "1-2-3 * * * *", "see its minute" },
        { "+1 * * * *", "see its minute" },
        { "0 24 * * *", "see its hour" },
        { "0 0 0 * *", "see its day of month" },
        { "0 0 1 13 *", "see its month" },
        { "0 0 1 1 8", "see its day of week" },
        { "0 0 1 1", "see its day of week" },
        { "0 2 * * * *", "more than five" },
        { "@daily", "see its minute" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        kdbi_cron cron;
        kdb_err err;
        assert_int_equal(kdbi_cron_parse(kdb_sv_cstr(cases[i].schedule), &cron, &err), KDB_INVALID);
        if (strstr(err.text, cases[i].field) == NULL) {
            fail_msg("%s: %s", cases[i].schedule, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_name_minutes),
        cmocka_unit_test(days_are_the_calendars),
        cmocka_unit_test(what_is_no_schedule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
