/* late_keys.c - the keys that came lately to a partition whose rows come nearly in the order of their keys, as from several clients
 * that count up together: each is then a little below the greatest, and was not there before. What lies above a floor and is
 * not among them is new. They are remembered by hash: two keys of one hash only have one looked for in vain. When there are
 * many, those of the generation before are forgotten, and the floor rises to the greatest of them. One thread at a time. */
#include "core_int.h"

enum { KEYS_MAX = 64, SLOTS = 2 * KEYS_MAX }; /* of a generation; no client is further behind the others than that */

typedef struct generation {
    uint64_t slots[SLOTS]; /* hashes; 0: free */
    size_t count;
} generation;

struct kdbi_late_keys {
    kdb_buf floor;
    kdb_buf middle; /* the greatest key when the present generation began: none of the one before is above it */
    generation now, before;
};

static void set_key(kdb_buf *buf, kdb_sv key)
{
    buf->len = 0;
    kdb_buf_append_sv(buf, key);
}

kdbi_late_keys *kdbi_late_keys_new(kdb_sv greatest)
{
    kdbi_late_keys *late = KDB_NEW(kdbi_late_keys);
    kdb_buf_init(&late->floor, 0);
    kdb_buf_init(&late->middle, 0);
    set_key(&late->floor, greatest);
    set_key(&late->middle, greatest);
    return late;
}

void kdbi_late_keys_free(kdbi_late_keys *late)
{
    if (late != NULL) {
        kdb_buf_done(&late->floor);
        kdb_buf_done(&late->middle);
        kdb_free(late);
    }
}

static uint64_t hash_of(kdb_sv key)
{
    return kdb_hash64(key) | 1;
}

/* Where the hash is, or the free slot where it would go. A generation is never full. */
static uint64_t *slot_of(generation *in, uint64_t hash)
{
    size_t at = hash / 2 % SLOTS;
    while (in->slots[at] != 0 && in->slots[at] != hash) {
        at = (at + 1) % SLOTS;
    }
    return &in->slots[at];
}

static bool is_above_floor(const kdbi_late_keys *late, kdb_sv key)
{
    return kdb_sv_cmp(key, kdb_buf_sv(&late->floor)) > 0;
}

void kdbi_late_keys_raise(kdbi_late_keys *late, kdb_sv key)
{
    if (is_above_floor(late, key)) {
        set_key(&late->floor, key);
    }
}

static void begin_generation(kdbi_late_keys *late, kdb_sv greatest)
{
    kdbi_late_keys_raise(late, kdb_buf_sv(&late->middle));
    set_key(&late->middle, greatest);
    late->before = late->now;
    late->now = (generation){ .count = 0 };
}

void kdbi_late_keys_add(kdbi_late_keys *late, kdb_sv key, kdb_sv greatest)
{
    if (!is_above_floor(late, key)) {
        return;
    }
    if (late->now.count == KEYS_MAX) {
        begin_generation(late, greatest);
    }
    const uint64_t hash = hash_of(key);
    uint64_t *slot = slot_of(&late->now, hash);
    late->now.count += *slot == 0;
    *slot = hash;
}

bool kdbi_late_keys_lack(kdbi_late_keys *late, kdb_sv key)
{
    if (!is_above_floor(late, key)) {
        return false;
    }
    const uint64_t hash = hash_of(key);
    return *slot_of(&late->now, hash) == 0 && *slot_of(&late->before, hash) == 0;
}
