/* dialect_title.c - the name of a result column that has none: the expression's text as the user wrote it, blanks and
 * comments evened out. It never is a name that something else could mean. */
#include "dialect_int.h"

enum { TITLE_MAX = 64 };

/* Words that end a select list's item; within an item they come in brackets only. */
static const char *const item_ends[] = {
    /* in the order of the clauses */
    "FROM",   "WHERE", "GROUP", "HAVING", "WINDOW",    "ORDER",  "LIMIT",
    "OFFSET", "FETCH", "FOR",   "UNION",  "INTERSECT", "EXCEPT", "INTO"
};

static bool ends_item(const kdbi_token *token, const kdbi_token *prev, int depth)
{
    if (token->kind == KDBI_TOKEN_END || token->kind == KDBI_TOKEN_OPEN_STRING ||
        token->kind == KDBI_TOKEN_OPEN_COMMENT) {
        return true;
    }
    if (depth > 0 || kdbi_token_is(prev, '.')) {
        return false;
    }
    if (kdbi_token_is(token, ',') || kdbi_token_is(token, ';') || kdbi_token_is(token, ')') ||
        kdbi_token_is(token, ']')) {
        return true;
    }
    if (kdbi_token_is_word(prev, "DISTINCT") || kdbi_token_is_word(prev, "WITHIN")) { /* IS DISTINCT FROM */
        return false;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(item_ends); i++) {
        if (kdbi_token_is_word(token, item_ends[i])) {
            return true;
        }
    }
    return false;
}

typedef struct title {
    char text[TITLE_MAX + 1];
    size_t len;
    bool full;
} title;

static void title_add(title *t, kdb_sv text, bool lower)
{
    for (size_t i = 0; i < text.len && !t->full; i++) {
        const char c = text.ptr[i];
        if (t->len == TITLE_MAX) {
            t->full = true;
            break;
        }
        t->text[t->len++] = lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    while (t->full && t->len > 0 && !kdb_utf8_valid(kdb_sv_of(t->text, t->len))) { /* not half a character */
        t->len--;
    }
}

static bool is_call(const PgQuery__Node *node)
{
    return node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL || node->node_case == PG_QUERY__NODE__NODE_COALESCE_EXPR ||
           node->node_case == PG_QUERY__NODE__NODE_MIN_MAX_EXPR ||
           node->node_case == PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION;
}

kdb_sv kdbi_title(kdb_sv text, int32_t location, const PgQuery__Node *node, kdb_arena *arena)
{
    title t = { .len = 0 };
    if (location < 0 || (size_t)location >= text.len) {
        return KDB_SV("expression");
    }
    kdbi_lexer lexer = { .text = text, .pos = (size_t)location };
    kdbi_token prev = { .kind = KDBI_TOKEN_END };
    int depth = 0;
    for (kdbi_token token = kdbi_lex_next(&lexer); !ends_item(&token, &prev, depth) && !t.full;
         token = kdbi_lex_next(&lexer)) {
        const bool first = prev.kind == KDBI_TOKEN_END;
        const bool apart = !first && token.offset > prev.offset + prev.text.len;
        title_add(&t, apart ? KDB_SV(" ") : KDB_SV(""), false);
        title_add(&t, token.text, first && token.kind == KDBI_TOKEN_WORD && is_call(node));
        depth += kdbi_token_is(&token, '(') || kdbi_token_is(&token, '[');
        depth -= kdbi_token_is(&token, ')') || kdbi_token_is(&token, ']');
        prev = token;
    }
    return t.len == 0 ? KDB_SV("expression") : kdb_sv_dup(arena, kdb_sv_of(t.text, t.len));
}

static bool reads_like(const kdbi_token *token, kdb_sv name)
{
    switch (token->kind) {
    case KDBI_TOKEN_WORD:
        return kdb_sv_ieq(token->text, name);
    case KDBI_TOKEN_QUOTED:
        return kdb_sv_eq(kdb_sv_of(token->text.ptr + 1, token->text.len - 2), name);
    case KDBI_TOKEN_OPERATOR:
        return kdb_sv_eq(token->text, name);
    default:
        return false;
    }
}

int32_t kdb_dialect_find_name(kdb_sv text, kdb_sv name)
{
    kdbi_lexer lexer = { .text = text };
    int32_t found = -1;
    for (kdbi_token token = kdbi_lex_next(&lexer); token.kind != KDBI_TOKEN_END; token = kdbi_lex_next(&lexer)) {
        if (reads_like(&token, name)) {
            if (found >= 0) {
                return -1;
            }
            found = (int32_t)token.offset;
        }
    }
    return found;
}
