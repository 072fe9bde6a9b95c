/* live_walk.c - a query's rows as they are stored: what loads and builds of views read. */
#include "live_int.h"

kdb_walk_spec kdbi_walk_spec(const kdb_live *live, const kdb_watch *watch, kdb_user_id rows_of,
                             const kdb_snapshot *snapshot, kdb_arena *arena, kdb_arena *scratch)
{
    kdb_walk_spec spec = { .store = live->store,
                           .table = watch->table,
                           .decoder = kdb_row_decoder_new(watch->table, arena),
                           .scratch = scratch,
                           .snapshot = snapshot,
                           .user = rows_of,
                           .sees_deleted = watch->sees_deleted,
                           .now_ms = kdb_now_us() / 1000,
                           .cold = kdb_core_cold(live->core) };
    kdb_table_key_set(watch->table, rows_of, watch->preds, watch->npreds, watch->params, watch->nparams, arena,
                      &spec.keys);
    spec.whole = !spec.keys.points;
    return spec;
}

static kdb_value column_of(void *walk, uint32_t column)
{
    return kdb_row_walk_value(walk, column);
}

kdb_expr_row kdbi_walk_columns(kdb_row_walk *walk)
{
    return (kdb_expr_row){ .self = walk, .column = column_of };
}

/* A STREAM's rows have no `_deleted`. */
void kdbi_walk_row(kdbi_row *out, kdb_row_walk *walk, const kdb_table *table, kdb_arena *arena)
{
    const uint32_t seq = (uint32_t)table->schema->ncolumns;
    kdbi_row_init(out, table, arena);
    for (uint32_t i = 0; i <= seq; i++) {
        out->values[i] = kdb_row_walk_value(walk, i);
    }
    out->values[seq + 1] = table->type == KDB_TABLE_STREAM ? kdb_value_bool(false) : kdb_row_walk_value(walk, seq + 1);
    out->there = true;
    out->seq = (uint64_t)out->values[seq].as.i64;
    out->deleted = out->values[seq + 1].as.b;
}
