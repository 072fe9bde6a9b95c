/* hot_cache.c - small partitions that are read whole again and again, kept decoded in memory (tables.h, kdb_hot_rows). A
 * partition is kept in the state that the sequencer's count of its writes names: rows are loaded only if no write was on its
 * way before and after, and used only while the count is the same, so what is read here is what the store would give. The
 * least recently used go when the limit is reached. */
#include "core_int.h"

enum {
    PARTITIONS_MAX = 4096, /* whose reads are remembered */
    ROWS_MAX = 100000,     /* of one partition */
    SHARE = 4,             /* one partition may take this part of the limit */
    WORTH_LOADING = 4096,  /* what reads of one state must add up to */
    NOTICED_POINTS = 16,   /* one look-up in so many makes a place for its partition */
    USER_MAX = 256,        /* bytes of a user's name: auth allows fewer */
    LARGE_WRITES = 1000    /* after which a partition that was too large is looked at again */
};

/* What a read counts for: about what it would save if the rows were in memory. Loading costs as much as reading all. */
static const unsigned worth[] = {
    [KDBI_HOT_KEYS] = 1, [KDBI_HOT_PART] = 8, [KDBI_HOT_END] = 256, [KDBI_HOT_ALL] = 2048
};

typedef struct partition {
    struct partition *newer, *older;
    kdb_sv key;         /* the map's */
    kdb_table *table;   /* a reference: another object is another schema */
    uint64_t version;   /* of the writes, when it was last read */
    uint64_t asked;     /* how much that state has been read: see WORTH_LOADING */
    uint64_t large_at;  /* 1 + the version that was too large to keep; 0: none was */
    kdb_hot_rows *rows; /* NULL: not loaded */
    size_t bytes;       /* counted for it */
} partition;

struct kdbi_hot_cache {
    kdbi_sequencer *sequencer;
    size_t limit;
    kdb_mutex lock; /* rank KDB_LOCK_HOT_ROWS; guards all below */
    kdb_map *by_key;
    partition *newest, *oldest;
    size_t bytes;
    unsigned unnoticed; /* look-ups in partitions without a place */
};

kdbi_hot_cache *kdbi_hot_cache_new(kdbi_sequencer *sequencer, size_t limit)
{
    kdbi_hot_cache *cache = KDB_NEW(kdbi_hot_cache);
    cache->sequencer = sequencer;
    cache->limit = limit;
    cache->by_key = kdb_map_new();
    kdb_mutex_init(&cache->lock, KDB_LOCK_HOT_ROWS);
    return cache;
}

static void unlink_partition(kdbi_hot_cache *cache, partition *p)
{
    *(p->newer == NULL ? &cache->newest : &p->newer->older) = p->older;
    *(p->older == NULL ? &cache->oldest : &p->older->newer) = p->newer;
}

static void link_newest(kdbi_hot_cache *cache, partition *p)
{
    p->newer = NULL;
    p->older = cache->newest;
    *(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = p;
    cache->newest = p;
}

/* Forgets the rows, not that the partition is read. */
static void unload(kdbi_hot_cache *cache, partition *p)
{
    cache->bytes -= p->bytes;
    p->bytes = 0;
    kdb_hot_rows_unref(p->rows);
    p->rows = NULL;
}

static void drop(kdbi_hot_cache *cache, partition *p)
{
    unload(cache, p);
    unlink_partition(cache, p);
    (void)kdb_map_remove(cache->by_key, p->key);
    kdb_table_unref(p->table);
    kdb_free((void *)(uintptr_t)p->key.ptr);
    kdb_free(p);
}

void kdbi_hot_cache_free(kdbi_hot_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->newest != NULL) {
        drop(cache, cache->newest);
    }
    kdb_map_free(cache->by_key);
    kdb_mutex_done(&cache->lock);
    kdb_free(cache);
}

/* In `bytes`, room for USER_MAX and the table's id. */
static kdb_sv key_of(uint32_t table_id, kdb_user_id user, char *bytes)
{
    KDB_ASSERT(user.text.len <= USER_MAX);
    kdb_put_be32(bytes, table_id);
    if (user.text.len != 0) {
        memcpy(bytes + sizeof(uint32_t), user.text.ptr, user.text.len);
    }
    return kdb_sv_of(bytes, sizeof(uint32_t) + user.text.len);
}

