/* native_top.c - the first rows of a sorted result: a heap whose root is the last of them, so that most rows are turned away
 * by one comparison. A row that comes in takes the memory of the one it drives out; texts are copied, and the arena they lie
 * in is made anew when those of rows that lost their place fill it. */
#include <stdlib.h>

#include "native_int.h"

enum { WASTE_MIN_BYTES = 1 << 20 };

typedef struct entry {
    int64_t lead; /* orders as the first sort value does, but for values that it does not tell apart */
    kdb_value *sort;
    kdb_value *cells; /* NULL: the row is known by its index */
    size_t row;
} entry;

struct kdbi_top {
    const kdbi_native *native;
    kdb_arena *arena;  /* values of the entries, dead ones too */
    size_t live_bytes; /* of the arena after it was last made anew */
    entry *entries;
    size_t count, capacity, allocated;
};

/* Where `a` stands against `b` in the result: < 0 before it. */
static int compare_keys(const kdbi_native *native, const kdb_value *a, const kdb_value *b)
{
    for (size_t i = 0; i < native->nsort; i++) {
        if (a[i].is_null || b[i].is_null) {
            if (a[i].is_null && b[i].is_null) {
                continue;
            }
            return a[i].is_null == native->sort_nulls_first[i] ? -1 : 1;
        }
        const int order = kdb_expr_compare(&a[i], &b[i]);
        if (order != 0) {
            return native->sort_down[i] ? -order : order;
        }
    }
    return 0;
}

static bool is_integer(kdb_type type)
{
    const kdb_layout layout = kdb_type_layout(type);
    return layout == KDB_LAYOUT_I16 || layout == KDB_LAYOUT_I32 || layout == KDB_LAYOUT_I64;
}

static int64_t integer_of(const kdb_value *value)
{
    const kdb_layout layout = kdb_type_layout(value->type);
    return layout == KDB_LAYOUT_I16 ? value->as.i16 : layout == KDB_LAYOUT_I32 ? value->as.i32 : value->as.i64;
}

/* Most pairs of rows are told apart by this alone. */
static int64_t lead_of(const kdbi_native *native, const kdb_value *first)
{
    if (first->is_null) {
        return native->sort_nulls_first[0] ? INT64_MIN : INT64_MAX;
    }
    if (!is_integer(first->type)) {
        return 0;
    }
    return native->sort_down[0] ? ~integer_of(first) : integer_of(first);
}

kdbi_top *kdbi_top_new(const kdbi_native *native, size_t capacity)
{
    kdbi_top *top = KDB_NEW(kdbi_top);
    top->native = native;
    top->capacity = capacity;
    top->arena = kdb_arena_new(0);
    return top;
}

void kdbi_top_free(kdbi_top *top)
{
    if (top == NULL) {
        return;
    }
    kdb_free(top->entries);
    kdb_arena_free(top->arena);
    kdb_free(top);
}

size_t kdbi_top_bytes(const kdbi_top *top)
{
    return kdb_arena_used(top->arena);
}

static bool read_integer(const kdb_vec *column, size_t row, int64_t *out)
{
    switch (kdb_type_layout(column->type)) {
    case KDB_LAYOUT_I16:
        *out = ((const int16_t *)column->data)[row];
        return true;
    case KDB_LAYOUT_I32:
        *out = ((const int32_t *)column->data)[row];
        return true;
    case KDB_LAYOUT_I64:
        *out = ((const int64_t *)column->data)[row];
        return true;
    default:
        return false;
    }
}

bool kdbi_top_is_past(const kdbi_top *top, const kdb_vec *column, size_t row)
{
    int64_t value = 0;
    if (top->count < top->capacity || top->count == 0 || kdb_vec_is_null(column, row) ||
        !read_integer(column, row, &value)) {
        return false;
    }
    const kdb_value *last = &top->entries[0].sort[0];
    const int64_t bound = last->is_null ? value : integer_of(last);
    return top->native->sort_down[0] ? value < bound : value > bound;
}

