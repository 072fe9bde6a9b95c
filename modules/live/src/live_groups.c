/* live_groups.c - aggregates by group, kept while rows come and go. Each state is what the rows make of it and nothing else, in
 * whatever order they came: whole numbers and decimals are summed in 128 bits, floating ones without rounding (Shewchuk's
 * expansions: a sum as numbers that do not overlap), so that taking a value away undoes its coming. MIN and MAX keep the few best
 * values; when those are used up the table is read again. */
#include "live_int.h"

#include <math.h>

enum { BEST_VALUES = 32, GROUPS_MAX = 10000, GROUPS_BYTES = 64 << 20 };

/* A value and how many rows have it. */
typedef struct best {
    kdb_value *value;
    uint64_t count;
} best;

typedef struct state {
    uint64_t count; /* of values that are not NULL, or of rows */
    kdb_i128 sum;
    double *parts; /* of a floating sum: from small to large, not overlapping */
    size_t nparts, parts_cap;
    best *best; /* the best first */
    size_t nbest;
    bool cut; /* there may be more values behind the last */
} state;

typedef struct group group;
struct group {
    group *next_changed;
    bool changed;
    kdb_sv key; /* of groups->map; behind the states */
    kdb_value *keys;
    uint64_t rows;
    kdb_value *shown; /* by item: what has been told; NULL: nothing */
    state states[];
};

struct kdbi_live_groups {
    const kdb_watch *watch;
    kdb_map *map;
    size_t bytes;
    group *first_changed;
    bool is_short;
};

/* ---- groups ---- */

static void state_done(state *s)
{
    for (size_t i = 0; i < s->nbest; i++) {
        kdb_free(s->best[i].value);
    }
    kdb_free(s->best);
    kdb_free(s->parts);
}

static void group_free(const kdbi_live_groups *groups, group *g)
{
    for (size_t i = 0; i < groups->watch->naggregates; i++) {
        state_done(&g->states[i]);
    }
    kdb_free(g->keys);
    kdb_free(g->shown);
    kdb_free(g);
}

static size_t group_bytes(const kdbi_live_groups *groups, kdb_sv key)
{
    return sizeof(group) + groups->watch->naggregates * sizeof(state) + 2 * key.len;
}

static group *group_add(kdbi_live_groups *groups, kdb_sv key, const kdb_value *keys)
{
    const size_t head = sizeof(group) + groups->watch->naggregates * sizeof(state);
    group *g = kdb_alloc(head + key.len);
    char *text = (char *)g + head;
    if (key.len != 0) {
        memcpy(text, key.ptr, key.len);
    }
    g->key = kdb_sv_of(text, key.len);
    g->keys = kdbi_values_keep(keys, groups->watch->ngroup_keys);
    groups->bytes += group_bytes(groups, key);
    (void)kdb_map_put(groups->map, g->key, g);
    return g;
}

static void mark_changed(kdbi_live_groups *groups, group *g)
{
    if (!g->changed) {
        g->changed = true;
        g->next_changed = groups->first_changed;
        groups->first_changed = g;
    }
}

kdbi_live_groups *kdbi_live_groups_new(const kdb_watch *watch)
{
    kdbi_live_groups *groups = KDB_NEW(kdbi_live_groups);
    groups->watch = watch;
    groups->map = kdb_map_new();
    if (watch->ngroup_keys == 0) { /* it is there without rows too */
        mark_changed(groups, group_add(groups, KDB_SV(""), NULL));
    }
    return groups;
}

void kdbi_live_groups_free(kdbi_live_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    size_t cursor = 0;
    kdb_sv key;
    void *g = NULL;
    while (kdb_map_next(groups->map, &cursor, &key, &g)) {
        group_free(groups, g);
    }
    kdb_map_free(groups->map);
    kdb_free(groups);
}

/* ---- sums ---- */

/* Adds exactly: the error of each addition goes on as a part of its own (Shewchuk 1997, Grow-Expansion). */
static void add_part(state *s, double value)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->nparts; i++) {
        const double part = s->parts[i];
        const double sum = value + part;
        const double back = sum - value;
        const double error = (value - (sum - back)) + (part - back);
        if (error != 0.0) {
            s->parts[kept++] = error;
        }
        value = sum;
    }
    s->nparts = kept;
    if (value != 0.0) {
        *KDB_HEAP_PUSH(s->parts, s->nparts, s->parts_cap) = value;
    }
}

static double sum_parts(const state *s)
{
    double sum = 0.0;
    for (size_t i = 0; i < s->nparts; i++) { /* from the smallest: each is below the last place of the next */
        sum += s->parts[i];
    }
    return sum;
}

static bool is_floating(kdb_type type)
{
    return type.kind == KDB_TYPE_FLOAT || type.kind == KDB_TYPE_DOUBLE;
}

