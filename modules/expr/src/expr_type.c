/* expr_type.c - the engine's types for ours, and the one type that values of several meet in. */
#include "expr_int.h"

kdb_type kdbi_engine_type(kdb_type type)
{
    switch (type.kind) {
    case KDB_TYPE_JSON:
    case KDB_TYPE_FILE:
        return kdb_type_of(KDB_TYPE_TEXT);
    case KDB_TYPE_DATETIME:
        return kdb_type_of(KDB_TYPE_TIMESTAMP);
    default:
        return type;
    }
}

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

/* A literal integer as small as what it meets. */
static kdb_type literal_type(const kdbi_compiler *c, const kdbi_step *literal, kdb_type met)
{
    const kdb_value *value = kdbi_literal(c, literal);
    const bool small = value->as.i64 >= INT16_MIN && value->as.i64 <= INT16_MAX;
    return met.kind == KDB_TYPE_SMALLINT && small ? met : literal->type;
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

static bool is_open(const kdbi_step *step)
{
    return step->is_param || step->is_literal || kdbi_is_null_literal(step);
}

/* Of those that have a type of their own; KDB_TYPE_NULL when none has. */
static bool settled_type(const kdbi_step *const *steps, size_t nsteps, kdb_type *out)
{
    *out = kdb_type_of(KDB_TYPE_NULL);
    for (size_t i = 0; i < nsteps; i++) {
        if (is_open(steps[i])) {
            continue;
        }
        if (out->kind == KDB_TYPE_NULL) {
            *out = steps[i]->type;
        } else if (!common_type(*out, steps[i]->type, out)) {
            return false;
        }
    }
    return true;
}

/* Literals then: an integer may raise the type, text takes it. */
static bool meet_literals(const kdbi_compiler *c, const kdbi_step *const *steps, size_t nsteps, kdb_type *type)
{
    for (size_t i = 0; i < nsteps; i++) {
        if (!steps[i]->is_literal) {
            continue;
        }
        if (type->kind == KDB_TYPE_NULL) {
            *type = steps[i]->type;
        } else if (steps[i]->type.kind == KDB_TYPE_INT) {
            if (!kdbi_is_number(*type) || !common_type(*type, literal_type(c, steps[i], *type), type)) {
                return false;
            }
        }
    }
    return true;
}

bool kdbi_unify(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, kdb_type *out)
{
    if (!settled_type(steps, nsteps, out) || !meet_literals(c, steps, nsteps, out)) {
        return false;
    }
    for (size_t i = 0; i < nsteps; i++) {
        if (out->kind == KDB_TYPE_NULL) {
            return false; /* nothing but NULLs and parameters */
        }
        steps[i] = steps[i]->is_param               ? kdbi_param_as(c, steps[i], *out)
                   : kdbi_is_null_literal(steps[i]) ? kdbi_step_null(c, *out)
                                                    : kdbi_cast(c, steps[i], *out);
        if (steps[i] == NULL) {
            return false;
        }
    }
    return true;
}
