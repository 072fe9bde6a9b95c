/* store_memory.c - the backend for tests: a skip list of keys in one arena, each key with its versions,
 * newest first. A snapshot is a number: it sees of each key the newest version that is not younger. Nothing is freed
 * before the store, so a walk or a borrowed value is never pulled away; tests are small. */
#include "store_int.h"

enum { MAX_HEIGHT = 16 };

typedef struct version {
    struct version *older;
    uint64_t seq;
    bool deleted;
    kdb_sv value;
} version;

typedef struct node {
    kdb_sv key; /* physical */
    version *newest;
    struct node *next[]; /* one per level of its height */
} node;

typedef struct memory_snapshot memory_snapshot;

typedef struct memory_store {
    kdb_store base;
    kdb_mutex lock; /* rank KDB_LOCK_STORE; guards all below, nodes and versions too */
    kdb_arena *arena;
    node *head;   /* before all keys, of full height */
    uint64_t seq; /* of the last write */
    uint64_t random;
    memory_snapshot *snapshots; /* newest first */
} memory_store;

struct memory_snapshot {
    kdb_snapshot base;
    uint64_t seq;
    memory_snapshot *next, *prev;
};

typedef struct memory_iter {
    kdb_iter base;
    uint64_t seq;
    node *at;
} memory_iter;

static memory_store *memory_of(kdb_store *store)
{
    return KDB_CONTAINER_OF(store, memory_store, base);
}

/* ---- the skip list ---- */

/* The last node before `key`; with `path`, the last one of every level. */
static node *find_before(memory_store *memory, kdb_sv key, node **path) KDB_REQUIRES(memory->lock)
{
    node *at = memory->head;
    for (size_t level = MAX_HEIGHT; level-- > 0;) {
        while (at->next[level] != NULL && kdb_sv_cmp(at->next[level]->key, key) < 0) {
            at = at->next[level];
        }
        if (path != NULL) {
            path[level] = at;
        }
    }
    return at;
}

static size_t random_height(memory_store *memory) KDB_REQUIRES(memory->lock)
{
    memory->random ^= memory->random << 13;
    memory->random ^= memory->random >> 7;
    memory->random ^= memory->random << 17;
    size_t height = 1;
    for (uint64_t bits = memory->random; height < MAX_HEIGHT && (bits & 3) == 0; bits >>= 2) {
        height++;
    }
    return height;
}

static node *new_node(memory_store *memory, kdb_sv key, size_t height) KDB_REQUIRES(memory->lock)
{
    node *made = kdb_arena_alloc(memory->arena, sizeof(node) + height * sizeof(node *));
    made->key = kdb_sv_dup(memory->arena, key);
    return made;
}

static node *find_or_insert(memory_store *memory, kdb_sv key) KDB_REQUIRES(memory->lock)
{
    node *path[MAX_HEIGHT];
    node *found = find_before(memory, key, path)->next[0];
    if (found != NULL && kdb_sv_eq(found->key, key)) {
        return found;
    }
    const size_t height = random_height(memory);
    node *made = new_node(memory, key, height);
    for (size_t level = 0; level < height; level++) {
        made->next[level] = path[level]->next[level];
        path[level]->next[level] = made;
    }
    return made;
}

/* What a reader at `seq` sees of a key; NULL when it is not there. */
static const version *visible(const node *at, uint64_t seq)
{
    const version *one = at->newest;
    while (one != NULL && one->seq > seq) {
        one = one->older;
    }
    return one != NULL && !one->deleted ? one : NULL;
}

/* ---- writing ---- */

static void add_version(memory_store *memory, node *at, bool deleted, kdb_sv value) KDB_REQUIRES(memory->lock)
{
    version *made = KDB_ARENA_NEW(memory->arena, version);
    *made = (version){ at->newest, memory->seq, deleted, { 0 } };
    if (!deleted) {
        char *copy = kdb_arena_alloc_raw(memory->arena, value.len + 1); /* a present value has a pointer, even empty */
        if (value.len != 0) {
            memcpy(copy, value.ptr, value.len);
        }
        made->value = (kdb_sv){ copy, value.len };
    }
    at->newest = made;
}

static void apply_op(memory_store *memory, const kdbi_op *op) KDB_REQUIRES(memory->lock)
{
    switch (op->kind) {
    case KDBI_OP_PUT:
        add_version(memory, find_or_insert(memory, op->key), false, op->value);
        return;
    case KDBI_OP_DELETE:
        add_version(memory, find_or_insert(memory, op->key), true, (kdb_sv){ 0 });
        return;
    case KDBI_OP_DELETE_RANGE:
        for (node *at = find_before(memory, op->key, NULL)->next[0]; at != NULL && kdb_sv_cmp(at->key, op->value) < 0;
             at = at->next[0]) {
            add_version(memory, at, true, (kdb_sv){ 0 });
        }
        return;
    }
}

