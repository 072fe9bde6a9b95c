/* dialect_single.c - statements that read one table at most, row by row, as kdb_single: built after their engine text, out of
 * the same tree and the same names. A statement with anything else in it has none. */
#include "dialect_int.h"

typedef struct single_list {
    kdb_node **nodes;
    kdb_sv *names;
    size_t count;
} single_list;

static void list_add(const kdbi_expr *e, single_list *list, kdb_node *node, kdb_sv name)
{
    KDB_ARENA_ROOM(e->b->arena, list->nodes, list->count);
    list->nodes[list->count] = node;
    *KDB_ARENA_PUSH(e->b->arena, list->names, list->count) = name;
}

/* ---- the select list ---- */

/* Only one relation is there, so `*` and `t.*` are the same. */
static bool add_star(const kdbi_expr *e, single_list *list, int32_t position)
{
    const kdbi_relation *relation = e->scope->relations[0];
    for (size_t i = 0; i < relation->columns.count; i++) {
        if (kdbi_star_leaves_out(e, &relation->columns.items[i])) {
            continue;
        }
        kdb_node *node = kdbi_tree_found(e, relation, (uint32_t)i, position);
        if (node == NULL) {
            return false;
        }
        list_add(e, list, node, relation->columns.items[i].name);
    }
    return true;
}

/* NULL of the answer itself is TEXT (see dialect_targets.c). */
static kdb_node *target_node(const kdbi_expr *e, const PgQuery__Node *val)
{
    kdb_value value;
    if (kdbi_literal_value(val, e->b->arena, &value) && value.is_null) {
        kdb_node *null = kdbi_node_literal(e, kdb_value_null(kdb_type_of(KDB_TYPE_NULL)), kdbi_node_location(val));
        return kdbi_node_cast(e, null, kdb_type_of(KDB_TYPE_TEXT));
    }
    kdb_extra lifted;
    return kdbi_lift_alone(e->b, val, &lifted) ? kdbi_tree_lifted(e, &lifted) : kdbi_tree(e, val);
}

static bool add_target(const kdbi_expr *e, const PgQuery__ResTarget *target, single_list *list)
{
    const PgQuery__Node *val = target->val;
    if (val->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && kdbi_is_star(val->column_ref)) {
        return add_star(e, list, val->column_ref->location);
    }
    const bool frozen = !kdbi_target_lifts(e, target); /* as where the text was written */
    e->b->frozen += frozen;
    kdb_node *node = target_node(e, val);
    e->b->frozen -= frozen;
    if (node == NULL || list->count == e->scope->results.count) {
        return false;
    }
    list_add(e, list, node, e->scope->results.items[list->count].name);
    return true;
}

static bool is_count_star(const PgQuery__SelectStmt *select)
{
    if (select->n_target_list != 1 ||
        select->target_list[0]->res_target->val->node_case != PG_QUERY__NODE__NODE_FUNC_CALL) {
        return false;
    }
    const PgQuery__FuncCall *call = select->target_list[0]->res_target->val->func_call;
    const char *name = call->n_funcname == 1 ? kdbi_node_string(call->funcname[0]) : NULL;
    return name != NULL && strcmp(name, "count") == 0 && call->agg_star && call->agg_filter == NULL &&
           call->over == NULL && call->n_agg_order == 0 && select->n_sort_clause == 0 && select->limit_count == NULL &&
           select->limit_offset == NULL;
}

static bool build_targets(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_single *single)
{
    single_list list = { 0 };
    if (is_count_star(select) && e->scope->nrelations == 1) {
        list_add(e, &list, NULL, e->scope->results.items[0].name);
        single->count = true;
        single->names = list.names;
        return true;
    }
    if (e->scope->has_aggregate) {
        return false;
    }
    for (size_t i = 0; i < select->n_target_list; i++) {
        if (!add_target(e, select->target_list[i]->res_target, &list)) {
            return false;
        }
    }
    single->targets = list.nodes;
    single->names = list.names;
    single->ntargets = list.count;
    return list.count == e->scope->results.count;
}

/* ---- ORDER BY ---- */

