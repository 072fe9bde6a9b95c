/* engine_int.h - what engine's files share: the objects' fields, and the seams between them. Only here and in the .c
 * files do DuckDB's types appear. */
#ifndef KDB_ENGINE_INT_H
#define KDB_ENGINE_INT_H

#include <duckdb.h>
#include <stdatomic.h>

#include "kdb/engine.h"

typedef struct kdbi_help_round kdbi_help_round;

/* What the thread that watches the memory remembers; bytes are of the process. */
typedef struct kdbi_memory_watch {
    size_t base;     /* when nothing had run for long, last */
    size_t least;    /* ever */
    size_t left;     /* right after the last giving back */
    size_t most;     /* since then */
    int64_t next_us; /* not before then is it tried again, */
    int64_t wait_us; /* which is so much after the last time; 0: at once */
    size_t refused;  /* pieces, ever */
} kdbi_memory_watch;

struct kdb_engine {
    duckdb_database duck;
    _Atomic uint64_t connections; /* ever made: numbers their scan functions */
    atomic_bool broken;           /* DuckDB has said that it cannot go on */

    kdb_mutex help_lock; /* rank KDB_LOCK_ENGINE; not held while helping */
    kdb_cond help_wanted;
    kdbi_help_round *help_round; /* guarded by help_lock: NULL while nobody wants help */
    size_t help_wanting;         /* guarded by help_lock: executions that do */
    bool help_stops;             /* guarded by help_lock */
    kdb_thread *helpers;
    size_t nhelpers;

    /* engine_memory.c */
    kdb_mutex memory_lock; /* rank KDB_LOCK_ENGINE_MEMORY */
    kdb_cond memory_wake;
    kdb_thread memory_thread;
    bool memory_stops;         /* guarded by memory_lock */
    kdb_engine_conn *conns;    /* guarded by memory_lock: all that are open */
    atomic_bool memory_sleeps; /* until it is woken */
    size_t memory_limit;       /* bytes; fixed after open */
    kdbi_memory_watch memory;  /* its thread only */
};

/* What DuckDB's catalog holds of a connection: the catalog keeps functions until the database closes, so this outlives
 * the connection. Owned by the catalog. */
typedef struct kdbi_scan_owner {
    idx_t duck_id; /* of the only connection that may call the function */
    kdb_engine_conn *conn;
} kdbi_scan_owner;

struct kdb_engine_conn {
    kdb_engine *engine;
    duckdb_connection duck;
    char scan_function[32];
    kdb_arena *arena;         /* coerced parameters, for one execution */
    bool in_use;              /* a cursor is open */
    kdb_engine_conn *next;    /* of the engine's, guarded by its memory_lock */
    _Atomic int64_t began_us; /* 0: nothing runs */

    /* Set by the owner before DuckDB runs anything, constant while it does. */
    const kdb_scan_table *tables;
    size_t ntables;
    const kdb_scan_source *source; /* NULL while preparing */

    atomic_size_t open_scans;   /* of the execution */
    _Atomic int64_t help_at_us; /* when the execution gets help; 0: never, or it has it; written under help_lock */
    bool helped;                /* guarded by help_lock: it has it */

    /* Our memory for columns that cannot stay in DuckDB's; belongs to the open cursor. */
    char *scratch;
    size_t scratch_size;

    kdb_mutex lock;  /* rank KDB_LOCK_ENGINE; held over duckdb_interrupt, which only sets a flag */
    bool running;    /* guarded by lock */
    bool failed;     /* guarded by lock: `failure` is set */
    kdb_err failure; /* guarded by lock: the first failure of a scan */
    _Atomic int
        interrupt; /* kdb_status; written under lock, read by engine threads, whose first look at the run it is */
};

/* ---- engine_error.c ---- */

#define KDBI_OUT_OF_MEMORY "query needs more memory than engine.memory_limit allows"

/* Turns DuckDB's message, "Binder Error: ..", into ours and returns its status. `text` may be NULL. */
kdb_status kdbi_engine_fail(kdb_engine *engine, const char *text, kdb_err *err);

/* ---- engine_help.c ---- */

void kdbi_help_start(kdb_engine *engine, size_t nhelpers);
void kdbi_help_stop(kdb_engine *engine); /* started or not */
/* Between these calls an execution that runs for long gets the engine's threads. */
void kdbi_help_offer(kdb_engine_conn *conn);
void kdbi_help_end(kdb_engine_conn *conn);
/* It will run for long, and no scan of ours is to tell. */
void kdbi_help_now(kdb_engine_conn *conn);
/* Gives it help if it is time. Any thread that runs a piece of it. */
void kdbi_help_if_late(kdb_engine_conn *conn);

/* ---- engine_memory.c ---- */

void kdbi_memory_start(kdb_engine *engine, int64_t limit);
void kdbi_memory_stop(kdb_engine *engine); /* started or not */
void kdbi_memory_add(kdb_engine *engine, kdb_engine_conn *conn);
void kdbi_memory_remove(kdb_engine *engine, kdb_engine_conn *conn);
/* Around a call of a source: what it stores in vectors, a few MiB at most, is not refused on this thread, for DuckDB would throw
 * through it. */
