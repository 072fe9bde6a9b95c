/* table_test.c - tables in force: finding, references, the writers' bracket, dropping, ids. */
#include "registry_fixture.h"

static void a_published_table_is_found(void **state)
{
    fixture *fix = *state;
    uint64_t epoch = kdb_registry_epoch(fix->registry);
    kdb_table *table = simple_table(fix, "default", "notes");
    kdb_table *found;
    assert_true(kdb_registry_epoch(fix->registry) > epoch);
    assert_ok(fix, kdb_registry_find_table(fix->registry, KDB_SV("default"), KDB_SV("notes"), &found, &fix->err));
    assert_ptr_equal(found, table);
    assert_int_equal(atomic_load(&table->refs), 3);
    assert_int_equal(table->id, KDBI_FIRST_TABLE_ID);
    kdb_table_unref(found);
    kdb_table_unref(table);
    kdb_table_unref(NULL);
}

static void absence_is_told_with_the_nearest_name(void **state)
{
    fixture *fix = *state;
    kdb_table *found;
    assert_ok(fix, create_namespace(fix, "shop"));
    kdb_table_unref(simple_table(fix, "default", "messages"));
    kdb_table_unref(simple_table(fix, "shop", "orders"));
    assert_failure(fix, kdb_registry_find_table(fix->registry, KDB_SV("default"), KDB_SV("mesages"), &found, &fix->err),
                   KDB_TABLE_NOT_FOUND,
                   "Table 'mesages' not found in namespace 'default'. Did you mean 'default.messages'?");
    assert_failure(fix, kdb_registry_find_table(fix->registry, KDB_SV("default"), KDB_SV("orders"), &found, &fix->err),
                   KDB_TABLE_NOT_FOUND, "Table 'orders' not found in namespace 'default'. Did you mean 'shop.orders'?");
    assert_failure(fix, kdb_registry_find_table(fix->registry, KDB_SV("default"), KDB_SV("xyz"), &found, &fix->err),
                   KDB_TABLE_NOT_FOUND, "Table 'xyz' not found in namespace 'default'");
    assert_failure(fix, kdb_registry_find_table(fix->registry, KDB_SV("nowhere"), KDB_SV("xyz"), &found, &fix->err),
                   KDB_NAMESPACE_NOT_FOUND, "Namespace 'nowhere' not found");
}

static void names_no_table_can_have_are_not_found(void **state)
{
    fixture *fix = *state;
    static char long_name[1000];
    memset(long_name, 'a', sizeof(long_name));
    kdb_sv name = kdb_sv_of(long_name, sizeof(long_name));
    assert_null(kdb_registry_lookup_table(fix->registry, name, name));
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV("default"), name));
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("")));
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV(""), KDB_SV("a")));
    kdb_table *found;
    assert_int_equal(kdb_registry_find_table(fix->registry, name, name, &found, &fix->err), KDB_NAMESPACE_NOT_FOUND);
    assert_int_equal(kdb_registry_find_table(fix->registry, KDB_SV("default"), name, &found, &fix->err),
                     KDB_TABLE_NOT_FOUND);
}

static void a_dropped_table_lives_as_long_as_its_users(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    assert_ok(fix, drop_table(fix, table));
    assert_null(kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("notes")));
    assert_int_equal(kdb_table_state_of(table), KDB_TABLE_DROPPED);
    assert_text(table->name, "notes");
    assert_failure(fix, drop_table(fix, table), KDB_TABLE_NOT_FOUND, "Table 'notes' not found in namespace 'default'");
    kdb_table_unref(table);
}

static void ids_are_never_given_twice(void **state)
{
    fixture *fix = *state;
    kdb_table *first = simple_table(fix, "default", "notes");
    uint32_t id = first->id;
    assert_ok(fix, drop_table(fix, first));
    kdb_table_unref(first);
    fixture_reopen(fix);
    kdb_table *second = simple_table(fix, "default", "notes");
    assert_true(second->id > id);
    id = second->id;
    kdb_table_unref(second);

    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_column_spec column = column_spec("id", KDB_TYPE_BIGINT);
    kdb_create_table spec = table_spec("lost", &column, 1);
    kdb_table *staged;
    assert_ok(fix, kdb_registry_stage_create_table(fix->registry, &spec, KDB_SV("default"), batch, &staged, &fix->err));
    kdb_table_unref(staged); /* its commit failed, say */
    kdb_table *third = simple_table(fix, "default", "other");
    assert_true(third->id > id + 1);
    kdb_table_unref(third);
}

