/* http_client.c - a client of one service: see http.h. A handle keeps its connection from one request to the next; a request takes an
 * idle handle or makes one, so there are as many connections as there were requests at once, up to a bound that is kept. */
#include <stdio.h>
#include <unistd.h>

#include "http_int.h"
#include "kdb/clock.h"
#include "kdb/thread.h"

enum { IDLE_MAX = 16, URL_MAX = 8192, CONTENT_TYPE_MAX = 128 };

struct kdb_http_client {
    kdb_http_client_options options; /* fixed; what is copied is below */
    char *access_key;
    char *secret_key;
    char *token_header; /* NULL: none */
    char *signature;    /* how to sign; NULL: not */
    kdb_mutex lock;
    CURL *idle[IDLE_MAX]; /* guarded by lock, as the next */
    size_t idle_count;
};

static char *join(const char *before, kdb_sv text, const char *behind)
{
    const size_t size = strlen(before) + text.len + strlen(behind) + 1;
    char *joined = kdb_alloc(size);
    (void)snprintf(joined, size, "%s%.*s%s", before, KDB_SV_ARG(text), behind);
    return joined;
}

kdb_http_client *kdb_http_client_new(const kdb_http_client_options *options)
{
    kdb_http_client *client = KDB_NEW(kdb_http_client);
    client->options = *options;
    if (options->access_key.len != 0) {
        client->access_key = kdb_sv_heap_cstr(options->access_key);
        client->secret_key = kdb_sv_heap_cstr(options->secret_key);
        client->signature = join("aws:amz:", options->region, ":s3");
    }
    if (options->session_token.len != 0) {
        client->token_header = join("x-amz-security-token: ", options->session_token, "");
    }
    kdb_mutex_init(&client->lock, KDB_LOCK_HTTP);
    return client;
}

static void free_secret(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        kdb_free(secret);
    }
}

void kdb_http_client_free(kdb_http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < client->idle_count; i++) {
        curl_easy_cleanup(client->idle[i]);
    }
    free_secret(client->access_key);
    free_secret(client->secret_key);
    free_secret(client->token_header);
    kdb_free(client->signature);
    kdb_mutex_done(&client->lock);
    kdb_free(client);
}

static CURL *take_handle(kdb_http_client *client)
{
    kdb_mutex_lock(&client->lock);
    CURL *curl = client->idle_count == 0 ? NULL : client->idle[--client->idle_count];
    kdb_mutex_unlock(&client->lock);
    return curl != NULL ? curl : kdbi_http_handle();
}

static void give_handle(kdb_http_client *client, CURL *curl)
{
    curl_easy_reset(curl); /* keeps the connection; forgets the options, which point into a request that is over */
    kdb_mutex_lock(&client->lock);
    const bool kept = client->idle_count < IDLE_MAX;
    if (kept) {
        client->idle[client->idle_count++] = curl;
    }
    kdb_mutex_unlock(&client->lock);
    if (!kept) {
        curl_easy_cleanup(curl);
    }
}

/* ---- one request ---- */

typedef enum verdict { GOES_ON, STALLED, STOPPED, TOO_LARGE, FILE_FAILED } verdict;

typedef struct exchange {
    const kdb_http_client *client;
    const kdb_http_request *request;
    kdb_http_reply *reply;
    CURL *curl;
    struct curl_slist *headers;
    verdict verdict;
    uint64_t sent;
    curl_off_t moved;    /* bytes in both directions when watched last .. */
    int64_t moved_at_us; /* .. and when that number last changed */
    char url[URL_MAX];
    char why[CURL_ERROR_SIZE];
} exchange;

const char *kdb_http_verb_name(kdb_http_verb verb)
{
    static const char *const names[] = { "GET", "HEAD", "PUT", "POST", "DELETE" };
    return names[verb];
}

/* ---- bytes out ---- */

static size_t give_file(exchange *ex, char *out, size_t room)
{
    const kdb_http_file *file = ex->request->send;
    const uint64_t left = file->bytes - ex->sent;
    const size_t want = left < room ? (size_t)left : room;
    const ssize_t got = want == 0 ? 0 : pread(file->fd, out, want, (off_t)(file->offset + ex->sent));
    if (got < 0 || (got == 0 && want != 0)) {
        ex->verdict = FILE_FAILED;
        return CURL_READFUNC_ABORT;
    }
    ex->sent += (uint64_t)got;
    return (size_t)got;
}

static size_t give_body(char *out, size_t size, size_t count, void *arg)
{
    exchange *ex = arg;
    const size_t room = size * count;
    if (ex->request->send != NULL) {
        return give_file(ex, out, room);
    }
    const size_t left = ex->request->body.len - (size_t)ex->sent;
    const size_t now = left < room ? left : room;
    if (now != 0) {
        memcpy(out, ex->request->body.ptr + ex->sent, now);
    }
    ex->sent += now;
    return now;
}

