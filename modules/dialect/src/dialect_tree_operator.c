/* dialect_tree_operator.c - operators to kdb_node trees: one row each, beside dialect_operator.c. Those without a row
 * (bits, lists, rows) have no tree. */
#include "dialect_int.h"

typedef enum tree_form {
    FORM_COMPARISON, /* a text literal beside a time column is a time */
    FORM_ARITHMETIC, /* beside a column, literals may be parameters */
    FORM_PLAIN,
    FORM_DIVISION,
    FORM_CALL,
    FORM_REGEX,
    FORM_JSON
} tree_form;

typedef struct tree_operator {
    const char *name;
    tree_form form;
    kdb_node_kind kind;
    const char *function; /* CALL, REGEX, JSON */
} tree_operator;

static const tree_operator binary_operators[] = {
    { "=", FORM_COMPARISON, KDB_NODE_EQ, NULL },
    { "<>", FORM_COMPARISON, KDB_NODE_NE, NULL },
    { "<", FORM_COMPARISON, KDB_NODE_LT, NULL },
    { "<=", FORM_COMPARISON, KDB_NODE_LE, NULL },
    { ">", FORM_COMPARISON, KDB_NODE_GT, NULL },
    { ">=", FORM_COMPARISON, KDB_NODE_GE, NULL },
    { "+", FORM_ARITHMETIC, KDB_NODE_ADD, NULL },
    { "-", FORM_ARITHMETIC, KDB_NODE_SUB, NULL },
    { "*", FORM_ARITHMETIC, KDB_NODE_MUL, NULL },
    { "/", FORM_DIVISION, KDB_NODE_DIV, NULL },
    { "%", FORM_DIVISION, KDB_NODE_MOD, NULL },
    { "||", FORM_PLAIN, KDB_NODE_CONCAT, NULL },
    { "^", FORM_CALL, KDB_NODE_CALL, "pow" },
    { "~", FORM_REGEX, KDB_NODE_CALL, "regexp_matches" },
    { "~*", FORM_REGEX, KDB_NODE_CALL, "regexp_matches" },
    { "!~", FORM_REGEX, KDB_NODE_CALL, "regexp_matches" },
    { "!~*", FORM_REGEX, KDB_NODE_CALL, "regexp_matches" },
    { "->", FORM_JSON, KDB_NODE_CALL, "json_get_json" },
    { "->>", FORM_JSON, KDB_NODE_CALL, "json_as_text" },
    { "?", FORM_JSON, KDB_NODE_CALL, "json_contains" },
};

typedef struct tree_prefix {
    const char *name;
    kdb_node_kind kind;
    const char *function; /* CALL */
} tree_prefix;

static const tree_prefix prefix_operators[] = {
    { "-", KDB_NODE_NEG, NULL },
    { "@", KDB_NODE_CALL, "abs" },
    { "|/", KDB_NODE_CALL, "sqrt" },
    { "||/", KDB_NODE_CALL, "cbrt" },
};

static const char *operator_name(const PgQuery__AExpr *expr)
{
    return expr->n_name == 1 ? kdbi_node_string(expr->name[0]) : NULL;
}

static kdb_node *named(kdb_node *node, const char *function)
{
    if (node != NULL && function != NULL) {
        node->name = kdb_sv_cstr(function);
    }
    return node;
}

/* One side of a comparison: text beside a time is a time. */
static kdb_node *typed_side(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other)
{
    kdb_value value;
    bool typed = false;
    if (kdbi_compared_literal(e, node, other, &value, &typed) != KDB_OK) {
        return NULL;
    }
    return typed ? kdbi_node_literal(e, value, kdbi_node_location(node)) : kdbi_tree(e, node);
}

static kdb_node *side(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other)
{
    kdb_extra lifted;
    return kdbi_lift_compared(e->b, e->scope, node, other, &lifted) ? kdbi_tree_lifted(e, &lifted)
                                                                    : typed_side(e, node, other);
}

static kdb_node *operand(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other)
{
    kdb_extra lifted;
    return kdbi_lift_operand(e->b, e->scope, node, other, &lifted) ? kdbi_tree_lifted(e, &lifted) : kdbi_tree(e, node);
}

static kdb_node *compared(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_node_kind kind)
{
    return kdbi_node_binary(e, kind, side(e, expr->lexpr, expr->rexpr), side(e, expr->rexpr, expr->lexpr));
}

/* Text and NULL as divisors mean what the engine's CASE around them makes of them. */
kdb_node *kdbi_tree_division(const kdbi_expr *e, kdb_node_kind kind, const PgQuery__Node *left,
                             const PgQuery__Node *right)
{
    kdb_node *divisor = kdbi_tree(e, right);
    const bool odd = divisor != NULL && divisor->kind == KDB_NODE_LITERAL &&
                     (divisor->value.is_null || divisor->value.type.kind == KDB_TYPE_TEXT);
    return odd ? NULL : kdbi_node_binary(e, kind, kdbi_tree(e, left), divisor);
}

