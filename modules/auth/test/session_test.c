/* session_test.c - what ends a sign-in: sign-out, a refresh token used twice, too many of them; and that it stays ended. */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth_fixture.h"

static void refuse_access(fixture *fix, kdb_sv token)
{
    assert_failure(fix, verify(fix, token, NULL), KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

static void refuse_refresh(fixture *fix, kdb_sv token)
{
    assert_failure(fix, refresh(fix, token, NULL), KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

static kdb_token_pair sign_in(fixture *fix, const char *user)
{
    kdb_token_pair pair;
    assert_ok(fix, log_in(fix, user, GOOD_PASSWORD, &pair));
    return pair;
}

static void sign_out_ends_its_own_sign_in_only(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair here = sign_in(fix, "alice");
    kdb_token_pair there = sign_in(fix, "alice");
    assert_ok(fix, verify(fix, here.access, NULL)); /* it is in the cache now */
    log_out(fix, here.access);
    for (int round = 0; round < 2; round++) {
        refuse_access(fix, here.access);
        refuse_refresh(fix, here.refresh);
        assert_ok(fix, verify(fix, there.access, NULL));
        fixture_reopen(fix);
    }
    assert_ok(fix, refresh(fix, there.refresh, NULL));
}

static void either_token_signs_out(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair first = sign_in(fix, "alice");
    kdb_token_pair second;
    assert_ok(fix, refresh(fix, first.refresh, &second));
    log_out(fix, first.refresh); /* a used one too: it shows who one is */
    refuse_access(fix, first.access);
    refuse_access(fix, second.access);
    refuse_refresh(fix, second.refresh);
}

static void tokens_that_are_no_good_end_nothing(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair pair = sign_in(fix, "alice");
    kdb_sv forged = kdb_sv_dup(fix->arena, pair.access);
    ((char *)(uintptr_t)forged.ptr)[forged.len - 2] ^= 1;
    log_out(fix, forged);
    log_out(fix, KDB_SV(""));
    log_out(fix, KDB_SV("a.b.c"));
    assert_ok(fix, verify(fix, pair.access, NULL));
    log_out(fix, pair.access);
    log_out(fix, pair.access);
    refuse_access(fix, pair.access);
}

static void a_used_refresh_token_works_for_a_moment(void **state)
{
    fixture *fix = *state;
    kdb_token_pair second, again, third;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair first = sign_in(fix, "alice");
    assert_ok(fix, refresh(fix, first.refresh, &second));
    move_clock_s(60);
    assert_ok(fix, refresh(fix, first.refresh, &again));
    assert_ok(fix, refresh(fix, again.refresh, &third));
    assert_ok(fix, refresh(fix, second.refresh, NULL)); /* as good as `again` */
    assert_ok(fix, verify(fix, first.access, NULL));
    assert_ok(fix, refresh(fix, third.refresh, NULL));
}

static void a_refresh_token_used_twice_ends_the_sign_in(void **state)
{
    fixture *fix = *state;
    kdb_token_pair second;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair other = sign_in(fix, "alice");
    kdb_token_pair first = sign_in(fix, "alice");
    assert_ok(fix, refresh(fix, first.refresh, &second));
    fixture_reopen(fix);
    move_clock_s(61);
    refuse_refresh(fix, first.refresh);
    for (int round = 0; round < 2; round++) {
        refuse_refresh(fix, second.refresh);
        refuse_access(fix, second.access);
        refuse_access(fix, first.access);
        assert_ok(fix, verify(fix, other.access, NULL));
        fixture_reopen(fix);
    }
}

static void two_generations_back_is_never_forgiven(void **state)
{
    fixture *fix = *state;
    kdb_token_pair second, third;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair first = sign_in(fix, "alice");
    assert_ok(fix, refresh(fix, first.refresh, &second));
    assert_ok(fix, refresh(fix, second.refresh, &third));
    refuse_refresh(fix, first.refresh);
    refuse_access(fix, third.access);
}

static void forgiving_may_be_off(void **state)
{
    fixture *fix = *state;
    fix->options.refresh_reuse_seconds = 0;
    fixture_reopen(fix);
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair first = sign_in(fix, "alice");
    assert_ok(fix, refresh(fix, first.refresh, NULL));
    set_clock_us(kdb_now_us() + 1);
    refuse_refresh(fix, first.refresh);
}

/* As an older server or another program with our secret signs: no sign-in, no generation. */
static kdb_sv foreign(fixture *fix, const char *type)
{
    char claims[256];
    long long now = (long long)(kdb_now_us() / 1000000);
    (void)snprintf(claims, sizeof(claims),
                   "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"gen\":7}",
                   type, now, now + 3600);
    jwt_t *jwt;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
    assert_int_equal(jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)TEST_SECRET, (int)strlen(TEST_SECRET)), 0);
    char *text = jwt_encode_str(jwt);
    kdb_sv token = kdb_sv_dup(fix->arena, kdb_sv_cstr(text));
    free(text);
    jwt_free(jwt);
    return token;
}

static void tokens_without_a_sign_in_end_one_by_one(void **state)
{
    fixture *fix = *state;
    kdb_token_pair pair;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv access = foreign(fix, "access");
    kdb_sv renew = foreign(fix, "refresh");
    assert_ok(fix, verify(fix, access, NULL));
    log_out(fix, access);
    refuse_access(fix, access);
    assert_ok(fix, refresh(fix, renew, &pair));
    assert_ok(fix, verify(fix, pair.access, NULL));
    assert_ok(fix, refresh(fix, pair.refresh, NULL));
    move_clock_s(61);
    refuse_refresh(fix, renew);
    assert_ok(fix, verify(fix, pair.access, NULL));
}

static size_t count_records(fixture *fix)
{
    size_t count = 0;
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_SESSIONS);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(fix->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

static void sign_ins_without_news_leave_no_record(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    (void)sign_in(fix, "alice");
    assert_int_equal(count_records(fix), 0);
    log_out(fix, sign_in(fix, "alice").access);
    assert_int_equal(count_records(fix), 1);
}

static void records_go_when_their_tokens_are_out_of_time(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (int i = 0; i < 5; i++) {
        log_out(fix, sign_in(fix, "alice").access);
    }
    move_clock_s(7 * 3600 + 62);
    fixture_reopen(fix);
    assert_int_equal(count_records(fix), 5);
    log_out(fix, sign_in(fix, "alice").access);
    assert_int_equal(count_records(fix), 1);
}

/* Straight to the records: a thousand sign-ins would hash a thousand passwords. */
static void put_record(fixture *fix, const char *user, int n)
{
    kdbi_standing standing;
    assert_true(kdbi_auth_standing(fix->auth, kdb_sv_cstr(user), &standing));
    char key[KDBI_SESSION_ID_LEN + 1];
    (void)snprintf(key, sizeof(key), "%032d", n);
    kdbi_session session = { .account = standing.account, .ended = true, .expires_s = kdb_now_us() / 1000000 + 100 };
    kdbi_auth_change_begin(fix->auth);
    assert_ok(fix, kdbi_session_put(fix->auth, kdb_sv_cstr(key), &session, &fix->err));
    kdbi_auth_change_end(fix->auth);
}

static void too_many_records_end_all_tokens_of_the_user(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "bob", KDB_ROLE_USER));
    kdb_token_pair alice = sign_in(fix, "alice");
    kdb_token_pair leaving = sign_in(fix, "alice");
    kdb_token_pair bob = sign_in(fix, "bob");
    for (int i = 0; i < KDBI_SESSIONS_PER_USER; i++) {
        put_record(fix, "alice", i);
    }
    put_record(fix, "bob", KDBI_SESSIONS_PER_USER);
    assert_ok(fix, verify(fix, alice.access, NULL));
    log_out(fix, leaving.access);
    refuse_access(fix, leaving.access);
    refuse_access(fix, alice.access);
    assert_ok(fix, verify(fix, bob.access, NULL));
    assert_int_equal(count_records(fix), 1);
    assert_ok(fix, verify(fix, sign_in(fix, "alice").access, NULL));
}

static void a_refresh_past_the_bound_goes_on(void **state)
{
    fixture *fix = *state;
    kdb_token_pair next;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_token_pair pair = sign_in(fix, "alice");
    for (int i = 0; i < KDBI_SESSIONS_PER_USER; i++) {
        put_record(fix, "alice", i);
    }
    assert_ok(fix, refresh(fix, pair.refresh, &next));
    assert_ok(fix, verify(fix, next.access, NULL));
    refuse_access(fix, pair.access);
    assert_ok(fix, refresh(fix, next.refresh, NULL));
}

static void bad_records_stop_the_start(void **state)
{
    fixture *fix = *state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SESSIONS), KDB_SV("key"), KDB_SV("\x01short"));
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    assert_int_equal(fixture_try_reopen(fix), KDB_CORRUPT);
}

/* An account made anew under an old name gets nothing of the old one's. */
static void tokens_older_than_their_account_are_refused(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    kdb_sv early = foreign(fix, "access");
    move_clock_s(61);
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    refuse_access(fix, early);
    assert_ok(fix, verify(fix, foreign(fix, "access"), NULL));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sign_out_ends_its_own_sign_in_only),
        CASE(either_token_signs_out),
        CASE(tokens_that_are_no_good_end_nothing),
        CASE(a_used_refresh_token_works_for_a_moment),
        CASE(a_refresh_token_used_twice_ends_the_sign_in),
        CASE(two_generations_back_is_never_forgiven),
        CASE(forgiving_may_be_off),
        CASE(tokens_without_a_sign_in_end_one_by_one),
        CASE(sign_ins_without_news_leave_no_record),
        CASE(records_go_when_their_tokens_are_out_of_time),
        CASE(too_many_records_end_all_tokens_of_the_user),
        CASE(a_refresh_past_the_bound_goes_on),
        CASE(bad_records_stop_the_start),
        CASE(tokens_older_than_their_account_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
