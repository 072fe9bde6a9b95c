/* routes.c - the table of endpoints and the way of a request to its handler: who is it from, may it, and which form do
 * its errors have. Everything here runs on the net thread. */
#include <stdio.h>
#include <string.h>

#include "net_int.h"

const kdb_route_def kdb_route_defs[] = {
    { KDB_HTTP_POST, "/v1/api/sql", KDB_ROUTE_BEARER, "Run SQL statements" },
    { KDB_HTTP_POST, "/api/sql", KDB_ROUTE_BEARER, "Run SQL statements; answers in the form of the first release" },
    { KDB_HTTP_GET, "/health", KDB_ROUTE_LOOPBACK, "Tell that the server runs, and its version" },
    { KDB_HTTP_GET, "/v1/api/healthcheck", KDB_ROUTE_LOOPBACK, "Tell that the server runs, and its version" },
    { KDB_HTTP_POST, "/v1/api/auth/login", KDB_ROUTE_OPEN, "Give tokens for a user name and a password" },
    { KDB_HTTP_POST, "/v1/api/auth/refresh", KDB_ROUTE_OPEN, "Give new tokens for a refresh token" },
    { KDB_HTTP_POST, "/v1/api/auth/logout", KDB_ROUTE_OPEN, "End the sign-in and clear the cookies" },
    { KDB_HTTP_GET, "/v1/api/auth/me", KDB_ROUTE_OPEN, "Tell who the token belongs to" },
    { KDB_HTTP_POST, "/v1/api/auth/setup", KDB_ROUTE_OPEN, "Set root's password and create the first admin" },
    { KDB_HTTP_GET, "/v1/api/auth/status", KDB_ROUTE_LOOPBACK, "Tell whether set-up is still to be done" },
    { KDB_HTTP_GET, "/v1/ws", KDB_ROUTE_OPEN, "Open a WebSocket for live queries" },
    { KDB_HTTP_GET, "/ws", KDB_ROUTE_OPEN, "Open a WebSocket for live queries" },
    { KDB_HTTP_GET, "/v1/live", KDB_ROUTE_OPEN, "Stream a live query as server-sent events" },
    { KDB_HTTP_GET, "/v1/exports/", KDB_ROUTE_BEARER, "Give a user's export: {user}/{export_id}" },
};
const size_t kdb_route_defs_count = KDB_ARRAY_LEN(kdb_route_defs);

/* What is ours to know of each, in the same order. */
typedef struct route_handler {
    void (*run)(kdbi_call *call);
    kdbi_error_form errors;
} route_handler;

static const route_handler handlers[] = {
    { kdbi_post_sql, KDBI_ERROR_SQL },     { kdbi_post_legacy_sql, KDBI_ERROR_SQL },
    { kdbi_get_health, KDBI_ERROR_PLAIN }, { kdbi_get_health, KDBI_ERROR_PLAIN },
    { kdbi_post_login, KDBI_ERROR_AUTH },  { kdbi_post_refresh, KDBI_ERROR_AUTH },
    { kdbi_post_logout, KDBI_ERROR_AUTH }, { kdbi_get_me, KDBI_ERROR_AUTH },
    { kdbi_post_setup, KDBI_ERROR_AUTH },  { kdbi_get_status, KDBI_ERROR_AUTH },
    { kdbi_get_socket, KDBI_ERROR_PLAIN }, { kdbi_get_socket, KDBI_ERROR_PLAIN },
    { kdbi_get_live, KDBI_ERROR_SQL },     { kdbi_get_export, KDBI_ERROR_PLAIN },
};
_Static_assert(KDB_ARRAY_LEN(handlers) == KDB_ARRAY_LEN(kdb_route_defs), "one handler for each route");

/* ---- what handlers ask of a request ---- */

kdb_sv kdbi_header(const h2o_req_t *req, const h2o_token_t *token)
{
    const ssize_t at = h2o_find_header(&req->headers, token, -1);
    if (at == -1) {
        return kdb_sv_of(NULL, 0);
    }
    return kdb_sv_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
}

kdb_sv kdbi_header_by_name(const h2o_req_t *req, kdb_sv lower_case_name)
{
    const ssize_t at = h2o_find_header_by_str(&req->headers, lower_case_name.ptr, lower_case_name.len, -1);
    if (at == -1) {
        return kdb_sv_of(NULL, 0);
    }
    return kdb_sv_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
}

kdb_status kdbi_bearer_token(const h2o_req_t *req, kdb_sv *out, kdb_err *err)
{
    const kdb_sv value = kdb_sv_trim(kdbi_header(req, H2O_TOKEN_AUTHORIZATION));
    const kdb_sv scheme = KDB_SV("Bearer ");
    if (value.len == 0) {
        return KDB_FAIL(err, KDB_MISSING_AUTHORIZATION, "Authentication required");
    }
    if (value.len <= scheme.len || !kdb_sv_ieq(kdb_sv_of(value.ptr, scheme.len), scheme)) {
        return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
    }
    *out = kdb_sv_trim(kdb_sv_of(value.ptr + scheme.len, value.len - scheme.len));
    return KDB_OK;
}

