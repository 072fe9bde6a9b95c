/* err_test.c - filling error objects, and a walk over the table of statuses. */
#include "test_support.h"

static kdb_status pass_up(kdb_status status)
{
    KDB_TRY(status);
    return KDB_INTERNAL;
}

static void fail_fills_everything(void **state)
{
    (void)state;
    kdb_err err;
    assert_status(KDB_FAIL(&err, KDB_CONFLICT, "row %d of %s", 3, "t"), KDB_CONFLICT);
    assert_int_equal(err.status, KDB_CONFLICT);
    assert_string_equal(err.text, "row 3 of t");
    assert_int_equal(err.position, -1);
    assert_contains(err.source_file, "err_test.c");
    assert_true(err.source_line > 0);
    assert_status(KDB_FAIL_AT(&err, 17, KDB_INVALID_SQL, "x"), KDB_INVALID_SQL);
    assert_int_equal(err.position, 17);
}

static void no_error_object_is_fine(void **state)
{
    (void)state;
    assert_status(KDB_FAIL(NULL, KDB_IO, "x"), KDB_IO);
    assert_status(KDB_FAIL_AT(NULL, 1, KDB_IO, "x"), KDB_IO);
    kdb_err_context(NULL, "x");
    kdb_err_at(NULL, 1);
}

static void try_passes_failures_up_only(void **state)
{
    (void)state;
    assert_status(pass_up(KDB_IO), KDB_IO);
    assert_status(pass_up(KDB_OK), KDB_INTERNAL);
}

static void context_goes_before_the_message(void **state)
{
    (void)state;
    kdb_err err;
    kdb_status status = KDB_FAIL(&err, KDB_IO, "disk full");
    kdb_err_context(&err, "flushing %s", "t1");
    assert_string_equal(err.text, "flushing t1: disk full");
    assert_int_equal(err.status, status);
    /* An argument may be the old text. */
    kdb_err_context(&err, "%s", err.text);
    assert_string_equal(err.text, "flushing t1: disk full: flushing t1: disk full");
    status = KDB_FAIL(&err, KDB_IO, "again: %s", err.text);
    assert_string_equal(err.text, "again: flushing t1: disk full: flushing t1: disk full");
}

static void the_first_position_stays(void **state)
{
    (void)state;
    kdb_err err;
    assert_status(KDB_FAIL(&err, KDB_INVALID_SQL, "x"), KDB_INVALID_SQL);
    kdb_err_at(&err, 5);
    kdb_err_at(&err, 9);
    assert_int_equal(err.position, 5);
}

static void long_messages_are_cut_at_a_character(void **state)
{
    (void)state;
    char text[4 * KDB_ERR_TEXT_MAX];
    for (size_t start = 0; start < 4; start++) {
        memset(text, 'x', start);
        for (size_t i = start; i + 4 <= sizeof(text); i += 4) {
            memcpy(text + i, "\xF0\x9F\x98\x80", 4);
        }
        kdb_err err;
        assert_status(KDB_FAIL(&err, KDB_INVALID, "%.*s", (int)sizeof(text) - 4, text), KDB_INVALID);
        size_t len = strlen(err.text);
        assert_true(kdb_utf8_valid(kdb_sv_of(err.text, len)));
        assert_int_equal(len, start + (KDB_ERR_TEXT_MAX - 1 - start) / 4 * 4);
        kdb_err_context(&err, "ab");
        assert_true(kdb_utf8_valid(kdb_sv_cstr(err.text)));
        assert_true(strlen(err.text) > KDB_ERR_TEXT_MAX - 5);
    }
}

static void bytes_that_are_not_text_become_question_marks(void **state)
{
    (void)state;
    kdb_err err;
    assert_status(KDB_FAIL(&err, KDB_INVALID,
                           "a\xFF"
                           "b\xC3 \xE2\x82\xAC \x80"),
                  KDB_INVALID);
    assert_string_equal(err.text, "a?b? \xE2\x82\xAC ?");
}

static void every_status_has_a_whole_row(void **state)
{
    (void)state;
    for (int i = 0; i < KDB_STATUS_COUNT; i++) {
        const kdb_status_def *def = &kdb_status_defs[i];
        assert_non_null(def->name);
        assert_non_null(def->code);
        assert_non_null(def->prefix);
        assert_int_equal(strlen(def->sqlstate), 5);
        assert_true(def->http >= 200 && def->http < 600);
        assert_true(def->everybody == (def->public_text == NULL));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(def->name, kdb_status_defs[j].name);
        }
        size_t len = strlen(def->prefix);
        assert_true(len == 0 || strcmp(def->prefix + len - 2, ": ") == 0);
    }
}

static void execution_errors_are_as_the_language_says(void **state)
{
    (void)state;
    for (int i = KDB_NOT_FOUND; i <= KDB_CANCELLED; i++) {
        const kdb_status_def *def = &kdb_status_defs[i];
        assert_string_equal(def->code, "SQL_EXECUTION_ERROR");
        assert_int_equal(def->http, 400);
        assert_true(def->everybody || strcmp(def->public_text, "SQL statement failed") == 0);
    }
    for (int i = KDB_IO; i <= KDB_INTERNAL; i++) {
        const kdb_status_def *def = &kdb_status_defs[i];
        assert_string_equal(def->code, "INTERNAL_ERROR");
        assert_int_equal(def->http, 500);
        assert_string_equal(def->public_text, "SQL request failed");
    }
    assert_false(kdb_status_defs[KDB_TABLE_NOT_FOUND].everybody);
    assert_true(kdb_status_defs[KDB_NAMESPACE_NOT_FOUND].everybody);
    assert_true(kdb_status_defs[KDB_TIMEOUT].everybody);
    assert_string_equal(kdb_status_defs[KDB_INVALID_SQL].public_text, "SQL statement is invalid or not allowed");
    assert_string_equal(kdb_status_defs[KDB_BATCH_PARSE].public_text, "Failed to parse SQL batch");
    assert_string_equal(kdb_status_defs[KDB_CONSTRAINT].prefix, "Constraint violation: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_everything),
        cmocka_unit_test(no_error_object_is_fine),
        cmocka_unit_test(try_passes_failures_up_only),
        cmocka_unit_test(context_goes_before_the_message),
        cmocka_unit_test(the_first_position_stays),
        cmocka_unit_test(long_messages_are_cut_at_a_character),
        cmocka_unit_test(bytes_that_are_not_text_become_question_marks),
        cmocka_unit_test(every_status_has_a_whole_row),
        cmocka_unit_test(execution_errors_are_as_the_language_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
