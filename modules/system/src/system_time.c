/* system_time.c - how long the process has run, and how much of that it has worked. */
#include "system_int.h"

int64_t kdbi_uptime_us(const kdb_system *system)
{
    return kdb_monotonic_us() - system->started_us;
}

kdb_sv kdbi_human_time(int64_t seconds, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%lldd %lldh %lldm %llds", (long long)(seconds / 86400),
                         (long long)(seconds / 3600 % 24), (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

double kdbi_cpu_percent(uint64_t cpu_us, int64_t uptime_us)
{
    return uptime_us <= 0 ? 0.0 : 100.0 * (double)cpu_us / (double)uptime_us;
}
