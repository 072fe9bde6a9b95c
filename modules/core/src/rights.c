/* rights.c - who may do what to which table: the matrix of catalog.md 4 and sql.md 23. A statement's row in stmt_defs.c says
 * who may run it at all; where it names a table, the cell here of what it does to a table of that kind says the least role.
 * Accounts are auth's (auth_rights.c). Rows of USER and STREAM tables need no check of their own: scans and writes only ever touch the effective user's. */
#include "core_int.h"

/* Tables that differ in who may do something to them. */
typedef enum table_class {
    CLASS_USER,
    CLASS_STREAM,
    CLASS_PUBLIC, /* SHARED, by access level */
    CLASS_PRIVATE,
    CLASS_RESTRICTED,
    CLASS_DBA,
    CLASS_POLICED_PUBLIC, /* SHARED with row policies, which choose the rows. Level DBA stays what it is */
    CLASS_POLICED,
    CLASS_SYSTEM,      /* of namespace system */
    CLASS_INFORMATION, /* of namespace information_schema */
    CLASS_COUNT
} table_class;

/* The least role, and one above all roles for what nobody may. */
enum {
    ANON = KDB_ROLE_ANONYMOUS,
    USER = KDB_ROLE_USER,
    SERV = KDB_ROLE_SERVICE,
    DBA = KDB_ROLE_DBA,
    NONE = KDB_ROLE_SYSTEM + 1
};

/* Services may not alter what hides rows from them. */
static const uint8_t least_roles[KDBI_DEED_COUNT][CLASS_COUNT] = {
    /*                  USER  STREAM PUBLIC PRIVATE RESTR. DBA  POLICED_PUBLIC  POLICED SYSTEM INFORMATION */
    [KDBI_READ] = { USER, USER, ANON, SERV, SERV, DBA, ANON, USER, DBA, USER },
    [KDBI_WRITE] = { USER, USER, SERV, SERV, SERV, DBA, USER, USER, NONE, NONE },
    [KDBI_CREATE] = { USER, USER, SERV, SERV, SERV, SERV, NONE, NONE, NONE, NONE },
    [KDBI_ALTER] = { USER, USER, SERV, SERV, SERV, DBA, DBA, DBA, NONE, NONE },
    [KDBI_DROP] = { DBA, DBA, DBA, DBA, DBA, DBA, DBA, DBA, NONE, NONE },
    [KDBI_DESCRIBE] = { USER, USER, USER, USER, USER, USER, USER, USER, USER, USER },
    [KDBI_POLICE] = { DBA, DBA, DBA, DBA, DBA, DBA, DBA, DBA, NONE, NONE },
};

static table_class shared_class(kdb_access_level level, bool policed)
{
    switch (level) {
    case KDB_ACCESS_PUBLIC:
        return policed ? CLASS_POLICED_PUBLIC : CLASS_PUBLIC;
    case KDB_ACCESS_DBA:
        return CLASS_DBA;
    case KDB_ACCESS_RESTRICTED:
        return policed ? CLASS_POLICED : CLASS_RESTRICTED;
    case KDB_ACCESS_PRIVATE:
    case KDB_ACCESS_UNSET:
        break;
    }
    return policed ? CLASS_POLICED : CLASS_PRIVATE;
}

static table_class class_of(kdb_table_type type, kdb_access_level level, bool policed)
{
    switch (type) {
    case KDB_TABLE_SHARED:
        return shared_class(level, policed);
    case KDB_TABLE_STREAM:
        return CLASS_STREAM;
    case KDB_TABLE_SYSTEM:
        return CLASS_SYSTEM;
    case KDB_TABLE_USER:
    case KDB_TABLE_UNSET:
        break;
    }
    return CLASS_USER;
}

static bool may(kdb_role role, kdbi_deed deed, table_class class)
{
    return (uint8_t)role >= least_roles[deed][class];
}

/* ---- denials ---- */

