/* committer_test.c - commits: answered once, in order, in groups, and all of them before the store is closed. */
#include "store_fixture.h"

#include <stdio.h>

enum { THREADS = 8, COMMITS_PER_THREAD = 500, COMMITS = THREADS * COMMITS_PER_THREAD };

/* Counts down to zero, where one thread waits. */
typedef struct latch {
    kdb_mutex lock;
    kdb_cond zero;
    size_t left; /* guarded by lock */
} latch;

static void latch_init(latch *self, size_t count)
{
    kdb_mutex_init(&self->lock, KDB_LOCK_QUEUE);
    kdb_cond_init(&self->zero);
    self->left = count;
}

static void latch_count_down(latch *self)
{
    kdb_mutex_lock(&self->lock);
    if (--self->left == 0) {
        kdb_cond_signal(&self->zero);
    }
    kdb_mutex_unlock(&self->lock);
}

static void latch_wait(latch *self)
{
    kdb_mutex_lock(&self->lock);
    while (self->left != 0) {
        kdb_cond_wait(&self->zero, &self->lock);
    }
    kdb_mutex_unlock(&self->lock);
}

static void latch_done(latch *self)
{
    kdb_cond_done(&self->zero);
    kdb_mutex_done(&self->lock);
}

/* What the committer told us; written on its thread, read once all is answered. */
typedef struct record {
    kdb_store *store;
    latch unanswered;
    size_t answers;
    size_t failures;
    size_t groups;
    bool in_group;           /* answers came, the group's end not yet */
    size_t last_of[THREADS]; /* 1-based number of the last answer to each thread */
    bool disorder;
    int last_writer;
} record;

typedef struct request {
    kdb_commit commit;
    record *record;
    int thread;
    size_t number; /* from 1, within its thread */
} request;

static kdb_batch *batch_putting(const char *key, int thread, size_t number)
{
    char value[32];
    (void)snprintf(value, sizeof(value), "%d/%zu", thread, number);
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, kdb_sv_cstr(key), kdb_sv_cstr(value));
    return batch;
}

/* Frees the request, as the header allows. */
static void answered(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    request *req = KDB_CONTAINER_OF(commit, request, commit);
    record *rec = req->record;
    KDB_ASSERT_ON(KDB_THREAD_COMMITTER);
    rec->answers++;
    rec->failures += status != KDB_OK || err != NULL;
    rec->disorder = rec->disorder || req->number != rec->last_of[req->thread] + 1;
    rec->last_of[req->thread] = req->number;
    rec->last_writer = req->thread;
    rec->in_group = true;
    kdb_batch_free(commit->batch);
    kdb_free(req);
    latch_count_down(&rec->unanswered);
}

static void push_request(record *rec, int thread, size_t number)
{
    request *req = KDB_NEW(request);
    *req = (request){ .record = rec, .thread = thread, .number = number };
    req->commit.batch = batch_putting("shared", thread, number);
    req->commit.done = answered;
    kdb_store_commit_async(rec->store, &req->commit);
}

typedef struct writer {
    record *record;
    int thread;
} writer;

static void push_many(void *arg)
{
    const writer *self = arg;
    for (size_t i = 1; i <= COMMITS_PER_THREAD; i++) {
        push_request(self->record, self->thread, i);
    }
}

static void count_group(void *arg)
{
    record *rec = arg;
    rec->groups++;
    rec->in_group = false;
}

static void run_writers(record *rec)
{
    kdb_thread threads[THREADS] = { 0 };
    writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer){ rec, i };
        kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, push_many, &writers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
    }
}

static void each_commit_is_answered_once_in_its_threads_order(void **state)
{
    const fixture *fix = *state;
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, COMMITS);
    run_writers(&rec);
    latch_wait(&rec.unanswered);
    assert_int_equal(rec.answers, COMMITS);
    assert_int_equal(rec.failures, 0);
    assert_false(rec.disorder);
    /* The order of answers is the order of writes: the last one answered is what is stored. */
    char last[32];
    (void)snprintf(last, sizeof(last), "%d/%d", rec.last_writer, COMMITS_PER_THREAD);
    assert_string_equal(value_of(fix->store, NULL, part_a, "shared", fix->arena), last);
    latch_done(&rec.unanswered);
}

static void every_group_has_its_end(void **state)
{
    fixture *fix = *state;
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, COMMITS);
    kdb_store_on_group_end(fix->store, count_group, &rec);
    run_writers(&rec);
    kdb_store_close(fix->store);
    fix->store = NULL;
    assert_int_equal(rec.answers, COMMITS);
    assert_in_range(rec.groups, 1, COMMITS);
    assert_false(rec.in_group);
    latch_done(&rec.unanswered);
}

