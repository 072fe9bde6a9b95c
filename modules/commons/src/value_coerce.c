/* value_coerce.c - the one meaning of conversion between column types, used by every write path (sql.md section 4). Types
 * fall into families; each target type has one function that says what it makes of each family. */
#include <math.h>

#include "commons_int.h"

#define US_PER_DAY INT64_C(86400000000)

enum { SHOWN_MAX = 64, SHOWN_BYTES = 24 };

typedef enum family {
    FAMILY_NONE,
    FAMILY_BOOL,
    FAMILY_INTEGER,
    FAMILY_FLOAT,
    FAMILY_DECIMAL,
    FAMILY_TEXT, /* TEXT, JSON, FILE */
    FAMILY_BYTES,
    FAMILY_UUID,
    FAMILY_DATE,
    FAMILY_INSTANT, /* TIMESTAMP, DATETIME */
    FAMILY_TIME,
    FAMILY_FLOATS
} family;

static const family families[KDB_TYPE_KIND_COUNT] = {
    [KDB_TYPE_NULL] = FAMILY_NONE,        [KDB_TYPE_BOOLEAN] = FAMILY_BOOL,      [KDB_TYPE_INT] = FAMILY_INTEGER,
    [KDB_TYPE_BIGINT] = FAMILY_INTEGER,   [KDB_TYPE_DOUBLE] = FAMILY_FLOAT,      [KDB_TYPE_FLOAT] = FAMILY_FLOAT,
    [KDB_TYPE_TEXT] = FAMILY_TEXT,        [KDB_TYPE_TIMESTAMP] = FAMILY_INSTANT, [KDB_TYPE_DATE] = FAMILY_DATE,
    [KDB_TYPE_DATETIME] = FAMILY_INSTANT, [KDB_TYPE_TIME] = FAMILY_TIME,         [KDB_TYPE_JSON] = FAMILY_TEXT,
    [KDB_TYPE_BYTES] = FAMILY_BYTES,      [KDB_TYPE_EMBEDDING] = FAMILY_FLOATS,  [KDB_TYPE_UUID] = FAMILY_UUID,
    [KDB_TYPE_DECIMAL] = FAMILY_DECIMAL,  [KDB_TYPE_SMALLINT] = FAMILY_INTEGER,  [KDB_TYPE_FILE] = FAMILY_TEXT,
};

/* One conversion under way. `out` has its type already and is the caller's only once all went well. */
typedef struct cast {
    const kdb_value *in;
    kdb_type to;
    kdb_arena *arena;
    kdb_value *out;
    kdb_err *err;
} cast;

static family family_of(const cast *c)
{
    return families[c->in->type.kind];
}

/* The value as the message quotes it: short, whatever its size. */
static kdb_sv shown_value(const cast *c)
{
    kdb_value shown = *c->in;
    bool bytes = kdb_type_layout(shown.type) == KDB_LAYOUT_BYTES;
    bool text = family_of(c) == FAMILY_TEXT;
    size_t max = text ? SHOWN_MAX : SHOWN_BYTES;
    bool cut = bytes && shown.as.bytes.len > max;
    if (cut) {
        shown.as.bytes = text ? kdb_utf8_cut(shown.as.bytes, max) : kdb_sv_of(shown.as.bytes.ptr, max);
    }
    kdb_sv plain = kdb_value_to_text(&shown, c->arena);
    cut = cut || plain.len > SHOWN_MAX;
    plain = kdb_utf8_cut(plain, SHOWN_MAX);
    const char *quote = text ? "'" : "";
    return kdb_sv_printf(c->arena, "%s%.*s%s%s", quote, KDB_SV_ARG(plain), cut ? ".." : "", quote);
}

__attribute__((cold)) static kdb_status refuse(const cast *c, const char *reason)
{
    if (c->err == NULL) {
        return KDB_SCHEMA;
    }
    kdb_sv shown = shown_value(c);
    kdb_sv type = kdb_type_sql_text(c->to, c->arena);
    return KDB_FAIL(c->err, KDB_SCHEMA, "Unable to cast value %.*s to %.*s: %s", KDB_SV_ARG(shown), KDB_SV_ARG(type),
                    reason);
}

static kdb_status out_of_range(const cast *c)
{
    return refuse(c, "out of range");
}

