/* oidc_issuer.c - the issuers whose tokens are taken besides our own, and their keys: where they are is found by discovery (or
 * configured), and they are fetched when a token asks for one that is not known, and anew every hour. Tokens cost nothing to
 * make up, so what they ask for is bounded: a few fetches at once, then one in half a minute. When an issuer does not answer,
 * the keys at hand serve for a day. Fetching happens on the keys threads only. */
#include "auth_int.h"

enum {
    FETCH_BURST = 5,
    FETCH_EVERY_S = 30,
    FRESH_S = 3600,
    USABLE_S = 24 * 3600,
    FETCH_TIMEOUT_MS = 5000,
    FETCH_BYTES_MAX = 1024 * 1024,
    URL_MAX = 1024
};

/* ---- configuration ---- */

static kdb_status check_url(const kdb_auth *auth, kdb_sv url, kdb_err *err)
{
    if (url.len > URL_MAX) {
        return KDB_FAIL(err, KDB_INVALID, "the URL is too long");
    }
    if (!auth->open_http && !kdb_http_is_private(url)) {
        return KDB_FAIL(err, KDB_INVALID, "`%.*s` is not https: keys that come in the clear can be anybody's",
                        KDB_SV_ARG(url));
    }
    return KDB_OK;
}

static kdb_status check_issuer(const kdb_auth *auth, const kdb_auth_issuer *given, kdb_err *err)
{
    if (given->audiences.len == 0) {
        return KDB_FAIL(err, KDB_INVALID,
                        "without a client id any token of the issuer would do, whatever it was made for");
    }
    KDB_TRY(check_url(auth, given->url, err));
    return given->jwks_uri.len == 0 ? KDB_OK : check_url(auth, given->jwks_uri, err);
}

kdb_status kdbi_issuer_open_all(kdb_auth *auth, const kdb_auth_options *options, kdb_err *err)
{
    if (options->provision && options->provision_role != KDB_ROLE_USER && options->provision_role != KDB_ROLE_SERVICE) {
        return KDB_FAIL(err, KDB_INVALID, "accounts made at first sign-in may be of role user or service only");
    }
    auth->issuers = kdb_alloc_array(options->nissuers + 1, sizeof(*auth->issuers));
    for (size_t i = 0; i < options->nissuers; i++) {
        const kdb_auth_issuer *given = &options->issuers[i];
        if (check_issuer(auth, given, err) != KDB_OK) {
            kdb_err_context(err, "issuer %.*s", KDB_SV_ARG(given->name));
            return KDB_INVALID;
        }
        auth->issuers[auth->nissuers++] = (kdbi_issuer){
            .name = kdb_sv_dup(auth->arena, given->name),
            .url = kdb_sv_dup(auth->arena, given->url),
            .jwks_uri = kdb_sv_dup(auth->arena, given->jwks_uri),
            .audiences = kdb_sv_dup(auth->arena, given->audiences),
        };
    }
    return KDB_OK;
}

void kdbi_issuer_close_all(kdb_auth *auth)
{
    for (size_t i = 0; i < auth->nissuers; i++) {
        kdbi_keyset_unref(auth->issuers[i].keys);
    }
    kdb_free(auth->issuers);
}

kdbi_issuer *kdbi_issuer_lookup(kdb_auth *auth, kdb_sv url)
{
    for (size_t i = 0; i < auth->nissuers; i++) {
        if (kdb_sv_eq(auth->issuers[i].url, url)) {
            return &auth->issuers[i];
        }
    }
    return NULL;
}

/* ---- keys ---- */

kdbi_keys_state kdbi_issuer_keys(kdb_auth *auth, kdbi_issuer *issuer, kdbi_keyset **out)
{
    kdb_mutex_lock(&auth->lock);
    const int64_t age_us = kdb_monotonic_us() - issuer->fetched_us;
    const bool usable = issuer->keys != NULL && age_us <= USABLE_S * INT64_C(1000000);
    *out = usable ? kdbi_keyset_ref(issuer->keys) : NULL;
    kdb_mutex_unlock(&auth->lock);
    if (!usable) {
        return KDBI_KEYS_NONE;
    }
    return age_us <= FRESH_S * INT64_C(1000000) ? KDBI_KEYS_FRESH : KDBI_KEYS_STALE;
}

