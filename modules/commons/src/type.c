/* type.c - the rows of all column types. */
#include "commons_int.h"

/* Keys need an order that byte strings can keep and equality that users expect: no floats, no documents. */
const kdb_type_def kdb_type_defs[KDB_TYPE_KIND_COUNT] = {
    /* sql_name, wire_name, layout, fixed_size, key_allowed */
    [KDB_TYPE_NULL] = { "NULL", "Text", KDB_LAYOUT_NONE, 0, false },
    [KDB_TYPE_BOOLEAN] = { "BOOLEAN", "Boolean", KDB_LAYOUT_BOOL, 1, true },
    [KDB_TYPE_INT] = { "INT", "Int", KDB_LAYOUT_I32, 4, true },
    [KDB_TYPE_BIGINT] = { "BIGINT", "BigInt", KDB_LAYOUT_I64, 8, true },
    [KDB_TYPE_DOUBLE] = { "DOUBLE", "Double", KDB_LAYOUT_F64, 8, false },
    [KDB_TYPE_FLOAT] = { "FLOAT", "Float", KDB_LAYOUT_F32, 4, false },
    [KDB_TYPE_TEXT] = { "TEXT", "Text", KDB_LAYOUT_BYTES, 0, true },
    [KDB_TYPE_TIMESTAMP] = { "TIMESTAMP", "Timestamp", KDB_LAYOUT_I64, 8, true },
    [KDB_TYPE_DATE] = { "DATE", "Date", KDB_LAYOUT_I32, 4, true },
    [KDB_TYPE_DATETIME] = { "DATETIME", "DateTime", KDB_LAYOUT_I64, 8, true },
    [KDB_TYPE_TIME] = { "TIME", "Time", KDB_LAYOUT_I64, 8, true },
    [KDB_TYPE_JSON] = { "JSON", "Json", KDB_LAYOUT_BYTES, 0, false },
    [KDB_TYPE_BYTES] = { "BYTES", "Bytes", KDB_LAYOUT_BYTES, 0, true },
    [KDB_TYPE_EMBEDDING] = { "EMBEDDING", "Embedding", KDB_LAYOUT_F32S, 0, false },
    [KDB_TYPE_UUID] = { "UUID", "Uuid", KDB_LAYOUT_UUID, 16, true },
    [KDB_TYPE_DECIMAL] = { "DECIMAL", "Decimal", KDB_LAYOUT_I128, 16, true },
    [KDB_TYPE_SMALLINT] = { "SMALLINT", "SmallInt", KDB_LAYOUT_I16, 2, true },
    [KDB_TYPE_FILE] = { "FILE", "File", KDB_LAYOUT_BYTES, 0, false },
};

bool kdb_type_eq(kdb_type a, kdb_type b)
{
    return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale && a.dim == b.dim;
}

kdb_sv kdb_type_sql_text(kdb_type type, kdb_arena *arena)
{
    if (type.kind == KDB_TYPE_DECIMAL) {
        return kdb_sv_printf(arena, "DECIMAL(%u,%u)", type.precision, type.scale);
    }
    if (type.kind == KDB_TYPE_EMBEDDING) {
        return kdb_sv_printf(arena, "EMBEDDING(%u)", type.dim);
    }
    return kdb_sv_cstr(kdb_type_defs[type.kind].sql_name);
}
