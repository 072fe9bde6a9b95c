/* like.c - LIKE's patterns. A pattern is walked with one place to come back to: the last `%`, for what an earlier one could
 * match a later one can as well. That bounds the work by the product of the lengths, which can still be much: it is counted. */
#include "commons_int.h"

typedef struct matcher {
    kdb_sv text;
    kdb_sv pattern;
    int escape;
} matcher;

static size_t next_character(kdb_sv text, size_t at)
{
    at++;
    while (at < text.len && !kdb_utf8_starts(text.ptr[at])) {
        at++;
    }
    return at;
}

static bool is_escape(const matcher *m, size_t p)
{
    return (unsigned char)m->pattern.ptr[p] == m->escape;
}

static bool at_wildcard(const matcher *m, size_t p)
{
    return p < m->pattern.len && m->pattern.ptr[p] == '%' && !is_escape(m, p);
}

/* One element of the pattern at *p against the text at *s, both moved on when it matches. */
static bool take_one(const matcher *m, size_t *s, size_t *p)
{
    if (*p == m->pattern.len || *s == m->text.len) {
        return false;
    }
    const bool escaped = is_escape(m, *p);
    const char c = m->pattern.ptr[escaped ? *p + 1 : *p];
    if (c == '_' && !escaped) {
        *s = next_character(m->text, *s);
        *p += 1;
        return true;
    }
    if (c != m->text.ptr[*s]) {
        return false;
    }
    *s += 1;
    *p += escaped ? 2 : 1;
    return true;
}

/* From `s` to where the text may match a pattern that begins at `p`: what is plain there is found fast. */
static size_t skip(const matcher *m, size_t s, size_t p)
{
    const bool plain = p < m->pattern.len && s < m->text.len && !is_escape(m, p) && m->pattern.ptr[p] != '_' &&
                       m->pattern.ptr[p] != '%';
    if (!plain) {
        return s;
    }
    const char *at = memchr(m->text.ptr + s, m->pattern.ptr[p], m->text.len - s);
    return at == NULL ? m->text.len : (size_t)(at - m->text.ptr);
}

bool kdb_like_valid(kdb_sv pattern, int escape)
{
    size_t i = 0;
    while (i < pattern.len) {
        i += (unsigned char)pattern.ptr[i] == escape ? 2 : 1;
    }
    return i == pattern.len;
}

kdb_like_answer kdb_like(kdb_sv text, kdb_sv pattern, int escape, uint64_t *steps)
{
    const matcher m = { .text = text, .pattern = pattern, .escape = escape };
    size_t s = 0;
    size_t p = 0;
    size_t back_s = SIZE_MAX; /* where the last `%` has been taken to end, and what follows it */
    size_t back_p = 0;
    while (s < text.len) {
        if ((*steps)-- == 0) {
            *steps = 0;
            return KDB_LIKE_TOO_LONG;
        }
        if (at_wildcard(&m, p)) {
            p++;
            back_p = p;
            back_s = s = skip(&m, s, p);
        } else if (!take_one(&m, &s, &p)) {
            if (back_s == SIZE_MAX) {
                return KDB_LIKE_NO;
            }
            p = back_p;
            back_s = s = skip(&m, back_s + 1, p);
        }
    }
    while (at_wildcard(&m, p)) {
        p++;
    }
    return p == pattern.len ? KDB_LIKE_YES : KDB_LIKE_NO;
}
