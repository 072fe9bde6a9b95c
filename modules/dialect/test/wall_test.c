/* wall_test.c - hostile and unserved SQL: nothing of it reaches the engine. bound() checks every text that does. */
#include "dialect_fixture.h"

static void tables_that_are_not_ours_are_not_found(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT * FROM nothing", "TABLE_NOT_FOUND@14 Table 'nothing' not found in namespace 'default'" },
        { "SELECT * FROM \"/etc/passwd\"", "TABLE_NOT_FOUND@14 Table '/etc/passwd' not found in namespace 'default'" },
        { "SELECT * FROM '/etc/passwd'", "INVALID_SQL@14 syntax error at or near \"'/etc/passwd'\"" },
        { "SELECT * FROM \"data/x.parquet\"",
          "TABLE_NOT_FOUND@14 Table 'data/x.parquet' not found in namespace 'default'" },
        { "SELECT * FROM kdb_scan", "TABLE_NOT_FOUND@14 Table 'kdb_scan' not found in namespace 'default'" },
        { "SELECT * FROM kdb_scan(0)", "INVALID_SQL@14 Function kdb_scan() is not supported in FROM" },
        { "SELECT kdb_scan(0)", "INVALID_SQL@7 Function kdb_scan() is not supported" },
        { "SELECT * FROM kdb_cte_0", "TABLE_NOT_FOUND@14 Table 'kdb_cte_0' not found in namespace 'default'" },
        { "SELECT * FROM kdb_unused", "TABLE_NOT_FOUND@14 Table 'kdb_unused' not found in namespace 'default'" },
        { "SELECT * FROM other.users", "TABLE_NOT_FOUND@14 Table 'users' not found in namespace 'other'" },
        { "SELECT * FROM a.b.users", "INVALID_SQL@14 Table name has too many parts: expected namespace.table" },
        { "SELECT * FROM other.app.users", "INVALID_SQL@14 Table name has too many parts: expected namespace.table" },
        { "SELECT * FROM kalam.kalam.app.users",
          "INVALID_SQL@14 improper qualified name (too many dotted names): kalam.kalam.app.users" },
        { "SELECT * FROM main.users", "TABLE_NOT_FOUND@14 Table 'users' not found in namespace 'main'" },
        { "SELECT * FROM pg_catalog.pg_class",
          "TABLE_NOT_FOUND@14 Table 'pg_class' not found in namespace 'pg_catalog'" },
        { "SELECT * FROM information_schema.tables",
          "TABLE_NOT_FOUND@14 Table 'tables' not found in namespace 'information_schema'" },
        { "SELECT * FROM sqlite_master", "TABLE_NOT_FOUND@14 Table 'sqlite_master' not found in namespace 'default'" },
        { "SELECT * FROM duckdb_settings",
          "TABLE_NOT_FOUND@14 Table 'duckdb_settings' not found in namespace 'default'" },
    };
    CHECK_CASES(cases, bound);
}

static void functions_in_from_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT * FROM duckdb_settings()", "INVALID_SQL@14 Function duckdb_settings() is not supported in FROM" },
        { "SELECT * FROM read_csv('/etc/passwd')", "INVALID_SQL@14 Function read_csv() is not supported in FROM" },
        { "SELECT * FROM read_parquet('x')", "INVALID_SQL@14 Function read_parquet() is not supported in FROM" },
        { "SELECT * FROM read_text('/etc/passwd')", "INVALID_SQL@14 Function read_text() is not supported in FROM" },
        { "SELECT * FROM glob('*')", "INVALID_SQL@14 Function glob() is not supported in FROM" },
        { "SELECT * FROM query('SELECT 1')", "INVALID_SQL@14 Function query() is not supported in FROM" },
        { "SELECT * FROM query_table('users')", "INVALID_SQL@14 Function query_table() is not supported in FROM" },
        { "SELECT * FROM pragma_version()", "INVALID_SQL@14 Function pragma_version() is not supported in FROM" },
        { "SELECT * FROM sniff_csv('x')", "INVALID_SQL@14 Function sniff_csv() is not supported in FROM" },
        { "SELECT * FROM json_each('{}')", "INVALID_SQL@14 Function json_each() is not supported in FROM" },
        { "SELECT * FROM unnest(ARRAY[1]) WITH ORDINALITY",
          "INVALID_SQL@14 this form of a function in FROM is not supported" },
        { "SELECT * FROM ROWS FROM (generate_series(1, 2))",
          "INVALID_SQL@25 this form of a function in FROM is not supported" },
        { "SELECT * FROM pg_catalog.generate_series(1, 2)",
          "INVALID_SQL@14 Qualified function names are not supported" },
        { "SELECT * FROM upper('x')", "INVALID_SQL@14 Function upper() is not supported in FROM" },
        { "SELECT * FROM generate_series(1, 2) AS g(a, b)",
          "INVALID_SQL@14 table \"g\" has 1 columns available but 2 columns specified" },
        { "SELECT * FROM json_to_record('{}') AS x(a int)",
          "INVALID_SQL@14 this form of a function in FROM is not supported" },
    };
    CHECK_CASES(cases, bound);
}

