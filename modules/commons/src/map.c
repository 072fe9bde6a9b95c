/* map.c - a hash table from byte strings to pointers. Linear probing over slots that keep the hash, so that a miss rarely
 * touches a key; a removal shifts its followers back instead of leaving a tombstone, so that long-lived maps with much
 * coming and going never degrade. */
#include "commons_int.h"

enum { SMALLEST = 8 };

typedef struct slot {
    uint64_t hash;
    char *key; /* NULL: free */
    size_t key_len;
    void *value;
} slot;

struct kdb_map {
    slot *slots;
    size_t mask; /* number of slots - 1; a power of two - 1 */
    size_t count;
};

kdb_map *kdb_map_new(void)
{
    kdb_map *map = KDB_NEW(kdb_map);
    map->slots = kdb_alloc_array(SMALLEST, sizeof(slot));
    map->mask = SMALLEST - 1;
    return map;
}

void kdb_map_free(kdb_map *map)
{
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i <= map->mask; i++) {
        kdb_free(map->slots[i].key);
    }
    kdb_free(map->slots);
    kdb_free(map);
}

size_t kdb_map_count(const kdb_map *map)
{
    return map->count;
}

/* The slot of `key`, or the free one where it would go. */
static slot *find_slot(const kdb_map *map, uint64_t hash, kdb_sv key)
{
    for (size_t i = hash & map->mask;; i = (i + 1) & map->mask) {
        slot *s = &map->slots[i];
        if (s->key == NULL || (s->hash == hash && kdb_sv_eq(kdb_sv_of(s->key, s->key_len), key))) {
            return s;
        }
    }
}

void *kdb_map_lookup(const kdb_map *map, kdb_sv key)
{
    const slot *s = find_slot(map, kdb_hash64(key), key);
    return s->key == NULL ? NULL : s->value;
}

static void grow(kdb_map *map)
{
    slot *old = map->slots;
    size_t old_count = map->mask + 1;
    map->slots = kdb_alloc_array(old_count * 2, sizeof(slot));
    map->mask = old_count * 2 - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].key != NULL) {
            *find_slot(map, old[i].hash, kdb_sv_of(old[i].key, old[i].key_len)) = old[i];
        }
    }
    kdb_free(old);
}

void *kdb_map_put(kdb_map *map, kdb_sv key, void *value)
{
    uint64_t hash = kdb_hash64(key);
    slot *s = find_slot(map, hash, key);
    if (s->key != NULL) {
        void *before = s->value;
        s->value = value;
        return before;
    }
    if (map->count + 1 > (map->mask + 1) / 4 * 3) {
        grow(map);
        s = find_slot(map, hash, key);
    }
    *s = (slot){ .hash = hash, .key = kdb_sv_heap_cstr(key), .key_len = key.len, .value = value };
    map->count++;
    return NULL;
}

/* Moves back every follower whose probe sequence passes the freed slot. */
static void close_gap(kdb_map *map, size_t gap)
{
    for (size_t i = (gap + 1) & map->mask; map->slots[i].key != NULL; i = (i + 1) & map->mask) {
        size_t home = map->slots[i].hash & map->mask;
        if (((i - home) & map->mask) >= ((i - gap) & map->mask)) {
            map->slots[gap] = map->slots[i];
            gap = i;
        }
    }
    map->slots[gap] = (slot){ 0 };
}

void *kdb_map_remove(kdb_map *map, kdb_sv key)
{
    slot *s = find_slot(map, kdb_hash64(key), key);
    if (s->key == NULL) {
        return NULL;
    }
    void *value = s->value;
    kdb_free(s->key);
    close_gap(map, (size_t)(s - map->slots));
    map->count--;
    return value;
}

bool kdb_map_next(const kdb_map *map, size_t *cursor, kdb_sv *key, void **value)
{
    for (; *cursor <= map->mask; (*cursor)++) {
        const slot *s = &map->slots[*cursor];
        if (s->key != NULL) {
            *key = kdb_sv_of(s->key, s->key_len);
            *value = s->value;
            (*cursor)++;
            return true;
        }
    }
    return false;
}
