/* ws_test.c - WebSockets over real sockets: the handshake, signing in, messages, closing, limits. Live is a fake. */
#include <unistd.h>

#include "ws_client.h"

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

/* ---- the handshake ---- */

#define GET "GET /v1/ws HTTP/1.1\r\nHost: x\r\n"
#define UP "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

typedef struct bad_handshake {
    const char *text;
    int status;
} bad_handshake;

static const bad_handshake bad_handshakes[] = {
    { GET "\r\n", 426 },
    { GET "Upgrade: websocket\r\n" VERSION KEY "\r\n", 426 },
    { GET "Connection: Upgrade\r\nUpgrade: h2c\r\n" VERSION KEY "\r\n", 426 },
    { GET UP "Sec-WebSocket-Version: 8\r\n" KEY "\r\n", 426 },
    { GET UP KEY "\r\n", 426 },
    { GET UP VERSION "\r\n", 400 },
    { GET UP VERSION "Sec-WebSocket-Key: short\r\n\r\n", 400 },
    { GET UP VERSION "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n\r\n", 400 },
    { GET UP VERSION KEY "Content-Length: 1\r\n\r\nx", 400 },
    { "GET /v1/ws HTTP/1.0\r\n" UP VERSION KEY "\r\n", 400 },
    { "POST /v1/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" UP VERSION KEY "\r\n", 405 },
};

static void bad_handshakes_are_told_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad_handshakes); i++) {
        answer a;
        request(&f, bad_handshakes[i].text, &a);
        if (a.status != bad_handshakes[i].status) {
            fail_msg("%d for %s", a.status, bad_handshakes[i].text);
        }
        assert_contains(a.body, "{\"error\":\"");
        answer_done(&a);
    }
}

static void foreign_origins_are_refused_when_there_is_a_list(void **state)
{
    (void)state;
    static const char *const settings[] = { "security.cors.allowed_origins=https://app.example",
                                            "security.strict_ws_origin_check=true", NULL };
    fixture own;
    answer a;
    client c;
    fixture_open(&own, settings);
    request(&own, GET UP VERSION KEY "Origin: https://evil.example\r\n\r\n", &a);
    assert_int_equal(a.status, 403);
    assert_contains(a.body, "Origin not allowed");
    answer_done(&a);
    request(&own, GET UP VERSION KEY "\r\n", &a);
    assert_int_equal(a.status, 403);
    assert_contains(a.body, "Origin header required");
    answer_done(&a);
    ws_open(&c, &own, "/v1/ws", "Origin: https://app.example\r\n");
    client_close(&c);
    fixture_close(&own);
}

static void both_paths_and_frames_right_behind_the_head(void **state)
{
    (void)state;
    client c;
    kdb_buf text;
    answer a;
    ws_open(&c, &f, "/ws", NULL);
    client_close(&c);
    kdb_buf_init(&text, 0);
    client_open(&c, f.port);
    kdb_buf_append_lit(&text, GET UP VERSION KEY "\r\n");
    ws_put_frame(&text, 0x89, "early", 5);
    client_send(&c, text.ptr, text.len);
    client_read_head_answer(&c, &a);
    assert_int_equal(a.status, 101);
    frame fr;
    ws_read(&c, &fr);
    assert_int_equal(fr.first, 0x8A);
    assert_string_equal(fr.bytes, "early");
    frame_done(&fr);
    answer_done(&a);
    kdb_buf_done(&text);
    client_close(&c);
}

/* ---- signing in ---- */

static void auth_success_has_all_fields(void **state)
{
    (void)state;
    client c;
    char text[4096];
    ws_open(&c, &f, "/v1/ws", NULL);
    (void)snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"%s\"}", f.user);
    ws_send_text(&c, text);
    ws_expect(&c, "{\"type\":\"auth_success\",\"user_id\":\"alice\",\"user\":\"alice\",\"role\":\"user\","
                  "\"protocol\":{\"serialization\":\"json\",\"compression\":\"gzip\"}}");
    ws_send_text(&c, text); /* a newer token, say */
    ws_expect(&c, "\"type\":\"auth_success\"");
    client_close(&c);
}

