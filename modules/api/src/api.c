/* api.c - opens, drains and closes the HTTP edge. */
#include <string.h>
#include <unistd.h>

#include "hub_int.h"

enum { REFUSED_MAX = 1024 }; /* connections over the limit that are answered */

static int64_t option_us(const kdb_options *options, kdb_option_id id)
{
    return kdb_opt_i64(options, id) * 1000000;
}

static size_t loop_count(const kdb_options *options)
{
    const int64_t asked = kdb_opt_i64(options, KDB_OPT_SERVER_NET_THREADS);
    if (asked > 0) {
        return (size_t)asked;
    }
    const long half = sysconf(_SC_NPROCESSORS_ONLN) / 2;
    return half > 1 ? (size_t)half : 1;
}

/* Of those that there are descriptors for, some are for telling the others to go. */
static void limit_connections(const kdb_api_options *options, kdbi_settings *set)
{
    const uint64_t wanted = (uint64_t)kdb_opt_i64(options->options, KDB_OPT_PERF_MAX_CONNECTIONS);
    const uint64_t most = options->most_connections;
    set->max_refused = most / 8 < REFUSED_MAX ? most / 8 : REFUSED_MAX;
    const uint64_t room = most - set->max_refused;
    set->max_connections = wanted < room ? wanted : room;
    if (room < wanted) {
        kdb_log_warn(
            "the limit of open files allows fewer connections than performance.max_connections connections=%llu",
            (unsigned long long)room);
    }
}

static kdb_status read_settings(const kdb_api_options *options, kdbi_settings *set, kdb_err *err)
{
    const kdb_options *opt = options->options;
    KDB_TRY(kdbi_trusted_parse(kdb_opt_text(opt, KDB_OPT_SECURITY_TRUSTED_PROXIES), &set->trusted, err));
    set->health = kdbi_health_body(options->version, options->build_date);
    set->sql.params = (size_t)kdb_opt_i64(opt, KDB_OPT_EXEC_MAX_PARAMETERS);
    set->sql.param_bytes = (size_t)kdb_opt_i64(opt, KDB_OPT_EXEC_MAX_PARAMETER_SIZE);
    set->cors = (kdbi_cors){ .origins = kdb_opt_text(opt, KDB_OPT_SECURITY_CORS_ORIGINS),
                             .methods = kdb_opt_text(opt, KDB_OPT_SECURITY_CORS_METHODS),
                             .headers = kdb_opt_text(opt, KDB_OPT_SECURITY_CORS_HEADERS),
                             .expose = kdb_opt_text(opt, KDB_OPT_SECURITY_CORS_EXPOSE),
                             .credentials = kdb_opt_bool(opt, KDB_OPT_SECURITY_CORS_CREDENTIALS),
                             .private_network = kdb_opt_bool(opt, KDB_OPT_SECURITY_CORS_PRIVATE),
                             .max_age = kdb_opt_i64(opt, KDB_OPT_SECURITY_CORS_MAX_AGE) };
    set->max_body = (size_t)kdb_opt_i64(opt, KDB_OPT_SECURITY_MAX_BODY);
    set->result_bytes = (size_t)kdb_opt_i64(opt, KDB_OPT_LIMITS_RESULT_BYTES);
    limit_connections(options, set);
    set->max_head = (size_t)kdb_opt_i64(opt, KDB_OPT_PERF_MAX_HEADER);
    set->request_us = option_us(opt, KDB_OPT_PERF_REQUEST_TIMEOUT);
    set->head_us = option_us(opt, KDB_OPT_PERF_HEAD_TIMEOUT);
    set->head_us = set->head_us < set->request_us ? set->head_us : set->request_us;
    set->keepalive_us = option_us(opt, KDB_OPT_PERF_KEEPALIVE_TIMEOUT);
    set->stalled_us = option_us(opt, KDB_OPT_PERF_STALLED_CLIENT);
    set->ws_auth_us = option_us(opt, KDB_OPT_WS_AUTH_TIMEOUT);
    set->ws_silence_us = option_us(opt, KDB_OPT_WS_CLIENT_TIMEOUT);
    set->ws_heartbeat_us = option_us(opt, KDB_OPT_WS_HEARTBEAT);
    set->ws_messages_per_sec = kdb_opt_i64(opt, KDB_OPT_RATE_MESSAGES_PER_SEC);
    set->ws_message_bytes = (size_t)kdb_opt_i64(opt, KDB_OPT_SECURITY_MAX_WS_MESSAGE);
    set->queue_bytes = (size_t)kdb_opt_i64(opt, KDB_OPT_WS_QUEUE_BYTES);
    set->queue_total = (size_t)kdb_opt_i64(opt, KDB_OPT_WS_QUEUE_TOTAL) / loop_count(opt);
    set->strict_origin = kdb_opt_bool(opt, KDB_OPT_SECURITY_STRICT_ORIGIN);
    set->cookie_secure = kdb_opt_bool(opt, KDB_OPT_AUTH_COOKIE_SECURE);
    set->remote_setup = kdb_opt_bool(opt, KDB_OPT_AUTH_ALLOW_REMOTE_SETUP);
    return KDB_OK;
}

/* H2O keeps large request bodies in a mapped file under /tmp; ours are bounded and stay in memory. */
static void keep_bodies_in_memory(void)
{
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
}

