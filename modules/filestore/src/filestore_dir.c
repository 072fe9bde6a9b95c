/* filestore_dir.c - directories: made, made durable, listed and emptied. */
#include "filestore_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIR_MODE = 0700 };

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* A new directory is made durable at once: what is acknowledged later must not vanish with it. */
static kdb_status make_one(const char *path, kdb_err *err)
{
    if (mkdir(path, DIR_MODE) == 0) {
        return kdbi_dir_sync_parent(path, err);
    }
    const int errnum = errno == EEXIST ? ENOTDIR : errno;
    return is_directory(path) ? KDB_OK : KDBI_FAIL_OS(err, errnum, "making directory", path);
}

kdb_status kdbi_dir_make(const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *prefix = kdb_sv_heap_cstr(kdb_sv_cstr(path));
    for (char *slash = strchr(prefix + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        KDB_TRY(make_one(prefix, err));
        *slash = '/';
    }
    return make_one(path, err);
}

kdb_status kdbi_dir_sync(const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdbi_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return KDBI_FAIL_OS(err, errno, "syncing directory", path);
    }
    return KDB_OK;
}

kdb_status kdbi_dir_sync_parent(const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *parent = kdb_sv_heap_cstr(kdb_sv_cstr(path));
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return kdbi_dir_sync(".", err);
    }
    slash[slash == parent ? 1 : 0] = '\0';
    return kdbi_dir_sync(parent, err);
}

/* ---- listing and emptying ---- */

static void close_stream(DIR **stream)
{
    if (*stream != NULL) {
        closedir(*stream);
    }
}

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

const char *kdbi_dir_next(DIR *stream)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL || !is_self_or_parent(entry->d_name)) {
            return entry == NULL ? NULL : entry->d_name;
        }
    }
}

kdb_status kdbi_dir_walk(const char *path, kdb_status (*visit)(void *arg, const char *name, kdb_err *err), void *arg,
                         kdb_err *err)
{
    KDB_CLEANUP(close_stream) DIR *stream = opendir(path);
    if (stream == NULL) {
        return KDBI_FAIL_OS(err, errno, "reading directory", path);
    }
    for (const char *name; (name = kdbi_dir_next(stream)) != NULL;) {
        KDB_TRY(visit(arg, name, err));
    }
    return errno == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "reading directory", path);
}

/* The directory `name` below `parent` as a stream, not through a symlink. NULL with errno. */
static DIR *open_below(int parent, const char *name)
{
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL && fd >= 0) {
        close(fd);
    }
    return stream;
}

/* All but what is called `kept` (NULL: nothing) at the top. 0 or an errno. */
static int empty_below(int parent, const char *name, const char *kept)
{
    KDB_CLEANUP(close_stream) DIR *stream = open_below(parent, name);
    if (stream == NULL) {
        return errno;
    }
    const int fd = dirfd(stream);
    for (const char *entry; (entry = kdbi_dir_next(stream)) != NULL;) {
        if ((kept != NULL && strcmp(entry, kept) == 0) || unlinkat(fd, entry, 0) == 0) {
            continue;
        }
        if (errno != EISDIR && errno != EPERM) { /* EPERM: what POSIX says of a directory */
            return errno;
        }
        const int errnum = empty_below(fd, entry, NULL);
        if (errnum != 0) {
            return errnum;
        }
        if (unlinkat(fd, entry, AT_REMOVEDIR) != 0) {
            return errno;
        }
    }
    return errno;
}

kdb_status kdbi_dir_empty_but(const char *path, const char *kept, kdb_err *err)
{
    const int errnum = empty_below(AT_FDCWD, path, kept);
    return errnum == 0 ? KDB_OK : KDBI_FAIL_OS(err, errnum, "emptying directory", path);
}

kdb_status kdbi_dir_empty(const char *path, kdb_err *err)
{
    return kdbi_dir_empty_but(path, NULL, err);
}

kdb_status kdbi_dir_clear(const char *path, kdb_err *err)
{
    if (unlink(path) == 0 || errno == ENOENT) {
        return KDB_OK;
    }
    if (errno != EISDIR && errno != EPERM) {
        return KDBI_FAIL_OS(err, errno, "removing", path);
    }
    KDB_TRY(kdbi_dir_empty(path, err));
    return rmdir(path) == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "removing", path);
}

void kdbi_dir_discard(const char *path)
{
    kdb_err err;
    if (kdbi_dir_clear(path, &err) != KDB_OK) {
        kdb_log_warn("remove folder failed err=\"%s\"", err.text);
    }
}
