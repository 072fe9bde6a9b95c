/* live_top.c - the first rows in an order, kept while rows come and go. Some more rows than are shown are kept, so that one that
 * goes is followed by the next; only when those are used up, and there may be more, the table is read again. */
#include "live_int.h"

enum { SPARE_ROWS = 64 };

/* A row that is kept; immutable. */
typedef struct entry {
    unsigned refs;     /* the live thread's */
    kdb_sv key;        /* in the same block */
    kdb_value *values; /* the row's, then what it is sorted by */
    kdbi_row row;
} entry;

struct kdbi_live_top {
    const kdb_watch *watch;
    size_t nfields;
    size_t capacity;
    entry **entries; /* in order */
    size_t count;
    bool cut; /* there may be more rows behind the last */
    bool dirty;
    entry **shown; /* what has been told, in order */
    size_t nshown;
};

static void entry_unref(entry *e)
{
    if (--e->refs == 0) {
        kdb_free(e->values);
        kdb_free(e);
    }
}

kdbi_live_top *kdbi_live_top_new(const kdb_watch *watch)
{
    kdbi_live_top *top = KDB_NEW(kdbi_live_top);
    const size_t shown = watch->limit + watch->offset;
    top->watch = watch;
    top->nfields = watch->table->schema->ncolumns + 2;
    top->capacity = 2 * shown + SPARE_ROWS;
    top->entries = kdb_alloc_array(top->capacity + 1, sizeof(entry *));
    top->shown = kdb_alloc_array(watch->limit + 1, sizeof(entry *));
    top->dirty = true;
    return top;
}

void kdbi_live_top_free(kdbi_live_top *top)
{
    if (top == NULL) {
        return;
    }
    for (size_t i = 0; i < top->count; i++) {
        entry_unref(top->entries[i]);
    }
    for (size_t i = 0; i < top->nshown; i++) {
        entry_unref(top->shown[i]);
    }
    kdb_free(top->entries);
    kdb_free(top->shown);
    kdb_free(top);
}

/* ---- order ---- */

static int compare_values(const kdb_watch_sort *sort, const kdb_value *a, const kdb_value *b)
{
    if (a->is_null || b->is_null) {
        const int order = a->is_null == b->is_null ? 0 : a->is_null ? -1 : 1;
        return sort->nulls_first ? order : -order;
    }
    const int order = kdb_expr_compare(a, b);
    return sort->descending ? -order : order;
}

static int compare(const kdbi_live_top *top, const kdb_value *sort, kdb_sv key, const entry *e)
{
    for (size_t i = 0; i < top->watch->nsort; i++) {
        const int order = compare_values(&top->watch->sort[i], &sort[i], &e->values[top->nfields + i]);
        if (order != 0) {
            return order;
        }
    }
    return kdb_sv_cmp(key, e->key);
}

/* Where the row is or belongs. */
static size_t find(const kdbi_live_top *top, const kdb_value *sort, kdb_sv key, bool *found)
{
    size_t from = 0, to = top->count;
    *found = false;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        const int order = compare(top, sort, key, top->entries[mid]);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0) {
            to = mid;
        } else {
            from = mid + 1;
        }
    }
    return from;
}

/* The row's values, then what it is sorted by; in `scratch`. */
static kdb_status sorted_values(const kdbi_live_top *top, kdbi_row *row, kdb_arena *scratch, kdb_value **out,
                                kdb_err *err)
{
    const kdb_watch *watch = top->watch;
    const kdb_expr_row columns = kdbi_row_expr(row);
    kdb_value *values = KDB_ARENA_ARRAY(scratch, kdb_value, top->nfields + watch->nsort);
    memcpy(values, row->values, top->nfields * sizeof(*values));
    for (size_t i = 0; i < watch->nsort; i++) {
        const kdb_row_test *by = &watch->sort[i].value;
        KDB_TRY(kdb_expr_eval(by->expr, by->consts, &columns, scratch, &values[top->nfields + i], err));
    }
    *out = values;
    return KDB_OK;
}

/* ---- rows ---- */

static entry *entry_new(const kdbi_live_top *top, kdb_sv key, const kdbi_row *row, const kdb_value *values)
{
    entry *e = kdb_alloc(sizeof(*e) + key.len);
    char *text = (char *)(e + 1);
    memcpy(text, key.ptr, key.len);
    e->refs = 1;
    e->key = kdb_sv_of(text, key.len);
    e->values = kdbi_values_keep(values, top->nfields + top->watch->nsort);
    e->row = *row;
    e->row.values = e->values;
    return e;
}

