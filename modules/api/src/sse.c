/* sse.c - GET /v1/live: a live query as server-sent events, for curl and a browser's EventSource. The stream is the body of one
 * response. It does not begin before live has said whether the query is good: until then a failure is an ordinary answer.
 *
 * The stream ends with the request, which H2O ends when a write fails or the last piece is sent. */
#include <inttypes.h>
#include <stdio.h>

#include "hub_int.h"

typedef struct stream {
    kdbi_feed feed;
    h2o_req_t *req;
    h2o_generator_t generator;
    h2o_timeout_entry_t timer;
    bool begun;  /* the head has been sent */
    bool ending; /* what is queued is the last */
    bool over;   /* the last piece has been sent, or another answer */
} stream;

static stream *stream_of(kdbi_feed *feed)
{
    return KDB_CONTAINER_OF(feed, stream, feed);
}

/* ---- events ---- */

typedef struct event {
    size_t len;
    char text[];
} event;

static event *event_new(const kdb_live_msg *msg)
{
    static const char *const names[KDB_LIVE_KIND_COUNT] = {
        [KDB_LIVE_ACK] = "ack", [KDB_LIVE_BATCH] = "batch", [KDB_LIVE_CHANGE] = "change", [KDB_LIVE_ERROR] = "error"
    };
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_printf(&text, "event: %s\n", names[msg->kind]);
    if (msg->cursor != 0) {
        kdb_buf_printf(&text, "id: %" PRIu64 "\n", msg->cursor);
    } else if (msg->starts_over) { /* an EventSource that comes again by itself must not say where it was */
        kdb_buf_append_lit(&text, "id:\n");
    }
    kdb_buf_append_lit(&text, "data: ");
    kdb_buf_append_sv(&text, msg->json); /* JSON of ours has no line breaks */
    kdb_buf_append_lit(&text, "\n\n");
    event *made = kdb_alloc(sizeof(*made) + text.len);
    made->len = text.len;
    memcpy(made->text, text.ptr, text.len);
    kdb_buf_done(&text);
    return made;
}

/* Made once, whoever asks first. */
static kdb_sv encode(KDB_UNUSED kdbi_feed *feed, kdb_live_msg *msg)
{
    event *mine = atomic_load(&msg->event);
    if (mine == NULL) {
        void *other = NULL;
        mine = event_new(msg);
        if (!atomic_compare_exchange_strong(&msg->event, &other, mine)) {
            kdb_free(mine);
            mine = other;
        }
    }
    return kdb_sv_of(mine->text, mine->len);
}

/* ---- answers in place of a stream ---- */

static void answer_instead(stream *s)
{
    s->over = true;
    s->feed.closed = true;
    kdbi_conn_unwatch(kdbi_conn_of(s->req));
}

typedef struct code_status {
    const char *code;
    kdb_status status;
} code_status;

/* What the codes of refused subscriptions are in HTTP (kdb_status_defs has the numbers). */
static const code_status code_statuses[] = {
    { "UNAUTHORIZED", KDB_PERMISSION_DENIED },
    { "INVALID_SQL", KDB_INVALID_SQL },
    { "UNSUPPORTED", KDB_INVALID_SQL },
    { "RESYNC", KDB_CONFLICT },
    { "SUBSCRIPTION_LIMIT_EXCEEDED", KDB_RATE_LIMITED },
};

static int http_of(kdb_sv code)
{
    if (kdb_sv_eq(code, KDB_SV("NOT_FOUND"))) {
        return 404;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(code_statuses); i++) {
        if (kdb_sv_eq(code, kdb_sv_cstr(code_statuses[i].code))) {
            return kdb_status_defs[code_statuses[i].status].http;
        }
    }
    return 500;
}