static void functions_off_the_list_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT getenv('HOME')", "INVALID_SQL@7 Function getenv() is not supported" },
        { "SELECT current_setting('threads')", "INVALID_SQL@7 Function current_setting() is not supported" },
        { "SELECT set_config('a', 'b', false)", "INVALID_SQL@7 Function set_config() is not supported" },
        { "SELECT pg_sleep(10)", "INVALID_SQL@7 Function pg_sleep() is not supported" },
        { "SELECT pg_read_file('/etc/passwd')", "INVALID_SQL@7 Function pg_read_file() is not supported" },
        { "SELECT nextval('x')", "INVALID_SQL@7 Function nextval() is not supported" },
        { "SELECT currval('x')", "INVALID_SQL@7 Function currval() is not supported" },
        { "SELECT txid_current()", "INVALID_SQL@7 Function txid_current() is not supported" },
        { "SELECT version()", "INVALID_SQL@7 Function version() is not supported" },
        { "SELECT current_database()", "INVALID_SQL@7 Function current_database() is not supported" },
        { "SELECT current_schema()", "INVALID_SQL@7 Function current_schema() is not supported" },
        { "SELECT current_catalog", "INVALID_SQL@7 this function is not supported" },
        { "SELECT current_schema", "INVALID_SQL@7 this function is not supported" },
        { "SELECT query('SELECT 1')", "INVALID_SQL@7 Function query() is not supported" },
        { "SELECT write_log('x')", "INVALID_SQL@7 Function write_log() is not supported" },
        { "SELECT getvariable('x')", "INVALID_SQL@7 Function getvariable() is not supported" },
        { "SELECT json_serialize_sql('SELECT 1')", "INVALID_SQL@7 Function json_serialize_sql() is not supported" },
        { "SELECT json_execute_serialized_sql('{}')",
          "INVALID_SQL@7 Function json_execute_serialized_sql() is not supported" },
        { "SELECT list_aggregate(ARRAY[1], 'sum')", "INVALID_SQL@7 Function list_aggregate() is not supported" },
        { "SELECT list_transform(ARRAY[1], x -> x + 1)", "INVALID_SQL@7 Function list_transform() is not supported" },
        { "SELECT add(1, 2)", "INVALID_SQL@7 Function add() is not supported" },
        { "SELECT main.upper('x')", "INVALID_SQL@7 Qualified function names are not supported" },
        { "SELECT pg_catalog.upper('x')", "INVALID_SQL@7 Qualified function names are not supported" },
        { "SELECT pg_catalog.date_part('year', now())", "INVALID_SQL@7 Qualified function names are not supported" },
        { "SELECT pg_catalog.current_setting('x')", "INVALID_SQL@7 Qualified function names are not supported" },
        { "SELECT system.main.upper('x')", "INVALID_SQL@7 Qualified function names are not supported" },
        { "SELECT \"UPPER\"('x')", "INVALID_SQL@7 Function UPPER() is not supported" },
        { "SELECT \"upper \"('x')", "INVALID_SQL@7 Function upper () is not supported" },
        { "SELECT \xEF"
          "\xBD"
          "\x95"
          "pper('x')",
          "INVALID_SQL@7 Function \xEF"
          "\xBD"
          "\x95"
          "pper() is not supported" },
        { "SELECT generate_series(1, 2)", "INVALID_SQL@7 Function generate_series() is not supported" },
        { "SELECT overlay('abc' PLACING 'x' FROM 1)", "INVALID_SQL@7 overlay is not supported" },
        { "SELECT normalize('x')", "INVALID_SQL@7 normalize is not supported" },
        { "SELECT upper(VARIADIC ARRAY['x'])", "INVALID_SQL@7 VARIADIC is not supported" },
        { "SELECT upper(DISTINCT 'x')", "INVALID_SQL@7 upper() is not an aggregate or window function" },
        { "SELECT upper('x') FILTER (WHERE TRUE)", "INVALID_SQL@7 upper() is not an aggregate or window function" },
        { "SELECT upper('x') OVER ()", "INVALID_SQL@7 upper() is not an aggregate or window function" },
        { "SELECT row_number()", "INVALID_SQL@7 window function row_number() requires an OVER clause" },
        { "SELECT lower(s => 'x')", "INVALID_SQL@13 a named argument is not supported" },
        { "SELECT now(1)", "INVALID_SQL@7 now() does not take these arguments" },
        { "SELECT COSINE_DISTANCE('x')", "INVALID_SQL@7 COSINE_DISTANCE() expects exactly 2 arguments" },
    };
    CHECK_CASES(cases, bound);
}

