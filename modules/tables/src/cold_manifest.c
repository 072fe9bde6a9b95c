/* cold_manifest.c - which segments a partition has, as a snapshot of the store says it, read once per generation. A partition
 * whose rows are all hot has no generation and costs one look-up; a table none of whose partitions has segments costs none. */
#include <stdio.h>

#include "cold_read.h"

/* Of manifests that nobody holds. */
#define CACHED_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* ---- which tables have segments ---- */

void kdb_cold_note(kdb_cold *cold, uint32_t table_id)
{
    kdbi_cold_tables_add(cold->tables, table_id);
}

bool kdb_cold_has(kdb_cold *cold, uint32_t table_id)
{
    return kdbi_cold_tables_have(cold->tables, table_id);
}

/* ---- the cache ---- */

static kdb_sv partition_name(uint32_t table_id, kdb_user_id user, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, 4 + user.text.len);
    kdb_put_be32(bytes, table_id);
    if (user.text.len != 0) {
        memcpy(bytes + 4, user.text.ptr, user.text.len);
    }
    return kdb_sv_of(bytes, 4 + user.text.len);
}

static void unlink_cached(kdb_cold *cold, kdb_manifest *manifest) KDB_REQUIRES(cold->lock)
{
    *(manifest->newer == NULL ? &cold->newest : &manifest->newer->older) = manifest->older;
    *(manifest->older == NULL ? &cold->oldest : &manifest->older->newer) = manifest->newer;
}

static void link_newest(kdb_cold *cold, kdb_manifest *manifest) KDB_REQUIRES(cold->lock)
{
    manifest->newer = NULL;
    manifest->older = cold->newest;
    *(cold->newest == NULL ? &cold->oldest : &cold->newest->newer) = manifest;
    cold->newest = manifest;
}

static void destroy(kdb_cold *cold, kdb_manifest *manifest) KDB_REQUIRES(cold->lock)
{
    *(manifest->prev == NULL ? &cold->first_live : &manifest->prev->next) = manifest->next;
    if (manifest->next != NULL) {
        manifest->next->prev = manifest->prev;
    }
    kdb_arena_free(manifest->arena);
}

static void drop_ref(kdb_cold *cold, kdb_manifest *manifest) KDB_REQUIRES(cold->lock)
{
    if (--manifest->refs == 0) {
        destroy(cold, manifest);
    }
}

static void forget(kdb_cold *cold, kdb_manifest *manifest) KDB_REQUIRES(cold->lock)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    unlink_cached(cold, manifest);
    (void)kdb_map_remove(cold->by_partition, partition_name(manifest->table_id, manifest->user, arena));
    manifest->cached = false;
    cold->cached_bytes -= kdb_arena_held(manifest->arena);
    drop_ref(cold, manifest);
}

kdb_manifest *kdb_manifest_ref(kdb_manifest *manifest)
{
    kdb_mutex_lock(&manifest->cold->lock);
    manifest->refs++;
    kdb_mutex_unlock(&manifest->cold->lock);
    return manifest;
}

void kdb_manifest_unref(kdb_manifest *manifest)
{
    if (manifest != NULL) {
        kdb_cold *cold = manifest->cold;
        kdb_mutex_lock(&cold->lock);
        drop_ref(cold, manifest);
        kdb_mutex_unlock(&cold->lock);
    }
}

/* A reference to the cached one, if it is of that generation. */
static kdb_manifest *find_cached(kdb_cold *cold, kdb_sv name, uint64_t generation)
{
    kdb_mutex_lock(&cold->lock);
    kdb_manifest *found = kdb_map_lookup(cold->by_partition, name);
    if (found != NULL && found->generation == generation) {
        found->refs++;
        found->used_us = kdb_now_us();
        unlink_cached(cold, found);
        link_newest(cold, found);
    } else {
        found = NULL;
    }
    kdb_mutex_unlock(&cold->lock);
    return found;
}

