/* dialect_rows.c - expressions over a table's rows, one row at a time: RETURNING's list, what DO UPDATE sets and asks, and
 * the conditions of policies. They never reach the engine, yet are bound like everything else: the engine's text is written
 * and thrown away, so that every name, function and operator is checked by the one binder there is. */
#include "dialect_int.h"

kdb_row_query *kdbi_row_query(kdb_row_query **rows, kdb_sv text, const PgQuery__RangeVar *target, kdb_arena *arena)
{
    if (*rows == NULL) {
        *rows = KDB_ARENA_NEW(arena, kdb_row_query);
        (*rows)->query.text = text;
        (*rows)->target = target;
    }
    return *rows;
}

kdb_query *kdbi_row_text(kdb_row_query *rows)
{
    return rows == NULL ? NULL : &rows->query;
}

void kdbi_parse_returning(kdb_row_query **rows, PgQuery__Node *const *list, size_t nlist, kdb_sv text,
                          const PgQuery__RangeVar *target, kdb_arena *arena)
{
    if (nlist != 0) {
        kdb_row_query *query = kdbi_row_query(rows, text, target, arena);
        query->returning = list;
        query->nreturning = nlist;
    }
}

/* ---- what can be named ---- */

/* The target's columns, its key's place, and EXCLUDED's columns, as if they were columns of one table. */
static const kdb_bind_table *both_rows(kdbi_binding *b, const kdb_bind_table *target)
{
    const size_t n = target->ncolumns;
    kdb_field *columns = KDB_ARENA_ARRAY(b->arena, kdb_field, 2 * n + 1);
    kdb_bind_table *both = KDB_ARENA_NEW(b->arena, kdb_bind_table);
    memcpy(columns, target->columns, n * sizeof(*columns));
    memcpy(columns + n + 1, target->columns, n * sizeof(*columns));
    *both = *target;
    both->columns = columns;
    return both;
}

static bool is_system_name(kdb_sv name)
{
    return name.len != 0 && name.ptr[0] == '_';
}

/* System columns belong to rows that are stored, which EXCLUDED is not. */
static kdbi_relation *row_relation(kdbi_binding *b, const kdb_bind_table *both, kdb_sv alias, uint32_t first,
                                   bool stored)
{
    kdbi_relation *relation = KDB_ARENA_NEW(b->arena, kdbi_relation);
    relation->alias = alias;
    relation->engine = alias;
    relation->table = both;
    relation->slot = 0;
    for (size_t i = 0; i < both->ncolumns; i++) {
        if (stored || !is_system_name(both->columns[i].name)) {
            kdbi_column *column = kdbi_columns_add(&relation->columns, b->arena);
            column->name = both->columns[i].name;
            column->engine = column->name;
            column->slot = 0;
            column->column = first + (uint32_t)i;
        }
    }
    return relation;
}

static kdb_status target_relation(kdbi_binding *b, const kdb_bind_table *both, const PgQuery__RangeVar *var,
                                  kdbi_relation **out)
{
    kdb_table_name name;
    KDB_TRY(kdbi_range_var_name(var, b->query->text, b->arena, &name, b->err));
    *out = row_relation(b, both, var->alias == NULL ? name.name : kdb_sv_cstr(var->alias->aliasname), 0, true);
    (*out)->ns = var->alias == NULL ? name.ns : kdb_sv_of("", 0);
    return KDB_OK;
}

/* ---- expressions ---- */

static void set_node(const kdbi_expr *e, const PgQuery__Node *node, kdb_row_expr *out)
{
    kdb_extra lifted;
    out->node = kdbi_lift_alone(e->b, node, &lifted) ? kdbi_tree_lifted(e, &lifted) : kdbi_tree(e, node);
    out->position = kdbi_node_location(node);
    out->constant = kdbi_is_constant(node);
}

static kdb_status bind_expr(const kdbi_expr *e, const PgQuery__Node *node, const char *clause, kdb_row_expr *out)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf unused = { .limit = KDBI_TEXT_MAX };
    KDB_TRY(kdbi_emit_expr(e, node, &unused));
    if (e->scope->has_aggregate || e->scope->has_window) {
        return KDBI_REFUSE(e->b, kdbi_node_location(node), "%s functions are not allowed in %s",
                           e->scope->has_aggregate ? "aggregate" : "window", clause);
    }
    set_node(e, node, out);
    return KDB_OK;
}

