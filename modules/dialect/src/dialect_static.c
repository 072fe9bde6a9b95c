/* dialect_static.c - what the tree alone tells of an expression: its type, when a column, a cast or a literal settles it,
 * and whether it is made of literals only. The binder refuses comparisons by it that PostgreSQL refuses, so that whether a
 * statement is right never depends on the rows that it meets. */
#include "dialect_int.h"

/* ---- numbers made of literals ---- */

static kdbi_constant number_constant(const PgQuery__AConst *constant)
{
    int64_t value = 0;
    if (constant->isnull) {
        return KDBI_CONSTANT_NULL;
    }
    if (constant->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        return KDBI_CONSTANT_INTEGER;
    }
    if (constant->val_case != PG_QUERY__A__CONST__VAL_FVAL) {
        return KDBI_CONSTANT_NOT;
    }
    const kdb_sv digits = kdb_sv_cstr(constant->fval->fval);
    if (kdb_parse_i64(digits, &value, NULL) == KDB_OK) {
        return KDBI_CONSTANT_INTEGER;
    }
    return strpbrk(constant->fval->fval, ".eE") != NULL ? KDBI_CONSTANT_FRACTION : KDBI_CONSTANT_WIDE;
}

static kdbi_constant larger(kdbi_constant a, kdbi_constant b)
{
    return a > b ? a : b;
}

static kdbi_constant list_constant(PgQuery__Node *const *nodes, size_t nnodes)
{
    kdbi_constant found = KDBI_CONSTANT_NULL;
    for (size_t i = 0; i < nnodes && found != KDBI_CONSTANT_NOT; i++) {
        found = larger(found, kdbi_constant_of(nodes[i]));
    }
    return found;
}

static kdbi_constant operator_constant(const PgQuery__AExpr *expr)
{
    if (expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF) {
        return kdbi_constant_of(expr->lexpr);
    }
    const char *op =
        expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && expr->n_name == 1 ? kdbi_node_string(expr->name[0]) : NULL;
    if (op == NULL || op[0] == '\0' || op[1] != '\0' || strchr("+-*/%", op[0]) == NULL) {
        return KDBI_CONSTANT_NOT;
    }
    const kdbi_constant left = expr->lexpr == NULL ? KDBI_CONSTANT_NULL : kdbi_constant_of(expr->lexpr);
    return left == KDBI_CONSTANT_NOT ? left : larger(left, kdbi_constant_of(expr->rexpr));
}

static kdbi_constant case_constant(const PgQuery__CaseExpr *expr)
{
    kdbi_constant found = expr->defresult == NULL ? KDBI_CONSTANT_NULL : kdbi_constant_of(expr->defresult);
    for (size_t i = 0; i < expr->n_args && found != KDBI_CONSTANT_NOT; i++) {
        const bool when = expr->args[i]->node_case == PG_QUERY__NODE__NODE_CASE_WHEN;
        found = when ? larger(found, kdbi_constant_of(expr->args[i]->case_when->result)) : KDBI_CONSTANT_NOT;
    }
    return found;
}

