/* column_default.c - what a column takes when a row does not give it: checked against the column's type when the table
 * is created, so that no later insert fails for the default's sake; and its text for DESCRIBE. */
#include "column_default.h"

const kdbi_code_def kdbi_default_defs[KDB_DEFAULT_CURRENT_USER + 1] = {
    [KDB_DEFAULT_NONE] = { 0, "" },
    [KDB_DEFAULT_LITERAL] = { 1, "" },
    [KDB_DEFAULT_NOW] = { 2, "NOW" },
    [KDB_DEFAULT_SNOWFLAKE_ID] = { 3, "SNOWFLAKE_ID" },
    [KDB_DEFAULT_UUID_V7] = { 4, "UUID_V7" },
    [KDB_DEFAULT_ULID] = { 5, "ULID" },
    [KDB_DEFAULT_CURRENT_USER] = { 6, "CURRENT_USER" },
};

/* A value such as the call yields. A small number for SNOWFLAKE_ID: INT columns may have it, and overflow when
 * written. */
static kdb_value sample_of(kdb_default_kind kind)
{
    switch (kind) {
    case KDB_DEFAULT_NONE:
    case KDB_DEFAULT_LITERAL:
        break;
    case KDB_DEFAULT_NOW:
        return kdb_value_timestamp(0);
    case KDB_DEFAULT_SNOWFLAKE_ID:
        return kdb_value_bigint(1);
    case KDB_DEFAULT_UUID_V7:
        return kdb_value_text(KDB_SV("01890a5d-ac96-774b-bcce-b302099a8057"));
    case KDB_DEFAULT_ULID:
        return kdb_value_text(KDB_SV("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    case KDB_DEFAULT_CURRENT_USER:
        return kdb_value_text(KDB_SV("alice"));
    }
    return kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
}

/* Numbers and booleans stand bare; dates and times lie in memory as integers but are written as text. */
static bool is_bare(kdb_type_kind kind)
{
    switch (kind) {
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_DOUBLE:
    case KDB_TYPE_DECIMAL:
        return true;
    case KDB_TYPE_NULL:
    case KDB_TYPE_TEXT:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATE:
    case KDB_TYPE_DATETIME:
    case KDB_TYPE_TIME:
    case KDB_TYPE_JSON:
    case KDB_TYPE_BYTES:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_UUID:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        return false;
    }
    return false;
}

/* A time as a number is its microseconds, and a number as a date its days: what nobody means by such a default. */
static bool call_fits(const kdb_column *column, kdb_arena *arena)
{
    const kdb_type_kind kind = column->type.kind;
    const bool is_number = is_bare(kind) && kind != KDB_TYPE_BOOLEAN;
    if (column->default_kind == KDB_DEFAULT_NOW && is_bare(kind)) {
        return false;
    }
    if (column->default_kind == KDB_DEFAULT_SNOWFLAKE_ID && !is_number && kind != KDB_TYPE_TEXT) {
        return false;
    }
    kdb_value sample = sample_of(column->default_kind);
    kdb_value ignored;
    return kdb_value_coerce(&sample, column->type, arena, &ignored, NULL) == KDB_OK;
}

static kdb_status check_call(const kdb_column *column, kdb_arena *arena, kdb_err *err)
{
    if (call_fits(column, arena)) {
        return KDB_OK;
    }
    kdb_sv type = kdb_type_sql_text(column->type, arena);
    return KDB_FAIL(err, KDB_SCHEMA, "Default %s() does not fit column '%.*s' of type %.*s",
                    kdbi_default_defs[column->default_kind].name, KDB_SV_ARG(column->name), KDB_SV_ARG(type));
}

/* Text, JSON and bytes of a value that may borrow from the statement move to the table's arena. */
static void keep_bytes(kdb_value *value, kdb_arena *arena)
{
    if (!value->is_null && kdb_type_layout(value->type) == KDB_LAYOUT_BYTES) {
        value->as.bytes = kdb_sv_dup(arena, value->as.bytes);
    }
}

static kdb_status keep_literal(const kdb_column_spec *spec, kdb_column *column, kdb_arena *arena, kdb_err *err)
{
    kdb_status status = kdb_value_coerce(&spec->default_literal, spec->type, arena, &column->default_literal, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "Invalid default for column '%.*s'", KDB_SV_ARG(spec->name));
        return status;
    }
    keep_bytes(&column->default_literal, arena);
    return KDB_OK;
}

kdb_status kdbi_column_set_default(const kdb_column_spec *spec, kdb_column *column, kdb_arena *arena, kdb_err *err)
{
    column->default_kind = spec->default_kind;
    switch (spec->default_kind) {
    case KDB_DEFAULT_NONE:
        return KDB_OK;
    case KDB_DEFAULT_LITERAL:
        return keep_literal(spec, column, arena, err);
    case KDB_DEFAULT_NOW:
    case KDB_DEFAULT_SNOWFLAKE_ID:
    case KDB_DEFAULT_UUID_V7:
    case KDB_DEFAULT_ULID:
    case KDB_DEFAULT_CURRENT_USER:
        return check_call(column, arena, err);
    }
    return KDB_FAIL(err, KDB_INTERNAL, "unknown default %d", (int)spec->default_kind);
}

static kdb_sv quoted(kdb_sv text, kdb_arena *arena)
{
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    kdb_buf_append_quoted(&buf, text, '\'');
    const kdb_sv kept = kdb_sv_dup(arena, kdb_buf_sv(&buf));
    kdb_buf_done(&buf);
    return kept;
}

kdb_sv kdb_column_default_text(const kdb_column *column, kdb_arena *arena)
{
    if (column->default_kind == KDB_DEFAULT_NONE) {
        return (kdb_sv){ NULL, 0 };
    }
    if (column->default_kind != KDB_DEFAULT_LITERAL) {
        return kdb_sv_printf(arena, "%s()", kdbi_default_defs[column->default_kind].name);
    }
    kdb_sv text = kdb_value_to_text(&column->default_literal, arena);
    return column->default_literal.is_null || is_bare(column->type.kind) ? text : quoted(text, arena);
}
