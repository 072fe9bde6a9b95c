/* fixture.h - a system over real store (in memory), registry and auth, and its tables read as text. */
#ifndef KDB_SYSTEM_FIXTURE_H
#define KDB_SYSTEM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kdb/system.h"
#include "system_int.h"

typedef struct fixture {
    kdb_arena *arena;
    kdb_store *store;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_options *options;
    kdb_system *system;
} fixture;

/* A new store: namespaces `default` and `dba`, storage `local`, user `root`. */
fixture *fixture_new(void);
void fixture_free(fixture *f);
KDB_DEFINE_CLEANUP(fixture, fixture_free)

/* Adds a table of every type, one with two versions; users of every kind; a job; something live and two figures. */
void fixture_fill(fixture *f);
/* Creates default.<name>: id INT (key), note TEXT DEFAULT 'x', price DECIMAL(10,2). */
void fixture_table(fixture *f, const char *name, kdb_table_type type, kdb_access_level access, size_t nversions);
void fixture_job(fixture *f, const char *id, const char *status);

/* All rows in `arena`, cells as kdb_value_to_text joined by `|`, a line each. `columns` are names separated by blanks;
 * NULL: all. */
kdb_sv fixture_read(fixture *f, const char *ns, const char *table, const char *columns, kdb_role viewer);
/* True when `text` has that line. */
bool fixture_has_line(kdb_sv text, const char *line);
size_t fixture_count_lines(kdb_sv text);

#endif
