/* plan.c - a statement from its text to something that can run again and again: parsed once, bound against the catalog
 * as it is (names, rights, functions: the tenant wall), prepared in the worker's engine connection. A bound plan stays
 * valid as long as every name in it still means the same table; the registry's epoch tells cheaply when to look. */
#include "core_int.h"

/* ---- rights ---- */

static kdb_status placed(kdb_status status, int32_t position, kdb_err *err)
{
    if (status != KDB_OK) {
        kdb_err_at(err, position);
    }
    return status;
}

static kdb_status check_slot(const kdbi_plan *plan, const kdbi_slot *slot, kdb_role role, kdb_err *err)
{
    if (slot->def == NULL) {
        const kdbi_deed deed = slot->target ? KDBI_WRITE : KDBI_READ;
        return placed(kdbi_rights_check_table(role, slot->table, deed, err), slot->position, err);
    }
    return plan->internal ? KDB_OK
                          : placed(kdbi_rights_check_system(role, slot->def, KDBI_READ, err), slot->position, err);
}

static kdb_status check_target(const kdbi_plan *plan, kdb_role role, kdb_err *err)
{
    return placed(kdbi_rights_check_table(role, plan->target, KDBI_WRITE, err), plan->target_position, err);
}

/* Rights are those of the caller now, not of whoever bound the plan. */
static kdb_status check_rights(const kdbi_plan *plan, const kdb_principal *principal, kdb_err *err)
{
    for (size_t i = 0; i < plan->nslots; i++) {
        KDB_TRY(check_slot(plan, &plan->slots[i], principal->role, err));
    }
    return plan->target == NULL ? KDB_OK : check_target(plan, principal->role, err);
}

/* Compiled for the first who is bound by them, for all after. */
static kdb_status need_policies(const kdb_table *table, kdb_role role, kdbi_policies **policies, kdb_err *err)
{
    if (table == NULL || *policies != NULL || !kdbi_policy_binds(role, table)) {
        return KDB_OK;
    }
    return kdbi_policies_new(table, policies, err);
}

static kdb_status bind_policies(kdbi_plan *plan, kdb_role role, kdb_err *err)
{
    for (size_t i = 0; i < plan->nslots; i++) {
        KDB_TRY(need_policies(plan->slots[i].table, role, &plan->slots[i].policies, err));
    }
    return need_policies(plan->target, role, &plan->target_policies, err);
}

/* ---- names: what dialect asks while it binds ---- */

typedef struct resolver {
    kdbi_worker *worker;
    kdbi_plan *plan;
    const kdb_principal *principal;
    size_t capacity;
    kdbi_slot **resolved; /* every table answered for, in the order asked; in plan->bind_arena */
    size_t count;
} resolver;

static kdbi_slot *add_slot(resolver *r)
{
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity == 0 ? 8 : r->capacity * 2;
        kdbi_slot **grown = KDB_ARENA_ARRAY(r->plan->bind_arena, kdbi_slot *, capacity);
        if (r->count > 0) {
            memcpy(grown, r->resolved, r->count * sizeof(kdbi_slot *));
        }
        r->resolved = grown;
        r->capacity = capacity;
    }
    kdbi_slot *slot = KDB_ARENA_NEW(r->plan->bind_arena, kdbi_slot);
    r->resolved[r->count++] = slot;
    return slot;
}

static kdb_status refuse_protected_write(const kdbi_plan *plan, kdb_sv ns, const kdb_table_name *name, kdb_err *err)
{
    static const char *const verbs[KDB_STMT_KIND_COUNT] = {
        [KDB_STMT_INSERT] = "insert", [KDB_STMT_UPDATE] = "update", [KDB_STMT_DELETE] = "delete"
    };
    const char *verb = verbs[plan->stmt->kind];
    return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION, "Cannot %s system table '%.*s.%.*s'",
                       verb == NULL ? "change" : verb, KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
}

static kdb_status no_system_table(kdb_sv ns, const kdb_table_name *name, kdb_err *err)
{
    const kdb_sv nearest = kdb_system_nearest(ns, name->name);
    if (nearest.len == 0) {
        return KDB_FAIL_AT(err, name->position, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'",
                           KDB_SV_ARG(name->name), KDB_SV_ARG(ns));
    }
    return KDB_FAIL_AT(err, name->position, KDB_TABLE_NOT_FOUND,
                       "Table '%.*s' not found in namespace '%.*s'. Did you mean '%.*s.%.*s'?", KDB_SV_ARG(name->name),
                       KDB_SV_ARG(ns), KDB_SV_ARG(ns), KDB_SV_ARG(nearest));
}

