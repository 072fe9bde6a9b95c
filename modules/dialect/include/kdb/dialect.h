/* dialect.h - SQL text to statements, and bound statements to engine SQL. PostgreSQL's grammar comes from libpg_query;
 * KalamDB's own statements (sql.md 7-21) from a parser here. Names are resolved by the caller through kdb_binder: what
 * the walk does not understand (node kinds, functions, types) it refuses. libpg_query keeps state per thread: call from
 * long-lived threads only. All results live in the `arena` passed and borrow from the statement text. */
#ifndef KDB_DIALECT_H
#define KDB_DIALECT_H

#include "kdb/commons.h"

/* ---- shapes: statements that differ in their literals only ---- */

/* A literal that may be lifted out of the text: a number, or a plain 'string'. */
typedef struct kdb_shape_literal {
    kdb_value value;  /* INT, BIGINT, DECIMAL or DOUBLE without its sign, as the engine types it; TEXT, unquoted */
    int32_t position; /* of its first byte in the statement text */
    uint32_t length;  /* in bytes, there */
    bool is_filling;  /* it is not in the text: an IN list's last literal again, at the list's end */
} kdb_shape_literal;
/* One statement's text with its literals taken out. `key` is equal for texts that differ in the values (not the types)
 * of their literals, in the length of IN lists (up to the next power of two), in white space, comments and the case of words
 * only. In select lists, whose text names columns, all
 * but the literals' values and the length of blanks counts. Bytes, not text. */
typedef struct kdb_shape {
    kdb_sv key;
    kdb_shape_literal *literals; /* in text order */
    size_t nliterals;
} kdb_shape;
/* False when the text is not worth it: not a SELECT, WITH, INSERT, UPDATE or DELETE, too long, or of too many literals. One
 * pass over the tokens; never fails on text that does not parse. */
bool kdb_dialect_shape(kdb_sv text, kdb_arena *arena, kdb_shape *out);
/* A literal of a shape with the minus before it, if there is one. Borrows from the literal. */
kdb_value kdb_shape_signed(const kdb_value *literal, bool negative);

/* A statement's text and its shape. */
typedef struct kdb_shaped_text {
    kdb_sv text;
    const kdb_shape *shape;
} kdb_shaped_text;
/* Where the token at `position` of one text stands in another of the same key. */
int32_t kdb_shape_position(const kdb_shaped_text *from, int32_t position, const kdb_shaped_text *to);

/* ---- splitting (sql.md 1) ---- */

typedef struct kdb_sql_piece {
    kdb_sv text;            /* one statement without the `;`, without white space and comments at its ends */
    size_t offset;          /* of text within the request's SQL */
    const kdb_shape *shape; /* as kdb_dialect_shape makes it of the text; NULL: it has none */
    kdb_sv as_user;         /* EXECUTE AS USER 'x' ( text ): the target; empty: none. Callers check who may, and what */
} kdb_sql_piece;

/* `like` is a statement that the next ones may be like but for their literals, with its shape; NULL: none is known. It saves work
 * and changes nothing. KDB_BATCH_PARSE for an unterminated string or comment, KDB_EMPTY_SQL when nothing is left, KDB_INVALID
 * for an EXECUTE AS USER that does not wrap exactly one statement. */
KDB_NODISCARD kdb_status kdb_dialect_split(kdb_sv sql, const kdb_sql_piece *like, kdb_arena *arena, kdb_sql_piece **out,
                                           size_t *out_count, kdb_err *err);
/* Turns a byte offset into a line and a column (characters), both from 1. */
void kdb_dialect_line_column(kdb_sv sql, size_t offset, uint32_t *line, uint32_t *column);

/* ---- statements ---- */

