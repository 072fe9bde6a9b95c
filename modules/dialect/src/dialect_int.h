/* dialect_int.h - what dialect's own files share: tokens, the recursive-descent cursor, libpg_query's trees, types, and
 * the state of one binding. libpg_query's types stay in here. */
#ifndef KDB_DIALECT_INT_H
#define KDB_DIALECT_INT_H

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "kdb/dialect.h"

/* Brackets, CASEs and operator chains a statement may nest: the grammar's trees are walked recursively. */
enum { KDBI_NESTING_MAX = 512, KDBI_DIVISORS_MAX = 6 };
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
    KDBI_TOKEN_PARAM,       /* $1 */
    KDBI_TOKEN_OPERATOR,    /* a run of operator characters */
    KDBI_TOKEN_SYMBOL,      /* ( ) [ ] , ; . : :: and whatever has no meaning */
    KDBI_TOKEN_OPEN_STRING, /* the text ends inside a string or quoted name */
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
/* Past white space, not past comments. */
void kdbi_lex_skip_spaces(kdbi_lexer *lexer);
bool kdbi_token_is_word(const kdbi_token *token, const char *word);
bool kdbi_token_is(const kdbi_token *token, char symbol);
/* Of WORD and QUOTED: the name, folded or unquoted. */
kdb_sv kdbi_token_name(const kdbi_token *token, kdb_arena *arena);
/* Of STRING and DOLLAR_STRING: what is between the quotes. */
kdb_sv kdbi_token_string(const kdbi_token *token, kdb_arena *arena);

/* ---- dialect_shape.c: shapes, while the tokens go by ---- */

/* IN (1, 2, 3, ..): literals of one type and nothing else, so far. */
typedef struct kdbi_literal_run {
    bool open;   /* the list goes on */
    bool filled; /* what came last is a literal */
    char mark;
    size_t count;
} kdbi_literal_run;

/* One statement that is being shaped. */
typedef struct kdbi_shaper {
    kdb_arena *arena;
    bool may_hold; /* the text may hold statements with shapes */
    bool on;       /* the statement that is read may still have one */
    size_t start;  /* of the statement in the text */
    char *key;     /* so far, as the next two */
    size_t used, room;
    kdb_shape shape; /* so far */
    kdbi_token prev;
    kdbi_literal_run run;
    int depth; /* of brackets */
    int list;  /* the depth of the outermost select list being read, or -1: its text makes titles */
} kdbi_shaper;
/* Of the statements of `text`, each of which is begun with its first token, given all of its tokens (the first too), and
 * ended. The keys lie in `arena`. */
void kdbi_shaper_init(kdbi_shaper *shaper, kdb_sv text, kdb_arena *arena);
void kdbi_shaper_begin(kdbi_shaper *shaper, const kdbi_token *first);
void kdbi_shaper_add(kdbi_shaper *shaper, const kdbi_token *token);
/* False: the statement has no shape. */
bool kdbi_shaper_end(kdbi_shaper *shaper, kdb_shape *out);
/* Reads one more statement of the shape of `like` at the lexer's position, byte by byte the same but for its literals and
 * the blanks before it: far less work than to look at its tokens. True: `out` is it, and the lexer stands behind it, at a `;` or the end. Else
 * the lexer has not moved. The whole text must be one that statements with a shape may be in. */
bool kdbi_shape_repeat(kdbi_lexer *lexer, const kdb_sql_piece *like, kdb_arena *arena, kdb_sql_piece *out);

/* ---- dialect_execute_as.c ---- */

/* Takes the wrapper EXECUTE AS USER off the piece, if it has one. `last`: no piece follows. */
KDB_NODISCARD kdb_status kdbi_unwrap_execute_as(kdb_sql_piece *piece, bool last, kdb_arena *arena, kdb_err *err);

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
/* The word where something follows it: what is last is a name, whatever it is called. */
bool kdbi_accept_word_before(kdbi_cursor *cur, const char *word);
/* All the words of a space-separated list, or none of them. */
bool kdbi_accept_words(kdbi_cursor *cur, const char *words);
/* "syntax error at or near .." at the current token. */
KDB_NODISCARD kdb_status kdbi_syntax_error(kdbi_cursor *cur);
KDB_NODISCARD kdb_status kdbi_expect_word(kdbi_cursor *cur, const char *word);
KDB_NODISCARD kdb_status kdbi_expect_symbol(kdbi_cursor *cur, char symbol);
KDB_NODISCARD kdb_status kdbi_expect_end(kdbi_cursor *cur);
KDB_NODISCARD kdb_status kdbi_expect_name(kdbi_cursor *cur, kdb_sv *out);
KDB_NODISCARD kdb_status kdbi_expect_string(kdbi_cursor *cur, kdb_sv *out);
/* An id: bare, quoted or a string. Ids are case-sensitive, so bare words are not folded. */
KDB_NODISCARD kdb_status kdbi_expect_id(kdbi_cursor *cur, kdb_sv *out);
/* Digits that fit 64 bits. */
KDB_NODISCARD kdb_status kdbi_expect_integer(kdbi_cursor *cur, int64_t *out);
KDB_NODISCARD kdb_status kdbi_expect_table_name(kdbi_cursor *cur, kdb_table_name *out);
/* ns.t from up to three written parts, sql.md 3. */
KDB_NODISCARD kdb_status kdbi_table_name_of(const kdb_sv *parts, size_t nparts, int32_t position, kdb_arena *arena,
                                            kdb_table_name *out, kdb_err *err);