/* A bucket of FETCH_BURST that gets one back every FETCH_EVERY_S, kept as the time at which it will be full again. */
bool kdbi_issuer_may_fetch(kdb_auth *auth, kdbi_issuer *issuer, bool take)
{
    const int64_t step = FETCH_EVERY_S * INT64_C(1000000);
    const int64_t now = kdb_monotonic_us();
    kdb_mutex_lock(&auth->lock);
    const int64_t full = issuer->full_us > now ? issuer->full_us : now;
    const bool may = full + step - now <= FETCH_BURST * step;
    if (may && take) {
        issuer->full_us = full + step;
    }
    kdb_mutex_unlock(&auth->lock);
    return may;
}

static kdb_status get(kdb_auth *auth, kdb_sv url, kdb_buf *out, kdb_err *err)
{
    const kdb_http_limits limits = { FETCH_BYTES_MAX, FETCH_TIMEOUT_MS, &auth->closing };
    return auth->fetch(url, &limits, out, err);
}

static kdb_status read_discovery(const kdb_auth *auth, const kdbi_issuer *issuer, kdb_sv text, kdb_arena *arena,
                                 kdb_sv *out, kdb_err *err)
{
    kdb_json *json;
    if (kdb_json_parse(text, arena, &json, NULL) != KDB_OK || json->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "the discovery document is not a JSON object");
    }
    const kdb_json *says = kdb_json_lookup(json, KDB_SV("issuer"));
    const kdb_json *uri = kdb_json_lookup(json, KDB_SV("jwks_uri"));
    if (says == NULL || says->kind != KDB_JSON_STRING || !kdb_sv_eq(says->string, issuer->url)) {
        return KDB_FAIL(err, KDB_INVALID, "the discovery document is another issuer's");
    }
    if (uri == NULL || uri->kind != KDB_JSON_STRING) {
        return KDB_FAIL(err, KDB_INVALID, "the discovery document has no jwks_uri");
    }
    *out = uri->string;
    return check_url(auth, *out, err);
}

/* Every time: where the keys are may change, and a fetch is rare. */
static kdb_status discover(kdb_auth *auth, const kdbi_issuer *issuer, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    if (issuer->jwks_uri.len != 0) {
        *out = issuer->jwks_uri;
        return KDB_OK;
    }
    kdb_sv base = issuer->url;
    if (base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_status status =
        get(auth, kdb_sv_printf(arena, "%.*s/.well-known/openid-configuration", KDB_SV_ARG(base)), &body, err);
    if (status == KDB_OK) {
        status = read_discovery(auth, issuer, kdb_sv_dup(arena, kdb_buf_sv(&body)), arena, out, err);
    }
    kdb_buf_done(&body);
    return status;
}

static kdb_status fetch_keys(kdb_auth *auth, const kdbi_issuer *issuer, kdbi_keyset **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv uri;
    KDB_TRY(discover(auth, issuer, arena, &uri, err));
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_status status = get(auth, uri, &body, err);
    if (status == KDB_OK) {
        status = kdbi_keyset_parse(kdb_buf_sv(&body), out, err);
    }
    kdb_buf_done(&body);
    return status;
}

void kdbi_issuer_fetch(kdb_auth *auth, kdbi_issuer *issuer)
{
    kdb_err err;
    kdbi_keyset *keys;
    if (fetch_keys(auth, issuer, &keys, &err) != KDB_OK) {
        kdb_log_warn("keys not fetched issuer=%.*s err=\"%s\"", KDB_SV_ARG(issuer->url), err.text);
        return;
    }
    kdb_log_info("keys fetched issuer=%.*s keys=%zu", KDB_SV_ARG(issuer->url), keys->count);
    kdb_mutex_lock(&auth->lock);
    kdbi_keyset *old = issuer->keys;
    issuer->keys = keys;
    issuer->fetched_us = kdb_monotonic_us();
    kdb_mutex_unlock(&auth->lock);
    kdbi_keyset_unref(old);
}
