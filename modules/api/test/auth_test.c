/* auth_test.c - the auth endpoints over a real socket; what tokens mean is tested in auth. */
#include "api_test.h"

#define PASSWORD "correct horse battery"

static fixture f;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&f, NULL);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void expect(const char *path, const char *token, const char *body, int status, const char *part)
{
    answer a;
    post(&f, path, token, body, &a);
    if (a.status != status) {
        fail_msg("%s %s: %d %s", path, body, a.status, a.body);
    }
    assert_contains(a.body, part);
    answer_done(&a);
}

static void login_answers_a_pair_and_cookies(void **state)
{
    (void)state;
    answer a;
    post(&f, "/v1/api/auth/login", NULL, "{\"username\":\"admin\",\"password\":\"" PASSWORD "\"}", &a);
    assert_int_equal(a.status, 200);
    assert_contains(
        a.body, "{\"user\":{\"id\":\"admin\",\"username\":\"admin\",\"role\":\"dba\",\"email\":null,\"created_at\":\"");
    assert_contains(a.body, "},\"admin_ui_access\":true,\"expires_at\":\"");
    assert_contains(a.body, "\"refresh_token\":\"");
    assert_contains(a.body, "\"refresh_expires_at\":\"");
    assert_string_equal(answer_header(&a, "cache-control"), "no-store");
    assert_contains(a.head, "set-cookie: kalamdb_auth=ey");
    assert_contains(a.head, "set-cookie: kalamdb_refresh=ey");
    assert_contains(a.head, "; Path=/; HttpOnly; SameSite=Strict; Expires=");
    assert_null(strstr(a.head, "; Secure"));
    answer_done(&a);
}

static void cookies_are_secure_when_the_proxy_says_https(void **state)
{
    (void)state;
    answer a;
    request(&f, "POST /v1/api/auth/logout HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nContent-Length: 0\r\n\r\n",
            &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"message\":\"Logged out successfully\"}");
    assert_contains(a.head, "set-cookie: kalamdb_auth=; Path=/; HttpOnly; SameSite=Strict; "
                            "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure");
    answer_done(&a);
}

static void failures_of_login(void **state)
{
    (void)state;
    const char *path = "/v1/api/auth/login";
    expect(path, NULL, "{\"user\":\"admin\",\"password\":\"wrong one\"}", 401,
           "{\"error\":\"unauthorized\",\"message\":\"Invalid credentials\"}");
    expect(path, NULL, "{\"user\":\"nobody\",\"password\":\"wrong one\"}", 401,
           "{\"error\":\"unauthorized\",\"message\":\"Invalid credentials\"}");
    expect(path, NULL, "", 400, "\"error\":\"invalid_request\"");
    expect(path, NULL, "[]", 400, "must be a JSON object");
    expect(path, NULL, "{\"user\":\"admin\"}", 400, "missing field `password`");
    expect(path, NULL, "{\"password\":\"x\"}", 400, "missing field `user`");
    expect(path, NULL, "{\"user\":1,\"password\":\"x\"}", 400, "`user` must be a string");
    expect(path, NULL, "{\"user\":\"a\",\"password\":\"x\",\"more\":1}", 400, "unknown field `more`");
    char body[512];
    (void)snprintf(body, sizeof body, "{\"user\":\"%0129d\",\"password\":\"x\"}", 0);
    expect(path, NULL, body, 400, "`user` is too long");
    (void)snprintf(body, sizeof body, "{\"user\":\"a\",\"password\":\"%0257d\"}", 0);
    expect(path, NULL, body, 400, "`password` is too long");
}

static void failures_of_setup(void **state)
{
    (void)state;
    const char *path = "/v1/api/auth/setup";
    expect(path, NULL, "{\"user\":\"x\",\"password\":\"" PASSWORD "\",\"root_password\":\"" PASSWORD "\"}", 409,
           "\"error\":\"already_configured\"");
    expect(path, NULL, "{\"user\":\"x\",\"password\":\"" PASSWORD "\"}", 400, "missing field `root_password`");
    answer a;
    request(&f, "POST /v1/api/auth/setup HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 8.8.8.8\r\nContent-Length: 2\r\n\r\n{}", &a);
    assert_int_equal(a.status, 403);
    assert_contains(a.body, "\"error\":\"forbidden\"");
    answer_done(&a);
}

