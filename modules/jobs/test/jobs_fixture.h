/* jobs_fixture.h - a whole core over the memory store, with a job manager; rows of system.jobs as text. */
#ifndef KDB_JOBS_FIXTURE_H
#define KDB_JOBS_FIXTURE_H

#include "jobs_int.h"

typedef struct jobs_fixture {
    kdb_options *options;
    kdb_store *store;
    kdb_engine *engine;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_seal *seal;
    kdb_audit *audit;
    kdb_core *core;
    kdb_jobs *jobs; /* NULL until a test opens it */
} jobs_fixture;
extern jobs_fixture f;

int jobs_setup(void **state);
int jobs_teardown(void **state);
void set_option(const char *name, const char *value);
/* With the server's executors and `nthreads` threads; nothing begins by itself. */
void open_jobs(size_t nthreads);
/* With executors of the test's. */
void open_jobs_with(const kdbi_job_def *defs, size_t nthreads);

/* Runs a statement that must succeed. */
void run(const char *user, kdb_role role, const char *sql);
/* How many keys the table has on disk. */
size_t rows_on_disk(const char *name);

/* "SE stream_eviction completed Evicted 1 row(s) |" for each row, by id. */
void assert_jobs(const char *expected);
void stage_job(const char *id, const char *type, const char *status, int64_t finished_us);
/* Waits until no job waits or runs. */
void wait_until_idle(void);
/* Submits a job that must be taken; its id, good until the next call. */
const char *submit(kdb_job_kind kind, const char *parameters, const char *key);

#endif
