/* dialect_call.c - function calls to engine text. A name must be in the list of dialect_functions.c; the few that
 * mean something of ours (the clock, the session's user) or that the engine spells otherwise have a row with a
 * function here. Qualified names are refused, but for those the grammar makes of EXTRACT, SUBSTRING and their kin. */
#include "dialect_int.h"

typedef kdb_status (*call_emitter)(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out);

static kdb_status wrong_arguments(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    return KDBI_REFUSE(e->b, call->location, "%s() does not take these arguments", name);
}

/* ---- calls that mean something of the server's ---- */

static void emit_now(const kdbi_expr *e, kdb_sv type, kdb_buf *out)
{
    kdb_buf_append_lit(out, "CAST(");
    kdbi_emit_extra(e->b, KDB_EXTRA_NOW, out);
    kdb_buf_append_lit(out, " AS TIMESTAMP)");
    if (type.len != 0) {
        kdb_buf_append_lit(out, "::");
        kdb_buf_append_sv(out, type);
    }
}

static void emit_session_text(const kdbi_expr *e, kdb_extra_kind param, kdb_buf *out)
{
    kdb_buf_append_lit(out, "CAST(");
    kdbi_emit_extra(e->b, param, out);
    kdb_buf_append_lit(out, " AS VARCHAR)");
}

static kdb_status call_now(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args != 0) {
        return wrong_arguments(e, call, "now");
    }
    emit_now(e, KDB_SV(""), out);
    return KDB_OK;
}

static kdb_status call_today(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args != 0) {
        return wrong_arguments(e, call, "today");
    }
    emit_now(e, KDB_SV("DATE"), out);
    return KDB_OK;
}

static kdb_status call_current_user(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args != 0) {
        return wrong_arguments(e, call, "current_user_id");
    }
    emit_session_text(e, KDB_EXTRA_CURRENT_USER, out);
    return KDB_OK;
}

kdb_status kdbi_emit_value_function(const kdbi_expr *e, const PgQuery__SQLValueFunction *function, kdb_buf *out)
{
    switch (function->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
        emit_now(e, KDB_SV(""), out);
        return KDB_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
        emit_now(e, KDB_SV("DATE"), out);
        return KDB_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME_N:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N:
        emit_now(e, KDB_SV("TIME"), out);
        return KDB_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER:
        emit_session_text(e, KDB_EXTRA_CURRENT_USER, out);
        return KDB_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE:
        emit_session_text(e, KDB_EXTRA_CURRENT_ROLE, out);
        return KDB_OK;
    default:
        return KDBI_REFUSE(e->b, function->location, "this function is not supported");
    }
}

/* ---- calls that the engine spells otherwise ---- */

static kdb_status call_json(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    return kdbi_emit_json(e, kdbi_node_string(call->funcname[0]), call->args, call->n_args, call->location, out);
}

/* Padding with blanks is the two-argument form. */
static kdb_status call_pad(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    const char *name = kdbi_node_string(call->funcname[0]);
    if (call->n_args < 2 || call->n_args > 3) {
        return wrong_arguments(e, call, name);
    }
    kdb_buf_printf(out, "\"%s\"(", kdbi_find_function(kdb_sv_cstr(name))->engine);
    KDB_TRY(kdbi_emit_list(e, call->args, call->n_args, out));
    kdb_buf_append_sv(out, call->n_args == 2 ? KDB_SV(", ' ')") : KDB_SV(")"));
    return KDB_OK;
}

/* The engine does not count the memory of lists: 50 million elements took 4.7 GB. */
enum { RESIZED_MAX = 100000 };

