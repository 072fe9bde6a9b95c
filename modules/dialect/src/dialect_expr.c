/* dialect_expr.c - expressions to engine text. One function per kind of node, and one table that names them: a node
 * that is not in the table is refused. Operators come in brackets, so that the engine's precedence never matters. */
#include <stdio.h>

#include "dialect_int.h"

typedef kdb_status (*expr_emitter)(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out);

kdbi_expr kdbi_expr_in(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope)
{
    return (kdbi_expr){ .b = b, .context = { scope, context->ctes }, .scope = scope };
}

kdb_status kdbi_emit_list(const kdbi_expr *e, PgQuery__Node *const *nodes, size_t nnodes, kdb_buf *out)
{
    for (size_t i = 0; i < nnodes; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(kdbi_emit_expr(e, nodes[i], out));
    }
    return KDB_OK;
}

kdb_status kdbi_emit_texts(const kdbi_expr *e, PgQuery__Node *const *nodes, size_t nnodes, kdb_buf *out)
{
    for (size_t i = 0; i < nnodes; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("CAST(") : KDB_SV(", CAST("));
        KDB_TRY(kdbi_emit_expr(e, nodes[i], out));
        kdb_buf_append_lit(out, " AS VARCHAR)");
    }
    return KDB_OK;
}

/* ---- copies ---- */

kdb_status kdbi_note_copies(kdbi_binding *b, size_t times, size_t size, int32_t position)
{
    const size_t room = KDBI_COPIED_MAX - b->copied;
    if (size != 0 && times > room / size) {
        return KDBI_REFUSE(b, position, "nested CASE, NULLIF or AS names repeat their expressions too often");
    }
    b->copied += times * size;
    return KDB_OK;
}

kdb_status kdbi_note_alias(kdbi_binding *b, const kdbi_found *found, int32_t position)
{
    const bool known = found->kind == KDBI_FOUND_ALIAS && found->scope->target_sizes != NULL;
    return known ? kdbi_note_copies(b, 1, found->scope->target_sizes[found->column], position) : KDB_OK;
}

bool kdbi_is_leaf(const PgQuery__Node *node)
{
    return node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF || node->node_case == PG_QUERY__NODE__NODE_PARAM_REF ||
           node->node_case == PG_QUERY__NODE__NODE_A_CONST;
}

/* ---- literals and parameters ---- */

/* Arithmetic on literals is BIGINT (sql.md 24 rule 33), which the engine must be told. */
static void emit_number(const kdbi_expr *e, kdb_sv digits, kdb_buf *out)
{
    int64_t value = 0;
    if (e->constant && kdb_parse_i64(digits, &value, NULL) == KDB_OK) {
        kdb_buf_printf(out, "CAST(%.*s AS BIGINT)", KDB_SV_ARG(digits));
    } else {
        kdb_buf_append_sv(out, digits);
    }
}

static void emit_bytes(kdb_sv bytes, kdb_buf *out)
{
    kdb_buf_append_lit(out, "CAST('");
    for (size_t i = 0; i < bytes.len; i++) {
        kdb_buf_printf(out, "\\x%02X", (unsigned char)bytes.ptr[i]);
    }
    kdb_buf_append_lit(out, "' AS BLOB)");
}

static kdb_status emit_bits(const kdbi_expr *e, const PgQuery__AConst *constant, kdb_buf *out)
{
    const kdb_sv hex = kdb_sv_cstr(constant->bsval->bsval);
    kdb_sv bytes;
    if (hex.len == 0 || hex.ptr[0] != 'x') {
        return KDBI_REFUSE(e->b, constant->location, "bit strings are not supported");
    }
    if (kdb_hex_decode(e->b->arena, kdb_sv_of(hex.ptr + 1, hex.len - 1), &bytes, NULL) != KDB_OK) {
        return KDBI_REFUSE(e->b, constant->location, "invalid hexadecimal literal");
    }
    emit_bytes(bytes, out);
    return KDB_OK;
}

