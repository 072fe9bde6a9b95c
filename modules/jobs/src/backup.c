/* backup.c - BACKUP DATABASE: all the server's data as of one moment, while it goes on serving. The store is copied first, by links, and the
 * files that this copy names next; until they have been, no file is removed, whatever the store itself says by then. */
#include "backup_tree.h"

typedef struct backup {
    kdbi_run *run;
    kdb_tree_watch watch;
    const char *tree;
    uint64_t files, bytes;
} backup;

/* ---- files of the cold tier ---- */

static kdb_status put_leased(backup *b, const kdb_segment *segment, kdb_object_lease *lease, kdb_err *err)
{
    const char *file = kdb_object_lease_path(lease);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    uint64_t bytes = 0;
    KDB_TRY(kdb_tree_size(file, &bytes, err));
    if (bytes != segment->bytes) {
        kdb_object_lease_spoil(lease);
        return KDB_FAIL(err, KDB_CORRUPT, "file '%.*s' of storage '%.*s' has %llu bytes instead of %llu",
                        KDB_SV_ARG(segment->path), KDB_SV_ARG(segment->storage_id), (unsigned long long)bytes,
                        (unsigned long long)segment->bytes);
    }
    return kdb_tree_put(b->tree, kdbi_backup_name(segment, arena), file, &b->watch, err);
}

static kdb_status put_file(void *self, const kdb_segment *segment, kdb_err *err)
{
    backup *b = self;
    const kdb_jobs_options *options = &b->run->jobs->options;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    KDB_CLEANUP(kdb_object_lease_endp) kdb_object_lease *lease = NULL;
    KDB_TRY(kdb_object_stores_find(options->objects, segment->storage_id, &objects, err));
    KDB_TRY(kdb_objects_lease(objects, segment->path, &lease, err));
    KDB_TRY(put_leased(b, segment, lease, err));
    b->files++;
    b->bytes += segment->bytes;
    kdbi_run_tell(b->run, "Copied %llu file(s), %llu bytes", (unsigned long long)b->files,
                  (unsigned long long)b->bytes);
    return KDB_OK;
}

static kdb_status put_data(backup *b, kdb_err *err)
{
    const char *rocksdb = kdbi_tree_path(b->tree, "rocksdb", b->run->arena);
    KDB_TRY(kdb_store_checkpoint(b->run->jobs->options.store, rocksdb, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_BACKUP_CHECKPOINT, err));
    KDB_CLEANUP(kdb_store_closep) kdb_store *copy = NULL;
    KDB_TRY(kdbi_backup_open(b->tree, &copy, err));
    return kdb_cold_visit_files(copy, put_file, b, err);
}

/* ---- the whole ---- */

static kdb_status put_key(const backup *b, bool *out_has, kdb_err *err)
{
    const char *key = kdb_datadir_key(b->run->jobs->options.datadir);
    *out_has = kdb_opt_text(b->run->jobs->options.options, KDB_OPT_STORAGE_KEY_FILE).len == 0;
    return *out_has ? kdb_tree_put(b->tree, KDB_SV("server.key"), key, &b->watch, err) : KDB_OK;
}

static kdb_status fill(backup *b, kdb_err *err)
{
    kdb_cold *cold = b->run->jobs->options.cold;
    kdb_cold_hold(cold);
    const kdb_status status = put_data(b, err);
    kdb_cold_release(cold);
    KDB_TRY(status);
    kdbi_backup_head head = { .cold_files = b->files, .cold_bytes = b->bytes };
    KDB_TRY(put_key(b, &head.has_key, err));
    KDB_TRY(kdbi_backup_write_head(b->tree, &head, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_BACKUP_HEAD, err);
}

static kdb_status finish(backup *b, const char *path, kdb_err *err)
{
    if (kdb_archive_kind_of(kdb_sv_cstr(path)) == KDB_ARCHIVE_NONE) {
        return kdb_tree_publish(b->tree, path, err);
    }
    KDB_TRY(kdb_archive_pack(b->tree, path, &b->watch, err));
    kdb_tree_discard(b->tree);
    return KDB_OK;
}

/* A copy inside what is copied would be taken for a part of it. */
static kdb_status check_place(const kdbi_run *run, const char *path, kdb_err *err)
{
    return kdb_datadir_holds(run->jobs->options.datadir, path)
               ? KDB_FAIL(err, KDB_INVALID_OPERATION, "'%s' lies in the server's data directory", path)
               : KDB_OK;
}

kdb_status kdbi_run_backup_job(kdbi_run *run, kdb_err *err)
{
    const char *path = kdb_sv_dup_cstr(run->arena, kdbi_run_text(run, "backup_path"));
    backup b = { .run = run, .watch = kdbi_run_watch(run) };
    KDB_TRY(kdbi_run_check_files(run, err));
    KDB_TRY(check_place(run, path, err));
    KDB_TRY(kdb_tree_begin(path, run->arena, &b.tree, err));
    kdb_status status = fill(&b, err);
    status = status == KDB_OK ? finish(&b, path, err) : status;
    if (status != KDB_OK) {
        kdb_tree_discard(b.tree);
        return status;
    }
    kdbi_run_result(run, "Backup of the database is at '%s': %llu file(s) of the cold tier, %llu bytes", path,
                    (unsigned long long)b.files, (unsigned long long)b.bytes);
    return KDB_OK;
}
