/* options_test.c - the table of options, and options from files, the environment and flags. */
#include "commons_int.h"
#include "test_support.h"

static kdb_options *options;
static kdb_err err;

static int set_up(void **state)
{
    (void)state;
    options = kdb_options_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kdb_options_free(options);
    return 0;
}

static kdb_status load(const char *text)
{
    FILE *file = fopen("options_test.toml", "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return kdb_options_load_file(options, "options_test.toml", &err);
}

static void every_option_has_a_whole_row(void **state)
{
    (void)state;
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        const kdb_option_def *def = &kdb_option_defs[id];
        assert_non_null(def->section);
        assert_non_null(def->key);
        assert_non_null(def->fallback);
        assert_non_null(def->help);
        assert_true(strlen(def->help) > 10);
        assert_int_equal(def->help[strlen(def->help) - 1], '.');
        assert_true((def->type == KDB_OPT_CHOICE) == (def->choices != NULL));
        assert_true(def->type != KDB_OPT_I64 || def->min < def->max);
        assert_true(def->type != KDB_OPT_SECRET || def->fallback[0] == '\0');
    }
}

static void no_two_options_share_a_name(void **state)
{
    (void)state;
    for (kdb_option_id a = 0; a < KDB_OPT_COUNT; a++) {
        char name_a[KDBI_OPTION_NAME_MAX];
        char env_a[KDBI_OPTION_NAME_MAX];
        assert_int_equal(kdbi_option_find(kdbi_option_name(a, name_a)), a);
        (void)kdbi_option_env_name(a, env_a);
        for (kdb_option_id b = 0; b < KDB_OPT_COUNT; b++) {
            char env_b[KDBI_OPTION_NAME_MAX];
            (void)kdbi_option_env_name(b, env_b);
            assert_true(a == b || strcmp(env_a, env_b) != 0);
            const char *other = kdb_option_defs[b].env;
            assert_true(a == b || other == NULL || strcmp(env_a, other) != 0);
        }
    }
}

static void defaults_are_the_catalog_s(void **state)
{
    (void)state;
    assert_sv(kdb_opt_text(options, KDB_OPT_SERVER_HOST), "127.0.0.1");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_SERVER_PORT), 8080);
    assert_sv(kdb_opt_text(options, KDB_OPT_STORAGE_DATA_PATH), "./data");
    assert_sv(kdb_opt_text(options, KDB_OPT_STORAGE_DURABILITY), "sync");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_ENGINE_MEMORY_LIMIT), INT64_C(1) << 30);
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_AUTH_BCRYPT_COST), 12);
    assert_true(kdb_opt_bool(options, KDB_OPT_AUTH_COOKIE_SECURE));
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        assert_true(kdb_opt_is_default(options, id));
    }
}

static void flags_set_values_of_each_type(void **state)
{
    (void)state;
    assert_ok(kdb_options_set(options, KDB_SV("server.port"), KDB_SV("0"), &err));
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_SERVER_PORT), 0);
    assert_false(kdb_opt_is_default(options, KDB_OPT_SERVER_PORT));
    assert_ok(kdb_options_set(options, KDB_SV("auth.cookie_secure"), KDB_SV("No"), &err));
    assert_false(kdb_opt_bool(options, KDB_OPT_AUTH_COOKIE_SECURE));
    assert_ok(kdb_options_set(options, KDB_SV("logging.level"), KDB_SV("DEBUG"), &err));
    assert_sv(kdb_opt_text(options, KDB_OPT_LOG_LEVEL), "debug");
    assert_ok(kdb_options_set(options, KDB_SV("server.host"), KDB_SV("::1"), &err));
    assert_ok(kdb_options_set(options, KDB_SV("server.host"), KDB_SV("0.0.0.0"), &err));
    assert_sv(kdb_opt_text(options, KDB_OPT_SERVER_HOST), "0.0.0.0");
    assert_ok(kdb_options_set(options, KDB_SV("datafusion.memory_limit"), KDB_SV("67108864"), &err));
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_ENGINE_MEMORY_LIMIT), 67108864);
    assert_ok(kdb_options_set(options, KDB_SV("authentication.bcrypt_cost"), KDB_SV("4"), &err));
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_AUTH_BCRYPT_COST), 4);
}

static void check_refused(const char *name, const char *value, const char *message)
{
    assert_status(kdb_options_set(options, kdb_sv_cstr(name), kdb_sv_cstr(value), &err), KDB_INVALID);
    assert_string_equal(err.text, message);
}

