/* facts_test.c - what a binding tells beside its SQL: where columns come from, what scans may skip, whose tombstones
 * are seen, whether order and limit are given. */
#include "dialect_fixture.h"

static void columns_are_traced_to_their_tables(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id, name, 1, 1 + 2.5, -3, 'x', 1::int, age + 1, _updated FROM users",
          "columns 0.0 0.1 constant constant constant - - - - 0:users scan-order" },
        { "SELECT * FROM users u JOIN orders o ON o.user_id = u.id",
          "columns 0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 0.10 1.0 1.1 1.2 1.3 1.4 0:users 1:orders" },
        { "SELECT * FROM orders a LEFT JOIN orders b USING (id)",
          "columns 0.0 0.1 0.2 0.3 0.4 1.1 1.2 1.3 1.4 0:orders 1:orders" },
        { "SELECT * FROM orders a RIGHT JOIN orders b USING (id)",
          "columns - 0.1 0.2 0.3 0.4 1.1 1.2 1.3 1.4 0:orders 1:orders" },
        { "WITH a AS (SELECT id AS x, age + 1 AS y FROM users) SELECT x, y, b.x FROM a JOIN (SELECT x FROM a) b "
          "USING (x)",
          "columns 0.0 - 0.0 0:users" },
        { "SELECT id FROM users UNION SELECT id FROM orders", "columns - 0:users 1:orders" },
        { "SELECT 1 UNION SELECT 2", "columns constant" },
        { "WITH RECURSIVE t(n) AS (SELECT id FROM users UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
          "columns - 0:users" },
    };
    CHECK_CASES(cases, facts);
}

static void conditions_go_to_their_scans_when_they_are_clear(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users WHERE id = 5", "columns 0.0 0:users id = 5; scan-order" },
        { "SELECT id FROM users WHERE 5 > id AND name >= 'a' AND age BETWEEN 1 AND $1 AND price <= 1.5 AND id IN (1, "
          "$2)",
          "columns 0.0 0:users id < 5; name >= a; age >= 1; age <= $1; price <= 1.50; id in 1 $2; scan-order" },
        { "SELECT id FROM users WHERE id = -5 AND uid = '00000000-0000-0000-0000-000000000001' AND at > "
          "'2026-01-01T00:00:00+02:00' AND ok = TRUE AND score < 2.5",
          "columns 0.0 0:users id = -5; uid = 00000000-0000-0000-0000-000000000001; at > 2025-12-31 22:00:00; ok = "
          "true; score < 2.5; scan-order" },
        { "SELECT id FROM users WHERE id = 1.5 AND age = 5000000000 AND price = 1.555 AND price = '1.555' AND "
          "doc = '{}' AND id = NULL",
          "columns 0.0 0:users scan-order" },
        { "SELECT id FROM users WHERE id = '5' AND ok = 'yes'", "columns 0.0 0:users id = 5; ok = true; scan-order" },
        { "SELECT id FROM users WHERE id = 1 OR age = 2", "columns 0.0 0:users scan-order" },
        { "SELECT id FROM users WHERE (id, age) = (1, 2) AND (id, name) > (3, 'x') AND ROW(age) < ROW(4)",
          "columns 0.0 0:users id = 1; age = 2; id >= 3; age < 4; scan-order" },
        { "SELECT id FROM users WHERE NOT id = 1", "columns 0.0 0:users scan-order" },
        { "SELECT id FROM users WHERE (id = 1 AND age = 2) AND (name = 'x')",
          "columns 0.0 0:users id = 1; age = 2; name = x; scan-order" },
        { "SELECT id FROM users WHERE id <> 1 AND id + 1 = 2 AND id = age AND upper(name) = 'X' AND id NOT IN (1) "
          "AND id NOT BETWEEN 1 AND 2",
          "columns 0.0 0:users scan-order" },
        { "SELECT id FROM users WHERE id IN (1, 1.5)", "columns 0.0 0:users scan-order" },
        { "SELECT u.id FROM users u JOIN orders o ON o.id = u.id WHERE u.id = 1 AND o.total > 2 AND name = 'x' AND "
          "user_id = 3",
          "columns 0.0 0:users id = 1; name = x; 1:orders total > 2.0; user_id = 3;" },
        { "SELECT a.id FROM orders a LEFT JOIN orders b ON a.id = b.id WHERE b.id = 1",
          "columns 0.0 0:orders 1:orders id = 1;" },
        { "SELECT id FROM orders a JOIN orders b USING (id) WHERE id = 1 AND a.id = 2",
          "columns 0.0 0:orders id = 2; 1:orders" },
        { "SELECT id FROM users WHERE id = (SELECT max(id) FROM orders WHERE id = 7 AND user_id = users.id)",
          "columns 0.0 0:users 1:orders id = 7;" },
        { "SELECT x FROM (SELECT id AS x FROM users) s WHERE x = 1", "columns 0.0 0:users id = 1;" },
        { "SELECT x FROM (SELECT id AS x FROM users LIMIT 2) s WHERE x = 1", "columns 0.0 0:users" },
        { "SELECT x FROM (SELECT id AS x FROM users OFFSET 2) s WHERE x = 1", "columns 0.0 0:users" },
        { "SELECT x FROM (SELECT DISTINCT ON (age) id AS x FROM users) s WHERE x = 1", "columns 0.0 0:users" },
        { "SELECT x FROM (SELECT id AS x FROM users GROUP BY id) s WHERE x = 1", "columns 0.0 0:users" },
        { "SELECT x FROM (SELECT id AS x, count(*) OVER () AS n FROM users) s WHERE x = 1", "columns 0.0 0:users" },
        { "SELECT x FROM (SELECT id AS x FROM users UNION SELECT 2) s WHERE x = 1", "columns - 0:users" },
        { "SELECT x FROM users AS t(x) WHERE x = 1 AND t.age = 2", "columns 0.0 0:users id = 1; age = 2; scan-order" },
    };
    CHECK_CASES(cases, facts);
}