static void a_stale_table_does_not_drop_its_successor(void **state)
{
    fixture *fix = *state;
    kdb_table *old = simple_table(fix, "default", "notes");
    assert_ok(fix, drop_table(fix, old));
    kdb_table *new = simple_table(fix, "default", "notes");
    assert_int_equal(drop_table(fix, old), KDB_TABLE_NOT_FOUND);
    kdb_table_unref(old);
    kdb_table_unref(new);
    assert_non_null(new = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("notes")));
    kdb_table_unref(new);
}

static void writers_are_turned_away_once_dropped(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    assert_true(kdb_table_write_enter(table));
    assert_true(kdb_table_write_enter(table));
    assert_int_equal(atomic_load(&table->writers), 2);
    atomic_store(&table->state, KDB_TABLE_DROPPED);
    assert_false(kdb_table_write_enter(table));
    assert_int_equal(atomic_load(&table->writers), 2);
    kdb_table_write_leave(table);
    kdb_table_write_leave(table);
    assert_int_equal(atomic_load(&table->writers), 0);
    kdb_table_unref(table);
}

static void partitions_follow_type_and_id(void **state)
{
    fixture *fix = *state;
    kdb_column_spec column = column_spec("id", KDB_TYPE_BIGINT);
    kdb_create_table spec = table_spec("events", &column, 1);
    spec.type = KDB_TABLE_STREAM;
    spec.ttl_seconds = 60;
    assert_ok(fix, create_table(fix, &spec, "default"));
    kdb_table *events = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("events"));
    kdb_table *notes = simple_table(fix, "default", "notes");
    assert_int_equal(kdb_table_partition(events).family, KDB_FAMILY_STREAM);
    assert_int_equal(kdb_table_partition(notes).family, KDB_FAMILY_HOT);
    assert_int_equal(kdb_table_partition(notes).prefix, notes->id);
    assert_int_equal(kdb_table_seq_partition(notes).family, KDB_FAMILY_SEQ);
    assert_int_equal(kdb_table_seq_partition(notes).prefix, notes->id);
    kdb_table_unref(events);
    kdb_table_unref(notes);
}

static void columns_are_found_in_any_case(void **state)
{
    fixture *fix = *state;
    kdb_table *table = simple_table(fix, "default", "notes");
    assert_int_equal(kdb_schema_column(table->schema, KDB_SV("BODY")), 1);
    assert_int_equal(kdb_schema_column(table->schema, KDB_SV("bod")), -1);
    assert_text(kdb_schema_nearest(table->schema, KDB_SV("boddy")), "body");
    assert_int_equal(kdb_schema_nearest(table->schema, KDB_SV("unlike")).len, 0);
    kdb_table_unref(table);
}

static void lists_are_sorted_and_hold_references(void **state)
{
    fixture *fix = *state;
    kdb_table **list;
    size_t count;
    assert_ok(fix, create_namespace(fix, "a_first"));
    kdb_table *last = simple_table(fix, "default", "zebra");
    kdb_table_unref(simple_table(fix, "default", "ant"));
    kdb_table_unref(simple_table(fix, "a_first", "zoo"));
    kdb_registry_list_tables(fix->registry, fix->arena, &list, &count);
    assert_int_equal(count, 3);
    assert_text(list[0]->name, "zoo");
    assert_text(list[1]->name, "ant");
    assert_text(list[2]->name, "zebra");
    assert_int_equal(atomic_load(&last->refs), 3);
    kdb_registry_release_tables(list, count);
    assert_int_equal(atomic_load(&last->refs), 2);
    kdb_table_unref(last);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_published_table_is_found),
        CASE(absence_is_told_with_the_nearest_name),
        CASE(names_no_table_can_have_are_not_found),
        CASE(a_dropped_table_lives_as_long_as_its_users),
        CASE(ids_are_never_given_twice),
        CASE(a_stale_table_does_not_drop_its_successor),
        CASE(writers_are_turned_away_once_dropped),
        CASE(partitions_follow_type_and_id),
        CASE(columns_are_found_in_any_case),
        CASE(lists_are_sorted_and_hold_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
