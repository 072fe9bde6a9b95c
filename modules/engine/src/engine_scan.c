/* engine_scan.c - the table function through which DuckDB reads our tables. Each connection has one of its own name, so
 * that a call finds its connection without thread-local state: DuckDB runs it on whatever thread is free.
 * bind reads what the plan's tables look like; init opens the slot at the execution's source; then each task that takes
 * part pulls chunks. A source's failure is kept with the connection, for DuckDB passes on only text. */
#include "engine_int.h"

/* What bind leaves with the plan. */
typedef struct scan_call {
    kdb_engine_conn *conn;
    size_t slot;
} scan_call;

/* One open slot of one execution. */
typedef struct scan {
    kdb_engine_conn *conn;
    const kdb_scan_source *source;
    void *state;     /* the source's */
    kdb_type *types; /* of the projected columns */
    size_t ncolumns;
    _Atomic size_t refs; /* DuckDB's and one per thread: it promises no order of destruction */
} scan;

/* One task's part. DuckDB may put a task aside after some chunks and go on with it on another thread. */
typedef struct scan_part {
    scan *scan; /* NULL until the first chunk: local init is not told which scan it is for */
    void *state;
    kdb_chunk chunk;
} scan_part;

#if KDB_SANITIZES_THREADS
static _Atomic size_t turns;

void kdbi_turn_begin(void)
{
    (void)atomic_load(&turns);
}

void kdbi_turn_end(void)
{
    atomic_fetch_add(&turns, 1);
}
#endif

/* Of a call: another thread may have opened the scan. */
static void free_call(void *data)
{
    kdbi_turn_begin();
    kdb_free(data);
}

static const char SCAN_FAILED[] = "scan failed"; /* never shown: the stashed error is */

static void stash_bind_failure(duckdb_bind_info info, kdb_engine_conn *conn, const char *text)
{
    kdb_err err;
    (void)KDB_FAIL(&err, KDB_INTERNAL, "%s", text);
    kdbi_conn_stash(conn, &err);
    duckdb_bind_set_error(info, text);
}

static idx_t calling_connection(duckdb_bind_info info)
{
    duckdb_client_context context = NULL;
    duckdb_table_function_get_client_context(info, &context);
    const idx_t id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

static int64_t slot_argument(duckdb_bind_info info)
{
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    const int64_t slot = duckdb_is_null_value(value) ? -1 : duckdb_get_int64(value);
    duckdb_destroy_value(&value);
    return slot;
}

static void add_column(duckdb_bind_info info, const kdb_scan_column *column)
{
    char *name = kdb_sv_heap_cstr(column->name);
    duckdb_logical_type type = kdbi_type_to_duck(column->type);
    duckdb_bind_add_result_column(info, name, type);
    duckdb_destroy_logical_type(&type);
    kdb_free(name);
}

static void read_table(duckdb_bind_info info)
{
    const kdbi_scan_owner *owner = duckdb_bind_get_extra_info(info);
    if (calling_connection(info) != owner->duck_id) {
        duckdb_bind_set_error(info, "this function belongs to another connection");
        return;
    }
    kdb_engine_conn *conn = owner->conn;
    const int64_t slot = slot_argument(info);
    if (slot < 0 || (uint64_t)slot >= conn->ntables) {
        stash_bind_failure(info, conn, "a scan of a slot that the plan does not have");
        return;
    }
    const kdb_scan_table *table = &conn->tables[slot];
    for (size_t i = 0; i < table->ncolumns; i++) {
        add_column(info, &table->columns[i]);
    }
    if (table->cardinality != 0) {
        duckdb_bind_set_cardinality(info, table->cardinality, false);
    }
    scan_call *call = KDB_NEW(scan_call);
    *call = (scan_call){ .conn = conn, .slot = (size_t)slot };
    duckdb_bind_set_bind_data(info, call, free_call);
}

static void bind_scan(duckdb_bind_info info)
{
    read_table(info);
    kdbi_turn_end();
}

static void scan_free(scan *s)
{
    if (s != NULL) {
        kdb_free(s->types);
        kdb_free(s);
    }
}
KDB_DEFINE_CLEANUP(scan, scan_free)

static void scan_unref(scan *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1) {
        kdb_engine_conn *conn = s->conn;
        s->source->close(s->source->self, s->state);
        scan_free(s);
        atomic_fetch_sub(&conn->open_scans, 1); /* the last use of what is the execution's */
    }
}

static void destroy_scan(void *data)
{
    kdbi_turn_begin();
    scan_unref(data);
    kdbi_turn_end();
}

/* The table's columns that DuckDB wants, in its order. It was offered no virtual ones. */
static kdb_status read_projection(duckdb_init_info info, const kdb_scan_table *table, size_t *projection, scan *s,
                                  kdb_err *err)
{
    for (size_t i = 0; i < s->ncolumns; i++) {
        projection[i] = duckdb_init_get_column_index(info, i);
        if (projection[i] >= table->ncolumns) {
            return KDB_FAIL(err, KDB_INTERNAL, "the engine asks for a column that the table does not have");
        }
        s->types[i] = table->columns[projection[i]].type;
    }
    return KDB_OK;
}

static kdb_status open_source(duckdb_init_info info, size_t slot, scan *s, size_t *max_threads, kdb_err *err)
{
    size_t *projection = kdb_alloc_array(s->ncolumns + 1, sizeof(*projection));
    kdb_status status = read_projection(info, &s->conn->tables[slot], projection, s, err);
    if (status == KDB_OK) {
        status = s->source->open(s->source->self, slot, projection, s->ncolumns, &s->state, max_threads, err);
    }
    kdb_free(projection);
    return status;
}

