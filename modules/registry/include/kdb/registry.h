/* registry.h - the catalog: namespaces, tables with every schema version, storages. In memory for reading, in the
 * store's meta family for keeping. Any thread reads; DDL is serialised by the caller (core's DDL gate) and goes
 * stage (into a batch) -> commit -> publish (memory, cannot fail). */
#ifndef KDB_REGISTRY_H
#define KDB_REGISTRY_H

#include <stdatomic.h>

#include "kdb/dialect.h"
#include "kdb/objects.h"
#include "kdb/seal.h"
#include "kdb/store.h"

typedef struct kdb_column {
    uint32_t id; /* from 1, never reused within the table */
    kdb_sv name; /* lower case */
    kdb_type type;
    bool not_null; /* key columns always */
    kdb_default_kind default_kind;
    kdb_value default_literal; /* of the column's type */
    bool has_initial;          /* rows of versions before the column read `initial` instead of NULL: it was added
                                * NOT NULL with a literal default */
    kdb_value initial;         /* of the column's type, not NULL */
} kdb_column;

/* One version of a table's columns. Row bytes name the version they were written with. */
typedef struct kdb_schema {
    uint32_t version; /* from 1 */
    size_t ncolumns;
    const kdb_column *columns; /* in ordinal order */
} kdb_schema;

/* Which rows of a SHARED table roles may read and write. */
typedef struct kdb_policy {
    kdb_sv name;
    bool restrictive; /* rows must pass it besides others; else it lets rows pass */
    kdb_policy_command command;
    unsigned roles;    /* KDB_POLICY_TO_ bits */
    kdb_sv using_rows; /* the conditions' texts; empty: none */
    kdb_sv check_rows;
    const uint32_t *column_ids; /* of the columns that they name */
    size_t ncolumn_ids;
} kdb_policy;

enum { KDB_POLICIES_MAX = 64 }; /* of one table */

/* What a write that comes to a table meets. */
typedef enum kdb_table_state {
    KDB_TABLE_OPEN,
    KDB_TABLE_ALTERING, /* ALTER TABLE keeps writes out until it is decided what becomes of the table: they wait */
    KDB_TABLE_REPLACED, /* by its own next version: a write begins again with that */
    KDB_TABLE_DROPPED   /* set by whoever drops it, before its rows go, and taken back if that fails: writers fail with
                         * KDB_TABLE_NOT_FOUND */
} kdb_table_state;

/* Immutable once published, but for the atomics: ALTER TABLE publishes another one with the same id. */
typedef struct kdb_table {
    atomic_uint refs;
    uint32_t id; /* never reused; the partition's prefix */
    kdb_sv ns;
    kdb_sv name;
    kdb_table_type type;
    size_t nversions;
    const kdb_schema *versions; /* by version - 1 */
    const kdb_schema *schema;   /* the latest */
    size_t nkey;                /* 0: hidden row id */
    const uint32_t *key;        /* indexes into schema->columns, in key order */
    kdb_access_level access;    /* SHARED */
    size_t npolicies;           /* SHARED: with any, they decide who reads and writes which row */
    const kdb_policy *policies; /* by name */
    kdb_sv storage_id;
    bool use_user_storage;
    int64_t flush_rows, flush_interval_s;
    int64_t ttl_seconds;
    int64_t deleted_retention_hours; /* -1: server default */
    kdb_sv compression;
    kdb_sv eviction_strategy;
    int64_t max_stream_bytes;
    int64_t created_us, updated_us;
    atomic_int state;    /* a kdb_table_state */
    atomic_uint writers; /* statements between their check of `state` and the end of their commit */
    kdb_arena *arena;    /* everything above lies here; the registry's */
} kdb_table;

kdb_table *kdb_table_ref(kdb_table *table);
void kdb_table_unref(kdb_table *table); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_table, kdb_table_unref)
/* Brackets the part of a write that must not outlive the table as it is; false when its state is not OPEN. */
KDB_NODISCARD bool kdb_table_write_enter(kdb_table *table);
void kdb_table_write_leave(kdb_table *table);
kdb_table_state kdb_table_state_of(const kdb_table *table);
/* Family hot or stream, prefix = id. */
kdb_partition kdb_table_partition(const kdb_table *table);
/* The `seq` family's partition of the table. */
kdb_partition kdb_table_seq_partition(const kdb_table *table);
/* Index in schema->columns, any letter case; -1 when there is none. */
int kdb_schema_column(const kdb_schema *schema, kdb_sv name);
/* The column name nearest to `name`, or an empty view when none is near. */
kdb_sv kdb_schema_nearest(const kdb_schema *schema, kdb_sv name);
const char *kdb_table_type_name(kdb_table_type type);       /* "user" */
const char *kdb_access_level_name(kdb_access_level level);  /* "private" */
const char *kdb_access_level_title(kdb_access_level level); /* "Private": as in denials */
/* system.schemas' JSON of a version's columns, and of the table's options (catalog.md 1). */
void kdb_table_columns_json(const kdb_table *table, const kdb_schema *schema, kdb_buf *out);
void kdb_table_options_json(const kdb_table *table, kdb_buf *out);
/* A column's default as text: "NOW()", "'x'", "1"; empty when none. */
kdb_sv kdb_column_default_text(const kdb_column *column, kdb_arena *arena);

