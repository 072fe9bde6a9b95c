/* dialect_tree.c - expressions to kdb_node trees, beside their engine text and never before it: names are known to resolve
 * then. One function per kind of node, and one table that names them. A tree means exactly what the text means, so every
 * rewrite that dialect_expr.c makes is made here too; what has no row here has no tree, and only the engine runs it. */
#include "dialect_int.h"

typedef kdb_node *(*tree_builder)(const kdbi_expr *e, const PgQuery__Node *node);

/* ---- nodes ---- */

kdb_node *kdbi_node_new(const kdbi_expr *e, kdb_node_kind kind, int32_t position, size_t nargs)
{
    kdb_node *node = KDB_ARENA_NEW(e->b->arena, kdb_node);
    node->kind = kind;
    node->position = position;
    node->nargs = nargs;
    if (nargs != 0) {
        node->args = KDB_ARENA_ARRAY(e->b->arena, kdb_node *, nargs);
    }
    return node;
}

kdb_node *kdbi_node_literal(const kdbi_expr *e, kdb_value value, int32_t position)
{
    kdb_node *node = kdbi_node_new(e, KDB_NODE_LITERAL, position, 0);
    node->value = value;
    return node;
}

kdb_node *kdbi_node_unary(const kdbi_expr *e, kdb_node_kind kind, kdb_node *arg)
{
    if (arg == NULL) {
        return NULL;
    }
    kdb_node *node = kdbi_node_new(e, kind, arg->position, 1);
    node->args[0] = arg;
    return node;
}

kdb_node *kdbi_node_binary(const kdbi_expr *e, kdb_node_kind kind, kdb_node *left, kdb_node *right)
{
    if (left == NULL || right == NULL) {
        return NULL;
    }
    kdb_node *node = kdbi_node_new(e, kind, left->position, 2);
    node->args[0] = left;
    node->args[1] = right;
    return node;
}

kdb_node *kdbi_node_cast(const kdbi_expr *e, kdb_node *arg, kdb_type type)
{
    kdb_node *node = kdbi_node_unary(e, KDB_NODE_CAST, arg);
    if (node != NULL) {
        node->type = type;
    }
    return node;
}

kdb_node *kdbi_node_list(const kdbi_expr *e, kdb_node_kind kind, int32_t position, PgQuery__Node *const *args,
                         size_t nargs)
{
    kdb_node *node = kdbi_node_new(e, kind, position, nargs);
    for (size_t i = 0; i < nargs; i++) {
        node->args[i] = kdbi_tree(e, args[i]);
        if (node->args[i] == NULL) {
            return NULL;
        }
    }
    return node;
}

bool kdbi_node_has_column(const kdb_node *node)
{
    bool found = node->kind == KDB_NODE_COLUMN;
    for (size_t i = 0; i < node->nargs && !found; i++) {
        found = kdbi_node_has_column(node->args[i]);
    }
    return found;
}

/* ---- literals and parameters ---- */

/* `digits[.digits]` as the engine reads it: every digit counts for the precision, leading zeros too. */
static bool decimal_literal(kdb_sv text, kdb_value *out)
{
    const bool negative = text.len != 0 && text.ptr[0] == '-';
    const kdb_sv digits = negative ? kdb_sv_of(text.ptr + 1, text.len - 1) : text;
    const char *point = digits.len == 0 ? NULL : memchr(digits.ptr, '.', digits.len);
    if (point == NULL || digits.len < 2 || digits.len > 39) {
        return false;
    }
    kdb_i128 unscaled = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr + i == point) {
            continue;
        }
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
            return false;
        }
        unscaled = unscaled * 10 + (digits.ptr[i] - '0');
    }
    *out = (kdb_value){ .type = kdb_type_of(KDB_TYPE_DECIMAL) };
    out->type.precision = (uint8_t)(digits.len - 1);
    out->type.scale = (uint8_t)(digits.len - 1 - (size_t)(point - digits.ptr));
    out->as.i128 = negative ? -unscaled : unscaled;
    return true;
}

/* A number that is no 32-bit integer. What exceeds BIGINT has a type that no value here can have. */
static bool number_literal(kdb_sv text, kdb_value *out)
{
    int64_t integer = 0;
    double real = 0;
    if (kdb_parse_i64(text, &integer, NULL) == KDB_OK) {
        *out = kdb_value_bigint(integer);
        return true;
    }
    if (decimal_literal(text, out)) {
        return true;
    }
    const bool exponent = text.len != 0 && (memchr(text.ptr, 'e', text.len) || memchr(text.ptr, 'E', text.len));
    if (!exponent || kdb_parse_f64(text, &real, NULL) != KDB_OK) {
        return false;
    }
    *out = kdb_value_double(real);
    return true;
}