static void types_and_operators_off_the_list_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 'pg_class'::regclass", "INVALID_SQL@19 Unsupported custom data type 'regclass'" },
        { "SELECT 1::oid", "INVALID_SQL@10 Unsupported custom data type 'oid'" },
        { "SELECT 1::hugeint", "INVALID_SQL@10 Unsupported data type: hugeint" },
        { "SELECT 1::tinyint", "INVALID_SQL@10 Unsupported data type: tinyint" },
        { "SELECT 1::pg_catalog.int4", "SELECT CAST(1 AS INTEGER) AS \"1::pg_catalog.int4\"" },
        { "SELECT 1::public.mytype", "INVALID_SQL@10 this type is not supported" },
        { "SELECT 1::serial", "INVALID_SQL@10 Unsupported custom data type 'serial'" },
        { "SELECT 1::bit", "INVALID_SQL@10 Unsupported data type: bit" },
        { "SELECT 1::users%TYPE", "INVALID_SQL@10 Unsupported custom data type 'users'" },
        { "SELECT INTERVAL '1' YEAR TO MONTH", "INVALID_SQL@-1 these INTERVAL fields are not supported" },
        { "SELECT 1::interval(3)", "INVALID_SQL@8 these INTERVAL fields are not supported" },
        { "SELECT 1 OPERATOR(pg_catalog.+) 2", "INVALID_SQL@9 Qualified operators are not supported" },
        { "SELECT 1 !! 2", "INVALID_SQL@9 Operator !! is not supported" },
        { "SELECT 1 <-> 2", "INVALID_SQL@9 Operator <-> is not supported" },
        { "SELECT !1", "INVALID_SQL@7 Operator ! is not supported" },
        { "SELECT id FROM users WHERE name = ANY ('x') AND name ~~ ANY (ARRAY['a'])",
          "INVALID_SQL@53 this operator is not supported with ANY or ALL" },
        { "SELECT name SIMILAR TO name FROM users", "INVALID_SQL@12 SIMILAR TO needs a literal pattern" },
        { "SELECT 'a' COLLATE \"C\"", "INVALID_SQL@11 COLLATE is not supported" },
        { "SELECT xmlelement(name a)", "INVALID_SQL@7 XML is not supported" },
    };
    CHECK_CASES(cases, bound);
}

