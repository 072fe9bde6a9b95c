/* live_match.c - what a committed write means to a query: each row as it was and as it is now is asked whether it is one of the
 * query's, once for everybody who asks the same. A row that has come in is an insert to the subscriber, one that has gone out a
 * delete, whatever the statement was. */
#include "live_int.h"

typedef enum outcome { NOTHING, INSERTED, UPDATED, DELETED } outcome;

/* One row of an event as one query sees it. */
typedef struct change {
    const kdbi_event *event;
    const kdbi_event_row *at;
    kdbi_row old, now;
    outcome outcome;
} change;

/* ---- rows ---- */

static bool is_seen(const kdb_watch *watch, const kdbi_row *row)
{
    return row->there && (!row->deleted || watch->sees_deleted);
}

static kdb_status is_of(const kdb_watch *watch, kdbi_row *row, kdb_arena *scratch, bool *out, kdb_err *err)
{
    const kdb_expr_row columns = kdbi_row_expr(row);
    *out = false;
    return is_seen(watch, row) ? kdb_watch_matches(watch, &columns, scratch, out, err) : KDB_OK;
}

/* Queries of one target come one after the other: what one has decoded serves the next. */
static kdb_status decode(kdbi_shard *shard, const kdb_table *table, change *c, kdb_err *err)
{
    kdbi_decoded *last = &shard->decoded;
    if (last->row != c->at || last->table != table) {
        last->row = NULL;
        kdb_arena_reset(last->arena);
        kdbi_row_init(&last->old, table, last->arena);
        kdbi_row_init(&last->now, table, last->arena);
        KDB_TRY(kdbi_row_read(&last->old, table, c->at->old_row, last->arena, err));
        KDB_TRY(kdbi_row_read(&last->now, table, c->at->new_row, last->arena, err));
        last->row = c->at;
        last->table = table;
    }
    c->old = last->old;
    c->now = last->now;
    return KDB_OK;
}

static kdb_status look(kdbi_shard *shard, const kdb_watch *watch, change *c, kdb_err *err)
{
    bool was = false, is = false;
    KDB_TRY(decode(shard, watch->table, c, err));
    KDB_TRY(is_of(watch, &c->old, shard->scratch, &was, err));
    KDB_TRY(is_of(watch, &c->now, shard->scratch, &is, err));
    c->outcome = was ? (is ? UPDATED : DELETED) : is ? INSERTED : NOTHING;
    return KDB_OK;
}

/* Writes shard->body. */
static kdb_status describe(kdbi_shard *shard, const kdb_watch *watch, const change *c, kdb_err *err)
{
    shard->body.len = 0;
    switch (c->outcome) {
    case INSERTED:
        return kdbi_json_insert(&shard->body, watch, &c->now, err);
    case UPDATED:
        return kdbi_json_update(&shard->body, watch, &c->old, &c->now, err);
    case DELETED:
        return kdbi_json_delete(&shard->body, watch, &c->old, c->at->seq, err);
    case NOTHING:
        break;
    }
    return KDB_OK;
}

/* ---- telling ---- */

static kdb_live_msg *message(kdbi_shard *shard, kdb_sv prefix, uint64_t seq)
{
    kdbi_live_json_begin(&shard->json);
    kdb_buf_append_sv(&shard->json, prefix);
    kdb_buf_append_sv(&shard->json, kdb_buf_sv(&shard->body));
    return kdbi_live_msg_new(shard->live, KDB_LIVE_CHANGE, seq, &shard->json);
}

static void tell_audience(kdbi_shard *shard, kdbi_audience *audience, uint64_t seq)
{
    KDB_CLEANUP(kdb_live_msg_unrefp) kdb_live_msg *msg = message(shard, audience->prefix, seq);
    for (size_t i = 0; i < shard->live->edge.nloops; i++) {
        if (audience->parts[i] != NULL) {
            kdbi_outbox_fan_out(&shard->out, i, audience->parts[i], msg);
        }
    }
    atomic_fetch_add_explicit(&audience->changes, 1, memory_order_relaxed);
    atomic_store_explicit(&audience->updated_us, kdb_now_us(), memory_order_relaxed);
}

