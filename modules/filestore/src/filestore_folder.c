/* filestore_folder.c - a tree of files below one folder: their directories come with the first file and go with the last.
 * A directory in which somebody is about to make a file is held, so that who removes the last file of it meanwhile does not take it
 * away: directories are made and removed under the folder's lock only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filestore_int.h"

enum { DIR_MODE = 0700 };

void kdbi_folder_init(kdbi_folder *folder, kdb_sv path)
{
    *folder = (kdbi_folder){ .path = kdb_sv_heap_cstr(path), .held = kdb_map_new(), .staged = kdb_map_new() };
    kdb_mutex_init(&folder->lock, KDB_LOCK_FOLDER);
}

void kdbi_folder_done(kdbi_folder *folder)
{
    kdb_map_free(folder->held);
    kdb_map_free(folder->staged);
    kdb_free(folder->path);
    kdb_mutex_done(&folder->lock);
}

char *kdbi_folder_path(const kdbi_folder *folder, kdb_sv name, const char *suffix)
{
    const size_t size = strlen(folder->path) + 1 + name.len + strlen(suffix) + 1;
    char *path = kdb_alloc(size);
    (void)snprintf(path, size, "%s/%.*s%s", folder->path, KDB_SV_ARG(name), suffix);
    return path;
}

kdb_sv kdbi_name_directory(kdb_sv name)
{
    const char *slash = name.len == 0 ? NULL : memrchr(name.ptr, '/', name.len);
    return kdb_sv_of(name.ptr, slash == NULL ? 0 : (size_t)(slash - name.ptr));
}

/* ---- directories ---- */

/* 0 or an errno. */
static int make_directory(const char *path)
{
    struct stat info;
    if (mkdir(path, DIR_MODE) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return errno;
    }
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
}

/* From the top, as the deepest one mostly is there already and was tried first. */
static int make_chain(char *path, size_t folder_len)
{
    for (char *slash = strchr(path + folder_len + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int errnum = make_directory(path);
        *slash = '/';
        if (errnum != 0) {
            return errnum;
        }
    }
    return make_directory(path);
}

static uintptr_t held(const kdbi_folder *folder, kdb_sv directory)
{
    return (uintptr_t)kdb_map_lookup(folder->held, directory);
}

static void hold(kdbi_folder *folder, kdb_sv directory, uintptr_t times)
{
    if (times == 0) {
        (void)kdb_map_remove(folder->held, directory);
    } else {
        (void)kdb_map_put(folder->held, directory, (void *)times); /* a count in a pointer's place */
    }
}

static kdb_status hold_made(kdbi_folder *folder, kdb_sv directory, kdb_err *err) KDB_REQUIRES(folder->lock)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, directory, "");
    int errnum = make_directory(path);
    if (errnum == ENOENT) {
        errnum = make_chain(path, strlen(folder->path));
    }
    if (errnum != 0) {
        return KDBI_FAIL_OS(err, errnum, "making directory", path);
    }
    hold(folder, directory, held(folder, directory) + 1);
    return KDB_OK;
}

static void release(kdbi_folder *folder, kdb_sv directory) KDB_REQUIRES(folder->lock)
{
    const uintptr_t times = held(folder, directory);
    if (directory.len != 0) {
        KDB_ASSERT(times != 0);
        hold(folder, directory, times - 1);
    }
}

kdb_status kdbi_folder_hold(kdbi_folder *folder, kdb_sv name, kdb_err *err)
{
    const kdb_sv directory = kdbi_name_directory(name);
    kdb_mutex_lock(&folder->lock);
    const kdb_status status = directory.len == 0 ? KDB_OK : hold_made(folder, directory, err);
    kdb_mutex_unlock(&folder->lock);
    return status;
}

void kdbi_folder_release(kdbi_folder *folder, kdb_sv name)
{
    kdb_mutex_lock(&folder->lock);
    release(folder, kdbi_name_directory(name));
    kdb_mutex_unlock(&folder->lock);
}

kdb_status kdbi_folder_stage(kdbi_folder *folder, kdb_sv name, kdb_err *err)
{
    const kdb_sv directory = kdbi_name_directory(name);
    kdb_status status = KDB_OK;
    kdb_mutex_lock(&folder->lock);
    if (kdb_map_lookup(folder->staged, name) == NULL) {
        status = directory.len == 0 ? KDB_OK : hold_made(folder, directory, err);
        if (status == KDB_OK) {
            (void)kdb_map_put(folder->staged, name, folder);
        }
    }
    kdb_mutex_unlock(&folder->lock);
    return status;
}

void kdbi_folder_unstage(kdbi_folder *folder, kdb_sv name)
{
    kdb_mutex_lock(&folder->lock);
    if (kdb_map_remove(folder->staged, name) != NULL) {
        release(folder, kdbi_name_directory(name));
    }
    kdb_mutex_unlock(&folder->lock);
}

