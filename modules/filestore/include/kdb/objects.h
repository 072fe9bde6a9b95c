/* objects.h - storages as object stores: where cold files lie. A storage is a local directory or an S3 bucket; objects are named by
 * relative paths with '/' ("app/messages/u1/batch-0.parquet") whose parts a path template has made and checked. Whoever reads an
 * object gets a path on this machine: of a local directory the file itself, of a bucket a copy in a cache of bounded size.
 * Any thread; calls wait for the disk or the network, so not net threads, and S3 calls not the committer. */
#ifndef KDB_OBJECTS_H
#define KDB_OBJECTS_H

#include "kdb/filestore.h"

/* All storages of one server, by id. */
typedef struct kdb_object_stores kdb_object_stores;
/* One storage, open. Counted. */
typedef struct kdb_objects kdb_objects;

typedef struct kdb_object_stores_options {
    kdb_datadir *datadir;       /* outlives it */
    int64_t cache_bytes;        /* of copies of remote objects that nobody reads at the moment; all storages together */
    int64_t connect_timeout_ms; /* S3: storage.remote_timeouts */
    int64_t request_timeout_ms;
    /* Opens a storage that is not among them and puts it there: asked by kdb_object_stores_find, with no lock held; fails as
     * that does. NULL: there are no others. */
    kdb_status (*open)(void *self, kdb_object_stores *stores, kdb_sv id, kdb_objects **out, kdb_err *err);
    void *self;
} kdb_object_stores_options;
kdb_object_stores *kdb_object_stores_new(const kdb_object_stores_options *options);
/* Calls that wait for a bucket give up soon: KDB_CANCELLED or KDB_IO. For the end of the server. */
void kdb_object_stores_stop(kdb_object_stores *stores);
void kdb_object_stores_free(kdb_object_stores *stores); /* after all objects and leases; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_object_stores, kdb_object_stores_free)

/* What a storage is. */
typedef struct kdb_objects_spec {
    kdb_sv id;               /* names its folder below <data>/storages */
    kdb_sv type;             /* "filesystem", "s3" */
    kdb_sv base_directory;   /* a path (empty: <data>/storage), or "s3://bucket[/prefix]" */
    kdb_sv config_json;      /* S3: {"endpoint","region","path_style"..}; empty: {} */
    kdb_sv credentials_json; /* plain; S3: {"access_key_id","secret_access_key"[,"session_token"]}; never logged */
    bool is_new; /* a directory: made when missing, and marked as this storage. Else it has to be there with its mark */
} kdb_objects_spec;
/* Opens a storage without putting it among `stores`: to check it. Local: <data>/storages/<id> becomes a symlink to the directory.
 * S3: <data>/storages/<id> is a directory, the cache; nothing is sent. KDB_INVALID names what is wrong
 * with the spec; KDB_CONFLICT when one that had the id and lies elsewhere is still being read. */
KDB_NODISCARD kdb_status kdb_objects_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out,
                                          kdb_err *err);
kdb_objects *kdb_objects_ref(kdb_objects *objects);
void kdb_objects_unref(kdb_objects *objects); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_objects, kdb_objects_unref)
/* The storage is no more, or did not come to be: the mark of its directory goes, so that another can be made there. */
void kdb_objects_disown(kdb_objects *objects);
/* When the last reference to a storage of an id goes, so does <data>/storages/<id>; the objects stay. Puts it in the place of what had its id. */
void kdb_object_stores_put(kdb_object_stores *stores, kdb_objects *objects /* taken */);
void kdb_object_stores_drop(kdb_object_stores *stores, kdb_sv id);
/* A reference; to one opened now, if it is not among them yet: a storage that was away at the start is tried again by each who
 * needs it. KDB_NOT_FOUND `Storage 'x' not found`; what failed to open is named. Waits for the disk. */
KDB_NODISCARD kdb_status kdb_object_stores_find(kdb_object_stores *stores, kdb_sv id, kdb_objects **out, kdb_err *err);

/* ---- writing ---- */

/* Where to write the file that is to become object `name`: "<dir>/batch-3.parquet.tmp" below <data>/storages, whose directories are made. The
 * path is NUL-terminated, in `arena`. */
KDB_NODISCARD kdb_status kdb_objects_stage(kdb_objects *objects, kdb_sv name, kdb_arena *arena, kdb_sv *out_path,
                                           kdb_err *err);
/* Makes staged files objects: when it returns KDB_OK all of them are durable under their names (local: fsync, rename, fsync of the
 * directories, with as few waits as possible when they are many; S3: uploaded, in parts when large, and the copy kept in the cache).
 * Else some may be objects already: remove them or leave them to the sweep. */
