/* filestore_fixture.h - what filestore's tests share: a directory of their own, and files made and read by hand. */
#ifndef FILESTORE_FIXTURE_H
#define FILESTORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kdb/filestore.h"

/* A new directory below the working directory, and `name` in it, which does not exist. Both live in `arena`. */
const char *fresh_path(kdb_arena *arena, const char *name);
const char *join_path(kdb_arena *arena, const char *path, const char *name);
/* Not through the module under test. */
void make_file(const char *path, const char *content);
const char *file_content(const char *path, kdb_arena *arena);
bool exists(const char *path);
/* The names in a directory, sorted, separated by blanks. */
const char *names_in(const char *path, kdb_arena *arena);

/* Cases get an arena as their state. */
int make_arena(void **state);
int free_arena(void **state);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_arena, free_arena)

#endif
