/* job_test.c - jobs come back as staged, as of the snapshot; damaged records are refused; ids look as they should. */
#include <ctype.h>
#include <stdlib.h>

#include "fixture.h"

static const kdb_job_row sample = { .type = KDB_SV("cleanup"),
                                    .status = KDB_SV("running"),
                                    .parameters_json = KDB_SV("{}"),
                                    .message = KDB_SV(""),
                                    .idempotency_key = KDB_SV("drop-a-b"),
                                    .exception_trace = KDB_SV("IO at x.c:7"),
                                    .queue = KDB_SV("asked"),
                                    .created_us = INT64_MAX,
                                    .updated_us = -1,
                                    .started_us = 3,
                                    .finished_us = 0,
                                    .retry_count = INT16_MIN,
                                    .max_retries = INT16_MAX,
                                    .priority = INT32_MIN,
                                    .node_id = 1023,
                                    .cpu_us = INT64_MAX };

static void count_one(void *self, const kdb_job_row *job)
{
    (void)job;
    ++*(size_t *)self;
}

static void records_come_back(void **state)
{
    (void)state;
    kdb_buf bytes;
    kdb_job_row job;
    kdb_buf_init(&bytes, 0);
    kdbi_job_encode(&sample, &bytes);
    assert_int_equal(kdbi_job_decode(KDB_SV("CL-1"), kdb_buf_sv(&bytes), &job, NULL), KDB_OK);
    assert_true(kdb_sv_eq(job.id, KDB_SV("CL-1")));
    assert_true(kdb_sv_eq(job.type, sample.type));
    assert_true(kdb_sv_eq(job.status, sample.status));
    assert_true(kdb_sv_eq(job.parameters_json, sample.parameters_json));
    assert_int_equal(job.message.len, 0);
    assert_true(kdb_sv_eq(job.idempotency_key, sample.idempotency_key));
    assert_int_equal(job.created_us, INT64_MAX);
    assert_int_equal(job.updated_us, -1);
    assert_int_equal(job.started_us, 3);
    assert_int_equal(job.finished_us, 0);
    assert_int_equal(job.retry_count, INT16_MIN);
    assert_int_equal(job.max_retries, INT16_MAX);
    assert_int_equal(job.node_id, 1023);
    assert_int_equal(job.cpu_us, INT64_MAX);
    assert_int_equal(job.priority, INT32_MIN);
    assert_true(kdb_sv_eq(job.exception_trace, KDB_SV("IO at x.c:7")));
    assert_true(kdb_sv_eq(job.queue, KDB_SV("asked")));
    kdb_buf_done(&bytes);
}

static void put_text(kdb_buf *bytes, const char *text)
{
    kdb_record_write_text(bytes, kdb_sv_cstr(text));
}

/* As servers wrote them before jobs had queues. */
static void records_of_format_1_are_read(void **state)
{
    (void)state;
    kdb_buf bytes;
    kdb_job_row job;
    kdb_buf_init(&bytes, 0);
    kdb_buf_append_byte(&bytes, 1);
    put_text(&bytes, "cleanup");
    put_text(&bytes, "completed");
    put_text(&bytes, "{}");
    put_text(&bytes, "done");
    put_text(&bytes, "drop-a-b");
    for (uint64_t time = 1; time <= 4; time++) {
        kdb_record_write_u64(&bytes, time);
    }
    kdb_record_write_u16(&bytes, 1);
    kdb_record_write_u16(&bytes, 3);
    kdb_record_write_u64(&bytes, 9);
    assert_int_equal(kdbi_job_decode(KDB_SV("CL-1"), kdb_buf_sv(&bytes), &job, NULL), KDB_OK);
    assert_true(kdb_sv_eq(job.idempotency_key, KDB_SV("drop-a-b")));
    assert_int_equal(job.finished_us, 4);
    assert_int_equal(job.max_retries, 3);
    assert_int_equal(job.node_id, 9);
    assert_int_equal(job.queue.len + job.exception_trace.len, 0);
    assert_int_equal(job.priority, 0);
    assert_int_equal(job.cpu_us, -1);
    kdb_buf_done(&bytes);
}

/* As servers wrote them before processor time was counted: all of today's record but its last eight bytes. */
static void records_of_format_2_are_read(void **state)
{
    (void)state;
    kdb_buf bytes;
    kdb_job_row job;
    kdb_buf_init(&bytes, 0);
    kdbi_job_encode(&sample, &bytes);
    bytes.ptr[0] = 2;
    const kdb_sv record = { bytes.ptr, bytes.len - 8 };
    assert_int_equal(kdbi_job_decode(KDB_SV("CL-1"), record, &job, NULL), KDB_OK);
    assert_true(kdb_sv_eq(job.queue, KDB_SV("asked")));
    assert_int_equal(job.node_id, 1023);
    assert_int_equal(job.priority, INT32_MIN);
    assert_int_equal(job.cpu_us, -1);
    kdb_buf_done(&bytes);
}

static void jobs_are_found_by_id_and_by_prefix(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    kdb_job_row job;
    kdb_err err;
    size_t count = 0;
    fixture_job(f, "CL-000000000001", "new");
    fixture_job(f, "FL-000000000001", "queued");
    fixture_job(f, "FL-000000000002", "queued");
    assert_int_equal(kdb_system_find_job(f->store, KDB_SV("FL-000000000002"), f->arena, &job, NULL), KDB_OK);
    assert_true(kdb_sv_eq(job.id, KDB_SV("FL-000000000002")));
    assert_int_equal(kdb_system_find_job(f->store, KDB_SV("FL-0"), f->arena, &job, &err), KDB_NOT_FOUND);
    assert_string_equal(err.text, "Job FL-0 not found");
    assert_int_equal(kdb_system_visit_jobs(f->store, KDB_SV("FL-"), count_one, &count, NULL), KDB_OK);
    assert_int_equal(count, 2);
}

