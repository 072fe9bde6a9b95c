/* system_stats.c - system.stats: figures of the process, the catalog and the store, taken together when the scan opens,
 * then those that the layers above report. Names are the reference's where it has the figure; which of its figures there
 * are none of here, and why, is in docs/system-stats.md. */
#include <unistd.h>

#include "kdb/process.h"
#include "system_int.h"

enum { MIB = 1024 * 1024 };

/* One field per row of `stats`, and what `texts` are made of. */
typedef struct figures {
    uint64_t uptime_seconds;
    int64_t uptime_us;
    uint64_t cpu_us;
    uint64_t rss_bytes, rss_mb, virtual_bytes, virtual_mb;
    uint64_t total_memory_mb, used_memory_mb;
    uint64_t threads, pid, cores, physical_cores;
    kdb_open_files files;
    uint64_t workers, max_connections, backlog;
    uint64_t users, namespaces, tables, relations, schemas, storages, live_queries;
    uint64_t jobs, jobs_running, jobs_queued, jobs_failed;
    uint64_t commits, commit_groups, bytes_written, memtable_bytes, block_cache_bytes, background_jobs;
    uint64_t node_id;
} figures;

typedef struct stat_def {
    const char *name;
    size_t offset; /* of the figure */
} stat_def;

static const stat_def stats[] = {
    { "server_uptime_seconds", offsetof(figures, uptime_seconds) },
    { "memory_usage_bytes", offsetof(figures, rss_bytes) },
    { "memory_usage_mb", offsetof(figures, rss_mb) },
    { "memory_rss_bytes", offsetof(figures, rss_bytes) },
    { "memory_rss_mb", offsetof(figures, rss_mb) },
    { "memory_virtual_bytes", offsetof(figures, virtual_bytes) },
    { "memory_virtual_mb", offsetof(figures, virtual_mb) },
    { "system_total_memory_mb", offsetof(figures, total_memory_mb) },
    { "system_used_memory_mb", offsetof(figures, used_memory_mb) },
    { "thread_count", offsetof(figures, threads) },
    { "pid", offsetof(figures, pid) },
    { "cpu_logical_cores", offsetof(figures, cores) },
    { "cpu_physical_cores", offsetof(figures, physical_cores) },
    { "server_workers_configured", offsetof(figures, workers) },
    { "max_connections", offsetof(figures, max_connections) },
    { "max_connections_configured", offsetof(figures, max_connections) },
    { "connection_backlog", offsetof(figures, backlog) },
    { "open_files_total", offsetof(figures, files.total) },
    { "open_files_regular", offsetof(figures, files.regular) },
    { "open_files_directories", offsetof(figures, files.directories) },
    { "open_files_unix", offsetof(figures, files.unix_sockets) },
    { "open_files_ipv4", offsetof(figures, files.ipv4) },
    { "open_files_other", offsetof(figures, files.other) },
    { "total_users", offsetof(figures, users) },
    { "total_namespaces", offsetof(figures, namespaces) },
    { "total_tables", offsetof(figures, tables) },
    { "total_storages", offsetof(figures, storages) },
    { "schema_cache_size", offsetof(figures, tables) },
    { "schema_registry_size", offsetof(figures, relations) },
    { "schema_cache_total_entries", offsetof(figures, schemas) },
    { "total_live_queries", offsetof(figures, live_queries) },
    { "total_jobs", offsetof(figures, jobs) },
    { "jobs_running", offsetof(figures, jobs_running) },
    { "jobs_queued", offsetof(figures, jobs_queued) },
    { "jobs_failed", offsetof(figures, jobs_failed) },
    { "storage_commits_total", offsetof(figures, commits) },
    { "storage_commit_groups_total", offsetof(figures, commit_groups) },
    { "storage_bytes_written_total", offsetof(figures, bytes_written) },
    { "storage_memtable_bytes", offsetof(figures, memtable_bytes) },
    { "storage_block_cache_bytes", offsetof(figures, block_cache_bytes) },
    { "storage_background_jobs", offsetof(figures, background_jobs) },
    { "node_id", offsetof(figures, node_id) },
};

typedef struct text_def {
    const char *name;
    kdb_sv (*text)(const figures *all, kdb_arena *arena);
} text_def;

static kdb_sv uptime_human(const figures *all, kdb_arena *arena)
{
    return kdbi_human_time(all->uptime_us / 1000000, arena);
}

static kdb_sv memory_source(const figures *all, kdb_arena *arena)
{
    (void)all;
    (void)arena;
    return KDB_SV("rss");
}

static kdb_sv cpu_usage(const figures *all, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.2f", kdbi_cpu_percent(all->cpu_us, all->uptime_us));
}

static kdb_sv cpu_seconds(const figures *all, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.3f", (double)all->cpu_us / 1e6);
}

static kdb_sv cluster_mode(const figures *all, kdb_arena *arena)
{
    (void)all;
    (void)arena;
    return KDB_SV("standalone");
}

static const text_def texts[] = {
    { "server_uptime_human", uptime_human }, { "memory_usage_source", memory_source },
    { "cpu_usage_percent", cpu_usage },      { "cpu_seconds_total", cpu_seconds },
    { "cluster_mode", cluster_mode },
};

enum { NOWN = KDB_ARRAY_LEN(stats) + KDB_ARRAY_LEN(texts) };

/* ---- collecting ---- */

