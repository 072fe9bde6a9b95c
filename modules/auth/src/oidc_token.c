/* oidc_token.c - tokens of other issuers (wire-protocol.md 3.3): ID or access tokens of an OpenID Connect provider, sent as
 * Bearer tokens. Checked are the algorithm (a row of oidc_key.c, so neither `none` nor an HMAC), the issuer (a configured
 * one), the key (one of that issuer's, and for that algorithm), the audience, the times, and that the subject is an account
 * of ours with authentication type OAuth, or may become one.
 *
 * Net threads check what they can without waiting. Where a key has to be fetched or an account made, they are told
 * KDB_WOULD_BLOCK, and the same check runs on a keys thread. */
#include "auth_int.h"

enum { SUBJECT_MAX = 255, KID_MAX = 256 };

typedef struct outside {
    kdbi_issuer *issuer;
    const kdbi_alg *alg;
    kdb_sv kid; /* empty: the token names none */
    kdb_sv signed_text, signature;
    const kdb_json *claims;
    kdb_sv subject;
    int64_t expires_s;
} outside;

static kdb_status refused(kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

/* ---- reading ---- */

static bool read_part(kdb_sv text, kdb_arena *arena, kdb_json **out)
{
    kdb_sv bytes;
    return kdbi_base64url_decode(text, arena, &bytes) && kdb_json_parse(bytes, arena, out, NULL) == KDB_OK &&
           (*out)->kind == KDB_JSON_OBJECT;
}

/* False for a claim that is there and is no text. */
static bool text_claim(const kdb_json *object, kdb_sv name, kdb_sv *out)
{
    const kdb_json *claim = kdb_json_lookup(object, name);
    *out = claim == NULL ? (kdb_sv){ NULL, 0 } : claim->string;
    return claim == NULL || claim->kind == KDB_JSON_STRING;
}

/* Whole seconds; some issuers write fractions. `missing` when the claim is not there; false when it is no time. */
static bool time_claim(const kdb_json *object, kdb_sv name, int64_t missing, int64_t *out)
{
    const kdb_json *claim = kdb_json_lookup(object, name);
    *out = missing;
    if (claim == NULL) {
        return true;
    }
    if (claim->kind == KDB_JSON_DOUBLE && claim->number > -1e15 && claim->number < 1e15) {
        *out = (int64_t)claim->number;
        return true;
    }
    *out = claim->integer;
    return claim->kind == KDB_JSON_INT;
}

static bool read_header(kdb_sv text, kdb_arena *arena, outside *out)
{
    kdb_json *header;
    kdb_sv alg;
    if (!read_part(text, arena, &header) || !text_claim(header, KDB_SV("alg"), &alg) ||
        !text_claim(header, KDB_SV("kid"), &out->kid) || out->kid.len > KID_MAX) {
        return false;
    }
    out->alg = kdbi_alg_lookup(alg);
    return out->alg != NULL && kdb_json_lookup(header, KDB_SV("crit")) == NULL; /* what it demands is not known here */
}

static bool read_claims(kdb_auth *auth, kdb_sv text, kdb_arena *arena, outside *out)
{
    kdb_json *claims;
    kdb_sv issuer;
    if (!read_part(text, arena, &claims) || !text_claim(claims, KDB_SV("iss"), &issuer) ||
        !text_claim(claims, KDB_SV("sub"), &out->subject) || out->subject.len == 0 || out->subject.len > SUBJECT_MAX) {
        return false;
    }
    out->claims = claims;
    out->issuer = kdbi_issuer_lookup(auth, issuer);
    return out->issuer != NULL;
}

static bool read_token(kdb_auth *auth, kdb_sv token, kdb_arena *arena, outside *out)
{
    if (!kdbi_token_is_shaped(token)) {
        return false;
    }
    const char *first = memchr(token.ptr, '.', token.len);
    const char *second = memchr(first + 1, '.', token.len - (size_t)(first + 1 - token.ptr));
    const kdb_sv header = kdb_sv_of(token.ptr, (size_t)(first - token.ptr));
    const kdb_sv claims = kdb_sv_of(first + 1, (size_t)(second - first) - 1);
    const kdb_sv signature = kdb_sv_of(second + 1, token.len - (size_t)(second + 1 - token.ptr));
    out->signed_text = kdb_sv_of(token.ptr, (size_t)(second - token.ptr));
    return read_header(header, arena, out) && read_claims(auth, claims, arena, out) &&
           kdbi_base64url_decode(signature, arena, &out->signature);
}

bool kdbi_outside_is(kdb_sv token, kdb_arena *arena)
{
    outside said;
    const char *dot = token.len == 0 ? NULL : memchr(token.ptr, '.', token.len);
    return dot != NULL && kdbi_token_is_shaped(token) &&
           read_header(kdb_sv_of(token.ptr, (size_t)(dot - token.ptr)), arena, &said);
}

/* ---- claims ---- */

/* Whether one of the comma-separated audiences is `said`; `*` is any. */
static bool is_audience(kdb_sv audiences, kdb_sv said)
{
    for (kdb_sv one; kdb_sv_take_item(&audiences, &one);) {
        if (kdb_sv_eq(one, KDB_SV("*")) || (one.len != 0 && kdb_sv_eq(one, said))) {
            return true;
        }
    }
    return false;
}

static bool is_for_us(const outside *said)
{
    const kdb_json *aud = kdb_json_lookup(said->claims, KDB_SV("aud"));
    if (aud == NULL) {
        return is_audience(said->issuer->audiences, KDB_SV(""));
    }
    if (aud->kind == KDB_JSON_STRING) {
        return is_audience(said->issuer->audiences, aud->string);
    }
    for (const kdb_json *one = aud->kind == KDB_JSON_ARRAY ? aud->child : NULL; one != NULL; one = one->next) {
        if (one->kind == KDB_JSON_STRING && is_audience(said->issuer->audiences, one->string)) {
            return true;
        }
    }
    return false;
}

/* As far as it decides whether anything is fetched for the token. */
static bool is_plausible(const outside *said)
{
    kdb_sv type;
    return is_for_us(said) && text_claim(said->claims, KDB_SV("token_type"), &type) &&
           !kdb_sv_eq(type, KDB_SV("refresh"));
}

static kdb_status check_times(outside *said, kdb_err *err)
{
    const int64_t now_s = kdb_now_us() / 1000000;
    int64_t iat, nbf;
    if (kdb_json_lookup(said->claims, KDB_SV("exp")) == NULL ||
        !time_claim(said->claims, KDB_SV("exp"), 0, &said->expires_s) ||
        !time_claim(said->claims, KDB_SV("iat"), now_s, &iat) ||
        !time_claim(said->claims, KDB_SV("nbf"), now_s, &nbf)) {
        return refused(err);
    }
    if (!kdbi_token_in_time(said->expires_s, now_s)) {
        return KDB_FAIL(err, KDB_TOKEN_EXPIRED, "Invalid credentials");
    }
    return iat > now_s + KDBI_LEEWAY_SECONDS || nbf > now_s + KDBI_LEEWAY_SECONDS ? refused(err) : KDB_OK;
}

/* ---- keys ---- */

/* The signature with what is at hand. KDB_NOT_FOUND: no such key. */
static kdb_status check_signature(const outside *said, const kdbi_keyset *keys, kdb_err *err)
{
    const kdbi_jwk *key = keys == NULL ? NULL : kdbi_keyset_lookup(keys, said->kid, said->alg);
    if (key == NULL) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "the key is not known");
    }
    return kdbi_signature_holds(said->alg, key, said->signed_text, said->signature) ? KDB_OK : refused(err);
}

