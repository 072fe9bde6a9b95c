/* clock.c - wall and monotonic time. The wall clock goes through one pointer that tests replace. */
#include <stdatomic.h>
#include <time.h>

#include "kdb/clock.h"

typedef int64_t (*clock_fn)(void);

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    KDB_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

static _Atomic(clock_fn) wall_clock = system_now_us;

void kdb_clock_override(int64_t (*now_us)(void))
{
    atomic_store(&wall_clock, now_us == NULL ? system_now_us : now_us);
}

int64_t kdb_now_us(void)
{
    return atomic_load_explicit(&wall_clock, memory_order_relaxed)();
}

int64_t kdb_now_ms(void)
{
    return kdb_now_us() / 1000;
}

int64_t kdb_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

kdb_sv kdb_utc_text(int64_t time_us, const char *format, kdb_arena *arena)
{
    char text[64];
    struct tm utc;
    const time_t seconds = (time_t)(time_us / 1000000);
    const size_t len = gmtime_r(&seconds, &utc) == NULL ? 0 : strftime(text, sizeof(text), format, &utc);
    return kdb_sv_dup(arena, kdb_sv_of(text, len));
}
