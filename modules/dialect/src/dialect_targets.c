/* dialect_targets.c - the select list: expressions with their names, and `*` spelled out, so that the result's
 * columns are known here and never depend on the engine. */
#include "dialect_int.h"

typedef struct target_list {
    const kdbi_expr *e;
    kdb_buf *out;
    kdbi_columns *results;
} target_list;

static void begin_target(target_list *list)
{
    kdb_buf_append_sv(list->out, list->results->count == 0 ? KDB_SV("") : KDB_SV(", "));
}

static void emit_as(kdb_sv name, kdb_buf *out)
{
    kdb_buf_append_lit(out, " AS ");
    kdbi_emit_name(name, out);
}

/* The result column that a name found in FROM makes. */
static void add_found_result(target_list *list, const kdbi_found *found, kdb_sv name)
{
    kdbi_column *result = kdbi_columns_add(list->results, list->e->b->arena);
    result->name = name;
    result->engine = name;
    if (found->kind == KDBI_FOUND_COLUMN && !found->merged_outer) {
        const kdbi_column *origin = &found->relation->columns.items[found->column];
        result->slot = origin->slot;
        result->column = origin->column;
        result->constant = origin->constant;
    }
    result->type = kdbi_found_type(list->e->b, found);
}

static void add_found_target(target_list *list, const kdbi_found *found, kdb_sv name)
{
    begin_target(list);
    if (found->kind == KDBI_FOUND_COLUMN) {
        kdbi_note_use(found->relation, found->column);
    }
    kdbi_emit_found(found, list->out);
    const bool named =
        found->kind == KDBI_FOUND_COLUMN && kdb_sv_eq(found->relation->columns.items[found->column].engine, name);
    if (!named) {
        emit_as(name, list->out);
    }
    add_found_result(list, found, name);
}

/* True for the SELECTs whose lists are the result of `query`: itself, or the sides of its set operations. */
static bool gives_result(const PgQuery__SelectStmt *query, const PgQuery__SelectStmt *select)
{
    for (; query != select; query = query->larg) {
        if (query->larg == NULL) {
            return false;
        }
        if (query->rarg == select || (query->rarg->larg != NULL && gives_result(query->rarg, select))) {
            return true;
        }
    }
    return true;
}

bool kdbi_star_leaves_out(const kdbi_expr *e, const kdbi_column *column)
{
    const kdb_query *query = e->b->query;
    return query->insert_source &&
           (kdb_sv_eq(column->name, KDB_SV("_seq")) || kdb_sv_eq(column->name, KDB_SV("_deleted"))) &&
           gives_result(query->select, e->scope->select);
}

static void add_star_target(target_list *list, const kdbi_found *found)
{
    const kdbi_column *column = &found->relation->columns.items[found->column];
    if (!kdbi_star_leaves_out(list->e, column)) {
        add_found_target(list, found, column->name);
    }
}

static kdb_status emit_star(target_list *list, const PgQuery__ColumnRef *ref)
{
    kdbi_binding *b = list->e->b;
    const kdbi_scope *scope = list->e->scope;
    const kdbi_relation *relation = NULL;
    KDB_TRY(kdbi_resolve_star(b, scope, ref, &relation));
    if (relation != NULL) {
        for (size_t i = 0; i < relation->columns.count; i++) {
            const kdbi_found found = { .relation = relation, .column = (uint32_t)i };
            add_star_target(list, &found);
        }
        return KDB_OK;
    }
    if (scope->nvisible == 0) {
        return KDBI_REFUSE(b, ref->location, "SELECT * with no tables specified is not valid");
    }
    for (size_t i = 0; i < scope->nvisible; i++) {
        const kdbi_visible *visible = &scope->visible[i];
        const kdbi_found found = { .relation = visible->relation,
                                   .column = visible->column,
                                   .merged = visible->merged,
                                   .merged_outer = visible->merged_outer };
        add_star_target(list, &found);
    }
    return KDB_OK;
}

static kdb_status emit_column_target(target_list *list, const PgQuery__ResTarget *target)
{
    kdbi_found found;
    KDB_TRY(kdbi_resolve(list->e->b, list->e->scope, target->val->column_ref, &found));
    KDB_TRY(kdbi_note_alias(list->e->b, &found, target->location));
    add_found_target(list, &found, target->name[0] == '\0' ? found.name : kdb_sv_cstr(target->name));
    list->results->items[list->results->count - 1].place = target->location + 1;
    return KDB_OK;
}

static bool is_answer(const kdbi_expr *e)
{
    return e->scope->select == e->b->query->select;
}

/* Nobody sees the names of an INSERT's expressions; those of its subqueries may be used. */
static bool is_titled(const kdbi_expr *e)
{
    return !e->b->query->untitled || !is_answer(e);
}

/* A NULL of the answer itself is TEXT (wire-protocol.md 6.1); the engine would make it an integer. */
static bool is_shown_null(const kdbi_expr *e, const PgQuery__Node *node)
{
    kdb_value value;
    return is_answer(e) && kdbi_literal_value(node, e->b->arena, &value) && value.is_null;
}

/* A CASE or COALESCE of nothing but NULLs is TEXT too; the engine would make it an INTEGER. */
static bool is_shown_nothing(const kdbi_expr *e, const PgQuery__Node *node)
{
    const bool chooses = node->node_case == PG_QUERY__NODE__NODE_CASE_EXPR ||
                         node->node_case == PG_QUERY__NODE__NODE_COALESCE_EXPR ||
                         node->node_case == PG_QUERY__NODE__NODE_MIN_MAX_EXPR;
    return is_answer(e) && chooses && kdbi_constant_of(node) == KDBI_CONSTANT_NULL;
}

