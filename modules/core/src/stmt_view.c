/* stmt_view.c - CREATE VIEW and DROP VIEW. A view is made by binding its query as a statement of its own, with the DDL
 * gate held: what it reads cannot go before it is stored. It is stored with its columns and with what it reads. */
#include "core_int.h"

/* ---- what the query says ---- */

static kdb_sv column_name_of_slot(const kdbi_slot *slot, size_t column)
{
    const kdb_schema *schema = slot->table->schema;
    static const kdb_sv behind[] = { { "_seq", 4 }, { "_deleted", 8 } };
    return column < schema->ncolumns ? schema->columns[column].name : behind[column - schema->ncolumns];
}

static void use_of_table(const kdbi_slot *slot, const bool *used, kdb_arena *arena, kdb_view_use *out)
{
    const size_t ncolumns = slot->table->schema->ncolumns + 2; /* `_seq`, `_deleted` */
    kdb_sv *columns = KDB_ARENA_ARRAY(arena, kdb_sv, ncolumns);
    *out = (kdb_view_use){ slot->table->ns, slot->table->name, columns, 0 };
    for (size_t i = 0; i < ncolumns; i++) {
        if (used[i]) {
            columns[out->ncolumns++] = column_name_of_slot(slot, i);
        }
    }
}

static const kdb_view *view_of(const kdbi_plan *plan, const kdb_bind_view *bind)
{
    for (size_t i = 0; i < plan->nviews; i++) {
        if (&plan->views[i]->bind == bind) {
            return plan->views[i]->view;
        }
    }
    KDB_ASSERT(false);
    return NULL;
}

static void use_of_view(const kdb_view *view, const bool *used, kdb_arena *arena, kdb_view_use *out)
{
    kdb_sv *columns = KDB_ARENA_ARRAY(arena, kdb_sv, view->ncolumns);
    *out = (kdb_view_use){ view->ns, view->name, columns, 0 };
    for (size_t i = 0; i < view->ncolumns; i++) {
        if (used[i]) {
            columns[out->ncolumns++] = view->columns[i].name;
        }
    }
}

/* What the query names itself; what a view in it reads is that view's own to keep. */
static void collect_uses(const kdbi_plan *query, kdb_arena *arena, kdb_view_spec *spec)
{
    const kdb_bound *bound = query->query.bound;
    kdb_view_use *uses = KDB_ARENA_ARRAY(arena, kdb_view_use, bound->ntables + bound->nviews + 1);
    for (size_t i = 0; i < bound->ntables; i++) {
        if (!bound->tables[i].in_view && query->slots[i].table != NULL) {
            use_of_table(&query->slots[i], bound->tables[i].used, arena, &uses[spec->nuses++]);
        }
    }
    for (size_t i = 0; i < bound->nviews; i++) {
        use_of_view(view_of(query, bound->views[i].view), bound->views[i].used, arena, &uses[spec->nuses++]);
    }
    spec->uses = uses;
}

static kdb_status collect_columns(const kdbi_result *shown, const kdb_view_stmt *stmt, kdb_arena *arena,
                                  kdb_view_spec *spec, kdb_err *err)
{
    if (stmt->ncolumns > shown->ncolumns) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "CREATE VIEW specifies more column names than columns");
    }
    kdb_view_column *columns = KDB_ARENA_ARRAY(arena, kdb_view_column, shown->ncolumns);
    for (size_t i = 0; i < shown->ncolumns; i++) {
        const kdb_sv source = shown->columns[i].name;
        columns[i] =
            (kdb_view_column){ i < stmt->ncolumns ? stmt->columns[i] : source, source, shown->columns[i].type };
    }
    spec->columns = columns;
    spec->ncolumns = shown->ncolumns;
    return KDB_OK;
}

/* The query's columns, which stay with its plan. Some have a type only once the query has started. */
static kdb_status describe_query(kdb_exec *exec, kdbi_plan *query, const kdbi_result **out, kdb_err *err)
{
    *out = &query->query.result;
    if (!query->query.late) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    KDB_TRY(kdbi_run_start(&run, exec, query, NULL, err));
    *out = run.result;
    return KDB_OK;
}

