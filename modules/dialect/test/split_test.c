/* split_test.c - requests to statements, and offsets to lines. */
#include "dialect_fixture.h"

/* The pieces with a bar between them; or the error. */
static const char *pieces_of(const char *sql)
{
    kdb_sql_piece *pieces = NULL;
    size_t npieces = 0;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_split(kdb_sv_cstr(sql), NULL, test_arena(), &pieces, &npieces, &err) != KDB_OK) {
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

/* ---- shapes made by the way ---- */

static uint64_t dice = 42;

static size_t roll(size_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (size_t)(dice >> 20) % sides;
}

/* Whole tokens, and such as are one token or two by what stands next to them. */
static const char *const fragments[] = { "1",
                                         "23",
                                         "007",
                                         "3000000000",
                                         "99999999999999999999",
                                         "1.5",
                                         "2e3",
                                         ".5",
                                         "'a'",
                                         "'it''s'",
                                         "''",
                                         "'x;y'",
                                         "a",
                                         "T",
                                         "e",
                                         "x",
                                         "n",
                                         "$1",
                                         "(",
                                         ")",
                                         ",",
                                         "[",
                                         "]",
                                         ".",
                                         ":",
                                         "::",
                                         "- ",
                                         "+ ",
                                         "<- ",
                                         "* ",
                                         "/ ",
                                         "-- ;\n",
                                         "/*;*/",
                                         "$$;$$",
                                         "$t$'$t$",
                                         "\"q;\"",
                                         "\n",
                                         "\t",
                                         "from",
                                         "RETURNING",
                                         "select",
                                         "e'\\';'",
                                         "E'a'",
                                         "U&'z'",
                                         "`;`",
                                         "\xC3\xA4",
                                         "#",
                                         "\1",
                                         "1, 2)",
                                         " in (",
                                         " IN (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19)" };
static const char *const firsts[] = { "SELECT", "INSERT", "update", "WITH", "/* x */ DELETE", "VALUES", "begin" };
static const char *const gaps[] = { " ", " ", "", "", "\n" };

enum { PARTS_MAX = 12 };
typedef struct statement {
    const char *first;
    size_t count;
    const char *parts[PARTS_MAX], *gaps[PARTS_MAX];
} statement;

static void roll_part(statement *made, size_t i)
{
    made->parts[i] = fragments[roll(KDB_ARRAY_LEN(fragments))];
    made->gaps[i] = gaps[roll(KDB_ARRAY_LEN(gaps))];
}

/* Mostly the one before with a literal changed. */
static void vary(statement *made)
{
    if (made->count == 0 || roll(5) == 0) {
        made->first = firsts[roll(KDB_ARRAY_LEN(firsts))];
        made->count = 1 + roll(PARTS_MAX);
        for (size_t i = 0; i < made->count; i++) {
            roll_part(made, i);
        }
        return;
    }
    const size_t at = roll(made->count);
    const bool literal = strchr("0123456789'", made->parts[at][0]) != NULL;
    made->parts[at] = literal ? fragments[roll(12)] : made->parts[at];
    if (roll(8) == 0) {
        roll_part(made, at);
    }
}

static void put_statement(kdb_buf *out, const statement *made)
{
    kdb_buf_append_sv(out, kdb_sv_cstr(made->first));
    kdb_buf_append_lit(out, " ");
    for (size_t i = 0; i < made->count; i++) {
        kdb_buf_append_sv(out, kdb_sv_cstr(made->gaps[i]));
        kdb_buf_append_sv(out, kdb_sv_cstr(made->parts[i]));
    }
}

/* True when it is one statement: its tokens, put together, may have come out as an open string, or as two statements. */
static bool is_one(const statement *made)
{
    kdb_buf sql;
    kdb_sql_piece *pieces = NULL;
    size_t count = 0;
    kdb_buf_init(&sql, 0);
    put_statement(&sql, made);
    const kdb_status status = kdb_dialect_split(kdb_buf_sv(&sql), NULL, test_arena(), &pieces, &count, NULL);
    kdb_buf_done(&sql);
    return status == KDB_OK && count == 1;
}

static void roll_statement(statement *made)
{
    do {
        vary(made);
    } while (!is_one(made));
}

/* The same statements in a row, and each after one that is like no other: nothing can be repeated there. */
static void roll_batch(kdb_buf *together, kdb_buf *apart)
{
    statement made = { .count = 0 };
    const size_t count = 1 + roll(6);
    for (size_t i = 0; i < count; i++) {
        roll_statement(&made);
        put_statement(together, &made);
        kdb_buf_append_sv(together, kdb_sv_cstr(roll(3) == 0 ? ";" : " ; "));
        kdb_buf_append_lit(apart, "z;");
        put_statement(apart, &made);
        kdb_buf_append_lit(apart, ";");
    }
}

static void check_shape(const kdb_sql_piece *piece, size_t *shaped)
{
    kdb_shape expected;
    const kdb_shape *shape = piece->shape;
    if (!kdb_dialect_shape(piece->text, test_arena(), &expected)) {
        assert_null(shape);
        return;
    }
    *shaped += 1;
    assert_non_null(shape);
    assert_true(kdb_sv_eq(shape->key, expected.key));
    assert_int_equal(shape->nliterals, expected.nliterals);
    for (size_t i = 0; i < shape->nliterals; i++) {
        assert_true(kdb_value_same(&shape->literals[i].value, &expected.literals[i].value));
        assert_int_equal(shape->literals[i].position, expected.literals[i].position);
        assert_int_equal(shape->literals[i].length, expected.literals[i].length);
    }
}

static size_t split(const kdb_buf *sql, kdb_sql_piece **pieces)
{
    size_t count = 0;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_split(kdb_buf_sv(sql), NULL, test_arena(), pieces, &count, &err) != KDB_OK) {
        fail_msg("%.*s: %s", KDB_SV_ARG(kdb_buf_sv(sql)), err.text);
    }
    return count;
}

