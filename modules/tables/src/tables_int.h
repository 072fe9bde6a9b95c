/* tables_int.h - what tables' own files share: the parts of keys, the layout of a schema version's rows, operands of
 * predicates as key bytes, the insides of a scan and the plan by which its readers decode. */
#ifndef KDB_TABLES_INT_H
#define KDB_TABLES_INT_H

#include "kdb/tables.h"

/* ---- parts of keys: no part's bytes are a prefix of another's, and they order as the values do ---- */

/* `_put` writes exactly `_size` bytes and returns the end. Values are not NULL and of a kind with an order. */
size_t kdbi_key_part_size(const kdb_value *value);
char *kdbi_key_part_put(char *at, const kdb_value *value);
/* Takes the value of that type off the front of `*key`; its bytes lie in `arena`. False, and nothing taken, when the key does
 * not begin with a whole part. */
bool kdbi_key_part_get(kdb_sv *key, kdb_type type, kdb_arena *arena, kdb_value *out);
size_t kdbi_key_bytes_size(kdb_sv bytes);
char *kdbi_key_bytes_put(char *at, kdb_sv bytes);
char *kdbi_key_i64_put(char *at, int64_t value);
int64_t kdbi_key_i64_get(const char *at);
/* The length of the escaped bytes that `key` begins with; 0 when it does not begin with such a part. */
size_t kdbi_key_bytes_length(kdb_sv key);
/* The bytes that such a part, which is all of `part`, was made from; in `arena`. */
kdb_sv kdbi_key_bytes_get(kdb_sv part, kdb_arena *arena);
/* The least key above every key that begins with `prefix`; false when there is none (all bytes FF, or empty). */
bool kdbi_key_successor(kdb_sv prefix, kdb_arena *arena, kdb_sv *out);

/* SHARED keys have no user in front. */
static inline bool kdbi_table_has_user(const kdb_table *table)
{
    return table->type != KDB_TABLE_SHARED;
}

/* `user_part` and what follows it. */
static inline kdb_sv kdbi_key_join(kdb_sv user_part, kdb_sv rest, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, user_part.len + rest.len);
    if (user_part.len != 0) {
        memcpy(bytes, user_part.ptr, user_part.len);
    }
    if (rest.len != 0) {
        memcpy(bytes + user_part.len, rest.ptr, rest.len);
    }
    return (kdb_sv){ bytes, user_part.len + rest.len };
}
/* A key of the seq index; its value is the rest of the row's key. */
static inline kdb_sv kdbi_seq_key(kdb_sv user_part, uint64_t seq, kdb_arena *arena)
{
    char bytes[8];
    kdb_put_be64(bytes, seq);
    return kdbi_key_join(user_part, (kdb_sv){ bytes, sizeof(bytes) }, arena);
}

enum { KDBI_STREAM_TAIL = 16 }; /* timestamp ms and row id, the end of a STREAM key */
/* Writes the tail of the STREAM row whose first `_seq` is `seq`. */
char *kdbi_stream_tail_put(char *at, uint64_t seq);

/* ---- layout of rows: where a schema version keeps what; the format is described in row_value.c ---- */

enum {
    KDBI_ROW_FORMAT = 1,
    KDBI_ROW_FLAGS_AT = 1,
    KDBI_ROW_VERSION_AT = 2,
    KDBI_ROW_SEQ_AT = 6,
    KDBI_ROW_HEADER = 14,
    KDBI_ROW_FLOAT_ALIGN = 4
};

typedef struct kdbi_row_layout {
    const kdb_schema *schema;
    size_t ends_at;  /* of the end offsets, which follow the fixed part */
    size_t bytes_at; /* of the variable columns' bytes */
    size_t nvariable;
    bool has_embedding;
} kdbi_row_layout;

kdbi_row_layout kdbi_row_layout_of(const kdb_schema *schema);

/* One column's place. */
typedef struct kdbi_row_slot {
    size_t null_at;   /* byte of the null bitmap */
    uint8_t null_bit; /* mask within it */
    bool variable;
    size_t at; /* fixed: from the row's start; variable: index among the end offsets */
} kdbi_row_slot;

