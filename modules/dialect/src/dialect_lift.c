/* dialect_lift.c - literals that a statement's shape took out of its text: which of them the engine may get as parameters
 * (kdb_bound.extras) and mean the same. Those are compared with, or in arithmetic with, something of a type known here that
 * no literal changes; a text beside a time or a UUID is read as one for each execution. The text, the trees and the
 * conditions for scans all ask here, so that they agree.
 *
 * LIMITs and long IN lists are lifted for who runs the trees: the engine has better plans when it knows them, and gets them
 * as they are where only it can run the statement (kdb_binder.engine_only). Not lifted though they could be: divisors, which
 * are checked for zero while binding; arguments of functions, whose types follow theirs; and all that stands where
 * expressions are shown or compared by their text: select lists without names, GROUP BY, HAVING, ORDER BY. */
#include "dialect_int.h"

/* Longer IN lists become hash tables in the engine, if they are constant. */
enum { LIFTED_ITEMS_MAX = 16 };
/* The engine takes 1,000 parameters; the server adds a few of its own. */
enum { PARAMS_WITH_LIFTED_MAX = 900 };

void kdbi_begin_lifting(kdbi_binding *b)
{
    const kdb_shape *shape = b->query->shape;
    const size_t nliterals = shape == NULL ? 0 : shape->nliterals;
    b->bound->extras = KDB_ARENA_ARRAY(b->arena, kdb_extra, KDB_EXTRA_LITERAL + nliterals);
    if (shape != NULL) {
        b->bound->lifted = KDB_ARENA_ARRAY(b->arena, bool, nliterals + 1);
        b->literal_params = KDB_ARENA_ARRAY(b->arena, uint32_t, nliterals + 1);
    }
}

bool kdbi_shape_literal_at(const kdb_shape *shape, int32_t position, uint32_t *out)
{
    size_t low = 0;
    size_t high = shape == NULL || position < 0 ? 0 : shape->nliterals;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (shape->literals[middle].position == position) {
            *out = (uint32_t)middle;
            return !shape->literals[middle].is_filling;
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

static bool is_number(kdb_type_kind kind)
{
    return is_integer(kind) || kind == KDB_TYPE_DECIMAL || kind == KDB_TYPE_DOUBLE;
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
    return kdbi_shape_literal_at(shape, (int32_t)at, out) && is_number(shape->literals[*out].value.type.kind);
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

typedef struct settled_call {
    const char *name;
    kdb_type_kind kind;
} settled_call;

/* Calls whose values are of one type, whatever they are given. */
static kdb_type_kind call_kind(const PgQuery__FuncCall *call)
{
    static const settled_call calls[] = {
        { "char_length", KDB_TYPE_BIGINT }, { "concat", KDB_TYPE_TEXT },         { "concat_ws", KDB_TYPE_TEXT },
        { "json_as_text", KDB_TYPE_TEXT },  { "json_get_str", KDB_TYPE_TEXT },   { "length", KDB_TYPE_BIGINT },
        { "lower", KDB_TYPE_TEXT },         { "octet_length", KDB_TYPE_BIGINT }, { "regexp_replace", KDB_TYPE_TEXT },
        { "replace", KDB_TYPE_TEXT },       { "translate", KDB_TYPE_TEXT },      { "upper", KDB_TYPE_TEXT },
    };
    const char *name = call->n_funcname == 1 ? kdbi_node_string(call->funcname[0]) : NULL;
    for (size_t i = 0; name != NULL && i < KDB_ARRAY_LEN(calls); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].kind;
        }
    }
    return KDB_TYPE_NULL;
}

/* Of what is no column but says by itself what it is. */
static kdb_type_kind settled_kind(const PgQuery__Node *node)
{
    if (node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL) {
        return call_kind(node->func_call);
    }
    const bool named = node->node_case == PG_QUERY__NODE__NODE_A_EXPR &&
                       node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && node->a_expr->n_name == 1;
    const char *name = named ? kdbi_node_string(node->a_expr->name[0]) : NULL;
    return name != NULL && strcmp(name, "->>") == 0 ? KDB_TYPE_TEXT : KDB_TYPE_NULL;
}

/* The type of a column, or of what settles it by itself, without a word about columns that are not there: whoever writes it will say so. */
static kdb_type column_type(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node)
{
    kdbi_binding quiet = *b;
    kdbi_found found;
    quiet.err = NULL;
    if (node != NULL && node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF) {
        return kdb_type_of(settled_kind(node));
    }
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || kdbi_is_star(node->column_ref) ||
        kdbi_resolve(&quiet, scope, node->column_ref, &found) != KDB_OK) {
        return kdb_type_of(KDB_TYPE_NULL);
    }
    return kdbi_found_type(b, &found);
}