static kdb_status resolve_system(resolver *r, kdb_sv ns, const kdb_table_name *name, kdb_bind_table *out, kdb_err *err)
{
    const kdb_system_table_def *def = kdb_system_lookup(ns, name->name);
    if (def == NULL) {
        return no_system_table(ns, name, err);
    }
    kdbi_slot *slot = add_slot(r);
    slot->def = def;
    slot->position = name->position;
    KDB_TRY(check_slot(r->plan, slot, r->principal->role, err));
    *out = (kdb_bind_table){ .handle = slot,
                             .columns = kdb_system_fields(def, r->plan->bind_arena),
                             .ncolumns = def->ncolumns };
    return KDB_OK;
}

static kdb_bind_table bind_table_of(const kdb_table *table, kdb_arena *arena)
{
    size_t count = 0;
    kdb_bind_table out = { .has_seq = true,
                           .deleted_is_false = table->type == KDB_TABLE_STREAM,
                           .order_by_seq = table->nkey == 0 };
    out.columns = kdb_table_fields(table, arena, &count);
    out.ncolumns = count;
    return out;
}

static kdb_status resolve_user(resolver *r, kdb_sv ns, const kdb_table_name *name, bool target, kdb_bind_table *out,
                               kdb_err *err)
{
    kdbi_slot *slot = add_slot(r);
    KDB_TRY(placed(kdb_registry_find_table(r->worker->core->registry, ns, name->name, &slot->table, err),
                   name->position, err));
    slot->target = target;
    slot->position = name->position;
    KDB_TRY(check_slot(r->plan, slot, r->principal->role, err));
    *out = bind_table_of(slot->table, r->plan->bind_arena);
    out->handle = slot;
    return KDB_OK;
}

/* ---- views ---- */

/* Parses the view's query. What can be parsed once is found again: the text has not changed. */
static kdb_status parse_view(resolver *r, kdb_view *view, kdbi_plan_view *out, kdb_err *err)
{
    kdb_arena *arena = r->plan->bind_arena;
    kdb_stmt *stmt = NULL;
    KDB_TRY(kdb_dialect_parse(view->query, NULL, arena, &stmt, err));
    if (stmt->kind != KDB_STMT_QUERY) {
        return KDB_FAIL(err, KDB_CORRUPT, "the view's query is not a SELECT");
    }
    kdb_sv *names = KDB_ARENA_ARRAY(arena, kdb_sv, view->ncolumns);
    kdb_sv *sources = KDB_ARENA_ARRAY(arena, kdb_sv, view->ncolumns);
    for (size_t i = 0; i < view->ncolumns; i++) {
        names[i] = view->columns[i].name;
        sources[i] = view->columns[i].source;
    }
    out->bind = (kdb_bind_view){ stmt->as.query, view->ns, names, sources, view->ncolumns };
    return KDB_OK;
}

static kdbi_plan_view *known_view(const kdbi_plan *plan, kdb_sv ns, kdb_sv name)
{
    for (size_t i = 0; i < plan->nviews; i++) {
        if (kdb_sv_eq(plan->views[i]->view->ns, ns) && kdb_sv_eq(plan->views[i]->view->name, name)) {
            return plan->views[i];
        }
    }
    return NULL;
}

static kdbi_plan_view *add_view(kdbi_plan *plan, kdb_view *view /* taken */)
{
    if ((plan->nviews & (plan->nviews - 1)) == 0) { /* full at powers of two */
        kdbi_plan_view **grown =
            KDB_ARENA_ARRAY(plan->bind_arena, kdbi_plan_view *, plan->nviews == 0 ? 1 : plan->nviews * 2);
        if (plan->nviews > 0) {
            memcpy(grown, plan->views, plan->nviews * sizeof(kdbi_plan_view *));
        }
        plan->views = grown;
    }
    kdbi_plan_view *added = KDB_ARENA_NEW(plan->bind_arena, kdbi_plan_view);
    added->view = view;
    plan->views[plan->nviews++] = added;
    return added;
}