/* A kept connection that turns out to be dead is replaced, and the body sent from its start. */
static int rewind_body(void *arg, curl_off_t offset, int origin)
{
    exchange *ex = arg;
    if (origin != SEEK_SET || offset < 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    ex->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- bytes in ---- */

static bool is_success(exchange *ex)
{
    long code = 0;
    (void)curl_easy_getinfo(ex->curl, CURLINFO_RESPONSE_CODE, &code);
    return code >= 200 && code < 300;
}

static bool save_bytes(kdb_http_file *file, const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        const ssize_t put = pwrite(file->fd, bytes + done, len - done, (off_t)(file->offset + file->bytes));
        if (put <= 0) {
            return false;
        }
        done += (size_t)put;
        file->bytes += (uint64_t)put;
    }
    return true;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    exchange *ex = arg;
    const size_t len = size * count;
    const bool success = is_success(ex);
    if (success && ex->request->save != NULL) {
        if (!save_bytes(ex->request->save, bytes, len)) {
            ex->verdict = FILE_FAILED;
            return CURL_WRITEFUNC_ERROR;
        }
        return len;
    }
    kdb_buf_append(ex->reply->body, bytes, len);
    if (success && ex->reply->body->overflow) {
        ex->verdict = TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

static bool take_header(kdb_sv line, kdb_sv name, kdb_sv *value)
{
    if (line.len <= name.len || line.ptr[name.len] != ':' || !kdb_sv_ieq(kdb_sv_of(line.ptr, name.len), name)) {
        return false;
    }
    *value = kdb_sv_trim(kdb_sv_of(line.ptr + name.len + 1, line.len - name.len - 1));
    return true;
}

static int64_t number_of(kdb_sv text)
{
    int64_t number;
    return kdb_parse_i64(text, &number, NULL) == KDB_OK && number >= 0 ? number : -1;
}

static size_t take_head(char *bytes, size_t size, size_t count, void *arg)
{
    kdb_http_reply *reply = ((exchange *)arg)->reply;
    const kdb_sv line = kdb_sv_of(bytes, size * count);
    kdb_sv value;
    if (kdb_sv_has_prefix(line, KDB_SV("HTTP/"))) { /* of another answer than the one before: 100 Continue */
        reply->length = -1;
        reply->retry_after_s = -1;
        reply->etag[0] = '\0';
    } else if (take_header(line, KDB_SV("content-length"), &value)) {
        reply->length = number_of(value);
    } else if (take_header(line, KDB_SV("retry-after"), &value)) {
        reply->retry_after_s = number_of(value);
    } else if (take_header(line, KDB_SV("etag"), &value) && value.len < sizeof(reply->etag)) {
        memcpy(reply->etag, value.ptr, value.len);
        reply->etag[value.len] = '\0';
    }
    return line.len;
}

/* Called at least once a second, and oftener while bytes move; not 0 ends the exchange. */
static int watch(void *arg, KDB_UNUSED curl_off_t down_all, curl_off_t down, KDB_UNUSED curl_off_t up_all,
                 curl_off_t up)
{
    exchange *ex = arg;
    const kdb_http_client_options *options = &ex->client->options;
    const int64_t now = kdb_monotonic_us();
    if (down + up != ex->moved) {
        ex->moved = down + up;
        ex->moved_at_us = now;
    }
    if (options->stop != NULL && atomic_load(options->stop)) {
        ex->verdict = STOPPED;
    } else if (now - ex->moved_at_us > options->stall_timeout_ms * 1000) {
        ex->verdict = STALLED;
    }
    return ex->verdict == GOES_ON ? 0 : 1;
}

/* ---- setting up ---- */

static bool add_header(exchange *ex, const char *line)
{
    struct curl_slist *longer = curl_slist_append(ex->headers, line);
    if (longer == NULL) {
        return false;
    }
    ex->headers = longer;
    return true;
}

static bool add_headers(exchange *ex)
{
    const kdb_http_client *client = ex->client;
    const kdb_sv type = ex->request->content_type;
    char line[CONTENT_TYPE_MAX];
    (void)snprintf(line, sizeof(line), "Content-Type: %.*s", KDB_SV_ARG(type));
    if (type.len != 0 && !add_header(ex, line)) {
        return false;
    }
    /* The signature does not cover the body: TLS does, where there is somebody to fear. */
    return (client->signature == NULL || add_header(ex, "x-amz-content-sha256: UNSIGNED-PAYLOAD")) &&
           (client->token_header == NULL || add_header(ex, client->token_header)) &&
           curl_easy_setopt(ex->curl, CURLOPT_HTTPHEADER, ex->headers) == CURLE_OK;
}

static bool set_signature(exchange *ex)
{
    const kdb_http_client *client = ex->client;
    return client->signature == NULL || (curl_easy_setopt(ex->curl, CURLOPT_AWS_SIGV4, client->signature) == CURLE_OK &&
                                         curl_easy_setopt(ex->curl, CURLOPT_USERNAME, client->access_key) == CURLE_OK &&
                                         curl_easy_setopt(ex->curl, CURLOPT_PASSWORD, client->secret_key) == CURLE_OK);
}

static bool set_verb(exchange *ex)
{
    const kdb_http_request *request = ex->request;
    const curl_off_t bytes = request->send != NULL ? (curl_off_t)request->send->bytes : (curl_off_t)request->body.len;
    switch (request->verb) {
    case KDB_HTTP_GET:
        return curl_easy_setopt(ex->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    case KDB_HTTP_HEAD:
        return curl_easy_setopt(ex->curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    case KDB_HTTP_PUT:
        return curl_easy_setopt(ex->curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
               curl_easy_setopt(ex->curl, CURLOPT_INFILESIZE_LARGE, bytes) == CURLE_OK;
    case KDB_HTTP_POST:
        return curl_easy_setopt(ex->curl, CURLOPT_POST, 1L) == CURLE_OK &&
               curl_easy_setopt(ex->curl, CURLOPT_POSTFIELDS, request->body.len == 0 ? "" : request->body.ptr) ==
                   CURLE_OK &&
               curl_easy_setopt(ex->curl, CURLOPT_POSTFIELDSIZE_LARGE, bytes) == CURLE_OK;
    case KDB_HTTP_DELETE:
        return curl_easy_setopt(ex->curl, CURLOPT_CUSTOMREQUEST, "DELETE") == CURLE_OK;
    }
    return false;
}

static bool set_callbacks(exchange *ex)
{
    CURL *curl = ex->curl;
    return curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READDATA, ex) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SEEKDATA, ex) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ex) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_head) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, ex) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, ex) == CURLE_OK;
}