/* Two readers may load one at the same time: the later one's is kept. */
static void put_cached(kdb_cold *cold, kdb_sv name, kdb_manifest *manifest)
{
    kdb_mutex_lock(&cold->lock);
    kdb_manifest *before = kdb_map_lookup(cold->by_partition, name);
    if (before != NULL) {
        forget(cold, before);
    }
    (void)kdb_map_put(cold->by_partition, name, manifest);
    link_newest(cold, manifest);
    manifest->cached = true;
    manifest->used_us = kdb_now_us();
    manifest->refs++;
    cold->cached_bytes += kdb_arena_held(manifest->arena);
    while (cold->cached_bytes > CACHED_BYTES_MAX && cold->oldest != manifest) {
        forget(cold, cold->oldest);
    }
    kdb_mutex_unlock(&cold->lock);
}

/* Every manifest is on the list from before its segments are known: whoever removes a file asks for those that can name it. */
kdb_manifest *kdbi_manifest_new(kdb_cold *cold, uint32_t table_id, kdb_user_id user, kdb_sv prefix, uint64_t generation)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdb_manifest *manifest = KDB_ARENA_NEW(arena, kdb_manifest);
    *manifest = (kdb_manifest){ .refs = 1,
                                .table_id = table_id,
                                .user = { kdb_sv_dup(arena, user.text) },
                                .prefix = kdb_sv_dup(arena, prefix),
                                .generation = generation,
                                .arena = arena,
                                .cold = cold };
    kdb_mutex_lock(&cold->lock);
    manifest->next = cold->first_live;
    if (manifest->next != NULL) {
        manifest->next->prev = manifest;
    }
    cold->first_live = manifest;
    kdb_mutex_unlock(&cold->lock);
    return manifest;
}

kdb_manifest *kdb_manifest_of(kdb_cold *cold, const kdb_table *table, kdb_user_id user,
                              kdb_new_segment *const *segments, size_t count)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_manifest *manifest = kdbi_manifest_new(cold, table->id, user, kdbi_cold_prefix(table, user, arena), 0);
    manifest->segments = KDB_ARENA_ARRAY(manifest->arena, kdb_segment, count);
    manifest->nsegments = count;
    for (size_t i = 0; i < count; i++) {
        manifest->segments[i] = segments[i]->segment;
        manifest->segments[i].bloom_blocks = 0; /* the filter is not in the store yet */
    }
    return manifest;
}

/* ---- reading ---- */

kdb_status kdbi_manifest_damaged(const kdb_table *table, kdb_err *err, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return KDB_FAIL(
        err, KDB_CORRUPT,
        "The manifest of table '%.*s.%.*s' is damaged: %s. STORAGE REBUILD MANIFEST TABLE %.*s.%.*s makes it "
        "anew from the table's files",
        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), what, KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
}

/* Where a manifest is read from. */
typedef struct source {
    kdb_cold *cold;
    const kdb_table *table;
    const kdb_snapshot *snapshot;
    kdb_partition part;
    bool memory_only;
    kdb_arena *scratch;
} source;

static kdb_iter *walk(const source *from, kdb_sv prefix, kdbi_cold_tag tag)
{
    const kdb_iter_range range = { .from = kdbi_cold_key(prefix, tag, 0, 0, 0, from->scratch),
                                   .to = kdbi_cold_key_end(prefix, tag, 0, 0, from->scratch),
                                   .memory_only = from->memory_only };
    return kdb_iter_new(from->cold->store, from->snapshot, from->part, range);
}