bool kdbi_top_wants(const kdbi_top *top, const kdb_value *sort)
{
    if (top->count < top->capacity || top->count == 0) {
        return top->count < top->capacity;
    }
    const int64_t lead = lead_of(top->native, &sort[0]);
    const entry *last = &top->entries[0];
    return lead != last->lead ? lead < last->lead : compare_keys(top->native, sort, last->sort) < 0;
}

static void copy_values(kdb_arena *arena, const kdb_value *values, size_t count, kdb_value *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = kdb_value_dup(&values[i], arena);
    }
}

/* Fills an entry, which has no memory yet when `sort` of it is NULL. */
static void fill_entry(const kdbi_top *top, kdb_arena *arena, const kdb_value *sort, const kdb_value *cells, entry *out)
{
    const kdbi_native *native = top->native;
    if (out->sort == NULL) {
        out->sort = KDB_ARENA_ARRAY(arena, kdb_value, native->nsort + 1);
        out->cells = cells == NULL ? NULL : KDB_ARENA_ARRAY(arena, kdb_value, native->ntargets + 1);
    }
    out->lead = lead_of(native, &sort[0]);
    copy_values(arena, sort, native->nsort, out->sort);
    if (cells != NULL) {
        copy_values(arena, cells, native->ntargets, out->cells);
    }
}

/* Copies what is alive into a new arena when most of the old one is not. */
static void sweep(kdbi_top *top)
{
    const size_t used = kdb_arena_used(top->arena);
    if (used < WASTE_MIN_BYTES || used < 4 * top->live_bytes) {
        return;
    }
    kdb_arena *fresh = kdb_arena_new(0);
    for (size_t i = 0; i < top->count; i++) {
        entry copy = { .row = top->entries[i].row };
        fill_entry(top, fresh, top->entries[i].sort, top->entries[i].cells, &copy);
        top->entries[i] = copy;
    }
    kdb_arena_free(top->arena);
    top->arena = fresh;
    top->live_bytes = kdb_arena_used(fresh);
}

static bool is_after(const kdbi_top *top, const entry *a, const entry *b)
{
    return a->lead != b->lead ? a->lead > b->lead : compare_keys(top->native, a->sort, b->sort) > 0;
}

static void swap(entry *a, entry *b)
{
    const entry kept = *a;
    *a = *b;
    *b = kept;
}

static void rise(kdbi_top *top, size_t at)
{
    while (at > 0 && is_after(top, &top->entries[at], &top->entries[(at - 1) / 2])) {
        swap(&top->entries[at], &top->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

/* Among the first `count` entries. */
static void sink(kdbi_top *top, size_t at, size_t count)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            last = is_after(top, &top->entries[child], &top->entries[last]) ? child : last;
        }
        if (last == at) {
            return;
        }
        swap(&top->entries[at], &top->entries[last]);
        at = last;
    }
}

void kdbi_top_put(kdbi_top *top, const kdb_value *sort, const kdb_value *cells, size_t row)
{
    if (top->count == top->capacity) {
        sweep(top);
        fill_entry(top, top->arena, sort, cells, &top->entries[0]);
        top->entries[0].row = row;
        sink(top, 0, top->count);
        return;
    }
    if (top->count == top->allocated) {
        top->allocated = top->allocated == 0 ? 32 : top->allocated * 2;
        top->entries = kdb_realloc(top->entries, top->allocated * sizeof(entry));
    }
    top->entries[top->count] = (entry){ .row = row };
    fill_entry(top, top->arena, sort, cells, &top->entries[top->count]);
    rise(top, top->count++);
}

/* Heap sort: the root is the last of what is not in place yet. */
void kdbi_top_finish(kdbi_top *top)
{
    for (size_t left = top->count; left > 1; left--) {
        swap(&top->entries[0], &top->entries[left - 1]);
        sink(top, 0, left - 1);
    }
}

size_t kdbi_top_count(const kdbi_top *top)
{
    return top->count;
}

const kdb_value *kdbi_top_cells(const kdbi_top *top, size_t index, size_t *row)
{
    *row = top->entries[index].row;
    return top->entries[index].cells;
}
