/* dialect_type.c - type names (sql.md 4): one table for CREATE TABLE's columns and for casts. */
#include "dialect_int.h"

typedef enum type_params {
    PARAMS_NONE,
    PARAMS_LENGTH,  /* VARCHAR(n): accepted, not enforced */
    PARAMS_SECONDS, /* TIMESTAMP(n) */
    PARAMS_DECIMAL,
    PARAMS_DIMENSION
} type_params;

typedef struct type_name {
    const char *word; /* lower case; of PostgreSQL's grammar too, which turns some words into names of its own */
    kdb_type_kind kind;
    type_params params;
    bool serial; /* means DEFAULT SNOWFLAKE_ID(); not a type to cast to */
} type_name;

static const type_name type_names[] = {
    { "bool", KDB_TYPE_BOOLEAN, PARAMS_NONE, false },
    { "boolean", KDB_TYPE_BOOLEAN, PARAMS_NONE, false },
    { "smallint", KDB_TYPE_SMALLINT, PARAMS_NONE, false },
    { "int2", KDB_TYPE_SMALLINT, PARAMS_NONE, false },
    { "smallserial", KDB_TYPE_SMALLINT, PARAMS_NONE, true },
    { "serial2", KDB_TYPE_SMALLINT, PARAMS_NONE, true },
    { "int", KDB_TYPE_INT, PARAMS_NONE, false },
    { "integer", KDB_TYPE_INT, PARAMS_NONE, false },
    { "int4", KDB_TYPE_INT, PARAMS_NONE, false },
    { "mediumint", KDB_TYPE_INT, PARAMS_NONE, false },
    { "signed", KDB_TYPE_INT, PARAMS_NONE, false },
    { "serial", KDB_TYPE_INT, PARAMS_NONE, true },
    { "serial4", KDB_TYPE_INT, PARAMS_NONE, true },
    { "bigint", KDB_TYPE_BIGINT, PARAMS_NONE, false },
    { "int8", KDB_TYPE_BIGINT, PARAMS_NONE, false },
    { "int64", KDB_TYPE_BIGINT, PARAMS_NONE, false },
    { "bigserial", KDB_TYPE_BIGINT, PARAMS_NONE, true },
    { "serial8", KDB_TYPE_BIGINT, PARAMS_NONE, true },
    { "float", KDB_TYPE_FLOAT, PARAMS_NONE, false },
    { "real", KDB_TYPE_FLOAT, PARAMS_NONE, false },
    { "float4", KDB_TYPE_FLOAT, PARAMS_NONE, false },
    { "double", KDB_TYPE_DOUBLE, PARAMS_NONE, false },
    { "float8", KDB_TYPE_DOUBLE, PARAMS_NONE, false },
    { "float64", KDB_TYPE_DOUBLE, PARAMS_NONE, false },
    { "decimal", KDB_TYPE_DECIMAL, PARAMS_DECIMAL, false },
    { "numeric", KDB_TYPE_DECIMAL, PARAMS_DECIMAL, false },
    { "dec", KDB_TYPE_DECIMAL, PARAMS_DECIMAL, false },
    { "varchar", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "char", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "character", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "bpchar", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "nvarchar", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "nchar", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "clob", KDB_TYPE_TEXT, PARAMS_LENGTH, false },
    { "bytes", KDB_TYPE_BYTES, PARAMS_LENGTH, false },
    { "binary", KDB_TYPE_BYTES, PARAMS_LENGTH, false },
    { "varbinary", KDB_TYPE_BYTES, PARAMS_LENGTH, false },
    { "blob", KDB_TYPE_BYTES, PARAMS_LENGTH, false },
    { "bytea", KDB_TYPE_BYTES, PARAMS_LENGTH, false },
    { "json", KDB_TYPE_JSON, PARAMS_NONE, false },
    { "jsonb", KDB_TYPE_JSON, PARAMS_NONE, false },
    { "timestamp", KDB_TYPE_TIMESTAMP, PARAMS_SECONDS, false },
    { "datetime", KDB_TYPE_DATETIME, PARAMS_SECONDS, false },
    { "date", KDB_TYPE_DATE, PARAMS_NONE, false },
    { "time", KDB_TYPE_TIME, PARAMS_SECONDS, false },
    { "uuid", KDB_TYPE_UUID, PARAMS_NONE, false },
    { "embedding", KDB_TYPE_EMBEDDING, PARAMS_DIMENSION, false },
    { "file", KDB_TYPE_FILE, PARAMS_NONE, false },
};

