/* expr_cast.c - conversions between types, as the engine makes them. */
#include <math.h>

#include "expr_int.h"

typedef enum cast_from {
    FROM_INT,
    FROM_REAL,
    FROM_DECIMAL,
    FROM_BOOLEAN,
    FROM_DATE,
    FROM_TIMESTAMP,
    FROM_TIME,
    FROM_UUID,
    FROM_TEXT,
    FROM_OTHER
} cast_from;

typedef struct cast_row {
    cast_from from;
    kdb_type_kind to;
    kdbi_step_fn run; /* NULL: the form is the same */
    bool (*can_fail)(kdb_type from, kdb_type to);
} cast_row;

static kdb_status run_same(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return kdbi_arg(step, 0, run, out);
}

/* Columns and constants are read in place; other steps go by their own type while they run. */
static const kdbi_step *same_form(kdbi_compiler *c, const kdbi_step *step, kdb_type to)
{
    if (step->run != kdbi_run_const && !step->is_column) {
        kdbi_step *same = kdbi_step_unary(c, run_same, to, step);
        same->can_move = true;
        return same;
    }
    kdbi_step *copy = KDB_ARENA_NEW(c->arena, kdbi_step);
    *copy = *step;
    copy->type = to;
    copy->is_bare = false;
    copy->is_literal = false;
    return copy;
}

/* ---- integers ---- */

const char *kdbi_int_name(kdb_type type)
{
    return kdb_type_defs[type.kind].sql_name;
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
        run->err, KDB_ARITHMETIC,
        "Type %s with value %lld can't be cast because the value is out of range for the destination type %s",
        kdbi_int_name(step->args[0]->type), (long long)out->as.i64, kdbi_int_name(step->type));
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

static kdb_status run_int_to_bool(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.b = out->as.i64 != 0;
    return KDB_OK;
}

static kdb_status run_bool_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = !out->is_null && out->as.b;
    return KDB_OK;
}

static kdb_status run_bool_to_real(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.f64 = !out->is_null && out->as.b ? 1 : 0;
    return KDB_OK;
}

/* ---- FLOAT and DOUBLE ---- */

static kdb_status out_of_range(const kdbi_step *step, const kdbi_run *run, double value)
{
    return KDB_FAIL(
        run->err, KDB_ARITHMETIC,
        "Type %s with value %.17g can't be cast because the value is out of range for the destination type %s",
        kdb_type_defs[step->args[0]->type.kind].sql_name, value, kdb_type_defs[step->type.kind].sql_name);
}

/* The range is looked at first and the value rounded then, half to even: half above the highest is the lowest. */
kdb_status kdbi_run_real_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const double value = out->as.f64;
    const double limit = step->type.kind == KDB_TYPE_SMALLINT ? 0x1p15
                         : step->type.kind == KDB_TYPE_INT    ? 0x1p31
                                                              : 0x1p63;
    if (out->is_null) {
        return KDB_OK;
    }
    if (!(value >= -limit && value < limit)) {
        return out_of_range(step, run, value);
    }
    const int64_t rounded = (int64_t)nearbyint(value);
    out->as.i64 = step->type.kind == KDB_TYPE_SMALLINT ? (int16_t)rounded
                  : step->type.kind == KDB_TYPE_INT    ? (int32_t)rounded
                                                       : rounded;
    return KDB_OK;
}

static kdb_status run_double_to_float(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (out->is_null) {
        return KDB_OK;
    }
    const float value = (float)out->as.f64;
    if (isinf(value) && !isinf(out->as.f64)) {
        return out_of_range(step, run, out->as.f64);
    }
    out->as.f64 = (double)value;
    return KDB_OK;
}

static kdb_status run_real_to_bool(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.b = out->as.f64 != 0;
    return KDB_OK;
}

/* ---- dates and times ---- */

#define DAY_US INT64_C(86400000000)

static kdb_status run_date_to_timestamp(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : out->as.i64 * DAY_US;
    return KDB_OK;
}

static kdb_status run_timestamp_to_date(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.i64 = kdbi_floor_div(out->as.i64, DAY_US);
    }
    return KDB_OK;
}

static kdb_status run_timestamp_to_time(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.i64 -= kdbi_floor_div(out->as.i64, DAY_US) * DAY_US;
    }
    return KDB_OK;
}

/* ---- the table ---- */

static bool always(KDB_UNUSED kdb_type from, KDB_UNUSED kdb_type to)
{
    return true;
}

static bool narrows(kdb_type from, KDB_UNUSED kdb_type to)
{
    return from.kind == KDB_TYPE_BIGINT;
}

static bool never(KDB_UNUSED kdb_type from, KDB_UNUSED kdb_type to)
{
    return false;
}

