/* expr_case.c - CASE, COALESCE, NULLIF, GREATEST, LEAST. */
#include "expr_int.h"

/* when, then, when, then, ..[, else] */
static kdb_status run_case(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    for (size_t i = 0; i + 1 < step->nargs; i += 2) {
        bool holds = false;
        KDB_TRY(kdbi_ask(step->args[i], run, true, &holds));
        if (holds) {
            return kdbi_arg(step, i + 1, run, out);
        }
    }
    if (step->nargs % 2 == 1) {
        return kdbi_arg(step, step->nargs - 1, run, out);
    }
    out->is_null = true;
    return KDB_OK;
}

/* The results: ELSE, which the engine looks at first, then those of the WHENs. */
static bool unify_results(kdbi_compiler *c, const kdbi_step **args, size_t nargs, kdb_type *type)
{
    const kdbi_step **results = KDB_ARENA_ARRAY(c->arena, const kdbi_step *, nargs + 1);
    const bool has_else = nargs % 2 == 1;
    size_t n = 0;
    if (has_else) {
        results[n++] = args[nargs - 1];
    }
    for (size_t i = 1; i < nargs; i += 2) {
        results[n++] = args[i];
    }
    if (!kdbi_unify(c, results, n, type)) {
        return false;
    }
    n = 0;
    if (has_else) {
        args[nargs - 1] = results[n++];
    }
    for (size_t i = 1; i < nargs; i += 2) {
        args[i] = results[n++];
    }
    return true;
}

const kdbi_step *kdbi_compile_case(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    kdb_type type;
    if (args == NULL || node->nargs < 2) {
        return NULL;
    }
    for (size_t i = 0; i + 1 < node->nargs; i += 2) {
        args[i] = kdbi_truth(c, args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    if (!unify_results(c, args, node->nargs, &type)) {
        return NULL;
    }
    return kdbi_step_new(c, run_case, type, args, node->nargs);
}

static kdb_status run_coalesce(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    out->is_null = true;
    for (size_t i = 0; out->is_null && i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, out));
    }
    return KDB_OK;
}

/* The engine may compute what stands behind the first before it is needed. */
static bool only_first_fails(const kdbi_step *const *args, size_t nargs)
{
    bool fails = false;
    for (size_t i = 1; i < nargs; i++) {
        fails = fails || args[i]->can_fail;
    }
    return !fails;
}

const kdbi_step *kdbi_compile_coalesce(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    kdb_type type;
    if (args == NULL || node->nargs == 0 || !kdbi_unify(c, args, node->nargs, &type) ||
        kdbi_has_failing_constant(args + 1, node->nargs - 1)) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_new(c, run_coalesce, type, args, node->nargs);
    step->forgives = step->forgives || !only_first_fails(args, node->nargs);
    return step;
}

/* value, and the comparison that makes it NULL */
static kdb_status run_nullif(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value equal;
    KDB_TRY(kdbi_arg(step, 1, run, &equal));
    if (!equal.is_null && equal.as.b) {
        out->is_null = true;
        return KDB_OK;
    }
    return kdbi_arg(step, 0, run, out);
}

const kdbi_step *kdbi_compile_nullif(kdbi_compiler *c, const kdb_node *node)
{
    kdb_node equality = { .kind = KDB_NODE_EQ, .position = node->position, .args = node->args, .nargs = node->nargs };
    const kdbi_step *equal = kdbi_compile_compare(c, &equality);
    const kdbi_step *value = equal == NULL ? NULL : kdbi_compile(c, node->args[0]);
    if (value == NULL || value->is_param || kdbi_is_null_literal(value)) {
        return NULL;
    }
    return kdbi_step_binary(c, run_nullif, value->type, value, equal);
}

/* `detail`: the sign of an order that makes a value the better one. */
static kdb_status run_greatest_least(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const int wanted = step->detail != 0 ? 1 : -1;
    kdb_value next;
    out->is_null = true;
    for (size_t i = 0; i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, &next));
        if (!next.is_null && (out->is_null || kdbi_order(step->type, &next, out) == wanted)) {
            *out = next;
        }
    }
    if (step->type.kind == KDB_TYPE_FLOAT && !out->is_null && out->as.f64 == 0) {
        out->as.f64 = 0; /* the engine orders FLOATs by keys that know one zero */
    }
    return KDB_OK;
}

const kdbi_step *kdbi_compile_greatest_least(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    kdb_type type;
    if (args == NULL || node->nargs < 2 || !kdbi_unify(c, args, node->nargs, &type)) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_new(c, run_greatest_least, type, args, node->nargs);
    step->detail = node->kind == KDB_NODE_GREATEST;
    return step;
}
