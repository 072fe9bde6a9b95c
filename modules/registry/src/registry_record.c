/* registry_record.c - the bytes that records are made of. Widths are explicit and little-endian. A reader never goes
 * past its bytes: the first piece that does not fit fails it, and what it reads from then on is zero. */
#include "registry_int.h"

kdb_sv kdbi_registry_read_bytes(kdbi_reader *reader, size_t len)
{
    if (reader->failed || reader->rest.len < len) {
        reader->failed = true;
        return (kdb_sv){ NULL, 0 };
    }
    kdb_sv bytes = kdb_sv_of(reader->rest.ptr, len);
    reader->rest.len -= len;
    if (len != 0) {
        reader->rest.ptr += len;
    }
    return bytes;
}

uint8_t kdbi_registry_read_u8(kdbi_reader *reader)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, 1);
    return bytes.ptr == NULL ? 0 : (uint8_t)bytes.ptr[0];
}

uint16_t kdbi_registry_read_u16(kdbi_reader *reader)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, 2);
    return bytes.ptr == NULL ? 0 : kdb_get_le16(bytes.ptr);
}

uint32_t kdbi_registry_read_u32(kdbi_reader *reader)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, 4);
    return bytes.ptr == NULL ? 0 : kdb_get_le32(bytes.ptr);
}

uint64_t kdbi_registry_read_u64(kdbi_reader *reader)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, 8);
    return bytes.ptr == NULL ? 0 : kdb_get_le64(bytes.ptr);
}

kdb_sv kdbi_registry_read_text(kdbi_reader *reader)
{
    return kdbi_registry_read_bytes(reader, kdbi_registry_read_u32(reader));
}

uint32_t kdbi_registry_read_count(kdbi_reader *reader, size_t each)
{
    uint32_t count = kdbi_registry_read_u32(reader);
    if (count > reader->rest.len / each) {
        reader->failed = true;
        return 0;
    }
    return count;
}

bool kdbi_reader_complete(const kdbi_reader *reader)
{
    return !reader->failed && reader->rest.len == 0;
}

void kdbi_registry_write_u16(kdb_buf *buf, uint16_t value)
{
    char bytes[2];
    kdb_put_le16(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdbi_registry_write_u32(kdb_buf *buf, uint32_t value)
{
    char bytes[4];
    kdb_put_le32(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdbi_registry_write_u64(kdb_buf *buf, uint64_t value)
{
    char bytes[8];
    kdb_put_le64(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdbi_registry_write_text(kdb_buf *buf, kdb_sv text)
{
    KDB_ASSERT(text.len <= UINT32_MAX);
    kdbi_registry_write_u32(buf, (uint32_t)text.len);
    kdb_buf_append_sv(buf, text);
}

static void write_f32(kdb_buf *buf, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    kdbi_registry_write_u32(buf, bits);
}

static float read_f32(kdbi_reader *reader)
{
    uint32_t bits = kdbi_registry_read_u32(reader);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void write_f64(kdb_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    kdbi_registry_write_u64(buf, bits);
}

static double read_f64(kdbi_reader *reader)
{
    uint64_t bits = kdbi_registry_read_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void write_i128(kdb_buf *buf, kdb_i128 value)
{
    kdbi_registry_write_u64(buf, (uint64_t)value);
    kdbi_registry_write_u64(buf, (uint64_t)(value >> 64));
}

static kdb_i128 read_i128(kdbi_reader *reader)
{
    uint64_t low = kdbi_registry_read_u64(reader);
    uint64_t high = kdbi_registry_read_u64(reader);
    return (kdb_i128)(int64_t)high * ((kdb_i128)1 << 64) + (kdb_i128)low;
}

static void write_f32s(kdb_buf *buf, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_f32(buf, values[i]);
    }
}

static const float *read_f32s(kdbi_reader *reader, size_t count, kdb_arena *arena)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, count * sizeof(float));
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
        kdbi_registry_write_u16(buf, (uint16_t)value->as.i16);
        break;
    case KDB_LAYOUT_I32:
        kdbi_registry_write_u32(buf, (uint32_t)value->as.i32);
        break;
    case KDB_LAYOUT_I64:
        kdbi_registry_write_u64(buf, (uint64_t)value->as.i64);
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
        kdbi_registry_write_text(buf, value->as.bytes);
        break;
    case KDB_LAYOUT_UUID:
        kdb_buf_append(buf, value->as.uuid.bytes, sizeof(value->as.uuid.bytes));
        break;
    case KDB_LAYOUT_F32S:
        write_f32s(buf, value->as.f32s, value->type.dim);
        break;
    }
}

static void read_uuid(kdbi_reader *reader, kdb_uuid *out)
{
    kdb_sv bytes = kdbi_registry_read_bytes(reader, sizeof(out->bytes));
    if (bytes.ptr != NULL) {
        memcpy(out->bytes, bytes.ptr, sizeof(out->bytes));
    }
}

/* A flag byte other than 0 and 1 is not ours. */
static bool read_flag(kdbi_reader *reader)
{
    uint8_t flag = kdbi_registry_read_u8(reader);
    if (flag > 1) {
        reader->failed = true;
    }
    return flag == 1;
}

kdb_value kdbi_registry_read_value(kdbi_reader *reader, kdb_type type, kdb_arena *arena)
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
        value.as.i16 = (int16_t)kdbi_registry_read_u16(reader);
        break;
    case KDB_LAYOUT_I32:
        value.as.i32 = (int32_t)kdbi_registry_read_u32(reader);
        break;
    case KDB_LAYOUT_I64:
        value.as.i64 = (int64_t)kdbi_registry_read_u64(reader);
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
        value.as.bytes = kdb_sv_dup(arena, kdbi_registry_read_text(reader));
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
