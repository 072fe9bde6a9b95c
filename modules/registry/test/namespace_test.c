/* namespace_test.c - namespaces and storages: what a new catalog has, DDL and its texts. */
#include "registry_fixture.h"

static kdb_status drop_namespace(fixture *fix, const char *name)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_namespace(fix->registry, kdb_sv_cstr(name), false, batch, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_drop_namespace(fix->registry, kdb_sv_cstr(name));
    return KDB_OK;
}

static void a_new_catalog_has_default_dba_and_local(void **state)
{
    fixture *fix = *state;
    kdb_namespace *list;
    kdb_storage *storages;
    size_t count;
    kdb_registry_list_namespaces(fix->registry, fix->arena, &list, &count);
    assert_int_equal(count, 2);
    assert_text(list[0].name, "dba");
    assert_text(list[1].name, "default");
    assert_text(list[1].options_json, "{}");
    assert_int_equal(list[1].table_count, 0);
    assert_true(list[1].created_us > 0);
    kdb_registry_list_storages(fix->registry, fix->arena, &storages, &count);
    assert_int_equal(count, 1);
    assert_text(storages[0].id, "local");
    assert_text(storages[0].type, "filesystem");
    assert_text(storages[0].base_directory, "");
    assert_text(storages[0].user_template, "{namespace}/{tableName}/{userId}");
    assert_true(kdb_registry_has_storage(fix->registry, KDB_SV("local")));
    assert_false(kdb_registry_has_storage(fix->registry, KDB_SV("s3")));
}

static void a_namespace_is_created_once_and_lasts(void **state)
{
    fixture *fix = *state;
    uint64_t epoch = kdb_registry_epoch(fix->registry);
    assert_false(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    assert_ok(fix, create_namespace(fix, "shop"));
    assert_true(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    assert_true(kdb_registry_epoch(fix->registry) > epoch);
    assert_failure(fix, create_namespace(fix, "shop"), KDB_ALREADY_EXISTS, "Namespace 'shop' already exists");
    assert_failure(fix, create_namespace(fix, "main"), KDB_INVALID_OPERATION,
                   "Namespace 'main' is reserved and cannot be used");
    fixture_reopen(fix);
    assert_true(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
}

static void reopening_shows_the_same_namespace(void **state)
{
    fixture *fix = *state;
    kdb_namespace *before, *after;
    size_t count;
    assert_ok(fix, create_namespace(fix, "shop"));
    kdb_table_unref(simple_table(fix, "shop", "orders"));
    kdb_registry_list_namespaces(fix->registry, fix->arena, &before, &count);
    fixture_reopen(fix);
    kdb_registry_list_namespaces(fix->registry, fix->arena, &after, &count);
    assert_int_equal(count, 3);
    assert_text(after[2].name, "shop");
    assert_int_equal(after[2].created_us, before[2].created_us);
    assert_int_equal(after[2].table_count, 1);
    assert_int_equal(before[2].table_count, 1);
}

static void a_stage_that_is_not_published_changes_nothing(void **state)
{
    fixture *fix = *state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    uint64_t epoch = kdb_registry_epoch(fix->registry);
    assert_ok(fix, kdb_registry_stage_create_namespace(fix->registry, KDB_SV("shop"), batch, &fix->err));
    assert_false(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    assert_int_equal(kdb_registry_epoch(fix->registry), epoch);
    assert_ok(fix, create_namespace(fix, "shop"));
}

static void an_empty_namespace_is_dropped(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "shop"));
    assert_ok(fix, drop_namespace(fix, "shop"));
    assert_false(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    assert_failure(fix, drop_namespace(fix, "shop"), KDB_NAMESPACE_NOT_FOUND, "Namespace 'shop' not found");
    fixture_reopen(fix);
    assert_false(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    assert_ok(fix, create_namespace(fix, "shop"));
}

static void a_full_namespace_is_not_dropped(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "shop"));
    kdb_table *orders = simple_table(fix, "shop", "orders");
    kdb_table_unref(simple_table(fix, "shop", "items"));
    assert_failure(fix, drop_namespace(fix, "shop"), KDB_INVALID_OPERATION,
                   "Namespace 'shop' is not empty: 2 table(s). Use DROP NAMESPACE shop CASCADE");
    assert_ok(fix, drop_table(fix, orders));
    kdb_table_unref(orders);
    assert_failure(fix, drop_namespace(fix, "shop"), KDB_INVALID_OPERATION,
                   "Namespace 'shop' is not empty: 1 table(s). Use DROP NAMESPACE shop CASCADE");
}

static void cascade_is_one_batch(void **state)
{
    fixture *fix = *state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    assert_ok(fix, create_namespace(fix, "shop"));
    kdb_table *orders = simple_table(fix, "shop", "orders");
    atomic_store(&orders->state, KDB_TABLE_DROPPED);
    assert_ok(fix, kdb_registry_stage_drop_table(fix->registry, orders, batch, &fix->err));
    assert_ok(fix, kdb_registry_stage_drop_namespace(fix->registry, KDB_SV("shop"), true, batch, &fix->err));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_drop_table(fix->registry, orders);
    kdb_registry_publish_drop_namespace(fix->registry, KDB_SV("shop"));
    kdb_table_unref(orders);
    assert_false(kdb_registry_has_namespace(fix->registry, KDB_SV("shop")));
    fixture_reopen(fix);
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV("shop"), KDB_SV("orders")));
}

static void system_namespaces_are_not_dropped(void **state)
{
    fixture *fix = *state;
    assert_failure(fix, drop_namespace(fix, "system"), KDB_INVALID_OPERATION,
                   "Cannot drop system namespace 'system'. System namespaces are managed internally.");
    assert_failure(fix, drop_namespace(fix, "default"), KDB_INVALID_OPERATION,
                   "Cannot drop system namespace 'default'. System namespaces are managed internally.");
}

static void a_near_name_is_offered(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_namespace(fix, "customers"));
    assert_failure(fix, drop_namespace(fix, "custmers"), KDB_NAMESPACE_NOT_FOUND,
                   "Namespace 'custmers' not found. Did you mean 'customers'?");
    assert_failure(fix, drop_namespace(fix, "q"), KDB_NAMESPACE_NOT_FOUND, "Namespace 'q' not found");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_catalog_has_default_dba_and_local),
        CASE(a_namespace_is_created_once_and_lasts),
        CASE(reopening_shows_the_same_namespace),
        CASE(a_stage_that_is_not_published_changes_nothing),
        CASE(an_empty_namespace_is_dropped),
        CASE(a_full_namespace_is_not_dropped),
        CASE(cascade_is_one_batch),
        CASE(system_namespaces_are_not_dropped),
        CASE(a_near_name_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
