/* net_loop.c - the event loops. Loop 0 accepts and gives each connection to the loop that has fewest; a connection never
 * moves. Nothing here waits: other threads reach a loop through its message queue only.
 *
 * H2O has one timeout for both idle connections and slow requests, and none for clients that do not read. So a sweep once
 * a second looks at every connection, tells from its socket what it is doing, and shuts those that have done it too long;
 * H2O then sees the end of the connection as if the client had closed it. Its own timeout is set beyond ours. TLS is H2O's
 * too: everything here sees what was deciphered, but for the peek at a client that leaves, which sees that bytes came. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub_int.h"

enum { ACCEPT_BATCH = 64, STOP_WAIT_MS = 50, H2O_SLACK_MS = 10000 };

/* Of a connection that lingers: in all, and without a byte from the client. */
enum { LINGER_US = 30 * 1000000, LINGER_SILENT_US = 5 * 1000000 };
enum { LINGER_READ_BYTES = 1024 * 1024, LINGER_BYTES = 256 * 1024 * 1024 };

typedef enum note_kind { NOTE_CONNECTION, NOTE_TLS, NOTE_DRAIN, NOTE_CUT, NOTE_STOP } note_kind;

/* A message to a loop that is not about an exchange. */
typedef struct note {
    h2o_multithread_message_t message;
    note_kind kind;
    int fd;       /* NOTE_CONNECTION */
    SSL_CTX *tls; /* NOTE_TLS */
} note;

/* H2O lets go of its queue's lock before it wakes the loop, so a loop that ends waits until nobody is in here. */
void kdbi_loop_post(kdbi_loop *loop, h2o_multithread_receiver_t *receiver, h2o_multithread_message_t *message)
{
    atomic_fetch_add(&loop->senders, 1);
    h2o_multithread_send_message(receiver, message);
    atomic_fetch_sub(&loop->senders, 1);
}

static void post(kdbi_loop *loop, note what)
{
    note *n = KDB_NEW(note);
    *n = what;
    kdbi_loop_post(loop, &loop->notes, &n->message);
}

static void post_note(kdbi_loop *loop, note_kind kind, int fd)
{
    post(loop, (note){ .kind = kind, .fd = fd });
}

static void drop_unsent(const kdbi_conn *conn);

/* ---- the life of a connection ---- */

kdbi_conn *kdbi_conn_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static void count_connection(kdb_api *api)
{
    const uint64_t now = atomic_fetch_add(&api->connections, 1) + 1;
    uint64_t peak = atomic_load(&api->connections_peak);
    while (now > peak && !atomic_compare_exchange_weak(&api->connections_peak, &peak, now)) {}
}

static void conn_free(kdbi_conn *conn)
{
    kdb_api *api = conn->loop->api;
    atomic_fetch_sub(&conn->loop->nconns, 1);
    if (conn->counted) {
        kdbi_conn_limit_give(api->per_address, &conn->peer);
    }
    if (conn->linger_fd >= 0) {
        (void)close(conn->linger_fd);
    }
    h2o_linklist_unlink(&conn->link);
    kdb_free(conn);
    if (atomic_fetch_sub(&api->connections, 1) == 1 && atomic_load(&api->draining)) {
        kdb_mutex_lock(&api->lock);
        kdb_cond_broadcast(&api->changed);
        kdb_mutex_unlock(&api->lock);
    }
}

static void on_closed(void *arg)
{
    conn_free(arg);
}

/* Throws away what has come, uncopied. Not more than one read's worth at a time: others wait for this thread. */
static void on_linger_read(h2o_socket_t *sock, KDB_UNUSED const char *err)
{
    kdbi_conn *conn = sock->on_close.data;
    const ssize_t n = recv(h2o_socket_get_fd(sock), NULL, LINGER_READ_BYTES, MSG_TRUNC | MSG_DONTWAIT);
    if (n > 0) {
        conn->thrown_away += (uint64_t)n;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || conn->thrown_away > LINGER_BYTES) {
        h2o_socket_close(sock);
    }
}

