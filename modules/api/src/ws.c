/* ws.c - one WebSocket, from the upgrade to its end (wire-protocol.md 10): signs in, takes messages, subscribes, and closes.
 * Nothing is ended within the callbacks that read: a socket that is to close says so with a close frame, and goes when that has
 * been written and the client has answered, or has not for a while.
 *
 * An idle one holds no buffer: frames are read with a reader that it has only while one is incomplete. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "hub_int.h"

enum { SUBS_PER_SOCKET = 100, BURST_SECONDS = 2, SECOND_US = 1000000 };

typedef enum ws_state {
    WS_NEW,       /* not signed in */
    WS_VERIFYING, /* a token is looked into elsewhere; nothing is read */
    WS_READY,
    WS_CLOSING, /* a close frame is on its way, or has been written */
    WS_STATE_COUNT
} ws_state;

typedef struct verdict verdict;

struct kdbi_ws {
    kdbi_feed feed;
    kdbi_conn *conn;
    kdbi_ws_reader *reader; /* NULL between messages */
    h2o_timeout_entry_t timer;
    verdict *awaited; /* VERIFYING */
    int64_t seen_us;  /* monotonic */
    int64_t credit;   /* of messages, in millionths, */
    int64_t credited_us;
    int64_t writing_us; /* since when something is being written */
    ws_state state;
    bool plain;       /* no gzip */
    bool pinged;      /* and nothing has come since */
    bool close_sent;  /* the close frame has been written */
    bool close_asked; /* the client has sent one */
    bool deaf;        /* what comes is thrown away */
};

/* A token that another thread looks into. It ends after the job, which may be after the socket. */
struct verdict {
    h2o_multithread_message_t message;
    kdbi_hub *hub;
    kdbi_ws *ws; /* NULL: nobody waits any more. Net thread */
    kdb_auth_job job;
    kdb_arena *arena;
    bool good;
};

#define TO(state) (1u << (state))
static const unsigned allowed_moves[WS_STATE_COUNT] = {
    [WS_NEW] = TO(WS_VERIFYING) | TO(WS_READY) | TO(WS_CLOSING),
    [WS_VERIFYING] = TO(WS_NEW) | TO(WS_READY) | TO(WS_CLOSING),
    [WS_READY] = TO(WS_VERIFYING) | TO(WS_CLOSING),
};

static void move(kdbi_ws *ws, ws_state to)
{
    KDB_ASSERT((allowed_moves[ws->state] & TO(to)) != 0);
    ws->state = to;
}

static kdbi_ws *ws_of(kdbi_feed *feed)
{
    return KDB_CONTAINER_OF(feed, kdbi_ws, feed);
}

static kdb_api *api_of(const kdbi_ws *ws)
{
    return ws->feed.hub->loop->api;
}

static void set_timer(kdbi_ws *ws, h2o_timeout_t *timeout)
{
    h2o_timeout_unlink(&ws->timer);
    if (timeout != NULL) {
        h2o_timeout_link(ws->feed.hub->loop->ctx.loop, timeout, &ws->timer);
    }
}

/* ---- readers ---- */

static kdbi_ws_reader *borrow_reader(kdbi_hub *hub)
{
    return hub->nreaders > 0 ? hub->readers[--hub->nreaders] : kdbi_ws_reader_new(hub->loop->api->set.ws_message_bytes);
}

static void return_reader(kdbi_ws *ws)
{
    kdbi_hub *hub = ws->feed.hub;
    if (ws->reader != NULL && kdbi_ws_reader_is_idle(ws->reader) && hub->nreaders < KDB_ARRAY_LEN(hub->readers)) {
        hub->readers[hub->nreaders++] = ws->reader;
    } else {
        kdbi_ws_reader_free(ws->reader);
    }
    ws->reader = NULL;
}

/* ---- the end ---- */

static void forget_verdict(kdbi_ws *ws)
{
    if (ws->awaited != NULL) {
        ws->awaited->ws = NULL;
        atomic_store(&ws->awaited->job.cancelled, true);
        ws->awaited = NULL;
    }
}

