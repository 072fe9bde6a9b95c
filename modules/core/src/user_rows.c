/* user_rows.c - all that a user has in USER and STREAM tables goes, for an account that is removed for good. Nobody can sign in as
 * that user any more, so nobody is told. */
#include "core_int.h"

/* Tables whose rows go with one commit. */
enum { TABLES_MAX = 100 };

static bool has_users(const kdb_table *table)
{
    return table->type == KDB_TABLE_USER || table->type == KDB_TABLE_STREAM;
}

/* Most users have rows in few tables, and each range that is removed costs those who read past it. */
static kdb_status has_any(kdb_core *core, kdb_partition part, kdb_sv from, kdb_sv to, bool *out, kdb_err *err)
{
    const kdb_iter_range range = { .from = from, .to = to };
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(core->store, NULL, part, range);
    *out = kdb_iter_valid(iter);
    return kdb_iter_status(iter, err);
}

static kdb_status stage_range(kdb_core *core, kdb_partition part, kdb_sv from, kdb_sv to, kdb_batch *batch,
                              kdb_err *err)
{
    bool any = false;
    KDB_TRY(has_any(core, part, from, to, &any, err));
    if (any) {
        kdb_batch_delete_range(batch, part, from, to);
    }
    return KDB_OK;
}

/* Keys of the seq index begin with the user as row keys do. */
static kdb_status stage_table(kdb_core *core, const kdb_table *table, kdb_user_id user, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv from, to;
    kdb_row_user_range(table, user, arena, &from, &to);
    KDB_TRY(stage_range(core, kdb_table_partition(table), from, to, batch, err));
    return table->type == KDB_TABLE_STREAM ? KDB_OK
                                           : stage_range(core, kdb_table_seq_partition(table), from, to, batch, err);
}

/* Rows that are kept in memory are known by now to be old: the name may be another's one day. */
static kdb_status remove_from(kdb_core *core, kdb_table *const *tables, size_t count, kdb_user_id user,
                              uint64_t *out_tables, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < count; i++) {
        const size_t before = kdb_batch_count(batch);
        KDB_TRY(stage_table(core, tables[i], user, batch, err));
        *out_tables += kdb_batch_count(batch) != before;
    }
    if (kdb_batch_count(batch) == 0) {
        return KDB_OK;
    }
    for (size_t i = 0; i < count; i++) {
        kdbi_sequencer_change_begin(core->sequencer, tables[i]->id, user);
    }
    const kdb_status status = kdb_store_commit(core->store, batch, err);
    for (size_t i = 0; i < count; i++) {
        kdbi_sequencer_change_end(core->sequencer, tables[i]->id, user);
    }
    return status;
}

/* `tables` has room for TABLES_MAX; returns how many of `all` it has gone through. */
static size_t pick(kdb_table *const *all, size_t count, kdb_table **tables, size_t *picked)
{
    size_t seen = 0;
    for (*picked = 0; seen < count && *picked < TABLES_MAX; seen++) {
        if (has_users(all[seen])) {
            tables[(*picked)++] = all[seen];
        }
    }
    return seen;
}

static kdb_status remove_all(kdb_core *core, kdb_table *const *all, size_t count, kdb_user_id user,
                             const kdb_work *work, uint64_t *out_tables, kdb_err *err)
{
    kdb_table *tables[TABLES_MAX];
    for (size_t at = 0; at < count;) {
        size_t picked = 0;
        if (work->stop(work->self)) {
            return KDB_FAIL(err, KDB_CANCELLED, "Stopped");
        }
        at += pick(all + at, count - at, tables, &picked);
        KDB_TRY(remove_from(core, tables, picked, user, out_tables, err));
    }
    return KDB_OK;
}

kdb_status kdb_core_remove_user_rows(kdb_core *core, kdb_user_id user, const kdb_work *work, uint64_t *out_tables,
                                     kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_table **tables = NULL;
    size_t count = 0;
    *out_tables = 0;
    kdb_registry_list_tables(core->registry, arena, &tables, &count);
    const kdb_status status = remove_all(core, tables, count, user, work, out_tables, err);
    kdb_registry_release_tables(tables, count);
    return status;
}
