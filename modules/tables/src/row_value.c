/* row_value.c - a row's bytes, from values and back. Integers are little-endian.
 *
 *   at                size           what
 *   0                 1              format, 1
 *   1                 1              flags: bit 0 deleted, others 0
 *   2                 4              schema version, from 1
 *   6                 8              _seq
 *   14                (ncolumns+7)/8 null bitmap: bit i & 7 of byte i / 8 is set when column i is NULL; spare bits 0
 *   then              fixed part     each column with a fixed size, in column order, 0 when NULL: BOOLEAN 1;
 *                                    SMALLINT 2; INT, DATE 4; FLOAT its IEEE bits 4; BIGINT, TIMESTAMP, DATETIME,
 *                                    TIME 8; DOUBLE its IEEE bits 8; DECIMAL the unscaled number 16; UUID 16 in
 *                                    network order
 *   then              4 a column     for each other column, in column order: where its bytes end, counted from the
 *                                    start of the bytes; they begin where the column's before end. NULL has none
 *   then, to the end  bytes          TEXT, JSON, FILE (UTF-8, checked here, so never when read), BYTES; EMBEDDING its
 *                                    dim floats, after 0 to 3 zero bytes that bring them to a multiple of 4 in the row
 *
 * Column order is that of the schema version the row was written with. A tombstone is a whole row, with its last
 * values. Reading one column takes its place (row_layout.c) and no look at the others. */
#include "tables_int.h"

static const size_t max_row = (size_t)64 << 20;

/* ---- reading ---- */

