/* plan_cache.c - a worker's plans by namespace and text, the least recently used dropped first. One thread. */
#include "core_int.h"

/* A plan takes some 60 bytes for each byte of its text, so texts count too. */
enum { TEXT_BYTES_MAX = 256 * 1024 };

struct kdbi_plan_cache {
    kdb_map *by_key;
    size_t capacity;
    size_t text_bytes;
    kdbi_plan *newest, *oldest;
};

kdbi_plan_cache *kdbi_plan_cache_new(size_t capacity)
{
    kdbi_plan_cache *cache = KDB_NEW(kdbi_plan_cache);
    cache->by_key = kdb_map_new();
    cache->capacity = capacity < 2 ? 2 : capacity; /* a statement and the internal query it may run */
    return cache;
}

static void unlink_plan(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    *(plan->newer == NULL ? &cache->newest : &plan->newer->older) = plan->older;
    *(plan->older == NULL ? &cache->oldest : &plan->older->newer) = plan->newer;
}

static void link_newest(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    plan->newer = NULL;
    plan->older = cache->newest;
    *(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = plan;
    cache->newest = plan;
}

static void drop(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    unlink_plan(cache, plan);
    cache->text_bytes -= plan->key.len;
    (void)kdb_map_remove(cache->by_key, plan->key);
    kdbi_plan_free(plan);
}

void kdbi_plan_cache_free(kdbi_plan_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->newest != NULL) {
        drop(cache, cache->newest);
    }
    kdb_map_free(cache->by_key);
    kdb_free(cache);
}

kdbi_plan *kdbi_plan_cache_lookup(kdbi_plan_cache *cache, kdb_sv key)
{
    kdbi_plan *plan = kdb_map_lookup(cache->by_key, key);
    if (plan != NULL && plan != cache->newest) {
        unlink_plan(cache, plan);
        link_newest(cache, plan);
    }
    return plan;
}

void kdbi_plan_cache_put(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    while (kdb_map_count(cache->by_key) >= cache->capacity ||
           (cache->oldest != NULL && cache->text_bytes + plan->key.len > TEXT_BYTES_MAX)) {
        drop(cache, cache->oldest);
    }
    cache->text_bytes += plan->key.len;
    (void)kdb_map_put(cache->by_key, plan->key, plan);
    link_newest(cache, plan);
}

size_t kdbi_plan_cache_count(const kdbi_plan_cache *cache)
{
    return kdb_map_count(cache->by_key);
}
