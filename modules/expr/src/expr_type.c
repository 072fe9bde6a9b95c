/* expr_type.c - the one type that values of several meet in. */
#include "expr_int.h"

bool kdbi_is_integer(kdb_type type)
{
    return type.kind == KDB_TYPE_SMALLINT || type.kind == KDB_TYPE_INT || type.kind == KDB_TYPE_BIGINT;
}

bool kdbi_is_number(kdb_type type)
{
    return kdbi_is_integer(type) || type.kind == KDB_TYPE_FLOAT || type.kind == KDB_TYPE_DOUBLE ||
           type.kind == KDB_TYPE_DECIMAL;
}

/* ---- forms ---- */

kdb_value kdbi_form_of(const kdb_value *value)
{
    kdb_value form = *value;
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_I16:
        form.as.i64 = value->as.i16;
        break;
    case KDB_LAYOUT_I32:
        form.as.i64 = value->as.i32;
        break;
    case KDB_LAYOUT_F32:
        form.as.f64 = (double)value->as.f32;
        break;
    default:
        break;
    }
    return form;
}

void kdbi_form_to_value(kdb_type type, kdb_value *value)
{
    value->type = type;
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_I16:
        value->as.i16 = (int16_t)value->as.i64;
        break;
    case KDB_LAYOUT_I32:
        value->as.i32 = (int32_t)value->as.i64;
        break;
    case KDB_LAYOUT_F32:
        value->as.f32 = (float)value->as.f64;
        break;
    default:
        break;
    }
}

/* ---- common types ---- */

/* How the engine ranks numbers: the higher one wins. */
static int number_rank(kdb_type_kind kind)
{
    switch (kind) {
    case KDB_TYPE_SMALLINT:
        return 1;
    case KDB_TYPE_INT:
        return 2;
    case KDB_TYPE_BIGINT:
        return 3;
    case KDB_TYPE_DECIMAL:
        return 4;
    case KDB_TYPE_FLOAT:
        return 5;
    default:
        return 6;
    }
}

kdb_type kdbi_as_decimal(kdb_type type)
{
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
        return (kdb_type){ KDB_TYPE_DECIMAL, 5, 0, 0 };
    case KDB_TYPE_INT:
        return (kdb_type){ KDB_TYPE_DECIMAL, 10, 0, 0 };
    case KDB_TYPE_BIGINT:
        return (kdb_type){ KDB_TYPE_DECIMAL, 19, 0, 0 };
    default:
        return type;
    }
}

/* Holds the integer digits and the decimals of both; false when that takes more digits than there are. */
static bool common_decimal(kdb_type a, kdb_type b, kdb_type *out)
{
    const kdb_type x = kdbi_as_decimal(a);
    const kdb_type y = kdbi_as_decimal(b);
    const unsigned scale = x.scale > y.scale ? x.scale : y.scale;
    const unsigned x_whole = (unsigned)x.precision - x.scale;
    const unsigned y_whole = (unsigned)y.precision - y.scale;
    const unsigned precision = (x_whole > y_whole ? x_whole : y_whole) + scale;
    *out = (kdb_type){ KDB_TYPE_DECIMAL, (uint8_t)precision, (uint8_t)scale, 0 };
    return precision <= 38;
}

static bool common_number(kdb_type a, kdb_type b, kdb_type *out)
{
    if (a.kind == KDB_TYPE_DECIMAL || b.kind == KDB_TYPE_DECIMAL) {
        const int other = number_rank(a.kind == KDB_TYPE_DECIMAL ? b.kind : a.kind);
        if (other <= number_rank(KDB_TYPE_DECIMAL)) {
            return common_decimal(a, b, out);
        }
    }
    *out = number_rank(a.kind) >= number_rank(b.kind) ? a : b;
    return true;
}

static bool is_time(kdb_type type)
{
    return type.kind == KDB_TYPE_TIMESTAMP || type.kind == KDB_TYPE_DATE;
}

static bool common_type(kdb_type a, kdb_type b, kdb_type *out)
{
    if (kdb_type_eq(a, b)) {
        *out = a;
        return true;
    }
    if (kdbi_is_number(a) && kdbi_is_number(b)) {
        return common_number(a, b, out);
    }
    *out = kdb_type_of(KDB_TYPE_TIMESTAMP);
    return is_time(a) && is_time(b);
}

/* The type so far; a literal's while nothing else has been met, which then counts for as little as it can. */
typedef struct meeting {
    kdb_type type;
    const kdb_value *literal;
} meeting;

/* A literal integer is as small as what it meets, if that can hold it; literal text becomes what it meets. */
static bool meet_literal(kdb_type literal, const kdb_value *value, kdb_type met, kdb_type *out)
{
    if (literal.kind == KDB_TYPE_TEXT || (kdbi_is_integer(met) && kdbi_fits(met, value->as.i64))) {
        *out = met;
        return true;
    }
    return kdbi_is_number(met) && common_type(literal, met, out);
}

static bool meet(meeting *m, kdb_type type, const kdb_value *literal)
{
    const kdb_type before = m->type;
    const kdb_value *was = m->literal;
    m->literal = NULL;
    if (before.kind == KDB_TYPE_NULL) {
        *m = (meeting){ type, literal };
        return true;
    }
    if (was != NULL && literal == NULL) {
        return meet_literal(before, was, type, &m->type);
    }
    if (was == NULL && literal != NULL) {
        return meet_literal(type, literal, before, &m->type);
    }
    return common_type(before, type, &m->type);
}

const kdbi_step *kdbi_as(kdbi_compiler *c, const kdbi_step *step, kdb_type type)
{
    if (step->is_param) {
        return kdbi_param_as(c, step, type);
    }
    return kdbi_is_null_literal(step) ? kdbi_step_null(c, type) : kdbi_cast(c, step, type);
}

/* Text that a parameter brings along stays text beside a literal, and text meets no other type by itself. */
static bool is_text_for_good(const kdbi_step *const *steps, size_t nsteps, kdb_type type)
{
    bool literal = false;
    bool param = false;
    for (size_t i = 0; i < nsteps; i++) {
        const bool text = steps[i]->type.kind == KDB_TYPE_TEXT;
        literal = literal || (text && steps[i]->is_literal);
        param = param || (text && steps[i]->is_param);
    }
    return literal && param && type.kind != KDB_TYPE_TEXT;
}

static bool unify(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, bool compared, kdb_type *out)
{
    meeting m = { .type = kdb_type_of(KDB_TYPE_NULL) };
    for (size_t i = 0; i < nsteps; i++) {
        const bool open = steps[i]->is_param || kdbi_is_null_literal(steps[i]);
        const kdb_value *literal = steps[i]->is_literal ? kdbi_literal(c, steps[i]) : NULL;
        if (!open && !meet(&m, steps[i]->type, literal)) {
            return false;
        }
    }
    if (m.type.kind == KDB_TYPE_NULL || is_text_for_good(steps, nsteps, m.type)) {
        return false; /* nothing but NULLs and parameters, or types that do not mix */
    }
    *out = m.type;
    for (size_t i = 0; i < nsteps; i++) {
        steps[i] =
            compared && steps[i]->is_param ? kdbi_param_beside(c, steps[i], m.type) : kdbi_as(c, steps[i], m.type);
        if (steps[i] == NULL) {
            return false;
        }
    }
    return true;
}

bool kdbi_unify(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, kdb_type *out)
{
    return unify(c, steps, nsteps, false, out);
}

bool kdbi_unify_compared(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, kdb_type *out)
{
    return unify(c, steps, nsteps, true, out);
}
