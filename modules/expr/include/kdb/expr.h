/* expr.h - scalar expressions compiled to programs over rows, for the native executor, DML and (later) live filters. The
 * engine's meaning is the rule: what cannot be computed exactly as the engine would is not compiled. A program is
 * immutable: any thread may use it. */
#ifndef KDB_EXPR_H
#define KDB_EXPR_H

#include "kdb/dialect.h"

typedef struct kdb_expr kdb_expr;

/* NULL when the expression is outside of what is exact here: the caller asks the engine then, which also words the errors
 * of what is wrong. `columns` are what KDB_NODE_COLUMN counts; params[i] is the type of parameter i + 1 (KDB_TYPE_NULL
 * for a NULL). The program lives in `arena`; the node may go. */
const kdb_expr *kdb_expr_compile(const kdb_node *node, const kdb_field *columns, size_t ncolumns,
                                 const kdb_type *params, size_t nparams, kdb_arena *arena);
/* Of the value; KDB_TYPE_NULL when it is always NULL and nothing says of which type. */
kdb_type kdb_expr_type(const kdb_expr *expr);
/* The column when the expression is nothing but one, else -1. */
int32_t kdb_expr_column(const kdb_expr *expr);
/* True when the value depends on nothing but parameters and literals. */
bool kdb_expr_is_constant(const kdb_expr *expr);
/* Marks in used[0..ncolumns) the columns that the program reads. */
void kdb_expr_columns(const kdb_expr *expr, bool *used);
/* True when evaluating it may fail, for some row. */
bool kdb_expr_can_fail(const kdb_expr *expr);
/* True when it may have a value where the engine fails: where an operand of AND, OR, IN and the like fails and another
 * decides, or only the engine's way to compute it overflows. The engine notices such an error or not, as it goes along. */
bool kdb_expr_forgives(const kdb_expr *expr);
/* Whether the programs of one statement agree on what its parameters are. The engine types a parameter by all its uses at
 * once: when this is false only the engine can run the statement. All were compiled for the same parameters. */
bool kdb_expr_params_agree(const kdb_expr *const *exprs, size_t nexprs, kdb_arena *arena);

/* The constants of one execution: literals and parameters in the types the program computes with. In `arena`. A parameter
 * that does not convert fails as it would in the engine. The types of `params` are those compiled for. */
typedef struct kdb_expr_consts kdb_expr_consts;
KDB_NODISCARD kdb_status kdb_expr_bind(const kdb_expr *expr, const kdb_value *params, size_t nparams, kdb_arena *arena,
                                       const kdb_expr_consts **out, kdb_err *err);

/* A row as programs see it. */
typedef struct kdb_expr_row {
    void *self;
    /* The value of one column in the column's type; borrowed until the evaluation ends. */
    kdb_value (*column)(void *self, uint32_t column);
    /* Where columns lie decoded: row `at` of columns[c] is this one's, unless columns[c] is NULL. NULL: none does. */
    const kdb_vec *const *columns;
    size_t at;
} kdb_expr_row;

/* The value for one row. Bytes borrow from the row, the constants or `scratch`. Errors are the engine's: KDB_ARITHMETIC. */
KDB_NODISCARD kdb_status kdb_expr_eval(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                                       kdb_arena *scratch, kdb_value *out, kdb_err *err);
/* Whether a BOOLEAN expression is true (not false, not NULL). */
KDB_NODISCARD kdb_status kdb_expr_matches(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_expr_row *row,
                                          kdb_arena *scratch, bool *out, kdb_err *err);
/* Whether rows [from, to) can meet a BOOLEAN expression, decided for many at a time where columns[c] are decoded: clears
 * the bits (bit i & 63 of bits[i >> 6] is row i's) of rows that do not. True when that was all there is to decide, so that
 * the rows left do meet it; else they have to be asked one by one. Bits of other rows in the same words are undefined then. */
bool kdb_expr_sieve(const kdb_expr *expr, const kdb_expr_consts *consts, const kdb_vec *const *columns, size_t from,
                    size_t to, uint64_t *bits);
/* Orders two values of one type as ORDER BY does, NULLs aside: by bytes for text, NaN above all. < 0, 0, > 0. */
int kdb_expr_compare(const kdb_value *a, const kdb_value *b);

/* The names of the functions that programs know, sorted, some more than once; NULL behind the last. */
const char *kdb_expr_function_name(size_t index);

#endif