static void start_loops(kdb_api *api, size_t count)
{
    api->nloops = count;
    api->loops = kdb_alloc_array(count, sizeof(*api->loops));
    for (size_t i = 0; i < count; i++) {
        api->loops[i].api = api;
        api->loops[i].index = i;
    }
    if (api->live != NULL) {
        kdbi_hub_attach(api);
    }
    for (size_t i = count; i-- > 0;) { /* the one that accepts last: the others must be able to take connections */
        kdbi_loop_start(&api->loops[i]);
        kdb_mutex_lock(&api->lock);
        while (api->ready < count - i) {
            kdb_cond_wait(&api->changed, &api->lock);
        }
        kdb_mutex_unlock(&api->lock);
    }
}

kdb_status kdb_api_open(const kdb_api_options *options, kdb_api **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_api_closep) kdb_api *api = KDB_NEW(kdb_api);
    const kdb_options *opt = options->options;
    api->core = options->core;
    api->auth = options->auth;
    api->audit = options->audit;
    api->datadir = options->datadir;
    api->live = options->live;
    kdb_mutex_init(&api->lock, KDB_LOCK_REQUEST);
    kdb_cond_init(&api->changed);
    KDB_TRY(read_settings(options, &api->set, err));
    api->queries = kdbi_rate_limit_new(kdb_opt_i64(opt, KDB_OPT_RATE_QUERIES_PER_SEC), 0);
    api->signins = kdbi_rate_limit_new(kdb_opt_i64(opt, KDB_OPT_RATE_AUTH_PER_SEC), 0);
    api->ban_seconds = kdb_opt_i64(opt, KDB_OPT_RATE_BAN_SECONDS);
    api->requests = kdbi_rate_limit_new(kdb_opt_i64(opt, KDB_OPT_RATE_REQUESTS_PER_SEC), api->ban_seconds);
    api->per_address = kdbi_conn_limit_new(kdb_opt_i64(opt, KDB_OPT_RATE_CONNECTIONS));
    keep_bodies_in_memory();
    KDB_TRY(kdbi_tls_load(opt, &api->tls, err));
    KDB_TRY(kdbi_listen(api, kdb_opt_text(opt, KDB_OPT_SERVER_HOST), (uint16_t)kdb_opt_i64(opt, KDB_OPT_SERVER_PORT),
                        (int)kdb_opt_i64(opt, KDB_OPT_PERF_BACKLOG), err));
    start_loops(api, loop_count(opt));
    *out = KDB_TAKE(api);
    return KDB_OK;
}

uint16_t kdb_api_port(const kdb_api *api)
{
    return api->port;
}

kdb_status kdb_api_reload(kdb_api *api, const kdb_options *options, kdb_err *err)
{
    SSL_CTX *tls = NULL;
    if (api->tls == NULL) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_tls_load(options, &tls, err));
    for (size_t i = 0; i < api->nloops; i++) {
        kdbi_loop_set_tls(&api->loops[i], tls);
    }
    SSL_CTX_free(api->tls);
    api->tls = tls;
    kdb_log_info("TLS certificate read again");
    return KDB_OK;
}

void kdb_api_drain(kdb_api *api, int64_t grace_us)
{
    const int64_t deadline = kdb_monotonic_us() + grace_us;
    atomic_store(&api->draining, true);
    for (size_t i = 0; i < api->nloops; i++) {
        kdbi_loop_drain(&api->loops[i]);
    }
    kdb_mutex_lock(&api->lock);
    while (api->drained < api->nloops) { /* at once: live goes on only when nobody has a subscription */
        kdb_cond_wait(&api->changed, &api->lock);
    }
    while (atomic_load(&api->connections) > 0 && kdb_cond_wait_until(&api->changed, &api->lock, deadline)) {}
    kdb_mutex_unlock(&api->lock);
    for (size_t i = 0; i < api->nloops; i++) {
        kdbi_loop_cut(&api->loops[i]);
    }
}

/* The one that accepts first: it gives connections to the others. */
static void stop_loops(kdb_api *api)
{
    for (size_t i = 0; i < api->nloops; i++) {
        kdbi_loop_stop(&api->loops[i]);
        kdb_thread_join(&api->loops[i].thread);
    }
    kdb_free(api->loops);
}

void kdb_api_close(kdb_api *api)
{
    if (api == NULL) {
        return;
    }
    if (api->nloops > 0) {
        stop_loops(api); /* loop 0 has closed the listeners */
    } else {
        for (size_t i = 0; i < api->nlisteners; i++) {
            (void)close(api->listeners[i]);
        }
    }
    kdbi_rate_limit_free(api->queries);
    kdbi_rate_limit_free(api->signins);
    kdbi_rate_limit_free(api->requests);
    kdbi_conn_limit_free(api->per_address);
    SSL_CTX_free(api->tls);
    kdbi_trusted_done(&api->set.trusted);
    kdb_free((void *)(uintptr_t)api->set.health.ptr);
    kdb_cond_done(&api->changed);
    kdb_mutex_done(&api->lock);
    kdb_free(api);
}

void kdb_api_stats_get(kdb_api *api, kdb_api_stats *out)
{
    *out = (kdb_api_stats){ .connections = atomic_load(&api->connections),
                            .connections_peak = atomic_load(&api->connections_peak),
                            .websocket_sessions = atomic_load(&api->sockets),
                            .websocket_sessions_peak = atomic_load(&api->sockets_peak) };
    for (size_t i = 0; i < api->nloops; i++) {
        out->requests += atomic_load(&api->loops[i].requests);
        out->bytes_out += atomic_load(&api->loops[i].bytes_out);
        if (api->live != NULL) {
            out->live_messages_out += atomic_load(&api->loops[i].hub->frames_out);
            out->live_bytes_out += atomic_load(&api->loops[i].hub->bytes_out);
        }
    }
}
