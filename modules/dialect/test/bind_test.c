/* bind_test.c - queries to engine SQL: what is written for what, word by word. */
#include "dialect_fixture.h"

static void tables_become_scans(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 1", "SELECT 1 AS \"1\"" },
        { "SELECT id, name FROM users", "SELECT \"users\".\"id\", \"users\".\"name\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT u.id, USERS2.NAME FROM users u, app.users AS users2",
          "SELECT \"u\".\"id\", \"users2\".\"name\" FROM kdb_scan(0) AS \"u\", kdb_scan(1) AS \"users2\"" },
        { "SELECT * FROM users",
          "SELECT \"users\".\"id\", \"users\".\"name\", \"users\".\"age\", \"users\".\"price\", \"users\".\"doc\", "
          "\"users\".\"at\", \"users\".\"uid\", \"users\".\"ok\", \"users\".\"score\", \"users\".\"_seq\", "
          "\"users\".\"_deleted\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT e.*, 1 FROM events e",
          "SELECT \"e\".\"kind\", \"e\".\"_seq\", 1 AS \"1\" FROM kdb_scan(0) AS \"e\"" },
        { "SELECT * FROM orders",
          "SELECT \"orders\".\"id\", \"orders\".\"user_id\", \"orders\".\"total\", \"orders\".\"_seq\", "
          "\"orders\".\"_deleted\" FROM kdb_scan(0) AS \"orders\" ORDER BY \"orders\".\"_seq\"" },
        { "SELECT id FROM orders LIMIT 5",
          "SELECT \"orders\".\"id\" FROM kdb_scan(0) AS \"orders\" ORDER BY \"orders\".\"_seq\" LIMIT 5" },
        { "SELECT id FROM orders ORDER BY total DESC",
          "SELECT \"orders\".\"id\" FROM kdb_scan(0) AS \"orders\" ORDER BY \"orders\".\"total\" DESC" },
        { "SELECT kind FROM events", "SELECT \"events\".\"kind\" FROM kdb_scan(0) AS \"events\"" },
        { "SELECT job_id FROM system.jobs", "SELECT \"jobs\".\"job_id\" FROM kdb_scan(0) AS \"jobs\"" },
        { "SELECT kalam.app.users.id FROM kalam.app.users WHERE app.users.age > 1",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"age\" > 1)" },
        { "SELECT app.users.id, \"default\".users.id FROM app.users, \"default\".users",
          "SELECT \"users\".\"id\", \"default.users\".\"id\" FROM kdb_scan(0) AS \"users\", kdb_scan(1) AS "
          "\"default.users\"" },
        { "SELECT id FROM app.user.users", "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\"" },
    };
    CHECK_CASES(cases, bound);
}

static void joins_keep_their_columns_apart(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT users.id FROM users JOIN orders ON users.id = orders.user_id",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" JOIN kdb_scan(1) AS \"orders\" ON (\"users\".\"id\" "
          "= \"orders\".\"user_id\")" },
        { "SELECT * FROM orders JOIN events ON TRUE",
          "SELECT \"orders\".\"id\", \"orders\".\"user_id\", \"orders\".\"total\", \"orders\".\"_seq\", "
          "\"orders\".\"_deleted\", \"events\".\"kind\", \"events\".\"_seq\" FROM kdb_scan(0) AS \"orders\" JOIN "
          "kdb_scan(1) AS \"events\" ON TRUE" },
        { "SELECT * FROM orders a LEFT JOIN orders b USING (id, user_id)",
          "SELECT \"id\", \"user_id\", \"a\".\"total\", \"a\".\"_seq\", \"a\".\"_deleted\", \"b\".\"total\", "
          "\"b\".\"_seq\", \"b\".\"_deleted\" FROM kdb_scan(0) AS \"a\" LEFT JOIN kdb_scan(1) AS \"b\" USING "
          "(\"id\", \"user_id\")" },
        { "SELECT id FROM orders FULL JOIN users USING (id)",
          "SELECT \"id\" FROM kdb_scan(0) AS \"orders\" FULL JOIN kdb_scan(1) AS \"users\" USING (\"id\")" },
        { "SELECT * FROM events NATURAL JOIN (SELECT 'x' AS kind, 1 AS n) s",
          "SELECT \"kind\", \"events\".\"_seq\", \"s\".\"n\" FROM kdb_scan(0) AS \"events\" JOIN (SELECT 'x' AS "
          "\"kind\", CAST(1 AS BIGINT) AS \"n\") AS \"s\" USING (\"kind\")" },
        { "SELECT * FROM system.jobs NATURAL JOIN events",
          "SELECT \"jobs\".\"job_id\", \"jobs\".\"status\", \"events\".\"kind\", \"events\".\"_seq\" FROM "
          "kdb_scan(0) AS \"jobs\" CROSS JOIN kdb_scan(1) AS \"events\"" },
        { "SELECT 1 FROM users u JOIN (orders a CROSS JOIN orders b) ON u.id = a.id",
          "SELECT 1 AS \"1\" FROM kdb_scan(0) AS \"u\" JOIN (kdb_scan(1) AS \"a\" CROSS JOIN kdb_scan(2) AS \"b\") "
          "ON (\"u\".\"id\" = \"a\".\"id\")" },
        { "SELECT x.m FROM users u, LATERAL (SELECT max(total) AS m FROM orders o WHERE o.user_id = u.id) x",
          "SELECT \"x\".\"m\" FROM kdb_scan(0) AS \"u\", LATERAL (SELECT \"max\"(\"o\".\"total\") AS \"m\" FROM "
          "kdb_scan(1) AS \"o\" WHERE (\"o\".\"user_id\" = \"u\".\"id\")) AS \"x\"" },
        { "SELECT a.x FROM (SELECT id AS x, id AS x FROM users) a(x, y)",
          "SELECT \"a\".\"x\" FROM (SELECT \"users\".\"id\" AS \"x\", \"users\".\"id\" AS \"x\" FROM kdb_scan(0) AS "
          "\"users\") AS \"a\"(\"x\", \"y\")" },
        { "SELECT * FROM (SELECT id, id FROM users) a",
          "SELECT \"a\".\"id\", \"a\".\"kdb_column_1\" AS \"id\" FROM (SELECT \"users\".\"id\", \"users\".\"id\" "
          "FROM kdb_scan(0) AS \"users\") AS \"a\"(\"id\", \"kdb_column_1\")" },
        { "SELECT t.x FROM users AS t(x) WHERE t.name = 'n'",
          "SELECT \"t\".\"x\" FROM kdb_scan(0) AS \"t\"(\"x\", \"name\", \"age\", \"price\", \"doc\", \"at\", "
          "\"uid\", \"ok\", \"score\", \"_seq\", \"_deleted\") WHERE (\"t\".\"name\" = 'n')" },
    };
    CHECK_CASES(cases, bound);
}

