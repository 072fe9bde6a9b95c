/* dialect_split.c - a request's SQL to its statements: split at `;` outside strings and comments, and shaped by the way, so
 * that each token is looked at once. */
#include "dialect_int.h"

typedef struct splitter {
    kdbi_lexer lexer;
    kdbi_shaper shaper;
    kdb_arena *arena;
    kdb_sql_piece like; /* the last statement with a shape; without one: there was none */
    kdb_sql_piece *pieces;
    size_t count;
} splitter;

static void add_piece(splitter *s, const kdb_sql_piece *piece)
{
    *KDB_ARENA_PUSH(s->arena, s->pieces, s->count) = *piece;
    s->like = piece->shape != NULL ? *piece : s->like;
}

static kdb_status unterminated(const kdbi_token *token, kdb_err *err)
{
    return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_BATCH_PARSE, "Unterminated %s in SQL batch",
                       token->kind == KDBI_TOKEN_OPEN_STRING ? "quoted string" : "block comment");
}

/* A batch is mostly one statement after the other of one shape, as are requests. */
static bool repeat_last(splitter *s)
{
    kdb_sql_piece piece;
    if (s->like.shape == NULL || !kdbi_shape_repeat(&s->lexer, &s->like, s->arena, &piece)) {
        return false;
    }
    add_piece(s, &piece);
    return true;
}

static void end_piece(splitter *s, size_t start, size_t end)
{
    kdb_sql_piece piece = { .text = kdb_sv_of(s->lexer.text.ptr + start, end - start), .offset = start };
    kdb_shape shape;
    if (kdbi_shaper_end(&s->shaper, &shape)) {
        kdb_shape *kept = KDB_ARENA_NEW(s->arena, kdb_shape);
        *kept = shape;
        piece.shape = kept;
    }
    add_piece(s, &piece);
}

static bool is_open(const kdbi_token *token)
{
    return token->kind == KDBI_TOKEN_OPEN_STRING || token->kind == KDBI_TOKEN_OPEN_COMMENT;
}

/* Up to the next `;` and past it, or to the end: then *more is false. */
static kdb_status read_piece(splitter *s, bool *more, kdb_err *err)
{
    kdbi_token token = kdbi_lex_next(&s->lexer);
    const size_t start = token.offset;
    size_t end = start; /* of the tokens so far */
    kdbi_shaper_begin(&s->shaper, &token);
    while (token.kind != KDBI_TOKEN_END && !kdbi_token_is(&token, ';')) {
        if (is_open(&token)) {
            return unterminated(&token, err);
        }
        kdbi_shaper_add(&s->shaper, &token);
        end = s->lexer.pos;
        token = kdbi_lex_next(&s->lexer);
    }
    if (end > start) {
        end_piece(s, start, end);
    }
    *more = token.kind != KDBI_TOKEN_END;
    return KDB_OK;
}

static kdb_status read_pieces(splitter *s, kdb_err *err)
{
    for (bool more = true; more;) {
        if (!repeat_last(s)) {
            KDB_TRY(read_piece(s, &more, err));
            continue;
        }
        more = s->lexer.pos < s->lexer.text.len;
        s->lexer.pos += more; /* the `;` */
    }
    return KDB_OK;
}

/* What is wrapped is shaped by itself. */
static kdb_status unwrap(splitter *s, kdb_sql_piece *piece, bool last, kdb_err *err)
{
    KDB_TRY(kdbi_unwrap_execute_as(piece, last, s->arena, err));
    kdb_shape shape;
    if (piece->as_user.len != 0 && kdb_dialect_shape(piece->text, s->arena, &shape)) {
        kdb_shape *kept = KDB_ARENA_NEW(s->arena, kdb_shape);
        *kept = shape;
        piece->shape = kept;
    }
    return KDB_OK;
}

/* Its key is copied: what is like it may live longer than it does. */
static void begin_like(splitter *s, const kdb_sql_piece *like)
{
    kdb_shape *shape = KDB_ARENA_NEW(s->arena, kdb_shape);
    *shape = *like->shape;
    shape->key = kdb_sv_dup(s->arena, shape->key);
    s->like = *like;
    s->like.shape = shape;
}

kdb_status kdb_dialect_split(kdb_sv sql, const kdb_sql_piece *like, kdb_arena *arena, kdb_sql_piece **out,
                             size_t *out_count, kdb_err *err)
{
    splitter s = { .lexer = { .text = sql }, .arena = arena };
    kdbi_shaper_init(&s.shaper, sql, arena);
    if (like != NULL && like->shape != NULL && s.shaper.may_hold) {
        begin_like(&s, like);
    }
    KDB_TRY(read_pieces(&s, err));
    if (s.count == 0) {
        return KDB_FAIL(err, KDB_EMPTY_SQL, "No SQL statements provided");
    }
    for (size_t i = 0; i < s.count; i++) {
        KDB_TRY(unwrap(&s, &s.pieces[i], i + 1 == s.count, err));
    }
    *out = s.pieces;
    *out_count = s.count;
    return KDB_OK;
}

void kdb_dialect_line_column(kdb_sv sql, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < sql.len; i++) {
        if (sql.ptr[i] == '\n') {
            *line += 1;
            *column = 1;
        } else if (kdb_utf8_starts(sql.ptr[i])) {
            *column += 1;
        }
    }
}