static kdb_status write_group(kdb_store *store, const kdb_commit *first, kdb_err *err)
{
    (void)err; /* memory does not fail */
    memory_store *memory = memory_of(store);
    kdb_mutex_lock(&memory->lock);
    memory->seq++;
    for (const kdb_commit *commit = first; commit != NULL; commit = commit->next) {
        kdb_sv rest = kdbi_batch_ops(commit->batch);
        while (rest.len != 0) {
            kdbi_op op;
            const kdb_status status = kdbi_op_decode(&rest, &op, NULL);
            KDB_ASSERT(status == KDB_OK);
            apply_op(memory, &op);
        }
    }
    kdb_mutex_unlock(&memory->lock);
    return KDB_OK;
}

/* ---- reading ---- */

static uint64_t last_seq(memory_store *memory)
{
    kdb_mutex_lock(&memory->lock);
    const uint64_t seq = memory->seq;
    kdb_mutex_unlock(&memory->lock);
    return seq;
}

static uint64_t read_seq(kdb_store *store, const kdb_snapshot *snapshot)
{
    return snapshot == NULL ? last_seq(memory_of(store)) : ((const memory_snapshot *)snapshot)->seq;
}

static uint64_t store_version(kdb_store *store)
{
    return last_seq(memory_of(store));
}

static kdb_snapshot *snapshot_new(kdb_store *store)
{
    memory_store *memory = memory_of(store);
    memory_snapshot *snapshot = KDB_NEW(memory_snapshot);
    kdb_mutex_lock(&memory->lock);
    snapshot->seq = memory->seq;
    snapshot->next = memory->snapshots;
    if (snapshot->next != NULL) {
        snapshot->next->prev = snapshot;
    }
    memory->snapshots = snapshot;
    kdb_mutex_unlock(&memory->lock);
    return &snapshot->base;
}

static void snapshot_free(kdb_snapshot *base)
{
    memory_snapshot *snapshot = KDB_CONTAINER_OF(base, memory_snapshot, base);
    memory_store *memory = memory_of(base->store);
    kdb_mutex_lock(&memory->lock);
    *(snapshot->prev == NULL ? &memory->snapshots : &snapshot->prev->next) = snapshot->next;
    if (snapshot->next != NULL) {
        snapshot->next->prev = snapshot->prev;
    }
    kdb_mutex_unlock(&memory->lock);
    kdb_free(snapshot);
}

static uint64_t oldest_snapshot(kdb_store *store)
{
    memory_store *memory = memory_of(store);
    uint64_t oldest = UINT64_MAX;
    kdb_mutex_lock(&memory->lock);
    for (const memory_snapshot *at = memory->snapshots; at != NULL; at = at->next) {
        oldest = at->seq < oldest ? at->seq : oldest;
    }
    kdb_mutex_unlock(&memory->lock);
    return oldest;
}

static const version *lookup(memory_store *memory, uint64_t seq, kdb_sv key)
{
    kdb_mutex_lock(&memory->lock);
    const node *at = find_before(memory, key, NULL)->next[0];
    const version *found = at != NULL && kdb_sv_eq(at->key, key) ? visible(at, seq) : NULL;
    kdb_mutex_unlock(&memory->lock);
    return found;
}

static kdb_sv copy_value(const version *found, kdb_arena *arena)
{
    char *copy = kdb_arena_alloc_raw(arena, found->value.len + 1);
    memcpy(copy, found->value.ptr, found->value.len);
    return (kdb_sv){ copy, found->value.len };
}

/* All is in memory: every reach is the same. */
static kdb_status get(kdb_store *store, KDB_UNUSED kdbi_reach reach, const kdb_snapshot *snapshot, kdb_sv key,
                      kdb_arena *arena, kdb_sv *out, KDB_UNUSED kdb_err *err)
{
    const version *found = lookup(memory_of(store), read_seq(store, snapshot), key);
    if (found == NULL) {
        return KDB_NOT_FOUND;
    }
    *out = copy_value(found, arena);
    return KDB_OK;
}

static kdb_status multi_get(kdb_store *store, KDB_UNUSED kdbi_reach reach, const kdb_snapshot *snapshot,
                            const kdb_sv *keys, size_t count, kdb_arena *arena, bool *found, kdb_sv *values,
                            KDB_UNUSED kdb_err *err)
{
    const uint64_t seq = read_seq(store, snapshot); /* one instant for all */
    for (size_t i = 0; i < count; i++) {
        const version *one = lookup(memory_of(store), seq, keys[i]);
        found[i] = one != NULL;
        if (values != NULL) {
            values[i] = one != NULL ? copy_value(one, arena) : (kdb_sv){ 0 };
        }
    }
    return KDB_OK;
}

/* ---- walking ---- */

static bool in_bounds(const kdb_iter *iter, const node *at)
{
    return at != NULL && kdb_sv_cmp(at->key, iter->bounds.lower) >= 0 && kdb_sv_cmp(at->key, iter->bounds.upper) < 0;
}

