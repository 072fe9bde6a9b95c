/* cold_work.c - the steps of flush and compaction that are the same. A file goes through these states, and a crash at any moment leaves
 * it in one of them: named in the store and perhaps there (a start removes it), or a segment's (it stays). */
#include "cold_work.h"

enum { SECOND_US = 1000000, CHECK_ROWS = 4096 };
#define SEGMENT_BYTES ((uint64_t)KDB_COLD_FILE_MB * 1024 * 1024)

/* ---- one at a time ---- */

kdb_status kdbi_cold_check(const kdbi_cold_work *work, kdb_err *err)
{
    return kdb_work_check(work->work, err);
}

kdb_status kdbi_cold_pass_over(kdbi_cold_work *work, kdb_user_id user, kdb_status status, const kdb_err *why,
                               kdb_err *err)
{
    if (status == KDB_OK) {
        return KDB_OK;
    }
    if (status != KDB_CORRUPT) {
        return KDB_FAIL(err, status, "%s", why->text);
    }
    kdb_log_warn("a partition is passed over table=%.*s.%.*s user=\"%.*s\" err=\"%s\"", KDB_SV_ARG(work->table->ns),
                 KDB_SV_ARG(work->table->name), KDB_SV_ARG(user.text), why->text);
    if (work->damage.status == KDB_OK) {
        work->damage = *why;
    }
    return KDB_OK;
}

kdb_status kdbi_cold_finish(const kdbi_cold_work *work, kdb_status status, kdb_err *err)
{
    return status != KDB_OK || work->damage.status == KDB_OK ? status
                                                             : KDB_FAIL(err, KDB_CORRUPT, "%s", work->damage.text);
}

static kdb_sv busy_key(char bytes[4], uint32_t table_id)
{
    kdb_put_be32(bytes, table_id);
    return kdb_sv_of(bytes, 4);
}

kdb_status kdbi_cold_take(kdb_core *core, kdb_table *table, const kdb_work *work, kdb_err *err)
{
    char bytes[4];
    const kdb_sv key = busy_key(bytes, table->id);
    kdb_status status = KDB_OK;
    kdb_mutex_lock(&core->cold_lock);
    bool taken = kdb_map_lookup(core->cold_busy, key) == NULL;
    while (!taken && (status = kdb_work_check(work, err)) == KDB_OK) {
        (void)kdb_cond_wait_until(&core->cold_changed, &core->cold_lock, kdb_monotonic_us() + SECOND_US);
        taken = kdb_map_lookup(core->cold_busy, key) == NULL;
    }
    if (taken) {
        (void)kdb_map_put(core->cold_busy, key, table);
    }
    kdb_mutex_unlock(&core->cold_lock);
    return status;
}

void kdbi_cold_leave(kdb_core *core, const kdb_table *table)
{
    char bytes[4];
    kdb_mutex_lock(&core->cold_lock);
    (void)kdb_map_remove(core->cold_busy, busy_key(bytes, table->id));
    kdb_cond_broadcast(&core->cold_changed);
    kdb_mutex_unlock(&core->cold_lock);
}

/* ---- life ---- */

static kdb_status find_storage(kdbi_cold_work *work, kdb_err *err)
{
    kdb_storage *storages = NULL;
    size_t count = 0;
    kdb_registry_list_storages(work->core->registry, work->arena, &storages, &count);
    for (size_t i = 0; i < count; i++) {
        if (kdb_sv_eq(storages[i].id, work->table->storage_id)) {
            work->path_template =
                work->table->type == KDB_TABLE_SHARED ? storages[i].shared_template : storages[i].user_template;
        }
    }
    return kdb_object_stores_find(work->core->objects, work->table->storage_id, &work->objects, err);
}