static kdb_status open_scan(duckdb_init_info info, kdb_engine_conn *conn, size_t slot, kdb_err *err)
{
    const kdb_status interrupted = kdbi_conn_interrupted(conn);
    if (interrupted != KDB_OK) {
        return KDB_FAIL(err, interrupted, "statement interrupted");
    }
    KDB_CLEANUP(scan_freep) scan *s = KDB_NEW(scan);
    s->conn = conn;
    s->source = conn->source;
    s->ncolumns = duckdb_init_get_column_count(info);
    s->types = kdb_alloc_array(s->ncolumns + 1, sizeof(*s->types));
    s->refs = 1;
    size_t max_threads = 1;
    KDB_TRY(open_source(info, slot, s, &max_threads, err));
    atomic_fetch_add(&conn->open_scans, 1);
    duckdb_init_set_max_threads(info, max_threads);
    duckdb_init_set_init_data(info, KDB_TAKE(s), destroy_scan);
    return KDB_OK;
}

static void init_scan(duckdb_init_info info)
{
    kdbi_turn_begin();
    const scan_call *call = duckdb_init_get_bind_data(info);
    kdb_engine_conn *conn = call->conn;
    kdb_err err;
    if (open_scan(info, conn, call->slot, &err) != KDB_OK) {
        kdbi_conn_stash(conn, &err);
        duckdb_init_set_error(info, SCAN_FAILED);
    }
    kdbi_turn_end();
}

static void destroy_part(void *data)
{
    kdbi_turn_begin();
    scan_part *part = data;
    if (part->scan != NULL) {
        part->scan->source->close_local(part->scan->source->self, part->scan->state, part->state);
        scan_unref(part->scan);
    }
    kdb_free(part->chunk.cols);
    kdb_free(part);
    kdbi_turn_end();
}

static void init_part(duckdb_init_info info)
{
    duckdb_init_set_init_data(info, KDB_NEW(scan_part), destroy_part);
    kdbi_turn_end();
}

static kdb_status start_part(scan *s, scan_part *part, kdb_err *err)
{
    KDB_TRY(s->source->open_local(s->source->self, s->state, &part->state, err));
    atomic_fetch_add(&s->refs, 1);
    part->scan = s;
    part->chunk.ncols = s->ncolumns;
    part->chunk.cols = kdb_alloc_array(s->ncolumns + 1, sizeof(*part->chunk.cols));
    return KDB_OK;
}

static kdb_status next_chunk(scan *s, scan_part *part, duckdb_data_chunk output, kdb_err *err)
{
    const kdb_status interrupted = kdbi_conn_interrupted(s->conn);
    if (interrupted != KDB_OK) {
        return KDB_FAIL(err, interrupted, "statement interrupted");
    }
    if (part->scan == NULL) {
        KDB_TRY(start_part(s, part, err));
    }
    for (size_t i = 0; i < s->ncolumns; i++) {
        kdbi_vec_to_fill(duckdb_data_chunk_get_vector(output, i), s->types[i], &part->chunk.cols[i]);
    }
    part->chunk.nrows = 0;
    kdbi_memory_exempt(true);
    const kdb_status status = s->source->next(s->source->self, s->state, part->state, &part->chunk, err);
    kdbi_memory_exempt(false);
    KDB_TRY(status);
    kdbi_help_if_late(s->conn);
    KDB_ASSERT(part->chunk.nrows <= KDB_CHUNK_ROWS);
    return KDB_OK;
}

static void run_scan(duckdb_function_info info, duckdb_data_chunk output)
{
    kdbi_turn_begin();
    scan *s = duckdb_function_get_init_data(info);
    scan_part *part = duckdb_function_get_local_init_data(info);
    kdb_err err;
    if (next_chunk(s, part, output, &err) == KDB_OK) {
        duckdb_data_chunk_set_size(output, part->chunk.nrows);
    } else {
        kdbi_conn_stash(s->conn, &err);
        duckdb_function_set_error(info, SCAN_FAILED);
    }
    kdbi_turn_end();
}

static duckdb_table_function make_function(kdb_engine_conn *conn, kdbi_scan_owner *owner /* taken */)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type slot = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_set_name(function, conn->scan_function);
    duckdb_table_function_add_parameter(function, slot);
    duckdb_table_function_set_extra_info(function, owner, kdb_free);
    duckdb_table_function_set_bind(function, bind_scan);
    duckdb_table_function_set_init(function, init_scan);
    duckdb_table_function_set_local_init(function, init_part);
    duckdb_table_function_set_function(function, run_scan);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_destroy_logical_type(&slot);
    return function;
}

static idx_t own_connection_id(duckdb_connection duck)
{
    duckdb_client_context context = NULL;
    duckdb_connection_get_client_context(duck, &context);
    const idx_t id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

kdb_status kdbi_scan_register(kdb_engine_conn *conn, kdb_err *err)
{
    kdbi_scan_owner *owner = KDB_NEW(kdbi_scan_owner);
    *owner = (kdbi_scan_owner){ .duck_id = own_connection_id(conn->duck), .conn = conn };
    duckdb_table_function function = make_function(conn, owner);
    const duckdb_state state = duckdb_register_table_function(conn->duck, function);
    duckdb_destroy_table_function(&function);
    return state == DuckDBSuccess ? KDB_OK
                                  : KDB_FAIL(err, KDB_INTERNAL, "the engine refuses function %s", conn->scan_function);
}
