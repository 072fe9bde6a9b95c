/* token_test.c - tokens: what they say, when they hold, what ends them, and forgeries. */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth_fixture.h"

static void refuse(fixture *fix, kdb_sv token)
{
    assert_failure(fix, verify(fix, token, NULL), KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

/* ---- forging ---- */

typedef struct forgery {
    jwt_alg_t alg;
    const char *secret;
    const char *claims;
} forgery;

static const forgery honest = { JWT_ALG_HS256, TEST_SECRET, NULL };

static kdb_sv forge(fixture *fix, forgery f)
{
    jwt_t *jwt;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, f.claims), 0);
    int len = f.alg == JWT_ALG_NONE ? 0 : (int)strlen(f.secret);
    assert_int_equal(jwt_set_alg(jwt, f.alg, len == 0 ? NULL : (const unsigned char *)f.secret, len), 0);
    char *text = jwt_encode_str(jwt);
    kdb_sv token = kdb_sv_dup(fix->arena, kdb_sv_cstr(text));
    free(text);
    jwt_free(jwt);
    return token;
}

/* Claims of a good access token for alice, with `more` put behind them. */
static const char *claims_with(fixture *fix, const char *more)
{
    long long now = (long long)(kdb_now_us() / 1000000);
    return kdb_sv_dup_cstr(fix->arena,
                           kdb_sv_printf(fix->arena,
                                         "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"role\":\"user\","
                                         "\"token_type\":\"access\",\"iat\":%lld,\"exp\":%lld,\"epoch\":0%s}",
                                         now, now + 3600, more));
}

static kdb_sv forge_claims(fixture *fix, const char *claims)
{
    forgery f = honest;
    f.claims = claims;
    return forge(fix, f);
}

/* ---- cases ---- */

static void a_token_names_its_user(void **state)
{
    fixture *fix = *state;
    kdb_principal who;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_SERVICE));
    kdb_sv token = access_token(fix, "alice");
    for (int round = 0; round < 3; round++) {
        assert_ok(fix, verify(fix, token, &who));
        assert_text(who.user.text, "alice");
        assert_int_equal(who.role, KDB_ROLE_SERVICE);
    }
    kdb_user me;
    assert_ok(fix, kdb_auth_me(fix->auth, token, fix->arena, &me, &fix->err));
    assert_text(me.id.text, "alice");
    assert_true(me.last_login_us > 0);
}

static void claims_are_the_references(void **state)
{
    fixture *fix = *state;
    kdb_token_pair pair;
    jwt_t *jwt;
    set_clock_us(INT64_C(1767225600500000));
    assert_ok(fix, create_user(fix, "J\xc3\xbcrgen \"J\"", KDB_ROLE_DBA));
    assert_ok(fix, log_in(fix, "J\xc3\xbcrgen \"J\"", GOOD_PASSWORD, &pair));
    assert_int_equal(pair.access_expires_us, INT64_C(1767225600000000) + 3600 * INT64_C(1000000));
    assert_int_equal(pair.refresh_expires_us, INT64_C(1767225600000000) + 7 * 3600 * INT64_C(1000000));
    assert_text(pair.user.id.text, "J\xc3\xbcrgen \"J\"");
    assert_int_equal(jwt_decode(&jwt, kdb_sv_dup_cstr(fix->arena, pair.access), (const unsigned char *)TEST_SECRET,
                                (int)strlen(TEST_SECRET)),
                     0);
    assert_int_equal(jwt_get_alg(jwt), JWT_ALG_HS256);
    assert_string_equal(jwt_get_header(jwt, "typ"), "JWT");
    assert_string_equal(jwt_get_grant(jwt, "sub"), "J\xc3\xbcrgen \"J\"");
    assert_string_equal(jwt_get_grant(jwt, "username"), "J\xc3\xbcrgen \"J\"");
    assert_string_equal(jwt_get_grant(jwt, "iss"), "kalamdb");
    assert_string_equal(jwt_get_grant(jwt, "role"), "dba");
    assert_string_equal(jwt_get_grant(jwt, "token_type"), "access");
    assert_int_equal(strlen(jwt_get_grant(jwt, "jti")), 32);
    assert_int_equal(jwt_get_grant_int(jwt, "iat"), 1767225600);
    assert_int_equal(jwt_get_grant_int(jwt, "exp"), 1767225600 + 3600);
    char *json = jwt_get_grants_json(jwt, NULL);
    assert_non_null(strstr(json, "\"email\":null"));
    free(json);
    jwt_free(jwt);
    kdb_principal who;
    assert_ok(fix, verify(fix, pair.access, &who));
    assert_text(who.user.text, "J\xc3\xbcrgen \"J\"");
}