static void ws_end(kdbi_ws *ws)
{
    kdbi_conn *conn = ws->conn;
    set_timer(ws, NULL);
    return_reader(ws);
    forget_verdict(ws);
    atomic_fetch_sub(&api_of(ws)->sockets, 1);
    kdbi_feed_done(&ws->feed);
    kdb_free(ws);
    kdbi_conn_close(conn);
}

static void on_read(h2o_socket_t *sock, const char *err);

/* What has been read of the client's and waits for the verdict does not matter any more. */
static void stop_waiting(kdbi_ws *ws)
{
    forget_verdict(ws);
    ws->deaf = true;
    h2o_socket_read_start(ws->conn->sock, on_read);
}

/* Says why, and ends the subscriptions; the connection goes when that has been written and answered. */
static void ws_close(kdbi_ws *ws, uint16_t code, kdb_sv reason)
{
    if (ws->state == WS_CLOSING) {
        return;
    }
    kdb_buf frame;
    kdb_buf_init(&frame, 0);
    if (ws->feed.over) {
        kdbi_feed_drop_waiting(&ws->feed);
        ws->feed.over = false;
    }
    if (code == KDBI_WS_NO_CODE) {
        kdbi_ws_put_frame(&frame, KDBI_WS_OP_CLOSE, KDB_SV(""));
    } else {
        kdbi_ws_put_close(&frame, code, reason);
    }
    kdbi_feed_push_bytes(&ws->feed, kdb_buf_sv(&frame));
    kdb_buf_done(&frame);
    ws->feed.closed = true;
    if (ws->state == WS_VERIFYING) {
        stop_waiting(ws);
    }
    kdbi_feed_remove_subs(&ws->feed);
    move(ws, WS_CLOSING);
    set_timer(ws, ws->feed.hub->loop->draining ? &ws->feed.hub->parting : &ws->feed.hub->linger);
    kdbi_feed_flush(&ws->feed);
}

/* ---- writing ---- */

static kdb_sv encode(kdbi_feed *feed, kdb_live_msg *msg)
{
    if (ws_of(feed)->plain || msg->json.len < KDBI_WS_PACK_MIN) {
        return msg->frame;
    }
    return kdbi_ws_packed(msg, kdbi_hub_gzip(feed->hub));
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    kdbi_ws *ws = sock->data;
    if (err != NULL) {
        ws_end(ws);
        return;
    }
    kdbi_feed_written(&ws->feed);
    if (ws->close_sent && ws->close_asked) {
        ws_end(ws);
    } else if (ws->close_sent && ws->deaf) { /* the client's answer will not be understood: its end will */
        (void)shutdown(h2o_socket_get_fd(sock), SHUT_WR);
    }
}

static void write_bufs(kdbi_feed *feed, h2o_iovec_t *bufs, size_t count)
{
    kdbi_ws *ws = ws_of(feed);
    ws->writing_us = kdb_monotonic_us();
    h2o_socket_write(ws->conn->sock, bufs, count, on_written);
}

static void drained(kdbi_feed *feed)
{
    kdbi_ws *ws = ws_of(feed);
    if (ws->state == WS_CLOSING) {
        ws->close_sent = true;
    } else {
        kdb_live_drained(&feed->client);
    }
}

/* What waits for a client that does not keep up is dropped: it is told where to go on. */
static void slow(kdbi_feed *feed)
{
    char reason[64];
    const uint64_t cursor = kdbi_feed_cursor(feed);
    (void)snprintf(reason, sizeof reason, cursor == 0 ? "Too slow" : "Too slow; resume from %" PRIu64, cursor);
    kdbi_feed_drop_waiting(feed);
    kdbi_feed_end_subs(feed, "SLOW_CLIENT", "The client does not read fast enough", true);
    ws_close(ws_of(feed), KDBI_WS_TRY_LATER, kdb_sv_cstr(reason));
}