static kdb_status refuse_view_write(const kdbi_plan *plan, kdb_sv ns, const kdb_table_name *name, kdb_err *err)
{
    static const char *const verbs[KDB_STMT_KIND_COUNT] = {
        [KDB_STMT_INSERT] = "insert into", [KDB_STMT_UPDATE] = "update", [KDB_STMT_DELETE] = "delete from"
    };
    const char *verb = verbs[plan->stmt->kind];
    return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION,
                       "Cannot %s view '%.*s.%.*s': write to the tables that it reads", verb == NULL ? "change" : verb,
                       KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
}

/* *out->view stays NULL when there is no such view. */
static kdb_status resolve_view(resolver *r, kdb_sv ns, const kdb_table_name *name, bool target, kdb_bind_table *out,
                               kdb_err *err)
{
    *out = (kdb_bind_table){ 0 };
    kdbi_plan_view *known = known_view(r->plan, ns, name->name);
    if (known == NULL) {
        kdb_view *view = kdb_registry_lookup_view(r->worker->core->registry, ns, name->name);
        if (view == NULL) {
            return KDB_OK;
        }
        known = add_view(r->plan, view);
        KDB_TRY(parse_view(r, view, known, err));
    }
    if (target) {
        return refuse_view_write(r->plan, ns, name, err);
    }
    out->view = &known->bind;
    return KDB_OK;
}

static kdb_status resolve_own(resolver *r, kdb_sv ns, const kdb_table_name *name, bool target, kdb_bind_table *out,
                              kdb_err *err)
{
    KDB_TRY(resolve_view(r, ns, name, target, out, err));
    return out->view != NULL ? KDB_OK : resolve_user(r, ns, name, target, out, err);
}

static kdb_status resolve(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out, kdb_err *err)
{
    resolver *r = self;
    const kdb_sv ns = name->ns.len != 0 ? name->ns : r->plan->ns;
    if (r->plan->live && name->ns.len == 0) {
        return KDB_FAIL_AT(err, name->position, KDB_STMT_INVALID_SQL,
                           "Live queries name their table with its namespace, as in %.*s.%.*s", KDB_SV_ARG(ns),
                           KDB_SV_ARG(name->name));
    }
    if (!kdb_registry_is_protected(ns)) {
        return resolve_own(r, ns, name, dml_target, out, err);
    }
    if (dml_target) {
        return refuse_protected_write(r->plan, ns, name, err);
    }
    return resolve_system(r, ns, name, out, err);
}

/* ---- binding ---- */

static void unbind(kdbi_plan *plan)
{
    kdbi_native_free(plan->query.native);
    kdb_engine_plan_free(plan->query.engine_plan);
    for (size_t i = 0; i < plan->nslots; i++) {
        kdbi_policies_unref(plan->slots[i].policies);
        kdb_table_unref(plan->slots[i].table);
    }
    for (size_t i = 0; i < plan->nviews; i++) {
        kdb_view_unref(plan->views[i]->view);
    }
    kdbi_policies_unref(plan->target_policies);
    kdb_table_unref(plan->target);
    kdb_watch_unref(plan->watch);
    plan->watch = NULL;
    kdb_arena_free(plan->bind_arena);
    plan->bind_arena = NULL;
    plan->slots = NULL;
    plan->nslots = 0;
    plan->views = NULL;
    plan->nviews = 0;
    plan->target = NULL;
    plan->target_policies = NULL;
    plan->rows = NULL;
    plan->sources = NULL;
    plan->query = (kdbi_bound_query){ 0 };
}

static void describe_scans(kdbi_plan *plan)
{
    kdbi_bound_query *query = &plan->query;
    query->scan_tables = KDB_ARENA_ARRAY(plan->bind_arena, kdb_scan_table, plan->nslots + 1);
    for (size_t i = 0; i < plan->nslots; i++) {
        const kdbi_slot *slot = &plan->slots[i];
        kdb_scan_table *table = &query->scan_tables[i];
        if (slot->def != NULL) {
            table->columns = kdb_system_fields(slot->def, plan->bind_arena);
            table->ncolumns = slot->def->ncolumns;
        } else {
            table->columns = kdb_table_fields(slot->table, plan->bind_arena, &table->ncolumns);
            table->ncolumns += slot->target; /* `_key` follows for the table that is changed */
        }
    }
}

