/* sql_fuzz.c - SQL text from anyone: split, parsed and bound against a few tables, with its literals and without. What
 * the binder makes for the engine must hold nothing that a user could have chosen where the engine looks names up
 * (engine_text.h), and positions of errors must lie in the text. */
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

/* Columns of the condition's tree are the table's own, and nothing that a row about to be written lacks. */
static void check_condition(const kdb_node *node, const kdb_bind_table *table, kdb_sv text)
{
    const bool column = node->kind == KDB_NODE_COLUMN;
    check(!column || (node->column < table->ncolumns && table->columns[node->column].name.ptr[0] != '_'),
          "column of no table", text);
    check(node->kind != KDB_NODE_PARAM || (node->param >= 1 && node->param <= KDB_EXTRA_LITERAL), "a parameter", text);
    for (size_t i = 0; i < node->nargs; i++) {
        check_condition(node->args[i], table, text);
    }
}

static void bind_condition(const kdb_policy_stmt *policy, const kdb_policy_condition *condition, kdb_arena *arena)
{
    kdb_bind_table table = { 0 };
    kdb_node *node = NULL;
    kdb_err err = { .position = -1 };
    if (condition->text.len == 0 || fake_find_table(NULL, &policy->table, false, &table, &err) != KDB_OK) {
        return;
    }
    if (kdb_dialect_bind_condition(condition->text, &policy->table, &table, arena, NULL, &node, &err) == KDB_OK) {
        check_condition(node, &table, condition->text);
        return;
    }
    check(err.position <= (int32_t)condition->text.len, "position outside the condition", condition->text);
    check(kdb_utf8_valid(kdb_sv_cstr(err.text)), "message is not UTF-8", condition->text);
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
    } else if (stmt->kind == KDB_STMT_CREATE_POLICY || stmt->kind == KDB_STMT_ALTER_POLICY) {
        bind_condition(stmt->as.policy, &stmt->as.policy->using_rows, arena);
        bind_condition(stmt->as.policy, &stmt->as.policy->check_rows, arena);
    }
}

/* A shape's literals lie in the text, in order, and a statement parsed with it can be bound like any other. */
static void bind_shaped(kdb_sv text, kdb_arena *arena)
{
    kdb_shape shape;
    kdb_stmt *stmt = NULL;
    kdb_err err = { .position = -1 };
    if (!kdb_dialect_shape(text, arena, &shape)) {
        return;
    }
    for (size_t i = 0; i < shape.nliterals; i++) {
        const int32_t position = shape.literals[i].position;
        check(position > (i == 0 ? -1 : shape.literals[i - 1].position) && (size_t)position < text.len,
              "literal out of place", text);
    }
    if (kdb_dialect_parse(text, &shape, arena, &stmt, &err) == KDB_OK) {
        bind_all(stmt, arena);
    }
}

/* What is shaped among others is shaped as it would be alone. */
static void check_shape(const kdb_sql_piece *piece, kdb_arena *arena, kdb_sv sql)
{
    kdb_shape shape;
    const bool shaped = kdb_dialect_shape(piece->text, arena, &shape);
    /* A byte elsewhere that no statement holds keeps all of the text from being shaped. */
    check(piece->shape == NULL || (shaped && kdb_sv_eq(piece->shape->key, shape.key)), "another shape", sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv sql = kdb_sv_of((const char *)data, size);
    kdb_sql_piece *pieces = NULL;
    size_t npieces = 0;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_split(sql, NULL, arena, &pieces, &npieces, &err) != KDB_OK) {
        return 0;
    }
    for (size_t i = 0; i < npieces; i++) {
        kdb_stmt *stmt = NULL;
        check(pieces[i].offset + pieces[i].text.len <= size, "piece outside the text", sql);
        if (kdb_dialect_parse(pieces[i].text, NULL, arena, &stmt, &err) == KDB_OK) {
            bind_all(stmt, arena);
        }
        check_shape(&pieces[i], arena, sql);
        bind_shaped(pieces[i].text, arena);
    }
    return 0;
}
