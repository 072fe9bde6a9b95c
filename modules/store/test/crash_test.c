/* crash_test.c - what RocksDB keeps: over a close, over kill -9, and when the disk refuses a write.
 * Each store is opened in a child process of its own: RocksDB's threads do not survive a fork, so the parent has none. */
#include "store_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* For children, where cmocka's assertions must not return into the parent's list of tests. */
#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                                           \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static pid_t start_child(void (*run)(const char *path, void *arg), const char *path, void *arg)
{
    (void)fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        run(path, arg);
        exit(0);
    }
    return pid;
}

static void in_child(void (*run)(const char *path, void *arg), const char *path, void *arg)
{
    int status = 0;
    const pid_t pid = start_child(run, path, arg);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- over a close ---- */

static void write_and_close(const char *path, void *arg)
{
    const bool *sync = arg;
    kdb_store *store = open_at(path, *sync);
    commit_put(store, part_a, "a", "1");
    commit_put(store, part_b, "b", "2");
    commit_put(store, part_b, "gone", "");
    commit_delete(store, part_b, "gone");
    kdb_store_close(store);
}

static void check_reopened(const char *path, void *arg)
{
    const bool *sync = arg;
    kdb_store *store = open_at(path, *sync);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    CHECK(strcmp(walk(store, NULL, part_a, (kdb_iter_range){ 0 }, arena), "a=1") == 0);
    CHECK(strcmp(walk(store, NULL, part_b, (kdb_iter_range){ 0 }, arena), "b=2") == 0);
    kdb_store_close(store);
}

static void a_closed_store_reopens_with_its_content_in_either_mode(void **state)
{
    (void)state;
    bool modes[] = { false, true };
    for (size_t written = 0; written < 2; written++) {
        const char *path = fresh_path();
        in_child(write_and_close, path, &modes[written]);
        in_child(check_reopened, path, &modes[written]);
        in_child(check_reopened, path, &modes[1 - written]);
    }
}

/* ---- over kill -9 ---- */

enum { IN_FLIGHT = 8, VALUE_BYTES = 700 };

typedef struct stream stream;
typedef struct number_commit {
    kdb_commit commit;
    stream *stream;
    uint64_t number;
} number_commit;

/* Commits numbers for ever, each in one batch with two rows, and reports those that were acknowledged. The first is committed by who
 * makes it, all others by the committer, so that they come in order. */
struct stream {
    kdb_store *store;
    uint64_t next;
    int report; /* pipe */
    number_commit flights[IN_FLIGHT];
    size_t nflights;
};

static void commit_next(number_commit *self);

static void start_flight(stream *self)
{
    number_commit *flight = &self->flights[self->nflights++];
    flight->stream = self;
    commit_next(flight);
}

static void report_and_go_on(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    number_commit *self = KDB_CONTAINER_OF(commit, number_commit, commit);
    CHECK(status == KDB_OK && err == NULL);
    CHECK(write(self->stream->report, &self->number, sizeof(self->number)) == (ssize_t)sizeof(self->number));
    kdb_batch_free(commit->batch);
    while (self->stream->nflights < IN_FLIGHT) {
        start_flight(self->stream);
    }
    commit_next(self);
}

static void commit_next(number_commit *self)
{
    char key[8];
    char value[VALUE_BYTES];
    self->number = self->stream->next++;
    kdb_put_be64(key, self->number);
    memset(value, (int)(self->number & 0x7f), sizeof(value));
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, kdb_sv_of(key, sizeof(key)), kdb_sv_of(value, 1 + self->number % VALUE_BYTES));
    kdb_batch_put(batch, part_b, kdb_sv_of(key, sizeof(key)), KDB_SV("pair"));
    self->commit = (kdb_commit){ .batch = batch, .done = report_and_go_on };
    kdb_store_commit_async(self->stream->store, &self->commit);
}

