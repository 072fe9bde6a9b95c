/* s3_test.c - storages that are buckets, against a real S3 server and one that misbehaves: run.js starts both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kdb/objects.h"

/* A real server answers in the end, however busy the machine is; one that never does is not waited for long. */
enum { CACHE_BYTES = 100000, PATIENT_MS = 60000, HASTY_MS = 1500 };

typedef struct fixture {
    kdb_arena *arena;
    kdb_datadir *datadir;
    kdb_object_stores *stores;
    kdb_objects *objects; /* in the real server */
} fixture;

static kdb_sv env(const char *name)
{
    const char *value = getenv(name);
    assert_non_null(value);
    return kdb_sv_cstr(value);
}

static kdb_objects *open_at(fixture *f, const char *id, const char *base, const char *endpoint, const char *secret)
{
    const kdb_objects_spec spec = {
        .id = kdb_sv_cstr(id),
        .type = KDB_SV("s3"),
        .base_directory = kdb_sv_cstr(base),
        .config_json =
            kdb_sv_printf(f->arena, "{\"endpoint\":\"%.*s\",\"path_style\":true}", KDB_SV_ARG(env(endpoint))),
        .credentials_json = kdb_sv_printf(f->arena, "{\"access_key_id\":\"%.*s\",\"secret_access_key\":\"%s\"}",
                                          KDB_SV_ARG(env("S3_ACCESS_KEY")), secret),
    };
    kdb_objects *objects = NULL;
    kdb_err err = { 0 };
    if (kdb_objects_open(f->stores, &spec, &objects, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return objects;
}

static kdb_objects *open_real(fixture *f, const char *id, const char *base)
{
    return open_at(f, id, base, "S3_ENDPOINT", getenv("S3_SECRET_KEY"));
}

static int set_up_with(void **state, int64_t request_ms)
{
    char data[] = "s3-XXXXXX";
    fixture *f = KDB_NEW(fixture);
    f->arena = kdb_arena_new(0);
    assert_non_null(mkdtemp(data));
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(data), &f->datadir, NULL), KDB_OK);
    f->stores = kdb_object_stores_new(&(kdb_object_stores_options){ .datadir = f->datadir,
                                                                    .cache_bytes = CACHE_BYTES,
                                                                    .connect_timeout_ms = request_ms,
                                                                    .request_timeout_ms = request_ms });
    f->objects = open_real(f, "bucket", "s3://cold/deep/down");
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, PATIENT_MS);
}

