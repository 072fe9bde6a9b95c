/* exchange.c - one request that other threads work on, from its decoding to the last byte of its answer. It belongs to the
 * connection's net thread, but for `body` and `reply`, which are the worker's until it calls finish, and what `lock`
 * guards. It ends when both sides are through with it: H2O has disposed of the request, and finish has been called.
 *
 * An answer is kept back until it is complete, so that an error can still become a proper error response. One that grows
 * past KDBI_PIECES_HELD pieces is streamed instead: the worker hands pieces over and waits while too many are not taken,
 * so that a request's memory does not grow with its answer. */
#include "net_int.h"

/* Times the limit for a stalled client that a slow one may take for one piece. */
enum { SLOW_STALLS = 10 };
enum { IDLE_MAX = 128, IDLE_BUF_MAX = 16 * 1024, PIECE_SLACK = 4096 };

/* ---- states ---- */

#define TO(state) (1u << (state))
static const unsigned allowed_moves[KDBI_EX_STATE_COUNT] = {
    [KDBI_EX_IDLE] = TO(KDBI_EX_DECODING),
    [KDBI_EX_DECODING] = TO(KDBI_EX_RUNNING) | TO(KDBI_EX_SENDING) | TO(KDBI_EX_IDLE),
    [KDBI_EX_RUNNING] = TO(KDBI_EX_DECODING) | TO(KDBI_EX_STREAMING) | TO(KDBI_EX_SENDING) | TO(KDBI_EX_ABANDONED),
    [KDBI_EX_STREAMING] = TO(KDBI_EX_SENDING) | TO(KDBI_EX_ABANDONED),
    [KDBI_EX_ABANDONED] = TO(KDBI_EX_SENDING) | TO(KDBI_EX_IDLE),
    [KDBI_EX_SENDING] = TO(KDBI_EX_IDLE),
};

bool kdbi_exchange_may_move(kdbi_exchange_state from, kdbi_exchange_state to)
{
    return (allowed_moves[from] & TO(to)) != 0;
}

static void move(kdbi_exchange *ex, kdbi_exchange_state to)
{
    KDB_ASSERT(kdbi_exchange_may_move(ex->state, to));
    ex->state = to;
}

/* ---- pieces ---- */

static void list_push(kdbi_piece_list *list, kdbi_piece *piece)
{
    piece->next = NULL;
    if (list->last == NULL) {
        list->first = piece;
    } else {
        list->last->next = piece;
    }
    list->last = piece;
    list->count++;
}

static kdbi_piece *list_pop(kdbi_piece_list *list)
{
    kdbi_piece *piece = list->first;
    if (piece != NULL) {
        list->first = piece->next;
        list->last = list->first == NULL ? NULL : list->last;
        list->count--;
    }
    return piece;
}

/* Appends all of `from`, which is empty then. */
static void list_move(kdbi_piece_list *to, kdbi_piece_list *from)
{
    for (kdbi_piece *piece; (piece = list_pop(from)) != NULL;) {
        list_push(to, piece);
    }
}

static void piece_free(kdbi_piece *piece)
{
    kdb_buf_done(&piece->buf);
    kdb_free(piece);
}

static void list_clear(kdbi_piece_list *list)
{
    for (kdbi_piece *piece; (piece = list_pop(list)) != NULL;) {
        piece_free(piece);
    }
}

static kdbi_piece *piece_new(void)
{
    kdbi_piece *piece = KDB_NEW(kdbi_piece);
    kdb_buf_init(&piece->buf, 0);
    return piece;
}

/* Makes `piece` the one that is written. */
static void write_to(kdbi_exchange *ex, kdbi_piece *piece)
{
    list_push(&ex->body, piece);
    ex->reply.out = &piece->buf;
}

kdb_buf *kdbi_exchange_out(kdbi_exchange *ex)
{
    return &ex->body.last->buf;
}

/* Leaves one small piece, for the next request. */
static void reset_pieces(kdbi_exchange *ex)
{
    list_move(&ex->spare, &ex->sent);
    list_move(&ex->spare, &ex->ready);
    list_move(&ex->spare, &ex->body);
    kdbi_piece *kept = NULL;
    for (kdbi_piece *piece; (piece = list_pop(&ex->spare)) != NULL;) {
        if (kept == NULL && piece->buf.cap <= IDLE_BUF_MAX) {
            kept = piece;
        } else {
            piece_free(piece);
        }
    }
    if (kept == NULL) {
        kept = piece_new();
    }
    kept->buf.len = 0;
    write_to(ex, kept);
}

/* ---- life ---- */

static kdbi_exchange *allocate(kdbi_loop *loop)
{
    kdbi_exchange *ex = KDB_NEW(kdbi_exchange);
    ex->loop = loop;
    ex->arena = kdb_arena_new(0);
    kdb_mutex_init(&ex->lock, KDB_LOCK_REQUEST);
    kdb_cond_init(&ex->changed);
    write_to(ex, piece_new());
    return ex;
}

