/* cold_keys.c - the keys of family manifest, whose partitions are the tables'.
 *
 *   user's part | 'E'                        what the manifest.json beside the files says (cold_exported.c)
 *   user's part | 'G'                        u64 little-endian: the partition's generation
 *   user's part | 'N'                        which segments there are (cold_roster.c)
 *   user's part | 'S' | segment              a segment's record (cold_segment.c)
 *   user's part | 'B' | segment | block      a block of its Bloom filter (cold_bloom.c)
 *   user's part | 'D' | segment | row        the row's key: it is dead
 *
 * Numbers are 4 bytes big-endian; the user's part is that of the table's row keys, empty for SHARED. */
#include "cold_int.h"

kdb_partition kdbi_cold_partition(uint32_t table_id)
{
    return (kdb_partition){ KDB_FAMILY_MANIFEST, table_id };
}

kdb_partition kdb_cold_partition(const kdb_table *table)
{
    return kdbi_cold_partition(table->id);
}

kdb_sv kdbi_cold_prefix(const kdb_table *table, kdb_user_id user, kdb_arena *arena)
{
    kdb_sv from, to;
    kdb_row_user_range(table, user, arena, &from, &to);
    return from;
}

kdb_sv kdbi_cold_key(kdb_sv prefix, kdbi_cold_tag tag, size_t nparts, uint32_t first, uint32_t second, kdb_arena *arena)
{
    const uint32_t parts[] = { first, second };
    char *bytes = kdb_arena_alloc_raw(arena, prefix.len + 1 + sizeof(parts));
    char *at = bytes;
    if (prefix.len != 0) {
        memcpy(at, prefix.ptr, prefix.len);
        at += prefix.len;
    }
    *at++ = (char)tag;
    for (size_t i = 0; i < nparts; i++, at += sizeof(parts[i])) {
        kdb_put_be32(at, parts[i]);
    }
    return (kdb_sv){ bytes, (size_t)(at - bytes) };
}

kdb_sv kdbi_cold_key_end(kdb_sv prefix, kdbi_cold_tag tag, size_t nparts, uint32_t first, kdb_arena *arena)
{
    const kdb_sv begin = kdbi_cold_key(prefix, tag, nparts, first, 0, arena);
    kdb_sv end;
    const bool bounded = kdbi_key_successor(begin, arena, &end);
    KDB_ASSERT(bounded); /* a tag is not FF */
    return end;
}

bool kdbi_cold_key_is(kdb_sv key, size_t prefix_len, kdbi_cold_tag tag, size_t nparts)
{
    return key.len == prefix_len + 1 + nparts * 4 && key.ptr[prefix_len] == (char)tag;
}

uint32_t kdbi_cold_key_segment(kdb_sv key, size_t prefix_len)
{
    KDB_ASSERT(key.len >= prefix_len + 5);
    return kdb_get_be32(key.ptr + prefix_len + 1);
}

kdb_cold_place kdbi_cold_key_place(kdb_sv key)
{
    KDB_ASSERT(key.len > 8);
    const char *at = key.ptr + key.len - 8;
    return (kdb_cold_place){ kdb_get_be32(at), kdb_get_be32(at + 4) };
}
