/* plan_test.c - result columns, parameters, and plans whose types hang on their parameters. */
#include "fake.h"

#include <stdio.h>

#include "engine_int.h"

/* "name TYPE, name TYPE" of the plan's columns, in the fake's arena. */
static const char *columns_of(fake_engine *fake, const kdb_engine_plan *plan)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (size_t i = 0; i < kdb_engine_plan_ncolumns(plan); i++) {
        const kdb_engine_column *column = kdb_engine_plan_column(plan, i);
        kdb_buf_printf(&text, "%s%.*s ", i == 0 ? "" : ", ", KDB_SV_ARG(column->name));
        kdb_buf_append_sv(&text, kdb_type_sql_text(column->type, fake->arena));
    }
    const char *copy = kdb_sv_dup_cstr(fake->arena, kdb_buf_sv(&text));
    kdb_buf_done(&text);
    return copy;
}

static void expect_columns(fake_engine *fake, const fake_source *source, const char *sql, const char *columns)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    if (fake_prepare(fake, fake->conn, source, sql, &plan) != KDB_OK) {
        fail_msg("%s: %s", sql, fake->err.text);
    }
    assert_string_equal(columns_of(fake, plan), columns);
}

static void every_result_type_maps(void **state)
{
    fake_engine *fake = *state;
    expect_columns(fake, NULL, "SELECT 1::TINYINT a, 1::UTINYINT b, 1::USMALLINT c, 1::UINTEGER d, 1::UBIGINT e",
                   "a SMALLINT, b SMALLINT, c INT, d BIGINT, e BIGINT");
    expect_columns(fake, NULL, "SELECT 1::HUGEINT a, 1::UHUGEINT b, 1.5 c, 1e0 d, 1::FLOAT e, true f",
                   "a BIGINT, b BIGINT, c DECIMAL(2,1), d DOUBLE, e FLOAT, f BOOLEAN");
    expect_columns(fake, NULL,
                   "SELECT now() a, now()::TIMESTAMP_S b, now()::TIMESTAMP_MS c, now()::TIMESTAMP_NS d, '{}'::JSON e",
                   "a DATETIME, b TIMESTAMP, c TIMESTAMP, d TIMESTAMP, e JSON");
    expect_columns(fake, NULL, "SELECT [1,2,3]::FLOAT[3] a, uuid() b, '1'::BLOB c, DATE '2026-01-01' d, TIME '10:00' e",
                   "a EMBEDDING(3), b UUID, c BYTES, d DATE, e TIME");
    expect_columns(fake, NULL, "SELECT NULL a", "a INT");
    fake_expect(fake, NULL,
                "SELECT (-128)::TINYINT, 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER, "
                "9223372036854775807::UBIGINT, (-9223372036854775808)::HUGEINT, 9223372036854775807::UHUGEINT",
                NULL, 0, "-128|255|65535|4294967295|9223372036854775807|-9223372036854775808|9223372036854775807\n");
    fake_expect(fake, NULL,
                "SELECT TIMESTAMP_S '1969-12-31 23:59:59', TIMESTAMP_MS '2026-01-01 00:00:00.001', "
                "TIMESTAMP_NS '1969-12-31 23:59:59.999999001', TIMESTAMPTZ '2026-01-01 02:00:00+02'",
                NULL, 0,
                "1969-12-31 23:59:59|2026-01-01 00:00:00.001|1969-12-31 23:59:59.999999|2026-01-01 00:00:00\n");
    fake_expect(fake, NULL,
                "SELECT NULL::TINYINT, NULL::UBIGINT, NULL::HUGEINT, NULL::VARCHAR, NULL::UUID, NULL::FLOAT[2]", NULL,
                0, "NULL|NULL|NULL|NULL|NULL|NULL\n");
    fake_expect(fake, NULL, "SELECT '{\"a\": [1]}'::JSON -> 'a', '{\"a\": \"x\"}' ->> 'a'", NULL, 0, "[1]|x\n");
}

