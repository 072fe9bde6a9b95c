/* feed.c - what one live client is to be sent, and its subscriptions. One write is under way at a time, and all that has been
 * queued meanwhile goes into the next, whatever many messages that is: this, and that a message's bytes are shared by all who
 * get them, is what the speed of a fan-out is made of.
 *
 * What waits is bounded in bytes. Beyond that the client is cut off, and told for each subscription where to go on: after the
 * last message of it that was written. */
#include <stdio.h>

#include "hub_int.h"

enum {
    RING_MIN = 4,
    SUBS_MIN = 1,
    BURST_FRAMES = 512,
    BURST_JOINED = 4,
    BURST_SHARED = 8,
    BURST_BYTES = 256 * 1024,
    FAIR_BYTES = 64 * 1024
};

/* ---- shares ---- */

kdbi_share *kdbi_share_of(kdbi_hub *hub, kdb_live_msg *msg)
{
    if (hub->last == NULL || hub->last->msg != msg) {
        kdbi_share *share = KDB_NEW(kdbi_share);
        share->refs = 1; /* the hub's */
        share->hub = hub;
        share->msg = kdb_live_msg_ref(msg);
        hub->held += msg->json.len;
        kdbi_share_unref(hub->last);
        hub->last = share;
    }
    hub->last->refs++;
    return hub->last;
}

kdbi_share *kdbi_share_bytes(kdb_sv bytes)
{
    kdbi_share *share = kdb_alloc(sizeof(*share) + bytes.len);
    memcpy(share + 1, bytes.ptr, bytes.len);
    share->refs = 1;
    share->bytes = kdb_sv_of((const char *)(share + 1), bytes.len);
    return share;
}

void kdbi_share_unref(kdbi_share *share)
{
    if (share != NULL && --share->refs == 0) {
        if (share->hub != NULL) {
            share->hub->held -= share->msg->json.len;
        }
        kdb_live_msg_unref(share->msg);
        kdb_free(share);
    }
}

/* ---- bursts: messages that many clients are sent one behind the other, copied together once for all of them ---- */

struct kdbi_burst {
    unsigned refs;
    size_t n, len;
    kdbi_share **shares; /* references: no other message can lie where one of these does */
    h2o_iovec_t *bufs;   /* where the bytes were: what a client is about to be sent is compared with these */
    char *bytes;
};

static void burst_unref(struct kdbi_burst *burst)
{
    if (burst == NULL || --burst->refs != 0) {
        return;
    }
    for (size_t i = 0; i < burst->n; i++) {
        kdbi_share_unref(burst->shares[i]);
    }
    kdb_free(burst);
}

void kdbi_hub_end_round(kdbi_hub *hub)
{
    burst_unref(hub->burst);
    hub->burst = NULL;
}

static kdb_sv bytes_for(kdbi_feed *feed, const kdbi_share *share)
{
    return share->msg == NULL ? share->bytes : feed->def->encode(feed, share->msg);
}

/* ---- life ---- */

void kdbi_feed_init(kdbi_feed *feed, kdbi_hub *hub, const kdbi_feed_def *def, h2o_linklist_t *list)
{
    static atomic_uint_fast64_t last_id;
    feed->client.loop = hub->loop->index;
    feed->client.id = atomic_fetch_add(&last_id, 1) + 1;
    atomic_store(&feed->client.seen_us, kdb_now_us());
    feed->hub = hub;
    feed->def = def;
    h2o_linklist_insert(list, &feed->link);
}

static kdbi_queued *queued_at(const kdbi_feed *feed, uint32_t index)
{
    return &feed->ring[(feed->head + index) & (feed->cap - 1)];
}

static void drop_from(kdbi_feed *feed, uint32_t index)
{
    for (uint32_t i = index; i < feed->count; i++) {
        kdbi_share_unref(queued_at(feed, i)->share);
    }
    feed->count = index;
    feed->waiting = 0;
}

void kdbi_feed_drop_waiting(kdbi_feed *feed)
{
    drop_from(feed, feed->in_flight);
}

