/* password_guess.c - which passwords are too common. Guessing programs do not walk a list of passwords but a list of words
 * with rules, so the same is done here, the other way round: a password is taken apart, and refused when what is left is
 * a known word. Refused are
 *   - what is listed whole (common_passwords.c);
 *   - a word (common_words.c, or letters of that list) with up to 4 digits and signs before and up to 6 behind it, with
 *     letters written as digits or signs, twice in a row or backwards: "Summer2024!", "p4ssw0rd", "yeknom";
 *   - runs over a keyboard or an alphabet, short repetitions and dates: "qwer4321", "xyxyxyxy", "24121984".
 * Only ASCII letters have cases here. */
#include "auth_int.h"
#include "common_passwords.h"

enum { HEAD_MAX = 4, TAIL_MAX = 6, WORD_MIN = 3, RUN_MIN = 3, UNIT_MAX = 4, DATE_LEN = 8 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* ---- words ---- */

static bool is_known(kdb_sv lower)
{
    return lower.len >= WORD_MIN && (kdbi_word_is_common(lower) || kdbi_password_is_listed(lower));
}

static bool is_twice_known(kdb_sv lower)
{
    size_t half = lower.len / 2;
    return lower.len % 2 == 0 && memcmp(lower.ptr, lower.ptr + half, half) == 0 && is_known(kdb_sv_of(lower.ptr, half));
}

static bool is_known_backwards(kdb_sv lower)
{
    char turned[KDBI_PASSWORD_MAX];
    for (size_t i = 0; i < lower.len; i++) {
        turned[i] = lower.ptr[lower.len - 1 - i];
    }
    bool known = is_known(kdb_sv_of(turned, lower.len));
    explicit_bzero(turned, sizeof(turned));
    return known;
}

/* The letter that a digit or sign stands for; `one` is what 1 and ! are read as. */
static char letter_of(char c, char one)
{
    static const char pairs[] = "0o3e4a5s7t8b9g@a$s+t(c";
    if (c == '1' || c == '!' || c == '|') {
        return one;
    }
    for (const char *pair = pairs; *pair != '\0'; pair += 2) {
        if (*pair == c) {
            return pair[1];
        }
    }
    return c;
}

static bool is_known_in_disguise(kdb_sv lower)
{
    static const char ones[] = { 'i', 'l' };
    char plain[KDBI_PASSWORD_MAX];
    bool known = false;
    for (size_t n = 0; n < sizeof(ones) && !known; n++) {
        for (size_t i = 0; i < lower.len; i++) {
            plain[i] = letter_of(lower.ptr[i], ones[n]);
        }
        kdb_sv text = kdb_sv_of(plain, lower.len);
        known = is_known(text) || is_twice_known(text) || is_known_backwards(text);
    }
    explicit_bzero(plain, sizeof(plain));
    return known;
}

/* How many characters before the first letter, or behind the last one; at most `max`. */
static size_t count_decoration(kdb_sv lower, bool behind, size_t max)
{
    size_t n = 0;
    while (n < max && n < lower.len && !is_letter(lower.ptr[behind ? lower.len - 1 - n : n])) {
        n++;
    }
    return n;
}

/* Every way to cut, because a digit at the edge may be part of the word: "pa55" and "pas55". */
static bool is_decorated_word(kdb_sv lower)
{
    size_t heads = count_decoration(lower, false, HEAD_MAX);
    size_t tails = count_decoration(lower, true, TAIL_MAX);
    for (size_t head = 0; head <= heads; head++) {
        for (size_t tail = 0; tail <= tails && head + tail + WORD_MIN <= lower.len; tail++) {
            if (is_known_in_disguise(kdb_sv_of(lower.ptr + head, lower.len - head - tail))) {
                return true;
            }
        }
    }
    return false;
}

/* ---- patterns ---- */

static bool is_repetition(kdb_sv lower)
{
    for (size_t unit = 1; unit <= UNIT_MAX && 2 * unit <= lower.len; unit++) {
        if (memcmp(lower.ptr, lower.ptr + unit, lower.len - unit) == 0) {
            return true;
        }
    }
    return false;
}

/* How far `text` goes along a row of keys from its first character; backwards when `down`. */
static size_t run_along(kdb_sv text, kdb_sv row, bool down)
{
    const char *found = memchr(row.ptr, text.ptr[0], row.len);
    if (found == NULL) {
        return 0;
    }
    size_t at = (size_t)(found - row.ptr);
    size_t left = down ? at + 1 : row.len - at;
    size_t n = 1;
    while (n < left && n < text.len && text.ptr[n] == row.ptr[down ? at - n : at + n]) {
        n++;
    }
    return n;
}

static size_t longest_run(kdb_sv text)
{
    static const char *const rows[] = { "abcdefghijklmnopqrstuvwxyz",
                                        "0123456789",
                                        "1234567890",
                                        "qwertyuiop[]",
                                        "asdfghjkl;'",
                                        "zxcvbnm,./",
                                        "qwertzuiop",
                                        "azertyuiop",
                                        "yxcvbnm",
                                        "!@#$%^&*()_+",
                                        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
                                        "qazwsxedcrfvtgbyhnujmik,ol.p;/",
                                        "1q2w3e4r5t6y7u8i9o0p",
                                        "a1b2c3d4e5f6g7h8i9" };
    size_t best = 0;
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        size_t up = run_along(text, kdb_sv_cstr(rows[i]), false);
        size_t down = run_along(text, kdb_sv_cstr(rows[i]), true);
        best = up > best ? up : best;
        best = down > best ? down : best;
    }
    return best;
}

/* True when nothing is left between runs. */
static bool is_made_of_runs(kdb_sv lower)
{
    while (lower.len > 0) {
        size_t n = longest_run(lower);
        if (n < RUN_MIN) {
            return false;
        }
        lower = kdb_sv_of(lower.ptr + n, lower.len - n);
    }
    return true;
}

static int number_at(kdb_sv digits, size_t at, size_t len)
{
    int value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (digits.ptr[at + i] - '0');
    }
    return value;
}

static bool is_date_of(int year, int month, int day)
{
    return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool is_date(kdb_sv lower)
{
    for (size_t i = 0; i < lower.len; i++) {
        if (!is_digit(lower.ptr[i])) {
            return false;
        }
    }
    if (lower.len != DATE_LEN) {
        return false;
    }
    int a = number_at(lower, 0, 2);
    int b = number_at(lower, 2, 2);
    int last = number_at(lower, 4, 4);
    return is_date_of(last, a, b) || is_date_of(last, b, a) ||
           is_date_of(number_at(lower, 0, 4), number_at(lower, 4, 2), number_at(lower, 6, 2));
}

bool kdbi_password_is_common(kdb_sv password)
{
    char text[KDBI_PASSWORD_MAX];
    if (password.len == 0 || password.len > sizeof(text)) {
        return false;
    }
    for (size_t i = 0; i < password.len; i++) {
        char c = password.ptr[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    kdb_sv lower = kdb_sv_of(text, password.len);
    bool common = kdbi_password_is_listed(lower) || is_decorated_word(lower) || is_repetition(lower) ||
                  is_made_of_runs(lower) || is_date(lower);
    explicit_bzero(text, sizeof(text));
    return common;
}
