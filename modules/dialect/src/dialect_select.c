/* dialect_select.c - queries to engine text: SELECT with its clauses, VALUES, set operations. A SELECT's FROM is written
 * first, because it says what the names in the rest mean. */
#include "dialect_int.h"

/* ---- ORDER BY, DISTINCT, GROUP BY ---- */

static bool is_result_name(const kdbi_scope *scope, const PgQuery__Node *node, kdb_sv *out)
{
    const bool bare =
        node != NULL && node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && node->column_ref->n_fields == 1;
    const char *name = bare ? kdbi_node_string(node->column_ref->fields[0]) : NULL;
    for (size_t i = 0; name != NULL && i < scope->results.count; i++) {
        if (kdb_sv_ieq(scope->results.items[i].name, kdb_sv_cstr(name))) {
            *out = scope->results.items[i].name;
            return true;
        }
    }
    return false;
}

/* A sort key: a result column's name comes before a FROM column's. An integer, a position, goes through as it is. */
static kdb_status emit_sort_key(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    kdb_sv name;
    if (is_result_name(e->scope, node, &name)) {
        kdbi_emit_name(name, out);
        return KDB_OK;
    }
    return kdbi_emit_expr(e, node, out);
}

/* ORDER BY 2. Within a call there are no results, and an integer is a value. */
static kdb_status check_position(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node)
{
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->isnull ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL || scope->results.count == 0) {
        return KDB_OK;
    }
    const int32_t position = node->a_const->ival->ival;
    return position >= 1 && (size_t)position <= scope->results.count
               ? KDB_OK
               : KDBI_REFUSE(b, node->a_const->location, "ORDER BY position %d is not in the select list", position);
}

static kdb_status emit_sort(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                            const PgQuery__SortBy *sort, kdb_buf *out)
{
    KDB_TRY(check_position(b, scope, sort->node));
    if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING || sort->n_use_op != 0) {
        return KDBI_REFUSE(b, kdbi_node_location(sort->node), "ORDER BY .. USING is not supported");
    }
    const kdbi_expr e = kdbi_expr_in(b, context, scope);
    KDB_TRY(emit_sort_key(&e, sort->node, out));
    if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC) {
        kdb_buf_append_lit(out, " DESC");
    } else if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_ASC) {
        kdb_buf_append_lit(out, " ASC");
    }
    if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST) {
        kdb_buf_append_lit(out, " NULLS FIRST");
    } else if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST) {
        kdb_buf_append_lit(out, " NULLS LAST");
    }
    return KDB_OK;
}

static kdb_status emit_sort_list(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                 PgQuery__Node *const *items, size_t nitems, kdb_buf *out)
{
    for (size_t i = 0; i < nitems; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV(" ORDER BY ") : KDB_SV(", "));
        if (items[i]->node_case != PG_QUERY__NODE__NODE_SORT_BY) {
            return KDBI_REFUSE(b, -1, "this form of ORDER BY is not supported");
        }
        KDB_TRY(emit_sort(b, context, scope, items[i]->sort_by, out));
    }
    return KDB_OK;
}

kdb_status kdbi_emit_inner_sort(const kdbi_expr *e, PgQuery__Node *const *items, size_t nitems, kdb_buf *out)
{
    kdbi_scope *scope = e->scope;
    const kdbi_columns results = scope->results;
    const kdbi_context context = { scope->outer, e->context.ctes };
    scope->results = (kdbi_columns){ 0 };
    const kdb_status status = emit_sort_list(e->b, &context, scope, items, nitems, out);
    scope->results = results;
    return status;
}

/* DISTINCT alone is a list of one empty node. */
static kdb_status emit_distinct(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    if (select->n_distinct_clause == 0) {
        return KDB_OK;
    }
    kdb_buf_append_lit(out, "DISTINCT ");
    if (select->distinct_clause[0]->node_case == PG_QUERY__NODE__NODE__NOT_SET) {
        return KDB_OK;
    }
    for (size_t i = 0; i < select->n_distinct_clause; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("ON (") : KDB_SV(", "));
        KDB_TRY(emit_sort_key(e, select->distinct_clause[i], out));
    }
    kdb_buf_append_lit(out, ") ");
    return KDB_OK;
}

static kdb_status emit_group_item(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out);

static kdb_status emit_group_list(const kdbi_expr *e, PgQuery__Node *const *items, size_t nitems, kdb_buf *out)
{
    for (size_t i = 0; i < nitems; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(emit_group_item(e, items[i], out));
    }
    return KDB_OK;
}

