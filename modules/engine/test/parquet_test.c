/* parquet_test.c - rows written to Parquet files, read back by the engine itself. */
#include "fake.h"

#include <stdio.h>

enum { NCOLUMNS = 9, NROWS = 5000 };

static const kdb_scan_column columns[NCOLUMNS] = {
    { { "id", 2 }, { KDB_TYPE_BIGINT, 0, 0, 0 } },        { { "a \"b\" 'c'", 9 }, { KDB_TYPE_TEXT, 0, 0, 0 } },
    { { "bytes", 5 }, { KDB_TYPE_BYTES, 0, 0, 0 } },      { { "at", 2 }, { KDB_TYPE_TIMESTAMP, 0, 0, 0 } },
    { { "price", 5 }, { KDB_TYPE_DECIMAL, 20, 4, 0 } },   { { "uuid", 4 }, { KDB_TYPE_UUID, 0, 0, 0 } },
    { { "vector", 6 }, { KDB_TYPE_EMBEDDING, 0, 0, 3 } }, { { "flag", 4 }, { KDB_TYPE_BOOLEAN, 0, 0, 0 } },
    { { "day", 3 }, { KDB_TYPE_DATE, 0, 0, 0 } },
};

static void put(const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at)
{
    float floats[3] = { (float)row, -1.5F, 0 };
    char text[64];
    (void)snprintf(text, sizeof text, "row %zu has a text of some length", row);
    kdb_value value = { .type = table->columns[column].type, .is_null = column != 0 && row % 7 == column };
    switch (value.type.kind) {
    case KDB_TYPE_TEXT:
    case KDB_TYPE_BYTES:
        value.as.bytes = kdb_sv_cstr(text);
        break;
    case KDB_TYPE_DECIMAL:
        value.as.i128 = (kdb_i128)row * -1000001;
        break;
    case KDB_TYPE_UUID:
        kdb_put_be64(value.as.uuid.bytes + 8, row);
        value.as.uuid.bytes[0] = (uint8_t)row;
        break;
    case KDB_TYPE_EMBEDDING:
        value.as.f32s = floats;
        break;
    case KDB_TYPE_BOOLEAN:
        value.as.b = row % 2 == 0;
        break;
    case KDB_TYPE_DATE:
        value.as.i32 = (int32_t)row;
        break;
    default:
        value.as.i64 = (int64_t)row;
        break;
    }
    kdb_vec_put(vec, at, &value);
}

static const fake_table rows = { .columns = columns, .ncolumns = NCOLUMNS, .nrows = NROWS, .put = put };

static kdb_status write_file(fake_engine *fake, const fake_table *table, const char *path, const char *compression)
{
    kdb_parquet_column described[NCOLUMNS];
    fake_source source;
    const fake_table *const tables[] = { table };
    fake_source_init(&source, tables, 1);
    for (size_t i = 0; i < NCOLUMNS; i++) {
        described[i] = (kdb_parquet_column){ columns[i].name, columns[i].type, (uint32_t)i + 10 };
    }
    const kdb_parquet_spec spec = { .path = kdb_sv_cstr(path),
                                    .columns = described,
                                    .ncolumns = NCOLUMNS,
                                    .compression = kdb_sv_cstr(compression),
                                    .row_group_rows = 2048 };
    const kdb_status status = kdb_engine_write_parquet(fake->conn, &spec, &source.face, &fake->err);
    assert_int_equal(source.opened, source.closed);
    return status;
}

static const char *path_of(fake_engine *fake, const char *name)
{
    return kdb_sv_dup_cstr(fake->arena, kdb_sv_printf(fake->arena, "%s/%s", fake->directory, name));
}

static void expect(fake_engine *fake, const char *path, const char *sql, const char *expected)
{
    fake_source source;
    const fake_table *const tables[] = { &rows };
    fake_source_init(&source, tables, 1);
    kdb_sv text = kdb_sv_printf(fake->arena, sql, path);
    fake_expect(fake, &source, kdb_sv_dup_cstr(fake->arena, text), NULL, 0, expected);
}