static const kdb_value *literal_of(const kdbi_binding *b, const kdb_extra *lifted)
{
    return &b->query->shape->literals[lifted->literal].value;
}

/* A literal that is read as a value of `type`, if it is such. */
static bool lift_typed(const kdbi_binding *b, kdb_type type, kdb_extra *out)
{
    kdb_value value;
    out->type = type.kind == KDB_TYPE_DATETIME ? kdb_type_of(KDB_TYPE_TIMESTAMP) : type;
    return kdb_extra_literal(out, literal_of(b, out), &value);
}

bool kdbi_lift_compared(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                        const PgQuery__Node *other, kdb_extra *out)
{
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) {
        return kdbi_lift_cast(b, node->type_cast, out);
    }
    if (!find_literal(b, node, out)) {
        return false;
    }
    const kdb_type_kind literal = literal_of(b, out)->type.kind;
    const kdb_type type = column_type(b, scope, other);
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
        return is_integer(literal);
    case KDB_TYPE_DOUBLE:
        return is_integer(literal) || (is_number(literal) && lift_typed(b, type, out));
    case KDB_TYPE_DECIMAL:
        return (is_integer(literal) || literal == KDB_TYPE_DECIMAL) && lift_typed(b, type, out);
    case KDB_TYPE_TEXT:
        return literal == KDB_TYPE_TEXT;
    case KDB_TYPE_UUID:
    case KDB_TYPE_DATE:
    case KDB_TYPE_TIME:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        return literal == KDB_TYPE_TEXT && lift_typed(b, type, out);
    default:
        return false;
    }
}

/* SMALLINT is not here: a literal leaves it what it is, an INTEGER widens it. Nor are integers beside a DECIMAL, which the
 * engine makes decimals of as many digits as they have. */
bool kdbi_lift_operand(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out)
{
    if (!find_literal(b, node, out) || out->negative) {
        return false;
    }
    const kdb_type literal = literal_of(b, out)->type;
    const kdb_type type = column_type(b, scope, other);
    if (type.kind == KDB_TYPE_DOUBLE && !is_integer(literal.kind)) {
        return is_number(literal.kind) && lift_typed(b, type, out);
    }
    if (type.kind == KDB_TYPE_DECIMAL && literal.kind == KDB_TYPE_DECIMAL) {
        out->exact = true; /* the result's type depends on the literal's */
        return lift_typed(b, literal, out);
    }
    return is_integer(literal.kind) && (is_integer(type.kind) || type.kind == KDB_TYPE_DOUBLE);
}

/* What only trees take as parameters. */
static bool for_trees(const kdbi_binding *b)
{
    b->bound->for_trees = b->bound->for_trees || !b->binder->engine_only;
    return !b->binder->engine_only;
}

bool kdbi_lift_item(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                    const PgQuery__Node *other, kdb_extra *out)
{
    return kdbi_lift_compared(b, scope, list->items[index], other, out) &&
           (list->n_items <= LIFTED_ITEMS_MAX || for_trees(b));
}

bool kdbi_lift_filling(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__List *list, size_t index,
                       const PgQuery__Node *other, kdb_extra *out)
{
    const kdb_shape *shape = b->query->shape;
    kdb_extra last;
    if (!kdbi_lift_item(b, scope, list, list->n_items - 1, other, &last) ||
        last.literal + 1 + index >= shape->nliterals || !shape->literals[last.literal + 1 + index].is_filling) {
        return false;
    }
    *out = last;
    out->literal += 1 + (uint32_t)index;
    return b->literal_params[out->literal] != 0 || b->nparams + b->bound->nextras < PARAMS_WITH_LIFTED_MAX;
}

bool kdbi_lift_count(const kdbi_binding *b, const PgQuery__Node *node, kdb_extra *out)
{
    return find_literal(b, node, out) && !out->negative && is_integer(literal_of(b, out)->type.kind) && for_trees(b);
}

