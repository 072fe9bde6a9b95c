/* seal_digest.c - SHA-256, and marks: HMAC-SHA256 with a key of the server. */
#include "seal_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

kdb_digest kdb_sha256(kdb_sv first, kdb_sv second)
{
    kdb_digest digest;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    KDB_ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    KDB_ASSERT(EVP_DigestUpdate(ctx, first.ptr, first.len) == 1 && EVP_DigestUpdate(ctx, second.ptr, second.len) == 1);
    KDB_ASSERT(EVP_DigestFinal_ex(ctx, digest.bytes, NULL) == 1);
    EVP_MD_CTX_free(ctx);
    return digest;
}

static kdb_digest hmac(const unsigned char *key, kdb_sv bytes)
{
    kdb_digest digest;
    const unsigned char *data = (const unsigned char *)(bytes.len == 0 ? "" : bytes.ptr);
    KDB_ASSERT(HMAC(EVP_sha256(), key, KDBI_KEY_BYTES, data, bytes.len, digest.bytes, NULL) != NULL);
    return digest;
}

kdb_digest kdbi_seal_derive(const kdbi_key *key, kdb_sv purpose)
{
    return hmac(key->bytes, purpose);
}

static kdb_mark mark_with(const kdbi_key *key, kdb_sv purpose, kdb_sv bytes)
{
    kdb_digest derived = kdbi_seal_derive(key, purpose);
    const kdb_mark mark = { key->id, hmac(derived.bytes, bytes) };
    OPENSSL_cleanse(&derived, sizeof(derived));
    return mark;
}

kdb_mark kdb_seal_mark(const kdb_seal *seal, kdb_sv purpose, kdb_sv bytes)
{
    return mark_with(&seal->keys[0], purpose, bytes);
}

bool kdb_seal_check_mark(const kdb_seal *seal, kdb_sv purpose, kdb_sv bytes, const kdb_mark *mark)
{
    const kdbi_key *key = kdbi_seal_key(seal, mark->key_id);
    if (key == NULL) {
        return false;
    }
    const kdb_mark expected = mark_with(key, purpose, bytes);
    return CRYPTO_memcmp(expected.digest.bytes, mark->digest.bytes, KDB_DIGEST_BYTES) == 0;
}
