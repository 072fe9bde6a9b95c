/* registry_table.c - the tables in force: loaded from partition system_schemas, found by name, listed, published,
 * dropped. The map holds one reference to each; whoever finds a table gets another, so that a dropped table's memory
 * stays until the last statement that uses it ends. */
#include <stdlib.h>

#include "registry_int.h"

kdb_sv kdbi_registry_map_key(kdb_sv ns, kdb_sv name, char buf[KDBI_MAP_KEY_MAX])
{
    if (ns.len == 0 || ns.len > KDBI_NAME_MAX || name.len == 0 || name.len > KDBI_NAME_MAX) {
        return (kdb_sv){ NULL, 0 };
    }
    memcpy(buf, ns.ptr, ns.len);
    buf[ns.len] = '\0';
    memcpy(buf + ns.len + 1, name.ptr, name.len);
    return kdb_sv_of(buf, ns.len + 1 + name.len);
}

/* ---- loading ---- */

/* The table whose records are being read. */
typedef struct loader {
    kdb_registry *registry;
    kdb_table *table; /* owned until added to the map; NULL: none begun */
    kdbi_table_header header;
    kdb_schema *versions;
    uint32_t loaded; /* versions so far */
} loader;

static kdb_status begin_table(loader *load, uint32_t id, kdb_sv bytes, kdb_err *err)
{
    if (id < KDBI_FIRST_TABLE_ID || id >= load->registry->next_table_id) {
        return KDB_FAIL(err, KDB_CORRUPT, "table id %u was never given", id);
    }
    load->table = kdbi_table_new();
    load->table->id = id;
    KDB_TRY(kdbi_table_decode(bytes, load->table, &load->header, err));
    load->versions = NULL;
    load->loaded = 0;
    return KDB_OK;
}

/* Versions are allocated as they come: the header's count is believed only once the records are there. */
static kdb_status add_version(loader *load, uint32_t version, kdb_sv bytes, kdb_err *err)
{
    if (load->table == NULL || version != load->loaded + 1 || version > load->header.nversions) {
        return KDB_FAIL(err, KDB_CORRUPT, "schema version %u is out of place", version);
    }
    kdb_schema *grown = kdb_realloc(load->versions, (load->loaded + 1) * sizeof(kdb_schema));
    load->versions = grown;
    KDB_TRY(kdbi_schema_decode(bytes, version, load->table->arena, &grown[load->loaded], err));
    load->loaded++;
    return KDB_OK;
}

static kdb_status add_table(loader *load, kdb_err *err)
{
    kdb_registry *registry = load->registry;
    char buf[KDBI_MAP_KEY_MAX];
    kdb_sv key = kdbi_registry_map_key(load->table->ns, load->table->name, buf);
    kdbi_namespace *ns = kdb_map_lookup(registry->namespaces, load->table->ns);
    if (ns == NULL || kdb_map_lookup(registry->tables, key) != NULL) {
        return KDB_FAIL(err, KDB_CORRUPT, "its namespace is missing or its name is taken");
    }
    ns->pub.table_count++;
    (void)kdb_map_put(registry->tables, key, KDB_TAKE(load->table));
    return KDB_OK;
}

/* Closes the table begun, if any. */
static kdb_status end_table(loader *load, kdb_err *err)
{
    if (load->table == NULL) {
        return KDB_OK;
    }
    if (load->loaded == 0 || load->loaded != load->header.nversions) {
        return KDB_FAIL(err, KDB_CORRUPT, "%u of %u schema versions are there", load->loaded, load->header.nversions);
    }
    kdb_schema *versions = KDB_ARENA_ARRAY(load->table->arena, kdb_schema, load->loaded);
    memcpy(versions, load->versions, load->loaded * sizeof(kdb_schema));
    kdb_free(load->versions);
    load->versions = NULL;
    kdbi_table_set_versions(load->table, versions, load->loaded);
    KDB_TRY(kdbi_table_resolve_key(load->table, &load->header, err));
    return add_table(load, err);
}

