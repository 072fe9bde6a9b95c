/* result.c - the columns of a result: the reference's types and flags over the types that values are computed in, and the
 * conversion of chunks from the one to the other. */
#include "core_int.h"

/* ---- columns ---- */

void kdbi_result_of_field(const kdb_table *table, uint32_t field, kdb_result_column *column)
{
    const kdb_schema *schema = table->schema;
    if (field >= schema->ncolumns) { /* `_seq`, `_deleted` */
        column->not_null = true;
        column->type = kdb_type_of(field == schema->ncolumns ? KDB_TYPE_BIGINT : KDB_TYPE_BOOLEAN);
        return;
    }
    for (size_t i = 0; i < table->nkey; i++) {
        column->key = column->key || table->key[i] == field;
    }
    column->not_null = schema->columns[field].not_null;
    column->type = schema->columns[field].type;
}

static void slot_field(const kdbi_slot *slot, uint32_t field, kdb_result_column *column)
{
    if (slot->def == NULL) {
        kdbi_result_of_field(slot->table, field, column);
        return;
    }
    column->key = slot->def->columns[field].key;
    column->not_null = slot->def->columns[field].not_null;
    column->type = kdb_type_of(slot->def->columns[field].kind);
}

kdbi_convert kdbi_result_of_constant(kdb_result_column *column)
{
    switch (kdb_type_layout(column->type)) {
    case KDB_LAYOUT_I16:
    case KDB_LAYOUT_I32:
        if (column->type.kind == KDB_TYPE_DATE) {
            return KDBI_KEEP;
        }
        column->type = kdb_type_of(KDB_TYPE_BIGINT);
        return KDBI_WIDEN;
    case KDB_LAYOUT_I128:
        column->type = kdb_type_of(KDB_TYPE_DOUBLE);
        return KDBI_DECIMAL_TO_DOUBLE;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_BOOL:
    case KDB_LAYOUT_I64:
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_UUID:
    case KDB_LAYOUT_F32S:
        break;
    }
    return KDBI_KEEP;
}

static kdbi_convert shown_column(const kdbi_plan *plan, const kdb_bound_column *from, kdb_result_column *column)
{
    if (from->slot < 0) {
        if (from->cast != KDB_TYPE_NULL && kdb_type_layout(kdb_type_of(from->cast)) == kdb_type_layout(column->type)) {
            column->type = kdb_type_of(from->cast);
            return KDBI_RETYPE;
        }
        return from->constant ? kdbi_result_of_constant(column) : KDBI_KEEP;
    }
    const kdb_type computed = column->type;
    slot_field(&plan->slots[from->slot], from->column, column);
    if (kdb_type_eq(column->type, computed)) {
        return KDBI_KEEP;
    }
    if (kdb_type_layout(column->type) != kdb_type_layout(computed)) {
        column->type = computed;
        return KDBI_KEEP;
    }
    return KDBI_RETYPE; /* JSON, FILE and DATETIME, which the engine takes for text and timestamps */
}

void kdbi_result_describe(const kdbi_plan *plan, const kdb_field *computed, size_t ncolumns, kdb_arena *arena,
                          kdbi_result *result)
{
    if (ncolumns > result->ncolumns || result->columns == NULL) { /* once: a statement's number of columns stays */
        result->columns = KDB_ARENA_ARRAY(arena, kdb_result_column, ncolumns + 1);
        result->convert = KDB_ARENA_ARRAY(arena, kdbi_convert, ncolumns + 1);
    }
    result->ncolumns = ncolumns;
    const kdb_bound *bound = plan->query.bound;
    const bool lineage = bound->columns != NULL && bound->ncolumns == ncolumns;
    for (size_t i = 0; i < ncolumns; i++) {
        result->columns[i] = (kdb_result_column){ .name = computed[i].name, .type = computed[i].type };
        result->convert[i] = lineage ? shown_column(plan, &bound->columns[i], &result->columns[i]) : KDBI_KEEP;
    }
}

/* ---- chunks ---- */

void kdbi_shown_init(kdbi_shown *s, const kdbi_result *result, kdb_arena *arena)
{
    s->result = result;
    s->chunk.ncols = result->ncolumns;
    s->chunk.cols = KDB_ARENA_ARRAY(arena, kdb_vec, result->ncolumns + 1);
    s->converted = KDB_ARENA_ARRAY(arena, void *, result->ncolumns + 1);
    for (size_t i = 0; i < result->ncolumns; i++) {
        if (result->convert[i] == KDBI_WIDEN || result->convert[i] == KDBI_DECIMAL_TO_DOUBLE) {
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

static void convert_column(kdbi_shown *s, size_t index, const kdb_vec *from, size_t nrows)
{
    kdb_vec *to = &s->chunk.cols[index];
    *to = *from;
    switch (s->result->convert[index]) {
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
    to->type = s->result->columns[index].type;
}

const kdb_chunk *kdbi_shown_convert(kdbi_shown *s, const kdb_chunk *from, size_t nrows)
{
    for (size_t i = 0; i < from->ncols; i++) {
        convert_column(s, i, &from->cols[i], nrows);
    }
    s->chunk.nrows = nrows;
    return &s->chunk;
}
