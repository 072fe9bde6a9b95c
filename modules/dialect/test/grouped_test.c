/* grouped_test.c - statements of group keys and aggregates as trees: what they hold, and which statements have none. */
#include "dialect_fixture.h"

static void aggregates_without_keys(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT count(*) FROM users", "[count(*): count-rows]" },
        { "SELECT count(*) AS n, COUNT(name) FROM users WHERE ok",
          "[n: count-rows][count(name): count of name] where ok" },
        { "SELECT sum(age) AS s, avg(age) AS a, min(name) AS low, max(score) AS high FROM users",
          "[s: sum of age][a: avg of age][low: min of name][high: max of score]" },
        { "SELECT sum(age * 2 + 1) AS s FROM users AS u WHERE u.id > $1",
          "[s: sum of (+ (* age 2:INT) 1:INT)] where (> id $1)" },
        { "SELECT count(*) FILTER (WHERE ok) AS n, sum(age) FILTER (WHERE name = 'x') AS s FROM users",
          "[n: count-rows filter ok][s: sum of age filter (= name 'x')]" },
        { "SELECT sum(ALL age) AS s FROM users", "[s: sum of age]" },
        { "SELECT count(1) AS n FROM users", "[n: count of 1:INT]" },
        { "SELECT count(*) AS n FROM app.orders", "[n: count-rows]" },
        { "SELECT max(_seq) AS newest FROM users", "[newest: max of _seq]" },
    };
    CHECK_CASES(cases, grouped);
}

static void keys_by_expression_name_and_position(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT ok, count(*) AS n FROM users GROUP BY ok", "[ok: key 0][n: count-rows] by ok" },
        { "SELECT count(*) AS n FROM users GROUP BY ok, users.age", "[n: count-rows] by ok by age" },
        { "SELECT age, ok, max(id) AS m FROM users GROUP BY ok, age",
          "[age: key 1][ok: key 0][m: max of id] by ok by age" },
        { "SELECT lower(name) AS who, count(*) AS n FROM users GROUP BY lower(name)",
          "[who: key 0][n: count-rows] by (lower name)" },
        { "SELECT lower(name) AS who, count(*) AS n FROM users GROUP BY who",
          "[who: key 0][n: count-rows] by (lower name)" },
        { "SELECT count(*) AS n, age / 10 AS decade FROM users GROUP BY 2",
          "[n: count-rows][decade: key 0] by (/ age 10:INT)" },
        { "SELECT ok FROM users GROUP BY ok", "[ok: key 0] by ok" },
        { "SELECT ok, ok AS again FROM users GROUP BY 1", "[ok: key 0][again: key 0] by ok" },
        { "SELECT name AS age, count(*) AS n FROM users GROUP BY name, age",
          "[age: key 0][n: count-rows] by name by age" }, /* the column's name comes first */
        { "SELECT u.ok, count(*) AS n FROM users u GROUP BY ok", "[ok: key 0][n: count-rows] by ok" },
        { "SELECT coalesce(name, $1) AS who, count(*) AS n FROM users GROUP BY coalesce(name, $1)",
          "[who: key 0][n: count-rows] by (coalesce name $1)" },
        { "SELECT _deleted, count(*) AS n FROM users WHERE _deleted OR NOT _deleted GROUP BY _deleted",
          "[_deleted: key 0][n: count-rows] by _deleted where (or _deleted (not _deleted))" },
    };
    CHECK_CASES(cases, grouped);
}

