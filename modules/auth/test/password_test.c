/* password_test.c - rules for new passwords, the list of common ones, and bcrypt. */
#include <stdio.h>

#include "auth_fixture.h"
#include "common_passwords.h"

static void refuse(fixture *fix, kdb_sv password, const char *text)
{
    assert_failure(fix, kdb_auth_check_password(fix->auth, password, &fix->err), KDB_CONSTRAINT, text);
}

static void length_and_common_words_are_always_checked(void **state)
{
    fixture *fix = *state;
    char seventy_three[73];
    for (size_t i = 0; i < sizeof(seventy_three); i++) {
        seventy_three[i] = (char)('a' + i * i % 23);
    }
    refuse(fix, KDB_SV(""), "Password must be at least 8 characters (weak)");
    refuse(fix, KDB_SV("a1b2c3d"), "Password must be at least 8 characters (weak)");
    refuse(fix, kdb_sv_of(seventy_three, 73), "Password must be at most 72 characters (bcrypt limit, weak)");
    refuse(fix, KDB_SV("password1"), "Password is too common");
    refuse(fix, KDB_SV("PassWord1"), "Password is too common");
    refuse(fix, KDB_SV("abc\0defgh"), "Password cannot contain null bytes");
    assert_ok(fix, kdb_auth_check_password(fix->auth, kdb_sv_of(seventy_three, 72), &fix->err));
    assert_ok(fix, kdb_auth_check_password(fix->auth, KDB_SV("plainwords"), &fix->err));
}

static void complexity_is_checked_when_enforced(void **state)
{
    fixture *fix = *state;
    fix->options.complexity = true;
    fixture_reopen(fix);
    refuse(fix, KDB_SV("plainwords"), "Password must include at least one uppercase letter");
    refuse(fix, KDB_SV("PLAINWORDS"), "Password must include at least one lowercase letter");
    refuse(fix, KDB_SV("PlainWords"), "Password must include at least one digit");
    refuse(fix, KDB_SV("PlainWords1"), "Password must include at least one special character");
    assert_ok(fix, kdb_auth_check_password(fix->auth, KDB_SV("PlainWords1!"), &fix->err));
}

static void the_minimum_is_an_option(void **state)
{
    fixture *fix = *state;
    fix->options.min_password = 12;
    fixture_reopen(fix);
    refuse(fix, KDB_SV("plainwords1"), "Password must be at least 12 characters (weak)");
}

static void the_common_list_is_sorted_and_lower_case(void **state)
{
    (void)state;
    assert_true(kdbi_common_passwords_count > 1000);
    for (size_t i = 0; i < kdbi_common_passwords_count; i++) {
        assert_true(kdbi_password_is_common(kdb_sv_cstr(kdbi_common_passwords[i])));
        for (const char *c = kdbi_common_passwords[i]; *c != '\0'; c++) {
            assert_false(*c >= 'A' && *c <= 'Z');
        }
        assert_true(i == 0 || strcmp(kdbi_common_passwords[i - 1], kdbi_common_passwords[i]) < 0);
    }
    assert_false(kdbi_password_is_common(KDB_SV("")));
    assert_false(kdbi_password_is_common(KDB_SV(GOOD_PASSWORD)));
}

/* Takes the next word off the text; an empty view at its end. */
static kdb_sv next_word(kdb_sv *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != ' ') {
        len++;
    }
    kdb_sv word = kdb_sv_of(rest->ptr, len);
    size_t taken = len < rest->len ? len + 1 : len;
    *rest = kdb_sv_of(rest->ptr + taken, rest->len - taken);
    return word;
}

static void the_common_words_are_sorted_and_found(void **state)
{
    (void)state;
    kdb_sv rest = kdbi_common_words();
    kdb_sv before = KDB_SV("");
    for (kdb_sv word; (word = next_word(&rest)).len != 0; before = word) {
        assert_true(word.len >= 3);
        assert_true(kdb_sv_cmp(before, word) < 0);
        assert_true(kdbi_word_is_common(word));
        for (size_t i = 0; i < word.len; i++) {
            assert_true(word.ptr[i] >= 'a' && word.ptr[i] <= 'z');
        }
    }
    assert_false(kdbi_word_is_common(KDB_SV("")));
    assert_false(kdbi_word_is_common(KDB_SV("aaa")));
    assert_false(kdbi_word_is_common(KDB_SV("zzzz")));
    assert_false(kdbi_word_is_common(KDB_SV("tiger ")));
    assert_false(kdbi_word_is_common(KDB_SV("tiger toad")));
}

