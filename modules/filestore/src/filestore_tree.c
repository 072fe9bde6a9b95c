/* filestore_tree.c - trees of files made beside their place, then moved there. A tree that is being made holds a file that says so, which
 * is the last thing to go: what a crash leaves behind is known as such, wherever it is, and nothing else is ever removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "filestore_int.h"

enum { FILE_MODE = 0600, COPY_BYTES = 1 << 20, DEPTH_MAX = 64 };

static char *join(const char *path, kdb_sv name)
{
    const size_t size = strlen(path) + 1 + name.len + 1;
    char *joined = kdb_alloc(size);
    (void)snprintf(joined, size, "%s/%.*s", path, KDB_SV_ARG(name));
    return joined;
}

kdb_status kdbi_tree_check(const kdb_tree_watch *watch, kdb_err *err)
{
    return watch != NULL && watch->stop(watch->self) ? KDB_FAIL(err, KDB_CANCELLED, "It was told to end") : KDB_OK;
}

/* ---- files ---- */

static bool is_immutable(kdb_sv name)
{
    static const char *const ends[] = { ".sst", ".parquet" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(ends); i++) {
        const kdb_sv end = kdb_sv_cstr(ends[i]);
        if (name.len > end.len && kdb_sv_eq(kdb_sv_of(name.ptr + name.len - end.len, end.len), end)) {
            return true;
        }
    }
    return false;
}

/* The kernel copies within a file system, and between some. */
static bool is_for_us(int errnum)
{
    return errnum == EXDEV || errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP || errnum == EPERM;
}

/* Some bytes more: how many, 0 at the end; -1 and errno. */
static ssize_t copy_some(int from, int to, char *buffer /* NULL: the kernel copies */)
{
    if (buffer == NULL) {
        return copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);
    }
    const ssize_t some = read(from, buffer, COPY_BYTES);
    return some > 0 && kdbi_fd_write(to, kdb_sv_of(buffer, (size_t)some)) != 0 ? -1 : some;
}

static kdb_status copy_bytes(int from, int to, const char *path, const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *buffer = NULL;
    for (ssize_t some = 1; some != 0;) {
        KDB_TRY(kdbi_tree_check(watch, err));
        some = copy_some(from, to, buffer);
        if (some < 0 && buffer == NULL && is_for_us(errno)) {
            buffer = kdb_alloc(COPY_BYTES);
        } else if (some < 0 && errno != EINTR) {
            return KDBI_FAIL_OS(err, errno, "copying to", path);
        }
    }
    return KDB_OK;
}

static kdb_status copy_file(const char *file, const char *path, const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_CLEANUP(kdbi_fd_close) int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return KDBI_FAIL_OS(err, errno, "opening", file);
    }
    KDB_CLEANUP(kdbi_fd_close) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (to < 0) {
        return KDBI_FAIL_OS(err, errno, "making", path);
    }
    return copy_bytes(from, to, path, watch, err);
}

static kdb_status make_parents(const char *path, kdb_err *err)
{
    const kdb_sv parent = kdbi_name_directory(kdb_sv_cstr(path));
    KDB_CLEANUP(kdb_freep) char *directory = kdb_sv_heap_cstr(parent);
    return parent.len == 0 || access(directory, F_OK) == 0 ? KDB_OK : kdbi_dir_make(directory, err);
}

