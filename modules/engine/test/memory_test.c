/* memory_test.c - statements that want more memory than there is, of the kinds that DuckDB's memory_limit does not count: they
 * fail, the process stays small, and it gives back what it took. */
#include "fake.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define SANITIZED (KDB_SANITIZES_ADDRESSES || KDB_SANITIZES_THREADS)

#define MIB ((size_t)1 << 20)
#define ENGINE_LIMIT (128 * MIB)
/* What the process may take beyond what it has: twice the limit, what the engine's own bounds leave uncounted, and what is taken
 * between two looks at it. */
#define PROCESS_MAX (2 * ENGINE_LIMIT + 256 * MIB + 256 * MIB)

static int up(void **state)
{
    fake_engine *fake = KDB_NEW(fake_engine);
    fake_engine_open(fake, (int64_t)ENGINE_LIMIT, 1);
    *state = fake;
    return 0;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %zu", &pages), 1);
    (void)fclose(file);
    return pages * 4096;
}

static size_t most_resident(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

/* Sanitizers have shadows, and keep what was freed. */
static void wait_for_resident(size_t most)
{
    const int64_t until = kdb_monotonic_us() + 120 * INT64_C(1000000);
    while (!SANITIZED && resident() > most) {
        const struct timespec nap = { .tv_nsec = 1000000 };
        assert_true(kdb_monotonic_us() < until);
        (void)nanosleep(&nap, NULL);
    }
}

static void expect_small(size_t before)
{
    assert_true(SANITIZED || most_resident() < before + PROCESS_MAX);
}

static void expect_out_of_memory(fake_engine *fake, const char *sql)
{
    fake_expect_error(fake, NULL, sql, NULL, 0, KDB_LIMIT, "query needs more memory than engine.memory_limit allows");
}

static void results_of_functions_are_bounded(void **state)
{
    fake_engine *fake = *state;
    static const char *const sql[] = {
        "SELECT sum(len(list_concat(l, l))) FROM (SELECT list_resize([i], 200000) l FROM range(2048) r(i))",
        "SELECT sum(octet_length(b || b)) FROM (SELECT (repeat('x', 200000) || i)::BLOB b FROM range(2048) r(i))",
        "SELECT sum(strlen(array_to_string([t, t, t], ','))) FROM (SELECT repeat('x', 200000) || i t FROM range(2048) r(i))",
        ("SELECT sum(strlen(regexp_replace(t, 'x', 'yyyyyyyyyy', 'g'))) FROM (SELECT repeat('x', 50000) || i t FROM "
         "range(2048) r(i))"),
        "SELECT sum(strlen(translate(t, 'x', 'é'))) FROM (SELECT repeat('x', 200000) || i t FROM range(2048) r(i))",
        "SELECT sum(len(string_split(t, 'x'))) FROM (SELECT repeat('x', 50000) || i t FROM range(2048) r(i))",
        "SELECT sum(strlen(hex(t))) FROM (SELECT repeat('x', 100000) || i t FROM range(2048) r(i))",
        "SELECT sum(strlen(strftime(TIMESTAMP '2026-01-01' + to_seconds(i), repeat('%c', 10000)))) FROM range(2048) r(i)",
    };
    const size_t before = resident();
    for (size_t i = 0; i < KDB_ARRAY_LEN(sql); i++) {
        expect_out_of_memory(fake, sql[i]);
    }
    expect_small(before);
}

static void states_of_aggregates_are_bounded(void **state)
{
    fake_engine *fake = *state;
    const size_t before = resident();
    expect_out_of_memory(fake, "SELECT mode(i) FROM range(1000000000) r(i)");
    expect_out_of_memory(fake, "SELECT 1 UNION ALL SELECT entropy(i)::INT FROM range(1000000000) r(i)");
    expect_out_of_memory(fake, "SELECT len(list(i)) FROM range(1000000000) r(i)");
    expect_small(before);
}

/* Memory comes back without a statement that asks for it. */
static void memory_is_given_back(void **state)
{
    fake_engine *fake = *state;
    const size_t before = resident();
    expect_out_of_memory(fake, "SELECT mode(i) FROM range(1000000000) r(i)");
    expect_out_of_memory(fake, "SELECT len(list(i)) FROM range(1000000000) r(i)");
    wait_for_resident(before + 100 * MIB);
}

/* What becomes free only after the statement, and then lies in the allocator, comes back as well. */
static void memory_that_is_freed_late_is_given_back(void **state)
{
    enum { PIECES = 2048, PIECE = 48 * 1024 }; /* too small to be mapped by themselves */
    fake_engine *fake = *state;
    char **pieces = kdb_alloc_array(PIECES, sizeof *pieces);
    (void)malloc_trim(0);
    const size_t before = resident();
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = kdb_alloc(PIECE);
        memset(pieces[i], 1, PIECE);
    }
    fake_expect(fake, NULL, "SELECT count(*) FROM range(300000000) r(i) WHERE i % 7 = 0", NULL, 0, "42857143\n");
    const struct timespec a_while = { .tv_nsec = 300 * 1000000 };
    (void)nanosleep(&a_while, NULL); /* for it to have looked, and found nothing to give back */
    assert_true(SANITIZED || resident() > before + 90 * MIB);
    for (size_t i = 0; i + 1 < PIECES; i++) { /* with the last one kept, the allocator keeps the others */
        kdb_free(pieces[i]);
    }
    wait_for_resident(before + 70 * MIB);
    kdb_free(pieces[PIECES - 1]);
    kdb_free(pieces);
}

