/* native_int.h - what the native executor's own files share: compiled queries, the order their rows come in, and the
 * heap that keeps the first rows of a sorted result. */
#ifndef KDB_NATIVE_INT_H
#define KDB_NATIVE_INT_H

#include "core_int.h"

/* How a walk meets the rows in the order that the statement wants. */
typedef enum kdbi_native_order {
    KDBI_ORDER_KEY_UP, /* of the key; also when any order will do */
    KDBI_ORDER_KEY_DOWN,
    KDBI_ORDER_SEQ_UP, /* of `_seq` */
    KDBI_ORDER_SEQ_DOWN,
    KDBI_ORDER_SORT, /* none of these: the first rows are kept sorted */
    KDBI_ORDER_NONE  /* no order this executor can give */
} kdbi_native_order;

/* One output column: a table's column, or a program. */
typedef struct kdbi_native_target {
    int32_t field; /* index into kdb_table_fields; -1: computed */
    const kdb_expr *expr;
    kdb_type type;
    bool can_fail;
} kdbi_native_target;

struct kdbi_native {
    kdb_arena *arena;       /* this and all it points to */
    const kdb_table *table; /* the plan's; NULL: no FROM */
    const kdb_row_decoder *decoder;
    bool sees_deleted;
    kdb_type *param_types;
    size_t nparams;
    const kdb_expr *where; /* NULL: none */
    bool count;
    kdbi_native_target *targets;
    size_t ntargets;
    kdbi_native_order order;
    const kdb_expr **sort; /* SORT */
    bool *sort_down;
    bool *sort_nulls_first;
    size_t nsort;
    const kdb_node *limit, *offset;
    kdbi_result result;
};

/* What executions on one worker use in turn: at most one runs at a time there. */
struct kdbi_native_memory {
    kdb_arena *run;     /* the execution, its constants and keys */
    kdb_arena *row;     /* of one row's evaluation */
    kdb_arena *scratch; /* the walk's */
    kdb_arena *chunk;   /* of the rows handed out last */
    bool used;
};

/* native_order.c */
kdbi_native_order kdbi_native_choose_order(const kdbi_plan *plan, const kdb_table *table);

/* native_top.c: the first `capacity` rows by a sort, of any number offered. */
typedef struct kdbi_top kdbi_top;
kdbi_top *kdbi_top_new(const kdbi_native *native, size_t capacity);
void kdbi_top_free(kdbi_top *top); /* NULL is fine */
/* True when a row surely has no place, told by the first column sorted by alone: row `row` of that column, decoded. */
bool kdbi_top_is_past(const kdbi_top *top, const kdb_vec *column, size_t row);
/* True when a row with these sort values has a place. */
bool kdbi_top_wants(const kdbi_top *top, const kdb_value *sort);
/* Copies the row in; only after _wants. Without cells it is known by its index. */
void kdbi_top_put(kdbi_top *top, const kdb_value *sort, const kdb_value *cells /* or NULL */, size_t row);
/* Bytes held. */
size_t kdbi_top_bytes(const kdbi_top *top);
/* Sorts; after the last put. Then rows 0 to count - 1 are in order. */
void kdbi_top_finish(kdbi_top *top);
size_t kdbi_top_count(const kdbi_top *top);
const kdb_value *kdbi_top_cells(const kdbi_top *top, size_t index, size_t *row);

#endif
