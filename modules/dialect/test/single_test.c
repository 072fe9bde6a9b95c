/* single_test.c - statements over one table as trees: what they hold, and which statements have none. */
#include "dialect_fixture.h"

static void lists_and_clauses(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id, NAME AS n FROM users WHERE id = 5", "[id: id][n: name] where (= id 5:INT)" },
        { "SELECT * FROM events", "[kind: kind][_seq: _seq]" },
        { "SELECT e.*, e.kind FROM events e", "[kind: kind][_seq: _seq][kind: kind]" },
        { "SELECT t.x, name FROM users AS t(x) WHERE t.x > 1", "[x: id][name: name] where (> id 1:INT)" },
        { "SELECT job_id FROM system.jobs", "[job_id: job_id]" },
        { "SELECT COUNT(*) FROM users WHERE ok", "[count(*): count] where ok" },
        { "SELECT count(*) AS n FROM users", "[n: count]" },
        { "SELECT 1, 'x' AS t, NULL", "[1: 1:INT][t: 'x'][NULL: (cast NULL TEXT)]" },
        { "SELECT id FROM users LIMIT 5 OFFSET $1", "[id: id] limit 5:INT offset $1" },
        { "SELECT id FROM users LIMIT ALL", "[id: id]" },
        { "SELECT id FROM orders", "[id: id] order _seq" },
        { "SELECT count(*) FROM orders", "[count(*): count]" },
        { "SELECT id FROM orders ORDER BY total DESC, id", "[id: id] order total desc nulls-first order id" },
        { "SELECT id FROM users ORDER BY age NULLS FIRST, name DESC NULLS LAST",
          "[id: id] order age nulls-first order name desc" },
        { "SELECT id + 1 AS n, name FROM users ORDER BY n, 2 DESC, upper(name)",
          "[n: (+ id 1:INT)][name: name] order (+ id 1:INT) order name desc nulls-first order (upper name)" },
        { "SELECT age AS id FROM users ORDER BY id", "[id: age] order age" },
        { "SELECT s.n FROM (SELECT id, age AS n FROM users WHERE age > 1) s WHERE s.id = 2 ORDER BY n",
          "[n: age] where (and (> age 1:INT) (= id 2:INT)) order age" },
        { "SELECT _deleted FROM events WHERE NOT _deleted", "[_deleted: false] where (not false)" },
    };
    CHECK_CASES(cases, single);
}

static void changes_have_targets_and_a_where(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "UPDATE users SET age = age + 1, name = $1, ok = NULL, score = score * 2 WHERE id = $2",
          "[(+ age 1:INT)][(* score 2:INT)] where (= id $2)" },
        { "DELETE FROM users WHERE _deleted = false AND id < 3", " where (and (= _deleted false) (< id 3:INT))" },
        { "INSERT INTO users (id, name) VALUES (1 + $1, 'x'), ($2, lower($3))", "[(+ 1:INT $1)][(lower $3)]" },
        { "UPDATE users SET age = o.total FROM orders o WHERE o.user_id = users.id", "none" },
        { "DELETE FROM users USING orders WHERE orders.id = users.id", "none" },
        { "WITH a AS (SELECT 1) DELETE FROM users WHERE id = 1", "none" },
        { "INSERT INTO users (id) SELECT id FROM orders", "[id: id] order _seq" },
        { "INSERT INTO users (id) VALUES ((SELECT 1))", "none" },
    };
    CHECK_CASES(cases, single);
}

#define WHERE(sql, tree)                                                                                               \
    {                                                                                                                  \
        "DELETE FROM users WHERE " sql, " where " tree                                                                 \
    }
#define NO_TREE(sql)                                                                                                   \
    {                                                                                                                  \
        "DELETE FROM users WHERE " sql, "none"                                                                         \
    }

