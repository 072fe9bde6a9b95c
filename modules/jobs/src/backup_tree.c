/* backup_tree.c - the parts of a backup that both who makes it and who takes it in know. */
#include "backup_tree.h"

#include "kdb/json.h"

enum { HEAD_BYTES_MAX = 64 * 1024, HEAD_MODE = 0600 };
/* Of a store that is opened to see what it names. */
enum { CACHE_BYTES = 8 << 20, WRITE_BUFFER_BYTES = 1 << 20, OPEN_FILES = 64 };

const char *kdbi_tree_path(const char *tree, const char *rest, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s/%s", tree, rest).ptr;
}

kdb_sv kdbi_backup_name(const kdb_segment *segment, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "storage/%.*s/%.*s", KDB_SV_ARG(segment->storage_id), KDB_SV_ARG(segment->path));
}

kdb_status kdbi_run_check_files(const kdbi_run *run, kdb_err *err)
{
    return run->jobs->options.datadir == NULL
               ? KDB_FAIL(err, KDB_INVALID_OPERATION, "This server has no data directory")
               : KDB_OK;
}

static bool run_stops(void *self)
{
    return kdbi_run_stops(self);
}

kdb_tree_watch kdbi_run_watch(kdbi_run *run)
{
    return (kdb_tree_watch){ run_stops, run };
}

kdb_status kdbi_backup_open(const char *tree, kdb_store **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_store_options options = { .path = kdbi_tree_path(tree, "rocksdb", arena),
                                        .sync = true,
                                        .block_cache_bytes = CACHE_BYTES,
                                        .write_buffer_bytes = WRITE_BUFFER_BYTES,
                                        .background_jobs = 1,
                                        .max_open_files = OPEN_FILES };
    return kdb_store_open(&options, out, err);
}

/* ---- backup.json ---- */

kdb_status kdbi_backup_write_head(const char *tree, uint64_t files, uint64_t bytes, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv json = kdb_sv_printf(
        arena, "{\"format\":%d,\"data_format\":%d,\"created_at\":%lld,\"cold_files\":%llu,\"cold_bytes\":%llu}\n",
        KDBI_BACKUP_FORMAT, KDB_FORMAT_VERSION, (long long)kdb_now_ms(), (unsigned long long)files,
        (unsigned long long)bytes);
    return kdb_file_write(kdbi_tree_path(tree, "backup.json", arena), json, HEAD_MODE, err);
}

static int64_t number_of(const kdb_json *head, const char *name)
{
    const kdb_json *member = head->kind == KDB_JSON_OBJECT ? kdb_json_lookup(head, kdb_sv_cstr(name)) : NULL;
    return member != NULL && member->kind == KDB_JSON_INT ? member->integer : -1;
}

kdb_status kdbi_backup_check_head(const char *tree, const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *head = NULL;
    kdb_sv text;
    if (kdb_file_read(kdbi_tree_path(tree, "backup.json", arena), HEAD_BYTES_MAX, arena, &text, err) != KDB_OK ||
        kdb_json_parse(text, arena, &head, err) != KDB_OK) {
        return KDB_FAIL(err, KDB_CORRUPT, "There is no backup at '%s'", path);
    }
    const int64_t format = number_of(head, "format");
    const int64_t data_format = number_of(head, "data_format");
    if (format != KDBI_BACKUP_FORMAT || data_format != KDB_FORMAT_VERSION) {
        return KDB_FAIL(err, KDB_CORRUPT,
                        "The backup at '%s' has format %lld and its data format %lld; this server reads %d and %d",
                        path, (long long)format, (long long)data_format, KDBI_BACKUP_FORMAT, KDB_FORMAT_VERSION);
    }
    return KDB_OK;
}
