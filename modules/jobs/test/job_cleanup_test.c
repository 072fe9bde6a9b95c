/* job_cleanup_test.c - which rows of system.jobs are forgotten, and when. */
#include "jobs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

#define DAY_US (24 * KDBI_HOUR_US)

static void stage_of_queue(const char *id, const char *queue, const char *status, int64_t ended_ago_us)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_job_row row = { .id = kdb_sv_cstr(id),
                              .type = KDB_SV("flush"),
                              .status = kdb_sv_cstr(status),
                              .queue = kdb_sv_cstr(queue),
                              .created_us = 1,
                              .updated_us = 1,
                              .started_us = 1,
                              .finished_us = ended_ago_us == 0 ? 0 : kdb_now_us() - ended_ago_us };
    kdb_system_stage_job(&row, batch);
    assert_int_equal(kdb_store_commit(f.store, batch, NULL), KDB_OK);
}

static void rows_go_after_their_time(void **state)
{
    (void)state;
    open_jobs(1);
    stage_of_queue("FA-1", "statement", "completed", 29 * DAY_US);
    stage_of_queue("FB-2", "statement", "completed", 31 * DAY_US);
    stage_of_queue("FC-3", "schedule", "completed", 2 * DAY_US);
    stage_of_queue("FD-4", "schedule", "completed", KDBI_HOUR_US);
    stage_of_queue("FE-5", "schedule", "failed", 2 * DAY_US);
    stage_of_queue("FF-6", "schedule", "failed", 31 * DAY_US);
    stage_of_queue("FG-7", "statement", "running", 0);
    kdbi_schedule_job_cleanup(f.jobs, kdb_now_us());
    wait_until_idle();
    assert_jobs("FA flush completed  |FD flush completed  |FE flush failed  |FG flush running  |"
                "JC job_cleanup completed Removed 3 job(s) and 0 export(s) |");
    kdbi_schedule_job_cleanup(f.jobs, kdb_now_us()); /* nothing to do, nothing to say */
    wait_until_idle();
    assert_jobs("FA flush completed  |FD flush completed  |FE flush failed  |FG flush running  |"
                "JC job_cleanup completed Removed 3 job(s) and 0 export(s) |");
}

static void many_rows_go_in_several_batches(void **state)
{
    (void)state;
    enum { MANY = 2500 };
    open_jobs(1);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (int i = 0; i < MANY; i++) {
        const kdb_job_row row = { .id = kdb_sv_printf(arena, "SE-%012d", i),
                                  .type = KDB_SV("stream_eviction"),
                                  .status = KDB_SV("completed"),
                                  .created_us = 1,
                                  .updated_us = 1,
                                  .started_us = 1,
                                  .finished_us = 1 };
        kdb_system_stage_job(&row, batch);
    }
    assert_int_equal(kdb_store_commit(f.store, batch, NULL), KDB_OK);
    kdbi_schedule_job_cleanup(f.jobs, kdb_now_us());
    wait_until_idle();
    assert_jobs("JC job_cleanup completed Removed 2500 job(s) and 0 export(s) |");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_go_after_their_time),
        TEST(many_rows_go_in_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