/* What comes back has the order, values, codec and field ids that went in. */
static void rows_come_back(void **state)
{
    fake_engine *fake = *state;
    static const char *const codecs[][2] = { { "none", "UNCOMPRESSED\n" },
                                             { "snappy", "SNAPPY\n" },
                                             { "zstd", "ZSTD\n" } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(codecs); i++) {
        const char *path = path_of(fake, codecs[i][0]);
        assert_int_equal(write_file(fake, &rows, path, codecs[i][0]), KDB_OK);
        expect(fake, path,
               "SELECT count(*), sum((id = file_row_number)::INT) FROM read_parquet('%s', file_row_number=true)",
               "5000|5000\n");
        expect(fake, path,
               "SELECT count(*) FROM (SELECT * FROM @0 EXCEPT ALL SELECT * REPLACE (CAST(vector AS FLOAT[3]) AS "
               "vector) FROM read_parquet('%s'))",
               "0\n");
        expect(fake, path, "SELECT DISTINCT compression FROM parquet_metadata('%s')", codecs[i][1]);
        expect(fake, path,
               "SELECT string_agg(field_id::VARCHAR, ',' ORDER BY field_id) FROM parquet_schema('%s') WHERE field_id "
               "IS NOT NULL",
               "10,11,12,13,14,15,16,17,18\n");
    }
}

static void expect_files(fake_engine *fake, kdb_engine_plan *plan, const char *const *paths, size_t npaths,
                         const kdb_value *params, size_t nparams, const char *expected)
{
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    if (kdb_engine_execute_files(plan, paths, npaths, params, nparams, &cursor, &fake->err) != KDB_OK) {
        fail_msg("%s", fake->err.text);
    }
    assert_int_equal(kdb_engine_plan_ncolumns(plan), 2);
    assert_int_equal(kdb_engine_plan_column(plan, 0)->type.kind, KDB_TYPE_BIGINT);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    assert_int_equal(chunk->nrows, 1);
    char text[64];
    (void)snprintf(text, sizeof text, "%lld %lld", (long long)kdb_vec_get(&chunk->cols[0], 0).as.i64,
                   (long long)kdb_vec_get(&chunk->cols[1], 0).as.i64);
    assert_string_equal(text, expected);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    assert_int_equal(chunk->nrows, 0);
}

/* One plan, executed more often than DuckDB's statement lives: other files each time, values of other types, names with characters
 * that mean something in patterns. */
static void a_query_is_told_its_files(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const char *const paths[] = { path_of(fake, "one"), path_of(fake, "t[w]o*?'") };
    const kdb_value values[] = { kdb_value_bigint(4990), kdb_value_text(KDB_SV("row 4991 has a text of some length")) };
    const kdb_value decimal = { .type = { KDB_TYPE_DECIMAL, 6, 2, 0 }, .as.i128 = 499050 };
    assert_int_equal(write_file(fake, &rows, paths[0], "zstd"), KDB_OK);
    assert_int_equal(write_file(fake, &rows, paths[1], "zstd"), KDB_OK);
    assert_int_equal(kdb_engine_prepare_files(fake->conn,
                                              KDB_SV("SELECT count(*), sum(c0)::BIGINT FROM read_parquet($1) AS "
                                                     "f(c0, c1) WHERE c0 >= $2 AND ($3 IS NULL OR c1 <> $3)"),
                                              &plan, &fake->err),
                     KDB_OK);
    assert_int_equal(kdb_engine_plan_ncolumns(plan), 0);
    for (size_t i = 0; i < 70; i++) {
        const kdb_value other[] = { decimal, kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) };
        expect_files(fake, plan, paths, 1, values, 2, "7 34963");
        expect_files(fake, plan, paths + 1, 1, other, 2, "9 44955");
        expect_files(fake, plan, paths, 2, values, 2, "14 69926");
    }
}

