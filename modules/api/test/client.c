/* client.c - see api_test.h. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api_test.h"

enum { PATIENCE_MS = 60000 };

void client_open(client *c, uint16_t port)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    kdb_buf_init(&c->in, 0);
}

void client_close(client *c)
{
    (void)close(c->fd);
    kdb_buf_done(&c->in);
}

bool client_send(client *c, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void client_send_text(client *c, const char *text)
{
    (void)client_send(c, text, strlen(text)); /* the server may have had enough: what it answered tells */
}

void client_send_post(client *c, const char *path, const char *token, const char *body)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_printf(&text, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", path);
    if (token != NULL) {
        kdb_buf_printf(&text, "Authorization: Bearer %s\r\n", token);
    }
    kdb_buf_printf(&text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    (void)client_send(c, text.ptr, text.len);
    kdb_buf_done(&text);
}

void client_send_sql(client *c, const char *token, const char *sql)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"sql\":\"%s\"}", sql);
    client_send_post(c, "/v1/api/sql", token, body);
}

/* False at the end of the connection. */
static bool read_more(client *c, int patience_ms)
{
    struct pollfd ready = { .fd = c->fd, .events = POLLIN };
    if (poll(&ready, 1, patience_ms) != 1) {
        fail_msg("nothing came within %d ms; so far: %.*s", patience_ms, (int)c->in.len, c->in.ptr);
    }
    char *room = kdb_buf_reserve(&c->in, 65536);
    const ssize_t n = recv(c->fd, room, 65536, 0);
    if (n <= 0) {
        return false;
    }
    c->in.len += (size_t)n;
    return true;
}

void client_consume(client *c, size_t len)
{
    memmove(c->in.ptr, c->in.ptr + len, c->in.len - len);
    c->in.len -= len;
}

static char *text_of(const char *bytes, size_t len)
{
    return kdb_sv_heap_cstr(kdb_sv_of(bytes, len));
}

/* The offset after the next CRLF at or after `from`; 0 when the connection ended before. */
static size_t line_end(client *c, size_t from)
{
    for (;;) {
        const char *found = c->in.len <= from ? NULL : memmem(c->in.ptr + from, c->in.len - from, "\r\n", 2);
        if (found != NULL) {
            return (size_t)(found - c->in.ptr) + 2;
        }
        if (!read_more(c, PATIENCE_MS)) {
            return 0;
        }
    }
}

static bool read_head(client *c, answer *out)
{
    const char *end;
    while (c->in.len == 0 || (end = memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4)) == NULL) {
        if (!read_more(c, PATIENCE_MS)) {
            return false;
        }
    }
    const size_t len = (size_t)(end - c->in.ptr) + 4;
    out->head = text_of(c->in.ptr, len);
    client_consume(c, len);
    assert_int_equal(sscanf(out->head, "HTTP/1.1 %d", &out->status), 1);
    return true;
}

bool client_have(client *c, size_t len)
{
    while (c->in.len < len) {
        if (!read_more(c, PATIENCE_MS)) {
            return false;
        }
    }
    return true;
}

static void read_chunks(client *c, answer *out)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    for (;;) {
        const size_t start = line_end(c, 0);
        const size_t size = start == 0 ? 0 : strtoul(c->in.ptr, NULL, 16);
        if (start == 0 || !client_have(c, start + size + 2) || memcmp(c->in.ptr + start + size, "\r\n", 2) != 0) {
            out->cut = true;
            break;
        }
        kdb_buf_append(&body, c->in.ptr + start, size);
        client_consume(c, start + size + 2);
        if (size == 0) {
            break;
        }
    }
    out->len = body.len;
    out->body = text_of(body.ptr, body.len);
    kdb_buf_done(&body);
}

void client_read_head_answer(client *c, answer *out)
{
    *out = (answer){ .status = 0 };
    out->cut = !read_head(c, out);
    if (out->cut) {
        out->head = text_of("", 0);
    }
    out->body = text_of("", 0);
}

void client_read(client *c, answer *out)
{
    *out = (answer){ .status = 0 };
    if (!read_head(c, out)) {
        out->cut = true;
        out->head = text_of("", 0);
        out->body = text_of("", 0);
        return;
    }
    const char *length = answer_header(out, "content-length");
    out->chunked = answer_header(out, "transfer-encoding") != NULL;
    if (out->chunked) {
        read_chunks(c, out);
        return;
    }
    length = answer_header(out, "content-length");
    out->len = length == NULL ? 0 : strtoul(length, NULL, 10);
    out->cut = !client_have(c, out->len);
    const size_t got = out->cut ? c->in.len : out->len;
    out->body = text_of(c->in.ptr, got);
    client_consume(c, got);
}

/* Reads and forgets. True at the end of the connection, false when nothing comes for so long. */
static bool read_to_end(const client *c, int64_t within_us)
{
    const int64_t deadline = kdb_monotonic_us() + within_us;
    do {
        struct pollfd ready = { .fd = c->fd, .events = POLLIN };
        char bytes[65536];
        if (poll(&ready, 1, (int)(within_us / 1000)) == 1 && recv(c->fd, bytes, sizeof bytes, 0) <= 0) {
            return true;
        }
    } while (kdb_monotonic_us() < deadline);
    return false;
}

bool client_sees_end(client *c)
{
    return read_to_end(c, PATIENCE_MS * INT64_C(1000));
}

bool client_at_end(client *c)
{
    return read_to_end(c, 0);
}

void answer_done(answer *a)
{
    kdb_free(a->head);
    kdb_free(a->body);
}

const char *answer_header(const answer *a, const char *name)
{
    static _Thread_local char value[4096];
    const size_t len = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line != NULL && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *start = line + 2 + len + 1;
            start += strspn(start, " ");
            (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(start, "\r"), start);
            return value;
        }
    }
    return NULL;
}

void request(const fixture *f, const char *text, answer *out)
{
    client c;
    client_open(&c, f->port);
    client_send_text(&c, text);
    if (strncmp(text, "HEAD", 4) == 0) {
        client_read_head_answer(&c, out);
    } else {
        client_read(&c, out);
    }
    client_close(&c);
}

void post(const fixture *f, const char *path, const char *token, const char *body, answer *out)
{
    client c;
    client_open(&c, f->port);
    client_send_post(&c, path, token, body);
    client_read(&c, out);
    client_close(&c);
}

void post_sql(const fixture *f, const char *token, const char *sql, answer *out)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"sql\":\"%s\"}", sql);
    post(f, "/v1/api/sql", token, body, out);
}
