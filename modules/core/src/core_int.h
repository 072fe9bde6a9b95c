/* core_int.h - what core's own files share: workers, executions, plans, writes, row locks and the sequencer. */
#ifndef KDB_CORE_INT_H
#define KDB_CORE_INT_H

#include <stdatomic.h>

#include "kdb/core.h"
#include "kdb/expr.h"
#include "kdb/tables.h"
#include "kdb/watch.h"

typedef struct kdb_exec kdb_exec;
typedef struct kdbi_worker kdbi_worker;
typedef struct kdbi_plan kdbi_plan;
typedef struct kdbi_plan_cache kdbi_plan_cache;
typedef struct kdbi_write kdbi_write;
typedef struct kdbi_upsert kdbi_upsert;
typedef struct kdbi_returning kdbi_returning;
typedef struct kdbi_policies kdbi_policies;
typedef struct kdbi_storage_claim kdbi_storage_claim;

typedef struct kdbi_txn kdbi_txn;
typedef struct kdbi_run kdbi_run;
typedef struct kdbi_row_locks kdbi_row_locks;
typedef struct kdbi_sequencer kdbi_sequencer;

/* ---- row_locks.c: striped locks on row keys, held over check + commit; taken by one thread, released by another ---- */

/* Two writes that meet on one for different rows cost a hand-over to a worker: with 32 under way, one of 500 does. */
enum { KDBI_STRIPES = 16384 };

/* The stripes one write needs. The caller's storage; lives until released. */
typedef struct kdbi_lock_set {
    uint16_t *stripes; /* ascending, no duplicates */
    size_t count;
    size_t held; /* stripes[0..held) are ours */
    /* Called once all are held when acquire returned false; on the thread that released the last one. */
    void (*granted)(struct kdbi_lock_set *set);
    struct kdbi_lock_set *next_waiter;
    /* The latest moment (sequencer.c) at which rows of stripes[0..held) had been changed. */
    uint64_t changed;
    uint64_t changed_now; /* when its holder changed rows, to be said before the release; 0: it did not */
} kdbi_lock_set;

kdbi_row_locks *kdbi_row_locks_new(void);
void kdbi_row_locks_free(kdbi_row_locks *locks);
/* Fills set->stripes (in `arena`) from the keys of one table. */
void kdbi_lock_set_init(kdbi_lock_set *set, uint32_t table_id, const kdb_sv *keys, size_t nkeys, kdb_arena *arena);
/* Adds the keys of another table; before the set is acquired. */
void kdbi_lock_set_add(kdbi_lock_set *set, uint32_t table_id, const kdb_sv *keys, size_t nkeys, kdb_arena *arena);
/* True: all held now. False: parked, `granted` will be called. Never blocks. */
bool kdbi_row_locks_acquire(kdbi_row_locks *locks, kdbi_lock_set *set);
void kdbi_row_locks_release(kdbi_row_locks *locks, kdbi_lock_set *set);

/* ---- sequencer.c: gives `_seq` and publishes each table's changes in that order ---- */

/* One write's place in its table's order; embedded in kdbi_write. */
typedef struct kdbi_seq_ticket {
    struct kdbi_seq_ticket *next;
    uint64_t first;   /* its lowest `_seq` */
    bool finished;    /* committed or failed: may leave the line */
    uint16_t counter; /* of its partition's writes */
} kdbi_seq_ticket;

kdbi_sequencer *kdbi_sequencer_new(void);
void kdbi_sequencer_free(kdbi_sequencer *sequencer);
/* Takes `count` new ids (written to seqs) and a place in the table's line, in one step. Before the batch is handed over. */
void kdbi_sequencer_enter(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, kdbi_seq_ticket *ticket,
                          uint64_t *seqs, size_t count);
/* The lowest `_seq` of the table's line, or above all given so far when nothing is in it. */
uint64_t kdbi_sequencer_floor(kdbi_sequencer *sequencer, uint32_t table_id);
/* Committer only. Marks the ticket and returns the tickets that may be published now, in order (linked by `next`). */
kdbi_seq_ticket *kdbi_sequencer_finish(kdbi_sequencer *sequencer, uint32_t table_id, kdbi_seq_ticket *ticket);
/* True when no write of the partition is on its way. *version then names what the store holds of it: reading the
 * partition after one such answer and before another of the same version reads that state. */
bool kdbi_sequencer_quiet(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t *version);
/* Brackets a change of the partition, from before its commit until after it, which takes no numbers and which nobody is told
 * of: what was known of the partition in memory is old from then on. Any thread. */
void kdbi_sequencer_change_begin(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user);
void kdbi_sequencer_change_end(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user);
/* Whether no such change of the partition is on its way and the last had ended before `moment`. */
bool kdbi_sequencer_unchanged(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t moment);
/* The present, for _rests, _unchanged and the row locks. */
uint64_t kdbi_sequencer_now(kdbi_sequencer *sequencer);
/* True when no write of the partition is on its way and the last had ended before `moment`: what a snapshot taken just
 * after that moment holds of the partition is what the store holds. */
bool kdbi_sequencer_rests(kdbi_sequencer *sequencer, uint32_t table_id, kdb_user_id user, uint64_t moment);

/* ---- late_keys.c: keys a little below the greatest that came lately ---- */

typedef struct kdbi_late_keys kdbi_late_keys;
/* `greatest`: all keys that have come so far are no greater. */
kdbi_late_keys *kdbi_late_keys_new(kdb_sv greatest);
void kdbi_late_keys_free(kdbi_late_keys *late); /* NULL is fine */
/* A key has come; `greatest` is the greatest of those before. */
void kdbi_late_keys_add(kdbi_late_keys *late, kdb_sv key, kdb_sv greatest);
/* Many have come, none greater than `key`. */
void kdbi_late_keys_raise(kdbi_late_keys *late, kdb_sv key);
/* True: the key has not come. False: it may have. */
bool kdbi_late_keys_lack(kdbi_late_keys *late, kdb_sv key);

/* ---- high_marks.c: keys that a partition does not hold, as it holds none beyond a mark ---- */

typedef struct kdbi_high_marks kdbi_high_marks;
typedef struct kdbi_high_mark kdbi_high_mark; /* of one partition: a user's rows of a table */
enum { KDBI_HIGH_MARK_MAX = 1024 };           /* longer keys have none */

/* `kept` is about how many partitions are remembered beyond those that are being written to. */
kdbi_high_marks *kdbi_high_marks_new(kdb_store *store, kdb_cold *cold, size_t kept);
void kdbi_high_marks_free(kdbi_high_marks *marks); /* NULL is fine; nobody holds one any more */
/* The partition's mark, made if there is none. Who inserts holds it from before its batch is handed over until that is
 * committed or has failed. Any thread, as for all below. */
kdbi_high_mark *kdbi_high_mark_hold(kdbi_high_marks *marks, const kdb_table *table, kdb_user_id user);
void kdbi_high_mark_release(kdbi_high_mark *mark); /* NULL is fine */
/* Rows with those keys, which may be new, are about to be handed over. */
void kdbi_high_mark_raise(kdbi_high_mark *mark, const kdb_sv *keys, size_t count);
/* The same of many rows, of whose keys none is greater than `key`. */
void kdbi_high_mark_raise_past(kdbi_high_mark *mark, kdb_sv key);
/* out[i] is true where keys[i], locked before this call, is not there. Nor is it in a snapshot taken before. */
void kdbi_high_mark_rule_out(kdbi_high_mark *mark, const kdb_sv *keys, size_t count, bool *out);
/* So many keys of new rows were looked for and not there. After some of those the mark is made known, from memory alone
 * where the caller cannot wait for a disk; after some more keys that come late are remembered. */
void kdbi_high_mark_missed(kdbi_high_marks *marks, kdbi_high_mark *mark, const kdb_table *table, kdb_user_id user,
                           size_t missed, bool memory_only);

