/* issuers.c - the token issuers that the options name: the providers of [oauth.providers.*], and auth.jwt_trusted_issuers. */
#include "server_int.h"

/* A provider's options, in their order. */
enum { OF_ENABLED, OF_ISSUER, OF_JWKS_URI, OF_CLIENT_ID, OF_CLIENT_SECRET, OF_TENANT };

/* One row per provider. */
static const struct {
    const char *name;
    kdb_option_id first;                      /* of its options */
    const char *before_tenant, *after_tenant; /* the issuer's URL, for one that is configured by tenant */
} providers[] = {
    { "google", KDB_OPT_OAUTH_GOOGLE_ENABLED, NULL, NULL },
    { "github", KDB_OPT_OAUTH_GITHUB_ENABLED, NULL, NULL },
    { "azure", KDB_OPT_OAUTH_AZURE_ENABLED, "https://login.microsoftonline.com/", "/v2.0" },
    { "firebase", KDB_OPT_OAUTH_FIREBASE_ENABLED, "https://securetoken.google.com/", "" },
    { "oidc", KDB_OPT_OAUTH_OIDC_ENABLED, NULL, NULL },
};

enum { PROVIDERS = KDB_ARRAY_LEN(providers), TRUSTED_MAX = 32 };

static kdb_option_id option_of(size_t provider, int option)
{
    return (kdb_option_id)((int)providers[provider].first + option);
}

static kdb_sv url_of(const kdb_options *options, size_t provider, kdb_arena *arena)
{
    const kdb_sv url = kdb_opt_text(options, option_of(provider, OF_ISSUER));
    const kdb_sv tenant = kdb_opt_text(options, option_of(provider, OF_TENANT));
    if (url.len != 0 || tenant.len == 0 || providers[provider].before_tenant == NULL) {
        return url;
    }
    return kdb_sv_printf(arena, "%s%.*s%s", providers[provider].before_tenant, KDB_SV_ARG(tenant),
                         providers[provider].after_tenant);
}

static kdb_status add_provider(const kdb_options *options, size_t provider, kdb_arena *arena, kdb_auth_issuer *out,
                               kdb_err *err)
{
    *out = (kdb_auth_issuer){
        .name = kdb_sv_cstr(providers[provider].name),
        .url = url_of(options, provider, arena),
        .jwks_uri = kdb_opt_text(options, option_of(provider, OF_JWKS_URI)),
        .audiences = kdb_opt_text(options, option_of(provider, OF_CLIENT_ID)),
    };
    if (out->url.len == 0) {
        return KDB_FAIL(err, KDB_INVALID, "oauth.providers.%s.issuer is missing", providers[provider].name);
    }
    return KDB_OK;
}

static kdb_status add_trusted(const kdb_options *options, kdb_arena *arena, kdb_auth_options *out,
                              kdb_auth_issuer *issuers, kdb_err *err)
{
    kdb_sv list = kdb_opt_text(options, KDB_OPT_AUTH_TRUSTED_ISSUERS);
    for (kdb_sv url; kdb_sv_take_item(&list, &url);) {
        if (url.len == 0 || kdb_sv_eq(url, KDB_SV("kalamdb"))) { /* our own: always trusted */
            continue;
        }
        if (out->nissuers == PROVIDERS + TRUSTED_MAX) {
            return KDB_FAIL(err, KDB_INVALID, "auth.jwt_trusted_issuers names more than %d issuers", TRUSTED_MAX);
        }
        issuers[out->nissuers++] = (kdb_auth_issuer){
            .name = kdb_sv_printf(arena, "x%08x", (unsigned)kdb_hash64(url)),
            .url = url,
            .audiences = kdb_opt_text(options, KDB_OPT_OAUTH_AUDIENCE),
        };
    }
    return KDB_OK;
}

kdb_status kdbi_server_read_issuers(const kdb_options *options, kdb_arena *arena, kdb_auth_options *out, kdb_err *err)
{
    kdb_auth_issuer *issuers = KDB_ARENA_ARRAY(arena, kdb_auth_issuer, PROVIDERS + TRUSTED_MAX);
    out->issuers = issuers;
    out->nissuers = 0;
    for (size_t i = 0; kdb_opt_bool(options, KDB_OPT_OAUTH_ENABLED) && i < PROVIDERS; i++) {
        if (kdb_opt_bool(options, option_of(i, OF_ENABLED))) {
            KDB_TRY(add_provider(options, i, arena, &issuers[out->nissuers++], err));
        }
    }
    KDB_TRY(add_trusted(options, arena, out, issuers, err));
    out->provision = kdb_opt_bool(options, KDB_OPT_OAUTH_AUTO_PROVISION);
    out->open_http = kdb_opt_bool(options, KDB_OPT_OAUTH_ALLOW_HTTP);
    return kdb_role_parse(kdb_opt_text(options, KDB_OPT_OAUTH_DEFAULT_ROLE), &out->provision_role, err);
}
