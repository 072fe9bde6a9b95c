/* system_jobs.c - system.jobs, read from the store as of the statement's snapshot; staging a job and naming one. */
#include "system_int.h"

enum { ID_RANDOM_BYTES = 6 };

static kdb_partition jobs_partition(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_JOBS);
}

void kdb_system_stage_job(const kdb_job_row *job, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_job_encode(job, &record);
    kdb_batch_put(batch, jobs_partition(), job->id, kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

void kdb_system_stage_job_removal(kdb_sv id, kdb_batch *batch)
{
    kdb_batch_delete(batch, jobs_partition(), id);
}

kdb_status kdb_system_visit_jobs(kdb_store *store, kdb_sv prefix, void (*visit)(void *self, const kdb_job_row *job),
                                 void *self, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, jobs_partition(), (kdb_iter_range){ .from = prefix });
    for (; kdb_iter_valid(iter) && kdb_sv_has_prefix(kdb_iter_key(iter), prefix); kdb_iter_next(iter)) {
        kdb_job_row job;
        KDB_TRY(kdbi_job_decode(kdb_iter_key(iter), kdb_iter_value(iter), &job, err));
        visit(self, &job);
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_system_find_job(kdb_store *store, kdb_sv id, kdb_arena *arena, kdb_job_row *out, kdb_err *err)
{
    kdb_sv record;
    const kdb_status status = kdb_store_get(store, NULL, jobs_partition(), id, arena, &record, err);
    if (status == KDB_NOT_FOUND) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Job %.*s not found", KDB_SV_ARG(id));
    }
    KDB_TRY(status);
    return kdbi_job_decode(kdb_sv_dup(arena, id), record, out, err);
}

kdb_sv kdb_system_job_id(const char *prefix, kdb_arena *arena)
{
    char random[ID_RANDOM_BYTES];
    kdb_random_bytes(random, sizeof(random));
    return kdb_sv_printf(arena, "%s-%.*s", prefix, 2 * ID_RANDOM_BYTES,
                         kdb_hex_encode(arena, (kdb_sv){ random, sizeof(random) }).ptr);
}

kdb_status kdbi_jobs_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->iter =
        kdb_iter_new(scan->system->store, scan->snapshot, jobs_partition(), (kdb_iter_range){ .descending = false });
    return KDB_OK;
}

static void put_job(const kdb_job_row *job, kdb_value *cells)
{
    cells = kdbi_put_text(cells, job->id);
    cells = kdbi_put_text(cells, job->type);
    cells = kdbi_put_text(cells, job->status);
    cells = kdbi_skip(cells); /* leader_status: a single node has no leader-only part */
    cells = kdbi_put_text_or_null(cells, job->parameters_json);
    cells = kdbi_put_text_or_null(cells, job->message);
    cells = kdbi_put_text_or_null(cells, job->exception_trace);
    cells = kdbi_put_text_or_null(cells, job->idempotency_key);
    cells = kdbi_put_text_or_null(cells, job->queue);
    cells = job->queue.len == 0 ? kdbi_skip(cells) : kdbi_put_int(cells, job->priority);
    cells = kdbi_put_smallint(cells, job->retry_count);
    cells = kdbi_put_smallint(cells, job->max_retries);
    cells = kdbi_skip(cells); /* memory_used: what a thread allocates is not counted apart from what others do */
    cells = job->started_us == 0 || job->cpu_us < 0 ? kdbi_skip(cells) : kdbi_put_bigint(cells, job->cpu_us);
    cells = kdbi_put_time(cells, job->created_us);
    cells = kdbi_put_time(cells, job->updated_us);
    cells = kdbi_put_time_or_null(cells, job->started_us);
    cells = kdbi_put_time_or_null(cells, job->finished_us);
    cells = kdbi_put_bigint(cells, job->node_id);
    (void)kdbi_skip(cells); /* leader_node_id */
}

bool kdbi_jobs_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (!kdb_iter_valid(scan->iter)) {
        scan->failed = kdb_iter_status(scan->iter, scan->err);
        return false;
    }
    kdb_job_row job;
    const kdb_sv id = kdb_sv_dup(scan->row_arena, kdb_iter_key(scan->iter));
    const kdb_sv record = kdb_sv_dup(scan->row_arena, kdb_iter_value(scan->iter));
    scan->failed = kdbi_job_decode(id, record, &job, scan->err);
    if (scan->failed != KDB_OK) {
        return false;
    }
    put_job(&job, cells);
    kdb_iter_next(scan->iter);
    return true;
}

static void count_job(const kdb_job_row *job, kdbi_job_counts *counts)
{
    counts->total++;
    counts->running += kdb_sv_eq(job->status, KDB_SV("running")) ? 1 : 0;
    counts->queued += kdb_sv_eq(job->status, KDB_SV("queued")) ? 1 : 0;
    counts->failed += kdb_sv_eq(job->status, KDB_SV("failed")) ? 1 : 0;
}

kdb_status kdbi_jobs_count(kdb_store *store, const kdb_snapshot *snapshot, kdbi_job_counts *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, snapshot, jobs_partition(), (kdb_iter_range){ .descending = false });
    kdbi_job_counts counts = { 0 };
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_job_row job;
        KDB_TRY(kdbi_job_decode(kdb_iter_key(iter), kdb_iter_value(iter), &job, err));
        count_job(&job, &counts);
    }
    KDB_TRY(kdb_iter_status(iter, err));
    *out = counts;
    return KDB_OK;
}
