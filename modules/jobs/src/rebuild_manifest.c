/* rebuild_manifest.c - STORAGE REBUILD MANIFEST: a table's manifests are made anew from its files. The work is core's
 * (cold_rebuild.c). */
#include "jobs_int.h"

kdb_status kdbi_run_rebuild_manifest(kdbi_run *run, kdb_err *err)
{
    kdb_rebuild_result result = { 0 };
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdbi_run_table(run);
    if (table == NULL || !kdbi_is_flushed(table)) {
        run->skipped = true;
        return KDB_OK;
    }
    KDB_TRY(kdb_core_rebuild_manifest(run->jobs->options.core, table, &run->work, run->arena, &result, err));
    kdbi_run_result(
        run,
        "Rebuilt %llu partition(s): %llu segment(s), %llu row(s), %llu of them dead; %llu file(s) left alone%s%.*s",
        (unsigned long long)result.partitions, (unsigned long long)result.segments, (unsigned long long)result.rows,
        (unsigned long long)result.dead, (unsigned long long)result.nleft, result.nleft == 0 ? "" : ": ",
        KDB_SV_ARG(result.left));
    return KDB_OK;
}
