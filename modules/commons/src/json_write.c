/* json_write.c - JSON appended to a buffer. Rows of results are the hot path of the server: no allocation beyond the
 * buffer's growth, one pass over each string. */
#include <math.h>

#include "commons_int.h"
#include "kdb/json.h"

/* What a byte of a string needs: 0 nothing, 'u' \u00XX, 'x' a look at the UTF-8 sequence, else the letter after '\'. */
static const char escapes[256] = {
    ['\x00'] = 'u', ['\x01'] = 'u', ['\x02'] = 'u', ['\x03'] = 'u', ['\x04'] = 'u', ['\x05'] = 'u', ['\x06'] = 'u',
    ['\x07'] = 'u', ['\b'] = 'b',   ['\t'] = 't',   ['\n'] = 'n',   ['\x0b'] = 'u', ['\f'] = 'f',   ['\r'] = 'r',
    ['\x0e'] = 'u', ['\x0f'] = 'u', ['\x10'] = 'u', ['\x11'] = 'u', ['\x12'] = 'u', ['\x13'] = 'u', ['\x14'] = 'u',
    ['\x15'] = 'u', ['\x16'] = 'u', ['\x17'] = 'u', ['\x18'] = 'u', ['\x19'] = 'u', ['\x1a'] = 'u', ['\x1b'] = 'u',
    ['\x1c'] = 'u', ['\x1d'] = 'u', ['\x1e'] = 'u', ['\x1f'] = 'u', ['"'] = '"',    ['\\'] = '\\',  [128 ... 255] = 'x',
};

static void put_escape(kdb_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', escapes[c], '0', '0', hex[c >> 4], hex[c & 15] };
    kdb_buf_append(buf, text, escapes[c] == 'u' ? 6 : 2);
}

/* True when none of eight bytes needs a look: no control character, no quote, no backslash, all ASCII. A byte less one
 * turns its top bit on when it was zero; a borrow from its neighbour can make that a false alarm, never a miss. */
static bool eight_plain(const unsigned char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word = kdb_get_le64(bytes);
    uint64_t quotes = word ^ (ones * '"');
    uint64_t backslashes = word ^ (ones * '\\');
    uint64_t found = word | (word - ones * 0x20) | (quotes - ones) | (backslashes - ones);
    return (found & (ones * 0x80)) == 0;
}

void kdb_json_put_string(kdb_buf *buf, kdb_sv text)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t plain = 0; /* start of the run not yet copied */
    kdb_buf_append_byte(buf, '"');
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= 8 && eight_plain(bytes + i)) {
            i += 8;
            continue;
        }
        unsigned char c = bytes[i];
        if (KDB_LIKELY(escapes[c] == 0)) {
            i++;
            continue;
        }
        size_t step = c >= 0x80 ? kdbi_utf8_sequence(bytes + i, text.len - i) : 0;
        if (step != 0) {
            i += step;
            continue;
        }
        kdb_buf_append(buf, bytes + plain, i - plain);
        if (c >= 0x80) {
            kdb_buf_append_lit(buf, "\xEF\xBF\xBD");
        } else {
            put_escape(buf, c);
        }
        plain = ++i;
    }
    if (text.len != plain) {
        kdb_buf_append(buf, bytes + plain, text.len - plain);
    }
    kdb_buf_append_byte(buf, '"');
}

void kdb_json_put_double(kdb_buf *buf, double value)
{
    char text[32];
    KDB_DASSERT(isfinite(value));
    kdb_buf_append(buf, text, kdbi_format_f64(value, text));
}

static kdb_status put_finite(kdb_buf *buf, double value, kdb_err *err)
{
    if (KDB_UNLIKELY(!isfinite(value))) {
        return KDB_FAIL(err, KDB_EXECUTION, "%s cannot be sent as JSON", isnan(value) ? "NaN" : "infinity");
    }
    kdb_json_put_double(buf, value);
    return KDB_OK;
}

/* BIGINT is text, because clients read numbers as doubles; times are numbers. */
static void put_i64(kdb_buf *buf, kdb_type type, int64_t value)
{
    if (type.kind != KDB_TYPE_BIGINT) {
        kdb_buf_append_i64(buf, value);
        return;
    }
    kdb_buf_append_byte(buf, '"');
    kdb_buf_append_i64(buf, value);
    kdb_buf_append_byte(buf, '"');
}

