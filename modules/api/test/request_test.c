/* request_test.c - the JSON body of a request for SQL: what is read, and what is refused with which words. */
#include "api_test.h"

static const kdbi_sql_limits limits = { 50, 524288 };

static int make_arena(void **state)
{
    *state = kdb_arena_new(0);
    return 0;
}

static int free_arena(void **state)
{
    kdb_arena_free(*state);
    return 0;
}

static kdbi_sql_request decoded(kdb_arena *arena, const char *body)
{
    kdbi_sql_request request;
    kdb_err err;
    if (kdbi_sql_request_decode(kdb_sv_cstr(body), &limits, arena, &request, &err) != KDB_OK) {
        fail_msg("%s: %s", body, err.text);
    }
    return request;
}

static void refused(kdb_arena *arena, const char *body, kdb_status status, const char *part)
{
    kdbi_sql_request request;
    kdb_err err;
    assert_int_equal(kdbi_sql_request_decode(kdb_sv_cstr(body), &limits, arena, &request, &err), status);
    assert_int_equal(err.status, status);
    assert_contains(err.text, part);
}

static void sql_alone_is_enough(void **state)
{
    const kdbi_sql_request request = decoded(*state, "{\"sql\":\"SELECT 1\"}");
    assert_sv(request.sql, "SELECT 1");
    assert_sv(request.ns, "");
    assert_int_equal(request.nparams, 0);
}

static void all_members_are_read_and_others_ignored(void **state)
{
    const kdbi_sql_request request = decoded(
        *state, " {\"later\":[{}],\"params\":[ null, true ],\"namespace_id\":\"app\",\"sql\":\"x\\n\\u00e9\"} ");
    assert_sv(request.sql, "x\n\xc3\xa9");
    assert_sv(request.ns, "app");
    assert_int_equal(request.nparams, 2);
}

static void parameters_keep_their_type_and_value(void **state)
{
    const kdbi_sql_request request = decoded(
        *state, "{\"sql\":\"x\",\"params\":[null,true,-9223372036854775808,9223372036854775808,1.5,\"t\",\"\"]}");
    assert_int_equal(request.nparams, 7);
    assert_true(request.params[0].is_null);
    assert_int_equal(request.params[1].type.kind, KDB_TYPE_BOOLEAN);
    assert_true(request.params[1].as.b);
    assert_int_equal(request.params[2].type.kind, KDB_TYPE_BIGINT);
    assert_true(request.params[2].as.i64 == INT64_MIN);
    assert_int_equal(request.params[3].type.kind, KDB_TYPE_DOUBLE);
    assert_true(request.params[3].as.f64 == 9223372036854775808.0);
    assert_true(request.params[4].as.f64 == 1.5);
    assert_int_equal(request.params[5].type.kind, KDB_TYPE_TEXT);
    assert_sv(request.params[5].as.bytes, "t");
    assert_false(request.params[6].is_null);
    assert_sv(request.params[6].as.bytes, "");
}

static void no_parameters_may_be_said_in_three_ways(void **state)
{
    assert_int_equal(decoded(*state, "{\"sql\":\"x\",\"params\":null}").nparams, 0);
    assert_int_equal(decoded(*state, "{\"sql\":\"x\",\"params\":[]}").nparams, 0);
    assert_int_equal(decoded(*state, "{\"sql\":\"x\"}").nparams, 0);
}

static void bodies_that_are_not_a_request_are_refused(void **state)
{
    refused(*state, "", KDB_INVALID, "not valid JSON");
    refused(*state, "{\"sql\":\"x\"", KDB_INVALID, "not valid JSON");
    refused(*state, "{\"sql\":\"x\"}}", KDB_INVALID, "not valid JSON");
    refused(*state, "{\"sql\":\"\xff\"}", KDB_INVALID, "not valid JSON");
    refused(*state, "{\"sql\":\"a\",\"sql\":\"b\"}", KDB_INVALID, "not valid JSON");
    refused(*state, "[\"sql\"]", KDB_INVALID, "must be a JSON object");
    refused(*state, "\"sql\"", KDB_INVALID, "must be a JSON object");
    refused(*state, "{}", KDB_INVALID, "no member `sql`");
    refused(*state, "{\"sql\":null}", KDB_INVALID, "no member `sql`");
    refused(*state, "{\"sql\":5}", KDB_INVALID, "`sql` must be a string");
    refused(*state, "{\"sql\":\"a\\u0000b\"}", KDB_INVALID, "NUL");
    refused(*state, "{\"sql\":\"x\",\"namespace_id\":5}", KDB_INVALID, "`namespace_id` must be a string");
    refused(*state, "{\"sql\":\"x\",\"params\":{}}", KDB_INVALID, "`params` must be an array");
}

static void nested_parameters_name_their_placeholder(void **state)
{
    refused(*state, "{\"sql\":\"x\",\"params\":[1,[2]]}", KDB_INVALID_PARAMETER,
            "Parameter $2 invalid: Array parameters not yet supported");
    refused(*state, "{\"sql\":\"x\",\"params\":[{}]}", KDB_INVALID_PARAMETER,
            "Parameter $1 invalid: Object parameters not yet supported");
}

static char *body_with(const char *head, size_t fill, const char *tail)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append(&body, head, strlen(head));
    memset(kdb_buf_reserve(&body, fill + 1), 'x', fill);
    body.len += fill;
    kdb_buf_append(&body, tail, strlen(tail) + 1);
    return body.ptr;
}

static void parameters_have_a_number_and_a_size(void **state)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"sql\":\"x\",\"params\":[1");
    for (int i = 1; i < 50; i++) {
        kdb_buf_append_lit(&body, ",1");
    }
    const size_t len = body.len;
    kdb_buf_append(&body, "]}", 3);
    assert_int_equal(decoded(*state, body.ptr).nparams, 50);
    body.len = len;
    kdb_buf_append(&body, ",1]}", 5);
    refused(*state, body.ptr, KDB_INVALID_PARAMETER, "Parameter count exceeded: maximum 50 parameters allowed, got 51");
    kdb_buf_done(&body);

    char *largest = body_with("{\"sql\":\"x\",\"params\":[\"", 524288, "\"]}");
    assert_int_equal(decoded(*state, largest).params[0].as.bytes.len, 524288);
    kdb_free(largest);
    char *larger = body_with("{\"sql\":\"x\",\"params\":[\"", 524289, "\"]}");
    refused(*state, larger, KDB_INVALID_PARAMETER,
            "Parameter size exceeded: maximum 524288 bytes allowed, $1 has 524289");
    kdb_free(larger);
}

static void sql_has_a_length(void **state)
{
    char *longest = body_with("{\"sql\":\"", KDBI_SQL_MAX, "\"}");
    assert_int_equal(decoded(*state, longest).sql.len, KDBI_SQL_MAX);
    kdb_free(longest);
    char *longer = body_with("{\"sql\":\"", KDBI_SQL_MAX + 1, "\"}");
    refused(*state, longer, KDB_INVALID_SQL, "SQL query too long: 1048577 bytes (maximum 1048576 bytes)");
    kdb_free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sql_alone_is_enough, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(all_members_are_read_and_others_ignored, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(parameters_keep_their_type_and_value, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(no_parameters_may_be_said_in_three_ways, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(bodies_that_are_not_a_request_are_refused, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(nested_parameters_name_their_placeholder, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(parameters_have_a_number_and_a_size, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(sql_has_a_length, make_arena, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