bool kdbi_lift_alone(const kdbi_binding *b, const PgQuery__Node *node, kdb_extra *out)
{
    if (!find_literal(b, node, out)) {
        return false;
    }
    out->type = literal_of(b, out)->type;
    out->exact = true;
    return true;
}

bool kdbi_lift_cast(const kdbi_binding *b, const PgQuery__TypeCast *cast, kdb_extra *out)
{
    kdb_type type;
    if (!find_literal(b, cast->arg, out) || literal_of(b, out)->type.kind != KDB_TYPE_TEXT || cast->type_name == NULL ||
        cast->type_name->n_typmods != 0 || !kdbi_cast_type(cast->type_name, &type)) {
        return false;
    }
    switch (type.kind) {
    case KDB_TYPE_UUID:
    case KDB_TYPE_DATE:
    case KDB_TYPE_TIME:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        return lift_typed(b, type, out);
    default:
        return false;
    }
}

bool kdbi_lift_pattern(const kdbi_binding *b, const kdbi_scope *scope, const PgQuery__Node *node,
                       const PgQuery__Node *other, kdb_extra *out)
{
    kdb_value value;
    if (!find_literal(b, node, out) || column_type(b, scope, other).kind != KDB_TYPE_TEXT) {
        return false;
    }
    out->pattern = true;
    return kdb_extra_literal(out, literal_of(b, out), &value);
}

/* Literals have no sign: this cannot overflow. */
kdb_value kdb_shape_signed(const kdb_value *literal, bool negative)
{
    kdb_value value = *literal;
    if (!negative) {
        return value;
    }
    switch (value.type.kind) {
    case KDB_TYPE_INT:
        value.as.i32 = -value.as.i32;
        break;
    case KDB_TYPE_BIGINT:
        value.as.i64 = -value.as.i64;
        break;
    case KDB_TYPE_DECIMAL:
        value.as.i128 = -value.as.i128;
        break;
    case KDB_TYPE_DOUBLE:
        value.as.f64 = -value.as.f64;
        break;
    default:
        break;
    }
    return value;
}

/* Whether the engine, too, has no choice of what the number is in that type. */
static bool converts_exactly(const kdb_value *number, kdb_type to)
{
    enum { DOUBLE_POWERS = 22 };
    const kdb_i128 whole = (kdb_i128)1 << 53;
    if (number->type.kind != KDB_TYPE_DECIMAL) {
        return true;
    }
    if (to.kind == KDB_TYPE_DECIMAL) {
        return number->type.scale <= to.scale;
    }
    return number->as.i128 <= whole && number->as.i128 >= -whole && number->type.scale <= DOUBLE_POWERS;
}

bool kdb_extra_literal(const kdb_extra *extra, const kdb_value *literal, kdb_value *out)
{
    const kdb_value value = kdb_shape_signed(literal, extra->negative);
    *out = value;
    if (extra->pattern) {
        return value.type.kind == KDB_TYPE_TEXT && kdb_like_valid(value.as.bytes, '\\');
    }
    if (extra->exact) {
        return kdb_type_eq(value.type, extra->type);
    }
    return extra->type.kind == KDB_TYPE_NULL ||
           (converts_exactly(&value, extra->type) && kdb_value_coerce(&value, extra->type, NULL, out, NULL) == KDB_OK);
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
        [KDB_TYPE_TEXT] = "VARCHAR",        [KDB_TYPE_INT] = "INTEGER",   [KDB_TYPE_BIGINT] = "BIGINT",
        [KDB_TYPE_UUID] = "UUID",           [KDB_TYPE_DATE] = "DATE",     [KDB_TYPE_TIME] = "TIME",
        [KDB_TYPE_TIMESTAMP] = "TIMESTAMP", [KDB_TYPE_DOUBLE] = "DOUBLE", [KDB_TYPE_DECIMAL] = "DECIMAL",
    };
    const kdb_type type = kdbi_lifted_type(b, lifted);
    kdb_buf_printf(out, "CAST($%u AS %s", kdbi_lift_param(b, lifted), types[type.kind]);
    if (type.kind == KDB_TYPE_DECIMAL) {
        kdb_buf_printf(out, "(%u, %u)", type.precision, type.scale);
    }
    kdb_buf_append_byte(out, ')');
}
