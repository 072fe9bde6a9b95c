/* server.c - the ordered start of all modules, one row per step, and their stop in the opposite order. Each step needs only
 * those before it; the last one opens the door. */
#include <sys/resource.h>
#include <unistd.h>

#include "server_int.h"

enum { SECOND_US = 1000000 };

/* ---- steps ---- */

static kdb_status open_datadir(kdb_server *server, kdb_err *err)
{
    KDB_TRY(kdbi_server_check_origin(server->options, err));
    KDB_TRY(kdb_datadir_open(kdb_opt_text(server->options, KDB_OPT_STORAGE_DATA_PATH), &server->datadir, err));
    return kdbi_keys_open(server->options, server->datadir, &server->seal, err);
}

static void close_datadir(kdb_server *server)
{
    kdb_seal_free(server->seal);
    kdb_datadir_close(server->datadir);
}

/* Descriptors that are no connection's and no table file's of RocksDB's: cold files that are read and written, directories, pipes. */
enum { OTHER_FILES = 512 };
enum { CACHE_SHARE = 16, CACHE_MIN = 64 << 20, CACHE_MAX = 256 << 20 };

/* Not more than that by itself: a container may have less than the machine that it asks. */
static int64_t block_cache_bytes(const kdb_options *options)
{
    const int64_t said = kdb_opt_i64(options, KDB_OPT_ROCKSDB_BLOCK_CACHE);
    const int64_t share = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / CACHE_SHARE;
    if (said != 0) {
        return said;
    }
    return share < CACHE_MIN ? CACHE_MIN : share > CACHE_MAX ? CACHE_MAX : share;
}

static kdb_status open_store(kdb_server *server, kdb_err *err)
{
    const kdb_options *options = server->options;
    const kdb_sv durability = kdb_opt_text(options, KDB_OPT_STORAGE_DURABILITY);
    const kdb_store_options store = {
        .path = kdb_datadir_rocksdb(server->datadir),
        .sync = kdb_sv_eq(durability, KDB_SV("sync")),
        .block_cache_bytes = block_cache_bytes(options),
        .write_buffer_bytes = kdb_opt_i64(options, KDB_OPT_ROCKSDB_WRITE_BUFFER),
        .background_jobs = (int32_t)kdb_opt_i64(options, KDB_OPT_ROCKSDB_BACKGROUND_JOBS),
        .max_open_files = (int32_t)kdb_opt_i64(options, KDB_OPT_ROCKSDB_MAX_OPEN_FILES),
        .min_free_bytes = kdb_opt_i64(options, KDB_OPT_STORAGE_MIN_FREE),
    };
    kdb_snowflake_setup((uint16_t)kdb_opt_i64(options, KDB_OPT_NODE_ID));
    return kdb_store_open(&store, &server->store, err);
}

static void close_store(kdb_server *server)
{
    kdb_store_close(server->store);
}

/* An account that nobody's statement made is its own doing. */
static kdb_status commit_provisioned(void *self, const kdb_user *user, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_audit_record record = { .action = KDB_AUDIT_CREATE_USER,
                                      .actor = user->id.text,
                                      .target = user->id.text,
                                      .details = kdb_sv_printf(arena, "Role: %s, at first sign-in: %.*s",
                                                               kdb_role_title(user->role), KDB_SV_ARG(user->auth_data)),
                                      .subject = user->id.text };
    return kdb_audit_commit(self, &record, 1, batch, err);
}

