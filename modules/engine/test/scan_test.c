/* scan_test.c - tables of ours as the engine reads them. */
#include "fake.h"

#include <stdio.h>

static kdb_type decimal(uint8_t precision, uint8_t scale)
{
    return (kdb_type){ KDB_TYPE_DECIMAL, precision, scale, 0 };
}

static kdb_value decimal_value(uint8_t precision, uint8_t scale, kdb_i128 unscaled)
{
    return (kdb_value){ .type = decimal(precision, scale), .as.i128 = unscaled };
}

enum { ALL_TYPES = 21 };

static const kdb_type all_types[ALL_TYPES] = {
    { KDB_TYPE_BOOLEAN, 0, 0, 0 },   { KDB_TYPE_SMALLINT, 0, 0, 0 },  { KDB_TYPE_INT, 0, 0, 0 },
    { KDB_TYPE_BIGINT, 0, 0, 0 },    { KDB_TYPE_FLOAT, 0, 0, 0 },     { KDB_TYPE_DOUBLE, 0, 0, 0 },
    { KDB_TYPE_TEXT, 0, 0, 0 },      { KDB_TYPE_JSON, 0, 0, 0 },      { KDB_TYPE_FILE, 0, 0, 0 },
    { KDB_TYPE_BYTES, 0, 0, 0 },     { KDB_TYPE_TIMESTAMP, 0, 0, 0 }, { KDB_TYPE_DATETIME, 0, 0, 0 },
    { KDB_TYPE_DATE, 0, 0, 0 },      { KDB_TYPE_TIME, 0, 0, 0 },      { KDB_TYPE_UUID, 0, 0, 0 },
    { KDB_TYPE_EMBEDDING, 0, 0, 3 }, { KDB_TYPE_DECIMAL, 4, 2, 0 },   { KDB_TYPE_DECIMAL, 9, 0, 0 },
    { KDB_TYPE_DECIMAL, 18, 6, 0 },  { KDB_TYPE_DECIMAL, 38, 10, 0 }, { KDB_TYPE_EMBEDDING, 0, 0, 1 },
};

static const float floats_a[] = { 1.5F, -2.25F, 0.0F };
static const float floats_b[] = { 7.0F };

static kdb_value value_of(kdb_type type)
{
    kdb_value value = { .type = type };
    return value;
}

/* One row of extreme values, one of plain ones. */
static void fill_values(kdb_value *extreme, kdb_value *plain)
{
    for (size_t i = 0; i < ALL_TYPES; i++) {
        extreme[i] = plain[i] = value_of(all_types[i]);
    }
    extreme[0].as.b = true;
    extreme[1].as.i16 = INT16_MIN;
    extreme[2].as.i32 = INT32_MAX;
    extreme[3].as.i64 = INT64_MIN;
    extreme[4].as.f32 = -1.5F;
    extreme[5].as.f64 = 1e300;
    extreme[6].as.bytes = KDB_SV("a text that is longer than twelve bytes \xc3\xa9\xe2\x82\xac");
    extreme[7].as.bytes = KDB_SV("{not json");
    extreme[8].as.bytes = KDB_SV("");
    extreme[9].as.bytes = KDB_SV("\x00\xff\x01 and more than twelve bytes \xfe");
    extreme[10].as.i64 = INT64_C(253402300799999999);
    extreme[11].as.i64 = -1;
    extreme[12].as.i32 = 2932896;
    extreme[13].as.i64 = INT64_C(86399999999);
    memset(extreme[14].as.uuid.bytes, 0xff, 16);
    extreme[15].as.f32s = floats_a;
    extreme[16] = decimal_value(4, 2, -9999);
    extreme[17] = decimal_value(9, 0, 999999999);
    extreme[18] = decimal_value(18, 6, -INT64_C(999999999999999999));
    extreme[19] = decimal_value(38, 10, (kdb_i128)INT64_MAX * INT64_MAX);
    extreme[20].as.f32s = floats_b;
    plain[6].as.bytes = KDB_SV("twelve bytes");
    plain[7].as.bytes = KDB_SV("{\"a\":1}");
    plain[8].as.bytes = KDB_SV("file");
    plain[9].as.bytes = KDB_SV("");
    plain[14].as.uuid.bytes[15] = 1;
    plain[15].as.f32s = floats_a;
    plain[20].as.f32s = floats_b;
}

static void make_columns(kdb_scan_column *columns, char names[ALL_TYPES][8])
{
    for (size_t i = 0; i < ALL_TYPES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "c%zu", i);
        columns[i] = (kdb_scan_column){ .name = kdb_sv_cstr(names[i]), .type = all_types[i] };
    }
}

/* JSON, FILE and DATETIME come back as the types that they are in the engine. */
static kdb_type seen_as(kdb_type type)
{
    return type.kind == KDB_TYPE_JSON || type.kind == KDB_TYPE_FILE ? kdb_type_of(KDB_TYPE_TEXT)
           : type.kind == KDB_TYPE_DATETIME                         ? kdb_type_of(KDB_TYPE_TIMESTAMP)
                                                                    : type;
}

