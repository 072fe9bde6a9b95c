/* str_test.c - string views, hashing and hex. */
#include "test_support.h"

static void views_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(kdb_sv_cmp(KDB_SV("a"), KDB_SV("b")) < 0);
    assert_true(kdb_sv_cmp(KDB_SV("b"), KDB_SV("a")) > 0);
    assert_true(kdb_sv_cmp(KDB_SV("a"), KDB_SV("ab")) < 0);
    assert_true(kdb_sv_cmp(KDB_SV("\x7f"), KDB_SV("\x80")) < 0);
    assert_int_equal(kdb_sv_cmp(KDB_SV("ab"), KDB_SV("ab")), 0);
    assert_int_equal(kdb_sv_cmp(kdb_sv_of(NULL, 0), KDB_SV("")), 0);
    assert_true(kdb_sv_eq(kdb_sv_of(NULL, 0), KDB_SV("")));
    assert_true(kdb_sv_eq(KDB_SV("a\0b"), KDB_SV("a\0b")));
    assert_false(kdb_sv_eq(KDB_SV("a\0b"), KDB_SV("a\0c")));
}

static void case_is_ignored_for_ascii_only(void **state)
{
    (void)state;
    assert_true(kdb_sv_ieq(KDB_SV("SeLeCt"), KDB_SV("sElEcT")));
    assert_false(kdb_sv_ieq(KDB_SV("select"), KDB_SV("selec")));
    assert_false(kdb_sv_ieq(KDB_SV("@"), KDB_SV("`")));
    assert_false(kdb_sv_ieq(KDB_SV("\xC3\x84"), KDB_SV("\xC3\xA4")));
}

static void prefixes_are_found(void **state)
{
    (void)state;
    assert_true(kdb_sv_has_prefix(KDB_SV("abc"), KDB_SV("ab")));
    assert_true(kdb_sv_has_prefix(KDB_SV("abc"), KDB_SV("")));
    assert_true(kdb_sv_has_prefix(kdb_sv_of(NULL, 0), kdb_sv_of(NULL, 0)));
    assert_false(kdb_sv_has_prefix(KDB_SV("ab"), KDB_SV("abc")));
}

static void trim_takes_white_space_at_both_ends(void **state)
{
    (void)state;
    assert_sv(kdb_sv_trim(KDB_SV(" \t\r\n\v\f a b \n")), "a b");
    assert_sv(kdb_sv_trim(KDB_SV(" \t ")), "");
    assert_sv(kdb_sv_trim(kdb_sv_of(NULL, 0)), "");
    assert_sv(kdb_sv_trim(KDB_SV("x")), "x");
}

static void copies_are_equal_and_elsewhere(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv text = KDB_SV("Hello \xC3\x84");
    kdb_sv copy = kdb_sv_dup(arena, text);
    assert_true(kdb_sv_eq(copy, text) && copy.ptr != text.ptr);
    assert_string_equal(kdb_sv_dup_cstr(arena, text), "Hello \xC3\x84");
    assert_sv(kdb_sv_dup_lower(arena, text), "hello \xC3\x84");
    assert_string_equal(kdb_sv_dup_cstr(arena, kdb_sv_of(NULL, 0)), "");
    assert_sv(kdb_sv_dup(arena, kdb_sv_of(NULL, 0)), "");
    char *heap = kdb_sv_heap_cstr(text);
    assert_string_equal(heap, "Hello \xC3\x84");
    kdb_free(heap);
}

