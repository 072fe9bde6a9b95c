/* filestore_local.c - a storage that is a local directory: objects are its files. An object that is removed while somebody reads it
 * is doomed: it goes when the last lease ends, or, if the server ends first, with the next sweep, and is nobody's meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "filestore_int.h"

enum { FILE_MODE = 0600 };

typedef struct pin {
    unsigned leases;
    bool doomed;
} pin;

typedef struct local {
    kdb_objects base;
    bool marked; /* fixed: all are but the one in the data directory */
    kdb_mutex lock;
    kdb_map *pins; /* guarded by lock; name -> pin, of what is leased */
} local;

static local *local_of(kdb_objects *objects)
{
    return KDB_CONTAINER_OF(objects, local, base);
}

static void close_local(kdb_objects *objects)
{
    local *self = local_of(objects);
    KDB_ASSERT(kdb_map_count(self->pins) == 0);
    kdb_map_free(self->pins);
    kdb_mutex_done(&self->lock);
    kdb_free(self);
}

/* ---- the disk ---- */

/* While the server runs the disk may go, too: what lies in its place is not written to, and says nothing of what is on the disk. */
static kdb_status check_mark(kdb_objects *objects, kdb_err *err)
{
    return local_of(objects)->marked ? kdbi_mark_check(objects->folder.path, kdb_sv_cstr(objects->id), err) : KDB_OK;
}

/* ---- writing ---- */

static void disown_local(kdb_objects *objects)
{
    if (local_of(objects)->marked) {
        kdbi_mark_remove(objects->folder.path);
    }
}

static void revive(local *self, kdb_sv name)
{
    kdb_mutex_lock(&self->lock);
    pin *found = kdb_map_lookup(self->pins, name);
    if (found != NULL) {
        found->doomed = false;
    }
    kdb_mutex_unlock(&self->lock);
}

static kdb_status commit_local(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err)
{
    KDB_TRY(check_mark(objects, err));
    for (size_t i = 0; i < count; i++) {
        revive(local_of(objects), names[i]);
    }
    return kdbi_folder_commit(&objects->folder, names, count, err);
}

static kdb_status put_held(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&objects->folder, name, "");
    KDB_CLEANUP(kdb_freep) char *staged = kdbi_folder_path(&objects->folder, name, KDBI_STAGED);
    KDB_TRY(kdbi_file_replace(path, staged, content, FILE_MODE, durable, err));
    return durable ? kdbi_folder_sync(&objects->folder, name, err) : KDB_OK;
}

static kdb_status put_local(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_object_etag *out,
                            kdb_err *err)
{
    KDB_TRY(check_mark(objects, err));
    revive(local_of(objects), name);
    KDB_TRY(kdbi_folder_hold(&objects->folder, name, err));
    const kdb_status status = put_held(objects, name, content, durable, err);
    kdbi_folder_release(&objects->folder, name);
    (void)snprintf(out->text, sizeof(out->text), "%016llx", (unsigned long long)kdb_hash64(content));
    return status;
}

/* True when somebody reads it, who then removes it. */
static bool doom(local *self, kdb_sv name)
{
    kdb_mutex_lock(&self->lock);
    pin *found = kdb_map_lookup(self->pins, name);
    if (found != NULL) {
        found->doomed = true;
    }
    kdb_mutex_unlock(&self->lock);
    return found != NULL;
}

static kdb_status remove_local(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err)
{
    KDB_TRY(check_mark(objects, err));
    for (size_t i = 0; i < count; i++) {
        if (!doom(local_of(objects), names[i])) {
            KDB_TRY(kdbi_folder_remove(&objects->folder, names[i], "", err));
            KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_OBJECT_REMOVED, err));
        }
    }
    return KDB_OK;
}

/* ---- reading ---- */

static bool is_file(kdb_objects *objects, kdb_sv name, int *errnum)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&objects->folder, name, "");
    struct stat info;
    const bool found = stat(path, &info) == 0;
    *errnum = found ? 0 : errno;
    return found && S_ISREG(info.st_mode);
}

/* Pinned before it is looked for, so that nobody removes it in between. */
static bool pin_object(local *self, kdb_sv name)
{
    kdb_mutex_lock(&self->lock);
    pin *found = kdb_map_lookup(self->pins, name);
    if (found == NULL) {
        found = KDB_NEW(pin);
        (void)kdb_map_put(self->pins, name, found);
    }
    const bool there = !found->doomed;
    found->leases += there;
    kdb_mutex_unlock(&self->lock);
    return there;
}

