/* auth_token.c - JSON Web Tokens (wire-protocol.md 3.3), made and checked with libjwt. libjwt checks the signature and
 * nothing else: it would take HS384 and HS512 of the same key, and knows no times, so that and every claim is checked
 * here. Only HS256 is ours: a token that names another algorithm, `none` among them, is refused whatever it carries.
 *
 * Besides the reference's claims a token has `jti`, which makes each one different; `epoch`, the user's token_epoch, which
 * a new password raises to end all older tokens; and `sid` and `gen`, its sign-in and its place in it: auth_session.c. */
#include <jwt.h>
#include <stdlib.h>

#include "auth_int.h"

enum { TOKEN_MAX = 8192 };

static const kdb_sv issuer = { "kalamdb", sizeof("kalamdb") - 1 };
static const kdb_sv access_type = { "access", sizeof("access") - 1 };
static const kdb_sv refresh_type = { "refresh", sizeof("refresh") - 1 };

/* ---- making ---- */

static void put_text_claim(kdb_buf *claims, const char *name, kdb_sv text)
{
    kdb_buf_printf(claims, "\"%s\":", name);
    kdb_json_put_string(claims, text);
    kdb_buf_append_byte(claims, ',');
}

static void put_email_claim(kdb_buf *claims, kdb_sv email)
{
    if (email.len == 0) {
        kdb_buf_append_lit(claims, "\"email\":null,");
    } else {
        put_text_claim(claims, "email", email);
    }
}

/* What a pair has in common. */
typedef struct pair_claims {
    const kdb_user *user;
    kdb_sv session;
    uint32_t generation;
    int64_t now_s;
} pair_claims;

static char *claims_json(const pair_claims *pair, kdb_sv token_type, int64_t expires_s, kdb_arena *arena)
{
    const kdb_user *user = pair->user;
    kdb_buf claims;
    kdb_buf_init(&claims, 0);
    kdb_buf_append_byte(&claims, '{');
    put_text_claim(&claims, "sub", user->id.text);
    put_text_claim(&claims, "username", user->id.text);
    put_text_claim(&claims, "iss", issuer);
    put_text_claim(&claims, "role", kdb_sv_cstr(kdb_role_name(user->role)));
    put_text_claim(&claims, "token_type", token_type);
    put_email_claim(&claims, user->email);
    put_text_claim(&claims, "jti", kdbi_session_new_id(arena));
    put_text_claim(&claims, "sid", pair->session);
    kdb_buf_printf(&claims, "\"gen\":%u,\"iat\":%lld,\"exp\":%lld,\"epoch\":%llu}", pair->generation,
                   (long long)pair->now_s, (long long)expires_s, (unsigned long long)user->token_epoch);
    char *text = kdb_sv_dup_cstr(arena, kdb_buf_sv(&claims));
    kdb_buf_done(&claims);
    return text;
}

/* libjwt's text of the token, to be freed; NULL when it fails. */
static char *sign(kdb_auth *auth, const char *claims)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)auth->secret.ptr, (int)auth->secret.len) == 0) {
        text = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    return text;
}

static kdb_status make_token(kdb_auth *auth, const pair_claims *pair, kdb_sv token_type, int64_t seconds,
                             kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    char *text = sign(auth, claims_json(pair, token_type, pair->now_s + seconds, arena));
    if (text == NULL) {
        return KDB_FAIL(err, KDB_INTERNAL, "a token could not be signed");
    }
    *out = kdb_sv_dup(arena, kdb_sv_cstr(text));
    free(text);
    return KDB_OK;
}

kdb_status kdbi_token_issue(kdb_auth *auth, const kdb_user *user, kdb_sv session, uint32_t generation, kdb_arena *arena,
                            kdb_token_pair *out, kdb_err *err)
{
    const pair_claims claims = { user, session, generation, kdb_now_us() / 1000000 };
    kdb_token_pair pair = {
        .access_expires_us = (claims.now_s + auth->access_seconds) * 1000000,
        .refresh_expires_us = (claims.now_s + kdbi_refresh_seconds(auth)) * 1000000,
        .user = kdbi_user_copy(user, arena),
    };
    KDB_TRY(make_token(auth, &claims, access_type, auth->access_seconds, arena, &pair.access, err));
    KDB_TRY(make_token(auth, &claims, refresh_type, kdbi_refresh_seconds(auth), arena, &pair.refresh, err));
    *out = pair;
    return KDB_OK;
}

