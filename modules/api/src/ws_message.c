/* ws_message.c - what WebSocket clients say (wire-protocol.md 10.3, 10.4, 10.7, 10.9). Members that are not known are passed
 * over. A subscribe that can be read far enough to know whose it is never ends the connection: it is answered. */
#include "ws_int.h"

static kdb_status text_member(const kdb_json *object, kdb_sv name, kdb_sv *out, kdb_err *err)
{
    const kdb_json *member = kdb_json_lookup(object, name);
    if (member == NULL) {
        return KDB_FAIL(err, KDB_INVALID, "missing field `%.*s`", KDB_SV_ARG(name));
    }
    if (member->kind != KDB_JSON_STRING) {
        return KDB_FAIL(err, KDB_INVALID, "`%.*s` must be a string", KDB_SV_ARG(name));
    }
    *out = member->string;
    return KDB_OK;
}

/* NULL when it is absent or null. */
static const kdb_json *member_of(const kdb_json *object, kdb_sv name)
{
    const kdb_json *member = kdb_json_lookup(object, name);
    return member == NULL || member->kind == KDB_JSON_NULL ? NULL : member;
}

/* ---- authenticate ---- */

static kdb_status read_authenticate(const kdb_json *json, kdbi_ws_message *out, kdb_err *err)
{
    const kdb_json *method = member_of(json, KDB_SV("method"));
    const kdb_json *protocol = member_of(json, KDB_SV("protocol"));
    KDB_TRY(text_member(json, KDB_SV("token"), &out->token, err));
    if (method != NULL && (method->kind != KDB_JSON_STRING || !kdb_sv_ieq(method->string, KDB_SV("jwt")))) {
        return KDB_FAIL(err, KDB_INVALID, "`method` must be \"jwt\"");
    }
    if (protocol != NULL && protocol->kind == KDB_JSON_OBJECT) {
        const kdb_json *compression = member_of(protocol, KDB_SV("compression"));
        out->plain = compression != NULL && compression->kind == KDB_JSON_STRING &&
                     kdb_sv_ieq(compression->string, KDB_SV("none"));
    }
    return KDB_OK;
}

/* ---- subscribe ---- */

kdb_status kdbi_sub_parse_from(kdb_sv text, kdbi_sub_options *out, kdb_err *err)
{
    KDB_TRY(kdb_parse_u64(text, &out->from, err));
    if (out->from > INT64_MAX) {
        return KDB_FAIL(err, KDB_LIMIT, "`from` is out of range");
    }
    out->start = KDB_LIVE_FROM;
    return KDB_OK;
}

static bool read_from(const kdb_json *from, kdbi_sub_options *out)
{
    kdb_err ignored;
    if (from->kind == KDB_JSON_STRING) {
        return kdbi_sub_parse_from(from->string, out, &ignored) == KDB_OK;
    }
    out->start = KDB_LIVE_FROM;
    out->from = (uint64_t)from->integer;
    return from->kind == KDB_JSON_INT && from->integer >= 0;
}

static bool read_count(const kdb_json *count, uint32_t *out)
{
    *out = (uint32_t)count->integer;
    return count->kind == KDB_JSON_INT && count->integer >= 0 && count->integer <= UINT32_MAX;
}

/* What is wrong with the options; NULL: nothing. `from` goes before `last_rows`. */
static const char *read_options(const kdb_json *options, kdbi_sub_options *out)
{
    if (options->kind != KDB_JSON_OBJECT) {
        return "`options` must be an object";
    }
    const kdb_json *batch = member_of(options, KDB_SV("batch_size"));
    const kdb_json *last = member_of(options, KDB_SV("last_rows"));
    const kdb_json *from = member_of(options, KDB_SV("from"));
    from = from != NULL ? from : member_of(options, KDB_SV("from_seq_id"));
    if (batch != NULL && !read_count(batch, &out->batch_rows)) {
        return "`batch_size` must be a number of rows";
    }
    if (last != NULL) {
        out->start = KDB_LIVE_LAST;
        if (!read_count(last, &out->last_rows)) {
            return "`last_rows` must be a number of rows";
        }
    }
    return from == NULL || read_from(from, out) ? NULL : "`from` must be a sequence id";
}

static kdb_status read_subscribe(const kdb_json *json, kdbi_ws_message *out, kdb_err *err)
{
    kdb_err wrong;
    const kdb_json *subscription = kdb_json_lookup(json, KDB_SV("subscription"));
    if (subscription == NULL || subscription->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "missing field `subscription`");
    }
    KDB_TRY(text_member(subscription, KDB_SV("id"), &out->subscription, err));
    if (text_member(subscription, KDB_SV("sql"), &out->sql, &wrong) != KDB_OK) {
        out->fault = "`sql` must be a string";
        return KDB_OK;
    }
    const kdb_json *options = kdb_json_lookup(subscription, KDB_SV("options"));
    if (options == NULL) {
        return KDB_OK;
    }
    if (options->kind == KDB_JSON_NULL) { /* newest native clients: nothing but changes */
        out->options.start = KDB_LIVE_NONE;
        return KDB_OK;
    }
    out->fault = read_options(options, &out->options);
    return KDB_OK;
}

bool kdbi_sub_id_is_blank(kdb_sv id)
{
    return kdb_sv_trim(id).len == 0;
}

/* ---- the others ---- */

static kdb_status read_named(const kdb_json *json, kdbi_ws_message *out, kdb_err *err)
{
    return text_member(json, KDB_SV("subscription_id"), &out->subscription, err);
}

static kdb_status read_ping(KDB_UNUSED const kdb_json *json, KDB_UNUSED kdbi_ws_message *out, KDB_UNUSED kdb_err *err)
{
    return KDB_OK;
}

typedef struct message_def {
    const char *type;
    kdb_status (*read)(const kdb_json *json, kdbi_ws_message *out, kdb_err *err);
} message_def;

static const message_def message_defs[KDBI_WS_VERB_COUNT] = {
    [KDBI_WS_AUTHENTICATE] = { "authenticate", read_authenticate },
    [KDBI_WS_SUBSCRIBE] = { "subscribe", read_subscribe },
    [KDBI_WS_NEXT_BATCH] = { "next_batch", read_named },
    [KDBI_WS_UNSUBSCRIBE] = { "unsubscribe", read_named },
    [KDBI_WS_PING_MESSAGE] = { "ping", read_ping },
};

kdb_status kdbi_ws_message_decode(kdb_sv text, kdb_arena *arena, kdbi_ws_message *out, kdb_err *err)
{
    kdb_json *json = NULL;
    kdb_sv type;
    *out = (kdbi_ws_message){ .fault = NULL };
    KDB_TRY(kdb_json_parse(text, arena, &json, err));
    if (json->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "not an object");
    }
    KDB_TRY(text_member(json, KDB_SV("type"), &type, err));
    for (size_t verb = 0; verb < KDB_ARRAY_LEN(message_defs); verb++) {
        if (kdb_sv_eq(type, kdb_sv_cstr(message_defs[verb].type))) {
            out->verb = (kdbi_ws_verb)verb;
            return message_defs[verb].read(json, out, err);
        }
    }
    return KDB_FAIL(err, KDB_INVALID, "unknown type `%.*s`", KDB_SV_ARG(type));
}
