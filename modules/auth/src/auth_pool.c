/* auth_pool.c - the threads that run jobs. A password hash takes a quarter of a second by design, a change of a sign-in waits
 * for a commit, an issuer's keys for the network: none may hold up net threads or SQL workers, nor one the other. A flood must not pile up: each
 * pool's queue is bounded, and who does not fit is told to come back. */
#include <sys/resource.h>
#include <unistd.h>

#include "auth_int.h"

static kdb_status run_hash(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    KDB_TRY(kdb_auth_check_password(auth, job->password, err));
    return kdbi_bcrypt_hash(job->password, auth->bcrypt_cost, job->arena, &job->hash, err);
}

/* One row per kind of job. */
static const struct {
    kdb_status (*run)(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
    kdbi_pool_id pool;
} kinds[] = {
    [KDB_AUTH_LOGIN] = { kdbi_auth_login, KDBI_POOL_HASHING },
    [KDB_AUTH_SETUP] = { kdbi_auth_setup, KDBI_POOL_HASHING },
    [KDB_AUTH_HASH] = { run_hash, KDBI_POOL_HASHING },
    [KDB_AUTH_REFRESH] = { kdbi_auth_refresh, KDBI_POOL_TOKENS },
    [KDB_AUTH_LOGOUT] = { kdbi_auth_logout, KDBI_POOL_TOKENS },
    [KDB_AUTH_VERIFY] = { kdbi_auth_verify, KDBI_POOL_KEYS },
};

/* One row per pool. */
static const struct {
    const char *thread;
    int nice; /* what it gives way to the others: who signs in waits anyhow, who runs a statement should not notice */
    const char *overloaded;
} pools[KDBI_POOL_COUNT] = {
    [KDBI_POOL_HASHING] = { "kdb-hash", 10, "Too many password checks are waiting; try again in a moment" },
    [KDBI_POOL_KEYS] = { "kdb-keys", 0, "Too many tokens of other issuers are waiting; try again in a moment" },
    [KDBI_POOL_TOKENS] = { "kdb-tokens", 0, "Too many changes of tokens are waiting; try again in a moment" },
};

/* A queue full of passwords takes a minute; those of clients that have gone must not hold up the others, nor the stop. */
static kdb_status run(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    if (atomic_load(&job->cancelled)) {
        return KDB_FAIL(err, KDB_CANCELLED, "nobody waits for the answer");
    }
    return kinds[job->kind].run(auth, job, err);
}

static void run_job(kdb_auth *auth, kdb_auth_job *job)
{
    kdb_err err;
    kdb_status status = run(auth, job, &err);
    job->done(job, status, status == KDB_OK ? NULL : &err); /* the job may be gone from here on */
}

/* What a thread is given; on the heap, freed by the thread. */
typedef struct post {
    kdb_auth *auth;
    kdb_queue *jobs;
    int nice;
} post;

static void run_thread(void *arg)
{
    const post at = *(post *)arg;
    kdb_free(arg);
    if (at.nice != 0) {
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(),
                          at.nice); /* of this thread alone; without it all works as well */
    }
    for (;;) {
        kdb_auth_job *job = kdb_queue_pop(at.jobs);
        if (job == NULL) {
            return;
        }
        run_job(at.auth, job);
    }
}

void kdbi_pool_start(kdb_auth *auth, kdbi_pool_id id, int32_t threads, int32_t waiting)
{
    kdbi_pool *pool = &auth->pools[id];
    pool->nthreads = threads > 0 ? (size_t)threads : 1;
    pool->threads = kdb_alloc_array(pool->nthreads, sizeof(*pool->threads));
    pool->jobs = kdb_queue_new(waiting > 0 ? (size_t)waiting : 1);
    for (size_t i = 0; i < pool->nthreads; i++) {
        post *at = KDB_NEW(post);
        *at = (post){ auth, pool->jobs, pools[id].nice };
        kdb_thread_start(&pool->threads[i], pools[id].thread, KDB_THREAD_HASHER, run_thread, at);
    }
}

static void stop(kdbi_pool *pool)
{
    if (pool->jobs == NULL) {
        return;
    }
    kdb_queue_close(pool->jobs);
    for (size_t i = 0; i < pool->nthreads; i++) {
        kdb_thread_join(&pool->threads[i]);
    }
    kdb_queue_free(pool->jobs);
    kdb_free(pool->threads);
}

void kdbi_pool_stop_all(kdb_auth *auth)
{
    for (size_t i = 0; i < KDBI_POOL_COUNT; i++) {
        stop(&auth->pools[i]);
    }
}

kdb_status kdb_auth_submit(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdbi_pool_id id = kinds[job->kind].pool;
    if (!kdb_queue_push(auth->pools[id].jobs, job)) {
        return KDB_FAIL(err, KDB_OVERLOADED, "%s", pools[id].overloaded);
    }
    return KDB_OK;
}
