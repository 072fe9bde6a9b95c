/* live_load.c - the rows that a subscription begins with. A load runs on core's workers, a batch at a time, and goes on when the
 * client has taken what it was sent. It registers the subscription with its live thread first and takes its snapshot then, so
 * nothing that is committed can fall between the two; what falls into both the live thread sorts out (kdbi_fence).
 *
 * Rows are sent in `_seq` order. A client's cursor is the greatest `_seq` it has seen, and all changes below it must have been
 * sent: so rows of a `_seq` above one that is still to be committed are left out, and come with the changes; and after a
 * cursor, rows and what is to be told of rows that have gone alternate as their `_seq` says. */
#include "live_int.h"

#include <stdlib.h>

enum {
    BATCH_ROWS = 1000,
    BATCH_ROWS_MAX = 10000,
    BATCH_BYTES = 256 << 10,  /* end a batch early */
    GATHERED_BYTES = 1 << 20, /* rows read in key order and sorted; of more rows the index is walked, which is slower */
    LAST_BYTES = 16 << 20,    /* of `last_rows`, which are one batch */
    CUTS = 64,                /* batches that end early for a row that has gone, before the client is waited for */
    LOOK_EVERY_ROWS = 512,    /* whether somebody still wants them */
    STEPS = 64                /* of loads that one turn on a worker goes on with */
};

/* Rows written out, to be sent in another order than they were read in. */
typedef struct written_row {
    uint64_t seq;
    size_t at, len;
} written_row;
typedef struct written {
    kdb_buf text;
    written_row *rows;
    size_t count, cap, sent;
} written;

struct kdbi_load {
    kdb_live_sub *sub; /* whose `load` this is */
    kdb_watch *watch;
    kdb_arena *arena;   /* the walk and this */
    kdb_arena *row;     /* of one row's evaluation */
    kdb_arena *scratch; /* the walk's */
    kdb_snapshot *snapshot;
    uint64_t floor; /* rows of this `_seq` and above are left out */
    size_t skipped_cap;
    kdb_row_walk *walk;
    bool has_written; /* the rows are in `written`, else they come from the walk */
    written written;
    kdb_buf gone; /* FROM: what the client is to be told of a row that is no longer the query's, after the batch */
    uint64_t gone_seq;
    kdb_buf json;
    uint32_t batch;
    size_t batch_rows;
    size_t looked_at;
    bool through;
};

/* ---- rows written out ---- */

static void written_done(written *w)
{
    kdb_buf_done(&w->text);
    kdb_free(w->rows);
}

static void written_add(written *w, uint64_t seq, size_t at)
{
    *KDB_HEAP_PUSH(w->rows, w->count, w->cap) = (written_row){ seq, at, w->text.len - at };
}

static int by_seq(const void *a, const void *b)
{
    const uint64_t x = ((const written_row *)a)->seq, y = ((const written_row *)b)->seq;
    return x < y ? -1 : x > y;
}

static void written_sort(written *w)
{
    if (w->count != 0) {
        qsort(w->rows, w->count, sizeof(*w->rows), by_seq);
    }
}

static kdb_sv written_text(const written *w, size_t index)
{
    return kdb_sv_of(w->text.ptr + w->rows[index].at, w->rows[index].len);
}

/* ---- the load ---- */

static kdbi_load *load_new(kdb_live_sub *sub)
{
    kdb_arena *arena = kdb_arena_new(0);
    kdbi_load *load = KDB_ARENA_NEW(arena, kdbi_load);
    load->sub = sub;
    load->arena = arena;
    load->row = kdb_arena_new(0);
    load->scratch = kdb_arena_new(0);
    load->batch_rows = sub->batch_rows == 0               ? BATCH_ROWS
                       : sub->batch_rows > BATCH_ROWS_MAX ? BATCH_ROWS_MAX
                                                          : sub->batch_rows;
    return load;
}

