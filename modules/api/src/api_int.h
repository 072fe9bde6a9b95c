/* api_int.h - what api's files share of the parts that know nothing of H2O: addresses, rates, the reading of requests, the
 * wording of answers. The rest is in net_int.h. */
#ifndef KDB_API_INT_H
#define KDB_API_INT_H

#include <netinet/in.h>

#include "kdb/api.h"

/* ---- addresses (peer.c) ---- */

/* All zero, not known, is never trusted. */
typedef kdb_ip kdbi_addr;

typedef struct kdbi_addr_range {
    kdbi_addr base;
    uint8_t bits; /* of 128 */
} kdbi_addr_range;

typedef struct kdbi_trusted {
    kdbi_addr_range *ranges;
    size_t count;
} kdbi_trusted;

/* Comma-separated addresses and CIDR ranges; KDB_INVALID names the first bad one. */
KDB_NODISCARD kdb_status kdbi_trusted_parse(kdb_sv text, kdbi_trusted *out, kdb_err *err);
void kdbi_trusted_done(kdbi_trusted *trusted);
kdbi_addr kdbi_addr_of(const struct sockaddr *sa);
/* With or without a port, brackets and a zone; all zero when it is not an address. */
kdbi_addr kdbi_addr_parse(kdb_sv text);
bool kdbi_addr_is_loopback(const kdbi_addr *addr);
/* Who sent a request: the peer, or what proxies that we trust say of it. Empty views: no such header. */
kdbi_addr kdbi_client_addr(const kdbi_trusted *trusted, const kdbi_addr *peer, kdb_sv forwarded_for, kdb_sv real_ip);
/* True when what the peer says of the client (scheme, address) counts. */
bool kdbi_trusted_has(const kdbi_trusted *trusted, const kdbi_addr *peer);
/* What counts as one caller for rate limits: an IPv4 address, or an IPv6 network of 64 bits. */
uint64_t kdbi_addr_key(const kdbi_addr *addr);

/* ---- rates (rate_limit.c) ---- */

typedef struct kdbi_rate_limit kdbi_rate_limit;
/* `per_second` events per key, and as many at once after a pause; 0: no limit. */
kdbi_rate_limit *kdbi_rate_limit_new(int64_t per_second, int64_t ban_seconds); /* 0: no bans */
void kdbi_rate_limit_free(kdbi_rate_limit *limit);                             /* NULL is fine */
typedef enum kdbi_rate { KDBI_RATE_FINE, KDBI_RATE_OVER, KDBI_RATE_BANNED } kdbi_rate;
/* Any thread. */
kdbi_rate kdbi_rate_limit_ask(kdbi_rate_limit *limit, uint64_t key, int64_t now_us);
/* False: too many. */
bool kdbi_rate_limit_take(kdbi_rate_limit *limit, uint64_t key, int64_t now_us);

/* ---- requests for SQL (sql_request.c) ---- */

enum { KDBI_SQL_MAX = 1024 * 1024 };

typedef struct kdbi_sql_limits {
    size_t params;      /* how many */
    size_t param_bytes; /* each */
} kdbi_sql_limits;

typedef struct kdbi_sql_request {
    kdb_sv sql;
    kdb_sv ns; /* empty: `default` */
    kdb_value *params;
    size_t nparams;
} kdbi_sql_request;

/* Everything in *out lies in `arena`. */
KDB_NODISCARD kdb_status kdbi_sql_request_decode(kdb_sv body, const kdbi_sql_limits *limits, kdb_arena *arena,
                                                 kdbi_sql_request *out, kdb_err *err);

/* ---- replies in JSON (sql_reply.c, legacy_reply.c, sql_error.c) ---- */

typedef struct kdbi_reply kdbi_reply;

/* One of the two forms of an answer (wire-protocol.md 5 and 16). All append to reply->out. */
typedef struct kdbi_reply_form {
    void (*open)(kdbi_reply *reply);
    void (*rows_begin)(kdbi_reply *reply);
    kdb_status (*row)(kdbi_reply *reply, const kdb_chunk *chunk, size_t row, kdb_err *err);
    void (*rows_end)(kdbi_reply *reply, uint64_t row_count, bool truncated);
    void (*message)(kdbi_reply *reply, uint64_t row_count, kdb_sv message);
    void (*close)(kdbi_reply *reply, int64_t took_us);
    void (*failure)(kdb_buf *out, const kdb_failure *failure, bool admin, int64_t took_us);
    int (*http_status)(kdb_status status);
} kdbi_reply_form;
extern const kdbi_reply_form kdbi_form_v1, kdbi_form_legacy;

