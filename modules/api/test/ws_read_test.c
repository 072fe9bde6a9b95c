/* ws_read_test.c - frames and how they become messages: in any pieces, and with everything that RFC 6455 forbids. */
#include "ws_client.h"

enum { MAX = 4096 };

static kdb_buf wire;

static int begin(void **state)
{
    (void)state;
    kdb_buf_init(&wire, 0);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    kdb_buf_done(&wire);
    return 0;
}

static void add(unsigned first, const char *text)
{
    ws_put_frame(&wire, first, text, strlen(text));
}

/* Everything that comes out, as text: `T:abc|` and so on; a fault ends it. Fed in steps of so many bytes. */
static char *read_all(size_t step, bool *idle)
{
    static const char letters[] = { [KDBI_WS_TEXT] = 'T', [KDBI_WS_BINARY] = 'B', [KDBI_WS_PING] = 'P',
                                    [KDBI_WS_PONG] = 'O', [KDBI_WS_CLOSE] = 'C',  [KDBI_WS_FAULT] = 'F' };
    kdbi_ws_reader *reader = kdbi_ws_reader_new(MAX);
    kdbi_ws_input input = { .what = KDBI_WS_NOTHING };
    kdb_buf out;
    kdb_buf_init(&out, 0);
    for (size_t at = 0; at < wire.len && input.what != KDBI_WS_FAULT; at += step) {
        const size_t n = wire.len - at < step ? wire.len - at : step;
        char *piece = kdb_alloc(n); /* so that a sanitizer sees what is read beyond it */
        memcpy(piece, wire.ptr + at, n);
        kdbi_ws_reader_feed(reader, kdb_sv_of(piece, n));
        while ((input = kdbi_ws_reader_next(reader)).what != KDBI_WS_NOTHING && input.what != KDBI_WS_FAULT) {
            kdb_buf_printf(&out, "%c", letters[input.what]);
            if (input.code != 0) {
                kdb_buf_printf(&out, "%u", input.code);
            }
            kdb_buf_printf(&out, ":%.*s|", KDB_SV_ARG(input.bytes));
        }
        kdb_free(piece);
    }
    if (input.what == KDBI_WS_FAULT) {
        kdb_buf_printf(&out, "F%u", input.code);
    }
    *idle = input.what != KDBI_WS_FAULT && kdbi_ws_reader_is_idle(reader);
    kdbi_ws_reader_free(reader);
    char *text = kdb_sv_heap_cstr(kdb_buf_sv(&out));
    kdb_buf_done(&out);
    return text;
}

/* The same whatever pieces the bytes come in. */
static void expect(const char *expected)
{
    static const size_t steps[] = { 1, 2, 3, 7, 64, 4096, 100000 };
    for (size_t i = 0; i < KDB_ARRAY_LEN(steps); i++) {
        bool idle;
        char *got = read_all(steps[i], &idle);
        assert_string_equal(got, expected);
        assert_true(idle || strchr(expected, 'F') != NULL);
        kdb_free(got);
    }
}

static void whole_messages(void **state)
{
    (void)state;
    add(0x81, "");
    add(0x81, "hello");
    add(0x82, "raw");
    add(0x89, "ping");
    add(0x8A, "");
    add(0x88, "\x03\xE8 bye");
    expect("T:|T:hello|B:raw|P:ping|O:|C1000: bye|");
}

static void an_empty_close_has_no_code(void **state)
{
    (void)state;
    add(0x88, "");
    expect("C1005:|");
}

static void large_messages(void **state)
{
    (void)state;
    char text[MAX + 2];
    char expected[2 * MAX + 32];
    memset(text, 'x', sizeof text);
    text[MAX] = '\0';
    add(0x81, text);
    text[200] = '\0';
    add(0x81, text);
    memset(text, 'x', sizeof text);
    text[MAX] = '\0';
    (void)snprintf(expected, sizeof expected, "T:%s|T:%.200s|", text, text);
    expect(expected);
}

