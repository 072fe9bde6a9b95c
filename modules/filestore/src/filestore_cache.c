/* filestore_cache.c - copies of remote objects in files. A copy that is leased is pinned; one that is not stands in a row, the latest used
 * last, and the first go when the row holds more bytes than it may. Several who ask for one object at once wait for one download, and share
 * its failure. A download is written beside and renamed, so that no part of one is ever seen under the object's name; after a restart
 * there is nothing: files that survived may be cut short by a power failure, and syncing them would cost more than fetching. */
#include <stdlib.h>

#include "filestore_int.h"

typedef enum copy_state { LOADING, READY, FAILED } copy_state;

typedef struct copy copy;
struct copy {
    copy *before; /* in the row, when nobody leases it */
    copy *behind;
    kdbi_folder *folder;
    char *path; /* its key */
    char *name;
    uint64_t bytes;
    unsigned users; /* leases, and those who wait for the download */
    copy_state state;
    bool doomed;  /* the object has been removed */
    bool spoiled; /* it is not what the object is: fetched again for who comes when it has gone */
    kdb_err err;  /* FAILED */
    kdb_status status;
};

struct kdbi_cache {
    uint64_t limit; /* fixed */
    kdb_mutex lock;
    kdb_cond loaded;
    /* guarded by lock: */
    kdb_map *copies; /* path -> copy */
    copy row;        /* behind it the least recently used one */
    uint64_t idle_bytes;
};

kdbi_cache *kdbi_cache_new(uint64_t limit)
{
    kdbi_cache *cache = KDB_NEW(kdbi_cache);
    cache->limit = limit;
    cache->copies = kdb_map_new();
    cache->row.before = &cache->row;
    cache->row.behind = &cache->row;
    kdb_mutex_init(&cache->lock, KDB_LOCK_CACHE);
    kdb_cond_init(&cache->loaded);
    return cache;
}

void kdbi_cache_free(kdbi_cache *cache)
{
    KDB_ASSERT(kdb_map_count(cache->copies) == 0);
    kdb_map_free(cache->copies);
    kdb_cond_done(&cache->loaded);
    kdb_mutex_done(&cache->lock);
    kdb_free(cache);
}

/* ---- the row ---- */

static void leave_row(kdbi_cache *cache, copy *c) KDB_REQUIRES(cache->lock)
{
    c->before->behind = c->behind;
    c->behind->before = c->before;
    c->before = NULL;
    cache->idle_bytes -= c->bytes;
}

static void join_row(kdbi_cache *cache, copy *c) KDB_REQUIRES(cache->lock)
{
    c->before = cache->row.before;
    c->behind = &cache->row;
    c->before->behind = c;
    cache->row.before = c;
    cache->idle_bytes += c->bytes;
}

static void forget(kdbi_cache *cache, copy *c) KDB_REQUIRES(cache->lock)
{
    KDB_ASSERT(c->users == 0);
    if (c->before != NULL) {
        leave_row(cache, c);
    }
    if (c->state == READY) {
        kdbi_folder_discard(c->folder, kdb_sv_cstr(c->name), "");
    }
    if (c->state != FAILED) {
        (void)kdb_map_remove(cache->copies, kdb_sv_cstr(c->path));
    }
    kdb_free(c->path);
    kdb_free(c->name);
    kdb_free(c);
}

static void shrink(kdbi_cache *cache) KDB_REQUIRES(cache->lock)
{
    while (cache->idle_bytes > cache->limit) {
        forget(cache, cache->row.behind);
    }
}

static copy *find(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name) KDB_REQUIRES(cache->lock)
{
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(folder, name, "");
    return kdb_map_lookup(cache->copies, kdb_sv_cstr(path));
}

static copy *add(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name) KDB_REQUIRES(cache->lock)
{
    copy *c = KDB_NEW(copy);
    c->folder = folder;
    c->path = kdbi_folder_path(folder, name, "");
    c->name = kdb_sv_heap_cstr(name);
    (void)kdb_map_put(cache->copies, kdb_sv_cstr(c->path), c);
    return c;
}

/* One user less; what nobody uses joins the row, or goes. */
static void drop_user(kdbi_cache *cache, copy *c) KDB_REQUIRES(cache->lock)
{
    if (--c->users != 0) {
        return;
    }
    if (c->state == FAILED || c->doomed || c->spoiled) {
        forget(cache, c);
    } else {
        join_row(cache, c);
        shrink(cache);
    }
}