static void other_types_become_text(void **state)
{
    fake_engine *fake = *state;
    const char *sql = "SELECT 1 AS n, [1, 2] AS l, {'a': 1} AS s, MAP {'k': 2} AS m, INTERVAL 1 DAY AS i, 'x' AS n, "
                      "'101'::BIT AS b, 'v'::ENUM('u', 'v') AS e, [1.5]::FLOAT[] AS f, [1]::INT[1] AS a, "
                      "TIMETZ '10:00:00+01' AS z, 12::BIGNUM AS g";
    expect_columns(fake, NULL, sql,
                   "n INT, l JSON, s JSON, m JSON, i TEXT, n TEXT, b TEXT, e TEXT, f JSON, a JSON, z TEXT, g TEXT");
    fake_expect(fake, NULL, sql, NULL, 0, "1|[1,2]|{\"a\":1}|{\"k\":2}|1 day|x|101|v|[1.5]|[1]|10:00:00+01|12\n");
    fake_expect(fake, NULL, "SELECT [NULL], NULL::INT[] -- at the end", NULL, 0, "[null]|NULL\n");
    fake_expect(fake, NULL, "SELECT [1] ; ", NULL, 0, "[1]\n");
}

static void casting_to_text_keeps_the_order(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(50000);
    table.max_threads = 4;
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT id, [id] FROM @0 ORDER BY id DESC LIMIT 2", NULL, 0,
                "49999|[49999]\n49998|[49998]\n");
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id, [id] FROM @0 ORDER BY id DESC", &plan),
                     KDB_OK);
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
    const kdb_chunk *chunk = NULL;
    int64_t next = 49999;
    do {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        for (size_t i = 0; i < chunk->nrows; i++, next--) {
            assert_int_equal(((const int64_t *)chunk->cols[0].data)[i], next);
        }
    } while (chunk->nrows != 0);
    assert_int_equal(next, -1);
}

static void constant_and_repeated_values_are_flat(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const char *sql = "SELECT 'x', NULL::INT, 'a text longer than twelve bytes', u, [1, 2]::FLOAT[2], 1.25, uuid "
                      "FROM range(5000) r(i), (SELECT '00000000-0000-0000-0000-00000000000a'::UUID AS uuid), "
                      "(VALUES (0, 'zero'), (1, 'one')) v(k, u) WHERE i % 2 = k ORDER BY i";
    assert_int_equal(fake_prepare(fake, fake->conn, NULL, sql, &plan), KDB_OK);
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, NULL, &cursor, &fake->err), KDB_OK);
    const kdb_chunk *chunk = NULL;
    size_t row = 0;
    do {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        for (size_t i = 0; i < chunk->nrows; i++, row++) {
            assert_true(kdb_sv_eq(kdb_vec_get(&chunk->cols[0], i).as.bytes, KDB_SV("x")));
            assert_true(kdb_vec_is_null(&chunk->cols[1], i));
            assert_int_equal(kdb_vec_get(&chunk->cols[2], i).as.bytes.len, 31);
            assert_int_equal(kdb_vec_get(&chunk->cols[3], i).as.bytes.len, row % 2 == 0 ? 4 : 3);
            assert_true(kdb_vec_get(&chunk->cols[4], i).as.f32s[1] == 2.0F);
            assert_int_equal(kdb_vec_get(&chunk->cols[5], i).as.i128, 125);
            assert_int_equal(kdb_vec_get(&chunk->cols[6], i).as.uuid.bytes[15], 10);
        }
    } while (chunk->nrows != 0);
    assert_int_equal(row, 5000);
}

/* ---- parameters ---- */

static void params_take_the_types_of_the_plan(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(100);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    const kdb_value number = kdb_value_bigint(42);
    const kdb_value text = kdb_value_text(KDB_SV("42"));
    fake_expect(fake, &source, "SELECT name FROM @0 WHERE id = $1", &number, 1, "name 42\n");
    fake_expect(fake, &source, "SELECT name FROM @0 WHERE id = $1", &text, 1, "name 42\n");
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE name = 'name ' || $1", &text, 1, "42\n");
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE name LIKE $1", &number, 1, "0\n");
    const kdb_value two = kdb_value_text(KDB_SV("2"));
    fake_expect(fake, &source, "SELECT id FROM @0 ORDER BY id LIMIT $1 OFFSET $1", &two, 1, "2\n3\n");
    const kdb_value bad = kdb_value_text(KDB_SV("forty"));
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const char *rows = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT name FROM @0 WHERE grp > 0 AND id = $2", &plan),
                     KDB_OK);
    assert_int_equal(kdb_engine_plan_nparams(plan), 2);
    assert_int_equal(fake_run(fake, plan, (kdb_value[]){ number, bad }, 2, &source, &rows), KDB_PARAMETER);
    assert_string_equal(fake->err.text, "$2: Unable to cast value 'forty' to BIGINT: not an integer");
    assert_int_equal(fake_run(fake, plan, &number, 1, &source, &rows), KDB_PARAMETER);
    assert_string_equal(fake->err.text, "the statement has 2 parameters, got 1");
    assert_int_equal(fake_run(fake, plan, (kdb_value[]){ bad, number }, 2, &source, &rows), KDB_OK);
    assert_string_equal(rows, "name 42\n");
}