typedef enum kdb_stmt_kind {
    KDB_STMT_QUERY, /* SELECT, WITH, VALUES */
    KDB_STMT_INSERT,
    KDB_STMT_UPDATE,
    KDB_STMT_DELETE,
    KDB_STMT_CREATE_NAMESPACE,
    KDB_STMT_ALTER_NAMESPACE,
    KDB_STMT_DROP_NAMESPACE,
    KDB_STMT_USE_NAMESPACE,
    KDB_STMT_SHOW_NAMESPACES,
    KDB_STMT_CREATE_TABLE,
    KDB_STMT_ALTER_TABLE,
    KDB_STMT_DROP_TABLE,
    KDB_STMT_SHOW_TABLES,
    KDB_STMT_DESCRIBE_TABLE, /* also DESC, DESCRIBE t, SHOW COLUMNS FROM t */
    KDB_STMT_SHOW_STATS,
    KDB_STMT_CREATE_STORAGE,
    KDB_STMT_ALTER_STORAGE,
    KDB_STMT_DROP_STORAGE,
    KDB_STMT_CHECK_STORAGE,
    KDB_STMT_SHOW_STORAGES,
    KDB_STMT_SHOW_MANIFEST,
    KDB_STMT_SHOW_ALL,
    KDB_STMT_SHOW_SEARCH_PATH,
    KDB_STMT_EXPLAIN,
    KDB_STMT_CREATE_VIEW,
    KDB_STMT_DROP_VIEW,
    KDB_STMT_CREATE_POLICY,
    KDB_STMT_ALTER_POLICY,
    KDB_STMT_DROP_POLICY,
    KDB_STMT_SHOW_POLICIES,
    KDB_STMT_CREATE_USER,
    KDB_STMT_ALTER_USER,
    KDB_STMT_DROP_USER,
    KDB_STMT_BEGIN, /* also START TRANSACTION */
    KDB_STMT_COMMIT,
    KDB_STMT_ROLLBACK,
    KDB_STMT_SAVEPOINT,
    KDB_STMT_ROLLBACK_TO,
    KDB_STMT_RELEASE,
    KDB_STMT_VERIFY_AUDIT_LOG,
    KDB_STMT_SUBSCRIBE,
    KDB_STMT_KILL_LIVE_QUERY,
    KDB_STMT_FLUSH_TABLE,   /* STORAGE FLUSH TABLE, as the next ones; also FLUSH TABLE */
    KDB_STMT_FLUSH_ALL,     /* also FLUSH ALL TABLES IN */
    KDB_STMT_COMPACT_TABLE, /* STORAGE COMPACT TABLE */
    KDB_STMT_COMPACT_ALL,
    KDB_STMT_REBUILD_MANIFEST, /* STORAGE REBUILD MANIFEST TABLE */
    KDB_STMT_KILL_JOB,
    KDB_STMT_BACKUP,
    KDB_STMT_RESTORE,
    KDB_STMT_EXPORT_USER_DATA,
    KDB_STMT_SHOW_EXPORT,
    KDB_STMT_KIND_COUNT
} kdb_stmt_kind;

/* A name as written, folded: `ns` empty when unqualified (a leading catalog `kalam.` is dropped, the legacy
 * `ns.user.t` becomes ns.t). Identifier rules (sql.md 3) are checked by registry, not here. */
typedef struct kdb_table_name {
    kdb_sv ns;
    kdb_sv name;
    int32_t position; /* byte offset in the statement text */
} kdb_table_name;

typedef enum kdb_default_kind {
    KDB_DEFAULT_NONE,
    KDB_DEFAULT_LITERAL,
    KDB_DEFAULT_NOW, /* the calls without arguments of sql.md 8 */
    KDB_DEFAULT_SNOWFLAKE_ID,
    KDB_DEFAULT_UUID_V7,
    KDB_DEFAULT_ULID,
    KDB_DEFAULT_CURRENT_USER
} kdb_default_kind;

typedef enum kdb_table_type {
    KDB_TABLE_UNSET,
    KDB_TABLE_USER,
    KDB_TABLE_SHARED,
    KDB_TABLE_STREAM,
    KDB_TABLE_SYSTEM
} kdb_table_type;
typedef enum kdb_access_level {
    KDB_ACCESS_UNSET,
    KDB_ACCESS_PUBLIC,
    KDB_ACCESS_PRIVATE,
    KDB_ACCESS_RESTRICTED,
    KDB_ACCESS_DBA
} kdb_access_level;

typedef struct kdb_column_spec {
    kdb_sv name; /* lower case */
    int32_t position;
    kdb_type type;
    bool not_null;
    kdb_default_kind default_kind;
    kdb_value default_literal; /* as written; the caller coerces it to the type */
} kdb_column_spec;

/* Everything CREATE TABLE can say; options are checked against the table's type here (sql.md 8 texts). */
typedef struct kdb_create_table {
    kdb_table_name table;
    bool if_not_exists;
    kdb_table_type type; /* never UNSET: SHARED when nothing says otherwise */
    kdb_column_spec *columns;
    size_t ncolumns;
    uint32_t *key;     /* indexes into columns, in key order */
    size_t nkey;       /* 0: no primary key */
    kdb_sv storage_id; /* empty: 'local' */
    bool use_user_storage;
    int64_t flush_rows;              /* 0: none */
    int64_t flush_interval_s;        /* 0: none */
    int64_t ttl_seconds;             /* STREAM: > 0 */
    int64_t deleted_retention_hours; /* -1: server default; 0: off */
    kdb_access_level access;
    kdb_sv compression;       /* "none", "snappy", "zstd"; empty: default */
    kdb_sv eviction_strategy; /* "time_based", "size_based", "hybrid"; empty: default */
    int64_t max_stream_bytes;
} kdb_create_table;

