/* filestore_int.h - what filestore's own files share. */
#ifndef KDB_FILESTORE_INT_H
#define KDB_FILESTORE_INT_H

#include <dirent.h>
#include <stdatomic.h>

#include "kdb/objects.h"

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
/* Removes whatever is at `path`: a directory with all that is inside, a link as such; nothing is fine. */
KDB_NODISCARD kdb_status kdbi_dir_clear(const char *path, kdb_err *err);
/* Calls `visit` with the name of each entry but "." and ".."; stops at its first failure and returns that. */
KDB_NODISCARD kdb_status kdbi_dir_walk(const char *path, kdb_status (*visit)(void *arg, const char *name, kdb_err *err),
                                       void *arg, kdb_err *err);
/* The name of the next entry but "." and ".."; NULL at the end with errno 0, or on failure with its errno. */
const char *kdbi_dir_next(DIR *stream);

/* Whether a name is one that kdb_file_write gives a temporary file; a crash can leave such a file behind. */
bool kdbi_file_is_temporary(const char *name);
/* Removes a file; one that is not there is fine. */
KDB_NODISCARD kdb_status kdbi_file_remove(const char *path, kdb_err *err);
/* A whole small file, replaced atomically through a temporary file beside it; durable but for its name's entry if `durable`. */
KDB_NODISCARD kdb_status kdbi_file_replace(const char *path, kdb_sv content, uint32_t mode, bool durable, kdb_err *err);

/* "<path>/storage", the folder of storage `local`, which is not made here; and the data directory itself. */
const char *kdbi_datadir_storage(const kdb_datadir *dir);
const char *kdbi_datadir_path(const kdb_datadir *dir);

/* ---- names of objects ---- */

/* What a file is called until it is an object; also the end of a temporary file's name. */
#define KDBI_STAGED ".tmp"
enum { KDBI_NAME_PARTS_MAX = 32, KDBI_NAME_ROOM = 1200 };
typedef enum kdbi_name_kind {
    KDBI_NAME_FOREIGN, /* not made by us */
    KDBI_NAME_STAGED,
    KDBI_NAME_OBJECT
} kdbi_name_kind;
kdbi_name_kind kdbi_name_classify(kdb_sv name);
/* KDB_INVALID unless an object can be called so. Of a directory it says the same. */
KDB_NODISCARD kdb_status kdbi_name_check(kdb_sv name, kdb_err *err);
bool kdbi_name_byte(char byte);
kdb_sv kdbi_name_directory(kdb_sv name); /* "a/b" of "a/b/c"; empty of "c" */

/* ---- a tree of files ---- */

typedef struct kdbi_folder {
    char *path; /* fixed */
    kdb_mutex lock;
    kdb_map *held KDB_GUARDED_BY(lock);   /* directory -> how many are about to make a file in it */
    kdb_map *staged KDB_GUARDED_BY(lock); /* names whose directories are held for a staged file */
} kdbi_folder;
void kdbi_folder_init(kdbi_folder *folder, kdb_sv path);
void kdbi_folder_done(kdbi_folder *folder);
/* "<folder>/<name><suffix>"; the caller's to free. */
char *kdbi_folder_path(const kdbi_folder *folder, kdb_sv name, const char *suffix);
/* Makes the directories of `name`, which stay, empty or not, until _release. */
KDB_NODISCARD kdb_status kdbi_folder_hold(kdbi_folder *folder, kdb_sv name, kdb_err *err);
void kdbi_folder_release(kdbi_folder *folder, kdb_sv name);
/* The same for a staged file: held once, however often; _unstage of what is not staged is fine. */
KDB_NODISCARD kdb_status kdbi_folder_stage(kdbi_folder *folder, kdb_sv name, kdb_err *err);
void kdbi_folder_unstage(kdbi_folder *folder, kdb_sv name);
/* Removes a file, if it is there, and the directories that this leaves empty. */
KDB_NODISCARD kdb_status kdbi_folder_remove(kdbi_folder *folder, kdb_sv name, const char *suffix, kdb_err *err);
/* The same where nobody can be told; what stays is swept at the next start. */
void kdbi_folder_discard(kdbi_folder *folder, kdb_sv name, const char *suffix);
/* As kdb_objects_list. */
KDB_NODISCARD kdb_status kdbi_folder_list(const kdbi_folder *folder, kdb_sv prefix,
                                          bool (*visit)(void *self, const kdb_object_info *info), void *self,
                                          kdb_err *err);
/* Renames staged files to their names, durably. */
KDB_NODISCARD kdb_status kdbi_folder_commit(const kdbi_folder *folder, const kdb_sv *names, size_t count, kdb_err *err);
/* Makes the entry of `name`, and those of its directories, durable. */
KDB_NODISCARD kdb_status kdbi_folder_sync(const kdbi_folder *folder, kdb_sv name, kdb_err *err);

/* ---- storages ---- */

typedef struct kdbi_objects_ops {
    void (*close)(kdb_objects *objects); /* frees it */
    kdb_status (*commit)(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
    kdb_status (*put)(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_err *err);
    kdb_status (*remove)(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
    kdb_status (*lease)(kdb_objects *objects, kdb_sv name, kdb_err *err);
    void (*lease_end)(kdb_objects *objects, kdb_sv name);
    kdb_status (*get)(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err);
    kdb_status (*list)(kdb_objects *objects, kdb_sv prefix, bool (*visit)(void *self, const kdb_object_info *info),
                       void *self, kdb_err *err);
    int64_t (*capacity)(kdb_objects *objects); /* bytes; -1: not known */
} kdbi_objects_ops;

struct kdb_objects {
    const kdbi_objects_ops *ops;
    kdb_object_stores *stores;
    char *id;
    atomic_uint refs;
    kdb_objects *next; /* among stores' open ones, under their lock */
    kdbi_folder folder;
};

const kdb_object_stores_options *kdbi_object_stores_options(const kdb_object_stores *stores);
/* "<data>/storages/<id>"; the caller's to free. */
char *kdbi_objects_folder(const kdb_object_stores *stores, kdb_sv id);
KDB_NODISCARD kdb_status kdbi_objects_fail_missing(const kdb_objects *objects, kdb_sv name, kdb_err *err);

/* Whether `path` is `folder` or inside it; both without links. */
bool kdbi_path_is_within(const char *path, const char *folder);
/* KDB_INVALID when the directory of another open storage is in `base`, or `base` in it. With the stores' lock held. */
KDB_NODISCARD kdb_status kdbi_objects_check_apart(const kdb_object_stores *stores, kdb_sv id, const char *base,
                                                  kdb_err *err);
/* Open what is stored where the spec says: what is at kdbi_objects_folder is replaced. Of *out, what kdb_objects_open fills is not
 * filled yet. Under the stores' lock. */
KDB_NODISCARD kdb_status kdbi_local_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out,
                                         kdb_err *err);

#endif