/* The result column that a bare name means: the engine looks at those first. *out_count: how many have the name. */
static kdb_node *named_target(const kdbi_expr *e, const kdb_single *single, const PgQuery__Node *node,
                              size_t *out_count)
{
    kdb_node *found = NULL;
    *out_count = 0;
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields != 1) {
        return NULL;
    }
    const char *name = kdbi_node_string(node->column_ref->fields[0]);
    for (size_t i = 0; name != NULL && i < single->ntargets; i++) {
        if (kdb_sv_ieq(e->scope->results.items[i].name, kdb_sv_cstr(name))) {
            found = single->targets[i];
            *out_count += 1;
        }
    }
    return found;
}

/* A name, a position, or an expression over the table. Other constants mean something of the engine's own. */
static kdb_node *sort_node(const kdbi_expr *e, const kdb_single *single, const PgQuery__Node *node)
{
    size_t count = 0;
    kdb_node *target = named_target(e, single, node, &count);
    if (count != 0) {
        return count == 1 ? target : NULL;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        const bool position = !node->a_const->isnull && node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL &&
                              node->a_const->ival->ival >= 1 && (size_t)node->a_const->ival->ival <= single->ntargets;
        return position ? single->targets[node->a_const->ival->ival - 1] : NULL;
    }
    kdb_node *built = kdbi_tree(e, node);
    return built != NULL && kdbi_node_has_column(built) ? built : NULL;
}

static bool build_sort_key(const kdbi_expr *e, const kdb_single *single, const PgQuery__SortBy *sort,
                           kdb_order_key *out)
{
    out->expr = sort_node(e, single, sort->node);
    out->descending = sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    out->nulls_first = out->descending;
    if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST) {
        out->nulls_first = true;
    } else if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST) {
        out->nulls_first = false;
    }
    return out->expr != NULL;
}

/* Without an ORDER BY, a table without a key is ordered by `_seq`. */
static bool build_table_order(const kdbi_expr *e, kdb_single *single)
{
    const kdbi_relation *only = e->scope->nrelations == 1 ? e->scope->relations[0] : NULL;
    const kdbi_column *seq =
        only != NULL && only->table != NULL && only->table->has_seq && only->table->order_by_seq && !single->count
            ? kdbi_seq_column(only)
            : NULL;
    if (seq == NULL) {
        return true;
    }
    single->order = KDB_ARENA_NEW(e->b->arena, kdb_order_key);
    single->order[0].expr = kdbi_tree_found(e, only, (uint32_t)(seq - only->columns.items), -1);
    single->norder = 1;
    return single->order[0].expr != NULL;
}

static bool build_order(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_single *single)
{
    if (select->n_sort_clause == 0) {
        return build_table_order(e, single);
    }
    single->order = KDB_ARENA_ARRAY(e->b->arena, kdb_order_key, select->n_sort_clause);
    single->norder = select->n_sort_clause;
    for (size_t i = 0; i < select->n_sort_clause; i++) {
        if (!build_sort_key(e, single, select->sort_clause[i]->sort_by, &single->order[i])) {
            return false;
        }
    }
    return true;
}

/* ---- LIMIT ---- */

/* NULL limits nothing. Anything but a count or a parameter is the engine's to judge. */
static bool build_limit(const kdbi_expr *e, const PgQuery__Node *node, kdb_node **out)
{
    kdb_extra lifted;
    if (node != NULL && kdbi_lift_count(e->b, node, &lifted)) {
        *out = kdbi_tree_lifted(e, &lifted)->args[0];
        return true;
    }
    kdb_node *built = node == NULL ? NULL : kdbi_tree(e, node);
    if (node == NULL || (node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull)) {
        return true;
    }
    const bool count = built != NULL && built->kind == KDB_NODE_LITERAL && !built->value.is_null &&
                       ((built->value.type.kind == KDB_TYPE_INT && built->value.as.i32 >= 0) ||
                        (built->value.type.kind == KDB_TYPE_BIGINT && built->value.as.i64 >= 0));
    *out = built;
    return count || (built != NULL && built->kind == KDB_NODE_PARAM);
}

/* ---- statements ---- */

