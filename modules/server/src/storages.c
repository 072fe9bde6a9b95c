/* storages.c - the storages of the catalog, opened at the start. */
#include "kdb/tree.h"
#include "server_int.h"

/* A disk or a network that is away today is no reason to serve nothing. */
static void open_storage(kdb_server *server, kdb_sv id)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    kdb_err err;
    if (kdb_object_stores_find(server->objects, id, &objects, &err) != KDB_OK) {
        kdb_log_warn("storage not opened, tried again when it is needed storage_id=%.*s err=\"%s\"", KDB_SV_ARG(id),
                     err.text);
    }
}

void kdbi_server_open_storages(kdb_server *server)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_options *options = server->options;
    const kdb_object_stores_options stores = {
        .datadir = server->datadir,
        .cache_bytes = kdb_opt_i64(options, KDB_OPT_STORAGE_REMOTE_CACHE),
        .connect_timeout_ms = kdb_opt_i64(options, KDB_OPT_STORAGE_CONNECT_TIMEOUT) * 1000,
        .request_timeout_ms = kdb_opt_i64(options, KDB_OPT_STORAGE_REQUEST_TIMEOUT) * 1000,
        .open = kdb_registry_open_objects,
        .self = server->registry,
    };
    kdb_storage *storages;
    size_t count;
    server->objects = kdb_object_stores_new(&stores);
    kdb_registry_list_storages(server->registry, arena, &storages, &count);
    for (size_t i = 0; i < count; i++) {
        open_storage(server, storages[i].id);
    }
}

/* ---- after a restore ---- */

typedef struct putting_back {
    kdb_server *server;
    const char *from;
    size_t files, left;
} putting_back;

static kdb_status put_object(const putting_back *p, kdb_sv storage_id, kdb_sv object, const char *file, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    kdb_sv staged;
    KDB_TRY(kdb_object_stores_find(p->server->objects, storage_id, &objects, err));
    KDB_TRY(kdb_objects_stage(objects, object, arena, &staged, err));
    kdb_status status = kdb_tree_replace(staged.ptr, file, err);
    status = status == KDB_OK ? kdb_objects_commit(objects, &object, 1, err) : status;
    if (status != KDB_OK) {
        kdb_objects_abandon(objects, object);
    }
    return status;
}

/* What lies under the name in the storage is of the data that was replaced. */
static kdb_status put_back(void *self, kdb_sv name, KDB_UNUSED kdb_err *err)
{
    putting_back *p = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *slash = memchr(name.ptr, '/', name.len);
    const size_t len = slash == NULL ? name.len : (size_t)(slash - name.ptr);
    const kdb_sv file = kdb_sv_printf(arena, "%s/%.*s", p->from, KDB_SV_ARG(name));
    kdb_err why;
    if (slash == NULL) {
        return KDB_OK;
    }
    kdb_status status =
        put_object(p, kdb_sv_of(name.ptr, len), kdb_sv_of(slash + 1, name.len - len - 1), file.ptr, &why);
    status = status == KDB_OK ? kdb_failpoint_pass(KDB_FAILPOINT_RESTORE_PUT_BACK, &why) : status;
    status = status == KDB_OK ? kdb_tree_remove(file.ptr, &why) : status;
    p->files += status == KDB_OK;
    p->left += status != KDB_OK;
    if (status != KDB_OK) {
        kdb_log_warn("a restored file waits for its storage path=\"%.*s\" err=\"%s\"", KDB_SV_ARG(name), why.text);
    }
    return KDB_OK;
}

kdb_status kdbi_server_put_back(kdb_server *server, kdb_err *err)
{
    putting_back p = { .server = server, .from = kdb_datadir_restored(server->datadir) };
    KDB_TRY(kdb_tree_visit(p.from, put_back, &p, err));
    if (p.files != 0 || p.left != 0) {
        kdb_log_info("restored files put back into their storages files=%zu left=%zu", p.files, p.left);
    }
    return p.left == 0 ? kdb_tree_remove(p.from, err) : KDB_OK;
}