static void a_where_that_names_deleted_sees_tombstones(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users WHERE _deleted", "columns 0.0 0:users sees-deleted scan-order" },
        { "SELECT id FROM users WHERE _deleted = false OR id = 1", "columns 0.0 0:users sees-deleted scan-order" },
        { "SELECT _deleted FROM users", "columns 0.10 0:users scan-order" },
        { "SELECT id FROM users ORDER BY _deleted", "columns 0.0 0:users" },
        { "SELECT a.id FROM users a JOIN users b ON a._deleted = b._deleted WHERE b._deleted",
          "columns 0.0 0:users 1:users sees-deleted" },
        { "SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE u._deleted)",
          "columns 0.0 0:users sees-deleted 1:orders" },
        { "SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o._deleted)",
          "columns 0.0 0:users 1:orders sees-deleted" },
        { "SELECT id FROM users t(a, b, c, d, e, f, g, h, i, j, k) WHERE k",
          "COLUMN_NOT_FOUND@7 No field named id. Did you mean 'd'?" },
        { "SELECT kind FROM events WHERE _deleted", "columns 0.0 0:events scan-order" },
    };
    CHECK_CASES(cases, facts);
}

static void order_and_limit(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT a FROM users t(a) LIMIT 1", "columns 0.0 0:users scan-order limit" },
        { "SELECT id FROM users", "columns 0.0 0:users scan-order" },
        { "SELECT id FROM orders", "columns 0.0 0:orders" },
        { "SELECT id FROM users LIMIT 5", "columns 0.0 0:users scan-order limit" },
        { "SELECT id FROM users ORDER BY id", "columns 0.0 0:users" },
        { "SELECT count(*) FROM users", "columns - 0:users" },
        { "SELECT id FROM users GROUP BY id", "columns 0.0 0:users" },
        { "SELECT DISTINCT id FROM users", "columns 0.0 0:users" },
        { "SELECT row_number() OVER () FROM users", "columns - 0:users" },
        { "SELECT id FROM users WHERE id IN (SELECT id FROM orders)", "columns 0.0 0:users 1:orders" },
        { "SELECT id FROM users, orders o(a)", "columns 0.0 0:users 1:orders" },
        { "SELECT job_id FROM system.jobs", "columns 0.0 0:jobs" },
        { "SELECT kind FROM events", "columns 0.0 0:events scan-order" },
        { "SELECT id FROM (SELECT id FROM users LIMIT 5) s", "columns 0.0 0:users" },
        { "SELECT id FROM (SELECT id FROM users) s LIMIT ALL", "columns 0.0 0:users" },
        { "SELECT now(), now(), current_role, current_user", "columns - - - - hidden now hidden role hidden user" },
        { "UPDATE users SET age = 1 WHERE id = 5 AND _deleted", "columns 0:users sees-deleted id = 5;" },
        { "DELETE FROM orders o WHERE o.id IN (1, 2)", "columns 0:orders id in 1 2;" },
    };
    CHECK_CASES(cases, facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_are_traced_to_their_tables),
        TEST(conditions_go_to_their_scans_when_they_are_clear),
        TEST(a_where_that_names_deleted_sees_tombstones),
        TEST(order_and_limit),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
