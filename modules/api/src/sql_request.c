/* sql_request.c - reads the JSON body of a request for SQL (wire-protocol.md 5.1, 5.2): {"sql", "params", "namespace_id"}.
 * Members that we do not know are ignored, as clients newer than we are may send them. */
#include <string.h>

#include "api_int.h"

static kdb_status read_text(const kdb_json *body, kdb_sv name, kdb_sv *out, kdb_err *err)
{
    const kdb_json *member = kdb_json_lookup(body, name);
    if (member == NULL || member->kind == KDB_JSON_NULL) {
        return KDB_OK;
    }
    if (member->kind != KDB_JSON_STRING) {
        return KDB_FAIL(err, KDB_INVALID, "`%.*s` must be a string", KDB_SV_ARG(name));
    }
    if (memchr(member->string.ptr == NULL ? "" : member->string.ptr, '\0', member->string.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "`%.*s` must not contain the character NUL", KDB_SV_ARG(name));
    }
    *out = member->string;
    return KDB_OK;
}

static kdb_status read_sql(const kdb_json *body, kdb_sv *out, kdb_err *err)
{
    const kdb_json *sql = kdb_json_lookup(body, KDB_SV("sql"));
    if (sql == NULL || sql->kind == KDB_JSON_NULL) {
        return KDB_FAIL(err, KDB_INVALID, "The request has no member `sql`");
    }
    KDB_TRY(read_text(body, KDB_SV("sql"), out, err));
    if (out->len > KDBI_SQL_MAX) {
        return KDB_FAIL(err, KDB_INVALID_SQL, "SQL query too long: %zu bytes (maximum %d bytes)", out->len,
                        KDBI_SQL_MAX);
    }
    return KDB_OK;
}

static kdb_status read_param(const kdb_json *json, size_t number, const kdbi_sql_limits *limits, kdb_value *out,
                             kdb_err *err)
{
    switch (json->kind) {
    case KDB_JSON_NULL:
        *out = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
        return KDB_OK;
    case KDB_JSON_BOOL:
        *out = kdb_value_bool(json->boolean);
        return KDB_OK;
    case KDB_JSON_INT:
        *out = kdb_value_bigint(json->integer);
        return KDB_OK;
    case KDB_JSON_DOUBLE:
        *out = kdb_value_double(json->number);
        return KDB_OK;
    case KDB_JSON_STRING:
        if (json->string.len > limits->param_bytes) {
            return KDB_FAIL(err, KDB_INVALID_PARAMETER,
                            "Parameter size exceeded: maximum %zu bytes allowed, $%zu has %zu", limits->param_bytes,
                            number, json->string.len);
        }
        *out = kdb_value_text(json->string);
        return KDB_OK;
    case KDB_JSON_ARRAY:
        return KDB_FAIL(err, KDB_INVALID_PARAMETER, "Parameter $%zu invalid: Array parameters not yet supported",
                        number);
    case KDB_JSON_OBJECT:
        return KDB_FAIL(err, KDB_INVALID_PARAMETER, "Parameter $%zu invalid: Object parameters not yet supported",
                        number);
    }
    return KDB_FAIL(err, KDB_INTERNAL, "a parameter is of an unknown kind");
}

static kdb_status read_params(const kdb_json *body, const kdbi_sql_limits *limits, kdb_arena *arena,
                              kdbi_sql_request *out, kdb_err *err)
{
    const kdb_json *params = kdb_json_lookup(body, KDB_SV("params"));
    if (params == NULL || params->kind == KDB_JSON_NULL || (params->kind == KDB_JSON_ARRAY && params->count == 0)) {
        return KDB_OK;
    }
    if (params->kind != KDB_JSON_ARRAY) {
        return KDB_FAIL(err, KDB_INVALID, "`params` must be an array");
    }
    if (params->count > limits->params) {
        return KDB_FAIL(err, KDB_INVALID_PARAMETER, "Parameter count exceeded: maximum %zu parameters allowed, got %zu",
                        limits->params, params->count);
    }
    kdb_value *values = KDB_ARENA_ARRAY(arena, kdb_value, params->count);
    size_t n = 0;
    for (const kdb_json *param = params->child; param != NULL; param = param->next, n++) {
        KDB_TRY(read_param(param, n + 1, limits, &values[n], err));
    }
    out->params = values;
    out->nparams = n;
    return KDB_OK;
}

kdb_status kdbi_sql_request_decode(kdb_sv body, const kdbi_sql_limits *limits, kdb_arena *arena, kdbi_sql_request *out,
                                   kdb_err *err)
{
    kdb_json *json = NULL;
    kdbi_sql_request request = { .nparams = 0 };
    if (kdb_json_parse(body, arena, &json, err) != KDB_OK) {
        kdb_err_context(err, "The request body is not valid JSON");
        return KDB_INVALID;
    }
    if (json->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "The request body must be a JSON object");
    }
    KDB_TRY(read_sql(json, &request.sql, err));
    KDB_TRY(read_text(json, KDB_SV("namespace_id"), &request.ns, err));
    KDB_TRY(read_params(json, limits, arena, &request, err));
    *out = request;
    return KDB_OK;
}
