/* dml_test.c - INSERT, UPDATE and DELETE: cells, columns, and what is refused. */
#include "dialect_fixture.h"

static void plain_cells_are_values_and_the_rest_expressions(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "INSERT INTO users VALUES (1, 'x')", "INSERT .users [BIGINT 1; TEXT x]" },
        { "INSERT INTO app.users (id, \"Name\") VALUES ($1, $2), (DEFAULT, NULL)",
          "INSERT app.users (id, name) [$1; $2] [DEFAULT; NULL NULL] params=2" },
        { "INSERT INTO kalam.app.users (id) VALUES (-5)", "INSERT app.users (id) [BIGINT -5]" },
        { "INSERT INTO users VALUES (9223372036854775807, -9223372036854775808, 9223372036854775808, 1.5, -1.50, .5, "
          "1e5, -1e-5, 99999999999999999999999999999999999999, 999999999999999999999999999999999999999)",
          "INSERT .users [BIGINT 9223372036854775807; BIGINT -9223372036854775808; DECIMAL(19,0) "
          "9223372036854775808; DECIMAL(2,1) 1.5; DECIMAL(3,2) -1.50; DECIMAL(1,1) 0.5; DOUBLE 100000.0; DOUBLE "
          "-0.00001; DECIMAL(38,0) 99999999999999999999999999999999999999; DOUBLE 1e39]" },
        { "INSERT INTO users VALUES (TRUE, false, NULL, X'0a', 'it''s', E'a\\n', $$d$$, DATE '2026-01-31', "
          "'2026-01-31'::timestamp, '10:00'::time, '{}'::json, '1'::int)",
          "INSERT .users [BOOLEAN true; BOOLEAN false; NULL NULL; BYTES \\x0a; TEXT it's; TEXT a\n; TEXT d; DATE "
          "2026-01-31; TIMESTAMP 2026-01-31 00:00:00; TIME 10:00:00; JSON {}; INT 1]" },
        { "INSERT INTO users VALUES (NOW(), CURRENT_TIMESTAMP, CURRENT_USER, CURRENT_USER(), snowflake_id(), "
          "uuid_v7(), ulid(), current_user_id())",
          "INSERT .users [now(); now(); user(); user(); snowflake(); uuid(); ulid(); user()]" },
        { "INSERT INTO users VALUES (1 + 1, upper('x'), $1, (SELECT 1), now(1), 'x'::date, '5 days'::interval, B'1')",
          "INSERT .users [expr 0; expr 1; $1; expr 2; expr 3; expr 4; expr 5; expr 6] params=1" },
        { "INSERT INTO users (id) VALUES (1), (2), (3 * $1)",
          "INSERT .users (id) [BIGINT 1] [BIGINT 2] [expr 0] params=1" },
        { "INSERT INTO users DEFAULT VALUES", "INSERT .users []" },
        { "INSERT INTO users (id, user, USER) VALUES (1, user, 'x')",
          "INVALID_SQL@29 column \"user\" specified more than once" },
        { "INSERT INTO users (user) VALUES (user), (lower(user))", "INSERT .users (user) [expr 0] [expr 1]" },
        { "INSERT INTO users (id, user) (SELECT id, user, user FROM users)", "INSERT .users (id, user) select" },
        { "UPDATE users SET age = 1, user = 'x' WHERE a = 1 AND user = 'y'",
          "UPDATE .users [age = BIGINT 1] [user = TEXT x]" },
        { "UPDATE users SET user = user WHERE id = 1", "UPDATE .users [user = expr 0]" },
        { "INSERT INTO users (id) SELECT id FROM orders", "INSERT .users (id) select" },
        { "INSERT INTO users VALUES (1) ORDER BY 1", "INSERT .users select" },
        { "INSERT INTO users (id,) VALUES (1,)", "INSERT .users (id) [BIGINT 1]" },
        { "WITH a AS (SELECT 1 AS x) INSERT INTO users (id) SELECT x FROM a", "INSERT .users (id) select" },
        { "WITH a AS (SELECT 1 AS x) INSERT INTO users (id) VALUES (1)", "INSERT .users (id) [BIGINT 1]" },
    };
    CHECK_CASES(cases, parsed);
}

static void inserts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "INSERT INTO users VALUES (1, 2), (3)", "INVALID_SQL@34 VALUES lists must all be the same length" },
        { "INSERT INTO users (id, name) VALUES (1)", "INVALID_SQL@37 INSERT has more target columns than expressions" },
        { "INSERT INTO users (id) VALUES (1, 2)", "INVALID_SQL@31 INSERT has more expressions than target columns" },
        { "INSERT INTO users (id, ID) VALUES (1, 2)", "INVALID_SQL@23 column \"id\" specified more than once" },
        { "INSERT INTO users (id[1]) VALUES (1)", "INVALID_SQL@19 Assigning to a part of a column is not supported" },
        { "INSERT INTO users (id) OVERRIDING SYSTEM VALUE VALUES (1)", "INVALID_SQL@-1 OVERRIDING is not supported" },
        { "WITH a AS (SELECT 1) INSERT INTO users WITH b AS (SELECT 1) SELECT 1",
          "INVALID_SQL@0 A second WITH is not supported" },
        { "INSERT INTO users", "INVALID_SQL@17 syntax error at end of input" },
        { "INSERT INTO a.b.c VALUES (1)", "INVALID_SQL@12 Table name has too many parts: expected namespace.table" },
    };
    CHECK_CASES(cases, parsed);
}