static void check_row(const kdb_chunk *chunk, size_t row, const kdb_value *expected)
{
    for (size_t i = 0; i < ALL_TYPES; i++) {
        const kdb_value got = kdb_vec_get(&chunk->cols[i], row);
        kdb_value want = expected[i];
        want.type = seen_as(want.type);
        assert_true(kdb_type_eq(got.type, want.type));
        assert_true(kdb_value_same(&got, &want));
    }
}

static void every_type_round_trips(void **state)
{
    fake_engine *fake = *state;
    kdb_scan_column columns[ALL_TYPES];
    char names[ALL_TYPES][8];
    kdb_value cells[4 * ALL_TYPES];
    make_columns(columns, names);
    fill_values(cells, cells + ALL_TYPES);
    for (size_t i = 0; i < ALL_TYPES; i++) {
        cells[2 * ALL_TYPES + i] = kdb_value_null(all_types[i]);
        cells[3 * ALL_TYPES + i] = cells[i];
    }
    const fake_table table = {
        .columns = columns, .ncolumns = ALL_TYPES, .nrows = 4, .put = fake_put_cell, .cells = cells
    };
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);

    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT * FROM @0", &plan), KDB_OK);
    assert_int_equal(kdb_engine_plan_ncolumns(plan), ALL_TYPES);
    for (size_t i = 0; i < ALL_TYPES; i++) {
        const kdb_engine_column *column = kdb_engine_plan_column(plan, i);
        assert_true(kdb_sv_eq(column->name, columns[i].name));
        assert_true(kdb_type_eq(column->type, seen_as(all_types[i])));
    }
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    assert_int_equal(chunk->nrows, 4);
    for (size_t row = 0; row < 4; row++) {
        check_row(chunk, row, cells + row * ALL_TYPES);
    }
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    assert_int_equal(chunk->nrows, 0);
}

/* Values mean to the engine what they mean to us. */
static void values_have_their_meaning(void **state)
{
    fake_engine *fake = *state;
    kdb_scan_column columns[ALL_TYPES];
    char names[ALL_TYPES][8];
    kdb_value cells[2 * ALL_TYPES];
    make_columns(columns, names);
    fill_values(cells, cells + ALL_TYPES);
    const fake_table table = {
        .columns = columns, .ncolumns = ALL_TYPES, .nrows = 2, .put = fake_put_cell, .cells = cells
    };
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(
        fake, &source,
        "SELECT c1::VARCHAR, c10::VARCHAR, c12::VARCHAR, c13::VARCHAR, c14::VARCHAR, c15::VARCHAR, "
        "c16::VARCHAR, c19::VARCHAR FROM @0 WHERE c0",
        NULL, 0,
        "-32768|9999-12-31 23:59:59.999999|9999-12-31|23:59:59.999999|"
        "ffffffff-ffff-ffff-ffff-ffffffffffff|[1.5, -2.25, 0.0]|-99.99|8507059173023461584739690778.4232501249\n");
    fake_expect(fake, &source, "SELECT c7->>'a', c7 || 'x', c9 = '\\x00\\xff\\x01'::BLOB FROM @0 WHERE NOT c0", NULL, 0,
                "1|{\"a\":1}x|false\n");
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE c14 = '00000000-0000-0000-0000-000000000001'", NULL, 0,
                "1\n");
    fake_expect(fake, &source, "SELECT array_inner_product(c15, [2, 0, 0]::FLOAT[3]) FROM @0 LIMIT 1", NULL, 0,
                "3.0\n");
}

static void only_used_columns_are_read(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(5000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT max(name) FROM @0 WHERE id < 3", NULL, 0, "name 2\n");
    assert_int_equal(source.nprojection, 2);
    assert_int_equal(source.projection[0] + source.projection[1], 2);
    fake_expect(fake, &source, "SELECT sum(grp) FROM @0", NULL, 0, "22500\n");
    assert_int_equal(source.nprojection, 1);
    assert_int_equal(source.projection[0], 1);
}

static void counting_reads_one_column(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(5000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT count(*) FROM @0", NULL, 0, "5000\n");
    assert_int_equal(source.nprojection, 1);
    assert_int_equal(source.projection[0], 0);
    fake_expect(fake, &source, "SELECT 1 FROM @0 LIMIT 2", NULL, 0, "1\n1\n");
    fake_expect(fake, &source, "SELECT EXISTS (SELECT 1 FROM @0)", NULL, 0, "true\n");
}

static void empty_table_has_no_rows(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(0);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT * FROM @0", NULL, 0, "");
    fake_expect(fake, &source, "SELECT count(*), sum(id) FROM @0", NULL, 0, "0|NULL\n");
}

static void slots_join(void **state)
{
    fake_engine *fake = *state;
    const fake_table left = fake_numbers(3000);
    const fake_table right = fake_numbers(20);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &left, &right }, 2);
    fake_expect(fake, &source, "SELECT l.id, r.name FROM @0 AS l JOIN @1 AS r ON l.id = r.id * 10 WHERE l.id > 170",
                NULL, 0, "180|name 18\n190|name 19\n");
    assert_int_equal(source.opened, 2);
    fake_expect(fake, &source, "SELECT count(*) FROM (SELECT id FROM @0 UNION ALL SELECT id FROM @1)", NULL, 0,
                "3020\n");
    fake_expect(fake, &source, "SELECT count(*) FROM @1 a, @1 b WHERE a.id < b.id", NULL, 0, "190\n");
}

