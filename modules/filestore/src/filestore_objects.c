/* filestore_objects.c - storages: opened by their kind, found by id, shared by count; and what all kinds of them have in common. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filestore_int.h"

struct kdb_object_stores {
    kdb_object_stores_options options; /* fixed */
    kdbi_cache *cache;
    atomic_bool stop;
    kdb_mutex lock;
    /* guarded by lock: */
    kdb_map *by_id;    /* id -> kdb_objects, a reference each */
    kdb_objects *open; /* all that have not been closed */
    bool closing;      /* folders stay for the next start */
};

enum { ID_MAX = 128 };

kdb_object_stores *kdb_object_stores_new(const kdb_object_stores_options *options)
{
    kdb_object_stores *stores = KDB_NEW(kdb_object_stores);
    stores->options = *options;
    stores->cache = kdbi_cache_new(options->cache_bytes < 0 ? 0 : (uint64_t)options->cache_bytes);
    stores->by_id = kdb_map_new();
    kdb_mutex_init(&stores->lock, KDB_LOCK_OBJECTS);
    return stores;
}

static kdb_objects *take_one(kdb_object_stores *stores)
{
    size_t cursor = 0;
    kdb_sv id;
    void *found = NULL;
    kdb_mutex_lock(&stores->lock);
    stores->closing = true;
    if (kdb_map_next(stores->by_id, &cursor, &id, &found)) {
        found = kdb_map_remove(stores->by_id, kdb_sv_cstr(((kdb_objects *)found)->id));
    }
    kdb_mutex_unlock(&stores->lock);
    return found;
}

void kdb_object_stores_free(kdb_object_stores *stores)
{
    if (stores == NULL) {
        return;
    }
    for (kdb_objects *objects; (objects = take_one(stores)) != NULL;) {
        kdb_objects_unref(objects);
    }
    KDB_ASSERT(stores->open == NULL);
    kdbi_cache_free(stores->cache);
    kdb_map_free(stores->by_id);
    kdb_mutex_done(&stores->lock);
    kdb_free(stores);
}

void kdb_object_stores_stop(kdb_object_stores *stores)
{
    atomic_store(&stores->stop, true);
}

const atomic_bool *kdbi_object_stores_stop(const kdb_object_stores *stores)
{
    return &stores->stop;
}

kdbi_cache *kdbi_object_stores_cache(kdb_object_stores *stores)
{
    return stores->cache;
}

const kdb_object_stores_options *kdbi_object_stores_options(const kdb_object_stores *stores)
{
    return &stores->options;
}

char *kdbi_objects_folder(const kdb_object_stores *stores, kdb_sv id)
{
    const char *storages = kdb_datadir_storages(stores->options.datadir);
    const size_t size = strlen(storages) + 1 + id.len + 1;
    char *path = kdb_alloc(size);
    (void)snprintf(path, size, "%s/%.*s", storages, KDB_SV_ARG(id));
    return path;
}

/* ---- opening ---- */

bool kdbi_path_is_within(const char *path, const char *folder)
{
    const size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/' || folder[len - 1] == '/');
}

/* Of two that share a directory, each would sweep away what the other keeps. */
KDB_UNCHECKED_LOCKS kdb_status kdbi_objects_check_apart(const kdb_object_stores *stores, kdb_sv id, const char *base,
                                                        kdb_err *err)
{
    for (const kdb_objects *other = stores->open; other != NULL; other = other->next) {
        KDB_CLEANUP(kdb_freep) char *folder = realpath(other->folder.path, NULL);
        if (folder == NULL || kdb_sv_eq(kdb_sv_cstr(other->id), id)) {
            continue;
        }
        if (kdbi_path_is_within(base, folder) || kdbi_path_is_within(folder, base)) {
            return KDB_FAIL(err, KDB_INVALID, "base directory '%s' holds, or lies in, that of storage '%s'", base,
                            other->id);
        }
    }
    return KDB_OK;
}

const kdb_objects *kdbi_object_stores_opened(const kdb_object_stores *stores, kdb_sv id)
{
    const kdb_objects *objects = stores->open;
    while (objects != NULL && !kdb_sv_eq(kdb_sv_cstr(objects->id), id)) {
        objects = objects->next;
    }
    return objects;
}

