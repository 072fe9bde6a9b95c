/* http_int.h - what the two HTTP clients share. */
#ifndef KDB_HTTP_INT_H
#define KDB_HTTP_INT_H

#include <curl/curl.h>

#include "commons_int.h"
#include "kdb/http.h"

bool kdbi_http_has_scheme(kdb_sv url, const char *scheme);
/* A new handle; NULL when there is no memory for one. */
CURL *kdbi_http_handle(void);
/* What every request has: its URL, no other scheme than that, certificates checked, no signals, nothing from ~/.netrc. libcurl's own
 * defaults are not relied on where safety depends on them. `why`, of CURL_ERROR_SIZE, receives what goes wrong. */
bool kdbi_http_prepare(CURL *curl, const char *url, char *why);

#endif
