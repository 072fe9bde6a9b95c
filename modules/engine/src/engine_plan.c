/* engine_plan.c - prepared statements. The text is rewritten before DuckDB prepares it: parameters are numbered without
 * gaps, and results of types that we do not have are cast to text by a SELECT around it.
 * Some expressions, `id + $1`, leave DuckDB without types until it has a value. Such a plan is open: it is compiled
 * when executed, with the types of the values written into the text, and again only when later values have other types.
 * DuckDB's statement is renewed now and then (0.08 ms): in 1.4 it keeps some 2 KB of every execution, and of one that
 * was not read to its end all hash tables and buffered rows (duckdb/duckdb#21089). */
#include "engine_int.h"

enum { EXECUTIONS_MAX = 64 }; /* of one DuckDB statement: up to 128 KB kept, 1.3 us an execution */

static kdb_sv sql_of(const kdb_engine_plan *plan)
{
    return kdb_sv_of(plan->sql, plan->sql_len);
}

/* ---- text ---- */

static void put_param(kdb_buf *text, kdbi_param *param, idx_t *used)
{
    if (param->as_null) {
        kdb_buf_append_lit(text, "NULL");
        return;
    }
    if (param->index == 0) {
        param->index = ++*used;
    }
    if (param->given.kind == KDB_TYPE_NULL) {
        kdb_buf_printf(text, "$%d", (int)param->index);
        return;
    }
    kdb_buf_printf(text, "CAST($%d AS ", (int)param->index);
    kdb_engine_put_type(text, param->given);
    kdb_buf_append_byte(text, ')');
}

static void render(kdb_engine_plan *plan, kdb_buf *text)
{
    const kdb_sv sql = sql_of(plan);
    size_t pos = 0;
    size_t start = 0;
    size_t number = 0;
    size_t copied = 0;
    idx_t used = 0;
    while (kdbi_sql_next_param(sql, &pos, &start, &number)) {
        kdb_buf_append(text, sql.ptr + copied, start - copied);
        put_param(text, &plan->params[number - 1], &used);
        copied = pos;
    }
    kdb_buf_append(text, sql.ptr + copied, sql.len - copied);
}

static bool is_nested(const kdb_engine_plan *plan, size_t column)
{
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(plan->duck, column);
    const duckdb_type id = duckdb_get_type_id(type);
    duckdb_destroy_logical_type(&type);
    return id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY || id == DUCKDB_TYPE_STRUCT || id == DUCKDB_TYPE_MAP;
}

/* A column of a type that none of ours stands for becomes text: lists and their like JSON, which clients can read. */
static void put_shown(const kdb_engine_plan *plan, size_t column, kdb_buf *text)
{
    kdb_buf_append_sv(text, column == 0 ? KDB_SV("") : KDB_SV(", "));
    if (plan->rows[column] != NULL) {
        kdb_buf_printf(text, "c%zu", column);
    } else if (is_nested(plan, column)) {
        kdb_buf_printf(text, "to_json(c%zu)", column);
    } else {
        kdb_buf_printf(text, "CAST(c%zu AS VARCHAR)", column);
    }
}

/* SELECT c0, CAST(c1 AS VARCHAR) FROM (..) AS kdb_r(c0, c1): by position, for names may repeat. */
static void wrap(const kdb_engine_plan *plan, kdb_sv inner, kdb_buf *text)
{
    kdb_buf_append_lit(text, "SELECT ");
    for (size_t i = 0; i < plan->ncolumns; i++) {
        put_shown(plan, i, text);
    }
    kdb_buf_append_lit(text, " FROM (");
    kdb_buf_append_sv(text, inner);
    kdb_buf_append_lit(text, "\n) AS kdb_r(");
    for (size_t i = 0; i < plan->ncolumns; i++) {
        kdb_buf_printf(text, "%sc%zu", i == 0 ? "" : ", ", i);
    }
    kdb_buf_append_byte(text, ')');
}

/* ---- compiling ---- */

static void forget(kdb_engine_plan *plan)
{
    kdbi_param_forget(plan->params, plan->nparams);
    duckdb_destroy_prepare(&plan->duck);
    kdb_buf_done(&plan->text);
    plan->columns = NULL;
    plan->rows = NULL;
    plan->ncolumns = 0;
    kdb_arena_reset(plan->arena);
}

