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
enum { STATEMENT_US = 20 * 1000 * 1000, RAN_LEAST = 400 };

/* Of the columns below: t, u text; l list; b BYTES; j JSON text; n, big numbers; d time. */
static const char *const shapes[] = { "t",
                                      "l",
                                      "b",
                                      "j",
                                      "n",
                                      "d",
                                      "t, t",
                                      "t, u",
                                      "t, n",
                                      "t, big",
                                      "l, l",
                                      "l, t",
                                      "l, n",
                                      "l, big",
                                      "b, b",
                                      "j, j",
                                      "j, t",
                                      "n, t",
                                      "n, n",
                                      "d, t",
                                      "t, d",
                                      "t, t, t",
                                      "t, n, t",
                                      "t, u, t",
                                      "l, n, n",
                                      "t, big, t",
                                      "t, t, n",
                                      "n, n, n",
                                      "t, 'x', t, 'g'",
                                      "big, big",
                                      "l, ','",
                                      "l, l, l",
                                      "t, 'x', t",
                                      "d, '%c'",
                                      "t, 'a', 'b'",
                                      "n, n, n, n" };

static answer call(fixture *f, const kdb_function_def *def, const char *shape)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(x) FROM (SELECT %s(%s) AS x FROM (SELECT t, replace(t, 'x', 'ay') AS u, string_to_array(t, ',') "
        "AS l, CAST(t AS BYTES) AS b, '[' || repeat('1,', 32768) || n || ']' AS j, n, 1000000000 + n AS big, "
        "TIMESTAMP '2026-01-01' AS d FROM (SELECT repeat('x,', 32768) || i AS t, i AS n FROM "
        "generate_series(1, 4) AS g(i)) r) s) q",
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