static void columns_that_nobody_has_are_not_found(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT DEFAULT", "INVALID_SQL@7 DEFAULT in an expression is not supported" },
        { "SELECT (ROW(1, 2)).f1", "INVALID_SQL@8 fields of a value are not supported" },
        { "SELECT users FROM users", "COLUMN_NOT_FOUND@7 No field named users" },
        { "SELECT count(users.*) FROM users", "INVALID_SQL@13 \"*\" is not supported here" },
        { "SELECT (users.name).x FROM users", "INVALID_SQL@8 fields of a value are not supported" },
        { "SELECT *", "INVALID_SQL@7 SELECT * with no tables specified is not valid" },
        { "SELECT x.* FROM users", "COLUMN_NOT_FOUND@7 No field named x.*" },
        { "SELECT other.users.* FROM users", "COLUMN_NOT_FOUND@7 No field named other.users.*" },
        { "SELECT FROM users", "INVALID_SQL@-1 SELECT needs at least one column" },
        { "SELECT nothing FROM users", "COLUMN_NOT_FOUND@7 No field named nothing" },
        { "SELECT naem FROM users", "COLUMN_NOT_FOUND@7 No field named naem. Did you mean 'name'?" },
        { "SELECT u.nothing FROM users u", "COLUMN_NOT_FOUND@7 No field named u.nothing" },
        { "SELECT users.id FROM users u", "COLUMN_NOT_FOUND@7 No field named users.id" },
        { "SELECT app.users.id FROM users", "COLUMN_NOT_FOUND@7 No field named app.users.id" },
        { "SELECT a.b.c.d.e FROM users", "INVALID_SQL@7 improper qualified name (too many dotted names)" },
        { "SELECT other.app.users.id FROM app.users", "COLUMN_NOT_FOUND@7 No field named other.app.users.id" },
        { "SELECT _key FROM users", "COLUMN_NOT_FOUND@7 No field named _key" },
        { "SELECT _row_id FROM users", "COLUMN_NOT_FOUND@7 No field named _row_id" },
        { "SELECT rowid FROM users", "COLUMN_NOT_FOUND@7 No field named rowid" },
        { "SELECT _updated FROM system.jobs", "COLUMN_NOT_FOUND@7 No field named _updated" },
        { "SELECT _deleted FROM system.jobs", "COLUMN_NOT_FOUND@7 No field named _deleted" },
        { "SELECT id FROM users, orders", "INVALID_SQL@7 column reference \"id\" is ambiguous" },
        { "SELECT _updated FROM users, orders", "INVALID_SQL@7 column reference \"_updated\" is ambiguous" },
    };
    CHECK_CASES(cases, bound);
}

static void shapes_that_are_not_served_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT 1 FROM users, users", "INVALID_SQL@21 table name \"users\" specified more than once" },
        { "SELECT 1 FROM users u, orders u", "INVALID_SQL@23 table name \"u\" specified more than once" },
        { "SELECT 1 FROM users JOIN orders USING (nothing)", "COLUMN_NOT_FOUND@25 No field named nothing" },
        { "SELECT 1 FROM users a JOIN users b USING (id) JOIN users c USING (id, id)",
          "INVALID_SQL@51 column \"id\" appears twice in USING" },
        { "SELECT 1 FROM (users JOIN orders ON TRUE) AS j", "INVALID_SQL@-1 an alias for a join is not supported" },
        { "SELECT 1 FROM (SELECT 1 AS a) x(p, q)",
          "INVALID_SQL@-1 table \"x\" has 1 columns available but 2 columns specified" },
        { "SELECT x FROM (SELECT 1 AS x, 2 AS x) s", "INVALID_SQL@7 column reference \"x\" is ambiguous" },
        { "SELECT 1 FROM ONLY users", "INVALID_SQL@19 ONLY is not supported" },
        { "SELECT 1 FROM users TABLESAMPLE SYSTEM (10)", "INVALID_SQL@32 this form of FROM item is not supported" },
        { "SELECT 1 FROM XMLTABLE('/' PASSING 'x' COLUMNS a int)",
          "INVALID_SQL@14 this form of FROM item is not supported" },
    };
    CHECK_CASES(cases, bound);
}

