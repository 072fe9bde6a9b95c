/* cold_roster.c - which segments a partition has: u32 number of the next one | u32 count | u32 each, all little-endian. Records of
 * segments are read by a walk, which does not miss one that is gone; this tells. The number alone is from before there were rosters. */
#include "cold_int.h"

enum { HEAD = 8, NEXT_ONLY = 4 };

void kdbi_cold_roster_write(uint32_t next, const uint32_t *ids, size_t count, kdb_buf *out)
{
    char word[4];
    kdb_put_le32(word, next);
    kdb_buf_append(out, word, sizeof(word));
    kdb_put_le32(word, (uint32_t)count);
    kdb_buf_append(out, word, sizeof(word));
    for (size_t i = 0; i < count; i++) {
        kdb_put_le32(word, ids[i]);
        kdb_buf_append(out, word, sizeof(word));
    }
}

static kdb_status parse(kdb_sv value, kdb_arena *arena, kdbi_cold_roster *out, kdb_err *err)
{
    const bool whole = value.len >= HEAD && value.len == HEAD + (size_t)kdb_get_le32(value.ptr + 4) * 4;
    if (!whole && value.len != NEXT_ONLY) {
        return KDB_FAIL(err, KDB_CORRUPT, "the list of its segments has %zu bytes", value.len);
    }
    const size_t count = whole ? kdb_get_le32(value.ptr + 4) : 0;
    uint32_t *ids = KDB_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        ids[i] = kdb_get_le32(value.ptr + HEAD + i * 4);
    }
    *out = (kdbi_cold_roster){ .next = kdb_get_le32(value.ptr), .ids = ids, .count = count, .known = whole };
    return out->next != 0 ? KDB_OK : KDB_FAIL(err, KDB_CORRUPT, "the number of its next segment is 0");
}

kdb_status kdbi_cold_roster_read(kdb_cold *cold, const kdb_snapshot *snapshot, uint32_t table_id, kdb_sv prefix,
                                 bool memory_only, kdb_arena *arena, kdbi_cold_roster *out, kdb_err *err)
{
    kdb_sv value;
    const kdb_sv key = kdbi_cold_key(prefix, KDBI_COLD_ROSTER, 0, 0, 0, arena);
    const kdb_status status = (memory_only ? kdb_store_get_cached : kdb_store_get)(
        cold->store, snapshot, kdbi_cold_partition(table_id), key, arena, &value, err);
    *out = (kdbi_cold_roster){ 0 };
    if (status == KDB_NOT_FOUND) {
        return KDB_OK;
    }
    KDB_TRY(status);
    return parse(value, arena, out, err);
}

kdb_status kdb_cold_next_segment(kdb_cold *cold, const kdb_table *table, kdb_user_id user, uint32_t *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_cold_roster roster;
    KDB_TRY(
        kdbi_cold_roster_read(cold, NULL, table->id, kdbi_cold_prefix(table, user, arena), false, arena, &roster, err));
    *out = roster.next;
    return KDB_OK;
}
