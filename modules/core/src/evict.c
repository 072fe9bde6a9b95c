/* evict.c - takes rows of STREAM tables that have outlived their TTL off the disk. A step goes the way of a DELETE of its
 * rows, one write per user, chained like the parts of a COMMIT: locked keys, one batch, changes told in order. So a row is
 * removed once, whoever else would remove it, and whoever follows the table hears of it. */
#include "core_int.h"

/* ---- a request without a text ---- */

static kdb_eviction *eviction_of(const kdb_exec *exec)
{
    return KDB_CONTAINER_OF(exec->request, kdb_eviction, request);
}

static void on_message(KDB_UNUSED void *self, KDB_UNUSED uint64_t row_count, KDB_UNUSED kdb_sv message)
{
}

static void on_done(void *self, const kdb_failure *failure)
{
    kdb_eviction *eviction = self;
    kdb_err err = { .position = -1 };
    if (failure == NULL) {
        eviction->done(eviction, KDB_OK, NULL);
        return;
    }
    eviction->removed = 0;
    const kdb_status status = KDB_FAIL(&err, failure->status, "%.*s", KDB_SV_ARG(failure->text));
    eviction->done(eviction, status, &err);
}

/* ---- which rows ---- */

static kdb_status add_row(kdb_exec *exec, kdb_table *table, const kdb_expired_row *expired, kdb_err *err)
{
    if (exec->write == NULL || !kdb_sv_eq(exec->write->user.text, expired->user.text)) {
        kdbi_write *write = kdbi_write_new(exec, table, expired->user);
        write->op = KDB_CHANGE_DELETE;
        write->limit = SIZE_MAX; /* the step has limits of its own */
        write->also = exec->write;
        exec->write = write;
    }
    kdbi_row_write *row = NULL;
    KDB_TRY(kdbi_write_add(exec->write, expired->key.len, &row, err));
    row->key = kdb_sv_dup(exec->write->arena, expired->key); /* it may be told of when the execution is gone */
    return KDB_OK;
}

static kdb_status collect(kdb_exec *exec, kdb_eviction *eviction, kdb_err *err)
{
    const kdb_expired_spec spec = { .store = exec->core->store,
                                    .table = eviction->table,
                                    .now_ms = eviction->now_ms,
                                    .from = kdb_buf_sv(&eviction->place),
                                    .max_rows = eviction->max_rows,
                                    .max_bytes = eviction->max_bytes };
    kdb_expired expired;
    KDB_TRY(kdb_table_expired(&spec, exec->arena, &expired, err));
    eviction->place.len = 0;
    kdb_buf_append_sv(&eviction->place, expired.next);
    for (size_t i = 0; i < expired.nrows; i++) {
        KDB_TRY(add_row(exec, eviction->table, &expired.rows[i], err));
    }
    return KDB_OK;
}

/* ---- under the locks ---- */

/* Somebody may have deleted a row meanwhile. */
static kdb_status look_at(kdbi_write *write, kdb_err *err)
{
    kdb_sv stored[KDBI_PRESENT_ROWS];
    size_t count = 0;
    for (size_t from = 0; from < write->nrows; from += count) {
        KDB_TRY(kdbi_write_present(write, from, stored, &count, err));
        for (size_t i = 0; i < count; i++) {
            kdbi_row_write *row = &write->rows[from + i];
            row->skip = stored[i].len == 0;
            row->old_row = stored[i];
        }
    }
    return KDB_OK;
}

static kdb_status evict_locked(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    kdb_eviction *eviction = eviction_of(exec);
    for (kdbi_write *at = write; at != NULL; at = at->also) {
        KDB_TRY(look_at(at, err));
        eviction->removed += kdbi_write_count(at);
    }
    return kdbi_write_commit(write, pending, err);
}

/* ---- a step ---- */

static kdb_status run_step(kdb_exec *exec, bool *pending, kdb_err *err)
{
    KDB_TRY(kdbi_exec_check_running(exec, err));
    KDB_TRY(collect(exec, eviction_of(exec), err));
    return exec->write == NULL ? KDB_OK : kdbi_write_lock(exec->write, evict_locked, pending, err);
}

/* Worker. */
static void start(kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    bool pending = false;
    exec->kind = KDB_STMT_DELETE;
    exec->started_us = kdb_monotonic_us();
    exec->deadline_us = exec->started_us + exec->core->timeout_us;
    exec->now_us = kdb_now_us();
    const kdb_status status = run_step(exec, &pending, &err);
    if (pending) {
        return;
    }
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, &err);
        return;
    }
    kdbi_worker_leave(exec);
    kdbi_exec_statement_done(exec);
}

kdb_status kdb_core_evict(kdb_core *core, kdb_eviction *eviction, kdb_err *err)
{
    eviction->removed = 0;
    eviction->request = (kdb_request){ .caller = { .user = { KDB_SV("system") }, .role = KDB_ROLE_SYSTEM },
                                       .reply = { .self = eviction, .message = on_message, .done = on_done } };
    return kdbi_core_submit_step(core, &eviction->request, start, err);
}
