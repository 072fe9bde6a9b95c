/* dialect_from.c - FROM items to engine text: tables become calls of the engine's scan function for their slot, WITH
 * names and subqueries become what we call them. No name that a user wrote is ever looked up by the engine. */
#include "dialect_int.h"

/* ---- relations ---- */

static kdbi_relation *new_relation(kdbi_binding *b, kdb_sv alias)
{
    kdbi_relation *relation = KDB_ARENA_NEW(b->arena, kdbi_relation);
    relation->alias = alias;
    relation->engine = alias;
    relation->slot = -1;
    return relation;
}

/* AS a(x, y): the first columns get these names, for users and engine alike. */
static kdb_status apply_alias_columns(kdbi_binding *b, kdbi_relation *relation, const PgQuery__Alias *alias,
                                      int32_t position)
{
    if (alias == NULL || alias->n_colnames == 0) {
        return KDB_OK;
    }
    if (alias->n_colnames > relation->columns.count) {
        return KDBI_REFUSE(b, position, "table \"%.*s\" has %zu columns available but %zu columns specified",
                           KDB_SV_ARG(relation->alias), relation->columns.count, alias->n_colnames);
    }
    for (size_t i = 0; i < alias->n_colnames; i++) {
        const char *name = kdbi_node_string(alias->colnames[i]);
        relation->columns.items[i].name = kdb_sv_cstr(name == NULL ? "" : name);
    }
    return KDB_OK;
}

/* AS "alias"("column", ..), the list only when the engine would name the columns otherwise. */
static void emit_alias(const kdbi_relation *relation, bool with_columns, kdb_buf *out)
{
    kdb_buf_append_lit(out, " AS ");
    kdbi_emit_name(relation->engine, out);
    for (size_t i = 0; i < relation->columns.count && with_columns; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("(") : KDB_SV(", "));
        kdbi_emit_name(relation->columns.items[i].engine, out);
    }
    if (with_columns && relation->columns.count != 0) {
        kdb_buf_append_byte(out, ')');
    }
}

/* Names settled, the relation joins the scope. */
static kdb_status finish_relation(kdbi_binding *b, kdbi_scope *scope, kdbi_relation *relation,
                                  const PgQuery__Alias *alias, int32_t position, kdb_buf *out)
{
    bool renamed = false;
    KDB_TRY(apply_alias_columns(b, relation, alias, position));
    KDB_TRY(kdbi_columns_unique(b, &relation->columns, position, &renamed));
    KDB_TRY(kdbi_scope_add(b, scope, relation, position));
    emit_alias(relation, renamed || (alias != NULL && alias->n_colnames != 0), out);
    return KDB_OK;
}

/* ---- tables ---- */

kdb_bound_table *kdbi_slot_add(kdbi_binding *b, const kdb_bind_table *table)
{
    KDB_ARENA_ROOM(b->arena, b->slots, b->bound->ntables);
    b->slots[b->bound->ntables] = table;
    return KDB_ARENA_PUSH(b->arena, b->bound->tables, b->bound->ntables);
}

static uint32_t take_slot(kdbi_binding *b, const kdb_bind_table *table)
{
    const size_t slot = b->bound->ntables;
    kdb_bound_table *bound = kdbi_slot_add(b, table);
    bound->handle = table->handle;
    bound->in_view = b->view_depth > 0;
    bound->used = KDB_ARENA_ARRAY(b->arena, bool, table->ncolumns + 1);
    return (uint32_t)slot;
}

static void table_columns(kdbi_binding *b, const kdb_bind_table *table, int32_t slot, kdbi_columns *out)
{
    for (size_t i = 0; i < table->ncolumns; i++) {
        kdbi_column *column = kdbi_columns_add(out, b->arena);
        column->name = table->columns[i].name;
        column->slot = slot;
        column->column = (uint32_t)i;
    }
}

static kdb_status check_range_var(kdbi_binding *b, const PgQuery__RangeVar *var)
{
    if (!var->inh) {
        return KDBI_REFUSE(b, var->location, "ONLY is not supported");
    }
    return KDB_OK;
}

