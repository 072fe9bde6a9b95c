/* scan_test.c - what each system table shows, to whom, and that any projection of it is the same rows. */
#include "fixture.h"

static kdb_sv read_as_dba(fixture *f, const char *table, const char *columns)
{
    return fixture_read(f, "system", table, columns, KDB_ROLE_DBA);
}

/* ---- all tables ---- */

static void assert_not_null_columns_have_values(fixture *f)
{
    const kdb_principal viewer = { .user = { KDB_SV("v") }, .role = KDB_ROLE_SYSTEM };
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        KDB_CLEANUP(kdb_system_scan_freep) kdb_system_scan *scan = NULL;
        size_t projection[32];
        kdb_type types[32];
        for (size_t c = 0; c < def->ncolumns; c++) {
            projection[c] = c;
            types[c] = kdb_type_of(def->columns[c].kind);
        }
        kdb_chunk *chunk = kdb_chunk_new(f->arena, types, def->ncolumns);
        assert_int_equal(kdb_system_scan_open(f->system, def, &viewer, NULL, projection, def->ncolumns, &scan, NULL),
                         KDB_OK);
        assert_int_equal(kdb_system_scan_next(scan, chunk, NULL), KDB_OK);
        for (size_t row = 0; row < chunk->nrows; row++) {
            for (size_t c = 0; c < def->ncolumns; c++) {
                assert_true(!def->columns[c].not_null || !kdb_vec_is_null(&chunk->cols[c], row));
            }
        }
    }
}

static void every_table_scans_on_an_empty_and_a_filled_catalog(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    assert_not_null_columns_have_values(f);
    fixture_fill(f);
    assert_not_null_columns_have_values(f);
}

/* Column by column, in reverse, and none at all. */
static void any_projection_gives_the_same_rows(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv whole = read_as_dba(f, "users", NULL);
    assert_int_equal(fixture_count_lines(whole), 4);
    assert_int_equal(fixture_count_lines(read_as_dba(f, "users", "")), 4);
    assert_true(fixture_has_line(read_as_dba(f, "users", "user_id"), "alice"));
    assert_true(fixture_has_line(read_as_dba(f, "users", "email role user_id email"),
                                 "a@example.org|user|alice|a@example.org"));
}

static void a_scan_that_is_left_early_releases_its_tables(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_principal viewer = { .user = { KDB_SV("v") }, .role = KDB_ROLE_USER };
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f->registry, KDB_SV("default"), KDB_SV("secret"));
    const unsigned refs = atomic_load(&table->refs);
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        kdb_system_scan *scan = NULL;
        assert_int_equal(
            kdb_system_scan_open(f->system, &kdb_system_table_defs[i], &viewer, NULL, NULL, 0, &scan, NULL), KDB_OK);
        kdb_system_scan_free(scan);
        assert_int_equal(atomic_load(&table->refs), refs);
    }
}

/* ---- system ---- */

static void namespaces_count_their_tables(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv rows = read_as_dba(f, "namespaces", "namespace_id name options table_count");
    assert_true(fixture_has_line(rows, "default|default|{}|4"));
    assert_true(fixture_has_line(rows, "dba|dba|{}|0"));
}

static void tables_show_their_latest_version(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv rows = read_as_dba(f, "tables", "namespace_id table_name table_type version comment");
    assert_int_equal(fixture_count_lines(rows), 4);
    assert_true(fixture_has_line(rows, "default|u|user|2|NULL"));
    assert_true(fixture_has_line(rows, "default|secret|shared|1|NULL"));
    assert_true(fixture_has_line(rows, "default|events|stream|1|NULL"));
}

static void columns_show_keys_and_defaults(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv rows = read_as_dba(f, "columns",
                                    "table_name version column_id column_name data_type default_value ordinal nullable "
                                    "primary_key primary_key_pos");
    assert_int_equal(fixture_count_lines(rows), 12);
    assert_true(fixture_has_line(rows, "u|2|1|id|INT|NULL|1|false|true|1"));
    assert_true(fixture_has_line(rows, "u|2|2|note|TEXT|'x'|2|true|false|NULL"));
    assert_true(fixture_has_line(rows, "shown|1|3|price|DECIMAL(10,2)|NULL|3|true|false|NULL"));
}

