/* expr_like.c - LIKE and ILIKE. A pattern is walked with one place to come back to: the last `%`, for what an earlier one
 * could match a later one can as well. */
#include "expr_int.h"

typedef struct matcher {
    kdb_sv text;
    kdb_sv pattern;
    char escape;
} matcher;

static size_t next_character(kdb_sv text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

/* One element of the pattern at *p against the text at *s, both moved on when it matches. */
static bool take_one(const matcher *m, size_t *s, size_t *p)
{
    if (*p == m->pattern.len || *s == m->text.len) {
        return false;
    }
    char c = m->pattern.ptr[*p];
    if (c == '_' && c != m->escape) {
        *s = next_character(m->text, *s);
        *p += 1;
        return true;
    }
    const bool escaped = c == m->escape;
    if (escaped) {
        c = m->pattern.ptr[*p + 1];
    }
    if (c != m->text.ptr[*s]) {
        return false;
    }
    *s += 1;
    *p += escaped ? 2 : 1;
    return true;
}

static bool at_wildcard(const matcher *m, size_t p)
{
    return p < m->pattern.len && m->pattern.ptr[p] == '%' && m->escape != '%';
}

static bool matches(const matcher *m)
{
    size_t s = 0;
    size_t p = 0;
    size_t back_s = SIZE_MAX; /* where the last `%` has been taken to end, and what follows it */
    size_t back_p = 0;
    while (s < m->text.len) {
        if (at_wildcard(m, p)) {
            p++;
            back_s = s;
            back_p = p;
        } else if (!take_one(m, &s, &p)) {
            if (back_s == SIZE_MAX) {
                return false;
            }
            s = ++back_s;
            p = back_p;
        }
    }
    while (at_wildcard(m, p)) {
        p++;
    }
    return p == m->pattern.len;
}

/* An escape at the very end escapes nothing. */
static bool is_well_formed(kdb_sv pattern, char escape)
{
    size_t i = 0;
    while (i < pattern.len) {
        if (pattern.ptr[i] == escape) {
            i++;
        }
        i++;
    }
    return i == pattern.len;
}

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
    matcher m = { .text = out->as.bytes, .pattern = pattern.as.bytes, .escape = (char)(step->detail & 0xff) };
    if ((step->detail & ANY_CASE) != 0) {
        m.text = kdbi_text_lower(run->scratch, m.text);
        m.pattern = kdbi_text_lower(run->scratch, m.pattern);
    }
    if (!is_well_formed(m.pattern, m.escape)) {
        return KDB_FAIL(run->err, KDB_STMT_INVALID_SQL, "Like pattern must not end with escape character!");
    }
    out->as.b = matches(&m);
    return KDB_OK;
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
    if (literal != NULL && !literal->is_null && !is_well_formed(literal->as.bytes, escape)) {
        return NULL; /* the engine fails for some texts only */
    }
    kdbi_step *step = kdbi_step_binary(c, run_like, kdb_type_of(KDB_TYPE_BOOLEAN), text, pattern);
    step->detail = (unsigned char)escape | (node->kind == KDB_NODE_ILIKE ? ANY_CASE : 0);
    step->can_fail = step->can_fail || !pattern->is_constant;
    return step;
}
