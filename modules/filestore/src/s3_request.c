/* s3_request.c - one request to a bucket, tried again where that may help: not after an answer that says the request is wrong. */
#include <stdio.h>
#include <time.h>

#include "s3_int.h"

enum { ATTEMPTS_MAX = 5, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000, NAP_MS = 20, CODE_MAX = 64 };

void kdbi_s3_encode(kdb_buf *out, kdb_sv text, bool path)
{
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        const bool plain = (kdbi_name_byte(byte) && byte != '@' && byte != '%') || byte == '~' || (byte == '/' && path);
        if (plain) {
            kdb_buf_append_byte(out, (uint8_t)byte);
        } else {
            kdb_buf_printf(out, "%%%02X", (unsigned char)byte);
        }
    }
}

static void put_url(const kdbi_s3 *s3, const kdbi_s3_call *call, kdb_buf *out)
{
    kdb_buf_append_sv(out, kdb_sv_cstr(s3->url));
    kdb_buf_append_lit(out, "/");
    if (call->name.len != 0) {
        kdbi_s3_encode(out, kdb_sv_cstr(s3->prefix), true);
        kdbi_s3_encode(out, call->name, true);
    }
    if (call->query.len != 0) {
        kdb_buf_append_lit(out, "?");
        kdb_buf_append_sv(out, call->query);
    }
}

/* ---- trying again ---- */

static bool is_passing(kdb_status status, const kdb_http_reply *reply)
{
    return status == KDB_IO || (status == KDB_OK && (reply->code >= 500 || reply->code == 429));
}

/* Twice as long each time, a random half of it less, so that many who failed together do not return together; longer when the server
 * says so. */
static int64_t backoff_ms(int attempt, const kdb_http_reply *reply)
{
    uint32_t random;
    int64_t most = (int64_t)BACKOFF_FIRST_MS << attempt;
    kdb_random_bytes(&random, sizeof(random));
    most = most > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : most;
    const int64_t asked = reply->retry_after_s > BACKOFF_MAX_MS / 1000 ? BACKOFF_MAX_MS : reply->retry_after_s * 1000;
    const int64_t chosen = most / 2 + (int64_t)(random % (uint32_t)(most / 2 + 1));
    return asked > chosen ? asked : chosen;
}

/* False when the server stops meanwhile. */
static bool nap(const kdbi_s3 *s3, int64_t ms)
{
    for (; ms > 0 && !atomic_load(s3->stop); ms -= NAP_MS) {
        const struct timespec one = { .tv_nsec = NAP_MS * 1000000L };
        (void)nanosleep(&one, NULL);
    }
    return !atomic_load(s3->stop);
}

static kdb_status send_once(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_sv url, kdb_http_reply *reply, kdb_err *err)
{
    const kdb_http_request request = {
        .verb = call->verb,
        .url = url,
        .content_type = call->verb == KDB_HTTP_POST ? KDB_SV("application/xml") : KDB_SV(""),
        .body = call->body,
        .send = call->send,
        .save = call->save,
    };
    reply->body->len = 0;
    reply->body->overflow = false;
    if (call->save != NULL) {
        call->save->bytes = 0;
    }
    return kdb_http_send(s3->http, &request, reply, err);
}

static kdb_status add_context(const kdbi_s3 *s3, const kdbi_s3_call *call, kdb_status status, kdb_err *err)
{
    if (err != NULL) {
        kdb_err_context(err, "storage '%s': %s %s%.*s", s3->base.id, kdb_http_verb_name(call->verb), s3->prefix,
                        KDB_SV_ARG(call->name));
    }
    return status;
}

kdb_status kdbi_s3_send(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_http_reply *reply, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf url;
    const int64_t start = kdb_monotonic_us();
    kdb_buf_init(&url, 0);
    put_url(s3, call, &url);
    for (int attempt = 0;; attempt++) {
        const kdb_status status = send_once(s3, call, kdb_buf_sv(&url), reply, err);
        const bool again = is_passing(status, reply) && attempt + 1 < ATTEMPTS_MAX &&
                           kdb_monotonic_us() - start < s3->patience_ms * 1000;
        if (!again || !nap(s3, backoff_ms(attempt, reply))) {
            return status == KDB_OK ? KDB_OK : add_context(s3, call, status, err);
        }
    }
}

/* ---- answers that say no ---- */

typedef struct problem {
    char code[CODE_MAX];
} problem;

static bool is_code(kdb_sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9'))) {
            return false;
        }
    }
    return text.len < CODE_MAX;
}

static bool look_for_code(void *self, kdb_sv path, kdb_sv text)
{
    problem *p = self;
    if (!kdb_sv_eq(path, KDB_SV("Error/Code"))) {
        return true;
    }
    if (is_code(text)) {
        (void)snprintf(p->code, sizeof(p->code), "%.*s", KDB_SV_ARG(text));
    }
    return false;
}

/* Only the code is told: what else such an answer says may repeat what the request said of us. */
kdb_status kdbi_s3_fail(const kdbi_s3 *s3, const kdbi_s3_call *call, const kdb_http_reply *reply, kdb_err *err)
{
    problem p = { "" };
    if (kdbi_xml_walk(kdb_buf_sv(reply->body), look_for_code, &p, NULL) != KDB_OK) {
        p.code[0] = '\0'; /* a proxy's page, or nothing */
    }
    if (reply->code == 404 && call->name.len != 0 && (p.code[0] == '\0' || strcmp(p.code, "NoSuchKey") == 0)) {
        return kdbi_objects_fail_missing(&s3->base, call->name, err);
    }
    const kdb_status status = KDB_FAIL(err, KDB_IO, "answered %d %s", reply->code, p.code);
    return add_context(s3, call, status, err);
}

kdb_status kdbi_s3_expect(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_http_reply *reply, kdb_err *err)
{
    KDB_TRY(kdbi_s3_send(s3, call, reply, err));
    return reply->code >= 200 && reply->code < 300 ? KDB_OK : kdbi_s3_fail(s3, call, reply, err);
}
