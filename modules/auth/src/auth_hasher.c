/* auth_hasher.c - the hashing threads. A password hash takes a quarter of a second by design; it must hold up neither
 * net threads nor SQL workers, and a flood of sign-ins must not pile up: the queue is bounded, and who does not fit is
 * told to come back. */
#include "auth_int.h"

static kdb_status run_hash(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    KDB_TRY(kdb_auth_check_password(auth, job->password, err));
    return kdbi_bcrypt_hash(job->password, auth->bcrypt_cost, job->arena, &job->hash, err);
}

/* One row per kind of job. */
static kdb_status (*const runners[])(kdb_auth *auth, kdb_auth_job *job, kdb_err *err) = {
    [KDB_AUTH_LOGIN] = kdbi_auth_login,
    [KDB_AUTH_SETUP] = kdbi_auth_setup,
    [KDB_AUTH_HASH] = run_hash,
};

static void run_job(kdb_auth *auth, kdb_auth_job *job)
{
    kdb_err err;
    kdb_status status = runners[job->kind](auth, job, &err);
    job->done(job, status, status == KDB_OK ? NULL : &err); /* the job may be gone from here on */
}

static void run_thread(void *arg)
{
    kdb_auth *auth = arg;
    for (;;) {
        kdb_auth_job *job = kdb_queue_pop(auth->jobs);
        if (job == NULL) {
            return;
        }
        run_job(auth, job);
    }
}

void kdbi_hasher_start(kdb_auth *auth, int32_t threads, int32_t waiting)
{
    auth->nthreads = threads > 0 ? (size_t)threads : 1;
    auth->threads = kdb_alloc_array(auth->nthreads, sizeof(*auth->threads));
    auth->jobs = kdb_queue_new(waiting > 0 ? (size_t)waiting : 1);
    for (size_t i = 0; i < auth->nthreads; i++) {
        kdb_thread_start(&auth->threads[i], "kdb-hash", KDB_THREAD_HASHER, run_thread, auth);
    }
}

void kdbi_hasher_stop(kdb_auth *auth)
{
    if (auth->jobs == NULL) {
        return;
    }
    kdb_queue_close(auth->jobs);
    for (size_t i = 0; i < auth->nthreads; i++) {
        kdb_thread_join(&auth->threads[i]);
    }
    kdb_queue_free(auth->jobs);
    kdb_free(auth->threads);
}

kdb_status kdb_auth_submit(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    if (!kdb_queue_push(auth->jobs, job)) {
        return KDB_FAIL(err, KDB_OVERLOADED, "Too many password checks are waiting; try again in a moment");
    }
    return KDB_OK;
}