static kdb_status prepare_text(kdb_engine_conn *conn, kdb_buf *text, duckdb_prepared_statement *out, kdb_err *err)
{
    kdb_buf_append_byte(text, '\0');
    text->len--;
    duckdb_prepared_statement duck = NULL;
    if (duckdb_prepare(conn->duck, text->ptr, &duck) != DuckDBSuccess) {
        const kdb_status status = kdbi_conn_fail(conn, duckdb_prepare_error(duck), err);
        duckdb_destroy_prepare(&duck);
        return status;
    }
    duckdb_destroy_prepare(out);
    *out = duck;
    return KDB_OK;
}

/* EXPLAIN ANALYZE runs what it explains, so that must be a query too. */
static kdb_status check_explained(kdb_engine_conn *conn, kdb_sv sql, kdb_err *err)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_append_sv(&text, kdbi_sql_explained(sql));
    duckdb_prepared_statement duck = NULL;
    kdb_status status = prepare_text(conn, &text, &duck, err);
    if (status == KDB_OK && duckdb_prepared_statement_type(duck) != DUCKDB_STATEMENT_TYPE_SELECT) {
        status = KDB_FAIL(err, KDB_INVALID_OPERATION, "the engine explains queries only");
    }
    duckdb_destroy_prepare(&duck);
    kdb_buf_done(&text);
    return status;
}

static kdb_status check_statement(kdb_engine_plan *plan, kdb_sv sql, kdb_err *err)
{
    const duckdb_statement_type type = duckdb_prepared_statement_type(plan->duck);
    if (type == DUCKDB_STATEMENT_TYPE_SELECT) {
        return KDB_OK;
    }
    if (type == DUCKDB_STATEMENT_TYPE_EXPLAIN) {
        return check_explained(plan->conn, sql, err);
    }
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "the engine runs queries only");
}

static kdb_sv take_name(kdb_engine_plan *plan, const char *name)
{
    const kdb_sv kept = kdb_sv_dup(plan->arena, kdb_sv_cstr(name));
    duckdb_free((void *)(uintptr_t)name);
    return kept;
}

/* A row stays NULL where the type has no mapping. True when there is such a column. */
static bool load_columns(kdb_engine_plan *plan)
{
    bool unmapped = false;
    plan->ncolumns = duckdb_prepared_statement_column_count(plan->duck);
    plan->columns = KDB_ARENA_ARRAY(plan->arena, kdb_engine_column, plan->ncolumns);
    plan->rows = KDB_ARENA_ARRAY(plan->arena, const kdbi_type_row *, plan->ncolumns);
    for (size_t i = 0; i < plan->ncolumns; i++) {
        kdb_engine_column *column = &plan->columns[i];
        duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(plan->duck, i);
        column->name = take_name(plan, duckdb_prepared_statement_column_name(plan->duck, i));
        plan->rows[i] = kdbi_type_lookup(type, &column->type);
        unmapped = unmapped || plan->rows[i] == NULL;
        duckdb_destroy_logical_type(&type);
    }
    return unmapped;
}

/* After wrap: what had no mapping is text now; the names stay. */
static void load_cast_columns(kdb_engine_plan *plan)
{
    for (size_t i = 0; i < plan->ncolumns; i++) {
        if (plan->rows[i] == NULL) {
            duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(plan->duck, i);
            plan->rows[i] = kdbi_type_lookup(type, &plan->columns[i].type);
            duckdb_destroy_logical_type(&type);
        }
    }
}

static void load_params(kdb_engine_plan *plan)
{
    for (size_t i = 0; i < plan->nparams; i++) {
        kdbi_param *param = &plan->params[i];
        if (param->index != 0) {
            duckdb_logical_type type = duckdb_param_logical_type(plan->duck, param->index);
            param->row = kdbi_type_lookup(type, &param->type);
            duckdb_destroy_logical_type(&type);
        }
    }
}

/* DuckDB then reports one column of no type. */
static bool lacks_types(const kdb_engine_plan *plan)
{
    return duckdb_prepared_statement_column_count(plan->duck) == 1 &&
           duckdb_prepared_statement_column_type(plan->duck, 0) == DUCKDB_TYPE_INVALID;
}

