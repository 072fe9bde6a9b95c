/* record.c - reading and writing the pieces of stored records, byte by byte. */
#include "kdb/record.h"

kdb_sv kdb_record_read_bytes(kdb_record_reader *reader, size_t len)
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

uint8_t kdb_record_read_u8(kdb_record_reader *reader)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, 1);
    return bytes.ptr == NULL ? 0 : (uint8_t)bytes.ptr[0];
}

uint16_t kdb_record_read_u16(kdb_record_reader *reader)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, 2);
    return bytes.ptr == NULL ? 0 : kdb_get_le16(bytes.ptr);
}

uint32_t kdb_record_read_u32(kdb_record_reader *reader)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, 4);
    return bytes.ptr == NULL ? 0 : kdb_get_le32(bytes.ptr);
}

uint64_t kdb_record_read_u64(kdb_record_reader *reader)
{
    kdb_sv bytes = kdb_record_read_bytes(reader, 8);
    return bytes.ptr == NULL ? 0 : kdb_get_le64(bytes.ptr);
}

kdb_sv kdb_record_read_text(kdb_record_reader *reader)
{
    return kdb_record_read_bytes(reader, kdb_record_read_u32(reader));
}

uint32_t kdb_record_read_count(kdb_record_reader *reader, size_t each)
{
    uint32_t count = kdb_record_read_u32(reader);
    if (count > reader->rest.len / each) {
        reader->failed = true;
        return 0;
    }
    return count;
}

bool kdb_record_complete(const kdb_record_reader *reader)
{
    return !reader->failed && reader->rest.len == 0;
}

void kdb_record_write_u16(kdb_buf *buf, uint16_t value)
{
    char bytes[2];
    kdb_put_le16(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdb_record_write_u32(kdb_buf *buf, uint32_t value)
{
    char bytes[4];
    kdb_put_le32(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdb_record_write_u64(kdb_buf *buf, uint64_t value)
{
    char bytes[8];
    kdb_put_le64(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdb_record_write_text(kdb_buf *buf, kdb_sv text)
{
    KDB_ASSERT(text.len <= UINT32_MAX);
    kdb_record_write_u32(buf, (uint32_t)text.len);
    kdb_buf_append_sv(buf, text);
}