static const cast_row cast_rows[] = {
    { FROM_INT, KDB_TYPE_SMALLINT, run_narrow, always },
    { FROM_INT, KDB_TYPE_INT, run_narrow, narrows },
    { FROM_INT, KDB_TYPE_BIGINT, NULL, never },
    { FROM_INT, KDB_TYPE_DOUBLE, run_int_to_double, never },
    { FROM_INT, KDB_TYPE_FLOAT, run_int_to_float, never },
    { FROM_INT, KDB_TYPE_DECIMAL, kdbi_run_int_to_decimal, kdbi_to_decimal_fails },
    { FROM_INT, KDB_TYPE_BOOLEAN, run_int_to_bool, never },
    { FROM_INT, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_REAL, KDB_TYPE_SMALLINT, kdbi_run_real_to_int, always },
    { FROM_REAL, KDB_TYPE_INT, kdbi_run_real_to_int, always },
    { FROM_REAL, KDB_TYPE_BIGINT, kdbi_run_real_to_int, always },
    { FROM_REAL, KDB_TYPE_DOUBLE, NULL, never },
    { FROM_REAL, KDB_TYPE_FLOAT, run_double_to_float, always },
    { FROM_REAL, KDB_TYPE_DECIMAL, kdbi_run_real_to_decimal, always },
    { FROM_REAL, KDB_TYPE_BOOLEAN, run_real_to_bool, never },
    { FROM_REAL, KDB_TYPE_TEXT, kdbi_run_real_to_text, never },
    { FROM_DECIMAL, KDB_TYPE_SMALLINT, kdbi_run_decimal_to_int, kdbi_from_decimal_fails },
    { FROM_DECIMAL, KDB_TYPE_INT, kdbi_run_decimal_to_int, kdbi_from_decimal_fails },
    { FROM_DECIMAL, KDB_TYPE_BIGINT, kdbi_run_decimal_to_int, kdbi_from_decimal_fails },
    { FROM_DECIMAL, KDB_TYPE_DOUBLE, kdbi_run_decimal_to_double, never },
    { FROM_DECIMAL, KDB_TYPE_FLOAT, kdbi_run_decimal_to_float, never },
    { FROM_DECIMAL, KDB_TYPE_DECIMAL, kdbi_run_decimal_to_decimal, kdbi_to_decimal_fails },
    { FROM_DECIMAL, KDB_TYPE_TEXT, kdbi_run_decimal_to_text, never },
    { FROM_BOOLEAN, KDB_TYPE_SMALLINT, run_bool_to_int, never },
    { FROM_BOOLEAN, KDB_TYPE_INT, run_bool_to_int, never },
    { FROM_BOOLEAN, KDB_TYPE_BIGINT, run_bool_to_int, never },
    { FROM_BOOLEAN, KDB_TYPE_FLOAT, run_bool_to_real, never },
    { FROM_BOOLEAN, KDB_TYPE_DOUBLE, run_bool_to_real, never },
    { FROM_BOOLEAN, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_DATE, KDB_TYPE_TIMESTAMP, run_date_to_timestamp, never },
    { FROM_DATE, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_TIMESTAMP, KDB_TYPE_DATE, run_timestamp_to_date, never },
    { FROM_TIMESTAMP, KDB_TYPE_TIME, run_timestamp_to_time, never },
    { FROM_TIMESTAMP, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_TIME, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_UUID, KDB_TYPE_TEXT, kdbi_run_to_text, never },
    { FROM_TEXT, KDB_TYPE_SMALLINT, kdbi_run_text_to_int, always },
    { FROM_TEXT, KDB_TYPE_INT, kdbi_run_text_to_int, always },
    { FROM_TEXT, KDB_TYPE_BIGINT, kdbi_run_text_to_int, always },
    { FROM_TEXT, KDB_TYPE_FLOAT, kdbi_run_text_to_real, always },
    { FROM_TEXT, KDB_TYPE_DOUBLE, kdbi_run_text_to_real, always },
    { FROM_TEXT, KDB_TYPE_BOOLEAN, kdbi_run_text_to_bool, always },
    { FROM_TEXT, KDB_TYPE_DECIMAL, kdbi_run_text_to_decimal, always },
    { FROM_TEXT, KDB_TYPE_DATE, kdbi_run_text_to_date, always },
    { FROM_TEXT, KDB_TYPE_TIMESTAMP, kdbi_run_text_to_timestamp, always },
    { FROM_TEXT, KDB_TYPE_TIME, kdbi_run_text_to_time, always },
};

