/* engine_param.c - parameter values on their way to DuckDB. Each is given the exact type that the plan was made for:
 * DuckDB plans the statement anew (0.1 ms and more) when a value's type differs from it. */
#include "engine_int.h"

/* A number given for an integer or DECIMAL that it does not fit exactly is passed as it is, `id > 1.5`: the engine then
 * compares as the literal would. */
static bool coerces_exactly(const kdb_value *in, const kdb_value *coerced, kdb_arena *arena)
{
    const kdb_layout layout = kdb_type_layout(coerced->type);
    const bool exact_type =
        layout == KDB_LAYOUT_I16 || layout == KDB_LAYOUT_I32 || layout == KDB_LAYOUT_I64 || layout == KDB_LAYOUT_I128;
    kdb_value back;
    kdb_err ignored;
    return !exact_type ||
           (kdb_value_coerce(coerced, in->type, arena, &back, &ignored) == KDB_OK && kdb_value_same(&back, in));
}

static bool is_number(kdb_type type)
{
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_DOUBLE:
    case KDB_TYPE_DECIMAL:
        return true;
    case KDB_TYPE_NULL:
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_TEXT:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATE:
    case KDB_TYPE_DATETIME:
    case KDB_TYPE_TIME:
    case KDB_TYPE_JSON:
    case KDB_TYPE_BYTES:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_UUID:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        return false;
    }
    return false;
}

/* Sets *out to the value to bind, and *duck to the DuckDB type to bind it as. */
static kdb_status coerce(const kdbi_param *param, const kdb_value *in, kdb_arena *arena, kdb_value *out,
                         duckdb_type *duck, kdb_err *err)
{
    *out = *in;
    *duck = kdbi_type_duck_id(in->type);
    if (param->row == NULL) {
        return KDB_OK;
    }
    kdb_value coerced;
    const bool numbers = is_number(in->type) && is_number(param->type);
    const kdb_status status = kdb_value_coerce(in, param->type, arena, &coerced, err);
    if (numbers && (status != KDB_OK || !coerces_exactly(in, &coerced, arena))) {
        return KDB_OK;
    }
    if (status == KDB_OK) {
        *out = coerced;
        *duck = param->row->duck;
    }
    return status;
}

static duckdb_hugeint to_hugeint(kdb_i128 value)
{
    return (duckdb_hugeint){ .lower = (uint64_t)value, .upper = (int64_t)(value >> 64) };
}

static duckdb_state bind_number(duckdb_prepared_statement duck, idx_t index, duckdb_type type, const kdb_value *value)
{
    if (value->type.kind == KDB_TYPE_SMALLINT) {
        return duckdb_bind_int16(duck, index, value->as.i16);
    }
    if (value->type.kind == KDB_TYPE_INT) {
        return duckdb_bind_int32(duck, index, value->as.i32);
    }
    return type == DUCKDB_TYPE_HUGEINT ? duckdb_bind_hugeint(duck, index, to_hugeint(value->as.i64))
                                       : duckdb_bind_int64(duck, index, value->as.i64);
}

static duckdb_state bind_timestamp(duckdb_prepared_statement duck, idx_t index, duckdb_type type, int64_t us)
{
    const duckdb_timestamp at = { .micros = us };
    return type == DUCKDB_TYPE_TIMESTAMP_TZ ? duckdb_bind_timestamp_tz(duck, index, at)
                                            : duckdb_bind_timestamp(duck, index, at);
}

static duckdb_state bind_made(duckdb_prepared_statement duck, idx_t index, duckdb_value made /* taken */)
{
    const duckdb_state state = duckdb_bind_value(duck, index, made);
    duckdb_destroy_value(&made);
    return state;
}

typedef duckdb_value (*make_collection)(duckdb_logical_type of, duckdb_value *elements, idx_t count);

/* Of elements, which are destroyed and whose array is freed. */
static duckdb_value make_of(make_collection make, duckdb_type of, duckdb_value *elements, size_t count)
{
    duckdb_logical_type child = duckdb_create_logical_type(of);
    duckdb_value made = make(child, elements, count);
    duckdb_destroy_logical_type(&child);
    for (size_t i = 0; i < count; i++) {
        duckdb_destroy_value(&elements[i]);
    }
    kdb_free(elements);
    return made;
}

static duckdb_value make_embedding(const kdb_value *value)
{
    const size_t dim = value->type.dim;
    duckdb_value *elements = kdb_alloc_array(dim, sizeof(duckdb_value));
    for (size_t i = 0; i < dim; i++) {
        elements[i] = duckdb_create_float(value->as.f32s[i]);
    }
    return make_of(duckdb_create_array_value, DUCKDB_TYPE_FLOAT, elements, dim);
}

/* An untyped NULL would not have the type that the plan was made for; taken out of a list, it has the list's. NULL when
 * the plan has left the type open: there is no list of such a type then. */
static duckdb_value make_null(duckdb_prepared_statement duck, idx_t index)
{
    duckdb_logical_type type = duckdb_param_logical_type(duck, index);
    duckdb_value untyped = duckdb_create_null_value();
    duckdb_value list = duckdb_create_list_value(type, &untyped, 1);
    duckdb_value made = list == NULL ? NULL : duckdb_get_list_child(list, 0);
    if (list != NULL) {
        duckdb_destroy_value(&list);
    }
    duckdb_destroy_value(&untyped);
    duckdb_destroy_logical_type(&type);
    return made;
}