static void tell_one(kdbi_shard *shard, kdb_live_sub *sub, uint64_t seq)
{
    kdb_buf prefix;
    kdb_buf_init(&prefix, 0);
    kdbi_json_prefix(&prefix, sub->id);
    kdbi_outbox_send(&shard->out, sub, message(shard, kdb_buf_sv(&prefix), seq), false);
    kdb_buf_done(&prefix);
    atomic_fetch_add_explicit(&sub->changes, 1, memory_order_relaxed);
    atomic_store_explicit(&sub->updated_us, kdb_now_us(), memory_order_relaxed);
}

/* ---- subscribers whose rows may hold the change already ---- */

static bool was_skipped(const kdbi_fence *fence, uint64_t seq)
{
    size_t from = 0, to = fence->nskipped;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        if (fence->skipped[mid] < seq) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from < fence->nskipped && fence->skipped[from] == seq;
}

/* What was committed before the snapshot is in the rows, but for rows that were left out of them. Those come now, as new; after
 * a cursor also those that are not the query's: whatever they were when the client saw them last, they have gone. */
static kdb_status match_known(kdbi_shard *shard, kdb_live_sub *sub, const kdb_watch *watch, change *c, kdb_err *err)
{
    const bool is = c->outcome == INSERTED || c->outcome == UPDATED;
    if ((!is && sub->start != KDB_LIVE_FROM) || !was_skipped(&sub->fence, c->at->seq)) {
        return KDB_OK;
    }
    shard->body.len = 0;
    KDB_TRY(is ? kdbi_json_insert(&shard->body, watch, &c->now, err)
               : kdbi_json_gone(&shard->body, watch, &c->now, shard->scratch, err));
    tell_one(shard, sub, c->at->seq);
    return KDB_OK;
}

static kdb_status match_one(kdbi_shard *shard, kdb_live_sub *sub, const kdb_watch *watch, change *c, kdb_err *err)
{
    if (c->event->version <= sub->fence.version) {
        return match_known(shard, sub, watch, c, err);
    }
    if (c->outcome != NOTHING) {
        KDB_TRY(describe(shard, watch, c, err));
        tell_one(shard, sub, c->at->seq);
    }
    return KDB_OK;
}

static void fail_sub(kdbi_shard *shard, kdb_live_sub *sub, kdb_status status, const kdb_err *err)
{
    kdbi_shard_end_sub(shard, sub, kdbi_live_code(status), kdb_sv_cstr(err->text));
}

static void hold(kdbi_shard *shard, kdb_live_sub *sub, kdbi_event *event)
{
    if (!kdbi_held_add(&sub->held, event, shard->live->max_held)) {
        atomic_fetch_add_explicit(&shard->live->resyncs, 1, memory_order_relaxed);
        kdbi_shard_end_sub(
            shard, sub, "RESYNC",
            KDB_SV("More has changed than could be kept while the first rows were sent: subscribe again"));
    }
}

/* ---- queries ---- */

/* The value of a row can make a condition fail: a statement would fail with it, and so does the query, for everybody. */
static void fail_query(kdbi_shard *shard, kdbi_query *query, kdb_status status, const kdb_err *err)
{
    kdbi_shard_end_query(shard, query, kdbi_live_code(status), kdb_sv_cstr(err->text));
}

static void tell_apart(kdbi_shard *shard, kdbi_query *query, change *c)
{
    kdb_err err = { .position = -1 };
    for (kdb_live_sub *sub = query->first_apart, *next; sub != NULL; sub = next) {
        next = sub->next_apart;
        if (sub->state != KDBI_SUB_APART || sub->ended) {
            continue;
        }
        if (c->at->seq > sub->fence.top) { /* all that it may hold already has come by */
            kdbi_shard_join(shard, sub);
            continue;
        }
        const kdb_status status = match_one(shard, sub, query->watch, c, &err);
        if (status != KDB_OK) {
            fail_sub(shard, sub, status, &err);
        }
    }
}

static kdb_status match_row(kdbi_shard *shard, kdbi_query *query, change *c, kdb_err *err)
{
    KDB_TRY(look(shard, query->watch, c, err));
    tell_apart(shard, query, c);
    if (c->outcome == NOTHING || query->first == NULL) {
        return KDB_OK;
    }
    KDB_TRY(describe(shard, query->watch, c, err));
    for (kdbi_audience *audience = query->first; audience != NULL; audience = audience->next) {
        tell_audience(shard, audience, c->at->seq);
    }
    return KDB_OK;
}