static kdb_i128 whole(const kdb_value *value)
{
    switch (kdb_type_layout(value->type)) {
    case KDB_LAYOUT_BOOL:
        return value->as.b;
    case KDB_LAYOUT_I16:
        return value->as.i16;
    case KDB_LAYOUT_I32:
        return value->as.i32;
    case KDB_LAYOUT_I64:
        return value->as.i64;
    case KDB_LAYOUT_I128:
        return value->as.i128;
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
    case KDB_LAYOUT_BYTES:
    case KDB_LAYOUT_UUID:
    case KDB_LAYOUT_F32S:
        break;
    }
    return 0;
}

static kdb_status change_sum(state *s, const kdb_value *value, bool comes, kdb_err *err)
{
    if (is_floating(value->type)) {
        const double number = value->type.kind == KDB_TYPE_FLOAT ? (double)value->as.f32 : value->as.f64;
        add_part(s, comes ? number : -number);
        return isfinite(s->nparts == 0 ? 0.0 : s->parts[s->nparts - 1])
                   ? KDB_OK
                   : KDB_FAIL(err, KDB_ARITHMETIC, "SUM is out of range");
    }
    const kdb_i128 number = whole(value);
    return (comes ? __builtin_add_overflow(s->sum, number, &s->sum) : __builtin_sub_overflow(s->sum, number, &s->sum))
               ? KDB_FAIL(err, KDB_ARITHMETIC, "SUM is out of range")
               : KDB_OK;
}

/* ---- MIN and MAX ---- */

static size_t find_best(const state *s, const kdb_value *value, bool greatest, bool *found)
{
    size_t i = 0;
    *found = false;
    for (; i < s->nbest; i++) {
        const int order = kdb_expr_compare(value, s->best[i].value);
        if (order == 0) {
            *found = true;
            break;
        }
        if (greatest ? order > 0 : order < 0) {
            break;
        }
    }
    return i;
}

static void add_best(state *s, const kdb_value *value, bool greatest)
{
    bool found = false;
    const size_t at = find_best(s, value, greatest, &found);
    if (found) {
        s->best[at].count++;
        return;
    }
    if (at == s->nbest && s->cut) {
        return;
    }
    if (s->best == NULL) {
        s->best = kdb_alloc_array(BEST_VALUES + 1, sizeof(best));
    }
    memmove(&s->best[at + 1], &s->best[at], (s->nbest - at) * sizeof(best));
    s->best[at] = (best){ kdbi_values_keep(value, 1), 1 };
    if (++s->nbest > BEST_VALUES) {
        kdb_free(s->best[--s->nbest].value);
        s->cut = true;
    }
}

static void remove_best(state *s, const kdb_value *value, bool greatest)
{
    bool found = false;
    const size_t at = find_best(s, value, greatest, &found);
    if (!found || --s->best[at].count != 0) {
        return;
    }
    kdb_free(s->best[at].value);
    s->nbest--;
    memmove(&s->best[at], &s->best[at + 1], (s->nbest - at) * sizeof(best));
}

/* ---- rows ---- */

static kdb_status change_state(kdbi_live_groups *groups, const kdb_watch_aggregate *aggregate, state *s,
                               const kdb_expr_row *row, bool comes, kdb_arena *scratch, kdb_err *err)
{
    kdb_value value = kdb_value_bool(true);
    bool counts = true;
    if (aggregate->filter.expr != NULL) {
        KDB_TRY(kdb_expr_matches(aggregate->filter.expr, aggregate->filter.consts, row, scratch, &counts, err));
    }
    if (counts && aggregate->value.expr != NULL) {
        KDB_TRY(kdb_expr_eval(aggregate->value.expr, aggregate->value.consts, row, scratch, &value, err));
    }
    if (!counts || value.is_null) {
        return KDB_OK;
    }
    s->count = comes ? s->count + 1 : s->count - 1;
    switch (aggregate->kind) {
    case KDB_AGGREGATE_COUNT_ROWS:
    case KDB_AGGREGATE_COUNT:
        break;
    case KDB_AGGREGATE_SUM:
    case KDB_AGGREGATE_AVG:
        return change_sum(s, &value, comes, err);
    case KDB_AGGREGATE_MIN:
    case KDB_AGGREGATE_MAX: {
        const bool greatest = aggregate->kind == KDB_AGGREGATE_MAX;
        if (comes) {
            add_best(s, &value, greatest);
        } else {
            remove_best(s, &value, greatest);
        }
        groups->is_short = groups->is_short || (s->nbest == 0 && s->count != 0);
        break;
    }
    }
    return KDB_OK;
}

