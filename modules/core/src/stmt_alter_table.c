/* stmt_alter_table.c - ALTER TABLE: the next version is made, the table is closed to writes, its rows are looked at where the
 * change depends on them, and the new version is committed and published. Rows are not rewritten. Statements that read go
 * on; writes that come meanwhile wait for the outcome. */
#include "cold_work.h"

/* ---- the rows ---- */

/* Looks at every user's rows of one table, with its writers kept out. */
typedef struct row_check {
    kdb_exec *exec;
    const kdb_table *table;
    const kdb_alter_table *spec;
    const kdb_alteration *made;
} row_check;

static kdb_status check_stopped(const kdb_exec *exec, kdb_err *err)
{
    if (atomic_load_explicit(&exec->cancelled, memory_order_relaxed)) {
        return KDB_FAIL(err, KDB_CANCELLED, "The request was cancelled");
    }
    if (kdb_monotonic_us() > exec->deadline_us) {
        return KDB_FAIL(err, KDB_TIMEOUT, "The statement took too long");
    }
    return KDB_OK;
}

static kdb_status refuse_rows(const row_check *check, kdb_err *err)
{
    return KDB_FAIL_AT(err, check->spec->column.position, KDB_INVALID_OPERATION,
                       "Cannot add column '%.*s': it is NOT NULL without a literal DEFAULT, and table %.*s.%.*s has "
                       "rows",
                       KDB_SV_ARG(check->spec->column.name), KDB_SV_ARG(check->table->ns),
                       KDB_SV_ARG(check->table->name));
}

static kdb_status check_cell(const row_check *check, const kdb_value *value, kdb_err *err)
{
    if (value->is_null && check->made->no_nulls) {
        return KDB_FAIL_AT(err, check->spec->column.position, KDB_CONSTRAINT,
                           "Column '%.*s' cannot be NOT NULL: table %.*s.%.*s has rows where it is NULL",
                           KDB_SV_ARG(check->spec->column.name), KDB_SV_ARG(check->table->ns),
                           KDB_SV_ARG(check->table->name));
    }
    if (!value->is_null && check->made->need == KDB_ALTER_NEEDS_UTF8 && !kdb_utf8_valid(value->as.bytes)) {
        return KDB_FAIL_AT(
            err, check->spec->column.position, KDB_INVALID_OPERATION,
            "Cannot change column '%.*s' to TEXT: table %.*s.%.*s has rows, deleted ones included, whose bytes "
            "are not UTF-8",
            KDB_SV_ARG(check->spec->column.name), KDB_SV_ARG(check->table->ns), KDB_SV_ARG(check->table->name));
    }
    return KDB_OK;
}

static kdb_status check_chunk(const row_check *check, const kdb_chunk *chunk, kdb_err *err)
{
    if (chunk->nrows > 0 && check->made->need == KDB_ALTER_NEEDS_NO_ROWS) {
        return refuse_rows(check, err);
    }
    for (size_t row = 0; row < chunk->nrows; row++) {
        const kdb_value value = kdb_vec_get(&chunk->cols[0], row);
        KDB_TRY(check_cell(check, &value, err));
    }
    return check_stopped(check->exec, err);
}

static kdb_status read_rows(const row_check *check, kdb_table_scan *scan, kdb_type type, size_t ncols, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_table_reader_freep) kdb_table_reader *reader = NULL;
    KDB_TRY(kdb_table_reader_new(scan, &reader, err));
    for (;;) {
        kdb_chunk *chunk = kdb_chunk_new(arena, &type, ncols); /* what was put in it lies in the arena too */
        KDB_TRY(kdb_table_reader_next(reader, chunk, err));
        if (chunk->nrows == 0) {
            return KDB_OK;
        }
        KDB_TRY(check_chunk(check, chunk, err));
        kdb_arena_reset(arena);
    }
}

static kdb_scan_spec scan_spec(const row_check *check, const kdb_snapshot *snapshot)
{
    const kdb_alteration *made = check->made;
    return (kdb_scan_spec){ .store = check->exec->core->store,
                            .table = check->table,
                            .snapshot = snapshot,
                            .sees_deleted = made->need == KDB_ALTER_NEEDS_UTF8,
                            .now_ms = check->exec->now_us / 1000,
                            .projection = &made->column,
                            .nprojection = made->need == KDB_ALTER_NEEDS_NO_ROWS ? 0 : 1,
                            .max_readers = 1 };
}

static kdb_status check_scan(const row_check *check, const kdb_scan_spec *spec, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    KDB_TRY(kdb_table_scan_new(spec, &scan, err));
    return read_rows(check, scan, check->table->schema->columns[check->made->column].type, spec->nprojection, err);
}

typedef struct cold_check {
    const row_check *check;
    const kdb_snapshot *snapshot;
} cold_check;

/* The hot rows of such a partition are looked at twice. */
static kdb_status check_partition(void *self, kdb_user_id user, kdb_err *err)
{
    const cold_check *cold = self;
    const row_check *check = cold->check;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_scan_spec spec = scan_spec(check, cold->snapshot);
    spec.cold = check->exec->core->cold;
    spec.user = user;
    kdb_row_user_range(check->table, user, arena, &spec.keys.from, &spec.keys.to);
    return check_scan(check, &spec, err);
}

