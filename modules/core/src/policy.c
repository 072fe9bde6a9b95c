/* policy.c - row policies: which rows of a SHARED table a role may read and write (docs/security.md). A table's conditions
 * are compiled once for a plan; each execution picks those of its role and command and binds them to its user. They are
 * asked where rows leave storage and before rows enter it, so both executors and every statement meet the same ones. */
#include "core_int.h"

/* `column = value` at the top of a condition: what it lets pass has that value. */
typedef struct equality {
    uint32_t column;
    uint32_t param; /* from 1: a value that the server supplies; 0: the literal */
    kdb_value literal;
} equality;

typedef struct row_condition {
    const kdb_expr *expr; /* NULL: the policy says nothing of such rows */
    equality *equals;
    size_t nequals;
} row_condition;

struct kdbi_policies {
    atomic_uint refs;
    kdb_arena *arena;
    const kdb_table *table; /* of whoever holds a reference */
    const kdb_row_decoder *decoder;
    row_condition *using_rows; /* by policy */
    row_condition *check_rows;
};

/* Managing policies and being bound by them do not go together: admins see all. */
bool kdbi_policy_binds(kdb_role role, const kdb_table *table)
{
    return table->npolicies != 0 && !kdb_role_is_admin(role);
}

/* ---- conditions ---- */

/* In the order of kdb_extra_kind, which is the order of the parameters. */
static const kdb_type_kind extra_types[] = { [KDB_EXTRA_NOW] = KDB_TYPE_TIMESTAMP,
                                             [KDB_EXTRA_CURRENT_USER] = KDB_TYPE_TEXT,
                                             [KDB_EXTRA_CURRENT_ROLE] = KDB_TYPE_TEXT };
enum { EXTRAS = KDB_ARRAY_LEN(extra_types) };
/* Of one filter: more say little about keys. */
enum { PREDS_MAX = 16 };

static kdb_status compile(const kdb_table *table, kdb_sv text, kdb_arena *arena, bool *used, kdb_node **node,
                          const kdb_expr **out, kdb_err *err)
{
    const kdb_table_name name = { table->ns, table->name, -1 };
    kdb_type params[EXTRAS];
    kdb_bind_table target = { 0 };
    target.columns = kdb_table_fields(table, arena, &target.ncolumns);
    KDB_TRY(kdb_dialect_bind_condition(text, &name, &target, arena, used, node, err));
    for (size_t i = 0; i < EXTRAS; i++) {
        params[i] = kdb_type_of(extra_types[i]);
    }
    const kdb_expr *expr = kdb_expr_compile(*node, target.columns, target.ncolumns, params, EXTRAS, arena);
    if (expr == NULL) {
        return KDB_FAIL_AT(err, (*node)->position < 0 ? 0 : (*node)->position, KDB_STMT_INVALID_SQL,
                           "a policy's condition cannot have an expression of this kind: it is asked of each row by "
                           "itself, without the query engine");
    }
    if (kdb_expr_type(expr).kind != KDB_TYPE_BOOLEAN) {
        return KDB_FAIL_AT(err, 0, KDB_STMT_INVALID_SQL, "a policy's condition must be of type boolean");
    }
    *out = expr;
    return KDB_OK;
}

kdb_status kdbi_policy_condition(const kdb_table *table, kdb_sv text, kdb_arena *arena, bool *used,
                                 const kdb_expr **out, kdb_err *err)
{
    kdb_node *node = NULL;
    return compile(table, text, arena, used, &node, out, err);
}

/* CURRENT_USER is written as a cast of what the server supplies to the type that it has. */
static const kdb_node *without_cast(const kdb_node *node)
{
    const bool same = node->kind == KDB_NODE_CAST && node->args[0]->kind == KDB_NODE_PARAM &&
                      node->type.kind == extra_types[node->args[0]->param - 1];
    return same ? node->args[0] : node;
}