static void bad_settings_are_refused_and_change_nothing(void **state)
{
    (void)state;
    check_refused("server.port", "65536", "option server.port: '65536' is not an integer from 0 to 65535");
    check_refused("server.port", "80a", "option server.port: '80a' is not an integer from 0 to 65535");
    check_refused("server.port", "", "option server.port: '' is not an integer from 0 to 65535");
    check_refused("logging.format", "xml", "option logging.format: 'xml' is not one of compact|json");
    check_refused("logging.format", "compact|json", "option logging.format: 'compact|json' is not one of compact|json");
    check_refused("auth.cookie_secure", "maybe", "option auth.cookie_secure: 'maybe' is not true or false");
    check_refused("server.host", "\xFF", "option server.host: the value is not UTF-8 text");
    check_refused("server.prot", "1", "unknown option 'server.prot'; did you mean 'server.port'?");
    check_refused("port", "1", "unknown option 'port'");
    check_refused("", "1", "unknown option ''");
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        assert_true(kdb_opt_is_default(options, id));
    }
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_sv(kdb_opt_shown(options, KDB_OPT_AUTH_JWT_SECRET, arena), "");
    assert_ok(kdb_options_set(options, KDB_SV("auth.jwt_secret"), KDB_SV("hush"), &err));
    assert_sv(kdb_opt_text(options, KDB_OPT_AUTH_JWT_SECRET), "hush");
    assert_sv(kdb_opt_shown(options, KDB_OPT_AUTH_JWT_SECRET, arena), "***");
    assert_status(kdb_options_set(options, KDB_SV("auth.jwt_secret"), KDB_SV("hush\xFF"), &err), KDB_INVALID);
    assert_null(strstr(err.text, "hush"));
    assert_status(load("[auth]\njwt_secret = \"hush\\q\"\n"), KDB_INVALID);
    assert_null(strstr(err.text, "hush"));
}

static void values_are_shown_as_text(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_sv(kdb_opt_shown(options, KDB_OPT_SERVER_PORT, arena), "8080");
    assert_sv(kdb_opt_shown(options, KDB_OPT_AUTH_COOKIE_SECURE, arena), "true");
    assert_sv(kdb_opt_shown(options, KDB_OPT_LOG_LEVEL, arena), "info");
    assert_sv(kdb_opt_shown(options, KDB_OPT_SERVER_HOST, arena), "127.0.0.1");
}

static void the_environment_has_new_and_old_names(void **state)
{
    (void)state;
    char *environment[] = { "PATH=/bin",
                            "KALAMDB_SERVER_PORT=9001",
                            "KALAMDB_DATA_DIR=/old",
                            "KALAMDB_LOG_LEVEL=warn",
                            "KALAMDB_JWT_SECRET=hush",
                            "KALAMDB_ROOT_PASSWORD=a=b",
                            "KALAMDB_NODE_ID=3",
                            "KALAMDB_STORAGE_ROCKSDB_MAX_OPEN_FILES=-1",
                            "KALAMDB_SOMETHING_ELSE=1",
                            "KALAMDB_SERVER_PORTX=1",
                            NULL };
    assert_ok(kdb_options_load_env(options, environment, &err));
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_SERVER_PORT), 9001);
    assert_sv(kdb_opt_text(options, KDB_OPT_STORAGE_DATA_PATH), "/old");
    assert_sv(kdb_opt_text(options, KDB_OPT_LOG_LEVEL), "warn");
    assert_sv(kdb_opt_text(options, KDB_OPT_AUTH_JWT_SECRET), "hush");
    assert_sv(kdb_opt_text(options, KDB_OPT_AUTH_ROOT_PASSWORD), "a=b");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_NODE_ID), 3);
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_ROCKSDB_MAX_OPEN_FILES), -1);
    char *both[] = { "KALAMDB_STORAGE_DATA_PATH=/new", "KALAMDB_DATA_DIR=/old", "KALAMDB_CLUSTER_NODE_ID=5",
                     "KALAMDB_NODE_ID=4", NULL };
    assert_ok(kdb_options_load_env(options, both, &err));
    assert_sv(kdb_opt_text(options, KDB_OPT_STORAGE_DATA_PATH), "/new");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_NODE_ID), 5);
}

static void a_bad_variable_stops_the_start(void **state)
{
    (void)state;
    char *environment[] = { "KALAMDB_SERVER_PORT=http", NULL };
    assert_status(kdb_options_load_env(options, environment, &err), KDB_INVALID);
    assert_string_equal(err.text, "Invalid KALAMDB_SERVER_PORT value: 'http' is not an integer from 0 to 65535");
    char *old[] = { "KALAMDB_NODE_ID=1024", NULL };
    assert_status(kdb_options_load_env(options, old, &err), KDB_INVALID);
    assert_string_equal(err.text, "Invalid KALAMDB_NODE_ID value: '1024' is not an integer from 0 to 1023");
}

