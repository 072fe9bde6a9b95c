/* registry_storage.c - the storages in force: loaded, listed, published, dropped, and opened for whoever uses their objects.
 * `local`, below the data directory, is made with the store. A change of templates is for files to come: those that are
 * there are named by their manifests. */
#include <stdlib.h>

#include "kdb/json.h"
#include "registry_int.h"

static kdb_storage copy_storage(const kdb_storage *storage, kdb_arena *arena)
{
    return (kdb_storage){
        .id = kdb_sv_dup(arena, storage->id),
        .name = kdb_sv_dup(arena, storage->name),
        .description = kdb_sv_dup(arena, storage->description),
        .type = kdb_sv_dup(arena, storage->type),
        .base_directory = kdb_sv_dup(arena, storage->base_directory),
        .shared_template = kdb_sv_dup(arena, storage->shared_template),
        .user_template = kdb_sv_dup(arena, storage->user_template),
        .config_json = kdb_sv_dup(arena, storage->config_json),
        .credentials = kdb_sv_dup(arena, storage->credentials),
        .created_us = storage->created_us,
        .updated_us = storage->updated_us,
    };
}

kdbi_storage *kdbi_storage_new(const kdb_storage *storage, kdb_sv sealed)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_storage *made = KDB_ARENA_NEW(arena, kdbi_storage);
    made->arena = arena;
    made->pub = copy_storage(storage, arena);
    made->sealed = kdb_sv_dup(arena, sealed);
    return made;
}

void kdbi_storage_free(kdbi_storage *storage)
{
    if (storage != NULL) {
        kdb_arena_free(storage->arena);
    }
}

/* ---- loading ---- */

/* An older server took any template. One that no file may be named by gives way to the server's own. */
static void check_template(const kdb_storage *storage, kdb_template_kind kind, kdb_sv fallback, kdb_arena *arena,
                           kdb_sv *template)
{
    kdb_err why;
    if (kdb_template_check(*template, kind, arena, template, &why) != KDB_OK) {
        kdb_log_warn("template not usable, the server's is taken storage_id=%.*s err=\"%s\"", KDB_SV_ARG(storage->id),
                     why.text);
        *template = fallback;
    }
}

/* Credentials that an older key sealed are sealed with the current one. Those that do not open stay as they are: the key may
 * come back. */
static kdb_sv seal_again(const kdb_registry *registry, const kdb_storage *storage, kdb_sv sealed, kdb_arena *arena)
{
    kdb_sv plain;
    kdb_err why;
    if (kdb_seal_is_current(registry->seal, sealed)) {
        return sealed;
    }
    if (kdbi_storage_unseal(registry, storage->id, sealed, arena, &plain, &why) != KDB_OK) {
        kdb_log_warn("storage credentials not opened storage_id=%.*s err=\"%s\"", KDB_SV_ARG(storage->id), why.text);
        return sealed;
    }
    return kdbi_storage_seal(registry, storage->id, plain, arena);
}

static kdb_status load_storage(kdb_registry *registry, kdb_sv id, kdb_sv bytes, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_storage storage;
    kdb_sv sealed;
    KDB_TRY(kdbi_storage_decode(id, bytes, &storage, &sealed, err));
    check_template(&storage, KDB_TEMPLATE_SHARED, registry->shared_template, arena, &storage.shared_template);
    check_template(&storage, KDB_TEMPLATE_USER, registry->user_template, arena, &storage.user_template);
    const kdb_sv current = sealed.len == 0 ? sealed : seal_again(registry, &storage, sealed, arena);
    if (current.ptr != sealed.ptr) {
        kdbi_storage_stage(&storage, current, batch);
    }
    kdbi_storage *kept = kdbi_storage_new(&storage, current);
    (void)kdb_map_put(registry->storages, kept->pub.id, kept);
    return KDB_OK;
}

kdb_status kdbi_registry_load_storages(kdb_registry *registry, kdb_err *err)
{
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_STORAGES);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(registry->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_TRY(load_storage(registry, kdb_iter_key(iter), kdb_iter_value(iter), batch, err));
    }
    KDB_TRY(kdb_iter_status(iter, err));
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(registry->store, batch, err);
}

/* ---- finding ---- */

bool kdb_registry_has_storage(kdb_registry *registry, kdb_sv id)
{
    kdb_mutex_lock(&registry->lock);
    const bool has = kdb_map_lookup(registry->storages, id) != NULL;
    kdb_mutex_unlock(&registry->lock);
    return has;
}

