/* native_run.c - one execution of a natively compiled query: walks the keys, filters, computes, skips, counts or sorts, and
 * hands out chunks. Rows are looked at one by one, so a LIMIT ends the walk and memory holds one chunk at most. */
#include "native_int.h"

enum {
    FIRST_CHUNK_ROWS = 64,    /* most results are short */
    TOP_ROWS_MAX = 10000,     /* rows kept sorted; more are the engine's */
    TOP_BYTES_MAX = 64 << 20, /* and what they may take */
    CHECK_EVERY_ROWS = 512,   /* between looks at the clock */
    LANE_ROWS_MAX = 128,      /* that a net thread may look at */
    CHUNK_BYTES_MAX = 4 << 20 /* rows of this many bytes end a chunk early */
};

struct kdbi_native_run {
    const kdbi_native *native;
    kdbi_run *run;
    kdbi_native_memory *memory; /* the worker's */
    kdb_row_walk *walk;         /* NULL: no table */
    kdb_expr_row row;
    const kdb_row_filter *filter; /* which rows are there for this user; NULL: all */
    const kdb_expr_consts *where;
    const kdb_expr_consts **targets; /* by target; NULL for columns */
    const kdb_expr_consts **sort;
    uint64_t skip; /* rows of OFFSET still to pass over */
    uint64_t left; /* rows LIMIT still allows */
    size_t chunk_rows;
    uint64_t walked; /* steps, the last one included */
    uint64_t read;   /* rows the steps found that are there for this user */
    bool ended;
    kdb_hot_rows *hot; /* a reference: what the walk reads, or NULL */
    bool keeps;        /* the bytes of the rows, which are to be changed: */
    kdb_sv *bytes;     /* of the chunk's rows */
    bool sieved;  /* the walk stops only at rows that are there and may meet the WHERE; all have been counted as read */
    bool decided; /* and those do meet it */
    kdbi_top *top;
    const kdb_vec *lead; /* the first column sorted by, when rows may be turned away by it alone; else NULL */
    size_t top_at;
};

/* ---- start ---- */

static kdb_value column_of(void *walk, uint32_t column)
{
    return kdb_row_walk_value(walk, column);
}

/* A count of LIMIT or OFFSET; false for what is none. */
static bool read_count(const kdbi_run *run, const kdb_node *node, uint64_t none, uint64_t *out)
{
    if (node == NULL) {
        *out = none;
        return true;
    }
    const kdb_value *value = node->kind == KDB_NODE_PARAM ? &run->params[node->param - 1] : &node->value;
    if (node->kind != KDB_NODE_PARAM && node->kind != KDB_NODE_LITERAL) {
        return false;
    }
    if (value->is_null) {
        *out = none;
        return true;
    }
    const bool small = value->type.kind == KDB_TYPE_INT;
    if (!small && value->type.kind != KDB_TYPE_BIGINT) {
        return false;
    }
    const int64_t count = small ? value->as.i32 : value->as.i64;
    *out = (uint64_t)count;
    return count >= 0;
}

static kdb_status bind_constants(kdbi_native_run *r, kdb_err *err)
{
    const kdbi_native *native = r->native;
    const kdb_value *params = r->run->params;
    if (native->where != NULL) {
        KDB_TRY(kdb_expr_bind(native->where, params, native->nparams, r->memory->run, &r->where, err));
    }
    r->targets = KDB_ARENA_ARRAY(r->memory->run, const kdb_expr_consts *, native->ntargets + 1);
    for (size_t i = 0; i < native->ntargets; i++) {
        if (native->targets[i].expr != NULL) {
            KDB_TRY(
                kdb_expr_bind(native->targets[i].expr, params, native->nparams, r->memory->run, &r->targets[i], err));
        }
    }
    r->sort = KDB_ARENA_ARRAY(r->memory->run, const kdb_expr_consts *, native->nsort + 1);
    for (size_t i = 0; i < native->nsort; i++) {
        KDB_TRY(kdb_expr_bind(native->sort[i], params, native->nparams, r->memory->run, &r->sort[i], err));
    }
    return KDB_OK;
}

/* A single get and a walk along one iterator see one instant by themselves. */
static bool needs_snapshot(const kdb_walk_spec *spec)
{
    return spec->by_seq || (spec->keys.points && spec->keys.nkeys > 1);
}

