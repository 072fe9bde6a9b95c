/* core_fixture.h - a whole statement machinery over the memory store, and requests run to their end as text. */
#ifndef KDB_CORE_FIXTURE_H
#define KDB_CORE_FIXTURE_H

#include "core_int.h"

typedef struct fixture {
    kdb_options *options;
    kdb_store *store;
    kdb_engine *engine;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_seal *seal;
    kdb_audit *audit;
    char directory[32]; /* of its own, below the working directory; the data directory is `data` in it */
    kdb_datadir *datadir;
    kdb_object_stores *objects;
    kdb_engine *reader; /* of Parquet files */
    kdb_cold *cold;
    kdb_core *core;
    const char *busy_key; /* of a job that is active; NULL: none is */
    int jobs;             /* submitted so far */
} fixture;

/* The live queries that the fixture's core can kill: one, of alice. */
#define FIXTURE_LIVE_ID "alice-7-sub-1"
/* The job that it can kill. Those that it is given get ids `job-<kind>-<number>`, and their rows stay `queued`. */
#define FIXTURE_JOB_ID "FL-000000000001"

/* `settings` are "section.key=value" strings, NULL-terminated, or NULL. */
void fixture_open(fixture *f, const char *const *settings, const kdb_change_sink *sinks, size_t nsinks);
void fixture_close(fixture *f);

/* One request as it ended. */
typedef struct answer {
    char *text; /* results as lines: `a|b`, rows, `[n message]`; or `! STATUS text` */
    kdb_status status;
    uint64_t rows; /* of the last result */
    uint32_t line, column;
    char *columns; /* of the last result: `name TYPE flags` each */
} answer;

/* Runs SQL as `user` with `role` and waits for its end. Free with answer_done. */
answer run_as(fixture *f, const char *user, kdb_role role, const char *sql, const kdb_value *params, size_t nparams);
answer run(fixture *f, const char *user, const char *sql); /* role user; `root` is system */
void answer_done(answer *a);
/* As run_as in a lane, if the lane takes it (*in_lane), else on a worker. */
answer run_in_lane(fixture *f, kdb_core_lane *lane, const char *user, const char *sql, const kdb_value *params,
                   size_t nparams, bool *in_lane);

/* Asserts the whole text of an answer. */
void expect(fixture *f, const char *user, const char *sql, const char *text);
/* Asserts that the request fails with `status` and a text that holds `part`. */
void expect_failure(fixture *f, const char *user, const char *sql, kdb_status status, const char *part);

/* A request that can be started and waited for. */
typedef struct pending_request pending_request;
pending_request *start(fixture *f, const char *user, const char *sql);
answer wait_for(pending_request *p);
void cancel(pending_request *p);

/* The same with a hook, called with `arg` on the worker after each result with rows: what a test does there happens
 * between two statements of the request. */
pending_request *start_between(fixture *f, const char *user, const char *sql, void (*hook)(void *arg), void *arg);
answer run_between(fixture *f, const char *user, const char *sql, void (*hook)(void *arg), void *arg);

#endif
