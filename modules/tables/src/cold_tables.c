/* cold_tables.c - which tables have segments: asked by every read, so without a lock. Ids are added and never taken away. They lie in a
 * table of a power of two of places, each id at its hash or at the next place that was free; 0 is none. A table that fills up is
 * copied into one of twice its size. The old one stays until the end, for somebody may be looking at it: together they are no larger
 * than the last. */
#include "cold_int.h"

enum { BITS_AT_FIRST = 8 };

typedef struct places {
    struct places *smaller; /* the one before */
    unsigned bits;          /* there are 2^bits */
    _Atomic uint32_t ids[];
} places;

struct kdbi_cold_tables {
    kdb_mutex lock; /* rank KDB_LOCK_COLD, of those who add */
    _Atomic(places *) now;
    size_t count; /* guarded by lock */
};

static size_t count_of(const places *all)
{
    return (size_t)1 << all->bits;
}

static places *new_places(unsigned bits, places *smaller)
{
    const size_t count = (size_t)1 << bits;
    places *made = kdb_alloc(sizeof(*made) + count * sizeof(made->ids[0]));
    made->smaller = smaller;
    made->bits = bits;
    for (size_t i = 0; i < count; i++) {
        atomic_init(&made->ids[i], 0);
    }
    return made;
}

kdbi_cold_tables *kdbi_cold_tables_new(void)
{
    kdbi_cold_tables *tables = KDB_NEW(kdbi_cold_tables);
    kdb_mutex_init(&tables->lock, KDB_LOCK_COLD);
    atomic_init(&tables->now, new_places(BITS_AT_FIRST, NULL));
    return tables;
}

void kdbi_cold_tables_free(kdbi_cold_tables *tables)
{
    if (tables == NULL) {
        return;
    }
    places *next = NULL;
    for (places *at = atomic_load(&tables->now); at != NULL; at = next) {
        next = at->smaller;
        kdb_free(at);
    }
    kdb_mutex_done(&tables->lock);
    kdb_free(tables);
}

/* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the high bits of a product. */
static size_t first_place(const places *in, uint32_t id)
{
    return (id * UINT32_C(2654435769)) >> (32 - in->bits);
}

/* Where the id is, or the free place where it belongs: there always is one. */
static size_t place_of(const places *in, uint32_t id)
{
    size_t at = first_place(in, id);
    for (;; at = (at + 1) & (count_of(in) - 1)) {
        const uint32_t there = atomic_load_explicit(&in->ids[at], memory_order_acquire);
        if (there == id || there == 0) {
            return at;
        }
    }
}

bool kdbi_cold_tables_have(const kdbi_cold_tables *tables, uint32_t id)
{
    const places *now = atomic_load_explicit(&tables->now, memory_order_acquire);
    return atomic_load_explicit(&now->ids[place_of(now, id)], memory_order_acquire) == id;
}

static places *grow(kdbi_cold_tables *tables, places *full)
{
    places *grown = new_places(full->bits + 1, full);
    for (size_t i = 0; i < count_of(full); i++) {
        const uint32_t id = atomic_load_explicit(&full->ids[i], memory_order_relaxed);
        if (id != 0) {
            atomic_store_explicit(&grown->ids[place_of(grown, id)], id, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&tables->now, grown, memory_order_release);
    return grown;
}

void kdbi_cold_tables_add(kdbi_cold_tables *tables, uint32_t id)
{
    KDB_ASSERT(id != 0);
    kdb_mutex_lock(&tables->lock);
    places *now = atomic_load(&tables->now);
    if (!kdbi_cold_tables_have(tables, id)) {
        if ((tables->count + 1) * 2 > count_of(now)) {
            now = grow(tables, now);
        }
        atomic_store_explicit(&now->ids[place_of(now, id)], id, memory_order_release);
        tables->count++;
    }
    kdb_mutex_unlock(&tables->lock);
}
