/* registry_namespace.c - namespaces: records in partition system_namespaces (key = name), the map of those in force,
 * and their DDL. A staged namespace waits in registry->staged, so that what publish shows is what the store has.
 *
 * record: u8 format | u64 created_us | text options JSON */
#include <stdlib.h>

#include "kdb/json.h"
#include "registry_int.h"

kdbi_namespace *kdbi_namespace_new(kdb_sv name, int64_t created_us, kdb_sv options_json)
{
    kdbi_namespace *ns = kdb_alloc(sizeof(*ns) + name.len + options_json.len);
    memcpy(ns->text, name.ptr, name.len);
    memcpy(ns->text + name.len, options_json.ptr, options_json.len);
    ns->pub = (kdb_namespace){
        .name = kdb_sv_of(ns->text, name.len),
        .created_us = created_us,
        .options_json = kdb_sv_of(ns->text + name.len, options_json.len),
    };
    return ns;
}

void kdbi_namespace_encode(const kdb_namespace *ns, kdb_buf *out)
{
    kdb_buf_append_byte(out, KDBI_RECORD_FORMAT);
    kdb_record_write_u64(out, (uint64_t)ns->created_us);
    kdb_record_write_text(out, ns->options_json);
}

kdb_status kdbi_namespace_decode(kdb_sv name, kdb_sv bytes, kdbi_namespace **out, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    uint8_t format = kdb_record_read_u8(&reader);
    int64_t created_us = (int64_t)kdb_record_read_u64(&reader);
    kdb_sv options_json = kdb_record_read_text(&reader);
    if (!kdb_record_complete(&reader) || format != KDBI_RECORD_FORMAT || options_json.len == 0 || name.len == 0 ||
        name.len > KDBI_NAME_MAX) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad namespace record of %zu bytes", bytes.len);
    }
    *out = kdbi_namespace_new(name, created_us, options_json);
    return KDB_OK;
}

kdb_status kdbi_registry_load_namespaces(kdb_registry *registry, kdb_err *err)
{
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_NAMESPACES);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(registry->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdbi_namespace *ns;
        KDB_TRY(kdbi_namespace_decode(kdb_iter_key(iter), kdb_iter_value(iter), &ns, err));
        (void)kdb_map_put(registry->namespaces, ns->pub.name, ns);
    }
    return kdb_iter_status(iter, err);
}

static kdb_namespace copy_namespace(const kdb_namespace *ns, kdb_arena *arena)
{
    kdb_namespace copy = *ns;
    copy.name = kdb_sv_dup(arena, ns->name);
    copy.options_json = kdb_sv_dup(arena, ns->options_json);
    return copy;
}

bool kdb_registry_has_namespace(kdb_registry *registry, kdb_sv ns)
{
    kdb_mutex_lock(&registry->lock);
    bool has = kdb_map_lookup(registry->namespaces, ns) != NULL;
    kdb_mutex_unlock(&registry->lock);
    return has;
}

/* ---- not found ---- */

/* A name as it was while the lock was held. */
typedef struct name_copy {
    size_t len;
    char bytes[KDBI_NAME_MAX];
} name_copy;

static void find_nearest(kdb_registry *registry, kdb_sv name, name_copy *out)
{
    size_t limit = kdbi_nearness(name) + 1;
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    out->len = 0;
    kdb_mutex_lock(&registry->lock);
    while (kdb_map_next(registry->namespaces, &cursor, &key, &value)) {
        size_t distance = kdb_sv_distance(key, name, limit);
        if (distance < limit && key.len <= sizeof(out->bytes)) {
            memcpy(out->bytes, key.ptr, key.len);
            out->len = key.len;
            limit = distance;
        }
    }
    kdb_mutex_unlock(&registry->lock);
}

kdb_status kdbi_registry_no_namespace(kdb_registry *registry, kdb_sv name, kdb_err *err)
{
    name_copy nearest;
    find_nearest(registry, name, &nearest);
    if (nearest.len == 0) {
        return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found", KDB_SV_ARG(name));
    }
    return KDB_FAIL(err, KDB_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found. Did you mean '%.*s'?", KDB_SV_ARG(name),
                    (int)nearest.len, nearest.bytes);
}

/* ---- DDL ---- */

void kdbi_namespace_stage(const kdb_namespace *ns, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_namespace_encode(ns, &record);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_NAMESPACES), ns->name, kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

kdb_status kdb_registry_stage_create_namespace(kdb_registry *registry, kdb_sv name, kdb_batch *batch, kdb_err *err)
{
    KDB_TRY(kdb_registry_check_namespace_name(name, err));
    if (kdb_registry_has_namespace(registry, name)) {
        return KDB_FAIL(err, KDB_ALREADY_EXISTS, "Namespace '%.*s' already exists", KDB_SV_ARG(name));
    }
    kdbi_namespace *ns = kdbi_namespace_new(name, kdb_now_us(), KDB_SV("{}"));
    kdbi_namespace_stage(&ns->pub, batch);
    kdb_free(kdb_map_put(registry->staged, ns->pub.name, ns)); /* an earlier stage whose commit failed */
    return KDB_OK;
}

