/* view_record.c - views as bytes in partition system_views, under `ns` NUL `name`. What a view reads is kept by name: a
 * name that a view reads cannot be taken away.
 *
 * view: u8 format | u64 created_us, updated_us | text query | u32 n, n * column | u32 n, n * use
 * column: text name, source | u8 type, precision, scale | u16 dim
 * use: text ns, name | u32 n, n * text column */
#include "registry_int.h"

enum { COLUMN_MIN_BYTES = 4 + 4 + 5, USE_MIN_BYTES = 4 + 4 + 4 };

/* ---- writing ---- */

static void write_use(const kdb_view_use *use, kdb_buf *out)
{
    kdb_record_write_text(out, use->ns);
    kdb_record_write_text(out, use->name);
    kdb_record_write_u32(out, (uint32_t)use->ncolumns);
    for (size_t i = 0; i < use->ncolumns; i++) {
        kdb_record_write_text(out, use->columns[i]);
    }
}

void kdbi_view_encode(const kdb_view *view, kdb_buf *out)
{
    kdb_buf_append_byte(out, KDBI_RECORD_FORMAT);
    kdb_record_write_u64(out, (uint64_t)view->created_us);
    kdb_record_write_u64(out, (uint64_t)view->updated_us);
    kdb_record_write_text(out, view->query);
    kdb_record_write_u32(out, (uint32_t)view->ncolumns);
    for (size_t i = 0; i < view->ncolumns; i++) {
        kdb_record_write_text(out, view->columns[i].name);
        kdb_record_write_text(out, view->columns[i].source);
        kdbi_registry_write_type(out, view->columns[i].type);
    }
    kdb_record_write_u32(out, (uint32_t)view->nuses);
    for (size_t i = 0; i < view->nuses; i++) {
        write_use(&view->uses[i], out);
    }
}

/* ---- reading ---- */

static kdb_sv read_text(kdb_record_reader *reader, kdb_arena *arena)
{
    return kdb_sv_dup(arena, kdb_record_read_text(reader));
}

static void read_columns(kdb_record_reader *reader, kdb_view *view)
{
    const uint32_t count = kdb_record_read_count(reader, COLUMN_MIN_BYTES);
    kdb_view_column *columns = KDB_ARENA_ARRAY(view->arena, kdb_view_column, count);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        columns[i].name = read_text(reader, view->arena);
        columns[i].source = read_text(reader, view->arena);
        columns[i].type = kdbi_registry_read_type(reader);
    }
    view->columns = columns;
    view->ncolumns = count;
}

static void read_use(kdb_record_reader *reader, kdb_arena *arena, kdb_view_use *out)
{
    out->ns = read_text(reader, arena);
    out->name = read_text(reader, arena);
    const uint32_t count = kdb_record_read_count(reader, sizeof(uint32_t));
    kdb_sv *columns = KDB_ARENA_ARRAY(arena, kdb_sv, count);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        columns[i] = read_text(reader, arena);
    }
    out->columns = columns;
    out->ncolumns = count;
}

static void read_uses(kdb_record_reader *reader, kdb_view *view)
{
    const uint32_t count = kdb_record_read_count(reader, USE_MIN_BYTES);
    kdb_view_use *uses = KDB_ARENA_ARRAY(view->arena, kdb_view_use, count);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        read_use(reader, view->arena, &uses[i]);
    }
    view->uses = uses;
    view->nuses = count;
}

kdb_status kdbi_view_decode(kdb_sv bytes, kdb_view *view, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    kdbi_registry_read_format(&reader);
    view->created_us = (int64_t)kdb_record_read_u64(&reader);
    view->updated_us = (int64_t)kdb_record_read_u64(&reader);
    view->query = read_text(&reader, view->arena);
    read_columns(&reader, view);
    read_uses(&reader, view);
    if (!kdb_record_complete(&reader) || view->query.len == 0 || view->ncolumns == 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad view record of %zu bytes", bytes.len);
    }
    return KDB_OK;
}
