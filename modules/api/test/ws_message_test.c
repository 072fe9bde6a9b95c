/* ws_message_test.c - what clients say, in all the ways that old and new ones say it; queries of URLs. */
#include "api_test.h"
#include "ws_int.h"

static kdb_arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    kdb_arena_free(arena);
    return 0;
}

static kdbi_ws_message decode(const char *text)
{
    kdbi_ws_message m;
    kdb_err err;
    if (kdbi_ws_message_decode(kdb_sv_cstr(text), arena, &m, &err) != KDB_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return m;
}

static void authenticate_of_old_and_new_clients(void **state)
{
    (void)state;
    kdbi_ws_message m = decode("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"a.b.c\"}");
    assert_int_equal(m.verb, KDBI_WS_AUTHENTICATE);
    assert_sv(m.token, "a.b.c");
    assert_false(m.plain);
    m = decode("{\"type\":\"authenticate\",\"token\":\"t\",\"protocol\":{\"serialization\":\"msgpack\",\"compression\":"
               "\"none\"},\"else\":[1]}");
    assert_true(m.plain);
    assert_false(decode("{\"type\":\"authenticate\",\"token\":\"t\",\"protocol\":null}").plain);
}

typedef struct options_case {
    const char *options;
    kdb_live_start start;
    uint64_t from;
    uint32_t last, batch;
} options_case;

static const options_case good_options[] = {
    { "{}", KDB_LIVE_ALL, 0, 0, 0 },
    { "null", KDB_LIVE_NONE, 0, 0, 0 },
    { "{\"batch_size\":null,\"last_rows\":null,\"from\":null,\"from_seq_id\":null}", KDB_LIVE_ALL, 0, 0, 0 },
    { "{\"batch_size\":100,\"last_rows\":50}", KDB_LIVE_LAST, 0, 50, 100 },
    { "{\"last_rows\":0}", KDB_LIVE_LAST, 0, 0, 0 },
    { "{\"from\":9007199254740993}", KDB_LIVE_FROM, UINT64_C(9007199254740993), 0, 0 },
    { "{\"from\":\"9223372036854775807\"}", KDB_LIVE_FROM, INT64_MAX, 0, 0 },
    { "{\"from_seq_id\":7,\"last_rows\":5,\"snapshot_end_seq\":9}", KDB_LIVE_FROM, 7, 5, 0 },
    { "{\"from\":0}", KDB_LIVE_FROM, 0, 0, 0 },
};

static kdbi_ws_message subscribe(const char *options)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"SELECT 1\",\"options\":%s}}",
                   options);
    return decode(text);
}

static void options_of_a_subscription(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(good_options); i++) {
        const options_case *want = &good_options[i];
        const kdbi_ws_message m = subscribe(want->options);
        assert_null(m.fault);
        assert_int_equal(m.options.start, want->start);
        assert_int_equal(m.options.from, want->from);
        assert_int_equal(m.options.last_rows, want->last);
        assert_int_equal(m.options.batch_rows, want->batch);
    }
    const kdbi_ws_message m = decode("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"x\"}}");
    assert_int_equal(m.options.start, KDB_LIVE_ALL);
    assert_sv(m.subscription, "s");
    assert_sv(m.sql, "x");
}

static void bad_options_are_answered_and_not_fatal(void **state)
{
    (void)state;
    static const char *const bad[] = { "[]",
                                       "5",
                                       "{\"batch_size\":-1}",
                                       "{\"batch_size\":\"9\"}",
                                       "{\"last_rows\":1.5}",
                                       "{\"last_rows\":4294967296}",
                                       "{\"from\":-1}",
                                       "{\"from\":1e3}",
                                       "{\"from\":9223372036854775808}",
                                       "{\"from\":\"9223372036854775808\"}",
                                       "{\"from\":\"\"}",
                                       "{\"from\":\"x\"}",
                                       "{\"from\":{}}" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        const kdbi_ws_message m = subscribe(bad[i]);
        assert_non_null(m.fault);
        assert_sv(m.subscription, "s");
    }
    assert_non_null(decode("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\"}}").fault);
    assert_non_null(decode("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":7}}").fault);
}

static void the_other_messages(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"type\":\"ping\"}").verb, KDBI_WS_PING_MESSAGE);
    assert_int_equal(decode("{\"type\":\"unsubscribe\",\"subscription_id\":\"u\"}").verb, KDBI_WS_UNSUBSCRIBE);
    const kdbi_ws_message m = decode("{\"type\":\"next_batch\",\"subscription_id\":\"n\",\"last_seq_id\":12}");
    assert_int_equal(m.verb, KDBI_WS_NEXT_BATCH);
    assert_sv(m.subscription, "n");
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "{",
                                       "[]",
                                       "null",
                                       "{}",
                                       "{\"type\":7}",
                                       "{\"type\":\"Ping\"}",
                                       "{\"type\":\"authenticate\"}",
                                       "{\"type\":\"authenticate\",\"method\":\"basic\",\"token\":\"t\"}",
                                       "{\"type\":\"subscribe\"}",
                                       "{\"type\":\"subscribe\",\"subscription\":[]}",
                                       "{\"type\":\"subscribe\",\"subscription\":{\"id\":5,\"sql\":\"x\"}}",
                                       "{\"type\":\"unsubscribe\"}",
                                       "{\"type\":\"next_batch\",\"subscription_id\":null}" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        kdbi_ws_message m;
        kdb_err err;
        assert_int_equal(kdbi_ws_message_decode(kdb_sv_cstr(bad[i]), arena, &m, &err), KDB_INVALID);
        assert_true(strlen(err.text) > 0);
    }
}

static void blank_ids(void **state)
{
    (void)state;
    assert_true(kdbi_sub_id_is_blank(KDB_SV("")));
    assert_true(kdbi_sub_id_is_blank(KDB_SV(" \t")));
    assert_false(kdbi_sub_id_is_blank(KDB_SV(" x")));
}

static void parameters_of_queries(void **state)
{
    (void)state;
    const kdb_sv query = KDB_SV("a=1&sql=SELECT+%2A%20FROM%20t%3D%zz%4&b&a=2&%63=x=y");
    kdb_sv value;
    assert_true(kdbi_query_find(query, KDB_SV("a"), arena, &value));
    assert_sv(value, "1");
    assert_true(kdbi_query_find(query, KDB_SV("sql"), arena, &value));
    assert_sv(value, "SELECT * FROM t=%zz%4");
    assert_true(kdbi_query_find(query, KDB_SV("b"), arena, &value));
    assert_int_equal(value.len, 0);
    assert_true(kdbi_query_find(query, KDB_SV("c"), arena, &value));
    assert_sv(value, "x=y");
    assert_false(kdbi_query_find(query, KDB_SV("d"), arena, &value));
    assert_false(kdbi_query_find(kdb_sv_of(NULL, 0), KDB_SV("a"), arena, &value));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        CASE(authenticate_of_old_and_new_clients),
        CASE(options_of_a_subscription),
        CASE(bad_options_are_answered_and_not_fatal),
        CASE(the_other_messages),
        CASE(what_cannot_be_read),
        CASE(blank_ids),
        CASE(parameters_of_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
