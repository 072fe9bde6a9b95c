/* live.h - live queries (design 8): a SELECT's rows, then every change to them, pushed. Committed changes come from core
 * through a kdb_change_sink, are matched on live threads, and leave as messages for the edge (api), which owns connections.
 *
 * A connection of the edge belongs to one of its net threads, a "loop", for good. What is said to be of the net thread is
 * called on the loop of the client that it is about; nothing there waits. */
#ifndef KDB_LIVE_H
#define KDB_LIVE_H

#include <stdatomic.h>

#include "kdb/core.h"

typedef struct kdb_live kdb_live;

/* ---- messages ---- */

typedef enum kdb_live_kind {
    KDB_LIVE_ACK,
    KDB_LIVE_BATCH,
    KDB_LIVE_CHANGE,
    KDB_LIVE_ERROR,
    KDB_LIVE_KIND_COUNT
} kdb_live_kind;

enum { KDB_LIVE_HEADROOM = 16 };

/* What one or many subscribers are told: a JSON object of wire-protocol.md 10.5 to 10.10. Counted, and immutable once it
 * is shared, but for what the edge keeps with it: any thread. */
typedef struct kdb_live_msg {
    atomic_uint refs;
    kdb_live_kind kind;
    uint64_t cursor;        /* the greatest `_seq` that it tells of, to resume after; 0: none */
    bool starts_over;       /* ERROR, RESYNC: what its client has seen is no place to go on from */
    kdb_sv json;            /* before it lie KDB_LIVE_HEADROOM writable bytes */
    kdb_sv frame;           /* the edge's `dress` may set it */
    _Atomic(void *) packed; /* the edge's: another encoding, made when first needed; kdb_free'd with the message */
    _Atomic(void *) event;  /* the same */
} kdb_live_msg;
kdb_live_msg *kdb_live_msg_ref(kdb_live_msg *msg);
void kdb_live_msg_unref(kdb_live_msg *msg); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_live_msg, kdb_live_msg_unref)

/* ---- the edge ---- */

typedef struct kdb_live_sub kdb_live_sub;
typedef struct kdb_live_parcel kdb_live_parcel; /* messages on their way to one loop */

/* A connection; embedded in the edge's own. It outlives its subscriptions. */
typedef struct kdb_live_client {
    size_t loop;                 /* fixed, as the next */
    uint64_t id;                 /* unique while the server runs */
    atomic_int_fast64_t seen_us; /* when it last sent anything (kdb_now_us); the edge writes, any thread reads */
    kdb_live_sub *waiting;       /* live's: those whose next batch waits for the client */
} kdb_live_client;

typedef struct kdb_live_edge {
    void *self;
    size_t nloops;
    /* Hands the parcel to a loop, which passes it to kdb_live_unpack. Parcels arrive in the order of the calls. Any thread;
     * must not wait. */
    void (*post)(void *self, size_t loop, kdb_live_parcel *parcel /* taken */);
    /* Called once with each message before anybody else has it, on the thread that made it: puts the transport's frame
     * around it. */
    void (*dress)(kdb_live_msg *msg);
    /* Net thread, from kdb_live_unpack only. `msg` is borrowed. `last`: the subscription has ended with it, and the edge calls
     * kdb_live_unsubscribe, here or later. */
    void (*deliver)(kdb_live_client *client, kdb_live_sub *sub, kdb_live_msg *msg, bool last);
} kdb_live_edge;
/* Once, before the first subscription. */
void kdb_live_attach(kdb_live *live, const kdb_live_edge *edge /* copied */);

/* What a subscription begins with. */
typedef enum kdb_live_start {
    KDB_LIVE_ALL,
    KDB_LIVE_LAST, /* the newest rows */
    KDB_LIVE_FROM, /* what has changed since */
    KDB_LIVE_NONE  /* nothing: only changes to come */
} kdb_live_start;
typedef struct kdb_live_spec {
    kdb_sv id;  /* the client's name for it; not blank. All is copied */
    kdb_sv sql; /* the SELECT */
    kdb_principal caller;
    kdb_ip address;
    kdb_live_start start;
    uint64_t from;       /* FROM: a `_seq` */
    uint32_t last_rows;  /* LAST */
    uint32_t batch_rows; /* 0: the default */
} kdb_live_spec;

