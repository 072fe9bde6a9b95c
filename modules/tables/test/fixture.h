/* fixture.h - tables made by hand (registry makes only version 1, and has rules that tests want to break), random
 * values of every type with a liking for edges, and the order that keys must keep. */
#ifndef KDB_TABLES_FIXTURE_H
#define KDB_TABLES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kdb/tables.h"
#include "tables_int.h"

/* The suite's only randomness: a test prints its seed when it fails by asserting on values, and runs are repeatable. */
typedef struct fixture_random {
    uint64_t state;
} fixture_random;
uint64_t fixture_next(fixture_random *random);
uint64_t fixture_below(fixture_random *random, uint64_t bound); /* [0, bound) */

typedef struct fixture_column {
    uint32_t id;
    const char *name;
    kdb_type type;
} fixture_column;
typedef struct fixture_schema {
    const fixture_column *columns;
    size_t ncolumns;
} fixture_schema;

/* A table of ns.t whose versions are `schemas`, the last the latest. `key` indexes the latest; nothing is freed but the
 * arena. */
kdb_table *fixture_table(kdb_arena *arena, kdb_table_type type, const fixture_schema *schemas, size_t nschemas,
                         const uint32_t *key, size_t nkey);
/* The same table (id, partition) as its first `nversions` knew it: what an older writer saw. */
kdb_table *fixture_table_at(kdb_arena *arena, const kdb_table *table, size_t nversions);

/* One column of every type that columns may have. */
extern const fixture_column fixture_every_type[];
extern const size_t fixture_every_type_count;

static inline kdb_user_id fixture_user(const char *name)
{
    return (kdb_user_id){ kdb_sv_cstr(name) };
}

/* A value of the type, one in eight NULL if `nullable`. */
kdb_value fixture_value(fixture_random *random, kdb_type type, bool nullable, kdb_arena *arena);
/* The order that a user expects of two values of one type that may be keys: <0, 0, >0. */
int fixture_compare(const kdb_value *a, const kdb_value *b);

void fixture_commit(kdb_store *store, kdb_batch *batch);

#endif
