/* dialect_row_compare.c - comparisons of rows, (a, b) >= (1, 2), as comparisons of their values: the engine fails to plan some of
 * the former, and neither scans nor trees know rows. Values are compared from the left; the first pair that differs, or that
 * holds a NULL, decides. */
#include "dialect_int.h"

/* Each value but the last stands one level deeper than the one before. */
enum { ROW_VALUES_MAX = 32 };

bool kdbi_is_row_comparison(const PgQuery__AExpr *expr)
{
    return expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && expr->n_name == 1 && expr->lexpr != NULL &&
           expr->rexpr != NULL && expr->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
           expr->rexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR;
}

/* ---- nodes of PostgreSQL's tree ---- */

static PgQuery__Node *new_node(kdb_arena *arena, PgQuery__Node__NodeCase node_case)
{
    PgQuery__Node *node = KDB_ARENA_NEW(arena, PgQuery__Node);
    pg_query__node__init(node);
    node->node_case = node_case;
    return node;
}

static PgQuery__Node *new_string(kdb_arena *arena, const char *text)
{
    PgQuery__Node *node = new_node(arena, PG_QUERY__NODE__NODE_STRING);
    node->string = KDB_ARENA_NEW(arena, PgQuery__String);
    pg_query__string__init(node->string);
    node->string->sval = kdb_sv_dup_cstr(arena, kdb_sv_cstr(text));
    return node;
}

/* left <op> right, where `from` is. */
static PgQuery__Node *new_comparison(kdb_arena *arena, const PgQuery__AExpr *from, const char *op, PgQuery__Node *left,
                                     PgQuery__Node *right)
{
    PgQuery__Node *node = new_node(arena, PG_QUERY__NODE__NODE_A_EXPR);
    node->a_expr = KDB_ARENA_NEW(arena, PgQuery__AExpr);
    pg_query__a__expr__init(node->a_expr);
    node->a_expr->kind = PG_QUERY__A__EXPR__KIND__AEXPR_OP;
    node->a_expr->location = from->location;
    node->a_expr->n_name = 1;
    node->a_expr->name = KDB_ARENA_ARRAY(arena, PgQuery__Node *, 1);
    node->a_expr->name[0] = new_string(arena, op);
    node->a_expr->lexpr = left;
    node->a_expr->rexpr = right;
    return node;
}

static PgQuery__Node *new_logic(kdb_arena *arena, const PgQuery__AExpr *from, PgQuery__BoolExprType op, size_t nargs)
{
    PgQuery__Node *node = new_node(arena, PG_QUERY__NODE__NODE_BOOL_EXPR);
    node->bool_expr = KDB_ARENA_NEW(arena, PgQuery__BoolExpr);
    pg_query__bool_expr__init(node->bool_expr);
    node->bool_expr->boolop = op;
    node->bool_expr->location = from->location;
    node->bool_expr->n_args = nargs;
    node->bool_expr->args = KDB_ARENA_ARRAY(arena, PgQuery__Node *, nargs);
    return node;
}

static PgQuery__Node *new_pair(kdb_arena *arena, const PgQuery__AExpr *from, PgQuery__BoolExprType op,
                               PgQuery__Node *left, PgQuery__Node *right)
{
    PgQuery__Node *node = new_logic(arena, from, op, 2);
    node->bool_expr->args[0] = left;
    node->bool_expr->args[1] = right;
    return node;
}

/* ---- rows ---- */

typedef struct row_operator {
    const char *name;
    const char *strict; /* between the values before the last; NULL: of equality, every pair alike */
    const char *weak;   /* what it implies for the first pair */
} row_operator;

static const row_operator row_operators[] = {
    { "=", NULL, "=" },  { "<>", NULL, NULL }, { "<", "<", "<=" },
    { "<=", "<", "<=" }, { ">", ">", ">=" },   { ">=", ">", ">=" },
};

static const row_operator *find_operator(const PgQuery__AExpr *expr)
{
    const char *name = kdbi_node_string(expr->name[0]);
    for (size_t i = 0; name != NULL && i < KDB_ARRAY_LEN(row_operators); i++) {
        if (strcmp(row_operators[i].name, name) == 0) {
            return &row_operators[i];
        }
    }
    return NULL;
}

static kdb_status check_rows(kdbi_binding *b, const PgQuery__AExpr *expr, const row_operator *op)
{
    const PgQuery__RowExpr *left = expr->lexpr->row_expr;
    const PgQuery__RowExpr *right = expr->rexpr->row_expr;
    if (op == NULL) {
        return KDBI_REFUSE(b, expr->location, "this operator is not supported between rows");
    }
    if (left->n_args != right->n_args || left->n_args == 0) {
        return KDBI_REFUSE(b, expr->location, "unequal number of entries in row expressions");
    }
    if (left->n_args > ROW_VALUES_MAX) {
        return KDBI_REFUSE(b, expr->location, "rows of more than %d values cannot be compared", ROW_VALUES_MAX);
    }
    return KDB_OK;
}

/* Every pair alike: = and all of them, <> and any of them. */
static PgQuery__Node *compare_all(kdb_arena *arena, const PgQuery__AExpr *expr, const row_operator *op)
{
    const PgQuery__RowExpr *left = expr->lexpr->row_expr;
    const bool equal = op->name[0] == '=';
    PgQuery__Node *node = new_logic(
        arena, expr, equal ? PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR : PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR, left->n_args);
    for (size_t i = 0; i < left->n_args; i++) {
        node->bool_expr->args[i] = new_comparison(arena, expr, op->name, left->args[i], expr->rexpr->row_expr->args[i]);
    }
    return node;
}

/* a > 1 OR (a = 1 AND b >= 2), from the right. */
static PgQuery__Node *compare_in_order(kdb_arena *arena, const PgQuery__AExpr *expr, const row_operator *op)
{
    const PgQuery__RowExpr *left = expr->lexpr->row_expr;
    const PgQuery__RowExpr *right = expr->rexpr->row_expr;
    const size_t last = left->n_args - 1;
    PgQuery__Node *node = new_comparison(arena, expr, op->name, left->args[last], right->args[last]);
    for (size_t i = last; i-- > 0;) {
        PgQuery__Node *equal = new_comparison(arena, expr, "=", left->args[i], right->args[i]);
        PgQuery__Node *strict = new_comparison(arena, expr, op->strict, left->args[i], right->args[i]);
        PgQuery__Node *rest = new_pair(arena, expr, PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR, equal, node);
        node = new_pair(arena, expr, PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR, strict, rest);
    }
    return node;
}

kdb_status kdbi_compare_rows(kdbi_binding *b, const PgQuery__AExpr *expr, PgQuery__Node **out)
{
    const row_operator *op = find_operator(expr);
    KDB_TRY(check_rows(b, expr, op));
    *out = op->strict == NULL ? compare_all(b->arena, expr, op) : compare_in_order(b->arena, expr, op);
    return KDB_OK;
}

kdb_status kdbi_implied_by_rows(kdbi_binding *b, const PgQuery__AExpr *expr, PgQuery__Node **out)
{
    const row_operator *op = find_operator(expr);
    KDB_TRY(check_rows(b, expr, op));
    if (op->strict == NULL) {
        *out = compare_all(b->arena, expr, op);
    } else {
        const char *name = expr->lexpr->row_expr->n_args == 1 ? op->name : op->weak;
        *out = new_comparison(b->arena, expr, name, expr->lexpr->row_expr->args[0], expr->rexpr->row_expr->args[0]);
    }
    return KDB_OK;
}
