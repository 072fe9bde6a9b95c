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
