/* bench.h - what the benchmark programs share: arguments, clocks, and the one line of JSON that each of them prints. */
#ifndef KDB_BENCH_H
#define KDB_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints to stderr and exits with 1. */
void bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *bench_alloc(size_t bytes);

/* The value after `--name`, or `fallback`; a fallback of NULL makes it required. */
const char *bench_arg(int argc, char **argv, const char *name, const char *fallback);
uint64_t bench_arg_u64(int argc, char **argv, const char *name, uint64_t fallback);
double bench_arg_seconds(int argc, char **argv, const char *name, double fallback);

uint64_t bench_now_ns(void);
uint64_t bench_random(uint64_t *state); /* xorshift; *state is not 0 */

/* Durations in the order they came; 4 s and more count as 4 s. */
typedef struct bench_times {
    uint32_t *ns;
    size_t count;
    size_t cap;
} bench_times;
void bench_times_add(bench_times *times, uint64_t ns);
void bench_times_join(bench_times *to, const bench_times *from);
void bench_times_done(bench_times *times);
/* `"count":..,"per_second":..,"p50_us":..,"p99_us":..,"max_us":..` without braces; sorts. */
void bench_times_print(bench_times *times, double seconds);

#endif
