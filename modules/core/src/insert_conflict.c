/* insert_conflict.c - INSERT .. ON CONFLICT: what becomes of a row whose key is there already. It is decided under the row
 * locks with the row as it is then, so concurrent statements add up. Everything that the plan holds is copied out of it
 * before the locks are waited for: another worker may go on, when the plan is gone. */
#include "core_int.h"

/* One column that DO UPDATE sets. */
typedef struct set_cell {
    bool computed; /* by the program, from the rows; else by the cell */
    kdbi_row_program program;
    kdb_cell cell; /* borrows nothing from the plan; its place is one in the text that runs */
} set_cell;

struct kdbi_upsert {
    bool update; /* else the row stays as it is */
    uint32_t excluded;
    const uint32_t *columns; /* of the table, by SET position */
    set_cell *cells;
    size_t ncolumns;
    kdbi_row_program *where; /* NULL: none */
};

/* ---- checks ---- */

static kdb_status wrong_key(const kdb_table *table, const kdb_conflict *conflict, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv columns = table->schema->columns[table->key[0]].name;
    for (size_t i = 1; i < table->nkey; i++) {
        const kdb_sv name = table->schema->columns[table->key[i]].name;
        columns = kdb_sv_printf(arena, "%.*s, %.*s", KDB_SV_ARG(columns), KDB_SV_ARG(name));
    }
    return KDB_FAIL_AT(err, conflict->position, KDB_STMT_INVALID_SQL,
                       "ON CONFLICT takes exactly the primary key's columns: (%.*s)", KDB_SV_ARG(columns));
}

static bool is_key_column(const kdb_table *table, uint32_t column)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->key[i] == column) {
            return true;
        }
    }
    return false;
}

/* In any order, each once. */
static kdb_status check_key(const kdb_table *table, const kdb_conflict *conflict, kdb_err *err)
{
    for (size_t i = 0; i < conflict->nkey; i++) {
        uint32_t column = 0;
        KDB_TRY(kdbi_find_column(table, &conflict->key[i], "match conflicts on", &column, err));
        bool repeated = false;
        for (size_t j = 0; j < i; j++) {
            repeated = repeated || kdb_sv_eq(conflict->key[j].name, conflict->key[i].name);
        }
        if (repeated || !is_key_column(table, column)) {
            return wrong_key(table, conflict, err);
        }
    }
    return conflict->nkey == table->nkey ? KDB_OK : wrong_key(table, conflict, err);
}