kdb_status kdbi_objects_fail_in_use(kdb_sv id, kdb_err *err)
{
    return KDB_FAIL(err, KDB_CONFLICT, "another storage '%.*s' is still being read", KDB_SV_ARG(id));
}

static const struct {
    const char *type;
    kdb_status (*open)(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out, kdb_err *err);
} kinds[] = {
    { "filesystem", kdbi_local_open },
    { "s3", kdbi_s3_open },
};

static kdb_status check_id(kdb_sv id, kdb_err *err)
{
    if (id.len > ID_MAX || kdbi_name_directory(id).len != 0 || kdbi_name_classify(id) != KDBI_NAME_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' cannot be a storage's id", KDB_SV_ARG(id));
    }
    return KDB_OK;
}

static kdb_status open_kind(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out, kdb_err *err)
    KDB_REQUIRES(stores->lock)
{
    const kdb_objects *other = kdbi_object_stores_opened(stores, spec->id);
    if (other != NULL && !kdb_sv_eq(spec->type, kdb_sv_cstr(other->ops->type))) {
        return kdbi_objects_fail_in_use(spec->id, err);
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(kinds); i++) {
        if (kdb_sv_eq(spec->type, kdb_sv_cstr(kinds[i].type))) {
            return kinds[i].open(stores, spec, out, err);
        }
    }
    return KDB_FAIL(err, KDB_INVALID, "storages of type '%.*s' are not supported by this server",
                    KDB_SV_ARG(spec->type));
}

static void enlist(kdb_object_stores *stores, kdb_sv id, kdb_objects *objects) KDB_REQUIRES(stores->lock)
{
    objects->stores = stores;
    objects->id = kdb_sv_heap_cstr(id);
    atomic_init(&objects->refs, 1);
    objects->next = stores->open;
    stores->open = objects;
}

kdb_status kdb_objects_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out, kdb_err *err)
{
    kdb_objects *objects = NULL;
    KDB_TRY(check_id(spec->id, err));
    kdb_mutex_lock(&stores->lock);
    const kdb_status status = open_kind(stores, spec, &objects, err);
    if (status == KDB_OK) {
        enlist(stores, spec->id, objects);
        *out = objects;
    }
    kdb_mutex_unlock(&stores->lock);
    return status;
}

kdb_objects *kdb_objects_ref(kdb_objects *objects)
{
    atomic_fetch_add(&objects->refs, 1);
    return objects;
}

/* The folder of a storage goes with the last that has its id, so that a check that failed leaves nothing behind. */
static void delist(kdb_object_stores *stores, kdb_objects *objects) KDB_REQUIRES(stores->lock)
{
    kdb_objects **at = &stores->open;
    while (*at != objects) {
        at = &(*at)->next;
    }
    *at = objects->next;
    if (kdbi_object_stores_opened(stores, kdb_sv_cstr(objects->id)) == NULL && !stores->closing) {
        KDB_CLEANUP(kdb_freep) char *folder = kdbi_objects_folder(stores, kdb_sv_cstr(objects->id));
        kdbi_dir_discard(folder); /* what stays is replaced when the id is used again */
    }
}

void kdb_objects_unref(kdb_objects *objects)
{
    if (objects == NULL || atomic_fetch_sub(&objects->refs, 1) != 1) {
        return;
    }
    kdb_object_stores *stores = objects->stores;
    objects->ops->purge(objects);
    kdb_mutex_lock(&stores->lock);
    delist(stores, objects);
    kdb_mutex_unlock(&stores->lock);
    kdbi_folder_done(&objects->folder);
    kdb_free(objects->id);
    objects->ops->close(objects);
}

void kdb_objects_disown(kdb_objects *objects)
{
    if (objects->ops->disown != NULL) {
        objects->ops->disown(objects);
    }
}

/* ---- by id ---- */

void kdb_object_stores_put(kdb_object_stores *stores, kdb_objects *objects)
{
    kdb_mutex_lock(&stores->lock);
    kdb_objects *before = kdb_map_put(stores->by_id, kdb_sv_cstr(objects->id), objects);
    kdb_mutex_unlock(&stores->lock);
    kdb_objects_unref(before);
}

