/* hub.c - the live clients of one loop. Other threads reach them with parcels from live, which wake the loop once however many
 * come together: all of them are unpacked, and then each client that got something is written to once. */
#include "hub_int.h"

enum { LINGER_MS = 5000, PARTING_MS = 1000, KEEPALIVE_MS = 15000 };

typedef struct parcel_note {
    h2o_multithread_message_t message;
    kdb_live_parcel *parcel;
} parcel_note;

static void flush_touched(kdbi_hub *hub)
{
    while (!h2o_linklist_is_empty(&hub->touched)) {
        kdbi_feed_flush(KDB_CONTAINER_OF(hub->touched.next, kdbi_feed, touched));
    }
    kdbi_hub_end_round(hub);
}

static void on_parcels(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    kdbi_hub *hub = KDB_CONTAINER_OF(receiver, kdbi_hub, parcels);
    while (!h2o_linklist_is_empty(messages)) {
        parcel_note *note = KDB_CONTAINER_OF(messages->next, parcel_note, message.link);
        h2o_linklist_unlink(&note->message.link);
        kdb_live_unpack(hub->loop->api->live, note->parcel);
        kdb_free(note);
    }
    kdbi_share_unref(hub->last);
    hub->last = NULL;
    flush_touched(hub);
}

static void post(void *self, size_t loop, kdb_live_parcel *parcel)
{
    kdb_api *api = self;
    parcel_note *note = KDB_NEW(parcel_note);
    note->parcel = parcel;
    kdbi_loop_post(&api->loops[loop], &api->loops[loop].hub->parcels, &note->message);
}

void kdbi_hub_attach(kdb_api *api)
{
    const kdb_live_edge edge = {
        .self = api, .nloops = api->nloops, .post = post, .dress = kdbi_ws_dress, .deliver = kdbi_feed_deliver
    };
    kdb_live_attach(api->live, &edge);
}

kdb_gzip *kdbi_hub_gzip(kdbi_hub *hub)
{
    if (hub->gzip == NULL) {
        hub->gzip = kdb_gzip_new();
    }
    return hub->gzip;
}

kdbi_hub *kdbi_hub_new(kdbi_loop *loop)
{
    kdbi_hub *hub = KDB_NEW(kdbi_hub);
    const kdbi_settings *set = &loop->api->set;
    hub->loop = loop;
    hub->arena = kdb_arena_new(0);
    h2o_linklist_init_anchor(&hub->sockets);
    h2o_linklist_init_anchor(&hub->streams);
    h2o_linklist_init_anchor(&hub->touched);
    h2o_timeout_init(loop->ctx.loop, &hub->auth, (uint64_t)(set->ws_auth_us / 1000));
    h2o_timeout_init(loop->ctx.loop, &hub->heartbeat, (uint64_t)(set->ws_heartbeat_us / 1000));
    h2o_timeout_init(loop->ctx.loop, &hub->linger, LINGER_MS);
    h2o_timeout_init(loop->ctx.loop, &hub->parting, PARTING_MS);
    h2o_timeout_init(loop->ctx.loop, &hub->keepalive, KEEPALIVE_MS);
    h2o_multithread_register_receiver(loop->ctx.queue, &hub->parcels, on_parcels);
    h2o_multithread_register_receiver(loop->ctx.queue, &hub->verdicts, kdbi_ws_on_verdicts);
    return hub;
}

void kdbi_hub_drain(kdbi_hub *hub)
{
    for (h2o_linklist_t *link = hub->sockets.next; link != &hub->sockets; link = link->next) {
        kdbi_ws_drain(KDB_CONTAINER_OF(link, kdbi_feed, link));
    }
    for (h2o_linklist_t *link = hub->streams.next; link != &hub->streams; link = link->next) {
        kdbi_sse_drain(KDB_CONTAINER_OF(link, kdbi_feed, link));
    }
    flush_touched(hub);
}

bool kdbi_hub_is_idle(const kdbi_hub *hub)
{
    return h2o_linklist_is_empty((h2o_linklist_t *)(uintptr_t)&hub->sockets) && hub->verifying == 0;
}

void kdbi_hub_free(kdbi_hub *hub)
{
    h2o_loop_t *loop = hub->loop->ctx.loop;
    h2o_multithread_unregister_receiver(hub->loop->ctx.queue, &hub->parcels);
    h2o_multithread_unregister_receiver(hub->loop->ctx.queue, &hub->verdicts);
    h2o_timeout_dispose(loop, &hub->auth);
    h2o_timeout_dispose(loop, &hub->heartbeat);
    h2o_timeout_dispose(loop, &hub->linger);
    h2o_timeout_dispose(loop, &hub->parting);
    h2o_timeout_dispose(loop, &hub->keepalive);
    while (hub->nreaders > 0) {
        kdbi_ws_reader_free(hub->readers[--hub->nreaders]);
    }
    kdbi_hub_end_round(hub);
    while (hub->nspare > 0) {
        kdb_free(hub->spare[--hub->nspare]);
    }
    kdb_gzip_free(hub->gzip);
    kdb_arena_free(hub->arena);
    kdb_free(hub);
}