kdb_status kdbi_cold_begin(kdb_core *core, kdb_table *table, const kdb_work *work, kdbi_cold_work *out, kdb_err *err)
{
    *out = (kdbi_cold_work){ 0 };
    if (core->cold == NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "This server has no cold tier");
    }
    KDB_TRY(kdbi_cold_take(core, table, work, err));
    *out = (kdbi_cold_work){ .core = core,
                             .work = work,
                             .table = kdb_table_ref(table),
                             .arena = kdb_arena_new(0),
                             .row_group_rows = (uint64_t)kdb_opt_i64(core->options, KDB_OPT_FLUSH_ROW_GROUP_ROWS) };
    KDB_TRY(find_storage(out, err));
    return kdb_cold_writer_new(core->cold, &out->writer, err);
}

void kdbi_cold_end(kdbi_cold_work *work)
{
    if (work->table == NULL) {
        return;
    }
    kdb_cold_writer_free(work->writer);
    kdb_objects_unref(work->objects);
    kdb_arena_free(work->arena);
    kdbi_cold_leave(work->core, work->table);
    kdb_table_unref(work->table);
    work->table = NULL;
}

/* ---- files ---- */

kdb_sv kdbi_cold_dir(const kdbi_cold_work *work, kdb_user_id user, kdb_arena *arena)
{
    kdb_buf dir;
    kdb_buf_init(&dir, 0);
    kdb_template_put(work->path_template, work->table->ns, work->table->name, user.text, &dir);
    const kdb_sv copy = kdb_sv_dup(arena, kdb_buf_sv(&dir));
    kdb_buf_done(&dir);
    return copy;
}

kdb_sv kdbi_cold_manifest_path(const kdbi_cold_work *work, kdb_user_id user, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.*s/manifest.json", KDB_SV_ARG(kdbi_cold_dir(work, user, arena)));
}

kdb_sv kdbi_cold_path(const kdbi_cold_work *work, const kdbi_cold_part *part, uint32_t id, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.*s/batch-%u.parquet", KDB_SV_ARG(kdbi_cold_dir(work, part->user, arena)), id - 1);
}

bool kdbi_cold_file_number(kdb_sv dir, kdb_sv path, uint32_t *out)
{
    static const char head[] = "/batch-", tail[] = ".parquet";
    const size_t before = dir.len + sizeof(head) - 1;
    if (path.len <= before + sizeof(tail) - 1 || !kdb_sv_has_prefix(path, dir) ||
        memcmp(path.ptr + dir.len, head, sizeof(head) - 1) != 0 ||
        memcmp(path.ptr + path.len - (sizeof(tail) - 1), tail, sizeof(tail) - 1) != 0) {
        return false;
    }
    const kdb_sv digits = kdb_sv_of(path.ptr + before, path.len - before - (sizeof(tail) - 1));
    uint64_t number = 0;
    if (kdb_parse_u64(digits, &number, NULL) != KDB_OK || number >= UINT32_MAX - 1 || digits.ptr[0] == '+' ||
        (digits.ptr[0] == '0' && digits.len != 1)) {
        return false;
    }
    *out = (uint32_t)number + 1;
    return true;
}

/* A file of a table of this name that was dropped may still wait for its last reader. */
static kdb_status find_free_id(kdbi_cold_work *work, kdbi_cold_part *part, kdb_arena *arena, kdb_err *err)
{
    for (;; part->next_id++) {
        bool named = false;
        const kdb_sv path = kdbi_cold_path(work, part, part->next_id, arena);
        KDB_TRY(kdb_cold_is_unwanted(work->core->cold, work->table->storage_id, path, &named, err));
        if (!named) {
            return KDB_OK;
        }
    }
}

/* A partition that knows of no segment may have lost its manifest: its files are not written over. */
typedef struct numbered {
    kdbi_cold_part *part;
    kdb_sv dir;
} numbered;

static bool pass_file(void *self, size_t i, const kdb_object_info *info)
{
    const numbered *n = (const numbered *)self + i;
    uint32_t id = 0;
    if (kdbi_cold_file_number(n->dir, info->name, &id) && id >= n->part->next_id) {
        n->part->next_id = id + 1;
    }
    return true;
}

