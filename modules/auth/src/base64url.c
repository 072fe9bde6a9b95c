/* base64url.c - base64url as JSON Web Tokens and keys write bytes: no padding, and one text for each value. */
#include "auth_int.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool kdbi_base64url_decode(kdb_sv text, kdb_arena *arena, kdb_sv *out)
{
    char *bytes = KDB_ARENA_ARRAY(arena, char, text.len + 1);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int value = value_of(text.ptr[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[len++] = (char)(unsigned char)(bits >> held & 0xff);
        }
    }
    if (held >= 6 || (bits & ((1u << held) - 1)) != 0) { /* a lone character, or bits that mean nothing */
        return false;
    }
    *out = kdb_sv_of(bytes, len);
    return true;
}
