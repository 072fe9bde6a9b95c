/* fake_live.c - see fake_live.h. */
#include "fake_live.h"
#include "hub_int.h"

enum { PATIENCE_US = 60 * 1000000, FIRST_CURSOR = 1000 };

struct kdb_live_sub {
    kdb_live *live;
    kdb_live_client *client;
    atomic_int refs; /* the subscriber's, and parcels' */
    bool dead;       /* net thread of the client */
    bool ending;     /* guarded by the lock: its ERROR is on its way */
    char *id;
    size_t batches, batch; /* of how many the next is which; net thread */
    kdb_live_sub *next;    /* guarded by the lock */
};

typedef struct item {
    struct item *next;
    kdb_live_sub *sub;
    kdb_live_msg *msg;
    bool last;
} item;

struct kdb_live_parcel {
    item *first, *last;
};

struct kdb_live {
    kdb_live_edge edge;
    kdb_mutex lock;
    kdb_live_sub *subs; /* guarded by lock, as all below */
    fake_live_counts counts;
    uint64_t cursor;
    bool batched; /* some subscription has had more than one batch */
};

/* ---- messages ---- */

kdb_live_msg *kdb_live_msg_ref(kdb_live_msg *msg)
{
    atomic_fetch_add(&msg->refs, 1);
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

static kdb_live_msg *msg_new(kdb_live *live, kdb_live_kind kind, uint64_t cursor, const kdb_buf *json)
{
    kdb_live_msg *msg = kdb_alloc(sizeof(*msg) + KDB_LIVE_HEADROOM + json->len);
    char *at = (char *)(msg + 1) + KDB_LIVE_HEADROOM;
    memcpy(at, json->ptr, json->len);
    atomic_init(&msg->refs, 1);
    msg->kind = kind;
    msg->cursor = cursor;
    msg->json = kdb_sv_of(at, json->len);
    live->edge.dress(msg);
    return msg;
}

kdb_live_msg *kdb_live_error_new(kdb_live *live, kdb_sv id, kdb_sv code, kdb_sv message)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"type\":\"error\",\"subscription_id\":");
    kdb_json_put_string(&json, id);
    kdb_buf_append_lit(&json, ",\"code\":");
    kdb_json_put_string(&json, code);
    kdb_buf_append_lit(&json, ",\"message\":");
    kdb_json_put_string(&json, message);
    kdb_buf_append_byte(&json, '}');
    kdb_live_msg *msg = msg_new(live, KDB_LIVE_ERROR, 0, &json);
    msg->starts_over = kdb_sv_eq(code, KDB_SV("RESYNC"));
    kdb_buf_done(&json);
    return msg;
}

const char *kdb_live_error_code(kdb_status status)
{
    return status == KDB_LIMIT ? "SUBSCRIPTION_LIMIT_EXCEEDED" : "SUBSCRIPTION_FAILED";
}

/* ---- parcels ---- */

static void sub_unref(kdb_live_sub *sub)
{
    if (atomic_fetch_sub(&sub->refs, 1) == 1) {
        kdb_free(sub->id);
        kdb_free(sub);
    }
}

static void put(kdb_live_parcel *parcel, kdb_live_sub *sub, kdb_live_msg *msg, bool last)
{
    item *it = KDB_NEW(item);
    atomic_fetch_add(&sub->refs, 1);
    *it = (item){ .sub = sub, .msg = msg, .last = last };
    if (parcel->last == NULL) {
        parcel->first = it;
    } else {
        parcel->last->next = it;
    }
    parcel->last = it;
}

static void post_one(kdb_live_sub *sub, kdb_live_msg *msg, bool last)
{
    kdb_live_parcel *parcel = KDB_NEW(kdb_live_parcel);
    put(parcel, sub, msg, last);
    sub->live->edge.post(sub->live->edge.self, sub->client->loop, parcel);
}

