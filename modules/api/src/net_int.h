/* net_int.h - what api's files share of the parts that work with H2O: loops, connections, exchanges, handlers, responses.
 * The one header of ours that knows H2O's types. */
#ifndef KDB_NET_INT_H
#define KDB_NET_INT_H

#include <inttypes.h>
#include <stdatomic.h>

#include <h2o.h>
#include <h2o/http1.h> /* wants the one above first */

#include <openssl/ssl.h>

#include "api_int.h"

/* ---- the server's parts ---- */

typedef struct kdbi_loop kdbi_loop;
typedef struct kdbi_exchange kdbi_exchange;
typedef struct kdbi_hub kdbi_hub;
typedef struct kdbi_ws kdbi_ws;

/* Set at open, read by any thread. */
typedef struct kdbi_settings {
    kdb_sv health; /* the body of /health when all is well; on the heap */
    kdbi_sql_limits sql;
    kdbi_trusted trusted;
    kdbi_cors cors;
    size_t max_body;
    size_t result_bytes; /* 0: no limit */
    uint64_t max_connections;
    uint64_t max_refused; /* that are over it, and told so */
    size_t max_head;
    int64_t request_us;          /* to read a request */
    int64_t head_us;             /* to read its head */
    int64_t keepalive_us;        /* between requests */
    int64_t stalled_us;          /* a client may stop reading */
    int64_t ws_auth_us;          /* to sign in on a WebSocket */
    int64_t ws_silence_us;       /* after which its client is given up */
    int64_t ws_heartbeat_us;     /* between two looks at it */
    int64_t ws_messages_per_sec; /* 0: no limit */
    size_t ws_message_bytes;
    size_t queue_bytes; /* that may wait for one live client, */
    size_t queue_total; /* and for all of a loop */
    bool strict_origin;
    bool cookie_secure;
    bool remote_setup;
} kdbi_settings;

enum { KDBI_LISTENERS_MAX = 4 };

struct kdb_api {
    kdb_core *core;
    kdb_auth *auth;
    kdb_audit *audit;
    kdb_datadir *datadir; /* NULL: no exports */
    kdb_live *live;       /* NULL: no live queries */
    kdbi_settings set;
    kdbi_rate_limit *queries;  /* by user */
    kdbi_rate_limit *signins;  /* by address */
    kdbi_rate_limit *requests; /* by address */
    int64_t ban_seconds;
    kdbi_conn_limit *per_address;
    SSL_CTX *tls; /* of connections to come; NULL: plain HTTP. Main thread; loops have references of their own */
    int listeners[KDBI_LISTENERS_MAX];
    size_t nlisteners;
    uint16_t port;
    kdbi_loop *loops;
    size_t nloops;
    atomic_bool draining;
    atomic_uint_fast64_t connections, connections_peak;
    atomic_uint_fast64_t sockets, sockets_peak; /* WebSockets, signed in or not */
    kdb_mutex lock; /* rank KDB_LOCK_REQUEST; guards the next, and the wait for connections to end */
    kdb_cond changed;
    size_t ready;   /* loops that run */
    size_t drained; /* loops that have sent their live clients away */
};

/* Fills api->listeners and api->port (listener.c). KDB_IO names the address and the reason. */
KDB_NODISCARD kdb_status kdbi_listen(kdb_api *api, kdb_sv host, uint16_t port, int backlog, kdb_err *err);

/* ---- tls.c ---- */

/* A context of the certificate and key that the options name; *out is NULL when they name none. KDB_INVALID says which file is
 * wrong and why. */
KDB_NODISCARD kdb_status kdbi_tls_load(const kdb_options *options, SSL_CTX **out, kdb_err *err);

/* ---- net_loop.c: one event loop and its thread ---- */

struct kdbi_loop {
    kdb_api *api;
    size_t index;
    kdb_thread thread;
    h2o_globalconf_t config; /* per loop: nothing of H2O is shared */
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listeners[KDBI_LISTENERS_MAX]; /* loop 0 */
    h2o_multithread_receiver_t answers;          /* exchanges with news */
    h2o_multithread_receiver_t notes;            /* connections handed over, drain, stop */
    h2o_linklist_t conns;
    h2o_linklist_t upgraded;   /* connections that no longer speak HTTP: the sweep passes them over */
    kdbi_hub *hub;             /* live clients; NULL without live queries */
    h2o_timeout_entry_t sweep; /* once a second */
    bool accepting;            /* false: out of descriptors, until the next sweep */
    kdb_core_lane *lane;       /* statements that this thread runs itself */
    kdbi_exchange *idle;       /* exchanges to use again */
    size_t nidle;
    size_t nbusy; /* exchanges in use */
    bool draining, stopping;
    atomic_uint senders;                      /* threads inside kdbi_loop_post */
    atomic_uint_fast64_t nconns;              /* any thread reads */
    atomic_uint_fast64_t requests, bytes_out; /* this loop writes */
};

