/* core.h - statements: bind, authorise, run, commit, publish. Requests come from the edge (api), run on worker threads
 * and may finish on the committer; nothing waits for the disk but the committer (design 5, 9). */
#ifndef KDB_CORE_H
#define KDB_CORE_H

#include "kdb/audit.h"
#include "kdb/auth.h"
#include "kdb/cold.h"
#include "kdb/engine.h"
#include "kdb/registry.h"
#include "kdb/system.h"

typedef struct kdb_core kdb_core;

/* ---- requests ---- */

typedef struct kdb_result_column {
    kdb_sv name;
    kdb_type type;
    bool key;      /* flags pk, nn, uq */
    bool not_null; /* flag nn */
} kdb_result_column;

/* Why a request failed, for the edge to put into words (sql.md 2). */
typedef struct kdb_failure {
    kdb_status status;
    kdb_sv text;           /* the plain message, without any prefix */
    uint32_t statement;    /* from 1: it failed while running; 0: before any statement ran */
    kdb_sv statement_text; /* for admins' `details`; empty when it holds a secret */
    uint32_t line, column; /* in the request's SQL, from 1; 0: not known */
} kdb_failure;

/* Where results go. Called by one thread at a time in the order of the results, but not always the same thread
 * (workers, committer); views are borrowed for the call. */
typedef struct kdb_reply {
    void *self;
    /* A result with rows: _begin, any number of _rows, _end. */
    void (*rows_begin)(void *self, const kdb_result_column *columns, size_t ncolumns);
    /* Worker only. May wait for a slow client for a bounded time; a failure (KDB_CANCELLED, KDB_EXECUTION for a value
     * that JSON cannot carry) ends the statement. */
    kdb_status (*rows)(void *self, const kdb_chunk *chunk, kdb_err *err);
    void (*rows_end)(void *self, uint64_t row_count, bool truncated);
    /* A result without rows. */
    void (*message)(void *self, uint64_t row_count, kdb_sv message);
    /* The last call: NULL for success. The request may be freed from here on. */
    void (*done)(void *self, const kdb_failure *failure);
    /* The results that follow are of this user (EXECUTE AS USER); borrowed until `done`. NULL: not of interest. */
    void (*acting)(void *self, kdb_sv user);
} kdb_reply;

/* The edge's storage, fixed while the request runs; all it points to must outlive `done`. */
typedef struct kdb_request {
    kdb_sv sql;
    const kdb_value *params; /* BOOLEAN, BIGINT, DOUBLE, TEXT or NULL */
    size_t nparams;
    kdb_sv ns; /* of unqualified names; empty: `default` */
    kdb_principal
        caller; /* core acts as this one unless the statement says EXECUTE AS USER: kdbi_exec_principal knows */
    kdb_reply reply;
    kdb_ip address; /* the client's */
} kdb_request;

/* Queues the request for a worker. KDB_OVERLOADED when the queue is full: nothing is called then. */
KDB_NODISCARD kdb_status kdb_core_submit(kdb_core *core, kdb_request *request, kdb_err *err);
/* The client has gone: stops the request as soon as it can be; `done` is still called. A write already handed to the
 * committer goes on. Not after `done` has been called. Any thread. */
void kdb_core_cancel(kdb_core *core, kdb_request *request);

/* ---- lanes: short statements on the caller's own thread ---- */

/* Runs statements that cannot wait for anything: reads and writes of few keys found by key, whose rows are in memory, with
 * plans made before. One per net thread, used by that thread only. */
typedef struct kdb_core_lane kdb_core_lane;
kdb_core_lane *kdb_core_lane_new(kdb_core *core);
void kdb_core_lane_free(kdb_core_lane *lane); /* before the core closes; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_core_lane, kdb_core_lane_free)
/* True: the request was taken as by kdb_core_submit, `done` has been called on this thread before the return or will be
 * later from another. False: nothing was called; submit it. */
bool kdb_core_lane_run(kdb_core_lane *lane, kdb_request *request);

/* ---- committed changes ---- */

