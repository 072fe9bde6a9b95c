/* bare_ws.c - a WebSocket broadcast on the server's own library and nothing else: the limit that fan-out is measured against.
 *
 *   bare_ws [--bytes B]      prints {"port":P} and runs until its stdin ends
 *
 * What a client sends as a binary frame goes to all who have sent a text frame, as a text frame of B bytes. One loop; what waits
 * for a socket leaves in one write, as in the server. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>
#include <h2o/http1.h> /* wants the one above first */

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "bench.h"

enum { QUEUE = 1024, MASKED_HEAD = 6, SMALL = 125, FRAME_HEAD = 4 };

typedef struct subscriber {
    h2o_socket_t *sock;
    h2o_linklist_t link; /* in `listening` */
    uint32_t waiting;    /* frames; all are the same */
    uint32_t writing;
    bool touched;
    h2o_linklist_t touch;
} subscriber;

static h2o_globalconf_t config;
static h2o_context_t ctx;
static h2o_accept_ctx_t accept_ctx;
static h2o_linklist_t listening, touched;
static char *frame;
static size_t frame_len;

/* ---- sending ---- */

static void on_written(h2o_socket_t *sock, const char *err);

static void flush(subscriber *s)
{
    h2o_iovec_t bufs[QUEUE];
    s->writing = s->waiting < QUEUE ? s->waiting : QUEUE;
    s->waiting -= s->writing;
    for (uint32_t i = 0; i < s->writing; i++) {
        bufs[i] = h2o_iovec_init(frame, frame_len);
    }
    h2o_socket_write(s->sock, bufs, s->writing, on_written);
}

static void leave(subscriber *s)
{
    if (h2o_linklist_is_linked(&s->link)) {
        h2o_linklist_unlink(&s->link);
    }
    if (h2o_linklist_is_linked(&s->touch)) {
        h2o_linklist_unlink(&s->touch);
    }
    h2o_socket_close(s->sock);
    free(s);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    subscriber *s = sock->data;
    if (err != NULL) {
        leave(s);
        return;
    }
    s->writing = 0;
    if (s->waiting > 0) {
        flush(s);
    }
}

static void broadcast(void)
{
    for (h2o_linklist_t *at = listening.next; at != &listening; at = at->next) {
        subscriber *s = H2O_STRUCT_FROM_MEMBER(subscriber, link, at);
        s->waiting++;
        if (s->writing == 0 && !h2o_linklist_is_linked(&s->touch)) {
            h2o_linklist_insert(&touched, &s->touch);
        }
    }
}

static void flush_touched(void)
{
    while (!h2o_linklist_is_empty(&touched)) {
        subscriber *s = H2O_STRUCT_FROM_MEMBER(subscriber, touch, touched.next);
        h2o_linklist_unlink(&s->touch);
        flush(s);
    }
}

/* ---- receiving: small masked frames only ---- */

static void on_read(h2o_socket_t *sock, const char *err)
{
    subscriber *s = sock->data;
    if (err != NULL) {
        leave(s);
        return;
    }
    while (sock->input->size >= MASKED_HEAD) {
        const uint8_t *bytes = (const uint8_t *)sock->input->bytes;
        const size_t len = MASKED_HEAD + (bytes[1] & 0x7FU);
        if ((bytes[1] & 0x7FU) > SMALL) {
            bench_fail("a frame is too large");
        }
        if (sock->input->size < len) {
            break;
        }
        const uint8_t first = bytes[0];
        h2o_buffer_consume(&sock->input, len);
        if (first == 0x81 && !h2o_linklist_is_linked(&s->link)) {
            h2o_linklist_insert(&listening, &s->link);
        } else if (first == 0x82) {
            broadcast();
        }
    }
}

/* ---- the handshake ---- */

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t reqsize)
{
    (void)arg;
    if (sock == NULL) {
        return;
    }
    subscriber *s = bench_alloc(sizeof *s);
    s->sock = sock;
    sock->data = s;
    h2o_buffer_consume(&sock->input, reqsize);
    h2o_socket_read_start(sock, on_read);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    static const char salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[32];
    char text[128];
    const ssize_t at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("sec-websocket-key"), -1);
    (void)self;
    if (at == -1 || req->headers.entries[at].value.len > 64) {
        return -1;
    }
    const h2o_iovec_t key = req->headers.entries[at].value;
    const int len = snprintf(text, sizeof text, "%.*s%s", (int)key.len, key.base, salt);
    (void)SHA1((const unsigned char *)text, (size_t)len, digest);
    const int n = EVP_EncodeBlock(accept, digest, sizeof digest);
    const h2o_iovec_t value = h2o_strdup(&req->pool, (const char *)accept, (size_t)n);
    req->res.status = 101;
    req->res.reason = "Switching Protocols";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-accept"), 0, NULL, value.base,
                          value.len);
    h2o_http1_upgrade(req, NULL, 0, on_upgraded, NULL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    const int on = 1;
    for (int i = 0; err == NULL && i < 64; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL) {
            return;
        }
        (void)setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        h2o_accept(&accept_ctx, sock);
    }
}

/* ---- start and end ---- */

static uint16_t listen_anywhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        bench_fail("cannot listen");
    }
    h2o_socket_t *listener = h2o_evloop_socket_create(ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    return ntohs(at.sin_port);
}

static void on_stdin(h2o_socket_t *sock, const char *err)
{
    (void)err;
    (void)sock;
    exit(0);
}

static void make_frame(size_t bytes)
{
    if (bytes <= SMALL || bytes > UINT16_MAX) {
        bench_fail("--bytes is from %d to 65535", SMALL + 1);
    }
    frame_len = FRAME_HEAD + bytes;
    frame = bench_alloc(frame_len);
    memset(frame, 'x', frame_len);
    frame[0] = (char)0x81;
    frame[1] = 126;
    frame[2] = (char)(bytes >> 8);
    frame[3] = (char)bytes;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    make_frame(bench_arg_u64(argc, argv, "bytes", 200));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    h2o_linklist_init_anchor(&listening);
    h2o_linklist_init_anchor(&touched);
    h2o_config_init(&config);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req = on_req;
    h2o_context_init(&ctx, h2o_evloop_create(), &config);
    accept_ctx.ctx = &ctx;
    accept_ctx.hosts = config.hosts;
    (void)printf("{\"port\":%u}\n", listen_anywhere());
    (void)fflush(stdout);
    h2o_socket_read_start(h2o_evloop_socket_create(ctx.loop, 0, H2O_SOCKET_FLAG_DONT_READ), on_stdin);
    while (h2o_evloop_run(ctx.loop, INT32_MAX) == 0) {
        flush_touched(); /* once for all frames that came together */
    }
    return 0;
}
