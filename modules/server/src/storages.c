/* storages.c - the storages of the catalog, opened at the start. */
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
