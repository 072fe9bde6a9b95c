/* raw_duckdb.c - what DuckDB does alone on the benchmarks' data in tables of its own, for comparison in the same run.
 *
 *   raw_duckdb --rows N --query SQL --seconds S
 *
 * Makes table `t` in memory with N rows like those of bench/server.bench.js, prepares the query and runs it again and
 * again on one connection. Prints one line of JSON. */
#include <duckdb.h>
#include <stdio.h>

#include "bench.h"

static void run(duckdb_connection connection, const char *sql)
{
    duckdb_result result;
    if (duckdb_query(connection, sql, &result) == DuckDBError) {
        bench_fail("%s: %s", sql, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
}

static void make_table(duckdb_connection connection, uint64_t rows)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "CREATE TABLE t AS SELECT i AS id, 'title of note ' || i AS title, 'category ' || (i * 7919 %% 100) AS "
        "category, (i * 7919 %% 1000)::INT AS n, i * 31 %% 100000 AS score, repeat('x', 40) AS body FROM range(%llu) r(i)",
        (unsigned long long)rows);
    run(connection, sql);
}

static void run_once(duckdb_prepared_statement statement)
{
    duckdb_result result;
    if (duckdb_execute_prepared(statement, &result) == DuckDBError) {
        bench_fail("%s", duckdb_result_error(&result));
    }
    for (duckdb_data_chunk chunk = duckdb_fetch_chunk(result); chunk != NULL; chunk = duckdb_fetch_chunk(result)) {
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
}

static void measure(duckdb_prepared_statement statement, double warmup, double seconds)
{
    bench_times times = { 0 };
    const uint64_t from = bench_now_ns() + (uint64_t)(warmup * 1e9);
    const uint64_t to = from + (uint64_t)(seconds * 1e9);
    for (uint64_t now = bench_now_ns(); now < to;) {
        run_once(statement);
        const uint64_t done = bench_now_ns();
        if (now >= from) {
            bench_times_add(&times, done - now);
        }
        now = done;
    }
    (void)printf("{");
    bench_times_print(&times, seconds);
    (void)printf("}\n");
    bench_times_done(&times);
}

int main(int argc, char **argv)
{
    duckdb_database database;
    duckdb_connection connection;
    duckdb_prepared_statement statement;
    const char *query = bench_arg(argc, argv, "query", NULL);
    if (duckdb_open(NULL, &database) == DuckDBError || duckdb_connect(database, &connection) == DuckDBError) {
        bench_fail("cannot open DuckDB");
    }
    make_table(connection, bench_arg_u64(argc, argv, "rows", 10000));
    if (duckdb_prepare(connection, query, &statement) == DuckDBError) {
        bench_fail("%s: %s", query, duckdb_prepare_error(statement));
    }
    measure(statement, bench_arg_seconds(argc, argv, "warmup", 0.5), bench_arg_seconds(argc, argv, "seconds", 3));
    duckdb_destroy_prepare(&statement);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return 0;
}