static kdb_status call_resize(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    const char *name = kdbi_node_string(call->funcname[0]);
    kdb_value size;
    if (call->n_args < 2 || call->n_args > 3) {
        return wrong_arguments(e, call, name);
    }
    if (!kdbi_literal_value(call->args[1], NULL, &size) || size.is_null || size.type.kind != KDB_TYPE_BIGINT ||
        size.as.i64 < 0 || size.as.i64 > RESIZED_MAX) {
        return KDBI_REFUSE(e->b, call->location, "the size of %s() must be a literal, at most %d", name, RESIZED_MAX);
    }
    kdb_buf_printf(out, "\"%s\"(", name);
    KDB_TRY(kdbi_emit_list(e, call->args, call->n_args, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* Our functions take texts only. */
static kdb_status call_concat(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    const char *name = kdbi_node_string(call->funcname[0]);
    if (call->n_args == 0) {
        return wrong_arguments(e, call, name);
    }
    kdb_buf_printf(out, "\"%s\"(", kdbi_find_function(kdb_sv_cstr(name))->engine);
    KDB_TRY(kdbi_emit_texts(e, call->args, call->n_args, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

static bool is_text(const PgQuery__Node *node, const char *text)
{
    return node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull &&
           node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL && strcasecmp(node->a_const->sval->sval, text) == 0;
}

static kdb_status emit_wrapped(const kdbi_expr *e, kdb_sv open, const PgQuery__Node *arg, kdb_sv close, kdb_buf *out)
{
    kdb_buf_append_sv(out, open);
    KDB_TRY(kdbi_emit_expr(e, arg, out));
    kdb_buf_append_sv(out, close);
    return KDB_OK;
}

static kdb_status call_encode(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args == 2 && is_text(call->args[1], "hex")) {
        return emit_wrapped(e, KDB_SV("lower(hex("), call->args[0], KDB_SV("))"), out);
    }
    if (call->n_args == 2 && is_text(call->args[1], "base64")) {
        return emit_wrapped(e, KDB_SV("to_base64(CAST("), call->args[0], KDB_SV(" AS BLOB))"), out);
    }
    return wrong_arguments(e, call, "encode");
}

static kdb_status call_decode(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args == 2 && is_text(call->args[1], "hex")) {
        return emit_wrapped(e, KDB_SV("unhex("), call->args[0], KDB_SV(")"), out);
    }
    if (call->n_args == 2 && is_text(call->args[1], "base64")) {
        return emit_wrapped(e, KDB_SV("from_base64("), call->args[0], KDB_SV(")"), out);
    }
    return wrong_arguments(e, call, "decode");
}

/* Of a text, what the engine calls strlen; it has a function of this name for bytes only. */
static kdb_status call_octet_length(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    kdb_type type;
    if (call->n_args != 1) {
        return wrong_arguments(e, call, "octet_length");
    }
    KDB_TRY(kdbi_static_type(e, call->args[0], &type));
    const bool bytes = type.kind == KDB_TYPE_BYTES;
    return emit_wrapped(e, bytes ? KDB_SV("\"octet_length\"(") : KDB_SV("\"strlen\"(CAST("), call->args[0],
                        bytes ? KDB_SV(")") : KDB_SV(" AS VARCHAR))"), out);
}

/* PostgreSQL's digits are small letters. */
static kdb_status call_to_hex(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args != 1) {
        return wrong_arguments(e, call, "to_hex");
    }
    return emit_wrapped(e, KDB_SV("lower(\"to_hex\"("), call->args[0], KDB_SV("))"), out);
}

/* A format of other systems, such as YYYY-MM-DD, would come out as it went in. */
static kdb_status check_time_format(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    kdb_value format;
    if (call->n_args == 2 && kdbi_literal_value(call->args[1], e->b->arena, &format) && !format.is_null &&
        format.type.kind == KDB_TYPE_TEXT && format.as.bytes.len != 0 &&
        memchr(format.as.bytes.ptr, '%', format.as.bytes.len) == NULL) {
        return KDBI_REFUSE(e->b, kdbi_node_location(call->args[1]),
                           "%s() takes a format of %% letters, such as '%%Y-%%m-%%d %%H:%%M:%%S'", name);
    }
    return KDB_OK;
}

static kdb_status call_time_format(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    const char *name = kdbi_node_string(call->funcname[0]);
    if (call->n_args != 2) {
        return wrong_arguments(e, call, name);
    }
    KDB_TRY(check_time_format(e, call, name));
    KDB_TRY(emit_wrapped(e, KDB_SV("\"strftime\"("), call->args[0], KDB_SV(", "), out));
    return emit_wrapped(e, KDB_SV(""), call->args[1], KDB_SV(")"), out);
}

/* to_date(text) and to_date(text, format) */
static kdb_status call_to_date(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args == 1) {
        return emit_wrapped(e, KDB_SV("CAST("), call->args[0], KDB_SV(" AS DATE)"), out);
    }
    if (call->n_args != 2) {
        return wrong_arguments(e, call, "to_date");
    }
    KDB_TRY(check_time_format(e, call, "to_date"));
    kdb_buf_append_lit(out, "CAST(\"strptime\"(");
    KDB_TRY(kdbi_emit_list(e, call->args, call->n_args, out));
    kdb_buf_append_lit(out, ") AS DATE)");
    return KDB_OK;
}

static kdb_status check_vector(const kdbi_expr *e, const PgQuery__Node *arg, kdb_type *out)
{
    KDB_TRY(kdbi_static_type(e, arg, out));
    if (out->kind == KDB_TYPE_NULL || out->kind == KDB_TYPE_EMBEDDING || out->kind == KDB_TYPE_TEXT ||
        out->kind == KDB_TYPE_JSON) {
        return KDB_OK;
    }
    const kdb_sv name = kdb_type_sql_text(*out, e->b->arena);
    return KDBI_REFUSE(e->b, kdbi_node_location(arg), "COSINE_DISTANCE() takes vectors, not %.*s", KDB_SV_ARG(name));
}

/* An argument as a list of floats, with what comes before it. A list made of a missing EMBEDDING would be one of missing
 * numbers, which the engine's functions refuse even where nobody looks at it: such a list is one of zeros. */
static kdb_status emit_vector(const kdbi_expr *e, kdb_sv before, const PgQuery__Node *arg, kdb_buf *out)
{
    kdb_type type;
    KDB_TRY(check_vector(e, arg, &type));
    if (out->overflow) { /* the text grows with each level of nesting */
        return KDBI_REFUSE(e->b, kdbi_node_location(arg), "the statement is too large");
    }
    kdb_buf_append_sv(out, before);
    if (type.kind != KDB_TYPE_EMBEDDING) {
        return emit_wrapped(e, KDB_SV("CAST("), arg, KDB_SV(" AS FLOAT[])"), out);
    }
    KDB_TRY(emit_wrapped(e, KDB_SV("COALESCE(CASE WHEN ("), arg, KDB_SV(") IS NOT NULL THEN CAST("), out));
    KDB_TRY(emit_wrapped(e, KDB_SV(""), arg, KDB_SV(" AS FLOAT[]) END, CAST(list_resize([0], "), out));
    kdb_buf_printf(out, "%u, 0) AS FLOAT[]))", type.dim);
    return KDB_OK;
}

/* Whether a vector is missing; a parameter is cast wherever it stands, for it has no type otherwise. */
static kdb_status emit_missing(const kdbi_expr *e, kdb_sv before, const PgQuery__Node *arg, kdb_buf *out)
{
    kdb_type type;
    KDB_TRY(check_vector(e, arg, &type));
    const bool embedding = type.kind == KDB_TYPE_EMBEDDING;
    kdb_buf_append_sv(out, before);
    return emit_wrapped(e, embedding ? KDB_SV("((") : KDB_SV("(CAST("), arg,
                        embedding ? KDB_SV(") IS NULL)") : KDB_SV(" AS FLOAT[]) IS NULL)"), out);
}

/* How many numbers a vector has; len() would not say for a parameter. */
static kdb_status emit_size(const kdbi_expr *e, kdb_sv before, const PgQuery__Node *arg, kdb_buf *out)
{
    kdb_type type;
    KDB_TRY(check_vector(e, arg, &type));
    if (type.kind == KDB_TYPE_EMBEDDING) {
        kdb_buf_append_sv(out, before);
        kdb_buf_printf(out, "%u", type.dim);
        return KDB_OK;
    }
    kdb_buf_append_sv(out, before);
    KDB_TRY(emit_vector(e, KDB_SV("list_count("), arg, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* `<first><a><second><b>` */
static kdb_status emit_vectors(const kdbi_expr *e, kdb_sv first, const PgQuery__Node *a, kdb_sv second,
                               const PgQuery__Node *b, kdb_buf *out)
{
    KDB_TRY(emit_vector(e, first, a, out));
    return emit_vector(e, second, b, out);
}

/* Vectors come as EMBEDDING columns or as JSON text; both cast to lists. A vector of zeros has no direction, which is a
 * distance of 1; the engine would take it for the opposite of all others. */
static kdb_status call_cosine_distance(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    kdb_value query;
    if (call->n_args != 2) {
        return KDBI_REFUSE(e->b, call->location, "COSINE_DISTANCE() expects exactly 2 arguments");
    }
    const PgQuery__Node *a = call->args[0];
    const PgQuery__Node *b = call->args[1];
    if (kdbi_literal_value(b, e->b->arena, &query) && query.is_null) {
        return KDBI_REFUSE(e->b, call->location, "COSINE_DISTANCE() query vector cannot be NULL");
    }
    KDB_TRY(emit_missing(e, KDB_SV("CASE WHEN "), a, out));
    KDB_TRY(emit_missing(e, KDB_SV(" OR "), b, out));
    kdb_buf_append_lit(out, " THEN NULL");
    KDB_TRY(emit_size(e, KDB_SV(" WHEN "), b, out));
    kdb_buf_append_lit(out, " = 0 THEN error('COSINE_DISTANCE() query vector cannot be empty')");
    KDB_TRY(emit_size(e, KDB_SV(" WHEN "), a, out));
    KDB_TRY(emit_size(e, KDB_SV(" <> "), b, out));
    KDB_TRY(emit_size(e, KDB_SV(" THEN error(concat('COSINE_DISTANCE() dimension mismatch: row has ', "), a, out));
    KDB_TRY(emit_size(e, KDB_SV(", ', query has ', "), b, out));
    KDB_TRY(emit_vectors(e, KDB_SV(")) WHEN list_inner_product("), a, KDB_SV(", "), a, out));
    KDB_TRY(emit_vectors(e, KDB_SV(") = 0 OR list_inner_product("), b, KDB_SV(", "), b, out));
    KDB_TRY(emit_vectors(e, KDB_SV(") = 0 THEN 1.0 ELSE list_cosine_distance("), a, KDB_SV(", "), b, out));
    kdb_buf_append_lit(out, ") END");
    return KDB_OK;
}

static bool is_interval(const PgQuery__Node *node)
{
    const PgQuery__TypeName *type =
        node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST ? node->type_cast->type_name : NULL;
    const char *name = type == NULL || type->n_names == 0 ? NULL : kdbi_node_string(type->names[type->n_names - 1]);
    return name != NULL && strcmp(name, "interval") == 0;
}

/* By a day and more the engine would make a date. Beside a constant it turns the call into a range of the date, where an
 * hour is nothing: a date is a time from the start. */
static kdb_status call_date_trunc(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    kdb_type type;
    if (call->n_args != 2) {
        return KDBI_REFUSE(e->b, call->location, "date_trunc() takes a field and a time");
    }
    const bool time = !is_interval(call->args[1]);
    KDB_TRY(kdbi_static_type(e, call->args[1], &type));
    const bool date = type.kind == KDB_TYPE_DATE;
    kdb_buf_append_sv(out, time ? KDB_SV("CAST(\"date_trunc\"(") : KDB_SV("\"date_trunc\"("));
    KDB_TRY(kdbi_emit_expr(e, call->args[0], out));
    kdb_buf_append_sv(out, date ? KDB_SV(", CAST(") : KDB_SV(", "));
    KDB_TRY(kdbi_emit_expr(e, call->args[1], out));
    kdb_buf_append_sv(out, date ? KDB_SV(" AS TIMESTAMP)") : KDB_SV(""));
    kdb_buf_append_sv(out, time ? KDB_SV(") AS TIMESTAMP)") : KDB_SV(")"));
    return KDB_OK;
}

static kdb_status call_mod(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_args != 2) {
        return KDBI_REFUSE(e->b, call->location, "mod() takes two arguments");
    }
    return kdbi_emit_division(e, call->args[0], call->args[1], "%", call->location, out);
}

typedef struct special_call {
    const char *name;
    call_emitter emit;
} special_call;

static const special_call special_calls[] = {
    { "now", call_now },
    { "transaction_timestamp", call_now },
    { "statement_timestamp", call_now },
    { "clock_timestamp", call_now },
    { "get_current_timestamp", call_now },
    { "today", call_today },
    { "current_user_id", call_current_user },
    { "json_get", call_json },
    { "json_get_str", call_json },
    { "json_get_int", call_json },
    { "json_get_float", call_json },
    { "json_get_bool", call_json },
    { "json_get_json", call_json },
    { "json_get_array", call_json },
    { "json_as_text", call_json },
    { "json_contains", call_json },
    { "json_length", call_json },
    { "json_object_keys", call_json },
    { "mod", call_mod },
    { "lpad", call_pad },
    { "rpad", call_pad },
    { "array_resize", call_resize },
    { "list_resize", call_resize },
    { "concat", call_concat },
    { "concat_ws", call_concat },
    { "encode", call_encode },
    { "decode", call_decode },
    { "octet_length", call_octet_length },
    { "to_hex", call_to_hex },
    { "to_char", call_time_format },
    { "date_format", call_time_format },
    { "strftime", call_time_format },
    { "to_date", call_to_date },
    { "cosine_distance", call_cosine_distance },
    { "date_trunc", call_date_trunc },
    { "datetrunc", call_date_trunc },
};

static const special_call *find_special(const char *name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(special_calls); i++) {
        if (strcmp(special_calls[i].name, name) == 0) {
            return &special_calls[i];
        }
    }
    return NULL;
}

/* ---- calls that the grammar makes of SQL's own syntax ---- */

typedef struct grammar_call {
    const char *name; /* in pg_catalog */
    const char *engine;
} grammar_call;

static const grammar_call grammar_calls[] = {
    { "extract", "date_part" }, { "timezone", "timezone" }, { "position", "strpos" }, { "substring", "substring" },
    { "btrim", "trim" },        { "ltrim", "ltrim" },       { "rtrim", "rtrim" },
};

static kdb_status emit_bounded_list(const kdbi_expr *e, const char *name, const PgQuery__FuncCall *call, kdb_buf *out)
{
    for (size_t i = 0; i < call->n_args; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(kdbi_emit_bounded(e, name, call->args, call->n_args, i, out));
    }
    return KDB_OK;
}

static kdb_status emit_grammar_call(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    const char *schema = kdbi_node_string(call->funcname[0]);
    const char *name = kdbi_node_string(call->funcname[1]);
    const bool made = call->funcformat == PG_QUERY__COERCION_FORM__COERCE_SQL_SYNTAX && schema != NULL &&
                      name != NULL && strcmp(schema, "pg_catalog") == 0;
    for (size_t i = 0; made && i < KDB_ARRAY_LEN(grammar_calls); i++) {
        if (strcmp(grammar_calls[i].name, name) == 0) {
            kdb_buf_printf(out, "%s(", grammar_calls[i].engine);
            KDB_TRY(emit_bounded_list(e, grammar_calls[i].engine, call, out));
            kdb_buf_append_byte(out, ')');
            return KDB_OK;
        }
    }
    return KDBI_REFUSE(e->b, call->location,
                       made ? "%s is not supported" : "Qualified function names are not supported",
                       name == NULL ? "" : name);
}

/* ---- calls of the list ---- */

static const char *engine_name(const kdb_function_def *def)
{
    return def->engine == NULL ? def->name : def->engine;
}

/* Functions of the language that other parts of the server are still to bring. */
static bool is_planned(const char *name)
{
    return strcmp(name, "vector_search") == 0 || strcmp(name, "file") == 0;
}

static kdb_status not_yet(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    return KDBI_REFUSE(e->b, call->location, "%s() is not available yet in this server", name);
}

static kdb_status unknown_function(const kdbi_expr *e, const PgQuery__FuncCall *call, const char *name)
{
    return is_planned(name) ? not_yet(e, call, name)
                            : KDBI_REFUSE(e->b, call->location, "Function %s() is not supported", name);
}

static kdb_status note_kind(const kdbi_expr *e, const kdb_function_def *def, const PgQuery__FuncCall *call)
{
    const bool window = call->over != NULL;
    const bool aggregate = !window && def->kind == KDB_FUNCTION_AGGREGATE;
    if (e->scope->in_where && (window || aggregate)) {
        return KDBI_REFUSE(e->b, call->location, "%s functions are not allowed in WHERE",
                           window ? "window" : "aggregate");
    }
    e->scope->has_window |= window;
    e->scope->has_aggregate |= aggregate;
    return KDB_OK;
}

/* DISTINCT, ORDER BY, FILTER and OVER make no sense for a scalar function. */
static kdb_status check_form(const kdbi_expr *e, const PgQuery__FuncCall *call, const kdb_function_def *def)
{
    const bool scalar = def->kind == KDB_FUNCTION_SCALAR;
    if (call->func_variadic) {
        return KDBI_REFUSE(e->b, call->location, "VARIADIC is not supported");
    }
    if (scalar && (call->agg_distinct || call->agg_star || call->n_agg_order != 0 || call->agg_filter != NULL ||
                   call->over != NULL || call->agg_within_group)) {
        return KDBI_REFUSE(e->b, call->location, "%s() is not an aggregate or window function", def->name);
    }
    if (def->kind == KDB_FUNCTION_WINDOW && call->over == NULL) {
        return KDBI_REFUSE(e->b, call->location, "window function %s() requires an OVER clause", def->name);
    }
    return KDB_OK;
}

static kdb_status emit_arguments(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->agg_star) {
        kdb_buf_append_byte(out, '*');
        return KDB_OK;
    }
    kdb_buf_append_sv(out, call->agg_distinct ? KDB_SV("DISTINCT ") : KDB_SV(""));
    KDB_TRY(emit_bounded_list(e, kdbi_node_string(call->funcname[0]), call, out));
    if (call->agg_within_group) {
        return KDB_OK;
    }
    return kdbi_emit_inner_sort(e, call->agg_order, call->n_agg_order, out);
}

static kdb_status emit_within_group(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (!call->agg_within_group) {
        return KDB_OK;
    }
    kdb_buf_append_lit(out, " WITHIN GROUP (");
    KDB_TRY(kdbi_emit_inner_sort(e, call->agg_order, call->n_agg_order, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* Functions that are the engine's macros, which repeat their arguments. */
typedef struct macro_row {
    const char *engine;
    size_t copies;
} macro_row;

static const macro_row macro_rows[] = {
    { "json_group_array", 1 },
    { "json_group_object", 1 },
    { "round_even", 3 },
    { "split_part", 3 },
};

static kdb_status note_macro(const kdbi_expr *e, const PgQuery__FuncCall *call, const kdb_function_def *def,
                             size_t size)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(macro_rows); i++) {
        if (strcmp(macro_rows[i].engine, engine_name(def)) == 0) {
            return kdbi_note_copies(e->b, macro_rows[i].copies, size, call->location);
        }
    }
    return KDB_OK;
}

static bool is_volatile(const kdb_function_def *def)
{
    static const char *const names[] = { "gen_random_uuid", "random", "snowflake_id", "ulid", "uuid", "uuid_v7" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], def->name) == 0) {
            return true;
        }
    }
    return false;
}

