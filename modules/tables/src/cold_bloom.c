/* cold_bloom.c - the Bloom filter of a segment's keys. It lies in blocks of a fixed size, each of the keys that a part of their
 * hash sends there: whoever asks for one key reads one block (16 KiB), however large the segment is. Within a block, double
 * hashing (Kirsch and Mitzenmacher 2006) sets BITS_PER_KEY * ln 2 bits of each key: one key in a hundred that is not there passes. */
#include "cold_int.h"

enum { BITS_PER_KEY = 10, PROBES = 7, BLOCK_MAX = 16 * 1024, BLOCK_MIN = 64 };

struct kdbi_bloom_writer {
    uint64_t *hashes;
    size_t count, cap;
};

kdbi_bloom_writer *kdbi_bloom_new(void)
{
    return KDB_NEW(kdbi_bloom_writer);
}

void kdbi_bloom_free(kdbi_bloom_writer *bloom)
{
    if (bloom != NULL) {
        kdb_free(bloom->hashes);
        kdb_free(bloom);
    }
}

void kdbi_bloom_add(kdbi_bloom_writer *bloom, kdb_sv key)
{
    *KDB_HEAP_PUSH(bloom->hashes, bloom->count, bloom->cap) = kdb_hash64(key);
}

/* The bit of probe `probe`. The high half of the hash chooses the block, the low one the bits. */
static size_t bit_of(uint64_t hash, size_t probe, size_t nbits)
{
    const uint64_t mixed = hash * UINT64_C(0x9E3779B97F4A7C15);
    const uint32_t first = (uint32_t)mixed;
    const uint32_t step = (uint32_t)(mixed >> 32) | 1;
    return (first + (uint32_t)probe * step) % nbits;
}

static uint32_t block_of(uint64_t hash, uint32_t nblocks)
{
    return (uint32_t)(hash >> 32) % nblocks;
}

static size_t block_bytes(size_t nkeys, uint32_t nblocks)
{
    const size_t bytes = (nkeys * BITS_PER_KEY / 8 + nblocks - 1) / nblocks;
    return bytes < BLOCK_MIN ? BLOCK_MIN : bytes > BLOCK_MAX ? BLOCK_MAX : bytes;
}

static void set_bits(char *block, size_t nbits, uint64_t hash)
{
    for (size_t i = 0; i < PROBES; i++) {
        const size_t bit = bit_of(hash, i, nbits);
        block[bit >> 3] = (char)(block[bit >> 3] | 1 << (bit & 7));
    }
}

uint32_t kdbi_bloom_stage(const kdbi_bloom_writer *bloom, uint32_t table_id, kdb_sv prefix, uint32_t segment,
                          kdb_arena *arena, kdb_batch *batch)
{
    const uint32_t nblocks = (uint32_t)(bloom->count * BITS_PER_KEY / 8 / BLOCK_MAX + 1);
    const size_t size = block_bytes(bloom->count, nblocks);
    char *blocks = kdb_alloc_array(nblocks, size);
    for (size_t i = 0; i < bloom->count; i++) {
        const uint64_t hash = bloom->hashes[i];
        set_bits(blocks + block_of(hash, nblocks) * size, size * 8, hash);
    }
    for (uint32_t i = 0; i < nblocks; i++) {
        const kdb_sv key = kdbi_cold_key(prefix, KDBI_COLD_BLOOM, 2, segment, i, arena);
        kdb_batch_put(batch, kdbi_cold_partition(table_id), key, kdb_sv_of(blocks + i * size, size));
    }
    kdb_free(blocks);
    return nblocks;
}

static bool has_bits(kdb_sv block, uint64_t hash)
{
    for (size_t i = 0; i < PROBES; i++) {
        const size_t bit = bit_of(hash, i, block.len * 8);
        if (((uint8_t)block.ptr[bit >> 3] >> (bit & 7) & 1) == 0) {
            return false;
        }
    }
    return true;
}

kdb_status kdbi_bloom_may_hold(kdb_cold *cold, const kdb_snapshot *snapshot, const kdb_manifest *manifest,
                               const kdb_segment *segment, kdb_sv key, bool memory_only, bool *out, kdb_err *err)
{
    *out = true;
    if (segment->bloom_blocks == 0) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const uint64_t hash = kdb_hash64(key);
    const kdb_sv at =
        kdbi_cold_key(manifest->prefix, KDBI_COLD_BLOOM, 2, segment->id, block_of(hash, segment->bloom_blocks), arena);
    kdb_sv block;
    const kdb_status status = (memory_only ? kdb_store_get_cached : kdb_store_get)(
        cold->store, snapshot, kdbi_cold_partition(manifest->table_id), at, arena, &block, err);
    if (status == KDB_NOT_FOUND) { /* compacted away since: the file is still there, and can be asked */
        return KDB_OK;
    }
    KDB_TRY(status);
    *out = block.len == 0 || has_bits(block, hash);
    return KDB_OK;
}
