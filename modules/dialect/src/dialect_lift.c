/* dialect_lift.c - literals that a statement's shape took out of its text: which of them the engine may get as parameters
 * (kdb_bound.extras) and mean the same. Those are compared with, or in arithmetic with, something of a type known here that
 * no literal changes. The text, the trees and the conditions for scans all ask here, so that they agree.
 *
 * Not lifted though they could be: LIKE's patterns, LIMITs and long IN lists, for which the engine has better plans when it
 * knows them; divisors, which are checked for zero while binding; and all that stands where expressions are shown or
 * compared by their text: select lists, GROUP BY, HAVING, ORDER BY. */
#include "dialect_int.h"

/* Longer IN lists become hash tables in the engine, if they are constant. */
enum { LIFTED_ITEMS_MAX = 16 };
/* The engine takes 1,000 parameters; the server adds a few of its own. */
enum { PARAMS_WITH_LIFTED_MAX = 900 };

bool kdbi_shape_literal_at(const kdb_shape *shape, int32_t position, uint32_t *out)
{
    size_t low = 0;
    size_t high = shape == NULL || position < 0 ? 0 : shape->nliterals;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (shape->literals[middle].position == position) {
            *out = (uint32_t)middle;
            return true;
        }
        if (shape->literals[middle].position < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* The literal that a constant of the tree was read from. */
static bool find_literal(const kdbi_binding *b, const PgQuery__Node *node, uint32_t *out)
{
    const bool plain = node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull;
    if (!plain || b->frozen != 0 || !kdbi_shape_literal_at(b->query->shape, node->a_const->location, out)) {
        return false;
    }
    return b->literal_params[*out] != 0 || b->nparams + b->bound->nextras < PARAMS_WITH_LIFTED_MAX;
}

/* A column's type, without a word about columns that are not there: whoever writes it will say so. */
static kdb_type_kind column_kind(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node)
{
    kdbi_binding quiet = *b;
    kdbi_found found;
    quiet.err = NULL;
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || kdbi_is_star(node->column_ref) ||
        kdbi_resolve(&quiet, scope, node->column_ref, &found) != KDB_OK) {
        return KDB_TYPE_NULL;
    }
    return kdbi_found_type(b, &found).kind;
}

static bool is_integer(kdb_type_kind kind)
{
    return kind == KDB_TYPE_INT || kind == KDB_TYPE_BIGINT;
}

bool kdbi_lift_compared(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                        const PgQuery__Node *other, uint32_t *out)
{
    if (!find_literal(b, node, out)) {
        return false;
    }
    const kdb_type_kind literal = b->query->shape->literals[*out].value.type.kind;
    switch (column_kind(b, scope, other)) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_DOUBLE:
        return is_integer(literal);
    case KDB_TYPE_TEXT:
        return literal == KDB_TYPE_TEXT;
    default:
        return false;
    }
}

/* SMALLINT is not here: a literal leaves it what it is, an INTEGER widens it. */
bool kdbi_lift_operand(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, uint32_t *out)
{
    if (!find_literal(b, node, out) || !is_integer(b->query->shape->literals[*out].value.type.kind)) {
        return false;
    }
    const kdb_type_kind kind = column_kind(b, scope, other);
    return is_integer(kind) || kind == KDB_TYPE_DOUBLE;
}

bool kdbi_lift_item(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                    const PgQuery__Node *other, uint32_t *out)
{
    return list->n_items <= LIFTED_ITEMS_MAX && kdbi_lift_compared(b, scope, list->items[index], other, out);
}

uint32_t kdbi_lift_param(kdbi_binding *b, uint32_t literal)
{
    kdb_bound *bound = b->bound;
    if (b->literal_params[literal] == 0) {
        bound->extras[bound->nextras++] = (kdb_extra){ .kind = KDB_EXTRA_LITERAL, .literal = literal };
        b->literal_params[literal] = b->nparams + (uint32_t)bound->nextras;
        bound->lifted[literal] = true;
    }
    return b->literal_params[literal];
}

void kdbi_emit_lifted(kdbi_binding *b, uint32_t literal, kdb_buf *out)
{
    const kdb_type_kind kind = b->query->shape->literals[literal].value.type.kind;
    const char *type = kind == KDB_TYPE_TEXT ? "VARCHAR" : kind == KDB_TYPE_INT ? "INTEGER" : "BIGINT";
    kdb_buf_printf(out, "CAST($%u AS %s)", kdbi_lift_param(b, literal), type);
}
