/* table_gate.c - keeps writes out of a table while DDL changes what it is. DDL closes the table: those inside end their
 * commits first, those that come are turned away. What DROP turns away fails; what ALTER turns away waits here, without a
 * worker and without row locks, and then begins its statement again with whatever the table has become. */
#include "core_int.h"

/* DDL waits for the last write to leave, be it one that was only counted until it saw that it came too late. */
void kdbi_table_tell_closer(kdb_core *core)
{
    kdb_mutex_lock(&core->lock);
    kdb_cond_broadcast(&core->changed);
    kdb_mutex_unlock(&core->lock);
}

void kdbi_table_leave(kdb_core *core, kdb_table *table)
{
    kdb_table_write_leave(table);
    if (kdb_table_state_of(table) != KDB_TABLE_OPEN) {
        kdbi_table_tell_closer(core);
    }
}

kdb_status kdbi_table_fail_gone(const kdb_table *table, kdb_err *err)
{
    return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'", KDB_SV_ARG(table->name),
                    KDB_SV_ARG(table->ns));
}

kdb_status kdbi_table_enter(kdb_core *core, kdb_table *table, kdb_err *err)
{
    if (kdb_table_write_enter(table)) {
        return KDB_OK;
    }
    kdbi_table_tell_closer(core);
    return kdb_table_state_of(table) == KDB_TABLE_DROPPED
               ? kdbi_table_fail_gone(table, err)
               : KDB_FAIL(err, KDB_CONFLICT, "Table '%.*s.%.*s' is being altered", KDB_SV_ARG(table->ns),
                          KDB_SV_ARG(table->name));
}

void kdbi_table_close(kdb_core *core, kdb_table *table, kdb_table_state state)
{
    atomic_store(&table->state, state);
    kdb_mutex_lock(&core->lock);
    while (atomic_load(&table->writers) > 0) {
        kdb_cond_wait(&core->changed, &core->lock);
    }
    kdb_mutex_unlock(&core->lock);
}

void kdbi_table_settle(kdb_core *core, kdb_table *table, kdb_table_state state)
{
    kdb_mutex_lock(&core->lock);
    atomic_store(&table->state, state);
    kdb_exec *first = core->first_parked;
    core->first_parked = NULL;
    kdb_mutex_unlock(&core->lock);
    while (first != NULL) {
        kdb_exec *next = first->next_parked; /* once it is queued, it is not ours */
        kdbi_exec_again(first);
        first = next;
    }
}

void kdbi_table_tell(const kdb_core *core, const kdb_table *table, const kdb_table *next)
{
    for (size_t i = 0; i < core->nsinks; i++) {
        if (core->sinks[i].on_table != NULL) {
            core->sinks[i].on_table(core->sinks[i].self, table, next);
        }
    }
}

void kdbi_table_replace(kdb_core *core, kdb_table *table, kdb_table *next, kdb_status committed)
{
    if (committed == KDB_OK) {
        kdbi_table_tell(core, table, next); /* first: once it is published it is written to */
        kdb_registry_publish_alter_table(core->registry, next);
    } else {
        kdb_table_unref(next);
    }
    kdbi_table_settle(core, table, committed == KDB_OK ? KDB_TABLE_REPLACED : KDB_TABLE_OPEN);
}

/* Only one DDL statement runs at a time, so all who wait wait for the same table. */
static bool park(kdb_core *core, kdb_exec *exec, const kdb_table *table)
{
    kdb_mutex_lock(&core->lock);
    const bool parked = kdb_table_state_of(table) == KDB_TABLE_ALTERING;
    if (parked) {
        exec->next_parked = NULL;
        *(core->first_parked == NULL ? &core->first_parked : &core->last_parked->next_parked) = exec;
        core->last_parked = exec;
    }
    kdb_mutex_unlock(&core->lock);
    return parked;
}

void kdbi_table_await(kdb_exec *exec, kdb_table *table)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *held = kdb_table_ref(table); /* the write's own goes with the write */
    kdbi_worker_leave(exec);
    kdbi_write_abandon(exec->write);
    exec->write = NULL;
    if (!park(exec->core, exec, held)) {
        kdbi_exec_again(exec);
    }
}