/* The ERROR that live has sent in place of an ACK, in the form that errors of SQL have. */
static void answer_refusal(stream *s, const kdb_live_msg *msg)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *json = NULL;
    kdb_buf body;
    const kdb_status status = kdb_json_parse(msg->json, arena, &json, NULL);
    KDB_ASSERT(status == KDB_OK); /* we have written it */
    const kdb_sv code = kdb_json_lookup(json, KDB_SV("code"))->string;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"status\":\"error\",\"results\":[],\"took\":0,\"error\":{\"code\":");
    kdb_json_put_string(&body, code);
    kdb_buf_append_lit(&body, ",\"message\":");
    kdb_json_put_string(&body, kdb_json_lookup(json, KDB_SV("message"))->string);
    kdb_buf_append_lit(&body, "}}");
    answer_instead(s);
    kdbi_respond_copy(s->feed.hub->loop, s->req, http_of(code), kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

static void answer_unavailable(kdbi_loop *loop, h2o_req_t *req)
{
    kdbi_respond(loop, req, 503,
                 KDB_SV("{\"status\":\"error\",\"results\":[],\"took\":0,\"error\":{\"code\":\"UNAVAILABLE\","
                        "\"message\":\"Live queries are not available\"}}"));
}

/* ---- the stream ---- */

static void finish(stream *s)
{
    if (s->over) {
        return;
    }
    s->over = true;
    kdbi_conn_unwatch(kdbi_conn_of(s->req));
    h2o_send(s->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_proceed(h2o_generator_t *generator, KDB_UNUSED h2o_req_t *req)
{
    kdbi_feed_written(&KDB_CONTAINER_OF(generator, stream, generator)->feed);
}

static void begin(stream *s)
{
    h2o_req_t *req = s->req;
    s->begun = true;
    s->generator = (h2o_generator_t){ on_proceed, NULL };
    req->http1_is_persistent = 0;
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-accel-buffering"), 0, NULL, H2O_STRLIT("no"));
    kdbi_respond_head_as(s->feed.hub->loop, req, 200, KDB_SV("text/event-stream"), SIZE_MAX, &s->generator);
}

static void write_bufs(kdbi_feed *feed, h2o_iovec_t *bufs, size_t count)
{
    stream *s = stream_of(feed);
    if (s->over) {
        return; /* it stays in the queue until the request's end */
    }
    if (!s->begun) {
        const kdb_live_msg *first = kdbi_feed_first(feed);
        if (first != NULL && first->kind == KDB_LIVE_ERROR) {
            answer_refusal(s, first);
            return;
        }
        begin(s);
    }
    h2o_send(s->req, bufs, count, H2O_SEND_STATE_IN_PROGRESS);
}

static void drained(kdbi_feed *feed)
{
    stream *s = stream_of(feed);
    if (s->ending || feed->nsubs == 0) {
        finish(s);
    } else {
        kdb_live_drained(&feed->client);
    }
}

/* The client is told why, and where to go on; an EventSource comes again by itself. */
static void end(stream *s, const char *code, const char *text, bool with_cursor)
{
    if (s->ending || s->over) {
        return;
    }
    if (!s->begun) {
        answer_instead(s);
        kdbi_feed_remove_subs(&s->feed);
        answer_unavailable(s->feed.hub->loop, s->req);
        return;
    }
    kdbi_feed_end_subs(&s->feed, code, text, with_cursor);
    s->ending = true;
    s->feed.closed = true;
    kdbi_feed_flush(&s->feed);
}

static void slow(kdbi_feed *feed)
{
    kdbi_feed_drop_waiting(feed);
    end(stream_of(feed), "SLOW_CLIENT", "The client does not read fast enough", true);
}

static const kdbi_feed_def stream_def = { .encode = encode, .write = write_bufs, .drained = drained, .slow = slow };

void kdbi_sse_drain(kdbi_feed *feed)
{
    end(stream_of(feed), "SHUTTING_DOWN", "Server shutting down", true);
}

/* A write that fails ends the request; to a client that has left every write does. */
static void on_left(void *arg)
{
    stream *s = arg;
    if (s->begun) {
        kdbi_conn_shut(kdbi_conn_of(s->req));
        kdbi_feed_push_bytes(&s->feed, KDB_SV(":\n\n"));
        kdbi_feed_flush(&s->feed);
        return;
    }
    answer_instead(s);
    s->req->http1_is_persistent = 0;
    kdbi_respond(s->feed.hub->loop, s->req, 499, KDB_SV("{\"error\":\"Client closed the connection\"}"));
}

static void on_timer(h2o_timeout_entry_t *entry)
{
    stream *s = KDB_CONTAINER_OF(entry, stream, timer);
    kdbi_hub *hub = s->feed.hub;
    kdb_err err;
    h2o_timeout_link(hub->loop->ctx.loop, &hub->keepalive, &s->timer);
    if (kdb_auth_pass_check(hub->loop->api->auth, s->feed.pass, &err) != KDB_OK) {
        end(s, kdb_status_defs[err.status].code, err.text, false);
    } else if (s->begun && s->feed.count == 0) {
        kdbi_feed_push_bytes(&s->feed, KDB_SV(":\n\n"));
        kdbi_feed_flush(&s->feed);
    }
}

/* ---- the beginning ---- */

typedef struct request_end {
    stream *s;
} request_end;

static void stream_free(stream *s)
{
    h2o_timeout_unlink(&s->timer);
    kdbi_feed_done(&s->feed);
    kdb_free(s);
}

static void on_dispose(void *request)
{
    stream_free(((request_end *)request)->s);
}

static kdb_status read_number(kdb_sv text, const char *name, uint32_t *out, kdb_err *err)
{
    uint64_t number;
    if (kdb_parse_u64(text, &number, err) != KDB_OK || number > UINT32_MAX) {
        return KDB_FAIL(err, KDB_INVALID, "`%s` must be a number of rows", name);
    }
    *out = (uint32_t)number;
    return KDB_OK;
}

/* A browser that comes again says with Last-Event-ID where it was; the address is the same as at first. */
static kdb_status read_from(const kdbi_call *call, kdb_arena *arena, kdbi_sub_options *out, kdb_err *err)
{
    kdb_sv from = kdbi_header_by_name(call->req, KDB_SV("last-event-id"));
    if (from.len == 0 && !kdbi_query_find(kdbi_call_query(call), KDB_SV("from"), arena, &from)) {
        return KDB_OK;
    }
    return kdbi_sub_parse_from(from, out, err) == KDB_OK ? KDB_OK
                                                         : KDB_FAIL(err, KDB_INVALID, "`from` must be a sequence id");
}

static kdb_status read_spec(const kdbi_call *call, kdb_arena *arena, kdb_live_spec *spec, kdb_err *err)
{
    const kdb_sv query = kdbi_call_query(call);
    kdbi_sub_options options = { .start = KDB_LIVE_ALL };
    kdb_sv value;
    if (!kdbi_query_find(query, KDB_SV("sql"), arena, &spec->sql)) {
        return KDB_FAIL(err, KDB_INVALID, "missing parameter `sql`");
    }
    if (!kdb_utf8_valid(spec->sql)) {
        return KDB_FAIL(err, KDB_INVALID, "`sql` is not UTF-8");
    }
    if (kdbi_query_find(query, KDB_SV("last_rows"), arena, &value)) {
        options.start = KDB_LIVE_LAST;
        KDB_TRY(read_number(value, "last_rows", &options.last_rows, err));
    }
    if (kdbi_query_find(query, KDB_SV("batch_size"), arena, &value)) {
        KDB_TRY(read_number(value, "batch_size", &options.batch_rows, err));
    }
    KDB_TRY(read_from(call, arena, &options, err));
    spec->id = KDB_SV("live");
    spec->start = options.start;
    spec->from = options.from;
    spec->last_rows = options.last_rows;
    spec->batch_rows = options.batch_rows;
    return KDB_OK;
}

static stream *stream_new(const kdbi_call *call, kdb_auth_pass *pass)
{
    kdbi_hub *hub = call->loop->hub;
    stream *s = KDB_NEW(stream);
    kdbi_feed_init(&s->feed, hub, &stream_def, &hub->streams);
    s->feed.pass = pass;
    s->feed.addr = kdbi_call_addr(call);
    s->req = call->req;
    s->timer.cb = on_timer;
    h2o_timeout_link(hub->loop->ctx.loop, &hub->keepalive, &s->timer);
    return s;
}

static kdb_status subscribe(stream *s, const kdbi_call *call, kdb_arena *arena, kdb_err *err)
{
    kdb_live_spec spec = { .start = KDB_LIVE_ALL };
    KDB_TRY(read_spec(call, arena, &spec, err));
    const kdb_status status = kdbi_feed_subscribe(&s->feed, &spec, err);
    if (status == KDB_LIMIT) { /* of subscriptions: 429, where other limits are 400 */
        err->status = KDB_RATE_LIMITED;
    }
    return status;
}

static void start(kdbi_call *call, kdb_arena *arena, kdb_auth_pass *pass)
{
    stream *s = stream_new(call, pass);
    kdb_err err;
    if (subscribe(s, call, arena, &err) != KDB_OK) {
        stream_free(s);
        kdbi_respond_failure(call, &err);
        return;
    }
    request_end *request = h2o_mem_alloc_shared(&call->req->pool, sizeof(*request), on_dispose);
    request->s = s;
    kdbi_conn_watch(call->conn, on_left, s);
}

/* A token of another issuer has been looked into. */
static void on_verified(kdbi_exchange *ex)
{
    kdb_auth_pass *pass = NULL;
    kdb_err err;
    kdbi_call call = {
        .api = ex->loop->api, .loop = ex->loop, .conn = kdbi_conn_of(ex->req), .req = ex->req, .errors = KDBI_ERROR_SQL
    };
    if (!kdbi_job_succeeded(ex, &call)) {
        return;
    }
    kdbi_exchange_take_back(ex);
    kdb_status status = kdb_auth_pass_new(call.api->auth, ex->job.tokens[0], &pass, &err);
    if (status == KDB_WOULD_BLOCK) { /* its issuer's keys were thrown away meanwhile */
        status = KDB_FAIL(&err, KDB_OVERLOADED, "The token cannot be checked at the moment");
    }
    if (status != KDB_OK) {
        kdbi_respond_failure(&call, &err);
        return;
    }
    start(&call, ex->arena, pass);
}

void kdbi_get_live(kdbi_call *call)
{
    kdb_auth_pass *pass = NULL;
    kdb_auth_job job = { .kind = KDB_AUTH_VERIFY };
    kdb_err err;
    if (call->api->live == NULL || call->loop->draining) {
        answer_unavailable(call->loop, call->req);
        return;
    }
    if (h2o_memis(call->req->method.base, call->req->method.len, H2O_STRLIT("HEAD"))) {
        kdbi_respond(call->loop, call->req, 200, KDB_SV(""));
        return;
    }
    kdb_status status = kdbi_access_token(call, &job.tokens[0], &err);
    if (status == KDB_OK) {
        status = kdb_auth_pass_new(call->api->auth, job.tokens[0], &pass, &err);
    }
    if (status != KDB_OK && status != KDB_WOULD_BLOCK) {
        kdbi_respond_failure(call, &err);
        return;
    }
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    if (status == KDB_OK) {
        start(call, ex->arena, pass);
    } else {
        kdbi_job_submit(call, ex, &job, on_verified);
    }
}
