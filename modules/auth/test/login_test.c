/* login_test.c - sign-in: who gets in, who does not and how that looks, and the lock after five failures. */
#include <stdio.h>

#include "auth_fixture.h"

static void refuse(fixture *fix, const char *user, const char *password)
{
    assert_failure(fix, log_in(fix, user, password, NULL), KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

static uint64_t commits(fixture *fix)
{
    kdb_store_stats stats;
    kdb_store_stats_get(fix->store, &stats);
    return stats.commits;
}

static void the_right_password_signs_in(void **state)
{
    fixture *fix = *state;
    kdb_token_pair pair;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_SERVICE));
    assert_int_equal(find_user(fix, "alice").last_login_us, 0);
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &pair));
    assert_text(pair.user.id.text, "alice");
    assert_int_equal(pair.user.role, KDB_ROLE_SERVICE);
    assert_true(pair.user.last_login_us > 0);
    fixture_reopen(fix);
    kdb_user user = find_user(fix, "alice");
    assert_int_equal(user.last_login_us, pair.user.last_login_us);
    assert_int_equal(user.last_seen_us, pair.user.last_login_us);
}

static void failures_look_alike_and_cost_the_same_write(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "gone", KDB_ROLE_USER));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("gone"), &fix->err));
    static const char *const users[] = { "alice", "gone", "nobody", "root", "ALICE", "", "a/b" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(users); i++) {
        uint64_t before = commits(fix);
        refuse(fix, users[i], "Wrong-Password-1");
        assert_int_equal(commits(fix), before + 1);
    }
    refuse(fix, "gone", GOOD_PASSWORD);
    refuse(fix, "alice", "");
    assert_int_equal(find_user(fix, "alice").failed_logins, 2);
    assert_int_equal(find_user(fix, "gone").failed_logins, 0);
}

static void five_failures_lock_for_a_quarter_of_an_hour(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv token = access_token(fix, "alice");
    for (int i = 0; i < 5; i++) {
        refuse(fix, "alice", "Wrong-Password-1");
    }
    assert_failure(fix, log_in(fix, "alice", GOOD_PASSWORD, NULL), KDB_ACCOUNT_LOCKED, "Account locked");
    fixture_reopen(fix);
    assert_failure(fix, log_in(fix, "alice", GOOD_PASSWORD, NULL), KDB_ACCOUNT_LOCKED, "Account locked");
    assert_ok(fix, verify(fix, token, NULL)); /* or anybody could sign anybody out */
    move_clock_s(15 * 60 - 1);
    assert_failure(fix, log_in(fix, "alice", "Wrong-Password-1", NULL), KDB_ACCOUNT_LOCKED, "Account locked");
    move_clock_s(1);
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, NULL));
    assert_int_equal(find_user(fix, "alice").failed_logins, 0);
    assert_int_equal(find_user(fix, "alice").locked_until_us, 0);
}

/* A script of wrong guesses over hours gets the same answers whoever has the name, or nobody. */
static void the_lock_does_not_tell_who_exists(void **state)
{
    fixture *fix = *state;
    static const char *const names[] = { "alice", "nobody", "gone", "eve", "machine", "../x", "root" };
    const kdb_user eve = { .id = user_id("eve"),
                           .role = KDB_ROLE_USER,
                           .auth_type = KDB_AUTH_OAUTH,
                           .auth_data = KDB_SV("{\"provider\":\"x\",\"subject\":\"1\"}") };
    const kdb_user machine = { .id = user_id("machine"), .role = KDB_ROLE_USER, .auth_type = KDB_AUTH_INTERNAL };
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "gone", KDB_ROLE_USER));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("gone"), &fix->err));
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &eve, &fix->err));
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &machine, &fix->err));
    uint64_t seed = 17;
    int locked = 0;
    for (int round = 0; round < 200; round++) {
        const kdb_status expected = log_in(fix, names[0], "Wrong-Password-1", NULL);
        locked += expected == KDB_ACCOUNT_LOCKED;
        for (size_t i = 1; i < KDB_ARRAY_LEN(names); i++) {
            const uint64_t before = commits(fix);
            assert_int_equal(log_in(fix, names[i], "Wrong-Password-1", NULL), expected);
            assert_int_equal(commits(fix) - before, expected == KDB_ACCOUNT_LOCKED ? 0 : 1);
        }
        move_clock_s((int64_t)(next_random(&seed) % 5 == 0 ? next_random(&seed) % 1200 : 1));
    }
    assert_true(locked > 20 && locked < 180);
}

