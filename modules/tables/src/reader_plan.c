/* reader_plan.c - how the projected columns come out of rows of one schema version, worked out once per reader so that
 * a cell costs a switch and a couple of loads. */
#include "tables_int.h"

static kdbi_cell_op op_of(kdb_type type)
{
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_BOOL:
        return KDBI_CELL_FIXED_1;
    case KDB_LAYOUT_I16:
        return KDBI_CELL_FIXED_2;
    case KDB_LAYOUT_I32:
    case KDB_LAYOUT_F32:
        return KDBI_CELL_FIXED_4;
    case KDB_LAYOUT_I64:
    case KDB_LAYOUT_F64:
        return KDBI_CELL_FIXED_8;
    case KDB_LAYOUT_I128:
        return KDBI_CELL_I128;
    case KDB_LAYOUT_UUID:
        return KDBI_CELL_UUID;
    case KDB_LAYOUT_BYTES:
        return KDBI_CELL_BYTES;
    case KDB_LAYOUT_F32S:
        return KDBI_CELL_FLOATS;
    case KDB_LAYOUT_NONE:
        break;
    }
    KDB_ASSERT(false); /* a column has a type that is stored */
    return KDBI_CELL_ABSENT;
}

/* The cell of a user column. */
static kdbi_cell column_cell(const kdb_column *latest, const kdb_schema *version)
{
    const int at = kdbi_schema_column_by_id(version, latest->id);
    if (at < 0) {
        return (kdbi_cell){ .op = latest->has_initial ? KDBI_CELL_INITIAL : KDBI_CELL_ABSENT, .latest = latest };
    }
    const kdb_column *stored = &version->columns[at];
    return (kdbi_cell){ .op = kdb_type_eq(stored->type, latest->type) ? op_of(latest->type) : KDBI_CELL_CONVERT,
                        .slot = kdbi_row_slot_of(version, (size_t)at),
                        .stored = stored,
                        .latest = latest };
}

/* The cell of kdb_table_fields' entry `field`. */
static kdbi_cell field_cell(const kdb_table *table, const kdb_schema *version, size_t field)
{
    const size_t ncolumns = table->schema->ncolumns;
    if (field < ncolumns) {
        return column_cell(&table->schema->columns[field], version);
    }
    if (field == ncolumns) {
        return (kdbi_cell){ .op = KDBI_CELL_SEQ };
    }
    const bool has_deleted = table->type != KDB_TABLE_STREAM;
    if (has_deleted && field == ncolumns + 1) {
        return (kdbi_cell){ .op = KDBI_CELL_DELETED };
    }
    KDB_ASSERT(field == ncolumns + (has_deleted ? 2 : 1));
    return (kdbi_cell){ .op = KDBI_CELL_KEY };
}

kdbi_reader_plan *kdbi_reader_plan_new(const kdb_scan_spec *spec, const kdb_schema *version, kdb_arena *arena)
{
    kdbi_reader_plan *plan = kdb_arena_alloc(arena, sizeof(*plan) + spec->nprojection * sizeof(kdbi_cell));
    plan->layout = kdbi_row_layout_of(version);
    for (size_t i = 0; i < spec->nprojection; i++) {
        plan->cells[i] = field_cell(spec->table, version, spec->projection[i]);
    }
    return plan;
}

static kdb_status fill_converted(const kdbi_reader_plan *plan, const kdbi_cell *cell, const char *row, kdb_vec *vec,
                                 size_t at, kdb_arena *scratch, kdb_err *err)
{
    kdb_value value = kdbi_row_stored(&plan->layout, row, cell->stored, &cell->slot);
    KDB_TRY(kdbi_row_to_latest(cell->latest, &value, scratch, err));
    kdb_vec_put(vec, at, &value);
    return KDB_OK;
}

static void fill_i128(const char *from, kdb_vec *vec, size_t at)
{
    kdb_i128 value;
    memcpy(&value, from, sizeof(value));
    vec->writer->put_i128(vec, at, value);
}

