/* command_test.c - the command line: what is read from where, and what wins. */
#include <unistd.h>

#include "server_test.h"

enum { ARGS_MAX = 8 };

typedef struct parsed {
    kdb_options *options;
    kdb_status status;
    kdb_command command;
    kdb_err err;
} parsed;

static parsed parse(char **environment, const char *const *args)
{
    char *argv[ARGS_MAX + 1] = { (char[]){ "kalamdb-server" } };
    parsed p = { .options = kdb_options_new() };
    int argc = 1;
    for (; args != NULL && *args != NULL; args++) {
        argv[argc++] = kdb_sv_heap_cstr(kdb_sv_cstr(*args));
    }
    p.status = kdb_command_parse(argc, argv, environment, p.options, &p.command, &p.err);
    while (argc > 1) {
        kdb_free(argv[--argc]);
    }
    return p;
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })
static char *no_variables[] = { NULL };

static void no_arguments_serve_with_defaults(void **state)
{
    (void)state;
    parsed p = parse(no_variables, NULL);
    assert_int_equal(p.status, KDB_OK);
    assert_int_equal(p.command, KDB_COMMAND_SERVE);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_PORT), 8080);
    kdb_options_free(p.options);
}

static void flags_set_options_in_three_forms(void **state)
{
    (void)state;
    parsed p = parse(no_variables, ARGS("--server.port=81", "--server.workers", "3", "--auth.allow_remote_setup"));
    assert_int_equal(p.status, KDB_OK);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_PORT), 81);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_WORKERS), 3);
    assert_true(kdb_opt_bool(p.options, KDB_OPT_AUTH_ALLOW_REMOTE_SETUP));
    kdb_options_free(p.options);
}

static void write_text(const char *path, const char *text)
{
    kdb_err err;
    assert_int_equal(kdb_file_write(path, kdb_sv_cstr(text), 0600, &err), KDB_OK);
}

static void the_file_loses_to_the_environment_and_that_to_flags(void **state)
{
    (void)state;
    char *environment[] = { (char[]){ "KALAMDB_SERVER_PORT=2" }, (char[]){ "KALAMDB_SERVER_WORKERS=2" }, NULL };
    write_text("asked.toml", "[server]\nport = 1\nworkers = 1\nnet_threads = 1\n");
    parsed p = parse(environment, ARGS("--config", "asked.toml", "--server.port=3"));
    assert_int_equal(p.status, KDB_OK);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_PORT), 3);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_WORKERS), 2);
    assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_NET_THREADS), 1);
    kdb_options_free(p.options);
}

static void the_file_is_named_by_flag_variable_or_custom(void **state)
{
    (void)state;
    char *environment[] = { (char[]){ "KALAMDB_CONFIG=variable.toml" }, NULL };
    write_text("variable.toml", "[server]\nport = 11\n");
    write_text("flag.toml", "[server]\nport = 12\n");
    write_text("server.toml", "[server]\nport = 13\n");
    const struct {
        char **environment;
        const char *const *args;
        int64_t port;
    } cases[] = {
        { environment, ARGS("--config=flag.toml"), 12 },
        { environment, NULL, 11 },
        { no_variables, NULL, 13 },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        parsed p = parse(cases[i].environment, cases[i].args);
        assert_int_equal(p.status, KDB_OK);
        assert_int_equal(kdb_opt_i64(p.options, KDB_OPT_SERVER_PORT), cases[i].port);
        kdb_options_free(p.options);
    }
    assert_int_equal(unlink("server.toml"), 0);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    const struct {
        const char *const *args;
        const char *part;
    } cases[] = {
        { ARGS("serve"), "unexpected argument `serve`" },
        { ARGS("--no.such=1"), "no.such" },
        { ARGS("--server.port=x"), "server.port" },
        { ARGS("--server.port=70000"), "server.port" },
        { ARGS("--config"), "--config needs" },
        { ARGS("--config="), "--config needs" },
        { ARGS("--config", "missing.toml"), "missing.toml" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        parsed p = parse(no_variables, cases[i].args);
        assert_int_not_equal(p.status, KDB_OK);
        assert_contains(p.err.text, cases[i].part);
        kdb_options_free(p.options);
    }
}

static void commands_are_found_and_print(void **state)
{
    (void)state;
    const struct {
        const char *arg;
        kdb_command command;
        const char *part;
    } cases[] = {
        { "--help", KDB_COMMAND_HELP, "--server.port=" },
        { "--version", KDB_COMMAND_VERSION, "kalamdb-server " },
        { "--print-config", KDB_COMMAND_PRINT_CONFIG, "[server]" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        parsed p = parse(no_variables, ARGS("--server.port=nonsense", cases[i].arg));
        assert_int_equal(p.status, KDB_OK);
        assert_int_equal(p.command, cases[i].command);
        kdb_buf text;
        kdb_buf_init(&text, 0);
        kdb_command_print(p.command, &text);
        kdb_buf_append_byte(&text, 0);
        assert_contains(text.ptr, cases[i].part);
        kdb_buf_done(&text);
        kdb_options_free(p.options);
    }
}

static void the_printed_file_can_be_read(void **state)
{
    (void)state;
    kdb_buf text;
    kdb_err err;
    kdb_buf_init(&text, 0);
    kdb_command_print(KDB_COMMAND_PRINT_CONFIG, &text);
    assert_int_equal(kdb_file_write("printed.toml", kdb_buf_sv(&text), 0600, &err), KDB_OK);
    parsed p = parse(no_variables, ARGS("--config=printed.toml"));
    assert_int_equal(p.status, KDB_OK);
    kdb_options_free(p.options);
    kdb_buf_done(&text);
}

static void only_this_machine_s_addresses_are_local(void **state)
{
    (void)state;
    static const char *const local[] = { "127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST" };
    static const char *const open[] = { "0.0.0.0", "::", "192.168.1.4", "example.com", "localhost.example.com", "" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(local); i++) {
        assert_true(kdbi_host_is_local(kdb_sv_cstr(local[i])));
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(open); i++) {
        assert_false(kdbi_host_is_local(kdb_sv_cstr(open[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_arguments_serve_with_defaults),
        cmocka_unit_test(flags_set_options_in_three_forms),
        cmocka_unit_test(the_file_loses_to_the_environment_and_that_to_flags),
        cmocka_unit_test(the_file_is_named_by_flag_variable_or_custom),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(commands_are_found_and_print),
        cmocka_unit_test(the_printed_file_can_be_read),
        cmocka_unit_test(only_this_machine_s_addresses_are_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