static kdb_sv alias_of(const PgQuery__Alias *alias, kdb_sv otherwise)
{
    return alias == NULL ? otherwise : kdb_sv_cstr(alias->aliasname);
}

/* a.t and b.t side by side keep apart for the engine too. */
static void tell_apart(kdbi_binding *b, const kdbi_scope *scope, kdbi_relation *relation)
{
    for (size_t i = 0; i < scope->nrelations && relation->ns.len != 0; i++) {
        if (kdb_sv_ieq(scope->relations[i]->engine, relation->engine)) {
            relation->engine =
                kdb_sv_printf(b->arena, "%.*s.%.*s", KDB_SV_ARG(relation->ns), KDB_SV_ARG(relation->alias));
            return;
        }
    }
}

/* Asks the caller what the name means. In a view, names are the view's, and their places are not the statement's. */
static kdb_status find_table(kdbi_binding *b, kdb_table_name name, bool dml_target, kdb_bind_table *out)
{
    if (b->view_depth > 0) {
        name.ns = name.ns.len == 0 ? b->view_ns : name.ns;
        name.position = b->view_position;
    }
    const kdb_status status = b->binder->table(b->binder->self, &name, dml_target, out, b->err);
    if (status != KDB_OK && b->err != NULL) {
        kdb_err_at(b->err, name.position);
    }
    return status;
}

static void note_view(kdbi_binding *b, const kdb_bind_view *view, kdbi_relation *relation)
{
    kdb_bound *bound = b->bound;
    if (b->view_depth > 0) {
        return;
    }
    relation->used = KDB_ARENA_ARRAY(b->arena, bool, view->ncolumns + 1);
    *KDB_ARENA_PUSH(b->arena, bound->views, bound->nviews) = (kdb_bound_view){ view, relation->used };
}

static bool is_column(const PgQuery__Node *target)
{
    const PgQuery__Node *value = target->node_case == PG_QUERY__NODE__NODE_RES_TARGET ? target->res_target->val : NULL;
    return value != NULL && value->node_case == PG_QUERY__NODE__NODE_COLUMN_REF;
}

/* SELECT columns FROM one item [WHERE ..]: every row comes from a row of the item, whatever other rows there are. */
static bool is_plain_select(const PgQuery__SelectStmt *select)
{
    bool plain = select->op == PG_QUERY__SET_OPERATION__SETOP_NONE && select->n_from_clause == 1 &&
                 select->from_clause[0]->node_case == PG_QUERY__NODE__NODE_RANGE_VAR &&
                 select->n_distinct_clause == 0 && select->n_group_clause == 0 && select->having_clause == NULL &&
                 select->n_window_clause == 0 && select->limit_count == NULL && select->limit_offset == NULL &&
                 select->with_clause == NULL;
    for (size_t i = 0; i < select->n_target_list && plain; i++) {
        plain = is_column(select->target_list[i]);
    }
    return plain;
}

static kdb_status emit_view_use(kdbi_binding *b, kdbi_scope *scope, const PgQuery__RangeVar *var,
                                const kdb_table_name *name, const kdb_bind_view *view, kdb_buf *out)
{
    kdbi_relation *relation = new_relation(b, alias_of(var->alias, name->name));
    bool renamed = false;
    relation->ns = var->alias == NULL ? name->ns : kdb_sv_of("", 0);
    note_view(b, view, relation);
    tell_apart(b, scope, relation);
    const size_t tables = b->bound->ntables;
    const size_t views = b->nviews;
    KDB_TRY(kdbi_emit_view(b, view, name, out, &relation->columns));
    relation->is_plain =
        is_plain_select(view->query->select) && b->bound->ntables == tables + 1 && b->nviews == views + 1;
    KDB_TRY(apply_alias_columns(b, relation, var->alias, var->location));
    KDB_TRY(kdbi_columns_unique(b, &relation->columns, var->location, &renamed));
    KDB_TRY(kdbi_scope_add(b, scope, relation, var->location));
    emit_alias(relation, true, out);
    return KDB_OK;
}