/* ---- RETURNING ---- */

typedef struct returning_list {
    const kdbi_expr *e;
    kdb_row_exprs *out;
} returning_list;

static kdb_row_expr *add_result(returning_list *list)
{
    return KDB_ARENA_PUSH(list->e->b->arena, list->out->returning, list->out->nreturning);
}

static void add_star(returning_list *list, int32_t position)
{
    const kdbi_relation *target = list->e->scope->relations[0];
    for (size_t i = 0; i < target->columns.count; i++) {
        const kdbi_column *column = &target->columns.items[i];
        if (is_system_name(column->name)) {
            continue;
        }
        kdb_node *node = KDB_ARENA_NEW(list->e->b->arena, kdb_node);
        *node = (kdb_node){ .kind = KDB_NODE_COLUMN, .position = position, .column = column->column };
        *add_result(list) = (kdb_row_expr){ .node = node, .position = position, .name = column->name };
    }
}

static kdb_status add_column(returning_list *list, const PgQuery__ResTarget *target)
{
    const PgQuery__ColumnRef *ref = target->val->column_ref;
    kdbi_binding *b = list->e->b;
    kdbi_found found;
    if (kdbi_is_star(ref)) {
        const kdbi_relation *relation = NULL;
        KDB_TRY(kdbi_resolve_star(b, list->e->scope, ref, &relation));
        add_star(list, ref->location);
        return KDB_OK;
    }
    KDB_TRY(kdbi_resolve(b, list->e->scope, ref, &found));
    kdb_row_expr *result = add_result(list);
    set_node(list->e, target->val, result);
    result->name = target->name[0] == '\0' ? found.name : kdb_sv_cstr(target->name);
    return KDB_OK;
}

static kdb_status add_expr(returning_list *list, const PgQuery__ResTarget *target)
{
    kdbi_binding *b = list->e->b;
    kdb_row_expr *result = add_result(list);
    const bool shown = target->name[0] == '\0'; /* literals stay in titles */
    b->frozen += shown;
    KDB_TRY(bind_expr(list->e, target->val, "RETURNING", result));
    b->frozen -= shown;
    result->name = target->name[0] == '\0' ? kdbi_title(b->query->text, target->location, target->val, b->arena)
                                           : kdb_sv_cstr(target->name);
    return KDB_OK;
}

static kdb_status bind_returning(returning_list *list, const kdb_row_query *query)
{
    kdbi_binding *b = list->e->b;
    for (size_t i = 0; i < query->nreturning; i++) {
        const PgQuery__Node *node = query->returning[i];
        if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || node->res_target->val == NULL ||
            node->res_target->n_indirection != 0) {
            return KDBI_REFUSE(b, kdbi_node_location(node), "this form of a RETURNING list is not supported");
        }
        const PgQuery__ResTarget *target = node->res_target;
        KDB_TRY(target->val->node_case == PG_QUERY__NODE__NODE_COLUMN_REF ? add_column(list, target)
                                                                          : add_expr(list, target));
        if (list->out->nreturning > KDBI_COLUMNS_MAX) { /* `*` makes much of little text */
            return KDBI_REFUSE(b, target->location, "RETURNING has more than %d columns", KDBI_COLUMNS_MAX);
        }
    }
    return KDB_OK;
}

/* ---- DO UPDATE ---- */

static kdb_status bind_update(const kdbi_expr *e, const kdb_row_query *query, kdb_row_exprs *out)
{
    out->nset = query->set == NULL ? 0 : query->set->n_target_list;
    out->set = KDB_ARENA_ARRAY(e->b->arena, kdb_row_expr, out->nset + 1);
    for (size_t i = 0; i < out->nset; i++) {
        KDB_TRY(bind_expr(e, query->set->target_list[i]->res_target->val, "ON CONFLICT DO UPDATE", &out->set[i]));
    }
    if (query->where != NULL) {
        out->where = KDB_ARENA_NEW(e->b->arena, kdb_row_expr);
        KDB_TRY(bind_expr(e, query->where, "ON CONFLICT DO UPDATE", out->where));
    }
    return KDB_OK;
}

