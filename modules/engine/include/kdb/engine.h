/* engine.h - SQL execution by DuckDB: one database in memory, one connection per worker, prepared plans, and tables
 * that our own code feeds through scans. DuckDB is locked down at open (design 6): no file, network or setting is
 * reachable.
 * A connection and what hangs off it belong to one thread at a time, except _interrupt. */
#ifndef KDB_ENGINE_H
#define KDB_ENGINE_H

#include "kdb/commons.h"

typedef struct kdb_engine kdb_engine;
typedef struct kdb_engine_options {
    int64_t memory_limit;          /* bytes */
    int32_t threads;               /* at least 1 */
    const char *allowed_directory; /* the only place files may be read from (<data>/storages) */
    const char *temp_directory;    /* spill files */
    int64_t max_spill;             /* bytes of them; 0: no limit */
} kdb_engine_options;

KDB_NODISCARD kdb_status kdb_engine_open(const kdb_engine_options *options, kdb_engine **out, kdb_err *err);
void kdb_engine_close(kdb_engine *engine); /* after its connections; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_engine, kdb_engine_close)
const char *kdb_engine_version(void);
/* Any thread. After a fatal error DuckDB refuses everything; only a new engine helps. */
bool kdb_engine_is_broken(const kdb_engine *engine);

/* ---- scans: how the engine reads our tables ---- */

typedef kdb_field kdb_scan_column;

/* What a plan reads; fixed while the plan is prepared and executed. Slots are numbered from 0 in statement order. */
typedef struct kdb_scan_table {
    const kdb_scan_column *columns; /* borrowed as long as the plan lives */
    size_t ncolumns;
    uint64_t cardinality; /* estimated rows, 0 unknown */
} kdb_scan_table;

/* Opens and feeds one execution's scans. Called on engine threads: on several at once for one scan when open asks, and
 * several slots may be opened at once. A failure of these reaches the caller of execute or fetch as it is. */
typedef struct kdb_scan_source {
    void *self;
    /* Starts reading slot `slot`, columns `projection[0..n)` (indexes into the table's columns; when only the number of
     * rows counts, the engine asks for column 0). Sets *out and *max_threads (1: no parallel reading). */
    kdb_status (*open)(void *self, size_t slot, const size_t *projection, size_t nprojection, void **out,
                       size_t *max_threads, kdb_err *err);
    /* Per task that takes part, before its first chunk: makes the reader's own state. The engine may go on with a task
     * on another thread, never on two at once. */
    kdb_status (*open_local)(void *self, void *scan, void **out_local, kdb_err *err);
    /* Fills `chunk` (its vectors have writers) with up to KDB_CHUNK_ROWS rows, of a few MiB together; nrows 0 ends this
     * task's part. */
    kdb_status (*next)(void *self, void *scan, void *local, kdb_chunk *chunk, kdb_err *err);
    void (*close_local)(void *self, void *scan, void *local);
    void (*close)(void *self, void *scan);
} kdb_scan_source;

/* ---- connections and plans ---- */

typedef struct kdb_engine_conn kdb_engine_conn;
typedef struct kdb_engine_plan kdb_engine_plan;
typedef struct kdb_engine_cursor kdb_engine_cursor;

KDB_NODISCARD kdb_status kdb_engine_connect(kdb_engine *engine, kdb_engine_conn **out, kdb_err *err);
void kdb_engine_disconnect(kdb_engine_conn *conn); /* after its plans; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_engine_conn, kdb_engine_disconnect)
/* From any thread: makes what runs on the connection, from the call of execute to the cursor's end, fail with
 * KDB_TIMEOUT or KDB_CANCELLED, as `status` says. Does nothing when nothing runs. */
void kdb_engine_interrupt(kdb_engine_conn *conn, kdb_status status);

/* The table function's name on this connection, to be called with the slot number: `kdb_scan_7(0)`. */
const char *kdb_engine_scan_function(const kdb_engine_conn *conn);

/* Prepares engine SQL that dialect produced from a bound statement: one query, or EXPLAIN of one, else
 * KDB_INVALID_OPERATION. `tables[slot]` describe what its scan calls read and are borrowed until plan_free. Not while a
 * cursor of the connection is open. */
KDB_NODISCARD kdb_status kdb_engine_prepare(kdb_engine_conn *conn, kdb_sv sql, const kdb_scan_table *tables,
                                            size_t ntables, kdb_engine_plan **out, kdb_err *err);
void kdb_engine_plan_free(kdb_engine_plan *plan); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_engine_plan, kdb_engine_plan_free)
size_t kdb_engine_plan_nparams(const kdb_engine_plan *plan); /* the highest n of $n */
/* 0 when the types hang on the parameters' (`SELECT id + $1`): such a plan has columns once it has been executed, and
 * each execution may change them. */
size_t kdb_engine_plan_ncolumns(const kdb_engine_plan *plan);

