/* stmt_policy.c - CREATE, ALTER and DROP POLICY: the table's next version is made with other policies, and put in its place
 * with the table closed to writes. So no write is let through by policies that are gone, and plans are bound anew. */
#include "core_int.h"

/* A statement that runs, on the table it names. */
typedef struct policy_change {
    kdb_exec *exec;
    const kdb_policy_stmt *stmt;
    kdb_table *table;     /* a reference */
    kdb_policy *policies; /* the table's, with room for one more; in the execution's arena */
    size_t npolicies;
    bool missing; /* DROP IF EXISTS: there is nothing to do */
} policy_change;

/* ---- what may be said ---- */

static kdb_status check_kept(const policy_change *c, const kdb_policy *policy, kdb_err *err)
{
    static const struct {
        bool using_rows, check_rows; /* may be said */
        const char *refused;
    } clauses[KDB_POLICY_COMMAND_COUNT] = {
        [KDB_POLICY_ALL] = { true, true, "" },
        [KDB_POLICY_SELECT] = { true, false, "WITH CHECK cannot be applied to SELECT or DELETE" },
        [KDB_POLICY_INSERT] = { false, true, "only WITH CHECK expression allowed for INSERT" },
        [KDB_POLICY_UPDATE] = { true, true, "" },
        [KDB_POLICY_DELETE] = { true, false, "WITH CHECK cannot be applied to SELECT or DELETE" },
    };
    const bool says_using = policy->using_rows.len != 0;
    const bool says_check = policy->check_rows.len != 0;
    const int32_t position = c->stmt->name_position;
    if ((says_using && !clauses[policy->command].using_rows) || (says_check && !clauses[policy->command].check_rows)) {
        return KDB_FAIL_AT(err, position, KDB_STMT_INVALID_SQL, "%s", clauses[policy->command].refused);
    }
    if (!says_using && !says_check) {
        return KDB_FAIL_AT(err, position, KDB_STMT_INVALID_SQL, "A policy FOR %s needs %s",
                           kdb_policy_command_name(policy->command),
                           clauses[policy->command].using_rows ? "USING (condition)" : "WITH CHECK (condition)");
    }
    return KDB_OK;
}

/* Those roles see and write every row: a policy that seems to keep them out would be believed. */
static kdb_status check_roles(const policy_change *c, const kdb_policy *policy, kdb_err *err)
{
    if (!policy->restrictive || (policy->roles & (KDB_POLICY_TO_DBA | KDB_POLICY_TO_SYSTEM)) == 0) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, c->stmt->roles_position, KDB_STMT_INVALID_SQL,
                       "Roles dba and system bypass row policies: a RESTRICTIVE policy cannot be for them");
}

static kdb_status check_condition(const policy_change *c, const kdb_policy_condition *condition, bool *used,
                                  kdb_err *err)
{
    if (condition->text.len == 0) {
        return KDB_OK;
    }
    const kdb_expr *ignored = NULL;
    const kdb_status status = kdbi_policy_condition(c->table, condition->text, c->exec->arena, used, &ignored, err);
    if (status != KDB_OK && err->position >= 0) {
        err->position += condition->position;
    }
    if (status == KDB_INVALID_SQL) { /* the statement parses: what is wrong is about this table */
        err->status = KDB_STMT_INVALID_SQL;
        return KDB_STMT_INVALID_SQL;
    }
    return status;
}

/* The columns that keep the policy from losing what it names. */
static kdb_status note_columns(const policy_change *c, kdb_policy *policy, kdb_err *err)
{
    const kdb_schema *schema = c->table->schema;
    bool *used = KDB_ARENA_ARRAY(c->exec->arena, bool, schema->ncolumns + 2);
    uint32_t *ids = KDB_ARENA_ARRAY(c->exec->arena, uint32_t, schema->ncolumns);
    const kdb_policy_condition kept[] = { { policy->using_rows, 0 }, { policy->check_rows, 0 } };
    const kdb_policy_condition *said[] = { &c->stmt->using_rows, &c->stmt->check_rows };
    for (size_t i = 0; i < KDB_ARRAY_LEN(kept); i++) { /* what the statement says has a place in it */
        KDB_TRY(check_condition(c, said[i]->text.len != 0 ? said[i] : &kept[i], used, err));
    }
    policy->ncolumn_ids = 0;
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (used[i]) {
            ids[policy->ncolumn_ids++] = schema->columns[i].id;
        }
    }
    policy->column_ids = ids;
    return KDB_OK;
}

static kdb_status check_policy(const policy_change *c, kdb_policy *policy, kdb_err *err)
{
    KDB_TRY(check_kept(c, policy, err));
    KDB_TRY(check_roles(c, policy, err));
    return note_columns(c, policy, err);
}

