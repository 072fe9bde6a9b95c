/* filestore_int.h - what filestore's own files share. */
#ifndef KDB_FILESTORE_INT_H
#define KDB_FILESTORE_INT_H

#include <dirent.h>
#include <stdatomic.h>

#include "kdb/objects.h"
#include "kdb/tree.h"

/* Fails with KDB_IO and the text of `errnum`: "<doing> '<path>': No space left on device". */
#define KDBI_FAIL_OS(err, errnum, doing, path)                                                                         \
    KDB_FAIL((err), KDB_IO, "%s '%s': %s", (doing), (path), kdbi_errno_text(errnum))
const char *kdbi_errno_text(int errnum);

/* kdb_freep, for an owned string as a local. */
KDB_DEFINE_CLEANUP(char, kdb_free)
/* An owned descriptor as a local; -1 is none. */
void kdbi_fd_close(int *fd);
/* All of it; 0, or -1 and errno. */
int kdbi_fd_write(int fd, kdb_sv content);

/* Makes the directory and its parents, mode 0700; one that is there already is fine. */
KDB_NODISCARD kdb_status kdbi_dir_make(const char *path, kdb_err *err);
/* Makes entries of the directory durable. */
KDB_NODISCARD kdb_status kdbi_dir_sync(const char *path, kdb_err *err);
/* Makes the entry of `path` in its directory durable. */
KDB_NODISCARD kdb_status kdbi_dir_sync_parent(const char *path, kdb_err *err);
/* Removes all that is inside, at any depth, and never follows a symlink; `path` itself must not be one. */
/* All but the entry `kept`. */
KDB_NODISCARD kdb_status kdbi_dir_empty_but(const char *path, const char *kept, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_dir_empty(const char *path, kdb_err *err);
/* Removes whatever is at `path`: a directory with all that is inside, a link as such; nothing is fine. */
KDB_NODISCARD kdb_status kdbi_dir_clear(const char *path, kdb_err *err);
void kdbi_dir_discard(const char *path); /* the same where nobody can be told */
/* Calls `visit` with the name of each entry but "." and ".."; stops at its first failure and returns that. */
KDB_NODISCARD kdb_status kdbi_dir_walk(const char *path, kdb_status (*visit)(void *arg, const char *name, kdb_err *err),
                                       void *arg, kdb_err *err);
/* The name of the next entry but "." and ".."; NULL at the end with errno 0, or on failure with its errno. */
const char *kdbi_dir_next(DIR *stream);

/* Whether a name is one that kdb_file_write gives a temporary file; a crash can leave such a file behind. */
bool kdbi_file_is_temporary(const char *name);
/* Makes a file of such a name for `path`, mode 0600, and opens it: -1 with errno in *fd when that fails. The name is the caller's. */
char *kdbi_file_temporary(const char *path, int *fd);
/* Removes a file; one that is not there is fine. */
KDB_NODISCARD kdb_status kdbi_file_remove(const char *path, kdb_err *err);
/* A whole small file, replaced atomically through a temporary file beside it, which is called `temporary`; NULL: by a name that nobody else
 * has. Durable but for its name's entry if `durable`. */
KDB_NODISCARD kdb_status kdbi_file_replace(const char *path, const char *temporary, kdb_sv content, uint32_t mode,
                                           bool durable, kdb_err *err);

/* "<path>/storage", the folder of storage `local`, which is not made here; and the data directory itself. */
const char *kdbi_datadir_storage(const kdb_datadir *dir);
const char *kdbi_datadir_path(const kdb_datadir *dir);

/* ---- trees ---- */

/* In a tree that is being made, and while it is packed: no part of what it becomes. */
#define KDBI_UNFINISHED "UNFINISHED"
#define KDBI_ARCHIVE_STAGED "ARCHIVE.tmp"
KDB_NODISCARD kdb_status kdbi_tree_check(const kdb_tree_watch *watch, kdb_err *err); /* KDB_CANCELLED; NULL is fine */

/* Lets what a restore has put into a data directory take its place. May be called again after a crash. */
KDB_NODISCARD kdb_status kdbi_restore_apply(const char *data, kdb_err *err);

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
    /* guarded by lock: */
    kdb_map *held;   /* directory -> how many are about to make a file in it */
    kdb_map *staged; /* names whose directories are held for a staged file */
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
    const char *type;
    void (*purge)(kdb_objects *objects);                     /* before close, while its id is still taken */
    void (*close)(kdb_objects *objects);                     /* frees it */
    void (*disown)(kdb_objects *objects);                    /* NULL: there is nothing to do */
    kdb_status (*ready)(kdb_objects *objects, kdb_err *err); /* to have files staged; NULL: always */
    kdb_status (*commit)(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
    kdb_status (*put)(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_object_etag *out,
                      kdb_err *err);
    kdb_status (*remove)(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
    void (*abort)(kdb_objects *objects, kdb_sv name); /* NULL: there is nothing to do */
    kdb_status (*lease)(kdb_objects *objects, kdb_sv name, kdb_err *err);
    void (*lease_end)(kdb_objects *objects, kdb_sv name);
    void (*spoil)(kdb_objects *objects, kdb_sv name); /* NULL: there is nothing to do */
    kdb_status (*get)(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err);
    kdb_status (*list)(kdb_objects *objects, kdb_sv prefix, bool (*visit)(void *self, const kdb_object_info *info),
                       void *self, kdb_err *err);
    int64_t (*capacity)(kdb_objects *objects); /* bytes; -1: not known */
    bool near;                                 /* what is leased is read where it lies */
    size_t lists_at_once;                      /* 0: one */
} kdbi_objects_ops;

struct kdb_objects {
    const kdbi_objects_ops *ops;
    kdb_object_stores *stores;
    char *id;
    atomic_uint refs;
    kdb_objects *next;  /* among stores' open ones, under their lock */
    kdbi_folder folder; /* filled by what opens it */
};

const kdb_object_stores_options *kdbi_object_stores_options(const kdb_object_stores *stores);
/* One of this id that is open, or NULL. Under the stores' lock. */
const kdb_objects *kdbi_object_stores_opened(const kdb_object_stores *stores, kdb_sv id);
kdb_status kdbi_objects_fail_in_use(kdb_sv id, kdb_err *err);
/* "<data>/storages/<id>"; the caller's to free. */
char *kdbi_objects_folder(const kdb_object_stores *stores, kdb_sv id);
KDB_NODISCARD kdb_status kdbi_objects_fail_missing(const kdb_objects *objects, kdb_sv name, kdb_err *err);

/* ---- the mark of a directory that is a storage ---- */

/* KDB_IO unless the directory has the storage's mark. */
KDB_NODISCARD kdb_status kdbi_mark_check(const char *folder, kdb_sv id, kdb_err *err);
/* KDB_INVALID when there is one. */
KDB_NODISCARD kdb_status kdbi_mark_make(const char *folder, kdb_sv id, kdb_err *err);
void kdbi_mark_remove(const char *folder);

/* Where `path` is or would be made: what there is of it without links, and the rest behind that. NULL when that cannot be told. The
 * caller's to free. */
char *kdbi_path_would_be(const char *path);
/* Whether `path` is `folder` or inside it; both without links. */
bool kdbi_path_is_within(const char *path, const char *folder);
/* KDB_INVALID when the directory of another open storage is in `base`, or `base` in it. With the stores' lock held. */
KDB_NODISCARD kdb_status kdbi_objects_check_apart(const kdb_object_stores *stores, kdb_sv id, const char *base,
                                                  kdb_err *err);
/* ---- copies of remote objects ---- */

typedef struct kdbi_cache kdbi_cache;
/* Puts an object into the file `path` whose directories are there, whole or not at all, and tells its length. */
typedef struct kdbi_fetcher {
    kdb_status (*fetch)(void *arg, kdb_sv name, const char *path, uint64_t *bytes, kdb_err *err);
    void *arg;
} kdbi_fetcher;
kdbi_cache *kdbi_cache_new(uint64_t limit /* bytes that nobody reads */);
void kdbi_cache_free(kdbi_cache *cache); /* empty */
/* The object has a copy at kdbi_folder_path until _end. KDB_NOT_FOUND after _drop; otherwise what the fetcher says. */
KDB_NODISCARD kdb_status kdbi_cache_lease(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name,
                                          const kdbi_fetcher *fetcher, kdb_err *err);
void kdbi_cache_end(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name);
/* What is leased cannot be read: it goes when nobody reads it, and is fetched anew for who asks then. */
void kdbi_cache_spoil(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name);
/* The file at kdbi_folder_path has become a copy. */
void kdbi_cache_adopt(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name, uint64_t bytes);
/* The object is gone or replaced: its copy goes, with the last lease. */
void kdbi_cache_drop(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name);
/* All of a folder go; none is leased. */
void kdbi_cache_purge(kdbi_cache *cache, const kdbi_folder *folder);
kdbi_cache *kdbi_object_stores_cache(kdb_object_stores *stores);
/* True once calls are to give up. */
const atomic_bool *kdbi_object_stores_stop(const kdb_object_stores *stores);

/* Runs `run(arg, 0..count-1)` on up to `threads` threads and returns the first failure, after which nothing new begins. */
KDB_NODISCARD kdb_status kdbi_parallel(size_t count, size_t threads,
                                       kdb_status (*run)(void *arg, size_t i, kdb_err *err), void *arg, kdb_err *err);

/* Called as each element ends, with its path ("Error/Code") and its text, both borrowed; false ends the walk. */
typedef bool (*kdbi_xml_visit)(void *self, kdb_sv path, kdb_sv text);
/* KDB_IO for what is no XML. */
KDB_NODISCARD kdb_status kdbi_xml_walk(kdb_sv text, kdbi_xml_visit visit, void *self, kdb_err *err);

/* Open what is stored where the spec says. What is at kdbi_objects_folder is replaced, unless another of this id, of the same
 * kind, is open. Of *out, `ops` and `folder` are filled. Under the stores' lock. */
KDB_NODISCARD kdb_status kdbi_local_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out,
                                         kdb_err *err);
KDB_NODISCARD kdb_status kdbi_s3_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out,
                                      kdb_err *err);

#endif