static void schemas_show_every_version(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv rows = read_as_dba(f, "schemas",
                                    "table_id table_type schema_version access_level is_latest storage_id "
                                    "use_user_storage");
    assert_int_equal(fixture_count_lines(rows), 5);
    assert_true(fixture_has_line(rows, "default:u|user|1|NULL|false|local|false"));
    assert_true(fixture_has_line(rows, "default:u|user|2|NULL|true|local|false"));
    assert_true(fixture_has_line(rows, "default:shown|shared|1|public|true|local|NULL"));
    assert_true(fixture_has_line(rows, "default:secret|shared|1|dba|true|local|NULL"));
    assert_true(fixture_has_line(rows, "default:events|stream|1|NULL|true|NULL|NULL"));
    const kdb_sv json = read_as_dba(f, "schemas", "columns options");
    kdb_json *parsed = NULL;
    const kdb_sv first = { json.ptr, (size_t)((const char *)memchr(json.ptr, '|', json.len) - json.ptr) };
    assert_int_equal(kdb_json_parse(first, f->arena, &parsed, NULL), KDB_OK);
    assert_int_equal(parsed->kind, KDB_JSON_ARRAY);
}

static void users_hide_their_secrets_from_everybody(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    for (kdb_role role = KDB_ROLE_USER; role <= KDB_ROLE_SYSTEM; role++) {
        const kdb_sv rows = fixture_read(f, "system", "users", "user_id password_hash role auth_type", role);
        assert_true(fixture_has_line(rows, "alice|***|user|password"));
        assert_true(fixture_has_line(rows, "bob||service|oauth"));
        assert_true(fixture_has_line(rows, "root||system|internal"));
        const kdb_sv whole = fixture_read(f, "system", "users", NULL, role);
        assert_null(memmem(whole.ptr, whole.len, "$2b$", 4));
    }
}

static void dropped_users_stay_listed(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    assert_true(fixture_has_line(read_as_dba(f, "users", "user_id deleted_at"), "alice|NULL"));
    assert_false(fixture_has_line(read_as_dba(f, "users", "user_id deleted_at"), "gone|NULL"));
    assert_true(fixture_has_line(read_as_dba(f, "users", "user_id"), "gone"));
}

static void storages_have_no_credentials(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    const kdb_sv rows =
        read_as_dba(f, "storages", "storage_id storage_type base_directory credentials shared_tables_template");
    assert_true(fixture_has_line(rows, "local|filesystem||NULL|{namespace}/{tableName}"));
}

static void live_queries_are_as_reported(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    assert_int_equal(fixture_count_lines(read_as_dba(f, "live", NULL)), 0);
    fixture_fill(f);
    assert_true(fixture_has_line(read_as_dba(f, "live", "live_id table_name query options status changes"),
                                 "alice-c1-s1|t|SELECT * FROM t|NULL|active|7"));
}

static void transactions_are_as_reported(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    assert_int_equal(fixture_count_lines(read_as_dba(f, "transactions", NULL)), 0);
    fixture_fill(f);
    assert_true(
        fixture_has_line(read_as_dba(f, "transactions", NULL), "t-1|sql-req-1|SqlBatch|open_write|1|2|3|4|5|6"));
}

static void stats_have_ours_and_the_reported(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    fixture_job(f, "FL-000000000001", "running");
    fixture_job(f, "FL-000000000002", "failed");
    fixture_job(f, "FL-000000000003", "queued");
    const kdb_sv rows = read_as_dba(f, "stats", NULL);
    static const char *const exact[] = { "total_users|4",        "total_namespaces|2",     "total_tables|4",
                                         "total_storages|1",     "total_jobs|4",           "jobs_running|1",
                                         "jobs_queued|1",        "jobs_failed|1",          "total_live_queries|1",
                                         "server_version|0.1.0", "active_connections|12",  "memory_usage_source|rss",
                                         "schema_cache_size|4",  "cluster_mode|standalone" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(exact); i++) {
        assert_true(fixture_has_line(rows, exact[i]));
    }
    static const char *const positive[] = { "memory_rss_bytes",  "memory_virtual_bytes",
                                            "thread_count",      "pid",
                                            "cpu_logical_cores", "system_total_memory_mb",
                                            "max_connections",   "cpu_physical_cores",
                                            "open_files_total",  "cpu_seconds_total" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(positive); i++) {
        const kdb_sv zero = kdb_sv_printf(f->arena, "%s|0", positive[i]);
        assert_false(fixture_has_line(rows, kdb_sv_dup_cstr(f->arena, zero)));
        assert_non_null(memmem(rows.ptr, rows.len, positive[i], strlen(positive[i])));
    }
}