/* How the engine typed a result column. HUGEINT results are BIGINT here (out of range: KDB_ARITHMETIC when read);
 * types without a mapping (lists, structs, intervals) become TEXT through the engine's own cast. */
typedef struct kdb_engine_column {
    kdb_sv name;
    kdb_type type;
} kdb_engine_column;
const kdb_engine_column *kdb_engine_plan_column(const kdb_engine_plan *plan, size_t index);

/* Starts an execution: params[0..n) are coerced to the types the plan inferred (KDB_PARAMETER names the parameter when
 * that fails); a number that an inferred integer or DECIMAL cannot hold exactly is passed as it is. `source` feeds the
 * scans and is borrowed until the cursor is freed. One cursor at a time per connection.
 * KDB_EXECUTION and kin carry the engine's message, cleaned of its own function names and hints. */
KDB_NODISCARD kdb_status kdb_engine_execute(kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                                            const kdb_scan_source *source, kdb_engine_cursor **out, kdb_err *err);
/* The next rows, borrowed until the next call; nrows 0 at the end. Results stream: memory does not grow with them. */
KDB_NODISCARD kdb_status kdb_engine_fetch(kdb_engine_cursor *cursor, const kdb_chunk **out, kdb_err *err);
/* Makes a vector that a scan's source is to fill show all rows of a column just fetched, by a cursor of this or of another engine
 * that lives on, without copying them: nothing may be stored in it afterwards. False: it is no such vector; copy them. */
bool kdb_engine_share(kdb_vec *vec, const kdb_vec *fetched);
void kdb_engine_cursor_free(kdb_engine_cursor *cursor); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_engine_cursor, kdb_engine_cursor_free)

/* ---- Parquet files ---- */

/* Prepares a query of Parquet files, which stand in it as `read_parquet($1)`; its values are $2 and on. DuckDB plans a query of files
 * anew whenever it is executed, for they may have changed: this one is only parsed before, and has columns once it has been executed.
 * Else as kdb_engine_prepare. */
KDB_NODISCARD kdb_status kdb_engine_prepare_files(kdb_engine_conn *conn, kdb_sv sql, kdb_engine_plan **out,
                                                  kdb_err *err);
/* Starts an execution over these files, one at least: params[0] is $2, and each value has the type that it is compared as. Else as
 * kdb_engine_execute. */
KDB_NODISCARD kdb_status kdb_engine_execute_files(kdb_engine_plan *plan, const char *const *paths, size_t npaths,
                                                  const kdb_value *params, size_t nparams, kdb_engine_cursor **out,
                                                  kdb_err *err);

/* Appends the path of one file as a literal, for a query of files that kdb_engine_prepare is given. What has a meaning in patterns of file
 * names means itself. */
void kdb_engine_put_file(kdb_buf *sql, const char *path);
/* Rows that come beside those of a scan: what a query of Parquet files gives, the columns of the scan's table in their order and types. */
typedef struct kdb_engine_files {
    size_t slot;  /* whose */
    kdb_sv query; /* SELECT .. FROM read_parquet($1) .. */
    const char *const *paths;
    size_t npaths;
} kdb_engine_files;
/* As kdb_engine_execute, for one execution whose scans are the smaller part: the engine reads the files itself, in its own form and by as
 * many threads as it has. All that is borrowed is so until the cursor is freed. What is wrong with a file is not told with its name. */
KDB_NODISCARD kdb_status kdb_engine_execute_beside(kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                                                   const kdb_scan_source *source, const kdb_engine_files *files,
                                                   size_t nfiles, kdb_engine_cursor **out, kdb_err *err);
/* Appends the type as the engine's SQL spells it. */
void kdb_engine_put_type(kdb_buf *sql, kdb_type type);

typedef struct kdb_parquet_column {
    kdb_sv name;
    kdb_type type;
    uint32_t field_id;
} kdb_parquet_column;
/* What a file says of itself, beside its columns. */
typedef struct kdb_parquet_note {
    kdb_sv name; /* of letters */
    kdb_sv value;
} kdb_parquet_note;
typedef struct kdb_parquet_spec {
    kdb_sv path; /* within the allowed directory */
    const kdb_parquet_column *columns;
    size_t ncolumns;
    kdb_sv compression;      /* "none", "snappy", "zstd" */
    uint64_t row_group_rows; /* about so many rows are compressed together */
    kdb_parquet_note note;   /* an empty name: there is none */
} kdb_parquet_spec;
/* Writes the rows that `source` gives for slot 0, in their order, to a new file. What is there of the file after a failure is the
 * caller's to remove. The file is not synced. Not while a cursor of the connection is open. */
KDB_NODISCARD kdb_status kdb_engine_write_parquet(kdb_engine_conn *conn, const kdb_parquet_spec *spec,
                                                  const kdb_scan_source *source, kdb_err *err);

#endif