/* ---- rights.c: the matrix of catalog.md 4 ---- */

/* What a statement does to the table that it names. */
typedef enum kdbi_deed {
    KDBI_READ,
    KDBI_WRITE,
    KDBI_CREATE,
    KDBI_ALTER,
    KDBI_DROP,
    KDBI_DESCRIBE,
    KDBI_POLICE, /* makes, changes, drops or shows its policies */
    KDBI_DEED_COUNT
} kdbi_deed;
/* KDB_PERMISSION_DENIED in the reference's words. */
KDB_NODISCARD kdb_status kdbi_rights_check_table(kdb_role role, const kdb_table *table, kdbi_deed deed, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_rights_check_new(kdb_role role, const kdb_create_table *spec, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_rights_check_system(kdb_role role, const kdb_system_table_def *def, kdbi_deed deed,
                                                  kdb_err *err);
/* Whether the role may run such a statement at all. */
KDB_NODISCARD kdb_status kdbi_rights_check_stmt(kdb_role role, kdb_stmt_kind kind, kdb_err *err);
/* EXECUTE AS USER: whether the actor may target the user, who is of that role. */
bool kdbi_rights_may_act(const kdb_principal *actor, kdb_user_id target, kdb_role role);

/* ---- policy.c: row policies of SHARED tables ---- */

/* What a row is asked for. */
typedef enum kdbi_policy_use {
    KDBI_POLICY_READ,
    KDBI_POLICY_UPDATE_OLD, /* rows that UPDATE, or DO UPDATE, may change */
    KDBI_POLICY_UPDATE_NEW, /* what becomes of them */
    KDBI_POLICY_DELETE_OLD,
    KDBI_POLICY_INSERT_NEW,
    KDBI_POLICY_INSERT_SHOWN, /* by RETURNING */
    KDBI_POLICY_USE_COUNT
} kdbi_policy_use;

/* False: the table has no policies, or the role is above them. */
bool kdbi_policy_binds(kdb_role role, const kdb_table *table);
/* Compiles a condition for the table; `used` (by column, or NULL) gets the columns it names. In `arena`. */
KDB_NODISCARD kdb_status kdbi_policy_condition(const kdb_table *table, kdb_sv text, kdb_arena *arena, bool *used,
                                               const kdb_expr **out, kdb_err *err);
/* kdbi_policies is a table's conditions, compiled; counted and immutable. Who holds one holds the table too. */
KDB_NODISCARD kdb_status kdbi_policies_new(const kdb_table *table, kdbi_policies **out, kdb_err *err);
kdbi_policies *kdbi_policies_ref(kdbi_policies *policies);
void kdbi_policies_unref(kdbi_policies *policies); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdbi_policies, kdbi_policies_unref)
/* The conditions that count for whom the statement acts as, with that user's values. In `arena`; borrows `policies`. */
KDB_NODISCARD kdb_status kdbi_policies_filter(const kdbi_policies *policies, const kdb_exec *exec, kdbi_policy_use use,
                                              kdb_arena *arena, const kdb_row_filter **out, kdb_err *err);
/* Tells exec->write, whose `op` is set, what its rows have to pass. */
KDB_NODISCARD kdb_status kdbi_policy_guard(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err);
/* Whether a row of these values (by column) passes one of the write's filters (NULL: all do). `which` says in the message
 * what part of a policy it was. */
KDB_NODISCARD kdb_status kdbi_policy_check(const kdbi_write *write, const kdb_row_filter *filter, kdb_value *values,
                                           const char *which, kdb_err *err);

/* ---- result.c: the columns of a result ---- */

/* How a result column is turned from the type it is computed in into the one shown. */
typedef enum kdbi_convert { KDBI_KEEP, KDBI_RETYPE, KDBI_WIDEN, KDBI_DECIMAL_TO_DOUBLE } kdbi_convert;

typedef struct kdbi_result {
    kdb_result_column *columns;
    kdbi_convert *convert;
    size_t ncolumns;
} kdbi_result;

/* Fills result->columns and convert from what computes them: `computed[i]` is column i's name and type there. Room for
 * them is made in `arena` when there is none yet. */
void kdbi_result_describe(const kdbi_plan *plan, const kdb_field *computed, size_t ncolumns, kdb_arena *arena,
                          kdbi_result *result);

/* Type and flags of a table's column as a result: `field` indexes kdb_table_fields. */
void kdbi_result_of_field(const kdb_table *table, uint32_t field, kdb_result_column *column);
/* Of a column computed from literals alone, whose computed type is in column->type. */
kdbi_convert kdbi_result_of_constant(kdb_result_column *column);

/* A chunk as it is shown: a result's columns, some of them converted. */
typedef struct kdbi_shown {
    const kdbi_result *result;
    kdb_chunk chunk;
    void **converted; /* by column: room for KDB_CHUNK_ROWS values of 8 bytes, where there is a conversion */
} kdbi_shown;
void kdbi_shown_init(kdbi_shown *shown, const kdbi_result *result, kdb_arena *arena);
/* The first `nrows` of `from`; borrowed until the next call. */
const kdb_chunk *kdbi_shown_convert(kdbi_shown *shown, const kdb_chunk *from, size_t nrows);

/* ---- plan.c, plan_cache.c: parsed and bound statements; a plan belongs to one worker unless transient ---- */

/* What a scan slot reads: one of the two is set. */
typedef struct kdbi_slot {
    kdb_table *table; /* a reference */
    const kdb_system_table_def *def;
    kdbi_policies *policies; /* a reference; NULL until somebody runs the plan whom they bind */
    bool target;             /* the table a DML statement writes */
    int32_t position;        /* of its name in the statement */
} kdbi_slot;

/* A view that the statement reads, itself or through others. */
typedef struct kdbi_plan_view {
    kdb_view *view; /* a reference; `bind` borrows from it */
    kdb_bind_view bind;
} kdbi_plan_view;

typedef struct kdbi_native kdbi_native;

/* A statement's SELECT (a query, INSERT's select or expressions, UPDATE's or DELETE's rows), bound; and what has been made
 * of it so far to run it. */
typedef struct kdbi_bound_query {
    kdb_bound *bound;
    kdbi_native *native;          /* compiled for the parameter types of the last execution, or NULL */
    bool native_exact;            /* and means what the engine would; else only the engine runs it */
    bool judged;                  /* whose literals it is bound for is settled */
    kdb_engine_plan *engine_plan; /* prepared when first needed, or NULL */
    kdb_scan_table *scan_tables;
    kdbi_result result; /* of the engine */
    bool late;          /* the engine knows the columns only once parameters have values: described at each execution */
} kdbi_bound_query;

struct kdbi_plan {
    kdb_arena *arena; /* text, shape, statement */
    kdb_sv key;       /* namespace, NUL, the shape's key or the statement text */
    kdb_shape *shape; /* of the text it was made from; NULL: the key is the text */
    kdb_stmt *stmt;
    bool internal; /* our own text: system tables open to every role */
    bool live;     /* a live query's: tables are named with their namespace */
    /* It was found that the native executor cannot run it: literals stay where the engine plans by them. */
    bool engine_only;
    bool transient; /* owned by its execution, never cached, without engine objects */

    kdb_arena *bind_arena; /* everything below; NULL: not bound */
    uint64_t epoch;        /* of the registry when bound or last found valid */
    kdb_sv ns;             /* of unqualified names */
    kdbi_slot *slots;
    size_t nslots;
    kdbi_plan_view **views; /* each once */
    size_t nviews;
    kdb_table *target;              /* DML: a reference */
    kdbi_policies *target_policies; /* as a slot's */
    int32_t target_position;
    kdb_row_exprs *rows;    /* what RETURNING and DO UPDATE say; NULL: nothing */
    const int32_t *sources; /* INSERT .. VALUES: by table column its place in the row, or -1; NULL: not run yet */
    kdbi_bound_query query;

    kdb_watch *watch; /* a reference: what was last made of it for module live; NULL: nothing */

    unsigned lane_overruns; /* executions in a lane that met too many rows */

    kdbi_plan *newer, *older; /* the cache's order of use */
    kdbi_plan *next_like;     /* the next of the same key, which differs in literals that are not lifted */
};

/* What plans are looked up by. */
typedef struct kdbi_plan_text {
    kdb_sv ns; /* of unqualified names */
    kdb_sv text;
    const kdb_shape *shape; /* of the text, or NULL */
    bool internal;          /* our own text */
    bool live;              /* a live query's */
} kdbi_plan_text;

/* The cached or a new plan. *owned says that the caller frees it (transient). */
KDB_NODISCARD kdb_status kdbi_plan_get(kdbi_worker *worker, const kdbi_plan_text *text, kdbi_plan **out, bool *owned,
                                       kdb_err *err);
/* The place in the text that runs of what stands at `position` in the plan's own text, which may have other literals. */
int32_t kdbi_plan_position(const kdbi_plan *plan, const kdb_shaped_text *running, int32_t position);
/* The same for the place of a statement's error, once. */
void kdbi_plan_place_error(const kdbi_plan *plan, kdb_exec *exec, kdb_err *err);
/* True when every literal of `shape` that the plan took as it was is the same in its own text. */
bool kdbi_plan_serves(const kdbi_plan *plan, const kdb_shape *shape);
/* The text of the plan that the worker used last, whose shape is put in *shape: the next request is often like it. Without a
 * shape when there is none. Borrowed until the next plan is looked up. */
kdb_sql_piece kdbi_plan_last_text(const kdbi_worker *worker, kdb_shape *shape);
void kdbi_plan_free(kdbi_plan *plan); /* on its worker, unless transient; NULL is fine */
/* Makes the plan's binding valid for the present catalog and checks the rights of `principal` on every table. */
KDB_NODISCARD kdb_status kdbi_plan_bind(kdbi_worker *worker, kdbi_plan *plan, const kdb_principal *principal,
                                        kdb_err *err);
/* After the plan's first binding: binds it again for the engine alone, with the literals it plans best by, when it was bound
 * for the native executor and that cannot run it with these parameters (the bound query's extras included). */
KDB_NODISCARD kdb_status kdbi_plan_judge(kdbi_worker *worker, kdbi_plan *plan, const kdb_exec *exec, kdb_err *err);
/* Prepares the bound query in the worker's engine connection, if it is not yet. */
KDB_NODISCARD kdb_status kdbi_plan_prepare(kdbi_worker *worker, kdbi_plan *plan, kdb_err *err);
/* False when a name in the bound plan means another table, or another version of it, by now. While it is true, no row of a
 * version that the plan does not know can have been read: asked after a statement's first rows are there, it says so of all
 * that it has opened. What failed while it is false begins again with kdb_exec.stale. */
bool kdbi_plan_is_current(kdb_core *core, const kdbi_plan *plan);
/* Describes the result columns of a `late` query; after each of its executions has started. */
void kdbi_plan_describe(kdbi_plan *plan);
kdbi_plan_cache *kdbi_plan_cache_new(size_t capacity);
void kdbi_plan_cache_free(kdbi_plan_cache *cache);
/* The plan of that key that serves the shape (NULL: any). */
kdbi_plan *kdbi_plan_cache_lookup(kdbi_plan_cache *cache, kdb_sv key, const kdb_shape *shape);
/* The plan that was looked up or put last, if it is still there: statements of one shape often follow one another. */
kdbi_plan *kdbi_plan_cache_newest(const kdbi_plan_cache *cache);
void kdbi_plan_cache_put(kdbi_plan_cache *cache, kdbi_plan *plan /* taken */);
size_t kdbi_plan_cache_count(const kdbi_plan_cache *cache);

/* ---- native.c: statements over one table, without the engine ---- */

/* The plan's query compiled for these parameters' types; NULL when only the engine can run it. Kept with the plan. */
const kdbi_native *kdbi_native_get(kdbi_plan *plan, const kdb_value *params, size_t nparams);
void kdbi_native_free(kdbi_native *native); /* NULL is fine */
const kdbi_result *kdbi_native_result(const kdbi_native *native);
/* Why a query runs in the engine, in a few words for EXPLAIN; after kdbi_native_get said NULL. */
const char *kdbi_native_refusal(const kdbi_plan *plan);

typedef struct kdbi_native_run kdbi_native_run;
typedef struct kdbi_native_memory kdbi_native_memory;
void kdbi_native_memory_free(kdbi_native_memory *memory); /* NULL is fine */
/* Starts an execution. *out stays NULL when this execution has to go to the engine after all (a LIMIT that is no count,
 * more rows to sort than memory is given to). */
KDB_NODISCARD kdb_status kdbi_native_start(const kdbi_native *native, kdbi_run *run, kdbi_native_run **out,
                                           kdb_err *err);
/* The next rows, borrowed until the next call; nrows 0 at the end. */
KDB_NODISCARD kdb_status kdbi_native_fetch(kdbi_native_run *run, const kdb_chunk **out, kdb_err *err);
/* True when what has been fetched is all. */
bool kdbi_native_is_through(const kdbi_native_run *run);
/* The stored bytes of the rows of what was fetched last, where the query finds rows to be changed; NULL: they are not known.
 * Borrowed as those are. */
const kdb_sv *kdbi_native_bytes(const kdbi_native_run *run);
void kdbi_native_run_free(kdbi_native_run *run);            /* NULL is fine */
uint64_t kdbi_native_rows_read(const kdbi_native_run *run); /* rows looked at so far */
KDB_DEFINE_CLEANUP(kdbi_native_run, kdbi_native_run_free)

/* ---- hot_cache.c: small partitions that are read whole again and again, kept decoded ---- */

typedef struct kdbi_hot_cache kdbi_hot_cache;
kdbi_hot_cache *kdbi_hot_cache_new(kdbi_sequencer *sequencer, size_t limit /* bytes; 0: keeps nothing */);
void kdbi_hot_cache_free(kdbi_hot_cache *cache);
/* Bytes of the partition's rows that are kept. */
size_t kdbi_hot_cache_bytes(kdbi_hot_cache *cache, const kdb_table *table, kdb_user_id user);
size_t kdbi_hot_cache_total(kdbi_hot_cache *cache); /* of all */
/* How much of a partition a statement reads. */
typedef enum kdbi_hot_use {
    KDBI_HOT_KEYS, /* rows by key */
    KDBI_HOT_PART, /* a range within it */
    KDBI_HOT_END,  /* a few rows from either end */
    KDBI_HOT_ALL
} kdbi_hot_use;
/* A partition's rows at one moment. */
typedef struct kdbi_hot_state {
    kdb_hot_rows *rows; /* a reference; NULL: they are not kept */
    uint64_t version;   /* of the partition's writes */
    uint32_t table_id;
    kdb_user_id user; /* borrowed */
} kdbi_hot_state;
/* The partition's rows as they are now. When one state has been asked for often enough its rows are loaded, if they are
 * few; `walk` says how to read them, and what is read from memory only answers KDB_WOULD_BLOCK instead, so that a worker
 * loads them. */
KDB_NODISCARD kdb_status kdbi_hot_cache_get(kdbi_hot_cache *cache, const kdb_walk_spec *walk, kdb_user_id user,
                                            kdbi_hot_use use, kdbi_hot_state *out, kdb_err *err);
/* What a read of these keys of the user's is; `few`: of all, it wants the first or last rows only. */
kdbi_hot_use kdbi_hot_use_of(const kdb_table *table, kdb_user_id user, const kdb_key_set *keys, bool few,
                             kdb_arena *arena);
/* True when nothing has been written to the partition since. */
bool kdbi_hot_cache_is_current(const kdbi_hot_cache *cache, const kdbi_hot_state *state);

/* ---- run.c: one execution of a bound query ---- */

/* What the engine's scan of a slot reads. */
typedef struct kdbi_source {
    kdb_key_set keys;
    kdbi_hot_state hot;      /* rows NULL: from the store */
    kdb_cold_direct *direct; /* owned: files that the engine reads beside the scan; NULL: none */
} kdbi_source;

struct kdbi_run {
    kdb_core *core;
    kdb_exec *exec;
    const kdbi_plan *plan;
    const kdb_principal *principal;
    const kdbi_result *result; /* what fetch gives */
    const kdbi_txn *txn;       /* whose snapshot and own rows are read; NULL: outside a transaction */
    kdb_snapshot *snapshot;    /* owned; NULL: none was needed, or the transaction's */
    const kdb_value *params;   /* the user's, then the bound query's extras */
    size_t nparams;
    int64_t now_us;
    const kdb_key_set *restrict_target; /* slot 0 reads these keys only; NULL: what its predicates say */
    const kdb_row_filter **filters;     /* by slot, NULL where all rows pass; NULL: they do everywhere */
    kdb_arena *arena;                   /* of the engine's sources; NULL: it runs natively */
    kdbi_source *sources;
    size_t nsources;
    kdb_scan_source source;
    kdb_engine_cursor *cursor;    /* owned; NULL: it runs natively */
    kdbi_native_run *native;      /* owned */
    atomic_uint_fast64_t scanned; /* rows the engine's scans have read */
    size_t nfiles;                /* that it reads beside them */
};

/* What a scan of the slot reads, in all columns. Any thread, while the run is in the engine. */
kdb_scan_spec kdbi_run_scan_spec(const kdbi_run *run, size_t slot);

/* run_direct.c: starts the query in the engine, whose sources are found: with cold files that it reads itself where that is worth it and
 * they can be read so. */
KDB_NODISCARD kdb_status kdbi_run_execute(kdbi_run *run, kdb_engine_plan *plan, kdb_err *err);
void kdbi_run_forget_direct(kdbi_run *run);

/* Gathers the parameters and the filters of an execution, which _start then need not be called for. `run` is the caller's
 * storage. */
KDB_NODISCARD kdb_status kdbi_run_init(kdbi_run *run, kdb_exec *exec, kdbi_plan *plan,
                                       const kdb_key_set *restrict_target, kdb_err *err);
/* Opens a snapshot and starts the plan's query. `run` is the caller's storage until _done. */
KDB_NODISCARD kdb_status kdbi_run_start(kdbi_run *run, kdb_exec *exec, kdbi_plan *plan,
                                        const kdb_key_set *restrict_target, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_run_fetch(kdbi_run *run, const kdb_chunk **out, kdb_err *err);
/* The first chunk, before anything is sent: from here on everything that the query reads is fixed, and it is either of
 * versions that the plan knows or the statement begins again. */
KDB_NODISCARD kdb_status kdbi_run_fetch_first(kdbi_run *run, const kdb_chunk **out, kdb_err *err);
void kdbi_run_done(kdbi_run *run); /* zeroed is fine */
uint64_t kdbi_run_rows_read(const kdbi_run *run);
/* The keys that slot `slot` has to read. */
void kdbi_run_keys(const kdbi_run *run, size_t slot, kdb_arena *arena, kdb_key_set *out);
/* One snapshot serves all that an execution reads: its own, or its transaction's. */
const kdb_snapshot *kdbi_run_snapshot(kdbi_run *run);
/* The transaction's own rows of the table, which every read of it must lay over the snapshot; NULL: there are none. */
const kdb_overlay *kdbi_run_overlay(const kdbi_run *run, const kdb_table *table);
/* KDB_CANCELLED or KDB_TIMEOUT once the statement has to stop. */
KDB_NODISCARD kdb_status kdbi_exec_check_running(const kdb_exec *exec, kdb_err *err);

/* The statement's parameters and those that the server adds for its bound query. In `arena`. */
const kdb_value *kdbi_run_params(const kdb_exec *exec, const kdbi_plan *plan, kdb_arena *arena, size_t *out_count);
/* The value of a parameter that the server adds. */
kdb_value kdbi_exec_extra(const kdb_exec *exec, const kdb_extra *extra);

/* ---- row_program.c: what RETURNING and DO UPDATE say, run for one row after the other ---- */

/* A bind of the statement's expressions to its table and parameters. All lies in `arena`. */
typedef struct kdbi_row_binding {
    const kdb_table *table;
    kdb_arena *arena;
    const kdb_field *fields; /* the target's, its key's place, EXCLUDED's */
    size_t nfields;
    uint32_t excluded; /* EXCLUDED's fields begin here */
    const kdb_value *params;
    const kdb_type *param_types;
    size_t nparams;
} kdbi_row_binding;
typedef struct kdbi_row_program {
    kdb_type type;
    int32_t column; /* the value is this field's; -1: */
    const kdb_expr *expr;
    const kdb_expr_consts *consts;
    kdb_value constant; /* without expr */
} kdbi_row_program;
/* The values a program sees. */
typedef struct kdbi_row_view {
    uint32_t excluded;                /* of the binding */
    kdb_value *target;                /* by field */
    const kdb_value *excluded_values; /* by column */
} kdbi_row_view;

void kdbi_row_binding_init(kdbi_row_binding *binding, const kdb_exec *exec, const kdbi_plan *plan, kdb_arena *arena);
/* KDB_STMT_INVALID_SQL for what cannot be run over rows; `clause` names where it stands. */
KDB_NODISCARD kdb_status kdbi_row_program_new(const kdbi_row_binding *binding, const kdb_row_expr *expr,
                                              const char *clause, kdbi_row_program *out, kdb_err *err);
/* The value borrows from the row, the program or `scratch`. */
KDB_NODISCARD kdb_status kdbi_row_program_run(const kdbi_row_program *program, kdbi_row_view *view, kdb_arena *scratch,
                                              kdb_value *out, kdb_err *err);
/* Room for the target's values in `arena`. */
void kdbi_row_view_init(kdbi_row_view *view, const kdb_table *table, uint32_t excluded, kdb_arena *arena);
/* Shows the row's values as the target's, `_seq` and `_deleted` included. They borrow from `row` or lie in `scratch`. */
KDB_NODISCARD kdb_status kdbi_row_view_set(kdbi_row_view *view, const kdb_table *table, const kdb_row *row,
                                           kdb_arena *scratch, kdb_err *err);

/* ---- write.c: the rows one statement changes, from evaluation to publication ---- */

typedef struct kdbi_row_write {
    kdb_change_op op;
    kdb_sv key;
    kdb_sv row;           /* encoded, stamped with its `_seq` at commit; empty: the row is removed (STREAM) */
    kdb_sv old_row;       /* for change events */
    uint64_t seq;         /* given at commit */
    uint64_t old_seq;     /* of the version replaced; 0: none */
    uint64_t read_seq;    /* UPDATE, DELETE: of the version the statement saw */
    kdb_sv read_row;      /* and its bytes; empty: they were not kept */
    kdb_cold_place place; /* of the version replaced, if that is cold */
    const kdb_value *set; /* UPDATE: new values by SET position */
    bool fresh;           /* key made by the server: cannot exist yet */
    bool skip;            /* nothing to write after all */
    bool shown;           /* RETURNING shows it, be it written or the same as before */
} kdbi_row_write;

struct kdbi_write {
    kdb_change_op op;
    kdb_commit commit;
    kdbi_lock_set locks;
    kdbi_seq_ticket ticket;
    kdb_core *core;
    kdb_exec *exec;   /* NULL once answered */
    kdb_arena *arena; /* this and all it points to */
    kdb_table *table; /* a reference, entered for writing */
    bool entered;
    bool locked;
    bool numbered; /* its rows have a `_seq` each, and there are some */
    kdb_user_id user;
    kdbi_high_mark *mark; /* held; NULL: not asked for yet, or the transaction's */
    kdb_batch *batch;
    kdbi_upsert *upsert;                           /* INSERT: what ON CONFLICT says; NULL: nothing */
    kdbi_returning *returning;                     /* owned; NULL: none */
    kdbi_policies *policies;                       /* a reference, which the filters borrow from; NULL: none */
    const kdb_row_filter *may_insert, *may_update; /* what new rows have to pass; NULL: all do */
    const kdb_row_filter *may_meet;                /* and the rows that ON CONFLICT DO UPDATE changes */
    const uint32_t *set_columns;                   /* UPDATE: table columns by SET position */
    size_t nset;
    uint64_t read_at;    /* the moment before the first row was read, if their bytes may be kept; else 0 */
    size_t read_bytes;   /* kept of them */
    kdbi_txn *staged_in; /* the transaction that the statement is part of: it keeps the rows until its COMMIT */
    kdbi_txn *commits;   /* a reference: this is part of that transaction's COMMIT, */
    kdbi_write *also;    /* and this is the next part, of another table. The first part has the locks and the batch */
    kdbi_row_write *rows;
    size_t nrows, cap;
    bool rows_on_heap; /* else in the arena */
    size_t limit;      /* bytes of keys and rows the statement may write */
    size_t bytes;
    uint64_t ceiling;  /* of `_seq`, that the batch carries; 0: none */
    kdb_status status; /* of the commit */
    uint64_t version;  /* of the store, with it */
    atomic_int owners; /* the answer and the publication */
    /* Continues the statement on a worker once the locks are held. */
    kdb_status (*locked_step)(kdb_exec *exec, kdbi_write *write, bool *pending, kdb_err *err);
};

kdbi_write *kdbi_write_new(kdb_exec *exec, kdb_table *table, kdb_user_id user);
/* Gives everything back; only before the commit was handed over. NULL is fine. */
void kdbi_write_abandon(kdbi_write *write);
/* A new zeroed row. KDB_LIMIT when the statement's limit is passed. `bytes` is what it will write. */
KDB_NODISCARD kdb_status kdbi_write_add(kdbi_write *write, size_t bytes, kdbi_row_write **out, kdb_err *err);
/* Counts `bytes` that the statement keeps for its rows. KDB_LIMIT as above. */
KDB_NODISCARD kdb_status kdbi_write_charge(kdbi_write *write, size_t bytes, kdb_err *err);
/* Locks the rows' keys, enters the table, then runs `step`, here or later on a worker (*pending). In a transaction there is
 * nothing to lock yet: `step` runs at once. */
KDB_NODISCARD kdb_status kdbi_write_lock(kdbi_write *write,
                                         kdb_status (*step)(kdb_exec *, kdbi_write *, bool *, kdb_err *), bool *pending,
                                         kdb_err *err);
/* Gives each row its `_seq` and hands the batch to the committer; the statement is then answered from there. With no
 * rows to write it is done at once (*pending stays false), and so it is in a transaction, which keeps the rows. */
KDB_NODISCARD kdb_status kdbi_write_commit(kdbi_write *write, bool *pending, kdb_err *err);
size_t kdbi_write_count(const kdbi_write *write); /* rows not skipped */

/* ---- write_present.c: what is under the rows that a write changes ---- */

enum { KDBI_PRESENT_ROWS = 512 };
/* What lies under the keys of the next rows from `from` on, with the locks held, or as the transaction sees it: stored[i]
 * of rows[from + i], empty where nothing does and for fresh rows. *count says how many rows it is; 0 at the end. In write->arena. */
KDB_NODISCARD kdb_status kdbi_write_present(kdbi_write *write, size_t from, kdb_sv stored[KDBI_PRESENT_ROWS],
                                            size_t *count, kdb_err *err);
/* Before the batch is made: the partition's mark rises with the write's new keys. */
void kdbi_write_raise_mark(kdbi_write *write);
/* Whether rows have keys that their values make. */
static inline bool kdbi_is_keyed(const kdb_table *table)
{
    return table->nkey > 0 && table->type != KDB_TABLE_STREAM;
}

/* ---- returning.c ---- */

/* kdbi_returning is the rows that RETURNING shows: computed before the commit, so that what fails undoes the statement, and sent by a worker
 * after it. Has an arena of its own, since it outlives the write. */
/* *out is NULL when the statement has no RETURNING. */
KDB_NODISCARD kdb_status kdbi_returning_new(const kdb_exec *exec, const kdbi_plan *plan, kdbi_returning **out,
                                            kdb_err *err);
void kdbi_returning_free(kdbi_returning *returning); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdbi_returning, kdbi_returning_free)
/* Computes the rows of the write that are `shown`, but for `_seq`. */
KDB_NODISCARD kdb_status kdbi_returning_compute(kdbi_returning *returning, kdbi_write *write, kdb_err *err);
/* Fills in `_seq`, once the rows have one. */
void kdbi_returning_number(kdbi_returning *returning, const kdbi_write *write);
/* Sends exec->returning as the statement's result. On a worker. */
KDB_NODISCARD kdb_status kdbi_returning_send(kdb_exec *exec, kdb_err *err);
/* Has a worker send it and end the statement. Any thread. */
void kdbi_returning_hand_over(kdb_exec *exec);

/* ---- insert_conflict.c ---- */

/* kdbi_upsert is what INSERT .. ON CONFLICT does about rows that are there already; it lies in write->arena. */
/* Checks the clause and makes exec->write->upsert of it; nothing when there is none. */
KDB_NODISCARD kdb_status kdbi_upsert_new(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err);
/* One key twice in the statement: DO NOTHING takes the first, DO UPDATE refuses. */
KDB_NODISCARD kdb_status kdbi_upsert_check_twice(kdbi_write *write, kdb_err *err);
/* Decides about a row whose key has the live row `old`. */
KDB_NODISCARD kdb_status kdbi_upsert_apply(kdb_exec *exec, kdbi_write *write, kdbi_row_write *row, const kdb_row *old,
                                           kdb_err *err);

/* ---- execute_as.c: EXECUTE AS USER (sql.md 11) ---- */

/* Checks that the caller may act as the target of piece exec->next, and remembers who that is. */
KDB_NODISCARD kdb_status kdbi_execute_as_check(kdb_exec *exec, kdb_err *err);
/* Whether the wrapped statement is one that may be wrapped. */
KDB_NODISCARD kdb_status kdbi_execute_as_check_stmt(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err);
/* Refuses to write SHARED tables. */
KDB_NODISCARD kdb_status kdbi_execute_as_check_target(const kdb_exec *exec, const kdbi_plan *plan, kdb_err *err);

/* ---- exec.c: one request ---- */

struct kdb_exec {
    kdb_core *core;
    kdb_request *request;
    kdb_arena *arena;
    kdbi_worker *worker; /* while on one */
    atomic_bool cancelled;
    kdb_sql_piece *pieces;
    size_t npieces;
    size_t next;           /* the statement that runs */
    kdb_principal *acting; /* by piece, of those with an as_user; NULL: none have */
    bool started;          /* past the checks that come before the first statement */
    bool in_lane;          /* on a net thread: nothing may wait, for a disk neither */
    kdb_sv ns;
    kdb_stmt_kind kind; /* of the statement that runs, as all below */
    int64_t started_us;
    int64_t deadline_us;
    int64_t now_us;            /* NOW() of the statement that runs: one value, re-evaluation included */
    const kdb_shape *shape;    /* of the text that runs; NULL: it has none */
    kdbi_plan *plan;           /* transient plan of the statement that runs */
    uint64_t affected[3];      /* INSERT, UPDATE, DELETE totals of a batch */
    kdbi_write *write;         /* of the statement that runs */
    kdbi_returning *returning; /* of the statement that runs, once it is committed; owned */
    bool sending;              /* rows of it went out */
    bool stale;                /* it failed because DDL overtook it: it begins again */
    bool placed;               /* the place of its error is one in its own text, not its plan's */
    kdbi_txn *txn;             /* set and cleared with core->lock held: system.transactions looks */
    uint64_t number;           /* of the request among those that began a transaction; 0: it has not */
    /* What a worker does with the execution when it takes it from the queue. */
    void (*resume)(kdb_exec *exec);
    kdb_exec *prev_live, *next_live; /* guarded by core->lock, as the next */
    kdb_exec *next_parked;
    kdb_core_task *task;    /* what it does instead of a request; NULL: it is one */
    kdb_auth_job *auth_job; /* CREATE/ALTER USER */
    kdb_status auth_status;
    kdb_err auth_err;
};

/* A new execution in an arena of its own. */
kdb_exec *kdbi_exec_new(kdb_core *core, kdb_request *request);
/* The namespace of unqualified names when the request begins. */
kdb_sv kdbi_exec_first_ns(const kdb_exec *exec);
/* Splits the text into statements. */
KDB_NODISCARD kdb_status kdbi_exec_prepare(kdb_exec *exec, kdb_err *err);
/* Whether the caller's role may run the statement at all, and whether it has the parameters. */
KDB_NODISCARD kdb_status kdbi_exec_check_stmt(const kdb_exec *exec, const kdb_stmt *stmt, kdb_err *err);
/* What a new execution resumes with: checks all statements, then runs them. */
void kdbi_exec_start(kdb_exec *exec);
/* Makes the plan's binding valid and checks all rights of whom the statement acts as; in a transaction, also that it may read
 * and write what it names. */
KDB_NODISCARD kdb_status kdbi_exec_bind(kdb_exec *exec, kdbi_plan *plan, kdb_err *err);
/* A run of the plan, which may be one that the statement runs within itself, has failed: the statement begins again when DDL
 * overtook the plan and nothing is sent yet. */
void kdbi_exec_note_failure(kdb_exec *exec, const kdbi_plan *plan, kdb_status status);
/* Puts the execution back on the workers' queue, to continue with `resume`. Any thread. */
void kdbi_exec_requeue(kdb_exec *exec, void (*resume)(kdb_exec *exec));
/* Gives up what the statement that runs has done so far and puts it back on the queue, to begin from its start. Any
 * thread. */
void kdbi_exec_again(kdb_exec *exec);
/* The statement that runs is finished: starts the next one or ends the request. Any thread; the exec may be gone. */
void kdbi_exec_statement_done(kdb_exec *exec);
/* The statement that runs failed: ends the request. The exec is gone. */
void kdbi_exec_fail(kdb_exec *exec, kdb_status status, const kdb_err *err);
/* Reports a DML count: at once for a single statement, summed for a batch. */
void kdbi_exec_affected(kdb_exec *exec, kdb_change_op op, uint64_t count);
void kdbi_exec_message(kdb_exec *exec, const char *fmt, ...) KDB_PRINTF(2, 3);
void kdbi_exec_say(kdb_exec *exec, kdb_sv message); /* the same, of any length */
kdb_sv kdbi_exec_text(const kdb_exec *exec);        /* of the statement that runs */
/* Who the statement that runs acts as: the caller, or the target of its EXECUTE AS USER with the rights of role user. */
const kdb_principal *kdbi_exec_principal(const kdb_exec *exec);
kdb_user_id kdbi_exec_user(const kdb_exec *exec, const kdb_table *table); /* empty for SHARED */
kdb_sv kdbi_exec_ns(const kdb_exec *exec, kdb_sv written);                /* written, or the default namespace */
/* What the statement that runs is looked up by; takes its shape on first use. */
kdbi_plan_text kdbi_exec_plan_text(kdb_exec *exec);

struct kdb_core_turn {
    kdb_exec *exec;
};

/* Runs one statement: *pending when it goes on elsewhere. */
typedef kdb_status (*kdbi_stmt_run)(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
extern const kdbi_stmt_run kdbi_stmt_runs[KDB_STMT_KIND_COUNT];

kdb_status kdbi_run_query(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
/* Runs our own SELECT with system tables open to every role, as the statement's result. */
kdb_status kdbi_run_internal_query(kdb_exec *exec, kdb_sv sql, kdb_err *err);
kdb_status kdbi_run_insert(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_update(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_delete(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_alter_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_use_namespace(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_alter_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_namespaces(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_tables(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_storages(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_manifest(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_search_path(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_all(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_stats(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_describe_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_explain(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_view(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_view(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_alter_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_check_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_alter_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_policy(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_policies(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_create_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_alter_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_drop_user(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);

/* ---- stmt_job.c ---- */

/* Queues jobs for the statement that runs, with an audit record of these texts. */
KDB_NODISCARD kdb_status kdbi_submit_jobs(kdb_exec *exec, kdb_job_request *requests, size_t count, kdb_sv target,
                                          kdb_sv details, kdb_err *err);

/* ---- made.c: results made here, row by row ---- */

typedef struct kdbi_made_column {
    const char *name;
    kdb_type_kind kind;
    bool not_null;
} kdbi_made_column;
typedef struct kdbi_made {
    kdb_exec *exec;
    kdb_chunk *chunk;
    uint64_t count;
} kdbi_made;
void kdbi_made_begin(kdbi_made *made, kdb_exec *exec, const kdbi_made_column *columns, size_t ncolumns);
/* `cells` follow the columns; what they point to lives until the end. */
KDB_NODISCARD kdb_status kdbi_made_row(kdbi_made *made, const kdb_value *cells, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_made_end(kdbi_made *made, kdb_err *err);

kdb_status kdbi_run_begin(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_commit(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_rollback(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_savepoint(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_rollback_to(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_release(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_subscribe(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_kill_live_query(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_flush_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_flush_all(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_compact_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_rebuild_table(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_compact_all(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_kill_job(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_backup(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_restore(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_export_user_data(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_show_export(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);
kdb_status kdbi_run_verify_audit_log(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err);

/* ---- exec_audit.c: what the statement that runs leaves in the audit log ---- */

/* What the audit log calls each kind of statement; KDB_AUDIT_NONE: it has no name for it. */
extern const kdb_audit_action kdbi_stmt_audits[KDB_STMT_KIND_COUNT];
/* A record of the statement that runs, by its caller; the texts are the caller's, or in the exec's arena. */
kdb_audit_record kdbi_audit_record(kdb_exec *exec, kdb_sv target, kdb_sv details);
/* "ns.name", in the exec's arena. */
kdb_sv kdbi_audit_name(kdb_exec *exec, kdb_sv ns, kdb_sv name);
/* Commits what an administrative statement has staged, with its record: both are durable or neither. */
KDB_NODISCARD kdb_status kdbi_audit_commit(kdb_exec *exec, kdb_batch *batch, kdb_sv target, kdb_sv details,
                                           kdb_err *err);
/* For changes that auth commits: makes `with` add the record to them. Both are borrowed until the change is made. */
typedef struct kdbi_audit_with {
    kdb_commit_with with;
    kdb_audit *audit;
    kdb_audit_record record;
} kdbi_audit_with;
void kdbi_audit_with_init(kdbi_audit_with *with, kdb_exec *exec, kdb_sv target, kdb_sv details, kdb_sv subject);
/* Notes a SHOW or DESCRIBE that has run; nothing for other statements. */
void kdbi_audit_note_shown(kdb_exec *exec);
/* Notes a statement that was refused for want of rights; nothing for other failures. */
void kdbi_audit_note_denied(kdb_exec *exec, kdb_status status, const kdb_err *err);
/* Notes that the statement that runs acts as somebody else; nothing when it does not. */
void kdbi_audit_note_acting(kdb_exec *exec);

/* ---- txn.c: an explicit transaction of one request ---- */

typedef enum kdbi_txn_state { KDBI_TXN_OPEN, KDBI_TXN_COMMITTING } kdbi_txn_state;

typedef struct kdbi_savepoint kdbi_savepoint;
typedef struct kdbi_undo kdbi_undo;

/* A table the transaction has met, with the rows of one user. */
typedef struct kdbi_txn_table {
    struct kdbi_txn_table *next;
    kdb_table *table; /* a reference: all statements must mean this very definition */
    kdb_user_id user;
    kdb_overlay *overlay; /* NULL: nothing written */
    kdbi_high_mark *mark; /* held; NULL: not asked for yet */
} kdbi_txn_table;

struct kdbi_txn {
    kdb_core *core; /* fixed, as the next six */
    kdb_arena *arena;
    char id[37];
    uint64_t request;      /* number of the one that owns it */
    int64_t started_us;    /* monotonic */
    uint64_t snapshot_seq; /* above every `_seq` in the snapshot */
    uint64_t moment;       /* of the sequencer, just before the snapshot */
    kdb_snapshot *snapshot;
    bool untold;                /* that it has begun is said together with its end: until then a lane may give it up */
    bool blind;                 /* it only inserts and has no snapshot: its rows are those of exec->write */
    kdbi_txn_table *tables;     /* the statement that runs, as the next four */
    kdbi_savepoint *savepoints; /* innermost first */
    kdbi_undo *undo;            /* newest first; kept while there are savepoints */
    uint64_t affected[3];       /* of the request when it began */
    atomic_uint refs;           /* the execution, and the parts of its COMMIT, which point at its rows */
    atomic_int state;           /* kdbi_txn_state. Written by the execution, read by anybody, as the rest */
    atomic_int_fast64_t active_us;
    atomic_size_t writes, bytes, ntables;
};

/* Opens one for the request, which has none. */
void kdbi_txn_begin(kdb_exec *exec);
/* The same for one that only inserts (txn_insert.c). What gives its write up has to begin the request again. */
void kdbi_txn_begin_blind(kdb_exec *exec);
void kdbi_txn_tell_begun(kdb_exec *exec);
/* Drops the request's transaction with all it has staged; none is fine. It holds no locks. */
void kdbi_txn_end(kdb_exec *exec);
/* The same, and its counts are taken back. */
void kdbi_txn_roll_back(kdb_exec *exec);
kdbi_txn *kdbi_txn_ref(kdbi_txn *txn);
void kdbi_txn_unref(kdbi_txn *txn); /* NULL is fine */
/* Before each statement: refuses DDL, and everything once the transaction has been idle for too long. */
KDB_NODISCARD kdb_status kdbi_txn_resume(kdbi_txn *txn, kdb_stmt_kind kind, int64_t now_us, kdb_err *err);
/* Refuses the tables of a bound plan that a transaction cannot have, and remembers the others. */
KDB_NODISCARD kdb_status kdbi_txn_admit(kdb_exec *exec, const kdbi_plan *plan, kdb_err *err);
/* NULL when nothing of the table has been written, or `txn` is NULL. */
const kdb_overlay *kdbi_txn_overlay(const kdbi_txn *txn, const kdb_table *table, kdb_user_id user);
/* The mark of a table that was admitted; the transaction holds it. */
kdbi_high_mark *kdbi_txn_mark(kdbi_txn *txn, const kdb_table *table, kdb_user_id user);
/* Takes over the rows of a statement's write and gives them their provisional `_seq`. Fails whole with KDB_LIMIT. */
KDB_NODISCARD kdb_status kdbi_txn_stage(kdbi_txn *txn, kdbi_write *write, kdb_err *err);
/* Counts a write's rows to what the transaction keeps. KDB_LIMIT when that is too much. */
KDB_NODISCARD kdb_status kdbi_txn_charge(kdbi_txn *txn, const kdbi_write *write, kdb_err *err);
void kdbi_txn_save(kdb_exec *exec, kdb_sv name);
/* KDB_NOT_FOUND without a savepoint of that name. */
KDB_NODISCARD kdb_status kdbi_txn_roll_back_to(kdb_exec *exec, kdb_sv name, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_txn_release(kdbi_txn *txn, kdb_sv name, kdb_err *err);

/* ---- txn_commit.c ---- */

/* Writes all that is staged as one batch, or fails with KDB_CONFLICT; *pending as for writes. */
KDB_NODISCARD kdb_status kdbi_txn_commit(kdb_exec *exec, bool *pending, kdb_err *err);
/* The batch is durable: answers and drops the transaction. */
void kdbi_txn_committed(kdb_exec *exec);
/* "failed to commit transaction '..': <what> 'ns.t' since it began" */
kdb_status kdbi_txn_conflict(const kdbi_write *write, const char *what, kdb_err *err);

/* ---- txn_insert.c: a transaction that only inserts ---- */

/* Whether the statement may be part of one: rows of constants, without ON CONFLICT and RETURNING. */
bool kdbi_txn_takes_insert(const kdb_stmt *stmt);
/* Makes the rows of such a statement, whose plan is bound. In a blind transaction. */
KDB_NODISCARD kdb_status kdbi_txn_insert(kdb_exec *exec, kdbi_plan *plan, kdb_err *err);
/* Writes all of them as one batch; *pending as for writes. Once pending it begins the request again rather than fail. */
KDB_NODISCARD kdb_status kdbi_txn_insert_commit(kdb_exec *exec, bool *pending, kdb_err *err);

/* ---- stmt_insert.c: INSERT's parts ---- */

/* Makes the rows of an INSERT .. VALUES of constants for exec->write. */
KDB_NODISCARD kdb_status kdbi_insert_values(kdb_exec *exec, kdbi_plan *plan, kdb_err *err);
/* Refuses a key that two of the write's rows have. */
KDB_NODISCARD kdb_status kdbi_insert_check_twice(const kdbi_write *write, kdb_err *err);
/* With the locks held: what becomes of the rows whose keys are there already. */
KDB_NODISCARD kdb_status kdbi_insert_meet(kdb_exec *exec, kdbi_write *write, kdb_err *err);

/* ---- cell.c ---- */

/* Where cells find what they refer to. */
typedef struct kdbi_cells {
    kdb_exec *exec;
    kdb_arena *arena;       /* of generated texts */
    const kdb_chunk *exprs; /* EXPR cells: */
    size_t row;             /* this row, */
    size_t first_column;    /* from this column on */
} kdbi_cells;
kdb_value kdbi_cell_value(const kdbi_cells *cells, const kdb_cell *cell, const kdb_column *column);
kdb_value kdbi_default_value(const kdbi_cells *cells, const kdb_column *column);

/* ---- table_gate.c ---- */

/* Brackets, for whoever is no statement, what must not outlive the table as it is. KDB_TABLE_NOT_FOUND when it is dropped,
 * KDB_CONFLICT when it is being altered or was. */
KDB_NODISCARD kdb_status kdbi_table_enter(kdb_core *core, kdb_table *table, kdb_err *err);
/* KDB_TABLE_NOT_FOUND: it has been dropped meanwhile. */
kdb_status kdbi_table_fail_gone(const kdb_table *table, kdb_err *err);
void kdbi_table_leave(kdb_core *core, kdb_table *table);
/* Wakes who waits for a table to be left. */
void kdbi_table_tell_closer(kdb_core *core);
/* With the DDL gate held: puts the table in `state` (ALTERING or DROPPED), so that no write enters it any more, and waits
 * for those inside. They wait for the committer at most, never for a worker, so this ends soon. */
void kdbi_table_close(kdb_core *core, kdb_table *table, kdb_table_state state);
/* With the DDL gate held, after _close: what became of the table. Writes that waited for it begin again. */
void kdbi_table_settle(kdb_core *core, kdb_table *table, kdb_table_state state);
/* With the DDL gate held, after _close for ALTERING: puts `next` in the table's place, or opens the table again when the
 * commit was not KDB_OK. */
void kdbi_table_replace(kdb_core *core, kdb_table *table, kdb_table *next /* taken */, kdb_status committed);
/* Tells the sinks what became of the table; NULL: it was dropped. */
void kdbi_table_tell(const kdb_core *core, const kdb_table *table, const kdb_table *next);
/* The write of `exec` came to a table that is being altered or was: gives the write up, waits without a worker until the
 * table is settled, and begins the statement again. The exec may be gone on return. */
void kdbi_table_await(kdb_exec *exec, kdb_table *table);

/* ---- purge.c ---- */

/* What is on record of a table that is dropped. */
void kdbi_purge_stage_drop(const kdb_table *table, kdb_batch *batch);

/* ---- table_drop.c: with the DDL gate held ---- */

/* Definition, rows and the record of the cleanup job. */
KDB_NODISCARD kdb_status kdbi_drop_stage(kdb_exec *exec, kdb_table *table, kdb_sv job_id, kdb_batch *batch,
                                         kdb_err *err);
/* After kdbi_table_close: publishes the drop, or opens the table again when it was not committed. */
void kdbi_drop_end(kdb_core *core, kdb_table *table, kdb_status committed);
/* Afterwards, without the gate: removes what can be removed at once of the files. The rest is for the cleanup job. */
void kdbi_drop_sweep(kdb_core *core);

/* The table column a statement names; system columns and unknown ones are refused with the nearest name. */
KDB_NODISCARD kdb_status kdbi_find_column(const kdb_table *table, const kdb_table_name *column, const char *verb,
                                          uint32_t *out, kdb_err *err);
/* The table's columns that SET names, in its order, checked: no key, no system column, none twice. In `arena`. */
KDB_NODISCARD kdb_status kdbi_map_set(const kdb_table *table, const kdb_table_name *names, size_t count,
                                      kdb_arena *arena, const uint32_t **out, kdb_err *err);
/* Adds the column to a coercion failure, in the reference's words. */
void kdbi_coercion_error(kdb_err *err, const kdb_column *column);
/* Adds the cell that a failure is about: its place, and its number if it is a parameter. Returns `status`. */
kdb_status kdbi_cell_failed(const kdb_cell *cell, kdb_status status, kdb_err *err);
/* A value for SET's `column`: coerced, and NULL only where it may be; `row` counts from 1 for messages. */
KDB_NODISCARD kdb_status kdbi_set_value(const kdb_column *column, const kdb_value *value, size_t row, kdb_arena *arena,
                                        kdb_value *out, kdb_err *err);
/* Makes the row that replaces `old`: its values with row->set in place of `columns`; skipped when that is the same. Room
 * for all the table's values is in `values`. */
KDB_NODISCARD kdb_status kdbi_make_update(kdbi_write *write, kdbi_row_write *row, const kdb_row *old,
                                          const uint32_t *columns, size_t ncolumns, kdb_value *values, kdb_err *err);
/* The values of one row of a table to be written, checked for NOT NULL; `row` counts from 1 for messages. */
KDB_NODISCARD kdb_status kdbi_check_not_null(const kdb_table *table, const kdb_value *values, size_t row, kdb_err *err);

/* ---- own_tables.c ---- */

/* Makes the tables of namespace `dba` that are missing. At the start, before statements run. */
KDB_NODISCARD kdb_status kdbi_core_make_own_tables(kdb_core *core, kdb_err *err);

/* ---- core.c: workers and the watch on their deadlines ---- */

/* Says that `worker` runs `exec`, so that cancel and the watch may interrupt it; and that it no longer does. An
 * execution is left before anything is done that lets another thread go on with it. */
void kdbi_worker_enter(kdbi_worker *worker, kdb_exec *exec);
void kdbi_worker_leave(kdb_exec *exec);
/* Puts the execution on the list of live ones; false once the server stops. */
bool kdbi_core_admit(kdb_core *core, kdb_exec *exec);
/* Queues a request of the server's own that a worker runs with `resume`; bounded as statements are. */
KDB_NODISCARD kdb_status kdbi_core_submit_step(kdb_core *core, kdb_request *request, void (*resume)(kdb_exec *exec),
                                               kdb_err *err);
size_t kdbi_core_plans_per_worker(const kdb_core *core);
/* Takes the request off the list of live ones and frees the execution. */
void kdbi_core_retire(kdb_exec *exec, bool failed);

/* A thread that runs statements; of a lane, which is one too, only core and plans are used. */
struct kdbi_worker {
    kdb_core *core;
    kdb_thread thread;
    kdb_engine_conn *conn;             /* the worker's; NULL: a lane's */
    kdbi_plan_cache *plans;            /* the worker's */
    kdbi_native_memory *native_memory; /* made when first needed */
    kdb_exec *running;                 /* guarded by core->lock */
    int64_t deadline_us;               /* guarded by core->lock; 0: none */
    atomic_size_t plans_cached;
};

struct kdb_core {
    kdb_store *store; /* fixed after open, as all but what is said */
    kdb_engine *engine;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_audit *audit;
    kdb_object_stores *objects; /* NULL: there are none */
    kdb_cold *cold;             /* NULL: all rows are hot */
    const kdb_options *options;
    kdb_seq_ceiling ceiling; /* atomic */
    bool ceiling_open;       /* else nothing may be stored in its place */
    kdb_change_sink *sinks;
    size_t nsinks;
    kdb_live_control live_control;
    kdb_job_control job_control;
    int64_t timeout_us;
    size_t write_limit;
    size_t txn_limit;
    int64_t txn_idle_us;
    int64_t default_limit, max_limit;
    size_t scan_threads;
    int64_t slow_us;
    int64_t node_id;

    kdb_mutex cold_lock;   /* rank KDB_LOCK_COLD_WORK */
    kdb_cond cold_changed; /* cold_busy has lost one */
    kdb_map *cold_busy;    /* guarded by cold_lock: ids (4 bytes) of tables whose rows are flushed or compacted */

    kdb_mutex ddl;    /* rank KDB_LOCK_DDL: one DDL statement at a time. A gate: held over its commit, so that
                               * what a statement checked is still so when it is stored */
    kdb_queue *queue; /* executions waiting for a worker */
    kdbi_worker *workers;
    size_t nworkers;
    kdbi_row_locks *row_locks;
    kdbi_sequencer *sequencer;
    kdbi_high_marks *marks;
    kdbi_hot_cache *hot;

    kdb_mutex lock;         /* rank KDB_LOCK_WORKERS */
    kdb_cond changed;       /* live fell to 0, a closed table lost a writer, a request was
                               * cancelled, or the watch must stop */
    size_t live;            /* guarded by lock: requests submitted and not done */
    bool draining;          /* guarded by lock */
    bool stopping;          /* guarded by lock */
    kdb_exec *first_live;   /* guarded by lock: all of them, for drain */
    kdb_exec *first_parked; /* guarded by lock, as last_parked: writes that wait for an ALTER TABLE, oldest first */
    kdb_exec *last_parked;
    kdbi_storage_claim *storage_claims; /* guarded by lock: storages that statements are making, changing or dropping */
    int64_t watch_wakes_us;             /* guarded by lock: when the watch looks again by itself */
    kdb_thread watch;
    bool use_native; /* execution.native_executor */
    atomic_uint_fast64_t requests, failed, overloaded, transacting, native, direct, direct_failed;
};

#endif