/* Types of other systems that are known, and refused by name (sql.md 4). */
static const char *const unsupported_types[] = {
    /* integers, then collections, then the rest */
    "tinyint",   "int1",     "uint8",   "uint16", "uint32", "uint64", "unsigned", "utinyint",
    "usmallint", "uinteger", "ubigint", "array",  "enum",   "set",    "struct",   "interval",
    "map",       "bit",      "hugeint", "money",  "xml",    "union",  "timetz",   "timestamptz"
};

static bool has_suffix(kdb_sv word, const char *suffix)
{
    const size_t len = strlen(suffix);
    return word.len >= len && kdb_sv_ieq(kdb_sv_of(word.ptr + word.len - len, len), kdb_sv_of(suffix, len));
}

static const type_name *find_type(kdb_sv word)
{
    static const type_name any_text = { "text", KDB_TYPE_TEXT, PARAMS_LENGTH, false };
    for (size_t i = 0; i < KDB_ARRAY_LEN(type_names); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(type_names[i].word))) {
            return &type_names[i];
        }
    }
    return has_suffix(word, "text") || has_suffix(word, "string") ? &any_text : NULL;
}

static kdb_status unknown_type(kdb_sv word, int32_t position, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(unsupported_types); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(unsupported_types[i]))) {
            return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Unsupported data type: %.*s", KDB_SV_ARG(word));
        }
    }
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Unsupported custom data type '%.*s'", KDB_SV_ARG(word));
}

static kdb_status set_dimension(const int64_t *params, size_t nparams, int32_t position, kdb_type *type, kdb_err *err)
{
    if (nparams != 1) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL,
                           "EMBEDDING type requires exactly one dimension parameter, e.g., EMBEDDING(384)");
    }
    if (params[0] < 1) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "EMBEDDING dimension must be at least 1");
    }
    if (params[0] > 8192) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "EMBEDDING dimension must be at most 8192 (found %lld)",
                           (long long)params[0]);
    }
    type->dim = (uint16_t)params[0];
    return KDB_OK;
}

static kdb_status set_decimal(const int64_t *params, size_t nparams, int32_t position, kdb_type *type, kdb_err *err)
{
    const int64_t precision = nparams > 0 ? params[0] : 38;
    const int64_t scale = nparams > 1 ? params[1] : nparams == 1 ? 0 : 10;
    if (nparams > 2 || precision < 1 || precision > 38) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "DECIMAL precision must be between 1 and 38");
    }
    if (scale < 0 || scale > precision) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "DECIMAL scale must be between 0 and the precision");
    }
    type->precision = (uint8_t)precision;
    type->scale = (uint8_t)scale;
    return KDB_OK;
}

static kdb_status set_params(const type_name *name, const int64_t *params, size_t nparams, int32_t position,
                             kdb_type *type, kdb_err *err)
{
    switch (name->params) {
    case PARAMS_DECIMAL:
        return set_decimal(params, nparams, position, type, err);
    case PARAMS_DIMENSION:
        return set_dimension(params, nparams, position, type, err);
    case PARAMS_NONE:
        if (nparams == 0) {
            return KDB_OK;
        }
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Type %s takes no parameters",
                           kdb_type_defs[name->kind].sql_name);
    case PARAMS_LENGTH:
        if (nparams == 0 || (nparams == 1 && params[0] > 0)) {
            return KDB_OK;
        }
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Length of type %s must be a number above 0",
                           kdb_type_defs[name->kind].sql_name);
    case PARAMS_SECONDS:
        if (nparams == 0 || (nparams == 1 && params[0] >= 0 && params[0] <= 6)) {
            return KDB_OK;
        }
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Precision of type %s must be between 0 and 6",
                           kdb_type_defs[name->kind].sql_name);
    }
    return KDB_OK;
}

/* ---- CREATE TABLE ---- */

enum { TYPE_PARAMS_MAX = 4 };

/* `( n [, n] )`, if there is one. */
static kdb_status accept_params(kdbi_cursor *cur, int64_t params[TYPE_PARAMS_MAX], size_t *out_count)
{
    *out_count = 0;
    if (!kdbi_accept_symbol(cur, '(')) {
        return KDB_OK;
    }
    do {
        if (*out_count == TYPE_PARAMS_MAX) {
            return kdbi_syntax_error(cur);
        }
        const bool negative = kdbi_accept_symbol(cur, '-');
        KDB_TRY(kdbi_expect_integer(cur, &params[*out_count]));
        params[*out_count] *= negative ? -1 : 1;
        *out_count += 1;
    } while (kdbi_accept_symbol(cur, ','));
    return kdbi_expect_symbol(cur, ')');
}

