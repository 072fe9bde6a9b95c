/* defs_test.c - the table of system tables: no empty row, no name twice, columns as catalog.md lists them, and every
 * spelling of a name finds its table. */
#include "fixture.h"

/* catalog.md 1 and 2: names, order, types; PK and NN as there. */
static const struct {
    const char *ns, *name, *columns;
} catalog[] = {
    { "system", "namespaces",
      "namespace_id TEXT PK; name TEXT NN; created_at TIMESTAMP NN; options JSON; table_count INT NN" },
    { "system", "tables",
      "namespace_id TEXT NN; table_name TEXT NN; table_type TEXT NN; storage_id TEXT; version BIGINT NN; options TEXT; "
      "comment TEXT; updated_at TIMESTAMP NN; created_at TIMESTAMP NN" },
    { "system", "columns",
      "namespace_id TEXT NN; table_name TEXT NN; version BIGINT NN; column_id BIGINT NN; column_name TEXT NN; "
      "comment TEXT; data_type TEXT NN; default_value TEXT; ordinal BIGINT NN; nullable BOOLEAN NN; "
      "primary_key BOOLEAN NN; primary_key_pos BIGINT" },
    { "system", "policies",
      "namespace_id TEXT NN; table_name TEXT NN; policy_name TEXT NN; permissive TEXT NN; roles TEXT NN; "
      "command TEXT NN; using_expr TEXT; check_expr TEXT" },
    { "system", "schemas",
      "table_id TEXT PK; table_name TEXT NN; namespace_id TEXT NN; table_type TEXT NN; created_at TIMESTAMP NN; "
      "schema_version INT NN; columns JSON NN; table_comment TEXT; updated_at TIMESTAMP NN; options JSON; "
      "access_level TEXT; is_latest BOOLEAN NN; storage_id TEXT; use_user_storage BOOLEAN" },
    { "system", "users",
      "user_id TEXT PK; password_hash TEXT NN; role TEXT NN; email TEXT; auth_type TEXT NN; auth_data JSON; "
      "storage_mode TEXT NN; storage_id TEXT; failed_login_attempts INT NN; locked_until TIMESTAMP; "
      "last_login_at TIMESTAMP; created_at TIMESTAMP NN; updated_at TIMESTAMP NN; last_seen TIMESTAMP; "
      "deleted_at TIMESTAMP" },
    { "system", "storages",
      "storage_id TEXT PK; storage_name TEXT NN; description TEXT; storage_type TEXT NN; base_directory TEXT NN; "
      "credentials JSON; config_json JSON; shared_tables_template TEXT NN; user_tables_template TEXT NN; "
      "created_at TIMESTAMP NN; updated_at TIMESTAMP NN" },
    { "system", "jobs",
      "job_id TEXT PK; job_type TEXT NN; status TEXT NN; leader_status TEXT; parameters JSON; message TEXT; "
      "exception_trace TEXT; idempotency_key TEXT; queue TEXT; priority INT; retry_count SMALLINT NN; "
      "max_retries SMALLINT NN; memory_used BIGINT; cpu_used BIGINT; created_at TIMESTAMP NN; updated_at TIMESTAMP NN; "
      "started_at TIMESTAMP; finished_at TIMESTAMP; node_id BIGINT NN; leader_node_id BIGINT" },
    { "system", "live",
      "live_id TEXT PK; connection_id TEXT NN; subscription_id TEXT NN; namespace_id TEXT NN; table_name TEXT NN; "
      "user_id TEXT NN; query TEXT NN; options JSON; status TEXT NN; created_at TIMESTAMP NN; "
      "last_update TIMESTAMP NN; changes BIGINT NN; node_id BIGINT NN; last_ping_at TIMESTAMP NN" },
    { "system", "transactions",
      "transaction_id TEXT NN; owner_id TEXT NN; origin TEXT NN; state TEXT NN; age_ms BIGINT NN; idle_ms BIGINT NN; "
      "write_count BIGINT NN; write_bytes BIGINT NN; touched_tables_count BIGINT NN; snapshot_commit_seq BIGINT NN" },
    { "system", "stats", "metric_name TEXT NN; metric_value TEXT NN" },
    { "system", "settings", "name TEXT NN; value TEXT NN; description TEXT NN; category TEXT NN" },
    { "system", "describe",
      "column_name TEXT NN; ordinal_position INT NN; column_id BIGINT NN; data_type TEXT NN; is_nullable BOOLEAN NN; is_primary_key BOOLEAN NN; column_default TEXT; column_comment TEXT; schema_version INT NN" },
    { "system", "job_nodes",
      "job_id TEXT PK; node_id BIGINT PK; status TEXT NN; error_message TEXT; created_at TIMESTAMP NN; started_at TIMESTAMP; finished_at TIMESTAMP; updated_at TIMESTAMP NN" },
    { "system", "audit_log",
      "audit_id TEXT PK; timestamp TIMESTAMP NN; actor_user_id TEXT NN; action TEXT NN; target TEXT NN; details TEXT; ip_address TEXT; subject_user_id TEXT" },
    { "system", "topics",
      "topic_id TEXT PK; name TEXT NN; alias TEXT; partitions INT NN; retention_seconds BIGINT; retention_max_bytes BIGINT; routes JSON NN; created_at TIMESTAMP NN; updated_at TIMESTAMP NN" },
    { "system", "topic_offsets",
      "topic_id TEXT PK; group_id TEXT PK; partition_id INT PK; last_acked_offset BIGINT NN; updated_at TIMESTAMP NN" },
    { "system", "manifest",
      "cache_key TEXT PK; namespace_id TEXT NN; table_name TEXT NN; scope TEXT NN; etag TEXT; last_refreshed TIMESTAMP NN; last_accessed TIMESTAMP NN; in_memory BOOLEAN NN; sync_state TEXT NN; manifest_json JSON NN" },
    { "system", "sessions",
      "session_id TEXT NN; backend_pid BIGINT; current_schema TEXT; state TEXT NN; transaction_id TEXT; transaction_state TEXT; transaction_has_writes BOOLEAN NN; client_addr TEXT; transport TEXT NN; opened_at TIMESTAMP NN; last_seen_at TIMESTAMP NN; last_method TEXT" },
    { "system", "server_logs",
      "timestamp TEXT NN; level TEXT NN; thread TEXT; target TEXT; line BIGINT; message TEXT NN" },
    { "system", "cluster",
      "cluster_id TEXT NN; node_id BIGINT NN; role TEXT NN; status TEXT NN; rpc_addr TEXT NN; api_addr TEXT NN; is_self BOOLEAN NN; is_leader BOOLEAN NN; groups_leading INT NN; total_groups INT NN; current_term BIGINT; last_applied_log BIGINT; leader_last_log_index BIGINT; snapshot_index BIGINT; catchup_progress_pct SMALLINT; replication_lag BIGINT; hostname TEXT; version TEXT; memory_mb BIGINT; memory_usage_mb BIGINT; cpu_usage_percent FLOAT; uptime_seconds BIGINT; uptime_human TEXT; os TEXT; arch TEXT" },
    { "system", "cluster_groups",
      "group_id BIGINT NN; cluster_id TEXT NN; node_id BIGINT NN; group_type TEXT NN; current_term BIGINT; vote JSON; last_log_index BIGINT; last_applied BIGINT; snapshot BIGINT; purged BIGINT; committed BIGINT; state TEXT; current_leader BIGINT; millis_since_quorum_ack BIGINT" },
    { "system", "datatypes", "arrow_type TEXT NN; kalam_type TEXT NN; sql_name TEXT NN; description TEXT NN" },
    { "information_schema", "df_settings", "name TEXT NN; value TEXT; description TEXT" },
    { "information_schema", "routines",
      "specific_catalog TEXT NN; specific_schema TEXT NN; specific_name TEXT NN; routine_catalog TEXT NN; routine_schema TEXT NN; routine_name TEXT NN; routine_type TEXT NN; is_deterministic BOOLEAN; data_type TEXT; function_type TEXT" },
    { "information_schema", "parameters",
      "specific_catalog TEXT NN; specific_schema TEXT NN; specific_name TEXT NN; ordinal_position BIGINT NN; parameter_mode TEXT NN; parameter_name TEXT; data_type TEXT NN; parameter_default TEXT; is_variadic BOOLEAN NN; rid SMALLINT NN" },
    { "information_schema", "schemata",
      "catalog_name TEXT NN; schema_name TEXT NN; schema_owner TEXT; default_character_set_catalog TEXT; "
      "default_character_set_schema TEXT; default_character_set_name TEXT; sql_path TEXT" },
    { "information_schema", "tables",
      "table_catalog TEXT NN; table_schema TEXT NN; table_name TEXT NN; table_type TEXT NN" },
    { "information_schema", "views",
      "table_catalog TEXT NN; table_schema TEXT NN; table_name TEXT NN; definition TEXT" },
    { "information_schema", "columns",
      "table_catalog TEXT NN; table_schema TEXT NN; table_name TEXT NN; column_name TEXT NN; "
      "ordinal_position BIGINT NN; column_default TEXT; is_nullable TEXT NN; data_type TEXT NN; "
      "character_maximum_length BIGINT; character_octet_length BIGINT; numeric_precision BIGINT; "
      "numeric_precision_radix BIGINT; numeric_scale BIGINT; datetime_precision BIGINT; interval_type TEXT" },
    /* beyond the catalog: what tools ask for a table's key */
    { "information_schema", "table_constraints",
      "constraint_catalog TEXT NN; constraint_schema TEXT NN; constraint_name TEXT NN; table_catalog TEXT NN; "
      "table_schema TEXT NN; table_name TEXT NN; constraint_type TEXT NN; is_deferrable TEXT NN; "
      "initially_deferred TEXT NN" },
    { "information_schema", "key_column_usage",
      "constraint_catalog TEXT NN; constraint_schema TEXT NN; constraint_name TEXT NN; table_catalog TEXT NN; "
      "table_schema TEXT NN; table_name TEXT NN; column_name TEXT NN; ordinal_position BIGINT NN; "
      "position_in_unique_constraint BIGINT" },
};

