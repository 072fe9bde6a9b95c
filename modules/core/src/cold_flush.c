/* cold_flush.c - hot rows become Parquet. Partitions are written to files one after the other, on a snapshot and beside all that goes
 * on; those of a group then become cold in one commit, for which alone writers wait. What was written to a partition after
 * the snapshot stays hot. */
#include <stdio.h>

#include "cold_work.h"

/* A group's files are synced together, and it is one commit. */
enum { GROUP_FILES = 64 };
/* Rows that went, from which on the store writes out what it has in memory. */
enum { WRITE_OUT_ROWS = 5000 };

typedef struct flush {
    kdbi_cold_work work;
    const kdb_flush_spec *spec;
    kdb_snapshot *snapshot;
    uint64_t floor; /* of `_seq`, from before the snapshot */
} flush;

/* Partitions that become cold together. */
typedef struct group {
    flush *flush;
    kdb_arena *arena;
    kdb_batch *batch;
    kdbi_cold_part *parts, **end;
    size_t count;
} group;

static void flush_done(flush *f)
{
    kdb_snapshot_free(f->snapshot);
    kdbi_cold_end(&f->work);
}

static void group_init(group *g, flush *f)
{
    *g = (group){ .flush = f, .arena = kdb_arena_new(0), .batch = kdb_batch_new() };
    g->end = &g->parts;
}

static void group_done(group *g)
{
    for (const kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        kdb_cold_hot_free(part->source);
    }
    kdbi_cold_parts_done(g->parts);
    kdb_batch_free(g->batch);
    kdb_arena_free(g->arena);
}

/* ---- which partitions ---- */

/* Whether the partition has a live row, and as many or as old ones as the policy asks for. */
static kdb_status is_due(const flush *f, kdb_user_id user, kdb_arena *arena, bool *out, kdb_err *err)
{
    const kdb_table *table = f->work.table;
    kdb_pending_rows pending;
    const uint64_t enough = f->spec->all ? 1 : f->spec->min_rows;
    KDB_TRY(kdb_table_pending(f->work.core->store, f->snapshot, table, user, enough == 0 ? 1 : enough,
                              f->spec->older_than_us != 0, arena, &pending, err));
    const bool many = enough != 0 && pending.rows >= enough;
    const bool old = f->spec->older_than_us != 0 && pending.rows != 0 &&
                     kdb_snowflake_us(pending.oldest_seq) < f->spec->older_than_us;
    *out = many || old;
    return KDB_OK;
}

/* Adds a partition that is due, and whose manifest is in order: else its turn comes when that has been put right. */
static kdb_status add_part(group *g, kdb_user_id user, kdb_err *err)
{
    kdbi_cold_work *work = &g->flush->work;
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    kdb_err why = { .status = KDB_OK };
    bool due = false;
    KDB_TRY(is_due(g->flush, user, g->arena, &due, err));
    if (!due) {
        return KDB_OK;
    }
    const kdb_status status = kdb_manifest_get(work->core->cold, NULL, work->table, user, false, &manifest, &why);
    KDB_TRY(kdbi_cold_pass_over(work, user, status, &why, err));
    if (status != KDB_OK) {
        return KDB_OK;
    }
    kdbi_cold_part *part = KDB_ARENA_NEW(g->arena, kdbi_cold_part);
    part->user = (kdb_user_id){ kdb_sv_dup(g->arena, user.text) };
    *g->end = part;
    g->end = &part->next;
    g->count++;
    return KDB_OK;
}

/* ---- a group ---- */

/* The names of all first files with one commit. */
static kdb_status name_files(group *g, kdb_err *err)
{
    kdbi_cold_work *work = &g->flush->work;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdbi_cold_parts_init(work, g->parts, g->arena, err));
    for (kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        KDB_TRY(kdbi_cold_stage_name(work, part, g->arena, batch, err));
    }
    KDB_TRY(kdb_store_commit(work->core->store, batch, err));
    for (kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        part->named = part->next_id;
    }
    return kdb_failpoint_pass(KDB_FAILPOINT_COLD_NAMED, err);
}

static kdb_status write_part(group *g, kdbi_cold_part *part, kdb_err *err)
{
    kdbi_cold_work *work = &g->flush->work;
    kdb_cold_hot *hot = kdb_cold_hot_new(work->core->store, work->table, part->user, g->flush->snapshot, g->batch);
    part->source = hot;
    const kdb_cold_rows rows = { hot, kdb_cold_hot_next };
    KDB_TRY(kdbi_cold_part_write(work, part, &rows, g->arena, err));
    return kdb_cold_hot_end(hot, err);
}

static kdb_status settle_part(group *g, kdbi_cold_part *part, kdb_batch *batch, kdb_err *err)
{
    kdb_cold_changed changed;
    KDB_TRY(kdb_cold_hot_settle(part->source, g->flush->floor, g->arena, &changed, err));
    return kdbi_cold_stage_dead(&g->flush->work, part, changed.keys, changed.count, g->arena, batch, err);
}

