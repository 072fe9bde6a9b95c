/* rate_limit_test.c - buckets per key, with the time given by the test. */
#include "api_test.h"

enum { SECOND = 1000000 };

static size_t taken(kdbi_rate_limit *limit, uint64_t key, int64_t now_us, size_t tries)
{
    size_t n = 0;
    for (size_t i = 0; i < tries; i++) {
        n += kdbi_rate_limit_take(limit, key, now_us);
    }
    return n;
}

static void zero_is_no_limit(void **state)
{
    (void)state;
    assert_null(kdbi_rate_limit_new(0, 0));
    assert_int_equal(taken(NULL, 1, SECOND, 1000), 1000);
    kdbi_rate_limit_free(NULL);
}

static void a_second_s_worth_at_once_then_the_rate(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(10, 0);
    assert_int_equal(taken(limit, 1, SECOND, 25), 10);
    assert_int_equal(taken(limit, 1, SECOND + SECOND / 2, 25), 5);
    assert_int_equal(taken(limit, 1, SECOND + SECOND / 2 + 99999, 25), 0);
    assert_int_equal(taken(limit, 1, SECOND + SECOND / 2 + 100000, 25), 1);
    assert_int_equal(taken(limit, 1, 60 * (int64_t)SECOND, 25), 10);
    kdbi_rate_limit_free(limit);
}

static void over_a_long_time_the_rate_holds_whatever_the_steps(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(100, 0);
    size_t n = 0;
    for (int64_t now = SECOND; now < 11 * (int64_t)SECOND; now += 777) {
        n += kdbi_rate_limit_take(limit, 5, now);
    }
    assert_in_range(n, 1090, 1101); /* the first second's worth, and ten seconds */
    kdbi_rate_limit_free(limit);
}

static void keys_do_not_share(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(2, 0);
    for (uint64_t key = 1; key <= 500; key++) {
        assert_int_equal(taken(limit, key * UINT64_C(0x9E3779B97F4A7C15), SECOND, 5), 2);
    }
    kdbi_rate_limit_free(limit);
}

static size_t banned(kdbi_rate_limit *limit, uint64_t key, int64_t now_us, size_t tries)
{
    size_t n = 0;
    for (size_t i = 0; i < tries; i++) {
        n += kdbi_rate_limit_ask(limit, key, now_us) == KDBI_RATE_BANNED;
    }
    return n;
}

static void who_goes_on_is_shut_out_for_a_while(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(10, 5);
    assert_int_equal(banned(limit, 1, SECOND, 19), 0);              /* ten taken, nine refused */
    assert_int_equal(banned(limit, 1, 3 * (int64_t)SECOND, 19), 0); /* a pause: all is forgotten */
    assert_int_equal(banned(limit, 1, 3 * (int64_t)SECOND, 3), 3);
    assert_int_equal(banned(limit, 1, 8 * (int64_t)SECOND - 1, 3), 3);
    assert_int_equal(banned(limit, 2, 8 * (int64_t)SECOND - 1, 3), 0);
    assert_int_equal(taken(limit, 1, 8 * (int64_t)SECOND, 3), 3);
    kdbi_rate_limit_free(limit);
}

static void a_little_too_much_for_long_is_too_much(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(10, 5);
    size_t n = 0;
    for (int64_t now = SECOND; now < 20 * (int64_t)SECOND && n == 0; now += SECOND / 12) {
        n += kdbi_rate_limit_ask(limit, 1, now) == KDBI_RATE_BANNED;
    }
    assert_int_equal(n, 1);
    kdbi_rate_limit_free(limit);
}

/* Keys of one set push out the one idle longest, not the one that is being limited. */
static void a_full_set_forgets_the_longest_idle(void **state)
{
    (void)state;
    kdbi_rate_limit *limit = kdbi_rate_limit_new(1, 0);
    assert_true(kdbi_rate_limit_take(limit, 1024, SECOND));
    for (uint64_t i = 2; i < 6; i++) {
        assert_false(kdbi_rate_limit_take(limit, 1024, SECOND + (int64_t)i));
        assert_true(kdbi_rate_limit_take(limit, 1024 * i, SECOND + (int64_t)i));
    }
    assert_false(kdbi_rate_limit_take(limit, 1024, SECOND + 100));
    kdbi_rate_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_no_limit),
        cmocka_unit_test(a_second_s_worth_at_once_then_the_rate),
        cmocka_unit_test(over_a_long_time_the_rate_holds_whatever_the_steps),
        cmocka_unit_test(keys_do_not_share),
        cmocka_unit_test(who_goes_on_is_shut_out_for_a_while),
        cmocka_unit_test(a_little_too_much_for_long_is_too_much),
        cmocka_unit_test(a_full_set_forgets_the_longest_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
