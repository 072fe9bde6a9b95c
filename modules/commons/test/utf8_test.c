/* utf8_test.c - well-formed UTF-8, against a decoder that works from code points. */
#include "commons_int.h"
#include "test_support.h"

/* Encodes any number below 2^21, also what UTF-8 forbids. */
static size_t encode(uint32_t c, size_t len, char *out)
{
    static const unsigned char marks[5] = { 0, 0x00, 0xC0, 0xE0, 0xF0 };
    for (size_t i = len; i-- > 1;) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(marks[len] | c);
    return len;
}

static size_t natural_length(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_character_is_accepted_in_its_shortest_form_only(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        bool character = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        char text[4];
        for (size_t len = natural_length(c); len <= 4; len++) {
            bool expected = character && len == natural_length(c);
            if (kdb_utf8_valid(kdb_sv_of(text, encode(c, len, text))) != expected) {
                fail_msg("U+%X in %zu bytes", c, len);
            }
        }
    }
}

static void cut_and_stray_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "\x80",         "\xC3",
                                       "\xE2\x82",     "\xF0\x9F\x98",
                                       "\xC3\x28",     "\xFE",
                                       "\xFF",         "\xF8\x88\x80\x80\x80",
                                       "12345678\xC3", "a\xE2\x82z4567890" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        assert_false(kdb_utf8_valid(kdb_sv_cstr(bad[i])));
    }
    assert_true(kdb_utf8_valid(kdb_sv_of(NULL, 0)));
    assert_true(kdb_utf8_valid(KDB_SV("plain ASCII text, longer than eight bytes\0and NUL")));
    assert_true(kdb_utf8_valid(KDB_SV("Gr\xC3\xBC\xC3\x9F"
                                      "e \xE2\x82\xAC \xF0\x9F\x98\x80")));
}

static void a_cut_ends_at_a_character(void **state)
{
    (void)state;
    kdb_sv text = KDB_SV("ab\xE2\x82\xAC\xF0\x9F\x98\x80z");
    static const size_t expected[] = { 0, 1, 2, 2, 2, 5, 5, 5, 5, 9, 10, 10 };
    for (size_t max = 0; max < KDB_ARRAY_LEN(expected); max++) {
        assert_int_equal(kdb_utf8_cut(text, max).len, expected[max]);
    }
}

static void characters_are_counted_from_zero(void **state)
{
    (void)state;
    const kdb_sv text = KDB_SV("ab\xE2\x82\xAC\xF0\x9F\x98\x80z");
    static const size_t expected[] = { 0, 1, 2, 5, 9, 10, 10, 10 };
    for (size_t n = 0; n < KDB_ARRAY_LEN(expected); n++) {
        assert_int_equal(kdb_utf8_offset(text, n), expected[n]);
    }
    assert_int_equal(kdb_utf8_offset(text, SIZE_MAX), 10);
    assert_int_equal(kdb_utf8_offset(KDB_SV(""), 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_accepted_in_its_shortest_form_only),
        cmocka_unit_test(cut_and_stray_bytes_are_refused),
        cmocka_unit_test(a_cut_ends_at_a_character),
        cmocka_unit_test(characters_are_counted_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
