/* duckdb_query.c - duckdb_query SQL: what DuckDB alone answers, a line per row: the cells as text (of types
 * that the old functions of its C interface know: cast others), each quoted as JSON does, or null. */
#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>

static void put_text(const char *text)
{
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == '"' || c == '\\') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void put_cell(duckdb_result *result, idx_t column, idx_t row)
{
    char *text = duckdb_value_is_null(result, column, row) ? NULL : duckdb_value_varchar(result, column, row);
    if (text == NULL) {
        printf("null");
    } else {
        put_text(text);
    }
    duckdb_free(text);
}

static void put_rows(duckdb_result *result)
{
    for (idx_t row = 0; row < duckdb_row_count(result); row++) {
        for (idx_t column = 0; column < duckdb_column_count(result); column++) {
            putchar(column == 0 ? '[' : ',');
            put_cell(result, column, row);
        }
        puts("]");
    }
}

int main(int argc, char **argv)
{
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    duckdb_result result = { 0 };
    if (argc != 2 || duckdb_open(NULL, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess) {
        fprintf(stderr, "usage: duckdb_query SQL\n");
        return 2;
    }
    const bool good = duckdb_query(connection, argv[1], &result) == DuckDBSuccess;
    if (good) {
        put_rows(&result);
    } else {
        fprintf(stderr, "%s\n", duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return good ? 0 : 1;
}