/* What a connection is doing, as far as its socket tells. */
typedef enum kdbi_phase {
    KDBI_CONN_IDLE,
    KDBI_CONN_READING_HEAD,
    KDBI_CONN_READING,
    KDBI_CONN_RUNNING,
    KDBI_CONN_WRITING,
    KDBI_CONN_LINGERING, /* answered and shut; still taking what the client sends */
    KDBI_CONN_PHASE_COUNT
} kdbi_phase;

/* One connection. H2O owns the socket; this ends with it, or after it when the connection lingers. */
typedef struct kdbi_conn {
    h2o_linklist_t link;
    kdbi_loop *loop;
    h2o_socket_t *sock;
    kdbi_addr peer;
    bool counted;     /* in api->per_address */
    bool refused;     /* over the limit: answers 503 and goes */
    int linger_fd;    /* -1: ends when H2O closes its socket (kdbi_conn_linger) */
    kdbi_phase phase; /* as the last sweep saw it */
    int64_t since_us; /* when the phase was first seen, or the client last took or sent anything */
    uint64_t moved;   /* bytes written and acknowledged then */
    uint64_t taken;   /* bytes written when the client was last seen to have taken all */
    int64_t lingers_since_us;
    uint64_t thrown_away;        /* bytes, while it lingers */
    void (*left)(void *watcher); /* to be told when the client goes */
    void *watcher;               /* NULL: nobody watches */
} kdbi_conn;

void kdbi_loop_start(kdbi_loop *loop);
void kdbi_loop_drain(kdbi_loop *loop); /* any thread */
/* Ends the connections whose answers are still being written; any thread. */
void kdbi_loop_cut(kdbi_loop *loop);
/* Hands a message to the loop. Any thread. */
void kdbi_loop_post(kdbi_loop *loop, h2o_multithread_receiver_t *receiver, h2o_multithread_message_t *message);
/* Connections to come use the context, of which the loop takes a reference. Any thread. */
void kdbi_loop_set_tls(kdbi_loop *loop, SSL_CTX *tls);
void kdbi_loop_stop(kdbi_loop *loop); /* any thread; then join */
kdbi_conn *kdbi_conn_of(h2o_req_t *req);
/* H2O has let go of the socket: another protocol is spoken on it from now on. */
void kdbi_conn_upgraded(kdbi_conn *conn);
/* Closes the socket of one that was; `conn` is gone, or is seen to its end by the loop. */
void kdbi_conn_close(kdbi_conn *conn);
/* From now on the watcher hears when the client closes its side. Until _unwatch nothing is read from the socket. */
void kdbi_conn_watch(kdbi_conn *conn, void (*left)(void *watcher), void *watcher);
void kdbi_conn_unwatch(kdbi_conn *conn);
/* H2O sees the end of the connection, and ends it. */
void kdbi_conn_shut(const kdbi_conn *conn);
/* The answer about to be sent is the connection's last, and the client may still be sending. Closing a socket with unread bytes
 * resets the connection, and the client may lose the answer that is on its way to it. So only the write side will be shut, and
 * what the client sends is thrown away until it closes: for a while, and so many bytes. */
void kdbi_conn_linger(kdbi_conn *conn);
/* Registers the handler of every request; routes.c. */
void kdbi_routes_register(kdbi_loop *loop, h2o_hostconf_t *host);

/* ---- exchange.c: one request that other threads work on ---- */

typedef enum kdbi_exchange_state {
    KDBI_EX_IDLE,      /* on the loop's list */
    KDBI_EX_DECODING,  /* on the net thread */
    KDBI_EX_RUNNING,   /* others work on it; nothing is sent */
    KDBI_EX_STREAMING, /* others work on it; the head and some of the body are sent */
    KDBI_EX_ABANDONED, /* others work on it; nobody waits for the answer */
    KDBI_EX_SENDING,   /* the work is done; H2O sends what is left */
    KDBI_EX_STATE_COUNT
} kdbi_exchange_state;
bool kdbi_exchange_may_move(kdbi_exchange_state from, kdbi_exchange_state to);

