/* stmt_change.c - UPDATE and DELETE. WHERE and SET run as a SELECT through the engine, on a snapshot and without locks.
 * Then the keys found are locked and every row is read again: where its `_seq` is still the one the SELECT saw, the
 * result holds; the rest are evaluated again under the locks, restricted to their keys, so that no change is lost and no
 * row is changed that does not match any more. */
#include "core_int.h"

#include <stdlib.h>

enum { COLUMN_KEY, COLUMN_SEQ, COLUMN_FIRST_SET };
/* Of the rows found, kept so that they need not be read again under the locks. */
enum { READ_BYTES_MAX = 1 << 20 };

/* The table columns that SET names, by position. */
typedef struct setter {
    kdb_exec *exec;
    kdbi_write *write;
    const kdb_change *change;
    const uint32_t *columns;
    kdbi_cells cells;
    kdb_value *values; /* under the locks: the row being made */
} setter;

static kdb_status check_set_column(const kdb_table *table, const kdb_table_name *column, uint32_t index, kdb_err *err)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->key[i] == index) {
            return KDB_FAIL_AT(err, column->position, KDB_INVALID_OPERATION,
                               "UPDATE cannot modify primary key column '%.*s'", KDB_SV_ARG(column->name));
        }
    }
    return KDB_OK;
}

kdb_status kdbi_map_set(const kdb_table *table, const kdb_table_name *names, size_t count, kdb_arena *arena,
                        const uint32_t **out, kdb_err *err)
{
    uint32_t *columns = KDB_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        KDB_TRY(kdbi_find_column(table, &names[i], "update", &columns[i], err));
        KDB_TRY(check_set_column(table, &names[i], columns[i], err));
        for (size_t j = 0; j < i; j++) {
            if (columns[j] == columns[i]) {
                return KDB_FAIL_AT(err, names[i].position, KDB_STMT_INVALID_SQL,
                                   "Multiple assignments to column '%.*s'", KDB_SV_ARG(names[i].name));
            }
        }
    }
    *out = columns;
    return KDB_OK;
}

/* ---- evaluation: which rows, and what they become ---- */

kdb_status kdbi_set_value(const kdb_column *column, const kdb_value *value, size_t row, kdb_arena *arena,
                          kdb_value *out, kdb_err *err)
{
    const kdb_status status = kdb_value_coerce(value, column->type, arena, out, err);
    if (status != KDB_OK) {
        kdbi_coercion_error(err, column);
        return status;
    }
    if (out->is_null && column->not_null) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "NOT NULL constraint violation: column '%.*s' cannot be NULL (row %zu)",
                        KDB_SV_ARG(column->name), row);
    }
    return KDB_OK;
}

static kdb_status read_set(const setter *s, const kdb_chunk *chunk, size_t row, const kdb_value **out, kdb_err *err)
{
    kdb_arena *arena = s->write->arena;
    kdbi_cells cells = s->cells;
    cells.exprs = chunk;
    cells.row = row;
    kdb_value *set = KDB_ARENA_ARRAY(arena, kdb_value, s->change->ncolumns + 1);
    for (size_t i = 0; i < s->change->ncolumns; i++) {
        const kdb_column *column = &s->write->table->schema->columns[s->columns[i]];
        const kdb_value value = kdbi_cell_value(&cells, &s->change->cells[i], column);
        kdb_value coerced;
        const kdb_status status = kdbi_set_value(column, &value, s->write->nrows + 1, arena, &coerced, err);
        if (status != KDB_OK) {
            return kdbi_cell_failed(&s->change->cells[i], status, err);
        }
        set[i] = kdb_value_dup(&coerced, arena);
        KDB_TRY(kdbi_write_charge(s->write, kdb_value_bytes(&set[i]), err));
    }
    *out = set;
    return KDB_OK;
}

/* The row's bytes, if they are to be kept. Aligned, as rows that are read must be. */
static kdb_sv keep_bytes(kdbi_write *write, kdb_sv bytes)
{
    if (write->read_at == 0 || bytes.len == 0 || write->read_bytes + bytes.len > READ_BYTES_MAX) {
        return (kdb_sv){ NULL, 0 };
    }
    write->read_bytes += bytes.len;
    return kdb_sv_of(memcpy(kdb_arena_alloc_raw(write->arena, bytes.len), bytes.ptr, bytes.len), bytes.len);
}

