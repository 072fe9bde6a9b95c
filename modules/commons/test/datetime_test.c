/* datetime_test.c - dates and times to and from text, against the C library's calendar. */
#include <time.h>

#include "commons_int.h"
#include "test_support.h"

#define DAY_US INT64_C(86400000000)

static kdb_sv shown(size_t (*format)(int64_t, char *), int64_t us)
{
    static char text[48];
    return kdb_sv_of(text, format(us, text));
}

static int64_t parse(const char *text)
{
    int64_t us = -1;
    kdb_err err;
    kdb_status status = kdb_timestamp_parse(kdb_sv_cstr(text), &us, &err);
    if (status != KDB_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return us;
}

static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int32_t day = -719162; day <= 2932896; day += 1 + (day & 1) * 6) {
        char text[48];
        char expected[64];
        size_t len = kdbi_date_format(day, text);
        time_t seconds = (time_t)day * 86400;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        assert_sv(kdb_sv_of(text, len), expected);
        int32_t back;
        kdb_err err;
        assert_ok(kdb_date_parse(kdb_sv_of(text, len), &back, &err));
        assert_int_equal(back, day);
        assert_int_equal(timegm(&tm), seconds);
    }
}

static void timestamps_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 10;
    for (int i = 0; i < 100000; i++) {
        int64_t us = random_between(&seed, -719162 * DAY_US, 2932897 * DAY_US - 1);
        if (i % 3 == 0) {
            us -= us % 1000000;
        }
        char text[48];
        int64_t back;
        kdb_err err;
        assert_ok(kdb_timestamp_parse(kdb_sv_of(text, kdbi_timestamp_format(us, text)), &back, &err));
        assert_int_equal(back, us);
        assert_ok(kdb_timestamp_parse(kdb_sv_of(text, kdb_rfc3339_format(us, text)), &back, &err));
        assert_int_equal(back, us);
    }
}

static void all_forms_of_timestamps_are_read(void **state)
{
    (void)state;
    const int64_t at = INT64_C(1769853600000000); /* 2026-01-31T10:00:00Z */
    assert_int_equal(parse("2026-01-31"), at - INT64_C(36000000000));
    assert_int_equal(parse("2026-01-31 10:00:00"), at);
    assert_int_equal(parse("2026-01-31T10:00:00"), at);
    assert_int_equal(parse("2026-01-31t10:00:00z"), at);
    assert_int_equal(parse("2026-01-31T10:00:00Z"), at);
    assert_int_equal(parse("2026-01-31T10:00"), at);
    assert_int_equal(parse("  2026-01-31 10:00:00 \n"), at);
    assert_int_equal(parse("2026-01-31T10:00:00.5Z"), at + 500000);
    assert_int_equal(parse("2026-01-31T10:00:00.123456"), at + 123456);
    assert_int_equal(parse("2026-01-31T10:00:00.123456999"), at + 123456);
    assert_int_equal(parse("2026-01-31T10:00:00.000001"), at + 1);
    assert_int_equal(parse("2026-01-31T12:00:00+02:00"), at);
    assert_int_equal(parse("2026-01-31T12:00:00+0200"), at);
    assert_int_equal(parse("2026-01-31 12:00:00+02"), at);
    assert_int_equal(parse("2026-01-31 12:00:00 +02"), at);
    assert_int_equal(parse("2026-01-31T04:30:00-05:30"), at);
    assert_int_equal(parse("2026-02-01T01:00:00+15:00"), at);
    assert_int_equal(parse("1969-12-31T23:59:59.999999"), -1);
    assert_int_equal(parse("0001-01-01"), -719162 * DAY_US);
    assert_int_equal(parse("9999-12-31T23:59:59.999999"), 2932897 * DAY_US - 1);
}

static void what_is_no_timestamp_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "2026",
        "2026-1-31",
        "2026-01-31T",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-04-31",
        "0000-01-01",
        "-2026-01-01",
        "12026-01-01",
        "2026/01/31",
        "2026-01-31X10:00:00",
        "2026-01-31T24:00:00",
        "2026-01-31T10:60:00",
        "2026-01-31T10:00:60",
        "2026-01-31T1:00:00",
        "2026-01-31T10:00:00.",
        "2026-01-31T10:00:00,5",
        "2026-01-31T10:00:00X",
        "2026-01-31T10:00:00+",
        "2026-01-31T10:00:00+2",
        "2026-01-31T10:00:00+02:",
        "2026-01-31T10:00:00+02:0",
        "2026-01-31T10:00:00+02:60",
        "2026-01-31T10:00:00+16:00",
        "2026-01-31T10:00:00ZZ",
        "2026-01-31T10:00:00+02:00x",
        "1900-02-29",
        "2100-02-29",
        "now",
        "2026-01-31+02:00",
    };
    kdb_err err;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        int64_t us = 7;
        if (kdb_timestamp_parse(kdb_sv_cstr(bad[i]), &us, &err) != KDB_INVALID || us != 7) {
            fail_msg("'%s' was read", bad[i]);
        }
    }
    int64_t us;
    assert_status(kdb_timestamp_parse(kdb_sv_of("2026-01-31\0", 11), &us, &err), KDB_INVALID);
    assert_status(kdb_timestamp_parse(kdb_sv_of(NULL, 0), &us, &err), KDB_INVALID);
    assert_ok(kdb_timestamp_parse(KDB_SV("2000-02-29"), &us, &err));
}

