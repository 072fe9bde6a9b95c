/* hash.c - XXH3, inlined from its header, so that short keys cost no call. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "commons_int.h"

uint64_t kdb_hash64(kdb_sv bytes)
{
    return XXH3_64bits(bytes.ptr, bytes.len);
}
