/* cell.c - the value of one cell of INSERT .. VALUES or UPDATE .. SET, before it is coerced to its column. */
#include "core_int.h"

static kdb_value call_function(const kdbi_cells *cells, kdb_default_kind kind)
{
    char text[37];
    switch (kind) {
    case KDB_DEFAULT_NOW:
        return kdb_value_timestamp(cells->exec->now_us);
    case KDB_DEFAULT_SNOWFLAKE_ID:
        return kdb_value_bigint((int64_t)kdb_snowflake_next());
    case KDB_DEFAULT_UUID_V7:
        kdb_uuid_v7_text(text);
        return kdb_value_text(kdb_sv_dup(cells->arena, kdb_sv_cstr(text)));
    case KDB_DEFAULT_ULID:
        kdb_ulid_text(text);
        return kdb_value_text(kdb_sv_dup(cells->arena, kdb_sv_cstr(text)));
    case KDB_DEFAULT_CURRENT_USER:
        return kdb_value_text(kdbi_exec_principal(cells->exec)->user.text);
    case KDB_DEFAULT_NONE:
    case KDB_DEFAULT_LITERAL:
        break;
    }
    return kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
}

kdb_value kdbi_default_value(const kdbi_cells *cells, const kdb_column *column)
{
    return column->default_kind == KDB_DEFAULT_LITERAL ? column->default_literal
                                                       : call_function(cells, column->default_kind);
}

/* The literal of the text that runs, which need not be the one that was parsed. */
static kdb_value lifted_value(const kdbi_cells *cells, const kdb_cell *cell)
{
    const kdb_shape *shape = cells->exec->shape;
    KDB_ASSERT(shape != NULL && cell->index < shape->nliterals);
    return kdb_shape_signed(&shape->literals[cell->index].value, cell->negative);
}

kdb_status kdbi_cell_failed(const kdb_cell *cell, kdb_status status, kdb_err *err)
{
    if (err != NULL && cell->kind == KDB_CELL_PARAM) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        const kdb_sv text = kdb_sv_dup(arena, kdb_sv_cstr(err->text));
        (void)kdb_err_fill(err, err->source_file, err->source_line, status, "%.*s (parameter $%u)", KDB_SV_ARG(text),
                           cell->index);
    }
    kdb_err_at(err, cell->position);
    return status;
}

kdb_value kdbi_cell_value(const kdbi_cells *cells, const kdb_cell *cell, const kdb_column *column)
{
    switch (cell->kind) {
    case KDB_CELL_LITERAL:
        return cell->literal;
    case KDB_CELL_PARAM:
        return cells->exec->request->params[cell->index - 1];
    case KDB_CELL_FUNCTION:
        return call_function(cells, cell->function);
    case KDB_CELL_EXPR:
        return kdb_vec_get(&cells->exprs->cols[cells->first_column + cell->index], cells->row);
    case KDB_CELL_LIFTED:
        return lifted_value(cells, cell);
    case KDB_CELL_DEFAULT:
        break;
    }
    return kdbi_default_value(cells, column);
}