static void refresh_takes_the_cookie_or_the_header(void **state)
{
    (void)state;
    char text[4096];
    answer a;
    post(&f, "/v1/api/auth/login", NULL, "{\"user\":\"alice\",\"password\":\"" PASSWORD "\"}", &a);
    const char *found = strstr(a.body, "\"refresh_token\":\"");
    assert_non_null(found);
    char token[2048];
    assert_int_equal(sscanf(found, "\"refresh_token\":\"%2047[^\"]", token), 1);
    answer_done(&a);
    expect("/v1/api/auth/refresh", token, "", 200, "\"access_token\":\"");
    (void)snprintf(
        text, sizeof text,
        "POST /v1/api/auth/refresh HTTP/1.1\r\nHost: x\r\nCookie: a=b; kalamdb_refresh=%s; kalamdb_auth=zz\r\n"
        "Content-Length: 0\r\n\r\n",
        token);
    request(&f, text, &a);
    assert_int_equal(a.status, 200);
    assert_contains(a.body, "\"admin_ui_access\":false");
    answer_done(&a);
    expect("/v1/api/auth/refresh", f.user, "", 401, "\"error\":\"unauthorized\"");
    expect("/v1/api/auth/refresh", NULL, "", 401, "\"error\":\"unauthorized\"");
}

static void me_takes_the_header_or_the_cookie(void **state)
{
    (void)state;
    static const char *const forms[] = { "Authorization: Bearer %s", "Cookie: x=y; kalamdb_auth=%s" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(forms); i++) {
        char header[2048], text[4096];
        answer a;
        (void)snprintf(header, sizeof header, forms[i], f.user); /* NOLINT: the formats are above */
        (void)snprintf(text, sizeof text, "GET /v1/api/auth/me HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", header);
        request(&f, text, &a);
        assert_int_equal(a.status, 200);
        assert_contains(a.body, "{\"user\":{\"id\":\"alice\",");
        assert_contains(a.body, "},\"admin_ui_access\":false}");
        answer_done(&a);
    }
    answer a;
    request(&f, "GET /v1/api/auth/me HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 401);
    assert_contains(a.body, "{\"error\":\"unauthorized\"");
    answer_done(&a);
}

static void status_tells_that_setup_is_done(void **state)
{
    (void)state;
    answer a;
    request(&f, "GET /v1/api/auth/status HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_contains(a.body, "{\"needs_setup\":false,\"message\":\"");
    answer_done(&a);
}

/* The hashing thread finishes for a client that is no longer there. */
static void a_client_may_leave_while_its_password_is_checked(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        client c;
        client_open(&c, f.port);
        client_send_post(&c, "/v1/api/auth/login", NULL, "{\"user\":\"alice\",\"password\":\"" PASSWORD "\"}");
        client_close(&c);
    }
    expect("/v1/api/auth/login", NULL, "{\"user\":\"alice\",\"password\":\"" PASSWORD "\"}", 200, "\"access_token\"");
}

static void sign_ins_are_limited_per_address(void **state)
{
    (void)state;
    static const char *const settings[] = { "rate_limit.max_auth_requests_per_ip_per_sec=4", NULL };
    fixture limited;
    fixture_open(&limited, settings);
    bool refused = false;
    for (int i = 0; i < 1000 && !refused; i++) {
        answer a;
        post(&limited, "/v1/api/auth/refresh", NULL, "", &a);
        refused = a.status == 429;
        if (refused) {
            assert_contains(a.body, "{\"error\":\"rate_limited\"");
            assert_string_equal(answer_header(&a, "retry-after"), "1");
        }
        answer_done(&a);
    }
    assert_true(refused);
    fixture_close(&limited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_answers_a_pair_and_cookies),
        cmocka_unit_test(cookies_are_secure_when_the_proxy_says_https),
        cmocka_unit_test(failures_of_login),
        cmocka_unit_test(failures_of_setup),
        cmocka_unit_test(refresh_takes_the_cookie_or_the_header),
        cmocka_unit_test(me_takes_the_header_or_the_cookie),
        cmocka_unit_test(status_tells_that_setup_is_done),
        cmocka_unit_test(a_client_may_leave_while_its_password_is_checked),
        cmocka_unit_test(sign_ins_are_limited_per_address),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