/* ---- checking ---- */

/* What a token with a good signature says; text lies in the caller's arena. */
typedef struct claims {
    kdb_sv subject, issuer, token_type, role, session;
    bool has_role, has_nbf;
    int64_t iat, exp, nbf;
    int64_t generation;
    int64_t epoch; /* 0 when the token has none: good until the user's is first raised */
} claims;

/* Empty when the claim is absent; false when it is there and is no text. */
static bool text_claim(const kdb_json *all, kdb_sv name, bool *present, kdb_sv *out)
{
    const kdb_json *claim = kdb_json_lookup(all, name);
    *present = claim != NULL;
    *out = claim == NULL ? (kdb_sv){ NULL, 0 } : claim->string;
    return claim == NULL || claim->kind == KDB_JSON_STRING;
}

/* 0 when the claim is absent; false when it is there and is no integer. */
static bool int_claim(const kdb_json *all, kdb_sv name, bool *present, int64_t *out)
{
    const kdb_json *claim = kdb_json_lookup(all, name);
    *present = claim != NULL;
    *out = claim == NULL ? 0 : claim->integer;
    return claim == NULL || claim->kind == KDB_JSON_INT;
}

static bool read_claims(const kdb_json *all, claims *out)
{
    bool has_subject, has_issuer, has_type, has_session, has_iat, has_exp, has_generation, has_epoch;
    return all->kind == KDB_JSON_OBJECT && text_claim(all, KDB_SV("sub"), &has_subject, &out->subject) &&
           text_claim(all, KDB_SV("iss"), &has_issuer, &out->issuer) &&
           text_claim(all, KDB_SV("token_type"), &has_type, &out->token_type) &&
           text_claim(all, KDB_SV("role"), &out->has_role, &out->role) &&
           text_claim(all, KDB_SV("sid"), &has_session, &out->session) &&
           int_claim(all, KDB_SV("iat"), &has_iat, &out->iat) && has_iat &&
           int_claim(all, KDB_SV("exp"), &has_exp, &out->exp) && has_exp &&
           int_claim(all, KDB_SV("nbf"), &out->has_nbf, &out->nbf) &&
           int_claim(all, KDB_SV("gen"), &has_generation, &out->generation) &&
           int_claim(all, KDB_SV("epoch"), &has_epoch, &out->epoch);
}

/* All claims as our own tree: libjwt's getters do not tell a claim of another type from 0. */
static bool parse_claims(jwt_t *jwt, kdb_arena *arena, kdb_json **out)
{
    char *text = jwt_get_grants_json(jwt, NULL);
    bool parsed = text != NULL && kdb_json_parse(kdb_sv_dup(arena, kdb_sv_cstr(text)), arena, out, NULL) == KDB_OK;
    free(text);
    return parsed;
}

static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool kdbi_token_is_shaped(kdb_sv token)
{
    size_t dots = 0;
    if (token.len > TOKEN_MAX) {
        return false;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] == '.') {
            dots++;
        } else if (!is_token_character(token.ptr[i])) {
            return false;
        }
    }
    return dots == 2;
}

/* False unless the token is HS256 and signed with our secret. */
static bool read_token(kdb_auth *auth, kdb_sv token, kdb_arena *arena, claims *out)
{
    if (!kdbi_token_is_shaped(token)) {
        return false;
    }
    jwt_t *jwt = NULL;
    kdb_json *all;
    const char *text = kdb_sv_dup_cstr(arena, token);
    bool good = jwt_decode(&jwt, text, (const unsigned char *)auth->secret.ptr, (int)auth->secret.len) == 0 &&
                jwt_get_alg(jwt) == JWT_ALG_HS256 && parse_claims(jwt, arena, &all) && read_claims(all, out);
    jwt_free(jwt);
    return good;
}

