/* create_test.c - CREATE TABLE: its rules, its defaults, and the JSON that shows the result. */
#include "registry_fixture.h"

static void refuse(fixture *fix, const kdb_create_table *spec, const char *ns, kdb_status status, const char *text)
{
    assert_failure(fix, create_table(fix, spec, ns), status, text);
}

static void place_and_name_are_checked(void **state)
{
    fixture *fix = *state;
    kdb_column_spec column = column_spec("id", KDB_TYPE_BIGINT);
    kdb_create_table spec = table_spec("users", &column, 1);
    refuse(fix, &spec, "system", KDB_INVALID_OPERATION,
           "Cannot create system table 'system.users'. System tables are managed internally.");
    refuse(fix, &spec, "shop", KDB_INVALID_OPERATION,
           "Namespace 'shop' does not exist. Create it first with CREATE NAMESPACE shop");
    assert_ok(fix, create_table(fix, &spec, "default"));
    refuse(fix, &spec, "default", KDB_ALREADY_EXISTS, "Table default.users already exists");
    spec.table.name = KDB_SV("select");
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Name 'select' is a reserved SQL keyword and cannot be used");
    spec.table.name = KDB_SV("more");
    spec.storage_id = KDB_SV("s3");
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Storage 's3' does not exist");
    spec.storage_id = KDB_SV("local");
    assert_ok(fix, create_table(fix, &spec, "default"));
}

static void columns_are_checked(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = { column_spec("id", KDB_TYPE_BIGINT), column_spec("_seq", KDB_TYPE_TEXT) };
    kdb_create_table spec = table_spec("t", columns, 2);
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION,
           "Invalid column name '_seq': Column name '_seq' is reserved and cannot be used");
    assert_int_equal(fix->err.position, 7);
    columns[1].name = KDB_SV("a b");
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Invalid column name 'a b': Name cannot contain spaces");
    columns[1].name = KDB_SV("ID");
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION,
           "Duplicate column name 'ID'. Column names are case-insensitive.");
    spec.ncolumns = 0;
    spec.nkey = 0;
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Table must have at least one column");
}

static void a_thousand_columns_are_enough(void **state)
{
    fixture *fix = *state;
    enum { MANY = KDBI_COLUMNS_MAX + 1 };
    kdb_column_spec *columns = KDB_ARENA_ARRAY(fix->arena, kdb_column_spec, MANY);
    for (int i = 0; i < MANY; i++) {
        columns[i] = column_spec("", KDB_TYPE_INT);
        columns[i].name = kdb_sv_printf(fix->arena, "c%d", i);
    }
    kdb_create_table spec = table_spec("wide", columns, MANY);
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Table has too many columns (1001, max 1000)");
    spec.ncolumns = MANY - 1;
    assert_ok(fix, create_table(fix, &spec, "default"));
    fixture_reopen(fix);
    kdb_table *wide = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("wide"));
    assert_int_equal(wide->schema->ncolumns, 1000);
    assert_text(wide->schema->columns[999].name, "c999");
    kdb_table_unref(wide);
}

static void key_columns_are_not_null_and_of_key_types(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = { column_spec("a", KDB_TYPE_JSON), column_spec("b", KDB_TYPE_TEXT),
                                  column_spec("c", KDB_TYPE_INT) };
    uint32_t key[] = { 2, 1 };
    kdb_create_table spec = table_spec("t", columns, 3);
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Column 'a' of type JSON cannot be part of the PRIMARY KEY");
    spec.key = key;
    spec.nkey = 2;
    assert_ok(fix, create_table(fix, &spec, "default"));
    for (int round = 0; round < 2; round++) {
        kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
        assert_int_equal(table->nkey, 2);
        assert_int_equal(table->key[0], 2);
        assert_int_equal(table->key[1], 1);
        assert_false(table->schema->columns[0].not_null);
        assert_true(table->schema->columns[1].not_null);
        assert_true(table->schema->columns[2].not_null);
        kdb_table_unref(table);
        fixture_reopen(fix);
    }
    key[0] = 1;
    spec.table.name = KDB_SV("twice");
    refuse(fix, &spec, "default", KDB_INVALID_OPERATION, "Column 'b' appears twice in the PRIMARY KEY");
}

static void a_table_needs_no_key(void **state)
{
    fixture *fix = *state;
    kdb_column_spec column = column_spec("a", KDB_TYPE_JSON);
    kdb_create_table spec = table_spec("t", &column, 1);
    spec.nkey = 0;
    spec.key = NULL;
    assert_ok(fix, create_table(fix, &spec, "default"));
    fixture_reopen(fix);
    kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
    assert_int_equal(table->nkey, 0);
    kdb_table_unref(table);
}

static kdb_column_spec with_literal(const char *name, kdb_type_kind kind, kdb_value literal)
{
    kdb_column_spec column = column_spec(name, kind);
    column.default_kind = KDB_DEFAULT_LITERAL;
    column.default_literal = literal;
    return column;
}

