/* thread.h - threads, ranked locks and bounded queues. */
#ifndef KDB_THREAD_H
#define KDB_THREAD_H

#include <pthread.h>

#include "kdb/err.h"

/* What a thread is for; thread-bound functions assert it with KDB_ASSERT_ON. */
typedef enum kdb_thread_role {
    KDB_THREAD_ANY, /* main and test threads */
    KDB_THREAD_NET,
    KDB_THREAD_WORKER,
    KDB_THREAD_COMMITTER,
    KDB_THREAD_HASHER,
    KDB_THREAD_LIVE,
    KDB_THREAD_JOB /* runs when others leave it a processor: nobody waits for it */
} kdb_thread_role;

typedef struct kdb_thread {
    pthread_t id;
    bool started;
} kdb_thread;

/* Starts `run(arg)` on a new thread named `name` (15 characters at most) with all signals blocked. Aborts when the
 * system has no threads left: only called at start. */
void kdb_thread_start(kdb_thread *thread, const char *name, kdb_thread_role role, void (*run)(void *arg), void *arg);
/* The same where the work can be done with fewer threads: false when the system has none left. */
bool kdb_thread_try_start(kdb_thread *thread, const char *name, kdb_thread_role role, void (*run)(void *arg),
                          void *arg);
void kdb_thread_join(kdb_thread *thread); /* not started is fine */
kdb_thread_role kdb_thread_role_get(void);
#define KDB_ASSERT_ON(role) KDB_ASSERT(kdb_thread_role_get() == (role))

/* The one table of locks, lowest first: a thread may lock only ranks above all it holds; debug builds assert it. */
typedef enum kdb_lock_rank {
    KDB_LOCK_SERVER,
    KDB_LOCK_JOBS,          /* jobs: whether they stop, steps that have ended */
    KDB_LOCK_COLD_WORK,     /* core: tables whose rows are flushed or compacted */
    KDB_LOCK_DDL,           /* core: one DDL statement at a time; a gate, held over commit */
    KDB_LOCK_WORKERS,       /* core: worker pool */
    KDB_LOCK_STEP,          /* core: row locks that a job waits for */
    KDB_LOCK_REQUEST,       /* api: one streaming response */
    KDB_LOCK_HASHER,        /* auth: jobs waiting for a hashing thread */
    KDB_LOCK_AUTH,          /* auth: users in memory, token cache */
    KDB_LOCK_AUDIT,         /* audit: records that wait, the end of the chain */
    KDB_LOCK_REGISTRY,      /* registry: names to tables */
    KDB_LOCK_LIVE,          /* live: subscriptions, loads that wait */
    KDB_LOCK_LIVE_LOOP,     /* live: parcels under way to a loop */
    KDB_LOCK_LIVE_INBOX,    /* live: notes for a live thread */
    KDB_LOCK_SEQUENCER,     /* core: sequence numbers in flight */
    KDB_LOCK_HOT_ROWS,      /* core: partitions kept decoded */
    KDB_LOCK_HIGH_MARKS,    /* core: the greatest keys of partitions */
    KDB_LOCK_ROW_STRIPE,    /* core: the stripe table's own short lock, not the stripes */
    KDB_LOCK_ENGINE_MEMORY, /* engine: its connections, looked at by its memory thread */
    KDB_LOCK_ENGINE,
    KDB_LOCK_SCAN,    /* tables: the split of one scan into parts; the columns of rows kept in memory */
    KDB_LOCK_COLD,    /* tables: manifests in memory */
    KDB_LOCK_OBJECTS, /* filestore: which storages are open */
    KDB_LOCK_LEASES,  /* filestore: who reads which object */
    KDB_LOCK_CACHE,   /* filestore: copies of remote objects */
    KDB_LOCK_FOLDER,  /* filestore: directories that come and go */
    KDB_LOCK_STORE,   /* store: batches waiting for the committer */
    KDB_LOCK_HTTP,    /* commons: connections that are kept */
    KDB_LOCK_QUEUE,   /* commons: inside kdb_queue */
    KDB_LOCK_MEMORY,  /* commons: blocks of arenas that are kept */
    KDB_LOCK_RANK_COUNT
} kdb_lock_rank;

/* Said of a function, and checked by Clang: the lock must be held by the caller, is taken and kept for the caller, or is
 * given up for it.
 * KDB_UNCHECKED_LOCKS: the analysis cannot follow this function.
 * Which lock guards a field its comment says: in C, Clang takes no attribute that names another field of the same struct. */
#ifdef __clang__
#define KDB_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define KDB_ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define KDB_RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))
#define KDB_UNCHECKED_LOCKS __attribute__((no_thread_safety_analysis))
#define KDB_CAPABILITY __attribute__((capability("mutex")))
#else
#define KDB_REQUIRES(...)
#define KDB_ACQUIRES(...)
#define KDB_RELEASES(...)
#define KDB_UNCHECKED_LOCKS
#define KDB_CAPABILITY
#endif

typedef struct KDB_CAPABILITY kdb_mutex {
    pthread_mutex_t os;
    kdb_lock_rank rank;
} kdb_mutex;

typedef struct kdb_cond {
    pthread_cond_t os;
} kdb_cond;

void kdb_mutex_init(kdb_mutex *mutex, kdb_lock_rank rank);
void kdb_mutex_done(kdb_mutex *mutex);
void kdb_mutex_lock(kdb_mutex *mutex) KDB_ACQUIRES(*mutex);
void kdb_mutex_unlock(kdb_mutex *mutex) KDB_RELEASES(*mutex);
void kdb_cond_init(kdb_cond *cond);
void kdb_cond_done(kdb_cond *cond);
void kdb_cond_wait(kdb_cond *cond, kdb_mutex *mutex) KDB_REQUIRES(*mutex);
/* False when `deadline_us` (kdb_monotonic_us) has passed. */
bool kdb_cond_wait_until(kdb_cond *cond, kdb_mutex *mutex, int64_t deadline_us) KDB_REQUIRES(*mutex);
void kdb_cond_signal(kdb_cond *cond);
void kdb_cond_broadcast(kdb_cond *cond);

/* A bounded first-in first-out queue of pointers; any thread pushes, any thread pops. */
typedef struct kdb_queue kdb_queue;
kdb_queue *kdb_queue_new(size_t capacity);
void kdb_queue_free(kdb_queue *queue); /* items left are the caller's; NULL is fine */
/* False when full or closed: the caller sheds load. */
KDB_NODISCARD bool kdb_queue_push(kdb_queue *queue, void *item);
/* Ignores the bound: for work already admitted that must go on. False only when closed. */
bool kdb_queue_push_always(kdb_queue *queue, void *item);
/* Waits for an item; NULL once closed and empty. */
void *kdb_queue_pop(kdb_queue *queue);
/* Takes an item if there is one; NULL otherwise. */
void *kdb_queue_try_pop(kdb_queue *queue);
void kdb_queue_close(kdb_queue *queue); /* wakes all; what is queued can still be popped */
size_t kdb_queue_length(kdb_queue *queue);

#endif
