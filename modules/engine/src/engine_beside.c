/* engine_beside.c - executions for which the engine reads Parquet files beside our scans: in the plan's text, a scan that has files becomes
 * `(SELECT * FROM kdb_scan_7(0) UNION ALL SELECT .. FROM read_parquet($3))`. DuckDB then reads them by its own threads and keeps its own
 * form of them, dictionaries above all, by which it groups text; through a scan it would get plain values.
 * The files are parameters, behind the plan's, so that preparing this text is but parsing it: it is planned once, for the execution. */
#include "engine_int.h"

typedef struct beside {
    const kdb_engine_files *files;
    size_t nfiles;
    idx_t first; /* DuckDB's number of the parameter that files[0] are */
} beside;

static idx_t params_of(const kdb_engine_plan *plan)
{
    idx_t most = 0;
    for (size_t i = 0; i < plan->nparams; i++) {
        most = plan->params[i].index > most ? plan->params[i].index : most;
    }
    return most;
}

static void put_query(kdb_buf *text, kdb_sv query, idx_t param)
{
    size_t pos = 0;
    size_t start = 0;
    size_t number = 0;
    size_t copied = 0;
    while (kdbi_sql_next_param(query, &pos, &start, &number)) {
        KDB_ASSERT(number == 1);
        kdb_buf_append(text, query.ptr + copied, start - copied);
        kdb_buf_printf(text, "$%d", (int)param);
        copied = pos;
    }
    kdb_buf_append(text, query.ptr + copied, query.len - copied);
}

/* The call of a scan, and what comes beside it. */
static void put_scan(kdb_buf *text, const beside *b, kdb_sv call, size_t slot)
{
    bool any = false;
    for (size_t i = 0; i < b->nfiles; i++) {
        if (b->files[i].slot == slot) {
            if (!any) {
                kdb_buf_printf(text, "(SELECT * FROM %.*s", KDB_SV_ARG(call));
            }
            any = true;
            kdb_buf_append_lit(text, " UNION ALL ");
            put_query(text, b->files[i].query, b->first + i);
        }
    }
    kdb_buf_append_sv(text, any ? KDB_SV(")") : call);
}

static void render(const kdb_engine_plan *plan, const beside *b, kdb_buf *text)
{
    const kdb_sv sql = kdb_buf_sv(&plan->text);
    const kdb_sv function = kdb_sv_cstr(plan->conn->scan_function);
    size_t pos = 0;
    size_t start = 0;
    size_t slot = 0;
    size_t copied = 0;
    while (kdbi_sql_next_call(sql, function, &pos, &start, &slot)) {
        kdb_buf_append(text, sql.ptr + copied, start - copied);
        put_scan(text, b, kdb_sv_of(sql.ptr + start, pos - start), slot);
        copied = pos;
    }
    kdb_buf_append(text, sql.ptr + copied, sql.len - copied);
    kdb_buf_append_byte(text, '\0');
}

static kdb_status bind_files(const beside *b, duckdb_prepared_statement duck, kdb_err *err)
{
    for (size_t i = 0; i < b->nfiles; i++) {
        KDB_TRY(kdbi_param_bind_paths(duck, b->first + i, b->files[i].paths, b->files[i].npaths, err));
    }
    return KDB_OK;
}

kdb_status kdbi_beside_prepare(kdb_engine_plan *plan, const kdb_value *values, const kdb_engine_files *files,
                               size_t nfiles, duckdb_prepared_statement *out, kdb_err *err)
{
    const beside b = { files, nfiles, params_of(plan) + 1 };
    kdb_buf text;
    kdb_buf_init(&text, 0);
    render(plan, &b, &text);
    const duckdb_state state = duckdb_prepare(plan->conn->duck, text.ptr, out);
    kdb_buf_done(&text);
    if (state != DuckDBSuccess) {
        return kdbi_conn_fail(plan->conn, duckdb_prepare_error(*out), err);
    }
    KDB_TRY(kdbi_param_bind_all(plan, *out, values, err));
    return bind_files(&b, *out, err);
}
