/* concurrency_test.c - tokens checked while their users change, and guesses made side by side. */
#include <stdio.h>

#include "auth_fixture.h"

enum { CHECKERS = 3, CHANGES = 60 };

typedef struct shared {
    fixture *fix;
    pthread_mutex_t lock;
    char token[1024]; /* guarded by lock: alice's newest */
    size_t token_len;
    atomic_bool stop;
    atomic_uint good, bad;
} shared;

static kdb_sv newest_token(shared *all, kdb_arena *arena)
{
    (void)pthread_mutex_lock(&all->lock);
    kdb_sv token = kdb_sv_dup(arena, kdb_sv_of(all->token, all->token_len));
    (void)pthread_mutex_unlock(&all->lock);
    return token;
}

static void show_token(shared *all, kdb_sv token)
{
    assert_true(token.len <= sizeof(all->token));
    (void)pthread_mutex_lock(&all->lock);
    memcpy(all->token, token.ptr, token.len);
    all->token_len = token.len;
    (void)pthread_mutex_unlock(&all->lock);
}

static void check_tokens(void *arg)
{
    shared *all = arg;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    while (!atomic_load(&all->stop)) {
        kdb_err err;
        kdb_principal who;
        kdb_user me;
        kdb_sv token = newest_token(all, arena);
        kdb_status status = kdb_auth_verify(all->fix->auth, token, arena, &who, &err);
        bool known = kdb_auth_me(all->fix->auth, token, arena, &me, &err) == KDB_OK;
        atomic_fetch_add(status == KDB_OK || known ? &all->good : &all->bad, 1);
        kdb_arena_reset(arena);
    }
}

static void a_change_ends_tokens_for_every_thread(void **state)
{
    shared all = { .fix = *state, .lock = PTHREAD_MUTEX_INITIALIZER };
    fixture *fix = all.fix;
    kdb_thread threads[CHECKERS] = { 0 };
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    show_token(&all, access_token(fix, "alice"));
    for (int i = 0; i < CHECKERS; i++) {
        kdb_thread_start(&threads[i], "checker", KDB_THREAD_ANY, check_tokens, &all);
    }
    for (int i = 0; i < CHANGES; i++) {
        kdb_sv token = access_token(fix, "alice");
        show_token(&all, token);
        assert_ok(fix, verify(fix, token, NULL));
        assert_ok(fix, kdb_auth_set_password(fix->auth, &root_actor, user_id("alice"), hash_of(fix, GOOD_PASSWORD),
                                             &fix->err));
        assert_int_equal(verify(fix, token, NULL), KDB_INVALID_CREDENTIALS);
        kdb_role role = i % 2 == 0 ? KDB_ROLE_SERVICE : KDB_ROLE_USER;
        token = access_token(fix, "alice");
        assert_ok(fix, verify(fix, token, NULL));
        assert_ok(fix, kdb_auth_set_role(fix->auth, &root_actor, user_id("alice"), role, &fix->err));
        assert_int_equal(verify(fix, token, NULL), KDB_INVALID_CREDENTIALS);
    }
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err));
    atomic_store(&all.stop, true);
    for (int i = 0; i < CHECKERS; i++) {
        kdb_thread_join(&threads[i]);
    }
    assert_true(atomic_load(&all.good) + atomic_load(&all.bad) > 0);
}

/* ---- guesses side by side ---- */

typedef struct guesses {
    atomic_int open, refused, locked, signed_in;
} guesses;

typedef struct guess {
    kdb_auth_job job;
    guesses *all;
} guess;

static void count_guess(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    (void)err;
    guesses *all = KDB_CONTAINER_OF(job, guess, job)->all;
    switch (status) {
    case KDB_INVALID_CREDENTIALS:
        atomic_fetch_add(&all->refused, 1);
        break;
    case KDB_ACCOUNT_LOCKED:
        atomic_fetch_add(&all->locked, 1);
        break;
    default:
        atomic_fetch_add(&all->signed_in, 1);
        break;
    }
    atomic_fetch_sub(&all->open, 1);
}

static void guesses_side_by_side_are_counted_one_by_one(void **state)
{
    fixture *fix = *state;
    enum { GUESSES = 32 };
    guesses all = { 0 };
    guess list[GUESSES];
    fix->options.hash_threads = 4;
    fix->options.hash_queue = GUESSES;
    fixture_reopen(fix);
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    atomic_store(&all.open, GUESSES);
    for (int i = 0; i < GUESSES; i++) {
        list[i].all = &all;
        list[i].job = (kdb_auth_job){ .kind = KDB_AUTH_LOGIN,
                                      .user = KDB_SV("alice"),
                                      .password = i < GUESSES - 1 ? KDB_SV("Wrong-Password-1") : KDB_SV(GOOD_PASSWORD),
                                      .arena = kdb_arena_new(0),
                                      .done = count_guess };
    }
    for (int i = 0; i < GUESSES; i++) {
        assert_ok(fix, kdb_auth_submit(fix->auth, &list[i].job, &fix->err));
    }
    fixture_reopen(fix); /* closing waits for them */
    assert_int_equal(atomic_load(&all.open), 0);
    assert_int_equal(atomic_load(&all.refused), 5);
    assert_int_equal(atomic_load(&all.locked), GUESSES - 5);
    for (int i = 0; i < GUESSES; i++) {
        kdb_arena_free(list[i].job.arena);
    }
}

/* ---- changes side by side ---- */

typedef struct maker {
    fixture *fix;
    kdb_sv hash;
    int number;
    atomic_int *made, *failed;
} maker;

static void make_users(void *arg)
{
    maker *m = arg;
    for (int i = 0; i < 50; i++) {
        char own[32];
        kdb_err err;
        kdb_user user = { .role = KDB_ROLE_USER, .password_hash = m->hash };
        (void)snprintf(own, sizeof(own), "user-%d-%d", m->number, i);
        user.id = user_id(own);
        if (kdb_auth_create_user(m->fix->auth, &root_actor, &user, &err) != KDB_OK) {
            atomic_fetch_add(m->failed, 1);
        }
        (void)snprintf(own, sizeof(own), "common-%d", i);
        user.id = user_id(own);
        if (kdb_auth_create_user(m->fix->auth, &root_actor, &user, &err) == KDB_OK) {
            atomic_fetch_add(m->made, 1);
        }
    }
}

static void each_name_is_given_once(void **state)
{
    fixture *fix = *state;
    enum { MAKERS = 4 };
    maker makers[MAKERS];
    kdb_thread threads[MAKERS] = { 0 };
    atomic_int made = 0;
    atomic_int failed = 0;
    kdb_sv hash = hash_of(fix, GOOD_PASSWORD);
    for (int i = 0; i < MAKERS; i++) {
        makers[i] = (maker){ .fix = fix, .hash = hash, .number = i, .made = &made, .failed = &failed };
        kdb_thread_start(&threads[i], "maker", KDB_THREAD_ANY, make_users, &makers[i]);
    }
    for (int i = 0; i < MAKERS; i++) {
        kdb_thread_join(&threads[i]);
    }
    assert_int_equal(atomic_load(&made), 50);
    assert_int_equal(atomic_load(&failed), 0);
    kdb_user *list;
    size_t count;
    fixture_reopen(fix);
    kdb_auth_list_users(fix->auth, fix->arena, &list, &count);
    assert_int_equal(count, 1 + 50 + MAKERS * 50);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_change_ends_tokens_for_every_thread),
        CASE(guesses_side_by_side_are_counted_one_by_one),
        CASE(each_name_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
