/* conn_limit.c - how many connections an address has open. A fixed table of counters, so that no flood makes it grow: two
 * addresses that share one share the limit, and which do is a secret of the process. */
#include <stdatomic.h>

#include "api_int.h"

enum { SLOTS = 65536 };

struct kdbi_conn_limit {
    uint64_t seed;
    uint32_t most;
    atomic_uint slots[SLOTS];
};

kdbi_conn_limit *kdbi_conn_limit_new(int64_t most)
{
    if (most == 0) {
        return NULL;
    }
    kdbi_conn_limit *limit = KDB_NEW(kdbi_conn_limit);
    kdb_random_bytes(&limit->seed, sizeof(limit->seed));
    limit->most = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
    return limit;
}

void kdbi_conn_limit_free(kdbi_conn_limit *limit)
{
    kdb_free(limit);
}

static atomic_uint *slot_of(kdbi_conn_limit *limit, const kdbi_addr *addr)
{
    const uint64_t mixed[2] = { limit->seed, kdbi_addr_key(addr) };
    return &limit->slots[kdb_hash64(kdb_sv_of((const char *)mixed, sizeof(mixed))) % SLOTS];
}

bool kdbi_conn_limit_take(kdbi_conn_limit *limit, const kdbi_addr *addr)
{
    if (limit == NULL) {
        return true;
    }
    atomic_uint *slot = slot_of(limit, addr);
    if (atomic_fetch_add(slot, 1) < limit->most) {
        return true;
    }
    atomic_fetch_sub(slot, 1);
    return false;
}

void kdbi_conn_limit_give(kdbi_conn_limit *limit, const kdbi_addr *addr)
{
    if (limit != NULL) {
        atomic_fetch_sub(slot_of(limit, addr), 1);
    }
}