/* A write buffer so small that log files are switched many times a second. */
static kdb_store *open_small(const char *path)
{
    kdb_store_options options = options_at(path, true);
    options.write_buffer_bytes = 512 * 1024;
    kdb_store *store = NULL;
    kdb_err err = { 0 };
    if (kdb_store_open(&options, &store, &err) != KDB_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return store;
}

static void commit_until_killed(const char *path, void *arg)
{
    stream *self = arg;
    self->store = open_small(path);
    start_flight(self);
    for (;;) {
        pause();
    }
}

static void check_row(const kdb_iter *row, const kdb_iter *pair, uint64_t number)
{
    char key[8];
    kdb_put_be64(key, number);
    CHECK(kdb_sv_eq(kdb_iter_key(row), kdb_sv_of(key, sizeof(key))));
    CHECK(kdb_sv_eq(kdb_iter_key(pair), kdb_sv_of(key, sizeof(key))));
    const kdb_sv value = kdb_iter_value(row);
    CHECK(value.len == 1 + number % VALUE_BYTES);
    CHECK(value.ptr[0] == (char)(number & 0x7f) && value.ptr[value.len - 1] == value.ptr[0]);
}

/* All numbers from 0 without a gap, each whole; *arg comes in as what was acknowledged. Reports how many there are. */
static void check_numbers(const char *path, void *arg)
{
    const stream *self = arg;
    kdb_store *store = open_small(path);
    kdb_iter *row = kdb_iter_new(store, NULL, part_a, (kdb_iter_range){ .scan = true });
    kdb_iter *pair = kdb_iter_new(store, NULL, part_b, (kdb_iter_range){ .scan = true });
    uint64_t count = 0;
    for (; kdb_iter_valid(row) && kdb_iter_valid(pair); kdb_iter_next(row), kdb_iter_next(pair)) {
        check_row(row, pair, count++);
    }
    CHECK(!kdb_iter_valid(row) && !kdb_iter_valid(pair));
    CHECK(kdb_iter_status(row, NULL) == KDB_OK && kdb_iter_status(pair, NULL) == KDB_OK);
    CHECK(count >= self->next);
    kdb_iter_free(row);
    kdb_iter_free(pair);
    kdb_store_close(store);
    CHECK(write(self->report, &count, sizeof(count)) == (ssize_t)sizeof(count));
}

/* Kills a child once it has reported `acks` numbers; returns the number behind the greatest it ever reported. */
static uint64_t kill_after(const char *path, uint64_t first, size_t acks)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    stream self = { .next = first, .report = ends[1] };
    const pid_t pid = start_child(commit_until_killed, path, &self);
    close(ends[1]);
    uint64_t number;
    uint64_t behind = first;
    for (size_t got = 0; read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number); got++) {
        behind = number >= behind ? number + 1 : behind;
        if (got == acks) {
            kill(pid, SIGKILL);
        }
    }
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return behind;
}

static uint64_t count_numbers(const char *path, uint64_t acknowledged)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    stream self = { .next = acknowledged, .report = ends[1] };
    in_child(check_numbers, path, &self);
    uint64_t count;
    assert_int_equal(read(ends[0], &count, sizeof(count)), sizeof(count));
    close(ends[0]);
    close(ends[1]);
    return count;
}

static void a_killed_server_has_all_it_acknowledged(void **state)
{
    (void)state;
    static const size_t acks[] = { 20, 3000, 1, 5000, 500 };
    const char *path = fresh_path();
    uint64_t count = 0;
    for (size_t i = 0; i < KDB_ARRAY_LEN(acks); i++) {
        count = count_numbers(path, kill_after(path, count, acks[i]));
    }
    assert_in_range(count, 8000, 1000000);
}

/* ---- a disk that refuses ---- */