static void threads_share_a_scan(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(400000);
    table.max_threads = 4;
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT count(*), sum(id), min(id), max(name) FROM @0", NULL, 0,
                "400000|79999800000|0|name 99999\n");
    assert_true(source.locals >= 1);
    fake_expect(fake, &source, "SELECT grp, count(*) FROM @0 GROUP BY 1 HAVING grp > 7 ORDER BY 1", NULL, 0,
                "8|40000\n9|40000\n");
}

static void order_of_rows_is_kept(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(100000);
    table.max_threads = 4;
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id FROM @0", &plan), KDB_OK);
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
    const kdb_chunk *chunk = NULL;
    int64_t next = 0;
    do {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        for (size_t i = 0; i < chunk->nrows; i++, next++) {
            assert_int_equal(((const int64_t *)chunk->cols[0].data)[i], next);
        }
    } while (chunk->nrows != 0);
    assert_int_equal(next, 100000);
}

static void failure_of_a_source_arrives_whole(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(100000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    table.failure = KDB_CORRUPT;
    table.fail_at = 1;
    fake_expect_error(fake, &source, "SELECT * FROM @0", NULL, 0, KDB_CORRUPT, "row 1 failed");
    table.fail_at = 60000;
    table.max_threads = 2;
    fake_expect_error(fake, &source, "SELECT * FROM @0", NULL, 0, KDB_CORRUPT, "row 60000 failed");
    table.fail_at = 0;
    table.failure = KDB_LIMIT;
    table.fail_open = true;
    fake_expect_error(fake, &source, "SELECT sum(id) FROM @0", NULL, 0, KDB_LIMIT, "open failed");
    table.fail_open = false;
    table.fail_open_local = true;
    fake_expect_error(fake, &source, "SELECT sum(id) FROM @0", NULL, 0, KDB_LIMIT, "open_local failed");
    table.fail_open_local = false;
    fake_expect(fake, &source, "SELECT count(*) FROM @0", NULL, 0, "100000\n");
}

static void dropped_cursor_closes_its_scans(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = { .columns = fake_number_columns, .ncolumns = 3, .put = fake_put_number, .endless = true };
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT * FROM @0", &plan), KDB_OK);
    for (size_t fetches = 0; fetches < 3; fetches++) {
        kdb_engine_cursor *cursor = NULL;
        assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
        const kdb_chunk *chunk = NULL;
        for (size_t i = 0; i < fetches; i++) {
            assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
            assert_int_equal(chunk->nrows, KDB_CHUNK_ROWS);
        }
        kdb_engine_cursor_free(cursor);
        assert_int_equal(source.opened, fetches + 1);
        assert_int_equal(source.closed, fetches + 1);
        assert_int_equal(source.locals, source.locals_closed);
    }
}

static void scan_function_serves_its_connection_only(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(10);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_disconnectp) kdb_engine_conn *other = NULL;
    assert_int_equal(kdb_engine_connect(fake->engine, &other, &fake->err), KDB_OK);
    const kdb_sv stolen = kdb_sv_printf(fake->arena, "SELECT * FROM %s(0)", kdb_engine_scan_function(fake->conn));
    kdb_engine_plan *plan = NULL;
    assert_int_equal(kdb_engine_prepare(other, stolen, source.scans, 1, &plan, &fake->err), KDB_STMT_INVALID_SQL);
    assert_string_equal(fake->err.text, "this function belongs to another connection");
    fake_expect_error(fake, &source, "SELECT * FROM @1", NULL, 0, KDB_INTERNAL,
                      "a scan of a slot that the plan does not have");
    fake_expect_error(fake, &source, "SELECT rowid FROM @0", NULL, 0, KDB_COLUMN_NOT_FOUND, "No field named rowid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_round_trips),
        cmocka_unit_test(values_have_their_meaning),
        cmocka_unit_test(only_used_columns_are_read),
        cmocka_unit_test(counting_reads_one_column),
        cmocka_unit_test(empty_table_has_no_rows),
        cmocka_unit_test(slots_join),
        cmocka_unit_test(threads_share_a_scan),
        cmocka_unit_test(order_of_rows_is_kept),
        cmocka_unit_test(failure_of_a_source_arrives_whole),
        cmocka_unit_test(dropped_cursor_closes_its_scans),
        cmocka_unit_test(scan_function_serves_its_connection_only),
    };
    return cmocka_run_group_tests(tests, fake_engine_up, fake_engine_down);
}