static void a_file_of_any_name_may_stand_in_the_text(void **state)
{
    fake_engine *fake = *state;
    const char *path = path_of(fake, "t[w]o*?'");
    assert_int_equal(write_file(fake, &rows, path, "zstd"), KDB_OK);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    kdb_buf_append_lit(&sql, "SELECT count(*) FROM read_parquet(");
    kdb_engine_put_file(&sql, path);
    kdb_buf_append_lit(&sql, ")");
    assert_int_equal(kdb_engine_prepare(fake->conn, kdb_buf_sv(&sql), NULL, 0, &plan, &fake->err), KDB_OK);
    kdb_buf_done(&sql);
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, NULL, &cursor, &fake->err), KDB_OK);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    assert_int_equal(kdb_vec_get(&chunk->cols[0], 0).as.i64, NROWS);
}

static void a_file_that_is_none_is_told(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const char *const paths[] = { path_of(fake, "good"), path_of(fake, "missing") };
    assert_int_equal(write_file(fake, &rows, paths[0], "zstd"), KDB_OK);
    assert_int_equal(kdb_engine_prepare_files(fake->conn, KDB_SV("SELECT 1::BIGINT, count(*) FROM read_parquet($1)"),
                                              &plan, &fake->err),
                     KDB_OK);
    assert_int_not_equal(kdb_engine_execute_files(plan, paths + 1, 1, NULL, 0, &cursor, &fake->err), KDB_OK);
    assert_int_not_equal(kdb_engine_execute_files(plan, paths, 2, NULL, 0, &cursor, &fake->err), KDB_OK);
    expect_files(fake, plan, paths, 1, NULL, 0, "1 5000");
}

/* ---- files beside scans ---- */

/* All columns of `rows`, as they are in its scans. */
static const char all_columns[] =
    "SELECT CAST(c0 AS BIGINT), CAST(c1 AS VARCHAR), CAST(c2 AS BLOB), CAST(c3 AS TIMESTAMP WITH TIME ZONE), "
    "CAST(c4 AS DECIMAL(20,4)), CAST(c5 AS UUID), CAST(c6 AS FLOAT[3]), CAST(c7 AS BOOLEAN), "
    "CAST(c8 AS DATE) FROM read_parquet($1) AS f(c0, c1, c2, c3, c4, c5, c6, c7, c8)";

static void put_rows(fake_engine *fake, kdb_engine_cursor *cursor, kdb_buf *out)
{
    const kdb_chunk *chunk = NULL;
    for (;;) {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        for (size_t row = 0; row < chunk->nrows; row++) {
            for (size_t column = 0; column < chunk->ncols; column++) {
                const kdb_value value = kdb_vec_get(&chunk->cols[column], row);
                kdb_buf_append_sv(out, column == 0 ? KDB_SV("") : KDB_SV("|"));
                if (value.is_null) {
                    kdb_buf_append_lit(out, "NULL");
                } else if (kdb_type_layout(value.type) == KDB_LAYOUT_BYTES) {
                    kdb_buf_append_sv(out, value.as.bytes);
                } else {
                    kdb_buf_printf(out, "%lld", (long long)value.as.i64);
                }
            }
            kdb_buf_append_byte(out, '\n');
        }
        if (chunk->nrows == 0) {
            return;
        }
    }
}

static void expect_beside(fake_engine *fake, const char *sql, const kdb_value *params, size_t nparams,
                          const kdb_engine_files *files, size_t nfiles, const char *expected)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const fake_table *const tables[] = { &rows, &rows };
    fake_source source;
    fake_source_init(&source, tables, 2);
    assert_int_equal(fake_prepare(fake, fake->conn, &source, sql, &plan), KDB_OK);
    for (int i = 0; i < 2; i++) { /* and once more, by the same plan */
        KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
        if (kdb_engine_execute_beside(plan, params, nparams, &source.face, files, nfiles, &cursor, &fake->err) !=
            KDB_OK) {
            fail_msg("%s: %s", sql, fake->err.text);
        }
        kdb_buf text;
        kdb_buf_init(&text, 0);
        put_rows(fake, cursor, &text);
        kdb_buf_append_byte(&text, '\0');
        assert_string_equal(text.ptr, expected);
        kdb_buf_done(&text);
    }
    assert_int_equal(source.opened, source.closed);
}

