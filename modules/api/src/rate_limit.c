/* rate_limit.c - how many events per second a key (a user, an address) may cause. A bucket per key fills at the allowed rate
 * up to one second's worth, and each event takes one. Buckets live in a fixed table, found by hash: when a set of slots is
 * full, the one that was idle longest (so the fullest bucket) gives way. Memory does not grow with the number of keys.
 *
 * A limit with a ban shuts a key out that goes on asking: that was refused as often as a whole second allows before its
 * bucket was full again. */
#include "api_int.h"

enum { SETS = 1024, WAYS = 4, SECOND_US = 1000000 };

typedef struct slot {
    uint64_t key;
    int64_t seen_us; /* 0: never used */
    int64_t credit;  /* events allowed now, in millionths */
    int64_t refused; /* since the bucket was full */
    int64_t banned_until_us;
} slot;

struct kdbi_rate_limit {
    int64_t per_second;
    int64_t ban_us;        /* 0: no bans */
    kdb_mutex lock;        /* rank KDB_LOCK_REQUEST: nothing is locked while it is held */
    slot sets[SETS][WAYS]; /* guarded by lock */
};

kdbi_rate_limit *kdbi_rate_limit_new(int64_t per_second, int64_t ban_seconds)
{
    if (per_second == 0) {
        return NULL;
    }
    kdbi_rate_limit *limit = KDB_NEW(kdbi_rate_limit);
    limit->per_second = per_second;
    limit->ban_us = ban_seconds * SECOND_US;
    kdb_mutex_init(&limit->lock, KDB_LOCK_REQUEST);
    return limit;
}

void kdbi_rate_limit_free(kdbi_rate_limit *limit)
{
    if (limit == NULL) {
        return;
    }
    kdb_mutex_done(&limit->lock);
    kdb_free(limit);
}

static slot *find_slot(kdbi_rate_limit *limit, uint64_t key, int64_t now_us)
{
    slot *set = limit->sets[key % SETS];
    slot *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key && set[i].seen_us != 0) {
            return &set[i];
        }
        if (set[i].seen_us < oldest->seen_us) {
            oldest = &set[i];
        }
    }
    *oldest = (slot){ .key = key, .seen_us = now_us, .credit = limit->per_second * SECOND_US };
    return oldest;
}

static bool take(slot *bucket, int64_t per_second, int64_t now_us)
{
    const int64_t full = per_second * SECOND_US;
    const int64_t elapsed = now_us - bucket->seen_us;
    bucket->seen_us = now_us;
    bucket->credit = elapsed >= SECOND_US ? full : bucket->credit + elapsed * per_second;
    if (bucket->credit >= full) {
        bucket->credit = full;
        bucket->refused = 0;
    }
    if (bucket->credit < SECOND_US) {
        return false;
    }
    bucket->credit -= SECOND_US;
    return true;
}

static kdbi_rate ask(const kdbi_rate_limit *limit, slot *bucket, int64_t now_us)
{
    if (bucket->banned_until_us > now_us) {
        bucket->seen_us = now_us;
        return KDBI_RATE_BANNED;
    }
    if (bucket->banned_until_us != 0) { /* it is over, and all is forgotten */
        bucket->banned_until_us = 0;
        bucket->credit = limit->per_second * SECOND_US;
    }
    if (take(bucket, limit->per_second, now_us)) {
        return KDBI_RATE_FINE;
    }
    bucket->refused++;
    if (limit->ban_us == 0 || bucket->refused < limit->per_second) {
        return KDBI_RATE_OVER;
    }
    bucket->refused = 0;
    bucket->banned_until_us = now_us + limit->ban_us;
    return KDBI_RATE_BANNED;
}

kdbi_rate kdbi_rate_limit_ask(kdbi_rate_limit *limit, uint64_t key, int64_t now_us)
{
    if (limit == NULL) {
        return KDBI_RATE_FINE;
    }
    kdb_mutex_lock(&limit->lock);
    const kdbi_rate rate = ask(limit, find_slot(limit, key, now_us), now_us);
    kdb_mutex_unlock(&limit->lock);
    return rate;
}

bool kdbi_rate_limit_take(kdbi_rate_limit *limit, uint64_t key, int64_t now_us)
{
    return kdbi_rate_limit_ask(limit, key, now_us) == KDBI_RATE_FINE;
}
