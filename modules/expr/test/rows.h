/* rows.h - a table in memory that both the engine and programs read: columns of every type, rows of boundary values. */
#ifndef KDB_TEST_EXPR_ROWS_H
#define KDB_TEST_EXPR_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "kdb/engine.h"
#include "kdb/expr.h"

/* ---- chance ---- */

typedef struct chance {
    uint64_t state;
} chance;
uint64_t chance_next(chance *c);
/* 0 .. n-1 */
static inline uint32_t chance_of(chance *c, uint32_t n)
{
    return (uint32_t)(chance_next(c) >> 33) % n;
}

/* ---- rows ---- */

enum { ROWS = 40, ROWS_COLUMNS = 18, ROWS_TEXT = 96 };
extern const kdb_field rows_columns[ROWS_COLUMNS];

typedef struct rows {
    kdb_value cells[ROWS][ROWS_COLUMNS];
    char texts[ROWS][ROWS_COLUMNS][ROWS_TEXT]; /* those of `cells` that were put together */
    kdb_arena *arena;
    kdb_engine *engine;
    kdb_engine_conn *conn;
    kdb_scan_table scan;
    kdb_scan_source source;
    size_t first; /* what the source reads: [first, first + count) */
    size_t count;
    char *directory;
} rows;

rows *rows_open(void);
void rows_close(rows *r);
/* New values in all cells. */
void rows_fill(rows *r, chance *c);
enum { ROWS_CHARACTERS = 512 };
/* Column `t` gets the characters from `first` on, ROWS_CHARACTERS in a row; the texts lie in `arena`. */
void rows_fill_characters(rows *r, uint32_t first, kdb_arena *arena);
kdb_expr_row rows_at(const rows *r, size_t row);
/* A column of the kind, or of any kind for KDB_TYPE_NULL. */
const char *rows_column_name(chance *c, kdb_type_kind kind);

#endif
