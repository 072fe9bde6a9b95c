/* dialect_transaction.c - BEGIN, COMMIT, ROLLBACK and savepoints (sql.md 10). No isolation clauses: there is one level. */
#include "dialect_int.h"

kdb_status kdbi_parse_transaction(kdbi_cursor *cur, KDB_UNUSED kdb_stmt *stmt)
{
    if (!kdbi_accept_word(cur, "TRANSACTION")) {
        (void)kdbi_accept_word(cur, "WORK");
    }
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_savepoint(kdbi_cursor *cur, kdb_stmt *stmt)
{
    KDB_TRY(kdbi_expect_name(cur, &stmt->as.savepoint.name));
    return kdbi_expect_end(cur);
}