KDB_NODISCARD kdb_status kdb_objects_commit(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
/* The size of a staged file. */
KDB_NODISCARD kdb_status kdb_objects_staged_bytes(kdb_objects *objects, kdb_sv name, uint64_t *out, kdb_err *err);
/* Forgets a staged file, if it is there. */
void kdb_objects_abandon(kdb_objects *objects, kdb_sv name);
/* A small object written whole: replaced atomically; not fsynced unless `durable`. One call per name at a time. */
KDB_NODISCARD kdb_status kdb_objects_put(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_err *err);
/* What tells one content of an object from another. */
enum { KDB_OBJECT_ETAG_MAX = 128 };
typedef struct kdb_object_etag {
    char text[KDB_OBJECT_ETAG_MAX]; /* without quotes: a bucket's ETag, or a hash of the content in a directory */
} kdb_object_etag;
/* The same, and says the object's tag. */
KDB_NODISCARD kdb_status kdb_objects_put_tagged(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable,
                                                kdb_object_etag *out, kdb_err *err);
/* Removes objects, and local directories that become empty by it. Absent ones are fine. */
KDB_NODISCARD kdb_status kdb_objects_remove(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err);
/* Forgets what a crash has left of uploads of that object. At a start, before anybody writes; where that cannot be done it is logged. */
void kdb_objects_abort(kdb_objects *objects, kdb_sv name);

/* ---- reading ---- */

/* An object that stays readable under a path until the lease ends. */
typedef struct kdb_object_lease kdb_object_lease;
/* KDB_NOT_FOUND names the object when it is missing; KDB_IO when the storage cannot be reached. */
KDB_NODISCARD kdb_status kdb_objects_lease(kdb_objects *objects, kdb_sv name, kdb_object_lease **out, kdb_err *err);
const char *kdb_object_lease_path(const kdb_object_lease *lease);
/* What lies there is not what the object is, as far as its reader can tell: where it is a copy, the object is fetched again once nobody reads
 * this one. */
void kdb_object_lease_spoil(kdb_object_lease *lease);
void kdb_object_lease_end(kdb_object_lease *lease); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_object_lease, kdb_object_lease_end)
/* Whether leases cost next to nothing: what is leased is read where it lies, not brought here first. */
bool kdb_objects_is_near(const kdb_objects *objects);
/* A small object whole, in `arena`. KDB_LIMIT above `limit`. */
KDB_NODISCARD kdb_status kdb_objects_get(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out,
                                         kdb_err *err);
typedef struct kdb_object_info {
    kdb_sv name; /* borrowed for the call */
    uint64_t bytes;
    bool staged; /* a file that _stage named and nobody made an object */
} kdb_object_info;
/* Every object below `prefix` (empty: all), in any order; visit returns false to end early. */
KDB_NODISCARD kdb_status kdb_objects_list(kdb_objects *objects, kdb_sv prefix,
                                          bool (*visit)(void *self, const kdb_object_info *info), void *self,
                                          kdb_err *err);
/* The same of several prefixes, those of a bucket some at a time: `visit` is told which one, and called for one of them by one thread. */
KDB_NODISCARD kdb_status kdb_objects_list_each(kdb_objects *objects, const kdb_sv *prefixes, size_t count,
                                               bool (*visit)(void *self, size_t i, const kdb_object_info *info),
                                               void *self, kdb_err *err);

/* ---- health ---- */

typedef struct kdb_objects_health {
    bool readable, writable, listable, deletable;
    int64_t latency_ms;
    int64_t total_bytes, used_bytes; /* -1: not known; only if extended */
    kdb_sv error;                    /* in `arena`; empty: none */
} kdb_objects_health;
/* Writes, reads, lists and deletes a small object. What fails is told in *out. */
void kdb_objects_check(kdb_objects *objects, bool extended, kdb_arena *arena, kdb_objects_health *out);

/* ---- path templates: "{namespace}/{tableName}/{userId}" ---- */

typedef enum kdb_template_kind { KDB_TEMPLATE_SHARED, KDB_TEMPLATE_USER } kdb_template_kind;
/* Checks a template (sql.md 17) and writes it with today's spellings of the placeholders to *out, in `arena`. KDB_INVALID in the
 * reference's words. */
KDB_NODISCARD kdb_status kdb_template_check(kdb_sv text, kdb_template_kind kind, kdb_arena *arena, kdb_sv *out,
                                            kdb_err *err);
/* Appends the directory that a checked template names, without a slash at either end. A user id's bytes other than letters,
 * digits, '_', '-', '@' and inner '.' are written as %XX, so that no id names another's directory, a glob or a hidden file. `{shard}`
 * is shard_<n> of 64, by a hash of the user. */
void kdb_template_put(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_sv user, kdb_buf *out);
/* The other way round: the user whose directory a checked user's template puts there; false when it is nobody's. In `arena`. */
bool kdb_template_user(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_sv directory, kdb_arena *arena, kdb_sv *out);
/* The directory below which all users' directories of the table are, without a slash at either end; empty: the storage. In `arena`. */
kdb_sv kdb_template_root(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_arena *arena);

#endif