void kdbi_feed_done(kdbi_feed *feed)
{
    kdbi_feed_remove_subs(feed);
    drop_from(feed, 0);
    burst_unref(feed->burst);
    feed->burst = NULL;
    kdb_free(feed->ring);
    kdb_free(feed->subs);
    kdb_auth_pass_free(feed->pass);
    h2o_linklist_unlink(&feed->link);
    if (h2o_linklist_is_linked(&feed->touched)) {
        h2o_linklist_unlink(&feed->touched);
    }
}

/* ---- the queue ---- */

/* Under load a queue fills and empties many times a second; at rest a client should hold nothing. */
static bool take_spare(kdbi_feed *feed)
{
    kdbi_hub *hub = feed->hub;
    if (feed->cap != 0 || hub->nspare == 0) {
        return false;
    }
    feed->ring = hub->spare[--hub->nspare];
    feed->cap = KDBI_SPARE_CAP;
    feed->head = 0;
    return true;
}

static void give_ring(kdbi_feed *feed)
{
    kdbi_hub *hub = feed->hub;
    if (feed->cap == KDBI_SPARE_CAP && hub->nspare < KDBI_SPARE_RINGS) {
        hub->spare[hub->nspare++] = feed->ring;
    } else {
        kdb_free(feed->ring);
    }
    feed->ring = NULL;
    feed->cap = feed->head = 0;
}

static void grow(kdbi_feed *feed)
{
    if (take_spare(feed)) {
        return;
    }
    const uint32_t cap = feed->cap == 0 ? RING_MIN : feed->cap * 2;
    kdbi_queued *ring = kdb_alloc_array(cap, sizeof(*ring));
    for (uint32_t i = 0; i < feed->count; i++) {
        ring[i] = *queued_at(feed, i);
    }
    kdb_free(feed->ring);
    feed->ring = ring;
    feed->cap = cap;
    feed->head = 0;
}

static void touch(kdbi_feed *feed)
{
    if (!h2o_linklist_is_linked(&feed->touched)) {
        h2o_linklist_insert(&feed->hub->touched, &feed->touched);
    }
}

/* Not counting what is to come: a large message alone may pass. When all together hold too much, those go who hold most of it. */
static bool is_full(const kdbi_feed *feed)
{
    const kdbi_settings *set = &feed->hub->loop->api->set;
    return feed->waiting > set->queue_bytes || (feed->hub->held > set->queue_total && feed->waiting > FAIR_BYTES);
}

void kdbi_feed_push(kdbi_feed *feed, kdbi_share *share, uint32_t tag)
{
    const kdb_sv bytes = bytes_for(feed, share);
    if (feed->closed || feed->over || bytes.len > UINT32_MAX) {
        kdbi_share_unref(share);
        return;
    }
    if (is_full(feed)) {
        kdbi_share_unref(share);
        feed->over = true;
        touch(feed);
        return;
    }
    if (feed->count == feed->cap) {
        grow(feed);
    }
    feed->count++;
    *queued_at(feed, feed->count - 1) = (kdbi_queued){ share, tag, (uint32_t)bytes.len };
    feed->waiting += bytes.len;
    if (feed->in_flight == 0) {
        touch(feed);
    }
}

void kdbi_feed_push_msg(kdbi_feed *feed, kdb_live_msg *msg)
{
    kdbi_share *share = KDB_NEW(kdbi_share);
    share->refs = 1;
    share->msg = msg;
    kdbi_feed_push(feed, share, 0);
}

void kdbi_feed_push_bytes(kdbi_feed *feed, kdb_sv bytes)
{
    kdbi_feed_push(feed, kdbi_share_bytes(bytes), 0);
}

static void count_out(kdbi_hub *hub, size_t frames, size_t bytes)
{
    const uint64_t frames_before = atomic_load_explicit(&hub->frames_out, memory_order_relaxed);
    const uint64_t bytes_before = atomic_load_explicit(&hub->bytes_out, memory_order_relaxed);
    atomic_store_explicit(&hub->frames_out, frames_before + frames, memory_order_relaxed);
    atomic_store_explicit(&hub->bytes_out, bytes_before + bytes, memory_order_relaxed);
}

