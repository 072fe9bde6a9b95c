/* expr_decimal.c - DECIMAL: arithmetic with the engine's widths, and casts from and to other numbers. The engine keeps up to
 * 18 digits in 64 bits and stays there as long as it can: results of that width are checked, wider ones checked at 38. */
#include <math.h>

#include "expr_int.h"

enum { NARROW_MAX = 18, WIDE_MAX = 38 };

kdb_i128 kdbi_power_of_ten(unsigned n)
{
    kdb_i128 power = 1;
    while (n-- > 0) {
        power *= 10;
    }
    return power;
}

/* ---- casts ---- */

static unsigned whole_digits(kdb_type type)
{
    const kdb_type decimal = kdbi_as_decimal(type);
    return (unsigned)decimal.precision - decimal.scale;
}

bool kdbi_to_decimal_fails(kdb_type from, kdb_type to)
{
    const bool rounds = kdbi_as_decimal(from).scale > to.scale;
    return rounds ? whole_digits(from) >= whole_digits(to) : whole_digits(from) > whole_digits(to);
}

bool kdbi_from_decimal_fails(kdb_type from, kdb_type to)
{
    const unsigned safe = to.kind == KDB_TYPE_SMALLINT ? 4 : to.kind == KDB_TYPE_INT ? 9 : 18;
    return whole_digits(from) > safe;
}

static kdb_status does_not_fit(const kdbi_step *step, const kdbi_run *run, const kdb_value *value)
{
    kdb_value shown = *value;
    kdbi_form_to_value(step->args[0]->type, &shown);
    const kdb_sv text = kdb_value_to_text(&shown, run->scratch);
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "Could not cast value %.*s to DECIMAL(%d,%d)", KDB_SV_ARG(text),
                    step->type.precision, step->type.scale);
}

kdb_status kdbi_run_int_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_i128 limit = kdbi_power_of_ten((unsigned)step->type.precision - step->type.scale);
    if (out->as.i64 >= limit || out->as.i64 <= -limit) {
        return does_not_fit(step, run, out);
    }
    out->as.i128 = (kdb_i128)out->as.i64 * kdbi_power_of_ten(step->type.scale);
    return KDB_OK;
}

kdb_status kdbi_run_real_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const double rounded = round(out->as.f64 * (double)kdbi_power_of_ten(step->type.scale));
    const double limit = (double)kdbi_power_of_ten(step->type.precision);
    if (!(rounded > -limit && rounded < limit)) {
        return does_not_fit(step, run, out);
    }
    const bool single = step->args[0]->type.kind == KDB_TYPE_FLOAT;
    out->as.i128 = (kdb_i128)(single ? (double)(float)rounded : rounded);
    return KDB_OK;
}

static kdb_i128 divide_half_away(kdb_i128 value, kdb_i128 divisor)
{
    const kdb_i128 half = value < 0 ? -(divisor / 2) : divisor / 2;
    return (value + half) / divisor;
}

kdb_status kdbi_run_decimal_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const unsigned scale = step->args[0]->type.scale;
    const kdb_i128 rounded = scale == 0 ? out->as.i128 : divide_half_away(out->as.i128, kdbi_power_of_ten(scale));
    if (rounded < INT64_MIN || rounded > INT64_MAX || !kdbi_fits(step->type, (int64_t)rounded)) {
        char text[48];
        const size_t len = kdb_decimal_format(rounded, 0, text);
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "Failed to cast decimal value %.*s to type %s", (int)len, text,
                        kdbi_int_name(step->type));
    }
    out->as.i64 = (int64_t)rounded;
    return KDB_OK;
}

static double narrow_to_double(kdb_i128 value)
{
    return (double)(int64_t)value;
}

static float narrow_to_float(kdb_i128 value)
{
    return (float)(int64_t)value;
}

/* As the engine does: DECIMALs of more than 18 digits lie in two halves there, which are converted each for itself. */
static double wide_to_double(kdb_i128 value)
{
    const int64_t high = (int64_t)(value >> 64);
    const uint64_t low = (uint64_t)value;
    return high == -1 ? -(double)(UINT64_MAX - low) - 1 : (double)low + (double)high * (double)UINT64_MAX;
}