/* What is at `path` is removed rather than written to: it may be a link to the very file. */
static kdb_status link_or_copy(const char *path, const char *file, const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_TRY(kdbi_file_remove(path, err));
    if (is_immutable(kdb_sv_cstr(file)) && linkat(AT_FDCWD, file, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) {
        return KDB_OK;
    }
    return copy_file(file, path, watch, err);
}

kdb_status kdb_tree_replace(const char *path, const char *file, kdb_err *err)
{
    return link_or_copy(path, file, NULL, err);
}

kdb_status kdb_tree_put(const char *tree, kdb_sv name, const char *file, const kdb_tree_watch *watch, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = join(tree, name);
    KDB_TRY(kdbi_tree_check(watch, err));
    KDB_TRY(make_parents(path, err));
    KDB_TRY(link_or_copy(path, file, watch, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_TREE_FILE, err);
}

kdb_status kdb_tree_size(const char *file, uint64_t *out, kdb_err *err)
{
    struct stat info;
    if (stat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "no file '%s'", file);
    }
    *out = (uint64_t)info.st_size;
    return KDB_OK;
}

/* ---- walking ---- */

typedef struct walk {
    const char *top;
    kdb_status (*on_file)(void *self, kdb_sv name, const struct stat *info, kdb_err *err);
    kdb_status (*on_directory)(void *self, kdb_sv name, kdb_err *err); /* after what is in it; NULL: not of interest */
    void *self;
    kdb_buf name;
    unsigned depth;
} walk;

static kdb_status walk_below(walk *w, kdb_err *err);

static kdb_status walk_directory(walk *w, kdb_err *err)
{
    if (w->depth == DEPTH_MAX) {
        return KDB_FAIL(err, KDB_LIMIT, "'%s' has directories more than %d deep", w->top, DEPTH_MAX);
    }
    w->depth++;
    KDB_TRY(walk_below(w, err));
    w->depth--;
    return w->on_directory == NULL ? KDB_OK : w->on_directory(w->self, kdb_buf_sv(&w->name), err);
}

static kdb_status walk_entry(void *arg, const char *entry, kdb_err *err)
{
    walk *w = arg;
    struct stat info;
    const size_t before = w->name.len;
    kdb_buf_printf(&w->name, "%s%s", before == 0 ? "" : "/", entry);
    KDB_CLEANUP(kdb_freep) char *path = join(w->top, kdb_buf_sv(&w->name));
    kdb_status status = KDB_OK;
    if (lstat(path, &info) != 0) {
        status = errno == ENOENT ? KDB_OK : KDBI_FAIL_OS(err, errno, "looking at", path);
    } else if (S_ISDIR(info.st_mode)) {
        status = walk_directory(w, err);
    } else if (S_ISREG(info.st_mode)) {
        status = w->on_file(w->self, kdb_buf_sv(&w->name), &info, err);
    }
    w->name.len = before;
    return status;
}

static kdb_status walk_below(walk *w, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep)
    char *path = w->name.len == 0 ? kdb_sv_heap_cstr(kdb_sv_cstr(w->top)) : join(w->top, kdb_buf_sv(&w->name));
    return kdbi_dir_walk(path, walk_entry, w, err);
}

static kdb_status walk_tree(walk *w, kdb_err *err)
{
    kdb_buf_init(&w->name, 0);
    const kdb_status status = walk_below(w, err);
    kdb_buf_done(&w->name);
    return status;
}

typedef struct visitor {
    kdb_status (*visit)(void *self, kdb_sv name, kdb_err *err);
    void *self;
} visitor;

static kdb_status visit_file(void *self, kdb_sv name, KDB_UNUSED const struct stat *info, kdb_err *err)
{
    const visitor *v = self;
    return v->visit(v->self, name, err);
}

kdb_status kdb_tree_visit(const char *path, kdb_status (*visit)(void *self, kdb_sv name, kdb_err *err), void *self,
                          kdb_err *err)
{
    visitor v = { visit, self };
    walk w = { .top = path, .on_file = visit_file, .self = &v };
    return access(path, F_OK) == 0 ? walk_tree(&w, err) : KDB_OK;
}

typedef struct put_all {
    const char *tree, *from;
    const kdb_tree_watch *watch;
} put_all;

static kdb_status put_file(void *self, kdb_sv name, kdb_err *err)
{
    const put_all *p = self;
    KDB_CLEANUP(kdb_freep) char *file = join(p->from, name);
    return kdb_tree_put(p->tree, name, file, p->watch, err);
}

kdb_status kdb_tree_put_all(const char *tree, const char *from, const kdb_tree_watch *watch, kdb_err *err)
{
    put_all p = { tree, from, watch };
    return kdb_tree_visit(from, put_file, &p, err);
}

/* ---- old files ---- */

typedef struct expiry {
    const char *top;
    time_t until;
    size_t removed;
} expiry;

static kdb_status expire_file(void *self, kdb_sv name, const struct stat *info, kdb_err *err)
{
    expiry *e = self;
    KDB_CLEANUP(kdb_freep) char *path = join(e->top, name);
    if (info->st_mtime >= e->until) {
        return KDB_OK;
    }
    e->removed++;
    return kdbi_file_remove(path, err);
}

/* One that is not empty stays. */
static kdb_status expire_directory(void *self, kdb_sv name, KDB_UNUSED kdb_err *err)
{
    const expiry *e = self;
    KDB_CLEANUP(kdb_freep) char *path = join(e->top, name);
    (void)rmdir(path);
    return KDB_OK;
}

kdb_status kdb_tree_expire(const char *path, int64_t seconds, size_t *out_removed, kdb_err *err)
{
    expiry e = { .top = path, .until = time(NULL) - seconds };
    walk w = { .top = path, .on_file = expire_file, .on_directory = expire_directory, .self = &e };
    const kdb_status status = access(path, F_OK) == 0 ? walk_tree(&w, err) : KDB_OK;
    *out_removed = e.removed;
    return status;
}

