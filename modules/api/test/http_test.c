/* http_test.c - requests and answers over a real socket: routes, methods, bodies, errors, keep-alive. */
#include "api_test.h"

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

static void health_is_static_json(void **state)
{
    (void)state;
    answer a;
    request(&f, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "content-type"), "application/json");
    assert_null(answer_header(&a, "server"));
    assert_string_equal(
        a.body, "{\"status\":\"healthy\",\"version\":\"0.1.0\",\"api_version\":\"v1\",\"build_date\":\"2026-01-31\"}");
    answer_done(&a);
}

static void trouble_is_told_with_its_reason(void **state)
{
    (void)state;
    answer a;
    fake_core_trouble(f.core, "the \"disk\" is full");
    request(&f, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    fake_core_trouble(f.core, NULL);
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body,
                        "{\"status\":\"unhealthy\",\"reason\":\"the \\\"disk\\\" is full\",\"version\":\"0.1.0\","
                        "\"api_version\":\"v1\",\"build_date\":\"2026-01-31\"}");
    answer_done(&a);
    request(&f, "GET /v1/api/healthcheck HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
}

static void head_is_get_without_a_body(void **state)
{
    (void)state;
    client c;
    answer a;
    client_open(&c, f.port);
    client_send_text(&c, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read_head_answer(&c, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(answer_header(&a, "content-length"));
    answer_done(&a);
    client_read(&c, &a);
    assert_int_equal(a.status, 404);
    assert_contains(a.body, "\"code\":\"NOT_FOUND\"");
    answer_done(&a);
    client_close(&c);
}

static void wrong_methods_are_405_and_name_the_right_ones(void **state)
{
    (void)state;
    answer a;
    request(&f, "GET /v1/api/sql HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "allow"), "POST, OPTIONS");
    answer_done(&a);
    request(&f, "DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "allow"), "GET, HEAD, OPTIONS");
    answer_done(&a);
}

static void options_is_answered_for_every_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_route_defs_count; i++) {
        char text[256];
        answer a;
        (void)snprintf(text, sizeof text, "OPTIONS %s HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n",
                       kdb_route_defs[i].path);
        request(&f, text, &a);
        assert_int_equal(a.status, 204);
        assert_string_equal(answer_header(&a, "access-control-allow-origin"), "https://a.example");
        assert_string_equal(answer_header(&a, "access-control-max-age"), "3600");
        answer_done(&a);
    }
}

static void every_route_is_reachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_route_defs_count; i++) {
        const kdb_route_def *route = &kdb_route_defs[i];
        char text[256];
        answer a;
        const char *below = route->path[strlen(route->path) - 1] == '/' ? "alice/x" : "";
        (void)snprintf(text, sizeof text, "%s %s%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                       route->method == KDB_HTTP_GET ? "GET" : "POST", route->path, below);
        request(&f, text, &a);
        assert_int_not_equal(a.status, 404);
        assert_int_not_equal(a.status, 405);
        assert_true(route->auth != KDB_ROUTE_BEARER || a.status == 401);
        answer_done(&a);
    }
}

static void sql_answers_rows(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.admin, "rows 2", &a);
    assert_int_equal(a.status, 200);
    assert_false(a.chunked);
    assert_contains(a.body, "{\"status\":\"success\",\"results\":[{\"schema\":["
                            "{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,\"flags\":[\"pk\",\"nn\",\"uq\"]},"
                            "{\"name\":\"password_hash\",\"data_type\":\"Text\",\"index\":1}],"
                            "\"rows\":[[\"0\",\"xxx\"],[\"1\",\"xxx\"]],\"row_count\":2,\"as_user\":\"admin\"}],"
                            "\"took\":");
    answer_done(&a);
}

static void secrets_are_masked_for_users(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.user, "rows 1", &a);
    assert_contains(a.body, "\"rows\":[[\"0\",\"***\"]]");
    answer_done(&a);
    post(&f, "/api/sql", f.user, "{\"sql\":\"rows 1\"}", &a);
    assert_contains(a.body, "\"rows\":[{\"id\":0,\"password_hash\":\"***\"}]");
    answer_done(&a);
}

static void sql_answers_messages_and_several_results(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.user, "message", &a);
    assert_contains(
        a.body, "\"results\":[{\"row_count\":3,\"message\":\"Inserted 3 row(s)\",\"as_user\":\"alice\"}],\"took\":");
    answer_done(&a);
    post_sql(&f, f.user, "two", &a);
    assert_contains(a.body, "\"as_user\":\"alice\"},{\"row_count\":3,");
    answer_done(&a);
}

static void parameters_reach_core(void **state)
{
    (void)state;
    answer a;
    post(&f, "/v1/api/sql", f.user, "{\"sql\":\"params\",\"params\":[9223372036854775807,\"a\\u00e9\",true,null,1.5]}",
         &a);
    assert_contains(a.body,
                    "\"rows\":[[\"9223372036854775807\",\"aé\",true,null,1.5]],\"row_count\":1,\"truncated\":true");
    answer_done(&a);
}