static duckdb_state bind_null(const kdb_engine_plan *plan, duckdb_prepared_statement duck, kdbi_param *param)
{
    if (param->null == NULL) {
        param->null = make_null(plan->duck, param->index);
    }
    return param->null == NULL ? duckdb_bind_null(duck, param->index)
                               : duckdb_bind_value(duck, param->index, param->null);
}

static duckdb_state bind_value(duckdb_prepared_statement duck, idx_t index, duckdb_type type, const kdb_value *value)
{
    switch (value->type.kind) {
    case KDB_TYPE_BOOLEAN:
        return duckdb_bind_boolean(duck, index, value->as.b);
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
        return bind_number(duck, index, type, value);
    case KDB_TYPE_FLOAT:
        return duckdb_bind_float(duck, index, value->as.f32);
    case KDB_TYPE_DOUBLE:
        return duckdb_bind_double(duck, index, value->as.f64);
    case KDB_TYPE_DECIMAL:
        return duckdb_bind_decimal(duck, index,
                                   (duckdb_decimal){ .width = value->type.precision,
                                                     .scale = value->type.scale,
                                                     .value = to_hugeint(value->as.i128) });
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        return bind_timestamp(duck, index, type, value->as.i64);
    case KDB_TYPE_DATE:
        return duckdb_bind_date(duck, index, (duckdb_date){ .days = value->as.i32 });
    case KDB_TYPE_TIME:
        return duckdb_bind_time(duck, index, (duckdb_time){ .micros = value->as.i64 });
    case KDB_TYPE_TEXT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_FILE:
        return duckdb_bind_varchar_length(duck, index, value->as.bytes.ptr, value->as.bytes.len);
    case KDB_TYPE_BYTES:
        return duckdb_bind_blob(duck, index, value->as.bytes.ptr, value->as.bytes.len);
    case KDB_TYPE_UUID:
        return bind_made(duck, index, duckdb_create_uuid(kdbi_uuid_to_duck(&value->as.uuid)));
    case KDB_TYPE_EMBEDDING:
        return bind_made(duck, index, make_embedding(value));
    case KDB_TYPE_NULL:
    case KDB_TYPE_KIND_COUNT:
        return DuckDBError;
    }
    return DuckDBError;
}

static kdb_status bind_param(kdb_engine_plan *plan, duckdb_prepared_statement duck, size_t i, const kdb_value *in,
                             kdb_err *err)
{
    kdbi_param *param = &plan->params[i];
    duckdb_state state;
    if (in->is_null) {
        state = bind_null(plan, duck, param);
    } else {
        kdb_value value;
        duckdb_type type;
        kdb_err inner;
        if (coerce(param, in, plan->conn->arena, &value, &type, &inner) != KDB_OK) {
            return KDB_FAIL(err, KDB_PARAMETER, "$%zu: %s", i + 1, inner.text);
        }
        state = bind_value(duck, param->index, type, &value);
    }
    return state == DuckDBSuccess ? KDB_OK : KDB_FAIL(err, KDB_PARAMETER, "$%zu: the engine refuses the value", i + 1);
}

kdb_status kdbi_param_bind_all(kdb_engine_plan *plan, duckdb_prepared_statement duck, const kdb_value *values,
                               kdb_err *err)
{
    for (size_t i = 0; i < plan->nparams; i++) {
        if (plan->params[i].index != 0) {
            KDB_TRY(bind_param(plan, duck, i, &values[i], err));
        }
    }
    return KDB_OK;
}

static duckdb_value make_path(const char *path)
{
    kdb_buf pattern;
    kdb_buf_init(&pattern, 0);
    kdbi_put_pattern(&pattern, path);
    duckdb_value made = duckdb_create_varchar_length(pattern.ptr, pattern.len);
    kdb_buf_done(&pattern);
    return made;
}

static duckdb_value make_paths(const char *const *paths, size_t npaths)
{
    duckdb_value *elements = kdb_alloc_array(npaths, sizeof(duckdb_value));
    for (size_t i = 0; i < npaths; i++) {
        elements[i] = make_path(paths[i]);
    }
    return make_of(duckdb_create_list_value, DUCKDB_TYPE_VARCHAR, elements, npaths);
}

kdb_status kdbi_param_bind_paths(duckdb_prepared_statement duck, idx_t index, const char *const *paths, size_t npaths,
                                 kdb_err *err)
{
    return bind_made(duck, index, make_paths(paths, npaths)) == DuckDBSuccess
               ? KDB_OK
               : KDB_FAIL(err, KDB_PARAMETER, "the engine refuses the files");
}

kdb_status kdbi_param_bind_files(kdb_engine_plan *plan, const char *const *paths, size_t npaths,
                                 const kdb_value *values, kdb_err *err)
{
    KDB_TRY(kdbi_param_bind_paths(plan->duck, plan->params[0].index, paths, npaths, err));
    for (size_t i = 1; i < plan->nparams; i++) {
        if (plan->params[i].index != 0) {
            KDB_TRY(bind_param(plan, plan->duck, i, &values[i - 1], err));
        }
    }
    return KDB_OK;
}

void kdbi_param_forget(kdbi_param *params, size_t nparams)
{
    for (size_t i = 0; i < nparams; i++) {
        duckdb_destroy_value(&params[i].null);
        params[i].index = 0;
        params[i].row = NULL;
    }
}