/* A column of a view. */
typedef struct kdb_view_column {
    kdb_sv name;   /* as the view shows it, lower case unless quoted */
    kdb_sv source; /* what its query calls it; the query may have come to yield more columns since */
    kdb_type type; /* when the view was made; it stays, because nobody may change a column that a view reads */
} kdb_view_column;

/* A table or view that a view's query names itself, with the columns that it reads. */
typedef struct kdb_view_use {
    kdb_sv ns, name;
    const kdb_sv *columns;
    size_t ncolumns;
} kdb_view_use;

/* A named query. Immutable once published. */
typedef struct kdb_view {
    atomic_uint refs;
    kdb_sv ns;
    kdb_sv name;
    kdb_sv query; /* a SELECT; its unqualified names are of namespace `ns` */
    const kdb_view_column *columns;
    size_t ncolumns;
    const kdb_view_use *uses;
    size_t nuses;
    int64_t created_us, updated_us;
    kdb_arena *arena; /* everything above lies here */
} kdb_view;

enum { KDB_VIEW_QUERY_MAX = 65536 }; /* bytes of a view's query */

kdb_view *kdb_view_ref(kdb_view *view);
void kdb_view_unref(kdb_view *view); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_view, kdb_view_unref)
/* system.schemas' JSON of the columns. */
void kdb_view_columns_json(const kdb_view *view, kdb_buf *out);

typedef struct kdb_namespace {
    kdb_sv name;
    int64_t created_us;
    kdb_sv options_json;
    uint32_t table_count;
} kdb_namespace;

/* Where cold files lie. */
typedef struct kdb_storage {
    kdb_sv id, name, description, type, base_directory;
    kdb_sv shared_template, user_template; /* checked */
    kdb_sv config_json;                    /* an object; empty: none */
    kdb_sv credentials; /* an object whose values are "***": all that is ever shown; empty: there are none */
    int64_t created_us, updated_us;
} kdb_storage;

typedef struct kdb_registry kdb_registry;

typedef struct kdb_registry_options {
    kdb_sv shared_template, user_template; /* of storages that name none; of `local` on a new store */
    const kdb_seal *seal;                  /* of storages' credentials; outlives the registry */
} kdb_registry_options;
/* Loads the catalog; on a new store creates namespaces `default` and `dba` and storage `local`. */
KDB_NODISCARD kdb_status kdb_registry_open(kdb_store *store, const kdb_registry_options *options, kdb_registry **out,
                                           kdb_err *err);
void kdb_registry_close(kdb_registry *registry); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_registry, kdb_registry_close)

/* Rises with every published change: a plan bound under one epoch may be used as long as it is the same. */
uint64_t kdb_registry_epoch(const kdb_registry *registry);

/* sql.md 3 and its texts. */
KDB_NODISCARD kdb_status kdb_registry_check_name(kdb_sv name, kdb_err *err);
KDB_NODISCARD kdb_status kdb_registry_check_namespace_name(kdb_sv name, kdb_err *err);
KDB_NODISCARD kdb_status kdb_registry_check_column_name(kdb_sv name, kdb_err *err);
/* Of a storage (catalog.md 3); letters, digits, '_', '-' and '.' only, for it names a folder. */
KDB_NODISCARD kdb_status kdb_registry_check_storage_id(kdb_sv id, kdb_err *err);
/* system, information_schema, pg_catalog, datafusion. */
bool kdb_registry_is_protected(kdb_sv ns);

/* A reference the caller drops. KDB_NAMESPACE_NOT_FOUND; KDB_TABLE_NOT_FOUND `Table 't' not found in namespace 'ns'`
 * with the nearest name when one is near. */
KDB_NODISCARD kdb_status kdb_registry_find_table(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_table **out,
                                                 kdb_err *err);
kdb_table *kdb_registry_lookup_table(kdb_registry *registry, kdb_sv ns, kdb_sv name); /* a reference, or NULL */
bool kdb_registry_has_namespace(kdb_registry *registry, kdb_sv ns);
bool kdb_registry_has_storage(kdb_registry *registry, kdb_sv id);