static const kdbi_feed_def ws_feed_def = { .encode = encode, .write = write_bufs, .drained = drained, .slow = slow };

static void push_text(kdbi_ws *ws, const kdb_buf *json)
{
    kdb_buf frame;
    kdb_buf_init(&frame, 0);
    kdbi_ws_put_frame(&frame, KDBI_WS_OP_TEXT, kdb_buf_sv(json));
    kdbi_feed_push_bytes(&ws->feed, kdb_buf_sv(&frame));
    kdb_buf_done(&frame);
}

static void push_error(kdbi_ws *ws, kdb_sv id, const char *code, kdb_sv text)
{
    kdbi_feed_push_msg(&ws->feed, kdb_live_error_new(api_of(ws)->live, id, kdb_sv_cstr(code), text));
}

/* ---- signing in ---- */

static void refuse_auth(kdbi_ws *ws, kdb_sv message, kdb_sv reason)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"type\":\"auth_error\",\"message\":");
    kdb_json_put_string(&json, message);
    kdb_buf_append_byte(&json, '}');
    push_text(ws, &json);
    kdb_buf_done(&json);
    ws_close(ws, KDBI_WS_POLICY, reason);
}

static void push_auth_success(kdbi_ws *ws)
{
    const kdb_principal who = kdb_auth_pass_who(ws->feed.pass);
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"type\":\"auth_success\",\"user_id\":");
    kdb_json_put_string(&json, who.user.text);
    kdb_buf_append_lit(&json, ",\"user\":");
    kdb_json_put_string(&json, who.user.text);
    kdb_buf_printf(&json, ",\"role\":\"%s\",\"protocol\":{\"serialization\":\"json\",\"compression\":\"%s\"}}",
                   kdb_role_name(who.role), ws->plain ? "none" : "gzip");
    push_text(ws, &json);
    kdb_buf_done(&json);
}

static bool is_same(const kdb_auth_pass *a, const kdb_auth_pass *b)
{
    const kdb_principal one = kdb_auth_pass_who(a);
    const kdb_principal other = kdb_auth_pass_who(b);
    return one.role == other.role && kdb_sv_eq(one.user.text, other.user.text);
}

/* A socket stays its user's, who may come with a newer token. */
static void admit(kdbi_ws *ws, kdb_auth_pass *pass)
{
    if (ws->feed.pass != NULL && !is_same(ws->feed.pass, pass)) {
        kdb_auth_pass_free(pass);
        refuse_auth(ws, KDB_SV("The connection belongs to another user"), KDB_SV("Authentication failed"));
        return;
    }
    kdb_auth_pass_free(ws->feed.pass);
    ws->feed.pass = pass;
    if (ws->state != WS_READY) {
        move(ws, WS_READY);
    }
    set_timer(ws, &ws->feed.hub->heartbeat);
    push_auth_success(ws);
}

static void refuse_token(kdbi_ws *ws, const kdb_err *err)
{
    const bool bad = err->status == KDB_INVALID_CREDENTIALS || err->status == KDB_TOKEN_EXPIRED;
    refuse_auth(ws, bad ? KDB_SV("Invalid credentials") : KDB_SV("Authentication is not possible at the moment"),
                KDB_SV("Authentication failed"));
}

static void on_job_done(kdb_auth_job *job, kdb_status status, KDB_UNUSED const kdb_err *err)
{
    verdict *v = KDB_CONTAINER_OF(job, verdict, job);
    v->good = status == KDB_OK;
    kdbi_loop_post(v->hub->loop, &v->hub->verdicts, &v->message);
}

static void verdict_free(verdict *v)
{
    v->hub->verifying--;
    kdb_arena_free(v->arena);
    kdb_free(v);
}