static const kdb_system_table_def *lookup(const char *ns, const char *name)
{
    return kdb_system_lookup(kdb_sv_cstr(ns), kdb_sv_cstr(name));
}

static void columns_are_the_catalogs(void **state)
{
    (void)state;
    assert_int_equal(kdb_system_table_defs_count, KDB_ARRAY_LEN(catalog));
    for (size_t i = 0; i < KDB_ARRAY_LEN(catalog); i++) {
        const kdb_system_table_def *def = lookup(catalog[i].ns, catalog[i].name);
        kdb_buf text;
        kdb_buf_init(&text, 0);
        assert_non_null(def);
        for (size_t c = 0; c < def->ncolumns; c++) {
            const kdb_system_column *column = &def->columns[c];
            kdb_buf_printf(&text, "%s%s %s%s", c == 0 ? "" : "; ", column->name, kdb_type_defs[column->kind].sql_name,
                           column->key        ? " PK"
                           : column->not_null ? " NN"
                                              : "");
            assert_true(column->not_null || !column->key);
        }
        kdb_buf_append_byte(&text, '\0');
        assert_string_equal(text.ptr, catalog[i].columns);
        kdb_buf_done(&text);
    }
}

static void no_row_is_empty_and_no_name_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        assert_non_null(def->open);
        assert_non_null(def->next);
        assert_true(strlen(def->comment) > 5);
        assert_int_equal(def->admin_only, strcmp(def->ns, "system") == 0);
        assert_ptr_equal(lookup(def->ns, def->name), def);
        assert_true(def->alias == NULL || lookup(def->ns, def->alias) == def);
        for (size_t a = 0; a < def->ncolumns; a++) {
            for (size_t b = 0; b < a; b++) {
                assert_string_not_equal(def->columns[a].name, def->columns[b].name);
            }
        }
    }
}

