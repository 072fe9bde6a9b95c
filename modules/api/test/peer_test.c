/* peer_test.c - who a request comes from, through proxies that are trusted and callers that lie. */
#include "api_test.h"

static kdbi_trusted trusted_of(const char *text)
{
    kdbi_trusted trusted;
    kdb_err err;
    if (kdbi_trusted_parse(kdb_sv_cstr(text), &trusted, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return trusted;
}

static kdbi_addr addr(const char *text)
{
    return kdbi_addr_parse(kdb_sv_cstr(text));
}

static void assert_client(const char *ranges, const char *peer, const char *forwarded_for, const char *real_ip,
                          const char *expected)
{
    kdbi_trusted trusted = trusted_of(ranges);
    const kdbi_addr from = addr(peer);
    const kdbi_addr found = kdbi_client_addr(&trusted, &from, kdb_sv_cstr(forwarded_for), kdb_sv_cstr(real_ip));
    const kdbi_addr wanted = addr(expected);
    assert_memory_equal(&found, &wanted, sizeof found);
    kdbi_trusted_done(&trusted);
}

static void addresses_are_read_in_all_their_forms(void **state)
{
    (void)state;
    static const char *const same[] = { "10.1.2.3", " 10.1.2.3 ", "10.1.2.3:4711", "::ffff:10.1.2.3",
                                        "[::ffff:10.1.2.3]:80" };
    const kdbi_addr expected = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(same); i++) {
        const kdbi_addr found = addr(same[i]);
        assert_memory_equal(&found, &expected, sizeof found);
    }
    static const char *const nothing[] = { "", "x", "unknown", "1.2.3", "1.2.3.4.5", "[::1", "::g", "256.1.1.1" };
    const kdbi_addr unknown = { { 0 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(nothing); i++) {
        const kdbi_addr found = addr(nothing[i]);
        assert_memory_equal(&found, &unknown, sizeof found);
    }
}

static void loopback_is_127_and_1(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = { { "127.0.0.1", true },    { "127.255.0.9", true }, { "::1", true }, { "::ffff:127.0.0.1", true },
                  { "128.0.0.1", false },   { "0.0.0.0", false },    { "::", false }, { "::2", false },
                  { "::127.0.0.1", false }, { "fe80::1", false },    { "x", false } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        const kdbi_addr a = addr(cases[i].text);
        assert_int_equal(kdbi_addr_is_loopback(&a), cases[i].loopback);
    }
}

static void headers_count_only_from_trusted_peers(void **state)
{
    (void)state;
    assert_client("", "203.0.113.1", "198.51.100.7", "", "203.0.113.1");
    assert_client("", "203.0.113.1", "127.0.0.1", "127.0.0.1", "203.0.113.1");
    assert_client("", "127.0.0.1", "198.51.100.7", "", "198.51.100.7");
    assert_client("", "::1", "", "198.51.100.7", "198.51.100.7");
    assert_client("10.0.0.0/8", "10.9.9.9", "198.51.100.7", "", "198.51.100.7");
    assert_client("10.0.0.0/8", "11.9.9.9", "198.51.100.7", "", "11.9.9.9");
    assert_client("", "127.0.0.1", "", "", "127.0.0.1");
}

static void nobody_becomes_local_by_saying_so(void **state)
{
    (void)state;
    assert_client("", "127.0.0.1", "127.0.0.1, 198.51.100.7", "", "198.51.100.7");
    assert_client("", "127.0.0.1", "198.51.100.7, 127.0.0.1", "", "198.51.100.7");
    assert_client("", "127.0.0.1", "::1", "198.51.100.7", "198.51.100.7");
    assert_client("10.0.0.0/8", "10.0.0.1", "127.0.0.1", "", "10.0.0.1");
    assert_client("", "127.0.0.1", "garbage", "", "unknown");
    assert_client("", "127.0.0.1", "127.0.0.1", "", "127.0.0.1"); /* a proxy on this host, for a caller on this host */
}

static void the_client_is_the_last_that_is_no_proxy(void **state)
{
    (void)state;
    assert_client("10.0.0.0/8", "10.0.0.1", "8.8.8.8, 198.51.100.7, 10.0.0.2", "", "198.51.100.7");
    assert_client("10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", "", "10.0.0.3");
    assert_client("10.0.0.0/8", "10.0.0.1", " , ,198.51.100.7,", "", "198.51.100.7");
}

static void ranges_are_exact_to_the_bit(void **state)
{
    (void)state;
    kdbi_trusted trusted = trusted_of(" 192.0.2.128/25 , 2001:db8::/33, 198.51.100.9 ,");
    static const struct {
        const char *text;
        bool inside;
    } cases[] = { { "192.0.2.128", true },      { "192.0.2.255", true },   { "192.0.2.127", false },
                  { "198.51.100.9", true },     { "198.51.100.8", false }, { "2001:db8:7fff::1", true },
                  { "2001:db8:8000::1", false } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        const kdbi_addr a = addr(cases[i].text);
        assert_int_equal(kdbi_trusted_has(&trusted, &a), cases[i].inside);
    }
    kdbi_trusted_done(&trusted);
    kdbi_trusted all = trusted_of("0.0.0.0/0");
    const kdbi_addr v4 = addr("8.8.8.8");
    const kdbi_addr v6 = addr("2001:db8::1");
    assert_true(kdbi_trusted_has(&all, &v4));
    assert_false(kdbi_trusted_has(&all, &v6));
    kdbi_trusted_done(&all);
}

static void bad_ranges_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8, y", "::/129", "/8"
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        kdbi_trusted trusted;
        kdb_err err;
        assert_int_equal(kdbi_trusted_parse(kdb_sv_cstr(bad[i]), &trusted, &err), KDB_INVALID);
    }
}

static void limits_count_v6_networks_not_hosts(void **state)
{
    (void)state;
    const kdbi_addr a = addr("2001:db8:1:2::1"), b = addr("2001:db8:1:2:ffff::9"), c = addr("2001:db8:1:3::1");
    const kdbi_addr d = addr("10.0.0.1"), e = addr("10.0.0.2");
    assert_true(kdbi_addr_key(&a) == kdbi_addr_key(&b));
    assert_true(kdbi_addr_key(&a) != kdbi_addr_key(&c));
    assert_true(kdbi_addr_key(&d) != kdbi_addr_key(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_in_all_their_forms),
        cmocka_unit_test(loopback_is_127_and_1),
        cmocka_unit_test(headers_count_only_from_trusted_peers),
        cmocka_unit_test(nobody_becomes_local_by_saying_so),
        cmocka_unit_test(the_client_is_the_last_that_is_no_proxy),
        cmocka_unit_test(ranges_are_exact_to_the_bit),
        cmocka_unit_test(bad_ranges_are_named),
        cmocka_unit_test(limits_count_v6_networks_not_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