/* Slots come back in dialect's numbering; references move from the resolver to the plan. */
static void adopt_slots(kdbi_plan *plan, const resolver *r, const kdb_bound *bound)
{
    plan->slots = KDB_ARENA_ARRAY(plan->bind_arena, kdbi_slot, r->count + 1);
    if (bound == NULL) { /* binding failed: keep the references where unbind finds them */
        for (size_t i = 0; i < r->count; i++) {
            plan->slots[i] = *r->resolved[i];
        }
        plan->nslots = r->count;
        return;
    }
    KDB_ASSERT(bound->ntables == r->count);
    for (size_t i = 0; i < bound->ntables; i++) {
        plan->slots[i] = *(const kdbi_slot *)bound->tables[i].handle;
    }
    plan->nslots = bound->ntables;
}

/* The statement parses: what binding refuses in it is the user's own text, whose reason everybody may see (sql.md 2). */
static kdb_status found_at_execution(kdb_status status, kdb_err *err)
{
    if (status == KDB_INVALID_SQL && err != NULL) {
        err->status = KDB_STMT_INVALID_SQL;
    }
    return status == KDB_INVALID_SQL ? KDB_STMT_INVALID_SQL : status;
}

static kdb_status bind_query(kdbi_worker *worker, kdbi_plan *plan, const kdb_query *query,
                             const kdb_principal *principal, kdb_err *err)
{
    resolver r = { .worker = worker, .plan = plan, .principal = principal };
    /* A lane's text is never run: it has no engine. */
    const char *scan = worker->conn == NULL ? "kdb_scan" : kdb_engine_scan_function(worker->conn);
    const kdb_binder binder = { .self = &r, .scan_function = scan, .engine_only = plan->engine_only, .table = resolve };
    const kdb_status status =
        kdb_dialect_bind(query, plan->stmt->nparams, &binder, plan->bind_arena, &plan->query.bound, err);
    adopt_slots(plan, &r, status == KDB_OK ? plan->query.bound : NULL);
    return found_at_execution(status, err);
}

void kdbi_plan_describe(kdbi_plan *plan)
{
    kdbi_bound_query *query = &plan->query;
    const size_t ncolumns = kdb_engine_plan_ncolumns(query->engine_plan);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_field *computed = KDB_ARENA_ARRAY(arena, kdb_field, ncolumns);
    for (size_t i = 0; i < ncolumns; i++) {
        const kdb_engine_column *from = kdb_engine_plan_column(query->engine_plan, i);
        computed[i] = (kdb_field){ from->name, from->type };
    }
    kdbi_result_describe(plan, computed, ncolumns, plan->bind_arena, &query->result);
}

/* The engine names what it does not like, not its place, which only the text that the user wrote has: `"n" must appear in the
 * GROUP BY clause`, `argument types 'sum(TEXT)'`. */
static void locate(kdb_sv text, kdb_err *err)
{
    static const char *const leads[] = { "column \"", "column ", "argument types '" };
    for (size_t i = 0; err != NULL && err->position < 0 && i < KDB_ARRAY_LEN(leads); i++) {
        const char *at = strstr(err->text, leads[i]);
        if (at == NULL) {
            continue;
        }
        const char *name = at + strlen(leads[i]);
        const kdb_sv found = kdb_sv_of(name, strcspn(name, "\"( "));
        kdb_err_at(err, found.len == 0 ? -1 : kdb_dialect_find_name(text, found));
        return;
    }
}

kdb_status kdbi_plan_prepare(kdbi_worker *worker, kdbi_plan *plan, kdb_err *err)
{
    kdbi_bound_query *query = &plan->query;
    if (query->engine_plan != NULL) {
        return KDB_OK;
    }
    if (worker->conn == NULL) {
        return KDB_FAIL(err, KDB_WOULD_BLOCK, "a lane has no engine");
    }
    describe_scans(plan);
    const kdb_status status =
        kdb_engine_prepare(worker->conn, query->bound->sql, query->scan_tables, plan->nslots, &query->engine_plan, err);
    if (status != KDB_OK) {
        locate(plan->stmt->text, err);
        return status;
    }
    kdbi_plan_describe(plan);
    query->late = query->result.ncolumns == 0;
    return KDB_OK;
}