static kdb_status refused(kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

static bool is_type(kdb_sv said, kdbi_token_type type)
{
    return (type != KDBI_TOKEN_REFRESH && kdb_sv_eq(said, access_type)) ||
           (type != KDBI_TOKEN_ACCESS && kdb_sv_eq(said, refresh_type));
}

static kdb_status check_claims(const claims *said, kdbi_token_type type, kdb_err *err)
{
    int64_t now_s = kdb_now_us() / 1000000;
    if (!kdb_sv_eq(said->issuer, issuer) || !is_type(said->token_type, type) || said->subject.len == 0 ||
        said->generation < 0 || said->generation >= UINT32_MAX) {
        return refused(err);
    }
    if (!kdbi_token_in_time(said->exp, now_s)) {
        return KDB_FAIL(err, KDB_TOKEN_EXPIRED, "Invalid credentials");
    }
    if (said->iat > now_s + KDBI_LEEWAY_SECONDS || (said->has_nbf && said->nbf > now_s + KDBI_LEEWAY_SECONDS)) {
        return refused(err);
    }
    return KDB_OK;
}

/* Whether the user is still the one whom the token was made for: an account may be made anew under an old name. */
static bool agrees(const claims *said, const kdbi_standing *standing)
{
    if (said->epoch < 0 || (uint64_t)said->epoch != standing->token_epoch ||
        said->iat < standing->created_us / 1000000 - KDBI_LEEWAY_SECONDS) {
        return false;
    }
    return !said->has_role || kdb_sv_eq(said->role, kdb_sv_cstr(kdb_role_name(standing->role)));
}

kdb_status kdbi_token_check(kdb_auth *auth, kdb_sv token, kdbi_token_type type, kdb_arena *arena, kdbi_token *out,
                            kdb_err *err)
{
    claims said;
    kdbi_token found = { .generation = 0 };
    if (!read_token(auth, token, arena, &said)) {
        return refused(err);
    }
    KDB_TRY(check_claims(&said, type, err));
    if (!kdbi_auth_standing(auth, said.subject, &found.standing) || !agrees(&said, &found.standing)) {
        return refused(err);
    }
    found.expires_s = said.exp;
    found.session = said.session;
    found.generation = (uint32_t)said.generation;
    if (said.session.len != KDBI_SESSION_ID_LEN) {
        found.generation = 0;
        KDB_TRY(kdbi_session_key_of_text(token, arena, &found.session, err));
    }
    *out = found;
    return KDB_OK;
}

static kdb_principal principal_of(const kdbi_account *account, kdb_role role, kdb_arena *arena)
{
    return (kdb_principal){ .user = { kdb_sv_dup(arena, kdbi_account_id(account)) }, .role = role };
}

static kdb_status check_any(kdb_auth *auth, kdb_sv token, bool may_wait, kdb_arena *arena, kdbi_token *out,
                            kdb_err *err)
{
    if (auth->nissuers != 0 && kdbi_outside_is(token, arena)) {
        return kdbi_outside_check(auth, token, may_wait, arena, out, err);
    }
    return kdbi_token_check(auth, token, KDBI_TOKEN_ACCESS, arena, out, err);
}

static kdb_status verify(kdb_auth *auth, kdb_sv token, bool may_wait, kdb_arena *arena, kdbi_token *said,
                         kdb_principal *out, kdb_err *err)
{
    KDB_TRY(check_any(auth, token, may_wait, arena, said, err));
    if (kdbi_session_find(auth, said->session, said->standing.account).ended) {
        return refused(err);
    }
    kdbi_cache_put(&auth->cache, token, &said->standing, said->expires_s);
    *out = principal_of(said->standing.account, said->standing.role, arena);
    return KDB_OK;
}

kdb_status kdb_auth_verify(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdb_principal *out, kdb_err *err)
{
    const kdbi_account *account;
    kdb_role role;
    kdbi_token said;
    if (kdbi_cache_find(&auth->cache, token, &account, &role)) {
        *out = principal_of(account, role, arena);
        return KDB_OK;
    }
    return verify(auth, token, false, arena, &said, out, err);
}

kdb_status kdbi_token_verify(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdbi_token *out, kdb_err *err)
{
    kdb_principal ignored;
    return verify(auth, token, false, arena, out, &ignored, err);
}

kdb_status kdbi_auth_verify(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdbi_token said;
    KDB_TRY(verify(auth, job->tokens[0], true, job->arena, &said, &job->who, err));
    if (said.made) {
        job->news = KDB_AUTH_ACCOUNT_MADE;
        job->news_of = job->who.user.text;
    }
    return KDB_OK;
}

kdb_status kdb_auth_me(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdb_user *out, kdb_err *err)
{
    kdb_principal principal;
    KDB_TRY(kdb_auth_verify(auth, token, arena, &principal, err));
    return kdb_auth_find_user(auth, principal.user, arena, out, err);
}
