/* system_transactions.c - system.transactions: those that are open, as the layer above reports them. */
#include "system_int.h"

kdb_status kdbi_transactions_open(kdb_system_scan *scan, KDB_UNUSED kdb_err *err)
{
    const kdb_system_reporter *reporter = &scan->system->reporter;
    kdb_transaction_row *list = NULL;
    if (reporter->transactions != NULL) {
        reporter->transactions(reporter->self, scan->arena, &list, &scan->nitems);
    }
    scan->items = list;
    return KDB_OK;
}

bool kdbi_transactions_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_transaction_row *row = (const kdb_transaction_row *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, row->id);
    cells = kdbi_put_text(cells, row->owner);
    cells = kdbi_put_text(cells, row->origin);
    cells = kdbi_put_text(cells, row->state);
    cells = kdbi_put_bigint(cells, row->age_ms);
    cells = kdbi_put_bigint(cells, row->idle_ms);
    cells = kdbi_put_bigint(cells, row->writes);
    cells = kdbi_put_bigint(cells, row->bytes);
    cells = kdbi_put_bigint(cells, row->tables);
    (void)kdbi_put_bigint(cells, row->snapshot_seq);
    return true;
}
