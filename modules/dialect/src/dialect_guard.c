/* dialect_guard.c - readies SQL text for libpg_query. The grammar itself keeps its stack on the heap, but building,
 * unpacking and walking its trees recurses; so the depth of the tree is bounded here, from the tokens, before the
 * grammar sees them. The bound must never be lower than the tree's real depth: when in doubt a token counts. */
#include "dialect_int.h"

/* One open bracket, CASE, or the statement itself. */
typedef struct level {
    char close;        /* ')', ']', 'E' for END */
    uint32_t chain;    /* operators of the expression being read: each may be one level deeper */
    uint32_t child;    /* deepest bracket within it */
    uint32_t deepest;  /* of the expressions before it in this SELECT */
    uint32_t joins;    /* of this SELECT */
    uint32_t sets;     /* UNION and kin: they nest to the left */
    uint32_t selects;  /* deepest of the SELECTs before this one */
    uint32_t betweens; /* whose AND has not come yet */
} level;

typedef struct guard {
    kdb_sv text;
    char *out;
    level levels[KDBI_NESTING_MAX + 1];
    size_t depth;       /* levels in use beside the statement's own */
    kdbi_token prev[3]; /* the latest first */
    bool into;          /* behind INTO or ON CONFLICT: brackets that open now hold names */
    bool names;         /* within the brackets of INSERT's column list or of ON CONFLICT */
    bool sets;          /* between SET and what ends its list */
    bool rows;          /* behind VALUES: what is in brackets is a row */
    uint32_t nparams;
    uint32_t nesting; /* of the whole, once it has been read */
} guard;

/* Operators spelled as words. Words that only may be operators are here too. */
static const char *const chain_words[] = {
    /* each may be one operator */
    "NOT",   "IS",      "ISNULL", "NOTNULL",  "COLLATE", "AT",      "LIKE",
    "ILIKE", "SIMILAR", "IN",     "OVERLAPS", "BETWEEN", "OPERATOR"
};
/* Reserved words that end an expression. Words that can be names must not be here. */
static const char *const expression_ends[] = {
    /* they cannot be names */
    "OR", "WHEN", "THEN", "ELSE", "WHERE", "ON", "GROUP", "ORDER", "HAVING", "LIMIT"
};
/* Behind these no column is assigned any more, and no list of columns begins. */
static const char *const set_ends[] = { "FROM", "WHERE", "RETURNING" };
static const char *const into_ends[] = { "SELECT", "VALUES", "WITH", "TABLE", "DO" };
/* Reserved words that can stand behind a list and never in one. */
static const char *const list_ends[] = { "FROM",   "WHERE",  "GROUP", "HAVING", "ORDER",
                                         "LIMIT",  "OFFSET", "FETCH", "UNION",  "INTERSECT",
                                         "EXCEPT", "WINDOW", "ON",    "FOR",    "RETURNING" };
static const char *const set_words[] = { "UNION", "INTERSECT", "EXCEPT" };
/* Written with () by users, without by the grammar. */
static const char *const value_functions[] = {
    /* the session, then the clock */
    "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER",   "USER",     "CURRENT_TIMESTAMP",
    "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME"
};