/* Walks a version's columns in order and tells each one's place. */
typedef struct kdbi_row_cursor {
    const kdb_schema *schema;
    size_t index;     /* of the next column */
    size_t fixed_at;  /* its place if it is fixed */
    size_t nvariable; /* and if it is variable */
} kdbi_row_cursor;
kdbi_row_cursor kdbi_row_cursor_start(const kdb_schema *schema);
kdbi_row_slot kdbi_row_cursor_next(kdbi_row_cursor *cursor);
/* The place of one column. */
kdbi_row_slot kdbi_row_slot_of(const kdb_schema *schema, size_t index);

/* The index in `schema` of the column with that id; -1 when the version lacks it. */
int kdbi_schema_column_by_id(const kdb_schema *schema, uint32_t id);

/* KDB_CORRUPT for what no encoder wrote. */
KDB_NODISCARD kdb_status kdbi_row_damaged(const kdb_table *table, kdb_err *err);
/* KDB_TABLE_NOT_FOUND once the table has been dropped: whoever begins to read it asks. */
KDB_NODISCARD kdb_status kdbi_table_check_there(const kdb_table *table, kdb_err *err);
/* True when `bytes`, at least a header long and of that version, are a row of the layout. */
bool kdbi_row_is_sound(const kdbi_row_layout *layout, kdb_sv bytes);
/* The schema version's number; 0 when the header is not one that an encoder writes. */
uint32_t kdbi_row_header_version(kdb_sv bytes);

/* Of bytes at least a header long. */
static inline bool kdbi_row_is_deleted(kdb_sv row)
{
    return ((uint8_t)row.ptr[KDBI_ROW_FLAGS_AT] & KDB_ROW_DELETED) != 0;
}
static inline bool kdbi_row_null(const char *row, const kdbi_row_slot *slot)
{
    return ((uint8_t)row[slot->null_at] & slot->null_bit) != 0;
}
/* The bytes of variable column `index` of a sound row. */
static inline kdb_sv kdbi_row_bytes(const kdbi_row_layout *layout, const char *row, size_t index)
{
    const char *ends = row + layout->ends_at;
    size_t begin = index == 0 ? 0 : kdb_get_le32(ends + 4 * (index - 1));
    size_t end = kdb_get_le32(ends + 4 * index);
    return (kdb_sv){ row + layout->bytes_at + begin, end - begin };
}
/* The floats within an EMBEDDING's bytes: without the padding in front. */
static inline const char *kdbi_row_floats(kdb_sv cell, uint16_t dim)
{
    return cell.ptr + (cell.len - (size_t)dim * sizeof(float));
}
/* The value of a column of the version the row was written with; borrows. An EMBEDDING may lie unaligned. */
kdb_value kdbi_row_stored(const kdbi_row_layout *layout, const char *row, const kdb_column *column,
                          const kdbi_row_slot *slot);

/* Makes a stored value one of the latest schema's column: aligned, and converted if ALTER changed the type. */
KDB_NODISCARD kdb_status kdbi_row_to_latest(const kdb_column *latest, kdb_value *value, kdb_arena *arena, kdb_err *err);

/* ---- operands of predicates ---- */

typedef enum kdbi_operand_kind {
    KDBI_OPERAND_EXACT, /* the column's type holds the value: `part` is its key part */
    KDBI_OPERAND_BELOW, /* less than every value of the column's type */
    KDBI_OPERAND_ABOVE,
    KDBI_OPERAND_NULL,
    KDBI_OPERAND_UNKNOWN /* only the engine can say how it compares */
} kdbi_operand_kind;
typedef struct kdbi_operand {
    kdbi_operand_kind kind;
    kdb_sv part;
} kdbi_operand;

kdbi_operand kdbi_operand_of(const kdb_value *value, kdb_type column, kdb_arena *arena);
/* The same for `_seq` of a STREAM table, whose key part is the key's tail. */
kdbi_operand kdbi_operand_of_stream_seq(const kdb_value *value, kdb_arena *arena);

/* ---- scans ---- */

typedef struct kdbi_cold_scan kdbi_cold_scan; /* cold_scan.c */
typedef struct kdbi_cold_part kdbi_cold_part;
typedef struct kdbi_cold_walk kdbi_cold_walk; /* cold_walk.c */

