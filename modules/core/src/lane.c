/* lane.c - statements on the caller's own thread. None yet: every request goes to the workers. */
#include "core_int.h"

struct kdb_core_lane {
    kdb_core *core;
};

kdb_core_lane *kdb_core_lane_new(kdb_core *core)
{
    kdb_core_lane *lane = KDB_NEW(kdb_core_lane);
    lane->core = core;
    return lane;
}

void kdb_core_lane_free(kdb_core_lane *lane)
{
    kdb_free(lane);
}

bool kdb_core_lane_run(KDB_UNUSED kdb_core_lane *lane, KDB_UNUSED kdb_request *request)
{
    return false;
}
