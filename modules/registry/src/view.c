/* view.c - one view: counted references, and its columns as system.schemas shows them. A view is built in one arena, is
 * immutable once published, and goes when the last reference does. */
#include "registry_int.h"

kdb_view *kdbi_view_new(void)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdb_view *view = KDB_ARENA_NEW(arena, kdb_view);
    view->arena = arena;
    atomic_init(&view->refs, 1);
    return view;
}

kdb_view *kdb_view_ref(kdb_view *view)
{
    atomic_fetch_add(&view->refs, 1);
    return view;
}

void kdb_view_unref(kdb_view *view)
{
    if (view != NULL && atomic_fetch_sub(&view->refs, 1) == 1) {
        kdb_arena_free(view->arena);
    }
}

static void put_column(const kdb_view_column *column, size_t ordinal, kdb_buf *out)
{
    kdb_buf_printf(out, "{\"column_id\":%zu,\"column_name\":", ordinal);
    kdb_json_put_string(out, column->name);
    kdb_buf_append_lit(out, ",\"column_comment\":null,\"data_type\":");
    kdb_json_put_type(out, column->type);
    kdb_buf_printf(out,
                   ",\"default_value\":null,\"ordinal_position\":%zu,\"is_nullable\":true,\"is_primary_key\":false,"
                   "\"is_partition_key\":false}",
                   ordinal);
}

void kdb_view_columns_json(const kdb_view *view, kdb_buf *out)
{
    kdb_buf_append_byte(out, '[');
    for (size_t i = 0; i < view->ncolumns; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(","));
        put_column(&view->columns[i], i + 1, out);
    }
    kdb_buf_append_byte(out, ']');
}
