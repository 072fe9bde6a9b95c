/* storage_test.c - storages: what CREATE and ALTER STORAGE may say, what is kept of it and how, and when one may go. */
#include "registry_fixture.h"

static const char secret[] = "Open-Sesame-1234";
#define CREDENTIALS "'{\"access_key_id\":\"AKID\",\"secret_access_key\":\"Open-Sesame-1234\"}'"

static const kdb_storage_stmt *parse(fixture *fix, const char *sql)
{
    kdb_stmt *stmt = NULL;
    assert_ok(fix, kdb_dialect_parse(kdb_sv_cstr(sql), NULL, fix->arena, &stmt, &fix->err));
    return stmt->as.storage;
}

static kdb_status draft_of(fixture *fix, const char *sql, kdb_storage_draft *out)
{
    fix->err.position = -1;
    const kdb_storage_stmt *stmt = parse(fix, sql);
    return sql[0] == 'C' ? kdb_registry_draft_storage(fix->registry, stmt, fix->arena, out, &fix->err)
                         : kdb_registry_draft_altered_storage(fix->registry, stmt, fix->arena, out, &fix->err);
}

static kdb_status store(fixture *fix, kdb_storage_draft *draft)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_storage(fix->registry, draft, fix->arena, batch, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_storage(fix->registry, draft);
    return KDB_OK;
}

/* Draft, stage, commit, publish. */
static void run(fixture *fix, const char *sql)
{
    kdb_storage_draft draft;
    assert_ok(fix, draft_of(fix, sql, &draft));
    assert_ok(fix, store(fix, &draft));
}

static kdb_status drop(fixture *fix, const char *id)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_storage(fix->registry, kdb_sv_cstr(id), batch, &fix->err));
    KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
    kdb_registry_publish_drop_storage(fix->registry, kdb_sv_cstr(id));
    return KDB_OK;
}

static kdb_storage find(fixture *fix, const char *id)
{
    kdb_storage *list;
    size_t count;
    kdb_registry_list_storages(fix->registry, fix->arena, &list, &count);
    for (size_t i = 0; i < count; i++) {
        if (kdb_sv_eq(list[i].id, kdb_sv_cstr(id))) {
            return list[i];
        }
    }
    fail_msg("no storage %s", id);
    return (kdb_storage){ 0 };
}

/* All that is shown of a storage but its times. */
static void assert_shown(fixture *fix, const char *id, const char *expected)
{
    const kdb_storage s = find(fix, id);
    assert_text(kdb_sv_printf(fix->arena, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", KDB_SV_ARG(s.name),
                              KDB_SV_ARG(s.description), KDB_SV_ARG(s.type), KDB_SV_ARG(s.base_directory),
                              KDB_SV_ARG(s.shared_template), KDB_SV_ARG(s.user_template), KDB_SV_ARG(s.config_json),
                              KDB_SV_ARG(s.credentials)),
                expected);
}

static void storages_are_made_with_defaults(void **state)
{
    fixture *fix = *state;
    run(fix, "CREATE STORAGE disk TYPE FileSystem PATH ' /srv/cold// '");
    assert_shown(fix, "disk", "disk||filesystem|/srv/cold|{namespace}/{tableName}|{namespace}/{tableName}/{userId}||");
    run(fix, "CREATE STORAGE 'big.one' TYPE s3 BUCKET 'b' NAME 'Big' DESCRIPTION 'd' SHARED_TABLES_TEMPLATE "
             "'s/{namespace_id}/{table_name}' USER_TABLES_TEMPLATE '{user-id}' CONFIG ' {\"endpoint\":\"http://x\"} ' "
             "REGION 'eu' CREDENTIALS " CREDENTIALS);
    assert_shown(fix, "big.one",
                 "Big|d|s3|s3://b|s/{namespace}/{tableName}|{userId}|{\"region\":\"eu\",\"endpoint\":\"http://x\"}|"
                 "{\"access_key_id\":\"***\",\"secret_access_key\":\"***\"}");
    run(fix, "CREATE STORAGE c TYPE s3 BASE_DIRECTORY 's3://b/p/' REGION 'eu' CONFIG '{\"region\":\"us\"}' NAME ''");
    assert_shown(fix, "c",
                 "c||s3|s3://b/p|{namespace}/{tableName}|{namespace}/{tableName}/{userId}|"
                 "{\"region\":\"us\"}|");
    run(fix, "CREATE STORAGE d TYPE s3 BUCKET 'd' REGION 'e\"u' CONFIG '{ }' CREDENTIALS '{}'");
    assert_shown(fix, "d",
                 "d||s3|s3://d|{namespace}/{tableName}|{namespace}/{tableName}/{userId}|"
                 "{\"region\":\"e\\\"u\"}|");
}

