/* dialect_preds.c - what the conjuncts of a WHERE say about one table each, for its scan to read less: column op value,
 * IN and BETWEEN, with literals or parameters. The engine checks every condition again, so what is unclear is left out;
 * what is put in must never exclude a row that the engine would keep. */
#include "dialect_int.h"

typedef struct pred_walk {
    kdbi_binding *b;
    const kdbi_scope *scope;
} pred_walk;

typedef struct pred_column {
    int32_t slot;
    uint32_t column;
    kdb_type type;
} pred_column;

static const kdbi_visible *only_visible(const kdbi_scope *scope, kdb_sv name)
{
    const kdbi_visible *found = NULL;
    for (size_t i = 0; i < scope->nvisible; i++) {
        const kdbi_visible *visible = &scope->visible[i];
        if (kdb_sv_ieq(visible->relation->columns.items[visible->column].name, name)) {
            if (found != NULL) {
                return NULL;
            }
            found = visible;
        }
    }
    return found;
}

/* The table's column behind a name of this scope, if it is one: the binder has accepted the name already. */
static bool find_column(const pred_walk *walk, const PgQuery__Node *node, pred_column *out)
{
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || kdbi_is_star(node->column_ref)) {
        return false;
    }
    kdbi_found found = { 0 };
    const PgQuery__ColumnRef *ref = node->column_ref;
    if (ref->n_fields == 1) {
        const char *name = kdbi_node_string(ref->fields[0]);
        const kdb_sv full = name == NULL ? kdb_sv_of("", 0)
                                         : kdbi_full_name(walk->b->query->text, ref->location, 0, name, walk->b->arena);
        const kdbi_visible *visible = only_visible(walk->scope, full);
        if (visible == NULL || visible->merged) {
            return false;
        }
        found = (kdbi_found){ .relation = visible->relation, .column = visible->column, .scope = walk->scope };
    } else if (kdbi_resolve(walk->b, walk->scope, ref, &found) != KDB_OK) {
        return false;
    }
    if (found.kind != KDBI_FOUND_COLUMN || found.scope != walk->scope ||
        (found.relation->slot < 0 && !found.relation->is_plain)) {
        return false;
    }
    const kdbi_column *column = &found.relation->columns.items[found.column];
    out->slot = column->slot;
    out->column = column->column;
    out->type = walk->b->slots[column->slot]->columns[column->column].type;
    return true;
}

/* Literals that mean the same as a value of the column's type, however it is compared. */
static bool same_meaning(const kdb_value *literal, kdb_type column)
{
    const kdb_type_kind kind = literal->type.kind;
    switch (column.kind) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
        return kind == KDB_TYPE_BIGINT || kind == KDB_TYPE_INT || kind == KDB_TYPE_SMALLINT || kind == KDB_TYPE_TEXT;
    case KDB_TYPE_DOUBLE:
        return kind == KDB_TYPE_TEXT || kind == KDB_TYPE_BIGINT || kind == KDB_TYPE_DECIMAL || kind == KDB_TYPE_DOUBLE;
    case KDB_TYPE_DECIMAL:
        return kind == KDB_TYPE_BIGINT || (kind == KDB_TYPE_DECIMAL && literal->type.scale <= column.scale);
    case KDB_TYPE_TEXT:
    case KDB_TYPE_UUID:
    case KDB_TYPE_DATE:
        return kind == KDB_TYPE_TEXT || kind == column.kind;
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        return kind == KDB_TYPE_TEXT || kind == KDB_TYPE_TIMESTAMP || kind == KDB_TYPE_DATETIME;
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_TIME:
        return kind == KDB_TYPE_TEXT || kind == column.kind;
    case KDB_TYPE_BYTES:
        return kind == column.kind;
    case KDB_TYPE_NULL:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    return false;
}

static void lifted_operand(const pred_walk *walk, const kdb_extra *lifted, kdb_pred_operand *out)
{
    *out = (kdb_pred_operand){ .param = kdbi_lift_param(walk->b, lifted) };
}

static bool read_operand(const pred_walk *walk, const PgQuery__Node *node, kdb_type column, kdb_pred_operand *out)
{
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_PARAM_REF && node->param_ref->number > 0) {
        *out = (kdb_pred_operand){ .param = (uint32_t)node->param_ref->number };
        return true;
    }
    kdb_value literal;
    *out = (kdb_pred_operand){ .param = 0 };
    return kdbi_literal_value(node, walk->b->arena, &literal) && !literal.is_null && same_meaning(&literal, column) &&
           kdb_value_coerce(&literal, column, walk->b->arena, &out->literal, NULL) == KDB_OK;
}

static void add_pred(const pred_walk *walk, const pred_column *column, kdb_pred_op op, kdb_pred_operand *operands,
                     size_t noperands)
{
    kdb_bound_table *table = &walk->b->bound->tables[column->slot];
    *KDB_ARENA_PUSH(walk->b->arena, table->preds, table->npreds) =
        (kdb_pred){ column->column, op, operands, noperands };
}