static bool is_one_of(const kdbi_token *token, const char *const *words, size_t nwords)
{
    for (size_t i = 0; i < nwords; i++) {
        if (kdbi_token_is_word(token, words[i])) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(token, words) is_one_of((token), (words), KDB_ARRAY_LEN(words))

static level *top(guard *g)
{
    return &g->levels[g->depth];
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void end_expression(level *at)
{
    at->deepest = larger(at->deepest, at->chain + at->child);
    at->chain = at->child = 0;
}

static void end_select(level *at)
{
    end_expression(at);
    at->selects = larger(at->selects, at->joins + at->deepest);
    at->joins = at->deepest = 0;
}

static uint32_t level_depth(level *at)
{
    end_select(at);
    return at->sets + at->selects + 1;
}

static kdb_status too_deep(const kdbi_token *token, kdb_err *err)
{
    return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_INVALID_SQL, "Expression nesting limit %d exceeded",
                       KDBI_NESTING_MAX);
}

static kdb_status open_level(guard *g, const kdbi_token *token, char close, kdb_err *err)
{
    if (g->depth == KDBI_NESTING_MAX) {
        return too_deep(token, err);
    }
    g->levels[++g->depth] = (level){ .close = close };
    return KDB_OK;
}

static void close_top(guard *g)
{
    const uint32_t depth = level_depth(top(g));
    g->depth--;
    top(g)->child = larger(top(g)->child, depth);
}

/* A bracket closes the CASEs left open in it; one that does not match is the grammar's to refuse. */
static void close_level(guard *g, char close)
{
    while (g->depth > 0 && top(g)->close != close && close != 'E' && top(g)->close == 'E') {
        close_top(g);
    }
    if (g->depth > 0 && top(g)->close == close) {
        close_top(g);
    }
}

static uint32_t operator_count(const kdbi_token *token)
{
    uint32_t count = 1; /* the grammar splits trailing signs off: `+-` may be two operators */
    for (size_t i = 1; i < token->text.len; i++) {
        count += token->text.ptr[i] == '+' || token->text.ptr[i] == '-';
    }
    return count;
}

static kdb_status guard_word(guard *g, const kdbi_token *token, kdb_err *err)
{
    if (kdbi_token_is(&g->prev[0], '.')) {
        return KDB_OK; /* a name, whatever the word */
    }
    level *at = top(g);
    if (kdbi_token_is_word(token, "CASE")) {
        return open_level(g, token, 'E', err);
    }
    if (kdbi_token_is_word(token, "END")) {
        close_level(g, 'E');
    } else if (IS_ONE_OF(token, chain_words)) {
        at->chain++;
        at->betweens += kdbi_token_is_word(token, "BETWEEN");
    } else if (kdbi_token_is_word(token, "AND") && at->betweens > 0) {
        at->betweens--;
    } else if (IS_ONE_OF(token, expression_ends) || kdbi_token_is_word(token, "AND") ||
               (kdbi_token_is_word(token, "FROM") && !kdbi_token_is_word(&g->prev[0], "DISTINCT"))) {
        end_expression(at);
    } else if (kdbi_token_is_word(token, "SELECT")) {
        end_select(at);
    } else if (IS_ONE_OF(token, set_words)) {
        end_select(at);
        at->sets++;
    } else if (kdbi_token_is_word(token, "JOIN")) {
        at->joins++;
    }
    return KDB_OK;
}

static kdb_status guard_symbol(guard *g, const kdbi_token *token, kdb_err *err)
{
    switch (token->text.ptr[0]) {
    case '(':
        return open_level(g, token, ')', err);
    case '[':
        return open_level(g, token, ']', err);
    case ')':
    case ']':
        close_level(g, token->text.ptr[0]);
        return KDB_OK;
    case ',':
        end_expression(top(g));
        return KDB_OK;
    case ':':
        top(g)->chain++;
        return KDB_OK;
    default:
        return KDB_OK;
    }
}

static kdb_status guard_param(guard *g, const kdbi_token *token, kdb_err *err)
{
    uint64_t number = 0;
    if (kdb_parse_u64(kdb_sv_of(token->text.ptr + 1, token->text.len - 1), &number, NULL) != KDB_OK || number == 0 ||
        number > UINT16_MAX) {
        return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_INVALID_SQL, "there is no parameter %.*s",
                           KDB_SV_ARG(token->text));
    }
    g->nparams = larger(g->nparams, (uint32_t)number);
    return KDB_OK;
}

static kdb_status guard_quoted(guard *g, const kdbi_token *token, kdb_err *err)
{
    if (token->text.ptr[0] != '`') {
        return KDB_OK;
    }
    const kdb_sv inner = kdb_sv_of(token->text.ptr + 1, token->text.len - 2);
    if (inner.len == 0 || memchr(inner.ptr, '"', inner.len) != NULL || memchr(inner.ptr, '`', inner.len) != NULL) {
        return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_INVALID_SQL, "syntax error at or near \"%.*s\"",
                           KDB_SV_ARG(token->text));
    }
    g->out[token->offset] = '"';
    g->out[token->offset + token->text.len - 1] = '"';
    return KDB_OK;
}

static kdb_status guard_token(guard *g, const kdbi_token *token, kdb_err *err)
{
    switch (token->kind) {
    case KDBI_TOKEN_WORD:
        return guard_word(g, token, err);
    case KDBI_TOKEN_QUOTED:
        return guard_quoted(g, token, err);
    case KDBI_TOKEN_PARAM:
        return guard_param(g, token, err);
    case KDBI_TOKEN_OPERATOR:
        top(g)->chain += operator_count(token);
        return KDB_OK;
    case KDBI_TOKEN_SYMBOL:
        return guard_symbol(g, token, err);
    case KDBI_TOKEN_OPEN_STRING:
        return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_INVALID_SQL, "unterminated quoted string");
    case KDBI_TOKEN_OPEN_COMMENT:
        return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_INVALID_SQL, "unterminated /* comment");
    case KDBI_TOKEN_END:
    case KDBI_TOKEN_STRING:
    case KDBI_TOKEN_PREFIXED_STRING:
    case KDBI_TOKEN_DOLLAR_STRING:
    case KDBI_TOKEN_NUMBER:
        return KDB_OK;
    }
    return KDB_OK;
}

