/* objects_test.c - storages that are local directories: written, listed, leased, removed, by one and by many at once. */
#include "filestore_fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kdb/objects.h"

typedef struct fixture {
    kdb_arena *arena;
    const char *data;
    kdb_datadir *datadir;
    kdb_object_stores *stores;
    kdb_objects *objects;
} fixture;

static kdb_objects *open_storage(fixture *f, const char *id, const char *base)
{
    const bool is_new = !exists(join_path(f->arena, base, ".kalamdb-storage"));
    const kdb_objects_spec spec = { kdb_sv_cstr(id), KDB_SV("filesystem"), kdb_sv_cstr(base),
                                    KDB_SV(""),      KDB_SV(""),           is_new };
    kdb_objects *objects = NULL;
    kdb_err err = { 0 };
    if (kdb_objects_open(f->stores, &spec, &objects, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return objects;
}

static int set_up(void **state)
{
    fixture *f = KDB_NEW(fixture);
    f->arena = kdb_arena_new(0);
    f->data = fresh_path(f->arena, "data");
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(f->data), &f->datadir, NULL), KDB_OK);
    f->stores = kdb_object_stores_new(&(kdb_object_stores_options){ .datadir = f->datadir });
    f->objects = open_storage(f, "local", "");
    kdb_object_stores_put(f->stores, kdb_objects_ref(f->objects));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    kdb_objects_unref(f->objects);
    kdb_object_stores_free(f->stores);
    kdb_datadir_close(f->datadir);
    kdb_arena_free(f->arena);
    kdb_free(f);
    return 0;
}

#define STORED(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const char *at(fixture *f, const char *name)
{
    return kdb_sv_printf(f->arena, "%s/storage/%s%c", f->data, name, '\0').ptr;
}

