/* dialect_literal.c - literals to values: what CREATE TABLE's DEFAULT, INSERT's cells and a scan's conditions hold. */
#include "dialect_int.h"

static kdb_value decimal_value(kdb_i128 unscaled, uint8_t precision, uint8_t scale)
{
    kdb_value value = { .type = kdb_type_of(KDB_TYPE_DECIMAL) };
    value.type.precision = precision;
    value.type.scale = scale;
    value.as.i128 = unscaled;
    return value;
}

/* `[digits][.digits]`, at most 38 of them. */
static bool parse_decimal(kdb_sv text, bool negative, kdb_value *out)
{
    kdb_i128 unscaled = 0;
    uint8_t digits = 0;
    uint8_t scale = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        digits = (uint8_t)(digits + (digits > 0 || text.ptr[i] != '0' || point));
        if (digits > 38) {
            return false;
        }
        unscaled = unscaled * 10 + (text.ptr[i] - '0');
        scale = (uint8_t)(scale + point);
    }
    *out = decimal_value(negative ? -unscaled : unscaled, digits == 0 ? 1 : digits, scale);
    return true;
}

static bool parse_integer(kdb_sv digits, bool negative, int64_t *out)
{
    uint64_t magnitude = 0;
    if (kdb_parse_u64(digits, &magnitude, NULL) != KDB_OK || magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool kdbi_number_value(kdb_sv text, bool negative, kdb_value *out)
{
    int64_t integer = 0;
    double real = 0;
    if (text.len != 0 && text.ptr[0] == '-') { /* the grammar folds a sign into the digits */
        text = kdb_sv_of(text.ptr + 1, text.len - 1);
        negative = !negative;
    }
    if (parse_integer(text, negative, &integer)) {
        *out = kdb_value_bigint(integer);
        return true;
    }
    if (parse_decimal(text, negative, out)) {
        return true;
    }
    if (kdb_parse_f64(text, &real, NULL) != KDB_OK) {
        return false;
    }
    *out = kdb_value_double(negative ? -real : real);
    return true;
}

/* X'0a'; B'..' bit strings are not a type here. */
static bool hex_value(const char *bits, kdb_arena *arena, kdb_value *out)
{
    kdb_sv bytes;
    if (bits[0] != 'x' || arena == NULL || kdb_hex_decode(arena, kdb_sv_cstr(bits + 1), &bytes, NULL) != KDB_OK) {
        return false;
    }
    *out = (kdb_value){ .type = kdb_type_of(KDB_TYPE_BYTES), .as.bytes = bytes };
    return true;
}

static bool const_value(const PgQuery__AConst *constant, bool negative, kdb_arena *arena, kdb_value *out)
{
    if (constant->isnull) {
        *out = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
        return true;
    }
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        *out = kdb_value_bigint(negative ? -(int64_t)constant->ival->ival : constant->ival->ival);
        return true;
    case PG_QUERY__A__CONST__VAL_FVAL:
        return kdbi_number_value(kdb_sv_cstr(constant->fval->fval), negative, out);
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        *out = kdb_value_bool(constant->boolval->boolval);
        return !negative;
    case PG_QUERY__A__CONST__VAL_SVAL:
        *out = kdb_value_text(kdb_sv_cstr(constant->sval->sval));
        return !negative && kdb_utf8_valid(out->as.bytes);
    case PG_QUERY__A__CONST__VAL_BSVAL:
        return !negative && hex_value(constant->bsval->bsval, arena, out);
    case PG_QUERY__A__CONST__VAL__NOT_SET:
    case _PG_QUERY__A__CONST__VAL__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

/* `-x` and `+x` before a number. */
static bool signed_value(const PgQuery__AExpr *expr, kdb_value *out)
{
    if (expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || expr->lexpr != NULL || expr->n_name != 1 ||
        expr->rexpr == NULL || expr->rexpr->node_case != PG_QUERY__NODE__NODE_A_CONST) {
        return false;
    }
    const char *op = kdbi_node_string(expr->name[0]);
    const PgQuery__AConst *number = expr->rexpr->a_const;
    const bool numeric =
        number->val_case == PG_QUERY__A__CONST__VAL_IVAL || number->val_case == PG_QUERY__A__CONST__VAL_FVAL;
    if (op == NULL || (strcmp(op, "-") != 0 && strcmp(op, "+") != 0) || !numeric || number->isnull) {
        return false;
    }
    return const_value(number, op[0] == '-', NULL, out);
}

/* A cast of text, and of TRUE and FALSE, which older grammars write as casts; others are left to the engine. */
static bool cast_value(const PgQuery__TypeCast *cast, kdb_arena *arena, kdb_value *out)
{
    kdb_value inner;
    kdb_type type;
    if (cast->arg == NULL || cast->arg->node_case != PG_QUERY__NODE__NODE_A_CONST || arena == NULL ||
        !const_value(cast->arg->a_const, false, arena, &inner) || !kdbi_cast_type(cast->type_name, &type)) {
        return false;
    }
    const bool text = inner.is_null || inner.type.kind == KDB_TYPE_TEXT || inner.type.kind == type.kind;
    return text && kdb_value_coerce(&inner, type, arena, out, NULL) == KDB_OK;
}

bool kdbi_literal_value(const PgQuery__Node *node, kdb_arena *arena, kdb_value *out)
{
    if (node == NULL) {
        return false;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        return const_value(node->a_const, false, arena, out);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_EXPR) {
        return signed_value(node->a_expr, out);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) {
        return cast_value(node->type_cast, arena, out);
    }
    return false;
}
