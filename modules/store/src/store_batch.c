/* store_batch.c - the byte form of a batch, which a replicated log can carry: made by the put and delete functions,
 * walked by the backends, checked when it comes from outside.
 *
 *   batch := version u8 (1), op*
 *   op    := kind u8 (kdbi_op_kind), key length varint, key, value length varint, value
 *   key   := family u8, prefix u32 big-endian, logical key
 *
 * A DELETE has an empty value. The value of a DELETE_RANGE is its end: a key of the same partition, above its key, or
 * the partition's end. Varints are LEB128 of at most 32 bits. */
#include "store_int.h"

enum { BATCH_VERSION = 1, VARINT_MAX_LEN = 5 };

struct kdb_batch {
    kdb_buf bytes;
    size_t count;
    bool in_arena; /* this is */
    bool lent;     /* the bytes are the arena's too */
};

kdb_batch *kdb_batch_new(void)
{
    kdb_batch *batch = KDB_NEW(kdb_batch);
    kdb_buf_init(&batch->bytes, 0);
    kdb_buf_append_byte(&batch->bytes, BATCH_VERSION);
    return batch;
}

kdb_batch *kdb_batch_new_in(kdb_arena *arena, size_t bytes)
{
    kdb_batch *batch = KDB_ARENA_NEW(arena, kdb_batch);
    batch->in_arena = batch->lent = true;
    batch->bytes = (kdb_buf){ .ptr = kdb_arena_alloc_raw(arena, bytes + 1), .cap = bytes + 1 };
    kdb_buf_append_byte(&batch->bytes, BATCH_VERSION);
    return batch;
}

void kdb_batch_free(kdb_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    if (!batch->lent) {
        kdb_buf_done(&batch->bytes);
    }
    if (!batch->in_arena) {
        kdb_free(batch);
    }
}

/* ---- writing ---- */

static char *put_varint(char *at, size_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *at++ = (char)(value | 0x80);
    }
    *at++ = (char)value;
    return at;
}

static char *put_bytes(char *at, kdb_sv bytes)
{
    if (bytes.len != 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    return at + bytes.len;
}

/* Room for `size` more bytes. */
static char *reserve(kdb_batch *batch, size_t size)
{
    if (batch->lent && batch->bytes.cap - batch->bytes.len < size) {
        const kdb_sv so_far = kdb_buf_sv(&batch->bytes);
        kdb_buf_init(&batch->bytes, 0);
        (void)kdb_buf_reserve(&batch->bytes, 2 * (so_far.len + size));
        kdb_buf_append_sv(&batch->bytes, so_far);
        batch->lent = false;
    }
    return kdb_buf_reserve(&batch->bytes, size);
}

/* Appends an operation but for its value's bytes, for which it leaves room; returns the place where they go. */
static char *append_op(kdb_batch *batch, kdbi_op_kind kind, kdb_partition part, kdb_sv key, size_t value_len)
{
    KDB_ASSERT(part.family >= KDB_FAMILY_META && part.family < KDB_FAMILY_END);
    const size_t key_len = KDBI_PREFIX_LEN + key.len;
    KDB_ASSERT(key_len <= UINT32_MAX && value_len <= UINT32_MAX);
    char *at = reserve(batch, 1 + 2 * (size_t)VARINT_MAX_LEN + key_len + value_len);
    *at++ = (char)kind;
    at = put_varint(at, key_len);
    at = put_bytes(kdbi_prefix_put(at, part), key);
    at = put_varint(at, value_len);
    batch->bytes.len = (size_t)(at + value_len - batch->bytes.ptr);
    batch->count++;
    return at;
}

void kdb_batch_put(kdb_batch *batch, kdb_partition part, kdb_sv key, kdb_sv value)
{
    put_bytes(append_op(batch, KDBI_OP_PUT, part, key, value.len), value);
}

void kdb_batch_delete(kdb_batch *batch, kdb_partition part, kdb_sv key)
{
    append_op(batch, KDBI_OP_DELETE, part, key, 0);
}

void kdb_batch_delete_range(kdb_batch *batch, kdb_partition part, kdb_sv from, kdb_sv to)
{
    if (to.len != 0 && kdb_sv_cmp(from, to) >= 0) {
        return;
    }
    char *end = append_op(batch, KDBI_OP_DELETE_RANGE, part, from, KDBI_PREFIX_LEN + to.len);
    put_bytes(kdbi_prefix_put(end, to.len != 0 ? part : kdbi_partition_after(part)), to);
}

size_t kdb_batch_count(const kdb_batch *batch)
{
    return batch->count;
}

kdb_sv kdb_batch_bytes(const kdb_batch *batch)
{
    return kdb_buf_sv(&batch->bytes);
}

/* ---- reading ---- */

kdb_sv kdbi_batch_ops(const kdb_batch *batch)
{
    return (kdb_sv){ batch->bytes.ptr + 1, batch->bytes.len - 1 };
}

static bool take_byte(kdb_sv *bytes, uint8_t *out)
{
    if (bytes->len == 0) {
        return false;
    }
    *out = (uint8_t)*bytes->ptr;
    *bytes = (kdb_sv){ bytes->ptr + 1, bytes->len - 1 };
    return true;
}

/* One form per number: no padding with zero groups. */
static bool take_varint(kdb_sv *bytes, uint32_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_MAX_LEN; shift += 7) {
        uint8_t byte;
        if (!take_byte(bytes, &byte)) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX && (byte != 0 || shift == 0);
        }
    }
    return false;
}

