/* cold_rebuild.c - a table's manifests made anew from the files that lie in its folders: STORAGE REBUILD MANIFEST. Which rows of a
 * partition's files are alive is found below (tables, cold_rebuild.c); here is which files there are, and whose. Partitions are rebuilt
 * one by one, on a snapshot and beside all that goes on; each has its commit, for which alone writers wait.
 *
 * Files are looked for where today's template puts them, and where records that can still be read say they are. */
#include "cold_work.h"

#include <stdlib.h>

/* A file that was found. */
typedef struct item {
    kdb_user_id user;
    kdb_rebuild_file file;
    bool recorded; /* a record names it */
} item;

typedef struct rebuild {
    kdbi_cold_work work;
    kdb_sv root; /* folder below which the table's are */
    item *items; /* by user, number and name once they are collected */
    size_t count;
    kdb_user_id user; /* whose folder is listed: a record told */
    kdb_sv folder;    /* that; empty: everybody's below the root */
    kdb_sv *folders;  /* outside the root */
    size_t nfolders;
    kdb_buf left;
    kdb_rebuild_result result;
} rebuild;

/* What the answer tells of files that were left alone; the log tells all. */
enum { LEFT_TOLD = 600 };

static void rebuild_done(rebuild *r)
{
    kdb_buf_done(&r->left);
    kdbi_cold_end(&r->work);
}

/* ---- collecting ---- */

static void add_item(rebuild *r, const item *it)
{
    kdb_arena *arena = r->work.arena;
    item *at = KDB_ARENA_PUSH(arena, r->items, r->count);
    *at = *it;
    at->user.text = kdb_sv_dup(arena, it->user.text);
    at->file.path = kdb_sv_dup(arena, it->file.path);
}

static void tell_left(rebuild *r, kdb_sv path, kdb_sv why)
{
    kdb_log_warn("a file is left alone table=%.*s.%.*s path=\"%.*s\" why=\"%.*s\"", KDB_SV_ARG(r->work.table->ns),
                 KDB_SV_ARG(r->work.table->name), KDB_SV_ARG(path), KDB_SV_ARG(why));
    r->result.nleft++;
    if (r->left.len < LEFT_TOLD) {
        kdb_buf_printf(&r->left, "%s%.*s (%.*s)", r->left.len == 0 ? "" : ", ", KDB_SV_ARG(path), KDB_SV_ARG(why));
    }
}

static kdb_sv folder_of(kdb_sv path)
{
    const char *slash = path.len == 0 ? NULL : memrchr(path.ptr, '/', path.len);
    return kdb_sv_of(path.ptr, slash == NULL ? 0 : (size_t)(slash - path.ptr));
}

/* Whose folder it is; false: nobody's of this table. */
static bool owner_of(const rebuild *r, kdb_sv folder, kdb_user_id *out)
{
    const kdb_table *table = r->work.table;
    if (r->folder.len != 0) {
        *out = r->user;
        return kdb_sv_eq(folder, r->folder);
    }
    if (table->type == KDB_TABLE_SHARED) {
        *out = (kdb_user_id){ { NULL, 0 } };
        return kdb_sv_eq(folder, r->root);
    }
    return kdb_template_user(r->work.path_template, table->ns, table->name, folder, r->work.arena, &out->text);
}

static bool is_manifest(kdb_sv path)
{
    const kdb_sv folder = folder_of(path);
    return kdb_sv_eq(kdb_sv_of(path.ptr + folder.len, path.len - folder.len), KDB_SV("/manifest.json"));
}

/* Where tables lie side by side below one root, what is no folder of ours is theirs. */
static bool visit_object(void *self, const kdb_object_info *info)
{
    rebuild *r = self;
    item it = { .file = { .path = info->name, .bytes = info->bytes } };
    const kdb_sv folder = folder_of(info->name);
    const bool ours = owner_of(r, folder, &it.user);
    if (is_manifest(info->name) || (!ours && r->root.len == 0)) {
        return true;
    }
    if (!ours) {
        tell_left(r, info->name, KDB_SV("it lies in no folder of the table"));
    } else if (info->staged) {
        tell_left(r, info->name, KDB_SV("it was not finished"));
    } else if (!kdbi_cold_file_number(folder, info->name, &it.file.segment)) {
        tell_left(r, info->name, KDB_SV("it has no name that a file of the table has"));
    } else {
        add_item(r, &it);
    }
    return true;
}

static bool is_below(kdb_sv path, kdb_sv root)
{
    return root.len == 0 || (path.len > root.len && kdb_sv_has_prefix(path, root) && path.ptr[root.len] == '/');
}

