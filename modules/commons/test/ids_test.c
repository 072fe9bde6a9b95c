/* ids_test.c - clock, snowflakes, UUIDs, ULIDs and random bytes; also from several threads and with a clock that stands
 * still or steps back. */
#include <stdatomic.h>

#include "test_support.h"

enum { THREADS = 4, IDS_EACH = 50000 };

static _Atomic int64_t test_us;

static int64_t test_clock(void)
{
    return atomic_load(&test_us);
}

static int freeze(void **state)
{
    (void)state;
    /* Ahead of every id that an earlier case made. */
    static int64_t start_us = INT64_C(2000000000000000);
    start_us += INT64_C(1000000000000);
    atomic_store(&test_us, start_us);
    kdb_clock_override(test_clock);
    kdb_snowflake_setup(5);
    return 0;
}

static int thaw(void **state)
{
    (void)state;
    kdb_clock_override(NULL);
    return 0;
}

static void clocks_tell_the_time(void **state)
{
    (void)state;
    assert_true(kdb_now_us() > INT64_C(1700000000000000));
    assert_true(kdb_now_ms() <= kdb_now_us() / 1000);
    int64_t before = kdb_monotonic_us();
    assert_true(kdb_monotonic_us() >= before);
    kdb_clock_override(test_clock);
    atomic_store(&test_us, 1234567);
    assert_int_equal(kdb_now_us(), 1234567);
    assert_int_equal(kdb_now_ms(), 1234);
    kdb_clock_override(NULL);
    assert_true(kdb_now_us() > INT64_C(1700000000000000));
}

static void a_snowflake_holds_time_node_and_counter(void **state)
{
    (void)state;
    uint64_t id = kdb_snowflake_next();
    assert_int_equal(kdb_snowflake_us(id), atomic_load(&test_us));
    assert_int_equal(id >> 12 & 1023, 5);
    assert_int_equal(id & 4095, 0);
    assert_int_equal(kdb_snowflake_next(), id + 1);
}

static void snowflakes_rise_while_the_clock_stands_or_steps_back(void **state)
{
    (void)state;
    uint64_t last = kdb_snowflake_next();
    for (int i = 0; i < 20000; i++) {
        if (i == 10000) {
            atomic_fetch_sub(&test_us, 5000000);
        }
        uint64_t id = kdb_snowflake_next();
        assert_true(id > last);
        assert_int_equal(id >> 12 & 1023, 5);
        last = id;
    }
    /* Four full counters: it ran ahead of the clock instead of waiting. */
    assert_true(kdb_snowflake_us(last) > atomic_load(&test_us));
}

static void ids_after_a_raise_are_greater_whatever_the_node(void **state)
{
    (void)state;
    uint64_t floor = kdb_snowflake_next() + (UINT64_C(1000) << 22) + (UINT64_C(1000) << 12);
    kdb_snowflake_raise(floor);
    uint64_t id = kdb_snowflake_next();
    assert_true(id > floor);
    kdb_snowflake_raise(floor - (UINT64_C(5000) << 22)); /* a lower floor changes nothing */
    assert_int_equal(kdb_snowflake_next(), id + 1);
    kdb_snowflake_raise(0);
    assert_int_equal(kdb_snowflake_next(), id + 2);
}

static void take_snowflakes(void *arg)
{
    uint64_t *ids = arg;
    for (int i = 0; i < IDS_EACH; i++) {
        ids[i] = kdb_snowflake_next();
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void snowflakes_of_all_threads_differ(void **state)
{
    (void)state;
    uint64_t *ids = kdb_alloc_array((size_t)THREADS * IDS_EACH, sizeof(uint64_t));
    kdb_thread threads[THREADS] = { 0 };
    for (size_t i = 0; i < THREADS; i++) {
        kdb_thread_start(&threads[i], "taker", KDB_THREAD_WORKER, take_snowflakes, ids + i * IDS_EACH);
    }
    for (size_t i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
        for (size_t j = 1; j < IDS_EACH; j++) {
            assert_true(ids[i * IDS_EACH + j] > ids[i * IDS_EACH + j - 1]);
        }
    }
    qsort(ids, (size_t)THREADS * IDS_EACH, sizeof(uint64_t), compare_ids);
    for (size_t i = 1; i < (size_t)THREADS * IDS_EACH; i++) {
        assert_true(ids[i] != ids[i - 1]);
    }
    kdb_free(ids);
}

static void uuids_are_version_7_and_rise(void **state)
{
    (void)state;
    char last[37] = "";
    for (int i = 0; i < 10000; i++) {
        char text[37];
        kdb_uuid_v7_text(text);
        kdb_uuid uuid;
        kdb_err err;
        assert_ok(kdb_uuid_parse(kdb_sv_cstr(text), &uuid, &err));
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
        assert_true(strcmp(text, last) > 0);
        memcpy(last, text, sizeof(last));
        if (i == 0) {
            assert_int_equal(kdb_get_be64(uuid.bytes) >> 16, (uint64_t)atomic_load(&test_us) / 1000);
        }
        if (i == 5000) {
            atomic_fetch_sub(&test_us, 100000000);
        }
    }
}

static uint64_t ulid_ms(const char *text)
{
    static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = 0;
    for (int i = 0; i < 10; i++) {
        const char *digit = strchr(base32, text[i]);
        assert_non_null(digit);
        ms = ms << 5 | (uint64_t)(digit - base32);
    }
    return ms;
}

static void ulids_hold_the_time_and_rise(void **state)
{
    (void)state;
    char last[27] = "";
    for (int i = 0; i < 10000; i++) {
        char text[27];
        kdb_ulid_text(text);
        assert_int_equal(strlen(text), 26);
        assert_int_equal(strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
        assert_true(strcmp(text, last) > 0);
        memcpy(last, text, sizeof(last));
        if (i == 0) {
            assert_int_equal(ulid_ms(text), (uint64_t)atomic_load(&test_us) / 1000);
        }
    }
}

static void random_bytes_fill_any_length(void **state)
{
    (void)state;
    unsigned char bytes[1000] = { 0 };
    kdb_random_bytes(bytes, 0);
    kdb_random_bytes(bytes + 1, sizeof(bytes) - 2);
    assert_int_equal(bytes[0] | bytes[999], 0);
    int counts[256] = { 0 };
    for (size_t i = 1; i < 999; i++) {
        counts[bytes[i]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        assert_true(counts[i] < 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_tell_the_time),
        cmocka_unit_test_setup_teardown(a_snowflake_holds_time_node_and_counter, freeze, thaw),
        cmocka_unit_test_setup_teardown(snowflakes_rise_while_the_clock_stands_or_steps_back, freeze, thaw),
        cmocka_unit_test_setup_teardown(ids_after_a_raise_are_greater_whatever_the_node, freeze, thaw),
        cmocka_unit_test_setup_teardown(snowflakes_of_all_threads_differ, freeze, thaw),
        cmocka_unit_test_setup_teardown(uuids_are_version_7_and_rise, freeze, thaw),
        cmocka_unit_test_setup_teardown(ulids_hold_the_time_and_rise, freeze, thaw),
        cmocka_unit_test(random_bytes_fill_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
