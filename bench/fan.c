/* fan.c - live queries under load: N WebSockets that subscribe, W rows under way, one thread.
 *
 *   fan --port P --sockets N --window W --seconds S [--warmup S] --tokens FILE --sql SELECT --body TEMPLATE
 *   fan --port P --sockets N --window W --seconds S --bare 1       against bare_ws
 *   fan ... --idle 1                                               only opens them, and waits for the end of stdin
 *   fan ... --each M          M subscriptions on each socket; {{n}} in the SELECT is a number of the subscription
 *   fan ... --own 1           rows are written by one socket's user after the other's, and reach that socket only
 *
 * Each of W publishers sends a row (POST /v1/api/sql with the body, in which {{seq}} is a number that never repeats; bare: a frame)
 * when its last one has reached all N sockets. Prints one line of JSON: set-up time, deliveries per second, and times from
 * the sending of a row to its arrival at the last socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { INPUT = 256 * 1024, REST_MAX = 64 * 1024, RING = 4096, LINE_MAX_BYTES = 8192, AT_ONCE = 256 };

typedef enum stage { WAIT_101, WAIT_AUTH, WAIT_BATCH, LISTENS, PUBLISHES } stage;

typedef struct peer {
    int fd;
    stage stage;
    uint64_t got; /* changes */
    char *rest;   /* the beginning of what is not complete; NULL: nothing */
    size_t nrest;
    size_t waits; /* subscriptions that have not got their rows */
    bool awaits;  /* --own: a row is under way to it, */
    size_t slot;  /* which is this */
    size_t skip;  /* bytes of a frame that are still to come and do not matter */
} peer;

static struct {
    int poll;
    uint16_t port;
    bool bare;
    char **tokens;
    size_t ntokens;
    const char *sql, *body;
    peer *sockets, *publishers;
    size_t nsockets, window, ready, each;
    bool own;
    size_t next_own;
    uint64_t seq;
    uint64_t published; /* rows; row i is the i-th change of every socket */
    uint64_t sent_ns[RING];
    size_t missing[RING]; /* sockets that row i % RING has not reached */
    uint64_t deliveries, done;
    uint64_t from_ns, to_ns;
    bench_times times;
    size_t idle[RING]; /* publishers that have an answer */
    size_t nidle;
    uint64_t pongs;
} b;

/* ---- bytes ---- */

static void send_all(const peer *p, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(p->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            (void)usleep(100); /* small messages to a server that reads */
            continue;
        }
        if (n <= 0) {
            bench_fail("send: %s", strerror(errno));
        }
        bytes += n;
        len -= (size_t)n;
    }
}

/* A masked frame; the mask is 0, so that the bytes stay as they are. */
static void send_frame(const peer *p, unsigned first, const char *text, size_t len)
{
    char bytes[LINE_MAX_BYTES + 8];
    size_t at = 0;
    bytes[at++] = (char)first;
    if (len < 126) {
        bytes[at++] = (char)(0x80 | len);
    } else {
        bytes[at++] = (char)(0x80 | 126);
        bytes[at++] = (char)(len >> 8);
        bytes[at++] = (char)len;
    }
    memset(bytes + at, 0, 4);
    at += 4;
    memcpy(bytes + at, text, len);
    send_all(p, bytes, at + len);
}

static void watch(peer *p)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = p };
    if (epoll_ctl(b.poll, EPOLL_CTL_ADD, p->fd, &event) != 0) {
        bench_fail("epoll_ctl: %s", strerror(errno));
    }
}

static void dial(peer *p)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(b.port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int on = 1;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        bench_fail("connect to port %u: %s", b.port, strerror(errno));
    }
    watch(p);
}

static const char *token_of(size_t index)
{
    return b.tokens[index % b.ntokens];
}

/* ---- publishing ---- */

static size_t fill(char *out, const char *template)
{
    const char *place = strstr(template, "{{seq}}");
    if (place == NULL) {
        return (size_t)snprintf(out, LINE_MAX_BYTES, "%s", template);
    }
    return (size_t)snprintf(out, LINE_MAX_BYTES, "%.*s%llu%s", (int)(place - template), template,
                            (unsigned long long)b.seq++, place + 7);
}

