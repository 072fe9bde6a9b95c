/* registry_view.c - the views in force and their DDL. Views are few and change seldom, so who reads what is found by
 * walking all of them. A view is stored with what it reads, and whatever a view reads cannot be dropped or renamed: so
 * the views of a catalog always bind (unless one that was replaced makes them nest too deep). */
#include <stdlib.h>

#include "registry_int.h"

enum { NAMED_MAX = 5 }; /* views in one message */

/* ---- loading ---- */

static kdb_status add_view(kdb_registry *registry, kdb_view *view, kdb_err *err)
{
    char buf[KDBI_MAP_KEY_MAX];
    const kdb_sv key = kdbi_registry_map_key(view->ns, view->name, buf);
    if (kdb_map_lookup(registry->namespaces, view->ns) == NULL || kdb_map_lookup(registry->tables, key) != NULL) {
        return KDB_FAIL(err, KDB_CORRUPT, "its namespace is missing or its name is taken");
    }
    (void)kdb_map_put(registry->views, key, kdb_view_ref(view));
    return KDB_OK;
}

static kdb_status load_view(kdb_registry *registry, kdb_sv key, kdb_sv value, kdb_err *err)
{
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdbi_view_new();
    const char *nul = memchr(key.ptr, '\0', key.len);
    const size_t ns_len = nul == NULL ? 0 : (size_t)(nul - key.ptr);
    if (ns_len == 0 || ns_len > KDBI_NAME_MAX || key.len - ns_len < 2 || key.len - ns_len - 1 > KDBI_NAME_MAX) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad key of a view, %zu bytes", key.len);
    }
    view->ns = kdb_sv_dup(view->arena, kdb_sv_of(key.ptr, ns_len));
    view->name = kdb_sv_dup(view->arena, kdb_sv_of(nul + 1, key.len - ns_len - 1));
    kdb_status status = kdbi_view_decode(value, view, err);
    if (status == KDB_OK) {
        status = add_view(registry, view, err);
    }
    if (status == KDB_CORRUPT) {
        kdb_err_context(err, "loading view %.*s.%.*s", KDB_SV_ARG(view->ns), KDB_SV_ARG(view->name));
    }
    return status;
}

kdb_status kdbi_registry_load_views(kdb_registry *registry, kdb_err *err)
{
    const kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_VIEWS);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(registry->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_TRY(load_view(registry, kdb_iter_key(iter), kdb_iter_value(iter), err));
    }
    return kdb_iter_status(iter, err);
}

/* ---- finding and listing ---- */

kdb_view *kdb_registry_lookup_view(kdb_registry *registry, kdb_sv ns, kdb_sv name)
{
    char buf[KDBI_MAP_KEY_MAX];
    const kdb_sv key = kdbi_registry_map_key(ns, name, buf);
    if (key.len == 0) {
        return NULL;
    }
    kdb_mutex_lock(&registry->lock);
    kdb_view *view = kdb_map_lookup(registry->views, key);
    if (view != NULL) {
        (void)kdb_view_ref(view);
    }
    kdb_mutex_unlock(&registry->lock);
    return view;
}

static int by_name(const void *a, const void *b)
{
    const kdb_view *left = *(kdb_view *const *)a;
    const kdb_view *right = *(kdb_view *const *)b;
    const int order = kdb_sv_cmp(left->ns, right->ns);
    return order != 0 ? order : kdb_sv_cmp(left->name, right->name);
}

void kdb_registry_list_views(kdb_registry *registry, kdb_arena *arena, kdb_view ***out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    kdb_view **list = KDB_ARENA_ARRAY(arena, kdb_view *, kdb_map_count(registry->views));
    while (kdb_map_next(registry->views, &cursor, &key, &value)) {
        list[n++] = kdb_view_ref(value);
    }
    kdb_mutex_unlock(&registry->lock);
    qsort(list, n, sizeof(void *), by_name);
    *out = list;
    *count = n;
}