/* ---- made durable ---- */

static kdb_status sync_file(void *self, kdb_sv name, KDB_UNUSED const struct stat *info, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = join(self, name);
    KDB_CLEANUP(kdbi_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? KDB_OK : KDBI_FAIL_OS(err, errno, "syncing", path);
}

static kdb_status sync_directory(void *self, kdb_sv name, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = join(self, name);
    return kdbi_dir_sync(path, err);
}

static kdb_status sync_tree(const char *tree, kdb_err *err)
{
    walk w = { .top = tree, .on_file = sync_file, .on_directory = sync_directory, .self = (void *)(uintptr_t)tree };
    KDB_TRY(walk_tree(&w, err));
    return kdbi_dir_sync(tree, err);
}

/* ---- a tree ---- */

/* An empty directory, which is what mkdir made for it, may be there. */
static kdb_status check_free(const char *path, kdb_err *err)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? KDB_OK : KDBI_FAIL_OS(err, errno, "looking at", path);
    }
    const bool archive = kdb_archive_kind_of(kdb_sv_cstr(path)) != KDB_ARCHIVE_NONE;
    if (!archive && S_ISDIR(info.st_mode) && rmdir(path) == 0) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_ALREADY_EXISTS, "'%s' is there already: name a path where nothing is", path);
}

/* The mark goes last: what a crash leaves in between is marked, or empty. */
static kdb_status remove_marked(const char *path, kdb_err *err)
{
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        KDB_TRY(kdbi_dir_empty_but(path, KDBI_UNFINISHED, err));
        KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_TREE_REMOVING, err));
    }
    return kdbi_dir_clear(path, err);
}

static bool is_unfinished(const char *path)
{
    KDB_CLEANUP(kdb_freep) char *mark = join(path, KDB_SV(KDBI_UNFINISHED));
    return access(mark, F_OK) == 0;
}

static kdb_status clear_unfinished(const char *partial, kdb_err *err)
{
    if (access(partial, F_OK) != 0 || rmdir(partial) == 0) {
        return KDB_OK;
    }
    return is_unfinished(partial) ? remove_marked(partial, err)
                                  : KDB_FAIL(err, KDB_ALREADY_EXISTS,
                                             "'%s' is in the way: it is nothing that was left unfinished", partial);
}

/* Empty: it is there or it is not, whenever a crash comes. */
static kdb_status put_mark(const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *mark = join(path, KDB_SV(KDBI_UNFINISHED));
    KDB_CLEANUP(kdbi_fd_close) int fd = open(mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return fd < 0 ? KDBI_FAIL_OS(err, errno, "making", mark) : kdbi_dir_sync(path, err);
}

kdb_status kdb_tree_begin(const char *path, kdb_arena *arena, const char **out_partial, kdb_err *err)
{
    const char *partial = kdb_sv_printf(arena, "%s.partial", path).ptr;
    KDB_TRY(is_unfinished(path) ? remove_marked(path, err) : check_free(path, err));
    KDB_TRY(clear_unfinished(partial, err));
    KDB_TRY(kdbi_dir_make(partial, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_TREE_MADE, err));
    *out_partial = partial;
    KDB_TRY(put_mark(partial, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_TREE_BEGUN, err);
}

kdb_status kdb_tree_publish(const char *partial, const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *mark = join(path, KDB_SV(KDBI_UNFINISHED));
    KDB_TRY(sync_tree(partial, err));
    if (rename(partial, path) != 0) {
        return KDBI_FAIL_OS(err, errno, "moving into place", path);
    }
    KDB_TRY(kdbi_dir_sync_parent(path, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_TREE_MOVED, err));
    KDB_TRY(kdbi_file_remove(mark, err));
    KDB_TRY(kdbi_dir_sync(path, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_TREE_FINISHED, err);
}

bool kdb_tree_is_finished(const char *path)
{
    return access(path, F_OK) == 0 && !is_unfinished(path);
}

kdb_status kdb_tree_make(const char *path, kdb_err *err)
{
    return kdbi_dir_make(path, err);
}

/* What is left when a crash comes in between is no whole tree. */
static kdb_status mark_unfinished(const char *path, kdb_err *err)
{
    struct stat info;
    return lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || is_unfinished(path) ? KDB_OK : put_mark(path, err);
}

kdb_status kdb_tree_remove(const char *path, kdb_err *err)
{
    KDB_TRY(mark_unfinished(path, err));
    return remove_marked(path, err);
}

void kdb_tree_discard(const char *path)
{
    kdb_err err;
    if (kdb_tree_remove(path, &err) != KDB_OK) {
        kdb_log_warn("a directory is left over err=\"%s\"", err.text);
    }
}
