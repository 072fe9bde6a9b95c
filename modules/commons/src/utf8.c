/* utf8.c - what is well-formed UTF-8 (RFC 3629, table 3-7 of Unicode): no overlong forms, no surrogates, at most U+10FFFF. */
#include "commons_int.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* The second byte of a three-byte sequence: E0 excludes overlong forms, ED excludes surrogates. */
static bool second_of_three(unsigned char first, unsigned char second)
{
    return is_tail(second) && (first != 0xE0 || second >= 0xA0) && (first != 0xED || second < 0xA0);
}

/* The second byte of a four-byte sequence: F0 excludes overlong forms, F4 what is above U+10FFFF. */
static bool second_of_four(unsigned char first, unsigned char second)
{
    return is_tail(second) && (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second < 0x90);
}

size_t kdbi_utf8_sequence(const unsigned char *bytes, size_t len)
{
    unsigned char first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return len >= 2 && is_tail(bytes[1]) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return len >= 3 && second_of_three(first, bytes[1]) && is_tail(bytes[2]) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        return len >= 4 && second_of_four(first, bytes[1]) && is_tail(bytes[2]) && is_tail(bytes[3]) ? 4 : 0;
    }
    return 0;
}

bool kdb_utf8_valid(kdb_sv text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t left = text.len;
    while (left > 0) {
        /* Most text is ASCII: eight bytes at a time. */
        if (left >= 8 && (kdb_get_le64(at) & UINT64_C(0x8080808080808080)) == 0) {
            at += 8;
            left -= 8;
            continue;
        }
        size_t step = kdbi_utf8_sequence(at, left);
        if (step == 0) {
            return false;
        }
        at += step;
        left -= step;
    }
    return true;
}

kdb_sv kdb_utf8_cut(kdb_sv text, size_t max)
{
    if (text.len <= max) {
        return text;
    }
    size_t len = max;
    while (len > 0 && max - len < 4 && is_tail((unsigned char)text.ptr[len])) {
        len--;
    }
    return kdb_sv_of(text.ptr, len);
}

size_t kdb_utf8_count(kdb_sv text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += kdb_utf8_starts(text.ptr[i]);
    }
    return count;
}

size_t kdb_utf8_offset(kdb_sv text, size_t n)
{
    size_t at = 0;
    for (; at < text.len; at++) {
        if (kdb_utf8_starts(text.ptr[at]) && n-- == 0) {
            break;
        }
    }
    return at;
}