static void printf_makes_text_of_any_length(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_sv(kdb_sv_printf(arena, "%d-%s-%.*s", 7, "x", KDB_SV_ARG(KDB_SV("yz"))), "7-x-yz");
    kdb_sv wide = kdb_sv_printf(arena, "%*d", 100000, 1);
    assert_int_equal(wide.len, 100000);
    assert_int_equal(wide.ptr[99999], '1');
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(kdb_sv_distance(KDB_SV("kitten"), KDB_SV("sitting"), 10), 3);
    assert_int_equal(kdb_sv_distance(KDB_SV("PORT"), KDB_SV("prot"), 10), 2);
    assert_int_equal(kdb_sv_distance(KDB_SV(""), KDB_SV("abc"), 10), 3);
    assert_int_equal(kdb_sv_distance(KDB_SV("same"), KDB_SV("SAME"), 10), 0);
    assert_int_equal(kdb_sv_distance(KDB_SV("completely"), KDB_SV("different"), 3), 3);
    char name[65] = { 0 };
    assert_int_equal(kdb_sv_distance(kdb_sv_of(name, 65), KDB_SV("a"), 5), 5);
    assert_int_equal(kdb_sv_distance(kdb_sv_of(name, 64), kdb_sv_of(name, 64), 5), 0);
}

static void hashes_depend_on_every_byte(void **state)
{
    (void)state;
    assert_int_equal(kdb_hash64(KDB_SV("abc")), kdb_hash64(KDB_SV("abc")));
    assert_int_equal(kdb_hash64(kdb_sv_of(NULL, 0)), kdb_hash64(KDB_SV("")));
    char bytes[300] = { 0 };
    uint64_t before = kdb_hash64(kdb_sv_of(bytes, sizeof(bytes)));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] ^= 1;
        assert_true(kdb_hash64(kdb_sv_of(bytes, sizeof(bytes))) != before);
        bytes[i] ^= 1;
    }
}

static void the_hash_is_xxh3(void **state)
{
    (void)state;
    /* Checksums in files stay readable only while this holds. */
    assert_int_equal(kdb_hash64(KDB_SV("")), UINT64_C(0x2D06800538D394C2));
}

static void hex_round_trips(void **state)
{
    (void)state;
    uint64_t seed = 2;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t len = 0; len < 200; len++) {
        char bytes[200];
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)next_random(&seed);
        }
        kdb_sv back;
        kdb_err err;
        assert_ok(kdb_hex_decode(arena, kdb_hex_encode(arena, kdb_sv_of(bytes, len)), &back, &err));
        assert_true(kdb_sv_eq(back, kdb_sv_of(bytes, len)));
    }
    assert_sv(kdb_hex_encode(arena, KDB_SV("\x00\xAB\xff")), "00abff");
}

static void bad_hex_is_refused(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_err err;
    kdb_sv out = KDB_SV("untouched");
    assert_status(kdb_hex_decode(arena, KDB_SV("abc"), &out, &err), KDB_INVALID);
    assert_status(kdb_hex_decode(arena, KDB_SV("ab0g"), &out, &err), KDB_INVALID);
    assert_contains(err.text, "position 4");
    assert_sv(out, "untouched");
    assert_ok(kdb_hex_decode(arena, KDB_SV("aBCd"), &out, &err));
    assert_sv(out, "\xAB\xCD");
}

static void lists_give_their_items(void **state)
{
    (void)state;
    kdb_sv list = KDB_SV(" a, b c ,,d");
    kdb_sv item;
    static const char *const expected[] = { "a", "b c", "", "d" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(expected); i++) {
        assert_true(kdb_sv_take_item(&list, &item));
        assert_true(kdb_sv_eq(item, kdb_sv_cstr(expected[i])));
    }
    assert_false(kdb_sv_take_item(&list, &item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_give_their_items),
        cmocka_unit_test(views_compare_by_bytes),
        cmocka_unit_test(case_is_ignored_for_ascii_only),
        cmocka_unit_test(prefixes_are_found),
        cmocka_unit_test(trim_takes_white_space_at_both_ends),
        cmocka_unit_test(copies_are_equal_and_elsewhere),
        cmocka_unit_test(printf_makes_text_of_any_length),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(hashes_depend_on_every_byte),
        cmocka_unit_test(the_hash_is_xxh3),
        cmocka_unit_test(hex_round_trips),
        cmocka_unit_test(bad_hex_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
