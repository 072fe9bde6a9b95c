/* dialect_lift.c - literals that a statement's shape took out of its text: which of them the engine may get as parameters
 * (kdb_bound.extras) and mean the same. Those are compared with, or in arithmetic with, something of a type known here that
 * no literal changes; a text beside a time or a UUID is read as one for each execution. The text, the trees and the
 * conditions for scans all ask here, so that they agree.
 *
 * Not lifted though they could be: LIMITs and long IN lists, for which the engine has better plans when it knows them;
 * divisors, which are checked for zero while binding; and all that stands where expressions are shown or compared by their
 * text: select lists, GROUP BY, HAVING, ORDER BY. */
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

static bool is_integer(kdb_type_kind kind)
{
    return kind == KDB_TYPE_INT || kind == KDB_TYPE_BIGINT;
}

/* The grammar makes a constant of `- 5` too, which begins at the sign. */
static bool find_negative(const kdb_shape *shape, kdb_sv text, const PgQuery__AConst *constant, uint32_t *out)
{
    size_t at = (size_t)constant->location;
    if (constant->location < 0 || at >= text.len || text.ptr[at] != '-') {
        return false;
    }
    do {
        at++;
    } while (at < text.len && text.ptr[at] == ' ');
    return kdbi_shape_literal_at(shape, (int32_t)at, out) && is_integer(shape->literals[*out].value.type.kind);
}

/* The literal that a constant of the tree was read from. */
static bool find_literal(const kdbi_binding *b, const PgQuery__Node *node, kdb_extra *out)
{
    const bool plain = node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull;
    if (!plain || b->frozen != 0 || b->query->shape == NULL) {
        return false;
    }
    *out = (kdb_extra){ .kind = KDB_EXTRA_LITERAL };
    if (!kdbi_shape_literal_at(b->query->shape, node->a_const->location, &out->literal)) {
        out->negative = find_negative(b->query->shape, b->query->text, node->a_const, &out->literal);
        if (!out->negative) {
            return false;
        }
    }
    return b->literal_params[out->literal] != 0 || b->nparams + b->bound->nextras < PARAMS_WITH_LIFTED_MAX;
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

static const kdb_value *literal_of(const kdbi_binding *b, const kdb_extra *lifted)
{
    return &b->query->shape->literals[lifted->literal].value;
}

/* A text that is read as something else, if it is such. */
static bool lift_typed(const kdbi_binding *b, kdb_type_kind kind, kdb_extra *out)
{
    kdb_value value;
    out->type = kdb_type_of(kind == KDB_TYPE_DATETIME ? KDB_TYPE_TIMESTAMP : kind);
    return kdb_extra_literal(out, literal_of(b, out), &value);
}

bool kdbi_lift_compared(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                        const PgQuery__Node *other, kdb_extra *out)
{
    if (!find_literal(b, node, out)) {
        return false;
    }
    const kdb_type_kind literal = literal_of(b, out)->type.kind;
    const kdb_type_kind kind = column_kind(b, scope, other);
    switch (kind) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_DOUBLE:
        return is_integer(literal);
    case KDB_TYPE_TEXT:
        return literal == KDB_TYPE_TEXT;
    case KDB_TYPE_UUID:
    case KDB_TYPE_DATE:
    case KDB_TYPE_TIME:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        return literal == KDB_TYPE_TEXT && lift_typed(b, kind, out);
    default:
        return false;
    }
}

/* SMALLINT is not here: a literal leaves it what it is, an INTEGER widens it. */
bool kdbi_lift_operand(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out)
{
    if (!find_literal(b, node, out) || out->negative || !is_integer(literal_of(b, out)->type.kind)) {
        return false;
    }
    const kdb_type_kind kind = column_kind(b, scope, other);
    return is_integer(kind) || kind == KDB_TYPE_DOUBLE;
}

bool kdbi_lift_item(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                    const PgQuery__Node *other, kdb_extra *out)
{
    return list->n_items <= LIFTED_ITEMS_MAX && kdbi_lift_compared(b, scope, list->items[index], other, out);
}

bool kdbi_lift_pattern(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out)
{
    kdb_value value;
    if (!find_literal(b, node, out) || column_kind(b, scope, other) != KDB_TYPE_TEXT) {
        return false;
    }
    out->pattern = true;
    return kdb_extra_literal(out, literal_of(b, out), &value);
}

bool kdb_extra_literal(const kdb_extra *extra, const kdb_value *literal, kdb_value *out)
{
    *out = *literal;
    if (extra->pattern && (literal->type.kind != KDB_TYPE_TEXT || !kdb_like_valid(literal->as.bytes, '\\'))) {
        return false;
    }
    if (extra->negative && literal->type.kind == KDB_TYPE_INT) {
        out->as.i32 = -literal->as.i32; /* literals have no sign: this cannot overflow */
    } else if (extra->negative) {
        out->as.i64 = -literal->as.i64;
    }
    return extra->type.kind == KDB_TYPE_NULL || kdb_value_coerce(literal, extra->type, NULL, out, NULL) == KDB_OK;
}

kdb_type kdbi_lifted_type(const kdbi_binding *b, const kdb_extra *lifted)
{
    return lifted->type.kind == KDB_TYPE_NULL ? literal_of(b, lifted)->type : lifted->type;
}

uint32_t kdbi_lift_param(kdbi_binding *b, const kdb_extra *lifted)
{
    kdb_bound *bound = b->bound;
    if (b->literal_params[lifted->literal] == 0) {
        bound->extras[bound->nextras++] = *lifted;
        b->literal_params[lifted->literal] = b->nparams + (uint32_t)bound->nextras;
        bound->lifted[lifted->literal] = true;
    }
    return b->literal_params[lifted->literal];
}

void kdbi_emit_lifted(kdbi_binding *b, const kdb_extra *lifted, kdb_buf *out)
{
    static const char *const types[KDB_TYPE_KIND_COUNT] = {
        [KDB_TYPE_TEXT] = "VARCHAR",        [KDB_TYPE_INT] = "INTEGER", [KDB_TYPE_BIGINT] = "BIGINT",
        [KDB_TYPE_UUID] = "UUID",           [KDB_TYPE_DATE] = "DATE",   [KDB_TYPE_TIME] = "TIME",
        [KDB_TYPE_TIMESTAMP] = "TIMESTAMP",
    };
    kdb_buf_printf(out, "CAST($%u AS %s)", kdbi_lift_param(b, lifted), types[kdbi_lifted_type(b, lifted).kind]);
}
