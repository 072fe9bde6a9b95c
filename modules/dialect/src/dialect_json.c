/* dialect_json.c - json_get and its kin, and the operators `->`, `->>` and `?` (sql.md 5), by the engine's JSON
 * functions. Keys and indexes become paths here, so that no key is ever read as a path. */
#include "dialect_int.h"

typedef enum json_form {
    JSON_JSON,  /* the value as JSON text */
    JSON_TEXT,  /* as text, strings without quotes */
    JSON_TYPED, /* as text if the JSON type is one of `types`, cast to `cast` */
    JSON_EXISTS,
    JSON_LENGTH,
    JSON_KEYS
} json_form;

typedef struct json_function {
    const char *name;
    json_form form;
    const char *types;
    const char *cast;
} json_function;

static const json_function json_functions[] = {
    { "json_get", JSON_JSON, NULL, NULL },
    { "json_get_json", JSON_JSON, NULL, NULL },
    { "json_as_text", JSON_TEXT, NULL, NULL },
    { "json_get_str", JSON_TYPED, "'VARCHAR'", "VARCHAR" },
    { "json_get_int", JSON_TYPED, "'BIGINT', 'UBIGINT'", "BIGINT" },
    { "json_get_float", JSON_TYPED, "'DOUBLE', 'BIGINT', 'UBIGINT'", "DOUBLE" },
    { "json_get_bool", JSON_TYPED, "'BOOLEAN'", "BOOLEAN" },
    { "json_get_array", JSON_TYPED, "'ARRAY'", "VARCHAR" },
    { "json_contains", JSON_EXISTS, NULL, NULL },
    { "json_length", JSON_LENGTH, NULL, NULL },
    { "json_object_keys", JSON_KEYS, NULL, NULL },
};

static const json_function *find_function(const char *name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(json_functions); i++) {
        if (strcmp(json_functions[i].name, name) == 0) {
            return &json_functions[i];
        }
    }
    return NULL;
}

/* ---- paths ---- */

/* JSON pointer form of a key: `/key`, with `~` and `/` escaped. */
static kdb_status emit_key_path(const kdbi_expr *e, kdb_sv key, int32_t position, kdb_buf *out)
{
    char *path = kdb_arena_alloc_raw(e->b->arena, 2 * key.len + 1);
    size_t len = 0;
    path[len++] = '/';
    for (size_t i = 0; i < key.len; i++) {
        const bool escaped = key.ptr[i] == '~' || key.ptr[i] == '/';
        path[len++] = escaped ? '~' : key.ptr[i];
        if (escaped) {
            path[len++] = key.ptr[i] == '~' ? '0' : '1';
        }
    }
    return kdbi_emit_text(e->b, kdb_sv_of(path, len), position, out);
}

static void emit_index_path(int64_t index, kdb_buf *out)
{
    if (index < 0) {
        kdb_buf_printf(out, "'$[#%lld]'", (long long)index); /* from the end */
    } else {
        kdb_buf_printf(out, "'$[%lld]'", (long long)index);
    }
}

/* The path of one key or index. What is known at execution only is read as a key. */
static kdb_status emit_path(const kdbi_expr *e, const PgQuery__Node *node, kdb_buf *out)
{
    kdb_value value;
    if (kdbi_literal_value(node, e->b->arena, &value) && !value.is_null) {
        if (value.type.kind == KDB_TYPE_TEXT) {
            return emit_key_path(e, value.as.bytes, kdbi_node_location(node), out);
        }
        if (value.type.kind == KDB_TYPE_BIGINT) {
            emit_index_path(value.as.i64, out);
            return KDB_OK;
        }
        return KDBI_REFUSE(e->b, kdbi_node_location(node), "a JSON key is text or an integer");
    }
    kdb_buf_append_lit(out, "('/' || replace(replace(CAST(");
    KDB_TRY(kdbi_emit_expr(e, node, out));
    kdb_buf_append_lit(out, " AS VARCHAR), '~', '~0'), '/', '~1'))");
    return KDB_OK;
}

