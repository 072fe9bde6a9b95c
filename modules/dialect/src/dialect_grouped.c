/* dialect_grouped.c - statements over one table that are group keys and plain aggregates, as kdb_grouped: built after their
 * engine text, out of the same tree and the same names. A statement with anything else in it has none. */
#include "dialect_int.h"

typedef struct aggregate_name {
    const char *name;
    kdb_aggregate_kind kind;
} aggregate_name;

static const aggregate_name aggregate_names[] = {
    { "count", KDB_AGGREGATE_COUNT }, { "sum", KDB_AGGREGATE_SUM }, { "avg", KDB_AGGREGATE_AVG },
    { "min", KDB_AGGREGATE_MIN },     { "max", KDB_AGGREGATE_MAX },
};

/* ---- group keys ---- */

static bool same_node(const kdb_node *a, const kdb_node *b)
{
    if (a->kind != b->kind || a->nargs != b->nargs || a->param != b->param || a->column != b->column ||
        !kdb_type_eq(a->type, b->type) || !kdb_sv_eq(a->name, b->name)) {
        return false;
    }
    if (a->kind == KDB_NODE_LITERAL &&
        (!kdb_type_eq(a->value.type, b->value.type) || !kdb_value_same(&a->value, &b->value))) {
        return false;
    }
    for (size_t i = 0; i < a->nargs; i++) {
        if (!same_node(a->args[i], b->args[i])) {
            return false;
        }
    }
    return true;
}

/* The item of the select list that the key means: by its position, or by an AS name that no column has. */
static const PgQuery__Node *named_item(const kdbi_expr *e, const PgQuery__SelectStmt *select, const PgQuery__Node *key)
{
    kdbi_found found;
    if (key->node_case == PG_QUERY__NODE__NODE_A_CONST && !key->a_const->isnull &&
        key->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        const int32_t position = key->a_const->ival->ival;
        const bool listed = position >= 1 && (size_t)position <= select->n_target_list;
        return listed ? select->target_list[position - 1]->res_target->val : NULL;
    }
    if (key->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || kdbi_is_star(key->column_ref) ||
        kdbi_resolve(e->b, e->scope, key->column_ref, &found) != KDB_OK || found.kind != KDBI_FOUND_ALIAS) {
        return key;
    }
    return select->target_list[found.column]->res_target->val;
}

/* A key that is the same for all rows means something of the engine's own. */
static bool add_key(const kdbi_expr *e, const PgQuery__SelectStmt *select, const PgQuery__Node *key,
                    kdb_grouped *grouped)
{
    kdb_node *node = kdbi_tree(e, named_item(e, select, key));
    if (node == NULL || !kdbi_node_has_column(node)) {
        return false;
    }
    grouped->keys[grouped->nkeys++] = node;
    return true;
}

static bool find_key(const kdb_grouped *grouped, const kdb_node *node, size_t *out)
{
    for (size_t i = 0; i < grouped->nkeys; i++) {
        if (same_node(grouped->keys[i], node)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* ---- aggregates ---- */

static bool is_plain_call(const PgQuery__FuncCall *call)
{
    return call->n_funcname == 1 && !call->agg_distinct && !call->agg_within_group && !call->func_variadic &&
           call->n_agg_order == 0 && call->over == NULL;
}

static bool aggregate_kind(const PgQuery__FuncCall *call, kdb_aggregate_kind *out)
{
    const char *name = is_plain_call(call) ? kdbi_node_string(call->funcname[0]) : NULL;
    for (size_t i = 0; name != NULL && i < KDB_ARRAY_LEN(aggregate_names); i++) {
        if (strcmp(aggregate_names[i].name, name) == 0) {
            *out = call->agg_star ? KDB_AGGREGATE_COUNT_ROWS : aggregate_names[i].kind;
            return call->agg_star ? aggregate_names[i].kind == KDB_AGGREGATE_COUNT : call->n_args == 1;
        }
    }
    return false;
}

static bool build_aggregate(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_aggregate *out)
{
    out->position = call->location;
    if (out->kind != KDB_AGGREGATE_COUNT_ROWS) {
        out->arg = kdbi_tree(e, call->args[0]);
    }
    if (call->agg_filter != NULL) {
        out->filter = kdbi_tree(e, call->agg_filter);
    }
    return (out->arg != NULL) == (out->kind != KDB_AGGREGATE_COUNT_ROWS) &&
           (out->filter != NULL) == (call->agg_filter != NULL);
}

/* ---- the select list ---- */

static bool add_item(const kdbi_expr *e, const PgQuery__Node *val, kdb_grouped *grouped)
{
    kdb_grouped_item *item = &grouped->items[grouped->nitems];
    kdb_aggregate_kind kind;
    item->name = e->scope->results.items[grouped->nitems++].name;
    item->position = kdbi_node_location(val);
    if (val->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && aggregate_kind(val->func_call, &kind)) {
        kdb_aggregate *aggregate = &grouped->aggregates[grouped->naggregates];
        aggregate->kind = kind;
        item->is_aggregate = true;
        item->index = grouped->naggregates++;
        return build_aggregate(e, val->func_call, aggregate);
    }
    const kdb_node *node = kdbi_tree(e, val);
    return node != NULL && find_key(grouped, node, &item->index);
}

static bool build_items(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_grouped *grouped)
{
    const size_t count = select->n_target_list;
    if (count != e->scope->results.count) { /* `*` */
        return false;
    }
    grouped->items = KDB_ARENA_ARRAY(e->b->arena, kdb_grouped_item, count);
    grouped->aggregates = KDB_ARENA_ARRAY(e->b->arena, kdb_aggregate, count);
    for (size_t i = 0; i < count; i++) {
        if (!add_item(e, select->target_list[i]->res_target->val, grouped)) {
            return false;
        }
    }
    return true;
}

static bool build_keys(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_grouped *grouped)
{
    grouped->keys = KDB_ARENA_ARRAY(e->b->arena, kdb_node *, select->n_group_clause);
    for (size_t i = 0; i < select->n_group_clause; i++) {
        if (!add_key(e, select, select->group_clause[i], grouped)) {
            return false;
        }
    }
    return true;
}

static bool is_grouped(const kdbi_scope *scope, const PgQuery__SelectStmt *select)
{
    return (scope->has_aggregate || select->n_group_clause != 0) && !scope->has_window && select->larg == NULL &&
           select->n_values_lists == 0 && select->having_clause == NULL && select->n_distinct_clause == 0 &&
           select->n_window_clause == 0 && select->n_sort_clause == 0 && select->limit_count == NULL &&
           select->limit_offset == NULL && select->n_group_clause <= KDB_GROUP_KEYS_MAX && scope->nrelations == 1;
}

void kdbi_grouped_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                            const PgQuery__SelectStmt *select)
{
    if (!is_grouped(scope, select) || !kdbi_reads_one_table(b, scope, select)) {
        return;
    }
    kdbi_binding quiet = kdbi_silent(b);
    const kdbi_expr e = kdbi_expr_in(&quiet, context, scope);
    kdb_grouped *grouped = KDB_ARENA_NEW(b->arena, kdb_grouped);
    if (select->where_clause != NULL) {
        grouped->where = kdbi_tree(&e, select->where_clause);
        if (grouped->where == NULL) {
            return;
        }
    }
    quiet.frozen++; /* as where the text was written */
    if (build_keys(&e, select, grouped) && build_items(&e, select, grouped)) {
        b->bound->grouped = grouped;
    }
}