struct kdbi_reply {
    const kdbi_reply_form *form;
    kdb_buf *out;     /* where the next bytes go: may change between calls */
    kdb_arena *arena; /* for what has to last until the request's end */
    kdb_sv as_user;
    bool admin;
    size_t nresults;
    /* Of the result with rows that is being written. */
    kdb_result_column *columns;
    size_t ncolumns;
    bool *masked; /* NULL: no column holds secrets */
    kdb_sv *keys; /* legacy: `"name":` */
    uint64_t nrows;
};

void kdbi_reply_init(kdbi_reply *reply, const kdbi_reply_form *form, const kdb_principal *who, kdb_buf *out,
                     kdb_arena *arena);
void kdbi_reply_rows_begin(kdbi_reply *reply, const kdb_result_column *columns, size_t ncolumns);
/* A comma before every result but the first. */
void kdbi_reply_next_result(kdbi_reply *reply);
/* The column holds secrets that this caller does not see. */
bool kdbi_reply_is_masked(const kdbi_reply *reply, size_t col);
/* One cell as JSON, secrets masked; an error names the column. */
KDB_NODISCARD kdb_status kdbi_reply_cell(kdbi_reply *reply, const kdb_chunk *chunk, size_t col, size_t row,
                                         kdb_err *err);
/* Milliseconds with three decimals. */
void kdbi_put_took(kdb_buf *out, int64_t took_us);
/* The message that a caller of that standing may see, replaced where it could reveal something. `lead` and the status's
 * prefix stand before it when the statement failed while running: "Statement 1 failed: Not found: ..". */
void kdbi_put_failure_text(kdb_buf *out, const kdb_failure *failure, bool admin, kdb_sv lead);
/* `,"details":..,"line":..,"column":..`, as far as known and allowed. */
void kdbi_put_failure_place(kdb_buf *out, const kdb_failure *failure, bool admin);
/* The whole body of an error of /v1/api/sql, also of failed authentication anywhere. */
void kdbi_put_sql_error(kdb_buf *out, const kdb_failure *failure, bool admin, int64_t took_us);
/* Of a failure found at the edge. */
kdb_failure kdbi_failure_of(const kdb_err *err);

/* ---- queries of URLs (query.c) ---- */

/* The first parameter of that name, decoded in `arena`; false when there is none. */
bool kdbi_query_find(kdb_sv query, kdb_sv name, kdb_arena *arena, kdb_sv *out);

/* ---- CORS (cors.c) ---- */

typedef struct kdbi_cors {
    kdb_sv origins; /* comma-separated; empty or with `*`: any */
    kdb_sv methods, headers, expose;
    bool credentials;
    bool private_network;
    int64_t max_age;
} kdbi_cors;
bool kdbi_cors_allows(const kdbi_cors *cors, kdb_sv origin);
/* Why a WebSocket of that origin (empty: no such header) is refused (wire-protocol.md 11); NULL: it is not. */
const char *kdbi_cors_socket_fault(const kdbi_cors *cors, bool strict, kdb_sv origin);

/* ---- heads of requests (head.c) ---- */

/* What the bytes of a head say beyond what H2O keeps of them. */
typedef struct kdbi_head {
    size_t bytes;      /* up to and with the empty line */
    const char *fault; /* why nobody may act on it; NULL: nothing is wrong */
    bool chunked;      /* it has a Transfer-Encoding */
} kdbi_head;
/* `input` begins with a head that H2O has parsed, names in lower case; more may follow. `version` is 0x101 for HTTP/1.1. */
kdbi_head kdbi_head_check(kdb_sv input, int version);
/* True once the empty line that ends a head is there. */
bool kdbi_head_is_complete(kdb_sv input);

/* ---- connections by address (conn_limit.c) ---- */

typedef struct kdbi_conn_limit kdbi_conn_limit;
kdbi_conn_limit *kdbi_conn_limit_new(int64_t most); /* NULL for 0: no limit */
void kdbi_conn_limit_free(kdbi_conn_limit *limit);  /* NULL is fine, as below */
/* False when the address has as many connections as it may. Any thread. */
bool kdbi_conn_limit_take(kdbi_conn_limit *limit, const kdbi_addr *addr);
void kdbi_conn_limit_give(kdbi_conn_limit *limit, const kdbi_addr *addr);

#endif
