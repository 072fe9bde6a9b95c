/* load.c - an HTTP load generator: N keep-alive connections, one request under way on each, one thread.
 *
 *   load --port P --clients N --seconds S [--warmup S] [--method POST] [--path /v1/api/sql] [--body TEMPLATE]
 *        [--tokens FILE] [--expect TEXT] [--pid SERVER]
 *
 * In the body {{seq}} is a number that never repeats (from --first, 0), {{same}} the one that {{seq}} gave last, and
 * {{rand:LO:HI}} one from LO to HI. With
 * --tokens each request carries a random line of the file. An answer counts when its status is 200 and it holds --expect.
 * Prints one line of JSON: rate, latencies, and with --pid the processor time of the server per request. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_PARTS = 256, HEAD_MAX = 4096, FIRST_INPUT = 64 * 1024 };

/* ---- request templates ---- */

typedef enum part_kind { PART_TEXT, PART_SEQ, PART_SAME, PART_RANDOM } part_kind;
typedef struct part {
    part_kind kind;
    const char *text;
    size_t len;
    uint64_t low, high;
} part;

typedef struct template
{
    part parts[MAX_PARTS];
    size_t count;
    size_t max_len;
}
template;

static void add_part(template *t, part p)
{
    if (t->count == MAX_PARTS) {
        bench_fail("the body has more than %d places to fill", MAX_PARTS / 2);
    }
    t->max_len += p.kind == PART_TEXT ? p.len : 20;
    t->parts[t->count++] = p;
}

/* At `{{`; returns what follows `}}`. */
static const char *parse_place(template *t, const char *at)
{
    part p = { .kind = PART_SEQ };
    const char *end = strstr(at, "}}");
    if (end == NULL) {
        bench_fail("no }} after %.20s", at);
    }
    if (strncmp(at, "{{rand:", 7) == 0) {
        char *colon = NULL;
        p.kind = PART_RANDOM;
        p.low = strtoull(at + 7, &colon, 10);
        p.high = strtoull(colon + 1, NULL, 10);
    } else if (strncmp(at, "{{same}}", 8) == 0) {
        p.kind = PART_SAME;
    } else if (strncmp(at, "{{seq}}", 7) != 0) {
        bench_fail("what is %.20s?", at);
    }
    add_part(t, p);
    return end + 2;
}

static void parse_template(template *t, const char *body)
{
    for (const char *at = body; *at != '\0';) {
        const char *place = strstr(at, "{{");
        const size_t len = place == NULL ? strlen(at) : (size_t)(place - at);
        if (len > 0) {
            add_part(t, (part){ .kind = PART_TEXT, .text = at, .len = len });
        }
        at = place == NULL ? at + len : parse_place(t, place);
    }
}

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

/* ---- the run ---- */

typedef struct connection {
    int fd;
    char *request; /* HEAD_MAX for the head, then the body */
    char *out;     /* what is left to send */
    size_t out_len;
    char *input;
    size_t have;
    size_t cap;
    size_t need; /* whole answer; 0: its head is not here yet */
    uint64_t sent_ns;
} connection;

typedef struct run {
    const char *method, *path, *expect;
    template body;
    char **tokens;
    size_t ntokens;
    uint64_t seq;
    uint64_t dice;
    uint64_t from_ns, to_ns; /* what is measured */
    bench_times times;
    uint64_t errors;
    bool shown;
    int poll;
} run;

static char *put_body(run *r, char *at)
{
    for (size_t i = 0; i < r->body.count; i++) {
        const part *p = &r->body.parts[i];
        switch (p->kind) {
        case PART_TEXT:
            memcpy(at, p->text, p->len);
            at += p->len;
            break;
        case PART_SEQ:
            at = put_number(at, r->seq++);
            break;
        case PART_SAME:
            at = put_number(at, r->seq - 1);
            break;
        case PART_RANDOM:
            at = put_number(at, p->low + bench_random(&r->dice) % (p->high - p->low + 1));
            break;
        }
    }
    return at;
}