static void the_only_node_leads(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv cluster = read_as_dba(f, "cluster", "role status is_leader groups_leading total_groups version");
    assert_true(fixture_has_line(cluster, "leader|active|true|3|3|1.2.3"));
    assert_int_equal(fixture_count_lines(cluster), 1);
    assert_int_equal(fixture_count_lines(read_as_dba(f, "cluster_groups", NULL)), 3);
}

static void the_log_is_shown_from_its_oldest_line_kept(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    for (int i = 0; i < KDB_LOG_LINES_KEPT + 10; i++) {
        kdb_log_error("tested line=%d", i);
    }
    const kdb_sv lines = read_as_dba(f, "server_logs", "level target message");
    assert_int_equal(fixture_count_lines(lines), KDB_LOG_LINES_KEPT);
    assert_true(fixture_has_line(lines, "ERROR|scan_test.c|tested line=10"));
    assert_false(fixture_has_line(lines, "ERROR|scan_test.c|tested line=9"));
    assert_true(fixture_has_line(lines, "ERROR|scan_test.c|tested line=265"));
}

static void datatypes_are_twenty_nine(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    assert_int_equal(fixture_count_lines(read_as_dba(f, "datatypes", NULL)), 29);
}

static void settings_list_every_option_and_no_secret(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    assert_int_equal(kdb_options_set(f->options, KDB_SV("auth.root_password"), KDB_SV("hunter2hunter2"), NULL), KDB_OK);
    assert_int_equal(kdb_options_set(f->options, KDB_SV("server.port"), KDB_SV("1234"), NULL), KDB_OK);
    const kdb_sv rows = read_as_dba(f, "settings", "name value category");
    assert_int_equal(fixture_count_lines(rows), KDB_OPT_COUNT);
    assert_true(fixture_has_line(rows, "server.port|1234|server"));
    assert_true(fixture_has_line(rows, "auth.root_password|***|auth"));
    assert_null(memmem(rows.ptr, rows.len, "hunter2", 7));
}

/* ---- information_schema ---- */

static void admins_see_all_names(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv tables = fixture_read(f, "information_schema", "tables", NULL, KDB_ROLE_DBA);
    assert_int_equal(fixture_count_lines(tables), 4 + kdb_system_table_defs_count);
    assert_true(fixture_has_line(tables, "kalam|default|secret|BASE TABLE"));
    assert_true(fixture_has_line(tables, "kalam|system|users|BASE TABLE"));
    assert_true(fixture_has_line(tables, "kalam|information_schema|tables|VIEW"));
    const kdb_sv columns =
        fixture_read(f, "information_schema", "columns", "table_schema table_name column_name", KDB_ROLE_DBA);
    size_t want = 4 * 3;
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        want += kdb_system_table_defs[i].ncolumns;
    }
    assert_int_equal(fixture_count_lines(columns), want);
    assert_true(fixture_has_line(columns, "default|secret|price"));
    assert_true(fixture_has_line(columns, "system|users|deleted_at"));
    const kdb_sv schemata = fixture_read(f, "information_schema", "schemata", "catalog_name schema_name", KDB_ROLE_DBA);
    assert_int_equal(fixture_count_lines(schemata), 4);
    assert_true(fixture_has_line(schemata, "kalam|system"));
}

