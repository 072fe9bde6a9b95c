/* dialect_lex.c - SQL text to tokens, as PostgreSQL's scanner sees it: what this lexer takes for a string or a comment
 * the grammar takes for one too, or the checks made on tokens could be passed by. `x` quotes like "x". */
#include "dialect_int.h"

/* What a byte may be part of: looked up, for every byte of every statement comes by here. */
enum { SPACE = 1, DIGIT = 2, WORD_START = 4, WORD = 8, OPERATOR = 16 };
static const uint8_t classes[256] = {
    [' '] = SPACE,
    ['\t'] = SPACE,
    ['\n'] = SPACE,
    ['\r'] = SPACE,
    ['\f'] = SPACE,
    ['0' ... '9'] = DIGIT | WORD,
    ['a' ... 'z'] = WORD_START | WORD,
    ['A' ... 'Z'] = WORD_START | WORD,
    ['_'] = WORD_START | WORD,
    [0x80 ... 0xFF] = WORD_START | WORD,
    ['$'] = WORD,
    ['~'] = OPERATOR,
    ['!'] = OPERATOR,
    ['@'] = OPERATOR,
    ['#'] = OPERATOR,
    ['^'] = OPERATOR,
    ['&'] = OPERATOR,
    ['|'] = OPERATOR,
    ['?'] = OPERATOR,
    ['+'] = OPERATOR,
    ['-'] = OPERATOR,
    ['*'] = OPERATOR,
    ['/'] = OPERATOR,
    ['%'] = OPERATOR,
    ['<'] = OPERATOR,
    ['>'] = OPERATOR,
    ['='] = OPERATOR,
};

static inline bool is_a(char c, uint8_t kind)
{
    return (classes[(uint8_t)c] & kind) != 0;
}

static inline bool is_space(char c)
{
    return is_a(c, SPACE);
}

static inline bool is_digit(char c)
{
    return is_a(c, DIGIT);
}

static inline bool is_word_start(char c)
{
    return is_a(c, WORD_START);
}

static inline bool is_word(char c)
{
    return is_a(c, WORD);
}

static inline bool is_operator(char c)
{
    return is_a(c, OPERATOR);
}

/* The byte `ahead` of the position, 0 past the end. */
static inline char peek(const kdbi_lexer *lexer, size_t ahead)
{
    return lexer->text.len - lexer->pos > ahead ? lexer->text.ptr[lexer->pos + ahead] : '\0';
}

static inline bool at_comment(const kdbi_lexer *lexer)
{
    return (peek(lexer, 0) == '-' && peek(lexer, 1) == '-') || (peek(lexer, 0) == '/' && peek(lexer, 1) == '*');
}

static void skip_line_comment(kdbi_lexer *lexer)
{
    while (lexer->pos < lexer->text.len && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r') {
        lexer->pos++;
    }
}

/* Block comments nest. False when the text ends first. */
static bool skip_block_comment(kdbi_lexer *lexer)
{
    size_t depth = 0;
    while (lexer->pos < lexer->text.len) {
        if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
            depth++;
            lexer->pos += 2;
        } else if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            depth--;
            lexer->pos += 2;
            if (depth == 0) {
                return true;
            }
        } else {
            lexer->pos++;
        }
    }
    return false;
}

void kdbi_lex_skip_spaces(kdbi_lexer *lexer)
{
    while (lexer->pos < lexer->text.len && is_space(lexer->text.ptr[lexer->pos])) {
        lexer->pos++;
    }
}

/* False at an unterminated comment. */
static bool skip_blanks(kdbi_lexer *lexer)
{
    for (;;) {
        kdbi_lex_skip_spaces(lexer);
        if (!at_comment(lexer)) {
            return true;
        }
        if (peek(lexer, 0) == '-') {
            skip_line_comment(lexer);
        } else if (!skip_block_comment(lexer)) {
            return false;
        }
    }
}

/* The position moves to `c`; false, and to the end, when there is none. */
static bool skip_to(kdbi_lexer *lexer, char c)
{
    const size_t left = lexer->text.len - lexer->pos;
    const char *found = left == 0 ? NULL : memchr(lexer->text.ptr + lexer->pos, c, left);
    lexer->pos = found == NULL ? lexer->text.len : (size_t)(found - lexer->text.ptr);
    return found != NULL;
}