static kdb_status prepare(kdb_engine_plan *plan, kdb_err *err)
{
    KDB_TRY(prepare_text(plan->conn, &plan->text, &plan->duck, err));
    plan->executions = 0;
    return KDB_OK;
}

static kdb_status wrap_and_prepare(kdb_engine_plan *plan, kdb_err *err)
{
    kdb_buf inner = plan->text;
    kdb_buf_init(&plan->text, 0);
    wrap(plan, kdb_buf_sv(&inner), &plan->text);
    kdb_buf_done(&inner);
    KDB_TRY(prepare(plan, err));
    load_cast_columns(plan);
    return KDB_OK;
}

static kdb_status compile_text(kdb_engine_plan *plan, kdb_err *err)
{
    render(plan, &plan->text);
    KDB_TRY(prepare(plan, err));
    KDB_TRY(check_statement(plan, kdb_buf_sv(&plan->text), err));
    plan->open = lacks_types(plan);
    if (plan->open) {
        return KDB_OK;
    }
    if (load_columns(plan)) {
        KDB_TRY(wrap_and_prepare(plan, err));
    }
    load_params(plan);
    return KDB_OK;
}

static kdb_status compile(kdb_engine_plan *plan, kdb_err *err)
{
    forget(plan);
    const kdb_status status = compile_text(plan, err);
    if (status != KDB_OK || plan->open) {
        forget(plan);
    }
    return status;
}

/* ---- open plans ---- */

static bool is_settled(const kdb_engine_plan *plan, const kdb_value *values)
{
    if (plan->columns == NULL) {
        return false;
    }
    for (size_t i = 0; i < plan->nparams; i++) {
        const kdbi_param *param = &plan->params[i];
        if (values[i].is_null != param->as_null || (!param->as_null && !kdb_type_eq(values[i].type, param->given))) {
            return false;
        }
    }
    return true;
}

static kdb_status settle(kdb_engine_plan *plan, const kdb_value *values, kdb_err *err)
{
    for (size_t i = 0; i < plan->nparams; i++) {
        plan->params[i].as_null = values[i].is_null;
        plan->params[i].given = values[i].type;
    }
    const kdb_status status = compile(plan, err);
    plan->open = true; /* other values may have other types */
    KDB_TRY(status);
    return plan->columns != NULL
               ? KDB_OK
               : KDB_FAIL(err, KDB_PARAMETER,
                          "a parameter, or a time such as NOW(), stands where a value or type must be "
                          "known before the statement runs: write a literal there, or a CAST");
}

/* ---- executions ---- */

kdb_status kdbi_plan_ready(kdb_engine_plan *plan, const kdb_value *values, kdb_err *err)
{
    if (plan->open && !is_settled(plan, values)) {
        KDB_TRY(settle(plan, values, err));
    } else if (plan->duck == NULL || plan->executions == EXECUTIONS_MAX) {
        KDB_TRY(prepare(plan, err));
    }
    plan->executions++;
    return KDB_OK;
}

/* Which files and values it is for says the execution, for which DuckDB plans it: nothing is known before but the text. */
kdb_status kdbi_plan_ready_files(kdb_engine_plan *plan, kdb_err *err)
{
    if (plan->duck == NULL || plan->executions == EXECUTIONS_MAX) {
        forget(plan);
        render(plan, &plan->text);
        KDB_TRY(prepare(plan, err));
    }
    plan->executions++;
    return KDB_OK;
}

kdb_status kdbi_plan_take_columns(kdb_engine_plan *plan, duckdb_result *result, kdb_err *err)
{
    kdb_arena_reset(plan->arena);
    plan->ncolumns = duckdb_column_count(result);
    plan->columns = KDB_ARENA_ARRAY(plan->arena, kdb_engine_column, plan->ncolumns);
    plan->rows = KDB_ARENA_ARRAY(plan->arena, const kdbi_type_row *, plan->ncolumns);
    for (size_t i = 0; i < plan->ncolumns; i++) {
        duckdb_logical_type type = duckdb_column_logical_type(result, i);
        plan->columns[i].name = kdb_sv_dup(plan->arena, kdb_sv_cstr(duckdb_column_name(result, i)));
        plan->rows[i] = kdbi_type_lookup(type, &plan->columns[i].type);
        duckdb_destroy_logical_type(&type);
        if (plan->rows[i] == NULL) {
            return KDB_FAIL(err, KDB_EXECUTION, "column %zu has a type that is not supported", i + 1);
        }
    }
    return KDB_OK;
}