/* A column keeps its own type, which programs do not tell from the engine's. */
static kdb_status key_value(const kdb_row_test *key, kdbi_row *row, kdb_arena *scratch, kdb_value *out, kdb_err *err)
{
    const int32_t field = kdb_expr_column(key->expr);
    const kdb_expr_row columns = kdbi_row_expr(row);
    if (field >= 0) {
        *out = row->values[field];
        return KDB_OK;
    }
    return kdb_expr_eval(key->expr, key->consts, &columns, scratch, out, err);
}

static kdb_status find_group(kdbi_live_groups *groups, kdbi_row *row, kdb_arena *scratch, group **out, kdb_err *err)
{
    const kdb_watch *watch = groups->watch;
    kdb_value *keys = KDB_ARENA_ARRAY(scratch, kdb_value, watch->ngroup_keys + 1);
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_status status = KDB_OK;
    for (size_t i = 0; status == KDB_OK && i < watch->ngroup_keys; i++) {
        status = key_value(&watch->group_keys[i], row, scratch, &keys[i], err);
        if (status == KDB_OK) { /* as JSON, which tells values of one type apart */
            status = kdb_json_put_value(&text, &keys[i], err);
            kdb_buf_append_byte(&text, '\n');
        }
    }
    if (status == KDB_OK) {
        group *g = kdb_map_lookup(groups->map, kdb_buf_sv(&text));
        *out = g != NULL ? g : group_add(groups, kdb_buf_sv(&text), keys);
    }
    kdb_buf_done(&text);
    return status;
}

kdb_status kdbi_live_groups_change(kdbi_live_groups *groups, kdbi_row *row, bool comes, kdb_arena *scratch,
                                   kdb_err *err)
{
    group *g = NULL;
    const kdb_expr_row columns = kdbi_row_expr(row);
    KDB_TRY(find_group(groups, row, scratch, &g, err));
    mark_changed(groups, g);
    g->rows = comes ? g->rows + 1 : g->rows - 1;
    for (size_t i = 0; i < groups->watch->naggregates; i++) {
        KDB_TRY(change_state(groups, &groups->watch->aggregates[i], &g->states[i], &columns, comes, scratch, err));
    }
    return kdb_map_count(groups->map) > GROUPS_MAX || groups->bytes > GROUPS_BYTES
               ? KDB_FAIL(err, KDB_LIMIT, "A live query keeps no more than %d groups", GROUPS_MAX)
               : KDB_OK;
}

bool kdbi_live_groups_are_short(const kdbi_live_groups *groups)
{
    return groups->is_short;
}

/* ---- telling ---- */

static kdb_status aggregate_value(const kdb_watch_aggregate *aggregate, const state *s, kdb_value *out, kdb_err *err)
{
    const bool floating = aggregate->value.expr != NULL && is_floating(kdb_expr_type(aggregate->value.expr));
    *out = (kdb_value){ .type = aggregate->type };
    if (aggregate->kind == KDB_AGGREGATE_COUNT || aggregate->kind == KDB_AGGREGATE_COUNT_ROWS) {
        out->as.i64 = (int64_t)s->count;
        return KDB_OK;
    }
    if (s->count == 0) {
        *out = kdb_value_null(aggregate->type);
        return KDB_OK;
    }
    if (aggregate->kind == KDB_AGGREGATE_MIN || aggregate->kind == KDB_AGGREGATE_MAX) {
        *out = *s->best[0].value;
        out->type = aggregate->type; /* a column's own */
        return KDB_OK;
    }
    if (aggregate->kind == KDB_AGGREGATE_AVG) {
        const double sum = floating ? sum_parts(s) : (double)s->sum;
        const double scale = floating ? 1.0 : pow(10.0, kdb_expr_type(aggregate->value.expr).scale);
        out->as.f64 = sum / scale / (double)s->count;
        return KDB_OK;
    }
    if (floating) {
        out->as.f64 = sum_parts(s);
    } else if (aggregate->type.kind == KDB_TYPE_DECIMAL) {
        out->as.i128 = s->sum;
    } else if (s->sum < INT64_MIN || s->sum > INT64_MAX) {
        return KDB_FAIL(err, KDB_ARITHMETIC, "SUM is out of the range of BIGINT");
    } else {
        out->as.i64 = (int64_t)s->sum;
    }
    return KDB_OK;
}

static kdb_status items_of(const kdbi_live_groups *groups, const group *g, kdb_value *out, kdb_err *err)
{
    const kdb_watch *watch = groups->watch;
    for (size_t i = 0; i < watch->nitems; i++) {
        const kdb_watch_item *item = &watch->items[i];
        if (item->is_aggregate) {
            KDB_TRY(aggregate_value(&watch->aggregates[item->index], &g->states[item->index], &out[i], err));
        } else {
            out[i] = g->keys[item->index];
        }
    }
    return KDB_OK;
}

