/* filestore_file.c - small files: read whole, and replaced so that a crash leaves the old content or the new. */
#include "filestore_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *kdbi_errno_text(int errnum)
{
    const char *text = strerrordesc_np(errnum);
    return text != NULL ? text : "unknown error";
}

void kdbi_fd_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* ---- reading ---- */

/* Bytes read, at most `len`: fewer only at the file's end. -1 with errno. */
static ssize_t read_all(int fd, char *at, size_t len)
{
    size_t done = 0;
    while (done < len) {
        const ssize_t got = read(fd, at + done, len - done);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

static kdb_status open_regular(const char *path, int *fd, struct stat *info, kdb_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for the other end of a pipe */
    if (*fd < 0 && errno == ENOENT) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "no file '%s'", path);
    }
    if (*fd < 0 || fstat(*fd, info) != 0) {
        return KDBI_FAIL_OS(err, errno, "opening", path);
    }
    if (!S_ISREG(info->st_mode)) {
        return KDB_FAIL(err, KDB_IO, "reading '%s': not a regular file", path);
    }
    return KDB_OK;
}

static kdb_status check_private(const char *path, const struct stat *info, kdb_err *err)
{
    if (info->st_uid != geteuid()) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "file '%s' belongs to another user: make it this server's", path);
    }
    if ((info->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                        "file '%s' is open to others (mode %04o): it holds keys, so make it 0600", path,
                        (unsigned)(info->st_mode & 07777));
    }
    return KDB_OK;
}

static kdb_status read_file(const char *path, bool secret, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_fd_close) int fd = -1;
    struct stat info;
    KDB_TRY(open_regular(path, &fd, &info, err));
    if (secret) {
        KDB_TRY(check_private(path, &info, err));
    }
    /* One more than its size, so that a file that grows meanwhile is seen to be over the limit, not cut. */
    const size_t room = (size_t)info.st_size < limit ? (size_t)info.st_size + 1 : limit + 1;
    char *content = kdb_arena_alloc_raw(arena, room);
    const ssize_t len = read_all(fd, content, room);
    if (len < 0) {
        return KDBI_FAIL_OS(err, errno, "reading", path);
    }
    if ((size_t)len > limit) {
        return KDB_FAIL(err, KDB_LIMIT, "file '%s' is larger than %zu bytes", path, limit);
    }
    *out = kdb_sv_of(content, (size_t)len);
    return KDB_OK;
}

kdb_status kdb_file_read(const char *path, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    return read_file(path, false, limit, arena, out, err);
}

kdb_status kdb_file_read_secret(const char *path, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    return read_file(path, true, limit, arena, out, err);
}

/* ---- replacing ---- */

/* 0 or -1 with errno. */
int kdbi_fd_write(int fd, kdb_sv content)
{
    size_t done = 0;
    while (done < content.len) {
        const ssize_t put = write(fd, content.ptr + done, content.len - done);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

#define TMP_SUFFIX KDBI_STAGED
#define TMP_TEMPLATE ".XXXXXX" TMP_SUFFIX

/* For mkostemps. */
static char *temporary_name(const char *path)
{
    const size_t size = strlen(path) + sizeof(TMP_TEMPLATE);
    char *name = kdb_alloc(size);
    (void)snprintf(name, size, "%s" TMP_TEMPLATE, path);
    return name;
}

bool kdbi_file_is_temporary(const char *name)
{
    const size_t len = strlen(name);
    const size_t end = strlen(TMP_TEMPLATE);
    return len > end && name[len - end] == '.' && strcmp(name + len - strlen(TMP_SUFFIX), TMP_SUFFIX) == 0;
}

char *kdbi_file_temporary(const char *path, int *fd)
{
    char *name = temporary_name(path);
    *fd = mkostemps(name, (int)strlen(TMP_SUFFIX), O_CLOEXEC);
    return name;
}

/* `fd` is taken. */
static kdb_status write_temporary(int opened, const char *name, kdb_sv content, uint32_t mode, bool durable,
                                  kdb_err *err)
{
    KDB_CLEANUP(kdbi_fd_close) int fd = opened;
    if (fd < 0) {
        return KDBI_FAIL_OS(err, errno, "making temporary file", name);
    }
    if (fchmod(fd, (mode_t)mode) != 0 || kdbi_fd_write(fd, content) != 0 || (durable && fsync(fd) != 0)) {
        const int errnum = errno;
        (void)unlink(name); /* swept when the data directory is opened next */
        return KDBI_FAIL_OS(err, errnum, "writing", name);
    }
    return KDB_OK;
}

kdb_status kdbi_file_replace(const char *path, const char *temporary, kdb_sv content, uint32_t mode, bool durable,
                             kdb_err *err)
{
    int fd = -1;
    KDB_CLEANUP(kdb_freep) char *own = temporary == NULL ? kdbi_file_temporary(path, &fd) : NULL;
    const char *name = temporary == NULL ? own : temporary;
    if (temporary != NULL) {
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    }
    KDB_TRY(write_temporary(fd, name, content, mode, durable, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_OBJECT_WRITTEN, err));
    if (rename(name, path) != 0) {
        const int errnum = errno;
        (void)unlink(name);
        return KDBI_FAIL_OS(err, errnum, "replacing", path);
    }
    return KDB_OK;
}

kdb_status kdb_file_write(const char *path, kdb_sv content, uint32_t mode, kdb_err *err)
{
    KDB_TRY(kdbi_file_replace(path, NULL, content, mode, true, err));
    return kdbi_dir_sync_parent(path, err);
}

kdb_status kdbi_file_remove(const char *path, kdb_err *err)
{
    if (unlink(path) == 0 || errno == ENOENT) {
        return KDB_OK;
    }
    return KDBI_FAIL_OS(err, errno, "removing", path);
}
