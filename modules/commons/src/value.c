/* value.c - making and comparing single values. */
#include "commons_int.h"

kdb_value kdb_value_bool(bool v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_BOOLEAN), .as.b = v };
}

kdb_value kdb_value_int(int32_t v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_INT), .as.i32 = v };
}

kdb_value kdb_value_bigint(int64_t v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_BIGINT), .as.i64 = v };
}

kdb_value kdb_value_double(double v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_DOUBLE), .as.f64 = v };
}

kdb_value kdb_value_text(kdb_sv v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_TEXT), .as.bytes = v };
}

kdb_value kdb_value_timestamp(int64_t us)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_TIMESTAMP), .as.i64 = us };
}

kdb_value kdb_value_json(kdb_sv v)
{
    return (kdb_value){ .type = kdb_type_of(KDB_TYPE_JSON), .as.bytes = v };
}

/* The padding of a union member is not compared, and floats are compared by bits. */
static bool same_payload(const kdb_value *a, const kdb_value *b)
{
    switch (kdb_type_layout(a->type)) {
    case KDB_LAYOUT_NONE:
        return true;
    case KDB_LAYOUT_BOOL:
        return a->as.b == b->as.b;
    case KDB_LAYOUT_I16:
        return a->as.i16 == b->as.i16;
    case KDB_LAYOUT_I32:
        return a->as.i32 == b->as.i32;
    case KDB_LAYOUT_I64:
        return a->as.i64 == b->as.i64;
    case KDB_LAYOUT_I128:
        return a->as.i128 == b->as.i128;
    case KDB_LAYOUT_F32:
        return memcmp(&a->as.f32, &b->as.f32, sizeof(float)) == 0;
    case KDB_LAYOUT_F64:
        return memcmp(&a->as.f64, &b->as.f64, sizeof(double)) == 0;
    case KDB_LAYOUT_BYTES:
        return kdb_sv_eq(a->as.bytes, b->as.bytes);
    case KDB_LAYOUT_UUID:
        return memcmp(&a->as.uuid, &b->as.uuid, sizeof(kdb_uuid)) == 0;
    case KDB_LAYOUT_F32S:
        return memcmp(a->as.f32s, b->as.f32s, sizeof(float) * a->type.dim) == 0;
    }
    return false;
}

bool kdb_value_same(const kdb_value *a, const kdb_value *b)
{
    if (!kdb_type_eq(a->type, b->type) || a->is_null != b->is_null) {
        return false;
    }
    return a->is_null || same_payload(a, b);
}

kdb_value kdb_value_dup(const kdb_value *value, kdb_arena *arena)
{
    kdb_value copy = *value;
    if (value->is_null) {
        return copy;
    }
    if (kdb_type_layout(value->type) == KDB_LAYOUT_BYTES) {
        copy.as.bytes = kdb_sv_dup(arena, value->as.bytes);
    } else if (kdb_type_layout(value->type) == KDB_LAYOUT_F32S) {
        float *floats = KDB_ARENA_ARRAY(arena, float, value->type.dim);
        memcpy(floats, value->as.f32s, value->type.dim * sizeof(*floats));
        copy.as.f32s = floats;
    }
    return copy;
}

size_t kdb_value_bytes(const kdb_value *value)
{
    if (value->is_null) {
        return 0;
    }
    const kdb_layout layout = kdb_type_layout(value->type);
    return layout == KDB_LAYOUT_BYTES  ? value->as.bytes.len
           : layout == KDB_LAYOUT_F32S ? value->type.dim * sizeof(float)
                                       : 0;
}