static void mark_filter(const kdb_row_filter *filter, bool *used)
{
    for (size_t i = 0; filter != NULL && i < filter->ngroups; i++) {
        for (size_t j = 0; j < filter->groups[i].ntests; j++) {
            kdb_expr_columns(filter->groups[i].tests[j].expr, used);
        }
    }
}

/* Marks what every row is asked for. */
static void decode_hot(const kdbi_native_run *r)
{
    const kdbi_native *native = r->native;
    bool used[native->table->schema->ncolumns + 3];
    memset(used, 0, sizeof used);
    mark_filter(r->filter, used);
    if (native->where != NULL) {
        kdb_expr_columns(native->where, used);
    }
    for (size_t i = 0; i < native->nsort; i++) {
        kdb_expr_columns(native->sort[i], used);
    }
    for (uint32_t i = 0; i < native->table->schema->ncolumns + 2; i++) {
        if (used[i]) {
            kdb_hot_rows_decode(r->hot, i);
        }
    }
}

static kdbi_hot_use use_of(const kdbi_native_run *r, const kdb_walk_spec *spec)
{
    const kdb_table *table = r->native->table;
    if (spec->by_seq) {
        return spec->whole ? KDBI_HOT_ALL : KDBI_HOT_END;
    }
    return kdbi_hot_use_of(table, kdbi_exec_user(r->run->exec, table), &spec->keys, !spec->whole, r->memory->run);
}

/* The caller's rows may be in memory. */
static kdb_status find_hot(kdbi_native_run *r, kdb_walk_spec *spec, kdbi_hot_use use, kdb_err *err)
{
    const kdbi_native *native = r->native;
    if (spec->by_seq || r->run->txn != NULL || spec->sees_deleted || native->table->type == KDB_TABLE_STREAM ||
        (use == KDBI_HOT_ALL && r->run->exec->in_lane)) {
        return KDB_OK;
    }
    kdbi_hot_state state;
    const kdb_user_id user = kdbi_exec_user(r->run->exec, native->table);
    KDB_TRY(kdbi_hot_cache_get(r->run->core->hot, spec, user, use, &state, err));
    r->hot = state.rows;
    spec->hot = state.rows;
    if (r->hot != NULL && !spec->keys.points && !r->run->exec->in_lane) { /* a lane looks at few of them */
        decode_hot(r);
    }
    return KDB_OK;
}

/* Who wants all rows of a range finds those that are there and meet the WHERE many at a time. */
static bool is_worth_sieving(const kdbi_native_run *r, const kdb_walk_spec *spec)
{
    const bool some = r->left != UINT64_MAX && r->top == NULL;
    return (r->native->where != NULL || r->filter != NULL) && !spec->keys.points && !some && !r->run->exec->in_lane;
}

/* True when the rows left pass the filter, so that they need not be asked one by one. */
static bool sieve_filter(const kdbi_native_run *r, size_t from, size_t to, uint64_t *bits)
{
    bool decided = true;
    for (size_t i = 0; r->filter != NULL && i < r->filter->ngroups; i++) {
        const kdb_row_tests *group = &r->filter->groups[i];
        const kdb_row_test *test = group->tests;
        decided =
            group->ntests == 1 && kdb_expr_sieve(test->expr, test->consts, r->row.columns, from, to, bits) && decided;
    }
    return decided;
}

/* Of rows [from, to), which are some. */
static uint64_t count_bits(const uint64_t *bits, size_t from, size_t to)
{
    const size_t first = from >> 6, last = (to - 1) >> 6;
    uint64_t count = 0;
    for (size_t w = first; w <= last; w++) {
        const uint64_t below = w == first ? UINT64_MAX << (from & 63) : UINT64_MAX;
        const uint64_t above = w == last ? UINT64_MAX >> (63 - ((to - 1) & 63)) : UINT64_MAX;
        count += (uint64_t)__builtin_popcountll(bits[w] & below & above);
    }
    return count;
}

static void sieve_rows(kdbi_native_run *r, const kdb_walk_spec *spec)
{
    size_t from = 0, to = 0;
    if (!is_worth_sieving(r, spec)) {
        return;
    }
    kdb_row_walk_extent(r->walk, &from, &to);
    if (from >= to) {
        return;
    }
    const size_t words = (to + 63) / 64;
    uint64_t *bits = kdb_arena_alloc_raw(r->memory->run, words * sizeof(*bits));
    memset(bits, 0xFF, words * sizeof(*bits));
    r->sieved = sieve_filter(r, from, to, bits);
    if (r->sieved) { /* else the WHERE has to wait: nothing may be asked of rows that are not there */
        r->read += r->filter == NULL ? to - from : count_bits(bits, from, to);
        r->decided =
            r->native->where == NULL || kdb_expr_sieve(r->native->where, r->where, r->row.columns, from, to, bits);
    }
    kdb_row_walk_sieve(r->walk, bits);
}

