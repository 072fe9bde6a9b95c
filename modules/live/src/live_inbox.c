/* live_inbox.c - what a live thread has to look at. The committer puts the most, and must not be kept waiting: a put is a
 * short lock, and wakes the thread only when it sleeps. The thread takes all there is at once. */
#include "live_int.h"

void kdbi_inbox_init(kdbi_inbox *inbox)
{
    kdb_mutex_init(&inbox->lock, KDB_LOCK_LIVE_INBOX);
    kdb_cond_init(&inbox->wake);
}

void kdbi_inbox_done(kdbi_inbox *inbox)
{
    kdb_cond_done(&inbox->wake);
    kdb_mutex_done(&inbox->lock);
}

void kdbi_inbox_put(kdbi_inbox *inbox, kdbi_note *note)
{
    note->next = NULL;
    kdb_mutex_lock(&inbox->lock);
    *(inbox->first == NULL ? &inbox->first : &inbox->last->next) = note;
    inbox->last = note;
    const bool sleeping = inbox->sleeping;
    inbox->sleeping = false;
    kdb_mutex_unlock(&inbox->lock);
    if (sleeping) {
        kdb_cond_signal(&inbox->wake);
    }
}

kdbi_note *kdbi_inbox_take(kdbi_inbox *inbox)
{
    kdb_mutex_lock(&inbox->lock);
    while (inbox->first == NULL && !inbox->closed) {
        inbox->sleeping = true;
        kdb_cond_wait(&inbox->wake, &inbox->lock);
    }
    kdbi_note *first = inbox->first;
    inbox->first = NULL;
    inbox->last = NULL;
    inbox->sleeping = false;
    kdb_mutex_unlock(&inbox->lock);
    return first;
}

void kdbi_inbox_close(kdbi_inbox *inbox)
{
    kdb_mutex_lock(&inbox->lock);
    inbox->closed = true;
    kdb_cond_signal(&inbox->wake);
    kdb_mutex_unlock(&inbox->lock);
}