static kdb_status emit_const(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__AConst *constant = node->a_const;
    if (constant->isnull) {
        kdb_buf_append_lit(out, "NULL");
        return KDB_OK;
    }
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL: {
        char digits[16];
        const int len = snprintf(digits, sizeof digits, "%d", constant->ival->ival);
        emit_number(e, kdb_sv_of(digits, (size_t)len), out);
        return KDB_OK;
    }
    case PG_QUERY__A__CONST__VAL_FVAL:
        emit_number(e, kdb_sv_cstr(constant->fval->fval), out);
        return KDB_OK;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        kdb_buf_append_sv(out, constant->boolval->boolval ? KDB_SV("TRUE") : KDB_SV("FALSE"));
        return KDB_OK;
    case PG_QUERY__A__CONST__VAL_SVAL:
        return kdbi_emit_text(e->b, kdb_sv_cstr(constant->sval->sval), constant->location, out);
    case PG_QUERY__A__CONST__VAL_BSVAL:
        return emit_bits(e, constant, out);
    case PG_QUERY__A__CONST__VAL__NOT_SET:
    case _PG_QUERY__A__CONST__VAL__CASE_IS_INT_SIZE:
        break;
    }
    return KDBI_REFUSE(e->b, constant->location, "this literal is not supported");
}

static kdb_status emit_param(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const int32_t number = node->param_ref->number;
    if (number < 1 || (uint32_t)number > e->b->nparams) {
        return KDBI_REFUSE(e->b, node->param_ref->location, "there is no parameter $%d", number);
    }
    e->b->param_used[number - 1] = true;
    kdb_buf_printf(out, "$%d", number);
    return KDB_OK;
}

static kdb_status emit_column(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    kdbi_found found;
    if (kdbi_is_star(node->column_ref)) {
        return KDBI_REFUSE(e->b, node->column_ref->location, "\"*\" is not supported here");
    }
    KDB_TRY(kdbi_resolve(e->b, e->scope, node->column_ref, &found));
    KDB_TRY(kdbi_note_alias(e->b, &found, node->column_ref->location));
    kdbi_emit_found(&found, out);
    return KDB_OK;
}

static kdb_status emit_operator(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return kdbi_emit_a_expr(e, node->a_expr, out);
}

/* ---- truth ---- */

kdb_status kdbi_emit_condition(const kdbi_expr *e, const PgQuery__Node *node, const char *of, kdb_buf *out)
{
    KDB_TRY(kdbi_emit_expr(e, node, out));
    return kdbi_check_condition(e, node, of);
}

static kdb_status emit_bool(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__BoolExpr *expr = node->bool_expr;
    if (expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        kdb_buf_append_lit(out, "(NOT ");
        KDB_TRY(kdbi_emit_condition(e, expr->args[0], "NOT", out));
        kdb_buf_append_byte(out, ')');
        return KDB_OK;
    }
    e->b->npairs += (uint64_t)expr->n_args * expr->n_args;
    if (e->b->npairs > (uint64_t)KDBI_CONDITIONS_MAX * KDBI_CONDITIONS_MAX) {
        return KDBI_REFUSE(e->b, expr->location, "AND and OR join more than %d conditions", KDBI_CONDITIONS_MAX);
    }
    const bool both = expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    kdb_buf_append_byte(out, '(');
    for (size_t i = 0; i < expr->n_args; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : both ? KDB_SV(" AND ") : KDB_SV(" OR "));
        KDB_TRY(kdbi_emit_condition(e, expr->args[i], both ? "AND" : "OR", out));
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* (expr IS ..) */
static kdb_status emit_test(const kdbi_expr *e, const PgQuery__Node *arg, kdb_sv test, kdb_buf *out)
{
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, arg, out));
    kdb_buf_append_sv(out, test);
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static kdb_status emit_null_test(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const bool is_null = node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
    return emit_test(e, node->null_test->arg, is_null ? KDB_SV(" IS NULL") : KDB_SV(" IS NOT NULL"), out);
}

static kdb_status emit_boolean_test(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__BooleanTest *test = node->boolean_test;
    switch (test->booltesttype) {
    case PG_QUERY__BOOL_TEST_TYPE__IS_TRUE:
        return emit_test(e, test->arg, KDB_SV(" IS TRUE"), out);
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE:
        return emit_test(e, test->arg, KDB_SV(" IS NOT TRUE"), out);
    case PG_QUERY__BOOL_TEST_TYPE__IS_FALSE:
        return emit_test(e, test->arg, KDB_SV(" IS FALSE"), out);
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE:
        return emit_test(e, test->arg, KDB_SV(" IS NOT FALSE"), out);
    case PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN:
        return emit_test(e, test->arg, KDB_SV(" IS NULL"), out);
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN:
        return emit_test(e, test->arg, KDB_SV(" IS NOT NULL"), out);
    default:
        return KDBI_REFUSE(e->b, test->location, "this test is not supported");
    }
}

