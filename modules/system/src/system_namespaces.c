/* system_namespaces.c - system.namespaces. */
#include "system_int.h"

kdb_status kdbi_namespaces_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_namespace *list = NULL;
    kdb_registry_list_namespaces(scan->system->registry, scan->arena, &list, &scan->nitems);
    scan->items = list;
    return KDB_OK;
}

bool kdbi_namespaces_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_namespace *ns = (const kdb_namespace *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, ns->name); /* namespace_id */
    cells = kdbi_put_text(cells, ns->name);
    cells = kdbi_put_time(cells, ns->created_us);
    cells = kdbi_put_text_or_null(cells, ns->options_json);
    (void)kdbi_put_int(cells, (int32_t)ns->table_count);
    return true;
}
