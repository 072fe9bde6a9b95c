/* stats.c - what the upper modules report for the system tables: figures for system.stats, which has those of the process
 * and the store itself, and the open transactions. */
#include "server_int.h"

typedef struct stats {
    kdb_core_stats core;
    kdb_api_stats api;
    kdb_live_stats live;
} stats;

typedef struct figure {
    const char *name;
    size_t offset; /* of a uint64_t in stats */
} figure;

static const figure figures[] = {
    { "active_connections", offsetof(stats, api.connections) },
    { "active_connections_peak", offsetof(stats, api.connections_peak) },
    { "http_requests", offsetof(stats, api.requests) },
    { "http_bytes_out", offsetof(stats, api.bytes_out) },
    { "sql_requests", offsetof(stats, core.requests) },
    { "sql_failed", offsetof(stats, core.failed) },
    { "sql_overloaded", offsetof(stats, core.overloaded) },
    { "sql_running", offsetof(stats, core.running) },
    { "sql_queued", offsetof(stats, core.queued) },
    { "server_workers_effective", offsetof(stats, core.workers) },
    { "websocket_sessions", offsetof(stats, api.websocket_sessions) },
    { "websocket_sessions_peak", offsetof(stats, api.websocket_sessions_peak) },
    { "active_subscriptions", offsetof(stats, live.subscriptions) },
    { "active_subscriptions_peak", offsetof(stats, live.subscriptions_peak) },
    { "live_queries_distinct", offsetof(stats, live.queries) },
    { "live_changes", offsetof(stats, live.changes) },
    { "live_messages", offsetof(stats, live.messages) },
    { "live_deliveries", offsetof(stats, live.deliveries) },
    { "live_backlog_bytes", offsetof(stats, live.backlog_bytes) },
    { "live_resyncs", offsetof(stats, live.resyncs) },
    { "plan_cache_size", offsetof(stats, core.plans_cached) },
    { "hot_rows_bytes", offsetof(stats, core.hot_rows_bytes) },
    { "cold_manifest_bytes", offsetof(stats, core.manifest_bytes) },
};

/* What the server says of itself. */
static const struct {
    const char *name;
    const char *const *text;
} texts[] = {
    { "server_version", &kdb_server_version },
    { "server_build_date", &kdb_server_build_date },
};

void kdbi_server_report_stats(void *self, kdb_arena *arena, kdb_stat_row **out, size_t *count)
{
    const kdb_server *server = self;
    stats now;
    kdb_core_stats_get(server->core, &now.core);
    kdb_api_stats_get(server->api, &now.api);
    kdb_live_stats_get(server->live, &now.live);
    kdb_stat_row *rows = KDB_ARENA_ARRAY(arena, kdb_stat_row, KDB_ARRAY_LEN(figures) + KDB_ARRAY_LEN(texts));
    for (size_t i = 0; i < KDB_ARRAY_LEN(figures); i++) {
        const uint64_t value = *(const uint64_t *)(const void *)((const char *)&now + figures[i].offset);
        rows[i] =
            (kdb_stat_row){ kdb_sv_cstr(figures[i].name), kdb_sv_printf(arena, "%llu", (unsigned long long)value) };
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        rows[KDB_ARRAY_LEN(figures) + i] = (kdb_stat_row){ kdb_sv_cstr(texts[i].name), kdb_sv_cstr(*texts[i].text) };
    }
    *out = rows;
    *count = KDB_ARRAY_LEN(figures) + KDB_ARRAY_LEN(texts);
}

void kdbi_server_report_live(void *self, kdb_arena *arena, kdb_live_row **out, size_t *count)
{
    const kdb_server *server = self;
    kdb_live_list(server->live, arena, out, count);
}

void kdbi_server_report_transactions(void *self, kdb_arena *arena, kdb_transaction_row **out, size_t *count)
{
    const kdb_server *server = self;
    kdb_core_transactions(server->core, arena, out, count);
}

void kdbi_server_report_manifests(void *self, const kdb_principal *viewer, kdb_arena *arena, kdb_manifest_row **out,
                                  size_t *count)
{
    kdb_core_manifests(((kdb_server *)self)->core, viewer, arena, out, count);
}

bool kdbi_server_report_manifest(void *self, kdb_arena *arena, kdb_manifest_row *row)
{
    return kdb_core_manifest(((kdb_server *)self)->core, arena, row);
}
