/* failpoint.h - moments at which a test lets the process die, or a step fail: what is on the disk then is what a crash there leaves, and
 * the next start must put it right. Builds without KDB_FAILPOINTS (release) have none. */
#ifndef KDB_FAILPOINT_H
#define KDB_FAILPOINT_H

#include "kdb/err.h"
#include "kdb/str.h"

/* One row of the table in failpoint.c each, which says when. */
typedef enum kdb_failpoint {
    KDB_FAILPOINT_FILES_SYNCED,
    KDB_FAILPOINT_FILES_RENAMED,
    KDB_FAILPOINT_FILES_COMMITTED,
    KDB_FAILPOINT_OBJECT_WRITTEN,
    KDB_FAILPOINT_OBJECT_REMOVED,
    KDB_FAILPOINT_UPLOAD_BEGUN,
    KDB_FAILPOINT_UPLOAD_PART,
    KDB_FAILPOINT_UPLOAD_COMPLETED,
    KDB_FAILPOINT_UPLOAD_PUT,
    KDB_FAILPOINT_COLD_NAMED,
    KDB_FAILPOINT_COLD_WRITING,
    KDB_FAILPOINT_COLD_WRITTEN,
    KDB_FAILPOINT_COLD_PUBLISHED,
    KDB_FAILPOINT_COLD_CLOSED,
    KDB_FAILPOINT_COLD_COMMITTED,
    KDB_FAILPOINT_COLD_EXPORTED,
    KDB_FAILPOINT_SWEEP_BEGUN,
    KDB_FAILPOINT_SWEEP_REMOVED,
    KDB_FAILPOINT_SWEEP_FORGOTTEN,
    KDB_FAILPOINT_RECOVER_REMOVED,
    KDB_FAILPOINT_TREE_MADE,
    KDB_FAILPOINT_TREE_BEGUN,
    KDB_FAILPOINT_TREE_FILE,
    KDB_FAILPOINT_TREE_MOVED,
    KDB_FAILPOINT_TREE_FINISHED,
    KDB_FAILPOINT_TREE_REMOVING,
    KDB_FAILPOINT_BACKUP_CHECKPOINT,
    KDB_FAILPOINT_BACKUP_HEAD,
    KDB_FAILPOINT_RESTORE_MOVED,
    KDB_FAILPOINT_RESTORE_KEPT,
    KDB_FAILPOINT_RESTORE_PUT_BACK,
    KDB_FAILPOINT_COUNT
} kdb_failpoint;

/* Arms one point: "name[:n]" ends the process with SIGKILL when it is passed the n-th time (without n: the first), "name[:n]=error" makes
 * that passing fail with KDB_IO. An empty text disarms. KDB_INVALID when no point is called so or the build has none.
 * Before the threads that pass points are started. */
KDB_NODISCARD kdb_status kdb_failpoint_arm(kdb_sv text, kdb_err *err);

#ifdef KDB_FAILPOINTS
/* The moment is now. Any thread. `err` may be NULL where nothing can fail. */
kdb_status kdb_failpoint_pass(kdb_failpoint point, kdb_err *err);
const char *kdb_failpoint_name(kdb_failpoint point);
#else
static inline kdb_status kdb_failpoint_pass(KDB_UNUSED kdb_failpoint point, KDB_UNUSED kdb_err *err)
{
    return KDB_OK;
}
#endif

#endif