static void compression_is_echoed(void **state)
{
    (void)state;
    client c;
    char text[4096];
    ws_open(&c, &f, "/v1/ws?compress=FALSE", NULL);
    (void)snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"%s\"}", f.user);
    ws_send_text(&c, text);
    ws_expect(&c, "\"compression\":\"none\"");
    client_close(&c);
}

static void the_upgrade_may_carry_the_token(void **state)
{
    (void)state;
    client c;
    char header[4096];
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", f.admin);
    ws_open(&c, &f, "/v1/ws", header);
    ws_expect(&c, "\"user\":\"admin\",\"role\":\"dba\"");
    client_close(&c);
    ws_open(&c, &f, "/v1/ws", "Authorization: Basic eDp5\r\n");
    ws_expect(&c, "\"type\":\"auth_error\"");
    ws_expect_close(&c, 1008, "Authentication failed");
    client_close(&c);
}

static void a_bad_token_is_an_auth_error_and_the_end(void **state)
{
    (void)state;
    client c;
    ws_open(&c, &f, "/v1/ws", NULL);
    ws_send_text(&c, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"a.b.c\"}");
    ws_expect(&c, "{\"type\":\"auth_error\",\"message\":\"Invalid credentials\"}");
    ws_expect_close(&c, 1008, "Authentication failed");
    client_close(&c);
}

static void nobody_takes_over_another_s_socket(void **state)
{
    (void)state;
    client c;
    char text[4096];
    ws_open_as(&c, &f, f.user);
    (void)snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"%s\"}", f.admin);
    ws_send_text(&c, text);
    ws_expect(&c, "\"type\":\"auth_error\"");
    ws_expect_close(&c, 1008, NULL);
    client_close(&c);
}

static void who_does_not_sign_in_in_time_is_told(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.auth_timeout_secs=3", NULL };
    fixture own;
    client c;
    fixture_open(&own, settings);
    ws_open(&c, &own, "/v1/ws", NULL);
    ws_subscribe(&c, "mine", "quiet", NULL);
    ws_expect(&c, "\"subscription_id\":\"mine\",\"code\":\"AUTH_REQUIRED\"");
    ws_send_text(&c, "{\"type\":\"next_batch\",\"subscription_id\":\"mine\"}"); /* no answer */
    ws_expect(&c, "{\"type\":\"auth_error\",\"message\":\"Authentication timeout - no auth message received within 3 "
                  "seconds\"}");
    ws_expect_close(&c, 1008, "Authentication timeout");
    client_close(&c);
    fixture_close(&own);
}

static void attempts_are_limited_by_address(void **state)
{
    (void)state;
    static const char *const settings[] = { "rate_limit.max_auth_requests_per_ip_per_sec=3", NULL };
    fixture own;
    fixture_open(&own, settings); /* three sign-ins */
    bool limited = false;
    for (int i = 0; i < 1000 && !limited; i++) {
        client c;
        frame fr;
        ws_open(&c, &own, "/v1/ws", NULL);
        ws_send_text(&c, "{\"type\":\"authenticate\",\"token\":\"a.b.c\"}");
        ws_read(&c, &fr);
        limited = strstr(fr.bytes, "Too many authentication attempts. Please retry shortly.") != NULL;
        frame_done(&fr);
        ws_expect_close(&c, 1008, NULL);
        client_close(&c);
    }
    assert_true(limited);
    fixture_close(&own);
}