static void every_token_is_different(void **state)
{
    fixture *fix = *state;
    set_clock_us(INT64_C(1767225600000000));
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_false(kdb_sv_eq(access_token(fix, "alice"), access_token(fix, "alice")));
}

static void a_token_holds_until_it_expires_and_a_minute_more(void **state)
{
    fixture *fix = *state;
    set_clock_us(kdb_now_us());
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv seen = access_token(fix, "alice");
    kdb_sv unseen = access_token(fix, "alice");
    assert_ok(fix, verify(fix, seen, NULL));
    move_clock_s(3600 + 60);
    assert_ok(fix, verify(fix, seen, NULL));
    assert_ok(fix, verify(fix, unseen, NULL));
    move_clock_s(1);
    assert_failure(fix, verify(fix, seen, NULL), KDB_TOKEN_EXPIRED, "Invalid credentials");
    assert_ok(fix, verify(fix, access_token(fix, "alice"), NULL));
    assert_failure(fix, verify(fix, unseen, NULL), KDB_TOKEN_EXPIRED, "Invalid credentials");
}

static void forged_claims_prove_the_forger_works(void **state)
{
    fixture *fix = *state;
    kdb_principal who;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, verify(fix, forge_claims(fix, claims_with(fix, "")), &who));
    assert_text(who.user.text, "alice");
}

static void other_algorithms_are_refused(void **state)
{
    fixture *fix = *state;
    static const jwt_alg_t algs[] = { JWT_ALG_NONE, JWT_ALG_HS384, JWT_ALG_HS512 };
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (size_t i = 0; i < KDB_ARRAY_LEN(algs); i++) {
        refuse(fix, forge(fix, (forgery){ algs[i], TEST_SECRET, claims_with(fix, "") }));
    }
}

/* The signature of an HS256 token behind a header that names another algorithm. */
static void a_changed_header_is_refused(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv good = access_token(fix, "alice");
    kdb_sv none = forge(fix, (forgery){ JWT_ALG_NONE, "", claims_with(fix, "") });
    size_t good_dot = (size_t)((const char *)memchr(good.ptr, '.', good.len) - good.ptr);
    size_t none_dot = (size_t)((const char *)memchr(none.ptr, '.', none.len) - none.ptr);
    refuse(fix, kdb_sv_printf(fix->arena, "%.*s%.*s", (int)none_dot, none.ptr, (int)(good.len - good_dot),
                              good.ptr + good_dot));
    refuse(fix, kdb_sv_printf(fix->arena, "%.*s%.*s", (int)good_dot, good.ptr, (int)(none.len - none_dot),
                              none.ptr + none_dot));
}

static void another_key_is_refused(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    refuse(fix, forge(fix, (forgery){ JWT_ALG_HS256, "another secret of thirty-two byte", claims_with(fix, "") }));
    refuse(fix, forge(fix, (forgery){ JWT_ALG_HS256, "0", claims_with(fix, "") }));
}

static void any_changed_byte_is_refused(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv good = access_token(fix, "alice");
    assert_ok(fix, verify(fix, good, NULL)); /* now the cache has it */
    for (size_t i = 0; i < good.len; i++) {
        char *changed = kdb_sv_dup_cstr(fix->arena, good);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        refuse(fix, kdb_sv_of(changed, good.len));
        refuse(fix, kdb_sv_of(good.ptr, i));
    }
    refuse(fix, kdb_sv_printf(fix->arena, "%.*s=", KDB_SV_ARG(good)));
    refuse(fix, kdb_sv_printf(fix->arena, "%.*s.", KDB_SV_ARG(good)));
    refuse(fix, kdb_sv_printf(fix->arena, " %.*s", KDB_SV_ARG(good)));
    assert_ok(fix, verify(fix, good, NULL));
}

