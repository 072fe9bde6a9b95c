/* key_operand.c - the operand of a predicate as the key part of a column's type, when that says exactly the same.
 *
 * The engine compares after conversions of its own, and checks every row again; a scan may read too much but must not
 * miss a row. So only pairs of types are converted here for which "equal", "less" and "greater" mean the same before
 * and after. An integer that its column cannot hold lies below or above all of the column's values. Everything else is
 * KDBI_OPERAND_UNKNOWN: the predicate then narrows nothing. */
#include "tables_int.h"

static const int64_t us_per_day = INT64_C(86400000000);
/* Integers up to here are themselves as a DOUBLE, and no other integer becomes one of them. */
static const double exact_double = 9007199254740992.0; /* 2^53 */

static kdbi_operand of_kind(kdbi_operand_kind kind)
{
    return (kdbi_operand){ .kind = kind };
}

static kdbi_operand exact(const kdb_value *value, kdb_arena *arena)
{
    const size_t size = kdbi_key_part_size(value);
    char *bytes = kdb_arena_alloc_raw(arena, size);
    (void)kdbi_key_part_put(bytes, value);
    return (kdbi_operand){ KDBI_OPERAND_EXACT, { bytes, size } };
}

static kdb_i128 power_of_ten(uint8_t exponent)
{
    kdb_i128 power = 1;
    for (uint8_t i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

static bool text_to_i64(kdb_sv text, int64_t *out)
{
    return kdb_parse_i64(text, out, NULL) == KDB_OK;
}

static bool double_to_i64(double number, int64_t *out)
{
    if (!(number > -exact_double && number < exact_double)) {
        return false;
    }
    *out = (int64_t)number;
    return (double)*out == number;
}

static bool decimal_to_i64(const kdb_value *value, int64_t *out)
{
    const kdb_i128 unit = power_of_ten(value->type.scale);
    const kdb_i128 whole = value->as.i128 / unit;
    *out = (int64_t)whole;
    return value->as.i128 % unit == 0 && *out == whole;
}

/* The operand as a whole number, when that is exactly what it is. */
static bool whole_number(const kdb_value *value, int64_t *out)
{
    switch (value->type.kind) {
    case KDB_TYPE_SMALLINT:
        *out = value->as.i16;
        return true;
    case KDB_TYPE_INT:
        *out = value->as.i32;
        return true;
    case KDB_TYPE_BIGINT:
        *out = value->as.i64;
        return true;
    case KDB_TYPE_DOUBLE:
        return double_to_i64(value->as.f64, out);
    case KDB_TYPE_DECIMAL:
        return decimal_to_i64(value, out);
    case KDB_TYPE_TEXT:
        return text_to_i64(value->as.bytes, out);
    case KDB_TYPE_NULL:
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_FLOAT:
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
        break;
    }
    return false;
}

static kdbi_operand to_integer(const kdb_value *value, kdb_type column, int64_t min, int64_t max, kdb_arena *arena)
{
    int64_t number = 0;
    if (!whole_number(value, &number)) {
        return of_kind(KDBI_OPERAND_UNKNOWN);
    }
    if (number < min) {
        return of_kind(KDBI_OPERAND_BELOW);
    }
    if (number > max) {
        return of_kind(KDBI_OPERAND_ABOVE);
    }
    kdb_value converted = { .type = column };
    if (column.kind == KDB_TYPE_SMALLINT) {
        converted.as.i16 = (int16_t)number;
    } else if (column.kind == KDB_TYPE_INT) {
        converted.as.i32 = (int32_t)number;
    } else {
        converted.as.i64 = number;
    }
    return exact(&converted, arena);
}

/* The same number at another scale; false when it has more decimals, or more digits than a DECIMAL has. */
static bool rescale(kdb_i128 number, uint8_t from, uint8_t to, kdb_i128 *out)
{
    const kdb_i128 limit = power_of_ten(38);
    if (from > to) {
        const kdb_i128 unit = power_of_ten((uint8_t)(from - to));
        *out = number / unit;
        return number % unit == 0;
    }
    const kdb_i128 unit = power_of_ten((uint8_t)(to - from));
    if (number >= limit / unit || number <= -(limit / unit)) {
        return false;
    }
    *out = number * unit;
    return true;
}

static kdbi_operand to_decimal(const kdb_value *value, kdb_type column, kdb_arena *arena)
{
    kdb_value converted = { .type = column };
    int64_t whole = 0;
    bool same = false;
    if (value->type.kind == KDB_TYPE_DECIMAL) {
        same = rescale(value->as.i128, value->type.scale, column.scale, &converted.as.i128);
    } else if (value->type.kind != KDB_TYPE_DOUBLE && whole_number(value, &whole)) {
        /* Not from DOUBLE: the engine compares those as DOUBLE, where near decimals are equal. */
        same = rescale(whole, 0, column.scale, &converted.as.i128);
    }
    return same ? exact(&converted, arena) : of_kind(KDBI_OPERAND_UNKNOWN);
}

/* More decimals than microseconds have would be rounded, by us and the engine each in its way. */
static bool finer_than_microseconds(kdb_sv text)
{
    const char *point = memchr(text.ptr, '.', text.len);
    if (point == NULL) {
        return false;
    }
    size_t digits = 0;
    for (const char *at = point + 1; at < text.ptr + text.len && *at >= '0' && *at <= '9'; at++) {
        digits++;
    }
    return digits > 6;
}

static bool text_to_time(kdb_sv text, kdb_type column, kdb_value *out)
{
    if (text.len == 0 || finer_than_microseconds(text)) {
        return false;
    }
    if (column.kind == KDB_TYPE_DATE) {
        return kdb_date_parse(text, &out->as.i32, NULL) == KDB_OK;
    }
    if (column.kind == KDB_TYPE_TIME) {
        return kdb_time_parse(text, &out->as.i64, NULL) == KDB_OK;
    }
    return kdb_timestamp_parse(text, &out->as.i64, NULL) == KDB_OK;
}

static bool is_instant(kdb_type_kind kind)
{
    return kind == KDB_TYPE_TIMESTAMP || kind == KDB_TYPE_DATETIME;
}

/* DATE, TIMESTAMP, DATETIME and TIME columns. */
static kdbi_operand to_time(const kdb_value *value, kdb_type column, kdb_arena *arena)
{
    kdb_value converted = { .type = column };
    bool same = false;
    if (value->type.kind == KDB_TYPE_TEXT) {
        same = text_to_time(value->as.bytes, column, &converted);
    } else if (value->type.kind == column.kind || (is_instant(value->type.kind) && is_instant(column.kind))) {
        converted.as = value->as;
        same = true;
    } else if (value->type.kind == KDB_TYPE_DATE && is_instant(column.kind)) {
        converted.as.i64 = value->as.i32 * us_per_day;
        same = true;
    } else if (is_instant(value->type.kind) && column.kind == KDB_TYPE_DATE && value->as.i64 % us_per_day == 0) {
        converted.as.i32 = (int32_t)(value->as.i64 / us_per_day);
        same = true;
    }
    return same ? exact(&converted, arena) : of_kind(KDBI_OPERAND_UNKNOWN);
}

static kdbi_operand to_uuid(const kdb_value *value, kdb_type column, kdb_arena *arena)
{
    kdb_value converted = { .type = column };
    if (value->type.kind == KDB_TYPE_UUID) {
        converted.as.uuid = value->as.uuid;
        return exact(&converted, arena);
    }
    if (value->type.kind == KDB_TYPE_TEXT && kdb_uuid_parse(value->as.bytes, &converted.as.uuid, NULL) == KDB_OK) {
        return exact(&converted, arena);
    }
    return of_kind(KDBI_OPERAND_UNKNOWN);
}

kdbi_operand kdbi_operand_of(const kdb_value *value, kdb_type column, kdb_arena *arena)
{
    if (value->is_null) {
        return of_kind(KDBI_OPERAND_NULL);
    }
    switch (column.kind) {
    case KDB_TYPE_SMALLINT:
        return to_integer(value, column, INT16_MIN, INT16_MAX, arena);
    case KDB_TYPE_INT:
        return to_integer(value, column, INT32_MIN, INT32_MAX, arena);
    case KDB_TYPE_BIGINT:
        return to_integer(value, column, INT64_MIN, INT64_MAX, arena);
    case KDB_TYPE_DECIMAL:
        return to_decimal(value, column, arena);
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
    case KDB_TYPE_DATE:
    case KDB_TYPE_TIME:
        return to_time(value, column, arena);
    case KDB_TYPE_UUID:
        return to_uuid(value, column, arena);
    case KDB_TYPE_TEXT:
    case KDB_TYPE_BYTES:
    case KDB_TYPE_BOOLEAN:
        return value->type.kind == column.kind ? exact(value, arena) : of_kind(KDBI_OPERAND_UNKNOWN);
    case KDB_TYPE_NULL:
    case KDB_TYPE_DOUBLE:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    return of_kind(KDBI_OPERAND_UNKNOWN); /* not a type of keys */
}

kdbi_operand kdbi_operand_of_stream_seq(const kdb_value *value, kdb_arena *arena)
{
    int64_t seq = 0;
    if (value->is_null) {
        return of_kind(KDBI_OPERAND_NULL);
    }
    if (!whole_number(value, &seq)) {
        return of_kind(KDBI_OPERAND_UNKNOWN);
    }
    if (seq < 0) {
        return of_kind(KDBI_OPERAND_BELOW);
    }
    char *tail = kdb_arena_alloc_raw(arena, KDBI_STREAM_TAIL);
    (void)kdbi_stream_tail_put(tail, (uint64_t)seq);
    return (kdbi_operand){ KDBI_OPERAND_EXACT, { tail, KDBI_STREAM_TAIL } };
}