/* The list that the rules stand for: each word with what guessers put around it, as far as it is long enough to be taken
 * otherwise. */
static void the_rules_stand_for_a_long_list(void **state)
{
    fixture *fix = *state;
    static const char *const around[][2] = { { "", "1" },      { "", "123" }, { "", "!" },    { "", "2024" },
                                             { "", "2024!" },  { "", "#1" },  { "", "007" },  { "", "1990" },
                                             { "", "12345!" }, { "123", "" }, { "!", "!" },   { "1", "1" },
                                             { "99", "" },     { "", "_99" }, { "**", "**" }, { "", "@2025" } };
    size_t refused = 0;
    kdb_sv rest = kdbi_common_words();
    for (kdb_sv word; (word = next_word(&rest)).len != 0;) {
        for (size_t i = 0; i < KDB_ARRAY_LEN(around); i++) {
            char text[128];
            int len = snprintf(text, sizeof(text), "%s%c%.*s%s", around[i][0], word.ptr[0] - 'a' + 'A',
                               (int)(word.len - 1), word.ptr + 1, around[i][1]);
            if (len >= 8) {
                refuse(fix, kdb_sv_of(text, (size_t)len), "Password is too common");
                refused++;
            }
        }
    }
    assert_true(refused > 40000);
}

static void what_guessers_try_is_refused(void **state)
{
    fixture *fix = *state;
    static const char *const weak[] = {
        "p4ssw0rd",    "P@$$w0rd",     "Pa55word!",    "1loveyou",   "l3tme1n!",     "Summer2024!", "winter#25",
        "Welcome@123", "michelle",     "Jennifer1",    "!!dragon!!", "monkeymonkey", "drowssap",    "yeknom99",
        "qwer4321",    "asdfjkl;",     "zaqwsxcde",    "98765432",   "1357924680",   "abcdwxyz",    "poiuytrewq",
        "xyxyxyxy",    "aB1!aB1!aB1!", "zzzzzzzzzzzz", "24121984",   "12241984",     "19841224",    "1234qwer",
        "qweasdzxc",   "!@#$%^&*",     "1q2w3e4r",     "a1b2c3d4",   "Schatz1987",   "barcelona10",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(weak); i++) {
        if (kdb_auth_check_password(fix->auth, kdb_sv_cstr(weak[i]), &fix->err) == KDB_OK) {
            fail_msg("taken: %s", weak[i]);
        }
        assert_string_equal(fix->err.text, "Password is too common");
    }
}

static void other_passwords_are_taken(void **state)
{
    fixture *fix = *state;
    static const char *const fine[] = {
        "correct horse battery",
        "a good password",
        "plainwords",
        "x7!k2p9q",
        "Tr0ub4dor&3x",
        "24-12-84-xq",
        "99999990a-",
        "summer of sixty",
        "kalamari-hat",
        "wxyz!7421",
        ("\xc3\xbc"
         "bermut 9"),
        "31131984",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(fine); i++) {
        if (kdb_auth_check_password(fix->auth, kdb_sv_cstr(fine[i]), &fix->err) != KDB_OK) {
            fail_msg("%s: %s", fine[i], fix->err.text);
        }
    }
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        char text[13];
        for (size_t i = 0; i < sizeof(text); i++) {
            text[i] = (char)('!' + next_random(&seed) % 94);
        }
        assert_false(kdbi_password_is_common(kdb_sv_of(text, sizeof(text))));
    }
}

static void hashes_are_salted_bcrypt(void **state)
{
    fixture *fix = *state;
    kdb_sv first = hash_of(fix, GOOD_PASSWORD);
    kdb_sv second = hash_of(fix, GOOD_PASSWORD);
    assert_int_equal(first.len, 60);
    assert_true(kdb_sv_has_prefix(first, KDB_SV("$2b$04$")));
    assert_false(kdb_sv_eq(first, second));
    assert_true(kdbi_bcrypt_matches(KDB_SV(GOOD_PASSWORD), first));
    assert_true(kdbi_bcrypt_matches(KDB_SV(GOOD_PASSWORD), second));
    assert_false(kdbi_bcrypt_matches(KDB_SV("correct-horse-7"), first));
    assert_false(kdbi_bcrypt_matches(KDB_SV(""), first));
}