static void verify_elsewhere(kdbi_ws *ws, kdb_sv token)
{
    kdb_err err;
    verdict *v = KDB_NEW(verdict);
    v->hub = ws->feed.hub;
    v->hub->verifying++;
    v->ws = ws;
    v->arena = kdb_arena_new(0);
    v->job.kind = KDB_AUTH_VERIFY;
    v->job.arena = v->arena;
    v->job.tokens[0] = kdb_sv_dup(v->arena, token);
    v->job.done = on_job_done;
    if (kdb_auth_submit(api_of(ws)->auth, &v->job, &err) != KDB_OK) {
        verdict_free(v);
        refuse_token(ws, &err);
        return;
    }
    ws->awaited = v;
    move(ws, WS_VERIFYING);
    set_timer(ws, NULL);
    h2o_socket_read_stop(ws->conn->sock);
}

static void authenticate(kdbi_ws *ws, kdb_sv token)
{
    kdb_auth_pass *pass = NULL;
    kdb_err err;
    if (!kdbi_rate_limit_take(api_of(ws)->signins, kdbi_addr_key(&ws->feed.addr), kdb_monotonic_us())) {
        refuse_auth(ws, KDB_SV("Too many authentication attempts. Please retry shortly."),
                    KDB_SV("Authentication failed"));
        return;
    }
    const kdb_status status = kdb_auth_pass_new(api_of(ws)->auth, token, &pass, &err);
    if (status == KDB_OK) {
        admit(ws, pass);
    } else if (status == KDB_WOULD_BLOCK) {
        verify_elsewhere(ws, token);
    } else {
        refuse_token(ws, &err);
    }
}

/* ---- messages ---- */

static void subscribe(kdbi_ws *ws, const kdbi_ws_message *m)
{
    kdb_err err;
    kdbi_feed_sub *earlier;
    if (kdbi_sub_id_is_blank(m->subscription) || m->subscription.len > KDBI_SUB_ID_MAX) {
        push_error(ws, KDB_SV("invalid_subscription"), "INVALID_SUBSCRIPTION_ID",
                   KDB_SV("A subscription's id has 1 to 256 bytes, and is not blank"));
        return;
    }
    if (ws->state != WS_READY) {
        push_error(ws, m->subscription, "AUTH_REQUIRED", KDB_SV("Authentication required before subscribing"));
        return;
    }
    if (m->fault != NULL) {
        push_error(ws, m->subscription, "SUBSCRIPTION_FAILED", kdb_sv_cstr(m->fault));
        return;
    }
    if ((earlier = kdbi_feed_find_sub(&ws->feed, m->subscription)) != NULL) {
        kdbi_feed_remove_sub(&ws->feed, earlier);
    }
    if (ws->feed.nsubs >= SUBS_PER_SOCKET) {
        push_error(ws, m->subscription, "UNSUPPORTED", KDB_SV("A connection has at most 100 subscriptions"));
        return;
    }
    kdb_live_spec spec = { .id = m->subscription,
                           .sql = m->sql,
                           .start = m->options.start,
                           .from = m->options.from,
                           .last_rows = m->options.last_rows,
                           .batch_rows = m->options.batch_rows };
    const kdb_status status = kdbi_feed_subscribe(&ws->feed, &spec, &err);
    if (status != KDB_OK) {
        push_error(ws, m->subscription, kdb_live_error_code(status), kdb_sv_cstr(err.text));
    }
}

static void next_batch(kdbi_ws *ws, const kdbi_ws_message *m)
{
    if (ws->state != WS_READY) {
        return;
    }
    const kdbi_feed_sub *sub = kdbi_feed_find_sub(&ws->feed, m->subscription);
    if (sub == NULL) {
        push_error(ws, m->subscription, "BATCH_FETCH_FAILED", KDB_SV("There is no such subscription"));
        return;
    }
    kdb_live_next_batch(sub->sub);
}

static void unsubscribe(kdbi_ws *ws, const kdbi_ws_message *m)
{
    kdbi_feed_sub *sub = kdbi_feed_find_sub(&ws->feed, m->subscription);
    if (sub != NULL) {
        kdbi_feed_remove_sub(&ws->feed, sub);
    }
}