static kdb_status bind_target(kdbi_worker *worker, kdbi_plan *plan, const kdb_table_name *name,
                              const kdb_principal *principal, kdb_err *err)
{
    const kdb_sv ns = name->ns.len != 0 ? name->ns : plan->ns;
    if (kdb_registry_is_protected(ns)) {
        return refuse_protected_write(plan, ns, name, err);
    }
    plan->target_position = name->position;
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(worker->core->registry, ns, name->name);
    if (view != NULL) {
        return refuse_view_write(plan, ns, name, err);
    }
    KDB_TRY(placed(kdb_registry_find_table(worker->core->registry, ns, name->name, &plan->target, err), name->position,
                   err));
    return check_target(plan, principal->role, err);
}

static kdb_status bind_rows(kdbi_plan *plan, const kdb_row_query *rows, kdb_err *err)
{
    if (rows == NULL) {
        return KDB_OK;
    }
    const kdb_bind_table target = bind_table_of(plan->target, plan->bind_arena);
    return kdb_dialect_bind_rows(rows, plan->stmt->nparams, &target, plan->bind_arena, &plan->rows, err);
}

static kdb_status bind_insert(kdbi_worker *worker, kdbi_plan *plan, const kdb_insert *insert,
                              const kdb_principal *principal, kdb_err *err)
{
    KDB_TRY(bind_target(worker, plan, &insert->table, principal, err));
    const kdb_query *query = insert->select != NULL ? insert->select : insert->exprs;
    if (query != NULL) {
        KDB_TRY(bind_query(worker, plan, query, principal, err));
    }
    return bind_rows(plan, insert->rows, err);
}

static kdb_status bind_statement(kdbi_worker *worker, kdbi_plan *plan, const kdb_principal *principal, kdb_err *err)
{
    const kdb_stmt *stmt = plan->stmt;
    if (stmt->kind == KDB_STMT_QUERY) {
        return bind_query(worker, plan, stmt->as.query, principal, err);
    }
    if (stmt->kind == KDB_STMT_INSERT) {
        return bind_insert(worker, plan, &stmt->as.insert, principal, err);
    }
    KDB_TRY(bind_target(worker, plan, &stmt->as.change.table, principal, err));
    KDB_TRY(bind_query(worker, plan, stmt->as.change.select, principal, err));
    return bind_rows(plan, stmt->as.change.rows, err);
}

static bool still_means(kdb_registry *registry, const kdb_table *table)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *now = kdb_registry_lookup_table(registry, table->ns, table->name);
    return now == table;
}

static bool view_still_is(kdb_registry *registry, const kdb_view *view)
{
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *now = kdb_registry_lookup_view(registry, view->ns, view->name);
    return now == view;
}

static bool names_still_mean_the_same(kdb_registry *registry, const kdbi_plan *plan)
{
    for (size_t i = 0; i < plan->nslots; i++) {
        if (plan->slots[i].table != NULL && !still_means(registry, plan->slots[i].table)) {
            return false;
        }
    }
    for (size_t i = 0; i < plan->nviews; i++) {
        if (!view_still_is(registry, plan->views[i]->view)) {
            return false;
        }
    }
    return plan->target == NULL || still_means(registry, plan->target);
}

bool kdbi_plan_is_current(kdb_core *core, const kdbi_plan *plan)
{
    return plan->epoch == kdb_registry_epoch(core->registry) || names_still_mean_the_same(core->registry, plan);
}

kdb_status kdbi_plan_bind(kdbi_worker *worker, kdbi_plan *plan, const kdb_principal *principal, kdb_err *err)
{
    kdb_registry *registry = worker->core->registry;
    const uint64_t epoch = kdb_registry_epoch(registry); /* read first: a change after this is seen next time */
    if (plan->bind_arena != NULL && (plan->epoch == epoch || names_still_mean_the_same(registry, plan))) {
        plan->epoch = epoch;
        KDB_TRY(check_rights(plan, principal, err));
        return bind_policies(plan, principal->role, err);
    }
    if (plan->bind_arena != NULL && plan->shape != NULL && !plan->transient) {
        /* The plan was taken for another text's literals: drop_stale has to look. It stays bound, to be seen as outdated. */
        return KDB_FAIL(err, KDB_CONFLICT, "A table of the statement was changed while it was planned");
    }
    unbind(plan);
    plan->bind_arena = kdb_arena_new(0);
    kdb_status status = bind_statement(worker, plan, principal, err);
    if (status == KDB_OK) {
        status = bind_policies(plan, principal->role, err);
    }
    if (status != KDB_OK) {
        unbind(plan);
        return status;
    }
    plan->epoch = epoch;
    return KDB_OK;
}

