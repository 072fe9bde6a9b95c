/* cursor_test.c - streaming, interrupts, and connections at work side by side. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Sanitizers keep freed memory for a while. */
enum { MEMORY_COUNTS = !(KDB_SANITIZES_ADDRESSES || KDB_SANITIZES_THREADS) };

static long resident_kb(void)
{
    char line[128];
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    assert_int_equal(fclose(file), 0);
    char *second = strchr(line, ' ');
    assert_non_null(second);
    const long pages = strtol(second, NULL, 10);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void big_result_streams(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(1000000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id, name, name || name FROM @0", &plan), KDB_OK);
    const long before = resident_kb();
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
    const kdb_chunk *chunk = NULL;
    size_t nrows = 0;
    do {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        nrows += chunk->nrows;
    } while (chunk->nrows != 0);
    assert_int_equal(nrows, 1000000);
    assert_true(!MEMORY_COUNTS || resident_kb() - before < 32 * 1024);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK); /* still at the end */
    assert_int_equal(chunk->nrows, 0);
}

/* DuckDB alone would keep 2 KB of each, and 1 MB of each that was dropped (engine_plan.c). */
static void executions_leave_nothing_behind(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(200000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *small = NULL;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *big = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT 1", &small), KDB_OK);
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id, name FROM @0", &big), KDB_OK);
    long before = 0;
    for (int i = 0; i < 8000; i++) {
        if (i == 200) {
            before = resident_kb();
        }
        kdb_engine_cursor *cursor = NULL;
        const kdb_chunk *chunk = NULL;
        assert_int_equal(kdb_engine_execute(i % 50 == 0 ? big : small, NULL, 0, &source.face, &cursor, &fake->err),
                         KDB_OK);
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        assert_int_not_equal(chunk->nrows, 0);
        if (i % 50 != 0) {
            assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
        }
        kdb_engine_cursor_free(cursor);
    }
    assert_true(!MEMORY_COUNTS || resident_kb() - before < 8 * 1024);
}

/* ---- interrupts ---- */

typedef struct interrupter {
    kdb_engine_conn *conn;
    kdb_status status;
    _Atomic size_t *waits_for; /* chunks that the source has delivered */
    _Atomic bool stop;
} interrupter;

/* Once the execution is surely under way. */
static void run_interrupter(void *arg)
{
    interrupter *self = arg;
    while (self->waits_for != NULL && atomic_load(self->waits_for) < 100) {
        (void)usleep(100);
    }
    kdb_engine_interrupt(self->conn, self->status);
}

/* As a watchdog does: until told that it worked. */
static void run_watchdog(void *arg)
{
    interrupter *self = arg;
    while (!atomic_load(&self->stop)) {
        (void)usleep(2000);
        kdb_engine_interrupt(self->conn, self->status);
    }
}

static void expect_interrupted(fake_engine *fake, const char *sql, kdb_status status)
{
    const fake_table table = {
        .columns = fake_number_columns, .ncolumns = 3, .put = fake_put_number, .endless = true, .max_threads = 2
    };
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, sql, &plan), KDB_OK);
    interrupter other = { .conn = fake->conn, .status = status, .waits_for = &source.chunks };
    kdb_thread thread = { 0 };
    kdb_thread_start(&thread, "interrupter", KDB_THREAD_ANY, run_interrupter, &other);
    const char *rows = NULL;
    assert_int_equal(fake_run(fake, plan, NULL, 0, &source, &rows), status);
    kdb_thread_join(&thread);
    assert_int_equal(fake->err.status, status);
    assert_string_equal(fake->err.text, "statement interrupted");
    assert_int_equal(source.opened, source.closed);
    assert_int_equal(source.locals, source.locals_closed);
    fake_expect(fake, NULL, "SELECT 1", NULL, 0, "1\n");
}

static void interrupt_ends_an_execution(void **state)
{
    fake_engine *fake = *state;
    expect_interrupted(fake, "SELECT count(*) FROM @0", KDB_TIMEOUT);
    expect_interrupted(fake, "SELECT grp, count(*) FROM @0 GROUP BY 1", KDB_CANCELLED);
    expect_interrupted(fake, "SELECT * FROM @0 WHERE id < 0", KDB_TIMEOUT);
    expect_interrupted(fake, "SELECT count(*) FROM @0 a JOIN @0 b USING (id)", KDB_TIMEOUT);
}

static void interrupt_ends_a_fetch(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(1000000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, &source, "SELECT id FROM @0", &plan), KDB_OK);
    kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source.face, &cursor, &fake->err), KDB_OK);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_OK);
    kdb_engine_interrupt(fake->conn, KDB_CANCELLED);
    assert_int_equal(kdb_engine_fetch(cursor, &chunk, &fake->err), KDB_CANCELLED);
    kdb_engine_cursor_free(cursor);
    assert_int_equal(source.opened, source.closed);
    kdb_engine_interrupt(fake->conn, KDB_CANCELLED); /* nothing runs: nothing happens */
    const char *rows = NULL;
    assert_int_equal(fake_run(fake, plan, NULL, 0, &source, &rows), KDB_OK);
}