/* Sorted snapshots in `arena`; each table of *out carries a reference: drop them with _release. */
void kdb_registry_list_tables(kdb_registry *registry, kdb_arena *arena, kdb_table ***out, size_t *count);
void kdb_registry_release_tables(kdb_table **tables, size_t count);
void kdb_registry_list_namespaces(kdb_registry *registry, kdb_arena *arena, kdb_namespace **out, size_t *count);
void kdb_registry_list_storages(kdb_registry *registry, kdb_arena *arena, kdb_storage **out, size_t *count);

/* DDL. Each _stage checks and adds to `batch`; after the commit the matching _publish. Caller holds the DDL gate. */
KDB_NODISCARD kdb_status kdb_registry_stage_create_namespace(kdb_registry *registry, kdb_sv name, kdb_batch *batch,
                                                             kdb_err *err);
void kdb_registry_publish_create_namespace(kdb_registry *registry, kdb_sv name);
/* Merges options into the namespace's. KDB_LIMIT when they become too long. */
KDB_NODISCARD kdb_status kdb_registry_stage_alter_namespace(kdb_registry *registry, const kdb_alter_namespace *alter,
                                                            kdb_batch *batch, kdb_err *err);
void kdb_registry_publish_alter_namespace(kdb_registry *registry, kdb_sv name);
/* KDB_INVALID_OPERATION when protected, `default`, or not empty (with the count). Tables in state DROPPED do not count:
 * CASCADE marks its tables, stages their drops and this one in one batch, commits, then publishes them in that order.
 * `cascade` says so: views do not count either, but none elsewhere may read what goes. */
KDB_NODISCARD kdb_status kdb_registry_stage_drop_namespace(kdb_registry *registry, kdb_sv name, bool cascade,
                                                           kdb_batch *batch, kdb_err *err);
void kdb_registry_publish_drop_namespace(kdb_registry *registry, kdb_sv name);
/* Checks names, key types, defaults against types (literals are coerced), storage. *out is an unpublished table. */
KDB_NODISCARD kdb_status kdb_registry_stage_create_table(kdb_registry *registry, const kdb_create_table *spec,
                                                         kdb_sv ns, kdb_batch *batch, kdb_table **out, kdb_err *err);
void kdb_registry_publish_create_table(kdb_registry *registry, kdb_table *table /* taken */);
/* Removes the definition in `batch` (not the rows: the caller deletes the partitions' ranges in the same batch). */
KDB_NODISCARD kdb_status kdb_registry_stage_drop_table(kdb_registry *registry, kdb_table *table, kdb_batch *batch,
                                                       kdb_err *err);
void kdb_registry_publish_drop_table(kdb_registry *registry, kdb_table *table);

/* What must be so of a table's rows before an alteration may be committed; the registry knows no rows. */
typedef enum kdb_alter_need {
    KDB_ALTER_NEEDS_NOTHING,
    KDB_ALTER_NEEDS_NO_ROWS,  /* a NOT NULL column without a value for them is added */
    KDB_ALTER_NEEDS_NO_NULLS, /* in `column` */
    KDB_ALTER_NEEDS_UTF8      /* the BYTES in `column`, of deleted rows too: it becomes TEXT */
} kdb_alter_need;
typedef struct kdb_alteration {
    kdb_table *table; /* the next version, unpublished, the caller's; NULL: the statement changes nothing */
    kdb_alter_need need;
    bool no_nulls; /* besides UTF8: no NULL in `column` either */
    size_t column; /* NO_NULLS, UTF8: index in the present schema */
} kdb_alteration;
/* Checks the statement against the table (sql.md 8 ALTER TABLE) and makes its next version. */
KDB_NODISCARD kdb_status kdb_registry_stage_alter_table(kdb_registry *registry, kdb_table *table,
                                                        const kdb_alter_table *spec, kdb_batch *batch,
                                                        kdb_alteration *out, kdb_err *err);
/* Puts the next version in the table's place. The caller has drained the writers of the one before and keeps them out
 * until afterwards, so that no row of the new version is there before everybody can find it. */
void kdb_registry_publish_alter_table(kdb_registry *registry, kdb_table *table /* taken */);
/* Makes the table's next version, which differs in its policies only: `policies` are copied and sorted. *out is for the caller
 * to publish as an altered table's. KDB_LIMIT beyond KDB_POLICIES_MAX. */
KDB_NODISCARD kdb_status kdb_registry_stage_policies(kdb_table *table, const kdb_policy *policies, size_t npolicies,
                                                     kdb_batch *batch, kdb_table **out, kdb_err *err);
/* NULL when the table has none of that name. */
const kdb_policy *kdb_table_policy(const kdb_table *table, kdb_sv name);
/* What ALTER TABLE's answers call the operation: "ADD COLUMN age INT". */
kdb_sv kdb_alter_table_text(const kdb_alter_table *spec, kdb_arena *arena);

/* ---- storages ---- */

