/* dialect_cursor.c - the token cursor that the parsers of KalamDB's own statements walk, and names read with it. */
#include "dialect_int.h"

kdbi_cursor kdbi_cursor_at(kdb_sv text, kdb_arena *arena, kdb_err *err)
{
    kdbi_cursor cur = { .lexer = { .text = text }, .arena = arena, .err = err };
    kdbi_advance(&cur);
    return cur;
}

void kdbi_advance(kdbi_cursor *cur)
{
    cur->token = kdbi_lex_next(&cur->lexer);
}

bool kdbi_at_word(const kdbi_cursor *cur, const char *word)
{
    return kdbi_token_is_word(&cur->token, word);
}

bool kdbi_at_symbol(const kdbi_cursor *cur, char symbol)
{
    return kdbi_token_is(&cur->token, symbol);
}

bool kdbi_at_name(const kdbi_cursor *cur)
{
    return cur->token.kind == KDBI_TOKEN_WORD || cur->token.kind == KDBI_TOKEN_QUOTED;
}

bool kdbi_at_end(const kdbi_cursor *cur)
{
    return cur->token.kind == KDBI_TOKEN_END;
}

bool kdbi_accept_word(kdbi_cursor *cur, const char *word)
{
    const bool found = kdbi_at_word(cur, word);
    if (found) {
        kdbi_advance(cur);
    }
    return found;
}

bool kdbi_accept_word_before(kdbi_cursor *cur, const char *word)
{
    kdbi_cursor ahead = *cur;
    const bool found = kdbi_accept_word(&ahead, word) && !kdbi_at_end(&ahead);
    if (found) {
        *cur = ahead;
    }
    return found;
}

bool kdbi_accept_symbol(kdbi_cursor *cur, char symbol)
{
    const bool found = kdbi_at_symbol(cur, symbol);
    if (found) {
        kdbi_advance(cur);
    }
    return found;
}

bool kdbi_accept_words(kdbi_cursor *cur, const char *words)
{
    kdbi_cursor ahead = *cur;
    while (*words != '\0') {
        const size_t len = strcspn(words, " ");
        if (ahead.token.kind != KDBI_TOKEN_WORD || !kdb_sv_ieq(ahead.token.text, kdb_sv_of(words, len))) {
            return false;
        }
        kdbi_advance(&ahead);
        words += len;
        words += *words == ' ';
    }
    *cur = ahead;
    return true;
}

kdb_status kdbi_syntax_error(kdbi_cursor *cur)
{
    const int32_t position = (int32_t)cur->token.offset;
    switch (cur->token.kind) {
    case KDBI_TOKEN_END:
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "syntax error at end of input");
    case KDBI_TOKEN_OPEN_STRING:
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "unterminated quoted string");
    case KDBI_TOKEN_OPEN_COMMENT:
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "unterminated /* comment");
    case KDBI_TOKEN_STRING:
    case KDBI_TOKEN_DOLLAR_STRING:
    case KDBI_TOKEN_PREFIXED_STRING: /* it may be a password: not repeated */
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "syntax error at a string literal");
    case KDBI_TOKEN_WORD:
    case KDBI_TOKEN_QUOTED:
    case KDBI_TOKEN_NUMBER:
    case KDBI_TOKEN_PARAM:
    case KDBI_TOKEN_OPERATOR:
    case KDBI_TOKEN_SYMBOL:
        break;
    }
    return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "syntax error at or near \"%.*s\"",
                       KDB_SV_ARG(cur->token.text));
}

kdb_status kdbi_expect_word(kdbi_cursor *cur, const char *word)
{
    return kdbi_accept_word(cur, word) ? KDB_OK : kdbi_syntax_error(cur);
}

kdb_status kdbi_expect_symbol(kdbi_cursor *cur, char symbol)
{
    return kdbi_accept_symbol(cur, symbol) ? KDB_OK : kdbi_syntax_error(cur);
}

kdb_status kdbi_expect_end(kdbi_cursor *cur)
{
    return kdbi_at_end(cur) ? KDB_OK : kdbi_syntax_error(cur);
}

kdb_status kdbi_expect_name(kdbi_cursor *cur, kdb_sv *out)
{
    if (!kdbi_at_name(cur)) {
        return kdbi_syntax_error(cur);
    }
    *out = kdbi_token_name(&cur->token, cur->arena);
    kdbi_advance(cur);
    return KDB_OK;
}

kdb_status kdbi_expect_string(kdbi_cursor *cur, kdb_sv *out)
{
    if (cur->token.kind != KDBI_TOKEN_STRING && cur->token.kind != KDBI_TOKEN_DOLLAR_STRING) {
        return kdbi_syntax_error(cur);
    }
    *out = kdbi_token_string(&cur->token, cur->arena);
    kdbi_advance(cur);
    return KDB_OK;
}

kdb_status kdbi_expect_id(kdbi_cursor *cur, kdb_sv *out)
{
    if (cur->token.kind == KDBI_TOKEN_STRING) {
        return kdbi_expect_string(cur, out);
    }
    if (cur->token.kind != KDBI_TOKEN_WORD) {
        return kdbi_expect_name(cur, out);
    }
    *out = cur->token.text;
    kdbi_advance(cur);
    return KDB_OK;
}

kdb_status kdbi_expect_integer(kdbi_cursor *cur, int64_t *out)
{
    if (cur->token.kind != KDBI_TOKEN_NUMBER || kdb_parse_i64(cur->token.text, out, NULL) != KDB_OK) {
        return kdbi_syntax_error(cur);
    }
    kdbi_advance(cur);
    return KDB_OK;
}

kdb_status kdbi_expect_table_name(kdbi_cursor *cur, kdb_table_name *out)
{
    const int32_t position = (int32_t)cur->token.offset;
    kdb_sv parts[4];
    size_t nparts = 0;
    do {
        if (nparts == KDB_ARRAY_LEN(parts)) {
            return kdbi_syntax_error(cur);
        }
        KDB_TRY(kdbi_expect_name(cur, &parts[nparts++]));
    } while (kdbi_accept_symbol(cur, '.'));
    return kdbi_table_name_of(parts, nparts, position, cur->arena, out, cur->err);
}

kdb_status kdbi_table_name_of(const kdb_sv *parts, size_t nparts, int32_t position, kdb_arena *arena,
                              kdb_table_name *out, kdb_err *err)
{
    const bool in_catalog = nparts >= 3 && kdb_sv_ieq(parts[0], KDB_SV("kalam"));
    const kdb_sv *name = parts + in_catalog;
    size_t count = nparts - in_catalog;
    if (count == 3 && kdb_sv_ieq(name[1], KDB_SV("user"))) {
        *out = (kdb_table_name){ kdb_sv_dup_lower(arena, name[0]), kdb_sv_dup_lower(arena, name[2]), position };
        return KDB_OK;
    }
    if (count > 2) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Table name has too many parts: expected namespace.table");
    }
    *out = (kdb_table_name){ count == 2 ? kdb_sv_dup_lower(arena, name[0]) : kdb_sv_of("", 0),
                             kdb_sv_dup_lower(arena, name[count - 1]), position };
    return KDB_OK;
}
