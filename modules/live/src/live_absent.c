/* live_absent.c - stands in for live's hub until that is there, so that the edge links. No server has a kdb_live yet, so nothing
 * here is ever called. Goes away with the hub. */
#include "live_int.h"

void kdb_live_attach(KDB_UNUSED kdb_live *live, KDB_UNUSED const kdb_live_edge *edge)
{
    KDB_ASSERT(false);
}

kdb_status kdb_live_subscribe(KDB_UNUSED kdb_live *live, KDB_UNUSED kdb_live_client *client,
                              KDB_UNUSED const kdb_live_spec *spec, KDB_UNUSED kdb_live_sub **out, kdb_err *err)
{
    return KDB_FAIL(err, KDB_OVERLOADED, "Live queries are not available");
}

void kdb_live_unsubscribe(KDB_UNUSED kdb_live_sub *sub)
{
    KDB_ASSERT(false);
}

kdb_sv kdb_live_sub_id(KDB_UNUSED const kdb_live_sub *sub)
{
    return KDB_SV("");
}

void kdb_live_next_batch(KDB_UNUSED kdb_live_sub *sub)
{
    KDB_ASSERT(false);
}

void kdb_live_drained(KDB_UNUSED kdb_live_client *client)
{
}

void kdb_live_unpack(KDB_UNUSED kdb_live *live, KDB_UNUSED kdb_live_parcel *parcel)
{
    KDB_ASSERT(false);
}

kdb_live_msg *kdb_live_error_new(KDB_UNUSED kdb_live *live, kdb_sv id, kdb_sv code, kdb_sv message)
{
    const kdb_live_edge edge = { .self = NULL };
    return kdbi_live_error(&edge, id, code, message);
}

const char *kdb_live_error_code(KDB_UNUSED kdb_status status)
{
    return "SUBSCRIPTION_FAILED";
}
