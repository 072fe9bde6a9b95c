/* system_schemas.c - system.schemas: every version of every table, then the views, which SHOW TABLES shows by it. */
#include "system_int.h"

static void put_schema(const kdb_table *table, const kdb_schema *version, kdb_arena *arena, kdb_value *cells)
{
    const bool is_stream = table->type == KDB_TABLE_STREAM;
    cells = kdbi_put_text(cells, kdb_sv_printf(arena, "%.*s:%.*s", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name)));
    cells = kdbi_put_text(cells, table->name);
    cells = kdbi_put_text(cells, table->ns);
    cells = kdbi_put_cstr(cells, kdb_table_type_name(table->type));
    cells = kdbi_put_time(cells, table->created_us);
    cells = kdbi_put_int(cells, (int32_t)version->version);
    cells = kdbi_put_text(cells, kdbi_json_columns(table, version, arena));
    cells = kdbi_skip(cells); /* table_comment */
    cells = kdbi_put_time(cells, table->updated_us);
    cells = kdbi_put_text(cells, kdbi_json_options(table, arena));
    cells =
        table->type == KDB_TABLE_SHARED ? kdbi_put_cstr(cells, kdb_access_level_name(table->access)) : kdbi_skip(cells);
    cells = kdbi_put_bool(cells, version == table->schema);
    cells = is_stream ? kdbi_skip(cells) : kdbi_put_text_or_null(cells, table->storage_id);
    if (table->type == KDB_TABLE_USER) {
        (void)kdbi_put_bool(cells, table->use_user_storage);
    }
}

static bool next_view(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->view_at == scan->nviews) {
        return false;
    }
    const kdb_view *view = scan->views[scan->view_at++];
    kdb_arena *arena = scan->row_arena;
    cells = kdbi_put_text(cells, kdb_sv_printf(arena, "%.*s:%.*s", KDB_SV_ARG(view->ns), KDB_SV_ARG(view->name)));
    cells = kdbi_put_text(cells, view->name);
    cells = kdbi_put_text(cells, view->ns);
    cells = kdbi_put_cstr(cells, "view");
    cells = kdbi_put_time(cells, view->created_us);
    cells = kdbi_put_int(cells, 1);
    cells = kdbi_put_text(cells, kdbi_json_view_columns(view, arena));
    cells = kdbi_skip(cells); /* table_comment */
    cells = kdbi_put_time(cells, view->updated_us);
    cells = kdbi_skip(cells); /* options */
    cells = kdbi_skip(cells); /* access_level */
    (void)kdbi_put_bool(cells, true);
    return true;
}

bool kdbi_schemas_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->ntables) {
        return next_view(scan, cells);
    }
    const kdb_table *table = scan->tables[scan->at];
    put_schema(table, &table->versions[scan->sub], scan->row_arena, cells);
    if (++scan->sub == table->nversions) {
        scan->at++;
        scan->sub = 0;
    }
    return true;
}
