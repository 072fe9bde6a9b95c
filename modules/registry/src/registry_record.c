/* registry_record.c - values as the bytes of records. */
#include "registry_int.h"

static void write_f32(kdb_buf *buf, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    kdb_record_write_u32(buf, bits);
}

static float read_f32(kdb_record_reader *reader)
{
    uint32_t bits = kdb_record_read_u32(reader);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void write_f64(kdb_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    kdb_record_write_u64(buf, bits);
}

static double read_f64(kdb_record_reader *reader)
{
    uint64_t bits = kdb_record_read_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void write_i128(kdb_buf *buf, kdb_i128 value)
{
    kdb_record_write_u64(buf, (uint64_t)value);
    kdb_record_write_u64(buf, (uint64_t)(value >> 64));
}

static kdb_i128 read_i128(kdb_record_reader *reader)
{
    uint64_t low = kdb_record_read_u64(reader);
    uint64_t high = kdb_record_read_u64(reader);
    return (kdb_i128)(int64_t)high * ((kdb_i128)1 << 64) + (kdb_i128)low;
}

static void write_f32s(kdb_buf *buf, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_f32(buf, values[i]);
    }
}

static const float *read_f32s(kdb_record_reader *reader, size_t count, kdb_arena *arena)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, count * sizeof(float));
    if (bytes.ptr == NULL) {
        return NULL;
    }
    float *values = KDB_ARENA_ARRAY(arena, float, count);
    memcpy(values, bytes.ptr, bytes.len);
    return values;
}

void kdbi_registry_write_value(kdb_buf *buf, const kdb_value *value)
{
    kdb_buf_append_byte(buf, value->is_null ? 1 : 0);
    if (value->is_null) {
        return;
    }
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_NONE:
        break;
    case KDB_LAYOUT_BOOL:
        kdb_buf_append_byte(buf, value->as.b ? 1 : 0);
        break;
    case KDB_LAYOUT_I16:
        kdb_record_write_u16(buf, (uint16_t)value->as.i16);
        break;
    case KDB_LAYOUT_I32:
        kdb_record_write_u32(buf, (uint32_t)value->as.i32);
        break;
    case KDB_LAYOUT_I64:
        kdb_record_write_u64(buf, (uint64_t)value->as.i64);
        break;
    case KDB_LAYOUT_I128:
        write_i128(buf, value->as.i128);
        break;
    case KDB_LAYOUT_F32:
        write_f32(buf, value->as.f32);
        break;
    case KDB_LAYOUT_F64:
        write_f64(buf, value->as.f64);
        break;
    case KDB_LAYOUT_BYTES:
        kdb_record_write_text(buf, value->as.bytes);
        break;
    case KDB_LAYOUT_UUID:
        kdb_buf_append(buf, value->as.uuid.bytes, sizeof(value->as.uuid.bytes));
        break;
    case KDB_LAYOUT_F32S:
        write_f32s(buf, value->as.f32s, value->type.dim);
        break;
    }
}

static void read_uuid(kdb_record_reader *reader, kdb_uuid *out)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, sizeof(out->bytes));
    if (bytes.ptr != NULL) {
        memcpy(out->bytes, bytes.ptr, sizeof(out->bytes));
    }
}

/* A flag byte other than 0 and 1 is not ours. */
static bool read_flag(kdb_record_reader *reader)
{
    uint8_t flag = kdb_record_read_u8(reader);
    if (flag > 1) {
        reader->failed = true;
    }
    return flag == 1;
}

kdb_value kdbi_registry_read_value(kdb_record_reader *reader, kdb_type type, kdb_arena *arena)
{
    kdb_value value = { .type = type, .is_null = read_flag(reader) };
    if (value.is_null) {
        return value;
    }
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_NONE:
        reader->failed = true;
        break;
    case KDB_LAYOUT_BOOL:
        value.as.b = read_flag(reader);
        break;
    case KDB_LAYOUT_I16:
        value.as.i16 = (int16_t)kdb_record_read_u16(reader);
        break;
    case KDB_LAYOUT_I32:
        value.as.i32 = (int32_t)kdb_record_read_u32(reader);
        break;
    case KDB_LAYOUT_I64:
        value.as.i64 = (int64_t)kdb_record_read_u64(reader);
        break;
    case KDB_LAYOUT_I128:
        value.as.i128 = read_i128(reader);
        break;
    case KDB_LAYOUT_F32:
        value.as.f32 = read_f32(reader);
        break;
    case KDB_LAYOUT_F64:
        value.as.f64 = read_f64(reader);
        break;
    case KDB_LAYOUT_BYTES:
        value.as.bytes = kdb_sv_dup(arena, kdb_record_read_text(reader));
        break;
    case KDB_LAYOUT_UUID:
        read_uuid(reader, &value.as.uuid);
        break;
    case KDB_LAYOUT_F32S:
        value.as.f32s = read_f32s(reader, type.dim, arena);
        break;
    }
    return value;
}