static void damaged_records_are_refused(void **state)
{
    (void)state;
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    kdbi_job_encode(&sample, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        char *cut = malloc(len + 1); /* exact, so that a sanitiser sees a read past the end */
        kdb_job_row job;
        memcpy(cut, bytes.ptr, len);
        char *exact = realloc(cut, len == 0 ? 1 : len);
        assert_int_equal(kdbi_job_decode(KDB_SV("x"), (kdb_sv){ exact, len }, &job, NULL), KDB_CORRUPT);
        free(exact);
    }
    kdb_job_row job;
    bytes.ptr[4] = (char)0xFF; /* a text longer than the record */
    assert_int_equal(kdbi_job_decode(KDB_SV("x"), kdb_buf_sv(&bytes), &job, NULL), KDB_CORRUPT);
    bytes.ptr[0] = 3;
    assert_int_equal(kdbi_job_decode(KDB_SV("x"), kdb_buf_sv(&bytes), &job, NULL), KDB_CORRUPT);
    kdb_buf_done(&bytes);
}

static void jobs_are_listed_by_id(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_job(f, "FL-000000000002", "queued");
    fixture_job(f, "CL-000000000001", "new");
    fixture_job(f, "CL-000000000001", "completed");
    const kdb_sv rows =
        fixture_read(f, "system", "jobs",
                     "job_id job_type status parameters message idempotency_key retry_count max_retries "
                     "finished_at node_id leader_node_id",
                     KDB_ROLE_DBA);
    assert_int_equal(fixture_count_lines(rows), 2);
    assert_true(kdb_sv_has_prefix(rows, KDB_SV("CL-000000000001|cleanup|completed|{\"table_id\":\"default:t\"}|done|"
                                               "drop-default-t|1|3|NULL|9|NULL\nFL-")));
}

static void many_jobs_fill_several_chunks(void **state)
{
    (void)state;
    enum { MANY = KDB_CHUNK_ROWS + 500 };
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < MANY; i++) {
        kdb_job_row job = sample;
        job.id = kdb_sv_printf(f->arena, "CL-%012zu", i);
        kdb_system_stage_job(&job, batch);
    }
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    const kdb_sv rows = fixture_read(f, "system", "jobs", "job_id status", KDB_ROLE_DBA);
    assert_int_equal(fixture_count_lines(rows), MANY);
    assert_true(fixture_has_line(rows, "CL-000000002547|running"));
}

static kdb_status scan_jobs(fixture *f, const kdb_snapshot *snapshot, size_t *nrows, kdb_err *err)
{
    const kdb_principal viewer = { .user = { KDB_SV("v") }, .role = KDB_ROLE_DBA };
    const size_t projection[] = { 0 };
    const kdb_type type = kdb_type_of(KDB_TYPE_TEXT);
    KDB_CLEANUP(kdb_system_scan_freep) kdb_system_scan *scan = NULL;
    kdb_chunk *chunk = kdb_chunk_new(f->arena, &type, 1);
    KDB_TRY(kdb_system_scan_open(f->system, kdb_system_lookup(KDB_SV("system"), KDB_SV("jobs")), &viewer, snapshot,
                                 projection, 1, &scan, err));
    KDB_TRY(kdb_system_scan_next(scan, chunk, err));
    *nrows = chunk->nrows;
    return KDB_OK;
}

static void jobs_are_as_of_the_snapshot(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    fixture_job(f, "CL-000000000001", "new");
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(f->store);
    fixture_job(f, "CL-000000000002", "new");
    size_t nrows = 0;
    assert_int_equal(scan_jobs(f, snapshot, &nrows, NULL), KDB_OK);
    assert_int_equal(nrows, 1);
    assert_int_equal(scan_jobs(f, NULL, &nrows, NULL), KDB_OK);
    assert_int_equal(nrows, 2);
}

static void a_damaged_record_fails_the_scan(void **state)
{
    (void)state;
    KDB_CLEANUP(fixture_freep) fixture *f = fixture_new();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_err err;
    size_t nrows = 0;
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_JOBS), KDB_SV("CL-1"), KDB_SV("nonsense"));
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    assert_int_equal(scan_jobs(f, NULL, &nrows, &err), KDB_CORRUPT);
    assert_string_equal(err.text, "the record of job 'CL-1' was never written");
}

static void ids_are_a_prefix_and_twelve_digits(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv a = kdb_system_job_id("CL", arena);
    const kdb_sv b = kdb_system_job_id("CL", arena);
    assert_int_equal(a.len, 15);
    assert_true(kdb_sv_has_prefix(a, KDB_SV("CL-")));
    for (size_t i = 3; i < a.len; i++) {
        assert_true(isxdigit((unsigned char)a.ptr[i]) && !isupper((unsigned char)a.ptr[i]));
    }
    assert_false(kdb_sv_eq(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(damaged_records_are_refused),
        cmocka_unit_test(records_of_format_1_are_read),
        cmocka_unit_test(records_of_format_2_are_read),
        cmocka_unit_test(jobs_are_found_by_id_and_by_prefix),
        cmocka_unit_test(jobs_are_listed_by_id),
        cmocka_unit_test(many_jobs_fill_several_chunks),
        cmocka_unit_test(jobs_are_as_of_the_snapshot),
        cmocka_unit_test(a_damaged_record_fails_the_scan),
        cmocka_unit_test(ids_are_a_prefix_and_twelve_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
