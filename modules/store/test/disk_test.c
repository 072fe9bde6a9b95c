/* disk_test.c - a disk that is nearly full: who may still write, what the others are told, and that it ends by itself. */
#include "store_fixture.h"

#include <sys/statvfs.h>

typedef struct answer {
    kdb_commit commit;
    kdb_mutex lock;
    kdb_cond wake;
    bool came; /* guarded by lock, as the next */
    kdb_err err;
} answer;

static void take_answer(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    answer *self = KDB_CONTAINER_OF(commit, answer, commit);
    kdb_mutex_lock(&self->lock);
    self->came = true;
    self->err = err != NULL ? *err : (kdb_err){ .status = status };
    kdb_cond_signal(&self->wake);
    kdb_mutex_unlock(&self->lock);
}

/* As a user's statement does it. */
static kdb_err put_as_user(kdb_store *store, const char *key)
{
    answer self = { .commit = { .batch = kdb_batch_new(), .done = take_answer } };
    kdb_batch_put(self.commit.batch, part_a, kdb_sv_cstr(key), KDB_SV("1"));
    kdb_mutex_init(&self.lock, KDB_LOCK_QUEUE);
    kdb_cond_init(&self.wake);
    kdb_store_commit_async(store, &self.commit);
    kdb_mutex_lock(&self.lock);
    while (!self.came) {
        kdb_cond_wait(&self.wake, &self.lock);
    }
    kdb_mutex_unlock(&self.lock);
    kdb_cond_done(&self.wake);
    kdb_mutex_done(&self.lock);
    kdb_batch_free(self.commit.batch);
    return self.err;
}

static kdb_status put_as_server(kdb_store *store, const char *key, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, kdb_sv_cstr(key), KDB_SV("1"));
    return kdb_store_commit(store, batch, err);
}

static kdb_store *open_keeping(const char *path, int64_t min_free)
{
    kdb_store_options options = options_at(path, true);
    kdb_store *store = NULL;
    kdb_err err = { 0 };
    options.min_free_bytes = min_free;
    assert_int_equal(kdb_store_open(&options, &store, &err), KDB_OK);
    return store;
}

static int64_t free_bytes(void)
{
    struct statvfs info;
    assert_int_equal(statvfs(".", &info), 0);
    return (int64_t)info.f_bavail * (int64_t)info.f_frsize;
}

static void assert_nearly_full(kdb_status status, const kdb_err *err)
{
    assert_int_equal(status, KDB_OVERLOADED);
    assert_non_null(strstr(err->text, "disk is nearly full"));
}

static void users_are_refused_before_the_server_itself(void **state)
{
    (void)state;
    const char *path = fresh_path();
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_store *store =
        open_keeping(path, free_bytes() / 10 * 14); /* between that and its half there is much room for other tests */
    kdb_err err = put_as_user(store, "user");
    assert_nearly_full(err.status, &err);
    assert_nearly_full(kdb_store_check(store, &err), &err);
    assert_int_equal(put_as_server(store, "server", &err), KDB_OK);
    assert_null(value_of(store, NULL, part_a, "user", arena));
    assert_string_equal(value_of(store, NULL, part_a, "server", arena), "1");
    kdb_store_close(store);
}

static void at_last_nobody_writes_and_all_can_be_read(void **state)
{
    (void)state;
    const char *path = fresh_path();
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_store *store = open_keeping(path, 0);
    commit_put(store, part_a, "before", "1");
    kdb_store_close(store);
    store = open_keeping(path, INT64_MAX);
    kdb_err err;
    assert_nearly_full(put_as_server(store, "server", &err), &err);
    err = put_as_user(store, "user");
    assert_nearly_full(err.status, &err);
    assert_string_equal(walk(store, NULL, part_a, (kdb_iter_range){ 0 }, arena), "before=1");
    kdb_store_close(store);
}

/* Nothing of a refusal is remembered: the disk is asked each time. */
static void with_room_again_all_write(void **state)
{
    (void)state;
    kdb_store *store = open_keeping(fresh_path(), 1);
    assert_int_equal(put_as_user(store, "user").status, KDB_OK);
    assert_int_equal(put_as_server(store, "server", NULL), KDB_OK);
    assert_int_equal(kdb_store_check(store, NULL), KDB_OK);
    kdb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_refused_before_the_server_itself),
        cmocka_unit_test(at_last_nobody_writes_and_all_can_be_read),
        cmocka_unit_test(with_room_again_all_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
