/* live_shard.c - a live thread: takes notes off its inbox and keeps who watches what. A commit costs a look-up of its own
 * target, and nothing for those who watch others'. All messages that a round of notes makes leave together at its end. */
#include "live_int.h"

/* ---- subscriptions ---- */

void kdbi_shard_end_sub(kdbi_shard *shard, kdb_live_sub *sub, const char *code, kdb_sv text)
{
    if (sub->ended) {
        return;
    }
    sub->ended = true;
    kdbi_outbox_send(&shard->out, sub, kdb_live_error_new(shard->live, sub->id, kdb_sv_cstr(code), text), true);
}

static void put_apart(kdbi_query *query, kdb_live_sub *sub)
{
    sub->prev_apart = NULL;
    sub->next_apart = query->first_apart;
    if (query->first_apart != NULL) {
        query->first_apart->prev_apart = sub;
    }
    query->first_apart = sub;
}

static void take_apart(kdbi_query *query, kdb_live_sub *sub)
{
    *(sub->prev_apart == NULL ? &query->first_apart : &sub->prev_apart->next_apart) = sub->next_apart;
    if (sub->next_apart != NULL) {
        sub->next_apart->prev_apart = sub->prev_apart;
    }
}

/* ---- audiences ---- */

void kdbi_audience_unref(kdbi_audience *audience)
{
    if (audience != NULL && atomic_fetch_sub(&audience->refs, 1) == 1) {
        kdb_free(audience);
    }
}

static kdbi_audience *audience_new(const kdbi_shard *shard, kdbi_query *query, kdb_sv id)
{
    kdb_buf prefix;
    kdb_buf_init(&prefix, 0);
    kdbi_json_prefix(&prefix, id);
    const size_t head = sizeof(kdbi_audience) + shard->live->edge.nloops * sizeof(kdbi_part *);
    kdbi_audience *audience = kdb_alloc(head + prefix.len + id.len);
    char *text = (char *)audience + head;
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, id.ptr, id.len);
    audience->prefix = kdb_sv_of(text, prefix.len);
    audience->id = kdb_sv_of(text + prefix.len, id.len);
    kdb_buf_done(&prefix);
    atomic_init(&audience->refs, 1);
    audience->query = query;
    audience->next = query->first;
    if (query->first != NULL) {
        query->first->prev = audience;
    }
    query->first = audience;
    return audience;
}

static kdb_sv audience_key(const kdbi_query *query, kdb_sv id, kdb_arena *arena)
{
    char *key = kdb_arena_alloc_raw(arena, sizeof(query) + id.len);
    memcpy(key, &query, sizeof(query));
    memcpy(key + sizeof(query), id.ptr, id.len);
    return kdb_sv_of(key, sizeof(query) + id.len);
}

static kdbi_audience *find_audience(kdbi_shard *shard, kdbi_query *query, kdb_sv id)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = audience_key(query, id, arena);
    kdbi_audience *audience = kdb_map_lookup(shard->audiences, key);
    if (audience == NULL) {
        audience = audience_new(shard, query, id);
        (void)kdb_map_put(shard->audiences, key, audience);
    }
    return audience;
}

static void audience_drop(kdbi_shard *shard, kdbi_audience *audience)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_query *query = audience->query;
    (void)kdb_map_remove(shard->audiences, audience_key(query, audience->id, arena));
    *(audience->prev == NULL ? &query->first : &audience->prev->next) = audience->next;
    if (audience->next != NULL) {
        audience->next->prev = audience->prev;
    }
    for (size_t i = 0; i < shard->live->edge.nloops; i++) {
        if (audience->parts[i] != NULL) {
            kdbi_outbox_drop_part(&shard->out, i, audience->parts[i]);
        }
    }
    kdbi_audience_unref(audience);
}

