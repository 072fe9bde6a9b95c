/* record.h - the pieces that stored records are made of: little-endian integers, and texts as u32 length and bytes. */
#ifndef KDB_RECORD_H
#define KDB_RECORD_H

#include "kdb/str.h"

/* Never goes past its bytes: the first piece that does not fit fails it, and what it reads from then on is zero or empty, so
 * that a decoder checks once at the end. Views borrow. */
typedef struct kdb_record_reader {
    kdb_sv rest;
    bool failed;
} kdb_record_reader;

uint8_t kdb_record_read_u8(kdb_record_reader *reader);
uint16_t kdb_record_read_u16(kdb_record_reader *reader);
uint32_t kdb_record_read_u32(kdb_record_reader *reader);
uint64_t kdb_record_read_u64(kdb_record_reader *reader);
kdb_sv kdb_record_read_bytes(kdb_record_reader *reader, size_t len);
kdb_sv kdb_record_read_text(kdb_record_reader *reader);
/* A count of things of at least `each` bytes: fails when the rest cannot hold them. */
uint32_t kdb_record_read_count(kdb_record_reader *reader, size_t each);
/* True when all was read and nothing failed. */
bool kdb_record_complete(const kdb_record_reader *reader);

void kdb_record_write_u16(kdb_buf *buf, uint16_t value);
void kdb_record_write_u32(kdb_buf *buf, uint32_t value);
void kdb_record_write_u64(kdb_buf *buf, uint64_t value);
void kdb_record_write_text(kdb_buf *buf, kdb_sv text);

#endif