void kdb_registry_release_views(kdb_view **views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kdb_view_unref(views[i]);
    }
}

size_t kdbi_registry_count_views(kdb_registry *registry, kdb_sv ns)
{
    size_t count = 0;
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    while (kdb_map_next(registry->views, &cursor, &key, &value)) {
        count += kdb_sv_eq(((const kdb_view *)value)->ns, ns);
    }
    kdb_mutex_unlock(&registry->lock);
    return count;
}

/* ---- who reads what ---- */

static bool reads_column(const kdb_view_use *use, kdb_sv column)
{
    for (size_t i = 0; i < use->ncolumns; i++) {
        if (kdb_sv_ieq(use->columns[i], column)) {
            return true;
        }
    }
    return column.len == 0;
}

static bool reads(const kdb_view *view, kdb_sv ns, kdb_sv name, kdb_sv column)
{
    for (size_t i = 0; i < view->nuses; i++) {
        const kdb_view_use *use = &view->uses[i];
        if (kdb_sv_eq(use->ns, ns) && kdb_sv_eq(use->name, name) && reads_column(use, column)) {
            return true;
        }
    }
    return false;
}

kdb_sv kdb_registry_views_using(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_sv column, kdb_arena *arena)
{
    kdb_view **views = NULL;
    size_t count = 0;
    size_t named = 0;
    kdb_sv list = { "", 0 };
    kdb_registry_list_views(registry, arena, &views, &count);
    for (size_t i = 0; i < count && named < NAMED_MAX; i++) {
        if (reads(views[i], ns, name, column)) {
            list = kdb_sv_printf(arena, "%.*s%s'%.*s.%.*s'", KDB_SV_ARG(list), named == 0 ? "" : ", ",
                                 KDB_SV_ARG(views[i]->ns), KDB_SV_ARG(views[i]->name));
            named++;
        }
    }
    kdb_registry_release_views(views, count);
    return list;
}

static const kdb_view_use *use_of_namespace(const kdb_view *view, kdb_sv ns)
{
    for (size_t i = 0; i < view->nuses && !kdb_sv_eq(view->ns, ns); i++) {
        if (kdb_sv_eq(view->uses[i].ns, ns)) {
            return &view->uses[i];
        }
    }
    return NULL;
}

kdb_status kdbi_registry_check_used_from_outside(kdb_registry *registry, kdb_sv ns, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_view **views = NULL;
    size_t count = 0;
    kdb_status status = KDB_OK;
    kdb_registry_list_views(registry, arena, &views, &count);
    for (size_t i = 0; i < count && status == KDB_OK; i++) {
        const kdb_view_use *use = use_of_namespace(views[i], ns);
        if (use != NULL) {
            status =
                KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop namespace '%.*s': view '%.*s.%.*s' uses '%.*s.%.*s'",
                         KDB_SV_ARG(ns), KDB_SV_ARG(views[i]->ns), KDB_SV_ARG(views[i]->name), KDB_SV_ARG(use->ns),
                         KDB_SV_ARG(use->name));
        }
    }
    kdb_registry_release_views(views, count);
    return status;
}

/* ---- CREATE VIEW ---- */

/* True when `spec`'s query would come to read the view it replaces, through other views. Each view is followed once. */
static bool reads_itself(kdb_registry *registry, const kdb_view_spec *spec, const kdb_view_use *uses, size_t nuses,
                         kdb_map *followed)
{
    for (size_t i = 0; i < nuses; i++) {
        if (kdb_sv_eq(uses[i].ns, spec->ns) && kdb_sv_eq(uses[i].name, spec->name)) {
            return true;
        }
        KDB_CLEANUP(kdb_view_unrefp) kdb_view *view = kdb_registry_lookup_view(registry, uses[i].ns, uses[i].name);
        char buf[KDBI_MAP_KEY_MAX];
        if (view != NULL && kdb_map_put(followed, kdbi_registry_map_key(view->ns, view->name, buf), registry) == NULL &&
            reads_itself(registry, spec, view->uses, view->nuses, followed)) {
            return true;
        }
    }
    return false;
}

