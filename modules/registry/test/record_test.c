/* record_test.c - bytes of records: what is written reads back equal, and bytes of any other origin are KDB_CORRUPT and
 * never more than that. */
#include "registry_fixture.h"

/* ---- a table with a column of every type and every default ---- */

static kdb_value literal_of(kdb_type type, uint64_t *seed)
{
    static const float floats[3] = { 0.5F, -1.0F, 3.25F };
    kdb_value value = { .type = type };
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_NONE:
        break;
    case KDB_LAYOUT_BOOL:
        value.as.b = (next_random(seed) & 1) != 0;
        break;
    case KDB_LAYOUT_I16:
        value.as.i16 = (int16_t)next_random(seed);
        break;
    case KDB_LAYOUT_I32:
        value.as.i32 = (int32_t)next_random(seed);
        break;
    case KDB_LAYOUT_I64:
        value.as.i64 = (int64_t)next_random(seed);
        break;
    case KDB_LAYOUT_I128:
        value.as.i128 = (kdb_i128)(int64_t)next_random(seed) * (int64_t)next_random(seed);
        break;
    case KDB_LAYOUT_F32:
        value.as.f32 = (float)(int64_t)next_random(seed);
        break;
    case KDB_LAYOUT_F64:
        value.as.f64 = (double)(int64_t)next_random(seed);
        break;
    case KDB_LAYOUT_BYTES:
        value.as.bytes = KDB_SV("some text");
        break;
    case KDB_LAYOUT_UUID:
        value.as.uuid.bytes[3] = (uint8_t)next_random(seed);
        break;
    case KDB_LAYOUT_F32S:
        value.as.f32s = floats;
        break;
    }
    return value;
}

static kdb_type type_number(size_t i)
{
    kdb_type type = kdb_type_of((kdb_type_kind)(1 + i % (KDB_TYPE_KIND_COUNT - 1)));
    if (type.kind == KDB_TYPE_DECIMAL) {
        type.precision = 38;
        type.scale = 5;
    }
    if (type.kind == KDB_TYPE_EMBEDDING) {
        type.dim = 3;
    }
    return type;
}

static void make_schema(kdb_arena *arena, uint64_t *seed, bool initials, kdb_schema *out)
{
    enum { COLUMNS = 3 * KDB_TYPE_KIND_COUNT };
    kdb_column *columns = KDB_ARENA_ARRAY(arena, kdb_column, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++) {
        kdb_column *column = &columns[i];
        column->id = (uint32_t)i + 1;
        column->name = kdb_sv_printf(arena, "column_%zu", i);
        column->type = type_number(i);
        column->not_null = (next_random(seed) & 1) != 0;
        column->default_kind = (kdb_default_kind)(next_random(seed) % (KDB_DEFAULT_CURRENT_USER + 1));
        if (column->default_kind == KDB_DEFAULT_LITERAL) {
            column->default_literal =
                next_random(seed) % 4 == 0 ? kdb_value_null(column->type) : literal_of(column->type, seed);
        }
        column->has_initial = initials && next_random(seed) % 3 == 0;
        if (column->has_initial) {
            column->initial = literal_of(column->type, seed);
        }
    }
    *out = (kdb_schema){ .version = 3, .ncolumns = COLUMNS, .columns = columns };
}

static void assert_same_column(const kdb_column *a, const kdb_column *b)
{
    assert_int_equal(a->id, b->id);
    assert_true(kdb_sv_eq(a->name, b->name));
    assert_true(kdb_type_eq(a->type, b->type));
    assert_int_equal(a->not_null, b->not_null);
    assert_int_equal(a->default_kind, b->default_kind);
    if (a->default_kind == KDB_DEFAULT_LITERAL) {
        assert_true(kdb_value_same(&a->default_literal, &b->default_literal));
    }
    assert_int_equal(a->has_initial, b->has_initial);
    assert_true(!a->has_initial || kdb_value_same(&a->initial, &b->initial));
}

static void schemas_read_back_equal(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 42;
    for (int round = 0; round < 200; round++) {
        kdb_schema schema, back;
        kdb_buf bytes;
        kdb_buf_init(&bytes, 0);
        make_schema(fix->arena, &seed, round % 2 == 0, &schema);
        kdbi_schema_encode(&schema, &bytes);
        assert_int_equal(bytes.ptr[0],
                         round % 2 == 0 ? KDBI_SCHEMA_FORMAT : KDBI_RECORD_FORMAT); /* old servers read 1 */
        assert_ok(fix, kdbi_schema_decode(kdb_buf_sv(&bytes), 3, fix->arena, &back, &fix->err));
        kdb_buf_done(&bytes); /* nothing borrows from the bytes */
        assert_int_equal(back.version, 3);
        assert_int_equal(back.ncolumns, schema.ncolumns);
        for (size_t i = 0; i < schema.ncolumns; i++) {
            assert_same_column(&schema.columns[i], &back.columns[i]);
        }
    }
}

