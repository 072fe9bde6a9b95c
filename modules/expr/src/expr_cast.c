/* expr_cast.c - conversions between types, as the engine makes them. */
#include <math.h>

#include "expr_int.h"

typedef struct cast_row {
    kdb_type_kind from;
    kdb_type_kind to;
    kdbi_step_fn run; /* NULL: the form is the same */
    bool can_fail;
} cast_row;

static const kdbi_step *same_form(kdbi_compiler *c, const kdbi_step *step, kdb_type to)
{
    kdbi_step *copy = KDB_ARENA_NEW(c->arena, kdbi_step);
    *copy = *step;
    copy->type = to;
    copy->is_bare = false;
    copy->is_literal = false;
    return copy;
}

/* ---- numbers ---- */

static const char *int_name(kdb_type type)
{
    return type.kind == KDB_TYPE_SMALLINT ? "INT16" : type.kind == KDB_TYPE_INT ? "INT32" : "INT64";
}

bool kdbi_fits(kdb_type type, int64_t value)
{
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
        return value >= INT16_MIN && value <= INT16_MAX;
    case KDB_TYPE_INT:
        return value >= INT32_MIN && value <= INT32_MAX;
    default:
        return true;
    }
}

static kdb_status run_narrow(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null || kdbi_fits(step->type, out->as.i64)) {
        return KDB_OK;
    }
    return KDB_FAIL(
        run->err, KDB_EXECUTION,
        "Type %s with value %lld can't be cast because the value is out of range for the destination type %s",
        int_name(step->args[0]->type), (long long)out->as.i64, int_name(step->type));
}

static kdb_status run_int_to_double(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = (double)out->as.i64;
    return KDB_OK;
}

static kdb_status run_int_to_float(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = (double)(float)out->as.i64;
    return KDB_OK;
}

static kdb_status run_date_to_timestamp(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : out->as.i64 * INT64_C(86400000000);
    return KDB_OK;
}

static const cast_row cast_rows[] = {
    { KDB_TYPE_SMALLINT, KDB_TYPE_INT, NULL, false },
    { KDB_TYPE_SMALLINT, KDB_TYPE_BIGINT, NULL, false },
    { KDB_TYPE_INT, KDB_TYPE_BIGINT, NULL, false },
    { KDB_TYPE_INT, KDB_TYPE_SMALLINT, run_narrow, true },
    { KDB_TYPE_BIGINT, KDB_TYPE_SMALLINT, run_narrow, true },
    { KDB_TYPE_BIGINT, KDB_TYPE_INT, run_narrow, true },
    { KDB_TYPE_SMALLINT, KDB_TYPE_DOUBLE, run_int_to_double, false },
    { KDB_TYPE_INT, KDB_TYPE_DOUBLE, run_int_to_double, false },
    { KDB_TYPE_BIGINT, KDB_TYPE_DOUBLE, run_int_to_double, false },
    { KDB_TYPE_SMALLINT, KDB_TYPE_FLOAT, run_int_to_float, false },
    { KDB_TYPE_INT, KDB_TYPE_FLOAT, run_int_to_float, false },
    { KDB_TYPE_BIGINT, KDB_TYPE_FLOAT, run_int_to_float, false },
    { KDB_TYPE_FLOAT, KDB_TYPE_DOUBLE, NULL, false },
    { KDB_TYPE_DATE, KDB_TYPE_TIMESTAMP, run_date_to_timestamp, false },
};

static const cast_row *find_cast(kdb_type from, kdb_type to)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(cast_rows); i++) {
        if (cast_rows[i].from == from.kind && cast_rows[i].to == to.kind) {
            return &cast_rows[i];
        }
    }
    return NULL;
}

/* A literal is cast at once; one that does not convert is the engine's to refuse. */
static const kdbi_step *folded(kdbi_compiler *c, const kdbi_step *arg, kdb_type to, const cast_row *row)
{
    const kdbi_const constant = { .value = *kdbi_literal(c, arg) };
    const kdb_expr_consts consts = { .at = &constant };
    kdb_err ignored;
    kdbi_run run = { .consts = &consts, .scratch = c->arena, .err = &ignored };
    const kdbi_step leaf = { .run = kdbi_run_const, .type = arg->type };
    const kdbi_step *const args[] = { &leaf };
    const kdbi_step step = { .run = row->run, .args = args, .nargs = 1, .type = to };
    kdb_value value;
    return kdbi_eval(&step, &run, &value) == KDB_OK ? kdbi_step_literal(c, to, &value) : NULL;
}

const kdbi_step *kdbi_cast(kdbi_compiler *c, const kdbi_step *step, kdb_type to)
{
    if (kdb_type_eq(step->type, to)) {
        return step->is_literal ? same_form(c, step, to) : step;
    }
    const cast_row *row = find_cast(step->type, to);
    if (row == NULL) {
        return NULL;
    }
    if (row->run == NULL) {
        return same_form(c, step, to);
    }
    if (kdbi_literal(c, step) != NULL) {
        return folded(c, step, to, row);
    }
    kdbi_step *cast = kdbi_step_unary(c, row->run, to, step);
    cast->can_fail = cast->can_fail || row->can_fail;
    cast->can_move = true;
    return cast;
}

const kdbi_step *kdbi_compile_cast(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (args == NULL || node->nargs != 1) {
        return NULL;
    }
    const kdb_type to = kdbi_engine_type(node->type);
    if (args[0]->is_param) {
        return kdbi_param_as(c, args[0], to);
    }
    if (kdbi_is_null_literal(args[0])) {
        return kdbi_step_null(c, to);
    }
    const kdbi_step *step = kdbi_cast(c, args[0], to);
    return step == NULL ? NULL : same_form(c, step, to);
}
