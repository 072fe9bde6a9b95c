/* access.c - who may read and write which table (catalog.md 4). Rows of USER and STREAM tables need no check here: scans
 * and writes only ever touch the effective user's partition. */
#include "core_int.h"

static const char *access_title(kdb_access_level level)
{
    switch (level) {
    case KDB_ACCESS_PUBLIC:
        return "Public";
    case KDB_ACCESS_PRIVATE:
        return "Private";
    case KDB_ACCESS_RESTRICTED:
        return "Restricted";
    case KDB_ACCESS_DBA:
        return "Dba";
    case KDB_ACCESS_UNSET:
        break;
    }
    return "Private";
}

static kdb_role shared_role(kdb_access_level level, kdbi_access access)
{
    if (level == KDB_ACCESS_DBA) {
        return KDB_ROLE_DBA;
    }
    return level == KDB_ACCESS_PUBLIC && access == KDBI_READ ? KDB_ROLE_ANONYMOUS : KDB_ROLE_SERVICE;
}

/* Where a table has policies they say what its level says else, row by row, for those who are signed in. Level DBA stays
 * closed, and a table that is not PUBLIC stays out of sight of everybody else. */
static bool policies_decide(kdb_role role, const kdb_table *table)
{
    return table->npolicies != 0 && role >= KDB_ROLE_USER && table->access != KDB_ACCESS_DBA;
}

static kdb_status check_shared(kdb_role role, const kdb_table *table, kdbi_access access, kdb_err *err)
{
    if (role >= shared_role(table->access, access) || policies_decide(role, table)) {
        return KDB_OK;
    }
    if (role == KDB_ROLE_ANONYMOUS && access == KDBI_WRITE) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                        "Anonymous users can only SELECT from public tables. "
                        "Please authenticate to perform write operations.");
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                    "Access denied: Role '%s' cannot access table '%.*s.%.*s'. "
                    "Shared table %s denied (access_level=%s)",
                    kdb_role_title(role), KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name),
                    access == KDBI_READ ? "read" : "write", access_title(table->access));
}

kdb_status kdbi_access_check_table(kdb_role role, const kdb_table *table, kdbi_access access, kdb_err *err)
{
    if (table->type == KDB_TABLE_SHARED) {
        return check_shared(role, table, access, err);
    }
    if (role >= KDB_ROLE_USER) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                    "Access denied: Role '%s' cannot access table '%.*s.%.*s'. "
                    "User table %s denied due to insufficient privileges.",
                    kdb_role_title(role), KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name),
                    access == KDBI_READ ? "read" : "write");
}

kdb_status kdbi_access_check_system(kdb_role role, const kdb_system_table_def *def, kdb_err *err)
{
    if (kdb_role_is_admin(role) || (!def->admin_only && role >= KDB_ROLE_USER)) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                    "Access denied: Role '%s' cannot access table '%s.%s'. "
                    "System tables require 'dba' or 'system' role.",
                    kdb_role_title(role), def->ns, def->name);
}