/* ---- foreign bytes ---- */

/* Decodes into an arena of its own; any status but OK and KDB_CORRUPT fails the test. */
typedef kdb_status (*decoder)(kdb_sv bytes, kdb_arena *arena, kdb_err *err);

static kdb_status decode_schema(kdb_sv bytes, kdb_arena *arena, kdb_err *err)
{
    kdb_schema schema;
    return kdbi_schema_decode(bytes, 1, arena, &schema, err);
}

static kdb_status decode_table(kdb_sv bytes, kdb_arena *arena, kdb_err *err)
{
    (void)arena;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_table_new();
    kdbi_table_header header;
    return kdbi_table_decode(bytes, table, &header, err);
}

static kdb_status decode_namespace(kdb_sv bytes, kdb_arena *arena, kdb_err *err)
{
    (void)arena;
    kdbi_namespace *ns;
    kdb_status status = kdbi_namespace_decode(KDB_SV("n"), bytes, &ns, err);
    if (status == KDB_OK) {
        kdb_free(ns);
    }
    return status;
}

static kdb_status decode_storage(kdb_sv bytes, kdb_arena *arena, kdb_err *err)
{
    (void)arena;
    kdb_storage storage;
    kdb_sv sealed;
    return kdbi_storage_decode(KDB_SV("local"), bytes, &storage, &sealed, err);
}

/* From a heap block of the exact size, so that AddressSanitizer sees a step past the end. */
static kdb_status decode_exactly(decoder decode, kdb_sv bytes)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    char *copy = kdb_alloc(bytes.len + (bytes.len == 0));
    kdb_err err;
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    kdb_status status = decode(kdb_sv_of(copy, bytes.len), arena, &err);
    kdb_free(copy);
    assert_true(status == KDB_OK || status == KDB_CORRUPT);
    return status;
}

static void assert_robust(decoder decode, kdb_sv good)
{
    uint64_t seed = 7;
    assert_int_equal(decode_exactly(decode, good), KDB_OK);
    for (size_t len = 0; len < good.len; len++) {
        assert_int_equal(decode_exactly(decode, kdb_sv_of(good.ptr, len)), KDB_CORRUPT);
    }
    char *bytes = kdb_alloc(good.len + 1);
    memcpy(bytes, good.ptr, good.len);
    assert_int_equal(decode_exactly(decode, kdb_sv_of(bytes, good.len + 1)), KDB_CORRUPT);
    for (int round = 0; round < 5000; round++) {
        memcpy(bytes, good.ptr, good.len);
        for (uint64_t flips = next_random(&seed) % 4 + 1; flips > 0; flips--) {
            bytes[next_random(&seed) % good.len] = (char)next_random(&seed);
        }
        (void)decode_exactly(decode, kdb_sv_of(bytes, good.len));
    }
    for (int round = 0; round < 5000; round++) {
        for (size_t i = 1; i < good.len; i++) {
            bytes[i] = (char)next_random(&seed);
        }
        bytes[0] = KDBI_RECORD_FORMAT;
        (void)decode_exactly(decode, kdb_sv_of(bytes, next_random(&seed) % good.len));
    }
    kdb_free(bytes);
}

static void foreign_bytes_are_corrupt_and_no_more(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 1;
    kdb_schema schema;
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    make_schema(fix->arena, &seed, true, &schema);
    kdbi_schema_encode(&schema, &bytes);
    assert_robust(decode_schema, kdb_buf_sv(&bytes));
    bytes.len = 0;
    kdb_table *table = simple_table(fix, "default", "notes");
    kdbi_table_encode(table, &bytes);
    assert_robust(decode_table, kdb_buf_sv(&bytes));
    kdb_table_unref(table);
    bytes.len = 0;
    kdb_namespace ns = { .created_us = 1, .options_json = KDB_SV("{}") };
    kdbi_namespace_encode(&ns, &bytes);
    assert_robust(decode_namespace, kdb_buf_sv(&bytes));
    bytes.len = 0;
    kdb_storage storage = { .type = KDB_SV("filesystem"), .name = KDB_SV("x"), .shared_template = KDB_SV("{a}") };
    kdbi_storage_encode(&storage, (kdb_sv){ NULL, 0 }, &bytes);
    assert_int_equal(bytes.ptr[0], KDBI_RECORD_FORMAT); /* older servers read it */
    assert_robust(decode_storage, kdb_buf_sv(&bytes));
    bytes.len = 0;
    storage.config_json = KDB_SV("{\"a\":1}");
    storage.credentials = KDB_SV("{\"b\":\"***\"}");
    kdbi_storage_encode(&storage, KDB_SV("sealed"), &bytes);
    assert_robust(decode_storage, kdb_buf_sv(&bytes));
    kdb_buf_done(&bytes);
}

