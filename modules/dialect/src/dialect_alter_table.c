/* dialect_alter_table.c - ALTER TABLE (sql.md 8): one operation per statement. What the server does not do is refused by its
 * name, so that nobody believes in a constraint or an index that is not there. */
#include "dialect_int.h"

static kdb_status refuse(kdbi_cursor *cur, const char *message)
{
    return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "%s", message);
}

static kdb_status expect_column_name(kdbi_cursor *cur, kdb_alter_table *alter)
{
    kdb_sv name;
    alter->column.position = (int32_t)cur->token.offset;
    KDB_TRY(kdbi_expect_name(cur, &name));
    alter->column.name = kdb_sv_dup_lower(cur->arena, name);
    return KDB_OK;
}

/* ---- ADD, DROP, RENAME ---- */

static kdb_status parse_add(kdbi_cursor *cur, kdb_alter_table *alter)
{
    alter->op = KDB_ALTER_ADD_COLUMN;
    const bool said_column = kdbi_accept_word(cur, "COLUMN");
    alter->if_column = kdbi_accept_words(cur, "IF NOT EXISTS");
    if (!said_column && !alter->if_column) {
        KDB_TRY(kdbi_refuse_table_constraint(cur));
    }
    KDB_TRY(kdbi_expect_column(cur, &alter->column));
    if (kdbi_at_word(cur, "FIRST") || kdbi_at_word(cur, "AFTER")) {
        return refuse(cur, "FIRST and AFTER are not supported: a new column comes last");
    }
    return KDB_OK;
}

static kdb_status parse_drop(kdbi_cursor *cur, kdb_alter_table *alter)
{
    alter->op = KDB_ALTER_DROP_COLUMN;
    kdbi_cursor ahead = *cur;
    if (kdbi_accept_word(&ahead, "CONSTRAINT") && kdbi_at_name(&ahead)) {
        return refuse(cur, "DROP CONSTRAINT is not supported: tables have no named constraints");
    }
    if (kdbi_accept_words(&ahead, "PRIMARY KEY")) {
        return refuse(cur, "The PRIMARY KEY of a table cannot be dropped");
    }
    (void)kdbi_accept_word(cur, "COLUMN");
    alter->if_column = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(expect_column_name(cur, alter));
    if (kdbi_at_word(cur, "CASCADE") || kdbi_at_word(cur, "RESTRICT")) {
        return refuse(cur, "DROP COLUMN with CASCADE or RESTRICT is not supported");
    }
    return KDB_OK;
}

static kdb_status parse_rename(kdbi_cursor *cur, kdb_alter_table *alter)
{
    alter->op = KDB_ALTER_RENAME_COLUMN;
    kdbi_cursor ahead = *cur;
    if (kdbi_accept_word(&ahead, "TO") && kdbi_at_name(&ahead) && !kdbi_at_word(&ahead, "TO")) {
        return refuse(cur, "Renaming a table is not supported");
    }
    (void)kdbi_accept_word(cur, "COLUMN");
    KDB_TRY(expect_column_name(cur, alter));
    KDB_TRY(kdbi_expect_word(cur, "TO"));
    kdb_sv name;
    alter->new_name.position = (int32_t)cur->token.offset;
    KDB_TRY(kdbi_expect_name(cur, &name));
    alter->new_name.name = kdb_sv_dup_lower(cur->arena, name);
    return KDB_OK;
}

/* ---- MODIFY, ALTER ---- */

/* A type, as that of a column that is there already. */
static kdb_status expect_new_type(kdbi_cursor *cur, kdb_alter_table *alter)
{
    const kdbi_cursor at = *cur;
    bool serial = false;
    alter->op = KDB_ALTER_MODIFY_COLUMN;
    KDB_TRY(kdbi_expect_type(cur, &alter->column.type, &serial));
    if (serial) {
        *cur = at;
        return refuse(cur, "Only a new column can be SERIAL");
    }
    return KDB_OK;
}

static kdb_status parse_modify(kdbi_cursor *cur, kdb_alter_table *alter)
{
    (void)kdbi_accept_word(cur, "COLUMN");
    KDB_TRY(expect_column_name(cur, alter));
    KDB_TRY(expect_new_type(cur, alter));
    alter->column.not_null = kdbi_accept_words(cur, "NOT NULL");
    alter->says_null = alter->column.not_null || kdbi_accept_word(cur, "NULL");
    return kdbi_refuse_column_constraint(cur);
}

static kdb_status parse_set(kdbi_cursor *cur, kdb_alter_table *alter)
{
    if (kdbi_accept_words(cur, "NOT NULL")) {
        alter->op = KDB_ALTER_SET_NOT_NULL;
        return KDB_OK;
    }
    if (kdbi_accept_words(cur, "DATA TYPE")) {
        return expect_new_type(cur, alter);
    }
    alter->op = KDB_ALTER_SET_DEFAULT;
    KDB_TRY(kdbi_expect_word(cur, "DEFAULT"));
    return kdbi_expect_default(cur, &alter->column);
}

