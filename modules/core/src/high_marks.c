/* high_marks.c - of each partition (a user's rows of a table) that rows are inserted into, a key that none of its rows is
 * beyond. New rows mostly come with ascending keys: one beyond the mark cannot be there, and nobody has to look, which is
 * a tenth of what a small INSERT costs.
 *
 * A mark is made before the first write that it is to know of is handed to the committer, raised by every write with new keys
 * before its rows can be seen, and stays as long as such a write is on its way. So what was stored before there was a mark can
 * all be read, and what has come since has raised it: the greatest of both is the mark, whenever it is read. A mark that was
 * raised for a write that failed is only higher than it need be; of several clients at once keys come nearly in order, so those of
 * late are remembered one by one (late_keys.c); rows that are removed leave it where it is.
 *
 * All of a partition's keys count, tombstones and the rows of the cold tier included: find_greatest has to
 * look at every place where a key may lie. Keys do not change their form (ALTER TABLE refuses that) and the ids of tables
 * are not used again, so DDL need not forget anything. */
#include "core_int.h"

enum {
    SHARDS = 16,
    USER_MAX = 256,   /* bytes of a user's name: auth allows fewer */
    WORTH_FINDING = 8 /* keys that were looked for in vain: finding the greatest costs as much as some of these */
};

struct kdbi_high_mark {
    kdb_sv id; /* the map's key: table and user. Fixed, as the next */
    struct shard *shard;
    atomic_size_t holders;
    kdbi_high_mark *newer, *older; /* guarded by the shard's lock, as all below */
    bool known;                    /* what was stored before the mark was made counts too */
    bool useless;                  /* a key was too long to be kept */
    size_t missed;
    kdb_buf key;          /* the greatest that it knows of */
    kdbi_late_keys *late; /* of what has come since it is known; NULL: keys come in order so far */
};

typedef struct shard {
    kdb_mutex lock; /* rank KDB_LOCK_HIGH_MARKS */
    kdb_map *by_id;
    kdbi_high_mark *newest, *oldest;
} shard;

struct kdbi_high_marks {
    kdb_store *store;
    kdb_cold *cold; /* NULL: all rows are hot */
    size_t kept;    /* of a shard, when nobody holds them */
    shard shards[SHARDS];
};

kdbi_high_marks *kdbi_high_marks_new(kdb_store *store, kdb_cold *cold, size_t kept)
{
    kdbi_high_marks *marks = KDB_NEW(kdbi_high_marks);
    marks->store = store;
    marks->cold = cold;
    marks->kept = (kept + SHARDS - 1) / SHARDS;
    for (size_t i = 0; i < SHARDS; i++) {
        kdb_mutex_init(&marks->shards[i].lock, KDB_LOCK_HIGH_MARKS);
        marks->shards[i].by_id = kdb_map_new();
    }
    return marks;
}

/* ---- which are kept ---- */

static void unlink_mark(shard *in, kdbi_high_mark *mark) KDB_REQUIRES(in->lock)
{
    *(mark->newer == NULL ? &in->newest : &mark->newer->older) = mark->older;
    *(mark->older == NULL ? &in->oldest : &mark->older->newer) = mark->newer;
}

static void link_newest(shard *in, kdbi_high_mark *mark) KDB_REQUIRES(in->lock)
{
    mark->newer = NULL;
    mark->older = in->newest;
    *(in->newest == NULL ? &in->oldest : &in->newest->newer) = mark;
    in->newest = mark;
}

static void drop(shard *in, kdbi_high_mark *mark) KDB_REQUIRES(in->lock)
{
    unlink_mark(in, mark);
    (void)kdb_map_remove(in->by_id, mark->id);
    kdb_buf_done(&mark->key);
    kdbi_late_keys_free(mark->late);
    kdb_free((void *)(uintptr_t)mark->id.ptr);
    kdb_free(mark);
}

