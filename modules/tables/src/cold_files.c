/* cold_files.c - files that no manifest names: those being written, until the commit that adds their segment, and those whose segment
 * has gone, until nobody can read it any more; and each manifest.json that is not of today. Each is named in the store while it is in
 * that state, so that a start after a crash removes exactly what is left over, and nothing else that lies in the same bucket.
 *
 *   partition KDBI_COLD_FILES: storage id | 00 | path -> nothing */
#include "cold_int.h"

/* As many files a statement may wait for. */
enum { NEAR_MAX = 32 };

/* A file to be removed. */
typedef struct kdbi_doomed {
    struct kdbi_doomed *next;
    kdb_sv storage_id, path;
    uint32_t table_id;
    kdb_user_id user;
    uint32_t segment;
    uint64_t version; /* snapshots that are not older do not know its segment */
    bool left_over;   /* from before the start: perhaps the upload of it as well */
    kdb_arena *arena; /* all of this */
} kdbi_doomed;

static kdb_sv file_key(kdb_sv storage_id, kdb_sv path, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, storage_id.len + 1 + path.len);
    memcpy(bytes, storage_id.ptr, storage_id.len);
    bytes[storage_id.len] = '\0';
    memcpy(bytes + storage_id.len + 1, path.ptr, path.len);
    return kdb_sv_of(bytes, storage_id.len + 1 + path.len);
}

void kdb_cold_stage_unwanted(kdb_sv storage_id, kdb_sv path, kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_batch_put(batch, kdbi_cold_partition(KDBI_COLD_FILES), file_key(storage_id, path, arena), (kdb_sv){ NULL, 0 });
}

void kdb_cold_stage_wanted(kdb_sv storage_id, kdb_sv path, kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_batch_delete(batch, kdbi_cold_partition(KDBI_COLD_FILES), file_key(storage_id, path, arena));
}

kdb_status kdb_cold_is_unwanted(kdb_cold *cold, kdb_sv storage_id, kdb_sv path, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv value;
    const kdb_status status = kdb_store_get(cold->store, NULL, kdbi_cold_partition(KDBI_COLD_FILES),
                                            file_key(storage_id, path, arena), arena, &value, err);
    *out = status == KDB_OK;
    return status == KDB_NOT_FOUND ? KDB_OK : status;
}

kdb_status kdb_cold_has_unwanted(kdb_cold *cold, kdb_sv storage_id, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv prefix = file_key(storage_id, KDB_SV(""), arena);
    const kdb_iter_range range = { .from = prefix };
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(cold->store, NULL, kdbi_cold_partition(KDBI_COLD_FILES), range);
    *out = kdb_iter_valid(iter) && kdb_sv_has_prefix(kdb_iter_key(iter), prefix);
    return kdb_iter_status(iter, err);
}

static kdbi_doomed *doomed_new(uint32_t table_id, kdb_user_id user, const kdb_segment *segment)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_doomed *doomed = KDB_ARENA_NEW(arena, kdbi_doomed);
    *doomed = (kdbi_doomed){ .storage_id = kdb_sv_dup(arena, segment->storage_id),
                             .path = kdb_sv_dup(arena, segment->path),
                             .table_id = table_id,
                             .user = { kdb_sv_dup(arena, user.text) },
                             .segment = segment->id,
                             .arena = arena };
    return doomed;
}

static void push(kdb_cold *cold, kdbi_doomed **list, kdbi_doomed *doomed)
{
    kdb_mutex_lock(&cold->lock);
    doomed->next = *list;
    *list = doomed;
    kdb_mutex_unlock(&cold->lock);
}

static uint64_t present(kdb_cold *cold)
{
    uint64_t version = 0;
    kdb_snapshot_free(kdb_snapshot_new_at(cold->store, &version));
    return version;
}

void kdb_cold_doom(kdb_cold *cold, uint32_t table_id, kdb_user_id user, const kdb_segment *segment)
{
    kdbi_doomed *doomed = doomed_new(table_id, user, segment);
    doomed->version = present(cold);
    push(cold, &cold->doomed, doomed);
}

void kdbi_cold_leaving_add(kdb_cold *cold, uint32_t table_id, kdb_user_id user, const kdb_segment *segment)
{
    push(cold, &cold->leaving, doomed_new(table_id, user, segment));
}