kdbi_addr kdbi_call_addr(const kdbi_call *call)
{
    return kdbi_client_addr(&call->api->set.trusted, &call->conn->peer,
                            kdbi_header(call->req, H2O_TOKEN_X_FORWARDED_FOR),
                            kdbi_header_by_name(call->req, KDB_SV("x-real-ip")));
}

kdb_sv kdbi_call_query(const kdbi_call *call)
{
    const h2o_req_t *req = call->req;
    if (req->query_at == SIZE_MAX) {
        return kdb_sv_of(NULL, 0);
    }
    return kdb_sv_of(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1);
}

bool kdbi_call_is_local(const kdbi_call *call)
{
    const kdbi_addr addr = kdbi_call_addr(call);
    return kdbi_addr_is_loopback(&addr);
}

/* ---- the way to the handler ---- */

static bool is_method(const h2o_req_t *req, const char *name)
{
    return h2o_memis(req->method.base, req->method.len, name, strlen(name));
}

/* A route whose path ends with a slash takes what is below it. */
static const kdb_route_def *find_route(const h2o_req_t *req)
{
    const kdb_sv asked = kdb_sv_of(req->path_normalized.base, req->path_normalized.len);
    for (size_t i = 0; i < KDB_ARRAY_LEN(kdb_route_defs); i++) {
        const kdb_sv path = kdb_sv_cstr(kdb_route_defs[i].path);
        const bool below = path.ptr[path.len - 1] == '/';
        if (below ? asked.len > path.len && kdb_sv_has_prefix(asked, path) : kdb_sv_eq(asked, path)) {
            return &kdb_route_defs[i];
        }
    }
    return NULL;
}

static bool allows_method(const kdb_route_def *route, const h2o_req_t *req)
{
    switch (route->method) {
    case KDB_HTTP_GET:
        return is_method(req, "GET") || is_method(req, "HEAD");
    case KDB_HTTP_POST:
        return is_method(req, "POST");
    }
    return false;
}

static void respond_wrong_method(kdbi_call *call, const kdb_route_def *route)
{
    static const char *const allowed[] = { [KDB_HTTP_GET] = "GET, HEAD, OPTIONS", [KDB_HTTP_POST] = "POST, OPTIONS" };
    const char *value = allowed[route->method];
    h2o_add_header(&call->req->pool, &call->req->res.headers, H2O_TOKEN_ALLOW, NULL, value, strlen(value));
    kdbi_respond(call->loop, call->req, 405,
                 KDB_SV("{\"error\":\"Method not allowed\",\"code\":\"METHOD_NOT_ALLOWED\"}"));
}

static kdb_status authenticate(kdbi_call *call, kdb_err *err)
{
    kdb_sv token;
    KDB_TRY(kdbi_bearer_token(call->req, &token, err));
    call->ex = kdbi_exchange_new(call->loop, call->req);
    return kdb_auth_verify(call->api->auth, token, call->ex->arena, &call->principal, err);
}

static kdb_status admit(kdbi_call *call, const kdb_route_def *route, kdb_err *err)
{
    switch (route->auth) {
    case KDB_ROUTE_OPEN:
        return KDB_OK;
    case KDB_ROUTE_BEARER:
        return authenticate(call, err);
    case KDB_ROUTE_LOOPBACK:
        return kdbi_call_is_local(call) ? KDB_OK : KDB_FAIL(err, KDB_REMOTE_DENIED, "Access denied");
    }
    return KDB_FAIL(err, KDB_INTERNAL, "a route has no rule");
}

static void respond_not_admitted(kdbi_call *call, const kdb_err *err)
{
    if (err->status == KDB_REMOTE_DENIED && call->errors == KDBI_ERROR_PLAIN) {
        kdbi_respond(call->loop, call->req, 403,
                     KDB_SV("{\"error\":\"Access denied. Health endpoint is localhost-only.\"}"));
        return;
    }
    kdbi_respond_failure(call, err);
}

static const route_handler *handler_of(const kdb_route_def *route)
{
    return &handlers[route - kdb_route_defs];
}

/* A token of another issuer has been looked into, on a thread that could wait. */
static void on_verified(kdbi_exchange *ex)
{
    const route_handler *handler = handler_of(ex->route);
    kdbi_call call = { .api = ex->loop->api,
                       .loop = ex->loop,
                       .conn = kdbi_conn_of(ex->req),
                       .req = ex->req,
                       .errors = handler->errors,
                       .ex = ex,
                       .principal = ex->job.who };
    if (kdbi_job_succeeded(ex, &call)) {
        kdbi_exchange_take_back(ex);
        handler->run(&call);
    }
}

static void verify_elsewhere(kdbi_call *call, const kdb_route_def *route)
{
    kdb_auth_job job = { .kind = KDB_AUTH_VERIFY };
    kdb_err err;
    const kdb_status status = kdbi_bearer_token(call->req, &job.tokens[0], &err);
    KDB_ASSERT(status == KDB_OK); /* it was there a moment ago */
    call->ex->route = route;
    kdbi_job_submit(call, call->ex, &job, on_verified);
}

