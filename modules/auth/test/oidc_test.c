/* oidc_test.c - other issuers' keys: how they are read, how often they are fetched, how long they serve. What tokens get is in
 * tests/e2e/oidc.test.js. The network is a function of this file. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "auth_fixture.h"

#define ISSUER "https://id.example.com"

/* ---- an issuer in memory ---- */

static struct {
    EVP_PKEY *key;
    char jwks[512];
    kdb_status status; /* of the next fetches */
    int fetches;
    char asked[256]; /* the last URL */
} net;

static char *encode(kdb_arena *arena, const void *bytes, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = bytes;
    char *text = kdb_arena_alloc(arena, len * 2 + 2);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        for (held += 8; held >= 6; held -= 6) {
            text[n++] = letters[bits >> (held - 6) & 63];
        }
    }
    if (held != 0) {
        text[n++] = letters[bits << (6 - held) & 63];
    }
    text[n] = '\0';
    return text;
}

static void make_key(fixture *fix, const char *kid)
{
    unsigned char point[65];
    size_t len = 0;
    EVP_PKEY_free(net.key);
    net.key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_get_octet_string_param(net.key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len), 1);
    assert_int_equal(len, sizeof(point));
    (void)snprintf(net.jwks, sizeof(net.jwks),
                   "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}]}", kid,
                   encode(fix->arena, point + 1, 32), encode(fix->arena, point + 33, 32));
}

static kdb_status fake_fetch(kdb_sv url, const kdb_http_limits *limits, kdb_buf *out, kdb_err *err)
{
    (void)limits;
    net.fetches++;
    (void)snprintf(net.asked, sizeof(net.asked), "%.*s", KDB_SV_ARG(url));
    if (net.status != KDB_OK) {
        return KDB_FAIL(err, net.status, "no way");
    }
    kdb_buf_append_sv(out, kdb_sv_cstr(net.jwks));
    return KDB_OK;
}

/* A token of alice's, signed with the key that the issuer has now, naming `kid`. */
static kdb_sv token(fixture *fix, const char *kid)
{
    char header[128], claims[256], text[512];
    const long long now = (long long)(kdb_now_us() / 1000000);
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
    (void)snprintf(claims, sizeof(claims), "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"aud\":\"app\",\"exp\":%lld}",
                   now + 900);
    (void)snprintf(text, sizeof(text), "%s.%s", encode(fix->arena, header, strlen(header)),
                   encode(fix->arena, claims, strlen(claims)));
    unsigned char der[128], raw[64] = { 0 };
    const unsigned char *at = der;
    size_t len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, net.key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32), 32);
    ECDSA_SIG_free(pair);
    return kdb_sv_printf(fix->arena, "%s.%s", text, encode(fix->arena, raw, sizeof(raw)));
}

static int open_with_issuer(void **state)
{
    static const kdb_auth_issuer issuers[] = {
        { { "test", 4 }, { ISSUER, sizeof(ISSUER) - 1 }, { "https://keys.example.com/", 25 }, { "app", 3 } }
    };
    (void)fixture_open(state);
    fixture *fix = *state;
    fix->options.issuers = issuers;
    fix->options.nissuers = 1;
    fixture_reopen(fix);
    fix->auth->fetch = fake_fetch;
    net.status = KDB_OK;
    net.fetches = 0;
    make_key(fix, "one");
    const kdb_user alice = { .id = user_id("alice"),
                             .role = KDB_ROLE_USER,
                             .auth_type = KDB_AUTH_OAUTH,
                             .auth_data = KDB_SV("{\"provider\":\"test\",\"subject\":\"a\"}") };
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &alice, &fix->err));
    return 0;
}

static int close_with_issuer(void **state)
{
    EVP_PKEY_free(net.key);
    net.key = NULL;
    return fixture_close(state);
}

/* As a request does: at once where that goes, else by a job. */
static kdb_status check(fixture *fix, kdb_sv text)
{
    kdb_status status = verify(fix, text, NULL);
    if (status == KDB_WOULD_BLOCK) {
        kdb_auth_job job = { .kind = KDB_AUTH_VERIFY, .tokens[0] = text };
        status = run_job(fix, &job);
        assert_true(status != KDB_OK || kdb_sv_eq(job.who.user.text, KDB_SV("alice")));
    }
    return status;
}

static void age_keys(fixture *fix, int64_t seconds)
{
    kdb_mutex_lock(&fix->auth->lock);
    fix->auth->issuers[0].fetched_us -= seconds * 1000000;
    kdb_mutex_unlock(&fix->auth->lock);
}

static void allow_fetches(fixture *fix)
{
    kdb_mutex_lock(&fix->auth->lock);
    fix->auth->issuers[0].full_us = 0;
    kdb_mutex_unlock(&fix->auth->lock);
}

/* ---- cases ---- */

static void keys_are_fetched_when_they_are_needed(void **state)
{
    fixture *fix = *state;
    assert_int_equal(net.fetches, 0);
    kdb_sv first = token(fix, "one");
    assert_int_equal(verify(fix, first, NULL), KDB_WOULD_BLOCK); /* never on the caller's thread */
    assert_int_equal(net.fetches, 0);
    assert_int_equal(check(fix, first), KDB_OK);
    assert_string_equal(net.asked, "https://keys.example.com/");
    assert_int_equal(verify(fix, token(fix, "one"), NULL), KDB_OK);
    assert_int_equal(net.fetches, 1);
}

