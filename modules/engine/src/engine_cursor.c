/* engine_cursor.c - executing a plan and reading its result chunk by chunk. Results always stream: for small ones that
 * costs nothing measurable, and large ones never pile up in memory. */
#include "engine_int.h"

struct kdb_engine_cursor {
    kdb_engine_plan *plan;
    duckdb_prepared_statement beside; /* what runs in the place of the plan's own statement, if that does not; ours */
    duckdb_result result;
    duckdb_data_chunk duck; /* what `chunk` borrows from */
    kdb_chunk chunk;
    bool done; /* DuckDB has ended the execution */
};

/* Runs piece by piece, of one task or some 100,000 rows each, on this thread: until there is a result, a failure, or help, which the
 * scans of a piece ask for too. */
static duckdb_pending_state run_alone(kdb_engine_conn *conn, duckdb_pending_result pending)
{
    duckdb_pending_state state = duckdb_pending_execute_task(pending);
    while (state == DUCKDB_PENDING_RESULT_NOT_READY && kdbi_conn_interrupted(conn) == KDB_OK &&
           atomic_load(&conn->help_at_us) != 0) {
        kdbi_help_if_late(conn);
        state = duckdb_pending_execute_task(pending);
    }
    return state;
}

static kdb_status run_pending(kdb_engine_cursor *cursor, duckdb_pending_result pending, kdb_err *err)
{
    kdb_engine_conn *conn = cursor->plan->conn;
    /* A piece of the reading of files is not interrupted by a scan that would see the time. */
    if (cursor->beside != NULL) {
        kdbi_help_now(conn);
    }
    const duckdb_pending_state state = run_alone(conn, pending);
    /* Our flag, not DuckDB's: that was cleared as the execution began. */
    if (state == DUCKDB_PENDING_ERROR || kdbi_conn_interrupted(conn) != KDB_OK) {
        return kdbi_conn_fail(conn, duckdb_pending_error(pending), err);
    }
    return duckdb_execute_pending(pending, &cursor->result) == DuckDBSuccess
               ? KDB_OK
               : kdbi_conn_fail(conn, duckdb_result_error(&cursor->result), err);
}

static kdb_status run(kdb_engine_cursor *cursor, kdb_err *err)
{
    kdb_engine_plan *plan = cursor->plan;
    duckdb_prepared_statement duck = cursor->beside != NULL ? cursor->beside : plan->duck;
    duckdb_pending_result pending = NULL;
    kdbi_help_offer(plan->conn);
    const kdb_status status = duckdb_pending_prepared_streaming(duck, &pending) == DuckDBSuccess
                                  ? run_pending(cursor, pending, err)
                                  : kdbi_conn_fail(plan->conn, duckdb_pending_error(pending), err);
    kdbi_help_end(plan->conn);
    duckdb_destroy_pending(&pending);
    return status;
}

static kdb_status start(kdb_engine_cursor *cursor, const kdb_value *params, kdb_err *err)
{
    KDB_TRY(kdbi_plan_ready(cursor->plan, params, err));
    KDB_TRY(kdbi_param_bind_all(cursor->plan, cursor->plan->duck, params, err));
    return run(cursor, err);
}

static kdb_status start_beside(kdb_engine_cursor *cursor, const kdb_value *params, const kdb_engine_files *files,
                               size_t nfiles, kdb_err *err)
{
    KDB_TRY(kdbi_plan_ready(cursor->plan, params, err));
    KDB_TRY(kdbi_beside_prepare(cursor->plan, params, files, nfiles, &cursor->beside, err));
    KDB_TRY(run(cursor, err));
    return kdbi_plan_has_columns(cursor->plan, &cursor->result)
               ? KDB_OK
               : KDB_FAIL(err, KDB_INTERNAL, "columns have other types with files than without");
}

static kdb_engine_cursor *new_cursor(kdb_engine_plan *plan, const kdb_scan_source *source)
{
    kdbi_conn_begin(plan->conn, plan->tables, plan->ntables, source);
    kdb_engine_cursor *cursor = KDB_NEW(kdb_engine_cursor);
    cursor->plan = plan;
    return cursor;
}

static void make_chunk(kdb_engine_cursor *cursor)
{
    cursor->chunk.ncols = cursor->plan->ncolumns;
    cursor->chunk.cols = kdb_alloc_array(cursor->plan->ncolumns + 1, sizeof(kdb_vec));
}

static kdb_status check_params(const kdb_engine_plan *plan, size_t given, kdb_err *err)
{
    return given >= plan->nparams
               ? KDB_OK
               : KDB_FAIL(err, KDB_PARAMETER, "the statement has %zu parameters, got %zu", plan->nparams, given);
}

kdb_status kdb_engine_execute(kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                              const kdb_scan_source *source, kdb_engine_cursor **out, kdb_err *err)
{
    KDB_ASSERT(!plan->of_files);
    KDB_TRY(check_params(plan, nparams, err));
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = new_cursor(plan, source);
    KDB_TRY(start(cursor, params, err));
    make_chunk(cursor);
    *out = KDB_TAKE(cursor);
    return KDB_OK;
}

