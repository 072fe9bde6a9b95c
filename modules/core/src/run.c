/* run.c - one execution of a bound query, natively where that is exact and in the engine else: a snapshot of the store, or
 * its transaction's with the rows that has written, the parameters with the values the server adds, and the scans that
 * feed the engine. Everything a scan needs of the session hangs off the run, so one prepared plan serves every user: the
 * user's rows are chosen here, when the scan opens. */
#include "core_int.h"

/* One slot being read. Has an arena of its own: scans of one execution open on different engine threads. */
typedef struct scan {
    kdb_arena *arena;
    kdb_table_scan *table;
    kdb_system_scan *system;
} scan;

static void scan_close(void *self, void *opened)
{
    (void)self;
    scan *s = opened;
    kdb_table_scan_free(s->table);
    kdb_system_scan_free(s->system);
    kdb_arena_free(s->arena);
}

static void scan_closep(scan **s)
{
    if (*s != NULL) {
        scan_close(NULL, *s);
    }
}

void kdbi_run_keys(const kdbi_run *run, size_t slot, kdb_arena *arena, kdb_key_set *out)
{
    if (slot == 0 && run->restrict_target != NULL) {
        *out = *run->restrict_target;
        return;
    }
    const kdb_table *table = run->plan->slots[slot].table;
    const kdb_bound_table *from = &run->plan->query.bound->tables[slot];
    const kdb_user_id user = table->type == KDB_TABLE_SHARED ? (kdb_user_id){ { NULL, 0 } } : run->principal->user;
    const kdb_row_filter *filter = run->filters == NULL ? NULL : run->filters[slot];
    if (filter == NULL || filter->npreds == 0) {
        kdb_table_key_set(table, user, from->preds, from->npreds, run->params, run->nparams, arena, out);
        return;
    }
    kdb_pred *preds = KDB_ARENA_ARRAY(arena, kdb_pred, from->npreds + filter->npreds);
    memcpy(preds, filter->preds, filter->npreds * sizeof(*preds));
    if (from->npreds != 0) {
        memcpy(preds + filter->npreds, from->preds, from->npreds * sizeof(*preds));
    }
    kdb_table_key_set(table, user, preds, filter->npreds + from->npreds, run->params, run->nparams, arena, out);
}

static const kdb_snapshot *snapshot_of(const kdbi_run *run)
{
    return run->txn != NULL ? run->txn->snapshot : run->snapshot;
}

const kdb_overlay *kdbi_run_overlay(const kdbi_run *run, const kdb_table *table)
{
    return run->txn == NULL ? NULL : kdbi_txn_overlay(run->txn, table, kdbi_exec_user(run->exec, table));
}

const kdb_snapshot *kdbi_run_snapshot(kdbi_run *run)
{
    if (run->txn == NULL && run->snapshot == NULL) {
        run->snapshot = kdb_snapshot_new(run->core->store);
    }
    return snapshot_of(run);
}

/* ---- what the engine's scans read: found before the run's snapshot is taken, so that both show one moment ---- */

static kdb_status find_source(kdbi_run *run, size_t slot, kdb_err *err)
{
    kdbi_source *source = &run->sources[slot];
    kdb_table *table = run->plan->slots[slot].table;
    if (table == NULL) {
        return KDB_OK;
    }
    kdbi_run_keys(run, slot, run->arena, &source->keys);
    if (run->txn != NULL || table->type == KDB_TABLE_STREAM || run->plan->query.bound->tables[slot].sees_deleted) {
        return KDB_OK;
    }
    const kdb_user_id user = kdbi_exec_user(run->exec, table);
    const kdb_walk_spec walk = {
        .store = run->core->store, .table = table, .user = user, .now_ms = run->now_us / 1000, .cold = run->core->cold
    };
    return kdbi_hot_cache_get(run->core->hot, &walk, user,
                              kdbi_hot_use_of(table, user, &source->keys, false, run->arena), &source->hot, err);
}

/* A snapshot taken while a partition was as it is in memory holds the same rows. */
static kdb_status find_sources(kdbi_run *run, kdb_err *err)
{
    run->arena = kdb_arena_new(0);
    run->nsources = run->plan->nslots;
    run->sources = KDB_ARENA_ARRAY(run->arena, kdbi_source, run->nsources + 1);
    for (size_t i = 0; i < run->nsources; i++) {
        KDB_TRY(find_source(run, i, err));
    }
    (void)kdbi_run_snapshot(run);
    for (size_t i = 0; i < run->nsources; i++) {
        kdbi_source *source = &run->sources[i];
        if (source->hot.rows != NULL && !kdbi_hot_cache_is_current(run->core->hot, &source->hot)) {
            kdb_hot_rows_unref(source->hot.rows);
            source->hot.rows = NULL;
        }
    }
    return KDB_OK;
}

static void sources_done(kdbi_run *run)
{
    kdbi_run_forget_direct(run);
    for (size_t i = 0; i < run->nsources; i++) {
        kdb_hot_rows_unref(run->sources[i].hot.rows);
    }
    kdb_arena_free(run->arena);
}