/* A storage as CREATE or ALTER STORAGE would make it: checked as far as that can be done without trying it. */
typedef struct kdb_storage_draft {
    kdb_storage storage;
    kdb_sv credentials_json; /* plain; empty: none. Never logged */
    bool is_new;
    int64_t made_of_us; /* ALTER: updated_us of what it changes */
    kdb_sv sealed;      /* set by _stage_storage: the credentials as they are kept */
} kdb_storage_draft;

/* Checks what CREATE STORAGE says (sql.md 17) and makes a draft of it in `arena`; borrows from `spec`. KDB_INVALID_OPERATION with the
 * place. */
KDB_NODISCARD kdb_status kdb_registry_draft_storage(kdb_registry *registry, const kdb_storage_stmt *spec,
                                                    kdb_arena *arena, kdb_storage_draft *out, kdb_err *err);
/* The same for ALTER STORAGE: the storage as it is with what the statement changes. KDB_CORRUPT when its credentials cannot be
 * opened and the statement brings no others. */
KDB_NODISCARD kdb_status kdb_registry_draft_altered_storage(kdb_registry *registry, const kdb_storage_stmt *spec,
                                                            kdb_arena *arena, kdb_storage_draft *out, kdb_err *err);
/* Opens the storage of a draft, to try it: not yet among `stores`. Who gives up one that is_new then disowns it. Waits for the
 * disk. */
KDB_NODISCARD kdb_status kdb_registry_open_draft(const kdb_storage_draft *draft, kdb_object_stores *stores,
                                                 kdb_objects **out, kdb_err *err);
/* With the DDL gate held. KDB_CONFLICT when the storage is not what the draft was made of any more; KDB_INVALID_OPERATION when
 * another storage has its files in the same bucket, there or below or above. */
KDB_NODISCARD kdb_status kdb_registry_stage_storage(kdb_registry *registry, kdb_storage_draft *draft, kdb_arena *arena,
                                                    kdb_batch *batch, kdb_err *err);
void kdb_registry_publish_storage(kdb_registry *registry, const kdb_storage_draft *draft);
/* KDB_INVALID_OPERATION when there is no such storage, when it is `local`, or with the count of the tables that use it. */
KDB_NODISCARD kdb_status kdb_registry_stage_drop_storage(kdb_registry *registry, kdb_sv id, kdb_batch *batch,
                                                         kdb_err *err);
void kdb_registry_publish_drop_storage(kdb_registry *registry, kdb_sv id);

/* Opens a storage by its definition and puts it among `stores`: their `open`, with the registry as `self`. KDB_NOT_FOUND
 * `Storage 'x' not found`; a failure to open names it. */
kdb_status kdb_registry_open_objects(void *registry, kdb_object_stores *stores, kdb_sv id, kdb_objects **out,
                                     kdb_err *err);

/* ---- views: tables and views of a namespace share their names ---- */

kdb_view *kdb_registry_lookup_view(kdb_registry *registry, kdb_sv ns, kdb_sv name); /* a reference, or NULL */
/* A sorted snapshot in `arena`; each carries a reference: drop them with _release. */
void kdb_registry_list_views(kdb_registry *registry, kdb_arena *arena, kdb_view ***out, size_t *count);
void kdb_registry_release_views(kdb_view **views, size_t count);
/* The views (five at most) that read the table or view ns.name, as "'app.v', 'app.w'" in `arena`; empty: none do. `column`
 * narrows it to those that read that column; empty: any. For the messages of whoever would take it away from them. */
kdb_sv kdb_registry_views_using(kdb_registry *registry, kdb_sv ns, kdb_sv name, kdb_sv column, kdb_arena *arena);

/* What CREATE VIEW asks for; all borrowed for the call. */
typedef struct kdb_view_spec {
    kdb_sv ns, name, query;
    const kdb_view_column *columns;
    size_t ncolumns;
    const kdb_view_use *uses;
    size_t nuses;
} kdb_view_spec;
/* Checks names, that no table has the name, and, for a view that replaces one, that it does not come to read itself and
 * that the views that read it keep their columns. KDB_ALREADY_EXISTS unless `replace`. *out is an unpublished view. */
KDB_NODISCARD kdb_status kdb_registry_stage_create_view(kdb_registry *registry, const kdb_view_spec *spec, bool replace,
                                                        kdb_batch *batch, kdb_view **out, kdb_err *err);
void kdb_registry_publish_create_view(kdb_registry *registry, kdb_view *view /* taken */);
/* KDB_INVALID_OPERATION when another view reads it, unless `cascade`: its namespace goes with all that is in it. */
KDB_NODISCARD kdb_status kdb_registry_stage_drop_view(kdb_registry *registry, kdb_view *view, bool cascade,
                                                      kdb_batch *batch, kdb_err *err);
void kdb_registry_publish_drop_view(kdb_registry *registry, kdb_view *view);

#endif
