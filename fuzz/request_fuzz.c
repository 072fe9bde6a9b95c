/* request_fuzz.c - the body of a request for SQL, as it comes from the network. Whatever is accepted keeps the limits, and
 * says the same when it is encoded and read again. */
#include <stdint.h>

#include "api_int.h"

static const kdbi_sql_limits limits = { .params = 50, .param_bytes = 1000 };

static void put_request(kdb_buf *out, const kdbi_sql_request *request)
{
    kdb_err err;
    kdb_buf_append_lit(out, "{\"namespace_id\":");
    kdb_json_put_string(out, request->ns);
    kdb_buf_append_lit(out, ",\"sql\":");
    kdb_json_put_string(out, request->sql);
    kdb_buf_append_lit(out, ",\"params\":[");
    for (size_t i = 0; i < request->nparams; i++) {
        if (i > 0) {
            kdb_buf_append_byte(out, ',');
        }
        if (!request->params[i].is_null && request->params[i].type.kind == KDB_TYPE_BIGINT) {
            kdb_buf_append_i64(out, request->params[i].as.i64); /* an answer's BIGINT would be a string */
        } else {
            KDB_ASSERT(kdb_json_put_value(out, &request->params[i], &err) == KDB_OK);
        }
    }
    kdb_buf_append_lit(out, "]}");
}

/* Doubles that are whole come back as integers. */
static bool same_number(const kdb_value *a, const kdb_value *b)
{
    return a->type.kind == KDB_TYPE_DOUBLE && b->type.kind == KDB_TYPE_BIGINT && a->as.f64 == (double)b->as.i64;
}

static void check_same(const kdbi_sql_request *a, const kdbi_sql_request *b)
{
    KDB_ASSERT(kdb_sv_eq(a->sql, b->sql) && kdb_sv_eq(a->ns, b->ns) && a->nparams == b->nparams);
    for (size_t i = 0; i < a->nparams; i++) {
        KDB_ASSERT(kdb_value_same(&a->params[i], &b->params[i]) || same_number(&a->params[i], &b->params[i]));
    }
}

static void check_limits(const kdbi_sql_request *request)
{
    KDB_ASSERT(request->sql.len <= KDBI_SQL_MAX && request->nparams <= limits.params);
    KDB_ASSERT(kdb_utf8_valid(request->sql) && kdb_utf8_valid(request->ns));
    for (size_t i = 0; i < request->nparams; i++) {
        const kdb_value *param = &request->params[i];
        KDB_ASSERT(param->is_null || param->type.kind != KDB_TYPE_TEXT || param->as.bytes.len <= limits.param_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_sql_request request, again;
    kdb_err err;
    if (kdbi_sql_request_decode(kdb_sv_of((const char *)data, size), &limits, arena, &request, &err) != KDB_OK) {
        KDB_ASSERT(kdb_status_defs[err.status].http == 400 && kdb_utf8_valid(kdb_sv_cstr(err.text)));
        return 0;
    }
    check_limits(&request);
    kdb_buf text;
    kdb_buf_init(&text, 0);
    put_request(&text, &request);
    KDB_ASSERT(kdbi_sql_request_decode(kdb_buf_sv(&text), &limits, arena, &again, &err) == KDB_OK);
    check_same(&request, &again);
    kdb_buf_done(&text);
    return 0;
}