/* As many frames as leave in one write. */
static size_t take_burst(kdbi_feed *feed, h2o_iovec_t *bufs)
{
    size_t n = 0;
    size_t total = 0;
    while (n < feed->count && n < BURST_FRAMES && total < BURST_BYTES) {
        const kdb_sv bytes = bytes_for(feed, queued_at(feed, (uint32_t)n)->share);
        bufs[n++] = h2o_iovec_init(bytes.ptr, bytes.len);
        total += bytes.len;
    }
    feed->in_flight = (uint32_t)n;
    feed->waiting -= total;
    count_out(feed->hub, n, total);
    return n;
}

static struct kdbi_burst *burst_new(const kdbi_feed *feed, const h2o_iovec_t *bufs, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += bufs[i].len;
    }
    struct kdbi_burst *burst = kdb_alloc(sizeof(*burst) + n * (sizeof(kdbi_share *) + sizeof(*bufs)) + len);
    burst->refs = 1; /* the hub's */
    burst->n = n;
    burst->len = len;
    burst->bufs = (h2o_iovec_t *)(burst + 1);
    burst->shares = (kdbi_share **)(burst->bufs + n);
    burst->bytes = (char *)(burst->shares + n);
    char *at = burst->bytes;
    for (size_t i = 0; i < n; i++) {
        burst->bufs[i] = bufs[i];
        burst->shares[i] = queued_at(feed, (uint32_t)i)->share;
        burst->shares[i]->refs++;
        memcpy(at, bufs[i].base, bufs[i].len);
        at += bufs[i].len;
    }
    return burst;
}

/* The kernel takes one piece in less time than many: worth a copy when many clients share it. */
static size_t join_burst(kdbi_feed *feed, h2o_iovec_t *bufs, size_t n)
{
    kdbi_hub *hub = feed->hub;
    if (n < BURST_JOINED || queued_at(feed, 0)->share->refs < BURST_SHARED) {
        return n;
    }
    if (hub->burst == NULL || hub->burst->n != n || memcmp(hub->burst->bufs, bufs, n * sizeof(*bufs)) != 0) {
        burst_unref(hub->burst);
        hub->burst = burst_new(feed, bufs, n);
    }
    hub->burst->refs++;
    feed->burst = hub->burst;
    bufs[0] = h2o_iovec_init(hub->burst->bytes, hub->burst->len);
    return 1;
}

void kdbi_feed_flush(kdbi_feed *feed)
{
    if (h2o_linklist_is_linked(&feed->touched)) {
        h2o_linklist_unlink(&feed->touched);
    }
    if (feed->over) {
        feed->over = false;
        feed->def->slow(feed);
        return;
    }
    if (feed->in_flight == 0 && feed->count > 0) {
        h2o_iovec_t bufs[BURST_FRAMES];
        const size_t n = take_burst(feed, bufs);
        feed->def->write(feed, bufs, join_burst(feed, bufs, n));
    }
}

static kdbi_feed_sub *sub_of_tag(kdbi_feed *feed, uint32_t tag)
{
    for (uint32_t i = 0; i < feed->nsubs; i++) {
        if (feed->subs[i].tag == tag) {
            return &feed->subs[i];
        }
    }
    return NULL;
}

static void note_sent(kdbi_feed *feed, const kdbi_queued *queued)
{
    kdbi_feed_sub *sub = queued->tag == 0 ? NULL : sub_of_tag(feed, queued->tag);
    if (sub != NULL && queued->share->msg->cursor > sub->sent) {
        sub->sent = queued->share->msg->cursor;
    }
}

void kdbi_feed_written(kdbi_feed *feed)
{
    for (uint32_t i = 0; i < feed->in_flight; i++) {
        const kdbi_queued *queued = queued_at(feed, i);
        note_sent(feed, queued);
        kdbi_share_unref(queued->share);
    }
    burst_unref(feed->burst);
    feed->burst = NULL;
    feed->head += feed->in_flight;
    feed->count -= feed->in_flight;
    feed->in_flight = 0;
    if (feed->count > 0 || feed->over) {
        kdbi_feed_flush(feed);
        return;
    }
    give_ring(feed);
    feed->def->drained(feed);
}