static void conflicts_name_a_key_and_what_becomes_of_the_row(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT DO NOTHING",
          "INSERT .users (id) [BIGINT 1] on conflict nothing" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (Id, \"Name\") DO NOTHING RETURNING *",
          "INSERT .users (id) [BIGINT 1] on conflict (id, name) nothing rows" },
        { "INSERT INTO users (id) SELECT id FROM orders ON CONFLICT (id) DO NOTHING",
          "INSERT .users (id) select on conflict (id) nothing" },
        { "INSERT INTO users (id, age) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET age = EXCLUDED.age, name = 'x', "
          "ok = $2, score = DEFAULT, at = now(), price = users.price + 1 WHERE users.age < 5",
          "INSERT .users (id, age) [BIGINT 1; $1] on conflict (id) update [age = expr 0] [name = TEXT x] [ok = $2] "
          "[score = DEFAULT] [at = now()] [price = expr 1] rows params=2" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET (age, name) = (1, EXCLUDED.name)",
          "INSERT .users (id) [BIGINT 1] on conflict (id) update [age = BIGINT 1] [name = expr 0] rows" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT ( "
          "a234567890123456789012345678901234567890123456789012345678901234 , "
          "b234567890123456789012345678901234567890123456789012345678901234) DO NOTHING",
          "INSERT .users (id) [BIGINT 1] on conflict (a234567890123456789012345678901234567890123456789012345678901234, "
          "b234567890123456789012345678901234567890123456789012345678901234) nothing" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT DO UPDATE SET age = 1",
          "INVALID_SQL@34 ON CONFLICT DO UPDATE requires the primary key's columns, as in ON CONFLICT (id)" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT ON CONSTRAINT pk DO NOTHING",
          "INVALID_SQL@46 ON CONSTRAINT is not supported: ON CONFLICT takes the primary key's columns" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) WHERE id > 1 DO NOTHING",
          "INVALID_SQL@57 WHERE before DO is not supported: ON CONFLICT takes the primary key's columns" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (lower(name)) DO NOTHING",
          "INVALID_SQL@46 An expression, collation or operator class is not supported: ON CONFLICT takes the primary "
          "key's columns" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age = 1, AGE = 2",
          "INVALID_SQL@74 column \"age\" specified more than once" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET age[1] = 1",
          "INVALID_SQL@65 Assigning to a part of a column is not supported" },
        { "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET",
          "INVALID_SQL@64 syntax error at end of input" },
    };
    CHECK_CASES(cases, parsed);
}

static void changes_name_their_columns_and_need_a_where(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "UPDATE users SET age = 1 WHERE id = 1", "UPDATE .users [age = BIGINT 1]" },
        { "UPDATE app.users AS u SET age = u.age + 1, \"Name\" = $1 WHERE id = $2",
          "UPDATE app.users [age = expr 0] [name = $1] params=2" },
        { "UPDATE users SET (age, name) = (1, 'x') WHERE id = 1", "UPDATE .users [age = BIGINT 1] [name = TEXT x]" },
        { "UPDATE users SET (age, name) = ROW(1, 'x') WHERE id = 1", "UPDATE .users [age = BIGINT 1] [name = TEXT x]" },
        { "UPDATE users SET age = 1 FROM orders WHERE orders.id = users.id", "UPDATE .users [age = BIGINT 1]" },
        { "UPDATE users SET age = 1", "STMT_INVALID_SQL@-1 UPDATE requires a WHERE clause" },
        { "UPDATE users SET age = DEFAULT, name = upper($1), price = -1.5, at = now(), doc = $2 WHERE id = 1",
          "UPDATE .users [age = DEFAULT] [name = expr 0] [price = DECIMAL(2,1) -1.5] [at = now()] [doc = $2] params=2" },
        { "UPDATE users SET (age, name) = (SELECT 1, 'x') WHERE id = 1",
          "INVALID_SQL@18 Assigning several columns from anything but a row is not supported" },
        { "UPDATE users SET (age, name) = (1) WHERE id = 1",
          "INVALID_SQL@18 Assigning several columns from anything but a row is not supported" },
        { "UPDATE users SET (age, name) = (1, 2, 3) WHERE id = 1",
          "INVALID_SQL@18 number of columns does not match number of values" },
        { "UPDATE users SET age = 1, AGE = 2 WHERE id = 1", "INVALID_SQL@26 column \"age\" specified more than once" },
        { "UPDATE users SET age[1] = 1 WHERE id = 1",
          "INVALID_SQL@17 Assigning to a part of a column is not supported" },
        { "UPDATE users SET age = 1 WHERE id = 1 RETURNING id", "UPDATE .users [age = BIGINT 1] rows" },
        { "DELETE FROM users WHERE id = 1", "DELETE .users" },
        { "DELETE FROM app.users u USING orders o WHERE o.id = u.id", "DELETE app.users" },
        { "DELETE FROM users", "STMT_INVALID_SQL@-1 DELETE requires a WHERE clause" },
        { "DELETE FROM users WHERE id = 1 RETURNING *", "DELETE .users rows" },
        { "UPDATE users SET a234567890123456789012345678901234567890123456789012345678901234 = 1 WHERE TRUE",
          "UPDATE .users [a234567890123456789012345678901234567890123456789012345678901234 = BIGINT 1]" },
    };
    CHECK_CASES(cases, parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_cells_are_values_and_the_rest_expressions),
        TEST(inserts_that_do_not_fit_are_refused),
        TEST(conflicts_name_a_key_and_what_becomes_of_the_row),
        TEST(changes_name_their_columns_and_need_a_where),
    };
    return cmocka_run_group_tests_name("dml", tests, NULL, NULL);
}
