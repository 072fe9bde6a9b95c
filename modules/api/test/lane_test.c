/* lane_test.c - statements that the net thread runs itself: their answers leave without another thread, in order, whole, and
 * never make the loop wait; and what a lane leaves to others is answered as if a worker had had it from the start. */
#include <sys/socket.h>
#include <unistd.h>

#include "api_test.h"

enum { PATIENCE_US = 60 * 1000000 };

static fixture f;

static int open_fixture(void **state)
{
    (void)state;
    static const char *const settings[] = { "performance.stalled_client_timeout=1", "limits.max_result_bytes=4194304",
                                            NULL };
    fixture_open(&f, settings);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void expect(const char *sql, int status, const char *part)
{
    answer a;
    post_sql(&f, f.admin, sql, &a);
    assert_int_equal(a.status, status);
    assert_contains(a.body, part);
    answer_done(&a);
}

static void a_lane_answers_without_a_worker(void **state)
{
    (void)state;
    const fake_core_counts before = fake_core_count(f.core);
    expect("here message", 200, "\"results\":[{\"row_count\":3,\"message\":\"Inserted 3 row(s)\"");
    expect("here rows 3", 200, "[\"2\",\"xxx\"]],\"row_count\":3");
    expect("here two", 200, "},{\"row_count\":3");
    const fake_core_counts after = fake_core_count(f.core);
    assert_int_equal(after.in_lanes, before.in_lanes + 3);
    assert_int_equal(after.submitted, before.submitted);
}

static void a_failure_in_a_lane_is_an_error_answer(void **state)
{
    (void)state;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "here runfail %d", KDB_NOT_FOUND);
    expect(sql, kdb_status_defs[KDB_NOT_FOUND].http, "Statement 1 failed: ");
    (void)snprintf(sql, sizeof sql, "here late 2000 1000 %d", KDB_CONFLICT);
    expect(sql, kdb_status_defs[KDB_CONFLICT].http, "{\"status\":\"error\",\"results\":[]");
    expect("here nan", kdb_status_defs[KDB_EXECUTION].http, "ratio");
}

/* Streaming it would have the loop wait for its own client. */
static void a_large_answer_of_a_lane_leaves_whole(void **state)
{
    (void)state;
    answer a;
    post_sql(&f, f.admin, "here bulk 3000 1000", &a);
    assert_int_equal(a.status, 200);
    assert_false(a.chunked);
    assert_false(a.cut);
    assert_contains(a.body + a.len - 80, "\"row_count\":3000,");
    answer_done(&a);
    expect("here bulk 6000 1000", kdb_status_defs[KDB_LIMIT].http, "max_result_bytes");
}

static void what_a_lane_leaves_to_others_is_answered(void **state)
{
    (void)state;
    expect("later message", 200, "Inserted");
    expect("later bulk 20 1000", 200, "\"row_count\":20,");
    answer a;
    post_sql(&f, f.admin, "later bulk 3000 1000", &a);
    assert_true(a.chunked && !a.cut);
    answer_done(&a);
    for (int i = 0; i < 300; i++) {
        expect("race message", 200, "Inserted");
    }
}

/* One after the other on one connection, however each is run, also when they come in one packet. */
static void answers_come_in_order(void **state)
{
    (void)state;
    static const char *const ways[] = { "here", "later", "", "race" };
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (size_t i = 0; i < 64; i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"sql\":\"%s rows %zu\"}", ways[i * 7 % 4], i + 1);
        kdb_buf_printf(
            &text, "POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
            f.admin, strlen(body), body);
    }
    client c;
    client_open(&c, f.port);
    assert_true(client_send(&c, text.ptr, text.len));
    for (size_t i = 0; i < 64; i++) {
        char part[32];
        answer a;
        client_read(&c, &a);
        (void)snprintf(part, sizeof part, "\"row_count\":%zu,", i + 1);
        assert_contains(a.body, part);
        answer_done(&a);
    }
    client_close(&c);
    kdb_buf_done(&text);
}

static uint64_t connections(void)
{
    kdb_api_stats stats;
    kdb_api_stats_get(f.api, &stats);
    return stats.connections;
}

static bool connections_fall_to(uint64_t most)
{
    const int64_t deadline = kdb_monotonic_us() + PATIENCE_US;
    while (connections() > most && kdb_monotonic_us() < deadline) {
        (void)usleep(10000);
    }
    return connections() <= most;
}

/* Whether or not the kernel takes all of the answer: where it lets a buffer grow to 4 MiB, it does. The other loop's and this
 * loop's other clients are served meanwhile. */
static void a_client_that_does_not_read_is_cut_off(void **state)
{
    (void)state;
    static const char *const answers[] = { "here bulk 1000 1000", "here bulk 2000 1000", "here bulk 4000 1000" };
    client deaf[2 * KDB_ARRAY_LEN(answers)];
    const int small = 4096;
    assert_true(connections_fall_to(0));
    for (size_t i = 0; i < KDB_ARRAY_LEN(deaf); i++) {
        client_open(&deaf[i], f.port);
        assert_int_equal(setsockopt(deaf[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        client_send_sql(&deaf[i], f.admin, answers[i / 2]);
    }
    expect("here message", 200, "Inserted");
    expect("here message", 200, "Inserted");
    assert_true(connections_fall_to(0));
    for (size_t i = 0; i < KDB_ARRAY_LEN(deaf); i++) {
        client_close(&deaf[i]);
    }
}

static void a_client_that_leaves_is_forgotten(void **state)
{
    (void)state;
    static const char *const scripts[] = { "here message", "later message", "race message", "here bulk 1000 1000" };
    for (size_t i = 0; i < 200; i++) {
        client c;
        client_open(&c, f.port);
        client_send_sql(&c, f.admin, scripts[i % KDB_ARRAY_LEN(scripts)]);
        client_close(&c);
    }
    expect("here message", 200, "Inserted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lane_answers_without_a_worker),
        cmocka_unit_test(a_failure_in_a_lane_is_an_error_answer),
        cmocka_unit_test(a_large_answer_of_a_lane_leaves_whole),
        cmocka_unit_test(what_a_lane_leaves_to_others_is_answered),
        cmocka_unit_test(answers_come_in_order),
        cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(a_client_that_leaves_is_forgotten),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
