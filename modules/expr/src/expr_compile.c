/* expr_compile.c - trees to steps: one row per kind of node. What has no row, or whose compiler declines, is left to the
 * engine. */
#include "expr_int.h"

/* As deep as the dialect lets statements nest, with room for the casts in between. */
enum { DEPTH_MAX = 600 };
/* A node may stand in a tree more than once (CASE x WHEN ..), which nested doubles the work each time. */
enum { NODES_MAX = 20000 };

/* ---- steps ---- */

static uint32_t add_const(kdbi_compiler *c, const kdbi_const_def *def)
{
    *KDB_ARENA_PUSH(c->arena, c->consts, c->nconsts) = *def;
    return (uint32_t)c->nconsts - 1;
}

kdb_status kdbi_run_const(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const kdbi_const *constant = kdbi_const_at(run, step->index);
    if (KDB_UNLIKELY(constant->failed != NULL)) {
        return kdbi_eval(constant->failed, run, out);
    }
    *out = constant->value;
    return KDB_OK;
}

bool kdbi_keep_error(kdbi_kept_error *kept, kdb_status status, const kdbi_run *run)
{
    if (status != KDB_ARITHMETIC) {
        return false;
    }
    if (kept->status == KDB_OK) {
        kept->status = status;
        if (run->err != NULL) {
            kept->err = *run->err;
        }
    }
    return true;
}

kdb_status kdbi_kept(const kdbi_kept_error *kept, const kdbi_run *run)
{
    if (kept->status != KDB_OK && run->err != NULL) {
        *run->err = kept->err;
    }
    return kept->status;
}

static kdbi_step *const_step(kdbi_compiler *c, kdb_type type, const kdbi_const_def *def)
{
    kdbi_step *step = KDB_ARENA_NEW(c->arena, kdbi_step);
    *step = (kdbi_step){ .run = kdbi_run_const, .type = type, .index = add_const(c, def), .is_constant = true };
    return step;
}

const kdbi_step *kdbi_step_literal(kdbi_compiler *c, kdb_type type, const kdb_value *value)
{
    const kdbi_const_def def = { .origin = KDBI_FROM_LITERAL, .value = *value };
    return const_step(c, type, &def);
}

const kdbi_step *kdbi_step_written(kdbi_compiler *c, kdb_type type, int64_t value)
{
    const kdbi_const_def def = { .origin = KDBI_FROM_LITERAL, .value = { .type = type, .as.i64 = value } };
    kdbi_step *step = const_step(c, type, &def);
    step->is_literal = true;
    return step;
}

const kdbi_step *kdbi_step_null(kdbi_compiler *c, kdb_type type)
{
    const kdb_value null = kdb_value_null(type);
    return kdbi_step_literal(c, type, &null);
}

const kdb_value *kdbi_literal(const kdbi_compiler *c, const kdbi_step *step)
{
    if (step->run != kdbi_run_const || c->consts[step->index].origin != KDBI_FROM_LITERAL) {
        return NULL;
    }
    return &c->consts[step->index].value;
}

/* A constant part of what is not constant is computed once per execution. */
static const kdbi_step *taken_out(kdbi_compiler *c, const kdbi_step *step)
{
    if (!step->is_constant || step->run == kdbi_run_const) {
        return step;
    }
    const kdbi_const_def def = { .origin = KDBI_FROM_STEP, .step = step };
    kdbi_step *constant = const_step(c, step->type, &def);
    constant->can_fail = step->can_fail;
    constant->forgives = step->forgives;
    constant->boundless = step->boundless;
    return constant;
}

kdbi_step *kdbi_step_new(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *const *args, size_t nargs)
{
    kdbi_step *step = KDB_ARENA_NEW(c->arena, kdbi_step);
    const kdbi_step **own = KDB_ARENA_ARRAY(c->arena, const kdbi_step *, nargs + 1);
    *step = (kdbi_step){ .run = run, .args = own, .nargs = (uint32_t)nargs, .type = type, .is_constant = true };
    for (size_t i = 0; i < nargs; i++) {
        step->is_constant = step->is_constant && args[i]->is_constant;
        step->can_fail = step->can_fail || args[i]->can_fail;
        step->forgives = step->forgives || args[i]->forgives;
        step->boundless = step->boundless || args[i]->boundless;
    }
    for (size_t i = 0; i < nargs; i++) {
        own[i] = step->is_constant ? args[i] : taken_out(c, args[i]);
    }
    return step;
}

kdbi_step *kdbi_step_unary(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *arg)
{
    return kdbi_step_new(c, run, type, &arg, 1);
}

kdbi_step *kdbi_step_binary(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *a, const kdbi_step *b)
{
    const kdbi_step *const args[] = { a, b };
    return kdbi_step_new(c, run, type, args, 2);
}

/* NULL or not is known of a literal; of other constants the engine may know it before it runs. */
static bool may_be_null_constant(const kdbi_compiler *c, const kdbi_step *step)
{
    const kdb_value *literal = kdbi_literal(c, step);
    const kdbi_const_def *def = step->run == kdbi_run_const ? &c->consts[step->index] : NULL;
    if (def != NULL && def->origin == KDBI_FROM_PARAM) {
        return c->params[def->param - 1].kind == KDB_TYPE_NULL;
    }
    return step->is_constant && (literal == NULL || literal->is_null);
}