static void stage(fixture *f, const char *name, const char *content)
{
    kdb_sv path;
    kdb_err err = { 0 };
    if (kdb_objects_stage(f->objects, kdb_sv_cstr(name), f->arena, &path, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    make_file(path.ptr, content);
}

static void commit(fixture *f, const char *name)
{
    const kdb_sv one = kdb_sv_cstr(name);
    assert_int_equal(kdb_objects_commit(f->objects, &one, 1, NULL), KDB_OK);
}

static void remove_one(fixture *f, const char *name)
{
    const kdb_sv one = kdb_sv_cstr(name);
    assert_int_equal(kdb_objects_remove(f->objects, &one, 1, NULL), KDB_OK);
}

typedef struct listed {
    kdb_arena *arena;
    size_t count, staged;
    kdb_sv names[16];
} listed;

static bool collect(void *self, const kdb_object_info *info)
{
    listed *list = self;
    assert_true(list->count < KDB_ARRAY_LEN(list->names));
    list->names[list->count++] =
        kdb_sv_printf(list->arena, "%.*s=%d%s", KDB_SV_ARG(info->name), (int)info->bytes, info->staged ? "*" : "");
    list->staged += info->staged;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return kdb_sv_cmp(*(const kdb_sv *)a, *(const kdb_sv *)b);
}

/* "name=bytes" of each, sorted; '*' behind what is staged. */
static const char *list_of(fixture *f, const char *prefix)
{
    listed list = { .arena = f->arena };
    kdb_sv text = KDB_SV("");
    assert_int_equal(kdb_objects_list(f->objects, kdb_sv_cstr(prefix), collect, &list, NULL), KDB_OK);
    qsort(list.names, list.count, sizeof(list.names[0]), by_text);
    for (size_t i = 0; i < list.count; i++) {
        text = kdb_sv_printf(f->arena, "%.*s%s%.*s", KDB_SV_ARG(text), i == 0 ? "" : " ", KDB_SV_ARG(list.names[i]));
    }
    return kdb_sv_dup_cstr(f->arena, text);
}

/* ---- opening ---- */

static void a_storage_is_a_link_that_goes_with_it(void **state)
{
    fixture *f = *state;
    const char *base = fresh_path(f->arena, "some/where");
    const char *link = join_path(f->arena, kdb_datadir_storages(f->datadir), "other");
    kdb_objects *other = open_storage(f, "other", base);
    kdb_objects *again = open_storage(f, "other", base);
    char *target = realpath(link, NULL);
    char *real = realpath(base, NULL);
    assert_string_equal(target, real);
    free(target);
    free(real);
    kdb_objects_unref(other);
    assert_true(exists(link));
    kdb_objects_unref(again);
    assert_false(exists(link));
    assert_true(exists(base));
}

static void the_link_is_set_right_at_the_next_open(void **state)
{
    fixture *f = *state;
    const char *link = join_path(f->arena, kdb_datadir_storages(f->datadir), "other");
    assert_int_equal(mkdir(link, 0700), 0);
    make_file(join_path(f->arena, link, "stale"), "x");
    kdb_objects_unref(open_storage(f, "other", fresh_path(f->arena, "a")));
    assert_int_equal(symlink("/nowhere/at/all", link), 0);
    kdb_objects *other = open_storage(f, "other", fresh_path(f->arena, "b"));
    assert_true(exists(join_path(f->arena, link, ".")));
    kdb_objects_unref(other);
}

static void a_storage_is_found_by_its_id_until_it_is_dropped(void **state)
{
    fixture *f = *state;
    kdb_objects *found = NULL;
    kdb_err err = { 0 };
    assert_int_equal(kdb_object_stores_find(f->stores, KDB_SV("local"), &found, NULL), KDB_OK);
    assert_ptr_equal(found, f->objects);
    kdb_objects_unref(found);
    kdb_object_stores_drop(f->stores, KDB_SV("local"));
    kdb_object_stores_drop(f->stores, KDB_SV("local"));
    assert_int_equal(kdb_object_stores_find(f->stores, KDB_SV("local"), &found, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "Storage 'local' not found");
    stage(f, "a/x", "it works until the last reference goes");
    commit(f, "a/x");
}

static void open_fails(fixture *f, const char *id, const char *type, const char *base, kdb_status status)
{
    const kdb_objects_spec spec = {
        kdb_sv_cstr(id), kdb_sv_cstr(type), kdb_sv_cstr(base), KDB_SV(""), KDB_SV(""), true
    };
    kdb_objects *objects = NULL;
    assert_int_equal(kdb_objects_open(f->stores, &spec, &objects, NULL), status);
    assert_null(objects);
}

static void bad_specs_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const ids[] = { "", ".", "..", "a/b", "/", ".x", "x.tmp", "a b", "*" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(ids); i++) {
        open_fails(f, ids[i], "filesystem", "", KDB_INVALID);
    }
    open_fails(f, "x", "tape", "", KDB_INVALID);
    static const char *const inside[] = { "",     "/rocksdb", "/rocksdb/deep",  "/storages/x",
                                          "/tmp", "/..",      "/storage/../tmp" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(inside); i++) {
        open_fails(f, "x", "filesystem", kdb_sv_printf(f->arena, "%s%s%c", f->data, inside[i], '\0').ptr, KDB_INVALID);
    }
    const char *file = fresh_path(f->arena, "file");
    make_file(file, "x");
    open_fails(f, "x", "filesystem", file, KDB_IO);
    assert_string_equal(names_in(kdb_datadir_storages(f->datadir), f->arena), "local");
}

/* Each would sweep away what the other keeps. */
static void two_storages_share_no_directory(void **state)
{
    fixture *f = *state;
    const char *above = fresh_path(f->arena, "above");
    const char *base = join_path(f->arena, above, "base");
    const char *link = fresh_path(f->arena, "link");
    kdb_objects *first = open_storage(f, "first", base);
    char *real = realpath(base, NULL);
    assert_int_equal(symlink(real, link), 0);
    const char *const shared[] = {
        base,      above,         join_path(f->arena, base, "below"), link, join_path(f->arena, link, "below"),
        at(f, ""), at(f, "below")
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(shared); i++) {
        open_fails(f, "second", "filesystem", shared[i], KDB_INVALID);
    }
    assert_false(exists(join_path(f->arena, base, "below")));
    kdb_objects_unref(open_storage(f, "second", join_path(f->arena, above, "base-2")));
    kdb_objects_disown(first);
    kdb_objects_unref(first);
    kdb_objects_unref(open_storage(f, "second", link));
    free(real);
}

static kdb_status try_open(fixture *f, const char *id, const char *base, bool is_new, kdb_objects **out, kdb_err *err)
{
    const kdb_objects_spec spec = { kdb_sv_cstr(id), KDB_SV("filesystem"), kdb_sv_cstr(base),
                                    KDB_SV(""),      KDB_SV(""),           is_new };
    return kdb_objects_open(f->stores, &spec, out, err);
}

/* What is written to the mount point of a disk that is away is lost once it is back. */
static void a_directory_without_its_mark_is_not_the_storage(void **state)
{
    fixture *f = *state;
    kdb_err err;
    kdb_objects *other = NULL;
    const char *base = fresh_path(f->arena, "base");
    const char *mark = join_path(f->arena, base, ".kalamdb-storage");
    assert_int_equal(try_open(f, "other", base, false, &other, &err), KDB_IO);
    assert_false(exists(base));
    assert_int_equal(try_open(f, "other", base, true, &other, &err), KDB_OK);
    assert_string_equal(file_content(mark, f->arena), "other\n");
    assert_int_equal(kdb_objects_put(other, KDB_SV("a/x"), KDB_SV("x"), true, &err), KDB_OK);

    const char *away = fresh_path(f->arena, "away");
    kdb_objects_health health;
    kdb_sv staged;
    const kdb_sv name = KDB_SV("a/y");
    assert_int_equal(kdb_objects_stage(other, name, f->arena, &staged, &err), KDB_OK);
    make_file(staged.ptr, "y");
    assert_int_equal(rename(base, away), 0);
    assert_int_equal(mkdir(base, 0700), 0);
    assert_int_equal(kdb_objects_put(other, KDB_SV("a/x"), KDB_SV("x"), true, &err), KDB_IO);
    assert_int_equal(kdb_objects_commit(other, &name, 1, &err), KDB_IO);
    assert_non_null(strstr(err.text, "has no file '.kalamdb-storage' of storage 'other': is its disk there?"));
    kdb_objects_check(other, false, f->arena, &health);
    assert_false(health.writable || health.readable || health.deletable);
    kdb_objects_unref(other);
    assert_int_equal(try_open(f, "other", base, false, &other, &err), KDB_IO);

    assert_int_equal(rmdir(base), 0);
    assert_int_equal(rename(away, base), 0);
    assert_int_equal(try_open(f, "other", base, false, &other, &err), KDB_OK);
    assert_int_equal(kdb_objects_commit(other, &name, 1, &err), KDB_OK);
    kdb_objects_unref(other);
}

static void a_directory_with_a_mark_is_taken(void **state)
{
    fixture *f = *state;
    kdb_err err;
    kdb_objects *other = NULL;
    const char *base = fresh_path(f->arena, "base");
    assert_int_equal(try_open(f, "first", base, true, &other, &err), KDB_OK);
    kdb_objects_unref(other);
    assert_int_equal(try_open(f, "first", base, true, &other, &err), KDB_INVALID);
    assert_int_equal(try_open(f, "second", base, true, &other, &err), KDB_INVALID);
    assert_int_equal(try_open(f, "second", base, false, &other, &err), KDB_IO);
    assert_non_null(strstr(err.text, "does not name 'second'"));
    assert_int_equal(try_open(f, "first", base, false, &other, &err), KDB_OK);
    kdb_objects_disown(other);
    kdb_objects_unref(other);
    assert_int_equal(try_open(f, "second", base, true, &other, &err), KDB_OK);
    kdb_objects_unref(other);
    kdb_objects_disown(f->objects); /* the one in the data directory has no mark */
    assert_int_equal(kdb_objects_put(f->objects, KDB_SV("a/x"), KDB_SV("x"), true, &err), KDB_OK);
}

/* ---- writing ---- */

static void a_staged_file_becomes_an_object(void **state)
{
    fixture *f = *state;
    stage(f, "app/t/batch-0.parquet", "rows");
    assert_string_equal(list_of(f, ""), "app/t/batch-0.parquet.tmp=4*");
    assert_false(exists(at(f, "app/t/batch-0.parquet")));
    commit(f, "app/t/batch-0.parquet");
    assert_string_equal(file_content(at(f, "app/t/batch-0.parquet"), f->arena), "rows");
    assert_string_equal(list_of(f, ""), "app/t/batch-0.parquet=4");
}

static void an_abandoned_file_leaves_nothing(void **state)
{
    fixture *f = *state;
    kdb_err err = { 0 };
    stage(f, "app/t/u/x", "rows");
    kdb_objects_abandon(f->objects, KDB_SV("app/t/u/x"));
    kdb_objects_abandon(f->objects, KDB_SV("app/t/u/x"));
    assert_false(exists(at(f, "app")));
    const kdb_sv name = KDB_SV("app/t/u/x");
    assert_int_equal(kdb_objects_commit(f->objects, &name, 1, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "object 'app/t/u/x' was not staged");
}

static const char *user_file(fixture *f, size_t i)
{
    return kdb_sv_printf(f->arena, "app/t/u%zu/batch-0.parquet%c", i, '\0').ptr;
}

static void many_files_are_committed_together(void **state)
{
    fixture *f = *state;
    enum { MANY = 600 }; /* more than are open at once */
    kdb_sv *names = KDB_ARENA_ARRAY(f->arena, kdb_sv, MANY);
    for (size_t i = 0; i < MANY; i++) {
        names[i] = kdb_sv_cstr(user_file(f, i));
        stage(f, user_file(f, i), "rows of one user");
    }
    const int64_t start = kdb_monotonic_us();
    assert_int_equal(kdb_objects_commit(f->objects, names, MANY, NULL), KDB_OK);
    print_message("%d files/s\n", (int)(MANY * INT64_C(1000000) / (kdb_monotonic_us() - start + 1)));
    for (size_t i = 0; i < MANY; i++) {
        assert_true(exists(at(f, user_file(f, i))));
    }
    assert_int_equal(kdb_objects_remove(f->objects, names, MANY, NULL), KDB_OK);
    assert_false(exists(at(f, "app")));
}

static void one_missing_file_fails_a_commit_before_anything_is_renamed(void **state)
{
    fixture *f = *state;
    const kdb_sv names[] = { KDB_SV("a/1"), KDB_SV("a/2"), KDB_SV("a/3") };
    stage(f, "a/1", "x");
    stage(f, "a/3", "x");
    assert_int_equal(kdb_objects_commit(f->objects, names, 3, NULL), KDB_NOT_FOUND);
    assert_string_equal(list_of(f, ""), "a/1.tmp=1* a/3.tmp=1*");
}

static void a_put_replaces(void **state)
{
    fixture *f = *state;
    kdb_sv got;
    kdb_err err = { 0 };
    assert_int_equal(kdb_objects_put(f->objects, KDB_SV("a/manifest.json"), KDB_SV("{}"), false, NULL), KDB_OK);
    assert_int_equal(kdb_objects_put(f->objects, KDB_SV("a/manifest.json"), KDB_SV("{1}"), true, NULL), KDB_OK);
    assert_int_equal(kdb_objects_get(f->objects, KDB_SV("a/manifest.json"), 3, f->arena, &got, NULL), KDB_OK);
    assert_true(kdb_sv_eq(got, KDB_SV("{1}")));
    assert_int_equal(kdb_objects_get(f->objects, KDB_SV("a/manifest.json"), 2, f->arena, &got, NULL), KDB_LIMIT);
    assert_int_equal(kdb_objects_get(f->objects, KDB_SV("a/none"), 2, f->arena, &got, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "object 'a/none' of storage 'local' does not exist");
    assert_string_equal(list_of(f, "a"), "a/manifest.json=3");
}

static void hostile_names_are_refused_everywhere(void **state)
{
    fixture *f = *state;
    static const char *const names[] = { "",    "..",   "../x",  "a/../b", "/etc/passwd", "a//b", "a/",
                                         "./a", ".git", "a/.b",  "a*b",    "a?b",         "a[b",  "a\\b",
                                         "a b", "a\nb", "x.tmp", "a=b/c",  "\xc3\xa9" };
    for (size_t i = 0; i <= KDB_ARRAY_LEN(names); i++) {
        const kdb_sv name = i == KDB_ARRAY_LEN(names) ? kdb_sv_of("a\0b", 3) : kdb_sv_cstr(names[i]);
        kdb_sv out;
        kdb_object_lease *lease;
        listed list = { 0 };
        assert_int_equal(kdb_objects_stage(f->objects, name, f->arena, &out, NULL), KDB_INVALID);
        assert_int_equal(kdb_objects_commit(f->objects, &name, 1, NULL), KDB_INVALID);
        assert_int_equal(kdb_objects_put(f->objects, name, KDB_SV("x"), false, NULL), KDB_INVALID);
        assert_int_equal(kdb_objects_remove(f->objects, &name, 1, NULL), KDB_INVALID);
        assert_int_equal(kdb_objects_lease(f->objects, name, &lease, NULL), KDB_INVALID);
        assert_int_equal(kdb_objects_get(f->objects, name, 10, f->arena, &out, NULL), KDB_INVALID);
        assert_true(name.len == 0 || kdb_objects_list(f->objects, name, collect, &list, NULL) == KDB_INVALID);
        kdb_objects_abandon(f->objects, name);
    }
    assert_string_equal(names_in(at(f, ""), f->arena), "");
}

/* ---- reading ---- */

static void a_removed_object_stays_for_who_reads_it(void **state)
{
    fixture *f = *state;
    kdb_object_lease *first = NULL;
    kdb_object_lease *second = NULL;
    kdb_object_lease *third = NULL;
    stage(f, "a/b/x", "rows");
    commit(f, "a/b/x");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a/b/x"), &first, NULL), KDB_OK);
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a/b/x"), &second, NULL), KDB_OK);
    remove_one(f, "a/b/x");
    assert_string_equal(file_content(kdb_object_lease_path(first), f->arena), "rows");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a/b/x"), &third, NULL), KDB_NOT_FOUND);
    assert_string_equal(list_of(f, ""), "");
    kdb_object_lease_end(first);
    assert_string_equal(file_content(kdb_object_lease_path(second), f->arena), "rows");
    kdb_object_lease_end(second);
    assert_false(exists(at(f, "a")));
}

static void a_removed_object_that_comes_again_stays(void **state)
{
    fixture *f = *state;
    kdb_object_lease *lease = NULL;
    stage(f, "x", "old");
    commit(f, "x");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("x"), &lease, NULL), KDB_OK);
    remove_one(f, "x");
    stage(f, "x", "new");
    commit(f, "x");
    kdb_object_lease_end(lease);
    assert_string_equal(file_content(at(f, "x"), f->arena), "new");
}

static void leasing_what_is_no_object_fails(void **state)
{
    fixture *f = *state;
    kdb_object_lease *lease = NULL;
    kdb_err err = { 0 };
    stage(f, "a/x", "rows");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a/x"), &lease, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "object 'a/x' of storage 'local' does not exist");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a"), &lease, NULL), KDB_NOT_FOUND);
    commit(f, "a/x");
    assert_int_equal(kdb_objects_lease(f->objects, KDB_SV("a/x/y"), &lease, NULL), KDB_NOT_FOUND);
    assert_null(lease);
}

