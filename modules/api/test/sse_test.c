/* sse_test.c - live queries as server-sent events: what begins a stream and what does not, its events, its end. */
#include <unistd.h>

#include "fake_live.h"

static fixture f;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&f, NULL);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void ask(client *c, const fixture *of, const char *query, const char *token, const char *headers)
{
    char text[4096];
    client_open(c, of->port);
    (void)snprintf(text, sizeof text, "GET /v1/live?%s HTTP/1.1\r\nHost: x\r\n%s%s%s%s\r\n", query,
                   token == NULL ? "" : "Authorization: Bearer ", token == NULL ? "" : token,
                   token == NULL ? "" : "\r\n", headers == NULL ? "" : headers);
    client_send_text(c, text);
}

static void begin(client *c, const fixture *of, const char *query, const char *headers)
{
    answer a;
    ask(c, of, query, of->user, headers);
    client_read_head_answer(c, &a);
    if (a.status != 200) {
        fail_msg("%s", a.head);
    }
    assert_string_equal(answer_header(&a, "content-type"), "text/event-stream");
    assert_string_equal(answer_header(&a, "cache-control"), "no-store");
    answer_done(&a);
}

/* Reads until the text has come, and takes it off with all before it; false at the end. */
static bool reads(client *c, const char *text)
{
    for (;;) {
        const char *at = c->in.len == 0 ? NULL : memmem(c->in.ptr, c->in.len, text, strlen(text));
        if (at != NULL) {
            client_consume(c, (size_t)(at - c->in.ptr) + strlen(text));
            return true;
        }
        if (!client_have(c, c->in.len + 1)) {
            return false;
        }
    }
}

static void a_stream_has_ack_batch_and_changes(void **state)
{
    (void)state;
    client c;
    char id[64];
    begin(&c, &f, "sql=rows%202", NULL);
    assert_true(reads(&c, "event: ack\ndata: {\"type\":\"subscription_ack\",\"subscription_id\":\"live\""));
    assert_true(reads(&c, "}\n\n"));
    assert_true(reads(&c, "event: batch\nid: 100\ndata: {\"type\":\"initial_data_batch\""));
    (void)snprintf(id, sizeof id, "event: change\nid: %" PRIu64 "\ndata: {\"type\":\"change\"",
                   fake_live_publish(f.live, 3000));
    assert_true(reads(&c, id));
    client_close(&c);
    assert_true(fake_live_has_subs(f.live, 0)); /* it is seen that the client has left */
}

static void parameters_reach_live(void **state)
{
    (void)state;
    client c;
    begin(&c, &f, "sql=options&from=77&batch_size=9", NULL);
    assert_true(reads(&c, "start=2 from=77 last=0 batch=9 user=alice role=user"));
    client_close(&c);
    begin(&c, &f, "sql=options&last_rows=5", NULL);
    assert_true(reads(&c, "start=1 from=0 last=5"));
    client_close(&c);
    begin(&c, &f, "sql=options&from=77", "Last-Event-ID: 9007199254740993\r\n");
    assert_true(reads(&c, "start=2 from=9007199254740993"));
    client_close(&c);
}

static void the_cookie_will_do(void **state)
{
    (void)state;
    client c;
    answer a;
    char cookie[4096];
    (void)snprintf(cookie, sizeof cookie, "Cookie: a=b; kalamdb_auth=%s\r\n", f.user);
    ask(&c, &f, "sql=options", NULL, cookie);
    client_read_head_answer(&c, &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    assert_true(reads(&c, "user=alice"));
    client_close(&c);
}

typedef struct refusal {
    const char *query;
    bool signed_in;
    int status;
    const char *part;
} refusal;

static const refusal refusals[] = {
    { "sql=quiet", false, 401, "\"code\":\"MISSING_AUTHORIZATION\"" },
    { "", true, 400, "missing parameter `sql`" },
    { "sql=%FF", true, 400, "not UTF-8" },
    { "sql=quiet&from=x", true, 400, "`from` must be" },
    { "sql=quiet&last_rows=-1", true, 400, "`last_rows` must be" },
    { "sql=quiet&batch_size=99999999999", true, 400, "`batch_size` must be" },
    { "sql=full", true, 429, "Too many live queries" },
    { "sql=busy", true, 503, "" },
    { "sql=fail+NOT_FOUND", true, 404, "\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"as the script says\"}}" },
    { "sql=fail+UNAUTHORIZED", true, 403, "\"code\":\"UNAUTHORIZED\"" },
    { "sql=fail+INVALID_SQL", true, 400, "\"code\":\"INVALID_SQL\"" },
    { "sql=fail+RESYNC", true, 400, "\"code\":\"RESYNC\"" },
    { "sql=fail+OTHER", true, 500, "\"code\":\"OTHER\"" },
};

static void errors_before_the_stream_are_ordinary_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(refusals); i++) {
        const refusal *want = &refusals[i];
        client c;
        answer a;
        ask(&c, &f, want->query, want->signed_in ? f.user : NULL, NULL);
        client_read(&c, &a);
        if (a.status != want->status) {
            fail_msg("%s: %d %s", want->query, a.status, a.body);
        }
        assert_string_equal(answer_header(&a, "content-type"), "application/json");
        assert_contains(a.body, "{\"status\":\"error\"");
        assert_contains(a.body, want->part);
        answer_done(&a);
        client_close(&c);
    }
    assert_true(fake_live_has_subs(f.live, 0));
}