bool kdbi_has_null(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs)
{
    for (size_t i = 0; i < nargs; i++) {
        if (may_be_null_constant(c, args[i])) {
            return true;
        }
    }
    return false;
}

bool kdbi_has_failing_constant(const kdbi_step *const *args, size_t nargs)
{
    for (size_t i = 0; i < nargs; i++) {
        if (args[i]->is_constant && args[i]->can_fail) {
            return true;
        }
    }
    return false;
}

bool kdbi_is_strict(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs)
{
    bool fails = false;
    bool null = false;
    for (size_t i = 0; i < nargs; i++) {
        fails = fails || (args[i]->can_fail && !args[i]->is_constant);
        null = null || may_be_null_constant(c, args[i]);
    }
    return !fails || !null;
}

/* ---- leaves ---- */

static const kdbi_step *compile_literal(kdbi_compiler *c, const kdb_node *node)
{
    const kdb_value form = kdbi_form_of(&node->value);
    const kdb_type type = kdb_dialect_engine_type(node->value.type);
    const kdbi_const_def def = { .origin = KDBI_FROM_LITERAL, .value = form };
    kdbi_step *step = const_step(c, type, &def);
    step->is_literal = !form.is_null && (kdbi_is_integer(type) || type.kind == KDB_TYPE_TEXT);
    return step;
}

static const kdbi_step *compile_param(kdbi_compiler *c, const kdb_node *node)
{
    if (node->param < 1 || node->param > c->nparams) {
        return NULL;
    }
    kdbi_step *step = KDB_ARENA_NEW(c->arena, kdbi_step);
    *step = (kdbi_step){ .index = node->param,
                         .type = kdb_dialect_engine_type(c->params[node->param - 1]),
                         .is_constant = true,
                         .is_param = true };
    return step;
}

static kdb_status run_column(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    *out = kdbi_column_at(run->row, step->index);
    return KDB_OK;
}

static kdb_status run_column_i16(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    *out = kdbi_column_at(run->row, step->index);
    out->as.i64 = out->as.i16;
    return KDB_OK;
}

static kdb_status run_column_i32(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    *out = kdbi_column_at(run->row, step->index);
    out->as.i64 = out->as.i32;
    return KDB_OK;
}

static kdb_status run_column_f32(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    *out = kdbi_column_at(run->row, step->index);
    out->as.f64 = (double)out->as.f32;
    return KDB_OK;
}

static const kdbi_step_fn column_runs[] = {
    [KDB_LAYOUT_NONE] = NULL,          [KDB_LAYOUT_BOOL] = run_column, [KDB_LAYOUT_I16] = run_column_i16,
    [KDB_LAYOUT_I32] = run_column_i32, [KDB_LAYOUT_I64] = run_column,  [KDB_LAYOUT_I128] = run_column,
    [KDB_LAYOUT_F32] = run_column_f32, [KDB_LAYOUT_F64] = run_column,  [KDB_LAYOUT_BYTES] = run_column,
    [KDB_LAYOUT_UUID] = run_column,    [KDB_LAYOUT_F32S] = run_column,
};

static const kdbi_step *compile_column(kdbi_compiler *c, const kdb_node *node)
{
    if (node->column >= c->ncolumns) {
        return NULL;
    }
    const kdb_type type = c->columns[node->column].type;
    kdbi_step *step = KDB_ARENA_NEW(c->arena, kdbi_step);
    *step = (kdbi_step){ .run = column_runs[kdb_type_layout(type)],
                         .index = node->column,
                         .type = kdb_dialect_engine_type(type),
                         .is_column = true,
                         .is_bare = true };
    return step->run == NULL ? NULL : step;
}

/* ---- parameters ---- */

static const kdbi_step *param_step(kdbi_compiler *c, uint32_t param, kdb_type type)
{
    const kdbi_const_def def = { .origin = KDBI_FROM_PARAM, .param = param, .type = type };
    return const_step(c, type, &def);
}

/* Uses of one parameter as two types would leave the engine without one. */
static bool note_use(kdbi_compiler *c, uint32_t param, kdb_type type, bool kept)
{
    kdbi_use *use = &c->uses[param - 1];
    if (use->has_type && !kdb_type_eq(use->as, type)) {
        return false;
    }
    use->kept = kept && (use->kept || !use->used);
    use->used = true;
    use->has_type = true;
    use->as = type;
    return true;
}

const kdbi_step *kdbi_param_as(kdbi_compiler *c, const kdbi_step *param, kdb_type type)
{
    const kdb_type own = param->type;
    if (own.kind == KDB_TYPE_NULL || kdb_type_eq(own, type)) {
        return note_use(c, param->index, type, true) ? param_step(c, param->index, type) : NULL;
    }
    if (!kdbi_is_number(own) || !kdbi_is_number(type)) {
        return note_use(c, param->index, type, false) ? param_step(c, param->index, type) : NULL;
    }
    const bool widens = kdbi_is_integer(own) && (type.kind == KDB_TYPE_BIGINT || type.kind == KDB_TYPE_DOUBLE ||
                                                 (type.kind == KDB_TYPE_INT && own.kind == KDB_TYPE_SMALLINT));
    if (!widens) { /* the value decides what the engine computes with */
        return NULL;
    }
    return note_use(c, param->index, type, false) ? param_step(c, param->index, type) : NULL;
}

