/* view_test.c - views in the catalog: their records, who reads what, what may be replaced and dropped. */
#include "registry_fixture.h"

static kdb_view_column column(const char *name, kdb_type_kind kind)
{
    return (kdb_view_column){ kdb_sv_cstr(name), kdb_sv_cstr(name), kdb_type_of(kind) };
}

/* A view shop.name of `id` and `body` that reads these columns of shop.from. */
static kdb_status stage_view(fixture *fix, const char *name, const char *from, bool replace, kdb_batch *batch,
                             kdb_view **out)
{
    const kdb_view_column columns[] = { column("id", KDB_TYPE_BIGINT), column("body", KDB_TYPE_TEXT) };
    const kdb_sv used[] = { KDB_SV("id"), KDB_SV("body") };
    const kdb_view_use use = { KDB_SV("shop"), kdb_sv_cstr(from), used, 2 };
    const kdb_view_spec spec = { .ns = KDB_SV("shop"),
                                 .name = kdb_sv_cstr(name),
                                 .query = kdb_sv_printf(fix->arena, "SELECT id, body FROM %s", from),
                                 .columns = columns,
                                 .ncolumns = 2,
                                 .uses = &use,
                                 .nuses = 1 };
    return kdb_registry_stage_create_view(fix->registry, &spec, replace, batch, out, &fix->err);
}

static kdb_status create_view(fixture *fix, const char *name, const char *from, bool replace)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_view *view = NULL;
    KDB_TRY(stage_view(fix, name, from, replace, batch, &view));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_create_view(fix->registry, view);
    return KDB_OK;
}

static kdb_status drop_view(fixture *fix, const char *name)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_view_unrefp)
    kdb_view *view = kdb_registry_lookup_view(fix->registry, KDB_SV("shop"), kdb_sv_cstr(name));
    assert_non_null(view);
    KDB_TRY(kdb_registry_stage_drop_view(fix->registry, view, false, batch, &fix->err));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_drop_view(fix->registry, view);
    return KDB_OK;
}

static void make_shop(fixture *fix)
{
    assert_ok(fix, create_namespace(fix, "shop"));
    kdb_table_unref(simple_table(fix, "shop", "items"));
}

static void views_are_there_after_a_restart(void **state)
{
    fixture *fix = *state;
    make_shop(fix);
    const uint64_t epoch = kdb_registry_epoch(fix->registry);
    assert_ok(fix, create_view(fix, "v", "items", false));
    assert_true(kdb_registry_epoch(fix->registry) > epoch);
    fixture_reopen(fix);
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(fix->registry, KDB_SV("shop"), KDB_SV("v"));
    assert_non_null(view);
    assert_text(view->query, "SELECT id, body FROM items");
    assert_int_equal(view->ncolumns, 2);
    assert_text(view->columns[1].name, "body");
    assert_text(view->columns[1].source, "body");
    assert_int_equal(view->columns[0].type.kind, KDB_TYPE_BIGINT);
    assert_int_equal(view->nuses, 1);
    assert_text(view->uses[0].name, "items");
    assert_text(view->uses[0].columns[1], "body");
}

static void what_views_read_is_known(void **state)
{
    fixture *fix = *state;
    make_shop(fix);
    assert_ok(fix, create_view(fix, "v", "items", false));
    assert_ok(fix, create_view(fix, "w", "v", false));
    assert_text(kdb_registry_views_using(fix->registry, KDB_SV("shop"), KDB_SV("items"), KDB_SV(""), fix->arena),
                "'shop.v'");
    assert_text(kdb_registry_views_using(fix->registry, KDB_SV("shop"), KDB_SV("items"), KDB_SV("BODY"), fix->arena),
                "'shop.v'");
    assert_text(kdb_registry_views_using(fix->registry, KDB_SV("shop"), KDB_SV("items"), KDB_SV("other"), fix->arena),
                "");
    assert_failure(fix, drop_view(fix, "v"), KDB_INVALID_OPERATION,
                   "Cannot drop view 'shop.v': it is used by view 'shop.w'");
    assert_ok(fix, drop_view(fix, "w"));
    assert_ok(fix, drop_view(fix, "v"));
    fixture_reopen(fix);
    assert_null(kdb_registry_lookup_view(fix->registry, KDB_SV("shop"), KDB_SV("v")));
}

static void names_are_one_space_and_no_view_reads_itself(void **state)
{
    fixture *fix = *state;
    make_shop(fix);
    assert_ok(fix, create_view(fix, "v", "items", false));
    assert_ok(fix, create_view(fix, "w", "v", false));
    assert_failure(fix, create_view(fix, "v", "items", false), KDB_ALREADY_EXISTS, "View shop.v already exists");
    assert_failure(fix, create_view(fix, "items", "v", true), KDB_ALREADY_EXISTS, "Table shop.items already exists");
    assert_failure(fix, create_view(fix, "v", "w", true), KDB_INVALID_OPERATION, "View 'shop.v' cannot read itself");
    assert_failure(fix, create_view(fix, "v", "v", true), KDB_INVALID_OPERATION, "View 'shop.v' cannot read itself");
    kdb_column_spec id = column_spec("id", KDB_TYPE_INT);
    const kdb_create_table table = table_spec("v", &id, 1);
    assert_failure(fix, create_table(fix, &table, "shop"), KDB_ALREADY_EXISTS, "View shop.v already exists");
    assert_ok(fix, create_view(fix, "v", "items", true));
}

static void bytes_of_no_encoder_are_corrupt(void **state)
{
    fixture *fix = *state;
    make_shop(fix);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = NULL;
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    assert_ok(fix, stage_view(fix, "v", "items", false, batch, &view));
    kdbi_view_encode(view, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        KDB_CLEANUP(kdb_view_unrefp) kdb_view *read = kdbi_view_new();
        assert_int_equal(kdbi_view_decode(kdb_sv_of(bytes.ptr, len), read, &fix->err), KDB_CORRUPT);
    }
    uint64_t seed = 20;
    for (int i = 0; i < 20000; i++) {
        KDB_CLEANUP(kdb_view_unrefp) kdb_view *read = kdbi_view_new();
        char *copy = kdb_arena_alloc_raw(read->arena, bytes.len);
        memcpy(copy, bytes.ptr, bytes.len);
        copy[next_random(&seed) % bytes.len] = (char)next_random(&seed);
        const kdb_status status = kdbi_view_decode(kdb_sv_of(copy, bytes.len), read, &fix->err);
        assert_true(status == KDB_OK || status == KDB_CORRUPT);
    }
    kdb_buf_done(&bytes);
}

static void a_catalog_with_a_bad_view_does_not_open(void **state)
{
    fixture *fix = *state;
    make_shop(fix);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_VIEWS), kdb_sv_of("shop\0v", 6), KDB_SV("\x01junk"));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    assert_int_equal(fixture_try_reopen(fix), KDB_CORRUPT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(views_are_there_after_a_restart),
        CASE(what_views_read_is_known),
        CASE(names_are_one_space_and_no_view_reads_itself),
        CASE(bytes_of_no_encoder_are_corrupt),
        CASE(a_catalog_with_a_bad_view_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
