/* row_locks.c - striped locks on row keys. A write holds its stripes from the check of its rows to the end of their
 * commit; the worker takes them and the committer gives them back, so they are not mutexes. Stripes are taken in
 * ascending order, which rules out deadlock. A write that meets a held stripe is parked on it instead of blocking its
 * worker: a row that everybody updates costs its writers time, not the server its workers. Waiters are served first
 * come, first served. A stripe remembers when a row of it was last changed, so that who has read a row before it took the
 * lock knows whether it has to be read again. */
#include "core_int.h"

#include <stdlib.h>

/* Stripes share this many mutexes: they are held for a few instructions only. */
enum { GUARDS = 64 };

typedef struct stripe {
    bool held;
    uint64_t changed;            /* the moment of the latest change to a row whose key falls here */
    kdbi_lock_set *first, *last; /* parked sets, oldest first */
} stripe;

struct kdbi_row_locks {
    kdb_mutex guards[GUARDS]; /* rank KDB_LOCK_ROW_STRIPE; guards[i % GUARDS] guards stripes[i] */
    stripe stripes[KDBI_STRIPES];
};

kdbi_row_locks *kdbi_row_locks_new(void)
{
    kdbi_row_locks *locks = KDB_NEW(kdbi_row_locks);
    for (size_t i = 0; i < GUARDS; i++) {
        kdb_mutex_init(&locks->guards[i], KDB_LOCK_ROW_STRIPE);
    }
    return locks;
}

void kdbi_row_locks_free(kdbi_row_locks *locks)
{
    if (locks == NULL) {
        return;
    }
    for (size_t i = 0; i < GUARDS; i++) {
        kdb_mutex_done(&locks->guards[i]);
    }
    kdb_free(locks);
}

static int compare_u16(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static uint16_t stripe_of(uint32_t table_id, kdb_sv key)
{
    const uint64_t mixed = kdb_hash64(key) ^ (UINT64_C(0x9E3779B97F4A7C15) * table_id);
    return (uint16_t)((mixed ^ (mixed >> 32)) % KDBI_STRIPES);
}

void kdbi_lock_set_init(kdbi_lock_set *set, uint32_t table_id, const kdb_sv *keys, size_t nkeys, kdb_arena *arena)
{
    *set = (kdbi_lock_set){ .count = 0 };
    kdbi_lock_set_add(set, table_id, keys, nkeys, arena);
}

void kdbi_lock_set_add(kdbi_lock_set *set, uint32_t table_id, const kdb_sv *keys, size_t nkeys, kdb_arena *arena)
{
    const size_t all = set->count + nkeys;
    uint16_t *stripes = KDB_ARENA_ARRAY(arena, uint16_t, all + 1);
    if (set->count > 0) {
        memcpy(stripes, set->stripes, set->count * sizeof(*stripes));
    }
    for (size_t i = 0; i < nkeys; i++) {
        stripes[set->count + i] = stripe_of(table_id, keys[i]);
    }
    if (all > 1) {
        qsort(stripes, all, sizeof(*stripes), compare_u16);
    }
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (count == 0 || stripes[count - 1] != stripes[i]) {
            stripes[count++] = stripes[i];
        }
    }
    set->stripes = stripes;
    set->count = count;
}

static void note_changes(kdbi_lock_set *set, const stripe *taken)
{
    set->changed = taken->changed > set->changed ? taken->changed : set->changed;
}

/* Takes the stripe or joins its line. Once parked, the set belongs to whoever releases the stripe. */
static bool take_or_park(kdbi_row_locks *locks, uint16_t index, kdbi_lock_set *set)
{
    kdb_mutex *guard = &locks->guards[index % GUARDS];
    kdb_mutex_lock(guard);
    stripe *at = &locks->stripes[index];
    const bool taken = !at->held;
    if (taken) {
        at->held = true;
        note_changes(set, at);
    } else {
        set->next_waiter = NULL;
        *(at->first == NULL ? &at->first : &at->last->next_waiter) = set;
        at->last = set;
    }
    kdb_mutex_unlock(guard);
    return taken;
}

/* Frees the stripe, or hands it to the oldest waiter and returns that. */
static kdbi_lock_set *release_stripe(kdbi_row_locks *locks, uint16_t index, uint64_t changed_now)
{
    kdb_mutex *guard = &locks->guards[index % GUARDS];
    kdb_mutex_lock(guard);
    stripe *at = &locks->stripes[index];
    KDB_ASSERT(at->held);
    at->changed = changed_now > at->changed ? changed_now : at->changed;
    kdbi_lock_set *heir = at->first;
    if (heir == NULL) {
        at->held = false;
    } else {
        at->first = heir->next_waiter;
        note_changes(heir, at);
    }
    kdb_mutex_unlock(guard);
    return heir;
}

bool kdbi_row_locks_acquire(kdbi_row_locks *locks, kdbi_lock_set *set)
{
    while (set->held < set->count) {
        /* Read first: a parked set may be granted, used and freed by others before take_or_park returns. */
        const uint16_t index = set->stripes[set->held];
        if (!take_or_park(locks, index, set)) {
            return false;
        }
        set->held++;
    }
    return true;
}

void kdbi_row_locks_release(kdbi_row_locks *locks, kdbi_lock_set *set)
{
    for (size_t i = 0; i < set->held; i++) {
        kdbi_lock_set *heir = release_stripe(locks, set->stripes[i], set->changed_now);
        if (heir != NULL) {
            heir->held++;
            if (kdbi_row_locks_acquire(locks, heir)) {
                heir->granted(heir);
            }
        }
    }
    set->held = 0;
}
