/* system_audit_log.c - system.audit_log, oldest first, read from the store as of the statement's snapshot. A record that is
 * damaged ends the scan with an error: VERIFY AUDIT LOG says which it is. */
#include "system_int.h"

kdb_status kdbi_audit_log_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->iter = kdb_audit_iter_new(scan->system->store, scan->snapshot);
    return KDB_OK;
}

bool kdbi_audit_log_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (!kdb_iter_valid(scan->iter)) {
        scan->failed = kdb_iter_status(scan->iter, scan->err);
        return false;
    }
    kdb_audit_row row;
    const kdb_sv value = kdb_sv_dup(scan->row_arena, kdb_iter_value(scan->iter));
    scan->failed = kdb_audit_decode(kdb_iter_key(scan->iter), value, scan->row_arena, &row, scan->err);
    if (scan->failed != KDB_OK) {
        return false;
    }
    cells = kdbi_put_text(cells, row.id);
    cells = kdbi_put_time(cells, row.time_us);
    cells = kdbi_put_text(cells, row.actor);
    cells = kdbi_put_text(cells, row.action);
    cells = kdbi_put_text(cells, row.target);
    cells = kdbi_put_text_or_null(cells, row.details);
    cells = kdbi_put_text_or_null(cells, row.address);
    (void)kdbi_put_text_or_null(cells, row.subject);
    kdb_iter_next(scan->iter);
    return true;
}
