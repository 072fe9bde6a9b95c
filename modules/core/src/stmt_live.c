/* stmt_live.c - the SQL side of live queries: SUBSCRIBE TO, which says how to open one and opens none, and KILL LIVE QUERY.
 * They run in module live, above: what is needed of it comes through kdb_live_control. */
#include "core_int.h"
#include "kdb/watch.h"

/* ---- SUBSCRIBE TO ---- */

static const kdbi_made_column subscribe_columns[] = {
    { "status", KDB_TYPE_TEXT, true },
    { "ws_url", KDB_TYPE_TEXT, true },
    { "subscription", KDB_TYPE_JSON, true },
    { "message", KDB_TYPE_TEXT, true },
};

/* What would be refused over the socket is refused here, in the same words. */
static kdb_status check_subscription(kdb_exec *exec, const kdb_subscribe_stmt *subscribe, kdb_err *err)
{
    kdb_core_turn turn = { .exec = exec };
    KDB_CLEANUP(kdb_watch_unrefp) kdb_watch *watch = NULL;
    const kdb_status status = kdb_core_watch(&turn, subscribe->query, &exec->request->caller, &watch, err);
    if (status != KDB_OK) {
        err->position = kdb_dialect_subscribe_position(subscribe, err->position);
    }
    return status;
}

static void put_option(const char *name, int64_t value, kdb_buf *json)
{
    if (value >= 0) {
        const bool first = json->ptr[json->len - 1] == '{';
        kdb_buf_printf(json, "%s\"%s\":%lld", first ? "" : ",", name, (long long)value);
    }
}

/* A text, which JavaScript's numbers are not: they would round it. */
static void put_from(int64_t from, kdb_buf *json)
{
    if (from >= 0) {
        const bool first = json->ptr[json->len - 1] == '{';
        kdb_buf_printf(json, "%s\"from\":\"%lld\"", first ? "" : ",", (long long)from);
    }
}

/* The member `subscription` of the message that opens it: options only when some are given. */
static kdb_sv subscription_json(const kdb_subscribe_stmt *subscribe, kdb_arena *arena)
{
    char uuid[37];
    kdb_uuid_v7_text(uuid);
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"id\":");
    kdb_json_put_string(&json, kdb_sv_printf(arena, "sub-%.*s-%.*s-%s", KDB_SV_ARG(subscribe->table.ns),
                                             KDB_SV_ARG(subscribe->table.name), uuid));
    kdb_buf_append_lit(&json, ",\"sql\":");
    kdb_json_put_string(&json, subscribe->query);
    if (subscribe->last_rows >= 0 || subscribe->batch_size >= 0 || subscribe->from >= 0) {
        kdb_buf_append_lit(&json, ",\"options\":{");
        put_option("last_rows", subscribe->last_rows, &json);
        put_option("batch_size", subscribe->batch_size, &json);
        put_from(subscribe->from, &json);
        kdb_buf_append_byte(&json, '}');
    }
    kdb_buf_append_byte(&json, '}');
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
    return out;
}

kdb_status kdbi_run_subscribe(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_subscribe_stmt *subscribe = plan->stmt->as.subscribe;
    const kdb_live_control *live = &exec->core->live_control;
    KDB_TRY(check_subscription(exec, subscribe, err));
    if (live->url == NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "This server has no live queries");
    }
    const kdb_value cells[] = {
        kdb_value_text(KDB_SV("active")),
        kdb_value_text(live->url(live->self, exec->arena)),
        kdb_value_json(subscription_json(subscribe, exec->arena)),
        kdb_value_text(KDB_SV("WebSocket subscription created. Connect to ws_url to receive updates.")),
    };
    kdbi_made made;
    kdbi_made_begin(&made, exec, subscribe_columns, KDB_ARRAY_LEN(subscribe_columns));
    KDB_TRY(kdbi_made_row(&made, cells, err));
    return kdbi_made_end(&made, err);
}

/* ---- KILL LIVE QUERY ---- */

kdb_status kdbi_run_kill_live_query(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv id = plan->stmt->as.live_id;
    const kdb_live_control *live = &exec->core->live_control;
    if (live->kill == NULL) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Live query '%.*s' not found", KDB_SV_ARG(id));
    }
    KDB_TRY(live->kill(live->self, id, &exec->request->caller, err));
    const kdb_audit_record record = kdbi_audit_record(exec, id, KDB_SV(""));
    KDB_TRY(kdb_audit_commit(exec->core->audit, &record, 1, NULL, err));
    kdbi_exec_message(exec, "Live query killed: %.*s", KDB_SV_ARG(id));
    return KDB_OK;
}
