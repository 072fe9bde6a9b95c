/* table_drop.c - the steps of dropping a table that is closed to writes, shared by DROP TABLE and DROP NAMESPACE ..
 * CASCADE: stage definition, rows and the record of the cleanup in one batch, publish. All with the DDL gate held. */
#include "core_int.h"

/* The rows go in the same batch as the definition, so the cleanup job of the reference is done when it is recorded. */
static void stage_cleanup_job(const kdb_exec *exec, const kdb_table *table, kdb_sv job_id, kdb_batch *batch)
{
    kdb_arena *arena = exec->arena;
    const int64_t now = kdb_now_us();
    const kdb_job_row job = {
        .id = job_id,
        .type = KDB_SV("cleanup"),
        .status = KDB_SV("completed"),
        .parameters_json = kdb_sv_printf(
            arena,
            "{\"table_id\":\"%.*s:%.*s\",\"table_type\":\"%s\",\"operation\":\"drop_table\",\"storage\":\"%.*s\"}",
            KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), kdb_table_type_name(table->type),
            KDB_SV_ARG(table->storage_id)),
        .message = KDB_SV("Rows removed with the table"),
        .idempotency_key = kdb_sv_printf(arena, "drop-%.*s-%.*s", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name)),
        .created_us = now,
        .updated_us = now,
        .started_us = now,
        .finished_us = now,
        .max_retries = 3,
        .node_id = exec->core->node_id
    };
    kdb_system_stage_job(&job, batch);
}

kdb_status kdbi_drop_stage(kdb_exec *exec, kdb_table *table, kdb_sv job_id, kdb_batch *batch, kdb_err *err)
{
    KDB_TRY(kdb_registry_stage_drop_table(exec->core->registry, table, batch, err));
    KDB_TRY(kdb_cold_stage_drop(exec->core->cold, table, batch, err));
    kdb_tables_stage_drop(table, batch);
    kdbi_purge_stage_drop(table, batch);
    stage_cleanup_job(exec, table, job_id, batch);
    return KDB_OK;
}

void kdbi_drop_sweep(kdb_core *core)
{
    if (core->cold != NULL) {
        (void)kdb_cold_sweep_near(core->cold);
    }
}

void kdbi_drop_end(kdb_core *core, kdb_table *table, kdb_status committed)
{
    kdb_cold_drop_end(core->cold, table, committed);
    if (committed == KDB_OK) {
        kdb_registry_publish_drop_table(core->registry, table);
        kdbi_table_tell(core, table, NULL);
    } else {
        kdbi_table_settle(core, table, KDB_TABLE_OPEN);
    }
}