/* The document under the paths, as JSON; text that is not JSON (nothing checks it on write) is NULL. */
static kdb_status emit_document(const kdbi_expr *e, PgQuery__Node *const *args, size_t nargs, kdb_buf *out)
{
    for (size_t i = 1; i < nargs; i++) {
        kdb_buf_append_lit(out, "json_extract(");
    }
    kdb_buf_append_lit(out, "TRY_CAST(");
    KDB_TRY(kdbi_emit_expr(e, args[0], out));
    kdb_buf_append_lit(out, " AS JSON)");
    for (size_t i = 1; i < nargs; i++) {
        kdb_buf_append_lit(out, ", ");
        KDB_TRY(emit_path(e, args[i], out));
        kdb_buf_append_byte(out, ')');
    }
    return KDB_OK;
}

/* ---- forms ---- */

/* function(document [, last path]) */
static kdb_status emit_last(const kdbi_expr *e, kdb_sv function, PgQuery__Node *const *args, size_t nargs, kdb_buf *out)
{
    kdb_buf_append_sv(out, function);
    KDB_TRY(emit_document(e, args, nargs - (nargs > 1), out));
    if (nargs > 1) {
        kdb_buf_append_lit(out, ", ");
        KDB_TRY(emit_path(e, args[nargs - 1], out));
    }
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

/* The document twice: once for its type, once for its value. Nested calls would grow beyond bounds, so the text's limit
 * is looked at in between. */
static kdb_status emit_typed(const kdbi_expr *e, const json_function *function, PgQuery__Node *const *args,
                             size_t nargs, int32_t position, kdb_buf *out)
{
    kdb_buf_append_lit(out, "CASE WHEN json_type(");
    KDB_TRY(emit_document(e, args, nargs, out));
    kdb_buf_printf(out, ") IN (%s) THEN TRY_CAST(json_extract_string(", function->types);
    if (out->overflow) {
        return KDBI_REFUSE(e->b, position, "the statement is too large");
    }
    KDB_TRY(emit_document(e, args, nargs, out));
    kdb_buf_printf(out, ", '$') AS %s) END", function->cast);
    return KDB_OK;
}

static kdb_status emit_length(const kdbi_expr *e, PgQuery__Node *const *args, size_t nargs, int32_t position,
                              kdb_buf *out)
{
    kdb_buf_append_lit(out, "CASE json_type(");
    KDB_TRY(emit_document(e, args, nargs, out));
    kdb_buf_append_lit(out, ") WHEN 'ARRAY' THEN CAST(json_array_length(");
    if (out->overflow) {
        return KDBI_REFUSE(e->b, position, "the statement is too large");
    }
    KDB_TRY(emit_document(e, args, nargs, out));
    kdb_buf_append_lit(out, ") AS BIGINT) WHEN 'OBJECT' THEN len(json_keys(");
    KDB_TRY(emit_document(e, args, nargs, out));
    kdb_buf_append_lit(out, ")) END");
    return KDB_OK;
}

kdb_status kdbi_emit_json(const kdbi_expr *e, const char *name, PgQuery__Node *const *args, size_t nargs,
                          int32_t position, kdb_buf *out)
{
    const json_function *function = find_function(name);
    if (nargs == 0 || function == NULL || (nargs == 1 && function->form == JSON_EXISTS)) {
        return KDBI_REFUSE(e->b, position, "%s() does not take these arguments", name);
    }
    switch (function->form) {
    case JSON_JSON:
        return emit_document(e, args, nargs, out);
    case JSON_TEXT:
        KDB_TRY(emit_last(e, KDB_SV("json_extract_string("), args, nargs, out));
        return KDB_OK;
    case JSON_TYPED:
        return emit_typed(e, function, args, nargs, position, out);
    case JSON_EXISTS:
        return emit_last(e, KDB_SV("json_exists("), args, nargs, out);
    case JSON_LENGTH:
        return emit_length(e, args, nargs, position, out);
    case JSON_KEYS:
        kdb_buf_append_lit(out, "json_keys(");
        KDB_TRY(emit_document(e, args, nargs, out));
        kdb_buf_append_byte(out, ')');
        return KDB_OK;
    }
    return KDB_OK;
}