kdb_status kdbi_live_top_add(kdbi_live_top *top, kdb_sv key, kdbi_row *row, kdb_arena *scratch, kdb_err *err)
{
    kdb_value *values = NULL;
    bool found = false;
    KDB_TRY(sorted_values(top, row, scratch, &values, err));
    const size_t at = find(top, values + top->nfields, key, &found);
    if (found || (at == top->count && top->cut)) { /* behind all that is kept: one of those that are not */
        return KDB_OK;
    }
    memmove(&top->entries[at + 1], &top->entries[at], (top->count - at) * sizeof(entry *));
    top->entries[at] = entry_new(top, key, row, values);
    top->count++;
    top->dirty = top->dirty || at < top->watch->limit + top->watch->offset;
    if (top->count > top->capacity) {
        entry_unref(top->entries[--top->count]);
        top->cut = true;
    }
    return KDB_OK;
}

kdb_status kdbi_live_top_remove(kdbi_live_top *top, kdb_sv key, kdbi_row *row, kdb_arena *scratch, kdb_err *err)
{
    kdb_value *values = NULL;
    bool found = false;
    KDB_TRY(sorted_values(top, row, scratch, &values, err));
    const size_t at = find(top, values + top->nfields, key, &found);
    if (found) {
        entry_unref(top->entries[at]);
        top->count--;
        memmove(&top->entries[at], &top->entries[at + 1], (top->count - at) * sizeof(entry *));
        top->dirty = top->dirty || at < top->watch->limit + top->watch->offset;
    }
    return KDB_OK;
}

bool kdbi_live_top_is_short(const kdbi_live_top *top)
{
    return top->cut && top->count < top->watch->limit + top->watch->offset;
}

void kdbi_live_top_succeed(kdbi_live_top *top, kdbi_live_top *old)
{
    entry **none = top->shown;
    top->shown = old->shown;
    top->nshown = old->nshown;
    old->shown = none;
    old->nshown = 0;
    top->dirty = true;
}

/* ---- telling ---- */

typedef struct window {
    entry **rows;
    size_t count;
} window;

static window window_of(const kdbi_live_top *top)
{
    const size_t from = top->watch->offset < top->count ? top->watch->offset : top->count;
    const size_t left = top->count - from;
    return (window){ top->entries + from, left < top->watch->limit ? left : top->watch->limit };
}

static kdb_map *map_of(entry *const *rows, size_t count)
{
    kdb_map *map = kdb_map_new();
    for (size_t i = 0; i < count; i++) {
        (void)kdb_map_put(map, rows[i]->key, rows[i]);
    }
    return map;
}

static kdb_status tell_gone(kdbi_live_top *top, const kdb_map *now, uint64_t seq, kdb_buf *body,
                            kdbi_live_view_emit *emit, void *self, kdb_err *err)
{
    for (size_t i = 0; i < top->nshown; i++) {
        if (kdb_map_lookup(now, top->shown[i]->key) == NULL) {
            body->len = 0;
            KDB_TRY(kdbi_json_delete(body, top->watch, &top->shown[i]->row, seq, err));
            emit(self, body);
        }
    }
    return KDB_OK;
}

static kdb_status tell_there(kdbi_live_top *top, const window *now, const kdb_map *before, kdb_buf *body,
                             kdbi_live_view_emit *emit, void *self, kdb_err *err)
{
    for (size_t i = 0; i < now->count; i++) {
        const entry *e = now->rows[i];
        const entry *old = kdb_map_lookup(before, e->key);
        if (old == e || (old != NULL && old->row.seq == e->row.seq)) {
            continue;
        }
        body->len = 0;
        KDB_TRY(old == NULL ? kdbi_json_insert(body, top->watch, &e->row, err)
                            : kdbi_json_update(body, top->watch, &old->row, &e->row, err));
        emit(self, body);
    }
    return KDB_OK;
}

kdb_status kdbi_live_top_tell(kdbi_live_top *top, uint64_t seq, kdb_buf *body, kdbi_live_view_emit *emit, void *self,
                              kdb_err *err)
{
    if (!top->dirty) {
        return KDB_OK;
    }
    const window now = window_of(top);
    KDB_CLEANUP(kdb_map_freep) kdb_map *after = map_of(now.rows, now.count);
    KDB_CLEANUP(kdb_map_freep) kdb_map *before = map_of(top->shown, top->nshown);
    top->dirty = false;
    KDB_TRY(tell_gone(top, after, seq, body, emit, self, err));
    KDB_TRY(tell_there(top, &now, before, body, emit, self, err));
    for (size_t i = 0; i < now.count; i++) {
        now.rows[i]->refs++;
    }
    for (size_t i = 0; i < top->nshown; i++) {
        entry_unref(top->shown[i]);
    }
    memcpy(top->shown, now.rows, now.count * sizeof(entry *));
    top->nshown = now.count;
    return KDB_OK;
}

kdb_status kdbi_live_top_put_rows(const kdbi_live_top *top, kdb_buf *json, kdb_err *err)
{
    for (size_t i = 0; i < top->nshown; i++) {
        kdbi_row row = top->shown[i]->row;
        const kdb_expr_row columns = kdbi_row_expr(&row);
        if (i != 0) {
            kdb_buf_append_byte(json, ',');
        }
        KDB_TRY(kdbi_json_row(json, top->watch, &columns, err));
    }
    return KDB_OK;
}
