/* cold_stage.c - the store changes of the cold tier: rows that die, segments that come and go. Each batch gives the partition a
 * new generation, so that whoever has read the manifest before knows. */
#include "cold_int.h"

static void stage_generation(uint32_t table_id, kdb_sv prefix, uint64_t generation, kdb_arena *arena, kdb_batch *batch)
{
    char value[8];
    kdb_put_le64(value, generation);
    kdb_batch_put(batch, kdbi_cold_partition(table_id), kdbi_cold_key(prefix, KDBI_COLD_GENERATION, 0, 0, 0, arena),
                  kdb_sv_of(value, sizeof(value)));
}

void kdb_cold_stage_dead(const kdb_table *table, kdb_user_id user, kdb_cold_place place, kdb_sv key,
                         uint64_t generation, kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv prefix = kdbi_cold_prefix(table, user, arena);
    kdb_batch_put(batch, kdbi_cold_partition(table->id),
                  kdbi_cold_key(prefix, KDBI_COLD_DEAD, 2, place.segment, place.row, arena), key);
    stage_generation(table->id, prefix, generation, arena, batch);
}

void kdb_cold_stage_segment(const kdb_table *table, kdb_user_id user, kdb_new_segment *new, uint64_t generation,
                            kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_partition part = kdbi_cold_partition(table->id);
    const kdb_sv prefix = kdbi_cold_prefix(table, user, arena);
    kdb_segment *segment = &new->segment;
    segment->bloom_blocks = kdbi_bloom_stage(new->bloom, table->id, prefix, segment->id, arena, batch);
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_segment_write(segment, &record);
    kdb_batch_put(batch, part, kdbi_cold_key(prefix, KDBI_COLD_SEGMENT, 1, segment->id, 0, arena), kdb_buf_sv(&record));
    kdb_buf_done(&record);
    stage_generation(table->id, prefix, generation, arena, batch);
}

void kdb_cold_stage_removal(const kdb_table *table, kdb_user_id user, uint32_t segment, uint64_t generation,
                            kdb_batch *batch)
{
    static const kdbi_cold_tag tags[] = { KDBI_COLD_BLOOM, KDBI_COLD_DEAD, KDBI_COLD_SEGMENT };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv prefix = kdbi_cold_prefix(table, user, arena);
    for (size_t i = 0; i < KDB_ARRAY_LEN(tags); i++) {
        kdb_batch_delete_range(batch, kdbi_cold_partition(table->id),
                               kdbi_cold_key(prefix, tags[i], 1, segment, 0, arena),
                               kdbi_cold_key_end(prefix, tags[i], 1, segment, arena));
    }
    stage_generation(table->id, prefix, generation, arena, batch);
}

void kdb_cold_stage_roster(const kdb_table *table, kdb_user_id user, uint32_t next, const uint32_t *ids, size_t count,
                           uint64_t generation, kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv prefix = kdbi_cold_prefix(table, user, arena);
    kdb_buf roster;
    kdb_buf_init(&roster, 0);
    kdbi_cold_roster_write(next, ids, count, &roster);
    kdb_batch_put(batch, kdbi_cold_partition(table->id), kdbi_cold_key(prefix, KDBI_COLD_ROSTER, 0, 0, 0, arena),
                  kdb_buf_sv(&roster));
    kdb_buf_done(&roster);
    stage_generation(table->id, prefix, generation, arena, batch);
}
