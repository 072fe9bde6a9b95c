/* native_order.c - whether a walk along the key or the seq index meets rows in the order that ORDER BY asks for. */
#include "native_int.h"

/* Whether the WHERE lets one value only into this column. */
static bool is_fixed(const kdb_bound_table *from, uint32_t column)
{
    for (size_t i = 0; i < from->npreds; i++) {
        if (from->preds[i].column == column && from->preds[i].op == KDB_PRED_EQ) {
            return true;
        }
    }
    return false;
}

static kdbi_native_order directed(kdbi_native_order up, bool down)
{
    return down ? (kdbi_native_order)(up + 1) : up;
}

/* ORDER BY _seq alone. A STREAM's key is its time and `_seq`. */
static kdbi_native_order by_seq(const kdb_table *table, const kdb_single *single)
{
    const bool down = single->order[0].descending;
    return directed(table->type == KDB_TABLE_STREAM ? KDBI_ORDER_KEY_UP : KDBI_ORDER_SEQ_UP, down);
}

/* Key columns are never NULL, so where NULLs would go does not matter. What follows a whole key orders nothing more. */
static kdbi_native_order by_key(const kdb_table *table, const kdb_bound_table *from, const kdb_single *single)
{
    size_t part = 0;
    bool down = false, directed_yet = false;
    for (size_t i = 0; i < single->norder && part < table->nkey; i++) {
        const kdb_order_key *key = &single->order[i];
        if (key->expr->kind != KDB_NODE_COLUMN) {
            return KDBI_ORDER_NONE;
        }
        while (part < table->nkey && table->key[part] != key->expr->column && is_fixed(from, table->key[part])) {
            part++;
        }
        if (part < table->nkey && table->key[part] == key->expr->column) {
            part++;
        } else if (!is_fixed(from, key->expr->column)) {
            return part == table->nkey ? directed(KDBI_ORDER_KEY_UP, down) : KDBI_ORDER_NONE;
        } else {
            continue;
        }
        if (is_fixed(from, key->expr->column)) {
            continue; /* one value has no direction */
        }
        if (directed_yet && down != key->descending) {
            return KDBI_ORDER_NONE;
        }
        directed_yet = true;
        down = key->descending;
    }
    return directed(KDBI_ORDER_KEY_UP, down);
}

static bool is_seq(const kdb_table *table, const kdb_node *node)
{
    return node->kind == KDB_NODE_COLUMN && node->column == table->schema->ncolumns;
}

kdbi_native_order kdbi_native_choose_order(const kdbi_plan *plan, const kdb_table *table)
{
    const kdb_bound *bound = plan->query.bound;
    const kdb_single *single = bound->single;
    const bool any = plan->stmt->kind != KDB_STMT_QUERY || single->count;
    kdbi_native_order order = KDBI_ORDER_NONE;
    if (any || single->norder == 0) {
        return KDBI_ORDER_KEY_UP;
    }
    if (is_seq(table, single->order[0].expr)) {
        order = by_seq(table, single);
    } else if (table->type != KDB_TABLE_STREAM && table->nkey > 0) {
        order = by_key(table, &bound->tables[0], single);
    }
    /* The index is one look-up a row: worth it for few rows. Sorting keeps as many rows as LIMIT says. */
    if (order == KDBI_ORDER_NONE && single->limit != NULL) {
        return KDBI_ORDER_SORT;
    }
    if ((order == KDBI_ORDER_SEQ_UP || order == KDBI_ORDER_SEQ_DOWN) && single->limit == NULL) {
        return KDBI_ORDER_NONE;
    }
    return order;
}