/* ---- CASE, COALESCE, rows, arrays ---- */

/* The engine compares a copy of the subject at each WHEN. */
static kdb_status emit_subject(const kdbi_expr *e, const PgQuery__CaseExpr *expr, kdb_buf *out)
{
    const size_t before = kdbi_expanded(e->b, out);
    KDB_TRY(kdbi_emit_expr(e, expr->arg, out));
    const size_t size = kdbi_expanded(e->b, out) - before;
    return kdbi_is_leaf(expr->arg) ? KDB_OK : kdbi_note_copies(e->b, expr->n_args - 1, size, expr->location);
}

static kdb_status emit_case(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__CaseExpr *expr = node->case_expr;
    kdb_buf_append_lit(out, "CASE");
    if (expr->arg != NULL) {
        kdb_buf_append_byte(out, ' ');
        KDB_TRY(emit_subject(e, expr, out));
    }
    for (size_t i = 0; i < expr->n_args; i++) {
        if (expr->args[i]->node_case != PG_QUERY__NODE__NODE_CASE_WHEN) {
            return KDBI_REFUSE(e->b, expr->location, "this form of CASE is not supported");
        }
        const PgQuery__Node *when = expr->args[i]->case_when->expr;
        if (expr->arg != NULL) {
            KDB_TRY(kdbi_check_comparison(e, expr->arg, "=", when, kdbi_node_location(when)));
        }
        kdb_buf_append_lit(out, " WHEN ");
        KDB_TRY(expr->arg != NULL ? kdbi_emit_expr(e, when, out) : kdbi_emit_condition(e, when, "CASE WHEN", out));
        kdb_buf_append_lit(out, " THEN ");
        KDB_TRY(kdbi_emit_expr(e, expr->args[i]->case_when->result, out));
    }
    if (expr->defresult != NULL) {
        kdb_buf_append_lit(out, " ELSE ");
        KDB_TRY(kdbi_emit_expr(e, expr->defresult, out));
    }
    kdb_buf_append_lit(out, " END");
    return KDB_OK;
}

static kdb_status emit_bracketed(const kdbi_expr *e, kdb_sv open, PgQuery__Node *const *args, size_t nargs,
                                 kdb_sv close, kdb_buf *out)
{
    kdb_buf_append_sv(out, open);
    KDB_TRY(kdbi_emit_list(e, args, nargs, out));
    kdb_buf_append_sv(out, close);
    return KDB_OK;
}

static kdb_status emit_coalesce(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return emit_bracketed(e, KDB_SV("COALESCE("), node->coalesce_expr->args, node->coalesce_expr->n_args, KDB_SV(")"),
                          out);
}

static kdb_status emit_min_max(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const bool greatest = node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
    return emit_bracketed(e, greatest ? KDB_SV("greatest(") : KDB_SV("least("), node->min_max_expr->args,
                          node->min_max_expr->n_args, KDB_SV(")"), out);
}

static kdb_status emit_row(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    if (node->row_expr->n_args == 0) {
        return KDBI_REFUSE(e->b, node->row_expr->location, "empty rows are not supported");
    }
    return emit_bracketed(e, KDB_SV("ROW("), node->row_expr->args, node->row_expr->n_args, KDB_SV(")"), out);
}

static kdb_status emit_array(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return emit_bracketed(e, KDB_SV("["), node->a_array_expr->elements, node->a_array_expr->n_elements, KDB_SV("]"),
                          out);
}

static kdb_status emit_subscript(const kdbi_expr *e, const PgQuery__AIndices *index, kdb_buf *out)
{
    kdb_buf_append_byte(out, '[');
    if (index->lidx != NULL) {
        KDB_TRY(kdbi_emit_expr(e, index->lidx, out));
    }
    kdb_buf_append_sv(out, index->is_slice ? KDB_SV(":") : KDB_SV(""));
    if (index->uidx != NULL) {
        KDB_TRY(kdbi_emit_expr(e, index->uidx, out));
    }
    kdb_buf_append_byte(out, ']');
    return KDB_OK;
}