static void waiting_threads_share_groups(void **state)
{
    const fixture *fix = *state;
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, COMMITS);
    run_writers(&rec);
    latch_wait(&rec.unanswered);
    kdb_store_stats stats;
    kdb_store_stats_get(fix->store, &stats);
    assert_int_equal(stats.commits, COMMITS);
    assert_in_range(stats.groups, 1, COMMITS);
    latch_done(&rec.unanswered);
}

/* ---- one group at a time ---- */

typedef struct gate {
    kdb_commit commit;
    latch entered;
    latch open;
} gate;

static void hold_committer(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    gate *self = KDB_CONTAINER_OF(commit, gate, commit);
    KDB_ASSERT(status == KDB_OK && err == NULL);
    latch_count_down(&self->entered);
    latch_wait(&self->open);
}

/* Returns once the committer stands in the gate's answer. */
static void close_gate(gate *self, kdb_store *store)
{
    latch_init(&self->entered, 1);
    latch_init(&self->open, 1);
    self->commit = (kdb_commit){ .batch = kdb_batch_new(), .done = hold_committer };
    kdb_store_commit_async(store, &self->commit);
    latch_wait(&self->entered);
}

static void gate_done(gate *self)
{
    kdb_batch_free(self->commit.batch);
    latch_done(&self->entered);
    latch_done(&self->open);
}

static void what_waits_is_merged_up_to_the_cap(void **state)
{
    const fixture *fix = *state;
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, 2500);
    gate held;
    close_gate(&held, fix->store);
    for (size_t i = 1; i <= 2500; i++) {
        push_request(&rec, 0, i);
    }
    latch_count_down(&held.open);
    latch_wait(&rec.unanswered);
    assert_false(rec.disorder);
    kdb_store_stats stats;
    kdb_store_stats_get(fix->store, &stats);
    assert_int_equal(stats.groups, 1 + 3); /* the gate's, then 1024 + 1024 + 452 */
    gate_done(&held);
    latch_done(&rec.unanswered);
}

static void large_batches_are_not_merged_without_end(void **state)
{
    enum { VALUE_BYTES = 3 * 1024 * 1024 };
    const fixture *fix = *state;
    char *value = kdb_arena_alloc(fix->arena, VALUE_BYTES);
    gate held;
    close_gate(&held, fix->store);
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, 4);
    for (size_t i = 1; i <= 4; i++) {
        request *req = KDB_NEW(request);
        *req = (request){ .commit = { .batch = kdb_batch_new(), .done = answered }, .record = &rec, .number = i };
        kdb_batch_put(req->commit.batch, part_a, KDB_SV("large"), kdb_sv_of(value, VALUE_BYTES));
        kdb_store_commit_async(fix->store, &req->commit);
    }
    latch_count_down(&held.open);
    latch_wait(&rec.unanswered);
    kdb_store_stats stats;
    kdb_store_stats_get(fix->store, &stats);
    assert_int_equal(stats.groups, 1 + 2);
    gate_done(&held);
    latch_done(&rec.unanswered);
}

static void close_answers_what_is_queued(void **state)
{
    fixture *fix = *state;
    record rec = { .store = fix->store };
    latch_init(&rec.unanswered, 100);
    gate held;
    close_gate(&held, fix->store);
    for (size_t i = 1; i <= 100; i++) {
        push_request(&rec, 0, i);
    }
    latch_count_down(&held.open);
    kdb_store_close(fix->store);
    fix->store = NULL;
    assert_int_equal(rec.answers, 100);
    assert_int_equal(rec.failures, 0);
    gate_done(&held);
    latch_done(&rec.unanswered);
}

/* ---- versions ---- */

enum { SNAPSHOTS = 50 };

typedef struct versions {
    kdb_store *store;
    latch unanswered;
    uint64_t of[COMMITS]; /* by answer */
    size_t count;         /* committer only, until all is answered */
} versions;

typedef struct versioned {
    kdb_commit commit;
    versions *versions;
} versioned;

static void note_version(kdb_commit *commit, kdb_status status, KDB_UNUSED const kdb_err *err)
{
    versioned *self = KDB_CONTAINER_OF(commit, versioned, commit);
    versions *all = self->versions;
    KDB_ASSERT(status == KDB_OK);
    all->of[all->count++] = commit->version;
    kdb_batch_free(commit->batch);
    kdb_free(self);
    latch_count_down(&all->unanswered);
}