/* ---- subscriptions ---- */

static void add_sub(kdbi_feed *feed, kdb_live_sub *sub)
{
    if (feed->nsubs == feed->cap_subs) {
        feed->cap_subs = feed->cap_subs == 0 ? SUBS_MIN : feed->cap_subs * 2;
        feed->subs = kdb_realloc(feed->subs, feed->cap_subs * sizeof(*feed->subs));
    }
    feed->last_tag++; /* 2^32 subscriptions of one connection are out of reach of the limit of messages */
    feed->subs[feed->nsubs++] = (kdbi_feed_sub){ .sub = sub, .tag = feed->last_tag };
}

kdb_status kdbi_feed_subscribe(kdbi_feed *feed, kdb_live_spec *spec, kdb_err *err)
{
    kdb_live_sub *sub = NULL;
    spec->caller = kdb_auth_pass_who(feed->pass);
    spec->address = feed->addr;
    KDB_TRY(kdb_live_subscribe(feed->hub->loop->api->live, &feed->client, spec, &sub, err));
    add_sub(feed, sub);
    return KDB_OK;
}

kdbi_feed_sub *kdbi_feed_find_sub(kdbi_feed *feed, kdb_sv id)
{
    for (uint32_t i = 0; i < feed->nsubs; i++) {
        if (kdb_sv_eq(kdb_live_sub_id(feed->subs[i].sub), id)) {
            return &feed->subs[i];
        }
    }
    return NULL;
}

void kdbi_feed_remove_sub(kdbi_feed *feed, kdbi_feed_sub *sub)
{
    kdb_live_sub *ended = sub->sub;
    *sub = feed->subs[--feed->nsubs];
    kdb_live_unsubscribe(ended);
}

void kdbi_feed_remove_subs(kdbi_feed *feed)
{
    while (feed->nsubs > 0) {
        kdbi_feed_remove_sub(feed, &feed->subs[feed->nsubs - 1]);
    }
}

void kdbi_feed_deliver(kdb_live_client *client, kdb_live_sub *sub, kdb_live_msg *msg, bool last)
{
    kdbi_feed *feed = KDB_CONTAINER_OF(client, kdbi_feed, client);
    kdbi_feed_sub *mine = feed->subs;
    while (mine->sub != sub) {
        mine++;
        KDB_ASSERT(mine < feed->subs + feed->nsubs);
    }
    kdbi_feed_push(feed, kdbi_share_of(feed->hub, msg), mine->tag);
    if (last) {
        kdbi_feed_remove_sub(feed, mine);
    }
}

const kdb_live_msg *kdbi_feed_first(const kdbi_feed *feed)
{
    return feed->count == 0 ? NULL : queued_at(feed, 0)->share->msg;
}

/* ---- ends ---- */

uint64_t kdbi_feed_cursor(const kdbi_feed *feed)
{
    uint64_t least = feed->nsubs == 0 ? 0 : UINT64_MAX;
    for (uint32_t i = 0; i < feed->nsubs; i++) {
        least = feed->subs[i].sent < least ? feed->subs[i].sent : least;
    }
    return least;
}

static void put_end(kdbi_feed *feed, const kdbi_feed_sub *sub, const char *code, const char *text, bool with_cursor)
{
    char where[160];
    if (!with_cursor) {
        (void)snprintf(where, sizeof where, "%s", text);
    } else if (sub->sent == 0) {
        (void)snprintf(where, sizeof where, "%s; subscribe again", text);
    } else {
        (void)snprintf(where, sizeof where, "%s; resume from %" PRIu64, text, sub->sent);
    }
    kdbi_feed_push_msg(feed, kdb_live_error_new(feed->hub->loop->api->live, kdb_live_sub_id(sub->sub),
                                                kdb_sv_cstr(code), kdb_sv_cstr(where)));
}

void kdbi_feed_end_subs(kdbi_feed *feed, const char *code, const char *text, bool with_cursor)
{
    for (uint32_t i = 0; i < feed->nsubs; i++) {
        put_end(feed, &feed->subs[i], code, text, with_cursor);
    }
    kdbi_feed_remove_subs(feed);
}
