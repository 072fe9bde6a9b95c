/* dialect_user.c - CREATE, ALTER and DROP USER (sql.md 16). Texts hold passwords: no message repeats a string. */
#include "dialect_int.h"

/* What stands where a password should be is one, quoted wrongly: it is not repeated. */
static kdb_status expect_secret(kdbi_cursor *cur, kdb_sv *out)
{
    if (cur->token.kind == KDBI_TOKEN_WORD || cur->token.kind == KDBI_TOKEN_QUOTED ||
        cur->token.kind == KDBI_TOKEN_NUMBER) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "a password stands in single quotes");
    }
    return kdbi_expect_string(cur, out);
}

static kdb_status expect_password(kdbi_cursor *cur, kdb_user_stmt *user)
{
    if (kdbi_at_end(cur) || kdbi_at_word(cur, "ROLE")) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "Password required for WITH PASSWORD");
    }
    user->auth = KDB_USER_PASSWORD;
    return expect_secret(cur, &user->secret);
}

static kdb_status expect_oauth(kdbi_cursor *cur, kdb_user_stmt *user)
{
    if (cur->token.kind != KDBI_TOKEN_STRING && cur->token.kind != KDBI_TOKEN_DOLLAR_STRING) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "OAuth user requires JSON payload with provider and subject");
    }
    user->auth = KDB_USER_OAUTH;
    return kdbi_expect_string(cur, &user->secret);
}

static kdb_status expect_auth(kdbi_cursor *cur, kdb_user_stmt *user)
{
    KDB_TRY(kdbi_expect_word(cur, "WITH"));
    if (kdbi_accept_word(cur, "PASSWORD")) {
        return expect_password(cur, user);
    }
    if (kdbi_accept_word(cur, "OAUTH") || kdbi_accept_word(cur, "OIDC")) {
        return expect_oauth(cur, user);
    }
    user->auth = KDB_USER_INTERNAL;
    return kdbi_expect_word(cur, "INTERNAL");
}

kdb_status kdbi_parse_create_user(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_user_stmt *user = &stmt->as.user;
    stmt->has_secret = true;
    KDB_TRY(kdbi_expect_id(cur, &user->name));
    KDB_TRY(expect_auth(cur, user));
    bool has_role = false;
    bool has_email = false;
    for (;;) {
        if (!has_role && kdbi_accept_word(cur, "ROLE")) {
            has_role = true;
            KDB_TRY(kdbi_expect_id(cur, &user->role));
        } else if (!has_email && kdbi_accept_word(cur, "EMAIL")) {
            has_email = true;
            KDB_TRY(kdbi_expect_string(cur, &user->email));
        } else {
            break;
        }
    }
    if (!has_role && kdbi_at_end(cur)) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "CREATE USER requires a ROLE clause");
    }
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_alter_user(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_user_stmt *user = &stmt->as.user;
    stmt->has_secret = true;
    KDB_TRY(kdbi_expect_id(cur, &user->name));
    KDB_TRY(kdbi_expect_word(cur, "SET"));
    if (kdbi_accept_word(cur, "PASSWORD")) {
        user->change = KDB_USER_SET_PASSWORD;
        KDB_TRY(expect_secret(cur, &user->secret));
    } else if (kdbi_accept_word(cur, "ROLE")) {
        user->change = KDB_USER_SET_ROLE;
        KDB_TRY(kdbi_expect_id(cur, &user->role));
    } else {
        user->change = KDB_USER_SET_EMAIL;
        KDB_TRY(kdbi_expect_word(cur, "EMAIL"));
        KDB_TRY(kdbi_expect_string(cur, &user->email));
    }
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_drop_user(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.user.if_exists = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(kdbi_expect_id(cur, &stmt->as.user.name));
    return kdbi_expect_end(cur);
}