typedef enum kdb_change_op { KDB_CHANGE_INSERT, KDB_CHANGE_UPDATE, KDB_CHANGE_DELETE } kdb_change_op;
typedef struct kdb_row_change {
    kdb_change_op op;
    const kdb_table *table;
    kdb_user_id user; /* empty for SHARED */
    kdb_sv key;
    uint64_t seq;     /* of this change */
    uint64_t version; /* of the store: see kdb_commit */
    kdb_sv new_row;   /* row bytes (tables.h); for DELETE the tombstone, empty for STREAM */
    kdb_sv old_row;   /* empty for INSERT */
} kdb_row_change;

/* Told of committed changes, per table in `_seq` order, on the committer; must not block. */
typedef struct kdb_change_sink {
    void *self;
    /* Whether changes of this user's rows of the table (empty for SHARED) are of interest: asked before they are put
     * together. NULL: all are. */
    bool (*watches)(void *self, uint32_t table_id, kdb_user_id user);
    /* Of one user's rows of one table, and of one commit. */
    void (*on_changes)(void *self, const kdb_row_change *changes, size_t count);
    /* The table has become `next`, or is dropped (NULL). On the thread that did it, after all changes of what it was before
     * and before any of what it is now. NULL: not of interest. */
    void (*on_table)(void *self, const kdb_table *table, const kdb_table *next);
} kdb_change_sink;

/* No change of the table below this `_seq` is still to be committed: what a snapshot taken after this answer holds of such
 * changes is all of them, and every change to come has a `_seq` that is not below it. */
uint64_t kdb_core_seq_floor(kdb_core *core, const kdb_table *table);

/* ---- work of other modules on core's workers ---- */

/* The worker that runs a task. */
typedef struct kdb_core_turn kdb_core_turn;
/* In the caller's storage until `run` is called, which is called exactly once. */
typedef struct kdb_core_task {
    void (*run)(struct kdb_core_task *task, kdb_core_turn *turn);
} kdb_core_task;
/* Queues it with the statements. `bounded`: KDB_OVERLOADED when the queue is full; else only when the server stops. */
KDB_NODISCARD kdb_status kdb_core_task_submit(kdb_core *core, kdb_core_task *task, bool bounded, kdb_err *err);

/* ---- rows of STREAM tables that have outlived their TTL ---- */

/* A step of taking them off the disk: no more rows than it says, found from a place in the table on. In the caller's storage
 * until `done` is called. */
typedef struct kdb_eviction {
    kdb_table *table; /* STREAM; borrowed */
    int64_t now_ms;   /* by which they have expired */
    kdb_buf
        place; /* the caller's: where the step begins, and after it where the next one would; empty at the first step, and
                       * again when there are no more */
    size_t max_rows, max_bytes;
    void (*done)(struct kdb_eviction *eviction, kdb_status status, const kdb_err *err); /* any thread */
    size_t removed;                                                                     /* set when it is done */
    kdb_request request;                                                                /* core's */
} kdb_eviction;
/* Starts it. KDB_OVERLOADED when it cannot be: `done` is not called then. Rows are removed by a commit like any, which sinks
 * hear of: crash, repeat and run beside others as you like. */
KDB_NODISCARD kdb_status kdb_core_evict(kdb_core *core, kdb_eviction *eviction, kdb_err *err);

/* ---- live queries, which run in a module above ---- */

/* What SUBSCRIBE TO and KILL LIVE QUERY ask of it. Any thread. */
typedef struct kdb_live_control {
    void *self;
    /* Where clients open them: "ws://host:port/v1/ws". */
    kdb_sv (*url)(void *self, kdb_arena *arena);
    /* Ends one. KDB_NOT_FOUND; KDB_PERMISSION_DENIED unless `by` is its owner or an admin. */
    kdb_status (*kill)(void *self, kdb_sv live_id, const kdb_principal *by, kdb_err *err);
    /* How many there are on the table: of that user, or of all when it is empty. */
    uint64_t (*watching)(void *self, const kdb_table *table, kdb_user_id user);
} kdb_live_control;

/* ---- jobs, which run in a module above ---- */