/* ---- the whole ---- */

/* A subquery that reads a table is bound no further. */
static kdb_status no_tables(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out, kdb_err *err)
{
    (void)self;
    (void)dml_target;
    (void)out;
    return KDB_FAIL_AT(err, name->position, KDB_INVALID_SQL,
                       "RETURNING and ON CONFLICT take no subqueries: they see the row that is written only");
}

static void only_slot(kdbi_binding *b, const kdb_bind_table *both)
{
    b->slots = NULL;
    b->bound->tables = NULL;
    b->bound->ntables = 0;
    (void)kdbi_slot_add(b, both);
}

static kdb_status bind_rows(kdbi_binding *b, const kdb_row_query *query, const kdb_bind_table *target,
                            kdb_row_exprs *out)
{
    const kdb_bind_table *both = both_rows(b, target);
    const kdbi_context context = { 0 };
    kdbi_scope returning = { 0 };
    kdbi_scope update = { 0 };
    kdbi_relation *relation = NULL;
    only_slot(b, both);
    out->excluded = (uint32_t)target->ncolumns + 1;
    KDB_TRY(target_relation(b, both, query->target, &relation));
    KDB_TRY(kdbi_scope_add(b, &returning, relation, query->target->location));
    KDB_TRY(kdbi_scope_add(b, &update, relation, query->target->location));
    if (query->set != NULL || query->where != NULL) {
        kdbi_relation *excluded = row_relation(b, both, KDB_SV("excluded"), out->excluded, false);
        KDB_TRY(kdbi_scope_add(b, &update, excluded, query->target->location));
    }
    const kdbi_expr update_expr = kdbi_expr_in(b, &context, &update);
    KDB_TRY(bind_update(&update_expr, query, out));
    const kdbi_expr returning_expr = kdbi_expr_in(b, &context, &returning);
    returning_list list = { .e = &returning_expr, .out = out };
    return bind_returning(&list, query);
}

kdb_status kdb_dialect_bind_rows(const kdb_row_query *query, uint32_t nparams, const kdb_bind_table *target,
                                 kdb_arena *arena, kdb_row_exprs **out, kdb_err *err)
{
    static const kdb_binder binder = { .scan_function = "", .table = no_tables };
    kdbi_binding b = { .query = &query->query, .binder = &binder, .arena = arena, .err = err, .nparams = nparams };
    kdb_row_exprs *rows = KDB_ARENA_NEW(arena, kdb_row_exprs);
    b.bound = KDB_ARENA_NEW(arena, kdb_bound);
    kdbi_begin_lifting(&b);
    b.param_used = KDB_ARENA_ARRAY(arena, bool, nparams + 1);
    KDB_TRY(bind_rows(&b, query, target, rows));
    rows->extras = b.bound->extras;
    rows->nextras = b.bound->nextras;
    rows->lifted = b.bound->lifted;
    *out = rows;
    return KDB_OK;
}

/* ---- conditions of policies ---- */

static const kdb_sv before_condition = { "SELECT 1 WHERE (", 16 };

static void place_in_condition(kdb_err *err, size_t len)
{
    if (err != NULL && err->position >= 0) {
        const int32_t at = err->position - (int32_t)before_condition.len;
        err->position = at < 0 ? 0 : at > (int32_t)len ? (int32_t)len : at;
    }
}

/* The brackets hold whatever is between them together: this is for a lexer and a grammar that differ. */
static bool is_only_where(const PgQuery__SelectStmt *select)
{
    return select->where_clause != NULL && select->larg == NULL && select->n_target_list == 1 &&
           select->n_from_clause == 0 && select->n_group_clause == 0 && select->having_clause == NULL &&
           select->n_sort_clause == 0 && select->limit_count == NULL && select->limit_offset == NULL &&
           select->n_locking_clause == 0 && select->n_window_clause == 0;
}

