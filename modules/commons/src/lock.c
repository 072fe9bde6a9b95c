/* lock.c - mutexes that know their rank, and conditions on the monotonic clock. Debug builds keep each thread's held ranks
 * and assert that they only rise, so that any run of any test would find a possible deadlock. */
#include <errno.h>
#include <time.h>

#include "kdb/thread.h"

#ifdef KDB_DEBUG
static _Thread_local unsigned held_ranks; /* one bit per rank */

static void note_locked(kdb_lock_rank rank)
{
    KDB_ASSERT(held_ranks >> rank == 0); /* nothing of this rank or above it is held */
    held_ranks |= 1U << rank;
}

static void note_unlocked(kdb_lock_rank rank)
{
    KDB_ASSERT((held_ranks >> rank & 1U) != 0);
    held_ranks &= ~(1U << rank);
}

/* To wait is to lock again: only the highest lock held may be waited with. */
static void note_waiting(kdb_lock_rank rank)
{
    KDB_ASSERT(held_ranks >> rank == 1U);
}
#else
static void note_locked(kdb_lock_rank rank)
{
    (void)rank;
}

static void note_unlocked(kdb_lock_rank rank)
{
    (void)rank;
}

static void note_waiting(kdb_lock_rank rank)
{
    (void)rank;
}
#endif

/* The system's calls fail only when we misuse them. */
static void must(int error)
{
    KDB_ASSERT(error == 0);
}

void kdb_mutex_init(kdb_mutex *mutex, kdb_lock_rank rank)
{
    must(pthread_mutex_init(&mutex->os, NULL));
    mutex->rank = rank;
}

void kdb_mutex_done(kdb_mutex *mutex)
{
    must(pthread_mutex_destroy(&mutex->os));
}

KDB_UNCHECKED_LOCKS void kdb_mutex_lock(kdb_mutex *mutex)
{
    note_locked(mutex->rank);
    must(pthread_mutex_lock(&mutex->os));
}

KDB_UNCHECKED_LOCKS void kdb_mutex_unlock(kdb_mutex *mutex)
{
    note_unlocked(mutex->rank);
    must(pthread_mutex_unlock(&mutex->os));
}

void kdb_cond_init(kdb_cond *cond)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&cond->os, &attributes));
    must(pthread_condattr_destroy(&attributes));
}

void kdb_cond_done(kdb_cond *cond)
{
    must(pthread_cond_destroy(&cond->os));
}

void kdb_cond_wait(kdb_cond *cond, kdb_mutex *mutex)
{
    note_waiting(mutex->rank);
    must(pthread_cond_wait(&cond->os, &mutex->os));
}

bool kdb_cond_wait_until(kdb_cond *cond, kdb_mutex *mutex, int64_t deadline_us)
{
    note_waiting(mutex->rank);
    if (deadline_us < 0) {
        deadline_us = 0;
    }
    struct timespec until = { .tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000 };
    int error = pthread_cond_timedwait(&cond->os, &mutex->os, &until);
    KDB_ASSERT(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

void kdb_cond_signal(kdb_cond *cond)
{
    must(pthread_cond_signal(&cond->os));
}

void kdb_cond_broadcast(kdb_cond *cond)
{
    must(pthread_cond_broadcast(&cond->os));
}
