/* hex.c - bytes as pairs of hex digits. */
#include "commons_int.h"

kdb_sv kdb_hex_encode(kdb_arena *arena, kdb_sv bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = kdb_arena_alloc_raw(arena, bytes.len * 2);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    return kdb_sv_of(text, bytes.len * 2);
}

/* The value of a hex digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

kdb_status kdb_hex_decode(kdb_arena *arena, kdb_sv text, kdb_sv *out, kdb_err *err)
{
    if (text.len % 2 != 0) {
        return KDB_FAIL(err, KDB_INVALID, "hexadecimal data has an odd number of digits");
    }
    char *bytes = kdb_arena_alloc_raw(arena, text.len / 2);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = digit_value(text.ptr[i]);
        int low = digit_value(text.ptr[i + 1]);
        if (high < 0 || low < 0) {
            return KDB_FAIL(err, KDB_INVALID, "invalid hexadecimal digit at position %zu", i + (high < 0 ? 1 : 2));
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *out = kdb_sv_of(bytes, text.len / 2);
    return KDB_OK;
}