void kdbi_exchange_free(kdbi_exchange *ex)
{
    list_clear(&ex->sent);
    list_clear(&ex->ready);
    list_clear(&ex->body);
    list_clear(&ex->spare);
    kdb_cond_done(&ex->changed);
    kdb_mutex_done(&ex->lock);
    kdb_arena_free(ex->arena);
    kdb_free(ex);
}

/* Nobody else knows the exchange any more, so its lock is not needed. */
static void retire(kdbi_exchange *ex) KDB_UNCHECKED_LOCKS;
static void retire(kdbi_exchange *ex)
{
    kdbi_loop *loop = ex->loop;
    move(ex, KDBI_EX_IDLE);
    loop->nbusy--;
    if (loop->nidle >= IDLE_MAX || loop->stopping) {
        kdbi_exchange_free(ex);
        return;
    }
    kdb_arena_reset(ex->arena);
    reset_pieces(ex);
    ex->answered = false;
    ex->content_type = NULL;
    ex->posted = ex->streaming = ex->finished = ex->broken = ex->gone = false;
    ex->outstanding = ex->body_bytes = 0;
    ex->request = (kdb_request){ .nparams = 0 };
    ex->next_idle = loop->idle;
    loop->idle = ex;
    loop->nidle++;
}

static void abandon(kdbi_exchange *ex);

/* The workers are through with it, and their last message has been taken. */
static bool is_finished(kdbi_exchange *ex)
{
    kdb_mutex_lock(&ex->lock);
    const bool finished = ex->finished && !ex->posted;
    kdb_mutex_unlock(&ex->lock);
    return finished;
}

/* Lies in the request's pool, so that H2O disposes of it with the request. */
typedef struct request_end {
    kdbi_exchange *ex;
} request_end;

/* H2O has ended the request: answered, or the connection is gone. */
static void on_dispose(void *end)
{
    kdbi_exchange *ex = ((request_end *)end)->ex;
    ex->req = NULL;
    switch (ex->state) {
    case KDBI_EX_RUNNING:
    case KDBI_EX_STREAMING:
        abandon(ex);
        if (is_finished(ex)) { /* only the end of a stream was still to be sent */
            retire(ex);
        }
        return;
    case KDBI_EX_ABANDONED:
        return;
    case KDBI_EX_DECODING:
    case KDBI_EX_SENDING:
        retire(ex);
        return;
    case KDBI_EX_IDLE:
    case KDBI_EX_STATE_COUNT:
        break;
    }
    KDB_ASSERT(false);
}

kdbi_exchange *kdbi_exchange_new(kdbi_loop *loop, h2o_req_t *req)
{
    KDB_ASSERT_ON(KDB_THREAD_NET);
    kdbi_exchange *ex = loop->idle;
    if (ex != NULL) {
        loop->idle = ex->next_idle;
        loop->nidle--;
    } else {
        ex = allocate(loop);
    }
    move(ex, KDBI_EX_DECODING);
    loop->nbusy++;
    ex->req = req;
    ex->started_us = kdb_monotonic_us();
    request_end *end = h2o_mem_alloc_shared(&req->pool, sizeof(*end), on_dispose);
    end->ex = ex;
    return ex;
}

static void on_client_left(void *ex)
{
    kdbi_exchange_client_left(ex);
}

void kdbi_exchange_hand_out(kdbi_exchange *ex, void (*answer)(kdbi_exchange *ex))
{
    ex->answer = answer;
    move(ex, KDBI_EX_RUNNING);
    kdbi_conn_watch(kdbi_conn_of(ex->req), on_client_left, ex);
}

void kdbi_exchange_take_back(kdbi_exchange *ex)
{
    kdbi_conn_unwatch(kdbi_conn_of(ex->req));
    kdb_mutex_lock(&ex->lock);
    ex->finished = false; /* it may be handed out again: first who the caller is, then what they want */
    kdb_mutex_unlock(&ex->lock);
    move(ex, KDBI_EX_DECODING);
}

/* ---- work done here ---- */

/* What this net thread works on itself, now. Another thread may have its hands on the same exchange: a statement that was
 * begun here may end on the committer before the call that began it returns. */
static _Thread_local const kdbi_exchange *here;

void kdbi_exchange_begin_here(kdbi_exchange *ex)
{
    here = ex;
}

bool kdbi_exchange_end_here(kdbi_exchange *ex)
{
    KDB_ASSERT(here == ex);
    here = NULL;
    return ex->answered;
}

/* ---- the worker's side ---- */

/* The message wakes the net thread; one that is under way already will do. The caller holds the lock, so that whoever
 * sees `posted` false also sees that nothing will be sent any more. */