kdb_status kdbi_cold_parts_init(kdbi_cold_work *work, kdbi_cold_part *parts, kdb_arena *arena, kdb_err *err)
{
    size_t count = 0;
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        count++;
    }
    numbered *first = KDB_ARENA_ARRAY(arena, numbered, count + 1);
    kdb_sv *dirs = KDB_ARENA_ARRAY(arena, kdb_sv, count + 1);
    count = 0;
    for (kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        KDB_TRY(kdb_cold_next_segment(work->core->cold, work->table, part->user, &part->next_id, err));
        if (part->next_id == 0) {
            part->next_id = 1;
            dirs[count] = kdbi_cold_dir(work, part->user, arena);
            first[count] = (numbered){ part, dirs[count] };
            count++;
        }
    }
    return count == 0 ? KDB_OK : kdb_objects_list_each(work->objects, dirs, count, pass_file, first, err);
}

static void add_file(kdbi_cold_part *part, kdb_new_segment *file, kdb_arena *arena)
{
    *KDB_ARENA_PUSH(arena, part->files, part->nfiles) = file;
}

kdb_status kdbi_cold_stage_name(kdbi_cold_work *work, kdbi_cold_part *part, kdb_arena *arena, kdb_batch *batch,
                                kdb_err *err)
{
    KDB_TRY(find_free_id(work, part, arena, err));
    kdb_cold_stage_unwanted(work->table->storage_id, kdbi_cold_path(work, part, part->next_id, arena), batch);
    return KDB_OK;
}

static kdb_status name_file(kdbi_cold_work *work, kdbi_cold_part *part, kdb_arena *arena, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdbi_cold_stage_name(work, part, arena, batch, err));
    KDB_TRY(kdb_store_commit(work->core->store, batch, err));
    part->named = part->next_id;
    return kdb_failpoint_pass(KDB_FAILPOINT_COLD_NAMED, err);
}

/* Rows, until the work is to end: a file of a million takes seconds. */
typedef struct watched_rows {
    const kdbi_cold_work *work;
    const kdb_cold_rows *rows;
    unsigned count;
} watched_rows;

static kdb_status next_watched(void *self, bool *more, kdb_sv *key, kdb_sv *row, kdb_err *err)
{
    watched_rows *watched = self;
    if (watched->count++ % CHECK_ROWS == 0) {
        KDB_TRY(kdbi_cold_check(watched->work, err));
    }
    return watched->rows->next(watched->rows->self, more, key, row, err);
}

kdb_status kdbi_cold_part_write(kdbi_cold_work *work, kdbi_cold_part *part, const kdb_cold_rows *rows, kdb_arena *arena,
                                kdb_err *err)
{
    watched_rows watched = { work, rows, 0 };
    const kdb_cold_rows until_stopped = { &watched, next_watched };
    for (bool more = true; more;) {
        KDB_TRY(kdbi_cold_check(work, err));
        if (part->named != part->next_id) {
            KDB_TRY(name_file(work, part, arena, err));
        }
        const kdb_segment_spec spec = { .table = work->table,
                                        .user = part->user,
                                        .replaces = part->replaces,
                                        .rows = &until_stopped,
                                        .max_rows = KDBI_SEGMENT_ROWS,
                                        .max_bytes = SEGMENT_BYTES,
                                        .row_group_rows = work->row_group_rows,
                                        .compression = work->table->compression,
                                        .id = part->next_id,
                                        .objects = work->objects,
                                        .storage_id = work->table->storage_id,
                                        .path = kdbi_cold_path(work, part, part->next_id, arena) };
        kdb_new_segment *file = NULL;
        KDB_TRY(kdb_cold_write(work->writer, &spec, arena, &file, err));
        more = file->more;
        add_file(part, file, arena); /* one without rows too: its name is to be taken back */
        part->next_id++;
        KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_COLD_WRITTEN, err));
    }
    return KDB_OK;
}

