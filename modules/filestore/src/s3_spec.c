/* s3_spec.c - what CREATE STORAGE says of a bucket: read strictly, as a misspelt endpoint would send rows to somebody else. No text here
 * repeats a value of the credentials. */
#include "s3_int.h"

enum { BUCKET_MIN = 3, BUCKET_MAX = 63, ENDPOINT_MAX = 512, REGION_MAX = 64, SECRET_MAX = 4096 };

typedef struct member {
    const char *name;
    kdb_json_kind kind;
    kdb_sv *text;
    int *flag; /* becomes 0 or 1 */
} member;

static kdb_status read_member(const kdb_json *at, const member *members, size_t count, const char *what, kdb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!kdb_sv_eq(at->key, kdb_sv_cstr(members[i].name))) {
            continue;
        }
        if (at->kind != members[i].kind) {
            return KDB_FAIL(err, KDB_INVALID, "%s: %s must be a %s", what, members[i].name,
                            members[i].kind == KDB_JSON_BOOL ? "boolean" : "string");
        }
        if (at->kind == KDB_JSON_BOOL) {
            *members[i].flag = at->boolean;
        } else {
            *members[i].text = at->string;
        }
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_INVALID, "%s of an s3 storage has no such member; there are: %s", what,
                    strcmp(what, "CONFIG") == 0 ? "endpoint, region, path_style"
                                                : "access_key_id, secret_access_key, session_token");
}

static kdb_status read_object(kdb_sv text, const char *what, const member *members, size_t count, kdb_arena *arena,
                              kdb_err *err)
{
    kdb_json *json = NULL;
    if (kdb_sv_trim(text).len == 0) {
        return KDB_OK;
    }
    if (kdb_json_parse(text, arena, &json, NULL) != KDB_OK || json->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "%s must be a JSON object", what);
    }
    for (const kdb_json *at = json->child; at != NULL; at = at->next) {
        KDB_TRY(read_member(at, members, count, what, err));
    }
    return KDB_OK;
}

static bool is_of(kdb_sv text, const char *more)
{
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (!plain && (byte == '\0' || strchr(more, byte) == NULL)) {
            return false;
        }
    }
    return true;
}

/* ---- credentials ---- */

/* They go into header lines. */
static bool is_secret(kdb_sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') {
            return false;
        }
    }
    return text.len <= SECRET_MAX;
}

static kdb_status read_credentials(kdb_sv text, kdb_arena *arena, kdbi_s3_spec *out, kdb_err *err)
{
    const member members[] = {
        { "access_key_id", KDB_JSON_STRING, &out->access_key, NULL },
        { "secret_access_key", KDB_JSON_STRING, &out->secret_key, NULL },
        { "session_token", KDB_JSON_STRING, &out->session_token, NULL },
    };
    KDB_TRY(read_object(text, "Credentials", members, KDB_ARRAY_LEN(members), arena, err));
    if ((out->access_key.len == 0) != (out->secret_key.len == 0) ||
        (out->access_key.len == 0 && out->session_token.len != 0)) {
        return KDB_FAIL(err, KDB_INVALID, "Credentials need both access_key_id and secret_access_key");
    }
    if (!is_secret(out->access_key) || !is_secret(out->secret_key) || !is_secret(out->session_token)) {
        return KDB_FAIL(err, KDB_INVALID, "Credentials hold a character that no key has, or are too long");
    }
    return KDB_OK;
}

/* ---- where ---- */

typedef struct where {
    kdb_sv bucket;
    kdb_sv endpoint;
    kdb_sv region;
    int path_style; /* -1: not said */
} where;

static kdb_status read_base(kdb_sv base, where *w, kdbi_s3_spec *out, kdb_arena *arena, kdb_err *err)
{
    const kdb_sv scheme = KDB_SV("s3://");
    if (!kdb_sv_has_prefix(base, scheme)) {
        return KDB_FAIL(err, KDB_INVALID, "the base directory of an s3 storage is s3://bucket or s3://bucket/prefix");
    }
    const kdb_sv rest = kdb_sv_of(base.ptr + scheme.len, base.len - scheme.len);
    const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
    w->bucket = kdb_sv_of(rest.ptr, slash == NULL ? rest.len : (size_t)(slash - rest.ptr));
    if (w->bucket.len < BUCKET_MIN || w->bucket.len > BUCKET_MAX || !is_of(w->bucket, "-.") ||
        w->bucket.ptr[0] == '.' || w->bucket.ptr[w->bucket.len - 1] == '.') {
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not the name of a bucket", KDB_SV_ARG(w->bucket));
    }
    kdb_sv prefix = slash == NULL ? KDB_SV("") : kdb_sv_of(slash + 1, rest.len - w->bucket.len - 1);
    while (prefix.len != 0 && prefix.ptr[prefix.len - 1] == '/') {
        prefix.len--;
    }
    out->prefix = KDB_SV("");
    if (prefix.len != 0) {
        KDB_TRY(kdbi_name_check(prefix, err));
        out->prefix = kdb_sv_printf(arena, "%.*s/", KDB_SV_ARG(prefix));
    }
    return KDB_OK;
}

