/* returning.c - the rows that RETURNING shows. They are computed under the row locks and before the commit, so that an
 * error undoes the statement; only `_seq` is filled in once it is given. They are sent after the commit, by a worker,
 * since a slow client may have to be waited for. */
#include "core_int.h"

#include <math.h>

struct kdbi_returning {
    kdb_arena *arena;
    kdbi_row_program *programs; /* by result column */
    kdbi_result result;
    uint32_t excluded;
    size_t seq_field; /* the field that is `_seq` */
    kdb_chunk **chunks;
    size_t nchunks;
    uint64_t nrows;
};

void kdbi_returning_free(kdbi_returning *returning)
{
    if (returning != NULL) {
        kdb_arena_free(returning->arena);
    }
}

/* ---- columns ---- */

/* An expression of `_seq` could fail when it is too late. */
static kdb_status check_seq(const kdbi_row_binding *binding, const kdbi_row_program *program, size_t seq_field,
                            const kdb_row_expr *expr, kdb_err *err)
{
    if (program->expr == NULL) {
        return KDB_OK;
    }
    bool *used = KDB_ARENA_ARRAY(binding->arena, bool, binding->nfields);
    kdb_expr_columns(program->expr, used);
    if (!used[seq_field]) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, expr->position, KDB_STMT_INVALID_SQL,
                       "RETURNING gives _seq as it is, not expressions of it");
}

static void describe(const kdb_table *table, const kdb_row_expr *expr, const kdbi_row_program *program,
                     kdb_arena *arena, kdb_result_column *column, kdbi_convert *convert)
{
    *column = (kdb_result_column){ .name = kdb_sv_dup(arena, expr->name), .type = program->type };
    *convert = KDBI_KEEP;
    if (program->column >= 0) {
        kdbi_result_of_field(table, (uint32_t)program->column, column);
    } else if (program->type.kind == KDB_TYPE_NULL) {
        column->type = kdb_type_of(KDB_TYPE_TEXT);
    } else if (expr->constant) {
        *convert = kdbi_result_of_constant(column);
    }
}

static kdb_status make_columns(kdbi_returning *r, const kdbi_row_binding *binding, const kdb_row_exprs *rows,
                               kdb_err *err)
{
    const size_t count = rows->nreturning;
    r->programs = KDB_ARENA_ARRAY(r->arena, kdbi_row_program, count);
    r->result.columns = KDB_ARENA_ARRAY(r->arena, kdb_result_column, count);
    r->result.convert = KDB_ARENA_ARRAY(r->arena, kdbi_convert, count);
    r->result.ncolumns = count;
    r->excluded = binding->excluded;
    r->seq_field = binding->table->schema->ncolumns;
    for (size_t i = 0; i < count; i++) {
        const kdb_row_expr *expr = &rows->returning[i];
        KDB_TRY(kdbi_row_program_new(binding, expr, "RETURNING", &r->programs[i], err));
        KDB_TRY(check_seq(binding, &r->programs[i], r->seq_field, expr, err));
        describe(binding->table, expr, &r->programs[i], r->arena, &r->result.columns[i], &r->result.convert[i]);
    }
    return KDB_OK;
}

kdb_status kdbi_returning_new(const kdb_exec *exec, const kdbi_plan *plan, kdbi_returning **out, kdb_err *err)
{
    if (plan->rows == NULL || plan->rows->nreturning == 0) {
        *out = NULL;
        return KDB_OK;
    }
    kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdbi_returning_freep) kdbi_returning *returning = KDB_ARENA_NEW(arena, kdbi_returning);
    returning->arena = arena;
    kdbi_row_binding binding;
    kdbi_row_binding_init(&binding, exec, plan, arena);
    KDB_TRY(make_columns(returning, &binding, plan->rows, err));
    *out = KDB_TAKE(returning);
    return KDB_OK;
}

/* ---- rows ---- */

static kdb_type computed_type(const kdbi_row_program *program)
{
    return program->type.kind == KDB_TYPE_NULL ? kdb_type_of(KDB_TYPE_TEXT) : program->type;
}

static kdb_status make_chunks(kdbi_returning *r, const kdbi_write *write)
{
    for (size_t i = 0; i < write->nrows; i++) {
        r->nrows += write->rows[i].shown;
    }
    kdb_type *types = KDB_ARENA_ARRAY(r->arena, kdb_type, r->result.ncolumns);
    for (size_t i = 0; i < r->result.ncolumns; i++) {
        types[i] = computed_type(&r->programs[i]);
    }
    r->nchunks = (r->nrows + KDB_CHUNK_ROWS - 1) / KDB_CHUNK_ROWS;
    r->chunks = KDB_ARENA_ARRAY(r->arena, kdb_chunk *, r->nchunks + 1);
    uint64_t left = r->nrows;
    for (size_t i = 0; i < r->nchunks; i++) {
        const size_t rows = left < KDB_CHUNK_ROWS ? (size_t)left : KDB_CHUNK_ROWS;
        r->chunks[i] = kdb_chunk_new_sized(r->arena, types, r->result.ncolumns, rows);
        r->chunks[i]->nrows = rows;
        left -= rows;
    }
    return KDB_OK;
}