/* False: too many. Whoever has paused may send more at once, such as all the subscriptions of a page. */
static bool take_credit(kdbi_ws *ws)
{
    const int64_t rate = api_of(ws)->set.ws_messages_per_sec;
    const int64_t full = rate * BURST_SECONDS * SECOND_US;
    if (rate == 0) {
        return true;
    }
    const int64_t elapsed = ws->seen_us - ws->credited_us;
    ws->credited_us = ws->seen_us;
    ws->credit = elapsed >= BURST_SECONDS * SECOND_US ? full : ws->credit + elapsed * rate;
    ws->credit = ws->credit < full ? ws->credit : full;
    if (ws->credit < SECOND_US) {
        return false;
    }
    ws->credit -= SECOND_US;
    return true;
}

/* A subscribe is answered under its own name: the client waits for that. */
static void refuse_for_rate(kdbi_ws *ws, const kdbi_ws_message *m)
{
    const bool named = m->verb == KDBI_WS_SUBSCRIBE && !kdbi_sub_id_is_blank(m->subscription) &&
                       m->subscription.len <= KDBI_SUB_ID_MAX;
    push_error(ws, named ? m->subscription : KDB_SV("rate_limit"), "RATE_LIMIT_EXCEEDED",
               KDB_SV("Too many messages; try again shortly"));
}

static void run_message(kdbi_ws *ws, const kdbi_ws_message *m)
{
    switch (m->verb) {
    case KDBI_WS_AUTHENTICATE:
        ws->plain = ws->plain || m->plain;
        authenticate(ws, m->token);
        return;
    case KDBI_WS_SUBSCRIBE:
        subscribe(ws, m);
        return;
    case KDBI_WS_NEXT_BATCH:
        next_batch(ws, m);
        return;
    case KDBI_WS_UNSUBSCRIBE:
        unsubscribe(ws, m);
        return;
    case KDBI_WS_PING_MESSAGE:
    case KDBI_WS_VERB_COUNT:
        return;
    }
}

static void on_text(kdbi_ws *ws, kdb_sv text)
{
    kdb_arena *arena = ws->feed.hub->arena;
    kdbi_ws_message m;
    kdb_err err;
    if (kdbi_ws_message_decode(text, arena, &m, &err) != KDB_OK) {
        kdb_err_context(&err, "Invalid message");
        ws_close(ws, KDBI_WS_BAD_MESSAGE, kdb_sv_cstr(err.text));
    } else if (!take_credit(ws)) {
        refuse_for_rate(ws, &m);
    } else {
        run_message(ws, &m);
    }
    kdb_arena_reset(arena);
}

static void on_binary(kdbi_ws *ws)
{
    if (take_credit(ws)) {
        push_error(ws, KDB_SV("protocol"), "UNSUPPORTED_DATA", KDB_SV("Binary messages are not supported"));
    } else {
        ws_close(ws, KDBI_WS_POLICY, KDB_SV("Too many messages"));
    }
}

static void on_ping(kdbi_ws *ws, kdb_sv bytes)
{
    kdb_buf frame;
    if (!take_credit(ws)) {
        return; /* a pong answers the latest ping, not each */
    }
    kdb_buf_init(&frame, 0);
    kdbi_ws_put_frame(&frame, KDBI_WS_OP_PONG, bytes);
    kdbi_feed_push_bytes(&ws->feed, kdb_buf_sv(&frame));
    kdb_buf_done(&frame);
}

static void on_fault(kdbi_ws *ws, const kdbi_ws_input *input)
{
    ws->deaf = true;
    if (input->code == KDBI_WS_TOO_LARGE) {
        push_error(ws, KDB_SV("protocol"), "MESSAGE_TOO_LARGE", input->bytes);
    }
    ws_close(ws, input->code, input->bytes);
}

static void on_close_frame(kdbi_ws *ws, uint16_t code)
{
    ws->close_asked = true;
    ws->deaf = true;
    kdbi_feed_drop_waiting(&ws->feed); /* it does not read on; our own close frame, if it waits, has become pointless */
    ws_close(ws, code, KDB_SV(""));    /* the same back; nothing when we closed first */
}

