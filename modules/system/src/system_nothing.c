/* system_nothing.c - tables whose content comes with what they are about: topics, cluster, the cold tier, the
 * PostgreSQL bridge. Until then they are there, with their columns, and empty. */
#include "system_int.h"

kdb_status kdbi_nothing_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)scan;
    (void)err;
    return KDB_OK;
}

bool kdbi_nothing_next(kdb_system_scan *scan, kdb_value *cells)
{
    (void)scan;
    (void)cells;
    return false;
}
