/* removal_test.c - accounts that are removed for good: when they may be, that their names are free then, and that nothing that was
 * given to the old account is worth anything to the new one. */
#include "auth_fixture.h"

static void only_what_was_dropped_long_ago_is_removed(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_failure(fix, kdb_auth_remove_user(fix->auth, user_id("alice"), INT64_MAX, &fix->err), KDB_NOT_FOUND,
                   "User 'alice' was not dropped so long ago");
    assert_failure(fix, kdb_auth_remove_user(fix->auth, user_id("bob"), INT64_MAX, &fix->err), KDB_NOT_FOUND,
                   "User 'bob' was not dropped so long ago");
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err));
    const int64_t dropped_us = find_user(fix, "alice").deleted_us;
    assert_failure(fix, kdb_auth_remove_user(fix->auth, user_id("alice"), dropped_us, &fix->err), KDB_NOT_FOUND,
                   "User 'alice' was not dropped so long ago");
    assert_ok(fix, kdb_auth_remove_user(fix->auth, user_id("alice"), dropped_us + 1, &fix->err));
    for (int round = 0; round < 2; round++) {
        kdb_user user;
        assert_int_equal(kdb_auth_find_user(fix->auth, user_id("alice"), fix->arena, &user, NULL), KDB_NOT_FOUND);
        fixture_reopen(fix);
    }
}

static void the_name_is_free_and_old_tokens_are_worth_nothing(void **state)
{
    fixture *fix = *state;
    kdb_token_pair pair;
    kdb_token_pair next;
    kdb_principal who;
    kdb_auth_pass *pass = NULL;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_DBA));
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &pair));
    assert_ok(fix, verify(fix, pair.access, &who));
    assert_ok(fix, kdb_auth_pass_new(fix->auth, pair.access, &pass, &fix->err));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err));
    move_clock_s(3600);
    assert_ok(fix, kdb_auth_remove_user(fix->auth, user_id("alice"), kdb_now_us(), &fix->err));
    assert_int_equal(verify(fix, pair.access, &who), KDB_INVALID_CREDENTIALS);
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(verify(fix, pair.access, &who), KDB_INVALID_CREDENTIALS);
        assert_int_equal(refresh(fix, pair.refresh, &next), KDB_INVALID_CREDENTIALS);
        if (round == 0) {
            assert_int_equal(kdb_auth_pass_check(fix->auth, pass, &fix->err), KDB_INVALID_CREDENTIALS);
            kdb_auth_pass_free(pass);
        }
        assert_int_equal(find_user(fix, "alice").role, KDB_ROLE_USER);
        fixture_reopen(fix);
    }
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &pair));
    assert_ok(fix, verify(fix, pair.access, &who));
}

static void a_subject_can_be_anothers_then(void **state)
{
    fixture *fix = *state;
    const kdb_user one = { .id = user_id("one"),
                           .role = KDB_ROLE_USER,
                           .auth_type = KDB_AUTH_OAUTH,
                           .auth_data = KDB_SV("{\"provider\":\"google\",\"subject\":\"7\"}") };
    kdb_user two = one;
    two.id = user_id("two");
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &one, &fix->err));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("one"), &fix->err));
    assert_int_equal(kdb_auth_create_user(fix->auth, &root_actor, &two, &fix->err), KDB_ALREADY_EXISTS);
    assert_ok(fix, kdb_auth_remove_user(fix->auth, user_id("one"), INT64_MAX, &fix->err));
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &two, &fix->err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_was_dropped_long_ago_is_removed),
        TEST(the_name_is_free_and_old_tokens_are_worth_nothing),
        TEST(a_subject_can_be_anothers_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
