/* live_msg.c - what subscribers are told: texts made once, counted, shared by all who get them. */
#include "live_int.h"

void kdbi_live_json_begin(kdb_buf *json)
{
    (void)kdb_buf_reserve(json, KDB_LIVE_HEADROOM);
    json->len = KDB_LIVE_HEADROOM;
}

kdb_live_msg *kdbi_live_msg_new(const kdb_live_edge *edge, kdb_live_kind kind, uint64_t cursor, const kdb_buf *json)
{
    const kdb_sv text = kdb_buf_sv(json);
    kdb_live_msg *msg = kdb_alloc(sizeof(*msg) + text.len);
    char *bytes = (char *)(msg + 1);
    memcpy(bytes, text.ptr, text.len);
    atomic_init(&msg->refs, 1);
    msg->kind = kind;
    msg->cursor = cursor;
    msg->json = kdb_sv_of(bytes + KDB_LIVE_HEADROOM, text.len - KDB_LIVE_HEADROOM);
    edge->dress(msg);
    return msg;
}

kdb_live_msg *kdb_live_msg_ref(kdb_live_msg *msg)
{
    atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
    return msg;
}

void kdb_live_msg_unref(kdb_live_msg *msg)
{
    if (msg != NULL && atomic_fetch_sub(&msg->refs, 1) == 1) {
        kdb_free(atomic_load(&msg->packed));
        kdb_free(atomic_load(&msg->event));
        kdb_free(msg);
    }
}

kdb_live_msg *kdbi_live_error(const kdb_live_edge *edge, kdb_sv subscription_id, kdb_sv code, kdb_sv text)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdbi_live_json_begin(&json);
    kdb_buf_append_lit(&json, "{\"type\":\"error\",\"subscription_id\":");
    kdb_json_put_string(&json, subscription_id);
    kdb_buf_append_lit(&json, ",\"code\":");
    kdb_json_put_string(&json, code);
    kdb_buf_append_lit(&json, ",\"message\":");
    kdb_json_put_string(&json, text);
    kdb_buf_append_byte(&json, '}');
    kdb_live_msg *msg = kdbi_live_msg_new(edge, KDB_LIVE_ERROR, 0, &json);
    kdb_buf_done(&json);
    return msg;
}