static kdb_status emit_table(kdbi_binding *b, kdbi_scope *scope, const PgQuery__RangeVar *var, bool dml_target,
                             kdb_buf *out)
{
    kdb_table_name name;
    kdb_bind_table *table = KDB_ARENA_NEW(b->arena, kdb_bind_table);
    KDB_TRY(kdbi_range_var_name(var, b->query->text, b->arena, &name, b->err));
    if (b->bound->ntables == KDBI_TABLES_MAX) {
        return KDBI_REFUSE(b, var->location, "the statement reads more than %d tables", KDBI_TABLES_MAX);
    }
    KDB_TRY(find_table(b, name, dml_target, table));
    if (table->view != NULL) {
        return emit_view_use(b, scope, var, &name, table->view, out);
    }
    const uint32_t slot = take_slot(b, table);
    kdbi_relation *relation = new_relation(b, alias_of(var->alias, name.name));
    relation->ns = var->alias == NULL ? name.ns : kdb_sv_of("", 0);
    relation->slot = (int32_t)slot;
    relation->table = table;
    relation->used = b->bound->tables[slot].used;
    table_columns(b, table, (int32_t)slot, &relation->columns);
    tell_apart(b, scope, relation);
    kdb_buf_printf(out, "%s(%u)", b->binder->scan_function, slot);
    return finish_relation(b, scope, relation, var->alias, var->location, out);
}

kdb_status kdbi_emit_target(kdbi_binding *b, kdbi_scope *scope, const PgQuery__RangeVar *var, kdb_buf *out)
{
    KDB_TRY(check_range_var(b, var));
    return emit_table(b, scope, var, true, out);
}

static const kdbi_cte *find_cte(const kdbi_context *context, const PgQuery__RangeVar *var)
{
    if (var->schemaname[0] != '\0' || var->catalogname[0] != '\0') {
        return NULL;
    }
    for (const kdbi_cte *cte = context->ctes; cte != NULL; cte = cte->next) {
        if (kdb_sv_eq(cte->name, kdb_sv_cstr(var->relname))) {
            return cte;
        }
    }
    return NULL;
}

static kdb_status emit_cte_use(kdbi_binding *b, kdbi_scope *scope, const kdbi_cte *cte, const PgQuery__RangeVar *var,
                               kdb_buf *out)
{
    kdbi_relation *relation = new_relation(b, alias_of(var->alias, cte->name));
    for (size_t i = 0; i < cte->columns.count; i++) {
        *kdbi_columns_add(&relation->columns, b->arena) = cte->columns.items[i];
    }
    kdbi_emit_name(cte->engine, out);
    bool renamed = false;
    KDB_TRY(apply_alias_columns(b, relation, var->alias, var->location));
    if (var->alias != NULL && var->alias->n_colnames != 0) {
        KDB_TRY(kdbi_columns_unique(b, &relation->columns, var->location, &renamed));
        renamed = true;
    }
    KDB_TRY(kdbi_scope_add(b, scope, relation, var->location));
    emit_alias(relation, renamed, out);
    return KDB_OK;
}

static kdb_status emit_range_var(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                 const PgQuery__RangeVar *var, kdb_buf *out)
{
    KDB_TRY(check_range_var(b, var));
    const kdbi_cte *cte = find_cte(context, var);
    return cte != NULL ? emit_cte_use(b, scope, cte, var, out) : emit_table(b, scope, var, false, out);
}

/* ---- subqueries and functions ---- */

/* What a LATERAL item sees besides: the items before it. */
static kdbi_context item_context(const kdbi_context *context, const kdbi_scope *scope, bool lateral)
{
    return (kdbi_context){ lateral ? scope : context->outer, context->ctes };
}

