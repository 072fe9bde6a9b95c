/* engine_literal.c - values written into engine SQL. A statement that runs once is better off without parameters: DuckDB binds a
 * text with parameters once to prepare it, and once more, with a plan of its own, for each execution. */
#include "engine_int.h"

static void put_text(kdb_buf *sql, kdb_sv text)
{
    kdb_buf_append_byte(sql, '\'');
    for (size_t i = 0; i < text.len; i++) {
        kdb_buf_append(sql, text.ptr[i] == '\'' ? "''" : text.ptr + i, text.ptr[i] == '\'' ? 2 : 1);
    }
    kdb_buf_append_byte(sql, '\'');
}

static void put_bytes(kdb_buf *sql, kdb_sv bytes)
{
    kdb_buf_append_lit(sql, "from_hex('");
    for (size_t i = 0; i < bytes.len; i++) {
        kdb_buf_printf(sql, "%02X", (uint8_t)bytes.ptr[i]);
    }
    kdb_buf_append_lit(sql, "')");
}

/* The least BIGINT has no literal: without its sign it is none. */
static void put_bigint(kdb_buf *sql, int64_t value)
{
    if (value == INT64_MIN) {
        kdb_buf_append_lit(sql, "(-9223372036854775807 - 1)");
    } else {
        kdb_buf_append_i64(sql, value);
    }
}

static void put_decimal(kdb_buf *sql, const kdb_value *value)
{
    char digits[48];
    const size_t len = kdb_decimal_format(value->as.i128, value->type.scale, digits);
    kdb_buf_append_lit(sql, "CAST('");
    kdb_buf_append(sql, digits, len);
    kdb_buf_printf(sql, "' AS DECIMAL(%d,%d))", value->type.precision, value->type.scale);
}

static void put_uuid(kdb_buf *sql, const kdb_value *value)
{
    char text[37];
    kdb_uuid_format(&value->as.uuid, text);
    kdb_buf_printf(sql, "UUID '%s'", text);
}

void kdb_engine_put_literal(const kdb_value *value, kdb_buf *sql)
{
    KDB_ASSERT(!value->is_null);
    switch (value->type.kind) {
    case KDB_TYPE_BOOLEAN:
        kdb_buf_append_sv(sql, value->as.b ? KDB_SV("true") : KDB_SV("false"));
        return;
    case KDB_TYPE_SMALLINT:
        kdb_buf_append_i64(sql, value->as.i16);
        return;
    case KDB_TYPE_INT:
        kdb_buf_append_i64(sql, value->as.i32);
        return;
    case KDB_TYPE_BIGINT:
        put_bigint(sql, value->as.i64);
        return;
    case KDB_TYPE_TEXT:
        put_text(sql, value->as.bytes);
        return;
    case KDB_TYPE_BYTES:
        put_bytes(sql, value->as.bytes);
        return;
    case KDB_TYPE_DECIMAL:
        put_decimal(sql, value);
        return;
    case KDB_TYPE_UUID:
        put_uuid(sql, value);
        return;
    case KDB_TYPE_DATE:
        kdb_buf_printf(sql, "(DATE '1970-01-01' + (%d))", value->as.i32);
        return;
    case KDB_TYPE_TIME:
        kdb_buf_printf(sql, "(TIME '00:00:00' + to_microseconds(%lld))", (long long)value->as.i64);
        return;
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        kdb_buf_printf(sql, "make_timestamp(%lld)", (long long)value->as.i64);
        return;
    case KDB_TYPE_NULL:
    case KDB_TYPE_DOUBLE:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    KDB_ASSERT(false);
}
