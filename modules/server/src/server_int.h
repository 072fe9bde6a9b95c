/* server_int.h - what server's own files share. */
#ifndef KDB_SERVER_INT_H
#define KDB_SERVER_INT_H

#include "kdb/filestore.h"
#include "kdb/jobs.h"
#include "kdb/live.h"
#include "kdb/server.h"

/* The parts in the order of their start. */
struct kdb_server {
    const kdb_options *options;
    kdb_datadir *datadir;
    kdb_seal *seal;
    kdb_store *store;
    kdb_audit *audit;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_object_stores *objects;
    kdb_engine *engine;
    kdb_engine *reader; /* of Parquet files */
    kdb_cold *cold;
    kdb_system *system;
    kdb_live *live;
    kdb_core *core;
    kdb_jobs *jobs;
    kdb_api *api;
    size_t nsteps; /* started: what stop has to close */
};

/* keys.c: opens the server's key file, and makes it when there is none. */
KDB_NODISCARD kdb_status kdbi_keys_open(const kdb_options *options, const kdb_datadir *datadir, kdb_seal **out,
                                        kdb_err *err);
/* storages.c: opens the storages of the registry. One that cannot be opened is logged, and tried again by whoever needs it. */
void kdbi_server_open_storages(kdb_server *server);
/* After a restore: puts the files that came with it into their storages. Those of one that cannot be reached wait for the next start. */
KDB_NODISCARD kdb_status kdbi_server_put_back(kdb_server *server, kdb_err *err);
/* Figures of core, live and api for system.stats. */
void kdbi_server_report_stats(void *self, kdb_arena *arena, kdb_stat_row **out, size_t *count);
void kdbi_server_report_live(void *self, kdb_arena *arena, kdb_live_row **out, size_t *count);
void kdbi_server_report_manifests(void *self, const kdb_principal *viewer, kdb_arena *arena, kdb_manifest_row **out,
                                  size_t *count);
bool kdbi_server_report_manifest(void *self, kdb_arena *arena, kdb_manifest_row *row);
void kdbi_server_report_transactions(void *self, kdb_arena *arena, kdb_transaction_row **out, size_t *count);
/* The issuers whose tokens are taken, in `arena`, and what goes with them. KDB_INVALID when an option is missing. */
KDB_NODISCARD kdb_status kdbi_server_read_issuers(const kdb_options *options, kdb_arena *arena, kdb_auth_options *out,
                                                  kdb_err *err);
/* url.c: `<scheme>[s]://host:port`; a wildcard host is reached as this machine. */
void kdbi_server_put_url(const kdb_server *server, const char *scheme, kdb_buf *out);
/* KDB_INVALID when server.public_origin is no URL of HTTP. */
KDB_NODISCARD kdb_status kdbi_server_check_origin(const kdb_options *options, kdb_err *err);
/* Where clients reach the server over HTTP: server.public_origin, or what it listens on. */
kdb_sv kdbi_server_http_url(void *self, kdb_arena *arena);
/* For kdb_live_control. */
kdb_sv kdbi_server_live_url(void *self, kdb_arena *arena);
kdb_status kdbi_server_live_kill(void *self, kdb_sv live_id, const kdb_principal *by, kdb_err *err);
uint64_t kdbi_server_live_watching(void *self, const kdb_table *table, kdb_user_id user);
/* jobs.c: for kdb_job_control. */
kdb_job_control kdbi_server_job_control(kdb_server *server);
/* True when only this machine can reach server.host. */
bool kdbi_host_is_local(kdb_sv host);

#endif