static kdb_status no_conversion(const cast *c)
{
    if (c->err == NULL) {
        return KDB_SCHEMA;
    }
    kdb_sv from = kdb_type_sql_text(c->in->type, c->arena);
    kdb_sv reason = kdb_sv_printf(c->arena, "there is no conversion from %.*s", KDB_SV_ARG(from));
    return refuse(c, reason.ptr);
}

/* A parser's status as a refusal: KDB_LIMIT means that the text was fine but the value does not fit. */
static kdb_status refuse_parsed(const cast *c, kdb_status status, const char *reason)
{
    return status == KDB_LIMIT ? out_of_range(c) : refuse(c, reason);
}

static kdb_sv trimmed_text(const cast *c)
{
    return kdb_sv_trim(c->in->as.bytes);
}

/* The integer in a value of the BOOLEAN, integer, date and time families. */
static int64_t integer_of(const kdb_value *in)
{
    switch (kdb_type_layout(in->type)) {
    case KDB_LAYOUT_BOOL:
        return in->as.b ? 1 : 0;
    case KDB_LAYOUT_I16:
        return in->as.i16;
    case KDB_LAYOUT_I32:
        return in->as.i32;
    case KDB_LAYOUT_I64:
        return in->as.i64;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_I128:
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_UUID:
    case KDB_LAYOUT_F32S:
        break;
    }
    return 0; /* not of these families */
}

static double double_of(const kdb_value *in)
{
    return in->type.kind == KDB_TYPE_FLOAT ? (double)in->as.f32 : in->as.f64;
}

static kdb_status bool_from_text(cast *c)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = { { "true", true }, { "false", false }, { "t", true },   { "f", false },
                  { "1", true },    { "0", false },     { "yes", true }, { "no", false } };
    kdb_sv text = trimmed_text(c);
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (kdb_sv_ieq(text, kdb_sv_cstr(words[i].word))) {
            c->out->as.b = words[i].value;
            return KDB_OK;
        }
    }
    return refuse(c, "not a boolean");
}

static kdb_status to_boolean(cast *c)
{
    switch (family_of(c)) {
    case FAMILY_INTEGER: {
        int64_t value = integer_of(c->in);
        if (value != 0 && value != 1) {
            return refuse(c, "only 0 and 1 are booleans");
        }
        c->out->as.b = value == 1;
        return KDB_OK;
    }
    case FAMILY_TEXT:
        return bool_from_text(c);
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_DECIMAL:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_INSTANT:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        break;
    }
    return no_conversion(c);
}

/* Truncates towards zero. */
static kdb_status integer_from_float(const cast *c, int64_t *out)
{
    double value = double_of(c->in);
    /* cppcheck-suppress incorrectLogicOperator ; it reads no hexadecimal floats */
    if (isnan(value) || value < -0x1p63 || value >= 0x1p63) {
        return out_of_range(c);
    }
    *out = (int64_t)value;
    return KDB_OK;
}

/* Truncates as from a float: `1.5` and `1.5e0` are the same number to whoever writes them. */
static kdb_status integer_from_decimal(const cast *c, int64_t *out)
{
    kdb_i128 whole = c->in->as.i128;
    for (uint8_t i = 0; i < c->in->type.scale; i++) {
        whole /= 10;
    }
    if (whole > INT64_MAX || whole < INT64_MIN) {
        return out_of_range(c);
    }
    *out = (int64_t)whole;
    return KDB_OK;
}

static kdb_status integer_from_text(const cast *c, int64_t *out)
{
    kdb_status status = kdb_parse_i64(trimmed_text(c), out, NULL);
    return status == KDB_OK ? KDB_OK : refuse_parsed(c, status, "not an integer");
}

static kdb_status read_integer(const cast *c, int64_t *out)
{
    switch (family_of(c)) {
    case FAMILY_BOOL:
    case FAMILY_INTEGER:
    case FAMILY_DATE:
    case FAMILY_INSTANT:
    case FAMILY_TIME:
        *out = integer_of(c->in);
        return KDB_OK;
    case FAMILY_FLOAT:
        return integer_from_float(c, out);
    case FAMILY_DECIMAL:
        return integer_from_decimal(c, out);
    case FAMILY_TEXT:
        return integer_from_text(c, out);
    case FAMILY_NONE:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_FLOATS:
        break;
    }
    return no_conversion(c);
}