/* Blanks what KalamDB accepts beyond the grammar. */
static void blank_extras(guard *g, const kdbi_token *token)
{
    const bool closes = kdbi_token_is(token, ')') || kdbi_token_is(token, ']');
    const bool ends_rows = token->kind == KDBI_TOKEN_END && g->rows && kdbi_token_is(&g->prev[1], ')');
    if (kdbi_token_is(&g->prev[0], ',') && (closes || ends_rows || IS_ONE_OF(token, list_ends))) {
        g->out[g->prev[0].offset] = ' ';
    }
    if (g->depth == 0 && token->kind == KDBI_TOKEN_WORD) {
        g->rows = kdbi_token_is_word(token, "VALUES");
    }
    if (kdbi_token_is(token, ')') && kdbi_token_is(&g->prev[0], '(') && IS_ONE_OF(&g->prev[1], value_functions) &&
        !kdbi_token_is(&g->prev[2], '.')) {
        g->out[g->prev[0].offset] = ' ';
        g->out[token->offset] = ' ';
    }
}

/* What the brackets and words of a write say about where names of columns stand. */
static void follow_write(guard *g, const kdbi_token *token)
{
    const bool word = token->kind == KDBI_TOKEN_WORD && !kdbi_token_is(&g->prev[0], '.');
    if (word && g->depth == 0) {
        const bool ends_set = IS_ONE_OF(token, set_ends);
        g->sets = kdbi_token_is_word(token, "SET") || (g->sets && !ends_set);
        const bool ends_into = IS_ONE_OF(token, into_ends);
        g->into = kdbi_token_is_word(token, "INTO") || kdbi_token_is_word(token, "CONFLICT") || (g->into && !ends_into);
    } else if (word && IS_ONE_OF(token, into_ends)) { /* a query in brackets */
        g->names = false;
    } else if (kdbi_token_is(token, '(') && g->depth == 1) {
        g->names = g->into;
        g->into = false;
    } else if (kdbi_token_is(token, ')')) {
        g->names = false;
    }
}

/* USER is a reserved word of the grammar's, and a name that a column may have (sql.md 3). Where only the name of a column can
 * stand, it gets a name that no column has, which kdbi_full_name reads as `user`; elsewhere it is CURRENT_USER. */
static void name_user(guard *g, const kdbi_token *token)
{
    const bool after_comma = kdbi_token_is(&g->prev[1], ',');
    const bool listed = g->names && (after_comma || kdbi_token_is(&g->prev[1], '(')) &&
                        (kdbi_token_is(token, ',') || kdbi_token_is(token, ')'));
    const bool set = g->sets && g->depth == 0 && (after_comma || kdbi_token_is_word(&g->prev[1], "SET")) &&
                     kdbi_token_is(token, '=');
    if ((listed || set) && kdbi_token_is_word(&g->prev[0], "USER")) {
        memcpy(g->out + g->prev[0].offset, KDBI_USER_COLUMN, sizeof KDBI_USER_COLUMN - 1);
    }
    follow_write(g, token);
}

static kdb_status guard_text(guard *g, kdb_err *err)
{
    kdbi_lexer lexer = { .text = g->text };
    for (;;) {
        const kdbi_token token = kdbi_lex_next(&lexer);
        KDB_TRY(guard_token(g, &token, err));
        blank_extras(g, &token);
        name_user(g, &token);
        if (token.kind == KDBI_TOKEN_END) {
            break;
        }
        g->prev[2] = g->prev[1];
        g->prev[1] = g->prev[0];
        g->prev[0] = token;
    }
    while (g->depth > 0) {
        close_top(g);
    }
    g->nesting = level_depth(top(g));
    if (g->nesting > KDBI_NESTING_MAX) {
        return too_deep(&(kdbi_token){ .offset = 0 }, err);
    }
    return KDB_OK;
}

uint32_t kdbi_nesting(kdb_sv text)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    guard g = { .text = text, .out = kdb_sv_dup_cstr(arena, text) };
    return guard_text(&g, NULL) == KDB_OK ? g.nesting : KDBI_NESTING_MAX;
}

kdb_status kdbi_guard(kdb_sv text, kdb_arena *arena, char **out, uint32_t *out_nparams, kdb_err *err)
{
    if ((text.len != 0 && memchr(text.ptr, '\0', text.len) != NULL) || !kdb_utf8_valid(text)) {
        return KDB_FAIL(err, KDB_INVALID_SQL, "SQL text is not valid UTF-8 or holds a NUL character");
    }
    guard g = { .text = text, .out = kdb_sv_dup_cstr(arena, text) };
    KDB_TRY(guard_text(&g, err));
    *out = g.out;
    *out_nparams = g.nparams;
    return KDB_OK;
}