void kdbi_shard_join(kdbi_shard *shard, kdb_live_sub *sub)
{
    kdbi_query *query = sub->query;
    kdbi_audience *audience = find_audience(shard, query, sub->id);
    if (audience->parts[sub->loop] == NULL) {
        audience->parts[sub->loop] = KDB_NEW(kdbi_part);
    }
    take_apart(query, sub);
    sub->state = KDBI_SUB_JOINED;
    sub->audience = audience;
    audience->nsubs++;
    atomic_fetch_add(&audience->refs, 1);
    atomic_fetch_sub(&sub->changes, atomic_load(&audience->changes));
    atomic_store(&sub->shown, audience);
    kdbi_outbox_join(&shard->out, sub, audience->parts[sub->loop]);
}

/* ---- targets and queries ---- */

static kdb_sv target_key(uint32_t table_id, kdb_user_id user, kdb_arena *arena)
{
    char *key = kdb_arena_alloc_raw(arena, sizeof(table_id) + user.text.len);
    memcpy(key, &table_id, sizeof(table_id));
    if (user.text.len != 0) {
        memcpy(key + sizeof(table_id), user.text.ptr, user.text.len);
    }
    return kdb_sv_of(key, sizeof(table_id) + user.text.len);
}

static kdbi_target *find_target(kdbi_shard *shard, uint32_t table_id, kdb_user_id user)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = target_key(table_id, user, arena);
    kdbi_target *target = kdb_map_lookup(shard->targets, key);
    if (target != NULL) {
        return target;
    }
    target = kdb_alloc(sizeof(*target) + key.len);
    char *text = (char *)(target + 1);
    memcpy(text, key.ptr, key.len);
    *target = (kdbi_target){ .key = kdb_sv_of(text, key.len),
                             .table_id = table_id,
                             .user.text = kdb_sv_of(text + sizeof(table_id), user.text.len) };
    (void)kdb_map_put(shard->targets, target->key, target);
    return target;
}

/* Queries are the same only of one version of their table: what waits to be bound again is not joined by what is new. */
static kdb_sv query_key(const kdbi_target *target, const kdb_watch *watch, kdb_arena *arena)
{
    const uint32_t version = watch->table->schema->version;
    kdb_buf key;
    kdb_buf_init(&key, 0);
    kdb_buf_append_u64(&key, target->key.len);
    kdb_buf_append_byte(&key, ':');
    kdb_buf_append_sv(&key, target->key);
    kdb_buf_append(&key, &version, sizeof(version));
    kdb_buf_append_sv(&key, watch->key);
    const kdb_sv copied = kdb_sv_dup(arena, kdb_buf_sv(&key));
    kdb_buf_done(&key);
    return copied;
}

static kdbi_query *query_new(kdbi_shard *shard, kdbi_target *target, kdb_sv key, const kdb_live_sub *sub)
{
    kdbi_query *query = kdb_alloc(sizeof(*query) + key.len + sub->user.len);
    char *text = (char *)(query + 1);
    memcpy(text, key.ptr, key.len);
    memcpy(text + key.len, sub->user.ptr, sub->user.len);
    *query = (kdbi_query){ .target = target,
                           .key = kdb_sv_of(text, key.len),
                           .next = target->first,
                           .watch = kdb_watch_ref(sub->watch),
                           .user = kdb_sv_of(text + key.len, sub->user.len),
                           .role = sub->role };
    if (target->first != NULL) {
        target->first->prev = query;
    }
    target->first = query;
    (void)kdb_map_put(shard->queries, query->key, query);
    atomic_fetch_add_explicit(&shard->live->nqueries, 1, memory_order_relaxed);
    return query;
}

static kdbi_query *find_query(kdbi_shard *shard, const kdb_live_sub *sub)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = sub->watch->table;
    kdbi_target *target = find_target(shard, table->id, kdbi_live_rows_of(table, (kdb_user_id){ sub->user }));
    const kdb_sv key = query_key(target, sub->watch, arena);
    kdbi_query *query = kdb_map_lookup(shard->queries, key);
    return query != NULL ? query : query_new(shard, target, key, sub);
}

