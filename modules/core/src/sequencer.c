/* sequencer.c - gives writes their `_seq` and lets their changes out in that order. Workers take numbers and hand their
 * batches to the committer independently, so commits of one table may end out of order; a write's changes are held
 * back until no write with a smaller `_seq` is in flight for its table. Tables share the lines of a few shards: a line
 * shared with another table orders more than it must, never less. */
#include "core_int.h"

enum { SHARDS = 64 };

typedef struct shard {
    kdb_mutex lock; /* rank KDB_LOCK_SEQUENCER */
    kdbi_seq_ticket *first, *last;
} shard;

struct kdbi_sequencer {
    shard shards[SHARDS];
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

void kdbi_sequencer_enter(kdbi_sequencer *sequencer, uint32_t table_id, kdbi_seq_ticket *ticket, uint64_t *seqs,
                          size_t count)
{
    shard *at = &sequencer->shards[table_id % SHARDS];
    *ticket = (kdbi_seq_ticket){ 0 };
    kdb_mutex_lock(&at->lock);
    for (size_t i = 0; i < count; i++) {
        seqs[i] = kdb_snowflake_next();
    }
    *(at->first == NULL ? &at->first : &at->last->next) = ticket;
    at->last = ticket;
    kdb_mutex_unlock(&at->lock);
}

kdbi_seq_ticket *kdbi_sequencer_finish(kdbi_sequencer *sequencer, uint32_t table_id, kdbi_seq_ticket *ticket)
{
    shard *at = &sequencer->shards[table_id % SHARDS];
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
