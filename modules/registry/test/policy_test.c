/* policy_test.c - a table's policies: kept with it over restarts and alterations, and columns they name are kept for them. */
#include "registry_fixture.h"

static const uint32_t body_column[] = { 2 };

static kdb_policy policy(const char *name, kdb_policy_command command)
{
    return (kdb_policy){ .name = kdb_sv_cstr(name),
                         .command = command,
                         .roles = KDB_POLICY_TO_USER | KDB_POLICY_TO_SERVICE,
                         .using_rows = KDB_SV("body = CURRENT_USER"),
                         .column_ids = body_column,
                         .ncolumn_ids = 1 };
}

/* Stage, commit, publish. *table becomes the next version. */
static kdb_status put(fixture *fix, kdb_table **table, const kdb_policy *policies, size_t count)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_table *next = NULL;
    KDB_TRY(kdb_registry_stage_policies(*table, policies, count, batch, &next, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_alter_table(fix->registry, next);
    kdb_table_unref(*table);
    *table = kdb_table_ref(next);
    return KDB_OK;
}

static uint8_t format_of(const kdb_table *table)
{
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    kdbi_table_encode(table, &bytes);
    const uint8_t format = (uint8_t)kdb_buf_sv(&bytes).ptr[0];
    kdb_buf_done(&bytes);
    return format;
}

static void policies_are_there_after_a_restart(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "app"));
    kdb_table *table = simple_table(fix, "app", "t");
    kdb_policy all[] = { policy("zeta", KDB_POLICY_SELECT), policy("a b", KDB_POLICY_ALL),
                         policy("mid", KDB_POLICY_UPDATE) };
    all[1].restrictive = true;
    all[1].roles = KDB_POLICY_TO_PUBLIC;
    all[2].check_rows = KDB_SV("id > 0");
    assert_int_equal(format_of(table), KDBI_RECORD_FORMAT); /* old servers read it */
    assert_ok(fix, put(fix, &table, all, 3));
    assert_int_equal(format_of(table), KDBI_POLICY_FORMAT);
    assert_int_equal(table->schema->version, 2);
    kdb_table_unref(table);
    fixture_reopen(fix);
    table = kdb_registry_lookup_table(fix->registry, KDB_SV("app"), KDB_SV("t"));
    assert_int_equal(table->npolicies, 3);
    assert_text(table->policies[0].name, "a b");
    assert_true(table->policies[0].restrictive);
    assert_int_equal(table->policies[0].roles, KDB_POLICY_TO_PUBLIC);
    assert_text(table->policies[1].name, "mid");
    assert_text(table->policies[1].check_rows, "id > 0");
    assert_int_equal(table->policies[1].command, KDB_POLICY_UPDATE);
    assert_text(table->policies[2].using_rows, "body = CURRENT_USER");
    assert_int_equal(table->policies[2].column_ids[0], 2);
    assert_null(kdb_table_policy(table, KDB_SV("MID")));
    assert_ptr_equal(kdb_table_policy(table, KDB_SV("zeta")), &table->policies[2]);
    assert_ok(fix, put(fix, &table, NULL, 0));
    assert_int_equal(format_of(table), KDBI_RECORD_FORMAT);
    assert_int_equal(table->npolicies, 0);
    kdb_table_unref(table);
}

static void alterations_keep_policies_and_their_columns(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "app"));
    kdb_table *table = simple_table(fix, "app", "t");
    const kdb_policy one = policy("own", KDB_POLICY_ALL);
    assert_ok(fix, put(fix, &table, &one, 1));
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_alteration made;
    kdb_alter_table spec = { .op = KDB_ALTER_ADD_COLUMN, .column = column_spec("more", KDB_TYPE_INT) };
    assert_ok(fix, kdb_registry_stage_alter_table(fix->registry, table, &spec, batch, &made, &fix->err));
    assert_int_equal(made.table->npolicies, 1);
    assert_text(made.table->policies[0].name, "own");
    kdb_table_unref(made.table);
    static const struct {
        kdb_alter_op op;
        const char *text;
    } refused[] = {
        { KDB_ALTER_DROP_COLUMN, "Cannot drop column 'body': it is used by policy 'own'" },
        { KDB_ALTER_RENAME_COLUMN, "Cannot rename column 'body': it is used by policy 'own'" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        spec = (kdb_alter_table){ .op = refused[i].op,
                                  .column = column_spec("body", KDB_TYPE_TEXT),
                                  .new_name = { .name = KDB_SV("words") } };
        assert_failure(fix, kdb_registry_stage_alter_table(fix->registry, table, &spec, batch, &made, &fix->err),
                       KDB_INVALID_OPERATION, refused[i].text);
    }
    kdb_table_unref(table);
}

static void a_table_has_so_many_policies_at_most(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "app"));
    kdb_table *table = simple_table(fix, "app", "t");
    kdb_policy many[KDB_POLICIES_MAX + 1];
    for (size_t i = 0; i < KDB_ARRAY_LEN(many); i++) {
        many[i] = policy("", KDB_POLICY_SELECT);
        many[i].name = kdb_sv_printf(fix->arena, "p%02zu", i);
    }
    assert_ok(fix, put(fix, &table, many, KDB_POLICIES_MAX));
    assert_int_equal(put(fix, &table, many, KDB_POLICIES_MAX + 1), KDB_LIMIT);
    assert_int_equal(table->npolicies, KDB_POLICIES_MAX);
    kdb_table_unref(table);
}

/* Every record cut short, and every byte changed, is refused or reads as a table: never a wild read. */
static void damaged_records_are_refused(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "app"));
    kdb_table *table = simple_table(fix, "app", "t");
    const kdb_policy one = policy("own", KDB_POLICY_ALL);
    assert_ok(fix, put(fix, &table, &one, 1));
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    kdbi_table_encode(table, &bytes);
    const kdb_sv whole = kdb_sv_dup(fix->arena, kdb_buf_sv(&bytes));
    kdb_buf_done(&bytes);
    for (size_t len = 0; len < whole.len; len++) {
        KDB_CLEANUP(kdb_table_unrefp) kdb_table *read = kdbi_table_new();
        kdbi_table_header header;
        assert_int_equal(kdbi_table_decode(kdb_sv_of(whole.ptr, len), read, &header, &fix->err), KDB_CORRUPT);
    }
    for (size_t at = 0; at < whole.len * 255; at++) {
        KDB_CLEANUP(kdb_table_unrefp) kdb_table *read = kdbi_table_new();
        kdbi_table_header header;
        char *changed = kdb_sv_dup_cstr(read->arena, whole);
        changed[at / 255] = (char)(changed[at / 255] + (char)(at % 255) + 1);
        const kdb_status status = kdbi_table_decode(kdb_sv_of(changed, whole.len), read, &header, &fix->err);
        assert_true(status == KDB_OK || status == KDB_CORRUPT);
    }
    kdb_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(policies_are_there_after_a_restart, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(alterations_keep_policies_and_their_columns, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_table_has_so_many_policies_at_most, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_records_are_refused, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