static void query_free(kdbi_shard *shard, kdbi_query *query)
{
    kdbi_target *target = query->target;
    if (!query->ended) {
        (void)kdb_map_remove(shard->queries, query->key);
    }
    *(query->prev == NULL ? &target->first : &query->prev->next) = query->next;
    if (query->next != NULL) {
        query->next->prev = query->prev;
    }
    kdbi_held_drop(&query->held);
    kdbi_live_view_free(query->view);
    kdb_watch_unref(query->watch);
    kdb_free(query);
    atomic_fetch_sub_explicit(&shard->live->nqueries, 1, memory_order_relaxed);
    if (target->first == NULL) {
        (void)kdb_map_remove(shard->targets, target->key);
        kdb_free(target);
    }
}

/* Nobody asks it any more; what binds it again looks at it when it is through. */
static void drop_if_unused(kdbi_shard *shard, kdbi_query *query)
{
    if (query->first == NULL && query->first_apart == NULL && query->rebinding == NULL && query->building == NULL) {
        query_free(shard, query);
    }
}

void kdbi_shard_end_query(kdbi_shard *shard, kdbi_query *query, const char *code, kdb_sv text)
{
    if (query->ended) {
        return;
    }
    query->ended = true; /* who asks the same from now on asks it anew */
    (void)kdb_map_remove(shard->queries, query->key);
    for (kdb_live_sub *sub = query->first_apart; sub != NULL; sub = sub->next_apart) {
        kdbi_shard_end_sub(shard, sub, code, text);
    }
    for (kdbi_audience *audience = query->first; audience != NULL; audience = audience->next) {
        KDB_CLEANUP(kdb_live_msg_unrefp)
        kdb_live_msg *msg = kdb_live_error_new(shard->live, audience->id, kdb_sv_cstr(code), text);
        for (size_t i = 0; i < shard->live->edge.nloops; i++) {
            if (audience->parts[i] != NULL) {
                kdbi_outbox_end(&shard->out, i, audience->parts[i], msg);
            }
        }
    }
}

/* ---- notes of subscriptions ---- */

static void leave(kdbi_shard *shard, kdb_live_sub *sub)
{
    kdbi_query *query = sub->query;
    kdbi_audience *audience = sub->audience;
    sub->state = KDBI_SUB_LEFT;
    sub->query = NULL;
    sub->audience = NULL;
    kdbi_held_drop(&sub->held);
    if (audience == NULL) {
        take_apart(query, sub);
    } else if (--audience->nsubs == 0) {
        audience_drop(shard, audience);
    }
    drop_if_unused(shard, query);
}

/* Sends the view's rows as they have been told to the others. */
static void welcome(kdbi_shard *shard, kdb_live_sub *sub)
{
    kdb_err err = { .position = -1 };
    shard->body.len = 0;
    const kdb_status status =
        sub->start == KDB_LIVE_NONE ? KDB_OK : kdbi_live_view_put_rows(sub->query->view, &shard->body, &err);
    if (status != KDB_OK) {
        kdbi_shard_end_sub(shard, sub, kdbi_live_code(status), kdb_sv_cstr(err.text));
        return;
    }
    kdbi_load_send_whole(sub, kdb_buf_sv(&shard->body), &shard->out);
    kdbi_shard_join(shard, sub);
    atomic_store(&sub->active, true);
}

static void on_register(kdbi_shard *shard, kdb_live_sub *sub)
{
    if (sub->left) { /* overtaken by the end of it */
        kdbi_sub_unref(sub);
        return;
    }
    sub->query = find_query(shard, sub);
    sub->state = KDBI_SUB_LOADING;
    put_apart(sub->query, sub);
    if (sub->watch->kind == KDB_WATCH_ROWS) {
        return;
    }
    if (sub->query->building == NULL && sub->query->view == NULL) {
        kdbi_build_start(shard, sub->query);
    } else if (sub->query->building == NULL) {
        welcome(shard, sub);
    }
}

static void on_loaded(kdbi_shard *shard, kdb_live_sub *sub)
{
    if (sub->state == KDBI_SUB_LOADING) {
        sub->state = KDBI_SUB_APART;
        if (sub->query->rebinding == NULL) { /* else with what else is held back */
            kdbi_match_held(shard, sub);
        }
        atomic_store(&sub->active, true);
    }
    kdbi_sub_unref(sub);
}