static kdb_status emit_indirection(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__AIndirection *indirection = node->a_indirection;
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, indirection->arg, out));
    kdb_buf_append_byte(out, ')');
    for (size_t i = 0; i < indirection->n_indirection; i++) {
        if (indirection->indirection[i]->node_case != PG_QUERY__NODE__NODE_A_INDICES) {
            return KDBI_REFUSE(e->b, kdbi_node_location(indirection->arg), "fields of a value are not supported");
        }
        KDB_TRY(emit_subscript(e, indirection->indirection[i]->a_indices, out));
    }
    return KDB_OK;
}

/* ---- subqueries ---- */

static kdb_status emit_subquery(const kdbi_expr *e, const PgQuery__SubLink *link, kdb_sv before, kdb_buf *out)
{
    kdbi_columns ignored = { 0 };
    if (link->subselect == NULL || link->subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
        return KDBI_REFUSE(e->b, link->location, "this form of a subquery is not supported");
    }
    if (++e->b->nsubqueries > KDBI_SUBQUERIES_MAX) {
        return KDBI_REFUSE(e->b, link->location, "the statement has more than %d subqueries in expressions",
                           KDBI_SUBQUERIES_MAX);
    }
    if (e->b->subquery_depth == KDBI_SUBQUERY_DEPTH_MAX) {
        return KDBI_REFUSE(e->b, link->location, "subqueries in expressions nest at most %d deep",
                           KDBI_SUBQUERY_DEPTH_MAX);
    }
    e->b->subquery_depth++;
    kdb_buf_append_sv(out, before);
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_query(e->b, &e->context, link->subselect->select_stmt, out, &ignored));
    kdb_buf_append_byte(out, ')');
    e->b->subquery_depth--;
    return KDB_OK;
}