void kdb_registry_publish_create_namespace(kdb_registry *registry, kdb_sv name)
{
    kdbi_namespace *ns = kdb_map_remove(registry->staged, name);
    KDB_ASSERT(ns != NULL);
    kdb_mutex_lock(&registry->lock);
    kdbi_namespace *replaced = kdb_map_put(registry->namespaces, name, ns);
    kdb_mutex_unlock(&registry->lock);
    KDB_ASSERT(replaced == NULL);
    atomic_fetch_add(&registry->epoch, 1);
}

/* ---- ALTER NAMESPACE: options are members of one JSON object ---- */

enum { OPTIONS_MAX_BYTES = 64 << 10 };

static void put_json(const kdb_json *json, kdb_buf *out)
{
    switch (json->kind) {
    case KDB_JSON_BOOL:
        kdb_buf_printf(out, "%s", json->boolean ? "true" : "false");
        break;
    case KDB_JSON_INT:
        kdb_buf_printf(out, "%lld", (long long)json->integer);
        break;
    case KDB_JSON_DOUBLE:
        kdb_json_put_double(out, json->number);
        break;
    case KDB_JSON_STRING:
        kdb_json_put_string(out, json->string);
        break;
    case KDB_JSON_NULL: /* options are none of these */
    case KDB_JSON_ARRAY:
    case KDB_JSON_OBJECT:
        kdb_buf_append_lit(out, "null");
        break;
    }
}

static void put_option(const kdb_value *value, kdb_buf *out)
{
    switch (value->type.kind) {
    case KDB_TYPE_BOOLEAN:
        kdb_buf_printf(out, "%s", value->as.b ? "true" : "false");
        break;
    case KDB_TYPE_BIGINT:
        kdb_buf_printf(out, "%lld", (long long)value->as.i64);
        break;
    case KDB_TYPE_DOUBLE:
        kdb_json_put_double(out, value->as.f64);
        break;
    default: /* TEXT: see kdb_namespace_option */
        kdb_json_put_string(out, value->as.bytes);
        break;
    }
}

static void put_key(kdb_sv key, kdb_buf *out)
{
    if (out->len > 1) {
        kdb_buf_append_byte(out, ',');
    }
    kdb_json_put_string(out, key);
    kdb_buf_append_byte(out, ':');
}

/* The last word on an option counts. NULL: nothing is said of it. */
static const kdb_namespace_option *last_word(const kdb_alter_namespace *alter, kdb_sv key)
{
    const kdb_namespace_option *last = NULL;
    for (size_t i = 0; i < alter->noptions; i++) {
        last = kdb_sv_eq(alter->options[i].name, key) ? &alter->options[i] : last;
    }
    return last;
}

/* Options keep their places; new ones follow. */
static void merge(const kdb_json *present, const kdb_alter_namespace *alter, kdb_buf *out)
{
    kdb_buf_append_byte(out, '{');
    for (const kdb_json *member = present->child; member != NULL; member = member->next) {
        const kdb_namespace_option *option = last_word(alter, member->key);
        put_key(member->key, out);
        if (option != NULL) {
            put_option(&option->value, out);
        } else {
            put_json(member, out);
        }
    }
    for (size_t i = 0; i < alter->noptions; i++) {
        const kdb_namespace_option *option = &alter->options[i];
        if (last_word(alter, option->name) == option && kdb_json_lookup(present, option->name) == NULL) {
            put_key(option->name, out);
            put_option(&option->value, out);
        }
    }
    kdb_buf_append_byte(out, '}');
}

/* A copy in `arena`; false when there is no such namespace. */
static bool copy_of(kdb_registry *registry, kdb_sv name, kdb_arena *arena, kdb_namespace *out)
{
    kdb_mutex_lock(&registry->lock);
    const kdbi_namespace *found = kdb_map_lookup(registry->namespaces, name);
    if (found != NULL) {
        *out = copy_namespace(&found->pub, arena);
    }
    kdb_mutex_unlock(&registry->lock);
    return found != NULL;
}

static kdb_status merge_options(const kdb_namespace *present, const kdb_alter_namespace *alter, kdb_arena *arena,
                                kdb_buf *out, kdb_err *err)
{
    kdb_json *json = NULL;
    KDB_TRY(kdb_json_parse(present->options_json, arena, &json, err));
    merge(json, alter, out);
    if (out->len > OPTIONS_MAX_BYTES) {
        return KDB_FAIL(err, KDB_LIMIT, "The options of namespace '%.*s' would be longer than %d bytes",
                        KDB_SV_ARG(alter->name), OPTIONS_MAX_BYTES);
    }
    return KDB_OK;
}