/* What is wrong, the place of it (that of the text marked by <>), and in whose words. */
typedef struct refusal {
    const char *sql;
    const char *text;
} refusal;

static void bad_definitions_are_refused_at_their_place(void **state)
{
    fixture *fix = *state;
    static const refusal refusals[] = {
        { "CREATE STORAGE <''> TYPE s3 BUCKET 'b'", "Storage ID cannot be empty" },
        { "CREATE STORAGE <'a..b'> TYPE s3 BUCKET 'b'", "Storage ID cannot contain path traversal characters" },
        { "CREATE STORAGE <'a/b'> TYPE s3 BUCKET 'b'", "Storage ID cannot contain path traversal characters" },
        { "CREATE STORAGE <'a\\b'> TYPE s3 BUCKET 'b'", "Storage ID cannot contain path traversal characters" },
        { "CREATE STORAGE <'a;b'> TYPE s3 BUCKET 'b'", "Storage ID cannot contain quotes or semicolons" },
        { "CREATE STORAGE <'a''b'> TYPE s3 BUCKET 'b'", "Storage ID cannot contain quotes or semicolons" },
        { "CREATE STORAGE <'*'> TYPE s3 BUCKET 'b'",
          "Storage ID must begin with a letter or digit and have at most 64 letters, digits and characters of '_-.'" },
        { "CREATE STORAGE <'.a'> TYPE s3 BUCKET 'b'",
          "Storage ID must begin with a letter or digit and have at most 64 letters, digits and characters of '_-.'" },
        { "CREATE STORAGE <local> TYPE s3 BUCKET 'b'", "Storage 'local' already exists" },
        { "CREATE STORAGE x TYPE <wombat> PATH '/a'",
          "Invalid storage type 'wombat'. Must be 'filesystem', 's3', 'gcs', or 'azure'" },
        { "CREATE STORAGE x TYPE <gcs> BUCKET 'b'",
          "Storage type 'gcs' is not supported by this server. Use 'filesystem', or 's3' for services that speak its "
          "protocol" },
        { "CREATE STORAGE <x> TYPE filesystem", "Filesystem storage requires a non-empty base directory" },
        { "CREATE STORAGE x TYPE filesystem PATH <'  '>", "Filesystem storage requires a non-empty base directory" },
        { "CREATE STORAGE x TYPE filesystem PATH <'data'>",
          "The base directory of a filesystem storage must be an absolute path" },
        { "CREATE STORAGE x TYPE filesystem PATH <'/data/../etc'>",
          "The base directory of a storage cannot contain '..'" },
        { "CREATE STORAGE x TYPE filesystem PATH <'/data/..'>", "The base directory of a storage cannot contain '..'" },
        { "CREATE STORAGE x TYPE filesystem BUCKET <'b'>",
          "Filesystem storage has a PATH or BASE_DIRECTORY, not a BUCKET" },
        { "CREATE STORAGE <x> TYPE s3",
          "s3 storage requires a BUCKET, or a BASE_DIRECTORY of the form 's3://bucket/prefix'" },
        { "CREATE STORAGE x TYPE s3 PATH <'/data'>",
          "s3 storage requires a BUCKET, or a BASE_DIRECTORY of the form 's3://bucket/prefix'" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' CREDENTIALS <'Open-Sesame-1234'>", "Credentials must be a JSON object" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' CREDENTIALS <'[\"Open-Sesame-1234\"]'>",
          "Credentials must be a JSON object" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' CONFIG <''>", "CONFIG must be a JSON object" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' CONFIG <'{\"a\":1,\"a\":2}'>", "CONFIG must be a JSON object" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' CONFIG <'{\"Secret_Access_Key\":\"Open-Sesame-1234\"}'>",
          "CONFIG is shown to everybody: 'Secret_Access_Key' belongs in CREDENTIALS" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' SHARED_TABLES_TEMPLATE <'{tableName}'>",
          "Shared table template: {namespace} is required" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' SHARED_TABLES_TEMPLATE <'{tableName}/{namespace}'>",
          "Shared table template: {namespace} must appear before {tableName}" },
        { "CREATE STORAGE x TYPE s3 BUCKET 'b' USER_TABLES_TEMPLATE <'{namespace}/{tableName}'>",
          "User table template: {userId} is required" },
        { "ALTER STORAGE <wombat> SET NAME 'n'", "Storage 'wombat' not found" },
        { "ALTER STORAGE local SET CONFIG <'1'>", "CONFIG must be a JSON object" },
        { "ALTER STORAGE local SET USER_TABLES_TEMPLATE <'{userId}/{tableName}'>",
          "User table template: {tableName} must appear before {userId}" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(refusals); i++) {
        const char *open = strchr(refusals[i].sql, '<');
        const char *close = strchr(refusals[i].sql, '>');
        const kdb_sv sql = kdb_sv_printf(fix->arena, "%.*s%.*s%s", (int)(open - refusals[i].sql), refusals[i].sql,
                                         (int)(close - open - 1), open + 1, close + 1);
        kdb_storage_draft draft;
        assert_failure(fix, draft_of(fix, kdb_sv_dup_cstr(fix->arena, sql), &draft), KDB_INVALID_OPERATION,
                       refusals[i].text);
        assert_int_equal(fix->err.position, open - refusals[i].sql);
    }
}

static void a_long_text_is_refused(void **state)
{
    fixture *fix = *state;
    enum { LENGTH = 65537 };
    char *text = kdb_alloc(LENGTH);
    memset(text, 'x', LENGTH);
    const kdb_sv sql = kdb_sv_printf(fix->arena, "CREATE STORAGE x TYPE s3 BUCKET 'b' NAME '%.*s'", LENGTH, text);
    kdb_storage_draft draft;
    assert_failure(fix, draft_of(fix, kdb_sv_dup_cstr(fix->arena, sql), &draft), KDB_LIMIT,
                   "A text of a storage has at most 65536 bytes");
    kdb_free(text);
}

/* ---- at rest ---- */

static bool store_holds(fixture *fix, const char *text)
{
    bool found = false;
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_STORAGES);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(fix->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv value = kdb_iter_value(iter);
        found = found || memmem(value.ptr, value.len, text, strlen(text)) != NULL;
    }
    return found;
}

