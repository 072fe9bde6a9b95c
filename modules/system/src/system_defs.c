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
#define FLOAT KDB_TYPE_FLOAT
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

static const kdb_system_column policy_columns[] = {
    { "namespace_id", TEXT, NN }, { "table_name", TEXT, NN }, { "policy_name", TEXT, NN }, { "permissive", TEXT, NN },
    { "roles", TEXT, NN },        { "command", TEXT, NN },    { "using_expr", TEXT, MAY }, { "check_expr", TEXT, MAY },
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
    { "transaction_id", TEXT, NN },
    { "owner_id", TEXT, NN },
    { "origin", TEXT, NN },
    { "state", TEXT, NN },
    { "age_ms", BIGINT, NN },
    { "idle_ms", BIGINT, NN },
    { "write_count", BIGINT, NN },
    { "write_bytes", BIGINT, NN },
    { "touched_tables_count", BIGINT, NN },
    { "snapshot_commit_seq", BIGINT, NN },
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

static const kdb_system_column is_constraint_columns[] = {
    { "constraint_catalog", TEXT, NN }, { "constraint_schema", TEXT, NN }, { "constraint_name", TEXT, NN },
    { "table_catalog", TEXT, NN },      { "table_schema", TEXT, NN },      { "table_name", TEXT, NN },
    { "constraint_type", TEXT, NN },    { "is_deferrable", TEXT, NN },     { "initially_deferred", TEXT, NN },
};

static const kdb_system_column is_key_column_columns[] = {
    { "constraint_catalog", TEXT, NN },
    { "constraint_schema", TEXT, NN },
    { "constraint_name", TEXT, NN },
    { "table_catalog", TEXT, NN },
    { "table_schema", TEXT, NN },
    { "table_name", TEXT, NN },
    { "column_name", TEXT, NN },
    { "ordinal_position", BIGINT, NN },
    { "position_in_unique_constraint", BIGINT, MAY },
};

static const kdb_system_column describe_columns[] = {
    { "column_name", TEXT, NN },     { "ordinal_position", INT, NN }, { "column_id", BIGINT, NN },
    { "data_type", TEXT, NN },       { "is_nullable", BOOLEAN, NN },  { "is_primary_key", BOOLEAN, NN },
    { "column_default", TEXT, MAY }, { "column_comment", TEXT, MAY }, { "schema_version", INT, NN },
};

static const kdb_system_column job_node_columns[] = {
    { "job_id", TEXT, KEY },           { "node_id", BIGINT, KEY },      { "status", TEXT, NN },
    { "error_message", TEXT, MAY },    { "created_at", TIMESTAMP, NN }, { "started_at", TIMESTAMP, MAY },
    { "finished_at", TIMESTAMP, MAY }, { "updated_at", TIMESTAMP, NN },
};

static const kdb_system_column audit_columns[] = {
    { "audit_id", TEXT, KEY },   { "timestamp", TIMESTAMP, NN },   { "actor_user_id", TEXT, NN },
    { "action", TEXT, NN },      { "target", TEXT, NN },           { "details", TEXT, MAY },
    { "ip_address", TEXT, MAY }, { "subject_user_id", TEXT, MAY },
};

static const kdb_system_column topic_columns[] = {
    { "topic_id", TEXT, KEY },
    { "name", TEXT, NN },
    { "alias", TEXT, MAY },
    { "partitions", INT, NN },
    { "retention_seconds", BIGINT, MAY },
    { "retention_max_bytes", BIGINT, MAY },
    { "routes", JSON, NN },
    { "created_at", TIMESTAMP, NN },
    { "updated_at", TIMESTAMP, NN },
};

static const kdb_system_column topic_offset_columns[] = {
    { "topic_id", TEXT, KEY },           { "group_id", TEXT, KEY },       { "partition_id", INT, KEY },
    { "last_acked_offset", BIGINT, NN }, { "updated_at", TIMESTAMP, NN },
};

static const kdb_system_column manifest_columns[] = {
    { "cache_key", TEXT, KEY },
    { "namespace_id", TEXT, NN },
    { "table_name", TEXT, NN },
    { "scope", TEXT, NN },
    { "etag", TEXT, MAY },
    { "last_refreshed", TIMESTAMP, NN },
    { "last_accessed", TIMESTAMP, NN },
    { "in_memory", BOOLEAN, NN },
    { "sync_state", TEXT, NN },
    { "manifest_json", JSON, NN },
};

static const kdb_system_column session_columns[] = {
    { "session_id", TEXT, NN },
    { "backend_pid", BIGINT, MAY },
    { "current_schema", TEXT, MAY },
    { "state", TEXT, NN },
    { "transaction_id", TEXT, MAY },
    { "transaction_state", TEXT, MAY },
    { "transaction_has_writes", BOOLEAN, NN },
    { "client_addr", TEXT, MAY },
    { "transport", TEXT, NN },
    { "opened_at", TIMESTAMP, NN },
    { "last_seen_at", TIMESTAMP, NN },
    { "last_method", TEXT, MAY },
};

static const kdb_system_column server_log_columns[] = {
    { "timestamp", TEXT, NN }, { "level", TEXT, NN },   { "thread", TEXT, MAY },
    { "target", TEXT, MAY },   { "line", BIGINT, MAY }, { "message", TEXT, NN },
};

static const kdb_system_column cluster_columns[] = {
    { "cluster_id", TEXT, NN },
    { "node_id", BIGINT, NN },
    { "role", TEXT, NN },
    { "status", TEXT, NN },
    { "rpc_addr", TEXT, NN },
    { "api_addr", TEXT, NN },
    { "is_self", BOOLEAN, NN },
    { "is_leader", BOOLEAN, NN },
    { "groups_leading", INT, NN },
    { "total_groups", INT, NN },
    { "current_term", BIGINT, MAY },
    { "last_applied_log", BIGINT, MAY },
    { "leader_last_log_index", BIGINT, MAY },
    { "snapshot_index", BIGINT, MAY },
    { "catchup_progress_pct", SMALLINT, MAY },
    { "replication_lag", BIGINT, MAY },
    { "hostname", TEXT, MAY },
    { "version", TEXT, MAY },
    { "memory_mb", BIGINT, MAY },
    { "memory_usage_mb", BIGINT, MAY },
    { "cpu_usage_percent", FLOAT, MAY },
    { "uptime_seconds", BIGINT, MAY },
    { "uptime_human", TEXT, MAY },
    { "os", TEXT, MAY },
    { "arch", TEXT, MAY },
};

static const kdb_system_column cluster_group_columns[] = {
    { "group_id", BIGINT, NN },        { "cluster_id", TEXT, NN },
    { "node_id", BIGINT, NN },         { "group_type", TEXT, NN },
    { "current_term", BIGINT, MAY },   { "vote", JSON, MAY },
    { "last_log_index", BIGINT, MAY }, { "last_applied", BIGINT, MAY },
    { "snapshot", BIGINT, MAY },       { "purged", BIGINT, MAY },
    { "committed", BIGINT, MAY },      { "state", TEXT, MAY },
    { "current_leader", BIGINT, MAY }, { "millis_since_quorum_ack", BIGINT, MAY },
};

static const kdb_system_column datatype_columns[] = {
    { "arrow_type", TEXT, NN },
    { "kalam_type", TEXT, NN },
    { "sql_name", TEXT, NN },
    { "description", TEXT, NN },
};

static const kdb_system_column is_setting_columns[] = {
    { "name", TEXT, NN },
    { "value", TEXT, MAY },
    { "description", TEXT, MAY },
};

static const kdb_system_column is_routine_columns[] = {
    { "specific_catalog", TEXT, NN }, { "specific_schema", TEXT, NN },      { "specific_name", TEXT, NN },
    { "routine_catalog", TEXT, NN },  { "routine_schema", TEXT, NN },       { "routine_name", TEXT, NN },
    { "routine_type", TEXT, NN },     { "is_deterministic", BOOLEAN, MAY }, { "data_type", TEXT, MAY },
    { "function_type", TEXT, MAY },
};

static const kdb_system_column is_parameter_columns[] = {
    { "specific_catalog", TEXT, NN }, { "specific_schema", TEXT, NN },
    { "specific_name", TEXT, NN },    { "ordinal_position", BIGINT, NN },
    { "parameter_mode", TEXT, NN },   { "parameter_name", TEXT, MAY },
    { "data_type", TEXT, NN },        { "parameter_default", TEXT, MAY },
    { "is_variadic", BOOLEAN, NN },   { "rid", SMALLINT, NN },
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
    SYSTEM("policies", NULL, policy_columns, kdbi_open_tables, kdbi_policies_next,
           "The row policies of SHARED tables."),
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
    SYSTEM("sessions", NULL, session_columns, kdbi_nothing_open, kdbi_nothing_next,
           "Sessions of the PostgreSQL bridge."),
    SYSTEM("server_logs", NULL, server_log_columns, kdbi_server_logs_open, kdbi_server_logs_next,
           "The latest lines of the server's log."),
    SYSTEM("cluster", NULL, cluster_columns, kdbi_cluster_open, kdbi_cluster_next, "The nodes: this one."),
    SYSTEM("cluster_groups", NULL, cluster_group_columns, kdbi_cluster_groups_open, kdbi_cluster_groups_next,
           "The data groups and who leads them."),
    SYSTEM("datatypes", NULL, datatype_columns, kdbi_datatypes_open, kdbi_datatypes_next,
           "Column types by their names."),
    SYSTEM("describe", NULL, describe_columns, kdbi_nothing_open, kdbi_nothing_next,
           "The columns of DESCRIBE TABLE; itself empty."),
    SYSTEM("job_nodes", NULL, job_node_columns, kdbi_nothing_open, kdbi_nothing_next,
           "Parts of jobs by node, in a cluster."),
    SYSTEM("audit_log", NULL, audit_columns, kdbi_audit_log_open, kdbi_audit_log_next, "Who changed what."),
    SYSTEM("topics", NULL, topic_columns, kdbi_nothing_open, kdbi_nothing_next, "Topics."),
    SYSTEM("topic_offsets", NULL, topic_offset_columns, kdbi_nothing_open, kdbi_nothing_next,
           "How far consumer groups have come."),
    SYSTEM("manifest", NULL, manifest_columns, kdbi_manifest_open, kdbi_manifest_next, "Manifests of cold files."),
    INFORMATION("df_settings", is_setting_columns, kdbi_is_settings_open, kdbi_is_settings_next,
                "Options with their values, for admins."),
    INFORMATION("routines", is_routine_columns, kdbi_is_routines_open, kdbi_is_routines_next,
                "The functions that statements may call."),
    INFORMATION("parameters", is_parameter_columns, kdbi_nothing_open, kdbi_nothing_next,
                "Parameters of functions: none are declared."),
    INFORMATION("schemata", is_schemata_columns, kdbi_is_schemata_open, kdbi_is_schemata_next,
                "The namespaces that the reader may use."),
    INFORMATION("tables", is_table_columns, kdbi_is_tables_open, kdbi_is_tables_next,
                "The tables that the reader may use."),
    INFORMATION("views", is_view_columns, kdbi_is_views_open, kdbi_is_views_next,
                "The views; their text is for admins."),
    INFORMATION("columns", is_column_columns, kdbi_is_columns_open, kdbi_is_columns_next,
                "The columns of the tables that the reader may use."),
    INFORMATION("table_constraints", is_constraint_columns, kdbi_is_constraints_open, kdbi_is_constraints_next,
                "The primary keys of the tables that the reader may use."),
    INFORMATION("key_column_usage", is_key_column_columns, kdbi_is_constraints_open, kdbi_is_key_columns_next,
                "The columns of those keys."),
};
const size_t kdb_system_table_defs_count = KDB_ARRAY_LEN(kdb_system_table_defs);