kdb_scan_spec kdbi_run_scan_spec(const kdbi_run *run, size_t slot)
{
    const kdb_bound *bound = run->plan->query.bound;
    const kdb_table *table = run->plan->slots[slot].table;
    const kdb_bound_table *from = &bound->tables[slot];
    return (kdb_scan_spec){ .store = run->core->store,
                            .table = table,
                            .filter = run->filters == NULL ? NULL : run->filters[slot],
                            .snapshot = snapshot_of(run),
                            .overlay = kdbi_run_overlay(run, table),
                            .sees_deleted = from->sees_deleted,
                            .now_ms = run->now_us / 1000,
                            .keys = run->sources[slot].keys,
                            .hot = run->sources[slot].hot.rows,
                            .max_readers = run->core->scan_threads,
                            .in_order = bound->scan_order,
                            .cold = run->core->cold,
                            .user = kdbi_exec_user(run->exec, table),
                            .preds = from->preds,
                            .npreds = from->npreds,
                            .params = run->params,
                            .nparams = run->nparams,
                            .direct = run->sources[slot].direct };
}

static kdb_status open_table(const kdbi_run *run, size_t slot, scan *s, const size_t *projection, size_t nprojection,
                             kdb_err *err)
{
    kdb_scan_spec spec = kdbi_run_scan_spec(run, slot);
    spec.projection = projection;
    spec.nprojection = nprojection;
    return kdb_table_scan_new(&spec, &s->table, err);
}

static kdb_status scan_open(void *self, size_t slot, const size_t *projection, size_t nprojection, void **out,
                            size_t *max_threads, kdb_err *err)
{
    const kdbi_run *run = self;
    kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(scan_closep) scan *s = KDB_ARENA_NEW(arena, scan);
    s->arena = arena;
    size_t *columns = KDB_ARENA_ARRAY(arena, size_t, nprojection + 1);
    if (nprojection > 0) {
        memcpy(columns, projection, nprojection * sizeof(*columns));
    }
    *max_threads = 1;
    const kdb_system_table_def *def = run->plan->slots[slot].def;
    if (def != NULL) {
        KDB_TRY(kdb_system_scan_open(run->core->system, def, run->principal, snapshot_of(run), columns, nprojection,
                                     &s->system, err));
    } else {
        KDB_TRY(open_table(run, slot, s, columns, nprojection, err));
        *max_threads = kdb_table_scan_readers(s->table);
    }
    *out = KDB_TAKE(s);
    return KDB_OK;
}

static kdb_status scan_open_local(void *self, void *opened, void **out, kdb_err *err)
{
    (void)self;
    scan *s = opened;
    if (s->system != NULL) {
        *out = s->system;
        return KDB_OK;
    }
    kdb_table_reader *reader = NULL;
    KDB_TRY(kdb_table_reader_new(s->table, &reader, err));
    *out = reader;
    return KDB_OK;
}

static kdb_status scan_next(void *self, void *opened, void *local, kdb_chunk *chunk, kdb_err *err)
{
    kdbi_run *run = self;
    const scan *s = opened;
    KDB_TRY(s->system != NULL ? kdb_system_scan_next(s->system, chunk, err) : kdb_table_reader_next(local, chunk, err));
    atomic_fetch_add_explicit(&run->scanned, chunk->nrows, memory_order_relaxed);
    return KDB_OK;
}

static void scan_close_local(void *self, void *opened, void *local)
{
    (void)self;
    const scan *s = opened;
    if (s->system == NULL) {
        kdb_table_reader_free(local);
    }
}

/* A plan whose extra cannot take the literal does not serve the text. */
static kdb_value literal_extra(const kdb_extra *extra, const kdb_value *literal)
{
    kdb_value value;
    const bool taken = kdb_extra_literal(extra, literal, &value);
    KDB_ASSERT(taken);
    return value;
}

kdb_value kdbi_exec_extra(const kdb_exec *exec, const kdb_extra *extra)
{
    const kdb_principal *principal = kdbi_exec_principal(exec);
    switch (extra->kind) {
    case KDB_EXTRA_NOW:
        return kdb_value_timestamp(exec->now_us);
    case KDB_EXTRA_CURRENT_USER:
        return kdb_value_text(principal->user.text);
    case KDB_EXTRA_CURRENT_ROLE:
        return kdb_value_text(kdb_sv_cstr(kdb_role_name(principal->role)));
    case KDB_EXTRA_LITERAL:
        KDB_ASSERT(exec->shape != NULL && extra->literal < exec->shape->nliterals);
        return literal_extra(extra, &exec->shape->literals[extra->literal].value);
    }
    return kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
}

