/* seal_keys.c - the key file: text, so that it can be kept in a vault that keeps text.
 *
 * kalamdb keys 1
 * <8 hex digits: id> <64 hex digits: key>     the current key; older ones follow, a line each */
#include "seal_int.h"

#include <string.h>

#define FILE_START "kalamdb keys 1\n"

enum { ID_DIGITS = 8, KEY_DIGITS = 2 * KDBI_KEY_BYTES, LINE_LENGTH = ID_DIGITS + 1 + KEY_DIGITS };

/* ---- reading ---- */

static kdb_status fail_line(size_t line, kdb_err *err)
{
    return KDB_FAIL(err, KDB_CORRUPT, "the server key file is damaged at line %zu", line);
}

static kdb_sv next_line(kdb_sv *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    const size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    const kdb_sv line = kdb_sv_of(rest->ptr, len);
    const size_t taken = end == NULL ? len : len + 1;
    *rest = kdb_sv_of(rest->ptr + taken, rest->len - taken);
    return line;
}

static bool read_digits(kdb_sv digits, unsigned char *out)
{
    for (size_t i = 0; i < digits.len; i += 2) {
        unsigned value = 0;
        for (size_t j = i; j < i + 2; j++) {
            const char c = digits.ptr[j];
            const bool decimal = c >= '0' && c <= '9';
            if (!decimal && (c < 'a' || c > 'f')) {
                return false;
            }
            value = value * 16 + (unsigned)(decimal ? c - '0' : c - 'a' + 10);
        }
        out[i / 2] = (unsigned char)value;
    }
    return true;
}

static bool read_key(kdb_sv line, kdbi_key *key)
{
    unsigned char id[ID_DIGITS / 2];
    if (line.len != LINE_LENGTH || line.ptr[ID_DIGITS] != ' ' || !read_digits(kdb_sv_of(line.ptr, ID_DIGITS), id)) {
        return false;
    }
    key->id = kdb_get_be32(id);
    return read_digits(kdb_sv_of(line.ptr + ID_DIGITS + 1, KEY_DIGITS), key->bytes);
}

static kdb_status read_keys(kdb_seal *seal, kdb_sv rest, kdb_err *err)
{
    for (size_t line = 2; rest.len != 0; line++) {
        const kdb_sv text = next_line(&rest);
        kdbi_key *key = &seal->keys[seal->nkeys];
        if (seal->nkeys == KDBI_KEYS_MAX || !read_key(text, key) || kdbi_seal_key(seal, key->id) != NULL) {
            return fail_line(line, err);
        }
        seal->nkeys++;
    }
    return seal->nkeys != 0 ? KDB_OK : fail_line(2, err);
}

kdb_status kdb_seal_new(kdb_sv key_file, kdb_seal **out, kdb_err *err)
{
    const kdb_sv start = KDB_SV(FILE_START);
    if (!kdb_sv_has_prefix(key_file, start)) {
        return fail_line(1, err);
    }
    KDB_CLEANUP(kdb_seal_freep) kdb_seal *seal = KDB_NEW(kdb_seal);
    KDB_TRY(read_keys(seal, kdb_sv_of(key_file.ptr + start.len, key_file.len - start.len), err));
    *out = KDB_TAKE(seal);
    return KDB_OK;
}

void kdb_seal_free(kdb_seal *seal)
{
    if (seal != NULL) {
        explicit_bzero(seal, sizeof(*seal));
        kdb_free(seal);
    }
}

const kdbi_key *kdbi_seal_key(const kdb_seal *seal, uint32_t id)
{
    for (size_t i = 0; i < seal->nkeys; i++) {
        if (seal->keys[i].id == id) {
            return &seal->keys[i];
        }
    }
    return NULL;
}

/* ---- writing ---- */

static void write_key(const kdbi_key *key, kdb_buf *out)
{
    kdb_buf_printf(out, "%08x ", key->id);
    for (size_t i = 0; i < KDBI_KEY_BYTES; i++) {
        kdb_buf_printf(out, "%02x", key->bytes[i]);
    }
    kdb_buf_append_lit(out, "\n");
}

static kdbi_key make_key(const kdb_seal *old)
{
    kdbi_key key;
    do {
        kdb_random_bytes(&key.id, sizeof(key.id));
    } while (old != NULL && kdbi_seal_key(old, key.id) != NULL);
    kdb_random_bytes(key.bytes, sizeof(key.bytes));
    return key;
}

kdb_status kdb_seal_write_keys(const kdb_seal *old, kdb_buf *out, kdb_err *err)
{
    if (old != NULL && old->nkeys == KDBI_KEYS_MAX) {
        return KDB_FAIL(err, KDB_LIMIT,
                        "the server key file has %d keys, the most there may be: remove the oldest ones",
                        KDBI_KEYS_MAX);
    }
    kdbi_key key = make_key(old);
    kdb_buf_append_lit(out, FILE_START);
    write_key(&key, out);
    explicit_bzero(&key, sizeof(key));
    for (size_t i = 0; old != NULL && i < old->nkeys; i++) {
        write_key(&old->keys[i], out);
    }
    return KDB_OK;
}
