/* query.c - parameters in the query of a URL (`name=value&..`, percent-encoded, `+` a blank). */
#include "api_int.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A per cent sign without two digits after it stands for itself. */
static kdb_sv decode(kdb_sv text, kdb_arena *arena)
{
    char *out = kdb_arena_alloc_raw(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int high = text.ptr[i] == '%' && i + 2 < text.len ? digit_of(text.ptr[i + 1]) : -1;
        const int low = high >= 0 ? digit_of(text.ptr[i + 2]) : -1;
        if (low >= 0) {
            out[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[len++] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
        }
    }
    return kdb_sv_of(out, len);
}

static kdb_sv take_until(kdb_sv *rest, char end)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->ptr, end, rest->len);
    const size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
    const kdb_sv item = kdb_sv_of(rest->ptr, len);
    *rest = at == NULL ? kdb_sv_of(NULL, 0) : kdb_sv_of(at + 1, rest->len - len - 1);
    return item;
}

bool kdbi_query_find(kdb_sv query, kdb_sv name, kdb_arena *arena, kdb_sv *out)
{
    while (query.len > 0) {
        kdb_sv pair = take_until(&query, '&');
        if (kdb_sv_eq(decode(take_until(&pair, '='), arena), name)) {
            *out = decode(pair, arena);
            return true;
        }
    }
    return false;
}
