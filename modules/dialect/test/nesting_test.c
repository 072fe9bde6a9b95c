/* nesting_test.c - long statements made to exhaust the stack, the memory or our patience, a quarter of the longest
 * request each. They run on a thread with the stack of a worker; an answer comes to each, and to most it is "no". */
#include <pthread.h>

#include "dialect_fixture.h"

enum { TEXT_MAX = 1 << 18, WORKER_STACK = 8 << 20 };

/* `head`, then `part` `count` times (as often as fits for 0), `middle`, `closing` as often, `tail`. */
typedef struct bomb {
    const char *name;
    const char *head;
    const char *part;
    size_t count;
    const char *middle;
    const char *closing;
    const char *tail;
    bool accepted;
} bomb;

static const bomb bombs[] = {
    { "brackets", "SELECT ", "(", 0, "1", ")", "", false },
    { "brackets at the limit", "SELECT ", "(", 500, "1", ")", "", true },
    { "open brackets", "SELECT ", "[", 0, "", "", "", false },
    { "arrays", "SELECT ", "ARRAY[", 0, "1", "]", "", false },
    { "NOT", "SELECT ", "NOT ", 0, "TRUE", "", "", false },
    { "minus", "SELECT ", "- ", 0, "1", "", "", false },
    { "pluses", "SELECT ", "+", 0, "1", "", "", false },
    { "sums", "SELECT ", "1+", 0, "1", "", "", false },
    { "sums at the limit", "SELECT ", "1+", 500, "1", "", "", true },
    { "casts", "SELECT 1", "::int", 0, "", "", "", false },
    { "casts at the limit", "SELECT 1", "::int", 500, "", "", "", true },
    { "AND is flat", "SELECT ", "TRUE AND ", 2400, "TRUE", "", "", true },
    { "OR is flat", "SELECT ", "1=2 OR ", 2400, "TRUE", "", "", true },
    { "unions", "SELECT 1", " UNION ALL SELECT 1", 0, "", "", "", false },
    { "unions at the limit", "SELECT 1", " UNION ALL SELECT 1", 500, "", "", "", true },
    { "joins", "SELECT 1 FROM users a", " JOIN users b ON TRUE", 0, "", "", "", false },
    { "cases", "SELECT ", "CASE WHEN TRUE THEN ", 0, "1", " END", "", false },
    { "cases that name columns end", "SELECT ", "CASE WHEN t.end THEN ", 0, "1", " END", "", false },
    { "cases at the limit", "SELECT ", "CASE WHEN TRUE THEN ", 500, "1", " END", "", true },
    { "time zones", "SELECT 1", " AT TIME ZONE 'x'", 0, "", "", "", false },
    { "collations", "SELECT 1", " COLLATE x", 0, "", "", "", false },
    { "distinct from not", "SELECT ", "1 IS DISTINCT FROM NOT ", 0, "TRUE", "", "", false },
    { "between not", "SELECT ", "1 BETWEEN 1 AND NOT ", 0, "TRUE", "", "", false },
    { "named operators", "SELECT 1", " OPERATOR(+) 1", 0, "", "", "", false },
    { "columns named set", "SELECT set", " + set", 0, "", "", "", false },
    { "columns named like words", "SELECT t.group", " + t.group", 0, "", "", "", false },
    { "subqueries", "SELECT ", "(SELECT ", 0, "1", ")", "", false },
    { "subqueries at the limit", "SELECT ", "(SELECT ", 6, "1", ")", "", true },
    { "subqueries beyond the limit", "SELECT ", "(SELECT ", 7, "1", ")", "", false },
    { "subqueries side by side", "SELECT 1", ", (SELECT 1)", 65, "", "", "", false },
    { "FROM at the limit", "SELECT 1 FROM ", "(SELECT 1 FROM ", 500, "users", ") x", "", true },
    { "WITH", "", "WITH a AS (", 0, "", "", "", false },
    { "calls at the limit", "SELECT ", "abs(", 500, "1", ")", "", true },
    { "doubled text", "SELECT ", "json_get_int(", 300, "'1'", ")", "", false },
    { "windows in windows", "SELECT ", "sum(1) OVER (ORDER BY ", 128, "1", ")", "", true },
    { "windows beyond the limit", "SELECT 1", ", sum(1) OVER ()", 129, "", "", "", false },
    { "joins beyond the limit", "SELECT 1 FROM ", "(SELECT 1 FROM users a, users b WHERE 1 IN (SELECT 1)) x, ", 41,
      "users", "", "", false },
    { "conditions", "SELECT ", "1=2 OR ", 0, "TRUE", "", "", false },
    { "ANY", "SELECT TRUE", " AND 1 = ANY (ARRAY[1])", 65, "", "", "", false },
    { "CASE in CASE", "SELECT ", "CASE ", 9, "1", " WHEN 7 THEN 1 WHEN 8 THEN 2 WHEN 9 THEN 3 END", "", false },
    { "CASE in CASE at the limit", "SELECT ", "CASE ", 5, "1", " WHEN 7 THEN 1 WHEN 8 THEN 2 WHEN 9 THEN 3 END", "",
      true },
    { "CASE of a long subject", "SELECT CASE age + 1", " WHEN 1 THEN 2", 8000, "", "", " END FROM users", false },
    { "CASE of a column", "SELECT CASE age", " WHEN 1 THEN 2", 8000, "", "", " END FROM users", true },
    { "NULLIF in NULLIF", "SELECT ", "NULLIF(", 16, "1", ", 2)", "", false },
    { "NULLIF at the limit", "SELECT ", "NULLIF(", 10, "1", ", 2)", "", true },
    { "macros in macros", "SELECT ", "split_part(", 8, "'a'", ", ',', 1)", "", false },
    { "divisors that copy", "SELECT 1 / (1 / (1 / (1 / (1 / (", "CASE ", 5, "1",
      " WHEN 7 THEN 1 WHEN 8 THEN 2 WHEN 9 THEN 3 END", ")))))", false },
    { "names of names",
      "SELECT age AS a, a + a AS b, b + b AS c, c + c AS d, d + d AS e, e + e AS f, f + f AS g, g + g AS h, h + h AS i, "
      "i + i AS j, j + j AS k, k + k AS l, l + l AS m, m + m AS n FROM users",
      "", 1, "", "", "", false },
    { "names of names at the limit", "SELECT age AS a, a + a AS b, b + b AS c, c + c AS d, d + d AS e FROM users", "",
      1, "", "", "", true },
    { "a long list", "SELECT list_resize(ARRAY[1], 5", "0", 7, "", "", ")", false },
    { "a list at the limit", "SELECT list_resize(ARRAY[1], 1", "0", 5, "", "", ")", true },
    { "a list of unknown length", "SELECT array_resize(ARRAY[1], age", " * 9", 8, "", "", ") FROM users", false },
    { "cubes", "SELECT count(*) FROM users GROUP BY CUBE (age", ", age", 7, "", "", ")", false },
    { "cubes of cubes", "SELECT count(*) FROM users GROUP BY CUBE (age, age, age, age)", ", CUBE (age, age)", 2, "", "",
      "", false },
    { "sets at the limit", "SELECT count(*) FROM users GROUP BY GROUPING SETS (CUBE (age), ROLLUP (age", ", age", 124,
      "", "", "))", true },
    { "values", "VALUES (1)", ",(1)", 0, "", "", "", true },
    { "numbers", "SELECT 1 WHERE 1 IN (1", ",1", 0, ")", "", "", true },
    { "too many columns", "SELECT 1", ",1", 0, "", "", "", false },
    { "stars", "SELECT *", ",*", 0, " FROM users", "", "", false },
    { "too many tables", "SELECT 1 FROM generate_series(1,1)", ",generate_series(1,1)", 0, "", "", "", false },
    { "a long text", "SELECT '", "aaaaaaaa", 0, "'", "", "", true },
    { "a long name", "SELECT \"", "aaaaaaaa", 0, "\"", "", "", false },
    { "dots", "SELECT a", ".a", 0, "", "", "", false },
    { "USING", "SELECT 1 FROM users JOIN orders USING (id", ",id", 0, ")", "", "", false },
    { "comments", "SELECT ", "/*", 0, "", "", "", false },
    { "rows", "INSERT INTO users VALUES (1)", ",(1)", 0, "", "", "", true },
    { "rows of expressions", "INSERT INTO users VALUES (1)", ",(1+1)", 0, "", "", "", true },
    { "columns of a table", "CREATE TABLE t (a int", ",a int", 0, ")", "", "", false },
    { "options of a table", "CREATE TABLE t (a int) WITH (TYPE = USER", ",TYPE = USER", 0, ")", "", "", false },
};