/* ---- the policies as they are to be ---- */

static kdb_policy *find_policy(const policy_change *c, kdb_sv name)
{
    for (size_t i = 0; i < c->npolicies; i++) {
        if (kdb_sv_eq(c->policies[i].name, name)) {
            return &c->policies[i];
        }
    }
    return NULL;
}

static kdb_status check_free(const policy_change *c, kdb_sv name, int32_t position, kdb_err *err)
{
    if (find_policy(c, name) == NULL) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, position, KDB_ALREADY_EXISTS, "Policy '%.*s' for table '%.*s.%.*s' already exists",
                       KDB_SV_ARG(name), KDB_SV_ARG(c->table->ns), KDB_SV_ARG(c->table->name));
}

static kdb_status no_policy(const policy_change *c, kdb_err *err)
{
    return KDB_FAIL_AT(err, c->stmt->name_position, KDB_NOT_FOUND, "Policy '%.*s' for table '%.*s.%.*s' not found",
                       KDB_SV_ARG(c->stmt->name), KDB_SV_ARG(c->table->ns), KDB_SV_ARG(c->table->name));
}

static kdb_status add_policy(policy_change *c, kdb_err *err)
{
    const kdb_policy_stmt *stmt = c->stmt;
    KDB_TRY(check_free(c, stmt->name, stmt->name_position, err));
    kdb_policy *policy = &c->policies[c->npolicies++];
    *policy = (kdb_policy){ .name = stmt->name,
                            .restrictive = stmt->restrictive,
                            .command = stmt->command,
                            .roles = stmt->roles == 0 ? KDB_POLICY_TO_PUBLIC : stmt->roles,
                            .using_rows = stmt->using_rows.text,
                            .check_rows = stmt->check_rows.text };
    return check_policy(c, policy, err);
}

static kdb_status change_policy(policy_change *c, kdb_err *err)
{
    const kdb_policy_stmt *stmt = c->stmt;
    kdb_policy *policy = find_policy(c, stmt->name);
    if (policy == NULL) {
        return no_policy(c, err);
    }
    if (stmt->new_name.len != 0) {
        KDB_TRY(check_free(c, stmt->new_name, stmt->new_name_position, err));
        policy->name = stmt->new_name;
        return KDB_OK;
    }
    policy->roles = stmt->roles == 0 ? policy->roles : stmt->roles;
    policy->using_rows = stmt->using_rows.text.len == 0 ? policy->using_rows : stmt->using_rows.text;
    policy->check_rows = stmt->check_rows.text.len == 0 ? policy->check_rows : stmt->check_rows.text;
    return check_policy(c, policy, err);
}

static kdb_status remove_policy(policy_change *c, kdb_err *err)
{
    kdb_policy *policy = find_policy(c, c->stmt->name);
    c->missing = policy == NULL && c->stmt->if_exists;
    if (policy == NULL) {
        return c->missing ? KDB_OK : no_policy(c, err);
    }
    *policy = c->policies[--c->npolicies]; /* they are put in order again */
    return KDB_OK;
}

/* ---- the statement ---- */

static kdb_status check_table(const policy_change *c, kdb_err *err)
{
    if (c->table->type == KDB_TABLE_SHARED) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, c->stmt->table.position, KDB_INVALID_OPERATION,
                       "Row policies are only supported for SHARED tables: rows of %s tables are their owner's alone",
                       c->table->type == KDB_TABLE_STREAM ? "STREAM" : "USER");
}

static kdb_status find_table(policy_change *c, kdb_sv ns, kdb_err *err)
{
    kdb_registry *registry = c->exec->core->registry;
    const kdb_table_name *name = &c->stmt->table;
    if (kdb_registry_is_protected(ns)) {
        return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION, "System table '%.*s.%.*s' cannot have policies",
                           KDB_SV_ARG(ns), KDB_SV_ARG(name->name));
    }
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(registry, ns, name->name);
    if (view != NULL) {
        return KDB_FAIL_AT(err, name->position, KDB_INVALID_OPERATION,
                           "'%.*s.%.*s' is a view: policies belong to the tables that it reads", KDB_SV_ARG(ns),
                           KDB_SV_ARG(name->name));
    }
    const kdb_status status = kdb_registry_find_table(registry, ns, name->name, &c->table, err);
    if (status != KDB_OK) {
        kdb_err_at(err, name->position);
        return status;
    }
    KDB_TRY(kdbi_rights_check_table(kdbi_exec_principal(c->exec)->role, c->table, KDBI_POLICE, err));
    return check_table(c, err);
}