static void numbers_that_do_not_fit_are_compared_as_they_are(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    const kdb_value half = kdb_value_double(7.5);
    const kdb_value whole = kdb_value_double(7.0);
    const kdb_value huge = kdb_value_bigint(INT64_C(5000000000));
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE id > $1", &half, 1, "8\n9\n");
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE id > $1", &whole, 1, "8\n9\n");
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE id = $1", &half, 1, "");
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE grp < $1", &huge, 1, "10\n");
    fake_expect(fake, &source, "SELECT sum(id) FROM @0 HAVING sum(id) > $1", &half, 1, "45\n");
    fake_expect(fake, &source, "SELECT sum(id) FROM @0 HAVING sum(id) > $1", &huge, 1, "");
}

static kdb_scan_column typed_columns[9] = {
    { { "d", 1 }, { KDB_TYPE_DECIMAL, 10, 2, 0 } },  { { "u", 1 }, { KDB_TYPE_UUID, 0, 0, 0 } },
    { { "e", 1 }, { KDB_TYPE_EMBEDDING, 0, 0, 2 } }, { { "ts", 2 }, { KDB_TYPE_TIMESTAMP, 0, 0, 0 } },
    { { "da", 2 }, { KDB_TYPE_DATE, 0, 0, 0 } },     { { "ti", 2 }, { KDB_TYPE_TIME, 0, 0, 0 } },
    { { "b", 1 }, { KDB_TYPE_BYTES, 0, 0, 0 } },     { { "f", 1 }, { KDB_TYPE_FLOAT, 0, 0, 0 } },
    { { "bo", 2 }, { KDB_TYPE_BOOLEAN, 0, 0, 0 } },
};

static void params_of_every_type_bind(void **state)
{
    fake_engine *fake = *state;
    const float floats[] = { 1, 2 };
    kdb_value cells[9];
    for (size_t i = 0; i < 9; i++) {
        cells[i] = (kdb_value){ .type = typed_columns[i].type };
    }
    cells[0].as.i128 = 1050;
    cells[1].as.uuid.bytes[0] = 0x80;
    cells[2].as.f32s = floats;
    cells[3].as.i64 = 1;
    cells[6].as.bytes = KDB_SV("\x00\xff");
    cells[7].as.f32 = 0.1F;
    cells[8].as.b = true;
    const fake_table table = {
        .columns = typed_columns, .ncolumns = 9, .nrows = 1, .put = fake_put_cell, .cells = cells
    };
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    const char *sql = "SELECT count(*) FROM @0 WHERE d = $1 AND u = $2 AND e = $3 AND ts = $4 AND da = $5 AND ti = $6 "
                      "AND b = $7 AND f = $8 AND bo = $9";
    fake_expect(fake, &source, sql, cells, 9, "1\n");
    const kdb_value from_json[] = {
        kdb_value_double(10.5),
        kdb_value_text(KDB_SV("80000000-0000-0000-0000-000000000000")),
        kdb_value_text(KDB_SV("[1,2]")),
        kdb_value_text(KDB_SV("1970-01-01 00:00:00.000001")),
        kdb_value_text(KDB_SV("1970-01-01")),
        kdb_value_text(KDB_SV("00:00:00")),
        kdb_value_text(KDB_SV("\\x00ff")),
        kdb_value_double(0.1),
        kdb_value_bool(true),
    };
    fake_expect(fake, &source, sql, from_json, 9, "1\n");
    /* As given, in an open plan: */
    fake_expect(fake, &source, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 1 + $1", cells, 9,
                "10.50|80000000-0000-0000-0000-000000000000|[1.0,2.0]|1970-01-01 00:00:00.000001|1970-01-01|00:00:00|"
                "\\x00ff|0.1|true|11.50\n");
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE ts < now() - $1 * INTERVAL '1 day' AND $2", from_json + 7,
                2, "1\n");
}

