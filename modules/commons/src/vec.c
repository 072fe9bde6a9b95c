/* vec.c - cells of column vectors, and chunks whose memory is an arena. Elements are moved by memcpy: an engine's vectors
 * promise less alignment than our 128-bit type wants. */
#include "commons_int.h"

enum { VALIDITY_WORDS = (KDB_CHUNK_ROWS + 63) / 64 };

static const char *element(const kdb_vec *vec, size_t row, size_t size)
{
    return (const char *)vec->data + row * size;
}

static void store(kdb_vec *vec, size_t row, const void *value, size_t size)
{
    memcpy((char *)vec->data + row * size, value, size);
}

kdb_value kdb_vec_get(const kdb_vec *vec, size_t row)
{
    kdb_value value = { .type = vec->type, .is_null = kdb_vec_is_null(vec, row) };
    if (value.is_null) {
        return value;
    }
    switch (kdb_type_layout(vec->type)) {
    case KDB_LAYOUT_NONE:
        value.is_null = true;
        break;
    case KDB_LAYOUT_BOOL:
        value.as.b = *(const uint8_t *)element(vec, row, 1) != 0;
        break;
    case KDB_LAYOUT_I16:
        memcpy(&value.as.i16, element(vec, row, sizeof(int16_t)), sizeof(int16_t));
        break;
    case KDB_LAYOUT_I32:
        memcpy(&value.as.i32, element(vec, row, sizeof(int32_t)), sizeof(int32_t));
        break;
    case KDB_LAYOUT_I64:
        memcpy(&value.as.i64, element(vec, row, sizeof(int64_t)), sizeof(int64_t));
        break;
    case KDB_LAYOUT_I128:
        memcpy(&value.as.i128, element(vec, row, sizeof(kdb_i128)), sizeof(kdb_i128));
        break;
    case KDB_LAYOUT_F32:
        memcpy(&value.as.f32, element(vec, row, sizeof(float)), sizeof(float));
        break;
    case KDB_LAYOUT_F64:
        memcpy(&value.as.f64, element(vec, row, sizeof(double)), sizeof(double));
        break;
    case KDB_LAYOUT_BYTES:
        memcpy(&value.as.bytes, element(vec, row, sizeof(kdb_sv)), sizeof(kdb_sv));
        break;
    case KDB_LAYOUT_UUID:
        memcpy(&value.as.uuid, element(vec, row, sizeof(kdb_uuid)), sizeof(kdb_uuid));
        break;
    case KDB_LAYOUT_F32S:
        value.as.f32s = (const float *)vec->data + row * vec->type.dim;
        break;
    }
    return value;
}

static void put_payload(kdb_vec *vec, size_t row, const kdb_value *value)
{
    switch (kdb_type_layout(vec->type)) {
    case KDB_LAYOUT_NONE:
        break;
    case KDB_LAYOUT_BOOL:
        store(vec, row, &(uint8_t){ value->as.b ? 1 : 0 }, 1);
        break;
    case KDB_LAYOUT_I16:
        store(vec, row, &value->as.i16, sizeof(int16_t));
        break;
    case KDB_LAYOUT_I32:
        store(vec, row, &value->as.i32, sizeof(int32_t));
        break;
    case KDB_LAYOUT_I64:
        store(vec, row, &value->as.i64, sizeof(int64_t));
        break;
    case KDB_LAYOUT_I128:
        vec->writer->put_i128(vec, row, value->as.i128);
        break;
    case KDB_LAYOUT_F32:
        store(vec, row, &value->as.f32, sizeof(float));
        break;
    case KDB_LAYOUT_F64:
        store(vec, row, &value->as.f64, sizeof(double));
        break;
    case KDB_LAYOUT_BYTES:
        vec->writer->put_bytes(vec, row, value->as.bytes);
        break;
    case KDB_LAYOUT_UUID:
        vec->writer->put_uuid(vec, row, &value->as.uuid);
        break;
    case KDB_LAYOUT_F32S:
        store(vec, row, value->as.f32s, sizeof(float) * vec->type.dim);
        break;
    }
}