void kdbi_load_free(kdbi_load *load)
{
    if (load == NULL) {
        return;
    }
    kdb_row_walk_done(load->walk);
    kdb_snapshot_free(load->snapshot);
    kdb_watch_unref(load->watch);
    written_done(&load->written);
    kdb_buf_done(&load->gone);
    kdb_buf_done(&load->json);
    kdb_arena_free(load->scratch);
    kdb_arena_free(load->row);
    kdb_arena_free(load->arena);
}

/* ---- beginning: bound, registered, then a snapshot ---- */

static kdb_sv with_position(const kdbi_load *load, const kdb_err *err)
{
    uint32_t line = 0, column = 0;
    if (err->position < 0) {
        return kdb_sv_cstr(err->text);
    }
    kdb_dialect_line_column(load->sub->sql, (size_t)err->position, &line, &column);
    return kdb_sv_printf(load->arena, "%s (line %u, column %u)", err->text, line, column);
}

static void fail(const kdbi_load *load, kdbi_outbox *out, const char *code, kdb_sv text)
{
    kdb_live_sub *sub = load->sub;
    kdbi_outbox_send(out, sub, kdb_live_error_new(sub->live, sub->id, kdb_sv_cstr(code), text), true);
}

/* False when the client has left meanwhile. */
static bool enter(kdbi_load *load)
{
    kdb_live_sub *sub = load->sub;
    const kdb_user_id user = kdbi_live_rows_of(load->watch->table, (kdb_user_id){ sub->user });
    const uint64_t hash = kdbi_live_hash(load->watch->table->id, user);
    sub->watch = kdb_watch_ref(load->watch);
    sub->shard = kdbi_live_shard(sub->live, hash);
    atomic_fetch_add(&sub->live->interests[hash % KDBI_INTERESTS], 1);
    (void)kdbi_sub_ref(sub); /* the note's, which becomes the live thread's */
    int before = KDBI_SUB_BINDING;
    if (!atomic_compare_exchange_strong(&sub->phase, &before, KDBI_SUB_REGISTERED)) {
        atomic_fetch_sub(&sub->live->interests[hash % KDBI_INTERESTS], 1);
        kdbi_sub_unref(sub);
        return false;
    }
    kdbi_inbox_put(&sub->shard->inbox, &sub->register_note);
    /* A commit that misses the interest above must be seen by the snapshot below: kdb_live_sink has the other fence. */
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

/* Deletions are kept for some time only, which may have been a shorter one. */
static bool is_too_old(const kdbi_load *load)
{
    const kdb_live *live = load->sub->live;
    const int64_t hours = load->watch->table->deleted_retention_hours >= 0
                              ? load->watch->table->deleted_retention_hours
                              : kdb_opt_i64(live->options, KDB_OPT_RETENTION_DELETED_HOURS);
    const int64_t from_us = kdb_snowflake_us(load->sub->from);
    return from_us < kdb_now_us() - hours * 3600 * INT64_C(1000000) ||
           load->sub->from < kdb_core_purge_floor(live->core, load->watch->table);
}

static kdb_status check_start(const kdbi_load *load, kdb_err *err)
{
    const kdb_live_sub *sub = load->sub;
    if (sub->start != KDB_LIVE_FROM) {
        return KDB_OK;
    }
    if (load->watch->kind != KDB_WATCH_ROWS) {
        return KDB_FAIL(err, KDB_CONFLICT, "Such a query cannot be resumed: subscribe again without a cursor");
    }
    if (load->watch->table->type != KDB_TABLE_STREAM && is_too_old(load)) {
        return KDB_FAIL(err, KDB_CONFLICT,
                        "The cursor is older than deletions are kept for: subscribe again without it");
    }
    return KDB_OK;
}

static kdb_status bind(kdbi_load *load, kdb_core_turn *turn, kdb_err *err)
{
    const kdb_live_sub *sub = load->sub;
    const kdb_principal caller = { .user.text = sub->user, .role = sub->role };
    KDB_TRY(kdb_core_watch(turn, sub->sql, &caller, &load->watch, err));
    return check_start(load, err);
}

/* What became of the table between binding and registering, nobody has been told. */
static kdb_status check_table(const kdbi_load *load, kdb_err *err)
{
    return kdb_table_state_of(load->watch->table) == KDB_TABLE_OPEN
               ? KDB_OK
               : KDB_FAIL(err, KDB_CONFLICT, "The table is being altered: subscribe again");
}

static void take_snapshot(kdbi_load *load)
{
    kdb_live_sub *sub = load->sub;
    load->floor = kdb_core_seq_floor(sub->live->core, load->watch->table);
    load->snapshot = kdb_snapshot_new_at(sub->live->store, &sub->fence.version);
    sub->fence.top = kdb_snowflake_next();
}

/* ---- rows ---- */

static uint64_t seq_of(const kdbi_load *load)
{
    return (uint64_t)kdb_row_walk_value(load->walk, (uint32_t)load->watch->table->schema->ncolumns).as.i64;
}

static void skip(kdbi_load *load, uint64_t seq)
{
    kdbi_fence *fence = &load->sub->fence;
    *KDB_HEAP_PUSH(fence->skipped, fence->nskipped, load->skipped_cap) = seq;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static kdb_status look_up(kdbi_load *load, kdb_err *err)
{
    const kdb_live_sub *sub = load->sub;
    const bool stop = !kdbi_sub_is_wanted(sub) || atomic_load_explicit(&sub->live->stopping, memory_order_relaxed);
    return stop ? KDB_FAIL(err, KDB_CANCELLED, "The client has left") : KDB_OK;
}

/* The next row of the walk that is not left out. */
static kdb_status move(kdbi_load *load, bool *more, kdb_err *err)
{
    for (;;) {
        if (++load->looked_at % LOOK_EVERY_ROWS == 0) {
            KDB_TRY(look_up(load, err));
        }
        KDB_TRY(kdb_row_walk_next(load->walk, more, err));
        if (!*more || seq_of(load) < load->floor) {
            return KDB_OK;
        }
        skip(load, seq_of(load));
    }
}

static kdb_status matches(kdbi_load *load, bool *out, kdb_err *err)
{
    const kdb_expr_row row = kdbi_walk_columns(load->walk);
    kdb_arena_reset(load->row);
    return kdb_watch_matches(load->watch, &row, load->row, out, err);
}

static kdb_status write_row(kdbi_load *load, kdb_buf *json, kdb_err *err)
{
    const kdb_expr_row row = kdbi_walk_columns(load->walk);
    return kdbi_json_row(json, load->watch, &row, err);
}

/* Adds the row to `written` if it is the query's. */
static kdb_status write_out(kdbi_load *load, kdb_err *err)
{
    const size_t at = load->written.text.len;
    bool is = false;
    KDB_TRY(matches(load, &is, err));
    if (is) {
        KDB_TRY(write_row(load, &load->written.text, err));
        written_add(&load->written, seq_of(load), at);
    }
    return KDB_OK;
}

/* ---- walks ---- */

static kdb_walk_spec walk_spec(const kdbi_load *load)
{
    const kdb_user_id user = kdbi_live_rows_of(load->watch->table, (kdb_user_id){ load->sub->user });
    return kdbi_walk_spec(load->sub->live, load->watch, user, load->snapshot, load->arena, load->scratch);
}

static kdb_status open_walk(kdbi_load *load, kdb_walk_spec *spec, kdb_err *err)
{
    kdb_row_walk_done(load->walk);
    load->walk = NULL;
    return kdb_row_walk_new(spec, load->arena, &load->walk, err);
}

/* A STREAM's keys are in `_seq` order. */
static void set_stream_keys(const kdbi_load *load, kdb_walk_spec *spec, uint64_t above)
{
    kdb_row_user_range(load->watch->table, spec->user, load->arena, &spec->keys.from, &spec->keys.to);
    if (above != 0) {
        spec->keys.from = kdb_row_key_hidden(load->watch->table, spec->user, above + 1, load->arena);
    }
}

static kdb_status open_in_order(kdbi_load *load, uint64_t above, bool descending, kdb_err *err)
{
    kdb_walk_spec spec = walk_spec(load);
    spec.keys = (kdb_key_set){ 0 };
    spec.whole = false;
    spec.descending = descending;
    if (load->watch->table->type == KDB_TABLE_STREAM) {
        set_stream_keys(load, &spec, above);
    } else {
        spec.by_seq = true;
        spec.seq_above = above;
        spec.sees_deleted = spec.sees_deleted || above != 0;
    }
    return open_walk(load, &spec, err);
}

/* ---- all rows: read in key order, which is fast, and sorted while they are few ---- */

static kdb_status gather(kdbi_load *load, kdb_err *err)
{
    kdb_walk_spec spec = walk_spec(load);
    KDB_TRY(open_walk(load, &spec, err));
    for (bool more = false; load->written.text.len <= GATHERED_BYTES;) {
        KDB_TRY(move(load, &more, err));
        if (!more) {
            written_sort(&load->written);
            load->has_written = true;
            return KDB_OK;
        }
        KDB_TRY(write_out(load, err));
    }
    written_done(&load->written);
    load->written = (written){ 0 };
    load->sub->fence.nskipped = 0; /* they are met again */
    return open_in_order(load, 0, false, err);
}

/* ---- the newest rows ---- */

static kdb_status gather_last(kdbi_load *load, kdb_err *err)
{
    KDB_TRY(open_in_order(load, 0, true, err));
    while (load->written.count < load->sub->last_rows) {
        bool more = false;
        KDB_TRY(move(load, &more, err));
        if (!more) {
            break;
        }
        KDB_TRY(write_out(load, err));
        if (load->written.text.len > LAST_BYTES) {
            return KDB_FAIL(err, KDB_LIMIT, "The last %u rows are more than %d MiB", load->sub->last_rows,
                            LAST_BYTES >> 20);
        }
    }
    written_sort(&load->written);
    load->has_written = true;
    load->batch_rows = load->written.count + 1;
    return KDB_OK;
}

/* ---- what has changed since a cursor ---- */

static kdb_status note_gone(kdbi_load *load, kdb_err *err)
{
    kdbi_row row;
    kdb_arena_reset(load->row);
    kdbi_walk_row(&row, load->walk, load->watch->table, load->row);
    kdbi_live_json_begin(&load->gone);
    kdbi_json_prefix(&load->gone, load->sub->id);
    load->gone_seq = row.seq;
    return kdbi_json_gone(&load->gone, load->watch, &row, load->row, err);
}

static bool is_deleted(const kdbi_load *load)
{
    return load->watch->table->type != KDB_TABLE_STREAM &&
           kdb_row_walk_value(load->walk, (uint32_t)load->watch->table->schema->ncolumns + 1).as.b;
}

/* Whether the row is to be sent; else, after a cursor, the client is told that it has gone. */
static kdb_status choose(kdbi_load *load, bool *out, kdb_err *err)
{
    *out = false;
    if (!is_deleted(load) || load->watch->sees_deleted) {
        KDB_TRY(matches(load, out, err));
    }
    if (*out || load->sub->start != KDB_LIVE_FROM || load->watch->table->type == KDB_TABLE_STREAM) {
        return KDB_OK;
    }
    return note_gone(load, err);
}

/* ---- batches ---- */

typedef struct batch {
    kdb_buf *json;
    size_t rows;
    uint64_t last;
    bool more;
} batch;

static bool is_full(const kdbi_load *load, const batch *b)
{
    return b->rows == load->batch_rows || (b->json->len > BATCH_BYTES && load->sub->start != KDB_LIVE_LAST);
}

static void begin_row(batch *b, uint64_t seq)
{
    if (b->rows++ != 0) {
        kdb_buf_append_byte(b->json, ',');
    }
    b->last = seq;
}

static void fill_from_written(kdbi_load *load, batch *b)
{
    written *w = &load->written;
    while (w->sent < w->count && !is_full(load, b)) {
        begin_row(b, w->rows[w->sent].seq);
        kdb_buf_append_sv(b->json, written_text(w, w->sent++));
    }
    b->more = w->sent < w->count;
}

static kdb_status fill_from_walk(kdbi_load *load, batch *b, kdb_err *err)
{
    for (b->more = true; !is_full(load, b);) {
        bool is = false;
        KDB_TRY(move(load, &b->more, err));
        if (!b->more) {
            return KDB_OK;
        }
        KDB_TRY(choose(load, &is, err));
        if (load->gone.len != 0) {
            return KDB_OK;
        }
        if (is) {
            begin_row(b, seq_of(load));
            KDB_TRY(write_row(load, b->json, err));
        }
    }
    return KDB_OK;
}

static void put_control(kdb_buf *json, uint32_t number, bool more, uint64_t last)
{
    kdb_buf_append_lit(json, "\"batch_control\":{\"batch_num\":");
    kdb_buf_append_u64(json, number);
    kdb_buf_append_sv(json,
                      more ? KDB_SV(",\"has_more\":true,\"status\":") : KDB_SV(",\"has_more\":false,\"status\":"));
    kdb_buf_append_sv(json, !more         ? KDB_SV("\"ready\"")
                            : number == 0 ? KDB_SV("\"loading\"")
                                          : KDB_SV("\"loading_batch\""));
    kdb_buf_append_lit(json, ",\"last_seq_id\":");
    if (last == 0) {
        kdb_buf_append_lit(json, "null");
    } else {
        kdb_buf_append_u64(json, last);
    }
    kdb_buf_append_lit(json, ",\"snapshot_end_seq\":null}");
}

static void begin_batch(const kdb_live_sub *sub, kdb_buf *json)
{
    kdbi_live_json_begin(json);
    kdb_buf_append_lit(json, "{\"type\":\"initial_data_batch\",\"subscription_id\":");
    kdb_json_put_string(json, sub->id);
    kdb_buf_append_lit(json, ",\"rows\":[");
}

static void send_ack(kdb_live_sub *sub, const kdb_watch *watch, kdbi_outbox *out, const batch *b)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdbi_live_json_begin(&json);
    kdb_buf_append_lit(&json, "{\"type\":\"subscription_ack\",\"subscription_id\":");
    kdb_json_put_string(&json, sub->id);
    kdb_buf_append_lit(&json, ",\"total_rows\":0,");
    put_control(&json, 0, b->more, b->last);
    kdb_buf_append_lit(&json, ",\"schema\":");
    kdb_buf_append_sv(&json, watch->schema);
    kdb_buf_append_byte(&json, '}');
    kdbi_outbox_send(out, sub, kdbi_live_msg_new(sub->live, KDB_LIVE_ACK, 0, &json), false);
    kdb_buf_done(&json);
}

void kdbi_load_send_whole(kdb_live_sub *sub, kdb_sv rows, kdbi_outbox *out)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    send_ack(sub, sub->watch, out, &(batch){ 0 });
    if (sub->start != KDB_LIVE_NONE) {
        begin_batch(sub, &json);
        kdb_buf_append_sv(&json, rows);
        kdb_buf_append_lit(&json, "],");
        put_control(&json, 0, false, 0);
        kdb_buf_append_byte(&json, '}');
        kdbi_outbox_send(out, sub, kdbi_live_msg_new(sub->live, KDB_LIVE_BATCH, 0, &json), false);
    }
    kdb_buf_done(&json);
}

