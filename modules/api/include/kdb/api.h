/* api.h - the HTTP edge (wire-protocol.md): routes, authentication of requests, JSON in and out. Owns H2O and the net
 * threads; net never waits. Everything below it is reached through core, auth and system. */
#ifndef KDB_API_H
#define KDB_API_H

#include "kdb/live.h"

typedef enum kdb_http_method { KDB_HTTP_GET, KDB_HTTP_POST } kdb_http_method;
typedef enum kdb_route_auth {
    KDB_ROUTE_OPEN,    /* the handler looks at tokens itself, or needs none */
    KDB_ROUTE_BEARER,  /* a valid access token */
    KDB_ROUTE_LOOPBACK /* callers on this host only */
} kdb_route_auth;

/* One row per endpoint; HEAD and OPTIONS are answered for all of them. */
typedef struct kdb_route_def {
    kdb_http_method method;
    const char *path;
    kdb_route_auth auth;
    const char *summary;
} kdb_route_def;
extern const kdb_route_def kdb_route_defs[];
extern const size_t kdb_route_defs_count;

typedef struct kdb_api kdb_api;
typedef struct kdb_api_options {
    kdb_core *core;
    kdb_auth *auth;
    kdb_audit *audit;
    kdb_datadir *datadir; /* where exports are; NULL: there are none */
    kdb_live *live;       /* NULL: the routes of live queries answer 503 */
    const kdb_options *options;
    uint64_t
        most_connections; /* that there are descriptors for, with those that are only told to go; performance.max_connections may be less */
    const char *version;    /* "0.1.0" */
    const char *build_date; /* ISO 8601 date */
} kdb_api_options;

/* Listens (server.host, server.port) and starts the net threads. KDB_IO names the address and the reason. */
KDB_NODISCARD kdb_status kdb_api_open(const kdb_api_options *options, kdb_api **out, kdb_err *err);
/* Reads the certificate and its key again: connections to come use them, those that are open go on as they are. On failure all
 * stays as it was. Main thread, as open and close. */
KDB_NODISCARD kdb_status kdb_api_reload(kdb_api *api, const kdb_options *options, kdb_err *err);
/* The port in use, for server.port = 0. */
uint16_t kdb_api_port(const kdb_api *api);
/* Stops accepting, and ends all live queries before it returns; answers that are under way are finished (Connection: close), idle connections closed. Returns when all
 * are gone or `grace_us` has passed. */
void kdb_api_drain(kdb_api *api, int64_t grace_us);
void kdb_api_close(kdb_api *api); /* after core has called every `done`; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_api, kdb_api_close)

typedef struct kdb_api_stats {
    uint64_t connections, connections_peak, requests, bytes_out;
    uint64_t websocket_sessions, websocket_sessions_peak;
    uint64_t live_messages_out, live_bytes_out; /* to WebSockets and event streams; not in bytes_out */
} kdb_api_stats;
void kdb_api_stats_get(kdb_api *api, kdb_api_stats *out);

#endif