/* Integers in arithmetic on literals are cast by the text, too. */
kdb_node *kdbi_tree_number(const kdbi_expr *e, kdb_value value, int32_t position)
{
    kdb_node *node = kdbi_node_literal(e, value, position);
    const bool integer = value.type.kind == KDB_TYPE_INT || value.type.kind == KDB_TYPE_BIGINT;
    return e->constant && integer ? kdbi_node_cast(e, node, kdb_type_of(KDB_TYPE_BIGINT)) : node;
}

static kdb_node *tree_const(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__AConst *constant = node->a_const;
    kdb_value value;
    if (!constant->isnull && constant->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        return kdbi_tree_number(e, kdb_value_int(constant->ival->ival), constant->location);
    }
    if (!constant->isnull && constant->val_case == PG_QUERY__A__CONST__VAL_FVAL) {
        return number_literal(kdb_sv_cstr(constant->fval->fval), &value)
                   ? kdbi_tree_number(e, value, constant->location)
                   : NULL;
    }
    return kdbi_literal_value(node, e->b->arena, &value) ? kdbi_node_literal(e, value, constant->location) : NULL;
}

static kdb_node *tree_param(const kdbi_expr *e, const PgQuery__Node *node)
{
    kdb_node *param = kdbi_node_new(e, KDB_NODE_PARAM, node->param_ref->location, 0);
    param->param = (uint32_t)node->param_ref->number;
    return param;
}

kdb_node *kdbi_tree_extra(const kdbi_expr *e, kdb_extra_kind kind, kdb_type type, int32_t position)
{
    kdb_node *param = kdbi_node_new(e, KDB_NODE_PARAM, position, 0);
    param->param = kdbi_extra_param(e->b, kind);
    return kdbi_node_cast(e, param, type);
}

kdb_node *kdbi_tree_lifted(const kdbi_expr *e, const kdb_extra *lifted)
{
    kdb_node *param = kdbi_node_new(e, KDB_NODE_PARAM, e->b->query->shape->literals[lifted->literal].position, 0);
    param->param = kdbi_lift_param(e->b, lifted);
    return kdbi_node_cast(e, param, kdbi_lifted_type(e->b, lifted));
}

/* ---- columns ---- */

static kdb_node *tree_column(const kdbi_expr *e, const PgQuery__Node *node)
{
    kdbi_found found;
    if (kdbi_is_star(node->column_ref) || kdbi_resolve(e->b, e->scope, node->column_ref, &found) != KDB_OK ||
        found.scope != e->scope) {
        return NULL;
    }
    if (found.kind == KDBI_FOUND_NOT_DELETED) {
        return kdbi_node_literal(e, kdb_value_bool(false), node->column_ref->location);
    }
    return found.kind == KDBI_FOUND_COLUMN
               ? kdbi_tree_found(e, found.relation, found.column, node->column_ref->location)
               : NULL;
}

kdb_node *kdbi_tree_found(const kdbi_expr *e, const kdbi_relation *relation, uint32_t column, int32_t position)
{
    const kdbi_column *origin = &relation->columns.items[column];
    if (origin->slot != 0) {
        return NULL;
    }
    kdb_node *node = kdbi_node_new(e, KDB_NODE_COLUMN, position, 0);
    node->column = origin->column;
    return node;
}

/* ---- truth ---- */

static kdb_node *tree_bool(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__BoolExpr *expr = node->bool_expr;
    switch (expr->boolop) {
    case PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR:
        return kdbi_node_list(e, KDB_NODE_AND, expr->location, expr->args, expr->n_args);
    case PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR:
        return kdbi_node_list(e, KDB_NODE_OR, expr->location, expr->args, expr->n_args);
    case PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR:
        return kdbi_node_list(e, KDB_NODE_NOT, expr->location, expr->args, expr->n_args);
    default:
        return NULL;
    }
}

static kdb_node *tree_null_test(const kdbi_expr *e, const PgQuery__Node *node)
{
    const bool is_null = node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
    return kdbi_node_unary(e, is_null ? KDB_NODE_IS_NULL : KDB_NODE_IS_NOT_NULL, kdbi_tree(e, node->null_test->arg));
}

static kdb_node *tree_boolean_test(const kdbi_expr *e, const PgQuery__Node *node)
{
    static const kdb_node_kind kinds[] = {
        [PG_QUERY__BOOL_TEST_TYPE__IS_TRUE] = KDB_NODE_IS_TRUE,
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE] = KDB_NODE_IS_NOT_TRUE,
        [PG_QUERY__BOOL_TEST_TYPE__IS_FALSE] = KDB_NODE_IS_FALSE,
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE] = KDB_NODE_IS_NOT_FALSE,
        [PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN] = KDB_NODE_IS_NULL,
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN] = KDB_NODE_IS_NOT_NULL,
    };
    const PgQuery__BooleanTest *test = node->boolean_test;
    return kdbi_node_unary(e, kinds[test->booltesttype], kdbi_tree(e, test->arg));
}

/* ---- CASE, COALESCE and kin ---- */