/* Within the statement a number made of literals gets its type here (sql.md 24 rules 33 and 39), so that what is made of
 * it has it too. Those of the answer itself are converted when they are shown: INSERT takes them as they are. */
kdb_status kdbi_emit_inner(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const kdbi_constant constant = kdbi_constant_of(node);
    const bool integer = constant == KDBI_CONSTANT_INTEGER;
    if (!integer && (constant != KDBI_CONSTANT_FRACTION || e->b->query->stored)) {
        return kdbi_emit_expr(e, node, out);
    }
    kdb_buf_append_lit(out, "CAST(");
    KDB_TRY(kdbi_emit_expr(e, node, out));
    kdb_buf_append_sv(out, integer ? KDB_SV(" AS BIGINT)") : KDB_SV(" AS DOUBLE)"));
    return KDB_OK;
}

/* In the answer's own list, where nothing is grouped by what the list says, and no text of it names a column. */
bool kdbi_target_lifts(const kdbi_expr *e, const PgQuery__ResTarget *target)
{
    const PgQuery__SelectStmt *select = e->scope->select;
    const bool plain = is_answer(e) && select->larg == NULL && select->n_group_clause == 0 &&
                       select->having_clause == NULL && select->n_distinct_clause == 0;
    return plain && (target->name[0] != '\0' || !is_titled(e) || e->b->query->insert_source);
}

static kdb_status emit_expr_target(target_list *list, const PgQuery__ResTarget *target)
{
    kdbi_binding *b = list->e->b;
    kdb_extra lifted;
    begin_target(list);
    if (is_answer(list->e) && kdbi_lift_alone(b, target->val, &lifted)) {
        kdbi_emit_lifted(b, &lifted, list->out);
    } else if (is_shown_null(list->e, target->val)) {
        kdb_buf_append_lit(list->out, "CAST(NULL AS VARCHAR)");
    } else if (is_shown_nothing(list->e, target->val)) {
        kdb_buf_append_lit(list->out, "CAST(");
        KDB_TRY(kdbi_emit_expr(list->e, target->val, list->out));
        kdb_buf_append_lit(list->out, " AS VARCHAR)");
    } else if (is_answer(list->e)) {
        KDB_TRY(kdbi_emit_expr(list->e, target->val, list->out));
    } else {
        KDB_TRY(kdbi_emit_inner(list->e, target->val, list->out));
    }
    kdb_sv name = kdb_sv_cstr(target->name);
    const bool stored = b->query->insert_source && is_answer(list->e);
    if (name.len == 0 && is_titled(list->e) && !stored) {
        name = kdbi_title(b->query->text, target->location, target->val, b->arena);
    }
    if (name.len != 0) {
        emit_as(name, list->out);
    }
    kdbi_column *result = kdbi_columns_add(list->results, b->arena);
    result->name = name;
    result->engine = name;
    result->place = kdbi_node_location(target->val) + 1;
    result->constant = kdbi_is_constant(target->val);
    return kdbi_static_type(list->e, target->val, &result->type);
}

static kdb_status emit_target(target_list *list, const PgQuery__Node *node)
{
    kdbi_binding *b = list->e->b;
    if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || node->res_target->val == NULL ||
        node->res_target->n_indirection != 0) {
        return KDBI_REFUSE(b, kdbi_node_location(node), "this form of a select list is not supported");
    }
    if (list->results->count > KDBI_COLUMNS_MAX && is_titled(list->e)) { /* `*` makes much of little text */
        return KDBI_REFUSE(b, kdbi_node_location(node), "SELECT has more than %d columns", KDBI_COLUMNS_MAX);
    }
    const PgQuery__ResTarget *target = node->res_target;
    if (target->val->node_case != PG_QUERY__NODE__NODE_COLUMN_REF) {
        return emit_expr_target(list, target);
    }
    return kdbi_is_star(target->val->column_ref) ? emit_star(list, target->val->column_ref)
                                                 : emit_column_target(list, target);
}

kdb_status kdbi_emit_target_list(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    kdbi_columns results = { 0 };
    target_list list = { .e = e, .out = out, .results = &results };
    if (select->n_target_list > KDBI_COLUMNS_MAX && is_titled(e)) {
        return KDBI_REFUSE(e->b, -1, "SELECT has more than %d columns", KDBI_COLUMNS_MAX);
    }
    e->scope->target_sizes = KDB_ARENA_ARRAY(e->b->arena, size_t, select->n_target_list);
    for (size_t i = 0; i < select->n_target_list; i++) {
        const size_t before = kdbi_expanded(e->b, out);
        const PgQuery__Node *node = select->target_list[i];
        const bool frozen =
            node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || !kdbi_target_lifts(e, node->res_target);
        e->b->frozen += frozen;
        KDB_TRY(emit_target(&list, node));
        e->b->frozen -= frozen;
        e->scope->target_sizes[i] = kdbi_expanded(e->b, out) - before;
    }
    if (results.count == 0) {
        return KDBI_REFUSE(e->b, -1, "SELECT needs at least one column");
    }
    e->scope->results = results;
    return KDB_OK;
}
