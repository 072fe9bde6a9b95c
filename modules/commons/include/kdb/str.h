/* str.h - string views, growing buffers, number parsing, hashing, hex and UTF-8 checks. Any thread. */
#ifndef KDB_STR_H
#define KDB_STR_H

#include <stdarg.h>
#include <string.h>

#include "kdb/err.h"
#include "kdb/mem.h"

/* Borrowed bytes; not NUL-terminated. ptr may be NULL when len is 0. */
typedef struct kdb_sv {
    const char *ptr;
    size_t len;
} kdb_sv;

#define KDB_SV(literal) ((kdb_sv){ ("" literal), sizeof(literal) - 1 })
#define KDB_SV_ARG(sv) ((int)(sv).len), ((sv).ptr == NULL ? "" : (sv).ptr)

static inline kdb_sv kdb_sv_of(const char *ptr, size_t len)
{
    return (kdb_sv){ ptr, len };
}
static inline kdb_sv kdb_sv_cstr(const char *text)
{
    return (kdb_sv){ text, text == NULL ? 0 : strlen(text) };
}
static inline bool kdb_sv_eq(kdb_sv a, kdb_sv b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* Byte order, shorter first on a common prefix; <0, 0, >0. */
int kdb_sv_cmp(kdb_sv a, kdb_sv b);
/* ASCII letters compare without case. */
bool kdb_sv_ieq(kdb_sv a, kdb_sv b);
bool kdb_sv_has_prefix(kdb_sv text, kdb_sv prefix);
kdb_sv kdb_sv_trim(kdb_sv text); /* without ASCII white space at both ends */
/* Takes the next item, trimmed, off a comma-separated list; false at its end. */
bool kdb_sv_take_item(kdb_sv *list, kdb_sv *item);

/* Two strings that must not be swapped are two types. */
typedef struct kdb_user_id {
    kdb_sv text; /* case-sensitive; 1-128 bytes; empty only where a table has no users (SHARED) */
} kdb_user_id;

/* Copies in `arena`; _cstr is NUL-terminated, _lower folds ASCII letters. */
kdb_sv kdb_sv_dup(kdb_arena *arena, kdb_sv text);
char *kdb_sv_dup_cstr(kdb_arena *arena, kdb_sv text);
kdb_sv kdb_sv_dup_lower(kdb_arena *arena, kdb_sv text);
kdb_sv kdb_sv_printf(kdb_arena *arena, const char *fmt, ...) KDB_PRINTF(2, 3);
/* Heap copy, NUL-terminated; kdb_free it. */
char *kdb_sv_heap_cstr(kdb_sv text);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool kdb_utf8_valid(kdb_sv text);
/* Of well-formed text: whether a character begins with this byte, and how many there are. */
static inline bool kdb_utf8_starts(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}
size_t kdb_utf8_count(kdb_sv text);
/* Where character `n`, counted from 0, begins in well-formed text: the length where there are no more than `n`. */
size_t kdb_utf8_offset(kdb_sv text, size_t n);
/* The start of the text, of `max` bytes at most, that ends with a whole character. */
kdb_sv kdb_utf8_cut(kdb_sv text, size_t max);

/* LIKE. `escape` is a byte, or KDB_LIKE_NO_ESCAPE; it must not be `%` or `_`. A pattern is valid when no escape ends it. */
enum { KDB_LIKE_NO_ESCAPE = -1 };
/* Steps that a row may take, which the engine tries again and again where all is constant, and those of a vector of rows: some
 * hundredths of a second, and some tenths. Nothing interrupts them. */
#define KDB_LIKE_STEPS_MAX (UINT64_C(1) << 24)
#define KDB_LIKE_VECTOR_STEPS_MAX (4 * KDB_LIKE_STEPS_MAX)
#define KDB_LIKE_TOO_LONG_TEXT "LIKE would take too long: the texts and the patterns are too large"
#define KDB_LIKE_INVALID_TEXT "LIKE pattern must not end with escape character"
typedef enum kdb_like_answer { KDB_LIKE_NO, KDB_LIKE_YES, KDB_LIKE_TOO_LONG } kdb_like_answer;
bool kdb_like_valid(kdb_sv pattern, int escape);
/* Whether the whole of `text` matches a valid pattern. Counts *steps down and stops with KDB_LIKE_TOO_LONG at 0. */
kdb_like_answer kdb_like(kdb_sv text, kdb_sv pattern, int escape, uint64_t *steps);
/* Levenshtein distance ignoring ASCII case, for "did you mean"; stops counting at `limit`. Names of up to 64 bytes. */
size_t kdb_sv_distance(kdb_sv a, kdb_sv b, size_t limit);

/* The whole text must be the number; KDB_INVALID otherwise, KDB_LIMIT when out of range. Decimal, optional sign. */
KDB_NODISCARD kdb_status kdb_parse_i64(kdb_sv text, int64_t *out, kdb_err *err);
KDB_NODISCARD kdb_status kdb_parse_u64(kdb_sv text, uint64_t *out, kdb_err *err);
KDB_NODISCARD kdb_status kdb_parse_f64(kdb_sv text, double *out, kdb_err *err);

uint64_t kdb_hash64(kdb_sv bytes); /* XXH3, unseeded: for in-process tables and checksums */
/* Lower-case hex of `bytes`, appended to nothing: 2 * len characters in `arena`. */
kdb_sv kdb_hex_encode(kdb_arena *arena, kdb_sv bytes);
/* KDB_INVALID for odd length or a non-hex digit. */
KDB_NODISCARD kdb_status kdb_hex_decode(kdb_arena *arena, kdb_sv text, kdb_sv *out, kdb_err *err);

/* A growing byte buffer on the heap, capped at birth. After a refused append it is `overflow` and drops further bytes,
 * so that a writer checks once at the end. */
typedef struct kdb_buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t limit; /* most bytes it may hold; 0 means SIZE_MAX */
    bool overflow;
} kdb_buf;

