#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

void *bench_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL) {
        bench_fail("out of memory");
    }
    return memory;
}

/* ---- arguments ---- */

const char *bench_arg(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0) {
            return argv[i + 1];
        }
    }
    if (fallback == NULL) {
        bench_fail("--%s is missing", name);
    }
    return fallback;
}

uint64_t bench_arg_u64(int argc, char **argv, const char *name, uint64_t fallback)
{
    const char *text = bench_arg(argc, argv, name, "");
    if (text[0] == '\0') {
        return fallback;
    }
    char *end = NULL;
    const uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0') {
        bench_fail("--%s: '%s' is not a number", name, text);
    }
    return value;
}

double bench_arg_seconds(int argc, char **argv, const char *name, double fallback)
{
    const char *text = bench_arg(argc, argv, name, "");
    if (text[0] == '\0') {
        return fallback;
    }
    char *end = NULL;
    const double value = strtod(text, &end);
    if (*end != '\0' || value < 0) {
        bench_fail("--%s: '%s' is not a number of seconds", name, text);
    }
    return value;
}

/* ---- clocks and dice ---- */

uint64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

/* ---- durations ---- */

void bench_times_add(bench_times *times, uint64_t ns)
{
    if (times->count == times->cap) {
        times->cap = times->cap == 0 ? 65536 : times->cap * 2;
        uint32_t *grown = realloc(times->ns, times->cap * sizeof *grown);
        if (grown == NULL) {
            bench_fail("out of memory");
        }
        times->ns = grown;
    }
    times->ns[times->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void bench_times_join(bench_times *to, const bench_times *from)
{
    for (size_t i = 0; i < from->count; i++) {
        bench_times_add(to, from->ns[i]);
    }
}

void bench_times_done(bench_times *times)
{
    free(times->ns);
    *times = (bench_times){ 0 };
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(const bench_times *times, double part)
{
    if (times->count == 0) {
        return 0;
    }
    const size_t at = (size_t)(part * (double)(times->count - 1));
    return (double)times->ns[at] / 1000.0;
}

void bench_times_print(bench_times *times, double seconds)
{
    if (times->count != 0) {
        qsort(times->ns, times->count, sizeof *times->ns, compare);
    }
    (void)printf("\"count\":%zu,\"per_second\":%.1f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f", times->count,
                 (double)times->count / seconds, percentile_us(times, 0.50), percentile_us(times, 0.99),
                 percentile_us(times, 1.0));
}