static void files_come_beside_a_scan(void **state)
{
    fake_engine *fake = *state;
    const char *const paths[] = { path_of(fake, "a"), path_of(fake, "b[1]") };
    assert_int_equal(write_file(fake, &rows, paths[0], "zstd"), KDB_OK);
    assert_int_equal(write_file(fake, &rows, paths[1], "zstd"), KDB_OK);
    const kdb_engine_files one[] = { { .slot = 0, .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 } };
    const kdb_engine_files three[] = { { .slot = 1, .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 2 },
                                       { .slot = 0, .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 },
                                       { .slot = 1, .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 } };
    expect_beside(fake, "SELECT count(*) FROM @0", NULL, 0, one, 1, "10000\n");
    /* The same rows, value by value. */
    expect_beside(fake, "SELECT count(*), count(t.id) FROM (SELECT DISTINCT * FROM @0) AS t", NULL, 0, one, 1,
                  "5000|5000\n");
    expect_beside(fake, "SELECT (SELECT count(*) FROM @0), (SELECT count(*) FROM @1)", NULL, 0, three, 3,
                  "10000|20000\n");
    expect_beside(fake, "SELECT count(*) FROM @0 AS a(k) JOIN @1 AS b(k) ON a.k = b.k WHERE b.k < 10", NULL, 0, three,
                  3, "80\n");
}

/* Values, texts of the statement and columns that only text stands for are as without files. */
static void what_the_statement_says_stays(void **state)
{
    fake_engine *fake = *state;
    const char *const paths[] = { path_of(fake, "a") };
    assert_int_equal(write_file(fake, &rows, paths[0], "zstd"), KDB_OK);
    const kdb_engine_files files[] = { { .slot = 0, .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 } };
    const kdb_value values[] = { kdb_value_bigint(4990), kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) };
    expect_beside(fake, "SELECT count(*), max($2) FROM @0 WHERE id >= $1 AND ($2 IS NULL OR \"a \"\"b\"\" 'c'\" <> $2)",
                  values, 2, files, 1, "20|NULL\n");
    expect_beside(fake, "SELECT max($3::BIGINT + $1) FROM @0", (const kdb_value[]){ values[0], values[1], values[0] },
                  3, files, 1, "9980\n");
    expect_beside(fake, "SELECT list(id ORDER BY id) FROM @0 WHERE id < 2", NULL, 0, files, 1, "[0,0,1,1]\n");
    char sql[160];
    const char *scan = kdb_engine_scan_function(fake->conn);
    char expected[160];
    (void)snprintf(sql, sizeof sql, "SELECT count(*), '%s(0)' /* %s(0) */ AS \"%s(0)\" FROM @0 -- %s(0)", scan, scan,
                   scan, scan);
    (void)snprintf(expected, sizeof expected, "10000|%s(0)\n", scan);
    expect_beside(fake, sql, NULL, 0, files, 1, expected);
}

static void a_failure_beside_a_scan_is_told(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const fake_table *const tables[] = { &rows };
    fake_source source;
    fake_source_init(&source, tables, 1);
    const char *const paths[] = { path_of(fake, "missing") };
    const char *const good[] = { path_of(fake, "good") };
    assert_int_equal(write_file(fake, &rows, good[0], "zstd"), KDB_OK);
    const kdb_engine_files missing[] = { { .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 } };
    const kdb_engine_files other[] = {
        { .query = KDB_SV("SELECT id::VARCHAR FROM read_parquet($1)"), .paths = good, .npaths = 1 }
    };
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT count(*), max(id) FROM @0", &plan), KDB_OK);
    for (int i = 0; i < 3; i++) {
        KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
        const kdb_engine_files *files = i == 0 ? missing : other;
        assert_int_not_equal(kdb_engine_execute_beside(plan, NULL, 0, &source.face, files, 1, &cursor, &fake->err),
                             KDB_OK);
        assert_null(cursor);
    }
    const char *text = NULL;
    assert_int_equal(fake_run(fake, plan, NULL, 0, &source, &text), KDB_OK);
    assert_string_equal(text, "5000|4999\n");
    assert_int_equal(source.opened, source.closed);
}

