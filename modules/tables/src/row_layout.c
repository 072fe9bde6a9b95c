/* row_layout.c - where a schema version keeps each column in a row, and whether given bytes are such a row. Both follow
 * from the columns' types alone: one walk over the columns finds them, and readers of many rows keep what it found. */
#include "tables_int.h"

kdbi_row_cursor kdbi_row_cursor_start(const kdb_schema *schema)
{
    return (kdbi_row_cursor){ schema, 0, KDBI_ROW_HEADER + (schema->ncolumns + 7) / 8, 0 };
}

kdbi_row_slot kdbi_row_cursor_next(kdbi_row_cursor *cursor)
{
    KDB_DASSERT(cursor->index < cursor->schema->ncolumns);
    const size_t size = kdb_type_defs[cursor->schema->columns[cursor->index].type.kind].fixed_size;
    kdbi_row_slot slot = { .null_at = KDBI_ROW_HEADER + cursor->index / 8,
                           .null_bit = (uint8_t)(1U << (cursor->index & 7)),
                           .variable = size == 0,
                           .at = size == 0 ? cursor->nvariable : cursor->fixed_at };
    cursor->index++;
    cursor->fixed_at += size;
    cursor->nvariable += size == 0 ? 1 : 0;
    return slot;
}

kdbi_row_slot kdbi_row_slot_of(const kdb_schema *schema, size_t index)
{
    kdbi_row_cursor cursor = kdbi_row_cursor_start(schema);
    while (cursor.index < index) {
        (void)kdbi_row_cursor_next(&cursor);
    }
    return kdbi_row_cursor_next(&cursor);
}

kdbi_row_layout kdbi_row_layout_of(const kdb_schema *schema)
{
    kdbi_row_cursor cursor = kdbi_row_cursor_start(schema);
    bool has_embedding = false;
    while (cursor.index < schema->ncolumns) {
        has_embedding = has_embedding || schema->columns[cursor.index].type.kind == KDB_TYPE_EMBEDDING;
        (void)kdbi_row_cursor_next(&cursor);
    }
    return (kdbi_row_layout){ .schema = schema,
                              .ends_at = cursor.fixed_at,
                              .bytes_at = cursor.fixed_at + sizeof(uint32_t) * cursor.nvariable,
                              .nvariable = cursor.nvariable,
                              .has_embedding = has_embedding };
}

int kdbi_schema_column_by_id(const kdb_schema *schema, uint32_t id)
{
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

uint32_t kdbi_row_header_version(kdb_sv bytes)
{
    if (bytes.len < KDBI_ROW_HEADER || (uint8_t)bytes.ptr[0] != KDBI_ROW_FORMAT ||
        ((uint8_t)bytes.ptr[KDBI_ROW_FLAGS_AT] & ~KDB_ROW_DELETED) != 0) {
        return 0;
    }
    return kdb_get_le32(bytes.ptr + KDBI_ROW_VERSION_AT);
}

/* The bits of the null bitmap that belong to no column. */
static bool bitmap_ends_clean(const kdb_schema *schema, const char *row)
{
    const size_t used = schema->ncolumns & 7;
    return used == 0 || (uint8_t)row[KDBI_ROW_HEADER + schema->ncolumns / 8] >> used == 0;
}

/* Every EMBEDDING that is not NULL has its floats, and they begin at a multiple of 4. */
static bool embeddings_are_whole(const kdbi_row_layout *layout, const char *row)
{
    kdbi_row_cursor cursor = kdbi_row_cursor_start(layout->schema);
    while (cursor.index < layout->schema->ncolumns) {
        const kdb_type type = layout->schema->columns[cursor.index].type;
        const kdbi_row_slot slot = kdbi_row_cursor_next(&cursor);
        if (type.kind != KDB_TYPE_EMBEDDING || kdbi_row_null(row, &slot)) {
            continue;
        }
        const kdb_sv cell = kdbi_row_bytes(layout, row, slot.at);
        const size_t size = type.dim * sizeof(float);
        if (cell.len < size || cell.len >= size + KDBI_ROW_FLOAT_ALIGN ||
            (size_t)(kdbi_row_floats(cell, type.dim) - row) % KDBI_ROW_FLOAT_ALIGN != 0) {
            return false;
        }
    }
    return true;
}

bool kdbi_row_is_sound(const kdbi_row_layout *layout, kdb_sv bytes)
{
    if (bytes.len < layout->bytes_at || !bitmap_ends_clean(layout->schema, bytes.ptr)) {
        return false;
    }
    const char *ends = bytes.ptr + layout->ends_at;
    uint32_t end = 0;
    for (size_t i = 0; i < layout->nvariable; i++) {
        const uint32_t next = kdb_get_le32(ends + sizeof(uint32_t) * i);
        if (next < end) {
            return false;
        }
        end = next;
    }
    return bytes.len - layout->bytes_at == end && (!layout->has_embedding || embeddings_are_whole(layout, bytes.ptr));
}

kdb_status kdbi_row_damaged(const kdb_table *table, kdb_err *err)
{
    return KDB_FAIL(err, KDB_CORRUPT, "table %.*s.%.*s holds a row that was never written", KDB_SV_ARG(table->ns),
                    KDB_SV_ARG(table->name));
}
