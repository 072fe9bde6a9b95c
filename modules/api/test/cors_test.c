/* cors_test.c - which origins are let in. */
#include "api_test.h"

static bool allows(const char *origins, const char *origin)
{
    const kdbi_cors cors = { .origins = kdb_sv_cstr(origins) };
    return kdbi_cors_allows(&cors, kdb_sv_cstr(origin));
}

static void nothing_and_a_star_are_any(void **state)
{
    (void)state;
    assert_true(allows("", "https://a.example"));
    assert_true(allows("  ", "null"));
    assert_true(allows("*", "https://a.example"));
    assert_true(allows("https://b.example, *", "https://a.example"));
}

static void a_list_is_exact(void **state)
{
    (void)state;
    const char *list = "https://a.example , http://localhost:3000/";
    assert_true(allows(list, "https://a.example"));
    assert_true(allows(list, "HTTPS://A.example"));
    assert_true(allows(list, "http://localhost:3000"));
    assert_false(allows(list, "http://localhost:3001"));
    assert_false(allows(list, "http://a.example"));
    assert_false(allows(list, "https://a.example.evil.com"));
    assert_false(allows(list, "https://xa.example"));
    assert_false(allows(list, ""));
    assert_false(allows(",", ""));
}

static void sockets_have_the_same_origins(void **state)
{
    (void)state;
    const kdbi_cors any = { .origins = KDB_SV("") };
    const kdbi_cors one = { .origins = KDB_SV("https://a.example") };
    assert_null(kdbi_cors_socket_fault(&any, false, KDB_SV("https://b.example")));
    assert_null(kdbi_cors_socket_fault(&any, false, KDB_SV("")));
    assert_string_equal(kdbi_cors_socket_fault(&any, true, KDB_SV("")), "Origin header required");
    assert_null(kdbi_cors_socket_fault(&one, true, KDB_SV("https://a.example")));
    assert_null(kdbi_cors_socket_fault(&one, false, KDB_SV("")));
    assert_string_equal(kdbi_cors_socket_fault(&one, false, KDB_SV("https://b.example")), "Origin not allowed");
    assert_string_equal(kdbi_cors_socket_fault(&one, false, KDB_SV("null")), "Origin not allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_a_star_are_any),
        cmocka_unit_test(a_list_is_exact),
        cmocka_unit_test(sockets_have_the_same_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