/* Partition by partition: those of users who have cold rows. */
static kdb_status check_cold_rows(const row_check *check, const kdb_snapshot *snapshot, kdb_err *err)
{
    const kdb_table *table = check->table;
    kdb_core *core = check->exec->core;
    if (core->cold == NULL || table->type == KDB_TABLE_STREAM || !kdb_cold_has(core->cold, table->id)) {
        return KDB_OK;
    }
    cold_check cold = { check, snapshot };
    return kdbi_cold_visit(core, table, snapshot, check_partition, &cold, err);
}

/* Deleted rows keep their bytes, so that they must convert as well; what they lack or hold as NULL matters to nobody. */
static kdb_status check_rows(const row_check *check, kdb_err *err)
{
    if (check->made->need == KDB_ALTER_NEEDS_NOTHING) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(check->exec->core->store);
    const kdb_scan_spec hot = scan_spec(check, snapshot);
    KDB_TRY(check_scan(check, &hot, err));
    return check_cold_rows(check, snapshot, err);
}

/* ---- the statement ---- */

/* Holds the DDL gate; the table is closed to writes. */
static kdb_status commit_version(const row_check *check, kdb_batch *batch, kdb_err *err)
{
    kdb_exec *exec = check->exec;
    const kdb_table *made = check->made->table;
    KDB_TRY(check_rows(check, err));
    const kdb_sv details =
        kdb_sv_printf(exec->arena, "Operation: %.*s, New Version: %u",
                      KDB_SV_ARG(kdb_alter_table_text(check->spec, exec->arena)), made->schema->version);
    return kdbi_audit_commit(exec, batch, kdbi_audit_name(exec, made->ns, made->name), details, err);
}

/* Holds the DDL gate. *version is the table's when done. */
static kdb_status alter_table(kdb_exec *exec, kdb_table *table, const kdb_alter_table *spec, bool *changed,
                              uint32_t *version, kdb_err *err)
{
    kdb_core *core = exec->core;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_alteration made;
    KDB_TRY(kdb_registry_stage_alter_table(core->registry, table, spec, batch, &made, err));
    *changed = made.table != NULL;
    *version = (*changed ? made.table : table)->schema->version;
    if (!*changed) {
        return KDB_OK;
    }
    kdbi_table_close(core, table, KDB_TABLE_ALTERING);
    const row_check check = { exec, table, spec, &made };
    const kdb_status status = commit_version(&check, batch, err);
    kdbi_table_replace(core, table, made.table, status);
    return status;
}

/* What came of it: the table's version, and whether it is a new one; 0 for a table that is not there and need not be. */
static kdb_status find_and_alter(kdb_exec *exec, const kdb_alter_table *spec, kdb_sv ns, bool *changed,
                                 uint32_t *version, kdb_err *err)
{
    if (kdb_registry_is_protected(ns)) {
        return KDB_FAIL_AT(err, spec->table.position, KDB_INVALID_OPERATION, "Cannot alter system table '%.*s.%.*s'",
                           KDB_SV_ARG(ns), KDB_SV_ARG(spec->table.name));
    }
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(exec->core->registry, ns, spec->table.name);
    if (view != NULL) {
        return KDB_FAIL_AT(err, spec->table.position, KDB_INVALID_OPERATION,
                           "'%.*s.%.*s' is a view: use CREATE OR REPLACE VIEW", KDB_SV_ARG(ns),
                           KDB_SV_ARG(spec->table.name));
    }
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(exec->core->registry, ns, spec->table.name);
    if (table == NULL && !spec->if_exists) {
        kdb_table *none = NULL; /* for the message, with the nearest name */
        const kdb_status missing = kdb_registry_find_table(exec->core->registry, ns, spec->table.name, &none, err);
        kdb_err_at(err, spec->table.position);
        return missing;
    }
    if (table == NULL) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_rights_check_table(kdbi_exec_principal(exec)->role, table, KDBI_ALTER, err));
    return alter_table(exec, table, spec, changed, version, err);
}

kdb_status kdbi_run_alter_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_alter_table *spec = plan->stmt->as.alter_table;
    const kdb_sv ns = kdbi_exec_ns(exec, spec->table.ns);
    bool changed = false;
    uint32_t version = 0;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = find_and_alter(exec, spec, ns, &changed, &version, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    const kdb_sv what = kdb_alter_table_text(spec, exec->arena);
    if (version == 0) {
        kdbi_exec_message(exec, "Table %.*s.%.*s does not exist (skipped)", KDB_SV_ARG(ns),
                          KDB_SV_ARG(spec->table.name));
    } else if (changed) {
        kdbi_exec_message(exec, "Table %.*s.%.*s altered successfully: %.*s (version %u)", KDB_SV_ARG(ns),
                          KDB_SV_ARG(spec->table.name), KDB_SV_ARG(what), version);
    } else {
        kdbi_exec_message(exec, "Table %.*s.%.*s unchanged: %.*s (version %u - no changes needed)", KDB_SV_ARG(ns),
                          KDB_SV_ARG(spec->table.name), KDB_SV_ARG(what), version);
    }
    return KDB_OK;
}