static void interrupt_reaches_work_without_scans(void **state)
{
    fake_engine *fake = *state;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(fake_prepare(fake, fake->conn, NULL,
                                  "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", &plan),
                     KDB_OK);
    interrupter other = { .conn = fake->conn, .status = KDB_TIMEOUT };
    kdb_thread thread = { 0 };
    kdb_thread_start(&thread, "watchdog", KDB_THREAD_ANY, run_watchdog, &other);
    const char *rows = NULL;
    assert_int_equal(fake_run(fake, plan, NULL, 0, NULL, &rows), KDB_TIMEOUT);
    atomic_store(&other.stop, true);
    kdb_thread_join(&thread);
}

/* Interrupts at any moment: each run succeeds or says why, and none outlives its interrupt. */
static void interrupts_may_come_at_any_time(void **state)
{
    fake_engine *fake = *state;
    const fake_table table = fake_numbers(5000);
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    assert_int_equal(
        fake_prepare(fake, fake->conn, &source, "SELECT grp, count(*) FROM @0 GROUP BY 1 ORDER BY 1", &plan), KDB_OK);
    interrupter other = { .conn = fake->conn, .status = KDB_CANCELLED };
    kdb_thread thread = { 0 };
    kdb_thread_start(&thread, "watchdog", KDB_THREAD_ANY, run_watchdog, &other);
    for (int i = 0; i < 300; i++) {
        const char *rows = NULL;
        const kdb_status status = fake_run(fake, plan, NULL, 0, &source, &rows);
        assert_true(status == KDB_OK || status == KDB_CANCELLED);
    }
    atomic_store(&other.stop, true);
    kdb_thread_join(&thread);
    assert_int_equal(source.opened, source.closed);
    assert_int_equal(source.locals, source.locals_closed);
    fake_expect(fake, &source, "SELECT count(*) FROM @0", NULL, 0, "5000\n");
}

/* ---- side by side ---- */

typedef struct worker {
    kdb_engine *engine;
    size_t nrows;
    bool good;
} worker;

static bool run_one(kdb_engine_conn *conn, fake_source *source, const char *sql, int64_t expected)
{
    kdb_err err;
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    return kdb_engine_prepare(conn, kdb_sv_cstr(sql), source->scans, source->ntables, &plan, &err) == KDB_OK &&
           kdb_engine_execute(plan, NULL, 0, &source->face, &cursor, &err) == KDB_OK &&
           kdb_engine_fetch(cursor, &chunk, &err) == KDB_OK && chunk->nrows == 1 &&
           ((const int64_t *)chunk->cols[0].data)[0] == expected;
}

static void run_worker(void *arg)
{
    worker *self = arg;
    kdb_err err;
    KDB_CLEANUP(kdb_engine_disconnectp) kdb_engine_conn *conn = NULL;
    if (kdb_engine_connect(self->engine, &conn, &err) != KDB_OK) {
        return;
    }
    fake_table table = fake_numbers(self->nrows);
    table.max_threads = 2;
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(DISTINCT name) FROM %s(0)", kdb_engine_scan_function(conn));
    bool good = true;
    for (int i = 0; i < 20 && good; i++) {
        good = run_one(conn, &source, sql, (int64_t)self->nrows);
    }
    self->good = good && source.opened == source.closed;
}

static void connections_work_side_by_side(void **state)
{
    fake_engine *fake = *state;
    enum { WORKERS = 4 };
    worker workers[WORKERS];
    kdb_thread threads[WORKERS] = { 0 };
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){ .engine = fake->engine, .nrows = i % 2 == 0 ? 100 : 20000 + i };
        kdb_thread_start(&threads[i], "worker", KDB_THREAD_WORKER, run_worker, &workers[i]);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        kdb_thread_join(&threads[i]);
        assert_true(workers[i].good);
    }
}

/* A long execution gets the engine's second thread, and gives it back. */
static void long_execution_gets_help(void **state)
{
    fake_engine *fake = *state;
    fake_table table = fake_numbers(2000000);
    table.max_threads = 4;
    fake_source source;
    fake_source_init(&source, (const fake_table *[]){ &table }, 1);
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE name LIKE '%99999%'", NULL, 0, "38\n");
    assert_int_equal(source.locals, 2);
    fake_expect(fake, &source, "SELECT count(*) FROM @0 WHERE name LIKE '%99999%'", NULL, 0, "38\n");
    assert_int_equal(source.locals, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_result_streams),
        cmocka_unit_test(executions_leave_nothing_behind),
        cmocka_unit_test(interrupt_ends_an_execution),
        cmocka_unit_test(interrupt_ends_a_fetch),
        cmocka_unit_test(interrupt_reaches_work_without_scans),
        cmocka_unit_test(interrupts_may_come_at_any_time),
        cmocka_unit_test(connections_work_side_by_side),
        cmocka_unit_test(long_execution_gets_help),
    };
    return cmocka_run_group_tests(tests, fake_engine_up, fake_engine_down);
}