static kdb_status emit_subselect(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                 const PgQuery__RangeSubselect *sub, kdb_buf *out)
{
    if (sub->subquery == NULL || sub->subquery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || sub->alias == NULL) {
        return KDBI_REFUSE(b, -1, "subquery in FROM must have an alias");
    }
    kdbi_relation *relation = new_relation(b, kdb_sv_cstr(sub->alias->aliasname));
    const kdbi_context inner = item_context(context, scope, sub->lateral);
    kdb_buf_append_sv(out, sub->lateral ? KDB_SV("LATERAL (") : KDB_SV("("));
    const size_t tables = b->bound->ntables;
    const size_t views = b->nviews;
    KDB_TRY(kdbi_emit_query(b, &inner, sub->subquery->select_stmt, out, &relation->columns));
    for (size_t i = tables; i < b->bound->ntables; i++) {
        b->bound->tables[i].in_subquery = true;
    }
    relation->is_plain =
        is_plain_select(sub->subquery->select_stmt) && b->bound->ntables == tables + 1 && b->nviews == views;
    kdb_buf_append_byte(out, ')');
    return finish_relation(b, scope, relation, sub->alias, -1, out);
}

static kdb_status check_range_function(kdbi_binding *b, const PgQuery__RangeFunction *function,
                                       const PgQuery__FuncCall **out)
{
    const PgQuery__Node *item = function->n_functions == 1 ? function->functions[0] : NULL;
    const bool list = item != NULL && item->node_case == PG_QUERY__NODE__NODE_LIST && item->list->n_items >= 1;
    const PgQuery__Node *call = list ? item->list->items[0] : NULL;
    if (function->ordinality || function->is_rowsfrom || function->n_coldeflist != 0 || call == NULL ||
        call->node_case != PG_QUERY__NODE__NODE_FUNC_CALL) {
        return KDBI_REFUSE(b, kdbi_node_location(call), "this form of a function in FROM is not supported");
    }
    *out = call->func_call;
    return KDB_OK;
}

/* One column, called like the function or its alias. The engine treats all of these as LATERAL. */
static kdb_status emit_function(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                const PgQuery__RangeFunction *function, kdb_buf *out)
{
    const PgQuery__FuncCall *call = NULL;
    KDB_TRY(check_range_function(b, function, &call));
    const kdbi_context inner = item_context(context, scope, true);
    kdbi_scope arguments = { .outer = scope };
    const kdbi_expr e = kdbi_expr_in(b, &inner, &arguments);
    kdb_sv name;
    KDB_TRY(kdbi_emit_table_call(&e, call, out, &name));
    kdbi_relation *relation = new_relation(b, alias_of(function->alias, name));
    kdbi_columns_add(&relation->columns, b->arena)->name = relation->alias;
    bool renamed = false;
    KDB_TRY(apply_alias_columns(b, relation, function->alias, call->location));
    KDB_TRY(kdbi_columns_unique(b, &relation->columns, call->location, &renamed));
    KDB_TRY(kdbi_scope_add(b, scope, relation, call->location));
    emit_alias(relation, true, out);
    return KDB_OK;
}

/* ---- joins ---- */

/* NATURAL joins on the names that both sides have, system columns apart: they are equal by accident only. */
static size_t natural_names(kdbi_binding *b, const kdbi_scope *scope, size_t left, size_t right, kdb_sv **out)
{
    *out = KDB_ARENA_ARRAY(b->arena, kdb_sv, right - left);
    size_t count = 0;
    for (size_t i = left; i < right; i++) {
        const kdb_sv name = scope->visible[i].relation->columns.items[scope->visible[i].column].name;
        bool found = false;
        for (size_t k = right; k < scope->nvisible && !found; k++) {
            found = kdb_sv_ieq(name, scope->visible[k].relation->columns.items[scope->visible[k].column].name);
        }
        if (found && (name.len == 0 || name.ptr[0] != '_')) {
            (*out)[count++] = name;
        }
    }
    return count;
}

static size_t using_names(kdbi_binding *b, const PgQuery__JoinExpr *join, kdb_sv **out)
{
    *out = KDB_ARENA_ARRAY(b->arena, kdb_sv, join->n_using_clause);
    for (size_t i = 0; i < join->n_using_clause; i++) {
        const char *name = kdbi_node_string(join->using_clause[i]);
        (*out)[i] = kdb_sv_cstr(name == NULL ? "" : name);
    }
    return join->n_using_clause;
}

