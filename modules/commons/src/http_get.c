/* http_get.c - see http.h. One handle per call: calls are rare (an issuer's keys once an hour), and a handle kept would keep
 * connections to other people's servers open. libcurl's own defaults are not relied on where safety depends on them. */
#include "http_int.h"

enum { REDIRECTS_MAX = 3, URL_MAX = 2048 };

/* ---- whether a URL leaves this machine in the clear ---- */

static bool is_local_name(const char *host)
{
    const kdb_sv name = kdb_sv_cstr(host);
    return kdb_sv_ieq(name, KDB_SV("localhost")) || kdb_sv_eq(name, KDB_SV("[::1]")) ||
           (kdb_sv_has_prefix(name, KDB_SV("127.")) && strspn(host, "0123456789.") == name.len);
}

/* Taken apart by libcurl itself, so that no other reading of the URL is possible. */
static bool is_local(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool local = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_local_name(host);
    curl_free(host);
    curl_url_cleanup(parts);
    return local;
}

bool kdb_http_is_private(kdb_sv url)
{
    char copy[URL_MAX];
    if (kdbi_http_has_scheme(url, "https://")) {
        return true;
    }
    if (!kdbi_http_has_scheme(url, "http://") || url.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, url.ptr, url.len);
    copy[url.len] = '\0';
    return is_local(copy);
}

/* ---- one exchange ---- */

typedef struct exchange {
    const kdb_http_limits *limits;
    kdb_buf *out;
    size_t received;
    bool too_large;
    char url[URL_MAX];
    char why[CURL_ERROR_SIZE];
} exchange;

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    exchange *ex = arg;
    const size_t len = size * count;
    if (len > ex->limits->max_bytes - ex->received) {
        ex->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    ex->received += len;
    kdb_buf_append(ex->out, bytes, len);
    return len;
}

/* Called at least once a second; not 0 ends the exchange. */
static int watch(void *arg, KDB_UNUSED curl_off_t down, KDB_UNUSED curl_off_t down_now, KDB_UNUSED curl_off_t up,
                 KDB_UNUSED curl_off_t up_now)
{
    const exchange *ex = arg;
    return ex->limits->stop != NULL && atomic_load(ex->limits->stop);
}

static bool prepare(CURL *curl, exchange *ex)
{
    const char *scheme = kdbi_http_has_scheme(kdb_sv_cstr(ex->url), "https://") ? "https" : "http";
    return kdbi_http_prepare(curl, ex->url, ex->why) &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, scheme) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ex->limits->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ex) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, ex) == CURLE_OK;
}

static kdb_status perform(CURL *curl, exchange *ex, kdb_err *err)
{
    long code = 0;
    if (!prepare(curl, ex)) {
        return KDB_FAIL(err, KDB_INTERNAL, "an HTTP request could not be prepared");
    }
    const CURLcode result = curl_easy_perform(curl);
    if (ex->too_large) {
        return KDB_FAIL(err, KDB_LIMIT, "GET %s: more than %zu bytes", ex->url, ex->limits->max_bytes);
    }
    if (result != CURLE_OK) {
        return KDB_FAIL(err, KDB_IO, "GET %s: %s", ex->url, ex->why[0] != '\0' ? ex->why : curl_easy_strerror(result));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200) {
        return KDB_FAIL(err, KDB_IO, "GET %s: answered %ld", ex->url, code);
    }
    return KDB_OK;
}

kdb_status kdb_http_get(kdb_sv url, const kdb_http_limits *limits, kdb_buf *out, kdb_err *err)
{
    exchange ex = { .limits = limits, .out = out };
    const bool known = kdbi_http_has_scheme(url, "https://") || kdbi_http_has_scheme(url, "http://");
    if (!known || url.len >= sizeof(ex.url) || memchr(url.ptr, '\0', url.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "not an http or https URL of less than %d bytes", URL_MAX);
    }
    memcpy(ex.url, url.ptr, url.len);
    CURL *curl = kdbi_http_handle();
    if (curl == NULL) {
        return KDB_FAIL(err, KDB_INTERNAL, "an HTTP request could not be made");
    }
    const kdb_status status = perform(curl, &ex, err);
    curl_easy_cleanup(curl);
    return status;
}
