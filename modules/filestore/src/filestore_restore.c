/* filestore_restore.c - what a restore has staged takes the place of the data, at a start and before anything of it is opened. Each step
 * is a rename, and can be told from what is left to be done: a crash between two of them is followed by a start that goes on there. Until the
 * first one the old data is whole, and from the last one on the new. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "filestore_int.h"

/* What a data directory holds that a restore replaces. */
typedef struct part {
    const char *name;   /* of what goes */
    const char *staged; /* what comes in its place; NULL: nothing, a start makes it anew */
} part;

static const part parts[] = {
    { "rocksdb", "rocksdb" },  { "server.key", "server.key" },
    { "restored", "storage" },                       /* files of storages: whoever opens those puts them back */
    { "storage", NULL },       { "storages", NULL }, /* links and copies of what was there */
    { "exports", NULL },
};

static char *join(const char *path, const char *name)
{
    const size_t size = strlen(path) + 1 + strlen(name) + 1;
    char *joined = kdb_alloc(size);
    (void)snprintf(joined, size, "%s/%s", path, name);
    return joined;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static kdb_status move(const char *from, const char *to, kdb_err *err)
{
    if (rename(from, to) != 0) {
        return KDBI_FAIL_OS(err, errno, "moving", from);
    }
    KDB_TRY(kdbi_dir_sync_parent(to, err));
    KDB_TRY(kdbi_dir_sync_parent(from, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_RESTORE_MOVED, err);
}

static kdb_status move_out(const char *path, const char *replaced, const char *name, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *to = join(replaced, name);
    if (!is_there(path)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_dir_make(replaced, err));
    return move(path, to, err);
}

static kdb_status replace(const char *data, const char *stage, const part *p, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *path = join(data, p->name);
    KDB_CLEANUP(kdb_freep) char *comes = p->staged == NULL ? NULL : join(stage, p->staged);
    KDB_CLEANUP(kdb_freep) char *replaced = join(stage, "replaced");
    if (comes != NULL && !is_there(comes)) { /* it has come, or the backup has none */
        return KDB_OK;
    }
    KDB_TRY(move_out(path, replaced, p->name, err));
    return comes == NULL ? KDB_OK : move(comes, path, err);
}

/* Seconds are enough: a start takes one, and where it does not, the name gets longer. */
static kdb_status keep_replaced(const char *data, const char *stage, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_freep) char *replaced = join(stage, "replaced");
    if (!is_there(replaced)) {
        return KDB_OK;
    }
    kdb_sv name =
        kdb_sv_printf(arena, "%s/replaced-%.*s", data, KDB_SV_ARG(kdb_utc_text(kdb_now_us(), "%Y%m%d-%H%M%S", arena)));
    while (is_there(name.ptr)) {
        name = kdb_sv_printf(arena, "%s-1", name.ptr);
    }
    kdb_log_info("data was replaced by what was restored; what it was is at path=\"%s\"", name.ptr);
    return move(replaced, name.ptr, err);
}

kdb_status kdbi_restore_apply(const char *data, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *stage = join(data, "restore");
    KDB_CLEANUP(kdb_freep) char *partial = join(data, "restore.partial");
    KDB_TRY(kdb_tree_remove(partial, err));
    if (kdb_tree_is_finished(stage)) {
        for (size_t i = 0; i < KDB_ARRAY_LEN(parts); i++) {
            KDB_TRY(replace(data, stage, &parts[i], err));
        }
        KDB_TRY(keep_replaced(data, stage, err));
        KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_RESTORE_KEPT, err));
    }
    return kdb_tree_remove(stage, err);
}