static void send_gone(kdbi_load *load, kdbi_outbox *out)
{
    if (load->gone.len != 0) {
        kdb_live *live = load->sub->live;
        kdbi_outbox_send(out, load->sub, kdbi_live_msg_new(live, KDB_LIVE_CHANGE, load->gone_seq, &load->gone), false);
        load->gone.len = 0;
    }
}

static kdb_status send_batch(kdbi_load *load, kdbi_outbox *out, bool *cut, kdb_err *err)
{
    kdb_live_sub *sub = load->sub;
    batch b = { .json = &load->json };
    begin_batch(sub, &load->json);
    if (load->has_written) {
        fill_from_written(load, &b);
    } else {
        KDB_TRY(fill_from_walk(load, &b, err));
    }
    kdb_buf_append_lit(&load->json, "],");
    put_control(&load->json, load->batch, b.more, b.last);
    kdb_buf_append_byte(&load->json, '}');
    if (load->batch == 0) {
        send_ack(sub, load->watch, out, &b);
    }
    if (b.rows != 0 || !b.more || load->batch == 0) { /* else there is only a row that has gone to be told of */
        kdbi_outbox_send(out, sub, kdbi_live_msg_new(sub->live, KDB_LIVE_BATCH, b.last, &load->json), false);
        load->batch++;
    }
    load->through = !b.more;
    *cut = load->gone.len != 0;
    send_gone(load, out);
    return KDB_OK;
}