static int set_up_hasty(void **state)
{
    return set_up_with(state, HASTY_MS);
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

/* ---- helpers ---- */

static void ok(kdb_status status, const kdb_err *err)
{
    if (status != KDB_OK) {
        fail_msg("%s", err->text);
    }
}

static void write_file(const char *path, kdb_sv content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.ptr, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
}

static void stage(fixture *f, kdb_objects *objects, kdb_sv name, kdb_sv content)
{
    kdb_sv path;
    kdb_err err = { 0 };
    ok(kdb_objects_stage(objects, name, f->arena, &path, &err), &err);
    write_file(path.ptr, content);
}

static void store(fixture *f, kdb_objects *objects, kdb_sv name, kdb_sv content)
{
    kdb_err err = { 0 };
    stage(f, objects, name, content);
    ok(kdb_objects_commit(objects, &name, 1, &err), &err);
}

static kdb_object_lease *lease_ok(kdb_objects *objects, kdb_sv name)
{
    kdb_object_lease *lease = NULL;
    kdb_err err = { 0 };
    ok(kdb_objects_lease(objects, name, &lease, &err), &err);
    return lease;
}

static kdb_sv read_path(fixture *f, const char *path)
{
    kdb_sv content;
    kdb_err err = { 0 };
    ok(kdb_file_read(path, SIZE_MAX / 2, f->arena, &content, &err), &err);
    return content;
}

static void assert_leased_content(fixture *f, kdb_objects *objects, kdb_sv name, kdb_sv want)
{
    KDB_CLEANUP(kdb_object_lease_endp) kdb_object_lease *lease = lease_ok(objects, name);
    assert_true(kdb_sv_eq(read_path(f, kdb_object_lease_path(lease)), want));
}

static kdb_sv random_bytes(fixture *f, size_t len)
{
    char *bytes = kdb_arena_alloc_raw(f->arena, len);
    kdb_random_bytes(bytes, len);
    return kdb_sv_of(bytes, len);
}

static bool count_object(void *self, const kdb_object_info *info)
{
    assert_false(info->staged);
    ++*(size_t *)self;
    return true;
}

static size_t count_below(kdb_objects *objects, kdb_sv prefix)
{
    size_t count = 0;
    kdb_err err = { 0 };
    ok(kdb_objects_list(objects, prefix, count_object, &count, &err), &err);
    return count;
}

static void remove_ok(kdb_objects *objects, kdb_sv name)
{
    kdb_err err = { 0 };
    ok(kdb_objects_remove(objects, &name, 1, &err), &err);
}

/* ---- a real server ---- */

static void what_is_put_is_got_listed_and_removed(void **state)
{
    fixture *f = *state;
    kdb_sv got;
    kdb_err err = { 0 };
    const kdb_sv names[] = { KDB_SV("a/plain.json"), KDB_SV("a/%2E%2E/x%20y"), KDB_SV("a/Ann@example.org/b-0_1.x") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        ok(kdb_objects_put(f->objects, names[i], names[i], true, &err), &err);
        ok(kdb_objects_put(f->objects, names[i], KDB_SV("again"), false, &err), &err);
        ok(kdb_objects_get(f->objects, names[i], 5, f->arena, &got, &err), &err);
        assert_true(kdb_sv_eq(got, KDB_SV("again")));
        assert_int_equal(kdb_objects_get(f->objects, names[i], 4, f->arena, &got, NULL), KDB_LIMIT);
    }
    assert_int_equal(count_below(f->objects, KDB_SV("a")), 3);
    assert_int_equal(count_below(f->objects, KDB_SV("a/Ann@example.org")), 1);
    assert_int_equal(count_below(f->objects, KDB_SV("a/pl")), 0);
    ok(kdb_objects_remove(f->objects, names, KDB_ARRAY_LEN(names), &err), &err);
    ok(kdb_objects_remove(f->objects, names, KDB_ARRAY_LEN(names), &err), &err);
    assert_int_equal(count_below(f->objects, KDB_SV("")), 0);
    assert_int_equal(kdb_objects_get(f->objects, names[0], 5, f->arena, &got, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "object 'a/plain.json' of storage 'bucket' does not exist");
}

static void a_prefix_is_a_storage_of_its_own(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *whole = open_real(f, "whole", "s3://cold");
    store(f, f->objects, KDB_SV("t/x"), KDB_SV("rows"));
    store(f, whole, KDB_SV("t/x"), KDB_SV("others"));
    assert_int_equal(count_below(f->objects, KDB_SV("")), 1);
    assert_int_equal(count_below(whole, KDB_SV("")), 2);
    assert_leased_content(f, f->objects, KDB_SV("t/x"), KDB_SV("rows"));
    assert_leased_content(f, whole, KDB_SV("deep/down/t/x"), KDB_SV("rows"));
    assert_leased_content(f, whole, KDB_SV("t/x"), KDB_SV("others"));
    remove_ok(f->objects, KDB_SV("t/x"));
    remove_ok(whole, KDB_SV("t/x"));
}

static void many_objects_are_committed_and_listed(void **state)
{
    fixture *f = *state;
    enum { MANY = 200 };
    kdb_err err = { 0 };
    kdb_sv *names = KDB_ARENA_ARRAY(f->arena, kdb_sv, MANY);
    for (size_t i = 0; i < MANY; i++) {
        names[i] = kdb_sv_printf(f->arena, "t/u%zu/batch-0.parquet", i);
        stage(f, f->objects, names[i], KDB_SV("rows"));
    }
    const int64_t start = kdb_monotonic_us();
    ok(kdb_objects_commit(f->objects, names, MANY, &err), &err);
    print_message("%d uploads/s\n", (int)(MANY * INT64_C(1000000) / (kdb_monotonic_us() - start + 1)));
    assert_int_equal(count_below(f->objects, KDB_SV("t")), MANY);
    ok(kdb_objects_remove(f->objects, names, MANY, &err), &err);
    assert_int_equal(count_below(f->objects, KDB_SV("t")), 0);
}

/* One byte below, at and above the size from which there are parts, and a size that is no multiple of a part. */
static void large_files_go_in_parts_and_come_back(void **state)
{
    fixture *f = *state;
    static const size_t sizes[] = { (16 << 20), (16 << 20) + 1, (24 << 20) + 12345 };
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *other = open_real(f, "other", "s3://cold/deep/down");
    for (size_t i = 0; i < KDB_ARRAY_LEN(sizes); i++) {
        const kdb_sv content = random_bytes(f, sizes[i]);
        store(f, f->objects, KDB_SV("big/x"), content);
        assert_leased_content(f, other, KDB_SV("big/x"), content);
        remove_ok(other, KDB_SV("big/x"));
    }
    remove_ok(f->objects, KDB_SV("big/x"));
}

static void an_empty_file_is_an_object(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *other = open_real(f, "other", "s3://cold/deep/down");
    store(f, f->objects, KDB_SV("e"), KDB_SV(""));
    assert_leased_content(f, other, KDB_SV("e"), KDB_SV(""));
    remove_ok(f->objects, KDB_SV("e"));
}

static void a_healthy_bucket_is_told_so(void **state)
{
    fixture *f = *state;
    kdb_objects_health health;
    kdb_objects_check(f->objects, true, f->arena, &health);
    assert_true(health.readable && health.writable && health.listable && health.deletable);
    assert_int_equal(health.used_bytes, 0);
    assert_int_equal(health.total_bytes, -1);
    assert_int_equal(health.error.len, 0);
}

static void assert_unusable(fixture *f, kdb_objects *objects /* taken */, const char *want)
{
    kdb_objects_health health;
    kdb_objects_check(objects, true, f->arena, &health);
    kdb_objects_unref(objects);
    const char *error = kdb_sv_dup_cstr(f->arena, health.error);
    if (health.readable || health.writable || health.listable || health.deletable || strstr(error, want) == NULL ||
        strstr(error, getenv("S3_SECRET_KEY")) != NULL || strstr(error, "wrong-secret") != NULL) {
        fail_msg("%s", error);
    }
}

static void what_is_wrong_is_told_without_the_credentials(void **state)
{
    fixture *f = *state;
    const char *secret = getenv("S3_SECRET_KEY");
    assert_unusable(f, open_at(f, "a", "s3://cold", "S3_FAULTY", "wrong-secret"), "403 SignatureDoesNotMatch");
    assert_unusable(f, open_at(f, "b", "s3://no-such-bucket", "S3_ENDPOINT", secret), "404 NoSuchBucket");
    assert_unusable(f, open_at(f, "c", "s3://cold/denied", "S3_FAULTY", secret), "403 AccessDenied");
    setenv("S3_NOBODY", "http://127.0.0.1:1", 1);
    assert_unusable(f, open_at(f, "e", "s3://cold", "S3_NOBODY", secret), "Failed to connect");
}

/* ---- the cache ---- */

static const char *cache_folder(fixture *f, const char *id)
{
    return kdb_sv_printf(f->arena, "%s/%s%c", kdb_datadir_storages(f->datadir), id, '\0').ptr;
}

static bool is_cached(fixture *f, kdb_object_lease **lease, kdb_sv name)
{
    (void)f;
    (void)name;
    struct stat info;
    return stat(kdb_object_lease_path(*lease), &info) == 0;
}

static void copies_that_nobody_reads_are_bounded(void **state)
{
    fixture *f = *state;
    enum { COUNT = 6, BYTES = 30000 };
    const char *paths[COUNT];
    kdb_sv names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = kdb_sv_printf(f->arena, "c/%zu", i);
        store(f, f->objects, names[i], random_bytes(f, BYTES));
        kdb_object_lease *lease = lease_ok(f->objects, names[i]);
        paths[i] = kdb_sv_dup_cstr(f->arena, kdb_sv_cstr(kdb_object_lease_path(lease)));
        kdb_object_lease_end(lease);
        kdb_object_lease_end(lease_ok(f->objects, names[0])); /* the latest used stay */
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(access(paths[i], F_OK) == 0, i == 0 || i >= COUNT - 2);
    }
    remove_ok(f->objects, names[0]);
    assert_int_not_equal(access(paths[0], F_OK), 0);
    kdb_err err = { 0 };
    ok(kdb_objects_remove(f->objects, names, COUNT, &err), &err);
}

static void what_is_read_stays_whatever_the_bound(void **state)
{
    fixture *f = *state;
    enum { COUNT = 5, BYTES = 50000 };
    kdb_object_lease *leases[COUNT];
    kdb_sv names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = kdb_sv_printf(f->arena, "c/%zu", i);
        store(f, f->objects, names[i], random_bytes(f, BYTES));
        leases[i] = lease_ok(f->objects, names[i]);
    }
    remove_ok(f->objects, names[2]);
    kdb_object_lease *late = NULL;
    assert_int_equal(kdb_objects_lease(f->objects, names[2], &late, NULL), KDB_NOT_FOUND);
    size_t there = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(is_cached(f, &leases[i], names[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        const char *path = kdb_sv_dup_cstr(f->arena, kdb_sv_cstr(kdb_object_lease_path(leases[i])));
        kdb_object_lease_end(leases[i]);
        there += access(path, F_OK) == 0;
        assert_true(i != 2 || access(path, F_OK) != 0);
    }
    assert_int_equal(there, 4); /* each as it ended; the bound then sent the first away */
    kdb_err err = { 0 };
    ok(kdb_objects_remove(f->objects, names, COUNT, &err), &err);
}

static void the_cache_goes_with_the_storage(void **state)
{
    fixture *f = *state;
    store(f, f->objects, KDB_SV("x/y"), KDB_SV("rows"));
    kdb_objects *other = open_real(f, "other", "s3://cold/deep/down");
    kdb_objects *again = open_real(f, "other", "s3://cold/deep/down");
    assert_leased_content(f, other, KDB_SV("x/y"), KDB_SV("rows"));
    assert_leased_content(f, again, KDB_SV("x/y"), KDB_SV("rows"));
    kdb_objects_unref(other);
    assert_leased_content(f, again, KDB_SV("x/y"), KDB_SV("rows"));
    kdb_objects_unref(again);
    assert_int_not_equal(access(cache_folder(f, "other"), F_OK), 0);
    remove_ok(f->objects, KDB_SV("x/y"));
}

/* ---- a server that misbehaves ---- */

static kdb_objects *open_faulty(fixture *f)
{
    return open_at(f, "faulty", "s3://any", "S3_FAULTY", getenv("S3_SECRET_KEY"));
}

static int64_t number_at(fixture *f, kdb_objects *objects, kdb_sv name)
{
    kdb_sv text;
    kdb_err err = { 0 };
    int64_t number = -1;
    ok(kdb_objects_get(objects, name, 20, f->arena, &text, &err), &err);
    assert_int_equal(kdb_parse_i64(text, &number, NULL), KDB_OK);
    return number;
}

static void passing_faults_are_sat_out(void **state)
{
    fixture *f = *state;
    static const char *const faults[] = { "busy-2", "broken-2" };
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    for (size_t i = 0; i < KDB_ARRAY_LEN(faults); i++) {
        const kdb_sv name = kdb_sv_printf(f->arena, "%s/x", faults[i]);
        const kdb_sv content = random_bytes(f, 300000);
        kdb_objects *other = open_at(f, "other", "s3://any", "S3_FAULTY", getenv("S3_SECRET_KEY"));
        store(f, faulty, name, content);
        assert_leased_content(f, other, name, content);
        assert_int_equal(number_at(f, faulty, kdb_sv_printf(f->arena, "count/PUT/%.*s", KDB_SV_ARG(name))), 3);
        assert_int_equal(number_at(f, faulty, kdb_sv_printf(f->arena, "count/GET/%.*s", KDB_SV_ARG(name))), 3);
        remove_ok(faulty, name);
        kdb_objects_unref(other);
    }
}

static void what_is_refused_is_not_tried_again(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    kdb_err err = { 0 };
    const kdb_sv name = KDB_SV("denied/x");
    stage(f, faulty, name, KDB_SV("rows"));
    assert_int_equal(kdb_objects_commit(faulty, &name, 1, &err), KDB_IO);
    assert_string_equal(err.text, "storage 'faulty': PUT denied/x: answered 403 AccessDenied");
    kdb_objects_abandon(faulty, name);
    assert_int_equal(number_at(f, faulty, KDB_SV("count/PUT/denied/x")), 1);
}

static void a_server_that_does_not_answer_is_told(void **state)
{
    fixture *f = *state;
    assert_unusable(f, open_at(f, "d", "s3://cold/hang", "S3_FAULTY", getenv("S3_SECRET_KEY")),
                    "no answer within 1500 ms");
}

static void faults_that_last_are_told(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    kdb_err err = { 0 };
    const kdb_sv names[] = { KDB_SV("busy-99/x"), KDB_SV("broken-99/x") };
    const char *wants[] = { "storage 'faulty': PUT busy-99/x: answered 503 SlowDown",
                            "storage 'faulty': PUT broken-99/x: " };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        assert_int_equal(kdb_objects_put(faulty, names[i], random_bytes(f, 1000), true, &err), KDB_IO);
        assert_int_equal(strncmp(err.text, wants[i], strlen(wants[i])), 0);
        const kdb_sv count = kdb_sv_printf(f->arena, "count/PUT/%.*s", KDB_SV_ARG(names[i]));
        assert_int_equal(number_at(f, faulty, count), 5);
    }
}

static void an_upload_in_parts_that_fails_is_aborted(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    kdb_err err = { 0 };
    const kdb_sv name = KDB_SV("odd/x");
    stage(f, faulty, name, random_bytes(f, (17 << 20)));
    assert_int_equal(kdb_objects_commit(faulty, &name, 1, &err), KDB_IO);
    assert_string_equal(err.text, "storage 'faulty': a part of an upload has no ETag");
    assert_int_equal(number_at(f, faulty, KDB_SV("open/uploads")), 0);
    kdb_objects_abandon(faulty, name);
}

static void an_upload_in_parts_sits_out_faults_and_lost_answers(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    KDB_CLEANUP(kdb_objects_unrefp)
    kdb_objects *other = open_at(f, "other", "s3://any", "S3_FAULTY", getenv("S3_SECRET_KEY"));
    const kdb_sv names[] = { KDB_SV("busy-1/big"), KDB_SV("broken-1/big"), KDB_SV("lost/big") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        const kdb_sv content = random_bytes(f, (17 << 20) + 7);
        store(f, faulty, names[i], content);
        assert_leased_content(f, other, names[i], content);
        assert_int_equal(number_at(f, faulty, KDB_SV("open/uploads")), 0);
    }
}

static void requests_are_signed(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    const kdb_sv name = KDB_SV("a/%2E%20/Ann@example.org/b-0_1.x");
    kdb_sv got;
    kdb_err err = { 0 };
    ok(kdb_objects_put(faulty, name, KDB_SV("rows"), true, &err), &err);
    ok(kdb_objects_get(faulty, name, 4, f->arena, &got, &err), &err);
    assert_true(kdb_sv_eq(got, KDB_SV("rows")));
    assert_int_equal(count_below(faulty, KDB_SV("pages")), 2);
    remove_ok(faulty, name);
    assert_int_equal(kdb_objects_get(faulty, name, 4, f->arena, &got, NULL), KDB_NOT_FOUND);
}

static void a_session_token_is_sent_and_signed(void **state)
{
    fixture *f = *state;
    kdb_objects *objects = NULL;
    kdb_sv got;
    kdb_err err = { 0 };
    const kdb_objects_spec spec = {
        .id = KDB_SV("session"),
        .type = KDB_SV("s3"),
        .base_directory = KDB_SV("s3://any"),
        .config_json = kdb_sv_printf(f->arena, "{\"endpoint\":\"%.*s\"}", KDB_SV_ARG(env("S3_FAULTY"))),
        .credentials_json = kdb_sv_printf(
            f->arena, "{\"access_key_id\":\"%.*s\",\"secret_access_key\":\"%.*s\",\"session_token\":\"a/b+c==\"}",
            KDB_SV_ARG(env("S3_ACCESS_KEY")), KDB_SV_ARG(env("S3_SECRET_KEY"))),
    };
    ok(kdb_objects_open(f->stores, &spec, &objects, &err), &err);
    const kdb_status status = kdb_objects_get(objects, KDB_SV("token/x"), 100, f->arena, &got, &err);
    kdb_objects_unref(objects);
    ok(status, &err);
    assert_true(kdb_sv_eq(got, KDB_SV("a/b+c==")));
}

static void bad_listings_fail(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    static const char *const prefixes[] = { "endless", "page", "torn" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(prefixes); i++) {
        size_t count = 0;
        assert_int_equal(kdb_objects_list(faulty, kdb_sv_cstr(prefixes[i]), count_object, &count, NULL), KDB_IO);
    }
}

enum { READERS = 8 };

typedef struct reader {
    kdb_objects *objects;
    kdb_sv name;
    kdb_status status;
    kdb_object_lease *lease;
    kdb_err err;
} reader;

static void lease_once(void *arg)
{
    reader *r = arg;
    r->status = kdb_objects_lease(r->objects, r->name, &r->lease, &r->err);
}

static void lease_by_many(kdb_objects *objects, kdb_sv name, reader *readers)
{
    kdb_thread threads[READERS] = { 0 };
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){ .objects = objects, .name = name };
        kdb_thread_start(&threads[i], "reader", KDB_THREAD_ANY, lease_once, &readers[i]);
    }
    for (int i = 0; i < READERS; i++) {
        kdb_thread_join(&threads[i]);
    }
}