/* Whole and fraction apart when the digits are too many for the target's. */
kdb_status kdbi_run_decimal_to_double(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const unsigned scale = step->args[0]->type.scale;
    const kdb_i128 power = kdbi_power_of_ten(scale);
    const kdb_i128 exact = (kdb_i128)1 << 53;
    const kdb_i128 value = out->as.i128;
    const bool wide = step->args[0]->type.precision > NARROW_MAX;
    double (*convert)(kdb_i128 value) = wide ? wide_to_double : narrow_to_double;
    out->as.f64 = scale == 0 || (value <= exact && value >= -exact)
                      ? convert(value) / (double)power
                      : convert(value / power) + convert(value % power) / (double)power;
    return KDB_OK;
}

kdb_status kdbi_run_decimal_to_float(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const unsigned scale = step->args[0]->type.scale;
    const kdb_i128 power = kdbi_power_of_ten(scale);
    const kdb_i128 exact = (kdb_i128)1 << 24;
    const kdb_i128 value = out->as.i128;
    const float single = scale == 0 || (value <= exact && value >= -exact)
                             ? narrow_to_float(value) / (float)(double)power
                             : narrow_to_float(value / power) + narrow_to_float(value % power) / (float)(double)power;
    out->as.f64 = (double)single;
    return KDB_OK;
}

/* Where decimals get lost, the engine looks at the value rounded to a whole number: 9.51 has no room in (2,1). */
static bool has_room(kdb_i128 value, kdb_type from, kdb_type to)
{
    const bool rounds = from.scale > to.scale;
    const kdb_i128 looked_at = rounds ? divide_half_away(value, kdbi_power_of_ten(from.scale)) : value;
    const unsigned digits = rounds ? whole_digits(to) : (unsigned)to.precision + from.scale - to.scale;
    const kdb_i128 limit = kdbi_power_of_ten(digits);
    return looked_at < limit && looked_at > -limit;
}

kdb_status kdbi_run_decimal_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const kdb_type from = step->args[0]->type;
    const kdb_type to = step->type;
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_i128 value = out->as.i128;
    if (kdbi_to_decimal_fails(from, to) && !has_room(value, from, to)) {
        return does_not_fit(step, run, out);
    }
    out->as.i128 = to.scale >= from.scale ? value * kdbi_power_of_ten((unsigned)to.scale - from.scale)
                                          : divide_half_away(value, kdbi_power_of_ten((unsigned)from.scale - to.scale));
    return KDB_OK;
}

/* ---- arithmetic ---- */

static kdb_status operands(const kdbi_step *step, kdbi_run *run, kdb_value *out, kdb_value *right)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, right));
    out->is_null = out->is_null || right->is_null;
    return KDB_OK;
}

/* `detail`: the digits that a result may have, 0 when no result has more than its type allows. */
static kdb_status checked(const kdbi_step *step, const kdbi_run *run, bool overflow, kdb_i128 result, const char *what,
                          kdb_value *out)
{
    const kdb_i128 limit = step->detail == 0 ? 0 : kdbi_power_of_ten(step->detail);
    if (overflow || (step->detail != 0 && (result >= limit || result <= -limit))) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow in %s of DECIMAL(%u)", what, (unsigned)step->detail);
    }
    out->as.i128 = result;
    return KDB_OK;
}

static kdb_status run_add(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    kdb_i128 result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    const bool overflow = __builtin_add_overflow(out->as.i128, right.as.i128, &result);
    return checked(step, run, overflow, result, "addition", out);
}

static kdb_status run_sub(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    kdb_i128 result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    const bool overflow = __builtin_sub_overflow(out->as.i128, right.as.i128, &result);
    return checked(step, run, overflow, result, "subtraction", out);
}

static kdb_status run_mul(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    kdb_i128 result;
    KDB_TRY(operands(step, run, out, &right));
    if (out->is_null) {
        return KDB_OK;
    }
    const bool overflow = __builtin_mul_overflow(out->as.i128, right.as.i128, &result);
    return checked(step, run, overflow, result, "multiplication", out);
}