static void statements_in_disguise_are_refused(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELECT id FROM users ORDER BY 2", "INVALID_SQL@30 ORDER BY position 2 is not in the select list" },
        { "SELECT id FROM users WHERE sum(age) > 1", "INVALID_SQL@27 aggregate functions are not allowed in WHERE" },
        { "SELECT id FROM users WHERE rank() OVER () = 1", "INVALID_SQL@27 window functions are not allowed in WHERE" },
        { "SELECT 1 INTO x FROM users", "INVALID_SQL@14 SELECT INTO is not supported" },
        { "SELECT 1 FROM users FOR UPDATE", "INVALID_SQL@20 FOR UPDATE and FOR SHARE are not supported" },
        { "SELECT 1 FROM users FOR SHARE", "INVALID_SQL@20 FOR UPDATE and FOR SHARE are not supported" },
        { "SELECT id FROM users FETCH FIRST 1 ROW WITH TIES",
          "INVALID_SQL@-1 WITH TIES cannot be specified without ORDER BY clause" },
        { "SELECT id FROM users ORDER BY id USING <", "INVALID_SQL@30 ORDER BY .. USING is not supported" },
        { "SELECT id FROM users GROUP BY DISTINCT id", "INVALID_SQL@39 GROUP BY DISTINCT is not supported" },
        { "SELECT id FROM users LIMIT id", "COLUMN_NOT_FOUND@27 No field named id" },
        { "WITH a AS (INSERT INTO users VALUES (1) RETURNING 1) SELECT 1",
          "INVALID_SQL@5 WITH holds a statement that is not a SELECT" },
        { "WITH a AS (DELETE FROM users WHERE TRUE RETURNING 1) SELECT * FROM a",
          "INVALID_SQL@5 WITH holds a statement that is not a SELECT" },
        { "WITH a(x, y) AS (SELECT 1) SELECT 1",
          "INVALID_SQL@5 WITH query \"a\" has 1 columns available but 2 columns specified" },
        { "WITH a AS (SELECT 1 AS x) SELECT * FROM b",
          "TABLE_NOT_FOUND@40 Table 'b' not found in namespace 'default'" },
        { "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT 1",
          "TABLE_NOT_FOUND@25 Table 'b' not found in namespace 'default'" },
        { "SELECT * FROM (WITH a AS (SELECT 1) SELECT 1) x, a",
          "TABLE_NOT_FOUND@49 Table 'a' not found in namespace 'default'" },
        { "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t) SEARCH DEPTH FIRST BY n SET o SELECT n FROM "
          "t",
          "INVALID_SQL@15 SEARCH and CYCLE are not supported" },
        { "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n, n FROM t) SELECT n FROM t",
          "INVALID_SQL@15 each query of a set operation must have the same number of columns" },
        { "SELECT 1 UNION SELECT 1, 2",
          "INVALID_SQL@-1 each query of a set operation must have the same number of columns" },
        { "SELECT a FROM (SELECT 1 AS b UNION SELECT 2 AS a) s", "COLUMN_NOT_FOUND@7 No field named a" },
        { "VALUES (1), (1, 2)", "INVALID_SQL@13 VALUES lists must all be the same length" },
        { "SELECT E'\\xff'", "INVALID_SQL@-1 invalid byte sequence for encoding \"UTF8\": 0xff" },
        { "SELECT B'101'", "INVALID_SQL@7 bit strings are not supported" },
        { "SELECT 1 WHERE CURRENT OF c", "INVALID_SQL@23 syntax error at or near \"OF\"" },
        { "UPDATE users SET age = nothing WHERE TRUE", "COLUMN_NOT_FOUND@23 No field named nothing" },
        { "UPDATE users SET age = getenv('x') WHERE TRUE", "INVALID_SQL@23 Function getenv() is not supported" },
        { "DELETE FROM ONLY users WHERE TRUE", "INVALID_SQL@17 ONLY is not supported" },
        { "DELETE FROM users WHERE id = (SELECT id FROM read_csv('x'))",
          "INVALID_SQL@45 Function read_csv() is not supported in FROM" },
        { "INSERT INTO users (id) SELECT * FROM glob('*')", "INVALID_SQL@37 Function glob() is not supported in FROM" },
        { "INSERT INTO users (id) VALUES (getenv('x'))", "INVALID_SQL@31 Function getenv() is not supported" },
        { "INSERT INTO users (id) VALUES (1 + DEFAULT)", "INVALID_SQL@35 DEFAULT in an expression is not supported" },
    };
    CHECK_CASES(cases, bound);
}

