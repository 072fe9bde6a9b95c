/* value.h - column types, single values, and chunks: columns of up to KDB_CHUNK_ROWS values that flow from storage and
 * the engine to the encoders. One meaning of coercion for every write path. Any thread; objects are single-threaded. */
#ifndef KDB_VALUE_H
#define KDB_VALUE_H

#include "kdb/str.h"

/* The stored tag of a type (sql.md 4); on disk, so never renumbered. */
typedef enum kdb_type_kind {
    KDB_TYPE_NULL = 0x00, /* the type of an untyped NULL; never a column's */
    KDB_TYPE_BOOLEAN = 0x01,
    KDB_TYPE_INT = 0x02,
    KDB_TYPE_BIGINT = 0x03,
    KDB_TYPE_DOUBLE = 0x04,
    KDB_TYPE_FLOAT = 0x05,
    KDB_TYPE_TEXT = 0x06,
    KDB_TYPE_TIMESTAMP = 0x07,
    KDB_TYPE_DATE = 0x08,
    KDB_TYPE_DATETIME = 0x09,
    KDB_TYPE_TIME = 0x0A,
    KDB_TYPE_JSON = 0x0B,
    KDB_TYPE_BYTES = 0x0C,
    KDB_TYPE_EMBEDDING = 0x0D,
    KDB_TYPE_UUID = 0x0E,
    KDB_TYPE_DECIMAL = 0x0F,
    KDB_TYPE_SMALLINT = 0x10,
    KDB_TYPE_FILE = 0x11,
    KDB_TYPE_KIND_COUNT
} kdb_type_kind;

typedef struct kdb_type {
    kdb_type_kind kind;
    uint8_t precision; /* DECIMAL: 1-38 */
    uint8_t scale;     /* DECIMAL: 0-precision */
    uint16_t dim;      /* EMBEDDING: 1-8192 */
} kdb_type;

/* How a value lies in memory; see kdb_value and kdb_vec. */
typedef enum kdb_layout {
    KDB_LAYOUT_NONE,
    KDB_LAYOUT_BOOL, /* uint8_t, 0 or 1 */
    KDB_LAYOUT_I16,
    KDB_LAYOUT_I32,  /* INT; DATE: days since 1970 */
    KDB_LAYOUT_I64,  /* BIGINT; TIMESTAMP, DATETIME: us since 1970 UTC; TIME: us of day */
    KDB_LAYOUT_I128, /* DECIMAL: the number times 10^scale */
    KDB_LAYOUT_F32,
    KDB_LAYOUT_F64,
    KDB_LAYOUT_BYTES, /* TEXT, JSON, FILE: UTF-8; BYTES */
    KDB_LAYOUT_UUID,  /* 16 bytes, network order */
    KDB_LAYOUT_F32S   /* EMBEDDING: dim floats */
} kdb_layout;

__extension__ typedef __int128 kdb_i128;
typedef struct kdb_uuid {
    uint8_t bytes[16];
} kdb_uuid;

/* One row per kind: everything the rest of the server needs to know of a type. */
typedef struct kdb_type_def {
    const char *sql_name;  /* "BIGINT" */
    const char *wire_name; /* "BigInt"; DECIMAL and EMBEDDING become objects on the wire */
    kdb_layout layout;
    uint8_t fixed_size; /* bytes in a row's fixed part; 0: variable */
    bool key_allowed;   /* may be part of a primary key */
} kdb_type_def;

extern const kdb_type_def kdb_type_defs[KDB_TYPE_KIND_COUNT];

static inline kdb_type kdb_type_of(kdb_type_kind kind)
{
    return (kdb_type){ kind, 0, 0, 0 };
}
static inline kdb_layout kdb_type_layout(kdb_type type)
{
    return kdb_type_defs[type.kind].layout;
}
bool kdb_type_eq(kdb_type a, kdb_type b);
/* "DECIMAL(10,2)", "EMBEDDING(384)", "BIGINT". */
kdb_sv kdb_type_sql_text(kdb_type type, kdb_arena *arena);

/* A named column of a table or a result. */
typedef struct kdb_field {
    kdb_sv name;
    kdb_type type;
} kdb_field;

typedef struct kdb_value {
    kdb_type type;
    bool is_null;
    union {
        bool b;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        kdb_i128 i128;
        float f32;
        double f64;
        kdb_sv bytes; /* borrowed from the arena the value was made in */
        kdb_uuid uuid;
        const float *f32s;
    } as;
} kdb_value;

static inline kdb_value kdb_value_null(kdb_type type)
{
    return (kdb_value){ .type = type, .is_null = true };
}
kdb_value kdb_value_bool(bool v);
kdb_value kdb_value_int(int32_t v);
kdb_value kdb_value_bigint(int64_t v);
kdb_value kdb_value_double(double v);
kdb_value kdb_value_text(kdb_sv v);
kdb_value kdb_value_timestamp(int64_t us);
kdb_value kdb_value_json(kdb_sv v);