static void with_names_hide_tables(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "WITH a AS (SELECT id FROM users) SELECT * FROM a",
          "WITH \"kdb_cte_0\"(\"id\") AS (SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\") SELECT \"a\".\"id\" "
          "FROM \"kdb_cte_0\" AS \"a\"" },
        { "WITH a AS (SELECT 1), b AS (SELECT 2), A AS (SELECT 3) SELECT * FROM a",
          "INVALID_SQL@39 WITH query name \"a\" specified more than once" },
        { "WITH users AS (SELECT 1 AS x) SELECT * FROM users",
          "WITH \"kdb_cte_0\"(\"x\") AS (SELECT CAST(1 AS BIGINT) AS \"x\") SELECT \"users\".\"x\" FROM \"kdb_cte_0\" AS \"users\"" },
        { "WITH users AS (SELECT id FROM users) SELECT * FROM users, app.users u",
          "WITH \"kdb_cte_0\"(\"id\") AS (SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\") SELECT "
          "\"users\".\"id\", \"u\".\"id\", \"u\".\"name\", \"u\".\"age\", \"u\".\"price\", \"u\".\"doc\", "
          "\"u\".\"at\", \"u\".\"uid\", \"u\".\"ok\", \"u\".\"score\", \"u\".\"_seq\", \"u\".\"_deleted\" FROM "
          "\"kdb_cte_0\" AS \"users\", kdb_scan(1) AS \"u\"" },
        { "WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT b.x FROM b",
          "WITH \"kdb_cte_0\"(\"x\") AS (SELECT CAST(1 AS BIGINT) AS \"x\"), \"kdb_cte_1\"(\"x\") AS (SELECT \"a\".\"x\" FROM "
          "\"kdb_cte_0\" AS \"a\") SELECT \"b\".\"x\" FROM \"kdb_cte_1\" AS \"b\"" },
        { "SELECT * FROM (WITH users AS (SELECT 2 AS y) SELECT y FROM users) z, users",
          "SELECT \"z\".\"y\", \"users\".\"id\", \"users\".\"name\", \"users\".\"age\", \"users\".\"price\", "
          "\"users\".\"doc\", \"users\".\"at\", \"users\".\"uid\", \"users\".\"ok\", \"users\".\"score\", "
          "\"users\".\"_seq\", \"users\".\"_deleted\" FROM (WITH \"kdb_cte_0\"(\"y\") AS (SELECT CAST(2 AS BIGINT) AS \"y\") SELECT "
          "\"users\".\"y\" FROM \"kdb_cte_0\" AS \"users\") AS \"z\", kdb_scan(0) AS \"users\"" },
        { "WITH a(p, q) AS NOT MATERIALIZED (SELECT id, id FROM users) SELECT p, c.q FROM a AS c",
          "WITH \"kdb_cte_0\"(\"p\", \"q\") AS NOT MATERIALIZED (SELECT \"users\".\"id\", \"users\".\"id\" FROM "
          "kdb_scan(0) AS \"users\") SELECT \"c\".\"p\", \"c\".\"q\" FROM \"kdb_cte_0\" AS \"c\"" },
        { "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t",
          "WITH RECURSIVE \"kdb_cte_0\"(\"n\") AS ((SELECT CAST(1 AS BIGINT) AS \"1\") UNION ALL (SELECT (\"t\".\"n\" + 1) AS \"n + "
          "1\" FROM \"kdb_cte_0\" AS \"t\" WHERE (\"t\".\"n\" < 5))) SELECT \"t\".\"n\" FROM \"kdb_cte_0\" AS \"t\"" },
        { "WITH RECURSIVE t AS (SELECT 1 AS n) SELECT n FROM t",
          "WITH RECURSIVE \"kdb_cte_0\"(\"n\") AS (SELECT CAST(1 AS BIGINT) AS \"n\") SELECT \"t\".\"n\" FROM \"kdb_cte_0\" AS \"t\"" },
    };
    CHECK_CASES(cases, bound);
}

static void sets_and_values(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users UNION SELECT id FROM orders ORDER BY id LIMIT 1",
          "(SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\") UNION (SELECT \"orders\".\"id\" FROM kdb_scan(1) "
          "AS \"orders\") ORDER BY \"id\" LIMIT 1" },
        { "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3",
          "((SELECT CAST(1 AS BIGINT) AS \"1\") UNION ALL (SELECT CAST(2 AS BIGINT) AS \"2\")) EXCEPT (SELECT CAST(3 AS BIGINT) AS \"3\")" },
        { "VALUES (1, 'a'), (2, $1)",
          "SELECT * FROM (VALUES (CAST(1 AS BIGINT), 'a'), (CAST(2 AS BIGINT), $1)) AS \"kdb_values\"(\"column1\", \"column2\")" },
        { "SELECT v.b FROM (VALUES (1, 2)) AS v(a, b)",
          "SELECT \"v\".\"b\" FROM (SELECT * FROM (VALUES (CAST(1 AS BIGINT), CAST(2 AS BIGINT))) AS \"kdb_values\"(\"column1\", \"column2\")) AS "
          "\"v\"(\"a\", \"b\")" },
    };
    CHECK_CASES(cases, bound);
}

static void the_session_and_the_clock_become_parameters(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT now(), CURRENT_TIMESTAMP, current_date, CURRENT_USER, current_user(), CURRENT_ROLE, "
          "current_user_id(), $1",
          "SELECT CAST($2 AS TIMESTAMP) AS \"now()\", CAST($2 AS TIMESTAMP) AS \"current_timestamp\", CAST($2 AS "
          "TIMESTAMP)::DATE AS \"current_date\", CAST($3 AS VARCHAR) AS \"current_user\", CAST($3 AS VARCHAR) AS "
          "\"current_user()\", CAST($4 AS VARCHAR) AS \"current_role\", CAST($3 AS VARCHAR) AS "
          "\"current_user_id()\", $1 AS \"$1\"" },
        { "SELECT _updated FROM users WHERE _updated > now() - INTERVAL '1 day'",
          "SELECT epoch_ms((\"users\".\"_seq\" >> 22) + 1704067200000) AS \"_updated\" FROM kdb_scan(0) AS \"users\" "
          "WHERE (epoch_ms((\"users\".\"_seq\" >> 22) + 1704067200000) > (CAST($1 AS TIMESTAMP) - CAST('1 day' AS "
          "INTERVAL)))" },
        { "SELECT u._updated AS at FROM users u ORDER BY _updated",
          "SELECT epoch_ms((\"u\".\"_seq\" >> 22) + 1704067200000) AS \"at\" FROM kdb_scan(0) AS \"u\" ORDER BY "
          "epoch_ms((\"u\".\"_seq\" >> 22) + 1704067200000)" },
        { "SELECT _deleted FROM events WHERE NOT _deleted",
          "SELECT FALSE AS \"_deleted\" FROM kdb_scan(0) AS \"events\" WHERE (NOT FALSE)" },
        { "SELECT a.kind FROM events a JOIN events b ON a._deleted = b._deleted",
          "SELECT \"a\".\"kind\" FROM kdb_scan(0) AS \"a\" JOIN kdb_scan(1) AS \"b\" ON (FALSE = FALSE)" },
    };
    CHECK_CASES(cases, bound);
}