static kdb_status read_segment(const kdb_table *table, kdb_manifest *manifest, kdb_sv key, kdb_sv record,
                               kdb_segment *out, kdb_err *err)
{
    kdb_err why = { .status = KDB_OK };
    if (!kdbi_cold_key_is(key, manifest->prefix.len, KDBI_COLD_SEGMENT, 1)) {
        return kdbi_manifest_damaged(table, err, "a segment has a key of %zu bytes", key.len);
    }
    const uint32_t id = kdbi_cold_key_segment(key, manifest->prefix.len);
    if (kdbi_segment_read(kdb_sv_dup(manifest->arena, record), out, &why) != KDB_OK) {
        return kdbi_manifest_damaged(table, err, "segment %u: %s", id, why.text);
    }
    if (out->schema_version == 0 || out->schema_version > table->nversions) {
        return kdbi_manifest_damaged(table, err, "segment %u is of schema version %u", id, out->schema_version);
    }
    out->id = id;
    return KDB_OK;
}

static kdb_status read_segments(const source *from, kdb_manifest *manifest, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk(from, manifest->prefix, KDBI_COLD_SEGMENT);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_ARENA_ROOM(manifest->arena, manifest->segments, manifest->nsegments);
        KDB_TRY(read_segment(from->table, manifest, kdb_iter_key(iter), kdb_iter_value(iter),
                             &manifest->segments[manifest->nsegments], err));
        manifest->nsegments++;
    }
    return kdb_iter_status(iter, err);
}

const kdb_segment *kdb_manifest_segment(const kdb_manifest *manifest, uint32_t id)
{
    size_t low = 0;
    for (size_t high = manifest->nsegments; low < high;) {
        const size_t middle = low + (high - low) / 2;
        *(manifest->segments[middle].id < id ? &low : &high) = manifest->segments[middle].id < id ? middle + 1 : middle;
    }
    return low < manifest->nsegments && manifest->segments[low].id == id ? &manifest->segments[low] : NULL;
}

/* Rows of one segment, as they come by. */
typedef struct dead_rows {
    uint32_t *rows;
    size_t count, cap;
} dead_rows;

static void end_segment(kdb_manifest *manifest, uint32_t id, dead_rows *dead)
{
    kdb_segment *segment = (kdb_segment *)(uintptr_t)kdb_manifest_segment(manifest, id);
    if (dead->count != 0 && segment != NULL) {
        uint32_t *rows = KDB_ARENA_ARRAY(manifest->arena, uint32_t, dead->count);
        memcpy(rows, dead->rows, dead->count * sizeof(*rows));
        segment->dead = rows;
        segment->ndead = dead->count;
    }
    dead->count = 0;
}

static void add_dead(dead_rows *dead, uint32_t row)
{
    *KDB_HEAP_PUSH(dead->rows, dead->count, dead->cap) = row;
}

static kdb_status read_dead(const source *from, kdb_manifest *manifest, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk(from, manifest->prefix, KDBI_COLD_DEAD);
    dead_rows dead = { .count = 0 };
    uint32_t segment = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        if (!kdbi_cold_key_is(kdb_iter_key(iter), manifest->prefix.len, KDBI_COLD_DEAD, 2)) {
            kdb_free(dead.rows);
            return kdbi_manifest_damaged(from->table, err, "a dead row has a key of %zu bytes", kdb_iter_key(iter).len);
        }
        const kdb_cold_place place = kdbi_cold_key_place(kdb_iter_key(iter));
        if (place.segment != segment) {
            end_segment(manifest, segment, &dead);
            segment = place.segment;
        }
        add_dead(&dead, place.row);
    }
    end_segment(manifest, segment, &dead);
    kdb_free(dead.rows);
    return kdb_iter_status(iter, err);
}

static kdb_status read_roster(const source *from, const kdb_manifest *manifest, kdbi_cold_roster *out, kdb_err *err)
{
    kdb_err why = { .status = KDB_OK };
    const kdb_status status = kdbi_cold_roster_read(from->cold, from->snapshot, manifest->table_id, manifest->prefix,
                                                    from->memory_only, from->scratch, out, &why);
    if (status == KDB_CORRUPT) {
        return kdbi_manifest_damaged(from->table, err, "%s", why.text);
    }
    if (status != KDB_OK) {
        return KDB_FAIL(err, status, "%s", why.text);
    }
    return out->next != 0 ? KDB_OK : kdbi_manifest_damaged(from->table, err, "the list of its segments is missing");
}