void kdbi_memory_exempt(bool on);
/* Something runs. */
void kdbi_memory_wake(kdb_engine *engine);

/* ---- engine_conn.c ---- */

/* kdb_engine_interrupt, but only of the run that began then, if that is not 0. */
void kdbi_conn_interrupt(kdb_engine_conn *conn, kdb_status status, int64_t began_us);

/* Brackets everything that DuckDB runs for this connection. `source` is NULL for preparing. */
void kdbi_conn_begin(kdb_engine_conn *conn, const kdb_scan_table *tables, size_t ntables,
                     const kdb_scan_source *source);
void kdbi_conn_end(kdb_engine_conn *conn);
/* Keeps a scan's failure, if it is the first, for kdbi_conn_fail. Any thread. */
void kdbi_conn_stash(kdb_engine_conn *conn, const kdb_err *failure);
static inline kdb_status kdbi_conn_interrupted(const kdb_engine_conn *conn)
{
    return (kdb_status)atomic_load_explicit(&conn->interrupt, memory_order_acquire);
}
/* Why the run failed: it was interrupted, a scan failed, or what DuckDB says in `text`. */
kdb_status kdbi_conn_fail(kdb_engine_conn *conn, const char *text, kdb_err *err);
/* At least `size` bytes, 16-byte aligned, kept until the next call. */
void *kdbi_conn_scratch(kdb_engine_conn *conn, size_t size);

/* ---- engine_scan.c ---- */

/* DuckDB hands memory from thread to thread under locks of its own, which ThreadSanitizer does not see: it would report
 * every reuse as a race. Under it, all calls between DuckDB and us are put in one order; otherwise these do nothing. */
#if KDB_SANITIZES_THREADS
void kdbi_turn_begin(void);
void kdbi_turn_end(void);
#else
static inline void kdbi_turn_begin(void)
{
}
static inline void kdbi_turn_end(void)
{
}
#endif

KDB_NODISCARD kdb_status kdbi_scan_register(kdb_engine_conn *conn, kdb_err *err);

/* ---- engine_func.c ---- */

KDB_NODISCARD kdb_status kdbi_func_register_all(duckdb_connection duck, kdb_err *err);

/* ---- engine_text.c ---- */

/* What its functions fail with, by which engine_error.c knows them. */
#define KDBI_VALUE_TOO_LARGE "a value of more than 64 MiB would be made"
#define KDBI_VECTOR_TOO_LARGE "values of more than 256 MiB would be made at once"
#define KDBI_REWRITE_TOO_LARGE "regexp_replace() might make a value of more than 256 MiB"
#define KDBI_SEARCH_TOO_LONG "searching would take too long: text and pattern are too large together"
#define KDBI_COMPARE_TOO_LONG "comparing the texts would take too long: together they are too large"

