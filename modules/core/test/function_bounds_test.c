/* function_bounds_test.c - calls every function of dialect's list with large arguments of every shape it takes: whatever it makes
 * of them, the process stays small and the statement ends soon. A function that is new in the list is tried without being
 * named here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "kdb/dialect.h"

#define SANITIZED (KDB_SANITIZES_ADDRESSES || KDB_SANITIZES_THREADS)

/* The fixture's engine may take 512 MiB, and the process may grow by twice that and a little more. */
#define GROWTH_MAX ((size_t)1408 << 20)
enum { STATEMENT_US = 60 * 1000 * 1000, RAN_LEAST = 1500 };

/* Arguments: texts, a list, BYTES, JSON text, a number and a big one, a time. */
#define T "(repeat('x,', 32768) || i)"
#define U "replace(" T ", 'x', 'ay')"
#define L "string_to_array(" T ", ',')"
#define B "CAST(" T " AS BYTES)"
#define J "('[' || repeat('1,', 32768) || i || ']')"
#define N "i"
#define BIG "(1000000000 + i)"
#define D "CAST('2026-01-0' || i AS TIMESTAMP)"

static const char *const shapes[] = { T,
                                      L,
                                      B,
                                      J,
                                      N,
                                      D,
                                      T ", " T,
                                      T ", " U,
                                      T ", " N,
                                      T ", " BIG,
                                      L ", " L,
                                      L ", " T,
                                      L ", " N,
                                      L ", " BIG,
                                      B ", " B,
                                      J ", " J,
                                      J ", " T,
                                      N ", " T,
                                      N ", " N,
                                      D ", " T,
                                      T ", " D,
                                      T ", " T ", " T,
                                      T ", " N ", " T,
                                      T ", " U ", " T,
                                      L ", " N ", " N,
                                      T ", " BIG ", " T,
                                      T ", " T ", " N,
                                      N ", " N ", " N,
                                      T ", 'x', " T ", 'g'",
                                      BIG ", " BIG,
                                      L ", ','",
                                      L ", " L ", " L,
                                      T ", 'x', " T,
                                      D ", '%c'",
                                      T ", 'a', 'b'",
                                      N ", " N ", " N ", " N };

/* Most of the time goes into planning: the statement is as short as can be. */
static answer call(fixture *f, const kdb_function_def *def, const char *shape)
{
    char sql[1024];
    (void)snprintf(sql, sizeof(sql), "SELECT count(x) FROM (SELECT %s(%s) AS x FROM generate_series(1, 4) AS g(i)) q",
                   def->name, shape);
    return run_as(f, "root", KDB_ROLE_SYSTEM, sql, NULL, 0);
}

static size_t most_resident(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

static void every_function_is_bounded(void **state)
{
    fixture *f = *state;
    const size_t before = most_resident();
    size_t ran = 0;
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        const kdb_function_def *def = &kdb_function_defs[i];
        for (size_t s = 0; s < KDB_ARRAY_LEN(shapes); s++) {
            const int64_t began = kdb_monotonic_us();
            answer a = call(f, def, shapes[s]);
            ran += a.status == KDB_OK || a.status == KDB_LIMIT;
            if (a.status == KDB_INTERNAL || kdb_monotonic_us() - began > STATEMENT_US) {
                fail_msg("%s(%s): %s after %lld us", def->name, shapes[s], a.text,
                         (long long)(kdb_monotonic_us() - began));
            }
            if (!SANITIZED && most_resident() > before + GROWTH_MAX) {
                fail_msg("%s(%s): %zu MiB", def->name, shapes[s], most_resident() >> 20);
            }
            answer_done(&a);
        }
    }
    assert_true(ran > RAN_LEAST);
}

static int up(void **state)
{
    static fixture f;
    fixture_open(&f, NULL, NULL, 0);
    *state = &f;
    return 0;
}

static int down(void **state)
{
    fixture_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_function_is_bounded) };
    return cmocka_run_group_tests_name("function_bounds", tests, up, down);
}
