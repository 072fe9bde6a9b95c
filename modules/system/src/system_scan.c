/* system_scan.c - reads one system table: each row is made whole, then its projected cells go into the chunk. System
 * tables are small and rarely read, so rows are made the simple way. */
#include "system_int.h"

static kdb_system_scan *scan_new(const kdb_system_table_def *def)
{
    kdb_system_scan *scan = KDB_NEW(kdb_system_scan);
    scan->def = def;
    scan->arena = kdb_arena_new(0);
    scan->row_arena = kdb_arena_new(0);
    scan->blank = KDB_ARENA_ARRAY(scan->arena, kdb_value, def->ncolumns);
    scan->cells = KDB_ARENA_ARRAY(scan->arena, kdb_value, def->ncolumns);
    for (size_t i = 0; i < def->ncolumns; i++) {
        scan->blank[i] = kdb_value_null(kdb_type_of(def->columns[i].kind));
    }
    return scan;
}

void kdb_system_scan_free(kdb_system_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    kdb_iter_free(scan->iter);
    kdb_registry_release_tables(scan->tables, scan->ntables);
    kdb_registry_release_views(scan->views, scan->nviews);
    kdb_arena_free(scan->row_arena);
    kdb_arena_free(scan->arena);
    kdb_free(scan);
}

kdb_status kdb_system_scan_open(kdb_system *system, const kdb_system_table_def *def, const kdb_principal *viewer,
                                const kdb_snapshot *snapshot, const size_t *projection, size_t nprojection,
                                kdb_system_scan **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_system_scan_freep) kdb_system_scan *scan = scan_new(def);
    scan->system = system;
    scan->viewer = viewer->role;
    scan->principal = viewer;
    scan->snapshot = snapshot;
    scan->nprojection = nprojection;
    if (nprojection > 0) {
        const size_t size = nprojection * sizeof(*projection);
        scan->projection = memcpy(kdb_arena_alloc_raw(scan->arena, size), projection, size);
    }
    KDB_TRY(def->open(scan, err));
    *out = KDB_TAKE(scan);
    return KDB_OK;
}

/* Makes the next row in scan->cells; false at the end or after an error. */
static bool next_row(kdb_system_scan *scan)
{
    kdb_arena_reset(scan->row_arena);
    memcpy(scan->cells, scan->blank, scan->def->ncolumns * sizeof(kdb_value));
    return scan->def->next(scan, scan->cells);
}

kdb_status kdb_system_scan_next(kdb_system_scan *scan, kdb_chunk *chunk, kdb_err *err)
{
    scan->err = err;
    chunk->nrows = 0;
    while (chunk->nrows < KDB_CHUNK_ROWS && next_row(scan)) {
        for (size_t i = 0; i < scan->nprojection; i++) {
            KDB_ASSERT(scan->projection[i] < scan->def->ncolumns);
            kdb_vec_put(&chunk->cols[i], chunk->nrows, &scan->cells[scan->projection[i]]);
        }
        chunk->nrows++;
    }
    return scan->failed;
}

/* ---- cells ---- */

kdb_value *kdbi_skip(kdb_value *cell)
{
    return cell + 1;
}

kdb_value *kdbi_put_text(kdb_value *cell, kdb_sv text)
{
    cell->is_null = false;
    cell->as.bytes = text;
    return cell + 1;
}

kdb_value *kdbi_put_cstr(kdb_value *cell, const char *text)
{
    return kdbi_put_text(cell, kdb_sv_cstr(text));
}

kdb_value *kdbi_put_text_or_null(kdb_value *cell, kdb_sv text)
{
    return text.len == 0 ? kdbi_skip(cell) : kdbi_put_text(cell, text);
}

kdb_value *kdbi_put_smallint(kdb_value *cell, int16_t value)
{
    KDB_DASSERT(kdb_type_layout(cell->type) == KDB_LAYOUT_I16);
    cell->is_null = false;
    cell->as.i16 = value;
    return cell + 1;
}

kdb_value *kdbi_put_int(kdb_value *cell, int32_t value)
{
    KDB_DASSERT(kdb_type_layout(cell->type) == KDB_LAYOUT_I32);
    cell->is_null = false;
    cell->as.i32 = value;
    return cell + 1;
}

kdb_value *kdbi_put_bigint(kdb_value *cell, int64_t value)
{
    KDB_DASSERT(kdb_type_layout(cell->type) == KDB_LAYOUT_I64);
    cell->is_null = false;
    cell->as.i64 = value;
    return cell + 1;
}

kdb_value *kdbi_put_bool(kdb_value *cell, bool value)
{
    KDB_DASSERT(kdb_type_layout(cell->type) == KDB_LAYOUT_BOOL);
    cell->is_null = false;
    cell->as.b = value;
    return cell + 1;
}

kdb_value *kdbi_put_float(kdb_value *cell, float value)
{
    KDB_DASSERT(kdb_type_layout(cell->type) == KDB_LAYOUT_F32);
    cell->is_null = false;
    cell->as.f32 = value;
    return cell + 1;
}

kdb_value *kdbi_put_time(kdb_value *cell, int64_t us)
{
    KDB_DASSERT(cell->type.kind == KDB_TYPE_TIMESTAMP);
    return kdbi_put_bigint(cell, us);
}

kdb_value *kdbi_put_time_or_null(kdb_value *cell, int64_t us)
{
    return us == 0 ? kdbi_skip(cell) : kdbi_put_time(cell, us);
}