/* x IN (SELECT ..), x = ANY (SELECT ..), x < ALL (SELECT ..) */
static kdb_status emit_compared(const kdbi_expr *e, const PgQuery__SubLink *link, kdb_buf *out)
{
    const bool any = link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK;
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_emit_expr(e, link->testexpr, out));
    if (link->n_oper_name == 0) {
        KDB_TRY(emit_subquery(e, link, KDB_SV(" IN "), out));
    } else {
        const char *op = kdbi_comparison(link->oper_name, link->n_oper_name);
        if (op == NULL) {
            return KDBI_REFUSE(e->b, link->location, "this operator is not supported with ANY or ALL");
        }
        kdb_buf_printf(out, " %s", op);
        KDB_TRY(emit_subquery(e, link, any ? KDB_SV(" ANY ") : KDB_SV(" ALL "), out));
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static kdb_status emit_sub_link(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const PgQuery__SubLink *link = node->sub_link;
    switch (link->sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
        return emit_subquery(e, link, KDB_SV("EXISTS "), out);
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK:
        return emit_subquery(e, link, KDB_SV(""), out);
    case PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK:
        return emit_subquery(e, link, KDB_SV("ARRAY "), out);
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
        return emit_compared(e, link, out);
    default:
        return KDBI_REFUSE(e->b, link->location, "this form of a subquery is not supported");
    }
}

/* ---- casts ---- */

bool kdbi_typed_literal(const kdbi_expr *e, const PgQuery__Node *node, kdb_value *out)
{
    if (!kdbi_literal_value(node, e->b->arena, out) || out->is_null) {
        return false;
    }
    const kdb_type_kind kind = out->type.kind;
    return kind == KDB_TYPE_BOOLEAN || kind == KDB_TYPE_TIMESTAMP || kind == KDB_TYPE_DATETIME ||
           kind == KDB_TYPE_BYTES;
}

bool kdbi_emit_value(const kdbi_expr *e, const kdb_value *value, kdb_buf *out)
{
    static const char *const cast_types[KDB_TYPE_KIND_COUNT] = {
        [KDB_TYPE_TIMESTAMP] = "TIMESTAMP", [KDB_TYPE_DATETIME] = "TIMESTAMP", [KDB_TYPE_DATE] = "DATE",
        [KDB_TYPE_TIME] = "TIME",           [KDB_TYPE_UUID] = "UUID",          [KDB_TYPE_DOUBLE] = "DOUBLE",
        [KDB_TYPE_FLOAT] = "FLOAT",
    };
    const kdb_sv text = kdb_value_to_text(value, e->b->arena);
    switch (value->type.kind) {
    case KDB_TYPE_BOOLEAN:
        kdb_buf_append_sv(out, value->as.b ? KDB_SV("TRUE") : KDB_SV("FALSE"));
        return true;
    case KDB_TYPE_BYTES:
        emit_bytes(value->as.bytes, out);
        return true;
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_DECIMAL:
        kdb_buf_printf(out, "(%.*s)", KDB_SV_ARG(text));
        return true;
    default:
        if (cast_types[value->type.kind] == NULL) {
            return false;
        }
        kdb_buf_printf(out, "CAST('%.*s' AS %s)", KDB_SV_ARG(text), cast_types[value->type.kind]);
        return true;
    }
}

/* INTERVAL '1' DAY: the unit is a bit in the type's parameter, as PostgreSQL numbers them. */
typedef struct interval_unit {
    int32_t bit;
    const char *function;
} interval_unit;

static const interval_unit interval_units[] = {
    { 1 << 2, "to_years(CAST(" },  { 1 << 1, "to_months(CAST(" },   { 1 << 3, "to_days(CAST(" },
    { 1 << 10, "to_hours(CAST(" }, { 1 << 11, "to_minutes(CAST(" }, { 1 << 12, "to_seconds(CAST(" },
};

static kdb_status emit_interval(const kdbi_expr *e, const PgQuery__TypeCast *cast, kdb_buf *out)
{
    const PgQuery__TypeName *type = cast->type_name;
    kdb_value mask;
    if (type->n_typmods == 1 && kdbi_literal_value(type->typmods[0], NULL, &mask) &&
        mask.type.kind == KDB_TYPE_BIGINT) {
        for (size_t i = 0; i < KDB_ARRAY_LEN(interval_units); i++) {
            if (mask.as.i64 == interval_units[i].bit) {
                const bool seconds = interval_units[i].bit == 1 << 12;
                kdb_buf_append_sv(out, kdb_sv_cstr(interval_units[i].function));
                KDB_TRY(kdbi_emit_expr(e, cast->arg, out));
                kdb_buf_append_sv(out, seconds ? KDB_SV(" AS DOUBLE))") : KDB_SV(" AS INTEGER))"));
                return KDB_OK;
            }
        }
    }
    return KDBI_REFUSE(e->b, cast->location, "these INTERVAL fields are not supported");
}

static bool is_type_called(const PgQuery__TypeName *type, const char *word)
{
    const char *name = type->n_names == 0 ? NULL : kdbi_node_string(type->names[type->n_names - 1]);
    return name != NULL && strcmp(name, word) == 0 && type->n_array_bounds == 0;
}

static bool is_interval_with_fields(const PgQuery__TypeName *type)
{
    return is_type_called(type, "interval") && type->n_typmods != 0;
}

static bool is_zoned(const PgQuery__TypeName *type)
{
    return is_type_called(type, "timestamptz");
}

static kdb_status emit_cast(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    kdb_extra lifted;
    if (kdbi_lift_cast(e->b, node->type_cast, &lifted)) {
        kdbi_emit_lifted(e->b, &lifted, out);
        return KDB_OK;
    }
    const PgQuery__TypeCast *cast = node->type_cast;
    kdb_value value;
    kdb_type type;
    if (cast->type_name == NULL) {
        return KDBI_REFUSE(e->b, cast->location, "this cast is not supported");
    }
    if (is_interval_with_fields(cast->type_name)) {
        return emit_interval(e, cast, out);
    }
    if (kdbi_typed_literal(e, node, &value) && kdbi_emit_value(e, &value, out)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_check_cast(e, cast));
    const bool zoned = is_zoned(cast->type_name); /* offsets in the text count */
    kdb_buf_append_sv(out, zoned ? KDB_SV("CAST(CAST(") : KDB_SV("CAST("));
    KDB_TRY(kdbi_emit_expr(e, cast->arg, out));
    kdb_buf_append_sv(out, zoned ? KDB_SV(" AS TIMESTAMPTZ) AS ") : KDB_SV(" AS "));
    KDB_TRY(kdbi_emit_type(cast->type_name, e->b->query->text, out, &type, e->b->err));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* ---- the rest ---- */

static kdb_status emit_function(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return kdbi_emit_call(e, node->func_call, out);
}

static kdb_status emit_value_function(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return kdbi_emit_value_function(e, node->sqlvalue_function, out);
}

static kdb_status emit_grouping(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    return emit_bracketed(e, KDB_SV("GROUPING("), node->grouping_func->args, node->grouping_func->n_args, KDB_SV(")"),
                          out);
}

typedef struct expr_kind {
    PgQuery__Node__NodeCase node;
    expr_emitter emit; /* NULL: refused as `what` */
    const char *what;
} expr_kind;

static const expr_kind expr_kinds[] = {
    { PG_QUERY__NODE__NODE_COLUMN_REF, emit_column, NULL },
    { PG_QUERY__NODE__NODE_A_CONST, emit_const, NULL },
    { PG_QUERY__NODE__NODE_A_EXPR, emit_operator, NULL },
    { PG_QUERY__NODE__NODE_BOOL_EXPR, emit_bool, NULL },
    { PG_QUERY__NODE__NODE_FUNC_CALL, emit_function, NULL },
    { PG_QUERY__NODE__NODE_PARAM_REF, emit_param, NULL },
    { PG_QUERY__NODE__NODE_TYPE_CAST, emit_cast, NULL },
    { PG_QUERY__NODE__NODE_NULL_TEST, emit_null_test, NULL },
    { PG_QUERY__NODE__NODE_BOOLEAN_TEST, emit_boolean_test, NULL },
    { PG_QUERY__NODE__NODE_CASE_EXPR, emit_case, NULL },
    { PG_QUERY__NODE__NODE_COALESCE_EXPR, emit_coalesce, NULL },
    { PG_QUERY__NODE__NODE_MIN_MAX_EXPR, emit_min_max, NULL },
    { PG_QUERY__NODE__NODE_SUB_LINK, emit_sub_link, NULL },
    { PG_QUERY__NODE__NODE_ROW_EXPR, emit_row, NULL },
    { PG_QUERY__NODE__NODE_A_ARRAY_EXPR, emit_array, NULL },
    { PG_QUERY__NODE__NODE_A_INDIRECTION, emit_indirection, NULL },
    { PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION, emit_value_function, NULL },
    { PG_QUERY__NODE__NODE_GROUPING_FUNC, emit_grouping, NULL },
    { PG_QUERY__NODE__NODE_COLLATE_CLAUSE, NULL, "COLLATE" },
    { PG_QUERY__NODE__NODE_XML_EXPR, NULL, "XML" },
    { PG_QUERY__NODE__NODE_XML_SERIALIZE, NULL, "XML" },
    { PG_QUERY__NODE__NODE_CURRENT_OF_EXPR, NULL, "CURRENT OF" },
    { PG_QUERY__NODE__NODE_SET_TO_DEFAULT, NULL, "DEFAULT in an expression" },
    { PG_QUERY__NODE__NODE_NAMED_ARG_EXPR, NULL, "a named argument" },
    { PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF, NULL, "assigning several columns at once" },
};

/* Literals and names, and literals with a sign or a type. */
static bool is_free(const PgQuery__Node *node)
{
    const bool sign = node->node_case == PG_QUERY__NODE__NODE_A_EXPR && node->a_expr->lexpr == NULL;
    const bool cast = node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST;
    const PgQuery__Node *inner = sign ? node->a_expr->rexpr : cast ? node->type_cast->arg : node;
    return inner == NULL ||
           (kdbi_is_leaf(inner) && (inner == node || inner->node_case == PG_QUERY__NODE__NODE_A_CONST));
}

/* The engine computes an expression for a vector of rows before it looks whether it was interrupted. */
static kdb_status note_work(const kdbi_expr *e, const PgQuery__Node *node)
{
    bool over_rows = false;
    for (const kdbi_scope *scope = e->scope; scope != NULL; scope = scope->outer) {
        over_rows = over_rows || scope->nrelations != 0;
    }
    if (!over_rows || is_free(node)) {
        return KDB_OK;
    }
    e->b->work += node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL ? 4 : 1;
    return e->b->work <= KDBI_WORK_MAX
               ? KDB_OK
               : KDBI_REFUSE(e->b, kdbi_node_location(node), "the statement computes too many values for each row");
}

kdb_status kdbi_emit_expr(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    const char *what = "this expression";
    for (size_t i = 0; node != NULL && i < KDB_ARRAY_LEN(expr_kinds); i++) {
        if (node->node_case != expr_kinds[i].node) {
            continue;
        }
        if (expr_kinds[i].emit != NULL) {
            KDB_TRY(note_work(e, node));
            return expr_kinds[i].emit(e, node, out);
        }
        what = expr_kinds[i].what;
        break;
    }
    return KDBI_REFUSE(e->b, kdbi_node_location(node), "%s is not supported", what);
}