static bool must_send(kdbi_exchange *ex) KDB_REQUIRES(ex->lock)
{
    const bool first = !ex->posted;
    ex->posted = true;
    return first;
}

static void send_message(kdbi_exchange *ex)
{
    kdbi_loop_post(ex->loop, &ex->loop->answers, &ex->message);
}

/* Waits until the client has taken a piece; false when it has gone. One that only stops reading is gone too after a
 * while: the sweep (net_loop.c), which sees what the socket moves, cuts it off. One that reads a little now and then is
 * given several times as long for a piece, and no longer: a worker waits for it. */
static bool wait_for_client(kdbi_exchange *ex) KDB_REQUIRES(ex->lock)
{
    const int64_t until = kdb_monotonic_us() + SLOW_STALLS * ex->loop->api->set.stalled_us;
    bool in_time = true;
    while (!ex->gone && in_time && ex->outstanding >= KDBI_PIECES_IN_FLIGHT) {
        in_time = kdb_cond_wait_until(&ex->changed, &ex->lock, until);
    }
    return !ex->gone && ex->outstanding < KDBI_PIECES_IN_FLIGHT;
}

/* Hands over all pieces, and takes one to write to. */
static kdb_status hand_over(kdbi_exchange *ex, kdbi_piece **next, kdb_err *err)
{
    kdb_mutex_lock(&ex->lock);
    const bool taken = wait_for_client(ex);
    bool send = false;
    if (taken) {
        ex->outstanding += ex->body.count;
        list_move(&ex->ready, &ex->body);
        ex->streaming = true;
        send = must_send(ex);
        *next = list_pop(&ex->spare);
    }
    kdb_mutex_unlock(&ex->lock);
    if (send) {
        send_message(ex);
    }
    return taken ? KDB_OK : KDB_FAIL(err, KDB_CANCELLED, "The client has gone or stopped reading");
}

kdb_status kdbi_exchange_piece_full(kdbi_exchange *ex, kdb_err *err)
{
    const size_t limit = ex->loop->api->set.result_bytes;
    kdbi_piece *next = NULL;
    ex->body_bytes += kdbi_exchange_out(ex)->len;
    if (limit != 0 && ex->body_bytes > limit && ex->content_type == NULL) {
        return KDB_FAIL(err, KDB_LIMIT, "The result is larger than limits.max_result_bytes allows (%zu bytes)", limit);
    }
    if (ex->body_bytes >= (size_t)KDBI_PIECES_HELD * KDBI_PIECE_BYTES && here != ex) {
        KDB_TRY(hand_over(ex, &next, err));
    }
    if (next == NULL) {
        next = piece_new();
        (void)kdb_buf_reserve(&next->buf, KDBI_PIECE_BYTES + PIECE_SLACK);
    }
    next->buf.len = 0;
    write_to(ex, next);
    return KDB_OK;
}

bool kdbi_exchange_rewind(kdbi_exchange *ex)
{
    kdb_mutex_lock(&ex->lock);
    const bool streaming = ex->streaming;
    kdb_mutex_unlock(&ex->lock);
    if (streaming) {
        return false;
    }
    while (ex->body.count > 1) {
        piece_free(list_pop(&ex->body));
    }
    kdbi_exchange_out(ex)->len = 0;
    return true;
}

void kdbi_exchange_finish(kdbi_exchange *ex, bool broken)
{
    if (here == ex) {
        ex->answered = true;
        return;
    }
    kdb_mutex_lock(&ex->lock);
    ex->finished = true;
    ex->broken = broken;
    if (ex->streaming) {
        ex->outstanding += ex->body.count;
        list_move(&ex->ready, &ex->body);
    }
    const bool send = must_send(ex);
    kdb_mutex_unlock(&ex->lock);
    if (send) {
        send_message(ex);
    }
}

/* ---- the net thread's side ---- */

/* The workers need not go on. */
static void tell_gone(kdbi_exchange *ex)
{
    kdb_mutex_lock(&ex->lock);
    ex->gone = true;
    const bool finished = ex->finished;
    kdb_cond_signal(&ex->changed);
    kdb_mutex_unlock(&ex->lock);
    atomic_store(&ex->job.cancelled, true);
    if (!finished && ex->request.reply.self != NULL) {
        kdb_core_cancel(ex->loop->api->core, &ex->request);
    }
}

static void abandon(kdbi_exchange *ex)
{
    move(ex, KDBI_EX_ABANDONED);
    tell_gone(ex);
}

/* While an answer streams, the failing writes end the request; before that nothing is written, so it is remembered. */
void kdbi_exchange_client_left(kdbi_exchange *ex)
{
    if (ex->state == KDBI_EX_RUNNING) {
        abandon(ex);
    } else {
        tell_gone(ex);
    }
}

