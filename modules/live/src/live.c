/* live.c - live queries as a whole: the subscriptions that there are, what a commit asks and tells, life. */
#include "live_int.h"

#include <stdio.h>
#include <unistd.h>

enum { LOADING_MAX = 2 /* workers that load rows at a time, so that statements find the others */ };

/* ---- hashes ---- */

uint64_t kdbi_live_hash(uint32_t table_id, kdb_user_id user)
{
    const uint64_t hash = kdb_hash64(user.text) ^ (table_id * UINT64_C(0x9E3779B97F4A7C15));
    return hash ^ hash >> 29;
}

kdbi_shard *kdbi_live_shard(kdb_live *live, uint64_t hash)
{
    return &live->shards[(hash >> 32) % live->nshards];
}

/* ---- what core tells: the sink ---- */

static bool watches(void *self, uint32_t table_id, kdb_user_id user)
{
    kdb_live *live = self;
    /* A subscription that is not seen here has not taken its snapshot yet: see enter() in live_load.c. */
    atomic_thread_fence(memory_order_seq_cst);
    const uint64_t hash = kdbi_live_hash(table_id, user);
    return atomic_load_explicit(&live->interests[hash % KDBI_INTERESTS], memory_order_relaxed) != 0;
}

/* The thread may have nothing else to wake up for: one write can be too large. */
static void overflow(kdbi_shard *shard)
{
    if (!atomic_exchange(&shard->overflowed, true)) {
        kdbi_note *note = KDB_NEW(kdbi_note);
        note->kind = KDBI_NOTE_OVERFLOW;
        kdbi_inbox_put(&shard->inbox, note);
    }
}

static void on_changes(void *self, const kdb_row_change *changes, size_t count)
{
    kdb_live *live = self;
    if (count == 0) {
        return;
    }
    kdbi_shard *shard = kdbi_live_shard(live, kdbi_live_hash(changes[0].table->id, changes[0].user));
    kdbi_event *event = kdbi_event_new(changes, count);
    if (atomic_fetch_add(&shard->backlog, event->bytes) + event->bytes > live->max_backlog) {
        atomic_fetch_sub(&shard->backlog, event->bytes);
        overflow(shard);
        kdbi_event_unref(event);
        return;
    }
    kdbi_inbox_put(&shard->inbox, &event->note);
}

static bool same_policy(const kdb_policy *a, const kdb_policy *b)
{
    return kdb_sv_eq(a->name, b->name) && a->restrictive == b->restrictive && a->command == b->command &&
           a->roles == b->roles && kdb_sv_eq(a->using_rows, b->using_rows);
}

static bool same_rights(const kdb_table *a, const kdb_table *b)
{
    bool same = a->access == b->access && a->npolicies == b->npolicies;
    for (size_t i = 0; same && i < a->npolicies; i++) {
        same = same_policy(&a->policies[i], &b->policies[i]);
    }
    return same;
}

static void on_table(void *self, const kdb_table *table, const kdb_table *next)
{
    kdb_live *live = self;
    for (size_t i = 0; i < live->nshards; i++) {
        kdbi_table_note *note = KDB_NEW(kdbi_table_note);
        *note = (kdbi_table_note){ .note.kind = KDBI_NOTE_TABLE,
                                   .table_id = table->id,
                                   .version = next == NULL ? 0 : next->schema->version,
                                   .dropped = next == NULL,
                                   .rights_changed = next != NULL && !same_rights(table, next) };
        kdbi_inbox_put(&live->shards[i].inbox, &note->note);
    }
}

kdb_change_sink kdb_live_sink(kdb_live *live)
{
    return (kdb_change_sink){ live, watches, on_changes, on_table };
}

/* ---- subscriptions ---- */

kdb_live_sub *kdbi_sub_ref(kdb_live_sub *sub)
{
    atomic_fetch_add_explicit(&sub->refs, 1, memory_order_relaxed);
    return sub;
}

void kdbi_sub_unref(kdb_live_sub *sub)
{
    if (atomic_fetch_sub(&sub->refs, 1) != 1) {
        return;
    }
    kdbi_load_free(sub->load);
    kdbi_audience_unref(atomic_load(&sub->shown));
    kdb_watch_unref(sub->watch);
    kdb_free(sub->fence.skipped);
    kdb_free(sub->held.events);
    kdb_free(sub);
}

