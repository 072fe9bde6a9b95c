/* registry_fixture.h - what the registry's tests share: a registry over a memory store, and short forms of DDL. */
#ifndef KDB_REGISTRY_FIXTURE_H
#define KDB_REGISTRY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry_int.h"

typedef struct fixture {
    kdb_store *store;
    kdb_registry *registry;
    kdb_seal *seal; /* of new keys; a test may put others in its place */
    kdb_arena *arena;
    kdb_err err;
} fixture;

/* cmocka's set-up and tear-down. */
int fixture_open(void **state);
int fixture_close(void **state);
/* Closes the registry and opens it again over the same store. */
void fixture_reopen(fixture *fix);
kdb_status fixture_try_reopen(fixture *fix);

/* Keys of a server: one more than those of `old` (NULL: none). */
kdb_seal *new_keys(const kdb_seal *old);

/* Fails the test unless the call failed with this status and text. */
void assert_failure(const fixture *fix, kdb_status got, kdb_status status, const char *text);
void assert_ok(const fixture *fix, kdb_status status);
void assert_text(kdb_sv got, const char *expected);

kdb_column_spec column_spec(const char *name, kdb_type_kind kind);
/* USER table ns.name with `columns`, the first being the key. */
kdb_create_table table_spec(const char *name, kdb_column_spec *columns, size_t ncolumns);

/* Stage, commit, publish. */
kdb_status create_namespace(fixture *fix, const char *name);
kdb_status create_table(fixture *fix, const kdb_create_table *spec, const char *ns);
kdb_status drop_table(fixture *fix, kdb_table *table);
/* ns.name with columns id BIGINT (key) and body TEXT; a reference. */
kdb_table *simple_table(fixture *fix, const char *ns, const char *name);

/* xorshift, for tests that repeat. */
uint64_t next_random(uint64_t *seed);

#endif