kdb_status kdbi_cold_publish_files(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_arena *arena, kdb_err *err)
{
    size_t count = 0;
    KDB_TRY(kdbi_cold_check(work, err)); /* from here on it is soon done */
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        count += part->nfiles;
    }
    kdb_sv *names = KDB_ARENA_ARRAY(arena, kdb_sv, count + 1);
    count = 0;
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        for (size_t i = 0; i < part->nfiles; i++) {
            if (part->files[i]->segment.rows != 0) {
                names[count++] = part->files[i]->segment.path;
            }
        }
    }
    if (count != 0) {
        KDB_TRY(kdb_objects_commit(work->objects, names, count, err));
    }
    return kdb_failpoint_pass(KDB_FAILPOINT_COLD_PUBLISHED, err);
}

/* ---- the commit ---- */

/* The segments that the partition has and keeps, and those that come: their numbers are greater. */
static kdb_status stage_roster(kdbi_cold_work *work, const kdbi_cold_part *part, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    KDB_TRY(kdb_manifest_get(work->core->cold, NULL, work->table, part->user, false, &manifest, err));
    const size_t before = manifest == NULL ? 0 : manifest->nsegments;
    uint32_t *ids = KDB_ARENA_ARRAY(arena, uint32_t, before + part->nfiles + 1);
    size_t count = 0;
    for (size_t i = 0; i < before; i++) {
        const uint32_t id = manifest->segments[i].id;
        if (part->replaces == NULL || kdb_manifest_segment(part->replaces, id) == NULL) {
            ids[count++] = id;
        }
    }
    for (size_t i = 0; i < part->nfiles; i++) {
        if (part->files[i]->segment.rows != 0) {
            ids[count++] = part->files[i]->segment.id;
        }
    }
    kdb_cold_stage_roster(work->table, part->user, part->next_id, ids, count, kdb_snowflake_next(), batch);
    return KDB_OK;
}

kdb_status kdbi_cold_stage_parts(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_batch *batch, kdb_err *err)
{
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        KDB_TRY(stage_roster(work, part, batch, err));
        for (size_t i = 0; i < part->nfiles; i++) {
            kdb_new_segment *file = part->files[i];
            kdb_cold_stage_wanted(file->segment.storage_id, file->segment.path, batch);
            if (file->segment.rows != 0) {
                kdb_cold_stage_segment(work->table, part->user, file, kdb_snowflake_next(), batch);
            }
        }
        /* What is said of the files is not true any more: a start removes it unless kdbi_cold_export has come. */
        kdb_cold_stage_unwanted(work->table->storage_id, kdbi_cold_manifest_path(work, part->user, work->arena), batch);
    }
    return KDB_OK;
}

void kdbi_cold_count(kdb_cold_result *result, const kdbi_cold_part *part)
{
    result->partitions++;
    for (size_t i = 0; i < part->nfiles; i++) {
        result->files += part->files[i]->segment.rows != 0;
        result->rows += part->files[i]->segment.rows;
        result->bytes += part->files[i]->segment.bytes;
    }
}

kdb_status kdbi_cold_stage_dead(kdbi_cold_work *work, const kdbi_cold_part *part, const kdb_sv *keys, size_t count,
                                kdb_arena *arena, kdb_batch *batch, kdb_err *err)
{
    if (count == 0) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_manifest_unrefp)
    kdb_manifest *manifest = kdb_manifest_of(work->core->cold, work->table, part->user, part->files, part->nfiles);
    kdb_cold_place *places = KDB_ARENA_ARRAY(arena, kdb_cold_place, count);
    KDB_TRY(kdb_cold_find(work->core->cold, work->table, manifest, keys, count, false, arena, places, NULL, err));
    for (size_t i = 0; i < count; i++) {
        if (places[i].segment == 0) {
            return KDB_FAIL(err, KDB_INTERNAL, "a row that was written to a file is not in it");
        }
        kdb_cold_stage_dead(work->table, part->user, places[i], keys[i], kdb_snowflake_next(), batch);
    }
    return KDB_OK;
}