/* What an ALTER that says nothing of credentials would open the storage with. */
static void assert_credentials(fixture *fix, const char *id, const char *expected)
{
    kdb_storage_draft draft;
    assert_ok(fix,
              draft_of(fix, kdb_sv_dup_cstr(fix->arena, kdb_sv_printf(fix->arena, "ALTER STORAGE %s SET NAME 'n'", id)),
                       &draft));
    assert_text(draft.credentials_json, expected);
}

static void definitions_outlive_a_restart_with_their_credentials_sealed(void **state)
{
    fixture *fix = *state;
    run(fix, "CREATE STORAGE s TYPE s3 BUCKET 'b' CONFIG '{\"endpoint\":\"http://x\"}' CREDENTIALS " CREDENTIALS);
    run(fix, "CREATE STORAGE f TYPE filesystem PATH '/p'");
    const kdb_storage before = find(fix, "s");
    fixture_reopen(fix);
    assert_shown(fix, "s",
                 "s||s3|s3://b|{namespace}/{tableName}|{namespace}/{tableName}/{userId}|{\"endpoint\":\"http://x\"}|"
                 "{\"access_key_id\":\"***\",\"secret_access_key\":\"***\"}");
    assert_shown(fix, "f", "f||filesystem|/p|{namespace}/{tableName}|{namespace}/{tableName}/{userId}||");
    assert_int_equal(find(fix, "s").created_us, before.created_us);
    assert_credentials(fix, "s", "{\"access_key_id\":\"AKID\",\"secret_access_key\":\"Open-Sesame-1234\"}");
    assert_true(store_holds(fix, "s3://b")); /* the search finds what is there */
    assert_false(store_holds(fix, secret));
    assert_false(store_holds(fix, "AKID"));
}

static void a_new_key_seals_again_and_the_old_one_may_go(void **state)
{
    fixture *fix = *state;
    run(fix, "CREATE STORAGE s TYPE s3 BUCKET 'b' CREDENTIALS " CREDENTIALS);
    kdb_seal *old = fix->seal;
    fix->seal = new_keys(old);
    fixture_reopen(fix);
    kdb_sv sealed;
    kdb_storage storage;
    assert_true(kdbi_registry_copy_storage(fix->registry, KDB_SV("s"), fix->arena, &storage, &sealed));
    assert_true(kdb_seal_is_current(fix->seal, sealed));
    kdb_sv plain;
    assert_int_equal(kdbi_storage_unseal(fix->registry, KDB_SV("s"), sealed, fix->arena, &plain, &fix->err), KDB_OK);
    assert_int_equal(kdbi_storage_unseal(fix->registry, KDB_SV("f"), sealed, fix->arena, &plain, &fix->err),
                     KDB_CORRUPT); /* nor in another storage's place */
    kdb_seal_free(old);
    fixture_reopen(fix);
    assert_credentials(fix, "s", "{\"access_key_id\":\"AKID\",\"secret_access_key\":\"Open-Sesame-1234\"}");
}