/* ---- KalamDB's own statements: each parses all of its text into stmt->as ---- */

typedef kdb_status (*kdbi_stmt_parser)(kdbi_cursor *cur, kdb_stmt *stmt);

/* A namespace's name, to stmt->as.ns. */
KDB_NODISCARD kdb_status kdbi_expect_namespace(kdbi_cursor *cur, kdb_stmt *stmt);

kdb_status kdbi_parse_create_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_use_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_tables(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_columns(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_stats(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_nothing_more(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_transaction(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_savepoint(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_describe(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_explain(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_view(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_materialized_view(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_temporary_view(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_user(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_user(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_user(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_storage(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_storage(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_storage(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_check_storage(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_create_policy(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_alter_policy(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_drop_policy(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_show_policies(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_subscribe(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_kill_live(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_maintained_table(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_maintained_namespace(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_kill_job(kdbi_cursor *cur, kdb_stmt *stmt);
kdb_status kdbi_parse_backup_path(kdbi_cursor *cur, kdb_stmt *stmt);

/* ---- dialect_create_table.c ---- */

/* One column definition as CREATE TABLE takes it, without PRIMARY KEY. */
KDB_NODISCARD kdb_status kdbi_expect_column(kdbi_cursor *cur, kdb_column_spec *out);
/* Fails when the cursor is at a constraint of a table (of a column) that is not served, and names it. */
KDB_NODISCARD kdb_status kdbi_refuse_table_constraint(kdbi_cursor *cur);
KDB_NODISCARD kdb_status kdbi_refuse_column_constraint(kdbi_cursor *cur);

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

/* PUBLIC, PRIVATE, RESTRICTED or DBA in any case. */
KDB_NODISCARD kdb_status kdbi_access_level(kdb_sv text, int32_t position, kdb_access_level *out, kdb_err *err);
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
/* Type of a cast: its engine name is appended to `out` (`text` is the statement's), and *out_type says what it is
 * (KDB_TYPE_NULL for intervals and arrays, which no column can have). */
KDB_NODISCARD kdb_status kdbi_emit_type(const PgQuery__TypeName *name, kdb_sv text, kdb_buf *out, kdb_type *out_type,
                                        kdb_err *err);
/* What a cast names, without appending; false when it is not a plain column type. */
bool kdbi_cast_type(const PgQuery__TypeName *name, kdb_type *out);
/* What a value is to the engine after kdbi_emit_type's cast; false for intervals, arrays and times with a zone. */
bool kdbi_engine_cast(const PgQuery__TypeName *name, kdb_sv text, kdb_type *out);

/* ---- dialect_default.c ---- */

/* NOW, SNOWFLAKE_ID .. to what DEFAULT and INSERT cells know; KDB_DEFAULT_NONE for others. */
kdb_default_kind kdbi_default_function(kdb_sv name);
/* DEFAULT's expression. */
KDB_NODISCARD kdb_status kdbi_expect_default(kdbi_cursor *cur, kdb_column_spec *column);

/* ---- dialect_literal.c ---- */

/* A number as SQL types it, BIGINT, DECIMAL or DOUBLE, with the sign turned if `negative`. False when it fits none. */
bool kdbi_number_value(kdb_sv text, bool negative, kdb_value *out);
/* A literal of the grammar's tree, with signs folded and casts of text to known types done. False for other nodes. */
bool kdbi_literal_value(const PgQuery__Node *node, kdb_arena *arena, kdb_value *out);

/* ---- dialect_pg.c ---- */

/* Parses with PostgreSQL's grammar. The tree lives in `arena`; its locations are byte offsets in `text`. */
KDB_NODISCARD kdb_status kdbi_pg_parse(kdb_sv text, kdb_arena *arena, const PgQuery__Node **out, uint32_t *out_nparams,
                                       kdb_err *err);
/* The name behind `sval`, the `index`-th of a dotted name at `location`: PostgreSQL keeps 63 bytes, we 64; see
 * KDBI_USER_COLUMN too. */
kdb_sv kdbi_full_name(kdb_sv text, int32_t location, size_t index, const char *sval, kdb_arena *arena);
/* The only string of a node list's items, as funcname and type names hold them; NULL for other nodes. */
const char *kdbi_node_string(const PgQuery__Node *node);
/* Where an expression begins in the text, -1 when the tree does not say. */
int32_t kdbi_node_location(const PgQuery__Node *node);

/* ---- dialect_guard.c ---- */

/* What `user` becomes where it names a column to write: as long, and no name that a column can have. */
#define KDBI_USER_COLUMN "\xF3\xB0\x80\x80"
/* Makes a C string for libpg_query of the same length: backticks become quotes, trailing commas and the brackets of
 * CURRENT_USER() blanks. Refuses nesting that would exhaust the stack. */
KDB_NODISCARD kdb_status kdbi_guard(kdb_sv text, kdb_arena *arena, char **out, uint32_t *out_nparams, kdb_err *err);
/* How deep a statement that the guard let pass nests, as it counts. */
uint32_t kdbi_nesting(kdb_sv text);

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
    bool change;   /* of an UPDATE or DELETE: the first FROM item is the target, `_key` and `_seq` precede the list */
    bool stored;   /* of an INSERT or UPDATE: decimals stay exact */
    bool untitled; /* nobody sees the names of the outermost columns */
    const kdb_shape *shape; /* of the text, or NULL */
    bool insert_source;     /* of an INSERT: `*` of the outermost list leaves system columns out */
};
/* What rows of a write are asked, as the text it was written in; NULL for NULL. */
kdb_query *kdbi_row_text(kdb_row_query *rows);
kdb_query *kdbi_query_new(kdb_arena *arena, kdb_sv text, const PgQuery__SelectStmt *select);

/* SET's columns and their cells; what is not a plain cell goes to `exprs`. */
typedef struct kdbi_assignments {
    kdb_stmt *stmt; /* its text, and its shape for literals that may be lifted */
    kdb_arena *arena;
    PgQuery__SelectStmt *exprs; /* NULL: made when there is one */
    kdb_table_name *columns;
    kdb_cell *cells;
} kdbi_assignments;
KDB_NODISCARD kdb_status kdbi_parse_assignments(kdbi_assignments *set, PgQuery__Node *const *targets, size_t ntargets,
                                                kdb_err *err);

/* ---- dialect_conflict.c ---- */

/* Fills stmt->as.insert.conflict, and .rows for DO UPDATE. */
KDB_NODISCARD kdb_status kdbi_parse_conflict(const PgQuery__InsertStmt *insert, kdb_stmt *stmt, kdb_arena *arena,
                                             kdb_err *err);

/* ---- dialect_rows.c ---- */

/* The trees are borrowed, never changed. */
struct kdb_row_query {
    kdb_query query; /* the text, and no SELECT */
    const PgQuery__RangeVar *target;
    PgQuery__Node *const *returning;
    size_t nreturning;
    const PgQuery__SelectStmt *set; /* its list is DO UPDATE's expressions; NULL: none */
    const PgQuery__Node *where;     /* DO UPDATE's; NULL: none */
};
/* *rows is made when there is none yet. */
kdb_row_query *kdbi_row_query(kdb_row_query **rows, kdb_sv text, const PgQuery__RangeVar *target, kdb_arena *arena);
/* A condition's text as the WHERE of a SELECT; `out_text` is that SELECT's. Positions in errors are those in `text`. */
KDB_NODISCARD kdb_status kdbi_parse_condition(kdb_sv text, kdb_arena *arena, kdb_sv *out_text,
                                              const PgQuery__SelectStmt **out, kdb_err *err);
/* Notes RETURNING's list, if there is one. */
void kdbi_parse_returning(kdb_row_query **rows, PgQuery__Node *const *list, size_t nlist, kdb_sv text,
                          const PgQuery__RangeVar *target, kdb_arena *arena);

/* ---- binding: what the FROM clauses and WITH lists around an expression make visible ---- */

/* A column of a FROM item, or of a query's result. */
typedef struct kdbi_column {
    kdb_sv name;   /* as users refer to it */
    kdb_sv engine; /* as the engine knows it */
    int32_t slot;  /* where its values come from, -1: computed */
    uint32_t column;
    int32_t place; /* 1 + where it is written in the statement; 0: not known */
    bool constant; /* see kdb_bound_column */
    kdb_type type; /* of what is computed, where it is known */
} kdbi_column;

typedef struct kdbi_columns {
    kdbi_column *items;
    size_t count;
    bool is_rows;    /* of a query that gives rows of the statement's one table, one by one: */
    kdb_node *where; /* those that this is true of; NULL: all */
} kdbi_columns;

/* One item of a FROM clause. */
typedef struct kdbi_relation {
    kdb_sv alias;  /* as users refer to it */
    kdb_sv ns;     /* of a table without an alias, for ns.t.column; empty otherwise */
    kdb_sv engine; /* as the engine knows it */
    kdbi_columns columns;
    int32_t slot;  /* -1: not a table */
    bool is_plain; /* a view or subquery whose rows are one table's, one by one: conditions on it hold for the scan */
    const kdb_bind_table *table;
    bool *used; /* by column, of a table or view; NULL: nobody asks */
} kdbi_relation;

/* A column that an unqualified name or `*` may mean. */
typedef struct kdbi_visible {
    const kdbi_relation *relation;
    uint32_t column;
    bool merged;       /* by USING: only its bare name means both sides */
    bool merged_outer; /* by a RIGHT or FULL join: it is not the left side's column */
} kdbi_visible;

typedef struct kdbi_scope {
    const struct kdbi_scope *outer;
    kdbi_relation **relations;
    size_t nrelations;
    kdbi_visible *visible;
    size_t nvisible;
    const PgQuery__SelectStmt *select; /* its AS names are visible too; NULL: none are */
    size_t *target_sizes; /* of its select list's expressions written so far, copies counted; may be NULL */
    kdbi_columns results; /* what ORDER BY may name */
    bool in_where;
    bool has_aggregate;
    bool has_window;
} kdbi_scope;

/* WITH names, innermost first: a list that grows at its head is a scope of its own. */
typedef struct kdbi_cte {
    const struct kdbi_cte *next;
    kdb_sv name;
    kdb_sv engine;
    kdbi_columns columns;
} kdbi_cte;

/* One call of kdb_dialect_bind. */
typedef struct kdbi_binding {
    const kdb_query *query;
    const kdb_binder *binder;
    kdb_arena *arena;
    kdb_err *err;
    kdb_bound *bound;
    const kdb_bind_table **slots; /* beside bound->tables */
    uint32_t nparams;             /* the statement's */
    bool *param_used;             /* by number - 1 */
    uint32_t nctes;
    uint32_t njoins;
    uint32_t nwindows;
    uint32_t nsubqueries;
    uint32_t nvolatiles;      /* calls of random() and kin written so far */
    uint32_t subquery_depth;  /* subqueries in expressions around what is being written */
    uint64_t npairs;          /* of conditions that stand in one AND or OR */
    uint32_t work;            /* see KDBI_WORK_MAX */
    size_t copied;            /* bytes of the text that the engine will copy: see kdbi_note_copies */
    int divisors;             /* divisions whose divisor is being written */
    int frozen;               /* lists being written that must keep their literals: see dialect_lift.c */
    uint32_t *literal_params; /* by shape literal: its parameter, 0: none yet */
    /* In a view, `query` is the view's: */
    int view_depth;        /* 0: in the statement itself */
    kdb_sv view_ns;        /* of unqualified names; empty: the caller's */
    int32_t view_position; /* of the outermost view's name in the statement */
    size_t nviews;         /* uses of views so far */
    uint32_t nesting;      /* of the statement and the views around */
} kdbi_binding;

/* A query's surroundings. */
typedef struct kdbi_context {
    const kdbi_scope *outer;
    const kdbi_cte *ctes;
} kdbi_context;

/* What an engine text may grow to; more is refused. */
enum { KDBI_TEXT_MAX = 8 << 20 };
/* Columns of a table, and of a query whose columns have names. */
enum { KDBI_COLUMNS_MAX = 4096 };
/* Tables of one statement. */
enum { KDBI_TABLES_MAX = 1000 };
/* What the engine's planner, which nothing interrupts and whose memory nothing counts, takes more than linear time for, in
 * one statement: joins (commas too), WITH queries, window calls, and subqueries in expressions. */
enum { KDBI_JOINS_MAX = 40, KDBI_WITHS_MAX = 100, KDBI_WINDOWS_MAX = 128, KDBI_SUBQUERIES_MAX = 64 };
/* Subqueries inside subqueries (each level takes the planner about twice the time), the sets of a GROUP BY (each is a hash
 * table), pairs of conditions in one AND or OR (the planner compares each with each), and bytes of expressions that the
 * engine copies. */
enum {
    KDBI_SUBQUERY_DEPTH_MAX = 6,
    KDBI_GROUPING_SETS_MAX = 128,
    KDBI_CONDITIONS_MAX = 2500,
    KDBI_WORK_MAX = 10000, /* operators and the like computed for each row; a call is four */
    KDBI_COPIED_MAX = 64 << 10
};

/* The engine writes some expressions out again: the subject of a CASE in front of each WHEN, NULLIF's first argument, an AS
 * name's expression where the name is used. Nested, they grow exponentially in a planner that nothing stops, so their
 * bytes are counted and bounded. */
/* Text written so far with its copies: the difference of two is the size of what was written between. */
static inline size_t kdbi_expanded(const kdbi_binding *b, const kdb_buf *out)
{
    return out->len + b->copied;
}
kdb_status kdbi_note_copies(kdbi_binding *b, size_t times, size_t size, int32_t position);
/* A column, a parameter or a literal: copies of these are no more than what stands beside them. */
bool kdbi_is_leaf(const PgQuery__Node *node);

/* The number of a parameter that the server adds, the same one for all its uses. */
uint32_t kdbi_extra_param(kdbi_binding *b, kdb_extra_kind kind);
/* Its text, `$3`. */
void kdbi_emit_extra(kdbi_binding *b, kdb_extra_kind kind, kdb_buf *out);
/* Appends `part` and frees its bytes; refuses when either has reached its limit. */
KDB_NODISCARD kdb_status kdbi_append_part(kdbi_binding *b, kdb_buf *out, kdb_buf *part);
void kdbi_emit_name(kdb_sv name, kdb_buf *out);                                                        /* "name" */
KDB_NODISCARD kdb_status kdbi_emit_text(kdbi_binding *b, kdb_sv text, int32_t position, kdb_buf *out); /* 'text' */
#define KDBI_REFUSE(b, position, ...) KDB_FAIL_AT((b)->err, (position), KDB_INVALID_SQL, __VA_ARGS__)

/* dialect_scope.c */
kdbi_column *kdbi_columns_add(kdbi_columns *columns, kdb_arena *arena);
KDB_NODISCARD kdb_status kdbi_scope_add(kdbi_binding *b, kdbi_scope *scope, kdbi_relation *relation, int32_t position);
/* Merges what USING (or NATURAL) names: visible[left..right) with visible[right..). */
KDB_NODISCARD kdb_status kdbi_scope_merge(kdbi_binding *b, kdbi_scope *scope, size_t left, size_t right,
                                          const kdb_sv *names, size_t nnames, bool outer, int32_t position);
/* Gives every column an engine name of its own; *out_renamed when that is not its name. */
KDB_NODISCARD kdb_status kdbi_columns_unique(kdbi_binding *b, kdbi_columns *columns, int32_t position,
                                             bool *out_renamed);

typedef enum kdbi_found_kind {
    KDBI_FOUND_COLUMN,
    KDBI_FOUND_UPDATED,
    KDBI_FOUND_NOT_DELETED,
    KDBI_FOUND_ALIAS
} kdbi_found_kind;
typedef struct kdbi_found {
    kdbi_found_kind kind;
    const kdbi_scope *scope;
    const kdbi_relation *relation; /* not of ALIAS */
    uint32_t column;               /* COLUMN; of ALIAS the place in the select list */
    bool merged;
    bool merged_outer;
    kdb_sv name; /* as a result column would be called */
} kdbi_found;

KDB_NODISCARD kdb_status kdbi_resolve(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__ColumnRef *ref,
                                      kdbi_found *out);
void kdbi_emit_found(const kdbi_found *found, kdb_buf *out);
/* An AS name is its expression once more. */
kdb_status kdbi_note_alias(kdbi_binding *b, const kdbi_found *found, int32_t position);
/* The query names the relation's column. */
void kdbi_note_use(const kdbi_relation *relation, size_t column);
/* The type of a table's column, through subqueries too; KDB_TYPE_NULL when it is computed. */
kdb_type kdbi_found_type(const kdbi_binding *b, const kdbi_found *found);
/* The relation that `alias.*` or `ns.t.*` means; all of them for `*` alone (NULL). */
KDB_NODISCARD kdb_status kdbi_resolve_star(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__ColumnRef *ref,
                                           const kdbi_relation **out);
/* The column that the table's `_seq` became; NULL when it has none. */
const kdbi_column *kdbi_seq_column(const kdbi_relation *relation);
bool kdbi_is_star(const PgQuery__ColumnRef *ref);

typedef struct kdbi_expr {
    kdbi_binding *b;
    kdbi_context context; /* of subqueries in the expression: outer is `scope` */
    kdbi_scope *scope;
    bool constant; /* within arithmetic on literals alone: integers are BIGINT */
} kdbi_expr;

/* dialect_select.c */
KDB_NODISCARD kdb_status kdbi_emit_query(kdbi_binding *b, const kdbi_context *context,
                                         const PgQuery__SelectStmt *select, kdb_buf *out, kdbi_columns *results);
/* One side of a set operation, in brackets, and the words between. */
KDB_NODISCARD kdb_status kdbi_emit_side(kdbi_binding *b, const kdbi_context *context, const PgQuery__SelectStmt *select,
                                        kdb_buf *out, kdbi_columns *results);
kdb_sv kdbi_set_words(const PgQuery__SelectStmt *select);
/* Several items of FROM, from the `first` on. */
KDB_NODISCARD kdb_status kdbi_emit_from_list(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                             const PgQuery__SelectStmt *select, size_t first, kdb_buf *out);
KDB_NODISCARD kdb_status kdbi_emit_where(kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out);
/* ORDER BY within a window or an aggregate, where result columns have no names. */
KDB_NODISCARD kdb_status kdbi_emit_inner_sort(const kdbi_expr *e, PgQuery__Node *const *items, size_t nitems,
                                              kdb_buf *out);

/* dialect_targets.c: the list's text is appended; its columns become the scope's results. */
KDB_NODISCARD kdb_status kdbi_emit_target_list(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out);

/* An item of a list that is not the answer's own. */
KDB_NODISCARD kdb_status kdbi_emit_inner(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out);

/* dialect_with.c: adds to context->ctes; each name is visible to those after it and to the query. */
KDB_NODISCARD kdb_status kdbi_emit_with(kdbi_binding *b, kdbi_context *context, const PgQuery__WithClause *with,
                                        kdb_buf *out);

/* dialect_from.c: another table of the statement, at the next slot, with nothing known of it. */
kdb_bound_table *kdbi_slot_add(kdbi_binding *b, const kdb_bind_table *table);
/* One item, added to `scope`, whose text is appended. */
KDB_NODISCARD kdb_status kdbi_emit_from(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                                        const PgQuery__Node *node, kdb_buf *out);
/* The target of UPDATE and DELETE. */
KDB_NODISCARD kdb_status kdbi_emit_target(kdbi_binding *b, kdbi_scope *scope, const PgQuery__RangeVar *var,
                                          kdb_buf *out);

/* dialect_view.c: the view's query in brackets; `columns` become its columns. */
KDB_NODISCARD kdb_status kdbi_emit_view(kdbi_binding *b, const kdb_bind_view *view, const kdb_table_name *name,
                                        kdb_buf *out, kdbi_columns *columns);

/* dialect_expr.c */
kdbi_expr kdbi_expr_in(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope);
KDB_NODISCARD kdb_status kdbi_emit_expr(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out);
/* An expression that is to be true or false: see kdbi_check_condition. */
KDB_NODISCARD kdb_status kdbi_emit_condition(const kdbi_expr *e, const PgQuery__Node *node, const char *of,
                                             kdb_buf *out);
/* A list, each as text. */
KDB_NODISCARD kdb_status kdbi_emit_texts(const kdbi_expr *e, PgQuery__Node *const *nodes, size_t nnodes, kdb_buf *out);
KDB_NODISCARD kdb_status kdbi_emit_list(const kdbi_expr *e, PgQuery__Node *const *nodes, size_t nnodes, kdb_buf *out);
/* A value of a kind other than TEXT and its like, as the engine reads it; false for those, and nothing is written. */
bool kdbi_emit_value(const kdbi_expr *e, const kdb_value *value, kdb_buf *out);

/* dialect_static.c */
/* What an expression of literals alone comes to; the later prevails where several meet. */
typedef enum kdbi_constant {
    KDBI_CONSTANT_NULL,
    KDBI_CONSTANT_INTEGER,
    KDBI_CONSTANT_FRACTION,
    KDBI_CONSTANT_WIDE, /* an integer beyond BIGINT */
    KDBI_CONSTANT_NOT
} kdbi_constant;
kdbi_constant kdbi_constant_of(const PgQuery__Node *node);
/* Number literals, and what is computed of nothing else. */
bool kdbi_is_constant(const PgQuery__Node *node);
/* The type of an expression where the tree alone settles it; KDB_TYPE_NULL where not, and for text literals, which take
 * the type of what they meet. */
/* Whether `||` joins texts for all that is known: one side is text, and the other not a list. */
KDB_NODISCARD kdb_status kdbi_joins_text(const kdbi_expr *e, const PgQuery__AExpr *expr, bool *out);
KDB_NODISCARD kdb_status kdbi_static_type(const kdbi_expr *e, const PgQuery__Node *node, kdb_type *out);
/* Refuses types that are known and have nothing in common; of two expressions, below. */
KDB_NODISCARD kdb_status kdbi_check_types(kdbi_binding *b, kdb_type left, const char *op, kdb_type right,
                                          int32_t position);
KDB_NODISCARD kdb_status kdbi_check_comparison(const kdbi_expr *e, const PgQuery__Node *left, const char *op,
                                               const PgQuery__Node *right, int32_t position);
/* Refuses a condition that is known not to be BOOLEAN: the engine would take every number but 0 for true, and DELETE ..
 * WHERE id would delete nearly all. `of` names what takes it, as in "WHERE". */
KDB_NODISCARD kdb_status kdbi_check_condition(const kdbi_expr *e, const PgQuery__Node *node, const char *of);
/* A text literal compared with `other` of a known type other than text: its value in that type, or an error when it has
 * none. *out_typed is false for all else. */
KDB_NODISCARD kdb_status kdbi_compared_literal(const kdbi_expr *e, const PgQuery__Node *node,
                                               const PgQuery__Node *other, kdb_value *out, bool *out_typed);

/* Refuses a cast of a text literal to a type of times, UUID, BYTES or EMBEDDING when the literal is none: the engine reads
 * some of them otherwise than sql.md 4. */
KDB_NODISCARD kdb_status kdbi_check_cast(const kdbi_expr *e, const PgQuery__TypeCast *cast);

/* A literal, or a cast of one, that is BOOLEAN, BYTES or a time by sql.md 4, where the engine would read it otherwise. */
bool kdbi_typed_literal(const kdbi_expr *e, const PgQuery__Node *node, kdb_value *out);

/* dialect_targets.c: whether the literals of an item of the list may be lifted. */
bool kdbi_target_lifts(const kdbi_expr *e, const PgQuery__ResTarget *target);
/* INSERT INTO t SELECT * FROM s fills t with the columns of s that can be written. */
bool kdbi_star_leaves_out(const kdbi_expr *e, const kdbi_column *column);

/* dialect_operator.c */
KDB_NODISCARD kdb_status kdbi_emit_a_expr(const kdbi_expr *e, const PgQuery__AExpr *expr, kdb_buf *out);
/* The grammar's own function around a pattern, with the ESCAPE given as second argument; NULL for a plain pattern. */
const PgQuery__FuncCall *kdbi_pattern_call(const PgQuery__Node *node, const char *function);
/* The engine's text for a comparison that ANY and ALL may take; NULL for other operators. */
const char *kdbi_comparison(PgQuery__Node *const *names, size_t nnames);

/* dialect_call.c */
/* One argument of a call, through a function that bounds the call's work if it needs one (dialect_bounded.c). */
KDB_NODISCARD kdb_status kdbi_emit_bounded(const kdbi_expr *e, const char *name, PgQuery__Node *const *args,
                                           size_t nargs, size_t index, kdb_buf *out);
KDB_NODISCARD kdb_status kdbi_emit_call(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out);
KDB_NODISCARD kdb_status kdbi_emit_value_function(const kdbi_expr *e, const PgQuery__SQLValueFunction *function,
                                                  kdb_buf *out);
/* `generate_series(1, 3)` of FROM; its name is *out_name. */
KDB_NODISCARD kdb_status kdbi_emit_table_call(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out,
                                              kdb_sv *out_name);

KDB_NODISCARD kdb_status kdbi_emit_division(const kdbi_expr *e, const PgQuery__Node *left, const PgQuery__Node *right,
                                            const char *name, int32_t location, kdb_buf *out);
/* dialect_json.c: a call of json_get and kin, or of `->`, `->>` and `?`: `name` is the function's. */
KDB_NODISCARD kdb_status kdbi_emit_json(const kdbi_expr *e, const char *name, PgQuery__Node *const *args, size_t nargs,
                                        int32_t position, kdb_buf *out);

/* dialect_window.c */
KDB_NODISCARD kdb_status kdbi_emit_over(const kdbi_expr *e, const PgQuery__WindowDef *window, kdb_buf *out);
KDB_NODISCARD kdb_status kdbi_emit_window_list(const kdbi_expr *e, PgQuery__Node *const *windows, size_t nwindows,
                                               kdb_buf *out);

/* dialect_functions.c */
const kdb_function_def *kdbi_find_function(kdb_sv name);

/* dialect_preds.c: what the conjuncts of a WHERE say about single tables of `scope`. */
void kdbi_collect_preds(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *where);

/* ---- trees: what the emitters of the same names write, as kdb_node; NULL when there is none ---- */

/* dialect_tree.c */
kdb_node *kdbi_node_new(const kdbi_expr *e, kdb_node_kind kind, int32_t position, size_t nargs);
kdb_node *kdbi_node_literal(const kdbi_expr *e, kdb_value value, int32_t position);
/* These pass a NULL argument on. */
kdb_node *kdbi_node_unary(const kdbi_expr *e, kdb_node_kind kind, kdb_node *arg);
kdb_node *kdbi_node_binary(const kdbi_expr *e, kdb_node_kind kind, kdb_node *left, kdb_node *right);
kdb_node *kdbi_node_cast(const kdbi_expr *e, kdb_node *arg, kdb_type type);
kdb_node *kdbi_node_list(const kdbi_expr *e, kdb_node_kind kind, int32_t position, PgQuery__Node *const *args,
                         size_t nargs);
kdb_node *kdbi_tree(const kdbi_expr *e, const PgQuery__Node *node);
bool kdbi_node_has_column(const kdb_node *node); /* it, or what is below it, is one */
kdb_node *kdbi_tree_number(const kdbi_expr *e, kdb_value value, int32_t position);
/* A column of the only table. */
kdb_node *kdbi_tree_found(const kdbi_expr *e, const kdbi_relation *relation, uint32_t column, int32_t position);
/* A parameter that the server adds, cast to `type` as in the text. */
kdb_node *kdbi_tree_extra(const kdbi_expr *e, kdb_extra_kind kind, kdb_type type, int32_t position);
/* A lifted literal: its parameter, cast as in the text. */
kdb_node *kdbi_tree_lifted(const kdbi_expr *e, const kdb_extra *lifted);

/* dialect_tree_operator.c */
kdb_node *kdbi_tree_a_expr(const kdbi_expr *e, const PgQuery__Node *node);
kdb_node *kdbi_tree_division(const kdbi_expr *e, kdb_node_kind kind, const PgQuery__Node *left,
                             const PgQuery__Node *right);

/* dialect_tree_call.c */
kdb_node *kdbi_tree_call(const kdbi_expr *e, const PgQuery__FuncCall *call);
kdb_node *kdbi_tree_value_function(const kdbi_expr *e, const PgQuery__SQLValueFunction *function);
kdb_node *kdbi_tree_json(const kdbi_expr *e, kdb_sv name, PgQuery__Node *const *args, size_t nargs, int32_t position);

/* dialect_single.c: what an inner query's columns say of its rows. */
void kdbi_rows_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                         const PgQuery__SelectStmt *select);
/* Sets bound->single when the statement, whose text has been written, is one. */
void kdbi_single_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                           const PgQuery__SelectStmt *select);
void kdbi_single_of_change(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                           const PgQuery__SelectStmt *select);
/* FROM is one table, or nothing, and nothing else is read. */
bool kdbi_reads_one_table(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__SelectStmt *select);
/* To build trees with: what resolves a name may word an error, and there it must not. */
kdbi_binding kdbi_silent(const kdbi_binding *b);

/* dialect_grouped.c: sets bound->grouped likewise. */
void kdbi_grouped_of_select(kdbi_binding *b, const kdbi_context *context, kdbi_scope *scope,
                            const PgQuery__SelectStmt *select);

/* ---- dialect_row_compare.c ---- */

/* (a, b) <op> (1, 2), whatever the operator. */
bool kdbi_is_row_comparison(const PgQuery__AExpr *expr);
/* The same in comparisons of the rows' values. */
KDB_NODISCARD kdb_status kdbi_compare_rows(kdbi_binding *b, const PgQuery__AExpr *expr, PgQuery__Node **out);
/* What every row that meets it meets too, as conjuncts. */
KDB_NODISCARD kdb_status kdbi_implied_by_rows(kdbi_binding *b, const PgQuery__AExpr *expr, PgQuery__Node **out);

/* ---- dialect_lift.c: literals of the shape that become parameters ---- */

/* The literal that begins at `position`. */
bool kdbi_shape_literal_at(const kdb_shape *shape, int32_t position, uint32_t *out);
/* Whether `node` is a literal that means the same as a parameter, *out: compared with `other`; in a sum, difference or product
 * with it; as an item of an IN list; as a pattern that it is to be LIKE. */
bool kdbi_lift_compared(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                        const PgQuery__Node *other, kdb_extra *out);
bool kdbi_lift_operand(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out);
bool kdbi_lift_item(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                    const PgQuery__Node *other, kdb_extra *out);
/* The `index`th literal that fills the list up, while there are such: items like all others, at the list's end. */
bool kdbi_lift_filling(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                       const PgQuery__Node *other, kdb_extra *out);
/* A LIMIT or OFFSET; a value by itself, in a list whose texts are not shown; DATE '..' and its kin. */
bool kdbi_lift_count(const kdbi_binding *b, const PgQuery__Node *node, kdb_extra *out);
bool kdbi_lift_alone(const kdbi_binding *b, const PgQuery__Node *node, kdb_extra *out);
bool kdbi_lift_cast(const kdbi_binding *b, const PgQuery__TypeCast *cast, kdb_extra *out);
/* Room for what is lifted; when a binding begins. */
void kdbi_begin_lifting(kdbi_binding *b);
bool kdbi_lift_pattern(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out);
/* What the parameter is; its number; and the text: CAST($3 AS INTEGER). */
kdb_type kdbi_lifted_type(const kdbi_binding *b, const kdb_extra *lifted);
uint32_t kdbi_lift_param(kdbi_binding *b, const kdb_extra *lifted);
void kdbi_emit_lifted(kdbi_binding *b, const kdb_extra *lifted, kdb_buf *out);

/* dialect_title.c: what to call an expression at `location`: the text the user wrote. */
kdb_sv kdbi_title(kdb_sv text, int32_t location, const PgQuery__Node *node, kdb_arena *arena);

#endif