static void fragments_with_control_frames_between(void **state)
{
    (void)state;
    add(0x01, "one ");
    add(0x89, "p");
    add(0x00, "");
    add(0x00, "two ");
    add(0x8A, "q");
    add(0x80, "three");
    add(0x01, "");
    add(0x80, "");
    add(0x81, "next");
    expect("P:p|O:q|T:one two three|T:|T:next|");
}

/* A character may be cut by a fragment's end. */
static void text_must_be_utf8(void **state)
{
    (void)state;
    add(0x01, "\xE2\x82");
    add(0x80, "\xAC");
    add(0x81, "\xE2\x82");
    expect("T:\xE2\x82\xAC|F1007");
}

static void too_much_is_refused_before_it_is_kept(void **state)
{
    (void)state;
    char text[MAX + 2];
    memset(text, 'x', sizeof text);
    text[MAX + 1] = '\0';
    add(0x81, text);
    expect("F1009");
    wire.len = 0;
    text[MAX] = '\0';
    add(0x01, text);
    add(0x80, "y");
    expect("F1009");
}

typedef struct bad {
    const char *what;
    const char *bytes;
    size_t len;
    unsigned code;
} bad;

#define BAD(what, bytes, code)                                                                                         \
    {                                                                                                                  \
        what, bytes, sizeof(bytes) - 1, code                                                                           \
    }
static const bad bads[] = {
    BAD("no mask", "\x81\x01x", 1002),
    BAD("reserved bit 1", "\xC1\x81\0\0\0\0x", 1002),
    BAD("reserved bit 3", "\x91\x81\0\0\0\0x", 1002),
    BAD("opcode 3", "\x83\x81\0\0\0\0x", 1002),
    BAD("opcode 11", "\x8B\x81\0\0\0\0x", 1002),
    BAD("nothing to continue", "\x80\x81\0\0\0\0x", 1002),
    BAD("a message in a message", "\x01\x81\0\0\0\0x\x81\x81\0\0\0\0x", 1002),
    BAD("a control frame in parts", "\x09\x81\0\0\0\0x", 1002),
    BAD("a control frame of 126 bytes", "\x89\xFE\0\x7E\0\0\0\0xxxx", 1002),
    BAD("2^63 bytes", "\x81\xFF\x80\0\0\0\0\0\0\0\0\0\0\0x", 1002),
    BAD("2^62 bytes", "\x81\xFF\x40\0\0\0\0\0\0\0\0\0\0\0x", 1009),
    BAD("half a closing code", "\x88\x81\0\0\0\0x", 1002),
    BAD("closing code 1005", "\x88\x82\0\0\0\0\x03\xED", 1002),
    BAD("closing code 999", "\x88\x82\0\0\0\0\x03\xE7", 1002),
    BAD("closing code 2000", "\x88\x82\0\0\0\0\x07\xD0", 1002),
    BAD("closing reason", "\x88\x83\0\0\0\0\x03\xE8\xFF", 1007),
};

static void what_is_forbidden(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bads); i++) {
        char expected[16];
        wire.len = 0;
        kdb_buf_append(&wire, bads[i].bytes, bads[i].len);
        (void)snprintf(expected, sizeof expected, "F%u", bads[i].code);
        print_message("%s\n", bads[i].what);
        expect(expected);
    }
}

static void half_a_frame_is_not_idle(void **state)
{
    (void)state;
    add(0x81, "hello");
    add(0x01, "open");
    const size_t all = wire.len;
    for (wire.len = 1; wire.len <= all; wire.len++) {
        bool idle;
        char *got = read_all(wire.len, &idle);
        assert_int_equal(idle, wire.len == 11);
        kdb_free(got);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        CASE(whole_messages),    CASE(an_empty_close_has_no_code),
        CASE(large_messages),    CASE(fragments_with_control_frames_between),
        CASE(text_must_be_utf8), CASE(too_much_is_refused_before_it_is_kept),
        CASE(what_is_forbidden), CASE(half_a_frame_is_not_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
