/* expr_math.c - functions of numbers. Only those whose last bit does not depend on the C library: no powers, logarithms or
 * angles. */
#include <math.h>

#include "expr_int.h"

/* ---- abs ---- */

static kdb_status run_abs_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null || out->as.i64 >= 0) {
        return KDB_OK;
    }
    if (out->as.i64 == INT64_MIN || !kdbi_fits(step->type, -out->as.i64)) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow on abs(%lld)", (long long)out->as.i64);
    }
    out->as.i64 = -out->as.i64;
    return KDB_OK;
}

static kdb_status run_abs_real(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = out->is_null ? 0 : fabs(out->as.f64);
    return KDB_OK;
}

static kdb_status run_abs_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null && out->as.i128 < 0) {
        out->as.i128 = -out->as.i128;
    }
    return KDB_OK;
}

/* The first argument, a number of a type of its own; NULL otherwise. A parameter is what its value is: a DOUBLE or DECIMAL
 * fits one form of a function only, while the engine may yet choose among those for integers. */
static const kdbi_step *number_of(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = node->nargs >= 1 ? kdbi_compile_args(c, node) : NULL;
    if (args == NULL || !kdbi_is_number(args[0]->type) || (args[0]->is_param && kdbi_is_integer(args[0]->type))) {
        return NULL;
    }
    args[0] = args[0]->is_param ? kdbi_param_open(c, args[0]) : args[0];
    return kdbi_has_null(c, args, 1) ? NULL : args[0];
}

const kdbi_step *kdbi_compile_abs(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step *arg = node->nargs == 1 ? number_of(c, node) : NULL;
    if (arg == NULL || arg->is_literal) {
        return NULL;
    }
    const bool integer = kdbi_is_integer(arg->type);
    const kdbi_step_fn run = integer                              ? run_abs_int
                             : arg->type.kind == KDB_TYPE_DECIMAL ? run_abs_decimal
                                                                  : run_abs_real;
    kdbi_step *step = kdbi_step_unary(c, run, arg->type, arg);
    step->can_fail = step->can_fail || integer;
    return step;
}

/* ---- ceil, floor, trunc, round ---- */

typedef struct rounding_row {
    const char *name;
    double (*real)(double x);
    kdb_i128 (*decimal)(kdb_i128 value, kdb_i128 unit);
    bool keeps_integers; /* or makes them DOUBLE */
} rounding_row;

static kdb_i128 decimal_trunc(kdb_i128 value, kdb_i128 unit)
{
    return value / unit;
}
static kdb_i128 decimal_floor(kdb_i128 value, kdb_i128 unit)
{
    return value / unit - (value % unit < 0);
}
static kdb_i128 decimal_ceil(kdb_i128 value, kdb_i128 unit)
{
    return value / unit + (value % unit > 0);
}
static kdb_i128 decimal_round(kdb_i128 value, kdb_i128 unit)
{
    return (value + (value < 0 ? -(unit / 2) : unit / 2)) / unit;
}

static const rounding_row rounding_rows[] = {
    { "ceil", ceil, decimal_ceil, false },    { "ceiling", ceil, decimal_ceil, false },
    { "floor", floor, decimal_floor, false }, { "trunc", trunc, decimal_trunc, true },
    { "round", round, decimal_round, true },
};

/* `detail`: the row. */
static kdb_status run_round_real(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = out->is_null ? 0 : rounding_rows[step->detail].real(out->as.f64);
    return KDB_OK;
}

static kdb_status run_round_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const unsigned dropped = (unsigned)step->args[0]->type.scale - step->type.scale;
    if (!out->is_null && dropped > 0) {
        out->as.i128 = rounding_rows[step->detail].decimal(out->as.i128, kdbi_power_of_ten(dropped));
    }
    return KDB_OK;
}

