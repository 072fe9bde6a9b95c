/* store_committer.c - the one thread that writes. Callers push batches without waiting; the committer takes all that
 * have gathered while it wrote, merges them into one write with one fsync, and tells each how it went. So the cost of
 * an fsync is shared by everyone who waits for it, and throughput grows with the number of clients.
 *
 * The inbox is a lock-free stack that is taken whole and turned round; only the push that finds it empty wakes anybody. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store_int.h"

/* Caps of one merged write, so that one group does not delay those behind it without end. */
enum { GROUP_MAX_COMMITS = 1024, GROUP_MAX_BYTES = 4 * 1024 * 1024 };

/* ---- sleeping and waking: a mutex and a condition would cost a call of the kernel more on either side ---- */

static void wake(kdbi_committer *committer)
{
    if (atomic_exchange(&committer->asleep, 0) != 0) {
        (void)syscall(SYS_futex, &committer->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* Until somebody pushes, or for no reason. It says that it sleeps before it looks for the last time, and who pushes does it the
 * other way round: one of both sees the other. */
static void sleep_until_woken(kdbi_committer *committer)
{
    atomic_store(&committer->asleep, 1);
    if (atomic_load(&committer->inbox) == NULL && !atomic_load(&committer->stopping)) {
        (void)syscall(SYS_futex, &committer->asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
    }
    atomic_store(&committer->asleep, 0);
}

/* ---- the inbox ---- */

void kdbi_committer_push(kdbi_committer *committer, kdb_commit *commit)
{
    kdb_commit *head = atomic_load_explicit(&committer->inbox, memory_order_relaxed);
    do {
        commit->next = head;
    } while (!atomic_compare_exchange_weak(&committer->inbox, &head, commit));
    if (head == NULL) {
        wake(committer);
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

/* Everything pushed, oldest first; waits for a first. NULL once the store closes and nothing is left: what was pushed before
 * it began to close is seen. */
static kdb_commit *take_inbox(kdbi_committer *committer)
{
    for (;;) {
        const bool stopping = atomic_load(&committer->stopping);
        kdb_commit *taken = atomic_exchange(&committer->inbox, NULL);
        if (taken != NULL || stopping) {
            return reverse(taken);
        }
        sleep_until_woken(committer);
    }
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

static void finish(kdb_commit *commit, uint64_t version, kdb_status status, const kdb_err *err)
{
    commit->version = version;
    commit->done(commit, status, status == KDB_OK ? NULL : err);
}

static void finish_group(kdb_store *store, kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    const uint64_t version = store->backend->version(store);
    while (commit != NULL) {
        kdb_commit *next = commit->next; /* `done` may free the struct */
        finish(commit, version, status, err);
        commit = next;
    }
}

/* Answers those of a group that may not be written now; returns the others. */
static kdb_commit *refuse(kdb_store *store, kdb_commit *group)
{
    kdb_err err;
    if (kdbi_disk_check(&store->disk, false, &err) == KDB_OK) {
        return group;
    }
    const uint64_t version = store->backend->version(store);
    kdb_err essential_err;
    const kdb_status essential = kdbi_disk_check(&store->disk, true, &essential_err);
    kdb_commit *kept = NULL;
    kdb_commit **last = &kept;
    while (group != NULL) {
        kdb_commit *commit = group;
        group = commit->next;
        if (commit->essential && essential == KDB_OK) {
            *last = commit;
            last = &commit->next;
        } else {
            const kdb_err *why = commit->essential ? &essential_err : &err;
            finish(commit, version, why->status, why);
        }
    }
    *last = NULL;
    return kept;
}

static void write_group(kdb_store *store, kdb_commit *group)
{
    kdb_err err;
    if (group != NULL) {
        const kdb_status status = store->backend->write(store, group, &err);
        finish_group(store, group, status, &err);
    }
}

static void run_committer(void *arg)
{
    kdbi_committer *committer = arg;
    kdb_store *store = committer->store;
    for (kdb_commit *group; (group = take_group(committer)) != NULL;) {
        write_group(store, refuse(store, group));
        if (committer->group_end != NULL) {
            committer->group_end(committer->group_end_arg);
        }
    }
}

void kdbi_committer_start(kdbi_committer *committer, kdb_store *store)
{
    committer->store = store;
    atomic_init(&committer->inbox, NULL);
    atomic_init(&committer->asleep, 0);
    atomic_init(&committer->stopping, false);
    kdb_thread_start(&committer->thread, "kdb-commit", KDB_THREAD_COMMITTER, run_committer, committer);
}

void kdbi_committer_stop(kdbi_committer *committer)
{
    atomic_store(&committer->stopping, true);
    wake(committer);
    kdb_thread_join(&committer->thread);
}