/* H2O closes its descriptor before it says so: this one keeps the connection. Without it there is no lingering. */
void kdbi_conn_linger(kdbi_conn *conn)
{
    if (conn->linger_fd < 0) {
        conn->linger_fd = fcntl(h2o_socket_get_fd(conn->sock), F_DUPFD_CLOEXEC, 0);
    }
}

static void linger(kdbi_conn *conn)
{
    const int fd = conn->linger_fd;
    conn->linger_fd = -1;
    (void)shutdown(fd, SHUT_WR);
    conn->sock = h2o_evloop_socket_create(conn->loop->ctx.loop, fd, 0);
    conn->sock->on_close.cb = on_closed;
    conn->sock->on_close.data = conn;
    conn->phase = KDBI_CONN_LINGERING;
    conn->lingers_since_us = conn->since_us = kdb_monotonic_us();
    h2o_socket_dont_read(conn->sock, 1);
    h2o_socket_read_start(conn->sock, on_linger_read);
}

static void on_h2o_closed(void *arg)
{
    kdbi_conn *conn = arg;
    if (conn->linger_fd >= 0 && !conn->loop->stopping) {
        linger(conn);
    } else {
        conn_free(conn);
    }
}

static kdbi_addr peer_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getpeername(fd, (struct sockaddr *)(void *)&sa, &len) != 0) {
        return (kdbi_addr){ { 0 } };
    }
    return kdbi_addr_of((const struct sockaddr *)(const void *)&sa);
}

/* Its address has as many as it may: nothing is said, as whoever floods would not read it. */
static void drop_connection(kdbi_conn *conn, int fd)
{
    (void)close(fd);
    conn->counted = false;
    h2o_linklist_insert(&conn->loop->conns, &conn->link);
    conn_free(conn);
}

static void start_connection(kdbi_loop *loop, int fd)
{
    kdbi_conn *conn = KDB_NEW(kdbi_conn);
    conn->loop = loop;
    conn->linger_fd = -1;
    conn->peer = peer_of(fd);
    conn->counted = !kdbi_trusted_has(&loop->api->set.trusted, &conn->peer);
    if (conn->counted && !kdbi_conn_limit_take(loop->api->per_address, &conn->peer)) {
        drop_connection(conn, fd);
        return;
    }
    conn->refused = atomic_load(&loop->api->connections) > loop->api->set.max_connections;
    conn->since_us = kdb_monotonic_us();
    h2o_linklist_insert(&loop->conns, &conn->link);
    conn->sock = h2o_evloop_socket_create(loop->ctx.loop, fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    conn->sock->on_close.cb = on_h2o_closed;
    conn->sock->on_close.data = conn;
    if (loop->accept.ssl_ctx != NULL) {
        h2o_accept(&loop->accept, conn->sock);
        return;
    }
    struct timeval now = *h2o_get_timestamp(&loop->ctx, NULL, NULL);
    h2o_http1_accept(&loop->accept, conn->sock, now);
}

void kdbi_conn_upgraded(kdbi_conn *conn)
{
    h2o_linklist_unlink(&conn->link);
    h2o_linklist_insert(&conn->loop->upgraded, &conn->link);
}

/* TLS may have to wait for its last record to be taken: the sweep sees that this does not last. */
void kdbi_conn_close(kdbi_conn *conn)
{
    h2o_linklist_unlink(&conn->link);
    h2o_linklist_insert(&conn->loop->conns, &conn->link);
    conn->phase = KDBI_CONN_LINGERING;
    conn->lingers_since_us = conn->since_us = kdb_monotonic_us();
    if (h2o_socket_is_writing(conn->sock)) {
        drop_unsent(conn);
    }
    h2o_socket_close(conn->sock);
}

/* ---- accepting ---- */

static kdbi_loop *least_loaded(kdb_api *api)
{
    kdbi_loop *best = &api->loops[0];
    for (size_t i = 1; i < api->nloops; i++) {
        if (atomic_load(&api->loops[i].nconns) < atomic_load(&best->nconns)) {
            best = &api->loops[i];
        }
    }
    return best;
}

static void place_connection(kdb_api *api, int fd)
{
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    kdbi_loop *loop = least_loaded(api);
    count_connection(api);
    atomic_fetch_add(&loop->nconns, 1);
    if (loop == &api->loops[0]) {
        start_connection(loop, fd);
    } else {
        post_note(loop, NOTE_CONNECTION, fd);
    }
}

/* Until the next sweep: a full table of descriptors does not empty sooner for asking again. */
static void pause_accepting(kdbi_loop *loop, const char *why)
{
    kdb_log_warn("accepting paused connections=%" PRIu64 " err=\"%s\"", (uint64_t)atomic_load(&loop->api->connections),
                 why);
    for (size_t i = 0; i < loop->api->nlisteners; i++) {
        h2o_socket_read_stop(loop->listeners[i]);
    }
    loop->accepting = false;
}

/* Those over the limit are accepted too, to be told so; beyond that many they wait in the listener's queue. */
static bool has_room(const kdb_api *api)
{
    return atomic_load(&api->connections) < api->set.max_connections + api->set.max_refused;
}

/* False when there is no connection to take, or none can be taken. */
static bool accept_one(kdbi_loop *loop, int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        place_connection(loop->api, fd);
        return true;
    }
    if (errno == EINTR || errno == ECONNABORTED) {
        return true;
    }
    if (errno != EAGAIN) {
        pause_accepting(loop, strerror(errno));
    }
    return false;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    kdbi_loop *loop = listener->data;
    for (int i = 0; err == NULL && i < ACCEPT_BATCH; i++) {
        if (!has_room(loop->api)) {
            pause_accepting(loop, "too many connections");
            return;
        }
        if (!accept_one(loop, h2o_socket_get_fd(listener))) {
            return;
        }
    }
}