static void listing_tells_staged_from_objects_and_passes_others_over(void **state)
{
    fixture *f = *state;
    stage(f, "app/t/batch-0.parquet", "1234");
    commit(f, "app/t/batch-0.parquet");
    stage(f, "app/t/batch-1.parquet", "12");
    make_file(at(f, "app/t/manifest.json.a1B2c3.tmp"), "left by a crash");
    make_file(at(f, "app/t/.hidden"), "x");
    make_file(at(f, "app/my notes.txt"), "x");
    assert_int_equal(mkdir(at(f, "app/.git"), 0700), 0);
    make_file(at(f, "app/.git/config"), "x");
    assert_int_equal(symlink("/etc", at(f, "app/etc")), 0);
    assert_int_equal(symlink("t/batch-0.parquet", at(f, "app/link")), 0);
    assert_string_equal(list_of(f, ""),
                        "app/t/batch-0.parquet=4 app/t/batch-1.parquet.tmp=2* app/t/manifest.json.a1B2c3.tmp=15*");
    assert_string_equal(list_of(f, "app/t"), list_of(f, ""));
    assert_string_equal(list_of(f, "app/t/batch-0.parquet"), "");
    assert_string_equal(list_of(f, "none/at/all"), "");
}

static bool end_at_first(void *self, const kdb_object_info *info)
{
    (void)info;
    ++*(int *)self;
    return false;
}