static void what_is_more_has_no_tree(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users", "none" },
        { "SELECT count(DISTINCT name) FROM users", "none" },
        { "SELECT sum(age ORDER BY id) FROM users", "none" },
        { "SELECT count() FROM users", "none" },
        { "SELECT min(age, 2) FROM users", "none" },
        { "SELECT count(*) + 1 FROM users", "none" },
        { "SELECT -sum(age) FROM users", "none" },
        { "SELECT count(*), 1 FROM users", "none" },
        { "SELECT median(age) FROM users", "none" },
        { "SELECT sum(age) OVER () FROM users", "none" },
        { "SELECT ok, count(*) FROM users GROUP BY ok HAVING count(*) > 1", "none" },
        { "SELECT ok, count(*) FROM users GROUP BY ok ORDER BY ok", "none" },
        { "SELECT ok, count(*) FROM users GROUP BY ok LIMIT 1", "none" },
        { "SELECT ok, count(*) FROM users GROUP BY ok OFFSET 1", "none" },
        { "SELECT DISTINCT ok, count(*) FROM users GROUP BY ok", "none" },
        { "SELECT ok, count(*) FROM users GROUP BY ROLLUP (ok)", "none" },
        { "SELECT count(*) FROM users GROUP BY ()", "none" },
        { "SELECT ok, age, count(*) FROM users GROUP BY (ok, age)", "none" },
        { "SELECT age + 1, count(*) FROM users GROUP BY age", "none" },
        { "SELECT lower(name), count(*) FROM users GROUP BY upper(name)", "none" },
        { "SELECT age + 1, count(*) FROM users GROUP BY age + 2", "none" },
        { "SELECT age + 1 AS x, count(*) FROM users GROUP BY age + CAST(1 AS BIGINT)", "none" },
        { "SELECT * FROM events GROUP BY kind, _seq", "none" },
        { "SELECT count(*) FROM users GROUP BY 'x'", "none" },
        { "SELECT count(*) FROM users GROUP BY $1", "none" },
        { "SELECT 1 AS one, count(*) FROM users GROUP BY one", "none" },
        { "SELECT count(*) AS n FROM users GROUP BY 1", "none" },
        { "SELECT count(*) AS n FROM users GROUP BY n", "none" },
        { "SELECT count(*) FROM users GROUP BY 2", "none" },
        { "SELECT sum(sum(age)) FROM users", "none" },
        { "SELECT count(*) FILTER (WHERE id IN (SELECT id FROM orders)) FROM users", "none" },
        { "SELECT count(*) FROM users WHERE id IN (SELECT id FROM orders)", "none" },
        { "SELECT count(*) FROM users WHERE (id, age) IN ((1, 2))", "none" },
        { "SELECT count(*) FROM users, orders", "none" },
        { "SELECT count(*) FROM users JOIN orders USING (id)", "none" },
        { "SELECT count(*) FROM (SELECT id FROM users) s", "none" },
        { "WITH a AS (SELECT 1) SELECT count(*) FROM users", "none" },
        { "SELECT count(*) FROM users UNION ALL SELECT count(*) FROM orders", "none" },
        { "SELECT count(*)", "none" },
        { "SELECT count(g) FROM generate_series(1, 3) g", "none" },
        { "SELECT sum(_updated) FROM users", "none" },
    };
    CHECK_CASES(cases, grouped);
}

static void keys_beyond_the_limit_have_no_tree(void **state)
{
    (void)state;
    kdb_buf sql = { 0 };
    kdb_buf_append_lit(&sql, "SELECT count(*) AS n FROM users GROUP BY age");
    for (int i = 1; i < KDB_GROUP_KEYS_MAX; i++) {
        kdb_buf_printf(&sql, ", age + %d", i);
    }
    assert_string_not_equal(grouped(kdb_sv_dup_cstr(test_arena(), kdb_buf_sv(&sql))), "none");
    kdb_buf_append_lit(&sql, ", id");
    assert_string_equal(grouped(kdb_sv_dup_cstr(test_arena(), kdb_buf_sv(&sql))), "none");
    kdb_buf_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(aggregates_without_keys),
        TEST(keys_by_expression_name_and_position),
        TEST(what_is_more_has_no_tree),
        TEST(keys_beyond_the_limit_have_no_tree),
    };
    return cmocka_run_group_tests_name("grouped", tests, NULL, NULL);
}
