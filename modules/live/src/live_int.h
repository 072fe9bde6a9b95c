/* live_int.h - what live's own files share: notes to the live threads, what they index, parcels to the net threads, loads. */
#ifndef KDB_LIVE_INT_H
#define KDB_LIVE_INT_H

#include <stdatomic.h>

#include "kdb/live.h"
#include "kdb/watch.h"

typedef struct kdbi_shard kdbi_shard;
typedef struct kdbi_query kdbi_query;
typedef struct kdbi_audience kdbi_audience;
typedef struct kdbi_load kdbi_load;
typedef struct kdbi_live_view kdbi_live_view;
typedef struct kdbi_row kdbi_row;

/* ---- live_inbox.c: what a live thread has to look at, in order; any thread puts, the live thread takes ---- */

typedef enum kdbi_note_kind {
    KDBI_NOTE_EVENT,    /* a committed write: kdbi_event */
    KDBI_NOTE_REGISTER, /* a subscription wants what is committed from now on */
    KDBI_NOTE_LOADED,   /* and has sent the rows that it begins with */
    KDBI_NOTE_LEAVE,    /* and has ended */
    KDBI_NOTE_TABLE,    /* a table has changed or gone: kdbi_table_note */
    KDBI_NOTE_OVERFLOW, /* shard->overflowed */
    KDBI_NOTE_BUILT,    /* what a view is made of has been read: kdbi_build */
    KDBI_NOTE_REBOUND   /* a query is bound to the table's new version, or cannot be: kdbi_rebind */
} kdbi_note_kind;
typedef struct kdbi_note {
    struct kdbi_note *next;
    kdbi_note_kind kind;
} kdbi_note;

typedef struct kdbi_inbox {
    kdb_mutex lock; /* rank KDB_LOCK_LIVE_INBOX */
    kdb_cond wake;
    kdbi_note *first, *last; /* guarded by lock, as the next two */
    bool sleeping;
    bool closed;
} kdbi_inbox;
void kdbi_inbox_init(kdbi_inbox *inbox);
void kdbi_inbox_done(kdbi_inbox *inbox);
void kdbi_inbox_put(kdbi_inbox *inbox, kdbi_note *note);
/* All that has been put, oldest first; waits for some. NULL once it is closed and empty. */
kdbi_note *kdbi_inbox_take(kdbi_inbox *inbox);
void kdbi_inbox_close(kdbi_inbox *inbox);

/* ---- live_event.c: a committed write to one user's rows of one table ---- */

typedef struct kdbi_event_row {
    kdb_change_op op;
    uint64_t seq;
    kdb_sv key;
    kdb_sv new_row, old_row; /* as in kdb_row_change */
} kdbi_event_row;
/* The live thread counts who holds it. */
typedef struct kdbi_event {
    kdbi_note note;
    unsigned refs;
    size_t bytes;     /* of all of it */
    kdb_table *table; /* a reference */
    kdb_user_id user;
    uint64_t version;
    size_t nrows;
    kdbi_event_row rows[];
} kdbi_event;
kdbi_event *kdbi_event_new(const kdb_row_change *changes, size_t count);
void kdbi_event_unref(kdbi_event *event); /* NULL is fine */
/* Events held back, oldest first, each with a reference. Live thread. */
typedef struct kdbi_held {
    kdbi_event **events;
    size_t count, cap, bytes;
} kdbi_held;
/* False, with nothing added, beyond `limit` bytes. */
bool kdbi_held_add(kdbi_held *held, kdbi_event *event, size_t limit);
void kdbi_held_drop(kdbi_held *held);

/* What became of a table. */
typedef struct kdbi_table_note {
    kdbi_note note;
    uint32_t table_id;
    uint32_t version;
    bool dropped;
    bool rights_changed;
} kdbi_table_note;

/* ---- live_parcel.c: what net threads deliver, and to whom ---- */

