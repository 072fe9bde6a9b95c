/* stream_test.c - answers that outgrow one piece: streaming, back-pressure, late failures, and clients that leave. */
#include <sys/socket.h>

#include "api_test.h"

enum { STALLED_US = 3000000 };

static fixture f;

static int open_fixture(void **state)
{
    (void)state;
    static const char *const settings[] = { "performance.stalled_client_timeout=3", NULL };
    fixture_open(&f, settings);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == c;
    }
    return n;
}

static void a_small_answer_has_a_length(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.admin, "bulk 200 1000", &a); /* four pieces, the last one begun */
    assert_int_equal(a.status, 200);
    assert_false(a.chunked);
    assert_false(a.cut);
    assert_int_equal(count(a.body, '['), 1 + 1 + 1 + 200 + 1);
    answer_done(&a);
}

static void a_large_answer_is_streamed_whole(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.admin, "bulk 20000 1000", &a);
    assert_int_equal(a.status, 200);
    assert_true(a.chunked);
    assert_false(a.cut);
    assert_true(a.len > 20000000);
    assert_contains(a.body, "[\"19999\",\"xxx");
    assert_contains(a.body + a.len - 80, "\"row_count\":20000,\"as_user\":\"admin\"}],\"took\":");
    answer_done(&a);
}

static void the_connection_goes_on_after_a_stream(void **state)
{
    (void)state;
    client c;
    client_open(&c, f.port);
    for (int i = 0; i < 3; i++) {
        answer a;
        client_send_sql(&c, f.admin, "bulk 1000 1000");
        client_read(&c, &a);
        assert_true(a.chunked && !a.cut);
        answer_done(&a);
        client_send_sql(&c, f.admin, "message");
        client_read(&c, &a);
        assert_int_equal(a.status, 200);
        answer_done(&a);
    }
    client_close(&c);
}

static void a_failure_before_streaming_is_an_error_answer(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.admin, "late 100 1000 24", &a);
    assert_int_equal(a.status, 400);
    assert_false(a.chunked);
    assert_contains(a.body, "{\"status\":\"error\"");
    answer_done(&a);
}

static void a_failure_while_streaming_cuts_the_answer(void **state)
{
    (void)state;
    answer a;
    client c;
    client_open(&c, f.port);
    client_send_sql(&c, f.admin, "late 2000 1000 24");
    client_read(&c, &a);
    assert_int_equal(a.status, 200);
    assert_true(a.chunked);
    assert_true(a.cut);
    assert_true(client_sees_end(&c));
    answer_done(&a);
    client_close(&c);
}

/* The client takes the head and no more: the worker stops making rows, is let go, and the connection ends. */
static void a_client_that_stops_reading_is_cut_off(void **state)
{
    (void)state;
    const size_t done_before = fake_core_count(f.core).done;
    const int64_t begun = kdb_monotonic_us();
    client c;
    int small = 4096;
    client_open(&c, f.port);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    client_send_sql(&c, f.admin, "bulk 200000 1000");
    assert_true(core_reaches(f.core, done, done_before + 1));
    assert_true(kdb_monotonic_us() - begun >= STALLED_US);
    assert_int_equal(fake_core_count(f.core).failed_with, KDB_CANCELLED);
    answer a;
    client_read(&c, &a); /* what lay in the buffers, and then the cut */
    assert_true(a.cut);
    answer_done(&a);
    client_close(&c);
}

/* Slower than the worker, but never idle for as long as the limit: it gets everything. */
static void a_slow_client_gets_everything(void **state)
{
    (void)state;
    client c;
    answer a;
    int small = 16384;
    client_open(&c, f.port);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    client_send_sql(&c, f.admin, "bulk 6000 1000");
    char *room = kdb_buf_reserve(&c.in, 8 * 1024 * 1024);
    const int64_t begun = kdb_monotonic_us();
    while (kdb_monotonic_us() - begun < 2 * STALLED_US) {
        const ssize_t n = recv(c.fd, room + c.in.len, 2048, 0);
        assert_true(n > 0);
        c.in.len += (size_t)n;
        const struct timespec nap = { .tv_nsec = 5000000 };
        (void)nanosleep(&nap, NULL);
    }
    client_read(&c, &a);
    assert_false(a.cut);
    assert_contains(a.body + a.len - 80, "\"row_count\":6000,");
    answer_done(&a);
    client_close(&c);
}

