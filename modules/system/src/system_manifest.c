/* system_manifest.c - system.manifest: the segments of each partition. What the rows hold is read one by one: there may be as many as
 * there are users. */
#include "system_int.h"

kdb_status kdbi_manifest_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    const kdb_system_reporter *reporter = &scan->system->reporter;
    kdb_manifest_row *list = NULL;
    if (reporter->manifests != NULL) {
        reporter->manifests(reporter->self, scan->principal, scan->arena, &list, &scan->nitems);
    }
    scan->items = list;
    return KDB_OK;
}

static void put_row(kdb_system_scan *scan, const kdb_manifest_row *row, kdb_value *cells)
{
    cells = kdbi_put_text(cells, kdb_sv_printf(scan->row_arena, "%.*s:%.*s:%.*s", KDB_SV_ARG(row->ns),
                                               KDB_SV_ARG(row->table), KDB_SV_ARG(row->scope)));
    cells = kdbi_put_text(cells, row->ns);
    cells = kdbi_put_text(cells, row->table);
    cells = kdbi_put_text(cells, row->scope);
    cells = kdbi_put_text_or_null(cells, row->etag);
    cells = kdbi_put_time(cells, row->refreshed_us);
    cells = kdbi_put_time(cells, row->accessed_us);
    cells = kdbi_put_bool(cells, row->in_memory);
    cells = kdbi_put_text(cells, row->sync_state);
    (void)kdbi_put_text(cells, row->json);
}

bool kdbi_manifest_next(kdb_system_scan *scan, kdb_value *cells)
{
    const kdb_system_reporter *reporter = &scan->system->reporter;
    while (scan->at < scan->nitems) {
        kdb_manifest_row *row = (kdb_manifest_row *)scan->items + scan->at++;
        if (reporter->manifest(reporter->self, scan->row_arena, row)) {
            put_row(scan, row, cells);
            return true;
        }
    }
    return false;
}
