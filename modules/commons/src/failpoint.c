/* failpoint.c - the table of failpoints, and the one that is armed. tests/crash/cold.test.js reads the names from here. */
#include "kdb/failpoint.h"

#ifdef KDB_FAILPOINTS

#include <signal.h>
#include <stdatomic.h>

#include "kdb/thread.h"

static const char *const names[KDB_FAILPOINT_COUNT] = {
    /* filestore: files that are committed together */
    [KDB_FAILPOINT_FILES_SYNCED] = "files.synced",       /* they are on the disk, under their temporary names */
    [KDB_FAILPOINT_FILES_RENAMED] = "files.renamed",     /* one of them has its name */
    [KDB_FAILPOINT_FILES_COMMITTED] = "files.committed", /* all have, and their directories are on the disk */
    /* filestore: one file */
    [KDB_FAILPOINT_OBJECT_WRITTEN] = "object.written", /* a small one, under its temporary name */
    [KDB_FAILPOINT_OBJECT_REMOVED] = "object.removed",
    /* filestore: one file that becomes an object of a bucket */
    [KDB_FAILPOINT_UPLOAD_BEGUN] = "upload.begun",         /* in parts: none is sent, */
    [KDB_FAILPOINT_UPLOAD_PART] = "upload.part",           /* one is, */
    [KDB_FAILPOINT_UPLOAD_COMPLETED] = "upload.completed", /* and all are one object */
    [KDB_FAILPOINT_UPLOAD_PUT] = "upload.put",             /* a small one, at once */
    /* flush and compaction */
    [KDB_FAILPOINT_COLD_NAMED] = "cold.named",         /* the store knows the names of files to come */
    [KDB_FAILPOINT_COLD_WRITING] = "cold.writing",     /* in the middle of a file */
    [KDB_FAILPOINT_COLD_WRITTEN] = "cold.written",     /* a file is staged */
    [KDB_FAILPOINT_COLD_PUBLISHED] = "cold.published", /* all files are objects, and nobody's */
    [KDB_FAILPOINT_COLD_CLOSED] = "cold.closed",       /* writers wait; the commit comes next */
    [KDB_FAILPOINT_COLD_COMMITTED] = "cold.committed", /* right after it */
    [KDB_FAILPOINT_COLD_EXPORTED] = "cold.exported",   /* a manifest.json is written */
    /* files that nobody needs any more */
    [KDB_FAILPOINT_SWEEP_BEGUN] = "sweep.begun",         /* one is about to be removed, */
    [KDB_FAILPOINT_SWEEP_REMOVED] = "sweep.removed",     /* is gone, but the store knows its name, */
    [KDB_FAILPOINT_SWEEP_FORGOTTEN] = "sweep.forgotten", /* and does not any more */
    [KDB_FAILPOINT_RECOVER_REMOVED] = "recover.removed", /* a start has removed one, but not yet its name */
    /* a tree of files: a backup, or one that is to be restored */
    [KDB_FAILPOINT_TREE_MADE] = "tree.made",                 /* an empty directory, */
    [KDB_FAILPOINT_TREE_BEGUN] = "tree.begun",               /* which is marked as unfinished, */
    [KDB_FAILPOINT_TREE_FILE] = "tree.file",                 /* has one file more, */
    [KDB_FAILPOINT_TREE_MOVED] = "tree.moved",               /* is whole and in its place, but marked still, */
    [KDB_FAILPOINT_TREE_FINISHED] = "tree.finished",         /* and not any more */
    [KDB_FAILPOINT_TREE_REMOVING] = "tree.removing",         /* nothing but the mark is left of one that goes */
    [KDB_FAILPOINT_BACKUP_CHECKPOINT] = "backup.checkpoint", /* the store is copied, its files are not */
    [KDB_FAILPOINT_BACKUP_HEAD] = "backup.head",             /* all is there, and said to be */
    /* a start that puts a restored tree in the place of the data */
    [KDB_FAILPOINT_RESTORE_MOVED] = "restore.moved",  /* one directory is moved */
    [KDB_FAILPOINT_RESTORE_KEPT] = "restore.kept",    /* what was is put aside under its own name */
    [KDB_FAILPOINT_RESTORE_PUT_BACK] = "restore.put", /* a file is back in its storage, and still where it was */
};

static atomic_int armed = KDB_FAILPOINT_COUNT; /* none */
static atomic_long left;                       /* passings until it strikes */
static atomic_bool fails;                      /* rather than dies */

/* Takes `mark` and what follows it off the text; false when there is no mark. */
static bool split(kdb_sv *text, char mark, kdb_sv *rest)
{
    const char *at = text->len == 0 ? NULL : memchr(text->ptr, mark, text->len);
    if (at != NULL) {
        const size_t before = (size_t)(at - text->ptr);
        *rest = kdb_sv_of(at + 1, text->len - before - 1);
        text->len = before;
    }
    return at != NULL;
}

static int find(kdb_sv name)
{
    int point = 0;
    while (point < KDB_FAILPOINT_COUNT && !kdb_sv_eq(name, kdb_sv_cstr(names[point]))) {
        point++;
    }
    return point;
}

kdb_status kdb_failpoint_arm(kdb_sv text, kdb_err *err)
{
    kdb_sv name = text, nth = KDB_SV("1"), action = KDB_SV("error");
    const bool errs = split(&name, '=', &action);
    (void)split(&name, ':', &nth);
    int64_t count = 0;
    const int point = find(name);
    const bool known = point != KDB_FAILPOINT_COUNT && kdb_sv_eq(action, KDB_SV("error"));
    if (text.len != 0 && (!known || kdb_parse_i64(nth, &count, NULL) != KDB_OK || count < 1)) {
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' is no failpoint", KDB_SV_ARG(text));
    }
    atomic_store(&left, count);
    atomic_store(&fails, errs);
    atomic_store(&armed, point);
    return KDB_OK;
}

const char *kdb_failpoint_name(kdb_failpoint point)
{
    return names[point];
}

kdb_status kdb_failpoint_pass(kdb_failpoint point, kdb_err *err)
{
    if (KDB_LIKELY(atomic_load_explicit(&armed, memory_order_acquire) != (int)point) ||
        atomic_fetch_sub(&left, 1) != 1) {
        return KDB_OK;
    }
    if (!atomic_load(&fails)) {
        (void)raise(SIGKILL);
    }
    return KDB_FAIL(err, KDB_IO, "failpoint %s", names[point]);
}

#else

kdb_status kdb_failpoint_arm(kdb_sv text, kdb_err *err)
{
    return text.len == 0 ? KDB_OK
                         : KDB_FAIL(err, KDB_INVALID, "failpoint '%.*s': this build has none", KDB_SV_ARG(text));
}

#endif