/* The download takes three attempts, which is time enough for all to ask. */
static void many_who_ask_at_once_share_one_download(void **state)
{
    fixture *f = *state;
    reader readers[READERS];
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    KDB_CLEANUP(kdb_objects_unrefp)
    kdb_objects *other = open_at(f, "other", "s3://any", "S3_FAULTY", getenv("S3_SECRET_KEY"));
    const kdb_sv content = random_bytes(f, 100000);
    store(f, faulty, KDB_SV("busy-2/shared"), content);
    lease_by_many(other, KDB_SV("busy-2/shared"), readers);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, KDB_OK);
        assert_true(kdb_sv_eq(read_path(f, kdb_object_lease_path(readers[i].lease)), content));
        kdb_object_lease_end(readers[i].lease);
    }
    assert_int_equal(number_at(f, faulty, KDB_SV("count/GET/busy-2/shared")), 3);
    lease_by_many(other, KDB_SV("busy-4/absent"), readers);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, KDB_NOT_FOUND);
        assert_string_equal(readers[i].err.text, "object 'busy-4/absent' of storage 'other' does not exist");
    }
    assert_int_equal(number_at(f, faulty, KDB_SV("count/GET/busy-4/absent")), 5);
}

static void stop_soon(void *arg)
{
    const struct timespec some = { .tv_nsec = 100000000L };
    (void)nanosleep(&some, NULL);
    kdb_object_stores_stop(arg);
}