/* What the walk has found against what there ought to be. */
static kdb_status check_roster(const source *from, const kdb_manifest *manifest, kdb_err *err)
{
    kdbi_cold_roster roster;
    KDB_TRY(read_roster(from, manifest, &roster, err));
    for (size_t i = 0; i < roster.count; i++) {
        if (kdb_manifest_segment(manifest, roster.ids[i]) == NULL) {
            return kdbi_manifest_damaged(from->table, err, "segment %u is missing", roster.ids[i]);
        }
    }
    if (roster.known && roster.count != manifest->nsegments) {
        return kdbi_manifest_damaged(from->table, err, "it has %zu segments rather than %zu", manifest->nsegments,
                                     roster.count);
    }
    return KDB_OK;
}

static kdb_status load(const source *from, const kdb_table *table, kdb_user_id user, kdb_sv prefix, uint64_t generation,
                       kdb_manifest **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_manifest_unrefp)
    kdb_manifest *manifest = kdbi_manifest_new(from->cold, table->id, user, prefix, generation);
    KDB_TRY(read_segments(from, manifest, err));
    KDB_TRY(check_roster(from, manifest, err));
    KDB_TRY(read_dead(from, manifest, err));
    *out = KDB_TAKE(manifest);
    return KDB_OK;
}

/* *out 0: there is none. */
static kdb_status read_generation(const source *from, kdb_sv prefix, uint64_t *out, kdb_err *err)
{
    const kdb_sv key = kdbi_cold_key(prefix, KDBI_COLD_GENERATION, 0, 0, 0, from->scratch);
    kdb_sv value;
    const kdb_status status = (from->memory_only ? kdb_store_get_cached : kdb_store_get)(
        from->cold->store, from->snapshot, from->part, key, from->scratch, &value, err);
    *out = 0;
    if (status == KDB_NOT_FOUND) {
        return KDB_OK;
    }
    KDB_TRY(status);
    if (value.len != 8 || kdb_get_le64(value.ptr) == 0) {
        return kdbi_manifest_damaged(from->table, err, "its generation is none");
    }
    *out = kdb_get_le64(value.ptr);
    return KDB_OK;
}

/* Without a generation all rows are hot, unless there is a roster. */
static kdb_status check_absent(const source *from, kdb_sv prefix, kdb_err *err)
{
    kdbi_cold_roster roster;
    const kdb_status status = kdbi_cold_roster_read(from->cold, from->snapshot, from->part.prefix, prefix,
                                                    from->memory_only, from->scratch, &roster, err);
    KDB_TRY(status == KDB_CORRUPT ? KDB_OK : status);
    return status == KDB_OK && roster.next == 0 ? KDB_OK
                                                : kdbi_manifest_damaged(from->table, err, "its generation is missing");
}

static kdb_status get_present(const source *from, const kdb_table *table, kdb_user_id user, kdb_manifest **out,
                              kdb_err *err)
{
    const kdb_sv prefix = kdbi_cold_prefix(table, user, from->scratch);
    uint64_t generation = 0;
    KDB_TRY(read_generation(from, prefix, &generation, err));
    if (generation == 0) {
        return check_absent(from, prefix, err);
    }
    const kdb_sv name = partition_name(table->id, user, from->scratch);
    *out = find_cached(from->cold, name, generation);
    if (*out == NULL) {
        KDB_TRY(load(from, table, user, prefix, generation, out, err));
        put_cached(from->cold, name, *out);
    }
    return KDB_OK;
}