/* The items that `differs` from `other` (NULL: all), and keys always. */
static kdb_status put_items(const kdb_watch *watch, const kdb_value *items, const kdb_value *other, kdb_buf *json,
                            kdb_err *err)
{
    bool any = false;
    kdb_buf_append_byte(json, '{');
    for (size_t i = 0; i < watch->nitems; i++) {
        if (other != NULL && watch->items[i].is_aggregate && kdb_value_same(&items[i], &other[i])) {
            continue;
        }
        if (any) {
            kdb_buf_append_byte(json, ',');
        }
        any = true;
        kdb_buf_append_sv(json, watch->items[i].label);
        KDB_TRY(kdb_json_put_value(json, &items[i], err));
    }
    kdb_buf_append_byte(json, '}');
    return KDB_OK;
}

static bool same_items(const kdb_watch *watch, const kdb_value *a, const kdb_value *b)
{
    for (size_t i = 0; i < watch->nitems; i++) {
        if (!kdb_value_same(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

static kdb_status describe(const kdb_watch *watch, const kdb_value *old, const kdb_value *now, kdb_buf *body,
                           kdb_err *err)
{
    body->len = 0;
    kdb_buf_append_sv(body, old == NULL   ? KDB_SV("\"change_type\":\"insert\"")
                            : now == NULL ? KDB_SV("\"change_type\":\"delete\"")
                                          : KDB_SV("\"change_type\":\"update\""));
    if (now != NULL) {
        kdb_buf_append_lit(body, ",\"rows\":[");
        KDB_TRY(put_items(watch, now, NULL, body, err));
        kdb_buf_append_byte(body, ']');
    }
    if (old != NULL) {
        kdb_buf_append_lit(body, ",\"old_values\":[");
        KDB_TRY(put_items(watch, old, now, body, err));
        kdb_buf_append_byte(body, ']');
    }
    kdb_buf_append_byte(body, '}');
    return KDB_OK;
}

static kdb_status tell_group(kdbi_live_groups *groups, group *g, kdb_value *items, kdb_buf *body,
                             kdbi_live_view_emit *emit, void *self, kdb_err *err)
{
    const kdb_watch *watch = groups->watch;
    const bool there = g->rows != 0 || watch->ngroup_keys == 0;
    if (there) {
        KDB_TRY(items_of(groups, g, items, err));
    }
    if ((!there && g->shown == NULL) || (there && g->shown != NULL && same_items(watch, items, g->shown))) {
        return KDB_OK;
    }
    KDB_TRY(describe(watch, g->shown, there ? items : NULL, body, err));
    emit(self, body);
    kdb_free(g->shown);
    g->shown = there ? kdbi_values_keep(items, watch->nitems) : NULL;
    return KDB_OK;
}

kdb_status kdbi_live_groups_tell(kdbi_live_groups *groups, kdb_buf *body, kdbi_live_view_emit *emit, void *self,
                                 kdb_err *err)
{
    kdb_value *items = kdb_alloc_array(groups->watch->nitems + 1, sizeof(*items));
    kdb_status status = KDB_OK;
    while (groups->first_changed != NULL && status == KDB_OK) {
        group *g = groups->first_changed;
        groups->first_changed = g->next_changed;
        g->changed = false;
        status = tell_group(groups, g, items, body, emit, self, err);
        if (status == KDB_OK && g->rows == 0 && groups->watch->ngroup_keys != 0) {
            groups->bytes -= group_bytes(groups, g->key);
            (void)kdb_map_remove(groups->map, g->key);
            group_free(groups, g);
        }
    }
    kdb_free(items);
    return status;
}

/* Groups that are no more are taken along, to be told of. */
void kdbi_live_groups_succeed(kdbi_live_groups *groups, kdbi_live_groups *old)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value = NULL;
    while (kdb_map_next(old->map, &cursor, &key, &value)) {
        group *was = value;
        group *g = kdb_map_lookup(groups->map, key);
        if (was->shown == NULL) {
            continue;
        }
        if (g == NULL) {
            g = group_add(groups, was->key, was->keys);
        }
        kdb_free(g->shown);
        g->shown = was->shown;
        was->shown = NULL;
        mark_changed(groups, g);
    }
}

kdb_status kdbi_live_groups_put_rows(const kdbi_live_groups *groups, kdb_buf *json, kdb_err *err)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value = NULL;
    bool any = false;
    while (kdb_map_next(groups->map, &cursor, &key, &value)) {
        const group *g = value;
        if (g->shown == NULL) {
            continue;
        }
        if (any) {
            kdb_buf_append_byte(json, ',');
        }
        any = true;
        KDB_TRY(put_items(groups->watch, g->shown, NULL, json, err));
    }
    return KDB_OK;
}