/* Converts `in` to `to` as sql.md 4 says for writes: text forms of every type, integers to TIMESTAMP (us) and DATE
 * (days), float to integer truncates, BYTES text by rule 24 ('\x..' is hex), number to text. Overflow, bad text or a
 * pair without a conversion: KDB_SCHEMA with a message `Unable to cast value .. to TYPE: reason` (the caller adds the
 * column). NULL takes the type. Bytes of *out may borrow from `in` or lie in `arena`, which may be NULL with `err` when text
 * becomes a time or a UUID. */
KDB_NODISCARD kdb_status kdb_value_coerce(const kdb_value *in, kdb_type to, kdb_arena *arena, kdb_value *out,
                                          kdb_err *err);
/* The value as plain text, as messages and text casts show it (NULL: "NULL"; TIMESTAMP: "2026-01-31 10:00:00.5"). */
kdb_sv kdb_value_to_text(const kdb_value *value, kdb_arena *arena);
/* The value with its bytes and floats copied into `arena`. */
kdb_value kdb_value_dup(const kdb_value *value, kdb_arena *arena);
/* What the value holds beside itself: its bytes or floats. */
size_t kdb_value_bytes(const kdb_value *value);
/* Same type and equal (NULL equals NULL; floats by bits, so that an UPDATE that changes nothing is found). */
bool kdb_value_same(const kdb_value *a, const kdb_value *b);

/* Text forms. Dates: proleptic Gregorian, years 0001-9999. */
KDB_NODISCARD kdb_status kdb_timestamp_parse(kdb_sv text, int64_t *out_us, kdb_err *err);
KDB_NODISCARD kdb_status kdb_date_parse(kdb_sv text, int32_t *out_days, kdb_err *err);
KDB_NODISCARD kdb_status kdb_time_parse(kdb_sv text, int64_t *out_us, kdb_err *err);
KDB_NODISCARD kdb_status kdb_uuid_parse(kdb_sv text, kdb_uuid *out, kdb_err *err);
void kdb_uuid_format(const kdb_uuid *uuid, char out[37]);
/* Digits with exactly `scale` decimals, sign kept; `out` holds at least 42 bytes; returns the length. */
size_t kdb_decimal_format(kdb_i128 unscaled, uint8_t scale, char *out);
/* RFC 3339 with six decimals trimmed and "+00:00", as the auth endpoints send it; returns the length (< 40). */
size_t kdb_rfc3339_format(int64_t us, char *out);

/* Rows in one chunk at most; equals the engine's vector size, which the engine module asserts. */
enum { KDB_CHUNK_ROWS = 2048 };

/* One column of a chunk. `data` points to `layout` elements; KDB_LAYOUT_BYTES elements are kdb_sv, F32S are
 * dim floats a row, I128 are kdb_i128. validity: one bit a row, 1 = not NULL; NULL pointer = no NULLs. */
typedef struct kdb_vec {
    kdb_type type;
    void *data;
    uint64_t *validity;
    const struct kdb_vec_writer *writer; /* set in vectors to be filled; NULL in vectors to be read */
    void *handle;                        /* the owner's */
} kdb_vec;

/* How a producer stores what is not plain fixed-width data. Fixed layouts other than I128 and UUID are written
 * straight into `data`. */
typedef struct kdb_vec_writer {
    void (*put_bytes)(kdb_vec *vec, size_t row, kdb_sv bytes); /* copies */
    void (*put_i128)(kdb_vec *vec, size_t row, kdb_i128 value);
    void (*put_uuid)(kdb_vec *vec, size_t row, const kdb_uuid *value);
    void (*put_null)(kdb_vec *vec, size_t row); /* makes validity on first use */
} kdb_vec_writer;

typedef struct kdb_chunk {
    size_t nrows;
    size_t ncols;
    kdb_vec *cols;
} kdb_chunk;

static inline bool kdb_vec_is_null(const kdb_vec *vec, size_t row)
{
    return vec->validity != NULL && (vec->validity[row >> 6] >> (row & 63) & 1) == 0;
}
/* Bytes of one of its elements. */
size_t kdb_vec_element_size(kdb_type type);
/* Reads one cell; bytes and floats borrow from the chunk. */
kdb_value kdb_vec_get(const kdb_vec *vec, size_t row);
/* Writes one cell of a vector to be filled; the value has the vector's type or is NULL. Copies. */
void kdb_vec_put(kdb_vec *vec, size_t row, const kdb_value *value);
/* Copies cells [from, from + count) of `source`, of the same type, to rows [at, at + count) of a vector to be filled. */
void kdb_vec_copy(kdb_vec *vec, size_t at, const kdb_vec *source, size_t from, size_t count);
/* A chunk to be filled whose memory is `arena`: every column has room for KDB_CHUNK_ROWS. Once filled it may be read. */
kdb_chunk *kdb_chunk_new(kdb_arena *arena, const kdb_type *types, size_t ncols);
/* As above with room for `rows` only, KDB_CHUNK_ROWS at most: for results known to be short. */
kdb_chunk *kdb_chunk_new_sized(kdb_arena *arena, const kdb_type *types, size_t ncols, size_t rows);

#endif