static void garbage_is_refused(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 3;
    static const char letters[] = "ABCabc019-_..";
    refuse(fix, KDB_SV(""));
    refuse(fix, KDB_SV(".."));
    refuse(fix, KDB_SV("a.b.c"));
    refuse(fix, KDB_SV("e30.e30."));
    refuse(fix, KDB_SV("bnVsbA.bnVsbA.bnVsbA"));
    refuse(fix, KDB_SV("a\0b.c.d"));
    char *huge = kdb_arena_alloc(fix->arena, 1 << 20);
    memset(huge, 'A', 1 << 20);
    refuse(fix, kdb_sv_of(huge, 1 << 20));
    for (int round = 0; round < 3000; round++) {
        char bytes[64];
        size_t len = next_random(&seed) % sizeof(bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = round % 2 == 0 ? (char)next_random(&seed) : letters[next_random(&seed) % (sizeof(letters) - 1)];
        }
        refuse(fix, kdb_sv_of(bytes, len));
    }
}

#define GOOD_HEAD "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"access\","

static void wrong_claims_are_refused(void **state)
{
    fixture *fix = *state;
    static const char *const wrong[] = {
        "{}",
        GOOD_HEAD "\"iat\":1,\"exp\":\"4102444800\"}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800.5}",
        GOOD_HEAD "\"iat\":1}",
        "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"access\",\"exp\":4102444800}",
        "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"refresh\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":\"alice\",\"iss\":\"elsewhere\",\"token_type\":\"access\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":\"alice\",\"token_type\":\"access\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":\"\",\"iss\":\"kalamdb\",\"token_type\":\"access\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":7,\"iss\":\"kalamdb\",\"token_type\":\"access\",\"iat\":1,\"exp\":4102444800}",
        "{\"sub\":\"bob\",\"iss\":\"kalamdb\",\"token_type\":\"access\",\"iat\":1,\"exp\":4102444800}",
        GOOD_HEAD "\"iat\":4102440000,\"exp\":4102444800}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"nbf\":4102440000}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"nbf\":\"x\"}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"role\":\"dba\"}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"role\":1}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"role\":null}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"epoch\":1}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"epoch\":-1}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"sid\":7}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"gen\":\"1\"}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"gen\":-1}",
        GOOD_HEAD "\"iat\":1,\"exp\":4102444800,\"gen\":4294967295}",
    };
    set_clock_us(1000000); /* so that iat 1 is no earlier than the account */
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    for (size_t i = 0; i < KDB_ARRAY_LEN(wrong); i++) {
        refuse(fix, forge_claims(fix, wrong[i]));
    }
    assert_ok(fix, verify(fix,
                          forge_claims(fix, "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"access\","
                                            "\"iat\":1,\"exp\":9223372036854775807,\"nbf\":1}"),
                          NULL));
    assert_failure(fix,
                   verify(fix,
                          forge_claims(fix, "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"token_type\":\"access\","
                                            "\"iat\":1,\"exp\":-9223372036854775807}"),
                          NULL),
                   KDB_TOKEN_EXPIRED, "Invalid credentials");
}

static void a_minute_between_clocks_is_allowed(void **state)
{
    fixture *fix = *state;
    set_clock_us(INT64_C(1767225600000000));
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    static const char *const form = GOOD_HEAD "\"iat\":%d,"
                                              "\"nbf\":%d,\"exp\":1767230000}";
    static const struct {
        int iat, nbf;
        kdb_status status;
    } cases[] = {
        { 1767225660, 1767225660, KDB_OK },
        { 1767225661, 1767225600, KDB_INVALID_CREDENTIALS },
        { 1767225600, 1767225661, KDB_INVALID_CREDENTIALS },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        char claims[200];
        (void)snprintf(claims, sizeof(claims), form, cases[i].iat, cases[i].nbf);
        assert_int_equal(verify(fix, forge_claims(fix, claims), NULL), cases[i].status);
    }
}