kdb_status kdb_row_open(const kdb_table *table, kdb_sv bytes, kdb_row *out, kdb_err *err)
{
    const uint32_t version = kdbi_row_header_version(bytes);
    if (version == 0 || version > table->nversions) {
        return KDB_FAIL(err, KDB_CORRUPT, "a row of table %.*s.%.*s has a header that was never written",
                        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
    }
    const kdb_schema *schema = &table->versions[version - 1];
    const kdbi_row_layout layout = kdbi_row_layout_of(schema);
    if (!kdbi_row_is_sound(&layout, bytes)) {
        return KDB_FAIL(err, KDB_CORRUPT, "a row of table %.*s.%.*s does not have the layout of its schema version",
                        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
    }
    *out = (kdb_row){ .bytes = bytes,
                      .schema = schema,
                      .seq = kdb_get_le64(bytes.ptr + KDBI_ROW_SEQ_AT),
                      .deleted = ((uint8_t)bytes.ptr[KDBI_ROW_FLAGS_AT] & KDB_ROW_DELETED) != 0 };
    return KDB_OK;
}

static void read_fixed(const char *at, kdb_value *out)
{
    switch (kdb_type_layout(out->type)) {
    case KDB_LAYOUT_BOOL:
        out->as.b = *at != 0;
        break;
    case KDB_LAYOUT_I16:
        memcpy(&out->as.i16, at, sizeof(out->as.i16));
        break;
    case KDB_LAYOUT_I32:
        memcpy(&out->as.i32, at, sizeof(out->as.i32));
        break;
    case KDB_LAYOUT_I64:
        memcpy(&out->as.i64, at, sizeof(out->as.i64));
        break;
    case KDB_LAYOUT_I128:
        memcpy(&out->as.i128, at, sizeof(out->as.i128));
        break;
    case KDB_LAYOUT_F32:
        memcpy(&out->as.f32, at, sizeof(out->as.f32));
        break;
    case KDB_LAYOUT_F64:
        memcpy(&out->as.f64, at, sizeof(out->as.f64));
        break;
    case KDB_LAYOUT_UUID:
        memcpy(&out->as.uuid, at, sizeof(out->as.uuid));
        break;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_F32S:
        KDB_ASSERT(false); /* not in the fixed part */
    }
}

kdb_value kdbi_row_stored(const kdbi_row_layout *layout, const char *row, const kdb_column *column,
                          const kdbi_row_slot *slot)
{
    kdb_value value = kdb_value_null(column->type);
    if (kdbi_row_null(row, slot)) {
        return value;
    }
    value.is_null = false;
    if (!slot->variable) {
        read_fixed(row + slot->at, &value);
        return value;
    }
    const kdb_sv cell = kdbi_row_bytes(layout, row, slot->at);
    if (column->type.kind == KDB_TYPE_EMBEDDING) {
        value.as.f32s = (const float *)(const void *)kdbi_row_floats(cell, column->type.dim);
    } else {
        value.as.bytes = cell;
    }
    return value;
}

/* The stored value of column `index` of the latest schema. */
static kdb_value stored_value(const kdb_table *table, const kdb_row *row, const kdbi_row_layout *layout, size_t index)
{
    const kdb_column *latest = &table->schema->columns[index];
    const int at = row->schema == table->schema ? (int)index : kdbi_schema_column_by_id(row->schema, latest->id);
    if (at < 0) {
        return latest->has_initial ? latest->initial : kdb_value_null(latest->type);
    }
    const kdbi_row_slot slot = kdbi_row_slot_of(row->schema, (size_t)at);
    return kdbi_row_stored(layout, row->bytes.ptr, &row->schema->columns[at], &slot);
}

static bool is_aligned(const kdb_value *value)
{
    return value->is_null || value->type.kind != KDB_TYPE_EMBEDDING || (uintptr_t)value->as.f32s % _Alignof(float) == 0;
}

kdb_value kdb_row_get(const kdb_table *table, const kdb_row *row, size_t index)
{
    KDB_ASSERT(index < table->schema->ncolumns);
    const kdbi_row_layout layout = kdbi_row_layout_of(row->schema);
    const kdb_value value = stored_value(table, row, &layout, index);
    KDB_ASSERT(is_aligned(&value));
    return value;
}

kdb_status kdbi_row_to_latest(const kdb_column *latest, kdb_value *value, kdb_arena *arena, kdb_err *err)
{
    if (!is_aligned(value)) {
        const size_t size = value->type.dim * sizeof(float);
        value->as.f32s = memcpy(kdb_arena_alloc_raw(arena, size), (const void *)value->as.f32s, size);
    }
    if (kdb_type_eq(value->type, latest->type)) {
        return KDB_OK;
    }
    const kdb_value in = *value;
    if (kdb_value_coerce(&in, latest->type, arena, value, NULL) != KDB_OK) {
        return KDB_FAIL(err, KDB_CORRUPT,
                        "column '%.*s' holds a value from before its type was changed that does not "
                        "convert",
                        KDB_SV_ARG(latest->name));
    }
    return KDB_OK;
}

kdb_status kdb_row_values(const kdb_table *table, const kdb_row *row, kdb_arena *arena, kdb_value *out, kdb_err *err)
{
    const kdbi_row_layout layout = kdbi_row_layout_of(row->schema);
    kdbi_row_cursor cursor = kdbi_row_cursor_start(row->schema);
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        const kdb_column *latest = &table->schema->columns[i];
        if (row->schema == table->schema) {
            const kdbi_row_slot slot = kdbi_row_cursor_next(&cursor);
            out[i] = kdbi_row_stored(&layout, row->bytes.ptr, latest, &slot);
        } else {
            out[i] = stored_value(table, row, &layout, i);
        }
        KDB_TRY(kdbi_row_to_latest(latest, &out[i], arena, err));
    }
    return KDB_OK;
}

/* ---- writing ---- */

static bool is_text(kdb_type_kind kind)
{
    return kind == KDB_TYPE_TEXT || kind == KDB_TYPE_JSON || kind == KDB_TYPE_FILE;
}

/* *io becomes values of the columns' types: itself where they are already. */
static kdb_status coerce_all(const kdb_schema *schema, const kdb_value **io, kdb_arena *arena, kdb_err *err)
{
    const kdb_value *values = *io;
    kdb_value *own = NULL;
    for (size_t i = 0; i < schema->ncolumns; i++) {
        const kdb_column *column = &schema->columns[i];
        if (!kdb_type_eq(values[i].type, column->type)) {
            if (own == NULL) {
                own = KDB_ARENA_ARRAY(arena, kdb_value, schema->ncolumns);
                memcpy(own, values, schema->ncolumns * sizeof(kdb_value));
                *io = own;
            }
            KDB_TRY(kdb_value_coerce(&values[i], column->type, arena, &own[i], err));
        }
        if (!values[i].is_null && is_text(column->type.kind) && !kdb_utf8_valid((*io)[i].as.bytes)) {
            return KDB_FAIL(err, KDB_SCHEMA, "the text for column '%.*s' is not valid UTF-8", KDB_SV_ARG(column->name));
        }
    }
    return KDB_OK;
}

/* The zero bytes before floats at `at` bytes from the row's start. */
static size_t float_padding(size_t at)
{
    return (KDBI_ROW_FLOAT_ALIGN - at % KDBI_ROW_FLOAT_ALIGN) % KDBI_ROW_FLOAT_ALIGN;
}

/* Where a variable cell that begins `at` bytes from the row's start ends. */
static size_t cell_end(const kdb_value *value, size_t at)
{
    if (value->is_null) {
        return at;
    }
    if (value->type.kind == KDB_TYPE_EMBEDDING) {
        return at + float_padding(at) + value->type.dim * sizeof(float);
    }
    return at + value->as.bytes.len;
}

static size_t row_size(const kdbi_row_layout *layout, const kdb_value *values)
{
    size_t at = layout->bytes_at;
    for (size_t i = 0; i < layout->schema->ncolumns; i++) {
        if (kdb_type_defs[values[i].type.kind].fixed_size == 0) {
            at = cell_end(&values[i], at);
        }
    }
    return at;
}

static void write_fixed(char *at, const kdb_value *value)
{
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_BOOL:
        *at = value->as.b ? 1 : 0;
        break;
    case KDB_LAYOUT_I16:
        memcpy(at, &value->as.i16, sizeof(value->as.i16));
        break;
    case KDB_LAYOUT_I32:
        memcpy(at, &value->as.i32, sizeof(value->as.i32));
        break;
    case KDB_LAYOUT_I64:
        memcpy(at, &value->as.i64, sizeof(value->as.i64));
        break;
    case KDB_LAYOUT_I128:
        memcpy(at, &value->as.i128, sizeof(value->as.i128));
        break;
    case KDB_LAYOUT_F32:
        memcpy(at, &value->as.f32, sizeof(value->as.f32));
        break;
    case KDB_LAYOUT_F64:
        memcpy(at, &value->as.f64, sizeof(value->as.f64));
        break;
    case KDB_LAYOUT_UUID:
        memcpy(at, &value->as.uuid, sizeof(value->as.uuid));
        break;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_F32S:
        KDB_ASSERT(false); /* not in the fixed part */
    }
}

