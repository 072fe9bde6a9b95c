/* live_view.c - what live queries with an ORDER BY and a LIMIT, or with aggregates, are kept as. Rows come and go one by one;
 * what that makes of the result is told once per commit. */
#include "live_int.h"

struct kdbi_live_view {
    kdb_watch *watch;
    uint64_t version; /* of the store, that it was read at */
    kdb_arena *scratch;
    kdbi_live_top *top; /* one of the two */
    kdbi_live_groups *groups;
};

kdbi_live_view *kdbi_live_view_new(kdb_watch *watch, uint64_t version)
{
    kdbi_live_view *view = KDB_NEW(kdbi_live_view);
    view->watch = kdb_watch_ref(watch);
    view->version = version;
    view->scratch = kdb_arena_new(0);
    if (watch->kind == KDB_WATCH_TOP) {
        view->top = kdbi_live_top_new(watch);
    } else {
        view->groups = kdbi_live_groups_new(watch);
    }
    return view;
}

void kdbi_live_view_free(kdbi_live_view *view)
{
    if (view != NULL) {
        kdbi_live_top_free(view->top);
        kdbi_live_groups_free(view->groups);
        kdb_arena_free(view->scratch);
        kdb_watch_unref(view->watch);
        kdb_free(view);
    }
}

uint64_t kdbi_live_view_version(const kdbi_live_view *view)
{
    return view->version;
}

kdb_status kdbi_live_view_add(kdbi_live_view *view, kdb_sv key, kdbi_row *row, kdb_err *err)
{
    kdb_arena_reset(view->scratch);
    return view->top != NULL ? kdbi_live_top_add(view->top, key, row, view->scratch, err)
                             : kdbi_live_groups_change(view->groups, row, true, view->scratch, err);
}

kdb_status kdbi_live_view_remove(kdbi_live_view *view, kdb_sv key, kdbi_row *row, kdb_err *err)
{
    kdb_arena_reset(view->scratch);
    return view->top != NULL ? kdbi_live_top_remove(view->top, key, row, view->scratch, err)
                             : kdbi_live_groups_change(view->groups, row, false, view->scratch, err);
}

bool kdbi_live_view_is_short(const kdbi_live_view *view)
{
    return view->top != NULL ? kdbi_live_top_is_short(view->top) : kdbi_live_groups_are_short(view->groups);
}

void kdbi_live_view_succeed(kdbi_live_view *view, kdbi_live_view *old)
{
    if (view->top != NULL) {
        kdbi_live_top_succeed(view->top, old->top);
    } else {
        kdbi_live_groups_succeed(view->groups, old->groups);
    }
}

kdb_status kdbi_live_view_tell(kdbi_live_view *view, uint64_t seq, kdb_buf *body, kdbi_live_view_emit *emit, void *self,
                               kdb_err *err)
{
    return view->top != NULL ? kdbi_live_top_tell(view->top, seq, body, emit, self, err)
                             : kdbi_live_groups_tell(view->groups, body, emit, self, err);
}

kdb_status kdbi_live_view_put_rows(const kdbi_live_view *view, kdb_buf *json, kdb_err *err)
{
    return view->top != NULL ? kdbi_live_top_put_rows(view->top, json, err)
                             : kdbi_live_groups_put_rows(view->groups, json, err);
}

kdb_value *kdbi_values_keep(const kdb_value *values, size_t count)
{
    size_t bytes = count * sizeof(*values);
    for (size_t i = 0; i < count; i++) {
        bytes += (kdb_value_bytes(&values[i]) + 7) / 8 * 8;
    }
    kdb_value *kept = kdb_alloc(bytes == 0 ? 1 : bytes);
    char *at = (char *)(kept + count);
    for (size_t i = 0; i < count; i++) {
        const size_t len = kdb_value_bytes(&values[i]);
        kept[i] = values[i];
        if (len == 0) {
            continue;
        }
        const bool floats = kdb_type_layout(values[i].type) == KDB_LAYOUT_F32S;
        memcpy(at, floats ? (const char *)values[i].as.f32s : values[i].as.bytes.ptr, len);
        if (floats) {
            kept[i].as.f32s = (const float *)(const void *)at;
        } else {
            kept[i].as.bytes.ptr = at;
        }
        at += (len + 7) / 8 * 8;
    }
    return kept;
}
