/* auth_password.c - the rules a new password must meet (catalog.md 4), and bcrypt by libxcrypt. Plain passwords are
 * wiped from our own copies. bcrypt looks at 72 bytes and stops at NUL; longer passwords are refused rather than cut,
 * when set and when signing in, so that no two passwords are the same one. */
#include <crypt.h>

#include "auth_int.h"

/* ---- rules ---- */

static bool has(kdb_sv password, bool (*is_kind)(unsigned char c))
{
    for (size_t i = 0; i < password.len; i++) {
        if (is_kind((unsigned char)password.ptr[i])) {
            return true;
        }
    }
    return false;
}

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_special(unsigned char c)
{
    return c >= ' ' && c < 0x7f && !is_upper(c) && !is_lower(c) && !is_digit(c);
}

static kdb_status check_complexity(kdb_sv password, kdb_err *err)
{
    static const struct {
        bool (*is_kind)(unsigned char c);
        const char *text;
    } kinds[] = {
        { is_upper, "uppercase letter" },
        { is_lower, "lowercase letter" },
        { is_digit, "digit" },
        { is_special, "special character" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(kinds); i++) {
        if (!has(password, kinds[i].is_kind)) {
            return KDB_FAIL(err, KDB_CONSTRAINT, "Password must include at least one %s", kinds[i].text);
        }
    }
    return KDB_OK;
}

kdb_status kdb_auth_check_password(const kdb_auth *auth, kdb_sv password, kdb_err *err)
{
    if (password.len == 0 || password.len < (size_t)auth->min_password) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "Password must be at least %d characters (weak)", auth->min_password);
    }
    if (password.len > KDBI_PASSWORD_MAX) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "Password must be at most %d characters (bcrypt limit, weak)",
                        KDBI_PASSWORD_MAX);
    }
    if (memchr(password.ptr, '\0', password.len) != NULL) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "Password cannot contain null bytes");
    }
    if (kdbi_password_is_common(password)) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "Password is too common");
    }
    return auth->complexity ? check_complexity(password, err) : KDB_OK;
}

/* ---- bcrypt ---- */

/* A NUL-terminated copy that is wiped after use. */
typedef struct phrase {
    char text[KDBI_PASSWORD_MAX + 1];
} phrase;

/* False when bcrypt would not see all of the password. */
static bool phrase_init(phrase *copy, kdb_sv password)
{
    memset(copy, 0, sizeof(*copy));
    if (password.len > KDBI_PASSWORD_MAX || (password.len != 0 && memchr(password.ptr, '\0', password.len) != NULL)) {
        return false;
    }
    if (password.len != 0) {
        memcpy(copy->text, password.ptr, password.len);
    }
    return true;
}

/* bcrypt of `copy` by a setting (or a hash, whose setting it uses) into `out`; false when the setting is none. */
static bool bcrypt(const phrase *copy, const char *setting, char out[KDBI_DUMMY_HASH_SIZE])
{
    struct crypt_data *data = kdb_alloc(sizeof(*data)); /* 32 KiB: too much for a stack */
    const char *hash = crypt_r(copy->text, setting, data);
    bool made = hash != NULL && hash[0] == '$' && strlen(hash) < KDBI_DUMMY_HASH_SIZE;
    if (made) {
        memcpy(out, hash, strlen(hash) + 1);
    }
    explicit_bzero(data, sizeof(*data));
    kdb_free(data);
    return made;
}

static bool make_setting(int32_t cost, const unsigned char salt[16], char out[KDBI_DUMMY_HASH_SIZE])
{
    return cost > 0 &&
           crypt_gensalt_rn("$2b$", (unsigned long)cost, (const char *)salt, 16, out, KDBI_DUMMY_HASH_SIZE) != NULL;
}

kdb_status kdbi_bcrypt_hash(kdb_sv password, int32_t cost, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    unsigned char salt[16];
    char setting[KDBI_DUMMY_HASH_SIZE];
    char hash[KDBI_DUMMY_HASH_SIZE];
    phrase copy;
    kdb_random_bytes(salt, sizeof(salt));
    bool made = password.len != 0 && phrase_init(&copy, password) && make_setting(cost, salt, setting) &&
                bcrypt(&copy, setting, hash);
    explicit_bzero(&copy, sizeof(copy));
    if (!made) {
        return KDB_FAIL(err, KDB_INTERNAL, "the password could not be hashed");
    }
    *out = kdb_sv_dup(arena, kdb_sv_cstr(hash));
    return KDB_OK;
}

/* Looks at every byte whatever the first difference. */
static bool same_hash(const char *made, kdb_sv hash)
{
    if (strlen(made) != hash.len) {
        return false;
    }
    unsigned difference = 0;
    for (size_t i = 0; i < hash.len; i++) {
        difference |= (unsigned)(unsigned char)made[i] ^ (unsigned char)hash.ptr[i];
    }
    return difference == 0;
}

bool kdbi_bcrypt_matches(kdb_sv password, kdb_sv hash)
{
    char setting[KDBI_DUMMY_HASH_SIZE];
    char made[KDBI_DUMMY_HASH_SIZE];
    phrase copy;
    if (hash.len == 0 || hash.len >= sizeof(setting)) {
        return false;
    }
    memcpy(setting, hash.ptr, hash.len);
    setting[hash.len] = '\0';
    bool possible = phrase_init(&copy, password) && password.len != 0;
    bool matches = bcrypt(&copy, setting, made) && possible && same_hash(made, hash);
    explicit_bzero(&copy, sizeof(copy));
    return matches;
}

kdb_status kdbi_bcrypt_dummy(int32_t cost, char out[KDBI_DUMMY_HASH_SIZE], kdb_err *err)
{
    static const unsigned char salt[16] = "no such user....";
    if (!make_setting(cost, salt, out)) {
        return KDB_FAIL(err, KDB_INVALID, "auth.bcrypt_cost %d is not a bcrypt cost", cost);
    }
    return KDB_OK;
}