/* `stored`: the chunk's rows as they are stored, or NULL. `seen`: the keys so far; NULL: none comes twice. */
static kdb_status read_row(const setter *s, const kdb_chunk *chunk, size_t row, const kdb_sv *stored, kdb_map *seen,
                           kdb_err *err)
{
    const kdb_value key = kdb_vec_get(&chunk->cols[COLUMN_KEY], row);
    const kdb_value seq = kdb_vec_get(&chunk->cols[COLUMN_SEQ], row);
    if (seen != NULL && kdb_map_put(seen, key.as.bytes, seen) != NULL) {
        return KDB_OK; /* a join gave the row twice: the first wins */
    }
    const kdb_value *set = NULL;
    KDB_TRY(read_set(s, chunk, row, &set, err));
    kdbi_row_write *out = NULL;
    KDB_TRY(kdbi_write_add(s->write, key.as.bytes.len + s->change->ncolumns * sizeof(kdb_value), &out, err));
    out->key = kdb_sv_dup(s->write->arena, key.as.bytes);
    out->read_seq = (uint64_t)seq.as.i64;
    out->read_row = keep_bytes(s->write, stored == NULL ? (kdb_sv){ NULL, 0 } : stored[row]);
    out->set = set;
    return KDB_OK;
}

/* Appends the rows that match now to the write; all of them, or those of `only`. A walk over one table meets none twice. */
static kdb_status evaluate(setter *s, kdbi_plan *plan, const kdb_key_set *only, kdb_err *err)
{
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    KDB_TRY(kdbi_run_start(&run, s->exec, plan, only, err));
    KDB_CLEANUP(kdb_map_freep) kdb_map *seen = run.native == NULL ? kdb_map_new() : NULL;
    for (;;) {
        const kdb_chunk *chunk = NULL;
        KDB_TRY(kdbi_run_fetch(&run, &chunk, err));
        if (chunk->nrows == 0) {
            return KDB_OK;
        }
        const kdb_sv *stored = run.native == NULL ? NULL : kdbi_native_bytes(run.native);
        for (size_t row = 0; row < chunk->nrows; row++) {
            KDB_TRY(read_row(s, chunk, row, stored, seen, err));
        }
    }
}

/* ---- under the locks ---- */

kdb_status kdbi_make_update(kdbi_write *write, kdbi_row_write *row, const kdb_row *old, const uint32_t *columns,
                            size_t ncolumns, kdb_value *values, kdb_err *err)
{
    bool changed = false;
    KDB_TRY(kdb_row_values(write->table, old, write->arena, values, err));
    for (size_t i = 0; i < ncolumns; i++) {
        changed = changed || !kdb_value_same(&values[columns[i]], &row->set[i]);
        values[columns[i]] = row->set[i];
    }
    KDB_TRY(kdbi_policy_check(write, write->may_update, values, "", err));
    row->skip = !changed;
    return changed ? kdb_row_encode(write->table, values, 0, false, write->arena, &row->row, err) : KDB_OK;
}

/* What becomes of one row, given its present version. */
static kdb_status apply(const setter *s, kdbi_row_write *row, const kdb_row *old, kdb_err *err)
{
    row->old_row = old->bytes;
    row->old_seq = old->seq;
    row->shown = true;
    if (row->op == KDB_CHANGE_UPDATE) {
        KDB_TRY(kdbi_make_update(s->write, row, old, s->columns, s->change->ncolumns, s->values, err));
    } else if (s->write->table->type != KDB_TABLE_STREAM) {
        row->row = kdb_row_restamp(old, 0, true, s->write->arena);
    }
    const size_t bytes = row->row.len > old->bytes.len ? row->row.len : old->bytes.len; /* both are kept */
    return kdbi_write_charge(s->write, bytes, err);
}

typedef enum row_state { ROW_SAME, ROW_CHANGED, ROW_GONE } row_state;

static kdb_status state_of(const kdbi_write *write, const kdbi_row_write *row, kdb_sv stored, kdb_row *old,
                           row_state *state, kdb_err *err)
{
    *state = ROW_GONE;
    if (stored.len == 0) {
        return KDB_OK;
    }
    KDB_TRY(kdb_row_open(write->table, stored, old, err));
    if (!old->deleted) {
        *state = old->seq == row->read_seq ? ROW_SAME : ROW_CHANGED;
    }
    return KDB_OK;
}

/* Keys of rows that changed since they were read, to be evaluated again. */
typedef struct again_list {
    kdb_sv *keys; /* room for all rows */
    size_t count;
} again_list;

static kdb_status apply_row(const setter *s, kdbi_row_write *row, kdb_sv stored, again_list *again, kdb_err *err)
{
    kdb_row old;
    row_state state = ROW_GONE;
    KDB_TRY(state_of(s->write, row, stored, &old, &state, err));
    switch (state) {
    case ROW_SAME:
        return apply(s, row, &old, err);
    case ROW_CHANGED:
        again->keys[again->count++] = row->key;
        break;
    case ROW_GONE:
        break;
    }
    row->skip = true;
    return KDB_OK;
}

