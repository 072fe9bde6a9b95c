/* http.h - the client for other people's HTTP servers (libcurl): one GET of a document, and a client of one service that keeps
 * connections, signs its requests and moves files. Any thread; each call waits, so not net threads. */
#ifndef KDB_HTTP_H
#define KDB_HTTP_H

#include <stdatomic.h>

#include "kdb/str.h"

typedef struct kdb_http_limits {
    size_t max_bytes;        /* of the body */
    int64_t timeout_ms;      /* for everything: names, connections, redirects, the body */
    const atomic_bool *stop; /* the call gives up soon after this becomes true; NULL: nobody stops it */
} kdb_http_limits;

/* GETs an http or https URL and appends the body of a 200 to *out. Certificates are checked against the system's; at most
 * three redirects are followed, and never to another scheme. KDB_INVALID for a URL that is none of these; KDB_LIMIT for a body
 * that is too large; KDB_IO for everything else that goes wrong, any other answer than 200 included. After a failure *out may
 * hold part of a body. */
KDB_NODISCARD kdb_status kdb_http_get(kdb_sv url, const kdb_http_limits *limits, kdb_buf *out, kdb_err *err);
/* True for https, and for http to this machine (localhost, 127.0.0.0/8, ::1), where nobody can listen in. */
bool kdb_http_is_private(kdb_sv url);

/* ---- a client of one service ---- */

typedef struct kdb_http_client kdb_http_client;
typedef struct kdb_http_client_options {
    int64_t connect_timeout_ms;
    int64_t stall_timeout_ms; /* without a byte in either direction */
    const atomic_bool *stop;  /* calls give up soon after this becomes true; NULL: nobody stops them */
    /* AWS Signature Version 4 for service "s3"; no access_key: requests are not signed. Copied, and in no error text. */
    kdb_sv access_key, secret_key, session_token, region;
} kdb_http_client_options;
kdb_http_client *kdb_http_client_new(const kdb_http_client_options *options);
void kdb_http_client_free(kdb_http_client *client); /* after its calls; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_http_client, kdb_http_client_free)

typedef enum kdb_http_verb { KDB_HTTP_GET, KDB_HTTP_HEAD, KDB_HTTP_PUT, KDB_HTTP_POST, KDB_HTTP_DELETE } kdb_http_verb;
const char *kdb_http_verb_name(kdb_http_verb verb);

/* A part of an open file: where to begin, and how much there is. */
typedef struct kdb_http_file {
    int fd;
    uint64_t offset;
    uint64_t bytes;
} kdb_http_file;

typedef struct kdb_http_request {
    kdb_http_verb verb;
    kdb_sv url;                /* http or https; what a signature covers must be percent-encoded, and a query sorted */
    kdb_sv content_type;       /* short; a POST needs one */
    kdb_sv body;               /* to PUT or POST */
    const kdb_http_file *send; /* to PUT in its place */
    kdb_http_file *save;       /* where the body of a 2xx answer goes; `bytes` becomes its length */
} kdb_http_request;

enum { KDB_HTTP_ETAG_MAX = 128 };
typedef struct kdb_http_reply {
    int code;
    int64_t length;        /* as announced; -1: not */
    int64_t retry_after_s; /* -1: not said */
    char etag[KDB_HTTP_ETAG_MAX];
    kdb_buf *
        body; /* the caller's, with its limit: of answers that are not saved. Of others than 2xx the rest is dropped. */
} kdb_http_reply;

/* KDB_OK when an answer came whole, whatever its code: `reply` but its `body` is filled. Nothing is followed and nothing tried
 * again. KDB_IO when none came, KDB_CANCELLED when stopped, KDB_LIMIT when the body is larger than `body` may be, KDB_INVALID for
 * what is no http or https URL. */
KDB_NODISCARD kdb_status kdb_http_send(kdb_http_client *client, const kdb_http_request *request, kdb_http_reply *reply,
                                       kdb_err *err);

#endif
