/* registry_fixture.c - see registry_fixture.h. */
#include "registry_fixture.h"

kdb_seal *new_keys(const kdb_seal *old)
{
    kdb_buf keys;
    kdb_seal *seal = NULL;
    kdb_buf_init(&keys, 0);
    assert_int_equal(kdb_seal_write_keys(old, &keys, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&keys), &seal, NULL), KDB_OK);
    kdb_buf_done(&keys);
    return seal;
}

static kdb_status open_registry(fixture *fix)
{
    const kdb_registry_options options = { .shared_template = KDB_SV("{namespace}/{tableName}"),
                                           .user_template = KDB_SV("{namespace}/{tableName}/{userId}"),
                                           .seal = fix->seal };
    return kdb_registry_open(fix->store, &options, &fix->registry, &fix->err);
}

int fixture_open(void **state)
{
    fixture *fix = KDB_NEW(fixture);
    fix->store = kdb_store_open_memory();
    fix->arena = kdb_arena_new(0);
    fix->seal = new_keys(NULL);
    assert_ok(fix, open_registry(fix));
    *state = fix;
    return 0;
}

int fixture_close(void **state)
{
    fixture *fix = *state;
    kdb_registry_close(fix->registry);
    kdb_store_close(fix->store);
    kdb_seal_free(fix->seal);
    kdb_arena_free(fix->arena);
    kdb_free(fix);
    return 0;
}

kdb_status fixture_try_reopen(fixture *fix)
{
    kdb_registry_close(fix->registry);
    fix->registry = NULL;
    return open_registry(fix);
}

void fixture_reopen(fixture *fix)
{
    assert_ok(fix, fixture_try_reopen(fix));
}

void assert_ok(const fixture *fix, kdb_status status)
{
    if (status != KDB_OK) {
        fail_msg("status %s: %s", kdb_status_defs[status].name, fix->err.text);
    }
}

void assert_failure(const fixture *fix, kdb_status got, kdb_status status, const char *text)
{
    assert_string_equal(kdb_status_defs[got].name, kdb_status_defs[status].name);
    assert_string_equal(fix->err.text, text);
}

void assert_text(kdb_sv got, const char *expected)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_string_equal(kdb_sv_dup_cstr(arena, got), expected);
}

kdb_column_spec column_spec(const char *name, kdb_type_kind kind)
{
    return (kdb_column_spec){ .name = kdb_sv_cstr(name), .position = 7, .type = kdb_type_of(kind) };
}

kdb_create_table table_spec(const char *name, kdb_column_spec *columns, size_t ncolumns)
{
    static uint32_t first_column = 0;
    return (kdb_create_table){
        .table = { .name = kdb_sv_cstr(name) },
        .type = KDB_TABLE_USER,
        .columns = columns,
        .ncolumns = ncolumns,
        .key = &first_column,
        .nkey = 1,
        .deleted_retention_hours = -1,
    };
}

kdb_status create_namespace(fixture *fix, const char *name)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_create_namespace(fix->registry, kdb_sv_cstr(name), batch, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_create_namespace(fix->registry, kdb_sv_cstr(name));
    return KDB_OK;
}

kdb_status create_table(fixture *fix, const kdb_create_table *spec, const char *ns)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_table *table;
    KDB_TRY(kdb_registry_stage_create_table(fix->registry, spec, kdb_sv_cstr(ns), batch, &table, &fix->err));
    kdb_status status = kdb_store_commit(fix->store, batch, &fix->err);
    if (status != KDB_OK) {
        kdb_table_unref(table);
        return status;
    }
    kdb_registry_publish_create_table(fix->registry, table);
    return KDB_OK;
}

kdb_status drop_table(fixture *fix, kdb_table *table)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_table(fix->registry, table, batch, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_drop_table(fix->registry, table);
    return KDB_OK;
}

kdb_table *simple_table(fixture *fix, const char *ns, const char *name)
{
    kdb_column_spec columns[] = { column_spec("id", KDB_TYPE_BIGINT), column_spec("body", KDB_TYPE_TEXT) };
    kdb_create_table spec = table_spec(name, columns, 2);
    assert_ok(fix, create_table(fix, &spec, ns));
    kdb_table *table = kdb_registry_lookup_table(fix->registry, kdb_sv_cstr(ns), kdb_sv_cstr(name));
    assert_non_null(table);
    return table;
}

uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