typedef enum kdb_alter_op {
    KDB_ALTER_ADD_COLUMN,
    KDB_ALTER_DROP_COLUMN,
    KDB_ALTER_MODIFY_COLUMN, /* also ALTER c [SET DATA] TYPE t */
    KDB_ALTER_RENAME_COLUMN,
    KDB_ALTER_SET_NOT_NULL,
    KDB_ALTER_DROP_NOT_NULL,
    KDB_ALTER_SET_DEFAULT,
    KDB_ALTER_DROP_DEFAULT,
    KDB_ALTER_SET_ACCESS, /* also SET TBLPROPERTIES (ACCESS_LEVEL = ..) */
    KDB_ALTER_OP_COUNT
} kdb_alter_op;
typedef struct kdb_alter_table {
    kdb_table_name table;
    bool if_exists; /* a missing table is nothing to do */
    bool if_column; /* ADD .. IF NOT EXISTS, DROP .. IF EXISTS: neither is a column that is there, or not */
    kdb_alter_op op;
    kdb_column_spec column; /* name and position for all but SET_ACCESS. ADD: everything; MODIFY: type; SET_DEFAULT: the
                              * default */
    bool says_null;         /* MODIFY .. NULL or NOT NULL: column.not_null says which */
    kdb_table_name new_name; /* RENAME: name and position */
    kdb_access_level access; /* SET_ACCESS */
} kdb_alter_table;

/* One cell of INSERT .. VALUES or of UPDATE .. SET. */
typedef enum kdb_cell_kind {
    KDB_CELL_LITERAL,
    KDB_CELL_PARAM,    /* $n */
    KDB_CELL_DEFAULT,  /* the word DEFAULT */
    KDB_CELL_LIFTED,   /* a literal that the shape took out: `index` into kdb_shape.literals, from 0 */
    KDB_CELL_FUNCTION, /* one of the calls a DEFAULT may be */
    KDB_CELL_EXPR      /* column `index` of the one row that kdb_insert.exprs selects */
} kdb_cell_kind;
typedef struct kdb_cell {
    kdb_cell_kind kind;
    kdb_default_kind function;
    uint32_t index;   /* PARAM: from 1; EXPR: from 0 */
    int32_t position; /* in the statement text, -1: not known */
    bool negative;    /* LIFTED: the value's sign is turned */
    kdb_value literal;
} kdb_cell;

typedef struct kdb_query kdb_query; /* a parsed SELECT, not yet bound */
enum { KDB_VIEW_DEPTH_MAX = 16 };   /* views that read views */
/* What a write says over its rows one by one, RETURNING's list and DO UPDATE's expressions: parsed, not yet bound. */
typedef struct kdb_row_query kdb_row_query;

/* INSERT .. ON CONFLICT. */
typedef struct kdb_conflict {
    int32_t position;
    kdb_table_name *key; /* the columns in brackets, of one position; NULL: none are given (DO NOTHING only) */
    size_t nkey;
    bool update;             /* DO UPDATE, else DO NOTHING */
    kdb_table_name *columns; /* DO UPDATE: SET's names */
    kdb_cell *cells;         /* and what they are set to; EXPR counts kdb_row_exprs.set */
    size_t ncolumns;
} kdb_conflict;

typedef struct kdb_insert {
    kdb_table_name table;
    kdb_table_name *columns; /* names with positions (ns empty); NULL: no list */
    size_t ncolumns;
    kdb_cell *cells; /* VALUES: nrows * width, row by row; NULL for INSERT .. SELECT and DEFAULT VALUES */
    size_t nrows;
    size_t width;
    kdb_query *exprs;       /* one row with the EXPR cells; NULL when there are none */
    kdb_query *select;      /* INSERT .. SELECT */
    kdb_conflict *conflict; /* NULL: none */
    kdb_row_query *rows;    /* RETURNING, DO UPDATE; NULL: neither */
} kdb_insert;

/* UPDATE and DELETE: `select` yields, per matching row, `_key` (BYTES), `_seq` (BIGINT) of the target, then UPDATE's
 * EXPR cells. The target is slot 0. */
typedef struct kdb_change {
    kdb_table_name table;
    kdb_table_name *columns; /* UPDATE: SET's names */
    kdb_cell *cells;         /* UPDATE: and what they are set to; EXPR counts select's columns behind `_seq` */
    size_t ncolumns;
    kdb_query *select;
    kdb_row_query *rows; /* RETURNING; NULL: none */
} kdb_change;