static void fill_uuid(const char *from, kdb_vec *vec, size_t at)
{
    kdb_uuid value;
    memcpy(&value, from, sizeof(value));
    vec->writer->put_uuid(vec, at, &value);
}

static void fill_floats(const kdbi_reader_plan *plan, const kdbi_cell *cell, const char *row, kdb_vec *vec, size_t at)
{
    const uint16_t dim = cell->latest->type.dim;
    const size_t size = dim * sizeof(float);
    const kdb_sv bytes = kdbi_row_bytes(&plan->layout, row, cell->slot.at);
    memcpy((char *)vec->data + at * size, kdbi_row_floats(bytes, dim), size);
}

/* A pseudo column, or one that the version lacks. */
static void fill_pseudo(const kdbi_cell *cell, kdb_sv key, const char *row, kdb_vec *vec, size_t at)
{
    switch (cell->op) {
    case KDBI_CELL_SEQ:
        memcpy((char *)vec->data + at * 8, row + KDBI_ROW_SEQ_AT, 8);
        break;
    case KDBI_CELL_DELETED:
        ((uint8_t *)vec->data)[at] = (uint8_t)row[KDBI_ROW_FLAGS_AT] & KDB_ROW_DELETED;
        break;
    case KDBI_CELL_KEY:
        vec->writer->put_bytes(vec, at, key);
        break;
    case KDBI_CELL_INITIAL:
        kdb_vec_put(vec, at, &cell->latest->initial);
        break;
    default: /* KDBI_CELL_ABSENT; those after KDBI_CELL_KEY are fill_column's */
        vec->writer->put_null(vec, at);
        break;
    }
}

/* A column of the row's version. */
static inline kdb_status fill_column(const kdbi_reader_plan *plan, const kdbi_cell *cell, const char *row, kdb_vec *vec,
                                     size_t at, kdb_arena *scratch, kdb_err *err)
{
    if (kdbi_row_null(row, &cell->slot)) {
        vec->writer->put_null(vec, at);
        return KDB_OK;
    }
    switch (cell->op) {
    case KDBI_CELL_FIXED_1:
        ((uint8_t *)vec->data)[at] = row[cell->slot.at] != 0;
        break;
    case KDBI_CELL_FIXED_2:
        memcpy((char *)vec->data + at * 2, row + cell->slot.at, 2);
        break;
    case KDBI_CELL_FIXED_4:
        memcpy((char *)vec->data + at * 4, row + cell->slot.at, 4);
        break;
    case KDBI_CELL_FIXED_8:
        memcpy((char *)vec->data + at * 8, row + cell->slot.at, 8);
        break;
    case KDBI_CELL_I128:
        fill_i128(row + cell->slot.at, vec, at);
        break;
    case KDBI_CELL_UUID:
        fill_uuid(row + cell->slot.at, vec, at);
        break;
    case KDBI_CELL_BYTES:
        vec->writer->put_bytes(vec, at, kdbi_row_bytes(&plan->layout, row, cell->slot.at));
        break;
    case KDBI_CELL_FLOATS:
        fill_floats(plan, cell, row, vec, at);
        break;
    default: /* KDBI_CELL_CONVERT; those up to KDBI_CELL_KEY are fill_pseudo's */
        return fill_converted(plan, cell, row, vec, at, scratch, err);
    }
    return KDB_OK;
}

kdb_status kdbi_reader_plan_fill(const kdbi_reader_plan *plan, size_t ncells, kdb_sv key, kdb_sv row, kdb_chunk *chunk,
                                 size_t at, kdb_arena *scratch, kdb_err *err)
{
    for (size_t i = 0; i < ncells; i++) {
        const kdbi_cell *cell = &plan->cells[i];
        kdb_vec *vec = &chunk->cols[i];
        if (vec->validity != NULL) {
            vec->validity[at >> 6] |= UINT64_C(1) << (at & 63);
        }
        if (cell->op > KDBI_CELL_KEY) {
            KDB_TRY(fill_column(plan, cell, row.ptr, vec, at, scratch, err));
        } else {
            fill_pseudo(cell, key, row.ptr, vec, at);
        }
    }
    return KDB_OK;
}