kdb_status kdb_manifest_get(kdb_cold *cold, const kdb_snapshot *snapshot, const kdb_table *table, kdb_user_id user,
                            bool memory_only, kdb_manifest **out, kdb_err *err)
{
    *out = NULL;
    if (cold == NULL || table->type == KDB_TABLE_STREAM || !kdb_cold_has(cold, table->id)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    /* What is read without a snapshot is read at several moments: generation and entries would not fit. */
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *own = snapshot == NULL ? kdb_snapshot_new(cold->store) : NULL;
    const source from = { .cold = cold,
                          .table = table,
                          .snapshot = snapshot == NULL ? own : snapshot,
                          .part = kdbi_cold_partition(table->id),
                          .memory_only = memory_only,
                          .scratch = scratch };
    KDB_TRY(get_present(&from, table, user, out, err));
    if (*out != NULL && (*out)->nsegments == 0) {
        kdb_manifest_unref(*out);
        *out = NULL;
    }
    return KDB_OK;
}

bool kdb_manifest_is_cached(kdb_cold *cold, const kdb_table *table, kdb_user_id user, int64_t *used_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_mutex_lock(&cold->lock);
    const kdb_manifest *found = kdb_map_lookup(cold->by_partition, partition_name(table->id, user, arena));
    *used_us = found == NULL ? 0 : found->used_us;
    kdb_mutex_unlock(&cold->lock);
    return found != NULL;
}

size_t kdb_cold_cached_bytes(kdb_cold *cold)
{
    kdb_mutex_lock(&cold->lock);
    const size_t bytes = cold->cached_bytes;
    kdb_mutex_unlock(&cold->lock);
    return bytes;
}

/* ---- who can still name a segment ---- */

bool kdbi_cold_is_held(kdb_cold *cold, uint32_t table_id, kdb_user_id user, uint32_t segment)
{
    bool held = false;
    kdb_mutex_lock(&cold->lock);
    kdb_manifest *next = NULL;
    for (kdb_manifest *at = cold->first_live; at != NULL && !held; at = next) {
        next = at->next;
        if (at->table_id != table_id || !kdb_sv_eq(at->user.text, user.text) ||
            kdb_manifest_segment(at, segment) == NULL) {
            continue;
        }
        if (at->cached && at->refs == 1) {
            forget(cold, at);
        } else {
            held = true;
        }
    }
    kdb_mutex_unlock(&cold->lock);
    return held;
}

/* ---- life ---- */

/* One seek per table. */
static kdb_status find_tables(kdb_cold *cold, kdb_err *err)
{
    for (uint32_t id = KDBI_COLD_FILES + 1;; id++) {
        bool found = false;
        KDB_TRY(kdb_store_next_partition(cold->store, KDB_FAMILY_MANIFEST, id, &id, &found, err));
        if (!found) {
            return KDB_OK;
        }
        kdb_cold_note(cold, id);
        if (id == UINT32_MAX) {
            return KDB_OK;
        }
    }
}

kdb_status kdb_cold_open(const kdb_cold_options *options, kdb_cold **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_cold_closep) kdb_cold *cold = KDB_NEW(kdb_cold);
    cold->store = options->store;
    cold->engine = options->reader;
    cold->objects = options->objects;
    cold->direct_rows = options->direct_rows;
    cold->readers = kdbi_cold_readers_new(options->reader);
    cold->found = kdbi_cold_found_new();
    kdb_mutex_init(&cold->lock, KDB_LOCK_COLD);
    cold->tables = kdbi_cold_tables_new();
    cold->by_partition = kdb_map_new();
    KDB_TRY(find_tables(cold, err));
    *out = KDB_TAKE(cold);
    return KDB_OK;
}

void kdb_cold_close(kdb_cold *cold)
{
    if (cold == NULL) {
        return;
    }
    kdb_mutex_lock(&cold->lock);
    while (cold->oldest != NULL) {
        forget(cold, cold->oldest);
    }
    KDB_ASSERT(cold->first_live == NULL);
    kdb_mutex_unlock(&cold->lock);
    kdbi_cold_files_done(cold);
    kdbi_cold_found_free(cold->found);
    kdbi_cold_readers_free(cold->readers);
    kdb_map_free(cold->by_partition);
    kdbi_cold_tables_free(cold->tables);
    kdb_mutex_done(&cold->lock);
    kdb_free(cold);
}