static void a_listing_can_end_early(void **state)
{
    fixture *f = *state;
    int seen = 0;
    stage(f, "a/1", "x");
    stage(f, "b/1", "x");
    stage(f, "b/2", "x");
    assert_int_equal(kdb_objects_list(f->objects, KDB_SV(""), end_at_first, &seen, NULL), KDB_OK);
    assert_int_equal(seen, 1);
}

/* ---- health ---- */

static void a_healthy_storage_is_told_so(void **state)
{
    fixture *f = *state;
    kdb_objects_health health;
    stage(f, "a/x", "12345");
    commit(f, "a/x");
    kdb_objects_check(f->objects, true, f->arena, &health);
    assert_true(health.readable && health.writable && health.listable && health.deletable);
    assert_int_equal(health.used_bytes, 5);
    assert_true(health.total_bytes > 5 && health.latency_ms >= 0);
    assert_int_equal(health.error.len, 0);
    kdb_objects_check(f->objects, false, f->arena, &health);
    assert_int_equal(health.total_bytes, -1);
    assert_string_equal(list_of(f, ""), "a/x=5");
}

static void a_storage_that_has_gone_is_told_so(void **state)
{
    fixture *f = *state;
    kdb_objects_health health;
    assert_int_equal(rmdir(at(f, "")), 0);
    kdb_objects_check(f->objects, true, f->arena, &health);
    assert_false(health.readable || health.writable || health.listable || health.deletable);
    assert_true(health.error.len != 0);
}