/* As of now: cache->bytes hears of columns decoded since when the rows are used again. */
static size_t kept_bytes(const partition *p)
{
    return p->rows == NULL ? 0 : kdb_hot_rows_bytes(p->rows);
}

size_t kdbi_hot_cache_bytes(kdbi_hot_cache *cache, const kdb_table *table, kdb_user_id user)
{
    char bytes[sizeof(uint32_t) + USER_MAX];
    const kdb_sv key = key_of(table->id, user, bytes);
    kdb_mutex_lock(&cache->lock);
    const partition *found = kdb_map_lookup(cache->by_key, key);
    const size_t kept = found == NULL ? 0 : kept_bytes(found);
    kdb_mutex_unlock(&cache->lock);
    return kept;
}

size_t kdbi_hot_cache_total(kdbi_hot_cache *cache)
{
    size_t bytes = 0;
    kdb_mutex_lock(&cache->lock);
    for (const partition *p = cache->newest; p != NULL; p = p->older) {
        bytes += kept_bytes(p);
    }
    kdb_mutex_unlock(&cache->lock);
    return bytes;
}

static partition *make_place(kdbi_hot_cache *cache, kdb_sv key)
{
    if (kdb_map_count(cache->by_key) >= PARTITIONS_MAX) {
        drop(cache, cache->oldest);
    }
    partition *p = KDB_NEW(partition);
    char *bytes = kdb_alloc(key.len);
    memcpy(bytes, key.ptr, key.len);
    p->key = kdb_sv_of(bytes, key.len);
    p->version = UINT64_MAX;
    (void)kdb_map_put(cache->by_key, p->key, p);
    link_newest(cache, p);
    return p;
}

/* The partition's place in the cache; NULL when there is none and this read is not to make one. Holds the lock. */
static partition *place_of(kdbi_hot_cache *cache, kdb_table *table, kdb_user_id user, kdbi_hot_use use)
{
    char bytes[sizeof(uint32_t) + USER_MAX];
    const kdb_sv key = key_of(table->id, user, bytes);
    partition *p = kdb_map_lookup(cache->by_key, key);
    if (p == NULL) {
        return use == KDBI_HOT_KEYS && cache->unnoticed++ % NOTICED_POINTS != 0 ? NULL : make_place(cache, key);
    }
    if (p != cache->newest) {
        unlink_partition(cache, p);
        link_newest(cache, p);
    }
    return p;
}

/* Columns are decoded after the rows are loaded, so what they take is looked at whenever they are used. Holds the lock. */
static void recount(kdbi_hot_cache *cache, partition *p)
{
    const size_t bytes = kdb_hot_rows_bytes(p->rows);
    cache->bytes += bytes - p->bytes;
    p->bytes = bytes;
    for (partition *old = cache->oldest; old != NULL && old != p && cache->bytes > cache->limit; old = old->newer) {
        unload(cache, old);
    }
    if (cache->bytes > cache->limit) {
        unload(cache, p);
    }
}

typedef enum found { FOUND_ROWS, FOUND_AGAIN, FOUND_NOTHING } found;

static bool is_worth_loading(const partition *p)
{
    const bool large = p->large_at != 0 && p->version - (p->large_at - 1) < LARGE_WRITES;
    return p->asked >= WORTH_LOADING && !large;
}

/* FOUND_AGAIN: the state has been read so much that its rows are worth loading; who has to leave that to another says so
 * again until that one has begun. */
static found find(kdbi_hot_cache *cache, kdb_table *table, kdb_user_id user, uint64_t version, kdbi_hot_use use,
                  bool loads, kdb_hot_rows **out)
{
    found result = FOUND_NOTHING;
    kdb_mutex_lock(&cache->lock);
    partition *p = place_of(cache, table, user, use);
    if (p == NULL) {
        kdb_mutex_unlock(&cache->lock);
        return result;
    }
    if (p->table == table && p->version == version) {
        p->asked += worth[use];
        if (p->rows != NULL) {
            *out = kdb_hot_rows_ref(p->rows);
            recount(cache, p);
            result = FOUND_ROWS;
        } else if (is_worth_loading(p)) {
            p->asked = loads ? 0 : p->asked;
            result = FOUND_AGAIN;
        }
    } else {
        unload(cache, p);
        if (p->table != table) {
            kdb_table_unref(p->table);
            p->table = kdb_table_ref(table);
            p->large_at = 0;
        }
        p->asked = worth[use];
        p->version = version;
    }
    kdb_mutex_unlock(&cache->lock);
    return result;
}

