/* seal.h - the server's keys: secrets sealed before they are stored, and digests with and without a key. AES-256-GCM,
 * HMAC-SHA256 and SHA-256 are OpenSSL's. Any thread; what is here is fixed once made. */
#ifndef KDB_SEAL_H
#define KDB_SEAL_H

#include "kdb/commons.h"

/* The keys of one server: the current one, with which everything new is sealed, and older ones, which still open what
 * was sealed with them. */
typedef struct kdb_seal kdb_seal;

/* Most bytes of a key file. */
enum { KDB_SEAL_FILE_MAX = 4096 };

/* Appends the text of a key file: a new random key, then those of `old` (NULL: none). KDB_LIMIT when there are as many as
 * a file may have. */
KDB_NODISCARD kdb_status kdb_seal_write_keys(const kdb_seal *old, kdb_buf *out, kdb_err *err);
/* Reads the text of a key file (format in seal_keys.c). KDB_CORRUPT, which never shows any of it. */
KDB_NODISCARD kdb_status kdb_seal_new(kdb_sv key_file, kdb_seal **out, kdb_err *err);
void kdb_seal_free(kdb_seal *seal); /* wipes the keys; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_seal, kdb_seal_free)

/* `plain` sealed with the current key, in `arena`. `place` says where the result is kept (a record's partition and key):
 * it opens in no other place, so sealed records cannot be exchanged. */
kdb_sv kdb_seal_close(const kdb_seal *seal, kdb_sv place, kdb_sv plain, kdb_arena *arena);
/* The plain bytes in `arena`. KDB_CORRUPT for bytes that were changed, moved, or sealed with a key that is not there. */
KDB_NODISCARD kdb_status kdb_seal_open(const kdb_seal *seal, kdb_sv place, kdb_sv sealed, kdb_arena *arena, kdb_sv *out,
                                       kdb_err *err);
/* False when the bytes were sealed with another key than the current one: seal them again. */
bool kdb_seal_is_current(const kdb_seal *seal, kdb_sv sealed);
/* True for bytes that kdb_seal_close wrote; text never is. */
bool kdb_seal_is_sealed(kdb_sv bytes);

enum { KDB_DIGEST_BYTES = 32 };

typedef struct kdb_digest {
    unsigned char bytes[KDB_DIGEST_BYTES];
} kdb_digest;

/* Of `first` and then `second`. */
kdb_digest kdb_sha256(kdb_sv first, kdb_sv second);
/* Which of the server's keys made a mark. */
typedef struct kdb_mark {
    uint32_t key_id;
    kdb_digest digest;
} kdb_mark;
/* What only a server with the current key can make of `bytes`; `purpose` keeps marks of different uses apart. */
kdb_mark kdb_seal_mark(const kdb_seal *seal, kdb_sv purpose, kdb_sv bytes);
/* Whether one of the server's keys made the mark. In constant time. */
bool kdb_seal_check_mark(const kdb_seal *seal, kdb_sv purpose, kdb_sv bytes, const kdb_mark *mark);

#endif
