/* buf_test.c - the growing buffer and the fixed-width integers. */
#include "test_support.h"

static void appends_add_up(void **state)
{
    (void)state;
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    kdb_buf_append_lit(&buf, "a=");
    kdb_buf_append_i64(&buf, INT64_MIN);
    kdb_buf_append_byte(&buf, ' ');
    kdb_buf_append_u64(&buf, UINT64_MAX);
    kdb_buf_append_sv(&buf, KDB_SV(" b"));
    kdb_buf_append_sv(&buf, kdb_sv_of(NULL, 0));
    kdb_buf_printf(&buf, " %s%d", "c", 3);
    assert_sv(kdb_buf_sv(&buf), "a=-9223372036854775808 18446744073709551615 b c3");
    assert_false(buf.overflow);
    kdb_buf_done(&buf);
    assert_int_equal(buf.len, 0);
    kdb_buf_append_lit(&buf, "again");
    assert_sv(kdb_buf_sv(&buf), "again");
    kdb_buf_done(&buf);
}

static void growth_keeps_the_bytes(void **state)
{
    (void)state;
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    for (size_t i = 0; i < 100000; i++) {
        kdb_buf_append_byte(&buf, (uint8_t)i);
    }
    kdb_buf_printf(&buf, "%*d", 5000, 1);
    assert_int_equal(buf.len, 105000);
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal((uint8_t)buf.ptr[i], (uint8_t)i);
    }
    kdb_buf_done(&buf);
}

static void a_refused_append_makes_it_full_for_good(void **state)
{
    (void)state;
    kdb_buf buf;
    kdb_buf_init(&buf, 10);
    kdb_buf_append_lit(&buf, "12345");
    assert_null(kdb_buf_reserve(&buf, 6));
    assert_true(buf.overflow);
    kdb_buf_append_lit(&buf, "6");
    kdb_buf_append_i64(&buf, 7);
    kdb_buf_printf(&buf, "8");
    kdb_buf_append(&buf, "", 0);
    assert_sv(kdb_buf_sv(&buf), "12345");
    kdb_buf_done(&buf);
    assert_false(buf.overflow);
    assert_int_equal(buf.limit, 10);
}

static void the_limit_itself_is_reached(void **state)
{
    (void)state;
    kdb_buf buf;
    kdb_buf_init(&buf, 10);
    kdb_buf_printf(&buf, "1234567890");
    assert_false(buf.overflow);
    assert_int_equal(buf.len, 10);
    kdb_buf_append_byte(&buf, 'x');
    assert_true(buf.overflow);
    kdb_buf_done(&buf);
    kdb_buf_init(&buf, 10);
    assert_null(kdb_buf_reserve(&buf, SIZE_MAX));
    kdb_buf_done(&buf);
}

static void reserve_gives_room_to_write(void **state)
{
    (void)state;
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    assert_non_null(kdb_buf_reserve(&buf, 0));
    char *at = kdb_buf_reserve(&buf, 1000);
    memset(at, 'x', 1000);
    buf.len += 1000;
    assert_true(buf.cap >= 1000);
    kdb_buf_done(&buf);
}

static void integers_print_as_printf_does(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        uint64_t value = next_random(&seed) >> (next_random(&seed) % 64);
        char expected[64];
        snprintf(expected, sizeof(expected), "%llu %lld", (unsigned long long)value, (long long)value);
        kdb_buf buf;
        kdb_buf_init(&buf, 0);
        kdb_buf_append_u64(&buf, value);
        kdb_buf_append_byte(&buf, ' ');
        kdb_buf_append_i64(&buf, (int64_t)value);
        assert_sv(kdb_buf_sv(&buf), expected);
        kdb_buf_done(&buf);
    }
}

static void fixed_widths_have_their_byte_order(void **state)
{
    (void)state;
    unsigned char at[9];
    kdb_put_be32(at + 1, 0x01020304);
    assert_memory_equal(at + 1, "\x01\x02\x03\x04", 4);
    assert_int_equal(kdb_get_be32(at + 1), 0x01020304);
    kdb_put_be64(at + 1, UINT64_C(0x0102030405060708));
    assert_memory_equal(at + 1, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    assert_int_equal(kdb_get_be64(at + 1), UINT64_C(0x0102030405060708));
    kdb_put_le16(at + 1, 0x0102);
    assert_memory_equal(at + 1, "\x02\x01", 2);
    assert_int_equal(kdb_get_le16(at + 1), 0x0102);
    kdb_put_le32(at + 1, 0x01020304);
    assert_memory_equal(at + 1, "\x04\x03\x02\x01", 4);
    assert_int_equal(kdb_get_le32(at + 1), 0x01020304);
    kdb_put_le64(at + 1, UINT64_C(0x0102030405060708));
    assert_memory_equal(at + 1, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    assert_int_equal(kdb_get_le64(at + 1), UINT64_C(0x0102030405060708));
}

static void quoted_text_has_its_marks_doubled(void **state)
{
    (void)state;
    static const struct {
        kdb_sv text;
        const char *quoted;
    } cases[] = {
        { { "", 0 }, "''" },
        { { "plain", 5 }, "'plain'" },
        { { "it's", 4 }, "'it''s'" },
        { { "''", 2 }, "''''''" },
        { { "'a\"b'", 5 }, "'''a\"b'''" },
        { { "\xc3\xbc'\xc3\xbc", 5 }, "'\xc3\xbc''\xc3\xbc'" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        kdb_buf buf;
        kdb_buf_init(&buf, 0);
        kdb_buf_append_quoted(&buf, cases[i].text, '\'');
        assert_sv(kdb_buf_sv(&buf), cases[i].quoted);
        kdb_buf_done(&buf);
    }
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    kdb_buf_append_quoted(&buf, KDB_SV("a \"b\" 'c'"), '"');
    assert_sv(kdb_buf_sv(&buf), "\"a \"\"b\"\" 'c'\"");
    kdb_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(growth_keeps_the_bytes),
        cmocka_unit_test(a_refused_append_makes_it_full_for_good),
        cmocka_unit_test(the_limit_itself_is_reached),
        cmocka_unit_test(reserve_gives_room_to_write),
        cmocka_unit_test(integers_print_as_printf_does),
        cmocka_unit_test(fixed_widths_have_their_byte_order),
        cmocka_unit_test(quoted_text_has_its_marks_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
