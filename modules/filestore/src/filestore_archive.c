/* filestore_archive.c - trees packed in .tar.gz and .zip files, and .tar.gz files unpacked, by libarchive. What lies in them is mostly
 * compressed already, so little time is spent on trying again. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filestore_int.h"

enum { FILE_MODE = 0600, BLOCK_BYTES = 1 << 18, READ_BLOCK_BYTES = 1 << 16 };

kdb_archive_kind kdb_archive_kind_of(kdb_sv path)
{
    static const struct {
        const char *end;
        kdb_archive_kind kind;
    } ends[] = { { ".tar.gz", KDB_ARCHIVE_TAR_GZ }, { ".tgz", KDB_ARCHIVE_TAR_GZ }, { ".zip", KDB_ARCHIVE_ZIP } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(ends); i++) {
        const kdb_sv end = kdb_sv_cstr(ends[i].end);
        if (path.len > end.len && kdb_sv_ieq(kdb_sv_of(path.ptr + path.len - end.len, end.len), end)) {
            return ends[i].kind;
        }
    }
    return KDB_ARCHIVE_NONE;
}

static kdb_status fail_archive(struct archive *archive, const char *doing, const char *path, kdb_err *err)
{
    const char *text = archive_error_string(archive);
    return KDB_FAIL(err, KDB_IO, "%s '%s': %s", doing, path, text == NULL ? "unknown error" : text);
}

/* ---- packing ---- */

typedef struct packing {
    const char *tree;
    const char *path;
    const kdb_tree_watch *watch;
    struct archive *archive;
    char *block; /* BLOCK_BYTES */
    int fd;
} packing;

static void packing_done(packing *p)
{
    (void)archive_write_free(p->archive);
    kdb_free(p->block);
    kdbi_fd_close(&p->fd);
}

static bool begin_archive(packing *p, kdb_archive_kind kind)
{
    p->archive = archive_write_new();
    const int set = kind == KDB_ARCHIVE_ZIP ? archive_write_set_format_zip(p->archive)
                                            : archive_write_set_format_pax_restricted(p->archive) |
                                                  archive_write_add_filter_gzip(p->archive);
    const char *options = kind == KDB_ARCHIVE_ZIP ? "zip:compression-level=1" : "gzip:compression-level=1";
    return set == ARCHIVE_OK && archive_write_set_options(p->archive, options) == ARCHIVE_OK &&
           archive_write_set_bytes_in_last_block(p->archive, 1) == ARCHIVE_OK &&
           archive_write_open_fd(p->archive, p->fd) == ARCHIVE_OK;
}

static kdb_status pack_bytes(packing *p, int from, const char *file, kdb_err *err)
{
    for (;;) {
        KDB_TRY(kdbi_tree_check(p->watch, err));
        const ssize_t some = read(from, p->block, BLOCK_BYTES);
        if (some < 0 && errno != EINTR) {
            return KDBI_FAIL_OS(err, errno, "reading", file);
        }
        if (some == 0) {
            return KDB_OK;
        }
        if (some > 0 && archive_write_data(p->archive, p->block, (size_t)some) != some) {
            return fail_archive(p->archive, "writing", p->path, err);
        }
    }
}

static kdb_status write_head(packing *p, kdb_sv name, const struct stat *info, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *text = kdb_sv_heap_cstr(name);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, text);
    archive_entry_set_size(entry, info->st_size);
    archive_entry_set_mtime(entry, info->st_mtime, 0);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, FILE_MODE);
    const int put = archive_write_header(p->archive, entry);
    archive_entry_free(entry);
    return put == ARCHIVE_OK ? KDB_OK : fail_archive(p->archive, "writing", p->path, err);
}

static bool is_ours(kdb_sv name)
{
    return kdb_sv_eq(name, KDB_SV(KDBI_UNFINISHED)) || kdb_sv_eq(name, KDB_SV(KDBI_ARCHIVE_STAGED));
}

static kdb_status pack_file(void *self, kdb_sv name, kdb_err *err)
{
    packing *p = self;
    struct stat info;
    if (is_ours(name)) {
        return KDB_OK;
    }
    const size_t size = strlen(p->tree) + 1 + name.len + 1;
    KDB_CLEANUP(kdb_freep) char *file = kdb_alloc(size);
    (void)snprintf(file, size, "%s/%.*s", p->tree, KDB_SV_ARG(name));
    KDB_CLEANUP(kdbi_fd_close) int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &info) != 0) {
        return KDBI_FAIL_OS(err, errno, "opening", file);
    }
    KDB_TRY(write_head(p, name, &info, err));
    return pack_bytes(p, from, file, err);
}

static kdb_status pack_tree(packing *p, kdb_archive_kind kind, kdb_err *err)
{
    if (!begin_archive(p, kind)) {
        return fail_archive(p->archive, "making", p->path, err);
    }
    KDB_TRY(kdb_tree_visit(p->tree, pack_file, p, err));
    if (archive_write_close(p->archive) != ARCHIVE_OK) {
        return fail_archive(p->archive, "writing", p->path, err);
    }
    return fsync(p->fd) == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "syncing", p->path);
}

static kdb_status write_archive(const char *tree, const char *staged, kdb_archive_kind kind,
                                const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_CLEANUP(packing_done) packing p = { .tree = tree, .path = staged, .watch = watch };
    p.fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (p.fd < 0) {
        return KDBI_FAIL_OS(err, errno, "making", staged);
    }
    p.block = kdb_alloc(BLOCK_BYTES);
    return pack_tree(&p, kind, err);
}

