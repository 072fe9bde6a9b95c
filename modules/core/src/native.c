/* native.c - statements over one table compiled for the native executor (design 6): a walk along the keys, programs for
 * the WHERE and what is computed, no engine. Only what is exact is compiled: the rest is the engine's. */
#include "native_int.h"

/* ---- compilation ---- */

typedef struct compiler {
    kdbi_plan *plan;
    kdbi_native *native;
    const kdb_field *fields;
    size_t nfields;
    const kdb_expr **exprs; /* all that has been compiled */
    size_t nexprs;
} compiler;

static const kdb_expr *compile(compiler *c, const kdb_node *node)
{
    const kdb_expr *expr =
        kdb_expr_compile(node, c->fields, c->nfields, c->native->param_types, c->native->nparams, c->native->arena);
    if (expr != NULL) {
        c->exprs[c->nexprs++] = expr;
    }
    return expr;
}

static bool compile_target(compiler *c, const kdb_node *node, kdbi_native_target *out)
{
    if (node->kind == KDB_NODE_COLUMN) {
        *out = (kdbi_native_target){ .field = (int32_t)node->column, .type = c->fields[node->column].type };
        return true;
    }
    *out = (kdbi_native_target){ .field = -1, .expr = compile(c, node) };
    if (out->expr == NULL) {
        return false;
    }
    out->type = kdb_expr_type(out->expr);
    out->can_fail = kdb_expr_can_fail(out->expr);
    return out->type.kind != KDB_TYPE_NULL; /* what the engine calls an untyped NULL is not said here */
}

/* UPDATE and DELETE read the key and `_seq` of the rows they change before what SET computes. */
static bool compile_targets(compiler *c)
{
    kdbi_native *native = c->native;
    const kdb_single *single = c->plan->query.bound->single;
    const bool change = c->plan->stmt->kind == KDB_STMT_UPDATE || c->plan->stmt->kind == KDB_STMT_DELETE;
    const size_t before = change ? 2 : 0;
    native->ntargets = single->count ? 1 : single->ntargets + before;
    native->targets = KDB_ARENA_ARRAY(native->arena, kdbi_native_target, native->ntargets + 1);
    if (single->count) {
        native->targets[0] = (kdbi_native_target){ .field = -1, .type = kdb_type_of(KDB_TYPE_BIGINT) };
        return true;
    }
    if (change) {
        native->targets[0] = (kdbi_native_target){ .field = (int32_t)c->nfields, .type = kdb_type_of(KDB_TYPE_BYTES) };
        native->targets[1] = (kdbi_native_target){ .field = (int32_t)native->table->schema->ncolumns,
                                                   .type = kdb_type_of(KDB_TYPE_BIGINT) };
    }
    for (size_t i = 0; i < single->ntargets; i++) {
        if (!compile_target(c, single->targets[i], &native->targets[before + i])) {
            return false;
        }
    }
    return true;
}

