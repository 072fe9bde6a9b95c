/* http.h - the one client for other people's HTTP servers (libcurl). Any thread; each call waits, so not net threads. */
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

#endif
