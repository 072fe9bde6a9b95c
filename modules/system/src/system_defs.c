/* system_defs.c - one row per table of `system` and `information_schema`, with its columns as catalog.md 1 and 2 list
 * them. Names, order and types are what clients see. */
#include "system_int.h"

#define TEXT KDB_TYPE_TEXT
#define JSON KDB_TYPE_JSON
#define INT KDB_TYPE_INT
#define SMALLINT KDB_TYPE_SMALLINT
#define BIGINT KDB_TYPE_BIGINT
#define BOOLEAN KDB_TYPE_BOOLEAN
#define TIMESTAMP KDB_TYPE_TIMESTAMP
/* not_null, key */
#define KEY true, true
#define NN true, false
#define MAY false, false

static const kdb_system_column namespace_columns[] = {
    { "namespace_id", TEXT, KEY }, { "name", TEXT, NN },       { "created_at", TIMESTAMP, NN },
    { "options", JSON, MAY },      { "table_count", INT, NN },
};

static const kdb_system_column table_columns[] = {
    { "namespace_id", TEXT, NN }, { "table_name", TEXT, NN },      { "table_type", TEXT, NN },
    { "storage_id", TEXT, MAY },  { "version", BIGINT, NN },       { "options", TEXT, MAY },
    { "comment", TEXT, MAY },     { "updated_at", TIMESTAMP, NN }, { "created_at", TIMESTAMP, NN },
};

static const kdb_system_column column_columns[] = {
    { "namespace_id", TEXT, NN }, { "table_name", TEXT, NN },     { "version", BIGINT, NN },
    { "column_id", BIGINT, NN },  { "column_name", TEXT, NN },    { "comment", TEXT, MAY },
    { "data_type", TEXT, NN },    { "default_value", TEXT, MAY }, { "ordinal", BIGINT, NN },
    { "nullable", BOOLEAN, NN },  { "primary_key", BOOLEAN, NN }, { "primary_key_pos", BIGINT, MAY },
};

static const kdb_system_column schema_columns[] = {
    { "table_id", TEXT, KEY },   { "table_name", TEXT, NN },           { "namespace_id", TEXT, NN },
    { "table_type", TEXT, NN },  { "created_at", TIMESTAMP, NN },      { "schema_version", INT, NN },
    { "columns", JSON, NN },     { "table_comment", TEXT, MAY },       { "updated_at", TIMESTAMP, NN },
    { "options", JSON, MAY },    { "access_level", TEXT, MAY },        { "is_latest", BOOLEAN, NN },
    { "storage_id", TEXT, MAY }, { "use_user_storage", BOOLEAN, MAY },
};

static const kdb_system_column user_columns[] = {
    { "user_id", TEXT, KEY },
    { "password_hash", TEXT, NN },
    { "role", TEXT, NN },
    { "email", TEXT, MAY },
    { "auth_type", TEXT, NN },
    { "auth_data", JSON, MAY },
    { "storage_mode", TEXT, NN },
    { "storage_id", TEXT, MAY },
    { "failed_login_attempts", INT, NN },
    { "locked_until", TIMESTAMP, MAY },
    { "last_login_at", TIMESTAMP, MAY },
    { "created_at", TIMESTAMP, NN },
    { "updated_at", TIMESTAMP, NN },
    { "last_seen", TIMESTAMP, MAY },
    { "deleted_at", TIMESTAMP, MAY },
};

static const kdb_system_column storage_columns[] = {
    { "storage_id", TEXT, KEY },     { "storage_name", TEXT, NN },           { "description", TEXT, MAY },
    { "storage_type", TEXT, NN },    { "base_directory", TEXT, NN },         { "credentials", JSON, MAY },
    { "config_json", JSON, MAY },    { "shared_tables_template", TEXT, NN }, { "user_tables_template", TEXT, NN },
    { "created_at", TIMESTAMP, NN }, { "updated_at", TIMESTAMP, NN },
};

static const kdb_system_column job_columns[] = {
    { "job_id", TEXT, KEY },          { "job_type", TEXT, NN },          { "status", TEXT, NN },
    { "leader_status", TEXT, MAY },   { "parameters", JSON, MAY },       { "message", TEXT, MAY },
    { "exception_trace", TEXT, MAY }, { "idempotency_key", TEXT, MAY },  { "queue", TEXT, MAY },
    { "priority", INT, MAY },         { "retry_count", SMALLINT, NN },   { "max_retries", SMALLINT, NN },
    { "memory_used", BIGINT, MAY },   { "cpu_used", BIGINT, MAY },       { "created_at", TIMESTAMP, NN },
    { "updated_at", TIMESTAMP, NN },  { "started_at", TIMESTAMP, MAY },  { "finished_at", TIMESTAMP, MAY },
    { "node_id", BIGINT, NN },        { "leader_node_id", BIGINT, MAY },
};

static const kdb_system_column live_columns[] = {
    { "live_id", TEXT, KEY },        { "connection_id", TEXT, NN },     { "subscription_id", TEXT, NN },
    { "namespace_id", TEXT, NN },    { "table_name", TEXT, NN },        { "user_id", TEXT, NN },
    { "query", TEXT, NN },           { "options", JSON, MAY },          { "status", TEXT, NN },
    { "created_at", TIMESTAMP, NN }, { "last_update", TIMESTAMP, NN },  { "changes", BIGINT, NN },
    { "node_id", BIGINT, NN },       { "last_ping_at", TIMESTAMP, NN },
};