/* Words after the first: DOUBLE PRECISION, CHARACTER VARYING, TIMESTAMP WITHOUT TIME ZONE. */
static kdb_status accept_more_words(kdbi_cursor *cur, const type_name *name)
{
    if (strcmp(name->word, "double") == 0) {
        (void)kdbi_accept_word(cur, "PRECISION");
    } else if (name->kind == KDB_TYPE_TEXT) {
        (void)kdbi_accept_word(cur, "VARYING");
    }
    return KDB_OK;
}

static kdb_status accept_time_zone(kdbi_cursor *cur, const type_name *name, int32_t position)
{
    if (name->params != PARAMS_SECONDS || kdbi_accept_words(cur, "WITHOUT TIME ZONE")) {
        return KDB_OK;
    }
    if (kdbi_accept_words(cur, "WITH TIME ZONE")) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Unsupported data type: %s WITH TIME ZONE",
                           kdb_type_defs[name->kind].sql_name);
    }
    return KDB_OK;
}

kdb_status kdbi_expect_type(kdbi_cursor *cur, kdb_type *out, bool *out_serial)
{
    const int32_t position = (int32_t)cur->token.offset;
    const kdb_sv word = cur->token.text;
    if (cur->token.kind != KDBI_TOKEN_WORD) {
        return kdbi_syntax_error(cur);
    }
    const type_name *name = find_type(word);
    if (name == NULL) {
        return unknown_type(word, position, cur->err);
    }
    kdbi_advance(cur);
    KDB_TRY(accept_more_words(cur, name));
    int64_t params[TYPE_PARAMS_MAX];
    size_t nparams = 0;
    KDB_TRY(accept_params(cur, params, &nparams));
    kdb_type type = kdb_type_of(name->kind);
    KDB_TRY(set_params(name, params, nparams, position, &type, cur->err));
    KDB_TRY(accept_time_zone(cur, name, position));
    if (kdbi_at_word(cur, "UNSIGNED") || kdbi_at_symbol(cur, '[') || kdbi_at_word(cur, "ARRAY")) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Unsupported data type: %.*s %.*s", KDB_SV_ARG(word),
                           KDB_SV_ARG(kdbi_at_symbol(cur, '[') ? KDB_SV("[]") : cur->token.text));
    }
    *out = type;
    *out_serial = name->serial;
    return KDB_OK;
}

kdb_status kdb_dialect_parse_type(kdb_sv text, kdb_type *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_cursor cur = kdbi_cursor_at(text, arena, err);
    kdb_type type;
    bool serial = false;
    KDB_TRY(kdbi_expect_type(&cur, &type, &serial));
    KDB_TRY(kdbi_expect_end(&cur));
    *out = type;
    return KDB_OK;
}

/* ---- casts ---- */

/* What the engine calls a kind; DECIMAL and EMBEDDING take parameters. */
static const char *const engine_names[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_BOOLEAN] = "BOOLEAN",     [KDB_TYPE_INT] = "INTEGER",  [KDB_TYPE_BIGINT] = "BIGINT",
    [KDB_TYPE_DOUBLE] = "DOUBLE",       [KDB_TYPE_FLOAT] = "FLOAT",  [KDB_TYPE_TEXT] = "VARCHAR",
    [KDB_TYPE_TIMESTAMP] = "TIMESTAMP", [KDB_TYPE_DATE] = "DATE",    [KDB_TYPE_DATETIME] = "TIMESTAMP",
    [KDB_TYPE_TIME] = "TIME",           [KDB_TYPE_JSON] = "VARCHAR", [KDB_TYPE_BYTES] = "BLOB",
    [KDB_TYPE_EMBEDDING] = "FLOAT",     [KDB_TYPE_UUID] = "UUID",    [KDB_TYPE_DECIMAL] = "DECIMAL",
    [KDB_TYPE_SMALLINT] = "SMALLINT",   [KDB_TYPE_FILE] = "VARCHAR",
};

/* The last of the names; only pg_catalog, which the grammar itself puts, may come before it. */
static const char *bare_name(const PgQuery__TypeName *name)
{
    const bool qualified = name->n_names == 2;
    if (name->n_names == 0 || name->n_names > 2) {
        return NULL;
    }
    const char *schema = kdbi_node_string(name->names[0]);
    if (qualified && (schema == NULL || strcmp(schema, "pg_catalog") != 0)) {
        return NULL;
    }
    return kdbi_node_string(name->names[name->n_names - 1]);
}