typedef struct version_writer {
    versions *versions;
    int thread;
} version_writer;

static void push_versioned(void *arg)
{
    const version_writer *self = arg;
    for (size_t i = 0; i < COMMITS_PER_THREAD; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "v%d/%zu", self->thread, i);
        versioned *one = KDB_NEW(versioned);
        *one = (versioned){ { .batch = batch_putting(key, self->thread, i), .done = note_version }, self->versions };
        kdb_store_commit_async(self->versions->store, &one->commit);
    }
}

static size_t count_keys(kdb_store *store, const kdb_snapshot *snapshot)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(store, snapshot, part_a, (kdb_iter_range){ 0 });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

static size_t count_versions(const versions *all, uint64_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        count += all->of[i] <= most;
    }
    return count;
}

static void a_snapshot_holds_the_commits_up_to_its_version(void **state)
{
    const fixture *fix = *state;
    versions *all = KDB_NEW(versions);
    all->store = fix->store;
    latch_init(&all->unanswered, COMMITS);
    kdb_thread threads[THREADS] = { 0 };
    version_writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (version_writer){ all, i };
        kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, push_versioned, &writers[i]);
    }
    uint64_t version[SNAPSHOTS];
    size_t held[SNAPSHOTS];
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new_at(fix->store, &version[i]);
        held[i] = count_keys(fix->store, snapshot);
    }
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
    }
    latch_wait(&all->unanswered);
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        assert_int_equal(held[i], count_versions(all, version[i]));
    }
    assert_true(all->of[0] != 0 && all->of[COMMITS - 1] > all->of[0]);
    latch_done(&all->unanswered);
    kdb_free(all);
}

/* ---- other ways to commit ---- */

typedef struct chain {
    kdb_commit commit;
    kdb_store *store;
    latch unanswered;
    size_t left;
} chain;

static void commit_again(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    chain *self = KDB_CONTAINER_OF(commit, chain, commit);
    KDB_ASSERT(status == KDB_OK && err == NULL);
    if (--self->left != 0) {
        kdb_store_commit_async(self->store, commit);
    }
    latch_count_down(&self->unanswered);
}

static void an_answer_may_commit_again(void **state)
{
    const fixture *fix = *state;
    chain self = { .store = fix->store, .left = 100 };
    latch_init(&self.unanswered, 100);
    self.commit = (kdb_commit){ .batch = batch_putting("k", 0, 1), .done = commit_again };
    kdb_store_commit_async(fix->store, &self.commit);
    latch_wait(&self.unanswered);
    kdb_batch_free(self.commit.batch);
    latch_done(&self.unanswered);
}

static void commit_and_read_back(void *arg)
{
    const writer *self = arg;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    char key[16];
    (void)snprintf(key, sizeof(key), "own%d", self->thread);
    for (size_t i = 0; i < 200; i++) {
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = batch_putting(key, self->thread, i);
        KDB_ASSERT(kdb_store_commit(self->record->store, batch, NULL) == KDB_OK);
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%d/%zu", self->thread, i);
        kdb_sv value;
        KDB_ASSERT(kdb_store_get(self->record->store, NULL, part_a, kdb_sv_cstr(key), arena, &value, NULL) == KDB_OK);
        KDB_ASSERT(kdb_sv_eq(value, kdb_sv_cstr(expected)));
    }
}

static void a_thread_reads_what_it_has_committed(void **state)
{
    const fixture *fix = *state;
    record rec = { .store = fix->store };
    kdb_thread threads[THREADS] = { 0 };
    writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer){ &rec, i };
        kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, commit_and_read_back, &writers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
    }
}

static void an_empty_batch_commits(void **state)
{
    const fixture *fix = *state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    assert_int_equal(kdb_store_commit(fix->store, batch, NULL), KDB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(each_commit_is_answered_once_in_its_threads_order),
        ON_BOTH(every_group_has_its_end),
        ON_BOTH(waiting_threads_share_groups),
        ON_BOTH(what_waits_is_merged_up_to_the_cap),
        ON_BOTH(large_batches_are_not_merged_without_end),
        ON_BOTH(close_answers_what_is_queued),
        ON_BOTH(a_snapshot_holds_the_commits_up_to_its_version),
        ON_BOTH(an_answer_may_commit_again),
        ON_BOTH(a_thread_reads_what_it_has_committed),
        ON_BOTH(an_empty_batch_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
