/* store_rocksdb_splits.c - cuts a range into parts of about equal size for parallel scans.
 *
 * The range is halved in key space, heaviest part first, each time moving the ends of both halves to keys that exist,
 * so that shared prefixes and gaps cost nothing. A part weighs what its files weigh (from their indexes) plus an equal
 * halving of what is in memory, of which RocksDB's C API tells no places. */
#include "store_rocksdb.h"

enum { PARTS_MAX = 64, PARTS_PER_SPLIT = 4, MIDDLE_BYTES = 8 };

/* Keys from `low` to `high`, both existing and both included. */
typedef struct part {
    kdb_sv low;
    kdb_sv high;
    double files;  /* bytes */
    double memory; /* bytes */
    bool whole;    /* cannot be halved */
} part;

typedef struct splitter {
    kdbi_rocks *rocks;
    kdb_arena *arena;
    rocksdb_iterator_t *walk;
    part parts[PARTS_MAX]; /* ascending */
    size_t count;
} splitter;

static kdb_sv here(splitter *self)
{
    size_t len;
    const char *key = rocksdb_iter_key(self->walk, &len);
    return kdb_sv_dup(self->arena, kdb_sv_of(key, len));
}

uint64_t kdbi_rocks_file_bytes(const kdbi_rocks *rocks, kdb_sv from, kdb_sv to)
{
    uint64_t size = 0;
    char *text = NULL;
    rocksdb_approximate_sizes(rocks->db, 1, &from.ptr, &from.len, &to.ptr, &to.len, &size, &text);
    rocksdb_free(text); /* a size unknown counts as none: the result is only an estimate */
    return size;
}

static double memtable_bytes(splitter *self)
{
    uint64_t size = 0;
    (void)rocksdb_property_int(self->rocks->db, "rocksdb.cur-size-all-mem-tables", &size);
    return (double)size;
}

static part new_part(splitter *self, kdb_sv low, kdb_sv high, double memory)
{
    return (part){ low, high, (double)kdbi_rocks_file_bytes(self->rocks, low, high), memory, kdb_sv_eq(low, high) };
}

static uint64_t number_at(kdb_sv key, size_t offset)
{
    char bytes[MIDDLE_BYTES] = { 0 };
    if (offset < key.len) {
        memcpy(bytes, key.ptr + offset, key.len - offset < MIDDLE_BYTES ? key.len - offset : MIDDLE_BYTES);
    }
    return kdb_get_be64(bytes);
}

/* A key half-way from low to high, above low: their common start, then the mean of the next bytes as a number. */
static kdb_sv middle(splitter *self, kdb_sv low, kdb_sv high)
{
    size_t common = 0;
    while (common < low.len && common < high.len && low.ptr[common] == high.ptr[common]) {
        common++;
    }
    const uint64_t a = number_at(low, common);
    const uint64_t b = number_at(high, common);
    char *key = kdb_arena_alloc_raw(self->arena, common + MIDDLE_BYTES);
    memcpy(key, low.ptr, common);
    kdb_put_be64(key + common, a + (b - a) / 2 + ((b - a) & 1));
    return kdb_sv_of(key, common + MIDDLE_BYTES);
}

/* Halves part `i`; marks it whole when no key lies between its ends at this resolution. */
static void halve(splitter *self, size_t i)
{
    part *old = &self->parts[i];
    old->whole = true;
    const kdb_sv target = middle(self, old->low, old->high);
    rocksdb_iter_seek(self->walk, target.ptr, target.len);
    if (!rocksdb_iter_valid(self->walk)) {
        return;
    }
    const kdb_sv right = here(self);
    rocksdb_iter_prev(self->walk);
    if (kdb_sv_cmp(right, old->low) <= 0 || kdb_sv_cmp(right, old->high) > 0 || !rocksdb_iter_valid(self->walk)) {
        return;
    }
    const kdb_sv left = here(self);
    const part low = new_part(self, old->low, left, old->memory / 2);
    const part high = new_part(self, right, old->high, old->memory / 2);
    memmove(old + 1, old, (self->count - i) * sizeof(*old));
    old[0] = low;
    old[1] = high;
    self->count++;
}

static double weight(const part *one)
{
    return one->files + one->memory + 1;
}

/* The heaviest part that can be halved; `count` when there is none. */
static size_t heaviest(const splitter *self)
{
    size_t best = self->count;
    double most = -1;
    for (size_t i = 0; i < self->count; i++) {
        if (!self->parts[i].whole && weight(&self->parts[i]) > most) {
            most = weight(&self->parts[i]);
            best = i;
        }
    }
    return best;
}

static bool worth_splitting(splitter *self)
{
    rocksdb_iter_seek_to_first(self->walk);
    for (size_t rows = 0; rows < KDBI_SPLIT_MIN_ROWS && rocksdb_iter_valid(self->walk); rows++) {
        rocksdb_iter_next(self->walk);
    }
    return rocksdb_iter_valid(self->walk) != 0;
}

static void divide(splitter *self, size_t wanted)
{
    rocksdb_iter_seek_to_last(self->walk);
    if (!rocksdb_iter_valid(self->walk)) {
        return;
    }
    const kdb_sv high = here(self);
    rocksdb_iter_seek_to_first(self->walk);
    if (!rocksdb_iter_valid(self->walk)) {
        return;
    }
    self->parts[0] = new_part(self, here(self), high, memtable_bytes(self));
    self->count = 1;
    while (self->count < wanted) {
        const size_t next = heaviest(self);
        if (next == self->count) {
            return;
        }
        halve(self, next);
    }
}

/* The parts that begin nearest to each fair share of the whole weight. */
static size_t choose(const splitter *self, size_t max, kdb_sv *splits)
{
    double total = 0;
    for (size_t i = 0; i < self->count; i++) {
        total += weight(&self->parts[i]);
    }
    const double share = total / (double)(max + 1);
    double wanted = share;
    double before = 0;
    size_t written = 0;
    for (size_t i = 0; i < self->count && written < max; i++) {
        const double nearest = before + weight(&self->parts[i]) / 2;
        if (i != 0 && nearest >= wanted) {
            splits[written++] = self->parts[i].low;
        }
        while (wanted <= nearest) {
            wanted += share;
        }
        before += weight(&self->parts[i]);
    }
    return written;
}

size_t kdbi_rocks_splits(kdb_store *store, kdbi_bounds bounds, size_t max, kdb_arena *arena, kdb_sv *splits)
{
    splitter self = { .rocks = kdbi_rocks_of(store), .arena = arena };
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_lower_bound(read, bounds.lower.ptr, bounds.lower.len);
    rocksdb_readoptions_set_iterate_upper_bound(read, bounds.upper.ptr, bounds.upper.len);
    self.walk = rocksdb_create_iterator(self.rocks->db, read);
    if (worth_splitting(&self)) {
        const size_t wanted = max < PARTS_MAX / PARTS_PER_SPLIT ? (max + 1) * PARTS_PER_SPLIT : PARTS_MAX;
        divide(&self, wanted < PARTS_MAX ? wanted : PARTS_MAX);
    }
    rocksdb_iter_destroy(self.walk);
    rocksdb_readoptions_destroy(read);
    return choose(&self, max, splits);
}