struct kdb_table_scan {
    kdb_scan_spec spec;
    kdb_partition partition;
    struct kdb_manifest *manifest; /* NULL: no row is cold */
    kdbi_cold_scan *cold;          /* a range's cold rows, when their order does not count */
    kdb_row_decoder *decoder;      /* hot and cold rows are read by a walk: points, and rows in order; else NULL */
    kdb_arena *arena;              /* the split keys and the raised start */
    int64_t oldest_ms;             /* STREAM: rows older than this are not seen */
    kdb_sv from;                   /* of a range: its start, raised past what the TTL hides */
    atomic_bool started;           /* a reader has taken the head of the range, or the points */
    kdb_mutex lock;                /* rank KDB_LOCK_SCAN */
    kdb_cond split_done;           /* of `split` */
    bool split;                    /* guarded by lock: the parts below are final; fixed from then on */
    bool hot_decoded;              /* every projected column of the rows in memory is */
    size_t hot_begin, hot_end;     /* of a range: those of them that it holds */
    kdb_sv *bounds;                /* part i is [bounds[i], bounds[i + 1]) */
    size_t nparts;                 /* 0: the head was all */
    atomic_size_t next_part;       /* the first that no reader has taken */
};

/* Table scans give the first rows of a range to one reader and split only what is left after them: most ranges end
 * there, and finding the splits costs as much as reading thousands of rows. */
/* Splits [rest, end of the range) for all readers; by the reader of the head, once. An empty `rest`: nothing is left. */
void kdbi_scan_split(kdb_table_scan *scan, kdb_sv rest);
/* Waits a little for the split. False: it has not come, so there is nothing to do for now. */
bool kdbi_scan_wait_split(kdb_table_scan *scan);

/* STREAM: the time before which rows are not seen; INT64_MIN for other tables. */
int64_t kdbi_oldest_visible(const kdb_table *table, int64_t now_ms);
/* Moves a STREAM range's start past the rows that the TTL hides, when the range is one user's. */
kdb_sv kdbi_raise_to_ttl(kdb_sv from, kdb_sv to, int64_t oldest_ms, kdb_arena *arena);
/* Whether a statement may see the row, which is at least a header long. */
static inline bool kdbi_row_is_visible(const kdb_table *table, bool sees_deleted, int64_t oldest_ms, kdb_sv key,
                                       kdb_sv row)
{
    if (kdbi_row_is_deleted(row) && !sees_deleted) {
        return false;
    }
    return table->type != KDB_TABLE_STREAM || key.len < KDBI_STREAM_TAIL ||
           kdbi_key_i64_get(key.ptr + key.len - KDBI_STREAM_TAIL) >= oldest_ms;
}

/* How a cell of the projection is read from a row of one schema version. */
typedef enum kdbi_cell_op {
    KDBI_CELL_ABSENT,  /* the version lacks the column: NULL */
    KDBI_CELL_INITIAL, /* it lacks a column that has a value for such rows */
    KDBI_CELL_SEQ,
    KDBI_CELL_DELETED,
    KDBI_CELL_KEY,
    KDBI_CELL_FIXED_1, /* from here on: columns of the version */
    KDBI_CELL_FIXED_2,
    KDBI_CELL_FIXED_4,
    KDBI_CELL_FIXED_8,
    KDBI_CELL_I128,
    KDBI_CELL_UUID,
    KDBI_CELL_BYTES,
    KDBI_CELL_FLOATS,
    KDBI_CELL_CONVERT /* ALTER changed the type */
} kdbi_cell_op;
typedef struct kdbi_cell {
    kdbi_cell_op op;
    kdbi_row_slot slot;
    const kdb_column *stored; /* of the row's version */
    const kdb_column *latest;
} kdbi_cell;

/* How a reader decodes rows of one schema version: made when the first such row comes by. */
typedef struct kdbi_reader_plan {
    kdbi_row_layout layout;
    kdbi_cell cells[]; /* by projection */
} kdbi_reader_plan;

