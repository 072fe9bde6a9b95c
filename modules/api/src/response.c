/* response.c - starts responses: status, JSON, CORS, Retry-After; and the three shapes of errors that the edge itself makes
 * (wire-protocol.md 2.1). Also rewrites what H2O answers without asking us, so that clients see JSON there too. */
#include <string.h>

#include "net_int.h"

typedef struct reason {
    int status;
    const char *text;
} reason;

static const reason reasons[] = {
    { 200, "OK" },
    { 204, "No Content" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 409, "Conflict" },
    { 413, "Payload Too Large" },
    { 417, "Expectation Failed" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Client Closed Request" },
    { 500, "Internal Server Error" },
    { 503, "Service Unavailable" },
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Unknown";
}

void kdbi_count_bytes(kdbi_loop *loop, size_t bytes)
{
    const uint64_t before = atomic_load_explicit(&loop->bytes_out, memory_order_relaxed);
    atomic_store_explicit(&loop->bytes_out, before + bytes, memory_order_relaxed);
}

/* ---- heads ---- */

static void add_status_headers(h2o_req_t *req, int status)
{
    if (status == 429 || status == 503) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_RETRY_AFTER, NULL, H2O_STRLIT("1"));
    }
    if (status == 401) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_WWW_AUTHENTICATE, NULL, H2O_STRLIT("Bearer"));
    }
}

/* Answers hold users' data: no cache keeps them, no browser takes them for anything but JSON, and over TLS it stays so. */
static void add_security_headers(const kdbi_loop *loop, h2o_req_t *req)
{
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-content-type-options"), 0, NULL,
                          H2O_STRLIT("nosniff"));
    if (loop->accept.ssl_ctx != NULL) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("strict-transport-security"), 0, NULL,
                              H2O_STRLIT("max-age=31536000"));
    }
}

void kdbi_respond_head_as(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv content_type, size_t length,
                          h2o_generator_t *generator)
{
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = length;
    if (status != 204) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type.ptr, content_type.len);
    }
    if (status >= 400) {
        add_status_headers(req, status);
    }
    add_security_headers(loop, req);
    kdbi_cors_add_headers(&loop->api->set.cors, req);
    /* HTTP/1.0 has no chunks: the end of the connection ends the body. */
    const bool endless = length == SIZE_MAX && req->version < 0x101;
    if (endless || kdbi_conn_of(req)->refused || atomic_load_explicit(&loop->api->draining, memory_order_relaxed)) {
        req->http1_is_persistent = 0;
    }
    h2o_start_response(req, generator);
}

void kdbi_respond_head(kdbi_loop *loop, h2o_req_t *req, int status, size_t length, h2o_generator_t *generator)
{
    kdbi_respond_head_as(loop, req, status, KDB_SV("application/json"), length, generator);
}

static bool is_head(const h2o_req_t *req)
{
    return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
}

void kdbi_respond(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv body)
{
    static h2o_generator_t whole = { NULL, NULL };
    h2o_iovec_t buf = h2o_iovec_init(body.ptr, body.len);
    const size_t parts = body.len == 0 || is_head(req) ? 0 : 1;
    kdbi_count_bytes(loop, parts * body.len);
    kdbi_respond_head(loop, req, status, body.len, &whole);
    h2o_send(req, &buf, parts, H2O_SEND_STATE_FINAL);
}

void kdbi_respond_copy(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv body)
{
    char *copy = h2o_mem_alloc_pool(&req->pool, body.len);
    memcpy(copy, body.ptr, body.len);
    kdbi_respond(loop, req, status, kdb_sv_of(copy, body.len));
}

void kdbi_respond_preflight(kdbi_loop *loop, h2o_req_t *req)
{
    kdbi_cors_add_preflight_headers(&loop->api->set.cors, req);
    kdbi_respond(loop, req, 204, KDB_SV(""));
}

/* ---- errors of the edge ---- */