static void lists_groups_and_windows(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT count(*), COUNT(DISTINCT name), Sum( age ) /* x */ , max(age) FILTER (WHERE ok) FROM users",
          "SELECT \"count\"(*) AS \"count(*)\", \"count\"(DISTINCT \"users\".\"name\") AS \"count(DISTINCT name)\", "
          "\"sum\"(\"users\".\"age\") AS \"sum( age )\", \"max\"(\"users\".\"age\") FILTER (WHERE \"users\".\"ok\") "
          "AS \"max(age) FILTER (WHERE ok)\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT age + 1, age*2 AS d, -age, 'x' || name, name::text, CASE WHEN ok THEN 1 END FROM users",
          "SELECT (\"users\".\"age\" + 1) AS \"age + 1\", (\"users\".\"age\" * 2) AS \"d\", (- \"users\".\"age\") AS "
          "\"-age\", kdb_join(CAST('x' AS VARCHAR), CAST(\"users\".\"name\" AS VARCHAR)) AS \"'x' || name\", CAST(\"users\".\"name\" AS VARCHAR) AS "
          "\"name::text\", CASE WHEN \"users\".\"ok\" THEN 1 END AS \"CASE WHEN ok THEN 1 END\" FROM kdb_scan(0) AS "
          "\"users\"" },
        { "SELECT 1 + 2, 2147483647 + 1, 1.5 * 2, -5, 7",
          "SELECT (CAST(1 AS BIGINT) + CAST(2 AS BIGINT)) AS \"1 + 2\", (CAST(2147483647 AS BIGINT) + CAST(1 AS "
          "BIGINT)) AS \"2147483647 + 1\", (1.5 * CAST(2 AS BIGINT)) AS \"1.5 * 2\", -5 AS \"-5\", 7 AS \"7\"" },
        { "SELECT name FROM users GROUP BY name HAVING count(*) > 1 ORDER BY count(*) DESC NULLS LAST, name",
          "SELECT \"users\".\"name\" FROM kdb_scan(0) AS \"users\" GROUP BY \"users\".\"name\" HAVING (\"count\"(*) "
          "> 1) ORDER BY \"count\"(*) DESC NULLS LAST, \"name\"" },
        { "SELECT age AS a, count(*) AS n FROM users GROUP BY a ORDER BY n, 1",
          "SELECT \"users\".\"age\" AS \"a\", \"count\"(*) AS \"n\" FROM kdb_scan(0) AS \"users\" GROUP BY \"a\" "
          "ORDER BY \"n\", 1" },
        { "SELECT name, age, count(*) FROM users GROUP BY GROUPING SETS ((name, age), (name), ())",
          "SELECT \"users\".\"name\", \"users\".\"age\", \"count\"(*) AS \"count(*)\" FROM kdb_scan(0) AS \"users\" "
          "GROUP BY GROUPING SETS ((\"users\".\"name\", \"users\".\"age\"), \"users\".\"name\", ())" },
        { "SELECT name FROM users GROUP BY ROLLUP (name), CUBE (age)",
          "SELECT \"users\".\"name\" FROM kdb_scan(0) AS \"users\" GROUP BY ROLLUP (\"users\".\"name\"), CUBE "
          "(\"users\".\"age\")" },
        { "SELECT DISTINCT name FROM users ORDER BY name",
          "SELECT DISTINCT \"users\".\"name\" FROM kdb_scan(0) AS \"users\" ORDER BY \"name\"" },
        { "SELECT DISTINCT ON (name) name, id FROM users ORDER BY name, id",
          "SELECT DISTINCT ON (\"name\") \"users\".\"name\", \"users\".\"id\" FROM kdb_scan(0) AS \"users\" ORDER BY "
          "\"name\", \"id\"" },
        { "SELECT row_number() OVER (PARTITION BY name ORDER BY id DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW "
          "EXCLUDE TIES) AS r FROM users",
          "SELECT \"row_number\"() OVER ( PARTITION BY \"users\".\"name\" ORDER BY \"users\".\"id\" DESC ROWS "
          "BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS \"r\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT sum(age) OVER w FROM users WINDOW w AS (ORDER BY id)",
          "SELECT \"sum\"(\"users\".\"age\") OVER \"w\" AS \"sum(age) OVER w\" FROM kdb_scan(0) AS \"users\" WINDOW "
          "\"w\" AS ( ORDER BY \"users\".\"id\")" },
        { "SELECT string_agg(name, ',' ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY age) FROM users",
          "SELECT \"string_agg\"(\"users\".\"name\", ',' ORDER BY \"users\".\"id\") AS \"string_agg(name, ',' ORDER "
          "BY id)\", \"percentile_cont\"(0.5) WITHIN GROUP ( ORDER BY \"users\".\"age\") AS \"percentile_cont(0.5) "
          "WITHIN GROUP (ORDER BY age)\" FROM kdb_scan(0) AS \"users\"" },
    };
    CHECK_CASES(cases, bound);
}