static kdb_status to_smallint(cast *c)
{
    int64_t value;
    KDB_TRY(read_integer(c, &value));
    c->out->as.i16 = (int16_t)value;
    return value < INT16_MIN || value > INT16_MAX ? out_of_range(c) : KDB_OK;
}

static kdb_status to_int(cast *c)
{
    int64_t value;
    KDB_TRY(read_integer(c, &value));
    c->out->as.i32 = (int32_t)value;
    return value < INT32_MIN || value > INT32_MAX ? out_of_range(c) : KDB_OK;
}

static kdb_status to_bigint(cast *c)
{
    return read_integer(c, &c->out->as.i64);
}

static kdb_status read_double(const cast *c, double *out)
{
    switch (family_of(c)) {
    case FAMILY_BOOL:
    case FAMILY_INTEGER:
        *out = (double)integer_of(c->in);
        return KDB_OK;
    case FAMILY_FLOAT:
        *out = double_of(c->in);
        return KDB_OK;
    case FAMILY_DECIMAL:
        *out = kdbi_decimal_to_f64(c->in->as.i128, c->in->type.scale);
        return KDB_OK;
    case FAMILY_TEXT: {
        kdb_status status = kdb_parse_f64(trimmed_text(c), out, NULL);
        return status == KDB_OK ? KDB_OK : refuse_parsed(c, status, "not a number");
    }
    case FAMILY_NONE:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_INSTANT:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        break;
    }
    return no_conversion(c);
}

/* NaN and infinity cannot be sent as JSON, so a row that holds them could never be read again. */
static kdb_status to_double(cast *c)
{
    KDB_TRY(read_double(c, &c->out->as.f64));
    return isfinite(c->out->as.f64) ? KDB_OK : out_of_range(c);
}

static kdb_status to_float(cast *c)
{
    double value;
    KDB_TRY(read_double(c, &value));
    c->out->as.f32 = (float)value;
    return isfinite(c->out->as.f32) ? KDB_OK : out_of_range(c);
}

static kdb_status decimal_from_text(const cast *c, kdb_sv text)
{
    kdb_status status = kdbi_decimal_parse(text, c->to.precision, c->to.scale, &c->out->as.i128, NULL);
    return status == KDB_OK ? KDB_OK : refuse_parsed(c, status, "not a number");
}

/* Through the shortest text: 0.1 is stored as 0.1 and not as the binary fraction nearest to it. */
static kdb_status decimal_from_float(const cast *c)
{
    char text[48];
    if (!isfinite(double_of(c->in))) {
        return out_of_range(c);
    }
    size_t len = c->in->type.kind == KDB_TYPE_FLOAT ? kdbi_format_f32(c->in->as.f32, text)
                                                    : kdbi_format_f64(c->in->as.f64, text);
    return decimal_from_text(c, kdb_sv_of(text, len));
}

static kdb_status decimal_from_scaled(const cast *c, kdb_i128 value, uint8_t scale)
{
    kdb_status status = kdbi_decimal_rescale(value, scale, c->to.precision, c->to.scale, &c->out->as.i128, NULL);
    return status == KDB_OK ? KDB_OK : out_of_range(c);
}

static kdb_status to_decimal(cast *c)
{
    switch (family_of(c)) {
    case FAMILY_BOOL:
    case FAMILY_INTEGER:
        return decimal_from_scaled(c, integer_of(c->in), 0);
    case FAMILY_DECIMAL:
        return decimal_from_scaled(c, c->in->as.i128, c->in->type.scale);
    case FAMILY_FLOAT:
        return decimal_from_float(c);
    case FAMILY_TEXT:
        return decimal_from_text(c, trimmed_text(c));
    case FAMILY_NONE:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_INSTANT:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        break;
    }
    return no_conversion(c);
}

static kdb_status to_text(cast *c)
{
    if (family_of(c) != FAMILY_BYTES) {
        c->out->as.bytes = kdb_value_to_text(c->in, c->arena);
        return KDB_OK;
    }
    if (!kdb_utf8_valid(c->in->as.bytes)) {
        return refuse(c, "not UTF-8 text");
    }
    c->out->as.bytes = c->in->as.bytes;
    return KDB_OK;
}

