/* filestore_commit.c - staged files get their names, durably and with few waits for the disk. Every fsync costs a flush of the disk's
 * cache, about a millisecond, whatever there is to write; so many files are made durable by one syncfs, which waits for others'
 * writes too but flushes once, then renamed, then their directories by a second one. A few files are synced one by one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filestore_int.h"

enum { BATCH_MAX = 256, WAITS_MAX = 16 };

typedef struct staged {
    int fd;
    char *from;
    char *to;
} staged;

typedef struct batch {
    const kdbi_folder *folder;
    const kdb_sv *names;
    size_t count;
    int root; /* the folder's descriptor */
    staged files[BATCH_MAX];
    kdb_map *directories; /* all whose entries change or may be new; "" is the folder itself */
    bool together;        /* by syncfs */
} batch;

static void batch_done(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        kdbi_fd_close(&b->files[i].fd);
        kdb_free(b->files[i].from);
        kdb_free(b->files[i].to);
    }
    kdb_map_free(b->directories);
    kdbi_fd_close(&b->root);
}

static void note_directories(batch *b, kdb_sv name)
{
    do {
        name = kdbi_name_directory(name);
        (void)kdb_map_put(b->directories, name.len == 0 ? KDB_SV("") : name, b);
    } while (name.len != 0);
}

static kdb_status open_staged(batch *b, size_t i, const struct stat *root, kdb_err *err)
{
    staged *file = &b->files[i];
    struct stat info;
    file->fd = open(file->from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &info) != 0) {
        const int errnum = errno;
        return errnum == ENOENT ? KDB_FAIL(err, KDB_NOT_FOUND, "object '%.*s' was not staged", KDB_SV_ARG(b->names[i]))
                                : KDBI_FAIL_OS(err, errnum, "opening", file->from);
    }
    b->together = b->together && info.st_dev == root->st_dev; /* one syncfs is for one file system */
    return KDB_OK;
}

static kdb_status open_all(batch *b, kdb_err *err)
{
    struct stat root;
    b->root = open(b->folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->root < 0 || fstat(b->root, &root) != 0) {
        return KDBI_FAIL_OS(err, errno, "opening", b->folder->path);
    }
    for (size_t i = 0; i < b->count; i++) {
        note_directories(b, b->names[i]);
    }
    b->together = b->count + kdb_map_count(b->directories) > WAITS_MAX;
    for (size_t i = 0; i < b->count; i++) {
        KDB_TRY(open_staged(b, i, &root, err));
    }
    return KDB_OK;
}

static kdb_status sync_together(const batch *b, kdb_err *err)
{
    return syncfs(b->root) == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "syncing", b->folder->path);
}

static kdb_status sync_files(const batch *b, kdb_err *err)
{
    if (b->together) {
        return sync_together(b, err);
    }
    for (size_t i = 0; i < b->count; i++) {
        (void)sync_file_range(b->files[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* so that the first wait is for all */
    }
    for (size_t i = 0; i < b->count; i++) {
        if (fsync(b->files[i].fd) != 0) {
            return KDBI_FAIL_OS(err, errno, "syncing", b->files[i].from);
        }
    }
    return KDB_OK;
}

static kdb_status sync_directories(const batch *b, kdb_err *err)
{
    size_t cursor = 0;
    kdb_sv directory;
    void *unused;
    if (b->together) {
        return sync_together(b, err);
    }
    while (kdb_map_next(b->directories, &cursor, &directory, &unused)) {
        KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(b->folder, directory, "");
        KDB_TRY(kdbi_dir_sync(path, err));
    }
    return KDB_OK;
}

static kdb_status rename_all(const batch *b, kdb_err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        if (rename(b->files[i].from, b->files[i].to) != 0) {
            return KDBI_FAIL_OS(err, errno, "renaming", b->files[i].from);
        }
        KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_FILES_RENAMED, err));
    }
    return KDB_OK;
}

static kdb_status commit_batch(const kdbi_folder *folder, const kdb_sv *names, size_t count, kdb_err *err)
{
    KDB_CLEANUP(batch_done)
    batch b = { .folder = folder, .names = names, .count = count, .root = -1, .directories = kdb_map_new() };
    for (size_t i = 0; i < count; i++) {
        b.files[i] =
            (staged){ -1, kdbi_folder_path(folder, names[i], KDBI_STAGED), kdbi_folder_path(folder, names[i], "") };
    }
    KDB_TRY(open_all(&b, err));
    KDB_TRY(sync_files(&b, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_FILES_SYNCED, err));
    KDB_TRY(rename_all(&b, err));
    KDB_TRY(sync_directories(&b, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_FILES_COMMITTED, err);
}

kdb_status kdbi_folder_commit(const kdbi_folder *folder, const kdb_sv *names, size_t count, kdb_err *err)
{
    for (size_t done = 0; done < count;) {
        const size_t now = count - done < BATCH_MAX ? count - done : BATCH_MAX;
        KDB_TRY(commit_batch(folder, names + done, now, err));
        done += now;
    }
    return KDB_OK;
}

kdb_status kdbi_folder_sync(const kdbi_folder *folder, kdb_sv name, kdb_err *err)
{
    do {
        name = kdbi_name_directory(name);
        KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, name, "");
        KDB_TRY(kdbi_dir_sync(path, err));
    } while (name.len != 0);
    return KDB_OK;
}