/* A part of a body. */
typedef struct kdbi_piece {
    struct kdbi_piece *next;
    kdb_buf buf;
} kdbi_piece;

typedef struct kdbi_piece_list {
    kdbi_piece *first, *last;
    size_t count;
} kdbi_piece_list;

enum {
    KDBI_PIECE_BYTES = 64 * 1024,
    KDBI_PIECES_HELD = 4,     /* full pieces of an answer before it is streamed */
    KDBI_PIECES_IN_FLIGHT = 4 /* full pieces of a stream that the client has not taken */
};

struct kdbi_exchange {
    h2o_multithread_message_t message;
    h2o_generator_t generator;
    kdbi_loop *loop;
    kdb_arena *arena;
    int64_t started_us;
    /* Net thread only. */
    kdbi_exchange_state state;
    h2o_req_t *req; /* NULL: H2O is through with it */
    kdbi_exchange *next_idle;
    kdbi_piece_list sent;              /* H2O reads them until it asks for more */
    void (*answer)(kdbi_exchange *ex); /* the work is done, nothing is sent yet */
    /* The worker's until it calls finish, then the net thread's. */
    kdbi_piece_list body; /* the last one is being written */
    kdbi_reply reply;
    int http_status;
    const char *content_type; /* of an answer that is no JSON, and as long as it is: NULL, it is JSON */
    size_t body_bytes;        /* of finished pieces */
    kdb_request request;
    kdb_auth_job job;
    kdb_err job_err;            /* KDB_OK: the job succeeded */
    const kdb_route_def *route; /* while a job says who the caller is */
    bool answered;              /* finish was called by the net thread itself, between _begin_here and _end_here */
    /* Shared. */
    kdb_mutex lock; /* rank KDB_LOCK_REQUEST */
    kdb_cond changed;
    bool posted;           /* guarded by lock, as all below: the message is under way */
    bool streaming;        /* the answer leaves before it is complete */
    bool finished;         /* the last post: nobody but net uses the exchange after it */
    bool broken;           /* failed after it began to leave: cut the connection */
    bool gone;             /* nobody waits for the answer */
    kdbi_piece_list ready; /* for net to send */
    kdbi_piece_list spare; /* sent, to be written again */
    size_t outstanding;    /* pieces ready or sent and not yet taken */
};

/* Net thread. The exchange ends when both H2O and the workers are through with it. */
kdbi_exchange *kdbi_exchange_new(kdbi_loop *loop, h2o_req_t *req);
void kdbi_exchange_free(kdbi_exchange *ex);
/* When another thread has got the work, or right before; and when it was not taken, or is done and more is to do. */
void kdbi_exchange_hand_out(kdbi_exchange *ex, void (*answer)(kdbi_exchange *ex));
void kdbi_exchange_take_back(kdbi_exchange *ex);
/* Around a call that may do the work at once, on this thread, before anything was handed out. _end is true when finish has
 * been called meanwhile, here: the answer is in `body`. Nothing is streamed between the two, as nobody here may wait. */
void kdbi_exchange_begin_here(kdbi_exchange *ex);
bool kdbi_exchange_end_here(kdbi_exchange *ex);
/* Sends exchange->body, all of it, as the response. */
void kdbi_exchange_send(kdbi_exchange *ex, int status);
/* The client has closed its side. */
void kdbi_exchange_client_left(kdbi_exchange *ex);
/* A message has come from the workers. */
void kdbi_exchange_news(kdbi_exchange *ex);

/* The thread that works on it. */
/* A piece is full: keeps it, or hands it on, waiting for a slow client. */
KDB_NODISCARD kdb_status kdbi_exchange_piece_full(kdbi_exchange *ex, kdb_err *err);
/* Forgets the body unless it has begun to leave; false then. */
bool kdbi_exchange_rewind(kdbi_exchange *ex);
void kdbi_exchange_finish(kdbi_exchange *ex, bool broken);
/* The buffer to write to. */
kdb_buf *kdbi_exchange_out(kdbi_exchange *ex);

/* ---- routes.c and the handlers ---- */

