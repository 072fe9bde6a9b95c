/* stmt_insert.c - INSERT: each row's values are made, coerced and encoded, then the keys are locked, checked and written
 * all or none. Constant cells never reach the engine; expressions and INSERT .. SELECT are one engine query each. */
#include "core_int.h"

/* Makes the rows of one statement. */
typedef struct maker {
    kdb_exec *exec;
    const kdb_insert *insert;
    kdb_table *table;
    kdbi_write *write;
    const int32_t *source; /* by table column: the position in the statement's columns, -1 when omitted */
    kdb_value *values;     /* by table column: the row being made */
    const kdb_cell *row;   /* what it is made of; NULL: columns of a query, */
    const kdb_bound *from; /* which is this; NULL: of nothing */
    bool generated_key;    /* the one key column is filled by a function that never repeats */
    kdbi_cells cells;
} maker;

/* ---- columns ---- */

static kdb_status unknown_column(const kdb_table *table, const kdb_table_name *column, kdb_err *err)
{
    const kdb_sv nearest = kdb_schema_nearest(table->schema, column->name);
    if (nearest.len == 0) {
        return KDB_FAIL_AT(err, column->position, KDB_COLUMN_NOT_FOUND, "Column '%.*s' does not exist",
                           KDB_SV_ARG(column->name));
    }
    return KDB_FAIL_AT(err, column->position, KDB_COLUMN_NOT_FOUND,
                       "Column '%.*s' does not exist. Did you mean '%.*s'?", KDB_SV_ARG(column->name),
                       KDB_SV_ARG(nearest));
}

kdb_status kdbi_find_column(const kdb_table *table, const kdb_table_name *column, const char *verb, uint32_t *out,
                            kdb_err *err)
{
    if (column->name.len > 0 && column->name.ptr[0] == '_') {
        return KDB_FAIL_AT(err, column->position, KDB_INVALID_OPERATION, "Cannot %s system column '%.*s'", verb,
                           KDB_SV_ARG(column->name));
    }
    const int index = kdb_schema_column(table->schema, column->name);
    if (index < 0) {
        return unknown_column(table, column, err);
    }
    *out = (uint32_t)index;
    return KDB_OK;
}

static kdb_status map_listed(const maker *m, int32_t *source, kdb_err *err)
{
    for (size_t i = 0; i < m->insert->ncolumns; i++) {
        const kdb_table_name *column = &m->insert->columns[i];
        uint32_t index = 0;
        KDB_TRY(kdbi_find_column(m->table, column, "insert into", &index, err));
        if (source[index] >= 0) {
            return KDB_FAIL_AT(err, column->position, KDB_STMT_INVALID_SQL, "Column '%.*s' is specified more than once",
                               KDB_SV_ARG(column->name));
        }
        source[index] = (int32_t)i;
    }
    return KDB_OK;
}

static kdb_status map_columns(maker *m, size_t width, kdb_err *err)
{
    const size_t ncolumns = m->table->schema->ncolumns;
    const bool listed = m->insert->columns != NULL;
    int32_t *source = KDB_ARENA_ARRAY(m->exec->arena, int32_t, ncolumns);
    for (size_t i = 0; i < ncolumns; i++) {
        source[i] = -1;
    }
    const size_t expected = listed ? m->insert->ncolumns : ncolumns;
    if (listed ? width != expected : width > expected) {
        return KDB_FAIL_AT(err, m->insert->table.position, KDB_STMT_INVALID_SQL,
                           "INSERT has %zu value(s) for %zu column(s)", width, expected);
    }
    if (listed) {
        KDB_TRY(map_listed(m, source, err));
    }
    for (size_t i = 0; !listed && i < width; i++) { /* fewer values than columns: the last ones take their defaults */
        source[i] = (int32_t)i;
    }
    m->source = source;
    return KDB_OK;
}

/* ---- values ---- */

/* A failure over the value of a column, with the place of what the statement says for it. */
static kdb_status value_failed(const maker *m, size_t index, kdb_status status, kdb_err *err)
{
    const int32_t source = m->source[index];
    if (source < 0) {
        kdb_err_at(err, m->insert->table.position);
    } else if (m->row != NULL) {
        return kdbi_cell_failed(&m->row[source], status, err);
    } else if (m->from != NULL && m->from->columns != NULL && (size_t)source < m->from->ncolumns) {
        kdb_err_at(err, m->from->columns[source].position);
    }
    return status;
}

static kdb_status store_value(maker *m, size_t index, const kdb_value *value, kdb_err *err)
{
    const kdb_column *column = &m->table->schema->columns[index];
    const kdb_status status = kdb_value_coerce(value, column->type, m->write->arena, &m->values[index], err);
    if (status == KDB_OK) {
        return KDB_OK;
    }
    kdbi_coercion_error(err, column);
    return value_failed(m, index, status, err);
}

