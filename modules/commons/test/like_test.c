/* like_test.c - LIKE against a matcher that tries everything, and how much work hostile patterns make. */
#include "commons_int.h"
#include "test_support.h"

static bool tries_everything(kdb_sv text, kdb_sv pattern, int escape)
{
    if (pattern.len == 0) {
        return text.len == 0;
    }
    const kdb_sv rest = kdb_sv_of(pattern.ptr + 1, pattern.len - 1);
    if (pattern.ptr[0] == escape) {
        return text.len != 0 && text.ptr[0] == rest.ptr[0] &&
               tries_everything(kdb_sv_of(text.ptr + 1, text.len - 1), kdb_sv_of(rest.ptr + 1, rest.len - 1), escape);
    }
    if (pattern.ptr[0] == '%') {
        for (size_t i = 0; i <= text.len; i++) {
            if ((i == text.len || kdb_utf8_starts(text.ptr[i])) &&
                tries_everything(kdb_sv_of(text.ptr + i, text.len - i), rest, escape)) {
                return true;
            }
        }
        return false;
    }
    if (text.len == 0) {
        return false;
    }
    size_t len = 1;
    if (pattern.ptr[0] == '_') {
        while (len < text.len && !kdb_utf8_starts(text.ptr[len])) {
            len++;
        }
    } else if (pattern.ptr[0] != text.ptr[0]) {
        return false;
    }
    return tries_everything(kdb_sv_of(text.ptr + len, text.len - len), rest, escape);
}

static kdb_sv random_text(uint64_t *seed, const char *const *pieces, size_t npieces, char *out)
{
    size_t len = 0;
    for (size_t n = kdb_hash64(kdb_sv_of((const char *)seed, sizeof *seed)) % 9; n > 0; n--) {
        *seed += 1;
        const char *piece = pieces[kdb_hash64(kdb_sv_of((const char *)seed, sizeof *seed)) % npieces];
        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
    }
    *seed += 1;
    return kdb_sv_of(out, len);
}

static void matches_what_trying_everything_does(void **state)
{
    (void)state;
    static const char *const texts[] = { "a", "b", "\xC3\xA9", "%", "_", "\xF0\x9F\x98\x80", "!" };
    static const char *const patterns[] = { "a",  "b",  "\xC3\xA9", "%", "_", "%", "_", "\xF0\x9F\x98\x80",
                                            "!%", "!_", "!!" };
    uint64_t seed = 1;
    size_t yes = 0;
    for (int i = 0; i < 300000; i++) {
        char a[64];
        char b[64];
        const kdb_sv text = random_text(&seed, texts, KDB_ARRAY_LEN(texts), a);
        const kdb_sv pattern = random_text(&seed, patterns, KDB_ARRAY_LEN(patterns), b);
        uint64_t steps = KDB_LIKE_STEPS_MAX;
        assert_true(kdb_like_valid(pattern, '!'));
        const bool expected = tries_everything(text, pattern, '!');
        if (kdb_like(text, pattern, '!', &steps) != (expected ? KDB_LIKE_YES : KDB_LIKE_NO)) {
            fail_msg("'%.*s' LIKE '%.*s'", KDB_SV_ARG(text), KDB_SV_ARG(pattern));
        }
        yes += expected;
    }
    assert_in_range(yes, 10000, 290000);
}

static void an_escape_at_the_end_is_not_valid(void **state)
{
    (void)state;
    assert_false(kdb_like_valid(KDB_SV("a!"), '!'));
    assert_false(kdb_like_valid(KDB_SV("!!!"), '!'));
    assert_true(kdb_like_valid(KDB_SV("a!!"), '!'));
    assert_true(kdb_like_valid(KDB_SV("a!"), KDB_LIKE_NO_ESCAPE));
    assert_true(kdb_like_valid(KDB_SV(""), '!'));
}

static void many_wildcards_take_no_more_than_the_product(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text);
    uint64_t steps = 10 * sizeof text;
    assert_int_equal(kdb_like(kdb_sv_of(text, sizeof text), KDB_SV("%a_%a_%a_%a_%a_%a_%b"), '\\', &steps), KDB_LIKE_NO);
    char pattern[1000];
    memset(pattern, 'a', sizeof pattern);
    pattern[0] = '%';
    pattern[1] = '_';
    pattern[500] = '_';
    pattern[sizeof pattern - 1] = 'b';
    steps = 1000000;
    assert_int_equal(kdb_like(kdb_sv_of(text, sizeof text), kdb_sv_of(pattern, sizeof pattern), '\\', &steps),
                     KDB_LIKE_TOO_LONG);
    assert_int_equal(steps, 0);
}

/* Each try looks at all of the part behind the wildcard before the character that fails. */
static void long_parts_of_patterns_count(void **state)
{
    (void)state;
    enum { TEXT = 1 << 20, PART = TEXT / 8 };
    char *text = kdb_alloc(TEXT);
    char *pattern = kdb_alloc(PART + 3);
    memset(text, 'a', TEXT);
    memset(pattern, 'a', PART + 3);
    pattern[0] = '%';
    pattern[PART + 1] = '_';
    pattern[PART + 2] = 'b';
    uint64_t steps = KDB_LIKE_STEPS_MAX;
    assert_int_equal(kdb_like(kdb_sv_of(text, TEXT), kdb_sv_of(pattern, PART + 3), '\\', &steps), KDB_LIKE_TOO_LONG);
    pattern[PART + 2] = 'a';
    steps = KDB_LIKE_STEPS_MAX;
    assert_int_equal(kdb_like(kdb_sv_of(text, PART + 2), kdb_sv_of(pattern, PART + 3), '\\', &steps), KDB_LIKE_YES);
    text[PART + 1] = 'b';
    assert_int_equal(kdb_like(kdb_sv_of(text, PART + 2), kdb_sv_of(pattern, PART + 3), '\\', &steps), KDB_LIKE_NO);
    assert_true(steps > KDB_LIKE_STEPS_MAX / 2);
    kdb_free(text);
    kdb_free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_what_trying_everything_does),
        cmocka_unit_test(an_escape_at_the_end_is_not_valid),
        cmocka_unit_test(many_wildcards_take_no_more_than_the_product),
        cmocka_unit_test(long_parts_of_patterns_count),
    };
    return cmocka_run_group_tests_name("like", tests, NULL, NULL);
}