static void post_row(const peer *p, const char *token)
{
    char body[LINE_MAX_BYTES];
    char text[2 * LINE_MAX_BYTES];
    const size_t len = fill(body, b.body);
    const int n = snprintf(text, sizeof text,
                           "POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                           "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                           token, len, body);
    send_all(p, text, (size_t)n);
}

/* Users take turns in an order that is none of theirs. */
static size_t next_owner(void)
{
    do {
        b.next_own = (b.next_own + 7919) % b.nsockets;
    } while (b.sockets[b.next_own].awaits);
    return b.next_own;
}

static void publish_one(size_t publisher)
{
    const size_t slot = b.published % RING;
    b.sent_ns[slot] = bench_now_ns();
    b.missing[slot] = b.own ? 1 : b.nsockets;
    b.published++;
    if (b.bare) {
        send_frame(&b.publishers[publisher], 0x82, "p", 1);
    } else if (b.own) {
        const size_t owner = next_owner();
        b.sockets[owner].awaits = true;
        b.sockets[owner].slot = slot;
        post_row(&b.publishers[publisher], token_of(owner));
    } else {
        post_row(&b.publishers[publisher], token_of(0));
    }
}

/* As many rows as may be under way, by publishers that are free. */
static void publish(void)
{
    while (b.nidle > 0 && b.published - b.done < b.window && bench_now_ns() < b.to_ns) {
        publish_one(b.idle[--b.nidle]);
    }
}

/* An answer is small, and has come whole when its JSON has. */
static void on_answer(peer *p)
{
    char text[LINE_MAX_BYTES];
    const ssize_t n = recv(p->fd, text, sizeof text - 1, 0);
    if (n <= 0) {
        bench_fail("a publisher's connection ended");
    }
    text[n] = '\0';
    if (strstr(text, " 200 ") == NULL) {
        bench_fail("unexpected answer: %s", text);
    }
    b.idle[b.nidle++] = (size_t)(p - b.publishers);
}

/* ---- receiving ---- */

static void on_change(peer *p)
{
    const size_t slot = b.own ? p->slot : p->got % RING;
    p->awaits = false;
    p->got++;
    b.deliveries++;
    if (--b.missing[slot] > 0) {
        return;
    }
    const uint64_t now = bench_now_ns();
    b.done++;
    if (now >= b.from_ns && now < b.to_ns) {
        bench_times_add(&b.times, now - b.sent_ns[slot]);
    }
    if (b.bare) {
        b.idle[b.nidle++] = p->got % b.window; /* any will do: nothing answers */
    }
}

#define SUBSCRIBE "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"sub%zu\",\"sql\":\""

static void subscribe(peer *p)
{
    char text[LINE_MAX_BYTES];
    if (b.bare) {
        send_frame(p, 0x81, "s", 1);
        p->stage = LISTENS;
        b.ready++;
        return;
    }
    const char *place = strstr(b.sql, "{{n}}");
    for (size_t i = 0; i < b.each; i++) {
        const unsigned long long number = (unsigned long long)((size_t)(p - b.sockets) * b.each + i);
        const int n = place == NULL ? snprintf(text, sizeof text, SUBSCRIBE "%s\",\"options\":{}}}", i, b.sql)
                                    : snprintf(text, sizeof text, SUBSCRIBE "%.*s%llu%s\",\"options\":{}}}", i,
                                               (int)(place - b.sql), b.sql, number, place + 5);
        send_frame(p, 0x81, text, (size_t)n);
    }
    p->waits = b.each;
    p->stage = WAIT_BATCH;
}

static void sign_in(peer *p)
{
    char text[LINE_MAX_BYTES];
    if (b.bare) {
        subscribe(p);
        return;
    }
    const int n = snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"%s\"}",
                           token_of((size_t)(p - b.sockets)));
    send_frame(p, 0x81, text, (size_t)n);
    p->stage = WAIT_AUTH;
}