/* Begins a subscription. Its answer is a message: an ACK, followed by BATCHes (unless start is NONE), or an ERROR that is its
 * `last`. Fails at once, with *out untouched and no message, with KDB_OVERLOADED, or KDB_LIMIT when the user has as many as
 * `rate_limit.max_subscriptions_per_user` allows. Net thread. */
KDB_NODISCARD kdb_status kdb_live_subscribe(kdb_live *live, kdb_live_client *client, const kdb_live_spec *spec,
                                            kdb_live_sub **out, kdb_err *err);
/* Ends it: nothing is delivered for it any more, and `sub` is gone. Net thread. */
void kdb_live_unsubscribe(kdb_live_sub *sub);
kdb_sv kdb_live_sub_id(const kdb_live_sub *sub);
/* The client has asked for the next batch; nothing when none is left or it is on its way already. Net thread. */
void kdb_live_next_batch(kdb_live_sub *sub);
/* All that was delivered to the client has been written to its socket: batches that waited for that come now. Net thread; cheap
 * when there are none. */
void kdb_live_drained(kdb_live_client *client);
/* Calls `deliver` for what is in the parcel, and frees it. Net thread. */
void kdb_live_unpack(kdb_live *live, kdb_live_parcel *parcel /* taken */);
/* Instead, when the loop has stopped. Any thread. */
void kdb_live_parcel_free(kdb_live_parcel *parcel);

/* The ERROR of wire-protocol.md 10.10, dressed, for what the edge refuses itself. */
kdb_live_msg *kdb_live_error_new(kdb_live *live, kdb_sv subscription_id, kdb_sv code, kdb_sv message);
/* The code of an error of kdb_live_subscribe: "SUBSCRIPTION_LIMIT_EXCEEDED". */
const char *kdb_live_error_code(kdb_status status);

/* ---- looking and ending: system.live, KILL LIVE QUERY ---- */

/* All subscriptions, in `arena`: what system.live lists. Any thread. */
void kdb_live_list(kdb_live *live, kdb_arena *arena, kdb_live_row **out, size_t *count);
/* How many there are on the table: of that user, or of all when it is empty. Any thread. */
uint64_t kdb_live_watching(kdb_live *live, const kdb_table *table, kdb_user_id user);
/* Ends a subscription; its client gets an ERROR. KDB_NOT_FOUND; KDB_PERMISSION_DENIED unless `by` is its owner or an admin. Any
 * thread. */
KDB_NODISCARD kdb_status kdb_live_kill(kdb_live *live, kdb_sv live_id, const kdb_principal *by, kdb_err *err);

typedef struct kdb_live_stats {
    uint64_t subscriptions, subscriptions_peak;
    uint64_t queries;       /* different ones: equal queries of equal rows are evaluated once */
    uint64_t changes;       /* committed rows that somebody watched */
    uint64_t messages;      /* made */
    uint64_t deliveries;    /* handed to the edge */
    uint64_t backlog_bytes; /* changes not matched yet */
    uint64_t resyncs;       /* subscriptions ended because they could not be kept complete */
} kdb_live_stats;
void kdb_live_stats_get(kdb_live *live, kdb_live_stats *out);

/* ---- life ---- */

/* Makes one that is told nothing yet: its sink goes into the core's options, */
kdb_live *kdb_live_new(const kdb_options *options);
kdb_change_sink kdb_live_sink(kdb_live *live);
/* then it starts. */
void kdb_live_run(kdb_live *live, kdb_core *core, kdb_store *store);
/* After the edge has unsubscribed all and core is drained: stops the threads. The edge's loops still take parcels. */
void kdb_live_stop(kdb_live *live);
void kdb_live_free(kdb_live *live); /* after core is closed; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_live, kdb_live_free)

#endif