kdb_status kdbi_plan_judge(kdbi_worker *worker, kdbi_plan *plan, const kdb_exec *exec, kdb_err *err)
{
    kdbi_bound_query *query = &plan->query;
    if (query->judged || query->bound == NULL || !query->bound->for_trees) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    size_t nparams = 0;
    const kdb_value *params = kdbi_run_params(exec, plan, arena, &nparams);
    query->judged = true;
    if (worker->core->use_native && kdbi_native_get(plan, params, nparams) != NULL) {
        return KDB_OK;
    }
    unbind(plan);
    plan->engine_only = true;
    return kdbi_plan_bind(worker, plan, kdbi_exec_principal(exec), err);
}

/* ---- plans ---- */

static char key_kind(const kdbi_plan_text *text)
{
    /* names hold no such byte */
    return (char)((text->internal ? 1 : 0) | (text->shape != NULL ? 2 : 0) | (text->live ? 4 : 0));
}

static kdb_sv key_body(const kdbi_plan_text *text)
{
    return text->shape != NULL ? text->shape->key : text->text;
}

static kdb_sv plan_key(kdb_arena *arena, const kdbi_plan_text *text)
{
    const kdb_sv body = key_body(text);
    char *key = kdb_arena_alloc_raw(arena, text->ns.len + body.len + 1);
    memcpy(key, text->ns.ptr, text->ns.len);
    key[text->ns.len] = key_kind(text);
    memcpy(key + text->ns.len + 1, body.ptr, body.len);
    return kdb_sv_of(key, text->ns.len + body.len + 1);
}

static bool has_key(const kdbi_plan *plan, const kdbi_plan_text *text)
{
    const kdb_sv body = key_body(text);
    const char *key = plan->key.ptr;
    return plan->key.len == text->ns.len + body.len + 1 && memcmp(key, text->ns.ptr, text->ns.len) == 0 &&
           key[text->ns.len] == key_kind(text) && memcmp(key + text->ns.len + 1, body.ptr, body.len) == 0;
}

static kdb_shape *keep_shape(const kdb_shape *shape, kdb_sv key, kdb_arena *arena)
{
    kdb_shape *kept = KDB_ARENA_NEW(arena, kdb_shape);
    *kept = *shape;
    kept->key = key;
    kept->literals = KDB_ARENA_ARRAY(arena, kdb_shape_literal, shape->nliterals);
    for (size_t i = 0; i < shape->nliterals; i++) {
        kept->literals[i] = shape->literals[i];
        if (shape->literals[i].value.type.kind == KDB_TYPE_TEXT) {
            kept->literals[i].value.as.bytes = kdb_sv_dup(arena, shape->literals[i].value.as.bytes);
        }
    }
    return kept;
}

static bool extras_take(const kdb_extra *extras, size_t nextras, const kdb_shape *shape)
{
    kdb_value value;
    for (size_t i = 0; i < nextras; i++) {
        const kdb_extra *extra = &extras[i];
        if (extra->kind == KDB_EXTRA_LITERAL &&
            !kdb_extra_literal(extra, &shape->literals[extra->literal].value, &value)) {
            return false;
        }
    }
    return true;
}

bool kdbi_plan_serves(const kdbi_plan *plan, const kdb_shape *shape)
{
    const bool *in_cells = plan->stmt->lifted;
    const kdb_bound *bound = plan->query.bound;
    const bool *in_query = bound == NULL ? NULL : bound->lifted;
    const bool *in_rows = plan->rows == NULL ? NULL : plan->rows->lifted;
    for (size_t i = 0; i < shape->nliterals; i++) {
        const bool lifted =
            (in_cells != NULL && in_cells[i]) || (in_query != NULL && in_query[i]) || (in_rows != NULL && in_rows[i]);
        if (!lifted && !kdb_value_same(&plan->shape->literals[i].value, &shape->literals[i].value)) {
            return false;
        }
    }
    return (bound == NULL || extras_take(bound->extras, bound->nextras, shape)) &&
           (plan->rows == NULL || extras_take(plan->rows->extras, plan->rows->nextras, shape));
}

/* Rows written out in numbers and strings come once each: caching their plans would only push useful ones out. Where all of
 * the values are lifted, the plan serves every such text. */