static bool is_equal(const kdb_node *node, equality *out)
{
    if (node->kind != KDB_NODE_EQ) {
        return false;
    }
    const bool first = node->args[0]->kind == KDB_NODE_COLUMN;
    const kdb_node *column = node->args[first ? 0 : 1];
    const kdb_node *value = without_cast(node->args[first ? 1 : 0]);
    if (column->kind != KDB_NODE_COLUMN || (value->kind != KDB_NODE_PARAM && value->kind != KDB_NODE_LITERAL)) {
        return false;
    }
    *out = (equality){ column->column, value->kind == KDB_NODE_PARAM ? value->param : 0, value->value };
    return true;
}

static void find_equals(const kdb_node *node, kdb_arena *arena, row_condition *out)
{
    const size_t count = node->kind == KDB_NODE_AND ? node->nargs : 1;
    out->equals = KDB_ARENA_ARRAY(arena, equality, count);
    for (size_t i = 0; i < count; i++) {
        out->nequals += is_equal(node->kind == KDB_NODE_AND ? node->args[i] : node, &out->equals[out->nequals]);
    }
}

static kdb_status compile_text(kdbi_policies *policies, const kdb_policy *policy, kdb_sv text, row_condition *out,
                               kdb_err *err)
{
    kdb_node *node = NULL;
    if (text.len == 0) {
        return KDB_OK;
    }
    const kdb_status status = compile(policies->table, text, policies->arena, NULL, &node, &out->expr, err);
    if (status != KDB_OK) { /* it was when the policy was made; its words are not the caller's to see */
        return KDB_FAIL(err, KDB_INTERNAL, "Policy '%.*s' of table '%.*s.%.*s' cannot be applied",
                        KDB_SV_ARG(policy->name), KDB_SV_ARG(policies->table->ns), KDB_SV_ARG(policies->table->name));
    }
    find_equals(node, policies->arena, out);
    return KDB_OK;
}

kdb_status kdbi_policies_new(const kdb_table *table, kdbi_policies **out, kdb_err *err)
{
    kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdbi_policies_unrefp) kdbi_policies *policies = KDB_ARENA_NEW(arena, kdbi_policies);
    atomic_init(&policies->refs, 1);
    policies->arena = arena;
    policies->table = table;
    policies->decoder = kdb_row_decoder_new(table, arena);
    policies->using_rows = KDB_ARENA_ARRAY(arena, row_condition, table->npolicies);
    policies->check_rows = KDB_ARENA_ARRAY(arena, row_condition, table->npolicies);
    for (size_t i = 0; i < table->npolicies; i++) {
        const kdb_policy *policy = &table->policies[i];
        KDB_TRY(compile_text(policies, policy, policy->using_rows, &policies->using_rows[i], err));
        KDB_TRY(compile_text(policies, policy, policy->check_rows, &policies->check_rows[i], err));
    }
    *out = KDB_TAKE(policies);
    return KDB_OK;
}

kdbi_policies *kdbi_policies_ref(kdbi_policies *policies)
{
    atomic_fetch_add(&policies->refs, 1);
    return policies;
}

void kdbi_policies_unref(kdbi_policies *policies)
{
    if (policies != NULL && atomic_fetch_sub(&policies->refs, 1) == 1) {
        kdb_arena_free(policies->arena);
    }
}

/* ---- which policies count ---- */

/* What is asked of a row: it has to pass the policies of each part. `written`: the row is about to be stored. */
typedef struct use_part {
    kdb_policy_command command;
    bool written;
} use_part;

/* One row per use. Whoever changes a row must be able to read it, before and after: WHERE and RETURNING would tell of it. */
static const struct {
    use_part parts[2];
    size_t nparts;
} use_defs[KDBI_POLICY_USE_COUNT] = {
    [KDBI_POLICY_READ] = { { { KDB_POLICY_SELECT, false } }, 1 },
    [KDBI_POLICY_UPDATE_OLD] = { { { KDB_POLICY_SELECT, false }, { KDB_POLICY_UPDATE, false } }, 2 },
    [KDBI_POLICY_UPDATE_NEW] = { { { KDB_POLICY_UPDATE, true }, { KDB_POLICY_SELECT, false } }, 2 },
    [KDBI_POLICY_DELETE_OLD] = { { { KDB_POLICY_SELECT, false }, { KDB_POLICY_DELETE, false } }, 2 },
    [KDBI_POLICY_INSERT_NEW] = { { { KDB_POLICY_INSERT, true } }, 1 },
    [KDBI_POLICY_INSERT_SHOWN] = { { { KDB_POLICY_INSERT, true }, { KDB_POLICY_SELECT, false } }, 2 },
};

