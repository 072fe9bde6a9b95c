/* filestore_int.h - what filestore's own files share. */
#ifndef KDB_FILESTORE_INT_H
#define KDB_FILESTORE_INT_H

#include "kdb/filestore.h"

/* Fails with KDB_IO and the text of `errnum`: "<doing> '<path>': No space left on device". */
#define KDBI_FAIL_OS(err, errnum, doing, path)                                                                         \
    KDB_FAIL((err), KDB_IO, "%s '%s': %s", (doing), (path), kdbi_errno_text(errnum))
const char *kdbi_errno_text(int errnum);

/* kdb_freep, for an owned string as a local. */
KDB_DEFINE_CLEANUP(char, kdb_free)
/* An owned descriptor as a local; -1 is none. */
void kdbi_fd_close(int *fd);

/* Makes the directory and its parents, mode 0700; one that is there already is fine. */
KDB_NODISCARD kdb_status kdbi_dir_make(const char *path, kdb_err *err);
/* Makes entries of the directory durable. */
KDB_NODISCARD kdb_status kdbi_dir_sync(const char *path, kdb_err *err);
/* Makes the entry of `path` in its directory durable. */
KDB_NODISCARD kdb_status kdbi_dir_sync_parent(const char *path, kdb_err *err);
/* Removes all that is inside, at any depth, and never follows a symlink; `path` itself must not be one. */
KDB_NODISCARD kdb_status kdbi_dir_empty(const char *path, kdb_err *err);
/* Calls `visit` with the name of each entry but "." and ".."; stops at its first failure and returns that. */
KDB_NODISCARD kdb_status kdbi_dir_walk(const char *path, kdb_status (*visit)(void *arg, const char *name, kdb_err *err),
                                       void *arg, kdb_err *err);

/* Whether a name is one that kdb_file_write gives a temporary file; a crash can leave such a file behind. */
bool kdbi_file_is_temporary(const char *name);
/* Removes a file; one that is not there is fine. */
KDB_NODISCARD kdb_status kdbi_file_remove(const char *path, kdb_err *err);

#endif