static void on_leave(kdbi_shard *shard, kdb_live_sub *sub)
{
    kdb_live *live = shard->live;
    const kdb_table *table = sub->watch->table;
    const uint64_t hash = kdbi_live_hash(table->id, kdbi_live_rows_of(table, (kdb_user_id){ sub->user }));
    atomic_fetch_sub(&live->interests[hash % KDBI_INTERESTS], 1);
    sub->left = true;
    if (sub->query != NULL) {
        leave(shard, sub);
        kdbi_sub_unref(sub); /* what its registration brought */
    }
    kdbi_sub_unref(sub);
}

/* ---- events ---- */

/* A row of a version that the query does not know waits for it to be bound again. */
static void hold(kdbi_shard *shard, kdbi_query *query, kdbi_event *event)
{
    if (!kdbi_held_add(&query->held, event, shard->live->max_held)) {
        atomic_fetch_add_explicit(&shard->live->resyncs, 1, memory_order_relaxed);
        kdbi_shard_end_query(
            shard, query, "RESYNC",
            KDB_SV("More has changed than could be kept while the table was altered: subscribe again"));
    }
}

static void rebind(kdbi_shard *shard, kdbi_query *query, uint32_t version)
{
    const kdb_sv sql = query->watch->text;
    kdbi_rebind *rebind = kdb_alloc(sizeof(*rebind) + sql.len + query->user.len);
    char *text = (char *)(rebind + 1);
    memcpy(text, sql.ptr, sql.len);
    memcpy(text + sql.len, query->user.ptr, query->user.len);
    *rebind = (kdbi_rebind){ .note.kind = KDBI_NOTE_REBOUND,
                             .live = shard->live,
                             .shard = shard,
                             .query = query,
                             .sql = kdb_sv_of(text, sql.len),
                             .user = kdb_sv_of(text + sql.len, query->user.len),
                             .role = query->role,
                             .version = version };
    query->rebinding = rebind;
    kdbi_rebind_start(rebind);
}

/* A view holds rows as the old version has them. */
static void bind_again(kdbi_shard *shard, kdbi_query *query, uint32_t version)
{
    if (query->watch->kind == KDB_WATCH_ROWS) {
        rebind(shard, query, version);
    } else {
        kdbi_shard_end_query(shard, query, "RESYNC", KDB_SV("The table was altered: subscribe again"));
    }
}

/* It was bound while the table was being altered. */
static bool is_newer(const kdbi_event *event, const kdbi_query *query)
{
    return event->table->schema->version > query->watch->table->schema->version;
}

/* An event of the query's target, by what the query is at. */
static void meet(kdbi_shard *shard, kdbi_query *query, kdbi_event *event)
{
    if (query->ended) {
        return;
    }
    if (query->rebinding != NULL || query->building != NULL) {
        hold(shard, query, event);
    } else if (query->view != NULL) {
        kdbi_match_view(shard, query, event);
    } else {
        kdbi_match_event(shard, query, event);
    }
}

/* Some may have to be held again. */
static void meet_held(kdbi_shard *shard, kdbi_query *query)
{
    kdbi_held held = query->held;
    query->held = (kdbi_held){ 0 };
    for (size_t i = 0; i < held.count; i++) {
        meet(shard, query, held.events[i]);
    }
    kdbi_held_drop(&held);
}

static void on_event(kdbi_shard *shard, kdbi_event *event)
{
    kdb_arena_reset(shard->scratch);
    const kdbi_target *target =
        kdb_map_lookup(shard->targets, target_key(event->table->id, event->user, shard->scratch));
    atomic_fetch_sub(&shard->backlog, event->bytes);
    for (kdbi_query *query = target == NULL ? NULL : target->first, *next; query != NULL; query = next) {
        next = query->next;
        if (!query->ended && query->rebinding == NULL && is_newer(event, query)) {
            bind_again(shard, query, event->table->schema->version);
        }
        meet(shard, query, event);
    }
    if (target != NULL) {
        atomic_fetch_add_explicit(&shard->live->changes, event->nrows, memory_order_relaxed);
    }
    kdbi_event_unref(event);
}