static void known_hashes_match(void **state)
{
    (void)state;
    /* From OpenBSD's and jBCrypt's published vectors. */
    assert_true(
        kdbi_bcrypt_matches(KDB_SV("abc"), KDB_SV("$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i")));
    assert_true(kdbi_bcrypt_matches(KDB_SV("abcdefghijklmnopqrstuvwxyz"),
                                    KDB_SV("$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC")));
}

static void passwords_that_bcrypt_would_cut_never_match(void **state)
{
    fixture *fix = *state;
    char text[74];
    memset(text, 'x', sizeof(text));
    text[73] = '\0';
    kdb_sv full;
    assert_ok(fix, kdbi_bcrypt_hash(kdb_sv_of(text, 72), 4, fix->arena, &full, &fix->err));
    assert_true(kdbi_bcrypt_matches(kdb_sv_of(text, 72), full));
    assert_false(kdbi_bcrypt_matches(kdb_sv_of(text, 73), full));
    assert_false(kdbi_bcrypt_matches(kdb_sv_of(text, 71), full));
    kdb_sv half = hash_of(fix, "half-word");
    assert_false(kdbi_bcrypt_matches(KDB_SV("half-word\0more"), half));
}

static void foreign_hashes_match_nothing(void **state)
{
    (void)state;
    static const char *const hashes[] = { "",
                                          "*0",
                                          "$2b$",
                                          "$2b$04$short",
                                          "plain",
                                          "$6$salt$hash",
                                          "$2b$99$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(hashes); i++) {
        assert_false(kdbi_bcrypt_matches(KDB_SV("plain"), kdb_sv_cstr(hashes[i])));
    }
    char long_hash[300];
    memset(long_hash, '$', sizeof(long_hash));
    assert_false(kdbi_bcrypt_matches(KDB_SV("plain"), kdb_sv_of(long_hash, sizeof(long_hash))));
}

static void nothing_matches_the_dummy(void **state)
{
    fixture *fix = *state;
    kdb_sv dummy = kdb_sv_cstr(fix->auth->dummy_hash);
    assert_true(kdb_sv_has_prefix(dummy, KDB_SV("$2b$04$")));
    assert_false(kdbi_bcrypt_matches(KDB_SV(""), dummy));
    assert_false(kdbi_bcrypt_matches(KDB_SV(GOOD_PASSWORD), dummy));
}

static void a_hash_job_checks_the_rules_first(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = { .kind = KDB_AUTH_HASH, .password = KDB_SV("short") };
    assert_failure(fix, run_job(fix, &job), KDB_CONSTRAINT, "Password must be at least 8 characters (weak)");
}

static void an_impossible_cost_stops_the_start(void **state)
{
    fixture *fix = *state;
    fix->options.bcrypt_cost = 99;
    assert_failure(fix, fixture_try_reopen(fix), KDB_INVALID, "auth.bcrypt_cost 99 is not a bcrypt cost");
    fix->options.bcrypt_cost = 0;
    assert_int_equal(fixture_try_reopen(fix), KDB_INVALID);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(length_and_common_words_are_always_checked),
        CASE(complexity_is_checked_when_enforced),
        CASE(the_minimum_is_an_option),
        CASE(the_common_list_is_sorted_and_lower_case),
        CASE(the_common_words_are_sorted_and_found),
        CASE(the_rules_stand_for_a_long_list),
        CASE(what_guessers_try_is_refused),
        CASE(other_passwords_are_taken),
        CASE(hashes_are_salted_bcrypt),
        CASE(known_hashes_match),
        CASE(passwords_that_bcrypt_would_cut_never_match),
        CASE(foreign_hashes_match_nothing),
        CASE(nothing_matches_the_dummy),
        CASE(a_hash_job_checks_the_rules_first),
        CASE(an_impossible_cost_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