kdb_status kdb_archive_pack(const char *tree, const char *path, const kdb_tree_watch *watch, kdb_err *err)
{
    const size_t size = strlen(tree) + sizeof("/" KDBI_ARCHIVE_STAGED);
    KDB_CLEANUP(kdb_freep) char *staged = kdb_alloc(size);
    (void)snprintf(staged, size, "%s/" KDBI_ARCHIVE_STAGED, tree);
    KDB_TRY(write_archive(tree, staged, kdb_archive_kind_of(kdb_sv_cstr(path)), watch, err));
    if (rename(staged, path) != 0) {
        return KDBI_FAIL_OS(err, errno, "moving into place", path);
    }
    return kdbi_dir_sync_parent(path, err);
}

/* ---- unpacking ---- */

typedef struct unpacking {
    const char *tree;
    const char *path;
    const kdb_tree_watch *watch;
    struct archive *archive;
    int fd;
} unpacking;

static void unpacking_done(unpacking *u)
{
    (void)archive_read_free(u->archive);
    kdbi_fd_close(&u->fd);
}

/* Names that stay in the tree: not absolute, no empty, `.` or `..` part. */
static bool is_inner(const char *name)
{
    for (const char *at = name;; at++) {
        const size_t len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
        at += len;
        if (*at == '\0' || at[1] == '\0') { /* a directory's may end with a slash */
            return true;
        }
    }
}

static kdb_status write_at(int fd, const char *bytes, size_t len, off_t offset, const char *path, kdb_err *err)
{
    for (size_t done = 0; done < len;) {
        const ssize_t put = pwrite(fd, bytes + done, len - done, offset + (off_t)done);
        if (put < 0 && errno != EINTR) {
            return KDBI_FAIL_OS(err, errno, "writing", path);
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return KDB_OK;
}

static kdb_status unpack_bytes(const unpacking *u, int to, const char *path, kdb_err *err)
{
    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        KDB_TRY(kdbi_tree_check(u->watch, err));
        const int got = archive_read_data_block(u->archive, &bytes, &len, &offset);
        if (got == ARCHIVE_EOF) {
            return KDB_OK;
        }
        if (got != ARCHIVE_OK) {
            return KDB_FAIL(err, KDB_CORRUPT, "archive '%s' is damaged: %s", u->path, archive_error_string(u->archive));
        }
        KDB_TRY(write_at(to, bytes, len, offset, path, err));
    }
}

static kdb_status unpack_file(const unpacking *u, const char *name, kdb_err *err)
{
    const size_t size = strlen(u->tree) + 1 + strlen(name) + 1;
    KDB_CLEANUP(kdb_freep) char *path = kdb_alloc(size);
    (void)snprintf(path, size, "%s/%s", u->tree, name);
    KDB_CLEANUP(kdb_freep) char *parent = kdb_sv_heap_cstr(kdbi_name_directory(kdb_sv_cstr(path)));
    KDB_TRY(kdbi_dir_make(parent, err));
    KDB_CLEANUP(kdbi_fd_close) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return to < 0 ? KDBI_FAIL_OS(err, errno, "making", path) : unpack_bytes(u, to, path, err);
}

static kdb_status unpack_entry(const unpacking *u, struct archive_entry *entry, kdb_err *err)
{
    const char *name = archive_entry_pathname(entry);
    const bool plain = archive_entry_hardlink(entry) == NULL;
    while (name != NULL && name[0] == '.' && name[1] == '/') { /* as `tar czf x.tar.gz .` calls them */
        name += 2;
    }
    if (name == NULL || name[0] == '\0') {
        return KDB_OK;
    }
    if (!is_inner(name) || !plain ||
        (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)) {
        return KDB_FAIL(err, KDB_CORRUPT, "archive '%s' holds '%s', which is no file of a backup", u->path, name);
    }
    return archive_entry_filetype(entry) == AE_IFDIR ? KDB_OK : unpack_file(u, name, err);
}

static kdb_status unpack_all(unpacking *u, kdb_err *err)
{
    u->archive = archive_read_new();
    if (archive_read_support_filter_gzip(u->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(u->archive) != ARCHIVE_OK ||
        archive_read_open_fd(u->archive, u->fd, READ_BLOCK_BYTES) != ARCHIVE_OK) {
        return KDB_FAIL(err, KDB_CORRUPT, "'%s' is no archive: %s", u->path, archive_error_string(u->archive));
    }
    for (;;) {
        struct archive_entry *entry;
        const int got = archive_read_next_header(u->archive, &entry);
        if (got == ARCHIVE_EOF) {
            return KDB_OK;
        }
        if (got != ARCHIVE_OK) {
            return KDB_FAIL(err, KDB_CORRUPT, "archive '%s' is damaged: %s", u->path, archive_error_string(u->archive));
        }
        KDB_TRY(unpack_entry(u, entry, err));
    }
}

kdb_status kdb_archive_unpack(const char *path, const char *tree, const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_CLEANUP(unpacking_done) unpacking u = { .tree = tree, .path = path, .watch = watch };
    u.fd = open(path, O_RDONLY | O_CLOEXEC);
    return u.fd < 0 ? KDBI_FAIL_OS(err, errno, "opening", path) : unpack_all(&u, err);
}
