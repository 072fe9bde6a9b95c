/* dialect_shape.c - a statement's text with its literals taken out, so that texts that differ in their values only share
 * one plan. The key holds the tokens, each closed off, so that no two texts with one key could be read differently:
 * where PostgreSQL's scanner might join or split tokens that stand together, there is no shape at all. */
#include "dialect_int.h"

enum { SHAPE_TEXT_MAX = 64 << 10, SHAPE_LITERALS_MAX = 4096, INT64_DIGITS = 19 };
/* Within the key. A token ends with TOKEN_END; one that begins with it is a literal's mark, whose second byte is its type. APART
 * stands before a token that titles would show apart from the one before. Neither byte can begin a token. */
enum { TOKEN_END = '\0', APART = '\1' };
enum { MARK_INT = 'i', MARK_BIGINT = 'b', MARK_TEXT = 's' };
enum { NO_LIST = -1 };

typedef struct shape_walk {
    kdb_arena *arena;
    char *key; /* twice the text's length is enough */
    size_t len;
    kdb_shape *shape;
    size_t cap; /* of shape->literals */
    kdbi_token prev;
    int depth; /* of brackets */
    int list;  /* the depth of the outermost select list being read, or NO_LIST: its text makes titles */
} shape_walk;

static bool is_statement(kdb_sv text)
{
    static const char *const words[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH" };
    kdbi_lexer lexer = { .text = text };
    const kdbi_token first = kdbi_lex_next(&lexer);
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (kdbi_token_is_word(&first, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_apart(const shape_walk *walk, const kdbi_token *token)
{
    return token->offset > walk->prev.offset + walk->prev.text.len;
}

static bool is_string(const kdbi_token *token)
{
    return token->kind == KDBI_TOKEN_STRING || token->kind == KDBI_TOKEN_PREFIXED_STRING;
}

/* Tokens that mean one thing side by side and another with a blank, or a line end, between them. */
static bool is_ambiguous(const shape_walk *walk, const kdbi_token *token)
{
    const kdbi_token *prev = &walk->prev;
    if (is_string(prev) && is_string(token)) { /* may be one string in two parts */
        return true;
    }
    if (is_apart(walk, token)) {
        return false;
    }
    switch (prev->kind) {
    case KDBI_TOKEN_NUMBER:
    case KDBI_TOKEN_PARAM:
        return token->kind != KDBI_TOKEN_OPERATOR && !kdbi_token_is(token, ')') && !kdbi_token_is(token, ',') &&
               !kdbi_token_is(token, ']') && !kdbi_token_is(token, ';') && !kdb_sv_eq(token->text, KDB_SV("::"));
    case KDBI_TOKEN_SYMBOL:
        return (kdbi_token_is(prev, ':') && token->kind == KDBI_TOKEN_OPERATOR) ||
               (kdbi_token_is(prev, '.') && kdbi_token_is(token, '.'));
    default:
        return false;
    }
}

/* False for control characters and whatever else no statement holds outside of quotes. */
static bool is_readable(const kdbi_token *token)
{
    if (token->kind != KDBI_TOKEN_SYMBOL) {
        return token->kind != KDBI_TOKEN_OPEN_STRING && token->kind != KDBI_TOKEN_OPEN_COMMENT;
    }
    switch (token->text.ptr[0]) {
    case '(':
    case ')':
    case '[':
    case ']':
    case ',':
    case ';':
    case '.':
    case ':':
        return true;
    default:
        return false;
    }
}

/* ---- literals ---- */

static kdb_shape_literal *add_literal(shape_walk *walk)
{
    kdb_shape *shape = walk->shape;
    if (shape->nliterals == walk->cap) {
        walk->cap = walk->cap == 0 ? 8 : walk->cap * 2;
        kdb_shape_literal *grown = KDB_ARENA_ARRAY(walk->arena, kdb_shape_literal, walk->cap);
        if (shape->nliterals != 0) {
            memcpy(grown, shape->literals, shape->nliterals * sizeof *grown);
        }
        shape->literals = grown;
    }
    return &shape->literals[shape->nliterals++];
}

/* Digits alone. Where the text makes titles, leading zeros are kept. */
static bool read_integer(const shape_walk *walk, kdb_sv text, uint64_t *out)
{
    if (text.len > INT64_DIGITS || (walk->list != NO_LIST && text.len > 1 && text.ptr[0] == '0')) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return *out <= INT64_MAX;
}

static void add_mark(shape_walk *walk, char mark)
{
    walk->key[walk->len++] = TOKEN_END;
    walk->key[walk->len++] = mark;
}

/* False when the token is no literal to take out. */
static bool take_literal(shape_walk *walk, const kdbi_token *token)
{
    uint64_t integer = 0;
    if (token->kind == KDBI_TOKEN_NUMBER && read_integer(walk, token->text, &integer)) {
        const bool small = integer <= INT32_MAX;
        kdb_shape_literal *literal = add_literal(walk);
        literal->value = small ? kdb_value_int((int32_t)integer) : kdb_value_bigint((int64_t)integer);
        literal->position = (int32_t)token->offset;
        add_mark(walk, small ? MARK_INT : MARK_BIGINT);
        return true;
    }
    if (token->kind == KDBI_TOKEN_STRING) {
        kdb_shape_literal *literal = add_literal(walk);
        const kdb_sv inner = kdb_sv_of(token->text.ptr + 1, token->text.len - 2);
        const bool doubled = inner.len != 0 && memchr(inner.ptr, '\'', inner.len) != NULL;
        literal->value = kdb_value_text(doubled ? kdbi_token_string(token, walk->arena) : inner);
        literal->position = (int32_t)token->offset;
        add_mark(walk, MARK_TEXT);
        return true;
    }
    return false;
}

/* ---- the key ---- */

static void add_text(shape_walk *walk, const kdbi_token *token)
{
    char *out = walk->key + walk->len;
    const char *text = token->text.ptr;
    if (token->kind == KDBI_TOKEN_WORD && walk->list == NO_LIST) {
        for (size_t i = 0; i < token->text.len; i++) {
            out[i] = (char)(text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0));
        }
    } else {
        memcpy(out, text, token->text.len);
    }
    out[token->text.len] = TOKEN_END;
    walk->len += token->text.len + 1;
}

/* A list's text, and that of the subqueries in it, may become names of columns: it goes into the key as it is written. The
 * list is taken for longer rather than shorter than it is. */
static void follow_word(shape_walk *walk, const kdbi_token *token)
{
    if (walk->list == NO_LIST) {
        const bool begins = kdbi_token_is_word(token, "SELECT") || kdbi_token_is_word(token, "RETURNING");
        walk->list = begins && !kdbi_token_is(&walk->prev, '.') ? walk->depth : NO_LIST;
    } else if (walk->depth == walk->list && kdbi_token_is_word(token, "FROM") && !kdbi_token_is(&walk->prev, '.') &&
               !kdbi_token_is_word(&walk->prev, "DISTINCT") && !kdbi_token_is_word(&walk->prev, "WITHIN")) {
        walk->list = NO_LIST;
    }
}

static void follow_lists(shape_walk *walk, const kdbi_token *token)
{
    if (token->kind == KDBI_TOKEN_WORD) {
        follow_word(walk, token);
    } else if (token->kind == KDBI_TOKEN_SYMBOL) {
        const char c = token->text.ptr[0];
        walk->depth += c == '(' || c == '[';
        walk->depth -= c == ')' || c == ']';
        walk->list = walk->depth < walk->list ? NO_LIST : walk->list;
    }
}

static bool add_token(shape_walk *walk, const kdbi_token *token)
{
    if (!is_readable(token) || is_ambiguous(walk, token) || walk->shape->nliterals == SHAPE_LITERALS_MAX) {
        return false;
    }
    if (walk->list != NO_LIST && is_apart(walk, token)) {
        walk->key[walk->len++] = APART;
    }
    if (!take_literal(walk, token)) {
        add_text(walk, token);
    }
    follow_lists(walk, token);
    walk->prev = *token;
    return true;
}

bool kdb_dialect_shape(kdb_sv text, kdb_arena *arena, kdb_shape *out)
{
    if (text.len == 0 || text.len > SHAPE_TEXT_MAX || !is_statement(text) || memchr(text.ptr, '\0', text.len) != NULL ||
        !kdb_utf8_valid(text)) {
        return false;
    }
    kdb_shape shape = { 0 };
    shape_walk walk = { .arena = arena, .shape = &shape, .list = NO_LIST };
    walk.key = kdb_arena_alloc_raw(arena, 2 * text.len);
    kdbi_lexer lexer = { .text = text };
    for (;;) {
        const kdbi_token token = kdbi_lex_next(&lexer);
        if (token.kind == KDBI_TOKEN_END) {
            break;
        }
        if (!add_token(&walk, &token)) {
            return false;
        }
    }
    shape.key = kdb_sv_of(walk.key, walk.len);
    *out = shape;
    return true;
}