/* CASE x WHEN y: x stands in every comparison, as one node. */
static kdb_node *tree_case(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__CaseExpr *expr = node->case_expr;
    kdb_node *subject = expr->arg == NULL ? NULL : kdbi_tree(e, expr->arg);
    if (expr->arg != NULL && subject == NULL) {
        return NULL;
    }
    kdb_node *out = kdbi_node_new(e, KDB_NODE_CASE, expr->location, expr->n_args * 2 + (expr->defresult != NULL));
    for (size_t i = 0; i < expr->n_args; i++) {
        const PgQuery__CaseWhen *when = expr->args[i]->case_when;
        kdb_node *condition = kdbi_tree(e, when->expr);
        out->args[i * 2] = subject == NULL ? condition : kdbi_node_binary(e, KDB_NODE_EQ, subject, condition);
        out->args[i * 2 + 1] = kdbi_tree(e, when->result);
        if (out->args[i * 2] == NULL || out->args[i * 2 + 1] == NULL) {
            return NULL;
        }
    }
    if (expr->defresult != NULL) {
        out->args[out->nargs - 1] = kdbi_tree(e, expr->defresult);
    }
    return out->args[out->nargs - 1] == NULL ? NULL : out;
}

static kdb_node *tree_coalesce(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__CoalesceExpr *expr = node->coalesce_expr;
    return kdbi_node_list(e, KDB_NODE_COALESCE, expr->location, expr->args, expr->n_args);
}

static kdb_node *tree_min_max(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__MinMaxExpr *expr = node->min_max_expr;
    const bool greatest = expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
    return kdbi_node_list(e, greatest ? KDB_NODE_GREATEST : KDB_NODE_LEAST, expr->location, expr->args, expr->n_args);
}

/* ---- casts ---- */

/* DATE '..' and UUID '..' where no literal is lifted out of the text: a plan for every value would not do. */
static bool is_fixed_literal(const kdbi_expr *e, const PgQuery__Node *node, kdb_value *out)
{
    return e->b->query->shape == NULL && kdbi_literal_value(node, e->b->arena, out) && !out->is_null &&
           (out->type.kind == KDB_TYPE_DATE || out->type.kind == KDB_TYPE_UUID);
}

static kdb_node *tree_cast(const kdbi_expr *e, const PgQuery__Node *node)
{
    const PgQuery__TypeCast *cast = node->type_cast;
    kdb_value value;
    kdb_type type;
    kdb_extra lifted;
    if (kdbi_lift_cast(e->b, cast, &lifted)) {
        return kdbi_tree_lifted(e, &lifted);
    }
    if (kdbi_typed_literal(e, node, &value) || is_fixed_literal(e, node, &value)) {
        return kdbi_node_literal(e, value, cast->location);
    }
    if (!kdbi_engine_cast(cast->type_name, e->b->query->text, &type) || type.kind == KDB_TYPE_EMBEDDING) {
        return NULL;
    }
    return kdbi_node_cast(e, kdbi_tree(e, cast->arg), kdb_dialect_engine_type(type));
}

/* ---- the rest ---- */

static kdb_node *tree_operator(const kdbi_expr *e, const PgQuery__Node *node)
{
    return kdbi_tree_a_expr(e, node);
}

static kdb_node *tree_function(const kdbi_expr *e, const PgQuery__Node *node)
{
    return kdbi_tree_call(e, node->func_call);
}

static kdb_node *tree_value_function(const kdbi_expr *e, const PgQuery__Node *node)
{
    return kdbi_tree_value_function(e, node->sqlvalue_function);
}

typedef struct tree_kind {
    PgQuery__Node__NodeCase node;
    tree_builder build;
} tree_kind;

static const tree_kind tree_kinds[] = {
    { PG_QUERY__NODE__NODE_COLUMN_REF, tree_column },
    { PG_QUERY__NODE__NODE_A_CONST, tree_const },
    { PG_QUERY__NODE__NODE_A_EXPR, tree_operator },
    { PG_QUERY__NODE__NODE_BOOL_EXPR, tree_bool },
    { PG_QUERY__NODE__NODE_FUNC_CALL, tree_function },
    { PG_QUERY__NODE__NODE_PARAM_REF, tree_param },
    { PG_QUERY__NODE__NODE_TYPE_CAST, tree_cast },
    { PG_QUERY__NODE__NODE_NULL_TEST, tree_null_test },
    { PG_QUERY__NODE__NODE_BOOLEAN_TEST, tree_boolean_test },
    { PG_QUERY__NODE__NODE_CASE_EXPR, tree_case },
    { PG_QUERY__NODE__NODE_COALESCE_EXPR, tree_coalesce },
    { PG_QUERY__NODE__NODE_MIN_MAX_EXPR, tree_min_max },
    { PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION, tree_value_function },
};

kdb_node *kdbi_tree(const kdbi_expr *e, const PgQuery__Node *node)
{
    for (size_t i = 0; node != NULL && i < KDB_ARRAY_LEN(tree_kinds); i++) {
        if (node->node_case == tree_kinds[i].node) {
            return tree_kinds[i].build(e, node);
        }
    }
    return NULL;
}
