/* expr_like.c - LIKE and ILIKE, matched by commons (like.c), as the engine's kdb_like is. */
#include "expr_int.h"

/* `detail`: the escape, and whether case counts. */
enum { ANY_CASE = 0x100 };

static kdb_status run_like(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value pattern;
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, &pattern));
    out->is_null = out->is_null || pattern.is_null;
    if (out->is_null) {
        return KDB_OK;
    }
    const int escape = (int)(step->detail & 0xff);
    kdb_sv text = out->as.bytes;
    if ((step->detail & ANY_CASE) != 0) {
        text = kdbi_text_lower(run->scratch, text);
        pattern.as.bytes = kdbi_text_lower(run->scratch, pattern.as.bytes);
    }
    if (!kdb_like_valid(pattern.as.bytes, escape)) {
        return KDB_FAIL(run->err, KDB_ARITHMETIC, KDB_LIKE_INVALID_TEXT);
    }
    uint64_t steps = KDB_LIKE_STEPS_MAX;
    const kdb_like_answer answer = kdb_like(text, pattern.as.bytes, escape, &steps);
    out->as.b = answer == KDB_LIKE_YES;
    return answer == KDB_LIKE_TOO_LONG ? KDB_FAIL(run->err, KDB_LIMIT, KDB_LIKE_TOO_LONG_TEXT) : KDB_OK;
}

static const kdbi_step *text_of(kdbi_compiler *c, const kdbi_step *step)
{
    const kdb_type text = kdb_type_of(KDB_TYPE_TEXT);
    if (step->is_param) {
        return kdbi_param_as(c, step, text);
    }
    if (kdbi_is_null_literal(step)) {
        return kdbi_step_null(c, text);
    }
    return step->type.kind == KDB_TYPE_TEXT ? step : NULL;
}

const kdbi_step *kdbi_compile_like(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = kdbi_compile_args(c, node);
    char escape = '\\';
    if (args == NULL || node->nargs < 2 || node->nargs > 3) {
        return NULL;
    }
    if (node->nargs == 3) {
        const kdb_value *given = kdbi_literal(c, args[2]);
        if (given == NULL || given->is_null || given->as.bytes.len != 1) {
            return NULL;
        }
        escape = given->as.bytes.ptr[0];
    }
    const kdbi_step *text = text_of(c, args[0]);
    const kdbi_step *pattern = text_of(c, args[1]);
    if (text == NULL || pattern == NULL || escape == '%' || escape == '_') {
        return NULL;
    }
    const kdb_value *literal = kdbi_literal(c, pattern);
    if (literal != NULL && !literal->is_null && !kdb_like_valid(literal->as.bytes, (unsigned char)escape)) {
        return NULL; /* the engine fails though no row may ever be looked at */
    }
    kdbi_step *step = kdbi_step_binary(c, run_like, kdb_type_of(KDB_TYPE_BOOLEAN), text, pattern);
    step->detail = (unsigned char)escape | (node->kind == KDB_NODE_ILIKE ? ANY_CASE : 0);
    step->can_fail = step->can_fail || !pattern->is_constant;
    return step;
}
