/* dialect_operator.c - operators to engine text: one row each. Where the engine means something else by an operator
 * (`->`, `~`, LIKE without ESCAPE), it gets the function or form that means what sql.md says. */
#include "dialect_int.h"

typedef enum operator_form {
    FORM_INFIX,
    FORM_JOIN,       /* of texts: a function of ours, which bounds the result */
    FORM_ARITHMETIC, /* infix; beside a column, literals may be parameters */
    FORM_COMPARISON, /* infix, and allowed with ANY and ALL */
    FORM_DIVISION,   /* infix, and an error when the right side is zero */
    FORM_CALL,       /* engine(left, right) */
    FORM_REGEX,      /* regexp_matches: matches anywhere */
    FORM_JSON
} operator_form;

typedef struct operator_def {
    const char *name;
    operator_form form;
    const char *engine; /* text, or function */
} operator_def;

static const operator_def binary_operators[] = {
    { "=", FORM_COMPARISON, "=" },
    { "<>", FORM_COMPARISON, "<>" },
    { "<", FORM_COMPARISON, "<" },
    { "<=", FORM_COMPARISON, "<=" },
    { ">", FORM_COMPARISON, ">" },
    { ">=", FORM_COMPARISON, ">=" },
    { "+", FORM_ARITHMETIC, "+" },
    { "-", FORM_ARITHMETIC, "-" },
    { "*", FORM_ARITHMETIC, "*" },
    { "/", FORM_DIVISION, "/" },
    { "%", FORM_DIVISION, "%" },
    { "^", FORM_CALL, "pow" },
    { "||", FORM_JOIN, "||" },
    { "&", FORM_INFIX, "&" },
    { "|", FORM_INFIX, "|" },
    { "#", FORM_CALL, "xor" },
    { "<<", FORM_INFIX, "<<" },
    { ">>", FORM_INFIX, ">>" },
    { "@>", FORM_CALL, "list_has_all" },
    { "&&", FORM_CALL, "list_has_any" },
    { "~", FORM_REGEX, "regexp_matches(" },
    { "~*", FORM_REGEX, "regexp_matches(" },
    { "!~", FORM_REGEX, "(NOT regexp_matches(" },
    { "!~*", FORM_REGEX, "(NOT regexp_matches(" },
    { "->", FORM_JSON, "json_get" },
    { "->>", FORM_JSON, "json_as_text" },
    { "?", FORM_JSON, "json_contains" },
};

typedef struct prefix_def {
    const char *name;
    const char *open; /* before the operand; a bracket closes it */
} prefix_def;

static const prefix_def prefix_operators[] = {
    { "+", "(+ " }, { "-", "(- " }, { "~", "(~ " }, { "@", "abs(" }, { "|/", "sqrt(" }, { "||/", "cbrt(" },
};

static const operator_def *find_binary(const char *name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(binary_operators); i++) {
        if (strcmp(binary_operators[i].name, name) == 0) {
            return &binary_operators[i];
        }
    }
    return NULL;
}

/* A qualified operator, OPERATOR(pg_catalog.+), has two names and is not ours. */
static const char *operator_name(PgQuery__Node *const *names, size_t nnames)
{
    return nnames == 1 ? kdbi_node_string(names[0]) : NULL;
}

const char *kdbi_comparison(PgQuery__Node *const *names, size_t nnames)
{
    const char *name = operator_name(names, nnames);
    const operator_def *def = name == NULL ? NULL : find_binary(name);
    return def != NULL && def->form == FORM_COMPARISON ? def->engine : NULL;
}

static kdb_status refuse(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *name)
{
    if (name == NULL) {
        return KDBI_REFUSE(e->b, expr->location, "Qualified operators are not supported");
    }
    return KDBI_REFUSE(e->b, expr->location, "Operator %s is not supported", name);
}

/* The text of a string literal; NULL for anything else. */
static const char *literal_text(const PgQuery__Node *node)
{
    const bool text = node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull &&
                      node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL;
    return text ? node->a_const->sval->sval : NULL;
}

