/* expr_logic.c - AND, OR, NOT and IS with SQL's three values. The engine orders the operands of AND and OR as it likes
 * and may skip any, so that chance decides whether one that fails is noticed. Here it never is when another decides. */
#include "expr_int.h"

const kdbi_step *kdbi_truth(kdbi_compiler *c, const kdbi_step *step)
{
    if (step->is_param) {
        return kdbi_param_as(c, step, kdb_type_of(KDB_TYPE_BOOLEAN));
    }
    if (kdbi_is_null_literal(step)) {
        return kdbi_step_null(c, kdb_type_of(KDB_TYPE_BOOLEAN));
    }
    return step->type.kind == KDB_TYPE_BOOLEAN ? step : NULL;
}

/* The value that decides (`detail`): false for AND, true for OR. */
static kdb_status run_and_or(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const bool decides = step->detail != 0;
    bool unknown = false;
    for (size_t i = 0; i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, out));
        if (!out->is_null && out->as.b == decides) {
            return KDB_OK;
        }
        unknown = unknown || out->is_null;
    }
    out->is_null = unknown;
    out->as.b = !decides;
    return KDB_OK;
}

/* The same where an operand can fail: an error counts only when nothing decides. */
static kdb_status run_and_or_forgiving(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const bool decides = step->detail != 0;
    bool unknown = false;
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 0; i < step->nargs; i++) {
        const kdb_status status = kdbi_arg(step, i, run, out);
        if (status != KDB_OK) {
            if (!kdbi_keep_error(&kept, status, run)) {
                return status;
            }
            continue;
        }
        if (!out->is_null && out->as.b == decides) {
            return KDB_OK;
        }
        unknown = unknown || out->is_null;
    }
    out->is_null = unknown;
    out->as.b = !decides;
    return kdbi_kept(&kept, run);
}

/* One operand that is `want`, or all of them. */
static kdb_status ask_and_or(const kdbi_step *step, kdbi_run *run, bool want, bool *out)
{
    const bool any = want == (step->detail != 0);
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 0; i < step->nargs; i++) {
        bool is = false;
        const kdb_status status = kdbi_ask(step->args[i], run, want, &is);
        if (status != KDB_OK && !kdbi_keep_error(&kept, status, run)) {
            return status;
        }
        if (status == KDB_OK && is == any) {
            *out = any;
            return KDB_OK;
        }
    }
    *out = !any;
    return kdbi_kept(&kept, run);
}

static bool sieve_and(const kdbi_step *step, const kdbi_sieve *sieve)
{
    bool all = true;
    for (size_t i = 0; i < step->nargs; i++) {
        const bool told = step->args[i]->sieve != NULL && step->args[i]->sieve(step->args[i], sieve);
        all = all && told;
    }
    return all;
}

const kdbi_step *kdbi_compile_and_or(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    for (size_t i = 0; args != NULL && i < node->nargs; i++) {
        args[i] = kdbi_truth(c, args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    if (args == NULL || node->nargs == 0 || (node->nargs > 1 && kdbi_has_failing_constant(args, node->nargs))) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_new(c, run_and_or, kdb_type_of(KDB_TYPE_BOOLEAN), args, node->nargs);
    if (step->can_fail && node->nargs > 1) {
        step->run = run_and_or_forgiving;
        step->ask = ask_and_or;
        step->forgives = true;
    }
    step->detail = node->kind == KDB_NODE_OR;
    step->sieve = node->kind == KDB_NODE_AND ? sieve_and : NULL;
    return step;
}

static kdb_status run_not(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.b = !out->as.b;
    }
    return KDB_OK;
}

static kdb_status ask_not(const kdbi_step *step, kdbi_run *run, bool want, bool *out)
{
    return kdbi_ask(step->args[0], run, !want, out);
}

const kdbi_step *kdbi_compile_not(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    const kdbi_step *arg = args == NULL || node->nargs != 1 ? NULL : kdbi_truth(c, args[0]);
    if (arg == NULL) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_unary(c, run_not, kdb_type_of(KDB_TYPE_BOOLEAN), arg);
    step->ask = arg->ask == NULL ? NULL : ask_not;
    return step;
}

/* ---- IS ---- */

enum { ANSWER_NULL = 1, ANSWER_TRUE = 2, ANSWER_FALSE = 4 };

/* `detail`: for which of the three the answer is yes. */
static kdb_status run_is(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const uint32_t found = out->is_null ? ANSWER_NULL : out->as.b ? ANSWER_TRUE : ANSWER_FALSE;
    out->is_null = false;
    out->as.b = (step->detail & found) != 0;
    return KDB_OK;
}

/* `detail`: the answer for NULL. */
static kdb_status run_is_null(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.b = out->is_null == (step->detail != 0);
    out->is_null = false;
    return KDB_OK;
}

static uint32_t answers_of(kdb_node_kind kind)
{
    switch (kind) {
    case KDB_NODE_IS_TRUE:
        return ANSWER_TRUE;
    case KDB_NODE_IS_NOT_TRUE:
        return ANSWER_FALSE | ANSWER_NULL;
    case KDB_NODE_IS_FALSE:
        return ANSWER_FALSE;
    default:
        return ANSWER_TRUE | ANSWER_NULL;
    }
}

const kdbi_step *kdbi_compile_is(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    const bool null_test = node->kind == KDB_NODE_IS_NULL || node->kind == KDB_NODE_IS_NOT_NULL;
    if (args == NULL || node->nargs != 1) {
        return NULL;
    }
    const kdbi_step *arg = null_test ? args[0] : kdbi_truth(c, args[0]);
    if (arg == NULL || arg->is_param) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_unary(c, null_test ? run_is_null : run_is, kdb_type_of(KDB_TYPE_BOOLEAN), arg);
    step->detail = null_test ? node->kind == KDB_NODE_IS_NULL : answers_of(node->kind);
    return step;
}
