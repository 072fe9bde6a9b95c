/* key_set.c - the narrowest set of keys that holds every row meeting a statement's predicates. Everything is compared
 * as key parts, whose order is the values' own: first each key column's predicates become a set of parts or an
 * interval, then the columns are joined: sets alone give points, a prefix of single parts and an interval a range. */
#include <stdlib.h>

#include "tables_int.h"

enum { MAX_POINTS = 10000 };

/* What the predicates on one key column leave: parts of a set (EQ, IN), and bounds. */
typedef struct part_filter {
    bool has_set;
    kdb_sv *set; /* ascending, no duplicates */
    size_t nset;
    bool has_low, low_open;
    kdb_sv low;
    bool has_high, high_open;
    kdb_sv high;
    bool empty; /* no value meets the predicates */
} part_filter;

/* One key column, or `_seq` of a STREAM. */
typedef struct key_column {
    uint32_t field; /* index into kdb_table_fields */
    kdb_type type;
    bool is_stream_seq;
} key_column;

typedef struct operands {
    const kdb_value *params;
    size_t nparams;
    kdb_arena *arena;
} operands;

static int compare_parts(const void *a, const void *b)
{
    return kdb_sv_cmp(*(const kdb_sv *)a, *(const kdb_sv *)b);
}

static kdbi_operand operand_of(const operands *ctx, const kdb_pred_operand *operand, const key_column *column)
{
    if (operand->param > ctx->nparams) {
        return (kdbi_operand){ .kind = KDBI_OPERAND_UNKNOWN };
    }
    const kdb_value *value = operand->param == 0 ? &operand->literal : &ctx->params[operand->param - 1];
    return column->is_stream_seq ? kdbi_operand_of_stream_seq(value, ctx->arena)
                                 : kdbi_operand_of(value, column->type, ctx->arena);
}

/* ---- one column ---- */

/* Keeps the parts that are in both sets, which are ascending. */
static void intersect(part_filter *filter, const kdb_sv *other, size_t nother)
{
    size_t kept = 0;
    for (size_t i = 0, j = 0; i < filter->nset && j < nother;) {
        const int order = kdb_sv_cmp(filter->set[i], other[j]);
        if (order == 0) {
            filter->set[kept++] = filter->set[i];
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    filter->nset = kept;
}

static size_t sort_unique(kdb_sv *set, size_t count)
{
    if (count < 2) {
        return count;
    }
    qsort(set, count, sizeof(*set), compare_parts);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (!kdb_sv_eq(set[i], set[kept - 1])) {
            set[kept++] = set[i];
        }
    }
    return kept;
}

/* EQ and IN. Operands that no value of the column equals drop out; one that only the engine understands makes the whole
 * predicate say nothing. */
static void filter_equal(part_filter *filter, const kdb_pred *pred, const key_column *column, const operands *ctx)
{
    kdb_sv *set = KDB_ARENA_ARRAY(ctx->arena, kdb_sv, pred->noperands);
    size_t count = 0;
    for (size_t i = 0; i < pred->noperands; i++) {
        const kdbi_operand operand = operand_of(ctx, &pred->operands[i], column);
        if (operand.kind == KDBI_OPERAND_UNKNOWN) {
            return;
        }
        if (operand.kind == KDBI_OPERAND_EXACT) {
            set[count++] = operand.part;
        }
    }
    count = sort_unique(set, count);
    if (filter->has_set) {
        intersect(filter, set, count);
    } else {
        filter->has_set = true;
        filter->set = set;
        filter->nset = count;
    }
}

static void raise_low(part_filter *filter, kdb_sv part, bool open)
{
    const int order = filter->has_low ? kdb_sv_cmp(part, filter->low) : 1;
    if (order > 0 || (order == 0 && open)) {
        filter->has_low = true;
        filter->low = part;
        filter->low_open = open;
    }
}

static void lower_high(part_filter *filter, kdb_sv part, bool open)
{
    const int order = filter->has_high ? kdb_sv_cmp(part, filter->high) : -1;
    if (order < 0 || (order == 0 && open)) {
        filter->has_high = true;
        filter->high = part;
        filter->high_open = open;
    }
}

/* <, <=, >, >=. */
static void filter_bound(part_filter *filter, const kdb_pred *pred, const key_column *column, const operands *ctx)
{
    const kdbi_operand operand = operand_of(ctx, &pred->operands[0], column);
    const bool is_low = pred->op == KDB_PRED_GT || pred->op == KDB_PRED_GE;
    const bool open = pred->op == KDB_PRED_GT || pred->op == KDB_PRED_LT;
    switch (operand.kind) {
    case KDBI_OPERAND_EXACT:
        if (is_low) {
            raise_low(filter, operand.part, open);
        } else {
            lower_high(filter, operand.part, open);
        }
        break;
    case KDBI_OPERAND_BELOW:
        filter->empty = filter->empty || !is_low;
        break;
    case KDBI_OPERAND_ABOVE:
        filter->empty = filter->empty || is_low;
        break;
    case KDBI_OPERAND_NULL:
        filter->empty = true;
        break;
    case KDBI_OPERAND_UNKNOWN:
        break;
    }
}

static bool within(const part_filter *filter, kdb_sv part)
{
    const int low = filter->has_low ? kdb_sv_cmp(part, filter->low) : 1;
    const int high = filter->has_high ? kdb_sv_cmp(part, filter->high) : -1;
    return (low > 0 || (low == 0 && !filter->low_open)) && (high < 0 || (high == 0 && !filter->high_open));
}

static part_filter filter_column(const key_column *column, const kdb_pred *preds, size_t npreds, const operands *ctx)
{
    part_filter filter = { .has_set = false };
    for (size_t i = 0; i < npreds; i++) {
        if (preds[i].column != column->field) {
            continue;
        }
        if (preds[i].op == KDB_PRED_EQ || preds[i].op == KDB_PRED_IN) {
            filter_equal(&filter, &preds[i], column, ctx);
        } else {
            filter_bound(&filter, &preds[i], column, ctx);
        }
    }
    if (filter.has_set) {
        size_t kept = 0;
        for (size_t i = 0; i < filter.nset; i++) {
            if (within(&filter, filter.set[i])) {
                filter.set[kept++] = filter.set[i];
            }
        }
        filter.nset = kept;
        filter.empty = filter.empty || kept == 0;
    }
    return filter;
}

/* ---- the columns together ---- */

static kdb_sv join(kdb_sv prefix, kdb_sv part, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, prefix.len + part.len);
    if (prefix.len != 0) {
        memcpy(bytes, prefix.ptr, prefix.len);
    }
    if (part.len != 0) {
        memcpy(bytes + prefix.len, part.ptr, part.len);
    }
    return (kdb_sv){ bytes, prefix.len + part.len };
}