/* Who wants all rows of a range of which some are cold reads them by the column, as the engine does. */
static kdb_status is_for_the_engine(const kdbi_native_run *r, const kdb_walk_spec *spec, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    *out = false;
    if (spec->hot != NULL || spec->keys.points || !spec->whole || spec->cold == NULL) {
        return KDB_OK;
    }
    const kdb_snapshot *snapshot = r->run->txn != NULL ? kdbi_run_snapshot(r->run) : NULL;
    KDB_TRY(kdb_manifest_get(spec->cold, snapshot, spec->table, spec->user, spec->memory_only, &manifest, err));
    *out = manifest != NULL && kdb_manifest_meets(manifest, spec->keys.from, spec->keys.to);
    return *out && r->run->exec->in_lane ? KDB_FAIL(err, KDB_WOULD_BLOCK, "cold rows are read by a worker") : KDB_OK;
}

static bool finds_rows_to_change(const kdbi_plan *plan)
{
    return plan->stmt->kind == KDB_STMT_UPDATE || plan->stmt->kind == KDB_STMT_DELETE;
}

/* *out_left: the engine has to run it. */
static kdb_status open_walk(kdbi_native_run *r, bool *out_left, kdb_err *err)
{
    const kdbi_native *native = r->native;
    kdbi_run *run = r->run;
    kdb_walk_spec spec = { .store = run->core->store,
                           .table = native->table,
                           .decoder = native->decoder,
                           .scratch = r->memory->scratch,
                           .by_seq = native->order == KDBI_ORDER_SEQ_UP || native->order == KDBI_ORDER_SEQ_DOWN,
                           .descending = native->order == KDBI_ORDER_KEY_DOWN || native->order == KDBI_ORDER_SEQ_DOWN,
                           .sees_deleted = native->sees_deleted,
                           .memory_only = run->exec->in_lane,
                           .whole = r->left == UINT64_MAX || r->top != NULL,
                           .now_ms = run->now_us / 1000,
                           .cold = run->core->cold,
                           .user = kdbi_exec_user(run->exec, native->table) };
    if (!spec.by_seq) {
        kdbi_run_keys(run, 0, r->memory->run, &spec.keys);
    }
    spec.overlay = kdbi_run_overlay(run, native->table);
    const kdbi_hot_use use = use_of(r, &spec);
    KDB_TRY(find_hot(r, &spec, use, err));
    KDB_TRY(is_for_the_engine(r, &spec, out_left, err));
    if (*out_left) {
        return KDB_OK;
    }
    if (run->txn != NULL || (spec.hot == NULL && needs_snapshot(&spec))) {
        spec.snapshot = kdbi_run_snapshot(run);
    }
    spec.whole = use == KDBI_HOT_ALL; /* a part is worth a place in the block cache */
    r->chunk_rows = run->exec->in_lane ? LANE_ROWS_MAX : FIRST_CHUNK_ROWS;
    KDB_TRY(kdb_row_walk_new(&spec, r->memory->run, &r->walk, err));
    r->row = (kdb_expr_row){ .self = r->walk, .column = column_of };
    r->keeps = r->hot == NULL && finds_rows_to_change(run->plan);
    if (r->hot != NULL) {
        r->row.columns = kdb_row_walk_columns(r->walk);
        sieve_rows(r, &spec);
    }
    return KDB_OK;
}

/* False: the engine has to run it. */
static bool plan_counts(kdbi_native_run *r)
{
    if (!read_count(r->run, r->native->limit, UINT64_MAX, &r->left) ||
        !read_count(r->run, r->native->offset, 0, &r->skip)) {
        return false;
    }
    if (r->native->order != KDBI_ORDER_SORT) {
        return true;
    }
    if (r->left > TOP_ROWS_MAX || r->skip > TOP_ROWS_MAX - r->left) {
        return false;
    }
    r->top = kdbi_top_new(r->native, (size_t)(r->left + r->skip));
    return true;
}

static kdb_status fill_top(kdbi_native_run *r, bool *out_too_large, kdb_err *err);

