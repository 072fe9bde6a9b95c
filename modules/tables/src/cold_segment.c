/* cold_segment.c - a segment's record (record.h): u8 format 2 | storage id | path | u64 rows | u64 bytes | u32 schema version |
 * least key | greatest key | u64 least `_seq` | u64 greatest `_seq` | u64 made at (ms) | u32 Bloom blocks | u64 hash of all before.
 * Its id is in the key. Format 1 has no hash. */
#include "cold_int.h"

#include "kdb/record.h"

enum { FORMAT_PLAIN = 1, FORMAT = 2 };

void kdbi_segment_write(const kdb_segment *segment, kdb_buf *out)
{
    kdb_buf_append_byte(out, FORMAT);
    kdb_record_write_text(out, segment->storage_id);
    kdb_record_write_text(out, segment->path);
    kdb_record_write_u64(out, segment->rows);
    kdb_record_write_u64(out, segment->bytes);
    kdb_record_write_u32(out, segment->schema_version);
    kdb_record_write_text(out, segment->min_key);
    kdb_record_write_text(out, segment->max_key);
    kdb_record_write_u64(out, segment->min_seq);
    kdb_record_write_u64(out, segment->max_seq);
    kdb_record_write_u64(out, (uint64_t)segment->created_ms);
    kdb_record_write_u32(out, segment->bloom_blocks);
    kdb_record_write_u64(out, kdb_hash64(kdb_buf_sv(out)));
}

/* What is wrong shows before a length or a number of it is believed. */
static bool has_its_hash(kdb_sv record)
{
    return record.len > 8 &&
           kdb_hash64(kdb_sv_of(record.ptr, record.len - 8)) == kdb_get_le64(record.ptr + record.len - 8);
}

kdb_status kdbi_segment_read(kdb_sv record, kdb_segment *out, kdb_err *err)
{
    kdb_record_reader reader = { .rest = record };
    const uint8_t format = kdb_record_read_u8(&reader);
    if (format != FORMAT && format != FORMAT_PLAIN) {
        return KDB_FAIL(err, KDB_CORRUPT, "its record is of the unknown format %u", format);
    }
    if (format == FORMAT) {
        if (!has_its_hash(record)) {
            return KDB_FAIL(err, KDB_CORRUPT, "its record is damaged");
        }
        reader.rest.len -= 8;
    }
    *out = (kdb_segment){ .storage_id = kdb_record_read_text(&reader), .path = kdb_record_read_text(&reader) };
    out->rows = kdb_record_read_u64(&reader);
    out->bytes = kdb_record_read_u64(&reader);
    out->schema_version = kdb_record_read_u32(&reader);
    out->min_key = kdb_record_read_text(&reader);
    out->max_key = kdb_record_read_text(&reader);
    out->min_seq = kdb_record_read_u64(&reader);
    out->max_seq = kdb_record_read_u64(&reader);
    out->created_ms = (int64_t)kdb_record_read_u64(&reader);
    out->bloom_blocks = kdb_record_read_u32(&reader);
    return kdb_record_complete(&reader) ? KDB_OK : KDB_FAIL(err, KDB_CORRUPT, "its record is damaged");
}

bool kdbi_segment_row_is_dead(const kdb_segment *segment, uint32_t row)
{
    size_t low = 0;
    for (size_t high = segment->ndead; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (segment->dead[middle] < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < segment->ndead && segment->dead[low] == row;
}
