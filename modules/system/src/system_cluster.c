/* system_cluster.c - system.cluster and system.cluster_groups: one node, which leads all there is. */
#include <sys/utsname.h>

#include "kdb/process.h"
#include "system_int.h"

/* The data groups of a single node: nothing is split. */
static const struct {
    int64_t id;
    const char *type;
} groups[] = { { 10, "meta" }, { 100, "user_data" }, { 200, "shared_data" } };

static int64_t node_id(const kdb_system_scan *scan)
{
    return kdb_opt_i64(scan->system->options, KDB_OPT_NODE_ID);
}

kdb_status kdbi_cluster_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->nitems = 1;
    return KDB_OK;
}

static kdb_value *put_host(kdb_system_scan *scan, kdb_value *cells)
{
    struct utsname host;
    kdb_process process;
    kdb_process_read(&process);
    const bool named = uname(&host) == 0;
    const int64_t uptime = kdbi_uptime_us(scan->system);
    kdb_arena *arena = scan->row_arena;
    cells = kdbi_put_text_or_null(cells, named ? kdb_sv_dup(arena, kdb_sv_cstr(host.nodename)) : KDB_SV(""));
    cells = kdbi_put_text_or_null(cells, scan->system->reporter.version);
    cells = kdbi_put_bigint(cells, (int64_t)(process.total_memory >> 20));
    cells = kdbi_put_bigint(cells, (int64_t)(process.rss_bytes >> 20));
    cells = kdbi_put_float(cells, (float)kdbi_cpu_percent(process.cpu_us, uptime));
    cells = kdbi_put_bigint(cells, uptime / 1000000);
    cells = kdbi_put_text(cells, kdbi_human_time(uptime / 1000000, arena));
    cells = kdbi_put_text_or_null(cells, named ? kdb_sv_dup_lower(arena, kdb_sv_cstr(host.sysname)) : KDB_SV(""));
    return kdbi_put_text_or_null(cells, named ? kdb_sv_dup(arena, kdb_sv_cstr(host.machine)) : KDB_SV(""));
}

bool kdbi_cluster_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    scan->at++;
    const kdb_options *options = scan->system->options;
    const kdb_sv host = kdb_opt_text(options, KDB_OPT_SERVER_HOST);
    cells = kdbi_put_cstr(cells, "standalone");
    cells = kdbi_put_bigint(cells, node_id(scan));
    cells = kdbi_put_cstr(cells, "leader");
    cells = kdbi_put_cstr(cells, "active");
    cells = kdbi_put_cstr(cells, ""); /* rpc_addr: none on a single node */
    cells = kdbi_put_text(cells, kdb_sv_printf(scan->row_arena, "%.*s:%lld", KDB_SV_ARG(host),
                                               (long long)kdb_opt_i64(options, KDB_OPT_SERVER_PORT)));
    cells = kdbi_put_bool(cells, true); /* is_self */
    cells = kdbi_put_bool(cells, true); /* is_leader */
    cells = kdbi_put_int(cells, (int32_t)KDB_ARRAY_LEN(groups));
    cells = kdbi_put_int(cells, (int32_t)KDB_ARRAY_LEN(groups));
    cells += 6; /* what a replicated log would tell */
    (void)put_host(scan, cells);
    return true;
}

kdb_status kdbi_cluster_groups_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->nitems = KDB_ARRAY_LEN(groups);
    return KDB_OK;
}

bool kdbi_cluster_groups_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const size_t i = scan->at++;
    cells = kdbi_put_bigint(cells, groups[i].id);
    cells = kdbi_put_cstr(cells, "standalone");
    cells = kdbi_put_bigint(cells, node_id(scan));
    cells = kdbi_put_cstr(cells, groups[i].type);
    cells += 7; /* what a replicated log would tell */
    cells = kdbi_put_cstr(cells, "leader");
    (void)kdbi_put_bigint(cells, node_id(scan));
    return true;
}