void kdbi_respond_auth_error(kdbi_loop *loop, h2o_req_t *req, int status, const char *error, kdb_sv message)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"error\":");
    kdb_json_put_string(&body, kdb_sv_cstr(error));
    kdb_buf_append_lit(&body, ",\"message\":");
    kdb_json_put_string(&body, message);
    kdb_buf_append_byte(&body, '}');
    kdbi_respond_copy(loop, req, status, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

/* How the auth endpoints word a failure (wire-protocol.md 4); messages that say more than the row are the error's. */
typedef struct auth_error {
    kdb_status status;
    int http;
    const char *error;
    const char *message; /* NULL: the error's */
} auth_error;

static const auth_error auth_errors[] = {
    { KDB_MISSING_AUTHORIZATION, 401, "unauthorized", "Authentication required" },
    { KDB_INVALID_CREDENTIALS, 401, "unauthorized", "Invalid credentials" },
    { KDB_TOKEN_EXPIRED, 401, "unauthorized", "Token expired" },
    { KDB_ACCOUNT_LOCKED, 401, "account_locked", "Account locked" },
    { KDB_SETUP_REQUIRED, 428, "setup_required", "Server requires initial setup" },
    { KDB_REMOTE_DENIED, 403, "forbidden", "Access denied" },
    { KDB_CONFLICT, 409, "already_configured", NULL },
    { KDB_ALREADY_EXISTS, 409, "user_exists", NULL },
    { KDB_CONSTRAINT, 400, "weak_password", NULL },
    { KDB_INVALID, 400, "invalid_request", NULL },
    { KDB_RATE_LIMITED, 429, "rate_limited", NULL },
    { KDB_OVERLOADED, 503, "overloaded", NULL },
    { KDB_INTERNAL, 500, "internal_error", "Internal error" },
};

static const auth_error *auth_error_of(kdb_status status)
{
    const auth_error *row = auth_errors;
    while (row->status != status && row->status != KDB_INTERNAL) {
        row++;
    }
    return row;
}

static void respond_auth_failure(kdbi_call *call, const kdb_err *err)
{
    const auth_error *row = auth_error_of(err->status);
    kdbi_respond_auth_error(call->loop, call->req, row->http, row->error,
                            kdb_sv_cstr(row->message == NULL ? err->text : row->message));
}

static void respond_sql_failure(kdbi_call *call, const kdb_err *err)
{
    const kdb_failure failure = kdbi_failure_of(err);
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdbi_put_sql_error(&body, &failure, kdb_role_is_admin(call->principal.role), 0);
    kdbi_respond_copy(call->loop, call->req, kdb_status_defs[err->status].http, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

static void respond_plain_failure(kdbi_call *call, const kdb_err *err)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"error\":");
    kdb_json_put_string(&body, kdb_sv_cstr(err->text));
    kdb_buf_printf(&body, ",\"code\":\"%s\"}", kdb_status_defs[err->status].code);
    kdbi_respond_copy(call->loop, call->req, kdb_status_defs[err->status].http, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

void kdbi_respond_failure(kdbi_call *call, const kdb_err *err)
{
    const int http = kdb_status_defs[err->status].http;
    if (http == 500) {
        kdb_log_error("request failed path=%.*s err=\"%s\" at=%s:%d", (int)call->req->path_normalized.len,
                      call->req->path_normalized.base, err->text, err->source_file, err->source_line);
    }
    switch (call->errors) {
    case KDBI_ERROR_SQL:
        respond_sql_failure(call, err);
        return;
    case KDBI_ERROR_AUTH:
        respond_auth_failure(call, err);
        return;
    case KDBI_ERROR_PLAIN:
        respond_plain_failure(call, err);
        return;
    }
}

/* ---- what H2O answers by itself ---- */

/* Sends `body` in place of what comes from above. */
typedef struct replacer {
    h2o_ostream_t super;
    h2o_iovec_t body;
} replacer;

static void replace_body(h2o_ostream_t *self, h2o_req_t *req, KDB_UNUSED h2o_iovec_t *bufs, KDB_UNUSED size_t nbufs,
                         h2o_send_state_t state)
{
    h2o_ostream_send_next(self, req, &((replacer *)self)->body, 1, state);
}

/* H2O keeps the length of a body to itself; in the bytes as they came its name is already in lower case. */
static uint64_t announced_length(h2o_req_t *req)
{
    const h2o_buffer_t *input = kdbi_conn_of(req)->sock->input;
    static const char name[] = "\ncontent-length:";
    const char *at = memmem(input->bytes, input->size, name, sizeof name - 1);
    if (at == NULL) {
        return input->size;
    }
    at += sizeof name - 1;
    const char *end = memchr(at, '\r', (size_t)(input->bytes + input->size - at));
    uint64_t length = 0;
    kdb_err ignored;
    if (end == NULL || kdb_parse_u64(kdb_sv_trim(kdb_sv_of(at, (size_t)(end - at))), &length, &ignored) != KDB_OK) {
        return input->size;
    }
    return length;
}

typedef struct error_filter {
    h2o_filter_t super;
    kdbi_loop *loop;
} error_filter;

static h2o_iovec_t error_body(kdbi_loop *loop, h2o_req_t *req)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    if (req->res.status == 413) {
        const uint64_t size = announced_length(req);
        const uint64_t max = loop->api->set.max_body;
        kdb_buf_printf(&body,
                       "{\"error\":\"BODY_TOO_LARGE\",\"message\":\"Request body too large: %" PRIu64
                       " bytes (maximum %" PRIu64 " bytes)\",\"size_bytes\":%" PRIu64 ",\"max_bytes\":%" PRIu64 "}",
                       size, max, size, max);
    } else {
        kdb_buf_append_lit(&body, "{\"error\":\"BAD_REQUEST\",\"message\":");
        kdb_json_put_string(&body, kdb_sv_cstr(req->res.reason));
        kdb_buf_append_byte(&body, '}');
    }
    h2o_iovec_t copy = h2o_strdup(&req->pool, body.ptr, body.len);
    kdb_buf_done(&body);
    return copy;
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    kdbi_loop *loop = ((error_filter *)self)->loop;
    kdbi_conn_linger(kdbi_conn_of(req)); /* much of the request may still be on its way */
    replacer *out = (replacer *)(void *)h2o_add_ostream(req, sizeof(*out), slot);
    out->super.do_send = replace_body;
    out->body = error_body(loop, req);
    req->res.content_length = out->body.len;
    req->res.headers.size = 0;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
    kdbi_cors_add_headers(&loop->api->set.cors, req);
    h2o_setup_next_ostream(req, &out->super.next);
}

/* Requests that our handler sees have a path; what H2O refuses before that runs under the fallback path. */
void kdbi_response_register_filter(kdbi_loop *loop, h2o_hostconf_t *host)
{
    error_filter *filter = (error_filter *)(void *)h2o_create_filter(&host->fallback_path, sizeof(*filter));
    filter->super.on_setup_ostream = on_setup_ostream;
    filter->loop = loop;
}
