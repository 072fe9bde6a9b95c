/* cold_compact.c - segments that are small, or have many dead rows, are put together, partition by partition. Their rows are written to new
 * files on a snapshot, beside all that goes on; one commit, for which alone writers wait, puts the new segments in the place of the old. Rows
 * that died meanwhile are dead in the new files from the start. The old files go when nobody reads them any more. */
#include "cold_work.h"

typedef struct compaction {
    kdbi_cold_work work;
    bool all;
    bool mute; /* a manifest.json could not be written: nor will others, and each may take long */
} compaction;

/* One partition. */
typedef struct turn {
    compaction *of;
    kdb_arena *arena;
    kdb_batch *batch;
    kdb_manifest *manifest; /* of the segments that go; */
    kdb_manifest *whole;    /* it borrows from the partition's */
    kdb_cold_merge *rows;
    kdbi_cold_part part;
} turn;

static void compaction_done(compaction *c)
{
    kdbi_cold_end(&c->work);
}

static void turn_done(turn *t)
{
    kdbi_cold_parts_done(&t->part);
    kdb_cold_merge_free(t->rows);
    kdb_manifest_unref(t->manifest);
    kdb_manifest_unref(t->whole);
    kdb_batch_free(t->batch);
    kdb_arena_free(t->arena);
}

/* t->manifest stays NULL when the partition is fine as it is. */
static kdb_status pick(turn *t, kdb_user_id user, kdb_err *err)
{
    kdb_core *core = t->of->work.core;
    KDB_TRY(kdb_manifest_get(core->cold, NULL, t->of->work.table, user, false, &t->whole, err));
    if (t->whole == NULL) {
        return KDB_OK;
    }
    bool *picked = KDB_ARENA_ARRAY(t->arena, bool, t->whole->nsegments);
    if (kdb_manifest_pick(t->whole, t->of->all, KDBI_SEGMENT_ROWS, picked) != 0) {
        t->manifest = kdb_manifest_picked(t->whole, picked);
    }
    return KDB_OK;
}

static kdb_status settle(void *self, kdb_batch *batch, kdb_err *err)
{
    turn *t = self;
    kdb_cold_changed dead;
    KDB_TRY(kdb_cold_dead_since(t->of->work.core->cold, t->manifest, t->arena, &dead, err));
    return kdbi_cold_stage_dead(&t->of->work, &t->part, dead.keys, dead.count, t->arena, batch, err);
}

static void stage_removals(turn *t)
{
    const kdb_manifest *manifest = t->manifest;
    for (size_t i = 0; i < manifest->nsegments; i++) {
        const kdb_segment *segment = &manifest->segments[i];
        kdb_cold_stage_removal(t->of->work.table, manifest->user, segment->id, kdb_snowflake_next(), t->batch);
        kdb_cold_stage_unwanted(segment->storage_id, segment->path, t->batch);
    }
}

static kdb_status write_and_commit(turn *t, kdb_err *err)
{
    kdbi_cold_work *work = &t->of->work;
    t->rows = kdb_cold_merge_new(work->core->cold, work->table, t->manifest);
    const kdb_cold_rows rows = { t->rows, kdb_cold_merge_next };
    t->part.replaces = t->manifest;
    KDB_TRY(kdbi_cold_parts_init(work, &t->part, t->arena, err));
    KDB_TRY(kdbi_cold_part_write(work, &t->part, &rows, t->arena, err));
    KDB_TRY(kdbi_cold_publish_files(work, &t->part, t->arena, err));
    stage_removals(t);
    KDB_TRY(kdbi_cold_stage_parts(work, &t->part, t->batch, err));
    return kdbi_cold_commit(work, t->batch, settle, t, err);
}