static void truth_and_comparisons(void **state)
{
    (void)state;
    static const text_case cases[] = {
        WHERE("id = 1 AND (name = 'x' OR NOT ok)", "(and (= id 1:INT) (or (= name 'x') (not ok)))"),
        WHERE("id IS NULL OR name IS NOT NULL", "(or (is-null id) (is-not-null name))"),
        WHERE("ok IS TRUE AND ok IS NOT TRUE AND ok IS FALSE AND ok IS NOT FALSE AND ok IS UNKNOWN",
              "(and (is-true ok) (is-not-true ok) (is-false ok) (is-not-false ok) (is-null ok))"),
        WHERE("id <> 1 AND age < id AND 5 >= age", "(and (<> id 1:INT) (< age id) (>= 5:INT age))"),
        WHERE("id IS DISTINCT FROM NULL AND name IS NOT DISTINCT FROM $1",
              "(and (distinct id NULL) (not-distinct name $1))"),
        WHERE("id IN (1, $1, age) AND name NOT IN ('a')", "(and (in id 1:INT $1 age) (not (in name 'a')))"),
        WHERE("id BETWEEN 1 AND 2 AND age NOT BETWEEN 3 AND $1",
              "(and (between id 1:INT 2:INT) (not (between age 3:INT $1)))"),
        WHERE("id BETWEEN SYMMETRIC 2 AND 1", "(or (between id 2:INT 1:INT) (between id 1:INT 2:INT))"),
        WHERE("id NOT BETWEEN SYMMETRIC 2 AND 1", "(not (or (between id 2:INT 1:INT) (between id 1:INT 2:INT)))"),
        WHERE("name LIKE 'a%' AND name NOT LIKE $1 AND name ILIKE 'b' AND name LIKE 'c!%' ESCAPE '!'",
              "(and (like name 'a%') (not (like name $1)) (ilike name 'b') (like name 'c!%' '!'))"),
        WHERE("name ~ 'a' AND name !~* 'b'",
              "(and (regexp_matches name 'a' 's') (not (regexp_matches name 'b' 'is')))"),
        WHERE("(id, age) < (1, 2)", "(or (< id 1:INT) (and (= id 1:INT) (< age 2:INT)))"),
        NO_TREE("(id, age) IN ((1, 2))"),
        NO_TREE("id = ANY (ARRAY[1, 2])"),
        NO_TREE("id IN (SELECT id FROM orders)"),
        NO_TREE("EXISTS (SELECT 1)"),
        NO_TREE("id = (SELECT 1)"),
        NO_TREE("name LIKE 'x' ESCAPE name"),
        NO_TREE("name LIKE 'x' ESCAPE ''"),
        NO_TREE("name SIMILAR TO 'a|b'"),
        NO_TREE("_updated > '2026-01-01'"),
        NO_TREE("ARRAY[1, 2] && ARRAY[id]"),
    };
    CHECK_CASES(cases, single);
}

static void literals_have_the_types_of_the_engine(void **state)
{
    (void)state;
    static const text_case cases[] = {
        WHERE("id = 2147483647 AND id = 2147483648 AND id = -5 AND id = +5 AND id = - 2147483648",
              "(and (= id 2147483647:INT) (= id 2147483648:BIGINT) (= id -5:INT) (= id 5:INT) (= id "
              "-2147483648:BIGINT))"),
        WHERE("id = -9223372036854775808", "(= id -9223372036854775808:BIGINT)"),
        NO_TREE("id = 9223372036854775808"),
        WHERE("price = 1.50 AND price = .5 AND price = 0.5 AND price = 5. AND price = -1.5",
              "(and (= price 1.50:DECIMAL(3,2)) (= price 0.5:DECIMAL(1,1)) (= price 0.5:DECIMAL(2,1)) (= price "
              "5:DECIMAL(1,0)) (= price -1.5:DECIMAL(2,1)))"),
        WHERE("score = 1e3 OR score = 2.5E-1", "(or (= score 1000.0:DOUBLE) (= score 0.25:DOUBLE))"),
        WHERE("ok = TRUE OR ok = 't'::bool", "(or (= ok true) (= ok true))"),
        WHERE("name = E'a\\nb' AND name = U&'\\0041' AND name = $$x$$",
              "(and (= name 'a\nb') (= name 'A') (= name 'x'))"),
        WHERE("name::bytea = X'0a' AND name::blob = '\\x0a'::bytea",
              "(and (= (cast name BYTES) \\x0a:BYTES) (= (cast name BYTES) \\x0a:BYTES))"),
        WHERE("at > '2026-01-01T00:00:00+02:00' AND '2026-01-02' < at AND at IN ('2026-01-03', $1)",
              "(and (> at 2025-12-31 22:00:00:TIMESTAMP) (< 2026-01-02 00:00:00:TIMESTAMP at) (in at 2026-01-03 "
              "00:00:00:TIMESTAMP $1))"),
        WHERE("doc = 'x' AND name = '2026-01-01'", "(and (= doc 'x') (= name '2026-01-01'))"),
        WHERE("at = '2026-01-01'::timestamp", "(= at 2026-01-01 00:00:00:TIMESTAMP)"),
        WHERE("id = 1 + 2 * 3", "(= id (+ (cast 1:INT BIGINT) (* (cast 2:INT BIGINT) (cast 3:INT BIGINT))))"),
        WHERE("id = age + 1", "(= id (+ age 1:INT))"),
        WHERE("id = 1 + -(2)", "(= id (+ (cast 1:INT BIGINT) (cast -2:INT BIGINT)))"),
    };
    CHECK_CASES(cases, single);
}