/* One side of a comparison with `other`. Text takes the other side's type here: the engine would find out row by row
 * that it does not, would drop a time's offset, and reads BYTES otherwise. */
static kdb_status emit_typed_side(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other,
                                  kdb_buf *out)
{
    kdb_value value;
    bool typed = false;
    KDB_TRY(kdbi_compared_literal(e, node, other, &value, &typed));
    return typed && kdbi_emit_value(e, &value, out) ? KDB_OK : kdbi_emit_expr(e, node, out);
}

/* One side of a comparison with `other`. */
static kdb_status emit_side(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other, kdb_buf *out)
{
    kdb_extra lifted;
    if (kdbi_lift_compared(e->b, e->scope, node, other, &lifted)) {
        kdbi_emit_lifted(e->b, &lifted, out);
        return KDB_OK;
    }
    return emit_typed_side(e, node, other, out);
}

static kdb_status emit_item(const kdbi_expr *e, const PgQuery__List *list, size_t index, const PgQuery__Node *x,
                            kdb_buf *out)
{
    kdb_extra lifted;
    if (kdbi_lift_item(e->b, e->scope, list, index, x, &lifted)) {
        kdbi_emit_lifted(e->b, &lifted, out);
        return KDB_OK;
    }
    return emit_typed_side(e, list->items[index], x, out);
}

static kdb_status emit_operand(const kdbi_expr *e, const PgQuery__Node *node, const PgQuery__Node *other, kdb_buf *out)
{
    kdb_extra lifted;
    if (kdbi_lift_operand(e->b, e->scope, node, other, &lifted)) {
        kdbi_emit_lifted(e->b, &lifted, out);
        return KDB_OK;
    }
    return kdbi_emit_expr(e, node, out);
}