static void an_account_that_changes_loses_its_sockets(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.heartbeat_interval_secs=1", NULL };
    const kdb_principal root = { .user = { KDB_SV("root") }, .role = KDB_ROLE_SYSTEM };
    fixture own;
    client c, other;
    kdb_err err;
    fixture_open(&own, settings);
    ws_open_as(&c, &own, own.user);
    ws_open_as(&other, &own, own.admin);
    ws_subscribe(&c, "mine", "quiet", NULL);
    ws_expect(&c, "subscription_ack");
    ws_expect(&c, "initial_data_batch");
    assert_int_equal(kdb_auth_set_role(own.auth, &root, (kdb_user_id){ KDB_SV("alice") }, KDB_ROLE_SERVICE, &err),
                     KDB_OK);
    assert_true(ws_reads_until(&c, "\"subscription_id\":\"mine\",\"code\":\"INVALID_CREDENTIALS\""));
    ws_expect_close(&c, 1008, NULL);
    ws_send_frame(&other, 0x89, "still", 5);
    frame fr;
    do {
        ws_read(&other, &fr); /* pings may come before */
        assert_true(fr.first == 0x89 || fr.first == 0x8A);
        frame_done(&fr);
    } while (fr.first != 0x8A);
    assert_true(fake_live_has_subs(own.live, 0));
    client_close(&c);
    client_close(&other);
    fixture_close(&own);
}

/* ---- subscriptions ---- */

static void a_subscription_gets_ack_batch_and_changes(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    ws_subscribe(&c, "one", "rows 2", "{}");
    ws_expect(&c, "\"type\":\"subscription_ack\",\"subscription_id\":\"one\"");
    ws_expect(&c, "\"type\":\"initial_data_batch\",\"subscription_id\":\"one\",\"rows\":[{\"id\":0");
    (void)fake_live_publish(f.live, 10);
    (void)fake_live_publish(f.live, 5000); /* packed */
    ws_expect(&c, "\"change_type\":\"insert\"");
    ws_expect(&c, "\"change_type\":\"insert\"");
    ws_send_text(&c, "{\"type\":\"unsubscribe\",\"subscription_id\":\"one\"}");
    ws_send_text(&c, "{\"type\":\"unsubscribe\",\"subscription_id\":\"never\"}");
    assert_true(fake_live_has_subs(f.live, 0));
    (void)fake_live_publish(f.live, 10);
    ws_subscribe(&c, "two", "quiet", "{}");
    ws_expect(&c, "\"type\":\"subscription_ack\",\"subscription_id\":\"two\"");
    client_close(&c);
    assert_true(fake_live_has_subs(f.live, 0));
}

static void large_messages_are_packed_unless_not_wanted(void **state)
{
    (void)state;
    client packed, plain;
    frame fr;
    ws_open_as(&packed, &f, f.user);
    ws_open(&plain, &f, "/v1/ws?compress=false", NULL);
    ws_sign_in(&plain, f.user);
    ws_subscribe(&packed, "s", "rows 100", NULL);
    ws_subscribe(&plain, "s", "rows 100", NULL);
    ws_expect(&packed, "subscription_ack");
    ws_expect(&plain, "subscription_ack");
    ws_read(&packed, &fr);
    assert_int_equal(fr.first, 0x82);
    assert_contains(fr.bytes, "initial_data_batch"); /* unpacked by now */
    frame_done(&fr);
    ws_read(&plain, &fr);
    assert_int_equal(fr.first, 0x81);
    assert_contains(fr.bytes, "initial_data_batch");
    frame_done(&fr);
    client_close(&packed);
    client_close(&plain);
}

static void the_same_id_again_takes_the_place(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    for (int i = 0; i < 3; i++) {
        ws_subscribe(&c, "same", "rows 1", "{}");
        ws_expect(&c, "subscription_ack");
        ws_expect(&c, "initial_data_batch");
        assert_true(fake_live_has_subs(f.live, 1));
    }
    client_close(&c);
    assert_true(fake_live_has_subs(f.live, 0));
}

static void options_reach_live(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.admin);
    ws_subscribe(&c, "o", "options", "{\"from\":\"9007199254740993\",\"last_rows\":3,\"batch_size\":7}");
    ws_expect(&c, "start=2 from=9007199254740993 last=3 batch=7 user=admin role=dba");
    ws_expect(&c, "initial_data_batch");
    ws_subscribe(&c, "o", "options", "null");
    ws_expect(&c, "start=3 from=0");
    client_close(&c);
}

