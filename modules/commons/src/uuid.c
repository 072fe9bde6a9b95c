/* uuid.c - UUIDs from text (canonical or 32 hex digits, any case) and to canonical lower-case text. */
#include "commons_int.h"

/* The value of a hex digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char folded = (char)(c | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

static bool hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

static bool read_uuid(kdb_sv text, kdb_uuid *out)
{
    bool canonical = text.len == 36;
    if (!canonical && text.len != 32) {
        return false;
    }
    const char *at = text.ptr;
    for (size_t i = 0; i < sizeof(out->bytes); i++) {
        if (canonical && hyphen_before(i) && *at++ != '-') {
            return false;
        }
        int high = digit_value(*at++);
        int low = digit_value(*at++);
        if (high < 0 || low < 0) {
            return false;
        }
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

kdb_status kdb_uuid_parse(kdb_sv text, kdb_uuid *out, kdb_err *err)
{
    kdb_uuid uuid;
    if (!read_uuid(kdb_sv_trim(text), &uuid)) {
        kdb_sv shown = kdb_utf8_cut(text, 64);
        return KDB_FAIL(err, KDB_INVALID, "Invalid UUID literal '%.*s'", KDB_SV_ARG(shown));
    }
    *out = uuid;
    return KDB_OK;
}

void kdb_uuid_format(const kdb_uuid *uuid, char out[37])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        if (hyphen_before(i)) {
            *out++ = '-';
        }
        *out++ = digits[uuid->bytes[i] >> 4];
        *out++ = digits[uuid->bytes[i] & 15];
    }
    *out = '\0';
}