/* A statement that spills stays below the bound, and is not ended by it. */
static void what_fits_runs_on(void **state)
{
    fake_engine *fake = *state;
    if (SANITIZED && most_resident() > PROCESS_MAX) {
        skip(); /* the sanitizer has not given back what others took */
    }
    /* What DuckDB has reserved for memory that it was refused would be lost for ever. */
    fake_expect(fake, NULL, "SELECT count(*) FROM duckdb_memory() WHERE memory_usage_bytes > 1048576", NULL, 0, "0\n");
    for (int i = 0; i < 2; i++) {
        fake_expect(fake, NULL,
                    "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(i), i) n FROM range(4000000) r(i))",
                    NULL, 0, "4000000\n");
        fake_expect(fake, NULL, "SELECT sum(strlen(t)) FROM (SELECT repeat('x', 20000) || i t FROM range(2048) r(i))",
                    NULL, 0, "40967082\n");
    }
}

typedef struct side {
    fake_engine fake; /* the engine is shared, the connection is not */
    size_t wrong;
} side;

/* Large and small in turn, so that memory is taken, refused and given back on all sides at once. */
static void run_side(void *arg)
{
    side *self = arg;
    static const char *const sql[] = {
        "SELECT sum(octet_length(b || b)) FROM (SELECT (repeat('x', 200000) || i)::BLOB b FROM range(2048) r(i))",
        "SELECT i % 1000, count(*) FROM range(100000) r(i) GROUP BY 1 LIMIT 1",
        "SELECT sum(strlen(t)) FROM (SELECT repeat('x', 10000) || i t FROM range(2048) r(i))",
    };
    for (size_t i = 0; i < 60; i++) {
        KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
        fake_source source;
        const char *rows = NULL;
        fake_source_init(&source, NULL, 0);
        if (fake_prepare(&self->fake, self->fake.conn, &source, sql[i % 3], &plan) != KDB_OK) {
            self->wrong++;
            continue;
        }
        const kdb_status status = fake_run(&self->fake, plan, NULL, 0, &source, &rows);
        self->wrong += status != KDB_OK && status != KDB_LIMIT;
    }
}

static void many_connections_share_the_bound(void **state)
{
    enum { SIDES = 4 };
    fake_engine *fake = *state;
    side sides[SIDES] = { 0 };
    kdb_thread threads[SIDES] = { 0 };
    for (size_t i = 0; i < SIDES; i++) {
        sides[i].fake = (fake_engine){ .engine = fake->engine, .arena = kdb_arena_new(0) };
        assert_int_equal(kdb_engine_connect(fake->engine, &sides[i].fake.conn, &fake->err), KDB_OK);
        kdb_thread_start(&threads[i], "side", KDB_THREAD_ANY, run_side, &sides[i]);
    }
    for (size_t i = 0; i < SIDES; i++) {
        kdb_thread_join(&threads[i]);
        kdb_engine_disconnect(sides[i].fake.conn);
        kdb_arena_free(sides[i].fake.arena);
        assert_int_equal(sides[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_freed_late_is_given_back), /* first: in a process that has only what it needs */
        cmocka_unit_test(what_fits_runs_on),
        cmocka_unit_test(results_of_functions_are_bounded),
        cmocka_unit_test(states_of_aggregates_are_bounded),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(many_connections_share_the_bound),
        cmocka_unit_test(what_fits_runs_on),
    };
    return cmocka_run_group_tests_name("memory", tests, up, fake_engine_down);
}
