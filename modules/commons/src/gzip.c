/* gzip.c - see gzip.h. Making a compressor costs more than packing a message with one, so it is made once and reset. */
#include <zlib.h>

#include "kdb/gzip.h"

enum { LEVEL = 1, GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8 };

struct kdb_gzip {
    z_stream stream;
};

kdb_gzip *kdb_gzip_new(void)
{
    kdb_gzip *gzip = KDB_NEW(kdb_gzip);
    KDB_ASSERT(deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) ==
               Z_OK);
    return gzip;
}

void kdb_gzip_free(kdb_gzip *gzip)
{
    if (gzip != NULL) {
        (void)deflateEnd(&gzip->stream);
        kdb_free(gzip);
    }
}

size_t kdb_gzip_pack(kdb_gzip *gzip, kdb_sv bytes, void *out, size_t room)
{
    if (bytes.len > UINT32_MAX || room > UINT32_MAX) {
        return 0;
    }
    z_stream *stream = &gzip->stream;
    KDB_ASSERT(deflateReset(stream) == Z_OK);
    stream->next_in = (Bytef *)(uintptr_t)bytes.ptr;
    stream->avail_in = (uInt)bytes.len;
    stream->next_out = out;
    stream->avail_out = (uInt)room;
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? room - stream->avail_out : 0;
}
