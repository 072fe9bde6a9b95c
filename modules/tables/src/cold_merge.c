/* cold_merge.c - what compaction asks of segments: which of a partition's are worth putting together, their rows in key order, and which
 * rows have died since the manifest was read. */
#include "cold_read.h"

/* ---- which ---- */

/* Segments of one class differ at most fourfold in rows; so many of one class become one of the next. */
enum { TIER_SHIFT = 2, TIER_COUNT = 4, TIERS = 33 };
/* A segment of which so many hundredths are dead is worth writing again by itself. */
enum { DEAD_PERCENT = 30 };

static unsigned tier_of(const kdb_segment *segment)
{
    const uint64_t live = segment->rows - segment->ndead;
    unsigned tier = 0;
    for (uint64_t rows = live >> TIER_SHIFT; rows != 0; rows >>= TIER_SHIFT) {
        tier++;
    }
    return tier;
}

static bool is_mostly_dead(const kdb_segment *segment)
{
    return segment->ndead * 100 >= segment->rows * DEAD_PERCENT;
}

static size_t pick_due(const kdb_manifest *manifest, uint64_t full_rows, bool *picked)
{
    size_t of_tier[TIERS] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < manifest->nsegments; i++) {
        of_tier[tier_of(&manifest->segments[i])]++;
    }
    for (size_t i = 0; i < manifest->nsegments; i++) {
        const kdb_segment *segment = &manifest->segments[i];
        const bool crowded = segment->rows < full_rows && of_tier[tier_of(segment)] >= TIER_COUNT;
        picked[i] = crowded || is_mostly_dead(segment);
        count += picked[i];
    }
    return count;
}

/* One that is full and clean would only be copied. */
static size_t pick_all(const kdb_manifest *manifest, uint64_t full_rows, bool *picked)
{
    size_t count = 0;
    size_t dirty = 0;
    for (size_t i = 0; i < manifest->nsegments; i++) {
        const kdb_segment *segment = &manifest->segments[i];
        picked[i] = segment->rows < full_rows || segment->ndead != 0;
        count += picked[i];
        dirty += segment->ndead != 0;
    }
    return count > 1 || dirty != 0 ? count : 0;
}

size_t kdb_manifest_pick(const kdb_manifest *manifest, bool all, uint64_t full_rows, bool *picked)
{
    return all ? pick_all(manifest, full_rows, picked) : pick_due(manifest, full_rows, picked);
}

kdb_manifest *kdb_manifest_picked(kdb_manifest *manifest, const bool *picked)
{
    kdb_manifest *part =
        kdbi_manifest_new(manifest->cold, manifest->table_id, manifest->user, manifest->prefix, manifest->generation);
    part->segments = KDB_ARENA_ARRAY(part->arena, kdb_segment, manifest->nsegments + 1);
    for (size_t i = 0; i < manifest->nsegments; i++) {
        if (picked[i]) {
            part->segments[part->nsegments++] = manifest->segments[i];
        }
    }
    return part;
}

/* ---- their rows ---- */

struct kdb_cold_merge {
    const kdb_table *table;
    kdbi_cold_walk *walk;
    kdb_arena *arena; /* of the row at hand */
    bool at_row;
};

kdb_cold_merge *kdb_cold_merge_new(kdb_cold *cold, const kdb_table *table, const kdb_manifest *manifest)
{
    const kdbi_cold_walk_spec spec = {
        .cold = cold, .table = table, .manifest = manifest, .order = KDBI_COLD_KEY_UP, .from = manifest->prefix
    };
    kdb_cold_merge *merge = KDB_NEW(kdb_cold_merge);
    merge->table = table;
    merge->arena = kdb_arena_new(0);
    merge->walk = kdbi_cold_walk_new(&spec);
    return merge;
}

void kdb_cold_merge_free(kdb_cold_merge *merge)
{
    if (merge != NULL) {
        kdbi_cold_walk_free(merge->walk);
        kdb_arena_free(merge->arena);
        kdb_free(merge);
    }
}

kdb_status kdb_cold_merge_next(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err)
{
    kdb_cold_merge *merge = self;
    if (merge->at_row) {
        kdbi_cold_walk_pass(merge->walk);
        merge->at_row = false;
    }
    KDB_TRY(kdbi_cold_walk_is_before(merge->walk, NULL, more, err));
    if (!*more) {
        return KDB_OK;
    }
    merge->at_row = true;
    kdb_arena_reset(merge->arena);
    *key = kdbi_cold_walk_at(merge->walk).key;
    return kdbi_cold_walk_row(merge->walk, merge->arena, row, err);
}

/* ---- what has died since ---- */

kdb_status kdb_cold_dead_since(kdb_cold *cold, const kdb_manifest *manifest, kdb_arena *arena, kdb_cold_changed *out,
                               kdb_err *err)
{
    *out = (kdb_cold_changed){ 0 };
    for (size_t i = 0; i < manifest->nsegments; i++) {
        const kdb_segment *segment = &manifest->segments[i];
        const kdb_iter_range range = { .from =
                                           kdbi_cold_key(manifest->prefix, KDBI_COLD_DEAD, 1, segment->id, 0, arena),
                                       .to =
                                           kdbi_cold_key_end(manifest->prefix, KDBI_COLD_DEAD, 1, segment->id, arena) };
        KDB_CLEANUP(kdb_iter_freep)
        kdb_iter *iter = kdb_iter_new(cold->store, NULL, kdbi_cold_partition(manifest->table_id), range);
        for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
            if (!kdbi_segment_row_is_dead(segment, kdbi_cold_key_place(kdb_iter_key(iter)).row)) {
                kdbi_cold_changed_add(out, kdb_sv_dup(arena, kdb_iter_value(iter)), arena);
            }
        }
        KDB_TRY(kdb_iter_status(iter, err));
    }
    return KDB_OK;
}