void kdb_buf_init(kdb_buf *buf, size_t limit);
void kdb_buf_done(kdb_buf *buf); /* frees the bytes; the buffer may be used again as after init */
/* Room for `extra` more bytes at ptr + len; NULL when the limit forbids. */
char *kdb_buf_reserve(kdb_buf *buf, size_t extra);
void kdb_buf_append_slow(kdb_buf *buf, const void *bytes, size_t len);
static inline void kdb_buf_append(kdb_buf *buf, const void *bytes, size_t len)
{
    if (KDB_LIKELY(buf->cap - buf->len >= len)) {
        if (len != 0) {
            memcpy(buf->ptr + buf->len, bytes, len);
        }
        buf->len += len;
        return;
    }
    kdb_buf_append_slow(buf, bytes, len);
}
static inline void kdb_buf_append_sv(kdb_buf *buf, kdb_sv text)
{
    kdb_buf_append(buf, text.ptr, text.len);
}
static inline void kdb_buf_append_byte(kdb_buf *buf, uint8_t byte)
{
    kdb_buf_append(buf, &byte, 1);
}
#define kdb_buf_append_lit(buf, literal) kdb_buf_append((buf), ("" literal), sizeof(literal) - 1)
/* Between two `mark`s, those inside doubled: a literal (') or a name (") of SQL. */
void kdb_buf_append_quoted(kdb_buf *buf, kdb_sv text, char mark);
void kdb_buf_printf(kdb_buf *buf, const char *fmt, ...) KDB_PRINTF(2, 3);
void kdb_buf_append_i64(kdb_buf *buf, int64_t value); /* decimal digits */
void kdb_buf_append_u64(kdb_buf *buf, uint64_t value);
static inline kdb_sv kdb_buf_sv(const kdb_buf *buf)
{
    return (kdb_sv){ buf->ptr, buf->len };
}

/* Fixed-width integers in wire bytes, `le` little-endian, `be` big-endian; pointers need no alignment. */
static inline void kdb_put_le16(void *at, uint16_t v)
{
    memcpy(at, &v, 2);
}
static inline void kdb_put_le32(void *at, uint32_t v)
{
    memcpy(at, &v, 4);
}
static inline void kdb_put_le64(void *at, uint64_t v)
{
    memcpy(at, &v, 8);
}
static inline uint16_t kdb_get_le16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, 2);
    return v;
}
static inline uint32_t kdb_get_le32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}
static inline uint64_t kdb_get_le64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return v;
}
static inline void kdb_put_be32(void *at, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(at, &v, 4);
}
static inline void kdb_put_be64(void *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, 8);
}
static inline uint32_t kdb_get_be32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, 4);
    return __builtin_bswap32(v);
}
static inline uint64_t kdb_get_be64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return __builtin_bswap64(v);
}
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the fixed-width helpers assume a little-endian machine (x86_64, arm64)"
#endif

/* A hash table from byte strings to pointers; the caller locks. Keys are copied, values are the caller's. */
typedef struct kdb_map kdb_map;
kdb_map *kdb_map_new(void);
void kdb_map_free(kdb_map *map); /* NULL is fine; values are not touched */
size_t kdb_map_count(const kdb_map *map);
void *kdb_map_lookup(const kdb_map *map, kdb_sv key);     /* NULL: absent */
void *kdb_map_put(kdb_map *map, kdb_sv key, void *value); /* returns the value replaced, or NULL */
void *kdb_map_remove(kdb_map *map, kdb_sv key);           /* returns the value removed, or NULL */
/* Walks all entries in no promised order: start with *cursor 0; false at the end. No change during the walk. */
bool kdb_map_next(const kdb_map *map, size_t *cursor, kdb_sv *key, void **value);

KDB_DEFINE_CLEANUP(kdb_map, kdb_map_free)

#endif