/* Applies rows[from..) against their present versions. */
static kdb_status apply_rows(const setter *s, size_t from, again_list *again, kdb_err *err)
{
    kdb_sv stored[KDBI_PRESENT_ROWS];
    size_t count = 0;
    for (; from < s->write->nrows; from += count) {
        KDB_TRY(kdbi_write_present(s->write, from, stored, &count, err));
        for (size_t i = 0; i < count; i++) {
            KDB_TRY(apply_row(s, &s->write->rows[from + i], stored[i], again, err));
        }
    }
    return KDB_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return kdb_sv_cmp(*(const kdb_sv *)a, *(const kdb_sv *)b);
}

/* The locks are held, so what the SELECT sees of these keys now is what will be replaced. */
static kdb_status evaluate_again(setter *s, again_list *again, kdb_err *err)
{
    kdbi_plan *plan = NULL;
    bool owned = false;
    const kdbi_plan_text text = kdbi_exec_plan_text(s->exec);
    KDB_TRY(kdbi_plan_get(s->exec->worker, &text, &plan, &owned, err));
    KDB_ASSERT(!owned);
    KDB_TRY(kdbi_exec_bind(s->exec, plan, err));
    if (plan->target != s->write->table) {
        s->exec->stale = true;
        return KDB_FAIL(err, KDB_CONFLICT, "Table '%.*s.%.*s' was replaced while the statement ran",
                        KDB_SV_ARG(s->write->table->ns), KDB_SV_ARG(s->write->table->name));
    }
    qsort(again->keys, again->count, sizeof(*again->keys), compare_keys);
    const kdb_key_set only = { .points = true, .keys = again->keys, .nkeys = again->count };
    const size_t from = s->write->nrows;
    s->change = &plan->stmt->as.change;
    const kdb_status status = evaluate(s, plan, &only, err);
    if (status != KDB_OK) { /* of another table that it reads */
        kdbi_plan_place_error(plan, s->exec, err);
        s->exec->stale = !kdbi_plan_is_current(s->exec->core, plan);
        return status;
    }
    again->count = 0;
    KDB_TRY(apply_rows(s, from, again, err));
    KDB_ASSERT(again->count == 0);
    return KDB_OK;
}

static kdbi_cells cells_of(kdb_exec *exec, kdbi_write *write)
{
    return (kdbi_cells){ .exec = exec, .arena = write->arena, .first_column = COLUMN_FIRST_SET };
}

static kdb_status change_locked(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    const kdb_change change = { .ncolumns = write->nset };
    setter s = {
        .exec = exec, .write = write, .change = &change, .columns = write->set_columns, .cells = cells_of(exec, write)
    };
    s.values = KDB_ARENA_ARRAY(write->arena, kdb_value, write->table->schema->ncolumns);
    write->bytes = 0; /* so far it was what SET evaluated to; from here on it is rows */
    again_list again = { .keys = KDB_ARENA_ARRAY(write->arena, kdb_sv, write->nrows + 1) };
    KDB_TRY(apply_rows(&s, 0, &again, err));
    if (again.count > 0) {
        KDB_TRY(evaluate_again(&s, &again, err));
    }
    return kdbi_write_commit(write, pending, err);
}

/* Bytes of rows that may be cold say nothing of their place. */
static void begin_reading(kdbi_write *write)
{
    const kdb_core *core = write->core;
    const bool hot = core->cold == NULL || !kdb_cold_has(core->cold, write->table->id);
    write->read_at = hot ? kdbi_sequencer_now(core->sequencer) : 0;
}

static kdb_status run_change(kdb_exec *exec, kdbi_plan *plan, kdb_change_op op, bool *pending, kdb_err *err)
{
    exec->write = kdbi_write_new(exec, plan->target, kdbi_exec_user(exec, plan->target));
    exec->write->op = op;
    setter s = {
        .exec = exec, .write = exec->write, .change = &plan->stmt->as.change, .cells = cells_of(exec, exec->write)
    };
    KDB_TRY(kdbi_map_set(plan->target, s.change->columns, s.change->ncolumns, exec->write->arena, &s.columns, err));
    KDB_TRY(kdbi_returning_new(exec, plan, &exec->write->returning, err));
    KDB_TRY(kdbi_policy_guard(exec, plan, err));
    exec->write->set_columns = s.columns;
    exec->write->nset = s.change->ncolumns;
    begin_reading(exec->write);
    KDB_TRY(evaluate(&s, plan, NULL, err));
    return kdbi_write_lock(exec->write, change_locked, pending, err);
}

kdb_status kdbi_run_update(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    KDB_TRY(kdbi_exec_bind(exec, plan, err));
    if (plan->target->type == KDB_TABLE_STREAM) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "UPDATE not supported for STREAM tables");
    }
    return run_change(exec, plan, KDB_CHANGE_UPDATE, pending, err);
}

kdb_status kdbi_run_delete(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    KDB_TRY(kdbi_exec_bind(exec, plan, err));
    return run_change(exec, plan, KDB_CHANGE_DELETE, pending, err);
}