/* The subscribers of an audience on one loop. Made by the live thread, then the net thread's. */
typedef struct kdbi_part {
    kdb_live_sub **subs; /* NULL where one has left while `busy` */
    size_t count, cap;
    bool busy; /* being walked */
    bool holes;
} kdbi_part;

/* Parcels being filled, one per loop, by one thread. */
typedef struct kdbi_outbox {
    kdb_live *live;
    kdb_live_parcel **parcels; /* by loop; NULL: empty */
} kdbi_outbox;
void kdbi_outbox_init(kdbi_outbox *outbox, kdb_live *live);
void kdbi_outbox_done(kdbi_outbox *outbox); /* after a flush */
/* For one subscriber. */
void kdbi_outbox_send(kdbi_outbox *outbox, kdb_live_sub *sub, kdb_live_msg *msg /* taken */, bool last);
/* For all of a part. */
void kdbi_outbox_fan_out(kdbi_outbox *outbox, size_t loop, kdbi_part *part, kdb_live_msg *msg /* borrowed */);
/* For all of a part, as their last. */
void kdbi_outbox_end(kdbi_outbox *outbox, size_t loop, kdbi_part *part, kdb_live_msg *msg /* borrowed */);
/* From here on the subscriber gets what goes to the part. */
void kdbi_outbox_join(kdbi_outbox *outbox, kdb_live_sub *sub, kdbi_part *part);
/* Nothing more goes to the part: it is freed. */
void kdbi_outbox_drop_part(kdbi_outbox *outbox, size_t loop, kdbi_part *part);
/* The next batch is to be asked for, or the client to take what it has. */
void kdbi_outbox_wait(kdbi_outbox *outbox, kdb_live_sub *sub);
/* Hands the parcels over. `patient`: waits while loops have too much to do. */
void kdbi_outbox_flush(kdbi_outbox *outbox, bool patient);
void kdbi_part_leave(kdb_live_sub *sub); /* net thread */

/* ---- subscriptions ---- */

/* How far the worker that binds it has come, and whether its client still wants it. */
typedef enum kdbi_sub_phase { KDBI_SUB_BINDING, KDBI_SUB_REGISTERED, KDBI_SUB_GONE } kdbi_sub_phase;

/* What the live thread does with changes for it. */
typedef enum kdbi_sub_state {
    KDBI_SUB_UNKNOWN,
    KDBI_SUB_LOADING, /* holds them back */
    KDBI_SUB_APART,   /* sends those that its rows do not hold yet, one by one */
    KDBI_SUB_JOINED,  /* it gets what its audience gets */
    KDBI_SUB_LEFT
} kdbi_sub_state;

/* Which changes the rows that a subscription began with hold. */
typedef struct kdbi_fence {
    uint64_t version; /* of the snapshot that they were read from */
    uint64_t top;     /* a `_seq` above all that it can hold */
    /* Rows in it that were not sent, because changes of smaller `_seq` were still to come: sorted. */
    uint64_t *skipped;
    size_t nskipped;
} kdbi_fence;

