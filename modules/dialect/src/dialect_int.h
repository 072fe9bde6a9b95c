/* dialect_int.h - what dialect's own files share: tokens, the recursive-descent cursor, libpg_query's trees, types, and
 * the state of one binding. libpg_query's types stay in here. */
#ifndef KDB_DIALECT_INT_H
#define KDB_DIALECT_INT_H

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "kdb/dialect.h"

/* Brackets, CASEs and operator chains a statement may nest: the grammar's trees are walked recursively. */
enum { KDBI_NESTING_MAX = 512 };
/* Names longer than this are cut by PostgreSQL's scanner; see kdbi_full_name. */
enum { KDBI_PG_NAME_MAX = 63 };

/* ---- dialect_lex.c ---- */

typedef enum kdbi_token_kind {
    KDBI_TOKEN_END,
    KDBI_TOKEN_WORD,
    KDBI_TOKEN_QUOTED,          /* "x" or `x` */
    KDBI_TOKEN_STRING,          /* 'x' */
    KDBI_TOKEN_PREFIXED_STRING, /* E'x', X'0a', U&'x', U&"x" */
    KDBI_TOKEN_DOLLAR_STRING,   /* $tag$x$tag$ */
    KDBI_TOKEN_NUMBER,
    KDBI_TOKEN_PARAM,           /* $1 */
    KDBI_TOKEN_OPERATOR,        /* a run of operator characters */
    KDBI_TOKEN_SYMBOL,          /* ( ) [ ] , ; . : :: and whatever has no meaning */
    KDBI_TOKEN_OPEN_STRING,     /* the text ends inside a string or quoted name */
    KDBI_TOKEN_OPEN_COMMENT
} kdbi_token_kind;

typedef struct kdbi_token {
    kdbi_token_kind kind;
    kdb_sv text; /* as written */
    size_t offset;
} kdbi_token;

/* Plain data: a copy looks ahead. */
typedef struct kdbi_lexer {
    kdb_sv text;
    size_t pos;
} kdbi_lexer;

kdbi_token kdbi_lex_next(kdbi_lexer *lexer);
bool kdbi_token_is_word(const kdbi_token *token, const char *word);
bool kdbi_token_is(const kdbi_token *token, char symbol);
/* Of WORD and QUOTED: the name, folded or unquoted. */
kdb_sv kdbi_token_name(const kdbi_token *token, kdb_arena *arena);
/* Of STRING and DOLLAR_STRING: what is between the quotes. */
kdb_sv kdbi_token_string(const kdbi_token *token, kdb_arena *arena);

/* ---- dialect_cursor.c: the parser of KalamDB's own statements walks tokens with one of these ---- */

/* Plain data: a copy looks ahead. */
typedef struct kdbi_cursor {
    kdbi_lexer lexer;
    kdbi_token token; /* the current one */
    kdb_arena *arena;
    kdb_err *err;
} kdbi_cursor;

kdbi_cursor kdbi_cursor_at(kdb_sv text, kdb_arena *arena, kdb_err *err);
void kdbi_advance(kdbi_cursor *cur);
bool kdbi_at_word(const kdbi_cursor *cur, const char *word);
bool kdbi_at_symbol(const kdbi_cursor *cur, char symbol);
bool kdbi_at_name(const kdbi_cursor *cur); /* a word or a quoted name */
bool kdbi_at_end(const kdbi_cursor *cur);
/* True and past it when the current token is the word (the symbol). */
bool kdbi_accept_word(kdbi_cursor *cur, const char *word);
bool kdbi_accept_symbol(kdbi_cursor *cur, char symbol);
/* All the words of a space-separated list, or none of them. */
bool kdbi_accept_words(kdbi_cursor *cur, const char *words);
/* "syntax error at or near .." at the current token. */
KDB_NODISCARD kdb_status kdbi_syntax_error(kdbi_cursor *cur);
KDB_NODISCARD kdb_status kdbi_expect_word(kdbi_cursor *cur, const char *word);
KDB_NODISCARD kdb_status kdbi_expect_symbol(kdbi_cursor *cur, char symbol);
KDB_NODISCARD kdb_status kdbi_expect_end(kdbi_cursor *cur);
KDB_NODISCARD kdb_status kdbi_expect_name(kdbi_cursor *cur, kdb_sv *out);
KDB_NODISCARD kdb_status kdbi_expect_string(kdbi_cursor *cur, kdb_sv *out);
/* Digits that fit 64 bits. */
KDB_NODISCARD kdb_status kdbi_expect_integer(kdbi_cursor *cur, int64_t *out);
KDB_NODISCARD kdb_status kdbi_expect_table_name(kdbi_cursor *cur, kdb_table_name *out);
/* ns.t from up to three written parts, sql.md 3. */
KDB_NODISCARD kdb_status kdbi_table_name_of(const kdb_sv *parts, size_t nparts, int32_t position, kdb_arena *arena,
                                            kdb_table_name *out, kdb_err *err);

/* ---- KalamDB's own statements: each parses all of its text into stmt->as ---- */

typedef kdb_status (*kdbi_stmt_parser)(kdbi_cursor *cur, kdb_stmt *stmt);

