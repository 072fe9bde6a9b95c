/* seal_test.c - what is sealed opens with its key, in its place and unchanged, and not otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kdb/seal.h"

static kdb_seal *new_seal(const kdb_seal *old, kdb_buf *text)
{
    kdb_seal *seal = NULL;
    kdb_buf_init(text, 0);
    assert_int_equal(kdb_seal_write_keys(old, text, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(text), &seal, NULL), KDB_OK);
    return seal;
}

static int setup(void **state)
{
    kdb_buf text;
    *state = new_seal(NULL, &text);
    kdb_buf_done(&text);
    return 0;
}

static int teardown(void **state)
{
    kdb_seal_free(*state);
    return 0;
}

static void what_is_closed_opens(void **state)
{
    const kdb_seal *seal = *state;
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv plains[] = { KDB_SV(""), KDB_SV("a"), KDB_SV("with \0 inside"), KDB_SV("0123456789abcdef0123") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(plains); i++) {
        const kdb_sv sealed = kdb_seal_close(seal, KDB_SV("here"), plains[i], arena);
        kdb_sv plain;
        assert_int_equal(kdb_seal_open(seal, KDB_SV("here"), sealed, arena, &plain, NULL), KDB_OK);
        assert_true(kdb_sv_eq(plain, plains[i]));
        assert_true(kdb_seal_is_sealed(sealed));
        assert_true(plains[i].len < 8 || memmem(sealed.ptr, sealed.len, plains[i].ptr, plains[i].len) == NULL);
        assert_false(kdb_seal_is_sealed(plains[i]));
    }
    kdb_arena_free(arena);
}

static void closed_twice_is_not_the_same(void **state)
{
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv first = kdb_seal_close(*state, KDB_SV("p"), KDB_SV("secret"), arena);
    assert_false(kdb_sv_eq(first, kdb_seal_close(*state, KDB_SV("p"), KDB_SV("secret"), arena)));
    kdb_arena_free(arena);
}

static void any_changed_bit_is_seen(void **state)
{
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv sealed = kdb_seal_close(*state, KDB_SV("place"), KDB_SV("secret"), arena);
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        char *copy = memcpy(kdb_arena_alloc_raw(arena, sealed.len), sealed.ptr, sealed.len);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        kdb_sv plain;
        assert_int_equal(kdb_seal_open(*state, KDB_SV("place"), kdb_sv_of(copy, sealed.len), arena, &plain, NULL),
                         KDB_CORRUPT);
    }
    kdb_arena_free(arena);
}

static void cut_records_are_refused(void **state)
{
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv sealed = kdb_seal_close(*state, KDB_SV("place"), KDB_SV("secret"), arena);
    for (size_t len = 0; len < sealed.len; len++) {
        kdb_sv plain;
        assert_int_equal(kdb_seal_open(*state, KDB_SV("place"), kdb_sv_of(sealed.ptr, len), arena, &plain, NULL),
                         KDB_CORRUPT);
    }
    kdb_arena_free(arena);
}

static void a_record_opens_in_its_place_only(void **state)
{
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv sealed = kdb_seal_close(*state, KDB_SV("storage one"), KDB_SV("secret"), arena);
    kdb_sv plain;
    assert_int_equal(kdb_seal_open(*state, KDB_SV("storage two"), sealed, arena, &plain, NULL), KDB_CORRUPT);
    kdb_arena_free(arena);
}

static void older_keys_open_what_they_closed(void **state)
{
    const kdb_seal *old = *state;
    kdb_arena *arena = kdb_arena_new(0);
    kdb_buf text;
    kdb_seal *seal = new_seal(old, &text);
    const kdb_sv sealed = kdb_seal_close(old, KDB_SV("p"), KDB_SV("secret"), arena);
    const kdb_mark mark = kdb_seal_mark(old, KDB_SV("use"), KDB_SV("bytes"));
    kdb_sv plain;
    assert_int_equal(kdb_seal_open(seal, KDB_SV("p"), sealed, arena, &plain, NULL), KDB_OK);
    assert_true(kdb_seal_is_current(old, sealed));
    assert_false(kdb_seal_is_current(seal, sealed));
    assert_true(kdb_seal_check_mark(seal, KDB_SV("use"), KDB_SV("bytes"), &mark));
    const kdb_sv again = kdb_seal_close(seal, KDB_SV("p"), plain, arena);
    kdb_err err;
    assert_int_equal(kdb_seal_open(old, KDB_SV("p"), again, arena, &plain, &err), KDB_CORRUPT);
    assert_non_null(strstr(err.text, "not in the server key file"));
    kdb_seal_free(seal);
    kdb_buf_done(&text);
    kdb_arena_free(arena);
}

static void marks_hold_for_their_bytes_and_purpose(void **state)
{
    const kdb_mark mark = kdb_seal_mark(*state, KDB_SV("use"), KDB_SV("bytes"));
    assert_true(kdb_seal_check_mark(*state, KDB_SV("use"), KDB_SV("bytes"), &mark));
    assert_false(kdb_seal_check_mark(*state, KDB_SV("other"), KDB_SV("bytes"), &mark));
    assert_false(kdb_seal_check_mark(*state, KDB_SV("use"), KDB_SV("bytez"), &mark));
}

static void sha256_is_the_standard_one(void **state)
{
    (void)state;
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_digest digest = kdb_sha256(KDB_SV("ab"), KDB_SV("c"));
    const kdb_sv hex = kdb_hex_encode(arena, kdb_sv_of((const char *)digest.bytes, KDB_DIGEST_BYTES));
    assert_true(kdb_sv_eq(hex, KDB_SV("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
    kdb_arena_free(arena);
}

static void damaged_key_files_are_refused_and_not_shown(void **state)
{
    (void)state;
    static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    static const char *const files[] = {
        "",
        "kalamdb keys 1\n",
        "kalamdb keys 2\n0000000a %s\n",
        "kalamdb keys 1\n0000000a%s\n",
        "kalamdb keys 1\n0000000g %s\n",
        "kalamdb keys 1\n0000000a %sa\n",
        "kalamdb keys 1\n0000000a %s\n\n",
        "kalamdb keys 1\n0000000a %s\n0000000a %s\n",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(files); i++) {
        kdb_arena *arena = kdb_arena_new(0);
        kdb_seal *seal = NULL;
        kdb_err err;
        kdb_sv text = KDB_SV("");
        for (const char *at = files[i]; *at != '\0'; at++) {
            const bool hole = at[0] == '%';
            text = kdb_sv_printf(arena, "%.*s%.*s", KDB_SV_ARG(text), hole ? 64 : 1, hole ? key : at);
            at += hole ? 1 : 0;
        }
        assert_int_equal(kdb_seal_new(text, &seal, &err), KDB_CORRUPT);
        assert_null(strstr(err.text, "00112233"));
        kdb_arena_free(arena);
    }
}

static void a_key_file_has_no_end_of_keys_to_grow_to(void **state)
{
    (void)state;
    kdb_buf text;
    kdb_seal *seal = new_seal(NULL, &text);
    kdb_status status = KDB_OK;
    for (int i = 0; i < 40 && status == KDB_OK; i++) {
        kdb_buf_done(&text);
        status = kdb_seal_write_keys(seal, &text, NULL);
        if (status == KDB_OK) {
            assert_true(text.len <= KDB_SEAL_FILE_MAX);
            kdb_seal_free(seal);
            assert_int_equal(kdb_seal_new(kdb_buf_sv(&text), &seal, NULL), KDB_OK);
        }
    }
    assert_int_equal(status, KDB_LIMIT);
    kdb_seal_free(seal);
    kdb_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_closed_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_twice_is_not_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(any_changed_bit_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_records_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_opens_in_its_place_only, setup, teardown),
        cmocka_unit_test_setup_teardown(older_keys_open_what_they_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_hold_for_their_bytes_and_purpose, setup, teardown),
        cmocka_unit_test(sha256_is_the_standard_one),
        cmocka_unit_test(damaged_key_files_are_refused_and_not_shown),
        cmocka_unit_test(a_key_file_has_no_end_of_keys_to_grow_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
