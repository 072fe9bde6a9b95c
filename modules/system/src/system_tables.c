/* system_tables.c - system.tables, each table once with its latest version; and the walk over the registry's tables
 * that the other tables about tables share. */
#include "system_int.h"

kdb_status kdbi_open_tables(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_registry_list_tables(scan->system->registry, scan->arena, &scan->tables, &scan->ntables);
    return KDB_OK;
}

kdb_status kdbi_open_tables_and_views(kdb_system_scan *scan, kdb_err *err)
{
    kdb_registry_list_views(scan->system->registry, scan->arena, &scan->views, &scan->nviews);
    return kdbi_open_tables(scan, err);
}

static kdb_sv take_text(kdb_buf *buf, kdb_arena *arena)
{
    const kdb_sv text = kdb_sv_dup(arena, kdb_buf_sv(buf));
    kdb_buf_done(buf);
    return text;
}

kdb_sv kdbi_json_columns(const kdb_table *table, const kdb_schema *schema, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_table_columns_json(table, schema, &json);
    return take_text(&json, arena);
}

kdb_sv kdbi_json_options(const kdb_table *table, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_table_options_json(table, &json);
    return take_text(&json, arena);
}

kdb_sv kdbi_json_view_columns(const kdb_view *view, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_view_columns_json(view, &json);
    return take_text(&json, arena);
}

bool kdbi_tables_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->ntables) {
        return false;
    }
    const kdb_table *table = scan->tables[scan->at++];
    cells = kdbi_put_text(cells, table->ns);
    cells = kdbi_put_text(cells, table->name);
    cells = kdbi_put_cstr(cells, kdb_table_type_name(table->type));
    cells = kdbi_put_text_or_null(cells, table->storage_id);
    cells = kdbi_put_bigint(cells, table->schema->version);
    cells = kdbi_put_text(cells, kdbi_json_options(table, scan->row_arena));
    cells = kdbi_skip(cells); /* comment */
    cells = kdbi_put_time(cells, table->updated_us);
    (void)kdbi_put_time(cells, table->created_us);
    return true;
}