static kdb_sv copy(char **at, kdb_sv text)
{
    const kdb_sv out = kdb_sv_of(*at, text.len);
    if (text.len != 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return out;
}

static kdb_live_sub *sub_new(kdb_live *live, kdb_live_client *client, const kdb_live_spec *spec)
{
    kdb_live_sub *sub = kdb_alloc(sizeof(*sub) + spec->id.len + spec->sql.len + spec->caller.user.text.len);
    char *at = (char *)(sub + 1);
    atomic_init(&sub->refs, 1);
    sub->live = live;
    sub->client = client;
    sub->loop = client->loop;
    sub->client_id = client->id;
    sub->id = copy(&at, spec->id);
    sub->sql = copy(&at, spec->sql);
    sub->user = copy(&at, spec->caller.user.text);
    sub->role = spec->caller.role;
    sub->start = spec->start;
    sub->from = spec->from;
    sub->last_rows = spec->last_rows;
    sub->batch_rows = spec->batch_rows;
    sub->created_us = kdb_now_us();
    sub->register_note.kind = KDBI_NOTE_REGISTER;
    sub->loaded_note.kind = KDBI_NOTE_LOADED;
    sub->leave_note.kind = KDBI_NOTE_LEAVE;
    return sub;
}

/* Holds live->lock. A map of counts: 0 is no entry. */
static size_t subs_of(const kdb_live *live, kdb_sv user)
{
    return (size_t)(uintptr_t)kdb_map_lookup(live->users, user);
}

static void count_subs(kdb_live *live, kdb_sv user, size_t count)
{
    if (count == 0) {
        (void)kdb_map_remove(live->users, user);
    } else {
        (void)kdb_map_put(live->users, user, (void *)(uintptr_t)count); /* a number, not an address */
    }
}

static kdb_status admit(kdb_live *live, kdb_live_sub *sub, kdb_err *err)
{
    kdb_mutex_lock(&live->lock);
    const size_t has = subs_of(live, sub->user);
    const bool admitted = live->max_subs_per_user == 0 || has < live->max_subs_per_user;
    if (admitted) {
        count_subs(live, sub->user, has + 1);
        sub->older = live->newest;
        if (live->newest != NULL) {
            live->newest->newer = sub;
        }
        live->newest = sub;
        live->nsubs++;
        live->nsubs_peak = live->nsubs > live->nsubs_peak ? live->nsubs : live->nsubs_peak;
    }
    kdb_mutex_unlock(&live->lock);
    return admitted ? KDB_OK
                    : KDB_FAIL(err, KDB_LIMIT, "A user may have %zu subscriptions at a time", live->max_subs_per_user);
}

static void dismiss(kdb_live *live, kdb_live_sub *sub)
{
    kdb_mutex_lock(&live->lock);
    count_subs(live, sub->user, subs_of(live, sub->user) - 1);
    *(sub->newer == NULL ? &live->newest : &sub->newer->older) = sub->older;
    if (sub->older != NULL) {
        sub->older->newer = sub->newer;
    }
    live->nsubs--;
    kdb_mutex_unlock(&live->lock);
}

kdb_status kdb_live_subscribe(kdb_live *live, kdb_live_client *client, const kdb_live_spec *spec, kdb_live_sub **out,
                              kdb_err *err)
{
    kdb_live_sub *sub = sub_new(live, client, spec);
    const kdb_status status = admit(live, sub, err);
    if (status != KDB_OK) {
        kdb_free(sub);
        return status;
    }
    *out = sub;
    kdbi_load_queue(sub);
    return KDB_OK;
}

static void stop_waiting(kdb_live_sub *sub)
{
    kdb_live_sub **at = &sub->client->waiting;
    while (*at != sub) {
        at = &(*at)->next_waiting;
    }
    *at = sub->next_waiting;
    sub->waits = false;
}

void kdb_live_unsubscribe(kdb_live_sub *sub)
{
    sub->gone = true;
    kdbi_part_leave(sub);
    dismiss(sub->live, sub);
    const bool waited = sub->waits;
    if (waited) {
        stop_waiting(sub);
        kdbi_load_free(sub->load); /* nobody will go on with it */
        sub->load = NULL;
    }
    if (atomic_exchange(&sub->phase, KDBI_SUB_GONE) == KDBI_SUB_REGISTERED) {
        kdbi_inbox_put(&sub->shard->inbox, &kdbi_sub_ref(sub)->leave_note);
    }
    kdbi_sub_unref(sub);
}

kdb_sv kdb_live_sub_id(const kdb_live_sub *sub)
{
    return sub->id;
}

void kdb_live_next_batch(kdb_live_sub *sub)
{
    if (sub->waits) {
        stop_waiting(sub);
        kdbi_load_queue(sub);
    }
}

void kdb_live_drained(kdb_live_client *client)
{
    while (client->waiting != NULL) {
        kdb_live_next_batch(client->waiting);
    }
}

/* ---- looking and ending ---- */

static kdb_sv live_id(const kdb_live_sub *sub, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%.*s-%llu-%.*s", KDB_SV_ARG(sub->user), (unsigned long long)sub->client_id,
                         KDB_SV_ARG(sub->id));
}

