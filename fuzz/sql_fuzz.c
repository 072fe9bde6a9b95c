/* sql_fuzz.c - SQL text from anyone: split, parsed and bound against a few tables. What the binder makes for the
 * engine must hold nothing that a user could have chosen where the engine looks names up (engine_text.h), and
 * positions of errors must lie in the text. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../modules/dialect/test/engine_text.h"
#include "../modules/dialect/test/fake_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what, kdb_sv text)
{
    if (!good) {
        fprintf(stderr, "%s: %.*s\n", what, KDB_SV_ARG(text));
        abort();
    }
}

static void bind(const kdb_query *query, const kdb_stmt *stmt, kdb_arena *arena)
{
    kdb_bound *bound = NULL;
    kdb_err err = { .position = -1 };
    if (query == NULL) {
        return;
    }
    if (kdb_dialect_bind(query, stmt->nparams, &fake_binder, arena, &bound, &err) != KDB_OK) {
        check(err.position < (int32_t)stmt->text.len || stmt->text.len == 0, "position outside the text", stmt->text);
        check(kdb_utf8_valid(kdb_sv_cstr(err.text)), "message is not UTF-8", stmt->text);
        return;
    }
    const char *fault = engine_text_fault(bound->sql);
    check(fault == NULL, fault == NULL ? "" : fault, bound->sql);
    for (size_t i = 0; i < bound->ncolumns; i++) {
        check(bound->columns[i].slot < (int32_t)bound->ntables, "column of no table", bound->sql);
    }
}

static void bind_all(const kdb_stmt *stmt, kdb_arena *arena)
{
    if (stmt->kind == KDB_STMT_QUERY) {
        bind(stmt->as.query, stmt, arena);
    } else if (stmt->kind == KDB_STMT_INSERT) {
        bind(stmt->as.insert.exprs, stmt, arena);
        bind(stmt->as.insert.select, stmt, arena);
    } else if (stmt->kind == KDB_STMT_UPDATE || stmt->kind == KDB_STMT_DELETE) {
        bind(stmt->as.change.select, stmt, arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv sql = kdb_sv_of((const char *)data, size);
    kdb_sql_piece *pieces = NULL;
    size_t npieces = 0;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_split(sql, arena, &pieces, &npieces, &err) != KDB_OK) {
        return 0;
    }
    for (size_t i = 0; i < npieces; i++) {
        kdb_stmt *stmt = NULL;
        check(pieces[i].offset + pieces[i].text.len <= size, "piece outside the text", sql);
        if (kdb_dialect_parse(pieces[i].text, NULL, arena, &stmt, &err) == KDB_OK) {
            bind_all(stmt, arena);
        }
    }
    return 0;
}