static void refusals_bear_the_subscription_s_id(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    ws_subscribe(&c, "a", "fail NOT_FOUND", NULL);
    ws_expect(&c, "\"subscription_id\":\"a\",\"code\":\"NOT_FOUND\"");
    ws_subscribe(&c, "b", "full", NULL);
    ws_expect(&c, "\"subscription_id\":\"b\",\"code\":\"SUBSCRIPTION_LIMIT_EXCEEDED\"");
    ws_subscribe(&c, "c", "quiet", "{\"from\":-5}");
    ws_expect(&c, "\"subscription_id\":\"c\",\"code\":\"SUBSCRIPTION_FAILED\"");
    ws_subscribe(&c, " ", "quiet", NULL);
    ws_expect(&c, "\"subscription_id\":\"invalid_subscription\",\"code\":\"INVALID_SUBSCRIPTION_ID\"");
    ws_send_text(&c, "{\"type\":\"next_batch\",\"subscription_id\":\"zz\"}");
    ws_expect(&c, "\"subscription_id\":\"zz\",\"code\":\"BATCH_FETCH_FAILED\"");
    assert_true(fake_live_has_subs(f.live, 0));
    client_close(&c);
}

static void a_connection_has_a_hundred_subscriptions(void **state)
{
    (void)state;
    static const char *const settings[] = { "rate_limit.max_messages_per_sec=0", NULL };
    fixture own;
    client c;
    fixture_open(&own, settings);
    ws_open_as(&c, &own, own.user);
    for (int i = 0; i < 101; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "s%d", i);
        ws_subscribe(&c, id, "quiet", "null");
        ws_expect(&c, i < 100 ? "subscription_ack" : "\"subscription_id\":\"s100\",\"code\":\"UNSUPPORTED\"");
    }
    client_close(&c);
    fixture_close(&own);
}

static void batches_come_when_asked_for_or_drained(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    ws_subscribe(&c, "b", "batches 3", "{}");
    ws_expect(&c, "subscription_ack");
    ws_expect(&c, "\"batch_num\":0,\"has_more\":true,\"status\":\"loading\"");
    ws_expect(&c, "\"batch_num\":1,\"has_more\":true,\"status\":\"loading_batch\"");
    ws_expect(&c, "\"batch_num\":2,\"has_more\":false,\"status\":\"ready\"");
    const size_t before = fake_live_count(f.live).next_batches;
    ws_send_text(&c, "{\"type\":\"next_batch\",\"subscription_id\":\"b\",\"last_seq_id\":5}");
    ws_send_frame(&c, 0x89, "x", 1);
    frame fr;
    ws_read(&c, &fr);
    assert_int_equal(fr.first, 0x8A);
    frame_done(&fr);
    assert_int_equal(fake_live_count(f.live).next_batches, before + 1);
    client_close(&c);
}

static void what_live_ends_may_be_subscribed_again(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    for (int i = 0; i < 2; i++) {
        ws_subscribe(&c, "k", "quiet", "null");
        ws_expect(&c, "subscription_ack");
        fake_live_end_all(f.live, "KILLED");
        ws_expect(&c, "\"subscription_id\":\"k\",\"code\":\"KILLED\"");
        assert_true(fake_live_has_subs(f.live, 0));
    }
    client_close(&c);
}

/* ---- messages and frames that are wrong ---- */

static void binary_is_refused_and_the_socket_stays(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    ws_send_frame(&c, 0x82, "\x80\x01", 2);
    ws_expect(&c, "\"subscription_id\":\"protocol\",\"code\":\"UNSUPPORTED_DATA\"");
    ws_send_text(&c, "{\"type\":\"ping\"}");
    ws_subscribe(&c, "s", "quiet", NULL);
    ws_expect(&c, "subscription_ack");
    client_close(&c);
}

