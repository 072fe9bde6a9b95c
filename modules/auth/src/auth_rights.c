/* auth_rights.c - who may do what to whose account (sql.md 16; 24 rules 9 and 37): admins manage users, a dba none of
 * role system, and everybody their own password and e-mail address. */
#include "auth_int.h"

/* One row per kind of change. */
static const struct {
    bool own;           /* allowed on one's own account */
    const char *denial; /* said to who is no admin */
} right_defs[KDBI_RIGHT_COUNT] = {
    [KDBI_RIGHT_CREATE] = { false, "CREATE USER requires DBA or System role" },
    [KDBI_RIGHT_PASSWORD] = { true, "Only admins can change other users' passwords" },
    [KDBI_RIGHT_ROLE] = { false, "Only admins can change roles" },
    [KDBI_RIGHT_EMAIL] = { true, "Only admins can update other users' emails" },
    [KDBI_RIGHT_DROP] = { false, "DROP USER requires DBA or System role" },
};

kdb_status kdbi_auth_check_right(kdbi_right right, const kdb_principal *actor, kdb_user_id id, kdb_err *err)
{
    if (kdb_role_is_admin(actor->role)) {
        return KDB_OK;
    }
    bool own = actor->role != KDB_ROLE_ANONYMOUS && kdb_sv_eq(actor->user.text, id.text);
    if (own && right_defs[right].own) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_PERMISSION_DENIED, "%s", right_defs[right].denial);
}

kdb_status kdbi_auth_check_target(const kdb_principal *actor, kdb_role role, kdb_err *err)
{
    if (role == KDB_ROLE_SYSTEM && actor->role != KDB_ROLE_SYSTEM) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "DBA cannot manage an account with System role");
    }
    return KDB_OK;
}

kdb_status kdb_auth_may_manage(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, bool create, kdb_err *err)
{
    if (create) {
        return kdbi_auth_check_right(KDBI_RIGHT_CREATE, actor, id, err);
    }
    KDB_TRY(kdbi_auth_check_right(KDBI_RIGHT_PASSWORD, actor, id, err));
    kdbi_standing standing;
    if (!kdbi_auth_standing(auth, id.text, &standing)) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "User '%.*s' not found", KDB_SV_ARG(id.text));
    }
    return kdbi_auth_check_target(actor, standing.role, err);
}