static kdb_status emit_listed(const kdbi_expr *e, const PgQuery__FuncCall *call, const kdb_function_def *def,
                              kdb_buf *out)
{
    e->b->nvolatiles += is_volatile(def);
    KDB_TRY(check_form(e, call, def));
    KDB_TRY(note_kind(e, def, call));
    kdb_buf_printf(out, "\"%s\"(", engine_name(def));
    const size_t before = kdbi_expanded(e->b, out);
    KDB_TRY(emit_arguments(e, call, out));
    KDB_TRY(note_macro(e, call, def, kdbi_expanded(e->b, out) - before));
    kdb_buf_append_byte(out, ')');
    KDB_TRY(emit_within_group(e, call, out));
    if (call->agg_filter != NULL) {
        kdb_buf_append_lit(out, " FILTER (WHERE ");
        KDB_TRY(kdbi_emit_condition(e, call->agg_filter, "FILTER", out));
        kdb_buf_append_byte(out, ')');
    }
    return call->over == NULL ? KDB_OK : kdbi_emit_over(e, call->over, out);
}

kdb_status kdbi_emit_call(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    if (call->n_funcname == 2) {
        return emit_grammar_call(e, call, out);
    }
    const char *name = call->n_funcname == 1 ? kdbi_node_string(call->funcname[0]) : NULL;
    if (name == NULL) {
        return KDBI_REFUSE(e->b, call->location, "Qualified function names are not supported");
    }
    kdbi_expr inner = *e;
    inner.constant = false;
    const kdb_function_def *def = kdbi_find_function(kdb_sv_cstr(name));
    if (def == NULL || def->kind == KDB_FUNCTION_TABLE) {
        return unknown_function(e, call, name);
    }
    const special_call *special = find_special(def->name);
    if (special != NULL) {
        KDB_TRY(check_form(&inner, call, def));
        return special->emit(&inner, call, out);
    }
    return emit_listed(&inner, call, def, out);
}

