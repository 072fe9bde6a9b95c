/* server.h - the whole server: the command line, the ordered start and stop of all modules, signals. Used by main alone;
 * one thread. */
#ifndef KDB_SERVER_H
#define KDB_SERVER_H

#include "kdb/api.h"

/* "0.1.0", and the ISO 8601 date of the build. */
extern const char *const kdb_server_version;
extern const char *const kdb_server_build_date;

/* ---- command line ---- */

typedef enum kdb_command {
    KDB_COMMAND_SERVE,
    KDB_COMMAND_HELP,
    KDB_COMMAND_VERSION,
    KDB_COMMAND_PRINT_CONFIG,
    KDB_COMMAND_ROTATE_KEY
} kdb_command;

/* Reads argv, then into `options` the file (--config, else KALAMDB_CONFIG, else ./server.toml when there is one), the
 * environment and the flags, later ones winning. Stops at the first of --help, --version and --print-config.
 * KDB_INVALID is a mistake of the caller's in the arguments. */
KDB_NODISCARD kdb_status kdb_command_parse(int argc, char **argv, char **environment, kdb_options *options,
                                           kdb_command *out, kdb_err *err);
/* What the commands other than SERVE print. */
void kdb_command_print(kdb_command command, kdb_buf *out);

/* ---- running ---- */

typedef struct kdb_server kdb_server;
/* Opens everything in order and serves. A failed step says which it was, and closes those before it. `options` must
 * outlive the server. */
KDB_NODISCARD kdb_status kdb_server_start(const kdb_options *options, kdb_server **out, kdb_err *err);
/* Lets running requests end for at most server.shutdown_grace_seconds, then closes everything. NULL is fine. */
void kdb_server_stop(kdb_server *server);
/* Puts a new key before those in the server key file, which is made when there is none. KDB_CONFLICT while a server runs on the
 * data. */
KDB_NODISCARD kdb_status kdb_server_rotate_key(const kdb_options *options, kdb_err *err);
uint16_t kdb_server_port(const kdb_server *server);
/* Reads again what may change while it runs: the TLS certificate. What fails is logged, and stays as it was. */
void kdb_server_reload(kdb_server *server);
/* For people at a terminal: where the server listens, how to sign in, the first statement. */
void kdb_server_welcome(const kdb_server *server, kdb_buf *out);
KDB_DEFINE_CLEANUP(kdb_server, kdb_server_stop)

/* ---- signals ---- */

/* Before any thread starts: SIGTERM, SIGINT and SIGHUP wait for kdb_signals_wait, SIGPIPE is nobody's business. */
void kdb_signals_prepare(void);
/* Returns when the process is asked to end. Asked again, it ends at once with 128 + the signal's number. SIGHUP reloads. */
void kdb_signals_wait(kdb_server *server);

#endif