static void credentials_whose_key_is_lost_can_be_set_again(void **state)
{
    fixture *fix = *state;
    run(fix, "CREATE STORAGE s TYPE s3 BUCKET 'b' CREDENTIALS " CREDENTIALS);
    kdb_seal_free(fix->seal);
    fix->seal = new_keys(NULL);
    fixture_reopen(fix);
    kdb_storage_draft draft;
    assert_failure(fix, draft_of(fix, "ALTER STORAGE s SET NAME 'n'", &draft), KDB_CORRUPT,
                   "The credentials of storage 's' cannot be opened with the server's keys. Set them again: ALTER "
                   "STORAGE s SET CREDENTIALS '{..}'");
    run(fix, "ALTER STORAGE s SET CREDENTIALS '{\"a\":\"b\"}'");
    fixture_reopen(fix);
    assert_credentials(fix, "s", "{\"a\":\"b\"}");
    run(fix, "ALTER STORAGE s SET CREDENTIALS '{}'");
    fixture_reopen(fix);
    assert_credentials(fix, "s", "");
    assert_text(find(fix, "s").credentials, "");
}

/* Of a server that took any template. */
static void a_template_that_names_no_place_gives_way_to_the_servers(void **state)
{
    fixture *fix = *state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_storage old = { .id = KDB_SV("old"),
                              .name = KDB_SV("old"),
                              .type = KDB_SV("filesystem"),
                              .base_directory = KDB_SV("/old"),
                              .shared_template = KDB_SV("../x"),
                              .user_template = KDB_SV("{namespace_id}/{user_id}"),
                              .created_us = 1,
                              .updated_us = 2 };
    kdbi_storage_stage(&old, (kdb_sv){ NULL, 0 }, batch);
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
    kdb_log_setup(KDB_LOG_ERROR, KDB_LOG_COMPACT, 2);
    fixture_reopen(fix);
    assert_shown(fix, "old", "old||filesystem|/old|{namespace}/{tableName}|{namespace}/{userId}||");
}

/* ---- changes ---- */

static void altering_changes_what_it_says(void **state)
{
    fixture *fix = *state;
    run(fix,
        "CREATE STORAGE s TYPE s3 BUCKET 'b' NAME 'n' CONFIG '{\"endpoint\":\"http://x\"}' CREDENTIALS " CREDENTIALS);
    const kdb_storage before = find(fix, "s");
    run(fix, "ALTER STORAGE s SET DESCRIPTION 'd' SET USER_TABLES_TEMPLATE 'u/{userId}'");
    assert_shown(fix, "s",
                 "n|d|s3|s3://b|{namespace}/{tableName}|u/{userId}|{\"endpoint\":\"http://x\"}|"
                 "{\"access_key_id\":\"***\",\"secret_access_key\":\"***\"}");
    run(fix, "ALTER STORAGE s SET NAME '', CONFIG '{}', USER_TABLES_TEMPLATE ''");
    assert_shown(fix, "s",
                 "s|d|s3|s3://b|{namespace}/{tableName}|{namespace}/{tableName}/{userId}||"
                 "{\"access_key_id\":\"***\",\"secret_access_key\":\"***\"}");
    assert_credentials(fix, "s", "{\"access_key_id\":\"AKID\",\"secret_access_key\":\"Open-Sesame-1234\"}");
    assert_int_equal(find(fix, "s").created_us, before.created_us);
    assert_true(find(fix, "s").updated_us > before.updated_us);
}