static kdbi_doomed *take_all(kdb_cold *cold, kdbi_doomed **from)
{
    kdb_mutex_lock(&cold->lock);
    kdbi_doomed *list = *from;
    *from = NULL;
    kdb_mutex_unlock(&cold->lock);
    return list;
}

/* Those of other tables wait for their own end. */
void kdb_cold_drop_end(kdb_cold *cold, const kdb_table *table, kdb_status committed)
{
    if (cold == NULL) {
        return;
    }
    const uint64_t version = present(cold);
    for (kdbi_doomed *at = take_all(cold, &cold->leaving), *next = NULL; at != NULL; at = next) {
        next = at->next;
        if (at->table_id != table->id) {
            push(cold, &cold->leaving, at);
        } else if (committed == KDB_OK) {
            at->version = version;
            push(cold, &cold->doomed, at);
        } else {
            kdb_arena_free(at->arena);
        }
    }
}

/* ---- removal ---- */

/* A storage that was dropped while it was away has kept its files. */
static kdb_status remove_file(kdb_cold *cold, kdb_sv storage_id, kdb_sv path, kdb_err *err)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    const kdb_status status = kdb_object_stores_find(cold->objects, storage_id, &objects, err);
    if (status != KDB_OK) {
        return status == KDB_NOT_FOUND ? KDB_OK : status;
    }
    kdb_objects_abandon(objects, path);
    return kdb_objects_remove(objects, &path, 1, err);
}

/* A crash may have come in the middle of an upload. */
static kdb_status remove_left_over(kdb_cold *cold, kdb_sv storage_id, kdb_sv path, kdb_err *err)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    KDB_TRY(remove_file(cold, storage_id, path, err));
    if (kdb_object_stores_find(cold->objects, storage_id, &objects, err) == KDB_OK) {
        kdb_objects_abort(objects, path);
    }
    return KDB_OK;
}

/* The file first: what is named and is not there does no harm. What has lost its name is somebody's again: the manifest.json of a table
 * that was made anew. */
static kdb_status remove_doomed(kdb_cold *cold, const kdbi_doomed *doomed, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    bool unwanted = false;
    KDB_TRY(kdb_cold_is_unwanted(cold, doomed->storage_id, doomed->path, &unwanted, err));
    if (!unwanted) {
        return KDB_OK;
    }
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_SWEEP_BEGUN, err));
    KDB_TRY((doomed->left_over ? remove_left_over : remove_file)(cold, doomed->storage_id, doomed->path, err));
    KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_SWEEP_REMOVED, err));
    kdb_cold_stage_wanted(doomed->storage_id, doomed->path, batch);
    KDB_TRY(kdb_store_commit(cold->store, batch, err));
    (void)kdb_failpoint_pass(KDB_FAILPOINT_SWEEP_FORGOTTEN, NULL);
    return KDB_OK;
}

void kdb_cold_hold(kdb_cold *cold)
{
    kdb_mutex_lock(&cold->lock);
    cold->holds++;
    kdb_mutex_unlock(&cold->lock);
}

void kdb_cold_release(kdb_cold *cold)
{
    kdb_mutex_lock(&cold->lock);
    KDB_ASSERT(cold->holds != 0);
    cold->holds--;
    kdb_mutex_unlock(&cold->lock);
}

/* The latest `most`. What is taken before a hold, the copy that is made after it does not name: the commit came first. */
static kdbi_doomed *take_unless_held(kdb_cold *cold, size_t most)
{
    kdb_mutex_lock(&cold->lock);
    kdbi_doomed *list = NULL;
    kdbi_doomed **end = &cold->doomed;
    for (size_t i = 0; i < most && *end != NULL; i++) {
        end = &(*end)->next;
    }
    if (cold->holds == 0 && end != &cold->doomed) {
        list = cold->doomed;
        cold->doomed = *end;
        *end = NULL;
    }
    kdb_mutex_unlock(&cold->lock);
    return list;
}

/* The storage that has just failed, which may take long to see: its other files wait for the next time. */
static bool is_away(const kdb_buf *away, kdb_sv storage_id)
{
    return kdb_sv_eq(kdb_buf_sv(away), storage_id);
}

static void note_away(kdb_buf *away, kdb_sv storage_id)
{
    away->len = 0;
    kdb_buf_append_sv(away, storage_id);
}

