/* system_storages.c - system.storages. */
#include "system_int.h"

kdb_status kdbi_storages_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_storage *list = NULL;
    kdb_registry_list_storages(scan->system->registry, scan->arena, &list, &scan->nitems);
    scan->items = list;
    return KDB_OK;
}

bool kdbi_storages_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_storage *storage = (const kdb_storage *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, storage->id);
    cells = kdbi_put_text(cells, storage->name);
    cells = kdbi_put_text_or_null(cells, storage->description);
    cells = kdbi_put_text(cells, storage->type);
    cells = kdbi_put_text(cells, storage->base_directory);
    cells = kdbi_put_text_or_null(cells, storage->credentials); /* masked: the registry lists nothing else */
    cells = kdbi_put_text_or_null(cells, storage->config_json);
    cells = kdbi_put_text(cells, storage->shared_template);
    cells = kdbi_put_text(cells, storage->user_template);
    cells = kdbi_put_time(cells, storage->created_us);
    (void)kdbi_put_time(cells, storage->updated_us);
    return true;
}
