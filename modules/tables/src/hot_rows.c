/* hot_rows.c - the rows of a range, copied out of the store once and read many times: their bytes one after the other, and of
 * the columns that statements look at in every row the decoded values. A walk over RocksDB costs 100 ns a row before the
 * first column is looked at; over these it costs a few. Immutable but for columns that are decoded when first asked for. */
#include "tables_int.h"

typedef struct hot_row {
    kdb_sv key;
    kdb_sv row;
} hot_row;

struct kdb_hot_rows {
    atomic_uint refs;
    kdb_table *table; /* a reference */
    kdb_arena *arena; /* everything below; guarded by lock once loaded */
    const kdb_row_decoder *decoder;
    hot_row *rows;
    size_t nrows, capacity;
    size_t shared;  /* bytes that all keys begin with */
    kdb_mutex lock; /* rank KDB_LOCK_SCAN */
    atomic_size_t bytes;
    const kdb_vec *_Atomic *columns; /* by field: nrows values; NULL: not decoded */
};

static kdb_hot_rows *hot_rows_new(const kdb_walk_spec *walk)
{
    kdb_hot_rows *rows = KDB_NEW(kdb_hot_rows);
    atomic_init(&rows->refs, 1);
    rows->table = kdb_table_ref((kdb_table *)(uintptr_t)walk->table); /* counting is not changing */
    rows->arena = kdb_arena_new(0);
    rows->decoder = kdb_row_decoder_new(rows->table, rows->arena);
    rows->columns =
        (const kdb_vec *_Atomic *)kdb_arena_alloc(rows->arena, (rows->decoder->nfields + 1) * sizeof(*rows->columns));
    kdb_mutex_init(&rows->lock, KDB_LOCK_SCAN);
    return rows;
}

kdb_hot_rows *kdb_hot_rows_ref(kdb_hot_rows *rows)
{
    atomic_fetch_add_explicit(&rows->refs, 1, memory_order_relaxed);
    return rows;
}