static kdb_status check_not_null(const maker *m, kdb_err *err)
{
    const kdb_status status = kdbi_check_not_null(m->table, m->values, m->write->nrows + 1, err);
    for (size_t i = 0; status != KDB_OK && i < m->table->schema->ncolumns; i++) {
        if (m->table->schema->columns[i].not_null && m->values[i].is_null) {
            return value_failed(m, i, status, err);
        }
    }
    return status;
}

/* The last `text` in `in`, or NULL. */
static char *find_last(char *in, const char *text)
{
    char *last = NULL;
    for (char *at = in; (at = strstr(at, text)) != NULL; at++) {
        last = at;
    }
    return last;
}

/* "Embedding dimension mismatch: .." becomes "Embedding dimension mismatch for column 'c': .." */
static void name_before_colon(kdb_err *err, const kdb_column *column, kdb_arena *arena)
{
    const kdb_sv text = kdb_sv_dup(arena, kdb_sv_cstr(err->text));
    const size_t colon = (size_t)(strchr(err->text, ':') - err->text);
    (void)kdb_err_fill(err, err->source_file, err->source_line, err->status,
                       "Schema coercion failed: %.*s for column '%.*s'%.*s", (int)colon, text.ptr,
                       KDB_SV_ARG(column->name), (int)(text.len - colon), text.ptr + colon);
}

void kdbi_coercion_error(kdb_err *err, const kdb_column *column)
{
    if (err == NULL) {
        return;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv type = kdb_type_sql_text(column->type, arena);
    char *at = find_last(err->text, kdb_sv_printf(arena, " to %.*s: ", KDB_SV_ARG(type)).ptr);
    if (at == NULL && column->type.kind == KDB_TYPE_EMBEDDING && strchr(err->text, ':') != NULL) {
        name_before_colon(err, column, arena);
        return;
    }
    if (at == NULL) {
        kdb_err_context(err, "Schema coercion failed: column '%.*s'", KDB_SV_ARG(column->name));
        return;
    }
    const kdb_sv value = kdb_sv_dup(arena, kdb_sv_of(err->text, (size_t)(at - err->text)));
    const kdb_sv reason = kdb_sv_dup(arena, kdb_sv_cstr(at + strlen(" to ")));
    (void)kdb_err_fill(err, err->source_file, err->source_line, err->status,
                       "Schema coercion failed: %.*s for column '%.*s': %.*s", KDB_SV_ARG(value),
                       KDB_SV_ARG(column->name), KDB_SV_ARG(reason));
}

kdb_status kdbi_check_not_null(const kdb_table *table, const kdb_value *values, size_t row, kdb_err *err)
{
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        const kdb_column *column = &table->schema->columns[i];
        if (column->not_null && values[i].is_null) {
            return KDB_FAIL(err, KDB_CONSTRAINT,
                            "NOT NULL constraint violation: column '%.*s' cannot be NULL (row %zu)",
                            KDB_SV_ARG(column->name), row);
        }
    }
    return KDB_OK;
}

/* ---- rows ---- */

static kdb_status key_of_row(maker *m, kdb_sv *out, kdb_err *err)
{
    const kdb_table *table = m->table;
    kdb_value parts[table->nkey];
    for (size_t i = 0; i < table->nkey; i++) {
        parts[i] = m->values[table->key[i]];
    }
    return kdb_row_key(table, m->write->user, parts, m->write->arena, out, err);
}

/* Encodes m->values as the statement's next row. Policies come before what could tell of rows that are there. */
static kdb_status finish_row(maker *m, kdb_err *err)
{
    KDB_TRY(kdbi_policy_check(m->write, m->write->may_insert, m->values, "", err));
    KDB_TRY(check_not_null(m, err));
    kdb_sv key = { NULL, 0 }, row = { NULL, 0 };
    const bool keyed = kdbi_is_keyed(m->table);
    if (keyed) {
        KDB_TRY(key_of_row(m, &key, err));
    }
    KDB_TRY(kdb_row_encode(m->table, m->values, 0, false, m->write->arena, &row, err));
    kdbi_row_write *out = NULL;
    KDB_TRY(kdbi_write_add(m->write, key.len + row.len, &out, err));
    out->key = key;
    out->row = row;
    out->fresh = !keyed || m->generated_key;
    return KDB_OK;
}

static kdb_status fill_omitted(maker *m, kdb_err *err)
{
    for (size_t i = 0; i < m->table->schema->ncolumns; i++) {
        if (m->source[i] < 0) {
            const kdb_value value = kdbi_default_value(&m->cells, &m->table->schema->columns[i]);
            KDB_TRY(store_value(m, i, &value, err));
        }
    }
    return KDB_OK;
}