static kdb_sv build(const bomb *b, kdb_arena *arena)
{
    const size_t fixed = strlen(b->head) + strlen(b->middle) + strlen(b->tail);
    const size_t each = strlen(b->part) + strlen(b->closing);
    const size_t count = b->count == 0 ? (TEXT_MAX - fixed) / each : b->count;
    char *text = kdb_arena_alloc_raw(arena, fixed + count * each + 1);
    char *end = stpcpy(text, b->head);
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, b->part);
    }
    end = stpcpy(end, b->middle);
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, b->closing);
    }
    end = stpcpy(end, b->tail);
    return kdb_sv_of(text, (size_t)(end - text));
}

static bool accepts(kdb_sv sql, kdb_arena *arena)
{
    kdb_stmt *stmt = NULL;
    kdb_bound *out = NULL;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_parse(sql, NULL, arena, &stmt, &err) != KDB_OK) {
        return false;
    }
    const kdb_query *query = stmt->kind == KDB_STMT_QUERY    ? stmt->as.query
                             : stmt->kind == KDB_STMT_INSERT ? stmt->as.insert.exprs
                                                             : NULL;
    return query == NULL || kdb_dialect_bind(query, stmt->nparams, &fake_binder, arena, &out, &err) == KDB_OK;
}

/* cmocka's checks stay on the main thread: this one only counts. */
static void *run_bombs(void *wrong)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(bombs); i++) {
        kdb_arena *arena = kdb_arena_new(0);
        if (accepts(build(&bombs[i], arena), arena) != bombs[i].accepted) {
            fprintf(stderr, "%s: expected to be %s\n", bombs[i].name, bombs[i].accepted ? "accepted" : "refused");
            *(size_t *)wrong += 1;
        }
        kdb_arena_free(arena);
    }
    return NULL;
}