static void arithmetic_calls_and_casts(void **state)
{
    (void)state;
    static const text_case cases[] = {
        WHERE("age - 1 > id * 2 + -age", "(> (- age 1:INT) (+ (* id 2:INT) (neg age)))"),
        WHERE("age / 2 = id % age AND mod(id, 3) = 1 AND id / $1 > 0",
              "(and (= (/ age 2:INT) (% id age)) (= (% id 3:INT) 1:INT) (> (/ id $1) 0:INT))"),
        NO_TREE("age / '2' = 1"),
        NO_TREE("age / NULL = 1"),
        NO_TREE("age & 1 = 1"),
        NO_TREE("age << 1 = 1"),
        WHERE("name || 'x' = upper(name) AND id ^ 2 = @ age",
              "(and (= (|| name 'x') (upper name)) (= (pow id 2:INT) (abs "
              "age)))"),
        WHERE("CASE WHEN ok THEN 1 ELSE age END = 1 AND CASE age WHEN 1 THEN 'a' WHEN 2 THEN 'b' END = name",
              "(and (= (case ok 1:INT age) 1:INT) (= (case (= age 1:INT) 'a' (= age 2:INT) 'b') name))"),
        WHERE("coalesce(name, 'x') = nullif(name, 'y') AND greatest(1, age) = least(id, 2)",
              "(and (= (coalesce name 'x') (nullif name 'y')) (= (greatest 1:INT age) (least id 2:INT)))"),
        WHERE(
            "age::text = '1' AND CAST(id AS int) = 1 AND name::varchar(3) = 'x' AND doc::jsonb = '{}'",
            "(and (= (cast age TEXT) '1') (= (cast id INT) 1:INT) (= (cast name TEXT) 'x') (= (cast doc TEXT) '{}'))"),
        WHERE("age::float = 1 AND age::double precision = 1 AND age::numeric(5,2) = 1 AND '5'::int = age",
              "(and (= (cast age FLOAT) 1:INT) (= (cast age DOUBLE) 1:INT) (= (cast age DECIMAL(5,2)) 1:INT) (= "
              "(cast '5' INT) age))"),
        WHERE("at::date = at::datetime", "(= (cast at DATE) (cast at TIMESTAMP))"),
        NO_TREE("at::timestamptz = at"),
        NO_TREE("at + INTERVAL '1 day' > at"),
        NO_TREE("name::embedding(2) IS NULL"),
        NO_TREE("(ARRAY[1])[1] = 1"),
        WHERE("length(name) = 1 AND substring(name FROM 1 FOR 2) = 'x' AND trim(LEADING 'x' FROM name) = 'y'",
              "(and (= (length name) 1:INT) (= (substring name 1:INT 2:INT) 'x') (= (ltrim name 'x') 'y'))"),
        WHERE("position('a' IN name) = 1 AND EXTRACT(YEAR FROM at) = 2026",
              "(and (= (strpos name 'a') 1:INT) (= (date_part 'year' at) 2026:INT))"),
        WHERE("lpad(name, 3) = rpad(name, 3, 'x')", "(= (lpad name 3:INT ' ') (rpad name 3:INT 'x'))"),
        WHERE("doc->'a'->>'b' = 'x' AND doc->0 IS NULL AND doc ? 'k'",
              "(and (= (json_as_text (json_get_json doc 'a') 'b') 'x') (is-null (json_get_json doc 0:BIGINT)) "
              "(json_contains doc 'k'))"),
        WHERE("doc->name IS NULL AND json_get_int(doc, 'a', $1) = 1",
              "(and (is-null (json_get_json doc (cast name TEXT))) (= (json_get_int doc 'a' (cast $1 TEXT)) 1:INT))"),
        WHERE("at < now() AND name = current_user AND $1 = current_role AND at > CURRENT_DATE",
              "(and (< at (cast $2 TIMESTAMP)) (= name (cast $3 TEXT)) (= $1 (cast $4 TEXT)) (> at (cast (cast $2 "
              "TIMESTAMP) DATE)))"),
    };
    CHECK_CASES(cases, single);
}