/* The oldest that nobody holds goes. There are no more that are held than writes and transactions under way. */
static void make_room(shard *in, size_t kept) KDB_REQUIRES(in->lock)
{
    kdbi_high_mark *mark = kdb_map_count(in->by_id) < kept ? NULL : in->oldest;
    while (mark != NULL && atomic_load_explicit(&mark->holders, memory_order_acquire) != 0) {
        mark = mark->newer;
    }
    if (mark != NULL) {
        drop(in, mark);
    }
}

static kdbi_high_mark *make_mark(shard *in, kdb_sv id) KDB_REQUIRES(in->lock)
{
    kdbi_high_mark *mark = KDB_NEW(kdbi_high_mark);
    char *bytes = kdb_alloc(id.len);
    memcpy(bytes, id.ptr, id.len);
    mark->id = kdb_sv_of(bytes, id.len);
    mark->shard = in;
    kdb_buf_init(&mark->key, 0);
    (void)kdb_map_put(in->by_id, mark->id, mark);
    link_newest(in, mark);
    return mark;
}

void kdbi_high_marks_free(kdbi_high_marks *marks)
{
    for (size_t i = 0; marks != NULL && i < SHARDS; i++) {
        shard *in = &marks->shards[i];
        kdb_mutex_lock(&in->lock);
        while (in->newest != NULL) {
            KDB_ASSERT(atomic_load(&in->newest->holders) == 0);
            drop(in, in->newest);
        }
        kdb_mutex_unlock(&in->lock);
        kdb_map_free(in->by_id);
        kdb_mutex_done(&in->lock);
    }
    kdb_free(marks);
}

/* ---- for those who insert ---- */

kdbi_high_mark *kdbi_high_mark_hold(kdbi_high_marks *marks, const kdb_table *table, kdb_user_id user)
{
    char bytes[sizeof(uint32_t) + USER_MAX];
    KDB_ASSERT(user.text.len <= USER_MAX);
    kdb_put_be32(bytes, table->id);
    if (user.text.len != 0) {
        memcpy(bytes + sizeof(uint32_t), user.text.ptr, user.text.len);
    }
    const kdb_sv id = kdb_sv_of(bytes, sizeof(uint32_t) + user.text.len);
    shard *in = &marks->shards[kdb_hash64(id) % SHARDS];
    kdb_mutex_lock(&in->lock);
    kdbi_high_mark *mark = kdb_map_lookup(in->by_id, id);
    if (mark == NULL) {
        make_room(in, marks->kept);
        mark = make_mark(in, id);
    } else if (mark != in->newest) {
        unlink_mark(in, mark);
        link_newest(in, mark);
    }
    atomic_fetch_add_explicit(&mark->holders, 1, memory_order_relaxed);
    kdb_mutex_unlock(&in->lock);
    return mark;
}

void kdbi_high_mark_release(kdbi_high_mark *mark)
{
    if (mark != NULL) {
        atomic_fetch_sub_explicit(&mark->holders, 1, memory_order_release);
    }
}

static void raise_to(kdbi_high_mark *mark, kdb_sv key) KDB_REQUIRES(mark->shard->lock)
{
    if (key.len > KDBI_HIGH_MARK_MAX) {
        mark->useless = true;
    } else if (kdb_sv_cmp(key, kdb_buf_sv(&mark->key)) > 0) {
        mark->key.len = 0;
        kdb_buf_append_sv(&mark->key, key);
    }
}

void kdbi_high_mark_raise(kdbi_high_mark *mark, const kdb_sv *keys, size_t count)
{
    kdb_mutex_lock(&mark->shard->lock);
    for (size_t i = 0; i < count; i++) {
        if (mark->late != NULL) {
            kdbi_late_keys_add(mark->late, keys[i], kdb_buf_sv(&mark->key));
        }
        raise_to(mark, keys[i]);
    }
    kdb_mutex_unlock(&mark->shard->lock);
}

