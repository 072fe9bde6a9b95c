/* expr_number.c - arithmetic, with the engine's result types and its errors for overflow. */
#include <math.h>

#include "expr_int.h"

/* Both operands; *out is the left one. False when one is NULL, with *out NULL. */
static kdb_status operands(const kdbi_step *step, kdbi_run *run, kdb_value *out, kdb_value *right)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, right));
    out->is_null = out->is_null || right->is_null;
    return KDB_OK;
}

static kdb_status overflow(const kdbi_step *step, const kdbi_run *run, const char *what, char sign, int64_t a,
                           int64_t b)
{
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow in %s of %s (%lld %c %lld)!", what, kdbi_int_name(step->type),
                    (long long)a, sign, (long long)b);
}

static kdb_status run_add(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    int64_t result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    if (__builtin_add_overflow(out->as.i64, right.as.i64, &result) || !kdbi_fits(step->type, result)) {
        return overflow(step, run, "addition", '+', out->as.i64, right.as.i64);
    }
    out->as.i64 = result;
    return KDB_OK;
}

static kdb_status run_sub(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    int64_t result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    if (__builtin_sub_overflow(out->as.i64, right.as.i64, &result) || !kdbi_fits(step->type, result)) {
        return overflow(step, run, "subtraction", '-', out->as.i64, right.as.i64);
    }
    out->as.i64 = result;
    return KDB_OK;
}

static kdb_status run_mul(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    int64_t result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    if (__builtin_mul_overflow(out->as.i64, right.as.i64, &result) || !kdbi_fits(step->type, result)) {
        return overflow(step, run, "multiplication", '*', out->as.i64, right.as.i64);
    }
    out->as.i64 = result;
    return KDB_OK;
}

/* A divisor of zero fails even under a NULL. The engine computes divisors, which its text has twice, first. */
static kdb_status divisor_zero(const kdbi_run *run)
{
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "division by zero");
}

static int64_t smallest(kdb_type type)
{
    return type.kind == KDB_TYPE_SMALLINT ? INT16_MIN : type.kind == KDB_TYPE_INT ? INT32_MIN : INT64_MIN;
}

static kdb_status divide_operands(const kdbi_step *step, kdbi_run *run, kdb_value *out, kdb_value *right)
{
    KDB_TRY(kdbi_arg(step, 1, run, right));
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!right->is_null && right->as.i64 == 0) {
        return divisor_zero(run);
    }
    out->is_null = out->is_null || right->is_null;
    if (!out->is_null && right->as.i64 == -1 && out->as.i64 == smallest(step->type)) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow in division of %lld / -1", (long long)out->as.i64);
    }
    return KDB_OK;
}

static kdb_status run_div(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(divide_operands(step, run, out, &right));
    if (!out->is_null) {
        out->as.i64 /= right.as.i64;
    }
    return KDB_OK;
}

static kdb_status run_mod(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(divide_operands(step, run, out, &right));
    if (!out->is_null) {
        out->as.i64 %= right.as.i64;
    }
    return KDB_OK;
}

/* ---- FLOAT and DOUBLE ---- */

#define REAL_STEP(name, expression)                                                                                    \
    static kdb_status run_double_##name(const kdbi_step *step, kdbi_run *run, kdb_value *out)                          \
    {                                                                                                                  \
        kdb_value right;                                                                                               \
        KDB_TRY(operands(step, run, out, &right));                                                                     \
        const double a = out->as.f64;                                                                                  \
        const double b = right.as.f64;                                                                                 \
        out->as.f64 = out->is_null ? 0 : (expression);                                                                 \
        return KDB_OK;                                                                                                 \
    }                                                                                                                  \
    static kdb_status run_float_##name(const kdbi_step *step, kdbi_run *run, kdb_value *out)                           \
    {                                                                                                                  \
        kdb_value right;                                                                                               \
        KDB_TRY(operands(step, run, out, &right));                                                                     \
        const float a = (float)out->as.f64;                                                                            \
        const float b = (float)right.as.f64;                                                                           \
        out->as.f64 = out->is_null ? 0 : (double)(expression);                                                         \
        return KDB_OK;                                                                                                 \
    }

REAL_STEP(add, a + b)
REAL_STEP(sub, a - b)
REAL_STEP(mul, a *b)

static kdb_status real_operands(const kdbi_step *step, kdbi_run *run, kdb_value *out, kdb_value *right)
{
    KDB_TRY(kdbi_arg(step, 1, run, right));
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!right->is_null && right->as.f64 == 0) {
        return divisor_zero(run);
    }
    out->is_null = out->is_null || right->is_null;
    return KDB_OK;
}

static kdb_status run_double_div(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(real_operands(step, run, out, &right));
    out->as.f64 = out->is_null ? 0 : out->as.f64 / right.as.f64;
    return KDB_OK;
}

static kdb_status run_float_div(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(real_operands(step, run, out, &right));
    out->as.f64 = out->is_null ? 0 : (double)((float)out->as.f64 / (float)right.as.f64);
    return KDB_OK;
}

static kdb_status run_double_mod(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(real_operands(step, run, out, &right));
    out->as.f64 = out->is_null ? 0 : fmod(out->as.f64, right.as.f64);
    return KDB_OK;
}

/* ---- compiling ---- */