static kdb_status check_conflict(const kdb_table *table, const kdb_conflict *conflict, kdb_err *err)
{
    if (table->type == KDB_TABLE_STREAM) {
        return KDB_FAIL_AT(err, conflict->position, KDB_INVALID_OPERATION,
                           "ON CONFLICT is not supported for STREAM tables");
    }
    if (conflict->key == NULL) {
        return KDB_OK; /* DO NOTHING about any conflict: without a primary key there is none */
    }
    if (table->nkey == 0) {
        return KDB_FAIL_AT(err, conflict->position, KDB_STMT_INVALID_SQL,
                           "ON CONFLICT takes the primary key's columns, and table '%.*s.%.*s' has no primary key",
                           KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
    }
    return check_key(table, conflict, err);
}

/* ---- what DO UPDATE sets ---- */

/* What is the same for every row is fetched now, while the plan is there. */
static kdb_cell keep_cell(const kdb_cell *cell, const kdbi_cells *cells, const kdb_column *column)
{
    kdb_cell kept = *cell;
    if (cell->kind == KDB_CELL_LITERAL || cell->kind == KDB_CELL_LIFTED) {
        const kdb_value value = kdbi_cell_value(cells, cell, column);
        kept.kind = KDB_CELL_LITERAL;
        kept.literal = kdb_value_dup(&value, cells->arena);
    }
    return kept;
}

static kdb_status make_cells(kdbi_upsert *upsert, kdb_exec *exec, const kdbi_row_binding *binding,
                             const kdb_conflict *conflict, const kdbi_plan *plan, kdb_err *err)
{
    const kdbi_cells cells = { .exec = exec, .arena = binding->arena };
    const kdb_shaped_text running = { kdbi_exec_text(exec), exec->shape };
    upsert->cells = KDB_ARENA_ARRAY(binding->arena, set_cell, upsert->ncolumns);
    for (size_t i = 0; i < upsert->ncolumns; i++) {
        const kdb_cell *cell = &conflict->cells[i];
        set_cell *out = &upsert->cells[i];
        out->computed = cell->kind == KDB_CELL_EXPR;
        if (out->computed) {
            KDB_TRY(kdbi_row_program_new(binding, &plan->rows->set[cell->index], "ON CONFLICT DO UPDATE", &out->program,
                                         err));
        }
        out->cell = keep_cell(cell, &cells, &binding->table->schema->columns[upsert->columns[i]]);
        out->cell.position = kdbi_plan_position(plan, &running, cell->position);
    }
    return KDB_OK;
}

static kdb_status make_where(kdbi_upsert *upsert, const kdbi_row_binding *binding, const kdb_row_expr *where,
                             kdb_err *err)
{
    if (where == NULL) {
        return KDB_OK;
    }
    upsert->where = KDB_ARENA_NEW(binding->arena, kdbi_row_program);
    KDB_TRY(kdbi_row_program_new(binding, where, "ON CONFLICT DO UPDATE", upsert->where, err));
    const kdb_type_kind kind = upsert->where->type.kind;
    return kind == KDB_TYPE_BOOLEAN || kind == KDB_TYPE_NULL
               ? KDB_OK
               : KDB_FAIL_AT(err, where->position, KDB_STMT_INVALID_SQL, "argument of WHERE must be type boolean");
}

static kdb_status make_update(kdbi_upsert *upsert, kdb_exec *exec, const kdbi_plan *plan, const kdb_conflict *conflict,
                              kdb_err *err)
{
    kdbi_row_binding binding;
    kdbi_row_binding_init(&binding, exec, plan, exec->write->arena);
    upsert->update = true;
    upsert->excluded = binding.excluded;
    upsert->ncolumns = conflict->ncolumns;
    KDB_TRY(kdbi_map_set(plan->target, conflict->columns, conflict->ncolumns, binding.arena, &upsert->columns, err));
    KDB_TRY(make_cells(upsert, exec, &binding, conflict, plan, err));
    return make_where(upsert, &binding, plan->rows->where, err);
}

kdb_status kdbi_upsert_new(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    const kdb_conflict *conflict = plan->stmt->as.insert.conflict;
    if (conflict == NULL) {
        return KDB_OK;
    }
    KDB_TRY(check_conflict(plan->target, conflict, err));
    kdbi_upsert *upsert = KDB_ARENA_NEW(exec->write->arena, kdbi_upsert);
    if (conflict->update) {
        KDB_TRY(make_update(upsert, exec, plan, conflict, err));
    }
    exec->write->upsert = upsert;
    return KDB_OK;
}

/* ---- one key twice ---- */

kdb_status kdbi_upsert_check_twice(kdbi_write *write, kdb_err *err)
{
    KDB_CLEANUP(kdb_map_freep) kdb_map *seen = kdb_map_new();
    for (size_t i = 0; i < write->nrows; i++) {
        kdbi_row_write *row = &write->rows[i];
        if (row->fresh || kdb_map_lookup(seen, row->key) == NULL) {
            if (!row->fresh) {
                (void)kdb_map_put(seen, row->key, write);
            }
            continue;
        }
        if (write->upsert->update) {
            return KDB_FAIL(err, KDB_CONSTRAINT, "ON CONFLICT DO UPDATE command cannot affect row a second time");
        }
        row->skip = true;
    }
    return KDB_OK;
}

/* ---- under the locks ---- */

/* One row meeting another. */
typedef struct meeting {
    kdb_exec *exec;
    kdbi_write *write;
    kdbi_row_write *row;
    kdb_arena *scratch; /* gone with the meeting */
    kdbi_row_view view;
} meeting;

static kdb_status see_rows(meeting *m, const kdb_row *old, kdb_err *err)
{
    const kdb_table *table = m->write->table;
    kdb_value *proposed = KDB_ARENA_ARRAY(m->scratch, kdb_value, table->schema->ncolumns);
    kdb_row row;
    KDB_TRY(kdb_row_open(table, m->row->row, &row, err));
    KDB_TRY(kdb_row_values(table, &row, m->scratch, proposed, err));
    kdbi_row_view_init(&m->view, table, m->write->upsert->excluded, m->scratch);
    m->view.excluded_values = proposed;
    return kdbi_row_view_set(&m->view, table, old, m->scratch, err);
}

static kdb_status is_wanted(meeting *m, bool *out, kdb_err *err)
{
    kdb_value value;
    *out = true;
    if (m->write->upsert->where == NULL) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_row_program_run(m->write->upsert->where, &m->view, m->scratch, &value, err));
    *out = !value.is_null && value.as.b;
    return KDB_OK;
}