static kdb_status run_mod(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(kdbi_arg(step, 1, run, &right));
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!right.is_null && right.as.i128 == 0) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, "division by zero");
    }
    out->is_null = out->is_null || right.is_null;
    if (!out->is_null) {
        out->as.i128 %= right.as.i128;
    }
    return KDB_OK;
}

/* The width that a result of `width` digits gets, and the digits to check it against. */
static unsigned capped(unsigned width, unsigned widest, bool narrow_allowed, unsigned *check)
{
    *check = 0;
    if (width > NARROW_MAX && widest <= NARROW_MAX && narrow_allowed) {
        *check = NARROW_MAX;
        return NARROW_MAX;
    }
    if (width > WIDE_MAX) {
        *check = WIDE_MAX;
        return WIDE_MAX;
    }
    return width;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static const kdbi_step *compile_sum(kdbi_compiler *c, kdbi_step_fn run, const kdbi_step *a, const kdbi_step *b)
{
    const kdb_type x = kdbi_as_decimal(a->type);
    const kdb_type y = kdbi_as_decimal(b->type);
    const unsigned scale = larger(x.scale, y.scale);
    const unsigned widest = larger(x.precision, y.precision);
    const unsigned width = larger(scale + larger(whole_digits(x), whole_digits(y)), widest) + 1;
    unsigned check = 0;
    const kdb_type type = { KDB_TYPE_DECIMAL, (uint8_t)capped(width, widest, true, &check), (uint8_t)scale, 0 };
    const kdbi_step *left = kdbi_cast(c, a, type);
    const kdbi_step *right = kdbi_cast(c, b, type);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_binary(c, run, type, left, right);
    step->detail = check;
    step->can_fail = step->can_fail || check != 0;
    return step;
}

static const kdbi_step *compile_product(kdbi_compiler *c, const kdbi_step *a, const kdbi_step *b)
{
    const kdb_type x = kdbi_as_decimal(a->type);
    const kdb_type y = kdbi_as_decimal(b->type);
    const unsigned scale = (unsigned)x.scale + y.scale;
    const unsigned widest = larger(x.precision, y.precision);
    if (scale > WIDE_MAX) {
        return NULL;
    }
    unsigned check = 0;
    const unsigned width = capped((unsigned)x.precision + y.precision, widest, scale < NARROW_MAX, &check);
    const kdb_type type = { KDB_TYPE_DECIMAL, (uint8_t)width, (uint8_t)scale, 0 };
    const kdbi_step *left = kdbi_cast(c, a, x);
    const kdbi_step *right = kdbi_cast(c, b, y);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_binary(c, run_mul, type, left, right);
    step->detail = check;
    step->can_fail = step->can_fail || check != 0;
    return step;
}

static const kdbi_step *compile_remainder(kdbi_compiler *c, const kdbi_step *a, const kdbi_step *b)
{
    const kdb_type x = kdbi_as_decimal(a->type);
    const kdb_type y = kdbi_as_decimal(b->type);
    const unsigned scale = larger(x.scale, y.scale);
    const unsigned width = scale + larger(whole_digits(x), whole_digits(y));
    const kdb_type type = { KDB_TYPE_DECIMAL, (uint8_t)width, (uint8_t)scale, 0 };
    const kdbi_step *left = width > WIDE_MAX ? NULL : kdbi_cast(c, a, type);
    const kdbi_step *right = width > WIDE_MAX ? NULL : kdbi_cast(c, b, type);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_binary(c, run_mod, type, left, right);
    step->can_fail = true;
    return step;
}

const kdbi_step *kdbi_compile_decimal(kdbi_compiler *c, kdb_node_kind kind, const kdbi_step *a, const kdbi_step *b)
{
    switch (kind) {
    case KDB_NODE_ADD:
        return compile_sum(c, run_add, a, b);
    case KDB_NODE_SUB:
        return compile_sum(c, run_sub, a, b);
    case KDB_NODE_MUL:
        return compile_product(c, a, b);
    case KDB_NODE_MOD:
        return compile_remainder(c, a, b);
    default:
        return kdbi_compile_real_division(c, a, b);
    }
}
