/* registry_int.h - what the files of registry share: the registry's fields, the bytes of its records, and the staged
 * forms of namespaces. */
#ifndef KDB_REGISTRY_INT_H
#define KDB_REGISTRY_INT_H

#include "kdb/record.h"
#include "kdb/registry.h"

enum {
    KDBI_NAME_MAX = 64,       /* bytes of a namespace, table or column name (sql.md 3) */
    KDBI_COLUMNS_MAX = 1000,  /* columns of one table */
    KDBI_FIRST_TABLE_ID = 16, /* smaller ids are the fixed partitions' */
    KDBI_RECORD_FORMAT = 1,   /* first byte of every record but */
    KDBI_SCHEMA_FORMAT = 2, /* those of schema versions, which are of format 1 if no column has an initial value, and */
    KDBI_POLICY_FORMAT = 2, /* those of tables with policies, and */
    KDBI_STORAGE_FORMAT = 2, /* those of storages with a configuration or credentials */
    KDBI_MAP_KEY_MAX = 2 * KDBI_NAME_MAX + 1
};

/* A namespace with its strings behind it, in one heap block. */
typedef struct kdbi_namespace {
    kdb_namespace pub;
    char text[];
} kdbi_namespace;

/* A storage in an arena of its own. */
typedef struct kdbi_storage {
    kdb_storage pub;
    kdb_sv sealed; /* its credentials; empty: none */
    kdb_arena *arena;
} kdbi_storage;

struct kdb_registry {
    kdb_store *store; /* fixed after open */
    atomic_uint_fast64_t epoch;
    kdb_mutex lock;       /* rank KDB_LOCK_REGISTRY: nothing is locked while this is held */
    kdb_map *namespaces;  /* guarded by lock: name -> kdbi_namespace, owned */
    kdb_map *tables;      /* guarded by lock: ns NUL name -> kdb_table, one reference each */
    kdb_map *views;       /* guarded by lock: ns NUL name -> kdb_view, one reference each */
    kdb_map *storages;    /* guarded by lock: id -> kdbi_storage, owned */
    const kdb_seal *seal; /* fixed after open, as the next three; not the registry's */
    kdb_arena *arena;
    kdb_sv shared_template, user_template; /* in `arena`: of storages that name none */
    kdb_map *staged;                       /* DDL gate: name -> kdbi_namespace, owned, staged and not yet published */
    uint32_t next_table_id;                /* DDL gate: rises with every stage, so that a failed commit skips an id */
};

/* ---- values in records (registry_record.c) ---- */

/* A value of the type that the reader and the writer both know. */
void kdbi_registry_write_value(kdb_buf *buf, const kdb_value *value);
kdb_value kdbi_registry_read_value(kdb_record_reader *reader, kdb_type type, kdb_arena *arena);

/* ---- tables ---- */

/* One row per table type, access level and default: its code on disk (never reused) and its name. */
typedef struct kdbi_code_def {
    uint8_t code;
    const char *name;
} kdbi_code_def;
extern const kdbi_code_def kdbi_table_type_defs[KDB_TABLE_SYSTEM + 1];
extern const kdbi_code_def kdbi_access_level_defs[KDB_ACCESS_DBA + 1];
extern const kdbi_code_def kdbi_default_defs[KDB_DEFAULT_CURRENT_USER + 1];

/* A table in an arena of its own, with one reference. */
kdb_table *kdbi_table_new(void);
/* Puts the schemas in place: `versions` lies in the table's arena. */
void kdbi_table_set_versions(kdb_table *table, const kdb_schema *versions, size_t nversions);
/* A column as CREATE TABLE and ALTER TABLE .. ADD describe it; what it holds lies in `arena`. */
KDB_NODISCARD kdb_status kdbi_column_fill(const kdb_column_spec *spec, uint32_t id, kdb_arena *arena, kdb_column *out,
                                          kdb_err *err);
/* Puts the table's own record and that of its latest version into the batch. */
void kdbi_table_stage(const kdb_table *table, kdb_batch *batch);
bool kdbi_table_is_key(const kdb_table *table, uint32_t column_id);
/* The table's next version, as yet the same as the one before. */
KDB_NODISCARD kdb_status kdbi_table_next_version(const kdb_table *table, kdb_table **out, kdb_err *err);

/* ---- policies (table_policy.c) ---- */

/* Copies into the table's arena, sorted by name. */
void kdbi_table_set_policies(kdb_table *table, const kdb_policy *policies, size_t npolicies);
/* The policy that names the column, or NULL. */
const kdb_policy *kdbi_policy_using(const kdb_table *table, uint32_t column_id);
void kdbi_policies_write(const kdb_table *table, kdb_buf *out);
void kdbi_policies_read(kdb_record_reader *reader, kdb_table *table);

/* The key of registry->tables and ->views, `ns` NUL `name`; an empty view when either is too long to exist. */
kdb_sv kdbi_registry_map_key(kdb_sv ns, kdb_sv name, char buf[KDBI_MAP_KEY_MAX]);

/* ---- pieces of records that tables and views share (table_record.c) ---- */

void kdbi_registry_read_format(kdb_record_reader *reader);
void kdbi_registry_write_type(kdb_buf *out, kdb_type type);
/* A type that a column can have. */
kdb_type kdbi_registry_read_type(kdb_record_reader *reader);