static size_t list_bytes(const kdbi_piece_list *list)
{
    size_t bytes = 0;
    for (const kdbi_piece *piece = list->first; piece != NULL; piece = piece->next) {
        bytes += piece->buf.len;
    }
    return bytes;
}

/* Gives exchange->sent to H2O. */
static void send_pieces(kdbi_exchange *ex, h2o_send_state_t state)
{
    h2o_iovec_t few[KDBI_PIECES_HELD + 2];
    h2o_iovec_t *bufs = few;
    size_t n = 0;
    if (ex->sent.count > KDB_ARRAY_LEN(few)) {
        bufs = h2o_mem_alloc_pool(&ex->req->pool, ex->sent.count * sizeof(*bufs));
    }
    for (kdbi_piece *piece = ex->sent.first; piece != NULL; piece = piece->next) {
        bufs[n++] = h2o_iovec_init(piece->buf.ptr, piece->buf.len);
    }
    kdbi_count_bytes(ex->loop, list_bytes(&ex->sent));
    h2o_send(ex->req, bufs, n, state);
}

/* What fails is told in JSON. */
static kdb_sv type_of(const kdbi_exchange *ex, int status)
{
    return ex->content_type == NULL || status != 200 ? KDB_SV("application/json") : kdb_sv_cstr(ex->content_type);
}

void kdbi_exchange_send(kdbi_exchange *ex, int status)
{
    static h2o_generator_t whole = { NULL, NULL };
    move(ex, KDBI_EX_SENDING);
    list_move(&ex->sent, &ex->body);
    kdbi_respond_head_as(ex->loop, ex->req, status, type_of(ex, status), list_bytes(&ex->sent), &whole);
    send_pieces(ex, H2O_SEND_STATE_FINAL);
}

/* Sends what is ready of a streamed answer, unless H2O still has something. That the workers have finished counts only
 * once their message has come, so that none is under way when the exchange ends. */
static void pump(kdbi_exchange *ex)
{
    if (ex->sent.count > 0) {
        return;
    }
    kdb_mutex_lock(&ex->lock);
    list_move(&ex->sent, &ex->ready);
    const bool finished = ex->finished && !ex->posted;
    const bool broken = ex->broken;
    kdb_mutex_unlock(&ex->lock);
    if (finished) {
        kdbi_conn_unwatch(kdbi_conn_of(ex->req));
        move(ex, KDBI_EX_SENDING);
        send_pieces(ex, broken ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL);
    } else if (ex->sent.count > 0) {
        send_pieces(ex, H2O_SEND_STATE_IN_PROGRESS);
    }
}

/* The socket has taken what was sent. */
static void on_proceed(h2o_generator_t *generator, KDB_UNUSED h2o_req_t *req)
{
    kdbi_exchange *ex = KDB_CONTAINER_OF(generator, kdbi_exchange, generator);
    kdb_mutex_lock(&ex->lock);
    ex->outstanding -= ex->sent.count;
    list_move(&ex->spare, &ex->sent);
    kdb_cond_signal(&ex->changed);
    kdb_mutex_unlock(&ex->lock);
    pump(ex);
}

static void start_stream(kdbi_exchange *ex)
{
    move(ex, KDBI_EX_STREAMING);
    ex->generator = (h2o_generator_t){ on_proceed, NULL };
    kdbi_respond_head_as(ex->loop, ex->req, 200, type_of(ex, 200), SIZE_MAX, &ex->generator);
    pump(ex);
}

/* The client closed its side before anything was sent: any answer will do that ends the connection. */
static void answer_nobody(kdbi_exchange *ex)
{
    if (ex->req == NULL) {
        retire(ex);
        return;
    }
    kdbi_conn_unwatch(kdbi_conn_of(ex->req));
    ex->req->http1_is_persistent = 0;
    move(ex, KDBI_EX_SENDING);
    kdbi_respond(ex->loop, ex->req, 499, KDB_SV("{\"error\":\"Client closed the connection\"}"));
}

void kdbi_exchange_news(kdbi_exchange *ex)
{
    KDB_ASSERT_ON(KDB_THREAD_NET);
    kdb_mutex_lock(&ex->lock);
    ex->posted = false;
    const bool finished = ex->finished;
    const bool streaming = ex->streaming;
    kdb_mutex_unlock(&ex->lock);
    if (ex->state == KDBI_EX_ABANDONED) {
        if (finished) {
            answer_nobody(ex);
        }
    } else if (ex->state == KDBI_EX_STREAMING) {
        pump(ex);
    } else if (streaming) {
        start_stream(ex);
    } else {
        KDB_ASSERT(finished);
        kdbi_conn_unwatch(kdbi_conn_of(ex->req));
        ex->answer(ex);
    }
}