static kdb_status evaluate_set(meeting *m, kdb_err *err)
{
    const kdbi_upsert *upsert = m->write->upsert;
    const kdbi_cells cells = { .exec = m->exec, .arena = m->scratch };
    const size_t number = (size_t)(m->row - m->write->rows) + 1;
    kdb_value *set = KDB_ARENA_ARRAY(m->scratch, kdb_value, upsert->ncolumns);
    for (size_t i = 0; i < upsert->ncolumns; i++) {
        const kdb_column *column = &m->write->table->schema->columns[upsert->columns[i]];
        const set_cell *cell = &upsert->cells[i];
        kdb_value value;
        if (cell->computed) {
            KDB_TRY(kdbi_row_program_run(&cell->program, &m->view, m->scratch, &value, err));
        } else {
            value = kdbi_cell_value(&cells, &cell->cell, column);
        }
        const kdb_status status = kdbi_set_value(column, &value, number, m->scratch, &set[i], err);
        if (status != KDB_OK) {
            m->exec->placed = true;
            return kdbi_cell_failed(&cell->cell, status, err);
        }
    }
    m->row->set = set;
    return KDB_OK;
}

static kdb_status update_met(meeting *m, const kdb_row *old, kdb_err *err)
{
    kdbi_write *write = m->write;
    kdbi_row_write *row = m->row;
    KDB_TRY(evaluate_set(m, err));
    row->op = KDB_CHANGE_UPDATE;
    row->old_row = old->bytes;
    row->old_seq = old->seq;
    row->shown = true;
    kdb_value *values = KDB_ARENA_ARRAY(m->scratch, kdb_value, write->table->schema->ncolumns);
    const kdb_status status =
        kdbi_make_update(write, row, old, write->upsert->columns, write->upsert->ncolumns, values, err);
    row->set = NULL; /* it lies in scratch */
    KDB_TRY(status);
    return kdbi_write_charge(write, row->row.len + old->bytes.len, err);
}

kdb_status kdbi_upsert_apply(kdb_exec *exec, kdbi_write *write, kdbi_row_write *row, const kdb_row *old, kdb_err *err)
{
    row->shown = false;
    row->skip = true;
    if (!write->upsert->update) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    meeting m = { .exec = exec, .write = write, .row = row, .scratch = scratch };
    bool wanted = false;
    KDB_TRY(see_rows(&m, old, err));
    KDB_TRY(kdbi_policy_check(write, write->may_meet, m.view.target, " (USING expression)", err));
    KDB_TRY(is_wanted(&m, &wanted, err));
    return wanted ? update_met(&m, old, err) : KDB_OK;
}