static void calls_give_up_when_the_server_stops(void **state)
{
    fixture *f = *state;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *faulty = open_faulty(f);
    kdb_thread thread = { 0 };
    kdb_sv got;
    kdb_err err = { 0 };
    kdb_thread_start(&thread, "stopper", KDB_THREAD_ANY, stop_soon, f->stores);
    const kdb_status status = kdb_objects_get(faulty, KDB_SV("hang/x"), 10, f->arena, &got, &err);
    kdb_thread_join(&thread);
    assert_int_equal(status, KDB_CANCELLED);
    assert_string_equal(err.text, "storage 'faulty': GET hang/x: the server stops");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define HASTY(fn) cmocka_unit_test_setup_teardown(fn, set_up_hasty, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_put_is_got_listed_and_removed),
        CASE(a_prefix_is_a_storage_of_its_own),
        CASE(many_objects_are_committed_and_listed),
        CASE(large_files_go_in_parts_and_come_back),
        CASE(an_empty_file_is_an_object),
        CASE(a_healthy_bucket_is_told_so),
        CASE(what_is_wrong_is_told_without_the_credentials),
        CASE(copies_that_nobody_reads_are_bounded),
        CASE(what_is_read_stays_whatever_the_bound),
        CASE(the_cache_goes_with_the_storage),
        CASE(passing_faults_are_sat_out),
        CASE(what_is_refused_is_not_tried_again),
        HASTY(a_server_that_does_not_answer_is_told),
        CASE(faults_that_last_are_told),
        CASE(an_upload_in_parts_that_fails_is_aborted),
        CASE(an_upload_in_parts_sits_out_faults_and_lost_answers),
        CASE(requests_are_signed),
        CASE(a_session_token_is_sent_and_signed),
        CASE(bad_listings_fail),
        CASE(many_who_ask_at_once_share_one_download),
        CASE(calls_give_up_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