static kdb_status load_record(loader *load, kdb_sv key, kdb_sv value, kdb_err *err)
{
    if (key.len != 8) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad key of %zu bytes", key.len);
    }
    uint32_t id = kdb_get_be32(key.ptr);
    uint32_t version = kdb_get_be32(key.ptr + 4);
    if (version == 0) {
        KDB_TRY(end_table(load, err));
        return begin_table(load, id, value, err);
    }
    if (load->table == NULL || load->table->id != id) {
        return KDB_FAIL(err, KDB_CORRUPT, "table %u has no record of its own", id);
    }
    return add_version(load, version, value, err);
}

static kdb_status load_records(loader *load, kdb_err *err)
{
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_SCHEMAS);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(load->registry->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_TRY(load_record(load, kdb_iter_key(iter), kdb_iter_value(iter), err));
    }
    KDB_TRY(kdb_iter_status(iter, err));
    return end_table(load, err);
}

kdb_status kdbi_registry_load_tables(kdb_registry *registry, kdb_err *err)
{
    loader load = { .registry = registry };
    kdb_status status = load_records(&load, err);
    if (status == KDB_CORRUPT && load.table != NULL) {
        kdb_err_context(err, "loading table %u", load.table->id);
    }
    kdb_table_unref(load.table);
    kdb_free(load.versions);
    return status;
}

/* ---- finding ---- */

kdb_table *kdb_registry_lookup_table(kdb_registry *registry, kdb_sv ns, kdb_sv name)
{
    char buf[KDBI_MAP_KEY_MAX];
    kdb_sv key = kdbi_registry_map_key(ns, name, buf);
    if (key.len == 0) {
        return NULL;
    }
    kdb_mutex_lock(&registry->lock);
    kdb_table *table = kdb_map_lookup(registry->tables, key);
    if (table != NULL) {
        (void)kdb_table_ref(table);
    }
    kdb_mutex_unlock(&registry->lock);
    return table;
}

/* A table of the same namespace with a near name, else one of that very name elsewhere. A reference, or NULL. */
static kdb_table *find_nearest(kdb_registry *registry, kdb_sv ns, kdb_sv name)
{
    kdb_table *near = NULL;
    kdb_table *elsewhere = NULL;
    size_t limit = kdbi_nearness(name) + 1;
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    while (kdb_map_next(registry->tables, &cursor, &key, &value)) {
        kdb_table *table = value;
        if (!kdb_sv_eq(table->ns, ns)) {
            elsewhere = kdb_sv_eq(table->name, name) ? table : elsewhere;
            continue;
        }
        size_t distance = kdb_sv_distance(table->name, name, limit);
        if (distance < limit) {
            near = table;
            limit = distance;
        }
    }
    kdb_table *found = near != NULL ? near : elsewhere;
    if (found != NULL) {
        (void)kdb_table_ref(found);
    }
    kdb_mutex_unlock(&registry->lock);
    return found;
}

static kdb_status no_table(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *nearest = find_nearest(registry, ns, name);
    if (nearest == NULL) {
        return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'", KDB_SV_ARG(name),
                        KDB_SV_ARG(ns));
    }
    return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'. Did you mean '%.*s.%.*s'?",
                    KDB_SV_ARG(name), KDB_SV_ARG(ns), KDB_SV_ARG(nearest->ns), KDB_SV_ARG(nearest->name));
}

kdb_status kdb_registry_find_table(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_table **out, kdb_err *err)
{
    kdb_table *table = kdb_registry_lookup_table(registry, ns, name);
    if (table != NULL) {
        *out = table;
        return KDB_OK;
    }
    if (!kdb_registry_has_namespace(registry, ns)) {
        return kdbi_registry_no_namespace(registry, ns, err);
    }
    return no_table(registry, ns, name, err);
}

/* ---- listing ---- */

static int by_name(const void *a, const void *b)
{
    const kdb_table *left = *(kdb_table *const *)a;
    const kdb_table *right = *(kdb_table *const *)b;
    int order = kdb_sv_cmp(left->ns, right->ns);
    return order != 0 ? order : kdb_sv_cmp(left->name, right->name);
}