/* The log may end in the middle of a record: nothing may follow it, though there is room again. */
static void stays_shut(kdb_store *store)
{
    kdb_err err = { 0 };
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, KDB_SV("later"), KDB_SV("1"));
    CHECK(kdb_store_commit(store, batch, &err) == KDB_IO);
    CHECK(strstr(err.text, "File too large") != NULL && strstr(err.text, "must be started again") != NULL);
    CHECK(kdb_store_check(store, &err) == KDB_IO);
    CHECK(kdb_store_checkpoint(store, fresh_path(), &err) == KDB_IO);
    kdb_store_write_out(store);
    kdb_batch_free(batch);
}

/* Files may not grow past what the log needs for small writes, as on a full disk. */
static void write_on_a_full_disk(const char *path, void *arg)
{
    enum { LARGE_BYTES = 24 * 1024 * 1024 };
    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    kdb_store *store = open_at(path, true);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    commit_put(store, part_a, "before", "1");
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 20 * 1024 * 1024, RLIM_INFINITY }) == 0);
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, KDB_SV("large"), kdb_sv_of(kdb_arena_alloc(arena, LARGE_BYTES), LARGE_BYTES));
    kdb_err err = { 0 };
    CHECK(kdb_store_commit(store, batch, &err) == KDB_IO);
    CHECK(strstr(err.text, "File too large") != NULL);
    CHECK(value_of(store, NULL, part_a, "large", arena) == NULL);
    CHECK(strcmp(value_of(store, NULL, part_a, "before", arena), "1") == 0);
    kdb_batch_free(batch);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }) == 0);
    stays_shut(store);
    kdb_store_close(store);
}

static void check_after_full_disk(const char *path, void *arg)
{
    (void)arg;
    kdb_store *store = open_at(path, true);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    CHECK(strcmp(value_of(store, NULL, part_a, "before", arena), "1") == 0);
    CHECK(value_of(store, NULL, part_a, "large", arena) == NULL);
    CHECK(value_of(store, NULL, part_a, "later", arena) == NULL);
    CHECK(kdb_store_check(store, NULL) == KDB_OK);
    commit_put(store, part_a, "after", "2");
    kdb_store_close(store);
}

static void a_failed_write_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    const char *path = fresh_path();
    in_child(write_on_a_full_disk, path, NULL);
    in_child(check_after_full_disk, path, NULL);
}

/* ---- opening that fails ---- */

static void fail_to_open(const char *path, void *arg)
{
    const char *expected = arg;
    const kdb_store_options options = options_at(path, true);
    kdb_store *store = NULL;
    kdb_err err = { 0 };
    CHECK(kdb_store_open(&options, &store, &err) == KDB_IO);
    CHECK(store == NULL);
    CHECK(strstr(err.text, path) != NULL && strstr(err.text, expected) != NULL);
}

static void open_twice(const char *path, void *arg)
{
    kdb_store *store = open_at(path, false);
    fail_to_open(path, arg);
    kdb_store_close(store);
}

static void a_failed_open_says_where_and_why(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/no/such/place", fresh_path());
    in_child(fail_to_open, path, "No such file or directory");
    in_child(open_twice, fresh_path(), "lock");
}

static void damage_tables(const char *path, void *arg)
{
    (void)arg;
    char command[256];
    (void)snprintf(command, sizeof(command), "for f in %s/*.sst; do printf damaged > $f; done", path);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a path of our own making */
    const kdb_store_options options = options_at(path, true);
    kdb_store *store = NULL;
    kdb_err err = { 0 };
    CHECK(kdb_store_open(&options, &store, &err) == KDB_CORRUPT);
    CHECK(strstr(err.text, "Corruption") != NULL);
}

static void damaged_files_are_corruption(void **state)
{
    (void)state;
    bool sync = true;
    const char *path = fresh_path();
    in_child(write_and_close, path, &sync);
    in_child(damage_tables, path, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_store_reopens_with_its_content_in_either_mode),
        cmocka_unit_test(a_killed_server_has_all_it_acknowledged),
        cmocka_unit_test(a_failed_write_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_failed_open_says_where_and_why),
        cmocka_unit_test(damaged_files_are_corruption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