/* Holds the DDL gate. The table may have been altered since the work began: its rows are the same. */
static kdb_status commit_closed(kdbi_cold_work *work, kdb_batch *batch,
                                kdb_status (*settle)(void *self, kdb_batch *batch, kdb_err *err), void *self,
                                kdb_err *err)
{
    kdb_core *core = work->core;
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(core->registry, work->table->ns, work->table->name);
    if (table == NULL || table->id != work->table->id) {
        return kdbi_table_fail_gone(work->table, err);
    }
    kdbi_table_close(core, table, KDB_TABLE_ALTERING);
    kdb_status status = settle(self, batch, err);
    if (status == KDB_OK) {
        status = kdb_failpoint_pass(KDB_FAILPOINT_COLD_CLOSED, err);
    }
    if (status == KDB_OK) {
        kdb_cold_note(core->cold, table->id);
        status = kdb_store_commit(core->store, batch, err);
        work->unsure = status != KDB_OK;
    }
    kdbi_table_settle(core, table, KDB_TABLE_OPEN);
    return status;
}

kdb_status kdbi_cold_commit(kdbi_cold_work *work, kdb_batch *batch,
                            kdb_status (*settle)(void *self, kdb_batch *batch, kdb_err *err), void *self, kdb_err *err)
{
    kdb_mutex_lock(&work->core->ddl);
    const kdb_status status = commit_closed(work, batch, settle, self, err);
    kdb_mutex_unlock(&work->core->ddl);
    if (status == KDB_OK) {
        (void)kdb_failpoint_pass(KDB_FAILPOINT_COLD_COMMITTED, NULL);
    }
    return status;
}

/* A try that fails before a file is begun, again and again, must not leave a name in the store each time. */
static void take_names_back(kdbi_cold_work *work, const kdbi_cold_part *parts)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        if (part->named == part->next_id) {
            kdb_cold_stage_wanted(work->table->storage_id, kdbi_cold_path(work, part, part->named, work->arena), batch);
        }
    }
    if (kdb_batch_count(batch) != 0 && kdb_store_commit(work->core->store, batch, NULL) != KDB_OK) {
        kdb_log_warn("names of files that were not written stay until the next start");
    }
}

void kdbi_cold_abandon(kdbi_cold_work *work, const kdbi_cold_part *parts)
{
    if (work->unsure) {
        return;
    }
    take_names_back(work, parts);
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        for (size_t i = 0; i < part->nfiles; i++) {
            kdb_cold_doom(work->core->cold, work->table->id, part->user, &part->files[i]->segment);
        }
    }
}

void kdbi_cold_parts_done(kdbi_cold_part *parts)
{
    for (kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        for (size_t i = 0; i < part->nfiles; i++) {
            kdb_new_segment_done(part->files[i]);
        }
    }
}

/* ---- partitions ---- */

kdb_status kdbi_cold_visit(kdb_core *core, const kdb_table *table, const kdb_snapshot *snapshot,
                           kdb_status (*visit)(void *self, kdb_user_id user, kdb_err *err), void *self, kdb_err *err)
{
    if (table->type == KDB_TABLE_SHARED) {
        return visit(self, (kdb_user_id){ { NULL, 0 } }, err);
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_buf from;
    kdb_buf_init(&from, 0);
    kdb_status status = KDB_OK;
    for (bool more = true; more && status == KDB_OK; kdb_arena_reset(arena)) {
        kdb_sv at = kdb_buf_sv(&from);
        kdb_user_id user;
        status = kdb_table_next_user(core->store, snapshot, kdb_cold_partition(table), arena, &at, &user, &more, err);
        if (status == KDB_OK && more) {
            from.len = 0;
            kdb_buf_append_sv(&from, at);
            status = visit(self, user, err);
        }
    }
    kdb_buf_done(&from);
    return status;
}
