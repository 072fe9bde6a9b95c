/* live_build.c - reads the rows that a view is made of: all of a query's, at one snapshot. Changes are held back meanwhile; the
 * view knows which of them it holds already. */
#include "live_int.h"

enum { LOOK_EVERY_ROWS = 512 };

static kdb_status add_row(kdbi_build *build, kdb_row_walk *walk, kdb_arena *scratch, kdb_err *err)
{
    const kdb_watch *watch = build->watch;
    const uint32_t fields = (uint32_t)watch->table->schema->ncolumns + (watch->table->type == KDB_TABLE_STREAM ? 1 : 2);
    const kdb_expr_row columns = kdbi_walk_columns(walk);
    kdbi_row row;
    bool is = false;
    KDB_TRY(kdb_watch_matches(watch, &columns, scratch, &is, err));
    if (!is) {
        return KDB_OK;
    }
    kdbi_walk_row(&row, walk, watch->table, scratch);
    const kdb_value key = kdb_row_walk_value(walk, fields); /* `_key` */
    return kdbi_live_view_add(build->view, key.as.bytes, &row, err);
}

static kdb_status read_rows(kdbi_build *build, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *row = kdb_arena_new(0);
    uint64_t version = 0;
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new_at(build->live->store, &version);
    KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
    build->view = kdbi_live_view_new(build->watch, version);
    const kdb_walk_spec spec = kdbi_walk_spec(build->live, build->watch, build->user, snapshot, arena, scratch);
    KDB_TRY(kdb_row_walk_new(&spec, arena, &walk, err));
    for (size_t n = 1;; n++) {
        bool more = false;
        if (n % LOOK_EVERY_ROWS == 0 && atomic_load_explicit(&build->live->stopping, memory_order_relaxed)) {
            return KDB_FAIL(err, KDB_CANCELLED, "The server stops");
        }
        KDB_TRY(kdb_row_walk_next(walk, &more, err));
        if (!more) {
            return KDB_OK;
        }
        kdb_arena_reset(row);
        KDB_TRY(add_row(build, walk, row, err));
    }
}

static void run_build(kdb_core_task *task, KDB_UNUSED kdb_core_turn *turn)
{
    kdbi_build *build = KDB_CONTAINER_OF(task, kdbi_build, task);
    if (read_rows(build, &build->err) != KDB_OK) {
        kdbi_live_view_free(build->view);
        build->view = NULL;
    }
    kdbi_inbox_put(&build->shard->inbox, &build->note);
}

void kdbi_build_start(kdbi_shard *shard, kdbi_query *query)
{
    const kdb_sv user = query->target->user.text;
    kdbi_build *build = kdb_alloc(sizeof(*build) + user.len);
    char *text = (char *)(build + 1);
    if (user.len != 0) {
        memcpy(text, user.ptr, user.len);
    }
    *build = (kdbi_build){ .note.kind = KDBI_NOTE_BUILT,
                           .task.run = run_build,
                           .live = shard->live,
                           .shard = shard,
                           .query = query,
                           .watch = kdb_watch_ref(query->watch),
                           .user.text = kdb_sv_of(text, user.len),
                           .err.position = -1 };
    query->building = build;
    if (kdb_core_task_submit(shard->live->core, &build->task, false, &build->err) != KDB_OK) {
        kdbi_inbox_put(&shard->inbox, &build->note);
    }
}

void kdbi_build_free(kdbi_build *build)
{
    kdbi_live_view_free(build->view);
    kdb_watch_unref(build->watch);
    kdb_free(build);
}
