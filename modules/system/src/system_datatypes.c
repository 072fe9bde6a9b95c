/* system_datatypes.c - system.datatypes: how column types are called by clients that speak Arrow, by this server and in SQL.
 * Types that no column can have are there too, with what values of theirs become. */
#include "system_int.h"

typedef struct datatype {
    const char *arrow, *kalam, *sql, *description;
} datatype;

static const datatype datatypes[] = {
    { "Boolean", "Boolean", "BOOLEAN", "true or false" },
    { "Int8", "SmallInt", "TINYINT", "8-bit integer; not a column type" },
    { "Int16", "SmallInt", "SMALLINT", "16-bit integer" },
    { "Int32", "Int", "INT", "32-bit integer" },
    { "Int64", "BigInt", "BIGINT", "64-bit integer" },
    { "UInt8", "SmallInt", "TINYINT UNSIGNED", "Unsigned 8-bit integer; not a column type" },
    { "UInt16", "Int", "SMALLINT UNSIGNED", "Unsigned 16-bit integer; not a column type" },
    { "UInt32", "BigInt", "INT UNSIGNED", "Unsigned 32-bit integer; not a column type" },
    { "UInt64", "BigInt", "BIGINT UNSIGNED", "Unsigned 64-bit integer; not a column type" },
    { "Float16", "Float", "FLOAT", "16-bit floating point; not a column type" },
    { "Float32", "Float", "FLOAT", "32-bit floating point" },
    { "Float64", "Double", "DOUBLE", "64-bit floating point" },
    { "Decimal128(p, s)", "Decimal", "DECIMAL(p, s)", "Exact number of up to 38 digits" },
    { "Utf8", "Text", "TEXT", "UTF-8 text" },
    { "LargeUtf8", "Text", "TEXT", "UTF-8 text" },
    { "Utf8 (json)", "Json", "JSON", "JSON as text" },
    { "Utf8 (file)", "File", "FILE", "Reference to an uploaded file, as JSON text" },
    { "Binary", "Bytes", "BYTES", "Bytes" },
    { "LargeBinary", "Bytes", "BYTES", "Bytes" },
    { "FixedSizeBinary(16)", "Uuid", "UUID", "UUID, 16 bytes" },
    { "FixedSizeList(Float32, n)", "Embedding", "EMBEDDING(n)", "Vector of n 32-bit floating point numbers" },
    { "Date32", "Date", "DATE", "Days since 1970-01-01" },
    { "Date64", "DateTime", "DATETIME", "Date in milliseconds; not a column type" },
    { "Time32(Millisecond)", "Time", "TIME", "Time of day in milliseconds; not a column type" },
    { "Time64(Microsecond)", "Time", "TIME", "Time of day in microseconds" },
    { "Timestamp(Millisecond, None)", "Timestamp", "TIMESTAMP(3)", "Instant, stored in microseconds" },
    { "Timestamp(Microsecond, None)", "Timestamp", "TIMESTAMP", "Instant without a zone, in microseconds" },
    { "Timestamp(Microsecond, UTC)", "DateTime", "DATETIME", "Instant in UTC, in microseconds" },
    { "Null", "Text", "TEXT", "The type of NULL alone" },
};

kdb_status kdbi_datatypes_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->nitems = KDB_ARRAY_LEN(datatypes);
    return KDB_OK;
}

bool kdbi_datatypes_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const datatype *type = &datatypes[scan->at++];
    cells = kdbi_put_cstr(cells, type->arrow);
    cells = kdbi_put_cstr(cells, type->kalam);
    cells = kdbi_put_cstr(cells, type->sql);
    (void)kdbi_put_cstr(cells, type->description);
    return true;
}