static kdb_status make_values_row(maker *m, const kdb_cell *cells, kdb_err *err)
{
    m->row = cells;
    KDB_TRY(fill_omitted(m, err));
    for (size_t i = 0; i < m->table->schema->ncolumns; i++) {
        if (m->source[i] >= 0) {
            const kdb_value value = kdbi_cell_value(&m->cells, &cells[m->source[i]], &m->table->schema->columns[i]);
            KDB_TRY(store_value(m, i, &value, err));
        }
    }
    return finish_row(m, err);
}

/* A key column that the server fills with an id that never repeats needs no existence check. */
static bool key_is_generated(const maker *m)
{
    if (m->table->nkey != 1 || m->source[m->table->key[0]] >= 0) {
        return false;
    }
    const kdb_column *column = &m->table->schema->columns[m->table->key[0]];
    switch (column->default_kind) {
    case KDB_DEFAULT_SNOWFLAKE_ID:
        return column->type.kind == KDB_TYPE_BIGINT;
    case KDB_DEFAULT_UUID_V7:
        return column->type.kind == KDB_TYPE_TEXT || column->type.kind == KDB_TYPE_UUID;
    case KDB_DEFAULT_ULID:
        return column->type.kind == KDB_TYPE_TEXT;
    case KDB_DEFAULT_NONE:
    case KDB_DEFAULT_LITERAL:
    case KDB_DEFAULT_NOW:
    case KDB_DEFAULT_CURRENT_USER:
        break;
    }
    return false;
}

static void start_rows(maker *m)
{
    m->values = KDB_ARENA_ARRAY(m->exec->arena, kdb_value, m->table->schema->ncolumns);
    m->generated_key = key_is_generated(m);
}

/* Where the values go is the same each time the plan runs. */
static kdb_status map_values(maker *m, kdbi_plan *plan, kdb_err *err)
{
    if (plan->sources == NULL) {
        KDB_TRY(map_columns(m, m->insert->width, err));
        const size_t size = m->table->schema->ncolumns * sizeof(*m->source);
        plan->sources = memcpy(kdb_arena_alloc_raw(plan->bind_arena, size), m->source, size);
    }
    m->source = plan->sources;
    return KDB_OK;
}

static kdb_status make_values(maker *m, kdbi_plan *plan, kdb_err *err)
{
    KDB_TRY(map_values(m, plan, err));
    start_rows(m);
    const size_t width = m->insert->width; /* 0 in DEFAULT VALUES, which has no cells */
    for (size_t i = 0; i < m->insert->nrows; i++) {
        KDB_TRY(make_values_row(m, width == 0 ? NULL : m->insert->cells + i * width, err));
    }
    return KDB_OK;
}

static kdb_status make_with_exprs(maker *m, kdbi_plan *plan, kdb_err *err)
{
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    KDB_TRY(kdbi_run_start(&run, m->exec, plan, NULL, err));
    KDB_TRY(kdbi_run_fetch(&run, &m->cells.exprs, err));
    if (m->cells.exprs->nrows == 0) {
        return KDB_FAIL(err, KDB_EXECUTION, "An expression in VALUES returned no row");
    }
    return make_values(m, plan, err);
}

static kdb_status make_selected_row(maker *m, const kdb_chunk *chunk, size_t row, kdb_err *err)
{
    KDB_TRY(fill_omitted(m, err));
    for (size_t i = 0; i < m->table->schema->ncolumns; i++) {
        if (m->source[i] >= 0) {
            const kdb_value value = kdb_vec_get(&chunk->cols[m->source[i]], row);
            KDB_TRY(store_value(m, i, &value, err)); /* may borrow from the chunk: encoded before the next fetch */
        }
    }
    return finish_row(m, err);
}

static kdb_status make_selected(maker *m, kdbi_plan *plan, kdb_err *err)
{
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    KDB_TRY(kdbi_run_start(&run, m->exec, plan, NULL, err));
    /* Now that the columns are known for sure. */
    KDB_TRY(map_columns(m, run.result->ncolumns, err));
    m->from = plan->query.bound;
    start_rows(m);
    for (;;) {
        const kdb_chunk *chunk = NULL;
        KDB_TRY(kdbi_run_fetch(&run, &chunk, err));
        if (chunk->nrows == 0) {
            return KDB_OK;
        }
        for (size_t row = 0; row < chunk->nrows; row++) {
            KDB_TRY(make_selected_row(m, chunk, row, err));
        }
    }
}

/* ---- uniqueness ---- */

static void key_text(const kdb_table *table, const kdbi_row_write *row, kdb_buf *text, kdb_buf *columns)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_row view;
    if (kdb_row_open(table, row->row, &view, NULL) != KDB_OK) {
        return;
    }
    for (size_t i = 0; i < table->nkey; i++) {
        const kdb_value value = kdb_row_get(table, &view, table->key[i]);
        kdb_buf_printf(text, "%s%.*s", i == 0 ? "" : ", ", KDB_SV_ARG(kdb_value_to_text(&value, arena)));
        kdb_buf_printf(columns, "%s%.*s", i == 0 ? "" : ", ", KDB_SV_ARG(table->schema->columns[table->key[i]].name));
    }
}