static void unknown_keys_are_asked_for_a_few_times(void **state)
{
    fixture *fix = *state;
    assert_int_equal(check(fix, token(fix, "one")), KDB_OK);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(check(fix, token(fix, "other")), KDB_INVALID_CREDENTIALS);
    }
    assert_int_equal(net.fetches, 5);
    assert_int_equal(verify(fix, token(fix, "one"), NULL), KDB_OK);
    allow_fetches(fix);
    make_key(fix, "other");
    assert_int_equal(check(fix, token(fix, "other")), KDB_OK);
}

static void old_keys_are_fetched_anew_and_serve_while_that_fails(void **state)
{
    fixture *fix = *state;
    assert_int_equal(check(fix, token(fix, "one")), KDB_OK);
    age_keys(fix, 3500);
    assert_int_equal(verify(fix, token(fix, "one"), NULL), KDB_OK);
    age_keys(fix, 200);
    assert_int_equal(check(fix, token(fix, "one")), KDB_OK);
    assert_int_equal(net.fetches, 2);
    net.status = KDB_IO;
    for (int hour = 2; hour <= 23; hour++) {
        age_keys(fix, 3600);
        assert_int_equal(check(fix, token(fix, "one")), KDB_OK);
    }
    age_keys(fix, 2 * 3600);
    assert_int_equal(check(fix, token(fix, "one")), KDB_OVERLOADED);
    net.status = KDB_OK;
    allow_fetches(fix);
    assert_int_equal(check(fix, token(fix, "one")), KDB_OK);
}

static void a_key_that_was_withdrawn_serves_an_hour_at_most(void **state)
{
    fixture *fix = *state;
    kdb_sv old = token(fix, "one");
    kdb_sv other = token(fix, "one");
    assert_int_equal(check(fix, old), KDB_OK);
    make_key(fix, "two");
    age_keys(fix, 3601);
    assert_int_equal(check(fix, other), KDB_INVALID_CREDENTIALS);
}

static void failing_fetches_are_bounded_too(void **state)
{
    fixture *fix = *state;
    net.status = KDB_IO;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(check(fix, token(fix, "one")), KDB_OVERLOADED);
    }
    assert_int_equal(net.fetches, 5);
}

static void base64url_has_one_text_for_each_value(void **state)
{
    fixture *fix = *state;
    static const char *const bad[] = { "A", "AAAAA", "AB", "AAB", "AA==", "AA\n", "A+AA", "A/AA", " AAA", "A.AA" };
    char bytes[64];
    uint64_t seed = 3;
    kdb_sv back;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)next_random(&seed);
        }
        assert_true(kdbi_base64url_decode(kdb_sv_cstr(encode(fix->arena, bytes, len)), fix->arena, &back));
        assert_true(kdb_sv_eq(back, kdb_sv_of(bytes, len)));
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        assert_false(kdbi_base64url_decode(kdb_sv_cstr(bad[i]), fix->arena, &back));
    }
}

/* Whatever comes is read or refused; a sanitizer sees the rest. */
static void damaged_sets_harm_nobody(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 11;
    const size_t len = strlen(net.jwks);
    for (int round = 0; round < 3000; round++) {
        char *copy = kdb_alloc(len + 1); /* of the exact size */
        memcpy(copy, net.jwks, len);
        for (uint64_t n = next_random(&seed) % 4 + 1; n > 0; n--) {
            copy[next_random(&seed) % len] = (char)(' ' + next_random(&seed) % 95);
        }
        kdbi_keyset *set;
        if (kdbi_keyset_parse(kdb_sv_of(copy, len - next_random(&seed) % 3), &set, &fix->err) == KDB_OK) {
            (void)kdbi_keyset_lookup(set, KDB_SV("one"), kdbi_alg_lookup(KDB_SV("ES256")));
            kdbi_keyset_unref(set);
        }
        kdb_free(copy);
    }
}

static void damaged_tokens_are_refused(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 13;
    kdb_sv good = token(fix, "one");
    assert_int_equal(check(fix, good), KDB_OK);
    for (int round = 0; round < 2000; round++) {
        kdb_sv copy = kdb_sv_dup(fix->arena, good);
        char *at = (char *)(uintptr_t)copy.ptr + next_random(&seed) % copy.len;
        const char was = *at;
        *at = (char)next_random(&seed);
        if (*at != was) {
            const kdb_status status = verify(fix, copy, NULL);
            assert_true(status == KDB_INVALID_CREDENTIALS || status == KDB_WOULD_BLOCK);
        }
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_with_issuer, close_with_issuer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keys_are_fetched_when_they_are_needed),
        CASE(unknown_keys_are_asked_for_a_few_times),
        CASE(old_keys_are_fetched_anew_and_serve_while_that_fails),
        CASE(a_key_that_was_withdrawn_serves_an_hour_at_most),
        CASE(failing_fetches_are_bounded_too),
        CASE(base64url_has_one_text_for_each_value),
        CASE(damaged_sets_harm_nobody),
        CASE(damaged_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