/* Under the lock to the end, so that a new object of the name is not taken for the doomed one. */
static void unpin(kdb_objects *objects, kdb_sv name)
{
    local *self = local_of(objects);
    kdb_mutex_lock(&self->lock);
    pin *found = kdb_map_lookup(self->pins, name);
    KDB_ASSERT(found != NULL && found->leases != 0);
    if (--found->leases == 0) {
        if (found->doomed) {
            kdbi_folder_discard(&objects->folder, name, "");
        }
        kdb_free(kdb_map_remove(self->pins, name));
    }
    kdb_mutex_unlock(&self->lock);
}

static kdb_status lease_local(kdb_objects *objects, kdb_sv name, kdb_err *err)
{
    int errnum;
    if (!pin_object(local_of(objects), name)) {
        return kdbi_objects_fail_missing(objects, name, err);
    }
    if (is_file(objects, name, &errnum)) {
        return KDB_OK;
    }
    unpin(objects, name);
    if (errnum == 0 || errnum == ENOENT || errnum == ENOTDIR) {
        KDB_TRY(check_mark(objects, err));
        return kdbi_objects_fail_missing(objects, name, err);
    }
    return KDB_FAIL(err, KDB_IO, "object '%.*s' of storage '%s': %s", KDB_SV_ARG(name), objects->id,
                    kdbi_errno_text(errnum));
}

static kdb_status read_leased(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out,
                              kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&objects->folder, name, "");
    return kdb_file_read(path, limit, arena, out, err);
}

static kdb_status get_local(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out,
                            kdb_err *err)
{
    KDB_TRY(lease_local(objects, name, err));
    const kdb_status status = read_leased(objects, name, limit, arena, out, err);
    unpin(objects, name);
    return status;
}

typedef struct filter {
    local *self;
    bool (*visit)(void *self, const kdb_object_info *info);
    void *arg;
} filter;

static bool visit_if_there(void *arg, const kdb_object_info *info)
{
    const filter *f = arg;
    kdb_mutex_lock(&f->self->lock);
    const pin *found = kdb_map_lookup(f->self->pins, info->name);
    const bool doomed = found != NULL && found->doomed;
    kdb_mutex_unlock(&f->self->lock);
    return doomed || f->visit(f->arg, info);
}

static kdb_status list_local(kdb_objects *objects, kdb_sv prefix,
                             bool (*visit)(void *self, const kdb_object_info *info), void *arg, kdb_err *err)
{
    filter f = { local_of(objects), visit, arg };
    KDB_TRY(check_mark(objects, err));
    return kdbi_folder_list(&objects->folder, prefix, visit_if_there, &f, err);
}

static int64_t capacity_local(kdb_objects *objects)
{
    struct statvfs info;
    return statvfs(objects->folder.path, &info) == 0 ? (int64_t)(info.f_blocks * info.f_frsize) : -1;
}

static void purge_local(KDB_UNUSED kdb_objects *objects)
{
}

static const kdbi_objects_ops local_ops = {
    .type = "filesystem",
    .close = close_local,
    .purge = purge_local,
    .disown = disown_local,
    .ready = check_mark,
    .commit = commit_local,
    .put = put_local,
    .remove = remove_local,
    .lease = lease_local,
    .lease_end = unpin,
    .near = true,
    .get = get_local,
    .list = list_local,
    .capacity = capacity_local,
};

/* ---- opening ---- */

/* A base directory must not hold what else the server keeps: sweeps and listings would meet it. */
static kdb_status check_apart(const kdb_datadir *datadir, const char *base, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *data = realpath(kdbi_datadir_path(datadir), NULL);
    KDB_CLEANUP(kdb_freep) char *rocksdb = realpath(kdb_datadir_rocksdb(datadir), NULL);
    KDB_CLEANUP(kdb_freep) char *storages = realpath(kdb_datadir_storages(datadir), NULL);
    KDB_CLEANUP(kdb_freep) char *tmp = realpath(kdb_datadir_tmp(datadir), NULL);
    if (data == NULL || rocksdb == NULL || storages == NULL || tmp == NULL) {
        return KDBI_FAIL_OS(err, errno, "looking at", kdbi_datadir_path(datadir));
    }
    if (kdbi_path_is_within(data, base) || kdbi_path_is_within(base, rocksdb) || kdbi_path_is_within(base, storages) ||
        kdbi_path_is_within(base, tmp)) {
        return KDB_FAIL(err, KDB_INVALID, "base directory '%s' holds, or lies in, what the server keeps for itself",
                        base);
    }
    return KDB_OK;
}

