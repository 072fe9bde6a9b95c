/* dialect_namespace.c - CREATE, DROP and USE NAMESPACE, with SCHEMA as the newer word (sql.md 7, 22). */
#include "dialect_int.h"

static kdb_status expect_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_sv name;
    KDB_TRY(kdbi_expect_name(cur, &name));
    stmt->as.ns.name = kdb_sv_dup_lower(cur->arena, name);
    return KDB_OK;
}

kdb_status kdbi_parse_create_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.ns.if_flag = kdbi_accept_words(cur, "IF NOT EXISTS");
    KDB_TRY(expect_namespace(cur, stmt));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_drop_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.ns.if_flag = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(expect_namespace(cur, stmt));
    stmt->as.ns.cascade = kdbi_accept_word(cur, "CASCADE");
    if (!stmt->as.ns.cascade) {
        (void)kdbi_accept_word(cur, "RESTRICT");
    }
    return kdbi_expect_end(cur);
}

/* A namespace may be called `namespace`: USE NAMESPACE alone names it. */
kdb_status kdbi_parse_use_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdbi_cursor ahead = *cur;
    if ((kdbi_accept_word(&ahead, "NAMESPACE") || kdbi_accept_word(&ahead, "SCHEMA")) && !kdbi_at_end(&ahead)) {
        *cur = ahead;
    }
    KDB_TRY(expect_namespace(cur, stmt));
    return kdbi_expect_end(cur);
}