/* ---- steps ---- */

static kdb_status open_rows(kdbi_load *load, kdb_err *err)
{
    switch (load->sub->start) {
    case KDB_LIVE_ALL:
        return load->watch->table->type == KDB_TABLE_STREAM ? open_in_order(load, 0, false, err) : gather(load, err);
    case KDB_LIVE_LAST:
        return gather_last(load, err);
    case KDB_LIVE_FROM:
        return open_in_order(load, load->sub->from, false, err);
    case KDB_LIVE_NONE:
        break;
    }
    return KDB_OK;
}

static kdb_status begin(kdbi_load *load, kdb_core_turn *turn, kdb_err *err)
{
    KDB_TRY(bind(load, turn, err));
    if (!enter(load)) {
        return KDB_FAIL(err, KDB_CANCELLED, "The client has left");
    }
    KDB_TRY(check_table(load, err));
    if (load->watch->kind != KDB_WATCH_ROWS) {
        return KDB_OK;
    }
    take_snapshot(load);
    return open_rows(load, err);
}

static kdb_status advance(kdbi_load *load, kdb_core_turn *turn, kdbi_outbox *out, kdb_err *err)
{
    if (load->watch == NULL) {
        KDB_TRY(begin(load, turn, err));
    }
    if (load->watch->kind != KDB_WATCH_ROWS) { /* its live thread sees to the rest */
        load->through = true;
        return KDB_OK;
    }
    if (load->sub->start == KDB_LIVE_NONE) {
        send_ack(load->sub, load->watch, out, &(batch){ 0 });
        load->through = true;
        return KDB_OK;
    }
    bool cut = true;
    for (size_t i = 0; cut && i < CUTS; i++) {
        KDB_TRY(send_batch(load, out, &cut, err));
    }
    return KDB_OK;
}