typedef enum kdb_user_auth { KDB_USER_PASSWORD, KDB_USER_OAUTH, KDB_USER_INTERNAL } kdb_user_auth;
typedef enum kdb_user_change { KDB_USER_SET_PASSWORD, KDB_USER_SET_ROLE, KDB_USER_SET_EMAIL } kdb_user_change;
typedef struct kdb_user_stmt {
    kdb_sv name;
    bool if_exists;
    kdb_user_auth auth; /* CREATE */
    kdb_sv secret;      /* password, or the OAUTH payload */
    kdb_sv role;        /* as written; auth maps the words of sql.md 16 */
    kdb_sv email;
    kdb_user_change change; /* ALTER: which of secret, role, email */
} kdb_user_stmt;

typedef struct kdb_namespace_stmt {
    kdb_sv name;  /* SHOW TABLES IN: empty for all */
    bool if_flag; /* IF [NOT] EXISTS */
    bool cascade;
} kdb_namespace_stmt;
/* ALTER NAMESPACE: options to merge into the namespace's. */
typedef struct kdb_namespace_option {
    kdb_sv name; /* as written */
    int32_t position;
    kdb_value value; /* TEXT, BIGINT, DOUBLE or BOOLEAN */
} kdb_namespace_option;
typedef struct kdb_alter_namespace {
    kdb_sv name;
    kdb_namespace_option *options;
    size_t noptions;
} kdb_alter_namespace;
typedef struct kdb_table_stmt {
    kdb_table_name table;
    bool if_exists;
} kdb_table_stmt;

typedef struct kdb_explain_stmt {
    bool analyze; /* run it too: a query only */
    bool verbose;
    kdb_sv text; /* the statement explained: a query, INSERT, UPDATE or DELETE */
    int32_t position;
    kdb_stmt_kind kind; /* of it */
} kdb_explain_stmt;
typedef struct kdb_view_stmt {
    kdb_table_name view;
    bool or_replace;
    kdb_sv *columns; /* names given to the query's first columns; NULL: none */
    size_t ncolumns;
    kdb_sv query; /* the SELECT, already known to parse and to have no parameters */
    int32_t query_position;
} kdb_view_stmt;

/* ---- row policies: which rows of a SHARED table a role may read and write ---- */

/* The commands that a policy is for. */
typedef enum kdb_policy_command {
    KDB_POLICY_ALL,
    KDB_POLICY_SELECT,
    KDB_POLICY_INSERT,
    KDB_POLICY_UPDATE,
    KDB_POLICY_DELETE,
    KDB_POLICY_COMMAND_COUNT
} kdb_policy_command;
/* Whom it is for: a set of these bits, which records hold too. */
enum {
    KDB_POLICY_TO_PUBLIC = 1, /* every role */
    KDB_POLICY_TO_ANONYMOUS = 2,
    KDB_POLICY_TO_USER = 4,
    KDB_POLICY_TO_SERVICE = 8,
    KDB_POLICY_TO_DBA = 16,
    KDB_POLICY_TO_SYSTEM = 32
};
enum { KDB_POLICY_TEXT_MAX = 8192 }; /* bytes of a condition */

typedef struct kdb_policy_condition {
    kdb_sv text;      /* between the brackets; empty: the clause is not there */
    int32_t position; /* of the text in the statement */
} kdb_policy_condition;
typedef struct kdb_policy_stmt {
    kdb_sv name;
    int32_t name_position;
    kdb_table_name table; /* SHOW: empty when all tables are meant */
    bool if_exists;       /* DROP */
    bool restrictive;     /* CREATE, as the next */
    kdb_policy_command command;
    unsigned roles; /* KDB_POLICY_TO_ bits; 0: not said, which CREATE takes for PUBLIC */
    int32_t roles_position;
    kdb_policy_condition using_rows; /* USING: rows that are there */
    kdb_policy_condition check_rows; /* WITH CHECK: rows as they are written */
    kdb_sv new_name;                 /* ALTER .. RENAME TO; empty: it changes something else */
    int32_t new_name_position;
} kdb_policy_stmt;

const char *kdb_policy_command_name(kdb_policy_command command); /* "SELECT" */
/* "user, service" */
kdb_sv kdb_policy_roles_text(unsigned roles, kdb_arena *arena);

/* What a clause of CREATE or ALTER STORAGE says. */
typedef struct kdb_storage_text {
    kdb_sv text;
    int32_t position; /* of the text in the statement; 0: the clause is not there */
} kdb_storage_text;
/* CREATE, ALTER, DROP STORAGE and STORAGE CHECK. What the texts may say is for the caller to check. */
typedef struct kdb_storage_stmt {
    kdb_sv id; /* as written: ids are case-sensitive */
    int32_t position;
    bool if_exists;                              /* DROP */
    bool extended;                               /* CHECK */
    kdb_storage_text type, path, bucket, region; /* CREATE only: `path` is PATH's or BASE_DIRECTORY's */
    kdb_storage_text name, description, shared_template, user_template, credentials, config;
} kdb_storage_stmt;