/* Of a NUL-terminated path, behind a slash. */
static bool has_parent_part(kdb_sv path)
{
    for (const char *slash = strchr(path.ptr, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (strncmp(slash, "/..", 3) == 0 && (slash[3] == '\0' || slash[3] == '/')) {
            return true;
        }
    }
    return false;
}

char *kdbi_path_would_be(const char *path)
{
    KDB_CLEANUP(kdb_freep) char *there = kdb_sv_heap_cstr(kdb_sv_cstr(path));
    KDB_CLEANUP(kdb_freep) char *real = NULL;
    size_t len = strlen(there);
    while (len != 0 && (real = realpath(there, NULL)) == NULL && errno == ENOENT) {
        while (len != 0 && there[--len] != '/') {}
        there[len] = '\0';
    }
    const kdb_sv rest = kdb_sv_cstr(path + len);
    if (len == 0) {
        real = realpath(path[0] == '/' ? "/" : ".", NULL);
    }
    if (real == NULL || has_parent_part(rest)) {
        return NULL;
    }
    const size_t size = strlen(real) + 1 + rest.len + 1;
    char *joined = kdb_alloc(size);
    (void)snprintf(joined, size, "%s%s%s", real, path[0] != '/' && len == 0 ? "/" : "", rest.ptr);
    return joined;
}

static kdb_status mark(const kdb_objects_spec *spec, const char *base, kdb_err *err)
{
    if (spec->base_directory.len == 0) {
        return KDB_OK;
    }
    return spec->is_new ? kdbi_mark_make(base, spec->id, err) : kdbi_mark_check(base, spec->id, err);
}

/* Looked at before it is made, so that a directory that is refused is not made. */
static kdb_status find_base(const kdb_object_stores *stores, const kdb_objects_spec *spec, char **out, kdb_err *err)
{
    const kdb_datadir *datadir = kdbi_object_stores_options(stores)->datadir;
    const kdb_sv asked = spec->base_directory;
    const kdb_sv text = asked.len == 0 ? kdb_sv_cstr(kdbi_datadir_storage(datadir)) : asked;
    if (memchr(text.ptr, '\0', text.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "a base directory holds no NUL byte");
    }
    KDB_CLEANUP(kdb_freep) char *path = kdb_sv_heap_cstr(text);
    KDB_CLEANUP(kdb_freep) char *planned = kdbi_path_would_be(path);
    if (planned == NULL) {
        return KDB_FAIL(err, KDB_INVALID, "base directory '%s' cannot be made", path);
    }
    KDB_TRY(check_apart(datadir, planned, err));
    KDB_TRY(kdbi_objects_check_apart(stores, spec->id, planned, err));
    if (spec->is_new || spec->base_directory.len == 0) {
        KDB_TRY(kdbi_dir_make(planned, err));
    }
    char *base = realpath(planned, NULL);
    if (base == NULL) {
        return KDBI_FAIL_OS(err, errno, "looking at", planned);
    }
    *out = base;
    return KDB_OK;
}

static kdb_status link_base(kdb_object_stores *stores, kdb_sv id, const char *base, const char *folder, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *now = realpath(folder, NULL);
    if (now != NULL && strcmp(now, base) == 0) {
        return KDB_OK;
    }
    if (kdbi_object_stores_opened(stores, id) != NULL) {
        return kdbi_objects_fail_in_use(id, err); /* its leases would lead elsewhere */
    }
    KDB_TRY(kdbi_dir_clear(folder, err));
    return symlink(base, folder) == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "linking", folder);
}

kdb_status kdbi_local_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *base = NULL;
    KDB_CLEANUP(kdb_freep) char *folder = kdbi_objects_folder(stores, spec->id);
    KDB_TRY(find_base(stores, spec, &base, err));
    KDB_TRY(mark(spec, base, err));
    const kdb_status status = link_base(stores, spec->id, base, folder, err);
    if (status != KDB_OK) {
        if (spec->is_new) {
            kdbi_mark_remove(base);
        }
        return status;
    }
    local *self = KDB_NEW(local);
    self->marked = spec->base_directory.len != 0;
    self->base.ops = &local_ops;
    kdbi_folder_init(&self->base.folder, kdb_sv_cstr(folder));
    self->pins = kdb_map_new();
    kdb_mutex_init(&self->lock, KDB_LOCK_LEASES);
    *out = &self->base;
    return KDB_OK;
}
