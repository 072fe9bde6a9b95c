/* http_test.c - the HTTP client against servers of this process that answer one scripted connection after the other. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "kdb/commons.h"
#include "kdb/http.h"

/* Answers each connection with the next reply; NULL: says nothing and waits for the client to go. */
typedef struct server {
    int fd;
    char base[64];
    kdb_thread thread;
    const char *const *replies; /* ends with "" */
    char request[4096];         /* the last one */
} server;

static void answer(server *s, int fd, const char *reply)
{
    size_t len = 0;
    for (ssize_t n; strstr(s->request, "\r\n\r\n") == NULL && len < sizeof(s->request) - 1; len += (size_t)n) {
        n = read(fd, s->request + len, sizeof(s->request) - 1 - len);
        if (n <= 0) {
            return;
        }
        s->request[len + (size_t)n] = '\0';
        if (s->request[0] == 0x16) { /* a TLS handshake, which nobody here can answer */
            return;
        }
    }
    if (reply != NULL) {
        (void)!write(fd, reply, strlen(reply));
    } else {
        char byte;
        (void)!read(fd, &byte, 1);
    }
}

static void serve(void *arg)
{
    server *s = arg;
    for (size_t i = 0; s->replies[i] == NULL || s->replies[i][0] != '\0'; i++) {
        int fd = accept(s->fd, NULL, NULL);
        s->request[0] = '\0';
        answer(s, fd, s->replies[i]);
        (void)close(fd);
    }
}

static void server_start(server *s, const char *const *replies)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    *s = (server){ .fd = socket(AF_INET, SOCK_STREAM, 0), .replies = replies };
    assert_int_equal(bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&addr, &len), 0);
    (void)snprintf(s->base, sizeof(s->base), "http://127.0.0.1:%d", ntohs(addr.sin_port));
    kdb_thread_start(&s->thread, "server", KDB_THREAD_ANY, serve, s);
}

static void server_stop(server *s)
{
    kdb_thread_join(&s->thread);
    (void)close(s->fd);
}

/* One call against one server; *got is what came of the body. */
static kdb_status get(const char *const *replies, const kdb_http_limits *limits, kdb_buf *got, kdb_err *err)
{
    server s;
    char url[128];
    server_start(&s, replies);
    (void)snprintf(url, sizeof(url), "%s/keys?x=1", s.base);
    kdb_status status = kdb_http_get(kdb_sv_cstr(url), limits, got, err);
    server_stop(&s);
    return status;
}

static const kdb_http_limits usual = { .max_bytes = 1000, .timeout_ms = 20000 };

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static void a_body_is_appended(void **state)
{
    (void)state;
    static const char *const replies[] = { HEAD "Content-Length: 5\r\n\r\nhello", "" };
    kdb_err err;
    kdb_buf got;
    kdb_buf_init(&got, 0);
    kdb_buf_append_lit(&got, "> ");
    assert_int_equal(get(replies, &usual, &got, &err), KDB_OK);
    assert_true(kdb_sv_eq(kdb_buf_sv(&got), KDB_SV("> hello")));
    kdb_buf_done(&got);
}

static void other_answers_are_failures(void **state)
{
    (void)state;
    static const char *const codes[] = { "404 Not Found", "500 Oops", "204 No Content", "401 Who" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(codes); i++) {
        char reply[128];
        kdb_err err;
        kdb_buf got;
        (void)snprintf(reply, sizeof(reply), "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", codes[i]);
        const char *const replies[] = { reply, "" };
        kdb_buf_init(&got, 0);
        assert_int_equal(get(replies, &usual, &got, &err), KDB_IO);
        char said[16];
        (void)snprintf(said, sizeof(said), "answered %.3s", codes[i]);
        assert_non_null(strstr(err.text, said));
        kdb_buf_done(&got);
    }
}

static void a_body_over_the_limit_is_refused(void **state)
{
    (void)state;
    static const char *const announced[] = { HEAD "Content-Length: 11\r\n\r\nhello world", "" };
    static const char *const endless[] = { HEAD "\r\nhello world, and so on", "" };
    const kdb_http_limits ten = { .max_bytes = 10, .timeout_ms = 20000 };
    const char *const *both[] = { announced, endless };
    for (size_t i = 0; i < 2; i++) {
        kdb_err err;
        kdb_buf got;
        kdb_buf_init(&got, 0);
        assert_int_equal(get(both[i], &ten, &got, &err), KDB_LIMIT);
        assert_true(got.len <= 10);
        kdb_buf_done(&got);
    }
}