/* ---- leases ---- */

static kdb_status fetch(kdbi_cache *cache, copy *c, const kdbi_fetcher *fetcher) KDB_REQUIRES(cache->lock)
{
    uint64_t bytes = 0;
    kdb_mutex_unlock(&cache->lock);
    const kdb_status status = fetcher->fetch(fetcher->arg, kdb_sv_cstr(c->name), c->path, &bytes, &c->err);
    kdb_mutex_lock(&cache->lock);
    c->bytes = bytes;
    c->status = status;
    c->state = status == KDB_OK ? READY : FAILED;
    if (status != KDB_OK) { /* those who wait share the failure; who comes later tries again */
        (void)kdb_map_remove(cache->copies, kdb_sv_cstr(c->path));
    }
    kdb_cond_broadcast(&cache->loaded);
    return status;
}

static kdb_status await(kdbi_cache *cache, copy *c) KDB_REQUIRES(cache->lock)
{
    while (c->state == LOADING) {
        kdb_cond_wait(&cache->loaded, &cache->lock);
    }
    return c->state == READY ? KDB_OK : c->status;
}

static kdb_status lease_locked(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name, const kdbi_fetcher *fetcher,
                               kdb_err *err) KDB_REQUIRES(cache->lock)
{
    copy *c = find(cache, folder, name);
    const bool ours = c == NULL;
    if (!ours && c->doomed) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "object '%.*s' was removed", KDB_SV_ARG(name));
    }
    if (ours) {
        c = add(cache, folder, name);
    } else if (c->before != NULL) {
        leave_row(cache, c);
    }
    c->users++;
    const kdb_status status = ours ? fetch(cache, c, fetcher) : await(cache, c);
    if (status != KDB_OK) {
        if (err != NULL) {
            *err = c->err;
        }
        drop_user(cache, c);
    }
    return status;
}

kdb_status kdbi_cache_lease(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name, const kdbi_fetcher *fetcher,
                            kdb_err *err)
{
    kdb_mutex_lock(&cache->lock);
    const kdb_status status = lease_locked(cache, folder, name, fetcher, err);
    kdb_mutex_unlock(&cache->lock);
    return status;
}

void kdbi_cache_end(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name)
{
    kdb_mutex_lock(&cache->lock);
    copy *c = find(cache, folder, name);
    KDB_ASSERT(c != NULL && c->users != 0);
    drop_user(cache, c);
    kdb_mutex_unlock(&cache->lock);
}

void kdbi_cache_spoil(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name)
{
    kdb_mutex_lock(&cache->lock);
    copy *c = find(cache, folder, name);
    KDB_ASSERT(c != NULL && c->users != 0);
    c->spoiled = true;
    kdb_mutex_unlock(&cache->lock);
}

/* ---- what writers say ---- */

void kdbi_cache_adopt(kdbi_cache *cache, kdbi_folder *folder, kdb_sv name, uint64_t bytes)
{
    kdb_mutex_lock(&cache->lock);
    copy *c = find(cache, folder, name);
    if (c == NULL) {
        c = add(cache, folder, name);
        c->users = 1;
    } else if (c->before != NULL) {
        leave_row(cache, c);
        c->users = 1;
    } else {
        c->users++;
    }
    c->doomed = false;
    c->spoiled = false;
    if (c->state != LOADING || c->users == 1) { /* who loads it says itself when it is there */
        c->state = READY;
        c->bytes = bytes;
    }
    drop_user(cache, c);
    kdb_mutex_unlock(&cache->lock);
}

void kdbi_cache_drop(kdbi_cache *cache, const kdbi_folder *folder, kdb_sv name)
{
    kdb_mutex_lock(&cache->lock);
    copy *c = find(cache, folder, name);
    if (c != NULL && c->users != 0) {
        c->doomed = true;
    } else if (c != NULL) {
        forget(cache, c);
    }
    kdb_mutex_unlock(&cache->lock);
}

void kdbi_cache_purge(kdbi_cache *cache, const kdbi_folder *folder)
{
    kdb_mutex_lock(&cache->lock);
    for (copy *c = cache->row.behind; c != &cache->row;) {
        copy *next = c->behind;
        if (c->folder == folder) {
            forget(cache, c);
        }
        c = next;
    }
    kdb_mutex_unlock(&cache->lock);
}