/* ---- many at once ---- */

enum { THREADS = 4, ROUNDS = 200 };

typedef struct worker {
    fixture *f;
    int number;
} worker;

/* Each has its own object, in directories that all share and that come and go. */
static void write_lease_remove(void *arg)
{
    const worker *w = arg;
    kdb_objects *objects = w->f->objects;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (int i = 0; i < ROUNDS; i++) {
        kdb_sv path;
        kdb_object_lease *lease = NULL;
        kdb_arena_reset(arena);
        const kdb_sv name = kdb_sv_printf(arena, "d/%d/f%d", i % 2, w->number);
        KDB_ASSERT(kdb_objects_stage(objects, name, arena, &path, NULL) == KDB_OK);
        FILE *file = fopen(path.ptr, "w");
        KDB_ASSERT(file != NULL && fputs("rows", file) >= 0 && fclose(file) == 0);
        KDB_ASSERT(rename(path.ptr, kdb_sv_printf(arena, "%.*s.x%c", KDB_SV_ARG(path), '\0').ptr) ==
                   0); /* as DuckDB may */
        KDB_ASSERT(rename(kdb_sv_printf(arena, "%.*s.x%c", KDB_SV_ARG(path), '\0').ptr, path.ptr) == 0);
        if (i % 3 == 0) {
            kdb_objects_abandon(objects, name);
            continue;
        }
        KDB_ASSERT(i % 20 != 1 ? kdb_objects_put(objects, name, KDB_SV("rows"), false, NULL) == KDB_OK
                               : kdb_objects_commit(objects, &name, 1, NULL) == KDB_OK);
        KDB_ASSERT(kdb_objects_lease(objects, name, &lease, NULL) == KDB_OK);
        KDB_ASSERT(kdb_objects_remove(objects, &name, 1, NULL) == KDB_OK);
        KDB_ASSERT(access(kdb_object_lease_path(lease), R_OK) == 0);
        kdb_object_lease_end(lease);
        kdb_objects_abandon(objects, name);
    }
}

