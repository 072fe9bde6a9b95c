/* shape_test.c - statements without their literals: what a shape's key tells apart and what it does not, which literals a
 * bound statement takes as parameters, and that one statement serves all texts of its shape. */
#include "dialect_fixture.h"

/* ---- keys ---- */

static kdb_shape shape_of(kdb_sv sql)
{
    kdb_shape shape = { .key = KDB_SV("no shape") };
    (void)kdb_dialect_shape(sql, test_arena(), &shape);
    return shape;
}

static bool same_key(const char *a, const char *b)
{
    const kdb_shape left = shape_of(kdb_sv_cstr(a));
    const kdb_shape right = shape_of(kdb_sv_cstr(b));
    return left.nliterals == right.nliterals && kdb_sv_eq(left.key, right.key);
}

typedef struct text_pair {
    const char *a, *b;
} text_pair;

static void blanks_comments_case_and_values_do_not_count(void **state)
{
    (void)state;
    static const text_pair pairs[] = {
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = 2147483647" },
        { "SELECT id FROM t WHERE id = 1", "SELECT id\nFROM T where ID=/* all */ 007 -- done" },
        { "SELECT id FROM t WHERE n = 'a'", "SELECT id FROM t WHERE n = 'it''s; -- not'" },
        { "SELECT id FROM t WHERE n = 3000000000", "SELECT id FROM t WHERE n = 9223372036854775807" },
        { "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9) OR b IN ('a')",
          "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16) OR b IN ('b')" },
        { "SELECT id FROM t WHERE id = 1.5", "SELECT id FROM t WHERE id = 0.025" },
        { "SELECT id FROM t WHERE id = 1e5", "SELECT id FROM t WHERE id = 2.5E-7" },
        { "INSERT INTO t VALUES (1, 'a', -2), (3, '', - 4)", "insert into t values (9,'b',-8) , (7,'c',-6)" },
        { "UPDATE t SET a = a - 1 WHERE b = 'x'", "update t set A = a -  5 where b = ''" },
        { "SELECT a  +  1 FROM t", "SELECT a /* plus */ + 2 FROM t" },
        { "SELECT a IS DISTINCT FROM 1, (SELECT 'x') FROM T", "SELECT a IS DISTINCT FROM 2, (SELECT 'y') FROM t" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(pairs); i++) {
        if (!same_key(pairs[i].a, pairs[i].b)) {
            fail_msg("differ: %s | %s", pairs[i].a, pairs[i].b);
        }
    }
}

static void everything_else_counts(void **state)
{
    (void)state;
    static const text_pair pairs[] = {
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = 3000000000" },
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = '1'" },
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = -1" },
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = $1" },
        { "SELECT id FROM t WHERE id = 1", "SELECT id FROM t WHERE id = 1.5" },
        { "SELECT id FROM t WHERE id = 1.5", "SELECT id FROM t WHERE id = 1e5" },
        { "SELECT id FROM t WHERE id = 1.5", "SELECT id FROM t WHERE id = 01.5" },
        { "SELECT id FROM t WHERE id = 0.5", "SELECT id FROM t WHERE id = .5" },
        { "SELECT id FROM t WHERE id = 1.0", "SELECT id FROM t WHERE id = 1." },
        { "SELECT id FROM t WHERE id = 1e999", "SELECT id FROM t WHERE id = 2e999" },
        { "SELECT 1e5 FROM t", "SELECT 100000e0 FROM t" },
        { "SELECT id FROM t WHERE id = 9223372036854775808", "SELECT id FROM t WHERE id = 9223372036854775809" },
        { "SELECT id FROM t WHERE id = $1", "SELECT id FROM t WHERE id = $2" },
        { "SELECT id FROM t WHERE n = x'0a'", "SELECT id FROM t WHERE n = x'0b'" },
        { "SELECT id FROM t WHERE n = e'a'", "SELECT id FROM t WHERE n = e'b'" },
        { "SELECT id FROM t WHERE n = $$a$$", "SELECT id FROM t WHERE n = $$b$$" },
        { "SELECT id FROM t WHERE \"a\" = 1", "SELECT id FROM t WHERE \"A\" = 1" },
        { "SELECT id FROM t WHERE a = 1", "SELECT id FROM t WHERE \"a\" = 1" },
        { "SELECT id FROM t WHERE a - -1 = 1", "SELECT id FROM t WHERE a -1 = 1" },
        { "SELECT id FROM t WHERE a < - 1", "SELECT id FROM t WHERE a <- 1" },
        { "SELECT id FROM t WHERE ab = 1", "SELECT id FROM t WHERE a b = 1" },
        { "SELECT id FROM t WHERE a IN (1)", "SELECT id FROM t WHERE a IN (1, 2)" },
        { "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8)", "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7)" },
        { "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)",
          "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)" },
        { "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9)",
          "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, -9, 10)" },
        { "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, 9)",
          "SELECT id FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8, '9', 10)" },
        { "SELECT id FROM t WHERE a = n 'x'", "SELECT id FROM t WHERE a = n'x'" },
        { "SELECT a+1 FROM t", "SELECT a + 1 FROM t" },
        { "SELECT A FROM t", "SELECT a FROM t" },
        { "SELECT 7 FROM t", "SELECT 07 FROM t" },
        { "SELECT a, (SELECT max(B) FROM t) FROM t", "SELECT a, (SELECT max(b) FROM t) FROM t" },
        { "WITH x AS (SELECT A+1 FROM t) SELECT 1", "WITH x AS (SELECT a+1 FROM t) SELECT 1" },
        { "INSERT INTO t VALUES (1) RETURNING A", "INSERT INTO t VALUES (1) RETURNING a" },
        { "SELECT id FROM t WHERE a = '\1' AND b", "SELECT id FROM t WHERE a = \"\1\" AND b" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(pairs); i++) {
        if (same_key(pairs[i].a, pairs[i].b)) {
            fail_msg("same: %s | %s", pairs[i].a, pairs[i].b);
        }
    }
}

static void what_could_be_read_in_two_ways_has_no_shape(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "CREATE TABLE t (id INT)",
        "VALUES (1)",
        "SELECT 'open",
        "SELECT 1 /* open",
        "SELECT 1a",
        "SELECT 0x1F",
        "SELECT 1_000",
        "SELECT 1e",
        "SELECT $1a",
        "SELECT 1..2",
        "SELECT 'a' 'b'",
        "SELECT 'a'\n'b'",
        "SELECT e'a' 'b'",
        "SELECT f(a := 1)",
        "SELECT 1 \\ 2",
        "SELECT \1 FROM t",
        "SELECT '\xC3'",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        kdb_shape shape;
        if (kdb_dialect_shape(kdb_sv_cstr(texts[i]), test_arena(), &shape)) {
            fail_msg("has a shape: %s", texts[i]);
        }
    }
    kdb_shape shape;
    assert_false(kdb_dialect_shape(KDB_SV("SELECT '\0'"), test_arena(), &shape));
}

static kdb_sv repeated(const char *start, const char *part, size_t count)
{
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    kdb_buf_append_sv(&buf, kdb_sv_cstr(start));
    for (size_t i = 0; i < count; i++) {
        kdb_buf_append_sv(&buf, kdb_sv_cstr(part));
    }
    const kdb_sv out = kdb_sv_dup(test_arena(), kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return out;
}

static void long_texts_and_many_literals_have_no_shape(void **state)
{
    (void)state;
    kdb_shape shape;
    assert_true(kdb_dialect_shape(repeated("SELECT 1", ", 2", 4095), test_arena(), &shape));
    assert_int_equal(shape.nliterals, 4096);
    assert_false(kdb_dialect_shape(repeated("SELECT 1", ", 2", 4096), test_arena(), &shape));
    assert_true(kdb_dialect_shape(repeated("SELECT a", " + b", 16382), test_arena(), &shape));
    assert_false(kdb_dialect_shape(repeated("SELECT a", " + b", 16384), test_arena(), &shape));
}

static void literals_are_told_with_their_places(void **state)
{
    (void)state;
    const kdb_shape shape = shape_of(KDB_SV("SELECT id FROM t WHERE a IN (0012, 'it''s', 3000000000) AND b = 1.5"));
    assert_int_equal(shape.nliterals, 4);
    assert_int_equal(shape.literals[0].value.type.kind, KDB_TYPE_INT);
    assert_int_equal(shape.literals[0].value.as.i32, 12);
    assert_int_equal(shape.literals[0].position, 29);
    assert_true(kdb_sv_eq(shape.literals[1].value.as.bytes, KDB_SV("it's")));
    assert_int_equal(shape.literals[2].value.type.kind, KDB_TYPE_BIGINT);
    assert_int_equal(shape.literals[2].value.as.i64, 3000000000);
    assert_int_equal(shape.literals[3].value.type.kind, KDB_TYPE_DECIMAL);
    assert_int_equal(shape.literals[3].value.type.precision, 2);
    assert_int_equal(shape.literals[3].value.type.scale, 1);
    assert_true(shape.literals[3].value.as.i128 == 15);
}

/* ---- what is lifted ---- */

static kdb_stmt *parse(kdb_sv sql, const kdb_shape *shape)
{
    kdb_stmt *stmt = NULL;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_parse(sql, shape, test_arena(), &stmt, &err) != KDB_OK) {
        fail_msg("%.*s: %s", KDB_SV_ARG(sql), err.text);
    }
    return stmt;
}

static kdb_bound *bind_by(const kdb_stmt *stmt, const kdb_binder *binder)
{
    kdb_bound *bound_query = NULL;
    kdb_err err = { .position = -1 };
    const kdb_query *query = stmt->kind == KDB_STMT_QUERY ? stmt->as.query : stmt->as.change.select;
    if (stmt->kind == KDB_STMT_INSERT) {
        query = stmt->as.insert.select != NULL ? stmt->as.insert.select : stmt->as.insert.exprs;
    }
    if (query == NULL) {
        return NULL;
    }
    if (kdb_dialect_bind(query, stmt->nparams, binder, test_arena(), &bound_query, &err) != KDB_OK) {
        fail_msg("%.*s: %s", KDB_SV_ARG(stmt->text), err.text);
    }
    return bound_query;
}

static kdb_bound *bind(const kdb_stmt *stmt)
{
    return bind_by(stmt, &fake_binder);
}

/* Engine text, with the literals that became parameters as $n. */
static const char *lifted_text(const char *sql)
{
    kdb_shape *shape = KDB_ARENA_NEW(test_arena(), kdb_shape);
    *shape = shape_of(kdb_sv_cstr(sql));
    return kdb_sv_dup_cstr(test_arena(), bind(parse(kdb_sv_cstr(sql), shape))->sql);
}

#define DELETE(where, text)                                                                                            \
    {                                                                                                                  \
        "DELETE FROM users WHERE " where,                                                                              \
            "SELECT \"users\".\"_key\", \"users\".\"_seq\" FROM kdb_scan(0) AS \"users\" WHERE " text                  \
    }

static void literals_beside_columns_of_their_kind_are_lifted(void **state)
{
    (void)state;
    static const text_case cases[] = {
        DELETE("id = 5 AND 3000000000 > age AND name <> 'x' AND score >= 2",
               "((\"users\".\"id\" = CAST($1 AS INTEGER)) AND (CAST($2 AS BIGINT) > \"users\".\"age\") AND "
               "(\"users\".\"name\" <> CAST($3 AS VARCHAR)) AND (\"users\".\"score\" >= CAST($4 AS INTEGER)))"),
        DELETE("id IN (1, $1, '7') AND age BETWEEN 2 AND 3",
               "((\"users\".\"id\" IN (CAST($2 AS INTEGER), $1, (7))) AND (\"users\".\"age\" BETWEEN CAST($3 AS "
               "INTEGER) AND CAST($4 AS INTEGER)))"),
        DELETE("id = -5 AND id > - 3000000000 AND age IN (-1, 1) AND uid = '00000000-0000-0000-0000-000000000001' AND "
               "at BETWEEN '2026-01-01' AND '2026-01-02 10:00+02' AND name LIKE 'a%' AND name NOT ILIKE 'b'",
               "((\"users\".\"id\" = CAST($1 AS INTEGER)) AND (\"users\".\"id\" > CAST($2 AS BIGINT)) AND "
               "(\"users\".\"age\" IN (CAST($3 AS INTEGER), CAST($4 AS INTEGER))) AND (\"users\".\"uid\" = CAST($5 AS "
               "UUID)) AND (\"users\".\"at\" BETWEEN CAST($6 AS TIMESTAMP) AND CAST($7 AS TIMESTAMP)) AND "
               "kdb_like(\"users\".\"name\", CAST($8 AS VARCHAR), '\\') AND (NOT "
               "kdb_like(lower(\"users\".\"name\"), lower(CAST($9 AS VARCHAR)), '\\')))"),
        DELETE("id + 1 > 2", "((\"users\".\"id\" + CAST($1 AS INTEGER)) > 2)"),
        DELETE("age BETWEEN SYMMETRIC 2 AND 1",
               "((\"users\".\"age\" BETWEEN CAST($1 AS INTEGER) AND CAST($2 AS INTEGER)) OR (\"users\".\"age\" BETWEEN "
               "CAST($2 AS INTEGER) AND CAST($1 AS INTEGER)))"),
        DELETE(
            "price >= 5 AND price <> -0.25 AND score < 1.5 AND score > 2e3 AND price + 1.25 > price AND score * 0.5 = "
            "score",
            "((\"users\".\"price\" >= CAST($1 AS DECIMAL(10, 2))) AND (\"users\".\"price\" <> CAST($2 AS DECIMAL(10, "
            "2))) AND (\"users\".\"score\" < CAST($3 AS DOUBLE)) AND (\"users\".\"score\" > CAST($4 AS DOUBLE)) AND "
            "((\"users\".\"price\" + CAST($5 AS DECIMAL(3, 2))) > \"users\".\"price\") AND ((\"users\".\"score\" * "
            "CAST($6 AS DOUBLE)) = \"users\".\"score\"))"),
        { "UPDATE users SET age = age + 1 WHERE id = 2",
          "SELECT \"users\".\"_key\", \"users\".\"_seq\", (\"users\".\"age\" + CAST($1 AS INTEGER)) FROM kdb_scan(0) AS "
          "\"users\" WHERE (\"users\".\"id\" = CAST($2 AS INTEGER))" },
        { "SELECT id FROM (SELECT id FROM users WHERE age = 1) s WHERE id = 2 LIMIT 3",
          "SELECT \"s\".\"id\" FROM (SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"age\" = "
          "CAST($1 AS INTEGER))) AS \"s\" WHERE (\"s\".\"id\" = CAST($2 AS INTEGER)) LIMIT CAST($3 AS INTEGER)" },
        { "SELECT age + 1 AS n, 'x' AS tag, - 2.5 AS d, upper('y') AS u, age + 2 FROM users LIMIT 3 OFFSET 4",
          "SELECT (\"users\".\"age\" + CAST($1 AS INTEGER)) AS \"n\", CAST($2 AS VARCHAR) AS \"tag\", CAST($3 AS "
          "DECIMAL(2, 1)) AS \"d\", \"upper\"('y') AS \"u\", (\"users\".\"age\" + 2) AS \"age + 2\" FROM kdb_scan(0) "
          "AS \"users\" LIMIT CAST($4 AS INTEGER) OFFSET CAST($5 AS INTEGER)" },
        DELETE(
            "lower(name) = 'x' AND length(name) > 3 AND doc->>'a' = 'b' AND at > TIMESTAMP '2026-01-01 10:00+02' AND "
            "uid = '00000000-0000-0000-0000-000000000001'::uuid",
            "((\"lower\"(\"users\".\"name\") = CAST($1 AS VARCHAR)) AND (\"length\"(\"users\".\"name\") > CAST($2 AS "
            "INTEGER)) AND (json_extract_string(TRY_CAST(\"users\".\"doc\" AS JSON), '/a') = CAST($3 AS VARCHAR)) "
            "AND (\"users\".\"at\" > CAST($4 AS TIMESTAMP)) AND (\"users\".\"uid\" = CAST($5 AS UUID)))"),
        DELETE(
            "id IN (1, 2, 3, 4, 5, 6, 7, 8, 9)",
            "(\"users\".\"id\" IN (CAST($1 AS INTEGER), CAST($2 AS INTEGER), CAST($3 AS INTEGER), CAST($4 AS INTEGER), "
            "CAST($5 AS INTEGER), CAST($6 AS INTEGER), CAST($7 AS INTEGER), CAST($8 AS INTEGER), CAST($9 AS INTEGER), "
            "CAST($10 AS INTEGER), CAST($11 AS INTEGER), CAST($12 AS INTEGER), CAST($13 AS INTEGER), CAST($14 AS "
            "INTEGER), CAST($15 AS INTEGER), CAST($16 AS INTEGER)))"),
        { "SELECT u.id FROM users u JOIN orders o ON o.id = 7 AND u.id = o.id",
          "SELECT \"u\".\"id\" FROM kdb_scan(0) AS \"u\" JOIN kdb_scan(1) AS \"o\" ON ((\"o\".\"id\" = CAST($1 AS "
          "INTEGER)) AND (\"u\".\"id\" = \"o\".\"id\"))" },
    };
    CHECK_CASES(cases, lifted_text);
}

static void other_literals_stay(void **state)
{
    (void)state;
    static const text_case cases[] = {
        DELETE(
            "id = -5 AND price = 5.125 AND price = 100000000 AND score = 0.1234567890123456789 AND age < 1.5 AND ok = 't' AND id = '5' AND age / 2 = age % 3",
            "((\"users\".\"id\" = CAST($1 AS INTEGER)) AND (\"users\".\"price\" = 5.125) AND (\"users\".\"price\" = 100000000) AND (\"users\".\"score\" = 0.1234567890123456789) AND (\"users\".\"age\" < 1.5) AND (\"users\".\"ok\" = TRUE) AND (\"users\".\"id\" "
            "= (5)) AND ((\"users\".\"age\" / 2) = (\"users\".\"age\" % 3)))"),
        DELETE("name LIKE 'a!%' ESCAPE '!' AND id = - -5 AND id = -(-5)",
               "(kdb_like(\"users\".\"name\", 'a!%', '!') AND (\"users\".\"id\" = 5) AND (\"users\".\"id\" = 5))"),
        DELETE(
            "name LIKE 'a%' AND abs(age) = 3 AND 1 = 1 AND coalesce(name, 'a') = 'b'",
            "(kdb_like(\"users\".\"name\", CAST($1 AS VARCHAR), '\\') AND (\"abs\"(\"users\".\"age\") = 3) AND (1 = 1) AND "
            "(COALESCE(\"users\".\"name\", 'a') = 'b'))"),
        DELETE("1 IN (1, 2, 3, 4, 5, 6, 7, 8, 9)", "(1 IN (1, 2, 3, 4, 5, 6, 7, 8, 9))"),
        { "SELECT age = 1, (SELECT max(total) FROM orders WHERE id = 2) AS x FROM users GROUP BY age = 1 HAVING "
          "max(id) = 1 ORDER BY max(id) + 1 LIMIT 5",
          "SELECT (\"users\".\"age\" = 1) AS \"age = 1\", (SELECT \"max\"(\"orders\".\"total\") AS \"max(total)\" FROM "
          "kdb_scan(1) AS \"orders\" WHERE (\"orders\".\"id\" = 2)) AS \"x\" FROM kdb_scan(0) AS \"users\" GROUP BY "
          "(\"users\".\"age\" = 1) HAVING (\"max\"(\"users\".\"id\") = 1) ORDER BY (\"max\"(\"users\".\"id\") + 1) "
          "LIMIT CAST($1 AS INTEGER)" },
    };
    CHECK_CASES(cases, lifted_text);
}

/* What the engine plans by. */
static const char *engine_text(const char *sql)
{
    kdb_shape *shape = KDB_ARENA_NEW(test_arena(), kdb_shape);
    kdb_binder binder = fake_binder;
    binder.engine_only = true;
    *shape = shape_of(kdb_sv_cstr(sql));
    const kdb_bound *plan = bind_by(parse(kdb_sv_cstr(sql), shape), &binder);
    assert_false(plan->for_trees);
    return kdb_sv_dup_cstr(test_arena(), plan->sql);
}

static void the_engine_alone_gets_limits_and_long_lists_as_they_are(void **state)
{
    (void)state;
    static const text_case cases[] = {
        DELETE(
            "id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17) AND id > 1",
            "((\"users\".\"id\" IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)) AND (\"users\".\"id\" "
            "> CAST($1 AS INTEGER)))"),
        { "SELECT id FROM users WHERE id = 1 LIMIT 5 OFFSET 6",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"id\" = CAST($1 AS INTEGER)) LIMIT "
          "5 OFFSET 6" },
    };
    CHECK_CASES(cases, engine_text);
}

/* ---- one statement serves its shape ---- */

/* What stands in the templates for a value: `#` an integer that fits 32 bits, `|` a decimal, `@` a string, `^` a UUID, `~` a time. */
static bool is_hole(char c)
{
    return c == '#' || c == '|' || c == '@' || c == '^' || c == '~';
}

static const char *const templates[] = {
    "SELECT id, name FROM users WHERE id = # AND name = @ AND age > #",
    "SELECT id AS n FROM users WHERE (age + # < id OR # = age) AND name IN (@, @) AND doc > @ ORDER BY 1 LIMIT #",
    "SELECT age + # FROM users WHERE score BETWEEN # AND # AND NOT id <> #",
    "SELECT count(*) FROM users WHERE name LIKE @ AND name IS DISTINCT FROM @ AND id = - # AND price = #",
    "SELECT u.id, @ FROM users u JOIN orders o ON o.user_id = u.id AND o.id = # WHERE u.name = @ AND total > #",
    "SELECT id FROM users WHERE id IN (SELECT user_id FROM orders WHERE total < # AND id * # = 7) OR uid IS NULL",
    "WITH a AS (SELECT id FROM orders WHERE id = #) SELECT id FROM a WHERE id > # OR id IN (#, $1)",
    "SELECT CASE WHEN age = # THEN @ END, coalesce(name, @) FROM users WHERE coalesce(name, @) = @ OR id / # = #",
    "SELECT id FROM users WHERE id IN (-#, - #, #) AND age BETWEEN -# AND # AND name NOT LIKE @ AND NOT name ILIKE @",
    "SELECT id FROM users WHERE uid = ^ AND at > ~ AND ~ <= at AND at IN (~, ~) AND uid NOT IN (^, ^)",
    "UPDATE users SET age = age + #, name = @, id = -#, score = # - score WHERE id = # AND $1 = name",
    "DELETE FROM users WHERE id = # AND (name = @ OR doc->>@ = @) AND interval '1 day' IS NOT NULL",
    "INSERT INTO users (id, name, age) VALUES (#, @, -#), (- #, @, # + 1), ($1, lower(@), DEFAULT)",
    "INSERT INTO users (id) SELECT id FROM orders WHERE id = # AND total = #",
    "SELECT id FROM users WHERE price > | AND price IN (|, -|, #) AND | <> score AND price - | < | AND score * | > #",
    "SELECT age + # AS n, @ AS tag, - # AS m, lower(name) = @ AS same, age + # FROM users WHERE name = lower(@) LIMIT #",
    "INSERT INTO users (id, name) SELECT id + #, @ FROM orders WHERE total > # LIMIT #",
    "INSERT INTO users (id, price, score) VALUES (#, |, -|), (- |, |, | * 2)",
};

static uint64_t seed = 88172645463325252U;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

enum { VALUES_MAX = 16 };

static const char *random_value(char hole)
{
    static const char *const strings[] = { "''", "'a'", "'it''s'", "'2026-01-01'", "'%\\_'", "'5'", "'\xC3\xBC -- x'" };
    static const char *const uuids[] = { "'00000000-0000-0000-0000-000000000001'",
                                         "'550E8400e29b41d4a716446655440000'" };
    static const char *const decimals[] = { "0.5", "1.25", "1.5", "12.345", "99999999.99", "100000000.5" };
    static const char *const times[] = { "'2026-01-01'", "'2026-01-01 10:00:00.5+02'", "'1999-12-31T23:59:59Z'" };
    if (hole == '^') {
        return uuids[next_random() % KDB_ARRAY_LEN(uuids)];
    }
    if (hole == '~') {
        return times[next_random() % KDB_ARRAY_LEN(times)];
    }
    if (hole == '|') {
        return decimals[next_random() % KDB_ARRAY_LEN(decimals)];
    }
    if (hole == '@') {
        return strings[next_random() % KDB_ARRAY_LEN(strings)];
    }
    return kdb_sv_dup_cstr(test_arena(),
                           kdb_sv_printf(test_arena(), "%llu", (unsigned long long)(1 + next_random() % 1000)));
}

/* The template with its holes filled. */
static kdb_sv filled(const char *pattern, const char *const *values)
{
    kdb_buf buf;
    size_t next = 0;
    kdb_buf_init(&buf, 0);
    for (const char *c = pattern; *c != '\0'; c++) {
        if (is_hole(*c)) {
            kdb_buf_append_sv(&buf, kdb_sv_cstr(values[next++]));
        } else {
            kdb_buf_append_byte(&buf, (uint8_t)*c);
        }
    }
    const kdb_sv out = kdb_sv_dup(test_arena(), kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return out;
}

static size_t fill_values(const char *pattern, const char **values)
{
    size_t count = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (is_hole(*c)) {
            values[count++] = random_value(*c);
        }
    }
    return count;
}

/* A literal as the binder writes it. */
static kdb_sv written(const kdb_value *value)
{
    kdb_arena *arena = test_arena();
    const kdb_sv text = kdb_value_to_text(value, arena);
    if (value->type.kind != KDB_TYPE_TEXT) {
        return text;
    }
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    for (size_t i = 0; i < text.len; i++) {
        kdb_buf_append_sv(&buf, text.ptr[i] == '\'' ? KDB_SV("''") : kdb_sv_of(text.ptr + i, 1));
    }
    const kdb_sv out = kdb_sv_printf(arena, "'%.*s'", KDB_SV_ARG(kdb_buf_sv(&buf)));
    kdb_buf_done(&buf);
    return out;
}

static kdb_sv replaced(kdb_sv text, kdb_sv what, kdb_sv with)
{
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    for (size_t i = 0; i < text.len;) {
        if (kdb_sv_has_prefix(kdb_sv_of(text.ptr + i, text.len - i), what)) {
            kdb_buf_append_sv(&buf, with);
            i += what.len;
        } else {
            kdb_buf_append_byte(&buf, (uint8_t)text.ptr[i++]);
        }
    }
    const kdb_sv out = kdb_sv_dup(test_arena(), kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return out;
}

static const char *const cast_types[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_TEXT] = "VARCHAR",    [KDB_TYPE_INT] = "INTEGER",   [KDB_TYPE_UUID] = "UUID",
    [KDB_TYPE_DATE] = "DATE",       [KDB_TYPE_TIME] = "TIME",     [KDB_TYPE_TIMESTAMP] = "TIMESTAMP",
    [KDB_TYPE_DECIMAL] = "DECIMAL", [KDB_TYPE_DOUBLE] = "DOUBLE",
};

static kdb_value served_value(const kdb_extra *extra, const kdb_shape *shape)
{
    kdb_value value;
    assert_true(kdb_extra_literal(extra, &shape->literals[extra->literal].value, &value));
    return value;
}

static bool is_number(const kdb_value *value)
{
    return value->type.kind == KDB_TYPE_INT || value->type.kind == KDB_TYPE_BIGINT ||
           value->type.kind == KDB_TYPE_DECIMAL || value->type.kind == KDB_TYPE_DOUBLE;
}

/* Numbers as one reads them, whatever their type. */
static kdb_sv plain_text(const kdb_value *value)
{
    kdb_value number;
    if (!is_number(value) || value->is_null ||
        kdb_value_coerce(value, kdb_type_of(KDB_TYPE_DOUBLE), NULL, &number, NULL) != KDB_OK) {
        return kdb_value_to_text(value, test_arena());
    }
    return kdb_sv_printf(test_arena(), "%.17g", number.as.f64);
}

static kdb_sv cast_text(const kdb_type *type)
{
    assert_non_null(cast_types[type->kind]);
    return type->kind == KDB_TYPE_DECIMAL ? kdb_sv_printf(test_arena(), "DECIMAL(%u, %u)", type->precision, type->scale)
                                          : kdb_sv_cstr(cast_types[type->kind]);
}

/* Engine text with the values of `shape` where the extras are. */
static kdb_sv served_text(const kdb_bound *plan, const kdb_stmt *stmt, const kdb_shape *shape)
{
    kdb_sv text = plan->sql;
    for (size_t i = 0; i < plan->nextras; i++) {
        const kdb_extra *extra = &plan->extras[i];
        const kdb_value value = served_value(extra, shape);
        assert_int_equal(extra->kind, KDB_EXTRA_LITERAL);
        assert_true(plan->lifted[extra->literal]);
        const kdb_sv type = cast_text(&value.type);
        const kdb_sv cast = kdb_sv_printf(test_arena(), "CAST($%zu AS %.*s)", stmt->nparams + i + 1, KDB_SV_ARG(type));
        const kdb_value as_written = kdb_shape_signed(&shape->literals[extra->literal].value, extra->negative);
        const bool own = extra->type.kind != KDB_TYPE_NULL && !extra->exact && !is_number(&value);
        const kdb_sv as = kdb_sv_printf(test_arena(), "CAST('%.*s' AS %.*s)",
                                        KDB_SV_ARG(kdb_value_to_text(&value, test_arena())), KDB_SV_ARG(type));
        text = replaced(text, cast, own ? as : written(&as_written));
    }
    return text;
}

/* Conditions and trees with the values of `shape` where the extras are; without a shape, what there is. */
static void add_served_pred(kdb_buf *out, const kdb_bound *plan, const kdb_stmt *stmt, const kdb_shape *shape,
                            const kdb_pred *pred)
{
    kdb_buf_printf(out, "%u %d", pred->column, pred->op);
    for (size_t i = 0; i < pred->noperands; i++) {
        const kdb_pred_operand *operand = &pred->operands[i];
        if (operand->param > stmt->nparams) {
            const kdb_value value = served_value(&plan->extras[operand->param - stmt->nparams - 1], shape);
            kdb_buf_printf(out, " %.*s", KDB_SV_ARG(plain_text(&value)));
        } else if (operand->param != 0) {
            kdb_buf_printf(out, " $%u", operand->param);
        } else {
            kdb_buf_printf(out, " %.*s", KDB_SV_ARG(plain_text(&operand->literal)));
        }
    }
    kdb_buf_append_byte(out, ';');
}

static void add_served_node(kdb_buf *out, const kdb_bound *plan, const kdb_stmt *stmt, const kdb_shape *shape,
                            const kdb_node *node)
{
    const bool lifted =
        node->kind == KDB_NODE_CAST && node->args[0]->kind == KDB_NODE_PARAM && node->args[0]->param > stmt->nparams;
    kdb_value value = node->value;
    if (lifted) {
        value = served_value(&plan->extras[node->args[0]->param - stmt->nparams - 1], shape);
        assert_true(kdb_type_eq(value.type, node->type));
    }
    if (lifted || node->kind == KDB_NODE_LITERAL) {
        kdb_buf_printf(out, "(%d %.*s)", is_number(&value) ? KDB_TYPE_KIND_COUNT : value.type.kind,
                       KDB_SV_ARG(plain_text(&value)));
        return;
    }
    kdb_buf_printf(out, "(%d %u %u", node->kind, node->param, node->column);
    for (size_t i = 0; i < node->nargs; i++) {
        add_served_node(out, plan, stmt, shape, node->args[i]);
    }
    kdb_buf_append_byte(out, ')');
}

static kdb_sv served_rest(const kdb_bound *plan, const kdb_stmt *stmt, const kdb_shape *shape)
{
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    for (size_t i = 0; i < plan->ntables; i++) {
        for (size_t k = 0; k < plan->tables[i].npreds; k++) {
            add_served_pred(&buf, plan, stmt, shape, &plan->tables[i].preds[k]);
        }
    }
    if (plan->single != NULL && plan->single->where != NULL) {
        add_served_node(&buf, plan, stmt, shape, plan->single->where);
    }
    for (size_t i = 0; plan->single != NULL && i < plan->single->ntargets; i++) {
        add_served_node(&buf, plan, stmt, shape, plan->single->targets[i]);
    }
    const kdb_sv out = kdb_sv_dup(test_arena(), kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return out;
}

/* Cells as their values, the values of `shape` in those lifted. */
static kdb_sv served_cells(const kdb_stmt *stmt, const kdb_shape *shape)
{
    kdb_buf buf;
    const bool insert = stmt->kind == KDB_STMT_INSERT;
    const kdb_cell *cells = insert ? stmt->as.insert.cells : stmt->as.change.cells;
    const size_t ncells = insert ? stmt->as.insert.nrows * stmt->as.insert.width : stmt->as.change.ncolumns;
    kdb_buf_init(&buf, 0);
    for (size_t i = 0; i < ncells && stmt->kind != KDB_STMT_QUERY && stmt->kind != KDB_STMT_DELETE; i++) {
        const bool lifted = cells[i].kind == KDB_CELL_LIFTED;
        const kdb_value *value = lifted ? &shape->literals[cells[i].index].value : &cells[i].literal;
        kdb_buf_printf(&buf, "%d", lifted ? (int)KDB_CELL_LITERAL : (int)cells[i].kind);
        if (lifted || cells[i].kind == KDB_CELL_LITERAL) {
            kdb_buf_printf(&buf, " %s%.*s;", cells[i].negative ? "-" : "",
                           KDB_SV_ARG(kdb_value_to_text(value, test_arena())));
        } else {
            kdb_buf_printf(&buf, " %u;", cells[i].index);
        }
    }
    const kdb_sv out = kdb_sv_dup(test_arena(), kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return out;
}

static bool is_lifted(const kdb_stmt *stmt, const kdb_bound *plan, size_t literal)
{
    return stmt->lifted[literal] || (plan != NULL && plan->lifted[literal]);
}

/* The literals of `text` that are holes of the template, in their order: all but the ones it writes itself. */
static size_t hole_literals(const char *pattern, const kdb_shape *shape, const char *const *values, size_t *out)
{
    size_t count = 0;
    size_t offset = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (!is_hole(*c)) {
            offset++;
            continue;
        }
        for (size_t i = 0; i < shape->nliterals; i++) {
            if ((size_t)shape->literals[i].position == offset) {
                out[count] = i;
            }
        }
        offset += strlen(values[count++]);
    }
    return count;
}

/* 12.345 is no value of a DECIMAL(10, 2): a plan that takes such does not serve it. */
static bool takes(const kdb_bound *plan, const kdb_shape *shape)
{
    kdb_value value;
    for (size_t i = 0; plan != NULL && i < plan->nextras; i++) {
        const kdb_extra *extra = &plan->extras[i];
        if (!kdb_extra_literal(extra, &shape->literals[extra->literal].value, &value)) {
            return false;
        }
    }
    return true;
}

static void expect_same(const char *what, kdb_sv served, kdb_sv own, kdb_sv sql)
{
    if (!kdb_sv_eq(served, own)) {
        fail_msg("%s of %.*s\n  served %.*s\n  own    %.*s", what, KDB_SV_ARG(sql), KDB_SV_ARG(served),
                 KDB_SV_ARG(own));
    }
}

static void one_statement_serves_all_of_its_shape(void **state)
{
    (void)state;
    size_t nlifted = 0;
    for (size_t round = 0; round < 400; round++) {
        const char *pattern = templates[round % KDB_ARRAY_LEN(templates)];
        const char *values[VALUES_MAX];
        size_t holes[VALUES_MAX];
        const size_t count = fill_values(pattern, values);
        const kdb_sv first = filled(pattern, values);
        const kdb_shape shape = shape_of(first);
        const kdb_stmt *stmt = parse(first, &shape);
        const kdb_bound *plan = bind(stmt);
        assert_int_equal(hole_literals(pattern, &shape, values, holes), count);
        const char *others[VALUES_MAX];
        (void)fill_values(pattern, others);
        for (size_t i = 0; i < count; i++) {
            if (!is_lifted(stmt, plan, holes[i])) {
                others[i] = values[i];
            } else {
                nlifted++;
            }
        }
        const kdb_sv second = filled(pattern, others);
        const kdb_shape other = shape_of(second);
        if (!takes(plan, &other)) {
            continue;
        }
        const kdb_stmt *own = parse(second, NULL);
        const kdb_bound *own_plan = bind(own);
        assert_true(kdb_sv_eq(shape.key, other.key));
        expect_same("cells", served_cells(stmt, &other), served_cells(own, NULL), second);
        assert_int_equal(plan == NULL, own_plan == NULL);
        if (plan != NULL) {
            expect_same("text", served_text(plan, stmt, &other), own_plan->sql, second);
            expect_same("conditions and trees", served_rest(plan, stmt, &other), served_rest(own_plan, own, NULL),
                        second);
            assert_int_equal(plan->single == NULL, own_plan->single == NULL);
        }
    }
    assert_true(nlifted > 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blanks_comments_case_and_values_do_not_count),
        TEST(everything_else_counts),
        TEST(what_could_be_read_in_two_ways_has_no_shape),
        TEST(long_texts_and_many_literals_have_no_shape),
        TEST(literals_are_told_with_their_places),
        TEST(literals_beside_columns_of_their_kind_are_lifted),
        TEST(other_literals_stay),
        TEST(the_engine_alone_gets_limits_and_long_lists_as_they_are),
        TEST(one_statement_serves_all_of_its_shape),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