static void on_input(kdbi_ws *ws, const kdbi_ws_input *input)
{
    if (ws->state == WS_CLOSING && input->what != KDBI_WS_CLOSE) {
        return;
    }
    switch (input->what) {
    case KDBI_WS_TEXT:
        on_text(ws, input->bytes);
        return;
    case KDBI_WS_BINARY:
        on_binary(ws);
        return;
    case KDBI_WS_PING:
        on_ping(ws, input->bytes);
        return;
    case KDBI_WS_CLOSE:
        on_close_frame(ws, input->code);
        return;
    case KDBI_WS_FAULT:
        on_fault(ws, input);
        return;
    case KDBI_WS_PONG:
    case KDBI_WS_NOTHING:
        return;
    }
}

/* ---- reading ---- */

/* False when a verdict is awaited: the rest is read after it. */
static bool read_frames(kdbi_ws *ws)
{
    while (!ws->deaf && ws->state != WS_VERIFYING) {
        const kdbi_ws_input input = kdbi_ws_reader_next(ws->reader);
        if (input.what == KDBI_WS_NOTHING) {
            return true;
        }
        on_input(ws, &input);
    }
    return ws->deaf;
}

static void finish_input(kdbi_ws *ws)
{
    h2o_socket_t *sock = ws->conn->sock;
    if (!read_frames(ws)) {
        return;
    }
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (ws->reader != NULL && (ws->deaf || kdbi_ws_reader_is_idle(ws->reader))) {
        return_reader(ws);
    }
}

/* H2O's buffer is its own again once it is empty, unless it was made for bytes that did not come. */
static void read_input(kdbi_ws *ws)
{
    h2o_socket_t *sock = ws->conn->sock;
    if (sock->input->size == 0) {
        h2o_buffer_dispose(&sock->input);
        h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
        return;
    }
    if (!ws->deaf) {
        if (ws->reader == NULL) {
            ws->reader = borrow_reader(ws->feed.hub);
        }
        kdbi_ws_reader_feed(ws->reader, kdb_sv_of(sock->input->bytes, sock->input->size));
    }
    finish_input(ws);
}

static void after_input(kdbi_ws *ws)
{
    kdbi_feed_flush(&ws->feed);
    if (ws->close_asked && ws->close_sent) {
        ws_end(ws);
    }
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    kdbi_ws *ws = sock->data;
    if (err != NULL) {
        ws_end(ws);
        return;
    }
    ws->seen_us = kdb_monotonic_us();
    ws->pinged = false;
    atomic_store_explicit(&ws->feed.client.seen_us, kdb_now_us(), memory_order_relaxed);
    read_input(ws);
    after_input(ws);
}

static void on_verdict(kdbi_ws *ws, const verdict *v)
{
    kdb_auth_pass *pass = NULL;
    kdb_err err = { .status = KDB_INVALID_CREDENTIALS };
    ws->awaited = NULL;
    move(ws, ws->feed.pass == NULL ? WS_NEW : WS_READY);
    h2o_socket_read_start(ws->conn->sock, on_read);
    if (v->good && kdb_auth_pass_new(api_of(ws)->auth, v->job.tokens[0], &pass, &err) == KDB_OK) {
        admit(ws, pass);
    } else {
        refuse_token(ws, &err);
    }
    if (ws->reader != NULL) {
        finish_input(ws);
    } else if (ws->conn->sock->input->size > 0) {
        read_input(ws);
    }
    after_input(ws);
}

void kdbi_ws_on_verdicts(KDB_UNUSED h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        verdict *v = KDB_CONTAINER_OF(messages->next, verdict, message.link);
        h2o_linklist_unlink(&v->message.link);
        if (v->ws != NULL) {
            on_verdict(v->ws, v);
        }
        verdict_free(v);
    }
}

/* ---- time ---- */