kdb_status kdb_engine_execute_beside(kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                                     const kdb_scan_source *source, const kdb_engine_files *files, size_t nfiles,
                                     kdb_engine_cursor **out, kdb_err *err)
{
    KDB_ASSERT(!plan->of_files);
    KDB_TRY(check_params(plan, nparams, err));
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = new_cursor(plan, source);
    KDB_TRY(start_beside(cursor, params, files, nfiles, err));
    make_chunk(cursor);
    *out = KDB_TAKE(cursor);
    return KDB_OK;
}

kdb_status kdb_engine_execute_files(kdb_engine_plan *plan, const char *const *paths, size_t npaths,
                                    const kdb_value *params, size_t nparams, kdb_engine_cursor **out, kdb_err *err)
{
    KDB_ASSERT(plan->of_files && npaths != 0);
    KDB_TRY(check_params(plan, nparams + 1, err));
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = new_cursor(plan, NULL);
    KDB_TRY(kdbi_plan_ready_files(plan, err));
    KDB_TRY(kdbi_param_bind_files(plan, paths, npaths, params, err));
    KDB_TRY(run(cursor, err));
    KDB_TRY(kdbi_plan_take_columns(plan, &cursor->result, err));
    make_chunk(cursor);
    *out = KDB_TAKE(cursor);
    return KDB_OK;
}

/* Scratch of one column, a multiple of 16 so that the next one is aligned. */
static size_t scratch_size(const kdbi_type_row *row, size_t nrows)
{
    return (row->scratch * nrows + 15) & ~(size_t)15;
}

static kdb_status read_column(duckdb_vector from, const kdbi_type_row *row, size_t nrows, void *scratch, kdb_vec *to,
                              kdb_err *err)
{
    to->validity = duckdb_vector_get_validity(from);
    if (row->read != NULL) {
        return row->read(from, nrows, scratch, to, err);
    }
    to->data = duckdb_vector_get_data(from);
    return KDB_OK;
}

static kdb_status read_chunk(kdb_engine_cursor *cursor, kdb_err *err)
{
    const kdb_engine_plan *plan = cursor->plan;
    const size_t nrows = duckdb_data_chunk_get_size(cursor->duck);
    size_t scratch_total = 0;
    for (size_t i = 0; i < plan->ncolumns; i++) {
        scratch_total += scratch_size(plan->rows[i], nrows);
    }
    char *scratch = kdbi_conn_scratch(plan->conn, scratch_total);
    for (size_t i = 0; i < plan->ncolumns; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(cursor->duck, i);
        cursor->chunk.cols[i] = (kdb_vec){ .type = plan->columns[i].type, .handle = vector };
        KDB_TRY(read_column(vector, plan->rows[i], nrows, scratch, &cursor->chunk.cols[i], err));
        scratch += scratch_size(plan->rows[i], nrows);
    }
    cursor->chunk.nrows = nrows;
    return KDB_OK;
}

/* No chunk is the end or a failure; DuckDB has ended the execution either way. */
static kdb_status finish(kdb_engine_cursor *cursor, kdb_err *err)
{
    const char *text = duckdb_result_error(&cursor->result);
    cursor->done = text == NULL;
    return text == NULL ? KDB_OK : kdbi_conn_fail(cursor->plan->conn, text, err);
}

kdb_status kdb_engine_fetch(kdb_engine_cursor *cursor, const kdb_chunk **out, kdb_err *err)
{
    cursor->chunk.nrows = 0;
    if (!cursor->done) {
        if (kdbi_conn_interrupted(cursor->plan->conn) != KDB_OK) {
            return kdbi_conn_fail(cursor->plan->conn, NULL, err);
        }
        duckdb_destroy_data_chunk(&cursor->duck);
        cursor->duck = duckdb_fetch_chunk(cursor->result);
        kdbi_turn_begin();
        if (duckdb_data_chunk_get_size(cursor->duck) == 0) {
            KDB_TRY(finish(cursor, err));
        } else {
            KDB_TRY(read_chunk(cursor, err));
        }
    }
    *out = &cursor->chunk;
    return KDB_OK;
}

/* Destroying a result that was not read to its end leaves the execution, and our scans, open until the connection's
 * next statement: an empty one closes them. */
static void end_execution(kdb_engine_conn *conn)
{
    duckdb_result ignored;
    (void)duckdb_query(conn->duck, "", &ignored);
    duckdb_destroy_result(&ignored);
}

void kdb_engine_cursor_free(kdb_engine_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    kdb_engine_conn *conn = cursor->plan->conn;
    duckdb_destroy_data_chunk(&cursor->duck);
    duckdb_destroy_result(&cursor->result);
    if (!cursor->done) {
        end_execution(conn);
    }
    kdbi_turn_begin();
    if (cursor->beside != NULL) {
        duckdb_destroy_prepare(&cursor->beside);
    } else if (!cursor->done) {
        kdbi_plan_spoil(cursor->plan);
    }
    kdbi_conn_end(conn); /* no engine thread uses what was the execution's any more */
    kdb_free(cursor->chunk.cols);
    kdb_free(cursor);
}