static void an_unreadable_message_closes(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    ws_send_text(&c, "{\"type\":\"dance\"}");
    ws_expect_close(&c, 1011, "Invalid message: unknown type `dance`");
    client_close(&c);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    client c;
    char text[600];
    frame fr;
    ws_open(&c, &f, "/v1/ws", NULL);
    (void)snprintf(text, sizeof text, "{\"type\":\"");
    for (int i = 0; i < 100; i++) {
        strcat(text, "\xE2\x82\xAC");
    }
    strcat(text, "\"}");
    ws_send_text(&c, text);
    ws_read(&c, &fr);
    assert_int_equal(fr.first, 0x88);
    assert_in_range(fr.len, 120, 125);
    assert_true(kdb_utf8_valid(kdb_sv_of(fr.bytes + 2, fr.len - 2)));
    frame_done(&fr);
    client_close(&c);
}

static void too_large_a_message_closes(void **state)
{
    (void)state;
    static const char *const settings[] = { "security.max_ws_message_size=1024", NULL };
    fixture own;
    client c;
    char text[2000];
    fixture_open(&own, settings);
    ws_open_as(&c, &own, own.user);
    memset(text, ' ', sizeof text);
    ws_send_frame(&c, 0x81, text, sizeof text);
    ws_expect(&c, "\"subscription_id\":\"protocol\",\"code\":\"MESSAGE_TOO_LARGE\"");
    ws_expect_close(&c, 1009, NULL);
    client_close(&c);
    fixture_close(&own);
}

static void faults_close_with_their_code(void **state)
{
    (void)state;
    client c;
    ws_open_as(&c, &f, f.user);
    client_send(&c, "\x81\x01x", 3); /* not masked */
    ws_expect_close(&c, 1002, "Frames from clients must be masked");
    client_close(&c);
    ws_open_as(&c, &f, f.user);
    ws_send_frame(&c, 0x81, "\xFF", 1);
    ws_expect_close(&c, 1007, NULL);
    client_close(&c);
}

static void a_client_that_closes_gets_its_code_back(void **state)
{
    (void)state;
    client c;
    frame fr;
    ws_open_as(&c, &f, f.user);
    ws_subscribe(&c, "s", "quiet", "null");
    ws_expect(&c, "subscription_ack");
    ws_send_frame(&c, 0x88, "\x0F\xA0 done", 7); /* 4000 */
    ws_read(&c, &fr);
    assert_int_equal(fr.first, 0x88);
    assert_int_equal(fr.len, 2);
    assert_memory_equal(fr.bytes, "\x0F\xA0", 2);
    frame_done(&fr);
    assert_true(client_sees_end(&c));
    assert_true(fake_live_has_subs(f.live, 0));
    client_close(&c);
}

static void messages_are_limited(void **state)
{
    (void)state;
    static const char *const settings[] = { "rate_limit.max_messages_per_sec=5", NULL };
    fixture own;
    client c;
    fixture_open(&own, settings);
    ws_open_as(&c, &own, own.user);
    for (int i = 0; i < 30; i++) {
        ws_send_text(&c, "{\"type\":\"ping\"}");
    }
    ws_subscribe(&c, "mine", "quiet", NULL);
    assert_true(ws_reads_until(&c, "\"subscription_id\":\"rate_limit\",\"code\":\"RATE_LIMIT_EXCEEDED\""));
    assert_true(ws_reads_until(&c, "\"subscription_id\":\"mine\",\"code\":\"RATE_LIMIT_EXCEEDED\""));
    client_close(&c);
    fixture_close(&own);
}

/* ---- time ---- */