void kdb_vec_put(kdb_vec *vec, size_t row, const kdb_value *value)
{
    if (value->is_null) {
        vec->writer->put_null(vec, row);
        return;
    }
    KDB_DASSERT(kdb_type_eq(vec->type, value->type));
    put_payload(vec, row, value);
    if (vec->validity != NULL) {
        vec->validity[row >> 6] |= UINT64_C(1) << (row & 63);
    }
}

static void arena_put_bytes(kdb_vec *vec, size_t row, kdb_sv bytes)
{
    kdb_sv copy = kdb_sv_dup(vec->handle, bytes);
    store(vec, row, &copy, sizeof(copy));
}

static void arena_put_i128(kdb_vec *vec, size_t row, kdb_i128 value)
{
    store(vec, row, &value, sizeof(value));
}

static void arena_put_uuid(kdb_vec *vec, size_t row, const kdb_uuid *value)
{
    store(vec, row, value, sizeof(*value));
}

static void arena_put_null(kdb_vec *vec, size_t row)
{
    if (vec->validity == NULL) {
        vec->validity = kdb_arena_alloc_raw(vec->handle, VALIDITY_WORDS * sizeof(uint64_t));
        memset(vec->validity, 0xFF, VALIDITY_WORDS * sizeof(uint64_t));
    }
    vec->validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

static const kdb_vec_writer arena_writer = { arena_put_bytes, arena_put_i128, arena_put_uuid, arena_put_null };

size_t kdb_vec_element_size(kdb_type type)
{
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_NONE:
        return 1;
    case KDB_LAYOUT_BYTES:
        return sizeof(kdb_sv);
    case KDB_LAYOUT_F32S:
        return sizeof(float) * type.dim;
    case KDB_LAYOUT_BOOL:
    case KDB_LAYOUT_I16:
    case KDB_LAYOUT_I32:
    case KDB_LAYOUT_I64:
    case KDB_LAYOUT_I128:
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
    case KDB_LAYOUT_UUID:
        return kdb_type_defs[type.kind].fixed_size;
    }
    return 0;
}

/* True when elements of the type may be moved into any vector as they lie in memory. */
static bool is_plain(kdb_type type)
{
    const kdb_layout layout = kdb_type_layout(type);
    return layout != KDB_LAYOUT_BYTES && layout != KDB_LAYOUT_I128 && layout != KDB_LAYOUT_UUID;
}

void kdb_vec_copy(kdb_vec *vec, size_t at, const kdb_vec *source, size_t from, size_t count)
{
    const bool plain = is_plain(vec->type);
    KDB_DASSERT(kdb_type_eq(vec->type, source->type));
    if (plain) {
        const size_t size = kdb_vec_element_size(vec->type);
        memcpy((char *)vec->data + at * size, element(source, from, size), count * size);
    }
    for (size_t i = 0; i < count && (!plain || vec->validity != NULL || source->validity != NULL); i++) {
        const kdb_value value = kdb_vec_get(source, from + i);
        if (!plain || value.is_null || vec->validity != NULL) {
            kdb_vec_put(vec, at + i, &value);
        }
    }
}

kdb_chunk *kdb_chunk_new_sized(kdb_arena *arena, const kdb_type *types, size_t ncols, size_t rows)
{
    KDB_ASSERT(rows <= KDB_CHUNK_ROWS);
    kdb_chunk *chunk = KDB_ARENA_NEW(arena, kdb_chunk);
    chunk->ncols = ncols;
    chunk->cols = KDB_ARENA_ARRAY(arena, kdb_vec, ncols);
    for (size_t i = 0; i < ncols; i++) {
        /* Not zeroed: pages of columns that stay short are never touched. */
        chunk->cols[i] = (kdb_vec){ .type = types[i],
                                    .data = kdb_arena_alloc_raw(arena, kdb_vec_element_size(types[i]) * rows),
                                    .writer = &arena_writer,
                                    .handle = arena };
    }
    return chunk;
}

kdb_chunk *kdb_chunk_new(kdb_arena *arena, const kdb_type *types, size_t ncols)
{
    return kdb_chunk_new_sized(arena, types, ncols, KDB_CHUNK_ROWS);
}
