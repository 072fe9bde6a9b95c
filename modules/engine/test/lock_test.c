/* lock_test.c - the engine's settings, and what nobody can reach through it. The binder refuses all of this before;
 * here is the second wall. */
#include "fake.h"

#include <stdio.h>
#include <sys/stat.h>

static void expect_settings(fake_engine *fake)
{
    fake_expect(
        fake, NULL,
        "SELECT name, value FROM duckdb_settings() WHERE name IN ('TimeZone', 'integer_division', "
        "'default_null_order', 'preserve_insertion_order', 'autoinstall_known_extensions', "
        "'autoload_known_extensions', 'allow_community_extensions', 'allow_persistent_secrets', "
        "'enable_external_access', 'enable_external_file_cache', 'parquet_metadata_cache', 'lock_configuration', 'enable_progress_bar', 'threads', 'external_threads', "
        "'memory_limit') ORDER BY name",
        NULL, 0,
        "TimeZone|UTC\nallow_community_extensions|false\nallow_persistent_secrets|false\n"
        "autoinstall_known_extensions|false\nautoload_known_extensions|false\n"
        "default_null_order|NULLS_LAST_ON_ASC_FIRST_ON_DESC\nenable_external_access|false\nenable_external_file_cache|false\n"
        "enable_progress_bar|false\nexternal_threads|2\ninteger_division|true\nlock_configuration|true\n"
        "memory_limit|256.0 MiB\nparquet_metadata_cache|false\npreserve_insertion_order|true\nthreads|2\n");
    const kdb_sv directories = kdb_sv_printf(fake->arena, "[\"%s/\",\"%s/temp/\"]|%s/temp\n%c", fake->directory,
                                             fake->directory, fake->directory, '\0');
    fake_expect(fake, NULL, "SELECT current_setting('allowed_directories'), current_setting('temp_directory')", NULL, 0,
                directories.ptr);
}

static void expect_meaning(fake_engine *fake)
{
    fake_expect(fake, NULL, "SELECT 7 / 2, -7 / 2, 7 % 2", NULL, 0, "3|-3|1\n");
    fake_expect(fake, NULL, "SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x", NULL, 0, "1\n2\nNULL\n");
    fake_expect(fake, NULL, "SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x DESC", NULL, 0, "NULL\n2\n1\n");
    fake_expect(fake, NULL, "SELECT '2026-01-01 10:00:00+02'::TIMESTAMPTZ::VARCHAR", NULL, 0,
                "2026-01-01 08:00:00+00\n");
}

static void every_connection_has_the_settings(void **state)
{
    fake_engine *fake = *state;
    expect_settings(fake);
    expect_meaning(fake);
    kdb_engine_conn *first = fake->conn;
    assert_int_equal(kdb_engine_connect(fake->engine, &fake->conn, &fake->err), KDB_OK);
    expect_settings(fake);
    expect_meaning(fake);
    kdb_engine_disconnect(fake->conn);
    fake->conn = first;
}

static void only_queries_run(void **state)
{
    static const char *const refused[] = {
        "SET threads = 4",
        "SET TimeZone = 'Europe/Berlin'",
        "RESET integer_division",
        "SET lock_configuration = false",
        "PRAGMA threads = 4",
        "ATTACH ':memory:' AS x",
        "DETACH memory",
        "USE memory",
        "COPY (SELECT 1) TO '/tmp/kdb-engine-lock-test.csv'",
        "EXPORT DATABASE '/tmp/kdb-engine-lock-test'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t (x INT)",
        "CREATE MACRO m() AS 1",
        "BEGIN",
        "CALL pragma_version()",
        "CHECKPOINT",
        "EXPLAIN CREATE TABLE t (x INT)",
        "EXPLAIN ANALYZE CREATE TABLE t (x INT)",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '/tmp/kdb-engine-lock-test.csv'",
        "PREPARE p AS SELECT 1",
    };
    fake_engine *fake = *state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        kdb_engine_plan *plan = NULL;
        assert_int_not_equal(fake_prepare(fake, fake->conn, NULL, refused[i], &plan), KDB_OK);
        assert_null(plan);
    }
    fake_expect_error(fake, NULL, "CREATE TABLE t (x INT)", NULL, 0, KDB_INVALID_OPERATION,
                      "the engine runs queries only");
    fake_expect_error(fake, NULL, "EXPLAIN ANALYZE CREATE TABLE t (x INT)", NULL, 0, KDB_INVALID_OPERATION,
                      "the engine explains queries only");
    fake_expect_error(fake, NULL, "SELECT 1; SELECT 2", NULL, 0, KDB_ARITHMETIC,
                      "Cannot prepare multiple statements at once!");
    fake_expect_error(fake, NULL, ";", NULL, 0, KDB_ARITHMETIC, "No statement to prepare!");
    struct stat ignored;
    assert_int_not_equal(stat("/tmp/kdb-engine-lock-test.csv", &ignored), 0);
}

