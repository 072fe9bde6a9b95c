/* filestore_mark.c - the mark of a directory that is a storage: a file that names it. A directory without it may be the empty
 * mount point of a disk that is away: what was written there would be hidden once the disk is back. One with another's mark
 * is another storage, perhaps another server's, who would sweep away what is put there. */
#include <unistd.h>

#include "filestore_int.h"

#define MARK ".kalamdb-storage"
enum { MARK_MODE = 0600, MARK_MAX = 1024 };

static const char *mark_path(const char *folder, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s/" MARK "%c", folder, '\0').ptr;
}

static kdb_sv mark_text(kdb_sv id, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.*s\n", KDB_SV_ARG(id));
}

kdb_status kdbi_mark_check(const char *folder, kdb_sv id, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv text;
    const kdb_status status = kdb_file_read(mark_path(folder, arena), MARK_MAX, arena, &text, err);
    if (status == KDB_NOT_FOUND) {
        return KDB_FAIL(err, KDB_IO, "directory '%s' has no file '" MARK "' of storage '%.*s': is its disk there?",
                        folder, KDB_SV_ARG(id));
    }
    KDB_TRY(status);
    if (!kdb_sv_eq(text, mark_text(id, arena))) {
        return KDB_FAIL(err, KDB_IO, "directory '%s' is another storage's: its file '" MARK "' does not name '%.*s'",
                        folder, KDB_SV_ARG(id));
    }
    return KDB_OK;
}

kdb_status kdbi_mark_make(const char *folder, kdb_sv id, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *path = mark_path(folder, arena);
    if (access(path, F_OK) == 0) {
        return KDB_FAIL(err, KDB_INVALID,
                        "directory '%s' is a storage already: drop that one first, or remove the file '" MARK
                        "' if there is none",
                        folder);
    }
    return kdb_file_write(path, mark_text(id, arena), MARK_MODE, err);
}

void kdbi_mark_remove(const char *folder)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_err err;
    if (kdbi_file_remove(mark_path(folder, arena), &err) != KDB_OK) {
        kdb_log_warn("mark of a storage stays err=\"%s\"", err.text); /* who makes another there is told of it */
    }
}