static kdb_status emit_grouping_set(const kdbi_expr *e, const PgQuery__GroupingSet *set, kdb_buf *out)
{
    switch (set->kind) {
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_EMPTY:
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_SIMPLE:
        kdb_buf_append_lit(out, "(");
        break;
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_ROLLUP:
        kdb_buf_append_lit(out, "ROLLUP (");
        break;
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_CUBE:
        kdb_buf_append_lit(out, "CUBE (");
        break;
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_SETS:
        kdb_buf_append_lit(out, "GROUPING SETS (");
        break;
    default:
        return KDBI_REFUSE(e->b, set->location, "this form of GROUP BY is not supported");
    }
    KDB_TRY(emit_group_list(e, set->content, set->n_content, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* The sets that an item of GROUP BY stands for; no more than one over the limit. */
static size_t count_sets(const PgQuery__Node *node)
{
    const size_t many = KDBI_GROUPING_SETS_MAX + 1;
    if (node->node_case != PG_QUERY__NODE__NODE_GROUPING_SET) {
        return 1;
    }
    const PgQuery__GroupingSet *set = node->grouping_set;
    size_t count = 1;
    switch (set->kind) {
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_ROLLUP:
        count = set->n_content + 1;
        break;
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_CUBE:
        count = set->n_content < 16 ? (size_t)1 << set->n_content : many;
        break;
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_SETS:
        count = 0;
        for (size_t i = 0; i < set->n_content && count < many; i++) {
            count += count_sets(set->content[i]);
        }
        break;
    default:
        break;
    }
    return count < many ? count : many;
}

static kdb_status check_sets(const kdbi_expr *e, const PgQuery__SelectStmt *select)
{
    size_t count = 1;
    for (size_t i = 0; i < select->n_group_clause; i++) {
        count *= count_sets(select->group_clause[i]);
        if (count > KDBI_GROUPING_SETS_MAX) {
            return KDBI_REFUSE(e->b, kdbi_node_location(select->group_clause[i]),
                               "GROUP BY makes more than %d grouping sets", KDBI_GROUPING_SETS_MAX);
        }
    }
    return KDB_OK;
}

static kdb_status emit_group_item(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    if (node->node_case == PG_QUERY__NODE__NODE_GROUPING_SET) {
        return emit_grouping_set(e, node->grouping_set, out);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
        node->row_expr->row_format == PG_QUERY__COERCION_FORM__COERCE_IMPLICIT_CAST) { /* (a, b) is a set */
        kdb_buf_append_byte(out, '(');
        KDB_TRY(emit_group_list(e, node->row_expr->args, node->row_expr->n_args, out));
        kdb_buf_append_byte(out, ')');
        return KDB_OK;
    }
    return kdbi_emit_expr(e, node, out);
}

static kdb_status emit_group_by(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    if (select->n_group_clause == 0) {
        return KDB_OK;
    }
    if (select->group_distinct) {
        return KDBI_REFUSE(e->b, kdbi_node_location(select->group_clause[0]), "GROUP BY DISTINCT is not supported");
    }
    KDB_TRY(check_sets(e, select));
    kdb_buf_append_lit(out, " GROUP BY ");
    return emit_group_list(e, select->group_clause, select->n_group_clause, out);
}

/* ---- one SELECT ---- */

kdb_status kdbi_emit_where(kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    if (select->where_clause == NULL) {
        return KDB_OK;
    }
    kdb_buf_append_lit(out, " WHERE ");
    e->scope->in_where = true;
    const kdb_status status = kdbi_emit_condition(e, select->where_clause, "WHERE", out);
    e->scope->in_where = false;
    if (status == KDB_OK) {
        kdbi_collect_preds(e->b, e->scope, select->where_clause);
    }
    return status;
}

kdb_status kdbi_emit_from_list(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                               const PgQuery__SelectStmt *select, size_t first, kdb_buf *out)
{
    for (size_t i = first; i < select->n_from_clause; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV(" FROM ") : KDB_SV(", "));
        KDB_TRY(kdbi_emit_from(b, context, scope, select->from_clause[i], out));
    }
    return KDB_OK;
}

/* Everything behind FROM up to WINDOW. */
static kdb_status emit_clauses(kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    KDB_TRY(kdbi_emit_where(e, select, out));
    e->b->frozen++;
    KDB_TRY(emit_group_by(e, select, out));
    if (select->having_clause != NULL) {
        kdb_buf_append_lit(out, " HAVING ");
        KDB_TRY(kdbi_emit_condition(e, select->having_clause, "HAVING", out));
    }
    KDB_TRY(kdbi_emit_window_list(e, select->window_clause, select->n_window_clause, out));
    e->b->frozen--;
    return KDB_OK;
}

static kdb_status emit_plain_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                    const PgQuery__SelectStmt *select, kdb_buf *out)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf from = { .limit = KDBI_TEXT_MAX };
    KDB_CLEANUP(kdb_buf_done) kdb_buf targets = { .limit = KDBI_TEXT_MAX };
    KDB_TRY(kdbi_emit_from_list(b, context, scope, select, 0, &from));
    scope->select = select;
    kdbi_expr e = kdbi_expr_in(b, context, scope);
    KDB_TRY(kdbi_emit_target_list(&e, select, &targets));
    kdb_buf_append_lit(out, "SELECT ");
    b->frozen++;
    KDB_TRY(emit_distinct(&e, select, out));
    b->frozen--;
    KDB_TRY(kdbi_append_part(b, out, &targets));
    KDB_TRY(kdbi_append_part(b, out, &from));
    return emit_clauses(&e, select, out);
}