/* `name` is what the column was found by. */
static void add_single(const pred_walk *walk, const pred_column *column, const PgQuery__Node *name, kdb_pred_op op,
                       const PgQuery__Node *value)
{
    kdb_pred_operand *operand = KDB_ARENA_NEW(walk->b->arena, kdb_pred_operand);
    kdb_extra extra;
    const bool lifted = kdbi_lift_compared(walk->b, walk->scope, value, name, &extra);
    if (lifted) {
        lifted_operand(walk, &extra, operand);
    }
    if (lifted || read_operand(walk, value, column->type, operand)) {
        add_pred(walk, column, op, operand, 1);
    }
}

typedef struct pred_operator {
    const char *name;
    kdb_pred_op op;
    kdb_pred_op turned; /* with the sides swapped */
} pred_operator;

static const pred_operator pred_operators[] = {
    { "=", KDB_PRED_EQ, KDB_PRED_EQ }, { "<", KDB_PRED_LT, KDB_PRED_GT },  { "<=", KDB_PRED_LE, KDB_PRED_GE },
    { ">", KDB_PRED_GT, KDB_PRED_LT }, { ">=", KDB_PRED_GE, KDB_PRED_LE },
};

static void collect_conjunct(const pred_walk *walk, const PgQuery__Node *node);

/* Of (a, b) > (1, 2) a scan can use a >= 1. */
static void collect_rows(const pred_walk *walk, const PgQuery__AExpr *expr)
{
    PgQuery__Node *implied = NULL;
    if (kdbi_implied_by_rows(walk->b, expr, &implied) == KDB_OK) {
        collect_conjunct(walk, implied);
    }
}

static void collect_comparison(const pred_walk *walk, const PgQuery__AExpr *expr)
{
    const char *name = expr->n_name == 1 ? kdbi_node_string(expr->name[0]) : NULL;
    pred_column column;
    for (size_t i = 0; name != NULL && i < KDB_ARRAY_LEN(pred_operators); i++) {
        if (strcmp(pred_operators[i].name, name) != 0) {
            continue;
        }
        if (find_column(walk, expr->lexpr, &column)) {
            add_single(walk, &column, expr->lexpr, pred_operators[i].op, expr->rexpr);
        } else if (find_column(walk, expr->rexpr, &column)) {
            add_single(walk, &column, expr->rexpr, pred_operators[i].turned, expr->lexpr);
        }
        return;
    }
}

static void collect_in(const pred_walk *walk, const PgQuery__AExpr *expr)
{
    const char *name = expr->n_name == 1 ? kdbi_node_string(expr->name[0]) : NULL;
    pred_column column;
    if (name == NULL || strcmp(name, "=") != 0 || expr->rexpr == NULL ||
        expr->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || !find_column(walk, expr->lexpr, &column)) {
        return;
    }
    const PgQuery__List *list = expr->rexpr->list;
    size_t count = list->n_items;
    kdb_pred_operand *operands = KDB_ARENA_ARRAY(walk->b->arena, kdb_pred_operand, 2 * count);
    for (size_t i = 0; i < list->n_items; i++) {
        kdb_extra lifted;
        if (kdbi_lift_item(walk->b, walk->scope, list, i, expr->lexpr, &lifted)) {
            lifted_operand(walk, &lifted, &operands[i]);
        } else if (!read_operand(walk, list->items[i], column.type, &operands[i])) {
            return;
        }
    }
    kdb_extra filling; /* fewer than the list has items */
    while (kdbi_lift_filling(walk->b, walk->scope, list, count - list->n_items, expr->lexpr, &filling)) {
        lifted_operand(walk, &filling, &operands[count++]);
    }
    add_pred(walk, &column, KDB_PRED_IN, operands, count);
}

static void collect_between(const pred_walk *walk, const PgQuery__AExpr *expr)
{
    pred_column column;
    if (expr->rexpr == NULL || expr->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || expr->rexpr->list->n_items != 2 ||
        !find_column(walk, expr->lexpr, &column)) {
        return;
    }
    add_single(walk, &column, expr->lexpr, KDB_PRED_GE, expr->rexpr->list->items[0]);
    add_single(walk, &column, expr->lexpr, KDB_PRED_LE, expr->rexpr->list->items[1]);
}

static void collect_conjunct(const pred_walk *walk, const PgQuery__Node *node)
{
    if (node == NULL) {
        return;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
        node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++) {
            collect_conjunct(walk, node->bool_expr->args[i]);
        }
        return;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR) {
        return;
    }
    switch (node->a_expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        if (kdbi_is_row_comparison(node->a_expr)) {
            collect_rows(walk, node->a_expr);
        } else {
            collect_comparison(walk, node->a_expr);
        }
        return;
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        collect_in(walk, node->a_expr);
        return;
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        collect_between(walk, node->a_expr);
        return;
    default:
        return;
    }
}

void kdbi_collect_preds(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *where)
{
    collect_conjunct(&(pred_walk){ b, scope }, where);
}
