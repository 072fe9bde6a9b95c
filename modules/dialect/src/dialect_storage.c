/* dialect_storage.c - CREATE, ALTER and DROP STORAGE, STORAGE CHECK (sql.md 17). Texts may hold credentials: no message
 * repeats one. */
#include "dialect_int.h"

/* Where a clause's text goes. */
typedef struct storage_clause {
    const char *word;
    size_t at;   /* of a kdb_storage_text in kdb_storage_stmt */
    bool alters; /* ALTER STORAGE .. SET has it too */
} storage_clause;

static const storage_clause clauses[] = {
    { "TYPE", offsetof(kdb_storage_stmt, type), false },
    { "PATH", offsetof(kdb_storage_stmt, path), false },
    { "BASE_DIRECTORY", offsetof(kdb_storage_stmt, path), false },
    { "BUCKET", offsetof(kdb_storage_stmt, bucket), false },
    { "REGION", offsetof(kdb_storage_stmt, region), false },
    { "NAME", offsetof(kdb_storage_stmt, name), true },
    { "DESCRIPTION", offsetof(kdb_storage_stmt, description), true },
    { "SHARED_TABLES_TEMPLATE", offsetof(kdb_storage_stmt, shared_template), true },
    { "USER_TABLES_TEMPLATE", offsetof(kdb_storage_stmt, user_template), true },
    { "CREDENTIALS", offsetof(kdb_storage_stmt, credentials), true },
    { "CONFIG", offsetof(kdb_storage_stmt, config), true },
};

static const storage_clause *find_clause(const kdbi_cursor *cur)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(clauses); i++) {
        if (kdbi_at_word(cur, clauses[i].word)) {
            return &clauses[i];
        }
    }
    return NULL;
}

/* The type may be a bare word. What else is not in single quotes is a text, quoted wrongly: it is not repeated. */
static kdb_status expect_text(kdbi_cursor *cur, const storage_clause *clause, kdb_sv *out)
{
    const kdbi_token_kind kind = cur->token.kind;
    if (clause->at == offsetof(kdb_storage_stmt, type) && kind == KDBI_TOKEN_WORD) {
        return kdbi_expect_id(cur, out);
    }
    if (kind == KDBI_TOKEN_WORD || kind == KDBI_TOKEN_QUOTED || kind == KDBI_TOKEN_NUMBER) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "%s is followed by a text in single quotes", clause->word);
    }
    return kdbi_expect_string(cur, out);
}

static kdb_status expect_clause(kdbi_cursor *cur, const storage_clause *clause, kdb_storage_stmt *storage)
{
    kdb_storage_text *out = (kdb_storage_text *)((char *)storage + clause->at);
    if (out->position != 0) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "%s is said twice", clause->word);
    }
    kdbi_advance(cur);
    out->position = (int32_t)cur->token.offset;
    return expect_text(cur, clause, &out->text);
}

static kdb_status expect_storage(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_storage_stmt *storage = KDB_ARENA_NEW(cur->arena, kdb_storage_stmt);
    stmt->as.storage = storage;
    storage->position = (int32_t)cur->token.offset;
    return kdbi_expect_id(cur, &storage->id);
}

kdb_status kdbi_parse_create_storage(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->has_secret = true;
    KDB_TRY(expect_storage(cur, stmt));
    kdb_storage_stmt *storage = stmt->as.storage;
    for (const storage_clause *clause; (clause = find_clause(cur)) != NULL;) {
        KDB_TRY(expect_clause(cur, clause, storage));
    }
    KDB_TRY(kdbi_expect_end(cur));
    if (storage->type.position == 0) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "CREATE STORAGE requires a TYPE clause");
    }
    if (storage->path.position != 0 && storage->bucket.position != 0) {
        return KDB_FAIL_AT(cur->err, storage->bucket.position, KDB_INVALID_SQL,
                           "A storage has one of PATH, BASE_DIRECTORY and BUCKET");
    }
    return KDB_OK;
}

static kdb_status expect_change(kdbi_cursor *cur, kdb_storage_stmt *storage)
{
    const storage_clause *clause = find_clause(cur);
    if (clause == NULL) {
        return kdbi_syntax_error(cur);
    }
    if (!clause->alters) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "The %s of a storage cannot be changed: its files lie there", clause->word);
    }
    return expect_clause(cur, clause, storage);
}

/* `SET a 'x' SET b 'y'` or `SET a 'x', b 'y'`. */
kdb_status kdbi_parse_alter_storage(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->has_secret = true;
    KDB_TRY(expect_storage(cur, stmt));
    KDB_TRY(kdbi_expect_word(cur, "SET"));
    do {
        KDB_TRY(expect_change(cur, stmt->as.storage));
    } while (kdbi_accept_word(cur, "SET") || kdbi_accept_symbol(cur, ','));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_drop_storage(kdbi_cursor *cur, kdb_stmt *stmt)
{
    const bool if_exists = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(expect_storage(cur, stmt));
    stmt->as.storage->if_exists = if_exists;
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_check_storage(kdbi_cursor *cur, kdb_stmt *stmt)
{
    KDB_TRY(expect_storage(cur, stmt));
    stmt->as.storage->extended = kdbi_accept_word(cur, "EXTENDED");
    return kdbi_expect_end(cur);
}