static bool prepare(exchange *ex)
{
    CURL *curl = ex->curl;
    return kdbi_http_prepare(curl, ex->url, ex->why) &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L) == CURLE_OK && /* not every server says it */
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)ex->client->options.connect_timeout_ms) ==
               CURLE_OK &&
           set_callbacks(ex) && set_verb(ex) && add_headers(ex) && set_signature(ex);
}

/* ---- sending ---- */

static kdb_status fail_exchange(const exchange *ex, CURLcode result, kdb_err *err)
{
    switch (ex->verdict) {
    case STOPPED:
        return KDB_FAIL(err, KDB_CANCELLED, "the server stops");
    case STALLED:
        return KDB_FAIL(err, KDB_IO, "no answer within %lld ms", (long long)ex->client->options.stall_timeout_ms);
    case TOO_LARGE:
        return KDB_FAIL(err, KDB_LIMIT, "more than %zu bytes", ex->reply->body->limit);
    case FILE_FAILED:
        return KDB_FAIL(err, KDB_IO, "a local file could not be %s", ex->request->save != NULL ? "written" : "read");
    case GOES_ON:
        break;
    }
    return KDB_FAIL(err, KDB_IO, "%s", ex->why[0] != '\0' ? ex->why : curl_easy_strerror(result));
}

static kdb_status perform(exchange *ex, kdb_err *err)
{
    long code = 0;
    if (!prepare(ex)) {
        return KDB_FAIL(err, KDB_INTERNAL, "an HTTP request could not be prepared");
    }
    const CURLcode result = curl_easy_perform(ex->curl);
    if (result != CURLE_OK) {
        return fail_exchange(ex, result, err);
    }
    (void)curl_easy_getinfo(ex->curl, CURLINFO_RESPONSE_CODE, &code);
    ex->reply->code = (int)code;
    return KDB_OK;
}

kdb_status kdb_http_send(kdb_http_client *client, const kdb_http_request *request, kdb_http_reply *reply, kdb_err *err)
{
    exchange ex = { .client = client, .request = request, .reply = reply, .moved_at_us = kdb_monotonic_us() };
    const kdb_sv url = request->url;
    const bool known = kdbi_http_has_scheme(url, "https://") || kdbi_http_has_scheme(url, "http://");
    if (!known || url.len >= sizeof(ex.url) || memchr(url.ptr, '\0', url.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "not an http or https URL of less than %d bytes", URL_MAX);
    }
    memcpy(ex.url, url.ptr, url.len);
    ex.curl = take_handle(client);
    if (ex.curl == NULL) {
        return KDB_FAIL(err, KDB_INTERNAL, "an HTTP request could not be made");
    }
    *reply = (kdb_http_reply){ .length = -1, .retry_after_s = -1, .body = reply->body };
    const kdb_status status = perform(&ex, err);
    give_handle(client, ex.curl);
    curl_slist_free_all(ex.headers);
    return status;
}