static kdb_sv read_whole(fake_engine *fake, const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = kdb_arena_alloc(fake->arena, 1 << 20);
    const size_t size = fread(bytes, 1, 1 << 20, file);
    assert_int_equal(fclose(file), 0);
    return kdb_sv_of(bytes, size);
}

static void write_whole(const char *path, kdb_sv bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* A few bytes that are others than before, mostly of the end, where the file describes itself. */
static void damage(kdb_sv bytes, uint64_t *random)
{
    char *at = (char *)(uintptr_t)bytes.ptr;
    for (size_t i = 0; i < 3; i++) {
        *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t among = (*random >> 20) % 4 == 0 || bytes.len < 4096 ? bytes.len : 4096;
        at[bytes.len - 1 - (*random >> 33) % among] ^= (char)(1 + (*random >> 25) % 255);
    }
}

/* What a file's bytes come to is a wrong answer or an error, and the next statement finds the engine as it was. */
static void damaged_bytes_are_no_fatal_matter(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const fake_table *const tables[] = { &rows };
    const char *const paths[] = { path_of(fake, "damaged") };
    const char *good = path_of(fake, "good");
    const kdb_engine_files files[] = { { .query = kdb_sv_cstr(all_columns), .paths = paths, .npaths = 1 } };
    fake_source source;
    uint64_t random = 11;
    fake_source_init(&source, tables, 1);
    assert_int_equal(write_file(fake, &rows, good, "zstd"), KDB_OK);
    const kdb_sv bytes = read_whole(fake, good);
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT count(*) FROM (SELECT DISTINCT * FROM @0)", &plan),
                     KDB_OK);
    size_t failed = 0;
    for (size_t i = 0; i < 400; i++) {
        KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
        const kdb_sv copy = kdb_sv_dup(fake->arena, bytes);
        damage(copy, &random);
        write_whole(paths[0], copy);
        failed += kdb_engine_execute_beside(plan, NULL, 0, &source.face, files, 1, &cursor, &fake->err) != KDB_OK;
        assert_false(kdb_engine_is_broken(fake->engine));
    }
    assert_true(failed > 100);
    const char *text = NULL;
    assert_int_equal(fake_run(fake, plan, NULL, 0, &source, &text), KDB_OK);
    assert_string_equal(text, "5000\n");
    assert_int_equal(source.opened, source.closed);
}

static void a_failing_scan_is_told(void **state)
{
    fake_engine *fake = *state;
    fake_table failing = rows;
    failing.fail_at = 3000;
    failing.failure = KDB_CORRUPT;
    assert_int_equal(write_file(fake, &failing, path_of(fake, "failing"), "zstd"), KDB_CORRUPT);
    assert_int_equal(write_file(fake, &rows, path_of(fake, "after"), "zstd"), KDB_OK);
}

static void a_file_elsewhere_is_refused(void **state)
{
    fake_engine *fake = *state;
    assert_int_not_equal(write_file(fake, &rows, "/tmp/kalamdb_elsewhere.parquet", "zstd"), KDB_OK);
    assert_int_not_equal(write_file(fake, &rows, path_of(fake, "no/such/directory"), "zstd"), KDB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_back, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_query_is_told_its_files, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_file_of_any_name_may_stand_in_the_text, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_none_is_told, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(files_come_beside_a_scan, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(what_the_statement_says_stays, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_failure_beside_a_scan_is_told, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(damaged_bytes_are_no_fatal_matter, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_failing_scan_is_told, fake_engine_up, fake_engine_down),
        cmocka_unit_test_setup_teardown(a_file_elsewhere_is_refused, fake_engine_up, fake_engine_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