static void the_legacy_route_has_its_own_shape(void **state)
{
    (void)state;
    answer a;
    post(&f, "/api/sql", f.admin, "{\"sql\":\"two\"}", &a);
    assert_int_equal(a.status, 200);
    assert_contains(a.body,
                    "{\"status\":\"success\",\"results\":[{\"rows\":[{\"id\":0,\"password_hash\":\"x\"}],"
                    "\"row_count\":1,\"columns\":[\"id\",\"password_hash\"]},"
                    "{\"row_count\":3,\"columns\":[],\"message\":\"Inserted 3 row(s)\"}],\"execution_time_ms\":");
    answer_done(&a);
    char body[64];
    (void)snprintf(body, sizeof body, "{\"sql\":\"runfail %d\"}", KDB_NOT_FOUND);
    post(&f, "/api/sql", f.admin, body, &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body,
                    "\"error\":{\"code\":\"SQL_EXECUTION_ERROR\",\"message\":\"Error executing statement 1: Not found: "
                    "table secrets\",\"details\":");
    answer_done(&a);
    (void)snprintf(body, sizeof body, "{\"sql\":\"fail %d\"}", KDB_EMPTY_SQL);
    post(&f, "/api/sql", f.admin, body, &a);
    assert_contains(a.body, "\"code\":\"EMPTY_SQL\"");
    answer_done(&a);
}

static void failures_become_error_answers(void **state)
{
    (void)state;
    answer a;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "runfail %d", KDB_CONSTRAINT);
    post_sql(&f, f.user, sql, &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "{\"status\":\"error\",\"results\":[],\"took\":");
    assert_contains(a.body, "\"error\":{\"code\":\"SQL_EXECUTION_ERROR\",\"message\":\"Statement 1 failed: Constraint "
                            "violation: table secrets\"}}");
    answer_done(&a);
    (void)snprintf(sql, sizeof sql, "late 10 10 %d", KDB_CONFLICT);
    post_sql(&f, f.user, sql, &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "{\"status\":\"error\"");
    answer_done(&a);
    post_sql(&f, f.admin, "nan", &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "column 'ratio'");
    answer_done(&a);
}

static void a_full_queue_is_503_with_retry_after(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.user, "full", &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_header(&a, "retry-after"), "1");
    assert_contains(a.body, "\"code\":\"OVERLOADED\"");
    answer_done(&a);
}

static void an_answer_before_submit_returns_is_sent(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.user, "inline", &a);
    assert_int_equal(a.status, 200);
    assert_contains(a.body, "at once");
    answer_done(&a);
}

static void protected_routes_say_why_not(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, NULL, "message", &a);
    assert_int_equal(a.status, 401);
    assert_contains(a.body, "\"error\":{\"code\":\"MISSING_AUTHORIZATION\",\"message\":\"Authentication required\"}");
    answer_done(&a);
    request(&f,
            "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cm9vdDpyb290\r\nContent-Length: 2\r\n\r\n{}",
            &a);
    assert_int_equal(a.status, 401);
    assert_contains(a.body, "\"error\":{\"code\":\"INVALID_CREDENTIALS\",\"message\":\"Invalid credentials\"}");
    answer_done(&a);
    post_sql(&f, "no.such.token", "message", &a);
    assert_int_equal(a.status, 401);
    assert_contains(a.body, "INVALID_CREDENTIALS");
    answer_done(&a);
}

