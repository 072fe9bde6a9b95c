/* dialect_fixture.h - what dialect's tests share: cmocka, an arena per case, and statements and bindings as one line
 * of text each, so that a case is an input and what comes of it. */
#ifndef KDB_TEST_DIALECT_FIXTURE_H
#define KDB_TEST_DIALECT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "engine_text.h"
#include "fake_tables.h"

int make_arena(void **state);
int free_arena(void **state);
kdb_arena *test_arena(void);

/* A statement: its kind and what it holds; or "STATUS@position message". */
const char *parsed(const char *sql);
/* The engine SQL of the statement's query, which must be without fault (engine_text.h); or the error as above. */
const char *bound(const char *sql);
/* What is told beside the engine SQL: columns, conditions, flags. */
const char *facts(const char *sql);
/* kdb_bound.single, its trees as (operator argument ..); "none" when there is none. */
const char *single(const char *sql);
/* kdb_bound.grouped: its items, then its keys and clauses; "none" when there is none. */
const char *grouped(const char *sql);
/* What RETURNING and DO UPDATE say over the rows of a write. */
const char *row_exprs(const char *sql);

typedef struct text_case {
    const char *sql;
    const char *expected;
} text_case;

/* Runs `describe` over the cases; fails at the end, when all differences have been shown. */
void check_cases(const text_case *cases, size_t ncases, const char *(*describe)(const char *sql));
#define CHECK_CASES(cases, describe) check_cases((cases), KDB_ARRAY_LEN(cases), (describe))

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_arena, free_arena)

#endif