void kdbi_high_mark_raise_past(kdbi_high_mark *mark, kdb_sv key)
{
    kdb_mutex_lock(&mark->shard->lock);
    if (mark->late != NULL) {
        kdbi_late_keys_raise(mark->late, key);
    }
    raise_to(mark, key);
    kdb_mutex_unlock(&mark->shard->lock);
}

void kdbi_high_mark_rule_out(kdbi_high_mark *mark, const kdb_sv *keys, size_t count, bool *out)
{
    kdb_mutex_lock(&mark->shard->lock);
    const bool good = mark->known && !mark->useless;
    for (size_t i = 0; i < count; i++) {
        out[i] = good && (kdb_sv_cmp(keys[i], kdb_buf_sv(&mark->key)) > 0 ||
                          (mark->late != NULL && kdbi_late_keys_lack(mark->late, keys[i])));
    }
    kdb_mutex_unlock(&mark->shard->lock);
}

/* ---- what was there before ---- */

/* Where it is looked for. */
typedef struct place {
    const kdb_table *table;
    kdb_user_id user;
    bool memory_only;
    kdb_arena *arena;
} place;

/* *out is empty when there is no row. */
static kdb_status find_hot(kdb_store *store, const kdb_snapshot *snapshot, const place *in, kdb_sv *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = NULL;
    kdb_iter_range range = { .descending = true, .memory_only = in->memory_only };
    kdb_row_user_range(in->table, in->user, in->arena, &range.from, &range.to);
    iter = kdb_iter_new(store, snapshot, kdb_table_partition(in->table), range);
    *out = (kdb_sv){ NULL, 0 };
    if (!kdb_iter_valid(iter)) {
        return kdb_iter_status(iter, err);
    }
    *out = kdb_sv_dup(in->arena, kdb_iter_key(iter));
    return KDB_OK;
}

/* Rows move between the tiers: one snapshot shows each of them in one. */
static kdb_status find_greatest(const kdbi_high_marks *marks, const place *in, kdb_sv *out, kdb_err *err)
{
    if (marks->cold == NULL || !kdb_cold_has(marks->cold, in->table->id)) {
        return find_hot(marks->store, NULL, in, out, err);
    }
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(marks->store);
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    KDB_TRY(find_hot(marks->store, snapshot, in, out, err));
    KDB_TRY(kdb_manifest_get(marks->cold, snapshot, in->table, in->user, in->memory_only, &manifest, err));
    for (size_t i = 0; manifest != NULL && i < manifest->nsegments; i++) {
        const kdb_sv key = manifest->segments[i].max_key;
        *out = kdb_sv_cmp(key, *out) > 0 ? kdb_sv_dup(in->arena, key) : *out;
    }
    return KDB_OK;
}

/* Whether it is time to find the greatest key; then nobody else is told so for a while. Keys that are missed though it is known
 * come late. */
static bool is_worth_finding(kdbi_high_mark *mark, size_t missed)
{
    kdb_mutex_lock(&mark->shard->lock);
    mark->missed += missed;
    const bool enough = !mark->useless && mark->missed >= WORTH_FINDING;
    mark->missed = enough ? 0 : mark->missed;
    if (enough && mark->known && mark->late == NULL) {
        mark->late = kdbi_late_keys_new(kdb_buf_sv(&mark->key));
    }
    const bool worth = enough && !mark->known;
    kdb_mutex_unlock(&mark->shard->lock);
    return worth;
}

void kdbi_high_mark_missed(kdbi_high_marks *marks, kdbi_high_mark *mark, const kdb_table *table, kdb_user_id user,
                           size_t missed, bool memory_only)
{
    if (!is_worth_finding(mark, missed)) {
        return;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv greatest;
    kdb_err ignored; /* without a mark keys are looked for: who needs what cannot be read will say so */
    const place in = { table, user, memory_only, arena };
    if (find_greatest(marks, &in, &greatest, &ignored) != KDB_OK) {
        return;
    }
    kdb_mutex_lock(&mark->shard->lock);
    raise_to(mark, greatest);
    mark->known = true;
    kdb_mutex_unlock(&mark->shard->lock);
}