static bool is_one_of(const char *name, const char *const *names, size_t nnames)
{
    for (size_t i = 0; name != NULL && i < nnames; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *called(const PgQuery__FuncCall *call)
{
    return call->n_funcname == 1 ? kdbi_node_string(call->funcname[0]) : NULL;
}

/* Functions whose value has the type of their arguments. */
static kdbi_constant call_constant(const PgQuery__FuncCall *call)
{
    static const char *const names[] = { "abs", "ceil",      "ceiling", "floor", "gcd",    "ifnull", "lcm",
                                         "max", "mod",       "min",     "nvl",   "round",  "sign",   "trunc",
                                         "sum", "any_value", "first",   "last",  "signum", "least",  "greatest" };
    const bool known = call->over == NULL && is_one_of(called(call), names, KDB_ARRAY_LEN(names));
    return known ? list_constant(call->args, call->n_args) : KDBI_CONSTANT_NOT;
}

kdbi_constant kdbi_constant_of(const PgQuery__Node *node)
{
    switch (node == NULL ? PG_QUERY__NODE__NODE__NOT_SET : node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
        return number_constant(node->a_const);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return operator_constant(node->a_expr);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return case_constant(node->case_expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return list_constant(node->coalesce_expr->args, node->coalesce_expr->n_args);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return list_constant(node->min_max_expr->args, node->min_max_expr->n_args);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return call_constant(node->func_call);
    default:
        return KDBI_CONSTANT_NOT;
    }
}

bool kdbi_is_constant(const PgQuery__Node *node)
{
    const kdbi_constant constant = kdbi_constant_of(node);
    return constant != KDBI_CONSTANT_NOT && constant != KDBI_CONSTANT_NULL;
}

/* ---- types ---- */

static kdb_type unknown(void)
{
    return kdb_type_of(KDB_TYPE_NULL);
}

static kdb_status column_type(const kdbi_expr *e, const PgQuery__ColumnRef *ref, kdb_type *out)
{
    kdbi_found found;
    if (kdbi_is_star(ref)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_resolve(e->b, e->scope, ref, &found));
    *out = kdbi_found_type(e->b, &found);
    return KDB_OK;
}

static kdb_type constant_type(const PgQuery__AConst *constant)
{
    if (constant->isnull) {
        return unknown();
    }
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        return kdb_type_of(KDB_TYPE_BIGINT);
    case PG_QUERY__A__CONST__VAL_FVAL:
        return kdb_type_of(KDB_TYPE_DOUBLE);
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        return kdb_type_of(KDB_TYPE_BOOLEAN);
    case PG_QUERY__A__CONST__VAL_BSVAL:
        return kdb_type_of(KDB_TYPE_BYTES);
    case PG_QUERY__A__CONST__VAL_SVAL: /* of the type it is compared with */
    case PG_QUERY__A__CONST__VAL__NOT_SET:
    case _PG_QUERY__A__CONST__VAL__CASE_IS_INT_SIZE:
        break;
    }
    return unknown();
}

static bool is_text_literal(const PgQuery__Node *node)
{
    return node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull &&
           node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL;
}

/* Functions that answer one of their arguments' values, and those whose type never varies. */
static kdb_status call_type(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_type *out)
{
    static const char *const choosers[] = { "max",     "min",         "any_value",  "first",     "last", "lag",
                                            "lead",    "first_value", "last_value", "nth_value", "nvl",  "ifnull",
                                            "arg_max", "arg_min",     "max_by",     "min_by" };
    static const char *const counts[] = { "count", "length", "char_length", "octet_length" };
    static const char *const texts[] = { "upper",          "lower",       "concat",     "concat_ws",
                                         "replace",        "repeat",      "lpad",       "rpad",
                                         "regexp_replace", "translate",   "string_agg", "array_to_string",
                                         "json_as_text",   "json_get_str" };
    const char *name = called(call);
    if (is_one_of(name, choosers, KDB_ARRAY_LEN(choosers)) && call->n_args != 0) {
        return kdbi_static_type(e, call->args[0], out);
    }
    if (is_one_of(name, counts, KDB_ARRAY_LEN(counts))) {
        *out = kdb_type_of(KDB_TYPE_BIGINT);
    } else if (is_one_of(name, texts, KDB_ARRAY_LEN(texts))) {
        *out = kdb_type_of(KDB_TYPE_TEXT);
    }
    return KDB_OK;
}

static bool is_list(const PgQuery__Node *node)
{
    return node == NULL || node->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR;
}

static kdb_status is_joined_text(const kdbi_expr *e, const PgQuery__Node *node, bool *out)
{
    kdb_type type;
    KDB_TRY(kdbi_static_type(e, node, &type));
    *out = *out || is_text_literal(node) || type.kind == KDB_TYPE_TEXT || type.kind == KDB_TYPE_JSON;
    return KDB_OK;
}

kdb_status kdbi_joins_text(const kdbi_expr *e, const PgQuery__AExpr *expr, bool *out)
{
    *out = false;
    if (is_list(expr->lexpr) || is_list(expr->rexpr)) {
        return KDB_OK;
    }
    KDB_TRY(is_joined_text(e, expr->lexpr, out));
    return *out ? KDB_OK : is_joined_text(e, expr->rexpr, out);
}

static kdb_status operator_type(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_type *out)
{
    const char *op =
        expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && expr->n_name == 1 ? kdbi_node_string(expr->name[0]) : NULL;
    bool text = op != NULL && strcmp(op, "->>") == 0;
    if (op != NULL && strcmp(op, "||") == 0) {
        KDB_TRY(kdbi_joins_text(e, expr, &text));
    }
    *out = kdb_type_of(text ? KDB_TYPE_TEXT : KDB_TYPE_NULL);
    return KDB_OK;
}

/* The first argument with a type speaks for all: the engine has one for them. */
static kdb_status list_type(const kdbi_expr *e, PgQuery__Node *const *nodes, size_t nnodes, kdb_type *out)
{
    for (size_t i = 0; i < nnodes && out->kind == KDB_TYPE_NULL; i++) {
        KDB_TRY(kdbi_static_type(e, nodes[i], out));
    }
    return KDB_OK;
}

kdb_status kdbi_static_type(const kdbi_expr *e, const PgQuery__Node *node, kdb_type *out)
{
    *out = unknown();
    switch (node == NULL ? PG_QUERY__NODE__NODE__NOT_SET : node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return column_type(e, node->column_ref, out);
    case PG_QUERY__NODE__NODE_A_CONST:
        *out = constant_type(node->a_const);
        return KDB_OK;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        if (node->type_cast->type_name == NULL || !kdbi_cast_type(node->type_cast->type_name, out)) {
            *out = unknown();
        }
        return KDB_OK;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return list_type(e, node->coalesce_expr->args, node->coalesce_expr->n_args, out);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return list_type(e, node->min_max_expr->args, node->min_max_expr->n_args, out);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return call_type(e, node->func_call, out);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return operator_type(e, node->a_expr, out);
    default:
        return KDB_OK;
    }
}

/* ---- comparisons ---- */

typedef enum family {
    FAMILY_UNKNOWN, /* and whatever else the engine may judge */
    FAMILY_NUMBER,  /* truth values count as 0 and 1 */
    FAMILY_TEXT,
    FAMILY_TIME,
    FAMILY_INSTANT,
    FAMILY_UUID,
    FAMILY_BYTES
} family;

static const family families[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_BOOLEAN] = FAMILY_NUMBER,    [KDB_TYPE_SMALLINT] = FAMILY_NUMBER,  [KDB_TYPE_INT] = FAMILY_NUMBER,
    [KDB_TYPE_BIGINT] = FAMILY_NUMBER,     [KDB_TYPE_FLOAT] = FAMILY_NUMBER,     [KDB_TYPE_DOUBLE] = FAMILY_NUMBER,
    [KDB_TYPE_DECIMAL] = FAMILY_NUMBER,    [KDB_TYPE_TEXT] = FAMILY_TEXT,        [KDB_TYPE_JSON] = FAMILY_TEXT,
    [KDB_TYPE_FILE] = FAMILY_TEXT,         [KDB_TYPE_TIME] = FAMILY_TIME,        [KDB_TYPE_DATE] = FAMILY_INSTANT,
    [KDB_TYPE_TIMESTAMP] = FAMILY_INSTANT, [KDB_TYPE_DATETIME] = FAMILY_INSTANT, [KDB_TYPE_UUID] = FAMILY_UUID,
    [KDB_TYPE_BYTES] = FAMILY_BYTES,
};

kdb_status kdbi_check_types(kdbi_binding *b, kdb_type left, const char *op, kdb_type right, int32_t position)
{
    const family a = families[left.kind];
    const family c = families[right.kind];
    if (a == c || a == FAMILY_UNKNOWN || c == FAMILY_UNKNOWN) {
        return KDB_OK;
    }
    const kdb_sv left_name = kdb_type_sql_text(left, b->arena);
    const kdb_sv right_name = kdb_type_sql_text(right, b->arena);
    return KDBI_REFUSE(b, position, "operator does not exist: %.*s %s %.*s. Cast one of the sides",
                       KDB_SV_ARG(left_name), op, KDB_SV_ARG(right_name));
}

kdb_status kdbi_check_comparison(const kdbi_expr *e, const PgQuery__Node *left, const char *op,
                                 const PgQuery__Node *right, int32_t position)
{
    kdb_type a;
    kdb_type b;
    KDB_TRY(kdbi_static_type(e, left, &a));
    KDB_TRY(kdbi_static_type(e, right, &b));
    return kdbi_check_types(e->b, a, op, b, position);
}

/* ---- conditions ---- */

static const char *arithmetic_of(const PgQuery__Node *node)
{
    const PgQuery__AExpr *expr = node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_EXPR ? node->a_expr : NULL;
    const char *op = expr != NULL && expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && expr->n_name == 1
                         ? kdbi_node_string(expr->name[0])
                         : NULL;
    return op != NULL && op[0] != '\0' && op[1] == '\0' && strchr("+-*/%", op[0]) != NULL ? op : NULL;
}

/* Arithmetic on a number gives one: the type of the first side whose type is known, unless that is no number (a date
 * plus 1). */
static kdb_status condition_type(const kdbi_expr *e, const PgQuery__Node *node, kdb_type *out)
{
    if (arithmetic_of(node) == NULL) {
        return kdbi_static_type(e, node, out);
    }
    kdb_type right;
    *out = unknown();
    if (node->a_expr->lexpr != NULL) {
        KDB_TRY(condition_type(e, node->a_expr->lexpr, out));
    }
    KDB_TRY(condition_type(e, node->a_expr->rexpr, &right));
    *out = out->kind == KDB_TYPE_NULL ? right : *out;
    if (families[out->kind] != FAMILY_NUMBER) {
        *out = unknown();
    }
    return KDB_OK;
}

kdb_status kdbi_check_condition(const kdbi_expr *e, const PgQuery__Node *node, const char *of)
{
    kdb_type type;
    KDB_TRY(condition_type(e, node, &type));
    if (type.kind == KDB_TYPE_NULL || type.kind == KDB_TYPE_BOOLEAN) {
        return KDB_OK;
    }
    const kdb_sv name = kdb_type_sql_text(type, e->b->arena);
    return KDBI_REFUSE(e->b, kdbi_node_location(node), "argument of %s must be of type BOOLEAN, not %.*s", of,
                       KDB_SV_ARG(name));
}

/* ---- literals ---- */

static kdb_status bad_literal(const kdbi_expr *e, kdb_type type, kdb_sv text, int32_t position)
{
    const kdb_sv name = kdb_type_sql_text(type, e->b->arena);
    return KDBI_REFUSE(e->b, position, "invalid input syntax for type %.*s: \"%.*s\"", KDB_SV_ARG(name),
                       KDB_SV_ARG(kdb_utf8_cut(text, 64)));
}

kdb_status kdbi_compared_literal(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other,
                                 kdb_value *out, bool *out_typed)
{
    kdb_type type;
    *out_typed = false;
    if (!is_text_literal(node)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_static_type(e, other, &type));
    if (families[type.kind] == FAMILY_UNKNOWN || families[type.kind] == FAMILY_TEXT) {
        return KDB_OK;
    }
    if (type.kind == KDB_TYPE_DATETIME) { /* as the engine knows it */
        type.kind = KDB_TYPE_TIMESTAMP;
    }
    const kdb_value text = kdb_value_text(kdb_sv_cstr(node->a_const->sval->sval));
    kdb_value number;
    if (type.kind == KDB_TYPE_DECIMAL && kdbi_number_value(kdb_sv_trim(text.as.bytes), false, &number)) {
        *out = number; /* as it is: rounded to the column's scale it would meet other rows */
        *out_typed = true;
        return KDB_OK;
    }
    if (!kdb_utf8_valid(text.as.bytes) || kdb_value_coerce(&text, type, e->b->arena, out, NULL) != KDB_OK) {
        return bad_literal(e, type, text.as.bytes, kdbi_node_location(node));
    }
    *out_typed = true;
    return KDB_OK;
}

kdb_status kdbi_check_cast(const kdbi_expr *e, const PgQuery__TypeCast *cast)
{
    kdb_type type;
    kdb_value value;
    if (!is_text_literal(cast->arg) || !kdbi_cast_type(cast->type_name, &type) ||
        families[type.kind] == FAMILY_NUMBER || families[type.kind] == FAMILY_TEXT) {
        return KDB_OK;
    }
    const kdb_value text = kdb_value_text(kdb_sv_cstr(cast->arg->a_const->sval->sval));
    return kdb_utf8_valid(text.as.bytes) && kdb_value_coerce(&text, type, e->b->arena, &value, NULL) == KDB_OK
               ? KDB_OK
               : bad_literal(e, type, text.as.bytes, cast->arg->a_const->location);
}
