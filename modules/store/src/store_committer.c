/* store_committer.c - the one thread that writes. Callers push batches without waiting; the committer takes all that
 * have gathered while it wrote, merges them into one write with one fsync, and tells each how it went. So the cost of
 * an fsync is shared by everyone who waits for it, and throughput grows with the number of clients.
 *
 * The inbox is a lock-free stack that is taken whole and turned round; only the push that finds it empty wakes anybody. */
#include "store_int.h"

/* Caps of one merged write, so that one group does not delay those behind it without end. */
enum { GROUP_MAX_COMMITS = 1024, GROUP_MAX_BYTES = 4 * 1024 * 1024 };

void kdbi_committer_push(kdbi_committer *committer, kdb_commit *commit)
{
    kdb_commit *head = atomic_load_explicit(&committer->inbox, memory_order_relaxed);
    do {
        commit->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&committer->inbox, &head, commit, memory_order_release,
                                                    memory_order_relaxed));
    if (head == NULL) {
        /* Through the lock, so that the committer has either not looked at the inbox yet or sleeps by now. Not within it: the
         * committer wakes on another core before we are out, and would go back to sleep for want of the lock. */
        kdb_mutex_lock(&committer->lock);
        kdb_mutex_unlock(&committer->lock);
        kdb_cond_signal(&committer->wake);
    }
}

static kdb_commit *reverse(kdb_commit *commit)
{
    kdb_commit *reversed = NULL;
    while (commit != NULL) {
        kdb_commit *next = commit->next;
        commit->next = reversed;
        reversed = commit;
        commit = next;
    }
    return reversed;
}

/* Everything pushed, oldest first; waits for a first. NULL once the store closes and nothing is left. */
static kdb_commit *take_inbox(kdbi_committer *committer)
{
    kdb_mutex_lock(&committer->lock);
    while (atomic_load_explicit(&committer->inbox, memory_order_relaxed) == NULL && !committer->stopping) {
        kdb_cond_wait(&committer->wake, &committer->lock);
    }
    kdb_mutex_unlock(&committer->lock);
    return reverse(atomic_exchange_explicit(&committer->inbox, NULL, memory_order_acquire));
}

/* Cuts the next group off the backlog; the rest stays there. */
static kdb_commit *take_group(kdbi_committer *committer)
{
    if (committer->backlog == NULL) {
        committer->backlog = take_inbox(committer);
    }
    kdb_commit *first = committer->backlog;
    if (first == NULL) {
        return NULL;
    }
    kdb_commit *last = first;
    size_t bytes = kdb_batch_bytes(last->batch).len;
    size_t count = 1;
    while (last->next != NULL && count < GROUP_MAX_COMMITS && bytes < GROUP_MAX_BYTES) {
        last = last->next;
        bytes += kdb_batch_bytes(last->batch).len;
        count++;
    }
    committer->backlog = last->next;
    last->next = NULL;
    atomic_fetch_add_explicit(&committer->commits, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&committer->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&committer->bytes, bytes, memory_order_relaxed);
    return first;
}

static void finish_group(kdb_store *store, kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    const uint64_t version = store->backend->version(store);
    while (commit != NULL) {
        kdb_commit *next = commit->next; /* `done` may free the struct */
        commit->version = version;
        commit->done(commit, status, status == KDB_OK ? NULL : err);
        commit = next;
    }
}

static void run_committer(void *arg)
{
    kdbi_committer *committer = arg;
    kdb_store *store = committer->store;
    for (kdb_commit *group; (group = take_group(committer)) != NULL;) {
        kdb_err err;
        const kdb_status status = store->backend->write(store, group, &err);
        finish_group(store, group, status, &err);
        if (committer->group_end != NULL) {
            committer->group_end(committer->group_end_arg);
        }
    }
}

void kdbi_committer_start(kdbi_committer *committer, kdb_store *store)
{
    committer->store = store;
    atomic_init(&committer->inbox, NULL);
    kdb_mutex_init(&committer->lock, KDB_LOCK_STORE);
    kdb_cond_init(&committer->wake);
    kdb_thread_start(&committer->thread, "kdb-commit", KDB_THREAD_COMMITTER, run_committer, committer);
}

void kdbi_committer_stop(kdbi_committer *committer)
{
    kdb_mutex_lock(&committer->lock);
    committer->stopping = true;
    kdb_cond_signal(&committer->wake);
    kdb_mutex_unlock(&committer->lock);
    kdb_thread_join(&committer->thread);
    kdb_cond_done(&committer->wake);
    kdb_mutex_done(&committer->lock);
}