bool kdbi_registry_copy_storage(kdb_registry *registry, kdb_sv id, kdb_arena *arena, kdb_storage *out, kdb_sv *sealed)
{
    kdb_mutex_lock(&registry->lock);
    const kdbi_storage *found = kdb_map_lookup(registry->storages, id);
    if (found != NULL) {
        *out = copy_storage(&found->pub, arena);
        *sealed = kdb_sv_dup(arena, found->sealed);
    }
    kdb_mutex_unlock(&registry->lock);
    return found != NULL;
}

static int by_id(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_storage *)a)->id, ((const kdb_storage *)b)->id);
}

void kdb_registry_list_storages(kdb_registry *registry, kdb_arena *arena, kdb_storage **out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    kdb_storage *list = KDB_ARENA_ARRAY(arena, kdb_storage, kdb_map_count(registry->storages));
    while (kdb_map_next(registry->storages, &cursor, &key, &value)) {
        list[n++] = copy_storage(&((const kdbi_storage *)value)->pub, arena);
    }
    kdb_mutex_unlock(&registry->lock);
    qsort(list, n, sizeof(*list), by_id);
    *out = list;
    *count = n;
}

/* ---- opening ---- */

static kdb_status open_storage(const kdb_storage *storage, kdb_sv credentials_json, bool is_new,
                               kdb_object_stores *stores, kdb_objects **out, kdb_err *err)
{
    const kdb_objects_spec spec = {
        .id = storage->id,
        .type = storage->type,
        .base_directory = storage->base_directory,
        .config_json = storage->config_json,
        .credentials_json = credentials_json,
        .is_new = is_new,
    };
    return kdb_objects_open(stores, &spec, out, err);
}

kdb_status kdb_registry_open_draft(const kdb_storage_draft *draft, kdb_object_stores *stores, kdb_objects **out,
                                   kdb_err *err)
{
    return open_storage(&draft->storage, draft->credentials_json, draft->is_new, stores, out, err);
}

static kdb_status not_found(kdb_sv id, kdb_err *err)
{
    return KDB_FAIL(err, KDB_NOT_FOUND, "Storage '%.*s' not found", KDB_SV_ARG(id));
}

static kdb_status open_defined(kdb_registry *registry, kdb_object_stores *stores, const kdb_storage *storage,
                               kdb_sv sealed, kdb_arena *arena, kdb_objects **out, kdb_err *err)
{
    kdb_sv credentials;
    KDB_TRY(kdbi_storage_unseal(registry, storage->id, sealed, arena, &credentials, err));
    const kdb_status status = open_storage(storage, credentials, false, stores, out, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "storage '%.*s' cannot be opened", KDB_SV_ARG(storage->id));
    }
    return status;
}

/* ALTER and DROP STORAGE publish their definition first and put or drop the open storage then. So what is opened here from a
 * definition that has changed since is not left in the place of theirs. */
static bool is_still(kdb_registry *registry, const kdb_storage *storage)
{
    kdb_mutex_lock(&registry->lock);
    const kdbi_storage *now = kdb_map_lookup(registry->storages, storage->id);
    const bool same = now != NULL && now->pub.updated_us == storage->updated_us;
    kdb_mutex_unlock(&registry->lock);
    return same;
}

static kdb_status open_and_put(kdb_registry *registry, kdb_object_stores *stores, kdb_sv id, bool *settled,
                               kdb_objects **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    kdb_storage storage;
    kdb_sv sealed;
    if (!kdbi_registry_copy_storage(registry, id, arena, &storage, &sealed)) {
        kdb_object_stores_drop(stores, id);
        return not_found(id, err);
    }
    KDB_TRY(open_defined(registry, stores, &storage, sealed, arena, &objects, err));
    kdb_object_stores_put(stores, kdb_objects_ref(objects));
    *settled = is_still(registry, &storage);
    if (*settled) {
        *out = KDB_TAKE(objects);
    }
    return KDB_OK;
}

kdb_status kdb_registry_open_objects(void *registry, kdb_object_stores *stores, kdb_sv id, kdb_objects **out,
                                     kdb_err *err)
{
    for (bool settled = false; !settled;) {
        KDB_TRY(open_and_put(registry, stores, id, &settled, out, err));
    }
    return KDB_OK;
}

/* ---- DDL ---- */

static kdb_status check_unchanged(kdb_registry *registry, const kdb_storage_draft *draft, kdb_err *err)
{
    const kdb_sv id = draft->storage.id;
    kdb_mutex_lock(&registry->lock);
    const kdbi_storage *now = kdb_map_lookup(registry->storages, id);
    const int64_t updated_us = now == NULL ? 0 : now->pub.updated_us;
    kdb_mutex_unlock(&registry->lock);
    if (draft->is_new && now != NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage '%.*s' already exists", KDB_SV_ARG(id));
    }
    if (!draft->is_new && now == NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage '%.*s' not found", KDB_SV_ARG(id));
    }
    if (!draft->is_new && updated_us != draft->made_of_us) {
        return KDB_FAIL(err, KDB_CONFLICT, "Storage '%.*s' was changed by another statement", KDB_SV_ARG(id));
    }
    return KDB_OK;
}