typedef struct kdb_savepoint_stmt {
    kdb_sv name;
} kdb_savepoint_stmt;

/* SUBSCRIBE TO: what a client has to send to open the live query. */
typedef struct kdb_subscribe_stmt {
    kdb_sv query;         /* a SELECT from one table, which it names with the namespace; parsed, but not bound */
    kdb_table_name table; /* its position is one in the query as it was written */
    int64_t last_rows;    /* -1: not said, as the next two */
    int64_t batch_size;
    int64_t from;                  /* a `_seq` */
    int32_t start, prefix;         /* these are for _position: where it begins in the statement, without those bytes */
    int32_t inserted_at, inserted; /* the namespace's bytes, when it was not written */
} kdb_subscribe_stmt;
/* A position in `query` as one in the statement. */
int32_t kdb_dialect_subscribe_position(const kdb_subscribe_stmt *subscribe, int32_t position);

/* BACKUP DATABASE TO, RESTORE DATABASE FROM. */
typedef struct kdb_backup_stmt {
    kdb_sv path; /* as written: anything */
    int32_t position;
} kdb_backup_stmt;

typedef struct kdb_stmt {
    kdb_stmt_kind kind;
    kdb_sv text;
    uint32_t nparams;       /* highest $n */
    bool has_secret;        /* the text holds a password or credentials: never log or echo it */
    const kdb_shape *shape; /* as given to _parse, or NULL; binding reads it */
    bool *lifted; /* by shape literal: used as a KDB_CELL_LIFTED cell and nowhere else; NULL without a shape */
    union {
        kdb_query *query;
        kdb_insert insert;
        kdb_change change;
        kdb_create_table *create_table;
        kdb_alter_table *alter_table;
        kdb_alter_namespace alter_ns;
        kdb_table_stmt table;  /* DROP TABLE, DROP VIEW, DESCRIBE, SHOW STATS, FLUSH, COMPACT, REBUILD MANIFEST */
        kdb_namespace_stmt ns; /* CREATE, DROP, USE NAMESPACE, SHOW TABLES, FLUSH and COMPACT ALL */
        kdb_view_stmt view;    /* CREATE VIEW */
        kdb_policy_stmt *policy;
        kdb_explain_stmt explain;
        kdb_user_stmt user;
        kdb_storage_stmt *storage;
        kdb_savepoint_stmt savepoint; /* SAVEPOINT, ROLLBACK TO, RELEASE */
        kdb_subscribe_stmt *subscribe;
        kdb_sv live_id; /* KILL LIVE QUERY */
        kdb_sv job_id;  /* KILL JOB */
        kdb_backup_stmt backup;
    } as;
} kdb_stmt;

/* Parses one statement. `shape` (of this text, or NULL; borrowed like the text) allows literals to be lifted: the statement and what is bound from it
 * then serve every text of that shape whose other literals are the same. KDB_INVALID_SQL with the position for syntax errors, for statements KalamDB does not have
 * (named in the message, sql.md 24 rules 35 and 36) and for clauses it refuses. */
KDB_NODISCARD kdb_status kdb_dialect_parse(kdb_sv text, const kdb_shape *shape, kdb_arena *arena, kdb_stmt **out,
                                           kdb_err *err);

/* ---- scalar expressions as trees: what expr.h compiles ---- */

typedef enum kdb_node_kind {
    KDB_NODE_LITERAL, /* value, typed as the engine types it */
    KDB_NODE_PARAM,   /* param: from 1, an index into the execution's parameters (see kdb_bound.extras) */
    KDB_NODE_COLUMN,  /* column: index into the bound table's columns; RETURNING and ON CONFLICT see kdb_row_exprs */
    KDB_NODE_AND,     /* any number of args */
    KDB_NODE_OR,
    KDB_NODE_NOT,
    KDB_NODE_IS_NULL,
    KDB_NODE_IS_NOT_NULL,
    KDB_NODE_IS_TRUE,
    KDB_NODE_IS_NOT_TRUE,
    KDB_NODE_IS_FALSE,
    KDB_NODE_IS_NOT_FALSE,
    KDB_NODE_EQ, /* comparisons: two args */
    KDB_NODE_NE,
    KDB_NODE_LT,
    KDB_NODE_LE,
    KDB_NODE_GT,
    KDB_NODE_GE,
    KDB_NODE_DISTINCT,
    KDB_NODE_NOT_DISTINCT,
    KDB_NODE_IN,      /* args[0] IN (args[1], ..); NOT IN is a NOT around it */
    KDB_NODE_BETWEEN, /* args[0] BETWEEN args[1] AND args[2] */
    KDB_NODE_LIKE,    /* text, pattern[, escape]; without an escape: backslash (rule 23) */
    KDB_NODE_ILIKE,
    KDB_NODE_ADD,
    KDB_NODE_SUB,
    KDB_NODE_MUL,
    KDB_NODE_DIV, /* by zero: KDB_ARITHMETIC; of integers: an integer */
    KDB_NODE_MOD,
    KDB_NODE_NEG,
    KDB_NODE_CONCAT, /* || */
    KDB_NODE_CASE,   /* when, then, when, then, ..[, else]; CASE x WHEN y has become x = y */
    KDB_NODE_COALESCE,
    KDB_NODE_NULLIF,
    KDB_NODE_GREATEST,
    KDB_NODE_LEAST,
    KDB_NODE_CAST, /* one arg, to `type` */
    KDB_NODE_CALL  /* name, args; -> ->> ? are json_get_json, json_as_text, json_contains */
} kdb_node_kind;