static kdb_column_spec with_call(const char *name, kdb_type_kind kind, kdb_default_kind call)
{
    kdb_column_spec column = column_spec(name, kind);
    column.default_kind = call;
    return column;
}

static void literals_take_the_columns_type(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = {
        column_spec("id", KDB_TYPE_BIGINT),
        with_literal("n", KDB_TYPE_SMALLINT, kdb_value_int(7)),
        with_literal("t", KDB_TYPE_TEXT, kdb_value_text(KDB_SV("it's"))),
        with_literal("d", KDB_TYPE_DATE, kdb_value_text(KDB_SV("1970-01-02"))),
        with_literal("z", KDB_TYPE_TEXT, kdb_value_null(kdb_type_of(KDB_TYPE_NULL))),
    };
    kdb_create_table spec = table_spec("t", columns, KDB_ARRAY_LEN(columns));
    assert_ok(fix, create_table(fix, &spec, "default"));
    fixture_reopen(fix);
    kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
    const kdb_column *made = table->schema->columns;
    assert_int_equal(made[1].default_literal.type.kind, KDB_TYPE_SMALLINT);
    assert_int_equal(made[1].default_literal.as.i16, 7);
    assert_text(made[2].default_literal.as.bytes, "it's");
    assert_int_equal(made[3].default_literal.as.i32, 1);
    assert_true(made[4].default_literal.is_null);
    assert_text(kdb_column_default_text(&made[0], fix->arena), "");
    assert_text(kdb_column_default_text(&made[1], fix->arena), "7");
    assert_text(kdb_column_default_text(&made[2], fix->arena), "'it''s'");
    assert_text(kdb_column_default_text(&made[3], fix->arena), "'1970-01-02'");
    assert_text(kdb_column_default_text(&made[4], fix->arena), "NULL");
    kdb_table_unref(table);
}

static void a_literal_that_does_not_fit_names_its_column(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = { column_spec("id", KDB_TYPE_BIGINT),
                                  with_literal("n", KDB_TYPE_INT, kdb_value_text(KDB_SV("many"))) };
    kdb_create_table spec = table_spec("t", columns, 2);
    assert_int_equal(create_table(fix, &spec, "default"), KDB_SCHEMA);
    assert_non_null(strstr(fix->err.text, "Invalid default for column 'n': Unable to cast value"));
    assert_int_equal(fix->err.position, 7);
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t")));
}

static void calls_must_fit_their_column(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = {
        with_call("id", KDB_TYPE_BIGINT, KDB_DEFAULT_SNOWFLAKE_ID),
        with_call("at", KDB_TYPE_TIMESTAMP, KDB_DEFAULT_NOW),
        with_call("u", KDB_TYPE_UUID, KDB_DEFAULT_UUID_V7),
        with_call("l", KDB_TYPE_TEXT, KDB_DEFAULT_ULID),
        with_call("w", KDB_TYPE_TEXT, KDB_DEFAULT_CURRENT_USER),
        with_call("i", KDB_TYPE_INT, KDB_DEFAULT_SNOWFLAKE_ID),
    };
    kdb_create_table spec = table_spec("t", columns, KDB_ARRAY_LEN(columns));
    assert_ok(fix, create_table(fix, &spec, "default"));
    kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
    assert_text(kdb_column_default_text(&table->schema->columns[0], fix->arena), "SNOWFLAKE_ID()");
    assert_text(kdb_column_default_text(&table->schema->columns[1], fix->arena), "NOW()");
    kdb_table_unref(table);

    spec.table.name = KDB_SV("other");
    columns[5] = with_call("i", KDB_TYPE_INT, KDB_DEFAULT_CURRENT_USER);
    refuse(fix, &spec, "default", KDB_SCHEMA, "Default CURRENT_USER() does not fit column 'i' of type INT");
    columns[5] = with_call("i", KDB_TYPE_UUID, KDB_DEFAULT_ULID);
    refuse(fix, &spec, "default", KDB_SCHEMA, "Default ULID() does not fit column 'i' of type UUID");
    columns[5] = with_call("i", KDB_TYPE_BOOLEAN, KDB_DEFAULT_NOW);
    refuse(fix, &spec, "default", KDB_SCHEMA, "Default NOW() does not fit column 'i' of type BOOLEAN");
}