/* "http://" or "https://", a host and perhaps a port; no user, path or query. */
static kdb_status check_endpoint(kdb_sv endpoint, kdb_sv *scheme, kdb_sv *host, kdb_err *err)
{
    *scheme = kdb_sv_has_prefix(endpoint, KDB_SV("https://")) ? KDB_SV("https://") : KDB_SV("http://");
    *host = kdb_sv_of(endpoint.ptr + scheme->len, endpoint.len - scheme->len);
    if (!kdb_sv_has_prefix(endpoint, *scheme) || host->len == 0 || endpoint.len > ENDPOINT_MAX ||
        !is_of(*host, "-.:[]_ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        return KDB_FAIL(err, KDB_INVALID, "CONFIG: endpoint must be http:// or https://, a host and perhaps a port");
    }
    return KDB_OK;
}

static kdb_status make_url(const where *w, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    kdb_sv scheme;
    kdb_sv host;
    kdb_sv endpoint = w->endpoint;
    while (endpoint.len != 0 && endpoint.ptr[endpoint.len - 1] == '/') {
        endpoint.len--;
    }
    KDB_TRY(check_endpoint(endpoint, &scheme, &host, err));
    *out = w->path_style == 1
               ? kdb_sv_printf(arena, "%.*s%.*s/%.*s", KDB_SV_ARG(scheme), KDB_SV_ARG(host), KDB_SV_ARG(w->bucket))
               : kdb_sv_printf(arena, "%.*s%.*s.%.*s", KDB_SV_ARG(scheme), KDB_SV_ARG(w->bucket), KDB_SV_ARG(host));
    return KDB_OK;
}

/* Of somebody else's server the bucket is a path, as its hosts mostly have no names; of Amazon's a host, which it asks for, unless
 * the dots in it would not fit its certificate. */
static void fill_defaults(where *w, kdb_arena *arena)
{
    const bool own = w->endpoint.len != 0;
    w->region = w->region.len == 0 ? KDB_SV("us-east-1") : w->region;
    if (!own) {
        w->endpoint = kdb_sv_printf(arena, "https://s3.%.*s.amazonaws.com", KDB_SV_ARG(w->region));
    }
    if (w->path_style < 0) {
        w->path_style = own || memchr(w->bucket.ptr, '.', w->bucket.len) != NULL;
    }
}

static kdb_status read_config(kdb_sv text, where *w, kdb_arena *arena, kdb_err *err)
{
    const member members[] = {
        { "endpoint", KDB_JSON_STRING, &w->endpoint, NULL },
        { "region", KDB_JSON_STRING, &w->region, NULL },
        { "path_style", KDB_JSON_BOOL, NULL, &w->path_style },
    };
    KDB_TRY(read_object(text, "CONFIG", members, KDB_ARRAY_LEN(members), arena, err));
    if (w->region.len > REGION_MAX || !is_of(w->region, "-")) {
        return KDB_FAIL(err, KDB_INVALID, "CONFIG: region must be of lower-case letters, digits and '-'");
    }
    fill_defaults(w, arena);
    return KDB_OK;
}

kdb_status kdbi_s3_spec_read(const kdb_objects_spec *spec, kdb_arena *arena, kdbi_s3_spec *out, kdb_err *err)
{
    where w = { .path_style = -1 };
    *out = (kdbi_s3_spec){ 0 };
    KDB_TRY(read_base(spec->base_directory, &w, out, arena, err));
    KDB_TRY(read_config(spec->config_json, &w, arena, err));
    KDB_TRY(read_credentials(spec->credentials_json, arena, out, err));
    out->region = w.region;
    return make_url(&w, arena, &out->url, err);
}