/* An expression with its names resolved and its sugar taken off; means exactly what kdb_bound.sql says. */
typedef struct kdb_node {
    kdb_node_kind kind;
    int32_t position; /* in the statement text, -1: not known */
    kdb_type type;    /* CAST */
    kdb_value value;  /* LITERAL; NULL of KDB_TYPE_NULL for NULL */
    uint32_t param;   /* PARAM */
    uint32_t column;  /* COLUMN */
    kdb_sv name;      /* CALL: lower case, as in kdb_function_defs */
    struct kdb_node **args;
    size_t nargs;
} kdb_node;

typedef struct kdb_order_key {
    kdb_node *expr;
    bool descending;
    bool nulls_first; /* what is written, or PostgreSQL's order: last ascending, first descending */
} kdb_order_key;

/* A statement that reads one table at most, row by row: no grouping, window, subquery, join, DISTINCT or set operation. For
 * UPDATE and DELETE the targets are the EXPR cells (without `_key` and `_seq`). */
typedef struct kdb_single {
    kdb_node *where; /* NULL: none */
    bool count;      /* the whole list is COUNT(*): no targets */
    kdb_node **targets;
    kdb_sv *names; /* what the engine's text calls the targets, empty where nobody sees them; of a count: one */
    size_t ntargets;
    kdb_order_key *order; /* as written; `_seq` where the table is ordered by it; empty: see kdb_bound.scan_order */
    size_t norder;
    kdb_node *limit; /* LITERAL or PARAM, NULL: none (LIMIT NULL, LIMIT ALL too) */
    kdb_node *offset;
} kdb_single;

typedef enum kdb_aggregate_kind {
    KDB_AGGREGATE_COUNT_ROWS, /* COUNT(*) */
    KDB_AGGREGATE_COUNT,
    KDB_AGGREGATE_SUM,
    KDB_AGGREGATE_AVG,
    KDB_AGGREGATE_MIN,
    KDB_AGGREGATE_MAX
} kdb_aggregate_kind;
typedef struct kdb_aggregate {
    kdb_aggregate_kind kind;
    kdb_node *arg;    /* NULL: of COUNT(*) */
    kdb_node *filter; /* FILTER (WHERE ..): only rows of which it is true count; NULL: none */
    int32_t position;
} kdb_aggregate;
/* A result column. */
typedef struct kdb_grouped_item {
    bool is_aggregate;
    size_t index; /* into aggregates or keys */
    kdb_sv name;
    int32_t position;
} kdb_grouped_item;
enum { KDB_GROUP_KEYS_MAX = 64 };
/* A SELECT that reads one table and shows group keys and aggregates, nothing made of them. Without keys, all rows that pass
 * are one group, which is there even when none does. No more than KDB_GROUP_KEYS_MAX keys, no DISTINCT, HAVING, grouping
 * set, ORDER BY, LIMIT, window, subquery or join. */
typedef struct kdb_grouped {
    kdb_node *where; /* NULL: none */
    kdb_node **keys; /* each names a column at least; NULLs are one group */
    size_t nkeys;
    kdb_aggregate *aggregates; /* in the order of the items */
    size_t naggregates;
    kdb_grouped_item *items;
    size_t nitems;
} kdb_grouped;

/* The engine's type of a value of ours: JSON and FILE are text to it, DATETIME a TIMESTAMP. */
kdb_type kdb_dialect_engine_type(kdb_type type);

/* ---- binding (design 6): the tenant wall's first half ---- */

/* A view's query, bound where the view's name stands as if it were written there: with the caller's rights, and none of the
 * names around it. */
