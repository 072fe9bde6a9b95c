/* plan_cache.c - a worker's plans by namespace and shape (or text), the least recently used dropped first. Plans of one shape
 * that took different literals as they were hang in a list behind the key. One thread. */
#include "core_int.h"

/* A plan takes some 60 bytes for each byte of its text, so texts count too. */
enum { TEXT_BYTES_MAX = 256 * 1024 };
/* Plans of one key: a lookup compares literals with each of them. */
enum { LIKE_MAX = 16 };

struct kdbi_plan_cache {
    kdb_map *by_key;
    size_t capacity;
    size_t count;
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

/* Takes the plan out of the list of its key. */
static void unlink_like(kdbi_plan_cache *cache, const kdbi_plan *plan)
{
    kdbi_plan *first = kdb_map_lookup(cache->by_key, plan->key);
    if (first != plan) {
        kdbi_plan *before = first;
        while (before->next_like != plan) {
            before = before->next_like;
        }
        before->next_like = plan->next_like;
    } else if (plan->next_like != NULL) {
        (void)kdb_map_put(cache->by_key, plan->key, plan->next_like);
    } else {
        (void)kdb_map_remove(cache->by_key, plan->key);
    }
}

static void drop(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    unlink_plan(cache, plan);
    unlink_like(cache, plan);
    cache->text_bytes -= plan->key.len;
    cache->count--;
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

static kdbi_plan *find(const kdbi_plan_cache *cache, kdb_sv key, const kdb_shape *shape)
{
    kdbi_plan *plan = kdb_map_lookup(cache->by_key, key);
    while (plan != NULL && shape != NULL && !kdbi_plan_serves(plan, shape)) {
        plan = plan->next_like;
    }
    return plan;
}

kdbi_plan *kdbi_plan_cache_lookup(kdbi_plan_cache *cache, kdb_sv key, const kdb_shape *shape)
{
    kdbi_plan *plan = find(cache, key, shape);
    if (plan != NULL && plan != cache->newest) {
        unlink_plan(cache, plan);
        link_newest(cache, plan);
    }
    return plan;
}

kdbi_plan *kdbi_plan_cache_newest(const kdbi_plan_cache *cache)
{
    return cache->newest;
}

/* Of one key's plans the one made first goes when there are too many. */
static void make_room_for_like(kdbi_plan_cache *cache, kdb_sv key)
{
    kdbi_plan *last = kdb_map_lookup(cache->by_key, key);
    size_t count = 0;
    for (; last != NULL; last = last->next_like) {
        count++;
        if (last->next_like == NULL) {
            break;
        }
    }
    if (count >= LIKE_MAX) {
        drop(cache, last);
    }
}

void kdbi_plan_cache_put(kdbi_plan_cache *cache, kdbi_plan *plan)
{
    make_room_for_like(cache, plan->key);
    while (cache->count >= cache->capacity ||
           (cache->oldest != NULL && cache->text_bytes + plan->key.len > TEXT_BYTES_MAX)) {
        drop(cache, cache->oldest);
    }
    cache->text_bytes += plan->key.len;
    cache->count++;
    plan->next_like = kdb_map_lookup(cache->by_key, plan->key);
    (void)kdb_map_put(cache->by_key, plan->key, plan);
    link_newest(cache, plan);
}

size_t kdbi_plan_cache_count(const kdbi_plan_cache *cache)
{
    return cache->count;
}
