/* cors.c - which web pages may call us (wire-protocol.md 2). An empty list of origins means any; the answer then names the
 * caller's own origin, since browsers refuse `*` together with credentials. */
#include <stdio.h>
#include <string.h>

#include "net_int.h"

static kdb_sv without_slash(kdb_sv origin)
{
    return origin.len > 0 && origin.ptr[origin.len - 1] == '/' ? kdb_sv_of(origin.ptr, origin.len - 1) : origin;
}

bool kdbi_cors_allows(const kdbi_cors *cors, kdb_sv origin)
{
    kdb_sv rest = kdb_sv_trim(cors->origins);
    if (rest.len == 0) {
        return true;
    }
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.ptr);
        const kdb_sv allowed = without_slash(kdb_sv_trim(kdb_sv_of(rest.ptr, len)));
        if (kdb_sv_eq(allowed, KDB_SV("*")) || (allowed.len > 0 && kdb_sv_ieq(allowed, without_slash(origin)))) {
            return true;
        }
        rest = comma == NULL ? kdb_sv_of(NULL, 0) : kdb_sv_of(comma + 1, rest.len - len - 1);
    }
    return false;
}

/* Browsers send the header always, and nobody else needs to: without it only `strict` refuses. */
const char *kdbi_cors_socket_fault(const kdbi_cors *cors, bool strict, kdb_sv origin)
{
    if (origin.len == 0) {
        return strict ? "Origin header required" : NULL;
    }
    return kdbi_cors_allows(cors, origin) ? NULL : "Origin not allowed";
}

static void add_header(h2o_req_t *req, kdb_sv name, kdb_sv value)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name.ptr, name.len, 1, NULL, value.ptr, value.len);
}

void kdbi_cors_add_headers(const kdbi_cors *cors, h2o_req_t *req)
{
    const kdb_sv origin = kdbi_header_by_name(req, KDB_SV("origin"));
    if (origin.len == 0) {
        return;
    }
    add_header(req, KDB_SV("vary"), KDB_SV("Origin"));
    if (kdbi_cors_allows(cors, origin)) {
        add_header(req, KDB_SV("access-control-allow-origin"), origin);
        if (cors->credentials) {
            add_header(req, KDB_SV("access-control-allow-credentials"), KDB_SV("true"));
        }
        if (cors->expose.len > 0) {
            add_header(req, KDB_SV("access-control-expose-headers"), cors->expose);
        }
    }
}

void kdbi_cors_add_preflight_headers(const kdbi_cors *cors, h2o_req_t *req)
{
    const kdb_sv origin = kdbi_header_by_name(req, KDB_SV("origin"));
    if (origin.len == 0 || !kdbi_cors_allows(cors, origin)) {
        return;
    }
    char max_age[24];
    const int len = snprintf(max_age, sizeof max_age, "%" PRId64, cors->max_age);
    add_header(req, KDB_SV("access-control-allow-methods"), cors->methods);
    add_header(req, KDB_SV("access-control-allow-headers"), cors->headers);
    const h2o_iovec_t age = h2o_strdup(&req->pool, max_age, (size_t)len);
    add_header(req, KDB_SV("access-control-max-age"), kdb_sv_of(age.base, age.len));
    if (cors->private_network &&
        kdb_sv_eq(kdbi_header_by_name(req, KDB_SV("access-control-request-private-network")), KDB_SV("true"))) {
        add_header(req, KDB_SV("access-control-allow-private-network"), KDB_SV("true"));
    }
}