static const kdbi_step *rounded(kdbi_compiler *c, uint32_t row, const kdbi_step *arg, uint8_t scale)
{
    kdb_type type = arg->type;
    const bool decimal = type.kind == KDB_TYPE_DECIMAL;
    if (kdbi_is_integer(type)) {
        return rounding_rows[row].keeps_integers ? arg : kdbi_cast(c, arg, kdb_type_of(KDB_TYPE_DOUBLE));
    }
    if (decimal) {
        type.scale = scale < type.scale ? scale : type.scale;
    }
    kdbi_step *step = kdbi_step_unary(c, decimal ? run_round_decimal : run_round_real, type, arg);
    step->detail = row;
    return step;
}

/* round(x, n): n a literal, and decimals of a DOUBLE as the engine rounds them. */
static kdb_status run_round_places(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const double unit = (double)kdbi_power_of_ten(step->detail);
    const double value = round(out->as.f64 * unit) / unit;
    out->as.f64 = isfinite(value) ? value : out->as.f64;
    return KDB_OK;
}

static const kdbi_step *round_places(kdbi_compiler *c, const kdb_node *node, uint32_t row, const kdbi_step *arg)
{
    enum { PLACES_MAX = 15 };
    const kdbi_step *count = kdbi_compile(c, node->args[1]);
    const kdb_value *places = count == NULL || count->is_param ? NULL : kdbi_literal(c, count);
    if (places == NULL || places->is_null || !kdbi_is_integer(count->type) || places->as.i64 < 0 ||
        places->as.i64 > PLACES_MAX || arg->type.kind == KDB_TYPE_FLOAT) {
        return NULL;
    }
    if (arg->type.kind != KDB_TYPE_DOUBLE) {
        return rounded(c, row, arg, (uint8_t)places->as.i64);
    }
    kdbi_step *step = kdbi_step_unary(c, run_round_places, arg->type, arg);
    step->detail = (uint32_t)places->as.i64;
    return step;
}

const kdbi_step *kdbi_compile_round(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step *arg = number_of(c, node);
    if (arg == NULL || arg->is_literal) {
        return NULL;
    }
    for (uint32_t i = 0; i < KDB_ARRAY_LEN(rounding_rows); i++) {
        if (!kdb_sv_eq(node->name, kdb_sv_cstr(rounding_rows[i].name))) {
            continue;
        }
        if (node->nargs == 1) {
            return rounded(c, i, arg, 0);
        }
        return node->nargs == 2 && rounding_rows[i].real == round ? round_places(c, node, i, arg) : NULL;
    }
    return NULL;
}

/* ---- the rest ---- */

static kdb_status run_sqrt(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    if (out->as.f64 < 0) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "cannot take square root of a negative number");
    }
    out->as.f64 = sqrt(out->as.f64);
    return KDB_OK;
}

const kdbi_step *kdbi_compile_sqrt(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step *arg = node->nargs == 1 ? number_of(c, node) : NULL;
    const kdbi_step *real = arg == NULL ? NULL : kdbi_cast(c, arg, kdb_type_of(KDB_TYPE_DOUBLE));
    if (real == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_unary(c, run_sqrt, kdb_type_of(KDB_TYPE_DOUBLE), real);
    step->can_fail = true;
    return step;
}

typedef enum real_test { TEST_NAN, TEST_INFINITE, TEST_FINITE } real_test;

/* `detail`: the test. */
static kdb_status run_test(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const double value = out->as.f64;
    out->as.b = step->detail == TEST_NAN        ? isnan(value) != 0
                : step->detail == TEST_INFINITE ? isinf(value) != 0
                                                : isfinite(value) != 0;
    return KDB_OK;
}

const kdbi_step *kdbi_compile_real_test(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step *arg = node->nargs == 1 ? number_of(c, node) : NULL;
    if (arg == NULL || (arg->type.kind != KDB_TYPE_DOUBLE && arg->type.kind != KDB_TYPE_FLOAT)) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_unary(c, run_test, kdb_type_of(KDB_TYPE_BOOLEAN), arg);
    step->detail = kdb_sv_eq(node->name, KDB_SV("isnan"))   ? TEST_NAN
                   : kdb_sv_eq(node->name, KDB_SV("isinf")) ? TEST_INFINITE
                                                            : TEST_FINITE;
    return step;
}
