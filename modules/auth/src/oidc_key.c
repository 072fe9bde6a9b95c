/* oidc_key.c - the public keys of other issuers (RFC 7517) and the signatures made with them (RFC 7518), by OpenSSL: libjwt as
 * Debian has it knows neither JWK nor PS256. A set is immutable and counted: it is replaced whole when it is fetched anew.
 * Keys that cannot serve (another use, type or curve, too short) are left out, as the standard wants; a set is bad only when
 * it cannot be read. What a key is for is settled by the key, never by the token: an RSA key takes no ES256, and nothing
 * here takes an HMAC. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "auth_int.h"

enum { KEYS_MAX = 64, RSA_BYTES_MIN = 256, RSA_BYTES_MAX = 1024, EXPONENT_BYTES_MAX = 8 };

/* ---- kinds ---- */

/* One row per kind of key. */
static const struct {
    const char *kty;
    const char *crv;   /* NULL: has none */
    const char *group; /* OpenSSL's name of the curve */
    size_t coordinate; /* bytes */
} kinds[] = {
    [KDBI_KEY_RSA] = { "RSA", NULL, NULL, 0 },
    [KDBI_KEY_P256] = { "EC", "P-256", "prime256v1", 32 },
    [KDBI_KEY_P384] = { "EC", "P-384", "secp384r1", 48 },
};

static const kdbi_alg algs[] = {
    { "RS256", KDBI_KEY_RSA, "SHA256", false },  { "RS384", KDBI_KEY_RSA, "SHA384", false },
    { "RS512", KDBI_KEY_RSA, "SHA512", false },  { "PS256", KDBI_KEY_RSA, "SHA256", true },
    { "PS384", KDBI_KEY_RSA, "SHA384", true },   { "PS512", KDBI_KEY_RSA, "SHA512", true },
    { "ES256", KDBI_KEY_P256, "SHA256", false }, { "ES384", KDBI_KEY_P384, "SHA384", false },
};

const kdbi_alg *kdbi_alg_lookup(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(algs); i++) {
        if (kdb_sv_eq(name, kdb_sv_cstr(algs[i].name))) {
            return &algs[i];
        }
    }
    return NULL;
}

/* ---- reading keys ---- */

static kdb_sv text_of(const kdb_json *object, const char *name)
{
    const kdb_json *member = kdb_json_lookup(object, kdb_sv_cstr(name));
    return member != NULL && member->kind == KDB_JSON_STRING ? member->string : (kdb_sv){ NULL, 0 };
}

static bool bytes_of(const kdb_json *object, const char *name, kdb_arena *arena, kdb_sv *out)
{
    const kdb_sv text = text_of(object, name);
    return text.len != 0 && kdbi_base64url_decode(text, arena, out) && out->len != 0;
}

static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *parts)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static BIGNUM *number_of(kdb_sv bytes)
{
    return BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
}

static EVP_PKEY *rsa_key(const kdb_json *jwk, kdb_arena *arena)
{
    kdb_sv n, e;
    if (!bytes_of(jwk, "n", arena, &n) || !bytes_of(jwk, "e", arena, &e) || n.len < RSA_BYTES_MIN ||
        n.len > RSA_BYTES_MAX || n.ptr[0] == '\0' || e.len > EXPONENT_BYTES_MAX) {
        return NULL;
    }
    BIGNUM *modulus = number_of(n);
    BIGNUM *exponent = number_of(e);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (BN_is_odd(exponent) && !BN_is_one(exponent) &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        key = build("RSA", parts);
    }
    OSSL_PARAM_BLD_free(parts);
    BN_free(exponent);
    BN_free(modulus);
    return key;
}

/* The uncompressed point: 4, x, y. OpenSSL refuses one that is not on the curve. */
static EVP_PKEY *ec_key(const kdb_json *jwk, kdbi_key_kind kind, kdb_arena *arena)
{
    kdb_sv x, y;
    const size_t size = kinds[kind].coordinate;
    if (!bytes_of(jwk, "x", arena, &x) || !bytes_of(jwk, "y", arena, &y) || x.len != size || y.len != size) {
        return NULL;
    }
    unsigned char point[1 + 2 * 48] = { 4 };
    memcpy(point + 1, x.ptr, size);
    memcpy(point + 1 + size, y.ptr, size);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, kinds[kind].group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) == 1) {
        key = build("EC", parts);
    }
    OSSL_PARAM_BLD_free(parts);
    return key;
}

static bool find_kind(const kdb_json *jwk, kdbi_key_kind *out)
{
    const kdb_sv kty = text_of(jwk, "kty");
    const kdb_sv crv = text_of(jwk, "crv");
    for (size_t i = 0; i < KDB_ARRAY_LEN(kinds); i++) {
        const bool curve = kinds[i].crv == NULL || kdb_sv_eq(crv, kdb_sv_cstr(kinds[i].crv));
        if (curve && kdb_sv_eq(kty, kdb_sv_cstr(kinds[i].kty))) {
            *out = (kdbi_key_kind)i;
            return true;
        }
    }
    return false;
}