static void others_see_no_system_and_no_dba_tables(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    for (kdb_role role = KDB_ROLE_ANONYMOUS; role <= KDB_ROLE_SERVICE; role++) {
        const kdb_sv tables = fixture_read(f, "information_schema", "tables", NULL, role);
        size_t open = 0;
        for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
            open += !kdb_system_table_defs[i].admin_only;
        }
        assert_int_equal(fixture_count_lines(tables), 3 + open);
        assert_true(fixture_has_line(tables, "kalam|default|u|BASE TABLE"));
        assert_false(fixture_has_line(tables, "kalam|default|secret|BASE TABLE"));
        const kdb_sv columns = fixture_read(f, "information_schema", "columns", NULL, role);
        assert_null(memmem(columns.ptr, columns.len, "secret", 6));
        assert_null(memmem(columns.ptr, columns.len, "password", 8));
        const kdb_sv schemata = fixture_read(f, "information_schema", "schemata", "schema_name", role);
        assert_false(fixture_has_line(schemata, "system"));
        assert_true(fixture_has_line(schemata, "information_schema"));
    }
}

static void keys_are_told_as_constraints(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv constraints = fixture_read(f, "information_schema", "table_constraints", NULL, KDB_ROLE_DBA);
    assert_true(fixture_has_line(constraints, "kalam|default|secret_pkey|kalam|default|secret|PRIMARY KEY|NO|NO"));
    const char *shown = "constraint_name column_name ordinal_position";
    const kdb_sv keys = fixture_read(f, "information_schema", "key_column_usage", shown, KDB_ROLE_DBA);
    const kdb_sv columns =
        fixture_read(f, "system", "columns", "table_name column_name primary_key_pos primary_key", KDB_ROLE_DBA);
    size_t want = 0;
    for (const char *at = columns.ptr; (at = memmem(at, (size_t)(columns.ptr + columns.len - at), "|true", 5)) != NULL;
         at++) {
        want++;
    }
    assert_int_equal(fixture_count_lines(keys), want);
    for (kdb_role role = KDB_ROLE_ANONYMOUS; role <= KDB_ROLE_SERVICE; role++) {
        const kdb_sv seen = fixture_read(f, "information_schema", "key_column_usage", NULL, role);
        assert_null(memmem(seen.ptr, seen.len, "secret", 6));
        assert_non_null(memmem(seen.ptr, seen.len, "u_pkey", 6));
    }
}

static void columns_tell_their_types(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_fill(f);
    const kdb_sv columns =
        fixture_read(f, "information_schema", "columns",
                     "table_name column_name ordinal_position column_default is_nullable data_type "
                     "character_octet_length numeric_precision numeric_precision_radix numeric_scale "
                     "datetime_precision",
                     KDB_ROLE_DBA);
    assert_true(fixture_has_line(columns, "shown|id|1|NULL|NO|INT|NULL|32|2|NULL|NULL"));
    assert_true(fixture_has_line(columns, "shown|note|2|'x'|YES|TEXT|2147483647|NULL|NULL|NULL|NULL"));
    assert_true(fixture_has_line(columns, "shown|price|3|NULL|YES|DECIMAL(10,2)|NULL|10|10|2|NULL"));
    assert_true(fixture_has_line(columns, "namespaces|created_at|3|NULL|NO|TIMESTAMP|NULL|NULL|NULL|NULL|6"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_scans_on_an_empty_and_a_filled_catalog),
        cmocka_unit_test(any_projection_gives_the_same_rows),
        cmocka_unit_test(a_scan_that_is_left_early_releases_its_tables),
        cmocka_unit_test(namespaces_count_their_tables),
        cmocka_unit_test(tables_show_their_latest_version),
        cmocka_unit_test(columns_show_keys_and_defaults),
        cmocka_unit_test(schemas_show_every_version),
        cmocka_unit_test(users_hide_their_secrets_from_everybody),
        cmocka_unit_test(dropped_users_stay_listed),
        cmocka_unit_test(storages_have_no_credentials),
        cmocka_unit_test(live_queries_are_as_reported),
        cmocka_unit_test(transactions_are_as_reported),
        cmocka_unit_test(stats_have_ours_and_the_reported),
        cmocka_unit_test(settings_list_every_option_and_no_secret),
        cmocka_unit_test(the_only_node_leads),
        cmocka_unit_test(the_log_is_shown_from_its_oldest_line_kept),
        cmocka_unit_test(datatypes_are_twenty_nine),
        cmocka_unit_test(admins_see_all_names),
        cmocka_unit_test(others_see_no_system_and_no_dba_tables),
        cmocka_unit_test(keys_are_told_as_constraints),
        cmocka_unit_test(columns_tell_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
