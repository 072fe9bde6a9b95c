/* pass_test.c - what ends a connection that a token opened: the same that ends the token, and nothing else. */
#include "auth_fixture.h"

static kdb_auth_pass *pass_of(fixture *fix, kdb_sv token)
{
    kdb_auth_pass *pass = NULL;
    assert_ok(fix, kdb_auth_pass_new(fix->auth, token, &pass, &fix->err));
    return pass;
}

static kdb_status check(fixture *fix, kdb_auth_pass *pass)
{
    return kdb_auth_pass_check(fix->auth, pass, &fix->err);
}

static void a_pass_knows_its_user(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    KDB_CLEANUP(kdb_auth_pass_freep) kdb_auth_pass *pass = pass_of(fix, access_token(fix, "alice"));
    const kdb_principal who = kdb_auth_pass_who(pass);
    assert_text(who.user.text, "alice");
    assert_int_equal(who.role, KDB_ROLE_USER);
    assert_ok(fix, check(fix, pass));
}

static void a_bad_token_gives_none(void **state)
{
    fixture *fix = *state;
    kdb_auth_pass *pass = NULL;
    assert_int_equal(kdb_auth_pass_new(fix->auth, KDB_SV("a.b.c"), &pass, &fix->err), KDB_INVALID_CREDENTIALS);
    assert_null(pass);
}

static void it_ends_with_the_token_s_time(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    KDB_CLEANUP(kdb_auth_pass_freep) kdb_auth_pass *pass = pass_of(fix, access_token(fix, "alice"));
    move_clock_s(fix->options.access_seconds);
    assert_ok(fix, check(fix, pass)); /* clocks may differ by a minute */
    move_clock_s(62);
    assert_int_equal(check(fix, pass), KDB_TOKEN_EXPIRED);
}

static void it_ends_with_its_own_sign_in_only(void **state)
{
    fixture *fix = *state;
    kdb_token_pair here, there;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &here));
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &there));
    KDB_CLEANUP(kdb_auth_pass_freep) kdb_auth_pass *ended = pass_of(fix, here.access);
    KDB_CLEANUP(kdb_auth_pass_freep) kdb_auth_pass *other = pass_of(fix, there.access);
    log_out(fix, here.refresh);
    assert_int_equal(check(fix, ended), KDB_INVALID_CREDENTIALS);
    assert_ok(fix, check(fix, other));
    assert_ok(fix, check(fix, other)); /* of the account's new version */
}

static void it_ends_with_another_role_password_or_account(void **state)
{
    fixture *fix = *state;
    static const char *const users[] = { "by_role", "by_password", "by_drop" };
    kdb_auth_pass *passes[KDB_ARRAY_LEN(users)];
    for (size_t i = 0; i < KDB_ARRAY_LEN(users); i++) {
        assert_ok(fix, create_user(fix, users[i], KDB_ROLE_USER));
        passes[i] = pass_of(fix, access_token(fix, users[i]));
    }
    assert_ok(fix, kdb_auth_set_role(fix->auth, &root_actor, user_id(users[0]), KDB_ROLE_SERVICE, &fix->err));
    assert_ok(fix,
              kdb_auth_set_password(fix->auth, &root_actor, user_id(users[1]), hash_of(fix, GOOD_PASSWORD), &fix->err));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id(users[2]), &fix->err));
    for (size_t i = 0; i < KDB_ARRAY_LEN(users); i++) {
        assert_int_equal(check(fix, passes[i]), KDB_INVALID_CREDENTIALS);
        kdb_auth_pass_free(passes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pass_knows_its_user, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_bad_token_gives_none, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(it_ends_with_the_token_s_time, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(it_ends_with_its_own_sign_in_only, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(it_ends_with_another_role_password_or_account, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
