/* cold_where.c - conditions for the reader engine, by which it passes over row groups (statistics of Parquet) and rows. Bounds of
 * keys are bytes here and values there: a bound becomes a condition on the key's first columns, as far as the bytes tell values. */
#include "cold_read.h"

static const int64_t us_per_day = INT64_C(86400000000);

void kdbi_cold_where_init(kdbi_cold_where *where, const kdb_table *table, const kdb_schema *version, kdb_arena *arena)
{
    *where = (kdbi_cold_where){ .table = table, .version = version, .arena = arena };
    kdb_buf_init(&where->sql, 0);
    where->params = KDB_ARENA_ARRAY(arena, kdb_value, KDBI_COLD_PARAMS_MAX);
}

size_t kdbi_cold_key_column(const kdb_table *table, const kdb_schema *version, size_t index)
{
    const int at = kdbi_schema_column_by_id(version, table->schema->columns[table->key[index]].id);
    KDB_ASSERT(at >= 0); /* a key column is there from the first version on */
    return (size_t)at;
}

/* ---- values ---- */

static bool decimal_fits(const kdb_value *value)
{
    kdb_i128 limit = 1;
    for (uint8_t i = 0; i < value->type.precision; i++) {
        limit *= 10;
    }
    return value->as.i128 < limit && value->as.i128 > -limit;
}