static bool is_transient(const kdb_stmt *stmt, const kdb_shape *shape)
{
    if ((kdb_stmt_defs[stmt->kind].flags & KDB_STMT_PLANNED) == 0) {
        return true;
    }
    if (stmt->kind != KDB_STMT_INSERT || stmt->as.insert.select != NULL || stmt->as.insert.exprs != NULL ||
        stmt->as.insert.rows != NULL || stmt->nparams != 0) {
        return false;
    }
    for (size_t i = 0; shape != NULL && i < shape->nliterals; i++) {
        if (stmt->lifted == NULL || !stmt->lifted[i]) {
            return true;
        }
    }
    return shape == NULL;
}

/* ---- places ---- */

int32_t kdbi_plan_position(const kdbi_plan *plan, const kdb_shaped_text *running, int32_t position)
{
    const kdb_shaped_text own = { plan->stmt->text, plan->shape };
    if (position < 0 || own.shape == NULL || running->shape == NULL || kdb_sv_eq(own.text, running->text)) {
        return position;
    }
    return kdb_shape_position(&own, position, running);
}

void kdbi_plan_place_error(const kdbi_plan *plan, kdb_exec *exec, kdb_err *err)
{
    if (err != NULL && !exec->placed) {
        const kdb_shaped_text running = { kdbi_exec_text(exec), exec->shape };
        err->position = kdbi_plan_position(plan, &running, err->position);
        exec->placed = true;
    }
}

static kdb_status plan_new(const kdbi_plan_text *text, kdbi_plan **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_plan *plan = KDB_ARENA_NEW(arena, kdbi_plan);
    plan->key = plan_key(arena, text);
    plan->ns = kdb_sv_of(plan->key.ptr, text->ns.len);
    plan->internal = text->internal;
    plan->live = text->live;
    plan->shape = text->shape == NULL ? NULL : keep_shape(text->shape, plan->key, arena);
    KDB_TRY(kdb_dialect_parse(kdb_sv_dup(arena, text->text), plan->shape, arena, &plan->stmt, err));
    plan->transient = is_transient(plan->stmt, plan->shape);
    plan->arena = KDB_TAKE(arena);
    *out = plan;
    return KDB_OK;
}

/* Which literals are lifted depends on the types of columns: bound anew after DDL, a plan may hold literals of its own text
 * where it took the caller's before. Then it serves its own text only. NULL when it does not serve `shape`. */
static kdbi_plan *drop_stale(kdbi_worker *worker, kdbi_plan *plan, const kdb_shape *shape)
{
    kdb_registry *registry = worker->core->registry;
    if (plan == NULL || shape == NULL || plan->bind_arena == NULL || plan->epoch == kdb_registry_epoch(registry) ||
        names_still_mean_the_same(registry, plan)) {
        return plan;
    }
    unbind(plan);
    return kdbi_plan_serves(plan, shape) ? plan : NULL;
}

static kdbi_plan *lookup(kdbi_worker *worker, const kdbi_plan_text *text)
{
    kdbi_plan *last = kdbi_plan_cache_newest(worker->plans);
    if (last != NULL && has_key(last, text) && (text->shape == NULL || kdbi_plan_serves(last, text->shape))) {
        return last;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    return kdbi_plan_cache_lookup(worker->plans, plan_key(arena, text), text->shape);
}

kdb_status kdbi_plan_get(kdbi_worker *worker, const kdbi_plan_text *text, kdbi_plan **out, bool *owned, kdb_err *err)
{
    kdbi_plan *plan = drop_stale(worker, lookup(worker, text), text->shape);
    *owned = false;
    if (plan == NULL) {
        KDB_TRY(plan_new(text, &plan, err));
        *owned = plan->transient;
        if (!plan->transient) {
            kdbi_plan_cache_put(worker->plans, plan);
        }
    }
    *out = plan;
    return KDB_OK;
}

kdb_sql_piece kdbi_plan_last_text(const kdbi_worker *worker, kdb_shape *shape)
{
    const kdbi_plan *last = kdbi_plan_cache_newest(worker->plans);
    if (last == NULL || last->shape == NULL) {
        return (kdb_sql_piece){ .shape = NULL };
    }
    const size_t before = last->ns.len + 1; /* of the shape's key in the plan's */
    *shape = *last->shape;
    shape->key = kdb_sv_of(last->key.ptr + before, last->key.len - before);
    return (kdb_sql_piece){ .text = last->stmt->text, .shape = shape };
}

void kdbi_plan_free(kdbi_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    unbind(plan);
    kdb_arena_free(plan->arena);
}