static void on_message(peer *p, const char *text, size_t len)
{
    switch (p->stage) {
    case WAIT_AUTH:
        if (memmem(text, len, "auth_success", 12) == NULL) {
            bench_fail("not signed in: %.*s", (int)len, text);
        }
        subscribe(p);
        return;
    case WAIT_BATCH:
        if (memmem(text, len, "\"error\"", 7) != NULL) {
            bench_fail("not subscribed: %.*s", (int)len, text);
        }
        if (memmem(text, len, "initial_data_batch", 18) != NULL && --p->waits == 0) {
            p->stage = LISTENS;
            b.ready++;
        }
        return;
    case LISTENS:
        on_change(p);
        return;
    case WAIT_101:
    case PUBLISHES:
        break;
    }
    bench_fail("a frame at the wrong time");
}

static void on_frame(peer *p, unsigned first, const char *text, size_t len)
{
    if (first == 0x89) {
        b.pongs++;
        send_frame(p, 0x8A, text, len);
    } else if (first == 0x88) {
        bench_fail("the server closes: %.*s", len < 2 ? 0 : (int)len - 2, text + 2);
    } else {
        on_message(p, text, len);
    }
}

/* Bytes of frames that were taken. Of changes only the head is looked at. */
static size_t take_frames(peer *p, const char *at, size_t len)
{
    size_t used = 0;
    while (len - used >= 2) {
        const uint8_t *bytes = (const uint8_t *)at + used;
        size_t head = 2;
        size_t size = bytes[1];
        if (size == 126) {
            head = 4;
            size = len - used < head ? SIZE_MAX / 2 : (size_t)bytes[2] << 8 | bytes[3];
        } else if (size == 127) {
            bench_fail("a frame is too large");
        }
        if (len - used < head + size) {
            break;
        }
        on_frame(p, bytes[0], at + used + head, size);
        used += head + size;
    }
    return used;
}

static size_t take(peer *p, const char *at, size_t len)
{
    if (p->stage != WAIT_101) {
        return take_frames(p, at, len);
    }
    const char *end = memmem(at, len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    if (len < 12 || memcmp(at + 9, "101", 3) != 0) {
        bench_fail("no upgrade: %.*s", (int)len, at);
    }
    sign_in(p);
    return (size_t)(end - at) + 4;
}

/* Input goes through one buffer; only the beginning of what is not complete is kept with the socket. */
static void on_input(peer *p)
{
    static char input[INPUT + REST_MAX];
    memcpy(input, p->rest == NULL ? "" : p->rest, p->nrest);
    const ssize_t n = recv(p->fd, input + p->nrest, INPUT, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        bench_fail("a connection ended");
    }
    const size_t len = p->nrest + (size_t)n;
    size_t used = 0;
    for (size_t step = take(p, input, len); step > 0; step = take(p, input + used, len - used)) {
        used += step;
    }
    p->nrest = len - used;
    free(p->rest);
    p->rest = NULL;
    if (p->nrest > REST_MAX) {
        bench_fail("a message is too large");
    }
    if (p->nrest > 0) {
        p->rest = bench_alloc(p->nrest);
        memcpy(p->rest, input + used, p->nrest);
    }
}

/* ---- the run ---- */

static void turn(int wait_ms)
{
    struct epoll_event events[1024];
    const int n = epoll_wait(b.poll, events, 1024, wait_ms);
    for (int i = 0; i < n; i++) {
        peer *p = events[i].data.ptr;
        if (p->stage == PUBLISHES) {
            on_answer(p);
        } else {
            on_input(p);
        }
    }
}

static void open_sockets(void)
{
    static const char hello[] = "GET /v1/ws?compress=false HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (size_t opened = 0; b.ready < b.nsockets;) {
        while (opened < b.nsockets && opened - b.ready < AT_ONCE) {
            peer *p = &b.sockets[opened++];
            dial(p);
            send_all(p, hello, sizeof hello - 1);
        }
        turn(10000);
    }
}

