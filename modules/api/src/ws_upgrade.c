/* ws_upgrade.c - GET /v1/ws: what makes a connection of HTTP a WebSocket (RFC 6455, 4.2; wire-protocol.md 10.1). No extension
 * is ever agreed on: messages are packed for all who get them, not for each. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "hub_int.h"

enum { KEY_LEN = 24, KEY_BYTES = 16, ACCEPT_LEN = 28 };

static const kdb_sv key_salt = { "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36 };

/* ---- refusals ---- */

typedef struct refusal {
    int status;
    const char *text; /* NULL: nothing is wrong */
} refusal;

static void refuse(kdbi_call *call, refusal why)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"error\":");
    kdb_json_put_string(&body, kdb_sv_cstr(why.text));
    kdb_buf_append_byte(&body, '}');
    if (why.status == 426) {
        h2o_add_header(&call->req->pool, &call->req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
        h2o_add_header_by_str(&call->req->pool, &call->req->res.headers, H2O_STRLIT("sec-websocket-version"), 0, NULL,
                              H2O_STRLIT("13"));
    }
    kdbi_respond_copy(call->loop, call->req, why.status, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

static bool is_key(kdb_sv key)
{
    unsigned char bytes[KEY_LEN];
    return key.len == KEY_LEN && kdb_sv_eq(kdb_sv_of(key.ptr + KEY_LEN - 2, 2), KDB_SV("==")) &&
           EVP_DecodeBlock(bytes, (const unsigned char *)key.ptr, KEY_LEN) == KEY_BYTES + 2;
}

static refusal check_handshake(const h2o_req_t *req)
{
    const bool asks = req->upgrade.base != NULL &&
                      kdb_sv_ieq(kdb_sv_trim(kdb_sv_of(req->upgrade.base, req->upgrade.len)), KDB_SV("websocket"));
    if (!asks) {
        return (refusal){ 426, "This is a WebSocket: send Connection: Upgrade and Upgrade: websocket" };
    }
    if (!kdb_sv_eq(kdbi_header_by_name(req, KDB_SV("sec-websocket-version")), KDB_SV("13"))) {
        return (refusal){ 426, "Sec-WebSocket-Version must be 13" };
    }
    if (req->version < 0x101 || req->entity.len != 0 || !h2o_memis(req->method.base, req->method.len, "GET", 3)) {
        return (refusal){ 400, "A WebSocket begins with a GET of HTTP/1.1 without a body" };
    }
    if (!is_key(kdbi_header_by_name(req, KDB_SV("sec-websocket-key")))) {
        return (refusal){ 400, "Sec-WebSocket-Key must be 16 bytes in base64" };
    }
    return (refusal){ 0, NULL };
}

static refusal check(const kdbi_call *call)
{
    const kdb_api *api = call->api;
    if (api->live == NULL || atomic_load(&api->draining)) {
        return (refusal){ 503, api->live == NULL ? "Live queries are not available" : "Server shutting down" };
    }
    const char *origin = kdbi_cors_socket_fault(&api->set.cors, api->set.strict_origin,
                                                kdbi_header_by_name(call->req, KDB_SV("origin")));
    return origin != NULL ? (refusal){ 403, origin } : check_handshake(call->req);
}

/* ---- the upgrade ---- */

typedef struct upgrade {
    kdbi_ws_start start;
    char *token; /* on the heap; NULL: none */
} upgrade;

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t reqsize)
{
    upgrade *up = arg;
    if (sock != NULL) { /* else the connection has gone, and with it start.conn */
        h2o_buffer_consume(&sock->input, reqsize);
        kdbi_conn_upgraded(up->start.conn);
        kdbi_ws_open(&up->start);
    }
    kdb_free(up->token);
    kdb_free(up);
}

static void add_accept_header(h2o_req_t *req)
{
    const kdb_sv key = kdbi_header_by_name(req, KDB_SV("sec-websocket-key"));
    unsigned char text[KEY_LEN + 36];
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[ACCEPT_LEN + 1];
    memcpy(text, key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, key_salt.ptr, key_salt.len);
    (void)SHA1(text, sizeof text, digest);
    (void)EVP_EncodeBlock(accept, digest, sizeof digest);
    const h2o_iovec_t value = h2o_strdup(&req->pool, (const char *)accept, ACCEPT_LEN);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-accept"), 0, NULL, value.base,
                          value.len);
}

/* An Authorization header that cannot be read is a token that is no good. */
static void keep_token(const kdbi_call *call, upgrade *up)
{
    kdb_sv token = KDB_SV("");
    kdb_err err;
    if (kdbi_bearer_token(call->req, &token, &err) != KDB_MISSING_AUTHORIZATION) {
        up->token = kdb_sv_heap_cstr(token);
        up->start.token = kdb_sv_of(up->token, token.len);
    }
}

static bool wants_plain(const kdbi_call *call)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv query = kdbi_call_query(call);
    kdb_sv value;
    return (kdbi_query_find(query, KDB_SV("compress"), arena, &value) && kdb_sv_ieq(value, KDB_SV("false"))) ||
           (kdbi_query_find(query, KDB_SV("compression"), arena, &value) && kdb_sv_ieq(value, KDB_SV("none")));
}

void kdbi_get_socket(kdbi_call *call)
{
    h2o_req_t *req = call->req;
    const refusal why = check(call);
    if (why.text != NULL) {
        refuse(call, why);
        return;
    }
    upgrade *up = KDB_NEW(upgrade);
    up->start = (kdbi_ws_start){ .conn = call->conn, .addr = kdbi_call_addr(call), .plain = wants_plain(call) };
    keep_token(call, up);
    req->res.status = 101;
    req->res.reason = "Switching Protocols";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    add_accept_header(req);
    h2o_http1_upgrade(req, NULL, 0, on_upgraded, up);
}