/* What jobs can be started (catalog.md 6). */
typedef enum kdb_job_kind {
    KDB_JOB_FLUSH,
    KDB_JOB_COMPACT,
    KDB_JOB_CLEANUP,
    KDB_JOB_JOB_CLEANUP,
    KDB_JOB_BACKUP,
    KDB_JOB_RESTORE,
    KDB_JOB_RETENTION,
    KDB_JOB_STREAM_EVICTION,
    KDB_JOB_USER_CLEANUP,
    KDB_JOB_USER_EXPORT,
    KDB_JOB_REBUILD_MANIFEST,
    KDB_JOB_KIND_COUNT
} kdb_job_kind;
/* A job that somebody wants; texts are borrowed for the call. */
typedef struct kdb_job_request {
    kdb_job_kind kind;
    kdb_sv parameters_json; /* an object; of jobs whose "table_id" or "user_id" is the same, one runs at a time */
    kdb_sv idempotency_key; /* no two active jobs have one key; empty: none */
    kdb_sv id;              /* set by the answer; empty: an active job has the key */
} kdb_job_request;
/* What statements ask of the job manager. Any thread that may wait for a commit. */
typedef struct kdb_job_control {
    void *self;
    /* Queues jobs, all with one commit, which `with` (NULL: nobody) is part of. A request whose key an active job has is passed
     * over: KDB_IDEMPOTENT_CONFLICT, and no commit, when that is so of all. Ids lie in `arena`. */
    kdb_status (*submit)(void *self, kdb_job_request *requests, size_t count, const kdb_commit_with *with,
                         kdb_arena *arena, kdb_err *err);
    /* Ends a job: at once if it has not begun, else at its next step. KDB_NOT_FOUND; KDB_INVALID_OPERATION when it has ended. */
    kdb_status (*kill)(void *self, kdb_sv id, const kdb_commit_with *with, kdb_err *err);
    /* Where clients reach the server: "http://host:port". */
    kdb_sv (*url)(void *self, kdb_arena *arena);
} kdb_job_control;

/* How long a user's export can be fetched. */
enum { KDB_EXPORT_KEPT_S = 7 * 24 * 3600 };

/* What a long piece of work tells whoever started it, and asks. Called by the thread that works, between two steps. */
typedef struct kdb_work {
    void *self;
    bool (*stop)(void *self);                     /* whether to end with KDB_CANCELLED; what is done stays done */
    void (*progress)(void *self, kdb_sv message); /* borrowed for the call */
} kdb_work;
/* KDB_CANCELLED when it is to end; NULL never is. */
KDB_NODISCARD kdb_status kdb_work_check(const kdb_work *work, kdb_err *err);

/* Which hot rows of a table become Parquet. */
typedef struct kdb_flush_spec {
    kdb_table *table;      /* USER or SHARED; borrowed */
    bool all;              /* every partition, whatever follows */
    uint64_t min_rows;     /* those of so many rows; 0: that is no reason, */
    int64_t older_than_us; /* and those whose oldest row is from before that time; 0: neither is that */
} kdb_flush_spec;
typedef struct kdb_cold_result {
    uint64_t partitions, rows, bytes, files;
} kdb_cold_result;
/* Each of these works on the caller's thread, step by step, and may be repeated after whatever ended it. KDB_CANCELLED when
 * work->stop said so. Not for net threads, workers and the committer. */
KDB_NODISCARD kdb_status kdb_core_flush(kdb_core *core, const kdb_flush_spec *spec, const kdb_work *work,
                                        kdb_cold_result *out, kdb_err *err);
/* Merges segments: those that are worth it, or all. */
KDB_NODISCARD kdb_status kdb_core_compact(kdb_core *core, kdb_table *table, bool all, const kdb_work *work,
                                          kdb_cold_result *out, kdb_err *err);
/* What making a table's manifests anew has come to. */
typedef struct kdb_rebuild_result {
    uint64_t partitions, segments, rows, dead;
    uint64_t nleft; /* files that are no segments, or that cannot be read */
    kdb_sv left;    /* the first of them, with the reason of each */
} kdb_rebuild_result;
/* Makes the manifests of all partitions anew from the files that there are. *out's text lies in `arena`. */
KDB_NODISCARD kdb_status kdb_core_rebuild_manifest(kdb_core *core, kdb_table *table, const kdb_work *work,
                                                   kdb_arena *arena, kdb_rebuild_result *out, kdb_err *err);
/* Whether kdb_core_compact, not of all, would find something to do. */
bool kdb_core_compact_due(kdb_core *core, const kdb_table *table);
/* The partition's manifest as manifest.json has it (catalog.md 7). */
void kdb_core_manifest_json(const kdb_table *table, const kdb_manifest *manifest, kdb_buf *out);
/* Where the cold rows are; NULL: there are none. */
kdb_cold *kdb_core_cold(const kdb_core *core);
/* What system.manifest lists, and SHOW MANIFEST, of those that `viewer` may know of: all partitions with segments. In `arena`. */
void kdb_core_manifests(kdb_core *core, const kdb_principal *viewer, kdb_arena *arena, kdb_manifest_row **out,
                        size_t *count);