static bool is_for_signatures(const kdb_json *jwk)
{
    const kdb_json *use = kdb_json_lookup(jwk, KDB_SV("use"));
    return use == NULL || (use->kind == KDB_JSON_STRING && kdb_sv_eq(use->string, KDB_SV("sig")));
}

/* False when the key cannot serve. `arena` is the set's. */
static bool read_key(const kdb_json *jwk, kdb_arena *arena, kdbi_jwk *out)
{
    kdbi_key_kind kind;
    if (jwk->kind != KDB_JSON_OBJECT || !find_kind(jwk, &kind) || !is_for_signatures(jwk)) {
        return false;
    }
    *out = (kdbi_jwk){ .kid = text_of(jwk, "kid"), .alg = text_of(jwk, "alg"), .kind = kind };
    out->key = kind == KDBI_KEY_RSA ? rsa_key(jwk, arena) : ec_key(jwk, kind, arena);
    return out->key != NULL;
}

/* ---- sets ---- */

kdb_status kdbi_keyset_parse(kdb_sv text, kdbi_keyset **out, kdb_err *err)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_keyset *set = KDB_ARENA_NEW(arena, kdbi_keyset);
    kdb_json *json;
    *set = (kdbi_keyset){ .arena = arena };
    atomic_init(&set->refs, 1);
    const kdb_json *keys = kdb_json_parse(kdb_sv_dup(arena, text), arena, &json, NULL) == KDB_OK
                               ? kdb_json_lookup(json, KDB_SV("keys"))
                               : NULL;
    if (keys == NULL || keys->kind != KDB_JSON_ARRAY || keys->count > KEYS_MAX) {
        kdb_arena_free(arena);
        return KDB_FAIL(err, KDB_INVALID, "not a set of at most %d keys", KEYS_MAX);
    }
    set->keys = KDB_ARENA_ARRAY(arena, kdbi_jwk, keys->count);
    for (const kdb_json *jwk = keys->child; jwk != NULL; jwk = jwk->next) {
        if (read_key(jwk, arena, &set->keys[set->count])) {
            set->count++;
        }
    }
    *out = set;
    return KDB_OK;
}

kdbi_keyset *kdbi_keyset_ref(kdbi_keyset *set)
{
    atomic_fetch_add(&set->refs, 1);
    return set;
}

void kdbi_keyset_unref(kdbi_keyset *set)
{
    if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        EVP_PKEY_free(set->keys[i].key);
    }
    kdb_arena_free(set->arena);
}

static bool serves(const kdbi_jwk *key, const kdbi_alg *alg)
{
    return key->kind == alg->kind && (key->alg.len == 0 || kdb_sv_eq(key->alg, kdb_sv_cstr(alg->name)));
}

const kdbi_jwk *kdbi_keyset_lookup(const kdbi_keyset *set, kdb_sv kid, const kdbi_alg *alg)
{
    const kdbi_jwk *only = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const kdbi_jwk *key = &set->keys[i];
        if (!serves(key, alg)) {
            continue;
        }
        if (kid.len != 0 && kdb_sv_eq(key->kid, kid)) {
            return key;
        }
        if (kid.len == 0 && only != NULL) {
            return NULL; /* which of them, the token does not say */
        }
        only = kid.len == 0 ? key : NULL;
    }
    return only;
}

/* ---- signatures ---- */

/* r and s, each as long as a coordinate, as the DER that OpenSSL wants. */
static unsigned char *der_of(kdb_sv signature, size_t coordinate, int *len)
{
    if (signature.len != 2 * coordinate) {
        return NULL;
    }
    unsigned char *der = NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = number_of(kdb_sv_of(signature.ptr, coordinate));
    BIGNUM *s = number_of(kdb_sv_of(signature.ptr + coordinate, coordinate));
    if (ECDSA_SIG_set0(pair, r, s) == 1) { /* takes both */
        *len = i2d_ECDSA_SIG(pair, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return der;
}

static bool verify_bytes(const kdbi_alg *alg, EVP_PKEY *key, kdb_sv text, const unsigned char *signature, size_t len)
{
    EVP_PKEY_CTX *key_ctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit_ex(ctx, &key_ctx, alg->digest, NULL, NULL, key, NULL) == 1;
    if (good && alg->pss) {
        good = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    good = good && EVP_DigestVerify(ctx, signature, len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool kdbi_signature_holds(const kdbi_alg *alg, const kdbi_jwk *key, kdb_sv text, kdb_sv signature)
{
    KDB_ASSERT(key->kind == alg->kind);
    if (key->kind == KDBI_KEY_RSA) {
        return verify_bytes(alg, key->key, text, (const unsigned char *)signature.ptr, signature.len);
    }
    int len = 0;
    unsigned char *der = der_of(signature, kinds[key->kind].coordinate, &len);
    const bool good = der != NULL && len > 0 && verify_bytes(alg, key->key, text, der, (size_t)len);
    OPENSSL_free(der);
    return good;
}