static void comparisons_know_their_types_before_any_row(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users WHERE id = '5' AND price = '1.555' AND ok = 'yes' AND score < '2.5'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"id\" = (5)) AND "
          "(\"users\".\"price\" = (1.555)) AND (\"users\".\"ok\" = TRUE) AND (\"users\".\"score\" < CAST('2.5' AS "
          "DOUBLE)))" },
        { "SELECT id FROM users WHERE uid IN ('550E8400e29b41d4a716446655440000') AND coalesce(at, now()) > "
          "'2026-01-01T01:00:00+01:00'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"uid\" IN "
          "(CAST('550e8400-e29b-41d4-a716-446655440000' AS UUID))) AND (COALESCE(\"users\".\"at\", CAST($1 AS "
          "TIMESTAMP)) > CAST('2026-01-01 00:00:00' AS TIMESTAMP)))" },
        { "SELECT id FROM users WHERE id = 'abc'", "INVALID_SQL@32 invalid input syntax for type BIGINT: \"abc\"" },
        { "SELECT id FROM users WHERE age IN (1, '99999999999')",
          "INVALID_SQL@38 invalid input syntax for type INT: \"99999999999\"" },
        { "SELECT id FROM users WHERE id NOT BETWEEN '1' AND '1.5'",
          "INVALID_SQL@50 invalid input syntax for type BIGINT: \"1.5\"" },
        { "SELECT s.i FROM (SELECT max(id) AS i FROM users) s WHERE s.i = 'x'",
          "INVALID_SQL@63 invalid input syntax for type BIGINT: \"x\"" },
        { "SELECT id FROM users WHERE uid = 'x'", "INVALID_SQL@33 invalid input syntax for type UUID: \"x\"" },
        { "SELECT id FROM users WHERE name = 5",
          "INVALID_SQL@32 operator does not exist: TEXT = BIGINT. Cast one of the sides" },
        { "SELECT id FROM users WHERE at > 5",
          "INVALID_SQL@30 operator does not exist: TIMESTAMP > BIGINT. Cast one of the sides" },
        { "SELECT u.id FROM users u JOIN orders o ON u.name = o.id",
          "INVALID_SQL@49 operator does not exist: TEXT = BIGINT. Cast one of the sides" },
        { "SELECT id FROM users WHERE name IN ('a', 1)",
          "INVALID_SQL@32 operator does not exist: TEXT = BIGINT. Cast one of the sides" },
        { "SELECT id FROM users WHERE name BETWEEN 'a' AND 3",
          "INVALID_SQL@48 operator does not exist: TEXT <= BIGINT. Cast one of the sides" },
    };
    CHECK_CASES(cases, bound);
}

static void conditions_are_true_or_false_and_patterns_meet_texts(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users WHERE id", "INVALID_SQL@27 argument of WHERE must be of type BOOLEAN, not BIGINT" },
        { "SELECT id FROM users WHERE 1", "INVALID_SQL@27 argument of WHERE must be of type BOOLEAN, not BIGINT" },
        { "SELECT id FROM users WHERE name", "INVALID_SQL@27 argument of WHERE must be of type BOOLEAN, not TEXT" },
        { "SELECT id FROM users WHERE age + 1", "INVALID_SQL@27 argument of WHERE must be of type BOOLEAN, not INT" },
        { "SELECT id FROM users WHERE ok AND age", "INVALID_SQL@34 argument of AND must be of type BOOLEAN, not INT" },
        { "SELECT id FROM users WHERE age OR ok", "INVALID_SQL@27 argument of OR must be of type BOOLEAN, not INT" },
        { "SELECT id FROM users WHERE NOT age", "INVALID_SQL@31 argument of NOT must be of type BOOLEAN, not INT" },
        { "SELECT CASE WHEN age THEN 1 END FROM users",
          "INVALID_SQL@17 argument of CASE WHEN must be of type BOOLEAN, not INT" },
        { "SELECT u.id FROM users u JOIN orders o ON o.id",
          "INVALID_SQL@42 argument of JOIN .. ON must be of type BOOLEAN, not BIGINT" },
        { "SELECT age FROM users GROUP BY age HAVING count(*)",
          "INVALID_SQL@42 argument of HAVING must be of type BOOLEAN, not BIGINT" },
        { "SELECT count(*) FILTER (WHERE age) FROM users",
          "INVALID_SQL@30 argument of FILTER must be of type BOOLEAN, not INT" },
        { "SELECT id FROM users WHERE ok AND 't' AND NULL",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"ok\" AND 't' AND NULL)" },
        { "SELECT id FROM users WHERE age LIKE '1%'",
          "INVALID_SQL@31 operator does not exist: INT LIKE TEXT. Cast one of the sides" },
        { "SELECT id FROM users WHERE uid NOT ILIKE '1%'",
          "INVALID_SQL@31 operator does not exist: UUID ILIKE TEXT. Cast one of the sides" },
        { "SELECT id FROM users WHERE age ~ '1'",
          "INVALID_SQL@31 operator does not exist: INT ~ TEXT. Cast one of the sides" },
        { "SELECT id FROM users WHERE age SIMILAR TO '1'",
          "INVALID_SQL@31 operator does not exist: INT SIMILAR TO TEXT. Cast one of the sides" },
    };
    CHECK_CASES(cases, bound);
}