static void null_params_compare_to_nothing(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    const kdb_value null = kdb_value_null(kdb_type_of(KDB_TYPE_TEXT));
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE id = $1", &null, 1, "");
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE coalesce(name, $1) IS NOT NULL", &null, 1, "10\n");
    fake_expect(fake, &source, "SELECT $1, $1 IS NULL, coalesce($1, 7)", &null, 1, "NULL|true|7\n");
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE $1::TEXT IS NULL AND id > 8", &null, 1, "9\n");
}

static void params_are_numbered_with_gaps_and_out_of_order(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    const kdb_value params[] = { kdb_value_bigint(1), kdb_value_text(KDB_SV("two")), kdb_value_bigint(3),
                                 kdb_value_text(KDB_SV("name 4")), kdb_value_bigint(5) };
    fake_expect(fake, &source, "SELECT id FROM @0 WHERE name = $4 OR id IN ($5, $3, $5)", params, 5, "3\n4\n5\n");
    fake_expect(fake, &source, "SELECT '$1', $5 - $3 AS \"$2\"", params, 5, "$1|2\n");
}

/* ---- open plans ---- */

static void open_plan_has_columns_once_executed(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(3);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const char *rows = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id + $1 AS x, [$2] AS y FROM @0", &plan), KDB_OK);
    assert_int_equal(kdb_engine_plan_ncolumns(plan), 0);
    assert_int_equal(kdb_engine_plan_nparams(plan), 2);
    const kdb_value whole[] = { kdb_value_bigint(10), kdb_value_text(KDB_SV("a")) };
    const kdb_value other[] = { kdb_value_double(0.5), kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) };
    const kdb_value wrong[] = { kdb_value_text(KDB_SV("z")), kdb_value_bigint(1) };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fake_run(fake, plan, whole, 2, &source, &rows), KDB_OK);
        assert_string_equal(rows, "10|[\"a\"]\n11|[\"a\"]\n12|[\"a\"]\n");
        assert_string_equal(columns_of(fake, plan), "x BIGINT, y JSON");
        assert_int_equal(fake_run(fake, plan, other, 2, &source, &rows), KDB_OK);
        assert_string_equal(rows, "0.5|[null]\n1.5|[null]\n2.5|[null]\n");
        assert_string_equal(columns_of(fake, plan), "x DOUBLE, y JSON");
        assert_int_equal(fake_run(fake, plan, wrong, 2, &source, &rows), KDB_STMT_INVALID_SQL);
    }
}

static void open_plan_is_compiled_once_per_types(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const char *rows = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, NULL, "SELECT $1 + 1", &plan), KDB_OK);
    const kdb_value first = kdb_value_bigint(1);
    const kdb_value second = kdb_value_bigint(2);
    assert_int_equal(fake_run(fake, plan, &first, 1, NULL, &rows), KDB_OK);
    const duckdb_prepared_statement compiled = plan->duck;
    assert_int_equal(fake_run(fake, plan, &second, 1, NULL, &rows), KDB_OK);
    assert_string_equal(rows, "3\n");
    assert_ptr_equal(plan->duck, compiled);
    assert_int_equal(plan->executions, 2);
}

static void plan_is_renewed_now_and_then(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(3);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT name, [id] FROM @0 WHERE id = $1", &plan), KDB_OK);
    const kdb_engine_column *column = kdb_engine_plan_column(plan, 0);
    const char *rows = NULL;
    bool renewed = false;
    for (int64_t i = 0; i < 200; i++) {
        const kdb_value id = i % 7 == 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_BIGINT)) : kdb_value_bigint(2);
        assert_int_equal(fake_run(fake, plan, &id, 1, &source, &rows), KDB_OK);
        assert_string_equal(rows, i % 7 == 0 ? "" : "name 2|[2]\n");
        renewed = renewed || (i > 0 && plan->executions == 1);
        assert_ptr_equal(kdb_engine_plan_column(plan, 0), column);
    }
    assert_true(renewed);
}

static void too_many_params_are_refused(void **state)
{
    fake_engine *fake = *state;
    kdb_engine_plan *plan = NULL;
    kdb_err err = { .position = -1 };
    const kdb_sv sql = KDB_SV("SELECT $1, $1000, $1001");
    assert_int_equal(kdb_engine_prepare(fake->conn, sql, NULL, 0, &plan, &err), KDB_STMT_INVALID_SQL);
    assert_null(plan);
}