static unsigned role_bit(kdb_role role)
{
    switch (role) {
    case KDB_ROLE_ANONYMOUS:
        return KDB_POLICY_TO_ANONYMOUS;
    case KDB_ROLE_USER:
        return KDB_POLICY_TO_USER;
    case KDB_ROLE_SERVICE:
        return KDB_POLICY_TO_SERVICE;
    case KDB_ROLE_DBA:
        return KDB_POLICY_TO_DBA;
    case KDB_ROLE_SYSTEM:
        return KDB_POLICY_TO_SYSTEM;
    }
    return 0;
}

/* The condition that policy `index` puts to a row of that part; NULL: none, as it is for others. */
static const row_condition *condition_of(const kdbi_policies *policies, size_t index, unsigned role, use_part part)
{
    const kdb_policy *policy = &policies->table->policies[index];
    if ((policy->roles & (role | KDB_POLICY_TO_PUBLIC)) == 0 ||
        (policy->command != KDB_POLICY_ALL && policy->command != part.command)) {
        return NULL;
    }
    const bool check = part.written && policies->check_rows[index].expr != NULL;
    const row_condition *found = check ? &policies->check_rows[index] : &policies->using_rows[index];
    return found->expr != NULL ? found : NULL;
}

/* A filter being made. */
typedef struct filter_maker {
    const kdbi_policies *policies;
    unsigned role;
    kdb_value params[EXTRAS];
    kdb_arena *arena;
    kdb_row_tests *groups;
    size_t ngroups;
    kdb_pred *preds;
    size_t npreds, room; /* for preds */
} filter_maker;

static kdb_status bind_test(filter_maker *m, const row_condition *condition, kdb_row_test *out, kdb_err *err)
{
    out->expr = condition->expr;
    return kdb_expr_bind(condition->expr, m->params, EXTRAS, m->arena, &out->consts, err);
}

/* Rows have to pass just this condition: whatever it says of keys narrows what has to be read. */
static void add_preds(filter_maker *m, const row_condition *condition)
{
    for (size_t i = 0; i < condition->nequals && m->npreds < m->room; i++) {
        const equality *equal = &condition->equals[i];
        kdb_pred_operand *operand = KDB_ARENA_NEW(m->arena, kdb_pred_operand);
        operand->literal = equal->param != 0 ? m->params[equal->param - 1] : equal->literal;
        m->preds[m->npreds++] = (kdb_pred){ equal->column, KDB_PRED_EQ, operand, 1 };
    }
}

/* One of the permissive policies has to let the row pass. With none there, no row does. */
static kdb_status add_permissive(filter_maker *m, use_part part, kdb_err *err)
{
    const kdb_table *table = m->policies->table;
    kdb_row_test *tests = KDB_ARENA_ARRAY(m->arena, kdb_row_test, table->npolicies);
    const row_condition *last = NULL;
    size_t ntests = 0;
    for (size_t i = 0; i < table->npolicies; i++) {
        const row_condition *condition = condition_of(m->policies, i, m->role, part);
        if (condition != NULL && !table->policies[i].restrictive) {
            KDB_TRY(bind_test(m, condition, &tests[ntests++], err));
            last = condition;
        }
    }
    m->groups[m->ngroups++] = (kdb_row_tests){ tests, ntests };
    if (ntests == 1) {
        add_preds(m, last);
    }
    return KDB_OK;
}

/* And each of the restrictive ones. */
static kdb_status add_restrictive(filter_maker *m, use_part part, kdb_err *err)
{
    const kdb_table *table = m->policies->table;
    for (size_t i = 0; i < table->npolicies; i++) {
        const row_condition *condition = condition_of(m->policies, i, m->role, part);
        if (condition != NULL && table->policies[i].restrictive) {
            kdb_row_test *test = KDB_ARENA_NEW(m->arena, kdb_row_test);
            KDB_TRY(bind_test(m, condition, test, err));
            m->groups[m->ngroups++] = (kdb_row_tests){ test, 1 };
            add_preds(m, condition);
        }
    }
    return KDB_OK;
}

