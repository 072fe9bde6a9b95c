/* row_key_part.c - single values as key bytes. memcmp of the bytes is the order of the values, and no part is a prefix
 * of another part of its type, so that parts can follow one another without lengths.
 *
 *   text, bytes   each 00 becomes 00 FF, then 00 01 ends it: shorter sorts first
 *   integers      big-endian with the sign bit flipped; DATE as 4 bytes, the other times as 8
 *   floats        the IEEE bits big-endian; negative ones inverted, others with the sign bit flipped. -0 is 0, NaN the
 *                 greatest value whatever its bits
 *   DECIMAL       16 bytes big-endian with the sign bit flipped; a column has one scale
 *   BOOLEAN       00 or 01
 *   UUID          its 16 bytes */
#include "tables_int.h"

enum { ESCAPE = 0x00, ESCAPED_ZERO = 0xFF, TERMINATOR = 0x01 };

static char *put_byte(char *at, uint8_t byte)
{
    *(uint8_t *)at = byte;
    return at + 1;
}

size_t kdbi_key_bytes_size(kdb_sv bytes)
{
    size_t size = bytes.len + 2;
    for (size_t i = 0; i < bytes.len; i++) {
        size += bytes.ptr[i] == 0 ? 1 : 0;
    }
    return size;
}

char *kdbi_key_bytes_put(char *at, kdb_sv bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = bytes.ptr[i];
        if (bytes.ptr[i] == 0) {
            at = put_byte(at, ESCAPED_ZERO);
        }
    }
    at = put_byte(at, ESCAPE);
    return put_byte(at, TERMINATOR);
}

kdb_sv kdbi_key_bytes_get(kdb_sv part, kdb_arena *arena)
{
    char *text = kdb_arena_alloc_raw(arena, part.len);
    size_t len = 0;
    for (size_t i = 0; i + 2 < part.len; i++) { /* the last two end it */
        text[len++] = part.ptr[i];
        i += part.ptr[i] == ESCAPE;
    }
    return kdb_sv_of(text, len);
}

size_t kdbi_key_bytes_length(kdb_sv key)
{
    size_t from = 0;
    while (from < key.len) {
        const char *zero = memchr(key.ptr + from, ESCAPE, key.len - from);
        if (zero == NULL) {
            return 0;
        }
        size_t next = (size_t)(zero - key.ptr) + 2;
        if (next > key.len) {
            return 0;
        }
        if ((uint8_t)key.ptr[next - 1] == TERMINATOR) {
            return next;
        }
        if ((uint8_t)key.ptr[next - 1] != ESCAPED_ZERO) {
            return 0;
        }
        from = next;
    }
    return 0;
}

bool kdbi_key_successor(kdb_sv prefix, kdb_arena *arena, kdb_sv *out)
{
    size_t len = prefix.len;
    while (len > 0 && (uint8_t)prefix.ptr[len - 1] == UINT8_MAX) {
        len--;
    }
    if (len == 0) {
        return false;
    }
    char *bytes = kdb_arena_alloc_raw(arena, len);
    memcpy(bytes, prefix.ptr, len);
    (void)put_byte(bytes + len - 1, (uint8_t)((uint8_t)bytes[len - 1] + 1));
    *out = (kdb_sv){ bytes, len };
    return true;
}

char *kdbi_key_i64_put(char *at, int64_t value)
{
    kdb_put_be64(at, (uint64_t)value ^ UINT64_C(1) << 63);
    return at + 8;
}

int64_t kdbi_key_i64_get(const char *at)
{
    return (int64_t)(kdb_get_be64(at) ^ UINT64_C(1) << 63);
}

static char *put_i32(char *at, int32_t value)
{
    kdb_put_be32(at, (uint32_t)value ^ UINT32_C(1) << 31);
    return at + 4;
}

static char *put_i16(char *at, int16_t value)
{
    uint32_t bits = (uint16_t)value ^ UINT32_C(0x8000);
    at = put_byte(at, (uint8_t)(bits >> 8));
    return put_byte(at, (uint8_t)bits);
}

static char *put_i128(char *at, kdb_i128 value)
{
    at = kdbi_key_i64_put(at, (int64_t)(value >> 64));
    kdb_put_be64(at, (uint64_t)value);
    return at + 8;
}

static char *put_f64(char *at, double value)
{
    uint64_t bits = UINT64_C(0x7FF8000000000000); /* NaN */
    if (value == value) {
        value += 0.0; /* -0 becomes 0 */
        memcpy(&bits, &value, sizeof(bits));
    }
    kdb_put_be64(at, bits >> 63 != 0 ? ~bits : bits ^ UINT64_C(1) << 63);
    return at + 8;
}

