/* seal_record.c - secrets as they are stored: AES-256-GCM with a random nonce for each. Nobody seals anywhere near the
 * 2^32 records that a key is good for with such nonces.
 *
 * 0x00 'K' 'S' 0x01 (format) | key id, 4 bytes | nonce, 12 | the plain bytes, enciphered | tag, 16
 * The header and the place are authenticated with it. The first byte tells it from any text. */
#include "seal_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define PURPOSE KDB_SV("records")

enum { MAGIC_BYTES = 4, NONCE_BYTES = 12, TAG_BYTES = 16, HEADER_BYTES = MAGIC_BYTES + 4 + NONCE_BYTES };

static const unsigned char magic[MAGIC_BYTES] = { 0, 'K', 'S', 1 };

static void add_associated(EVP_CIPHER_CTX *ctx, const unsigned char *header, kdb_sv place, bool closing)
{
    int ignored;
    int (*const update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int) =
        closing ? EVP_EncryptUpdate : EVP_DecryptUpdate;
    KDB_ASSERT(update(ctx, NULL, &ignored, header, HEADER_BYTES) == 1);
    KDB_ASSERT(place.len == 0 || update(ctx, NULL, &ignored, (const unsigned char *)place.ptr, (int)place.len) == 1);
}

static EVP_CIPHER_CTX *new_cipher(const kdbi_key *key, const unsigned char *nonce, bool closing)
{
    int (*const init)(EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *, const unsigned char *) =
        closing ? EVP_EncryptInit_ex : EVP_DecryptInit_ex;
    kdb_digest derived = kdbi_seal_derive(key, PURPOSE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    KDB_ASSERT(ctx != NULL && init(ctx, EVP_aes_256_gcm(), NULL, derived.bytes, nonce) == 1);
    OPENSSL_cleanse(&derived, sizeof(derived));
    return ctx;
}

kdb_sv kdb_seal_close(const kdb_seal *seal, kdb_sv place, kdb_sv plain, kdb_arena *arena)
{
    const kdbi_key *key = &seal->keys[0];
    const size_t size = HEADER_BYTES + plain.len + TAG_BYTES;
    unsigned char *out = kdb_arena_alloc_raw(arena, size);
    memcpy(out, magic, MAGIC_BYTES);
    kdb_put_be32(out + MAGIC_BYTES, key->id);
    kdb_random_bytes(out + MAGIC_BYTES + 4, NONCE_BYTES);
    EVP_CIPHER_CTX *ctx = new_cipher(key, out + MAGIC_BYTES + 4, true);
    add_associated(ctx, out, place, true);
    int len = 0;
    int rest = 0;
    unsigned char *body = out + HEADER_BYTES;
    KDB_ASSERT(plain.len == 0 ||
               EVP_EncryptUpdate(ctx, body, &len, (const unsigned char *)plain.ptr, (int)plain.len) == 1);
    KDB_ASSERT(EVP_EncryptFinal_ex(ctx, body + len, &rest) == 1 && (size_t)(len + rest) == plain.len);
    KDB_ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + plain.len) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return kdb_sv_of((const char *)out, size);
}

bool kdb_seal_is_sealed(kdb_sv bytes)
{
    return bytes.len >= HEADER_BYTES + TAG_BYTES && memcmp(bytes.ptr, magic, MAGIC_BYTES) == 0;
}

static uint32_t key_id(kdb_sv sealed)
{
    return kdb_get_be32(sealed.ptr + MAGIC_BYTES);
}

bool kdb_seal_is_current(const kdb_seal *seal, kdb_sv sealed)
{
    return kdb_seal_is_sealed(sealed) && key_id(sealed) == seal->keys[0].id;
}

/* False when the bytes are not those that were sealed. */
static bool decipher(const kdbi_key *key, kdb_sv place, kdb_sv sealed, unsigned char *out)
{
    const unsigned char *header = (const unsigned char *)sealed.ptr;
    const size_t len = sealed.len - HEADER_BYTES - TAG_BYTES;
    unsigned char tag[TAG_BYTES];
    memcpy(tag, header + HEADER_BYTES + len, TAG_BYTES);
    EVP_CIPHER_CTX *ctx = new_cipher(key, header + MAGIC_BYTES + 4, false);
    add_associated(ctx, header, place, false);
    int done = 0;
    int rest = 0;
    const bool right = (len == 0 || EVP_DecryptUpdate(ctx, out, &done, header + HEADER_BYTES, (int)len) == 1) &&
                       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
                       EVP_DecryptFinal_ex(ctx, out + done, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return right;
}

kdb_status kdb_seal_open(const kdb_seal *seal, kdb_sv place, kdb_sv sealed, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    if (!kdb_seal_is_sealed(sealed) || sealed.len > INT32_MAX) {
        return KDB_FAIL(err, KDB_CORRUPT, "a sealed record of %zu bytes is damaged", sealed.len);
    }
    const kdbi_key *key = kdbi_seal_key(seal, key_id(sealed));
    if (key == NULL) {
        return KDB_FAIL(err, KDB_CORRUPT, "a record is sealed with key %08x, which is not in the server key file",
                        key_id(sealed));
    }
    const size_t len = sealed.len - HEADER_BYTES - TAG_BYTES;
    unsigned char *plain = kdb_arena_alloc_raw(arena, len + 1);
    if (!decipher(key, place, sealed, plain)) {
        OPENSSL_cleanse(plain, len); /* what was deciphered before the tag was looked at is nobody's to see */
        return KDB_FAIL(err, KDB_CORRUPT, "a sealed record was changed or moved: it does not open with key %08x",
                        key->id);
    }
    *out = kdb_sv_of((const char *)plain, len);
    return KDB_OK;
}