static kdb_status parse_condition(kdb_sv whole, kdb_arena *arena, const PgQuery__SelectStmt **out, kdb_err *err)
{
    const PgQuery__Node *node = NULL;
    uint32_t nparams = 0;
    KDB_TRY(kdbi_pg_parse(whole, arena, &node, &nparams, err));
    if (node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || !is_only_where(node->select_stmt)) {
        return KDB_FAIL_AT(err, (int32_t)before_condition.len, KDB_INVALID_SQL, "syntax error in a policy's condition");
    }
    if (nparams != 0) {
        return KDB_FAIL_AT(err, (int32_t)before_condition.len, KDB_INVALID_SQL,
                           "a policy's condition cannot have parameters");
    }
    *out = node->select_stmt;
    return KDB_OK;
}

kdb_status kdbi_parse_condition(kdb_sv text, kdb_arena *arena, kdb_sv *out_text, const PgQuery__SelectStmt **out,
                                kdb_err *err)
{
    *out_text = kdb_sv_printf(arena, "%.*s%.*s)", KDB_SV_ARG(before_condition), KDB_SV_ARG(text));
    const kdb_status status = parse_condition(*out_text, arena, out, err);
    if (status != KDB_OK) {
        place_in_condition(err, text.len);
    }
    return status;
}

static kdb_status refuse_tables(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out,
                                kdb_err *err)
{
    (void)self;
    (void)dml_target;
    (void)out;
    return KDB_FAIL_AT(err, name->position, KDB_INVALID_SQL,
                       "a policy's condition takes no subqueries: it sees one row of its table");
}

/* Every kind of value that the server supplies has the same number in every condition, used or not. */
static void number_extras(kdbi_binding *b)
{
    b->bound->extras = KDB_ARENA_ARRAY(b->arena, kdb_extra, KDB_EXTRA_LITERAL);
    for (int kind = 0; kind < KDB_EXTRA_LITERAL; kind++) {
        b->bound->extras[kind].kind = (kdb_extra_kind)kind;
    }
    b->bound->nextras = KDB_EXTRA_LITERAL;
}

static kdb_status bind_condition(kdbi_binding *b, const kdb_table_name *table, const kdb_bind_table *target,
                                 const PgQuery__Node *node, bool *used, kdb_node **out)
{
    kdb_bind_table *plain = KDB_ARENA_NEW(b->arena, kdb_bind_table);
    *plain = *target;
    plain->has_seq = false; /* a row that is about to be written has none */
    plain->deleted_is_false = false;
    kdbi_scope scope = { 0 };
    const kdbi_context context = { 0 };
    only_slot(b, plain);
    kdbi_relation *relation = row_relation(b, plain, table->name, 0, false);
    relation->ns = table->ns;
    relation->used = used;
    KDB_TRY(kdbi_scope_add(b, &scope, relation, -1));
    const kdbi_expr e = kdbi_expr_in(b, &context, &scope);
    kdb_row_expr bound = { 0 };
    KDB_TRY(bind_expr(&e, node, "a policy's condition", &bound));
    if (bound.node == NULL) {
        return KDBI_REFUSE(b, bound.position, "a policy's condition cannot have an expression of this kind");
    }
    *out = bound.node;
    return KDB_OK;
}

kdb_status kdb_dialect_bind_condition(kdb_sv text, const kdb_table_name *table, const kdb_bind_table *target,
                                      kdb_arena *arena, bool *used, kdb_node **out, kdb_err *err)
{
    static const kdb_binder binder = { .scan_function = "", .table = refuse_tables };
    const PgQuery__SelectStmt *select = NULL;
    kdb_query query = { 0 };
    KDB_TRY(kdbi_parse_condition(text, arena, &query.text, &select, err));
    kdbi_binding b = { .query = &query, .binder = &binder, .arena = arena, .err = err };
    b.bound = KDB_ARENA_NEW(arena, kdb_bound);
    b.param_used = KDB_ARENA_ARRAY(arena, bool, 1);
    number_extras(&b);
    const kdb_status status = bind_condition(&b, table, target, select->where_clause, used, out);
    if (status != KDB_OK) {
        place_in_condition(err, text.len);
    }
    return status;
}
