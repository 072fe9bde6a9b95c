/* gzip.h - gzip out (RFC 1952), for what leaves in many small pieces: the compressor is kept. One thread at a time. */
#ifndef KDB_GZIP_H
#define KDB_GZIP_H

#include "kdb/str.h"

typedef struct kdb_gzip kdb_gzip; /* some 300 KiB */
kdb_gzip *kdb_gzip_new(void);
void kdb_gzip_free(kdb_gzip *gzip); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_gzip, kdb_gzip_free)
/* Writes `bytes` as one gzip member to at most `room` bytes at `out`; its length, or 0 when it does not fit. */
size_t kdb_gzip_pack(kdb_gzip *gzip, kdb_sv bytes, void *out, size_t room);

#endif
