/* dialect_classify.c - a statement's first words to its parser. One row per statement that KalamDB knows by its words,
 * those it does not serve included, so that they are refused by name; everything else is PostgreSQL's grammar's. */
#include "dialect_int.h"

typedef struct stmt_words {
    const char *words;
    kdb_stmt_kind kind;
    kdbi_stmt_parser parse; /* NULL: not served, refused as `words` */
    size_t skip;            /* words the parser does not want to see */
} stmt_words;

static kdb_status unsupported(kdb_sv name, kdb_err *err)
{
    return KDB_FAIL_AT(err, 0, KDB_INVALID_SQL, "Unsupported statement type: %.*s", KDB_SV_ARG(name));
}

/* The older spelling of EXECUTE AS USER, behind the statement: the grammar would say something else about it. */
static bool ends_with_as_user(kdb_sv text)
{
    kdbi_lexer lexer = { .text = text };
    kdbi_token last[3] = { 0 };
    for (kdbi_token token = kdbi_lex_next(&lexer); token.kind != KDBI_TOKEN_END; token = kdbi_lex_next(&lexer)) {
        if (token.kind == KDBI_TOKEN_OPEN_STRING || token.kind == KDBI_TOKEN_OPEN_COMMENT) {
            return false;
        }
        last[0] = last[1];
        last[1] = last[2];
        last[2] = token;
    }
    return kdbi_token_is_word(&last[0], "AS") && kdbi_token_is_word(&last[1], "USER") &&
           last[2].kind == KDBI_TOKEN_STRING;
}

static kdb_status refuse_as_user(kdb_sv text, kdb_status status, kdb_err *err)
{
    if (!ends_with_as_user(text)) {
        return status;
    }
    return KDB_FAIL(err, KDB_INVALID_SQL,
                    "AS USER behind a statement is not supported: write EXECUTE AS USER 'id' (statement)");
}

/* The grammar's own statements, which say by their trees what they are; what else it can read is refused by its first
 * word. */
static kdb_status parse_grammar(kdbi_cursor *cur, kdb_stmt *stmt)
{
    const PgQuery__Node *node = NULL;
    const kdb_status status = kdbi_pg_parse(stmt->text, cur->arena, &node, &stmt->nparams, cur->err);
    if (status != KDB_OK) {
        return refuse_as_user(stmt->text, status, cur->err);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT) {
        stmt->kind = KDB_STMT_QUERY;
        stmt->as.query = kdbi_query_new(cur->arena, stmt->text, node->select_stmt);
        return KDB_OK;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_INSERT_STMT) {
        return kdbi_parse_insert(node->insert_stmt, cur->arena, stmt, cur->err);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_UPDATE_STMT) {
        return kdbi_parse_update(node->update_stmt, cur->arena, stmt, cur->err);
    }
    if (node->node_case == PG_QUERY__NODE__NODE_DELETE_STMT) {
        return kdbi_parse_delete(node->delete_stmt, cur->arena, stmt, cur->err);
    }
    return unsupported(cur->token.text, cur->err);
}

#define UNSERVED(words)                                                                                                \
    {                                                                                                                  \
        words, KDB_STMT_KIND_COUNT, NULL, 0                                                                            \
    }