static kdb_node *regex(const kdbi_expr *e, const PgQuery__AExpr *expr, const tree_operator *def)
{
    PgQuery__Node *const args[] = { expr->lexpr, expr->rexpr };
    const bool any_case = def->name[strlen(def->name) - 1] == '*';
    kdb_node *pair = kdbi_node_list(e, KDB_NODE_CALL, expr->location, args, 2);
    if (pair == NULL) {
        return NULL;
    }
    kdb_node *call = kdbi_node_new(e, KDB_NODE_CALL, expr->location, 3);
    call->args[0] = pair->args[0];
    call->args[1] = pair->args[1];
    call->args[2] = kdbi_node_literal(e, kdb_value_text(any_case ? KDB_SV("is") : KDB_SV("s")), expr->location);
    call->name = kdb_sv_cstr(def->function);
    return def->name[0] == '!' ? kdbi_node_unary(e, KDB_NODE_NOT, call) : call;
}

static kdb_node *rows(const kdbi_expr *e, const PgQuery__AExpr *expr)
{
    PgQuery__Node *node = NULL;
    return kdbi_compare_rows(e->b, expr, &node) == KDB_OK ? kdbi_tree(e, node) : NULL;
}

static kdb_node *binary(const kdbi_expr *e, const PgQuery__AExpr *expr, const tree_operator *def)
{
    switch (def->form) {
    case FORM_COMPARISON:
        return kdbi_is_row_comparison(expr) ? rows(e, expr) : compared(e, expr, def->kind);
    case FORM_ARITHMETIC:
        return kdbi_node_binary(e, def->kind, operand(e, expr->lexpr, expr->rexpr),
                                operand(e, expr->rexpr, expr->lexpr));
    case FORM_PLAIN:
    case FORM_CALL:
        return named(kdbi_node_binary(e, def->kind, kdbi_tree(e, expr->lexpr), kdbi_tree(e, expr->rexpr)),
                     def->function);
    case FORM_DIVISION:
        return kdbi_tree_division(e, def->kind, expr->lexpr, expr->rexpr);
    case FORM_REGEX:
        return regex(e, expr, def);
    case FORM_JSON: {
        PgQuery__Node *const args[] = { expr->lexpr, expr->rexpr };
        return kdbi_tree_json(e, kdb_sv_cstr(def->function), args, 2, expr->location);
    }
    }
    return NULL;
}

static kdb_node *prefix(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(prefix_operators); i++) {
        if (strcmp(prefix_operators[i].name, name) == 0) {
            return named(kdbi_node_unary(e, prefix_operators[i].kind, kdbi_tree(e, expr->rexpr)),
                         prefix_operators[i].function);
        }
    }
    return NULL;
}

/* `+5` and its kin: the text has one literal for them. */
static bool signed_integer(const PgQuery__Node *node, kdb_value *out)
{
    if (node->a_expr->lexpr != NULL || !kdbi_literal_value(node, NULL, out) || out->type.kind != KDB_TYPE_BIGINT) {
        return false;
    }
    if (out->as.i64 >= -INT32_MAX && out->as.i64 <= INT32_MAX) {
        *out = kdb_value_int((int32_t)out->as.i64);
    }
    return true;
}

static kdb_node *tree_op(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__AExpr *expr = node->a_expr;
    const char *name = operator_name(expr);
    kdb_value value;
    if (name == NULL || expr->rexpr == NULL) {
        return NULL;
    }
    if (signed_integer(node, &value)) {
        return kdbi_tree_number(e, value, expr->location);
    }
    kdbi_expr inner = *e;
    inner.constant = e->constant || kdbi_is_constant(node);
    if (expr->lexpr == NULL) {
        return prefix(&inner, expr, name);
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(binary_operators); i++) {
        if (strcmp(binary_operators[i].name, name) == 0) {
            return binary(&inner, expr, &binary_operators[i]);
        }
    }
    return NULL;
}

/* ---- LIKE ---- */

/* An escape is one character of ASCII. */
static bool is_escape(const kdb_node *node)
{
    return node != NULL && node->kind == KDB_NODE_LITERAL && !node->value.is_null &&
           node->value.type.kind == KDB_TYPE_TEXT && node->value.as.bytes.len == 1;
}

/* `text` is NULL when the pattern has an escape of its own. */
static kdb_node *pattern(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *text)
{
    kdb_extra lifted;
    const bool lifts = text != NULL && kdbi_lift_pattern(e->b, e->scope, node, text, &lifted);
    return lifts ? kdbi_tree_lifted(e, &lifted) : kdbi_tree(e, node);
}

