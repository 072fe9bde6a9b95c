/* live_build.c - reads the rows that a view is made of: all of a query's, at one snapshot. Changes are held back meanwhile; the
 * view knows which of them it holds already. */
#include "live_int.h"

enum { LOOK_EVERY_ROWS = 512 };

static kdb_value column_of(void *walk, uint32_t column)
{
    return kdb_row_walk_value(walk, column);
}

static kdb_status open_walk(const kdbi_build *build, const kdb_snapshot *snapshot, kdb_arena *arena, kdb_arena *scratch,
                            kdb_row_walk **out, kdb_err *err)
{
    const kdb_watch *watch = build->watch;
    kdb_walk_spec spec = { .store = build->live->store,
                           .table = watch->table,
                           .decoder = kdb_row_decoder_new(watch->table, arena),
                           .scratch = scratch,
                           .snapshot = snapshot,
                           .user = build->user,
                           .sees_deleted = watch->sees_deleted,
                           .now_ms = kdb_now_us() / 1000 };
    kdb_table_key_set(watch->table, build->user, watch->preds, watch->npreds, watch->params, watch->nparams, arena,
                      &spec.keys);
    spec.whole = !spec.keys.points;
    return kdb_row_walk_new(&spec, arena, out, err);
}

static kdb_status add_row(kdbi_build *build, kdb_row_walk *walk, kdb_arena *scratch, kdb_err *err)
{
    const kdb_watch *watch = build->watch;
    const uint32_t seq = (uint32_t)watch->table->schema->ncolumns;
    const bool stream = watch->table->type == KDB_TABLE_STREAM;
    const kdb_expr_row columns = { .self = walk, .column = column_of };
    kdbi_row row;
    bool is = false;
    KDB_TRY(kdb_watch_matches(watch, &columns, scratch, &is, err));
    if (!is) {
        return KDB_OK;
    }
    kdbi_row_init(&row, watch->table, scratch);
    for (uint32_t i = 0; i <= seq; i++) {
        row.values[i] = kdb_row_walk_value(walk, i);
    }
    row.values[seq + 1] = stream ? kdb_value_bool(false) : kdb_row_walk_value(walk, seq + 1);
    row.there = true;
    row.seq = (uint64_t)row.values[seq].as.i64;
    row.deleted = row.values[seq + 1].as.b;
    const kdb_value key = kdb_row_walk_value(walk, stream ? seq + 1 : seq + 2);
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
    KDB_TRY(open_walk(build, snapshot, arena, scratch, &walk, err));
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
