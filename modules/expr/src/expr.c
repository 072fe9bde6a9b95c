/* expr.c - programs from outside: compiled, bound to an execution's parameters, run for a row. */
#include "expr_int.h"

const kdb_expr *kdb_expr_compile(const kdb_node *node, const kdb_field *columns, size_t ncolumns,
                                 const kdb_type *params, size_t nparams, kdb_arena *arena)
{
    kdbi_compiler c = { .columns = columns,
                        .ncolumns = ncolumns,
                        .params = params,
                        .nparams = nparams,
                        .arena = arena,
                        .uses = KDB_ARENA_ARRAY(arena, kdbi_use, nparams + 1) };
    const kdbi_step *root = kdbi_compile(&c, node);
    if (root == NULL || root->is_param) {
        return NULL;
    }
    kdb_expr *expr = KDB_ARENA_NEW(arena, kdb_expr);
    *expr = (kdb_expr){ .root = root,
                        .consts = c.consts,
                        .nconsts = c.nconsts,
                        .uses = c.uses,
                        .nparams = nparams,
                        .type = root->is_bare ? columns[root->index].type : root->type };
    return expr;
}

kdb_type kdb_expr_type(const kdb_expr *expr)
{
    return expr->type;
}

int32_t kdb_expr_column(const kdb_expr *expr)
{
    return expr->root->is_bare ? (int32_t)expr->root->index : -1;
}

bool kdb_expr_is_constant(const kdb_expr *expr)
{
    return expr->root->is_constant;
}

bool kdb_expr_forgives(const kdb_expr *expr)
{
    return expr->root->forgives;
}

bool kdb_expr_can_fail(const kdb_expr *expr)
{
    return expr->root->can_fail;
}

static void mark_columns(const kdbi_step *step, bool *used)
{
    if (step->is_column) {
        used[step->index] = true;
    }
    for (size_t i = 0; i < step->nargs; i++) {
        mark_columns(step->args[i], used);
    }
}

void kdb_expr_columns(const kdb_expr *expr, bool *used)
{
    mark_columns(expr->root, used);
}

/* ---- parameters of a statement ---- */

static bool merge_use(kdbi_use *all, const kdbi_use *one)
{
    if (all->has_type && one->has_type && !kdb_type_eq(all->as, one->as)) {
        return false;
    }
    all->kept = (all->kept || !all->used) && (one->kept || !one->used);
    all->used = all->used || one->used;
    all->open = all->open || one->open;
    if (one->has_type) {
        all->has_type = true;
        all->as = one->as;
    }
    return true;
}

bool kdb_expr_params_agree(const kdb_expr *const *exprs, size_t nexprs, kdb_arena *arena)
{
    const size_t nparams = nexprs == 0 ? 0 : exprs[0]->nparams;
    kdbi_use *all = KDB_ARENA_ARRAY(arena, kdbi_use, nparams + 1);
    bool open = false;
    for (size_t i = 0; i < nexprs; i++) {
        for (size_t p = 0; p < nparams; p++) {
            if (!merge_use(&all[p], &exprs[i]->uses[p])) {
                return false;
            }
            open = open || all[p].open;
        }
    }
    for (size_t p = 0; p < nparams; p++) {
        if (open && all[p].used && !all[p].kept) {
            return false;
        }
    }
    return true;
}

/* ---- constants ---- */

static kdb_status bind_param(const kdbi_const_def *def, const kdb_value *params, size_t nparams, kdb_arena *arena,
                             kdb_value *out, kdb_err *err)
{
    KDB_ASSERT(def->param >= 1 && def->param <= nparams);
    const kdb_value *in = &params[def->param - 1];
    kdb_value value;
    kdb_err inner;
    if (kdb_value_coerce(in, def->type, arena, &value, &inner) != KDB_OK) {
        return KDB_FAIL(err, KDB_PARAMETER, "$%u: %s", (unsigned)def->param, inner.text);
    }
    *out = kdbi_form_of(&value);
    return KDB_OK;
}

/* What fails here fails in the engine only if a row asks for it. */
static void bind_step(const kdbi_step *step, const kdb_expr_consts *consts, kdb_arena *arena, kdbi_const *out)
{
    kdb_err ignored;
    kdbi_run run = { .consts = consts, .scratch = arena, .err = &ignored };
    out->failed = kdbi_eval(step, &run, &out->value) == KDB_OK ? NULL : step;
}

kdb_status kdb_expr_bind(const kdb_expr *expr, const kdb_value *params, size_t nparams, kdb_arena *arena,
                         const kdb_expr_consts **out, kdb_err *err)
{
    kdbi_const *at = KDB_ARENA_ARRAY(arena, kdbi_const, expr->nconsts + 1);
    kdb_expr_consts *consts = KDB_ARENA_NEW(arena, kdb_expr_consts);
    consts->at = at;
    for (size_t i = 0; i < expr->nconsts; i++) {
        const kdbi_const_def *def = &expr->consts[i];
        switch (def->origin) {
        case KDBI_FROM_LITERAL:
            at[i].value = def->value;
            break;
        case KDBI_FROM_PARAM:
            KDB_TRY(bind_param(def, params, nparams, arena, &at[i].value, err));
            break;
        case KDBI_FROM_STEP:
            bind_step(def->step, consts, arena, &at[i]);
            break;
        }
    }
    *out = consts;
    return KDB_OK;
}

/* ---- rows ---- */

kdb_status kdb_expr_eval(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                         kdb_arena *scratch, kdb_value *out, kdb_err *err)
{
    if (expr->root->is_bare) {
        *out = kdbi_column_at(row, expr->root->index);
        return KDB_OK;
    }
    kdbi_run run = { .row = row, .consts = consts, .scratch = scratch, .err = err };
    KDB_TRY(kdbi_eval(expr->root, &run, out));
    kdbi_form_to_value(expr->type, out);
    return KDB_OK;
}

kdb_status kdb_expr_matches(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                            kdb_arena *scratch, bool *out, kdb_err *err)
{
    kdbi_run run = { .row = row, .consts = consts, .scratch = scratch, .err = err };
    return kdbi_ask(expr->root, &run, true, out);
}

bool kdb_expr_sieve(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_vec *const *columns, size_t from,
                    size_t to, uint64_t *bits)
{
    const kdbi_sieve sieve = { .consts = consts, .columns = columns, .from = from, .to = to, .bits = bits };
    return expr->root->sieve != NULL && expr->root->sieve(expr->root, &sieve);
}

int kdb_expr_compare(const kdb_value *a, const kdb_value *b)
{
    const kdb_value left = kdbi_form_of(a);
    const kdb_value right = kdbi_form_of(b);
    return kdbi_order(a->type, &left, &right);
}