void kdbi_match_event(kdbi_shard *shard, kdbi_query *query, kdbi_event *event)
{
    bool told_now = query->first != NULL;
    for (kdb_live_sub *sub = query->first_apart, *next; sub != NULL; sub = next) {
        next = sub->next_apart;
        told_now = told_now || sub->state == KDBI_SUB_APART;
        if (sub->state == KDBI_SUB_LOADING && !sub->ended) {
            hold(shard, sub, event);
        }
    }
    for (size_t i = 0; told_now && i < event->nrows; i++) {
        kdb_err err = { .position = -1 };
        change c = { .event = event, .at = &event->rows[i] };
        kdb_arena_reset(shard->scratch);
        const kdb_status status = match_row(shard, query, &c, &err);
        if (status != KDB_OK) {
            fail_query(shard, query, status, &err);
            return;
        }
    }
}

static kdb_status match_held_event(kdbi_shard *shard, kdb_live_sub *sub, const kdbi_event *event, kdb_err *err)
{
    for (size_t i = 0; i < event->nrows; i++) {
        change c = { .event = event, .at = &event->rows[i] };
        kdb_arena_reset(shard->scratch);
        KDB_TRY(look(shard, sub->query->watch, &c, err));
        KDB_TRY(match_one(shard, sub, sub->query->watch, &c, err));
    }
    return KDB_OK;
}

void kdbi_match_held(kdbi_shard *shard, kdb_live_sub *sub)
{
    kdb_err err = { .position = -1 };
    for (size_t i = 0; i < sub->held.count && !sub->ended; i++) {
        const kdb_status status = match_held_event(shard, sub, sub->held.events[i], &err);
        if (status != KDB_OK) {
            fail_sub(shard, sub, status, &err);
        }
    }
    kdbi_held_drop(&sub->held);
}

/* ---- views ---- */

typedef struct telling {
    kdbi_shard *shard;
    kdbi_query *query;
} telling;

/* `body` is shard->body. */
static void emit(void *self, KDB_UNUSED const kdb_buf *body)
{
    const telling *t = self;
    for (kdbi_audience *audience = t->query->first; audience != NULL; audience = audience->next) {
        tell_audience(t->shard, audience, 0); /* no cursor: a view is not resumed */
    }
}

void kdbi_match_tell(kdbi_shard *shard, kdbi_query *query, uint64_t seq)
{
    kdb_err err = { .position = -1 };
    telling t = { shard, query };
    const kdb_status status = kdbi_live_view_tell(query->view, seq, &shard->body, emit, &t, &err);
    if (status != KDB_OK) {
        fail_query(shard, query, status, &err);
    }
}

static kdb_status change_view(kdbi_shard *shard, kdbi_query *query, const kdbi_event *event, size_t index, kdb_err *err)
{
    change c = { .event = event, .at = &event->rows[index] };
    kdb_arena_reset(shard->scratch);
    KDB_TRY(look(shard, query->watch, &c, err));
    if (c.outcome == UPDATED || c.outcome == DELETED) {
        KDB_TRY(kdbi_live_view_remove(query->view, c.at->key, &c.old, err));
    }
    if (c.outcome == UPDATED || c.outcome == INSERTED) {
        KDB_TRY(kdbi_live_view_add(query->view, c.at->key, &c.now, err));
    }
    return KDB_OK;
}

/* What one commit does is told at once: nobody sees half of it. */
void kdbi_match_view(kdbi_shard *shard, kdbi_query *query, const kdbi_event *event)
{
    kdb_err err = { .position = -1 };
    if (event->version <= kdbi_live_view_version(query->view)) {
        return;
    }
    for (size_t i = 0; i < event->nrows; i++) {
        const kdb_status status = change_view(shard, query, event, i, &err);
        if (status != KDB_OK) {
            fail_query(shard, query, status, &err);
            return;
        }
    }
    if (kdbi_live_view_is_short(query->view)) {
        kdbi_build_start(shard, query);
    } else if (event->nrows != 0) {
        kdbi_match_tell(shard, query, event->rows[event->nrows - 1].seq);
    }
}
