/* store_commit.c - commits as callers see them: hand over and go on, or hand over and wait. */
#include "store_int.h"

void kdb_store_commit_async(kdb_store *store, kdb_commit *commit)
{
    kdbi_committer_push(&store->committer, commit);
}

void kdb_store_on_group_end(kdb_store *store, void (*fn)(void *arg), void *arg)
{
    store->committer.group_end = fn;
    store->committer.group_end_arg = arg;
}

/* A caller that waits on its own stack. */
typedef struct waiter {
    kdb_commit commit;
    kdb_mutex lock; /* rank KDB_LOCK_STORE */
    kdb_cond wake;
    bool finished; /* guarded by lock */
    kdb_status status;
    kdb_err *err; /* the caller's, may be NULL */
} waiter;

static void wake_waiter(kdb_commit *commit, kdb_status status, const kdb_err *err)
{
    waiter *self = KDB_CONTAINER_OF(commit, waiter, commit);
    kdb_mutex_lock(&self->lock);
    self->finished = true;
    self->status = status;
    if (status != KDB_OK && self->err != NULL) {
        *self->err = *err;
    }
    kdb_cond_signal(&self->wake); /* under the lock: the waiter's stack is gone as soon as it may run */
    kdb_mutex_unlock(&self->lock);
}

kdb_status kdb_store_commit(kdb_store *store, kdb_batch *batch, kdb_err *err)
{
    KDB_ASSERT(kdb_thread_role_get() != KDB_THREAD_COMMITTER); /* it would wait for itself */
    waiter self = { .commit = { .batch = batch, .done = wake_waiter, .essential = true }, .err = err };
    kdb_mutex_init(&self.lock, KDB_LOCK_STORE);
    kdb_cond_init(&self.wake);
    kdbi_committer_push(&store->committer, &self.commit);
    kdb_mutex_lock(&self.lock);
    while (!self.finished) {
        kdb_cond_wait(&self.wake, &self.lock);
    }
    kdb_mutex_unlock(&self.lock);
    kdb_cond_done(&self.wake);
    kdb_mutex_done(&self.lock);
    return self.status;
}
