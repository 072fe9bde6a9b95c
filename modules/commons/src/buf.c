/* buf.c - the growing byte buffer that writers append to. Capacity doubles; a refused append makes the buffer full for
 * good, so that a writer checks `overflow` once at the end. */
#include <stdio.h>

#include "commons_int.h"

enum { SMALLEST_CAP = 64, LONGEST_NUMBER = 20 };

void kdb_buf_init(kdb_buf *buf, size_t limit)
{
    *buf = (kdb_buf){ .limit = limit };
}

void kdb_buf_done(kdb_buf *buf)
{
    kdb_free(buf->ptr);
    kdb_buf_init(buf, buf->limit);
}

/* After this every append fails too: the fast path of kdb_buf_append sees no room. */
static void refuse(kdb_buf *buf)
{
    buf->overflow = true;
    buf->cap = buf->len;
}

static size_t limit_of(const kdb_buf *buf)
{
    return buf->limit == 0 ? SIZE_MAX : buf->limit;
}

static size_t grown_cap(const kdb_buf *buf, size_t need)
{
    size_t limit = limit_of(buf);
    size_t cap = buf->cap < SMALLEST_CAP / 2 ? SMALLEST_CAP : buf->cap > limit / 2 ? limit : buf->cap * 2;
    if (cap < need) {
        cap = need;
    }
    return cap > limit ? limit : cap;
}

char *kdb_buf_reserve(kdb_buf *buf, size_t extra)
{
    if (buf->overflow) {
        return NULL;
    }
    if (buf->cap - buf->len < extra || buf->ptr == NULL) {
        if (extra > limit_of(buf) - buf->len) {
            refuse(buf);
            return NULL;
        }
        buf->cap = grown_cap(buf, buf->len + extra);
        buf->ptr = kdb_realloc(buf->ptr, buf->cap);
    }
    return buf->ptr + buf->len;
}

void kdb_buf_append_slow(kdb_buf *buf, const void *bytes, size_t len)
{
    char *at = kdb_buf_reserve(buf, len);
    if (at != NULL && len != 0) {
        memcpy(at, bytes, len);
        buf->len += len;
    }
}

void kdb_buf_append_quoted(kdb_buf *buf, kdb_sv text, char mark)
{
    kdb_buf_append(buf, &mark, 1);
    while (text.len != 0) {
        const char *inside = memchr(text.ptr, mark, text.len);
        const size_t taken = inside == NULL ? text.len : (size_t)(inside - text.ptr) + 1;
        kdb_buf_append(buf, text.ptr, taken);
        kdb_buf_append(buf, &mark, inside == NULL ? 0 : 1);
        text = kdb_sv_of(text.ptr + taken, text.len - taken);
    }
    kdb_buf_append(buf, &mark, 1);
}

void kdb_buf_printf(kdb_buf *buf, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    KDB_ASSERT(len >= 0);
    if ((size_t)len < sizeof(small)) {
        kdb_buf_append(buf, small, (size_t)len);
        return;
    }
    char *large = kdb_alloc((size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(large, (size_t)len + 1, fmt, args);
    va_end(args);
    kdb_buf_append(buf, large, (size_t)len);
    kdb_free(large);
}

void kdb_buf_append_u64(kdb_buf *buf, uint64_t value)
{
    char digits[LONGEST_NUMBER];
    if (KDB_LIKELY(buf->cap - buf->len >= LONGEST_NUMBER)) {
        buf->len += kdbi_format_u64(value, buf->ptr + buf->len);
    } else {
        kdb_buf_append(buf, digits, kdbi_format_u64(value, digits));
    }
}

void kdb_buf_append_i64(kdb_buf *buf, int64_t value)
{
    if (value < 0) {
        kdb_buf_append_byte(buf, '-');
        kdb_buf_append_u64(buf, -(uint64_t)value);
    } else {
        kdb_buf_append_u64(buf, (uint64_t)value);
    }
}
