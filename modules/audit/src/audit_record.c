/* audit_record.c - a record as bytes in partition system_audit_log (key = its number, big-endian).
 *
 * 32 bytes: SHA-256 of the hash before it and of the rest | u8 format | u64 number | u64 time, us | 16 random bytes of the
 * id | texts, each u32 length and bytes: action, actor, target, details, address, subject. Little-endian but for keys. */
#include <arpa/inet.h>

#include "audit_int.h"

#include "kdb/record.h"

enum { FORMAT = 1, ID_BYTES = 16, FIXED_BYTES = 1 + 8 + 8 + ID_BYTES };

static kdb_partition partition(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_AUDIT_LOG);
}

void kdbi_audit_key(uint64_t number, char out[KDBI_AUDIT_KEY_BYTES])
{
    kdb_put_be64(out, number);
}

/* ---- writing ---- */

/* Cut at a character, so that what is stored is text. */
static void write_text(kdb_buf *buf, kdb_sv text)
{
    char len[4];
    const bool valid = kdb_utf8_valid(text);
    const size_t most = text.len < KDBI_AUDIT_TEXT_MAX ? text.len : KDBI_AUDIT_TEXT_MAX;
    const size_t kept = valid ? kdb_utf8_cut(text, most).len : most;
    kdb_put_le32(len, (uint32_t)kept);
    kdb_buf_append(buf, len, sizeof(len));
    for (size_t i = 0; i < kept; i++) {
        const bool odd = !valid && (unsigned char)text.ptr[i] >= 0x80;
        kdb_buf_append_byte(buf, odd ? '?' : (uint8_t)text.ptr[i]);
    }
}

static void write_address(kdb_buf *buf, const kdb_ip *address)
{
    static const unsigned char v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const kdb_ip unknown;
    const bool v4 = memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
    char text[INET6_ADDRSTRLEN] = "";
    if (memcmp(address, &unknown, sizeof(unknown)) != 0) {
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->bytes + sizeof(v4_prefix) : address->bytes, text,
                        sizeof(text));
    }
    write_text(buf, kdb_sv_cstr(text));
}

static void write_body(const kdb_audit_record *record, uint64_t number, int64_t time_us, kdb_buf *buf)
{
    char id[ID_BYTES];
    kdb_random_bytes(id, sizeof(id));
    kdb_buf_append_byte(buf, FORMAT);
    kdb_record_write_u64(buf, number);
    kdb_record_write_u64(buf, (uint64_t)time_us);
    kdb_buf_append(buf, id, sizeof(id));
    write_text(buf, kdb_sv_cstr(kdb_audit_action_names[record->action]));
    write_text(buf, record->actor);
    write_text(buf, record->target);
    write_text(buf, record->details);
    write_address(buf, &record->address);
    write_text(buf, record->subject);
}

void kdbi_audit_stage(kdbi_head *head, const kdb_audit_record *record, int64_t time_us, kdb_batch *batch)
{
    char key[KDBI_AUDIT_KEY_BYTES];
    kdb_buf body;
    kdb_buf value;
    kdb_buf_init(&body, 0);
    kdb_buf_init(&value, 0);
    head->count++;
    write_body(record, head->count, time_us, &body);
    head->hash = kdb_sha256(kdb_sv_of((const char *)head->hash.bytes, KDB_DIGEST_BYTES), kdb_buf_sv(&body));
    kdb_buf_append(&value, head->hash.bytes, KDB_DIGEST_BYTES);
    kdb_buf_append_sv(&value, kdb_buf_sv(&body));
    kdbi_audit_key(head->count, key);
    kdb_batch_put(batch, partition(), kdb_sv_of(key, sizeof(key)), kdb_buf_sv(&value));
    kdb_buf_done(&value);
    kdb_buf_done(&body);
}

/* ---- reading ---- */

kdb_iter *kdb_audit_iter_new(kdb_store *store, const kdb_snapshot *snapshot)
{
    return kdb_iter_new(store, snapshot, partition(), (kdb_iter_range){ .descending = false });
}

static bool read_text(kdb_sv *rest, kdb_sv *out)
{
    if (rest->len < 4) {
        return false;
    }
    const size_t len = kdb_get_le32(rest->ptr);
    if (rest->len - 4 < len) {
        return false;
    }
    *out = kdb_sv_of(rest->ptr + 4, len);
    *rest = kdb_sv_of(rest->ptr + 4 + len, rest->len - 4 - len);
    return kdb_utf8_valid(*out);
}

static bool read_texts(kdb_sv rest, kdb_audit_row *row)
{
    return read_text(&rest, &row->action) && read_text(&rest, &row->actor) && read_text(&rest, &row->target) &&
           read_text(&rest, &row->details) && read_text(&rest, &row->address) && read_text(&rest, &row->subject) &&
           rest.len == 0;
}

kdb_status kdb_audit_decode(kdb_sv key, kdb_sv value, kdb_arena *arena, kdb_audit_row *out, kdb_err *err)
{
    kdb_audit_row row;
    if (key.len != KDBI_AUDIT_KEY_BYTES || value.len < KDB_DIGEST_BYTES + FIXED_BYTES) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad audit record of %zu bytes", value.len);
    }
    const char *body = value.ptr + KDB_DIGEST_BYTES;
    const size_t len = value.len - KDB_DIGEST_BYTES;
    row.number = kdb_get_le64(body + 1);
    row.time_us = (int64_t)kdb_get_le64(body + 9);
    if (body[0] != FORMAT || row.number != kdb_get_be64(key.ptr) ||
        !read_texts(kdb_sv_of(body + FIXED_BYTES, len - FIXED_BYTES), &row)) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad audit record of %zu bytes", value.len);
    }
    row.id = kdb_sv_printf(arena, "audit_%lld_%.*s", (long long)(row.time_us / 1000), 2 * ID_BYTES,
                           kdb_hex_encode(arena, kdb_sv_of(body + 17, ID_BYTES)).ptr);
    *out = row;
    return KDB_OK;
}

kdb_status kdbi_audit_hashes(kdb_sv value, const kdb_digest *previous, kdb_digest *stored, kdb_digest *made,
                             kdb_err *err)
{
    if (value.len < KDB_DIGEST_BYTES) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad audit record of %zu bytes", value.len);
    }
    memcpy(stored->bytes, value.ptr, KDB_DIGEST_BYTES);
    *made = kdb_sha256(kdb_sv_of((const char *)previous->bytes, KDB_DIGEST_BYTES),
                       kdb_sv_of(value.ptr + KDB_DIGEST_BYTES, value.len - KDB_DIGEST_BYTES));
    return KDB_OK;
}