/* The rows of a view or subquery are those that its WHERE lets through: they have to pass both. */
static bool build_where(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_node **out)
{
    const kdbi_scope *scope = e->scope;
    *out = scope->nrelations == 1 ? scope->relations[0]->columns.where : NULL;
    if (select->where_clause == NULL) {
        return true;
    }
    kdb_node *own = kdbi_tree(e, select->where_clause);
    *out = *out == NULL ? own : kdbi_node_binary(e, KDB_NODE_AND, *out, own);
    return own != NULL;
}

/* One table, or what gives rows of one. */
static bool reads_rows(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__SelectStmt *select)
{
    const bool rows = scope->nrelations == 1 && scope->relations[0]->columns.is_rows && b->bound->ntables == 1 &&
                      select->with_clause == NULL && select->n_from_clause == 1;
    return rows || kdbi_reads_one_table(b, scope, select);
}

bool kdbi_reads_one_table(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__SelectStmt *select)
{
    const bool table = scope->nrelations == 1 && scope->relations[0]->table != NULL && b->bound->ntables == 1;
    const bool nothing = scope->nrelations == 0 && b->bound->ntables == 0;
    return (table || nothing) && select->with_clause == NULL && select->n_from_clause == scope->nrelations;
}

static bool is_plain(const kdbi_scope *scope, const PgQuery__SelectStmt *select)
{
    return select->larg == NULL && select->rarg == NULL && select->n_values_lists == 0 && !scope->has_window &&
           select->n_group_clause == 0 && select->having_clause == NULL && select->n_distinct_clause == 0 &&
           select->n_window_clause == 0;
}

kdbi_binding kdbi_silent(const kdbi_binding *b)
{
    kdbi_binding copy = *b;
    copy.err = NULL;
    return copy;
}

void kdbi_rows_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                         const PgQuery__SelectStmt *select)
{
    if (!is_plain(scope, select) || scope->has_aggregate || scope->nrelations != 1 || !reads_rows(b, scope, select) ||
        select->n_sort_clause != 0 || select->limit_count != NULL || select->limit_offset != NULL) {
        return;
    }
    kdbi_binding quiet = kdbi_silent(b);
    const kdbi_expr e = kdbi_expr_in(&quiet, context, scope);
    scope->results.is_rows = build_where(&e, select, &scope->results.where);
}

void kdbi_single_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                           const PgQuery__SelectStmt *select)
{
    if (!is_plain(scope, select) || !reads_rows(b, scope, select)) {
        return;
    }
    kdbi_binding quiet = kdbi_silent(b);
    const kdbi_expr e = kdbi_expr_in(&quiet, context, scope);
    kdbi_scope nothing = { 0 };
    const kdbi_expr outside = kdbi_expr_in(&quiet, context, &nothing);
    kdb_single *single = KDB_ARENA_NEW(b->arena, kdb_single);
    const bool filtered = build_where(&e, select, &single->where);
    const bool listed = filtered && build_targets(&e, select, single);
    quiet.frozen++; /* as where the text was written */
    const bool ordered = listed && build_order(&e, select, single);
    quiet.frozen--;
    const bool whole = ordered && build_limit(&outside, select->limit_count, &single->limit) &&
                       build_limit(&outside, select->limit_offset, &single->offset);
    b->bound->single = whole ? single : NULL;
}

void kdbi_single_of_change(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                           const PgQuery__SelectStmt *select)
{
    if (!kdbi_reads_one_table(b, scope, select)) {
        return;
    }
    kdbi_binding quiet = kdbi_silent(b);
    const kdbi_expr e = kdbi_expr_in(&quiet, context, scope);
    kdb_single *single = KDB_ARENA_NEW(b->arena, kdb_single);
    single_list list = { 0 };
    for (size_t i = 0; i < select->n_target_list; i++) {
        kdb_node *node = kdbi_tree(&e, select->target_list[i]->res_target->val);
        if (node == NULL) {
            return;
        }
        list_add(&e, &list, node, kdb_sv_of("", 0));
    }
    single->targets = list.nodes;
    single->names = list.names;
    single->ntargets = list.count;
    if (build_where(&e, select, &single->where)) {
        b->bound->single = single;
    }
}