static kdb_status typmods(const PgQuery__TypeName *name, int64_t params[TYPE_PARAMS_MAX], size_t *out_count,
                          kdb_err *err)
{
    for (size_t i = 0; i < name->n_typmods; i++) {
        kdb_value value;
        const PgQuery__Node *node = name->typmods[i];
        if (i == TYPE_PARAMS_MAX || node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
            node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL || !kdbi_literal_value(node, NULL, &value)) {
            return KDB_FAIL_AT(err, name->location, KDB_INVALID_SQL, "type parameters must be numbers");
        }
        params[i] = value.as.i64;
    }
    *out_count = name->n_typmods;
    return KDB_OK;
}

static kdb_status resolve_cast(const PgQuery__TypeName *name, kdb_type *out, kdb_err *err)
{
    const char *word = bare_name(name);
    if (word != NULL && strcasecmp(word, "timestamptz") == 0) { /* all times are UTC */
        word = "datetime";
    }
    if (word == NULL || name->setof || name->pct_type) {
        return KDB_FAIL_AT(err, name->location, KDB_INVALID_SQL, "this type is not supported");
    }
    const type_name *found = find_type(kdb_sv_cstr(word));
    if (found == NULL || found->serial) {
        return unknown_type(kdb_sv_cstr(word), name->location, err);
    }
    int64_t params[TYPE_PARAMS_MAX];
    size_t nparams = 0;
    KDB_TRY(typmods(name, params, &nparams, err));
    kdb_type type = kdb_type_of(found->kind);
    KDB_TRY(set_params(found, params, nparams, name->location, &type, err));
    *out = type;
    return KDB_OK;
}

bool kdbi_cast_type(const PgQuery__TypeName *name, kdb_type *out)
{
    return name->n_array_bounds == 0 && resolve_cast(name, out, NULL) == KDB_OK;
}

static bool is_word(const PgQuery__TypeName *name, const char *word)
{
    const char *bare = bare_name(name);
    return bare != NULL && strcasecmp(bare, word) == 0;
}

static void emit_scalar(kdb_type type, kdb_buf *out)
{
    kdb_buf_append_sv(out, kdb_sv_cstr(engine_names[type.kind]));
    if (type.kind == KDB_TYPE_DECIMAL) {
        kdb_buf_printf(out, "(%d,%d)", type.precision, type.scale);
    } else if (type.kind == KDB_TYPE_EMBEDDING) {
        kdb_buf_printf(out, "[%d]", type.dim);
    }
}

/* The grammar makes FLOAT its own eight-byte type; here it has four (sql.md 4). */
static bool written_float(const PgQuery__TypeName *name, kdb_sv text)
{
    if (name->location < 0 || (size_t)name->location >= text.len) {
        return false;
    }
    kdbi_lexer lexer = { .text = text, .pos = (size_t)name->location };
    const kdbi_token token = kdbi_lex_next(&lexer);
    return kdbi_token_is_word(&token, "FLOAT");
}

kdb_status kdbi_emit_type(const PgQuery__TypeName *name, kdb_sv text, kdb_buf *out, kdb_type *out_type, kdb_err *err)
{
    kdb_type type = kdb_type_of(KDB_TYPE_NULL);
    if (is_word(name, "interval")) { /* its fields (YEAR TO MONTH ..) have no counterpart */
        if (name->n_typmods != 0) {
            return KDB_FAIL_AT(err, name->location, KDB_INVALID_SQL, "INTERVAL fields are not supported");
        }
        kdb_buf_append_lit(out, "INTERVAL");
    } else {
        KDB_TRY(resolve_cast(name, &type, err));
        if (type.kind == KDB_TYPE_DOUBLE && written_float(name, text)) {
            type = kdb_type_of(KDB_TYPE_FLOAT);
        }
        emit_scalar(type, out);
    }
    for (size_t i = 0; i < name->n_array_bounds; i++) {
        kdb_buf_append_lit(out, "[]");
    }
    *out_type = name->n_array_bounds == 0 ? type : kdb_type_of(KDB_TYPE_NULL);
    return KDB_OK;
}

bool kdbi_engine_cast(const PgQuery__TypeName *name, kdb_sv text, kdb_type *out)
{
    if (name == NULL || is_word(name, "interval") || is_word(name, "timestamptz") || !kdbi_cast_type(name, out)) {
        return false;
    }
    if (out->kind == KDB_TYPE_DOUBLE && written_float(name, text)) {
        *out = kdb_type_of(KDB_TYPE_FLOAT);
    }
    return true;
}

kdb_type kdb_dialect_engine_type(kdb_type type)
{
    switch (type.kind) {
    case KDB_TYPE_JSON:
    case KDB_TYPE_FILE:
        return kdb_type_of(KDB_TYPE_TEXT);
    case KDB_TYPE_DATETIME:
        return kdb_type_of(KDB_TYPE_TIMESTAMP);
    default:
        return type;
    }
}
