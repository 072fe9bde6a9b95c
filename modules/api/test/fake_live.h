/* fake_live.h - live queries for the tests of the edge, in place of module live. The SQL of a subscription is a script:
 *   rows N         an ack, and N rows in one batch      fail CODE     refused with an ERROR
 *   batches N      an ack, and N batches: each when the one before is asked for, or everything has been sent
 *   full           refused at once with KDB_LIMIT       busy          the same with KDB_OVERLOADED
 *   options        an ack whose `schema` tells the start, from, last_rows and batch_rows
 * Anything else is an ack and an empty batch. */
#ifndef KDB_FAKE_LIVE_H
#define KDB_FAKE_LIVE_H

#include "api_test.h"

kdb_live *fake_live_new(void);
void fake_live_free(kdb_live *live);
/* A change with `pad` bytes of text goes to all subscriptions; its cursor. */
uint64_t fake_live_publish(kdb_live *live, size_t pad);
/* Many, that come to the loops together. */
void fake_live_publish_many(kdb_live *live, size_t count, size_t pad);
/* Ends all subscriptions with an ERROR of that code. */
void fake_live_end_all(kdb_live *live, const char *code);
typedef struct fake_live_counts {
    size_t subs, subscribed, next_batches, drained;
} fake_live_counts;
fake_live_counts fake_live_count(kdb_live *live);
/* Waits until there are so many subscriptions; false after some seconds. */
bool fake_live_has_subs(kdb_live *live, size_t count);

#endif