typedef struct kdb_bind_view {
    const kdb_query *query;
    kdb_sv ns;             /* of its unqualified names */
    const kdb_sv *names;   /* of the view's columns */
    const kdb_sv *sources; /* and of the query's columns that they are, in the query's order */
    size_t ncolumns;
} kdb_bind_view;

typedef struct kdb_bind_table {
    const kdb_bind_view *view; /* the name is a view's: nothing else is set */
    void *handle;              /* the caller's; comes back in kdb_bound_table */
    const kdb_field *columns;  /* what `*` yields, in order; for a DML target `_key` follows at [ncolumns] */
    size_t ncolumns;
    bool has_seq;          /* `_updated` may be named: it is computed from `_seq` */
    bool deleted_is_false; /* STREAM: `_deleted` may be named and is false */
    bool order_by_seq;     /* no primary key: an unordered plain SELECT is ordered by `_seq` */
} kdb_bind_table;

/* Where the only name, word or operator of the text is that reads like `name`; -1 when there is none, or more than one. For
 * messages that tell a name without its place. */
int32_t kdb_dialect_find_name(kdb_sv text, kdb_sv name);

/* How the caller answers names. */
typedef struct kdb_binder {
    void *self;
    const char *scan_function; /* engine function that reads slot n: scan_function(n) */
    bool engine_only;          /* only the text will be run: literals stay in it where the engine plans by them */
    /* Resolves and authorises a table reference that no CTE shadows. Fails with the error the user sees. */
    kdb_status (*table)(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out, kdb_err *err);
} kdb_binder;

/* Values the server supplies to an execution as parameters after the user's own. */
typedef enum kdb_extra_kind {
    KDB_EXTRA_NOW,
    KDB_EXTRA_CURRENT_USER,
    KDB_EXTRA_CURRENT_ROLE,
    KDB_EXTRA_LITERAL
} kdb_extra_kind;
typedef struct kdb_extra {
    kdb_extra_kind kind;
    uint32_t literal; /* LITERAL: index into kdb_shape.literals: the parameter is what kdb_extra_literal makes of it */
    kdb_type type;    /* what it is read as; NULL: it is taken as it is */
    bool negative;    /* its sign is turned */
    bool pattern;     /* a pattern for LIKE */
    bool exact;       /* it is of `type` as it is written */
} kdb_extra;
/* The parameter's value for a literal that stands in a text of the same shape. False when this one cannot stand there, a
 * date that is none: the text must be bound by itself, which says so. Borrows from the literal. */
bool kdb_extra_literal(const kdb_extra *extra, const kdb_value *literal, kdb_value *out);

typedef enum kdb_pred_op { KDB_PRED_EQ, KDB_PRED_LT, KDB_PRED_LE, KDB_PRED_GT, KDB_PRED_GE, KDB_PRED_IN } kdb_pred_op;
typedef struct kdb_pred_operand {
    uint32_t param;    /* from 1; 0: literal */
    kdb_value literal; /* of the column's type. A parameter has none yet: the caller must not narrow by a value that
                          does not convert to the column's type without loss (5.5 for an INT) */
} kdb_pred_operand;
/* A conjunct of the WHERE that a row of this slot must meet (NULL never does). The engine checks it again, so a scan
 * may use it to read less, or ignore it. */
typedef struct kdb_pred {
    uint32_t column; /* index into the bound table's columns */
    kdb_pred_op op;
    kdb_pred_operand *operands; /* one, or IN's list */
    size_t noperands;
} kdb_pred;

typedef struct kdb_bound_table {
    void *handle;
    bool in_view;      /* named by a view that the query reads, not by the query itself */
    bool in_subquery;  /* named in a subquery of a FROM */
    bool *used;        /* by column: the query names it, or a `*` does */
    bool sees_deleted; /* the WHERE at this level mentions `_deleted`: tombstones are visible */
    kdb_pred *preds;
    size_t npreds;
} kdb_bound_table;

/* Where a result column comes from, for its wire type and flags. */
typedef struct kdb_bound_column {
    int32_t slot; /* -1: computed */
    uint32_t column;
    int32_t position; /* of the list's item in the statement text, -1: not known */
    bool constant; /* computed from literals alone, without an outermost cast: integers are BigInt, decimals Double */
    kdb_type_kind
        cast; /* computed, and known to be JSON, FILE or DATETIME, which the engine does not tell from TEXT and
                           TIMESTAMP; KDB_TYPE_NULL: what the engine says */
} kdb_bound_column;

/* A use of a view by the query itself, and the columns that it names. */
typedef struct kdb_bound_view {
    const kdb_bind_view *view;
    bool *used; /* by view column */
} kdb_bound_view;