static void silence_ends_a_socket_and_a_pong_keeps_it(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.heartbeat_interval_secs=1", "websocket.client_timeout_secs=4",
                                            NULL };
    fixture own;
    client c;
    frame fr;
    fixture_open(&own, settings);
    ws_open_as(&c, &own, own.user);
    for (int i = 0; i < 6; i++) { /* longer than the limit, which is four beats */
        ws_read(&c, &fr);
        assert_int_equal(fr.first, 0x89);
        frame_done(&fr);
        ws_send_frame(&c, 0x8A, "", 0);
    }
    do {
        ws_read(&c, &fr);
        assert_true(fr.first == 0x89 || fr.first == 0x88);
        if (fr.first == 0x88) {
            assert_string_equal(fr.bytes + 2, "Heartbeat timeout");
        }
        frame_done(&fr);
    } while (fr.first != 0x88);
    client_close(&c);
    fixture_close(&own);
}

/* ---- slow clients ---- */

static void a_client_that_does_not_read_is_cut_and_others_are_not(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.max_queue_bytes=65536", "server.net_threads=1", NULL };
    fixture own;
    client slow, quick;
    fixture_open(&own, settings);
    ws_open(&slow, &own, "/v1/ws?compress=false", NULL);
    ws_sign_in(&slow, own.user);
    ws_open_as(&quick, &own, own.admin);
    ws_subscribe(&slow, "s", "quiet", "null");
    ws_expect(&slow, "subscription_ack");
    ws_subscribe(&quick, "q", "quiet", "null");
    ws_expect(&quick, "subscription_ack");
    int rounds = 0; /* the kernel's buffers take some megabytes before anything waits */
    while (fake_live_count(own.live).subs == 2) {
        char part[64];
        (void)snprintf(part, sizeof part, "\"_seq\":\"%" PRIu64 "\"", fake_live_publish(own.live, 20000));
        assert_true(ws_reads_until(&quick, part));
        assert_true(rounds++ < 100000);
    }
    assert_true(ws_reads_until(&slow,
                               "\"subscription_id\":\"s\",\"code\":\"SLOW_CLIENT\",\"message\":\"The client does "
                               "not read fast enough; resume from "));
    frame fr;
    ws_read(&slow, &fr);
    assert_int_equal(fr.first, 0x88);
    assert_int_equal((uint8_t)fr.bytes[0] << 8 | (uint8_t)fr.bytes[1], 1013);
    assert_contains(fr.bytes + 2, "Too slow; resume from ");
    frame_done(&fr);
    client_close(&slow);
    client_close(&quick);
    fixture_close(&own);
}

/* Each alone may hold as much as it likes here. */
static void all_together_hold_no_more_than_they_may(void **state)
{
    (void)state;
    static const char *const settings[] = { "websocket.max_queue_bytes=1000000000",
                                            "websocket.max_queue_total_bytes=2097152", "server.net_threads=1", NULL };
    enum { CLIENTS = 4 };
    fixture own;
    client c[CLIENTS];
    int rounds = 0;
    fixture_open(&own, settings);
    for (size_t i = 0; i < CLIENTS; i++) {
        const char id[] = { (char)('a' + i), '\0' };
        ws_open(&c[i], &own, "/v1/ws?compress=false", NULL);
        ws_sign_in(&c[i], own.user);
        ws_subscribe(&c[i], id, "quiet", "null");
        ws_expect(&c[i], "subscription_ack");
    }
    while (fake_live_count(own.live).subs > 0) {
        const struct timespec nap = { .tv_nsec = 1000000 };
        (void)fake_live_publish(own.live, 50000);
        (void)nanosleep(&nap, NULL);
        assert_true(rounds++ < 60000);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(ws_reads_until(&c[i], "SLOW_CLIENT"));
        client_close(&c[i]);
    }
    fixture_close(&own);
}

/* ---- shutting down ---- */

static void draining_says_goodbye(void **state)
{
    (void)state;
    fixture own;
    client c;
    fixture_open(&own, NULL);
    ws_open_as(&c, &own, own.user);
    ws_subscribe(&c, "s", "quiet", "null");
    ws_expect(&c, "subscription_ack");
    kdb_api_drain(own.api, 1000000); /* the client answers only after it */
    assert_int_equal(fake_live_count(own.live).subs, 0);
    ws_expect_close(&c, 1001, "Server shutting down");
    client_close(&c);
    fixture_close(&own);
}

