/* system_live.c - system.live: the running live queries, as the layer above reports them. */
#include "system_int.h"

kdb_status kdbi_live_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    const kdb_system_reporter *reporter = &scan->system->reporter;
    kdb_live_row *list = NULL;
    if (reporter->live != NULL) {
        reporter->live(reporter->self, scan->arena, &list, &scan->nitems);
    }
    scan->items = list;
    return KDB_OK;
}

bool kdbi_live_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_live_row *row = (const kdb_live_row *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, row->live_id);
    cells = kdbi_put_text(cells, row->connection_id);
    cells = kdbi_put_text(cells, row->subscription_id);
    cells = kdbi_put_text(cells, row->ns);
    cells = kdbi_put_text(cells, row->table);
    cells = kdbi_put_text(cells, row->user);
    cells = kdbi_put_text(cells, row->query);
    cells = kdbi_put_text_or_null(cells, row->options_json);
    cells = kdbi_put_text(cells, row->status);
    cells = kdbi_put_time(cells, row->created_us);
    cells = kdbi_put_time(cells, row->last_update_us);
    cells = kdbi_put_bigint(cells, row->changes);
    cells = kdbi_put_bigint(cells, kdb_opt_i64(scan->system->options, KDB_OPT_NODE_ID));
    (void)kdbi_put_time(cells, row->last_ping_us);
    return true;
}