static bool keeps_column(const kdb_view_spec *spec, const kdb_view_column *column)
{
    for (size_t i = 0; i < spec->ncolumns; i++) {
        if (kdb_sv_ieq(spec->columns[i].name, column->name)) {
            return kdb_type_eq(spec->columns[i].type, column->type);
        }
    }
    return false;
}

/* Views that read it must find what they read: names and types. */
static kdb_status check_kept_columns(kdb_registry *registry, const kdb_view_spec *spec, const kdb_view *old,
                                     kdb_arena *arena, kdb_err *err)
{
    for (size_t i = 0; i < old->ncolumns; i++) {
        const kdb_view_column *column = &old->columns[i];
        const kdb_sv users = keeps_column(spec, column)
                                 ? (kdb_sv){ NULL, 0 }
                                 : kdb_registry_views_using(registry, old->ns, old->name, column->name, arena);
        if (users.len != 0) {
            return KDB_FAIL(err, KDB_INVALID_OPERATION,
                            "Cannot replace view '%.*s.%.*s': its column '%.*s' would change, and is used by view %.*s",
                            KDB_SV_ARG(old->ns), KDB_SV_ARG(old->name), KDB_SV_ARG(column->name), KDB_SV_ARG(users));
        }
    }
    return KDB_OK;
}

static kdb_status check_replaced(kdb_registry *registry, const kdb_view_spec *spec, const kdb_view *old, bool replace,
                                 kdb_arena *arena, kdb_err *err)
{
    if (!replace) {
        return KDB_FAIL(err, KDB_ALREADY_EXISTS, "View %.*s.%.*s already exists", KDB_SV_ARG(spec->ns),
                        KDB_SV_ARG(spec->name));
    }
    KDB_CLEANUP(kdb_map_freep) kdb_map *followed = kdb_map_new();
    if (reads_itself(registry, spec, spec->uses, spec->nuses, followed)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "View '%.*s.%.*s' cannot read itself", KDB_SV_ARG(spec->ns),
                        KDB_SV_ARG(spec->name));
    }
    return check_kept_columns(registry, spec, old, arena, err);
}

