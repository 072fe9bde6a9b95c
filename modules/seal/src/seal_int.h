/* seal_int.h - what seal's own files share: the keys. */
#ifndef KDB_SEAL_INT_H
#define KDB_SEAL_INT_H

#include "kdb/seal.h"

enum { KDBI_KEY_BYTES = 32, KDBI_KEYS_MAX = 16 };

typedef struct kdbi_key {
    uint32_t id;
    unsigned char bytes[KDBI_KEY_BYTES];
} kdbi_key;

struct kdb_seal {
    kdbi_key keys[KDBI_KEYS_MAX]; /* [0] is the current one */
    size_t nkeys;
};

/* NULL: no such key. */
const kdbi_key *kdbi_seal_key(const kdb_seal *seal, uint32_t id);
/* A key for one purpose made of a server's key, so that no key serves two. */
kdb_digest kdbi_seal_derive(const kdbi_key *key, kdb_sv purpose);

#endif
