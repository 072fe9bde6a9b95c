/* dialect_shape.c - a statement's text with its literals taken out, so that texts that differ in their values only share
 * one plan. The key holds the tokens, each closed off, so that no two texts with one key could be read differently:
 * where PostgreSQL's scanner might join or split tokens that stand together, there is no shape at all. */
#include "dialect_int.h"

enum {
    SHAPE_TEXT_MAX = 64 << 10,
    SHAPE_LITERALS_MAX = 4096,
    INT64_DIGITS = 19,
    DECIMAL_DIGITS = 38,
    FIRST_KEY_BYTES = 256
};
/* Within the key. A token ends with TOKEN_END; one that begins with it is a literal's mark, whose second byte is its type. APART
 * stands before a token that titles would show apart from the one before. Neither byte can begin a token. */
enum { TOKEN_END = '\0', APART = '\1' };
enum { MARK_INT = 'i', MARK_BIGINT = 'b', MARK_DECIMAL = 'd', MARK_DOUBLE = 'e', MARK_TEXT = 's' };
enum { NO_LIST = -1 };
/* Longer IN lists are filled up to the next power of two. */
enum { LIST_AS_IT_IS_MAX = 8 };

static bool is_shaped(const kdbi_token *first)
{
    static const char *const words[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (kdbi_token_is_word(first, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_apart(const kdbi_shaper *shaper, const kdbi_token *token)
{
    return token->offset > shaper->prev.offset + shaper->prev.text.len;
}

static bool is_string(const kdbi_token *token)
{
    return token->kind == KDBI_TOKEN_STRING || token->kind == KDBI_TOKEN_PREFIXED_STRING;
}

/* Tokens that mean one thing side by side and another with a blank, or a line end, between them. */
static bool is_ambiguous(const kdbi_shaper *shaper, const kdbi_token *token)
{
    const kdbi_token *prev = &shaper->prev;
    if (is_string(prev) && is_string(token)) { /* may be one string in two parts */
        return true;
    }
    if (is_apart(shaper, token)) {
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

static kdb_shape_literal *add_literal(kdbi_shaper *shaper)
{
    kdb_shape *shape = &shaper->shape;
    return KDB_ARENA_PUSH(shaper->arena, shape->literals, shape->nliterals);
}

/* Digits alone; where the text makes titles, none that begin with zeros. */
static bool read_integer(kdb_sv text, bool as_written, uint64_t *out)
{
    if (text.len > INT64_DIGITS || (as_written && text.len > 1 && text.ptr[0] == '0')) {
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

/* Room for `most` more bytes of the key. */
static void make_room(kdbi_shaper *shaper, size_t most)
{
    if (shaper->room - shaper->used >= most) {
        return;
    }
    const char *key = shaper->key;
    shaper->room = 2 * (shaper->used + most) + FIRST_KEY_BYTES;
    shaper->key = kdb_arena_alloc_raw(shaper->arena, shaper->room);
    if (shaper->used != 0) {
        memcpy(shaper->key, key, shaper->used);
    }
}

static void add_mark(kdbi_shaper *shaper, char mark)
{
    shaper->key[shaper->used++] = TOKEN_END;
    shaper->key[shaper->used++] = mark;
}

static void place(kdb_shape_literal *literal, const kdbi_shaper *shaper, const kdbi_token *token)
{
    literal->position = (int32_t)(token->offset - shaper->start);
    literal->length = (uint32_t)token->text.len;
}

/* Of a STRING token. */
static kdb_value read_string(const kdbi_token *token, kdb_arena *arena)
{
    const kdb_sv inner = kdb_sv_of(token->text.ptr + 1, token->text.len - 2);
    const bool doubled = inner.len != 0 && memchr(inner.ptr, '\'', inner.len) != NULL;
    return kdb_value_text(doubled ? kdbi_token_string(token, arena) : inner);
}

/* `12.5`, as one would write it: digits on both sides, no zero before others. Such a text and its value are one. */
static bool read_decimal(kdb_sv text, kdb_value *out)
{
    const char *point = memchr(text.ptr, '.', text.len);
    const bool padded = text.ptr[0] == '0' && point != text.ptr + 1;
    if (point == NULL || padded || point == text.ptr || point + 1 == text.ptr + text.len ||
        text.len > DECIMAL_DIGITS + 1 || !kdbi_number_value(text, false, out) || out->type.kind != KDB_TYPE_DECIMAL) {
        return false;
    }
    out->type.precision = (uint8_t)(text.len - 1); /* every digit counts, as the engine has it */
    return true;
}

/* `1e5` */
static bool read_double(kdb_sv text, kdb_value *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("0123456789.eE+-", text.ptr[i]) == NULL) {
            return false;
        }
    }
    return (memchr(text.ptr, 'e', text.len) != NULL || memchr(text.ptr, 'E', text.len) != NULL) &&
           kdbi_number_value(text, false, out) && out->type.kind == KDB_TYPE_DOUBLE;
}

/* Where the text makes titles, only what has no other text. False for numbers that stay where they are. */
static bool read_number(kdb_sv text, bool as_written, kdb_value *out)
{
    uint64_t integer = 0;
    if (read_integer(text, as_written, &integer)) {
        *out = integer <= INT32_MAX ? kdb_value_int((int32_t)integer) : kdb_value_bigint((int64_t)integer);
        return true;
    }
    return read_decimal(text, out) || (!as_written && read_double(text, out));
}

static char mark_of(kdb_type_kind kind)
{
    switch (kind) {
    case KDB_TYPE_INT:
        return MARK_INT;
    case KDB_TYPE_BIGINT:
        return MARK_BIGINT;
    case KDB_TYPE_DECIMAL:
        return MARK_DECIMAL;
    case KDB_TYPE_DOUBLE:
        return MARK_DOUBLE;
    default:
        return MARK_TEXT;
    }
}

/* The literal's mark; 0 when the token is none to take out. */
static char take_literal(kdbi_shaper *shaper, const kdbi_token *token)
{
    kdb_value value;
    if (token->kind == KDBI_TOKEN_STRING) {
        value = read_string(token, shaper->arena);
    } else if (token->kind != KDBI_TOKEN_NUMBER || !read_number(token->text, shaper->list != NO_LIST, &value)) {
        return 0;
    }
    kdb_shape_literal *literal = add_literal(shaper);
    literal->value = value;
    place(literal, shaper, token);
    add_mark(shaper, mark_of(value.type.kind));
    return mark_of(value.type.kind);
}

/* ---- IN lists ---- */

/* Its last literal again and again, so that lists of nearly one length have one key. */
static bool fill_run(kdbi_shaper *shaper, const kdbi_token *end)
{
    size_t length = LIST_AS_IT_IS_MAX;
    const kdb_value last = shaper->shape.literals[shaper->shape.nliterals - 1].value;
    while (length < shaper->run.count) {
        length *= 2;
    }
    if (shaper->run.count <= LIST_AS_IT_IS_MAX) {
        return true;
    }
    for (size_t i = shaper->run.count; i < length; i++) {
        if (shaper->shape.nliterals == SHAPE_LITERALS_MAX) {
            return false;
        }
        const int32_t position = (int32_t)(end->offset - shaper->start);
        *add_literal(shaper) = (kdb_shape_literal){ .value = last, .position = position, .is_filling = true };
        make_room(shaper, 4);
        shaper->key[shaper->used++] = ',';
        shaper->key[shaper->used++] = TOKEN_END;
        add_mark(shaper, shaper->run.mark);
    }
    return true;
}

/* `mark` is the token's, 0: it is no literal. False when there are too many. */
static bool follow_run(kdbi_shaper *shaper, const kdbi_token *token, char mark)
{
    kdbi_literal_run *run = &shaper->run;
    if (kdbi_token_is(token, '(') && kdbi_token_is_word(&shaper->prev, "IN") && shaper->list == NO_LIST) {
        *run = (kdbi_literal_run){ .open = true };
        return true;
    }
    if (!run->open) {
        return true;
    }
    if (mark != 0 && !run->filled && (run->count == 0 || run->mark == mark)) {
        run->mark = mark;
        run->filled = true;
        run->count++;
        return true;
    }
    const bool ends = run->filled && kdbi_token_is(token, ')');
    run->open = run->filled && kdbi_token_is(token, ',');
    run->filled = false;
    return !ends || fill_run(shaper, token);
}

/* ---- the key ---- */

static void add_text(kdbi_shaper *shaper, const kdbi_token *token)
{
    char *out = shaper->key + shaper->used;
    const char *text = token->text.ptr;
    if (token->kind == KDBI_TOKEN_WORD && shaper->list == NO_LIST) {
        for (size_t i = 0; i < token->text.len; i++) {
            out[i] = (char)(text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0));
        }
    } else {
        memcpy(out, text, token->text.len);
    }
    out[token->text.len] = TOKEN_END;
    shaper->used += token->text.len + 1;
}

/* A list's text, and that of the subqueries in it, may become names of columns: it goes into the key as it is written. The
 * list is taken for longer rather than shorter than it is. */
static void follow_word(kdbi_shaper *shaper, const kdbi_token *token)
{
    if (shaper->list == NO_LIST) {
        const bool begins = kdbi_token_is_word(token, "SELECT") || kdbi_token_is_word(token, "RETURNING");
        shaper->list = begins && !kdbi_token_is(&shaper->prev, '.') ? shaper->depth : NO_LIST;
    } else if (shaper->depth == shaper->list && kdbi_token_is_word(token, "FROM") &&
               !kdbi_token_is(&shaper->prev, '.') && !kdbi_token_is_word(&shaper->prev, "DISTINCT") &&
               !kdbi_token_is_word(&shaper->prev, "WITHIN")) {
        shaper->list = NO_LIST;
    }
}

static void follow_lists(kdbi_shaper *shaper, const kdbi_token *token)
{
    if (token->kind == KDBI_TOKEN_WORD) {
        follow_word(shaper, token);
    } else if (token->kind == KDBI_TOKEN_SYMBOL) {
        const char c = token->text.ptr[0];
        shaper->depth += c == '(' || c == '[';
        shaper->depth -= c == ')' || c == ']';
        shaper->list = shaper->depth < shaper->list ? NO_LIST : shaper->list;
    }
}

static bool add_token(kdbi_shaper *shaper, const kdbi_token *token)
{
    if (!is_readable(token) || is_ambiguous(shaper, token) || shaper->shape.nliterals == SHAPE_LITERALS_MAX ||
        token->offset + token->text.len - shaper->start > SHAPE_TEXT_MAX) {
        return false;
    }
    if (shaper->list != NO_LIST && is_apart(shaper, token)) {
        make_room(shaper, 1);
        shaper->key[shaper->used++] = APART;
    }
    const bool closes = kdbi_token_is(token, ')');
    if (closes && !follow_run(shaper, token, 0)) { /* what is filled in stands before it */
        return false;
    }
    make_room(shaper, token->text.len + 2);
    const char mark = take_literal(shaper, token);
    if (mark == 0) {
        add_text(shaper, token);
    }
    if (!closes) {
        (void)follow_run(shaper, token, mark);
    }
    follow_lists(shaper, token);
    shaper->prev = *token;
    return true;
}

/* ---- one statement after the other ---- */

static bool may_hold_shapes(kdb_sv text)
{
    return text.len != 0 && memchr(text.ptr, '\0', text.len) == NULL && kdb_utf8_valid(text);
}

void kdbi_shaper_init(kdbi_shaper *shaper, kdb_sv text, kdb_arena *arena)
{
    *shaper = (kdbi_shaper){ .arena = arena, .may_hold = may_hold_shapes(text) };
}

void kdbi_shaper_begin(kdbi_shaper *shaper, const kdbi_token *first)
{
    *shaper = (kdbi_shaper){ .arena = shaper->arena,
                             .may_hold = shaper->may_hold,
                             .on = shaper->may_hold && is_shaped(first),
                             .start = first->offset,
                             .prev = { .kind = KDBI_TOKEN_END, .offset = first->offset },
                             .list = NO_LIST };
}

void kdbi_shaper_add(kdbi_shaper *shaper, const kdbi_token *token)
{
    shaper->on = shaper->on && add_token(shaper, token);
}

bool kdbi_shaper_end(kdbi_shaper *shaper, kdb_shape *out)
{
    if (!shaper->on) {
        return false;
    }
    shaper->shape.key = kdb_sv_of(shaper->key, shaper->used);
    *out = shaper->shape;
    return true;
}

bool kdb_dialect_shape(kdb_sv text, kdb_arena *arena, kdb_shape *out)
{
    if (text.len > SHAPE_TEXT_MAX) {
        return false;
    }
    kdbi_shaper shaper;
    kdbi_lexer lexer = { .text = text };
    kdbi_token token = kdbi_lex_next(&lexer);
    kdbi_shaper_init(&shaper, text, arena);
    kdbi_shaper_begin(&shaper, &token);
    shaper.start = 0; /* blanks before the first token are part of the text */
    for (; shaper.on && token.kind != KDBI_TOKEN_END; token = kdbi_lex_next(&lexer)) {
        kdbi_shaper_add(&shaper, &token);
    }
    return kdbi_shaper_end(&shaper, out);
}

/* ---- the same again ---- */

/* True when `same` stands at the lexer's position, which moves behind it. */
static bool skip_same(kdbi_lexer *lexer, kdb_sv same)
{
    if (lexer->text.len - lexer->pos < same.len || memcmp(lexer->text.ptr + lexer->pos, same.ptr, same.len) != 0) {
        return false;
    }
    lexer->pos += same.len;
    return true;
}

/* A literal of the kind of `like`, right at the lexer's position: what comes before it has told the lexer the same then. */
static bool repeat_literal(kdbi_lexer *lexer, const kdb_shape_literal *like, kdb_arena *arena, kdb_value *out)
{
    const size_t at = lexer->pos;
    const kdbi_token token = kdbi_lex_next(lexer);
    if (token.offset != at) {
        return false;
    }
    if (token.kind == KDBI_TOKEN_STRING) {
        *out = read_string(&token, arena);
    } else if (token.kind != KDBI_TOKEN_NUMBER || !read_number(token.text, true, out)) {
        return false;
    }
    return out->type.kind == like->value.type.kind;
}

/* *from moves behind the literal in the text of `like`. */
static bool repeat_to_literal(kdbi_lexer *lexer, kdb_sv like, const kdb_shape_literal *literal, size_t *from)
{
    const size_t position = (size_t)literal->position;
    const kdb_sv between = kdb_sv_of(like.ptr + *from, position - *from);
    *from = position + literal->length;
    return skip_same(lexer, between);
}

static bool repeat_statement(kdbi_lexer *lexer, const kdb_sql_piece *like, kdb_arena *arena, kdb_shape *out)
{
    const size_t start = lexer->pos;
    const size_t count = like->shape->nliterals;
    size_t from = 0; /* in the text of `like` */
    *out = (kdb_shape){ .key = like->shape->key, .nliterals = count };
    for (size_t i = 0; i < count; i++) {
        const kdb_shape_literal *literal = &like->shape->literals[i];
        if (!repeat_to_literal(lexer, like->text, literal, &from)) {
            return false;
        }
        if (i == 0) { /* mostly it has failed by now, or does not */
            out->literals = KDB_ARENA_ARRAY(arena, kdb_shape_literal, count);
        }
        const size_t at = lexer->pos;
        out->literals[i].is_filling = literal->is_filling;
        if (literal->is_filling) {
            out->literals[i].value = out->literals[i - 1].value;
        } else if (!repeat_literal(lexer, literal, arena, &out->literals[i].value)) {
            return false;
        }
        out->literals[i].position = (int32_t)(at - start);
        out->literals[i].length = (uint32_t)(lexer->pos - at);
    }
    /* A `;` or the end right behind it: there its last token ends too. */
    return skip_same(lexer, kdb_sv_of(like->text.ptr + from, like->text.len - from)) &&
           (lexer->pos == lexer->text.len || lexer->text.ptr[lexer->pos] == ';') &&
           lexer->pos - start <= SHAPE_TEXT_MAX;
}

bool kdbi_shape_repeat(kdbi_lexer *lexer, const kdb_sql_piece *like, kdb_arena *arena, kdb_sql_piece *out)
{
    kdb_shape shape;
    kdbi_lexer ahead = *lexer;
    kdbi_lex_skip_spaces(&ahead);
    const size_t start = ahead.pos;
    if (!repeat_statement(&ahead, like, arena, &shape)) {
        return false;
    }
    kdb_shape *kept = KDB_ARENA_NEW(arena, kdb_shape);
    *kept = shape;
    *out = (kdb_sql_piece){ .text = kdb_sv_of(lexer->text.ptr + start, ahead.pos - start),
                            .offset = start,
                            .shape = kept };
    *lexer = ahead;
    return true;
}

/* ---- places ---- */

/* The literals that begin at `position` or before. */
static size_t literals_until(const kdb_shape *shape, int32_t position)
{
    size_t low = 0;
    size_t high = shape->nliterals;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (shape->literals[middle].position <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* From a literal that both texts have, token by token. A list that is filled up ends with its last literal in one text
 * where it may end with its bracket in the other. */
int32_t kdb_shape_position(const kdb_shaped_text *from, int32_t position, const kdb_shaped_text *to)
{
    const size_t count = literals_until(from->shape, position);
    kdbi_lexer left = { .text = from->text };
    kdbi_lexer right = { .text = to->text };
    KDB_ASSERT(from->shape->nliterals == to->shape->nliterals);
    if (count != 0) {
        const kdb_shape_literal *a = &from->shape->literals[count - 1];
        const kdb_shape_literal *b = &to->shape->literals[count - 1];
        if (b->is_filling && !a->is_filling) {
            return b->position;
        }
        left.pos = (size_t)a->position;
        right.pos = (size_t)b->position + (a->is_filling && !b->is_filling ? b->length : 0);
    }
    for (;;) {
        const kdbi_token a = kdbi_lex_next(&left);
        const kdbi_token b = kdbi_lex_next(&right);
        if (a.kind == KDBI_TOKEN_END || b.kind == KDBI_TOKEN_END || left.pos > (size_t)position) {
            return (int32_t)b.offset;
        }
    }
}
