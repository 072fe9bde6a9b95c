/* url.c - the URLs under which clients reach the server, as far as it can know them. */
#include <string.h>

#include "server_int.h"

#define LIVE_PATH "/v1/ws"

/* server.public_origin begins so, and a URL for WebSockets as told. */
static const struct {
    const char *web, *socket;
} schemes[] = { { "http://", "ws://" }, { "https://", "wss://" } };

static uint16_t port_of(const kdb_server *server)
{
    const int64_t asked = kdb_opt_i64(server->options, KDB_OPT_SERVER_PORT);
    return asked != 0 ? (uint16_t)asked : kdb_server_port(server);
}

void kdbi_server_put_url(const kdb_server *server, const char *scheme, kdb_buf *out)
{
    const kdb_sv host = kdb_opt_text(server->options, KDB_OPT_SERVER_HOST);
    const bool any = kdb_sv_eq(host, KDB_SV("0.0.0.0")) || kdb_sv_eq(host, KDB_SV("::"));
    const bool v6 = !any && memchr(host.ptr, ':', host.len) != NULL;
    const kdb_sv shown = any ? KDB_SV("127.0.0.1") : host;
    const char *secure = kdb_opt_text(server->options, KDB_OPT_SERVER_TLS_CERT).len > 0 ? "s" : "";
    kdb_buf_printf(out, "%s%s://%s%.*s%s:%u", scheme, secure, v6 ? "[" : "", KDB_SV_ARG(shown), v6 ? "]" : "",
                   port_of(server));
}

kdb_status kdbi_server_check_origin(const kdb_options *options, kdb_err *err)
{
    const kdb_sv origin = kdb_opt_text(options, KDB_OPT_SERVER_PUBLIC_ORIGIN);
    for (size_t i = 0; i < KDB_ARRAY_LEN(schemes); i++) {
        const kdb_sv scheme = kdb_sv_cstr(schemes[i].web);
        if (kdb_sv_has_prefix(origin, scheme) && origin.len > scheme.len) {
            return KDB_OK;
        }
    }
    return origin.len == 0
               ? KDB_OK
               : KDB_FAIL(err, KDB_INVALID, "server.public_origin is '%.*s': it must begin with http:// or https://",
                          KDB_SV_ARG(origin));
}

/* Without a slash at its end; empty: it is not known. */
static kdb_sv public_origin(const kdb_server *server)
{
    kdb_sv origin = kdb_opt_text(server->options, KDB_OPT_SERVER_PUBLIC_ORIGIN);
    while (origin.len != 0 && origin.ptr[origin.len - 1] == '/') {
        origin.len--;
    }
    return origin;
}

kdb_sv kdbi_server_http_url(void *self, kdb_arena *arena)
{
    const kdb_sv origin = public_origin(self);
    kdb_buf url;
    if (origin.len != 0) {
        return origin;
    }
    kdb_buf_init(&url, 0);
    kdbi_server_put_url(self, "http", &url);
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&url));
    kdb_buf_done(&url);
    return out;
}

kdb_sv kdbi_server_live_url(void *self, kdb_arena *arena)
{
    const kdb_server *server = self;
    const kdb_sv origin = public_origin(server);
    for (size_t i = 0; i < KDB_ARRAY_LEN(schemes); i++) {
        const size_t len = strlen(schemes[i].web);
        if (kdb_sv_has_prefix(origin, kdb_sv_cstr(schemes[i].web))) {
            return kdb_sv_printf(arena, "%s%.*s%s", schemes[i].socket, (int)(origin.len - len), origin.ptr + len,
                                 LIVE_PATH);
        }
    }
    kdb_buf url;
    kdb_buf_init(&url, 0);
    kdbi_server_put_url(server, "ws", &url);
    kdb_buf_append_lit(&url, LIVE_PATH);
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&url));
    kdb_buf_done(&url);
    return out;
}
