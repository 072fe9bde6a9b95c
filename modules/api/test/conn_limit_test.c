/* conn_limit_test.c - connections by address. */
#include "api_test.h"

static void an_address_has_so_many_and_no_more(void **state)
{
    (void)state;
    kdbi_conn_limit *limit = kdbi_conn_limit_new(2);
    const kdbi_addr one = kdbi_addr_parse(KDB_SV("192.0.2.1"));
    assert_true(kdbi_conn_limit_take(limit, &one));
    assert_true(kdbi_conn_limit_take(limit, &one));
    for (int i = 0; i < 10; i++) {
        assert_false(kdbi_conn_limit_take(limit, &one));
    }
    kdbi_conn_limit_give(limit, &one);
    assert_true(kdbi_conn_limit_take(limit, &one));
    assert_false(kdbi_conn_limit_take(limit, &one));
    kdbi_conn_limit_free(limit);
}

static void others_are_not_affected(void **state)
{
    (void)state;
    kdbi_conn_limit *limit = kdbi_conn_limit_new(1);
    size_t taken = 0;
    for (unsigned i = 0; i < 200; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "10.0.%u.1", i);
        const kdbi_addr addr = kdbi_addr_parse(kdb_sv_cstr(text));
        taken += kdbi_conn_limit_take(limit, &addr) ? 1 : 0;
    }
    assert_true(taken >= 195); /* a few may share a counter */
    kdbi_conn_limit_free(limit);
}

static void one_network_of_ipv6_is_one_address(void **state)
{
    (void)state;
    kdbi_conn_limit *limit = kdbi_conn_limit_new(1);
    const kdbi_addr one = kdbi_addr_parse(KDB_SV("2001:db8::1"));
    const kdbi_addr two = kdbi_addr_parse(KDB_SV("2001:db8::ffff:2"));
    assert_true(kdbi_conn_limit_take(limit, &one));
    assert_false(kdbi_conn_limit_take(limit, &two));
    kdbi_conn_limit_free(limit);
}

static void no_limit_is_none(void **state)
{
    (void)state;
    const kdbi_addr one = kdbi_addr_parse(KDB_SV("192.0.2.1"));
    assert_null(kdbi_conn_limit_new(0));
    assert_true(kdbi_conn_limit_take(NULL, &one));
    kdbi_conn_limit_give(NULL, &one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_so_many_and_no_more),
        cmocka_unit_test(others_are_not_affected),
        cmocka_unit_test(one_network_of_ipv6_is_one_address),
        cmocka_unit_test(no_limit_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
