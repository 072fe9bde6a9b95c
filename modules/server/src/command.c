/* command.c - the command line. Every option of the server is a flag too: --server.port=8080. */
#include <string.h>
#include <unistd.h>

#include "server_int.h"

#define DEFAULT_FILE "./server.toml"

/* Arguments that are not options of the server. */
typedef struct word {
    const char *name;
    kdb_command command;
    const char *help;
} word;

static const word words[] = {
    { "--help", KDB_COMMAND_HELP, "Print this and exit." },
    { "--version", KDB_COMMAND_VERSION, "Print the version and exit." },
    { "--print-config", KDB_COMMAND_PRINT_CONFIG, "Print a server.toml with every option and its default and exit." },
    { "--rotate-key", KDB_COMMAND_ROTATE_KEY,
      "Put a new key before those in the server key file and exit; the server must not run. At its next start it seals all "
      "it keeps with the new key, and then the older ones may be taken out of the file." },
};

static const word *find_word(const char *arg)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].name, arg) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

/* The value of `--config FILE` or `--config=FILE` at argv[*at], which moves on to its last argument; NULL for others. */
static const char *config_value(int argc, char **argv, int *at)
{
    static const char flag[] = "--config";
    const char *arg = argv[*at];
    if (strncmp(arg, flag, sizeof flag - 1) != 0) {
        return NULL;
    }
    if (arg[sizeof flag - 1] == '=') {
        return arg + sizeof flag;
    }
    if (arg[sizeof flag - 1] != '\0') {
        return NULL;
    }
    if (*at + 1 == argc) {
        return "";
    }
    return argv[++*at];
}

/* `--section.key=value`, `--section.key value`, or `--section.key` for true. */
static kdb_status set_flag(kdb_options *options, int argc, char **argv, int *at, kdb_err *err)
{
    const char *arg = argv[*at];
    if (strncmp(arg, "--", 2) != 0) {
        return KDB_FAIL(err, KDB_INVALID, "unexpected argument `%s`", arg);
    }
    const char *equals = strchr(arg, '=');
    if (equals != NULL) {
        return kdb_options_set(options, kdb_sv_of(arg + 2, (size_t)(equals - arg) - 2), kdb_sv_cstr(equals + 1), err);
    }
    const bool has_value = *at + 1 < argc && strncmp(argv[*at + 1], "--", 2) != 0;
    return kdb_options_set(options, kdb_sv_cstr(arg + 2), kdb_sv_cstr(has_value ? argv[++*at] : "true"), err);
}

static const char *find_variable(char **environment, const char *name)
{
    const size_t len = strlen(name);
    for (char **entry = environment; *entry != NULL; entry++) {
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') {
            return *entry + len + 1;
        }
    }
    return NULL;
}

static kdb_status load_file(kdb_options *options, const char *asked, char **environment, kdb_err *err)
{
    const char *path = asked != NULL ? asked : find_variable(environment, "KALAMDB_CONFIG");
    if (path == NULL) {
        path = access(DEFAULT_FILE, F_OK) == 0 ? DEFAULT_FILE : "";
    } else if (path[0] == '\0') {
        return KDB_FAIL(err, KDB_INVALID, "--config needs the name of a file");
    }
    return path[0] == '\0' ? KDB_OK : kdb_options_load_file(options, path, err);
}

/* Finds --config and the commands; what they are must be known before any option is set. */
static const char *scan(int argc, char **argv, kdb_command *command)
{
    const char *config = NULL;
    *command = KDB_COMMAND_SERVE;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *value = config_value(argc, argv, &i);
        const word *found = value == NULL ? find_word(arg) : NULL;
        if (value != NULL) {
            config = value;
        } else if (found != NULL && *command == KDB_COMMAND_SERVE) {
            *command = found->command;
        }
    }
    return config;
}

kdb_status kdb_command_parse(int argc, char **argv, char **environment, kdb_options *options, kdb_command *out,
                             kdb_err *err)
{
    kdb_command command;
    const char *config = scan(argc, argv, &command);
    if (command != KDB_COMMAND_SERVE && command != KDB_COMMAND_ROTATE_KEY) {
        *out = command;
        return KDB_OK;
    }
    KDB_TRY(load_file(options, config, environment, err));
    KDB_TRY(kdb_options_load_env(options, environment, err));
    for (int i = 1; i < argc; i++) {
        if (config_value(argc, argv, &i) == NULL && find_word(argv[i]) == NULL) {
            KDB_TRY(set_flag(options, argc, argv, &i, err));
        }
    }
    *out = command;
    return KDB_OK;
}

static void print_help(kdb_buf *out)
{
    kdb_buf_append_lit(out,
                       "Usage: kalamdb-server [--config FILE] [--section.key=value ...]\n\n"
                       "  --config FILE\n"
                       "      Read options from FILE; otherwise from $KALAMDB_CONFIG, or ./server.toml if it is there."
                       "\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        kdb_buf_printf(out, "  %s\n      %s\n", words[i].name, words[i].help);
    }
    kdb_buf_append_lit(out, "\nOptions come from the file, then the environment, then flags; later ones win.\n\n");
    kdb_options_print_help(out);
}

void kdb_command_print(kdb_command command, kdb_buf *out)
{
    switch (command) {
    case KDB_COMMAND_HELP:
        print_help(out);
        return;
    case KDB_COMMAND_VERSION:
        kdb_buf_printf(out, "kalamdb-server %s (%s)\n", kdb_server_version, kdb_server_build_date);
        return;
    case KDB_COMMAND_PRINT_CONFIG:
        kdb_options_print_sample(out);
        return;
    case KDB_COMMAND_ROTATE_KEY:
    case KDB_COMMAND_SERVE:
        return;
    }
}
