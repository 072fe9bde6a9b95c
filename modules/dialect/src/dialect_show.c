/* dialect_show.c - DROP TABLE and the statements that look at tables: SHOW .., DESCRIBE (sql.md 8). */
#include "dialect_int.h"

/* After DROP TABLE and DROP VIEW. Both words behind it mean RESTRICT: what a view uses stays, and its message names the
 * view. With CASCADE, nothing is dropped that was not named. */
kdb_status kdbi_parse_drop_table(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.table.if_exists = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(kdbi_expect_table_name(cur, &stmt->as.table.table));
    (void)(kdbi_accept_word(cur, "CASCADE") || kdbi_accept_word(cur, "RESTRICT"));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_show_tables(kdbi_cursor *cur, kdb_stmt *stmt)
{
    if (kdbi_accept_word(cur, "IN") || kdbi_accept_word(cur, "FROM")) {
        (void)kdbi_accept_word_before(cur, "NAMESPACE");
        KDB_TRY(kdbi_expect_namespace(cur, stmt));
    }
    return kdbi_expect_end(cur);
}

/* After SHOW COLUMNS. */
kdb_status kdbi_parse_show_columns(kdbi_cursor *cur, kdb_stmt *stmt)
{
    if (!kdbi_accept_word(cur, "IN")) {
        KDB_TRY(kdbi_expect_word(cur, "FROM"));
    }
    KDB_TRY(kdbi_expect_table_name(cur, &stmt->as.table.table));
    return kdbi_expect_end(cur);
}

/* After SHOW STATS FOR TABLE, or the legacy SHOW TABLE STATS. */
kdb_status kdbi_parse_show_stats(kdbi_cursor *cur, kdb_stmt *stmt)
{
    KDB_TRY(kdbi_expect_table_name(cur, &stmt->as.table.table));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_show_nothing_more(kdbi_cursor *cur, kdb_stmt *stmt)
{
    (void)stmt;
    return kdbi_expect_end(cur);
}

/* After DESCRIBE or DESC: `[TABLE] t [HISTORY]`. A table may be called `table` when it is qualified or quoted. */
kdb_status kdbi_parse_describe(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdbi_cursor ahead = *cur;
    if (kdbi_accept_word(&ahead, "TABLE") && (kdbi_at_name(&ahead) || kdbi_at_end(&ahead))) {
        *cur = ahead;
    }
    KDB_TRY(kdbi_expect_table_name(cur, &stmt->as.table.table));
    (void)kdbi_accept_word(cur, "HISTORY");
    return kdbi_expect_end(cur);
}