static kdb_status settle(void *self, kdb_batch *batch, kdb_err *err)
{
    group *g = self;
    for (kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        KDB_TRY(settle_part(g, part, batch, err));
    }
    return KDB_OK;
}

static kdb_status write_group(group *g, kdb_err *err)
{
    kdbi_cold_work *work = &g->flush->work;
    KDB_TRY(name_files(g, err));
    for (kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        KDB_TRY(write_part(g, part, err));
    }
    KDB_TRY(kdbi_cold_publish_files(work, g->parts, g->arena, err));
    KDB_TRY(kdbi_cold_stage_parts(work, g->parts, g->batch, err));
    return kdbi_cold_commit(work, g->batch, settle, g, err);
}

static void report(const flush *f)
{
    const kdb_work *work = f->work.work;
    if (work != NULL && work->progress != NULL) {
        char text[160];
        const kdb_cold_result *result = &f->work.result;
        const int len =
            snprintf(text, sizeof(text), "%llu rows of %llu partitions in %llu files", (unsigned long long)result->rows,
                     (unsigned long long)result->partitions, (unsigned long long)result->files);
        work->progress(work->self, kdb_sv_of(text, (size_t)len));
    }
}

static kdb_status flush_group(group *g, kdb_err *err)
{
    if (g->parts == NULL) {
        return KDB_OK;
    }
    flush *f = g->flush;
    const kdb_status status = write_group(g, err);
    if (status != KDB_OK) {
        kdbi_cold_abandon(&f->work, g->parts);
        return status;
    }
    for (const kdbi_cold_part *part = g->parts; part != NULL; part = part->next) {
        kdbi_cold_count(&f->work.result, part);
    }
    (void)kdbi_cold_export(&f->work, g->parts);
    report(f);
    return KDB_OK;
}

/* ---- a table ---- */

static kdb_status flush_shared(flush *f, kdb_err *err)
{
    KDB_CLEANUP(group_done) group g;
    group_init(&g, f);
    KDB_TRY(add_part(&g, (kdb_user_id){ { NULL, 0 } }, err));
    return flush_group(&g, err);
}

/* Users from *from on, until the group is full or there are no more. */
static kdb_status flush_some_users(flush *f, kdb_buf *from, bool *out_more, kdb_err *err)
{
    KDB_CLEANUP(group_done) group g;
    group_init(&g, f);
    const kdb_partition part = kdb_table_partition(f->work.table);
    *out_more = true;
    while (*out_more && g.count < GROUP_FILES) {
        kdb_sv at = kdb_buf_sv(from);
        kdb_user_id user;
        KDB_TRY(kdbi_cold_check(&f->work, err));
        KDB_TRY(kdb_table_next_user(f->work.core->store, f->snapshot, part, g.arena, &at, &user, out_more, err));
        if (*out_more) {
            from->len = 0;
            kdb_buf_append_sv(from, at);
            KDB_TRY(add_part(&g, user, err));
        }
    }
    return flush_group(&g, err);
}

static void renew_snapshot(flush *f)
{
    kdb_snapshot_free(f->snapshot);
    f->floor = kdb_core_seq_floor(f->work.core, f->work.table);
    f->snapshot = kdb_snapshot_new(f->work.core->store);
}

static kdb_status flush_users(flush *f, kdb_err *err)
{
    kdb_buf from;
    kdb_buf_init(&from, 0);
    kdb_status status = KDB_OK;
    for (bool more = true; more && status == KDB_OK;) {
        renew_snapshot(f); /* a short one holds less back */
        status = flush_some_users(f, &from, &more, err);
    }
    kdb_buf_done(&from);
    return status;
}

/* Walks would pass over the rows that have gone one by one, as long as they are in the store's memory, and our snapshot keeps them
 * there. */
static void write_out(flush *f)
{
    kdb_snapshot_free(f->snapshot);
    f->snapshot = NULL;
    if (f->work.result.rows >= WRITE_OUT_ROWS) {
        kdb_store_write_out(f->work.core->store);
    }
}

kdb_status kdb_core_flush(kdb_core *core, const kdb_flush_spec *spec, const kdb_work *work, kdb_cold_result *out,
                          kdb_err *err)
{
    KDB_CLEANUP(flush_done) flush f = { .spec = spec };
    *out = (kdb_cold_result){ 0 };
    KDB_TRY(kdbi_cold_begin(core, spec->table, work, &f.work, err));
    renew_snapshot(&f);
    const kdb_status status = spec->table->type == KDB_TABLE_USER ? flush_users(&f, err) : flush_shared(&f, err);
    *out = f.work.result;
    (void)kdb_cold_sweep(core->cold);
    write_out(&f);
    return kdbi_cold_finish(&f.work, status, err);
}

bool kdb_core_has_pending(kdb_core *core, const kdb_table *table)
{
    bool has = false;
    return kdb_table_has_live(core->store, table, &has, NULL) == KDB_OK && has;
}
