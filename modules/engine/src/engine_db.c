/* engine_db.c - the database in memory, closed off from the world before anybody can use it. Every setting is a row;
 * lock_configuration is the last, after which DuckDB refuses to change any. All are set globally, so that connections
 * made later have them too. */
#include <stdio.h>

#include "engine_int.h"

_Static_assert(sizeof(duckdb_string_t) == 16, "engine_vec.c reads DuckDB's strings in place");

typedef struct setting_row {
    const char *name;
    const char *value; /* an SQL literal; NULL: `put` writes it */
    void (*put)(kdb_buf *sql, const kdb_engine_options *options);
} setting_row;

static void put_memory_limit(kdb_buf *sql, const kdb_engine_options *options)
{
    kdb_buf_printf(sql, "'%lldB'", (long long)options->memory_limit);
}

static void put_temp_directory(kdb_buf *sql, const kdb_engine_options *options)
{
    kdb_buf_append_quoted(sql, kdb_sv_cstr(options->temp_directory), '\'');
}

static void put_max_spill(kdb_buf *sql, const kdb_engine_options *options)
{
    const int64_t max = options->max_spill > 0 ? options->max_spill : INT64_C(1) << 50;
    kdb_buf_printf(sql, "'%lldB'", (long long)max);
}

static void put_allowed_directories(kdb_buf *sql, const kdb_engine_options *options)
{
    kdb_buf_append_byte(sql, '[');
    kdb_buf_append_quoted(sql, kdb_sv_cstr(options->allowed_directory), '\'');
    kdb_buf_append_byte(sql, ']');
}

static const setting_row setting_rows[] = {
    { "memory_limit", NULL, put_memory_limit },
    { "temp_directory", NULL, put_temp_directory },
    { "max_temp_directory_size", NULL, put_max_spill },
    { "allowed_directories", NULL, put_allowed_directories },
    /* PostgreSQL's meaning where DuckDB's differs */
    { "TimeZone", "'UTC'", NULL },
    { "integer_division", "true", NULL },
    { "default_null_order", "'NULLS_LAST_ON_ASC_FIRST_ON_DESC'", NULL },
    { "preserve_insertion_order", "true", NULL },
    { "enable_external_file_cache", "false",
      NULL }, /* the system keeps files in memory; a file read once would stay in ours */
    /* the lock */
    { "autoinstall_known_extensions", "false", NULL },
    { "autoload_known_extensions", "false", NULL },
    { "allow_community_extensions", "false", NULL },
    { "allow_persistent_secrets", "false", NULL },
    { "enable_external_access", "false", NULL },
    { "lock_configuration", "true", NULL },
};

static kdb_status set(kdb_engine *engine, duckdb_connection duck, const setting_row *row,
                      const kdb_engine_options *options, kdb_err *err)
{
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    kdb_buf_printf(&sql, "SET GLOBAL %s = ", row->name);
    if (row->value != NULL) {
        kdb_buf_printf(&sql, "%s", row->value);
    } else {
        row->put(&sql, options);
    }
    kdb_buf_append_byte(&sql, '\0');
    duckdb_result result;
    kdb_status status = KDB_OK;
    if (duckdb_query(duck, sql.ptr, &result) != DuckDBSuccess) {
        status = kdbi_engine_fail(engine, duckdb_result_error(&result), err);
        kdb_err_context(err, "setting the engine's %s", row->name);
    }
    duckdb_destroy_result(&result);
    kdb_buf_done(&sql);
    return status;
}

static kdb_status set_up(kdb_engine *engine, duckdb_connection duck, const kdb_engine_options *options, kdb_err *err)
{
    KDB_TRY(kdbi_func_register_all(duck, err));
    for (size_t i = 0; i < KDB_ARRAY_LEN(setting_rows); i++) {
        KDB_TRY(set(engine, duck, &setting_rows[i], options, err));
    }
    return KDB_OK;
}

/* Threads are set while opening, or DuckDB would first start one per processor. All count as external: see
 * engine_help.c. */
static kdb_status open_duck(kdb_engine *engine, const kdb_engine_options *options, kdb_err *err)
{
    char threads[16];
    (void)snprintf(threads, sizeof(threads), "%d", options->threads);
    duckdb_config config = NULL;
    char *text = NULL;
    kdb_status status = KDB_OK;
    if (duckdb_create_config(&config) != DuckDBSuccess ||
        duckdb_set_config(config, "threads", threads) != DuckDBSuccess ||
        duckdb_set_config(config, "external_threads", threads) != DuckDBSuccess) {
        status = KDB_FAIL(err, KDB_INTERNAL, "the engine refuses %s threads", threads);
    } else if (duckdb_open_ext(":memory:", &engine->duck, config, &text) != DuckDBSuccess) {
        status = kdbi_engine_fail(engine, text, err);
    }
    duckdb_free(text);
    duckdb_destroy_config(&config);
    return status;
}

kdb_status kdb_engine_open(const kdb_engine_options *options, kdb_engine **out, kdb_err *err)
{
    KDB_ASSERT(duckdb_vector_size() == KDB_CHUNK_ROWS);
    if (options->threads < 1 || options->memory_limit < 1) {
        return KDB_FAIL(err, KDB_INVALID, "the engine needs at least one thread and some memory");
    }
    KDB_CLEANUP(kdb_engine_closep) kdb_engine *engine = KDB_NEW(kdb_engine);
    kdbi_memory_start(engine, options->memory_limit);
    KDB_TRY(open_duck(engine, options, err));
    duckdb_connection duck = NULL;
    if (duckdb_connect(engine->duck, &duck) != DuckDBSuccess) {
        return KDB_FAIL(err, KDB_INTERNAL, "the engine refuses a connection");
    }
    const kdb_status status = set_up(engine, duck, options, err);
    duckdb_disconnect(&duck);
    KDB_TRY(status);
    kdbi_help_start(engine, (size_t)options->threads - 1);
    *out = KDB_TAKE(engine);
    return KDB_OK;
}

void kdb_engine_close(kdb_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    kdbi_help_stop(engine);
    duckdb_close(&engine->duck);
    kdbi_memory_stop(engine);
    kdb_free(engine);
}

bool kdb_engine_is_broken(const kdb_engine *engine)
{
    return atomic_load(&engine->broken);
}

const char *kdb_engine_version(void)
{
    return duckdb_library_version();
}