void kdb_registry_list_tables(kdb_registry *registry, kdb_arena *arena, kdb_table ***out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&registry->lock);
    kdb_table **list = KDB_ARENA_ARRAY(arena, kdb_table *, kdb_map_count(registry->tables));
    while (kdb_map_next(registry->tables, &cursor, &key, &value)) {
        list[n++] = kdb_table_ref(value);
    }
    kdb_mutex_unlock(&registry->lock);
    qsort(list, n, sizeof(void *), by_name);
    *out = list;
    *count = n;
}

void kdb_registry_release_tables(kdb_table **tables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kdb_table_unref(tables[i]);
    }
}

/* ---- publishing and dropping ---- */

static void count_in_namespace(kdb_registry *registry, kdb_sv ns, bool added) KDB_REQUIRES(registry->lock);

static void count_in_namespace(kdb_registry *registry, kdb_sv ns, bool added)
{
    kdbi_namespace *found = kdb_map_lookup(registry->namespaces, ns);
    if (found != NULL) {
        found->pub.table_count += added ? 1U : UINT32_MAX;
    }
}

void kdb_registry_publish_create_table(kdb_registry *registry, kdb_table *table)
{
    char buf[KDBI_MAP_KEY_MAX];
    kdb_sv key = kdbi_registry_map_key(table->ns, table->name, buf);
    kdb_mutex_lock(&registry->lock);
    kdb_table *replaced = kdb_map_put(registry->tables, key, table);
    count_in_namespace(registry, table->ns, true);
    kdb_mutex_unlock(&registry->lock);
    KDB_ASSERT(replaced == NULL);
    atomic_fetch_add(&registry->epoch, 1);
}

kdb_status kdb_registry_stage_drop_table(kdb_registry *registry, kdb_table *table, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *current = kdb_registry_lookup_table(registry, table->ns, table->name);
    if (current == NULL || current->id != table->id) {
        return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'", KDB_SV_ARG(table->name),
                        KDB_SV_ARG(table->ns));
    }
    char from[8];
    char to[8];
    kdbi_table_record_key(table->id, 0, from);
    kdbi_table_record_key(table->id + 1, 0, to);
    kdb_batch_delete_range(batch, kdb_partition_system(KDB_PART_SYSTEM_SCHEMAS), kdb_sv_of(from, sizeof(from)),
                           kdb_sv_of(to, sizeof(to)));
    return KDB_OK;
}

void kdb_registry_publish_drop_table(kdb_registry *registry, kdb_table *table)
{
    char buf[KDBI_MAP_KEY_MAX];
    kdb_sv key = kdbi_registry_map_key(table->ns, table->name, buf);
    atomic_store(&table->state, KDB_TABLE_DROPPED);
    kdb_mutex_lock(&registry->lock);
    kdb_table *removed = kdb_map_remove(registry->tables, key);
    count_in_namespace(registry, table->ns, false);
    kdb_mutex_unlock(&registry->lock);
    KDB_ASSERT(removed == table);
    atomic_fetch_add(&registry->epoch, 1);
    kdb_table_unref(removed);
}

/* The epoch rises with the lock held: whoever finds the new version, and may write rows of it, has the new epoch before
 * those rows are there. A reader that takes its snapshot first and then finds its epoch unchanged meets none of them. */
void kdb_registry_publish_alter_table(kdb_registry *registry, kdb_table *table)
{
    char buf[KDBI_MAP_KEY_MAX];
    kdb_sv key = kdbi_registry_map_key(table->ns, table->name, buf);
    kdb_mutex_lock(&registry->lock);
    kdb_table *replaced = kdb_map_put(registry->tables, key, table);
    atomic_fetch_add(&registry->epoch, 1);
    kdb_mutex_unlock(&registry->lock);
    KDB_ASSERT(replaced != NULL && replaced->id == table->id && replaced->nversions + 1 == table->nversions);
    kdb_table_unref(replaced);
}
