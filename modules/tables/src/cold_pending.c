/* cold_pending.c - how much of a partition waits to go cold. */
#include "cold_int.h"

static bool is_live(kdb_sv row)
{
    return row.len >= KDBI_ROW_HEADER && !kdbi_row_is_deleted(row);
}

/* Tombstones have entries too: what an entry leads to says which it is. */
static kdb_status oldest_of(kdb_store *store, const kdb_snapshot *snapshot, const kdb_table *table, kdb_sv from,
                            kdb_sv to, kdb_arena *arena, uint64_t *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter =
        kdb_iter_new(store, snapshot, kdb_table_seq_partition(table), (kdb_iter_range){ .from = from, .to = to });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_sv row = { NULL, 0 };
        const kdb_status status = kdb_store_get(store, snapshot, kdb_table_partition(table),
                                                kdbi_key_join(from, kdb_iter_value(iter), arena), arena, &row, err);
        KDB_TRY(status == KDB_NOT_FOUND ? KDB_OK : status);
        if (is_live(row)) {
            *out = kdb_get_be64(kdb_iter_key(iter).ptr + from.len);
            return KDB_OK;
        }
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_table_pending(kdb_store *store, const kdb_snapshot *snapshot, const kdb_table *table, kdb_user_id user,
                             uint64_t most, bool oldest, kdb_arena *arena, kdb_pending_rows *out, kdb_err *err)
{
    *out = (kdb_pending_rows){ 0 };
    kdb_sv from, to;
    kdb_row_user_range(table, user, arena, &from, &to);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, snapshot, kdb_table_partition(table),
                                  (kdb_iter_range){ .from = from, .to = to, .scan = true });
    for (; kdb_iter_valid(iter) && out->rows < most; kdb_iter_next(iter)) {
        out->rows += is_live(kdb_iter_value(iter));
    }
    KDB_TRY(kdb_iter_status(iter, err));
    return out->rows == 0 || !oldest ? KDB_OK
                                     : oldest_of(store, snapshot, table, from, to, arena, &out->oldest_seq, err);
}

kdb_status kdb_table_has_live(kdb_store *store, const kdb_table *table, bool *out, kdb_err *err)
{
    *out = false;
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, kdb_table_partition(table), (kdb_iter_range){ .scan = true });
    for (; kdb_iter_valid(iter) && !*out; kdb_iter_next(iter)) {
        *out = is_live(kdb_iter_value(iter));
    }
    return kdb_iter_status(iter, err);
}
