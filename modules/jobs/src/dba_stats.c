/* dba_stats.c - table dba.stats (catalog.md 2): the figures of system.stats as they were, every few minutes, for some days. By
 * statements of the server's own, which wait in line like any; no jobs. Who drops the table has none until the next start. */
#include "jobs_int.h"

typedef struct statement {
    kdb_request request;
    kdb_jobs *jobs;
    bool ended; /* guarded by jobs->lock */
} statement;

static void on_message(KDB_UNUSED void *self, KDB_UNUSED uint64_t row_count, KDB_UNUSED kdb_sv message)
{
}

static void on_done(void *self, const kdb_failure *failure)
{
    statement *s = self;
    if (failure != NULL) {
        kdb_log_debug("dba.stats is not kept err=\"%.*s\"", KDB_SV_ARG(failure->text));
    }
    kdb_mutex_lock(&s->jobs->lock);
    s->ended = true;
    kdb_cond_broadcast(&s->jobs->changed);
    kdb_mutex_unlock(&s->jobs->lock);
}

static void run_statement(kdb_jobs *jobs, kdb_sv sql)
{
    statement s = { .jobs = jobs,
                    .request = { .sql = sql,
                                 .caller = { .user = { KDB_SV("system") }, .role = KDB_ROLE_SYSTEM },
                                 .reply = { .self = &s, .message = on_message, .done = on_done } } };
    if (kdb_core_submit(jobs->options.core, &s.request, NULL) != KDB_OK) {
        return; /* it is busy: a sample less */
    }
    kdb_mutex_lock(&jobs->lock);
    while (!s.ended) {
        kdb_cond_wait(&jobs->changed, &jobs->lock);
    }
    kdb_mutex_unlock(&jobs->lock);
}

static bool is_kept(const kdb_jobs *jobs)
{
    return kdb_opt_bool(jobs->options.options, KDB_OPT_RETENTION_DBA_STATS);
}

void kdbi_sample_stats(kdb_jobs *jobs, int64_t now_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    if (!is_kept(jobs)) {
        return;
    }
    run_statement(jobs, kdb_sv_printf(arena,
                                      "INSERT INTO dba.stats (id, node_id, metric_name, metric_value, sampled_at) "
                                      "SELECT '%lld-' || metric_name, '%lld', metric_name, "
                                      "CASE WHEN metric_value ~ '^[0-9]+([.][0-9]+)?$' THEN "
                                      "CAST(metric_value AS DOUBLE) END, TIMESTAMP '%.*s' "
                                      "FROM system.stats WHERE metric_value ~ '^[0-9]+([.][0-9]+)?$'",
                                      (long long)now_us, (long long)jobs->node_id,
                                      KDB_SV_ARG(kdb_utc_text(now_us, "%Y-%m-%d %H:%M:%S", arena))));
}

void kdbi_prune_stats(kdb_jobs *jobs, int64_t now_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const int64_t days = kdb_opt_i64(jobs->options.options, KDB_OPT_RETENTION_DBA_STATS_DAYS);
    if (!is_kept(jobs)) {
        return;
    }
    run_statement(
        jobs, kdb_sv_printf(arena, "DELETE FROM dba.stats WHERE sampled_at < TIMESTAMP '%.*s'",
                            KDB_SV_ARG(kdb_utc_text(now_us - days * 24 * KDBI_HOUR_US, "%Y-%m-%d %H:%M:%S", arena))));
}