/* Nobody asks for what a restore has brought for it any more, and another storage of the id must not get it. */
static void discard_restored(const kdb_object_stores *stores, kdb_sv id)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *restored = kdb_datadir_restored(stores->options.datadir);
    const char *path = kdb_sv_printf(arena, "%s/%.*s", restored, KDB_SV_ARG(id)).ptr;
    if (access(path, F_OK) == 0) {
        kdbi_dir_discard(path);
    }
}

void kdb_object_stores_drop(kdb_object_stores *stores, kdb_sv id)
{
    discard_restored(stores, id);
    kdb_mutex_lock(&stores->lock);
    kdb_objects *before = kdb_map_remove(stores->by_id, id);
    kdb_mutex_unlock(&stores->lock);
    kdb_objects_unref(before);
}

kdb_status kdb_object_stores_find(kdb_object_stores *stores, kdb_sv id, kdb_objects **out, kdb_err *err)
{
    kdb_mutex_lock(&stores->lock);
    kdb_objects *found = kdb_map_lookup(stores->by_id, id);
    if (found != NULL) {
        *out = kdb_objects_ref(found);
    }
    kdb_mutex_unlock(&stores->lock);
    if (found != NULL) {
        return KDB_OK;
    }
    const kdb_object_stores_options *options = &stores->options;
    return options->open != NULL ? options->open(options->self, stores, id, out, err)
                                 : KDB_FAIL(err, KDB_NOT_FOUND, "Storage '%.*s' not found", KDB_SV_ARG(id));
}

/* ---- writing ---- */

static kdb_status check_names(const kdb_sv *names, size_t count, kdb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        KDB_TRY(kdbi_name_check(names[i], err));
    }
    return KDB_OK;
}

kdb_status kdb_objects_stage(kdb_objects *objects, kdb_sv name, kdb_arena *arena, kdb_sv *out_path, kdb_err *err)
{
    KDB_TRY(kdbi_name_check(name, err));
    if (objects->ops->ready != NULL) {
        KDB_TRY(objects->ops->ready(objects, err));
    }
    KDB_TRY(kdbi_folder_stage(&objects->folder, name, err));
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&objects->folder, name, KDBI_STAGED);
    *out_path = kdb_sv_cstr(kdb_sv_dup_cstr(arena, kdb_sv_cstr(path)));
    return KDB_OK;
}

kdb_status kdb_objects_commit(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err)
{
    KDB_TRY(check_names(names, count, err));
    KDB_TRY(objects->ops->commit(objects, names, count, err));
    for (size_t i = 0; i < count; i++) {
        kdbi_folder_unstage(&objects->folder, names[i]);
    }
    return KDB_OK;
}

kdb_status kdb_objects_staged_bytes(kdb_objects *objects, kdb_sv name, uint64_t *out, kdb_err *err)
{
    KDB_TRY(kdbi_name_check(name, err));
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&objects->folder, name, KDBI_STAGED);
    struct stat info;
    if (stat(path, &info) != 0) {
        return kdbi_objects_fail_missing(objects, name, err);
    }
    *out = (uint64_t)info.st_size;
    return KDB_OK;
}

void kdb_objects_abandon(kdb_objects *objects, kdb_sv name)
{
    if (kdbi_name_check(name, NULL) == KDB_OK) {
        kdbi_folder_unstage(&objects->folder, name);
        kdbi_folder_discard(&objects->folder, name, KDBI_STAGED);
    }
}

kdb_status kdb_objects_put_tagged(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_object_etag *out,
                                  kdb_err *err)
{
    KDB_TRY(kdbi_name_check(name, err));
    return objects->ops->put(objects, name, content, durable, out, err);
}

kdb_status kdb_objects_put(kdb_objects *objects, kdb_sv name, kdb_sv content, bool durable, kdb_err *err)
{
    kdb_object_etag etag;
    return kdb_objects_put_tagged(objects, name, content, durable, &etag, err);
}

/* Its file that a restore has brought, where the storage has not been there for it yet: a start would put it back. */
static kdb_status remove_restored(const kdb_objects *objects, kdb_sv name, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *restored = kdb_datadir_restored(objects->stores->options.datadir);
    return kdbi_file_remove(kdb_sv_printf(arena, "%s/%s/%.*s", restored, objects->id, KDB_SV_ARG(name)).ptr, err);
}