/* How a route words its errors (wire-protocol.md 2.1). */
typedef enum kdbi_error_form { KDBI_ERROR_SQL, KDBI_ERROR_AUTH, KDBI_ERROR_PLAIN } kdbi_error_form;

/* One request while its handler runs on the net thread. */
typedef struct kdbi_call {
    kdb_api *api;
    kdbi_loop *loop;
    kdbi_conn *conn;
    h2o_req_t *req;
    kdbi_error_form errors;
    kdbi_exchange *ex;       /* routes with KDB_ROUTE_BEARER; else NULL */
    kdb_principal principal; /* the same */
} kdbi_call;

void kdbi_post_sql(kdbi_call *call);
void kdbi_post_legacy_sql(kdbi_call *call);
void kdbi_post_login(kdbi_call *call);
void kdbi_post_refresh(kdbi_call *call);
void kdbi_post_logout(kdbi_call *call);
void kdbi_get_me(kdbi_call *call);
void kdbi_post_setup(kdbi_call *call);
void kdbi_get_status(kdbi_call *call);
void kdbi_get_health(kdbi_call *call);
/* What it answers when all is well; the caller frees the bytes. */
kdb_sv kdbi_health_body(const char *version, const char *build_date);
void kdbi_get_socket(kdbi_call *call);
void kdbi_get_live(kdbi_call *call);
void kdbi_get_export(kdbi_call *call); /* http_export.c */

/* Hands a job to auth's threads; `answer` runs here when it is done. `job` without what is the same for all jobs. When it
 * cannot be taken that is answered. */
void kdbi_job_submit(kdbi_call *call, kdbi_exchange *ex, const kdb_auth_job *job, void (*answer)(kdbi_exchange *ex));
/* False: it failed, and that has been answered. */
bool kdbi_job_succeeded(kdbi_exchange *ex, kdbi_call *call);

/* Value of the first such header; an empty view when there is none. */
kdb_sv kdbi_header(const h2o_req_t *req, const h2o_token_t *token);
kdb_sv kdbi_header_by_name(const h2o_req_t *req, kdb_sv lower_case_name);
/* `Bearer <token>`: KDB_MISSING_AUTHORIZATION without the header, KDB_INVALID_CREDENTIALS for another scheme. */
KDB_NODISCARD kdb_status kdbi_bearer_token(const h2o_req_t *req, kdb_sv *out, kdb_err *err);
/* The Bearer token, else that of the cookie; fails as the one above. */
KDB_NODISCARD kdb_status kdbi_access_token(const kdbi_call *call, kdb_sv *out, kdb_err *err);
kdbi_addr kdbi_call_addr(const kdbi_call *call);
/* What stands behind the path's question mark. */
kdb_sv kdbi_call_query(const kdbi_call *call);
bool kdbi_call_is_local(const kdbi_call *call);

/* ---- cors.c, response.c ---- */

void kdbi_cors_add_headers(const kdbi_cors *cors, h2o_req_t *req);
void kdbi_cors_add_preflight_headers(const kdbi_cors *cors, h2o_req_t *req);

void kdbi_count_bytes(kdbi_loop *loop, size_t bytes);
/* Starts and ends the response: JSON, CORS headers, Retry-After where the status asks for it. `body` is borrowed until
 * the request ends (_copy: until it returns). */
void kdbi_respond(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv body);
void kdbi_respond_copy(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv body);
/* The same for a body in parts, which `generator` sends; `length` SIZE_MAX: not known. */
void kdbi_respond_head(kdbi_loop *loop, h2o_req_t *req, int status, size_t length, h2o_generator_t *generator);
/* The same for what is not JSON. */
void kdbi_respond_head_as(kdbi_loop *loop, h2o_req_t *req, int status, kdb_sv content_type, size_t length,
                          h2o_generator_t *generator);
/* A failure of the edge in the call's form of errors. */
void kdbi_respond_failure(kdbi_call *call, const kdb_err *err);
/* {"error":..,"message":..}: errors of the auth endpoints. */
void kdbi_respond_auth_error(kdbi_loop *loop, h2o_req_t *req, int status, const char *error, kdb_sv message);
/* Answers OPTIONS for any path. */
void kdbi_respond_preflight(kdbi_loop *loop, h2o_req_t *req);
/* Turns what H2O answers by itself (body too large, bad encoding) into our JSON. */
void kdbi_response_register_filter(kdbi_loop *loop, h2o_hostconf_t *host);

#endif