void kdb_live_unpack(kdb_live *live, kdb_live_parcel *parcel)
{
    KDB_ASSERT_ON(KDB_THREAD_NET);
    for (item *it = parcel->first; it != NULL;) {
        item *next = it->next;
        if (!it->sub->dead) {
            live->edge.deliver(it->sub->client, it->sub, it->msg, it->last);
        }
        kdb_live_msg_unref(it->msg);
        sub_unref(it->sub);
        kdb_free(it);
        it = next;
    }
    kdb_free(parcel);
}

void kdb_live_parcel_free(kdb_live_parcel *parcel)
{
    for (item *it = parcel->first; it != NULL;) {
        item *next = it->next;
        kdb_live_msg_unref(it->msg);
        sub_unref(it->sub);
        kdb_free(it);
        it = next;
    }
    kdb_free(parcel);
}

/* ---- scripts ---- */

static bool says(kdb_sv sql, const char *word, size_t *number)
{
    const size_t len = strlen(word);
    if (!kdb_sv_has_prefix(sql, kdb_sv_cstr(word))) {
        return false;
    }
    *number = sql.len > len + 1 ? strtoul(sql.ptr + len + 1, NULL, 10) : 0;
    return true;
}

static void put_batch_control(kdb_buf *json, size_t batch, size_t batches, uint64_t cursor)
{
    const char *status = batch + 1 == batches ? "ready" : batch == 0 ? "loading" : "loading_batch";
    kdb_buf_printf(
        json, "\"batch_control\":{\"batch_num\":%zu,\"has_more\":%s,\"status\":\"%s\",\"last_seq_id\":%" PRIu64 "}",
        batch, batch + 1 == batches ? "false" : "true", status, cursor);
}

static void send_ack(kdb_live_sub *sub, const kdb_live_spec *spec)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_printf(&json, "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\",\"total_rows\":0,", sub->id);
    put_batch_control(&json, 0, sub->batches, 0);
    kdb_buf_append_lit(&json, ",\"schema\":[");
    if (kdb_sv_eq(spec->sql, KDB_SV("options"))) {
        kdb_buf_printf(&json, "\"start=%d from=%" PRIu64 " last=%u batch=%u user=%.*s role=%s\"", (int)spec->start,
                       spec->from, spec->last_rows, spec->batch_rows, KDB_SV_ARG(spec->caller.user.text),
                       kdb_role_name(spec->caller.role));
    }
    kdb_buf_append_lit(&json, "]}");
    post_one(sub, msg_new(sub->live, KDB_LIVE_ACK, 0, &json), false);
    kdb_buf_done(&json);
}

