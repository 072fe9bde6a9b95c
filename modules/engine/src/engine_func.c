/* engine_func.c - scalar functions of ours that DuckDB calls. They live in the database's catalog, so they are
 * registered once, at open. `dialect` writes their engine names for the SQL names. */
#include "engine_int.h"

enum { PARAMS_MAX = 3 };

typedef struct func_row {
    const char *name;
    duckdb_type returns;
    duckdb_scalar_function_t run;
    /* up to the first that is DUCKDB_TYPE_INVALID, which is 0; ANY is any number of VARCHARs, NULLs among them */
    duckdb_type params[PARAMS_MAX];
} func_row;

static void run_snowflake_id(KDB_UNUSED duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    int64_t *out = duckdb_vector_get_data(output);
    const size_t nrows = duckdb_data_chunk_get_size(input);
    for (size_t i = 0; i < nrows; i++) {
        out[i] = (int64_t)kdb_snowflake_next();
    }
}

static void run_uuid_v7(KDB_UNUSED duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    char text[37];
    const size_t nrows = duckdb_data_chunk_get_size(input);
    for (size_t i = 0; i < nrows; i++) {
        kdb_uuid_v7_text(text);
        duckdb_vector_assign_string_element_len(output, i, text, sizeof(text) - 1);
    }
}

static void run_ulid(KDB_UNUSED duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    char text[27];
    const size_t nrows = duckdb_data_chunk_get_size(input);
    for (size_t i = 0; i < nrows; i++) {
        kdb_ulid_text(text);
        duckdb_vector_assign_string_element_len(output, i, text, sizeof(text) - 1);
    }
}

static const func_row func_rows[] = {
    { "kdb_snowflake_id", DUCKDB_TYPE_BIGINT, run_snowflake_id, { DUCKDB_TYPE_INVALID } },
    { "kdb_uuid_v7", DUCKDB_TYPE_VARCHAR, run_uuid_v7, { DUCKDB_TYPE_INVALID } },
    { "kdb_ulid", DUCKDB_TYPE_VARCHAR, run_ulid, { DUCKDB_TYPE_INVALID } },
    { "kdb_concat", DUCKDB_TYPE_VARCHAR, kdbi_text_concat, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_ANY } },
    { "kdb_concat_ws", DUCKDB_TYPE_VARCHAR, kdbi_text_concat_ws, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_ANY } },
    { "kdb_join", DUCKDB_TYPE_VARCHAR, kdbi_text_join, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_repeat", DUCKDB_TYPE_VARCHAR, kdbi_text_repeat, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT } },
    { "kdb_lpad",
      DUCKDB_TYPE_VARCHAR,
      kdbi_text_lpad,
      { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_VARCHAR } },
    { "kdb_rpad",
      DUCKDB_TYPE_VARCHAR,
      kdbi_text_rpad,
      { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_VARCHAR } },
    { "kdb_replace",
      DUCKDB_TYPE_VARCHAR,
      kdbi_text_replace,
      { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_like", DUCKDB_TYPE_BOOLEAN, kdbi_like, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_compared", DUCKDB_TYPE_VARCHAR, kdbi_text_compared, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_found", DUCKDB_TYPE_VARCHAR, kdbi_text_found, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_searched", DUCKDB_TYPE_VARCHAR, kdbi_text_searched, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
    { "kdb_rewrite", DUCKDB_TYPE_VARCHAR, kdbi_text_rewrite, { DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR } },
};

static void set_any_texts(duckdb_scalar_function function)
{
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_scalar_function_set_varargs(function, text);
    duckdb_scalar_function_set_special_handling(function); /* or a NULL would make all NULL */
    duckdb_destroy_logical_type(&text);
}

static void add_params(duckdb_scalar_function function, const func_row *row)
{
    for (size_t i = 0; i < PARAMS_MAX && row->params[i] != DUCKDB_TYPE_INVALID; i++) {
        if (row->params[i] == DUCKDB_TYPE_ANY) {
            set_any_texts(function);
            return;
        }
        duckdb_logical_type type = duckdb_create_logical_type(row->params[i]);
        duckdb_scalar_function_add_parameter(function, type);
        duckdb_destroy_logical_type(&type);
    }
}

/* Those without parameters are volatile: a new value for every row. */
static kdb_status register_row(duckdb_connection duck, const func_row *row, kdb_err *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type returns = duckdb_create_logical_type(row->returns);
    duckdb_scalar_function_set_name(function, row->name);
    duckdb_scalar_function_set_return_type(function, returns);
    add_params(function, row);
    if (row->params[0] == DUCKDB_TYPE_INVALID) {
        duckdb_scalar_function_set_volatile(function);
    }
    duckdb_scalar_function_set_function(function, row->run);
    const duckdb_state state = duckdb_register_scalar_function(duck, function);
    duckdb_destroy_logical_type(&returns);
    duckdb_destroy_scalar_function(&function);
    return state == DuckDBSuccess ? KDB_OK : KDB_FAIL(err, KDB_INTERNAL, "the engine refuses function %s", row->name);
}

kdb_status kdbi_func_register_all(duckdb_connection duck, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(func_rows); i++) {
        KDB_TRY(register_row(duck, &func_rows[i], err));
    }
    return KDB_OK;
}