static void an_offset_may_not_leave_the_years(void **state)
{
    (void)state;
    int64_t us;
    kdb_err err;
    assert_status(kdb_timestamp_parse(KDB_SV("0001-01-01T00:00:00+01:00"), &us, &err), KDB_LIMIT);
    assert_status(kdb_timestamp_parse(KDB_SV("9999-12-31T23:30:00-01:00"), &us, &err), KDB_LIMIT);
}

static void dates_have_no_time(void **state)
{
    (void)state;
    int32_t days = 7;
    kdb_err err;
    assert_status(kdb_date_parse(KDB_SV("2026-01-31T10:00:00"), &days, &err), KDB_INVALID);
    assert_contains(err.text, "2026-01-31T10:00:00");
    assert_int_equal(days, 7);
    assert_ok(kdb_date_parse(KDB_SV(" 1970-01-02 "), &days, &err));
    assert_int_equal(days, 1);
}

static void times_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 20000; i++) {
        int64_t us = random_between(&seed, 0, DAY_US - 1);
        char text[48];
        int64_t back;
        kdb_err err;
        assert_ok(kdb_time_parse(kdb_sv_of(text, kdbi_time_format(us, text)), &back, &err));
        assert_int_equal(back, us);
    }
    assert_sv(shown(kdbi_time_format, 0), "00:00:00");
    assert_sv(shown(kdbi_time_format, DAY_US - 1), "23:59:59.999999");
    assert_sv(shown(kdbi_time_format, 36000500000), "10:00:00.5");
    static const char *const bad[] = { "", "10", "10:00:00Z", "24:00:00", "10:00:00.", "10:0:00", "10:00:00 am" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        int64_t us = 7;
        kdb_err err;
        assert_status(kdb_time_parse(kdb_sv_cstr(bad[i]), &us, &err), KDB_INVALID);
        assert_int_equal(us, 7);
    }
}

static void texts_are_short_and_any_value_has_one(void **state)
{
    (void)state;
    assert_sv(shown(kdbi_timestamp_format, 1769853600500000), "2026-01-31 10:00:00.5");
    assert_sv(shown(kdbi_timestamp_format, 0), "1970-01-01 00:00:00");
    assert_sv(shown(kdbi_timestamp_format, -1), "1969-12-31 23:59:59.999999");
    assert_sv(shown(kdb_rfc3339_format, 1769853600123450), "2026-01-31T10:00:00.12345+00:00");
    assert_sv(shown(kdb_rfc3339_format, 1769853600000000), "2026-01-31T10:00:00+00:00");
    assert_true(shown(kdbi_timestamp_format, INT64_MAX).len < 48);
    assert_true(shown(kdbi_timestamp_format, INT64_MIN).len < 48);
    assert_true(shown(kdbi_time_format, INT64_MIN).len < 48);
    char text[48];
    assert_true(kdbi_date_format(INT32_MIN, text) < 48);
    assert_true(kdbi_date_format(INT32_MAX, text) < 48);
}

static void damaged_texts_never_crash(void **state)
{
    (void)state;
    uint64_t seed = 12;
    static const char good[] = "2026-01-31T10:00:00.123456+02:00";
    for (int i = 0; i < 100000; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (int j = 0; j < 2; j++) {
            text[random_between(&seed, 0, sizeof(good) - 2)] = "0123456789-+:.TZ \x80"[random_between(&seed, 0, 17)];
        }
        int64_t us;
        kdb_err err;
        size_t len = (size_t)random_between(&seed, 0, sizeof(good) - 1);
        char *exact = kdb_sv_heap_cstr(kdb_sv_of(text, len)); /* so that a read beyond is seen */
        kdb_status status = kdb_timestamp_parse(kdb_sv_of(exact, len), &us, &err);
        assert_true(status == KDB_OK || status == KDB_INVALID || status == KDB_LIMIT);
        kdb_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(timestamps_round_trip),
        cmocka_unit_test(all_forms_of_timestamps_are_read),
        cmocka_unit_test(what_is_no_timestamp_is_refused),
        cmocka_unit_test(an_offset_may_not_leave_the_years),
        cmocka_unit_test(dates_have_no_time),
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(texts_are_short_and_any_value_has_one),
        cmocka_unit_test(damaged_texts_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