static void explain_shows_a_plan(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(3);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    static const char *const sql[] = { "EXPLAIN SELECT * FROM @0", "EXPLAIN ANALYZE SELECT * FROM @0 WHERE id = $1",
                                       "EXPLAIN (ANALYZE) SELECT [id] FROM @0" };
    const kdb_value id = kdb_value_bigint(2);
    for (size_t i = 0; i < KDB_ARRAY_LEN(sql); i++) {
        KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
        const char *rows = NULL;
        assert_int_equal(fake_prepare(fake, fake->conn, &source, sql[i], &plan), KDB_OK);
        assert_string_equal(columns_of(fake, plan), "explain_key TEXT, explain_value TEXT");
        assert_int_equal(fake_run(fake, plan, &id, 1, &source, &rows), KDB_OK);
        assert_true(strlen(rows) > 20);
    }
}

static void functions_of_ours_run_per_row(void **state)
{
    fake_engine *fake = *state;
    fake_expect(fake, NULL,
                "SELECT count(DISTINCT a), count(DISTINCT b), count(DISTINCT c), min(length(b)), min(length(c)), "
                "min(a) > 0 FROM (SELECT kdb_snowflake_id() a, kdb_uuid_v7() b, kdb_ulid() c FROM range(5000))",
                NULL, 0, "5000|5000|5000|36|26|true\n");
    expect_columns(fake, NULL, "SELECT kdb_snowflake_id() a, kdb_uuid_v7() b, kdb_ulid() c",
                   "a BIGINT, b TEXT, c TEXT");
}

static void text_functions_make_what_they_say(void **state)
{
    fake_engine *fake = *state;
    expect_columns(fake, NULL, "SELECT kdb_repeat($1, $2) a, kdb_lpad($1, 3, ' ') b, kdb_replace($1, 'a', 'b') c",
                   "a TEXT, b TEXT, c TEXT");
    fake_expect(fake, NULL,
                "SELECT kdb_repeat('ab', 3), kdb_repeat('é', 2), kdb_repeat('x', 0) = '', kdb_repeat('x', -1) = '', "
                "kdb_repeat('', 9223372036854775807) = '', kdb_repeat('x', -9223372036854775808) = ''",
                NULL, 0, "ababab|éé|true|true|true|true\n");
    fake_expect(
        fake, NULL,
        "SELECT kdb_lpad('7', 3, '0'), kdb_lpad('hello', 2, 'x'), kdb_lpad('é', 6, 'aöü'), "
        "kdb_lpad('éàü', 2, 'x'), kdb_lpad('x', -1, 'y') = '', kdb_lpad('x', 0, 'y') = '', kdb_lpad('ab', 9, ''), "
        "kdb_lpad('ab', 1, ''), kdb_lpad('', 2, 'é'), kdb_lpad('ab', 9223372036854775807, '')",
        NULL, 0, "007|he|aöüaöé|éà|true|true|ab|a|éé|ab\n");
    fake_expect(fake, NULL,
                "SELECT kdb_rpad('7', 3, '0'), kdb_rpad('hello', 2, 'x'), kdb_rpad('é', 6, 'aöü'), "
                "kdb_rpad('éàü', 2, 'x'), kdb_rpad('x', -1, 'y') = '', kdb_rpad('ab', 9, ''), kdb_rpad('😀', 3, '😀a')",
                NULL, 0, "700|he|éaöüaö|éà|true|ab|😀😀a\n");
    fake_expect(fake, NULL,
                "SELECT kdb_replace('aXbX', 'X', '-'), kdb_replace('aaa', 'aa', 'b'), kdb_replace('abc', '', 'x'), "
                "kdb_replace('abc', 'b', ''), kdb_replace('', 'a', 'b') = '', kdb_replace('aé', 'é', 'àà'), "
                "kdb_replace('ab', 'abc', 'x'), kdb_replace('abab', 'ab', '') = '', kdb_replace('ab', 'a', 'aa')",
                NULL, 0, "a-b-|ba|abc|ac|true|aàà|ab|true|aab\n");
    fake_expect(fake, NULL,
                "SELECT kdb_join('a', 'b'), kdb_join('a', NULL) IS NULL, kdb_concat('a', NULL, 'b', 'c'), "
                "kdb_concat(NULL) = '', kdb_concat_ws('--', 'a', NULL, '', 'b'), kdb_concat_ws(NULL, 'a') IS NULL, "
                "kdb_concat_ws('-') = ''",
                NULL, 0, "ab|true|abc|true|a----b|true|true\n");
    fake_expect(
        fake, NULL,
        "SELECT string_agg(kdb_concat(CASE WHEN x % 3 <> 0 THEN 'a' END, CASE WHEN x % 2 = 0 THEN 'b' END), ',') "
        "FROM range(6) r(x)",
        NULL, 0, "b,a,ab,,ab,a\n");
    const kdb_value nul_inside = kdb_value_text(KDB_SV("a\0b"));
    fake_expect(fake, NULL, "SELECT length(kdb_repeat($1, 2)), length(kdb_replace($1, 'b', ''))", &nul_inside, 1,
                "6|2\n");
}