/* The head goes right before the body, so that both are one piece. */
static void build_request(run *r, connection *c)
{
    char *body = c->request + HEAD_MAX;
    const size_t body_len = (size_t)(put_body(r, body) - body);
    char head[HEAD_MAX];
    int len = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", r->method, r->path);
    if (r->ntokens > 0) {
        const char *token = r->tokens[r->ntokens == 1 ? 0 : bench_random(&r->dice) % r->ntokens];
        len += snprintf(head + len, sizeof head - (size_t)len, "Authorization: Bearer %s\r\n", token);
    }
    if (body_len > 0) {
        len += snprintf(head + len, sizeof head - (size_t)len,
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_len);
    }
    len += snprintf(head + len, sizeof head - (size_t)len, "\r\n");
    if ((size_t)len >= sizeof head) {
        bench_fail("the request's head is too long");
    }
    c->out = body - len;
    memcpy(c->out, head, (size_t)len);
    c->out_len = (size_t)len + body_len;
}

static void send_more(connection *c)
{
    while (c->out_len > 0) {
        const ssize_t n = write(c->fd, c->out, c->out_len);
        if (n < 0 && errno == EAGAIN) {
            return; /* the answer wakes us at the latest: requests are small */
        }
        if (n < 0) {
            bench_fail("write: %s", strerror(errno));
        }
        c->out += n;
        c->out_len -= (size_t)n;
    }
}

static void begin(run *r, connection *c)
{
    build_request(r, c);
    c->have = 0;
    c->need = 0;
    c->sent_ns = bench_now_ns();
    send_more(c);
}

/* Length of the whole answer once its head is there. */
static size_t answer_len(const connection *c)
{
    const char *end = memmem(c->input, c->have, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    const size_t head_len = (size_t)(end - c->input) + 4;
    for (const char *line = c->input; line < end; line++) {
        if (*line == '\n' && strncasecmp(line + 1, "content-length:", 15) == 0) {
            return head_len + strtoull(line + 16, NULL, 10);
        }
    }
    bench_fail("an answer without Content-Length: %.*s", (int)head_len, c->input);
}

static void check_answer(run *r, const connection *c)
{
    const bool good = c->have > 12 && memcmp(c->input + 9, "200", 3) == 0 &&
                      (r->expect[0] == '\0' || memmem(c->input, c->have, r->expect, strlen(r->expect)) != NULL);
    if (good) {
        return;
    }
    r->errors++;
    if (!r->shown) {
        r->shown = true;
        (void)fprintf(stderr, "load: unexpected answer: %.*s\n", (int)(c->have < 600 ? c->have : 600), c->input);
    }
}

static void end(run *r, connection *c)
{
    const uint64_t now = bench_now_ns();
    check_answer(r, c);
    if (now >= r->from_ns && now < r->to_ns) {
        bench_times_add(&r->times, now - c->sent_ns);
    }
}

/* True when the answer is complete. */
static bool receive(connection *c)
{
    if (c->have == c->cap) {
        c->cap *= 2;
        c->input = realloc(c->input, c->cap);
        if (c->input == NULL) {
            bench_fail("out of memory");
        }
    }
    const ssize_t n = read(c->fd, c->input + c->have, c->cap - c->have);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        bench_fail("the server closed a connection: %s", n < 0 ? strerror(errno) : "end");
    }
    c->have += (size_t)n;
    if (c->need == 0) {
        c->need = answer_len(c);
    }
    return c->need != 0 && c->have >= c->need;
}

static void open_connection(run *r, connection *c, uint16_t port)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        bench_fail("connect to port %u: %s", port, strerror(errno));
    }
    c->request = bench_alloc(HEAD_MAX + r->body.max_len + 1);
    c->cap = FIRST_INPUT;
    c->input = bench_alloc(c->cap);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(r->poll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        bench_fail("epoll_ctl: %s", strerror(errno));
    }
}

/* Runs until `to_ns` and then lets what is under way end. */
static void drive(run *r, size_t clients)
{
    struct epoll_event events[256];
    size_t open = clients;
    while (open > 0) {
        const int n = epoll_wait(r->poll, events, 256, 10000);
        if (n == 0) {
            bench_fail("no answer for 10 s");
        }
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            send_more(c);
            if (!receive(c)) {
                continue;
            }
            end(r, c);
            if (bench_now_ns() < r->to_ns) {
                begin(r, c);
            } else {
                open--;
            }
        }
    }
}

