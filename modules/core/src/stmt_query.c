/* stmt_query.c - SELECT: runs the bound query and hands its rows on, chunk by chunk, in the types the reference shows. */
#include "core_int.h"

/* The chunk as it is shown: the engine's columns, some of them converted. */
typedef struct shown {
    const kdbi_bound_query *query;
    kdb_chunk chunk;
    void **converted; /* by column: room for KDB_CHUNK_ROWS values of 8 bytes, where there is a conversion */
} shown;

static void shown_init(shown *s, const kdbi_bound_query *query, kdb_arena *arena)
{
    s->query = query;
    s->chunk.ncols = query->ncolumns;
    s->chunk.cols = KDB_ARENA_ARRAY(arena, kdb_vec, query->ncolumns + 1);
    s->converted = KDB_ARENA_ARRAY(arena, void *, query->ncolumns + 1);
    for (size_t i = 0; i < query->ncolumns; i++) {
        if (query->convert[i] == KDBI_WIDEN || query->convert[i] == KDBI_DECIMAL_TO_DOUBLE) {
            s->converted[i] = kdb_arena_alloc(arena, KDB_CHUNK_ROWS * sizeof(int64_t));
        }
    }
}

static void widen(const kdb_vec *from, size_t nrows, int64_t *to)
{
    if (kdb_type_layout(from->type) == KDB_LAYOUT_I16) {
        const int16_t *values = from->data;
        for (size_t i = 0; i < nrows; i++) {
            to[i] = values[i];
        }
    } else {
        const int32_t *values = from->data;
        for (size_t i = 0; i < nrows; i++) {
            to[i] = values[i];
        }
    }
}

static void decimals_to_doubles(const kdb_vec *from, size_t nrows, double *to)
{
    double scale = 1;
    for (uint8_t i = 0; i < from->type.scale; i++) {
        scale *= 10;
    }
    const kdb_i128 *values = from->data;
    for (size_t i = 0; i < nrows; i++) {
        to[i] = (double)values[i] / scale;
    }
}

static void convert_column(shown *s, size_t index, const kdb_vec *from, size_t nrows)
{
    kdb_vec *to = &s->chunk.cols[index];
    *to = *from;
    switch (s->query->convert[index]) {
    case KDBI_KEEP:
        return;
    case KDBI_RETYPE:
        break;
    case KDBI_WIDEN:
        widen(from, nrows, s->converted[index]);
        to->data = s->converted[index];
        break;
    case KDBI_DECIMAL_TO_DOUBLE:
        decimals_to_doubles(from, nrows, s->converted[index]);
        to->data = s->converted[index];
        break;
    }
    to->type = s->query->columns[index].type;
}

static const kdb_chunk *convert_chunk(shown *s, const kdb_chunk *from, size_t nrows)
{
    for (size_t i = 0; i < from->ncols; i++) {
        convert_column(s, i, &from->cols[i], nrows);
    }
    s->chunk.nrows = nrows;
    return &s->chunk;
}

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
    const kdbi_bound_query *query = &run->plan->query;
    const kdb_reply *reply = &exec->request->reply;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0); /* a batch may hold many a SELECT */
    shown s;
    shown_init(&s, query, arena);
    reply->rows_begin(reply->self, query->columns, query->ncolumns);
    uint64_t count = 0;
    bool truncated = false;
    while (!truncated) {
        const kdb_chunk *chunk = NULL;
        KDB_TRY(kdbi_run_fetch(run, &chunk, err));
        if (chunk->nrows == 0) {
            break;
        }
        size_t nrows = chunk->nrows;
        if (cap > 0 && count + nrows > cap) {
            nrows = (size_t)(cap - count);
            truncated = true;
        }
        if (nrows > 0) {
            KDB_TRY(reply->rows(reply->self, convert_chunk(&s, chunk, nrows), err));
        }
        count += nrows;
    }
    reply->rows_end(reply->self, count, truncated);
    return KDB_OK;
}

static kdb_status run_bound(kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    KDB_TRY(kdbi_plan_bind(exec->worker, plan, &exec->request->principal, err));
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
    KDB_TRY(kdbi_plan_get(exec->worker, KDB_SV("system"), sql, true, &plan, &owned, err));
    KDB_ASSERT(!owned);
    return run_bound(exec, plan, err);
}