static void text_functions_run_per_row(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(5000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source,
                "SELECT count(*), count(*) FILTER (kdb_repeat(name, grp) = repeat(name, grp)), count(*) FILTER "
                "(kdb_lpad(name, id, 'öx') = lpad(name, id::INT, 'öx')), count(*) FILTER (kdb_rpad(name, id, 'xö') = "
                "rpad(name, id::INT, 'xö')), count(*) FILTER (kdb_replace(name, grp::TEXT, name) = replace(name, "
                "grp::TEXT, name)) FROM @0",
                NULL, 0, "5000|5000|5000|5000|5000\n");
    fake_expect(fake, &source,
                "SELECT count(kdb_repeat(n, 2)), count(kdb_repeat('x', k)), count(kdb_lpad('x', 3, n)), "
                "count(kdb_rpad(n, k, n)), count(kdb_replace('x', n, 'y')), count(kdb_replace('x', 'y', NULL)), "
                "count(kdb_repeat(NULL, grp)), count(*) FILTER (kdb_repeat(n, 2) = repeat(n, 2)) FROM (SELECT grp, "
                "CASE WHEN grp < 3 THEN NULL ELSE grp::TEXT END n, CASE WHEN grp < 5 THEN NULL ELSE grp END k FROM @0)",
                NULL, 0, "3500|2500|3500|2500|3500|0|0|3500\n");
    /* The NULL in between has the same bytes. */
    fake_expect(fake, &source,
                "SELECT kdb_repeat(nullif('ab', 'ab' || repeat('x', (id % 2)::INT)), 2) FROM @0 WHERE id < 4", NULL, 0,
                "NULL\nabab\nNULL\nabab\n");
}

static void text_functions_make_no_more_than_64_mib(void **state)
{
    fake_engine *fake = *state;
    static const char *const made[] = {
        "kdb_repeat('x', 67108864)",
        "kdb_repeat('0123456789abcdef', 4194304)",
        "kdb_lpad('x', 67108864, 'y')",
        "kdb_rpad('x', 67108864, 'y')",
        "kdb_replace(kdb_repeat('x', 65536), 'x', kdb_repeat('y', 1024))",
    };
    static const char *const refused[] = {
        "kdb_repeat('x', 67108865)",
        "kdb_repeat('x', 2000000000)",
        "kdb_repeat('xy', 9223372036854775807)",
        "kdb_repeat(kdb_repeat('x', 40000), 40000)",
        "kdb_lpad('x', 67108865, 'y')",
        "kdb_lpad('x', 9223372036854775807, 'y')",
        "kdb_lpad('x', 33554434, 'é')",
        "kdb_rpad('x', 2147483647, kdb_repeat('y', 1000000))",
        "kdb_rpad('', 60000000, 'xé')",
        "kdb_replace(kdb_repeat('x', 1000000), 'x', kdb_repeat('y', 1000))",
        "kdb_replace(repeat('x', 67108865), 'y', '')",
        "kdb_rpad(repeat('x', 67108865), 67108866, '')",
        "kdb_join(kdb_repeat('x', 67108864), 'y')",
        "kdb_concat('y', NULL, kdb_repeat('x', 67108864))",
        "kdb_concat_ws(kdb_repeat('x', 33554432), 'a', 'b', 'c')",
    };
    char sql[200];
    for (size_t i = 0; i < KDB_ARRAY_LEN(made); i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT strlen(%s)", made[i]);
        fake_expect(fake, NULL, sql, NULL, 0, "67108864\n");
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %s", refused[i]);
        fake_expect_error(fake, NULL, sql, NULL, 0, KDB_LIMIT, "a value of more than 64 MiB would be made");
    }
    /* Larger than allowed on the way in only. */
    fake_expect(fake, NULL, "SELECT strlen(kdb_replace(repeat(repeat('x', 1000000), 68), repeat('x', 1000000), 'x'))",
                NULL, 0, "68\n");
    const kdb_value count = kdb_value_bigint(2000000000);
    fake_expect_error(fake, NULL, "SELECT kdb_repeat('x', $1)", &count, 1, KDB_LIMIT,
                      "a value of more than 64 MiB would be made");
}