static void give_up_waiting(kdbi_ws *ws)
{
    char message[96];
    (void)snprintf(message, sizeof message,
                   "Authentication timeout - no auth message received within %" PRId64 " seconds",
                   api_of(ws)->set.ws_auth_us / SECOND_US);
    refuse_auth(ws, kdb_sv_cstr(message), KDB_SV("Authentication timeout"));
}

static void end_access(kdbi_ws *ws, const kdb_err *err)
{
    kdbi_feed_end_subs(&ws->feed, kdb_status_defs[err->status].code, err->text, false);
    ws_close(ws, KDBI_WS_POLICY, kdb_sv_cstr(err->text));
}

/* Looks after a client: is it there, may it still, does it read. It has been asked before it is given up. A pong comes a moment
 * after a beat, so the next beat finds it a moment less than an interval old: half of one is silence enough to ask again. */
static void beat(kdbi_ws *ws)
{
    static const char ping[] = { (char)0x89, 0 };
    const kdbi_settings *set = &api_of(ws)->set;
    const int64_t now_us = kdb_monotonic_us();
    kdb_err err;
    if (ws->pinged && now_us - ws->seen_us >= set->ws_silence_us) {
        ws_close(ws, KDBI_WS_NORMAL, KDB_SV("Heartbeat timeout"));
        return;
    }
    if (ws->feed.in_flight > 0 && now_us - ws->writing_us >= set->stalled_us) {
        slow(&ws->feed);
        return;
    }
    if (kdb_auth_pass_check(api_of(ws)->auth, ws->feed.pass, &err) != KDB_OK) {
        end_access(ws, &err);
        return;
    }
    if (ws->feed.count == 0 && now_us - ws->seen_us >= set->ws_heartbeat_us / 2) {
        kdbi_feed_push_bytes(&ws->feed, kdb_sv_of(ping, sizeof ping));
        ws->pinged = true;
    }
    set_timer(ws, &ws->feed.hub->heartbeat);
}

static void on_timer(h2o_timeout_entry_t *entry)
{
    kdbi_ws *ws = KDB_CONTAINER_OF(entry, kdbi_ws, timer);
    switch (ws->state) {
    case WS_NEW:
        give_up_waiting(ws);
        break;
    case WS_READY:
        beat(ws);
        break;
    case WS_CLOSING: /* it does not answer */
        ws_end(ws);
        return;
    case WS_VERIFYING:
    case WS_STATE_COUNT:
        break;
    }
    kdbi_feed_flush(&ws->feed);
}

/* ---- the beginning ---- */

static void count_socket(kdb_api *api)
{
    const uint64_t now = atomic_fetch_add(&api->sockets, 1) + 1;
    uint64_t peak = atomic_load(&api->sockets_peak);
    while (now > peak && !atomic_compare_exchange_weak(&api->sockets_peak, &peak, now)) {}
}

void kdbi_ws_drain(kdbi_feed *feed)
{
    ws_close(ws_of(feed), KDBI_WS_GOING_AWAY, KDB_SV("Server shutting down"));
}

void kdbi_ws_open(const kdbi_ws_start *start)
{
    kdbi_ws *ws = KDB_NEW(kdbi_ws);
    kdbi_hub *hub = start->conn->loop->hub;
    kdbi_feed_init(&ws->feed, hub, &ws_feed_def, &hub->sockets);
    ws->feed.addr = start->addr;
    ws->conn = start->conn;
    ws->plain = start->plain;
    ws->seen_us = kdb_monotonic_us();
    ws->credited_us = ws->seen_us - BURST_SECONDS * SECOND_US;
    ws->timer.cb = on_timer;
    count_socket(hub->loop->api);
    start->conn->sock->data = ws;
    set_timer(ws, &hub->auth);
    h2o_socket_read_start(start->conn->sock, on_read);
    if (hub->loop->draining) {
        kdbi_ws_drain(&ws->feed);
        return;
    }
    if (start->token.ptr != NULL) {
        authenticate(ws, start->token);
    }
    if (ws->state != WS_VERIFYING && start->conn->sock->input->size > 0) {
        read_input(ws);
    }
    after_input(ws);
}
