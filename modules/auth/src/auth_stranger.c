/* auth_stranger.c - failed sign-ins under names that no password can sign in. They lock just as accounts do, or the lock itself
 * would tell which names exist. Names come from outside, so the table is of fixed size: a set of slots that is full loses the
 * name that was tried longest ago. Which names share a set is secret, or eight of one's own would drive out any other. Kept in memory only: after a restart a name starts afresh, which an account does not. */
#include "auth_int.h"

enum { SET_BITS = 10, SETS = 1 << SET_BITS, WAYS = 8 };

typedef struct stranger {
    uint64_t key; /* digest of the name */
    uint32_t failures;
    int64_t locked_until_us; /* 0: not locked */
    int64_t seen_us;         /* 0: never used */
} stranger;

struct kdbi_strangers {
    uint64_t offset, factor; /* random */
    stranger sets[SETS][WAYS];
};

kdbi_strangers *kdbi_strangers_new(void)
{
    kdbi_strangers *all = KDB_NEW(kdbi_strangers);
    kdb_random_bytes(&all->offset, sizeof(all->offset));
    kdb_random_bytes(&all->factor, sizeof(all->factor));
    all->factor |= 1;
    return all;
}

void kdbi_strangers_free(kdbi_strangers *all)
{
    kdb_free(all);
}

/* The name's slot; NULL when it has none, and then *oldest is the one to take. */
static stranger *find(kdb_auth *auth, uint64_t key, stranger **oldest)
{
    kdbi_strangers *all = auth->strangers;
    stranger *set = all->sets[(key + all->offset) * all->factor >> (64 - SET_BITS)];
    *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key && set[i].seen_us != 0) {
            return &set[i];
        }
        if (set[i].seen_us < (*oldest)->seen_us) {
            *oldest = &set[i];
        }
    }
    return NULL;
}

bool kdbi_stranger_is_locked(kdb_auth *auth, kdb_sv name)
{
    stranger *oldest;
    kdb_mutex_lock(&auth->lock);
    const stranger *who = find(auth, kdb_hash64(name), &oldest);
    const bool locked = who != NULL && who->locked_until_us > kdb_now_us();
    kdb_mutex_unlock(&auth->lock);
    return locked;
}

void kdbi_stranger_failed(kdb_auth *auth, kdb_sv name)
{
    const uint64_t key = kdb_hash64(name);
    const int64_t now_us = kdb_now_us();
    stranger *oldest;
    kdb_mutex_lock(&auth->lock);
    stranger *who = find(auth, key, &oldest);
    if (who == NULL) {
        who = oldest;
        *who = (stranger){ .key = key };
    }
    kdbi_count_failure(&who->failures, &who->locked_until_us, now_us);
    who->seen_us = now_us;
    kdb_mutex_unlock(&auth->lock);
}