static void run_route(kdbi_call *call, const kdb_route_def *route)
{
    const route_handler *handler = handler_of(route);
    kdb_err err;
    call->errors = handler->errors;
    if (!allows_method(route, call->req)) {
        respond_wrong_method(call, route);
        return;
    }
    const kdb_status status = admit(call, route, &err);
    if (status == KDB_WOULD_BLOCK) {
        verify_elsewhere(call, route);
    } else if (status != KDB_OK) {
        respond_not_admitted(call, &err);
    } else {
        handler->run(call);
    }
}

/* Requests that a proxy in front might cut elsewhere than H2O does are not acted on, and what comes behind them is never
 * read as a request. A chunked body is H2O's to take apart, which is less strict than it should be: so it is the last of its
 * connection. */
static bool has_sound_head(kdbi_call *call)
{
    const h2o_buffer_t *input = kdbi_conn_of(call->req)->sock->input;
    const kdbi_head head = kdbi_head_check(kdb_sv_of(input->bytes, input->size), call->req->version);
    const bool large = head.bytes > call->api->set.max_head;
    if (head.chunked || head.fault != NULL || large) {
        call->req->http1_is_persistent = 0;
    }
    if (head.fault != NULL || large) { /* what is behind it is not read as a request */
        kdbi_conn_linger(call->conn);
    }
    if (head.fault != NULL) {
        kdbi_respond_auth_error(call->loop, call->req, 400, "BAD_REQUEST", kdb_sv_cstr(head.fault));
        return false;
    }
    if (large) {
        kdbi_respond(call->loop, call->req, 431,
                     KDB_SV("{\"error\":\"HEADERS_TOO_LARGE\",\"message\":\"The head of the request is too large\"}"));
        return false;
    }
    return true;
}

/* wire-protocol.md 2.1: requests rejected before routing. */
static void refuse_for(kdbi_call *call, const char *error, const char *message, int64_t seconds)
{
    kdb_buf body;
    char text[24];
    const int len = snprintf(text, sizeof text, "%" PRId64, seconds);
    const h2o_iovec_t value = h2o_strdup(&call->req->pool, text, (size_t)len);
    h2o_add_header_by_str(&call->req->pool, &call->req->res.headers, H2O_STRLIT("x-ratelimit-reset"), 0, NULL,
                          value.base, value.len);
    kdb_buf_init(&body, 0);
    kdb_buf_printf(&body, "{\"error\":\"%s\",\"message\":\"%s\",\"retry_after_seconds\":%s}", error, message, text);
    kdbi_respond_copy(call->loop, call->req, 429, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

/* This machine is not counted; who comes through a proxy on it is. */
static bool has_rate(kdbi_call *call)
{
    if (call->api->requests == NULL || kdbi_call_is_local(call)) {
        return true;
    }
    const kdbi_addr addr = kdbi_call_addr(call);
    switch (kdbi_rate_limit_ask(call->api->requests, kdbi_addr_key(&addr), kdb_monotonic_us())) {
    case KDBI_RATE_FINE:
        return true;
    case KDBI_RATE_OVER:
        refuse_for(call, "RATE_LIMIT_EXCEEDED", "Too many requests; try again shortly", 1);
        return false;
    case KDBI_RATE_BANNED:
        refuse_for(call, "IP_BANNED", "Too many requests; this address is shut out for a while",
                   call->api->ban_seconds);
        return false;
    }
    return false;
}

static void dispatch(kdbi_call *call)
{
    if (!has_sound_head(call)) {
        return;
    }
    if (call->conn->refused) {
        kdbi_respond(call->loop, call->req, 503,
                     KDB_SV("{\"error\":\"TOO_MANY_CONNECTIONS\",\"message\":\"Too many connections; try again "
                            "shortly\",\"retry_after_seconds\":1}"));
        return;
    }
    if (!has_rate(call)) {
        return;
    }
    if (is_method(call->req, "OPTIONS")) {
        kdbi_respond_preflight(call->loop, call->req);
        return;
    }
    const kdb_route_def *route = find_route(call->req);
    if (route == NULL) {
        kdbi_respond(call->loop, call->req, 404, KDB_SV("{\"error\":\"Not found\",\"code\":\"NOT_FOUND\"}"));
        return;
    }
    run_route(call, route);
}

typedef struct router {
    h2o_handler_t super;
    kdbi_loop *loop;
} router;

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    kdbi_loop *loop = ((router *)(void *)self)->loop;
    const uint64_t before = atomic_load_explicit(&loop->requests, memory_order_relaxed);
    atomic_store_explicit(&loop->requests, before + 1, memory_order_relaxed);
    kdbi_call call = { .api = loop->api, .loop = loop, .conn = kdbi_conn_of(req), .req = req };
    dispatch(&call);
    return 0;
}

void kdbi_routes_register(kdbi_loop *loop, h2o_hostconf_t *host)
{
    h2o_pathconf_t *all = h2o_config_register_path(host, "/", 0);
    router *handler = (router *)(void *)h2o_create_handler(all, sizeof(*handler));
    handler->super.on_req = on_req;
    handler->loop = loop;
}