kdb_status kdb_registry_stage_alter_namespace(kdb_registry *registry, const kdb_alter_namespace *alter,
                                              kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_namespace present;
    if (!copy_of(registry, alter->name, arena, &present)) {
        return kdbi_registry_no_namespace(registry, alter->name, err);
    }
    kdb_buf options;
    kdb_buf_init(&options, 0);
    const kdb_status status = merge_options(&present, alter, arena, &options, err);
    if (status == KDB_OK) {
        kdbi_namespace *ns = kdbi_namespace_new(alter->name, present.created_us, kdb_buf_sv(&options));
        kdbi_namespace_stage(&ns->pub, batch);
        kdb_free(kdb_map_put(registry->staged, ns->pub.name, ns)); /* an earlier stage whose commit failed */
    }
    kdb_buf_done(&options);
    return status;
}

/* Names mean what they meant: the epoch stays. */
void kdb_registry_publish_alter_namespace(kdb_registry *registry, kdb_sv name)
{
    kdbi_namespace *ns = kdb_map_remove(registry->staged, name);
    KDB_ASSERT(ns != NULL);
    kdb_mutex_lock(&registry->lock);
    const kdbi_namespace *present = kdb_map_lookup(registry->namespaces, name);
    ns->pub.table_count = present->pub.table_count;
    kdbi_namespace *replaced = kdb_map_put(registry->namespaces, name, ns);
    kdb_mutex_unlock(&registry->lock);
    kdb_free(replaced);
}

/* ---- DROP NAMESPACE ---- */

/* Tables that a DROP NAMESPACE .. CASCADE is taking along are in state DROPPED by now and do not count. */
static size_t count_tables(kdb_registry *registry, kdb_sv ns)
{
    size_t count = 0;
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    while (kdb_map_next(registry->tables, &cursor, &key, &value)) {
        const kdb_table *table = value;
        if (kdb_sv_eq(table->ns, ns) && kdb_table_state_of(table) != KDB_TABLE_DROPPED) {
            count++;
        }
    }
    kdb_mutex_unlock(&registry->lock);
    return count;
}

static kdb_status not_empty(kdb_sv name, size_t tables, size_t views, kdb_err *err)
{
    kdb_buf what = { .limit = 64 };
    if (tables != 0) {
        kdb_buf_printf(&what, "%zu table(s)", tables);
    }
    if (views != 0) {
        kdb_buf_printf(&what, "%s%zu view(s)", tables != 0 ? ", " : "", views);
    }
    const kdb_status status =
        KDB_FAIL(err, KDB_INVALID_OPERATION, "Namespace '%.*s' is not empty: %.*s. Use DROP NAMESPACE %.*s CASCADE",
                 KDB_SV_ARG(name), KDB_SV_ARG(kdb_buf_sv(&what)), KDB_SV_ARG(name));
    kdb_buf_done(&what);
    return status;
}

kdb_status kdb_registry_stage_drop_namespace(kdb_registry *registry, kdb_sv name, bool cascade, kdb_batch *batch,
                                             kdb_err *err)
{
    if (kdb_registry_is_protected(name) || kdb_sv_ieq(name, KDB_SV("default"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "Cannot drop system namespace '%.*s'. System namespaces are managed internally.",
                        KDB_SV_ARG(name));
    }
    if (!kdb_registry_has_namespace(registry, name)) {
        return kdbi_registry_no_namespace(registry, name, err);
    }
    const size_t tables = count_tables(registry, name);
    const size_t views = cascade ? 0 : kdbi_registry_count_views(registry, name);
    if (tables + views > 0) {
        return not_empty(name, tables, views, err);
    }
    KDB_TRY(kdbi_registry_check_used_from_outside(registry, name, err));
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_NAMESPACES), name);
    return KDB_OK;
}

void kdb_registry_publish_drop_namespace(kdb_registry *registry, kdb_sv name)
{
    kdb_mutex_lock(&registry->lock);
    kdbi_namespace *ns = kdb_map_remove(registry->namespaces, name);
    kdb_mutex_unlock(&registry->lock);
    kdb_free(ns);
    atomic_fetch_add(&registry->epoch, 1);
}

/* ---- list ---- */

static int by_name(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_namespace *)a)->name, ((const kdb_namespace *)b)->name);
}

void kdb_registry_list_namespaces(kdb_registry *registry, kdb_arena *arena, kdb_namespace **out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    kdb_namespace *list = KDB_ARENA_ARRAY(arena, kdb_namespace, kdb_map_count(registry->namespaces));
    while (kdb_map_next(registry->namespaces, &cursor, &key, &value)) {
        list[n++] = copy_namespace(&((const kdbi_namespace *)value)->pub, arena);
    }
    kdb_mutex_unlock(&registry->lock);
    qsort(list, n, sizeof(*list), by_name);
    *out = list;
    *count = n;
}