static kdb_status open_auth(kdb_server *server, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_options *options = server->options;
    kdb_auth_options auth = {
        .seal = server->seal,
        .commit_provisioned = commit_provisioned,
        .commit_self = server->audit,
        .jwt_secret = kdb_opt_text(options, KDB_OPT_AUTH_JWT_SECRET),
        .access_seconds = kdb_opt_i64(options, KDB_OPT_AUTH_JWT_EXPIRY_HOURS) * 3600,
        .refresh_reuse_seconds = kdb_opt_i64(options, KDB_OPT_AUTH_REFRESH_REUSE),
        .bcrypt_cost = (int32_t)kdb_opt_i64(options, KDB_OPT_AUTH_BCRYPT_COST),
        .hash_threads = (int32_t)kdb_opt_i64(options, KDB_OPT_AUTH_HASH_THREADS),
        .hash_queue = 256, /* about a minute of password checks on one thread */
        .min_password = (int32_t)kdb_opt_i64(options, KDB_OPT_AUTH_MIN_PASSWORD),
        .complexity = kdb_opt_bool(options, KDB_OPT_AUTH_COMPLEXITY),
        .root_password = kdb_opt_text(options, KDB_OPT_AUTH_ROOT_PASSWORD),
    };
    KDB_TRY(kdbi_server_read_issuers(options, arena, &auth, err));
    return kdb_auth_open(server->store, &auth, &server->auth, err);
}

static kdb_status open_system_tables(kdb_server *server, kdb_err *err)
{
    const kdb_audit_options audit = { 0 };
    KDB_TRY(kdb_audit_open(server->store, server->seal, &audit, &server->audit, err));
    const kdb_registry_options registry = {
        .shared_template = kdb_opt_text(server->options, KDB_OPT_STORAGE_SHARED_TEMPLATE),
        .user_template = kdb_opt_text(server->options, KDB_OPT_STORAGE_USER_TEMPLATE),
        .seal = server->seal,
    };
    KDB_TRY(kdb_registry_open(server->store, &registry, &server->registry, err));
    return open_auth(server, err);
}

static void close_system_tables(kdb_server *server)
{
    kdb_auth_close(server->auth);
    kdb_registry_close(server->registry);
    kdb_audit_close(server->audit);
}

/* What reads and writes Parquet: one thread, so that what it runs it runs on the thread that asks, which may be one of the other
 * engine's; nothing it does needs memory by the size of a table. */
static kdb_status open_reader(kdb_server *server, kdb_engine_options engine, kdb_err *err)
{
    engine.threads = 1;
    return kdb_engine_open(&engine, &server->reader, err);
}

static kdb_status open_cold(kdb_server *server, kdb_err *err)
{
    const kdb_cold_options cold = { .store = server->store,
                                    .reader = server->reader,
                                    .objects = server->objects,
                                    .direct_rows = (uint64_t)kdb_opt_i64(server->options, KDB_OPT_ENGINE_DIRECT_ROWS) };
    KDB_TRY(kdbi_server_put_back(server, err));
    KDB_TRY(kdb_cold_open(&cold, &server->cold, err));
    return kdb_cold_recover(server->cold, err);
}

static kdb_status open_cold_and_engine(kdb_server *server, kdb_err *err)
{
    kdbi_server_open_storages(server);
    const int64_t threads = kdb_opt_i64(server->options, KDB_OPT_ENGINE_THREADS);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const kdb_engine_options engine = {
        .memory_limit = kdb_opt_i64(server->options, KDB_OPT_ENGINE_MEMORY_LIMIT),
        .threads = threads > 0 ? (int32_t)threads
                   : cores > 0 ? (int32_t)cores
                               : 1,
        .allowed_directory = kdb_datadir_storages(server->datadir),
        .temp_directory = kdb_datadir_tmp(server->datadir),
        .max_spill = kdb_opt_i64(server->options, KDB_OPT_ENGINE_SPILL),
    };
    KDB_TRY(kdb_engine_open(&engine, &server->engine, err));
    KDB_TRY(open_reader(server, engine, err));
    return open_cold(server, err);
}

static void close_cold_and_engine(kdb_server *server)
{
    kdb_cold_close(server->cold);
    kdb_engine_close(server->reader);
    kdb_engine_close(server->engine);
    kdb_object_stores_free(server->objects);
}

