/* watch.h - SELECTs that can be kept up to date, compiled: what module live evaluates over each row that changes. */
#ifndef KDB_WATCH_H
#define KDB_WATCH_H

#include "kdb/core.h"
#include "kdb/tables.h"

typedef enum kdb_watch_kind {
    KDB_WATCH_ROWS,  /* the rows that meet a condition */
    KDB_WATCH_TOP,   /* the first of them, in an order */
    KDB_WATCH_GROUPS /* aggregates of them, by group */
} kdb_watch_kind;

/* A column of the result: one of the table's, under a name. */
typedef struct kdb_watch_column {
    kdb_sv label;   /* "\"name\":" */
    uint32_t field; /* index into kdb_table_fields */
    bool key;       /* part of the primary key */
    bool hidden;    /* its table name begins with an underscore, as those of system columns do */
} kdb_watch_column;

typedef struct kdb_watch_sort {
    kdb_row_test value;
    bool descending, nulls_first;
} kdb_watch_sort;

typedef struct kdb_watch_aggregate {
    kdb_aggregate_kind kind;
    kdb_row_test value;  /* expr NULL: of COUNT(*) */
    kdb_row_test filter; /* expr NULL: all rows count */
    kdb_type type;       /* of the result */
} kdb_watch_aggregate;
/* A column of a grouped result. */
typedef struct kdb_watch_item {
    kdb_sv label;
    bool is_aggregate;
    size_t index; /* into aggregates or group_keys */
} kdb_watch_item;
enum { KDB_WATCH_TOP_MAX = 1000 }; /* of LIMIT and OFFSET together */

/* One SELECT as one user sees it. Counted and immutable: any thread. */
typedef struct kdb_watch {
    atomic_uint refs;
    kdb_arena *arena; /* this and all it points to */
    kdb_watch_kind kind;
    kdb_table *table; /* a reference: the version that it was compiled for */
    kdb_sv text;
    kdb_sv
        key; /* of two watches of one version of a table and of one user's rows, equal when they are the same query */
    bool personal;                   /* it asks who the user is, or is bound by policies */
    kdb_sv schema;                   /* JSON: the acknowledgement's */
    const kdb_watch_column *columns; /* as selected, then `_seq` unless it is among them */
    size_t ncolumns;
    const kdb_watch_column *keys; /* of the primary key, those that are not selected */
    size_t nkeys;
    kdb_row_test where;           /* expr NULL: none */
    const kdb_row_filter *filter; /* row policies; NULL: none */
    void *policies;               /* core's: what filter borrows from */
    const kdb_pred *preds;        /* what every row of it meets, for kdb_table_key_set, with the next two */
    size_t npreds;
    const kdb_value *params;
    size_t nparams;
    bool sees_deleted;          /* WHERE asks for `_deleted`: tombstones are rows like others */
    const kdb_watch_sort *sort; /* TOP */
    size_t nsort;
    uint64_t limit, offset;
    const kdb_row_test *group_keys; /* GROUPS: always there; none: all rows are one group */
    size_t ngroup_keys;
    const kdb_watch_aggregate *aggregates;
    size_t naggregates;
    const kdb_watch_item *items;
    size_t nitems;
} kdb_watch;

/* Compiles the text for who asks, with the rights of now. KDB_STMT_INVALID_SQL for what is no live query, and whatever a
 * SELECT would fail with. *out is the caller's to unref. */
KDB_NODISCARD kdb_status kdb_core_watch(kdb_core_turn *turn, kdb_sv sql, const kdb_principal *caller, kdb_watch **out,
                                        kdb_err *err);
kdb_watch *kdb_watch_ref(kdb_watch *watch);
void kdb_watch_unref(kdb_watch *watch); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_watch, kdb_watch_unref)

/* Whether the row is one of the query's, and one that the user may see. */
KDB_NODISCARD kdb_status kdb_watch_matches(const kdb_watch *watch, const kdb_expr_row *row, kdb_arena *scratch,
                                           bool *out, kdb_err *err);

#endif