static void copy_policies(policy_change *c)
{
    c->npolicies = c->table->npolicies;
    c->policies = KDB_ARENA_ARRAY(c->exec->arena, kdb_policy, c->npolicies + 1);
    if (c->npolicies != 0) {
        memcpy(c->policies, c->table->policies, c->npolicies * sizeof(*c->policies));
    }
}

/* What the audit log says of the change: the policy, and what the statement makes it say. */
static kdb_sv details_of(const policy_change *c)
{
    const kdb_policy_stmt *stmt = c->stmt;
    const struct {
        const char *lead;
        kdb_sv text;
    } parts[] = { { "Policy: ", stmt->name },
                  { ", New Name: ", stmt->new_name },
                  { ", TO ", stmt->roles == 0 ? KDB_SV("") : kdb_policy_roles_text(stmt->roles, c->exec->arena) },
                  { ", USING ", stmt->using_rows.text },
                  { ", WITH CHECK ", stmt->check_rows.text } };
    kdb_sv details = KDB_SV("");
    for (size_t i = 0; i < KDB_ARRAY_LEN(parts); i++) {
        if (parts[i].text.len != 0) {
            details = kdb_sv_printf(c->exec->arena, "%.*s%s%.*s", KDB_SV_ARG(details), parts[i].lead,
                                    KDB_SV_ARG(parts[i].text));
        }
    }
    return details;
}

/* Holds the DDL gate. */
static kdb_status commit_policies(const policy_change *c, kdb_err *err)
{
    kdb_core *core = c->exec->core;
    kdb_table *next = NULL;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_policies(c->table, c->policies, c->npolicies, batch, &next, err));
    kdbi_table_close(core, c->table, KDB_TABLE_ALTERING);
    const kdb_status status =
        kdbi_audit_commit(c->exec, batch, kdbi_audit_name(c->exec, c->table->ns, c->table->name), details_of(c), err);
    kdbi_table_replace(core, c->table, next, status);
    return status;
}

/* Holds the DDL gate. */
static kdb_status change_table(policy_change *c, kdb_sv ns, kdb_status (*change)(policy_change *, kdb_err *),
                               kdb_err *err)
{
    KDB_TRY(find_table(c, ns, err));
    copy_policies(c);
    KDB_TRY(change(c, err));
    return c->missing ? KDB_OK : commit_policies(c, err);
}

static kdb_status run_change(kdb_exec *exec, const kdbi_plan *plan, kdb_status (*change)(policy_change *, kdb_err *),
                             const char *done, kdb_err *err)
{
    policy_change c = { .exec = exec, .stmt = plan->stmt->as.policy };
    const kdb_sv ns = kdbi_exec_ns(exec, c.stmt->table.ns);
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = change_table(&c, ns, change, err);
    kdb_mutex_unlock(&exec->core->ddl);
    kdb_table_unref(c.table);
    KDB_TRY(status);
    kdbi_exec_message(exec, "Policy '%.*s' for table %.*s.%.*s %s", KDB_SV_ARG(c.stmt->name), KDB_SV_ARG(ns),
                      KDB_SV_ARG(c.stmt->table.name), c.missing ? "does not exist (skipped)" : done);
    return KDB_OK;
}

kdb_status kdbi_run_create_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    return run_change(exec, plan, add_policy, "created successfully", err);
}

kdb_status kdbi_run_alter_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    return run_change(exec, plan, change_policy, "altered successfully", err);
}

kdb_status kdbi_run_drop_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    return run_change(exec, plan, remove_policy, "dropped successfully", err);
}

/* ---- SHOW POLICIES ---- */

kdb_status kdbi_run_show_policies(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    policy_change c = { .exec = exec, .stmt = plan->stmt->as.policy };
    if (c.stmt->table.name.len == 0) {
        return kdbi_run_internal_query(
            exec, KDB_SV("SELECT * FROM system.policies ORDER BY namespace_id, table_name, policy_name"), err);
    }
    const kdb_sv ns = kdbi_exec_ns(exec, c.stmt->table.ns);
    const kdb_status found = find_table(&c, ns, err);
    kdb_table_unref(c.table);
    KDB_TRY(found);
    /* Names of tables that exist have been checked: letters, digits and `_`, safe between quotes. */
    const kdb_sv sql = kdb_sv_printf(exec->arena,
                                     "SELECT * FROM system.policies WHERE namespace_id = '%.*s' AND table_name = "
                                     "'%.*s' ORDER BY policy_name",
                                     KDB_SV_ARG(ns), KDB_SV_ARG(c.stmt->table.name));
    return kdbi_run_internal_query(exec, sql, err);
}
