/* cold_exported.c - what the manifest.json beside a partition's files says, and so whether it says what the store does: noted in the store
 * after it is written.
 *
 *   user's part | 'E' -> u8 format, 1 | u64 generation | u32 segments | u32 last segment | i64 written (ms) | its tag
 * little-endian. It is no part of the manifest: it comes and goes without a new generation. */
#include "cold_int.h"

enum { FORMAT = 1, HEAD = 1 + 8 + 4 + 4 + 8 };

static uint32_t last_segment(const kdb_manifest *manifest)
{
    return manifest->nsegments == 0 ? 0 : manifest->segments[manifest->nsegments - 1].id;
}

void kdb_cold_stage_exported(const kdb_table *table, const kdb_manifest *manifest, kdb_sv etag, int64_t now_ms,
                             kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = kdbi_cold_key(manifest->prefix, KDBI_COLD_EXPORTED, 0, 0, 0, arena);
    char *record = kdb_arena_alloc_raw(arena, HEAD + etag.len);
    record[0] = FORMAT;
    kdb_put_le64(record + 1, manifest->generation);
    kdb_put_le32(record + 9, (uint32_t)manifest->nsegments);
    kdb_put_le32(record + 13, last_segment(manifest));
    kdb_put_le64(record + 17, (uint64_t)now_ms);
    if (etag.len != 0) {
        memcpy(record + HEAD, etag.ptr, etag.len);
    }
    kdb_batch_put(batch, kdb_cold_partition(table), key, kdb_sv_of(record, HEAD + etag.len));
}

kdb_status kdb_cold_find_exported(kdb_cold *cold, const kdb_table *table, kdb_user_id user, kdb_arena *arena,
                                  kdb_cold_exported *out, kdb_err *err)
{
    const kdb_sv key = kdbi_cold_key(kdbi_cold_prefix(table, user, arena), KDBI_COLD_EXPORTED, 0, 0, 0, arena);
    kdb_sv record;
    const kdb_status status = kdb_store_get(cold->store, NULL, kdb_cold_partition(table), key, arena, &record, err);
    *out = (kdb_cold_exported){ .generation = 0 };
    if (status == KDB_NOT_FOUND) {
        return KDB_OK;
    }
    KDB_TRY(status);
    if (record.len < HEAD || record.ptr[0] != FORMAT) {
        return KDB_FAIL(err, KDB_CORRUPT, "the note of a manifest.json was never written");
    }
    *out = (kdb_cold_exported){ .generation = kdb_get_le64(record.ptr + 1),
                                .nsegments = kdb_get_le32(record.ptr + 9),
                                .last_segment = kdb_get_le32(record.ptr + 13),
                                .at_ms = (int64_t)kdb_get_le64(record.ptr + 17),
                                .etag = kdb_sv_of(record.ptr + HEAD, record.len - HEAD) };
    return KDB_OK;
}

/* Rows that died have left the segments as they are. */
kdb_cold_sync kdb_cold_sync_of(const kdb_manifest *manifest, const kdb_cold_exported *exported)
{
    if (exported->generation == manifest->generation) {
        return KDB_COLD_IN_SYNC;
    }
    return exported->nsegments == manifest->nsegments && exported->last_segment == last_segment(manifest)
               ? KDB_COLD_STALE
               : KDB_COLD_PENDING_WRITE;
}

static kdb_status forget(void *self, kdb_partition part, kdb_sv key, KDB_UNUSED kdb_sv value, KDB_UNUSED kdb_err *err)
{
    kdb_batch_delete(self, part, key);
    return KDB_OK;
}

kdb_status kdb_cold_forget_exported(kdb_store *store, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdbi_cold_visit_tag(store, KDBI_COLD_EXPORTED, 0, forget, batch, err));
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(store, batch, err);
}