static void a_client_that_leaves_cancels_its_statement(void **state)
{
    (void)state;
    const fake_core_counts before = fake_core_count(f.core);
    client c;
    client_open(&c, f.port);
    client_send_sql(&c, f.admin, "wait");
    assert_true(core_reaches(f.core, waits, 1));
    client_close(&c);
    assert_true(core_reaches(f.core, done, before.done + 1));
    assert_true(fake_core_count(f.core).cancelled > before.cancelled);
}

static void a_client_that_leaves_a_stream_cancels_its_statement(void **state)
{
    (void)state;
    const fake_core_counts before = fake_core_count(f.core);
    client c;
    char bytes[4096];
    client_open(&c, f.port);
    client_send_sql(&c, f.admin, "bulk 1000000 1000");
    assert_true(recv(c.fd, bytes, sizeof bytes, 0) > 0);
    client_close(&c);
    assert_true(core_reaches(f.core, done, before.done + 1));
    assert_int_equal(fake_core_count(f.core).failed_with, KDB_CANCELLED);
}

/* Whatever of an answer is where when the client goes, also the end of it behind a full socket: nothing is left over that
 * closing the edge would wait for. */
static void a_client_may_leave_at_any_point_of_a_stream(void **state)
{
    (void)state;
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    for (int rows = 256; rows < 8192; rows += 96) {
        char sql[32];
        client c;
        client_open(&c, f.port);
        (void)snprintf(sql, sizeof sql, "bulk %d 1000", rows);
        client_send_sql(&c, f.admin, sql);
        const struct timespec nap = { .tv_nsec = 8000000 }; /* lets the worker finish, or get stuck */
        (void)nanosleep(&nap, NULL);
        assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        client_close(&c);
    }
    fixture_close(&f);
    (void)open_fixture(NULL);
}

/* The next request may come before the answer to the last: that is not a client leaving. */
static void a_pipelined_request_waits_for_the_answer(void **state)
{
    (void)state;
    const fake_core_counts before = fake_core_count(f.core);
    client c;
    answer a;
    client_open(&c, f.port);
    client_send_sql(&c, f.admin, "wait");
    assert_true(core_reaches(f.core, waits, 1));
    client_send_sql(&c, f.admin, "rows 1");
    const struct timespec nap = { .tv_nsec = 20000000 }; /* lets the server look at it */
    (void)nanosleep(&nap, NULL);
    assert_int_equal(fake_core_count(f.core).cancelled, before.cancelled);
    fake_core_release(f.core);
    client_read(&c, &a);
    assert_contains(a.body, "Inserted");
    answer_done(&a);
    client_read(&c, &a);
    assert_contains(a.body, "\"row_count\":1,");
    answer_done(&a);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_answer_has_a_length),
        cmocka_unit_test(a_large_answer_is_streamed_whole),
        cmocka_unit_test(the_connection_goes_on_after_a_stream),
        cmocka_unit_test(a_failure_before_streaming_is_an_error_answer),
        cmocka_unit_test(a_failure_while_streaming_cuts_the_answer),
        cmocka_unit_test(a_client_that_stops_reading_is_cut_off),
        cmocka_unit_test(a_slow_client_gets_everything),
        cmocka_unit_test(a_client_that_leaves_cancels_its_statement),
        cmocka_unit_test(a_client_that_leaves_a_stream_cancels_its_statement),
        cmocka_unit_test(a_client_may_leave_at_any_point_of_a_stream),
        cmocka_unit_test(a_pipelined_request_waits_for_the_answer), /* last: it lets every `wait` go */
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