/* The first row that matches counts: longer spellings come first. */
static const stmt_words known_stmts[] = {
    { "SELECT", KDB_STMT_QUERY, parse_grammar, 0 },
    { "INSERT", KDB_STMT_INSERT, parse_grammar, 0 },
    { "UPDATE", KDB_STMT_UPDATE, parse_grammar, 0 },
    { "DELETE", KDB_STMT_DELETE, parse_grammar, 0 },
    { "WITH", KDB_STMT_QUERY, parse_grammar, 0 },
    { "VALUES", KDB_STMT_QUERY, parse_grammar, 0 },
    { "CREATE NAMESPACE", KDB_STMT_CREATE_NAMESPACE, kdbi_parse_create_namespace, 2 },
    { "CREATE SCHEMA", KDB_STMT_CREATE_NAMESPACE, kdbi_parse_create_namespace, 2 },
    { "ALTER NAMESPACE", KDB_STMT_ALTER_NAMESPACE, kdbi_parse_alter_namespace, 2 },
    { "ALTER SCHEMA", KDB_STMT_ALTER_NAMESPACE, kdbi_parse_alter_namespace, 2 },
    { "DROP NAMESPACE", KDB_STMT_DROP_NAMESPACE, kdbi_parse_drop_namespace, 2 },
    { "DROP SCHEMA", KDB_STMT_DROP_NAMESPACE, kdbi_parse_drop_namespace, 2 },
    { "USE", KDB_STMT_USE_NAMESPACE, kdbi_parse_use_namespace, 1 },
    { "SET NAMESPACE", KDB_STMT_USE_NAMESPACE, kdbi_parse_use_namespace, 2 },
    { "SHOW NAMESPACES", KDB_STMT_SHOW_NAMESPACES, kdbi_parse_show_nothing_more, 2 },
    { "SHOW SCHEMAS", KDB_STMT_SHOW_NAMESPACES, kdbi_parse_show_nothing_more, 2 },
    { "CREATE TABLE", KDB_STMT_CREATE_TABLE, kdbi_parse_create_table, 1 },
    { "CREATE USER TABLE", KDB_STMT_CREATE_TABLE, kdbi_parse_create_table, 1 },
    { "CREATE SHARED TABLE", KDB_STMT_CREATE_TABLE, kdbi_parse_create_table, 1 },
    { "CREATE STREAM TABLE", KDB_STMT_CREATE_TABLE, kdbi_parse_create_table, 1 },
    { "DROP TABLE", KDB_STMT_DROP_TABLE, kdbi_parse_drop_table, 2 },
    { "DROP USER TABLE", KDB_STMT_DROP_TABLE, kdbi_parse_drop_table, 3 },
    { "DROP SHARED TABLE", KDB_STMT_DROP_TABLE, kdbi_parse_drop_table, 3 },
    { "DROP STREAM TABLE", KDB_STMT_DROP_TABLE, kdbi_parse_drop_table, 3 },
    { "SHOW TABLES", KDB_STMT_SHOW_TABLES, kdbi_parse_show_tables, 2 },
    { "SHOW COLUMNS", KDB_STMT_DESCRIBE_TABLE, kdbi_parse_show_columns, 2 },
    { "SHOW STATS FOR TABLE", KDB_STMT_SHOW_STATS, kdbi_parse_show_stats, 4 },
    { "SHOW TABLE STATS", KDB_STMT_SHOW_STATS, kdbi_parse_show_stats, 3 },
    { "CREATE STORAGE", KDB_STMT_CREATE_STORAGE, kdbi_parse_create_storage, 2 },
    { "ALTER STORAGE", KDB_STMT_ALTER_STORAGE, kdbi_parse_alter_storage, 2 },
    { "DROP STORAGE", KDB_STMT_DROP_STORAGE, kdbi_parse_drop_storage, 2 },
    { "STORAGE CHECK", KDB_STMT_CHECK_STORAGE, kdbi_parse_check_storage, 2 },
    { "SHOW STORAGES", KDB_STMT_SHOW_STORAGES, kdbi_parse_show_nothing_more, 2 },
    { "SHOW MANIFEST CACHE", KDB_STMT_SHOW_MANIFEST, kdbi_parse_show_nothing_more, 3 },
    { "SHOW MANIFEST", KDB_STMT_SHOW_MANIFEST, kdbi_parse_show_nothing_more, 2 },
    { "SHOW SEARCH_PATH", KDB_STMT_SHOW_SEARCH_PATH, kdbi_parse_show_nothing_more, 2 },
    { "RESET SEARCH_PATH", KDB_STMT_USE_NAMESPACE, kdbi_parse_show_nothing_more, 2 },
    { "RESET ALL", KDB_STMT_USE_NAMESPACE, kdbi_parse_show_nothing_more, 2 },
    { "SHOW ALL", KDB_STMT_SHOW_ALL, kdbi_parse_show_nothing_more, 2 },
    { "SET SEARCH_PATH TO", KDB_STMT_USE_NAMESPACE, kdbi_parse_use_namespace, 3 },
    { "DESCRIBE", KDB_STMT_DESCRIBE_TABLE, kdbi_parse_describe, 1 },
    { "DESC", KDB_STMT_DESCRIBE_TABLE, kdbi_parse_describe, 1 },
    { "EXPLAIN", KDB_STMT_EXPLAIN, kdbi_parse_explain, 1 },
    { "VERIFY AUDIT LOG", KDB_STMT_VERIFY_AUDIT_LOG, kdbi_parse_show_nothing_more, 3 },
    { "CREATE VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_create_view, 1 },
    { "CREATE OR REPLACE VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_create_view, 1 },
    { "CREATE MATERIALIZED VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_materialized_view, 1 },
    { "CREATE OR REPLACE MATERIALIZED VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_materialized_view, 1 },
    { "CREATE TEMPORARY VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_temporary_view, 1 },
    { "CREATE TEMP VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_temporary_view, 1 },
    { "CREATE OR REPLACE TEMPORARY VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_temporary_view, 1 },
    { "CREATE OR REPLACE TEMP VIEW", KDB_STMT_CREATE_VIEW, kdbi_parse_temporary_view, 1 },
    { "DROP VIEW", KDB_STMT_DROP_VIEW, kdbi_parse_drop_table, 2 },
    { "CREATE USER", KDB_STMT_CREATE_USER, kdbi_parse_create_user, 2 },
    { "CREATE POLICY", KDB_STMT_CREATE_POLICY, kdbi_parse_create_policy, 2 },
    { "ALTER POLICY", KDB_STMT_ALTER_POLICY, kdbi_parse_alter_policy, 2 },
    { "DROP POLICY", KDB_STMT_DROP_POLICY, kdbi_parse_drop_policy, 2 },
    { "SHOW POLICIES", KDB_STMT_SHOW_POLICIES, kdbi_parse_show_policies, 2 },
    { "ALTER TABLE", KDB_STMT_ALTER_TABLE, kdbi_parse_alter_table, 1 },
    { "ALTER USER TABLE", KDB_STMT_ALTER_TABLE, kdbi_parse_alter_table, 1 },
    { "ALTER SHARED TABLE", KDB_STMT_ALTER_TABLE, kdbi_parse_alter_table, 1 },
    { "ALTER STREAM TABLE", KDB_STMT_ALTER_TABLE, kdbi_parse_alter_table, 1 },
    { "ALTER USER", KDB_STMT_ALTER_USER, kdbi_parse_alter_user, 2 },
    { "DROP USER", KDB_STMT_DROP_USER, kdbi_parse_drop_user, 2 },

    UNSERVED("ALTER TOPIC"),
    UNSERVED("ALTER ROLE"),
    UNSERVED("ALTER SYSTEM"),
    UNSERVED("ALTER"),
    UNSERVED("CREATE OR REPLACE TABLE"),
    UNSERVED("CREATE OR REPLACE FUNCTION"),
    UNSERVED("CREATE OR REPLACE"),
    UNSERVED("CREATE TEMPORARY TABLE"),
    UNSERVED("CREATE TEMP TABLE"),
    UNSERVED("CREATE UNLOGGED TABLE"),
    UNSERVED("CREATE EXTERNAL TABLE"),
    UNSERVED("CREATE UNIQUE INDEX"),
    UNSERVED("CREATE INDEX"),
    UNSERVED("CREATE TOPIC"),
    UNSERVED("CREATE TYPE"),
    UNSERVED("CREATE FUNCTION"),
    UNSERVED("CREATE PROCEDURE"),
    UNSERVED("CREATE SEQUENCE"),
    UNSERVED("CREATE TRIGGER"),
    UNSERVED("CREATE ROLE"),
    UNSERVED("CREATE DATABASE"),
    UNSERVED("CREATE EXTENSION"),
    UNSERVED("CREATE MACRO"),
    UNSERVED("CREATE SECRET"),
    UNSERVED("CREATE PERSISTENT SECRET"),
    UNSERVED("DROP MATERIALIZED VIEW"),
    UNSERVED("DROP INDEX"),
    UNSERVED("DROP TOPIC"),
    UNSERVED("DROP TYPE"),
    UNSERVED("DROP FUNCTION"),
    UNSERVED("DROP PROCEDURE"),
    UNSERVED("DROP SEQUENCE"),
    UNSERVED("DROP TRIGGER"),
    UNSERVED("DROP ROLE"),
    UNSERVED("DROP DATABASE"),
    UNSERVED("DROP EXTENSION"),
    UNSERVED("DROP SECRET"),
    { "SHOW EXPORT", KDB_STMT_SHOW_EXPORT, kdbi_parse_show_nothing_more, 2 },
    UNSERVED("SHOW BACKUP"),
    UNSERVED("SHOW BACKUPS"),
    UNSERVED("SHOW"),
    UNSERVED("ANALYZE"),
    UNSERVED("SET"),
    UNSERVED("RESET"),
    UNSERVED("COMMIT PREPARED"),
    UNSERVED("ROLLBACK PREPARED"),
    { "BEGIN", KDB_STMT_BEGIN, kdbi_parse_transaction, 1 },
    { "START TRANSACTION", KDB_STMT_BEGIN, kdbi_parse_show_nothing_more, 2 },
    { "COMMIT", KDB_STMT_COMMIT, kdbi_parse_transaction, 1 },
    { "ROLLBACK TO SAVEPOINT", KDB_STMT_ROLLBACK_TO, kdbi_parse_savepoint, 3 },
    { "ROLLBACK TO", KDB_STMT_ROLLBACK_TO, kdbi_parse_savepoint, 2 },
    { "ROLLBACK", KDB_STMT_ROLLBACK, kdbi_parse_transaction, 1 },
    { "SAVEPOINT", KDB_STMT_SAVEPOINT, kdbi_parse_savepoint, 1 },
    { "RELEASE SAVEPOINT", KDB_STMT_RELEASE, kdbi_parse_savepoint, 2 },
    { "RELEASE", KDB_STMT_RELEASE, kdbi_parse_savepoint, 1 },
    UNSERVED("ABORT"),
    { "SUBSCRIBE TO", KDB_STMT_SUBSCRIBE, kdbi_parse_subscribe, 2 },
    UNSERVED("SUBSCRIBE"),
    UNSERVED("UNSUBSCRIBE"),
    UNSERVED("EXECUTE AS USER"),
    UNSERVED("EXECUTE AS"),
    UNSERVED("EXECUTE"),
    { "STORAGE FLUSH TABLE", KDB_STMT_FLUSH_TABLE, kdbi_parse_maintained_table, 3 },
    { "STORAGE FLUSH ALL", KDB_STMT_FLUSH_ALL, kdbi_parse_maintained_namespace, 3 },
    { "STORAGE COMPACT TABLE", KDB_STMT_COMPACT_TABLE, kdbi_parse_maintained_table, 3 },
    { "STORAGE COMPACT ALL", KDB_STMT_COMPACT_ALL, kdbi_parse_maintained_namespace, 3 },
    { "STORAGE REBUILD MANIFEST TABLE", KDB_STMT_REBUILD_MANIFEST, kdbi_parse_maintained_table, 4 },
    { "FLUSH TABLE", KDB_STMT_FLUSH_TABLE, kdbi_parse_maintained_table, 2 },
    { "FLUSH ALL TABLES", KDB_STMT_FLUSH_ALL, kdbi_parse_maintained_namespace, 3 },
    UNSERVED("STORAGE FLUSH"),
    UNSERVED("STORAGE COMPACT"),
    UNSERVED("STORAGE REBUILD"),
    UNSERVED("STORAGE"),
    UNSERVED("FLUSH"),
    { "BACKUP DATABASE TO", KDB_STMT_BACKUP, kdbi_parse_backup_path, 3 },
    { "RESTORE DATABASE FROM", KDB_STMT_RESTORE, kdbi_parse_backup_path, 3 },
    { "EXPORT USER DATA", KDB_STMT_EXPORT_USER_DATA, kdbi_parse_show_nothing_more, 3 },
    UNSERVED("BACKUP"),
    UNSERVED("RESTORE"),
    UNSERVED("EXPORT"),
    UNSERVED("IMPORT"),
    { "KILL LIVE QUERY", KDB_STMT_KILL_LIVE_QUERY, kdbi_parse_kill_live, 3 },
    { "KILL JOB", KDB_STMT_KILL_JOB, kdbi_parse_kill_job, 2 },
    UNSERVED("KILL"),
    UNSERVED("CONSUME"),
    UNSERVED("ACK"),
    UNSERVED("CLEAR TOPIC"),
    UNSERVED("CLUSTER"),
    UNSERVED("TRUNCATE"),
    UNSERVED("COMMENT"),
    UNSERVED("GRANT"),
    UNSERVED("REVOKE"),
    UNSERVED("PREPARE"),
    UNSERVED("DEALLOCATE"),
    UNSERVED("COPY"),
    UNSERVED("ATTACH"),
    UNSERVED("DETACH"),
    UNSERVED("PRAGMA"),
    UNSERVED("INSTALL"),
    UNSERVED("LOAD"),
    UNSERVED("CALL"),
    UNSERVED("DO"),
    UNSERVED("VACUUM"),
    UNSERVED("CHECKPOINT"),
    UNSERVED("FORCE"),
    UNSERVED("LOCK"),
    UNSERVED("MERGE"),
    UNSERVED("REPLACE"),
    UNSERVED("UPSERT"),
    UNSERVED("DECLARE"),
    UNSERVED("FETCH"),
    UNSERVED("MOVE"),
    UNSERVED("CLOSE"),
    UNSERVED("LISTEN"),
    UNSERVED("UNLISTEN"),
    UNSERVED("NOTIFY"),
    UNSERVED("DISCARD"),
    UNSERVED("REINDEX"),
    UNSERVED("REFRESH"),
    UNSERVED("REASSIGN"),
    UNSERVED("SECURITY"),
    UNSERVED("SUMMARIZE"),
    UNSERVED("PIVOT"),
    UNSERVED("UNPIVOT"),
    UNSERVED("DROP"),
};

static const stmt_words *find_known(const kdbi_cursor *cur)
{
    const char first = cur->token.kind == KDBI_TOKEN_WORD ? cur->token.text.ptr[0] : '\0';
    for (size_t i = 0; i < KDB_ARRAY_LEN(known_stmts); i++) {
        if (((first ^ known_stmts[i].words[0]) & ~0x20) != 0) { /* mostly it is not the one */
            continue;
        }
        kdbi_cursor ahead = *cur;
        if (kdbi_accept_words(&ahead, known_stmts[i].words)) {
            return &known_stmts[i];
        }
    }
    return NULL;
}

/* `SHOW` or `RESET` alone says little of what was wanted: the next word is named too. */
static kdb_sv refused_name(const stmt_words *row, const kdbi_cursor *cur)
{
    kdbi_cursor ahead = *cur;
    const bool vague =
        strcmp(row->words, "SHOW") == 0 || strcmp(row->words, "SET") == 0 || strcmp(row->words, "RESET") == 0;
    kdbi_advance(&ahead);
    if (!vague || ahead.token.kind != KDBI_TOKEN_WORD) {
        return kdb_sv_cstr(row->words);
    }
    return kdb_sv_printf(cur->arena, "%s %.*s", row->words, KDB_SV_ARG(ahead.token.text));
}

static kdb_status parse_known(const stmt_words *row, kdbi_cursor *cur, kdb_stmt *stmt)
{
    if (row->parse == NULL) {
        return unsupported(refused_name(row, cur), cur->err);
    }
    for (size_t i = 0; i < row->skip; i++) {
        kdbi_advance(cur);
    }
    stmt->kind = row->kind;
    return row->parse(cur, stmt);
}

static void set_shape(kdb_query *query, const kdb_shape *shape)
{
    if (query != NULL) {
        query->shape = shape;
    }
}

/* For the binder, which finds literals by their places in the text. */
static void keep_shape(kdb_stmt *stmt)
{
    if (stmt->kind == KDB_STMT_QUERY) {
        set_shape(stmt->as.query, stmt->shape);
    } else if (stmt->kind == KDB_STMT_INSERT) {
        set_shape(stmt->as.insert.exprs, stmt->shape);
        set_shape(stmt->as.insert.select, stmt->shape);
        set_shape(kdbi_row_text(stmt->as.insert.rows), stmt->shape);
    } else if (stmt->kind == KDB_STMT_UPDATE || stmt->kind == KDB_STMT_DELETE) {
        set_shape(stmt->as.change.select, stmt->shape);
        set_shape(kdbi_row_text(stmt->as.change.rows), stmt->shape);
    }
}

kdb_status kdb_dialect_parse(kdb_sv text, const kdb_shape *shape, kdb_arena *arena, kdb_stmt **out, kdb_err *err)
{
    kdb_stmt *stmt = KDB_ARENA_NEW(arena, kdb_stmt);
    stmt->text = text;
    stmt->shape = shape;
    stmt->lifted = shape == NULL ? NULL : KDB_ARENA_ARRAY(arena, bool, shape->nliterals + 1);
    kdbi_cursor cur = kdbi_cursor_at(text, arena, err);
    const stmt_words *row = find_known(&cur);
    KDB_TRY(row != NULL ? parse_known(row, &cur, stmt) : parse_grammar(&cur, stmt));
    keep_shape(stmt);
    *out = stmt;
    return KDB_OK;
}