static void start_accepting(kdbi_loop *loop)
{
    for (size_t i = 0; i < loop->api->nlisteners; i++) {
        h2o_socket_read_start(loop->listeners[i], on_accept);
    }
    loop->accepting = true;
}

static void open_listeners(kdbi_loop *loop)
{
    for (size_t i = 0; i < loop->api->nlisteners; i++) {
        loop->listeners[i] =
            h2o_evloop_socket_create(loop->ctx.loop, loop->api->listeners[i], H2O_SOCKET_FLAG_DONT_READ);
        loop->listeners[i]->data = loop;
    }
    start_accepting(loop);
}

static void close_listeners(kdbi_loop *loop)
{
    for (size_t i = 0; i < KDBI_LISTENERS_MAX; i++) {
        if (loop->listeners[i] != NULL) {
            h2o_socket_close(loop->listeners[i]);
            loop->listeners[i] = NULL;
        }
    }
    loop->accepting = false;
}

/* ---- watching for clients that leave ---- */

/* H2O does not read while a request is processed, and must not: its buffer holds the request. So readiness is asked for
 * without reading, and a peek tells whether the client closed its side or sent its next request. */
static void on_watched(h2o_socket_t *sock, KDB_UNUSED const char *err)
{
    kdbi_conn *conn = sock->on_close.data;
    char byte;
    const ssize_t n = recv(h2o_socket_get_fd(sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    h2o_socket_read_stop(sock);
    if (n <= 0) {
        conn->left(conn->watcher);
    }
}

void kdbi_conn_watch(kdbi_conn *conn, void (*left)(void *watcher), void *watcher)
{
    conn->left = left;
    conn->watcher = watcher;
    h2o_socket_dont_read(conn->sock, 1);
    h2o_socket_read_start(conn->sock, on_watched);
}

void kdbi_conn_unwatch(kdbi_conn *conn)
{
    if (conn->watcher == NULL) {
        return;
    }
    conn->watcher = NULL;
    h2o_socket_read_stop(conn->sock);
    h2o_socket_dont_read(conn->sock, 0);
}

/* ---- the sweep ---- */

static kdbi_phase phase_of(const kdbi_conn *conn)
{
    if (conn->phase == KDBI_CONN_LINGERING) {
        return KDBI_CONN_LINGERING;
    }
    if (h2o_socket_is_writing(conn->sock)) {
        return KDBI_CONN_WRITING;
    }
    if (conn->watcher != NULL || !h2o_socket_is_reading(conn->sock)) {
        return KDBI_CONN_RUNNING;
    }
    const kdb_sv input = kdb_sv_of(conn->sock->input->bytes, conn->sock->input->size);
    if (input.len == 0) {
        return KDBI_CONN_IDLE;
    }
    return kdbi_head_is_complete(input) ? KDBI_CONN_READING : KDBI_CONN_READING_HEAD;
}

/* The kernel may have all of an answer of which the client takes nothing. It is asked once per answer that was taken. */
static bool has_untaken(kdbi_conn *conn)
{
    int bytes = 0;
    if (conn->taken == conn->sock->bytes_written || ioctl(h2o_socket_get_fd(conn->sock), SIOCOUTQ, &bytes) != 0) {
        return false;
    }
    if (bytes == 0) {
        conn->taken = conn->sock->bytes_written;
    }
    return bytes > 0;
}

/* To H2O an answer is written when the kernel has it; to the sweep when the client has, but for a drain, which leaves the rest
 * to the kernel. */
static kdbi_phase phase_seen_by_sweep(kdbi_conn *conn)
{
    const kdbi_phase phase = phase_of(conn);
    return phase == KDBI_CONN_IDLE && !conn->loop->draining && has_untaken(conn) ? KDBI_CONN_WRITING : phase;
}

/* Rises with every answer, while one is written with every packet that the client takes, and while the connection lingers with
 * what is thrown away. */
static uint64_t bytes_moved(const kdbi_conn *conn, kdbi_phase phase)
{
    if (phase == KDBI_CONN_LINGERING) {
        return conn->thrown_away;
    }
    uint64_t moved = conn->sock->bytes_written;
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (phase == KDBI_CONN_WRITING &&
        getsockopt(h2o_socket_get_fd(conn->sock), IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
        moved += info.tcpi_bytes_acked;
    }
    return moved;
}

/* How long a connection may be in a phase; 0: for ever. */
static int64_t phase_limit(const kdbi_loop *loop, kdbi_phase phase)
{
    const kdbi_settings *set = &loop->api->set;
    switch (phase) {
    case KDBI_CONN_IDLE:
        return loop->draining ? 1 : set->keepalive_us;
    case KDBI_CONN_READING_HEAD:
        return set->head_us;
    case KDBI_CONN_READING:
        return set->request_us;
    case KDBI_CONN_WRITING:
        return set->stalled_us;
    case KDBI_CONN_LINGERING:
        return loop->draining ? 1 : LINGER_SILENT_US;
    case KDBI_CONN_RUNNING:
    case KDBI_CONN_PHASE_COUNT:
        break;
    }
    return 0;
}

void kdbi_conn_shut(const kdbi_conn *conn)
{
    (void)shutdown(h2o_socket_get_fd(conn->sock), SHUT_RDWR);
}

/* What a client does not read would stay in the kernel for minutes after the connection has ended. */
static void drop_unsent(const kdbi_conn *conn)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(h2o_socket_get_fd(conn->sock), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void check_connection(kdbi_conn *conn, int64_t now_us)
{
    const kdbi_phase phase = phase_seen_by_sweep(conn);
    const uint64_t moved = bytes_moved(conn, phase);
    const int64_t limit = phase_limit(conn->loop, phase);
    if (phase != conn->phase || moved != conn->moved) {
        conn->phase = phase;
        conn->moved = moved;
        conn->since_us = now_us;
    }
    const bool lingers_long = phase == KDBI_CONN_LINGERING && now_us - conn->lingers_since_us >= LINGER_US;
    if (lingers_long || (limit != 0 && now_us - conn->since_us >= limit)) {
        if (phase == KDBI_CONN_WRITING) {
            drop_unsent(conn);
        }
        kdbi_conn_shut(conn);
    }
}

static void check_connections(kdbi_loop *loop)
{
    const int64_t now_us = kdb_monotonic_us();
    for (h2o_linklist_t *link = loop->conns.next; link != &loop->conns; link = link->next) {
        check_connection(KDB_CONTAINER_OF(link, kdbi_conn, link), now_us);
    }
}

static void on_sweep(h2o_timeout_entry_t *entry)
{
    kdbi_loop *loop = KDB_CONTAINER_OF(entry, kdbi_loop, sweep);
    check_connections(loop);
    if (loop->listeners[0] != NULL && !loop->accepting && !loop->draining) {
        start_accepting(loop);
    }
    h2o_timeout_link(loop->ctx.loop, &loop->ctx.one_sec_timeout, &loop->sweep);
}

/* ---- messages ---- */

/* One loop more is as far as `count` says. */
static void tell(kdb_api *api, size_t *count)
{
    kdb_mutex_lock(&api->lock);
    (*count)++;
    kdb_cond_broadcast(&api->changed);
    kdb_mutex_unlock(&api->lock);
}

static void on_answers(KDB_UNUSED h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        kdbi_exchange *ex = KDB_CONTAINER_OF(messages->next, kdbi_exchange, message.link);
        h2o_linklist_unlink(&ex->message.link);
        kdbi_exchange_news(ex);
    }
}

/* Idle connections are closed at once, the others when they have their answer (kdbi_respond_head sees to that). */
static void drain(kdbi_loop *loop)
{
    loop->draining = true;
    close_listeners(loop);
    if (loop->hub != NULL) {
        kdbi_hub_drain(loop->hub);
    }
    for (h2o_linklist_t *link = loop->conns.next; link != &loop->conns; link = link->next) {
        const kdbi_conn *conn = KDB_CONTAINER_OF(link, kdbi_conn, link);
        if (phase_of(conn) == KDBI_CONN_IDLE) {
            kdbi_conn_shut(conn);
        }
    }
    tell(loop->api, &loop->api->drained);
}

static void shut_upgraded(kdbi_loop *loop)
{
    for (h2o_linklist_t *link = loop->upgraded.next; link != &loop->upgraded; link = link->next) {
        kdbi_conn_shut(KDB_CONTAINER_OF(link, kdbi_conn, link));
    }
}

/* Answers still being written when the grace is over: their workers wait for clients that may take for ever. */
static void cut(kdbi_loop *loop)
{
    for (h2o_linklist_t *link = loop->conns.next; link != &loop->conns; link = link->next) {
        const kdbi_conn *conn = KDB_CONTAINER_OF(link, kdbi_conn, link);
        if (phase_of(conn) == KDBI_CONN_WRITING) {
            drop_unsent(conn);
            kdbi_conn_shut(conn);
        }
    }
    shut_upgraded(loop);
}

static void on_note(kdbi_loop *loop, const note *n)
{
    switch (n->kind) {
    case NOTE_CONNECTION:
        start_connection(loop, n->fd);
        return;
    case NOTE_TLS:
        SSL_CTX_free(loop->accept.ssl_ctx);
        loop->accept.ssl_ctx = n->tls;
        return;
    case NOTE_DRAIN:
        drain(loop);
        return;
    case NOTE_CUT:
        cut(loop);
        return;
    case NOTE_STOP:
        drain(loop);
        loop->stopping = true;
        return;
    }
}

static void on_notes(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    kdbi_loop *loop = KDB_CONTAINER_OF(receiver, kdbi_loop, notes);
    while (!h2o_linklist_is_empty(messages)) {
        note *n = KDB_CONTAINER_OF(messages->next, note, message.link);
        h2o_linklist_unlink(&n->message.link);
        on_note(loop, n);
        kdb_free(n);
    }
}

void kdbi_loop_drain(kdbi_loop *loop)
{
    post_note(loop, NOTE_DRAIN, -1);
}

void kdbi_loop_set_tls(kdbi_loop *loop, SSL_CTX *tls)
{
    KDB_ASSERT(SSL_CTX_up_ref(tls) == 1);
    post(loop, (note){ .kind = NOTE_TLS, .tls = tls });
}

void kdbi_loop_cut(kdbi_loop *loop)
{
    post_note(loop, NOTE_CUT, -1);
}

void kdbi_loop_stop(kdbi_loop *loop)
{
    post_note(loop, NOTE_STOP, -1);
}

/* ---- the thread ---- */

static void configure(kdbi_loop *loop)
{
    const kdbi_settings *set = &loop->api->set;
    h2o_config_init(&loop->config);
    loop->config.server_name = h2o_iovec_init("", 0);
    loop->config.max_request_entity_size = set->max_body;
    loop->config.http1.upgrade_to_http2 = 0;
    loop->config.handshake_timeout = (uint64_t)(set->head_us / 1000);
    loop->config.http1.req_timeout = (uint64_t)((set->keepalive_us + set->request_us) / 1000 + H2O_SLACK_MS);
    h2o_hostconf_t *host = h2o_config_register_host(&loop->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    kdbi_routes_register(loop, host);
    kdbi_response_register_filter(loop, host);
}

static void set_up(kdbi_loop *loop)
{
    configure(loop);
    h2o_context_init(&loop->ctx, h2o_evloop_create(), &loop->config);
    loop->accept = (h2o_accept_ctx_t){ .ctx = &loop->ctx, .hosts = loop->config.hosts, .ssl_ctx = loop->api->tls };
    if (loop->api->tls != NULL) {
        KDB_ASSERT(SSL_CTX_up_ref(loop->api->tls) == 1);
    }
    h2o_multithread_register_receiver(loop->ctx.queue, &loop->answers, on_answers);
    h2o_multithread_register_receiver(loop->ctx.queue, &loop->notes, on_notes);
    h2o_linklist_init_anchor(&loop->conns);
    h2o_linklist_init_anchor(&loop->upgraded);
    loop->hub = loop->api->live == NULL ? NULL : kdbi_hub_new(loop);
    loop->lane = kdb_core_lane_new(loop->api->core);
    loop->sweep.cb = on_sweep;
    h2o_timeout_link(loop->ctx.loop, &loop->ctx.one_sec_timeout, &loop->sweep);
    if (loop->index == 0) {
        open_listeners(loop);
    }
}

/* Closes every connection; H2O frees them as it sees the end of each. Exchanges end with the work on them. */
static void close_connections(kdbi_loop *loop)
{
    while (!h2o_linklist_is_empty(&loop->conns) || !h2o_linklist_is_empty(&loop->upgraded) || loop->nbusy > 0 ||
           (loop->hub != NULL && !kdbi_hub_is_idle(loop->hub))) {
        shut_upgraded(loop);
        for (h2o_linklist_t *link = loop->conns.next; link != &loop->conns; link = link->next) {
            kdbi_conn_shut(KDB_CONTAINER_OF(link, kdbi_conn, link));
        }
        (void)h2o_evloop_run(loop->ctx.loop, STOP_WAIT_MS);
    }
}

static void tear_down(kdbi_loop *loop)
{
    close_connections(loop);
    kdb_core_lane_free(loop->lane);
    while (loop->idle != NULL) {
        kdbi_exchange *ex = loop->idle;
        loop->idle = ex->next_idle;
        kdbi_exchange_free(ex);
    }
    while (atomic_load(&loop->senders) > 0) {
        (void)sched_yield();
    }
    if (loop->hub != NULL) {
        kdbi_hub_free(loop->hub);
    }
    h2o_timeout_unlink(&loop->sweep);
    h2o_multithread_unregister_receiver(loop->ctx.queue, &loop->answers);
    h2o_multithread_unregister_receiver(loop->ctx.queue, &loop->notes);
    SSL_CTX_free(loop->accept.ssl_ctx);
    h2o_evloop_t *evloop = loop->ctx.loop;
    h2o_context_dispose(&loop->ctx);
    h2o_evloop_destroy(evloop);
    h2o_config_dispose(&loop->config);
}

static void loop_main(void *arg)
{
    kdbi_loop *loop = arg;
    set_up(loop);
    tell(loop->api, &loop->api->ready);
    while (!loop->stopping) {
        (void)h2o_evloop_run(loop->ctx.loop, INT32_MAX);
    }
    tear_down(loop);
}

void kdbi_loop_start(kdbi_loop *loop)
{
    kdb_thread_start(&loop->thread, "kdb-net", KDB_THREAD_NET, loop_main, loop);
}