/* At the latest when it runs. */
static void expect_refused(fake_engine *fake, const char *sql)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    const char *rows = "";
    kdb_status status = fake_prepare(fake, fake->conn, NULL, sql, &plan);
    if (status == KDB_OK) {
        status = fake_run(fake, plan, NULL, 0, NULL, &rows);
    }
    if (status == KDB_OK) {
        print_message("%s\nsucceeded: %s\n", sql, rows);
    }
    assert_int_not_equal(status, KDB_OK);
}

static void the_world_is_out_of_reach(void **state)
{
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/pass*')",
        "SELECT * FROM glob('/etc/*')",
        "FROM '/etc/passwd'",
        "FROM '/etc/passwd.csv'",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_extensions()",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "SELECT * FROM sqlite_scan('x.db', 't')",
    };
    fake_engine *fake = *state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        expect_refused(fake, refused[i]);
    }
    const kdb_sv outside =
        kdb_sv_printf(fake->arena, "SELECT * FROM read_text('%s/../../../../../etc/passwd')%c", fake->directory, '\0');
    expect_refused(fake, outside.ptr);
}

static void allowed_directory_is_readable(void **state)
{
    fake_engine *fake = *state;
    const kdb_sv path = kdb_sv_printf(fake->arena, "%s/in it's.csv%c", fake->directory, '\0');
    FILE *file = fopen(path.ptr, "w");
    assert_non_null(file);
    assert_true(fputs("a,b\n1,2\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    const kdb_sv sql =
        kdb_sv_printf(fake->arena, "SELECT a, b FROM read_csv('%s/in it''s.csv')%c", fake->directory, '\0');
    fake_expect(fake, NULL, sql.ptr, NULL, 0, "1|2\n");
}

static void bad_options_are_refused(KDB_UNUSED void **state)
{
    kdb_engine *engine = NULL;
    kdb_err err;
    const kdb_engine_options no_threads = {
        .memory_limit = 1 << 20, .threads = 0, .allowed_directory = "/tmp", .temp_directory = "/tmp"
    };
    assert_int_equal(kdb_engine_open(&no_threads, &engine, &err), KDB_INVALID);
    const kdb_engine_options no_memory = {
        .memory_limit = 0, .threads = 1, .allowed_directory = "/tmp", .temp_directory = "/tmp"
    };
    assert_int_equal(kdb_engine_open(&no_memory, &engine, &err), KDB_INVALID);
    assert_null(engine);
}

static void version_is_the_one_pinned(KDB_UNUSED void **state)
{
    assert_string_equal(kdb_engine_version(), "v1.4.4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_connection_has_the_settings), cmocka_unit_test(only_queries_run),
        cmocka_unit_test(the_world_is_out_of_reach),         cmocka_unit_test(allowed_directory_is_readable),
        cmocka_unit_test(bad_options_are_refused),           cmocka_unit_test(version_is_the_one_pinned),
    };
    return cmocka_run_group_tests(tests, fake_engine_up, fake_engine_down);
}
