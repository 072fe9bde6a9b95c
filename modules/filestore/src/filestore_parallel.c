/* filestore_parallel.c - steps that wait for the network, several at a time. The calling thread takes part, so that the work is done
 * even where the system has no thread left. */
#include "filestore_int.h"

enum { THREADS_MAX = 16 };

typedef struct crew {
    kdb_status (*run)(void *arg, size_t i, kdb_err *err);
    void *arg;
    size_t count;
    atomic_size_t next;
    atomic_bool failed; /* whoever sets it fills `status` and `err` */
    kdb_status status;
    kdb_err err;
} crew;

static void work(void *arg)
{
    crew *c = arg;
    while (!atomic_load(&c->failed)) {
        const size_t i = atomic_fetch_add(&c->next, 1);
        if (i >= c->count) {
            return;
        }
        kdb_err err;
        const kdb_status status = c->run(c->arg, i, &err);
        if (status != KDB_OK && !atomic_exchange(&c->failed, true)) {
            c->status = status;
            c->err = err;
        }
    }
}

kdb_status kdbi_parallel(size_t count, size_t threads, kdb_status (*run)(void *arg, size_t i, kdb_err *err), void *arg,
                         kdb_err *err)
{
    crew c = { .run = run, .arg = arg, .count = count };
    kdb_thread helpers[THREADS_MAX] = { 0 };
    KDB_ASSERT(threads <= THREADS_MAX);
    for (size_t i = 1; i < threads && i < count; i++) {
        if (!kdb_thread_try_start(&helpers[i], "storage", KDB_THREAD_ANY, work, &c)) {
            break;
        }
    }
    work(&c);
    for (size_t i = 1; i < THREADS_MAX; i++) {
        kdb_thread_join(&helpers[i]);
    }
    if (c.status != KDB_OK && err != NULL) {
        *err = c.err;
    }
    return c.status;
}