/* From the opening quote to behind the closing one; a doubled quote stays inside. */
static bool skip_quoted(kdbi_lexer *lexer)
{
    const char quote = peek(lexer, 0);
    lexer->pos++;
    while (skip_to(lexer, quote)) {
        lexer->pos++;
        if (peek(lexer, 0) != quote) {
            return true;
        }
        lexer->pos++;
    }
    return false;
}

/* The same where a backslash takes away what the next byte means. */
static bool skip_escaped(kdbi_lexer *lexer)
{
    lexer->pos++;
    while (lexer->pos < lexer->text.len) {
        const char c = peek(lexer, 0);
        if (c == '\\') {
            lexer->pos += lexer->text.len - lexer->pos > 1 ? 2 : 1;
        } else if (c != '\'') {
            lexer->pos++;
        } else if (peek(lexer, 1) == '\'') {
            lexer->pos += 2;
        } else {
            lexer->pos++;
            return true;
        }
    }
    return false;
}

/* Length of a dollar quote's opening `$tag$` at the position, 0 when there is none. */
static size_t dollar_tag(const kdbi_lexer *lexer)
{
    size_t len = 1;
    if (is_word_start(peek(lexer, 1))) {
        while (is_word(peek(lexer, len)) && peek(lexer, len) != '$') {
            len++;
        }
    }
    return peek(lexer, len) == '$' ? len + 1 : 0;
}

static bool skip_dollar_quoted(kdbi_lexer *lexer, size_t tag_len)
{
    const char *tag = lexer->text.ptr + lexer->pos;
    lexer->pos += tag_len;
    while (lexer->text.len - lexer->pos >= tag_len) {
        if (memcmp(lexer->text.ptr + lexer->pos, tag, tag_len) == 0) {
            lexer->pos += tag_len;
            return true;
        }
        lexer->pos++;
    }
    lexer->pos = lexer->text.len;
    return false;
}

static void skip_number(kdbi_lexer *lexer)
{
    while (is_digit(peek(lexer, 0))) {
        lexer->pos++;
    }
    if (peek(lexer, 0) == '.' && peek(lexer, 1) != '.') {
        lexer->pos++;
        while (is_digit(peek(lexer, 0))) {
            lexer->pos++;
        }
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        const size_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 2 : 1;
        if (is_digit(peek(lexer, sign))) {
            lexer->pos += sign;
            while (is_digit(peek(lexer, 0))) {
                lexer->pos++;
            }
        }
    }
}

static void skip_operator(kdbi_lexer *lexer)
{
    while (is_operator(peek(lexer, 0)) && !at_comment(lexer)) {
        lexer->pos++;
    }
}

static kdbi_token_kind lex_quoted(kdbi_lexer *lexer, kdbi_token_kind kind)
{
    return skip_quoted(lexer) ? kind : KDBI_TOKEN_OPEN_STRING;
}

static kdbi_token_kind lex_dollar(kdbi_lexer *lexer)
{
    if (is_digit(peek(lexer, 1))) {
        lexer->pos++;
        while (is_digit(peek(lexer, 0))) {
            lexer->pos++;
        }
        return KDBI_TOKEN_PARAM;
    }
    const size_t tag_len = dollar_tag(lexer);
    if (tag_len == 0) {
        lexer->pos++;
        return KDBI_TOKEN_SYMBOL;
    }
    return skip_dollar_quoted(lexer, tag_len) ? KDBI_TOKEN_DOLLAR_STRING : KDBI_TOKEN_OPEN_STRING;
}

/* A string goes on after blanks that hold a line end: 'a' <newline> 'b' is one, and backslashes count in all of
 * E'..'. */
static bool at_continuation(kdbi_lexer *lexer)
{
    const size_t start = lexer->pos;
    bool line_end = false;
    for (;;) {
        if (peek(lexer, 0) == '-' && peek(lexer, 1) == '-') {
            skip_line_comment(lexer);
        } else if (lexer->pos < lexer->text.len && is_space(peek(lexer, 0))) {
            line_end = line_end || peek(lexer, 0) == '\n' || peek(lexer, 0) == '\r';
            lexer->pos++;
        } else {
            break;
        }
    }
    if (line_end && peek(lexer, 0) == '\'') {
        return true;
    }
    lexer->pos = start;
    return false;
}

static kdbi_token_kind lex_escape_string(kdbi_lexer *lexer)
{
    lexer->pos++;
    do {
        if (!skip_escaped(lexer)) {
            return KDBI_TOKEN_OPEN_STRING;
        }
    } while (at_continuation(lexer));
    return KDBI_TOKEN_PREFIXED_STRING;
}

