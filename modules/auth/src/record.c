/* record.c - the pieces that stored records are made of: little-endian integers, and texts as u32 length and bytes. */
#include "auth_int.h"

/* ---- writing ---- */

void kdbi_write_u32(kdb_buf *buf, uint32_t value)
{
    char bytes[4];
    kdb_put_le32(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdbi_write_u64(kdb_buf *buf, uint64_t value)
{
    char bytes[8];
    kdb_put_le64(bytes, value);
    kdb_buf_append(buf, bytes, sizeof(bytes));
}

void kdbi_write_text(kdb_buf *buf, kdb_sv text)
{
    kdbi_write_u32(buf, (uint32_t)text.len);
    kdb_buf_append_sv(buf, text);
}

/* ---- reading ---- */

static kdb_sv read_bytes(kdbi_reader *in, size_t len)
{
    if (in->failed || in->rest.len < len) {
        in->failed = true;
        return (kdb_sv){ NULL, 0 };
    }
    kdb_sv bytes = kdb_sv_of(in->rest.ptr, len);
    in->rest.len -= len;
    if (len != 0) {
        in->rest.ptr += len;
    }
    return bytes;
}

uint8_t kdbi_read_u8(kdbi_reader *in)
{
    kdb_sv bytes = read_bytes(in, 1);
    return bytes.ptr == NULL ? 0 : (uint8_t)bytes.ptr[0];
}

uint32_t kdbi_read_u32(kdbi_reader *in)
{
    kdb_sv bytes = read_bytes(in, 4);
    return bytes.ptr == NULL ? 0 : kdb_get_le32(bytes.ptr);
}

uint64_t kdbi_read_u64(kdbi_reader *in)
{
    kdb_sv bytes = read_bytes(in, 8);
    return bytes.ptr == NULL ? 0 : kdb_get_le64(bytes.ptr);
}

kdb_sv kdbi_read_text(kdbi_reader *in)
{
    return read_bytes(in, kdbi_read_u32(in));
}