/* Every combination of the sets' parts, in key order: the first column's parts lead. */
static void points_of(kdb_sv prefix, const part_filter *filters, size_t nfilters, kdb_arena *arena, kdb_key_set *out)
{
    kdb_sv *keys = KDB_ARENA_NEW(arena, kdb_sv);
    keys[0] = prefix;
    size_t nkeys = 1;
    for (size_t i = 0; i < nfilters; i++) {
        const part_filter *filter = &filters[i];
        kdb_sv *longer = KDB_ARENA_ARRAY(arena, kdb_sv, nkeys * filter->nset);
        for (size_t key = 0; key < nkeys; key++) {
            for (size_t part = 0; part < filter->nset; part++) {
                longer[key * filter->nset + part] = join(keys[key], filter->set[part], arena);
            }
        }
        keys = longer;
        nkeys *= filter->nset;
    }
    *out = (kdb_key_set){ .points = true, .keys = keys, .nkeys = nkeys };
}

static bool sets_give_points(const part_filter *filters, size_t nfilters)
{
    size_t product = 1;
    for (size_t i = 0; i < nfilters; i++) {
        if (!filters[i].has_set || filters[i].nset > MAX_POINTS / product) {
            return false;
        }
        product *= filters[i].nset;
    }
    return nfilters > 0;
}

/* A set as an interval, from its least part to its greatest. */
static part_filter as_interval(const part_filter *filter)
{
    if (!filter->has_set) {
        return *filter;
    }
    return (
        part_filter){ .has_low = true, .low = filter->set[0], .has_high = true, .high = filter->set[filter->nset - 1] };
}

static void nothing(kdb_key_set *out)
{
    *out = (kdb_key_set){ .points = true };
}

/* The keys that begin with `prefix` and whose next part lies in the interval. */
static void range_of(kdb_sv prefix, const part_filter *next, kdb_arena *arena, kdb_key_set *out)
{
    kdb_sv from = prefix;
    kdb_sv to = { NULL, 0 };
    if (next->has_low) {
        from = join(prefix, next->low, arena);
        if (next->low_open && !kdbi_key_successor(from, arena, &from)) {
            nothing(out);
            return;
        }
    }
    if (next->has_high) {
        to = join(prefix, next->high, arena);
        if (!next->high_open && !kdbi_key_successor(to, arena, &to)) {
            to = (kdb_sv){ NULL, 0 };
        }
    } else {
        (void)kdbi_key_successor(prefix, arena, &to);
    }
    if (to.len != 0 && kdb_sv_cmp(from, to) >= 0) {
        nothing(out);
        return;
    }
    *out = (kdb_key_set){ .from = from, .to = to };
}

/* The columns that keys are made of after the user. None when the row id is hidden and says nothing of the row. */
static key_column *key_columns(const kdb_table *table, kdb_arena *arena, size_t *count)
{
    const bool is_stream = table->type == KDB_TABLE_STREAM;
    *count = is_stream ? 1 : table->nkey;
    key_column *columns = KDB_ARENA_ARRAY(arena, key_column, *count);
    if (is_stream) {
        columns[0] = (key_column){ (uint32_t)table->schema->ncolumns, kdb_type_of(KDB_TYPE_BIGINT), true };
        return columns;
    }
    for (size_t i = 0; i < *count; i++) {
        columns[i] = (key_column){ table->key[i], table->schema->columns[table->key[i]].type, false };
    }
    return columns;
}

void kdb_table_key_set(const kdb_table *table, kdb_user_id user, const kdb_pred *preds, size_t npreds,
                       const kdb_value *params, size_t nparams, kdb_arena *arena, kdb_key_set *out)
{
    const operands ctx = { params, nparams, arena };
    size_t ncolumns = 0;
    const key_column *columns = key_columns(table, arena, &ncolumns);
    part_filter *filters = KDB_ARENA_ARRAY(arena, part_filter, ncolumns);
    kdb_sv prefix;
    kdb_sv end;
    kdb_row_user_range(table, user, arena, &prefix, &end);
    for (size_t i = 0; i < ncolumns; i++) {
        filters[i] = filter_column(&columns[i], preds, npreds, &ctx);
        if (filters[i].empty) {
            nothing(out);
            return;
        }
    }
    if (sets_give_points(filters, ncolumns)) {
        points_of(prefix, filters, ncolumns, arena, out);
        return;
    }
    size_t single = 0;
    for (; single < ncolumns && filters[single].has_set && filters[single].nset == 1; single++) {
        prefix = join(prefix, filters[single].set[0], arena);
    }
    const part_filter next = single < ncolumns ? as_interval(&filters[single]) : (part_filter){ .has_set = false };
    range_of(prefix, &next, arena, out);
}