static void refresh_gives_a_new_pair(void **state)
{
    fixture *fix = *state;
    kdb_token_pair first, second;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &first));
    assert_ok(fix, refresh(fix, first.refresh, &second));
    assert_ok(fix, verify(fix, second.access, NULL));
    assert_text(second.user.id.text, "alice");
    assert_failure(fix, refresh(fix, first.access, &second), KDB_INVALID_CREDENTIALS, "Invalid credentials");
    refuse(fix, first.refresh);
    move_clock_s(7 * 3600 + 62);
    assert_failure(fix, refresh(fix, first.refresh, &second), KDB_TOKEN_EXPIRED, "Invalid credentials");
}

/* ---- what ends tokens ---- */

typedef kdb_status (*change)(fixture *fix);

static kdb_status new_password(fixture *fix)
{
    return kdb_auth_set_password(fix->auth, &root_actor, user_id("alice"), hash_of(fix, "Another-One-9"), &fix->err);
}

static kdb_status new_role(fixture *fix)
{
    return kdb_auth_set_role(fix->auth, &root_actor, user_id("alice"), KDB_ROLE_DBA, &fix->err);
}

static kdb_status dropped(fixture *fix)
{
    return kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err);
}

static kdb_status new_email(fixture *fix)
{
    return kdb_auth_set_email(fix->auth, &root_actor, user_id("alice"), KDB_SV("a@b"), &fix->err);
}

static void assert_ends_tokens(fixture *fix, change fn)
{
    kdb_token_pair pair, other;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, log_in(fix, "alice", GOOD_PASSWORD, &pair));
    assert_ok(fix, verify(fix, pair.access, NULL));
    assert_ok(fix, fn(fix));
    for (int round = 0; round < 2; round++) {
        refuse(fix, pair.access);
        assert_int_equal(refresh(fix, pair.refresh, &other), KDB_INVALID_CREDENTIALS);
        fixture_reopen(fix);
    }
}

static void a_new_password_ends_tokens(void **state)
{
    assert_ends_tokens(*state, new_password);
}

static void a_new_role_ends_tokens(void **state)
{
    assert_ends_tokens(*state, new_role);
}

static void dropping_the_user_ends_tokens(void **state)
{
    assert_ends_tokens(*state, dropped);
}

static void a_new_email_does_not_end_tokens(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv token = access_token(fix, "alice");
    assert_ok(fix, verify(fix, token, NULL));
    assert_ok(fix, new_email(fix));
    assert_ok(fix, verify(fix, token, NULL));
}

static void more_users_than_the_cache_has_room_for(void **state)
{
    fixture *fix = *state;
    enum { USERS = 40, TOKENS = 3 * KDBI_CACHE_ENTRIES / USERS };
    kdb_sv *tokens = KDB_ARENA_ARRAY(fix->arena, kdb_sv, USERS * TOKENS);
    for (int u = 0; u < USERS; u++) {
        char id[16];
        kdb_user user;
        (void)snprintf(id, sizeof(id), "user%d", u);
        assert_ok(fix, create_user(fix, id, KDB_ROLE_USER));
        user = find_user(fix, id);
        for (int t = 0; t < TOKENS; t++) {
            kdb_token_pair pair;
            assert_ok(fix, kdbi_token_issue(fix->auth, &user, kdbi_session_new_id(fix->arena), 0, fix->arena, &pair,
                                            &fix->err));
            tokens[u * TOKENS + t] = pair.access;
        }
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < USERS * TOKENS; i++) {
            kdb_principal who;
            char id[16];
            (void)snprintf(id, sizeof(id), "user%d", i / TOKENS);
            assert_ok(fix, verify(fix, tokens[i], &who));
            assert_text(who.user.text, id);
        }
    }
}

static void a_seen_token_is_cheap(void **state)
{
    fixture *fix = *state;
    enum { TIMES = 100000 };
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv token = access_token(fix, "alice");
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    int64_t start = kdb_monotonic_us();
    for (int i = 0; i < TIMES; i++) {
        kdb_principal who;
        assert_int_equal(kdb_auth_verify(fix->auth, token, arena, &who, &fix->err), KDB_OK);
        kdb_arena_reset(arena);
    }
    print_message("a seen token: %.3f us\n", (double)(kdb_monotonic_us() - start) / TIMES);
}