static void what_live_ends_ends_the_stream(void **state)
{
    (void)state;
    client c;
    begin(&c, &f, "sql=quiet", NULL);
    assert_true(reads(&c, "event: batch"));
    fake_live_end_all(f.live, "KILLED");
    assert_true(reads(&c, "event: error\ndata: {\"type\":\"error\",\"subscription_id\":\"live\",\"code\":\"KILLED\""));
    assert_true(reads(&c, "\r\n0\r\n\r\n"));
    assert_true(client_sees_end(&c));
    client_close(&c);
}

static void what_is_to_start_over_has_no_place_to_go_on_from(void **state)
{
    (void)state;
    client c;
    begin(&c, &f, "sql=rows+1", NULL);
    assert_true(reads(&c, "event: batch\nid: 100\n"));
    fake_live_end_all(f.live, "RESYNC");
    assert_true(
        reads(&c, "event: error\nid:\ndata: {\"type\":\"error\",\"subscription_id\":\"live\",\"code\":\"RESYNC\""));
    assert_true(client_sees_end(&c));
    client_close(&c);
}

static void a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.max_queue_bytes=65536", NULL };
    fixture own;
    client c;
    char id[64];
    int rounds = 0;
    fixture_open(&own, settings);
    begin(&c, &own, "sql=quiet", NULL);
    while (fake_live_count(own.live).subs == 1) {
        const struct timespec nap = { .tv_nsec = 1000000 };
        (void)fake_live_publish(own.live, 20000);
        (void)nanosleep(&nap, NULL);
        assert_true(rounds++ < 60000);
    }
    assert_true(reads(&c, "\"code\":\"SLOW_CLIENT\",\"message\":\"The client does not read fast enough; resume from "));
    (void)snprintf(id, sizeof id, "\r\n0\r\n\r\n");
    assert_true(reads(&c, id));
    client_close(&c);
    fixture_close(&own);
}

static void draining_ends_streams(void **state)
{
    (void)state;
    fixture own;
    client c;
    fixture_open(&own, NULL);
    begin(&c, &own, "sql=quiet", NULL);
    assert_true(reads(&c, "event: batch"));
    kdb_api_drain(own.api, 5000000);
    assert_int_equal(fake_live_count(own.live).subs, 0);
    assert_true(reads(&c, "\"code\":\"SHUTTING_DOWN\""));
    assert_true(client_sees_end(&c));
    client_close(&c);
    fixture_close(&own);
}

/* A client that leaves before the first message, and in the middle of many. */
static void clients_that_leave(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        client c;
        ask(&c, &f, "sql=rows%20100", f.user, NULL);
        if (i % 2 == 0) {
            fake_live_publish_many(f.live, 20, 5000);
        }
        client_close(&c);
    }
    assert_true(fake_live_has_subs(f.live, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_ack_batch_and_changes),
        cmocka_unit_test(parameters_reach_live),
        cmocka_unit_test(the_cookie_will_do),
        cmocka_unit_test(errors_before_the_stream_are_ordinary_answers),
        cmocka_unit_test(what_live_ends_ends_the_stream),
        cmocka_unit_test(what_is_to_start_over_has_no_place_to_go_on_from),
        cmocka_unit_test(a_client_that_does_not_read_is_cut),
        cmocka_unit_test(draining_ends_streams),
        cmocka_unit_test(clients_that_leave),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