static void operators_functions_and_casts_mean_what_they_should(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users WHERE name LIKE 'a%' AND name NOT LIKE 'a\\_b' AND name ILIKE $1 AND name LIKE 'x!%' "
          "ESCAPE '!'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (kdb_like(\"users\".\"name\", 'a%', '\\') AND "
          "(NOT kdb_like(\"users\".\"name\", 'a\\_b', '\\')) AND kdb_like(lower(\"users\".\"name\"), lower($1), '\\') AND "
          "kdb_like(\"users\".\"name\", 'x!%', '!'))" },
        { "SELECT id FROM users WHERE name ILIKE 'A%'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE kdb_like(lower(\"users\".\"name\"), lower('A%'), "
          "'\\')" },
        { "SELECT id FROM users WHERE name ~ doc AND strpos(name, doc) > 0 AND levenshtein(name, 'a') < 2 AND name !~ "
          "'0123456789abcdefg' AND strpos(name, 'b') = 1",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE "
          "(regexp_matches(kdb_searched(\"users\".\"doc\", \"users\".\"name\"), \"users\".\"doc\", 's') AND "
          "(\"strpos\"(kdb_found(\"users\".\"doc\", \"users\".\"name\"), \"users\".\"doc\") > 0) AND "
          "(\"levenshtein\"(\"users\".\"name\", kdb_compared(\"users\".\"name\", 'a')) < 2) AND (NOT "
          "regexp_matches(kdb_searched('0123456789abcdefg', \"users\".\"name\"), '0123456789abcdefg', 's')) AND "
          "(\"strpos\"(\"users\".\"name\", 'b') = 1))" },
        { "SELECT regexp_replace(name, 'a+', '', 'g'), regexp_replace(name, 'a+', 'bc', 'g') FROM users",
          "SELECT \"regexp_replace\"(\"users\".\"name\", 'a+', '', 'g') AS \"regexp_replace(name, 'a+', '', 'g')\", "
          "\"regexp_replace\"(\"users\".\"name\", 'a+', kdb_rewrite(\"users\".\"name\", 'bc'), 'g') AS "
          "\"regexp_replace(name, 'a+', 'bc', 'g')\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT id FROM users WHERE name SIMILAR TO 'a%(b|c)_.' AND name NOT SIMILAR TO 'x#%' ESCAPE '#'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (regexp_full_match(\"users\".\"name\", "
          "'a.*(b|c).\\.', 's') AND (NOT regexp_full_match(\"users\".\"name\", 'x%', 's')))" },
        { "SELECT id FROM users WHERE name ~ 'a' AND name ~* 'b' AND name !~ 'c' AND name !~* 'd'",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (regexp_matches(\"users\".\"name\", 'a', 's') AND "
          "regexp_matches(\"users\".\"name\", 'b', 'is') AND (NOT regexp_matches(\"users\".\"name\", 'c', 's')) AND (NOT "
          "regexp_matches(\"users\".\"name\", 'd', 'is')))" },
        { "SELECT id FROM users WHERE id IN (1, 2) AND id NOT IN (SELECT id FROM orders) AND id BETWEEN 1 AND 2 AND "
          "NOT id BETWEEN SYMMETRIC 3 AND 1",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"id\" IN (1, 2)) AND (NOT "
          "(\"users\".\"id\" IN (SELECT \"orders\".\"id\" FROM kdb_scan(1) AS \"orders\"))) AND (\"users\".\"id\" "
          "BETWEEN 1 AND 2) AND (NOT ((\"users\".\"id\" BETWEEN 3 AND 1) OR (\"users\".\"id\" BETWEEN 1 AND 3))))" },
        { "SELECT id FROM users WHERE id = ANY (ARRAY[1, 2]) AND id > ALL (SELECT id FROM orders) AND EXISTS (SELECT "
          "1 FROM orders)",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"id\" = ANY([1, 2])) AND "
          "(\"users\".\"id\" > ALL (SELECT \"orders\".\"id\" FROM kdb_scan(1) AS \"orders\")) AND EXISTS (SELECT CAST(1 "
          "AS BIGINT) AS \"1\" FROM kdb_scan(2) AS \"orders\"))" },
        { "SELECT id FROM users WHERE (id, age) = (1, 2) AND ROW(id) IN (SELECT 1) AND name IS NOT NULL AND ok IS "
          "NOT TRUE AND age IS DISTINCT FROM 1",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (((\"users\".\"id\" = 1) AND "
          "(\"users\".\"age\" = 2)) AND (ROW(\"users\".\"id\") IN (SELECT CAST(1 AS BIGINT) AS \"1\")) AND (\"users\".\"name\" IS NOT NULL) AND "
          "(\"users\".\"ok\" IS NOT TRUE) AND (\"users\".\"age\" IS DISTINCT FROM 1))" },
        { "SELECT doc->'a'->>'b', doc->0, doc->-1, doc ? 'k', doc->name FROM users",
          "SELECT json_extract_string(TRY_CAST(json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '/a') AS JSON), "
          "'/b') AS \"doc->'a'->>'b'\", json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '$[0]') AS \"doc->0\", "
          "json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '$[#-1]') AS \"doc->-1\", "
          "json_exists(TRY_CAST(\"users\".\"doc\" AS JSON), '/k') AS \"doc ? 'k'\", "
          "json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), ('/' || replace(replace(CAST(\"users\".\"name\" AS "
          "VARCHAR), '~', '~0'), '/', '~1'))) AS \"doc->name\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT json_get(doc, 'a', 1), json_get_int(doc, 'a/b'), json_length(doc), json_object_keys(doc, 'x'), "
          "json_contains(doc, 'x') FROM users",
          "SELECT json_extract(json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '/a'), '$[1]') AS \"json_get(doc, "
          "'a', 1)\", CASE WHEN json_type(json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '/a~1b')) IN ('BIGINT', "
          "'UBIGINT') THEN TRY_CAST(json_extract_string(json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '/a~1b'), '$') "
          "AS BIGINT) END AS \"json_get_int(doc, 'a/b')\", CASE json_type(TRY_CAST(\"users\".\"doc\" AS JSON)) WHEN "
          "'ARRAY' THEN CAST(json_array_length(TRY_CAST(\"users\".\"doc\" AS JSON)) AS BIGINT) WHEN 'OBJECT' THEN "
          "len(json_keys(TRY_CAST(\"users\".\"doc\" AS JSON))) END AS \"json_length(doc)\", "
          "json_keys(json_extract(TRY_CAST(\"users\".\"doc\" AS JSON), '/x')) AS \"json_object_keys(doc, 'x')\", "
          "json_exists(TRY_CAST(\"users\".\"doc\" AS JSON), '/x') AS \"json_contains(doc, 'x')\" FROM kdb_scan(0) AS "
          "\"users\"" },
        { "SELECT age::smallint, CAST(age AS DOUBLE PRECISION), age::float, age::decimal, age::numeric(5,2), "
          "name::varchar(3), '1'::bigint, '2026-01-01'::datetime, '2026-01-01 10:00:00+02:00'::timestamptz, "
          "at::timestamptz, 't'::bool, '\\x0a'::bytea, doc::jsonb, '[1]'::embedding(1), name::uuid, ARRAY[1]::int[] "
          "FROM users",
          "SELECT CAST(\"users\".\"age\" AS SMALLINT) AS \"age::smallint\", CAST(\"users\".\"age\" AS DOUBLE) AS "
          "\"CAST(age AS DOUBLE PRECISION)\", CAST(\"users\".\"age\" AS FLOAT) AS \"age::float\", "
          "CAST(\"users\".\"age\" AS DECIMAL(38,10)) AS \"age::decimal\", CAST(\"users\".\"age\" AS DECIMAL(5,2)) AS "
          "\"age::numeric(5,2)\", CAST(\"users\".\"name\" AS VARCHAR) AS \"name::varchar(3)\", CAST('1' AS BIGINT) "
          "AS \"'1'::bigint\", CAST('2026-01-01 00:00:00' AS TIMESTAMP) AS \"'2026-01-01'::datetime\", "
          "CAST('2026-01-01 08:00:00' AS TIMESTAMP) AS \"'2026-01-01 10:00:00+02:00'::timestamptz\", "
          "CAST(CAST(\"users\".\"at\" AS TIMESTAMPTZ) AS TIMESTAMP) AS \"at::timestamptz\", TRUE AS \"'t'::bool\", "
          "CAST('\\x0A' AS BLOB) AS \"'\\x0a'::bytea\", CAST(\"users\".\"doc\" AS VARCHAR) AS \"doc::jsonb\", "
          "CAST('[1]' AS FLOAT[1]) AS \"'[1]'::embedding(1)\", CAST(\"users\".\"name\" AS UUID) AS \"name::uuid\", "
          "CAST([1] AS INTEGER[]) AS \"ARRAY[1]::int[]\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT EXTRACT(YEAR FROM at), at AT TIME ZONE 'UTC', substring(name FROM 1 FOR 2), trim(LEADING 'x' FROM "
          "name), position('a' IN name) FROM users",
          "SELECT date_part('year', \"users\".\"at\") AS \"extract(YEAR FROM at)\", timezone('UTC', "
          "\"users\".\"at\") AS \"at AT TIME ZONE 'UTC'\", substring(\"users\".\"name\", 1, 2) AS \"substring(name "
          "FROM 1 FOR 2)\", ltrim(\"users\".\"name\", 'x') AS \"trim(LEADING 'x' FROM name)\", "
          "strpos(\"users\".\"name\", 'a') AS \"position('a' IN name)\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT INTERVAL '1 day', INTERVAL '2' HOUR, '3 days'::interval",
          "SELECT CAST('1 day' AS INTERVAL) AS \"INTERVAL '1 day'\", to_hours(CAST('2' AS INTEGER)) AS \"INTERVAL "
          "'2' HOUR\", CAST('3 days' AS INTERVAL) AS \"'3 days'::interval\"" },
        { "SELECT coalesce(name, 'x'), nullif(age, 1), greatest(1, age), least(age, 2), ifnull(name, 'y') FROM users",
          "SELECT COALESCE(\"users\".\"name\", 'x') AS \"coalesce(name, 'x')\", nullif(\"users\".\"age\", 1) AS "
          "\"nullif(age, 1)\", greatest(1, \"users\".\"age\") AS \"greatest(1, age)\", least(\"users\".\"age\", 2) "
          "AS \"least(age, 2)\", \"ifnull\"(\"users\".\"name\", 'y') AS \"ifnull(name, 'y')\" FROM kdb_scan(0) AS "
          "\"users\"" },
        { "SELECT 2 ^ 3, 5 # 1, @ age, |/ 4, 1 << 2, ~ 1, 5 % 2 FROM users",
          "SELECT pow(2, 3) AS \"2 ^ 3\", xor(5, 1) AS \"5 # 1\", abs(\"users\".\"age\") AS \"@ age\", sqrt(4) AS "
          "\"|/ 4\", (1 << 2) AS \"1 << 2\", (~ 1) AS \"~ 1\", (CAST(5 AS BIGINT) % CAST(2 AS BIGINT)) AS \"5 % 2\" "
          "FROM kdb_scan(0) AS \"users\"" },
        { "SELECT lpad(name, 3), rpad(name, 3, 'x'), repeat(name, 2), replace(name, 'a', 'b') FROM users",
          "SELECT \"kdb_lpad\"(\"users\".\"name\", 3, ' ') AS \"lpad(name, 3)\", \"kdb_rpad\"(\"users\".\"name\", 3, "
          "'x') AS \"rpad(name, 3, 'x')\", \"kdb_repeat\"(\"users\".\"name\", 2) AS \"repeat(name, 2)\", "
          "\"kdb_replace\"(\"users\".\"name\", 'a', 'b') AS \"replace(name, 'a', 'b')\" FROM kdb_scan(0) AS "
          "\"users\"" },
        { "SELECT date_trunc('day', at), date_trunc('month', at::date) FROM users",
          "SELECT CAST(\"date_trunc\"('day', \"users\".\"at\") AS TIMESTAMP) AS \"date_trunc('day', at)\", "
          "CAST(\"date_trunc\"('month', CAST(CAST(\"users\".\"at\" AS DATE) AS TIMESTAMP)) AS TIMESTAMP) AS \"date_trunc('month', "
          "at::date)\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT date_trunc('hour', INTERVAL '90 minutes')",
          "SELECT \"date_trunc\"('hour', CAST('90 minutes' AS INTERVAL)) AS \"date_trunc('hour', INTERVAL '90 "
          "minutes')\"" },
        { "SELECT cosine_distance(doc, NULL) FROM users",
          "INVALID_SQL@7 COSINE_DISTANCE() query vector cannot be NULL" },
        { "SELECT cosine_distance(id, '[1]') FROM users",
          "INVALID_SQL@23 COSINE_DISTANCE() takes vectors, not BIGINT" },
        { "SELECT CAST('\\x123' AS BYTES)", "INVALID_SQL@12 invalid input syntax for type BYTES: \"\\x123\"" },
        { "SELECT '10000-01-01'::timestamp, 1",
          "INVALID_SQL@7 invalid input syntax for type TIMESTAMP: \"10000-01-01\"" },
        { "SELECT encode(name, 'hex'), decode('0a', 'hex'), snowflake_id(), uuid_v7(), "
          "ulid() FROM users",
          "SELECT lower(hex(\"users\".\"name\")) AS "
          "\"encode(name, 'hex')\", unhex('0a') AS \"decode('0a', 'hex')\", "
          "\"kdb_snowflake_id\"() AS "
          "\"snowflake_id()\", \"kdb_uuid_v7\"() AS \"uuid_v7()\", \"kdb_ulid\"() AS \"ulid()\" FROM kdb_scan(0) AS "
          "\"users\"" },
    };
    CHECK_CASES(cases, bound);
}

static void rows_are_compared_by_their_values(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 1 FROM users WHERE (id, age, 'x') >= (1, $1, name)",
          "SELECT 1 AS \"1\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"id\" > 1) OR ((\"users\".\"id\" = 1) AND "
          "((\"users\".\"age\" > $1) OR ((\"users\".\"age\" = $1) AND ('x' >= \"users\".\"name\")))))" },
        { "SELECT 1 FROM users WHERE ROW(id, age) <> ROW(1, 2) AND ROW(id) < ROW(3)",
          "SELECT 1 AS \"1\" FROM kdb_scan(0) AS \"users\" WHERE (((\"users\".\"id\" <> 1) OR (\"users\".\"age\" <> 2)) "
          "AND (\"users\".\"id\" < 3))" },
        { "SELECT 1 FROM users WHERE ((id, age), name) = ((1, 2), 'x')",
          "SELECT 1 AS \"1\" FROM kdb_scan(0) AS \"users\" WHERE (((\"users\".\"id\" = 1) AND (\"users\".\"age\" = 2)) "
          "AND (\"users\".\"name\" = 'x'))" },
        { "SELECT 1 FROM users WHERE (id, age) = (1, 2, 3)",
          "INVALID_SQL@36 unequal number of entries in row expressions" },
        { "SELECT 1 FROM users WHERE (id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, "
          "id, id, id, id, id, id, id, id, id, id, id, id) < (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
          "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
          "INVALID_SQL@159 rows of more than 32 values cannot be compared" },
    };
    CHECK_CASES(cases, bound);
}

static void functions_in_from(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT g FROM generate_series(1, $1) g",
          "SELECT \"g\".\"g\" FROM generate_series(1, (SELECT CAST($1 AS BIGINT))) AS \"g\"(\"g\")" },
        { "SELECT g FROM generate_series($1, now(), interval '1 hour') g",
          "SELECT \"g\".\"g\" FROM generate_series((SELECT CAST($1 AS TIMESTAMP)), (SELECT CAST($2 AS TIMESTAMP)), "
          "CAST('1 hour' AS INTERVAL)) AS \"g\"(\"g\")" },
        { "SELECT g FROM range(length('$1')) g", "SELECT \"g\".\"g\" FROM range(\"length\"('$1')) AS \"g\"(\"g\")" },
        { "SELECT g FROM generate_series(1, 3) g", "SELECT \"g\".\"g\" FROM generate_series(1, 3) AS \"g\"(\"g\")" },
        { "SELECT x, g.range FROM range(2) AS r(x), range(3) g(range)",
          "SELECT \"r\".\"x\", \"g\".\"range\" FROM range(2) AS \"r\"(\"x\"), range(3) AS \"g\"(\"range\")" },
        { "SELECT u.id, e FROM users u, unnest(ARRAY[u.id]) AS e",
          "SELECT \"u\".\"id\", \"e\".\"e\" FROM kdb_scan(0) AS \"u\", unnest([\"u\".\"id\"]) AS \"e\"(\"e\")" },
    };
    CHECK_CASES(cases, bound);
}