struct kdb_live_sub {
    atomic_uint refs; /* the edge's, the live thread's, a load's, and those of what is under way */
    kdb_live *live;
    kdb_live_client *client; /* net thread, while not gone */
    size_t loop;
    uint64_t client_id;
    kdb_sv id, sql, user; /* behind the struct */
    kdb_role role;
    kdb_live_start start;
    uint64_t from;
    uint32_t last_rows, batch_rows;
    int64_t created_us;
    atomic_int phase; /* kdbi_sub_phase */
    kdbi_note register_note, loaded_note, leave_note;
    kdb_live_sub *newer, *older; /* guarded by live->lock: all that there are */
    /* Net thread. */
    bool gone;
    bool waits; /* in client->waiting */
    kdb_live_sub *next_waiting;
    kdbi_part *part; /* NULL: not in one */
    size_t part_at;
    /* A worker while it runs, else the net thread; NULL: through. */
    kdbi_load *load;
    kdb_live_sub *next_load; /* guarded by live->lock: loads to be gone on with */
    /* Set by the load before it registers. */
    kdbi_shard *shard;
    kdb_watch *watch; /* the live thread's reference from then on; the query has one of its own */
    /* The live thread; `fence` is the load's until it is loaded. */
    kdbi_sub_state state;
    bool ended; /* it has been told its last */
    bool left;
    kdbi_query *query;
    kdbi_audience *audience;
    kdb_live_sub *next_apart, *prev_apart; /* of the query: loading and apart */
    kdbi_held held;
    kdbi_fence fence;
    /* What system.live shows: the live thread writes. */
    _Atomic(kdbi_audience *) shown;
    atomic_uint_fast64_t changes; /* before it joined, less its audience's then */
    atomic_int_fast64_t updated_us;
    atomic_bool active;
};
kdb_live_sub *kdbi_sub_ref(kdb_live_sub *sub);
void kdbi_sub_unref(kdb_live_sub *sub);
/* Whether its client still wants it: any thread. */
static inline bool kdbi_sub_is_wanted(const kdb_live_sub *sub)
{
    return atomic_load_explicit(&sub->phase, memory_order_relaxed) != KDBI_SUB_GONE;
}

/* A row as programs and messages see it. */
struct kdbi_row {
    kdb_value *values; /* by kdb_table_fields */
    bool there;        /* a row, or a tombstone */
    bool deleted;
    uint64_t seq;
};

/* ---- live_walk.c: a query's rows as they are stored ---- */

/* All of them at the snapshot, in key order; the rest is the caller's to change. What it makes lies in `arena`. */
kdb_walk_spec kdbi_walk_spec(const kdb_live *live, const kdb_watch *watch, kdb_user_id rows_of,
                             const kdb_snapshot *snapshot, kdb_arena *arena, kdb_arena *scratch);
/* The row that the walk is at, for programs; and with all its values, which borrow from the walk. */
kdb_expr_row kdbi_walk_columns(kdb_row_walk *walk);
void kdbi_walk_row(kdbi_row *out, kdb_row_walk *walk, const kdb_table *table, kdb_arena *arena);

/* ---- live_load.c: the rows that a subscription begins with; on core's workers ---- */

void kdbi_load_free(kdbi_load *load); /* NULL is fine */
/* Sends the acknowledgement and one batch, of rows that are elements of a JSON array. */
void kdbi_load_send_whole(kdb_live_sub *sub, kdb_sv rows, kdbi_outbox *out);
/* Puts the subscription in line for its next step: binding, or a batch. */
void kdbi_load_queue(kdb_live_sub *sub);
/* Binds a query again after DDL; a KDBI_NOTE_REBOUND comes of it. */
typedef struct kdbi_rebind {
    kdbi_note note;
    kdb_core_task task;
    kdb_live *live;
    kdbi_shard *shard;
    kdbi_query *query; /* kept until the note is back */
    kdb_sv sql, user;  /* behind the struct */
    kdb_role role;
    uint32_t version; /* of the table, at least; the live thread raises it */
    kdb_watch *watch; /* result; NULL: */
    kdb_err err;
} kdbi_rebind;
void kdbi_rebind_start(kdbi_rebind *rebind);

/* ---- live_build.c: the rows that a view is made of; on core's workers ---- */

/* Reads a query's rows into a new view; a KDBI_NOTE_BUILT comes of it. */
typedef struct kdbi_build {
    kdbi_note note;
    kdb_core_task task;
    kdb_live *live;
    kdbi_shard *shard;
    kdbi_query *query;    /* kept until the note is back */
    kdb_watch *watch;     /* a reference */
    kdb_user_id user;     /* whose rows; behind the struct */
    kdbi_live_view *view; /* result; NULL: */
    kdb_err err;
} kdbi_build;
void kdbi_build_start(kdbi_shard *shard, kdbi_query *query);
void kdbi_build_free(kdbi_build *build);

