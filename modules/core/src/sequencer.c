/* sequencer.c - gives writes their `_seq` and lets their changes out in that order. Workers take numbers and hand their
 * batches to the committer independently, so commits of one table may end out of order; a write's changes are held
 * back until no write with a smaller `_seq` is in flight for its table. Tables share the lines of a few shards: a line
 * shared with another table orders more than it must, never less.
 * The same two calls, before a write is handed over and after it has been applied, count the writes of each partition (a
 * user's rows of a table): while no write is between the two, what the store holds of the partition is the state that the
 * count names. Counters are shared by hash too: a shared one moves more often than it must, never less. */
#include "core_int.h"

enum { SHARDS = 64, COUNTERS = 4096 };

typedef struct shard {
    kdb_mutex lock; /* rank KDB_LOCK_SEQUENCER */
    kdbi_seq_ticket *first, *last;
} shard;

typedef struct counter {
    atomic_uint_fast64_t begun, ended;
    atomic_uint_fast64_t last_end; /* the moment of the latest end */
    /* The same of the changes that take no numbers. */
    atomic_uint_fast64_t changing, last_change;
} counter;

struct kdbi_sequencer {
    shard shards[SHARDS];
    counter counters[COUNTERS];
    atomic_uint_fast64_t moments; /* handed out so far */
};

kdbi_sequencer *kdbi_sequencer_new(void)
{
    kdbi_sequencer *sequencer = KDB_NEW(kdbi_sequencer);
    for (size_t i = 0; i < SHARDS; i++) {
        kdb_mutex_init(&sequencer->shards[i].lock, KDB_LOCK_SEQUENCER);
    }
    return sequencer;
}

void kdbi_sequencer_free(kdbi_sequencer *sequencer)
{
    if (sequencer == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        KDB_ASSERT(sequencer->shards[i].first == NULL);
        kdb_mutex_done(&sequencer->shards[i].lock);
    }
    kdb_free(sequencer);
}

static uint16_t counter_of(uint32_t table_id, kdb_user_id user)
{
    const uint64_t hash = kdb_hash64(user.text) ^ (table_id * UINT64_C(0x9E3779B97F4A7C15));
    return (uint16_t)((hash ^ hash >> 32) % COUNTERS);
}

bool kdbi_sequencer_quiet(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t *version)
{
    counter *writes = &sequencer->counters[counter_of(table_id, user)];
    const uint64_t ended =
        atomic_load(&writes->ended); /* first: a write that ends in between then shows as in flight */
    *version = atomic_load(&writes->begun);
    return ended == *version;
}

uint64_t kdbi_sequencer_now(kdbi_sequencer *sequencer)
{
    return atomic_fetch_add(&sequencer->moments, 1) + 1;
}

bool kdbi_sequencer_rests(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t moment)
{
    uint64_t version = 0;
    return kdbi_sequencer_quiet(sequencer, table_id, user, &version) &&
           atomic_load(&sequencer->counters[counter_of(table_id, user)].last_end) < moment;
}

void kdbi_sequencer_enter(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, kdbi_seq_ticket *ticket,
                          uint64_t *seqs, size_t count)
{
    shard *at = &sequencer->shards[table_id % SHARDS];
    *ticket = (kdbi_seq_ticket){ .counter = counter_of(table_id, user) };
    atomic_fetch_add(&sequencer->counters[ticket->counter].begun, 1);
    kdb_mutex_lock(&at->lock);
    for (size_t i = 0; i < count; i++) {
        seqs[i] = kdb_snowflake_next();
    }
    ticket->first = seqs[0];
    *(at->first == NULL ? &at->first : &at->last->next) = ticket;
    at->last = ticket;
    kdb_mutex_unlock(&at->lock);
}

void kdbi_sequencer_change_begin(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user)
{
    counter *writes = &sequencer->counters[counter_of(table_id, user)];
    atomic_fetch_add(&writes->begun, 1);
    atomic_fetch_add(&writes->changing, 1);
}

void kdbi_sequencer_change_end(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user)
{
    counter *writes = &sequencer->counters[counter_of(table_id, user)];
    const uint64_t now = kdbi_sequencer_now(sequencer);
    atomic_store(&writes->last_end, now); /* first, as in _finish */
    atomic_fetch_add(&writes->ended, 1);
    atomic_store(&writes->last_change, now);
    atomic_fetch_sub(&writes->changing, 1);
}

bool kdbi_sequencer_unchanged(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t moment)
{
    const counter *writes = &sequencer->counters[counter_of(table_id, user)];
    return atomic_load(&writes->changing) == 0 && atomic_load(&writes->last_change) < moment;
}

uint64_t kdbi_sequencer_floor(kdbi_sequencer *sequencer, uint32_t table_id)
{
    shard *at = &sequencer->shards[table_id % SHARDS];
    kdb_mutex_lock(&at->lock);
    const uint64_t floor = at->first == NULL ? kdb_snowflake_next() : at->first->first;
    kdb_mutex_unlock(&at->lock);
    return floor;
}

kdbi_seq_ticket *kdbi_sequencer_finish(kdbi_sequencer *sequencer, uint32_t table_id, kdbi_seq_ticket *ticket)
{
    shard *at = &sequencer->shards[table_id % SHARDS];
    counter *writes = &sequencer->counters[ticket->counter];
    atomic_store(&writes->last_end, kdbi_sequencer_now(sequencer)); /* first: who sees the end sees when it was */
    atomic_fetch_add(&writes->ended, 1);
    kdb_mutex_lock(&at->lock);
    ticket->finished = true;
    kdbi_seq_ticket *head = at->first, *end = NULL;
    while (at->first != NULL && at->first->finished) {
        end = at->first;
        at->first = end->next;
    }
    if (end != NULL) {
        end->next = NULL;
    }
    kdb_mutex_unlock(&at->lock);
    return end == NULL ? NULL : head;
}