/* Some events were dropped, as too many waited. */
static void end_all(kdbi_shard *shard)
{
    size_t cursor = 0;
    kdb_sv key;
    void *target = NULL;
    while (kdb_map_next(shard->targets, &cursor, &key, &target)) {
        for (kdbi_query *query = ((kdbi_target *)target)->first; query != NULL; query = query->next) {
            atomic_fetch_add_explicit(&shard->live->resyncs, 1, memory_order_relaxed);
            kdbi_shard_end_query(shard, query, "RESYNC",
                                 KDB_SV("The server could not keep up with all that changed: subscribe again"));
        }
    }
}

/* Once more for those who have registered behind the note, before the last of what was dropped. */
static void on_overflow(kdbi_shard *shard, kdbi_note *note)
{
    const bool again = atomic_exchange(&shard->overflowed, false);
    end_all(shard);
    if (again) {
        kdbi_inbox_put(&shard->inbox, note);
    } else {
        kdb_free(note);
    }
}

/* ---- DDL ---- */

static void on_table_of(kdbi_shard *shard, kdbi_query *query, const kdbi_table_note *note)
{
    if (query->ended) {
        return;
    }
    if (note->dropped) {
        kdbi_shard_end_query(shard, query, "NOT_FOUND", KDB_SV("The table was dropped"));
    } else if (note->rights_changed) {
        kdbi_shard_end_query(shard, query, "RESYNC", KDB_SV("Who may read the table has changed: subscribe again"));
    } else if (query->rebinding != NULL) {
        query->rebinding->version = note->version; /* on_rebound looks at it */
    } else {
        bind_again(shard, query, note->version);
    }
}

static void on_table(kdbi_shard *shard, kdbi_table_note *note)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value = NULL;
    while (kdb_map_next(shard->targets, &cursor, &key, &value)) {
        kdbi_target *target = value;
        for (kdbi_query *query = target->table_id == note->table_id ? target->first : NULL; query != NULL;
             query = query->next) {
            on_table_of(shard, query, note);
        }
    }
    kdb_free(note);
}

/* The same columns under the same names: what subscribers were told of them still holds. */
static bool shows_the_same(const kdb_watch *a, const kdb_watch *b)
{
    return a->kind == b->kind && kdb_sv_eq(a->schema, b->schema) && a->personal == b->personal;
}

static void go_on_with(kdbi_shard *shard, kdbi_query *query, kdb_watch *watch /* taken */)
{
    kdb_watch_unref(query->watch);
    query->watch = watch;
    for (kdb_live_sub *sub = query->first_apart; sub != NULL; sub = sub->next_apart) {
        if (sub->state == KDBI_SUB_APART) { /* loaded meanwhile */
            kdbi_match_held(shard, sub);
        }
    }
    meet_held(shard, query);
}

static void on_rebound(kdbi_shard *shard, kdbi_rebind *rebind)
{
    kdbi_query *query = rebind->query;
    if (rebind->watch != NULL && rebind->watch->table->schema->version < rebind->version) {
        kdb_watch_unref(rebind->watch); /* before the new version was to be seen */
        rebind->watch = NULL;
        kdbi_rebind_start(rebind);
        return;
    }
    query->rebinding = NULL;
    if (query->ended) {
        kdb_watch_unref(rebind->watch);
    } else if (rebind->watch == NULL) {
        kdbi_shard_end_query(shard, query, kdbi_live_code(rebind->err.status), kdb_sv_cstr(rebind->err.text));
    } else if (!shows_the_same(query->watch, rebind->watch)) {
        kdbi_shard_end_query(shard, query, "RESYNC", KDB_SV("The query's columns have changed: subscribe again"));
        kdb_watch_unref(rebind->watch);
    } else {
        go_on_with(shard, query, rebind->watch);
    }
    kdb_free(rebind);
    drop_if_unused(shard, query);
}

/* ---- views ---- */

