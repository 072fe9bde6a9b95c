/* gzip_test.c - what is packed comes back as it was, member after member. */
#include <zlib.h>

#include "kdb/gzip.h"

#include "test_support.h"

static void assert_unpacks(const void *packed, size_t len, kdb_sv expected)
{
    z_stream in = { 0 };
    char *out = kdb_alloc(expected.len + 1);
    assert_int_equal(inflateInit2(&in, 15 + 16), Z_OK);
    in.next_in = (Bytef *)(uintptr_t)packed;
    in.avail_in = (uInt)len;
    in.next_out = (Bytef *)out;
    in.avail_out = (uInt)expected.len + 1;
    assert_int_equal(inflate(&in, Z_FINISH), Z_STREAM_END);
    assert_int_equal(in.total_out, expected.len);
    assert_int_equal(in.avail_in, 0);
    assert_memory_equal(out, expected.ptr, expected.len);
    assert_int_equal(inflateEnd(&in), Z_OK);
    kdb_free(out);
}

static void members_follow_each_other(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_gzip_freep) kdb_gzip *gzip = kdb_gzip_new();
    char text[5000];
    char packed[6000];
    for (size_t round = 1; round < 40; round++) {
        const size_t len = round * 127;
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)('a' + i * round % 26);
        }
        const size_t n = kdb_gzip_pack(gzip, kdb_sv_of(text, len), packed, sizeof(packed));
        assert_int_not_equal(n, 0);
        assert_unpacks(packed, n, kdb_sv_of(text, len));
    }
}

static void what_does_not_fit_is_told_and_spoils_nothing(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_gzip_freep) kdb_gzip *gzip = kdb_gzip_new();
    char noise[600];
    char packed[700];
    kdb_random_bytes(noise, sizeof(noise));
    assert_int_equal(kdb_gzip_pack(gzip, kdb_sv_of(noise, sizeof(noise)), packed, sizeof(noise) - 1), 0);
    const size_t n = kdb_gzip_pack(gzip, KDB_SV("small again"), packed, sizeof(packed));
    assert_unpacks(packed, n, KDB_SV("small again"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(what_does_not_fit_is_told_and_spoils_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