static kdb_sv options_json(const kdb_live_sub *sub, kdb_arena *arena)
{
    char start[48] = "";
    if (sub->start == KDB_LIVE_LAST) {
        (void)snprintf(start, sizeof start, "\"last_rows\":%u,", sub->last_rows);
    } else if (sub->start == KDB_LIVE_FROM) {
        (void)snprintf(start, sizeof start, "\"from\":%llu,", (unsigned long long)sub->from);
    }
    return kdb_sv_printf(arena, "{%s\"batch_size\":%u}", start, sub->batch_rows);
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Holds live->lock, so the subscription is there, and its client. */
static kdb_live_row row_of(kdb_live_sub *sub, kdb_arena *arena)
{
    const kdbi_audience *audience = atomic_load(&sub->shown);
    const bool bound = atomic_load(&sub->phase) == KDBI_SUB_REGISTERED;
    kdb_live_row row = { .live_id = live_id(sub, arena),
                         .connection_id = kdb_sv_printf(arena, "%llu", (unsigned long long)sub->client_id),
                         .subscription_id = kdb_sv_dup(arena, sub->id),
                         .ns = bound ? kdb_sv_dup(arena, sub->watch->table->ns) : KDB_SV(""),
                         .table = bound ? kdb_sv_dup(arena, sub->watch->table->name) : KDB_SV(""),
                         .user = kdb_sv_dup(arena, sub->user),
                         .query = kdb_sv_dup(arena, sub->sql),
                         .options_json = options_json(sub, arena),
                         .status = atomic_load(&sub->active) ? KDB_SV("active") : KDB_SV("paused"),
                         .created_us = sub->created_us,
                         .last_update_us = latest(sub->created_us, atomic_load(&sub->updated_us)),
                         .changes = (int64_t)atomic_load(&sub->changes),
                         .last_ping_us = latest(sub->created_us, atomic_load(&sub->client->seen_us)) };
    if (audience != NULL) {
        row.changes += (int64_t)atomic_load(&audience->changes);
        row.last_update_us = latest(row.last_update_us, atomic_load(&audience->updated_us));
    }
    return row;
}

void kdb_live_list(kdb_live *live, kdb_arena *arena, kdb_live_row **out, size_t *count)
{
    kdb_mutex_lock(&live->lock);
    kdb_live_row *rows = KDB_ARENA_ARRAY(arena, kdb_live_row, live->nsubs + 1);
    size_t n = 0;
    for (kdb_live_sub *sub = live->newest; sub != NULL; sub = sub->older) {
        rows[n++] = row_of(sub, arena);
    }
    kdb_mutex_unlock(&live->lock);
    *out = rows;
    *count = n;
}

/* Holds live->lock. */
static bool watches_table(const kdb_live_sub *sub, const kdb_table *table, kdb_user_id user)
{
    return atomic_load(&sub->phase) == KDBI_SUB_REGISTERED && sub->watch->table->id == table->id &&
           (user.text.len == 0 || kdb_sv_eq(sub->user, user.text));
}

uint64_t kdb_live_watching(kdb_live *live, const kdb_table *table, kdb_user_id user)
{
    uint64_t count = 0;
    kdb_mutex_lock(&live->lock);
    for (const kdb_live_sub *sub = live->newest; sub != NULL; sub = sub->older) {
        count += watches_table(sub, table, user);
    }
    kdb_mutex_unlock(&live->lock);
    return count;
}

/* A reference, or NULL. Ids are compared whole: what is in them may hold hyphens. */
static kdb_live_sub *find(kdb_live *live, kdb_sv id)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_mutex_lock(&live->lock);
    kdb_live_sub *sub = live->newest;
    while (sub != NULL && !kdb_sv_eq(live_id(sub, arena), id)) {
        kdb_arena_reset(arena);
        sub = sub->older;
    }
    if (sub != NULL) {
        (void)kdbi_sub_ref(sub);
    }
    kdb_mutex_unlock(&live->lock);
    return sub;
}

