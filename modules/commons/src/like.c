/* like.c - LIKE's patterns. A pattern is walked with one place to come back to: the last `%`, for what an earlier one could
 * match a later one can as well. What is plain behind it is searched for. That bounds the work by the product of the
 * lengths, which can still be much: it is counted. */
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

/* The part of the pattern from `p` on that stands for itself. */
static kdb_sv plain_part(const matcher *m, size_t p)
{
    size_t end = p;
    while (end < m->pattern.len && m->pattern.ptr[end] != '%' && m->pattern.ptr[end] != '_' && !is_escape(m, end)) {
        end++;
    }
    return kdb_sv_of(m->pattern.ptr + p, end - p);
}

/* False, and none are left, when they are not enough. */
static bool spend(uint64_t *steps, uint64_t n)
{
    const bool enough = *steps >= n;
    *steps = enough ? *steps - n : 0;
    return enough;
}

/* Of a search for the part, which looks at the part itself too. */
static uint64_t search_steps(const matcher *m, size_t s, kdb_sv part)
{
    return s + part.len <= m->text.len ? part.len : 0;
}

/* Where `part` begins in the text, at `s` or later; SIZE_MAX when it does not. */
static size_t find(kdb_sv text, size_t s, kdb_sv part)
{
    if (part.len == 0 || s >= text.len) {
        return part.len == 0 ? s : SIZE_MAX;
    }
    const char *at = memmem(text.ptr + s, text.len - s, part.ptr, part.len);
    return at == NULL ? SIZE_MAX : (size_t)(at - text.ptr);
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
    kdb_sv part = { 0 }; /* of the pattern, plain, right behind that `%` */
    while (s < text.len || at_wildcard(&m, p)) {
        if (!spend(steps, 1)) {
            return KDB_LIKE_TOO_LONG;
        }
        if (at_wildcard(&m, p)) {
            back_p = p + 1;
            part = plain_part(&m, back_p);
            back_s = s;
        } else if (take_one(&m, &s, &p)) {
            continue;
        } else if (back_s == SIZE_MAX) {
            return KDB_LIKE_NO;
        } else {
            back_s++;
        }
        if (!spend(steps, search_steps(&m, back_s, part))) {
            return KDB_LIKE_TOO_LONG;
        }
        back_s = find(text, back_s, part);
        if (back_s == SIZE_MAX) {
            return KDB_LIKE_NO;
        }
        s = back_s + part.len;
        p = back_p + part.len;
    }
    return p == pattern.len ? KDB_LIKE_YES : KDB_LIKE_NO;
}