/* Removes the directories of `name`, the deepest first, as long as they are empty and nobody holds them. */
static void prune(kdbi_folder *folder, kdb_sv name) KDB_REQUIRES(folder->lock)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, name, "");
    const size_t start = strlen(folder->path) + 1;
    for (kdb_sv directory = kdbi_name_directory(name); directory.len != 0; directory = kdbi_name_directory(directory)) {
        path[start + directory.len] = '\0';
        if (held(folder, directory) != 0 || rmdir(path) != 0) {
            return;
        }
    }
}

kdb_status kdbi_folder_remove(kdbi_folder *folder, kdb_sv name, const char *suffix, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, name, suffix);
    KDB_TRY(kdbi_file_remove(path, err));
    kdb_mutex_lock(&folder->lock);
    prune(folder, name);
    kdb_mutex_unlock(&folder->lock);
    return KDB_OK;
}

void kdbi_folder_discard(kdbi_folder *folder, kdb_sv name, const char *suffix)
{
    kdb_err err;
    if (kdbi_folder_remove(folder, name, suffix, &err) != KDB_OK) {
        kdb_log_warn("remove file failed err=\"%s\"", err.text);
    }
}

/* ---- listing ---- */

typedef struct listing {
    bool (*visit)(void *self, const kdb_object_info *info);
    void *self;
    bool ended;
    char name[KDBI_NAME_ROOM]; /* of the entry that is looked at */
    size_t len;
} listing;

static kdb_status list_below(listing *list, int fd, size_t depth, kdb_err *err);

static void visit_file(listing *list, const struct stat *info)
{
    const kdb_sv name = kdb_sv_of(list->name, list->len);
    const kdbi_name_kind kind = kdbi_name_classify(name);
    if (kind != KDBI_NAME_FOREIGN) {
        const kdb_object_info object = { name, (uint64_t)info->st_size, kind == KDBI_NAME_STAGED };
        list->ended = !list->visit(list->self, &object);
    }
}

/* What goes away meanwhile, what no object can be called and what is neither file nor directory is passed over. */
static kdb_status list_entry(listing *list, int parent, const char *entry, size_t depth, kdb_err *err)
{
    struct stat info;
    const size_t before = list->len;
    const size_t more = strlen(entry) + (before != 0);
    if (more >= sizeof(list->name) - before || fstatat(parent, entry, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return KDB_OK;
    }
    (void)snprintf(list->name + before, sizeof(list->name) - before, "%s%s", before != 0 ? "/" : "", entry);
    list->len = before + more;
    kdb_status status = KDB_OK;
    if (S_ISREG(info.st_mode)) {
        visit_file(list, &info);
    } else if (S_ISDIR(info.st_mode) && depth < KDBI_NAME_PARTS_MAX &&
               kdbi_name_classify(kdb_sv_of(list->name, list->len)) != KDBI_NAME_FOREIGN) {
        const int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        status = fd < 0 && errno == ENOENT ? KDB_OK : list_below(list, fd, depth + 1, err);
    }
    list->len = before;
    return status;
}

static kdb_status fail_list(const listing *list, int errnum, kdb_err *err)
{
    return KDB_FAIL(err, KDB_IO, "listing '%.*s': %s", (int)list->len, list->name, kdbi_errno_text(errnum));
}

/* `fd` is taken. */
static kdb_status list_below(listing *list, int fd, size_t depth, kdb_err *err)
{
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        const int errnum = errno;
        kdbi_fd_close(&fd);
        return fail_list(list, errnum, err);
    }
    kdb_status status = KDB_OK;
    const char *entry = NULL;
    while (status == KDB_OK && !list->ended && (entry = kdbi_dir_next(stream)) != NULL) {
        status = list_entry(list, dirfd(stream), entry, depth, err);
    }
    const int errnum = entry == NULL ? errno : 0;
    closedir(stream);
    return status != KDB_OK || errnum == 0 ? status : fail_list(list, errnum, err);
}

kdb_status kdbi_folder_list(const kdbi_folder *folder, kdb_sv prefix,
                            bool (*visit)(void *self, const kdb_object_info *info), void *self, kdb_err *err)
{
    listing list = { .visit = visit, .self = self, .len = prefix.len };
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, prefix, "");
    memcpy(list.name, prefix.ptr == NULL ? "" : prefix.ptr, prefix.len); /* checked: fits */
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        const int errnum = errno;
        const bool absent =
            prefix.len != 0 && (errnum == ENOENT || errnum == ENOTDIR) && access(folder->path, F_OK) == 0;
        return absent ? KDB_OK : KDBI_FAIL_OS(err, errnum, "listing", path);
    }
    return list_below(&list, fd, 1, err);
}