static void redirects_stay_within_the_scheme(void **state)
{
    (void)state;
    static const char *const fine[] = { "HTTP/1.1 302 There\r\nLocation: /there\r\nConnection: close\r\n\r\n",
                                        HEAD "\r\nhere", "" };
    static const char *const targets[] = { "https://127.0.0.1:1/", "file:///etc/passwd", "ftp://127.0.0.1/",
                                           "gopher://x/" };
    kdb_err err;
    kdb_buf got;
    kdb_buf_init(&got, 0);
    assert_int_equal(get(fine, &usual, &got, &err), KDB_OK);
    assert_true(kdb_sv_eq(kdb_buf_sv(&got), KDB_SV("here")));
    for (size_t i = 0; i < KDB_ARRAY_LEN(targets); i++) {
        char reply[160];
        (void)snprintf(reply, sizeof(reply), "HTTP/1.1 302 There\r\nLocation: %s\r\nConnection: close\r\n\r\n",
                       targets[i]);
        const char *const replies[] = { reply, "" };
        got.len = 0;
        assert_int_equal(get(replies, &usual, &got, &err), KDB_IO);
        assert_int_equal(got.len, 0);
    }
    kdb_buf_done(&got);
}

static void redirects_end(void **state)
{
    (void)state;
    static const char round[] = "HTTP/1.1 302 There\r\nLocation: /again\r\nConnection: close\r\n\r\n";
    static const char *const replies[] = { round, round, round, round, "" };
    kdb_err err;
    kdb_buf got;
    kdb_buf_init(&got, 0);
    assert_int_equal(get(replies, &usual, &got, &err), KDB_IO);
    kdb_buf_done(&got);
}

static void silence_ends_with_the_time_limit(void **state)
{
    (void)state;
    static const char *const replies[] = { NULL, "" };
    const kdb_http_limits brief = { .max_bytes = 10, .timeout_ms = 50 };
    kdb_err err;
    kdb_buf got;
    kdb_buf_init(&got, 0);
    assert_int_equal(get(replies, &brief, &got, &err), KDB_IO);
    kdb_buf_done(&got);
}

static void a_call_can_be_stopped(void **state)
{
    (void)state;
    static const char *const replies[] = { NULL, "" };
    atomic_bool stop = true;
    const kdb_http_limits limits = { .max_bytes = 10, .timeout_ms = 600000, .stop = &stop };
    kdb_err err;
    kdb_buf got;
    server s;
    kdb_buf_init(&got, 0);
    server_start(&s, replies);
    assert_int_equal(kdb_http_get(kdb_sv_cstr(s.base), &limits, &got, &err), KDB_IO);
    (void)shutdown(s.fd, SHUT_RDWR); /* the client may have given up before it connected */
    server_stop(&s);
    kdb_buf_done(&got);
}

static void nothing_goes_out_in_the_clear_for_https(void **state)
{
    (void)state;
    static const char *const replies[] = { HEAD "\r\nsecret", "" };
    kdb_err err;
    kdb_buf got;
    server s;
    char url[80];
    kdb_buf_init(&got, 0);
    server_start(&s, replies);
    (void)snprintf(url, sizeof(url), "https%.60s/", s.base + 4);
    assert_int_equal(kdb_http_get(kdb_sv_cstr(url), &usual, &got, &err), KDB_IO);
    (void)shutdown(s.fd, SHUT_RDWR);
    server_stop(&s);
    assert_null(strstr(s.request, "GET"));
    assert_int_equal(got.len, 0);
    kdb_buf_done(&got);
}

static void other_schemes_are_invalid(void **state)
{
    (void)state;
    static const char *const urls[] = { "", "http://", "file:///etc/passwd", "ftp://x/", "//x/", "x", "httpx://x" };
    kdb_err err;
    kdb_buf got;
    kdb_buf_init(&got, 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(urls); i++) {
        assert_int_equal(kdb_http_get(kdb_sv_cstr(urls[i]), &usual, &got, &err), KDB_INVALID);
    }
    assert_int_equal(kdb_http_get(KDB_SV("http://a\0b/"), &usual, &got, &err), KDB_INVALID);
    kdb_buf_done(&got);
}

static void private_is_tls_or_this_machine(void **state)
{
    (void)state;
    static const char *const fine[] = { "https://accounts.example.com", "HTTPS://x",
                                        "http://localhost:80/x",        "http://127.0.0.1/",
                                        "http://127.9.9.9:1",           "http://[::1]:8080/a" };
    static const char *const open[] = { "http://example.com",
                                        "http://10.0.0.1/",
                                        "http://localhost.example.com/",
                                        "http://127.0.0.1.evil.com/",
                                        "http://127.0.0.1@evil.com/",
                                        "http://[::2]/",
                                        "ftp://localhost/",
                                        "localhost",
                                        "" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(fine); i++) {
        assert_true(kdb_http_is_private(kdb_sv_cstr(fine[i])));
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(open); i++) {
        assert_false(kdb_http_is_private(kdb_sv_cstr(open[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_appended),
        cmocka_unit_test(other_answers_are_failures),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(redirects_stay_within_the_scheme),
        cmocka_unit_test(redirects_end),
        cmocka_unit_test(silence_ends_with_the_time_limit),
        cmocka_unit_test(a_call_can_be_stopped),
        cmocka_unit_test(nothing_goes_out_in_the_clear_for_https),
        cmocka_unit_test(other_schemes_are_invalid),
        cmocka_unit_test(private_is_tls_or_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
