/* value_text.c - values as plain text, as messages and text casts show them. */
#include "commons_int.h"

static kdb_sv bytes_text(kdb_sv bytes, kdb_arena *arena)
{
    kdb_sv hex = kdb_hex_encode(arena, bytes);
    return kdb_sv_printf(arena, "\\x%.*s", KDB_SV_ARG(hex));
}

static kdb_sv floats_text(const float *values, size_t count, kdb_arena *arena)
{
    enum { LONGEST = 26 }; /* of one number with its comma */
    char *text = kdb_arena_alloc_raw(arena, count * LONGEST + 2);
    size_t len = 0;
    text[len++] = '[';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            text[len++] = ',';
        }
        len += kdbi_format_f32(values[i], text + len);
    }
    text[len++] = ']';
    return kdb_sv_of(text, len);
}

static kdb_sv i64_text(const kdb_value *value, kdb_arena *arena)
{
    char text[48];
    kdb_type_kind kind = value->type.kind;
    if (kind == KDB_TYPE_BIGINT) {
        return kdb_sv_printf(arena, "%lld", (long long)value->as.i64);
    }
    size_t len =
        kind == KDB_TYPE_TIME ? kdbi_time_format(value->as.i64, text) : kdbi_timestamp_format(value->as.i64, text);
    return kdb_sv_dup(arena, kdb_sv_of(text, len));
}

static kdb_sv i32_text(const kdb_value *value, kdb_arena *arena)
{
    if (value->type.kind == KDB_TYPE_DATE) {
        char text[48];
        return kdb_sv_dup(arena, kdb_sv_of(text, kdbi_date_format(value->as.i32, text)));
    }
    return kdb_sv_printf(arena, "%d", value->as.i32);
}

kdb_sv kdb_value_to_text(const kdb_value *value, kdb_arena *arena)
{
    char text[48];
    if (value->is_null) {
        return KDB_SV("NULL");
    }
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_NONE:
        return KDB_SV("NULL");
    case KDB_LAYOUT_BOOL:
        return value->as.b ? KDB_SV("true") : KDB_SV("false");
    case KDB_LAYOUT_I16:
        return kdb_sv_printf(arena, "%d", value->as.i16);
    case KDB_LAYOUT_I32:
        return i32_text(value, arena);
    case KDB_LAYOUT_I64:
        return i64_text(value, arena);
    case KDB_LAYOUT_I128:
        return kdb_sv_dup(arena, kdb_sv_of(text, kdb_decimal_format(value->as.i128, value->type.scale, text)));
    case KDB_LAYOUT_F32:
        return kdb_sv_dup(arena, kdb_sv_of(text, kdbi_format_f32(value->as.f32, text)));
    case KDB_LAYOUT_F64:
        return kdb_sv_dup(arena, kdb_sv_of(text, kdbi_format_f64(value->as.f64, text)));
    case KDB_LAYOUT_BYTES:
        return value->type.kind == KDB_TYPE_BYTES ? bytes_text(value->as.bytes, arena) : value->as.bytes;
    case KDB_LAYOUT_UUID:
        kdb_uuid_format(&value->as.uuid, text);
        return kdb_sv_dup(arena, kdb_sv_of(text, 36));
    case KDB_LAYOUT_F32S:
        return floats_text(value->as.f32s, value->type.dim, arena);
    }
    return KDB_SV("");
}
