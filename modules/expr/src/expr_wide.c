/* expr_wide.c - sums, differences, products and narrowing casts of integers and DECIMALs, compared as if no type had an end.
 * The engine moves constants of a comparison: `i + 1 > 5` becomes `i > 4`, and never overflows. Where a comparison fails here
 * and might have been moved there, this is what it comes to. */
#include "expr_int.h"

static kdb_status too_wide(const kdbi_run *run)
{
    return KDB_FAIL(run->err, KDB_ARITHMETIC, "Overflow in a comparison");
}

static kdb_status wide_value(const kdbi_step *step, kdbi_run *run, kdb_i128 *out, bool *out_null);

static kdb_status wide_operator(const kdbi_step *step, kdb_node_kind kind, kdbi_run *run, kdb_i128 *out, bool *out_null)
{
    kdb_i128 a = 0;
    kdb_i128 b = 0;
    bool null = false;
    KDB_TRY(wide_value(step->args[0], run, &a, out_null));
    KDB_TRY(wide_value(step->args[1], run, &b, &null));
    *out_null = *out_null || null;
    const bool overflow = kind == KDB_NODE_ADD   ? __builtin_add_overflow(a, b, out)
                          : kind == KDB_NODE_SUB ? __builtin_sub_overflow(a, b, out)
                                                 : __builtin_mul_overflow(a, b, out);
    return overflow && !*out_null ? too_wide(run) : KDB_OK;
}

/* Of an integer or DECIMAL to another with as many decimals, or more. */
static kdb_status wide_cast(const kdbi_step *step, kdbi_run *run, kdb_i128 *out, bool *out_null)
{
    const kdb_type from = step->args[0]->type;
    const unsigned before = from.kind == KDB_TYPE_DECIMAL ? from.scale : 0;
    const unsigned after = step->type.kind == KDB_TYPE_DECIMAL ? step->type.scale : 0;
    KDB_TRY(wide_value(step->args[0], run, out, out_null));
    if (*out_null || after == before) {
        return KDB_OK;
    }
    return __builtin_mul_overflow(*out, kdbi_power_of_ten(after - before), out) ? too_wide(run) : KDB_OK;
}

static kdb_status wide_value(const kdbi_step *step, kdbi_run *run, kdb_i128 *out, bool *out_null)
{
    const kdb_node_kind kind = kdbi_integer_operator(step);
    if (kind != KDB_NODE_LITERAL) {
        return wide_operator(step, kind, run, out, out_null);
    }
    if (kdbi_is_value_cast(step)) {
        return wide_cast(step, run, out, out_null);
    }
    kdb_value value;
    KDB_TRY(kdbi_eval(step, run, &value));
    *out_null = value.is_null;
    *out = value.is_null ? 0 : step->type.kind == KDB_TYPE_DECIMAL ? value.as.i128 : value.as.i64;
    return KDB_OK;
}

bool kdbi_is_wide(const kdbi_step *const *steps, size_t nsteps)
{
    for (size_t i = 0; i < nsteps; i++) {
        const kdb_type type = steps[i]->type;
        if (!(kdbi_is_integer(type) || type.kind == KDB_TYPE_DECIMAL) || !kdb_type_eq(type, steps[0]->type)) {
            return false;
        }
    }
    return true;
}

kdb_status kdbi_order_wide(const kdbi_step *a, const kdbi_step *b, kdbi_run *run, int *out, bool *out_null)
{
    kdb_i128 left = 0;
    kdb_i128 right = 0;
    bool null = false;
    KDB_TRY(wide_value(a, run, &left, out_null));
    KDB_TRY(wide_value(b, run, &right, &null));
    *out_null = *out_null || null;
    *out = (left > right) - (left < right);
    return KDB_OK;
}
