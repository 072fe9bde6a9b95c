/* live_int.h - what live's own files share. */
#ifndef KDB_LIVE_INT_H
#define KDB_LIVE_INT_H

#include <stdatomic.h>

#include "kdb/live.h"

/* ---- live_msg.c ---- */

/* Of what has been written to `json`, which began with kdbi_live_json_begin; dressed. */
kdb_live_msg *kdbi_live_msg_new(const kdb_live_edge *edge, kdb_live_kind kind, uint64_t cursor, const kdb_buf *json);
/* Leaves the room that goes before a message's text. */
void kdbi_live_json_begin(kdb_buf *json);
/* {"type":"error",..}: every part is written as text. */
kdb_live_msg *kdbi_live_error(const kdb_live_edge *edge, kdb_sv subscription_id, kdb_sv code, kdb_sv text);

#endif