static kdb_status open_services(kdb_server *server, KDB_UNUSED kdb_err *err)
{
    const kdb_system_reporter reporter = { .self = server,
                                           .live = kdbi_server_report_live,
                                           .stats = kdbi_server_report_stats,
                                           .transactions = kdbi_server_report_transactions,
                                           .manifests = kdbi_server_report_manifests,
                                           .manifest = kdbi_server_report_manifest,
                                           .version = kdb_sv_cstr(kdb_server_version) };
    server->system = kdb_system_new(server->store, server->registry, server->auth, server->options);
    kdb_system_set_reporter(server->system, &reporter);
    return KDB_OK;
}

static void close_services(kdb_server *server)
{
    kdb_system_free(server->system);
}

kdb_status kdbi_server_live_kill(void *self, kdb_sv live_id, const kdb_principal *by, kdb_err *err)
{
    return kdb_live_kill(((kdb_server *)self)->live, live_id, by, err);
}

uint64_t kdbi_server_live_watching(void *self, const kdb_table *table, kdb_user_id user)
{
    return kdb_live_watching(((kdb_server *)self)->live, table, user);
}

static kdb_status open_executor(kdb_server *server, kdb_err *err)
{
    server->live = kdb_live_new(server->options);
    const kdb_change_sink sink = kdb_live_sink(server->live);
    const kdb_core_options core = {
        .store = server->store,
        .engine = server->engine,
        .registry = server->registry,
        .auth = server->auth,
        .system = server->system,
        .audit = server->audit,
        .objects = server->objects,
        .cold = server->cold,
        .options = server->options,
        .live = { .self = server,
                  .url = kdbi_server_live_url,
                  .kill = kdbi_server_live_kill,
                  .watching = kdbi_server_live_watching },
        .jobs = kdbi_server_job_control(server),
        .sinks = &sink,
        .nsinks = 1,
    };
    KDB_TRY(kdb_core_open(&core, &server->core, err));
    kdb_live_run(server->live, server->core, server->store);
    return KDB_OK;
}

static void close_executor(kdb_server *server)
{
    kdb_core_close(server->core);
    kdb_live_free(server->live);
}

static kdb_status open_jobs(kdb_server *server, kdb_err *err)
{
    const kdb_jobs_options jobs = {
        .core = server->core,
        .store = server->store,
        .registry = server->registry,
        .auth = server->auth,
        .options = server->options,
        .datadir = server->datadir,
        .objects = server->objects,
        .cold = server->cold,
    };
    return kdb_jobs_open(&jobs, &server->jobs, err);
}

static void close_jobs(kdb_server *server)
{
    kdb_jobs_close(server->jobs);
}

/* Whoever knows the well-known secret can make himself any user's token. */
static kdb_status check_secret(const kdb_server *server, kdb_err *err)
{
    const kdb_sv host = kdb_opt_text(server->options, KDB_OPT_SERVER_HOST);
    if (kdb_auth_secret_is_default(server->auth) && !kdbi_host_is_local(host)) {
        return KDB_FAIL(
            err, KDB_INVALID,
            "auth.jwt_secret is the well-known placeholder, so the server does not listen on %.*s: choose a "
            "secret of 32 characters or more, or leave it empty to have one made",
            KDB_SV_ARG(host));
    }
    return KDB_OK;
}

/* What the limit of open files leaves for connections: RocksDB that cannot open a file takes no more writes. At least a quarter. */
static uint64_t most_connections(const kdb_options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return UINT32_MAX;
    }
    const int64_t rocks = kdb_opt_i64(options, KDB_OPT_ROCKSDB_MAX_OPEN_FILES);
    const uint64_t files = OTHER_FILES + (rocks < 0 ? OTHER_FILES : (uint64_t)rocks);
    const uint64_t quarter = limit.rlim_cur / 4;
    return limit.rlim_cur > files + quarter ? limit.rlim_cur - files : quarter;
}