/* Binds the query under the view's namespace: a plan like any other SELECT's. */
static kdb_status bind_query(kdb_exec *exec, const kdb_view_stmt *stmt, kdb_view_spec *spec, kdb_err *err)
{
    kdbi_plan *query = NULL;
    bool owned = false;
    const kdbi_plan_text text = { .ns = spec->ns, .text = stmt->query };
    KDB_TRY(kdbi_plan_get(exec->worker, &text, &query, &owned, err));
    KDB_ASSERT(!owned);
    kdb_status status = kdbi_exec_bind(exec, query, err);
    if (status == KDB_OK) {
        status = kdbi_plan_prepare(exec->worker, query, err);
    }
    if (status != KDB_OK) {
        err->position = err->position < 0 ? stmt->query_position : err->position + stmt->query_position;
        return status;
    }
    const kdbi_result *result = NULL;
    KDB_TRY(describe_query(exec, query, &result, err));
    collect_uses(query, exec->arena, spec);
    return collect_columns(result, stmt, exec->arena, spec, err);
}

/* ---- CREATE VIEW ---- */

/* Holds the DDL gate. */
static kdb_status create_view(kdb_exec *exec, const kdb_view_stmt *stmt, kdb_view_spec *spec, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_TRY(bind_query(exec, stmt, spec, err));
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = NULL;
    KDB_TRY(kdb_registry_stage_create_view(registry, spec, stmt->or_replace, batch, &view, err));
    KDB_TRY(kdbi_audit_commit(exec, batch, kdbi_audit_name(exec, spec->ns, spec->name),
                              stmt->or_replace ? KDB_SV("OR REPLACE") : KDB_SV(""), err));
    kdb_registry_publish_create_view(registry, KDB_TAKE(view));
    return KDB_OK;
}

kdb_status kdbi_run_create_view(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_view_stmt *stmt = &plan->stmt->as.view;
    kdb_view_spec spec = { .ns = kdbi_exec_ns(exec, stmt->view.ns), .name = stmt->view.name, .query = stmt->query };
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = create_view(exec, stmt, &spec, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    kdbi_exec_message(exec, "View %.*s.%.*s created successfully", KDB_SV_ARG(spec.ns), KDB_SV_ARG(spec.name));
    return KDB_OK;
}

/* ---- DROP VIEW ---- */

static kdb_status no_view(kdb_exec *exec, kdb_sv ns, const kdb_table_name *name, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdb_registry_lookup_table(exec->core->registry, ns, name->name);
    if (table != NULL) {
        return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION, "'%.*s.%.*s' is a table: use DROP TABLE",
                           KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
    }
    return KDB_FAIL_AT(err, name->position, KDB_NOT_FOUND, "View '%.*s' not found in namespace '%.*s'",
                       KDB_SV_ARG(name->name), KDB_SV_ARG(ns));
}

/* Holds the DDL gate. */
static kdb_status drop_view(kdb_exec *exec, const kdb_table_stmt *stmt, kdb_sv ns, bool *missing, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(registry, ns, stmt->table.name);
    *missing = view == NULL && stmt->if_exists;
    if (view == NULL) {
        return *missing ? KDB_OK : no_view(exec, ns, &stmt->table, err);
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_view(registry, view, false, batch, err));
    KDB_TRY(kdbi_audit_commit(exec, batch, kdbi_audit_name(exec, ns, stmt->table.name), KDB_SV(""), err));
    kdb_registry_publish_drop_view(registry, view);
    return KDB_OK;
}

kdb_status kdbi_run_drop_view(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_table_stmt *stmt = &plan->stmt->as.table;
    const kdb_sv ns = kdbi_exec_ns(exec, stmt->table.ns);
    bool missing = false;
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = drop_view(exec, stmt, ns, &missing, err);
    kdb_mutex_unlock(&exec->core->ddl);
    KDB_TRY(status);
    kdbi_exec_message(exec, "View %.*s.%.*s %s", KDB_SV_ARG(ns), KDB_SV_ARG(stmt->table.name),
                      missing ? "does not exist (skipped)" : "dropped successfully");
    return KDB_OK;
}
