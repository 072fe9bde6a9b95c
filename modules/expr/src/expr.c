/* expr.c - scalar expressions compiled to programs over rows. */
#include "kdb/expr.h"

struct kdb_expr {
    kdb_type type;
};

const kdb_expr *kdb_expr_compile(const kdb_node *node, const kdb_field *columns, size_t ncolumns,
                                 const kdb_type *params, size_t nparams, kdb_arena *arena)
{
    (void)node;
    (void)columns;
    (void)ncolumns;
    (void)params;
    (void)nparams;
    (void)arena;
    return NULL;
}

kdb_type kdb_expr_type(const kdb_expr *expr)
{
    return expr->type;
}

kdb_status kdb_expr_bind(const kdb_expr *expr, const kdb_value *params, size_t nparams, kdb_arena *arena,
                         const kdb_expr_consts **out, kdb_err *err)
{
    (void)expr;
    (void)params;
    (void)nparams;
    (void)arena;
    (void)out;
    return KDB_FAIL(err, KDB_INTERNAL, "nothing is compiled yet");
}

kdb_status kdb_expr_eval(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                         kdb_arena *scratch, kdb_value *out, kdb_err *err)
{
    (void)expr;
    (void)consts;
    (void)row;
    (void)scratch;
    (void)out;
    return KDB_FAIL(err, KDB_INTERNAL, "nothing is compiled yet");
}

kdb_status kdb_expr_matches(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                            kdb_arena *scratch, bool *out, kdb_err *err)
{
    (void)expr;
    (void)consts;
    (void)row;
    (void)scratch;
    (void)out;
    return KDB_FAIL(err, KDB_INTERNAL, "nothing is compiled yet");
}

int kdb_expr_compare(const kdb_value *a, const kdb_value *b)
{
    (void)a;
    (void)b;
    return 0;
}
