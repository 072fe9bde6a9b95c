/* engine_vec.c - DuckDB's vectors as kdb_vecs. Result vectors are flat (duckdb_fetch_chunk flattens them), and where
 * DuckDB's layout is ours the data are not touched; the readers here are for the types where it is not. Vectors to be
 * filled point straight at DuckDB's memory, with writers for what is more than a fixed-width store. */
#include "engine_int.h"

/* ---- results ---- */

kdb_status kdbi_vec_read_tinyint(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const int8_t *in = duckdb_vector_get_data(from);
    int16_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = in[i]; /* NOLINT(bugprone-signed-char-misuse): numbers, not characters */
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_utinyint(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const uint8_t *in = duckdb_vector_get_data(from);
    int16_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = in[i];
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_usmallint(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to,
                                   KDB_UNUSED kdb_err *err)
{
    const uint16_t *in = duckdb_vector_get_data(from);
    int32_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = in[i];
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_uinteger(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const uint32_t *in = duckdb_vector_get_data(from);
    int64_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = in[i];
    }
    return KDB_OK;
}

static kdb_status fail_range(kdb_type type, kdb_err *err)
{
    return KDB_FAIL(err, KDB_ARITHMETIC, "value out of range for %s", kdb_type_defs[type.kind].sql_name);
}

kdb_status kdbi_vec_read_ubigint(duckdb_vector from, size_t nrows, KDB_UNUSED void *scratch, kdb_vec *to, kdb_err *err)
{
    const uint64_t *in = to->data = duckdb_vector_get_data(from);
    for (size_t i = 0; i < nrows; i++) {
        if (in[i] > INT64_MAX && !kdb_vec_is_null(to, i)) {
            return fail_range(to->type, err);
        }
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_hugeint(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, kdb_err *err)
{
    const duckdb_hugeint *in = duckdb_vector_get_data(from);
    int64_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = (int64_t)in[i].lower;
        if (in[i].upper != (out[i] < 0 ? -1 : 0) && !kdb_vec_is_null(to, i)) {
            return fail_range(to->type, err);
        }
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_uhugeint(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, kdb_err *err)
{
    const duckdb_uhugeint *in = duckdb_vector_get_data(from);
    int64_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = (int64_t)in[i].lower;
        if ((in[i].upper != 0 || out[i] < 0) && !kdb_vec_is_null(to, i)) {
            return fail_range(to->type, err);
        }
    }
    return KDB_OK;
}

/* Microseconds from a coarser unit; DuckDB's infinities stay what they are. */
static kdb_status read_coarse(duckdb_vector from, int64_t us_per_unit, size_t nrows, int64_t *out, kdb_vec *to,
                              kdb_err *err)
{
    const int64_t *in = duckdb_vector_get_data(from);
    to->data = out;
    for (size_t i = 0; i < nrows; i++) {
        out[i] = in[i];
        if (kdb_vec_is_null(to, i) || in[i] == INT64_MAX || in[i] == -INT64_MAX) {
            continue;
        }
        if (__builtin_mul_overflow(in[i], us_per_unit, &out[i])) {
            return fail_range(to->type, err);
        }
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_timestamp_s(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, kdb_err *err)
{
    return read_coarse(from, 1000000, nrows, scratch, to, err);
}

kdb_status kdbi_vec_read_timestamp_ms(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, kdb_err *err)
{
    return read_coarse(from, 1000, nrows, scratch, to, err);
}

kdb_status kdbi_vec_read_timestamp_ns(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to,
                                      KDB_UNUSED kdb_err *err)
{
    const int64_t *in = duckdb_vector_get_data(from);
    int64_t *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        const bool infinite = in[i] == INT64_MAX || in[i] == -INT64_MAX;
        out[i] = infinite ? in[i] : in[i] / 1000 - (in[i] % 1000 < 0 ? 1 : 0);
    }
    return KDB_OK;
}

/* DuckDB keeps a DECIMAL in the narrowest integer that holds its precision. */
static duckdb_type decimal_storage(kdb_type type)
{
    return type.precision <= 4    ? DUCKDB_TYPE_SMALLINT
           : type.precision <= 9  ? DUCKDB_TYPE_INTEGER
           : type.precision <= 18 ? DUCKDB_TYPE_BIGINT
                                  : DUCKDB_TYPE_HUGEINT;
}

kdb_status kdbi_vec_read_decimal(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const void *in = duckdb_vector_get_data(from);
    const duckdb_type storage = decimal_storage(to->type);
    kdb_i128 *out = to->data = scratch;
    if (storage == DUCKDB_TYPE_HUGEINT) {
        memcpy(out, in, nrows * sizeof(*out)); /* lower half first, as ours on a little-endian machine */
        return KDB_OK;
    }
    for (size_t i = 0; i < nrows; i++) {
        out[i] = storage == DUCKDB_TYPE_SMALLINT  ? ((const int16_t *)in)[i]
                 : storage == DUCKDB_TYPE_INTEGER ? ((const int32_t *)in)[i]
                                                  : ((const int64_t *)in)[i];
    }
    return KDB_OK;
}

enum { INLINE_STRING = 12 }; /* bytes that lie in a duckdb_string_t itself */

kdb_status kdbi_vec_read_bytes(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const duckdb_string_t *in = duckdb_vector_get_data(from);
    kdb_sv *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        if (kdb_vec_is_null(to, i)) { /* what lies there is undefined */
            out[i] = kdb_sv_of(NULL, 0);
            continue;
        }
        const uint32_t len = in[i].value.inlined.length;
        out[i] = kdb_sv_of(len <= INLINE_STRING ? in[i].value.inlined.inlined : in[i].value.pointer.ptr, len);
    }
    return KDB_OK;
}

static const uint64_t UUID_FLIP = UINT64_C(1) << 63; /* DuckDB stores UUIDs so that they sort as signed integers */

kdb_status kdbi_vec_read_uuid(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, KDB_UNUSED kdb_err *err)
{
    const duckdb_hugeint *in = duckdb_vector_get_data(from);
    kdb_uuid *out = to->data = scratch;
    for (size_t i = 0; i < nrows; i++) {
        kdb_put_be64(out[i].bytes, (uint64_t)in[i].upper ^ UUID_FLIP);
        kdb_put_be64(out[i].bytes + 8, in[i].lower);
    }
    return KDB_OK;
}

kdb_status kdbi_vec_read_embedding(duckdb_vector from, size_t nrows, KDB_UNUSED void *scratch, kdb_vec *to,
                                   kdb_err *err)
{
    duckdb_vector child = duckdb_array_vector_get_child(from);
    to->data = duckdb_vector_get_data(child);
    const kdb_vec floats = { .validity = duckdb_vector_get_validity(child) };
    if (floats.validity == NULL) {
        return KDB_OK;
    }
    const size_t dim = to->type.dim;
    for (size_t i = 0; i < nrows * dim; i++) {
        if (kdb_vec_is_null(&floats, i) && !kdb_vec_is_null(to, i / dim)) {
            return KDB_FAIL(err, KDB_EXECUTION, "an element of an EMBEDDING is NULL");
        }
    }
    return KDB_OK;
}

/* ---- vectors to be filled ---- */

/* A short string lies in its element: DuckDB's function would look the vector's type up for each of them. What is behind
 * its bytes is compared too, and so must be zero. */
static void put_bytes(kdb_vec *vec, size_t row, kdb_sv bytes)
{
    if (bytes.len > INLINE_STRING) {
        duckdb_vector_assign_string_element_len(vec->handle, row, bytes.ptr, bytes.len);
        return;
    }
    duckdb_string_t string = { .value.inlined.length = (uint32_t)bytes.len };
    if (bytes.len != 0) {
        memcpy(string.value.inlined.inlined, bytes.ptr, bytes.len);
    }
    ((duckdb_string_t *)duckdb_vector_get_data(vec->handle))[row] = string;
}

static void put_i128(kdb_vec *vec, size_t row, kdb_i128 value)
{
    void *data = duckdb_vector_get_data(vec->handle);
    switch (decimal_storage(vec->type)) {
    case DUCKDB_TYPE_SMALLINT:
        ((int16_t *)data)[row] = (int16_t)value;
        break;
    case DUCKDB_TYPE_INTEGER:
        ((int32_t *)data)[row] = (int32_t)value;
        break;
    case DUCKDB_TYPE_BIGINT:
        ((int64_t *)data)[row] = (int64_t)value;
        break;
    default:
        memcpy((char *)data + row * sizeof(value), &value, sizeof(value)); /* DuckDB aligns to 8 bytes only */
        break;
    }
}

duckdb_uhugeint kdbi_uuid_to_duck(const kdb_uuid *uuid)
{
    return (duckdb_uhugeint){ .lower = kdb_get_be64(uuid->bytes + 8), .upper = kdb_get_be64(uuid->bytes) };
}

static void put_uuid(kdb_vec *vec, size_t row, const kdb_uuid *value)
{
    const duckdb_uhugeint plain = kdbi_uuid_to_duck(value);
    duckdb_hugeint *data = duckdb_vector_get_data(vec->handle);
    data[row] = (duckdb_hugeint){ .lower = plain.lower, .upper = (int64_t)(plain.upper ^ UUID_FLIP) };
}

static uint64_t *writable_validity(duckdb_vector vector)
{
    duckdb_vector_ensure_validity_writable(vector);
    return duckdb_vector_get_validity(vector);
}

static void put_null(kdb_vec *vec, size_t row)
{
    if (vec->validity == NULL) {
        vec->validity = writable_validity(vec->handle);
    }
    vec->validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
    if (vec->type.kind != KDB_TYPE_EMBEDDING) {
        return;
    }
    /* DuckDB expects the elements of a NULL array to be NULL too. */
    uint64_t *elements = writable_validity(duckdb_array_vector_get_child(vec->handle));
    for (size_t i = row * vec->type.dim; i < (row + 1) * vec->type.dim; i++) {
        elements[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    }
}

static const kdb_vec_writer writer = {
    .put_bytes = put_bytes,
    .put_i128 = put_i128,
    .put_uuid = put_uuid,
    .put_null = put_null,
};

bool kdb_engine_share(kdb_vec *vec, const kdb_vec *fetched)
{
    if (vec->writer != &writer || fetched->writer != NULL || fetched->handle == NULL) {
        return false;
    }
    KDB_DASSERT(kdbi_type_duck_id(vec->type) == kdbi_type_duck_id(fetched->type));
    duckdb_vector_reference_vector(vec->handle, fetched->handle);
    return true;
}

/* Where plain stores go; NULL for layouts that only a writer may store. */
static void *plain_data(duckdb_vector vector, kdb_type type)
{
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_BOOL:
    case KDB_LAYOUT_I16:
    case KDB_LAYOUT_I32:
    case KDB_LAYOUT_I64:
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
        return duckdb_vector_get_data(vector);
    case KDB_LAYOUT_F32S:
        return duckdb_vector_get_data(duckdb_array_vector_get_child(vector));
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_I128:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_UUID:
        return NULL;
    }
    return NULL;
}

void kdbi_vec_to_fill(duckdb_vector vector, kdb_type type, kdb_vec *vec)
{
    *vec = (kdb_vec){ .type = type, .data = plain_data(vector, type), .writer = &writer, .handle = vector };
}