/* ---- functions in FROM ---- */

static bool plain_call(const PgQuery__FuncCall *call)
{
    return call->n_agg_order == 0 && call->agg_filter == NULL && call->over == NULL && !call->agg_within_group &&
           !call->agg_star && !call->agg_distinct && !call->func_variadic;
}

/* Whether text that was written here holds a parameter. */
static bool has_parameter(kdb_sv text)
{
    char quote = '\0';
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (quote == '\0' && c == '$') {
            return true;
        }
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        }
    }
    return false;
}

/* Times are counted by an INTERVAL, and one time says that the others are times. */
static kdb_status counts_times(const kdbi_expr *e, const PgQuery__FuncCall *call, bool *out)
{
    *out = call->n_args == 3 && is_interval(call->args[2]);
    for (size_t i = 0; i < call->n_args && !*out; i++) {
        kdb_type type;
        KDB_TRY(kdbi_static_type(e, call->args[i], &type));
        *out = type.kind == KDB_TYPE_TIMESTAMP || type.kind == KDB_TYPE_DATETIME || type.kind == KDB_TYPE_DATE;
    }
    return KDB_OK;
}

/* The engine asks for the values of a function's arguments while it plans, when it has no parameters yet; that of a subquery it
 * takes as it runs. */
static kdb_status emit_table_argument(const kdbi_expr *e, const PgQuery__Node *arg, kdb_sv type, kdb_buf *out)
{
    const size_t start = out->len;
    KDB_TRY(kdbi_emit_expr(e, arg, out));
    const kdb_sv written = kdb_sv_of(out->ptr + start, out->overflow ? 0 : out->len - start);
    if (!has_parameter(written)) {
        return KDB_OK;
    }
    if (++e->b->nsubqueries > KDBI_SUBQUERIES_MAX) {
        return KDBI_REFUSE(e->b, kdbi_node_location(arg), "the statement has more than %d subqueries in expressions",
                           KDBI_SUBQUERIES_MAX);
    }
    const kdb_sv text = kdb_sv_dup(e->b->arena, written);
    const bool bare = arg->node_case == PG_QUERY__NODE__NODE_PARAM_REF; /* of no type by itself */
    out->len = start;
    kdb_buf_append_sv(out, bare ? KDB_SV("(SELECT CAST(") : KDB_SV("(SELECT "));
    kdb_buf_append_sv(out, text);
    if (bare) {
        kdb_buf_printf(out, " AS %.*s)", KDB_SV_ARG(type));
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* Of generate_series and range. */
static kdb_status emit_series(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out)
{
    bool times = false;
    KDB_TRY(counts_times(e, call, &times));
    for (size_t i = 0; i < call->n_args; i++) {
        const kdb_sv type = !times ? KDB_SV("BIGINT") : i == 2 ? KDB_SV("INTERVAL") : KDB_SV("TIMESTAMP");
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        KDB_TRY(emit_table_argument(e, call->args[i], type, out));
    }
    return KDB_OK;
}

kdb_status kdbi_emit_table_call(const kdbi_expr *e, const PgQuery__FuncCall *call, kdb_buf *out, kdb_sv *out_name)
{
    if (call->n_funcname != 1) {
        return KDBI_REFUSE(e->b, call->location, "Qualified function names are not supported");
    }
    const char *name = plain_call(call) ? kdbi_node_string(call->funcname[0]) : NULL;
    const kdb_function_def *def = name == NULL ? NULL : kdbi_find_function(kdb_sv_cstr(name));
    const bool in_from = def != NULL && (def->kind == KDB_FUNCTION_TABLE || strcmp(def->name, "unnest") == 0);
    if (name != NULL && is_planned(name)) {
        return not_yet(e, call, name);
    }
    if (!in_from) {
        return KDBI_REFUSE(e->b, call->location, "Function %s() is not supported in FROM",
                           kdbi_node_string(call->funcname[0]));
    }
    kdb_buf_printf(out, "%s(", engine_name(def));
    e->b->frozen++; /* a literal is no parameter here */
    KDB_TRY(def->kind == KDB_FUNCTION_TABLE ? emit_series(e, call, out)
                                            : kdbi_emit_list(e, call->args, call->n_args, out));
    e->b->frozen--;
    kdb_buf_append_byte(out, ')');
    *out_name = kdb_sv_cstr(def->name);
    return KDB_OK;
}