static kdb_status key_violation(const kdb_table *table, const kdbi_row_write *row, const char *what, kdb_err *err)
{
    kdb_buf text, columns;
    kdb_buf_init(&text, 256);
    kdb_buf_init(&columns, 256);
    key_text(table, row, &text, &columns);
    const kdb_status status = KDB_FAIL(err, KDB_CONSTRAINT, "Primary key violation: value '%.*s' %s column '%.*s'",
                                       KDB_SV_ARG(kdb_buf_sv(&text)), what, KDB_SV_ARG(kdb_buf_sv(&columns)));
    kdb_buf_done(&text);
    kdb_buf_done(&columns);
    return status;
}

/* Rows that come in the order of their keys are none twice. */
static bool are_in_order(const kdbi_write *write)
{
    for (size_t i = 1; i < write->nrows; i++) {
        if (kdb_sv_cmp(write->rows[i - 1].key, write->rows[i].key) >= 0) {
            return false;
        }
    }
    return true;
}

kdb_status kdbi_insert_check_twice(const kdbi_write *write, kdb_err *err)
{
    if (are_in_order(write)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_map_freep) kdb_map *seen = kdb_map_new();
    for (size_t i = 0; i < write->nrows; i++) {
        const kdbi_row_write *row = &write->rows[i];
        if (!row->fresh && kdb_map_put(seen, row->key, write->rows + i) != NULL) {
            return key_violation(write->table, row, "appears multiple times in the insert batch for", err);
        }
    }
    return KDB_OK;
}

/* A tombstone is replaced. What becomes of a row that is there, ON CONFLICT says. */
static kdb_status meet(kdb_exec *exec, kdbi_write *write, kdbi_row_write *row, kdb_sv stored, kdb_err *err)
{
    kdb_row old;
    if (row->skip) {
        return KDB_OK;
    }
    row->shown = true;
    if (stored.len == 0) {
        return KDB_OK;
    }
    KDB_TRY(kdb_row_open(write->table, stored, &old, err));
    if (!old.deleted) {
        return write->upsert != NULL ? kdbi_upsert_apply(exec, write, row, &old, err)
                                     : key_violation(write->table, row, "already exists in", err);
    }
    row->old_seq = old.seq;
    return KDB_OK;
}

kdb_status kdbi_insert_meet(kdb_exec *exec, kdbi_write *write, kdb_err *err)
{
    kdb_sv stored[KDBI_PRESENT_ROWS];
    size_t count = 0;
    for (size_t from = 0; from < write->nrows; from += count) {
        KDB_TRY(kdbi_write_present(write, from, stored, &count, err));
        for (size_t i = 0; i < count; i++) {
            KDB_TRY(meet(exec, write, &write->rows[from + i], stored[i], err));
        }
    }
    return KDB_OK;
}

/* With the locks held. */
static kdb_status insert_locked(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err)
{
    KDB_TRY(kdbi_insert_meet(exec, write, err));
    return kdbi_write_commit(write, pending, err);
}

static maker maker_of(kdb_exec *exec, const kdbi_plan *plan)
{
    return (maker){ .exec = exec,
                    .insert = &plan->stmt->as.insert,
                    .table = plan->target,
                    .write = exec->write,
                    .cells = { .exec = exec, .arena = exec->write->arena } };
}

kdb_status kdbi_insert_values(kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    maker m = maker_of(exec, plan);
    return make_values(&m, plan, err);
}

static kdb_status make_rows(maker *m, kdbi_plan *plan, kdb_err *err)
{
    if (m->insert->select != NULL) {
        return make_selected(m, plan, err);
    }
    return m->insert->exprs != NULL ? make_with_exprs(m, plan, err) : make_values(m, plan, err);
}

kdb_status kdbi_run_insert(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    KDB_TRY(kdbi_exec_bind(exec, plan, err));
    exec->write = kdbi_write_new(exec, plan->target, kdbi_exec_user(exec, plan->target));
    exec->write->op = KDB_CHANGE_INSERT;
    maker m = maker_of(exec, plan);
    KDB_TRY(kdbi_upsert_new(exec, plan, err));
    KDB_TRY(kdbi_returning_new(exec, plan, &exec->write->returning, err));
    KDB_TRY(kdbi_policy_guard(exec, plan, err));
    KDB_TRY(make_rows(&m, plan, err));
    KDB_TRY(exec->write->upsert != NULL ? kdbi_upsert_check_twice(exec->write, err)
                                        : kdbi_insert_check_twice(exec->write, err));
    return kdbi_write_lock(exec->write, insert_locked, pending, err);
}