static kdb_status deny_rows(kdb_role role, const kdb_table *table, kdbi_deed deed, kdb_err *err)
{
    const char *what = deed == KDBI_READ ? "read" : "write";
    if (role == KDB_ROLE_ANONYMOUS && deed == KDBI_WRITE && table->type == KDB_TABLE_SHARED) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", kdb_stmt_defs[KDB_STMT_INSERT].denied);
    }
    if (table->type == KDB_TABLE_SHARED) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                        "Access denied: Role '%s' cannot access table '%.*s.%.*s'. "
                        "Shared table %s denied (access_level=%s)",
                        kdb_role_title(role), KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), what,
                        kdb_access_level_title(table->access));
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                    "Access denied: Role '%s' cannot access table '%.*s.%.*s'. "
                    "User table %s denied due to insufficient privileges.",
                    kdb_role_title(role), KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), what);
}

static kdb_status deny(kdb_role role, const kdb_table *table, kdbi_deed deed, kdb_err *err)
{
    switch (deed) {
    case KDBI_READ:
    case KDBI_WRITE:
        break;
    case KDBI_CREATE:
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "Insufficient privileges to create Shared tables");
    case KDBI_ALTER:
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", kdb_stmt_defs[KDB_STMT_ALTER_TABLE].denied);
    case KDBI_DROP:
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", kdb_stmt_defs[KDB_STMT_DROP_TABLE].denied);
    case KDBI_DESCRIBE:
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", kdb_stmt_defs[KDB_STMT_DESCRIBE_TABLE].denied);
    case KDBI_POLICE:
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", kdb_stmt_defs[KDB_STMT_CREATE_POLICY].denied);
    case KDBI_DEED_COUNT:
        break;
    }
    return deny_rows(role, table, deed, err);
}

/* ---- checks ---- */

kdb_status kdbi_rights_check_table(kdb_role role, const kdb_table *table, kdbi_deed deed, kdb_err *err)
{
    const table_class class = class_of(table->type, table->access, table->npolicies != 0);
    return may(role, deed, class) ? KDB_OK : deny(role, table, deed, err);
}

kdb_status kdbi_rights_check_new(kdb_role role, const kdb_create_table *spec, kdb_err *err)
{
    return may(role, KDBI_CREATE, class_of(spec->type, spec->access, false)) ? KDB_OK
                                                                             : deny(role, NULL, KDBI_CREATE, err);
}

kdb_status kdbi_rights_check_system(kdb_role role, const kdb_system_table_def *def, kdbi_deed deed, kdb_err *err)
{
    if (may(role, deed, def->admin_only ? CLASS_SYSTEM : CLASS_INFORMATION)) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED,
                    "Access denied: Role '%s' cannot access table '%s.%s'. "
                    "System tables require 'dba' or 'system' role.",
                    kdb_role_title(role), def->ns, def->name);
}

kdb_status kdbi_rights_check_stmt(kdb_role role, kdb_stmt_kind kind, kdb_err *err)
{
    const kdb_stmt_def *def = &kdb_stmt_defs[kind];
    return role >= def->min_role ? KDB_OK : KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", def->denied);
}

/* ---- EXECUTE AS USER ---- */

/* By the actor's role: the highest role of a target. Role user acts as itself only, which is no question of roles. */
static const uint8_t highest_targets[KDB_ROLE_SYSTEM + 1] = {
    [KDB_ROLE_SERVICE] = KDB_ROLE_SERVICE,
    [KDB_ROLE_DBA] = KDB_ROLE_DBA,
    [KDB_ROLE_SYSTEM] = KDB_ROLE_SYSTEM,
};

bool kdbi_rights_may_act(const kdb_principal *actor, kdb_user_id target, kdb_role role)
{
    if (actor->role == KDB_ROLE_USER) {
        return kdb_sv_eq(actor->user.text, target.text);
    }
    return actor->role != KDB_ROLE_ANONYMOUS && (uint8_t)role <= highest_targets[actor->role];
}
