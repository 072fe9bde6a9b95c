/* dialect_split.c - a request's SQL to its statements: split at `;` outside strings and comments. */
#include "dialect_int.h"

typedef struct piece_list {
    kdb_sql_piece *items;
    size_t count;
    size_t cap;
} piece_list;

static void add_piece(piece_list *list, kdb_arena *arena, kdb_sv sql, size_t from, size_t to)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 4 : list->cap * 2;
        kdb_sql_piece *grown = KDB_ARENA_ARRAY(arena, kdb_sql_piece, list->cap);
        if (list->count != 0) {
            memcpy(grown, list->items, list->count * sizeof *grown);
        }
        list->items = grown;
    }
    list->items[list->count++] = (kdb_sql_piece){ .text = kdb_sv_of(sql.ptr + from, to - from), .offset = from };
}

static kdb_status unterminated(const kdbi_token *token, kdb_err *err)
{
    return KDB_FAIL_AT(err, (int32_t)token->offset, KDB_BATCH_PARSE, "Unterminated %s in SQL batch",
                       token->kind == KDBI_TOKEN_OPEN_STRING ? "quoted string" : "block comment");
}

kdb_status kdb_dialect_split(kdb_sv sql, kdb_arena *arena, kdb_sql_piece **out, size_t *out_count, kdb_err *err)
{
    kdbi_lexer lexer = { .text = sql };
    piece_list list = { 0 };
    size_t start = 0;
    size_t end = 0; /* of the piece's tokens so far; start when it has none */
    for (;;) {
        const kdbi_token token = kdbi_lex_next(&lexer);
        if (token.kind == KDBI_TOKEN_OPEN_STRING || token.kind == KDBI_TOKEN_OPEN_COMMENT) {
            return unterminated(&token, err);
        }
        const bool ends = token.kind == KDBI_TOKEN_END || kdbi_token_is(&token, ';');
        if (ends && end > start) {
            add_piece(&list, arena, sql, start, end);
        }
        if (token.kind == KDBI_TOKEN_END) {
            break;
        }
        if (ends) {
            start = end = lexer.pos;
        } else {
            start = end == start ? token.offset : start;
            end = lexer.pos;
        }
    }
    if (list.count == 0) {
        return KDB_FAIL(err, KDB_EMPTY_SQL, "No SQL statements provided");
    }
    for (size_t i = 0; i < list.count; i++) {
        KDB_TRY(kdbi_unwrap_execute_as(&list.items[i], i + 1 == list.count, arena, err));
    }
    *out = list.items;
    *out_count = list.count;
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
