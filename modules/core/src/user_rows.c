/* user_rows.c - all that a user has in USER and STREAM tables goes, for an account that is removed for good. Nobody can sign in as
 * that user any more, so nobody is told. */
#include "cold_work.h"

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

/* Where a user's keys lie: those of the seq index and of manifests begin with the user as row keys do. */
static size_t partitions_of(const kdb_table *table, kdb_partition out[3])
{
    out[0] = kdb_table_partition(table);
    out[1] = kdb_table_seq_partition(table);
    out[2] = kdb_cold_partition(table);
    return table->type == KDB_TABLE_STREAM ? 1 : 3;
}

static kdb_status stage(kdb_core *core, const kdb_table *table, kdb_user_id user, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv from, to;
    kdb_row_user_range(table, user, arena, &from, &to);
    kdb_batch_delete_range(batch, kdb_table_partition(table), from, to);
    if (table->type == KDB_TABLE_STREAM) {
        return KDB_OK;
    }
    kdb_batch_delete_range(batch, kdb_table_seq_partition(table), from, to);
    return kdb_cold_stage_drop_user(core->cold, table, user, batch, err);
}

/* With the DDL gate held: the table is not dropped meanwhile. Rows that are kept in memory are known afterwards to be old: the name
 * may be another's one day. */
static kdb_status remove_gated(kdb_core *core, const kdb_table *table, kdb_user_id user, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    if (kdb_table_state_of(table) == KDB_TABLE_DROPPED) {
        return KDB_OK;
    }
    kdb_status status = stage(core, table, user, batch, err);
    if (status == KDB_OK) {
        kdbi_sequencer_change_begin(core->sequencer, table->id, user);
        status = kdb_store_commit(core->store, batch, err);
        kdbi_sequencer_change_end(core->sequencer, table->id, user);
    }
    if (table->type != KDB_TABLE_STREAM) {
        kdb_cold_drop_end(core->cold, table, status);
    }
    return status;
}

/* No flush or compaction is under way that has read the rows and would put them back. */
static kdb_status remove_from(kdb_core *core, kdb_table *table, kdb_user_id user, const kdb_work *work, kdb_err *err)
{
    KDB_TRY(kdbi_cold_take(core, table, work, err));
    kdb_mutex_lock(&core->ddl);
    const kdb_status status = remove_gated(core, table, user, err);
    kdb_mutex_unlock(&core->ddl);
    kdbi_cold_leave(core, table);
    return status;
}

static kdb_status remove_if_any(kdb_core *core, kdb_table *table, kdb_user_id user, const kdb_work *work,
                                uint64_t *out_tables, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_partition parts[3];
    kdb_sv from, to;
    bool any = false;
    const size_t nparts = partitions_of(table, parts);
    kdb_row_user_range(table, user, arena, &from, &to);
    for (size_t i = 0; i < nparts && !any; i++) {
        KDB_TRY(has_any(core, parts[i], from, to, &any, err));
    }
    *out_tables += any;
    return any ? remove_from(core, table, user, work, err) : KDB_OK;
}

static kdb_status remove_all(kdb_core *core, kdb_table *const *tables, size_t count, kdb_user_id user,
                             const kdb_work *work, uint64_t *out_tables, kdb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        KDB_TRY(kdb_work_check(work, err));
        if (has_users(tables[i])) {
            KDB_TRY(remove_if_any(core, tables[i], user, work, out_tables, err));
        }
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
    (void)kdb_core_sweep(core);
    return status;
}