/* Found now rather than when the row is sent: then the statement would have taken effect. */
static kdb_status check_sendable(const kdb_result_column *column, const kdb_value *value, kdb_err *err)
{
    const kdb_layout layout = kdb_type_layout(value->type);
    const bool finite = value->is_null || ((layout != KDB_LAYOUT_F64 || isfinite(value->as.f64)) &&
                                           (layout != KDB_LAYOUT_F32 || isfinite(value->as.f32)));
    return finite ? KDB_OK
                  : KDB_FAIL(err, KDB_EXECUTION, "column '%.*s': NaN and infinities cannot be sent as JSON",
                             KDB_SV_ARG(column->name));
}

static size_t value_bytes(const kdb_value *value)
{
    const bool bytes = !value->is_null && kdb_type_layout(value->type) == KDB_LAYOUT_BYTES;
    return sizeof(kdb_sv) + (bytes ? value->as.bytes.len : 0);
}

typedef struct row_computer {
    kdbi_returning *returning;
    kdbi_write *write;
    kdbi_row_view view;
    kdb_arena *scratch; /* reset for each row */
} row_computer;

/* The row as it is after the statement, or before a DELETE. */
static kdb_sv shown_row(const kdbi_row_write *row)
{
    return row->op == KDB_CHANGE_DELETE || row->skip ? row->old_row : row->row;
}

static kdb_status compute_row(row_computer *c, const kdbi_row_write *row, size_t index, kdb_err *err)
{
    kdbi_returning *r = c->returning;
    kdb_chunk *chunk = r->chunks[index / KDB_CHUNK_ROWS];
    kdb_row shown;
    KDB_TRY(kdb_row_open(c->write->table, shown_row(row), &shown, err));
    KDB_TRY(kdbi_row_view_set(&c->view, c->write->table, &shown, c->scratch, err));
    for (size_t i = 0; i < r->result.ncolumns; i++) {
        kdb_value value;
        KDB_TRY(kdbi_row_program_run(&r->programs[i], &c->view, c->scratch, &value, err));
        KDB_TRY(check_sendable(&r->result.columns[i], &value, err));
        KDB_TRY(kdbi_write_charge(c->write, value_bytes(&value), err));
        kdb_vec_put(&chunk->cols[i], index % KDB_CHUNK_ROWS, &value);
    }
    return KDB_OK;
}

kdb_status kdbi_returning_compute(kdbi_returning *returning, kdbi_write *write, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    row_computer c = { .returning = returning, .write = write, .scratch = scratch };
    kdbi_row_view_init(&c.view, write->table, returning->excluded, returning->arena);
    KDB_TRY(make_chunks(returning, write));
    size_t index = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        if (write->rows[i].shown) {
            KDB_TRY(compute_row(&c, &write->rows[i], index++, err));
            kdb_arena_reset(scratch);
        }
    }
    return KDB_OK;
}

/* ---- _seq ---- */

static uint64_t shown_seq(const kdbi_row_write *row)
{
    return row->op == KDB_CHANGE_DELETE || row->skip ? row->old_seq : row->seq;
}

static void number_column(const kdbi_returning *r, size_t column, const kdbi_write *write)
{
    size_t index = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        if (write->rows[i].shown) {
            int64_t *seqs = r->chunks[index / KDB_CHUNK_ROWS]->cols[column].data;
            seqs[index % KDB_CHUNK_ROWS] = (int64_t)shown_seq(&write->rows[i]);
            index++;
        }
    }
}

void kdbi_returning_number(kdbi_returning *returning, const kdbi_write *write)
{
    for (size_t i = 0; i < returning->result.ncolumns; i++) {
        if (returning->programs[i].column == (int32_t)returning->seq_field) {
            number_column(returning, i, write);
        }
    }
}

/* ---- sending ---- */

kdb_status kdbi_returning_send(kdb_exec *exec, kdb_err *err)
{
    KDB_CLEANUP(kdbi_returning_freep) kdbi_returning *r = KDB_TAKE(exec->returning);
    const kdb_reply *reply = &exec->request->reply;
    kdbi_shown shown;
    kdbi_shown_init(&shown, &r->result, r->arena);
    exec->sending = true; /* whatever happens now, the statement has taken effect */
    reply->rows_begin(reply->self, r->result.columns, r->result.ncolumns);
    for (size_t i = 0; i < r->nchunks; i++) {
        const kdb_chunk *chunk = r->chunks[i];
        KDB_TRY(reply->rows(reply->self, kdbi_shown_convert(&shown, chunk, chunk->nrows), err));
    }
    reply->rows_end(reply->self, r->nrows, false);
    return KDB_OK;
}

static void resume_sending(kdb_exec *exec)
{
    kdb_err err = { .position = -1 };
    const kdb_status status = kdbi_returning_send(exec, &err);
    if (status != KDB_OK) {
        kdbi_exec_fail(exec, status, &err);
        return;
    }
    kdbi_worker_leave(exec);
    kdbi_exec_statement_done(exec);
}

void kdbi_returning_hand_over(kdb_exec *exec)
{
    kdbi_exec_requeue(exec, resume_sending);
}