void kdbi_text_repeat(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_lpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_rpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_replace(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_join(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_concat(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_concat_ws(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);

/* The second of two texts, if the engine may compare all characters with all, rewrite the first by it, find the first in it, or
 * search it for the regular expression that the first is. */
void kdbi_text_compared(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_found(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_searched(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
void kdbi_text_rewrite(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);

/* ---- engine_like.c ---- */

/* (text, pattern, escape) */
void kdbi_like(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);

/* ---- engine_type.c ---- */

/* Fills `to` from the first `nrows` rows of a flat vector. `scratch` is what the row of the type asks for. */
typedef kdb_status kdbi_vec_read(duckdb_vector from, size_t nrows, void *scratch, kdb_vec *to, kdb_err *err);

/* How one DuckDB type becomes ours. */
typedef struct kdbi_type_row {
    duckdb_type duck;
    kdb_type_kind kind;
    size_t scratch;      /* bytes of our own memory that each row needs */
    kdbi_vec_read *read; /* NULL: DuckDB's layout is ours */
} kdbi_type_row;

/* NULL when the type has no mapping (lists, structs, intervals); otherwise sets *type. */
const kdbi_type_row *kdbi_type_lookup(duckdb_logical_type logical, kdb_type *type);
/* The caller destroys the result. */
duckdb_logical_type kdbi_type_to_duck(kdb_type type);
duckdb_type kdbi_type_duck_id(kdb_type type);

/* ---- engine_vec.c ---- */

kdbi_vec_read kdbi_vec_read_tinyint, kdbi_vec_read_utinyint, kdbi_vec_read_usmallint, kdbi_vec_read_uinteger,
    kdbi_vec_read_ubigint, kdbi_vec_read_hugeint, kdbi_vec_read_uhugeint, kdbi_vec_read_timestamp_s,
    kdbi_vec_read_timestamp_ms, kdbi_vec_read_timestamp_ns, kdbi_vec_read_decimal, kdbi_vec_read_bytes,
    kdbi_vec_read_uuid, kdbi_vec_read_embedding;
/* Points `vec` at the vector, to be filled. */
void kdbi_vec_to_fill(duckdb_vector vector, kdb_type type, kdb_vec *vec);
duckdb_uhugeint kdbi_uuid_to_duck(const kdb_uuid *uuid);

/* ---- engine_sql.c ---- */

enum { KDBI_PARAM_MAX = 1000 };

/* Finds the next `$n` of engine SQL from *pos, outside strings, names and comments; *pos is then behind it. A number
 * over KDBI_PARAM_MAX is reported as 0. */
bool kdbi_sql_next_param(kdb_sv sql, size_t *pos, size_t *start, size_t *number);
/* Likewise the next `function(n)`, spelled so; *number is n. */
bool kdbi_sql_next_call(kdb_sv sql, kdb_sv function, size_t *pos, size_t *start, size_t *number);
/* The text of the statement that an EXPLAIN explains. */
kdb_sv kdbi_sql_explained(kdb_sv sql);
/* Without semicolons and white space at the end. */
kdb_sv kdbi_sql_trim(kdb_sv sql);

/* ---- engine_param.c ---- */

/* What DuckDB knows of $n, n being the place in the plan's array plus 1. */
typedef struct kdbi_param {
    idx_t index;              /* DuckDB's number for it; 0: the text does not mention it */
    bool as_null;             /* the text was compiled with NULL in its place */
    kdb_type given;           /* open plans: the type of the value that the text was compiled for */
    const kdbi_type_row *row; /* NULL: DuckDB's type for it has no mapping */
    kdb_type type;
    duckdb_value null; /* a NULL of its type, made when first needed */
} kdbi_param;

/* engine_parquet.c: appends the pattern of file names that only `path` matches: what has a meaning there stands in brackets. */
void kdbi_put_pattern(kdb_buf *out, const char *path);

/* To `duck`, the plan's own statement or another of its text; coerced to what the plan's own says of types. */
KDB_NODISCARD kdb_status kdbi_param_bind_all(kdb_engine_plan *plan, duckdb_prepared_statement duck,
                                             const kdb_value *values, kdb_err *err);
/* The files as $1, and values[0] as $2. */
KDB_NODISCARD kdb_status kdbi_param_bind_files(kdb_engine_plan *plan, const char *const *paths, size_t npaths,
                                               const kdb_value *values, kdb_err *err);
/* The files as DuckDB's parameter `index`. */
KDB_NODISCARD kdb_status kdbi_param_bind_paths(duckdb_prepared_statement duck, idx_t index, const char *const *paths,
                                               size_t npaths, kdb_err *err);
void kdbi_param_forget(kdbi_param *params, size_t nparams); /* frees what hangs off them */

/* ---- engine_plan.c ---- */

struct kdb_engine_plan {
    kdb_engine_conn *conn;
    char *sql; /* as given, NUL-terminated */
    size_t sql_len;
    const kdb_scan_table *tables; /* borrowed */
    size_t ntables;
    bool open; /* DuckDB cannot tell the types without the parameters' own: compiled for the types of each execution */
    bool of_files; /* $1 is the list of files */
    kdbi_param *params;
    size_t nparams;

    /* Compiled: NULL, 0 while an open plan has not been executed. */
    kdb_buf text;                   /* what DuckDB prepares, NUL-terminated */
    duckdb_prepared_statement duck; /* NULL also when the last execution spoilt it */
    size_t executions;              /* of `duck` */
    kdb_arena *arena;               /* of the columns */
    kdb_engine_column *columns;
    const kdbi_type_row **rows; /* how each column is read */
    size_t ncolumns;
};

/* Makes `duck` fit for an execution with these values. Between kdbi_conn_begin and _end. */
KDB_NODISCARD kdb_status kdbi_plan_ready(kdb_engine_plan *plan, const kdb_value *values, kdb_err *err);
/* The same for one that reads files. */
KDB_NODISCARD kdb_status kdbi_plan_ready_files(kdb_engine_plan *plan, kdb_err *err);
/* The columns of what has begun to be executed. */
KDB_NODISCARD kdb_status kdbi_plan_take_columns(kdb_engine_plan *plan, duckdb_result *result, kdb_err *err);
/* Whether a result has the columns that the plan says. */
bool kdbi_plan_has_columns(const kdb_engine_plan *plan, duckdb_result *result);
/* After an execution that did not reach its end: drops what DuckDB keeps of it. */
void kdbi_plan_spoil(kdb_engine_plan *plan);

/* ---- engine_beside.c ---- */

/* The statement for one execution of a plan that is ready, with files beside its scans and all values bound. The caller destroys *out, also
 * after a failure. */
KDB_NODISCARD kdb_status kdbi_beside_prepare(kdb_engine_plan *plan, const kdb_value *values,
                                             const kdb_engine_files *files, size_t nfiles,
                                             duckdb_prepared_statement *out, kdb_err *err);

#endif