static void open_publishers(void)
{
    static const char hello[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (size_t i = 0; i < b.window; i++) {
        char answer[1024];
        peer *p = &b.publishers[i];
        dial(p);
        p->stage = PUBLISHES;
        b.idle[b.nidle++] = i;
        if (b.bare) {
            send_all(p, hello, sizeof hello - 1);
            if (recv(p->fd, answer, sizeof answer, 0) <= 0) {
                bench_fail("no upgrade of a publisher");
            }
        }
    }
}

static void measure(double warmup, double seconds)
{
    const uint64_t begun = bench_now_ns();
    uint64_t before = 0;
    b.from_ns = begun + (uint64_t)(warmup * 1e9);
    b.to_ns = b.from_ns + (uint64_t)(seconds * 1e9);
    while (bench_now_ns() < b.to_ns) {
        publish();
        turn(100);
        if (before == 0 && bench_now_ns() >= b.from_ns) {
            before = b.deliveries;
        }
    }
    b.deliveries -= before;
    const uint64_t patience = bench_now_ns() + 10000000000U;
    while (b.done < b.published) {
        turn(100);
        if (bench_now_ns() > patience) {
            bench_fail("%llu rows have not reached all", (unsigned long long)(b.published - b.done));
        }
    }
}

static void read_tokens(const char *path)
{
    char line[LINE_MAX_BYTES];
    FILE *file = path[0] == '\0' ? NULL : fopen(path, "r");
    if (file == NULL) {
        bench_fail("--tokens: cannot read %s", path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        b.tokens = realloc(b.tokens, (b.ntokens + 1) * sizeof(char *));
        if (b.tokens == NULL) {
            bench_fail("out of memory");
        }
        b.tokens[b.ntokens++] = strdup(line);
    }
    (void)fclose(file);
    if (b.ntokens == 0) {
        bench_fail("%s is empty", path);
    }
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void wait_for_stdin(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    struct epoll_event got;
    (void)epoll_ctl(b.poll, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        if (epoll_wait(b.poll, &got, 1, -1) == 1) {
            if (got.data.ptr == NULL) {
                return;
            }
            on_input(got.data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    const double seconds = bench_arg_seconds(argc, argv, "seconds", 2);
    const double warmup = bench_arg_seconds(argc, argv, "warmup", 0.5);
    b.port = (uint16_t)bench_arg_u64(argc, argv, "port", 8080);
    b.nsockets = bench_arg_u64(argc, argv, "sockets", 1);
    b.window = bench_arg_u64(argc, argv, "window", 1);
    b.bare = bench_arg_u64(argc, argv, "bare", 0) != 0;
    b.sql = bench_arg(argc, argv, "sql", "");
    b.body = bench_arg(argc, argv, "body", "");
    b.seq = bench_arg_u64(argc, argv, "first", 0);
    b.each = bench_arg_u64(argc, argv, "each", 1);
    b.own = bench_arg_u64(argc, argv, "own", 0) != 0;
    if (b.own && b.window > b.nsockets / 2) {
        bench_fail("--own wants twice as many sockets as rows under way");
    }
    if (b.window == 0 || b.window > RING / 2) {
        bench_fail("--window is from 1 to %d", RING / 2);
    }
    if (!b.bare) {
        read_tokens(bench_arg(argc, argv, "tokens", NULL));
    }
    raise_descriptor_limit();
    b.poll = epoll_create1(0);
    b.sockets = bench_alloc(b.nsockets * sizeof(peer));
    b.publishers = bench_alloc(b.window * sizeof(peer));
    const uint64_t begun = bench_now_ns();
    open_sockets();
    const double setup_ms = (double)(bench_now_ns() - begun) / 1e6;
    if (bench_arg_u64(argc, argv, "idle", 0) != 0) {
        (void)printf("{\"sockets\":%zu,\"setup_ms\":%.1f}\n", b.nsockets, setup_ms);
        (void)fflush(stdout);
        wait_for_stdin();
        return 0;
    }
    open_publishers();
    measure(warmup, seconds);
    (void)printf("{");
    bench_times_print(&b.times, seconds);
    (void)printf(",\"sockets\":%zu,\"setup_ms\":%.1f,\"deliveries_per_second\":%.0f}\n", b.nsockets, setup_ms,
                 (double)b.deliveries / seconds);
    return 0;
}