static bool compile_sort(compiler *c)
{
    kdbi_native *native = c->native;
    const kdb_single *single = c->plan->query.bound->single;
    native->nsort = single->norder;
    native->sort = KDB_ARENA_ARRAY(native->arena, const kdb_expr *, native->nsort + 1);
    native->sort_down = KDB_ARENA_ARRAY(native->arena, bool, native->nsort + 1);
    native->sort_nulls_first = KDB_ARENA_ARRAY(native->arena, bool, native->nsort + 1);
    for (size_t i = 0; i < native->nsort; i++) {
        native->sort[i] = compile(c, single->order[i].expr);
        native->sort_down[i] = single->order[i].descending;
        native->sort_nulls_first[i] = single->order[i].nulls_first;
        if (native->sort[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool compile_order(compiler *c)
{
    kdbi_native *native = c->native;
    native->order = native->table == NULL ? KDBI_ORDER_KEY_UP : kdbi_native_choose_order(c->plan, native->table);
    switch (native->order) {
    case KDBI_ORDER_NONE:
        return false;
    case KDBI_ORDER_SORT:
        return compile_sort(c);
    case KDBI_ORDER_KEY_UP:
    case KDBI_ORDER_KEY_DOWN:
    case KDBI_ORDER_SEQ_UP:
    case KDBI_ORDER_SEQ_DOWN:
        break;
    }
    return true;
}

static bool compile_where(compiler *c)
{
    const kdb_node *where = c->plan->query.bound->single->where;
    if (where == NULL) {
        return true;
    }
    c->native->where = compile(c, where);
    return c->native->where != NULL && kdb_expr_type(c->native->where).kind == KDB_TYPE_BOOLEAN;
}

static void describe(const compiler *c)
{
    kdbi_native *native = c->native;
    const kdb_single *single = c->plan->query.bound->single;
    kdb_field *computed = KDB_ARENA_ARRAY(native->arena, kdb_field, native->ntargets + 1);
    const size_t before = native->ntargets - (single->count ? 1 : single->ntargets);
    for (size_t i = 0; i < native->ntargets; i++) {
        computed[i] = (kdb_field){ i < before ? KDB_SV("") : single->names[i - before], native->targets[i].type };
    }
    kdbi_result_describe(c->plan, computed, native->ntargets, native->arena, &native->result);
}

static bool compile_all(kdbi_plan *plan, kdbi_native *native)
{
    const kdb_bound *bound = plan->query.bound;
    compiler c = { .plan = plan, .native = native };
    if (bound->ntables > 0) {
        native->table = plan->slots[0].table;
        native->decoder = kdb_row_decoder_new(native->table, native->arena);
        native->sees_deleted = bound->tables[0].sees_deleted;
        c.fields = kdb_table_fields(native->table, native->arena, &c.nfields);
    }
    native->count = bound->single->count;
    native->limit = bound->single->limit;
    native->offset = bound->single->offset;
    const size_t most = 1 + bound->single->norder + bound->single->ntargets;
    c.exprs = KDB_ARENA_ARRAY(native->arena, const kdb_expr *, most);
    if (!compile_where(&c) || !compile_order(&c) || !compile_targets(&c) ||
        !kdb_expr_params_agree(c.exprs, c.nexprs, native->arena)) {
        return false;
    }
    describe(&c);
    return true;
}

static bool same_types(const kdbi_native *native, const kdb_value *params, size_t nparams)
{
    for (size_t i = 0; i < nparams; i++) {
        const kdb_type type = params[i].is_null ? kdb_type_of(KDB_TYPE_NULL) : params[i].type;
        if (!kdb_type_eq(native->param_types[i], type)) {
            return false;
        }
    }
    return native->nparams == nparams;
}

static kdbi_native *native_new(const kdb_value *params, size_t nparams)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_native *native = KDB_ARENA_NEW(arena, kdbi_native);
    native->arena = arena;
    native->nparams = nparams;
    native->param_types = KDB_ARENA_ARRAY(arena, kdb_type, nparams + 1);
    for (size_t i = 0; i < nparams; i++) {
        native->param_types[i] = params[i].is_null ? kdb_type_of(KDB_TYPE_NULL) : params[i].type;
    }
    return native;
}

static bool may_run_here(const kdbi_plan *plan)
{
    const kdb_bound *bound = plan->query.bound;
    return bound->single != NULL && bound->ntables <= 1 && (bound->ntables == 0 || plan->slots[0].table != NULL);
}

const kdbi_native *kdbi_native_get(kdbi_plan *plan, const kdb_value *params, size_t nparams)
{
    kdbi_bound_query *query = &plan->query;
    if (!may_run_here(plan)) {
        return NULL;
    }
    if (query->native == NULL || !same_types(query->native, params, nparams)) {
        kdbi_native_free(query->native);
        query->native = native_new(params, nparams);
        query->native_exact = compile_all(plan, query->native);
    }
    return query->native_exact ? query->native : NULL;
}

void kdbi_native_free(kdbi_native *native)
{
    if (native != NULL) {
        kdb_arena_free(native->arena);
    }
}

const kdbi_result *kdbi_native_result(const kdbi_native *native)
{
    return &native->result;
}

const char *kdbi_native_refusal(const kdbi_plan *plan)
{
    if (plan->query.bound->single == NULL) {
        return "it is not a plain query of one table";
    }
    if (plan->query.bound->ntables == 1 && plan->slots[0].table == NULL) {
        return "it reads a system table";
    }
    return plan->query.native != NULL && plan->query.native->order == KDBI_ORDER_NONE
               ? "its order is neither the key's nor cut by a LIMIT"
               : "it uses an expression that only the engine computes";
}