/* Whether the engine compares integers as the column's type or, where the value does not fit that, as BIGINT: they compare the
 * same, and inside all have one form. */
const kdbi_step *kdbi_param_beside(kdbi_compiler *c, const kdbi_step *param, kdb_type type)
{
    if (!kdbi_is_integer(param->type) || !kdbi_is_integer(type)) {
        return kdbi_param_as(c, param, type);
    }
    const bool same = kdb_type_eq(param->type, type);
    return note_use(c, param->index, type, same) ? param_step(c, param->index, param->type) : NULL;
}

const kdbi_step *kdbi_param_open(kdbi_compiler *c, const kdbi_step *param)
{
    kdbi_use *use = &c->uses[param->index - 1];
    use->kept = use->kept || !use->used;
    use->used = true;
    use->open = true;
    if (param->type.kind == KDB_TYPE_NULL) {
        return kdbi_step_null(c, param->type);
    }
    return param_step(c, param->index, param->type);
}

/* ---- nodes ---- */

typedef const kdbi_step *(*node_compiler)(kdbi_compiler *c, const kdb_node *node);

static const node_compiler node_compilers[] = {
    [KDB_NODE_LITERAL] = compile_literal,
    [KDB_NODE_PARAM] = compile_param,
    [KDB_NODE_COLUMN] = compile_column,
    [KDB_NODE_AND] = kdbi_compile_and_or,
    [KDB_NODE_OR] = kdbi_compile_and_or,
    [KDB_NODE_NOT] = kdbi_compile_not,
    [KDB_NODE_IS_NULL] = kdbi_compile_is,
    [KDB_NODE_IS_NOT_NULL] = kdbi_compile_is,
    [KDB_NODE_IS_TRUE] = kdbi_compile_is,
    [KDB_NODE_IS_NOT_TRUE] = kdbi_compile_is,
    [KDB_NODE_IS_FALSE] = kdbi_compile_is,
    [KDB_NODE_IS_NOT_FALSE] = kdbi_compile_is,
    [KDB_NODE_EQ] = kdbi_compile_compare,
    [KDB_NODE_NE] = kdbi_compile_compare,
    [KDB_NODE_LT] = kdbi_compile_compare,
    [KDB_NODE_LE] = kdbi_compile_compare,
    [KDB_NODE_GT] = kdbi_compile_compare,
    [KDB_NODE_GE] = kdbi_compile_compare,
    [KDB_NODE_DISTINCT] = kdbi_compile_compare,
    [KDB_NODE_NOT_DISTINCT] = kdbi_compile_compare,
    [KDB_NODE_IN] = kdbi_compile_in,
    [KDB_NODE_BETWEEN] = kdbi_compile_between,
    [KDB_NODE_ADD] = kdbi_compile_arithmetic,
    [KDB_NODE_SUB] = kdbi_compile_arithmetic,
    [KDB_NODE_MUL] = kdbi_compile_arithmetic,
    [KDB_NODE_DIV] = kdbi_compile_arithmetic,
    [KDB_NODE_MOD] = kdbi_compile_arithmetic,
    [KDB_NODE_NEG] = kdbi_compile_negation,
    [KDB_NODE_LIKE] = kdbi_compile_like,
    [KDB_NODE_ILIKE] = kdbi_compile_like,
    [KDB_NODE_CONCAT] = kdbi_compile_join,
    [KDB_NODE_CASE] = kdbi_compile_case,
    [KDB_NODE_COALESCE] = kdbi_compile_coalesce,
    [KDB_NODE_NULLIF] = kdbi_compile_nullif,
    [KDB_NODE_GREATEST] = kdbi_compile_greatest_least,
    [KDB_NODE_LEAST] = kdbi_compile_greatest_least,
    [KDB_NODE_CALL] = kdbi_compile_call,
    [KDB_NODE_CAST] = kdbi_compile_cast,
};

const kdbi_step *kdbi_compile(kdbi_compiler *c, const kdb_node *node)
{
    const size_t kind = (size_t)node->kind;
    if (kind >= KDB_ARRAY_LEN(node_compilers) || node_compilers[kind] == NULL || c->depth == DEPTH_MAX ||
        c->nodes == NODES_MAX) {
        return NULL;
    }
    c->nodes++;
    c->depth++;
    const kdbi_step *step = node_compilers[kind](c, node);
    c->depth--;
    return step;
}

const kdbi_step **kdbi_compile_args(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **steps = KDB_ARENA_ARRAY(c->arena, const kdbi_step *, node->nargs + 1);
    for (size_t i = 0; i < node->nargs; i++) {
        steps[i] = kdbi_compile(c, node->args[i]);
        if (steps[i] == NULL) {
            return NULL;
        }
    }
    return steps;
}