static kdbi_native_memory *take_memory(kdbi_worker *worker)
{
    kdbi_native_memory *memory = worker->native_memory;
    if (memory == NULL) {
        memory = worker->native_memory = KDB_NEW(kdbi_native_memory);
        memory->run = kdb_arena_new(0);
        memory->row = kdb_arena_new(0);
        memory->scratch = kdb_arena_new(0);
        memory->chunk = kdb_arena_new(0);
    }
    KDB_ASSERT(!memory->used);
    memory->used = true;
    return memory;
}

void kdbi_native_memory_free(kdbi_native_memory *memory)
{
    if (memory != NULL) {
        kdb_arena_free(memory->run);
        kdb_arena_free(memory->row);
        kdb_arena_free(memory->scratch);
        kdb_arena_free(memory->chunk);
        kdb_free(memory);
    }
}

kdb_status kdbi_native_start(const kdbi_native *native, kdbi_run *run, kdbi_native_run **out, kdb_err *err)
{
    kdbi_native_memory *memory = take_memory(run->exec->worker);
    KDB_CLEANUP(kdbi_native_run_freep) kdbi_native_run *r = KDB_ARENA_NEW(memory->run, kdbi_native_run);
    r->memory = memory;
    r->native = native;
    r->run = run;
    r->filter = run->filters == NULL ? NULL : run->filters[0];
    if (!plan_counts(r)) {
        return KDB_OK;
    }
    KDB_TRY(bind_constants(r, err));
    bool left = false; /* to the engine */
    if (native->table != NULL) {
        KDB_TRY(open_walk(r, &left, err));
    }
    if (r->top != NULL && !left) {
        KDB_TRY(fill_top(r, &left, err));
    }
    *out = left ? NULL : KDB_TAKE(r);
    return KDB_OK;
}

uint64_t kdbi_native_rows_read(const kdbi_native_run *run)
{
    return run->read;
}

void kdbi_native_run_free(kdbi_native_run *r)
{
    if (r == NULL) {
        return;
    }
    kdbi_top_free(r->top);
    kdb_row_walk_done(r->walk);
    kdb_hot_rows_unref(r->hot);
    kdbi_native_memory *memory = r->memory;
    kdb_arena_reset(memory->row);
    kdb_arena_reset(memory->scratch);
    kdb_arena_reset(memory->chunk);
    kdb_arena_reset(memory->run); /* and with it `r` */
    memory->used = false;
}

/* ---- rows ---- */

static kdb_status move(kdbi_native_run *r, bool *out_more, kdb_err *err)
{
    if (r->walk == NULL) {
        *out_more = r->walked == 1; /* no FROM: one row */
        return KDB_OK;
    }
    KDB_TRY(kdb_row_walk_next(r->walk, out_more, err));
    if (r->hot != NULL) {
        r->row.at = kdb_row_walk_at(r->walk);
    }
    return KDB_OK;
}

/* A walk has looked at another row. */
static kdb_status check_walk(const kdbi_native_run *r, kdb_err *err)
{
    if (r->walked > LANE_ROWS_MAX && r->run->exec->in_lane) {
        return KDB_FAIL(err, KDB_LIMIT, "more rows than a net thread may look at");
    }
    return r->walked % CHECK_EVERY_ROWS == 0 ? kdbi_exec_check_running(r->run->exec, err) : KDB_OK;
}

/* The filter comes first: nothing else may be asked of a row that is not there. */
static kdb_status match_row(kdbi_native_run *r, bool *out_match, kdb_err *err)
{
    *out_match = true;
    if (r->filter != NULL && !r->sieved) {
        KDB_TRY(kdb_row_filter_admits(r->filter, &r->row, r->memory->row, out_match, err));
    }
    r->read += *out_match && !r->sieved;
    if (*out_match && r->native->where != NULL && !r->decided) {
        KDB_TRY(kdb_expr_matches(r->native->where, r->where, &r->row, r->memory->row, out_match, err));
    }
    return KDB_OK;
}

/* Moves to the next row that meets the WHERE. */
static kdb_status next_match(kdbi_native_run *r, bool *out_more, kdb_err *err)
{
    for (;;) {
        r->walked++;
        KDB_TRY(check_walk(r, err));
        KDB_TRY(move(r, out_more, err));
        if (kdb_arena_used(r->memory->row) != 0) {
            kdb_arena_reset(r->memory->row);
        }
        bool match = true;
        if (*out_more) {
            KDB_TRY(match_row(r, &match, err));
        }
        if (match) {
            return KDB_OK;
        }
    }
}

