/* stmt_defs.c - one row per statement: its name, the least role that may run it, what it does and who runs it. Rights on
 * the tables it names are checked besides, by access.c. */
#include "core_int.h"

#define ADMIN_NAMESPACES "Admin privileges (DBA or System role) required for namespace operations"
#define ADMIN_VIEWS "Admin privileges (DBA or System role) required for view operations"
#define ADMIN_POLICIES "Admin privileges (DBA or System role) required for policy management"
#define ADMIN_USERS "Admin privileges (DBA or System role) required for user management"
#define ANONYMOUS "Anonymous users can only SELECT from public tables. Please authenticate to perform write operations."

const kdb_stmt_def kdb_stmt_defs[KDB_STMT_KIND_COUNT] = {
    [KDB_STMT_QUERY] = { "SELECT", KDB_ROLE_ANONYMOUS, KDB_STMT_READS | KDB_STMT_PLANNED, "" },
    [KDB_STMT_INSERT] = { "INSERT", KDB_ROLE_USER, KDB_STMT_WRITES | KDB_STMT_PLANNED, ANONYMOUS },
    [KDB_STMT_UPDATE] = { "UPDATE", KDB_ROLE_USER, KDB_STMT_WRITES | KDB_STMT_PLANNED, ANONYMOUS },
    [KDB_STMT_DELETE] = { "DELETE", KDB_ROLE_USER, KDB_STMT_WRITES | KDB_STMT_PLANNED, ANONYMOUS },
    [KDB_STMT_CREATE_NAMESPACE] = { "CREATE NAMESPACE", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_NAMESPACES },
    [KDB_STMT_ALTER_NAMESPACE] = { "ALTER NAMESPACE", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_NAMESPACES },
    [KDB_STMT_DROP_NAMESPACE] = { "DROP NAMESPACE", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_NAMESPACES },
    [KDB_STMT_USE_NAMESPACE] = { "USE", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_SHOW_NAMESPACES] = { "SHOW NAMESPACES", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    /* SHARED tables need role service: checked where the type is known. */
    [KDB_STMT_CREATE_TABLE] = { "CREATE TABLE", KDB_ROLE_USER, KDB_STMT_DDL, ANONYMOUS },
    [KDB_STMT_ALTER_TABLE] = { "ALTER TABLE", KDB_ROLE_USER, KDB_STMT_DDL, "Insufficient privileges to alter table" },
    [KDB_STMT_DROP_TABLE] = { "DROP TABLE", KDB_ROLE_DBA, KDB_STMT_DDL, "Insufficient privileges to drop this table" },
    [KDB_STMT_SHOW_TABLES] = { "SHOW TABLES", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_DESCRIBE_TABLE] = { "DESCRIBE TABLE", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_SHOW_STATS] = { "SHOW STATS", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_SHOW_STORAGES] = { "SHOW STORAGES", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_SHOW_MANIFEST] = { "SHOW MANIFEST", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_SHOW_ALL] = { "SHOW ALL", KDB_ROLE_DBA, KDB_STMT_READS,
                            "Admin privileges (DBA or System role) required for SHOW ALL" },
    [KDB_STMT_EXPLAIN] = { "EXPLAIN", KDB_ROLE_USER, KDB_STMT_READS, ANONYMOUS },
    [KDB_STMT_CREATE_VIEW] = { "CREATE VIEW", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_VIEWS },
    [KDB_STMT_DROP_VIEW] = { "DROP VIEW", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_VIEWS },
    [KDB_STMT_CREATE_POLICY] = { "CREATE POLICY", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_POLICIES },
    [KDB_STMT_ALTER_POLICY] = { "ALTER POLICY", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_POLICIES },
    [KDB_STMT_DROP_POLICY] = { "DROP POLICY", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_POLICIES },
    [KDB_STMT_SHOW_POLICIES] = { "SHOW POLICIES", KDB_ROLE_DBA, KDB_STMT_READS, ADMIN_POLICIES },
    [KDB_STMT_CREATE_USER] = { "CREATE USER", KDB_ROLE_DBA, KDB_STMT_DDL | KDB_STMT_HASHES, ADMIN_USERS },
    /* One's own password and e-mail are anybody's to change: auth decides. */
    [KDB_STMT_ALTER_USER] = { "ALTER USER", KDB_ROLE_USER, KDB_STMT_DDL | KDB_STMT_HASHES, ADMIN_USERS },
    [KDB_STMT_DROP_USER] = { "DROP USER", KDB_ROLE_DBA, KDB_STMT_DDL, ADMIN_USERS },
    [KDB_STMT_BEGIN] = { "BEGIN", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
    [KDB_STMT_COMMIT] = { "COMMIT", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
    [KDB_STMT_ROLLBACK] = { "ROLLBACK", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
    [KDB_STMT_SAVEPOINT] = { "SAVEPOINT", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
    [KDB_STMT_ROLLBACK_TO] = { "ROLLBACK TO", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
    [KDB_STMT_RELEASE] = { "RELEASE", KDB_ROLE_USER, KDB_STMT_TRANSACTION, ANONYMOUS },
};

const kdbi_stmt_run kdbi_stmt_runs[KDB_STMT_KIND_COUNT] = {
    [KDB_STMT_QUERY] = kdbi_run_query,
    [KDB_STMT_INSERT] = kdbi_run_insert,
    [KDB_STMT_UPDATE] = kdbi_run_update,
    [KDB_STMT_DELETE] = kdbi_run_delete,
    [KDB_STMT_CREATE_NAMESPACE] = kdbi_run_create_namespace,
    [KDB_STMT_ALTER_NAMESPACE] = kdbi_run_alter_namespace,
    [KDB_STMT_DROP_NAMESPACE] = kdbi_run_drop_namespace,
    [KDB_STMT_USE_NAMESPACE] = kdbi_run_use_namespace,
    [KDB_STMT_SHOW_NAMESPACES] = kdbi_run_show_namespaces,
    [KDB_STMT_CREATE_TABLE] = kdbi_run_create_table,
    [KDB_STMT_ALTER_TABLE] = kdbi_run_alter_table,
    [KDB_STMT_DROP_TABLE] = kdbi_run_drop_table,
    [KDB_STMT_SHOW_TABLES] = kdbi_run_show_tables,
    [KDB_STMT_DESCRIBE_TABLE] = kdbi_run_describe_table,
    [KDB_STMT_SHOW_STATS] = kdbi_run_show_stats,
    [KDB_STMT_SHOW_STORAGES] = kdbi_run_show_storages,
    [KDB_STMT_SHOW_MANIFEST] = kdbi_run_show_manifest,
    [KDB_STMT_SHOW_ALL] = kdbi_run_show_all,
    [KDB_STMT_EXPLAIN] = kdbi_run_explain,
    [KDB_STMT_CREATE_VIEW] = kdbi_run_create_view,
    [KDB_STMT_DROP_VIEW] = kdbi_run_drop_view,
    [KDB_STMT_CREATE_POLICY] = kdbi_run_create_policy,
    [KDB_STMT_ALTER_POLICY] = kdbi_run_alter_policy,
    [KDB_STMT_DROP_POLICY] = kdbi_run_drop_policy,
    [KDB_STMT_SHOW_POLICIES] = kdbi_run_show_policies,
    [KDB_STMT_CREATE_USER] = kdbi_run_create_user,
    [KDB_STMT_ALTER_USER] = kdbi_run_alter_user,
    [KDB_STMT_DROP_USER] = kdbi_run_drop_user,
    [KDB_STMT_BEGIN] = kdbi_run_begin,
    [KDB_STMT_COMMIT] = kdbi_run_commit,
    [KDB_STMT_ROLLBACK] = kdbi_run_rollback,
    [KDB_STMT_SAVEPOINT] = kdbi_run_savepoint,
    [KDB_STMT_ROLLBACK_TO] = kdbi_run_rollback_to,
    [KDB_STMT_RELEASE] = kdbi_run_release,
};