const kdb_value *kdbi_run_params(const kdb_exec *exec, const kdbi_plan *plan, kdb_arena *arena, size_t *out_count)
{
    const kdb_bound *bound = plan->query.bound;
    const size_t own = plan->internal ? 0 : exec->request->nparams;
    kdb_value *params = KDB_ARENA_ARRAY(arena, kdb_value, own + bound->nextras + 1);
    for (size_t i = 0; i < own; i++) {
        params[i] = exec->request->params[i];
    }
    for (size_t i = 0; i < bound->nextras; i++) {
        params[own + i] = kdbi_exec_extra(exec, &bound->extras[i]);
    }
    *out_count = own + bound->nextras;
    return params;
}

static kdb_status start_native(kdbi_run *run, kdbi_plan *plan, kdb_err *err)
{
    const kdbi_native *native = run->core->use_native ? kdbi_native_get(plan, run->params, run->nparams) : NULL;
    if (native == NULL) {
        return KDB_OK;
    }
    run->result = kdbi_native_result(native);
    KDB_TRY(kdbi_native_start(native, run, &run->native, err));
    if (run->native != NULL) {
        atomic_fetch_add_explicit(&run->core->native, 1, memory_order_relaxed);
    }
    return KDB_OK;
}

static kdb_status start_engine(kdbi_run *run, kdbi_plan *plan, kdb_err *err)
{
    KDB_TRY(kdbi_plan_prepare(run->exec->worker, plan, err));
    KDB_TRY(find_sources(run, err));
    run->source = (kdb_scan_source){ run, scan_open, scan_open_local, scan_next, scan_close_local, scan_close };
    run->result = &plan->query.result;
    KDB_TRY(kdbi_run_execute(run, plan->query.engine_plan, err));
    if (plan->query.late) {
        kdbi_plan_describe(plan);
    }
    return KDB_OK;
}

/* ---- policies ---- */

static kdbi_policy_use policy_use_of(const kdbi_plan *plan, const kdbi_slot *slot)
{
    if (!slot->target) {
        return KDBI_POLICY_READ;
    }
    return plan->stmt->kind == KDB_STMT_DELETE ? KDBI_POLICY_DELETE_OLD : KDBI_POLICY_UPDATE_OLD;
}

/* Here and not where scans open: those are on the engine's threads. */
static kdb_status set_filters(kdbi_run *run, kdb_err *err)
{
    const kdbi_plan *plan = run->plan;
    for (size_t i = 0; i < plan->nslots; i++) {
        const kdbi_slot *slot = &plan->slots[i];
        if (slot->table == NULL || !kdbi_policy_binds(run->principal->role, slot->table)) {
            continue;
        }
        if (run->filters == NULL) {
            run->filters = KDB_ARENA_ARRAY(run->exec->arena, const kdb_row_filter *, plan->nslots);
        }
        KDB_TRY(kdbi_policies_filter(slot->policies, run->exec, policy_use_of(plan, slot), run->exec->arena,
                                     &run->filters[i], err));
    }
    return KDB_OK;
}

kdb_status kdbi_run_init(kdbi_run *run, kdb_exec *exec, kdbi_plan *plan, const kdb_key_set *restrict_target,
                         kdb_err *err)
{
    *run = (kdbi_run){ .core = exec->core,
                       .exec = exec,
                       .plan = plan,
                       .principal = kdbi_exec_principal(exec),
                       .txn = plan->internal ? NULL : exec->txn,
                       .now_us = exec->now_us,
                       .restrict_target = restrict_target };
    run->params = kdbi_run_params(exec, plan, exec->arena, &run->nparams);
    return set_filters(run, err);
}

kdb_status kdbi_run_start(kdbi_run *run, kdb_exec *exec, kdbi_plan *plan, const kdb_key_set *restrict_target,
                          kdb_err *err)
{
    KDB_TRY(kdbi_run_init(run, exec, plan, restrict_target, err));
    KDB_TRY(start_native(run, plan, err));
    return run->native != NULL ? KDB_OK : start_engine(run, plan, err);
}

kdb_status kdbi_run_fetch(kdbi_run *run, const kdb_chunk **out, kdb_err *err)
{
    return run->native != NULL ? kdbi_native_fetch(run->native, out, err) : kdb_engine_fetch(run->cursor, out, err);
}

kdb_status kdbi_run_fetch_first(kdbi_run *run, const kdb_chunk **out, kdb_err *err)
{
    KDB_TRY(kdbi_run_fetch(run, out, err));
    if (!kdbi_plan_is_current(run->core, run->plan)) {
        run->exec->stale = true;
        return KDB_FAIL(err, KDB_CONFLICT, "A table was changed while the statement began");
    }
    return KDB_OK;
}

uint64_t kdbi_run_rows_read(const kdbi_run *run)
{
    return run->native != NULL ? kdbi_native_rows_read(run->native)
                               : atomic_load_explicit(&run->scanned, memory_order_relaxed);
}

void kdbi_run_done(kdbi_run *run)
{
    kdbi_native_run_free(run->native);
    kdb_engine_cursor_free(run->cursor);
    sources_done(run);
    kdb_snapshot_free(run->snapshot);
    *run = (kdbi_run){ 0 };
}
