/* ids.c - snowflakes, UUID v7, ULID and random bytes. Each kind of id draws ticks from one atomic counter of milliseconds
 * and a 12-bit count: the next tick is the clock's or the last one plus one, whichever is later, so that ids only rise
 * over all threads, also when the clock stands still or steps back. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "kdb/clock.h"
#include "kdb/value.h"

enum { COUNT_BITS = 12, COUNT_MASK = (1 << COUNT_BITS) - 1, NODE_BITS = 10, MILLI_BITS = 41, POOL_SIZE = 512 };

static _Atomic uint64_t snowflake_tick; /* milliseconds since KDB_SNOWFLAKE_EPOCH_MS << 12 | count */
static _Atomic uint64_t uuid_tick;      /* milliseconds since 1970 << 12 | count */
static _Atomic uint64_t ulid_tick;
static _Atomic uint16_t snowflake_node;

static uint64_t next_tick(_Atomic uint64_t *source, int64_t now_ms)
{
    uint64_t from_clock = now_ms < 0 ? 0 : (uint64_t)now_ms << COUNT_BITS;
    uint64_t last = atomic_load_explicit(source, memory_order_relaxed);
    uint64_t next;
    do {
        next = from_clock > last ? from_clock : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(source, &last, next, memory_order_relaxed, memory_order_relaxed));
    return next;
}

void kdb_snowflake_setup(uint16_t node_id)
{
    KDB_ASSERT(node_id < 1 << NODE_BITS);
    atomic_store(&snowflake_node, node_id);
}

uint64_t kdb_snowflake_next(void)
{
    uint64_t tick = next_tick(&snowflake_tick, kdb_now_ms() - KDB_SNOWFLAKE_EPOCH_MS);
    uint64_t ms = tick >> COUNT_BITS;
    KDB_ASSERT(ms >> MILLI_BITS == 0);
    uint64_t node = atomic_load_explicit(&snowflake_node, memory_order_relaxed);
    return ms << (NODE_BITS + COUNT_BITS) | node << COUNT_BITS | (tick & COUNT_MASK);
}

void kdb_snowflake_raise(uint64_t floor)
{
    /* The floor may be another node's, so the whole of its millisecond is given up. */
    uint64_t tick = floor >> (NODE_BITS + COUNT_BITS) << COUNT_BITS | COUNT_MASK;
    uint64_t last = atomic_load(&snowflake_tick);
    while (last < tick && !atomic_compare_exchange_weak(&snowflake_tick, &last, tick)) {}
}

void kdb_random_bytes(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            KDB_ASSERT(errno == EINTR); /* the kernel promises every other call to succeed */
            continue;
        }
        at += got;
        len -= (size_t)got;
    }
}

/* Random bits for ids come from a pool per thread, so that an id rarely costs a system call. */
static void pooled_random(void *out, size_t len)
{
    static _Thread_local unsigned char pool[POOL_SIZE];
    static _Thread_local size_t left;
    if (left < len) {
        kdb_random_bytes(pool, sizeof(pool));
        left = sizeof(pool);
    }
    memcpy(out, pool + sizeof(pool) - left, len);
    left -= len;
}

void kdb_uuid_v7_text(char out[37])
{
    uint64_t tick = next_tick(&uuid_tick, kdb_now_ms());
    kdb_uuid uuid;
    kdb_put_be64(uuid.bytes, tick >> COUNT_BITS << 16 | UINT64_C(7) << COUNT_BITS | (tick & COUNT_MASK));
    pooled_random(uuid.bytes + 8, 8);
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3F)); /* the variant of RFC 9562 */
    kdb_uuid_format(&uuid, out);
}

void kdb_ulid_text(char out[27])
{
    static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t tick = next_tick(&ulid_tick, kdb_now_ms());
    unsigned char random[9];
    pooled_random(random, sizeof(random));
    /* 48 bits of time, 12 of count, 68 random. */
    uint64_t high = tick << 4 | (random[8] & 15);
    uint64_t low = kdb_get_be64(random);
    for (int i = 25; i >= 0; i--) {
        out[i] = base32[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    out[26] = '\0';
}