/* A word, or a string or quoted name with a prefix: E'..', X'..', B'..', N'..', U&'..', U&"..". */
static kdbi_token_kind lex_word(kdbi_lexer *lexer)
{
    const char first = (char)(peek(lexer, 0) | 0x20);
    if (first == 'e' && peek(lexer, 1) == '\'') {
        return lex_escape_string(lexer);
    }
    if (peek(lexer, 1) == '\'' && strchr("xbn", first) != NULL) {
        lexer->pos++;
        return lex_quoted(lexer, KDBI_TOKEN_PREFIXED_STRING);
    }
    if (first == 'u' && peek(lexer, 1) == '&' && (peek(lexer, 2) == '\'' || peek(lexer, 2) == '"')) {
        lexer->pos += 2;
        return lex_quoted(lexer, KDBI_TOKEN_PREFIXED_STRING);
    }
    while (is_word(peek(lexer, 0))) {
        lexer->pos++;
    }
    return KDBI_TOKEN_WORD;
}

static kdbi_token_kind lex_symbol(kdbi_lexer *lexer)
{
    const bool cast = peek(lexer, 0) == ':' && peek(lexer, 1) == ':';
    lexer->pos += cast ? 2 : 1;
    return KDBI_TOKEN_SYMBOL;
}

static kdbi_token_kind lex_one(kdbi_lexer *lexer)
{
    const char c = peek(lexer, 0);
    if (is_word_start(c)) {
        return lex_word(lexer);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        skip_number(lexer);
        return KDBI_TOKEN_NUMBER;
    }
    if (is_operator(c)) {
        skip_operator(lexer);
        return KDBI_TOKEN_OPERATOR;
    }
    switch (c) {
    case '\'':
        return lex_quoted(lexer, KDBI_TOKEN_STRING);
    case '"':
    case '`':
        return lex_quoted(lexer, KDBI_TOKEN_QUOTED);
    case '$':
        return lex_dollar(lexer);
    default:
        return lex_symbol(lexer);
    }
}

kdbi_token kdbi_lex_next(kdbi_lexer *lexer)
{
    kdbi_token token = { .kind = KDBI_TOKEN_END };
    const bool blanks_end = skip_blanks(lexer);
    token.offset = lexer->pos;
    if (!blanks_end) {
        token.kind = KDBI_TOKEN_OPEN_COMMENT;
    } else if (lexer->pos < lexer->text.len) {
        token.kind = lex_one(lexer);
    }
    token.text = kdb_sv_of(lexer->text.ptr + token.offset, lexer->pos - token.offset);
    return token;
}

bool kdbi_token_is_word(const kdbi_token *token, const char *word)
{
    return token->kind == KDBI_TOKEN_WORD && ((token->text.ptr[0] ^ word[0]) & ~0x20) == 0 && /* mostly it is not */
           kdb_sv_ieq(token->text, kdb_sv_cstr(word));
}

bool kdbi_token_is(const kdbi_token *token, char symbol)
{
    return (token->kind == KDBI_TOKEN_SYMBOL || token->kind == KDBI_TOKEN_OPERATOR) && token->text.len == 1 &&
           token->text.ptr[0] == symbol;
}

/* Without the quotes around and with doubled ones single. */
static kdb_sv unquote(kdb_arena *arena, kdb_sv text)
{
    const char quote = text.ptr[0];
    char *out = kdb_arena_alloc_raw(arena, text.len);
    size_t len = 0;
    for (size_t i = 1; i + 1 < text.len; i++) {
        out[len++] = text.ptr[i];
        if (text.ptr[i] == quote) {
            i++;
        }
    }
    return kdb_sv_of(out, len);
}

kdb_sv kdbi_token_name(const kdbi_token *token, kdb_arena *arena)
{
    return token->kind == KDBI_TOKEN_QUOTED ? unquote(arena, token->text) : kdb_sv_dup_lower(arena, token->text);
}

kdb_sv kdbi_token_string(const kdbi_token *token, kdb_arena *arena)
{
    KDB_ASSERT(token->kind == KDBI_TOKEN_STRING || token->kind == KDBI_TOKEN_DOLLAR_STRING);
    if (token->kind == KDBI_TOKEN_STRING) {
        return unquote(arena, token->text);
    }
    const char *second = memchr(token->text.ptr + 1, '$', token->text.len - 1);
    const size_t tag_len = (size_t)(second - token->text.ptr) + 1;
    return kdb_sv_of(token->text.ptr + tag_len, token->text.len - 2 * tag_len);
}