static void the_scheme_is_read_in_any_case(void **state)
{
    (void)state;
    char text[4096];
    answer a;
    (void)snprintf(text, sizeof text,
                   "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: bEARER  %s\r\nContent-Length: 17\r\n\r\n"
                   "{\"sql\":\"message\"}",
                   f.user);
    request(&f, text, &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
}

static void multipart_is_refused(void **state)
{
    (void)state;
    char text[4096];
    answer a;
    (void)snprintf(text, sizeof text,
                   "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: Multipart/Form-Data; boundary=x\r\nContent-Length: 2\r\n\r\n{}",
                   f.user);
    request(&f, text, &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "\"code\":\"INVALID_INPUT\",\"message\":\"Multipart requests are not supported\"");
    answer_done(&a);
}

static void chunked_request_bodies_are_read(void **state)
{
    (void)state;
    char text[4096];
    answer a;
    (void)snprintf(text, sizeof text,
                   "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"sql\":\r\na\r\n\"message\"}\r\n0\r\n\r\n",
                   f.user);
    request(&f, text, &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
}

static void expect_continue_is_honoured(void **state)
{
    (void)state;
    char text[4096];
    client c;
    answer a;
    (void)snprintf(text, sizeof text,
                   "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\n"
                   "Content-Length: 17\r\n\r\n",
                   f.user);
    client_open(&c, f.port);
    client_send_text(&c, text);
    client_read_head_answer(&c, &a);
    assert_int_equal(a.status, 100);
    answer_done(&a);
    client_send_text(&c, "{\"sql\":\"message\"}");
    client_read(&c, &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    client_close(&c);
}

static void one_connection_serves_many_requests(void **state)
{
    (void)state;
    client c;
    client_open(&c, f.port);
    for (int i = 0; i < 50; i++) {
        answer a;
        client_send_sql(&c, f.user, i % 3 == 0 ? "rows 5" : i % 3 == 1 ? "message" : "fail 1");
        client_read(&c, &a);
        assert_int_equal(a.status, i % 3 == 2 ? 400 : 200);
        answer_done(&a);
    }
    client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    client c;
    client_open(&c, f.port);
    for (int i = 0; i < 20; i++) {
        char sql[16];
        (void)snprintf(sql, sizeof sql, "rows %d", i);
        client_send_sql(&c, f.user, sql);
    }
    for (int i = 0; i < 20; i++) {
        answer a;
        char expected[32];
        (void)snprintf(expected, sizeof expected, "\"row_count\":%d,", i);
        client_read(&c, &a);
        assert_int_equal(a.status, 200);
        assert_contains(a.body, expected);
        answer_done(&a);
    }
    client_close(&c);
}

static void the_origin_is_echoed_on_answers(void **state)
{
    (void)state;
    answer a;
    request(&f, "GET /nowhere HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n", &a);
    assert_string_equal(answer_header(&a, "access-control-allow-origin"), "https://a.example");
    assert_string_equal(answer_header(&a, "access-control-allow-credentials"), "true");
    assert_string_equal(answer_header(&a, "vary"), "Origin");
    answer_done(&a);
}

static void forwarded_callers_do_not_see_health(void **state)
{
    (void)state;
    answer a;
    request(&f, "GET /health HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1, 203.0.113.9\r\n\r\n", &a);
    assert_int_equal(a.status, 403);
    assert_string_equal(a.body, "{\"error\":\"Access denied. Health endpoint is localhost-only.\"}");
    answer_done(&a);
    request(&f, "GET /v1/api/auth/status HTTP/1.1\r\nHost: x\r\nX-Real-IP: 203.0.113.9\r\n\r\n", &a);
    assert_int_equal(a.status, 403);
    assert_contains(a.body, "{\"error\":\"forbidden\",");
    answer_done(&a);
}

static void malformed_http_is_400(void **state)
{
    (void)state;
    answer a;
    request(&f, "NONSENSE\r\n\r\n", &a);
    assert_int_equal(a.status, 400);
    answer_done(&a);
    request(&f, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: magic\r\n\r\n", &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "{\"error\":\"BAD_REQUEST\"");
    answer_done(&a);
}

static void a_request_with_two_lengths_is_refused(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "content-length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(heads); i++) {
        char text[512];
        client c;
        answer a;
        (void)snprintf(text, sizeof text, "POST /v1/api/auth/logout HTTP/1.1\r\nHost: x\r\n%s", heads[i]);
        client_open(&c, f.port);
        client_send_text(&c, text);
        client_read(&c, &a);
        assert_int_equal(a.status, 400);
        assert_contains(a.body, "\"error\":\"BAD_REQUEST\"");
        assert_true(client_sees_end(&c));
        answer_done(&a);
        client_close(&c);
    }
}

static void http_1_0_closes_unless_asked(void **state)
{
    (void)state;
    client c;
    answer a;
    client_open(&c, f.port);
    client_send_text(&c, "GET /health HTTP/1.0\r\n\r\n");
    client_read(&c, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_sees_end(&c));
    answer_done(&a);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_is_static_json),
        cmocka_unit_test(trouble_is_told_with_its_reason),
        cmocka_unit_test(head_is_get_without_a_body),
        cmocka_unit_test(wrong_methods_are_405_and_name_the_right_ones),
        cmocka_unit_test(options_is_answered_for_every_path),
        cmocka_unit_test(every_route_is_reachable),
        cmocka_unit_test(sql_answers_rows),
        cmocka_unit_test(secrets_are_masked_for_users),
        cmocka_unit_test(sql_answers_messages_and_several_results),
        cmocka_unit_test(parameters_reach_core),
        cmocka_unit_test(the_legacy_route_has_its_own_shape),
        cmocka_unit_test(failures_become_error_answers),
        cmocka_unit_test(a_full_queue_is_503_with_retry_after),
        cmocka_unit_test(an_answer_before_submit_returns_is_sent),
        cmocka_unit_test(protected_routes_say_why_not),
        cmocka_unit_test(the_scheme_is_read_in_any_case),
        cmocka_unit_test(multipart_is_refused),
        cmocka_unit_test(chunked_request_bodies_are_read),
        cmocka_unit_test(expect_continue_is_honoured),
        cmocka_unit_test(one_connection_serves_many_requests),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(the_origin_is_echoed_on_answers),
        cmocka_unit_test(forwarded_callers_do_not_see_health),
        cmocka_unit_test(malformed_http_is_400),
        cmocka_unit_test(a_request_with_two_lengths_is_refused),
        cmocka_unit_test(http_1_0_closes_unless_asked),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
