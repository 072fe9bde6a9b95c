/* filestore_datadir.c - the data directory: whose it is, which format it has, and what is in it.
 * It is judged before anything in it is touched, so that a directory that is not ours, or not of our version, stays as
 * it was; and judged again under the lock, as another server may have been making it at the same time. */
#include "filestore_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_MODE = 0600, FORMAT_MAX_BYTES = 256, PID_MAX_BYTES = 32, EXPORT_ID_MAX = 36 };

#define FORMAT_START "kalamdb format "

struct kdb_datadir {
    char *path;
    char *lock;
    char *format;
    char *rocksdb;
    char *storages;
    char *storage;
    char *tmp;
    char *key;
    char *exports;
    char *restore;
    char *restored;
    int lock_fd; /* holds the flock; -1 before it is opened */
};

/* What may lie in a directory that has no FORMAT file yet: our own making cut short, or a fresh file system. */
static const char *const own_names[] = { "LOCK", "FORMAT", "rocksdb", "storages", "tmp", "server.key", "lost+found" };

static bool is_own(const char *name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(own_names); i++) {
        if (strcmp(name, own_names[i]) == 0) {
            return true;
        }
    }
    return kdbi_file_is_temporary(name);
}

/* ---- the format ---- */

static kdb_status refuse_foreign(void *arg, const char *name, kdb_err *err)
{
    const kdb_datadir *dir = arg;
    if (is_own(name)) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_CORRUPT,
                    "'%s' is not a data directory: it holds '%s' and no FORMAT file; name an empty or a new directory",
                    dir->path, name);
}

static kdb_status check_version(const kdb_datadir *dir, kdb_sv content, kdb_err *err)
{
    const kdb_sv start = KDB_SV(FORMAT_START);
    int64_t version;
    if (!kdb_sv_has_prefix(content, start) ||
        kdb_parse_i64(kdb_sv_trim(kdb_sv_of(content.ptr + start.len, content.len - start.len)), &version, NULL) !=
            KDB_OK) {
        return KDB_FAIL(err, KDB_CORRUPT, "data directory '%s' has a FORMAT file that this server cannot read",
                        dir->path);
    }
    if (version != KDB_FORMAT_VERSION) {
        return KDB_FAIL(err, KDB_CORRUPT, "data directory '%s' has format version %lld; this server reads version %d",
                        dir->path, (long long)version, KDB_FORMAT_VERSION);
    }
    return KDB_OK;
}

/* Whether the directory may be used; *formatted tells a made one from a new one. */
static kdb_status judge(const kdb_datadir *dir, bool *formatted, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv content;
    const kdb_status status = kdb_file_read(dir->format, FORMAT_MAX_BYTES, arena, &content, err);
    *formatted = status == KDB_OK;
    if (status == KDB_OK) {
        return check_version(dir, content, err);
    }
    return status == KDB_NOT_FOUND ? kdbi_dir_walk(dir->path, refuse_foreign, (void *)(uintptr_t)dir, err) : status;
}

static kdb_status write_format(const kdb_datadir *dir, kdb_err *err)
{
    char text[64];
    const int len = snprintf(text, sizeof(text), FORMAT_START "%d\n", KDB_FORMAT_VERSION);
    return kdb_file_write(dir->format, kdb_sv_of(text, (size_t)len), FILE_MODE, err);
}

/* ---- the lock ---- */

static kdb_status fail_locked(const kdb_datadir *dir, kdb_err *err)
{
    char text[PID_MAX_BYTES];
    const ssize_t len = pread(dir->lock_fd, text, sizeof(text), 0);
    int64_t pid;
    if (len <= 0 || kdb_parse_i64(kdb_sv_trim(kdb_sv_of(text, (size_t)len)), &pid, NULL) != KDB_OK) {
        return KDB_FAIL(err, KDB_CONFLICT, "data directory '%s' is in use by another process", dir->path);
    }
    return KDB_FAIL(err, KDB_CONFLICT, "data directory '%s' is in use by process %lld", dir->path, (long long)pid);
}

/* The descriptor is the directory's at once, and is closed with it when the lock is not to be had. */
static kdb_status take_lock(kdb_datadir *dir, kdb_err *err)
{
    dir->lock_fd = open(dir->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (dir->lock_fd < 0) {
        return KDBI_FAIL_OS(err, errno, "opening", dir->lock);
    }
    while (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail_locked(dir, err);
        }
        if (errno != EINTR) {
            return KDBI_FAIL_OS(err, errno, "locking", dir->lock);
        }
    }
    return KDB_OK;
}

/* For the message of a second server only, so it need not be durable. */
static kdb_status write_pid(const kdb_datadir *dir, kdb_err *err)
{
    char text[PID_MAX_BYTES];
    const int len = snprintf(text, sizeof(text), "%lld\n", (long long)getpid());
    if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, text, (size_t)len, 0) != len) {
        return KDBI_FAIL_OS(err, errno, "writing", dir->lock);
    }
    return KDB_OK;
}

/* ---- opening ---- */

static char *join(const char *path, const char *name)
{
    const size_t size = strlen(path) + 1 + strlen(name) + 1;
    char *joined = kdb_alloc(size);
    (void)snprintf(joined, size, "%s/%s", path, name);
    return joined;
}