static void what_is_more_than_rows_of_a_table_has_no_tree(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT u.id FROM users u JOIN orders o ON o.user_id = u.id", "none" },
        { "SELECT u.id FROM users u, orders o", "none" },
        { "SELECT id FROM (SELECT id FROM users LIMIT 1) s", "none" },
        { "SELECT id FROM (SELECT DISTINCT id FROM users) s", "none" },
        { "SELECT n FROM (SELECT age + 1 AS n FROM users) s", "none" },
        { "WITH a AS (SELECT 1 AS x) SELECT id FROM users", "none" },
        { "WITH users AS (SELECT 1 AS x) SELECT x FROM users", "none" },
        { "SELECT g FROM generate_series(1, 3) g", "none" },
        { "SELECT DISTINCT id FROM users", "none" },
        { "SELECT id FROM users GROUP BY id", "none" },
        { "SELECT 1 FROM users HAVING count(*) > 1", "none" },
        { "SELECT max(id) FROM users", "none" },
        { "SELECT count(id) FROM users", "none" },
        { "SELECT count(*), 1 FROM users", "none" },
        { "SELECT count(*) FILTER (WHERE ok) FROM users", "none" },
        { "SELECT count(*) OVER () FROM users", "none" },
        { "SELECT count(*) FROM users LIMIT 1", "none" },
        { "SELECT count(*)", "none" },
        { "SELECT row_number() OVER (ORDER BY id) FROM users", "none" },
        { "SELECT id FROM users UNION SELECT id FROM orders", "none" },
        { "VALUES (1), (2)", "none" },
        { "SELECT unnest(ARRAY[1, 2]) FROM users", "none" },
        { "SELECT id + 1 AS n, n * 2 FROM users", "none" },
        { "SELECT id + 1 AS n FROM users WHERE n > 1", "none" },
        { "SELECT age AS x, id AS x FROM users ORDER BY x", "none" },
        { "SELECT id FROM users ORDER BY $1", "none" },
        { "SELECT id FROM users ORDER BY 1 + 1", "none" },
        { "SELECT id FROM users ORDER BY 'x'", "none" },
        { "SELECT id FROM users ORDER BY (SELECT 1)", "none" },
        { "SELECT id FROM users LIMIT 1.5", "none" },
        { "SELECT id FROM users LIMIT -1", "none" },
        { "SELECT id FROM users LIMIT 1 + 1", "none" },
        { "SELECT _updated FROM users", "none" },
    };
    CHECK_CASES(cases, single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_and_clauses),          TEST(changes_have_targets_and_a_where),
        TEST(truth_and_comparisons),      TEST(literals_have_the_types_of_the_engine),
        TEST(arithmetic_calls_and_casts), TEST(what_is_more_than_rows_of_a_table_has_no_tree),
    };
    return cmocka_run_group_tests_name("single", tests, NULL, NULL);
}
