/* execute_as.c - EXECUTE AS USER 'id' ( statement ): who may act as whom. Whoever acts as another has the rows of the target
 * and the rights of role user, whatever the roles of the two are: no table opens that a plain user could not open. */
#include "core_int.h"

kdb_status kdbi_execute_as_check(kdb_exec *exec, kdb_err *err)
{
    const kdb_sql_piece *piece = &exec->pieces[exec->next];
    if (piece->as_user.len == 0) {
        return KDB_OK;
    }
    const kdb_principal *actor = &exec->request->caller;
    const kdb_user_id target = { piece->as_user };
    kdb_role role = KDB_ROLE_USER; /* of a user nobody has made yet: their rows may come before them */
    KDB_TRY(kdb_auth_check_user_id(target.text, err));
    (void)kdb_auth_role_of(exec->core->auth, target, &role);
    if (!kdbi_rights_may_act(actor, target, role)) {
        return KDB_FAIL(
            err, KDB_PERMISSION_DENIED,
            "EXECUTE AS USER is not authorized: actor '%.*s' with role %s cannot target '%.*s' with role %s",
            KDB_SV_ARG(actor->user.text), kdb_role_name(actor->role), KDB_SV_ARG(target.text), kdb_role_name(role));
    }
    if (exec->acting == NULL) {
        exec->acting = KDB_ARENA_ARRAY(exec->arena, kdb_principal, exec->npieces);
    }
    exec->acting[exec->next] = (kdb_principal){ .user = target, .role = KDB_ROLE_USER };
    return KDB_OK;
}

/* Whatever changes more than rows is the actor's own business: acting as someone must not become being them. */
kdb_status kdbi_execute_as_check_stmt(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err)
{
    const bool rows = (kdb_stmt_defs[stmt->kind].flags & KDB_STMT_PLANNED) != 0 || stmt->kind == KDB_STMT_EXPLAIN;
    if (exec->pieces[exec->next].as_user.len == 0 || rows) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, 0, KDB_INVALID, "EXECUTE AS USER takes a SELECT, INSERT, UPDATE or DELETE, not %s",
                       kdb_stmt_defs[stmt->kind].name);
}

static const kdb_table_name *target_name(const kdb_stmt *stmt)
{
    if (stmt->kind == KDB_STMT_INSERT) {
        return &stmt->as.insert.table;
    }
    return stmt->kind == KDB_STMT_UPDATE || stmt->kind == KDB_STMT_DELETE ? &stmt->as.change.table : NULL;
}

kdb_status kdbi_execute_as_check_target(const kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    const kdb_table_name *name = target_name(plan->stmt);
    if (exec->acting == NULL || exec->pieces[exec->next].as_user.len == 0 || name == NULL) {
        return KDB_OK;
    }
    const kdb_sv ns = name->ns.len != 0 ? name->ns : plan->ns;
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = kdb_registry_lookup_table(exec->core->registry, ns, name->name);
    if (table == NULL || table->type != KDB_TABLE_SHARED) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION,
                       "EXECUTE AS USER is not allowed on SHARED tables (table '%.*s:%.*s'). AS USER impersonation is "
                       "only supported for USER and STREAM tables.",
                       KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
}