typedef struct operator_row {
    kdb_node_kind kind;
    kdbi_step_fn integer;
    kdbi_step_fn single;
    kdbi_step_fn real;
} operator_row;

static const operator_row operator_rows[] = {
    { KDB_NODE_ADD, run_add, run_float_add, run_double_add },
    { KDB_NODE_SUB, run_sub, run_float_sub, run_double_sub },
    { KDB_NODE_MUL, run_mul, run_float_mul, run_double_mul },
    { KDB_NODE_DIV, run_div, run_float_div, run_double_div },
    /* the remainder of two floats is a float exactly */
    { KDB_NODE_MOD, run_mod, run_double_mod, run_double_mod },
};

static const operator_row *find_operator(kdb_node_kind kind)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(operator_rows); i++) {
        if (operator_rows[i].kind == kind) {
            return &operator_rows[i];
        }
    }
    return NULL;
}

kdb_node_kind kdbi_integer_operator(const kdbi_step *step)
{
    return step->run == run_add   ? KDB_NODE_ADD
           : step->run == run_sub ? KDB_NODE_SUB
           : step->run == run_mul ? KDB_NODE_MUL
                                  : KDB_NODE_LITERAL;
}

/* True for a literal divisor that can neither be zero nor overflow. */
static bool is_safe_divisor(const kdbi_compiler *c, const kdbi_step *step)
{
    const kdb_value *value = kdbi_literal(c, step);
    if (value == NULL || value->is_null) {
        return false;
    }
    return kdbi_is_integer(step->type) ? value->as.i64 != 0 && value->as.i64 != -1 : value->as.f64 != 0;
}

static bool settle_operands(kdbi_compiler *c, const kdbi_step **args)
{
    for (size_t i = 0; i < 2; i++) {
        if (args[i]->is_param) {
            args[i] = kdbi_param_open(c, args[i]);
        }
        if (!kdbi_is_number(args[i]->type)) {
            return false;
        }
    }
    return true;
}

const kdbi_step *kdbi_compile_real_division(kdbi_compiler *c, const kdbi_step *a, const kdbi_step *b)
{
    const kdb_type type = kdb_type_of(KDB_TYPE_DOUBLE);
    const kdbi_step *left = kdbi_cast(c, a, type);
    const kdbi_step *right = kdbi_cast(c, b, type);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_binary(c, run_double_div, type, left, right);
    step->can_fail = step->can_fail || !is_safe_divisor(c, right);
    return step;
}

static bool is_decimal(const kdbi_step *a, const kdbi_step *b)
{
    const bool either = a->type.kind == KDB_TYPE_DECIMAL || b->type.kind == KDB_TYPE_DECIMAL;
    const bool exact =
        kdbi_as_decimal(a->type).kind == KDB_TYPE_DECIMAL && kdbi_as_decimal(b->type).kind == KDB_TYPE_DECIMAL;
    return either && exact;
}

const kdbi_step *kdbi_compile_arithmetic(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    kdb_type type;
    if (args == NULL || node->nargs != 2 || !settle_operands(c, args) || kdbi_has_null(c, args, 2)) {
        return NULL;
    }
    if (is_decimal(args[0], args[1])) {
        return kdbi_compile_decimal(c, node->kind, args[0], args[1]);
    }
    if (!kdbi_unify(c, args, 2, &type)) {
        return NULL;
    }
    const operator_row *row = find_operator(node->kind);
    const bool divides = node->kind == KDB_NODE_DIV || node->kind == KDB_NODE_MOD;
    const kdbi_step_fn run = kdbi_is_integer(type)         ? row->integer
                             : type.kind == KDB_TYPE_FLOAT ? row->single
                                                           : row->real;
    const bool safe = divides ? is_safe_divisor(c, args[1]) : !kdbi_is_integer(type);
    kdbi_step *step = kdbi_step_binary(c, run, type, args[0], args[1]);
    step->can_fail = step->can_fail || !safe;
    step->can_move = !divides && kdbi_is_integer(type);
    return step;
}

/* ---- negation ---- */

static kdb_status run_neg(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    if (out->as.i64 == smallest(step->type)) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow in negation of integer!");
    }
    out->as.i64 = -out->as.i64;
    return KDB_OK;
}

static kdb_status run_real_neg(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = -out->as.f64;
    return KDB_OK;
}

static kdb_status run_decimal_neg(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.i128 = -out->as.i128;
    }
    return KDB_OK;
}

const kdbi_step *kdbi_compile_negation(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (args == NULL || node->nargs != 1 || args[0]->is_param || !kdbi_is_number(args[0]->type)) {
        return NULL;
    }
    const kdb_type type = args[0]->type;
    const bool integer = kdbi_is_integer(type);
    const kdb_value *literal = kdbi_literal(c, args[0]);
    if (args[0]->is_literal && literal->as.i64 > INT32_MIN && literal->as.i64 <= INT32_MAX) {
        return kdbi_step_written(c, type, -literal->as.i64);
    }
    kdbi_step *step = kdbi_step_unary(c,
                                      integer                         ? run_neg
                                      : type.kind == KDB_TYPE_DECIMAL ? run_decimal_neg
                                                                      : run_real_neg,
                                      type, args[0]);
    step->can_fail = step->can_fail || integer;
    return step;
}
