/* filestore_reader.c - a file read from its beginning to its end. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filestore_int.h"

struct kdb_file_reader {
    int fd;
};

kdb_status kdb_file_reader_open(const char *path, kdb_file_reader **out, kdb_err *err)
{
    struct stat info;
    KDB_CLEANUP(kdbi_fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "no file '%s'", path);
    }
    *out = KDB_NEW(kdb_file_reader);
    (*out)->fd = fd;
    fd = -1;
    return KDB_OK;
}

void kdb_file_reader_close(kdb_file_reader *reader)
{
    if (reader != NULL) {
        kdbi_fd_close(&reader->fd);
        kdb_free(reader);
    }
}

kdb_status kdb_file_reader_next(kdb_file_reader *reader, size_t room, kdb_buf *out, kdb_err *err)
{
    char *at = kdb_buf_reserve(out, room);
    ssize_t got = -1;
    while ((got = read(reader->fd, at, room)) < 0 && errno == EINTR) {}
    if (got < 0) {
        return KDB_FAIL(err, KDB_IO, "reading a file: %s", kdbi_errno_text(errno));
    }
    out->len += (size_t)got;
    return KDB_OK;
}
