/* engine_func.c - scalar functions of ours that DuckDB calls. They live in the database's catalog, so they are
 * registered once, at open. `dialect` writes their engine names for the SQL names. */
#include "engine_int.h"

typedef struct func_row {
    const char *name;
    duckdb_type returns;
    duckdb_scalar_function_t run;
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
    { "kdb_snowflake_id", DUCKDB_TYPE_BIGINT, run_snowflake_id },
    { "kdb_uuid_v7", DUCKDB_TYPE_VARCHAR, run_uuid_v7 },
    { "kdb_ulid", DUCKDB_TYPE_VARCHAR, run_ulid },
};

/* All of them are volatile: a new value for every row. */
static kdb_status register_row(duckdb_connection duck, const func_row *row, kdb_err *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type returns = duckdb_create_logical_type(row->returns);
    duckdb_scalar_function_set_name(function, row->name);
    duckdb_scalar_function_set_return_type(function, returns);
    duckdb_scalar_function_set_volatile(function);
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