static void a_huge_count_is_not_believed(void **state)
{
    (void)state;
    static const char bytes[] = { KDBI_RECORD_FORMAT, '\xff', '\xff', '\xff', '\xff', 0, 0 };
    assert_int_equal(decode_exactly(decode_schema, kdb_sv_of(bytes, sizeof(bytes))), KDB_CORRUPT);
}

/* ---- a catalog that does not fit together ---- */

static void put_raw(fixture *fix, kdb_system_partition part, kdb_sv key, kdb_sv value)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(part), key, value);
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
}

static void put_schema_record(fixture *fix, uint32_t id, uint32_t version, kdb_buf *record)
{
    char key[8];
    kdbi_table_record_key(id, version, key);
    put_raw(fix, KDB_PART_SYSTEM_SCHEMAS, kdb_sv_of(key, sizeof(key)), kdb_buf_sv(record));
    kdb_buf_done(record);
}

static void delete_schema_record(fixture *fix, uint32_t id, uint32_t version)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    char key[8];
    kdbi_table_record_key(id, version, key);
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_SCHEMAS), kdb_sv_of(key, sizeof(key)));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
}

static void assert_corrupt(fixture *fix, const char *text)
{
    assert_failure(fix, fixture_try_reopen(fix), KDB_CORRUPT, text);
}

static void a_missing_version_is_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table_unref(simple_table(fix, "default", "notes"));
    delete_schema_record(fix, KDBI_FIRST_TABLE_ID, 1);
    assert_corrupt(fix, "loading table 16: 0 of 1 schema versions are there");
}

static void a_missing_table_record_is_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table_unref(simple_table(fix, "default", "notes"));
    delete_schema_record(fix, KDBI_FIRST_TABLE_ID, 0);
    assert_corrupt(fix, "table 16 has no record of its own");
}

static void a_surplus_version_is_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_schema_encode(table->schema, &record);
    kdb_table_unref(table);
    put_schema_record(fix, KDBI_FIRST_TABLE_ID, 2, &record);
    assert_corrupt(fix, "loading table 16: schema version 2 is out of place");
}

static void two_tables_of_one_name_are_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table_unref(simple_table(fix, "default", "other"));
    kdb_table *table = simple_table(fix, "default", "notes");
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_table_encode(table, &record);
    kdb_table_unref(table);
    put_schema_record(fix, KDBI_FIRST_TABLE_ID, 0, &record);
    assert_corrupt(fix, "loading table 17: its namespace is missing or its name is taken");
}

static void a_table_id_beyond_the_counter_is_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_table_encode(table, &record);
    kdb_table_unref(table);
    put_schema_record(fix, 99, 0, &record);
    assert_corrupt(fix, "table id 99 was never given");
}

static void bad_keys_and_counters_are_corrupt(void **state)
{
    fixture *fix = *state;
    put_raw(fix, KDB_PART_SYSTEM_SCHEMAS, KDB_SV("short"), KDB_SV(""));
    assert_corrupt(fix, "bad key of 5 bytes");
    put_raw(fix, KDB_PART_SYSTEM_SETTINGS, KDB_SV("next_table_id"), KDB_SV("abc"));
    assert_corrupt(fix, "bad counter of table ids (3 bytes)");
}

static void a_key_of_an_unknown_column_is_corrupt(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    kdb_column columns[2] = { table->schema->columns[0], table->schema->columns[1] };
    columns[0].id = 5;
    kdb_schema schema = { .version = 1, .ncolumns = 2, .columns = columns };
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_schema_encode(&schema, &record);
    kdb_table_unref(table);
    put_schema_record(fix, KDBI_FIRST_TABLE_ID, 1, &record);
    assert_corrupt(fix, "loading table 16: column 1 of the key is missing");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(schemas_read_back_equal),
        CASE(foreign_bytes_are_corrupt_and_no_more),
        CASE(a_huge_count_is_not_believed),
        CASE(a_missing_version_is_corrupt),
        CASE(a_missing_table_record_is_corrupt),
        CASE(a_surplus_version_is_corrupt),
        CASE(two_tables_of_one_name_are_corrupt),
        CASE(a_table_id_beyond_the_counter_is_corrupt),
        CASE(bad_keys_and_counters_are_corrupt),
        CASE(a_key_of_an_unknown_column_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