static kdb_datadir *new_datadir(kdb_sv path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    kdb_datadir *dir = KDB_NEW(kdb_datadir);
    dir->path = kdb_sv_heap_cstr(path);
    dir->lock = join(dir->path, "LOCK");
    dir->format = join(dir->path, "FORMAT");
    dir->rocksdb = join(dir->path, "rocksdb");
    dir->storages = join(dir->path, "storages");
    dir->storage = join(dir->path, "storage");
    dir->tmp = join(dir->path, "tmp");
    dir->key = join(dir->path, "server.key");
    dir->exports = join(dir->path, "exports");
    dir->restore = join(dir->path, "restore");
    dir->restored = join(dir->path, "restored");
    dir->lock_fd = -1;
    return dir;
}

static kdb_status remove_leftover(void *arg, const char *name, kdb_err *err)
{
    const kdb_datadir *dir = arg;
    if (!kdbi_file_is_temporary(name)) {
        return KDB_OK;
    }
    char *path = join(dir->path, name);
    const kdb_status status = kdbi_file_remove(path, err);
    kdb_free(path);
    return status;
}

/* Under the lock: everything is made or put in order. FORMAT comes last, so that its presence says the rest was made. */
static kdb_status prepare(kdb_datadir *dir, bool formatted, kdb_err *err)
{
    KDB_TRY(write_pid(dir, err));
    KDB_TRY(kdbi_dir_walk(dir->path, remove_leftover, dir, err));
    KDB_TRY(kdbi_restore_apply(dir->path, err));
    KDB_TRY(kdbi_dir_make(dir->rocksdb, err));
    KDB_TRY(kdbi_dir_make(dir->storages, err));
    KDB_TRY(kdbi_dir_make(dir->tmp, err));
    KDB_TRY(kdbi_dir_empty(dir->tmp, err));
    KDB_TRY(kdbi_dir_sync(dir->path, err));
    return formatted ? KDB_OK : write_format(dir, err);
}

kdb_status kdb_datadir_open(kdb_sv path, kdb_datadir **out, kdb_err *err)
{
    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "the path of the data directory is empty or holds a NUL byte");
    }
    KDB_CLEANUP(kdb_datadir_closep) kdb_datadir *dir = new_datadir(path);
    bool formatted;
    KDB_TRY(kdbi_dir_make(dir->path, err));
    KDB_TRY(judge(dir, &formatted, err));
    KDB_TRY(take_lock(dir, err));
    KDB_TRY(judge(dir, &formatted, err));
    KDB_TRY(prepare(dir, formatted, err));
    *out = KDB_TAKE(dir);
    return KDB_OK;
}

void kdb_datadir_close(kdb_datadir *dir)
{
    if (dir == NULL) {
        return;
    }
    kdbi_fd_close(&dir->lock_fd);
    kdb_free(dir->path);
    kdb_free(dir->lock);
    kdb_free(dir->format);
    kdb_free(dir->rocksdb);
    kdb_free(dir->storages);
    kdb_free(dir->storage);
    kdb_free(dir->tmp);
    kdb_free(dir->key);
    kdb_free(dir->exports);
    kdb_free(dir->restore);
    kdb_free(dir->restored);
    kdb_free(dir);
}

const char *kdb_datadir_rocksdb(const kdb_datadir *dir)
{
    return dir->rocksdb;
}

const char *kdb_datadir_storages(const kdb_datadir *dir)
{
    return dir->storages;
}

const char *kdb_datadir_tmp(const kdb_datadir *dir)
{
    return dir->tmp;
}

const char *kdb_datadir_key(const kdb_datadir *dir)
{
    return dir->key;
}

const char *kdbi_datadir_storage(const kdb_datadir *dir)
{
    return dir->storage;
}

const char *kdbi_datadir_path(const kdb_datadir *dir)
{
    return dir->path;
}

const char *kdb_datadir_exports(const kdb_datadir *dir)
{
    return dir->exports;
}

const char *kdb_datadir_restore(const kdb_datadir *dir)
{
    return dir->restore;
}

const char *kdb_datadir_restored(const kdb_datadir *dir)
{
    return dir->restored;
}

kdb_sv kdb_datadir_exports_of(const kdb_datadir *dir, kdb_sv user, kdb_arena *arena)
{
    kdb_buf name;
    kdb_buf_init(&name, 0);
    kdb_template_put(KDB_SV("{userId}"), KDB_SV(""), KDB_SV(""), user, &name);
    const kdb_sv out = kdb_sv_printf(arena, "%s/%.*s", dir->exports, KDB_SV_ARG(kdb_buf_sv(&name)));
    kdb_buf_done(&name);
    return out;
}

static bool is_export_id(kdb_sv id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        if (c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f')) {
            return false;
        }
    }
    return id.len != 0 && id.len <= EXPORT_ID_MAX;
}

const char *kdb_datadir_export(const kdb_datadir *dir, kdb_sv user, kdb_sv id, kdb_arena *arena)
{
    return user.len == 0 || !is_export_id(id)
               ? NULL
               : kdb_sv_printf(arena, "%.*s/%.*s.zip", KDB_SV_ARG(kdb_datadir_exports_of(dir, user, arena)),
                               KDB_SV_ARG(id))
                     .ptr;
}

bool kdb_datadir_holds(const kdb_datadir *dir, const char *path)
{
    KDB_CLEANUP(kdb_freep) char *data = kdbi_path_would_be(dir->path);
    KDB_CLEANUP(kdb_freep) char *place = kdbi_path_would_be(path);
    return data != NULL && place != NULL && kdbi_path_is_within(place, data);
}