void kdb_hot_rows_unref(kdb_hot_rows *rows)
{
    if (rows == NULL || atomic_fetch_sub_explicit(&rows->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    kdb_mutex_done(&rows->lock);
    kdb_table_unref(rows->table);
    kdb_free(rows->rows);
    kdb_arena_free(rows->arena);
    kdb_free(rows);
}

size_t kdb_hot_rows_bytes(const kdb_hot_rows *rows)
{
    return atomic_load_explicit(&rows->bytes, memory_order_relaxed);
}

static void count_bytes(kdb_hot_rows *rows)
{
    const size_t bytes = sizeof(*rows) + rows->capacity * sizeof(hot_row) + kdb_arena_held(rows->arena);
    atomic_store_explicit(&rows->bytes, bytes, memory_order_relaxed);
}

static void add_row(kdb_hot_rows *rows, kdb_sv key, kdb_sv row)
{
    *KDB_HEAP_PUSH(rows->rows, rows->nrows, rows->capacity) =
        (hot_row){ kdb_sv_dup(rows->arena, key), kdb_sv_dup(rows->arena, row) };
}

/* Keys ascend, so what the first and the last begin with alike, all do. */
static size_t shared_bytes(const kdb_hot_rows *rows)
{
    if (rows->nrows == 0) {
        return 0;
    }
    const kdb_sv first = rows->rows[0].key, last = rows->rows[rows->nrows - 1].key;
    const size_t most = first.len < last.len ? first.len : last.len;
    size_t shared = 0;
    while (shared < most && first.ptr[shared] == last.ptr[shared]) {
        shared++;
    }
    return shared;
}

kdb_status kdb_hot_rows_load(const kdb_walk_spec *spec, size_t max_bytes, size_t max_rows, kdb_hot_rows **out,
                             kdb_err *err)
{
    KDB_ASSERT(!spec->by_seq && !spec->keys.points && spec->overlay == NULL && spec->hot == NULL);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
    KDB_CLEANUP(kdb_hot_rows_unrefp) kdb_hot_rows *rows = hot_rows_new(spec);
    kdb_walk_spec ascending = *spec;
    ascending.decoder = rows->decoder;
    ascending.scratch = scratch;
    ascending.descending = false;
    ascending.whole = true;
    KDB_TRY(kdb_row_walk_new(&ascending, arena, &walk, err));
    for (bool more = true;;) {
        KDB_TRY(kdb_row_walk_next(walk, &more, err));
        if (!more) {
            break;
        }
        if (rows->nrows == max_rows || kdb_arena_held(rows->arena) > max_bytes) {
            return KDB_OK;
        }
        add_row(rows, kdbi_row_walk_key(walk), kdbi_row_walk_row(walk));
    }
    rows->shared = shared_bytes(rows);
    count_bytes(rows);
    *out = KDB_TAKE(rows);
    return KDB_OK;
}

size_t kdbi_hot_rows_count(const kdb_hot_rows *rows)
{
    return rows->nrows;
}

void kdbi_hot_rows_at(const kdb_hot_rows *rows, size_t index, kdb_sv *key, kdb_sv *row)
{
    *key = rows->rows[index].key;
    *row = rows->rows[index].row;
}

/* Binary search among what is behind the shared bytes. */
static size_t lower_bound(const kdb_hot_rows *rows, kdb_sv rest)
{
    size_t low = 0, high = rows->nrows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const kdb_sv key = rows->rows[middle].key;
        const kdb_sv other = { key.ptr + rows->shared, key.len - rows->shared };
        if (kdb_sv_cmp(other, rest) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t kdbi_hot_rows_from(const kdb_hot_rows *rows, kdb_sv key)
{
    if (rows->nrows == 0) {
        return 0;
    }
    const kdb_sv shared = { rows->rows[0].key.ptr, rows->shared };
    const kdb_sv start = { key.ptr, key.len < shared.len ? key.len : shared.len };
    const int order = kdb_sv_cmp(start, shared);
    if (order != 0) {
        return order < 0 ? 0 : rows->nrows;
    }
    return lower_bound(rows, shared.len == 0 ? key : (kdb_sv){ key.ptr + shared.len, key.len - shared.len });
}

bool kdbi_hot_rows_find(const kdb_hot_rows *rows, kdb_sv key, size_t *out)
{
    *out = kdbi_hot_rows_from(rows, key);
    return *out < rows->nrows && kdb_sv_eq(rows->rows[*out].key, key);
}

const kdb_vec *kdbi_hot_rows_column(const kdb_hot_rows *rows, uint32_t field)
{
    return atomic_load_explicit(&rows->columns[field], memory_order_acquire);
}

static void put(kdb_hot_rows *rows, kdb_vec *column, size_t at, kdb_value value)
{
    if (value.is_null) {
        column->validity[at >> 6] &= ~(UINT64_C(1) << (at & 63));
        return;
    }
    if (kdb_type_layout(value.type) == KDB_LAYOUT_BYTES && rows->table->nversions > 1) {
        value.as.bytes = kdb_sv_dup(rows->arena, value.as.bytes); /* a walk may have made it for the moment */
    }
    const size_t size = kdb_vec_element_size(column->type); /* all members of a value's union begin where it does */
    memcpy((char *)column->data + at * size, &value.as, size);
}

static kdb_vec *column_new(kdb_hot_rows *rows, uint32_t field)
{
    kdb_vec *column = KDB_ARENA_NEW(rows->arena, kdb_vec);
    const size_t words = rows->nrows / 64 + 1;
    column->type = rows->decoder->fields[field].type;
    column->data = kdb_arena_alloc(rows->arena, (rows->nrows + 1) * kdb_vec_element_size(column->type));
    column->validity = kdb_arena_alloc_raw(rows->arena, words * sizeof(uint64_t));
    memset(column->validity, 0xFF, words * sizeof(uint64_t));
    return column;
}

/* By a walk over the rows themselves, so that there is one way to read a column. */
static bool decode_all(kdb_hot_rows *rows, uint32_t field, kdb_vec *column)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
    const kdb_walk_spec spec = { .table = rows->table, .decoder = rows->decoder, .scratch = scratch, .hot = rows };
    if (kdb_row_walk_new(&spec, arena, &walk, NULL) != KDB_OK) {
        return false;
    }
    bool more = true;
    for (size_t i = 0; i < rows->nrows; i++) {
        if (kdb_row_walk_next(walk, &more, NULL) != KDB_OK || !more) {
            return false;
        }
        put(rows, column, i, kdb_row_walk_value(walk, field));
    }
    return kdb_row_walk_next(walk, &more, NULL) == KDB_OK; /* the last value was sound too */
}

void kdb_hot_rows_decode(kdb_hot_rows *rows, uint32_t field)
{
    KDB_ASSERT(field <= rows->decoder->nfields);
    if (kdbi_hot_rows_column(rows, field) != NULL ||
        kdb_type_layout(rows->decoder->fields[field].type) == KDB_LAYOUT_F32S) {
        return;
    }
    kdb_mutex_lock(&rows->lock);
    if (kdbi_hot_rows_column(rows, field) == NULL) {
        kdb_vec *column = column_new(rows, field);
        if (decode_all(rows, field, column)) {
            atomic_store_explicit(&rows->columns[field], column, memory_order_release);
        }
        count_bytes(rows);
    }
    kdb_mutex_unlock(&rows->lock);
}