static void every_spelling_finds_its_table(void **state)
{
    (void)state;
    assert_ptr_equal(lookup("system", "system_users"), lookup("system", "users"));
    assert_ptr_equal(lookup("SYSTEM", "Users"), lookup("system", "users"));
    assert_ptr_equal(lookup("system", "table_schemas"), lookup("system", "schemas"));
    assert_ptr_equal(lookup("system", "system_table_schemas"), lookup("system", "schemas"));
    assert_ptr_equal(lookup("system", "storage_locations"), lookup("system", "storages"));
    assert_ptr_equal(lookup("system", "live_queries"), lookup("system", "live"));
    assert_ptr_equal(lookup("information_schema", "information_schema_tables"), lookup("information_schema", "tables"));
    assert_string_equal(lookup("information_schema", "tables")->ns, "information_schema");
    assert_null(lookup("system", "schemata"));
    assert_null(lookup("default", "users"));
    assert_null(lookup("system", "system_"));
    assert_null(lookup("system", ""));
    assert_null(lookup("", ""));
}

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    assert_true(kdb_sv_eq(kdb_system_nearest(KDB_SV("system"), KDB_SV("user")), KDB_SV("users")));
    assert_true(kdb_sv_eq(kdb_system_nearest(KDB_SV("system"), KDB_SV("namespace")), KDB_SV("namespaces")));
    assert_true(kdb_sv_eq(kdb_system_nearest(KDB_SV("information_schema"), KDB_SV("schema")), KDB_SV("schemata")));
    assert_int_equal(kdb_system_nearest(KDB_SV("system"), KDB_SV("nothing_like_it")).len, 0);
    assert_int_equal(kdb_system_nearest(KDB_SV("default"), KDB_SV("users")).len, 0);
}

static void fields_follow_the_columns(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        const kdb_field *fields = kdb_system_fields(def, arena);
        for (size_t c = 0; c < def->ncolumns; c++) {
            assert_true(kdb_sv_eq(fields[c].name, kdb_sv_cstr(def->columns[c].name)));
            assert_int_equal(fields[c].type.kind, def->columns[c].kind);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_the_catalogs),       cmocka_unit_test(no_row_is_empty_and_no_name_twice),
        cmocka_unit_test(every_spelling_finds_its_table), cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(fields_follow_the_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
