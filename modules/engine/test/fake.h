/* fake.h - tables in memory for engine's tests, a source that feeds them and counts what the engine does with it, and
 * an opened engine with one connection. */
#ifndef KDB_ENGINE_FAKE_H
#define KDB_ENGINE_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kdb/engine.h"

typedef struct fake_table fake_table;
struct fake_table {
    const kdb_scan_column *columns;
    size_t ncolumns;
    size_t nrows;
    /* Stores the cell of `column` in `row` at `vec[at]`. */
    void (*put)(const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at);
    const kdb_value *cells; /* for fake_put_cell, row by row */
    uint64_t cardinality;
    size_t max_threads; /* 0 is 1 */
    size_t fail_at;     /* the row at which next fails with `failure`; 0: never */
    bool fail_open;
    bool fail_open_local;
    kdb_status failure;
    bool endless;
};

void fake_put_cell(const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at);

/* numbers(id BIGINT, grp INT, name TEXT): row, row % 10, "name <row>". */
extern const kdb_scan_column fake_number_columns[3];
void fake_put_number(const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at);
fake_table fake_numbers(size_t nrows);

enum { FAKE_TABLES = 4, FAKE_COLUMNS = 32 };

typedef struct fake_source {
    kdb_scan_source face;
    const fake_table *tables[FAKE_TABLES];
    kdb_scan_table scans[FAKE_TABLES];
    size_t ntables;
    _Atomic size_t opened;
    _Atomic size_t closed;
    _Atomic size_t locals;
    _Atomic size_t locals_closed;
    _Atomic size_t chunks;
    size_t projection[FAKE_COLUMNS]; /* of the last open */
    size_t nprojection;
} fake_source;

/* Slot i reads tables[i]. */
void fake_source_init(fake_source *source, const fake_table *const *tables, size_t ntables);

typedef struct fake_engine {
    char *directory;
    kdb_engine *engine;
    kdb_engine_conn *conn;
    kdb_arena *arena;
    kdb_err err;
} fake_engine;

/* For cmocka: *state is a fake_engine. */
int fake_engine_up(void **state);
int fake_engine_down(void **state);
void fake_engine_open(fake_engine *fake, int64_t memory_limit, int32_t threads);
void fake_engine_close(fake_engine *fake);

/* Prepares SQL in which `@0`, `@1` call the connection's scan function for that slot. */
kdb_status fake_prepare(fake_engine *fake, kdb_engine_conn *conn, const fake_source *source, const char *sql,
                        kdb_engine_plan **out);
/* Executes and renders all rows, "1|a\n2|NULL\n", in the fake's arena. */
kdb_status fake_run(fake_engine *fake, kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                    fake_source *source, const char **out);
/* Prepares and runs, and expects this outcome. Checks that every scan that was opened is closed. */
void fake_expect(fake_engine *fake, fake_source *source, const char *sql, const kdb_value *params, size_t nparams,
                 const char *rows);
void fake_expect_error(fake_engine *fake, fake_source *source, const char *sql, const kdb_value *params, size_t nparams,
                       kdb_status status, const char *text);

#endif
