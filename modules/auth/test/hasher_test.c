/* hasher_test.c - the hashing threads' queue: its bound, and what closing does with it. */
#include "auth_fixture.h"

/* Holds the only hashing thread inside `done` until released. */
typedef struct holder {
    kdb_auth_job job;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool held, released;
} holder;

static void hold(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    (void)status;
    (void)err;
    holder *h = KDB_CONTAINER_OF(job, holder, job);
    (void)pthread_mutex_lock(&h->lock);
    h->held = true;
    (void)pthread_cond_broadcast(&h->moved);
    while (!h->released) {
        (void)pthread_cond_wait(&h->moved, &h->lock);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static atomic_int finished;

static void count(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    (void)job;
    (void)err;
    atomic_fetch_add(&finished, status == KDB_CONSTRAINT ? 1 : 1000);
}

static kdb_auth_job counted_job(fixture *fix)
{
    return (kdb_auth_job){ .kind = KDB_AUTH_HASH, .password = KDB_SV("short"), .arena = fix->arena, .done = count };
}

/* With one hashing thread, which is inside `hold` when this returns. */
static void hold_the_thread(fixture *fix, holder *h, int32_t room)
{
    fix->options.hash_threads = 1;
    fix->options.hash_queue = room;
    fixture_reopen(fix);
    atomic_store(&finished, 0);
    *h = (holder){ .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
    h->job = counted_job(fix);
    h->job.done = hold;
    assert_ok(fix, kdb_auth_submit(fix->auth, &h->job, &fix->err));
    (void)pthread_mutex_lock(&h->lock);
    while (!h->held) {
        (void)pthread_cond_wait(&h->moved, &h->lock);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static void release(holder *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->released = true;
    (void)pthread_cond_broadcast(&h->moved);
    (void)pthread_mutex_unlock(&h->lock);
}

static void a_full_queue_sheds_load_and_close_finishes_the_rest(void **state)
{
    fixture *fix = *state;
    enum { ROOM = 3 };
    holder h;
    hold_the_thread(fix, &h, ROOM);
    kdb_auth_job jobs[ROOM + 1];
    for (int i = 0; i <= ROOM; i++) {
        jobs[i] = counted_job(fix);
    }
    for (int i = 0; i < ROOM; i++) {
        assert_ok(fix, kdb_auth_submit(fix->auth, &jobs[i], &fix->err));
    }
    assert_failure(fix, kdb_auth_submit(fix->auth, &jobs[ROOM], &fix->err), KDB_OVERLOADED,
                   "Too many password checks are waiting; try again in a moment");
    assert_int_equal(atomic_load(&finished), 0);
    release(&h);
    fixture_reopen(fix); /* closing waits for all that were taken */
    assert_int_equal(atomic_load(&finished), ROOM);
}

static void jobs_that_nobody_waits_for_are_not_run(void **state)
{
    fixture *fix = *state;
    holder h;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    hold_the_thread(fix, &h, 8);
    kdb_auth_job left = { .kind = KDB_AUTH_LOGIN, .user = KDB_SV("alice"), .password = KDB_SV("x"), .done = count };
    left.arena = fix->arena;
    kdb_auth_job waiting = counted_job(fix);
    assert_ok(fix, kdb_auth_submit(fix->auth, &left, &fix->err));
    assert_ok(fix, kdb_auth_submit(fix->auth, &waiting, &fix->err));
    atomic_store(&left.cancelled, true);
    release(&h);
    fixture_reopen(fix);
    assert_int_equal(atomic_load(&finished), 1001); /* each is told, one of them that it was not run */
    assert_int_equal(find_user(fix, "alice").failed_logins, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_full_queue_sheds_load_and_close_finishes_the_rest),
        CASE(jobs_that_nobody_waits_for_are_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