/* ---- buckets: of two storages that share a place, each would sweep away what the other keeps. Of directories, filestore says
 * the same ---- */

static bool is_within(kdb_sv place, kdb_sv of)
{
    return kdb_sv_has_prefix(place, of) && (place.len == of.len || place.ptr[of.len] == '/');
}

static kdb_sv endpoint_of(const kdb_storage *storage, kdb_arena *arena)
{
    kdb_json *config = NULL;
    if (storage->config_json.len == 0 || kdb_json_parse(storage->config_json, arena, &config, NULL) != KDB_OK) {
        return KDB_SV("");
    }
    const kdb_json *endpoint = kdb_json_lookup(config, KDB_SV("endpoint"));
    return endpoint == NULL ? KDB_SV("") : endpoint->string;
}

static bool shares_place(const kdb_storage *a, const kdb_storage *b, kdb_arena *arena)
{
    return kdb_sv_eq(a->type, b->type) && !kdb_sv_eq(a->type, KDB_SV("filesystem")) &&
           (is_within(a->base_directory, b->base_directory) || is_within(b->base_directory, a->base_directory)) &&
           kdb_sv_eq(endpoint_of(a, arena), endpoint_of(b, arena));
}

static kdb_status check_apart(kdb_registry *registry, const kdb_storage *storage, kdb_arena *arena, kdb_err *err)
{
    kdb_storage *others;
    size_t count;
    kdb_registry_list_storages(registry, arena, &others, &count);
    for (size_t i = 0; i < count; i++) {
        if (!kdb_sv_eq(others[i].id, storage->id) && shares_place(&others[i], storage, arena)) {
            return KDB_FAIL(err, KDB_INVALID_OPERATION, "'%.*s' holds, or lies in, the place of storage '%.*s'",
                            KDB_SV_ARG(storage->base_directory), KDB_SV_ARG(others[i].id));
        }
    }
    return KDB_OK;
}

kdb_status kdb_registry_stage_storage(kdb_registry *registry, kdb_storage_draft *draft, kdb_arena *arena,
                                      kdb_batch *batch, kdb_err *err)
{
    KDB_TRY(check_unchanged(registry, draft, err));
    KDB_TRY(check_apart(registry, &draft->storage, arena, err));
    draft->sealed = kdbi_storage_seal(registry, draft->storage.id, draft->credentials_json, arena);
    kdbi_storage_stage(&draft->storage, draft->sealed, batch);
    return KDB_OK;
}

void kdb_registry_publish_storage(kdb_registry *registry, const kdb_storage_draft *draft)
{
    kdbi_storage *storage = kdbi_storage_new(&draft->storage, draft->sealed);
    kdb_mutex_lock(&registry->lock);
    kdbi_storage *replaced = kdb_map_put(registry->storages, storage->pub.id, storage);
    kdb_mutex_unlock(&registry->lock);
    kdbi_storage_free(replaced);
}

static size_t count_tables_on(kdb_registry *registry, kdb_sv id)
{
    size_t count = 0;
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    while (kdb_map_next(registry->tables, &cursor, &key, &value)) {
        count += kdb_sv_eq(((const kdb_table *)value)->storage_id, id);
    }
    kdb_mutex_unlock(&registry->lock);
    return count;
}

kdb_status kdb_registry_stage_drop_storage(kdb_registry *registry, kdb_sv id, kdb_batch *batch, kdb_err *err)
{
    if (!kdb_registry_has_storage(registry, id)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage '%.*s' not found", KDB_SV_ARG(id));
    }
    if (kdb_sv_eq(id, KDB_SV("local"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop storage 'local': it is the server's own");
    }
    const size_t tables = count_tables_on(registry, id);
    if (tables > 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop storage '%.*s': %zu table(s) still using it",
                        KDB_SV_ARG(id), tables);
    }
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_STORAGES), id);
    return KDB_OK;
}

void kdb_registry_publish_drop_storage(kdb_registry *registry, kdb_sv id)
{
    kdb_mutex_lock(&registry->lock);
    kdbi_storage *storage = kdb_map_remove(registry->storages, id);
    kdb_mutex_unlock(&registry->lock);
    kdbi_storage_free(storage);
}
