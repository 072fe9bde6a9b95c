/* dialect_default.c - what DEFAULT may be: a literal, or a call without arguments (sql.md 8). */
#include "dialect_int.h"

typedef struct default_function {
    const char *name;
    kdb_default_kind kind;
    bool bare; /* written without brackets too */
} default_function;

static const default_function default_functions[] = {
    { "now", KDB_DEFAULT_NOW, false },
    { "current_timestamp", KDB_DEFAULT_NOW, true },
    { "snowflake_id", KDB_DEFAULT_SNOWFLAKE_ID, false },
    { "uuid_v7", KDB_DEFAULT_UUID_V7, false },
    { "ulid", KDB_DEFAULT_ULID, false },
    { "current_user", KDB_DEFAULT_CURRENT_USER, true },
    { "current_user_id", KDB_DEFAULT_CURRENT_USER, false },
};

static const default_function *find_function(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(default_functions); i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(default_functions[i].name))) {
            return &default_functions[i];
        }
    }
    return NULL;
}

kdb_default_kind kdbi_default_function(kdb_sv name)
{
    const default_function *found = find_function(name);
    return found == NULL ? KDB_DEFAULT_NONE : found->kind;
}

static kdb_status refuse(kdbi_cursor *cur)
{
    return KDB_FAIL_AT(
        cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
        "DEFAULT must be a literal, NULL, or NOW(), CURRENT_TIMESTAMP, SNOWFLAKE_ID(), UUID_V7(), ULID() "
        "or CURRENT_USER()");
}

/* A typed literal whose text does not fit its type is a fault of the statement. */
static kdb_status coerce_literal(kdbi_cursor *cur, const kdb_value *written, kdb_type type, kdb_value *out)
{
    kdb_err reason;
    if (kdb_value_coerce(written, type, cur->arena, out, &reason) != KDB_OK) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "%s", reason.text);
    }
    return KDB_OK;
}

static kdb_status expect_number(kdbi_cursor *cur, bool negative, kdb_value *out)
{
    if (cur->token.kind != KDBI_TOKEN_NUMBER || !kdbi_number_value(cur->token.text, negative, out)) {
        return refuse(cur);
    }
    kdbi_advance(cur);
    return KDB_OK;
}

/* X'0a' */
static kdb_status expect_hex(kdbi_cursor *cur, kdb_value *out)
{
    const kdb_sv text = cur->token.text;
    if ((text.ptr[0] | 0x20) != 'x') {
        return refuse(cur);
    }
    kdb_sv bytes;
    if (kdb_hex_decode(cur->arena, kdb_sv_of(text.ptr + 2, text.len - 3), &bytes, NULL) != KDB_OK) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "invalid hexadecimal literal");
    }
    *out = (kdb_value){ .type = kdb_type_of(KDB_TYPE_BYTES), .as.bytes = bytes };
    kdbi_advance(cur);
    return KDB_OK;
}

/* TRUE, FALSE, NULL; or a typed literal such as DATE '2026-01-01'. */
static kdb_status expect_word_literal(kdbi_cursor *cur, kdb_value *out)
{
    if (kdbi_at_word(cur, "TRUE") || kdbi_at_word(cur, "FALSE")) {
        *out = kdb_value_bool(kdbi_at_word(cur, "TRUE"));
        kdbi_advance(cur);
        return KDB_OK;
    }
    if (kdbi_accept_word(cur, "NULL")) {
        *out = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
        return KDB_OK;
    }
    kdbi_cursor ahead = *cur;
    ahead.err = NULL;
    kdb_type type;
    kdb_sv text;
    bool serial = false;
    if (kdbi_expect_type(&ahead, &type, &serial) != KDB_OK || kdbi_expect_string(&ahead, &text) != KDB_OK) {
        return refuse(cur);
    }
    const kdb_value written = kdb_value_text(text);
    KDB_TRY(coerce_literal(cur, &written, type, out));
    ahead.err = cur->err;
    *cur = ahead;
    return KDB_OK;
}

static kdb_status expect_literal(kdbi_cursor *cur, kdb_value *out)
{
    if (kdbi_at_symbol(cur, '-') || kdbi_at_symbol(cur, '+')) {
        const bool negative = kdbi_at_symbol(cur, '-');
        kdbi_advance(cur);
        return expect_number(cur, negative, out);
    }
    if (cur->token.kind == KDBI_TOKEN_STRING || cur->token.kind == KDBI_TOKEN_DOLLAR_STRING) {
        *out = kdb_value_text(kdbi_token_string(&cur->token, cur->arena));
        kdbi_advance(cur);
        return KDB_OK;
    }
    if (cur->token.kind == KDBI_TOKEN_PREFIXED_STRING) {
        return expect_hex(cur, out);
    }
    return cur->token.kind == KDBI_TOKEN_WORD ? expect_word_literal(cur, out) : expect_number(cur, false, out);
}

/* 'x'::type after a literal. */
static kdb_status accept_cast(kdbi_cursor *cur, kdb_value *value)
{
    if (!kdb_sv_eq(cur->token.text, KDB_SV("::"))) {
        return KDB_OK;
    }
    kdbi_advance(cur);
    kdb_type type;
    bool serial = false;
    KDB_TRY(kdbi_expect_type(cur, &type, &serial));
    const kdb_value written = *value;
    return coerce_literal(cur, &written, type, value);
}

kdb_status kdbi_expect_default(kdbi_cursor *cur, kdb_column_spec *column)
{
    const bool in_brackets = kdbi_accept_symbol(cur, '(');
    const default_function *function = cur->token.kind == KDBI_TOKEN_WORD ? find_function(cur->token.text) : NULL;
    if (function != NULL) {
        column->default_kind = function->kind;
        kdbi_advance(cur);
        if (kdbi_at_symbol(cur, '(') || !function->bare) {
            KDB_TRY(kdbi_expect_symbol(cur, '('));
            KDB_TRY(kdbi_expect_symbol(cur, ')'));
        }
    } else {
        column->default_kind = KDB_DEFAULT_LITERAL;
        KDB_TRY(expect_literal(cur, &column->default_literal));
        KDB_TRY(accept_cast(cur, &column->default_literal));
    }
    if (cur->token.kind == KDBI_TOKEN_OPERATOR) { /* the beginning of an expression */
        return refuse(cur);
    }
    return in_brackets ? kdbi_expect_symbol(cur, ')') : KDB_OK;
}
