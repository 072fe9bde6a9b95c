/* dialect_execute_as.c - EXECUTE AS USER 'id' ( statement ), also EXECUTE AS 'id' ( statement ) (sql.md 11): taken off a
 * piece of the request before it is parsed, so that what is in the brackets is a statement like any other. */
#include "dialect_int.h"

#define FAIL_AT(token, ...) KDB_FAIL_AT(err, (int32_t)(piece->offset + (token).offset), KDB_INVALID, __VA_ARGS__)

/* A bare name is taken as it stands: user ids tell letter cases apart. */
static kdb_sv read_target(kdbi_cursor *cur, kdb_arena *arena)
{
    kdb_sv target = { "", 0 };
    if (cur->token.kind == KDBI_TOKEN_STRING) {
        target = kdbi_token_string(&cur->token, arena);
    } else if (cur->token.kind == KDBI_TOKEN_WORD) {
        target = cur->token.text;
    } else if (cur->token.kind == KDBI_TOKEN_QUOTED) {
        target = kdbi_token_name(&cur->token, arena);
    } else {
        return target;
    }
    kdbi_advance(cur);
    return target;
}

/* Past the bracket that closes the one before the cursor; *inner is from its first to its last token. False when there is
 * none. */
static bool read_inner(kdbi_cursor *cur, kdb_sv text, kdb_sv *inner)
{
    const size_t start = cur->token.offset;
    size_t end = start;
    size_t open = 1;
    for (; !kdbi_at_end(cur); kdbi_advance(cur)) {
        open += kdbi_at_symbol(cur, '(');
        open -= kdbi_at_symbol(cur, ')');
        if (open == 0) {
            *inner = kdb_sv_of(text.ptr + start, end - start);
            kdbi_advance(cur);
            return true;
        }
        end = cur->token.offset + cur->token.text.len;
    }
    return false;
}

/* Asked of every statement there is: mostly a glance tells. */
static bool may_be_execute_as(kdb_sv text)
{
    return text.len > 7 && (text.ptr[0] == 'E' || text.ptr[0] == 'e');
}

kdb_status kdbi_unwrap_execute_as(kdb_sql_piece *piece, bool last, kdb_arena *arena, kdb_err *err)
{
    if (!may_be_execute_as(piece->text)) {
        return KDB_OK;
    }
    kdbi_cursor cur = kdbi_cursor_at(piece->text, arena, err);
    if (!kdbi_accept_words(&cur, "EXECUTE AS")) {
        return KDB_OK;
    }
    (void)kdbi_accept_word(&cur, "USER");
    const kdbi_token name = cur.token;
    piece->as_user = read_target(&cur, arena);
    if (piece->as_user.len == 0) {
        return FAIL_AT(name, "EXECUTE AS USER username cannot be empty");
    }
    if (!kdbi_accept_symbol(&cur, '(')) {
        return FAIL_AT(cur.token, "EXECUTE AS USER must wrap SQL in parentheses");
    }
    kdb_sv inner;
    if (!read_inner(&cur, piece->text, &inner)) {
        return last ? FAIL_AT(cur.token, "EXECUTE AS USER missing closing ')'")
                    : FAIL_AT(cur.token, "EXECUTE AS USER must contain exactly one wrapped SQL statement");
    }
    if (inner.len == 0) {
        return FAIL_AT(name, "EXECUTE AS USER requires a non-empty inner SQL statement");
    }
    if (!kdbi_at_end(&cur)) {
        return FAIL_AT(cur.token, "EXECUTE AS USER can only wrap a single SQL statement");
    }
    piece->offset += (size_t)(inner.ptr - piece->text.ptr);
    piece->text = inner;
    return KDB_OK;
}
