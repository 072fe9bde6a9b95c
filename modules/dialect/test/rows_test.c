/* rows_test.c - what RETURNING and ON CONFLICT DO UPDATE may say over the rows of a write, and what is refused. */
#include "dialect_fixture.h"

static void names_are_the_rows_columns(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "DELETE FROM users WHERE id = 1 RETURNING *",
          " returning id: id@41; name: name@41; age: age@41; price: price@41; doc: doc@41; at: at@41; uid: uid@41; ok: "
          "ok@41; score: score@41 extras=0" },
        { "INSERT INTO app.users (id) VALUES (1) RETURNING id, _seq AS v, users.AGE, app.users.name",
          " returning id: id@48; v: _seq@52; age: age@63; name: name@74 extras=0" },
        { "UPDATE users AS u SET age = 1 WHERE id = 1 RETURNING u.id, u.*, _deleted",
          " returning id: id@53; id: id@59; name: name@59; age: age@59; price: price@59; doc: doc@59; at: at@59; uid: "
          "uid@59; ok: ok@59; score: score@59; _deleted: _deleted@64 extras=0" },
        { "DELETE FROM users WHERE id = $1 RETURNING age + $1 AS sum, 1 + 1, NULL, lower(name), now(), current_user, "
          "now(), (SELECT 1)",
          " returning sum: (+ age $1)@42; 1 + 1: (+ (cast 1:INT BIGINT) (cast 1:INT BIGINT)) constant@59; NULL: "
          "NULL@66; lower(name): (lower name)@72; now(): (cast $2 TIMESTAMP)@85; current_user: (cast $3 TEXT)@92; now(): "
          "(cast $2 TIMESTAMP)@106; (SELECT 1): no tree@113 extras=2" },
        { "INSERT INTO users (id, age) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET age = EXCLUDED.age, name = "
          "users.name || $1 WHERE users.ok AND excluded.age > users.age RETURNING age",
          "set excluded.age@79; (|| name $1)@100 where (and ok (> excluded.age age))@132 returning age: age@171 "
          "extras=0" },
    };
    CHECK_CASES(cases, row_exprs);
}

static void names_that_are_not_there_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "DELETE FROM users WHERE id = 1 RETURNING nam",
          "COLUMN_NOT_FOUND@41 No field named nam. Did you mean 'name'?" },
        { "DELETE FROM users u WHERE id = 1 RETURNING users.id", "COLUMN_NOT_FOUND@43 No field named users.id" },
        { "DELETE FROM users u WHERE id = 1 RETURNING users.*", "COLUMN_NOT_FOUND@43 No field named users.*" },
        { "DELETE FROM users USING orders o WHERE o.id = users.id RETURNING o.total",
          "COLUMN_NOT_FOUND@65 No field named o.total" },
        { "INSERT INTO users (id) VALUES (1) RETURNING excluded.id", "COLUMN_NOT_FOUND@44 No field named excluded.id" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = 1 RETURNING excluded.id",
          "COLUMN_NOT_FOUND@83 No field named excluded.id" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = age + 1",
          "INVALID_SQL@71 column reference \"age\" is ambiguous" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = EXCLUDED._seq",
          "COLUMN_NOT_FOUND@71 No field named excluded._seq" },
        { "INSERT INTO users AS excluded (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = excluded.age",
          "INVALID_SQL@12 table name \"excluded\" specified more than once" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = (SELECT max(id) FROM orders)",
          "INVALID_SQL@92 RETURNING and ON CONFLICT take no subqueries: they see the row that is written only" },
        { "DELETE FROM users WHERE id = 1 RETURNING (SELECT count(*) FROM users)",
          "INVALID_SQL@63 RETURNING and ON CONFLICT take no subqueries: they see the row that is written only" },
        { "DELETE FROM users WHERE id = 1 RETURNING count(*)",
          "INVALID_SQL@41 aggregate functions are not allowed in RETURNING" },
        { "DELETE FROM users WHERE id = 1 RETURNING row_number() OVER ()",
          "INVALID_SQL@41 window functions are not allowed in RETURNING" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = max(users.age)",
          "INVALID_SQL@71 aggregate functions are not allowed in ON CONFLICT DO UPDATE" },
        { "DELETE FROM users WHERE id = 1 RETURNING read_csv('x')",
          "INVALID_SQL@41 Function read_csv() is not supported" },
    };
    CHECK_CASES(cases, row_exprs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_the_rows_columns),
        TEST(names_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