static kdb_status compact(turn *t, kdb_err *err)
{
    kdbi_cold_work *work = &t->of->work;
    const kdb_status status = write_and_commit(t, err);
    if (status != KDB_OK) {
        kdbi_cold_abandon(work, &t->part);
        return status;
    }
    for (size_t i = 0; i < t->manifest->nsegments; i++) {
        kdb_cold_doom(work->core->cold, work->table->id, t->manifest->user, &t->manifest->segments[i]);
    }
    kdbi_cold_count(&work->result, &t->part);
    (void)kdbi_cold_export(work, &t->part);
    return KDB_OK;
}

/* Whether there is no manifest.json that says which files there are: it could not be written, the data is a restored backup's, which has none,
 * or an older server's, which took no notes of it. */
static bool lacks_export(kdb_core *core, const kdb_table *table, const kdb_manifest *manifest)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_cold_exported exported;
    const kdb_status status = kdb_cold_find_exported(core->cold, table, manifest->user, arena, &exported, NULL);
    return status == KDB_CORRUPT ||
           (status == KDB_OK && kdb_cold_sync_of(manifest, &exported) == KDB_COLD_PENDING_WRITE);
}

static void write_export(const turn *t)
{
    compaction *c = t->of;
    if (t->whole != NULL && !c->mute && lacks_export(c->work.core, c->work.table, t->whole)) {
        c->mute = !kdbi_cold_export(&c->work, &t->part);
    }
}

static kdb_status compact_partition(compaction *c, kdb_user_id user, kdb_err *err)
{
    KDB_CLEANUP(turn_done) turn t = { .of = c, .arena = kdb_arena_new(0), .batch = kdb_batch_new() };
    t.part.user = (kdb_user_id){ kdb_sv_dup(t.arena, user.text) };
    KDB_TRY(kdbi_cold_check(&c->work, err));
    KDB_TRY(pick(&t, user, err));
    if (t.manifest != NULL) {
        return compact(&t, err);
    }
    write_export(&t);
    return KDB_OK;
}

static kdb_status visit_compact(void *self, kdb_user_id user, kdb_err *err)
{
    compaction *c = self;
    kdb_err why = { .status = KDB_OK };
    return kdbi_cold_pass_over(&c->work, user, compact_partition(c, user, &why), &why, err);
}

kdb_status kdb_core_compact(kdb_core *core, kdb_table *table, bool all, const kdb_work *work, kdb_cold_result *out,
                            kdb_err *err)
{
    KDB_CLEANUP(compaction_done) compaction c = { .all = all };
    *out = (kdb_cold_result){ 0 };
    KDB_TRY(kdbi_cold_begin(core, table, work, &c.work, err));
    const kdb_status status = kdbi_cold_visit(core, table, NULL, visit_compact, &c, err);
    *out = c.work.result;
    (void)kdb_cold_sweep(core->cold);
    return kdbi_cold_finish(&c.work, status, err);
}

/* ---- whether there is something to do ---- */

typedef struct search {
    kdb_core *core;
    const kdb_table *table;
    bool due;
} search;

static kdb_status visit_search(void *self, kdb_user_id user, kdb_err *err)
{
    search *s = self;
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    const kdb_status status =
        s->due ? KDB_OK : kdb_manifest_get(s->core->cold, NULL, s->table, user, false, &manifest, err);
    KDB_TRY(status == KDB_CORRUPT ? KDB_OK : status); /* others may be due */
    if (manifest != NULL) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        bool *picked = KDB_ARENA_ARRAY(arena, bool, manifest->nsegments);
        s->due = kdb_manifest_pick(manifest, false, KDBI_SEGMENT_ROWS, picked) != 0 ||
                 lacks_export(s->core, s->table, manifest);
    }
    return KDB_OK;
}

bool kdb_core_compact_due(kdb_core *core, const kdb_table *table)
{
    search s = { .core = core, .table = table };
    if (core->cold == NULL || table->type == KDB_TABLE_STREAM || !kdb_cold_has(core->cold, table->id)) {
        return false;
    }
    return kdbi_cold_visit(core, table, NULL, visit_search, &s, NULL) == KDB_OK && s.due;
}
