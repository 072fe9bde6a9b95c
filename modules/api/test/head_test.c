/* head_test.c - heads that H2O would take and nobody may act on. */
#include "api_test.h"

static kdbi_head check(const char *text, int version)
{
    return kdbi_head_check(kdb_sv_cstr(text), version);
}

static void sound_heads_pass(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncookie: a\r\nc: d\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length-of-it: 5\r\ncontent-length: 4\r\n\r\nab\n\ncontent-length: 3",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(heads); i++) {
        const kdbi_head head = check(heads[i], 0x101);
        assert_null(head.fault);
        assert_false(head.chunked);
        assert_int_equal(head.bytes, strstr(heads[i], "\r\n\r\n") + 4 - heads[i]);
    }
    assert_null(check("GET / HTTP/1.0\r\n\r\n", 0x100).fault);
    assert_true(check("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", 0x101).chunked);
}

static void faulty_heads_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int version;
        const char *part;
    } rows[] = {
        { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", 0x101, "twice" },
        { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 0x101, "twice" },
        { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n", 0x101, "twice" },
        { "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 0x100, "HTTP/1.0" },
        { "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 0x101, "two hosts" },
        { "GET / HTTP/1.1\r\naccept: x\r\n\r\n", 0x101, "no host" },
        { "GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n", 0x101, "second line" },
        { "GET / HTTP/1.1\r\nhost: x\r\n\tfolded: b\r\n\r\n", 0x101, "second line" },
        { "GET / HTTP/1.1\nhost: x\r\n\r\n", 0x101, "CR LF" },
        { "GET / HTTP/1.1\r\nhost: x\n\r\n", 0x101, "CR LF" },
        { "GET / HTTP/1.1\r\nhost: x\r\n\n", 0x101, "CR LF" },
        { "GET / HTTP/1.1\r\nhost: x\r\n", 0x101, "no end" },
        { "", 0x101, "no end" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        const kdbi_head head = check(rows[i].head, rows[i].version);
        assert_non_null(head.fault);
        assert_contains(head.fault, rows[i].part);
    }
}

static void a_head_is_complete_with_its_empty_line(void **state)
{
    (void)state;
    assert_false(kdbi_head_is_complete(KDB_SV("GET / HTTP/1.1\r\nhost: x\r\n")));
    assert_true(kdbi_head_is_complete(KDB_SV("GET / HTTP/1.1\r\nhost: x\r\n\r\n{")));
    assert_true(kdbi_head_is_complete(KDB_SV("GET / HTTP/1.1\nhost: x\n\n{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_heads_pass),
        cmocka_unit_test(faulty_heads_do_not),
        cmocka_unit_test(a_head_is_complete_with_its_empty_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