/* ---- the server's processor time ---- */

/* Microseconds of user and system time so far; 0 without a pid. */
static uint64_t server_cpu_us(uint64_t pid)
{
    if (pid == 0) {
        return 0;
    }
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_fail("%s: %s", path, strerror(errno));
    }
    const size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    for (int field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        bench_fail("%s: not as expected", path);
    }
    char *rest = NULL;
    const uint64_t user = strtoull(at, &rest, 10);
    const uint64_t ticks = user + strtoull(rest, NULL, 10);
    return ticks * 1000000U / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void read_tokens(run *r, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_fail("%s: %s", path, strerror(errno));
    }
    char *line = NULL;
    size_t size = 0;
    size_t cap = 0;
    for (ssize_t len = getline(&line, &size, file); len > 0; len = getline(&line, &size, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (r->ntokens == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            r->tokens = realloc(r->tokens, cap * sizeof(char *));
            if (r->tokens == NULL) {
                bench_fail("out of memory");
            }
        }
        r->tokens[r->ntokens++] = line;
        line = NULL;
    }
    free(line);
    (void)fclose(file);
    if (r->ntokens == 0) {
        bench_fail("%s is empty", path);
    }
}

static void print_result(run *r, double seconds, uint64_t cpu_us, uint64_t all)
{
    (void)printf("{");
    bench_times_print(&r->times, seconds);
    (void)printf(",\"errors\":%llu", (unsigned long long)r->errors);
    if (cpu_us > 0 && all > 0) {
        (void)printf(",\"server_cpu_us\":%.2f", (double)cpu_us / (double)all);
    }
    (void)printf("}\n");
}

int main(int argc, char **argv)
{
    static run r;
    const size_t clients = bench_arg_u64(argc, argv, "clients", 1);
    const double seconds = bench_arg_seconds(argc, argv, "seconds", 3);
    const double warmup = bench_arg_seconds(argc, argv, "warmup", 0.5);
    const uint64_t pid = bench_arg_u64(argc, argv, "pid", 0);
    const char *tokens = bench_arg(argc, argv, "tokens", "");
    const uint16_t port = (uint16_t)bench_arg_u64(argc, argv, "port", 8080);
    r.method = bench_arg(argc, argv, "method", "POST");
    r.path = bench_arg(argc, argv, "path", "/v1/api/sql");
    r.expect = bench_arg(argc, argv, "expect", "");
    r.seq = bench_arg_u64(argc, argv, "first", 0);
    r.dice = bench_arg_u64(argc, argv, "seed", 88172645463325252U);
    parse_template(&r.body, bench_arg(argc, argv, "body", ""));
    if (tokens[0] != '\0') {
        read_tokens(&r, tokens);
    }
    r.poll = epoll_create1(0);
    connection *connections = bench_alloc(clients * sizeof *connections);
    for (size_t i = 0; i < clients; i++) {
        open_connection(&r, &connections[i], port);
    }
    const uint64_t cpu = server_cpu_us(pid);
    const uint64_t before = bench_now_ns();
    r.from_ns = before + (uint64_t)(warmup * 1e9);
    r.to_ns = r.from_ns + (uint64_t)(seconds * 1e9);
    for (size_t i = 0; i < clients; i++) {
        begin(&r, &connections[i]);
    }
    drive(&r, clients);
    /* Processor time is counted over warm-up and measurement: so are the requests it is divided by. */
    const double share = (double)(bench_now_ns() - before) / (seconds * 1e9);
    print_result(&r, seconds, server_cpu_us(pid) - cpu, (uint64_t)((double)r.times.count * share));
    for (size_t i = 0; i < clients; i++) {
        (void)close(connections[i].fd);
        free(connections[i].request);
        free(connections[i].input);
    }
    free(connections);
    for (size_t i = 0; i < r.ntokens; i++) {
        free(r.tokens[i]);
    }
    free(r.tokens);
    bench_times_done(&r.times);
    (void)close(r.poll);
    return r.errors == 0 ? 0 : 1;
}
