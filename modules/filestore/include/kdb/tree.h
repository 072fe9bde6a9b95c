/* tree.h - trees of files that are made whole or not at all: backups, what a restore has taken in, exports; and the archives that
 * they are packed in. Calls wait for the disk: not for net threads, workers and the committer. */
#ifndef KDB_TREE_H
#define KDB_TREE_H

#include "kdb/filestore.h"

/* Asked now and then by whatever takes long: true ends it with KDB_CANCELLED. */
typedef struct kdb_tree_watch {
    bool (*stop)(void *self);
    void *self;
} kdb_tree_watch;

typedef enum kdb_archive_kind { KDB_ARCHIVE_NONE, KDB_ARCHIVE_TAR_GZ, KDB_ARCHIVE_ZIP } kdb_archive_kind;
/* By the end of the name: ".tar.gz", ".tgz", ".zip", in letters of any case. */
kdb_archive_kind kdb_archive_kind_of(kdb_sv path);

/* Begins a tree at "<path>.partial", which it writes to *out_partial, in `arena`; what an earlier one that did not come to its end has
 * left there goes. KDB_ALREADY_EXISTS when there is something at `path` (of a tree: but an empty directory), or something that is not
 * ours at "<path>.partial". */
KDB_NODISCARD kdb_status kdb_tree_begin(const char *path, kdb_arena *arena, const char **out_partial, kdb_err *err);
/* Makes the tree durable and moves it to `path`. */
KDB_NODISCARD kdb_status kdb_tree_publish(const char *partial, const char *path, kdb_err *err);
/* Whether there is a tree at `path` whose _publish came to its end, or a directory that was no such tree. */
bool kdb_tree_is_finished(const char *path);
/* Packs the tree in an archive that is durable and at `path` when this returns, and nowhere when it fails. The tree stays. */
KDB_NODISCARD kdb_status kdb_archive_pack(const char *tree, const char *path, const kdb_tree_watch *watch,
                                          kdb_err *err);
/* Unpacks an archive below `tree`, which exists. KDB_CORRUPT for anything in it but files and directories with names that stay there. */
KDB_NODISCARD kdb_status kdb_archive_unpack(const char *path, const char *tree, const kdb_tree_watch *watch,
                                            kdb_err *err);

/* Puts a file in a tree under `name`, whose directories are made. Files that never change once they are written (RocksDB's tables,
 * Parquet) are linked where they can be, all else is copied. */
KDB_NODISCARD kdb_status kdb_tree_put(const char *tree, kdb_sv name, const char *file, const kdb_tree_watch *watch,
                                      kdb_err *err);
/* The same with a file at a path whose directory is there, in the place of what there may be. */
KDB_NODISCARD kdb_status kdb_tree_replace(const char *path, const char *file, kdb_err *err);
/* Puts all files below `from` in a tree; symlinks and what is neither file nor directory are left out. */
KDB_NODISCARD kdb_status kdb_tree_put_all(const char *tree, const char *from, const kdb_tree_watch *watch,
                                          kdb_err *err);
/* A file that is read from its beginning to its end, piece by piece. One thread. */
typedef struct kdb_file_reader kdb_file_reader;
/* KDB_NOT_FOUND unless there is a file. */
KDB_NODISCARD kdb_status kdb_file_reader_open(const char *path, kdb_file_reader **out, kdb_err *err);
void kdb_file_reader_close(kdb_file_reader *reader); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_file_reader, kdb_file_reader_close)
/* Appends up to `room` bytes; none at the file's end. */
KDB_NODISCARD kdb_status kdb_file_reader_next(kdb_file_reader *reader, size_t room, kdb_buf *out, kdb_err *err);

/* Makes a directory and its parents. */
KDB_NODISCARD kdb_status kdb_tree_make(const char *path, kdb_err *err);
/* Removes it with all that is in it; nothing there is fine. */
KDB_NODISCARD kdb_status kdb_tree_remove(const char *path, kdb_err *err);
/* What removes it where nobody can be told. */
void kdb_tree_discard(const char *path);
/* Its size. KDB_NOT_FOUND unless it is a file. */
KDB_NODISCARD kdb_status kdb_tree_size(const char *file, uint64_t *out, kdb_err *err);
/* Every file below it, by its name from there, in any order. No directory at `path`: none. */
KDB_NODISCARD kdb_status kdb_tree_visit(const char *path, kdb_status (*visit)(void *self, kdb_sv name, kdb_err *err),
                                        void *self, kdb_err *err);
/* Removes files below it that were last changed more than `seconds` ago, and the directories that are empty then; returns how many. */
KDB_NODISCARD kdb_status kdb_tree_expire(const char *path, int64_t seconds, size_t *out_removed, kdb_err *err);

#endif
