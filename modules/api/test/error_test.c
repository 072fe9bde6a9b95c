/* error_test.c - how failures are worded, and what of them non-admins see (sql.md 2). */
#include "api_test.h"

static char *sql_error(const kdb_failure *failure, bool admin)
{
    kdb_buf out;
    kdb_buf_init(&out, 0);
    kdbi_put_sql_error(&out, failure, admin, 1234567);
    kdb_buf_append_byte(&out, 0);
    return out.ptr;
}

static void expect(const kdb_failure *failure, bool admin, const char *body)
{
    char *text = sql_error(failure, admin);
    assert_string_equal(text, body);
    kdb_free(text);
}

static void admins_see_everything(void **state)
{
    (void)state;
    const kdb_failure failure = { .status = KDB_TABLE_NOT_FOUND,
                                  .text = KDB_SV("Table \"t\" not found"),
                                  .statement = 2,
                                  .statement_text = KDB_SV("SELECT * FROM t"),
                                  .line = 3,
                                  .column = 15 };
    expect(&failure, true,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"SQL_EXECUTION_ERROR\","
           "\"message\":\"Statement 2 failed: Not found: Table \\\"t\\\" not found\","
           "\"details\":\"SELECT * FROM t\",\"line\":3,\"column\":15}}");
}

static void others_see_a_fixed_text_and_the_place(void **state)
{
    (void)state;
    const kdb_failure failure = { .status = KDB_TABLE_NOT_FOUND,
                                  .text = KDB_SV("Table t not found"),
                                  .statement = 2,
                                  .statement_text = KDB_SV("SELECT * FROM t"),
                                  .line = 3,
                                  .column = 15 };
    expect(&failure, false,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"SQL_EXECUTION_ERROR\","
           "\"message\":\"SQL statement failed\",\"line\":3,\"column\":15}}");
}

static void what_is_for_everybody_is_for_everybody(void **state)
{
    (void)state;
    const kdb_failure failure = {
        .status = KDB_CONSTRAINT, .text = KDB_SV("duplicate"), .statement = 1, .statement_text = KDB_SV("INSERT")
    };
    expect(&failure, false,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"SQL_EXECUTION_ERROR\","
           "\"message\":\"Statement 1 failed: Constraint violation: duplicate\"}}");
}

static void before_any_statement_there_is_no_number(void **state)
{
    (void)state;
    const kdb_failure failure = { .status = KDB_PERMISSION_DENIED, .text = KDB_SV("Admins only"), .statement = 0 };
    expect(&failure, false,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"PERMISSION_DENIED\","
           "\"message\":\"Admins only\"}}");
}

static void invalid_sql_tells_admins_its_place_in_words(void **state)
{
    (void)state;
    const kdb_failure failure = { .status = KDB_INVALID_SQL, .text = KDB_SV("syntax error"), .line = 2, .column = 4 };
    expect(&failure, true,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"INVALID_SQL\","
           "\"message\":\"syntax error (line 2, column 4)\",\"line\":2,\"column\":4}}");
    expect(&failure, false,
           "{\"status\":\"error\",\"results\":[],\"took\":1234.567,\"error\":{\"code\":\"INVALID_SQL\","
           "\"message\":\"SQL statement is invalid or not allowed\",\"line\":2,\"column\":4}}");
}

/* For every status: what the row hides is hidden, in both forms, and the body is JSON. */
static void no_status_leaks_to_others(void **state)
{
    (void)state;
    static const kdbi_reply_form *const forms[] = { &kdbi_form_v1, &kdbi_form_legacy };
    for (kdb_status status = KDB_INVALID; status < KDB_STATUS_COUNT; status++) {
        for (size_t i = 0; i < KDB_ARRAY_LEN(forms); i++) {
            KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
            const kdb_failure failure = {
                .status = status, .text = KDB_SV("SECRET"), .statement = 1, .statement_text = KDB_SV("HIDDEN")
            };
            kdb_buf out;
            kdb_err err;
            kdb_json *json;
            kdb_buf_init(&out, 0);
            forms[i]->failure(&out, &failure, false, 1);
            assert_int_equal(kdb_json_parse(kdb_buf_sv(&out), arena, &json, &err), KDB_OK);
            assert_true(kdb_json_lookup(kdb_json_lookup(json, KDB_SV("error")), KDB_SV("message"))->string.len > 0);
            assert_null(memmem(out.ptr, out.len, "HIDDEN", 6));
            assert_int_equal(memmem(out.ptr, out.len, "SECRET", 6) != NULL, kdb_status_defs[status].everybody);
            assert_in_range(forms[i]->http_status(status), 400, 599);
            kdb_buf_done(&out);
        }
    }
}

static void took_has_three_decimals(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = { { 0, "0.000" }, { 7, "0.007" }, { 1000, "1.000" }, { 12345678, "12345.678" } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        kdb_buf out;
        kdb_buf_init(&out, 0);
        kdbi_put_took(&out, cases[i].us);
        assert_sv(kdb_buf_sv(&out), cases[i].text);
        kdb_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admins_see_everything),
        cmocka_unit_test(others_see_a_fixed_text_and_the_place),
        cmocka_unit_test(what_is_for_everybody_is_for_everybody),
        cmocka_unit_test(before_any_statement_there_is_no_number),
        cmocka_unit_test(invalid_sql_tells_admins_its_place_in_words),
        cmocka_unit_test(no_status_leaks_to_others),
        cmocka_unit_test(took_has_three_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