static void spelling_is_forgiven_and_names_are_kept(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT `id`, \"Name\" FROM `users` WHERE \"ID\" = 1",
          "SELECT \"users\".\"id\", \"users\".\"name\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"id\" = 1)" },
        { "SELECT id AS \"a\"\"b\", 'it''s' FROM users",
          "SELECT \"users\".\"id\" AS \"a\"\"b\", 'it''s' AS \"'it''s'\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT id, FROM users WHERE id IN (1, 2,)",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"id\" IN (1, 2))" },
        { "SELECT $2", "WITH \"kdb_unused\" AS (SELECT CAST($1 AS VARCHAR)) SELECT $2 AS \"$2\"" },
        { "SELECT id FROM users WHERE at > '2026-01-01T00:00:00+02:00' AND at IN ('2026-01-02', $1) AND "
          "'2026-01-03 00:00:00Z' <= _updated",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" WHERE ((\"users\".\"at\" > CAST('2025-12-31 "
          "22:00:00' AS TIMESTAMP)) AND (\"users\".\"at\" IN (CAST('2026-01-02 00:00:00' AS TIMESTAMP), $1)) AND "
          "(CAST('2026-01-03 00:00:00' AS TIMESTAMP) <= epoch_ms((\"users\".\"_seq\" >> 22) + 1704067200000)))" },
        { "SELECT id + 1 AS n, n * 2 FROM users WHERE n > 1",
          "SELECT (\"users\".\"id\" + 1) AS \"n\", (\"n\" * 2) AS \"n * 2\" FROM kdb_scan(0) AS \"users\" WHERE "
          "(\"n\" > 1)" },
        { "SELECT id FROM users u WHERE EXISTS (SELECT 1 AS age FROM orders WHERE u.age = age)",
          "SELECT \"u\".\"id\" FROM kdb_scan(0) AS \"u\" WHERE EXISTS (SELECT CAST(1 AS BIGINT) AS \"age\" FROM kdb_scan(1) AS "
          "\"orders\" WHERE (\"u\".\"age\" = \"u\".\"age\"))" },
        { "SELECT X'0aFF', E'a\\'b', U&'\\0041', NULL, TRUE",
          "SELECT CAST('\\x0A\\xFF' AS BLOB) AS \"X'0aFF'\", 'a''b' AS \"E'a\\'b'\", 'A' AS \"U&'\\0041'\", CAST(NULL AS VARCHAR) AS "
          "\"NULL\", TRUE AS \"TRUE\"" },
        { "SELECT ROW(1, 2), ARRAY[]::int[], (ARRAY[1, 2])[1], (ARRAY[1, 2])[1:2], ARRAY(SELECT 1)",
          "SELECT ROW(1, 2) AS \"ROW(1, 2)\", CAST([] AS INTEGER[]) AS \"ARRAY[]::int[]\", ([1, 2])[1] AS "
          "\"(ARRAY[1, 2])[1]\", ([1, 2])[1:2] AS \"(ARRAY[1, 2])[1:2]\", ARRAY (SELECT CAST(1 AS BIGINT) AS \"1\") AS "
          "\"ARRAY(SELECT 1)\"" },
    };
    CHECK_CASES(cases, bound);
}