static kdb_status target_value(kdbi_native_run *r, size_t index, kdb_value *out, kdb_err *err)
{
    const kdbi_native_target *target = &r->native->targets[index];
    if (target->expr == NULL) {
        *out = kdb_row_walk_value(r->walk, (uint32_t)target->field);
        return KDB_OK;
    }
    return kdb_expr_eval(target->expr, r->targets[index], &r->row, r->memory->row, out, err);
}

static kdb_chunk *new_chunk(kdbi_native_run *r, size_t rows)
{
    kdb_arena_reset(r->memory->chunk);
    kdb_type *types = KDB_ARENA_ARRAY(r->memory->chunk, kdb_type, r->native->ntargets + 1);
    for (size_t i = 0; i < r->native->ntargets; i++) {
        types[i] = r->native->targets[i].type;
    }
    return kdb_chunk_new_sized(r->memory->chunk, types, r->native->ntargets, rows);
}

/* ---- COUNT(*) ---- */

static kdb_status count_rows(kdbi_native_run *r, kdb_chunk *chunk, kdb_err *err)
{
    int64_t count = 0;
    for (bool more = true;; count++) {
        KDB_TRY(next_match(r, &more, err));
        if (!more) {
            break;
        }
    }
    r->ended = true;
    if (r->skip == 0 && r->left > 0) {
        const kdb_value value = kdb_value_bigint(count);
        kdb_vec_put(&chunk->cols[0], chunk->nrows++, &value);
    }
    return KDB_OK;
}

/* ---- sorted rows ---- */

static kdb_status offer_row(kdbi_native_run *r, kdb_value *sort, kdb_value *cells, kdb_err *err)
{
    for (size_t i = 0; i < r->native->nsort; i++) {
        KDB_TRY(kdb_expr_eval(r->native->sort[i], r->sort[i], &r->row, r->memory->row, &sort[i], err));
    }
    /* What may fail is computed for all rows, as its errors are the statement's whatever the row's place. */
    for (size_t i = 0; i < r->native->ntargets; i++) {
        if (r->native->targets[i].can_fail) {
            KDB_TRY(target_value(r, i, &cells[i], err));
        }
    }
    if (!kdbi_top_wants(r->top, sort)) {
        return KDB_OK;
    }
    if (r->hot != NULL) { /* the cells of the rows that stay are read in the end */
        kdbi_top_put(r->top, sort, NULL, r->row.at);
        return KDB_OK;
    }
    for (size_t i = 0; i < r->native->ntargets; i++) {
        if (!r->native->targets[i].can_fail) {
            KDB_TRY(target_value(r, i, &cells[i], err));
        }
    }
    kdbi_top_put(r->top, sort, cells, 0);
    return KDB_OK;
}

/* What may fail is computed for every row, so then no row may be turned away before. */
static const kdb_vec *find_lead(const kdbi_native_run *r)
{
    const int32_t column = kdb_expr_column(r->native->sort[0]);
    bool can_fail = false;
    for (size_t i = 0; i < r->native->ntargets; i++) {
        can_fail = can_fail || r->native->targets[i].can_fail;
    }
    for (size_t i = 0; i < r->native->nsort; i++) {
        can_fail = can_fail || kdb_expr_can_fail(r->native->sort[i]);
    }
    return column < 0 || can_fail || r->row.columns == NULL ? NULL : r->row.columns[column];
}

static kdb_status fill_top(kdbi_native_run *r, bool *out_too_large, kdb_err *err)
{
    r->lead = find_lead(r);
    kdb_value *sort = KDB_ARENA_ARRAY(r->memory->run, kdb_value, r->native->nsort + 1);
    kdb_value *cells = KDB_ARENA_ARRAY(r->memory->run, kdb_value, r->native->ntargets + 1);
    for (bool more = true;;) {
        KDB_TRY(next_match(r, &more, err));
        if (!more) {
            break;
        }
        if (r->lead != NULL && kdbi_top_is_past(r->top, r->lead, r->row.at)) {
            continue;
        }
        KDB_TRY(offer_row(r, sort, cells, err));
        if (kdbi_top_bytes(r->top) > TOP_BYTES_MAX) {
            *out_too_large = true;
            return KDB_OK;
        }
    }
    kdbi_top_finish(r->top);
    r->top_at = (size_t)r->skip;
    return KDB_OK;
}

