/* backup_tree.c - the parts of a backup that both who makes it and who takes it in know. */
#include "backup_tree.h"

#include "kdb/json.h"
#include "kdb/seal.h"

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

/* Of the store's files. */
typedef struct contents {
    const char *path;
    uint64_t files, bytes;
} contents;

static kdb_status count_file(void *self, kdb_sv name, kdb_err *err)
{
    contents *c = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    uint64_t bytes = 0;
    if (kdb_sv_has_prefix(name, KDB_SV("LO"))) { /* LOCK, and LOG of what was done: nothing is in them */
        return KDB_OK;
    }
    KDB_TRY(kdb_tree_size(kdb_sv_printf(arena, "%s/%.*s", c->path, KDB_SV_ARG(name)).ptr, &bytes, err));
    c->files++;
    c->bytes += bytes;
    return KDB_OK;
}

static kdb_status count_store(const char *tree, kdb_arena *arena, contents *out, kdb_err *err)
{
    *out = (contents){ .path = kdbi_tree_path(tree, "rocksdb", arena) };
    return kdb_tree_visit(out->path, count_file, out, err);
}

kdb_status kdbi_backup_write_head(const char *tree, const kdbi_backup_head *head, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    contents store;
    KDB_TRY(count_store(tree, arena, &store, err));
    const kdb_sv json = kdb_sv_printf(
        arena,
        "{\"format\":%d,\"data_format\":%d,\"created_at\":%lld,\"cold_files\":%llu,\"cold_bytes\":%llu,\"store_files\":%llu,"
        "\"store_bytes\":%llu,\"server_key\":%d}\n",
        KDBI_BACKUP_FORMAT, KDB_FORMAT_VERSION, (long long)kdb_now_ms(), (unsigned long long)head->cold_files,
        (unsigned long long)head->cold_bytes, (unsigned long long)store.files, (unsigned long long)store.bytes,
        head->has_key);
    return kdb_file_write(kdbi_tree_path(tree, "backup.json", arena), json, HEAD_MODE, err);
}

static int64_t number_of(const kdb_json *head, const char *name)
{
    const kdb_json *member = head->kind == KDB_JSON_OBJECT ? kdb_json_lookup(head, kdb_sv_cstr(name)) : NULL;
    return member != NULL && member->kind == KDB_JSON_INT ? member->integer : -1;
}

static kdb_status read_head(const char *tree, kdb_arena *arena, kdb_json **out, kdb_err *err)
{
    kdb_sv text;
    KDB_TRY(kdb_file_read(kdbi_tree_path(tree, "backup.json", arena), HEAD_BYTES_MAX, arena, &text, err));
    return kdb_json_parse(text, arena, out, err);
}

kdb_status kdbi_backup_check_head(const char *tree, const char *path, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *head = NULL;
    if (read_head(tree, arena, &head, err) != KDB_OK) {
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

static bool differs(int64_t said, uint64_t found)
{
    return said >= 0 && (uint64_t)said != found; /* older backups say nothing */
}

/* RocksDB makes a store that is not there, and does not miss a log of the last writes. */
static kdb_status check_store(const char *tree, const kdb_json *head, kdb_arena *arena, kdb_err *err)
{
    contents store;
    uint64_t bytes;
    if (kdb_tree_size(kdbi_tree_path(tree, "rocksdb/CURRENT", arena), &bytes, NULL) != KDB_OK ||
        count_store(tree, arena, &store, NULL) != KDB_OK || differs(number_of(head, "store_files"), store.files) ||
        differs(number_of(head, "store_bytes"), store.bytes)) {
        return KDB_FAIL(err, KDB_CORRUPT, "the backup lacks a file of 'rocksdb', or part of one");
    }
    return KDB_OK;
}

static kdb_status check_key(const char *tree, const kdb_json *head, kdb_arena *arena, kdb_err *err)
{
    KDB_CLEANUP(kdb_seal_freep) kdb_seal *seal = NULL;
    const char *path = kdbi_tree_path(tree, "server.key", arena);
    uint64_t bytes;
    kdb_sv text;
    if (kdb_tree_size(path, &bytes, NULL) != KDB_OK) {
        return number_of(head, "server_key") == 1 ? KDB_FAIL(err, KDB_CORRUPT, "the backup lacks the file 'server.key'")
                                                  : KDB_OK;
    }
    KDB_TRY(kdb_file_read(path, KDB_SEAL_FILE_MAX, arena, &text, err));
    return kdb_seal_new(text, &seal, err);
}

kdb_status kdbi_backup_check_parts(const char *tree, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *head = NULL;
    KDB_TRY(read_head(tree, arena, &head, err));
    KDB_TRY(check_store(tree, head, arena, err));
    return check_key(tree, head, arena, err);
}