static void names_of_nobody_are_bounded(void **state)
{
    fixture *fix = *state;
    for (int i = 0; i < 20000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "nobody %d", i);
        kdbi_stranger_failed(fix->auth, kdb_sv_cstr(name));
    }
    for (int i = 0; i < 5; i++) {
        assert_false(kdbi_stranger_is_locked(fix->auth, KDB_SV("the last")));
        kdbi_stranger_failed(fix->auth, KDB_SV("the last"));
    }
    assert_true(kdbi_stranger_is_locked(fix->auth, KDB_SV("the last")));
}

static void a_lock_that_has_run_out_starts_afresh(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (int i = 0; i < 5; i++) {
        refuse(fix, "alice", "Wrong-Password-1");
    }
    move_clock_s(15 * 60);
    for (int i = 0; i < 4; i++) {
        refuse(fix, "alice", "Wrong-Password-1");
    }
    assert_int_equal(find_user(fix, "alice").failed_logins, 4);
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, NULL));
    assert_int_equal(find_user(fix, "alice").failed_logins, 0);
}

static void only_consecutive_failures_count(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            refuse(fix, "alice", "Wrong-Password-1");
        }
        assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, NULL));
    }
}

static void a_new_password_unlocks(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (int i = 0; i < 5; i++) {
        refuse(fix, "alice", "Wrong-Password-1");
    }
    assert_ok(fix,
              kdb_auth_set_password(fix->auth, &dba_actor, user_id("alice"), hash_of(fix, "Another-One-9"), &fix->err));
    refuse(fix, "alice", GOOD_PASSWORD);
    assert_ok(fix, log_in(fix, "alice", "Another-One-9", NULL));
}

static void root_without_a_password_is_told_to_set_up(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = { .kind = KDB_AUTH_LOGIN, .user = KDB_SV("root"), .from_loopback = true };
    assert_failure(fix, run_job(fix, &job), KDB_SETUP_REQUIRED, "Server requires initial setup");
    job.from_loopback = false;
    assert_failure(fix, run_job(fix, &job), KDB_REMOTE_DENIED, "Access denied");
    refuse(fix, "root", "some-password");
    refuse(fix, "alice", "");
}

static void root_signs_in_with_the_configured_password(void **state)
{
    fixture *fix = *state;
    fix->options.root_password = KDB_SV("kalamdb123");
    fixture_reopen(fix);
    assert_false(kdb_auth_needs_setup(fix->auth));
    kdb_token_pair pair;
    assert_ok(fix, log_in(fix, "root", "kalamdb123", &pair));
    refuse(fix, "root", "");
    fixture_reopen(fix); /* the same password again signs nobody out */
    assert_ok(fix, verify(fix, pair.access, NULL));
    fix->options.root_password = KDB_SV("kalamdb456");
    fixture_reopen(fix);
    assert_int_equal(verify(fix, pair.access, NULL), KDB_INVALID_CREDENTIALS);
    refuse(fix, "root", "kalamdb123");
    fix->options.root_password = KDB_SV("");
    fixture_reopen(fix);
    assert_ok(fix, log_in(fix, "root", "kalamdb456", NULL));
}

static void an_impossible_root_password_stops_the_start(void **state)
{
    fixture *fix = *state;
    fix->options.root_password = KDB_SV("nul\0inside");
    assert_failure(fix, fixture_try_reopen(fix), KDB_INVALID,
                   "auth.root_password must have at most 72 bytes and no null byte");
}

static void oauth_users_have_no_password(void **state)
{
    fixture *fix = *state;
    kdb_user user = { .id = user_id("olga"),
                      .role = KDB_ROLE_USER,
                      .auth_type = KDB_AUTH_OAUTH,
                      .password_hash = hash_of(fix, GOOD_PASSWORD),
                      .auth_data = KDB_SV("{\"provider\":\"google\",\"subject\":\"1\"}") };
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err));
    refuse(fix, "olga", GOOD_PASSWORD);
    refuse(fix, "olga", "");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_right_password_signs_in),
        CASE(failures_look_alike_and_cost_the_same_write),
        CASE(five_failures_lock_for_a_quarter_of_an_hour),
        CASE(the_lock_does_not_tell_who_exists),
        CASE(names_of_nobody_are_bounded),
        CASE(a_lock_that_has_run_out_starts_afresh),
        CASE(only_consecutive_failures_count),
        CASE(a_new_password_unlocks),
        CASE(root_without_a_password_is_told_to_set_up),
        CASE(root_signs_in_with_the_configured_password),
        CASE(an_impossible_root_password_stops_the_start),
        CASE(oauth_users_have_no_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