kdb_status kdb_objects_remove(kdb_objects *objects, const kdb_sv *names, size_t count, kdb_err *err)
{
    KDB_TRY(check_names(names, count, err));
    for (size_t i = 0; i < count; i++) {
        KDB_TRY(remove_restored(objects, names[i], err));
    }
    return objects->ops->remove(objects, names, count, err);
}

void kdb_objects_abort(kdb_objects *objects, kdb_sv name)
{
    if (objects->ops->abort != NULL && kdbi_name_check(name, NULL) == KDB_OK) {
        objects->ops->abort(objects, name);
    }
}

/* ---- reading ---- */

struct kdb_object_lease {
    kdb_objects *objects; /* a reference */
    char *name;
    char *path;
};

kdb_status kdbi_objects_fail_missing(const kdb_objects *objects, kdb_sv name, kdb_err *err)
{
    return KDB_FAIL(err, KDB_NOT_FOUND, "object '%.*s' of storage '%s' does not exist", KDB_SV_ARG(name), objects->id);
}

kdb_status kdb_objects_lease(kdb_objects *objects, kdb_sv name, kdb_object_lease **out, kdb_err *err)
{
    KDB_TRY(kdbi_name_check(name, err));
    KDB_TRY(objects->ops->lease(objects, name, err));
    kdb_object_lease *lease = KDB_NEW(kdb_object_lease);
    lease->objects = kdb_objects_ref(objects);
    lease->name = kdb_sv_heap_cstr(name);
    lease->path = kdbi_folder_path(&objects->folder, name, "");
    *out = lease;
    return KDB_OK;
}

bool kdb_objects_is_near(const kdb_objects *objects)
{
    return objects->ops->near;
}

const char *kdb_object_lease_path(const kdb_object_lease *lease)
{
    return lease->path;
}

void kdb_object_lease_spoil(kdb_object_lease *lease)
{
    if (lease->objects->ops->spoil != NULL) {
        lease->objects->ops->spoil(lease->objects, kdb_sv_cstr(lease->name));
    }
}

void kdb_object_lease_end(kdb_object_lease *lease)
{
    if (lease == NULL) {
        return;
    }
    lease->objects->ops->lease_end(lease->objects, kdb_sv_cstr(lease->name));
    kdb_objects_unref(lease->objects);
    kdb_free(lease->name);
    kdb_free(lease->path);
    kdb_free(lease);
}

kdb_status kdb_objects_get(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    KDB_TRY(kdbi_name_check(name, err));
    return objects->ops->get(objects, name, limit, arena, out, err);
}

kdb_status kdb_objects_list(kdb_objects *objects, kdb_sv prefix, bool (*visit)(void *self, const kdb_object_info *info),
                            void *self, kdb_err *err)
{
    if (prefix.len != 0) {
        KDB_TRY(kdbi_name_check(prefix, err));
    }
    return objects->ops->list(objects, prefix, visit, self, err);
}

typedef struct lists {
    kdb_objects *objects;
    const kdb_sv *prefixes;
    bool (*visit)(void *self, size_t i, const kdb_object_info *info);
    void *self;
} lists;
typedef struct one_list {
    const lists *of;
    size_t i;
} one_list;

static bool visit_of(void *self, const kdb_object_info *info)
{
    const one_list *list = self;
    return list->of->visit(list->of->self, list->i, info);
}

static kdb_status list_one(void *arg, size_t i, kdb_err *err)
{
    const lists *all = arg;
    one_list list = { all, i };
    return kdb_objects_list(all->objects, all->prefixes[i], visit_of, &list, err);
}

kdb_status kdb_objects_list_each(kdb_objects *objects, const kdb_sv *prefixes, size_t count,
                                 bool (*visit)(void *self, size_t i, const kdb_object_info *info), void *self,
                                 kdb_err *err)
{
    lists all = { objects, prefixes, visit, self };
    const size_t at_once = objects->ops->lists_at_once;
    return kdbi_parallel(count, at_once == 0 ? 1 : at_once, list_one, &all, err);
}