static node *step(memory_store *memory, const memory_iter *iter) KDB_REQUIRES(memory->lock)
{
    return iter->base.descending ? find_before(memory, iter->at->key, NULL) : iter->at->next[0];
}

/* Goes on from iter->at, itself included, to the first key that the walk sees. */
static void settle(memory_store *memory, memory_iter *iter) KDB_REQUIRES(memory->lock)
{
    iter->base.valid = false;
    for (; in_bounds(&iter->base, iter->at); iter->at = step(memory, iter)) {
        const version *seen = visible(iter->at, iter->seq);
        if (seen != NULL) {
            iter->base.valid = true;
            iter->base.key = iter->at->key;
            iter->base.value = seen->value;
            return;
        }
    }
}

static void iter_open(kdb_iter *base, const kdb_snapshot *snapshot)
{
    memory_store *memory = memory_of(base->store);
    memory_iter *iter = KDB_CONTAINER_OF(base, memory_iter, base);
    iter->seq = read_seq(base->store, snapshot);
    kdb_mutex_lock(&memory->lock);
    iter->at = base->descending ? find_before(memory, base->bounds.upper, NULL)
                                : find_before(memory, base->bounds.lower, NULL)->next[0];
    settle(memory, iter);
    kdb_mutex_unlock(&memory->lock);
}

static void iter_next(kdb_iter *base)
{
    memory_store *memory = memory_of(base->store);
    memory_iter *iter = KDB_CONTAINER_OF(base, memory_iter, base);
    kdb_mutex_lock(&memory->lock);
    iter->at = step(memory, iter);
    settle(memory, iter);
    kdb_mutex_unlock(&memory->lock);
}

static kdb_status iter_status(const kdb_iter *iter, kdb_err *err)
{
    (void)iter;
    (void)err;
    return KDB_OK;
}

static void iter_close(kdb_iter *iter)
{
    (void)iter; /* the front frees the struct, and there is nothing else */
}

/* Walks the range once to count and once to pick: plain, and no test minds. */
static size_t splits_of(kdb_store *store, kdbi_bounds bounds, size_t max, kdb_arena *arena, kdb_sv *splits)
{
    (void)arena; /* keys live as long as the store */
    memory_store *memory = memory_of(store);
    kdb_mutex_lock(&memory->lock);
    node *first = find_before(memory, bounds.lower, NULL)->next[0];
    size_t rows = 0;
    for (node *at = first; at != NULL && kdb_sv_cmp(at->key, bounds.upper) < 0; at = at->next[0]) {
        rows++;
    }
    size_t written = 0;
    if (rows > KDBI_SPLIT_MIN_ROWS) {
        node *at = first;
        for (size_t i = 0; i < rows && written < max; i++, at = at->next[0]) {
            if (i == rows * (written + 1) / (max + 1)) {
                splits[written++] = at->key;
            }
        }
    }
    kdb_mutex_unlock(&memory->lock);
    return written;
}

/* ---- open and close ---- */

static void usage(kdb_store *store, kdb_store_stats *out)
{
    memory_store *memory = memory_of(store);
    kdb_mutex_lock(&memory->lock);
    out->memtable_bytes = kdb_arena_used(memory->arena);
    kdb_mutex_unlock(&memory->lock);
}

static void close_store(kdb_store *store)
{
    memory_store *memory = memory_of(store);
    kdb_arena_free(memory->arena);
    kdb_mutex_done(&memory->lock);
    kdb_free(memory);
}

/* There are no files. */
static void write_out(KDB_UNUSED kdb_store *store)
{
}

static const kdbi_backend memory_backend = {
    .close = close_store,
    .write = write_group,
    .version = store_version,
    .snapshot_new = snapshot_new,
    .snapshot_free = snapshot_free,
    .oldest_snapshot = oldest_snapshot,
    .get = get,
    .multi_get = multi_get,
    .iter_open = iter_open,
    .iter_next = iter_next,
    .iter_status = iter_status,
    .iter_close = iter_close,
    .iter_size = sizeof(memory_iter),
    .splits = splits_of,
    .write_out = write_out,
    .reclaim = write_out,
    .usage = usage,
};

kdb_store *kdb_store_open_memory(void)
{
    memory_store *memory = KDB_NEW(memory_store);
    memory->base.backend = &memory_backend;
    kdb_mutex_init(&memory->lock, KDB_LOCK_STORE);
    memory->arena = kdb_arena_new(0);
    kdb_mutex_lock(&memory->lock);
    memory->head = new_node(memory, (kdb_sv){ 0 }, MAX_HEIGHT);
    kdb_mutex_unlock(&memory->lock);
    memory->random = UINT64_C(0x9E3779B97F4A7C15);
    kdbi_committer_start(&memory->base.committer, &memory->base);
    return &memory->base;
}