static void changes_select_keys_versions_and_values(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "INSERT INTO users (id, name) VALUES (1 + $1, 'x'), ($2, lower($3))",
          "WITH \"kdb_unused\" AS (SELECT CAST($2 AS VARCHAR)) SELECT (1 + $1), \"lower\"($3)" },
        { "INSERT INTO users (name) (SELECT name, user, user FROM users WHERE f(user, user) = user)",
          "INVALID_SQL@67 Function f() is not supported" },
        { "INSERT INTO users (id, user) (SELECT id, user, 1 FROM users)",
          "SELECT \"users\".\"id\", CAST($1 AS VARCHAR), 1 FROM kdb_scan(0) AS \"users\"" },
        { "INSERT INTO users (id) SELECT id FROM orders",
          "SELECT \"orders\".\"id\" FROM kdb_scan(0) AS \"orders\" ORDER BY \"orders\".\"_seq\"" },
        { "UPDATE users SET age = age + 1, name = $1 WHERE id = $2",
          "WITH \"kdb_unused\" AS (SELECT CAST($1 AS VARCHAR)) SELECT \"users\".\"_key\", \"users\".\"_seq\", "
          "(\"users\".\"age\" + 1) FROM kdb_scan(0) AS \"users\" WHERE (\"users\".\"id\" = $2)" },
        { "UPDATE app.users u SET age = o.total FROM orders o WHERE o.user_id = u.id",
          "SELECT DISTINCT ON (\"u\".\"_key\") \"u\".\"_key\", \"u\".\"_seq\", \"o\".\"total\" FROM kdb_scan(0) AS "
          "\"u\", kdb_scan(1) AS \"o\" WHERE (\"o\".\"user_id\" = \"u\".\"id\")" },
        { "WITH users AS (SELECT 5 AS m) UPDATE users SET age = x.m FROM users x WHERE TRUE",
          "WITH \"kdb_cte_0\"(\"m\") AS (SELECT CAST(5 AS BIGINT) AS \"m\") SELECT DISTINCT ON (\"users\".\"_key\") "
          "\"users\".\"_key\", \"users\".\"_seq\", \"x\".\"m\" FROM kdb_scan(0) AS \"users\", \"kdb_cte_0\" AS \"x\" "
          "WHERE TRUE" },
        { "DELETE FROM users WHERE _deleted = false AND id IN (SELECT user_id FROM orders)",
          "SELECT \"users\".\"_key\", \"users\".\"_seq\" FROM kdb_scan(0) AS \"users\" WHERE "
          "((\"users\".\"_deleted\" = FALSE) AND (\"users\".\"id\" IN (SELECT \"orders\".\"user_id\" FROM "
          "kdb_scan(1) AS \"orders\")))" },
        { "DELETE FROM users USING orders WHERE orders.id = users.id",
          "SELECT DISTINCT ON (\"users\".\"_key\") \"users\".\"_key\", \"users\".\"_seq\" FROM kdb_scan(0) AS "
          "\"users\", kdb_scan(1) AS \"orders\" WHERE (\"orders\".\"id\" = \"users\".\"id\")" },
    };
    CHECK_CASES(cases, bound);
}