static void finish(kdbi_load *load)
{
    kdb_live_sub *sub = load->sub;
    kdbi_fence *fence = &sub->fence;
    if (fence->nskipped != 0) {
        qsort(fence->skipped, fence->nskipped, sizeof(*fence->skipped), by_value);
    }
    sub->load = NULL;
    kdbi_load_free(load);
}

/* True when the subscription has got all it begins with: its live thread is to hear of it once that is on its way. */
static bool step(kdb_live_sub *sub, kdb_core_turn *turn, kdbi_outbox *out)
{
    kdb_err err = { .position = -1 };
    if (sub->load == NULL) {
        sub->load = load_new(sub);
    }
    kdbi_load *load = sub->load;
    const kdb_status status = kdbi_sub_is_wanted(sub) ? advance(load, turn, out, &err) : KDB_CANCELLED;
    if (status == KDB_OK && !load->through) {
        kdbi_outbox_wait(out, sub);
        return false;
    }
    if (status != KDB_OK && status != KDB_CANCELLED) {
        fail(load, out, kdbi_live_code(status), with_position(load, &err));
    }
    const bool rows = load->watch != NULL && load->watch->kind == KDB_WATCH_ROWS;
    finish(load);
    return status == KDB_OK && rows;
}

/* ---- turns: a worker goes on with the loads that are in line ---- */