static kdb_status open_http(kdb_server *server, kdb_err *err)
{
    const kdb_api_options api = {
        .core = server->core,
        .auth = server->auth,
        .audit = server->audit,
        .datadir = server->datadir,
        .live = server->live,
        .options = server->options,
        .most_connections = most_connections(server->options),
        .version = kdb_server_version,
        .build_date = kdb_server_build_date,
    };
    KDB_TRY(check_secret(server, err));
    return kdb_api_open(&api, &server->api, err);
}

static void close_http(kdb_server *server)
{
    kdb_api_close(server->api);
}

typedef struct step {
    const char *name;
    kdb_status (*open)(kdb_server *server, kdb_err *err);
    void (*close)(kdb_server *server); /* also of a step that failed half-way */
} step;

static const step steps[] = {
    { "data directory", open_datadir, close_datadir },
    { "system schema", open_store, close_store },
    { "system tables", open_system_tables, close_system_tables },
    { "stores", open_cold_and_engine, close_cold_and_engine },
    { "services", open_services, close_services },
    { "executor", open_executor, close_executor },
    { "jobs", open_jobs, close_jobs },
    { "HTTP", open_http, close_http },
};

/* ---- the whole ---- */

/* A connection is a descriptor, and so is a RocksDB file; the soft limit is often 1024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static kdb_status run_step(kdb_server *server, size_t index, kdb_err *err)
{
    const int64_t begun = kdb_monotonic_us();
    server->nsteps = index + 1;
    const kdb_status status = steps[index].open(server, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "start-up step %zu (%s)", index + 1, steps[index].name);
        return status;
    }
    const int64_t took = kdb_monotonic_us() - begun;
    kdb_log_info("start-up step=%zu name=\"%s\" took_ms=%lld.%03lld", index + 1, steps[index].name,
                 (long long)(took / 1000), (long long)(took % 1000));
    return KDB_OK;
}

kdb_status kdb_server_start(const kdb_options *options, kdb_server **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_server_stopp) kdb_server *server = KDB_NEW(kdb_server);
    const int64_t begun = kdb_monotonic_us();
    server->options = options;
    raise_descriptor_limit();
    for (size_t i = 0; i < KDB_ARRAY_LEN(steps); i++) {
        KDB_TRY(run_step(server, i, err));
    }
    kdb_log_info("server ready version=%s port=%u took_ms=%lld", kdb_server_version, kdb_server_port(server),
                 (long long)((kdb_monotonic_us() - begun) / 1000));
    *out = KDB_TAKE(server);
    return KDB_OK;
}

/* Three quarters of the grace are for requests to end by themselves; statements that still run are then cancelled, so
 * that their clients get an answer before the connections go. */
static void let_requests_end(kdb_server *server)
{
    const int64_t grace = kdb_opt_i64(server->options, KDB_OPT_SERVER_SHUTDOWN_GRACE) * SECOND_US;
    if (server->api != NULL) {
        kdb_api_drain(server->api, grace / 4 * 3);
    }
    if (server->objects != NULL) { /* whoever waits for a bucket has waited long enough */
        kdb_object_stores_stop(server->objects);
    }
    kdb_jobs_stop(server->jobs);
    if (server->core != NULL) {
        kdb_core_drain(server->core, 0);
    }
    if (server->live != NULL) { /* nobody has a subscription any more, and the loops still take what is under way */
        kdb_live_stop(server->live);
    }
    if (server->api != NULL) {
        kdb_api_drain(server->api, grace / 8);
    }
}

void kdb_server_stop(kdb_server *server)
{
    if (server == NULL) {
        return;
    }
    let_requests_end(server);
    for (size_t i = server->nsteps; i-- > 0;) {
        steps[i].close(server);
    }
    kdb_log_info("server stopped");
    kdb_free(server);
}

uint16_t kdb_server_port(const kdb_server *server)
{
    return kdb_api_port(server->api);
}

void kdb_server_reload(kdb_server *server)
{
    kdb_err err;
    if (kdb_api_reload(server->api, server->options, &err) != KDB_OK) {
        kdb_log_error("reload failed err=\"%s\"", err.text);
    }
}