/* ---- live_shard.c: a live thread and what it watches ---- */

/* One user's rows of one table. */
typedef struct kdbi_target {
    kdb_sv key; /* of shard->targets */
    uint32_t table_id;
    kdb_user_id user;
    kdbi_query *first;
} kdbi_target;

/* One query of those rows, whoever asks it. */
struct kdbi_query {
    kdbi_target *target;
    kdb_sv key;              /* of shard->queries */
    kdbi_query *next, *prev; /* of the target */
    kdb_watch *watch;
    kdb_sv user; /* of whom it is bound again as; in the same block */
    kdb_role role;
    bool ended; /* all have been told their last */
    kdb_live_sub *first_apart;
    kdbi_audience *first;
    kdbi_rebind *rebinding; /* not NULL: changes are held back */
    kdbi_build *building;   /* the same */
    kdbi_live_view *view;   /* what its result is kept as; NULL: it needs none, or none is there yet */
    kdbi_held held;
};

/* Its subscribers under one name of theirs: they get the same bytes. */
struct kdbi_audience {
    kdbi_query *query;
    kdbi_audience *next, *prev;
    kdb_sv prefix; /* {"type":"change","subscription_id":"..", */
    kdb_sv id;
    atomic_uint refs; /* the query's, and those of subscriptions that system.live may ask */
    size_t nsubs;
    atomic_uint_fast64_t changes;
    atomic_int_fast64_t updated_us;
    kdbi_part *parts[]; /* by loop; NULL: nobody there yet */
};
void kdbi_audience_unref(kdbi_audience *audience); /* NULL is fine */

/* A row of an event, decoded as a version of the table has it. */
typedef struct kdbi_decoded {
    kdb_arena *arena;
    const kdbi_event_row *row; /* NULL: nothing; of an event that is held, and so is the table */
    const kdb_table *table;
    kdbi_row old, now;
} kdbi_decoded;

struct kdbi_shard {
    kdb_live *live;
    kdb_thread thread;
    kdbi_inbox inbox;
    atomic_size_t backlog;  /* bytes of events in the inbox */
    atomic_bool overflowed; /* some were dropped: nobody's rows are complete any more. A note is on its way */
    /* The live thread. */
    kdb_map *targets;   /* table id and user: kdbi_target */
    kdb_map *queries;   /* target's key, table's version and watch's key: kdbi_query */
    kdb_map *audiences; /* address of the query, and the subscription's name: kdbi_audience */
    kdbi_outbox out;
    kdb_arena *scratch;
    kdbi_decoded decoded;
    kdb_buf body, json;
};
void kdbi_shard_start(kdbi_shard *shard, kdb_live *live);
void kdbi_shard_stop(kdbi_shard *shard);
/* Live thread: tells a subscriber, or all of a query, that this is the end. */
void kdbi_shard_end_sub(kdbi_shard *shard, kdb_live_sub *sub, const char *code, kdb_sv text);
void kdbi_shard_end_query(kdbi_shard *shard, kdbi_query *query, const char *code, kdb_sv text);
/* The subscriber, who was apart, is told what its audience is told from now on. */
void kdbi_shard_join(kdbi_shard *shard, kdb_live_sub *sub);

/* ---- live_view.c: results that are more than the rows that meet a condition, kept while rows come and go ---- */

typedef void kdbi_live_view_emit(void *self, const kdb_buf *body);