static kdb_status parse_alter(kdbi_cursor *cur, kdb_alter_table *alter)
{
    (void)kdbi_accept_word(cur, "COLUMN");
    KDB_TRY(expect_column_name(cur, alter));
    if (kdbi_accept_word(cur, "SET")) {
        return parse_set(cur, alter);
    }
    if (kdbi_accept_word(cur, "TYPE")) {
        return expect_new_type(cur, alter);
    }
    if (kdbi_accept_words(cur, "DROP NOT NULL")) {
        alter->op = KDB_ALTER_DROP_NOT_NULL;
        return KDB_OK;
    }
    if (kdbi_accept_words(cur, "DROP DEFAULT")) {
        alter->op = KDB_ALTER_DROP_DEFAULT;
        return KDB_OK;
    }
    return kdbi_syntax_error(cur);
}

/* ---- SET ACCESS LEVEL ---- */

/* A word or a string. */
static kdb_status expect_level(kdbi_cursor *cur, kdb_alter_table *alter)
{
    const int32_t position = (int32_t)cur->token.offset;
    kdb_sv text;
    alter->op = KDB_ALTER_SET_ACCESS;
    KDB_TRY(cur->token.kind == KDBI_TOKEN_STRING ? kdbi_expect_string(cur, &text) : kdbi_expect_name(cur, &text));
    return kdbi_access_level(text, position, &alter->access, cur->err);
}

static kdb_status parse_properties(kdbi_cursor *cur, kdb_alter_table *alter)
{
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    const kdbi_cursor at = *cur;
    kdb_sv name;
    KDB_TRY(cur->token.kind == KDBI_TOKEN_STRING ? kdbi_expect_string(cur, &name) : kdbi_expect_name(cur, &name));
    if (!kdb_sv_ieq(name, KDB_SV("ACCESS_LEVEL"))) {
        return KDB_FAIL_AT(cur->err, (int32_t)at.token.offset, KDB_INVALID_SQL,
                           "Unknown table property '%.*s'. Only ACCESS_LEVEL can be set", KDB_SV_ARG(name));
    }
    if (!kdb_sv_eq(cur->token.text, KDB_SV("="))) {
        return kdbi_syntax_error(cur);
    }
    kdbi_advance(cur);
    KDB_TRY(expect_level(cur, alter));
    return kdbi_expect_symbol(cur, ')');
}

static kdb_status parse_set_access(kdbi_cursor *cur, kdb_alter_table *alter)
{
    if (kdbi_accept_word(cur, "TBLPROPERTIES")) {
        return parse_properties(cur, alter);
    }
    KDB_TRY(kdbi_expect_word(cur, "ACCESS"));
    KDB_TRY(kdbi_expect_word(cur, "LEVEL"));
    return expect_level(cur, alter);
}

/* ---- the statement ---- */

/* One row per operation; those without a parser are refused with the message. */
typedef struct operation {
    const char *words;
    kdb_status (*parse)(kdbi_cursor *cur, kdb_alter_table *alter);
    const char *refused;
} operation;

#define NO_SWITCH "Row policies have no switch: they count from the first that a table has to the last"

static const operation operations[] = {
    { "ADD UNIQUE INDEX", NULL, "Secondary indexes are not supported" },
    { "ADD", parse_add, NULL },
    { "DROP VECTOR INDEX", NULL, "Vector indexes are not supported" },
    { "DROP INDEX", NULL, "Vector indexes and secondary indexes are not supported" },
    { "DROP", parse_drop, NULL },
    { "MODIFY", parse_modify, NULL },
    { "ALTER", parse_alter, NULL },
    { "RENAME", parse_rename, NULL },
    { "SET", parse_set_access, NULL },
    { "CREATE UNIQUE INDEX", NULL, "Secondary indexes are not supported" },
    { "CREATE VECTOR INDEX", NULL, "Vector indexes are not supported" },
    { "CREATE INDEX", NULL, "Vector indexes and secondary indexes are not supported" },
    { "ENABLE ROW LEVEL SECURITY", NULL, NO_SWITCH },
    { "DISABLE ROW LEVEL SECURITY", NULL, NO_SWITCH },
    { "FORCE ROW LEVEL SECURITY", NULL, "Roles dba and system bypass row policies" },
    { "NO FORCE ROW LEVEL SECURITY", NULL, "Roles dba and system bypass row policies" },
};

static kdb_status parse_operation(kdbi_cursor *cur, kdb_alter_table *alter)
{
    const kdbi_cursor at = *cur;
    for (size_t i = 0; i < KDB_ARRAY_LEN(operations); i++) {
        if (!kdbi_accept_words(cur, operations[i].words)) {
            continue;
        }
        if (operations[i].parse == NULL) {
            *cur = at;
            return refuse(cur, operations[i].refused);
        }
        return operations[i].parse(cur, alter);
    }
    return kdbi_syntax_error(cur);
}

/* After ALTER. The type word is not compared with what the table is, as in DROP TABLE. */
kdb_status kdbi_parse_alter_table(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_alter_table *alter = KDB_ARENA_NEW(cur->arena, kdb_alter_table);
    (void)(kdbi_accept_word(cur, "USER") || kdbi_accept_word(cur, "SHARED") || kdbi_accept_word(cur, "STREAM"));
    KDB_TRY(kdbi_expect_word(cur, "TABLE"));
    alter->if_exists = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(kdbi_expect_table_name(cur, &alter->table));
    KDB_TRY(parse_operation(cur, alter));
    if (kdbi_at_symbol(cur, ',')) {
        return refuse(cur, "Only one ALTER TABLE operation is supported per statement");
    }
    stmt->as.alter_table = alter;
    return kdbi_expect_end(cur);
}