/* Text is taken as it is; what JSON has no own form for becomes a JSON string. */
static kdb_status to_json(cast *c)
{
    switch (family_of(c)) {
    case FAMILY_FLOAT:
        return isfinite(double_of(c->in)) ? to_text(c) : refuse(c, "JSON has no such number");
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_INSTANT:
    case FAMILY_TIME: {
        kdb_sv text = kdb_value_to_text(c->in, c->arena);
        c->out->as.bytes = kdb_sv_printf(c->arena, "\"%.*s\"", KDB_SV_ARG(text));
        return KDB_OK;
    }
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_INTEGER:
    case FAMILY_DECIMAL:
    case FAMILY_TEXT:
    case FAMILY_BYTES:
    case FAMILY_FLOATS:
        break;
    }
    return to_text(c);
}

static kdb_status to_file(cast *c)
{
    if (family_of(c) != FAMILY_TEXT) {
        return no_conversion(c);
    }
    c->out->as.bytes = c->in->as.bytes;
    return KDB_OK;
}

/* sql.md 24 rule 24: '\x..' is hex, other text its own bytes. */
static kdb_status to_bytes(cast *c)
{
    if (family_of(c) != FAMILY_TEXT) {
        return no_conversion(c);
    }
    kdb_sv text = c->in->as.bytes;
    if (!kdb_sv_has_prefix(text, KDB_SV("\\x"))) {
        c->out->as.bytes = text;
        return KDB_OK;
    }
    kdb_err cause;
    kdb_sv hex = kdb_sv_of(text.ptr + 2, text.len - 2);
    if (kdb_hex_decode(c->arena, hex, &c->out->as.bytes, &cause) != KDB_OK) {
        return refuse(c, cause.text);
    }
    return KDB_OK;
}

static kdb_status to_uuid(cast *c)
{
    if (family_of(c) == FAMILY_TEXT) {
        kdb_err cause;
        if (kdb_uuid_parse(c->in->as.bytes, &c->out->as.uuid, &cause) != KDB_OK) {
            return KDB_FAIL(c->err, KDB_SCHEMA, "%s", cause.text);
        }
        return KDB_OK;
    }
    if (family_of(c) != FAMILY_BYTES) {
        return no_conversion(c);
    }
    if (c->in->as.bytes.len != sizeof(kdb_uuid)) {
        return refuse(c, "a UUID has 16 bytes");
    }
    memcpy(c->out->as.uuid.bytes, c->in->as.bytes.ptr, sizeof(kdb_uuid));
    return KDB_OK;
}

static kdb_status to_instant(cast *c)
{
    int64_t us = 0;
    switch (family_of(c)) {
    case FAMILY_INTEGER:
    case FAMILY_INSTANT:
        us = integer_of(c->in);
        break;
    case FAMILY_DATE:
        us = c->in->as.i32 * US_PER_DAY;
        break;
    case FAMILY_TEXT: {
        kdb_status status = kdb_timestamp_parse(c->in->as.bytes, &us, NULL);
        if (status != KDB_OK) {
            return refuse_parsed(c, status, "not a timestamp, YYYY-MM-DD[ HH:MM:SS[.f][Z|+hh:mm]]");
        }
        break;
    }
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_DECIMAL:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        return no_conversion(c);
    }
    c->out->as.i64 = us;
    return kdbi_timestamp_in_range(us) ? KDB_OK : out_of_range(c);
}

static int64_t day_of(int64_t us)
{
    int64_t days;
    int64_t day_us;
    kdbi_timestamp_split(us, &days, &day_us);
    return days;
}

/* A timestamp's text is a date's too; its time is dropped. */
static kdb_status date_from_text(const cast *c, int64_t *days)
{
    int64_t us;
    kdb_status status = kdb_timestamp_parse(c->in->as.bytes, &us, NULL);
    if (status != KDB_OK) {
        return refuse_parsed(c, status, "not a date, YYYY-MM-DD");
    }
    *days = day_of(us);
    return KDB_OK;
}