/* Names that must never be in the list: they read files, settings, the catalog or the environment, run text, or
 * wait. */
static const char *const forbidden[] = {
    /* settings, files, text as SQL */
    "getenv", "current_setting", "set_config", "query", "query_table", "read_csv", "read_csv_auto", "read_parquet",
    "parquet_scan", "parquet_metadata", "read_json", "read_text", "read_blob", "glob", "sniff_csv", "nextval",
    "currval", "write_log", "txid_current", "getvariable", "json_serialize_sql", "json_deserialize_sql",
    "json_serialize_plan", "json_execute_serialized_sql", "list_aggregate", "list_aggr",
    /* the catalog, the server, the rest */
    "array_aggregate", "array_aggr", "aggregate", "pragma_version", "pragma_table_info", "duckdb_settings",
    "duckdb_functions", "duckdb_secrets", "which_secret", "arrow_scan", "seq_scan", "checkpoint", "force_checkpoint",
    "version", "pg_sleep", "pg_read_file", "setseed", "current_database", "current_schema", "current_schemas",
    "current_query", "in_search_path", "has_table_privilege", "pg_typeof", "kdb_scan", "error",
    "parse_duckdb_log_message", "sql_auto_complete", "summary", "repeat_row"
};

static void the_list_is_sorted_and_holds_nothing_forbidden(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        const kdb_function_def *def = &kdb_function_defs[i];
        assert_true(i == 0 || strcmp(kdb_function_defs[i - 1].name, def->name) < 0);
        for (size_t k = 0; k < KDB_ARRAY_LEN(forbidden); k++) {
            assert_string_not_equal(def->name, forbidden[k]);
            assert_true(def->engine == NULL || strcmp(def->engine, forbidden[k]) != 0);
        }
        for (const char *c = def->name; *c != '\0'; c++) {
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_');
        }
    }
}

/* Each function is called in every way that a user can call one; bound() looks at what comes out. */
static void every_listed_function_can_be_called(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "SELECT %s() FROM users",
        "SELECT %s(name) FROM users",
        "SELECT %s(name, age) FROM users",
        "SELECT %s(name, doc) FROM users",
        "SELECT %s(ARRAY[age], 3) FROM users",
        "SELECT %s(name, age, id) FROM users",
        "SELECT %s(age) OVER (ORDER BY id) FROM users",
        "SELECT * FROM %s(age) AS t, users",
        "SELECT * FROM %s(1, 2)",
    };
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        size_t accepted = 0;
        for (size_t k = 0; k < KDB_ARRAY_LEN(calls); k++) {
            char sql[160];
            (void)snprintf(sql, sizeof sql, calls[k], kdb_function_defs[i].name);
            accepted += strncmp(bound(sql), "SELECT", 6) == 0;
        }
        if (accepted == 0 && strcmp(kdb_function_defs[i].name, "encode") != 0 &&
            strcmp(kdb_function_defs[i].name, "decode") != 0) {
            fail_msg("%s cannot be called", kdb_function_defs[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tables_that_are_not_ours_are_not_found), TEST(functions_in_from_are_refused),
        TEST(functions_off_the_list_are_refused),     TEST(types_and_operators_off_the_list_are_refused),
        TEST(columns_that_nobody_has_are_not_found),  TEST(shapes_that_are_not_served_are_refused),
        TEST(statements_in_disguise_are_refused),     TEST(the_list_is_sorted_and_holds_nothing_forbidden),
        TEST(every_listed_function_can_be_called),
    };
    return cmocka_run_group_tests_name("wall", tests, NULL, NULL);
}