static void no_text_exhausts_a_workers_stack(void **state)
{
    (void)state;
    size_t wrong = 0;
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, WORKER_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run_bombs, &wrong), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_attr_destroy(&attributes), 0);
    assert_int_equal(wrong, 0);
}

static void the_limit_is_named(void **state)
{
    (void)state;
    char sql[1200] = "SELECT ";
    memset(sql + 7, '(', 600);
    sql[607] = '1';
    memset(sql + 608, ')', 500);
    assert_string_equal(parsed(sql), "INVALID_SQL@519 Expression nesting limit 512 exceeded");
}

static void text_that_is_no_text_is_refused(void **state)
{
    (void)state;
    kdb_stmt *stmt = NULL;
    kdb_err err = { .position = -1 };
    const kdb_sv nul = { "SELECT '\0'", 10 };
    assert_int_equal(kdb_dialect_parse(nul, NULL, test_arena(), &stmt, &err), KDB_INVALID_SQL);
    assert_int_equal(kdb_dialect_parse(KDB_SV("SELECT '\xC3'"), NULL, test_arena(), &stmt, &err), KDB_INVALID_SQL);
    assert_int_equal(kdb_dialect_parse(KDB_SV(""), NULL, test_arena(), &stmt, &err), KDB_INVALID_SQL);
    assert_null(stmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_text_exhausts_a_workers_stack),
        TEST(the_limit_is_named),
        TEST(text_that_is_no_text_is_refused),
    };
    return cmocka_run_group_tests_name("nesting", tests, NULL, NULL);
}