static bool take_string(kdb_sv *bytes, kdb_sv *out)
{
    uint32_t len;
    if (!take_varint(bytes, &len) || len > bytes->len) {
        return false;
    }
    *out = (kdb_sv){ bytes->ptr, len };
    *bytes = (kdb_sv){ bytes->ptr + len, bytes->len - len };
    return true;
}

/* Family and prefix as one number, so that a partition's end is its number plus one. */
static uint64_t partition_number(kdb_sv key)
{
    return ((uint64_t)(uint8_t)key.ptr[0] << 32) | kdb_get_be32(key.ptr + 1);
}

static bool key_valid(kdb_sv key)
{
    return key.len >= KDBI_PREFIX_LEN && key.ptr[0] >= KDB_FAMILY_META && key.ptr[0] < KDB_FAMILY_END;
}

static bool range_end_valid(kdb_sv from, kdb_sv to)
{
    if (to.len < KDBI_PREFIX_LEN || kdb_sv_cmp(from, to) >= 0) {
        return false;
    }
    const bool same = partition_number(to) == partition_number(from);
    return same || (to.len == KDBI_PREFIX_LEN && partition_number(to) == partition_number(from) + 1);
}

static bool op_valid(uint8_t kind, kdb_sv key, kdb_sv value)
{
    switch (kind) {
    case KDBI_OP_PUT:
        return key_valid(key);
    case KDBI_OP_DELETE:
        return key_valid(key) && value.len == 0;
    case KDBI_OP_DELETE_RANGE:
        return key_valid(key) && range_end_valid(key, value);
    default: /* outside bytes, not yet an enum */
        return false;
    }
}

kdb_status kdbi_op_decode(kdb_sv *ops, kdbi_op *out, kdb_err *err)
{
    uint8_t kind;
    kdb_sv key;
    kdb_sv value;
    if (!take_byte(ops, &kind) || !take_string(ops, &key) || !take_string(ops, &value) || !op_valid(kind, key, value)) {
        return KDB_FAIL(err, KDB_CORRUPT, "a batch of changes holds a damaged entry");
    }
    *out = (kdbi_op){ (kdbi_op_kind)kind, key, value };
    return KDB_OK;
}

kdb_status kdb_batch_parse(kdb_sv bytes, kdb_batch **out, kdb_err *err)
{
    kdb_sv rest = bytes;
    uint8_t version;
    if (!take_byte(&rest, &version) || version != BATCH_VERSION) {
        return KDB_FAIL(err, KDB_CORRUPT, "a batch of changes is not of version %d", BATCH_VERSION);
    }
    size_t count = 0;
    while (rest.len != 0) {
        kdbi_op op;
        KDB_TRY(kdbi_op_decode(&rest, &op, err));
        count++;
    }
    kdb_batch *batch = KDB_NEW(kdb_batch);
    kdb_buf_init(&batch->bytes, 0);
    kdb_buf_append_sv(&batch->bytes, bytes);
    batch->count = count;
    *out = batch;
    return KDB_OK;
}
