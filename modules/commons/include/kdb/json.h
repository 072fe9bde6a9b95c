/* json.h - JSON in: a small tree in an arena (jansson parses what is not plain). JSON out: appended to a kdb_buf. Any thread. */
#ifndef KDB_JSON_H
#define KDB_JSON_H

#include "kdb/value.h"

typedef enum kdb_json_kind {
    KDB_JSON_NULL,
    KDB_JSON_BOOL,
    KDB_JSON_INT,    /* fits 64-bit signed */
    KDB_JSON_DOUBLE, /* any other number */
    KDB_JSON_STRING,
    KDB_JSON_ARRAY,
    KDB_JSON_OBJECT
} kdb_json_kind;

typedef struct kdb_json kdb_json;
struct kdb_json {
    kdb_json_kind kind;
    kdb_sv key; /* within an object */
    bool boolean;
    int64_t integer;
    double number;
    kdb_sv string;   /* UTF-8; may hold NUL */
    kdb_json *child; /* first member or element */
    kdb_json *next;
    size_t count; /* members or elements */
};

/* Parses one JSON text (RFC 8259; duplicate keys refused, nesting at most 64). KDB_INVALID with line and column. */
KDB_NODISCARD kdb_status kdb_json_parse(kdb_sv text, kdb_arena *arena, kdb_json **out, kdb_err *err);
/* The member of an object, or NULL. */
const kdb_json *kdb_json_lookup(const kdb_json *object, kdb_sv key);

/* Appends a quoted, escaped string. Bytes that are not UTF-8 become U+FFFD. */
void kdb_json_put_string(kdb_buf *buf, kdb_sv text);
/* Appends a finite number in its shortest form that reads back equal; NaN and infinity are the caller's error. */
void kdb_json_put_double(kdb_buf *buf, double value);
/* Appends one cell as wire-protocol.md 6.2 says. KDB_EXECUTION for NaN or infinity. */
KDB_NODISCARD kdb_status kdb_json_put_cell(kdb_buf *buf, const kdb_vec *vec, size_t row, kdb_err *err);
KDB_NODISCARD kdb_status kdb_json_put_value(kdb_buf *buf, const kdb_value *value, kdb_err *err);
/* Appends the schema's `data_type`: "BigInt", {"Decimal":{"precision":10,"scale":2}}, {"Embedding":384}. */
void kdb_json_put_type(kdb_buf *buf, kdb_type type);

#endif