static kdb_sv join_words(const PgQuery__JoinExpr *join, bool conditional)
{
    switch (join->jointype) {
    case PG_QUERY__JOIN_TYPE__JOIN_LEFT:
        return KDB_SV(" LEFT JOIN ");
    case PG_QUERY__JOIN_TYPE__JOIN_FULL:
        return KDB_SV(" FULL JOIN ");
    case PG_QUERY__JOIN_TYPE__JOIN_RIGHT:
        return KDB_SV(" RIGHT JOIN ");
    default: /* the other types are the planner's own */
        return conditional ? KDB_SV(" JOIN ") : KDB_SV(" CROSS JOIN ");
    }
}

static bool keeps_left(const PgQuery__JoinExpr *join)
{
    return join->jointype == PG_QUERY__JOIN_TYPE__JOIN_INNER || join->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT;
}

static void emit_using(const kdb_sv *names, size_t nnames, kdb_buf *out)
{
    kdb_buf_append_lit(out, " USING (");
    for (size_t i = 0; i < nnames; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        kdbi_emit_name(names[i], out);
    }
    kdb_buf_append_byte(out, ')');
}

static kdb_status emit_on(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope, const PgQuery__Node *quals,
                          kdb_buf *out)
{
    kdb_buf_append_lit(out, " ON ");
    const kdbi_expr e = kdbi_expr_in(b, context, scope);
    return kdbi_emit_condition(&e, quals, "JOIN .. ON", out);
}

static kdb_status check_join(kdbi_binding *b, const PgQuery__JoinExpr *join)
{
    if (join->alias != NULL || join->join_using_alias != NULL) {
        return KDBI_REFUSE(b, -1, "an alias for a join is not supported");
    }
    return KDB_OK;
}

static kdb_status emit_right_side(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                  const PgQuery__Node *node, kdb_buf *out)
{
    const bool nested = node != NULL && node->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR;
    kdb_buf_append_sv(out, nested ? KDB_SV("(") : KDB_SV(""));
    KDB_TRY(kdbi_emit_from(b, context, scope, node, out));
    kdb_buf_append_sv(out, nested ? KDB_SV(")") : KDB_SV(""));
    return KDB_OK;
}

/* The words of a NATURAL join depend on the right side's columns, so that is written aside first. */
static kdb_status emit_join(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                            const PgQuery__JoinExpr *join, kdb_buf *out)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf right = { .limit = KDBI_TEXT_MAX };
    KDB_TRY(check_join(b, join));
    const size_t left_start = scope->nvisible;
    KDB_TRY(kdbi_emit_from(b, context, scope, join->larg, out));
    const size_t right_start = scope->nvisible;
    KDB_TRY(emit_right_side(b, context, scope, join->rarg, &right));
    kdb_sv *names = NULL;
    const size_t nnames =
        join->is_natural ? natural_names(b, scope, left_start, right_start, &names) : using_names(b, join, &names);
    const bool inner = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_INNER;
    kdb_buf_append_sv(out, join_words(join, nnames != 0 || join->quals != NULL));
    KDB_TRY(kdbi_append_part(b, out, &right));
    if (nnames != 0) {
        emit_using(names, nnames, out);
        return kdbi_scope_merge(b, scope, left_start, right_start, names, nnames, !keeps_left(join),
                                kdbi_node_location(join->rarg));
    }
    if (join->quals != NULL) {
        return emit_on(b, context, scope, join->quals, out);
    }
    kdb_buf_append_sv(out, inner ? KDB_SV("") : KDB_SV(" ON TRUE"));
    return KDB_OK;
}

kdb_status kdbi_emit_from(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope, const PgQuery__Node *node,
                          kdb_buf *out)
{
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_RANGE_VAR) {
        return emit_range_var(b, context, scope, node->range_var, out);
    }
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_RANGE_SUBSELECT) {
        return emit_subselect(b, context, scope, node->range_subselect, out);
    }
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_RANGE_FUNCTION) {
        return emit_function(b, context, scope, node->range_function, out);
    }
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR) {
        return emit_join(b, context, scope, node->join_expr, out);
    }
    return KDBI_REFUSE(b, kdbi_node_location(node), "this form of FROM item is not supported");
}
