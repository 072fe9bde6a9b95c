/* dialect_tree_call.c - function calls to kdb_node trees, beside dialect_call.c and dialect_json.c. The clock and the session
 * are parameters; all others keep the name that users write, so that whoever runs the tree has one list to go by. */
#include "dialect_int.h"

/* ---- the clock and the session ---- */

static kdb_node *tree_now(const kdbi_expr *e, kdb_type_kind type, int32_t position)
{
    kdb_node *now = kdbi_tree_extra(e, KDB_EXTRA_NOW, kdb_type_of(KDB_TYPE_TIMESTAMP), position);
    return type == KDB_TYPE_TIMESTAMP ? now : kdbi_node_cast(e, now, kdb_type_of(type));
}

static kdb_node *tree_session(const kdbi_expr *e, kdb_extra_kind kind, int32_t position)
{
    return kdbi_tree_extra(e, kind, kdb_type_of(KDB_TYPE_TEXT), position);
}

kdb_node *kdbi_tree_value_function(const kdbi_expr *e, const PgQuery__SQLValueFunction *function)
{
    switch (function->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
        return tree_now(e, KDB_TYPE_TIMESTAMP, function->location);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
        return tree_now(e, KDB_TYPE_DATE, function->location);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME_N:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N:
        return tree_now(e, KDB_TYPE_TIME, function->location);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER:
        return tree_session(e, KDB_EXTRA_CURRENT_USER, function->location);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE:
        return tree_session(e, KDB_EXTRA_CURRENT_ROLE, function->location);
    default:
        return NULL;
    }
}

/* ---- JSON ---- */

/* A key is TEXT, an index an integer literal; what is known at execution only is read as a key. */
static kdb_node *tree_path(const kdbi_expr *e, const PgQuery__Node *node)
{
    kdb_value value;
    if (kdbi_literal_value(node, e->b->arena, &value) && !value.is_null) {
        return kdbi_node_literal(e, value, kdbi_node_location(node));
    }
    return kdbi_node_cast(e, kdbi_tree(e, node), kdb_type_of(KDB_TYPE_TEXT));
}

kdb_node *kdbi_tree_json(const kdbi_expr *e, kdb_sv name, PgQuery__Node *const *args, size_t nargs, int32_t position)
{
    kdb_node *call = kdbi_node_new(e, KDB_NODE_CALL, position, nargs);
    call->name = name;
    for (size_t i = 0; i < nargs; i++) {
        call->args[i] = i == 0 ? kdbi_tree(e, args[0]) : tree_path(e, args[i]);
        if (call->args[i] == NULL) {
            return NULL;
        }
    }
    return call;
}

/* ---- calls that mean something of the server's, or that the text spells otherwise ---- */

typedef enum call_form {
    CALL_NOW,
    CALL_TODAY,
    CALL_USER,
    CALL_JSON,
    CALL_MOD,
    CALL_PAD,
    CALL_TRUNC,
    CALL_NONE
} call_form;

typedef struct special_call {
    const char *name;
    call_form form;
} special_call;

static const special_call special_calls[] = {
    { "now", CALL_NOW },
    { "transaction_timestamp", CALL_NOW },
    { "statement_timestamp", CALL_NOW },
    { "clock_timestamp", CALL_NOW },
    { "get_current_timestamp", CALL_NOW },
    { "today", CALL_TODAY },
    { "current_user_id", CALL_USER },
    { "json_get", CALL_JSON },
    { "json_get_str", CALL_JSON },
    { "json_get_int", CALL_JSON },
    { "json_get_float", CALL_JSON },
    { "json_get_bool", CALL_JSON },
    { "json_get_json", CALL_JSON },
    { "json_get_array", CALL_JSON },
    { "json_as_text", CALL_JSON },
    { "json_contains", CALL_JSON },
    { "json_length", CALL_JSON },
    { "json_object_keys", CALL_JSON },
    { "mod", CALL_MOD },
    { "lpad", CALL_PAD },
    { "rpad", CALL_PAD },
    { "date_trunc", CALL_TRUNC },
    { "datetrunc", CALL_TRUNC },
    { "cosine_distance", CALL_NONE },
    { "unnest", CALL_NONE }, /* many rows */
};

static kdb_node *tree_listed(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    kdb_node *node = kdbi_node_list(e, KDB_NODE_CALL, call->location, call->args, call->n_args);
    if (node != NULL) {
        node->name = kdb_sv_cstr(name);
    }
    return node;
}

/* Padding with blanks is the two-argument form. */
static kdb_node *tree_pad(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    kdb_node *given = tree_listed(e, call, name);
    if (given == NULL || given->nargs != 2) {
        return given;
    }
    kdb_node *node = kdbi_node_new(e, KDB_NODE_CALL, call->location, 3);
    node->name = given->name;
    node->args[0] = given->args[0];
    node->args[1] = given->args[1];
    node->args[2] = kdbi_node_literal(e, kdb_value_text(KDB_SV(" ")), call->location);
    return node;
}

static kdb_node *tree_special(const kdbi_expr *e, const PgQuery__FuncCall *call, const special_call *special)
{
    switch (special->form) {
    case CALL_NOW:
        return tree_now(e, KDB_TYPE_TIMESTAMP, call->location);
    case CALL_TODAY:
        return tree_now(e, KDB_TYPE_DATE, call->location);
    case CALL_USER:
        return tree_session(e, KDB_EXTRA_CURRENT_USER, call->location);
    case CALL_JSON:
        return kdbi_tree_json(e, kdb_sv_cstr(special->name), call->args, call->n_args, call->location);
    case CALL_MOD:
        return kdbi_tree_division(e, KDB_NODE_MOD, call->args[0], call->args[1]);
    case CALL_PAD:
        return tree_pad(e, call, special->name);
    case CALL_TRUNC: /* of intervals, which have no tree, it stays what it is */
        return kdbi_node_cast(e, tree_listed(e, call, special->name), kdb_type_of(KDB_TYPE_TIMESTAMP));
    case CALL_NONE:
        break;
    }
    return NULL;
}

/* ---- calls that the grammar makes of SQL's own syntax ---- */

typedef struct grammar_call {
    const char *grammar; /* in pg_catalog */
    const char *name;
} grammar_call;

static const grammar_call grammar_calls[] = {
    { "extract", "date_part" }, { "position", "strpos" }, { "substring", "substring" },
    { "btrim", "trim" },        { "ltrim", "ltrim" },     { "rtrim", "rtrim" },
};

static kdb_node *tree_grammar_call(const kdbi_expr *e, const PgQuery__FuncCall *call)
{
    const char *name = kdbi_node_string(call->funcname[1]);
    for (size_t i = 0; i < KDB_ARRAY_LEN(grammar_calls); i++) {
        if (name != NULL && strcmp(grammar_calls[i].grammar, name) == 0) {
            return tree_listed(e, call, grammar_calls[i].name);
        }
    }
    return NULL;
}

kdb_node *kdbi_tree_call(const kdbi_expr *e, const PgQuery__FuncCall *call)
{
    if (call->n_funcname == 2) {
        return tree_grammar_call(e, call);
    }
    const kdb_function_def *def = kdbi_find_function(kdb_sv_cstr(kdbi_node_string(call->funcname[0])));
    kdbi_expr inner = *e;
    inner.constant = false;
    if (def == NULL || def->kind != KDB_FUNCTION_SCALAR) {
        return NULL;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(special_calls); i++) {
        if (strcmp(special_calls[i].name, def->name) == 0) {
            return tree_special(&inner, call, &special_calls[i]);
        }
    }
    return tree_listed(&inner, call, def->name);
}
