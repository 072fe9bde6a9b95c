/* backup_tree.h - what is in a backup, for who makes one and who takes one in:
 *
 *   backup.json                      which format the backup and the data have; last to be written
 *   rocksdb/                         the store, as of one moment
 *   storage/<storage>/<object>       every file that the store's manifests name
 *   server.key                       unless the server keeps its keys elsewhere (storage.key_file) */
#ifndef KDB_JOBS_BACKUP_TREE_H
#define KDB_JOBS_BACKUP_TREE_H

#include "jobs_int.h"
#include "kdb/cold.h"
#include "kdb/tree.h"

enum { KDBI_BACKUP_FORMAT = 1 };

/* "<tree>/<rest>", NUL-terminated, in `arena`. */
const char *kdbi_tree_path(const char *tree, const char *rest, kdb_arena *arena);
/* Where the segment's file is in a tree, in `arena`. */
kdb_sv kdbi_backup_name(const kdb_segment *segment, kdb_arena *arena);
/* KDB_INVALID_OPERATION where the server has no files of its own. */
KDB_NODISCARD kdb_status kdbi_run_check_files(const kdbi_run *run, kdb_err *err);
/* Ends the work when the job is to end. */
kdb_tree_watch kdbi_run_watch(kdbi_run *run);
/* Opens the store in the tree. */
KDB_NODISCARD kdb_status kdbi_backup_open(const char *tree, kdb_store **out, kdb_err *err);
/* What backup.json says of the tree, besides what can be seen in it. */
typedef struct kdbi_backup_head {
    uint64_t cold_files, cold_bytes;
    bool has_key;
} kdbi_backup_head;
/* Writes backup.json, once all else is there, and looks at one: KDB_CORRUPT when it is none, or of another format than this server reads. */
KDB_NODISCARD kdb_status kdbi_backup_write_head(const char *tree, const kdbi_backup_head *head, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_backup_check_head(const char *tree, const char *path /* to name it by */, kdb_err *err);
/* That the store's files and the key are what backup.json says; before the store is opened. KDB_CORRUPT. */
KDB_NODISCARD kdb_status kdbi_backup_check_parts(const char *tree, kdb_err *err);

#endif