typedef struct kdb_bound {
    kdb_sv sql;              /* engine SQL; hidden parameters are $(nparams+1).. */
    kdb_bound_table *tables; /* by slot */
    size_t ntables;
    kdb_extra *extras; /* parameter nparams + 1 + i is extras[i] */
    size_t nextras;
    bool *lifted;              /* by shape literal: became an extra wherever it stands; NULL without a shape */
    bool for_trees;            /* some are worth it to who runs `single` only: the engine plans better without */
    kdb_single *single;        /* NULL: only the engine can run it */
    kdb_grouped *grouped;      /* NULL: it is none */
    kdb_bound_column *columns; /* NULL: lineage not known */
    size_t ncolumns;
    kdb_bound_view *views; /* that the query itself names, each use of one */
    size_t nviews;
    bool scan_order; /* result order is the order of the one scan: it must not be read in parallel */
    bool
        gathers; /* no row comes out before all have been read: the outermost SELECT groups, aggregates, sorts or is DISTINCT */
    bool has_limit; /* an outermost LIMIT is given (limits.max_query_limit instead of the default) */
} kdb_bound;

/* Resolves every table, function, type and operator of `query` (deny by default), rewrites it for the engine and
 * deparses it. `nparams` is the statement's. The query is not changed: it may be bound again after DDL. */
KDB_NODISCARD kdb_status kdb_dialect_bind(const kdb_query *query, uint32_t nparams, const kdb_binder *binder,
                                          kdb_arena *arena, kdb_bound **out, kdb_err *err);

/* An expression over the rows of a write. */
typedef struct kdb_row_expr {
    kdb_node *node;   /* NULL: nothing that a tree can say (a subquery, say): the caller refuses it */
    int32_t position; /* in the statement text */
    kdb_sv name;      /* RETURNING: of the result column */
    bool constant;    /* as in kdb_bound_column */
} kdb_row_expr;
/* A KDB_NODE_COLUMN below `excluded` is the target's: kdb_bind_table.columns of the row written (DELETE: of the row as
 * it was; DO UPDATE: of the row that is there). From `excluded` on it is EXCLUDED's column - excluded. */
typedef struct kdb_row_exprs {
    kdb_row_expr *returning; /* `*` spelled out: the user columns */
    size_t nreturning;
    kdb_row_expr *set; /* DO UPDATE's EXPR cells */
    size_t nset;
    kdb_row_expr *where; /* DO UPDATE's; NULL: none */
    uint32_t excluded;
    kdb_extra *extras; /* parameter nparams + 1 + i is extras[i] */
    size_t nextras;
    bool *lifted; /* as in kdb_bound */
} kdb_row_exprs;

/* Resolves every name, function and operator of `query` as _bind does; only `target`'s columns can be named. May be called
 * again after DDL. */
KDB_NODISCARD kdb_status kdb_dialect_bind_rows(const kdb_row_query *query, uint32_t nparams,
                                               const kdb_bind_table *target, kdb_arena *arena, kdb_row_exprs **out,
                                               kdb_err *err);

/* A policy's condition over one row of `target`, which `table` names: *out is true for rows that pass. Only the table's own
 * columns without the system columns can be named; there are no parameters, subqueries or aggregates. Positions in errors are
 * those in `text`. `used` (by column, or NULL) gets what the condition names. A KDB_NODE_PARAM of *out is a value that the server supplies: number 1 + its kdb_extra_kind. */
KDB_NODISCARD kdb_status kdb_dialect_bind_condition(kdb_sv text, const kdb_table_name *table,
                                                    const kdb_bind_table *target, kdb_arena *arena, bool *used,
                                                    kdb_node **out, kdb_err *err);

/* The functions users may call, one row each; a test walks the engine's own list against it. */
typedef enum kdb_function_kind {
    KDB_FUNCTION_SCALAR,
    KDB_FUNCTION_AGGREGATE,
    KDB_FUNCTION_WINDOW, /* needs OVER */
    KDB_FUNCTION_TABLE   /* in FROM only */
} kdb_function_kind;
typedef struct kdb_function_def {
    const char *name;   /* lower case, as users write it */
    const char *engine; /* engine name when it differs, or NULL */
    kdb_function_kind kind;
} kdb_function_def;
extern const kdb_function_def kdb_function_defs[];
extern const size_t kdb_function_defs_count;

/* "a type name as sql.md 4 accepts it" to a type, for DESCRIBE round trips and tests. */
KDB_NODISCARD kdb_status kdb_dialect_parse_type(kdb_sv text, kdb_type *out, kdb_err *err);
/* True for sql.md 3's reserved keywords, any letter case. */
bool kdb_dialect_is_reserved(kdb_sv word);

#endif
