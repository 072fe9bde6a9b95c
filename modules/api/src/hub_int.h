/* hub_int.h - what the files share that keep live clients (WebSockets, event streams) on their loop: queues of what they are
 * to be sent, their subscriptions, parcels from live. */
#ifndef KDB_HUB_INT_H
#define KDB_HUB_INT_H

#include "net_int.h"
#include "ws_int.h"

/* ---- hub.c: the live clients of one loop ---- */

typedef struct kdbi_feed kdbi_feed;

/* What one or many of them are to be sent. Counted, by this loop alone. */
typedef struct kdbi_share {
    size_t refs;
    kdbi_hub *hub;     /* in whose `held` it counts; NULL: none */
    kdb_live_msg *msg; /* NULL: the bytes are its own */
    kdb_sv bytes;
} kdbi_share;

enum { KDBI_SPARE_RINGS = 1024, KDBI_SPARE_CAP = 128 /* messages: a power of two */ };

struct kdbi_hub {
    kdbi_loop *loop;
    h2o_multithread_receiver_t parcels;
    h2o_multithread_receiver_t verdicts; /* tokens that were looked into elsewhere */
    h2o_linklist_t sockets, streams;     /* kdbi_feed.link */
    h2o_linklist_t touched;              /* kdbi_feed.touched: have something to send */
    h2o_timeout_t auth, heartbeat, linger, parting, keepalive;
    size_t held;      /* bytes of messages that wait for anybody, each counted once */
    kdbi_share *last; /* what was delivered last: most go to many */
    kdb_gzip *gzip;   /* NULL: not needed yet */
    kdbi_ws_reader *readers[16];
    size_t nreaders;
    struct kdbi_queued *spare[KDBI_SPARE_RINGS]; /* rings to use again */
    size_t nspare;
    struct kdbi_burst *burst; /* a reference: what was written last in this round, which most write; NULL: none */
    kdb_arena *arena;         /* for one message; reset after it */
    size_t verifying;         /* tokens elsewhere */
    atomic_uint_fast64_t frames_out, bytes_out; /* this loop writes, any thread reads */
};

kdbi_hub *kdbi_hub_new(kdbi_loop *loop);
/* Sends everybody away. */
void kdbi_hub_drain(kdbi_hub *hub);
/* When there are no clients any more. */
bool kdbi_hub_is_idle(const kdbi_hub *hub);
void kdbi_hub_free(kdbi_hub *hub);
/* The edge that live knows. */
void kdbi_hub_attach(kdb_api *api);
kdb_gzip *kdbi_hub_gzip(kdbi_hub *hub);

/* ---- feed.c: one client's queue and subscriptions ---- */

/* Clients have been flushed: what they were sent together is forgotten. */
void kdbi_hub_end_round(kdbi_hub *hub);

typedef struct kdbi_feed_def {
    /* The message as this client gets it. */
    kdb_sv (*encode)(kdbi_feed *feed, kdb_live_msg *msg);
    /* Sends; kdbi_feed_written when that is done, unless the feed is done first. */
    void (*write)(kdbi_feed *feed, h2o_iovec_t *bufs, size_t count);
    /* All that was queued has been sent. */
    void (*drained)(kdbi_feed *feed);
    /* Too much waits: the client is to be cut off. Called on no stack of live's. */
    void (*slow)(kdbi_feed *feed);
} kdbi_feed_def;

typedef struct kdbi_feed_sub {
    kdb_live_sub *sub;
    uint64_t sent; /* the cursor of the last message that has been written */
    uint32_t tag;  /* names it in the queue */
} kdbi_feed_sub;

typedef struct kdbi_queued {
    kdbi_share *share;
    uint32_t tag; /* of its subscription; 0: of none */
    uint32_t bytes;
} kdbi_queued;

struct kdbi_feed {
    kdb_live_client client;
    const kdbi_feed_def *def;
    kdbi_hub *hub;
    h2o_linklist_t link, touched;
    kdb_auth_pass *pass; /* NULL: not signed in */
    kdbi_addr addr;
    kdbi_queued *ring; /* NULL while nothing is queued */
    uint32_t cap, head, count;
    uint32_t in_flight;       /* of count: being written */
    struct kdbi_burst *burst; /* a reference: what is being written, when it is; NULL: the messages themselves are */
    size_t waiting;           /* bytes, of the others */
    kdbi_feed_sub *subs;
    uint32_t nsubs, cap_subs, last_tag;
    bool over;   /* too much waits */
    bool closed; /* takes nothing more */
};

void kdbi_feed_init(kdbi_feed *feed, kdbi_hub *hub, const kdbi_feed_def *def, h2o_linklist_t *list);
/* Ends its subscriptions and forgets what is queued. */
void kdbi_feed_done(kdbi_feed *feed);
/* Queues; `share` and `msg` are taken. */
void kdbi_feed_push(kdbi_feed *feed, kdbi_share *share, uint32_t tag);
void kdbi_feed_push_msg(kdbi_feed *feed, kdb_live_msg *msg);
void kdbi_feed_push_bytes(kdbi_feed *feed, kdb_sv bytes);
/* Begins to write what is queued, unless something is being written. */
void kdbi_feed_flush(kdbi_feed *feed);
void kdbi_feed_written(kdbi_feed *feed);
/* Forgets what is queued and not being written. */
void kdbi_feed_drop_waiting(kdbi_feed *feed);
/* An error event for each subscription, all of which it ends. `text` may hold one %s: where to go on from. */
void kdbi_feed_end_subs(kdbi_feed *feed, const char *code, const char *text, bool with_cursor);
/* The smallest cursor that a client cut off now may resume all of its subscriptions from; 0: none has got anything. */
uint64_t kdbi_feed_cursor(const kdbi_feed *feed);
KDB_NODISCARD kdb_status kdbi_feed_subscribe(kdbi_feed *feed, kdb_live_spec *spec, kdb_err *err);
/* The message that would be written next; NULL: none, or bytes only. */
const kdb_live_msg *kdbi_feed_first(const kdbi_feed *feed);
kdbi_feed_sub *kdbi_feed_find_sub(kdbi_feed *feed, kdb_sv id);
void kdbi_feed_remove_sub(kdbi_feed *feed, kdbi_feed_sub *sub);
void kdbi_feed_remove_subs(kdbi_feed *feed);
/* Of a kdb_live_edge. */
void kdbi_feed_deliver(kdb_live_client *client, kdb_live_sub *sub, kdb_live_msg *msg, bool last);

kdbi_share *kdbi_share_of(kdbi_hub *hub, kdb_live_msg *msg /* borrowed */);
kdbi_share *kdbi_share_bytes(kdb_sv bytes);
void kdbi_share_unref(kdbi_share *share);

/* ---- ws.c: one WebSocket ---- */

typedef struct kdbi_ws_start {
    kdbi_conn *conn;
    kdbi_addr addr; /* the client's */
    bool plain;     /* no gzip */
    kdb_sv token;   /* of the upgrade's Authorization header; ptr NULL: none */
} kdbi_ws_start;
void kdbi_ws_open(const kdbi_ws_start *start);
void kdbi_ws_drain(kdbi_feed *feed);
void kdbi_ws_on_verdicts(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);

/* ---- sse.c: one event stream ---- */

void kdbi_sse_drain(kdbi_feed *feed);

#endif