static void directories_come_and_go_under_many_writers(void **state)
{
    fixture *f = *state;
    worker workers[THREADS];
    kdb_thread threads[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){ f, i };
        kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, write_lease_remove, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
    }
    assert_string_equal(names_in(at(f, ""), f->arena), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(a_storage_is_a_link_that_goes_with_it),
        STORED(the_link_is_set_right_at_the_next_open),
        STORED(a_storage_is_found_by_its_id_until_it_is_dropped),
        STORED(bad_specs_are_refused),
        STORED(two_storages_share_no_directory),
        STORED(a_directory_without_its_mark_is_not_the_storage),
        STORED(a_directory_with_a_mark_is_taken),
        STORED(a_staged_file_becomes_an_object),
        STORED(an_abandoned_file_leaves_nothing),
        STORED(many_files_are_committed_together),
        STORED(one_missing_file_fails_a_commit_before_anything_is_renamed),
        STORED(a_put_replaces),
        STORED(hostile_names_are_refused_everywhere),
        STORED(a_removed_object_stays_for_who_reads_it),
        STORED(a_removed_object_that_comes_again_stays),
        STORED(leasing_what_is_no_object_fails),
        STORED(listing_tells_staged_from_objects_and_passes_others_over),
        STORED(a_listing_can_end_early),
        STORED(a_healthy_storage_is_told_so),
        STORED(a_storage_that_has_gone_is_told_so),
        STORED(directories_come_and_go_under_many_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