static cast_from from_of(kdb_type type)
{
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
        return FROM_INT;
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_DOUBLE:
        return FROM_REAL;
    case KDB_TYPE_DECIMAL:
        return FROM_DECIMAL;
    case KDB_TYPE_BOOLEAN:
        return FROM_BOOLEAN;
    case KDB_TYPE_DATE:
        return FROM_DATE;
    case KDB_TYPE_TIMESTAMP:
        return FROM_TIMESTAMP;
    case KDB_TYPE_TIME:
        return FROM_TIME;
    case KDB_TYPE_UUID:
        return FROM_UUID;
    case KDB_TYPE_TEXT:
        return FROM_TEXT;
    default:
        return FROM_OTHER;
    }
}

static const cast_row *find_cast(kdb_type from, kdb_type to)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(cast_rows); i++) {
        if (cast_rows[i].from == from_of(from) && cast_rows[i].to == to.kind) {
            return &cast_rows[i];
        }
    }
    return NULL;
}

static bool is_instant(kdb_type type)
{
    return type.kind == KDB_TYPE_DATE || type.kind == KDB_TYPE_TIMESTAMP;
}

/* Whether a DATE or TIMESTAMP is of the years that tables hold, which are all that functions of times know. */
static bool is_bounded(kdb_type type, int64_t form)
{
    const int64_t days = type.kind == KDB_TYPE_TIMESTAMP ? kdbi_floor_div(form, DAY_US) : form;
    return !is_instant(type) || (days >= kdbi_days_of(1, 1, 1) && days <= kdbi_days_of(9999, 12, 31));
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
    if (kdbi_eval(&step, &run, &value) != KDB_OK || !is_bounded(to, value.as.i64)) {
        return NULL;
    }
    return kdbi_step_literal(c, to, &value);
}

/* The engine's text of a FLOAT is neither the shortest nor all digits, its FLOAT of a wide DECIMAL not the nearest. */
static bool is_odd(kdb_type from, kdb_type to)
{
    return (from.kind == KDB_TYPE_FLOAT && to.kind == KDB_TYPE_TEXT) ||
           (from.kind == KDB_TYPE_DECIMAL && from.precision > 18 && to.kind == KDB_TYPE_FLOAT);
}

static unsigned scale_of(kdb_type type)
{
    return type.kind == KDB_TYPE_DECIMAL ? type.scale : 0;
}

/* Whether the engine may cast the other side of a comparison back instead: never what rounds. */
static bool is_undone(kdb_type from, kdb_type to)
{
    const bool exact = (kdbi_is_integer(from) || from.kind == KDB_TYPE_DECIMAL) &&
                       (kdbi_is_integer(to) || to.kind == KDB_TYPE_DECIMAL);
    return exact && scale_of(to) >= scale_of(from);
}

bool kdbi_is_value_cast(const kdbi_step *step)
{
    const bool cast = step->run == run_same || step->run == run_narrow || step->run == kdbi_run_int_to_decimal ||
                      step->run == kdbi_run_decimal_to_int || step->run == kdbi_run_decimal_to_decimal;
    return cast && is_undone(step->args[0]->type, step->type);
}

const kdbi_step *kdbi_cast(kdbi_compiler *c, const kdbi_step *step, kdb_type to)
{
    if (kdb_type_eq(step->type, to)) {
        return step->is_literal ? same_form(c, step, to) : step;
    }
    const cast_row *row = find_cast(step->type, to);
    if (row == NULL || is_odd(step->type, to) || (step->boundless && is_instant(step->type))) {
        return NULL;
    }
    const bool widens = kdbi_is_integer(step->type) && step->type.kind == KDB_TYPE_SMALLINT && to.kind == KDB_TYPE_INT;
    if (row->run == NULL || widens) {
        return same_form(c, step, to);
    }
    if (kdbi_literal(c, step) != NULL) {
        return folded(c, step, to, row);
    }
    if (row->from == FROM_TEXT && step->is_constant) { /* the engine computes it before any row, and refuses it then */
        return NULL;
    }
    kdbi_step *cast = kdbi_step_unary(c, row->run, to, step);
    cast->can_fail = cast->can_fail || row->can_fail(step->type, to);
    cast->can_move = is_undone(step->type, to);
    cast->boundless = row->from == FROM_TEXT && is_instant(to);
    return cast;
}

const kdbi_step *kdbi_compile_cast(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (args == NULL || node->nargs != 1) {
        return NULL;
    }
    const kdb_type to = kdb_dialect_engine_type(node->type);
    if (args[0]->is_param) {
        const kdb_type own = args[0]->type;
        const bool same = own.kind == KDB_TYPE_NULL || kdb_type_eq(own, to);
        return same ? kdbi_param_as(c, args[0], to) : NULL; /* who converts it, and how, is open */
    }
    if (kdbi_is_null_literal(args[0])) {
        return kdbi_step_null(c, to);
    }
    const kdbi_step *step = kdbi_cast(c, args[0], to);
    return step == NULL ? NULL : same_form(c, step, to);
}