static void send_batch(kdb_live_sub *sub, size_t rows)
{
    kdb_buf json;
    const uint64_t cursor = 100 * (sub->batch + 1);
    kdb_buf_init(&json, 0);
    kdb_buf_printf(&json, "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":[", sub->id);
    for (size_t i = 0; i < rows; i++) {
        kdb_buf_printf(&json, "%s{\"id\":%zu,\"_seq\":\"%zu\"}", i == 0 ? "" : ",", i, i);
    }
    kdb_buf_append_lit(&json, "],");
    put_batch_control(&json, sub->batch, sub->batches, cursor);
    kdb_buf_append_byte(&json, '}');
    sub->batch++;
    post_one(sub, msg_new(sub->live, KDB_LIVE_BATCH, cursor, &json), false);
    kdb_buf_done(&json);
}

static void refuse(kdb_live_sub *sub, kdb_sv code)
{
    post_one(sub, kdb_live_error_new(sub->live, kdb_sv_cstr(sub->id), code, KDB_SV("as the script says")), true);
}

static void run_script(kdb_live_sub *sub, const kdb_live_spec *spec)
{
    size_t number = 0;
    char sql[256];
    const size_t len = spec->sql.len < sizeof sql ? spec->sql.len : sizeof sql - 1;
    memcpy(sql, spec->sql.ptr, len);
    sql[len] = '\0';
    const kdb_sv text = kdb_sv_cstr(sql);
    if (says(text, "fail", &number)) {
        refuse(sub, kdb_sv_cstr(sql + 5));
        return;
    }
    sub->batches = 1;
    if (says(text, "batches", &number)) {
        sub->batches = number;
        number = 1;
        kdb_mutex_lock(&sub->live->lock);
        sub->live->batched = true;
        kdb_mutex_unlock(&sub->live->lock);
    } else if (!says(text, "rows", &number)) {
        number = 0;
    }
    send_ack(sub, spec);
    if (spec->start == KDB_LIVE_NONE) {
        sub->batch = sub->batches;
        return;
    }
    send_batch(sub, number);
}

/* ---- what the edge calls ---- */

kdb_status kdb_live_subscribe(kdb_live *live, kdb_live_client *whose, const kdb_live_spec *spec, kdb_live_sub **out,
                              kdb_err *err)
{
    KDB_ASSERT_ON(KDB_THREAD_NET);
    if (kdb_sv_eq(spec->sql, KDB_SV("full"))) {
        return KDB_FAIL(err, KDB_LIMIT, "Too many live queries");
    }
    if (kdb_sv_eq(spec->sql, KDB_SV("busy"))) {
        return KDB_FAIL(err, KDB_OVERLOADED, "Too busy");
    }
    kdb_live_sub *sub = KDB_NEW(kdb_live_sub);
    sub->live = live;
    sub->client = whose;
    atomic_init(&sub->refs, 1);
    sub->id = kdb_sv_heap_cstr(spec->id);
    kdb_mutex_lock(&live->lock);
    sub->next = live->subs;
    live->subs = sub;
    live->counts.subs++;
    live->counts.subscribed++;
    kdb_mutex_unlock(&live->lock);
    *out = sub;
    run_script(sub, spec);
    return KDB_OK;
}

void kdb_live_unsubscribe(kdb_live_sub *sub)
{
    KDB_ASSERT_ON(KDB_THREAD_NET);
    kdb_live *live = sub->live;
    kdb_mutex_lock(&live->lock);
    kdb_live_sub **at = &live->subs;
    while (*at != sub) {
        at = &(*at)->next;
    }
    *at = sub->next;
    live->counts.subs--;
    kdb_mutex_unlock(&live->lock);
    sub->dead = true;
    sub_unref(sub);
}

kdb_sv kdb_live_sub_id(const kdb_live_sub *sub)
{
    return kdb_sv_cstr(sub->id);
}

static void send_next(kdb_live_sub *sub)
{
    if (sub->batch < sub->batches) {
        send_batch(sub, 1);
    }
}

void kdb_live_next_batch(kdb_live_sub *sub)
{
    kdb_mutex_lock(&sub->live->lock);
    sub->live->counts.next_batches++;
    kdb_mutex_unlock(&sub->live->lock);
    send_next(sub);
}

void kdb_live_drained(kdb_live_client *whose)
{
    kdb_live *live = KDB_CONTAINER_OF(whose, kdbi_feed, client)->hub->loop->api->live;
    kdb_mutex_lock(&live->lock);
    live->counts.drained++;
    for (kdb_live_sub *sub = live->batched ? live->subs : NULL; sub != NULL; sub = sub->next) {
        if (sub->client == whose) {
            send_next(sub);
        }
    }
    kdb_mutex_unlock(&live->lock);
}

void kdb_live_attach(kdb_live *live, const kdb_live_edge *edge)
{
    live->edge = *edge;
}

/* ---- what tests call ---- */

kdb_live *fake_live_new(void)
{
    kdb_live *live = KDB_NEW(kdb_live);
    kdb_mutex_init(&live->lock, KDB_LOCK_WORKERS);
    live->cursor = FIRST_CURSOR;
    return live;
}

void fake_live_free(kdb_live *live)
{
    assert_null(live->subs);
    kdb_mutex_done(&live->lock);
    kdb_free(live);
}

static kdb_live_msg *change(kdb_live *live, const char *id, uint64_t cursor, size_t pad)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_printf(&json,
                   "{\"type\":\"change\",\"subscription_id\":\"%s\",\"change_type\":\"insert\",\"rows\":[{\"_seq\":"
                   "\"%" PRIu64 "\",\"pad\":\"",
                   id, cursor);
    for (size_t i = 0; i < pad; i++) {
        kdb_buf_append_byte(&json, (uint8_t)('a' + (i * cursor) % 23));
    }
    kdb_buf_append_lit(&json, "\"}]}");
    kdb_live_msg *msg = msg_new(live, KDB_LIVE_CHANGE, cursor, &json);
    kdb_buf_done(&json);
    return msg;
}

/* Subscriptions of the same id share the message. */
static void put_change(kdb_live *live, kdb_live_parcel **parcels, size_t pad) KDB_REQUIRES(live->lock)
{
    kdb_live_msg *shared = NULL;
    const char *id = "";
    live->cursor++;
    for (kdb_live_sub *sub = live->subs; sub != NULL; sub = sub->next) {
        kdb_live_parcel **parcel = &parcels[sub->client->loop];
        if (sub->ending) {
            continue;
        }
        if (shared == NULL || strcmp(id, sub->id) != 0) {
            kdb_live_msg_unref(shared);
            shared = change(live, sub->id, live->cursor, pad);
            id = sub->id;
        }
        *parcel = *parcel == NULL ? KDB_NEW(kdb_live_parcel) : *parcel;
        put(*parcel, sub, kdb_live_msg_ref(shared), false);
    }
    kdb_live_msg_unref(shared);
}

static void post_all(kdb_live *live, kdb_live_parcel **parcels)
{
    for (size_t i = 0; i < live->edge.nloops; i++) {
        if (parcels[i] != NULL) {
            live->edge.post(live->edge.self, i, parcels[i]);
        }
    }
}

enum { LOOPS_MAX = 8 };

void fake_live_publish_many(kdb_live *live, size_t count, size_t pad)
{
    kdb_live_parcel *parcels[LOOPS_MAX] = { NULL };
    kdb_mutex_lock(&live->lock);
    for (size_t i = 0; i < count; i++) {
        put_change(live, parcels, pad);
    }
    kdb_mutex_unlock(&live->lock);
    post_all(live, parcels);
}

uint64_t fake_live_publish(kdb_live *live, size_t pad)
{
    fake_live_publish_many(live, 1, pad);
    return live->cursor;
}

void fake_live_end_all(kdb_live *live, const char *code)
{
    kdb_live_parcel *parcels[LOOPS_MAX] = { NULL };
    kdb_mutex_lock(&live->lock);
    for (kdb_live_sub *sub = live->subs; sub != NULL; sub = sub->next) {
        kdb_live_parcel **parcel = &parcels[sub->client->loop];
        *parcel = *parcel == NULL ? KDB_NEW(kdb_live_parcel) : *parcel;
        sub->ending = true;
        put(*parcel, sub, kdb_live_error_new(live, kdb_sv_cstr(sub->id), kdb_sv_cstr(code), KDB_SV("ended")), true);
    }
    kdb_mutex_unlock(&live->lock);
    post_all(live, parcels);
}

fake_live_counts fake_live_count(kdb_live *live)
{
    kdb_mutex_lock(&live->lock);
    const fake_live_counts counts = live->counts;
    kdb_mutex_unlock(&live->lock);
    return counts;
}

bool fake_live_has_subs(kdb_live *live, size_t count)
{
    const int64_t deadline = kdb_monotonic_us() + PATIENCE_US;
    while (fake_live_count(live).subs != count) {
        const struct timespec nap = { .tv_nsec = 1000000 };
        if (kdb_monotonic_us() > deadline) {
            return false;
        }
        (void)nanosleep(&nap, NULL);
    }
    return true;
}