/* ---- VALUES ---- */

static kdb_status emit_values_row(const kdbi_expr *e, const PgQuery__List *row, kdb_buf *out)
{
    for (size_t i = 0; i < row->n_items; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(kdbi_emit_inner(e, row->items[i], out));
    }
    return KDB_OK;
}

static kdb_status emit_values(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                              const PgQuery__SelectStmt *select, kdb_buf *out)
{
    const size_t width = select->values_lists[0]->list->n_items;
    const kdbi_expr e = kdbi_expr_in(b, context, scope);
    kdb_buf_append_lit(out, "SELECT * FROM (VALUES ");
    for (size_t i = 0; i < select->n_values_lists; i++) {
        const PgQuery__List *row = select->values_lists[i]->list;
        if (row->n_items != width) {
            return KDBI_REFUSE(b, kdbi_node_location(row->n_items == 0 ? NULL : row->items[0]),
                               "VALUES lists must all be the same length");
        }
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("(") : KDB_SV(", ("));
        KDB_TRY(emit_values_row(&e, row, out));
        kdb_buf_append_byte(out, ')');
    }
    kdb_buf_append_lit(out, ") AS \"kdb_values\"(");
    for (size_t i = 0; i < width; i++) {
        kdbi_column *column = kdbi_columns_add(&scope->results, b->arena);
        column->name = column->engine = kdb_sv_printf(b->arena, "column%zu", i + 1);
        column->constant = select->n_values_lists == 1 && kdbi_is_constant(select->values_lists[0]->list->items[i]);
        KDB_TRY(kdbi_static_type(&e, select->values_lists[0]->list->items[i], &column->type));
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        kdbi_emit_name(column->name, out);
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* ---- set operations ---- */

kdb_sv kdbi_set_words(const PgQuery__SelectStmt *select)
{
    switch (select->op) {
    case PG_QUERY__SET_OPERATION__SETOP_UNION:
        return select->all ? KDB_SV(" UNION ALL ") : KDB_SV(" UNION ");
    case PG_QUERY__SET_OPERATION__SETOP_INTERSECT:
        return select->all ? KDB_SV(" INTERSECT ALL ") : KDB_SV(" INTERSECT ");
    default:
        return select->all ? KDB_SV(" EXCEPT ALL ") : KDB_SV(" EXCEPT ");
    }
}

kdb_status kdbi_emit_side(kdbi_binding *b, const kdbi_context *context, const PgQuery__SelectStmt *select, kdb_buf *out,
                          kdbi_columns *results)
{
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_query(b, context, select, out, results));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static kdb_type result_type(const kdbi_binding *b, const kdbi_column *result)
{
    return result->slot < 0 ? result->type : b->slots[result->slot]->columns[result->column].type;
}

/* Named like the left side; where the values come from is not told. */
static kdb_status emit_set_operation(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                     const PgQuery__SelectStmt *select, kdb_buf *out)
{
    kdbi_columns left = { 0 };
    kdbi_columns right = { 0 };
    KDB_TRY(kdbi_emit_side(b, context, select->larg, out, &left));
    kdb_buf_append_sv(out, kdbi_set_words(select));
    KDB_TRY(kdbi_emit_side(b, context, select->rarg, out, &right));
    if (left.count != right.count) {
        return KDBI_REFUSE(b, -1, "each query of a set operation must have the same number of columns");
    }
    for (size_t i = 0; i < left.count; i++) {
        kdbi_column *column = kdbi_columns_add(&scope->results, b->arena);
        column->name = column->engine = left.items[i].name;
        column->constant = left.items[i].constant && right.items[i].constant;
        const kdb_type right_type = result_type(b, &right.items[i]);
        column->type = result_type(b, &left.items[i]);
        column->type.kind = column->type.kind == right_type.kind ? right_type.kind : KDB_TYPE_NULL;
    }
    return KDB_OK;
}

/* ---- LIMIT ---- */

static bool is_null_const(const PgQuery__Node *node)
{
    return node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull;
}

/* LIMIT ALL is a NULL. No column is visible. */
static kdb_status emit_limit_part(kdbi_binding *b, const kdbi_context *context, bool outermost, kdb_sv words,
                                  const PgQuery__Node *node, kdb_buf *out)
{
    if (node == NULL || is_null_const(node)) {
        return KDB_OK;
    }
    kdbi_scope nothing = { .outer = context->outer };
    const kdbi_expr e = kdbi_expr_in(b, context, &nothing);
    kdb_extra lifted;
    kdb_buf_append_sv(out, words);
    if (outermost && kdbi_lift_count(b, node, &lifted)) {
        kdbi_emit_lifted(b, &lifted, out);
        return KDB_OK;
    }
    return kdbi_emit_expr(&e, node, out);
}

static kdb_status emit_limit(kdbi_binding *b, const kdbi_context *context, const PgQuery__SelectStmt *select,
                             kdb_buf *out)
{
    if (select->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES) {
        return KDBI_REFUSE(b, kdbi_node_location(select->limit_count), "WITH TIES is not supported");
    }
    const bool outermost = select == b->query->select && b->view_depth == 0;
    KDB_TRY(emit_limit_part(b, context, outermost, KDB_SV(" LIMIT "), select->limit_count, out));
    return emit_limit_part(b, context, outermost, KDB_SV(" OFFSET "), select->limit_offset, out);
}

/* ---- queries ---- */

/* A query over one table that no clause reorders comes in the table's order, so that paging is stable (sql.md 9): the
 * scan's own, by key, or by `_seq` where there is no key. */
static void order_like_table(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    const kdbi_relation *only = scope->nrelations == 1 ? scope->relations[0] : NULL;
    if (select->n_sort_clause != 0 || only == NULL || only->table == NULL || !only->table->has_seq ||
        b->bound->ntables != 1 || scope->has_aggregate || scope->has_window || select->n_group_clause != 0 ||
        select->having_clause != NULL || select->n_distinct_clause != 0) {
        return;
    }
    if (!only->table->order_by_seq) {
        b->bound->scan_order = true;
        return;
    }
    const kdbi_column *seq = kdbi_seq_column(only);
    if (seq != NULL) {
        kdb_buf_append_lit(out, " ORDER BY ");
        kdbi_emit_name(only->engine, out);
        kdb_buf_append_byte(out, '.');
        kdbi_emit_name(seq->engine, out);
    }
}

static kdb_status check_select(kdbi_binding *b, const PgQuery__SelectStmt *select)
{
    if (select->into_clause != NULL) {
        const PgQuery__RangeVar *into = select->into_clause->rel;
        return KDBI_REFUSE(b, into == NULL ? -1 : into->location, "SELECT INTO is not supported");
    }
    if (select->n_locking_clause != 0) {
        const int32_t position = kdb_dialect_find_name(b->query->text, KDB_SV("FOR"));
        return KDBI_REFUSE(b, position, "FOR UPDATE and FOR SHARE are not supported");
    }
    return KDB_OK;
}

static kdb_status emit_body(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                            const PgQuery__SelectStmt *select, kdb_buf *out)
{
    switch (select->op) {
    case PG_QUERY__SET_OPERATION__SETOP_UNION:
    case PG_QUERY__SET_OPERATION__SETOP_INTERSECT:
    case PG_QUERY__SET_OPERATION__SETOP_EXCEPT:
        return emit_set_operation(b, context, scope, select, out);
    default:
        return select->n_values_lists != 0 ? emit_values(b, context, scope, select, out)
                                           : emit_plain_select(b, context, scope, select, out);
    }
}

kdb_status kdbi_emit_query(kdbi_binding *b, const kdbi_context *context, const PgQuery__SelectStmt *select,
                           kdb_buf *out, kdbi_columns *results)
{
    kdbi_context inner = *context;
    kdbi_scope scope = { .outer = context->outer };
    KDB_TRY(check_select(b, select));
    KDB_TRY(kdbi_emit_with(b, &inner, select->with_clause, out));
    KDB_TRY(emit_body(b, &inner, &scope, select, out));
    b->frozen++;
    KDB_TRY(emit_sort_list(b, &inner, &scope, select->sort_clause, select->n_sort_clause, out));
    b->frozen--;
    if (select == b->query->select && b->view_depth == 0) {
        order_like_table(b, &scope, select, out);
        b->bound->gathers = scope.has_aggregate || select->n_group_clause != 0 || select->n_sort_clause != 0 ||
                            select->n_distinct_clause != 0;
        b->bound->has_limit = select->limit_count != NULL && !is_null_const(select->limit_count);
    }
    KDB_TRY(emit_limit(b, &inner, select, out));
    if (select == b->query->select && b->view_depth == 0) {
        kdbi_single_of_select(b, &inner, &scope, select);
        kdbi_grouped_of_select(b, &inner, &scope, select);
    } else {
        kdbi_rows_of_select(b, &inner, &scope, select);
    }
    *results = scope.results;
    return KDB_OK;
}