static bool sweep_one(kdb_cold *cold, uint64_t oldest, const kdbi_doomed *doomed, kdb_buf *away)
{
    kdb_err err = { .position = -1 };
    if (oldest < doomed->version || is_away(away, doomed->storage_id) ||
        kdbi_cold_is_held(cold, doomed->table_id, doomed->user, doomed->segment)) {
        return false;
    }
    if (remove_doomed(cold, doomed, &err) == KDB_OK) {
        return true;
    }
    kdb_log_warn("a file of the cold tier is not removed yet storage=%.*s path=\"%.*s\" err=\"%s\"",
                 KDB_SV_ARG(doomed->storage_id), KDB_SV_ARG(doomed->path), err.text);
    note_away(away, doomed->storage_id);
    return false;
}

static bool is_near(kdb_cold *cold, kdb_sv storage_id)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    return kdb_object_stores_find(cold->objects, storage_id, &objects, NULL) == KDB_OK && kdb_objects_is_near(objects);
}

static size_t sweep(kdb_cold *cold, size_t most, bool near_only)
{
    const uint64_t oldest = kdb_store_oldest_snapshot(cold->store);
    size_t removed = 0;
    kdb_buf away;
    kdb_buf_init(&away, 0);
    for (kdbi_doomed *at = take_unless_held(cold, most), *next = NULL; at != NULL; at = next) {
        next = at->next;
        if ((!near_only || is_near(cold, at->storage_id)) && sweep_one(cold, oldest, at, &away)) {
            kdb_arena_free(at->arena);
            removed++;
        } else {
            push(cold, &cold->doomed, at);
        }
    }
    kdb_buf_done(&away);
    return removed;
}

size_t kdb_cold_sweep(kdb_cold *cold)
{
    return sweep(cold, SIZE_MAX, false);
}

size_t kdb_cold_sweep_near(kdb_cold *cold)
{
    return sweep(cold, NEAR_MAX, true);
}

/* Whether the file is gone. */
static bool recover_file(kdb_cold *cold, kdb_sv storage_id, kdb_sv path, kdb_buf *away)
{
    kdb_err err;
    if (is_away(away, storage_id)) {
        return false;
    }
    const kdb_status status = remove_left_over(cold, storage_id, path, &err);
    if (status == KDB_OK) {
        return true;
    }
    kdb_log_warn("files of the cold tier are left over storage=%.*s path=\"%.*s\" err=\"%s\"", KDB_SV_ARG(storage_id),
                 KDB_SV_ARG(path), err.text);
    note_away(away, storage_id);
    return false;
}

/* Sweeps try it again. */
static void keep_left_over(kdb_cold *cold, kdb_sv storage_id, kdb_sv path)
{
    const kdb_segment file = { .storage_id = storage_id, .path = path };
    kdbi_doomed *doomed = doomed_new(KDBI_COLD_FILES, (kdb_user_id){ { NULL, 0 } }, &file);
    doomed->left_over = true;
    push(cold, &cold->doomed, doomed);
}

/* At a start: nobody reads yet. */
static kdb_status recover_files(kdb_cold *cold, kdb_buf *away, kdb_err *err)
{
    const kdb_iter_range all = { .scan = true };
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(cold->store, NULL, kdbi_cold_partition(KDBI_COLD_FILES), all);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter);
        const char *end = memchr(key.ptr, '\0', key.len);
        if (end == NULL) {
            return KDB_FAIL(err, KDB_CORRUPT, "the name of a file of the cold tier is damaged");
        }
        const kdb_sv storage_id = kdb_sv_of(key.ptr, (size_t)(end - key.ptr));
        const kdb_sv path = kdb_sv_of(end + 1, key.len - storage_id.len - 1);
        if (recover_file(cold, storage_id, path, away)) {
            KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_RECOVER_REMOVED, err));
            kdb_batch_delete(batch, kdbi_cold_partition(KDBI_COLD_FILES), key);
        } else {
            keep_left_over(cold, storage_id, path);
        }
    }
    KDB_TRY(kdb_iter_status(iter, err));
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(cold->store, batch, err);
}

kdb_status kdb_cold_recover(kdb_cold *cold, kdb_err *err)
{
    kdb_buf away;
    kdb_buf_init(&away, 0);
    const kdb_status status = recover_files(cold, &away, err);
    kdb_buf_done(&away);
    return status;
}

void kdbi_cold_files_done(kdb_cold *cold)
{
    for (kdbi_doomed *at = take_all(cold, &cold->doomed), *next = NULL; at != NULL; at = next) {
        next = at->next;
        kdb_arena_free(at->arena); /* its name is stored */
    }
}