kdb_status kdb_live_kill(kdb_live *live, kdb_sv id, const kdb_principal *by, kdb_err *err)
{
    kdb_live_sub *sub = find(live, id);
    if (sub == NULL) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Live query '%.*s' not found", KDB_SV_ARG(id));
    }
    kdb_status status = KDB_OK;
    if (!kdb_role_is_admin(by->role) && !kdb_sv_eq(by->user.text, sub->user)) {
        status = KDB_FAIL(err, KDB_PERMISSION_DENIED,
                          "KILL LIVE QUERY requires DBA or System role, or the owner of the live query");
    } else {
        kdbi_outbox out;
        kdbi_outbox_init(&out, live);
        kdbi_outbox_send(
            &out, sub, kdb_live_error_new(live, sub->id, KDB_SV("KILLED"), KDB_SV("The live query was killed")), true);
        kdbi_outbox_flush(&out, false);
        kdbi_outbox_done(&out);
    }
    kdbi_sub_unref(sub);
    return status;
}

void kdb_live_stats_get(kdb_live *live, kdb_live_stats *out)
{
    kdb_mutex_lock(&live->lock);
    *out = (kdb_live_stats){ .subscriptions = live->nsubs, .subscriptions_peak = live->nsubs_peak };
    kdb_mutex_unlock(&live->lock);
    out->queries = atomic_load(&live->nqueries);
    out->changes = atomic_load(&live->changes);
    out->messages = atomic_load(&live->messages);
    out->deliveries = atomic_load(&live->deliveries);
    out->resyncs = atomic_load(&live->resyncs);
    for (size_t i = 0; i < live->nshards; i++) {
        out->backlog_bytes += atomic_load(&live->shards[i].backlog);
    }
}

/* ---- life ---- */

kdb_live *kdb_live_new(const kdb_options *options)
{
    kdb_live *live = KDB_NEW(kdb_live);
    live->options = options;
    live->max_backlog = (size_t)kdb_opt_i64(options, KDB_OPT_LIVE_BACKLOG);
    live->max_held = (size_t)kdb_opt_i64(options, KDB_OPT_LIVE_HELD);
    live->max_subs_per_user = (size_t)kdb_opt_i64(options, KDB_OPT_RATE_SUBSCRIPTIONS);
    live->max_loading = LOADING_MAX;
    live->users = kdb_map_new();
    kdb_mutex_init(&live->lock, KDB_LOCK_LIVE);
    return live;
}

void kdb_live_run(kdb_live *live, kdb_core *core, kdb_store *store)
{
    live->core = core;
    live->store = store;
}

static size_t count_threads(const kdb_live *live)
{
    const int64_t wanted = kdb_opt_i64(live->options, KDB_OPT_LIVE_THREADS);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return wanted != 0 ? (size_t)wanted : cores < 8 ? 1 : (size_t)cores / 4;
}

void kdb_live_attach(kdb_live *live, const kdb_live_edge *edge)
{
    live->edge = *edge;
    live->loops = kdb_alloc_array(edge->nloops, sizeof(*live->loops));
    for (size_t i = 0; i < edge->nloops; i++) {
        kdb_mutex_init(&live->loops[i].lock, KDB_LOCK_LIVE_LOOP);
        kdb_cond_init(&live->loops[i].less);
    }
    live->shards = kdb_alloc_array(count_threads(live), sizeof(*live->shards));
    live->nshards = count_threads(live);
    for (size_t i = 0; i < live->nshards; i++) {
        kdbi_shard_start(&live->shards[i], live);
    }
}

/* Loads that no worker took any more. */
static void drop_loads(kdb_live *live)
{
    while (live->first_load != NULL) {
        kdb_live_sub *sub = live->first_load;
        live->first_load = sub->next_load;
        kdbi_sub_unref(sub);
    }
}

void kdb_live_stop(kdb_live *live)
{
    atomic_store(&live->stopping, true);
    for (size_t i = 0; i < live->nshards; i++) {
        kdbi_shard_stop(&live->shards[i]);
    }
    live->nshards = 0;
    drop_loads(live);
}

void kdb_live_free(kdb_live *live)
{
    if (live == NULL) {
        return;
    }
    KDB_ASSERT(live->newest == NULL);
    for (size_t i = 0; live->loops != NULL && i < live->edge.nloops; i++) {
        kdb_cond_done(&live->loops[i].less);
        kdb_mutex_done(&live->loops[i].lock);
    }
    kdb_free(live->loops);
    kdb_free(live->shards);
    kdb_map_free(live->users);
    kdb_mutex_done(&live->lock);
    kdb_free(live);
}
