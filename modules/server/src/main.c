/* main.c - kalamdb-server. Exit status: 0 stopped as asked, 1 could not start, 2 wrong arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kdb/server.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void print(const kdb_buf *text)
{
    (void)fwrite(text->ptr, 1, text->len, stdout);
    (void)fflush(stdout);
}

static void print_command(kdb_command command)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_command_print(command, &text);
    print(&text);
    kdb_buf_done(&text);
}

static void print_welcome(const kdb_server *server)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_server_welcome(server, &text);
    print(&text);
    kdb_buf_done(&text);
}

static kdb_status set_up_log(const kdb_options *options, kdb_err *err)
{
    kdb_log_level level;
    KDB_TRY(kdb_log_level_parse(kdb_opt_text(options, KDB_OPT_LOG_LEVEL), &level, err));
    const bool json = kdb_sv_eq(kdb_opt_text(options, KDB_OPT_LOG_FORMAT), KDB_SV("json"));
    kdb_log_setup(level, json ? KDB_LOG_JSON : KDB_LOG_COMPACT, STDERR_FILENO);
    return KDB_OK;
}

/* For tests of crashes. */
static kdb_status arm_failpoint(kdb_err *err)
{
    const char *point = getenv("KALAMDB_FAILPOINT");
    return point == NULL ? KDB_OK : kdb_failpoint_arm(kdb_sv_cstr(point), err);
}

static int serve(const kdb_options *options)
{
    KDB_CLEANUP(kdb_server_stopp) kdb_server *server = NULL;
    kdb_err err;
    kdb_signals_prepare();
    if (set_up_log(options, &err) != KDB_OK || arm_failpoint(&err) != KDB_OK ||
        kdb_server_start(options, &server, &err) != KDB_OK) {
        kdb_log_error("cannot start err=\"%s\"", err.text);
        return EXIT_FAILED;
    }
    print_welcome(server);
    kdb_signals_wait(server);
    return EXIT_OK;
}

static int rotate_key(const kdb_options *options)
{
    kdb_err err;
    if (set_up_log(options, &err) != KDB_OK || kdb_server_rotate_key(options, &err) != KDB_OK) {
        kdb_log_error("no new key err=\"%s\"", err.text);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    KDB_CLEANUP(kdb_options_freep) kdb_options *options = kdb_options_new();
    kdb_command command;
    kdb_err err;
    if (kdb_command_parse(argc, argv, environ, options, &command, &err) != KDB_OK) {
        (void)fprintf(stderr, "kalamdb-server: %s\nTry `kalamdb-server --help`.\n", err.text);
        return EXIT_USAGE;
    }
    if (command == KDB_COMMAND_ROTATE_KEY) {
        return rotate_key(options);
    }
    if (command != KDB_COMMAND_SERVE) {
        print_command(command);
        return EXIT_OK;
    }
    return serve(options);
}
