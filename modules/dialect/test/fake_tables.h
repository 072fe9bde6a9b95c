/* fake_tables.h - a binder with a few tables, for tests and the fuzzer: users and orders (no key: ordered by _seq) in
 * namespaces default and app, the stream events, and system.jobs. The engine's scan function is kdb_scan. */
#ifndef KDB_TEST_FAKE_TABLES_H
#define KDB_TEST_FAKE_TABLES_H

#include "kdb/dialect.h"

#define FIELD(field_name, field_kind)                                                                                  \
    {                                                                                                                  \
        KDB_SV(field_name),                                                                                            \
        {                                                                                                              \
            .kind = (field_kind)                                                                                       \
        }                                                                                                              \
    }
static const kdb_field users_fields[] = {
    FIELD("id", KDB_TYPE_BIGINT),        FIELD("name", KDB_TYPE_TEXT),
    FIELD("age", KDB_TYPE_INT),          { KDB_SV("price"), { .kind = KDB_TYPE_DECIMAL, .precision = 10, .scale = 2 } },
    FIELD("doc", KDB_TYPE_JSON),         FIELD("at", KDB_TYPE_TIMESTAMP),
    FIELD("uid", KDB_TYPE_UUID),         FIELD("ok", KDB_TYPE_BOOLEAN),
    FIELD("score", KDB_TYPE_DOUBLE),     FIELD("_seq", KDB_TYPE_BIGINT),
    FIELD("_deleted", KDB_TYPE_BOOLEAN),
};
static const kdb_field orders_fields[] = {
    FIELD("id", KDB_TYPE_BIGINT),   FIELD("user_id", KDB_TYPE_BIGINT),   FIELD("total", KDB_TYPE_DOUBLE),
    FIELD("_seq", KDB_TYPE_BIGINT), FIELD("_deleted", KDB_TYPE_BOOLEAN),
};
static const kdb_field events_fields[] = { FIELD("kind", KDB_TYPE_TEXT), FIELD("_seq", KDB_TYPE_BIGINT) };
static const kdb_field jobs_fields[] = { FIELD("job_id", KDB_TYPE_TEXT), FIELD("status", KDB_TYPE_TEXT) };
#undef FIELD

typedef struct fake_table {
    const char *ns; /* NULL: default and app */
    const char *name;
    kdb_bind_table table;
} fake_table;

static const fake_table fake_tables[] = {
    { NULL, "users", { .columns = users_fields, .ncolumns = KDB_ARRAY_LEN(users_fields), .has_seq = true } },
    { NULL,
      "orders",
      { .columns = orders_fields, .ncolumns = KDB_ARRAY_LEN(orders_fields), .has_seq = true, .order_by_seq = true } },
    { NULL,
      "events",
      { .columns = events_fields,
        .ncolumns = KDB_ARRAY_LEN(events_fields),
        .has_seq = true,
        .deleted_is_false = true } },
    { "system", "jobs", { .columns = jobs_fields, .ncolumns = KDB_ARRAY_LEN(jobs_fields) } },
};

static inline kdb_status fake_find_table(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out,
                                         kdb_err *err)
{
    (void)self;
    (void)dml_target;
    const kdb_sv ns = name->ns.len == 0 ? KDB_SV("default") : name->ns;
    for (size_t i = 0; i < KDB_ARRAY_LEN(fake_tables); i++) {
        const fake_table *fake = &fake_tables[i];
        const bool here = fake->ns == NULL ? kdb_sv_eq(ns, KDB_SV("default")) || kdb_sv_eq(ns, KDB_SV("app"))
                                           : kdb_sv_eq(ns, kdb_sv_cstr(fake->ns));
        if (here && kdb_sv_eq(name->name, kdb_sv_cstr(fake->name))) {
            *out = fake->table;
            out->handle = (void *)(uintptr_t)fake->name;
            return KDB_OK;
        }
    }
    return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'", KDB_SV_ARG(name->name),
                    KDB_SV_ARG(ns));
}

static const kdb_binder fake_binder = { .self = NULL, .scan_function = "kdb_scan", .table = fake_find_table };

#endif
