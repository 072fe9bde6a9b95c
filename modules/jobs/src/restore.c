/* restore.c - RESTORE DATABASE: a backup is copied into the data directory and looked through; the next start puts it in the place of the
 * data (filestore_restore.c). Until then nothing changes, and a restore that fails or is stopped leaves nothing. */
#include "backup_tree.h"

typedef struct restore {
    kdbi_run *run;
    kdb_tree_watch watch;
    const char *path; /* of the backup */
    const char *tree; /* that it is copied to */
    uint64_t files;
} restore;

static bool is_packed(const restore *r)
{
    return kdb_archive_kind_of(kdb_sv_cstr(r->path)) != KDB_ARCHIVE_NONE;
}

/* Rather than copy what is none, or give up for it the backup that was taken in before. An archive is looked at when it is unpacked. */
static kdb_status look_at(const restore *r, kdb_err *err)
{
    if (is_packed(r)) {
        return KDB_OK;
    }
    if (!kdb_tree_is_finished(r->path)) {
        return KDB_FAIL(err, KDB_CORRUPT, "The backup at '%s' was not finished", r->path);
    }
    KDB_TRY(kdbi_backup_check_head(r->path, r->path, err));
    return kdbi_backup_check_parts(r->path, err);
}

static kdb_status take_in(restore *r, kdb_err *err)
{
    return is_packed(r) ? kdb_archive_unpack(r->path, r->tree, &r->watch, err)
                        : kdb_tree_put_all(r->tree, r->path, &r->watch, err);
}

static kdb_status check_file(void *self, const kdb_segment *segment, kdb_err *err)
{
    restore *r = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv name = kdbi_backup_name(segment, arena);
    uint64_t bytes = 0;
    if (kdb_tree_size(kdbi_tree_path(r->tree, name.ptr, arena), &bytes, err) != KDB_OK || bytes != segment->bytes) {
        return KDB_FAIL(err, KDB_CORRUPT, "the backup lacks the file '%.*s', or part of it", KDB_SV_ARG(name));
    }
    r->files++;
    return kdb_work_check(&r->run->work, err);
}

/* The key that is there would not open what the backup's did. */
static kdb_status check_key(restore *r, kdb_err *err)
{
    uint64_t bytes;
    const bool brings = kdb_tree_size(kdbi_tree_path(r->tree, "server.key", r->run->arena), &bytes, err) == KDB_OK;
    const bool elsewhere = kdb_opt_text(r->run->jobs->options.options, KDB_OPT_STORAGE_KEY_FILE).len != 0;
    if (brings && elsewhere) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "The backup brings its server.key, and this server's is elsewhere: put the backup's there and "
                        "take it out of the backup, or leave storage.key_file empty");
    }
    return KDB_OK;
}

/* What is in each manifest.json is not known then: a backup has none of them. */
static kdb_status check(restore *r, kdb_err *err)
{
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = NULL;
    KDB_TRY(kdbi_backup_check_head(r->tree, r->path, err));
    KDB_TRY(kdbi_backup_check_parts(r->tree, err));
    KDB_TRY(check_key(r, err));
    KDB_TRY(kdbi_backup_open(r->tree, &store, err));
    KDB_TRY(kdb_cold_visit_files(store, check_file, r, err));
    return kdb_cold_forget_exported(store, err);
}

static kdb_status stage(restore *r, const char *place, kdb_err *err)
{
    KDB_TRY(take_in(r, err));
    KDB_TRY(check(r, err));
    KDB_TRY(kdb_tree_make(kdbi_tree_path(r->tree, "storage", r->run->arena), err));
    return kdb_tree_publish(r->tree, place, err);
}

kdb_status kdbi_run_restore_job(kdbi_run *run, kdb_err *err)
{
    KDB_TRY(kdbi_run_check_files(run, err));
    const char *place = kdb_datadir_restore(run->jobs->options.datadir);
    restore r = { .run = run,
                  .watch = kdbi_run_watch(run),
                  .path = kdb_sv_dup_cstr(run->arena, kdbi_run_text(run, "backup_path")) };
    KDB_TRY(look_at(&r, err));
    KDB_TRY(kdb_tree_remove(place, err)); /* of the last two the last one counts */
    KDB_TRY(kdb_tree_begin(place, run->arena, &r.tree, err));
    const kdb_status status = stage(&r, place, err);
    if (status != KDB_OK) {
        kdb_tree_discard(r.tree);
        return status;
    }
    kdbi_run_result(run, "Backup '%s' takes the place of the database at the next start of the server", r.path);
    return KDB_OK;
}