static kdb_status go_on(const void *exec, kdb_err *err)
{
    return kdbi_exec_check_running(exec, err);
}

kdb_status kdbi_policies_filter(const kdbi_policies *policies, const kdb_exec *exec, kdbi_policy_use use,
                                kdb_arena *arena, const kdb_row_filter **out, kdb_err *err)
{
    filter_maker m = { .policies = policies,
                       .role = role_bit(kdbi_exec_principal(exec)->role),
                       .arena = arena,
                       .groups = KDB_ARENA_ARRAY(arena, kdb_row_tests, 2 * (policies->table->npolicies + 1)),
                       .preds = KDB_ARENA_ARRAY(arena, kdb_pred, PREDS_MAX),
                       .room = PREDS_MAX };
    for (size_t i = 0; i < EXTRAS; i++) {
        m.params[i] = kdbi_exec_extra(exec, &(kdb_extra){ .kind = (kdb_extra_kind)i });
    }
    for (size_t i = 0; i < use_defs[use].nparts; i++) {
        KDB_TRY(add_permissive(&m, use_defs[use].parts[i], err));
        KDB_TRY(add_restrictive(&m, use_defs[use].parts[i], err));
    }
    kdb_row_filter *filter = KDB_ARENA_NEW(arena, kdb_row_filter);
    *filter = (kdb_row_filter){ .groups = m.groups,
                                .ngroups = m.ngroups,
                                .decoder = policies->decoder,
                                .preds = m.preds,
                                .npreds = m.npreds,
                                .go_on = go_on,
                                .self = exec };
    *out = filter;
    return KDB_OK;
}

/* ---- rows that are written ---- */

static kdb_status guard_insert(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    kdbi_write *write = exec->write;
    const kdbi_policies *policies = write->policies;
    const kdb_conflict *conflict = plan->stmt->as.insert.conflict;
    const bool shown = plan->rows != NULL && plan->rows->nreturning != 0;
    KDB_TRY(kdbi_policies_filter(policies, exec, shown ? KDBI_POLICY_INSERT_SHOWN : KDBI_POLICY_INSERT_NEW,
                                 write->arena, &write->may_insert, err));
    if (conflict == NULL || !conflict->update) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_policies_filter(policies, exec, KDBI_POLICY_UPDATE_OLD, write->arena, &write->may_meet, err));
    return kdbi_policies_filter(policies, exec, KDBI_POLICY_UPDATE_NEW, write->arena, &write->may_update, err);
}

kdb_status kdbi_policy_guard(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    kdbi_write *write = exec->write;
    if (!kdbi_policy_binds(kdbi_exec_principal(exec)->role, plan->target)) {
        return KDB_OK;
    }
    write->policies = kdbi_policies_ref(plan->target_policies);
    switch (write->op) {
    case KDB_CHANGE_INSERT:
        return guard_insert(exec, plan, err);
    case KDB_CHANGE_UPDATE:
        return kdbi_policies_filter(write->policies, exec, KDBI_POLICY_UPDATE_NEW, write->arena, &write->may_update,
                                    err);
    case KDB_CHANGE_DELETE:
        break;
    }
    return KDB_OK;
}

static kdb_value value_of(void *values, uint32_t column)
{
    return ((const kdb_value *)values)[column];
}

kdb_status kdbi_policy_check(const kdbi_write *write, const kdb_row_filter *filter, kdb_value *values,
                             const char *which, kdb_err *err)
{
    if (filter == NULL) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    const kdb_expr_row row = { .self = values, .column = value_of };
    bool passes = false;
    KDB_TRY(kdb_row_filter_admits(filter, &row, scratch, &passes, err));
    return passes ? KDB_OK
                  : KDB_FAIL(err, KDB_PERMISSION_DENIED,
                             "new row violates row-level security policy%s for table '%.*s.%.*s'", which,
                             KDB_SV_ARG(write->table->ns), KDB_SV_ARG(write->table->name));
}