static kdb_node *tree_like(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_node_kind kind)
{
    const char *name = operator_name(expr);
    const PgQuery__FuncCall *call = kdbi_pattern_call(expr->rexpr, "like_escape");
    const bool escaped = call != NULL && call->n_args == 2;
    kdb_node *node = kdbi_node_new(e, kind, kdbi_node_location(expr->lexpr), escaped ? 3 : 2);
    node->args[0] = kdbi_tree(e, expr->lexpr);
    node->args[1] = pattern(e, call == NULL ? expr->rexpr : call->args[0], escaped ? NULL : expr->lexpr);
    if (escaped) {
        node->args[2] = kdbi_tree(e, call->args[1]);
    }
    if (name == NULL || node->args[0] == NULL || node->args[1] == NULL || (escaped && !is_escape(node->args[2]))) {
        return NULL;
    }
    return name[0] == '!' ? kdbi_node_unary(e, KDB_NODE_NOT, node) : node;
}

/* ---- IN, BETWEEN ---- */

static kdb_node *item(const kdbi_expr *e, const PgQuery__List *list, size_t index, const PgQuery__Node *x)
{
    kdb_extra lifted;
    if (kdbi_lift_item(e->b, e->scope, list, index, x, &lifted)) {
        return kdbi_tree_lifted(e, &lifted);
    }
    return typed_side(e, list->items[index], x);
}

static kdb_node *tree_in(const kdbi_expr *e, const PgQuery__AExpr *expr)
{
    const char *name = operator_name(expr);
    if (name == NULL || expr->rexpr == NULL || expr->rexpr->node_case != PG_QUERY__NODE__NODE_LIST) {
        return NULL;
    }
    const PgQuery__List *list = expr->rexpr->list;
    kdb_extra filling;
    size_t nfilling = 0;
    while (kdbi_lift_filling(e->b, e->scope, list, nfilling, expr->lexpr, &filling)) {
        nfilling++;
    }
    kdb_node *node = kdbi_node_new(e, KDB_NODE_IN, kdbi_node_location(expr->lexpr), list->n_items + nfilling + 1);
    node->args[0] = kdbi_tree(e, expr->lexpr);
    bool whole = node->args[0] != NULL;
    for (size_t i = 0; i < list->n_items && whole; i++) {
        node->args[i + 1] = item(e, list, i, expr->lexpr);
        whole = node->args[i + 1] != NULL;
    }
    if (!whole) {
        return NULL;
    }
    for (size_t i = 0; kdbi_lift_filling(e->b, e->scope, list, i, expr->lexpr, &filling); i++) {
        node->args[list->n_items + 1 + i] = kdbi_tree_lifted(e, &filling);
    }
    return name[0] == '<' ? kdbi_node_unary(e, KDB_NODE_NOT, node) : node;
}

static kdb_node *range(const kdbi_expr *e, kdb_node *x, kdb_node *low, kdb_node *high)
{
    kdb_node *node = kdbi_node_new(e, KDB_NODE_BETWEEN, x->position, 3);
    node->args[0] = x;
    node->args[1] = low;
    node->args[2] = high;
    return node;
}

static kdb_node *tree_between(const kdbi_expr *e, const PgQuery__AExpr *expr)
{
    PgQuery__Node *const *ends = expr->rexpr->list->items;
    kdb_node *x = kdbi_tree(e, expr->lexpr);
    kdb_node *low = side(e, ends[0], expr->lexpr);
    kdb_node *high = side(e, ends[1], expr->lexpr);
    if (x == NULL || low == NULL || high == NULL) {
        return NULL;
    }
    kdb_node *node = range(e, x, low, high);
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        return node;
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        return kdbi_node_unary(e, KDB_NODE_NOT, node);
    default:
        break;
    }
    kdb_node *either = kdbi_node_binary(e, KDB_NODE_OR, node, range(e, x, high, low));
    return expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM ? kdbi_node_unary(e, KDB_NODE_NOT, either)
                                                                        : either;
}

kdb_node *kdbi_tree_a_expr(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__AExpr *expr = node->a_expr;
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        return tree_op(e, node);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
        return compared(e, expr, KDB_NODE_DISTINCT);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return compared(e, expr, KDB_NODE_NOT_DISTINCT);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        return kdbi_node_binary(e, KDB_NODE_NULLIF, kdbi_tree(e, expr->lexpr), kdbi_tree(e, expr->rexpr));
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        return tree_in(e, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
        return tree_like(e, expr, KDB_NODE_LIKE);
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return tree_like(e, expr, KDB_NODE_ILIKE);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
        return tree_between(e, expr);
    default:
        return NULL;
    }
}