static const kdb_system_column transaction_columns[] = {
    { "transaction_id", TEXT, NN },         { "owner_id", TEXT, NN },
    { "origin", TEXT, NN },                 { "state", TEXT, NN },
    { "age_ms", BIGINT, NN },               { "idle_ms", BIGINT, NN },
    { "write_count", BIGINT, NN },          { "write_bytes", BIGINT, NN },
    { "touched_tables_count", BIGINT, NN }, { "snapshot_commit_seq", BIGINT, NN },
};

static const kdb_system_column stat_columns[] = {
    { "metric_name", TEXT, NN },
    { "metric_value", TEXT, NN },
};

static const kdb_system_column setting_columns[] = {
    { "name", TEXT, NN },
    { "value", TEXT, NN },
    { "description", TEXT, NN },
    { "category", TEXT, NN },
};

static const kdb_system_column is_schemata_columns[] = {
    { "catalog_name", TEXT, NN },
    { "schema_name", TEXT, NN },
    { "schema_owner", TEXT, MAY },
    { "default_character_set_catalog", TEXT, MAY },
    { "default_character_set_schema", TEXT, MAY },
    { "default_character_set_name", TEXT, MAY },
    { "sql_path", TEXT, MAY },
};

static const kdb_system_column is_table_columns[] = {
    { "table_catalog", TEXT, NN },
    { "table_schema", TEXT, NN },
    { "table_name", TEXT, NN },
    { "table_type", TEXT, NN },
};

static const kdb_system_column is_view_columns[] = {
    { "table_catalog", TEXT, NN },
    { "table_schema", TEXT, NN },
    { "table_name", TEXT, NN },
    { "definition", TEXT, MAY },
};

static const kdb_system_column is_column_columns[] = {
    { "table_catalog", TEXT, NN },
    { "table_schema", TEXT, NN },
    { "table_name", TEXT, NN },
    { "column_name", TEXT, NN },
    { "ordinal_position", BIGINT, NN },
    { "column_default", TEXT, MAY },
    { "is_nullable", TEXT, NN },
    { "data_type", TEXT, NN },
    { "character_maximum_length", BIGINT, MAY },
    { "character_octet_length", BIGINT, MAY },
    { "numeric_precision", BIGINT, MAY },
    { "numeric_precision_radix", BIGINT, MAY },
    { "numeric_scale", BIGINT, MAY },
    { "datetime_precision", BIGINT, MAY },
    { "interval_type", TEXT, MAY },
};

#define COLUMNS(array) array, KDB_ARRAY_LEN(array)
#define SYSTEM(name, alias, columns, open, next, comment)                                                              \
    {                                                                                                                  \
        "system", name, alias, true, COLUMNS(columns), open, next, comment                                             \
    }
#define INFORMATION(name, columns, open, next, comment)                                                                \
    {                                                                                                                  \
        "information_schema", name, NULL, false, COLUMNS(columns), open, next, comment                                 \
    }

const kdb_system_table_def kdb_system_table_defs[] = {
    SYSTEM("namespaces", NULL, namespace_columns, kdbi_namespaces_open, kdbi_namespaces_next, "Namespaces."),
    SYSTEM("tables", NULL, table_columns, kdbi_open_tables, kdbi_tables_next, "Tables with their latest version."),
    SYSTEM("columns", NULL, column_columns, kdbi_open_tables, kdbi_columns_next,
           "Columns of each table's latest version."),
    SYSTEM("schemas", "table_schemas", schema_columns, kdbi_open_tables_and_views, kdbi_schemas_next,
           "Every version of every table, and the views."),
    SYSTEM("users", NULL, user_columns, kdbi_users_open, kdbi_users_next, "Users, the soft-deleted included."),
    SYSTEM("storages", "storage_locations", storage_columns, kdbi_storages_open, kdbi_storages_next,
           "Where cold files lie."),
    SYSTEM("jobs", NULL, job_columns, kdbi_jobs_open, kdbi_jobs_next, "Background jobs."),
    SYSTEM("live", "live_queries", live_columns, kdbi_live_open, kdbi_live_next, "Live queries that are running."),
    SYSTEM("transactions", NULL, transaction_columns, kdbi_transactions_open, kdbi_transactions_next,
           "Transactions that are open."),
    SYSTEM("stats", NULL, stat_columns, kdbi_stats_open, kdbi_stats_next, "Figures of the running server."),
    SYSTEM("settings", NULL, setting_columns, kdbi_settings_open, kdbi_settings_next,
           "Options with their values; secrets are masked."),
    INFORMATION("schemata", is_schemata_columns, kdbi_is_schemata_open, kdbi_is_schemata_next,
                "The namespaces that the reader may use."),
    INFORMATION("tables", is_table_columns, kdbi_is_tables_open, kdbi_is_tables_next,
                "The tables that the reader may use."),
    INFORMATION("views", is_view_columns, kdbi_is_views_open, kdbi_is_views_next,
                "The views; their text is for admins."),
    INFORMATION("columns", is_column_columns, kdbi_is_columns_open, kdbi_is_columns_next,
                "The columns of the tables that the reader may use."),
};
const size_t kdb_system_table_defs_count = KDB_ARRAY_LEN(kdb_system_table_defs);