typedef struct turn_task {
    kdb_core_task task;
    kdb_live *live;
} turn_task;

/* Ends the task when nothing is in line. */
static kdb_live_sub *take(kdb_live *live)
{
    kdb_mutex_lock(&live->lock);
    kdb_live_sub *sub = live->first_load;
    if (sub != NULL) {
        live->first_load = sub->next_load;
    }
    kdb_mutex_unlock(&live->lock);
    return sub;
}

static bool end_turn(kdb_live *live, bool force)
{
    kdb_mutex_lock(&live->lock);
    const bool ends = force || live->first_load == NULL;
    live->nloading -= ends;
    kdb_mutex_unlock(&live->lock);
    return ends;
}

static void tell_loaded(kdb_live_sub *const *subs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kdbi_inbox_put(&subs[i]->shard->inbox, &subs[i]->loaded_note); /* with the reference */
    }
}

static void run_turn(kdb_core_task *task, kdb_core_turn *turn)
{
    turn_task *own = KDB_CONTAINER_OF(task, turn_task, task);
    kdb_live *live = own->live;
    kdb_live_sub *loaded[STEPS];
    size_t nloaded = 0, steps = 0;
    kdbi_outbox out;
    kdbi_outbox_init(&out, live);
    for (kdb_live_sub *sub; steps < STEPS && (sub = take(live)) != NULL; steps++) {
        if (step(sub, turn, &out)) {
            loaded[nloaded++] = sub;
        } else {
            kdbi_sub_unref(sub);
        }
    }
    kdbi_outbox_flush(&out, false);
    kdbi_outbox_done(&out);
    tell_loaded(loaded, nloaded);
    if (end_turn(live, false)) {
        kdb_free(own);
    } else if (kdb_core_task_submit(live->core, task, false, NULL) != KDB_OK) {
        (void)end_turn(live, true);
        kdb_free(own);
    }
}

