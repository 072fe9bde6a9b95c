/* system.h - the system.* and information_schema tables: one row each in kdb_system_table_defs, real scans over
 * registry, auth, store and what the server reports of itself. Any thread; a scan belongs to its reader. */
#ifndef KDB_SYSTEM_H
#define KDB_SYSTEM_H

#include "kdb/auth.h"
#include "kdb/registry.h"

typedef struct kdb_system_column {
    const char *name;
    kdb_type_kind kind;
    bool not_null;
    bool key;
} kdb_system_column;

/* A scan fills one row at a time; `cells` has ncolumns values, all NULL of their type before each call. */
typedef struct kdb_system_scan kdb_system_scan;

typedef struct kdb_system_table_def {
    const char *ns; /* "system" | "information_schema" */
    const char *name;
    const char *alias; /* older name in the same namespace, or NULL */
    bool admin_only;
    const kdb_system_column *columns;
    size_t ncolumns;
    kdb_status (*open)(kdb_system_scan *scan, kdb_err *err);
    bool (*next)(kdb_system_scan *scan, kdb_value *cells); /* false at the end */
    const char *comment;
} kdb_system_table_def;

extern const kdb_system_table_def kdb_system_table_defs[];
extern const size_t kdb_system_table_defs_count;

/* The table of that name or alias, also `system_users` spellings; NULL when there is none. */
const kdb_system_table_def *kdb_system_lookup(kdb_sv ns, kdb_sv name);
/* The name nearest to `name` in that namespace, or an empty view. */
kdb_sv kdb_system_nearest(kdb_sv ns, kdb_sv name);

/* One live query as system.live shows it. */
typedef struct kdb_live_row {
    kdb_sv live_id, connection_id, subscription_id, ns, table, user, query, options_json, status;
    int64_t created_us, last_update_us, changes, last_ping_us;
} kdb_live_row;
/* One open transaction as system.transactions shows it. */
typedef struct kdb_transaction_row {
    kdb_sv id, owner, origin, state;
    int64_t age_ms, idle_ms, writes, bytes, tables, snapshot_seq;
} kdb_transaction_row;
/* The segments of one partition as system.manifest shows them. */
typedef struct kdb_manifest_row {
    kdb_sv ns, table, scope; /* the user, or "shared" */
    bool in_memory;
    int64_t refreshed_us, accessed_us; /* when manifest.json was written; when it was last asked for */
    kdb_sv etag, sync_state;           /* of manifest.json (empty: not known); by catalog.md 1 */
    kdb_sv json;
} kdb_manifest_row;
/* One figure of system.stats. */
typedef struct kdb_stat_row {
    kdb_sv name, value;
} kdb_stat_row;

/* What upper layers report; plugged in by server. A NULL function means there is nothing to list. */
typedef struct kdb_system_reporter {
    void *self;
    void (*live)(void *self, kdb_arena *arena, kdb_live_row **out, size_t *count);
    void (*stats)(void *self, kdb_arena *arena, kdb_stat_row **out, size_t *count);
    void (*transactions)(void *self, kdb_arena *arena, kdb_transaction_row **out, size_t *count);
    /* Which partitions there are for that viewer; then, for each, the rest of its row: false when it has gone meanwhile. */
    void (*manifests)(void *self, const kdb_principal *viewer, kdb_arena *arena, kdb_manifest_row **out, size_t *count);
    bool (*manifest)(void *self, kdb_arena *arena, kdb_manifest_row *row);
    kdb_sv version; /* of the server, for system.cluster */
} kdb_system_reporter;

typedef struct kdb_system kdb_system;
kdb_system *kdb_system_new(kdb_store *store, kdb_registry *registry, kdb_auth *auth, const kdb_options *options);
void kdb_system_free(kdb_system *system); /* after its scans; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_system, kdb_system_free)
void kdb_system_set_reporter(kdb_system *system, const kdb_system_reporter *reporter); /* copied; before serving */

/* Fields of a table as the engine sees them. */
const kdb_field *kdb_system_fields(const kdb_system_table_def *def, kdb_arena *arena);

/* `snapshot` may be NULL. `viewer` decides what information_schema shows: non-admins get neither system tables nor
 * shared tables of level DBA; who may open an admin_only table at all is the caller's check. projection as in engine.h
 * scans. */
KDB_NODISCARD kdb_status kdb_system_scan_open(kdb_system *system, const kdb_system_table_def *def,
                                              const kdb_principal *viewer, const kdb_snapshot *snapshot,
                                              const size_t *projection, size_t nprojection, kdb_system_scan **out,
                                              kdb_err *err);
KDB_NODISCARD kdb_status kdb_system_scan_next(kdb_system_scan *scan, kdb_chunk *chunk, kdb_err *err);
void kdb_system_scan_free(kdb_system_scan *scan); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_system_scan, kdb_system_scan_free)

/* A row of system.jobs, stored in partition system_jobs by job id. */
typedef struct kdb_job_row {
    kdb_sv id, type, status, parameters_json, message, idempotency_key;
    kdb_sv exception_trace, queue;                           /* empty: none */
    int64_t created_us, updated_us, started_us, finished_us; /* 0: none */
    int16_t retry_count, max_retries;
    int32_t priority; /* higher first; nothing without a queue */
    int64_t cpu_us;   /* processor time of its thread, all tries together; -1: not known */
    int64_t node_id;
} kdb_job_row;
void kdb_system_stage_job(const kdb_job_row *job, kdb_batch *batch);
void kdb_system_stage_job_removal(kdb_sv id, kdb_batch *batch);
/* The stored jobs whose ids begin with `prefix` (empty: all), each borrowed for the call. */
KDB_NODISCARD kdb_status kdb_system_visit_jobs(kdb_store *store, kdb_sv prefix,
                                               void (*visit)(void *self, const kdb_job_row *job), void *self,
                                               kdb_err *err);
/* One of them, in `arena`. KDB_NOT_FOUND `Job x not found`. */
KDB_NODISCARD kdb_status kdb_system_find_job(kdb_store *store, kdb_sv id, kdb_arena *arena, kdb_job_row *out,
                                             kdb_err *err);
/* "CL-" + 12 random hex digits. */
kdb_sv kdb_system_job_id(const char *prefix, kdb_arena *arena);

#endif