static void the_secret_is_judged(void **state)
{
    fixture *fix = *state;
    assert_false(kdb_auth_secret_is_default(fix->auth));
    fix->options.jwt_secret = KDB_SV("CHANGE_ME_IN_PRODUCTION");
    fixture_reopen(fix);
    assert_true(kdb_auth_secret_is_default(fix->auth));
    fix->options.jwt_secret = KDB_SV("");
    fixture_reopen(fix);
    assert_false(kdb_auth_secret_is_default(fix->auth));
    assert_int_equal(fix->auth->secret.len, 64);
}

static void a_made_secret_lasts(void **state)
{
    fixture *fix = *state;
    fix->options.jwt_secret = KDB_SV("");
    fixture_reopen(fix);
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    kdb_sv token = access_token(fix, "alice");
    fixture_reopen(fix);
    assert_ok(fix, verify(fix, token, NULL));
    fix->options.jwt_secret = KDB_SV(TEST_SECRET);
    fixture_reopen(fix);
    refuse(fix, token);
}

static bool store_holds(fixture *fix, kdb_sv bytes)
{
    kdb_sv stored;
    assert_ok(fix, kdb_store_get(fix->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("jwt_secret"),
                                 fix->arena, &stored, &fix->err));
    return memmem(stored.ptr, stored.len, bytes.ptr, bytes.len) != NULL;
}

static void a_made_secret_is_sealed_with_the_current_key(void **state)
{
    fixture *fix = *state;
    fix->options.jwt_secret = KDB_SV("");
    fixture_reopen(fix);
    const kdb_sv secret = kdb_sv_dup(fix->arena, fix->auth->secret);
    assert_false(store_holds(fix, secret));
    kdb_buf text;
    kdb_seal *rotated = NULL;
    kdb_buf_init(&text, 0);
    assert_ok(fix, kdb_seal_write_keys(fix->seal, &text, &fix->err));
    assert_ok(fix, kdb_seal_new(kdb_buf_sv(&text), &rotated, &fix->err));
    fix->options.seal = rotated;
    fixture_reopen(fix);
    assert_true(kdb_sv_eq(secret, fix->auth->secret));
    kdb_sv stored;
    assert_ok(fix, kdb_store_get(fix->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("jwt_secret"),
                                 fix->arena, &stored, &fix->err));
    assert_true(kdb_seal_is_current(rotated, stored));
    kdb_seal *other = test_seal(2);
    fix->options.seal = other;
    fixture_reopen(fix); /* nobody has the key any more: a new secret */
    assert_false(kdb_sv_eq(secret, fix->auth->secret));
    fix->options.seal = fix->seal;
    fixture_reopen(fix);
    kdb_seal_free(rotated);
    kdb_seal_free(other);
    kdb_buf_done(&text);
}

static void a_secret_stored_in_the_open_is_not_used(void **state)
{
    fixture *fix = *state;
    const kdb_sv old = KDB_SV("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("jwt_secret"), old);
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    kdb_batch_free(batch);
    fix->options.jwt_secret = KDB_SV("");
    fixture_reopen(fix);
    assert_false(kdb_sv_eq(fix->auth->secret, old));
    assert_false(store_holds(fix, old));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_token_names_its_user),
        CASE(claims_are_the_references),
        CASE(every_token_is_different),
        CASE(a_token_holds_until_it_expires_and_a_minute_more),
        CASE(forged_claims_prove_the_forger_works),
        CASE(other_algorithms_are_refused),
        CASE(a_changed_header_is_refused),
        CASE(another_key_is_refused),
        CASE(any_changed_byte_is_refused),
        CASE(garbage_is_refused),
        CASE(wrong_claims_are_refused),
        CASE(a_minute_between_clocks_is_allowed),
        CASE(refresh_gives_a_new_pair),
        CASE(a_new_password_ends_tokens),
        CASE(a_new_role_ends_tokens),
        CASE(dropping_the_user_ends_tokens),
        CASE(a_new_email_does_not_end_tokens),
        CASE(more_users_than_the_cache_has_room_for),
        CASE(a_seen_token_is_cheap),
        CASE(the_secret_is_judged),
        CASE(a_made_secret_lasts),
        CASE(a_made_secret_is_sealed_with_the_current_key),
        CASE(a_secret_stored_in_the_open_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
