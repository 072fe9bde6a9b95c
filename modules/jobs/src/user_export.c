/* user_export.c - EXPORT USER DATA: all rows that a user has in USER tables, hot and cold, as of one moment: one Parquet file per table in
 * a ZIP that the user can fetch for some days. What the server writes on the way lies in its folder for temporary files, which is empty at a
 * start. */
#include "backup_tree.h"

typedef struct export
{
    kdbi_run *run;
    kdb_tree_watch watch;
    kdb_user_id user;
    const char *work; /* where files are written, before they are */
    const char *tree; /* in the tree that is packed */
    kdb_snapshot *snapshot;
    kdb_cold_writer *writer;
    size_t tables;
    uint64_t rows;
}
export;

/* ---- a table ---- */

static kdb_status add_table(export *e, const kdb_table *table, kdb_err *err)
{
    const kdb_jobs_options *options = &e->run->jobs->options;
    const kdb_sv name =
        kdb_sv_printf(e->run->arena, "%.*s.%.*s.parquet", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
    const char *path = kdbi_tree_path(e->work, name.ptr, e->run->arena);
    kdb_user_file file = { .store = options->store,
                           .table = table,
                           .user = e->user,
                           .snapshot = e->snapshot,
                           .path = kdb_sv_cstr(path),
                           .row_group_rows = (uint64_t)kdb_opt_i64(options->options, KDB_OPT_FLUSH_ROW_GROUP_ROWS),
                           .stop = e->watch.stop,
                           .self = e->watch.self };
    KDB_TRY(kdb_cold_write_user(e->writer, &file, err));
    KDB_TRY(kdb_tree_put(e->tree, name, path, &e->watch, err));
    e->tables++;
    e->rows += file.rows;
    kdbi_run_tell(e->run, "Exported %llu row(s) of %zu table(s)", (unsigned long long)e->rows, e->tables);
    return kdb_tree_remove(path, err);
}

/* One that is dropped meanwhile has nothing to export. */
static kdb_status add_tables(export *e, kdb_table *const *tables, size_t count, kdb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const kdb_status status = tables[i]->type == KDB_TABLE_USER ? add_table(e, tables[i], err) : KDB_OK;
        if (status != KDB_OK && status != KDB_TABLE_NOT_FOUND) {
            return status;
        }
    }
    return KDB_OK;
}

static kdb_status add_all(export *e, kdb_err *err)
{
    kdb_table **tables = NULL;
    size_t count = 0;
    kdb_registry_list_tables(e->run->jobs->options.registry, e->run->arena, &tables, &count);
    const kdb_status status = add_tables(e, tables, count, err);
    kdb_registry_release_tables(tables, count);
    return status;
}

/* ---- the file ---- */

static void export_done(export *e)
{
    kdb_cold_writer_free(e->writer);
    kdb_snapshot_free(e->snapshot);
    if (e->tree != NULL) {
        kdb_tree_discard(e->tree);
    }
    if (e->work != NULL) {
        kdb_tree_discard(e->work);
    }
}

static kdb_status begin(export *e, const char *path, kdb_sv id, kdb_err *err)
{
    const kdb_jobs_options *options = &e->run->jobs->options;
    const kdb_sv name = kdb_sv_printf(e->run->arena, "export-%.*s", KDB_SV_ARG(id));
    e->work = kdbi_tree_path(kdb_datadir_tmp(options->datadir), name.ptr, e->run->arena);
    KDB_TRY(kdb_tree_make(e->work, err));
    KDB_TRY(kdb_cold_writer_new(options->cold, &e->writer, err));
    KDB_TRY(kdb_tree_begin(path, e->run->arena, &e->tree, err));
    e->snapshot = kdb_snapshot_new(options->store);
    return KDB_OK;
}

kdb_status kdbi_run_user_export(kdbi_run *run, kdb_err *err)
{
    const kdb_sv user = kdbi_run_text(run, "user_id");
    const kdb_sv id = kdbi_run_text(run, "export_id");
    KDB_TRY(kdbi_run_check_files(run, err));
    const char *path = kdb_datadir_export(run->jobs->options.datadir, user, id, run->arena);
    if (path == NULL) {
        return KDB_FAIL(err, KDB_INVALID, "An export has a user and an id");
    }
    KDB_CLEANUP(export_done) export e = { .run = run, .watch = kdbi_run_watch(run), .user = { user } };
    KDB_TRY(begin(&e, path, id, err));
    KDB_TRY(add_all(&e, err));
    KDB_TRY(kdb_archive_pack(e.tree, path, &e.watch, err));
    kdbi_run_result(run, "Exported %llu row(s) of %zu table(s)", (unsigned long long)e.rows, e.tables);
    return KDB_OK;
}

/* ---- how long it is there ---- */

kdb_status kdbi_exports_expire(kdb_jobs *jobs, size_t *out_removed, kdb_err *err)
{
    *out_removed = 0;
    return jobs->options.datadir == NULL
               ? KDB_OK
               : kdb_tree_expire(kdb_datadir_exports(jobs->options.datadir), KDB_EXPORT_KEPT_S, out_removed, err);
}

kdb_status kdbi_exports_forget(kdb_jobs *jobs, kdb_user_id user, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    return jobs->options.datadir == NULL
               ? KDB_OK
               : kdb_tree_remove(kdb_datadir_exports_of(jobs->options.datadir, user.text, arena).ptr, err);
}
