/* keys.c - the server's key file: storage.key_file, or server.key in the data directory. Made once, and never again: a
 * server that has lost its keys must say so rather than go on with others. */
#include "server_int.h"

/* What older keys sealed will say itself that its key is missing. */
static kdb_status make_keys(const char *path, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    kdb_buf text;
    kdb_buf_init(&text, KDB_SEAL_FILE_MAX);
    kdb_status status = kdb_seal_write_keys(NULL, &text, err);
    if (status == KDB_OK) {
        status = kdb_file_write(path, kdb_buf_sv(&text), 0600, err);
    }
    *out = kdb_sv_dup(arena, kdb_buf_sv(&text));
    explicit_bzero(text.ptr, text.len);
    kdb_buf_done(&text);
    if (status == KDB_OK) {
        kdb_log_info("server key file made path=%s", path);
    }
    return status;
}

static kdb_status read_keys(const char *path, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    const kdb_status status = kdb_file_read_secret(path, KDB_SEAL_FILE_MAX, arena, out, err);
    return status == KDB_NOT_FOUND ? make_keys(path, arena, out, err) : status;
}

kdb_status kdbi_keys_open(const kdb_options *options, const kdb_datadir *datadir, kdb_seal **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv named = kdb_opt_text(options, KDB_OPT_STORAGE_KEY_FILE);
    const char *path = named.len == 0 ? kdb_datadir_key(datadir) : kdb_sv_dup_cstr(arena, named);
    kdb_sv text;
    KDB_TRY(read_keys(path, arena, &text, err));
    const kdb_status status = kdb_seal_new(text, out, err);
    explicit_bzero((char *)(uintptr_t)text.ptr, text.len);
    if (status != KDB_OK) {
        kdb_err_context(err, "'%s'", path);
    }
    return status;
}