static void orders_and_limits(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users ORDER BY age, name DESC LIMIT $1 OFFSET $2",
          "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\" ORDER BY \"users\".\"age\", \"users\".\"name\" DESC "
          "LIMIT $1 OFFSET $2" },
        { "SELECT id FROM users LIMIT ALL", "SELECT \"users\".\"id\" FROM kdb_scan(0) AS \"users\"" },
        { "SELECT sum(n) FROM (SELECT count(*) AS n FROM users) s",
          "SELECT \"sum\"(\"s\".\"n\") AS \"sum(n)\" FROM (SELECT \"count\"(*) AS \"n\" FROM kdb_scan(0) AS "
          "\"users\") AS \"s\"" },
        { "SELECT q.\"count(*)\" FROM (SELECT count(*) FROM users) q",
          "SELECT \"q\".\"count(*)\" FROM (SELECT \"count\"(*) AS \"count(*)\" FROM kdb_scan(0) AS \"users\") AS "
          "\"q\"" },
        { "TABLE users",
          "SELECT \"users\".\"id\", \"users\".\"name\", \"users\".\"age\", \"users\".\"price\", \"users\".\"doc\", "
          "\"users\".\"at\", \"users\".\"uid\", \"users\".\"ok\", \"users\".\"score\", \"users\".\"_seq\", "
          "\"users\".\"_deleted\" FROM kdb_scan(0) AS \"users\"" },
    };
    CHECK_CASES(cases, bound);
}

static void divisions_check_their_divisors(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT age / 2, age % 0, age / score, score / $1, mod(age, id), 7 / 2, (age / id) / (id / age) FROM users",
          "SELECT (\"users\".\"age\" / 2) AS \"age / 2\", (CASE WHEN TRY_CAST(0 AS DOUBLE) = 0 THEN "
          "error('division by zero') ELSE \"users\".\"age\" % 0 END) AS \"age % 0\", (\"users\".\"age\" / CASE WHEN \"users\".\"score\" = 0 THEN "
          "error('division by zero') ELSE \"users\".\"score\" END) AS \"age / score\", (\"users\".\"score\" / CASE "
          "WHEN TRY_CAST(concat($1) AS DOUBLE) = 0 THEN error('division by zero') ELSE $1 END) AS \"score / $1\", "
          "(\"users\".\"age\" % CASE WHEN \"users\".\"id\" = 0 THEN error('division by zero') ELSE \"users\".\"id\" "
          "END) AS \"mod(age, id)\", (CAST(7 AS BIGINT) / CAST(2 AS BIGINT)) AS \"7 / 2\", ((\"users\".\"age\" / "
          "CASE WHEN \"users\".\"id\" = 0 THEN error('division by zero') ELSE \"users\".\"id\" END) / CASE WHEN "
          "(\"users\".\"id\" / CASE WHEN \"users\".\"age\" = 0 THEN error('division by zero') ELSE \"users\".\"age\" "
          "END) = 0 THEN error('division by zero') ELSE (\"users\".\"id\" / CASE WHEN \"users\".\"age\" = 0 THEN "
          "error('division by zero') ELSE \"users\".\"age\" END) END) AS \"(age / id) / (id / age)\" FROM "
          "kdb_scan(0) AS \"users\"" },
        { "SELECT 1 / (1 / (1 / (1 / (1 / (1 / (1 / (1 / age))))))) FROM users",
          "INVALID_SQL@39 Divisions inside divisors nest at most 6 deep" },
    };
    CHECK_CASES(cases, bound);
}

static void the_source_of_an_insert_has_the_columns_that_can_be_written(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "INSERT INTO orders SELECT * FROM orders",
          "SELECT \"orders\".\"id\", \"orders\".\"user_id\", \"orders\".\"total\" FROM kdb_scan(0) AS \"orders\" "
          "ORDER BY \"orders\".\"_seq\"" },
        { "INSERT INTO orders SELECT o.* FROM orders o WHERE _deleted",
          "SELECT \"o\".\"id\", \"o\".\"user_id\", \"o\".\"total\" FROM kdb_scan(0) AS \"o\" WHERE "
          "\"o\".\"_deleted\" ORDER BY \"o\".\"_seq\"" },
        { "INSERT INTO events SELECT x.* FROM (SELECT * FROM events) x UNION ALL (SELECT * FROM events EXCEPT SELECT * "
          "FROM events)",
          "(SELECT \"x\".\"kind\" FROM (SELECT \"events\".\"kind\", \"events\".\"_seq\" FROM kdb_scan(0) AS "
          "\"events\") AS \"x\") UNION ALL ((SELECT \"events\".\"kind\" FROM kdb_scan(1) AS \"events\") EXCEPT "
          "(SELECT \"events\".\"kind\" FROM kdb_scan(2) AS \"events\"))" },
        { "INSERT INTO events SELECT _seq FROM events", "SELECT \"events\".\"_seq\" FROM kdb_scan(0) AS \"events\"" },
    };
    CHECK_CASES(cases, bound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_source_of_an_insert_has_the_columns_that_can_be_written),
        TEST(tables_become_scans),
        TEST(joins_keep_their_columns_apart),
        TEST(with_names_hide_tables),
        TEST(sets_and_values),
        TEST(the_session_and_the_clock_become_parameters),
        TEST(lists_groups_and_windows),
        TEST(comparisons_know_their_types_before_any_row),
        TEST(conditions_are_true_or_false_and_patterns_meet_texts),
        TEST(operators_functions_and_casts_mean_what_they_should),
        TEST(rows_are_compared_by_their_values),
        TEST(functions_in_from),
        TEST(spelling_is_forgiven_and_names_are_kept),
        TEST(changes_select_keys_versions_and_values),
        TEST(orders_and_limits),
        TEST(divisions_check_their_divisors),
    };
    return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