static void a_file_is_flat_toml(void **state)
{
    (void)state;
    assert_ok(load("# a comment\n"
                   "\n"
                   "[server]  # another\n"
                   "host = \"0.0.0.0\" # all\n"
                   "  port=9_000\t# grouped\n"
                   "[storage]\n"
                   "data_path = 'C:\\data # not a comment'\n"
                   "rocksdb.max_open_files = 100\n"
                   "[storage.rocksdb]\n"
                   "max_background_jobs = 4\n"
                   "[authentication]\n"
                   "cookie_secure = false\n"
                   "root_password = \"a\\\"b\\\\c\\td;e\"\n"
                   "[security]\n"
                   "trusted_proxy_ranges = [ \"10.0.0.0/8\", 'fe80::/10', ] # two\n"
                   "[security.cors]\n"
                   "allowed_origins = []\n"
                   "[logging]\r\n"
                   "level = debug\r\n"));
    assert_sv(kdb_opt_text(options, KDB_OPT_SERVER_HOST), "0.0.0.0");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_SERVER_PORT), 9000);
    assert_sv(kdb_opt_text(options, KDB_OPT_STORAGE_DATA_PATH), "C:\\data # not a comment");
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_ROCKSDB_MAX_OPEN_FILES), 100);
    assert_int_equal(kdb_opt_i64(options, KDB_OPT_ROCKSDB_BACKGROUND_JOBS), 4);
    assert_false(kdb_opt_bool(options, KDB_OPT_AUTH_COOKIE_SECURE));
    assert_sv(kdb_opt_text(options, KDB_OPT_AUTH_ROOT_PASSWORD), "a\"b\\c\td;e");
    assert_sv(kdb_opt_text(options, KDB_OPT_SECURITY_TRUSTED_PROXIES), "10.0.0.0/8,fe80::/10");
    assert_sv(kdb_opt_text(options, KDB_OPT_SECURITY_CORS_ORIGINS), "");
    assert_sv(kdb_opt_text(options, KDB_OPT_LOG_LEVEL), "debug");
}

static void check_file_refused(const char *text, const char *message)
{
    assert_status(load(text), KDB_INVALID);
    assert_contains(err.text, message);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    check_file_refused("[server]\nport = 1\nhots = \"x\"\n",
                       "options_test.toml line 3: unknown option 'server.hots'; did you mean 'server.host'?");
    check_file_refused("[server]\nport = x\n", "line 2: option server.port: 'x' is not an integer");
    check_file_refused("[server]\nnonsense\n", "line 2: neither [section] nor key = value");
    check_file_refused("[server\nport = 1\n", "line 1: neither");
    check_file_refused("[server]\nhost = \"x\n", "line 2: option server.host: a closing quote is missing");
    check_file_refused("[server]\nhost = \"x\\\n", "line 2: option server.host: unknown escape");
    check_file_refused("[server]\nhost = \"x\" y\n", "line 2: option server.host: text after the value");
    check_file_refused("[security.cors]\nallowed_origins = [1, 2]\n",
                       "line 2: option security.cors.allowed_origins: a list");
    check_file_refused("[security.cors]\nallowed_origins = [\"a\" \"b\"]\n", "a list is written");
    check_file_refused("[security.cors]\nallowed_origins = [\n\"a\"]\n", "line 2: option");
    check_file_refused("[weather]\nrain_secs = 10\n", "line 2: unknown option 'weather.rain_secs'");
    check_file_refused("port = 1\n", "line 1: unknown option 'port'");
    assert_status(kdb_options_load_file(options, "no-such-file.toml", &err), KDB_INVALID);
    assert_string_equal(err.text, "cannot read no-such-file.toml: No such file or directory");
}

static void long_lines_are_read_whole(void **state)
{
    (void)state;
    enum { LEN = 20000 };
    char *text = kdb_alloc(LEN + 100);
    char *end = text + sprintf(text, "[server]\nhost = \"");
    memset(end, 'h', LEN);
    memcpy(end + LEN, "\"\n", 3);
    assert_ok(load(text));
    assert_int_equal(kdb_opt_text(options, KDB_OPT_SERVER_HOST).len, LEN);
    kdb_free(text);
}

static void the_sample_file_loads_back_to_the_defaults(void **state)
{
    (void)state;
    kdb_buf sample;
    kdb_buf_init(&sample, 0);
    kdb_options_print_sample(&sample);
    kdb_buf_append_byte(&sample, '\0');
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (kdb_option_defs[id].type == KDB_OPT_TEXT) {
            assert_ok(kdb_options_set(options, kdbi_option_name(id, (char[KDBI_OPTION_NAME_MAX]){ 0 }), KDB_SV("other"),
                                      &err));
        }
    }
    assert_ok(load(sample.ptr));
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (!kdb_opt_is_default(options, id)) {
            fail_msg("%s.%s", kdb_option_defs[id].section, kdb_option_defs[id].key);
        }
        assert_contains(sample.ptr, kdb_option_defs[id].help);
    }
    kdb_buf_done(&sample);
}

static void help_names_every_option(void **state)
{
    (void)state;
    kdb_buf help;
    kdb_buf_init(&help, 0);
    kdb_options_print_help(&help);
    kdb_buf_append_byte(&help, '\0');
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        char name[KDBI_OPTION_NAME_MAX];
        (void)kdbi_option_name(id, name);
        assert_contains(help.ptr, name);
        (void)kdbi_option_env_name(id, name);
        assert_contains(help.ptr, name);
        assert_contains(help.ptr, kdb_option_defs[id].help);
    }
    kdb_buf_done(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_a_whole_row),
        cmocka_unit_test(no_two_options_share_a_name),
        cmocka_unit_test_setup_teardown(defaults_are_the_catalog_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_set_values_of_each_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_settings_are_refused_and_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_never_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_shown_as_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_has_new_and_old_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_variable_stops_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_flat_toml, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_line_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sample_file_loads_back_to_the_defaults, set_up, tear_down),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
