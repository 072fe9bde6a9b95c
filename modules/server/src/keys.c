/* keys.c - the server's key file: storage.key_file, or server.key in the data directory. Made once, and never again: a
 * server that has lost its keys must say so rather than go on with others. */
#include "server_int.h"

/* Writes a new key before those of `old` (NULL: none). *out is the file's text. */
static kdb_status add_key(const char *path, const kdb_seal *old, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    kdb_buf text;
    kdb_buf_init(&text, KDB_SEAL_FILE_MAX);
    kdb_status status = kdb_seal_write_keys(old, &text, err);
    if (status == KDB_OK) {
        status = kdb_file_write(path, kdb_buf_sv(&text), 0600, err);
    }
    *out = kdb_sv_dup(arena, kdb_buf_sv(&text));
    if (text.len > 0) {
        explicit_bzero(text.ptr, text.len);
    }
    kdb_buf_done(&text);
    if (status == KDB_OK) {
        kdb_log_info("server key made path=%s", path);
    }
    return status;
}

static kdb_status read_keys(const char *path, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    const kdb_status status = kdb_file_read_secret(path, KDB_SEAL_FILE_MAX, arena, out, err);
    return status == KDB_NOT_FOUND ? add_key(path, NULL, arena, out, err) : status;
}

static const char *path_of(const kdb_options *options, const kdb_datadir *datadir, kdb_arena *arena)
{
    const kdb_sv named = kdb_opt_text(options, KDB_OPT_STORAGE_KEY_FILE);
    return named.len == 0 ? kdb_datadir_key(datadir) : kdb_sv_dup_cstr(arena, named);
}

kdb_status kdbi_keys_open(const kdb_options *options, const kdb_datadir *datadir, kdb_seal **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *path = path_of(options, datadir, arena);
    kdb_sv text;
    KDB_TRY(read_keys(path, arena, &text, err));
    const kdb_status status = kdb_seal_new(text, out, err);
    explicit_bzero((char *)(uintptr_t)text.ptr, text.len);
    if (status != KDB_OK) {
        kdb_err_context(err, "'%s'", path);
    }
    return status;
}

kdb_status kdb_server_rotate_key(const kdb_options *options, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_datadir_closep) kdb_datadir *datadir = NULL;
    KDB_CLEANUP(kdb_seal_freep) kdb_seal *seal = NULL;
    kdb_sv ignored;
    KDB_TRY(kdb_datadir_open(kdb_opt_text(options, KDB_OPT_STORAGE_DATA_PATH), &datadir, err));
    KDB_TRY(kdbi_keys_open(options, datadir, &seal, err));
    return add_key(path_of(options, datadir, arena), seal, arena, &ignored, err);
}