static kdb_status list_files(rebuild *r, kdb_err *err)
{
    const kdb_table *table = r->work.table;
    r->root = table->type == KDB_TABLE_SHARED
                  ? kdbi_cold_dir(&r->work, (kdb_user_id){ { NULL, 0 } }, r->work.arena)
                  : kdb_template_root(r->work.path_template, table->ns, table->name, r->work.arena);
    return kdb_objects_list(r->work.objects, r->root, visit_object, r, err);
}

/* A folder that an earlier template has named. */
static kdb_status list_folder(rebuild *r, kdb_user_id user, kdb_sv folder, kdb_err *err)
{
    for (size_t i = 0; i < r->nfolders; i++) {
        if (kdb_sv_eq(r->folders[i], folder)) {
            return KDB_OK;
        }
    }
    r->folder = kdb_sv_dup(r->work.arena, folder);
    r->user = user;
    *KDB_ARENA_PUSH(r->work.arena, r->folders, r->nfolders) = r->folder;
    const kdb_status status = kdb_objects_list(r->work.objects, r->folder, visit_object, r, err);
    r->folder = (kdb_sv){ NULL, 0 };
    return status;
}

/* Every record's file is looked at, and be it to say that it is missing. */
static kdb_status visit_record(void *self, kdb_user_id user, const kdb_segment *segment, kdb_err *err)
{
    rebuild *r = self;
    const kdb_sv folder = folder_of(segment->path);
    const item it = { .user = user,
                      .file = { .path = segment->path, .bytes = segment->bytes, .segment = segment->id },
                      .recorded = true };
    add_item(r, &it);
    return is_below(segment->path, r->root) || folder.len == 0 ? KDB_OK : list_folder(r, user, folder, err);
}

static int by_place(const void *a, const void *b)
{
    const item *left = a, *right = b;
    const int user = kdb_sv_cmp(left->user.text, right->user.text);
    if (user != 0) {
        return user;
    }
    if (left->file.segment != right->file.segment) {
        return left->file.segment < right->file.segment ? -1 : 1;
    }
    const int path = kdb_sv_cmp(left->file.path, right->file.path);
    return path != 0 ? path : (int)right->recorded - (int)left->recorded;
}

/* A file that was both listed and recorded is one: the listing knows its size. */
static void join_items(rebuild *r)
{
    size_t kept = 0;
    if (r->count != 0) {
        qsort(r->items, r->count, sizeof(*r->items), by_place);
    }
    for (size_t i = 0; i < r->count; i++) {
        item *before = kept == 0 ? NULL : &r->items[kept - 1];
        if (before != NULL && kdb_sv_eq(before->file.path, r->items[i].file.path) &&
            kdb_sv_eq(before->user.text, r->items[i].user.text) && before->file.segment == r->items[i].file.segment) {
            before->file.bytes = r->items[i].recorded ? before->file.bytes : r->items[i].file.bytes;
        } else {
            r->items[kept++] = r->items[i];
        }
    }
    r->count = kept;
}

/* What waits to be removed, or was written in vain, is nobody's. */
static kdb_status drop_unwanted(rebuild *r, kdb_err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        bool unwanted = false;
        if (!r->items[i].recorded) {
            KDB_TRY(kdb_cold_is_unwanted(r->work.core->cold, r->work.table->storage_id, r->items[i].file.path,
                                         &unwanted, err));
        }
        r->items[kept] = r->items[i];
        kept += !unwanted;
    }
    r->count = kept;
    return KDB_OK;
}

static kdb_status collect(rebuild *r, kdb_err *err)
{
    KDB_TRY(list_files(r, err));
    KDB_TRY(kdb_cold_visit_records(r->work.core->cold, r->work.table, NULL, visit_record, r, err));
    join_items(r);
    return drop_unwanted(r, err);
}

/* ---- a partition ---- */

typedef struct turn {
    kdb_cold_rebuild *rows;
    uint64_t floor;
} turn;

static kdb_status settle(void *self, KDB_UNUSED kdb_batch *batch, kdb_err *err)
{
    const turn *t = self;
    return kdb_cold_rebuild_settle(t->rows, t->floor, err);
}

static void take_counts(rebuild *r, const kdb_cold_rebuild *rows)
{
    const kdb_rebuild_counts counts = kdb_cold_rebuild_counts(rows);
    r->result.partitions++;
    r->result.segments += counts.segments;
    r->result.rows += counts.rows;
    r->result.dead += counts.dead;
}

