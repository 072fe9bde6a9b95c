/* stmt_query.c - SELECT: runs the bound query and hands its rows on, chunk by chunk, in the types the reference shows. */
#include "core_int.h"

/* 0: no cap. */
static uint64_t row_cap(const kdb_exec *exec, const kdbi_plan *plan)
{
    if (plan->internal) {
        return 0;
    }
    return (uint64_t)(plan->query.bound->has_limit ? exec->core->max_limit : exec->core->default_limit);
}

static kdb_status stream_rows(kdb_exec *exec, kdbi_run *run, uint64_t cap, kdb_err *err)
{
    const kdbi_result *result = run->result;
    const kdb_reply *reply = &exec->request->reply;
    const kdb_chunk *chunk = NULL;
    KDB_TRY(kdbi_run_fetch_first(run, &chunk, err));
    exec->sending = true;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0); /* a batch may hold many a SELECT */
    kdbi_shown shown;
    kdbi_shown_init(&shown, result, arena);
    reply->rows_begin(reply->self, result->columns, result->ncolumns);
    uint64_t count = 0;
    bool truncated = false;
    while (chunk->nrows > 0 && !truncated) {
        size_t nrows = chunk->nrows;
        if (cap > 0 && count + nrows > cap) {
            nrows = (size_t)(cap - count);
            truncated = true;
        }
        if (nrows > 0) {
            KDB_TRY(reply->rows(reply->self, kdbi_shown_convert(&shown, chunk, nrows), err));
        }
        count += nrows;
        if (!truncated) {
            KDB_TRY(kdbi_run_fetch(run, &chunk, err));
        }
    }
    reply->rows_end(reply->self, count, truncated);
    return KDB_OK;
}

static kdb_status run_bound(kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    KDB_TRY(kdbi_exec_bind(exec, plan, err));
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    KDB_TRY(kdbi_run_start(&run, exec, plan, NULL, err));
    return stream_rows(exec, &run, row_cap(exec, plan), err);
}

kdb_status kdbi_run_query(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    return run_bound(exec, plan, err);
}

kdb_status kdbi_run_internal_query(kdb_exec *exec, kdb_sv sql, kdb_err *err)
{
    kdbi_plan *plan = NULL;
    bool owned = false;
    const kdbi_plan_text text = { .ns = KDB_SV("system"), .text = sql, .internal = true };
    KDB_TRY(kdbi_plan_get(exec->worker, &text, &plan, &owned, err));
    KDB_ASSERT(!owned);
    return run_bound(exec, plan, err);
}