/* Whether the engine has the value: bounds are made of bytes, and may be none that a column can hold. */
static bool engine_has(const kdb_value *value)
{
    switch (value->type.kind) {
    case KDB_TYPE_TEXT:
        return kdb_utf8_valid(value->as.bytes);
    case KDB_TYPE_DECIMAL:
        return decimal_fits(value);
    case KDB_TYPE_TIME:
        return value->as.i64 >= 0 && value->as.i64 < us_per_day;
    case KDB_TYPE_TIMESTAMP: /* its ends stand for the infinities */
    case KDB_TYPE_DATETIME:
        return value->as.i64 > -INT64_MAX && value->as.i64 < INT64_MAX;
    case KDB_TYPE_DATE:
        return value->as.i32 > -INT32_MAX && value->as.i32 < INT32_MAX;
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_SMALLINT:
    case KDB_TYPE_INT:
    case KDB_TYPE_BIGINT:
    case KDB_TYPE_BYTES:
    case KDB_TYPE_UUID:
        return true;
    case KDB_TYPE_NULL:
    case KDB_TYPE_DOUBLE:
    case KDB_TYPE_FLOAT:
    case KDB_TYPE_JSON:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    return false;
}

static bool has_room(const kdbi_cold_where *where, size_t count)
{
    return where->nparams + count <= KDBI_COLD_PARAMS_MAX;
}

static void put_param(kdbi_cold_where *where, const kdb_value *value)
{
    where->params[where->nparams++] = *value;
    kdb_buf_printf(&where->sql, "$%zu", where->nparams + 1); /* $1 is the files */
}

static void put_compare(kdbi_cold_where *where, size_t column, const char *op, const kdb_value *value)
{
    if (has_room(where, 1)) {
        kdb_buf_printf(&where->sql, " AND c%zu %s ", column, op);
        put_param(where, value);
    }
}

/* ---- keys ---- */

/* A column that keys are made of. */
typedef struct key_column {
    size_t at; /* in the files */
    kdb_type type;
} key_column;

static size_t key_length(const kdb_table *table)
{
    return table->nkey == 0 ? 1 : table->nkey;
}

static key_column key_column_of(const kdbi_cold_where *where, size_t index)
{
    if (where->table->nkey == 0) {
        return (key_column){ kdbi_cold_row_id_column(where->version), kdb_type_of(KDB_TYPE_BIGINT) };
    }
    return (key_column){ kdbi_cold_key_column(where->table, where->version, index),
                         where->table->schema->columns[where->table->key[index]].type };
}

/* A whole part off the front of the key. A row id is no part: it is not negative, and its bytes are plain. */
static bool take_part(const kdbi_cold_where *where, key_column column, kdb_sv *key, kdb_value *out)
{
    if (where->table->nkey != 0) {
        return kdbi_key_part_get(key, column.type, where->arena, out);
    }
    if (key->len < 8) {
        return false;
    }
    const uint64_t id = kdb_get_be64(key->ptr);
    *out = kdb_value_bigint(id > INT64_MAX ? INT64_MAX : (int64_t)id);
    *key = kdb_sv_of(key->ptr + 8, key->len - 8);
    return id <= INT64_MAX;
}

/* One end of a range, behind what all keys begin with. */
typedef struct bound {
    bool has;
    kdb_sv rest;
} bound;

static bound bound_of(kdb_sv prefix, kdb_sv key)
{
    if (key.len <= prefix.len || !kdb_sv_has_prefix(key, prefix)) {
        return (bound){ .has = false };
    }
    return (bound){ true, kdb_sv_of(key.ptr + prefix.len, key.len - prefix.len) };
}

/* The columns in which both ends are the same. Returns how many. */
static size_t put_equal_columns(kdbi_cold_where *where, bound *from, bound *to)
{
    size_t index = 0;
    for (; index + 1 < key_length(where->table) && from->has && to->has; index++) {
        const key_column column = key_column_of(where, index);
        kdb_sv low = from->rest, high = to->rest;
        kdb_value value, other;
        if (!take_part(where, column, &low, &value) || !take_part(where, column, &high, &other) ||
            !kdb_value_same(&value, &other) || !engine_has(&value)) {
            return index;
        }
        put_compare(where, column.at, "=", &value);
        *from = (bound){ low.len != 0, low };
        *to = (bound){ true, high };
    }
    return index;
}

/* Of a fixed size: what is missing at the end counts as zeros, in both ends. True when the condition says all. */
static bool put_fixed(kdbi_cold_where *where, key_column column, kdb_sv rest, bool is_low)
{
    const size_t size = where->table->nkey == 0 ? 8 : kdb_type_defs[column.type.kind].fixed_size;
    char bytes[16] = { 0 };
    memcpy(bytes, rest.ptr, rest.len < size ? rest.len : size);
    kdb_sv part = { bytes, size };
    kdb_value value;
    if (!take_part(where, column, &part, &value) || !engine_has(&value)) {
        return false;
    }
    const bool whole = rest.len <= size;
    put_compare(where, column.at, is_low ? ">=" : whole ? "<" : "<=", &value);
    return whole;
}

/* Text whose end is not there: up to the first byte that may belong to one. */
static bool text_before_end(kdb_sv rest, bool is_low, kdb_value *out)
{
    const char *zero = memchr(rest.ptr, 0, rest.len);
    if (zero == NULL) {
        out->as.bytes = rest;
        return true;
    }
    const size_t len = (size_t)(zero - rest.ptr);
    out->as.bytes = kdb_sv_of(rest.ptr, len);
    return is_low || (len + 1 < rest.len && (uint8_t)rest.ptr[len + 1] != UINT8_MAX);
}

static bool put_variable(kdbi_cold_where *where, key_column column, kdb_sv rest, bool is_low)
{
    kdb_value value = { .type = column.type };
    kdb_sv left = rest;
    if (take_part(where, column, &left, &value)) {
        if (engine_has(&value)) {
            put_compare(where, column.at, is_low ? ">=" : left.len == 0 ? "<" : "<=", &value);
            return left.len == 0;
        }
    } else if (text_before_end(rest, is_low, &value) && engine_has(&value)) {
        put_compare(where, column.at, is_low ? ">=" : "<=", &value);
    }
    return false;
}

static bool put_bound(kdbi_cold_where *where, key_column column, const bound *end, bool is_low)
{
    if (!end->has || end->rest.len == 0) {
        return !end->has;
    }
    const bool fixed = kdb_type_layout(column.type) != KDB_LAYOUT_BYTES;
    return (fixed ? put_fixed : put_variable)(where, column, end->rest, is_low);
}

bool kdbi_cold_where_range(kdbi_cold_where *where, kdb_sv prefix, kdb_sv from, kdb_sv to)
{
    bound low = bound_of(prefix, from), high = bound_of(prefix, to);
    const bool full = has_room(where, 2 * key_length(where->table));
    /* Ends that lie beside the partition leave it whole, or empty. */
    const bool inside = (low.has || kdb_sv_cmp(from, prefix) <= 0) &&
                        (high.has || to.len == 0 || (kdb_sv_cmp(to, prefix) > 0 && !kdb_sv_has_prefix(to, prefix)));
    const size_t index = put_equal_columns(where, &low, &high);
    const key_column column = key_column_of(where, index);
    const bool low_exact = put_bound(where, column, &low, true);
    const bool high_exact = put_bound(where, column, &high, false);
    return full && inside && low_exact && high_exact;
}

/* The values of one column in some keys; false when one of them is none that the engine has. */
static bool key_values(const kdbi_cold_where *where, size_t index, kdb_sv prefix, const kdb_sv *keys, size_t count,
                       kdb_value *out)
{
    for (size_t i = 0; i < count; i++) {
        kdb_sv rest = bound_of(prefix, keys[i]).rest;
        for (size_t column = 0; column <= index; column++) {
            if (!take_part(where, key_column_of(where, column), &rest, &out[i])) {
                return false;
            }
        }
        if (!engine_has(&out[i])) {
            return false;
        }
    }
    return true;
}

static void put_in(kdbi_cold_where *where, size_t column, const kdb_value *values, size_t count)
{
    kdb_buf_printf(&where->sql, " AND c%zu %s", column, count == 1 ? "= " : "IN (");
    for (size_t i = 0; i < count; i++) {
        kdb_buf_append_sv(&where->sql, i == 0 ? KDB_SV("") : KDB_SV(", "));
        put_param(where, &values[i]);
    }
    kdb_buf_append_sv(&where->sql, count == 1 ? KDB_SV("") : KDB_SV(")"));
}

/* Values that come one after the other and are the same, once. */
static size_t unique_values(kdb_value *values, size_t count)
{
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (!kdb_value_same(&values[kept - 1], &values[i])) {
            values[kept++] = values[i];
        }
    }
    return kept;
}