/* Writes the bytes of a variable cell at row + at; returns where they end. */
static size_t write_variable(char *row, size_t at, const kdb_value *value)
{
    const size_t end = cell_end(value, at);
    if (end == at) {
        return end;
    }
    if (value->type.kind == KDB_TYPE_EMBEDDING) {
        const size_t padding = float_padding(at);
        memset(row + at, 0, padding);
        memcpy(row + at + padding, value->as.f32s, value->type.dim * sizeof(float));
    } else {
        memcpy(row + at, value->as.bytes.ptr, value->as.bytes.len);
    }
    return end;
}

static void write_columns(const kdbi_row_layout *layout, const kdb_value *values, char *row)
{
    kdbi_row_cursor cursor = kdbi_row_cursor_start(layout->schema);
    size_t end = layout->bytes_at;
    for (size_t i = 0; i < layout->schema->ncolumns; i++) {
        const kdbi_row_slot slot = kdbi_row_cursor_next(&cursor);
        if (values[i].is_null) {
            row[slot.null_at] = (char)((uint8_t)row[slot.null_at] | slot.null_bit);
        }
        if (slot.variable) {
            end = write_variable(row, end, &values[i]);
            kdb_put_le32(row + layout->ends_at + sizeof(uint32_t) * slot.at, (uint32_t)(end - layout->bytes_at));
        } else if (!values[i].is_null) {
            write_fixed(row + slot.at, &values[i]);
        }
    }
}

static void stamp(char *row, uint64_t seq, bool deleted)
{
    row[KDBI_ROW_FLAGS_AT] = deleted ? KDB_ROW_DELETED : 0;
    kdb_put_le64(row + KDBI_ROW_SEQ_AT, seq);
}

kdb_status kdb_row_encode(const kdb_table *table, const kdb_value *values, uint64_t seq, bool deleted, kdb_arena *arena,
                          kdb_sv *out, kdb_err *err)
{
    KDB_TRY(coerce_all(table->schema, &values, arena, err));
    const kdbi_row_layout layout = kdbi_row_layout_of(table->schema);
    const size_t size = row_size(&layout, values);
    char *row = size > max_row ? NULL : kdb_arena_try_alloc(arena, size);
    if (row == NULL) {
        return KDB_FAIL(err, KDB_LIMIT,
                        "a row of %zu bytes is too large (at most %zu, and what the statement may write)", size,
                        max_row);
    }
    memset(row, 0, layout.ends_at);
    row[0] = KDBI_ROW_FORMAT;
    kdb_put_le32(row + KDBI_ROW_VERSION_AT, table->schema->version);
    stamp(row, seq, deleted);
    write_columns(&layout, values, row);
    *out = (kdb_sv){ row, size };
    return KDB_OK;
}

kdb_sv kdb_row_restamp(const kdb_row *row, uint64_t seq, bool deleted, kdb_arena *arena)
{
    char *copy = kdb_arena_alloc_raw(arena, row->bytes.len);
    memcpy(copy, row->bytes.ptr, row->bytes.len);
    stamp(copy, seq, deleted);
    return (kdb_sv){ copy, row->bytes.len };
}

void kdb_row_stamp(kdb_sv row, uint64_t seq)
{
    KDB_ASSERT(row.len >= KDBI_ROW_HEADER);
    kdb_put_le64((void *)(uintptr_t)(row.ptr + KDBI_ROW_SEQ_AT), seq);
}