static void keep(kdbi_hot_cache *cache, kdb_table *table, kdb_user_id user, uint64_t version, kdb_hot_rows *rows)
{
    kdb_mutex_lock(&cache->lock);
    partition *p = place_of(cache, table, user, KDBI_HOT_ALL);
    if (p->table == table && p->version == version && p->rows == NULL) {
        p->large_at = rows == NULL ? version + 1 : 0;
        if (rows != NULL) {
            p->rows = kdb_hot_rows_ref(rows);
            recount(cache, p);
        }
    }
    kdb_mutex_unlock(&cache->lock);
}

/* Whether so many rows are cold that they are not worth looking at. */
static kdb_status is_too_large(const kdb_walk_spec *walk, kdb_user_id user, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    uint64_t rows = 0;
    KDB_TRY(kdb_manifest_get(walk->cold, NULL, walk->table, user, walk->memory_only, &manifest, err));
    for (size_t i = 0; manifest != NULL && i < manifest->nsegments; i++) {
        rows += manifest->segments[i].rows - manifest->segments[i].ndead;
    }
    *out = rows > ROWS_MAX;
    return KDB_OK;
}

static kdb_status load(const kdbi_hot_cache *cache, const kdb_walk_spec *walk, kdb_user_id user, kdb_hot_rows **out,
                       kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_walk_spec all = *walk;
    bool large = false;
    KDB_TRY(is_too_large(walk, user, &large, err));
    if (large) {
        return KDB_OK;
    }
    all.keys = (kdb_key_set){ .points = false };
    kdb_row_user_range(walk->table, user, arena, &all.keys.from, &all.keys.to);
    return kdb_hot_rows_load(&all, cache->limit / SHARE, ROWS_MAX, out, err);
}

kdb_status kdbi_hot_cache_get(kdbi_hot_cache *cache, const kdb_walk_spec *walk, kdb_user_id user, kdbi_hot_use use,
                              kdbi_hot_state *out, kdb_err *err)
{
    kdb_table *table = (kdb_table *)(uintptr_t)walk->table; /* counting is not changing */
    *out = (kdbi_hot_state){ .table_id = table->id, .user = user };
    if (cache->limit == 0 || !kdbi_sequencer_quiet(cache->sequencer, table->id, user, &out->version) ||
        find(cache, table, user, out->version, use, !walk->memory_only, &out->rows) != FOUND_AGAIN) {
        return KDB_OK;
    }
    if (walk->memory_only) {
        return KDB_FAIL(err, KDB_WOULD_BLOCK, "rows worth keeping in memory are loaded by a worker");
    }
    KDB_TRY(load(cache, walk, user, &out->rows, err));
    if (kdbi_hot_cache_is_current(cache, out)) {
        keep(cache, table, user, out->version, out->rows);
    }
    return KDB_OK;
}

kdbi_hot_use kdbi_hot_use_of(const kdb_table *table, kdb_user_id user, const kdb_key_set *keys, bool few,
                             kdb_arena *arena)
{
    kdb_sv from, to;
    if (keys->points) {
        return KDBI_HOT_KEYS;
    }
    kdb_row_user_range(table, user, arena, &from, &to);
    if (!kdb_sv_eq(from, keys->from) || !kdb_sv_eq(to, keys->to)) {
        return KDBI_HOT_PART;
    }
    return few ? KDBI_HOT_END : KDBI_HOT_ALL;
}

bool kdbi_hot_cache_is_current(const kdbi_hot_cache *cache, const kdbi_hot_state *state)
{
    uint64_t version = 0;
    return kdbi_sequencer_quiet(cache->sequencer, state->table_id, state->user, &version) && version == state->version;
}
