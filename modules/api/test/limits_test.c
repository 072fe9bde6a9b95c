/* limits_test.c - what a client cannot make the server do: hold large bodies, wait for slow requests, keep too many
 * connections; and how the edge drains. */
#include <unistd.h>

#include "api_test.h"

static int silent(void **state)
{
    (void)state;
    return 0;
}

static void read_in_parts(client *c, const char *text, long nap_ms, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        const struct timespec nap = { .tv_nsec = nap_ms * 1000000 };
        client_send_text(c, text);
        (void)nanosleep(&nap, NULL);
    }
}

static void large_bodies_are_413_in_json(void **state)
{
    (void)state;
    static const char *const settings[] = { "security.max_request_body_size=2000", NULL };
    fixture f;
    answer a;
    fixture_open(&f, settings);
    request(&f, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n", &a);
    assert_int_equal(a.status, 413);
    assert_string_equal(answer_header(&a, "content-type"), "application/json");
    assert_contains(a.body, "{\"error\":\"BODY_TOO_LARGE\",\"message\":");
    assert_contains(a.body, "\"size_bytes\":2001,\"max_bytes\":2000}");
    answer_done(&a);
    request(&f, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", &a);
    assert_int_equal(a.status, 413);
    answer_done(&a);
    request(&f, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", &a);
    assert_int_equal(a.status, 400);
    answer_done(&a);
    fixture_close(&f);
}

static const char *const small_bodies[] = { "security.max_request_body_size=100000", NULL };
#define MIB ((size_t)1024 * 1024)

/* Sends the head of a body far above the limit. */
static void announce_much(client *c, uint16_t port)
{
    client_open(c, port);
    client_send_text(c, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n");
}

/* Sends `mib` of a body; false when the server has closed the connection. */
static bool send_much(client *c, size_t mib)
{
    char *body = kdb_alloc(MIB);
    bool taken = true;
    memset(body, ' ', MIB);
    for (size_t i = 0; taken && i < mib; i++) {
        taken = client_send(c, body, MIB);
    }
    kdb_free(body);
    return taken;
}

static void expect_413(client *c)
{
    answer a;
    client_read(c, &a);
    assert_int_equal(a.status, 413);
    assert_false(a.cut);
    answer_done(&a);
    assert_true(client_sees_end(c));
}

/* The client sends all of it before it looks for the answer, which must not be lost to a reset. */
static void a_client_that_sends_on_still_sees_the_413(void **state)
{
    (void)state;
    fixture f;
    client c;
    fixture_open(&f, small_bodies);
    announce_much(&c, f.port);
    assert_true(send_much(&c, 64));
    expect_413(&c);
    assert_true(send_much(&c, 64));
    client_close(&c);
    fixture_close(&f);
}

static void wait_for_connections(fixture *f, uint64_t count)
{
    kdb_api_stats stats;
    const int64_t until = kdb_monotonic_us() + 60 * (int64_t)1000000;
    for (kdb_api_stats_get(f->api, &stats); stats.connections != count; kdb_api_stats_get(f->api, &stats)) {
        assert_true(kdb_monotonic_us() < until);
        (void)usleep(1000);
    }
}

/* One that does not close after its last answer is a connection like any other while what it sends is thrown away: for so many
 * bytes, or for a while. */
static void a_client_that_does_not_end_is_ended(void **state)
{
    (void)state;
    fixture f;
    client silent, noisy;
    fixture_open(&f, small_bodies);
    announce_much(&silent, f.port);
    announce_much(&noisy, f.port);
    expect_413(&silent);
    expect_413(&noisy);
    wait_for_connections(&f, 2);
    assert_false(send_much(&noisy, 1024));
    wait_for_connections(&f, 1);
    wait_for_connections(&f, 0);
    client_close(&silent);
    client_close(&noisy);
    fixture_close(&f);
}

/* Of what stands behind a head that is refused nothing is read. */
static void the_answer_to_a_bad_head_is_seen(void **state)
{
    (void)state;
    fixture f;
    client c;
    answer a;
    fixture_open(&f, NULL);
    client_open(&c, f.port);
    client_send_text(&c, "GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
    assert_true(send_much(&c, 16));
    client_read(&c, &a);
    assert_int_equal(a.status, 400);
    answer_done(&a);
    client_close(&c);
    fixture_close(&f);
}

static void large_chunked_bodies_are_413_too(void **state)
{
    (void)state;
    static const char *const settings[] = { "security.max_request_body_size=2000", NULL };
    fixture f;
    answer a;
    client c;
    char chunk[1100];
    fixture_open(&f, settings);
    client_open(&c, f.port);
    client_send_text(&c, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)snprintf(chunk, sizeof chunk, "400\r\n%1024s\r\n", "x");
    read_in_parts(&c, chunk, 1, 3);
    client_read(&c, &a);
    assert_int_equal(a.status, 413);
    assert_contains(a.body, "\"max_bytes\":2000}");
    answer_done(&a);
    client_close(&c);
    fixture_close(&f);
}

static void a_slow_request_is_given_up(void **state)
{
    (void)state;
    static const char *const settings[] = { "performance.request_timeout=1", "performance.keepalive_timeout=60", NULL };
    fixture f;
    client slow, idle;
    fixture_open(&f, settings);
    client_open(&slow, f.port);
    client_open(&idle, f.port);
    client_send_text(&slow, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nX-Drip: ");
    read_in_parts(&slow, "x", 100, 5);
    assert_true(client_sees_end(&slow));
    assert_false(client_at_end(&idle));
    client_close(&slow);
    client_close(&idle);
    fixture_close(&f);
}

static void idle_connections_end(void **state)
{
    (void)state;
    static const char *const settings[] = { "performance.keepalive_timeout=3", NULL };
    fixture f;
    client c;
    answer a;
    fixture_open(&f, settings);
    client_open(&c, f.port);
    client_send_text(&c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(&c, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_sees_end(&c));
    answer_done(&a);
    client_close(&c);
    fixture_close(&f);
}

/* A statement may run longer than a request may take to arrive, and than a client may be idle, as one that began later is. */
static void a_running_statement_is_not_idle(void **state)
{
    (void)state;
    static const char *const settings[] = { "performance.keepalive_timeout=2", "performance.request_timeout=2",
                                            "performance.stalled_client_timeout=2", NULL };
    fixture f;
    client c, idle;
    answer a;
    fixture_open(&f, settings);
    client_open(&c, f.port);
    client_send_sql(&c, f.user, "wait");
    assert_true(core_reaches(f.core, waits, 1));
    client_open(&idle, f.port);
    assert_true(client_sees_end(&idle));
    client_close(&idle);
    fake_core_release(f.core);
    client_read(&c, &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    client_close(&c);
    fixture_close(&f);
}

static void connections_over_the_limit_are_told_so(void **state)
{
    (void)state;
    enum { MOST = 4 };
    static const char *const settings[] = { "performance.max_connections=4", NULL };
    fixture f;
    client held[MOST];
    answer a;
    fixture_open(&f, settings);
    kdb_api_stats stats = { .connections = 1 };
    while (stats.connections > 0) { /* those of signing in */
        kdb_api_stats_get(f.api, &stats);
    }
    for (size_t i = 0; i < MOST; i++) {
        client_open(&held[i], f.port);
        client_send_text(&held[i], "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
        client_read(&held[i], &a);
        assert_int_equal(a.status, 200);
        answer_done(&a);
    }
    request(&f, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_header(&a, "retry-after"), "1");
    assert_string_equal(answer_header(&a, "connection"), "close");
    assert_contains(a.body, "{\"error\":\"TOO_MANY_CONNECTIONS\"");
    answer_done(&a);
    for (size_t i = 0; i < MOST; i++) {
        client_close(&held[i]);
    }
    fixture_close(&f);
}

static void queries_of_one_user_are_limited(void **state)
{
    (void)state;
    static const char *const settings[] = { "rate_limit.max_queries_per_sec=3", NULL };
    fixture f;
    answer a;
    int served = 0;
    fixture_open(&f, settings);
    for (post_sql(&f, f.user, "message", &a); a.status == 200 && served < 1000; served++) {
        answer_done(&a);
        post_sql(&f, f.user, "message", &a);
    }
    assert_true(served >= 3);
    assert_int_equal(a.status, 429);
    assert_contains(a.body, "\"code\":\"RATE_LIMIT_EXCEEDED\"");
    assert_non_null(answer_header(&a, "retry-after"));
    answer_done(&a);
    post_sql(&f, f.admin, "message", &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    fixture_close(&f);
}

static void results_are_limited_in_size(void **state)
{
    (void)state;
    static const char *const settings[] = { "limits.max_result_bytes=200000", NULL };
    fixture f;
    answer a;
    fixture_open(&f, settings);
    post_sql(&f, f.admin, "bulk 100 1000", &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    post_sql(&f, f.admin, "bulk 1000 1000", &a);
    assert_int_equal(a.status, 400);
    assert_contains(a.body, "limits.max_result_bytes");
    answer_done(&a);
    fixture_close(&f);
}

enum { DRAIN_US = 120 * 1000000 };

typedef struct drainer {
    fixture *f;
    kdb_thread thread;
    int64_t took_us;
} drainer;

static void drain(void *arg)
{
    drainer *d = arg;
    const int64_t begun = kdb_monotonic_us();
    kdb_api_drain(d->f->api, DRAIN_US);
    d->took_us = kdb_monotonic_us() - begun;
}

static void draining_ends_idle_connections_and_finishes_answers(void **state)
{
    (void)state;
    fixture f;
    client idle, busy;
    answer a;
    drainer d = { .f = &f };
    fixture_open(&f, NULL);
    client_open(&idle, f.port);
    client_send_text(&idle, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(&idle, &a);
    answer_done(&a);
    client_open(&busy, f.port);
    client_send_sql(&busy, f.user, "wait");
    assert_true(core_reaches(f.core, waits, 1));
    kdb_thread_start(&d.thread, "drainer", KDB_THREAD_ANY, drain, &d);
    assert_true(client_sees_end(&idle));
    fake_core_release(f.core);
    client_read(&busy, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "connection"), "close");
    answer_done(&a);
    assert_true(client_sees_end(&busy));
    kdb_thread_join(&d.thread);
    assert_true(d.took_us < DRAIN_US);
    client_close(&idle);
    client_close(&busy);
    fixture_close(&f);
}

static void draining_gives_up_after_its_time(void **state)
{
    (void)state;
    fixture f;
    client busy;
    fixture_open(&f, NULL);
    client_open(&busy, f.port);
    client_send_sql(&busy, f.user, "wait");
    assert_true(core_reaches(f.core, waits, 1));
    const int64_t begun = kdb_monotonic_us();
    kdb_api_drain(f.api, 200000);
    assert_in_range(kdb_monotonic_us() - begun, 200000, 60 * 1000000);
    client_close(&busy);
    fixture_close(&f);
}

static void a_port_in_use_is_named(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    char port[16];
    kdb_err err;
    (void)snprintf(port, sizeof port, "%u", f.port);
    assert_int_equal(kdb_options_set(f.options, KDB_SV("server.port"), kdb_sv_cstr(port), &err), KDB_OK);
    const kdb_api_options options = {
        .core = f.core, .auth = f.auth, .options = f.options, .version = "", .build_date = ""
    };
    kdb_api *second = NULL;
    assert_int_equal(kdb_api_open(&options, &second, &err), KDB_IO);
    assert_contains(err.text, port);
    assert_null(second);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_bodies_are_413_in_json),
        cmocka_unit_test(a_client_that_sends_on_still_sees_the_413),
        cmocka_unit_test(a_client_that_does_not_end_is_ended),
        cmocka_unit_test(the_answer_to_a_bad_head_is_seen),
        cmocka_unit_test(large_chunked_bodies_are_413_too),
        cmocka_unit_test(a_slow_request_is_given_up),
        cmocka_unit_test(idle_connections_end),
        cmocka_unit_test(a_running_statement_is_not_idle),
        cmocka_unit_test(connections_over_the_limit_are_told_so),
        cmocka_unit_test(queries_of_one_user_are_limited),
        cmocka_unit_test(results_are_limited_in_size),
        cmocka_unit_test(draining_ends_idle_connections_and_finishes_answers),
        cmocka_unit_test(draining_gives_up_after_its_time),
        cmocka_unit_test(a_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, silent, silent);
}