static void columns_are_shown_as_json(void **state)
{
    fixture *fix = *state;
    kdb_column_spec columns[] = {
        with_call("id", KDB_TYPE_BIGINT, KDB_DEFAULT_SNOWFLAKE_ID),
        with_literal("title", KDB_TYPE_TEXT, kdb_value_text(KDB_SV("a\"b"))),
        column_spec("price", KDB_TYPE_DECIMAL),
    };
    columns[2].type = (kdb_type){ .kind = KDB_TYPE_DECIMAL, .precision = 10, .scale = 2 };
    columns[2].not_null = true;
    kdb_create_table spec = table_spec("t", columns, KDB_ARRAY_LEN(columns));
    assert_ok(fix, create_table(fix, &spec, "default"));
    fixture_reopen(fix);
    kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_table_columns_json(table, table->schema, &json);
    assert_text(kdb_buf_sv(&json),
                "[{\"column_id\":1,\"column_name\":\"id\",\"column_comment\":null,\"data_type\":\"BigInt\","
                "\"default_value\":{\"name\":\"SNOWFLAKE_ID\",\"args\":[]},\"ordinal_position\":1,"
                "\"is_nullable\":false,\"is_primary_key\":true,\"is_partition_key\":false},"
                "{\"column_id\":2,\"column_name\":\"title\",\"column_comment\":null,\"data_type\":\"Text\","
                "\"default_value\":\"a\\\"b\",\"ordinal_position\":2,"
                "\"is_nullable\":true,\"is_primary_key\":false,\"is_partition_key\":false},"
                "{\"column_id\":3,\"column_name\":\"price\",\"column_comment\":null,"
                "\"data_type\":{\"Decimal\":{\"precision\":10,\"scale\":2}},"
                "\"default_value\":null,\"ordinal_position\":3,"
                "\"is_nullable\":false,\"is_primary_key\":false,\"is_partition_key\":false}]");
    kdb_buf_done(&json);
    kdb_table_unref(table);
}

/* The options of a table made from `spec`, before and after a restart. */
static void assert_options(fixture *fix, const kdb_create_table *spec, const char *expected)
{
    assert_ok(fix, create_table(fix, spec, "default"));
    for (int round = 0; round < 2; round++) {
        kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), spec->table.name);
        kdb_buf json;
        kdb_buf_init(&json, 0);
        kdb_table_options_json(table, &json);
        assert_text(kdb_buf_sv(&json), expected);
        kdb_buf_done(&json);
        kdb_table_unref(table);
        fixture_reopen(fix);
    }
}

static void options_are_shown_as_json(void **state)
{
    fixture *fix = *state;
    kdb_column_spec column = column_spec("id", KDB_TYPE_BIGINT);
    kdb_create_table user = table_spec("u", &column, 1);
    assert_options(fix, &user,
                   "{\"table_type\":\"USER\",\"storage_id\":\"local\",\"use_user_storage\":false,"
                   "\"flush_policy\":null,\"compression\":\"zstd\"}");
    user.table.name = KDB_SV("u2");
    user.use_user_storage = true;
    user.flush_rows = 1000;
    user.compression = KDB_SV("zstd");
    user.deleted_retention_hours = 0;
    assert_options(fix, &user,
                   "{\"table_type\":\"USER\",\"storage_id\":\"local\",\"use_user_storage\":true,"
                   "\"flush_policy\":{\"type\":\"row_limit\",\"row_limit\":1000},\"deleted_retention_hours\":0,"
                   "\"compression\":\"zstd\"}");
    kdb_create_table shared = table_spec("s", &column, 1);
    shared.type = KDB_TABLE_SHARED;
    shared.flush_interval_s = 60;
    assert_options(fix, &shared,
                   "{\"table_type\":\"SHARED\",\"storage_id\":\"local\",\"access_level\":\"private\","
                   "\"flush_policy\":{\"type\":\"time_interval\",\"interval_seconds\":60},"
                   "\"compression\":\"zstd\"}");
    shared.table.name = KDB_SV("s2");
    shared.access = KDB_ACCESS_PUBLIC;
    shared.flush_rows = 5;
    assert_options(fix, &shared,
                   "{\"table_type\":\"SHARED\",\"storage_id\":\"local\",\"access_level\":\"public\","
                   "\"flush_policy\":{\"type\":\"combined\",\"row_limit\":5,\"interval_seconds\":60},"
                   "\"compression\":\"zstd\"}");
    kdb_create_table stream = table_spec("e", &column, 1);
    stream.type = KDB_TABLE_STREAM;
    stream.ttl_seconds = 30;
    assert_options(fix, &stream,
                   "{\"table_type\":\"STREAM\",\"ttl_seconds\":30,\"eviction_strategy\":\"time_based\","
                   "\"max_stream_size_bytes\":0,\"compression\":\"zstd\"}");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(place_and_name_are_checked),
        CASE(columns_are_checked),
        CASE(a_thousand_columns_are_enough),
        CASE(key_columns_are_not_null_and_of_key_types),
        CASE(a_table_needs_no_key),
        CASE(literals_take_the_columns_type),
        CASE(a_literal_that_does_not_fit_names_its_column),
        CASE(calls_must_fit_their_column),
        CASE(columns_are_shown_as_json),
        CASE(options_are_shown_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