void kdbi_load_queue(kdb_live_sub *sub)
{
    kdb_live *live = sub->live;
    (void)kdbi_sub_ref(sub);
    sub->next_load = NULL;
    kdb_mutex_lock(&live->lock);
    *(live->first_load == NULL ? &live->first_load : &live->last_load->next_load) = sub;
    live->last_load = sub;
    const bool start = live->nloading < live->max_loading;
    live->nloading += start;
    kdb_mutex_unlock(&live->lock);
    if (!start) {
        return;
    }
    turn_task *own = KDB_NEW(turn_task);
    *own = (turn_task){ { run_turn }, live };
    if (kdb_core_task_submit(live->core, &own->task, false, NULL) != KDB_OK) { /* the server stops */
        (void)end_turn(live, true);
        kdb_free(own);
    }
}

/* ---- binding again ---- */

static void run_rebind(kdb_core_task *task, kdb_core_turn *turn)
{
    kdbi_rebind *rebind = KDB_CONTAINER_OF(task, kdbi_rebind, task);
    const kdb_principal caller = { .user.text = rebind->user, .role = rebind->role };
    rebind->err = (kdb_err){ .position = -1 };
    if (kdb_core_watch(turn, rebind->sql, &caller, &rebind->watch, &rebind->err) != KDB_OK) {
        rebind->watch = NULL;
    }
    kdbi_inbox_put(&rebind->shard->inbox, &rebind->note);
}

void kdbi_rebind_start(kdbi_rebind *rebind)
{
    rebind->task.run = run_rebind;
    rebind->err = (kdb_err){ .position = -1 };
    if (kdb_core_task_submit(rebind->live->core, &rebind->task, false, &rebind->err) != KDB_OK) {
        kdbi_inbox_put(&rebind->shard->inbox, &rebind->note);
    }
}