/* ---- views (view.c, view_record.c, registry_view.c) ---- */

/* Whether a table or view (`what`) may be made there: names, the namespace, and no table of that name. */
KDB_NODISCARD kdb_status kdbi_registry_check_place(kdb_registry *registry, const char *what, kdb_sv ns, kdb_sv name,
                                                   kdb_err *err);
/* A view in an arena of its own, with one reference. */
kdb_view *kdbi_view_new(void);
void kdbi_view_encode(const kdb_view *view, kdb_buf *out);
/* The names come from the record's key. */
KDB_NODISCARD kdb_status kdbi_view_decode(kdb_sv bytes, kdb_view *view, kdb_err *err);
/* Loads all views into registry->views, after the tables. Only at open. */
KDB_NODISCARD kdb_status kdbi_registry_load_views(kdb_registry *registry, kdb_err *err);
size_t kdbi_registry_count_views(kdb_registry *registry, kdb_sv ns);
/* KDB_INVALID_OPERATION when a view of another namespace reads something in `ns`. */
KDB_NODISCARD kdb_status kdbi_registry_check_used_from_outside(kdb_registry *registry, kdb_sv ns, kdb_err *err);

/* ---- records of tables (table_record.c): key = u32be table id | u32be version; version 0 is the table's own ---- */

void kdbi_table_record_key(uint32_t table_id, uint32_t version, char out[8]);
void kdbi_table_encode(const kdb_table *table, kdb_buf *out);
void kdbi_schema_encode(const kdb_schema *schema, kdb_buf *out);
/* What the table's own record says of its schemas, which come in records of their own. */
typedef struct kdbi_table_header {
    uint32_t nversions;
    uint32_t nkey;
    uint32_t *key_ids; /* column ids in key order */
} kdbi_table_header;
KDB_NODISCARD kdb_status kdbi_table_decode(kdb_sv bytes, kdb_table *table, kdbi_table_header *out, kdb_err *err);
/* Into `arena`, with copies of all strings. */
KDB_NODISCARD kdb_status kdbi_schema_decode(kdb_sv bytes, uint32_t version, kdb_arena *arena, kdb_schema *out,
                                            kdb_err *err);
/* Turns key_ids into table->key; KDB_CORRUPT when one is no NOT NULL column of the latest schema. */
KDB_NODISCARD kdb_status kdbi_table_resolve_key(kdb_table *table, const kdbi_table_header *header, kdb_err *err);

/* Loads all tables into registry->tables. Only at open. */
KDB_NODISCARD kdb_status kdbi_registry_load_tables(kdb_registry *registry, kdb_err *err);

/* ---- namespaces ---- */

kdbi_namespace *kdbi_namespace_new(kdb_sv name, int64_t created_us, kdb_sv options_json);
void kdbi_namespace_encode(const kdb_namespace *ns, kdb_buf *out);
void kdbi_namespace_stage(const kdb_namespace *ns, kdb_batch *batch);
KDB_NODISCARD kdb_status kdbi_namespace_decode(kdb_sv name, kdb_sv bytes, kdbi_namespace **out, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_registry_load_namespaces(kdb_registry *registry, kdb_err *err);
/* KDB_NAMESPACE_NOT_FOUND with the nearest name. */
KDB_NODISCARD kdb_status kdbi_registry_no_namespace(kdb_registry *registry, kdb_sv name, kdb_err *err);

/* ---- storages (registry_storage.c, storage_record.c, storage_draft.c) ---- */

/* A copy of both. */
kdbi_storage *kdbi_storage_new(const kdb_storage *storage, kdb_sv sealed);
void kdbi_storage_free(kdbi_storage *storage);
/* A copy of the storage's definition in `arena`; false when there is none. `sealed` may be NULL. */
bool kdbi_registry_copy_storage(kdb_registry *registry, kdb_sv id, kdb_arena *arena, kdb_storage *out, kdb_sv *sealed);
void kdbi_storage_encode(const kdb_storage *storage, kdb_sv sealed, kdb_buf *out);
void kdbi_storage_stage(const kdb_storage *storage, kdb_sv sealed, kdb_batch *batch);
/* Views borrow from `id` and `bytes`. */
KDB_NODISCARD kdb_status kdbi_storage_decode(kdb_sv id, kdb_sv bytes, kdb_storage *out, kdb_sv *sealed, kdb_err *err);
/* Credentials as they are kept, and back. Empty stays empty. KDB_CORRUPT names the storage. */
kdb_sv kdbi_storage_seal(const kdb_registry *registry, kdb_sv id, kdb_sv plain, kdb_arena *arena);
KDB_NODISCARD kdb_status kdbi_storage_unseal(const kdb_registry *registry, kdb_sv id, kdb_sv sealed, kdb_arena *arena,
                                             kdb_sv *out, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_registry_load_storages(kdb_registry *registry, kdb_err *err);

/* ---- names ---- */

/* `_seq` and the other names that columns cannot have (sql.md 3). */
bool kdbi_is_system_column(kdb_sv name);
/* How far a name may be from `name` and still be offered as what was meant. */
size_t kdbi_nearness(kdb_sv name);
/* Puts `next_table_id` of the registry into the batch. */
void kdbi_registry_stage_counter(const kdb_registry *registry, kdb_batch *batch);

#endif