void kdbi_cold_where_keys(kdbi_cold_where *where, kdb_sv prefix, const kdb_sv *keys, size_t count)
{
    kdb_value *values = KDB_ARENA_ARRAY(where->arena, kdb_value, count);
    for (size_t index = 0; count != 0 && index < key_length(where->table); index++) {
        if (key_values(where, index, prefix, keys, count, values)) {
            const size_t distinct = unique_values(values, count);
            if (has_room(where, distinct)) {
                put_in(where, key_column_of(where, index).at, values, distinct);
            }
        }
    }
}

/* ---- predicates ---- */

/* The column of the files that a predicate is about; false when they have none of its type. */
static bool pred_column(const kdbi_cold_where *where, uint32_t field, key_column *out)
{
    const kdb_schema *latest = where->table->schema;
    if (field == latest->ncolumns) {
        *out = (key_column){ kdbi_cold_seq_column(where->version), kdb_type_of(KDB_TYPE_BIGINT) };
        return true;
    }
    if (field > latest->ncolumns) {
        return false;
    }
    const int at = kdbi_schema_column_by_id(where->version, latest->columns[field].id);
    if (at < 0 || !kdb_type_eq(where->version->columns[at].type, latest->columns[field].type)) {
        return false;
    }
    *out = (key_column){ (size_t)at, latest->columns[field].type };
    return true;
}

/* The operand as a value of the column's type, if it says the same as that. */
static kdbi_operand_kind pred_value(const kdbi_cold_where *where, const kdb_pred_operand *operand, key_column column,
                                    const kdb_value *params, size_t nparams, kdb_value *out)
{
    if (operand->param > nparams) {
        return KDBI_OPERAND_UNKNOWN;
    }
    const kdb_value *value = operand->param == 0 ? &operand->literal : &params[operand->param - 1];
    const kdbi_operand found = kdbi_operand_of(value, column.type, where->arena);
    kdb_sv part = found.part;
    if (found.kind == KDBI_OPERAND_EXACT &&
        (!kdbi_key_part_get(&part, column.type, where->arena, out) || !engine_has(out))) {
        return KDBI_OPERAND_UNKNOWN;
    }
    return found.kind;
}

static void put_equal(kdbi_cold_where *where, const kdb_pred *pred, key_column column, const kdb_value *params,
                      size_t nparams)
{
    if (!has_room(where, pred->noperands)) {
        return;
    }
    kdb_value *values = KDB_ARENA_ARRAY(where->arena, kdb_value, pred->noperands);
    size_t count = 0;
    for (size_t i = 0; i < pred->noperands; i++) {
        const kdbi_operand_kind kind = pred_value(where, &pred->operands[i], column, params, nparams, &values[count]);
        if (kind == KDBI_OPERAND_UNKNOWN) {
            return;
        }
        count += kind == KDBI_OPERAND_EXACT;
    }
    if (count != 0) {
        put_in(where, column.at, values, count);
    }
}

static const char *const op_texts[] = {
    [KDB_PRED_LT] = "<", [KDB_PRED_LE] = "<=", [KDB_PRED_GT] = ">", [KDB_PRED_GE] = ">="
};

void kdbi_cold_where_preds(kdbi_cold_where *where, const kdb_pred *preds, size_t npreds, const kdb_value *params,
                           size_t nparams)
{
    for (size_t i = 0; i < npreds; i++) {
        key_column column;
        kdb_value value;
        if (!pred_column(where, preds[i].column, &column)) {
            continue;
        }
        if (preds[i].op == KDB_PRED_EQ || preds[i].op == KDB_PRED_IN) {
            put_equal(where, &preds[i], column, params, nparams);
        } else if (pred_value(where, &preds[i].operands[0], column, params, nparams, &value) == KDBI_OPERAND_EXACT) {
            put_compare(where, column.at, op_texts[preds[i].op], &value);
        }
    }
}

/* ---- numbers that are ours ---- */

void kdbi_cold_where_rows(kdbi_cold_where *where, uint64_t from, uint64_t to)
{
    kdb_buf_printf(&where->sql, " AND file_row_number >= %llu AND file_row_number < %llu", (unsigned long long)from,
                   (unsigned long long)to);
}

void kdbi_cold_where_seqs(kdbi_cold_where *where, uint64_t from, uint64_t to)
{
    const size_t seq = kdbi_cold_seq_column(where->version);
    kdb_buf_printf(&where->sql, " AND c%zu >= %llu AND c%zu <= %llu", seq, (unsigned long long)from, seq,
                   (unsigned long long)to);
}
