/* store_key.c - physical keys: how partitions lie in the one ordered key space, and the names of the system's own. */
#include "store_int.h"

const kdb_system_partition_def kdb_system_partition_defs[KDB_PART_SYSTEM_END] = {
    [KDB_PART_SYSTEM_NAMESPACES] = { "system_namespaces" },
    [KDB_PART_SYSTEM_SCHEMAS] = { "system_schemas" },
    [KDB_PART_SYSTEM_USERS] = { "system_users" },
    [KDB_PART_SYSTEM_STORAGES] = { "system_storages" },
    [KDB_PART_SYSTEM_JOBS] = { "system_jobs" },
    [KDB_PART_SYSTEM_SETTINGS] = { "system_settings" },
    [KDB_PART_SYSTEM_VIEWS] = { "system_views" },
    [KDB_PART_SYSTEM_SESSIONS] = { "system_sessions" },
    [KDB_PART_SYSTEM_AUDIT_LOG] = { "system_audit_log" },
};

char *kdbi_prefix_put(char *at, kdb_partition part)
{
    *at = (char)part.family;
    kdb_put_be32(at + 1, part.prefix);
    return at + KDBI_PREFIX_LEN;
}

kdb_partition kdbi_partition_after(kdb_partition part)
{
    return (kdb_partition){ part.prefix == UINT32_MAX ? part.family + 1 : part.family, part.prefix + 1 };
}

char *kdbi_key_put(char *at, kdb_partition part, kdb_sv logical)
{
    at = kdbi_prefix_put(at, part);
    if (logical.len != 0) {
        memcpy(at, logical.ptr, logical.len);
    }
    return at + logical.len;
}

void kdbi_key_init(kdbi_key *key, kdb_partition part, kdb_sv logical)
{
    key->len = KDBI_PREFIX_LEN + logical.len;
    key->large = key->len > sizeof(key->small) ? kdb_alloc(key->len) : NULL;
    kdbi_key_put(key->large != NULL ? key->large : key->small, part, logical);
}

void kdbi_key_done(kdbi_key *key)
{
    kdb_free(key->large);
}

size_t kdbi_bounds_size(kdb_sv from, kdb_sv to)
{
    return 2 * KDBI_PREFIX_LEN + from.len + to.len;
}

kdbi_bounds kdbi_bounds_put(char *memory, kdb_partition part, kdb_sv from, kdb_sv to)
{
    char *upper = kdbi_key_put(memory, part, from);
    const char *end = kdbi_key_put(upper, to.len != 0 ? part : kdbi_partition_after(part), to);
    return (kdbi_bounds){ { memory, (size_t)(upper - memory) }, { upper, (size_t)(end - upper) } };
}
