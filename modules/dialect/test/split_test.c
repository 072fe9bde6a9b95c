/* split_test.c - requests to statements, and offsets to lines. */
#include "dialect_fixture.h"

/* The pieces with a bar between them; or the error. */
static const char *pieces_of(const char *sql)
{
    kdb_sql_piece *pieces = NULL;
    size_t npieces = 0;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_split(kdb_sv_cstr(sql), test_arena(), &pieces, &npieces, &err) != KDB_OK) {
        return kdb_sv_dup_cstr(test_arena(),
                               kdb_sv_printf(test_arena(), "%s %s", kdb_status_defs[err.status].name, err.text));
    }
    kdb_sv joined = KDB_SV("");
    for (size_t i = 0; i < npieces; i++) {
        assert_ptr_equal(pieces[i].text.ptr, sql + pieces[i].offset);
        joined = kdb_sv_printf(test_arena(), "%.*s%s%.*s%s%.*s", KDB_SV_ARG(joined), i == 0 ? "" : "|",
                               KDB_SV_ARG(pieces[i].as_user), pieces[i].as_user.len == 0 ? "" : ": ",
                               KDB_SV_ARG(pieces[i].text));
    }
    return kdb_sv_dup_cstr(test_arena(), joined);
}

static void semicolons_outside_quotes_and_comments_split(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 1", "SELECT 1" },
        { " SELECT 1 ; SELECT 2;; ;\n", "SELECT 1|SELECT 2" },
        { "SELECT ';' ; SELECT \";\", `;`", "SELECT ';'|SELECT \";\", `;`" },
        { "SELECT 'it''s; ' ; x", "SELECT 'it''s; '|x" },
        { "a -- b ; c\n; d", "a|d" },
        { "/* x; */ a /* y; */ b /* z */ ; /* nothing */", "a /* y; */ b" },
        { "a /* b /* ; */ ; */ c; d", "a /* b /* ; */ ; */ c|d" },
        { "a $$ ; $$ b; c $t$ $$ ; $t$", "a $$ ; $$ b|c $t$ $$ ; $t$" },
        { "SELECT $1;SELECT a$b$;c", "SELECT $1|SELECT a$b$|c" },
        { "E'a\\';' ; b", "E'a\\';'|b" },
        { "'a\\' ; b", "'a\\'|b" },
        { "E'a' -- x\n 'b\\';' ; c", "E'a' -- x\n 'b\\';'|c" },
        { "U&'\\0041;' ; n';'", "U&'\\0041;'|n';'" },
    };
    CHECK_CASES(cases, pieces_of);
}

static void execute_as_user_is_taken_off(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "EXECUTE AS USER 'Bob' (SELECT 1)", "Bob: SELECT 1" },
        { "execute as user Bob ( SELECT (1) /* x */ ) ; b", "Bob: SELECT (1)|b" },
        { "EXECUTE AS \"b b\"(SELECT ')' , $$)$$);", "b b: SELECT ')' , $$)$$" },
        { "EXECUTE AS 'it''s' (x -- )\n)", "it's: x" },
        { "EXECUTE x AS USER 'b' (c)", "EXECUTE x AS USER 'b' (c)" },
        { "EXECUTE AS USER '' (SELECT 1)", "INVALID EXECUTE AS USER username cannot be empty" },
        { "EXECUTE AS", "INVALID EXECUTE AS USER username cannot be empty" },
        { "EXECUTE AS USER", "INVALID EXECUTE AS USER username cannot be empty" },
        { "EXECUTE AS USER ((SELECT 1))", "INVALID EXECUTE AS USER username cannot be empty" },
        { "EXECUTE AS USER 'b'", "INVALID EXECUTE AS USER must wrap SQL in parentheses" },
        { "EXECUTE AS USER 'b' SELECT 1", "INVALID EXECUTE AS USER must wrap SQL in parentheses" },
        { "EXECUTE AS USER 'b' (SELECT (1)", "INVALID EXECUTE AS USER missing closing ')'" },
        { "EXECUTE AS USER 'b' (a; c)", "INVALID EXECUTE AS USER must contain exactly one wrapped SQL statement" },
        { "EXECUTE AS USER 'b' ( )", "INVALID EXECUTE AS USER requires a non-empty inner SQL statement" },
        { "EXECUTE AS USER 'b' (a) c", "INVALID EXECUTE AS USER can only wrap a single SQL statement" },
        { "EXECUTE AS USER 'b' (a))", "INVALID EXECUTE AS USER can only wrap a single SQL statement" },
    };
    CHECK_CASES(cases, pieces_of);
}

static void open_ends_and_empty_requests_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 'a", "BATCH_PARSE Unterminated quoted string in SQL batch" },
        { "SELECT \"a;", "BATCH_PARSE Unterminated quoted string in SQL batch" },
        { "SELECT `a", "BATCH_PARSE Unterminated quoted string in SQL batch" },
        { "SELECT $$ a", "BATCH_PARSE Unterminated quoted string in SQL batch" },
        { "SELECT 1 /* a", "BATCH_PARSE Unterminated block comment in SQL batch" },
        { "", "EMPTY_SQL No SQL statements provided" },
        { " ;; -- x", "EMPTY_SQL No SQL statements provided" },
    };
    CHECK_CASES(cases, pieces_of);
}

static void lines_and_columns_count_characters_from_one(void **state)
{
    (void)state;
    const kdb_sv sql = KDB_SV("a\nb\xC3\xA4x\n");
    static const uint32_t expected[][2] = { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 2, 2 }, { 2, 3 }, { 2, 3 }, { 2, 4 } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(expected); i++) {
        uint32_t line = 0;
        uint32_t column = 0;
        kdb_dialect_line_column(sql, i, &line, &column);
        assert_int_equal(line, expected[i][0]);
        if (i != 4) { /* within a character */
            assert_int_equal(column, expected[i][1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(semicolons_outside_quotes_and_comments_split),
        TEST(execute_as_user_is_taken_off),
        TEST(open_ends_and_empty_requests_are_refused),
        TEST(lines_and_columns_count_characters_from_one),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