static kdb_status to_date(cast *c)
{
    int64_t days = 0;
    switch (family_of(c)) {
    case FAMILY_INTEGER:
        days = integer_of(c->in);
        break;
    case FAMILY_INSTANT:
        days = day_of(c->in->as.i64);
        break;
    case FAMILY_TEXT:
        KDB_TRY(date_from_text(c, &days));
        break;
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_DECIMAL:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        return no_conversion(c);
    }
    c->out->as.i32 = (int32_t)days;
    return kdbi_date_in_range(days) ? KDB_OK : out_of_range(c);
}

static kdb_status to_time(cast *c)
{
    int64_t us = 0;
    int64_t day;
    switch (family_of(c)) {
    case FAMILY_INTEGER:
        us = integer_of(c->in);
        break;
    case FAMILY_INSTANT:
        kdbi_timestamp_split(c->in->as.i64, &day, &us);
        break;
    case FAMILY_TEXT:
        if (kdb_time_parse(c->in->as.bytes, &us, NULL) != KDB_OK) {
            return refuse(c, "not a time, HH:MM:SS[.f]");
        }
        break;
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_DECIMAL:
    case FAMILY_BYTES:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_TIME:
    case FAMILY_FLOATS:
        return no_conversion(c);
    }
    c->out->as.i64 = us;
    return us >= 0 && us < US_PER_DAY ? KDB_OK : out_of_range(c);
}

static kdb_status dimension_mismatch(const cast *c, size_t got)
{
    return KDB_FAIL(c->err, KDB_SCHEMA, "Embedding dimension mismatch: expected %u, got %zu", c->to.dim, got);
}

static kdb_status to_embedding(cast *c)
{
    if (family_of(c) == FAMILY_FLOATS) {
        return dimension_mismatch(c, c->in->type.dim);
    }
    if (family_of(c) != FAMILY_TEXT) {
        return no_conversion(c);
    }
    float *values = kdb_arena_alloc_raw(c->arena, sizeof(float) * c->to.dim);
    size_t count;
    kdb_err cause;
    if (kdbi_embedding_parse(c->in->as.bytes, values, c->to.dim, &count, &cause) != KDB_OK) {
        return KDB_FAIL(c->err, KDB_SCHEMA, "Invalid embedding JSON: %s", cause.text);
    }
    if (count != c->to.dim) {
        return dimension_mismatch(c, count);
    }
    c->out->as.f32s = values;
    return KDB_OK;
}

static kdb_status to_null(cast *c)
{
    return no_conversion(c);
}

static kdb_status (*const converters[KDB_TYPE_KIND_COUNT])(cast *c) = {
    [KDB_TYPE_NULL] = to_null,        [KDB_TYPE_BOOLEAN] = to_boolean,     [KDB_TYPE_INT] = to_int,
    [KDB_TYPE_BIGINT] = to_bigint,    [KDB_TYPE_DOUBLE] = to_double,       [KDB_TYPE_FLOAT] = to_float,
    [KDB_TYPE_TEXT] = to_text,        [KDB_TYPE_TIMESTAMP] = to_instant,   [KDB_TYPE_DATE] = to_date,
    [KDB_TYPE_DATETIME] = to_instant, [KDB_TYPE_TIME] = to_time,           [KDB_TYPE_JSON] = to_json,
    [KDB_TYPE_BYTES] = to_bytes,      [KDB_TYPE_EMBEDDING] = to_embedding, [KDB_TYPE_UUID] = to_uuid,
    [KDB_TYPE_DECIMAL] = to_decimal,  [KDB_TYPE_SMALLINT] = to_smallint,   [KDB_TYPE_FILE] = to_file,
};

kdb_status kdb_value_coerce(const kdb_value *in, kdb_type to, kdb_arena *arena, kdb_value *out, kdb_err *err)
{
    if (in->is_null || in->type.kind == KDB_TYPE_NULL) {
        *out = kdb_value_null(to);
        return KDB_OK;
    }
    if (kdb_type_eq(in->type, to) && families[to.kind] != FAMILY_FLOAT) { /* floats are checked to be finite */
        *out = *in;
        return KDB_OK;
    }
    kdb_value made = { .type = to };
    cast c = { .in = in, .to = to, .arena = arena, .out = &made, .err = err };
    KDB_TRY(converters[to.kind](&c));
    *out = made;
    return KDB_OK;
}