static void text_functions_make_no_more_than_256_mib_at_once(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(2048);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT sum(strlen(kdb_rpad(name, 131072, 'x'))) FROM @0", NULL, 0, "268435456\n");
    fake_expect_error(fake, &source, "SELECT sum(strlen(kdb_rpad(name, 131073, 'x'))) FROM @0", NULL, 0, KDB_LIMIT,
                      "values of more than 256 MiB would be made at once");
    fake_expect_error(fake, &source, "SELECT sum(strlen(kdb_repeat(name, 1000000))) FROM @0", NULL, 0, KDB_LIMIT,
                      "values of more than 256 MiB would be made at once");
    /* One value for all rows is made once. */
    const kdb_value text = kdb_value_text(KDB_SV("0123456789abcdef"));
    fake_expect(fake, &source, "SELECT sum(strlen(kdb_repeat($1, 65536))) FROM @0", &text, 1, "2147483648\n");
}

static void text_with_nul_is_refused(void **state)
{
    fake_engine *fake = *state;
    kdb_engine_plan *plan = NULL;
    assert_int_equal(kdb_engine_prepare(fake->conn, KDB_SV("SELECT 1\0 x"), NULL, 0, &plan, &fake->err),
                     KDB_STMT_INVALID_SQL);
    assert_int_equal(kdb_engine_prepare(fake->conn, KDB_SV(""), NULL, 0, &plan, &fake->err), KDB_STMT_INVALID_SQL);
    assert_int_equal(kdb_engine_prepare(fake->conn, KDB_SV("SELECT $0"), NULL, 0, &plan, &fake->err),
                     KDB_STMT_INVALID_SQL);
    const kdb_value nul_inside = kdb_value_text(KDB_SV("a\0b"));
    fake_expect(fake, NULL, "SELECT length($1::TEXT)", &nul_inside, 1, "3\n");
    const kdb_value not_utf8 = kdb_value_text(KDB_SV("\xff"));
    fake_expect_error(fake, NULL, "SELECT $1::TEXT", &not_utf8, 1, KDB_PARAMETER, "$1: the engine refuses the value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_result_type_maps),
        cmocka_unit_test(other_types_become_text),
        cmocka_unit_test(casting_to_text_keeps_the_order),
        cmocka_unit_test(constant_and_repeated_values_are_flat),
        cmocka_unit_test(params_take_the_types_of_the_plan),
        cmocka_unit_test(numbers_that_do_not_fit_are_compared_as_they_are),
        cmocka_unit_test(params_of_every_type_bind),
        cmocka_unit_test(null_params_compare_to_nothing),
        cmocka_unit_test(params_are_numbered_with_gaps_and_out_of_order),
        cmocka_unit_test(open_plan_has_columns_once_executed),
        cmocka_unit_test(open_plan_is_compiled_once_per_types),
        cmocka_unit_test(plan_is_renewed_now_and_then),
        cmocka_unit_test(too_many_params_are_refused),
        cmocka_unit_test(explain_shows_a_plan),
        cmocka_unit_test(functions_of_ours_run_per_row),
        cmocka_unit_test(text_functions_make_what_they_say),
        cmocka_unit_test(text_functions_run_per_row),
        cmocka_unit_test(text_functions_make_no_more_than_64_mib),
        cmocka_unit_test(text_functions_make_no_more_than_256_mib_at_once),
        cmocka_unit_test(text_with_nul_is_refused),
    };
    return cmocka_run_group_tests(tests, fake_engine_up, fake_engine_down);
}