static kdb_status rebuild_on(rebuild *r, kdb_rebuild_spec *spec, uint64_t floor, kdb_arena *arena, kdb_err *err)
{
    kdbi_cold_work *work = &r->work;
    kdb_cold *cold = work->core->cold;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_cold_rebuild_freep) kdb_cold_rebuild *rows = NULL;
    spec->batch = batch;
    KDB_TRY(kdb_cold_rebuild_new(cold, spec, &rows, err));
    kdb_cold_stage_unwanted(work->table->storage_id, kdbi_cold_manifest_path(work, spec->user, arena), batch);
    turn t = { rows, floor };
    KDB_TRY(kdbi_cold_commit(work, batch, settle, &t, err));
    take_counts(r, rows);
    for (size_t i = 0; i < spec->nfiles; i++) {
        if (spec->files[i].left.len != 0) {
            tell_left(r, spec->files[i].path, spec->files[i].left);
        }
    }
    return KDB_OK;
}

/* Those of one user. */
static kdb_status rebuild_partition(rebuild *r, kdb_user_id user, const item *items, size_t count, kdb_err *err)
{
    kdbi_cold_work *work = &r->work;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_rebuild_file *files = KDB_ARENA_ARRAY(arena, kdb_rebuild_file, count + 1);
    for (size_t i = 0; i < count; i++) {
        files[i] = items[i].file;
    }
    KDB_TRY(kdbi_cold_check(work, err));
    const uint64_t floor = kdb_core_seq_floor(work->core, work->table); /* before the snapshot */
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(work->core->store);
    kdb_rebuild_spec spec = { .table = work->table,
                              .user = user,
                              .snapshot = snapshot,
                              .files = files,
                              .nfiles = count,
                              .stop = work->work == NULL ? NULL : work->work->stop,
                              .self = work->work == NULL ? NULL : work->work->self };
    KDB_TRY(rebuild_on(r, &spec, floor, arena, err));
    const kdbi_cold_part part = { .user = user };
    (void)kdbi_cold_export(work, &part);
    return KDB_OK;
}

static void report(const rebuild *r)
{
    const kdb_work *work = r->work.work;
    if (work != NULL && work->progress != NULL) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        work->progress(work->self,
                       kdb_sv_printf(arena, "%llu segments of %llu partitions", (unsigned long long)r->result.segments,
                                     (unsigned long long)r->result.partitions));
    }
}

static kdb_status rebuild_found(rebuild *r, kdb_err *err)
{
    for (size_t from = 0, to = 0; from < r->count; from = to) {
        while (to < r->count && kdb_sv_eq(r->items[to].user.text, r->items[from].user.text)) {
            to++;
        }
        KDB_TRY(rebuild_partition(r, r->items[from].user, &r->items[from], to - from, err));
        report(r);
    }
    return KDB_OK;
}

/* ---- partitions without files ---- */

static int by_user(const void *key, const void *at)
{
    return kdb_sv_cmp(*(const kdb_sv *)key, ((const item *)at)->user.text);
}

/* Records may be left of a partition that has neither a file nor a sound record of one. */
static kdb_status visit_partition(void *self, kdb_user_id user, kdb_err *err)
{
    rebuild *r = self;
    const bool done = r->count != 0 && bsearch(&user.text, r->items, r->count, sizeof(*r->items), by_user) != NULL;
    return done ? KDB_OK : rebuild_partition(r, user, NULL, 0, err);
}

/* Keys of nobody keep others from being found. */
static kdb_status remove_strays(rebuild *r, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_cold_stage_strays(r->work.core->cold, r->work.table, batch, err));
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(r->work.core->store, batch, err);
}

static kdb_status rebuild_table(rebuild *r, kdb_err *err)
{
    KDB_TRY(remove_strays(r, err));
    KDB_TRY(collect(r, err));
    KDB_TRY(rebuild_found(r, err));
    return kdb_cold_has(r->work.core->cold, r->work.table->id)
               ? kdbi_cold_visit(r->work.core, r->work.table, NULL, visit_partition, r, err)
               : KDB_OK;
}

kdb_status kdb_core_rebuild_manifest(kdb_core *core, kdb_table *table, const kdb_work *work, kdb_arena *arena,
                                     kdb_rebuild_result *out, kdb_err *err)
{
    KDB_CLEANUP(rebuild_done) rebuild r = { .count = 0 };
    kdb_buf_init(&r.left, 0);
    KDB_TRY(kdbi_cold_begin(core, table, work, &r.work, err));
    const kdb_status status = rebuild_table(&r, err);
    *out = r.result;
    out->left = kdb_sv_dup(arena, kdb_buf_sv(&r.left));
    (void)kdb_cold_sweep(core->cold);
    return status;
}
