/* row_program.c - what RETURNING and DO UPDATE say, compiled for one execution and run for one row after the other. No
 * engine takes part: a statement with an expression that module expr does not know is refused. */
#include "core_int.h"

/* ---- what programs are made with ---- */

static void bind_fields(kdbi_row_binding *binding)
{
    size_t count = 0;
    const kdb_field *target = kdb_table_fields(binding->table, binding->arena, &count);
    kdb_field *fields = KDB_ARENA_ARRAY(binding->arena, kdb_field, 2 * count + 1);
    memcpy(fields, target, (count + 1) * sizeof(*fields)); /* with the key's place */
    memcpy(fields + count + 1, target, count * sizeof(*fields));
    binding->fields = fields;
    binding->nfields = 2 * count + 1;
    binding->excluded = (uint32_t)count + 1;
}

static void bind_params(kdbi_row_binding *binding, const kdb_exec *exec, const kdb_row_exprs *rows)
{
    const size_t own = exec->request->nparams;
    kdb_value *params = KDB_ARENA_ARRAY(binding->arena, kdb_value, own + rows->nextras + 1);
    kdb_type *types = KDB_ARENA_ARRAY(binding->arena, kdb_type, own + rows->nextras + 1);
    for (size_t i = 0; i < own + rows->nextras; i++) {
        params[i] = i < own ? exec->request->params[i] : kdbi_exec_extra(exec, &rows->extras[i - own]);
        types[i] = params[i].is_null ? kdb_type_of(KDB_TYPE_NULL) : params[i].type;
    }
    binding->params = params;
    binding->param_types = types;
    binding->nparams = own + rows->nextras;
}

void kdbi_row_binding_init(kdbi_row_binding *binding, const kdb_exec *exec, const kdbi_plan *plan, kdb_arena *arena)
{
    *binding = (kdbi_row_binding){ .table = plan->target, .arena = arena };
    bind_fields(binding);
    bind_params(binding, exec, plan->rows);
    KDB_ASSERT(binding->excluded == plan->rows->excluded);
}

/* ---- programs ---- */

static kdb_status refuse(const kdb_row_expr *expr, const char *clause, kdb_err *err)
{
    return KDB_FAIL_AT(err, expr->position, KDB_STMT_INVALID_SQL,
                       "%s supports columns and expressions over them, but not this one", clause);
}

/* Known before any row is. */
static bool is_value(const kdbi_row_binding *binding, const kdb_node *node, kdb_value *out)
{
    if (node->kind == KDB_NODE_LITERAL) {
        *out = kdb_value_dup(&node->value, binding->arena);
        return true;
    }
    if (node->kind == KDB_NODE_PARAM) {
        KDB_ASSERT(node->param >= 1 && node->param <= binding->nparams);
        *out = binding->params[node->param - 1];
        return true;
    }
    return false;
}

/* ---- numbers given as parameters ----
 * The engine types them by their use and value, for which module expr then leaves expressions to it. Here there is no
 * engine: a number is what it is, like a literal. */

static bool is_number(const kdb_value *value)
{
    return !value->is_null && (value->type.kind == KDB_TYPE_BIGINT || value->type.kind == KDB_TYPE_DOUBLE);
}

typedef struct settler {
    const kdbi_row_binding *binding;
    kdb_map *settled; /* by the address of the node: one that stands in several places is settled once */
} settler;

static kdb_node *settle(const settler *s, kdb_node *node)
{
    kdb_arena *arena = s->binding->arena;
    if (node->kind == KDB_NODE_PARAM && is_number(&s->binding->params[node->param - 1])) {
        kdb_node *literal = KDB_ARENA_NEW(arena, kdb_node);
        *literal = (kdb_node){ .kind = KDB_NODE_LITERAL,
                               .position = node->position,
                               .value = s->binding->params[node->param - 1] };
        return literal;
    }
    if (node->nargs == 0) {
        return node;
    }
    const kdb_sv address = kdb_sv_of((const char *)&node, sizeof(node));
    kdb_node *copy = kdb_map_lookup(s->settled, address);
    if (copy == NULL) {
        copy = KDB_ARENA_NEW(arena, kdb_node);
        *copy = *node;
        copy->args = KDB_ARENA_ARRAY(arena, kdb_node *, node->nargs);
        for (size_t i = 0; i < node->nargs; i++) {
            copy->args[i] = settle(s, node->args[i]);
        }
        (void)kdb_map_put(s->settled, address, copy);
    }
    return copy;
}

static const kdb_node *settle_numbers(const kdbi_row_binding *binding, kdb_node *node)
{
    bool any = false;
    for (size_t i = 0; i < binding->nparams && !any; i++) {
        any = is_number(&binding->params[i]);
    }
    if (!any) {
        return node;
    }
    KDB_CLEANUP(kdb_map_freep) kdb_map *settled = kdb_map_new();
    const settler s = { binding, settled };
    return settle(&s, node);
}

kdb_status kdbi_row_program_new(const kdbi_row_binding *binding, const kdb_row_expr *expr, const char *clause,
                                kdbi_row_program *out, kdb_err *err)
{
    kdb_node *node = expr->node;
    *out = (kdbi_row_program){ .column = -1 };
    if (node == NULL) {
        return refuse(expr, clause, err);
    }
    if (node->kind == KDB_NODE_COLUMN) {
        out->column = (int32_t)node->column;
        out->type = binding->fields[node->column].type;
        return KDB_OK;
    }
    if (is_value(binding, node, &out->constant)) {
        out->type = out->constant.is_null ? kdb_type_of(KDB_TYPE_NULL) : out->constant.type;
        return KDB_OK;
    }
    out->expr = kdb_expr_compile(settle_numbers(binding, node), binding->fields, binding->nfields, binding->param_types,
                                 binding->nparams, binding->arena);
    if (out->expr == NULL) {
        return refuse(expr, clause, err);
    }
    out->type = kdb_expr_type(out->expr);
    return kdb_expr_bind(out->expr, binding->params, binding->nparams, binding->arena, &out->consts, err);
}

/* ---- rows ---- */

void kdbi_row_view_init(kdbi_row_view *view, const kdb_table *table, uint32_t excluded, kdb_arena *arena)
{
    *view = (kdbi_row_view){ .excluded = excluded };
    view->target = KDB_ARENA_ARRAY(arena, kdb_value, table->schema->ncolumns + 2);
}

kdb_status kdbi_row_view_set(kdbi_row_view *view, const kdb_table *table, const kdb_row *row, kdb_arena *scratch,
                             kdb_err *err)
{
    const size_t ncolumns = table->schema->ncolumns;
    KDB_TRY(kdb_row_values(table, row, scratch, view->target, err));
    view->target[ncolumns] = kdb_value_bigint((int64_t)row->seq);
    view->target[ncolumns + 1] = kdb_value_bool(row->deleted);
    return KDB_OK;
}

static kdb_value column_value(void *self, uint32_t column)
{
    const kdbi_row_view *view = self;
    return column < view->excluded ? view->target[column] : view->excluded_values[column - view->excluded];
}

kdb_status kdbi_row_program_run(const kdbi_row_program *program, kdbi_row_view *view, kdb_arena *scratch,
                                kdb_value *out, kdb_err *err)
{
    if (program->column >= 0) {
        *out = column_value(view, (uint32_t)program->column);
        return KDB_OK;
    }
    if (program->expr == NULL) {
        *out = program->constant;
        return KDB_OK;
    }
    const kdb_expr_row row = { .self = view, .column = column_value };
    return kdb_expr_eval(program->expr, program->consts, &row, scratch, out, err);
}