static char *put_f32(char *at, float value)
{
    uint32_t bits = UINT32_C(0x7FC00000);
    if (value == value) {
        value += 0.0F;
        memcpy(&bits, &value, sizeof(bits));
    }
    kdb_put_be32(at, bits >> 31 != 0 ? ~bits : bits ^ UINT32_C(1) << 31);
    return at + 4;
}

size_t kdbi_key_part_size(const kdb_value *value)
{
    if (kdb_type_layout(value->type) == KDB_LAYOUT_BYTES) {
        return kdbi_key_bytes_size(value->as.bytes);
    }
    return kdb_type_defs[value->type.kind].fixed_size;
}

char *kdbi_key_part_put(char *at, const kdb_value *value)
{
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_BOOL:
        return put_byte(at, value->as.b ? 1 : 0);
    case KDB_LAYOUT_I16:
        return put_i16(at, value->as.i16);
    case KDB_LAYOUT_I32:
        return put_i32(at, value->as.i32);
    case KDB_LAYOUT_I64:
        return kdbi_key_i64_put(at, value->as.i64);
    case KDB_LAYOUT_I128:
        return put_i128(at, value->as.i128);
    case KDB_LAYOUT_F32:
        return put_f32(at, value->as.f32);
    case KDB_LAYOUT_F64:
        return put_f64(at, value->as.f64);
    case KDB_LAYOUT_BYTES:
        return kdbi_key_bytes_put(at, value->as.bytes);
    case KDB_LAYOUT_UUID:
        memcpy(at, value->as.uuid.bytes, sizeof(value->as.uuid.bytes));
        return at + sizeof(value->as.uuid.bytes);
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_F32S:
        break;
    }
    KDB_ASSERT(false); /* registry refuses keys of types without an order */
    return at;
}

/* ---- back ---- */

static uint64_t get_be(const char *at, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | (uint8_t)at[i];
    }
    return bits;
}

static double get_f64(uint64_t bits)
{
    double value;
    bits = bits >> 63 != 0 ? bits ^ UINT64_C(1) << 63 : ~bits;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float get_f32(uint32_t bits)
{
    float value;
    bits = bits >> 31 != 0 ? bits ^ UINT32_C(1) << 31 : ~bits;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void get_fixed(const char *at, kdb_value *out)
{
    switch (kdb_type_layout(out->type)) {
    case KDB_LAYOUT_BOOL:
        out->as.b = *at != 0;
        break;
    case KDB_LAYOUT_I16:
        out->as.i16 = (int16_t)(uint16_t)(get_be(at, 2) ^ UINT64_C(0x8000));
        break;
    case KDB_LAYOUT_I32:
        out->as.i32 = (int32_t)(kdb_get_be32(at) ^ UINT32_C(1) << 31);
        break;
    case KDB_LAYOUT_I64:
        out->as.i64 = kdbi_key_i64_get(at);
        break;
    case KDB_LAYOUT_I128:
        out->as.i128 = (kdb_i128)kdbi_key_i64_get(at) * ((kdb_i128)1 << 64) + (kdb_i128)kdb_get_be64(at + 8);
        break;
    case KDB_LAYOUT_F32:
        out->as.f32 = get_f32(kdb_get_be32(at));
        break;
    case KDB_LAYOUT_F64:
        out->as.f64 = get_f64(kdb_get_be64(at));
        break;
    case KDB_LAYOUT_UUID:
        memcpy(out->as.uuid.bytes, at, sizeof(out->as.uuid.bytes));
        break;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_F32S:
        KDB_ASSERT(false); /* not of a fixed size, or no key */
    }
}

bool kdbi_key_part_get(kdb_sv *key, kdb_type type, kdb_arena *arena, kdb_value *out)
{
    const bool fixed = kdb_type_layout(type) != KDB_LAYOUT_BYTES;
    const size_t size = fixed ? kdb_type_defs[type.kind].fixed_size : kdbi_key_bytes_length(*key);
    if (size == 0 || key->len < size) {
        return false;
    }
    *out = (kdb_value){ .type = type };
    if (fixed) {
        get_fixed(key->ptr, out);
    } else {
        out->as.bytes = kdbi_key_bytes_get(kdb_sv_of(key->ptr, size), arena);
    }
    *key = kdb_sv_of(key->ptr + size, key->len - size);
    return true;
}