kdb_status kdbi_parse_create_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_use_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_tables(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_columns(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_stats(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_nothing_more(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_describe(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_user(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_user(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_user(kdbi_cursor *cur, kdb_stmt *stmt);

/* ---- dialect_table_options.c ---- */

/* The state of CREATE TABLE's options while they are read, whatever their spelling. */
typedef struct kdbi_table_options {
    kdb_create_table *table;
    bool has_ttl;
    bool has_flush;
    bool has_access;
    bool has_storage;
    bool has_compression;
    bool has_stream_limit; /* EVICTION_STRATEGY or MAX_STREAM_SIZE_BYTES */
} kdbi_table_options;

/* After WITH: `( option = value, .. )`. */
KDB_NODISCARD kdb_status kdbi_parse_with_options(kdbi_cursor *cur, kdbi_table_options *opt);
/* One clause of sql.md 21, if the cursor is at one: *out_found says so. */
KDB_NODISCARD kdb_status kdbi_parse_legacy_option(kdbi_cursor *cur, kdbi_table_options *opt, bool *out_found);
/* Sets the type; a second, different one is an error. */
KDB_NODISCARD kdb_status kdbi_set_table_type(kdbi_table_options *opt, kdb_table_type type, kdb_err *err);
/* What only all options together can tell; fills defaults. */
KDB_NODISCARD kdb_status kdbi_check_table_options(kdbi_table_options *opt, kdb_err *err);

/* ---- dialect_type.c ---- */

/* A type as CREATE TABLE may write it; *out_serial when it means DEFAULT SNOWFLAKE_ID(). */
KDB_NODISCARD kdb_status kdbi_expect_type(kdbi_cursor *cur, kdb_type *out, bool *out_serial);
/* Type of a cast: its engine name is appended to `out`, and *out_type says what it is (KDB_TYPE_NULL for intervals and
 * arrays, which no column can have). */
KDB_NODISCARD kdb_status kdbi_emit_type(const PgQuery__TypeName *name, kdb_buf *out, kdb_type *out_type, kdb_err *err);
/* As above without text; false when it is not a plain column type. */
bool kdbi_cast_type(const PgQuery__TypeName *name, kdb_type *out);

/* ---- dialect_default.c ---- */

/* NOW, SNOWFLAKE_ID .. to what DEFAULT and INSERT cells know; KDB_DEFAULT_NONE for others. */
kdb_default_kind kdbi_default_function(kdb_sv name);
/* DEFAULT's expression. */
KDB_NODISCARD kdb_status kdbi_expect_default(kdbi_cursor *cur, kdb_column_spec *column);

/* ---- dialect_literal.c ---- */

/* A number without sign as SQL types it: BIGINT, DECIMAL or DOUBLE. False when it fits none. */
bool kdbi_number_value(kdb_sv text, bool negative, kdb_value *out);
/* A literal of the grammar's tree, with signs folded and casts of text to known types done. False for other nodes. */
bool kdbi_literal_value(const PgQuery__Node *node, kdb_arena *arena, kdb_value *out);

/* ---- dialect_pg.c ---- */

/* Parses with PostgreSQL's grammar. The tree lives in `arena`; its locations are byte offsets in `text`. */
KDB_NODISCARD kdb_status kdbi_pg_parse(kdb_sv text, kdb_arena *arena, const PgQuery__Node **out, uint32_t *out_nparams,
                                       kdb_err *err);
/* The name behind `sval`, the `index`-th of a dotted name at `location`: PostgreSQL keeps 63 bytes, we 64. */
kdb_sv kdbi_full_name(kdb_sv text, int32_t location, size_t index, const char *sval, kdb_arena *arena);
/* The only string of a node list's items, as funcname and type names hold them; NULL for other nodes. */
const char *kdbi_node_string(const PgQuery__Node *node);
/* Where an expression begins in the text, -1 when the tree does not say. */
int32_t kdbi_node_location(const PgQuery__Node *node);

/* ---- dialect_guard.c ---- */

/* Makes a C string for libpg_query of the same length: backticks become quotes, trailing commas and the brackets of
 * CURRENT_USER() blanks. Refuses nesting that would exhaust the stack. */
KDB_NODISCARD kdb_status kdbi_guard(kdb_sv text, kdb_arena *arena, char **out, uint32_t *out_nparams, kdb_err *err);

/* ---- dialect_dml.c ---- */

KDB_NODISCARD kdb_status kdbi_parse_insert(const PgQuery__InsertStmt *insert, kdb_arena *arena, kdb_stmt *stmt,
                                           kdb_err *err);
KDB_NODISCARD kdb_status kdbi_parse_update(const PgQuery__UpdateStmt *update, kdb_arena *arena, kdb_stmt *stmt,
                                           kdb_err *err);
KDB_NODISCARD kdb_status kdbi_parse_delete(const PgQuery__DeleteStmt *del, kdb_arena *arena, kdb_stmt *stmt,
                                           kdb_err *err);
KDB_NODISCARD kdb_status kdbi_range_var_name(const PgQuery__RangeVar *var, kdb_sv text, kdb_arena *arena,
                                             kdb_table_name *out, kdb_err *err);

struct kdb_query {
    kdb_sv text;                       /* the statement's */
    const PgQuery__SelectStmt *select; /* borrowed, never changed */
    bool change; /* of an UPDATE or DELETE: the first FROM item is the target, `_key` and `_seq` precede the list */
};
kdb_query *kdbi_query_new(kdb_arena *arena, kdb_sv text, const PgQuery__SelectStmt *select);

#endif
