/* dialect_job.c - the statements that start jobs and end them: STORAGE FLUSH, COMPACT and REBUILD, KILL JOB, BACKUP and RESTORE DATABASE
 * (sql.md 18, 19). */
#include "dialect_int.h"

/* After STORAGE FLUSH TABLE, STORAGE COMPACT TABLE, STORAGE REBUILD MANIFEST TABLE and the legacy FLUSH TABLE: which table it is does not depend on where the
 * request stands. */
kdb_status kdbi_parse_maintained_table(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_table_name *table = &stmt->as.table.table;
    KDB_TRY(kdbi_expect_table_name(cur, table));
    if (table->ns.len == 0) {
        return KDB_FAIL_AT(cur->err, table->position, KDB_INVALID_SQL,
                           "a table is named with its namespace here: namespace.%.*s", KDB_SV_ARG(table->name));
    }
    return kdbi_expect_end(cur);
}

/* After .. ALL: `[IN [NAMESPACE] ns]`. A namespace may be called `namespace`. */
kdb_status kdbi_parse_maintained_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.ns = (kdb_namespace_stmt){ .name = { NULL, 0 } };
    if (!kdbi_accept_word(cur, "IN")) {
        return kdbi_expect_end(cur);
    }
    (void)kdbi_accept_word_before(cur, "NAMESPACE");
    KDB_TRY(kdbi_expect_namespace(cur, stmt));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_kill_job(kdbi_cursor *cur, kdb_stmt *stmt)
{
    KDB_TRY(kdbi_expect_string(cur, &stmt->as.job_id));
    return kdbi_expect_end(cur);
}

/* After BACKUP DATABASE TO and RESTORE DATABASE FROM. */
kdb_status kdbi_parse_backup_path(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.backup.position = (int32_t)cur->token.offset;
    KDB_TRY(kdbi_expect_string(cur, &stmt->as.backup.path));
    return kdbi_expect_end(cur);
}
