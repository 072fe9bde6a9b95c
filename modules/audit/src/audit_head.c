/* audit_head.c - the end of the chain, kept in partition system_settings and marked with the server's key: who can write
 * the store but has no key can cut no record off the log's end without its showing.
 *
 * u8 format | u64 number of the last record | its hash | u32 key id | mark of all before. Little-endian. */
#include "audit_int.h"

enum { FORMAT = 1, MARKED_BYTES = 1 + 8 + KDB_DIGEST_BYTES, HEAD_BYTES = MARKED_BYTES + 4 + KDB_DIGEST_BYTES };

#define KEY KDB_SV("audit_head")
#define PURPOSE KDB_SV("audit head")

static kdb_partition partition(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_SETTINGS);
}

void kdbi_head_stage(const kdb_seal *seal, const kdbi_head *head, kdb_batch *batch)
{
    char bytes[HEAD_BYTES];
    bytes[0] = FORMAT;
    kdb_put_le64(bytes + 1, head->count);
    memcpy(bytes + 9, head->hash.bytes, KDB_DIGEST_BYTES);
    const kdb_mark mark = kdb_seal_mark(seal, PURPOSE, kdb_sv_of(bytes, MARKED_BYTES));
    kdb_put_le32(bytes + MARKED_BYTES, mark.key_id);
    memcpy(bytes + MARKED_BYTES + 4, mark.digest.bytes, KDB_DIGEST_BYTES);
    kdb_batch_put(batch, partition(), KEY, kdb_sv_of(bytes, sizeof(bytes)));
}

static bool is_marked(const kdb_seal *seal, const char *bytes)
{
    kdb_mark mark = { .key_id = kdb_get_le32(bytes + MARKED_BYTES) };
    memcpy(mark.digest.bytes, bytes + MARKED_BYTES + 4, KDB_DIGEST_BYTES);
    return kdb_seal_check_mark(seal, PURPOSE, kdb_sv_of(bytes, MARKED_BYTES), &mark);
}

kdb_status kdbi_head_load(kdb_store *store, const kdb_snapshot *snapshot, const kdb_seal *seal, kdbi_head *out,
                          kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv bytes;
    KDB_TRY(kdb_store_get(store, snapshot, partition(), KEY, arena, &bytes, err));
    if (bytes.len != HEAD_BYTES || bytes.ptr[0] != FORMAT || !is_marked(seal, bytes.ptr)) {
        return KDB_FAIL(err, KDB_CORRUPT, "the head of the audit log was not written with the server's key");
    }
    out->count = kdb_get_le64(bytes.ptr + 1);
    memcpy(out->hash.bytes, bytes.ptr + 9, KDB_DIGEST_BYTES);
    return KDB_OK;
}