/* With the keys as they are now; KDB_WOULD_BLOCK when they should be fetched first. */
static kdb_status try_keys(kdb_auth *auth, const outside *said, kdb_err *err)
{
    kdbi_keyset *keys;
    const kdbi_keys_state state = kdbi_issuer_keys(auth, said->issuer, &keys);
    kdb_status status = check_signature(said, keys, err);
    kdbi_keyset_unref(keys);
    if ((status == KDB_NOT_FOUND || state == KDBI_KEYS_STALE) && kdbi_issuer_may_fetch(auth, said->issuer, false)) {
        return KDB_FAIL(err, KDB_WOULD_BLOCK, "the issuer's keys must be fetched");
    }
    if (status == KDB_NOT_FOUND && state == KDBI_KEYS_NONE) {
        return KDB_FAIL(err, KDB_OVERLOADED, "The keys of the token's issuer cannot be had; try again in a moment");
    }
    return status == KDB_NOT_FOUND ? refused(err) : status;
}

static kdb_status check_key(kdb_auth *auth, const outside *said, bool may_wait, kdb_err *err)
{
    kdb_status status = try_keys(auth, said, err);
    if (status != KDB_WOULD_BLOCK || !may_wait) {
        return status;
    }
    if (kdbi_issuer_may_fetch(auth, said->issuer, true)) {
        kdbi_issuer_fetch(auth, said->issuer);
    }
    kdbi_keyset *keys;
    const kdbi_keys_state state = kdbi_issuer_keys(auth, said->issuer, &keys);
    status = check_signature(said, keys, err);
    kdbi_keyset_unref(keys);
    if (status == KDB_NOT_FOUND && state == KDBI_KEYS_NONE) {
        return KDB_FAIL(err, KDB_OVERLOADED, "The keys of the token's issuer cannot be had; try again in a moment");
    }
    return status == KDB_NOT_FOUND ? refused(err) : status;
}

/* ---- accounts ---- */

static kdb_status check_account(kdb_auth *auth, const outside *said, bool may_wait, kdb_arena *arena, kdbi_token *out,
                                kdb_err *err)
{
    kdb_sv id;
    if (!kdbi_identity_lookup(auth, said->issuer, said->subject, arena, &id)) {
        if (!auth->provision) {
            return refused(err);
        }
        if (!may_wait) {
            return KDB_FAIL(err, KDB_WOULD_BLOCK, "the account must be made");
        }
        KDB_TRY(kdbi_identity_provision(auth, said->issuer, said->subject, said->claims, arena, &id, err));
        out->made = true;
    }
    return kdbi_auth_standing(auth, id, &out->standing) ? KDB_OK : refused(err);
}

static kdb_status check_role(const outside *said, kdb_role role, kdb_err *err)
{
    const kdb_json *claim = kdb_json_lookup(said->claims, KDB_SV("role"));
    const bool agrees =
        claim == NULL || (claim->kind == KDB_JSON_STRING && kdb_sv_eq(claim->string, kdb_sv_cstr(kdb_role_name(role))));
    return agrees ? KDB_OK : refused(err);
}

kdb_status kdbi_outside_check(kdb_auth *auth, kdb_sv token, bool may_wait, kdb_arena *arena, kdbi_token *out,
                              kdb_err *err)
{
    outside said;
    kdbi_token found = { .generation = 0 };
    if (!read_token(auth, token, arena, &said) || !is_plausible(&said)) {
        return refused(err);
    }
    KDB_TRY(check_key(auth, &said, may_wait, err));
    KDB_TRY(check_times(&said, err));
    KDB_TRY(check_account(auth, &said, may_wait, arena, &found, err));
    KDB_TRY(check_role(&said, found.standing.role, err));
    KDB_TRY(kdbi_session_key_of_text(token, arena, &found.session, err));
    found.expires_s = said.expires_s;
    *out = found;
    return KDB_OK;
}
