/* table.c - one table: counted references, the bracket around its writers, and what can be asked of its schema. A table
 * is built in one arena, is immutable once published but for its atomics, and goes when the last reference does. */
#include "registry_int.h"

const kdbi_code_def kdbi_table_type_defs[KDB_TABLE_SYSTEM + 1] = {
    [KDB_TABLE_UNSET] = { 0, "" },        [KDB_TABLE_USER] = { 1, "user" },     [KDB_TABLE_SHARED] = { 2, "shared" },
    [KDB_TABLE_STREAM] = { 3, "stream" }, [KDB_TABLE_SYSTEM] = { 4, "system" },
};

const kdbi_code_def kdbi_access_level_defs[KDB_ACCESS_DBA + 1] = {
    [KDB_ACCESS_UNSET] = { 0, "" },          [KDB_ACCESS_PUBLIC] = { 1, "public" },
    [KDB_ACCESS_PRIVATE] = { 2, "private" }, [KDB_ACCESS_RESTRICTED] = { 3, "restricted" },
    [KDB_ACCESS_DBA] = { 4, "dba" },
};

kdb_table *kdbi_table_new(void)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdb_table *table = KDB_ARENA_NEW(arena, kdb_table);
    table->arena = arena;
    atomic_init(&table->refs, 1);
    return table;
}

void kdbi_table_set_versions(kdb_table *table, const kdb_schema *versions, size_t nversions)
{
    table->versions = versions;
    table->nversions = nversions;
    table->schema = &versions[nversions - 1];
}

bool kdbi_table_is_key(const kdb_table *table, uint32_t column_id)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->schema->columns[table->key[i]].id == column_id) {
            return true;
        }
    }
    return false;
}

kdb_table *kdb_table_ref(kdb_table *table)
{
    atomic_fetch_add(&table->refs, 1);
    return table;
}

void kdb_table_unref(kdb_table *table)
{
    if (table != NULL && atomic_fetch_sub(&table->refs, 1) == 1) {
        kdb_arena_free(table->arena);
    }
}

kdb_table_state kdb_table_state_of(const kdb_table *table)
{
    return (kdb_table_state)atomic_load(&table->state);
}

/* The order matters: who closes the table sets `state` and then waits for `writers` to be 0. Either the writer sees the
 * state, or who closes sees the writer. */
bool kdb_table_write_enter(kdb_table *table)
{
    atomic_fetch_add(&table->writers, 1);
    if (kdb_table_state_of(table) != KDB_TABLE_OPEN) {
        atomic_fetch_sub(&table->writers, 1);
        return false;
    }
    return true;
}

void kdb_table_write_leave(kdb_table *table)
{
    atomic_fetch_sub(&table->writers, 1);
}

kdb_partition kdb_table_partition(const kdb_table *table)
{
    return (kdb_partition){ table->type == KDB_TABLE_STREAM ? KDB_FAMILY_STREAM : KDB_FAMILY_HOT, table->id };
}

kdb_partition kdb_table_seq_partition(const kdb_table *table)
{
    return (kdb_partition){ KDB_FAMILY_SEQ, table->id };
}

int kdb_schema_column(const kdb_schema *schema, kdb_sv name)
{
    for (size_t i = 0; i < schema->ncolumns; i++) {
        if (kdb_sv_ieq(schema->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

kdb_sv kdb_schema_nearest(const kdb_schema *schema, kdb_sv name)
{
    kdb_sv nearest = { NULL, 0 };
    size_t limit = kdbi_nearness(name) + 1;
    for (size_t i = 0; i < schema->ncolumns; i++) {
        size_t distance = kdb_sv_distance(schema->columns[i].name, name, limit);
        if (distance < limit) {
            nearest = schema->columns[i].name;
            limit = distance;
        }
    }
    return nearest;
}

const char *kdb_table_type_name(kdb_table_type type)
{
    return kdbi_table_type_defs[type].name;
}

const char *kdb_access_level_name(kdb_access_level level)
{
    return kdbi_access_level_defs[level].name;
}

const char *kdb_access_level_title(kdb_access_level level)
{
    static const char *const titles[] = { [KDB_ACCESS_UNSET] = "Private",
                                          [KDB_ACCESS_PUBLIC] = "Public",
                                          [KDB_ACCESS_PRIVATE] = "Private",
                                          [KDB_ACCESS_RESTRICTED] = "Restricted",
                                          [KDB_ACCESS_DBA] = "Dba" };
    return titles[level];
}