static bool has_column(const kdb_view_column *columns, size_t ncolumns, kdb_sv name)
{
    for (size_t i = 0; i < ncolumns; i++) {
        if (kdb_sv_ieq(columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

static kdb_status check_view_columns(const kdb_view_spec *spec, kdb_err *err)
{
    if (spec->ncolumns > KDBI_COLUMNS_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "View has too many columns (%zu, max %d)", spec->ncolumns,
                        KDBI_COLUMNS_MAX);
    }
    for (size_t i = 0; i < spec->ncolumns; i++) {
        if (has_column(spec->columns, i, spec->columns[i].name)) {
            return KDB_FAIL(err, KDB_INVALID_OPERATION, "column \"%.*s\" specified more than once",
                            KDB_SV_ARG(spec->columns[i].name));
        }
    }
    return KDB_OK;
}

static void copy_columns(const kdb_view_spec *spec, kdb_view *view)
{
    kdb_view_column *columns = KDB_ARENA_ARRAY(view->arena, kdb_view_column, spec->ncolumns);
    for (size_t i = 0; i < spec->ncolumns; i++) {
        columns[i] = (kdb_view_column){ .name = kdb_sv_dup(view->arena, spec->columns[i].name),
                                        .source = kdb_sv_dup(view->arena, spec->columns[i].source),
                                        .type = spec->columns[i].type };
    }
    view->columns = columns;
    view->ncolumns = spec->ncolumns;
}

static void copy_use(const kdb_view_use *from, kdb_arena *arena, kdb_view_use *out)
{
    kdb_sv *columns = KDB_ARENA_ARRAY(arena, kdb_sv, from->ncolumns);
    for (size_t i = 0; i < from->ncolumns; i++) {
        columns[i] = kdb_sv_dup(arena, from->columns[i]);
    }
    *out = (kdb_view_use){ kdb_sv_dup(arena, from->ns), kdb_sv_dup(arena, from->name), columns, from->ncolumns };
}

static kdb_view *new_view(const kdb_view_spec *spec, const kdb_view *old)
{
    kdb_view *view = kdbi_view_new();
    view->ns = kdb_sv_dup(view->arena, spec->ns);
    view->name = kdb_sv_dup(view->arena, spec->name);
    view->query = kdb_sv_dup(view->arena, spec->query);
    view->updated_us = kdb_now_us();
    view->created_us = old != NULL ? old->created_us : view->updated_us;
    copy_columns(spec, view);
    kdb_view_use *uses = KDB_ARENA_ARRAY(view->arena, kdb_view_use, spec->nuses);
    for (size_t i = 0; i < spec->nuses; i++) {
        copy_use(&spec->uses[i], view->arena, &uses[i]);
    }
    view->uses = uses;
    view->nuses = spec->nuses;
    return view;
}

static void stage_record(const kdb_view *view, kdb_batch *batch)
{
    char buf[KDBI_MAP_KEY_MAX];
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_view_encode(view, &record);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_VIEWS), kdbi_registry_map_key(view->ns, view->name, buf),
                  kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

kdb_status kdb_registry_stage_create_view(kdb_registry *registry, const kdb_view_spec *spec, bool replace,
                                          kdb_batch *batch, kdb_view **out, kdb_err *err)
{
    KDB_TRY(kdbi_registry_check_place(registry, "view", spec->ns, spec->name, err));
    if (spec->query.len > KDB_VIEW_QUERY_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "The query of a view is limited to %d bytes", KDB_VIEW_QUERY_MAX);
    }
    KDB_TRY(check_view_columns(spec, err));
    KDB_CLEANUP(kdb_view_unrefp) kdb_view *old = kdb_registry_lookup_view(registry, spec->ns, spec->name);
    if (old != NULL) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        KDB_TRY(check_replaced(registry, spec, old, replace, arena, err));
    }
    *out = new_view(spec, old);
    stage_record(*out, batch);
    return KDB_OK;
}

void kdb_registry_publish_create_view(kdb_registry *registry, kdb_view *view)
{
    char buf[KDBI_MAP_KEY_MAX];
    const kdb_sv key = kdbi_registry_map_key(view->ns, view->name, buf);
    kdb_mutex_lock(&registry->lock);
    kdb_view *replaced = kdb_map_put(registry->views, key, view);
    kdb_mutex_unlock(&registry->lock);
    atomic_fetch_add(&registry->epoch, 1);
    kdb_view_unref(replaced);
}

/* ---- DROP VIEW ---- */

kdb_status kdb_registry_stage_drop_view(kdb_registry *registry, kdb_view *view, bool cascade, kdb_batch *batch,
                                        kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv users = cascade ? (kdb_sv){ NULL, 0 }
                                 : kdb_registry_views_using(registry, view->ns, view->name, (kdb_sv){ NULL, 0 }, arena);
    if (users.len != 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Cannot drop view '%.*s.%.*s': it is used by view %.*s",
                        KDB_SV_ARG(view->ns), KDB_SV_ARG(view->name), KDB_SV_ARG(users));
    }
    char buf[KDBI_MAP_KEY_MAX];
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_VIEWS),
                     kdbi_registry_map_key(view->ns, view->name, buf));
    return KDB_OK;
}

void kdb_registry_publish_drop_view(kdb_registry *registry, kdb_view *view)
{
    char buf[KDBI_MAP_KEY_MAX];
    const kdb_sv key = kdbi_registry_map_key(view->ns, view->name, buf);
    kdb_mutex_lock(&registry->lock);
    kdb_view *removed = kdb_map_remove(registry->views, key);
    kdb_mutex_unlock(&registry->lock);
    KDB_ASSERT(removed == view);
    atomic_fetch_add(&registry->epoch, 1);
    kdb_view_unref(removed);
}