/* (left + right) */
static kdb_status emit_arithmetic(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *op, kdb_buf *out)
{
    kdb_buf_append_byte(out, '(');
    KDB_TRY(emit_operand(e, expr->lexpr, expr->rexpr, out));
    kdb_buf_printf(out, " %s ", op);
    KDB_TRY(emit_operand(e, expr->rexpr, expr->lexpr, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* (left <middle> right) */
static kdb_status emit_compared(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_sv middle, kdb_buf *out)
{
    KDB_TRY(
        kdbi_check_comparison(e, expr->lexpr, operator_name(expr->name, expr->n_name), expr->rexpr, expr->location));
    kdb_buf_append_byte(out, '(');
    KDB_TRY(emit_side(e, expr->lexpr, expr->rexpr, out));
    kdb_buf_append_sv(out, middle);
    KDB_TRY(emit_side(e, expr->rexpr, expr->lexpr, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static kdb_status emit_infix(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_sv middle, kdb_buf *out)
{
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, expr->lexpr, out));
    kdb_buf_append_sv(out, middle);
    KDB_TRY(kdbi_emit_expr(e, expr->rexpr, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* The divisor is written twice, so divisions inside divisors are bounded: each level doubles the text. */
static kdb_status emit_checked_divisor(const kdbi_expr *e, const PgQuery__Node *right, int32_t location, kdb_buf *out)
{
    const size_t start = out->len;
    const size_t copied = e->b->copied;
    e->b->divisors++;
    KDB_TRY(kdbi_emit_expr(e, right, out));
    e->b->divisors--;
    const kdb_sv divisor = kdb_sv_dup(e->b->arena, kdb_sv_of(out->ptr + start, out->len - start));
    out->len = start;
    KDB_TRY(kdbi_note_copies(e->b, 1, e->b->copied - copied, location)); /* its copies stand here twice too */
    /* Compared with 0, a parameter would become an INTEGER for the engine, 2.5 included; concat() leaves it open. */
    const bool open = right->node_case == PG_QUERY__NODE__NODE_PARAM_REF;
    kdb_buf_append_sv(out, open ? KDB_SV("CASE WHEN TRY_CAST(concat(") : KDB_SV("CASE WHEN "));
    kdb_buf_append_sv(out, divisor);
    kdb_buf_append_sv(out, open ? KDB_SV(") AS DOUBLE)") : KDB_SV(""));
    kdb_buf_append_lit(out, " = 0 THEN error('division by zero') ELSE ");
    kdb_buf_append_sv(out, divisor);
    kdb_buf_append_lit(out, " END");
    return KDB_OK;
}

/* A literal stays one, outside of the CASE: `small % 0` is a SMALLINT and `n / '2'` a number for the engine only while the
 * operator itself sees the literal. */
static kdb_status emit_division_by_literal(const kdbi_expr *e, const PgQuery__Node *left, const PgQuery__Node *right,
                                           const char *name, bool nonzero, kdb_buf *out)
{
    if (!nonzero) {
        kdb_buf_append_lit(out, "CASE WHEN TRY_CAST(");
        KDB_TRY(kdbi_emit_expr(e, right, out));
        kdb_buf_append_lit(out, " AS DOUBLE) = 0 THEN error('division by zero') ELSE ");
    }
    KDB_TRY(kdbi_emit_expr(e, left, out));
    kdb_buf_printf(out, " %s ", name);
    KDB_TRY(kdbi_emit_expr(e, right, out));
    kdb_buf_append_sv(out, nonzero ? KDB_SV("") : KDB_SV(" END"));
    return KDB_OK;
}

/* The engine answers NULL to a division by zero; ours is an error (sql.md 24 rule 22). */
kdb_status kdbi_emit_division(const kdbi_expr *e, const PgQuery__Node *left, const PgQuery__Node *right,
                              const char *name, int32_t location, kdb_buf *out)
{
    if (e->b->divisors == KDBI_DIVISORS_MAX) {
        return KDBI_REFUSE(e->b, location, "Divisions inside divisors nest at most %d deep", KDBI_DIVISORS_MAX);
    }
    kdb_buf_append_byte(out, '(');
    kdb_value value;
    if (kdbi_literal_value(right, NULL, &value) && !value.is_null) {
        const bool nonzero = value.type.kind == KDB_TYPE_BIGINT && value.as.i64 != 0;
        KDB_TRY(emit_division_by_literal(e, left, right, name, nonzero, out));
    } else {
        KDB_TRY(kdbi_emit_expr(e, left, out));
        kdb_buf_printf(out, " %s ", name);
        KDB_TRY(emit_checked_divisor(e, right, location, out));
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static kdb_status emit_pair(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_sv open, kdb_sv close, kdb_buf *out)
{
    kdb_buf_append_sv(out, open);
    KDB_TRY(kdbi_emit_expr(e, expr->lexpr, out));
    kdb_buf_append_lit(out, ", ");
    KDB_TRY(kdbi_emit_expr(e, expr->rexpr, out));
    kdb_buf_append_sv(out, close);
    return KDB_OK;
}

/* A pattern is matched with a text, and with nothing else. */
static kdb_status check_matched(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *op)
{
    kdb_type type;
    KDB_TRY(kdbi_static_type(e, expr->lexpr, &type));
    return kdbi_check_types(e->b, type, op, kdb_type_of(KDB_TYPE_TEXT), expr->location);
}

/* PostgreSQL's dot matches a line end too. */
static kdb_status emit_regex(const kdbi_expr *e, const PgQuery__AExpr *expr, const operator_def *def, kdb_buf *out)
{
    const bool negated = def->name[0] == '!';
    const bool any_case = def->name[strlen(def->name) - 1] == '*';
    PgQuery__Node *const args[] = { expr->lexpr, expr->rexpr };
    KDB_TRY(check_matched(e, expr, def->name));
    kdb_buf_append_sv(out, kdb_sv_cstr(def->engine));
    KDB_TRY(kdbi_emit_bounded(e, "regexp_matches", args, KDB_ARRAY_LEN(args), 0, out));
    kdb_buf_append_lit(out, ", ");
    KDB_TRY(kdbi_emit_expr(e, expr->rexpr, out));
    kdb_buf_append_sv(out, any_case ? KDB_SV(", 'is')") : KDB_SV(", 's')"));
    kdb_buf_append_sv(out, negated ? KDB_SV(")") : KDB_SV(""));
    return KDB_OK;
}

static kdb_status emit_texts(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    PgQuery__Node *const sides[] = { expr->lexpr, expr->rexpr };
    kdb_buf_append_lit(out, "kdb_join(");
    KDB_TRY(kdbi_emit_texts(e, sides, KDB_ARRAY_LEN(sides), out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* Lists and bytes are joined by the engine. */
static kdb_status emit_join(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    bool text = false;
    KDB_TRY(kdbi_joins_text(e, expr, &text));
    return text ? emit_texts(e, expr, out) : emit_infix(e, expr, KDB_SV(" || "), out);
}

static kdb_status emit_binary(const kdbi_expr *e, const PgQuery__AExpr *expr, const operator_def *def, kdb_buf *out)
{
    switch (def->form) {
    case FORM_INFIX: {
        const kdb_sv middle = kdb_sv_printf(e->b->arena, " %s ", def->engine);
        return emit_infix(e, expr, middle, out);
    }
    case FORM_JOIN:
        return emit_join(e, expr, out);
    case FORM_ARITHMETIC:
        return emit_arithmetic(e, expr, def->engine, out);
    case FORM_DIVISION:
        return kdbi_emit_division(e, expr->lexpr, expr->rexpr, def->engine, expr->location, out);
    case FORM_COMPARISON: {
        const kdb_sv middle = kdb_sv_printf(e->b->arena, " %s ", def->engine);
        return emit_compared(e, expr, middle, out);
    }
    case FORM_CALL: {
        const kdb_sv open = kdb_sv_printf(e->b->arena, "%s(", def->engine);
        return emit_pair(e, expr, open, KDB_SV(")"), out);
    }
    case FORM_REGEX:
        return emit_regex(e, expr, def, out);
    case FORM_JSON: {
        PgQuery__Node *const args[] = { expr->lexpr, expr->rexpr };
        return kdbi_emit_json(e, def->engine, args, 2, expr->location, out);
    }
    }
    return refuse(e, expr, def->name);
}

static kdb_status emit_prefix(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *name, kdb_buf *out)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(prefix_operators); i++) {
        if (strcmp(prefix_operators[i].name, name) == 0) {
            kdb_buf_append_sv(out, kdb_sv_cstr(prefix_operators[i].open));
            KDB_TRY(kdbi_emit_expr(e, expr->rexpr, out));
            kdb_buf_append_byte(out, ')');
            return KDB_OK;
        }
    }
    return refuse(e, expr, name);
}

/* `-5` is one literal: the smallest BIGINT has no positive counterpart. */
static bool emit_signed_integer(const PgQuery__AExpr *expr, const kdbi_expr *e, kdb_buf *out)
{
    const PgQuery__Node node = { .node_case = PG_QUERY__NODE__NODE_A_EXPR,
                                 .a_expr = (PgQuery__AExpr *)(uintptr_t)expr };
    kdb_value value;
    if (expr->lexpr != NULL || !kdbi_literal_value(&node, NULL, &value) || value.type.kind != KDB_TYPE_BIGINT) {
        return false;
    }
    kdb_buf_append_sv(out, e->constant ? KDB_SV("CAST(") : KDB_SV("("));
    kdb_buf_append_i64(out, value.as.i64);
    kdb_buf_append_sv(out, e->constant ? KDB_SV(" AS BIGINT)") : KDB_SV(")"));
    return true;
}

static kdb_status emit_rows(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    PgQuery__Node *compared = NULL;
    if (out->overflow) { /* rows of rows: the text doubles each time */
        return KDBI_REFUSE(e->b, expr->location, "the statement is too large");
    }
    KDB_TRY(kdbi_compare_rows(e->b, expr, &compared));
    return kdbi_emit_expr(e, compared, out);
}

static kdb_status emit_op(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    const char *name = operator_name(expr->name, expr->n_name);
    if (name == NULL || expr->rexpr == NULL) {
        return refuse(e, expr, name);
    }
    if (emit_signed_integer(expr, e, out)) {
        return KDB_OK;
    }
    const PgQuery__Node node = { .node_case = PG_QUERY__NODE__NODE_A_EXPR,
                                 .a_expr = (PgQuery__AExpr *)(uintptr_t)expr };
    kdbi_expr inner = *e;
    inner.constant = e->constant || kdbi_is_constant(&node);
    if (expr->lexpr == NULL) {
        return emit_prefix(&inner, expr, name, out);
    }
    const operator_def *def = find_binary(name);
    if (def != NULL && def->form == FORM_COMPARISON && kdbi_is_row_comparison(expr)) {
        return emit_rows(e, expr, out);
    }
    return def == NULL ? refuse(e, expr, name) : emit_binary(&inner, expr, def, out);
}

/* ---- LIKE, SIMILAR TO ---- */

const PgQuery__FuncCall *kdbi_pattern_call(const PgQuery__Node *node, const char *function)
{
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || node->func_call->n_funcname != 2) {
        return NULL;
    }
    const char *schema = kdbi_node_string(node->func_call->funcname[0]);
    const char *name = kdbi_node_string(node->func_call->funcname[1]);
    const bool found = schema != NULL && name != NULL && strcmp(schema, "pg_catalog") == 0 &&
                       strcmp(name, function) == 0 && node->func_call->n_args >= 1 && node->func_call->n_args <= 2;
    return found ? node->func_call : NULL;
}

static kdb_status emit_folded(const kdbi_expr *e, const PgQuery__Node *node, bool any_case, kdb_buf *out)
{
    kdb_buf_append_sv(out, any_case ? KDB_SV("lower(") : KDB_SV(""));
    KDB_TRY(kdbi_emit_expr(e, node, out));
    kdb_buf_append_sv(out, any_case ? KDB_SV(")") : KDB_SV(""));
    return KDB_OK;
}

/* `text` is NULL when the pattern has an escape of its own. */
static kdb_status emit_pattern(const kdbi_expr *e, const PgQuery__Node *pattern, const PgQuery__Node *text,
                               bool any_case, kdb_buf *out)
{
    kdb_extra lifted;
    if (text == NULL || !kdbi_lift_pattern(e->b, e->scope, pattern, text, &lifted)) {
        return emit_folded(e, pattern, any_case, out);
    }
    kdb_buf_append_sv(out, any_case ? KDB_SV("lower(") : KDB_SV(""));
    kdbi_emit_lifted(e->b, &lifted, out);
    kdb_buf_append_sv(out, any_case ? KDB_SV(")") : KDB_SV(""));
    return KDB_OK;
}

/* [NOT] kdb_like(text, pattern, escape): see engine_like.c. Backslash escapes unless ESCAPE says otherwise (sql.md 24 rule
 * 23). */
static kdb_status emit_like(const kdbi_expr *e, const PgQuery__AExpr *expr, bool any_case, kdb_buf *out)
{
    const char *name = operator_name(expr->name, expr->n_name);
    if (name == NULL) {
        return refuse(e, expr, NULL);
    }
    const PgQuery__FuncCall *call = kdbi_pattern_call(expr->rexpr, "like_escape");
    const PgQuery__Node *pattern = call == NULL ? expr->rexpr : call->args[0];
    const PgQuery__Node *escape = call != NULL && call->n_args == 2 ? call->args[1] : NULL;
    const bool negated = name[0] == '!';
    KDB_TRY(check_matched(e, expr, any_case ? "ILIKE" : "LIKE"));
    kdb_buf_append_sv(out, negated ? KDB_SV("(NOT kdb_like(") : KDB_SV("kdb_like("));
    KDB_TRY(emit_folded(e, expr->lexpr, any_case, out));
    kdb_buf_append_lit(out, ", ");
    KDB_TRY(emit_pattern(e, pattern, escape == NULL ? expr->lexpr : NULL, any_case, out));
    kdb_buf_append_lit(out, ", ");
    if (escape == NULL) {
        kdb_buf_append_lit(out, "'\\'");
    } else {
        KDB_TRY(kdbi_emit_expr(e, escape, out));
    }
    kdb_buf_append_sv(out, negated ? KDB_SV("))") : KDB_SV(")"));
    return KDB_OK;
}

/* SQL's pattern as a regular expression: `%` and `_` are wild, `.^$` are not, the escape takes any meaning away. */
static kdb_sv similar_regex(kdb_arena *arena, const char *pattern, char escape)
{
    char *out = kdb_arena_alloc_raw(arena, 2 * strlen(pattern) + 8);
    size_t len = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c == escape && c[1] != '\0') {
            c++;
            if (strchr("\\.^$|()[]{}*+?", *c) != NULL) {
                out[len++] = '\\';
            }
            out[len++] = *c;
        } else if (*c == '%') {
            out[len++] = '.';
            out[len++] = '*';
        } else if (*c == '_') {
            out[len++] = '.';
        } else {
            if (strchr("\\.^$", *c) != NULL) {
                out[len++] = '\\';
            }
            out[len++] = *c;
        }
    }
    return kdb_sv_of(out, len);
}

static kdb_status emit_similar(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    const char *name = operator_name(expr->name, expr->n_name);
    const PgQuery__FuncCall *call = kdbi_pattern_call(expr->rexpr, "similar_to_escape");
    const char *pattern = call == NULL ? NULL : literal_text(call->args[0]);
    const char *escape = call == NULL || call->n_args == 1 ? "\\" : literal_text(call->args[1]);
    if (name == NULL || pattern == NULL || escape == NULL || strlen(escape) > 1) {
        return KDBI_REFUSE(e->b, expr->location, "SIMILAR TO needs a literal pattern");
    }
    const bool negated = name[0] == '!';
    KDB_TRY(check_matched(e, expr, "SIMILAR TO"));
    kdb_buf_append_sv(out, negated ? KDB_SV("(NOT regexp_full_match(") : KDB_SV("regexp_full_match("));
    PgQuery__Node *const args[] = { expr->lexpr, call->args[0] };
    KDB_TRY(kdbi_emit_bounded(e, "regexp_full_match", args, KDB_ARRAY_LEN(args), 0, out));
    kdb_buf_append_lit(out, ", ");
    KDB_TRY(kdbi_emit_text(e->b, similar_regex(e->b->arena, pattern, escape[0]), expr->location, out));
    kdb_buf_append_sv(out, negated ? KDB_SV(", 's'))") : KDB_SV(", 's')"));
    return KDB_OK;
}

/* ---- IN, BETWEEN, ANY, ALL and kin ---- */

static kdb_status emit_in(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    const char *name = operator_name(expr->name, expr->n_name);
    if (name == NULL || expr->rexpr == NULL || expr->rexpr->node_case != PG_QUERY__NODE__NODE_LIST) {
        return refuse(e, expr, name);
    }
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, expr->lexpr, out));
    kdb_buf_append_sv(out, name[0] == '<' ? KDB_SV(" NOT IN (") : KDB_SV(" IN ("));
    for (size_t i = 0; i < expr->rexpr->list->n_items; i++) {
        const PgQuery__Node *item = expr->rexpr->list->items[i];
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(kdbi_check_comparison(e, expr->lexpr, "=", item, expr->location));
        KDB_TRY(emit_item(e, expr->rexpr->list, i, expr->lexpr, out));
    }
    kdb_extra filling;
    for (size_t i = 0; kdbi_lift_filling(e->b, e->scope, expr->rexpr->list, i, expr->lexpr, &filling); i++) {
        kdb_buf_append_lit(out, ", ");
        kdbi_emit_lifted(e->b, &filling, out);
    }
    kdb_buf_append_lit(out, "))");
    return KDB_OK;
}

/* (x <words> low AND high) */
static kdb_status emit_range(const kdbi_expr *e, const PgQuery__Node *x, kdb_sv words, const PgQuery__Node *low,
                             const PgQuery__Node *high, kdb_buf *out)
{
    KDB_TRY(kdbi_check_comparison(e, x, ">=", low, kdbi_node_location(low)));
    KDB_TRY(kdbi_check_comparison(e, x, "<=", high, kdbi_node_location(high)));
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, x, out));
    kdb_buf_append_sv(out, words);
    KDB_TRY(emit_side(e, low, x, out));
    kdb_buf_append_lit(out, " AND ");
    KDB_TRY(emit_side(e, high, x, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* (x BETWEEN a AND b OR x BETWEEN b AND a), which the engine has no word for. */
static kdb_status emit_symmetric(const kdbi_expr *e, const PgQuery__AExpr *expr, bool negated, kdb_buf *out)
{
    PgQuery__Node *const *ends = expr->rexpr->list->items;
    kdb_buf_append_sv(out, negated ? KDB_SV("(NOT (") : KDB_SV("("));
    KDB_TRY(emit_range(e, expr->lexpr, KDB_SV(" BETWEEN "), ends[0], ends[1], out));
    kdb_buf_append_lit(out, " OR ");
    if (out->overflow) { /* nested, the text doubles each time */
        return KDBI_REFUSE(e->b, expr->location, "the statement is too large");
    }
    KDB_TRY(emit_range(e, expr->lexpr, KDB_SV(" BETWEEN "), ends[1], ends[0], out));
    kdb_buf_append_sv(out, negated ? KDB_SV("))") : KDB_SV(")"));
    return KDB_OK;
}

static kdb_status emit_between(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    if (expr->rexpr == NULL || expr->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || expr->rexpr->list->n_items != 2) {
        return refuse(e, expr, "BETWEEN");
    }
    PgQuery__Node *const *ends = expr->rexpr->list->items;
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        return emit_range(e, expr->lexpr, KDB_SV(" BETWEEN "), ends[0], ends[1], out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        return emit_range(e, expr->lexpr, KDB_SV(" NOT BETWEEN "), ends[0], ends[1], out);
    default:
        return emit_symmetric(e, expr, expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM, out);
    }
}

/* The engine makes a CASE of it, with the first argument twice. */
static kdb_status emit_nullif(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    const size_t before = kdbi_expanded(e->b, out);
    KDB_TRY(emit_pair(e, expr, KDB_SV("nullif("), KDB_SV(")"), out));
    const size_t size = kdbi_expanded(e->b, out) - before;
    return kdbi_is_leaf(expr->lexpr) ? KDB_OK : kdbi_note_copies(e->b, 1, size, expr->location);
}

/* x = ANY (array): the engine makes a subquery of it. */
static kdb_status emit_any(const kdbi_expr *e, const PgQuery__AExpr *expr, const char *word, kdb_buf *out)
{
    const char *op = kdbi_comparison(expr->name, expr->n_name);
    if (op == NULL) {
        return KDBI_REFUSE(e->b, expr->location, "this operator is not supported with ANY or ALL");
    }
    if (++e->b->nsubqueries > KDBI_SUBQUERIES_MAX) {
        return KDBI_REFUSE(e->b, expr->location, "the statement has more than %d subqueries in expressions",
                           KDBI_SUBQUERIES_MAX);
    }
    if (expr->rexpr != NULL && expr->rexpr->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) {
        const PgQuery__AArrayExpr *array = expr->rexpr->a_array_expr;
        for (size_t i = 0; i < array->n_elements; i++) {
            KDB_TRY(kdbi_check_comparison(e, expr->lexpr, op, array->elements[i], expr->location));
        }
    }
    const kdb_sv middle = kdb_sv_printf(e->b->arena, " %s %s(", op, word);
    KDB_TRY(emit_infix(e, expr, middle, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

kdb_status kdbi_emit_a_expr(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out)
{
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        return emit_op(e, expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
        return emit_any(e, expr, "ANY", out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
        return emit_any(e, expr, "ALL", out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
        return emit_compared(e, expr, KDB_SV(" IS DISTINCT FROM "), out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return emit_compared(e, expr, KDB_SV(" IS NOT DISTINCT FROM "), out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        return emit_nullif(e, expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        return emit_in(e, expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
        return emit_like(e, expr, false, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return emit_like(e, expr, true, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
        return emit_similar(e, expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
        return emit_between(e, expr, out);
    default:
        return KDBI_REFUSE(e->b, expr->location, "this operator is not supported");
    }
}