static void welcome_all(kdbi_shard *shard, kdbi_query *query)
{
    for (kdb_live_sub *sub = query->first_apart, *next; sub != NULL; sub = next) {
        next = sub->next_apart;
        if (sub->state == KDBI_SUB_LOADING && !sub->ended) {
            welcome(shard, sub);
        }
    }
}

static void on_built(kdbi_shard *shard, kdbi_build *build)
{
    kdbi_query *query = build->query;
    query->building = NULL;
    if (!query->ended && build->view == NULL) {
        kdbi_shard_end_query(shard, query, kdbi_live_code(build->err.status), kdb_sv_cstr(build->err.text));
    } else if (!query->ended) {
        kdbi_live_view *old = query->view;
        query->view = KDB_TAKE(build->view);
        if (old != NULL) {
            kdbi_live_view_succeed(query->view, old);
            kdbi_live_view_free(old);
        }
        kdbi_match_tell(shard, query, kdb_snowflake_next());
        meet_held(shard, query);
        if (query->building == NULL && !query->ended) {
            welcome_all(shard, query);
        }
    }
    kdbi_build_free(build);
    drop_if_unused(shard, query);
}

/* ---- the thread ---- */

static void look_at(kdbi_shard *shard, kdbi_note *note)
{
    shard->decoded.row = NULL; /* its event may be gone, and another lie in its place */
    switch (note->kind) {
    case KDBI_NOTE_EVENT:
        on_event(shard, KDB_CONTAINER_OF(note, kdbi_event, note));
        return;
    case KDBI_NOTE_REGISTER:
        on_register(shard, KDB_CONTAINER_OF(note, kdb_live_sub, register_note));
        return;
    case KDBI_NOTE_LOADED:
        on_loaded(shard, KDB_CONTAINER_OF(note, kdb_live_sub, loaded_note));
        return;
    case KDBI_NOTE_LEAVE:
        on_leave(shard, KDB_CONTAINER_OF(note, kdb_live_sub, leave_note));
        return;
    case KDBI_NOTE_TABLE:
        on_table(shard, KDB_CONTAINER_OF(note, kdbi_table_note, note));
        return;
    case KDBI_NOTE_OVERFLOW:
        on_overflow(shard, note);
        return;
    case KDBI_NOTE_BUILT:
        on_built(shard, KDB_CONTAINER_OF(note, kdbi_build, note));
        return;
    case KDBI_NOTE_REBOUND:
        on_rebound(shard, KDB_CONTAINER_OF(note, kdbi_rebind, note));
        return;
    }
}

static void run(void *arg)
{
    kdbi_shard *shard = arg;
    for (kdbi_note *note; (note = kdbi_inbox_take(&shard->inbox)) != NULL;) {
        while (note != NULL) {
            kdbi_note *next = note->next;
            look_at(shard, note);
            note = next;
        }
        kdbi_outbox_flush(&shard->out, true);
    }
}

void kdbi_shard_start(kdbi_shard *shard, kdb_live *live)
{
    shard->live = live;
    shard->targets = kdb_map_new();
    shard->queries = kdb_map_new();
    shard->audiences = kdb_map_new();
    shard->scratch = kdb_arena_new(0);
    shard->decoded.arena = kdb_arena_new(0);
    kdb_buf_init(&shard->body, 0);
    kdb_buf_init(&shard->json, 0);
    kdbi_inbox_init(&shard->inbox);
    kdbi_outbox_init(&shard->out, live);
    kdb_thread_start(&shard->thread, "kdb-live", KDB_THREAD_LIVE, run, shard);
}

void kdbi_shard_stop(kdbi_shard *shard)
{
    kdbi_inbox_close(&shard->inbox);
    kdb_thread_join(&shard->thread);
    KDB_ASSERT(kdb_map_count(shard->targets) == 0);
    kdb_map_free(shard->targets);
    kdb_map_free(shard->queries);
    kdb_map_free(shard->audiences);
    kdb_arena_free(shard->scratch);
    kdb_arena_free(shard->decoded.arena);
    kdb_buf_done(&shard->body);
    kdb_buf_done(&shard->json);
    kdbi_outbox_done(&shard->out);
    kdbi_inbox_done(&shard->inbox);
}