static void sockets_are_counted(void **state)
{
    (void)state;
    fixture own;
    client c[3];
    kdb_api_stats stats;
    fixture_open(&own, NULL);
    for (size_t i = 0; i < KDB_ARRAY_LEN(c); i++) {
        ws_open_as(&c[i], &own, own.user);
    }
    kdb_api_stats_get(own.api, &stats);
    assert_int_equal(stats.websocket_sessions, 3);
    assert_int_equal(stats.live_messages_out, 3);
    assert_true(stats.live_bytes_out > 100);
    for (size_t i = 0; i < KDB_ARRAY_LEN(c); i++) {
        client_close(&c[i]);
    }
    do {
        kdb_api_stats_get(own.api, &stats);
    } while (stats.websocket_sessions > 0);
    assert_int_equal(stats.websocket_sessions_peak, 3);
    fixture_close(&own);
}

/* Clients that come and go at every stage, while messages are on their way to them. */
static void comings_and_goings(void **state)
{
    (void)state;
    enum { CLIENTS = 40, ROUNDS = 15 };
    for (int round = 0; round < ROUNDS; round++) {
        client c[CLIENTS];
        for (size_t i = 0; i < CLIENTS; i++) {
            ws_open_as(&c[i], &f, f.user);
            ws_subscribe(&c[i], i % 2 == 0 ? "even" : "odd", "rows 3", "{}");
        }
        for (size_t i = 0; i < CLIENTS; i++) {
            fake_live_publish_many(f.live, 10, 700);
            if (i % 3 == 0) {
                ws_send_frame(&c[i], 0x88, "\x03\xE8", 2);
            } else if (i % 3 == 1) {
                ws_send_frame(&c[i], 0x01, "half", 4);
            }
            client_close(&c[i]);
        }
    }
    assert_true(fake_live_has_subs(f.live, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_handshakes_are_told_why),
        cmocka_unit_test(foreign_origins_are_refused_when_there_is_a_list),
        cmocka_unit_test(both_paths_and_frames_right_behind_the_head),
        cmocka_unit_test(auth_success_has_all_fields),
        cmocka_unit_test(compression_is_echoed),
        cmocka_unit_test(the_upgrade_may_carry_the_token),
        cmocka_unit_test(a_bad_token_is_an_auth_error_and_the_end),
        cmocka_unit_test(nobody_takes_over_another_s_socket),
        cmocka_unit_test(who_does_not_sign_in_in_time_is_told),
        cmocka_unit_test(attempts_are_limited_by_address),
        cmocka_unit_test(an_account_that_changes_loses_its_sockets),
        cmocka_unit_test(a_subscription_gets_ack_batch_and_changes),
        cmocka_unit_test(large_messages_are_packed_unless_not_wanted),
        cmocka_unit_test(the_same_id_again_takes_the_place),
        cmocka_unit_test(options_reach_live),
        cmocka_unit_test(refusals_bear_the_subscription_s_id),
        cmocka_unit_test(a_connection_has_a_hundred_subscriptions),
        cmocka_unit_test(batches_come_when_asked_for_or_drained),
        cmocka_unit_test(what_live_ends_may_be_subscribed_again),
        cmocka_unit_test(binary_is_refused_and_the_socket_stays),
        cmocka_unit_test(an_unreadable_message_closes),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(too_large_a_message_closes),
        cmocka_unit_test(faults_close_with_their_code),
        cmocka_unit_test(a_client_that_closes_gets_its_code_back),
        cmocka_unit_test(messages_are_limited),
        cmocka_unit_test(silence_ends_a_socket_and_a_pong_keeps_it),
        cmocka_unit_test(a_client_that_does_not_read_is_cut_and_others_are_not),
        cmocka_unit_test(all_together_hold_no_more_than_they_may),
        cmocka_unit_test(draining_says_goodbye),
        cmocka_unit_test(sockets_are_counted),
        cmocka_unit_test(comings_and_goings),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