static void add_process(const kdb_system *system, figures *out)
{
    kdb_process process;
    kdb_process_read(&process);
    kdb_process_files(&out->files);
    out->uptime_us = kdbi_uptime_us(system);
    out->uptime_seconds = (uint64_t)out->uptime_us / 1000000;
    out->cpu_us = process.cpu_us;
    out->rss_bytes = process.rss_bytes;
    out->rss_mb = process.rss_bytes / MIB;
    out->virtual_bytes = process.virtual_bytes;
    out->virtual_mb = process.virtual_bytes / MIB;
    out->total_memory_mb = process.total_memory / MIB;
    out->used_memory_mb = process.used_memory / MIB;
    out->threads = process.threads;
    out->pid = (uint64_t)getpid();
    out->cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    out->physical_cores = kdb_machine_cores();
}

static void add_options(const kdb_options *options, figures *out)
{
    out->workers = (uint64_t)kdb_opt_i64(options, KDB_OPT_SERVER_WORKERS);
    out->max_connections = (uint64_t)kdb_opt_i64(options, KDB_OPT_PERF_MAX_CONNECTIONS);
    out->backlog = (uint64_t)kdb_opt_i64(options, KDB_OPT_PERF_BACKLOG);
    out->node_id = (uint64_t)kdb_opt_i64(options, KDB_OPT_NODE_ID);
}

static void add_store(kdb_store *store, figures *out)
{
    kdb_store_stats usage;
    kdb_store_stats_get(store, &usage);
    out->commits = usage.commits;
    out->commit_groups = usage.groups;
    out->bytes_written = usage.bytes_written;
    out->memtable_bytes = usage.memtable_bytes;
    out->block_cache_bytes = usage.block_cache_bytes;
    out->background_jobs = usage.background_jobs;
}

/* All schemas are in memory, those that tables have had too. */
static void add_relations(kdb_registry *registry, kdb_arena *arena, figures *out)
{
    kdb_table **tables = NULL;
    kdb_view **views = NULL;
    size_t ntables = 0, nviews = 0;
    kdb_registry_list_tables(registry, arena, &tables, &ntables);
    for (size_t i = 0; i < ntables; i++) {
        out->schemas += tables[i]->nversions;
    }
    kdb_registry_release_tables(tables, ntables);
    kdb_registry_list_views(registry, arena, &views, &nviews);
    kdb_registry_release_views(views, nviews);
    out->tables = ntables;
    out->relations = ntables + nviews;
}

static void add_catalog(const kdb_system *system, figures *out)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_user *users = NULL;
    kdb_namespace *namespaces = NULL;
    kdb_storage *storages = NULL;
    size_t count = 0;
    kdb_auth_list_users(system->auth, arena, &users, &count);
    out->users = count;
    kdb_registry_list_namespaces(system->registry, arena, &namespaces, &count);
    out->namespaces = count;
    kdb_registry_list_storages(system->registry, arena, &storages, &count);
    out->storages = count;
    add_relations(system->registry, arena, out);
}

static void add_live(const kdb_system_reporter *reporter, figures *out)
{
    if (reporter->live != NULL) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        kdb_live_row *rows = NULL;
        size_t count = 0;
        reporter->live(reporter->self, arena, &rows, &count);
        out->live_queries = count;
    }
}

static kdb_status add_jobs(const kdb_system_scan *scan, figures *out, kdb_err *err)
{
    kdbi_job_counts counts = { .total = 0 };
    KDB_TRY(kdbi_jobs_count(scan->system->store, scan->snapshot, &counts, err));
    out->jobs = counts.total;
    out->jobs_running = counts.running;
    out->jobs_queued = counts.queued;
    out->jobs_failed = counts.failed;
    return KDB_OK;
}

/* ---- the scan: all rows are made when it opens ---- */

static kdb_stat_row *own_rows(const figures *all, kdb_arena *arena)
{
    kdb_stat_row *rows = KDB_ARENA_ARRAY(arena, kdb_stat_row, NOWN);
    for (size_t i = 0; i < KDB_ARRAY_LEN(stats); i++) {
        uint64_t value = 0;
        memcpy(&value, (const char *)all + stats[i].offset, sizeof(value));
        rows[i] = (kdb_stat_row){ kdb_sv_cstr(stats[i].name), kdb_sv_printf(arena, "%llu", (unsigned long long)value) };
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        rows[KDB_ARRAY_LEN(stats) + i] = (kdb_stat_row){ kdb_sv_cstr(texts[i].name), texts[i].text(all, arena) };
    }
    return rows;
}

/* The rows followed by the reported ones. */
static void set_rows(kdb_system_scan *scan, const kdb_stat_row *own)
{
    const kdb_system_reporter *reporter = &scan->system->reporter;
    kdb_stat_row *reported = NULL;
    size_t count = 0;
    if (reporter->stats != NULL) {
        reporter->stats(reporter->self, scan->arena, &reported, &count);
    }
    kdb_stat_row *rows = KDB_ARENA_ARRAY(scan->arena, kdb_stat_row, NOWN + count);
    memcpy(rows, own, NOWN * sizeof(*rows));
    if (count > 0) {
        memcpy(rows + NOWN, reported, count * sizeof(*rows));
    }
    scan->items = rows;
    scan->nitems = NOWN + count;
}

kdb_status kdbi_stats_open(kdb_system_scan *scan, kdb_err *err)
{
    figures all = { .uptime_seconds = 0 };
    add_process(scan->system, &all);
    add_options(scan->system->options, &all);
    add_store(scan->system->store, &all);
    add_catalog(scan->system, &all);
    add_live(&scan->system->reporter, &all);
    KDB_TRY(add_jobs(scan, &all, err));
    set_rows(scan, own_rows(&all, scan->arena));
    return KDB_OK;
}

bool kdbi_stats_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_stat_row *row = (const kdb_stat_row *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, row->name);
    (void)kdbi_put_text(cells, row->value);
    return true;
}