static void a_draft_of_what_has_changed_since_is_refused(void **state)
{
    fixture *fix = *state;
    kdb_storage_draft first, second, third;
    assert_ok(fix, draft_of(fix, "CREATE STORAGE s TYPE s3 BUCKET 'b'", &first));
    assert_ok(fix, draft_of(fix, "CREATE STORAGE s TYPE s3 BUCKET 'c'", &second));
    assert_ok(fix, store(fix, &first));
    assert_failure(fix, store(fix, &second), KDB_INVALID_OPERATION, "Storage 's' already exists");
    assert_ok(fix, draft_of(fix, "ALTER STORAGE s SET NAME 'a'", &first));
    assert_ok(fix, draft_of(fix, "ALTER STORAGE s SET NAME 'b'", &second));
    assert_ok(fix, draft_of(fix, "ALTER STORAGE s SET NAME 'c'", &third));
    assert_ok(fix, store(fix, &second));
    assert_failure(fix, store(fix, &first), KDB_CONFLICT, "Storage 's' was changed by another statement");
    assert_text(find(fix, "s").name, "b");
    assert_ok(fix, drop(fix, "s"));
    assert_failure(fix, store(fix, &third), KDB_INVALID_OPERATION, "Storage 's' not found");
}

static void two_storages_share_no_bucket(void **state)
{
    fixture *fix = *state;
    kdb_storage_draft draft;
    run(fix, "CREATE STORAGE a TYPE s3 BASE_DIRECTORY 's3://b/p/q' CONFIG '{\"endpoint\":\"http://x\"}'");
    static const char *const sharing[] = { "s3://b", "s3://b/p", "s3://b/p/q/", "s3://b/p/q/r" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(sharing); i++) {
        const kdb_sv sql = kdb_sv_printf(
            fix->arena, "CREATE STORAGE c TYPE s3 CONFIG '{\"endpoint\":\"http://x\"}' BASE_DIRECTORY '%s'",
            sharing[i]);
        assert_ok(fix, draft_of(fix, kdb_sv_dup_cstr(fix->arena, sql), &draft));
        assert_int_equal(store(fix, &draft), KDB_INVALID_OPERATION);
        assert_non_null(strstr(fix->err.text, "holds, or lies in, the place of storage 'a'"));
    }
    run(fix, "CREATE STORAGE c TYPE s3 BASE_DIRECTORY 's3://b/p/qq' CONFIG '{\"endpoint\":\"http://x\"}'");
    run(fix, "CREATE STORAGE d TYPE s3 BUCKET 'b' CONFIG '{\"endpoint\":\"http://y\"}'");
    assert_ok(fix, draft_of(fix, "ALTER STORAGE d SET CONFIG '{\"endpoint\":\"http://x\"}'", &draft));
    assert_int_equal(store(fix, &draft), KDB_INVALID_OPERATION);
    run(fix, "ALTER STORAGE a SET CONFIG '{}'");
}

static void a_storage_in_use_stays(void **state)
{
    fixture *fix = *state;
    kdb_column_spec id = column_spec("id", KDB_TYPE_BIGINT);
    kdb_create_table spec = table_spec("t", &id, 1);
    assert_failure(fix, drop(fix, "local"), KDB_INVALID_OPERATION,
                   "Cannot drop storage 'local': it is the server's own");
    assert_failure(fix, drop(fix, "s"), KDB_INVALID_OPERATION, "Storage 's' not found");
    run(fix, "CREATE STORAGE s TYPE s3 BUCKET 'b'");
    spec.storage_id = KDB_SV("s");
    assert_ok(fix, create_table(fix, &spec, "default"));
    assert_failure(fix, drop(fix, "s"), KDB_INVALID_OPERATION, "Cannot drop storage 's': 1 table(s) still using it");
    fixture_reopen(fix);
    assert_failure(fix, drop(fix, "s"), KDB_INVALID_OPERATION, "Cannot drop storage 's': 1 table(s) still using it");
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(fix->registry, KDB_SV("default"), KDB_SV("t"));
    assert_ok(fix, drop_table(fix, table));
    assert_ok(fix, drop(fix, "s"));
    assert_false(kdb_registry_has_storage(fix->registry, KDB_SV("s")));
    fixture_reopen(fix);
    assert_false(kdb_registry_has_storage(fix->registry, KDB_SV("s")));
    assert_failure(fix, create_table(fix, &spec, "default"), KDB_INVALID_OPERATION, "Storage 's' does not exist");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(storages_are_made_with_defaults),
        TEST(bad_definitions_are_refused_at_their_place),
        TEST(a_long_text_is_refused),
        TEST(definitions_outlive_a_restart_with_their_credentials_sealed),
        TEST(a_new_key_seals_again_and_the_old_one_may_go),
        TEST(credentials_whose_key_is_lost_can_be_set_again),
        TEST(a_template_that_names_no_place_gives_way_to_the_servers),
        TEST(altering_changes_what_it_says),
        TEST(a_draft_of_what_has_changed_since_is_refused),
        TEST(two_storages_share_no_bucket),
        TEST(a_storage_in_use_stays),
    };
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