static void put_decimal(kdb_buf *buf, kdb_type type, kdb_i128 value)
{
    char text[48];
    text[0] = '"';
    size_t len = 1 + kdb_decimal_format(value, type.scale, text + 1);
    text[len++] = '"';
    kdb_buf_append(buf, text, len);
}

static void put_byte_array(kdb_buf *buf, kdb_sv bytes)
{
    kdb_buf_append_byte(buf, '[');
    for (size_t i = 0; i < bytes.len; i++) {
        if (i > 0) {
            kdb_buf_append_byte(buf, ',');
        }
        kdb_buf_append_u64(buf, (unsigned char)bytes.ptr[i]);
    }
    kdb_buf_append_byte(buf, ']');
}

static void put_bytes(kdb_buf *buf, kdb_type type, kdb_sv bytes)
{
    if (type.kind == KDB_TYPE_BYTES) {
        put_byte_array(buf, bytes);
    } else {
        kdb_json_put_string(buf, bytes);
    }
}

static void put_uuid(kdb_buf *buf, const kdb_uuid *uuid)
{
    char text[39];
    text[0] = '"';
    kdb_uuid_format(uuid, text + 1);
    text[37] = '"';
    kdb_buf_append(buf, text, 38);
}

static kdb_status put_floats(kdb_buf *buf, const float *values, size_t count, kdb_err *err)
{
    kdb_buf_append_byte(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            kdb_buf_append_byte(buf, ',');
        }
        KDB_TRY(put_finite(buf, (double)values[i], err));
    }
    kdb_buf_append_byte(buf, ']');
    return KDB_OK;
}

kdb_status kdb_json_put_value(kdb_buf *buf, const kdb_value *value, kdb_err *err)
{
    if (value->is_null) {
        kdb_buf_append_lit(buf, "null");
        return KDB_OK;
    }
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_NONE:
        kdb_buf_append_lit(buf, "null");
        return KDB_OK;
    case KDB_LAYOUT_BOOL:
        kdb_buf_append_sv(buf, value->as.b ? KDB_SV("true") : KDB_SV("false"));
        return KDB_OK;
    case KDB_LAYOUT_I16:
        kdb_buf_append_i64(buf, value->as.i16);
        return KDB_OK;
    case KDB_LAYOUT_I32:
        kdb_buf_append_i64(buf, value->as.i32);
        return KDB_OK;
    case KDB_LAYOUT_I64:
        put_i64(buf, value->type, value->as.i64);
        return KDB_OK;
    case KDB_LAYOUT_I128:
        put_decimal(buf, value->type, value->as.i128);
        return KDB_OK;
    case KDB_LAYOUT_F32:
        return put_finite(buf, (double)value->as.f32, err);
    case KDB_LAYOUT_F64:
        return put_finite(buf, value->as.f64, err);
    case KDB_LAYOUT_BYTES:
        put_bytes(buf, value->type, value->as.bytes);
        return KDB_OK;
    case KDB_LAYOUT_UUID:
        put_uuid(buf, &value->as.uuid);
        return KDB_OK;
    case KDB_LAYOUT_F32S:
        return put_floats(buf, value->as.f32s, value->type.dim, err);
    }
    return KDB_OK;
}

kdb_status kdb_json_put_cell(kdb_buf *buf, const kdb_vec *vec, size_t row, kdb_err *err)
{
    const kdb_value value = kdb_vec_get(vec, row);
    return kdb_json_put_value(buf, &value, err);
}

void kdb_json_put_type(kdb_buf *buf, kdb_type type)
{
    const char *name = kdb_type_defs[type.kind].wire_name;
    if (type.kind == KDB_TYPE_DECIMAL) {
        kdb_buf_printf(buf, "{\"%s\":{\"precision\":%u,\"scale\":%u}}", name, type.precision, type.scale);
    } else if (type.kind == KDB_TYPE_EMBEDDING) {
        kdb_buf_printf(buf, "{\"%s\":%u}", name, type.dim);
    } else {
        kdb_buf_append_byte(buf, '"');
        kdb_buf_append_sv(buf, kdb_sv_cstr(name));
        kdb_buf_append_byte(buf, '"');
    }
}