/* Fills the rest of such a row. False: it has no segments any more. */
bool kdb_core_manifest(kdb_core *core, kdb_arena *arena, kdb_manifest_row *row);
/* Removes files of the cold tier that nobody reads any more; waits for the storages. Returns how many. */
size_t kdb_core_sweep(kdb_core *core);
/* Removes the tombstones of rows that were deleted before that time, which clients then cannot resume over any more. */
KDB_NODISCARD kdb_status kdb_core_purge_tombstones(kdb_core *core, kdb_table *table, int64_t before_us,
                                                   const kdb_work *work, uint64_t *out_rows, kdb_err *err);
/* Deletions of a lower `_seq` may have been removed so; 0: none have. Reads the store. */
uint64_t kdb_core_purge_floor(kdb_core *core, const kdb_table *table);
/* Removes all that the user has in USER and STREAM tables; *out_tables: in how many there was something. For an account that can
 * sign in no more. */
KDB_NODISCARD kdb_status kdb_core_remove_user_rows(kdb_core *core, kdb_user_id user, const kdb_work *work,
                                                   uint64_t *out_tables, kdb_err *err);
/* Whether a flush of all would find a row to move. */
bool kdb_core_has_pending(kdb_core *core, const kdb_table *table);

/* ---- life ---- */

typedef struct kdb_core_options {
    kdb_store *store;
    kdb_engine *engine;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_audit *audit;
    kdb_object_stores *objects; /* NULL: there are no storages, */
    kdb_cold *cold;             /* and all rows are hot */
    const kdb_options *options;
    const kdb_change_sink *sinks; /* copied */
    size_t nsinks;
    kdb_live_control live; /* zeroed: there are none */
    kdb_job_control jobs;  /* the same */
} kdb_core_options;

/* Starts the workers. */
KDB_NODISCARD kdb_status kdb_core_open(const kdb_core_options *options, kdb_core **out, kdb_err *err);
/* No new requests; runs those queued, for at most `grace_us`, then cancels the rest and waits for all `done` calls. */
void kdb_core_drain(kdb_core *core, int64_t grace_us);
void kdb_core_close(kdb_core *core); /* after drain and before the store closes; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_core, kdb_core_close)

typedef struct kdb_core_stats {
    uint64_t requests, failed, overloaded, running, queued, plans_cached, workers;
    uint64_t native;                         /* executions without the engine */
    uint64_t direct;                         /* executions in which the engine read cold files itself */
    uint64_t direct_failed;                  /* those that tried, and began again without */
    uint64_t hot_rows_bytes, manifest_bytes; /* what is kept in memory: decoded rows; manifests of the cold tier */
} kdb_core_stats;
void kdb_core_stats_get(kdb_core *core, kdb_core_stats *out);

/* Whether the server can do its work: the failure tells an operator why it cannot write, or not run all queries. Any thread. */
KDB_NODISCARD kdb_status kdb_core_check(kdb_core *core, kdb_err *err);

/* The transactions that are open, in `arena`: what system.transactions lists. Any thread. */
void kdb_core_transactions(kdb_core *core, kdb_arena *arena, kdb_transaction_row **out, size_t *count);

/* ---- the table of statements ---- */

typedef enum kdb_stmt_flag {
    KDB_STMT_READS = 1,
    KDB_STMT_WRITES = 2,
    KDB_STMT_DDL = 4,
    KDB_STMT_HASHES = 8,      /* waits for a hashing thread */
    KDB_STMT_PLANNED = 16,    /* bound, compiled, and kept for the next time */
    KDB_STMT_TRANSACTION = 32 /* begins, ends or marks one */
} kdb_stmt_flag;
typedef struct kdb_stmt_def {
    const char *name;  /* "CREATE TABLE" */
    kdb_role min_role; /* table rights are checked besides */
    unsigned flags;
    const char *denied; /* message for a role below min_role */
} kdb_stmt_def;
extern const kdb_stmt_def kdb_stmt_defs[KDB_STMT_KIND_COUNT];

#endif