/* hot_rows.c */
size_t kdbi_hot_rows_count(const kdb_hot_rows *rows);
void kdbi_hot_rows_at(const kdb_hot_rows *rows, size_t index, kdb_sv *key, kdb_sv *row);
/* The first row whose key is `key` or above; their count when there is none. */
size_t kdbi_hot_rows_from(const kdb_hot_rows *rows, kdb_sv key);
/* The same for the end of a range: an empty `key` is above all. */
static inline size_t kdbi_hot_rows_to(const kdb_hot_rows *rows, kdb_sv key)
{
    return key.len == 0 ? kdbi_hot_rows_count(rows) : kdbi_hot_rows_from(rows, key);
}
/* The row of that key; false when there is none. */
bool kdbi_hot_rows_find(const kdb_hot_rows *rows, kdb_sv key, size_t *out);
/* The column's values by row, when it is decoded; else NULL. */
const kdb_vec *kdbi_hot_rows_column(const kdb_hot_rows *rows, uint32_t field);

/* row_walk.c: the row that the walk is at, borrowed until it moves */
kdb_sv kdbi_row_walk_key(const kdb_row_walk *walk);
kdb_sv kdbi_row_walk_row(const kdb_row_walk *walk);

/* row_decoder.c */
struct kdb_row_decoder {
    const kdb_table *table;
    const kdb_field *fields;
    size_t nfields;
    const kdbi_reader_plan **plans; /* by schema version - 1; all of fields, then `_key` */
};

/* The value of a field that a plan of all fields says how to read, in the field's type. It borrows from the row or lies in
 * `scratch`; a stored value that does not convert fails. Here, because walks ask for every cell of theirs. */
static inline kdb_status kdbi_row_field(const kdb_row_decoder *decoder, const kdbi_reader_plan *plan, kdb_sv key,
                                        kdb_sv row, uint32_t field, kdb_arena *scratch, kdb_value *out, kdb_err *err)
{
    const kdbi_cell *cell = &plan->cells[field];
    const kdb_type type = decoder->fields[field].type;
    switch (cell->op) {
    case KDBI_CELL_ABSENT:
        *out = kdb_value_null(type);
        return KDB_OK;
    case KDBI_CELL_INITIAL:
        *out = cell->latest->initial;
        return KDB_OK;
    case KDBI_CELL_SEQ:
        *out = kdb_value_bigint((int64_t)kdb_get_le64(row.ptr + KDBI_ROW_SEQ_AT));
        return KDB_OK;
    case KDBI_CELL_DELETED:
        *out = kdb_value_bool(kdbi_row_is_deleted(row));
        return KDB_OK;
    case KDBI_CELL_KEY:
        *out = (kdb_value){ .type = type, .as.bytes = key };
        return KDB_OK;
    case KDBI_CELL_FIXED_1:
    case KDBI_CELL_FIXED_2:
    case KDBI_CELL_FIXED_4:
    case KDBI_CELL_FIXED_8:
    case KDBI_CELL_I128:
    case KDBI_CELL_UUID:
    case KDBI_CELL_BYTES:
    case KDBI_CELL_FLOATS:
    case KDBI_CELL_CONVERT:
        break;
    }
    *out = kdbi_row_stored(&plan->layout, row.ptr, cell->stored, &cell->slot);
    return cell->op == KDBI_CELL_CONVERT || cell->op == KDBI_CELL_FLOATS
               ? kdbi_row_to_latest(cell->latest, out, scratch, err)
               : KDB_OK;
}

/* row_filter.c: whether the filter lets a sound row of the store pass. `scratch` may be reset afterwards. */
KDB_NODISCARD kdb_status kdbi_row_filter_admits_stored(const kdb_row_filter *filter, kdb_sv key, kdb_sv row,
                                                       kdb_arena *scratch, bool *out, kdb_err *err);

kdbi_reader_plan *kdbi_reader_plan_new(const kdb_scan_spec *spec, const kdb_schema *version, kdb_arena *arena);
/* Writes the projected cells of a sound row into row `at` of `chunk`. `scratch` takes what conversions make. */
KDB_NODISCARD kdb_status kdbi_reader_plan_fill(const kdbi_reader_plan *plan, size_t ncells, kdb_sv key, kdb_sv row,
                                               kdb_chunk *chunk, size_t at, kdb_arena *scratch, kdb_err *err);

#endif