/* Aligned, as rows that are read must be. */
static kdb_sv copy_bytes(const kdbi_native_run *r)
{
    const kdb_sv row = kdb_row_walk_bytes(r->walk);
    return kdb_sv_of(memcpy(kdb_arena_alloc_raw(r->memory->chunk, row.len), row.ptr, row.len), row.len);
}

static kdb_status put_row(kdbi_native_run *r, kdb_chunk *chunk, size_t *bytes, kdb_err *err)
{
    if (r->bytes != NULL) {
        r->bytes[chunk->nrows] = copy_bytes(r);
        *bytes += r->bytes[chunk->nrows].len;
    }
    for (size_t i = 0; i < r->native->ntargets; i++) {
        kdb_value value;
        KDB_TRY(target_value(r, i, &value, err));
        kdb_vec_put(&chunk->cols[i], chunk->nrows, &value);
        *bytes += kdb_value_bytes(&value);
    }
    chunk->nrows++;
    return KDB_OK;
}

static kdb_status put_sorted_row(kdbi_native_run *r, kdb_chunk *chunk, size_t *bytes, kdb_err *err)
{
    size_t row = 0;
    const kdb_value *cells = kdbi_top_cells(r->top, r->top_at++, &row);
    if (cells == NULL) {
        kdb_arena_reset(r->memory->row);
        kdb_row_walk_go(r->walk, row);
        r->row.at = row;
        return put_row(r, chunk, bytes, err);
    }
    for (size_t i = 0; i < r->native->ntargets; i++) {
        kdb_vec_put(&chunk->cols[i], chunk->nrows, &cells[i]);
        *bytes += kdb_value_bytes(&cells[i]);
    }
    chunk->nrows++;
    return KDB_OK;
}

static kdb_status put_sorted(kdbi_native_run *r, kdb_chunk *chunk, size_t rows, kdb_err *err)
{
    size_t bytes = 0;
    while (chunk->nrows < rows && bytes < CHUNK_BYTES_MAX && r->top_at < kdbi_top_count(r->top)) {
        KDB_TRY(put_sorted_row(r, chunk, &bytes, err));
    }
    r->ended = r->top_at >= kdbi_top_count(r->top);
    bool more = false;
    return r->hot == NULL ? KDB_OK : kdb_row_walk_next(r->walk, &more, err); /* fails if a value was damaged */
}

/* ---- rows as they come ---- */

static kdb_status put_rows(kdbi_native_run *r, kdb_chunk *chunk, size_t rows, kdb_err *err)
{
    size_t bytes = 0;
    while (chunk->nrows < rows && bytes < CHUNK_BYTES_MAX) {
        bool more = r->left > 0;
        if (more) {
            KDB_TRY(next_match(r, &more, err));
        }
        if (!more) {
            r->ended = true;
            return KDB_OK;
        }
        if (r->skip > 0) {
            r->skip--;
            continue;
        }
        KDB_TRY(put_row(r, chunk, &bytes, err));
        r->left--;
    }
    return KDB_OK;
}

const kdb_sv *kdbi_native_bytes(const kdbi_native_run *r)
{
    return r->bytes;
}

bool kdbi_native_is_through(const kdbi_native_run *r)
{
    return r->ended || r->left == 0 || (r->top != NULL && r->top_at >= kdbi_top_count(r->top));
}

kdb_status kdbi_native_fetch(kdbi_native_run *r, const kdb_chunk **out, kdb_err *err)
{
    size_t rows = r->native->count || r->native->table == NULL ? 1 : r->chunk_rows;
    rows = r->left < rows && r->left > 0 ? (size_t)r->left : rows;
    kdb_chunk *chunk = new_chunk(r, rows);
    r->bytes = r->keeps ? KDB_ARENA_ARRAY(r->memory->chunk, kdb_sv, rows) : NULL;
    *out = chunk;
    r->chunk_rows = r->chunk_rows * 4 < KDB_CHUNK_ROWS ? r->chunk_rows * 4 : KDB_CHUNK_ROWS;
    if (r->ended) {
        return KDB_OK;
    }
    if (r->native->count) {
        return count_rows(r, chunk, err);
    }
    if (r->top != NULL) {
        return put_sorted(r, chunk, rows, err);
    }
    return put_rows(r, chunk, rows, err);
}
