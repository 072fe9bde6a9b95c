/* live_msg.c - what subscribers are told: texts made once, counted, shared by all who get them. */
#include "live_int.h"

void kdbi_live_json_begin(kdb_buf *json)
{
    json->len = 0;
    (void)kdb_buf_reserve(json, KDB_LIVE_HEADROOM);
    json->len = KDB_LIVE_HEADROOM;
}

kdb_live_msg *kdbi_live_msg_new(kdb_live *live, kdb_live_kind kind, uint64_t cursor, const kdb_buf *json)
{
    const kdb_sv text = kdb_buf_sv(json);
    kdb_live_msg *msg = kdb_alloc(sizeof(*msg) + text.len);
    *msg = (kdb_live_msg){ .kind = kind, .cursor = cursor };
    char *bytes = (char *)(msg + 1);
    memcpy(bytes + KDB_LIVE_HEADROOM, text.ptr + KDB_LIVE_HEADROOM, text.len - KDB_LIVE_HEADROOM);
    atomic_init(&msg->refs, 1);
    msg->json = kdb_sv_of(bytes + KDB_LIVE_HEADROOM, text.len - KDB_LIVE_HEADROOM);
    live->edge.dress(msg);
    atomic_fetch_add_explicit(&live->messages, 1, memory_order_relaxed);
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

kdb_live_msg *kdb_live_error_new(kdb_live *live, kdb_sv subscription_id, kdb_sv code, kdb_sv message)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdbi_live_json_begin(&json);
    kdb_buf_append_lit(&json, "{\"type\":\"error\",\"subscription_id\":");
    kdb_json_put_string(&json, subscription_id);
    kdb_buf_append_lit(&json, ",\"code\":");
    kdb_json_put_string(&json, code);
    kdb_buf_append_lit(&json, ",\"message\":");
    kdb_json_put_string(&json, message);
    kdb_buf_append_byte(&json, '}');
    kdb_live_msg *msg = kdbi_live_msg_new(live, KDB_LIVE_ERROR, 0, &json);
    msg->starts_over = kdb_sv_eq(code, KDB_SV("RESYNC"));
    kdb_buf_done(&json);
    return msg;
}

/* Statuses that are not here have no code of their own. */
static const struct {
    kdb_status status;
    const char *code;
} codes[] = {
    { KDB_PERMISSION_DENIED, "UNAUTHORIZED" },
    { KDB_NOT_FOUND, "NOT_FOUND" },
    { KDB_TABLE_NOT_FOUND, "NOT_FOUND" },
    { KDB_NAMESPACE_NOT_FOUND, "NOT_FOUND" },
    { KDB_COLUMN_NOT_FOUND, "INVALID_SQL" },
    { KDB_INVALID_SQL, "INVALID_SQL" },
    { KDB_STMT_INVALID_SQL, "INVALID_SQL" },
    { KDB_INVALID, "INVALID_SQL" },
    { KDB_INVALID_OPERATION, "UNSUPPORTED" },
    { KDB_ARITHMETIC, "CONVERSION_ERROR" },
    { KDB_EXECUTION, "CONVERSION_ERROR" },
    { KDB_SCHEMA, "CONVERSION_ERROR" },
    { KDB_CONFLICT, "RESYNC" },
};

const char *kdbi_live_code(kdb_status status)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(codes); i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return "SUBSCRIPTION_FAILED";
}

const char *kdb_live_error_code(kdb_status status)
{
    return status == KDB_LIMIT ? "SUBSCRIPTION_LIMIT_EXCEEDED" : kdbi_live_code(status);
}