bool kdbi_plan_has_columns(const kdb_engine_plan *plan, duckdb_result *result)
{
    bool same = duckdb_column_count(result) == plan->ncolumns;
    for (size_t i = 0; i < plan->ncolumns && same; i++) {
        kdb_type type;
        duckdb_logical_type logical = duckdb_column_logical_type(result, i);
        same = kdbi_type_lookup(logical, &type) == plan->rows[i] && kdb_type_eq(type, plan->columns[i].type);
        duckdb_destroy_logical_type(&logical);
    }
    return same;
}

void kdbi_plan_spoil(kdb_engine_plan *plan)
{
    duckdb_destroy_prepare(&plan->duck);
}

/* ---- public ---- */

/* Counts to the highest number used. */
static kdb_status find_params(kdb_engine_plan *plan, kdb_err *err)
{
    size_t pos = 0;
    size_t start = 0;
    size_t number = 0;
    size_t nparams = 0;
    while (kdbi_sql_next_param(sql_of(plan), &pos, &start, &number)) {
        if (number == 0) {
            return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "parameters are $1 to $%d", KDBI_PARAM_MAX);
        }
        nparams = number > nparams ? number : nparams;
    }
    plan->params = kdb_alloc_array(nparams + 1, sizeof(*plan->params));
    plan->nparams = nparams;
    return KDB_OK;
}

static kdb_status new_plan(kdb_engine_conn *conn, kdb_sv sql, kdb_engine_plan **out, kdb_err *err)
{
    if (sql.len == 0 || memchr(sql.ptr, '\0', sql.len) != NULL) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "a statement is text without NUL");
    }
    sql = kdbi_sql_trim(sql);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = KDB_NEW(kdb_engine_plan);
    *plan = (kdb_engine_plan){ .conn = conn, .sql_len = sql.len };
    plan->sql = kdb_sv_heap_cstr(sql);
    plan->arena = kdb_arena_new(0);
    kdb_buf_init(&plan->text, 0);
    KDB_TRY(find_params(plan, err));
    *out = KDB_TAKE(plan);
    return KDB_OK;
}

kdb_status kdb_engine_prepare(kdb_engine_conn *conn, kdb_sv sql, const kdb_scan_table *tables, size_t ntables,
                              kdb_engine_plan **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_TRY(new_plan(conn, sql, &plan, err));
    plan->tables = tables;
    plan->ntables = ntables;
    kdbi_conn_begin(conn, tables, ntables, NULL);
    const kdb_status status = compile(plan, err);
    kdbi_conn_end(conn);
    KDB_TRY(status);
    *out = KDB_TAKE(plan);
    return KDB_OK;
}

kdb_status kdb_engine_prepare_files(kdb_engine_conn *conn, kdb_sv sql, kdb_engine_plan **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_TRY(new_plan(conn, sql, &plan, err));
    plan->of_files = true;
    kdbi_conn_begin(conn, NULL, 0, NULL);
    const kdb_status status = kdbi_plan_ready_files(plan, err);
    kdbi_conn_end(conn);
    KDB_TRY(status);
    KDB_ASSERT(plan->params[0].index != 0);
    *out = KDB_TAKE(plan);
    return KDB_OK;
}

void kdb_engine_plan_free(kdb_engine_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    kdbi_param_forget(plan->params, plan->nparams);
    kdb_free(plan->params);
    duckdb_destroy_prepare(&plan->duck);
    kdb_buf_done(&plan->text);
    kdb_arena_free(plan->arena);
    kdb_free(plan->sql);
    kdb_free(plan);
}

size_t kdb_engine_plan_nparams(const kdb_engine_plan *plan)
{
    return plan->nparams;
}

size_t kdb_engine_plan_ncolumns(const kdb_engine_plan *plan)
{
    return plan->ncolumns;
}

const kdb_engine_column *kdb_engine_plan_column(const kdb_engine_plan *plan, size_t index)
{
    KDB_ASSERT(index < plan->ncolumns);
    return &plan->columns[index];
}