/* A request of its own, after another that was maybe like it. */
static void check_alone(const kdb_sql_piece *piece, const kdb_sql_piece *like)
{
    kdb_sql_piece *pieces = NULL;
    size_t count = 0, shaped = 0;
    assert_int_equal(kdb_dialect_split(piece->text, like, test_arena(), &pieces, &count, NULL), KDB_OK);
    assert_int_equal(count, 1);
    assert_true(kdb_sv_eq(pieces[0].text, piece->text));
    check_shape(&pieces[0], &shaped);
    assert_true(pieces[0].shape == NULL || like->shape == NULL || pieces[0].shape->key.ptr != like->shape->key.ptr);
}

/* What follows a statement like it is read as the same statement is when it stands by itself. */
static void check_batch(const kdb_buf *together, const kdb_buf *apart, size_t *shaped)
{
    kdb_sql_piece *pieces = NULL, *single = NULL;
    const size_t count = split(together, &pieces);
    assert_int_equal(split(apart, &single), 2 * count);
    for (size_t i = 0; i < count; i++) {
        if (!kdb_sv_eq(pieces[i].text, single[2 * i + 1].text)) {
            fail_msg("%.*s: %.*s", KDB_SV_ARG(kdb_buf_sv(together)), KDB_SV_ARG(pieces[i].text));
        }
        assert_ptr_equal(pieces[i].text.ptr, together->ptr + pieces[i].offset);
        check_shape(&pieces[i], shaped);
        check_alone(&pieces[i], &pieces[i == 0 ? count - 1 : i - 1]);
    }
}

static void pieces_have_the_shapes_that_their_texts_have(void **state)
{
    size_t shaped = 0;
    for (int i = 0; i < 30000; i++) {
        kdb_buf together, apart;
        kdb_buf_init(&together, 0);
        kdb_buf_init(&apart, 0);
        roll_batch(&together, &apart);
        check_batch(&together, &apart, &shaped);
        kdb_buf_done(&together);
        kdb_buf_done(&apart);
        if (i % 1000 == 0) {
            (void)free_arena(state);
            (void)make_arena(state);
        }
    }
    assert_true(shaped > 10000);
}

static void wrapped_statements_have_shapes_of_their_own(void **state)
{
    (void)state;
    kdb_buf sql;
    kdb_sql_piece *pieces = NULL;
    size_t shaped = 0;
    kdb_buf_init(&sql, 0);
    kdb_buf_append_lit(&sql, "SELECT 1; EXECUTE AS USER 'a' (SELECT 2); EXECUTE AS USER 'a' (SELECT 3) ; SELECT 4");
    assert_int_equal(split(&sql, &pieces), 4);
    for (size_t i = 0; i < 4; i++) {
        check_shape(&pieces[i], &shaped);
    }
    assert_int_equal(shaped, 4);
    kdb_buf_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(semicolons_outside_quotes_and_comments_split), TEST(execute_as_user_is_taken_off),
        TEST(open_ends_and_empty_requests_are_refused),     TEST(lines_and_columns_count_characters_from_one),
        TEST(pieces_have_the_shapes_that_their_texts_have), TEST(wrapped_statements_have_shapes_of_their_own),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