kdbi_live_view *kdbi_live_view_new(kdb_watch *watch, uint64_t version);
void kdbi_live_view_free(kdbi_live_view *view); /* NULL is fine */
uint64_t kdbi_live_view_version(const kdbi_live_view *view);
/* A row of the query has come, or gone. */
KDB_NODISCARD kdb_status kdbi_live_view_add(kdbi_live_view *view, kdb_sv key, kdbi_row *row, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_live_view_remove(kdbi_live_view *view, kdb_sv key, kdbi_row *row, kdb_err *err);
/* Rows that it has not kept count now: it must be read again. */
bool kdbi_live_view_is_short(const kdbi_live_view *view);
/* Takes over what has been told of `old`, so that what differs is told next. */
void kdbi_live_view_succeed(kdbi_live_view *view, kdbi_live_view *old);
/* Calls `emit` with what has changed in the result since the last time, as change bodies; `seq` is what has made it so. */
KDB_NODISCARD kdb_status kdbi_live_view_tell(kdbi_live_view *view, uint64_t seq, kdb_buf *body,
                                             kdbi_live_view_emit *emit, void *self, kdb_err *err);
/* The rows that have been told, as the elements of a JSON array. */
KDB_NODISCARD kdb_status kdbi_live_view_put_rows(const kdbi_live_view *view, kdb_buf *json, kdb_err *err);
/* One kind of them each. */
typedef struct kdbi_live_top kdbi_live_top;
typedef struct kdbi_live_groups kdbi_live_groups;
kdbi_live_top *kdbi_live_top_new(const kdb_watch *watch);
void kdbi_live_top_free(kdbi_live_top *top);
KDB_NODISCARD kdb_status kdbi_live_top_add(kdbi_live_top *top, kdb_sv key, kdbi_row *row, kdb_arena *scratch,
                                           kdb_err *err);
KDB_NODISCARD kdb_status kdbi_live_top_remove(kdbi_live_top *top, kdb_sv key, kdbi_row *row, kdb_arena *scratch,
                                              kdb_err *err);
bool kdbi_live_top_is_short(const kdbi_live_top *top);
void kdbi_live_top_succeed(kdbi_live_top *top, kdbi_live_top *old);
KDB_NODISCARD kdb_status kdbi_live_top_tell(kdbi_live_top *top, uint64_t seq, kdb_buf *body, kdbi_live_view_emit *emit,
                                            void *self, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_live_top_put_rows(const kdbi_live_top *top, kdb_buf *json, kdb_err *err);
kdbi_live_groups *kdbi_live_groups_new(const kdb_watch *watch);
void kdbi_live_groups_free(kdbi_live_groups *groups);
KDB_NODISCARD kdb_status kdbi_live_groups_change(kdbi_live_groups *groups, kdbi_row *row, bool comes,
                                                 kdb_arena *scratch, kdb_err *err);
bool kdbi_live_groups_are_short(const kdbi_live_groups *groups);
void kdbi_live_groups_succeed(kdbi_live_groups *groups, kdbi_live_groups *old);
KDB_NODISCARD kdb_status kdbi_live_groups_tell(kdbi_live_groups *groups, kdb_buf *body, kdbi_live_view_emit *emit,
                                               void *self, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_live_groups_put_rows(const kdbi_live_groups *groups, kdb_buf *json, kdb_err *err);
/* Values with all their bytes, in one block of the heap. */
kdb_value *kdbi_values_keep(const kdb_value *values, size_t count);

/* ---- live_match.c: what a committed write means to a query ---- */

/* Sends what the event means to those who are told at once, and holds it back for the others. */
void kdbi_match_event(kdbi_shard *shard, kdbi_query *query, kdbi_event *event);
/* The same where the result is kept as a view. */
void kdbi_match_view(kdbi_shard *shard, kdbi_query *query, const kdbi_event *event);
/* Tells what has changed in the view; `seq` as for kdbi_live_view_tell. */
void kdbi_match_tell(kdbi_shard *shard, kdbi_query *query, uint64_t seq);
/* What was held back for a subscriber whose rows have been sent. */
void kdbi_match_held(kdbi_shard *shard, kdb_live_sub *sub);

/* ---- live_json.c: rows as messages ---- */

/* Room for the values of the table's rows. */
void kdbi_row_init(kdbi_row *row, const kdb_table *table, kdb_arena *arena);
KDB_NODISCARD kdb_status kdbi_row_read(kdbi_row *row, const kdb_table *table, kdb_sv bytes, kdb_arena *arena,
                                       kdb_err *err);
kdb_expr_row kdbi_row_expr(kdbi_row *row);
/* {"id":1,..}: the watch's columns. */
KDB_NODISCARD kdb_status kdbi_json_row(kdb_buf *json, const kdb_watch *watch, const kdb_expr_row *row, kdb_err *err);
/* "change_type":"insert","rows":[..]} and so on: what follows an audience's prefix. */
KDB_NODISCARD kdb_status kdbi_json_insert(kdb_buf *json, const kdb_watch *watch, const kdbi_row *row, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_json_update(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old,
                                          const kdbi_row *row, kdb_err *err);
/* `seq` is the deletion's. */
KDB_NODISCARD kdb_status kdbi_json_delete(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old, uint64_t seq,
                                          kdb_err *err);
/* What a client with a cursor is told of a row that is not the query's: whatever it was when it was seen last, it has gone. Policies
 * hide rows from some; whether they did so then is not known, so of those nothing may be told: KDB_CONFLICT. */
KDB_NODISCARD kdb_status kdbi_json_gone(kdb_buf *json, const kdb_watch *watch, kdbi_row *row, kdb_arena *scratch,
                                        kdb_err *err);
/* {"type":"change","subscription_id":"..", */
void kdbi_json_prefix(kdb_buf *json, kdb_sv subscription_id);

/* ---- live_msg.c ---- */

/* Of what has been written to `json`, which began with kdbi_live_json_begin; dressed. */
kdb_live_msg *kdbi_live_msg_new(kdb_live *live, kdb_live_kind kind, uint64_t cursor, const kdb_buf *json);
/* Leaves the room that goes before a message's text. */
void kdbi_live_json_begin(kdb_buf *json);
/* The code of wire-protocol.md 10.10 for a failure. */
const char *kdbi_live_code(kdb_status status);

/* ---- live.c ---- */

enum { KDBI_INTERESTS = 1 << 14, KDBI_SHARDS_MAX = 64, KDBI_LOOPS_MAX = 256 };

/* Parcels that a loop has not unpacked. */
typedef struct kdbi_loop_load {
    kdb_mutex lock; /* rank KDB_LOCK_LIVE_LOOP */
    kdb_cond less;
    atomic_size_t bytes;
    bool awaited; /* guarded by lock */
} kdbi_loop_load;

struct kdb_live {
    const kdb_options *options; /* fixed once it runs, as the next */
    kdb_core *core;
    kdb_store *store;
    kdb_live_edge edge;
    bool attached;
    size_t max_backlog, max_held, max_subs_per_user;
    kdbi_shard *shards;
    size_t nshards;
    kdbi_loop_load *loops; /* by loop */
    atomic_bool stopping;
    /* How many subscriptions may want the changes of rows whose hash it is: what a commit looks at. */
    atomic_uint_fast32_t interests[KDBI_INTERESTS];
    kdb_mutex lock;       /* rank KDB_LOCK_LIVE */
    kdb_live_sub *newest; /* guarded by lock, as all below */
    size_t nsubs, nsubs_peak;
    kdb_map *users; /* user: number of subscriptions, as a pointer */
    kdb_live_sub *first_load, *last_load;
    size_t nloading; /* tasks at work on loads */
    size_t max_loading;
    atomic_uint_fast64_t changes, messages, deliveries, resyncs;
    atomic_size_t nqueries;
};
/* Whose rows of the table a user means. */
static inline kdb_user_id kdbi_live_rows_of(const kdb_table *table, kdb_user_id user)
{
    return table->type == KDB_TABLE_SHARED ? (kdb_user_id){ { NULL, 0 } } : user;
}
/* Of one user's rows of a table: index of live->interests, and which shard is theirs. */
uint64_t kdbi_live_hash(uint32_t table_id, kdb_user_id user);
kdbi_shard *kdbi_live_shard(kdb_live *live, uint64_t hash);

#endif
